"""The record is away for minutes, or comes and goes: its disk is full, its server is elsewhere.

Whoever clicked is told, the log says it once, and all goes on at once when the record is back.
"""

import asyncio
import contextlib
import resource
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, text
from structlog.testing import capture_logs

from slackbot import web
from slackbot.clock import system_clock
from slackbot.health import Health
from slackbot.local.slack import View
from slackbot.rules.request import IssueKey
from slackbot.store import jobs
from slackbot.store.engine.away import pause
from slackbot.store.engine.database import Database, Record
from slackbot.store.engine.postgres import CONNECTIONS
from slackbot.store.jobs import IssueQueue, Job
from slackbot.store.schema import facts
from slackbot.worker import Lookout, Work, Worker
from tests.conftest import MovableClock, Postgres
from tests.port import Port
from tests.process import BotProcess, bot_process, present_town
from tests.town import PROJECT, Town, as_seen, text_of
from tests.town import town as build_town

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
    def lasting(self, process: BotProcess | None = None) -> Iterator[None]:
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
            link = f"{town.gitlab.url}/{PROJECT}/-/issues/{issue.iid}"
            posted, _ = await town.slack.share_link(town.avery, town.channel, link)
            late = town.feedback("Negative feedback for ticket 412399")
            await town.gitlab.hooks_settled()
            assert town.gitlab.deliveries[-1].status == 503
            await port.ready(503)

        await port.ready(200)
        await home_of_avery(town, "412345")
        await town.slack.wait_for(lambda: posted.unfurls)
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


# --- Comes and goes ----------------------------------------------------------------------------

KEYS = [IssueKey(7, iid) for iid in range(1, 21)]
RUNS = 200
PATIENCE_SECONDS = 60
LEASE = timedelta(minutes=2)
"""Longer than a test is patient: what were left to its lease would be missed."""


class Treadmill:
    """A worker whose jobs come back at once, each of them for ever."""

    def __init__(self, url: str) -> None:
        self.url, self.database = url, Database(url)
        self._runs: Counter[IssueKey] = Counter()
        self._changed = asyncio.Event()

    async def _reconcile(self, job: Job) -> datetime:
        self._runs[job.key] += 1
        self._changed.set()
        return datetime.now(UTC)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        record = Record(self.database, system_clock)
        async with self.database.transaction() as tx:
            jobs.enqueue(tx, IssueQueue.SYNC, KEYS, system_clock())
        work = Work(queue=IssueQueue.SYNC, reconcile=self._reconcile, concurrency=4)
        worker = Worker(
            work,
            record=record,
            health=Health(),
            owner="this",
            lease=LEASE,
            first_retry=timedelta(milliseconds=50),
        )
        tasks = [
            asyncio.create_task(each) for each in (worker.work(), Lookout([worker], record).run())
        ]
        try:
            yield
        finally:
            worker.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def turned(self) -> None:
        """Wait until as much is done as a good moment sees done, and of each job some."""
        before = self._runs.copy()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (self._runs - before).total() < RUNS or len(self._runs - before) < len(KEYS):
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def treadmill(postgresql: str) -> AsyncIterator[Treadmill]:
    made = Treadmill(postgresql)
    yield made
    await made.database.close()


async def restart(postgres: Postgres, treadmill: Treadmill, mode: str) -> None:
    await asyncio.to_thread(postgres.halt, mode)
    await asyncio.to_thread(postgres.resume)


async def kill_backends(postgres: Postgres, treadmill: Treadmill, times: int) -> None:
    for _ in range(times):
        await asyncio.to_thread(postgres.disconnect, treadmill.url)


async def exhaust_the_pool(postgres: Postgres, treadmill: Treadmill) -> None:
    async with contextlib.AsyncExitStack() as held:
        for _ in range(CONNECTIONS):
            await held.enter_async_context(treadmill.database.transaction())


async def fail_over(postgres: Postgres, treadmill: Treadmill) -> None:
    """Leave the sessions that the pool has on a server that became read-only."""
    read_only = text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    async with contextlib.AsyncExitStack() as held:
        for _ in range(CONNECTIONS):
            tx = await held.enter_async_context(treadmill.database.transaction())
            await tx.execute(read_only)


@pytest.mark.parametrize(
    "strike",
    [
        pytest.param(partial(restart, mode="fast"), id="restart"),
        pytest.param(partial(restart, mode="immediate"), id="crash"),
        pytest.param(partial(kill_backends, times=1), id="backends killed"),
        pytest.param(partial(kill_backends, times=20), id="backends killed again and again"),
        pytest.param(exhaust_the_pool, id="pool exhausted"),
        pytest.param(fail_over, id="failover"),
    ],
)
async def test_each_job_goes_on_as_before_when_the_server_is_back(
    postgres: Postgres,
    treadmill: Treadmill,
    strike: Callable[[Postgres, Treadmill], Awaitable[None]],
) -> None:
    async with treadmill.running():
        await treadmill.turned()
        with capture_logs() as lines:
            await strike(postgres, treadmill)
            await treadmill.turned()
    assert {line["event"] for line in lines} <= {"record_away", "record_back", "job_put_off"}


@given(st.integers(min_value=0, max_value=10**6))
def test_a_record_that_is_back_is_looked_for_within_seconds_however_long_it_was_away(
    failures: int,
) -> None:
    assert 0.5 <= pause(failures) <= 6


@pytest.fixture
async def quiet_town(postgresql: str, clock: MovableClock, tmp_path: Path) -> AsyncIterator[Town]:
    async with build_town(clock, tmp_path, postgresql) as built:
        yield built
        built.check()


async def test_a_server_that_became_read_only_makes_the_bot_unready_until_another_one_writes(
    quiet_town: Town, postgres: Postgres
) -> None:
    town, url = quiet_town, quiet_town.settings["database_url"]
    async with town.bot_running(), port_of(town) as port:
        issue, card = await town.request()
        await port.ready(200)
        postgres.make_read_only(url)
        postgres.disconnect(url)
        await port.ready(503, "in a read-only transaction")
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.told(town.avery, "Something went wrong")
        assert town.choices() == []

        # Only new sessions write: those of the pool are still where they were.
        postgres.make_read_only(url, is_so=False)
        await port.ready(200)
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.claimed(issue, "Avery Example")


async def test_nobody_notices_that_the_server_has_ended_all_sessions_between_two_clicks(
    quiet_town: Town, postgres: Postgres
) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, card = await town.request()
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.claimed(issue, "Avery Example")
        await town.quiet()
        town.disconnect()
        postgres.disconnect(town.settings["database_url"])
        assert (await town.slack.click(town.avery, town.cards[0], "Release")).ok
        await town.card(issue, "🟠 Unclaimed", delivered=True)
    assert town.slack.ephemerals == []


async def test_who_clicks_in_their_home_while_the_record_is_away_is_told(
    quiet_town: Town, postgres: Postgres
) -> None:
    town = quiet_town
    async with town.bot_running():
        await town.request()
        assert (await town.slack.open_home(town.avery)).ok
        await home_of_avery(town, "412345")
        await town.quiet()
        town.disconnect()
        with StoppedServer(postgres).lasting():
            assert (await town.slack.click_in_home(town.avery, "Claim")).ok
            [modal] = await town.slack.wait_for(lambda: town.slack.views[town.avery.id])
            assert "Something went wrong" in text_of(modal)


async def test_who_asks_often_whether_the_bot_is_ready_does_not_make_it_write_each_time(
    quiet_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "BELIEVED_SECONDS", 3600.0)
    town = quiet_town
    query = select(facts.c.value).where(facts.c.name == "written")

    def written() -> object:
        with town.engine().connect() as connection:
            return connection.scalar(query)

    async with town.bot_running(), port_of(town) as port:
        await port.ready(200)
        first = written()
        await asyncio.gather(*(port.get("/readyz") for _ in range(50)))
        assert written() == first is not None
