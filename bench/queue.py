"""``/ssat`` by the number of recorded feedbacks, most of them ended: its time must not grow."""

import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path

from bench.latency import MILLISECONDS, timed
from slackbot.rules.request import IssueKey, Person, Request
from slackbot.rules.untriaged import Triage, UntriagedFeedback
from slackbot.store import feedbacks
from slackbot.store.database import Database
from slackbot.store.feedbacks import Sighting
from slackbot.store.schema import requests
from tests.conftest import MovableClock
from tests.town import Town, town

SIZES = (10, 1_000, 100_000)
WAITING, UNTRIAGED, DONE_LATELY = 5, 3, 2
"""How many of the feedbacks are open, and how many were done within the week: always so many."""
RUNS = 40
TEXTS = ("", "mine overdue", "done 7d", "show 500003", "show 7")


async def queues(folder: Path, databases: dict[str, tuple[str, ...]]) -> None:
    """Print a row for each kind of database and each verb, as ratios to the smallest record.

    Args:
        folder: For files.
        databases: An empty database for each size, by the kind of database.
    """
    print(f"{'/ssat until its answer, by feedbacks on record':<48}" + "".join(_sizes()))
    for kind, urls in databases.items():
        found = await _measured(folder, urls)
        for text in TEXTS:
            least = found[0][text]
            ratios = "".join(f"{each[text] / least:11.1f} x" for each in found)
            what = f"{kind}, /ssat {text}".strip()
            print(f"{what:<30} {least * MILLISECONDS:7.1f} ms = {ratios.lstrip():>37}")


def _sizes() -> list[str]:
    return [f"{size:>13,}" for size in SIZES]


async def _measured(folder: Path, urls: Sequence[str]) -> list[dict[str, float]]:
    """Return the median time of each verb over each record.

    All bots run at once and are asked in turn, so that none has a better moment than another.
    """
    async with AsyncExitStack() as stack:
        places = []
        for url, size in zip(urls, SIZES, strict=True):
            place = await stack.enter_async_context(town(MovableClock(), folder, url))
            place.slack.rates.enforce(on=False)
            await _fill(place, url, size)
            place.gitlab.down()  # the answer is from the record, which the poll must not change
            await stack.enter_async_context(place.bot_running())
            places.append(place)
        taken: list[dict[str, list[float]]] = [{text: [] for text in TEXTS} for _ in places]
        for _ in range(RUNS):
            for text, (number, place) in product(TEXTS, enumerate(places)):
                act = partial(place.slack.command, place.avery, "/ssat", text, place.channel)
                taken[number][text].append(await timed(act))
    return [{text: statistics.median(each[text]) for text in TEXTS} for each in taken]


async def _fill(place: Town, url: str, size: int) -> None:
    database = Database(url)
    await database.open()
    try:
        for start in range(0, size, 1_000):
            some = range(start, min(start + 1_000, size))
            rows = [_row(_request(place, number)) for number in some]
            async with database.transaction() as tx:
                await tx.execute(requests.insert().values(rows))
        async with database.transaction() as tx:
            await feedbacks.save_sightings(
                tx, [Sighting(_untriaged(place, n), Triage.AWAITED) for n in range(UNTRIAGED)]
            )
    finally:
        await database.close()


def _row(request: Request) -> dict[str, object]:
    """Return what ``record.save_request`` writes; one by one would take minutes."""
    return {
        "project": request.key.project,
        "iid": request.key.iid,
        "state": request.state,
        "due_at": request.due_at,
        "is_open": request.is_open,
        "gitlab_updated_at": request.gitlab_updated_at,
        "ticket": request.ticket,
        "document": request,
    }


def _request(place: Town, number: int) -> Request:
    now = place.clock()
    asked = now - timedelta(hours=1)
    waiting = Request(
        key=IssueKey(place.project.id, number + 1),
        url=f"https://gitlab.example.com/-/issues/{number + 1}",
        title=f"Negative feedback for ticket {500_000 + number}",
        ticket=500_000 + number,
        comment="Nobody answered for three days.",
        asked_at=asked,
        due_at=asked + timedelta(days=2),
        gitlab_updated_at=asked,
    )
    if number < WAITING:
        return waiting
    ago = timedelta(days=2) if number < WAITING + DONE_LATELY else timedelta(days=10 + number % 70)
    return replace(
        waiting,
        is_open=False,
        contacted_at=asked - ago,
        asked_at=asked - ago - timedelta(days=1),
        contacted_by=Person(name="Avery Example", gitlab="avery"),
        gitlab_updated_at=asked - ago,
    )


def _untriaged(place: Town, number: int) -> UntriagedFeedback:
    return UntriagedFeedback(
        key=IssueKey(place.project.id, 900_000 + number),
        url=f"https://gitlab.example.com/-/issues/{900_000 + number}",
        title=f"Positive feedback for ticket {900_000 + number}",
        ticket=900_000 + number,
        author="support-automation",
        created_at=place.clock() - timedelta(days=1),
        updated_at=place.clock() - timedelta(days=1),
    )
