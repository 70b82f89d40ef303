"""The checker is checked: an orderly history passes, and each kind of violation is seen."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.history import (
    AS_ADDRESS,
    AS_ISSUE,
    AS_LINK,
    IN_CHANNEL,
    IN_WEEK,
    MENTION,
    Arrival,
    Call,
    Choice,
    Decided,
    Deletion,
    History,
    Interruption,
    Mark,
    Painting,
    Remembered,
    Standing,
    Telling,
    Wish,
)
from tests.faults.invariants import no_note_without_a_decision, violations
from tests.faults.story import stories

KEY = "7/1"
ASKS, CONTACTED = "SSAT::Contact", "ssat-manager-contacted-customer"
SCOPE, SOFT, KNOWN = "feedback::", "feedback::soft-skills", "feedback::known-issue"
WAITING = "*🟠 Unclaimed* · ticket 412000\n*47 business hours left*"
CLAIMED = "*🔵 Claimed by Avery Example* · ticket 412000"
DONE = "*✅ Contacted on time* · ticket 412000"
ON_ITS_WAY = "\n⏳ Saved, updating GitLab: "


def at(seconds: float) -> datetime:
    return datetime(2026, 1, 30, 15, tzinfo=UTC) + timedelta(seconds=seconds)


def painting(seconds: float, text: str, ts: str = "1.0", *refused: str) -> Painting:
    return Painting(at=at(seconds), key=KEY, ts=ts, text=text, refused=frozenset(refused))


def standing(
    seconds: float,
    *labels: str,
    by: str = "ssat-bot",
    to: str | None = None,
    holder: str | None = None,
    is_open: bool = True,
) -> Standing:
    return Standing(
        at=at(seconds),
        key=KEY,
        by=by,
        is_open=is_open,
        labels=frozenset(labels or {ASKS}),
        assignees=frozenset({to} if to else ()),
        holder=holder,
    )


def call(seconds: float, method: str = "GET", about: str = "", status: int | None = 200) -> Call:
    return Call(at=at(seconds), key=KEY, method=method, about=about, status=status)


def choice(seconds: float, interaction: str = "click-1") -> Choice:
    return Choice(
        at=at(seconds), key=KEY, who="avery", what="Claim", interaction=interaction, process=11
    )


CLAIM = Decided(
    seq=1,
    id="d-1",
    key=KEY,
    interaction="click-1",
    status="delivered",
    wish=Wish(holder="Avery Example"),
)
OTHER = Decided(seq=2, id="d-2", key=KEY, interaction="click-2", status="delivered")

ORDERLY = History(
    accounts={"Avery Example": "avery", "Dana Duty": "duty"},
    standings=(
        standing(0, by="support-automation"),
        standing(6, holder="Avery Example"),
        standing(6.1, to="avery", holder="Avery Example"),
    ),
    calls=(
        call(1),
        call(5.5),
        call(6, "POST", "notes", 201),
        call(6.1, "PUT"),
    ),
    paintings=(
        painting(2, WAITING),
        painting(5.2, CLAIMED + ON_ITS_WAY + "claim by Avery Example"),
        painting(7, CLAIMED),
    ),
    choices=(choice(5),),
    decisions=(CLAIM,),
    marks=(Mark(at=at(6), key=KEY, decision="d-1"),),
    tellings=(Telling(at=at(7.1), key=KEY, card="1.0", id="s-1", text="🔵 Avery Example claimed"),),
)
"""Somebody asks for contact, Avery claims, and everything is as it should be."""

TAKEN_AWAY = replace(
    ORDERLY,
    standings=(*ORDERLY.standings, standing(20, by="duty", to="duty")),
    paintings=(
        *ORDERLY.paintings,
        painting(21, CLAIMED),
        painting(30, CLAIMED.replace("Avery Example", "Dana Duty")),
    ),
)
"""Then Dana is assigned in GitLab, and the bot hears of it a little later."""

CHOSEN = replace(
    ORDERLY,
    standings=(*ORDERLY.standings, standing(20.1, ASKS, SOFT, to="avery", holder="Avery Example")),
    calls=(*ORDERLY.calls, call(19), call(20, "POST", "notes", 201), call(20.1, "PUT")),
    paintings=(
        *ORDERLY.paintings,
        painting(21, f"{CLAIMED}\nFeedback label\n{SOFT.removeprefix(SCOPE)}"),
    ),
    choices=(*ORDERLY.choices, choice(18, "click-2")),
    decisions=(CLAIM, replace(OTHER, wish=Wish(label=SOFT))),
    marks=(*ORDERLY.marks, Mark(at=at(20), key=KEY, decision="d-2")),
)
"""Then Avery chooses a feedback label."""

CONTACT = Wish(label=KNOWN, yields=True, is_contacted=True, is_closed=True)
ANSWERED = replace(
    CHOSEN,
    standings=(
        *CHOSEN.standings,
        standing(30.1, ASKS, SOFT, CONTACTED, to="avery", holder="Avery Example", is_open=False),
    ),
    paintings=(
        *CHOSEN.paintings,
        painting(31, f"{DONE}\nAvery Example by email · {SOFT.removeprefix(SCOPE)}"),
    ),
    decisions=(
        *CHOSEN.decisions,
        replace(OTHER, seq=3, id="d-3", interaction="click-3", wish=CONTACT),
    ),
    marks=(*CHOSEN.marks, Mark(at=at(30), key=KEY, decision="d-3")),
)
"""Then the customer is contacted, with another label in the modal, and the issue closed."""

WORD = "typed1x0"
REVIEWED = replace(
    ORDERLY,
    calls=(*ORDERLY.calls, call(19), call(20, "POST", "notes", 201)),
    choices=(*ORDERLY.choices, replace(choice(18, "form-2"), typed=frozenset({WORD}))),
    decisions=(CLAIM, replace(OTHER, interaction="form-2", kind="review")),
    marks=(*ORDERLY.marks, Mark(at=at(20), key=KEY, decision="d-2", typed=frozenset({WORD}))),
    remembered=(Remembered(key=KEY, is_reviewed=True),),
)
"""Then Avery reviews it, and says what it is about."""

WAITS = replace(
    REVIEWED,
    decisions=(CLAIM, replace(REVIEWED.decisions[1], kind="wait")),
    remembered=(Remembered(key=KEY, waits_on=frozenset({WORD})),),
)
EXPLAINED = replace(
    REVIEWED,
    decisions=(CLAIM, replace(REVIEWED.decisions[1], kind="explain", reason="not_seen")),
    remembered=(Remembered(key=KEY, missed_because="not_seen"),),
)
REFUSED = replace(
    REVIEWED,
    decisions=(CLAIM, replace(REVIEWED.decisions[1], status="refused", typed=frozenset({WORD}))),
    marks=ORDERLY.marks,
    tellings=(
        *ORDERLY.tellings,
        Telling(at=at(21), key=KEY, card="D1", id="s-2", text="⚠️", refused=frozenset({"d-2"})),
    ),
    remembered=(),
)
"""Or GitLab rejects it, and Avery is told in their direct messages."""


def arrival(seconds: float, place: str, *typed: str, key: str | None = None) -> Arrival:
    words = frozenset(typed)
    return Arrival(at=at(seconds), decision="d-2", place=place, typed=words, key=key)


THANKED = replace(
    REVIEWED,
    decisions=(CLAIM, replace(REVIEWED.decisions[1], kind="kudos")),
    arrivals=(arrival(21, IN_CHANNEL, WORD), arrival(22, IN_WEEK, WORD)),
    remembered=(Remembered(key=KEY, is_thanked=True),),
)
FOLLOWED_UP = replace(
    REVIEWED,
    decisions=(CLAIM, replace(REVIEWED.decisions[1], kind="follow_up")),
    marks=(*ORDERLY.marks, replace(REVIEWED.marks[-1], typed=frozenset())),
    arrivals=(
        arrival(19, AS_ISSUE, WORD),
        arrival(20, AS_ADDRESS),
        arrival(21, AS_LINK, key=KEY),
    ),
    remembered=(),
)
TOLD = replace(
    REVIEWED,
    accounts={**ORDERLY.accounts, "U0BLAKE": "blake.sample"},
    decisions=(
        CLAIM,
        replace(REVIEWED.decisions[1], kind="tell", tells=frozenset({"duty", "U0BLAKE"})),
    ),
    marks=(
        *ORDERLY.marks,
        replace(REVIEWED.marks[-1], mentions=frozenset({"duty", "blake.sample"})),
    ),
    remembered=(),
)

Spoil = Callable[[History], History]


ORDERLY_ONES = (
    *(ORDERLY, TAKEN_AWAY, CHOSEN, ANSWERED),
    *(REVIEWED, WAITS, EXPLAINED, REFUSED, THANKED, FOLLOWED_UP, TOLD, History()),
)


@pytest.mark.parametrize("history", ORDERLY_ONES)
def test_an_orderly_history_passes(history: History) -> None:
    assert violations(history) == []


def test_a_card_may_lag_behind_what_the_bot_has_not_heard_of() -> None:
    late = painting(28, CLAIMED)  # GitLab was away since Dana was assigned
    paintings = (*TAKEN_AWAY.paintings[:-1], late, TAKEN_AWAY.paintings[-1])
    assert violations(replace(TAKEN_AWAY, paintings=paintings)) == []


@pytest.mark.parametrize("thread", ["1.0", ""])  # Slack puts a reply to nothing into the channel
def test_a_deleted_card_is_replaced_and_what_its_thread_told_may_be_told_again(thread: str) -> None:
    gone = Deletion(at=at(8), key=KEY, ts="1.0")
    again = painting(9, CLAIMED, "2.0")
    told = replace(ORDERLY.tellings[0], card=thread)
    history = replace(
        ORDERLY,
        deletions=(gone,),
        paintings=(*ORDERLY.paintings, again),
        tellings=(told, replace(told, at=at(9.1), card="2.0")),
    )
    assert violations(history) == []


def test_a_click_on_a_process_that_was_just_killed_needs_no_answer() -> None:
    lost = replace(choice(9, "click-9"), is_acked=False, problem="Server disconnected")
    death = Interruption(at=at(9.1), until=at(9.2), process=11)
    history = replace(ORDERLY, choices=(*ORDERLY.choices, lost), interruptions=(death,))
    assert violations(history) == []


def test_a_decision_that_was_tried_again_may_come_out_of_its_order() -> None:
    marks = (Mark(at=at(6), key=KEY, decision="d-2"), *ORDERLY.marks)
    again = replace(CLAIM, was_retried=True)
    history = replace(ORDERLY, decisions=(again, OTHER), marks=marks)
    assert violations(history) == []


def test_the_note_of_a_contact_stands_though_gitlab_refuses_its_change() -> None:
    contact = replace(CLAIM, status="refused", wish=Wish(is_contacted=True))
    history = replace(ORDERLY, decisions=(contact,))
    assert list(no_note_without_a_decision(history)) == []


def test_who_was_to_be_replaced_keeps_a_request_when_gitlab_refuses_that() -> None:
    """Casey, whom GitLab does not know, has it; Blake's take-over was noted, and taken back."""
    casey, blake = "Casey Nolink", "Blake Sample"
    claimed = CLAIMED.replace("Avery Example", casey)
    history = replace(
        ORDERLY,
        standings=(
            ORDERLY.standings[0],
            standing(6, holder=casey),
            standing(10.1, holder=blake),
            standing(30, holder=casey),
        ),
        calls=(
            *ORDERLY.calls[:-1],
            call(10, "POST", "notes", 201),
            call(10.2, "PUT", status=422),
            call(15),
            call(30, "POST", "notes", 201),
        ),
        paintings=(painting(2, WAITING), painting(7, claimed), painting(25, claimed, "1.0", "d-2")),
        decisions=(
            replace(CLAIM, wish=Wish(holder=casey)),
            replace(OTHER, status="refused", wish=Wish(holder=blake, leaver=casey)),
        ),
        withdrawn=(Mark(at=at(10), key=KEY, decision="d-2"),),
    )
    assert violations(history) == []


# 1. Cards


def no_card(good: History) -> History:
    return replace(good, paintings=())


def two_cards(good: History) -> History:
    return replace(good, paintings=(*good.paintings, painting(8, CLAIMED, "2.0")))


def two_cards_for_a_moment(good: History) -> History:
    gone = Deletion(at=at(9), key=KEY, ts="1.0")
    return replace(two_cards(good), deletions=(gone,))


def a_card_for_nothing(good: History) -> History:
    never = standing(0, "satisfaction::good", by="support-automation")
    return replace(
        good,
        standings=(never,),
        paintings=(painting(2, "⚪ Contact request withdrawn · ticket 1"),),
    )


# 2. Decisions


def a_choice_forgotten(good: History) -> History:
    return replace(good, choices=(*good.choices, choice(9, "click-9")))


def a_form_that_did_not_open(good: History) -> History:
    opening = replace(choice(2, "click-2"), what="Mark contacted …")
    return replace(good, choices=(*good.choices, opening))


def a_choice_denied_when_it_came_again(good: History) -> History:
    return replace(good, choices=tuple(replace(each, is_denied=True) for each in good.choices))


def a_click_without_an_answer(good: History) -> History:
    lost = replace(choice(9, "click-9"), is_acked=False, problem="answered 500")
    return replace(good, choices=(*good.choices, lost))


def an_ack_that_comes_late(good: History) -> History:
    late = replace(choice(9, "click-9"), is_acked=False, problem="no ack within 3 s")
    return replace(good, choices=(*good.choices, late))


def a_decision_on_its_way_for_ever(good: History) -> History:
    return replace(good, decisions=(*good.decisions, replace(OTHER, status="pending")))


def a_delivery_that_was_none(good: History) -> History:
    return replace(good, decisions=(*good.decisions, OTHER))


def a_note_twice(good: History) -> History:
    return replace(good, marks=(*good.marks, Mark(at=at(8), key=KEY, decision="d-1")))


def a_note_of_a_refused_decision(good: History) -> History:
    seen = (*good.paintings, painting(8, CLAIMED, "1.0", "d-1"))
    return replace(good, decisions=(replace(CLAIM, status="refused"),), paintings=seen)


def notes_in_another_order(good: History) -> History:
    marks = (Mark(at=at(6), key=KEY, decision="d-2"), *good.marks)
    return replace(good, decisions=(CLAIM, OTHER), marks=marks)


def a_claim_and_nobody_assigned(good: History) -> History:
    """The note stands, its PUT was lost, and the card believes the note."""
    return replace(good, standings=good.standings[:-1])


def a_label_chosen_and_nowhere(_: History) -> History:
    """The card shows what GitLab has: no label."""
    return replace(
        CHOSEN,
        standings=CHOSEN.standings[:-1],
        paintings=(*ORDERLY.paintings, painting(21, CLAIMED)),
    )


def a_label_that_came_after_the_next_decision(_: History) -> History:
    """Known issue was chosen after soft skills and before the PUT of that had landed."""
    late = standing(26, ASKS, KNOWN, to="avery", holder="Avery Example")
    other = replace(OTHER, seq=3, id="d-3", wish=Wish(label=KNOWN))
    return replace(
        CHOSEN,
        standings=(*ORDERLY.standings, replace(CHOSEN.standings[-1], at=at(25.5)), late),
        paintings=(
            *CHOSEN.paintings[:-1],
            painting(27, f"{CLAIMED}\nFeedback label\n{KNOWN.removeprefix(SCOPE)}"),
        ),
        decisions=(*CHOSEN.decisions, other),
        marks=(*CHOSEN.marks, Mark(at=at(25), key=KEY, decision="d-3")),
    )


def _with_another_label(*standings: Standing, shown: str) -> History:
    """Soft skills was chosen, then known issue; so it stood from the 26th second on."""
    return replace(
        CHOSEN,
        standings=(
            *CHOSEN.standings,
            standing(26, ASKS, KNOWN, to="avery", holder="Avery Example"),
            *standings,
        ),
        paintings=(
            *CHOSEN.paintings,
            painting(41, f"{CLAIMED}\nFeedback label\n{shown.removeprefix(SCOPE)}"),
        ),
        choices=(*CHOSEN.choices, choice(24, "click-3")),
        decisions=(
            *CHOSEN.decisions,
            replace(OTHER, seq=3, id="d-3", interaction="click-3", wish=Wish(label=KNOWN)),
        ),
        marks=(*CHOSEN.marks, Mark(at=at(25), key=KEY, decision="d-3")),
    )


def an_old_label_lands_late(_: History) -> History:
    """The PUT for soft skills went unanswered, and has its effect when all has been decided."""
    late = standing(40, ASKS, SOFT, to="avery", holder="Avery Example")
    return _with_another_label(late, shown=SOFT)


def an_old_claim_lands_late(good: History) -> History:
    """Avery claimed and released; then the PUT of the claim lands once more."""
    released = replace(OTHER, wish=Wish(leaver="Avery Example"))
    return replace(
        good,
        standings=(*good.standings, standing(20.1), standing(30, to="avery")),
        paintings=(
            *good.paintings,
            painting(21, WAITING),
            painting(31, f"{WAITING} · assigned to avery"),
        ),
        decisions=(CLAIM, released),
        marks=(*good.marks, Mark(at=at(20), key=KEY, decision="d-2")),
    )


def a_take_over_that_left_the_colleague(good: History) -> History:
    """Casey, whom GitLab does not know, takes over, and Avery stays assigned."""
    casey = "Casey Nolink"
    taken = replace(OTHER, wish=Wish(holder=casey, leaver="Avery Example"))
    return replace(
        good,
        standings=(*good.standings, standing(20, to="avery", holder=casey)),
        paintings=(*good.paintings, painting(21, CLAIMED.replace("Avery Example", casey))),
        decisions=(CLAIM, taken),
        marks=(*good.marks, Mark(at=at(20), key=KEY, decision="d-2")),
    )


def an_old_claim_lands_after_somebody_unknown_had_it(good: History) -> History:
    """Casey claimed and released after Avery had released, which changed nothing in the issue."""
    casey = "Casey Nolink"
    late = an_old_claim_lands_late(good)
    claim, released = (replace(OTHER, seq=seq, id=f"d-{seq}") for seq in (3, 4))
    return replace(
        late,
        decisions=(
            *late.decisions,
            replace(claim, wish=Wish(holder=casey)),
            replace(released, wish=Wish(leaver=casey)),
        ),
        marks=(*late.marks, *(Mark(at=at(25 + n), key=KEY, decision=f"d-{n}") for n in (3, 4))),
    )


def a_contact_and_no_label(_: History) -> History:
    """The card goes on as GitLab does, waiting."""
    return replace(ANSWERED, standings=CHOSEN.standings, paintings=CHOSEN.paintings)


def a_contact_and_not_closed(_: History) -> History:
    return replace(
        ANSWERED, standings=(*CHOSEN.standings, replace(ANSWERED.standings[-1], is_open=True))
    )


def a_refusal_that_nobody_is_told_of(good: History) -> History:
    return replace(good, decisions=(*good.decisions, replace(OTHER, status="refused")))


# 3. What cards claim


def claimed_too_early(good: History) -> History:
    return replace(
        good, paintings=(painting(2, WAITING), painting(5.2, CLAIMED), painting(7, CLAIMED))
    )


def contacted_too_early(good: History) -> History:
    return replace(good, paintings=(*good.paintings[:2], painting(6.5, DONE), painting(7, CLAIMED)))


def a_label_that_gitlab_lacks(good: History) -> History:
    labelled = f"{CLAIMED}\nFeedback label\n{SOFT.removeprefix(SCOPE)}"
    return replace(good, paintings=(*good.paintings, painting(8, labelled), painting(9, CLAIMED)))


def closed_in_slack_only(good: History) -> History:
    closed = painting(8, "⚫ Closed without contact · ticket 412000")
    return replace(good, paintings=(*good.paintings, closed, painting(9, CLAIMED)))


def withdrawn_in_slack_only(good: History) -> History:
    withdrawn = painting(8, "⚪ Contact request withdrawn · ticket 412000")
    return replace(good, paintings=(*good.paintings, withdrawn, painting(9, CLAIMED)))


def a_claim_long_after_it_was_lost(good: History) -> History:
    """Dana has it, the bot has read so, and still Avery is on the card."""
    late = painting(28, CLAIMED)
    paintings = (*TAKEN_AWAY.paintings[:-1], late, TAKEN_AWAY.paintings[-1])
    return replace(TAKEN_AWAY, calls=(*good.calls, call(22)), paintings=paintings)


def nobody_on_the_card_at_the_end(good: History) -> History:
    return replace(good, paintings=(*good.paintings, painting(9, WAITING)))


def another_holder_at_the_end(good: History) -> History:
    return replace(TAKEN_AWAY, paintings=TAKEN_AWAY.paintings[:-1])


def another_state_at_the_end(good: History) -> History:
    return replace(good, standings=(*good.standings, standing(9, ASKS, CONTACTED, by="duty")))


def another_label_at_the_end(good: History) -> History:
    labelled = standing(9, ASKS, KNOWN, by="duty", to="avery", holder="Avery Example")
    return replace(good, standings=(*good.standings, labelled))


def on_its_way_for_ever(good: History) -> History:
    return replace(good, paintings=good.paintings[:-1])


# 4. Once only


def a_step_twice(good: History) -> History:
    return replace(good, tellings=good.tellings * 2)


def a_reminder_twice(good: History) -> History:
    name = "remind:7/1:1769785200:deadline"
    reminder = Telling(at=at(9), key=KEY, card="1.0", id=name, text="🔴 Overdue")
    return replace(good, reminders=(reminder, replace(reminder, at=at(10))))


def a_storm_of_writes(good: History) -> History:
    return replace(good, calls=(*good.calls, *(call(8 + each, "PUT") for each in range(3))))


# 5. and 6. The platforms, and the people in them


def a_complaint(good: History) -> History:
    return replace(good, complaints=("chat.update: invalid_blocks",))


def an_assignment_overwritten(good: History) -> History:
    """Dana is assigned, the bot reads so, and assigns Avery once more for the claim of before."""
    again = standing(26, to="avery")
    return replace(
        TAKEN_AWAY,
        standings=(*TAKEN_AWAY.standings, again),
        calls=(*good.calls, call(19, "PUT", status=None), call(25), call(26, "PUT")),
        paintings=(*TAKEN_AWAY.paintings[:-1], painting(27, CLAIMED)),
    )


def a_label_overwritten(good: History) -> History:
    labelled = standing(20, ASKS, KNOWN, by="duty", to="avery", holder="Avery Example")
    again = standing(26, ASKS, SOFT, to="avery", holder="Avery Example")
    shown = painting(27, f"{CLAIMED}\nFeedback label\n{SOFT.removeprefix(SCOPE)}")
    return replace(
        good,
        standings=(*good.standings, labelled, again),
        calls=(*good.calls, call(19, "PUT", status=None), call(25), call(26, "PUT")),
        paintings=(*good.paintings, shown),
    )


# What is done by forms


def a_review_in_no_note(_: History) -> History:
    return replace(REVIEWED, marks=ORDERLY.marks)


def words_that_the_note_lacks(_: History) -> History:
    (*others, note) = REVIEWED.marks
    return replace(REVIEWED, marks=(*others, replace(note, typed=frozenset())))


def words_in_two_notes(_: History) -> History:
    again = replace(REVIEWED.marks[-1], at=at(25), decision="d-1")
    return replace(REVIEWED, marks=(*REVIEWED.marks, again))


def refused_words_forgotten(_: History) -> History:
    claim, refused = REFUSED.decisions
    return replace(REFUSED, decisions=(claim, replace(refused, typed=frozenset())))


def dropped_words_that_nobody_dismissed(_: History) -> History:
    claim, refused = REFUSED.decisions
    dropped = replace(refused, status="dropped", typed=frozenset())
    return replace(REFUSED, decisions=(claim, dropped))


def a_refusal_told_to_nobody(_: History) -> History:
    return replace(REFUSED, tellings=ORDERLY.tellings)


def a_direct_message_twice(_: History) -> History:
    again = replace(REFUSED.tellings[-1], at=at(25))
    return replace(REFUSED, tellings=(*REFUSED.tellings, again))


def a_review_forgotten(_: History) -> History:
    return replace(REVIEWED, remembered=(Remembered(key=KEY),))


def a_wait_forgotten(_: History) -> History:
    return replace(WAITS, remembered=(Remembered(key=KEY),))


def another_explanation(_: History) -> History:
    return replace(EXPLAINED, remembered=(Remembered(key=KEY, missed_because="other"),))


# What ends elsewhere


def kudos_in_no_channel(_: History) -> History:
    return replace(THANKED, arrivals=THANKED.arrivals[1:])


def kudos_in_no_week(_: History) -> History:
    return replace(THANKED, arrivals=THANKED.arrivals[:1])


def kudos_without_their_words(_: History) -> History:
    bare = [replace(each, typed=frozenset()) for each in THANKED.arrivals]
    return replace(THANKED, arrivals=tuple(bare))


def kudos_in_the_channel_twice(_: History) -> History:
    return replace(THANKED, arrivals=(*THANKED.arrivals, arrival(25, IN_CHANNEL, WORD)))


def kudos_in_the_week_twice(_: History) -> History:
    return replace(THANKED, arrivals=(*THANKED.arrivals, arrival(25, IN_WEEK, WORD)))


def kudos_forgotten(_: History) -> History:
    return replace(THANKED, remembered=(Remembered(key=KEY),))


def kudos_for_the_same_feedback_twice(_: History) -> History:
    again = replace(THANKED.decisions[1], seq=3, id="d-3")
    arrivals = [replace(each, decision="d-3") for each in THANKED.arrivals]
    return replace(
        THANKED,
        decisions=(*THANKED.decisions, again),
        arrivals=(*THANKED.arrivals, *arrivals),
    )


def kudos_that_nobody_gave(_: History) -> History:
    return replace(
        THANKED, arrivals=(*THANKED.arrivals, replace(arrival(25, IN_WEEK), decision="d"))
    )


def kudos_that_were_refused(_: History) -> History:
    return replace(THANKED, decisions=(CLAIM, replace(THANKED.decisions[1], status="refused")))


def no_follow_up_issue(_: History) -> History:
    return replace(FOLLOWED_UP, arrivals=FOLLOWED_UP.arrivals[1:])


def a_follow_up_without_its_address(_: History) -> History:
    return replace(FOLLOWED_UP, arrivals=(FOLLOWED_UP.arrivals[0], FOLLOWED_UP.arrivals[2]))


def a_follow_up_without_a_link(_: History) -> History:
    return replace(FOLLOWED_UP, arrivals=FOLLOWED_UP.arrivals[:2])


def a_follow_up_linked_to_another_feedback(_: History) -> History:
    other = arrival(21, AS_LINK, key="7/2")
    return replace(FOLLOWED_UP, arrivals=(*FOLLOWED_UP.arrivals[:2], other))


def two_follow_up_issues(_: History) -> History:
    return replace(FOLLOWED_UP, arrivals=(*FOLLOWED_UP.arrivals, arrival(25, AS_ISSUE, WORD)))


def words_that_the_follow_up_issue_lacks(_: History) -> History:
    issue, *others = FOLLOWED_UP.arrivals
    return replace(FOLLOWED_UP, arrivals=(replace(issue, typed=frozenset()), *others))


def one_who_is_not_told(_: History) -> History:
    told = replace(TOLD.marks[-1], mentions=frozenset({"duty"}))
    return replace(TOLD, marks=(*ORDERLY.marks, told))


def one_who_is_told_by_a_review(_: History) -> History:
    told = replace(REVIEWED.marks[-1], mentions=frozenset({"duty"}))
    return replace(REVIEWED, marks=(*ORDERLY.marks, told))


def _wanting(wish: Wish, good: History = ORDERLY) -> History:
    return replace(
        good,
        calls=(*good.calls, call(20), call(20.2, "POST", "notes", 201)),
        decisions=(CLAIM, replace(OTHER, wish=wish)),
        choices=(*ORDERLY.choices, choice(18, "click-2")),
        marks=(*ORDERLY.marks, Mark(at=at(20.2), key=KEY, decision="d-2")),
    )


def a_label_cleared_that_stays(_: History) -> History:
    return _wanting(Wish(cleared=SOFT), CHOSEN)


def a_contact_undone_and_still_there(good: History) -> History:
    contacted = standing(19, ASKS, CONTACTED, by="duty", to="avery", holder="Avery Example")
    good = replace(good, standings=(*good.standings, contacted))
    return _wanting(Wish(is_uncontacted=True), good)


def a_reopening_that_never_came(good: History) -> History:
    closed = standing(19, by="duty", to="avery", holder="Avery Example", is_open=False)
    return _wanting(Wish(is_reopened=True), replace(good, standings=(*good.standings, closed)))


def a_closing_that_never_came(_: History) -> History:
    return _wanting(Wish(is_closed=True))


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (a_review_in_no_note, "what_was_typed_is_kept"),
        (words_that_the_note_lacks, "what_was_typed_is_kept"),
        (refused_words_forgotten, "what_was_typed_is_kept"),
        (dropped_words_that_nobody_dismissed, "what_was_typed_is_kept"),
        (words_in_two_notes, "nothing_typed_is_noted_twice"),
        (a_refusal_told_to_nobody, "refusals_are_told"),
        (a_direct_message_twice, "no_step_twice"),
        (a_review_forgotten, "what_was_said_is_remembered"),
        (a_wait_forgotten, "what_was_said_is_remembered"),
        (another_explanation, "what_was_said_is_remembered"),
        (kudos_in_no_channel, "what_is_delivered_has_arrived"),
        (kudos_in_no_week, "what_is_delivered_has_arrived"),
        (kudos_without_their_words, "what_is_delivered_has_arrived"),
        (kudos_in_the_channel_twice, "nothing_arrives_twice"),
        (kudos_in_the_week_twice, "nothing_arrives_twice"),
        (kudos_for_the_same_feedback_twice, "nothing_arrives_twice"),
        (kudos_forgotten, "what_was_said_is_remembered"),
        (kudos_that_nobody_gave, "nothing_arrives_without_a_decision"),
        (kudos_that_were_refused, "nothing_arrives_without_a_decision"),
        (no_follow_up_issue, "what_is_delivered_has_arrived"),
        (a_follow_up_without_its_address, "what_is_delivered_has_arrived"),
        (a_follow_up_without_a_link, "what_is_delivered_has_arrived"),
        (a_follow_up_linked_to_another_feedback, "nothing_arrives_without_a_decision"),
        (two_follow_up_issues, "nothing_arrives_twice"),
        (words_that_the_follow_up_issue_lacks, "what_was_typed_is_kept"),
        (one_who_is_not_told, "notes_mention_whom_they_are_to"),
        (one_who_is_told_by_a_review, "notes_mention_whom_they_are_to"),
        (a_label_cleared_that_stays, "what_is_delivered_is_done"),
        (a_contact_undone_and_still_there, "what_is_delivered_is_done"),
        (a_reopening_that_never_came, "what_is_delivered_is_done"),
        (a_closing_that_never_came, "what_is_delivered_is_done"),
        (no_card, "one_card_for_each_request"),
        (two_cards, "one_card_for_each_request"),
        (a_card_for_nothing, "one_card_for_each_request"),
        (two_cards, "never_two_cards"),
        (two_cards_for_a_moment, "never_two_cards"),
        (a_choice_forgotten, "accepted_choices_are_on_record"),
        (a_form_that_did_not_open, "accepted_choices_are_on_record"),
        (a_choice_denied_when_it_came_again, "accepted_choices_are_not_denied"),
        (a_click_without_an_answer, "clicks_are_answered"),
        (an_ack_that_comes_late, "clicks_are_answered"),
        (a_decision_on_its_way_for_ever, "nothing_is_left_over"),
        (a_delivery_that_was_none, "what_is_delivered_is_in_gitlab"),
        (a_note_twice, "no_note_twice"),
        (a_note_of_a_refused_decision, "no_note_without_a_decision"),
        (notes_in_another_order, "notes_are_in_order"),
        (a_claim_and_nobody_assigned, "what_is_delivered_is_done"),
        (a_label_chosen_and_nowhere, "what_is_delivered_is_done"),
        (a_label_that_came_after_the_next_decision, "what_is_delivered_is_done"),
        (a_take_over_that_left_the_colleague, "what_is_delivered_is_done"),
        (a_contact_and_no_label, "what_is_delivered_is_done"),
        (a_contact_and_not_closed, "what_is_delivered_is_done"),
        (a_label_that_came_after_the_next_decision, "effects_are_in_order"),
        (an_old_label_lands_late, "effects_are_in_order"),
        (an_old_claim_lands_late, "effects_are_in_order"),
        (an_old_claim_lands_after_somebody_unknown_had_it, "effects_are_in_order"),
        (a_refusal_that_nobody_is_told_of, "refusals_are_told"),
        (claimed_too_early, "no_card_claims_too_much"),
        (contacted_too_early, "no_card_claims_too_much"),
        (a_label_that_gitlab_lacks, "no_card_claims_too_much"),
        (closed_in_slack_only, "no_card_claims_too_much"),
        (withdrawn_in_slack_only, "no_card_claims_too_much"),
        (a_claim_long_after_it_was_lost, "no_card_claims_too_much"),
        (nobody_on_the_card_at_the_end, "cards_agree_at_the_end"),
        (another_holder_at_the_end, "cards_agree_at_the_end"),
        (another_state_at_the_end, "cards_agree_at_the_end"),
        (another_label_at_the_end, "cards_agree_at_the_end"),
        (on_its_way_for_ever, "cards_agree_at_the_end"),
        (a_step_twice, "no_step_twice"),
        (a_reminder_twice, "no_reminder_twice"),
        (a_storm_of_writes, "writes_are_bounded"),
        (a_complaint, "nobody_complains"),
        (an_assignment_overwritten, "nobody_is_overwritten"),
        (a_label_overwritten, "nobody_is_overwritten"),
    ],
)
def test_a_violation_is_seen(spoil: Spoil, check: str) -> None:
    found = violations(spoil(ORDERLY))
    assert [each for each in found if each.startswith(f"{check}: ")], found


@pytest.mark.parametrize("moment", [19.5, 20.05])
def test_what_somebody_chose_meanwhile_may_stand_in_the_place_of_a_choice(moment: float) -> None:
    theirs = standing(moment, ASKS, KNOWN, by="duty", to="avery", holder="Avery Example")
    shown = painting(22, f"{CLAIMED}\nFeedback label\n{KNOWN.removeprefix(SCOPE)}")
    history = replace(
        CHOSEN, standings=(*ORDERLY.standings, theirs), paintings=(*ORDERLY.paintings, shown)
    )
    assert violations(history) == []


@pytest.mark.parametrize("moment", [18.5, 21])
def test_what_somebody_chose_before_the_reading_or_after_the_writing_is_no_excuse(
    moment: float,
) -> None:
    theirs = standing(moment, ASKS, KNOWN, by="duty", to="avery", holder="Avery Example")
    shown = painting(22, f"{CLAIMED}\nFeedback label\n{KNOWN.removeprefix(SCOPE)}")
    history = replace(
        CHOSEN, standings=(*ORDERLY.standings, theirs), paintings=(*ORDERLY.paintings, shown)
    )
    assert [each.partition(":")[0] for each in violations(history)] == ["what_is_delivered_is_done"]


@pytest.mark.parametrize(
    ("begins", "ends", "is_excused"),
    [
        (8, 8.9, False),  # it was over
        (8, 9.1, True),
        (11.9, 12.5, True),
        (12.1, 13, False),  # Slack had given up
    ],
)
def test_an_ack_may_come_late_while_there_is_no_processor(
    begins: float, ends: float, is_excused: bool
) -> None:
    wait = Interruption(at=at(begins), until=at(ends))
    history = replace(an_ack_that_comes_late(ORDERLY), kept_waiting=(wait,))
    assert (violations(history) == []) is is_excused


def test_who_was_assigned_already_need_not_be_assigned_by_a_claim() -> None:
    before = [replace(each, assignees=frozenset({"avery"})) for each in ORDERLY.standings]
    assert violations(replace(ORDERLY, standings=tuple(before))) == []


def test_who_is_not_known_in_gitlab_is_not_assigned_by_a_claim() -> None:
    assert violations(replace(a_claim_and_nobody_assigned(ORDERLY), accounts={})) == []


def test_a_choice_that_was_tried_again_may_take_the_place_of_a_later_one() -> None:
    history = an_old_label_lands_late(ORDERLY)
    claim, chosen, other = history.decisions
    retried = replace(chosen, was_retried=True)
    assert violations(replace(history, decisions=(claim, retried, other))) == []


def test_a_later_decision_may_change_what_was_done_in_gitlab() -> None:
    spoilt = an_assignment_overwritten(ORDERLY)
    later = replace(OTHER, interaction="click-2")
    history = replace(
        spoilt,
        choices=(*spoilt.choices, choice(24, "click-2")),
        decisions=(CLAIM, later),
        marks=(*spoilt.marks, Mark(at=at(25.9), key=KEY, decision="d-2")),
    )
    assert violations(history) == []


def test_who_tries_again_may_change_what_they_have_seen_by_then() -> None:
    spoilt = an_assignment_overwritten(ORDERLY)
    retried = replace(CLAIM, was_retried=True)
    assert violations(replace(spoilt, decisions=(retried,))) == []


def test_a_label_that_was_to_be_replaced_may_be_though_somebody_chose_it_once_more() -> None:
    spoilt = a_label_overwritten(ORDERLY)
    meant = replace(CLAIM, instead_of=KNOWN)
    assert violations(replace(spoilt, decisions=(meant,))) == []


def test_what_the_bot_could_not_have_read_counts_as_no_overwriting() -> None:
    spoilt = an_assignment_overwritten(ORDERLY)
    calls = tuple(each for each in spoilt.calls if each.at != at(25))
    assert violations(replace(spoilt, calls=calls)) == []


@pytest.mark.parametrize("seconds", [None, -0.5, 0.5])
def test_a_click_that_was_under_way_when_gitlab_changed_may_be_judged_by_the_change(
    seconds: float | None,
) -> None:
    history = an_assignment_overwritten(ORDERLY)
    made = next(each for each in history.standings if each.by == "duty")
    answered = None if seconds is None else made.at + timedelta(seconds=seconds)
    choices = tuple(replace(each, answered_at=answered) for each in history.choices)
    found = violations(replace(history, choices=choices))
    is_seen = any(each.startswith("nobody_is_overwritten") for each in found)
    assert is_seen is (seconds != 0.5)


@pytest.mark.parametrize(("read_at", "is_seen"), [(23, False), (24.5, True)])
def test_what_is_undone_and_done_again_between_two_readings_is_no_news(
    read_at: float, is_seen: bool
) -> None:
    off = standing(24, by="duty", to=None)
    on_again = standing(25, by="duty", to="avery", holder="Avery Example")
    released = standing(28, to=None)
    history = replace(
        ORDERLY,
        standings=(*ORDERLY.standings, off, on_again, released),
        calls=(*ORDERLY.calls, call(read_at), call(27), call(28, "PUT")),
    )
    found = [each for each in violations(history) if each.startswith("nobody_is_overwritten")]
    assert bool(found) is is_seen


@pytest.mark.parametrize(
    ("body", "mentioned"),
    [
        (
            "**For your attention**, @blake.sample, @gitlab-org/manage, from",
            ["blake.sample", "gitlab-org/manage"],
        ),
        ("Ask @duty.", ["duty"]),
        ("by Avery Example (`@avery`).\n\n> \\@duty is sorry", []),
        ("mail to avery@example.com", []),
    ],
)
def test_who_is_mentioned_is_read_as_gitlab_reads_it(body: str, mentioned: list[str]) -> None:
    assert MENTION.findall(body) == mentioned


def test_the_story_of_a_violation_is_told_in_order() -> None:
    history = a_note_twice(ORDERLY)
    (told,) = stories(history, violations(history))
    lines = told.strip().splitlines()
    assert lines[0] == KEY
    assert lines[1:] == sorted(lines[1:])
    assert sum("note of decision d-1" in line for line in lines) == 2
