"""What the record knows: it is read as it is, beside a bot that works on it."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from slackbot.check.findings import Finding, fatal, good, unknown, warning
from slackbot.people.identities import Kept, load_kept
from slackbot.store import facts, interactions
from slackbot.store.database import Database, DatabaseError, is_damaged, newest_revision
from slackbot.store.schema import UnreadableError


@dataclass(frozen=True, kw_only=True)
class OnRecord:
    """Nothing, if it can't be read."""

    team: str | None = None
    """The workspace that the bot has worked in."""
    last_hook: datetime | None = None
    kept: Kept = field(default_factory=lambda: Kept(links={}, matches={}, lines={}, accounts=()))


NOTHING = OnRecord()


async def examine_database(database_url: str) -> Finding:
    """Try the database as it is; each start opens it anyway."""
    database = Database(database_url)
    about = f"database, SQLite: {database.file}" if database.file else "database, PostgreSQL"
    try:
        await database.try_out()
    except DatabaseError as error:
        # A driver's words have several lines.
        return fatal("database", " ".join(str(error).split()))
    finally:
        await database.close()
    return good(about, kind="sqlite" if database.is_sqlite else "postgresql")


async def examine_record(database_url: str, now: datetime) -> tuple[list[Finding], OnRecord]:
    """Return also what the record knows, if this release can read it."""
    usable = await examine_database(database_url)
    if usable.is_fatal:
        return [usable], NOTHING
    database = Database(database_url, reads_only=True)
    try:
        if database.file and not (database.file.exists() and database.file.stat().st_size):
            return [usable, _schema(set())], NOTHING
        schema = _schema(await database.revisions())
        return [usable, schema], await _read(database, now)
    except (SQLAlchemyError, UnreadableError, OSError) as error:
        if database.file and is_damaged(database.file):
            problem = f"{database.file} is damaged: run `ssat-bot rebuild`"
            return [usable, fatal("record", problem)], NOTHING
        problem = f"cannot be read now ({type(error).__name__})"
        return [usable, replace(unknown("record", problem), is_unanswered=True)], NOTHING
    finally:
        await database.close()


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
        )
