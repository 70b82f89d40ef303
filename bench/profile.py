"""What one click and one hook cost, until nothing is left to do."""

import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from bench.pair import Databases, Pair, fast_town, pair
from bench.report import MILLISECONDS, median
from tests.town import FAST

TIMES = 10
FIGURES = ("transactions", "statements", "CPU ms", "calls to Slack", "requests to GitLab")
_ENDS = ("COMMIT", "ROLLBACK", "RELEASE")
"""Of a transaction, or of one that shares the commit of another."""
_NO_WORK = ("BEGIN", "SAVEPOINT", "PRAGMA")


async def profile(databases: Databases) -> None:
    """Print a row for each; SQLite."""
    url = databases.sqlite()
    async with fast_town(databases, url) as place, pair(place, f"{FAST} --count") as both:
        found = iter(await both.cards(TIMES + 1))

        async def click() -> None:
            await place.slack.click(place.avery, next(found), "Claim")

        async def hook() -> None:
            await place.card(place.feedback())

        print("\n| one of | " + " | ".join(FIGURES) + " |")
        print("|---|" + "---:|" * len(FIGURES))
        for name, act in (("click", click), ("hook", hook)):
            costs = await _costs(both, act)
            print(f"| {name} | " + " | ".join(f"{each:.0f}" for each in costs) + " |")


async def _costs(both: Pair, act: Callable[[], Awaitable[None]]) -> Iterator[float]:
    slack, gitlab = both.place.slack, both.place.gitlab
    await act()  # warm
    await both.place.settled()
    costs = []
    for _ in range(TIMES):
        slack.requests.clear()
        gitlab.requests.clear()
        told, cpu = await _counted(both)
        await act()
        await both.place.settled()
        told_after, cpu_after = await _counted(both)
        told = told_after - told
        transactions = sum(told.pop(each, 0) for each in _ENDS)
        for each in _NO_WORK:
            told.pop(each, None)
        used = (cpu_after - cpu) * MILLISECONDS
        costs.append((transactions, told.total(), used, len(slack.requests), len(gitlab.requests)))
    return map(median, zip(*costs, strict=True))


async def _counted(both: Pair) -> tuple[Counter[str], float]:
    process = both.bot
    before = len(process.events("counted"))
    process.signal(signal.SIGUSR1)
    lines = await both.place.slack.wait_for(lambda: process.events("counted")[before:])
    line: dict[str, Any] = lines[-1]
    return Counter(line["told"]), line["cpu"]
