"""The record of who is on duty, and of why nobody can say it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from slackbot.rules.request import Person
from slackbot.store.database import Database
from slackbot.store.duty import (
    OnDuty,
    Trouble,
    current_turn,
    latest_turns,
    load_trouble,
    save_trouble,
    save_turn,
)

NOW = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
STRANGER = Person(name="Dana Duty")
TURN = OnDuty(people=(AVERY,), source="PagerDuty", until=LATER)


async def test_the_same_people_have_the_same_turn_with_what_is_newly_known(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        assert await save_turn(tx, TURN, NOW)
        known_less = replace(TURN, people=(replace(AVERY, gitlab=None),), until=None)
        assert not await save_turn(tx, known_less, LATER)
        turn = await current_turn(tx)
        assert turn is not None
        assert (turn.began_at, turn.on_duty) == (NOW, known_less)


async def test_who_has_no_account_anywhere_keeps_their_turn_by_name(database: Database) -> None:
    async with database.transaction() as tx:
        turn = replace(TURN, people=(STRANGER,))
        assert await save_turn(tx, turn, NOW)
        assert not await save_turn(tx, turn, LATER)
        assert await save_turn(tx, replace(TURN, people=(Person(name="Drew"),)), LATER)
        assert len(await latest_turns(tx, 5)) == 2


async def test_trouble_is_kept_since_it_began_until_it_is_over(database: Database) -> None:
    async with database.transaction() as tx:
        assert await load_trouble(tx) is None
        await save_trouble(tx, "PagerDuty cannot be reached", NOW)
        await save_trouble(tx, "PagerDuty is failing (503)", LATER)
        trouble = await load_trouble(tx)
        assert trouble == Trouble(problem="PagerDuty is failing (503)", since=NOW)
        await save_trouble(tx, None, LATER)
        assert await load_trouble(tx) is None
