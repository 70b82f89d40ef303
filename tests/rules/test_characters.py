"""What a text loses that nobody can keep, and which texts a reader sees."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slackbot.rules.reading.characters import first_visible, is_visible, whole, without_invisible

HALVES = st.characters(categories=["Cs"])
TEXTS = st.lists(st.text(max_size=5) | HALVES | st.just("\x00") | st.just("😀")).map("".join)
SENT = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)


@given(SENT)
@example({"value": "Dear customer \ud83d"})
def test_what_is_whole_can_be_sent_and_kept(sent: Any) -> None:
    kept = json.dumps(whole(sent), ensure_ascii=False)
    kept.encode()
    assert "\\u0000" not in kept
    assert whole(whole(sent)) == whole(sent)


@given(TEXTS)
@example("\ud83d\ude00")  # JSON has joined the halves that belong together
def test_nothing_else_is_lost(text: str) -> None:
    unkept = {"\x00", *(each for each in text if "\ud800" <= each <= "\udfff")}
    assert whole(text) == "".join(each for each in text if each not in unkept)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_a_text_without_halves_stays_as_it_is(text: str) -> None:
    assert whole(text) == text


@given(st.text())
@example("\u2068Yes\u2069")
@example("\u061c\u3164Yes\ufeff")
def test_what_is_dropped_because_nobody_sees_it_is_nothing_that_a_reader_sees(text: str) -> None:
    kept = without_invisible(text)
    assert is_visible(kept) == is_visible(text)
    assert not set(kept) & set("\x00\u061c\u115f\u200b\u202e\u2063\u2068\u3164\ufeff")


@pytest.mark.parametrize("text", ["a\tb\nc d", "👩\u200d💻", "می\u200cخ", "❤\ufe0f", "\u06dd٣"])
def test_what_makes_signs_and_words_is_kept(text: str) -> None:
    assert without_invisible(text) == text


@pytest.mark.parametrize("text", ["Avery", "\u3164Avery", "李", "é", "e\u0301", "😀", "محمد", "0"])
def test_a_name_that_a_reader_sees(text: str) -> None:
    assert is_visible(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(" \t\u00a0\u2003", id="spaces"),
        pytest.param("\u3164", id="a Hangul filler"),
        pytest.param("\uffa0\u115f\u1160", id="other fillers"),
        pytest.param("\u2800", id="Braille without dots"),
        pytest.param("\u200b\u200d\u2060\ufeff\u00ad", id="no width"),
        pytest.param("\u202e\u2066\u2069\u200f", id="directions"),
        pytest.param("\u0301\u20dd\ufe0f", id="marks with nothing under them"),
        pytest.param("\U000e0041\U000e007f", id="tags"),
        pytest.param("\x07\x00", id="controls"),
        pytest.param("\ud83d", id="half a character"),
        pytest.param("\ue000", id="private use"),
    ],
)
def test_a_name_that_no_reader_sees(text: str) -> None:
    assert not is_visible(text)
    assert first_visible([text, None, "Avery", "Blake"], "U1") == "Avery"
    assert first_visible([text], "U1") == "U1"
