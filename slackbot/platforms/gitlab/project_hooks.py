"""The feedback project's webhooks: https://docs.gitlab.com/api/project_webhooks/."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import gitlab

from slackbot.platforms.gitlab.api import GitLabApi

EVENTS = (
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
)
"""What a card needs to hear of."""
TEST = "issues_events"
"""GitLab tells of the newest issue then."""
ENABLED = "executable"
FOR_GOOD = "disabled"


@dataclass(frozen=True, kw_only=True)
class ProjectHook:
    id: int
    url: str
    events: frozenset[str]
    """Those of ``EVENTS``."""
    verifies_ssl: bool
    status: str = ENABLED
    """After failures in a row GitLab disables a hook for a time, and in the end for good."""
    disabled_until: datetime | None = None
    has_secret: bool | None = None
    has_signing_token: bool | None = None
    """``None``: a GitLab before 19.1 tells neither."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    at: datetime | None
    status: str
    """An HTTP status, or GitLab's words if nothing was answered."""

    @property
    def is_success(self) -> bool:
        return self.status.startswith("2")


class GitLabHooks:
    """For Maintainers; raises only ``PlatformError``s."""

    def __init__(self, api: GitLabApi, project: str) -> None:
        self._api, self.project = api, project

    async def list(self) -> list[ProjectHook]:
        def read(client: gitlab.Gitlab) -> list[ProjectHook]:
            hooks = client.projects.get(self.project, lazy=True).hooks
            return [_parse(each.attributes) for each in hooks.list(iterator=True)]

        return await self._api.ask(read)

    async def create(self, wanted: Mapping[str, Any]) -> ProjectHook:
        def send(client: gitlab.Gitlab) -> ProjectHook:
            hooks = client.projects.get(self.project, lazy=True).hooks
            return _parse(hooks.create(dict(wanted)).attributes)

        return await self._api.change(send)

    async def edit(self, hook: ProjectHook, wanted: Mapping[str, Any]) -> ProjectHook:
        """Leave the rest as it is."""

        def send(client: gitlab.Gitlab) -> ProjectHook:
            hooks = client.projects.get(self.project, lazy=True).hooks
            return _parse(hooks.update(hook.id, dict(wanted)))

        return await self._api.change(send)

    async def test(self, hook: ProjectHook) -> None:
        """Let GitLab send an event now; a success enables the hook again.

        Raises:
            Rejected: With 422: it was not answered with 2xx. With 404: before GitLab 16.11.
            Throttled: At most five a minute.
        """

        def send(client: gitlab.Gitlab) -> None:
            client.projects.get(self.project, lazy=True).hooks.get(hook.id, lazy=True).test(TEST)

        await self._api.ask(send)

    async def last_sent(self, hook: ProjectHook) -> Sent | None:
        """Return the newest of about a week.

        Raises:
            Missing: Before GitLab 17.3.
        """

        def read(client: gitlab.Gitlab) -> Sent | None:
            project = client.projects.get(self.project, lazy=True)
            path = f"/projects/{project.encoded_id}/hooks/{hook.id}/events"
            found = client.http_list(path, get_all=False, per_page=1)
            return next(map(_parse_sent, found), None)

        return await self._api.ask(read)


def _parse(data: Mapping[str, Any]) -> ProjectHook:
    until = data.get("disabled_until")
    return ProjectHook(
        id=data["id"],
        url=str(data["url"]),
        events=frozenset(each for each in EVENTS if data.get(each)),
        verifies_ssl=data.get("enable_ssl_verification", True) is not False,
        status=data.get("alert_status") or ENABLED,
        disabled_until=datetime.fromisoformat(until).astimezone(UTC) if until else None,
        has_secret=data.get("token_present"),
        has_signing_token=data.get("signing_token_present"),
    )


def _parse_sent(data: Mapping[str, Any]) -> Sent:
    """Take the moment from the answer's headers where an earlier GitLab tells no other."""
    status, written = str(data.get("response_status") or ""), data.get("created_at")
    if written:
        return Sent(at=datetime.fromisoformat(written).astimezone(UTC), status=status)
    date = (data.get("response_headers") or {}).get("Date")
    try:
        return Sent(at=parsedate_to_datetime(date).astimezone(UTC) if date else None, status=status)
    except ValueError:
        return Sent(at=None, status=status)
