"""Slack's ids as people paste them."""

from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.reading.slack_ids import CHANNELS, GROUPS, USERS, is_id, read_id

ENDS = st.text("ABCXYZ0189", min_size=1, max_size=10)
LABELS = st.text(st.characters(exclude_characters=">"))
SIGNS = {"U": "@", "W": "@", "C": "#", "G": "#", "S": "!subteam^"}


@given(letter=st.sampled_from(USERS + GROUPS + CHANNELS), end=ENDS, label=LABELS)
def test_an_id_is_read_from_whatever_slack_makes_of_it(letter: str, end: str, label: str) -> None:
    mention = f"<{SIGNS[letter]}{letter}{end}"
    link = f"https://example.slack.com/archives/{letter}{end}"
    for written in (letter + end, f"{mention}>", f"{mention}|{label}>", link, f"{link}/p17?x=1"):
        assert read_id(written, letter) == letter + end


@given(st.text(), st.sampled_from([USERS, GROUPS, CHANNELS]))
def test_what_is_read_is_always_an_id_of_its_kind(text: str, letters: str) -> None:
    found = read_id(text, letters)
    assert found is None or is_id(found, letters)
