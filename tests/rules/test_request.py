"""Requests as data: keys, people, states."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.request import (
    CARD_WORTH,
    IssueKey,
    Person,
    Request,
    Rules,
    State,
    Triage,
    deserves_card,
    in_scope,
    triaged,
)
from slackbot.rules.timing.deadline import ALWAYS

ASKED = datetime(2026, 1, 30, 15, 0, 20, tzinfo=UTC)
DUE = datetime(2026, 2, 3, 15, 0, tzinfo=UTC)
LATER = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
REQUEST = Request(
    key=IssueKey(7, 12), url="https://gitlab.example", title="", asked_at=ASKED, due_at=DUE
)


# --- People ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["\u3164", "", " \u200b", "\u0301"])
def test_a_person_always_has_a_name_that_shows(name: str) -> None:
    assert replace(AVERY, name=name).name == "avery"
    assert replace(AVERY, name=name, gitlab=None).name == "U1"
    assert replace(AVERY, name=f"Avery{name}").name == f"Avery{name}"


# --- Keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",  # no number within the project
        "7/",
        "/12",
        "7/12/3",  # something behind it
        "7/12:avery",  # the whole value of a button
        "07/12",  # another spelling of the same
        "seven/twelve",
        "-7/12",  # numbers begin at one
        "0/12",
        "7/0",
        "+7/12",  # what int() takes, too, but nobody writes
        "7_0/12",
        " 7/12",
        "7/12 ",
        "7/1\n",
        "\u0667/12",  # digits of other scripts
        "7/\u00b2",
        "7/\uff11\uff12",
        "9223372036854775808/1",  # one more than the database takes
        "1/2147483648",
        "7/" + "9" * 5000,  # more digits than int() takes
        "7.0/12",
        "0x7/12",
        "<!channel>/1",
    ],
)
def test_what_is_no_key_is_refused_whatever_a_button_brings(text: str) -> None:
    with pytest.raises(ValueError, match="not an issue's key"):
        IssueKey.parse(text)


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**31 - 1))
def test_a_key_is_read_back_as_it_was_written(project: int, iid: int) -> None:
    key = IssueKey(project, iid)
    assert IssueKey.parse(str(key)) == key


@given(st.text("0123456789/_+- \n", max_size=8) | st.from_regex(r"\A\s?\w{1,3}/\w{1,3}\s?\Z"))
def test_a_text_is_a_key_in_one_spelling_only_or_refused(text: str) -> None:
    try:
        key = IssueKey.parse(text)
    except ValueError:
        return
    assert str(key) == text


def test_keys_sort_by_project_and_then_by_number_not_by_text() -> None:
    assert sorted([IssueKey(7, 10), IssueKey(10, 1), IssueKey(7, 9)]) == [
        IssueKey(7, 9),
        IssueKey(7, 10),
        IssueKey(10, 1),
    ]


# --- People ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Person(name="Avery", slack_team="T1", slack_user="U1"), True),  # by Slack alone
        (Person(name="A. Example", gitlab="avery"), True),  # by GitLab alone
        (Person(name="A. Example", gitlab="Avery"), True),  # which does not mind the case
        # A name is no identity.
        (Person(name="Avery Example", slack_team="T1", slack_user="U2"), False),
        (Person(name="Avery Example"), False),
        # Slack ids are unique within a workspace only.
        (Person(name="Avery", slack_team="T2", slack_user="U1", gitlab="avery"), False),
        # Where both are known in Slack, it decides: a people file may be wrong.
        (Person(name="Blake", slack_team="T1", slack_user="U2", gitlab="avery"), False),
        (Person(name="Blake", gitlab="blake"), False),
        (None, False),
    ],
)
def test_people_are_the_same_by_their_accounts(other: Person | None, same: bool) -> None:
    assert AVERY.is_same(other) is same
    if other is not None:
        assert other.is_same(AVERY) is same


def test_two_people_without_any_account_are_not_taken_for_one() -> None:
    nobody = Person(name="Casey")
    assert not nobody.is_same(Person(name="Casey"))


# One human after another of a small town, known here or there.
_people = st.builds(
    Person,
    name=st.sampled_from(["Avery", "Blake"]),
    slack_team=st.just("T1"),
    slack_user=st.sampled_from([None, "U1", "U2"]),
    gitlab=st.sampled_from([None, "avery", "blake"]),
)


@given(_people, _people)
def test_being_the_same_person_is_mutual(one: Person, other: Person) -> None:
    assert one.is_same(other) == other.is_same(one)


def test_a_person_is_named_in_buttons_by_slack_else_by_gitlab() -> None:
    assert AVERY.handle == "U1"
    assert Person(name="Blake", gitlab="blake").handle == "@blake"


# --- States ------------------------------------------------------------------------------------

_FACTS = {
    "contacted": {"contacted_at": LATER},
    "gone": {"is_gone": True},
    "closed": {"is_open": False},
    "withdrawn": {"is_requested": False},
    "plain": {"is_requested": False, "was_requested": False},
    "claimed": {"holder": AVERY},
}


def _with(*facts: str) -> Request:
    request = REQUEST
    for fact in facts:
        request = replace(request, **_FACTS[fact])  # type: ignore[arg-type]
    return request


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([], State.WAITING),
        (["claimed"], State.CLAIMED),
        # Taken off in GitLab: nobody waits any more, whoever has it.
        (["withdrawn"], State.WITHDRAWN),
        (["withdrawn", "claimed"], State.WITHDRAWN),
        (["closed"], State.CLOSED),
        (["closed", "claimed"], State.CLOSED),
        (["closed", "withdrawn", "claimed"], State.CLOSED),
        (["gone"], State.GONE),
        (["gone", "closed", "withdrawn", "claimed"], State.GONE),
        # Nobody has ever asked for contact.
        (["plain"], State.OPEN),
        (["plain", "claimed"], State.OPEN),
        (["plain", "closed"], State.CLOSED),
        (["plain", "gone"], State.GONE),
        (["plain", "contacted"], State.CONTACTED),
        # A contact is a fact that nothing after it undoes, but asking again.
        (["contacted"], State.CONTACTED),
        (["contacted", "closed", "claimed"], State.CONTACTED),
        (["contacted", "withdrawn"], State.CONTACTED),
        (["contacted", "gone", "closed", "withdrawn", "claimed"], State.CONTACTED),
    ],
)
def test_the_state_is_the_strongest_of_the_facts(facts: list[str], state: State) -> None:
    assert _with(*facts).state is state


@pytest.mark.parametrize(
    ("contacted_at", "state"),
    [
        (ASKED - timedelta(days=1), State.WAITING),
        (ASKED - timedelta(minutes=1), State.WAITING),
        # People pick minutes: 15:00 may have been after 15:00:20.
        (ASKED.replace(second=0), State.CONTACTED),
        (ASKED, State.CONTACTED),
    ],
)
def test_who_asks_again_after_a_contact_waits_again(contacted_at: datetime, state: State) -> None:
    assert replace(REQUEST, contacted_at=contacted_at).state is state


# --- Tickets and labels ------------------------------------------------------------------------


def test_the_ticket_is_linked_where_there_is_one() -> None:
    assert REQUEST.ticket_url is None
    ticket = replace(REQUEST, ticket=412345)
    assert ticket.ticket_url == "https://support.gitlab.com/hc/requests/412345"


@pytest.mark.parametrize(
    ("label", "scope", "belongs"),
    [
        ("feedback::soft-skills", "feedback", True),
        # GitLab cuts at the last pair of colons.
        ("a::b::c", "a::b", True),
        ("a::b::c", "a", False),
        ("a::b::c", "b", False),
        ("feedback", "feedback", False),  # no scope at all
        ("feedback:soft-skills", "feedback", False),
        ("feedback::", "feedback", True),
        ("::x", "feedback", False),
        ("my-feedback::x", "feedback", False),
        ("Feedback::x", "feedback", False),  # labels are case-sensitive
        ("", "feedback", False),
    ],
)
def test_a_label_belongs_to_the_scope_before_its_last_colons(
    label: str, scope: str, belongs: bool
) -> None:
    assert in_scope(label, scope) is belongs


def test_of_several_labels_of_a_scope_the_same_one_is_told_every_time() -> None:
    request = replace(REQUEST, labels=frozenset({"feedback::b", "feedback::a", "other::0"}))
    assert request.label_of("feedback") == "feedback::a"
    assert request.label_of("nothing") is None


# --- Triage ------------------------------------------------------------------------------------

SCOPE, LABEL = "feedback", "feedback::soft-skills"
HOUR = timedelta(hours=1)
PLAIN = replace(_with("plain"), created_at=ASKED, gitlab_updated_at=ASKED)
SEEN = {
    "awaited": PLAIN,
    "labelled": replace(PLAIN, labels=frozenset({LABEL})),
    "reviewed": replace(PLAIN, reviewed_at=LATER),
    "closed": replace(PLAIN, is_open=False),
    "asked": replace(PLAIN, is_requested=True, was_requested=True),
    "asked and closed": replace(PLAIN, is_requested=True, was_requested=True, is_open=False),
    "withdrawn and closed": replace(PLAIN, was_requested=True, is_open=False),
    "gone": replace(PLAIN, is_gone=True),
}


@pytest.mark.parametrize(
    ("what", "triage"),
    [
        ("awaited", Triage.AWAITED),
        ("labelled", Triage.LABELED),
        ("reviewed", Triage.LABELED),
        ("closed", Triage.CLOSED),  # as the handbook has it where nothing is left to do
        ("asked", None),
        ("gone", None),
    ],
)
def test_how_far_triage_has_come_shows_by_label_review_and_state(
    what: str, triage: Triage | None
) -> None:
    now = triaged(None, SEEN[what], SCOPE)
    assert now.triage is triage
    assert now.awaits_triage is (triage is Triage.AWAITED)


def test_a_label_of_another_scope_is_no_triage() -> None:
    other = replace(PLAIN, labels=frozenset({"feedback::a::deeper", "bug"}))
    assert triaged(None, other, SCOPE).triage is Triage.AWAITED


@pytest.mark.parametrize(
    ("seen", "at"),
    [
        (["awaited", "labelled"], 1),
        (["awaited", "reviewed"], 1),
        (["awaited", "closed"], 1),
        (["awaited", "labelled", "labelled"], 1),  # commented on after
        (["awaited", "labelled", "closed"], 1),
        (["awaited", "closed", "labelled"], 1),  # reopened, with a label
        (["awaited", "labelled", "awaited"], None),  # label taken off
        (["awaited", "closed", "awaited", "closed"], 3),
        (["labelled", "labelled"], None),  # nobody knows when
        (["labelled", "closed"], 1),  # closed then
        (["closed", "closed"], None),  # never known
        (["asked", "asked and closed", "withdrawn and closed"], None),  # that was no triage
        (["asked", "closed"], None),
        (["asked", "awaited", "closed"], 2),
        (["awaited", "gone", "awaited", "closed"], 3),
    ],
)
def test_by_when_a_feedback_was_triaged(seen: list[str], at: int | None) -> None:
    known: Request | None = None
    for hours, what in enumerate(seen):
        now = replace(SEEN[what], gitlab_updated_at=ASKED + hours * HOUR)
        known = triaged(known, now, SCOPE)
        assert triaged(known, now, SCOPE) == known  # seen again, it says the same
    assert known is not None
    assert known.triaged_at == (None if at is None else ASKED + at * HOUR)


# --- The handbook's seven days -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "awaits", "is_due"),
    [
        ({}, True, True),
        ({"sentiment": Sentiment.NEGATIVE}, True, True),
        ({"sentiment": Sentiment.NEUTRAL}, True, True),
        ({"sentiment": Sentiment.POSITIVE}, False, False),  # it is read and closed
        ({"comments": 1}, False, True),
        ({"created_at": None}, False, False),  # an earlier release did not note it
    ],
)
def test_an_initial_response_is_due_after_seven_days_unless_the_feedback_is_good(
    changes: dict[str, Any], awaits: bool, is_due: bool
) -> None:
    one = replace(PLAIN, **changes)
    late = ASKED + timedelta(days=7, seconds=1)
    assert (one.awaits_response(late), one.is_response_due(late)) == (awaits, is_due)
    assert not one.is_response_due(ASKED + timedelta(days=7))


# --- Cards -------------------------------------------------------------------------------------

RULES = Rules(
    contact_label="SSAT::Contact",
    contacted_label="contacted",
    scope=SCOPE,
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)
BAD = replace(PLAIN, sentiment=Sentiment.NEGATIVE)


@pytest.mark.parametrize(
    ("request_", "is_asked", "is_posted"),
    [
        (_with(), True, True),
        (_with("claimed"), True, True),
        (_with("withdrawn"), False, False),
        (_with("closed"), False, False),
        (_with("contacted"), False, False),
        (_with("gone"), False, False),
        (BAD, False, True),
        (replace(BAD, is_open=False), False, False),
        (replace(BAD, is_gone=True), False, False),
        (replace(BAD, created_at=None), False, False),
        (PLAIN, False, False),  # nobody says that it is bad
        (replace(PLAIN, sentiment=Sentiment.NEUTRAL), False, False),
        (replace(PLAIN, sentiment=Sentiment.POSITIVE), False, False),
    ],
)
def test_where_contact_is_asked_for_a_card_is_posted_and_for_what_is_bad_by_a_setting(
    request_: Request, is_asked: bool, is_posted: bool
) -> None:
    assert deserves_card(request_, RULES, LATER) is is_asked
    assert deserves_card(request_, replace(RULES, posts_bad=True), LATER) is is_posted


def test_old_bad_feedback_has_no_card_when_it_is_first_seen_but_a_customer_who_waits_has() -> None:
    rules, late = replace(RULES, posts_bad=True), ASKED + CARD_WORTH
    assert deserves_card(BAD, rules, late - timedelta(seconds=1))
    assert not deserves_card(BAD, rules, late)
    assert deserves_card(SEEN["asked"], rules, late)


# --- What managers had to do with --------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "was_handled"),
    [
        (_with(), True),
        (_with("withdrawn"), True),
        (PLAIN, False),
        (SEEN["closed"], False),
        (SEEN["reviewed"], True),
        (replace(PLAIN, contacted_at=LATER), True),
        (replace(SEEN["closed"], closed_because="read"), True),
    ],
)
def test_what_a_manager_did_or_a_customer_asked_for_was_handled(
    request_: Request, was_handled: bool
) -> None:
    assert request_.was_handled is was_handled
