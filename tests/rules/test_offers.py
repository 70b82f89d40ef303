"""What a person may do with a feedback now, and in which order it is offered."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.offers import Offer, offers
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.request import IssueKey, Person, Request, State

ASKED = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
NOW = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
DUE = datetime(2026, 2, 3, 15, 0, tzinfo=UTC)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")

WAITING = Request(key=IssueKey(7, 12), url="", title="", asked_at=ASKED, due_at=DUE)
PLAIN = replace(WAITING, is_requested=False, was_requested=False)
STATES = {
    State.OPEN: PLAIN,
    State.WAITING: WAITING,
    State.CLAIMED: replace(WAITING, holder=AVERY, held_since=ASKED),
    State.CONTACTED: replace(WAITING, contacted_at=NOW, contacted_by=AVERY, is_open=False),
    State.CLOSED: replace(WAITING, is_open=False),
    State.WITHDRAWN: replace(WAITING, is_requested=False),
    State.GONE: replace(WAITING, is_gone=True),
}
ALWAYS_THERE = [
    *(Offer.REVIEW, Offer.LABEL, Offer.NOTE, Offer.FOLLOW_UP),
    *(Offer.TELL_MANAGER, Offer.TELL_GROUP),
]


def test_every_state_is_here() -> None:
    assert {state: request.state for state, request in STATES.items()} == {
        state: state for state in State
    }


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        (
            State.OPEN,
            [
                *(Offer.CLAIM, Offer.MARK_CONTACTED, Offer.DRAFT_EMAIL, Offer.KUDOS),
                *(Offer.WAIT, Offer.CLOSE),
            ],
        ),
        (
            State.WAITING,
            [
                *(Offer.CLAIM, Offer.MARK_CONTACTED, Offer.DRAFT_EMAIL),
                *(Offer.WAIT, Offer.SNOOZE, Offer.CLOSE),
            ],
        ),
        (
            State.CLAIMED,
            [
                *(Offer.TAKE_OVER, Offer.RELEASE, Offer.MARK_CONTACTED, Offer.DRAFT_EMAIL),
                *(Offer.WAIT, Offer.SNOOZE, Offer.CLOSE),
            ],
        ),
        (State.CONTACTED, [Offer.KUDOS, Offer.UNDO_CONTACTED, Offer.REOPEN]),
        (
            State.CLOSED,
            [
                *(Offer.MARK_CONTACTED, Offer.DRAFT_EMAIL, Offer.KUDOS),
                Offer.REOPEN,
            ],
        ),
    ],
)
def test_in_each_state_everything_is_offered_that_makes_sense_and_nothing_else(
    state: State, offered: list[Offer]
) -> None:
    assert set(offers(STATES[state], NOW)) == {*offered, *ALWAYS_THERE}


def test_nothing_is_offered_for_what_is_gone() -> None:
    assert offers(STATES[State.GONE], NOW) == ()


@pytest.mark.parametrize(
    ("request_", "first"),
    [
        # Handbook, "Handling 'Good' Reviews": kudos, then close.
        (replace(PLAIN, sentiment=Sentiment.POSITIVE), [Offer.KUDOS, Offer.CLOSE]),
        # "Handling 'Bad' Reviews": review it; without action, close it.
        (replace(PLAIN, sentiment=Sentiment.NEGATIVE), [Offer.REVIEW, Offer.CLOSE]),
        (STATES[State.WITHDRAWN], [Offer.REVIEW, Offer.CLOSE]),
        # A customer waits for an email.
        (WAITING, [Offer.REVIEW, Offer.DRAFT_EMAIL]),
        (STATES[State.CLAIMED], [Offer.REVIEW, Offer.DRAFT_EMAIL]),
        # "Go back and note them in the Feedback Issue."
        (STATES[State.CONTACTED], [Offer.NOTE, Offer.LABEL]),
        (replace(STATES[State.CONTACTED], is_open=True), [Offer.NOTE, Offer.LABEL]),
        (STATES[State.CLOSED], [Offer.NOTE, Offer.LABEL]),
        (
            replace(PLAIN, sentiment=Sentiment.POSITIVE, is_open=False, thanked_by=AVERY),
            [Offer.NOTE, Offer.LABEL],
        ),
    ],
)
def test_what_the_handbook_asks_for_next_is_offered_first(
    request_: Request, first: list[Offer]
) -> None:
    assert list(offers(request_, NOW))[: len(first)] == first


def test_nobody_gives_kudos_for_bad_feedback() -> None:
    assert Offer.KUDOS not in offers(replace(PLAIN, sentiment=Sentiment.NEGATIVE), NOW)
    assert Offer.KUDOS in offers(replace(PLAIN, sentiment=Sentiment.NEUTRAL), NOW)


@pytest.mark.parametrize(
    ("changes", "now", "explains", "snoozes"),
    [
        ({}, DUE - timedelta(seconds=1), False, True),
        ({}, DUE, True, False),  # reminders after the deadline are not snoozed
        ({"contacted_at": DUE, "is_open": False}, DUE, False, False),
        ({"is_open": False}, DUE - timedelta(seconds=1), False, False),
        ({"is_open": False}, DUE, True, False),
        ({"contacted_at": DUE + timedelta(minutes=1)}, DUE + timedelta(days=9), True, False),
    ],
)
def test_a_missed_deadline_is_explained_and_before_it_reminders_are_snoozed(
    changes: dict[str, Any], now: datetime, explains: bool, snoozes: bool
) -> None:
    found = offers(replace(WAITING, **changes), now)
    assert (Offer.EXPLAIN in found, Offer.SNOOZE in found) == (explains, snoozes)


@given(
    st.sampled_from(list(STATES.values())),
    st.none() | st.sampled_from(Sentiment),
    st.booleans(),
    st.timedeltas(timedelta(days=-9), timedelta(days=9)),
)
def test_whatever_the_state_nothing_is_offered_twice_or_against_itself(
    request_: Request, sentiment: Sentiment | None, is_open: bool, late: timedelta
) -> None:
    found = offers(replace(request_, sentiment=sentiment, is_open=is_open), DUE + late)
    assert len(set(found)) == len(found)
    for one, other in ((Offer.CLOSE, Offer.REOPEN), (Offer.EXPLAIN, Offer.SNOOZE)):
        assert not {one, other} <= set(found)
    if not request_.is_gone:
        assert set(ALWAYS_THERE) <= set(found)
