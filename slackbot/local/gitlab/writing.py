"""What the API lets a client write, with the checks, the silence and the surprises of GitLab."""

import re
from typing import TYPE_CHECKING, Any, NoReturn

from slackbot.local.gitlab import quick_actions
from slackbot.local.gitlab.gate import RateLimit, Refused
from slackbot.local.gitlab.model import Change, Issue, IssueLink, Label, Note, Project, User
from slackbot.local.gitlab.updates import Updates

if TYPE_CHECKING:
    from slackbot.local.gitlab.instance import GitLab

LONGEST_TITLE = 255
LONGEST_TEXT = 1_000_000

_HIDDEN_MARKER = re.compile(r"<!--.*?-->", re.DOTALL)
_DECISION = re.compile(r'"decision": "([^"]*)"')
_UPDATABLE = (
    "title",
    "description",
    "assignee_ids",
    "assignee_id",
    "labels",
    "add_labels",
    "remove_labels",
    "confidential",
    "state_event",
)
_CREATABLE = (
    "title",
    "description",
    "assignee_ids",
    "assignee_id",
    "labels",
    "confidential",
    "issue_type",
)
_NO_LINK = "Couldn't link issues. You must have at least the Guest role in both issue's projects."
_DEFAULT_LABEL_COLOR = "#6699cc"


class Writing:
    """Checks and carries out what clients of the API write."""

    def __init__(self, gitlab: "GitLab") -> None:
        self._gitlab = gitlab
        self._updates = Updates(gitlab)
        self._notes = RateLimit(lambda: gitlab.monotonic())
        gitlab.on_reset.append(self._notes.forget)

    def create_label(self, project: Project, user: User, body: dict[str, Any]) -> Label:
        """Make a label; 409 when there is one of that name."""
        _require_planner(project, user)
        if project.archived:
            _forbid()
        for name in ("name", "color"):
            if not body.get(name):
                raise Refused(400, {"error": f"{name} is missing"})
        name = str(body["name"]).strip()
        if project.label(name):
            raise Refused(409, {"message": "Label already exists"})
        if "," in name:
            raise Refused(400, {"message": {"title": ["is invalid"]}})
        description = str(body.get("description") or "")
        return self._gitlab.add_label(project, name, description, str(body["color"]))

    def create_issue(self, project: Project, user: User, body: dict[str, Any]) -> Issue:
        """Open an issue; a guest's labels and assignees are dropped without a word.

        Everybody who sees a public project may open one there, too
        (https://docs.gitlab.com/user/permissions/).
        """
        if body.get("title") is None:
            raise Refused(400, {"error": "title is missing"})
        if not project.may_write():
            _forbid()
        self._watch_creation(project, user, body)
        planner = project.may_plan(user)
        change = Change(
            title=_title(body),
            description=_description(body),
            labels=self._labels(project, body, "labels") if planner else (),
            assignees=self._assignees(project, body) if planner else (),
            confidential=_boolean(body, "confidential"),
        )
        self._watch_text(change.description)
        issue_type = str(body.get("issue_type") or "issue")
        return self._updates.open(project, user, change, issue_type=issue_type)

    def update_issue(self, issue: Issue, user: User, body: dict[str, Any]) -> None:
        """Apply one PUT to an issue."""
        _require_planner(issue.project, user)
        if not issue.project.may_write():
            _forbid()
        if not any(name in body for name in _UPDATABLE):
            missing = (
                f"{', '.join(_UPDATABLE)} are missing, at least one parameter must be provided"
            )
            raise Refused(400, {"error": missing})
        state_event = body.get("state_event")
        if state_event not in (None, "close", "reopen"):
            raise Refused(400, {"error": "state_event does not have a valid value"})
        self._watch_update(body)
        change = Change(
            title=_title(body),
            description=_description(body),
            state_event=state_event,
            labels=self._labels(issue.project, body, "labels") if "labels" in body else None,
            add_labels=tuple(
                label
                for label in self._labels(issue.project, body, "add_labels")
                if not label.archived  # left out without a word
            ),
            remove_labels=_known(issue.project, _names(body, "remove_labels")),
            assignees=self._assignees(issue.project, body),
            confidential=_boolean(body, "confidential"),
        )
        self._watch_text(change.description)
        self._updates.apply(issue, user, change)

    def create_note(
        self, issue: Issue, user: User, body: dict[str, Any], thread: Note | None = None
    ) -> tuple[Note | None, list[quick_actions.QuickAction]]:
        """Post a note, executing its quick actions; one of those alone makes no note.

        A reply is internal if the note at the beginning of its `thread` is.
        """
        if thread is not None and thread.system:
            raise Refused(400, {"message": "400 Bad request - Discussion can not be replied to."})
        self._notes.count(user, self._gitlab.notes_per_minute)
        if not issue.project.may_write():
            _forbid()
        text = body.get("body")
        if text is None:
            raise Refused(400, {"error": "body is missing"})
        internal = _boolean(body, "internal") or _boolean(body, "confidential") or False
        internal = thread.internal if thread else internal
        if internal and not issue.project.may_plan(user):
            _forbid()
        rest, actions = quick_actions.extract(str(text))
        _check_note(rest, commands=bool(actions))
        if actions and not rest and not issue.project.may_plan(user):
            raise Refused(400, {"message": f"Could not apply {actions[0].name} command."})
        note = None
        if rest:
            self._watch_markers(issue, user, rest)
            note = self._updates.comment(
                issue, rest, user, internal=internal, by_api=True, thread=thread
            )
        for action in actions:
            self._watch_action(action)
            self._updates.execute(issue, action, user)
        return note, actions

    def create_link(self, source: Issue, target: Issue, user: User, link_type: object) -> IssueLink:
        """Relate two issues; other types of links are a paid feature.

        GitLab's `app/services/issuable_links/create_service.rb`: it looks for an earlier link, from
        whichever side, before it looks whether this user may make one.
        """
        if link_type not in (None, "relates_to"):
            raise Refused(400, {"error": "link_type does not have a valid value"})
        if any(link.other(source) is target for link in source.links):
            raise Refused(409, {"message": "Issue(s) already assigned"})
        if not all(_may_link(issue.project, user) for issue in (source, target)):
            raise Refused(403, {"message": _NO_LINK})
        if source is target:
            reason = f"#{target.iid} cannot be added: cannot be related to itself"
            raise Refused(422, {"message": reason})
        return self._updates.relate(source, target, user)

    def _labels(self, project: Project, body: dict[str, Any], name: str) -> tuple[Label, ...]:
        """Return the labels of these names; GitLab makes those that it does not know."""
        for label in _names(body, name):
            if project.label(label) is None:
                self._gitlab.add_label(project, label, color=_DEFAULT_LABEL_COLOR)
                project.labels_created_silently.append(label)
                self._violated(f"{name} created the label {label!r} silently")
        return _known(project, _names(body, name))

    def _assignees(self, project: Project, body: dict[str, Any]) -> tuple[User, ...] | None:
        """Who is to be assigned, None for no change.

        Those who may not read the project are dropped without a word, and when nobody is left,
        nothing changes at all (app/services/issuable_base_service.rb, `filter_assignees`).
        """
        if "assignee_ids" not in body and "assignee_id" not in body:
            return None
        asked = body.get("assignee_ids", body.get("assignee_id"))
        ids = asked if isinstance(asked, list) else [asked]
        ids = [str(number) for number in ids if number not in (None, "")]
        if not ids or ids == ["0"]:
            return ()
        if not self._gitlab.premium:
            ids = ids[:1]
        known = {str(user.id): user for user in project.members}
        found = tuple(known[number] for number in ids if number in known)
        return found or None

    def _watch_creation(self, project: Project, user: User, body: dict[str, Any]) -> None:
        for name in body:
            if name not in _CREATABLE:
                self._violated(f"POST of an issue ignores {name} silently")
        own = (issue for issue in project.issues.values() if issue.author is user)
        known = {mark for issue in own for mark in _HIDDEN_MARKER.findall(issue.description or "")}
        for marker in _HIDDEN_MARKER.findall(str(body.get("description") or "")):
            if marker in known:
                self._violated(f"a second issue in {project.path} carries {marker}")

    def _watch_update(self, body: dict[str, Any]) -> None:
        if "labels" in body:
            self._violated("PUT with labels replaces every label")
        for name in body:
            if name not in _UPDATABLE:
                self._violated(f"PUT of an issue ignores {name} silently")

    def _watch_text(self, text: str | None) -> None:
        for action in quick_actions.extract(text or "")[1]:
            self._watch_action(action)

    def _watch_action(self, action: quick_actions.QuickAction) -> None:
        self._violated(f"quick action executed by API: {action}")

    def _watch_markers(self, issue: Issue, user: User, text: str) -> None:
        """Note when the same hidden marker stands in two notes, or twice in one.

        But not of a decision of which another marker has told since: what was withdrawn may come
        again.
        """
        earlier = [note.body for note in issue.notes if note.by_api and note.author is user]
        latest = {_about(each): each for each in _HIDDEN_MARKER.findall("\n".join(earlier))}
        for marker in _HIDDEN_MARKER.findall(text):
            if latest.get(_about(marker)) == marker:
                self._violated(f"a second note on #{issue.iid} carries {marker}")
            latest[_about(marker)] = marker

    def _violated(self, what: str) -> None:
        self._gitlab.violations.append(what)


def _about(marker: str) -> str:
    decision = _DECISION.search(marker)
    return decision[1] if decision else marker


def _require_planner(project: Project, user: User) -> None:
    if not project.may_plan(user):
        _forbid()


def _may_link(project: Project, user: User) -> bool:
    return bool(project.role(user)) and project.may_write()


def _forbid() -> NoReturn:
    raise Refused(403, {"message": "403 Forbidden"})


def _check_note(rest: str, *, commands: bool) -> None:
    if not rest.strip() and not commands:
        refuse_note("can't be blank")
    if len(rest) > LONGEST_TEXT:
        refuse_note(f"is too long (maximum is {LONGEST_TEXT} characters)")


def refuse_note(reason: str) -> None:
    """Answer a bad note in the words of Ruby, as GitLab does."""
    raise Refused(400, {"message": f'400 Bad request - Note {{:note=>["{reason}"]}}'})


def _names(body: dict[str, Any], name: str) -> list[str]:
    """Return the names in a list or a comma-separated text."""
    value = body.get(name)
    if value is None:
        return []
    parts = value if isinstance(value, list) else [value]
    names = [label.strip() for part in parts for label in str(part).split(",")]
    return [label for label in names if label]


def _known(project: Project, names: list[str]) -> tuple[Label, ...]:
    labels = (project.label(name) for name in names)
    return tuple(label for label in labels if label is not None)


def _title(body: dict[str, Any]) -> str | None:
    title = body.get("title")
    if title is None:
        return None
    if not str(title).strip():
        raise Refused(400, {"message": {"title": ["can't be blank"]}})
    if len(str(title)) > LONGEST_TITLE:
        reason = f"is too long (maximum is {LONGEST_TITLE} characters)"
        raise Refused(400, {"message": {"title": [reason]}})
    return str(title)


def _description(body: dict[str, Any]) -> str | None:
    description = body.get("description")
    if description is None:
        return None
    if len(str(description)) > LONGEST_TEXT:
        reason = f"is too long (maximum is {LONGEST_TEXT} characters)"
        raise Refused(400, {"message": {"description": [reason]}})
    return str(description)


def _boolean(body: dict[str, Any], name: str) -> bool | None:
    value = body.get(name)
    return None if value is None else str(value).lower() in ("true", "1")
