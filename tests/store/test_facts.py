"""Small things worth keeping: deliveries, the poll's place, the labels."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from slackbot.rules.request import Person
from slackbot.rules.timing.shifts import Plan, Schedule, Shift
from slackbot.store import facts, schema
from slackbot.store.engine.database import Database, Transaction
from slackbot.store.facts import Fact, KnownProject
from slackbot.store.people import PLAN, TROUBLE

NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
EMPTY_PLAN = Plan(read_at=NOW, shifts=())
PLACE = facts.Cursor(until=NOW, about="7 SSAT::Contact")
LABELS = {"feedback::a": "What it means, 😀", "feedback::b": ""}


async def test_a_delivery_is_new_once(database: Database) -> None:
    async with database.transaction() as tx:
        assert await facts.remember_deliveries(tx, ["1", "2", "1"], NOW) == {"1", "2"}
        assert await facts.remember_deliveries(tx, ["1", "3"], NOW) == {"3"}
        assert await facts.remember_deliveries(tx, [], NOW) == set()


async def test_of_the_same_delivery_many_times_at_once_one_is_new(database: Database) -> None:
    async def deliver() -> int:
        async with database.transaction() as tx:
            return len(await facts.remember_deliveries(tx, ["delivery"], NOW))

    assert sum(await asyncio.gather(*(deliver() for _ in range(8)))) == 1


async def test_only_old_deliveries_are_forgotten(database: Database) -> None:
    async with database.transaction() as tx:
        await facts.remember_deliveries(tx, ["old"], NOW - timedelta(seconds=1))
        await facts.remember_deliveries(tx, ["new"], NOW)
        await facts.forget_deliveries(tx, NOW)
        assert await facts.remember_deliveries(tx, ["old", "new"], NOW) == {"old"}


async def test_the_last_value_of_a_fact_is_kept_until_it_is_forgotten(database: Database) -> None:
    channel, number = Fact("a channel", str), Fact("a number", int)
    async with database.transaction() as tx:
        assert await channel.load(tx) is None
        assert await channel.save(tx, "C1")
        assert await number.save(tx, 7)
        assert await channel.save(tx, "C2")
        assert not await channel.save(tx, "C2")
    async with database.transaction() as tx:
        assert (await channel.load(tx), await number.load(tx)) == ("C2", 7)
        assert await channel.forget(tx)
        assert not await channel.forget(tx)
        assert (await channel.load(tx), await number.load(tx)) == (None, 7)


async def test_a_fact_that_cannot_be_read_is_unknown_and_found_out_again(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await written(tx, "polled_until", '{"until": "some day"}')
        assert await facts.PLACE.load(tx) is None
        assert await facts.PLACE.save(tx, PLACE)
        assert await facts.PLACE.load(tx) == PLACE


async def written(tx: Transaction, name: str, value: str) -> None:
    """Write as another release did."""
    await tx.execute(schema.facts.insert().values(name=name, value=value))


@pytest.mark.parametrize(
    ("name", "value", "fact", "expected"),
    [
        (
            "polled_until",
            '{"until": "2026-02-02T09:30:00Z", "about": "7 SSAT::Contact"}',
            facts.PLACE,
            facts.Cursor(until=NOW, about="7 SSAT::Contact"),
        ),
        ("last_in_turn", "4711", facts.LAST_IN_TURN, 4711),
        ("slack_team", "T1", facts.SLACK_TEAM, "T1"),
        ("cards_adopted", "C1", facts.CARDS_ADOPTED, "C1"),
        ("project", '{"id":7,"path":"group/a"}', facts.PROJECT, KnownProject(id=7, path="group/a")),
        ("feedback_labels", '{"feedback::a":""}', facts.FEEDBACK_LABELS, {"feedback::a": ""}),
        ("duty_trouble", "null", TROUBLE, None),
        ("duty_plan", '{"read_at":"2026-02-02T09:30:00Z","shifts":[]}', PLAN, EMPTY_PLAN),
    ],
)
async def test_what_an_older_release_wrote_can_be_read(
    database: Database, name: str, value: str, fact: Fact[Any], expected: object
) -> None:
    async with database.transaction() as tx:
        await written(tx, name, value)
        assert await fact.load(tx) == expected


async def test_a_plan_of_duty_is_read_back_as_it_was_written(database: Database) -> None:
    avery = Person(name="Avery Example", slack_team="T1", slack_user="U0AVERY", gitlab="avery")
    plan = Plan(
        read_at=NOW,
        shifts=(Shift(people=(avery,), begins=NOW, ends=NOW + timedelta(days=7)),),
        schedules=(Schedule(name="Reviewers", url="https://example.com/", problem="none"),),
        absences={"U0AVERY": NOW + timedelta(days=1), "U0BLAKE": None},
    )
    async with database.transaction() as tx:
        await PLAN.save(tx, plan)
        assert await PLAN.load(tx) == plan


async def test_an_older_release_reads_what_this_one_writes(database: Database) -> None:
    async with database.transaction() as tx:
        await facts.LAST_IN_TURN.save(tx, 4711)
        await facts.SLACK_TEAM.save(tx, "T1")
        await facts.PROJECT.save(tx, KnownProject(id=7, path="group/a"))
        rows = await tx.execute(select(schema.facts).order_by(schema.facts.c.name))
        assert [tuple(row) for row in rows] == [
            ("last_in_turn", "4711"),
            # It ignores what it doesn't know.
            ("project", '{"id":7,"path":"group/a","url":"","earlier":[]}'),
            ("slack_team", "T1"),
        ]


async def test_the_end_of_a_poll_counts_for_what_was_polled(database: Database) -> None:
    async with database.transaction() as tx:
        assert await facts.load_poll_end(tx, "group/project SSAT::Call me") is None
        await facts.save_poll_end(tx, "group/project SSAT::Call me", NOW)
        assert await facts.load_poll_end(tx, "group/project SSAT::Call me") == NOW
        assert await facts.load_poll_end(tx, "group/project SSAT::Call") is None


async def test_a_catch_up_is_read_back_as_it_was_written(database: Database) -> None:
    begun = facts.CatchUp(key="a key", at=NOW, since=None)
    told = facts.CatchUp(
        key="a key",
        at=NOW,
        since=NOW - timedelta(days=3),
        posting_since=NOW,
        is_told=True,
        later=frozenset({"7/12", "7/13"}),
    )
    async with database.transaction() as tx:
        assert await facts.CATCH_UP.load(tx) is None
        for catch_up in (begun, told):
            await facts.CATCH_UP.save(tx, catch_up)
            assert await facts.CATCH_UP.load(tx) == catch_up


async def test_labels_are_saved_when_they_have_changed(database: Database) -> None:
    async with database.transaction() as tx:
        assert await facts.FEEDBACK_LABELS.load(tx) is None
        assert await facts.FEEDBACK_LABELS.save(tx, LABELS)
        assert not await facts.FEEDBACK_LABELS.save(tx, LABELS)
        assert await facts.FEEDBACK_LABELS.load(tx) == LABELS
        assert await facts.FEEDBACK_LABELS.save(tx, LABELS | {"feedback::b": "Described now"})
        assert await facts.FEEDBACK_LABELS.save(tx, LABELS)


async def test_a_project_without_labels_is_not_one_that_was_never_read(database: Database) -> None:
    async with database.transaction() as tx:
        assert await facts.FEEDBACK_LABELS.save(tx, {})
        assert await facts.FEEDBACK_LABELS.load(tx) == {}
