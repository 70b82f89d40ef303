"""The REST API v4, as far as python-gitlab needs it to work on issues."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aiohttp import web

from slackbot.local.gitlab import listing
from slackbot.local.gitlab.entities import Entities
from slackbot.local.gitlab.gate import BODY, TOKEN, Gate, Refused
from slackbot.local.gitlab.model import Issue, Note, Project, User
from slackbot.local.gitlab.project_hooks import ProjectHooks
from slackbot.local.gitlab.writing import Writing

if TYPE_CHECKING:
    from slackbot.local.gitlab.instance import GitLab

VERSION = "19.4.1-ee"


class Api:
    """The routes of one instance."""

    def __init__(self, gitlab: "GitLab") -> None:
        self._gitlab = gitlab
        self._gate = Gate(gitlab)
        self._writing = Writing(gitlab)
        self._hooks = ProjectHooks(gitlab, self._visible_project)

    def app(self) -> web.Application:
        """Return an application to mount at `/api/v4`."""
        gate = self._gate

        @web.middleware
        async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
            return await gate(request, handler)

        app = web.Application(middlewares=[guard], client_max_size=8 * 1024**2)
        project, issue = "/projects/{project}", r"/projects/{project}/issues/{iid:\d+}"
        app.add_routes(
            [
                web.get("/version", self._version),
                web.get("/user", self._current_user),
                web.get("/users", self._users),
                web.get(r"/users/{id:\d+}", self._user),
                web.get("/personal_access_tokens/self", self._own_token),
                web.get("/groups/{group}", self._group),
                web.get(project, self._project),
                web.get(project + "/templates/issues/{name}", self._issue_template),
                web.get(f"{project}/labels", self._labels),
                web.post(f"{project}/labels", self._create_label),
                web.get(f"{project}/members/all", self._members),
                web.get(project + r"/members/all/{id:\d+}", self._member),
                web.get(f"{project}/issues", self._issues),
                web.post(f"{project}/issues", self._create_issue),
                web.get(issue, self._issue),
                web.put(issue, self._update_issue),
                web.get(f"{issue}/notes", self._notes),
                web.post(f"{issue}/notes", self._create_note),
                web.get(issue + r"/notes/{note:\d+}", self._note),
                web.get(f"{issue}/discussions", self._discussions),
                web.post(issue + "/discussions/{discussion}/notes", self._create_reply),
                web.get(f"{issue}/links", self._links),
                web.post(f"{issue}/links", self._create_link),
                web.get(f"{issue}/resource_label_events", self._label_events),
                web.get(issue + r"/resource_label_events/{id:\d+}", self._label_event),
                web.get(f"{issue}/resource_state_events", self._state_events),
                web.get(issue + r"/resource_state_events/{id:\d+}", self._state_event),
                *self._hooks.routes(project),
            ]
        )
        return app

    @property
    def _entities(self) -> Entities:
        return Entities(self._gitlab.web_url)

    # The instance and its users

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": VERSION, "revision": "0123456789a"})

    async def _current_user(self, request: web.Request) -> web.Response:
        return web.json_response(self._entities.current_user(request[TOKEN].user))

    async def _users(self, request: web.Request) -> web.Response:
        found = self._gitlab.users
        if username := request.query.get("username"):
            found = [user for user in found if user.username.lower() == username.lower()]
        if words := request.query.get("search"):
            found = [user for user in found if _is_found(user, words.lower())]
        newest_first = sorted(found, key=lambda user: user.id, reverse=True)
        return listing.page_of(request, newest_first, self._entities.user)

    async def _user(self, request: web.Request) -> web.Response:
        user = _by_id(self._gitlab.users, request, "id", "404 User Not Found")
        return web.json_response(self._entities.user_page(user))

    async def _own_token(self, request: web.Request) -> web.Response:
        token = request[TOKEN]
        entity = self._entities.token(token, active=self._gate.is_active(token))
        return web.json_response(entity)

    async def _group(self, request: web.Request) -> web.Response:
        """https://docs.gitlab.com/api/groups/."""
        name, user = request.match_info["group"], request[TOKEN].user
        for group in self._gitlab.groups:
            if _is_called(name, group.id, group.path) and self._gitlab.is_shown_to(group, user):
                if request.query.get("with_projects") != "false":
                    self._gitlab.violations.append("a group with its projects has a small rate")
                return web.json_response(self._entities.group(group))
        raise Refused(404, {"message": "404 Group Not Found"})

    # A project, its labels and members

    async def _project(self, request: web.Request) -> web.Response:
        project = self._visible_project(request)
        return web.json_response(self._entities.project(project, request[TOKEN].user))

    async def _issue_template(self, request: web.Request) -> web.Response:
        """https://docs.gitlab.com/api/project_templates/."""
        project, name = self._visible_project(request), request.match_info["name"]
        if name not in project.issue_templates:
            raise Refused(404, {"message": "404 Template Not Found"})
        return web.json_response({"name": name, "content": project.issue_templates[name]})

    async def _labels(self, request: web.Request) -> web.Response:
        project = self._visible_project(request)
        words = request.query.get("search", "").lower()
        found = [
            label
            for label in sorted(project.labels, key=lambda label: label.name)
            if words in f"{label.name}\n{label.description}".lower()
        ]
        return listing.page_of(request, found, self._entities.label)

    async def _create_label(self, request: web.Request) -> web.Response:
        project = self._visible_project(request)
        label = self._writing.create_label(project, request[TOKEN].user, request[BODY])
        return web.json_response(self._entities.label(label), status=201)

    async def _members(self, request: web.Request) -> web.Response:
        project = self._visible_project(request)
        return listing.page_of(
            request, list(project.members), lambda user: self._entities.member(project, user)
        )

    async def _member(self, request: web.Request) -> web.Response:
        project = self._visible_project(request)
        user = _by_id(list(project.members), request, "id", "404 Not found")
        return web.json_response(self._entities.member(project, user))

    # Issues

    async def _issues(self, request: web.Request) -> web.Response:
        project = self._visible_project(request)
        self._watch_query(request)
        issues = listing.find_issues(request, project, request[TOKEN].user)
        details = request.query.get("with_labels_details") == "true"

        def entity(issue: Issue) -> dict[str, Any]:
            shown = self._entities.issue(issue)
            if details:
                shown["labels"] = [self._entities.label(label) for label in issue.label_objects]
            return shown

        return listing.issue_page(request, issues, entity)

    async def _create_issue(self, request: web.Request) -> web.Response:
        project = self._visible_project(request)
        issue = self._writing.create_issue(project, request[TOKEN].user, request[BODY])
        return web.json_response(self._entities.issue(issue), status=201)

    async def _issue(self, request: web.Request) -> web.Response:
        return web.json_response(self._entities.issue(self._visible_issue(request)))

    async def _update_issue(self, request: web.Request) -> web.Response:
        issue = self._visible_issue(request)
        self._writing.update_issue(issue, request[TOKEN].user, request[BODY])
        return web.json_response(self._entities.issue(issue))

    # Relations

    async def _links(self, request: web.Request) -> web.Response:
        """All at once, without pages: https://docs.gitlab.com/api/issue_links/."""
        issue, user = self._visible_issue(request), request[TOKEN].user
        shown = [
            self._entities.related_issue(issue, link)
            for link in issue.links
            if link.other(issue).project.may_read(user, link.other(issue))
        ]
        return web.json_response(shown)

    async def _create_link(self, request: web.Request) -> web.Response:
        body = request[BODY]
        missing = [each for each in ("target_project_id", "target_issue_iid") if each not in body]
        if missing:
            reason = ", ".join(f"{each} is missing" for each in missing)
            raise Refused(400, {"error": reason})
        issue = self._visible_issue(request)
        project = self._shown_project(request, str(body["target_project_id"]))
        target = self._shown_issue(request, project, str(body["target_issue_iid"]))
        kind = body.get("link_type")
        link = self._writing.create_link(issue, target, request[TOKEN].user, kind)
        return web.json_response(self._entities.link(link), status=201)

    # Notes and events

    async def _notes(self, request: web.Request) -> web.Response:
        issue = self._visible_issue(request)
        notes = listing.visible_notes(issue, request[TOKEN].user)
        kind = listing.one_of(
            request, "activity_filter", ("all_notes", "only_comments", "only_activity")
        )
        if kind != "all_notes":
            notes = [note for note in notes if note.system == (kind == "only_activity")]
        notes = listing.in_order(request, notes, ("created_at", "updated_at"))
        return listing.page_of(request, notes, lambda note: self._entities.note(issue, note))

    async def _note(self, request: web.Request) -> web.Response:
        issue = self._visible_issue(request)
        notes = listing.visible_notes(issue, request[TOKEN].user)
        note = _by_id(notes, request, "note", "404 Note Not Found")
        return web.json_response(self._entities.note(issue, note))

    async def _discussions(self, request: web.Request) -> web.Response:
        """https://docs.gitlab.com/api/discussions/."""
        issue = self._visible_issue(request)
        return listing.page_of(
            request,
            listing.visible_discussions(issue, request[TOKEN].user),
            lambda notes: self._entities.discussion(issue, notes),
        )

    async def _create_note(self, request: web.Request) -> web.Response:
        return self._add_note(request, None)

    async def _create_reply(self, request: web.Request) -> web.Response:
        issue, wanted = self._visible_issue(request), request.match_info["discussion"]
        for notes in listing.visible_discussions(issue, request[TOKEN].user):
            if notes[0].discussion_id == wanted:
                return self._add_note(request, notes[0])
        raise Refused(404, {"message": "404 Discussion Not Found"})

    def _add_note(self, request: web.Request, thread: Note | None) -> web.Response:
        issue, user, body = self._visible_issue(request), request[TOKEN].user, request[BODY]
        note, commands = self._writing.create_note(issue, user, body, thread)
        if note is not None:
            return web.json_response(self._entities.note(issue, note), status=201)
        summary = [f"Applied {command}" for command in commands]
        return web.json_response({"commands_changes": {}, "summary": summary}, status=202)

    async def _label_events(self, request: web.Request) -> web.Response:
        issue = self._visible_issue(request)
        return listing.page_of(
            request, issue.label_events, lambda event: self._entities.label_event(issue, event)
        )

    async def _label_event(self, request: web.Request) -> web.Response:
        issue = self._visible_issue(request)
        event = _by_id(issue.label_events, request, "id", "404 ResourceLabelEvent Not Found")
        return web.json_response(self._entities.label_event(issue, event))

    async def _state_events(self, request: web.Request) -> web.Response:
        issue = self._visible_issue(request)
        return listing.page_of(
            request, issue.state_events, lambda event: self._entities.state_event(issue, event)
        )

    async def _state_event(self, request: web.Request) -> web.Response:
        issue = self._visible_issue(request)
        event = _by_id(issue.state_events, request, "id", "404 ResourceStateEvent Not Found")
        return web.json_response(self._entities.state_event(issue, event))

    # What a request is about

    def _visible_project(self, request: web.Request) -> Project:
        return self._shown_project(request, request.match_info["project"])

    def _shown_project(self, request: web.Request, name: str) -> Project:
        """Return the project by number or path; a private one is hidden from strangers."""
        for project in self._gitlab.projects:
            if not project.is_shown_to(request[TOKEN].user):
                continue
            if _is_called(name, project.id, project.path):
                return project
            if name in project.former_paths:
                raise _moved(request, project)
        raise Refused(404, {"message": "404 Project Not Found"})

    def _visible_issue(self, request: web.Request) -> Issue:
        return self._shown_issue(request, self._visible_project(request), request.match_info["iid"])

    def _shown_issue(self, request: web.Request, project: Project, iid: str) -> Issue:
        issue = project.issues.get(int(iid)) if iid.isdecimal() else None
        if issue is None or not project.may_read(request[TOKEN].user, issue):
            raise Refused(404, {"message": "404 Issue Not Found"})
        return issue

    def _watch_query(self, request: web.Request) -> None:
        if "search" in request.query:
            self._gitlab.violations.append("search= on issues has a tiny rate limit")
        for name in request.query:
            if name not in listing.ISSUE_PARAMETERS:
                self._gitlab.violations.append(f"the list of issues ignores {name}= silently")


def _is_found(user: User, words: str) -> bool:
    """Whether a search finds a user: by a piece of the name, or by the whole public e-mail."""
    if "@" in words:
        return (user.public_email or "").lower() == words
    return words in user.username.lower() or words in user.name.lower()


def _is_called(name: str, number: int, path: str) -> bool:
    """Whether a thing is meant by its number or its path, whose case does not matter."""
    return name == str(number) or name.casefold() == path.casefold()


def _moved(request: web.Request, project: Project) -> Refused:
    """Send a reader on to the number of a renamed project (lib/api/helpers.rb, `find_project!`)."""
    if request.method not in ("GET", "HEAD"):
        return Refused(405, {"message": "Non GET methods are not allowed for moved projects"})
    path = re.sub(r"/projects/[^/]+", f"/projects/{project.id}", request.rel_url.raw_path)
    query = request.rel_url.raw_query_string
    return Refused(302, {}, {"Location": f"{path}?{query}" if query else path})


def _by_id(items: Sequence[Any], request: web.Request, name: str, missing: str) -> Any:
    number = int(request.match_info[name])
    for item in items:
        if item.id == number:
            return item
    raise Refused(404, {"message": missing})
