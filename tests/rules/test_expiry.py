"""From when on the bot tells that a token ends."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.timing.expiry import NOTICE, expiry_problem

DAY = date(2026, 12, 24)
END = datetime(2026, 12, 24, tzinfo=UTC)
ENDED = "ended on 2026-12-24: create another for the same account, and set it"
TO_DO = "rotate it in GitLab, and set the new one"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (END - NOTICE - timedelta(seconds=1), None),
        (END - NOTICE, f"ends in 14 days, on 2026-12-24: {TO_DO}"),
        (END - timedelta(days=2), f"ends in 2 days, on 2026-12-24: {TO_DO}"),
        (END - timedelta(hours=30), f"ends in 1 day, on 2026-12-24: {TO_DO}"),
        (END - timedelta(seconds=1), f"ends within a day, on 2026-12-24: {TO_DO}"),
        (END, ENDED),
        (END + timedelta(days=400), ENDED),
    ],
)
def test_a_token_is_warned_of_from_two_weeks_before_its_day_begins(
    now: datetime, said: str | None
) -> None:
    assert expiry_problem(DAY, now) == said


@given(st.datetimes(timezones=st.just(UTC)))
def test_of_a_token_that_never_ends_nothing_is_said(now: datetime) -> None:
    assert expiry_problem(None, now) is None


@given(st.dates(), st.datetimes(timezones=st.timezones()))
def test_any_day_and_any_moment_can_be_judged(day: date, now: datetime) -> None:
    said = expiry_problem(day, now)
    assert said is None or str(day) in said
