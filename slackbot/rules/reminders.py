"""When people are reminded of a contact request, and when they are left alone.

Pure: records and moments come in as arguments, nothing is read or written here. All moments are
aware datetimes in UTC.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from itertools import takewhile
from zoneinfo import ZoneInfo

from slackbot.rules.deadline import MINUTES_IN_DAY, BusinessHours, parse_window
from slackbot.rules.decision import Claim, Decision, Release, TakeOver, why_finished
from slackbot.rules.refusals import DeadlinePassed, IssueGone, ReasonRequired, Refusal
from slackbot.rules.request import Person, Request

HOUR = timedelta(hours=1)

JUST_ACTED = timedelta(minutes=15)
"""People who have acted on a request this recently are not reminded of it."""
LATE = timedelta(minutes=30)
"""A reminder that comes this much later than planned was missed, and says so."""
LEAD_PATIENCE = timedelta(minutes=30)
"""How long after the deadline's reminder people may take to react before the lead is told."""
LEAD_MEMORY = timedelta(hours=24)
"""Of business time: the lead is told of no deadline that had passed longer before its reminder."""

_BEFORE = re.compile(r"([0-9.]+)h")
_FROM_DEADLINE = re.compile(r"(?:deadline|late)-([0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{4})?)")
_QUIET = re.compile(r"\s*(\S+?)\s*-\s*(\S+)\s*")
OFF = "off"


class Kind(StrEnum):
    """Which of a request's reminders it is."""

    BEFORE = "before"
    LAST = "last"
    """The last one before the deadline, also where a snooze ends: it goes out at any hour."""
    DEADLINE = "deadline"
    AFTER = "after"
    AGAIN = "again"
    """Where a snooze ends, with others before the deadline to come."""


IN_CHANNEL = frozenset({Kind.LAST, Kind.DEADLINE, Kind.AFTER})
"""The reminders that show in the channel, too."""
BEFORE_DEADLINE = frozenset({Kind.BEFORE, Kind.LAST, Kind.AGAIN})


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One moment at which a request is to be remembered; ``name`` tells it from its others."""

    kind: Kind
    name: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class QuietHours:
    """The hours at which people are left alone, kept as the windows in which they are not.

    The windows are minutes after midnight, as those of business hours.
    """

    awake: tuple[tuple[int, int], ...] = ((0, MINUTES_IN_DAY),)

    def end(self, moment: datetime, zone: ZoneInfo, hours: BusinessHours) -> datetime:
        """Return the first moment, from ``moment`` on, at which a person may be spoken to.

        Args:
            moment: The moment.
            zone: The person's time zone.
            hours: The team's: on its days off people are left alone, each in their own zone.
        """
        return min(
            replace(hours, timezone=zone, opens=opens, closes=closes).next_opening(moment)
            for opens, closes in self.awake
        )


def parse_quiet_hours(text: str) -> QuietHours:
    """Read quiet hours such as ``20:00-08:00``, which may go over midnight, or ``off``.

    Raises:
        ValueError: They are none; the message says what is allowed.
    """
    if text.strip().lower() == OFF:
        return QuietHours()
    match = _QUIET.fullmatch(text)
    if match is None:
        raise ValueError("These are not quiet hours: write them as 20:00-08:00, or off.")
    begin, end = match.groups()
    try:
        closes, opens = parse_window(f"{begin}-{end}")
    except ValueError:
        return QuietHours(awake=(_other_way_round(begin, end),))
    awake = [(0, closes), (opens, MINUTES_IN_DAY)]
    windows = tuple((first, last) for first, last in awake if first < last)
    if not windows:
        raise ValueError("They leave no time for reminders: use SSAT_REMINDERS=off for that.")
    return QuietHours(awake=windows)


def _other_way_round(begin: str, end: str) -> tuple[int, int]:
    try:
        return parse_window(f"{end}-{begin}")
    except ValueError:
        raise ValueError("These are not quiet hours: write them as 20:00-08:00, or off.") from None


def parse_reminders(text: str) -> tuple[float, ...]:
    """Read how many business hours before the deadline to remind, as ``24,12,4,1``, or ``off``.

    Raises:
        ValueError: It is no such list; the message says what is allowed.
    """
    if text.strip().lower() == OFF:
        return ()
    try:
        found = {float(part) for part in text.split(",") if part.strip()}
    except ValueError:
        found = set()
    if not found or not all(0 < each <= 1000 for each in found):
        raise ValueError(
            "These are not hours before the deadline: write them as 24,12,4,1, or off."
        )
    return tuple(sorted(found, reverse=True))


def parse_digest(text: str) -> int | None:
    """Read the time of the digest, such as ``09:00``, as minutes after midnight; ``off``: never.

    Raises:
        ValueError: It is no time of the day; the message says what is allowed.
    """
    if text.strip().lower() == OFF:
        return None
    try:
        return parse_window(f"{text.strip()}-24:00")[0]
    except ValueError:
        raise ValueError("This is not a time of the day: write it as 09:00, or off.") from None


@dataclass(frozen=True, kw_only=True)
class ReminderRules:
    """When to remind: so many business hours before the deadline, the largest first."""

    before: tuple[float, ...]
    hours: BusinessHours
    quiet: QuietHours = field(default_factory=QuietHours)

    @property
    def is_off(self) -> bool:
        """Whether nobody is reminded of anything."""
        return not self.before


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """Somebody to be reminded, known in Slack; ``acted_at`` is when they last saw to it."""

    person: Person
    zone: ZoneInfo
    acted_at: datetime | None = None

    def has_just_acted(self, now: datetime) -> bool:
        """Whether they have seen to the request so lately that a reminder would be an insult."""
        # Further ahead than that, a wrong clock has told it.
        return self.acted_at is not None and abs(now - self.acted_at) < JUST_ACTED


@dataclass(frozen=True, kw_only=True)
class Snooze:
    """Somebody does not want to be reminded for a while, and says why."""

    by: Person
    at: datetime
    until: datetime
    reason: str
    asked_at: datetime
    """Which round of asking it is about: who asks again is remembered anew."""
    interaction: str
    """Slack's id of the submission, which its repetition carries, too."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done about a request's reminders now, and when to look again."""

    send: Mark | None = None
    to: tuple[Recipient, ...] = ()
    """Who is to be told: nobody of them sleeps, unless it is the last one before the deadline.

    What shows in the channel is sent though nobody is.
    """
    is_missed: bool = False
    """Whether what is sent, or waits for the morning, should have come much earlier: the bot, or
    Slack, was away."""
    left_out: tuple[Mark, ...] = ()
    next_at: datetime | None = None


def deadline_name(due_at: datetime, hours: BusinessHours) -> str:
    """Name the reminder of a deadline; one that has moved has another."""
    return f"{Kind.DEADLINE}-{due_at.astimezone(hours.timezone):%Y-%m-%dT%H%M}"


def round_key(request: Request) -> str:
    """Name the round of asking that all marks of it share; who asks again begins another."""
    return f"remind:{request.key}:{int(request.asked_at.timestamp())}:"


def plan_reminders(
    request: Request,
    rules: ReminderRules,
    recipients: Sequence[Recipient],
    *,
    done: Collection[str],
    snooze: Snooze | None,
    shown_at: datetime,
    planned_at: datetime | None = None,
    now: datetime,
) -> Plan:
    """Decide which reminder of an unfinished request is to be sent now, if any.

    Args:
        request: The request as decided so far.
        rules: The team's.
        recipients: Who is to be reminded; nobody where nobody is known.
        done: The names of this round's marks that were sent or left out already.
        snooze: The latest one.
        shown_at: Since when the card stands: what was missed before, the card itself has said.
        planned_at: For when the next one was planned, when the bot last looked and nothing was
            late. Lateness is counted from then at the earliest, for others may have been to be told
            until now, who slept when these did not.
        now: The current moment.
    """
    marks = [mark for mark in _marks(request, rules, snooze, now) if not _is_done(mark, done)]
    at = {mark: _put_off(mark, rules, recipients) for mark in marks}
    next_at = min((each for each in at.values() if each > now), default=None)
    due = sorted((mark for mark in marks if at[mark] <= now), key=lambda mark: mark.at)
    if not due:
        return Plan(next_at=next_at)
    newest = due[-1]
    is_missed = now - max(filter(None, (at[newest], planned_at))) > LATE
    is_at_any_hour = newest.kind is Kind.LAST and now < request.due_at
    reached = recipients if is_at_any_hour else _awake(recipients, rules, now)
    to = tuple(each for each in reached or recipients if not each.has_just_acted(now))
    is_said = is_missed and at[newest] < shown_at
    # What the channel sees is not only for those who have just acted.
    is_in_vain = bool(recipients) and not to and newest.kind not in IN_CHANNEL
    if is_said or is_in_vain:
        return Plan(left_out=tuple(due), next_at=next_at)
    # What was missed is due at any hour, so it is the current one that counts.
    morning = now if is_at_any_hour else _awake_at(now, rules, recipients)
    if morning > now:
        return Plan(next_at=min(filter(None, (morning, next_at))), is_missed=is_missed)
    left_out = tuple(due[:-1])
    return Plan(send=newest, to=to, is_missed=is_missed, left_out=left_out, next_at=next_at)


def _marks(
    request: Request, rules: ReminderRules, snooze: Snooze | None, now: datetime
) -> Iterator[Mark]:
    before = list(_before(request, rules))
    # One from ahead was counted by a clock that was wrong, and would last for too long.
    is_real = snooze is not None and snooze.at < now + JUST_ACTED
    if snooze is not None and is_real and snooze.asked_at == request.asked_at:
        until = min(snooze.until, request.due_at)
        before = [mark for mark in before if mark.at >= until]
        if until < request.due_at:
            # One that has swallowed the last is itself the last.
            kind = Kind.AGAIN if before else Kind.LAST
            yield Mark(kind=kind, name=f"again-{int(until.timestamp())}", at=until)
    yield from before
    name = deadline_name(request.due_at, rules.hours)
    yield Mark(kind=Kind.DEADLINE, name=name, at=request.due_at)
    yield from _after(request.due_at, rules.hours, now)


def _before(request: Request, rules: ReminderRules) -> Iterator[Mark]:
    total = rules.hours.between(request.asked_at, request.due_at)
    for number in rules.before:
        passed = total - number * HOUR
        if passed > timedelta(0):
            kind = Kind.LAST if number == rules.before[-1] else Kind.BEFORE
            at = rules.hours.add(request.asked_at, passed)
            yield Mark(kind=kind, name=f"{number:g}h", at=at)


def _after(due_at: datetime, hours: BusinessHours, now: datetime) -> list[Mark]:
    """Return the last mark that has passed, for it stands for those before, and the next one."""
    days = hours.later_workdays(due_at)
    passed = list(takewhile(lambda each: each <= now, days))
    ahead = next(hours.later_workdays(max([due_at, *passed[-1:]])))
    return [
        Mark(kind=Kind.AFTER, name=f"late-{at.astimezone(hours.timezone).date()}", at=at)
        for at in [*passed[-1:], ahead]
    ]


def _put_off(mark: Mark, rules: ReminderRules, recipients: Sequence[Recipient]) -> datetime:
    if mark.kind is Kind.LAST:
        return mark.at
    return _awake_at(mark.at, rules, recipients)


def _awake_at(moment: datetime, rules: ReminderRules, recipients: Sequence[Recipient]) -> datetime:
    """Return from when on, after a moment, one of them may be spoken to; the team, if nobody is."""
    zones = [each.zone for each in recipients] or [rules.hours.timezone]
    return min(rules.quiet.end(moment, zone, rules.hours) for zone in zones)


def _awake(
    recipients: Sequence[Recipient], rules: ReminderRules, now: datetime
) -> tuple[Recipient, ...]:
    return tuple(each for each in recipients if _awake_at(now, rules, [each]) == now)


def _is_done(mark: Mark, done: Collection[str]) -> bool:
    """Whether a mark was sent or left out, or one that comes after it, whenever that was."""
    if mark.name in done:
        return True
    place = _place(mark.name)
    return place is not None and any((_place(name) or (-1, 0)) > place for name in done)


def _place(name: str) -> tuple[int, float] | None:
    """Return the place of a mark in the order of its round, which a moved deadline leaves alone.

    A day after the deadline has its place at midnight: so it comes before a deadline that has moved
    to that day.
    """
    if match := _BEFORE.fullmatch(name):
        return 0, -float(match[1])
    if match := _FROM_DEADLINE.fullmatch(name):
        return 1, datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp()
    return None


def lead_at(
    due_at: datetime, told_at: datetime, rules: ReminderRules, zone: ZoneInfo, now: datetime
) -> datetime | None:
    """Return when, from now on, the lead is to be told that nobody reacts, ``None`` if never.

    Args:
        due_at: The deadline.
        told_at: When its reminder was sent, or left out.
        rules: The team's.
        zone: The lead's time zone.
        now: The current moment.
    """
    if told_at < due_at or rules.hours.between(due_at, told_at) > LEAD_MEMORY:
        return None
    return rules.quiet.end(max(told_at + LEAD_PATIENCE, now), zone, rules.hours)


def has_reaction(request: Request, decisions: Iterable[Decision]) -> bool:
    """Return whether a person has acted on a request since its deadline and not released it.

    A claim counts for as long as it holds, made here or in GitLab. A release leaves nobody at the
    request, whatever was done about it before.

    Args:
        request: The request as decided so far.
        decisions: What was decided about it, in its order, at least since the deadline.
    """
    due_at, held_since = request.due_at, request.held_since
    if held_since is not None and held_since >= due_at:
        return True
    # Whether a claim still holds, the request itself says.
    telling = [each for each in decisions if not isinstance(each.action, Claim | TakeOver)]
    latest = next(reversed(telling), None)
    return latest is not None and latest.at >= due_at and not isinstance(latest.action, Release)


class SnoozeFor(StrEnum):
    """For how long reminders can be snoozed."""

    HOUR = "hour"
    FOUR_HOURS = "four_hours"
    TOMORROW = "tomorrow"
    DEADLINE = "deadline"


MORNING = time(9)
"""When tomorrow begins for those who snooze until then."""


def snoozed_until(choice: SnoozeFor, now: datetime, zone: ZoneInfo, due_at: datetime) -> datetime:
    """Return when a snooze ends: never after the deadline.

    Args:
        choice: For how long.
        now: The moment of the choice.
        zone: The time zone of the person who snoozes.
        due_at: The deadline.
    """
    match choice:
        case SnoozeFor.HOUR:
            until = now + HOUR
        case SnoozeFor.FOUR_HOURS:
            until = now + 4 * HOUR
        case SnoozeFor.TOMORROW:
            tomorrow = now.astimezone(zone).date() + timedelta(days=1)
            until = datetime.combine(tomorrow, MORNING, tzinfo=zone)
        case SnoozeFor.DEADLINE:
            return due_at
    return min(until.astimezone(due_at.tzinfo), due_at)


def judge_snooze(request: Request, now: datetime) -> Refusal | None:
    """Judge whether reminders of a request can be snoozed: ``None`` when they can."""
    if request.is_gone:
        return IssueGone()
    if finished := why_finished(request):
        return finished
    return DeadlinePassed() if now >= request.due_at else None


def judge_reason(reason: str) -> Refusal | None:
    """Judge the reason for a snooze: there has to be one."""
    return None if reason.strip() else ReasonRequired()
