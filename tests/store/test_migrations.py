"""The schema as the migrations make it."""

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from slackbot.store.engine.away import RecordAway
from slackbot.store.engine.database import (
    Database,
    DatabaseError,
    async_url,
    at_hand,
    newest_revision,
)
from slackbot.store.engine.upgrade import migrations
from slackbot.store.facts import Fact
from slackbot.store.schema import metadata
from tests.conftest import Postgres

KEPT = Fact("kept", str)


async def test_the_migrations_make_what_the_queries_expect(database: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))

    async with database.transaction() as tx:
        assert await tx.run_sync(differences) == []


async def test_the_comparison_would_see_a_difference(database: Database) -> None:
    def without_index(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with database.transaction() as tx:
        await tx.execute(text("DROP INDEX ix_errands_lane_ready_at"))
        assert [kind for kind, *_ in await tx.run_sync(without_index)] == ["add_index"]
        await tx.run_sync(Connection.rollback)


async def test_the_files_of_the_migrations_are_named_for_their_revisions(
    database: Database,
) -> None:
    def heads(connection: Connection) -> list[str]:
        return ScriptDirectory.from_config(migrations(connection)).get_heads()

    async with database.transaction() as tx:
        assert await tx.run_sync(heads) == [newest_revision()]


async def test_migrating_again_changes_nothing(database: Database) -> None:
    async with database.transaction() as tx:
        await KEPT.save(tx, "value")
    await database.migrate()
    async with database.transaction() as tx:
        assert await KEPT.load(tx) == "value"


async def test_what_only_reads_works_beside_the_owner_and_changes_nothing(
    database: Database, database_url: str
) -> None:
    await database.open()
    async with database.transaction() as tx:
        await KEPT.save(tx, "value")
    async with at_hand(database_url, reads_only=True) as reader:
        await reader.open()
        async with reader.transaction() as tx:
            assert await KEPT.load(tx) == "value"
        async with database.transaction() as tx:
            await KEPT.save(tx, "another")
        async with reader.transaction() as tx:
            assert await KEPT.load(tx) == "another"
        with pytest.raises(RecordAway):
            async with reader.transaction() as tx:
                await KEPT.save(tx, "of the reader")
    async with database.transaction() as tx:
        assert await KEPT.load(tx) == "another"


async def test_what_only_reads_upgrades_no_schema(database: Database, database_url: str) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '0004'"))
    async with at_hand(database_url, reads_only=True) as reader:
        with pytest.raises(DatabaseError, match="`ssat-bot run` upgrades it"):
            await reader.open()


async def test_replicas_that_start_at_once_take_turns(postgres: Postgres) -> None:
    database_url = postgres.new_database()  # only one process at a time opens a SQLite file
    replicas = [Database(database_url) for _ in range(3)]
    try:
        # All of them end before one is asked: a failed one's connection may be in others' way.
        ended = await asyncio.gather(
            *(replica.migrate() for replica in replicas), return_exceptions=True
        )
        assert ended == [None] * 3
        async with replicas[0].transaction() as tx:
            tables = await tx.run_sync(lambda connection: inspect(connection).get_table_names())
    finally:
        for replica in replicas:
            await replica.close()
    assert set(tables) == {*metadata.tables, "alembic_version"}


async def test_a_migration_that_fails_leaves_nothing_half_done(new_database_url: str) -> None:
    database = Database(new_database_url)
    try:
        async with database.transaction() as tx:
            await tx.execute(text("CREATE TABLE errands (in_the_way INTEGER)"))
        with pytest.raises(Exception, match="already exists"):
            await database.migrate()
        async with database.transaction() as tx:
            tables = await tx.run_sync(lambda connection: inspect(connection).get_table_names())
            await tx.execute(text("DROP TABLE errands"))
        assert tables == ["errands"]
        await database.migrate()  # mended, it goes through
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///ssat-bot.db", "sqlite"),
        ("postgresql://user:secret@host/name", "postgresql+psycopg"),
        ("postgres://user:secret@host/name", "postgresql+psycopg"),  # as many platforms write it
    ],
)
def test_the_driver_follows_from_the_url(url: str, driver: str) -> None:
    named = async_url(url)
    assert named.drivername == driver
    assert named.database in ("ssat-bot.db", "name")
