"""How long it takes until all is well after a day without GitLab, and after one without the bot."""

import time

from bench.pair import Databases
from tests.conftest import MovableClock
from tests.town import Town, town

REQUESTS = 100
PATIENCE = 300


async def outages(databases: Databases) -> None:
    """Take GitLab away for a day, then the bot; people click on, and customers go on asking."""
    print()
    for kind, url in databases.each().items():
        async with town(MovableClock(), databases.new_folder(), url) as place:
            place.slack.rates.enforce(on=False)
            place.gitlab.notes_per_minute = place.gitlab.requests_per_minute = 100_000
            async with place.bot_running():
                delivered = await _without_gitlab(place)
            found = await _without_the_bot(place)
        print(
            f"{f'a day without GitLab, {REQUESTS} choices, {kind}':<42} "
            f"all in GitLab {delivered:6.1f} s after it is back"
        )
        print(
            f"{f'a day without the bot, {REQUESTS} requests, {kind}':<42} "
            f"all cards in {found:6.1f} s after the start (Slack's pace lifted)"
        )


async def _without_gitlab(place: Town) -> float:
    await place.card(place.feedback())  # the first reading is over
    for _ in range(REQUESTS - 1):
        place.feedback()
    await place.slack.wait_for(lambda: len(place.cards) == REQUESTS, PATIENCE)
    await place.settled()
    place.gitlab.down()
    for card in list(place.cards):
        await place.slack.click(place.avery, card, "Claim")
    place.clock.forward(hours=24)
    place.gitlab.up()
    place.clock.forward(minutes=6)  # the longest back-off
    begun = time.perf_counter()
    await place.slack.wait_for(lambda: place.choices() == ["delivered"] * REQUESTS, PATIENCE)
    return time.perf_counter() - begun


async def _without_the_bot(place: Town) -> float:
    new = [place.feedback("Negative feedback for ticket 500000") for _ in range(REQUESTS)]
    place.clock.forward(hours=72)  # more than a day, of which a weekend does not count
    begun = time.perf_counter()
    async with place.bot_running():
        keys = {f"{issue.project.id}/{issue.iid}" for issue in new}

        def all_there() -> bool:
            shown = {card.metadata["event_payload"]["key"] for card in place.cards if card.metadata}
            return keys <= shown

        await place.slack.wait_for(all_there, PATIENCE)
        taken = time.perf_counter() - begun
        await place.slack.wait_for(lambda: len(place.summaries) == 1, PATIENCE)
    return taken
