"""What SQLite waits for, which must not keep the event loop waiting."""

import asyncio
import sqlite3
from contextlib import closing

from sqlalchemy.engine import make_url

from slackbot.store.database import Database
from slackbot.store.facts import SLACK_TEAM


async def test_while_another_process_writes_to_the_file_the_loop_goes_on(sqlite: str) -> None:
    database = Database(sqlite)

    async def save() -> None:
        async with database.transaction() as tx:
            await SLACK_TEAM.save(tx, "T0EXAMPLE")

    await save()
    with closing(sqlite3.connect(make_url(sqlite).database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        saving = asyncio.create_task(save())
        for _ in range(20):
            await asyncio.sleep(0)
        other.execute("COMMIT")  # which the loop would never come to
        await saving
    await database.close()
