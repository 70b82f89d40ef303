"""Small things worth keeping: deliveries, the poll's place, the labels."""

import asyncio
from datetime import UTC, datetime, timedelta

from slackbot.store import facts
from slackbot.store.database import Database

NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
LABELS = {"feedback::a": "What it means, 😀", "feedback::b": ""}


async def test_a_delivery_is_new_once(database: Database) -> None:
    async with database.transaction() as tx:
        assert await facts.first_sight(tx, "delivery 1", NOW)
        assert not await facts.first_sight(tx, "delivery 1", NOW)
        assert await facts.first_sight(tx, "delivery 2", NOW)


async def test_of_the_same_delivery_many_times_at_once_one_is_new(database: Database) -> None:
    async def deliver() -> bool:
        async with database.transaction() as tx:
            return await facts.first_sight(tx, "delivery", NOW)

    assert sum(await asyncio.gather(*(deliver() for _ in range(8)))) == 1


async def test_only_old_deliveries_are_forgotten(database: Database) -> None:
    async with database.transaction() as tx:
        await facts.first_sight(tx, "old", NOW - timedelta(seconds=1))
        await facts.first_sight(tx, "new", NOW)
        await facts.forget_deliveries(tx, NOW)
        assert await facts.first_sight(tx, "old", NOW)
        assert not await facts.first_sight(tx, "new", NOW)


async def test_the_last_value_of_a_fact_is_kept(database: Database) -> None:
    async with database.transaction() as tx:
        assert await facts.load_fact(tx, facts.POLLED_UNTIL) is None
        await facts.save_fact(tx, facts.POLLED_UNTIL, "yesterday")
        await facts.save_fact(tx, facts.FEEDBACK_LABELS, "7")
        await facts.save_fact(tx, facts.POLLED_UNTIL, "today")
    async with database.transaction() as tx:
        assert await facts.load_fact(tx, facts.POLLED_UNTIL) == "today"
        assert await facts.load_fact(tx, facts.FEEDBACK_LABELS) == "7"


async def test_the_polls_place_is_read_back_as_it_was_written(database: Database) -> None:
    place = facts.Place(until=NOW + timedelta(milliseconds=1), about="7 SSAT::Contact")
    async with database.transaction() as tx:
        assert await facts.load_place(tx) is None
        await facts.save_place(tx, place)
        assert await facts.load_place(tx) == place


async def test_a_place_of_an_older_release_can_be_read(database: Database) -> None:
    async with database.transaction() as tx:
        written = '{"until": "2026-02-02T09:30:00Z", "about": "7 SSAT::Contact"}'
        await facts.save_fact(tx, facts.POLLED_UNTIL, written)
        assert await facts.load_place(tx) == facts.Place(until=NOW, about="7 SSAT::Contact")


async def test_the_end_of_a_poll_counts_for_what_was_polled(database: Database) -> None:
    async with database.transaction() as tx:
        assert await facts.load_poll_end(tx, "group/project SSAT::Call me") is None
        await facts.save_poll_end(tx, "group/project SSAT::Call me", NOW)
        assert await facts.load_poll_end(tx, "group/project SSAT::Call me") == NOW
        assert await facts.load_poll_end(tx, "group/project SSAT::Call") is None


async def test_whose_turn_it_was_is_kept(database: Database) -> None:
    async with database.transaction() as tx:
        assert await facts.load_turn(tx) == 0
        await facts.save_turn(tx, 4711)
        assert await facts.load_turn(tx) == 4711


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
        assert await facts.load_catch_up(tx) is None
        for catch_up in (begun, told):
            await facts.save_catch_up(tx, catch_up)
            assert await facts.load_catch_up(tx) == catch_up


async def test_labels_are_saved_when_they_have_changed(database: Database) -> None:
    async with database.transaction() as tx:
        assert await facts.load_labels(tx) is None
        assert await facts.save_labels(tx, LABELS)
        assert not await facts.save_labels(tx, LABELS)
        assert await facts.load_labels(tx) == LABELS
        assert await facts.save_labels(tx, LABELS | {"feedback::b": "Described now"})
        assert await facts.save_labels(tx, LABELS)


async def test_a_project_without_labels_is_not_one_that_was_never_read(database: Database) -> None:
    async with database.transaction() as tx:
        assert await facts.save_labels(tx, {})
        assert await facts.load_labels(tx) == {}
