"""Queries on the App Homes that people have open."""

from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Row, delete, select, update

from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import homes


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a home shows, and what it showed when last published."""

    team: str
    asked: str = ""
    """What the person chose to see, as they would type it."""
    checksum: str = ""
    """Of what was published last: the same is not published again."""


@dataclass(frozen=True, kw_only=True)
class Home:
    """The home of a person who has opened it lately."""

    user: str
    opened_at: datetime
    version: int
    painted: int
    chosen: Chosen

    @property
    def is_awaited(self) -> bool:
        """Whether the person has just opened it or clicked on it."""
        return self.version != self.painted


_CHOSEN = TypeAdapter(Chosen)


async def note_opened(tx: Transaction, user: str, team: str, now: datetime) -> None:
    """Note that a person looks at their home now, and waits for it."""
    values = {"opened_at": now, "version": 1, "painted": 0}
    await tx.execute(
        upsert(tx, homes)
        .values(slack_user=user, document=_dumped(Chosen(team=team)), **values)
        .on_conflict_do_update(
            index_elements=["slack_user"],
            set_={"opened_at": now, "version": homes.c.version + 1},
        )
    )


async def choose(tx: Transaction, user: str, team: str, asked: str, now: datetime) -> None:
    """Note what a person wants to see on their home."""
    await note_opened(tx, user, team, now)
    home = await _load(tx, user)
    if home is not None:
        await _save(tx, user, replace(home.chosen, asked=asked))


async def opened_since(tx: Transaction, moment: datetime) -> list[Home]:
    """List the homes that were opened since a moment: those first that somebody waits for."""
    rows = await tx.execute(
        select(homes).where(homes.c.opened_at >= moment).order_by(homes.c.opened_at.desc())
    )
    found = [_home(row) for row in rows]
    return sorted(found, key=lambda home: not home.is_awaited)


async def note_published(tx: Transaction, home: Home, checksum: str) -> None:
    """Note what a home shows; what was chosen meanwhile stays so."""
    now = await _load(tx, home.user)
    if now is None:
        return
    await _save(tx, home.user, replace(now.chosen, checksum=checksum))
    await tx.execute(
        update(homes).where(homes.c.slack_user == home.user).values(painted=home.version)
    )


async def _load(tx: Transaction, user: str) -> Home | None:
    query = select(homes).where(homes.c.slack_user == user).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    return _home(row) if row else None


async def _save(tx: Transaction, user: str, chosen: Chosen) -> None:
    await tx.execute(
        update(homes).where(homes.c.slack_user == user).values(document=_dumped(chosen))
    )


async def forget_home(tx: Transaction, user: str) -> None:
    """Forget a home that cannot be published, until it is opened again."""
    await tx.execute(delete(homes).where(homes.c.slack_user == user))


async def forget_homes(tx: Transaction, before: datetime) -> None:
    """Forget the homes that nobody has opened since a moment."""
    await tx.execute(delete(homes).where(homes.c.opened_at < before))


def _home(row: Row[tuple[object, ...]]) -> Home:
    return Home(
        user=row.slack_user,
        opened_at=row.opened_at,
        version=row.version,
        painted=row.painted,
        chosen=_CHOSEN.validate_json(row.document),
    )


def _dumped(chosen: Chosen) -> str:
    return _CHOSEN.dump_json(chosen).decode()
