"""A document that cannot be read costs no other, unless a rebuild restores it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table, Text, literal, update

from slackbot.rules.request import IssueKey
from slackbot.rules.timing.reminders import Snooze
from slackbot.store import decisions, people, requests, schema
from slackbot.store.engine.database import Database, Transaction
from slackbot.store.messages import homes
from slackbot.store.schema import OnDuty, UnreadableError
from tests.store import test_record
from tests.store.test_people import AVERY, BLAKE, CASEY, NOW, TURN

Write = Callable[[Transaction], Awaitable[object]]
Ask = Callable[[Transaction], Awaitable[Sequence[Any] | None]]

SNOOZE = Snooze(by=AVERY, at=NOW, until=NOW, reason="Soon.", asked_at=NOW, interaction="1.2")


async def link(tx: Transaction) -> None:
    await people.save_code(tx, CASEY)
    await people.redeem_code(tx, CASEY, NOW)
    await people.save_code(tx, BLAKE)


async def take_turns(tx: Transaction) -> None:
    await people.save_turn(tx, "", TURN, NOW)
    await people.save_turn(tx, "", OnDuty(people=(), source="PagerDuty"), NOW)


async def snooze(tx: Transaction) -> None:
    await requests.save_snooze(tx, IssueKey(7, 1), SNOOZE)


async def snoozes(tx: Transaction) -> list[Snooze]:
    found = await requests.load_snooze(tx, IssueKey(7, 1))
    return [found] if found else []


async def decide(tx: Transaction) -> None:
    await decisions.add_decision(tx, test_record.decided(test_record.CONTACT), "1.2")


LENIENT = {
    "a link": (link, schema.links, people.list_links),
    "a code": (link, schema.link_codes, lambda tx: people.list_codes(tx, NOW)),
    "a turn": (take_turns, schema.duty_turns, lambda tx: people.list_turns_since(tx, "", NOW)),
    "a snooze": (snooze, schema.snoozes, snoozes),
    "a home": (
        lambda tx: homes.save_opened(tx, "U1", "T1", NOW),
        schema.homes,
        lambda tx: homes.list_opened_since(tx, NOW),
    ),
    "a decision of before": (
        decide,
        schema.decisions,
        lambda tx: decisions.list_decisions_between(
            tx, NOW - timedelta(days=9), NOW + timedelta(days=9)
        ),
    ),
}


@pytest.mark.parametrize(("write", "table", "ask"), LENIENT.values(), ids=LENIENT)
async def test_what_cannot_be_read_is_left_out_of_lists(
    database: Database, write: Write, table: Table, ask: Ask
) -> None:
    async with database.transaction() as tx:
        await write(tx)
        assert await ask(tx)
        await spoil(tx, table)
        assert await ask(tx) == []


async def test_a_home_that_cannot_be_read_is_replaced_by_the_next_choice(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await homes.save_opened(tx, "U1", "T1", NOW)
        await spoil(tx, schema.homes)
        await homes.save_opened(tx, "U1", "T1", NOW, "mine")
        [home] = await homes.list_opened_since(tx, NOW)
    assert home.chosen.asked == "mine"


async def test_a_code_that_cannot_be_read_links_nobody(database: Database) -> None:
    async with database.transaction() as tx:
        await people.save_code(tx, CASEY)
        await spoil(tx, schema.link_codes)
        assert await people.redeem_code(tx, CASEY, NOW) is people.Redeemed.REPLACED
        await people.forget_code(tx, CASEY)
        assert await people.list_links(tx) == []


async def test_a_request_that_cannot_be_read_is_never_left_out_in_silence(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await requests.save_request(tx, test_record.WAITING)
        await requests.save_request(tx, replace(test_record.WAITING, key=test_record.OTHER))
        await spoil(tx, schema.requests)
        with pytest.raises(UnreadableError, match="run `ssat-bot rebuild`"):
            await requests.list_unfinished(tx)


async def spoil(tx: Transaction, table: Table) -> None:
    """Make every document of a table unreadable, as another release or a fault may."""
    await tx.execute(update(table).values(document=literal('{"at": "some day"}', Text)))
