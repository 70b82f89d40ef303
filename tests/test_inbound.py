"""Posts that are too large, too slow or too many: strangers cost little."""

import asyncio
import base64
import contextlib
import gzip
import hashlib
import hmac
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs
from yarl import URL

from slackbot.door import BODY_LIMIT, UNPROVEN_AT_ONCE, Doorkeeper
from slackbot.platforms.gitlab.hooks import NotAuthentic, signing_key
from tests.conftest import MovableClock
from tests.port import FIXTURES, Port, serving
from tests.town import HOOK_SECRET
from tests.town import town as build_town

TOKEN = f"X-Gitlab-Token: {HOOK_SECRET}\r\n".encode()
FORM = "application/x-www-form-urlencoded"
SIGNING_TOKEN = "whsec_" + base64.b64encode(bytes(32)).decode()
DELIVERY = (FIXTURES / "gitlab" / "webhook.issue.open.json").read_bytes()
BURST = 400


@pytest.fixture
async def port(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Port]:
    """The port of a bot that runs."""
    async with (
        build_town(clock, tmp_path, sqlite) as town,
        aiohttp.ClientSession() as session,
        town.bot_running(gitlab_project="246765", gitlab_webhook_signing_token=SIGNING_TOKEN),
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
    assert b"Server" not in head
    return int(head.split()[1])


# Bodies


async def test_a_body_that_says_it_is_too_large_is_not_waited_for(port: Port) -> None:
    for path, proof in (("/gitlab/webhook", TOKEN), ("/slack/events", like_slack())):
        head = b"%bContent-Length: %d" % (proof, BODY_LIMIT + 1)
        reader, writer = await posting(port.town.url, head, path=path)
        assert await status_of(reader) == 413
        writer.close()


async def test_a_body_without_end_is_not_read_on(port: Port) -> None:
    reader, writer = await posting(port.town.url, TOKEN + b"Transfer-Encoding: chunked")
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    answer = asyncio.create_task(status_of(reader))
    with contextlib.suppress(ConnectionError):  # which is how the end of patience looks
        while not answer.done():
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0)
    assert await answer == 413
    writer.close()


class Believer:
    """A receiver that believes anybody, and keeps what they post."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def is_proven(self, _: Mapping[str, str]) -> bool:
        return True

    def verify(self, _: Mapping[str, str], body: bytes) -> None:
        """Believe it."""

    def turn_away(self, problem: NotAuthentic, remote: str | None) -> None:
        """Never happens."""

    async def receive(self, request: web.Request) -> web.Response:
        self.received.append(await request.read())
        return web.Response()


async def test_a_body_that_trickles_in_is_given_up() -> None:
    believer = Believer()
    app = web.Application()
    app.router.add_post("/gitlab/webhook", Doorkeeper(seconds=0.3).admit(believer))
    async with serving(app) as url:
        reader, writer = await posting(url, b"Content-Length: 5", b"in a")
        assert await status_of(reader) == 408
        writer.close()
        reader, writer = await posting(url, b"Connection: close\r\nContent-Length: 5", b"in ti")
        assert (await reader.readline()).split()[1] == b"200"
        writer.close()
    assert believer.received == [b"in ti"]


def like_slack() -> bytes:
    """Headers that could be Slack's: only the body shows that they are not."""
    return b"X-Slack-Request-Timestamp: %d\r\nX-Slack-Signature: v0=00\r\n" % time.time()


# Strangers

HUGE = b"9" * 309
"""A number that no clock and no float can hold."""


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("/gitlab/webhook", b""),
        ("/gitlab/webhook", b"X-Gitlab-Token: guessed\r\n"),
        ("/gitlab/webhook", b"X-Gitlab-Token: \xe9\xff\r\n"),
        ("/gitlab/webhook", b"webhook-signature: v1,\r\n"),
        ("/gitlab/webhook", b"webhook-id: 1\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1\r\n"),
        (
            "/gitlab/webhook",
            b"webhook-id: 1\r\nwebhook-timestamp: %b\r\nwebhook-signature: v1\r\n" % HUGE,
        ),
        ("/slack/events", b""),
        ("/slack/events", b"X-Slack-Signature: v0=00\r\n"),
        ("/slack/events", b"X-Slack-Signature: v0=00\r\nX-Slack-Request-Timestamp: 1\r\n"),
        ("/slack/events", b"X-Slack-Signature: v0=00\r\nX-Slack-Request-Timestamp: -\r\n"),
        ("/slack/events", b"X-Slack-Signature: v0=00\r\nX-Slack-Request-Timestamp: %b\r\n" % HUGE),
    ],
)
async def test_a_stranger_is_sent_away_before_a_byte_of_the_body(
    port: Port, path: str, head: bytes
) -> None:
    reader, writer = await posting(port.town.url, head + b"Content-Length: 1000", path=path)
    assert await status_of(reader) == 401
    writer.close()


@pytest.mark.parametrize(
    "encoding",
    [
        b"Content-Encoding: gzip",
        b"content-encoding: DEFLATE",
        b"Content-Encoding: br",
        b"Content-Encoding: zstd",
        b"Content-Encoding: unheard-of",
        b"Content-Encoding: gzip, gzip",
        b"Content-Encoding: identity, gzip",
        b"Content-Encoding: identity\r\nContent-Encoding: gzip",
    ],
)
@pytest.mark.parametrize("door", ["/gitlab/webhook", "/slack/events"])
async def test_a_packed_body_is_sent_away_before_a_byte_of_it(
    port: Port, door: str, encoding: bytes
) -> None:
    for proof in (b"", TOKEN, like_slack()):
        head = b"%b%b\r\nContent-Length: 260000" % (proof, encoding)
        reader, writer = await posting(port.town.url, head, path=door)
        assert await status_of(reader) == 415
        writer.close()


async def test_a_body_that_says_it_is_not_packed_is_read_on_both_doors(port: Port) -> None:
    plain = {"Content-Encoding": "identity"}
    assert (await port.hook("{}", **plain)).status == 200
    assert (await port.signed("ssl_check=1", FORM, **plain)).status == 200


async def test_what_is_packed_without_saying_so_is_not_unpacked(port: Port) -> None:
    assert (await port.hook(gzip.compress(b"{}"))).status == 400


async def test_strangers_that_fill_the_port_keep_no_hook_away(port: Port) -> None:
    url, head = port.town.url, like_slack() + b"Content-Length: 2"
    strangers = [await posting(url, head, b"{", "/slack/events") for _ in range(UNPROVEN_AT_ONCE)]
    # What cannot be told from Slack waits for as long as Slack would.
    last = await posting(url, head, b"{", "/slack/events")
    assert await status_of(last[0]) == 503
    assert (await port.hook("{}")).status == 200
    assert (await port.get("/healthz")).status == 200
    with capture_logs() as lines:
        for _, writer in (*strangers, last):
            writer.close()
        await until(lambda: port.unsigned("{}", FORM), 401)
        await until(lambda: port.signed("type=nothing", FORM), 404)
    # Who leaves before the end of a post is no event, or strangers could fill the log.
    assert [line["event"] for line in lines if line["log_level"] == "error"] == []


# Bursts


@pytest.mark.parametrize("proof", ["token", "signature"])
async def test_hundreds_of_hooks_at_once_are_all_taken(port: Port, proof: str) -> None:
    """GitLab disables a hook of which four in a row fail."""
    record = port.town.folder / "ssat-bot.db"
    sent = asyncio.Semaphore(0)
    tracing = aiohttp.TraceConfig()

    async def count(*_: Any) -> None:
        sent.release()

    tracing.on_request_chunk_sent.append(count)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, trace_configs=[tracing]) as session:
        crowd = replace(port, session=session)
        async with nothing_written(record):
            answers = [
                asyncio.create_task(deliver(crowd, proof, f"delivery {number}"))
                for number in range(BURST)
            ]
            for _ in range(BURST):
                await sent.acquire()
        assert {await answer for answer in answers} == {200}
    # They have waited for the record, and a few transactions have noted them all.
    with contextlib.closing(sqlite3.connect(record)) as database:
        noted = database.execute("SELECT count(*), count(DISTINCT received_at) FROM deliveries")
        deliveries, transactions = noted.fetchone()
    assert deliveries == BURST
    assert transactions < BURST / 10


async def deliver(port: Port, proof: str, name: str) -> int:
    """Deliver the captured hook as GitLab does, with a token or a signature; tell the status."""
    if proof == "token":
        return (await port.hook(DELIVERY, **{"Idempotency-Key": name})).status
    now = str(int(port.town.clock().timestamp()))
    content = b".".join((name.encode(), now.encode(), DELIVERY))
    digest = hmac.new(signing_key(SIGNING_TOKEN), content, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    headers = {"webhook-id": name, "webhook-timestamp": now, "webhook-signature": signature}
    return (await port.hook(DELIVERY, token=None, **headers)).status


@contextlib.asynccontextmanager
async def nothing_written(record: Path) -> AsyncIterator[None]:
    """Hold the record as a long transaction does."""

    def begin() -> sqlite3.Connection:
        database = sqlite3.connect(record, timeout=10, check_same_thread=False)
        database.execute("BEGIN IMMEDIATE")
        return database

    # Not in the loop: the bot may be in a transaction there, and would never get out of it.
    with contextlib.closing(await asyncio.to_thread(begin)) as database:
        yield
        database.rollback()


async def until(ask: Callable[[], Any], status: int) -> None:
    """Ask until this is the answer's status: nothing tells when the bot has noticed."""
    async with asyncio.timeout(10):
        while True:
            if (await ask()).status == status:
                return
            await asyncio.sleep(0.02)
