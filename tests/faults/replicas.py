"""The processes of a run, replaced when they die, and which of them gets the next click."""

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from slackbot.local.gitlab import Hook
from tests.faults import replica
from tests.faults.disk import Disk
from tests.faults.history import Interruption
from tests.process import BotProcess, environment, new_output
from tests.town import HOOK_SECRET, Town

# A process that has imported the bot forks every replica: to import it takes seconds each time.
_nursery = multiprocessing.get_context("forkserver")
_nursery.set_forkserver_preload([replica.__name__])

POLL_SECONDS = 1.5
STARTS = 10
"""How often a supervisor starts a replica again that ends at once, for want of a database."""
UNNOTICED = timedelta(seconds=0.3)
"""How long people go on clicking when nobody is there to answer."""
STOP_SECONDS = 20
"""How long a replica may take from SIGTERM to its end: it finishes what is under way."""


class Forked:
    """A process from the nursery, in the manner of ``asyncio.subprocess``."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process, self.pid = process, process.pid or 0
        self._ended = asyncio.Event()
        sentinel, loop = process.sentinel, asyncio.get_running_loop()

        def note_end() -> None:
            loop.remove_reader(sentinel)
            self._ended.set()

        loop.add_reader(sentinel, note_end)

    @classmethod
    async def start(cls, town: Town, output: Path, **changes: Any) -> "Forked":
        """Fork a replica in the environment of a bot in a town."""
        for suffix in (".out", ".err"):
            output.with_suffix(suffix).touch()
        arguments = (environment(town, **changes), output)
        process = _nursery.Process(target=replica.main, args=arguments, daemon=True)
        await asyncio.to_thread(process.start)  # the nursery may be busy
        return cls(process)

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode if self._ended.is_set() else None

    async def wait(self) -> int:
        await self._ended.wait()
        return self._process.exitcode or 0

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Replica:
    """A place for one process at a time."""

    def __init__(self, town: Town, number: int, skew: float, speed: float) -> None:
        self._town, self.number = town, number
        self._disk = Disk(synced := town.folder / "synced")
        self._environment = {
            replica.SKEW.lower(): skew,
            replica.SPEED.lower(): speed,
            replica.SYNCED.lower(): synced,
            "ssat_poll_seconds": POLL_SECONDS,
        }
        self._busy = asyncio.Lock()
        self.processes: list[BotProcess] = []
        """Every process that has answered, the latest last."""
        self._starting: BotProcess | None = None
        self.interruptions: list[Interruption] = []
        self.complaints: list[str] = []

    @property
    def process(self) -> BotProcess | None:
        """The process that runs, if one does."""
        latest = self.processes[-1] if self.processes else None
        return None if latest is None or latest.has_ended else latest

    async def start(self) -> None:
        """Start a process and wait until it answers."""
        for attempt in range(1, STARTS + 1):
            output = new_output(self._town)
            child = await Forked.start(self._town, output, **self._environment)
            self._starting = BotProcess(self._town, child, output)
            try:
                await self._starting.started()
            except AssertionError:
                if attempt == STARTS:
                    raise
            else:
                self.processes.append(self._starting)
                return

    async def kill(self, pause: float, *, with_power_cut: bool = False) -> None:
        """Kill the process; start another after some seconds.

        With a power cut its SQLite file loses what was written to it and not synced.
        """
        async with self._busy:
            if process := self.process:
                at = self._town.clock()
                await process.kill()
                if with_power_cut:
                    self._disk.cut_power(self._database_file)
                self._note(process, at)
                await asyncio.sleep(pause)
                await self.start()

    @property
    def _database_file(self) -> Path:
        return Path(str(make_url(self._town.settings["database_url"]).database))

    async def restart(self) -> None:
        """Stop the process as a deployment does, and start another."""
        async with self._busy:
            await self._stop()
            await self.start()

    async def end(self) -> None:
        """Stop the process for good."""
        async with self._busy:
            await self._stop()

    async def destroy(self) -> None:
        """Leave nothing behind, whatever happened."""
        for process in (self._starting, *self.processes):
            if process is not None:
                await process.kill()

    async def _stop(self) -> None:
        process = self.process
        if process is None:
            return
        at = self._town.clock()
        process.signal(signal.SIGTERM)
        try:
            code: int | None = await process.ended(STOP_SECONDS)
        except TimeoutError:
            await process.kill()
            code = None
        self._note(process, at)
        if code != 0:
            said = process.complained[-2000:]
            self.complaints.append(f"replica {self.number} ended with {code} on SIGTERM:\n{said}")

    def _note(self, process: BotProcess, at: datetime) -> None:
        until = self._town.clock()
        self.interruptions.append(Interruption(at=at, until=until, process=process.pid))

    def unexpected_ends(self) -> list[str]:
        """Name the processes that have ended although nobody ended them."""
        ended = {each.process for each in self.interruptions}
        return [
            f"replica {self.number} ended by itself:\n{process.complained[-2000:]}"
            for process in self.processes
            if process.has_ended and process.pid not in ended
        ]


class Replicas:
    """All replicas of a run, and the hook of GitLab that finds them."""

    def __init__(self, town: Town, skews: Sequence[float], speed: float) -> None:
        self._town = town
        self.all = [Replica(town, number, skew, speed) for number, skew in enumerate(skews)]
        self._turns = itertools.cycle(self.all)
        self.hook: Hook = town.gitlab.add_hook(town.project, "", token=HOOK_SECRET)

    def aim(self) -> BotProcess | None:
        """Let the next click and hooks go to the next replica that runs, as a balancer does."""
        turns = (next(self._turns).process for _ in self.all)
        running = next((process for process in turns if process), None)
        if running is None:
            return None  # to where one was a moment ago: nobody answers
        self._town.slack.request_url = f"{running.url}/slack/events"
        self.hook.url = f"{running.url}/gitlab/webhook"
        return running

    def process_at(self, url: str) -> BotProcess | None:
        """Return the process that answers at an address, or did."""
        processes = (process for each in self.all for process in reversed(each.processes))
        return next((process for process in processes if url.startswith(f"{process.url}/")), None)

    async def back(self) -> float:
        """Wait until a replica runs, once all have been away for a moment; return the seconds."""
        begun = time.monotonic()
        if self._town.clock() - self._last_away < UNNOTICED:
            return 0.0
        while not any(each.process for each in self.all):
            await self._town.slack.next_change(0.05)
        return time.monotonic() - begun

    @property
    def _last_away(self) -> datetime:
        ends = (each.until for one in self.all for each in one.interruptions)
        return max(ends, default=datetime.min.replace(tzinfo=UTC))

    def forgive(self) -> None:
        """Let GitLab try the hook again: it pauses for a minute, and a run lasts some seconds."""
        self.hook.succeeded()
        self.hook.disabled = False

    def with_pid(self, pid: int) -> Replica | None:
        """Return the replica whose process has a number."""
        running = (each for each in self.all if each.process and each.process.pid == pid)
        return next(running, None)


@contextlib.asynccontextmanager
async def replicas(town: Town, skews: Sequence[float], speed: float) -> AsyncIterator[Replicas]:
    """Start the replicas; none is left when the block ends."""
    started = Replicas(town, skews, speed)
    try:
        await asyncio.gather(*(each.start() for each in started.all))
        started.aim()
        yield started
    finally:
        for each in started.all:
            await each.destroy()
