"""Cards that a lost record has left in the channel: who is to do what about them is woken."""

from collections import Counter

from sqlalchemy import delete

from slackbot.store import jobs, schema
from slackbot.store.jobs import IssueQueue
from slackbot.store.messages import cards
from tests.place import Place
from tests.sleepers import Sleepers


async def test_a_card_that_is_found_is_brought_up_to_date_and_reminded_of_at_once(
    place: Place,
) -> None:
    key = await place.shown()
    async with place.database.transaction() as tx:
        for table in schema.metadata.sorted_tables:
            await tx.execute(delete(table))
    sleepers = Sleepers(place.database)
    async with sleepers.asleep():
        found = await place.services.adoption.adopt()
        woken = Counter(await sleepers.now())
    assert list(found.news) == [key]
    assert woken == dict.fromkeys(IssueQueue, 1)
    async with place.database.transaction() as tx:
        card = await cards.load_card(tx, key)
        assert [await jobs.count(tx, queue) for queue in IssueQueue] == [1, 1, 1]
    assert card is not None
    assert card.ts == place.town.cards[0].ts


async def test_a_card_that_is_known_wakes_nobody(place: Place) -> None:
    await place.shown()
    sleepers = Sleepers(place.database)
    async with sleepers.asleep():
        found = await place.services.adoption.adopt()
        assert await sleepers.now() == {}
    assert list(found.news) == []
