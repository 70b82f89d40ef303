"""What people type behind /ssat, and what buttons carry: everything is read, nothing fails."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.reading.query import (
    DAYS,
    MOST_DAYS,
    TARGETS,
    Filter,
    Kind,
    Listing,
    Mentioned,
    NotUnderstood,
    Order,
    PageTurn,
    Query,
    Show,
    Target,
    Verb,
    issue_of_link,
    mentioned_feedback,
    place_of,
    read_again,
    read_query,
    spell_again,
)

ISSUE_12 = Target(number=12, kind=Kind.ISSUE, place="gitlab.com/gitlab-com/support/feedback")
LINK_12 = "https://gitlab.com/gitlab-com/support/feedback/-/issues/12"


def listing(*filters: Filter, days: int = DAYS) -> Listing:
    return Listing(filters=frozenset(filters), days=days)


def show(*numbers: int, kind: Kind = Kind.ANY, left_out: str = "") -> Show:
    targets = tuple(Target(number=n, kind=kind) for n in numbers)
    return Show(targets=targets, left_out=tuple(left_out.split()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", listing()),
        ("  \n ", listing()),
        ("mine", listing(Filter.MINE)),
        ("MINE  Overdue", listing(Filter.MINE, Filter.OVERDUE)),
        ("overdue, mine", listing(Filter.MINE, Filter.OVERDUE)),  # a comma between
        ("\u201cmine\u201d", listing(Filter.MINE)),  # the quotes of a phone
        ("'mine'", listing(Filter.MINE)),
        ("done", listing(Filter.DONE)),
        ("done 30d", listing(Filter.DONE, days=30)),
        ("done 2w", listing(Filter.DONE, days=14)),
        ("done 14", listing(Filter.DONE, days=14)),
        ("done 9999d", listing(Filter.DONE, days=MOST_DAYS)),
        ("30d done", listing(Filter.DONE, days=30)),  # in any order, as filters are
        ("14 all mine", listing(Filter.ALL, Filter.MINE, days=14)),
        ("412345", show(412345)),  # ticket or issue
        ("show 412345", show(412345)),
        ("show #12", show(12, kind=Kind.ISSUE)),
        ("#12", show(12, kind=Kind.ISSUE)),
        ("show ticket 412345", show(412345, kind=Kind.TICKET)),
        ("issue 12", show(12, kind=Kind.ISSUE)),
        ("show 1 2 3 4 5 6 6", show(1, 2, 3, 4, 5, left_out="6")),
        ("412345 overdue", show(412345, left_out="overdue")),
        ("claim 412345", show(412345, left_out="claim")),
        ("done 412345", show(412345, left_out="done")),
        ("ticket no 412345", show(412345, kind=Kind.TICKET, left_out="no")),
        (f"show <{LINK_12}>", Show(targets=(ISSUE_12,))),
        (f"<{LINK_12}|{LINK_12}>", Show(targets=(ISSUE_12,))),
        (f"show {LINK_12.replace('issues', 'work_items')}#note_7", Show(targets=(ISSUE_12,))),
        (f"show {LINK_12.replace('/-/', '/')}?a=b", Show(targets=(ISSUE_12,))),
        (
            "show <https://support.gitlab.com/hc/requests/412345>",
            show(412345, kind=Kind.TICKET),
        ),
        ("show", Show()),  # which, is asked back
        ("duty", Order(verb=Verb.DUTY)),
        ("Link avery", Order(verb=Verb.LINK, rest="avery")),
        ("profile", Order(verb=Verb.PROFILE)),
        ("refresh", Order(verb=Verb.REFRESH)),
        ("help me", Order(verb=Verb.HELP, rest="me")),
        (
            "Stats 2026-10-01..2026-11-01, by label",
            Order(verb=Verb.STATS, rest="2026-10-01..2026-11-01 by label"),
        ),
        ("overdeu", NotUnderstood(word="overdeu", nearest="overdue")),
        ("mien", NotUnderstood(word="mien", nearest="mine")),
        ("mine soon", NotUnderstood(word="soon", nearest=None)),
        ("7d", NotUnderstood(word="7d", nearest=None)),
        ("\U0001f525", NotUnderstood(word="\U0001f525", nearest=None)),
        ("&lt;!here&gt;", Mentioned()),
        ("a&amp;b", NotUnderstood(word="a&b", nearest=None)),
        ("<@U0STRANGER|stranger>", Mentioned()),
        ("mine <!subteam^S0X>", Mentioned()),
        ("show <@U0STRANGER>", Mentioned()),
        ("412345 <@U0STRANGER>", Mentioned()),
        ("show nothing", NotUnderstood(word="nothing", nearest=None)),
        ("show mine", NotUnderstood(word="mine", nearest="mine")),
        ("ticket overdue", NotUnderstood(word="overdue", nearest="overdue")),
        ("0", NotUnderstood(word="0", nearest=None)),
        ("1234567890123", NotUnderstood(word="1234567890123", nearest=None)),
    ],
)
def test_what_is_typed_is_understood(text: str, expected: Query) -> None:
    assert read_query(text) == expected


@given(st.text(max_size=3000))
def test_whatever_is_typed_is_read(text: str) -> None:
    read_query(text)
    read_again(text)
    mentioned_feedback(text)


@given(st.lists(st.sampled_from(["show", "mine", "done", "30d", "12", "word"]), max_size=3))
def test_whatever_words_are_put_together_are_read(words: list[str]) -> None:
    read_query(" ".join(words))


@given(st.lists(st.sampled_from(["mine", "<", ">", "|", "12", "#", "https://", "/-/issues/", " "])))
def test_whatever_is_typed_of_the_right_pieces_is_read(pieces: list[str]) -> None:
    read_query("".join(pieces))
    read_again("".join(pieces))


_LISTINGS = st.builds(
    Listing, filters=st.frozensets(st.sampled_from(Filter)), days=st.integers(1, MOST_DAYS)
)
_TARGETS = st.one_of(
    st.builds(
        Target,
        number=st.integers(1, 10**12 - 1),
        kind=st.sampled_from(Kind),
    ),
    st.builds(
        Target,
        number=st.integers(1, 10**9),
        kind=st.just(Kind.ISSUE),
        place=st.just("gitlab.example.com/a-group/sub/project"),
    ),
)
_TURNS = st.builds(
    PageTurn,
    position=st.tuples(st.integers(0, 9), st.integers(-(10**10), 10**10), st.integers(1, 10**9)),
    is_forward=st.booleans(),
)


@given(_LISTINGS, st.none() | _TURNS)
def test_a_queue_that_is_spelled_is_read_again(asked: Listing, turn: PageTurn | None) -> None:
    again, page = read_again(spell_again(asked, turn))
    assert isinstance(again, Listing)
    assert again.filters == asked.filters
    assert again.days == asked.days or not asked.shows_done
    assert page == turn


@given(st.lists(_TARGETS, max_size=TARGETS, unique=True))
def test_feedbacks_that_are_spelled_are_read_again(targets: list[Target]) -> None:
    asked = Show(targets=tuple(targets))
    if len(str(asked)) < 200:
        assert read_again(spell_again(asked)) == (asked, None)


@pytest.mark.parametrize(
    "value", ["mine|", "mine|>", "mine|>9", "mine|>0.1", "mine|>x.1.2", "mine"]
)
def test_of_a_place_that_makes_no_sense_the_first_page_is_shown(value: str) -> None:
    assert read_again(value) == (listing(Filter.MINE), None)


def test_a_link_to_an_issue_is_known_by_its_project() -> None:
    assert issue_of_link(LINK_12) == ISSUE_12
    assert place_of("https://GitLab.com/gitlab-com/support/feedback/") == ISSUE_12.place


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/gitlab-com/support/feedback",
        "https://gitlab.com/gitlab-com/support/feedback/-/merge_requests/12",
        "https://gitlab.com/gitlab-com/support/feedback/-/issues",
        "https://gitlab.com/gitlab-com/support/feedback/-/issues/12abc",
        "ftp://gitlab.com/a/b/-/issues/1",
    ],
)
def test_another_address_is_none(url: str) -> None:
    assert issue_of_link(url) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Have you seen <{LINK_12}>?", [ISSUE_12]),
        (f"Have you seen {LINK_12}.", [ISSUE_12]),
        ("about ticket 412345, please", show(412345, kind=Kind.TICKET).targets),
        ("Ticket #412345 again", show(412345, kind=Kind.TICKET).targets),
        ("412345 again", show(412345).targets),
        ("on 2026-01-30 at 15:00 some 40 people", ()),  # neither a date nor a count
        ("call 555-123456 or see order_998877", ()),
        ("", ()),
    ],
)
def test_a_message_is_about_the_feedbacks_that_it_names(text: str, expected: Any) -> None:
    assert mentioned_feedback(text).targets == tuple(expected)
