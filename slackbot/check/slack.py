"""What the check asks of Slack: the token, scopes, channels and people."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from itertools import combinations

from slackbot.check.findings import (
    Finding,
    Teams,
    denied,
    fatal,
    good,
    not_answered,
    of_team,
    warning,
)
from slackbot.platforms.errors import Denied, PlatformError, Rejected
from slackbot.platforms.slack.api import INSTALL_AGAIN, slack_client
from slackbot.platforms.slack.client import (
    MESSAGES_SCOPES,
    REQUIRED_SCOPES,
    SCOPES_HEADER,
    UNFURL_SCOPES,
    Identity,
    SlackClient,
)
from slackbot.platforms.slack.files import FILE_SCOPES
from slackbot.rules.reading.slack_ids import is_group
from slackbot.settings import Settings

MANAGERS, MAIN_CHANNEL, BAD_CHANNEL = "SSAT_MANAGERS", "SSAT_CHANNEL", "SSAT_BAD_CHANNEL"

_OPTIONAL_SCOPES = {
    MESSAGES_SCOPES: "nobody gets a direct message: no hand-over, no word of a link to GitLab",
    UNFURL_SCOPES: "a pasted link to a feedback does not show its state",
    FILE_SCOPES: "`/ssat stats` sends no CSV files, and no picture where Slack shows no charts",
}
"""Asked for by a later release; apps of earlier ones work without."""


async def examine_slack(
    settings: Settings, teams: Teams, workspace: SlackClient
) -> AsyncIterator[Finding]:
    try:
        identity = await workspace.check_identity()
    except (Denied, Rejected) as error:
        yield denied(error, "SLACK_BOT_TOKEN", "SLACK_API_URL")
        return
    except PlatformError as error:
        yield not_answered("Slack", error)
        return
    team, user = identity.team_name or identity.team, identity.user_name or identity.user
    yield good(
        f"Slack workspace {team} ({identity.team}), as {user} ({identity.user})",
        team=identity.team,
        user=identity.user,
    )
    if settings.slack_app_token is not None:
        yield await _examine_app_token(settings, settings.slack_app_token.get_secret_value())
    needed = REQUIRED_SCOPES
    if any(is_group(each) for each in _named(teams)):
        needed |= {"usergroups:read"}  # else nobody is known as a manager
    for finding in _examine_scopes(identity, needed):
        yield finding
    async for finding in _examine_channels(settings, teams, workspace):
        yield finding
    if not identity.lacks(needed):
        async for finding in _examine_people(teams, workspace):
            yield finding


async def _examine_channels(
    settings: Settings, teams: Teams, workspace: SlackClient
) -> AsyncIterator[Finding]:
    for team in teams:
        for setting, channel in ((MAIN_CHANNEL, team.channel), (BAD_CHANNEL, team.bad_channel)):
            if channel is not None:
                about, is_main = f"{team.setting(setting)} {channel}", setting == MAIN_CHANNEL
                found = await _examine_channel(about, channel, workspace, is_main=is_main)
                yield of_team(team, found, teams)
    for setting, channel in (
        ("SSAT_STATS_CHANNEL", settings.ssat_stats_channel),
        ("SSAT_KUDOS_CHANNEL", settings.ssat_kudos_channel),
    ):
        if channel is not None:
            yield await _examine_channel(f"{setting} {channel}", channel, workspace)
    for finding in _same_channels(teams, workspace) if len(teams) > 1 else ():
        yield finding


def _same_channels(teams: Teams, workspace: SlackClient) -> Iterator[Finding]:
    """Find a channel that is named in two ways: only Slack knows its id."""
    named = [each for team in teams for each in team.channels]
    for one, other in combinations(named, 2):
        known = workspace.known_channel(one)
        if known is not None and known == workspace.known_channel(other):
            yield warning(f"{one}, {other}", "they are the same channel: give each team its own")


def _examine_scopes(identity: Identity, needed: frozenset[str]) -> Iterator[Finding]:
    about = "Slack scopes"
    if identity.scopes is None:
        yield warning(
            about,
            f"unknown, because the header {SCOPES_HEADER} is missing: does a proxy remove it? "
            "Compare the app's scopes with what `ssat-bot manifest` prints",
        )
    if missing := sorted(identity.lacks(needed)):
        yield fatal(about, f"missing {', '.join(missing)}: {INSTALL_AGAIN}")
    for wanted, purpose in _OPTIONAL_SCOPES.items():
        if lacking := sorted(identity.lacks(wanted)):
            yield warning(about, f"without {', '.join(lacking)} {purpose}: {INSTALL_AGAIN}")


async def _examine_channel(
    about: str, channel: str, workspace: SlackClient, *, is_main: bool = False
) -> Finding:
    """Only warn of the others: no customer waits there."""
    try:
        await workspace.check_channel(channel)
    except (Denied, Rejected) as error:
        if is_main:
            return fatal(about, error)
        is_archived = error.code == "is_archived"
        return warning(about, "the channel is archived: set another" if is_archived else error)
    except PlatformError as error:
        return not_answered(about, error)
    return good(about)


async def _examine_people(teams: Teams, workspace: SlackClient) -> AsyncIterator[Finding]:
    named, managers = _named(teams), {each for team in teams for each in team.managers}
    looked_up = ", ".join(sorted({setting for uses in named.values() for setting, _ in uses}))
    try:
        has_groups = any(is_group(each) for each in named)
        groups = await workspace.users.groups() if has_groups else {}
        for each, uses in sorted(named.items()):
            if is_group(each):
                group = groups.get(each)
                problem = _problem_of_group(group.is_enabled if group else None)
            else:
                problem = await _problem_of_user(workspace, each, is_manager=each in managers)
            if problem:
                said = ", ".join(setting + where for setting, where in uses)
                yield warning(f"{said} {each}", problem)
    except PlatformError as error:
        yield not_answered(looked_up, error)
    else:
        if named:
            yield good(f"{looked_up}: looked up in Slack")


def _named(teams: Teams) -> dict[str, list[tuple[str, str]]]:
    """Map Slack ids to the settings that name them, each with its team."""
    named = defaultdict[str, list[tuple[str, str]]](list)
    for team in teams:
        where = f" of {team.name}" if len(teams) > 1 else ""
        uses = [(MANAGERS, each) for each in team.managers]
        uses += [("SSAT_DUTY_GROUP", each) for each in [team.duty_group] if each]
        uses += [("SSAT_LEAD", each) for each in [team.lead] if each]
        for setting, each in uses:
            named[each].append((team.setting(setting), where))
    return named


def _problem_of_group(is_in_use: bool | None) -> str | None:
    if is_in_use is None:
        return "Slack has no such user group"
    return None if is_in_use else "the user group is disabled: enable it, or name another"


async def _problem_of_user(workspace: SlackClient, user: str, *, is_manager: bool) -> str | None:
    try:
        member = await workspace.users.member(user)
    except Rejected as error:
        return f"Slack has no user with this id ({error.code})"
    if member.is_deactivated or member.is_bot:
        return "a deactivated account, or a bot, may not act and is told nothing"
    return "a guest never may act" if member.is_guest and is_manager else None


async def _examine_app_token(settings: Settings, token: str) -> Finding:
    # Has no effect: the websocket is never opened.
    try:
        await SlackClient(slack_client(settings.slack_api_url, token)).call("apps.connections.open")
    except (Denied, Rejected):
        return fatal("SLACK_APP_TOKEN", "not valid: create one with the scope connections:write")
    except PlatformError as error:
        return not_answered("Socket Mode", error)
    return good("Socket Mode", transport="socket")
