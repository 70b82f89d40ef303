"""Which statuses in Slack say that a person is away."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.away import Status

NOW = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        ("Vacationing", ":palm_tree:"),  # as Slack suggests it
        ("Out sick", ":face_with_thermometer:"),
        ("", ":palm_tree:"),
        ("", ":face_with_thermometer::skin-tone-3:"),
        ("Back on Monday", ":desert_island:"),
        ("On vacation until 9 Feb", ""),
        ("OOO", ":calendar:"),
        ("o.o.o. this week", ""),
        ("Out of office", ":no_entry:"),
        ("out-of-the-office", ""),
        ("Parental leave, ask Blake", ":baby:"),
        ("sick", ""),
        ("Sick leave", ""),
        ("PTO", ""),
        ("Two days off", ""),
        ("On leave", ""),
        ("on holiday", ""),
    ],
)
def test_these_are_away(text: str, emoji: str) -> None:
    assert Status(text=text, emoji=emoji).is_away(NOW)


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        ("", ""),
        ("In a meeting", ":spiral_calendar_pad:"),
        ("Commuting", ":bus:"),
        ("Working remotely", ":house_with_garden:"),
        ("Working from the beach", ":palm_tree:"),
        ("Back from vacation", ""),
        ("Sick of Mondays", ""),
        ("Leave me a message", ""),
        ("Planning the office party", ":tada:"),
        ("Looooong day", ""),
        ("Bank holiday calendar", ""),
        ("Ptolemy", ""),
    ],
)
def test_these_are_not(text: str, emoji: str) -> None:
    assert not Status(text=text, emoji=emoji).is_away(NOW)


@given(st.integers(-1000, 1000))
def test_a_status_holds_until_its_end(seconds: int) -> None:
    ends = NOW + timedelta(seconds=seconds)
    assert Status(emoji=":palm_tree:", ends_at=ends).is_away(NOW) is (seconds > 0)


@given(st.text(), st.text())
def test_no_status_is_an_error(text: str, emoji: str) -> None:
    assert Status(text=text, emoji=emoji).is_away(NOW) in (True, False)
