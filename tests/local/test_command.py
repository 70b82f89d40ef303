"""`ssat-bot local` from the outside: it starts, serves its page, and stops."""

import asyncio
import contextlib
import itertools
import json
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from slackbot.local.cast import NASTY, NEARLY_DUE, OVERDUE, PRAISE, Story
from slackbot.local.clock import LocalClock
from slackbot.local.command import HOST, PORT
from slackbot.local.sample import business_ago
from slackbot.rules.timing.deadline import ALWAYS
from tests.local.process import SECONDS, Local, running, start

pytestmark = pytest.mark.story

Json = dict[str, Any]
DONE = (200, "{}")


@pytest.fixture(scope="module")
def local() -> Iterator[Local]:
    """One for all that leave it running: each of these acts on things of its own."""
    with running() as started:
        yield started


class Visitor:
    """Somebody who uses the page by its JSON endpoints, as its scripts do."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self._session = url, session

    async def until(self, holds: Callable[[Json], object], me: str = "U0AVERY") -> Json:
        """Follow the news until something holds."""
        async with asyncio.timeout(SECONDS):
            async with self._session.get(f"{self.url}/api/news", params={"me": me}) as news:
                async for line in news.content:
                    state = json.loads(line.removeprefix(b"data: ")) if b"data:" in line else None
                    if state and state["ready"] and holds(state):
                        found: Json = state
                        return found
        raise AssertionError("the news ended")

    async def act(self, name: str, me: str = "U0AVERY", **body: Any) -> tuple[int, str]:
        return await self.post(name, {"Origin": self.url}, me=me, **body)

    async def post(self, name: str, headers: dict[str, str], **body: Any) -> tuple[int, str]:
        answer = await self._session.post(f"{self.url}/api/{name}", json=body, headers=headers)
        return answer.status, await answer.text()

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        return await self._session.get(f"{self.url}{path}", headers=headers)


@pytest.fixture
async def visitor(local: Local) -> AsyncIterator[Visitor]:
    # Lines of news are long: a state is one.
    async with aiohttp.ClientSession(read_bufsize=2**22) as session:
        yield Visitor(local.url, session)


def issue_about(state: Json, story: Story) -> Json:
    issues = state["gitlab"]["issues"]
    found: Json = next(each for each in issues if str(story.ticket) in each["title"])
    return found


def card_of(state: Json, issue: Json) -> Json | None:
    ts = next((ts for ts, iid in state["slack"]["issues"].items() if iid == issue["iid"]), None)
    messages = state["slack"]["channels"][0]["messages"]
    return next((each for each in messages if each["ts"] == ts), None)


def button(card: Json, words: str) -> Json:
    """What the page sends for a click on the button of these words."""
    for block in card["blocks"]:
        for element in block.get("elements", ()):
            if element.get("text", {}) == {"type": "plain_text", "text": words, "emoji": True}:
                place = {"channel": card["channel"], "ts": card["ts"]} if "channel" in card else {}
                return place | {"block": block["block_id"], "element": element["action_id"]}
    raise AssertionError(f"no button {words}")


async def test_a_claim_on_the_page_ends_in_gitlab(visitor: Visitor) -> None:
    state = await visitor.until(lambda state: True)
    card = card_of(state, issue_about(state, OVERDUE))
    assert card
    channel = state["slack"]["channels"][0]["id"]
    status, said = await visitor.act(
        "click", me="U0BLAKE", channel=channel, ts=card["ts"], **button(card, "Claim")
    )
    assert (status, said) == DONE
    state = await visitor.until(
        lambda state: issue_about(state, OVERDUE)["assignees"] == ["blake.sample"]
    )
    assert state["objections"] == []


async def test_the_sample_has_a_card_for_each_request_and_none_for_praise(visitor: Visitor) -> None:
    state = await visitor.until(lambda state: True)
    cards = [
        [each["ts"] for each in channel["messages"] if each["ts"] in state["slack"]["issues"]]
        for channel in state["slack"]["channels"]
    ]
    assert [len(each) for each in cards[:2]] == [7, 1]  # contact requests, other bad reviews
    assert card_of(state, issue_about(state, PRAISE)) is None
    texts = [each["text"] for each in state["slack"]["channels"][0]["messages"]]
    assert any("Overdue" in text for text in texts)
    assert any("Claimed by Casey" in text for text in texts)
    assert any("Contacted" in text for text in texts)
    assert issue_about(state, NASTY)["state"] == "opened"
    assert state["objections"] == []


async def test_time_can_be_moved_to_an_hour_before_the_next_deadline(visitor: Visitor) -> None:
    state = await visitor.until(lambda state: True)
    assert await visitor.act("time", to="deadline") == DONE
    moved = await visitor.until(lambda state: state["offset"] > 0)
    now = datetime.now(UTC) + timedelta(seconds=moved["offset"])
    due = min(each for each in map(datetime.fromisoformat, state["deadlines"]) if each > now)
    assert timedelta(minutes=59) < due - now < timedelta(minutes=61)
    await visitor.until(
        lambda state: (
            "less than 1 business hour left" in str(card_of(state, issue_about(state, NEARLY_DUE)))
        )
    )


async def test_what_cannot_be_done_is_said(visitor: Visitor) -> None:
    await visitor.until(lambda state: True)
    _, said = await visitor.act("click", channel="support_escalations", ts="1.0", block="b")
    assert "no message 1.0" in said
    _, said = await visitor.act("issue", me="U0DANA", iid=1, assignees=[])
    assert "Dana Guest has no account" in said


async def test_other_sites_can_neither_act_nor_read(visitor: Visitor) -> None:
    for headers in ({}, {"Origin": "https://elsewhere.example"}, {"Origin": "null"}):
        assert (await visitor.post("time", headers, me="U0AVERY", hours=1))[0] == 403
    # A name that elsewhere.example lets point to this machine (DNS rebinding).
    answer = await visitor.get("/api/state", Host="elsewhere.example")
    assert answer.status == 421
    answer = await visitor.get("/")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src")
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_only_the_files_of_the_page_are_served(visitor: Visitor) -> None:
    assert (await visitor.get("/static/main.js")).content_type == "text/javascript"
    for path in ("/static/..%2fpage.py", "/static/%2e%2e/page.py", "/static/nothing.js"):
        assert (await visitor.get(path)).status == 404


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_asked_to(number: signal.Signals) -> None:
    with running() as local:
        assert local.stop(number) == 0


async def test_it_stops_while_somebody_looks() -> None:
    with running() as local:
        async with aiohttp.ClientSession() as session, session.get(f"{local.url}/api/news") as news:
            assert await news.content.readany()
            assert await asyncio.to_thread(local.stop) == 0


def test_a_busy_port_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(taken.getsockname()[1])
        _, problem = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert "in use" in problem
    assert "--port" in problem


def test_another_port_is_taken_where_the_usual_one_is_in_use() -> None:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody else has it: that is as well
            stack.enter_context(socket.create_server((HOST, PORT)))
        process = start(None)
        try:
            assert process.stdout
            said = list(itertools.islice(process.stdout, 6))
        finally:
            process.kill()
            process.communicate()
    assert f"Port {PORT} is taken" in said[0]
    [url] = re.findall(r"Open +http://127\.0\.0\.1:(\d+)", "".join(said))
    assert url != str(PORT)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--scenario", "no-such"), "There are deadline-near"),
        (("--at", "soon"), "--at"),
        (("--blocks", "a.json", "--scenario", "week-end"), "not allowed with"),
    ],
)
def test_what_cannot_be_started_is_explained(arguments: tuple[str, ...], complaint: str) -> None:
    process = start(0, *arguments)
    _, problem = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert complaint in problem


def test_the_clock_never_goes_back() -> None:
    clock = LocalClock()
    clock.move_to(clock() + timedelta(hours=1))
    ahead = clock.offset
    clock.move_to(clock() - timedelta(hours=2))
    assert clock.offset == ahead
    with pytest.raises(ValueError, match="forward only"):
        clock.move(timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("now", "hours", "expected"),
    [
        # within a day
        (datetime(2026, 1, 30, 15, 0, tzinfo=UTC), 3, datetime(2026, 1, 30, 12, 0, tzinfo=UTC)),
        # a weekend does not count
        (datetime(2026, 2, 2, 3, 0, tzinfo=UTC), 4, datetime(2026, 1, 30, 23, 0, tzinfo=UTC)),
        # and when it is the weekend, counting begins on Friday
        (datetime(2026, 1, 31, 15, 0, tzinfo=UTC), 48, datetime(2026, 1, 29, 0, 0, tzinfo=UTC)),
    ],
)
def test_business_time_is_counted_back(now: datetime, hours: int, expected: datetime) -> None:
    found = business_ago(ALWAYS, now, timedelta(hours=hours))
    assert expected - timedelta(minutes=1) <= found <= expected
