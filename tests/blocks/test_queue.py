"""The answer to /ssat: who waits, for how long."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackbot.blocks.card import CardView, notification
from slackbot.blocks.queue import ROWS, render_queue
from slackbot.local.slack import pings
from slackbot.local.slack.block_kit import characters, validate_blocks
from tests.blocks.test_card import (
    AVERY,
    CHARACTERS,
    CLAIMED,
    DUE,
    WAITING,
    a_view,
    hostile_views,
    shown,
)


def test_an_empty_queue_says_so() -> None:
    answer = render_queue([], 0)
    assert answer.text == "No customer is waiting for a manager's contact. ✅"
    assert shown(answer) == answer.text


@pytest.mark.parametrize(
    ("total", "said"),
    [
        (1, "*1 customer is waiting for a manager's contact*"),
        (2, "*2 customers are waiting for a manager's contact*"),
    ],
)
def test_a_queue_says_how_many_wait(total: int, said: str) -> None:
    answer = render_queue([a_view()] * total, total)
    assert shown(answer).startswith(said)
    assert "more" not in shown(answer)


def test_a_row_says_state_deadline_and_where_to_look() -> None:
    [_, row] = render_queue([a_view(CLAIMED)], 1).blocks
    assert row["text"]["text"] == (
        "🔵 Claimed by Avery Example: contact requested, ticket 412345\n"
        "due <!date^1770130800^{date_short_pretty}, {time}|Tue 3 Feb, 15:00 UTC>"
        " · <https://gitlab.example/-/issues/12|#12>"
    )


def test_an_overdue_row_says_so() -> None:
    answer = render_queue([a_view(now=DUE)], 1)
    assert "🔴 Overdue, unclaimed: contact requested, ticket 412345" in shown(answer)


def test_a_row_without_an_address_has_no_link() -> None:
    [_, row] = render_queue([a_view(replace(WAITING, url=""))], 1).blocks
    assert row["text"]["text"].endswith("|Tue 3 Feb, 15:00 UTC>")


def test_of_a_long_queue_the_rest_is_counted() -> None:
    answer = render_queue([a_view()] * ROWS, 150)
    assert validate_blocks(list(answer.blocks), "message") == []
    assert shown(answer).endswith("… and 130 more, due later")


def test_the_notification_is_that_of_the_most_urgent() -> None:
    assert render_queue([a_view(CLAIMED), a_view()], 2).text == notification(a_view(CLAIMED))


def test_a_name_in_a_row_wakes_nobody() -> None:
    loud = replace(CLAIMED, holder=replace(AVERY, name="<!channel> @here"))
    answer = render_queue([a_view(loud)], 1)
    assert "&lt;!channel&gt; \uff20here" in shown(answer)
    assert pings(list(answer.blocks)) == pings(answer.text) == set()


@given(st.lists(hostile_views, min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_no_text_of_anybody_spoils_a_queue_or_wakes_anybody(views: list[CardView]) -> None:
    answer = render_queue((views * ROWS)[:ROWS], 99)
    blocks = list(answer.blocks)
    assert validate_blocks(blocks, "message") == []
    assert characters(blocks) < CHARACTERS
    assert pings(blocks) == pings(answer.text) == set()
