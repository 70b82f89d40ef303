"""What an account of PagerDuty holds: users, schedules, and who is on call."""

import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from slackbot.local.pagerduty.faults import Faults
from slackbot.local.traffic import Traffic


@dataclass(eq=False, kw_only=True)
class User:
    """A person with an account."""

    id: str
    name: str
    email: str


@dataclass(eq=False, kw_only=True)
class Turn:
    """A time for which the schedule names a person."""

    user: User
    start: datetime
    end: datetime


EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(eq=False, kw_only=True)
class Schedule:
    """A rotation, and whom it names: now, until its end if it has one, and later."""

    id: str
    name: str
    on_call: list[User] = field(default_factory=list)
    until: datetime | None = None
    later: list[Turn] = field(default_factory=list)
    status: int | None = None
    """Answer this when asked for the schedule, until set to None again."""

    def forget_past(self, now: datetime) -> None:
        """Let the turn that is under way be the first one, and drop those that have ended."""
        begun = [turn for turn in self.later if turn.start <= now]
        if begun:
            self.on_call, self.until = [begun[-1].user], begun[-1].end
        self.later = [turn for turn in self.later if turn.start > now]
        if self.until and self.until <= now:
            self.on_call, self.until = [], self.later[0].start if self.later else None

    def turns(self, since: datetime, until: datetime) -> Iterator[Turn]:
        """Tell who is on call in a period, cut off at its bounds."""
        now = [Turn(user=user, start=EARLIEST, end=self.until or LATEST) for user in self.on_call]
        for turn in sorted([*now, *self.later], key=lambda each: each.start):
            start, end = max(turn.start, since), min(turn.end, until)
            if start < end:
                yield Turn(user=turn.user, start=start, end=end)


class PagerDuty:
    """One account.

    Attributes:
        token: the REST API key that it accepts
        status: answer this to everything, until set to None again
        headers: what such an answer carries
        hang: wait so many seconds before any answer
        faults: the same three, as trouble to order and to call off
        requests: the paths asked for, in order
        violations: what a well-behaved client must not do, in words
        changed: called after each change that comes over HTTP
    """

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.token = f"y_{secrets.token_hex(9)}"
        self.users: list[User] = []
        self.schedules: dict[str, Schedule] = {}
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.hang: float = 0
        self.requests: list[str] = []
        self.violations: list[str] = []
        self.changed: Callable[[], None] = lambda: None
        self.traffic: Traffic | None = None
        self.faults = Faults(self)
        self._numbers = itertools.count(1)

    def reset(self) -> None:
        """Forget what has happened and what trouble was ordered; people and schedules stay."""
        self.requests.clear()
        self.violations.clear()
        self.faults.clear()
        for schedule in self.schedules.values():
            schedule.status = None
        if self.traffic is not None:
            self.traffic.forget("PagerDuty")

    def add_user(self, name: str, email: str) -> User:
        """Add a person."""
        user = User(id=f"PUSER{next(self._numbers)}", name=name, email=email)
        self.users.append(user)
        return user

    def add_schedule(
        self,
        id: str,  # noqa: A002 - PagerDuty's own word
        *on_call: User,
        name: str = "SSAT Reviewing Manager",
    ) -> Schedule:
        """Add a schedule with these people on call."""
        schedule = Schedule(id=id, name=name, on_call=list(on_call))
        self.schedules[id] = schedule
        return schedule
