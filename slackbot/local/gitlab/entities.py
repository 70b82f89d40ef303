"""What the REST API v4 says of things, shaped as its entities are."""

from datetime import UTC, datetime

from slackbot.local.gitlab.model import (
    MAINTAINER,
    Group,
    Issue,
    IssueLink,
    Label,
    LabelEvent,
    Note,
    Project,
    StateEvent,
    Token,
    User,
)
from slackbot.local.json_type import Json


def timestamp(moment: datetime | None) -> str | None:
    """Return a moment in UTC with milliseconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Entities:
    """Builds entities for one instance's base URL."""

    def __init__(self, url: str) -> None:
        self._url = url

    def user(self, user: User) -> Json:
        """Build a user as others see it inside of other things."""
        return {
            "id": user.id,
            "username": user.username,
            "public_email": user.public_email or "",
            "name": user.name,
            "state": "active",
            "locked": False,
            "avatar_url": None,
            "web_url": f"{self._url}/{user.username}",
        }

    def user_page(self, user: User) -> Json:
        """Build a user asked for by id."""
        return self.user(user) | {
            "created_at": timestamp(user.created_at),
            "bio": "",
            "location": "",
            "bot": user.bot,
            "job_title": "",
            "followers": 0,
            "following": 0,
        }

    def current_user(self, user: User) -> Json:
        """Build a user's own account."""
        return self.user_page(user) | {
            "email": user.email or f"{user.username}@users.noreply.gitlab.invalid",
            "confirmed_at": timestamp(user.created_at),
            "two_factor_enabled": False,
            "external": False,
            "private_profile": False,
            "can_create_group": False,
            "can_create_project": False,
        }

    def member(self, project: Project, user: User) -> Json:
        """Build a user as a member of a project."""
        member = self.user(user) | {
            "access_level": project.role(user),
            "created_at": timestamp(project.created_at),
            "expires_at": None,
            "membership_state": "active",
        }
        return member | {"email": user.email} if project.shows_emails else member

    def token(self, token: Token, *, active: bool) -> Json:
        """Build an access token without its secret."""
        permissions = list(token.permissions)
        granular = [{"access": "selected_memberships", "permissions": permissions}]
        return {
            "id": token.id,
            "name": "token",
            "description": None,
            "revoked": token.revoked,
            "created_at": timestamp(token.created_at),
            "scopes": list(token.scopes),
            "user_id": token.user.id,
            "last_used_at": None,
            "active": active,
            "expires_at": token.expires_at.isoformat() if token.expires_at else None,
            **({"granular_scopes": granular} if permissions else {}),
        }

    def group(self, group: Group) -> Json:
        """Build a group asked for by id or path, without its projects."""
        return {
            "id": group.id,
            "web_url": f"{self._url}/groups/{group.path}",
            "name": group.name,
            "path": group.path.rpartition("/")[2],
            "description": "",
            "visibility": "public" if group.public else "private",
            "mentions_disabled": None,
            "full_name": group.path.replace("/", " / "),
            "full_path": group.path,
            "created_at": timestamp(group.created_at),
            "archived": False,
        }

    def project(self, project: Project, user: User) -> Json:
        """Build a project as its readers see it."""
        namespace, _, name = project.path.rpartition("/")
        role = project.role(user)
        return {
            "id": project.id,
            "description": None,
            "name": name,
            "name_with_namespace": project.path.replace("/", " / "),
            "path": name,
            "path_with_namespace": project.path,
            "created_at": timestamp(project.created_at),
            "default_branch": "main",
            "visibility": "public" if project.public else "private",
            "archived": project.archived,
            "issues_enabled": project.issues_enabled,
            "issues_access_level": "enabled" if project.issues_enabled else "disabled",
            "open_issues_count": sum(i.state == "opened" for i in project.issues.values()),
            "web_url": f"{self._url}/{project.path}",
            "namespace": {"name": namespace, "path": namespace, "full_path": namespace},
            "permissions": {
                "project_access": {
                    "access_level": min(role, MAINTAINER),
                    "notification_level": 3,
                }
                if role
                else None,
                "group_access": None,
            },
        }

    def label(self, label: Label) -> Json:
        """Build a label of a project."""
        return {
            "id": label.id,
            "name": label.name,
            "description": label.description or None,
            "description_html": label.description,
            "text_color": "#FFFFFF",
            "color": label.color,
            "archived": label.archived,
            "subscribed": False,
            "priority": None,
            "is_project_label": True,
        }

    def issue(self, issue: Issue) -> Json:
        """Build an issue."""
        assignees = [self.user(user) for user in issue.assignees]
        return {
            "id": issue.id,
            "iid": issue.iid,
            "project_id": issue.project.id,
            "title": issue.title,
            "description": issue.description,
            "state": issue.state,
            "created_at": timestamp(issue.created_at),
            "updated_at": timestamp(issue.updated_at),
            "closed_at": timestamp(issue.closed_at),
            "closed_by": self.user(issue.closed_by) if issue.closed_by else None,
            "labels": issue.labels,
            "milestone": None,
            "assignees": assignees,
            "author": self.user(issue.author),
            "type": issue.issue_type.upper(),
            "assignee": assignees[0] if assignees else None,
            "user_notes_count": len(issue.comments),
            "merge_requests_count": 0,
            "upvotes": 0,
            "downvotes": 0,
            "start_date": None,
            "due_date": None,
            "confidential": issue.confidential,
            "discussion_locked": None,
            "issue_type": issue.issue_type,
            "web_url": f"{self._url}/{issue.project.path}/-/{issue.url_part}/{issue.iid}",
            "time_stats": {
                "time_estimate": 0,
                "total_time_spent": 0,
                "human_time_estimate": None,
                "human_total_time_spent": None,
            },
            "task_completion_status": {"count": 0, "completed_count": 0},
            "has_tasks": False,
            "references": {
                "short": f"#{issue.iid}",
                "relative": f"#{issue.iid}",
                "full": f"{issue.project.path}#{issue.iid}",
            },
            "severity": "UNKNOWN",
            "subscribed": False,
            "moved_to_id": issue.moved_to.id if issue.moved_to else None,
            "imported": False,
            "imported_from": "none",
            "service_desk_reply_to": None,
        }

    def link(self, link: IssueLink) -> Json:
        """Build a relation just made."""
        return {
            "id": link.id,
            "source_issue": self.issue(link.source),
            "target_issue": self.issue(link.target),
            "link_type": "relates_to",
        }

    def related_issue(self, issue: Issue, link: IssueLink) -> Json:
        """Build what an issue is related to."""
        return self.issue(link.other(issue)) | {
            "issue_link_id": link.id,
            "link_type": "relates_to",
            "link_created_at": timestamp(link.created_at),
            "link_updated_at": timestamp(link.created_at),
        }

    def note(self, issue: Issue, note: Note) -> Json:
        """Build a note on an issue."""
        return {
            "id": note.id,
            "type": "DiscussionNote" if note.thread else None,
            "body": note.body,
            "author": self.user(note.author),
            "created_at": timestamp(note.created_at),
            "updated_at": timestamp(note.updated_at),
            "system": note.system,
            "noteable_id": issue.id,
            "noteable_type": "Issue",
            "project_id": issue.project.id,
            "resolvable": False,
            "confidential": note.internal,
            "internal": note.internal,
            "imported": False,
            "imported_from": "none",
            "noteable_iid": issue.iid,
            "commands_changes": {},
        }

    def discussion(self, issue: Issue, notes: list[Note]) -> Json:
        """Build a note with its replies."""
        return {
            "id": notes[0].discussion_id,
            "individual_note": notes[0].thread is None,
            "resolvable": False,
            "notes": [self.note(issue, note) for note in notes],
        }

    def label_event(self, issue: Issue, event: LabelEvent) -> Json:
        """Build a label's coming or going."""
        label = event.label and {
            "id": event.label.id,
            "name": event.label.name,
            "color": event.label.color,
            "description": event.label.description or None,
        }
        return self._event(issue, event) | {"label": label, "action": event.action}

    def state_event(self, issue: Issue, event: StateEvent) -> Json:
        """Build a closing or reopening."""
        return self._event(issue, event) | {
            "source_commit": None,
            "source_merge_request_id": None,
            "state": event.state,
        }

    def _event(self, issue: Issue, event: LabelEvent | StateEvent) -> Json:
        return {
            "id": event.id,
            "user": self.user(event.user),
            "created_at": timestamp(event.created_at),
            "resource_type": "Issue",
            "resource_id": issue.id,
        }
