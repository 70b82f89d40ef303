"""Look up the GitLab accounts of people who ask what is theirs."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from slackbot.people.directory import Directory
from slackbot.people.identities import Identities
from slackbot.platforms.errors import PlatformError
from slackbot.rules.request import Person
from slackbot.store.changes import announce_queue
from slackbot.store.engine.away import RecordAway
from slackbot.store.engine.database import Record

log = structlog.get_logger()

AFTER_SEARCH = timedelta(hours=1)
"""Before a person who was not found is looked for again."""
AFTER_TROUBLE = timedelta(minutes=1)
"""The same where GitLab did not answer."""


class AccountSearch:
    """No job: a restart loses nothing, because people ask again."""

    def __init__(self, record: Record, identities: Identities, directory: Directory) -> None:
        self._record, self._identities, self._directory = record, identities, directory
        self._wanted: asyncio.Queue[Person] = asyncio.Queue()
        self._resting: dict[str, datetime] = {}

    def seek(self, person: Person) -> None:
        now = self._record.now()
        # One further ahead was set while the clock was wrong.
        self._resting = {
            user: until
            for user, until in self._resting.items()
            if now < until <= now + AFTER_SEARCH
        }
        user = person.slack_user
        if user is None or user in self._resting or not self._identities.latest.needs_account(user):
            return
        self._resting[user] = now + AFTER_SEARCH
        self._wanted.put_nowait(person)

    async def run(self) -> None:
        while True:
            person = await self._wanted.get()
            try:
                await self._search(person)
            except (PlatformError, RecordAway) as error:
                log.warning("account_not_looked_up", problem=type(error).__name__)
                self._try_soon(person)
            except Exception:
                # A fault of ours: go on with the others.
                log.exception("account_search_failed")
                self._try_soon(person)

    def _try_soon(self, person: Person) -> None:
        self._resting[person.slack_user or ""] = self._record.now() + AFTER_TROUBLE

    async def _search(self, person: Person) -> None:
        """Ignore an older match; render homes if the account is new."""
        account = await self._directory.account(replace(person, gitlab=None))
        if (account.username if account else None) == person.gitlab:
            return
        async with self._record.transaction() as tx:
            announce_queue(tx, self._record.now())
