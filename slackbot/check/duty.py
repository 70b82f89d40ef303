"""Who is on duty, by which source, and when nobody is."""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from slackbot.blocks.text import plain_moment
from slackbot.blocks.words import unknown_teams
from slackbot.check.findings import (
    Finding,
    Teams,
    good,
    not_answered,
    of_team,
    warning,
)
from slackbot.people.duty import GroupSource, Source, WeeksSource
from slackbot.people.file import PeopleFile, people_file_of
from slackbot.platforms.errors import PlatformError, Rejected
from slackbot.platforms.slack.client import SlackUsers
from slackbot.rules.request import Person
from slackbot.rules.routes import Route
from slackbot.rules.timing.rota import NoAnswer, OnCall, Rota
from slackbot.rules.timing.shifts import AHEAD, COMING, Plan, Shift, in_order
from slackbot.settings import Settings

SCHEDULE = "PAGERDUTY_SCHEDULE"
Rotas = Mapping[str, Rota | NoAnswer]
"""By schedule."""


async def examine_pagerduty(settings: Settings, teams: Teams, now: datetime) -> list[Finding]:
    rotas = await _read_pagerduty(settings, teams, now)
    return [
        of_team(team, finding, teams)
        for team in teams
        for finding in _of_schedules(team, _of_team(team, rotas))
    ]


async def examine_duty(
    settings: Settings, teams: Teams, users: SlackUsers, now: datetime
) -> AsyncIterator[Finding]:
    """Look ahead, too."""
    file = people_file_of(settings)
    if teams and (unknown := file.teams() - {team.name for team in teams}):
        yield warning("SSAT_PEOPLE_FILE, [duty]", unknown_teams(sorted(unknown)))
    rotas = await _read_pagerduty(settings, teams, now)
    for team in teams:
        if (own := _of_team(team, rotas)) and not _has_weeks(team, file):
            findings = _of_pagerduty(team, own, now)
        else:
            findings = [each async for each in _of_others(team, file, users, now)]
        for finding in findings:
            yield of_team(team, finding, teams)


def _of_team(team: Route, rotas: Rotas) -> Rotas:
    return {each: rotas[each] for each in team.schedules if each in rotas}


def _has_weeks(team: Route, file: PeopleFile) -> bool:
    """Return whether the people file has weeks of this team alone: they come first."""
    return bool(team.name and file.weeks(team.name))


def _of_pagerduty(team: Route, rotas: Rotas, now: datetime) -> list[Finding]:
    shifts = [each.shifts or () for each in rotas.values() if isinstance(each, Rota)]
    ahead = [_coverage(team, in_order(shifts), now)] if any(shifts) else []
    return [*_of_schedules(team, rotas), *ahead]


async def _of_others(
    team: Route, file: PeopleFile, users: SlackUsers, now: datetime
) -> AsyncIterator[Finding]:
    source = _other_source(team, file, users)
    try:
        rota = await source.read(now)
        names = await _names(users, rota.people if rota else ())
    except (NoAnswer, PlatformError) as error:
        yield not_answered(f"duty, by {source.source}", error)
        return
    if rota is None:
        yield good("duty: no source, so nobody is told of it", source=None)
        return
    about = f"duty, by {source.source}"
    if names:
        until = f", until {plain_moment(rota.until, _zone(team))}" if rota.until else ""
        yield good(f"{about}: {', '.join(names)}{until}", source=source.source, on_duty=names)
    else:
        yield warning(about, "it names nobody now", source=source.source, on_duty=names)
    if rota.shifts:
        yield _coverage(team, rota.shifts, now)


def _zone(team: Route) -> ZoneInfo:
    return team.rules.hours.timezone


def _other_source(team: Route, file: PeopleFile, users: SlackUsers) -> Source:
    if _has_weeks(team, file):
        return WeeksSource(partial(file.weeks, team.name), _zone(team))
    if team.duty_group is not None:
        return GroupSource(users, team.duty_group, team.setting("SSAT_DUTY_GROUP"))
    return WeeksSource(file.weeks, _zone(team))


async def _names(users: SlackUsers, people: Iterable[OnCall]) -> list[str]:
    """Ask Slack: the sources other than PagerDuty know ids only."""
    names = []
    for each in people:
        try:
            names.append((await users.member(each.slack_user or each.name)).name)
        except Rejected:
            names.append(f"{each.name} (unknown to Slack)")
    return names


async def _read_pagerduty(settings: Settings, teams: Teams, now: datetime) -> Rotas:
    if settings.pagerduty_api_token is None:
        return {}
    from slackbot.platforms.pagerduty import PagerDuty  # takes 0.3 s to import

    token, rotas = settings.pagerduty_api_token.get_secret_value(), dict[str, Rota | NoAnswer]()
    # Teams may share a schedule.
    settings_of = {each: team.setting(SCHEDULE) for team in teams for each in team.schedules}
    for each, setting in settings_of.items():
        source = PagerDuty(token, [each], settings.pagerduty_api_url, setting)
        try:
            rotas[each] = await source.read(now)
        except NoAnswer as error:
            rotas[each] = error
    return rotas


def _of_schedules(team: Route, rotas: Rotas) -> list[Finding]:
    is_covered = any(isinstance(rota, Rota) and rota.people for rota in rotas.values())
    return [
        _of_schedule(f"{team.setting(SCHEDULE)} {schedule}", rota, is_covered=is_covered)
        for schedule, rota in rotas.items()
    ]


def _of_schedule(about: str, rota: Rota | NoAnswer, *, is_covered: bool) -> Finding:
    """``is_covered``: some schedule names somebody now."""
    if isinstance(rota, NoAnswer):
        return not_answered(about, rota)
    if not is_covered:
        return warning(about, "it names nobody now")
    names = [each.name for each in rota.people]
    people = ", ".join(names) or "nobody"
    return good(f"{about}, on duty: {people}", source="PagerDuty", on_duty=names)


def _coverage(team: Route, shifts: tuple[Shift[OnCall], ...], now: datetime) -> Finding:
    plan = Plan(
        read_at=now,
        shifts=tuple(
            Shift(
                people=tuple(Person(name=who.name) for who in each.people),
                begins=each.begins,
                ends=each.ends,
            )
            for each in shifts
        ),
    )
    until = now + AHEAD - timedelta(minutes=1)  # schedules are read to the second
    gap = next(iter(plan.uncovered(now, until, team.rules.hours)), None)
    if gap is None:
        return good(f"duty is covered for the next {AHEAD.days} days", next_gap=None)
    zone = _zone(team)
    about = f"next gap in duty: {plain_moment(gap.begins, zone)}"
    told = {"next_gap": {"begins": gap.begins.isoformat(), "ends": gap.ends.isoformat()}}
    if gap.begins > now + COMING:
        return good(f"{about}, to {plain_moment(gap.ends, zone)}", **told)
    return warning(
        about, f"nobody is on duty until {plain_moment(gap.ends, zone)}: fill the schedule", **told
    )
