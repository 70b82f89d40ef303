"""Run seed after seed, for as long as one likes: ``make soak``, or to replay one of them.

python -m tests.faults --minutes 10
python -m tests.faults --seed 7 --database postgresql
python -m tests.faults --seed 7 --database postgresql --show
"""

import argparse
import asyncio
import contextlib
import itertools
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.conftest import Postgres
from tests.faults.invariants import violations
from tests.faults.report import Outcome, report
from tests.faults.schedule import Plan, make_plan
from tests.faults.story import stories
from tests.faults.world import carry_out

SECONDS_A_MINUTE = 60
DATABASES = ("sqlite", "postgresql")
REPLICAS = {"sqlite": 1, "postgresql": 3}
PATIENT_EVERY = 5
"""In one seed of so many, calls may go unanswered for longer than the bot waits."""


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.show:
        for database in arguments.database or DATABASES:
            print(plan_of(arguments.seed or 1, database, arguments.seconds))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcomes = asyncio.run(_run(arguments))
    print(report(outcomes))
    return int(any(outcome.violations for outcome in outcomes))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=0, help="go on for so long")
    parser.add_argument("--seed", type=int, help="the first seed; without --minutes the only one")
    parser.add_argument("--seconds", type=float, default=8, help="for how long things happen a run")
    parser.add_argument("--database", action="append", choices=DATABASES, help="default: both")
    parser.add_argument("--show", action="store_true", help="print the plan and do nothing")
    return parser


def plan_of(seed: int, database: str, seconds: float) -> Plan:
    """Return the plan of a seed on a database, as a soak and a replay both have it."""
    return make_plan(
        seed,
        replicas=REPLICAS[database],
        seconds=seconds,
        shares_database=database == "postgresql",
        is_patient=seed % PATIENT_EVERY == 0,
    )


async def _run(arguments: argparse.Namespace) -> list[Outcome]:
    until = time.monotonic() + arguments.minutes * SECONDS_A_MINUTE
    databases = arguments.database or DATABASES
    first = 1 if arguments.seed is None else arguments.seed
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="ssat-pg-", ignore_cleanup_errors=True) as folder:
        postgres = Postgres(Path(folder) / "data")
        try:
            for seed, database in _turns(first, databases):
                if seed > first and time.monotonic() >= until:
                    break
                plan = plan_of(seed, database, arguments.seconds)
                outcomes.append(await _carry_out(plan, database, postgres))
        except asyncio.CancelledError:
            print("stopped; so far:", file=sys.stderr)
        finally:
            postgres.stop()
    return outcomes


def _turns(first: int, databases: Iterable[str]) -> Iterator[tuple[int, str]]:
    for seed in itertools.count(first):
        for database in databases:
            yield seed, database


async def _carry_out(plan: Plan, database: str, postgres: Postgres) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="ssat-faults-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        is_shared = database == "postgresql"
        url = postgres.new_database() if is_shared else f"sqlite:///{folder / 'ssat-bot.db'}"
        run = await carry_out(plan, folder, url, postgres if is_shared else None)
    outcome = Outcome(database=database, run=run, violations=violations(run.history))
    print(outcome, flush=True)
    for line in (*outcome.violations, *stories(run.history, outcome.violations)):
        print(line, file=sys.stderr)
    return outcome


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
