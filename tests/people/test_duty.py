"""Who is on duty, and who is to hear of it when that changes."""

from collections import Counter

from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.people import load_current_turn
from tests.place import Place
from tests.sleepers import Sleepers

FOLLOW = (IssueQueue.CARD, PeriodicQueue.HOMES, PeriodicQueue.HANDOVER)
"""The queues that show who is on duty, or tell of the change; reminders wait for a card."""


async def test_when_nothing_says_any_more_who_is_on_duty_all_that_shows_it_follows_at_once(
    place: Place,
) -> None:
    await place.requested()
    await place.on_duty(place.town.avery)
    sleepers = Sleepers(place.database)
    async with sleepers.asleep():
        await place.do(PeriodicQueue.DUTY)  # the people file has no weeks
        woken = Counter(await sleepers.now())
    assert woken == dict.fromkeys(FOLLOW, 1)
    async with place.database.transaction() as tx:
        assert await load_current_turn(tx) is None


async def test_a_turn_that_begins_shows_at_once_and_one_that_goes_on_wakes_nobody(
    place: Place,
) -> None:
    await place.requested()
    with place.town.people_file.open("a") as file:
        file.write('\n[duty]\n2026-W05 = "U0AVERY"\n')
    sleepers = Sleepers(place.database)
    async with sleepers.asleep():
        await place.do(PeriodicQueue.DUTY)
        woken = Counter(await sleepers.now())
        await place.do(PeriodicQueue.DUTY)
        again = Counter(await sleepers.now()) - woken
    assert woken == dict.fromkeys(FOLLOW, 1)
    assert again == {}
