"""Is the set-up right? What an administrator is told before the bot starts. No changes are made."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from slackbot.app import Outside
from slackbot.settings import Settings
from slackbot.tracker.client import Project
from slackbot.tracker.errors import Missing, Rejected, TrackerError, Unauthorized
from slackbot.workspace import REQUIRED_SCOPES, Denied, Refused, SlackError, Workspace

REPORTER = 20
"""GitLab's access level that may change labels, assignees and state."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at; ``is_fatal`` ones keep the bot from starting, others may pass."""

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


async def examine(settings: Settings, outside: Outside) -> AsyncIterator[Finding]:
    """Look at everything that the bot depends on outside, and say what is found."""
    async for finding in _examine_slack(settings, outside):
        yield finding
    async for finding in _examine_gitlab(settings, outside):
        yield finding


async def _examine_slack(settings: Settings, outside: Outside) -> AsyncIterator[Finding]:
    workspace = outside.workspace
    try:
        identity = await workspace.check_identity()
    except (Denied, Refused) as error:
        yield _fatal("SLACK_BOT_TOKEN", error)
        return
    except SlackError as error:
        yield _warning("Slack", f"{error}; the bot starts and keeps trying")
        return
    yield Finding(about=f"Slack workspace {identity.team}, as {identity.user}")
    if settings.slack_app_token is not None:
        yield await _examine_app_token(settings, settings.slack_app_token.get_secret_value())
    needed = REQUIRED_SCOPES
    if any(each.startswith("S") for each in settings.ssat_managers):
        needed |= {"usergroups:read"}  # else nobody could be told to be a manager
    missing = sorted(needed - identity.scopes)
    if missing:
        yield _fatal(
            "Slack scopes",
            f"missing {', '.join(missing)}: install the app again with manifest.yml",
        )
    try:
        await workspace.check_channel(settings.ssat_channel)
    except (Denied, Refused) as error:
        yield _fatal(f"SSAT_CHANNEL {settings.ssat_channel}", error)
    except SlackError as error:
        yield _warning(f"SSAT_CHANNEL {settings.ssat_channel}", error)
    else:
        yield Finding(about=f"Slack channel {settings.ssat_channel}")


async def _examine_app_token(settings: Settings, token: str) -> Finding:
    # Asking for the address of a websocket that is never opened has no effect.
    client = AsyncWebClient(token=token, base_url=settings.slack_api_url, retry_handlers=[])
    try:
        await Workspace(client).call("apps.connections.open")
    except (Denied, Refused):
        return _fatal("SLACK_APP_TOKEN", "not valid: create one with the scope connections:write")
    except SlackError as error:
        return _warning("Socket Mode", f"{error}; the bot starts and keeps trying")
    return Finding(about="Socket Mode")


async def _examine_gitlab(settings: Settings, outside: Outside) -> AsyncIterator[Finding]:
    about = f"GITLAB_PROJECT {settings.gitlab_project}"
    try:
        project = await outside.tracker.project()
    except Unauthorized as error:
        yield _fatal("GITLAB_TOKEN", f"{error}: create a project access token and set it")
    except Missing:
        yield _fatal(about, "not found: is the path right, and is the token's user a member?")
    except Rejected as error:
        yield _fatal(about, f"{error}: the token needs the scope api")
    except TrackerError as error:
        yield _warning("GitLab", f"{error}; the bot starts and keeps trying")
    else:
        async for finding in _examine_project(settings, outside, project):
            yield finding


async def _examine_project(
    settings: Settings, outside: Outside, project: Project
) -> AsyncIterator[Finding]:
    yield Finding(about=f"GitLab project {project.path} ({project.id})")
    if 0 < project.access_level < REPORTER:
        yield _fatal("GITLAB_TOKEN", "the role is too low to change issues: Reporter is the least")
    try:
        token = await outside.tracker.token()
        names = await outside.tracker.label_names()
    except TrackerError as error:
        yield _warning("GitLab", error)
        return
    if token.scopes and "api" not in token.scopes:
        yield _fatal("GITLAB_TOKEN", "it lacks the scope api, so nothing could be written")
    if token.expires_on:
        yield Finding(about=f"GITLAB_TOKEN, until {token.expires_on}: note the day to replace it")
    for label in (settings.ssat_contact_label, settings.ssat_contacted_label):
        if label not in names:
            yield _warning(f"label {label}", "the project has none: create it, in this spelling")
