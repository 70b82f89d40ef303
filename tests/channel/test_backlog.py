"""When a deadline is near enough for a card that can wait."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.channel.backlog import NEAR, near_at
from slackbot.rules.timing.deadline import BusinessHours

HOURS = BusinessHours()
FRIDAY = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "near_in"),
    [
        # Overdue, be it for months; due this minute.
        (timedelta(days=-99), None),
        (timedelta(0), None),
        # 9 hours of Friday, and 15 of Monday.
        (timedelta(days=3), None),
        # A minute more: near in a minute.
        (timedelta(days=3, minutes=1), timedelta(minutes=1)),
        # Tuesday at 15:00: near on Monday at 15:00.
        (timedelta(days=4), timedelta(days=3)),
    ],
)
def test_what_is_near_is_told_in_business_hours(left: timedelta, near_in: timedelta | None) -> None:
    at = near_at(FRIDAY + left, FRIDAY, HOURS)
    assert at == (None if near_in is None else FRIDAY + near_in)


@given(st.timedeltas(timedelta(0), timedelta(days=30)), st.timedeltas(timedelta(0), timedelta(7)))
def test_when_its_moment_has_come_a_deadline_is_near(ahead: timedelta, later: timedelta) -> None:
    now = FRIDAY + later
    due = now + ahead
    at = near_at(due, now, HOURS)
    if at is None:
        assert HOURS.between(now, due) <= NEAR
    else:
        assert now < at < due
        assert near_at(due, at, HOURS) is None
        assert near_at(due, at - timedelta(microseconds=1), HOURS) is not None
