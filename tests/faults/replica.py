"""One replica of the bot, a process of its own.

The production path as ``ssat-bot run`` takes it, but for three things that a run must be able to
set: how wrong the machine's clock goes, how much faster than the real one its Slack is, and what a
power cut leaves of its SQLite file.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from slackbot.app import Clients, connect, run_bot
from slackbot.check.start import examine
from slackbot.clock import Clock, system_clock
from slackbot.commands import stop_on_signals
from slackbot.exit_codes import SETUP_IS_WRONG
from slackbot.logs import configure_logs
from slackbot.settings import Settings, load_settings
from slackbot.store.engine.database import DatabaseError
from tests.faults.disk import Disk
from tests.faults.history import Interruption
from tests.faults.pulse import feel

KEPT_WAITING = "kept_waiting"
SKEW, SPEED, SYNCED = "REPLICA_SKEW_SECONDS", "REPLICA_SPEED", "REPLICA_SYNCED"

log = structlog.get_logger()


def skewed_clock(seconds: float) -> Clock:
    """Return a clock that is some seconds fast, or slow if they are negative.

    SIGUSR1 sets it a day ahead, SIGUSR2 a day back.
    """
    skew = timedelta(seconds=seconds)

    def set_by(days: int) -> None:
        nonlocal skew
        skew += timedelta(days=days)

    signal.signal(signal.SIGUSR1, lambda *_: set_by(1))
    signal.signal(signal.SIGUSR2, lambda *_: set_by(-1))

    def now() -> datetime:
        return system_clock() + skew

    return now


async def run(settings: Settings, clock: Clock, speed: float) -> int:
    """Run until a signal comes; return the exit code."""
    async with connect(settings, speed) as clients:
        problems = [each for each in await examine(settings, clients) if each.problem]
        for problem in problems:
            print(problem, file=sys.stderr)
        if any(problem.is_fatal for problem in problems):
            return SETUP_IS_WRONG
        try:
            await run_until_stopped(settings, clients, clock)
        except (DatabaseError, OSError) as error:
            print(error, file=sys.stderr)
            return SETUP_IS_WRONG
    return 0


async def run_until_stopped(settings: Settings, clients: Clients, clock: Clock) -> None:
    stopped = stop_on_signals()
    pulse = asyncio.create_task(feel(_log_wait))
    async with run_bot(settings, clients, clock=clock) as url:
        log.info("running", url=url)
        await stopped.wait()
        log.info("stopping")
    pulse.cancel()


def _log_wait(felt: Interruption) -> None:
    log.warning(KEPT_WAITING, at=felt.at.isoformat(), until=felt.until.isoformat())


def main(environment: Mapping[str, str], output: Path) -> None:
    """Become a replica: with an environment, in a folder, with the output in two files there."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(output.parent)  # where no file .env is
    for stream, suffix in ((sys.stdout, ".out"), (sys.stderr, ".err")):
        with output.with_suffix(suffix).open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    settings = load_settings()
    configure_logs(settings.secrets)
    Disk(Path(os.environ[SYNCED])).install(for_all=True)
    clock = skewed_clock(float(os.environ[SKEW]))
    sys.exit(asyncio.run(run(settings, clock, float(os.environ[SPEED]))))
