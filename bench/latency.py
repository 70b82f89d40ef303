"""Time from a click to its ack, and from a webhook to the card."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from slackbot.blocks.card import OPEN_ISSUE
from slackbot.local.slack import Message
from tests.conftest import MovableClock
from tests.town import Town, town

CLICKS = 100
AT_ONCE = 20
PATIENCE = 120
CARDS = 30
MILLISECONDS = 1000


def _show(what: str, seconds: list[float], beside: list[float] | None = None) -> None:
    median = statistics.median(seconds)
    worst = max(seconds)
    line = (
        f"{what:<42} median {median * MILLISECONDS:6.1f} ms   worst {worst * MILLISECONDS:6.1f} ms"
    )
    if beside:
        line += f"   {median / statistics.median(beside):.1f} x bare Bolt"
    print(line)


def _show_rate(what: str, per_second: float, beside: float | None = None) -> None:
    line = f"{what:<42} {per_second:6.0f} clicks/s"
    print(line + (f"   {beside / per_second:.1f} x slower than bare Bolt" if beside else ""))


async def acks(folder: Path, databases: dict[str, str]) -> None:
    """Compare claims, committed before the ack, with a Bolt app that only acks."""
    for kind, url in databases.items():
        async with town(MovableClock(), folder, url) as place:
            place.slack.rates.enforce(on=False)
            place.gitlab.notes_per_minute = 100_000
            place.gitlab.requests_per_minute = 100_000
            async with place.bot_running():
                found = [await place.card(place.feedback()) for _ in range(CLICKS)]
                committed = await _clicks(place, found, "Claim")
                await place.slack.wait_for(
                    partial(_all_delivered, place), PATIENCE
                )  # so that the next clicks have the machine to themselves
                await place.settled()
                rate = await _rate(place, found, "Release")
            async with _bare_bolt(place):
                bare = await _clicks(place, found, "Open issue")
                bare_rate = await _rate(place, found * 5, "Open issue")
        _show(f"click to ack, bare Bolt beside {kind}", bare)
        _show(f"click to ack, committed to {kind}", committed, bare)
        _show_rate(f"{AT_ONCE} clicks at once, bare Bolt beside {kind}", bare_rate)
        _show_rate(f"{AT_ONCE} clicks at once, committed to {kind}", rate, bare_rate)


async def _clicks(place: Town, found: list[Message], text: str) -> list[float]:
    return [await timed(partial(place.slack.click, place.avery, card, text)) for card in found]


async def _rate(place: Town, found: list[Message], text: str) -> float:
    """Click on every card, so many at a time; return clicks a second, each with its ack."""
    free = asyncio.Semaphore(AT_ONCE)

    async def click(card: Message) -> None:
        async with free:
            await place.slack.click(place.avery, card, text)

    seconds = await timed(lambda: asyncio.gather(*map(click, found)))
    return len(found) / seconds


def _all_delivered(place: Town) -> bool:
    return set(place.choices()) <= {"delivered"}


async def timed(act: Callable[[], Awaitable[object]]) -> float:
    """Return how many seconds something takes."""
    started = time.perf_counter()
    await act()
    return time.perf_counter() - started


@contextlib.asynccontextmanager
async def _bare_bolt(place: Town) -> AsyncIterator[None]:
    app = AsyncApp(
        token=place.slack.bot_token,
        signing_secret=place.slack.signing_secret,
    )
    app.client.base_url = place.settings["slack_api_url"]

    @app.action(OPEN_ISSUE)
    async def only_ack(ack: AsyncAck) -> None:
        await ack()

    async def dispatch(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    application = web.Application()
    application.router.add_post("/slack/events", dispatch)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    place.slack.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    try:
        yield
    finally:
        await runner.cleanup()


async def cards(folder: Path, database_url: str) -> None:
    """Measure from the opening of an issue, through its webhook, to the card in the channel."""
    async with town(MovableClock(), folder, database_url) as place:
        place.slack.rates.enforce(on=False)
        async with place.bot_running():

            async def to_card() -> None:
                await place.card(place.feedback())

            taken = [await timed(to_card) for _ in range(CARDS)]
    _show("webhook to card (paces lifted)", taken)
