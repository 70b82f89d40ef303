"""Who is on duty, and who is to hear of it when that changes."""

from collections import Counter

import prometheus_client
import pytest

from slackbot import metrics
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.people import PLAN, load_current_turn
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
        assert await load_current_turn(tx, "") is None


async def test_what_is_to_come_is_kept_with_who_is_away_until_it_is_known_no_more(
    place: Place,
) -> None:
    with place.town.people_file.open("a") as file:
        file.write('\n[duty]\n2026-W05 = "U0AVERY"\n2026-W06 = ["U0BLAKE", "U0CASEY"]\n')
    place.town.blake.status_text = "OOO"
    await place.do(PeriodicQueue.DUTY)
    async with place.database.transaction() as tx:
        plan = await PLAN.load(tx)
    assert plan is not None
    named = [[who.name for who in shift.people] for shift in plan.shifts]
    assert named == [["Avery Example"], ["Blake Sample", "Casey Nolink"]]
    assert plan.absences == {"U0BLAKE": None}
    place.town.people_file.write_text('[people]\nU0AVERY = "avery"\n')
    await place.do(PeriodicQueue.DUTY)
    async with place.database.transaction() as tx:
        assert await PLAN.load(tx) is None


async def test_while_slack_is_down_who_is_on_duty_later_is_only_named(place: Place) -> None:
    with place.town.people_file.open("a") as file:
        file.write('\n[duty]\n2026-W05 = "U0AVERY"\n')
    await place.do(PeriodicQueue.DUTY)
    with place.town.people_file.open("a") as file:
        file.write('2026-W06 = "U0BLAKE"\n')
    place.town.slack.down()
    await place.do(PeriodicQueue.DUTY)
    async with place.database.transaction() as tx:
        turn, plan = await load_current_turn(tx, ""), await PLAN.load(tx)
    assert turn is not None
    assert plan is not None
    assert [who.slack_user for shift in plan.shifts for who in shift.people] == ["U0AVERY", None]


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


@pytest.mark.parametrize(("days", "counted"), [(0, 1), (1, 0), (2, 0), (3, 1)])
async def test_a_free_weekend_is_not_counted_as_nobody_on_duty(
    place: Place, days: int, counted: int
) -> None:
    """The clock begins on a Friday, in the fifth week of 2026."""
    with place.town.people_file.open("a") as file:
        file.write('\n[duty]\n2026-W20 = "U0AVERY"\n')
    place.town.clock.forward(days=days)
    nobody = metrics.DUTY.labels("nobody")
    before = value(nobody)
    await place.do(PeriodicQueue.DUTY)
    assert value(nobody) - before == counted


def value(counter: prometheus_client.Counter) -> float:
    [sample, *_] = next(iter(counter.collect())).samples
    return sample.value
