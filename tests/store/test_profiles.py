"""Profiles on record, on both databases."""

from sqlalchemy import Text, literal, update

from slackbot.rules.profile import Profile
from slackbot.store.engine.database import Database
from slackbot.store.profiles import list_profiles, load_profile, save_profile
from slackbot.store.schema import profiles

LEAD = Profile(role="Lead", signature="Kind regards\nAvery")


async def test_the_last_profile_counts_and_an_empty_one_is_forgotten(database: Database) -> None:
    async with database.transaction() as tx:
        assert await load_profile(tx, "U1") == Profile()
        await save_profile(tx, "U1", Profile(role="Manager"))
        await save_profile(tx, "U1", LEAD)
        await save_profile(tx, "U2", Profile(language="de"))
        assert await list_profiles(tx) == {"U1": LEAD, "U2": Profile(language="de")}
        await save_profile(tx, "U2", Profile())
        assert await list_profiles(tx) == {"U1": LEAD}


async def test_a_profile_that_cannot_be_read_is_none(database: Database) -> None:
    async with database.transaction() as tx:
        await save_profile(tx, "U1", LEAD)
        nonsense = literal('{"role": 5}', Text)
        await tx.execute(update(profiles).values(document=nonsense))
        assert await load_profile(tx, "U1") == Profile()
        assert await list_profiles(tx) == {}
