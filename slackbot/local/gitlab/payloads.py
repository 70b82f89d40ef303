"""What a webhook's body says, shaped as GitLab 17 to 19 shape it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from slackbot.local.gitlab.model import STATE_IDS, Issue, Label, Note, Project, User
from slackbot.local.json_type import Json

HookTimes = Literal["utc", "offset", "iso"]

_STATUS_NAMES = {"opened": ("To do", "to_do"), "closed": ("Done", "done")}


def hook_time(moment: datetime | None, style: HookTimes) -> str | None:
    """Return a moment to the second, in one of the three notations that GitLab's hooks use."""
    if moment is None:
        return None
    if style == "offset":
        local = moment.astimezone(timezone(timedelta(hours=1)))
        return local.strftime("%Y-%m-%d %H:%M:%S +0100")
    utc = moment.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%SZ" if style == "iso" else "%Y-%m-%d %H:%M:%S UTC")


class Payloads:
    """Builds the bodies for one instance's base URL and notation of time."""

    def __init__(self, url: str, times: HookTimes) -> None:
        self._url = url
        self._times = times

    def issue_event(self, issue: Issue, by: User, action: str, changes: Json) -> Json:
        """Build the body of an Issue Hook; work items other than issues say `work_item`."""
        kind = "issue" if issue.issue_type == "issue" else "work_item"
        payload: Json = {
            "object_kind": kind,
            "event_type": f"confidential_{kind}" if issue.confidential else kind,
            "user": self._user(by),
            "project": self._project(issue.project),
            "object_attributes": self.issue(issue) | {"action": action},
            "labels": [self._label(issue.project, label) for label in issue.label_objects],
            "changes": changes,
            "repository": self._repository(issue.project),
        }
        if issue.assignees:  # absent when nobody is assigned
            payload["assignees"] = [self._user(user) for user in issue.assignees]
        return payload

    def note_event(self, issue: Issue, note: Note) -> Json:
        """Build the body of a Note Hook."""
        hidden = note.internal or issue.confidential
        return {
            "object_kind": "note",
            "event_type": "confidential_note" if hidden else "note",
            "user": self._user(note.author),
            "project_id": issue.project.id,
            "project": self._project(issue.project),
            "object_attributes": self._note(issue, note),
            "repository": self._repository(issue.project),
            "issue": self.issue(issue),
        }

    def snapshot(self, issue: Issue) -> Json:
        """Return the parts of an issue whose changes a hook tells of."""
        attributes = self.issue(issue)
        names = (
            "closed_at",
            "confidential",
            "description",
            "labels",
            "last_edited_at",
            "last_edited_by_id",
            "state_id",
            "title",
            "updated_at",
            "updated_by_id",
        )
        assignees = [self._user(user) for user in issue.assignees]
        return {name: attributes[name] for name in names} | {"assignees": assignees}

    def issue(self, issue: Issue) -> Json:
        """Build the attributes of an issue."""
        assignee_ids = [user.id for user in issue.assignees]
        status, category = _STATUS_NAMES[issue.state]
        return {
            "author_id": issue.author.id,
            "closed_at": hook_time(issue.closed_at, self._times),
            "confidential": issue.confidential,
            "created_at": hook_time(issue.created_at, self._times),
            "description": issue.description,
            "discussion_locked": None,
            "due_date": None,
            "id": issue.id,
            "iid": issue.iid,
            "last_edited_at": hook_time(issue.edited_at, self._times),
            "last_edited_by_id": issue.edited_by.id if issue.edited_by else None,
            "milestone_id": None,
            "moved_to_id": issue.moved_to.id if issue.moved_to else None,
            "duplicated_to_id": None,
            "project_id": issue.project.id,
            "relative_position": None,
            "state_id": STATE_IDS[issue.state],
            "time_estimate": 0,
            "title": issue.title,
            "updated_at": hook_time(issue.updated_at, self._times),
            "updated_by_id": issue.updated_by.id if issue.updated_by else None,
            "weight": None,
            "health_status": None,
            "type": issue.issue_type.replace("_", " ").title(),
            "url": f"{self._url}/{issue.project.path}/-/{issue.url_part}/{issue.iid}",
            "total_time_spent": 0,
            "time_change": 0,
            "human_total_time_spent": None,
            "human_time_change": None,
            "human_time_estimate": None,
            "assignee_ids": assignee_ids,
            "assignee_id": assignee_ids[0] if assignee_ids else None,
            "labels": [self._label(issue.project, label) for label in issue.label_objects],
            "state": issue.state,
            "severity": "unknown",
            "customer_relations_contacts": [],
            "status": {
                "id": f"gid://gitlab/WorkItems::Statuses::SystemDefined::Status/{category}",
                "name": status,
                "category": category,
                "description": None,
                "color": "#737278",
            },
        }

    def _note(self, issue: Issue, note: Note) -> Json:
        return {
            "author_id": note.author.id,
            "change_position": None,
            "commit_id": None,
            "created_at": hook_time(note.created_at, self._times),
            "discussion_id": note.discussion_id,
            "id": note.id,
            "internal": note.internal,
            "line_code": None,
            "note": note.body,
            "noteable_id": issue.id,
            "noteable_type": "Issue",
            "original_position": None,
            "position": None,
            "project_id": issue.project.id,
            "resolved_at": None,
            "resolved_by_id": None,
            "resolved_by_push": None,
            "st_diff": None,
            "system": False,
            "type": "DiscussionNote" if note.thread else None,
            "updated_at": hook_time(note.updated_at, self._times),
            "updated_by_id": None,
            "description": note.body,
            "url": f"{self.issue(issue)['url']}#note_{note.id}",
            "action": "create",
        }

    def _user(self, user: User) -> Json:
        return {
            "id": user.id,
            "name": user.name,
            "username": user.username,
            "avatar_url": None,
            "email": user.public_email or "[REDACTED]",
        }

    def _label(self, project: Project, label: Label) -> Json:
        return {
            "id": label.id,
            "title": label.name,
            "color": label.color,
            "project_id": project.id,
            "created_at": hook_time(label.created_at, self._times),
            "updated_at": hook_time(label.updated_at, self._times),
            "template": False,
            "description": label.description or None,
            "type": "ProjectLabel",
            "group_id": None,
        }

    def _project(self, project: Project) -> Json:
        web_url = f"{self._url}/{project.path}"
        namespace, _, name = project.path.rpartition("/")
        return {
            "id": project.id,
            "name": name,
            "description": "",
            "web_url": web_url,
            "avatar_url": None,
            "git_ssh_url": f"git@localhost:{project.path}.git",
            "git_http_url": f"{web_url}.git",
            "namespace": namespace,
            "visibility_level": 0,
            "path_with_namespace": project.path,
            "default_branch": "main",
            "ci_config_path": "",
            "homepage": web_url,
            "url": f"git@localhost:{project.path}.git",
            "ssh_url": f"git@localhost:{project.path}.git",
            "http_url": f"{web_url}.git",
        }

    def _repository(self, project: Project) -> Json:
        return {
            "name": project.path.rpartition("/")[2],
            "url": f"git@localhost:{project.path}.git",
            "description": "",
            "homepage": f"{self._url}/{project.path}",
        }


def changes_between(before: Json, after: Json) -> Json:
    """Return what differs, as a hook's `changes` say it."""
    return {
        name: {"previous": before[name], "current": after[name]}
        for name in after
        if before[name] != after[name]
    }
