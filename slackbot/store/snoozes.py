"""Queries on snoozes: one for each request, the latest."""

from pydantic import TypeAdapter
from sqlalchemy import func, select

from slackbot.rules.reminders import Snooze
from slackbot.rules.request import IssueKey
from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import snoozes

_SNOOZE = TypeAdapter(Snooze)


def read_snooze(document: str) -> Snooze:
    """Read a snooze as it is kept; raises ``ValueError`` where it is none."""
    return _SNOOZE.validate_json(document)


async def count_snoozes(tx: Transaction) -> int:
    """Count the requests that were ever snoozed."""
    return await tx.scalar(select(func.count()).select_from(snoozes)) or 0


async def load_snooze(tx: Transaction, key: IssueKey) -> Snooze | None:
    """Return the latest snooze of a request, be it over or not."""
    document = await tx.scalar(
        select(snoozes.c.document).where(snoozes.c.project == key.project, snoozes.c.iid == key.iid)
    )
    return read_snooze(document) if document else None


async def save_snooze(tx: Transaction, key: IssueKey, snooze: Snooze) -> None:
    """Note that a request's reminders are snoozed, in the place of an earlier snooze."""
    values = {"until": snooze.until, "document": _SNOOZE.dump_json(snooze).decode()}
    await tx.execute(
        upsert(tx, snoozes)
        .values(project=key.project, iid=key.iid, **values)
        .on_conflict_do_update(index_elements=["project", "iid"], set_=values)
    )
