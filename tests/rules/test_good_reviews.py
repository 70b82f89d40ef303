"""What may be done with a good review: kudos, and closing by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.decision import (
    Action,
    CloseIdle,
    Decision,
    Kudos,
    StepKind,
    apply,
    decide,
    step_of,
)
from slackbot.rules.offers import Offer, offers
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.refusals import (
    AlreadyClosed,
    AlreadyThanked,
    AskedForContact,
    IssueGone,
    NotIdle,
    Refusal,
)
from slackbot.rules.request import IDLE, IssueKey, Person, Request, Rules, Triage, Wait
from slackbot.rules.timing.deadline import ALWAYS

TOUCHED = datetime(2026, 1, 30, 15, tzinfo=UTC)
CLOSES = TOUCHED + timedelta(days=7)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U2")
RULES = Rules(
    contact_label="SSAT::Contact",
    contacted_label="contacted",
    scope="feedback",
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)
GOOD = Request(
    key=IssueKey(7, 1),
    url="https://gitlab.example/-/issues/1",
    title="Positive feedback for ticket 412345",
    sentiment=Sentiment.POSITIVE,
    is_requested=False,
    was_requested=False,
    asked_at=TOUCHED,
    due_at=TOUCHED,
    created_at=TOUCHED,
    gitlab_updated_at=TOUCHED,
    triage=Triage.AWAITED,
)
WAIT = Wait(what="the docs team", until=TOUCHED.date(), by=AVERY, at=TOUCHED)
CLOSED = replace(GOOD, is_open=False)


def judged(request: Request, action: Action, now: datetime = CLOSES) -> type[Refusal] | None:
    refusal = decide(request, action, AVERY, now, labels=(), scope="feedback")
    return type(refusal) if refusal else None


def after(request: Request, action: Action) -> Request:
    return apply(request, decided(action), RULES)


def decided(action: Action) -> Decision:
    return Decision(id=uuid4(), key=GOOD.key, by=AVERY, at=CLOSES, action=action)


@given(st.timedeltas(timedelta(days=-30), timedelta(days=30)))
def test_a_good_review_is_closed_by_itself_from_seven_idle_days_on(since: timedelta) -> None:
    is_idle = since >= timedelta(0)
    assert GOOD.is_idle(CLOSES + since) is is_idle
    assert judged(GOOD, CloseIdle(), CLOSES + since) is (None if is_idle else NotIdle)


@pytest.mark.parametrize(
    "other",
    [
        replace(GOOD, sentiment=Sentiment.NEGATIVE),
        replace(GOOD, sentiment=Sentiment.NEUTRAL),
        replace(GOOD, sentiment=None),
        replace(GOOD, is_requested=True),
        replace(GOOD, was_requested=True),
        replace(GOOD, says_contact=True),
        replace(GOOD, contacted_at=CLOSES),
        replace(GOOD, waits_on=WAIT),
        replace(GOOD, plans_contact=True),
        replace(GOOD, gitlab_updated_at=None),
    ],
)
def test_no_other_feedback_closes_by_itself(other: Request) -> None:
    assert other.closes_at is None
    assert judged(other, CloseIdle(), CLOSES + timedelta(days=365)) is NotIdle


@pytest.mark.parametrize(
    ("request_", "refusal"), [(CLOSED, AlreadyClosed), (replace(GOOD, is_gone=True), IssueGone)]
)
def test_what_has_ended_is_not_closed_again(request_: Request, refusal: type[Refusal]) -> None:
    assert judged(request_, CloseIdle()) is refusal


def test_what_closed_by_itself_was_not_handled_by_anybody() -> None:
    closed = after(GOOD, CloseIdle())
    assert (closed.is_open, closed.closed_because) == (False, IDLE)
    assert (closed.triage, closed.triaged_at) == (Triage.CLOSED, None)
    assert not closed.was_handled
    step = step_of(decided(CloseIdle()), GOOD)
    assert (step.kind, step.detail) == (StepKind.CLOSED, IDLE)


def test_a_review_gets_kudos_once() -> None:
    thanked = after(GOOD, Kudos(thanks=(BLAKE,)))
    assert thanked.thanked_by == AVERY
    assert thanked.was_handled
    assert (thanked.triage, thanked.triaged_at) == (Triage.CLOSED, CLOSES)
    assert judged(GOOD, Kudos()) is None
    assert judged(thanked, Kudos()) is AlreadyThanked
    assert judged(replace(GOOD, is_gone=True), Kudos()) is IssueGone
    assert Offer.KUDOS in offers(GOOD, CLOSES)
    assert Offer.KUDOS not in offers(thanked, CLOSES)


def test_kudos_never_close_what_a_customer_waits_for() -> None:
    asked = replace(GOOD, is_requested=True, was_requested=True)
    for request in (asked, replace(asked, holder=BLAKE)):
        assert judged(request, Kudos()) is AskedForContact
        assert judged(request, Kudos(close=False)) is None
    assert judged(replace(asked, is_open=False), Kudos()) is None


@pytest.mark.parametrize("close", [True, False])
def test_kudos_close_the_feedback_if_so_chosen(close: bool) -> None:
    thanked = after(GOOD, Kudos(close=close))
    assert thanked.is_open is not close
    assert thanked.closed_by == (AVERY.name if close else None)


def test_kudos_for_a_closed_feedback_leave_who_closed_it() -> None:
    closed = replace(CLOSED, closed_by="Blake Sample", closed_because="read")
    thanked = after(closed, Kudos())
    assert (thanked.closed_by, thanked.closed_because) == ("Blake Sample", "read")


def test_a_step_names_who_is_thanked() -> None:
    step = step_of(decided(Kudos(thanks=(AVERY, BLAKE))), GOOD)
    assert (step.kind, step.detail) == (StepKind.THANKED, "Avery Example, Blake Sample")


@pytest.mark.parametrize("days", range(0, 60, 6))
def test_a_good_review_is_never_without_an_initial_response(days: int) -> None:
    now = TOUCHED + timedelta(days=days)
    assert not GOOD.is_response_due(now)
    assert not GOOD.awaits_response(now)
