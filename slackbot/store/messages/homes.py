"""The App Homes that people have open."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, select, update

from slackbot.store.engine.database import Transaction, upsert
from slackbot.store.schema import HomeChoice, homes


@dataclass(frozen=True, kw_only=True)
class OpenHome:
    user: str
    opened_at: datetime
    version: int
    painted: int
    chosen: HomeChoice
    rendering_since: datetime | None = None
    """As ``Card.rendering_since``."""

    @property
    def is_awaited(self) -> bool:
        """The person has just opened it or clicked on it."""
        return self.version != self.painted


async def save_opened(
    tx: Transaction, user: str, team: str, now: datetime, asked: str | None = None
) -> None:
    """Note that a person waits for it now; ``asked`` as ``None`` keeps the choice."""
    changes = {"opened_at": now, "version": homes.c.version + 1}
    chosen = HomeChoice(team=team, asked=asked or "")
    if asked is not None:
        changes["document"] = chosen
    await tx.execute(
        upsert(tx, homes)
        .values(slack_user=user, opened_at=now, version=1, painted=0, document=chosen)
        .on_conflict_do_update(index_elements=["slack_user"], set_=changes)
    )


async def list_opened_since(tx: Transaction, moment: datetime) -> list[OpenHome]:
    rows = await tx.execute(
        select(homes).where(homes.c.opened_at >= moment).order_by(homes.c.opened_at.desc())
    )
    found = [
        OpenHome(
            user=row.slack_user,
            opened_at=row.opened_at,
            version=row.version,
            painted=row.painted,
            chosen=row.document,
            rendering_since=row.rendering_since,
        )
        for row in rows
        if row.document is not None
    ]
    return sorted(found, key=lambda home: not home.is_awaited)


async def note_rendering(tx: Transaction, user: str, since: datetime | None) -> None:
    """Note ``None`` if certainly none is on its way."""
    await tx.execute(update(homes).where(homes.c.slack_user == user).values(rendering_since=since))


async def save_published(tx: Transaction, home: OpenHome, checksum: str) -> None:
    """Keep a choice made meanwhile."""
    is_theirs = homes.c.slack_user == home.user
    chosen = await tx.scalar(select(homes.c.document).where(is_theirs).with_for_update())
    if chosen is None:
        return
    values = {"document": replace(chosen, checksum=checksum), "painted": home.version}
    await tx.execute(update(homes).where(is_theirs).values(**values))


async def forget_home(tx: Transaction, user: str) -> None:
    await tx.execute(delete(homes).where(homes.c.slack_user == user))


async def forget_homes(tx: Transaction, before: datetime) -> None:
    await tx.execute(delete(homes).where(homes.c.opened_at < before))
