"""Requests as data: keys, people, states."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.request import IssueKey, Person, Request, State, in_scope

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
