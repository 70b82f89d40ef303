"""What people authorize in GitLab: codes on their way, and grants. Tokens come sealed."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, select, update

from slackbot.store.engine.database import Transaction, database_now, save_row
from slackbot.store.people import forget_links, list_links
from slackbot.store.schema import (
    DeviceCode,
    Grant,
    GrantScope,
    GrantState,
    Link,
    device_codes,
    grants,
)

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

    @property
    def is_aside(self) -> bool:
        """Return whether these are only tokens to be revoked, and nobody's grant."""
        return self.grant.slack_user == self.grant.id.hex


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
    """Replace the person's last one; ``set_aside`` it before."""
    await save_row(
        tx,
        grants,
        slack_user=grant.slack_user,
        account=grant.account,
        sealed=sealed,
        renewing_until=None,
        document=grant,
    )


async def set_aside(tx: Transaction, held: SealedGrant, now: datetime) -> None:
    """Keep tokens that the bot no longer uses, until they are revoked; safe to repeat."""
    grant, own = held.grant, held.grant.id.hex
    leaving = replace(grant, slack_user=own, state=GrantState.LEAVING, left_at=now)
    await save_grant(tx, leaving, held.sealed)


async def set_aside_code(tx: Transaction, spent: SealedCode, now: datetime) -> None:
    code = spent.code
    number = UUID(code.digest[:32])
    grant = Grant(
        id=number,
        slack_user=number.hex,
        name=code.name,
        gitlab=code.gitlab or "",
        account=0,
        at=now,
        expires_at=now,
    )
    await set_aside(tx, SealedGrant(grant=grant, sealed=spent.sealed), now)


async def begin_renewal(tx: Transaction, held: SealedGrant) -> bool:
    """Return whether the caller may renew these tokens.

    Not if somebody else does, or has done it; nor if the person has taken them back.
    """
    if await _load_in_use(tx, held) is None:
        return False
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


async def end_renewal(
    tx: Transaction, held: SealedGrant, sealed: str, expires_at: datetime
) -> SealedGrant | None:
    """Return the grant with its new tokens, if it is still there; who has left it has left."""
    current = await _load_unchanged(tx, held)
    if current is None:
        return None
    grant = replace(current.grant, expires_at=expires_at)
    if grant.state is GrantState.ENDED:  # another job has met the former tokens
        grant = replace(grant, state=GrantState.VALID, issue=None)
    await tx.execute(
        update(grants)
        .where(grants.c.slack_user == grant.slack_user)
        .values(document=grant, sealed=sealed, renewing_until=None)
    )
    return SealedGrant(grant=grant, sealed=sealed)


async def change_grant(
    tx: Transaction, held: SealedGrant, change: Callable[[Grant], Grant]
) -> bool:
    """Change the grant as it is by now; tokens and their renewal stay.

    Return whether it was done: not if its tokens are others by now, nor once its person has taken
    it back.
    """
    current = await _load_in_use(tx, held)
    if current is not None:
        await _write(tx, change(current.grant))
    return current is not None


async def forget_grant(tx: Transaction, held: SealedGrant) -> None:
    """Keep a later one, and one of which something else has become."""
    current = await _load_unchanged(tx, held)
    if current is not None and current.grant.state is held.grant.state:
        await tx.execute(delete(grants).where(grants.c.slack_user == held.grant.slack_user))


async def _load_unchanged(tx: Transaction, held: SealedGrant) -> SealedGrant | None:
    """Lock the grant, if it still has these tokens."""
    current = await load_grant(tx, held.grant.slack_user, lock=True)
    return current if current is not None and current.sealed == held.sealed else None


async def _load_in_use(tx: Transaction, held: SealedGrant) -> SealedGrant | None:
    current = await _load_unchanged(tx, held)
    has_left = current is not None and current.grant.state is GrantState.LEAVING
    return None if has_left else current


async def _write(tx: Transaction, grant: Grant) -> None:
    await tx.execute(
        update(grants).where(grants.c.slack_user == grant.slack_user).values(document=grant)
    )


async def forget_device_codes(tx: Transaction, users: Collection[str], now: datetime) -> None:
    """Forget what people were asked; others wait for the commit."""
    await _forget_codes(tx, device_codes.c.slack_user.in_(users), now)


async def forget_other_codes(tx: Transaction, code: DeviceCode, now: datetime) -> None:
    own, scope = device_codes.c.slack_user == code.slack_user, device_codes.c.scope != code.scope
    await _forget_codes(tx, own & scope, now)


async def _forget_codes(tx: Transaction, which: ColumnElement[bool], now: datetime) -> None:
    gone = delete(device_codes).where(which)
    rows = await tx.execute(gone.returning(device_codes.c.document, device_codes.c.sealed))
    for row in rows.all():
        code: DeviceCode | None = row.document
        if code is not None and code.is_spent and not is_granted(code):
            await set_aside_code(tx, SealedCode(code=code, sealed=row.sealed), now)


def is_granted(code: DeviceCode) -> bool:
    """Return whether its tokens are a grant by now: only to tell the person is left."""
    return code.scope is GrantScope.ACT and code.gitlab is not None


async def mark_leaving(tx: Transaction, slack_user: str, now: datetime) -> Grant | None:
    """From now on nobody uses it; it is revoked as soon as GitLab answers."""
    found = await load_grant(tx, slack_user, lock=True)
    if found is None:
        return None
    left_at = found.grant.left_at or now
    await _write(tx, replace(found.grant, state=GrantState.LEAVING, left_at=left_at))
    return found.grant


async def take_back(tx: Transaction, who: str, now: datetime) -> tuple[list[Link], list[Grant]]:
    """End links and grants of a Slack user id or GitLab username, and forget their codes.

    Codes come first: what is being made of one is on record before it can be forgotten, or never.
    """
    own = who.casefold()
    linked = [each for each in await list_links(tx) if each.gitlab.casefold() == own]
    users = {who, *(each.slack_user for each in linked)}
    await forget_device_codes(tx, users, now)
    links = await forget_links(tx, who)
    users |= {each.slack_user for each in links}
    theirs = {
        each.grant.slack_user
        for each in await list_grants(tx)
        if each.grant.slack_user in users or each.grant.gitlab.casefold() == own
        if not each.is_aside
    }
    await forget_device_codes(tx, theirs, now)
    ended = [await mark_leaving(tx, user, now) for user in sorted(theirs)]
    return links, [grant for grant in ended if grant is not None]
