"""Who was found by e-mail to be whom: for all replicas and over restarts; no proof, as a link is.

A find is believed for some days, and looked up again long before that wherever it is of use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import delete, select

from slackbot.clock import Clock
from slackbot.store.database import Database, Transaction
from slackbot.store.facts import save_fact
from slackbot.store.schema import facts

FRESH = timedelta(days=1)
"""How long a find is not looked up again."""
BELIEVED = timedelta(days=7)
"""How long a find counts that could not be looked up again, or that nobody has needed since."""

_NAME = "found_by_email:"


@dataclass(frozen=True, kw_only=True)
class Find:
    """Somebody in Slack whose e-mail is that of an account in GitLab."""

    slack_user: str
    gitlab: str
    """The GitLab username."""
    at: datetime
    """When it was last looked up, UTC."""


_FIND = TypeAdapter(Find)


async def all_finds(tx: Transaction) -> list[Find]:
    """List every find, by Slack user id, be it believed still or not."""
    is_find = facts.c.name.startswith(_NAME, autoescape=True)
    rows = await tx.scalars(select(facts.c.value).where(is_find).order_by(facts.c.name))
    return [_FIND.validate_json(value) for value in rows]


async def save_find(tx: Transaction, find: Find) -> None:
    """Keep a find, and forget what it contradicts and what is believed no more."""
    own = find.gitlab.casefold()
    for other in await all_finds(tx):
        if other.gitlab.casefold() == own or other.at <= find.at - BELIEVED:
            await drop_find(tx, other.slack_user)
    await save_fact(tx, f"{_NAME}{find.slack_user}", _FIND.dump_json(find).decode())


async def drop_find(tx: Transaction, slack_user: str) -> None:
    """Forget who somebody was found to be."""
    await tx.execute(delete(facts).where(facts.c.name == f"{_NAME}{slack_user}"))


class Finds:
    """The finds of the record, as those need them who look people up."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def read(self) -> Mapping[str, Find]:
        """Return what is believed, by Slack user id."""
        async with self._database.transaction() as tx:
            finds = await all_finds(tx)
        since = self._clock() - BELIEVED
        return {find.slack_user: find for find in finds if find.at > since}

    def is_fresh(self, find: Find) -> bool:
        """Tell whether a find need not be looked up again."""
        return find.at > self._clock() - FRESH

    async def note(self, slack_user: str, username: str | None) -> None:
        """Keep what was just looked up: the account's username, ``None`` if there is none."""
        async with self._database.transaction() as tx:
            if username is None:
                await drop_find(tx, slack_user)
            else:
                find = Find(slack_user=slack_user, gitlab=username, at=self._clock())
                await save_find(tx, find)
