"""``ssat-bot check``: the effective set-up on one screen, or as JSON."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from slackbot.app import Clients, connect
from slackbot.blocks.text import count
from slackbot.check.duty import examine_duty, examine_pagerduty
from slackbot.check.findings import (
    Finding,
    Section,
    Teams,
    Verdict,
    fatal,
    good,
    in_section,
    of_section,
    spare_others,
    unknown,
    warning,
)
from slackbot.check.gitlab import examine_account, examine_gitlab
from slackbot.check.overview import examine_deadlines, examine_features, examine_transport
from slackbot.check.people import examine_folder, examine_people
from slackbot.check.record import NOTHING, OnRecord, examine_record
from slackbot.check.slack import examine_slack
from slackbot.check.start import examine_settings
from slackbot.check.webhook import examine_webhooks
from slackbot.exit_codes import NOT_CHECKED, SETUP_IS_WRONG
from slackbot.platforms.slack.client import other_workspace
from slackbot.settings import ENV_FILE, HOW_TO_BEGIN, Settings, fix_first, lacks_file

_OF_SLACK = ("slack_bot_token", "slack_api_url")
_OF_GITLAB = ("gitlab_token", "gitlab_url", "gitlab_project", "ssat_routes_file")
_OF_TEAMS = ("ssat_routes_file",)
_OF_THE_DEADLINE = (
    *_OF_TEAMS,
    "ssat_deadline_hours",
    "ssat_timezone",
    "ssat_workdays",
    "ssat_hours",
    "ssat_holidays",
)
_WORST_FIRST = (Verdict.PROBLEM, Verdict.UNKNOWN, Verdict.WARNING)
_PLURAL = {Verdict.PROBLEM: "problem", Verdict.UNKNOWN: "unknown", Verdict.WARNING: "warning"}


async def examine_all(
    settings: Settings, wrong: Mapping[str, str], now: datetime, *, is_live: bool = False
) -> list[Finding]:
    """Examine what can be examined.

    Args:
        settings: What is wrong with them counts as unset.
        wrong: By field, what is.
        now: For the examples.
        is_live: Slack and GitLab are asked to try things.
    """
    of_settings = [
        fatal(name.upper(), line) for name, said in wrong.items() for line in said.split("\n")
    ]
    if lacks_file(wrong):
        problem = f"there is none in this folder: {HOW_TO_BEGIN}"
        of_settings.append(warning(ENV_FILE, problem))
    teams: Teams = () if wrong.keys() & set(_OF_TEAMS) else tuple(settings.routes)
    found = [*in_section(Section.SETTINGS, examine_settings(settings, teams))]
    async with connect(settings) as clients:
        slack, gitlab, (of_record, record) = await asyncio.gather(
            _slack(settings, teams, wrong, clients),
            _gitlab(settings, wrong, clients, now),
            _record(settings, wrong, now),
        )
        found += slack + _workspace(clients, record) + gitlab
        has_slack = clients.slack.known_identity is not None
        has_gitlab = any(each.known for each in clients.gitlab.projects)
        live = []
        if is_live and has_slack and has_gitlab:
            from slackbot.check.live import examine_live

            # First: the test is then the last delivery.
            live = await of_section(Section.LIVE, examine_live(settings, clients))
        hooks = examine_webhooks(settings, clients.gitlab, record.last_hook)
        found += await of_section(Section.WEBHOOK, hooks)
        found += in_section(Section.DEADLINE, _deadlines(teams, wrong, now))
        if has_slack:
            found += await _people(settings, teams, clients, record, now)
        else:  # who is who is Slack's to say
            others = await examine_pagerduty(settings, teams, now)
            found += in_section(Section.PEOPLE, [*examine_folder(settings), *others])
        features = examine_features(settings, teams, clients.slack.known_identity)
        found += in_section(Section.FEATURES, features)
        found += await _grants(settings, clients, record, now) + of_record + live
    # In the place of what is wrong is a default, of which nothing is to be said.
    kept = [each for each in found if not each.about.startswith(tuple(map(str.upper, wrong)))]
    return in_section(Section.SETTINGS, of_settings) + spare_others(kept, teams)


async def _people(
    settings: Settings, teams: Teams, clients: Clients, record: OnRecord, now: datetime
) -> list[Finding]:
    found = await of_section(Section.PEOPLE, examine_people(settings, teams, clients, record, now))
    found += in_section(Section.PEOPLE, examine_folder(settings))
    duty = examine_duty(settings, teams, clients.slack.users, now)
    return found + await of_section(Section.PEOPLE, duty)


async def _grants(
    settings: Settings, clients: Clients, record: OnRecord, now: datetime
) -> list[Finding]:
    if (client_id := settings.gitlab_oauth_client_id) is None:
        said = "without GITLAB_OAUTH_CLIENT_ID: no link by one click, no act as yourself"
        return in_section(Section.FEATURES, [good(said)])
    from slackbot.check.grants import examine_application, examine_grants  # with cryptography

    found = [*examine_grants(settings, record.granted)]
    if any(each.known for each in clients.gitlab.projects):
        found.insert(0, await examine_application(settings, client_id, clients, now))
    return in_section(Section.FEATURES, found)


def _skipped(what: str, fields: Iterable[str], wrong: Mapping[str, str]) -> list[Finding]:
    """Say so if the settings that something needs are wrong."""
    names = [each.upper() for each in fields if each in wrong]
    return [unknown(what, f"not checked, because {fix_first(names)}")] if names else []


async def _slack(
    settings: Settings, teams: Teams, wrong: Mapping[str, str], clients: Clients
) -> list[Finding]:
    if skipped := _skipped("Slack", _OF_SLACK, wrong):
        return in_section(Section.SLACK, skipped)
    found = await of_section(Section.SLACK, examine_slack(settings, teams, clients.slack))
    return found + in_section(Section.SLACK, examine_transport(settings))


def _workspace(clients: Clients, record: OnRecord) -> list[Finding]:
    """Notice the token of another workspace, where the cards are not."""
    own = clients.slack.known_identity
    problem = other_workspace(record.team, own.team) if own else None
    return in_section(Section.SLACK, [fatal("SLACK_BOT_TOKEN", problem)] if problem else [])


async def _gitlab(
    settings: Settings, wrong: Mapping[str, str], clients: Clients, now: datetime
) -> list[Finding]:
    if skipped := _skipped("GitLab", _OF_GITLAB, wrong):
        return in_section(Section.GITLAB, skipped)
    found = await of_section(Section.GITLAB, examine_gitlab(settings, clients, now))
    if any(each.known for each in clients.gitlab.projects):
        found += in_section(Section.GITLAB, [await examine_account(clients)])
    return found


async def _record(
    settings: Settings, wrong: Mapping[str, str], now: datetime
) -> tuple[list[Finding], OnRecord]:
    if skipped := _skipped("database", ["database_url"], wrong):
        return in_section(Section.RECORD, skipped), NOTHING
    found, record = await examine_record(settings.database_url, now)
    return in_section(Section.RECORD, found), record


def _deadlines(teams: Teams, wrong: Mapping[str, str], now: datetime) -> list[Finding]:
    return _skipped("deadline", _OF_THE_DEADLINE, wrong) or [*examine_deadlines(teams, now)]


# --- Output ------------------------------------------------------------------------------------


def exit_code(findings: Iterable[Finding]) -> int:
    found = list(findings)
    if any(each.is_fatal for each in found):
        return SETUP_IS_WRONG
    return NOT_CHECKED if any(each.is_unanswered for each in found) else 0


def lines(findings: Sequence[Finding]) -> list[str]:
    """Write a heading for each section."""
    said = []
    for section in Section:
        if own := [each for each in findings if each.section is section]:
            said += [section.value, *map(str, own)]
    return [*said, summary(findings)]


def summary(findings: Sequence[Finding]) -> str:
    numbers = {each: sum(one.verdict is each for one in findings) for each in _WORST_FIRST}
    counted = [
        f"{number} unknown" if each is Verdict.UNKNOWN else count(number, _PLURAL[each])
        for each, number in numbers.items()
        if number
    ]
    if not counted:
        return "All is well."
    end = ": the bot does not start" if numbers[Verdict.PROBLEM] else ""
    return f"{', '.join(counted)}{end}."


def as_json(findings: Sequence[Finding]) -> str:
    document = {
        "exit_code": exit_code(findings),
        "summary": summary(findings),
        "sections": [
            {"name": section.value, "findings": [_as_json(each) for each in own]}
            for section in Section
            if (own := [each for each in findings if each.section is section])
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, default=str)


def _as_json(finding: Finding) -> dict[str, object]:
    return {
        "about": finding.subject,
        "verdict": finding.verdict.lower(),
        "what_to_do": finding.problem,
        "facts": dict(finding.facts),
    }
