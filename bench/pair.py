"""The bot and what it is measured beside, as a process each, on the same Slack and GitLab."""

import asyncio
import contextlib
import itertools
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from slackbot.local.gitlab import Hook, Issue
from slackbot.local.slack import Message
from tests.conftest import Postgres
from tests.process import BotProcess, launched_module, present_town
from tests.town import FAST, HOOK_SECRET, Town

RUNS = 30
"""Of these the median counts."""


@dataclass(frozen=True)
class Databases:
    """Empty ones, each in a folder of its own."""

    folder: Path
    postgres: Postgres
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def new_folder(self) -> Path:
        new = self.folder / f"{next(self._numbers)}"
        new.mkdir()
        return new

    def sqlite(self) -> str:
        return f"sqlite:///{self.new_folder() / 'ssat-bot.db'}"

    def postgresql(self) -> str:
        return self.postgres.new_database()

    def each(self) -> dict[str, str]:
        return {"SQLite": self.sqlite(), "PostgreSQL": self.postgresql()}


@dataclass(frozen=True)
class Pair:
    """People's clicks and GitLab's hooks go to the bot, or to the other."""

    place: Town
    bot: BotProcess
    bare_url: str
    hook: Hook

    def aim_at_bot(self) -> None:
        self._aim(self.bot.url)

    def aim_at_bare(self) -> None:
        self._aim(self.bare_url)

    def _aim(self, url: str) -> None:
        self.place.slack.request_url = f"{url}/slack/events"
        self.hook.url = f"{url}/gitlab/webhook"

    async def cards(self, how_many: int) -> list[Message]:
        """Have the bot post so many; the other knows the first of them."""
        issues = [self.place.feedback(f"Negative feedback for ticket {n}") for n in range(how_many)]
        cards = [await self._card(issue) for issue in issues]
        await self.place.settled()
        _message_file(self.place).write_text(json.dumps(_as_posted(cards[0])))
        return cards

    async def _card(self, issue: Issue) -> Message:
        return await self.place.card(issue)


def _as_posted(card: Message) -> dict[str, object]:
    return {
        "channel": card.channel,
        "text": card.text,
        "blocks": card.blocks,
        "metadata": card.metadata,
    }


def _message_file(place: Town) -> Path:
    return place.folder / "message.json"


@contextlib.asynccontextmanager
async def fast_town(databases: Databases, url: str) -> AsyncIterator[Town]:
    """Build a town whose platforms know no limits."""
    async with present_town(databases.new_folder(), url) as place:
        place.slack.rates.enforce(on=False)
        place.gitlab.notes_per_minute = place.gitlab.requests_per_minute = 1_000_000
        yield place


@contextlib.asynccontextmanager
async def bot(
    place: Town, options: str = f"{FAST}", **changes: object
) -> AsyncIterator[BotProcess]:
    async with launched_module(place, f"bench.bot {options}", **changes) as process:
        await process.started()
        yield process


@contextlib.asynccontextmanager
async def pair(place: Town, options: str = f"{FAST}") -> AsyncIterator[Pair]:
    """Run both, warm, with the hook and the clicks going to the bot."""
    async with bot(place, options) as process, bare(place) as url:
        hook = place.gitlab.add_hook(place.project, "", token=HOOK_SECRET)
        both = Pair(place, process, url, hook)
        for aim in (both.aim_at_bare, both.aim_at_bot):
            aim()
            await place.slack.command(place.avery, "/ssat", "", place.channel)
        yield both


@contextlib.asynccontextmanager
async def bare(place: Town) -> AsyncIterator[str]:
    port = free_port()
    arguments = {"port": port, "bare_message": _message_file(place)}
    async with launched_module(place, "bench.bare", **arguments):
        url = f"http://127.0.0.1:{port}"
        await answering(url)
        yield url


async def at_rest(place: Town) -> None:
    """Wait until all is done, however long hundreds of messages take."""
    while True:
        with contextlib.suppress(AssertionError):
            await place.quiet()
            return


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def answering(url: str, status: int | None = None) -> None:
    """Wait until something answers there, with a status if one is wanted."""
    async with aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as answer:
                    if status in (None, answer.status):
                        return
            await asyncio.sleep(0.01)


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, by the clock that Linux keeps of it (clock_getcpuclockid)."""
    return time.clock_gettime(~pid << 3 | 2)


async def timed(act: Callable[[], Awaitable[object]]) -> float:
    """Return how many seconds something takes."""
    started = time.perf_counter()
    await act()
    return time.perf_counter() - started
