"""Which reminder of an initial response is due."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.request import IssueKey, Request, Triage
from slackbot.rules.timing.deadline import BusinessHours
from slackbot.rules.timing.reminders import ReminderRules, parse_quiet_hours
from slackbot.rules.timing.responses import Mark, mark_of, needs_response, respond_by

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
WORKDAYS = BusinessHours(timezone=AMSTERDAM)
REMINDERS = ReminderRules(before=(24,), hours=WORKDAYS, quiet=parse_quiet_hours("20:00-08:00"))
BORN = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
FEEDBACK = Request(
    key=IssueKey(1, 1),
    url="https://gitlab.example.com/a/-/issues/1",
    title="Negative feedback for ticket 412345",
    created_at=BORN,
    asked_at=BORN,
    due_at=BORN,
    is_requested=False,
    was_requested=False,
    triage=Triage.AWAITED,
    sentiment=Sentiment.NEGATIVE,
)


@pytest.mark.parametrize(
    ("age", "needs"),
    [
        (timedelta(days=5, seconds=-1), False),
        (timedelta(days=5), True),
        (timedelta(days=12, seconds=-1), True),
        (timedelta(days=12), False),
    ],
)
def test_people_are_reminded_from_the_fifth_day_on(age: timedelta, needs: bool) -> None:
    assert needs_response(FEEDBACK, BORN + age) is needs


@pytest.mark.parametrize(
    ("born", "last"),
    [
        # On Friday at 15:00: the seventh day is a Friday, and begins at 8:00.
        ("2026-01-30T15:00", "2026-02-06T08:00"),
        # The night before the deadline is too late, so it is the day before.
        ("2026-02-03T08:30", "2026-02-09T08:00"),
        # The deadline is on a Saturday: the last working day before it.
        ("2026-01-31T10:30", "2026-02-06T08:00"),
        ("2026-02-02T19:30", "2026-02-09T08:00"),
    ],
)
def test_the_last_reminder_comes_in_their_morning_while_there_is_time(born: str, last: str) -> None:
    created = datetime.fromisoformat(born).replace(tzinfo=AMSTERDAM)
    morning = datetime.fromisoformat(last).replace(tzinfo=AMSTERDAM)
    feedback = replace(FEEDBACK, created_at=created)
    before = morning - timedelta(seconds=1)
    assert mark_of(feedback, before, AMSTERDAM, REMINDERS) is Mark.FIFTH
    assert mark_of(feedback, morning, AMSTERDAM, REMINDERS) is Mark.LAST


@given(
    st.timedeltas(timedelta(0), timedelta(days=365)),
    st.sampled_from(["Europe/Amsterdam", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Apia"]),
)
def test_the_last_reminder_leaves_time_to_respond(later: timedelta, zone_name: str) -> None:
    feedback = replace(FEEDBACK, created_at=BORN + later)
    by, zone = respond_by(feedback), ZoneInfo(zone_name)
    latest = by - timedelta(hours=1)
    assert mark_of(feedback, latest, zone, REMINDERS) is Mark.LAST


def test_a_good_review_needs_no_initial_response() -> None:
    good = replace(FEEDBACK, sentiment=Sentiment.POSITIVE)
    assert not needs_response(good, BORN + timedelta(days=5))
    neutral = replace(FEEDBACK, sentiment=Sentiment.NEUTRAL)
    assert needs_response(neutral, BORN + timedelta(days=5))


@pytest.mark.parametrize("triage", [Triage.LABELED, Triage.CLOSED, None])
def test_what_is_triaged_or_waits_for_contact_is_not_reminded_of(triage: Triage | None) -> None:
    assert not needs_response(replace(FEEDBACK, triage=triage), BORN + timedelta(days=5))


def test_the_response_is_due_seven_days_after_the_creation() -> None:
    assert respond_by(FEEDBACK) == BORN + timedelta(days=7)
