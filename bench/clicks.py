"""From a click to its ack: alone, many at once, with a slow GitLab, while cards are posted."""

import asyncio
from functools import partial

from bench.pair import RUNS, Databases, at_rest, bot, fast_town, pair, timed
from bench.report import Row, in_ms, median, percentile
from slackbot.local.slack import Message
from tests.town import HOOK_SECRET, Town, buttons

CLIENTS, CARDS = 16, 32
SLOW_SECONDS, SLOW_CLIENTS, SLOW_RUNS = 2.0, 4, 16
BURST, BURST_CLIENTS = 500, 25
PATIENCE = 600


async def lone_clicks(databases: Databases) -> None:
    for kind, url in databases.each().items():
        async with fast_town(databases, url) as place, pair(place) as both:
            found = await both.cards(RUNS)
            beside, committed = [], []
            for card in found:
                act = partial(place.slack.click, place.avery, card, "Claim")
                both.aim_at_bare()
                beside.append(await timed(act))
                both.aim_at_bot()
                committed.append(await timed(act))
                await place.settled()
        print(
            Row(
                what=f"a lone click, committed to {kind}, until its ack / a bare Bolt app",
                bot=in_ms(median(committed)),
                beside=in_ms(median(beside)),
                ratio=median(committed) / median(beside),
                aim={"SQLite": 0.5, "PostgreSQL": 0.8}[kind],
            )
        )


async def many_clicks(databases: Databases) -> None:
    for kind, url in databases.each().items():
        async with fast_town(databases, url) as place, pair(place) as both:
            found = await both.cards(CARDS)
            beside, committed = [], []
            for _ in range(RUNS):
                both.aim_at_bare()
                beside.append(await _rate(place, found))
                both.aim_at_bot()
                committed.append(await _rate(place, found))
                await place.settled()
        print(
            Row(
                what=f"{CLIENTS} clients, clicks a second, {kind} / a bare Bolt app",
                bot=f"{median(committed):.0f}/s",
                beside=f"{median(beside):.0f}/s",
                ratio=median(committed) / median(beside),
                aim={"SQLite": 0.5, "PostgreSQL": 0.3}[kind],
                at_least=True,
            )
        )


async def slow_gitlab(databases: Databases) -> None:
    async with fast_town(databases, databases.sqlite()) as place, pair(place) as both:
        found = await both.cards(CARDS)
        taken: dict[bool, list[float]] = {False: [], True: []}
        for is_slow in (False, True) * SLOW_RUNS:
            if is_slow:
                place.gitlab.faults.add(times=None, hang=SLOW_SECONDS)
            taken[is_slow] += await _clicks(place, found, SLOW_CLIENTS)
            place.gitlab.faults.clear()
            await place.settled()
    fast, slow = (percentile(taken[is_slow], 99) for is_slow in (False, True))
    print(
        Row(
            what=f"ack p99, {SLOW_CLIENTS} clients, GitLab {SLOW_SECONDS:g} s slow / fast",
            bot=in_ms(slow),
            beside=in_ms(fast),
            ratio=slow / fast,
            aim=1.5,
        )
    )


async def burst(databases: Databases) -> None:
    """Click on cards of before: while nothing is posted, then while others are, at Slack's pace."""
    async with fast_town(databases, databases.sqlite()) as place:
        async with pair(place) as both:
            found = await both.cards(BURST)
            quiet = await _clicks(place, found, BURST_CLIENTS)
            await at_rest(place)
            place.gitlab.hooks.remove(both.hook)
        place.slack.rates.enforce(on=True)
        place.slack.rates.scale = 1
        async with bot(place, "1") as process:
            place.gitlab.add_hook(place.project, f"{process.url}/gitlab/webhook", token=HOOK_SECRET)
            for number in range(BURST):
                place.feedback(f"Negative feedback for ticket {BURST + number}")
            await place.slack.wait_for(lambda: len(place.cards) > BURST, PATIENCE)
            taken = await _clicks(place, found, BURST_CLIENTS)
            are_posted = len(place.cards) == 2 * BURST
    assert not are_posted, "the clicks have come too late to be in anybody's way"
    print(
        Row(
            what=f"ack p99, {BURST} clicks, {BURST_CLIENTS} at once, while {BURST} cards are being "
            "posted / while none is",
            bot=in_ms(percentile(taken, 99)),
            beside=in_ms(percentile(quiet, 99)),
            ratio=percentile(taken, 99) / percentile(quiet, 99),
            aim=2,
        )
    )


async def _rate(place: Town, found: list[Message]) -> float:
    seconds = await timed(partial(_clicks, place, found, CLIENTS))
    return len(found) / seconds


async def _clicks(place: Town, found: list[Message], clients: int) -> list[float]:
    """Let so many people click on the cards, each on the next as soon as they have their ack.

    They claim what is unclaimed, and release the rest, so that each click decides something.
    """
    left = iter(found)
    taken = []

    async def click_on() -> None:
        for card in left:
            text = "Claim" if "Claim" in buttons(card) else "Release"
            taken.append(await timed(partial(place.slack.click, place.avery, card, text)))

    await asyncio.gather(*(click_on() for _ in range(clients)))
    return taken
