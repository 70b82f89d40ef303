"""Posts that are too large, too slow or too many: refused, before they cost much."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs
from yarl import URL

from slackbot.web import BODY_LIMIT, POSTS_AT_ONCE, Doorkeeper
from tests.conftest import MovableClock
from tests.port import Port, serving
from tests.town import town as build_town


@pytest.fixture
async def port(clock: MovableClock, tmp_path: Path) -> AsyncIterator[Port]:
    """The port of a bot that runs."""
    url = f"sqlite:///{tmp_path / 'ssat-bot.db'}"
    async with (
        build_town(clock, tmp_path, url) as town,
        aiohttp.ClientSession() as session,
        town.bot_running(),
    ):
        yield Port(town=town, session=session)


Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def posting(url: str, head: bytes, body: bytes = b"", path: str = "/gitlab/webhook") -> Wire:
    """Begin a post by hand, and leave it there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(url).port)
    writer.write(b"POST %b HTTP/1.1\r\nHost: bot\r\n%b\r\n\r\n%b" % (path.encode(), head, body))
    await writer.drain()
    return reader, writer


async def status_of(reader: asyncio.StreamReader) -> int:
    """The status of the answer, once the connection is closed after it."""
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            await reader.read()
    assert b"Connection: close" in head
    return int(head.split()[1])


async def test_a_body_that_says_it_is_too_large_is_not_waited_for(port: Port) -> None:
    for path in ("/gitlab/webhook", "/slack/events"):
        head = b"Content-Length: %d" % (BODY_LIMIT + 1)
        reader, writer = await posting(port.town.url, head, path=path)
        assert await status_of(reader) == 413
        writer.close()


async def test_a_body_without_end_is_not_read_on(port: Port) -> None:
    reader, writer = await posting(port.town.url, b"Transfer-Encoding: chunked")
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    answer = asyncio.create_task(status_of(reader))
    with contextlib.suppress(ConnectionError):  # which is how the end of patience looks
        while not answer.done():
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0)
    assert await answer == 413
    writer.close()


async def test_a_body_that_trickles_in_is_given_up() -> None:
    received = []

    async def receive(request: web.Request) -> web.Response:
        received.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/gitlab/webhook", Doorkeeper(seconds=0.3).admit(receive))
    async with serving(app) as url:
        reader, writer = await posting(url, b"Content-Length: 5", b"in a")
        assert await status_of(reader) == 408
        writer.close()
        reader, writer = await posting(url, b"Connection: close\r\nContent-Length: 5", b"in ti")
        assert await status_of(reader) == 200
        writer.close()
    assert received == [b"in ti"]


async def test_posts_beyond_what_can_be_under_way_are_sent_away_until_there_is_room(
    port: Port,
) -> None:
    url = port.town.url
    waiting = [await posting(url, b"Content-Length: 2", b"{") for _ in range(POSTS_AT_ONCE)]
    await until(lambda: port.hook("{}"), 503)
    answer = await port.hook("{}")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert (await port.get("/healthz")).status == 200
    with capture_logs() as lines:
        for _, writer in waiting:
            writer.close()
        await until(lambda: port.hook("{}"), 200)
    # Who leaves before the end of a post is no event, or strangers could fill the log.
    assert [line["event"] for line in lines if line["log_level"] == "error"] == []


async def until(ask: Callable[[], Any], status: int) -> None:
    """Ask until this is the answer's status: nothing tells when the bot has noticed."""
    async with asyncio.timeout(10):
        while True:
            if (await ask()).status == status:
                return
            await asyncio.sleep(0.02)
