"""The line about reminders that came too late for the channel."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.channel.reminders import GATHERING, GapNotice
from slackbot.health import Health
from slackbot.platforms.slack.client import SlackClient
from slackbot.platforms.slack.outbox import Outbox
from slackbot.rules.request import IssueKey
from slackbot.store.engine.database import Database, Record
from slackbot.store.messages import reminders
from tests.conftest import MovableClock
from tests.teams import team, teams


@pytest.fixture
async def record(tmp_path: Path, clock: MovableClock) -> AsyncIterator[Record]:
    database = Database(f"sqlite:///{tmp_path / 'ssat-bot.db'}")
    await database.open()
    yield Record(database, clock)
    await database.close()


async def test_nobody_waits_for_a_day_for_what_a_fast_clock_has_noted(
    record: Record, clock: MovableClock
) -> None:
    outbox = Outbox(record, SlackClient(AsyncWebClient()), Health())
    notice = GapNotice(record, outbox, teams(team()))
    clock.forward(days=1)
    async with record.transaction() as tx:
        await reminders.note_missed(tx, "remind:7/12:1:24h", IssueKey(7, 12), record.now())
    assert await notice.reconcile() is not None  # there may be more
    clock.forward(days=-1)
    clock.forward(seconds=(GATHERING + timedelta(seconds=1)).total_seconds())
    assert await notice.reconcile() is None
