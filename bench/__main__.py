"""Run every measurement and print a line for each."""

import asyncio
import logging
import tempfile
from pathlib import Path

import structlog

from bench.budget import budget
from bench.latency import acks, cards
from bench.outage import outages
from bench.polls import polls
from bench.process import start_up
from bench.queue import SIZES, queues
from tests.conftest import Postgres


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="ssat-bench-") as name:
        folder = Path(name)
        postgres = Postgres(folder / "pg", settings={})  # as it is installed, with all its fsyncs
        sqlite_url = f"sqlite:///{folder / 'bench.db'}"
        try:
            await acks(folder, {"SQLite": sqlite_url, "PostgreSQL": postgres.new_database()})
            new = {
                "SQLite": f"sqlite:///{folder / 'outage.db'}",
                "PostgreSQL": postgres.new_database(),
            }
            await outages(folder, new)
            await cards(folder, f"sqlite:///{folder / 'cards.db'}")
            await start_up(folder)
            await polls(folder)
            await queues(
                folder,
                {
                    "SQLite": tuple(f"sqlite:///{folder / f'queue{size}.db'}" for size in SIZES),
                    "PostgreSQL": tuple(postgres.new_database() for _ in SIZES),
                },
            )
            await budget(folder)
        finally:
            postgres.stop()


asyncio.run(main())
