"""What people authorize in GitLab: codes on their way, and grants. Tokens come sealed."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update

from slackbot.store.database import Transaction, database_now, save_row
from slackbot.store.schema import DeviceCode, Grant, GrantState, device_codes, grants

RENEWAL = timedelta(seconds=60)
"""By then GitLab has renewed the tokens, or never will."""


@dataclass(frozen=True, kw_only=True)
class SealedCode:
    code: DeviceCode
    sealed: str


@dataclass(frozen=True, kw_only=True)
class SealedGrant:
    grant: Grant
    sealed: str


async def save_device_code(tx: Transaction, code: DeviceCode, sealed: str) -> None:
    """Replace the person's last one for the same."""
    await save_row(
        tx,
        device_codes,
        slack_user=code.slack_user,
        scope=code.scope,
        expires_at=code.expires_at,
        sealed=sealed,
        document=code,
    )


async def list_device_codes(tx: Transaction) -> list[SealedCode]:
    rows = await tx.execute(select(device_codes).order_by(device_codes.c.expires_at))
    return [SealedCode(code=row.document, sealed=row.sealed) for row in rows if row.document]


async def is_current(tx: Transaction, code: DeviceCode) -> bool:
    """Return whether the person has asked for no other since; others wait for the commit."""
    row = select(device_codes.c.document).where(*_is(code)).with_for_update()
    current: DeviceCode | None = await tx.scalar(row)
    return current is not None and current.digest == code.digest


async def forget_device_code(tx: Transaction, code: DeviceCode) -> None:
    """Keep a later one."""
    if await is_current(tx, code):
        await tx.execute(delete(device_codes).where(*_is(code)))


def _is(code: DeviceCode) -> tuple[ColumnElement[bool], ...]:
    return device_codes.c.slack_user == code.slack_user, device_codes.c.scope == code.scope


async def forget_unreadable_codes(tx: Transaction, now: datetime) -> None:
    """Forget what another release has left."""
    rows = await tx.execute(select(device_codes))
    lost = [row.slack_user for row in rows if row.document is None and row.expires_at <= now]
    await tx.execute(delete(device_codes).where(device_codes.c.slack_user.in_(lost)))


async def load_grant(tx: Transaction, slack_user: str, *, lock: bool = False) -> SealedGrant | None:
    query = select(grants).filter_by(slack_user=slack_user)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None or row.document is None:
        return None
    return SealedGrant(grant=row.document, sealed=row.sealed)


async def list_grants(tx: Transaction) -> list[SealedGrant]:
    rows = await tx.execute(select(grants).order_by(grants.c.slack_user))
    return [SealedGrant(grant=row.document, sealed=row.sealed) for row in rows if row.document]


async def save_grant(tx: Transaction, grant: Grant, sealed: str) -> None:
    await save_row(
        tx,
        grants,
        slack_user=grant.slack_user,
        account=grant.account,
        sealed=sealed,
        renewing_until=None,
        document=grant,
    )


async def begin_renewal(tx: Transaction, held: SealedGrant) -> bool:
    """Return whether the caller may renew these tokens: nobody else does, or has done it."""
    now = database_now(is_sqlite=tx.is_sqlite)
    is_free = or_(grants.c.renewing_until.is_(None), grants.c.renewing_until < now)
    begun = await tx.execute(
        update(grants)
        .where(grants.c.slack_user == held.grant.slack_user, grants.c.sealed == held.sealed)
        .where(is_free)
        .values(renewing_until=database_now(is_sqlite=tx.is_sqlite, ahead=RENEWAL))
        .returning(grants.c.slack_user)
    )
    return begun.one_or_none() is not None


async def give_up_renewal(tx: Transaction, held: SealedGrant) -> None:
    """GitLab has not acted: the next may try at once."""
    await tx.execute(
        update(grants)
        .where(grants.c.slack_user == held.grant.slack_user, grants.c.sealed == held.sealed)
        .values(renewing_until=None)
    )


async def change_grant(
    tx: Transaction, before: SealedGrant, grant: Grant, sealed: str | None = None
) -> bool:
    """Return whether it was done: not if its tokens are others by now."""
    changed = await tx.execute(
        update(grants)
        .where(grants.c.slack_user == before.grant.slack_user, grants.c.sealed == before.sealed)
        .values(document=grant, sealed=sealed or before.sealed, renewing_until=None)
        .returning(grants.c.slack_user)
    )
    return changed.one_or_none() is not None


async def forget_grant(tx: Transaction, held: SealedGrant) -> None:
    """Keep a later one."""
    await tx.execute(
        delete(grants).where(
            grants.c.slack_user == held.grant.slack_user, grants.c.sealed == held.sealed
        )
    )


async def forget_device_codes(tx: Transaction, users: Collection[str]) -> None:
    await tx.execute(delete(device_codes).where(device_codes.c.slack_user.in_(users)))


async def mark_leaving(tx: Transaction, slack_user: str) -> Grant | None:
    """From now on nobody uses it; it is revoked as soon as GitLab answers."""
    found = await load_grant(tx, slack_user, lock=True)
    if found is None:
        return None
    await change_grant(tx, found, replace(found.grant, state=GrantState.LEAVING))
    return found.grant


async def end_grants(tx: Transaction, who: str, users: Collection[str]) -> list[Grant]:
    """End what Slack users have granted, and forget their codes; or a GitLab username has."""
    own = who.casefold()
    theirs = {
        each.grant.slack_user
        for each in await list_grants(tx)
        if each.grant.slack_user in {who, *users} or each.grant.gitlab.casefold() == own
    }
    await forget_device_codes(tx, {who, *users, *theirs})
    ended = [await mark_leaving(tx, user) for user in sorted(theirs)]
    return [grant for grant in ended if grant is not None]
