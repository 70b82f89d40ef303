"""Print the table of docs/performance.md: ratios, each of two figures of one run.

python -m bench --only clicks
"""

import argparse
import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from bench.budget import budget
from bench.cards import hooks, many_cards
from bench.clicks import burst, lone_clicks, many_clicks, slow_gitlab
from bench.engine import engine
from bench.idle import idle
from bench.outage import outages
from bench.pair import Databases
from bench.polls import polls
from bench.profile import profile
from bench.queue import ssat, ssat_by_size
from bench.report import HEADER, machine
from bench.start import start
from tests.conftest import Postgres

Measurement = Callable[[Databases], Awaitable[None]]

ROWS: dict[str, tuple[Measurement, ...]] = {
    "clicks": (lone_clicks, many_clicks, slow_gitlab),
    "hooks": (hooks,),
    "engine": (engine,),
    "ssat": (ssat,),
    "idle": (idle,),
    "start": (start,),
    "cards": (many_cards,),
    "burst": (burst,),
}
"""Of the table."""
FIGURES: dict[str, tuple[Measurement, ...]] = {
    "profile": (profile,),
    "sizes": (ssat_by_size, polls),
    "outages": (outages,),
    "budget": (budget,),
}
"""With tables of their own, printed only where they are named."""


async def main(wanted: list[str]) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="ssat-bench-") as name:
        folder = Path(name)
        postgres = Postgres(folder / "pg", settings={})  # as it is installed, with all its fsyncs
        databases = Databases(folder, postgres)
        try:
            print(f"{machine()}\n")
            if not ROWS.keys().isdisjoint(wanted):
                print(HEADER)
            for each in wanted:
                for measure in (ROWS | FIGURES)[each]:
                    await measure(databases)
        finally:
            postgres.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [*ROWS, *FIGURES]
    parser.add_argument("--only", nargs="+", choices=names, default=[*ROWS])
    asyncio.run(main(parser.parse_args().only))
