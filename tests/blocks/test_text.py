"""Text for Slack: inert, short enough, with times that everybody can read."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slackbot.blocks.elements import mrkdwn, plain
from slackbot.blocks.text import (
    count,
    duration,
    escape,
    first_lines,
    moment,
    name,
    one_line,
    plain_moment,
    short_moment,
    shorten,
    without_scope,
)
from slackbot.local.slack import links, pings

ZONE = ZoneInfo("Europe/Amsterdam")

_HOSTILE_PIECES = [
    *("<!channel>", "<!here>", "<!everyone>", "<!subteam^S123>", "<@U123>", "<@U123|avery>"),
    *("@here", "@channel", "@everyone", "@avery", "#general", "<#C123>"),
    *("*bold*", "`code`", "```", "~gone~", "> quote", "<https://example.com|click>"),
    *("&lt;!channel&gt;", "&amp;", "&", "<", ">", "|", "\u202eevil", "\u200b", "\x00"),
    *("\n", "\r", "\u2028", "\x85", " ", "word", "😀", "\u0301"),
]
_hostile = st.lists(st.sampled_from(_HOSTILE_PIECES) | st.text(max_size=3), max_size=20).map(
    "".join
)


# --- Escaping ----------------------------------------------------------------------------------


def test_the_three_characters_with_a_meaning_are_escaped_once() -> None:
    assert escape("a & b < c > &lt;") == "a &amp; b &lt; c &gt; &amp;lt;"


@given(_hostile)
@example("<!channel> @here")
@example("@\u200bhere")
def test_a_name_wakes_nobody_and_is_one_line(text: str) -> None:
    said = name(text)
    assert pings(said) == set()  # as a message's own text, where Slack looks for @here, too
    assert pings([mrkdwn(said)]) == set()
    assert "<" not in said
    assert not set("*`~@") & set(said)
    assert said == one_line(said)
    assert len(said.splitlines()) == 1


@given(_hostile | st.text("&<>", min_size=100), st.integers(20, 400))
def test_a_name_is_no_longer_than_allowed_as_it_is_sent(text: str, limit: int) -> None:
    said = name(text, limit)
    assert 0 < len(said) <= limit
    # Nothing is cut in the middle of an escape.
    assert escape(said.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Avery Example", "Avery Example"),
        ("AT&T", "AT&amp;T"),
        ("  Example\n\tLtd  ", "Example Ltd"),
        ("", "someone"),
        (" \u200b\u202e ", "someone"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
    ],
)
def test_a_name_reads_as_it_is_written(text: str, said: str) -> None:
    assert name(text) == said


def test_nothing_in_a_mrkdwn_object_becomes_a_link_or_a_ping_by_itself() -> None:
    block = mrkdwn("see https://example.com and @here")
    assert links([block]) == set()
    assert pings([block]) == set()


# --- Shortening --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("Short enough", 12, "Short enough"),
        ("Short and sweet", 12, "Short and…"),
        ("Cut after a comma, please", 19, "Cut after a comma…"),
        ("Just at the end of a word", 12, "Just at the…"),
        ("Trailing blank      x", 16, "Trailing blank…"),
        # There is no boundary to cut on, or it would cost half of the room.
        ("Donaudampfschifffahrt", 10, "Donaudamp…"),
        ("a Donaudampfschifffahrt", 10, "a Donauda…"),
        ("         x", 9, "…"),
    ],
)
def test_text_is_cut_on_a_word_boundary(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


@given(st.text() | st.text("ab ,\n", max_size=60), st.integers(2, 50))
def test_no_text_is_longer_than_its_limit(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert short == text or text.startswith(short.removesuffix("…"))


@given(st.lists(st.text("abc", min_size=1, max_size=4), min_size=1), st.integers(20, 75))
def test_of_short_words_none_is_cut_in_two(words: list[str], limit: int) -> None:
    text = " ".join(words)
    kept = shorten(text, limit).removesuffix("…")
    assert kept.split() == words[: len(kept.split())]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("One\n\n  Two \nThree", "One\nTwo\nThree"),
        ("One\nTwo\nThree\nFour", "One\nTwo\nThree …"),
        ("One\rTwo\u2028Three", "One\nTwo\nThree"),
        ("\n \u200b\n", ""),
    ],
)
def test_the_first_lines_are_kept_without_the_empty_ones(text: str, shown: str) -> None:
    assert first_lines(text, 3, 100) == shown


@given(_hostile, st.integers(1, 5), st.integers(10, 100))
def test_the_first_lines_are_few_and_short(text: str, lines: int, limit: int) -> None:
    shown = first_lines(text, lines, limit)
    assert len(shown) <= limit
    assert len(shown.split("\n")) <= lines
    assert "\u202e" not in shown


def test_a_plain_text_is_cut_to_its_place() -> None:
    assert plain("word " * 40) == {
        "type": "plain_text",
        "text": "word " * 14 + "word…",
        "emoji": True,
    }


@pytest.mark.parametrize(
    ("label", "shown"),
    [("feedback::docs", "docs"), ("a::b::c", "c"), ("plain", "plain"), ("odd::", "odd::")],
)
def test_a_label_is_shown_without_its_scope_if_something_is_left(label: str, shown: str) -> None:
    assert without_scope(label) == shown


# --- Times -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "text"),
    [
        # In the team's zone, which is named, for whoever sees only the fallback.
        (datetime(2026, 2, 3, 15, 0, tzinfo=UTC), "Tue 3 Feb, 16:00 CET"),
        (datetime(2026, 7, 3, 15, 0, tzinfo=UTC), "Fri 3 Jul, 17:00 CEST"),
        # Another day there.
        (datetime(2026, 2, 3, 23, 30, tzinfo=UTC), "Wed 4 Feb, 00:30 CET"),
    ],
)
def test_a_time_names_its_zone(at: datetime, text: str) -> None:
    assert plain_moment(at, ZONE) == text
    assert moment(at, ZONE) == (f"<!date^{int(at.timestamp())}^{{date_long}}, {{time}}|{text}>")
    short = f"<!date^{int(at.timestamp())}^{{date_short_pretty}}, {{time}}|{text}>"
    assert short_moment(at, ZONE) == short


def test_a_zone_without_letters_is_named_by_its_distance() -> None:
    at = datetime(2026, 2, 3, 15, 0, tzinfo=UTC)
    assert plain_moment(at, ZoneInfo("America/Sao_Paulo")) == "Tue 3 Feb, 12:00 -03"


@pytest.mark.parametrize(
    ("number", "one", "many", "said"),
    [
        (0, "hour", None, "0 hours"),
        (1, "hour", None, "1 hour"),
        (2, "hour", None, "2 hours"),
        (1, "is", "are", "1 is"),
        (3, "customer is", "customers are", "3 customers are"),
    ],
)
def test_things_are_counted(number: int, one: str, many: str | None, said: str) -> None:
    assert count(number, one, many) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(0), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=59, seconds=59), "59 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (timedelta(hours=48), "2 days"),
        (timedelta(hours=49), "2 days and 1 hour"),
        (timedelta(days=10, hours=23, minutes=59), "10 days and 23 hours"),
    ],
)
def test_a_length_of_time_can_be_read_aloud(length: timedelta, said: str) -> None:
    assert duration(length) == said
