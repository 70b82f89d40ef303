"""Which rows a period's figures are made from."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from slackbot.rules.decision import Channel, Decision, MarkContacted
from slackbot.rules.request import IssueKey, Request, State
from slackbot.rules.timing.deadline import ALWAYS
from slackbot.store import decisions, stats
from slackbot.store.engine.database import Database, Record
from slackbot.store.requests import save_request
from slackbot.store.stats import feedback_between
from tests.store.test_record import AVERY, NOW, RULES, WAITING

SINCE, UNTIL = NOW, NOW + timedelta(days=7)
DAY = timedelta(days=1)


@pytest.fixture
def record(database: Database) -> Record:
    return Record(database, lambda: NOW)


def asked(iid: int, at: datetime, created_at: datetime | None = None) -> Request:
    due_at = ALWAYS.add(at, RULES.deadline)
    key = IssueKey(7, iid)
    return replace(WAITING, key=key, asked_at=at, due_at=due_at, created_at=created_at)


async def save(record: Record, *found: Request) -> None:
    async with record.transaction() as tx:
        for each in found:
            await save_request(tx, each)


async def read(record: Record) -> list[int]:
    found = [each async for each in feedback_between(record, SINCE, UNTIL, RULES)]
    return [each.key.iid for each in found]


async def test_what_was_asked_for_in_the_period_is_read_and_what_ended_long_before_is_not(
    record: Record,
) -> None:
    await save(
        record,
        asked(1, SINCE - 30 * DAY),
        asked(2, SINCE),
        asked(3, UNTIL - timedelta(seconds=1)),
        asked(4, SINCE, created_at=SINCE - 90 * DAY),  # long after the feedback
    )
    assert await read(record) == [2, 3, 4]


async def test_pages_follow_each_other_without_a_gap(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(record, *(asked(iid, SINCE) for iid in range(1, 2 * stats.PAGE + 2)))
    assert await read(record) == list(range(1, 2 * stats.PAGE + 2))


async def test_a_choice_that_gitlab_lacks_counts_as_made(record: Record) -> None:
    await save(record, asked(1, SINCE))
    action = MarkContacted(channel=Channel.CALL, text=None, at=SINCE + DAY)
    decision = Decision(id=uuid4(), key=IssueKey(7, 1), by=AVERY, at=NOW, action=action)
    async with record.transaction() as tx:
        await decisions.add_decision(tx, decision, "click")
    [found] = [each async for each in feedback_between(record, SINCE, UNTIL, RULES)]
    assert found.state is State.CONTACTED
