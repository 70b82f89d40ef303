"""Which issue of the week in review takes what is said now."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.timing.week import ReviewWeek, parse_weekday

THURSDAY = 3
ZONES = [
    "UTC",
    "Europe/Amsterdam",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Apia",  # Friday, 30 December 2011, was left out
    "America/Havana",  # midnight is skipped, and comes twice
    "America/St_Johns",  # the clocks went back over midnight
    "Asia/Beirut",
]
moments = st.timedeltas(timedelta(0), timedelta(days=30 * 365)).map(
    lambda since: datetime(2005, 1, 1, tzinfo=UTC) + since
)
weeks = st.builds(
    ReviewWeek,
    project=st.just("group/week"),
    label=st.just("week-in-review"),
    cutoff=st.integers(0, 6),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)


def week(zone: str = "UTC", cutoff: int = THURSDAY) -> ReviewWeek:
    return ReviewWeek(
        project="group/week", label="week-in-review", cutoff=cutoff, zone=ZoneInfo(zone)
    )


@pytest.mark.parametrize(
    ("zone", "now", "cutoff"),
    [
        # On the day itself, the week goes on.
        ("UTC", "2026-02-05T23:59:59+00:00", "2026-01-30T00:00:00+00:00"),
        ("UTC", "2026-02-06T00:00:00+00:00", "2026-02-06T00:00:00+00:00"),
        ("UTC", "2026-02-09T12:00:00+00:00", "2026-02-06T00:00:00+00:00"),
        # The day ends where the team is.
        ("America/New_York", "2026-02-06T04:59:59+00:00", "2026-01-30T05:00:00+00:00"),
        ("America/New_York", "2026-02-06T05:00:00+00:00", "2026-02-06T05:00:00+00:00"),
        # The clocks went forward on Sunday, 29 March, but not before Friday.
        ("Europe/Amsterdam", "2026-03-30T10:00:00+00:00", "2026-03-26T23:00:00+00:00"),
        ("Europe/Amsterdam", "2026-04-03T10:00:00+00:00", "2026-04-02T22:00:00+00:00"),
    ],
)
def test_the_last_cutoff_is_when_the_day_has_ended_for_the_team(
    zone: str, now: str, cutoff: str
) -> None:
    found = week(zone).last_cutoff(datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(cutoff)


def test_midnight_that_the_clocks_skip_is_the_moment_of_the_skip() -> None:
    # In Havana, Sunday 8 March 2026 begins at 1:00.
    saturday = week("America/Havana", cutoff=5)
    cutoff = saturday.last_cutoff(datetime(2026, 3, 9, tzinfo=UTC))
    assert cutoff == datetime(2026, 3, 8, 5, tzinfo=UTC)


@given(weeks, moments)
def test_the_last_cutoff_is_within_the_last_week_and_ends_its_day(
    week: ReviewWeek, now: datetime
) -> None:
    cutoff = week.last_cutoff(now)
    assert cutoff <= now < cutoff + timedelta(days=8)  # Apia's week of six days counts as seven
    before = (cutoff - timedelta(microseconds=1)).astimezone(week.zone).date()
    after = cutoff.astimezone(week.zone).date()
    ended = [before + timedelta(days=number) for number in range((after - before).days)]
    assert week.cutoff in [day.weekday() for day in ended]


@given(weeks, moments, st.timedeltas(timedelta(0), timedelta(days=30)))
def test_an_issue_is_taken_until_the_next_cutoff_and_never_again(
    week: ReviewWeek, created_at: datetime, age: timedelta
) -> None:
    now = created_at + age
    is_taken = week.takes(created_at, now)
    assert is_taken == (week.last_cutoff(now) <= created_at)
    if week.last_cutoff(created_at) == week.last_cutoff(now):
        assert is_taken
    if not is_taken:
        assert not week.takes(created_at, now + timedelta(days=7))


@given(weeks, moments, st.timedeltas(timedelta(0), timedelta(days=30)))
def test_the_last_cutoff_never_goes_back(week: ReviewWeek, now: datetime, by: timedelta) -> None:
    later = week.last_cutoff(now + by)
    # Clocks that go back over midnight show the day before again.
    assert later >= week.last_cutoff(now) or by < timedelta(hours=2)


@pytest.mark.parametrize(("text", "day"), [("Thu", 3), ("monday", 0), (" Sun ", 6)])
def test_a_weekday_is_read(text: str, day: int) -> None:
    assert parse_weekday(text) == day


@pytest.mark.parametrize("text", ["", "Mon-Fri", "Mon,Tue", "someday", "5"])
def test_what_is_no_single_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write one day of the week, such as Thu"):
        parse_weekday(text)
