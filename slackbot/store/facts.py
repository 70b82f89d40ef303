"""Queries on small things worth keeping: seen deliveries, the poll's place, labels, a catch-up."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import delete, select

from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import deliveries, facts

POLLED_UNTIL = "polled_until"
POLL_ENDED = "poll_ended"
LAST_IN_TURN = "last_in_turn"
LAST_FEEDBACK_IN_TURN = "last_feedback_in_turn"
FEEDBACKS_READ = "feedbacks_read"
"""Of what a reading of all open issues has noted those that await triage, too."""
PROJECT = "project"
SLACK_TEAM = "slack_team"
"""Which Slack workspace is ours: who clicks must not have to wait until Slack tells it again."""
FEEDBACK_LABELS = "feedback_labels"
CATCH_UP = "catch_up"
CARDS_ADOPTED = "cards_adopted"
"""Set once the channel has been searched for cards that the record may not know."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """How far the poll has read, and of what."""

    until: datetime
    """GitLab's own time, UTC."""
    about: str
    reached_at: datetime | None = None
    """When the poll came this far, by the bot's clock."""
    is_first: bool = False
    """Whether this is the first reading still, in which only open issues matter."""
    read: int = 0
    """How many issues the reading under way has seen."""
    found: int = 0
    """How many of them ask for contact and are new to the record."""


@dataclass(frozen=True, kw_only=True)
class KnownProject:
    """The feedback project, as the last poll found it."""

    id: int
    path: str


@dataclass(frozen=True, kw_only=True)
class CatchUp:
    """Many requests were found at once; all moments are UTC, by the bot's clock.

    Those that are due much later wait for their cards; a summary tells of them meanwhile.
    """

    key: str
    """By which the summary is found again in Slack: the moment when the first reading began."""
    at: datetime
    """When the reading began that found them."""
    since: datetime | None
    """When the poll before that ended; ``None`` at the first start."""
    posting_since: datetime | None = None
    """Set while the summary may have reached Slack without our knowing."""
    is_told: bool = False
    later: frozenset[str] = frozenset()
    """Of which requests the summary says that they are due later."""

    @property
    def begun_at(self) -> datetime:
        """When the first reading began; a later one may have gone on where it broke off."""
        return datetime.fromisoformat(self.key)


_PLACE = TypeAdapter(Place)
_PROJECT = TypeAdapter(KnownProject)
_CATCH_UP = TypeAdapter(CatchUp)
_LABELS = TypeAdapter(dict[str, str])


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


async def was_seen(tx: Transaction, delivery: str) -> bool:
    """Tell whether a delivery is remembered."""
    found = await tx.scalar(select(deliveries.c.id).where(deliveries.c.id == delivery))
    return found is not None


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


async def save_team(tx: Transaction, team: str) -> None:
    """Note which Slack workspace is ours."""
    if await load_fact(tx, SLACK_TEAM) != team:
        await save_fact(tx, SLACK_TEAM, team)


async def load_place(tx: Transaction) -> Place | None:
    """Return how far the poll has read; ``None`` before the first time."""
    value = await load_fact(tx, POLLED_UNTIL)
    return None if value is None else _PLACE.validate_json(value)


async def save_place(tx: Transaction, place: Place) -> None:
    """Note how far the poll has read."""
    await save_fact(tx, POLLED_UNTIL, _PLACE.dump_json(place).decode())


async def load_poll_end(tx: Transaction, about: str) -> datetime | None:
    """Return when a poll of this last came to its end, by the bot's clock; ``None`` if never."""
    moment, _, what = (await load_fact(tx, POLL_ENDED) or "").partition(" ")
    return datetime.fromisoformat(moment) if moment and what == about else None


async def save_poll_end(tx: Transaction, about: str, now: datetime) -> None:
    """Note that a poll has come to its end, and of what."""
    await save_fact(tx, POLL_ENDED, f"{now.isoformat()} {about}")


async def load_turn(tx: Transaction, name: str = LAST_IN_TURN) -> int:
    """Return the number of the issue whose turn it was last to be looked at; 0 for none."""
    return int(await load_fact(tx, name) or 0)


async def save_turn(tx: Transaction, iid: int, name: str = LAST_IN_TURN) -> None:
    """Note whose turn it was."""
    await save_fact(tx, name, str(iid))


async def load_project(tx: Transaction) -> KnownProject | None:
    """Return the feedback project; ``None`` before the first poll."""
    value = await load_fact(tx, PROJECT)
    return None if value is None else _PROJECT.validate_json(value)


async def save_project(tx: Transaction, project: KnownProject) -> None:
    """Note which project it is."""
    if await load_project(tx) != project:
        await save_fact(tx, PROJECT, _PROJECT.dump_json(project).decode())


async def load_catch_up(tx: Transaction) -> CatchUp | None:
    """Return the latest catch-up, ``None`` if there never was one."""
    value = await load_fact(tx, CATCH_UP)
    return None if value is None else _CATCH_UP.validate_json(value)


async def save_catch_up(tx: Transaction, catch_up: CatchUp) -> None:
    """Note how far a catch-up has come."""
    await save_fact(tx, CATCH_UP, _CATCH_UP.dump_json(catch_up).decode())


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
