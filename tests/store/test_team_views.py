"""What the record has, shown team by team."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, event

from slackbot.channel.views import Viewer
from slackbot.rules.request import IssueKey, Request, Triage, Wait
from slackbot.store import requests
from slackbot.store.changes import save_listed
from slackbot.store.engine.database import Database, Transaction
from tests.blocks.test_card import AVERY
from tests.store.test_triage import ONE
from tests.teams import team, teams

NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
EMEA, APAC, REST = team("emea"), team("apac"), team("rest", label=None)
VIEWER = Viewer(
    teams(EMEA, APAC, REST), lambda: NOW, gitlab="https://gitlab.example", permalink=lambda *_: None
)
RECORDED = {"emea": 4, "apac": 2, "rest": 1, "": 2, "gone": 1}
"""How many feedbacks have which team on record: none has an older release's."""
WAIT = Wait(what="a fix", until=NOW.date() + timedelta(days=1), by=AVERY, at=NOW)
COUNTS = {"emea": 4, "apac": 2, "rest": 4}


def feedback() -> Iterator[Request]:
    iid = 0
    for route, number in RECORDED.items():
        for _ in range(number):
            iid += 1
            yield replace(ONE, key=IssueKey(7, iid), route=route)


async def keep(tx: Transaction, **changes: Any) -> list[Request]:
    found = [replace(each, **changes) for each in feedback()]
    for each in found:
        await requests.save_request(tx, each)
    return found


@contextmanager
def counted(connection: Connection) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(connection, "before_cursor_execute", note)


async def test_no_more_of_a_teams_feedback_is_loaded_than_is_shown(database: Database) -> None:
    async with database.transaction() as tx:
        await keep(tx)
        for name, count in COUNTS.items():
            board = await VIEWER.board(tx, most_untriaged=1, route=name)
            assert [VIEWER.routes.named(each.request.route).name for each in board.triage] == [name]
            assert board.more_untriaged == count - 1
            share = VIEWER.share_of(name)
            assert len(await requests.list_untriaged_records(tx, 1, share)) == 1
            assert await requests.count_untriaged(tx, share) == count
        assert await requests.count_untriaged(tx) == sum(RECORDED.values())


async def test_each_feedback_is_of_one_team_as_its_card_is(database: Database) -> None:
    async with database.transaction() as tx:
        found = await keep(tx)
        own = {
            name: await VIEWER.of_team(tx, [each.key for each in found], name) for name in COUNTS
        }
        for each in found:
            team_of = VIEWER.routes.named(each.route).name
            assert [name for name, keys in own.items() if each.key in keys] == [team_of]


async def test_whose_many_feedbacks_are_is_one_question(database: Database) -> None:
    async with database.transaction() as tx:
        keys = [each.key for each in await keep(tx)]
        connection: Connection = await tx.run_sync(lambda each: each)
        with counted(connection) as asked:
            assert len(await VIEWER.of_team(tx, keys, "emea")) == COUNTS["emea"]
        assert len(asked) == 1
        assert await VIEWER.of_team(tx, [], "emea") == set()


async def test_all_that_a_team_sees_is_its_own(database: Database) -> None:
    async with database.transaction() as tx:
        await keep(tx, triage=Triage.LABELED)
        assert len((await VIEWER.board(tx, route="emea")).triage) == COUNTS["emea"]
        assert len(await VIEWER.to_close(tx, route="rest")) == COUNTS["rest"]
        await keep(tx, waits_on=WAIT)
        assert len(await VIEWER.dependent(tx, route="apac")) == COUNTS["apac"]


async def test_feedback_that_changes_the_team_is_counted_there(database: Database) -> None:
    async with database.transaction() as tx:
        await save_listed(tx, replace(ONE, route="emea"), EMEA.rules, NOW)
        assert await VIEWER.of_team(tx, [ONE.key], "emea") == {ONE.key}
        await requests.save_request(tx, replace(ONE, route="apac"))
        assert await VIEWER.of_team(tx, [ONE.key], "emea") == set()
        assert await VIEWER.of_team(tx, [ONE.key], "apac") == {ONE.key}
