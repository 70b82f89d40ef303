"""What the record knows: it is read as it is, beside a bot that works on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from slackbot.check.findings import Finding, fatal, good, unknown, warning
from slackbot.people.identities import Kept, load_kept
from slackbot.store import facts, grants, interactions
from slackbot.store.engine.database import Database, DatabaseError, is_damaged, newest_revision
from slackbot.store.engine.integrity import damaged
from slackbot.store.schema import GrantState, UnreadableError


@dataclass(frozen=True, kw_only=True)
class OnRecord:
    """Nothing, if it can't be read."""

    team: str | None = None
    """The workspace that the bot has worked in."""
    last_hook: datetime | None = None
    granted: Sequence[str] = ()
    """The sealed tokens of who has granted the bot to write under their name."""
    kept: Kept = field(default_factory=lambda: Kept(links={}, matches={}, lines={}, accounts=()))


NOTHING = OnRecord()


async def examine_database(database_url: str) -> Finding:
    """Try the database as it is; each start opens it anyway."""
    database = Database(database_url)
    try:
        which = await database.try_out()
    except DatabaseError as error:
        return fatal("database", error)
    finally:
        await database.close()
    kind = "sqlite" if database.is_sqlite else "postgresql"
    return good(f"database, {which}", kind=kind)


async def examine_record(database_url: str, now: datetime) -> tuple[list[Finding], OnRecord]:
    """Return also what the record knows, if this release can read it."""
    usable = await examine_database(database_url)
    if usable.is_fatal:
        return [usable], NOTHING
    database = Database(database_url, reads_only=True)
    try:
        if database.file and not (database.file.exists() and database.file.stat().st_size):
            return [usable, _schema(set())], NOTHING
        schema = await _examine_schema(database)
        if (backup := await _examine_backup(database)) is not None:
            return [usable, schema, backup], NOTHING
        return [usable, schema], await _read(database, now)
    except (SQLAlchemyError, UnreadableError, OSError) as error:
        if database.file and is_damaged(database.file):
            problem = damaged(database.file)
            return [usable, fatal("record", problem)], NOTHING
        problem = f"cannot be read now ({type(error).__name__})"
        return [usable, replace(unknown("record", problem), is_unanswered=True)], NOTHING
    finally:
        await database.close()


async def _examine_schema(database: Database) -> Finding:
    revisions = await database.revisions()
    if max(revisions, default="") > newest_revision():
        from slackbot.store.engine.upgrade import too_old_for  # with Alembic

        async with database.transaction() as tx:
            if problem := await tx.run_sync(too_old_for):
                return fatal(f"schema {max(revisions)}", problem)
    return _schema(revisions)


async def _examine_backup(database: Database) -> Finding | None:
    """Each schema that there was has facts."""
    if not await database.revisions():
        return None
    async with database.transaction() as tx:
        problem = await facts.problem_of_backup(tx)
    return fatal("record", problem) if problem else None


def _schema(revisions: set[str]) -> Finding:
    newest, found = newest_revision(), max(revisions, default=None)
    told = {"revision": found, "newest": newest}
    if found is None:
        return good(f"schema: none yet; the next start makes {newest}", **told)
    if found == newest:
        return good(f"schema {found}: up to date", **told)
    if found < newest:
        return good(f"schema {found}: the next start upgrades it to {newest}", **told)
    return warning(
        f"schema {found}",
        f"of a newer release, this one knows {newest}: it works on, but choices of new kinds wait",
        **told,
    )


async def _read(database: Database, now: datetime) -> OnRecord:
    """Read nothing of a schema that is older: it may lack a table."""
    if max(await database.revisions(), default="") < newest_revision():
        return NOTHING
    async with database.transaction() as tx:
        return OnRecord(
            team=await facts.SLACK_TEAM.load(tx),
            last_hook=await interactions.last_hook(tx),
            kept=await load_kept(tx, now),
            granted=[
                each.sealed
                for each in await grants.list_grants(tx)
                if each.grant.state is GrantState.VALID
            ],
        )
