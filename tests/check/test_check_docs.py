"""docs/check.md shows the screen as it is, and names all that the document has."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slackbot.check.findings import Finding, Section, Verdict
from slackbot.check.screen import as_json, examine_all, lines
from slackbot.local.world import World

PAGE = Path(__file__).parent.parent.parent / "docs/check.md"
MOMENT = datetime(2026, 11, 30, 12, 55, tzinfo=UTC)
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_FILE = re.compile(r"SQLite: \S+/ssat-bot\.db")
_RECEIVED = re.compile(r"its last one \w+ \d+ \w+, [\d:]+ UTC")


@pytest.mark.story
async def test_the_page_shows_the_screen_of_the_local_workspace() -> None:
    world = World(begins_at=MOMENT)
    await world.begin()
    try:
        await world.ready()
        await world.settled()
        found = await examine_all(world.bot.settings, {}, MOMENT, is_live=True)
    finally:
        await world.end()
    expected = "\n".join(["```text", *map(_settled, lines(found)), "```"])
    _, _, after = PAGE.read_text(encoding="utf-8").partition("<!-- screen -->\n")
    shown = after.partition("\n<!-- /screen -->")[0]
    assert shown == expected, f"between the marks belongs:\n\n{expected}"


def _settled(line: str) -> str:
    """Take out what differs from run to run."""
    line = _ADDRESS.sub("http://127.0.0.1:3000", line)
    line = _FILE.sub("SQLite: /var/lib/ssat-bot/ssat-bot.db", line)
    return _RECEIVED.sub("its last one Mon 30 Nov, 12:54 UTC", line)


def test_the_page_names_each_verdict_section_and_field() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert {f"| `{each}` |" for each in Verdict} <= set(re.findall(r"\| `\w+` \|", page))
    for section in Section:
        assert f"| {section} |" in page
    document = json.loads(as_json([Finding(about="example")]))
    assert set(_fields(document)) <= set(re.findall(r"^\| `([\w.\[\]]+)` \|", page, re.MULTILINE))


def _fields(document: dict[str, Any]) -> Iterator[str]:
    yield from document
    [section] = document["sections"]
    yield from (f"sections[].{name}" for name in section)
    [finding] = section["findings"]
    yield from (f"findings[].{name}" for name in finding)
