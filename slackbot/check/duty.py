"""Who is on duty, by which source, and when nobody is."""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from slackbot.blocks.text import plain_moment
from slackbot.check.findings import Finding, good, not_answered, warning
from slackbot.people.duty import GroupSource, Source, WeeksSource
from slackbot.people.file import PeopleFile
from slackbot.platforms.errors import PlatformError, Rejected
from slackbot.platforms.slack import SlackUsers
from slackbot.rules.request import Person
from slackbot.rules.rota import NoAnswer, OnCall, Rota
from slackbot.rules.shifts import AHEAD, COMING, Plan, Shift, in_order
from slackbot.settings import Settings

Rotas = Mapping[str, Rota | NoAnswer]
"""By schedule."""


async def examine_pagerduty(settings: Settings, token: str) -> AsyncIterator[Finding]:
    for finding in _of_schedules(await _read_pagerduty(settings, token, datetime.now(UTC))):
        yield finding


async def examine_duty(
    settings: Settings, users: SlackUsers, now: datetime
) -> AsyncIterator[Finding]:
    """Look ahead, too."""
    if settings.pagerduty_api_token is not None:
        token = settings.pagerduty_api_token.get_secret_value()
        rotas = await _read_pagerduty(settings, token, now)
        for finding in _of_schedules(rotas):
            yield finding
        shifts = [each.shifts or () for each in rotas.values() if isinstance(each, Rota)]
        if any(shifts):
            yield _coverage(settings, in_order(shifts), now)
        return
    source = _other_source(settings, users)
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
        until = f", until {plain_moment(rota.until, settings.ssat_timezone)}" if rota.until else ""
        yield good(f"{about}: {', '.join(names)}{until}", source=source.source, on_duty=names)
    else:
        yield warning(about, "it names nobody now", source=source.source, on_duty=names)
    if rota.shifts:
        yield _coverage(settings, rota.shifts, now)


def _other_source(settings: Settings, users: SlackUsers) -> Source:
    if settings.ssat_duty_group is not None:
        return GroupSource(users, settings.ssat_duty_group)
    return WeeksSource(
        PeopleFile(settings.ssat_people_file, settings.ssat_people_keys).weeks,
        settings.ssat_timezone,
    )


async def _names(users: SlackUsers, people: Iterable[OnCall]) -> list[str]:
    """Ask Slack: the sources other than PagerDuty know ids only."""
    names = []
    for each in people:
        try:
            names.append((await users.member(each.slack_user or each.name)).name)
        except Rejected:
            names.append(f"{each.name} (unknown to Slack)")
    return names


async def _read_pagerduty(settings: Settings, token: str, now: datetime) -> Rotas:
    from slackbot.platforms.pagerduty import PagerDuty  # takes 0.3 s to import

    rotas = dict[str, Rota | NoAnswer]()
    for each in settings.pagerduty_schedule:
        try:
            rotas[each] = await PagerDuty(token, [each], settings.pagerduty_api_url).read(now)
        except NoAnswer as error:
            rotas[each] = error
    return rotas


def _of_schedules(rotas: Rotas) -> list[Finding]:
    is_covered = any(isinstance(rota, Rota) and rota.people for rota in rotas.values())
    return [
        _of_schedule(f"PAGERDUTY_SCHEDULE {schedule}", rota, is_covered=is_covered)
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


def _coverage(settings: Settings, shifts: tuple[Shift[OnCall], ...], now: datetime) -> Finding:
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
    gap = next(iter(plan.uncovered(now, until, settings.business_hours)), None)
    if gap is None:
        return good(f"duty is covered for the next {AHEAD.days} days", next_gap=None)
    zone = settings.ssat_timezone
    about = f"next gap in duty: {plain_moment(gap.begins, zone)}"
    told = {"next_gap": {"begins": gap.begins.isoformat(), "ends": gap.ends.isoformat()}}
    if gap.begins > now + COMING:
        return good(f"{about}, to {plain_moment(gap.ends, zone)}", **told)
    return warning(
        about, f"nobody is on duty until {plain_moment(gap.ends, zone)}: fill the schedule", **told
    )
