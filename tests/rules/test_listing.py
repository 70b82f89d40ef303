"""What a query matches, in which order, and on which page it stands."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.listing import (
    PAGE,
    Part,
    Row,
    asks_for_own,
    page_of,
    rows_of,
    untriaged_needed,
)
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.reading.query import Listing, PageTurn, read_query
from slackbot.rules.request import IssueKey, Person, Request, triaged

FRIDAY = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
MONDAY = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
DUE = datetime(2026, 2, 3, 15, 0, tzinfo=UTC)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U2")
LABEL = "feedback::soft-skills"


def waiting(iid: int, **changes: Any) -> Request:
    request = Request(key=IssueKey(7, iid), url="", title="", asked_at=FRIDAY, due_at=DUE)
    return replace(request, **changes)


def claimed(iid: int, **changes: Any) -> Request:
    return waiting(iid, holder=AVERY, held_since=FRIDAY, **changes)


def contacted(iid: int, **changes: Any) -> Request:
    ended = {"contacted_at": MONDAY, "contacted_by": AVERY, "is_open": False}
    return waiting(iid, **(ended | changes))


def plain(iid: int, **changes: Any) -> Request:
    """Feedback that asks for no contact."""
    silent = {"is_requested": False, "was_requested": False, "created_at": FRIDAY}
    return triaged(None, waiting(iid, **(silent | changes)), "feedback")


def a_listing(text: str) -> Listing:
    listing = read_query(text)
    assert isinstance(listing, Listing)
    return listing


def picked(entries: Sequence[Request], text: str, person: Person = AVERY) -> list[int]:
    return [row.position[2] for row in rows_of(entries, a_listing(text), person, MONDAY)]


# --- What is picked ----------------------------------------------------------------------------

ENTRIES: list[Request] = [
    contacted(60),
    contacted(61, contacted_by=BLAKE, contacted_at=MONDAY - timedelta(hours=1)),
    contacted(62, contacted_at=MONDAY - timedelta(days=20)),
    contacted(63, due_at=FRIDAY, contacted_at=MONDAY - timedelta(hours=2), contacted_by=None),
    plain(90, assignees=("avery",)),
    plain(89, created_at=FRIDAY - timedelta(days=9)),
    plain(91, labels=frozenset({LABEL}), sentiment=Sentiment.POSITIVE),
    plain(92, sentiment=Sentiment.POSITIVE, holder=BLAKE, assignees=("avery",)),
    plain(93, sentiment=Sentiment.NEUTRAL),
    plain(94, is_open=False, sentiment=Sentiment.NEGATIVE, gitlab_updated_at=MONDAY),
    plain(95, is_open=False, due_at=FRIDAY, gitlab_updated_at=MONDAY),
    waiting(1, due_at=DUE + timedelta(hours=9)),
    waiting(2, due_at=MONDAY),
    claimed(3),
    waiting(4, holder=BLAKE, held_since=FRIDAY, assignees=("avery",)),
    waiting(5, assignees=("Avery",)),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [2, 3, 4, 5, 1, 89, 90, 92, 93]),  # by deadline, then the oldest feedback first
        ("mine", [3, 5, 90]),  # owned, or assigned by GitLab while nobody owns it
        ("unclaimed", [2, 5, 1, 89, 93]),
        ("overdue", [2]),
        ("unclaimed mine", [5]),
        ("mine overdue", []),
        ("done", [60, 94, 95, 61, 63]),  # the newest first, and of a week
        ("done 30d", [60, 94, 95, 61, 63, 62]),
        ("done mine", [60]),
        ("done overdue", [63]),  # what asked for no contact has no deadline
        ("done unclaimed", [94, 95, 63]),
        ("all", [2, 3, 4, 5, 1, 89, 90, 91, 92, 93, 60, 94, 95, 61, 63]),
        ("good", [91, 92]),  # labeled or not
        ("good unclaimed", [91]),
        ("neutral", [93]),
        ("good neutral", [91, 92, 93]),
        ("bad", []),  # it is closed
        ("bad done", [94]),
        ("bad all", [94]),
        ("overdue bad", []),
    ],
)
def test_filters_pick_and_are_combined(text: str, expected: list[int]) -> None:
    assert picked(ENTRIES, text) == expected


def test_nothing_is_of_a_person_whom_gitlab_does_not_know() -> None:
    assert picked(ENTRIES, "mine", BLAKE) == [4, 92]


def test_a_request_that_has_ended_in_the_same_second_as_another_has_its_own_place() -> None:
    rows = rows_of([contacted(61), contacted(60)], a_listing("done"), AVERY, MONDAY)
    assert [row.position[2] for row in rows] == [60, 61]
    assert {row.part for row in rows} == {Part.DONE}


@pytest.mark.parametrize(
    ("text", "is_so"),
    [("mine", True), ("all mine", True), ("", False), ("done mine", False)],
)
def test_open_work_of_ones_own_is_asked_for_by_mine(text: str, is_so: bool) -> None:
    assert asks_for_own(a_listing(text)) is is_so


# --- Pages -------------------------------------------------------------------------------------


def numbered(iids: Sequence[int]) -> list[Row]:
    entries = [waiting(iid, due_at=DUE + timedelta(minutes=iid)) for iid in iids]
    return rows_of(entries, Listing(), AVERY, MONDAY)


def on_page(rows: Sequence[Row], turn: PageTurn | None = None) -> list[int]:
    return [row.position[2] for row in page_of(rows, turn).rows]


def test_a_queue_that_fits_on_a_page_cannot_be_turned() -> None:
    page = page_of(numbered(range(1, PAGE + 1)))
    assert (page.start, page.end, page.total) == (0, PAGE, PAGE)
    assert page.previous is None
    assert page.next is None


def test_what_is_done_in_the_meantime_makes_nobody_miss_a_row() -> None:
    turn = page_of(numbered(range(1, 31))).next
    assert on_page(numbered([n for n in range(1, 31) if n not in (1, 2, 10)]), turn) == [
        *range(11, 21)
    ]


def test_past_the_end_stands_the_last_page() -> None:
    turn = page_of(numbered(range(1, 31))).next
    assert on_page(numbered(range(1, 5)), turn) == [1, 2, 3, 4]
    assert on_page([], turn) == []


@given(st.integers(0, 45))
def test_turning_over_shows_every_row_once_and_back_again(count: int) -> None:
    rows = numbered(range(1, count + 1))
    page = page_of(rows)
    seen, starts = on_page(rows), [page.start]
    while page.next:
        page = page_of(rows, page.next)
        seen += [row.position[2] for row in page.rows]
        starts.append(page.start)
    assert seen == list(range(1, count + 1))
    while page.previous:
        page = page_of(rows, page.previous)
        starts.remove(page.start)
    assert page.start == 0


@given(
    st.sampled_from(
        ["", "all", "mine", "unclaimed", "overdue", "all mine", "done", "all overdue", "good"]
    ),
    st.lists(st.integers(1, 5), max_size=PAGE + 5),
    st.integers(0, PAGE + 2),
    st.integers(0, 3),
)
def test_a_first_page_is_the_same_whatever_of_its_feedback_was_left_out(
    text: str, hours: list[int], waiting_too: int, done: int
) -> None:
    listing = a_listing(text)
    feedback = [
        plain(n, created_at=FRIDAY + timedelta(hours=each), assignees=("avery",) * (n % 2))
        for n, each in enumerate(sorted(hours))
    ]
    others = [waiting(100 + n) for n in range(waiting_too)]
    others += [contacted(200 + n) for n in range(done)]

    needed = untriaged_needed(listing, None)
    loaded = feedback if needed is None else feedback[:needed]
    more = len(feedback) - len(loaded) if needed else 0

    def page(some: Sequence[Request], more: int = 0) -> tuple[list[Row], int]:
        shown = page_of(rows_of([*others, *some], listing, AVERY, MONDAY), more=more)
        return list(shown.rows), shown.total

    assert page(loaded, more) == page(feedback)


def test_whoever_turns_the_page_sees_all_that_is_there() -> None:
    turn = page_of(numbered(range(1, 31))).next
    assert untriaged_needed(a_listing(""), turn) is None
