"""Time that passes by the database's clock, which a test cannot move: what waits for it is aged."""

from datetime import timedelta

from sqlalchemy import Connection, select, update

from slackbot.store.engine.database import Database
from slackbot.store.schema import errands, grants


async def elapse(database: Database, by: timedelta) -> None:
    """Let leases and rests be older than they are."""
    async with database.transaction() as tx:
        await tx.run_sync(age, by)


def age(connection: Connection, by: timedelta) -> None:
    """Let leases and rests be older than they are."""
    for row in connection.execute(select(errands)).all():
        aged = {
            name: moment - by
            for name in ("leased_until", "settles_at")
            if (moment := getattr(row, name)) is not None
        }
        same = [
            getattr(errands.c, name) == getattr(row, name) for name in ("lane", "project", "iid")
        ]
        if aged:
            connection.execute(update(errands).where(*same).values(**aged))
    for row in connection.execute(select(grants)).all():
        if row.renewing_until is not None:
            is_it = grants.c.slack_user == row.slack_user
            aged = {"renewing_until": row.renewing_until - by}
            connection.execute(update(grants).where(is_it).values(**aged))
