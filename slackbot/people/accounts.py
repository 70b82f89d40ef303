"""Look for the GitLab accounts of those who ask what is theirs, when they have been answered."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from slackbot.people.directory import People
from slackbot.platforms.errors import PlatformError
from slackbot.rules.request import Person
from slackbot.store.changes import announce_queue
from slackbot.store.database import Record

log = structlog.get_logger()

AFTER_SEARCH = timedelta(hours=1)
"""How long somebody who was not found is not looked for again, however often they ask."""
AFTER_TROUBLE = timedelta(minutes=1)
"""The same where GitLab did not answer, so that nobody was taken for unknown."""


class AccountSearch:
    """Looks for one after the other, in the background; what is found is kept as a find.

    No job: a person who asks again is looked for again, so a restart loses nothing.
    """

    def __init__(self, record: Record, people: People) -> None:
        self._record, self._people = record, people
        self._wanted: asyncio.Queue[Person] = asyncio.Queue()
        self._resting: dict[str, datetime] = {}

    def seek(self, person: Person) -> None:
        """Have somebody looked for who is not known in GitLab; asks nobody, and returns at once."""
        now = self._record.now()
        # One that lies further ahead was set while the clock was wrong.
        self._resting = {
            user: until
            for user, until in self._resting.items()
            if now < until <= now + AFTER_SEARCH
        }
        user = person.slack_user
        if user is None or user in self._resting or not self._people.is_to_be_found(user):
            return
        self._resting[user] = now + AFTER_SEARCH
        self._wanted.put_nowait(person)

    async def run(self) -> None:
        """Look for whoever is wanted, until cancelled."""
        while True:
            person = await self._wanted.get()
            try:
                await self._search(person)
            except PlatformError as error:
                log.warning("account_not_looked_up", problem=type(error).__name__)
                self._try_soon(person)
            except Exception:
                # A fault of ours, or the database is away: the others are looked for all the same.
                log.exception("account_search_failed")
                self._try_soon(person)

    def _try_soon(self, person: Person) -> None:
        self._resting[person.slack_user or ""] = self._record.now() + AFTER_TROUBLE

    async def _search(self, person: Person) -> None:
        """Look by e-mail, past what an older find says; let open homes follow what it tells."""
        account = await self._people.account(replace(person, gitlab=None))
        if (account.username if account else None) == person.gitlab:
            return
        async with self._record.transaction() as tx:
            await announce_queue(tx, self._record.now())
