"""Which reminder of an initial response is due."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from slackbot.rules.feedback import Sentiment
from slackbot.rules.request import IssueKey, Request, Triage
from slackbot.rules.responses import Mark, mark_of, respond_by

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
    ("age", "mark"),
    [
        (timedelta(days=5, seconds=-1), None),
        (timedelta(days=5), Mark.FIFTH),
        (timedelta(days=7, seconds=-1), Mark.FIFTH),
        (timedelta(days=7), Mark.LAST),
        (timedelta(days=12, seconds=-1), Mark.LAST),
        (timedelta(days=12), None),
    ],
)
def test_people_are_reminded_on_the_fifth_and_the_seventh_day(
    age: timedelta, mark: Mark | None
) -> None:
    assert mark_of(FEEDBACK, BORN + age) is mark


def test_a_good_review_needs_no_initial_response() -> None:
    good = replace(FEEDBACK, sentiment=Sentiment.POSITIVE)
    assert mark_of(good, BORN + timedelta(days=5)) is None
    neutral = replace(FEEDBACK, sentiment=Sentiment.NEUTRAL)
    assert mark_of(neutral, BORN + timedelta(days=5)) is Mark.FIFTH


@pytest.mark.parametrize("triage", [Triage.LABELED, Triage.CLOSED, None])
def test_what_is_triaged_or_waits_for_contact_is_not_reminded_of(triage: Triage | None) -> None:
    assert mark_of(replace(FEEDBACK, triage=triage), BORN + timedelta(days=5)) is None


def test_the_response_is_due_seven_days_after_the_creation() -> None:
    assert respond_by(FEEDBACK) == BORN + timedelta(days=7)
