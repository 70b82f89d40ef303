"""Who is on duty, on cards and homes and for ``/ssat duty``. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from slackbot.blocks.elements import is_address, link, section
from slackbot.blocks.text import count, escape, moment, name, shorten
from slackbot.blocks.words import PEOPLE_SHOWN, mention, someone, unread_schedule
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.request import Person
from slackbot.rules.timing.deadline import BusinessHours
from slackbot.rules.timing.period import midnight
from slackbot.rules.timing.shifts import AHEAD, COMING, Plan, Shift, Uncovered

PROBLEM_CHARACTERS, UNREAD_CHARACTERS = 300, 180
MANAGERS_CHARACTERS = 1_300
"""In the line to copy."""
UNCOVERED_SHOWN, SCHEDULES_SHOWN = 4, 5
TEAMS_SHOWN = 45
"""A message has room for 50 blocks."""
MESSAGE_LIMIT, TEXT_LIMIT = 9_000, 2_900
"""In characters, for teams: a message has about 10,000, a text in it 3,000."""

NOT_SET_UP = (
    "I don't know who is on duty. The bot's administrator can set up where to look: a schedule in "
    "PagerDuty (PAGERDUTY_API_TOKEN), a user group (SSAT_DUTY_GROUP), or weeks in the people file "
    "(SSAT_PEOPLE_FILE)."
)
ALL_TEAMS = "`/ssat duty teams` shows all teams."
NO_SCHEDULE = "On duty: unknown, because no schedule is set up"


@dataclass(frozen=True, kw_only=True)
class DutyView:
    """Who is on duty by the record; moments are UTC.

    With a ``problem``, which says why the schedule is silent, the people are the last known.
    """

    people: tuple[Person, ...] = ()
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    problem: str | None = None
    problem_since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class TeamDuty:
    """Who is on duty in a team, and what is to come."""

    team: str
    """Its name; empty where there is only one."""
    view: DutyView | None
    plan: Plan | None = None
    hours: BusinessHours


def duty_line(view: DutyView) -> str:
    """Ping the people on duty."""
    if not view.people:
        return "On duty: unknown"
    last_known = " (last known, the schedule isn't available)" if view.problem else ""
    return f"On duty: {duty_people(view)}{last_known}"


def duty_people(view: DutyView) -> str:
    """Ping those whom Slack knows, and name the others."""
    return _people(view.people, _named)


def _named(person: Person) -> str:
    known = mention(person)
    return known if person.slack_user else f"{known} (not known in Slack)"


def duty_words(view: DutyView | None, zone: ZoneInfo) -> str:
    if view is None:
        return NOT_SET_UP
    said = [f"*{duty_line(view)}*"]
    if view.people and view.source:
        until = f", until {moment(view.until, zone)}" if view.until and not view.problem else ""
        said.append(f"According to {name(view.source)}{until}.")
    if view.problem:
        since = f" since {moment(view.problem_since, zone)}" if view.problem_since else ""
        said.append(f"⚠️ Unknown{since}: {name(view.problem, PROBLEM_CHARACTERS)}")
    if any(person.slack_user is None for person in view.people):
        said.append(
            "A person who isn't known in Slack has another email there than in the schedule, or "
            "isn't a full member of this workspace."
        )
    return "\n".join(said)


# --- The time to come --------------------------------------------------------------------------


def render_duty(duty: TeamDuty, now: datetime) -> SlackMessage:
    """Answer ``/ssat duty`` for one team."""
    view, plan, hours = duty.view, duty.plan, duty.hours
    said = duty_words(view, hours.timezone)
    texts = [f"{_title(duty)}{said}"]
    if plan is not None and now < plan.known_until:
        texts += [*filter(None, [_schedules(plan)]), *_to_come(duty, plan, now, UNCOVERED_SHOWN)]
        texts.append(_to_copy(_manager_of_week(plan, hours.timezone, now), plan))
    elif view is not None and view.people:
        texts.append(_to_copy(_people(view.people, someone), plan))
    texts += [ALL_TEAMS] if duty.team else []
    return SlackMessage(text=said, blocks=tuple(section(each) for each in texts))


def render_duties(duties: Sequence[TeamDuty], now: datetime) -> SlackMessage:
    """Answer ``/ssat duty`` for all teams."""
    texts = _fitting([_in_short(each, now) for each in duties], MESSAGE_LIMIT)
    texts.append("`/ssat duty` and the name of a team shows more of it.")
    return SlackMessage(text="Who is on duty", blocks=tuple(section(each) for each in texts))


def _in_short(duty: TeamDuty, now: datetime) -> str:
    lines = [f"{_title(duty)}{_short_words(duty)}"]
    if duty.plan is not None and now < duty.plan.known_until:
        lines += _to_come(duty, duty.plan, now, 1)
    return "\n".join(lines)


def teams_words(duties: Sequence[TeamDuty]) -> str:
    """Say in a line each who is on duty in every team."""
    lines = [f"{_title(each, ' ')}{_short_line(each)}" for each in duties]
    return "\n".join(_fitting(lines, TEXT_LIMIT))


def _fitting(texts: Sequence[str], limit: int) -> list[str]:
    """Say how many teams are left out where there is no room for all."""
    lengths = [*accumulate(len(each) + 1 for each in texts)]
    fitting = sum(length <= limit for length in lengths[:TEAMS_SHOWN])
    left = len(texts) - fitting
    return [*texts[:fitting], *([f"… and {count(left, 'more team')}"] if left else [])]


def _title(duty: TeamDuty, end: str = "\n") -> str:
    return f"*{name(duty.team)}*{end}" if duty.team else ""


def _short_line(duty: TeamDuty) -> str:
    return duty_line(duty.view) if duty.view else NO_SCHEDULE


def _short_words(duty: TeamDuty) -> str:
    return duty_words(duty.view, duty.hours.timezone) if duty.view else NO_SCHEDULE


def _to_come(duty: TeamDuty, plan: Plan, now: datetime, most: int) -> Iterator[str]:
    hours = duty.hours
    # What was to come when it was read last may have begun.
    since = plan.read_at if duty.view and duty.view.problem else now
    last_known = "" if since == now else f" (last read {moment(plan.read_at, hours.timezone)})"
    following = plan.next_shift(since)
    if following is None:
        yield f"*Next:* nobody else within {AHEAD.days} days{last_known}"
    else:
        begins = moment(following.begins, hours.timezone)
        yield f"*Next:* {_people(following.people, mention)}, from {begins}{last_known}"
    # Each with its own end, which may lie later.
    until, known = now + COMING, plan.uncovered(now, plan.known_until, hours)
    uncovered = [each for each in known if each.begins < until]
    if not uncovered:
        yield f"The coming {COMING.days} days are covered{last_known}."
        return
    rows = [uncovered_line(each, hours.timezone, mention) for each in uncovered[:most]]
    if len(uncovered) > len(rows):
        rows.append(f"and {len(uncovered) - len(rows)} more: see the schedule")
    title = f"⚠️ *Not covered in the coming {COMING.days} days*{last_known}"
    yield "\n".join([title, *(f"• {row}" for row in rows)])


def _schedules(plan: Plan) -> str:
    shown = plan.schedules[:SCHEDULES_SHOWN]
    links = [link(each.url, name(each.name)) for each in shown if not each.problem or each.url]
    lines = [f"Schedule: {', then '.join(links)}"] if links else []
    unread = (unread_schedule(each) for each in shown if each.problem)
    lines += [f"⚠️ {name(each, UNREAD_CHARACTERS)}" for each in unread]
    return "\n".join(lines)


def uncovered_line(
    uncovered: Uncovered, zone: ZoneInfo, named: Callable[[Person], str] = someone
) -> str:
    period = f"{moment(uncovered.begins, zone)}, to {moment(uncovered.ends, zone)}"
    if not uncovered.away:
        return f"{period}: nobody is on duty"
    people = _people(uncovered.away, named)
    end = ", and the status has no end" if uncovered.is_open_ended else ""
    return f"{period}: {people} on duty, but away by their Slack status{end}"


def _people(people: Sequence[Person], named: Callable[[Person], str]) -> str:
    shown = [named(each) for each in people[:PEOPLE_SHOWN]]
    more = len(people) - len(shown)
    return ", ".join([*shown, f"{more} more"] if more else shown)


# --- The line for the Week in Review -----------------------------------------------------------


def _to_copy(manager: str, plan: Plan | None) -> str:
    """Handbook, "Who is responsible for reviewing Support Satisfaction feedback".

    The document names the reviewing manager, with a link to the rotation.
    """
    schedules = plan.schedules[:SCHEDULES_SHOWN] if plan else ()
    urls = [escape(each.url.replace("`", "%60")) for each in schedules if is_address(each.url)]
    rotation = f" (rotation: {', '.join(urls)})" if urls else ""
    line = f"SSAT Reviewing Manager: {shorten(manager, MANAGERS_CHARACTERS)}{rotation}"
    return f"For the Week in Review:\n```{line}```"


def _manager_of_week(plan: Plan, zone: ZoneInfo, now: datetime) -> str:
    """Say "Avery Example, from Wednesday 4 Feb Blake Sample"."""
    today = now.astimezone(zone).date()
    ends = midnight(today + timedelta(days=7 - today.weekday()), zone)
    week = [each for each in plan.shifts if now < each.ends and each.begins < ends]
    return ", ".join(_in_week(each, zone, now) for each in week[:7]) or "nobody"


def _in_week(shift: Shift[Person], zone: ZoneInfo, now: datetime) -> str:
    people = _people(shift.people, someone)
    return people if shift.begins <= now else f"from {_day(shift.begins, zone)} {people}"


def _day(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%A} {local.day} {local:%b}"
