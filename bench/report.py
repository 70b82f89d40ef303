"""A row of the table, and where it was measured."""

import os
import platform
import sqlite3
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

MILLISECONDS = 1000
LIBRARIES = ("slack-bolt", "aiohttp", "sqlalchemy", "python-gitlab")

HEADER = "| what | the bot | beside it | ratio | aim | reached |\n|---|---:|---:|---:|---:|---|"
FINEST = 0.1
"""Smaller ratios have two more digits."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A ratio of two figures of one run, and its aim: at most so much, or at least."""

    what: str
    bot: str
    beside: str
    ratio: float
    aim: float
    at_least: bool = False

    def __str__(self) -> str:
        is_reached = self.ratio >= self.aim if self.at_least else self.ratio <= self.aim
        sign = "≥" if self.at_least else "≤"
        ratio = f"{self.ratio:.2f}" if self.ratio >= FINEST else f"{self.ratio:.4f}"
        aim, reached = f"{sign} {self.aim:g}", "yes" if is_reached else "no"
        return f"| {self.what} | {self.bot} | {self.beside} | {ratio} | {aim} | {reached} |"


def median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds)


def percentile(seconds: Sequence[float], percent: int) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


def in_ms(seconds: float) -> str:
    return f"{seconds * MILLISECONDS:.1f} ms"


def machine() -> str:
    """Say where the figures come from; the load tells whether it had anything else to do."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), load {load:.1f} at the start; "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {libraries}"
    )
