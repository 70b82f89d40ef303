"""Queries on links between Slack and GitLab that people made themselves, and on their codes."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter
from sqlalchemy import delete, or_, select

from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import link_codes, links


@dataclass(frozen=True, kw_only=True)
class Link:
    """Somebody in Slack who has proved to be somebody in GitLab."""

    slack_user: str
    name: str
    gitlab: str
    """The GitLab username."""
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Code:
    """What a person was asked to leave in GitLab; of the code itself only a digest is kept."""

    slack_user: str
    name: str
    gitlab: str
    digest: str
    issued_at: datetime
    expires_at: datetime
    is_spent: bool = False
    """Whether the link holds already, and only the person has not been told for certain."""


class Outcome(StrEnum):
    """What became of a code that arrived."""

    LINKED = "linked"
    TAKEN = "taken"
    """Somebody else has been linked to the account meanwhile."""
    REPLACED = "replaced"
    """The person has asked for another code meanwhile."""


_LINK = TypeAdapter(Link)
_CODE = TypeAdapter(Code)


def digest_of(code: str) -> str:
    """Return what is kept of a code."""
    return hashlib.sha256(code.encode()).hexdigest()


def read_link(document: str) -> Link:
    """Read a link as it is kept; raises ``ValueError`` where it is none."""
    return _LINK.validate_json(document)


async def all_links(tx: Transaction) -> list[Link]:
    """List every link, by Slack user id."""
    rows = await tx.scalars(select(links.c.document).order_by(links.c.slack_user))
    return [read_link(document) for document in rows]


async def remove_link(tx: Transaction, who: str) -> list[Link]:
    """Remove the links of a Slack user id or a GitLab username, and open codes; list them."""
    is_theirs = or_(links.c.slack_user == who, links.c.gitlab == who.casefold())
    removed = await tx.scalars(delete(links).where(is_theirs).returning(links.c.document))
    found = [_LINK.validate_json(document) for document in removed]
    users = {who, *(link.slack_user for link in found)}
    await tx.execute(delete(link_codes).where(link_codes.c.slack_user.in_(users)))
    return found


async def save_code(tx: Transaction, code: Code) -> None:
    """Keep a code; a person has one at a time."""
    values = {"expires_at": code.expires_at, "document": _CODE.dump_json(code).decode()}
    await tx.execute(
        upsert(tx, link_codes)
        .values(slack_user=code.slack_user, **values)
        .on_conflict_do_update(index_elements=["slack_user"], set_=values)
    )


async def codes_since(tx: Transaction, moment: datetime) -> list[Code]:
    """List the codes that expire after a moment, and forget the others."""
    await tx.execute(delete(link_codes).where(link_codes.c.expires_at <= moment))
    rows = await tx.scalars(select(link_codes.c.document).order_by(link_codes.c.slack_user))
    return [_CODE.validate_json(document) for document in rows]


async def redeem(
    tx: Transaction, code: Code, now: datetime, taken: Collection[str] = ()
) -> Outcome:
    """Make the link of a code that has arrived, unless the account is somebody else's by now.

    Args:
        tx: A transaction.
        code: The code.
        now: The current moment, UTC.
        taken: Accounts that belong to others for another reason, folded to lower case.
    """
    row = select(link_codes.c.document).where(link_codes.c.slack_user == code.slack_user)
    current = await tx.scalar(row.with_for_update())
    if current is None or _CODE.validate_json(current) != code:
        return Outcome.REPLACED
    own = code.gitlab.casefold()
    holder = await tx.scalar(select(links.c.slack_user).where(links.c.gitlab == own))
    if own in taken or holder not in (None, code.slack_user):
        return Outcome.TAKEN
    link = Link(slack_user=code.slack_user, name=code.name, gitlab=code.gitlab, at=now)
    values = {"gitlab": own, "document": _LINK.dump_json(link).decode()}
    await tx.execute(
        upsert(tx, links)
        .values(slack_user=code.slack_user, **values)
        .on_conflict_do_update(index_elements=["slack_user"], set_=values)
    )
    await save_code(tx, replace(code, is_spent=True))
    return Outcome.LINKED


async def drop_code(tx: Transaction, code: Code) -> None:
    """Forget a code, unless the person has asked for another meanwhile."""
    row = select(link_codes.c.document).where(link_codes.c.slack_user == code.slack_user)
    current = await tx.scalar(row.with_for_update())
    if current is not None and _CODE.validate_json(current).digest == code.digest:
        await tx.execute(delete(link_codes).where(link_codes.c.slack_user == code.slack_user))
