"""The bot as a process of its own, for what only a process shows: its exit, signals, its death."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from slackbot.settings import PREFIX, Settings
from tests.conftest import MovableClock
from tests.town import HOOK_SECRET, Town
from tests.town import town as build_town

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 30
"""How long a start, or a run that ends by itself, may take: several at once share a processor."""
STOP_SECONDS = 10
"""How long a process may take that was told to stop."""
MANAGERS = {"ssat_managers": "U0AVERY"}
"""Without it, each start and check warns that everybody may act."""

_numbers = itertools.count(1)


class Child(Protocol):
    """What is asked of a process, as ``asyncio.subprocess`` has it."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; ``None`` while it runs."""

    async def wait(self) -> int:
        """Wait for its exit code."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""

    def kill(self) -> None:
        """Send it SIGKILL."""


def new_output(town: Town) -> Path:
    """Name the two files for the output of another process; what is missing is the suffix."""
    return town.folder / f"process-{next(_numbers)}"


class BotProcess:
    """One process, its output kept in two files."""

    def __init__(self, town: Town, child: Child, output: Path) -> None:
        self._town, self._child, self._output = town, child, output
        self.pid = child.pid
        self.url = ""

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._output.with_suffix(".out").read_text()

    @property
    def complained(self) -> str:
        """What it has written to standard error so far: its log, and words for who started it."""
        return self._output.with_suffix(".err").read_text()

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of its log so far; what it said before it could log is no part of it."""
        complete, _, _ = self.complained.rpartition("\n")
        return [json.loads(line) for line in complete.splitlines() if line.startswith("{")]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of its log about one kind of event."""
        return [line for line in self.log if line["event"] == name]

    async def started(self) -> str:
        """Wait until it answers; return its URL, to which hooks and clicks go from now on."""
        await self._town.slack.wait_for(
            lambda: self.events("running") or self.has_ended, timeout=PATIENCE_SECONDS
        )
        if self.has_ended:
            raise AssertionError(f"it ended with {self._child.returncode}:\n{self.complained}")
        self.url = self.events("running")[0]["url"]
        self._town.url, self._town.slack.request_url = self.url, f"{self.url}/slack/events"
        return self.url

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._child.returncode is not None

    async def ended(self, within: float = PATIENCE_SECONDS) -> int:
        """Wait for its exit code."""
        return await asyncio.wait_for(self._child.wait(), within)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._child.send_signal(number)

    async def kill(self) -> None:
        """Kill it without a chance to say or write another word, and wait until it is gone."""
        if not self.has_ended:
            self._child.kill()
        await self._child.wait()


@contextlib.asynccontextmanager
async def present_town(folder: Path, database_url: str | None = None) -> AsyncIterator[Town]:
    """Build a town of today, without a bot: a process looks at the machine's own clock."""
    url = database_url or f"sqlite:///{folder / 'ssat-bot.db'}"
    async with build_town(MovableClock(datetime.now(UTC)), folder, url) as built:
        yield built


def environment(town: Town, **changes: Any) -> dict[str, str]:
    """The environment of a bot in a town, with some settings changed; ``None`` takes one away."""
    wanted = town.settings | changes
    strangers = {name.upper() for name in Settings.model_fields}
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not (name in strangers or name.startswith(PREFIX))
    }
    own = {name.upper(): str(value) for name, value in wanted.items() if value is not None}
    taken_away = {name.upper() for name, value in wanted.items() if value is None}
    kept = {name: value for name, value in inherited.items() if name not in taken_away}
    return kept | {"PYTHONPATH": str(ROOT)} | own


@contextlib.asynccontextmanager
async def launched(town: Town, command: str, **changes: Any) -> AsyncIterator[BotProcess]:
    """Start ``ssat-bot`` with a command, in the town's folder; it is gone when the block ends."""
    async with launched_module(town, f"slackbot {command}", **changes) as process:
        yield process


@contextlib.asynccontextmanager
async def launched_module(town: Town, module: str, **changes: Any) -> AsyncIterator[BotProcess]:
    """Start a module with its arguments likewise."""
    output = new_output(town)
    with output.with_suffix(".out").open("wb") as out, output.with_suffix(".err").open("wb") as err:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *module.split()),
            env=environment(town, **changes),
            cwd=town.folder,  # where no file .env is
            stdout=out,
            stderr=err,
        )
    process = BotProcess(town, child, output)
    try:
        yield process
    finally:
        await process.kill()


@contextlib.asynccontextmanager
async def bot_process(town: Town, **changes: Any) -> AsyncIterator[BotProcess]:
    """Run the bot as a process; hooks and clicks find their way to it."""
    async with launched(town, "run", **changes) as process:
        url = await process.started()
        hook = town.gitlab.add_hook(town.project, f"{url}/gitlab/webhook", token=HOOK_SECRET)
        try:
            yield process
        finally:
            town.gitlab.hooks.remove(hook)
