"""What an account of PagerDuty holds: users, schedules, and who is on call."""

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(eq=False, kw_only=True)
class User:
    """A person with an account."""

    id: str
    name: str
    email: str


@dataclass(eq=False, kw_only=True)
class Schedule:
    """A rotation, and whom it names now; on-calls are told only of those that policies use."""

    id: str
    on_call: list[User] = field(default_factory=list)
    until: datetime | None = None
    policies: int = 1


class PagerDuty:
    """One account.

    Attributes:
        token: the REST API key that it accepts
        status: answer this to everything, until set to None again
        headers: what such an answer carries
        hang: wait so many seconds before any answer
        requests: the paths asked for, in order
        violations: what a well-behaved client must not do, in words
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
        self._numbers = itertools.count(1)

    def add_user(self, name: str, email: str) -> User:
        """Add a person."""
        user = User(id=f"PUSER{next(self._numbers)}", name=name, email=email)
        self.users.append(user)
        return user

    def add_schedule(self, id: str, *on_call: User, policies: int = 1) -> Schedule:  # noqa: A002
        """Add a schedule with these people on call."""
        schedule = Schedule(id=id, on_call=list(on_call), policies=policies)
        self.schedules[id] = schedule
        return schedule
