"""The record is away for minutes, or comes and goes: its disk is full, its server is elsewhere.

Whoever clicked is told, the log says it once, and all goes on at once when the record is back.
"""

import contextlib
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest
from sqlalchemy import Connection, insert

from slackbot.local.slack import View
from slackbot.store.schema import facts
from tests.conftest import Postgres
from tests.port import Port
from tests.process import BotProcess, bot_process, present_town
from tests.town import Town, as_seen, text_of

MEBIBYTE = 2**20


@contextlib.asynccontextmanager
async def port_of(town: Town) -> AsyncIterator[Port]:
    async with aiohttp.ClientSession() as session:
        yield Port(town=town, session=session)


async def home_of_avery(town: Town, *words: str) -> View:
    def shows() -> View | None:
        home = town.slack.homes.get(town.avery.id)
        return home if all(word in text_of(home) for word in words) else None

    return await town.slack.wait_for(shows)


# --- Away for minutes --------------------------------------------------------------------------


class Trouble(Protocol):
    """What keeps a bot from its record."""

    @contextlib.contextmanager
    def lasting(self, process: BotProcess) -> Iterator[None]: ...


class FullDisk:
    """No file of the bot's may grow beyond what the log of SQLite has already reached."""

    @contextlib.contextmanager
    def lasting(self, process: BotProcess) -> Iterator[None]:
        without = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (MEBIBYTE, without[1]))
        yield
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, without)


class StoppedServer:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    @contextlib.contextmanager
    def lasting(self, process: BotProcess) -> Iterator[None]:
        self._postgres.halt("immediate")
        try:
            yield
        finally:
            self._postgres.resume()


def fill(connection: Connection) -> None:
    connection.execute(insert(facts).values(name="large", value="x" * 2 * MEBIBYTE))


@pytest.fixture(params=["full disk", "stopped server"])
def trouble(request: pytest.FixtureRequest) -> Trouble:
    if request.param == "full disk":
        return FullDisk()
    return StoppedServer(request.getfixturevalue("postgres"))


@pytest.fixture
def url_of_record(trouble: Trouble, request: pytest.FixtureRequest) -> str:
    kind = "sqlite" if isinstance(trouble, FullDisk) else "postgresql"
    url: str = request.getfixturevalue(kind)
    return url


async def test_while_the_record_is_away_the_log_says_so_once_and_all_goes_on_when_it_is_back(
    tmp_path: Path, trouble: Trouble, url_of_record: str
) -> None:
    async with (
        present_town(tmp_path, url_of_record) as town,
        bot_process(town) as process,
        port_of(town) as port,
    ):
        issue, card = await town.request()
        card = as_seen(card)
        await port.ready(200)
        await town.quiet()
        await town.change_record(fill)
        town.disconnect()
        before = len(process.log)

        with trouble.lasting(process):
            await port.ready(503)
            assert (await town.slack.click(town.avery, card, "Claim")).ok
            await town.told(town.avery, "Something went wrong")
            assert (await town.slack.open_home(town.avery)).ok
            late = town.feedback("Negative feedback for ticket 412399")
            await town.gitlab.hooks_settled()
            await port.ready(503)

        await port.ready(200)
        await home_of_avery(town, "412345")
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.claimed(issue, "Avery Example")
        town.gitlab.edit(late, title="Negative feedback for ticket 412398", by=town.blake_gitlab)
        await town.card(late, "🟠 Unclaimed")
        log = process.log[before:]
        town.check()
    assert [line for line in log if "exception" in line] == []
    assert [line["level"] for line in log if line["event"] == "record_away"] == ["error"]
    assert [line["level"] for line in log if line["event"] == "record_back"] == ["info"]
    assert "Traceback" not in process.complained
    assert "never retrieved" not in process.complained
