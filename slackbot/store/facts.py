"""Small things worth keeping, each under its name; and the webhook deliveries already seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Text, delete, literal, select, type_coerce

from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import Document, deliveries, facts

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Place:
    """How far the poll has read, and what it reads."""

    until: datetime
    """GitLab's own time, UTC."""
    about: str
    reached_at: datetime | None = None
    """When the poll came this far, by the bot's clock."""
    is_first: bool = False
    """Whether the first reading is still under way; it reads open issues only."""
    read: int = 0
    """How many issues the reading under way has seen."""
    found: int = 0
    """How many of them are contact requests that the record did not know."""


@dataclass(frozen=True, kw_only=True)
class KnownProject:
    """The feedback project, as the last poll found it."""

    id: int
    path: str


@dataclass(frozen=True, kw_only=True)
class CatchUp:
    """Many requests were found at once; moments are UTC, by the bot's clock.

    A summary tells of them all. Requests that are due much later get their cards later.
    """

    key: str
    """When the first reading began; the bot finds its summary in Slack by it."""
    at: datetime
    """When the reading that found them began."""
    since: datetime | None
    """When the poll before that ended; ``None`` at the first start."""
    posting_since: datetime | None = None
    """Set while the summary may have reached Slack, but its answer has not reached the bot."""
    is_told: bool = False
    later: frozenset[str] = frozenset()
    """The requests that the summary counts as due later."""

    @property
    def begun_at(self) -> datetime:
        """When the first reading began; a later one may have continued it."""
        return datetime.fromisoformat(self.key)


class Fact(Generic[T]):
    """One value of the table ``facts``: text as it is, everything else as JSON.

    A value that cannot be read counts as unknown. All of them are found out again, so the bot goes
    on as if it had just been installed.
    """

    def __init__(self, name: str, kind: type[T]) -> None:
        self._name = name
        self._type = Text() if kind is str else Document[Any](kind, lenient=True)

    async def load(self, tx: Transaction) -> T | None:
        """Return the value, ``None`` if it is unknown."""
        query = select(type_coerce(facts.c.value, self._type)).where(facts.c.name == self._name)
        value: T | None = await tx.scalar(query)
        return value

    async def save(self, tx: Transaction, value: T) -> bool:
        """Return whether it was another value before."""
        written = literal(value, self._type)
        # RETURNING, because not every driver counts the rows that were written.
        changed = await tx.execute(
            upsert(tx, facts)
            .values(name=self._name, value=written)
            .on_conflict_do_update(
                index_elements=["name"],
                set_={"value": written},
                where=facts.c.value != written,
            )
            .returning(facts.c.name)
        )
        return changed.one_or_none() is not None

    async def forget(self, tx: Transaction) -> bool:
        """Return whether there was a value."""
        query = delete(facts).where(facts.c.name == self._name).returning(facts.c.name)
        return (await tx.execute(query)).one_or_none() is not None


PLACE = Fact("polled_until", Place)
LAST_IN_TURN = Fact("last_in_turn", int)
"""The number of the issue that the poll looked at last because it was its turn."""
LAST_FEEDBACK_IN_TURN = Fact("last_feedback_in_turn", int)
FEEDBACKS_READ = Fact("feedbacks_read", str)
"""What was polled when all open issues were last read, untriaged feedback included."""
PROJECT = Fact("project", KnownProject)
SLACK_TEAM = Fact("slack_team", str)
"""The bot's Slack workspace: a click must not have to wait until Slack tells it again."""
FEEDBACK_LABELS = Fact("feedback_labels", dict[str, str])
"""The project's feedback labels with their descriptions."""
CATCH_UP = Fact("catch_up", CatchUp)
CARDS_ADOPTED = Fact("cards_adopted", str)
"""The channel that was searched for cards that the record may not know."""
_POLL_ENDED = Fact("poll_ended", str)


async def load_poll_end(tx: Transaction, about: str) -> datetime | None:
    """Return when a poll of this last came to its end, by the bot's clock, ``None`` if never."""
    moment, _, what = (await _POLL_ENDED.load(tx) or "").partition(" ")
    return datetime.fromisoformat(moment) if moment and what == about else None


async def save_poll_end(tx: Transaction, about: str, now: datetime) -> None:
    """Save when a poll has come to its end, and what it polled."""
    await _POLL_ENDED.save(tx, f"{now.isoformat()} {about}")


async def remember_deliveries(tx: Transaction, ids: Iterable[str], now: datetime) -> set[str]:
    """Remember deliveries by their ids. Return those that are new."""
    seen = sorted(set(ids))  # in one order everywhere, so that no two wait for each other
    if not seen:
        return set()
    # RETURNING, because not every driver counts the rows that were inserted.
    added = await tx.scalars(
        upsert(tx, deliveries)
        .values([{"id": one, "received_at": now} for one in seen])
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(deliveries.c.id)
    )
    return set(added)


async def was_seen(tx: Transaction, delivery: str) -> bool:
    """Return whether a delivery is remembered."""
    found = await tx.scalar(select(deliveries.c.id).where(deliveries.c.id == delivery))
    return found is not None


async def forget_deliveries(tx: Transaction, before: datetime) -> None:
    """Forget the deliveries that can no longer come twice."""
    await tx.execute(delete(deliveries).where(deliveries.c.received_at < before))
