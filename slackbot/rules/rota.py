"""Who is on duty, by weeks of the people file or PagerDuty's entries. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from slackbot.rules.characters import first_visible, whole
from slackbot.rules.slack_ids import USERS, is_id

_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")
_WEEK_LENGTH = timedelta(days=7)
NAME_LIMIT = 80


@dataclass(frozen=True, kw_only=True)
class OnCall:
    """What a schedule knows of a person."""

    name: str
    email: str | None = None
    slack_user: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rota:
    """``people`` is mostly one; ``until`` is UTC."""

    people: tuple[OnCall, ...]
    until: datetime | None = None


class NoAnswer(Exception):
    """A schedule is silent; the message says why, and what to do.

    ``retry_after`` is in seconds.
    """

    def __init__(
        self,
        problem: str,
        retry_after: float | None = None,
        *,
        needs_administrator: bool = False,
    ) -> None:
        super().__init__(problem)
        self.retry_after, self.needs_administrator = retry_after, needs_administrator


Weeks = Mapping[date, tuple[str, ...]]
"""Slack user ids by the Monday of a week."""


def parse_weeks(table: Mapping[str, Any]) -> dict[date, tuple[str, ...]]:
    """Read ``"2026-W05" = "U0AVERY"``; a value may be a list.

    Raises:
        ValueError: A key is no ISO week, or a value no Slack user id.
    """
    return {_monday(week): _users(week, value) for week, value in table.items()}


def _monday(week: str) -> date:
    match = _WEEK.fullmatch(week)
    try:
        if match is None:
            raise ValueError
        return date.fromisocalendar(int(match[1]), int(match[2]), 1)
    except ValueError:
        raise ValueError(f"{week!r} is no week: write it as 2026-W05") from None


def _users(week: str, value: Any) -> tuple[str, ...]:
    users = value if isinstance(value, list) else [value]
    if not users or not all(isinstance(each, str) and is_id(each, USERS) for each in users):
        raise ValueError(f"{week}: give a Slack user id (U…) or a list of them")
    return tuple(dict.fromkeys(users))


def in_week(weeks: Weeks, now: datetime, zone: ZoneInfo) -> Rota:
    """Weeks in a row are one turn; they begin on Monday at midnight in ``zone``."""
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    users = weeks.get(monday, ())
    while users and weeks.get(monday) == users:
        monday += _WEEK_LENGTH
    until = datetime.combine(monday, time.min, zone).astimezone(UTC) if users else None
    return Rota(people=tuple(OnCall(name=user, slack_user=user) for user in users), until=until)


def read_entries(entries: Iterable[Mapping[str, Any]]) -> Rota:
    """Read PagerDuty's on-calls, where a person stands once for each policy.

    https://developer.pagerduty.com/api-reference/ (List all of the on-calls)
    """
    people: dict[str, OnCall] = {}
    ends: list[datetime] = []
    for entry in entries:
        user = entry.get("user") or {}
        people.setdefault(str(user.get("id")), read_user(user))
        if end := entry.get("end"):  # without one, it never ends
            ends.append(datetime.fromisoformat(str(end)).astimezone(UTC))
    return Rota(people=tuple(people.values()), until=min(ends, default=None))


def read_user(user: Mapping[str, Any]) -> OnCall:
    """Read a user of PagerDuty; a mere reference has no email."""
    user = whole(dict(user))
    names = (str(user.get(each) or "") for each in ("name", "summary", "id"))
    email = user.get("email")
    return OnCall(
        name=first_visible(names, "someone")[:NAME_LIMIT], email=str(email) if email else None
    )
