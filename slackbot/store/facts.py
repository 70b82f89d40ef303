"""Queries on small things worth keeping: seen deliveries, the poll's place, the labels."""

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import delete, select

from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import deliveries, facts

_LABELS = TypeAdapter(dict[str, str])

POLLED_UNTIL = "polled_until"
FEEDBACK_LABELS = "feedback_labels"
PROJECT = "project"


async def first_sight(tx: Transaction, delivery: str, now: datetime) -> bool:
    """Remember a webhook delivery by its id; tell whether it is new."""
    added = await tx.execute(
        upsert(tx, deliveries)
        .values(id=delivery, received_at=now)
        .on_conflict_do_nothing(index_elements=["id"])
    )
    return added.rowcount > 0


async def forget_deliveries(tx: Transaction, before: datetime) -> None:
    """Forget the deliveries that can no longer come twice."""
    await tx.execute(delete(deliveries).where(deliveries.c.received_at < before))


async def load_fact(tx: Transaction, name: str) -> str | None:
    """Return a kept value."""
    value: str | None = await tx.scalar(select(facts.c.value).where(facts.c.name == name))
    return value


async def save_fact(tx: Transaction, name: str, value: str) -> None:
    """Keep a value under a name."""
    await tx.execute(
        upsert(tx, facts)
        .values(name=name, value=value)
        .on_conflict_do_update(index_elements=["name"], set_={"value": value})
    )


async def load_labels(tx: Transaction) -> dict[str, str] | None:
    """Return the project's feedback labels with their descriptions; ``None`` if never read."""
    value = await load_fact(tx, FEEDBACK_LABELS)
    return None if value is None else _LABELS.validate_json(value)


async def save_labels(tx: Transaction, labels: dict[str, str]) -> bool:
    """Keep the project's feedback labels; tell whether they have changed."""
    if await load_labels(tx) == labels:
        return False
    await save_fact(tx, FEEDBACK_LABELS, _LABELS.dump_json(labels).decode())
    return True
