"""How the time to a deadline is counted, and when that changes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slackbot.rules.timing.countdown import Left, Overdue, countdown, next_change
from slackbot.rules.timing.deadline import ALWAYS, BusinessHours

FRIDAY = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
DUE = datetime(2026, 2, 3, 15, 0, tzinfo=UTC)
AMSTERDAM = BusinessHours(timezone=ZoneInfo("Europe/Amsterdam"))
OFFICE = BusinessHours(opens=9 * 60, closes=17 * 60, holidays={date(2026, 2, 2)})


@pytest.mark.parametrize(
    ("now", "counted"),
    [
        (FRIDAY, Left(48)),
        (FRIDAY + timedelta(minutes=15), Left(47)),
        # The weekend does not count.
        (datetime(2026, 1, 31, 12, 0, tzinfo=UTC), Left(39)),
        (DUE - timedelta(minutes=59), Left(0)),
        (DUE, Overdue(hours=0)),
        (DUE + timedelta(minutes=90), Overdue(hours=1)),
        # Overdue time is elapsed time: by the hour, from two days on by the day.
        (DUE + timedelta(hours=47, minutes=59), Overdue(hours=47)),
        (DUE + timedelta(hours=48), Overdue(days=2)),
        (DUE + timedelta(days=8, hours=1), Overdue(days=8)),
    ],
)
def test_time_is_counted_in_whole_steps(now: datetime, counted: Left | Overdue) -> None:
    assert countdown(DUE, now, ALWAYS) == counted


@pytest.mark.parametrize(
    ("now", "changes_at"),
    [
        # 47 h 45 min are left: in 45 minutes, the 46th has begun.
        (FRIDAY + timedelta(minutes=15), FRIDAY + timedelta(hours=1, seconds=1)),
        # Full hours read the same for that one moment.
        (FRIDAY, FRIDAY + timedelta(seconds=1)),
        (FRIDAY + timedelta(seconds=1), FRIDAY + timedelta(hours=1, seconds=1)),
        # Nothing changes over the weekend: 39 hours are left on Friday at 24:00.
        (datetime(2026, 1, 30, 23, 30, tzinfo=UTC), datetime(2026, 2, 2, 0, 0, 1, tzinfo=UTC)),
        (datetime(2026, 1, 31, 12, 0, tzinfo=UTC), datetime(2026, 2, 2, 0, 0, 1, tzinfo=UTC)),
        # The last hour ends with the deadline.
        (DUE - timedelta(minutes=59), DUE),
        (DUE - timedelta(hours=1), DUE - timedelta(minutes=59, seconds=59)),
        # After it by the hour, from two days on by the day.
        (DUE, DUE + timedelta(hours=1)),
        (DUE + timedelta(minutes=90), DUE + timedelta(hours=2)),
        (DUE + timedelta(hours=47, minutes=59), DUE + timedelta(hours=48)),
        (DUE + timedelta(hours=48), DUE + timedelta(hours=72)),
        (DUE + timedelta(days=8, hours=1), DUE + timedelta(days=9)),
    ],
)
def test_the_next_change_is_known(now: datetime, changes_at: datetime) -> None:
    assert next_change(DUE, now, ALWAYS) == changes_at


@given(
    st.timedeltas(timedelta(days=-6), timedelta(days=6)),
    st.sampled_from([ALWAYS, AMSTERDAM, OFFICE]),
)
@example(timedelta(0), ALWAYS)
@example(timedelta(hours=-72), ALWAYS)  # on Saturday, when the clock stands still
@example(timedelta(hours=-64), OFFICE)
@settings(deadline=None)
def test_it_changes_then_and_not_before(late: timedelta, hours: BusinessHours) -> None:
    now = DUE + late
    then = next_change(DUE, now, hours)
    assert then > now
    counted = countdown(DUE, now, hours)
    assert countdown(DUE, max(then - timedelta(seconds=2), now), hours) == counted
    assert countdown(DUE, then + timedelta(seconds=1), hours) != counted
