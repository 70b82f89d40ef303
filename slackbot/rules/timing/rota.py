"""Who is on duty, by weeks of the people file or PagerDuty's schedules. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from slackbot.rules.reading.characters import first_visible, whole
from slackbot.rules.reading.slack_ids import USERS, is_id
from slackbot.rules.timing.period import midnight
from slackbot.rules.timing.shifts import Schedule, Shift, joined, shift_at

_WEEK = re.compile(r"[0-9]{4}-W[0-9]{2}")
_WEEK_LENGTH = timedelta(days=7)
NAME_LIMIT, URL_LIMIT = 80, 300
"""An answer in Slack must have room for them."""


@dataclass(frozen=True, kw_only=True)
class OnCall:
    """What a schedule knows of a person."""

    name: str
    email: str | None = None
    slack_user: str | None = None
    pagerduty: str | None = None
    """Its id there."""


@dataclass(frozen=True, kw_only=True)
class Rota:
    """``people`` is mostly one; ``until`` is UTC."""

    people: tuple[OnCall, ...]
    until: datetime | None = None
    shifts: tuple[Shift[OnCall], ...] | None = None
    """``None`` if only the present is known."""
    schedules: tuple[Schedule, ...] = ()


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


def parse_duty(table: Mapping[str, Any]) -> dict[str, Weeks]:
    """Read the weeks of all, under an empty name, and the tables of teams.

    Raises:
        ValueError: As ``parse_weeks``; a team's table is named.
    """
    of_all = {name: value for name, value in table.items() if not isinstance(value, Mapping)}
    found: dict[str, Weeks] = {"": parse_weeks(of_all)}
    for team in table.keys() - of_all.keys():
        try:
            found[team] = parse_weeks(table[team])
        except ValueError as error:
            raise ValueError(f"{team}: {error}") from error
    return found


def parse_weeks(table: Mapping[str, Any]) -> dict[date, tuple[str, ...]]:
    """Read ``"2026-W05" = "U0AVERY"``; a value may be a list.

    Raises:
        ValueError: A key is no ISO week, or a value no Slack user id.
    """
    return {_monday(week): _users(week, value) for week, value in table.items()}


def _monday(week: str) -> date:
    try:
        return date.fromisoformat(week if _WEEK.fullmatch(week) else "")
    except ValueError:
        raise ValueError(f"{week!r} is no week: write it as 2026-W05") from None


def _users(week: str, value: Any) -> tuple[str, ...]:
    users = value if isinstance(value, list) else [value]
    if not users or not all(isinstance(each, str) and is_id(each, USERS) for each in users):
        raise ValueError(f"{week}: give a Slack user id (U…) or a list of them")
    return tuple(dict.fromkeys(users))


def week_shifts(weeks: Weeks, zone: ZoneInfo) -> tuple[Shift[OnCall], ...]:
    """Weeks begin on Monday at midnight in ``zone``; those in a row are one shift."""
    return joined(
        Shift(
            people=tuple(OnCall(name=user, slack_user=user) for user in users),
            begins=midnight(monday, zone),
            ends=midnight(monday + _WEEK_LENGTH, zone),
        )
        for monday, users in sorted(weeks.items())
    )


def rota_at(
    shifts: tuple[Shift[OnCall], ...],
    now: datetime,
    *,
    known_until: datetime | None = None,
    schedules: tuple[Schedule, ...] = (),
) -> Rota:
    """Give no end to a shift that goes on for as long as anything is known."""
    current = shift_at(shifts, now)
    until = current.ends if current else None
    if until is not None and known_until is not None and until >= known_until:
        until = None
    people = current.people if current else ()
    return Rota(people=people, until=until, shifts=shifts, schedules=schedules)


def read_shifts(
    schedule: Mapping[str, Any], users: Iterable[Mapping[str, Any]]
) -> tuple[Shift[OnCall], ...]:
    """Read what PagerDuty makes of a schedule's layers; its users have the emails.

    https://developer.pagerduty.com/api-reference/ (Get a schedule)
    """
    known = {str(user["id"]): read_user(user) for user in users}
    return tuple(
        Shift(
            people=(known.get(str(entry["user"].get("id"))) or read_user(entry["user"]),),
            begins=_moment(entry["start"]),
            ends=_moment(entry["end"]),
        )
        for entry in schedule["final_schedule"]["rendered_schedule_entries"]
    )


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC)


def read_schedule(schedule: Mapping[str, Any]) -> Schedule:
    schedule = whole(dict(schedule))
    url = str(schedule.get("html_url") or "")
    name = _name_of(schedule, "schedule")
    return Schedule(name=name, url=url if len(url) <= URL_LIMIT else "")


def read_user(user: Mapping[str, Any]) -> OnCall:
    """Read a user of PagerDuty; a mere reference has no email."""
    user = whole(dict(user))
    email, number = user.get("email"), user.get("id")
    return OnCall(
        name=_name_of(user, "someone"),
        email=str(email) if email else None,
        pagerduty=str(number) if number else None,
    )


def _name_of(data: Mapping[str, Any], fallback: str) -> str:
    names = (str(data.get(each) or "") for each in ("name", "summary", "id"))
    return first_visible(names, fallback)[:NAME_LIMIT]
