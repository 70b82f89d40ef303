"""What /ssat help says, and that the README says the same."""

from pathlib import Path

import pytest
from hypothesis import given

from slackbot.blocks.help import render_help
from slackbot.local.slack import pings
from slackbot.local.slack.block_kit import validate_blocks
from slackbot.rules.query import HELP, Mentioned, NotUnderstood, Verb, read_query
from tests.blocks.test_card import hostile, shown

README = Path(__file__).parent.parent.parent / "README.md"


def test_the_readme_has_the_same_words() -> None:
    table = [line for line in README.read_text().splitlines() if line.startswith("| `/ssat")]
    assert table == [f"| `{f'/ssat {words}'.strip()}` | {about} |" for words, about in HELP]


def test_the_help_has_a_line_for_each() -> None:
    said = shown(render_help())
    for words, about in HELP:
        escaped = words.replace("<", "&lt;").replace(">", "&gt;")
        assert f"`{f'/ssat {escaped}'.strip()}`  {about}" in said


@pytest.mark.parametrize("words", [words for words, _ in HELP if "<" not in words])
def test_everything_that_the_help_offers_is_understood(words: str) -> None:
    plain = words.replace("[", "").replace("]", "")
    assert not isinstance(read_query(plain), NotUnderstood | Mentioned)


@given(hostile, hostile)
def test_no_word_that_is_not_understood_wakes_anybody(word: str, nearest: str) -> None:
    help_ = render_help(NotUnderstood(word=word, nearest=Verb.SHOW if nearest else None))
    assert validate_blocks(list(help_.blocks), "message") == []
    assert pings(list(help_.blocks)) == pings(help_.text) == set()
