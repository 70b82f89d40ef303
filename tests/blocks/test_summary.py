"""The words of the one message about many requests."""

from datetime import timedelta

import pytest

from slackbot.blocks.summary import Summary, render_summary, summary_metadata

AWAY = timedelta(days=3, hours=2, minutes=40)


@pytest.mark.parametrize(
    ("away", "overdue", "near", "later", "said"),
    [
        (
            AWAY,
            12,
            20,
            25,
            "👋 Back after 3 d 2 h: *57 customers asked for a manager's contact meanwhile.* 12 are "
            "overdue, 20 are due within 24 business hours: their cards are on the way, most urgent "
            "first. 25 are due later: their cards come in time, and `/ssat` shows all now.",
        ),
        # At the first start.
        (
            None,
            2,
            1,
            0,
            "👋 Here from now on: *3 customers are waiting for a manager's contact.* 2 are "
            "overdue, 1 is due within 24 business hours: their cards are on the way, most urgent "
            "first.",
        ),
        # One of each.
        (
            None,
            1,
            0,
            0,
            "👋 Here from now on: *1 customer is waiting for a manager's contact.* 1 is overdue: "
            "the card is on its way.",
        ),
        (
            timedelta(minutes=20),
            0,
            1,
            0,
            "👋 Back after 20 min: *1 customer asked for a manager's contact meanwhile.* 1 is due "
            "within 24 business hours: the card is on its way.",
        ),
        (
            timedelta(hours=30),
            0,
            0,
            1,
            "👋 Back after 30 h: *1 customer asked for a manager's contact meanwhile.* 1 is due "
            "later: the card comes in time, and `/ssat` shows all now.",
        ),
        (
            timedelta(hours=30),
            0,
            0,
            40,
            "👋 Back after 30 h: *40 customers asked for a manager's contact meanwhile.* 40 are "
            "due later: their cards come in time, and `/ssat` shows all now.",
        ),
    ],
)
def test_the_summary_says_how_many_wait_and_for_how_long(
    away: timedelta | None, overdue: int, near: int, later: int, said: str
) -> None:
    summary = Summary(away=away, overdue=overdue, near=near, later=later, near_hours=24)
    assert summary.total == overdue + near + later
    shown = render_summary(summary)
    assert shown.text == said
    [block] = shown.blocks
    assert block["text"] == {"type": "mrkdwn", "text": said, "verbatim": True}


def test_the_summary_is_known_by_a_key_and_says_nothing_of_anybody() -> None:
    assert summary_metadata("2026-02-02T09:30:00+00:00") == {
        "event_type": "ssat_summary",
        "event_payload": {"key": "2026-02-02T09:30:00+00:00"},
    }
