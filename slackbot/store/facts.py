"""Queries on small things worth keeping: seen deliveries, the poll's place, the labels."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import delete, select

from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import deliveries, facts

_LABELS = TypeAdapter(dict[str, str])

POLLED_UNTIL = "polled_until"
FEEDBACK_LABELS = "feedback_labels"


@dataclass(frozen=True, kw_only=True)
class Place:
    """How far the poll has read: GitLab's own time, UTC, and of what."""

    until: datetime
    about: str


_PLACE = TypeAdapter(Place)


async def first_sight(tx: Transaction, delivery: str, now: datetime) -> bool:
    """Remember a webhook delivery by its id; tell whether it is new."""
    # RETURNING, for the count of inserted rows is not to be had from every driver.
    added = await tx.scalar(
        upsert(tx, deliveries)
        .values(id=delivery, received_at=now)
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(deliveries.c.id)
    )
    return added is not None


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


async def load_place(tx: Transaction) -> Place | None:
    """Return how far the poll has read; ``None`` before the first time."""
    value = await load_fact(tx, POLLED_UNTIL)
    return None if value is None else _PLACE.validate_json(value)


async def save_place(tx: Transaction, place: Place) -> None:
    """Note how far the poll has read."""
    await save_fact(tx, POLLED_UNTIL, _PLACE.dump_json(place).decode())


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
