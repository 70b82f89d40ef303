"""The answers to /ssat: what they say, with which buttons, by which pages; and the help."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackbot.blocks.answers.duty import DutyView
from slackbot.blocks.answers.queue import Asker, Board, asked_again, render_help, render_queue
from slackbot.blocks.card import notification
from slackbot.blocks.elements import context
from slackbot.blocks.view import CardView
from slackbot.blocks.words import HELP, unknown_in_gitlab
from slackbot.local.slack import pings
from slackbot.local.slack.block_kit import characters, validate_blocks
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.listing import PAGE
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.reading.query import (
    Filter,
    Listing,
    Mentioned,
    NotUnderstood,
    PageTurn,
    Verb,
    read_again,
    read_query,
)
from slackbot.rules.request import UNFINISHED, IssueKey, Person, Request, State, Triage
from slackbot.rules.timing.deadline import ALWAYS
from tests.blocks.test_card import (
    AVERY,
    BLAKE,
    CHARACTERS,
    CLAIMED,
    DUE,
    FRIDAY,
    MONDAY,
    STATES,
    WAITING,
    a_view,
    elements,
    hostile,
    hostile_views,
    shown,
)

ALL = Listing()
LOOKER = Asker(person=AVERY, may_act=False, can_link=True)
MANAGER = Asker(person=AVERY, may_act=True, can_link=True)
NOT_IN_GITLAB = replace(AVERY, gitlab=None)
GOOD = Request(
    key=IssueKey(7, 90),
    url="https://gitlab.example/-/issues/90",
    title="Positive feedback for ticket 412390",
    ticket=412390,
    sentiment=Sentiment.POSITIVE,
    author="support-automation",
    assignees=("avery",),
    created_at=FRIDAY,
    asked_at=FRIDAY,
    due_at=DUE,
    is_requested=False,
    was_requested=False,
    triage=Triage.AWAITED,
)


def numbered(request: Request, iid: int, **changes: Any) -> Request:
    return replace(request, key=IssueKey(7, iid), **changes)


def silent(request: Request, iid: int) -> Request:
    """The same, of a customer who asks for no contact."""
    asks_not = {"is_requested": False, "was_requested": False, "triage": Triage.AWAITED}
    return numbered(request, iid, **asks_not)


def a_board(
    *requests: Request,
    triage: Sequence[Request] = (),
    done: Sequence[Request] = (),
    now: Any = MONDAY,
) -> Board:
    return Board(
        waiting=tuple(a_view(each, now=now) for each in requests),
        triage=tuple(a_view(each, now=now) for each in triage),
        done=tuple(a_view(each, now=now) for each in done),
        hours=ALWAYS,
        now=now,
    )


def drawn(board: Board, listing: Listing = ALL, asker: Asker = LOOKER) -> SlackMessage:
    return render_queue(board, listing, asker)


def lines(message: SlackMessage) -> list[str]:
    """The words of the sections, without the first, which counts."""
    return [b["text"]["text"] for b in message.blocks if b["type"] == "section"][1:]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "No customer is waiting to hear from a manager. ✅"),
        ("mine", "Nothing is waiting for you. ✅"),
        ("unclaimed", "Nothing is unclaimed. ✅"),
        ("overdue", "Nothing is overdue. ✅"),
        ("mine overdue", "Nothing matches `mine overdue`."),
        ("done 3d", "No contact request has ended in the last 3 days."),
        ("done mine", "Nothing matches `mine done 7d`."),
    ],
)
def test_an_empty_queue_says_so_kindly(text: str, said: str) -> None:
    listing = read_query(text)
    assert isinstance(listing, Listing)
    answer = drawn(a_board(), listing)
    assert shown(answer).startswith(said)
    assert answer.text == shown(answer)


@pytest.mark.parametrize(
    ("text", "asker", "is_told"),
    [
        ("mine", replace(MANAGER, person=NOT_IN_GITLAB), True),
        ("mine overdue", replace(MANAGER, person=NOT_IN_GITLAB), True),
        ("all mine", replace(MANAGER, person=NOT_IN_GITLAB), True),
        ("", replace(MANAGER, person=NOT_IN_GITLAB), False),  # all of it is shown
        ("done mine", replace(MANAGER, person=NOT_IN_GITLAB), False),  # whom it was assigned to
        ("mine", MANAGER, False),
        ("mine", replace(LOOKER, person=NOT_IN_GITLAB), False),  # nothing is up to them
    ],
)
@pytest.mark.parametrize("requests", [(), (CLAIMED,)])
def test_who_is_not_known_in_gitlab_is_not_told_that_nothing_waits_for_them(
    requests: tuple[Request, ...], text: str, asker: Asker, is_told: bool
) -> None:
    listing = read_query(text)
    assert isinstance(listing, Listing)
    answer = drawn(a_board(*requests), listing, asker)
    assert (context(unknown_in_gitlab(asker.person, can_link=True)) in answer.blocks) is is_told
    assert not (is_told and "✅" in shown(answer))
    assert validate_blocks(list(answer.blocks), "message") == []


@pytest.mark.parametrize(
    ("waiting", "untriaged", "said"),
    [
        (1, 0, "*1 customer is waiting to hear from a manager*"),
        (2, 0, "*2 customers are waiting to hear from a manager*"),
        (2, 1, "*2 customers are waiting to hear from a manager* · 1 untriaged feedback"),
        (0, 2, "*No customer is waiting to hear from a manager ✅* · 2 untriaged feedbacks"),
    ],
)
def test_a_queue_says_how_many_wait(waiting: int, untriaged: int, said: str) -> None:
    board = a_board(
        *(numbered(WAITING, n + 1) for n in range(waiting)),
        triage=[replace(GOOD, key=IssueKey(7, 90 + n)) for n in range(untriaged)],
    )
    assert shown(drawn(board)).startswith(said)


def test_what_was_asked_for_is_said_with_the_count() -> None:
    overdue = Listing(filters=frozenset({Filter.MINE, Filter.OVERDUE}))
    said = shown(drawn(a_board(CLAIMED, now=DUE), overdue)).splitlines()[0]
    assert said == "*1 customer is waiting to hear from a manager* · filters: mine, overdue"


def test_a_row_says_state_time_left_deadline_and_where_to_look() -> None:
    board = a_board(CLAIMED)
    board = replace(board, waiting=(replace(board.waiting[0], url="https://example.slack.com/x"),))
    [row] = lines(drawn(board))
    assert row == (
        "🔵 Claimed by Avery Example · ticket 412345\n"
        "“Nobody answered for three days.”\n"
        "30 business hours left"
        " · due <!date^1770130800^{date_short_pretty}, {time}|Tue 3 Feb, 15:00 UTC>"
        " · <https://gitlab.example/-/issues/12|#12>"
        " · <https://support.gitlab.com/hc/requests/412345|ticket 412345>"
        " · <https://example.slack.com/x|card>"
    )


def test_what_awaits_triage_says_what_it_is_since_when_and_whose() -> None:
    [row] = lines(drawn(a_board(triage=[GOOD])))
    assert row == (
        "🙂 Positive feedback · ticket 412390\n"
        "since <!date^1769785200^{date_short_pretty}, {time}|Fri 30 Jan, 15:00 UTC>"
        " · assigned to avery · <https://gitlab.example/-/issues/90|#90>"
        " · <https://support.gitlab.com/hc/requests/412390|ticket 412390>"
    )


@pytest.mark.parametrize(
    ("on_duty", "responsible", "who"),
    [
        ((AVERY,), (), "Avery Example"),
        ((BLAKE,), (AVERY,), "Avery Example"),  # on duty when it was created
        ((BLAKE,), (), "avery"),  # nobody knows who that is
        ((), (), "avery"),
    ],
)
def test_a_row_names_an_assignee_as_people_know_them(
    on_duty: tuple[Person, ...], responsible: tuple[Person, ...], who: str
) -> None:
    board = a_board(triage=[replace(GOOD, responsible=responsible)])
    view = replace(board.triage[0], on_duty=DutyView(people=on_duty))
    [row] = lines(drawn(replace(board, triage=(view,))))
    assert f" · assigned to {who} · " in row


@pytest.mark.parametrize(
    ("days", "comments", "sentiment", "is_marked"),
    [
        (7, 0, Sentiment.NEGATIVE, False),  # the handbook's seven days have just passed
        (8, 0, Sentiment.NEGATIVE, True),
        (8, 0, Sentiment.NEUTRAL, True),
        (8, 0, None, True),
        (8, 0, Sentiment.POSITIVE, False),  # the handbook asks for no response
        (8, 1, Sentiment.NEGATIVE, False),  # somebody has responded
    ],
)
def test_what_nobody_has_responded_to_for_a_week_is_marked(
    days: int, comments: int, sentiment: Sentiment | None, is_marked: bool
) -> None:
    created_at = MONDAY - timedelta(days=days)
    one = replace(GOOD, created_at=created_at, comments=comments, sentiment=sentiment)
    [row] = lines(drawn(a_board(triage=[one])))
    assert ("🔴" in row) is is_marked


def test_an_overdue_row_says_so() -> None:
    assert "🔴 Overdue, unclaimed · ticket 412345" in shown(drawn(a_board(WAITING, now=DUE)))


def test_a_row_without_an_address_has_no_link() -> None:
    [row] = lines(drawn(a_board(replace(WAITING, url="", ticket=None))))
    assert row.endswith("|Tue 3 Feb, 15:00 UTC>")


# --- Buttons -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "asker", "expected"),
    [
        (WAITING, MANAGER, ["Claim", "Mark contacted"]),
        (CLAIMED, MANAGER, ["Release", "Mark contacted"]),  # one's own
        (replace(CLAIMED, holder=BLAKE), MANAGER, ["Take over", "Mark contacted"]),
        (WAITING, LOOKER, []),  # who may look, but not act
    ],
)
def test_a_row_has_the_buttons_that_apply(
    request_: Request, asker: Asker, expected: list[str]
) -> None:
    answer = drawn(a_board(request_), asker=asker)
    assert [each["text"]["text"] for each in elements(answer)] == expected


@pytest.mark.parametrize("state", [state for state in State if state not in UNFINISHED])
def test_what_has_ended_has_no_buttons(state: State) -> None:
    done = Listing(filters=frozenset({Filter.DONE}), days=30)
    answer = drawn(a_board(done=[STATES[state]]), done, MANAGER)
    assert elements(answer) == []


@pytest.mark.parametrize(
    ("listing", "asked"),
    [(Listing(filters=frozenset({Filter.MINE})), "mine"), (ALL, "")],  # the whole queue, too
)
def test_the_buttons_of_a_row_know_what_was_asked_for(listing: Listing, asked: str) -> None:
    [actions] = [b for b in drawn(a_board(CLAIMED), listing, MANAGER).blocks if "elements" in b]
    assert asked_again(actions["block_id"]) == asked


# --- Pages -------------------------------------------------------------------------------------


def a_long_board(count: int, without: Sequence[int] = ()) -> Board:
    return a_board(
        *(
            numbered(WAITING, n, due_at=DUE + timedelta(minutes=n))
            for n in range(1, count + 1)
            if n not in without
        )
    )


def page_of(message: SlackMessage) -> list[int]:
    return [int(row.rpartition("|#")[2].partition(">")[0]) for row in lines(message)]


def press(message: SlackMessage, words: str) -> PageTurn:
    [button] = [one for one in elements(message) if one["text"]["text"] == words]
    query, turn = read_again(button["value"])
    assert query == ALL
    assert turn is not None
    return turn


def test_a_long_queue_is_turned_over_page_by_page_and_back() -> None:
    board = a_long_board(PAGE * 2 + 1)
    first = drawn(board)
    second = render_queue(board, ALL, LOOKER, press(first, "Next"))
    third = render_queue(board, ALL, LOOKER, press(second, "Next"))
    assert [page_of(each) for each in (first, second, third)] == [
        list(range(1, 11)),
        list(range(11, 21)),
        [21],
    ]
    assert [[b["text"]["text"] for b in elements(each)] for each in (first, second, third)] == [
        ["Next"],
        ["Previous", "Next"],
        ["Previous"],
    ]
    assert page_of(render_queue(board, ALL, LOOKER, press(third, "Previous"))) == page_of(second)


def test_what_was_done_meanwhile_makes_nobody_miss_a_row() -> None:
    on = press(drawn(a_long_board(30)), "Next")
    later = render_queue(a_long_board(30, without=[1, 2, 10]), ALL, LOOKER, on)
    assert page_of(later) == list(range(11, 21))


def test_a_queue_that_has_become_short_shows_its_end() -> None:
    on = press(drawn(a_long_board(30)), "Next")
    later = render_queue(a_long_board(4), ALL, LOOKER, on)
    assert page_of(later) == [1, 2, 3, 4]
    assert elements(later) == []
    assert shown(render_queue(a_board(), ALL, LOOKER, on)).startswith("No customer is waiting")


# --- What people write -------------------------------------------------------------------------


def test_the_notification_is_that_of_the_most_urgent() -> None:
    later = numbered(WAITING, 13, due_at=DUE + timedelta(hours=1))
    assert drawn(a_board(later, CLAIMED)).text == notification(a_view(CLAIMED))


def test_a_name_in_a_row_wakes_nobody() -> None:
    loud = replace(CLAIMED, holder=replace(AVERY, name="<!channel> @here"))
    answer = drawn(a_board(loud))
    assert "&lt;!channel&gt; \uff20here" in shown(answer)
    assert pings(list(answer.blocks)) == pings(answer.text) == set()


@given(st.lists(hostile_views, min_size=1, max_size=3), st.lists(hostile_views, max_size=3))
@settings(max_examples=40, deadline=None)
def test_no_text_of_anybody_spoils_a_queue_or_wakes_anybody(
    views: list[CardView], plain: list[CardView]
) -> None:
    many = [
        replace(view, request=numbered(view.request, n + 1))
        for n, view in enumerate((views * PAGE)[:PAGE])
    ]
    triage = tuple(
        replace(view, request=silent(view.request, 90 + n)) for n, view in enumerate(plain)
    )
    board = Board(waiting=tuple(many), triage=triage, done=(), hours=ALWAYS, now=MONDAY)
    for listing in (ALL, Listing(filters=frozenset({Filter.UNCLAIMED}))):
        answer = drawn(board, listing, MANAGER)
        blocks = list(answer.blocks)
        assert validate_blocks(blocks, "message") == []
        assert characters(blocks) < CHARACTERS
        assert pings(blocks) == pings(answer.text) == set()


# --- The help ----------------------------------------------------------------------------------

README = Path(__file__).parent.parent.parent / "README.md"


def test_the_readme_has_the_words_of_the_help() -> None:
    table = [line for line in README.read_text().splitlines() if line.startswith("| `/ssat")]
    assert table == [f"| `{f'/ssat {words}'.strip()}` | {about} |" for words, about in HELP]


def test_the_help_has_a_line_for_each() -> None:
    said = shown(render_help(can_link=True, has_teams=True))
    for words, about in HELP:
        escaped = words.replace("<", "&lt;").replace(">", "&gt;")
        assert f"`{f'/ssat {escaped}'.strip()}`  {about}" in said


def test_the_help_offers_no_link_that_is_not_set_up() -> None:
    problem = read_query("lnik")
    assert isinstance(problem, NotUnderstood)
    assert "Did you mean `/ssat link`?" in shown(render_help(problem, can_link=True))
    assert "/ssat link" not in shown(render_help(problem, can_link=False))


def test_the_help_says_nothing_of_teams_where_there_is_one() -> None:
    assert "/ssat teams" not in shown(render_help(can_link=True))


def test_the_help_names_every_word_that_is_understood() -> None:
    named = {words.partition(" ")[0] for words, _ in HELP}
    in_passing = {word for _, about in HELP for word in re.findall(r"`(\w+)`", about)}
    assert named | in_passing == {"", *Filter, *Verb}


@pytest.mark.parametrize("words", [words for words, _ in HELP if "<" not in words])
def test_everything_that_the_help_offers_is_understood(words: str) -> None:
    plain = words.replace("[", "").replace("]", "")
    assert not isinstance(read_query(plain), NotUnderstood | Mentioned)


@given(hostile, hostile)
def test_no_word_that_is_not_understood_wakes_anybody(word: str, nearest: str) -> None:
    problem = NotUnderstood(word=word, nearest=Verb.SHOW if nearest else None)
    help_ = render_help(problem, can_link=True)
    assert validate_blocks(list(help_.blocks), "message") == []
    assert pings(list(help_.blocks)) == pings(help_.text) == set()
