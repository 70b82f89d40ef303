"""The App Homes that people have open."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, select, update

from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import HomeChoice, homes


@dataclass(frozen=True, kw_only=True)
class Home:
    """The App Home of a person who has opened it lately."""

    user: str
    opened_at: datetime
    version: int
    painted: int
    chosen: HomeChoice
    rendering_since: datetime | None = None
    """Set while a rendering may still reach Slack unnoticed, over what came after it."""

    @property
    def is_awaited(self) -> bool:
        """Whether the person has just opened it or clicked on it, and waits."""
        return self.version != self.painted


async def save_opened(
    tx: Transaction, user: str, team: str, now: datetime, asked: str | None = None
) -> None:
    """Note that a person looks at their home now and waits for it.

    Args:
        tx: A transaction.
        user: The Slack user id.
        team: The Slack team id.
        now: The current moment, UTC.
        asked: What the person has just chosen to see; ``None`` leaves the choice as it is.
    """
    changes = {"opened_at": now, "version": homes.c.version + 1}
    chosen = HomeChoice(team=team, asked=asked or "")
    if asked is not None:
        changes["document"] = chosen
    await tx.execute(
        upsert(tx, homes)
        .values(slack_user=user, opened_at=now, version=1, painted=0, document=chosen)
        .on_conflict_do_update(index_elements=["slack_user"], set_=changes)
    )


async def list_opened_since(tx: Transaction, moment: datetime) -> list[Home]:
    """List the homes that were opened since a moment: first those that a person waits for."""
    rows = await tx.execute(
        select(homes).where(homes.c.opened_at >= moment).order_by(homes.c.opened_at.desc())
    )
    found = [
        Home(
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
    """Note since when a rendering may reach Slack; ``None`` if certainly none is on its way."""
    await tx.execute(update(homes).where(homes.c.slack_user == user).values(rendering_since=since))


async def save_published(tx: Transaction, home: Home, checksum: str) -> None:
    """Save what a home shows; a choice made meanwhile is kept."""
    is_theirs = homes.c.slack_user == home.user
    chosen = await tx.scalar(select(homes.c.document).where(is_theirs).with_for_update())
    if chosen is None:
        return
    values = {"document": replace(chosen, checksum=checksum), "painted": home.version}
    await tx.execute(update(homes).where(is_theirs).values(**values))


async def forget_home(tx: Transaction, user: str) -> None:
    """Forget a home until it is opened again."""
    await tx.execute(delete(homes).where(homes.c.slack_user == user))


async def forget_homes(tx: Transaction, before: datetime) -> None:
    """Forget the homes that were last opened before a moment."""
    await tx.execute(delete(homes).where(homes.c.opened_at < before))
