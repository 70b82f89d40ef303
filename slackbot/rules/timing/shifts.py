"""Who is on duty when, what nobody covers, and who is next. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Generic, TypeVar

from slackbot.rules.request import Person
from slackbot.rules.timing.deadline import BusinessHours

P = TypeVar("P")

AHEAD = timedelta(days=28)
"""How far ahead schedules are read."""
COMING = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Shift(Generic[P]):
    """A time with the same people on duty; the moment of its end belongs to the next."""

    people: tuple[P, ...]
    begins: datetime
    ends: datetime

    def includes(self, moment: datetime) -> bool:
        return self.begins <= moment < self.ends


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """As people find it."""

    name: str
    url: str = ""
    problem: str | None = None
    """Why it cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Uncovered:
    begins: datetime
    ends: datetime
    away: tuple[Person, ...] = ()
    """On duty, but away; empty if nobody is on duty."""
    is_open_ended: bool = False
    """Nobody knows when they are back."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the schedules said of the time to come; moments are UTC."""

    read_at: datetime
    shifts: tuple[Shift[Person], ...]
    schedules: tuple[Schedule, ...] = ()
    absences: Mapping[str, datetime | None] = field(default_factory=dict)
    """Until when who is away now, by Slack user id; ``None`` if nobody knows."""

    @property
    def known_until(self) -> datetime:
        return self.read_at + AHEAD

    def next_shift(self, now: datetime) -> Shift[Person] | None:
        """Return the first with other people than now."""
        current = shift_at(self.shifts, now)
        people = current.people if current else ()
        later = (each for each in self.shifts if each.begins > now)
        return next((each for each in later if each.people != people), None)

    def uncovered(
        self, since: datetime, until: datetime, hours: BusinessHours
    ) -> tuple[Uncovered, ...]:
        """Return what matters to customers: nobody waits outside the business hours."""
        until = min(until, self.known_until)
        found = [*_gaps(self.shifts, since, until), *self._unattended(since, until)]
        found = [each for each in found if hours.between(each.begins, each.ends)]
        return tuple(sorted(found, key=lambda each: each.begins))

    def _unattended(self, since: datetime, until: datetime) -> Iterator[Uncovered]:
        for shift in self.shifts:
            if not all(each.slack_user in self.absences for each in shift.people):
                continue
            ends = [self.absences[str(each.slack_user)] for each in shift.people]
            known = [each for each in ends if each is not None]
            begins, back = max(shift.begins, since), min([shift.ends, until, *known])
            if begins < back:
                yield Uncovered(
                    begins=begins, ends=back, away=shift.people, is_open_ended=not known
                )


def _gaps(shifts: Iterable[Shift[P]], since: datetime, until: datetime) -> Iterator[Uncovered]:
    for shift in shifts:
        ends = min(shift.begins, until)
        if since < ends:
            yield Uncovered(begins=since, ends=ends)
        since = max(since, shift.ends)
    if since < until:
        yield Uncovered(begins=since, ends=until)


def shift_at(shifts: Iterable[Shift[P]], moment: datetime) -> Shift[P] | None:
    return next((each for each in shifts if each.includes(moment)), None)


def in_order(schedules: Sequence[Sequence[Shift[P]]]) -> tuple[Shift[P], ...]:
    """Let the first schedule serve that names somebody, at each moment."""
    every = [shift for shifts in schedules for shift in shifts]
    moments = sorted({moment for each in every for moment in (each.begins, each.ends)})
    served = (
        Shift(people=_serving(schedules, begins), begins=begins, ends=ends)
        for begins, ends in pairwise(moments)
    )
    return joined(each for each in served if each.people)


def _serving(schedules: Sequence[Sequence[Shift[P]]], moment: datetime) -> tuple[P, ...]:
    for shifts in schedules:
        current = [each for each in shifts if each.includes(moment)]
        if people := dict.fromkeys(who for each in current for who in each.people):
            return tuple(people)
    return ()


def joined(shifts: Iterable[Shift[P]]) -> tuple[Shift[P], ...]:
    """Make one of those in a row with the same people."""
    found: list[Shift[P]] = []
    for each in shifts:
        if found and found[-1].people == each.people and found[-1].ends == each.begins:
            found[-1] = replace(found[-1], ends=each.ends)
        else:
            found.append(each)
    return tuple(found)
