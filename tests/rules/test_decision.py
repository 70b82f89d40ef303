"""The rules: who may do what with a request, and what the record says then."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.decision import (
    CLOCK_TOLERANCE,
    WAITS_LIMIT,
    Action,
    AddNote,
    Channel,
    ChooseLabel,
    Claim,
    ClearLabel,
    Close,
    CloseIdle,
    Closing,
    Decision,
    Explain,
    FollowUp,
    Kudos,
    MarkContacted,
    Miss,
    Release,
    Reopen,
    Review,
    StepKind,
    TakeOver,
    Tell,
    UndoContacted,
    WaitFor,
    apply,
    confirmed,
    decide,
    has_happened,
    relabel,
    step_of,
    typed_in,
)
from slackbot.rules.refusals import (
    AlreadyClaimed,
    AlreadyClosed,
    AlreadyContacted,
    AlreadyOpen,
    AlreadyYours,
    AskedForContact,
    AssignedAgain,
    BeforeTheRequest,
    HeldAgain,
    InTheFuture,
    InThePast,
    InvalidField,
    IssueGone,
    LabelChanged,
    NoLongerRequested,
    NotContacted,
    NotIdle,
    NotMissed,
    NotYours,
    Refusal,
    SameLabel,
    TextRequired,
    UnknownLabel,
)
from slackbot.rules.request import IssueKey, Person, Request, Rules, State, Triage, Wait, triaged
from slackbot.rules.timing.deadline import ALWAYS

ASKED = datetime(2026, 1, 30, 15, 0, 20, tzinfo=UTC)
NOW = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
KEY = IssueKey(7, 12)

SCOPE = "feedback"
CONTACTED_LABEL = "ssat-manager-contacted-customer"
SOFT_SKILLS, KNOWN_ISSUE = "feedback::soft-skills", "feedback::known-issue"
LABELS = frozenset({SOFT_SKILLS, KNOWN_ISSUE})
RULES = Rules(
    contact_label="SSAT::Contact",
    contacted_label=CONTACTED_LABEL,
    scope=SCOPE,
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)

AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U2", gitlab="blake.sample")
CASEY = Person(name="Casey Nolink", slack_team="T1", slack_user="U3")
AVERY_IN_GITLAB = Person(name="Avery", gitlab="avery")

WAITING = Request(
    key=KEY,
    url="https://gitlab.example/-/issues/12",
    title="Negative feedback for ticket 412345",
    labels=frozenset({"SSAT::Contact", "satisfaction::bad"}),
    asked_at=ASKED,
    due_at=datetime(2026, 2, 3, 15, 0, 20, tzinfo=UTC),
)
CLAIMED = replace(WAITING, holder=AVERY, held_since=NOW - timedelta(hours=1))
CONTACTED = replace(
    CLAIMED, contacted_at=NOW - timedelta(minutes=5), contacted_by=AVERY, is_open=False
)
CLOSED = replace(CLAIMED, is_open=False)
WITHDRAWN = replace(CLAIMED, is_requested=False)
GONE = replace(CLAIMED, is_gone=True)
PLAIN = triaged(None, replace(WAITING, is_requested=False, was_requested=False), SCOPE)

CLAIM, RELEASE = Claim(), Release()
TAKE_OVER = TakeOver(holder=AVERY)
LABEL = ChooseLabel(label=SOFT_SKILLS)
CALLED = MarkContacted(channel=Channel.CALL, text=None, at=NOW)
CLEAR = ClearLabel(label=KNOWN_ISSUE)
UNDO = UndoContacted(text="Wrong ticket.")
REVIEW = Review(summary="Three days without an answer.", to_do=None, contact=False)
CLOSE, REOPEN = Close(reason=Closing.NOTHING_TO_DO), Reopen()
CLOSE_ANYWAY = replace(CLOSE, leaves_waiting=True)
CLOSE_IDLE, KUDOS = CloseIdle(), Kudos(thanks=(BLAKE,))
NOTE = AddNote(text="They replied.")
WAIT = WaitFor(text="The fix in 17.9", until=date(2026, 2, 9))
EXPLAIN = Explain(reason=Miss.NOT_SEEN)
FOLLOW_UP = FollowUp(title="Silence", text="They waited.")
TELL = Tell(names=("blake.sample",), text="Please look.")
EVERY_ACTION: tuple[Action, ...] = (
    *(CLAIM, TAKE_OVER, RELEASE, LABEL, CLEAR, CALLED, UNDO, REVIEW, CLOSE, CLOSE_IDLE, KUDOS),
    *(REOPEN, NOTE, WAIT, EXPLAIN, FOLLOW_UP, TELL),
)
"""One of each kind."""


def judge(request: Request, action: Action, who: Person, now: datetime = NOW) -> Refusal | None:
    return decide(request, action, who, now, labels=LABELS, scope=SCOPE)


def decided(action: Action, who: Person = AVERY, at: datetime = NOW) -> Decision:
    return Decision(id=UUID(int=1), key=KEY, by=who, at=at, action=action)


def applied(request: Request, action: Action, who: Person = AVERY) -> Request:
    return apply(request, decided(action, who), RULES)


# --- Who may do what ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "action", "who", "refusal"),
    [
        # Nobody has it: everybody may claim, by whichever button.
        (WAITING, CLAIM, AVERY, None),
        (WAITING, CLAIM, CASEY, None),  # nor is GitLab needed for that
        (WAITING, TAKE_OVER, BLAKE, None),  # its holder has let go since the card was drawn
        # Avery has it.
        (CLAIMED, CLAIM, AVERY, AlreadyYours),
        (CLAIMED, CLAIM, AVERY_IN_GITLAB, AlreadyYours),  # the same human
        (CLAIMED, CLAIM, BLAKE, AlreadyClaimed),
        (CLAIMED, CLAIM, CASEY, AlreadyClaimed),
        (CLAIMED, TAKE_OVER, BLAKE, None),  # from whom the button said
        (CLAIMED, TAKE_OVER, AVERY, AlreadyYours),
        # Somebody else was faster than the confirmation: ask again, with the new name.
        (CLAIMED, TakeOver(holder=CASEY), BLAKE, AlreadyClaimed),
        # Nothing is left to be claimed.
        (CONTACTED, CLAIM, BLAKE, AlreadyContacted),
        (CONTACTED, CLAIM, AVERY, AlreadyContacted),
        (CONTACTED, TAKE_OVER, BLAKE, AlreadyContacted),
        (CLOSED, CLAIM, BLAKE, AlreadyClosed),
        (CLOSED, TAKE_OVER, BLAKE, AlreadyClosed),
        (WITHDRAWN, CLAIM, BLAKE, NoLongerRequested),
        (WITHDRAWN, TAKE_OVER, BLAKE, NoLongerRequested),
        (GONE, CLAIM, BLAKE, IssueGone),
        (GONE, TAKE_OVER, BLAKE, IssueGone),
        # Only the holder gives back.
        (WAITING, RELEASE, AVERY, NotYours),
        (CLAIMED, RELEASE, AVERY, None),
        (CLAIMED, RELEASE, AVERY_IN_GITLAB, None),
        (CLAIMED, RELEASE, BLAKE, NotYours),
        (CLOSED, RELEASE, AVERY, None),
        (CLOSED, RELEASE, BLAKE, NotYours),
        (WITHDRAWN, RELEASE, AVERY, None),
        (WITHDRAWN, RELEASE, BLAKE, NotYours),
        (CONTACTED, RELEASE, AVERY, None),  # from an old card; it does no harm
        (CONTACTED, RELEASE, BLAKE, NotYours),
        (GONE, RELEASE, AVERY, IssueGone),
        # The cause may be named by everybody and at any time, also afterwards.
        (WAITING, LABEL, CASEY, None),
        (CLAIMED, LABEL, AVERY, None),
        (CLAIMED, LABEL, BLAKE, None),
        (CONTACTED, LABEL, BLAKE, None),
        (CLOSED, LABEL, BLAKE, None),
        (WITHDRAWN, LABEL, BLAKE, None),
        (GONE, LABEL, AVERY, IssueGone),
        # A contact happened, whoever holds the request and whatever became of the issue.
        (WAITING, CALLED, CASEY, None),
        (CLAIMED, CALLED, AVERY, None),
        (CLAIMED, CALLED, BLAKE, None),
        (CLOSED, CALLED, AVERY, None),
        (WITHDRAWN, CALLED, AVERY, None),
        # But one customer is contacted once.
        (CONTACTED, CALLED, AVERY, AlreadyContacted),
        (CONTACTED, CALLED, BLAKE, AlreadyContacted),
        (GONE, CALLED, AVERY, IssueGone),
        # What was marked by mistake is taken back, by everybody.
        (CONTACTED, UNDO, BLAKE, None),
        (CLAIMED, UNDO, AVERY, NotContacted),
        # Everybody may review, whatever became of the feedback.
        (WAITING, REVIEW, CASEY, None),
        (CONTACTED, REVIEW, BLAKE, None),
        (CLOSED, REVIEW, BLAKE, None),
        (PLAIN, REVIEW, BLAKE, None),
        # Closed once, reopened once.
        (PLAIN, CLOSE, BLAKE, None),
        (WITHDRAWN, CLOSE, BLAKE, None),
        (CLOSED, CLOSE, BLAKE, AlreadyClosed),
        (CONTACTED, CLOSE, BLAKE, AlreadyClosed),
        (CLOSED, REOPEN, BLAKE, None),
        (CONTACTED, REOPEN, BLAKE, None),
        (WAITING, REOPEN, BLAKE, AlreadyOpen),
        # Nobody closes, unseen, what a customer waits for.
        (WAITING, CLOSE, BLAKE, AskedForContact),
        (CLAIMED, CLOSE, AVERY, AskedForContact),
        (WAITING, CLOSE_ANYWAY, BLAKE, None),
        (CLAIMED, CLOSE_ANYWAY, AVERY, None),
        (WAITING, KUDOS, BLAKE, AskedForContact),
        (WAITING, replace(KUDOS, close=False), BLAKE, None),
        (WAITING, CLOSE_IDLE, BLAKE, NotIdle),
        # They saw that the customer waited, who has withdrawn or heard from a manager since.
        (WITHDRAWN, CLOSE_ANYWAY, BLAKE, None),
        (replace(CONTACTED, is_open=True), CLOSE_ANYWAY, BLAKE, None),
        # A note is taken before and after the close.
        (WAITING, NOTE, CASEY, None),
        (CLOSED, NOTE, CASEY, None),
        (PLAIN, WAIT, CASEY, None),
        # Only what was missed is explained.
        (WAITING, EXPLAIN, AVERY, NotMissed),
        (CONTACTED, EXPLAIN, AVERY, NotMissed),
        *((GONE, each, AVERY, IssueGone) for each in EVERY_ACTION),
    ],
)
def test_who_may_do_what(
    request_: Request, action: Action, who: Person, refusal: type[Refusal] | None
) -> None:
    found = judge(request_, action, who)
    assert (type(found) if found else None) is refusal


def test_the_colleague_who_was_faster_is_named() -> None:
    refusal = judge(CLAIMED, CLAIM, BLAKE)
    assert isinstance(refusal, AlreadyClaimed)
    assert refusal.holder == AVERY


def test_who_has_contacted_the_customer_is_named() -> None:
    refusal = judge(replace(CONTACTED, contacted_by=CASEY), CALLED, BLAKE)
    assert isinstance(refusal, AlreadyContacted)
    assert refusal.by == CASEY


@pytest.mark.parametrize("holder", [None, AVERY])
def test_who_could_release_is_named(holder: Person | None) -> None:
    refusal = judge(replace(WAITING, holder=holder), RELEASE, BLAKE)
    assert isinstance(refusal, NotYours)
    assert refusal.holder == holder


# --- Races -------------------------------------------------------------------------------------


def test_of_two_who_claim_at_once_the_second_is_refused() -> None:
    first = applied(WAITING, CLAIM, AVERY)
    assert isinstance(judge(first, CLAIM, BLAKE), AlreadyClaimed)


def test_of_two_who_take_over_at_once_the_second_is_asked_again() -> None:
    first = applied(CLAIMED, TAKE_OVER, BLAKE)
    refusal = judge(first, TAKE_OVER, CASEY)
    assert isinstance(refusal, AlreadyClaimed)
    assert refusal.holder == BLAKE
    assert judge(first, TakeOver(holder=BLAKE), CASEY) is None  # confirmed against the new name


def test_who_was_robbed_can_take_it_back_but_not_by_the_old_claim() -> None:
    robbed = applied(CLAIMED, TAKE_OVER, BLAKE)
    assert isinstance(judge(robbed, CLAIM, AVERY), AlreadyClaimed)
    assert isinstance(judge(robbed, RELEASE, AVERY), NotYours)
    assert judge(robbed, TakeOver(holder=BLAKE), AVERY) is None


@pytest.mark.parametrize(
    ("again", "is_refused"),
    [
        (timedelta(minutes=-30), False),  # before the click: it is what they chose about
        (-CLOCK_TOLERANCE, False),
        (timedelta(seconds=-5), True),  # or after it, by another clock
        (timedelta(minutes=1), True),  # after it: they have it again
    ],
)
def test_no_request_is_taken_from_who_has_got_it_again(again: timedelta, is_refused: bool) -> None:
    held, since = replace(CLAIMED, held_since=NOW + again), CLAIMED.held_since
    released = judge(held, Release(since=since), AVERY)
    assert isinstance(released, HeldAgain) is is_refused
    taken_over = judge(held, TakeOver(holder=AVERY, since=since), BLAKE)
    assert isinstance(taken_over, AssignedAgain) is is_refused


def test_clocks_may_differ_while_the_holding_is_the_same() -> None:
    ahead = replace(CLAIMED, held_since=NOW + timedelta(seconds=5))
    assert judge(ahead, Release(since=ahead.held_since), AVERY) is None
    assert judge(ahead, TakeOver(holder=AVERY, since=ahead.held_since), BLAKE) is None


@pytest.mark.parametrize("action", [Release(since=NOW), TakeOver(holder=AVERY, since=NOW)])
def test_who_tries_again_has_seen_who_has_it_now(action: Action) -> None:
    held = replace(CLAIMED, held_since=NOW + timedelta(minutes=1))
    who = AVERY if isinstance(action, Release) else BLAKE
    assert judge(held, action, who) is not None
    assert judge(held, confirmed(action, held), who) is None


def test_other_actions_are_the_same_when_they_are_tried_again() -> None:
    assert confirmed(CLAIM, CLAIMED) == CLAIM


# --- Feedback labels ---------------------------------------------------------------------------

LABELED = replace(WAITING, labels=WAITING.labels | {KNOWN_ISSUE})


@pytest.mark.parametrize(
    ("request_", "action", "refusal"),
    [
        (WAITING, ChooseLabel(label=SOFT_SKILLS), None),
        (LABELED, ChooseLabel(label=SOFT_SKILLS, replaces=KNOWN_ISSUE), None),
        # GitLab would create what it does not know.
        (WAITING, ChooseLabel(label="feedback::made-up"), UnknownLabel),
        (WAITING, ChooseLabel(label="Feedback::Soft-Skills"), UnknownLabel),  # case counts
        (WAITING, ChooseLabel(label=""), UnknownLabel),
        (LABELED, ChooseLabel(label=KNOWN_ISSUE, replaces=KNOWN_ISSUE), SameLabel),
        (LABELED, ChooseLabel(label=KNOWN_ISSUE), SameLabel),
        # Somebody chose in GitLab between the click and its delivery.
        (LABELED, ChooseLabel(label=SOFT_SKILLS), LabelChanged),
        # Somebody took it off there.
        (WAITING, ChooseLabel(label=SOFT_SKILLS, replaces=KNOWN_ISSUE), LabelChanged),
        # Nobody may replace what they have not seen, not even when it is no longer offered.
        (
            replace(WAITING, labels=frozenset({"feedback::gone"})),
            ChooseLabel(label=SOFT_SKILLS, replaces="feedback::gone"),
            None,
        ),
    ],
)
def test_a_label_is_chosen_against_what_the_person_saw(
    request_: Request, action: Action, refusal: type[Refusal] | None
) -> None:
    found = judge(request_, action, AVERY)
    assert (type(found) if found else None) is refusal


def test_the_label_that_came_in_between_is_named() -> None:
    refusal = judge(LABELED, ChooseLabel(label=SOFT_SKILLS), AVERY)
    assert isinstance(refusal, LabelChanged)
    assert refusal.label == KNOWN_ISSUE


def test_a_label_replaces_all_of_its_scope_and_nothing_else() -> None:
    labels = frozenset({"feedback::a", "feedback::b", "feedback::a::deeper", "feedback", "bug"})
    chosen = relabel(labels, "feedback::c", SCOPE)
    assert chosen == {"feedback::c", "feedback::a::deeper", "feedback", "bug"}


@pytest.mark.parametrize(
    ("request_", "label", "refusal"),
    [
        (LABELED, KNOWN_ISSUE, None),
        # Another one came after the click, or it is gone.
        (LABELED, SOFT_SKILLS, LabelChanged),
        (WAITING, KNOWN_ISSUE, LabelChanged),
        (WAITING, "SSAT::Contact", LabelChanged),  # never one of another scope
    ],
)
def test_the_label_that_the_person_saw_is_removed_and_no_other(
    request_: Request, label: str, refusal: type[Refusal] | None
) -> None:
    found = judge(request_, ClearLabel(label=label), AVERY)
    assert (type(found) if found else None) is refusal
    if refusal is None:
        assert applied(request_, ClearLabel(label=label)).labels == request_.labels - {label}


# --- Reviews, and what follows from them -------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "refusal", "field"),
    [
        (REVIEW, None, None),
        (replace(REVIEW, to_do="", label=SOFT_SKILLS), None, None),
        (replace(REVIEW, summary=None), TextRequired, "summary"),
        (replace(REVIEW, summary=" \u200b\n"), TextRequired, "summary"),
        (replace(REVIEW, label="feedback::made-up"), UnknownLabel, None),
        (replace(CLOSE, reason=Closing.OTHER), TextRequired, "text"),
        (replace(CLOSE, reason=Closing.OTHER, text="Sold."), None, None),
        (replace(NOTE, text=None), TextRequired, "text"),
        (replace(NOTE, text="\u3164"), TextRequired, "text"),
        (replace(WAIT, text=""), TextRequired, "text"),
    ],
)
def test_what_belongs_in_the_issue_must_be_said_and_is_asked_for_at_its_field(
    action: Action, refusal: type[Refusal] | None, field: str | None
) -> None:
    found = judge(PLAIN, action, AVERY)
    assert (type(found) if found else None) is refusal
    assert (found.field if isinstance(found, InvalidField) else None) == field
    assert isinstance(found, TextRequired) is (field is not None)
    if isinstance(found, TextRequired):
        assert found.kind == action.kind


def test_a_contact_is_taken_back_only_with_a_reason() -> None:
    assert isinstance(judge(CONTACTED, replace(UNDO, text=" "), AVERY), TextRequired)


@pytest.mark.parametrize(
    ("day", "is_past"),
    [
        (date(2026, 2, 2), False),
        (date(2026, 2, 1), False),  # somewhere it is still yesterday
        (date(2026, 1, 31), True),
        (date(2026, 2, 3), False),
        (date(2999, 1, 1), False),
    ],
)
@pytest.mark.parametrize("hour", [0, 11])
def test_nobody_waits_for_a_day_that_has_passed_everywhere(
    day: date, is_past: bool, hour: int
) -> None:
    found = judge(PLAIN, replace(WAIT, until=day), AVERY, NOW.replace(hour=hour))
    assert isinstance(found, InThePast) is is_past


def test_yesterday_has_passed_once_it_is_noon_in_utc() -> None:
    noon = NOW.replace(hour=12)
    assert judge(PLAIN, replace(WAIT, until=date(2026, 2, 1)), AVERY, noon) is not None
    assert judge(PLAIN, replace(WAIT, until=noon.date()), AVERY, noon) is None


@pytest.mark.parametrize(
    ("request_", "action", "refusal"),
    [
        (WAITING, EXPLAIN, None),  # overdue by then
        (replace(CONTACTED, contacted_at=WAITING.due_at + timedelta(hours=1)), EXPLAIN, None),
        (replace(CONTACTED, contacted_at=WAITING.due_at), EXPLAIN, NotMissed),
        (CLOSED, EXPLAIN, None),  # nobody will be contacted
        (WITHDRAWN, EXPLAIN, NotMissed),
        (PLAIN, EXPLAIN, NotMissed),
        (WAITING, Explain(reason=Miss.OTHER), TextRequired),
        (WAITING, Explain(reason=Miss.OTHER, text="A holiday."), None),
    ],
)
def test_a_missed_deadline_is_explained_and_no_other(
    request_: Request, action: Action, refusal: type[Refusal] | None
) -> None:
    found = judge(request_, action, AVERY, WAITING.due_at + timedelta(days=1))
    assert (type(found) if found else None) is refusal


# --- Contacts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, None),
        # An e-mail's text belongs in the issue; blanks are no text.
        ({"channel": Channel.EMAIL, "text": "Dear customer"}, None),
        ({"channel": Channel.EMAIL, "text": None}, TextRequired),
        ({"channel": Channel.EMAIL, "text": ""}, TextRequired),
        ({"channel": Channel.EMAIL, "text": " \n\t"}, TextRequired),
        ({"channel": Channel.TICKET, "text": None}, None),
        ({"channel": Channel.CALL, "text": "Left a message."}, None),
        # Not in the future, but for what the clocks of two replicas may differ by.
        ({"at": NOW + CLOCK_TOLERANCE}, None),
        ({"at": NOW + CLOCK_TOLERANCE + timedelta(seconds=1)}, InTheFuture),
        # Not before the request; people pick minutes, so its own minute is allowed.
        ({"at": ASKED}, None),
        ({"at": ASKED.replace(second=0)}, None),
        ({"at": ASKED.replace(second=0) - timedelta(seconds=1)}, BeforeTheRequest),
        # A label only of those that exist.
        ({"label": SOFT_SKILLS}, None),
        ({"label": "feedback::made-up"}, UnknownLabel),
    ],
)
def test_a_contact_is_believed_when_it_can_be_true(
    changes: dict[str, object], refusal: type[Refusal] | None
) -> None:
    found = judge(CLAIMED, replace(CALLED, **changes), AVERY)  # type: ignore[arg-type]
    assert (type(found) if found else None) is refusal


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"channel": Channel.EMAIL}, "text"), ({"at": NOW + timedelta(days=1)}, "at")],
)
def test_what_is_wrong_in_a_form_is_told_at_its_field(
    changes: dict[str, object], field: str
) -> None:
    refusal = judge(CLAIMED, replace(CALLED, **changes), AVERY)  # type: ignore[arg-type]
    assert getattr(refusal, "field", None) == field


# --- What the record says then -----------------------------------------------------------------


def test_a_claim_makes_a_holder() -> None:
    after = applied(WAITING, CLAIM, BLAKE)
    assert (after.state, after.holder, after.held_since) == (State.CLAIMED, BLAKE, NOW)


def test_a_take_over_changes_the_holder() -> None:
    after = applied(CLAIMED, TAKE_OVER, BLAKE)
    assert (after.holder, after.held_since) == (BLAKE, NOW)


def test_claimed_and_released_it_waits_as_before() -> None:
    released = applied(applied(WAITING, CLAIM), RELEASE)
    assert released == replace(WAITING, claimed_at=NOW)  # for the trends


def test_the_first_who_claims_stops_the_clock_for_those_who_claim_after_them() -> None:
    first = applied(WAITING, CLAIM)
    later = decided(TAKE_OVER, BLAKE, NOW + timedelta(hours=3))
    assert apply(first, later, RULES).claimed_at == NOW


def test_a_label_takes_the_place_of_the_other() -> None:
    after = applied(LABELED, ChooseLabel(label=SOFT_SKILLS, replaces=KNOWN_ISSUE))
    assert after.labels == WAITING.labels | {SOFT_SKILLS}


def test_a_contact_is_labeled_and_closes_the_issue() -> None:
    earlier = NOW - timedelta(hours=3)
    after = applied(CLAIMED, replace(CALLED, at=earlier, label=SOFT_SKILLS), BLAKE)
    assert after.state is State.CONTACTED
    assert (after.contacted_at, after.contacted_by) == (earlier, BLAKE)
    assert after.labels == CLAIMED.labels | {CONTACTED_LABEL, SOFT_SKILLS}
    assert not after.is_open
    assert after.holder == AVERY  # who did it and who had it are two things


def test_a_contact_may_leave_the_issue_open() -> None:
    assert applied(CLAIMED, replace(CALLED, close=False)).is_open


def test_a_contact_does_not_reopen_what_is_closed() -> None:
    assert not applied(CLOSED, replace(CALLED, close=False)).is_open


def test_a_contact_does_not_overrule_the_label_that_somebody_chose() -> None:
    after = applied(LABELED, replace(CALLED, label=SOFT_SKILLS))
    assert after.label_of(SCOPE) == KNOWN_ISSUE


def test_a_contact_taken_back_lets_the_customer_wait_again() -> None:
    marked = applied(CLAIMED, CALLED)
    back = applied(marked, UNDO)
    assert back == replace(CLAIMED, claimed_at=back.claimed_at)
    kept = applied(marked, replace(UNDO, reopen=False))
    assert (kept.state, kept.is_open) == (State.CLOSED, False)
    assert CONTACTED_LABEL not in kept.labels


def test_a_review_says_who_looked_and_leaves_all_else_as_it_was() -> None:
    after = applied(LABELED, REVIEW, BLAKE)
    assert (after.reviewed_at, after.reviewed_by) == (NOW, BLAKE)
    assert replace(after, reviewed_at=None, reviewed_by=None) == LABELED
    assert applied(LABELED, replace(REVIEW, label=SOFT_SKILLS)).label_of(SCOPE) == SOFT_SKILLS


def test_closed_without_contact_it_says_why_until_it_is_reopened() -> None:
    closed = applied(CLAIMED, CLOSE, BLAKE)
    assert (closed.state, closed.closed_by, closed.closed_because) == (
        State.CLOSED,
        "Blake Sample",
        Closing.NOTHING_TO_DO,
    )
    back = applied(closed, REOPEN)
    assert (back.state, back.closed_because) == (State.CLAIMED, None)


def test_what_it_waits_on_is_kept_as_far_as_a_row_shows_it() -> None:
    waits_on = applied(PLAIN, replace(WAIT, text="x" * 500), BLAKE).waits_on
    assert waits_on == Wait(what="x" * WAITS_LIMIT, until=WAIT.until, by=BLAKE, at=NOW)


def test_why_a_deadline_was_missed_is_on_record() -> None:
    assert applied(WAITING, EXPLAIN).missed_because == Miss.NOT_SEEN


@pytest.mark.parametrize(
    ("action", "triage"),
    [
        (replace(REVIEW, label=SOFT_SKILLS), Triage.LABELED),
        (REVIEW, Triage.LABELED),  # reviewed without a label
        (LABEL, Triage.LABELED),
        (CLOSE, Triage.CLOSED),
        (NOTE, Triage.AWAITED),
        (WAIT, Triage.LABELED),  # somebody has looked
        (CALLED, Triage.CLOSED),
        (replace(CALLED, close=False), Triage.LABELED),
        (KUDOS, Triage.CLOSED),
        (replace(KUDOS, close=False), Triage.LABELED),
        (CLAIM, Triage.AWAITED),
    ],
)
def test_feedback_is_triaged_when_it_is_decided_and_not_when_gitlab_last_changed(
    action: Action, triage: Triage
) -> None:
    after = applied(replace(PLAIN, gitlab_updated_at=ASKED), action)
    assert after.triage is triage
    assert after.triaged_at == (None if triage is Triage.AWAITED else NOW)


def test_where_contact_is_asked_for_there_is_no_triage() -> None:
    assert applied(WAITING, LABEL).triage is None


# --- Every action ------------------------------------------------------------------------------


def test_of_each_kind_of_action_there_is_one_here() -> None:
    assert [type(each) for each in EVERY_ACTION] == list(get_args(Action))
    assert len({each.kind for each in EVERY_ACTION}) == len(EVERY_ACTION)


@pytest.mark.parametrize("action", EVERY_ACTION, ids=lambda action: action.kind)
def test_every_action_is_judged_applied_and_told(action: Action) -> None:
    judge(CLAIMED, action, BLAKE)
    assert applied(CLAIMED, action, BLAKE).key == KEY
    step = step_of(decided(action, BLAKE), CLAIMED)
    assert (step.who, step.owner, step.at) == (BLAKE, AVERY, NOW)


def test_what_has_happened_outside_of_gitlab_is_not_undone_by_it() -> None:
    assert [each.kind for each in EVERY_ACTION if has_happened(each)] == ["mark_contacted"]


def test_what_a_person_typed_is_found_in_every_action_that_takes_it() -> None:
    assert {each.kind: typed_in(each) for each in EVERY_ACTION if typed_in(each)} == {
        "undo_contacted": {"text": "Wrong ticket."},
        "review": {"summary": "Three days without an answer."},
        "note": {"text": "They replied."},
        "wait": {"text": "The fix in 17.9"},
        "follow_up": {"title": "Silence", "text": "They waited."},
        "tell": {"text": "Please look."},
    }
    full = replace(REVIEW, to_do="Tell the team.")
    assert typed_in(full) == {"summary": REVIEW.summary, "to_do": "Tell the team."}


# --- What the thread is told -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "action", "who", "kind", "other", "detail"),
    [
        (WAITING, CLAIM, BLAKE, StepKind.CLAIMED, None, None),
        (CLAIMED, TAKE_OVER, BLAKE, StepKind.TAKEN_OVER, AVERY, None),
        # Nobody is told that they have lost what they gave away themselves.
        (WAITING, TAKE_OVER, BLAKE, StepKind.CLAIMED, None, None),
        (replace(CLAIMED, holder=CASEY), TAKE_OVER, BLAKE, StepKind.CLAIMED, None, None),
        (CLAIMED, RELEASE, AVERY, StepKind.RELEASED, None, None),
        (CLAIMED, LABEL, AVERY, StepKind.LABELED, None, SOFT_SKILLS),
        (CLAIMED, CALLED, AVERY, StepKind.CONTACTED, None, "call"),
        (LABELED, CLEAR, AVERY, StepKind.LABEL_CLEARED, None, KNOWN_ISSUE),
        (CONTACTED, UNDO, BLAKE, StepKind.UNCONTACTED, None, None),
        (CLAIMED, REVIEW, BLAKE, StepKind.REVIEWED, None, None),
        (CLAIMED, replace(REVIEW, contact=True), BLAKE, StepKind.REVIEWED, None, "contact"),
        (CLAIMED, CLOSE, BLAKE, StepKind.CLOSED, None, "nothing_to_do"),
        (CLOSED, REOPEN, BLAKE, StepKind.REOPENED, None, None),
        (CLOSED, NOTE, BLAKE, StepKind.NOTED, None, None),
        (CLAIMED, WAIT, BLAKE, StepKind.WAITS, None, "The fix in 17.9"),
        (CLAIMED, EXPLAIN, BLAKE, StepKind.EXPLAINED, None, "not_seen"),
        (PLAIN, CLOSE_IDLE, BLAKE, StepKind.CLOSED, None, "idle"),
        (PLAIN, KUDOS, AVERY, StepKind.THANKED, None, "Blake Sample"),
        (CLOSED, TELL, AVERY, StepKind.TOLD, None, "blake.sample"),
    ],
)
def test_what_a_decision_did_is_told(
    before: Request,
    action: Action,
    who: Person,
    kind: StepKind,
    other: Person | None,
    detail: str | None,
) -> None:
    step = step_of(decided(action, who), before)
    assert (step.kind, step.who, step.other, step.detail) == (kind, who, other, detail)
    assert step.at == NOW
    assert not step.in_gitlab


def test_only_a_closing_that_leaves_a_customer_waiting_is_told_as_such() -> None:
    assert step_of(decided(CLOSE_ANYWAY), CLAIMED).is_without_contact
    assert not step_of(decided(CLOSE), PLAIN).is_without_contact


def test_a_contact_is_told_with_the_time_at_which_it_happened() -> None:
    earlier = NOW - timedelta(hours=3)
    assert step_of(decided(replace(CALLED, at=earlier)), CLAIMED).at == earlier


# --- Whatever comes ----------------------------------------------------------------------------

_moments = st.timedeltas(timedelta(days=-8), timedelta(days=8)).map(NOW.__add__)
_people = st.sampled_from([AVERY, BLAKE, CASEY, AVERY_IN_GITLAB])
_names = st.sampled_from([SOFT_SKILLS, KNOWN_ISSUE, "feedback::unknown", "SSAT::Contact"])
_requests = st.builds(
    replace,
    st.just(WAITING),
    labels=st.frozensets(_names),
    is_open=st.booleans(),
    is_requested=st.booleans(),
    was_requested=st.just(True),
    is_gone=st.booleans(),
    asked_at=_moments,
    holder=st.none() | _people,
    contacted_at=st.none() | _moments,
    contacted_by=st.none() | _people,
    reviewed_at=st.none() | _moments,
).map(lambda request: triaged(None, request, SCOPE))
_texts = st.none() | st.text(max_size=9)
_once: st.SearchStrategy[Action] = st.one_of(
    st.just(CLAIM),
    st.just(RELEASE),
    st.just(REOPEN),
    st.builds(TakeOver, holder=_people),
    st.builds(ChooseLabel, label=_names, replaces=st.none() | _names),
    st.builds(ClearLabel, label=_names),
    st.builds(UndoContacted, text=_texts, reopen=st.booleans()),
    st.builds(Close, reason=st.sampled_from(Closing), text=_texts, leaves_waiting=st.booleans()),
    st.just(CLOSE_IDLE),
    st.builds(Kudos, close=st.booleans(), text=_texts),
    st.builds(
        MarkContacted,
        channel=st.sampled_from(Channel),
        text=st.none() | st.text(),
        at=_moments,
        label=st.none() | _names,
        close=st.booleans(),
    ),
)
_again: st.SearchStrategy[Action] = st.one_of(
    st.builds(
        Review,
        summary=_texts,
        to_do=_texts,
        contact=st.booleans(),
        tell_csm=st.none() | st.booleans(),
        label=st.none() | _names,
    ),
    st.builds(AddNote, text=_texts),
    st.builds(WaitFor, text=_texts, until=st.dates(date(2026, 1, 20), date(2026, 2, 20))),
    st.builds(Explain, reason=st.sampled_from(Miss), text=_texts),
    st.builds(FollowUp, title=_texts, text=_texts),
    st.builds(Tell, names=st.sampled_from([(), ("blake.sample",)]), text=_texts),
)
"""What people may do as often as they like."""
_actions = _once | _again


@given(_requests, _actions, _people, _moments)
def test_every_choice_is_allowed_or_refused_with_a_reason(
    request_: Request, action: Action, who: Person, now: datetime
) -> None:
    refusal = judge(request_, action, who, now)
    assert refusal is None or not type(refusal).__subclasses__()  # one that has words


@given(_requests, _once, _people, _moments)
def test_what_has_been_decided_is_not_decided_twice(
    request_: Request, action: Action, who: Person, now: datetime
) -> None:
    if judge(request_, action, who, now) is not None:
        return
    after = applied(request_, action, who)
    assert judge(after, action, who, now) is not None


_TRIAGE: dict[str, Any] = {"triage": None, "triaged_at": None}
_LABELS = _TRIAGE | {"labels": frozenset()}
_HOW = {"contacted_at": None, "contacted_by": None, "contacted_how": None}
_CONTACT = _LABELS | _HOW | {"is_open": True}
_CLOSE = _TRIAGE | {"is_open": True, "closed_by": None, "closed_because": None}


@given(_requests, _actions, _people)
def test_a_decision_changes_only_what_it_is_about(
    request_: Request, action: Action, who: Person
) -> None:
    owner = {"holder": None, "held_since": None}
    changes: dict[str, dict[str, Any]] = {
        "claim": owner | {"claimed_at": None},
        "take_over": owner | {"claimed_at": None},
        "release": owner,
        "choose_label": _LABELS,
        "clear_label": _LABELS,
        "mark_contacted": _CONTACT,
        "undo_contacted": _CONTACT,
        "review": _LABELS | {"reviewed_at": None, "reviewed_by": None, "plans_contact": False},
        "close": _CLOSE,
        "close_idle": _CLOSE,
        "kudos": _CLOSE | {"thanked_by": None},
        "reopen": _TRIAGE | {"is_open": True, "closed_because": None},
        "note": {},
        "wait": _TRIAGE | {"waits_on": None},
        "explain": {"missed_because": None},
        "follow_up": {},
        "tell": {},
    }
    without = changes[action.kind]
    assert replace(applied(request_, action, who), **without) == replace(request_, **without)


@given(_requests, _actions, _people)
def test_applied_twice_a_decision_does_what_it_does_once(
    request_: Request, action: Action, who: Person
) -> None:
    once = applied(request_, action, who)
    assert applied(once, action, who) == once


@given(_requests, _names)
def test_after_a_choice_exactly_one_label_of_the_scope_is_left(
    request_: Request, label: str
) -> None:
    after = applied(request_, ChooseLabel(label=label))
    assert [name for name in after.labels if name.startswith("feedback::")] == [
        name for name in [label] if name.startswith("feedback::")
    ]
    assert label in after.labels
