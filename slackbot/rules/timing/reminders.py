"""When people are reminded of a contact request. Pure; all moments are UTC."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from itertools import takewhile
from zoneinfo import ZoneInfo

from slackbot.rules.decision import Claim, Decision, Release, TakeOver, why_finished
from slackbot.rules.reading.characters import is_visible
from slackbot.rules.refusals import DeadlinePassed, IssueGone, ReasonRequired, Refusal
from slackbot.rules.request import Person, Request
from slackbot.rules.timing.deadline import (
    MINUTES_IN_DAY,
    BusinessHours,
    parse_timezone,
    parse_window,
)

HOUR = timedelta(hours=1)

JUST_ACTED = timedelta(minutes=15)
"""A person who acted this recently is not reminded."""
LATE = timedelta(minutes=30)
"""Then a reminder was missed, and says so."""
LEAD_PATIENCE = timedelta(minutes=30)
"""Between the deadline's reminder and the word to the lead."""
LEAD_MEMORY = timedelta(hours=24)
"""In business time: a deadline's reminder later than this involves no lead."""

_BEFORE = re.compile(r"([0-9.]+)h")
_FROM_DEADLINE = re.compile(r"(?:deadline|late)-([0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{4})?)")
_QUIET = re.compile(r"\s*(\S+?)\s*-\s*(\S+)\s*")
OFF = "off"


class Kind(StrEnum):
    BEFORE = "before"
    LAST = "last"
    """The last before the deadline, perhaps a snooze's end: goes out at any hour."""
    DEADLINE = "deadline"
    AFTER = "after"
    AGAIN = "again"
    """A snooze's end, with others before the deadline to come."""


IN_CHANNEL = frozenset({Kind.LAST, Kind.DEADLINE, Kind.AFTER})
BEFORE_DEADLINE = frozenset({Kind.BEFORE, Kind.LAST, Kind.AGAIN})


@dataclass(frozen=True, kw_only=True)
class Mark:
    kind: Kind
    name: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class QuietHours:
    """Kept as the other windows, in minutes after midnight."""

    awake: tuple[tuple[int, int], ...] = ((0, MINUTES_IN_DAY),)

    def end(self, moment: datetime, zone: ZoneInfo, hours: BusinessHours) -> datetime:
        """Return the first moment, from ``moment`` on, at which a person may be spoken to.

        The team's days off hold for each in their own zone.
        """
        return min(
            replace(hours, timezone=zone, opens=opens, closes=closes).next_opening(moment)
            for opens, closes in self.awake
        )


def parse_quiet_hours(text: str) -> QuietHours:
    """Read ``20:00-08:00``, which may cross midnight, or ``off``.

    Raises:
        ValueError: The message says what is allowed.
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
    """Read business hours before the deadline, as ``24,12,4,1``, or ``off``.

    Raises:
        ValueError: The message says what is allowed.
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


@dataclass(frozen=True, kw_only=True)
class DigestTime:
    minute: int
    """After midnight."""
    zone: ZoneInfo | None = None
    """``None``: the team's."""

    def __str__(self) -> str:
        """As people write it; it is part of keys."""
        return f"{self.minute // 60:02}:{self.minute % 60:02} {self.zone or ''}".strip()


def parse_digest(text: str) -> tuple[DigestTime, ...]:
    """Read ``09:00, 15:00 America/New_York``, or ``off``.

    Raises:
        ValueError: The message says what is allowed.
    """
    if text.strip().lower() == OFF:
        return ()
    parts = [part for part in text.split(",") if part.strip()]
    times = tuple(map(_digest_time, parts or [text]))
    if len(set(times)) < len(times):
        raise ValueError("There is a time twice: leave one out.")
    return times


def _digest_time(text: str) -> DigestTime:
    time, _, zone = text.strip().partition(" ")
    try:
        minute = parse_window(f"{time}-24:00")[0]
    except ValueError:
        raise ValueError(
            "This is not a time of the day: write it as 09:00, or off. "
            "Several are separated by commas: 09:00, 15:00 America/New_York."
        ) from None
    return DigestTime(minute=minute, zone=parse_timezone(zone.strip()) if zone else None)


@dataclass(frozen=True, kw_only=True)
class ReminderRules:
    """``before`` is in business hours, the largest first."""

    before: tuple[float, ...]
    hours: BusinessHours
    quiet: QuietHours = field(default_factory=QuietHours)

    @property
    def is_off(self) -> bool:
        return not self.before

    def quiet_for(self, own_hours: QuietHours | None) -> QuietHours:
        """Prefer a person's own, unless the team has none at all."""
        return self.quiet if own_hours is None or self.quiet == QuietHours() else own_hours


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """``acted_at`` is when they last saw to the request."""

    person: Person
    zone: ZoneInfo
    acted_at: datetime | None = None
    own_hours: QuietHours | None = None
    """In the place of the team's quiet hours."""

    def has_just_acted(self, now: datetime) -> bool:
        # Further ahead, a clock was wrong.
        return self.acted_at is not None and abs(now - self.acted_at) < JUST_ACTED


@dataclass(frozen=True, kw_only=True)
class Snooze:
    by: Person
    at: datetime
    until: datetime
    reason: str
    asked_at: datetime
    """The round: a customer who asks again gets new reminders."""
    interaction: str
    """Slack's id of the submission, the same in a repetition."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """``next_at`` is when to look again."""

    send: Mark | None = None
    to: tuple[Recipient, ...] = ()
    """Nobody of them sleeps, unless it is the last before the deadline.

    What shows in the channel goes out even to nobody.
    """
    is_missed: bool = False
    """What is sent or put off is late: the bot or Slack was away."""
    left_out: tuple[Mark, ...] = ()
    next_at: datetime | None = None


def deadline_name(due_at: datetime, hours: BusinessHours) -> str:
    # A moved deadline has another name.
    return f"{Kind.DEADLINE}-{due_at.astimezone(hours.timezone):%Y-%m-%dT%H%M}"


def round_key(request: Request) -> str:
    """All marks of a round share it; who asks again begins another."""
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
    """Decide which reminder of an unfinished request to send now, if any.

    ``done`` names this round's marks already sent or left out. What was missed before ``shown_at``
    the card has said.

    ``planned_at`` is the last look's plan, if nothing was late then. Lateness counts from there at
    the earliest: until now the recipients may have been others, who slept.
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
    # The channel has other readers than those who have just acted.
    is_in_vain = bool(recipients) and not to and newest.kind not in IN_CHANNEL
    if is_said or is_in_vain:
        return Plan(left_out=tuple(due), next_at=next_at)
    # What was missed is due at any hour: the current one counts.
    morning = now if is_at_any_hour else _awake_at(now, rules, recipients)
    if morning > now:
        return Plan(next_at=min(filter(None, (morning, next_at))), is_missed=is_missed)
    left_out = tuple(due[:-1])
    return Plan(send=newest, to=to, is_missed=is_missed, left_out=left_out, next_at=next_at)


def _marks(
    request: Request, rules: ReminderRules, snooze: Snooze | None, now: datetime
) -> Iterator[Mark]:
    before = list(_before(request, rules))
    # One from ahead comes from a wrong clock, and would last too long.
    is_real = snooze is not None and snooze.at < now + JUST_ACTED
    if snooze is not None and is_real and snooze.asked_at == request.asked_at:
        until = min(snooze.until, request.due_at)
        before = [mark for mark in before if mark.at >= until]
        if until < request.due_at:
            # One that swallows the last is the last.
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
    """Return the last passed mark, which stands for those before, and the next."""
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
    """Without recipients, the team counts."""
    if not recipients:
        return rules.quiet.end(moment, rules.hours.timezone, rules.hours)
    return min(
        rules.quiet_for(each.own_hours).end(moment, each.zone, rules.hours) for each in recipients
    )


def _awake(
    recipients: Sequence[Recipient], rules: ReminderRules, now: datetime
) -> tuple[Recipient, ...]:
    return tuple(each for each in recipients if _awake_at(now, rules, [each]) == now)


def _is_done(mark: Mark, done: Collection[str]) -> bool:
    """Count a later mark, sent or left out, too."""
    if mark.name in done:
        return True
    place = _place(mark.name)
    return place is not None and any((_place(name) or (-1, 0)) > place for name in done)


def _place(name: str) -> tuple[int, float] | None:
    """Order marks within a round, in which the deadline may move.

    A day after the deadline counts from midnight, to precede a deadline moved to that day.
    """
    if match := _BEFORE.fullmatch(name):
        return 0, -float(match[1])
    if match := _FROM_DEADLINE.fullmatch(name):
        return 1, datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp()
    return None


def lead_at(
    due_at: datetime, told_at: datetime, rules: ReminderRules, zone: ZoneInfo, now: datetime
) -> datetime | None:
    """Return when, from now on, to tell the lead that nobody reacts.

    ``told_at`` is when the deadline's reminder was sent or left out; ``zone`` is the lead's.
    """
    if told_at < due_at or rules.hours.between(due_at, told_at) > LEAD_MEMORY:
        return None
    return rules.quiet.end(max(told_at + LEAD_PATIENCE, now), zone, rules.hours)


def has_reaction(request: Request, decisions: Iterable[Decision]) -> bool:
    """Return whether a person has acted since the deadline and not released the request.

    A claim counts while it holds, also from GitLab. ``decisions`` are in order.
    """
    due_at, held_since = request.due_at, request.held_since
    if held_since is not None and held_since >= due_at:
        return True
    # The request tells whether a claim holds.
    telling = [each for each in decisions if not isinstance(each.action, Claim | TakeOver)]
    latest = next(reversed(telling), None)
    return latest is not None and latest.at >= due_at and not isinstance(latest.action, Release)


class SnoozeFor(StrEnum):
    HOUR = "hour"
    FOUR_HOURS = "four_hours"
    TOMORROW = "tomorrow"
    DEADLINE = "deadline"


MORNING = time(9)


def snoozed_until(choice: SnoozeFor, now: datetime, zone: ZoneInfo, due_at: datetime) -> datetime:
    """``zone`` is that of the person who snoozes."""
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
    if request.is_gone:
        return IssueGone()
    if finished := why_finished(request):
        return finished
    return DeadlinePassed() if now >= request.due_at else None


def judge_reason(reason: str) -> Refusal | None:
    return None if is_visible(reason) else ReasonRequired()
