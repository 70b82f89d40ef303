"""A town's bot of which nothing runs by itself: a test does one job at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from slackbot.app import Services, connect, make_works
from slackbot.local.gitlab import Issue
from slackbot.local.slack import User
from slackbot.rules.request import IssueKey, Person
from slackbot.store.engine.database import Database, Record
from slackbot.store.jobs import IssueQueue, Job, Queue
from slackbot.store.people import save_turn
from slackbot.store.schema import OnDuty, errands
from tests.conftest import MovableClock
from tests.town import Town
from tests.town import town as build_town

ALL_ON = {
    "ssat_reminders": "24,12,4,1",
    "ssat_quiet_hours": "off",
    "ssat_digest": "09:00",
    "ssat_stats_channel": "#support_escalations",
    "ssat_kudos_channel": "#support_escalations",
    "ssat_close_good": True,
    "gitlab_oauth_client_id": "an-application",
}
NO_ISSUE = IssueKey(0, 0)
POSTS = ("chat.postMessage", "views.publish")


class Place:
    """A town, the record, and what does the jobs."""

    def __init__(self, town: Town, database: Database, services: Services) -> None:
        self.town, self.database, self.services = town, database, services
        self._works = {work.queue: work for work in make_works(services)}

    def key(self, issue: Issue) -> IssueKey:
        return IssueKey(self.town.project.id, issue.iid)

    async def do(self, queue: Queue, key: IssueKey = NO_ISSUE) -> datetime | None:
        job = Job(queue=queue, key=key, wanted=1, attempts=1, owner="test")
        return await self._works[queue].reconcile(job)

    async def requested(self) -> IssueKey:
        """Have a request on record."""
        key = self.key(self.town.feedback())
        await self.do(IssueQueue.SYNC, key)
        return key

    async def shown(self) -> IssueKey:
        """Have a request whose card stands."""
        key = await self.requested()
        await self.do(IssueQueue.CARD, key)
        assert len(self.town.cards) == 1
        return key

    async def nothing_left_to_do(self) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(delete(errands))

    async def on_duty(self, *users: User) -> None:
        people = tuple(person(each) for each in users)
        async with self.database.transaction() as tx:
            turn = OnDuty(people=people, source="the people file") if people else None
            await save_turn(tx, "", turn, self.town.clock())

    def posted(self) -> int:
        """How many times the bot has added or changed something in one of the platforms."""
        slack = sum(each.method in POSTS for each in self.town.slack.requests)
        return slack + sum(each.method != "GET" for each in self.town.gitlab.requests)


def person(user: User) -> Person:
    return Person(name=user.real_name, slack_team=user.team_id, slack_user=user.id, gitlab="avery")


@asynccontextmanager
async def place_at(
    clock: MovableClock, folder: Path, database_url: str, **changes: Any
) -> AsyncIterator[Place]:
    """Put everything together that the bot is made of, with some settings changed."""
    database = Database(database_url)
    await database.open()
    async with build_town(clock, folder, database_url) as town:
        settings = town.set_up(**(ALL_ON | changes))
        async with connect(settings, town.speed) as clients:
            yield Place(town, database, Services(settings, clients, Record(database, clock)))
        town.check()
    await database.close()
