"""Checks the set-up; changes nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from slack_sdk.web.async_client import AsyncWebClient

from slackbot.app import Clients
from slackbot.platforms.errors import Denied, Missing, PlatformError, Rejected
from slackbot.platforms.gitlab import Project
from slackbot.platforms.slack import (
    MESSAGES_SCOPES,
    REQUIRED_SCOPES,
    UNFURL_SCOPES,
    SlackClient,
)
from slackbot.platforms.slack_api import TIMEOUT_SECONDS
from slackbot.rules.request import IssueKey
from slackbot.rules.rota import NoAnswer
from slackbot.settings import Settings

MANAGERS = "SSAT_MANAGERS"
REPORTER = 20
"""May change labels, assignees and state."""


_OPTIONAL_SCOPES = {
    MESSAGES_SCOPES: "nobody gets a direct message: no hand-over, no word of a link to GitLab",
    UNFURL_SCOPES: "a pasted link to a feedback does not show its state",
}
"""Asked for by a later release; apps of earlier ones work without."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    about: str
    problem: str | None = None
    is_fatal: bool = False

    def __str__(self) -> str:
        if self.problem is None:
            return f"ok       {self.about}"
        return f"{'PROBLEM' if self.is_fatal else 'warning'}  {self.about}: {self.problem}"


def _fatal(about: str, problem: object) -> Finding:
    return Finding(about=about, problem=str(problem), is_fatal=True)


def _warning(about: str, problem: object) -> Finding:
    return Finding(about=about, problem=str(problem))


async def examine(settings: Settings, clients: Clients) -> AsyncIterator[Finding]:
    async for finding in _examine_slack(settings, clients):
        yield finding
    async for finding in _examine_gitlab(settings, clients):
        yield finding
    if settings.pagerduty_api_token is not None:
        yield await _examine_pagerduty(settings, settings.pagerduty_api_token.get_secret_value())


async def _examine_pagerduty(settings: Settings, token: str) -> Finding:
    from slackbot.platforms.pagerduty import PagerDuty  # takes 0.3 s to import

    about = f"PAGERDUTY_SCHEDULE {settings.pagerduty_schedule}"
    schedule = PagerDuty(token, settings.pagerduty_schedule, settings.pagerduty_api_url)
    try:
        rota = await schedule.read(datetime.now(UTC))
    except NoAnswer as error:
        return _warning("PagerDuty", f"{error}; the bot starts and goes on with the last known")
    if not rota.people:
        return _warning(about, "it names nobody now")
    return Finding(about=f"{about}, on duty: {', '.join(each.name for each in rota.people)}")


async def _examine_slack(settings: Settings, clients: Clients) -> AsyncIterator[Finding]:
    workspace = clients.slack
    try:
        identity = await workspace.check_identity()
    except (Denied, Rejected) as error:
        yield _fatal("SLACK_BOT_TOKEN", error)
        return
    except PlatformError as error:
        yield _warning("Slack", f"{error}; the bot starts and keeps trying")
        return
    yield Finding(about=f"Slack workspace {identity.team}, as {identity.user}")
    if settings.slack_app_token is not None:
        yield await _examine_app_token(settings, settings.slack_app_token.get_secret_value())
    needed = REQUIRED_SCOPES
    if any(each.startswith("S") for each in _named(settings)):
        needed |= {"usergroups:read"}  # else nobody is known as a manager
    missing = sorted(needed - identity.scopes)
    if missing:
        yield _fatal(
            "Slack scopes",
            f"missing {', '.join(missing)}: install the app again with manifest.yml",
        )
    for wanted, purpose in _OPTIONAL_SCOPES.items():
        if lacking := sorted(wanted - identity.scopes):
            yield _warning(
                "Slack scopes",
                f"without {', '.join(lacking)} {purpose}: install the app again with manifest.yml",
            )
    yield await _examine_channel(settings.ssat_channel, workspace)
    if not missing:
        async for finding in _examine_people(settings, workspace):
            yield finding


async def _examine_channel(channel: str, workspace: SlackClient) -> Finding:
    try:
        await workspace.check_channel(channel)
    except (Denied, Rejected) as error:
        return _fatal(f"SSAT_CHANNEL {channel}", error)
    except PlatformError as error:
        return _warning(f"SSAT_CHANNEL {channel}", error)
    return Finding(about=f"Slack channel {channel}")


async def _examine_people(settings: Settings, workspace: SlackClient) -> AsyncIterator[Finding]:
    named = _named(settings)
    looked_up = ", ".join(sorted({setting for uses in named.values() for setting in uses}))
    try:
        has_groups = any(each.startswith("S") for each in named)
        groups = await workspace.users.groups() if has_groups else {}
        for each, uses in sorted(named.items()):
            if each.startswith("S"):
                problem = _problem_of_group(groups.get(each))
            else:
                problem = await _problem_of_user(workspace, each, uses)
            if problem:
                yield _warning(f"{', '.join(uses)} {each}", problem)
    except PlatformError as error:
        yield _warning(looked_up, error)
    else:
        if named:
            yield Finding(about=f"{looked_up}: looked up in Slack")


def _named(settings: Settings) -> dict[str, list[str]]:
    """Map Slack ids to the settings that name them."""
    named: dict[str, list[str]] = {each: [MANAGERS] for each in settings.ssat_managers}
    if settings.ssat_duty_group:
        named.setdefault(settings.ssat_duty_group, []).append("SSAT_DUTY_GROUP")
    if settings.ssat_lead:
        named.setdefault(settings.ssat_lead, []).append("SSAT_LEAD")
    return named


def _problem_of_group(is_in_use: bool | None) -> str | None:
    if is_in_use is None:
        return "Slack has no such user group"
    return None if is_in_use else "the user group is disabled: enable it, or name another"


async def _problem_of_user(workspace: SlackClient, user: str, uses: list[str]) -> str | None:
    try:
        member = await workspace.users.member(user)
    except Rejected as error:
        return f"Slack has no user with this id ({error.code})"
    if member.is_deactivated or member.is_bot:
        return "a deactivated account, or a bot, may not act and is told nothing"
    return "a guest never may act" if member.is_guest and MANAGERS in uses else None


async def _examine_app_token(settings: Settings, token: str) -> Finding:
    # Has no effect: the websocket is never opened.
    client = AsyncWebClient(
        token=token,
        base_url=settings.slack_api_url,
        timeout=TIMEOUT_SECONDS,
        retry_handlers=[],
    )
    try:
        await SlackClient(client).call("apps.connections.open")
    except (Denied, Rejected):
        return _fatal("SLACK_APP_TOKEN", "not valid: create one with the scope connections:write")
    except PlatformError as error:
        return _warning("Socket Mode", f"{error}; the bot starts and keeps trying")
    return Finding(about="Socket Mode")


async def _examine_gitlab(settings: Settings, clients: Clients) -> AsyncIterator[Finding]:
    about = f"GITLAB_PROJECT {settings.gitlab_project}"
    try:
        project = await clients.gitlab.project()
    except Denied as error:
        yield _fatal("GITLAB_TOKEN", f"{error}")
    except Missing:
        yield _fatal(about, "not found: is the path right, and is the token's user a member?")
    except Rejected as error:
        yield _fatal(about, f"{error}: the token needs the scope api")
    except PlatformError as error:
        yield _warning("GitLab", f"{error}; the bot starts and keeps trying")
    else:
        async for finding in _examine_project(settings, clients, project):
            yield finding


async def _examine_project(
    settings: Settings, clients: Clients, project: Project
) -> AsyncIterator[Finding]:
    yield Finding(about=f"GitLab project {project.path} ({project.id})")
    if 0 < project.access_level < REPORTER:
        yield _fatal("GITLAB_TOKEN", "the role is too low to change issues: Reporter is the least")
    try:
        token = await clients.gitlab.token()
        labels = await clients.gitlab.labels()
    except PlatformError as error:
        yield _warning("GitLab", error)
        return
    if token.scopes and "api" not in token.scopes:
        yield _fatal("GITLAB_TOKEN", "it lacks the scope api, so nothing could be written")
    if token.expires_on:
        yield Finding(about=f"GITLAB_TOKEN, until {token.expires_on}: note the day to replace it")
    if settings.ssat_link_issue is not None:
        yield await _examine_link_issue(clients, project, settings.ssat_link_issue)
    for label in (settings.ssat_contact_label, settings.ssat_contacted_label):
        if label not in labels:
            yield _warning(f"label {label}", "the project has none: create it, in this spelling")


async def _examine_link_issue(clients: Clients, project: Project, iid: int) -> Finding:
    about = f"SSAT_LINK_ISSUE {iid}"
    try:
        issue = await clients.gitlab.read_issue(IssueKey(project.id, iid))
    except Missing:
        return _warning(about, "the project has no such issue: people cannot link themselves")
    except PlatformError as error:
        return _warning(about, error)
    if not issue.is_open:
        return _warning(about, "the issue is closed: people may not find it, or not comment on it")
    return Finding(about=f"{about}, where people post their codes")
