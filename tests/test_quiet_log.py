"""The log while the network is gone: a line when it begins, one a minute, one when it is over."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.port import Port
from tests.process import MANAGERS, bot_process, launched, present_town
from tests.town import Town, as_seen

LONGEST_LINE = 500
"""Bytes."""
MINUTES = 2
"""Longer than any of these tests takes: a line a minute is as many lines."""
OFTEN = 6
CLOSED = "http://127.0.0.1:1"
NOWHERE = "http://nowhere.invalid"


class Way:
    """Leads to a platform, until it is cut: then connections are refused, and open ones lost."""

    def __init__(self, there: str) -> None:
        self._there = URL(there)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(self._there.host, self._there.port)
        both = {writer, there[1]}
        self._open |= both
        await asyncio.gather(_pass_on(reader, there[1]), _pass_on(there[0], writer))
        self._open -= both


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()


@contextlib.asynccontextmanager
async def leading_to(there: str) -> AsyncIterator[Way]:
    way = Way(there)
    await way.mend()
    try:
        yield way
    finally:
        await way.cut()


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with present_town(tmp_path) as built:
        yield built


@pytest.fixture
async def port(town: Town) -> AsyncIterator[Port]:
    async with aiohttp.ClientSession() as session:
        yield Port(town=town, session=session)


async def has_failed(port: Port, platform: str, times: int = OFTEN, method: str = ".*") -> None:
    """Wait until so many calls of a platform have failed: each might have been worth a line."""
    sample = re.compile(
        rf'ssat_platform_calls_total\{{method="{method}",outcome="(?!ok)\w+",platform="{platform}"'
        r"\} ([0-9.]+)"
    )
    async with asyncio.timeout(30):
        while True:
            text = (await port.get("/metrics")).text
            if sum(map(float, sample.findall(text))) >= times:
                return
            await port.town.slack.next_change(0.1)


def check(lines: list[dict[str, Any]], raw: str) -> None:
    """Check that each retry is a short line at most, and what is alike is counted."""
    assert [line for line in lines if "exception" in line] == []
    assert "Traceback" not in raw
    assert "never retrieved" not in raw
    assert [each for each in raw.splitlines() if len(each.encode()) >= LONGEST_LINE] == []
    alike = Counter((line["event"], line.get("queue"), line.get("problem")) for line in lines)
    # The first tries of several jobs may differ: of what is alike there is a line a minute.
    assert [told for told, times in alike.items() if told[2] and times > MINUTES] == []


@pytest.mark.parametrize("address", [CLOSED, NOWHERE], ids=["refused", "no such host"])
async def test_a_bot_that_reaches_nobody_says_so_in_short_lines(
    town: Town, port: Port, address: str
) -> None:
    changes = {
        "slack_api_url": f"{address}/api/",
        "gitlab_url": address,
        "pagerduty_api_url": address,
        "pagerduty_api_token": "y_token",
        "slack_app_token": town.slack.app_token,
        "ssat_poll_seconds": 0.2,
        **MANAGERS,
    }
    async with launched(town, "run", **changes) as process:
        await process.started()
        await has_failed(port, "gitlab")
        await has_failed(port, "slack")
        await has_failed(port, "slack", 2, r"apps\.connections\.open")
        await has_failed(port, "pagerduty", 1)
        log, raw = process.log, process.complained
    check(log, raw)
    assert {"unhealthy", "job_put_off", "socket_away", "to_be_fixed"} <= {
        line["event"] for line in log
    }


async def test_while_the_ways_to_both_platforms_are_cut_the_log_stays_short_and_tells_the_end(
    town: Town, port: Port
) -> None:
    async with (
        leading_to(town.slack.base_url) as to_slack,
        leading_to(town.gitlab.url) as to_gitlab,
        bot_process(
            town,
            slack_api_url=f"{to_slack.url}/api/",
            gitlab_url=to_gitlab.url,
            ssat_poll_seconds=0.2,
            **MANAGERS,
        ) as process,
    ):
        found = []
        for number in range(412001, 412006):
            issue = town.feedback(f"Negative feedback for ticket {number}")
            found.append((issue, await town.card(issue, "🟠 Unclaimed")))
        first, card = found.pop()
        assert (await town.slack.click(town.avery, card, "Claim")).ok  # Slack says who she is
        await town.claimed(first, "Avery Example")
        await town.quiet()
        before = len(process.complained)
        await to_slack.cut()
        await to_gitlab.cut()
        for _, card in found:
            assert (await town.slack.click(town.avery, as_seen(card), "Claim")).ok
        await has_failed(port, "gitlab", 30)
        await has_failed(port, "slack", 30)
        await to_slack.mend()
        await to_gitlab.mend()
        for issue, _ in found:
            await town.claimed(issue, "Avery Example")
        await port.ready(200, '"gitlab": "ok"', '"slack": "ok"')
        log, raw = process.log, process.complained[before:]
    lines = [line for line in log if str(line["timestamp"]) in raw]
    check(lines, raw)
    ends = [line for line in lines if line["event"] == "healthy"]
    assert {line["part"] for line in ends} >= {"slack", "gitlab"}
    assert [line for line in lines if line["event"] == "jobs_go_on"]


async def test_a_websocket_that_does_not_open_is_a_short_line_and_so_is_the_one_that_does(
    town: Town, port: Port
) -> None:
    nowhere = {"ok": True, "url": f"ws://{URL(CLOSED).authority}/link/?ticket=secret-ticket"}
    fault = town.slack.faults.add("apps.connections.open", body=nowhere, times=2)
    changes = {"slack_app_token": town.slack.app_token, "ssat_poll_seconds": 0.2, **MANAGERS}
    async with launched(town, "run", **changes) as process:
        await process.started()
        await town.slack.wait_for(lambda: process.events("socket_back"), timeout=30)
        assert fault.hits == 2  # the check at the start is the first
        assert len(process.events("socket_away")) == 1
        log, raw = process.log, process.complained
    check(log, raw)
    assert "secret-ticket" not in raw
