"""Run every measurement and print a line for each."""

import asyncio
import logging
import tempfile
from pathlib import Path

import structlog

from bench.latency import acks, cards
from bench.process import start_up
from tests.conftest import Postgres


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="ssat-bench-") as name:
        folder = Path(name)
        postgres = Postgres(folder / "pg")
        sqlite_url = f"sqlite:///{folder / 'bench.db'}"
        try:
            await acks(folder, {"SQLite": sqlite_url, "PostgreSQL": postgres.new_database()})
            await cards(folder, f"sqlite:///{folder / 'cards.db'}")
            await start_up(folder)
        finally:
            postgres.stop()


asyncio.run(main())
