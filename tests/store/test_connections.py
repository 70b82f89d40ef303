"""How the bot connects to PostgreSQL: as the URL says, past poolers, and never for ever."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL, make_url

from slackbot.store import jobs
from slackbot.store.engine.database import LOOKOUT, Database
from slackbot.store.engine.postgres import SESSION
from slackbot.store.jobs import IssueQueue
from tests.conftest import Postgres
from tests.sleepers import Sleepers
from tests.store.test_transactions import KEY, NOW

KNOWN_TO_POOLERS = {"user", "database", "client_encoding", "application_name"}


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[str]:
    """The URL of a database without any table."""
    url = postgres.new_database()
    yield url
    postgres.drop(url)


class Pooler:
    """Passes connections on to PostgreSQL, and refuses start-up parameters as PgBouncer does."""

    def __init__(self, database_url: str) -> None:
        self._behind = make_url(database_url)
        self.asked: list[set[str]] = []

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[URL]:
        """Yield the URL of the database behind it."""
        server = await asyncio.start_server(self._serve, "127.0.0.1")
        host, port = server.sockets[0].getsockname()
        plain = {"sslmode": "disable", "gssencmode": "disable"}
        yield self._behind.set(host=host, port=port, query=plain)
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, EOFError):
            packet = await _packet(reader)
            words = packet[4:].decode().split("\0")
            self.asked.append(set(filter(None, words[::2])))
            for parameter in self.asked[-1] - KNOWN_TO_POOLERS:
                writer.write(_refusal(f"unsupported startup parameter: {parameter}"))
                return
            folder = self._behind.query["host"]
            behind = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
            behind[1].write(struct.pack("!i", len(packet) + 4) + packet)
            await asyncio.gather(_pass_on(reader, behind[1]), _pass_on(behind[0], writer))


async def _packet(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("!i", await reader.readexactly(4))
    return await reader.readexactly(length - 4)


def _refusal(words: str) -> bytes:
    fields = f"SFATAL\0C08P01\0M{words}\0\0".encode()
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()


async def test_the_bot_works_behind_a_pooler_that_knows_no_options(empty: str) -> None:
    pooler = Pooler(empty)
    async with pooler.serving() as url:
        database = Database(url.render_as_string(hide_password=False))
        await database.open()
        try:
            await listens(database)
        finally:
            await database.close()
    assert len(pooler.asked) >= 2
    assert "options" not in set().union(*pooler.asked)


async def listens(database: Database) -> None:
    """See that others' jobs wake its workers."""
    sleepers = Sleepers(database)
    async with sleepers.asleep():
        listening = asyncio.create_task(database.hear_others())
        try:
            await sleepers.until(LOOKOUT, 1)
            other = Database(database._url.render_as_string(hide_password=False))
            async with other.transaction() as tx:
                jobs.enqueue(tx, IssueQueue.SYNC, [KEY], NOW)
            await other.close()
            await sleepers.until(IssueQueue.SYNC, 1)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def test_every_connection_has_its_limits_however_often_it_is_used(empty: str) -> None:
    database = Database(empty)
    try:
        for _ in range(2):
            with pytest.raises(RuntimeError):  # what is rolled back takes no limit with it
                async with database.transaction() as tx:
                    raise RuntimeError
            async with database.transaction() as tx:
                for name, milliseconds in SESSION.items():
                    query = text("SELECT setting::int FROM pg_settings WHERE name = :name")
                    assert await tx.scalar(query, name=name) == milliseconds
    finally:
        await database.close()


@pytest.mark.parametrize("spelled", ["-csearch_path%3Dssat", "-c+search_path%3Dssat+-c%20jit=off"])
async def test_options_in_the_url_count_for_every_connection(empty: str, spelled: str) -> None:
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA ssat")
    database = Database(f"{empty}&options={spelled}")
    await database.open()
    try:
        async with database.transaction() as tx:
            tables = await tx.run_sync(
                lambda connection: inspect(connection).get_table_names("public")
            )
            found = await tx.run_sync(
                lambda connection: inspect(connection).get_table_names("ssat")
            )
            limit = await tx.scalar(text("SHOW statement_timeout"))
        await listens(database)
    finally:
        await database.close()
    assert tables == []
    assert "requests" in found
    assert limit == "10s"


async def limits(database_url: str) -> dict[str, str]:
    database = Database(database_url)
    try:
        async with database.transaction() as tx:
            return {name: await tx.scalar(text(f"SHOW {name}")) for name in SESSION}
    finally:
        await database.close()


OURS = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}


@pytest.mark.parametrize(
    ("spelled", "own"),
    [
        ("-cstatement_timeout%3D60000", {"statement_timeout": "1min"}),
        ("--statement-timeout%3D0+-c%20jit%3Doff", {"statement_timeout": "0"}),
        (
            "-c+lock_timeout%3D1s+-cidle_in_transaction_session_timeout%3D1min",
            {"lock_timeout": "1s", "idle_in_transaction_session_timeout": "1min"},
        ),
    ],
)
async def test_a_limit_in_the_url_goes_before_the_bots_own(
    empty: str, spelled: str, own: dict[str, str]
) -> None:
    assert await limits(empty) == OURS
    assert await limits(f"{empty}&options={spelled}") == OURS | own


async def test_a_limit_of_the_databases_user_goes_before_the_bots_own(empty: str) -> None:
    """Behind a pooler that refuses options it is the only place for one."""
    with psycopg.connect(empty, autocommit=True) as connection:
        info = connection.info
        connection.execute(f"ALTER DATABASE {info.dbname} SET lock_timeout = '1h'")
        connection.execute(
            f'ALTER ROLE "{info.user}" IN DATABASE {info.dbname} SET statement_timeout = 60000'
        )
    assert await limits(empty) == OURS | {"statement_timeout": "1min"}


def parameters(connection: Connection) -> dict[str, str]:
    driver: Any = connection.connection.driver_connection
    return dict(driver.info.get_parameters())


async def test_the_url_may_set_its_own_patience(empty: str) -> None:
    async with Pooler(empty).serving() as url:
        patient = url.update_query_dict({"connect_timeout": "30"})
        database = Database(patient.render_as_string(hide_password=False))
        try:
            async with database.transaction() as tx:
                told = await tx.run_sync(parameters)
        finally:
            await database.close()
    assert told["connect_timeout"] == "30"
    assert told["tcp_user_timeout"] == "10000"
