"""The rules: who may do what with a request, and what the record says then."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.deadline import ALWAYS
from slackbot.rules.decision import (
    CLOCK_TOLERANCE,
    Action,
    Channel,
    ChooseLabel,
    Claim,
    Decision,
    MarkContacted,
    Release,
    StepKind,
    TakeOver,
    apply,
    confirmed,
    decide,
    relabel,
    step_of,
)
from slackbot.rules.refusals import (
    AlreadyClaimed,
    AlreadyClosed,
    AlreadyContacted,
    AlreadyYours,
    AssignedAgain,
    BeforeTheRequest,
    HeldAgain,
    InTheFuture,
    IssueGone,
    LabelChanged,
    NoLongerRequested,
    NotYours,
    Refusal,
    SameLabel,
    TextRequired,
    UnknownLabel,
)
from slackbot.rules.request import IssueKey, Person, Request, Rules, State

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

CLAIM, RELEASE = Claim(), Release()
TAKE_OVER = TakeOver(holder=AVERY)
LABEL = ChooseLabel(label=SOFT_SKILLS)
CALLED = MarkContacted(channel=Channel.CALL, text=None, at=NOW)


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
    assert applied(applied(WAITING, CLAIM), RELEASE) == WAITING


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
    is_gone=st.booleans(),
    asked_at=_moments,
    holder=st.none() | _people,
    contacted_at=st.none() | _moments,
    contacted_by=st.none() | _people,
)
_actions: st.SearchStrategy[Action] = st.one_of(
    st.just(CLAIM),
    st.just(RELEASE),
    st.builds(TakeOver, holder=_people),
    st.builds(ChooseLabel, label=_names, replaces=st.none() | _names),
    st.builds(
        MarkContacted,
        channel=st.sampled_from(Channel),
        text=st.none() | st.text(),
        at=_moments,
        label=st.none() | _names,
        close=st.booleans(),
    ),
)


@given(_requests, _actions, _people, _moments)
def test_every_choice_is_allowed_or_refused_with_a_reason(
    request_: Request, action: Action, who: Person, now: datetime
) -> None:
    refusal = judge(request_, action, who, now)
    assert refusal is None or not type(refusal).__subclasses__()  # one that has words


@given(_requests, _actions, _people, _moments)
def test_what_has_been_decided_is_not_decided_twice(
    request_: Request, action: Action, who: Person, now: datetime
) -> None:
    if judge(request_, action, who, now) is not None:
        return
    after = applied(request_, action, who)
    assert judge(after, action, who, now) is not None


@given(_requests, _actions, _people)
def test_a_decision_changes_only_what_it_is_about(
    request_: Request, action: Action, who: Person
) -> None:
    changes: dict[str, Callable[[Request], Request]] = {
        "claim": lambda r: replace(r, holder=None, held_since=None),
        "take_over": lambda r: replace(r, holder=None, held_since=None),
        "release": lambda r: replace(r, holder=None, held_since=None),
        "choose_label": lambda r: replace(r, labels=frozenset()),
        "mark_contacted": lambda r: replace(
            r, labels=frozenset(), contacted_at=None, contacted_by=None, is_open=True
        ),
    }
    without = changes[action.kind]
    assert without(applied(request_, action, who)) == without(request_)


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
