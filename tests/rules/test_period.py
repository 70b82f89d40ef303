"""Which days people mean, however they write it."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.timing.period import (
    EARLIEST,
    Grouping,
    NotAsked,
    Period,
    Question,
    Trouble,
    read_question,
)
from slackbot.settings import Settings

TODAY = date(2026, 2, 12)


def period(start: str, end: str) -> Period:
    return Period(start=date.fromisoformat(start), end=date.fromisoformat(end))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", period("2026-01-14", "2026-02-13")),
        ("30d", period("2026-01-14", "2026-02-13")),
        ("7d", period("2026-02-06", "2026-02-13")),
        ("7D", period("2026-02-06", "2026-02-13")),
        ("2w", period("2026-01-30", "2026-02-13")),
        ("1d", period("2026-02-12", "2026-02-13")),
        ("quarter", period("2026-01-01", "2026-02-13")),
        ("last  quarter", period("2025-10-01", "2026-01-01")),
        ("last week", period("2026-02-02", "2026-02-09")),
        ("30 days", period("2026-01-14", "2026-02-13")),
        ("1 Day", period("2026-02-12", "2026-02-13")),
        ("2 weeks", period("2026-01-30", "2026-02-13")),
        ("2weeks", period("2026-01-30", "2026-02-13")),
        ("2025-12-01 .. 2026-01-01", period("2025-12-01", "2026-01-01")),
        ("2025-12-01...2026-01-01", period("2025-12-01", "2026-01-01")),
        ("2025-12-01 \u2026 2026-01-01", period("2025-12-01", "2026-01-01")),
        ("2025-12-01..2026-01-01", period("2025-12-01", "2026-01-01")),
        ("2026-02-01..2027-01-01", period("2026-02-01", "2026-02-13")),  # not the future
        ("1990-01-01..2001-01-01", period("2000-01-01", "2001-01-01")),
    ],
)
def test_a_period_is_whole_days_up_to_today(text: str, expected: Period) -> None:
    question = read_question(text, TODAY)
    assert question == Question(period=expected, is_default=not text)


@pytest.mark.parametrize(
    ("today", "start"),
    [(date(2026, 1, 1), date(2025, 10, 1)), (date(2026, 12, 31), date(2026, 7, 1))],
)
def test_the_last_quarter_is_the_whole_one_before(today: date, start: date) -> None:
    question = read_question("last quarter", today)
    assert question.period.start == start
    assert 90 <= question.period.days <= 92


def test_the_record_keeps_a_quarter_and_the_period_before_by_default() -> None:
    kept = Settings.model_fields["ssat_retention_days"].default
    for number in range(4 * 366):
        today = date(2024, 1, 1) + timedelta(days=number)
        assert (today - read_question("quarter", today).period.before.start).days < kept


@pytest.mark.parametrize("text", ["by label 7d csv", "csv 7 days by label", "7d by  label CSV"])
def test_words_come_in_any_order(text: str) -> None:
    question = read_question(text, TODAY)
    week = period("2026-02-06", "2026-02-13")
    assert question == Question(period=week, by=Grouping.LABEL, as_csv=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fortnight", NotAsked(Trouble.UNKNOWN_WORD, "fortnight")),
        ("quater", NotAsked(Trouble.UNKNOWN_WORD, "quater", "quarter")),
        ("0d", NotAsked(Trouble.UNKNOWN_WORD, "0d")),
        ("last", NotAsked(Trouble.UNKNOWN_WORD, "last", "last week")),
        ("week", NotAsked(Trouble.UNKNOWN_WORD, "week", "last week")),
        ("7", NotAsked(Trouble.UNKNOWN_WORD, "7", "7d")),
        ("7d label", NotAsked(Trouble.UNKNOWN_WORD, "label", "by label")),
        ("manger", NotAsked(Trouble.UNKNOWN_WORD, "manger", "by manager")),
        ("7d 30d", NotAsked(Trouble.ONE_TOO_MANY, "30d")),
        ("last week csv quarter", NotAsked(Trouble.ONE_TOO_MANY, "quarter")),
        ("by label 7d by region", NotAsked(Trouble.ONE_TOO_MANY, "by region")),
        ("2026-02-01 ..", NotAsked(Trouble.NO_SUCH_DATE)),
        ("by", NotAsked(Trouble.UNKNOWN_GROUPING)),
        ("by engineer", NotAsked(Trouble.UNKNOWN_GROUPING, "engineer")),
        (
            "by regoin",
            NotAsked(Trouble.UNKNOWN_GROUPING, "regoin", "region"),
        ),
        ("2026-02-30..2026-03-01", NotAsked(Trouble.NO_SUCH_DATE, "2026-02-30")),
        ("2026-02-01..", NotAsked(Trouble.NO_SUCH_DATE)),
        (
            "2026-02-02..2026-02-01",
            NotAsked(Trouble.ENDS_BEFORE_START, "2026-02-02..2026-02-01"),
        ),
        (
            "2026-02-02..2026-02-02",
            NotAsked(Trouble.ENDS_BEFORE_START, "2026-02-02..2026-02-02"),
        ),
        (
            "2026-02-13..2026-03-01",
            NotAsked(Trouble.IN_THE_FUTURE, "2026-02-13..2026-03-01"),
        ),
    ],
)
def test_what_is_not_understood_is_named(text: str, expected: NotAsked) -> None:
    with pytest.raises(NotAsked) as caught:
        read_question(text, TODAY)
    assert vars(caught.value) == vars(expected)


DATES = st.dates(min_value=EARLIEST, max_value=date(2100, 1, 1))


@given(
    st.text(max_size=60) | st.sampled_from(["by", "last", "..", "9999w", "csv", "7 d", "1 .. 2"]),
    DATES,
)
def test_any_text_is_answered_and_no_period_lies_in_the_future(text: str, today: date) -> None:
    try:
        question = read_question(text, today)
    except NotAsked:
        return
    assert question.period.start <= today
    assert question.period.end <= today + timedelta(days=1)


@given(DATES, st.integers(1, 9999))
def test_so_many_days_are_so_many(today: date, days: int) -> None:
    question = read_question(f"{days}d", today)
    assert question.period.days == min(days, 3660)
    assert question.period.last == today


@given(DATES, st.integers(1, 400), st.integers(1, 30))
def test_stretches_cover_a_period_without_a_gap(start: date, days: int, most: int) -> None:
    whole = Period(start=start, end=start + timedelta(days=days))
    found = list(whole.stretches(most))
    assert len(found) <= most
    assert (found[0].start, found[-1].end) == (whole.start, whole.end)
    assert all(one.end == other.start for one, other in itertools.pairwise(found))
    assert whole.before.days == days
    assert whole.before.end == whole.start


def test_a_day_without_an_hour_is_a_day() -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    start, end = period("2026-03-29", "2026-03-30").bounds(zone)
    assert (start, end - start) == (datetime(2026, 3, 28, 23, tzinfo=UTC), timedelta(hours=23))
