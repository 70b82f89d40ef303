"""``/ssat`` beside bare Bolt, and by the number of recorded feedbacks, most of them ended."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import product

from bench.pair import RUNS, Databases, Pair, fast_town, pair, timed
from bench.report import Row, in_ms, median
from slackbot.rules.request import IssueKey, Person, Request, Triage
from slackbot.store.engine.database import Database
from slackbot.store.requests import save_request
from slackbot.store.schema import requests
from tests.town import Town

SIZES = (10, 1_000, 100_000)
WAITING, UNTRIAGED, DONE_LATELY = 5, 3, 2
"""How many of the feedbacks are open, and how many were done within the week: always so many."""
TEXTS = ("", "mine overdue", "done 7d", "show 500003", "show 7")
BARE = "bare"

Medians = dict[str, float]
"""Of each verb, and of a bare Bolt app."""


async def ssat(databases: Databases) -> None:
    """Print a row for the smallest record and the largest, and one for both."""
    smallest, *_, largest = await _measured(databases, [databases.sqlite() for _ in SIZES])
    for size, found in ((SIZES[0], smallest), (SIZES[-1], largest)):
        print(
            Row(
                what=f"/ssat, {size:,} on record, SQLite / a bare Bolt app",
                bot=in_ms(found[""]),
                beside=in_ms(found[BARE]),
                ratio=found[""] / found[BARE],
                aim=1,
            )
        )
    print(
        Row(
            what=f"/ssat, SQLite, {SIZES[-1]:,} on record / {SIZES[0]:,}",
            bot=in_ms(largest[""]),
            beside=in_ms(smallest[""]),
            ratio=largest[""] / smallest[""],
            aim=1.2,
        )
    )


async def ssat_by_size(databases: Databases) -> None:
    """Print a row for each kind of database and each verb, as ratios to the smallest record."""
    urls = {
        "SQLite": [databases.sqlite() for _ in SIZES],
        "PostgreSQL": [databases.postgresql() for _ in SIZES],
    }
    print("\n| /ssat by feedbacks on record | " + " | ".join(f"{size:,}" for size in SIZES) + " |")
    print("|---|" + "---:|" * len(SIZES))
    for kind, each in urls.items():
        found = await _measured(databases, each)
        for text in TEXTS:
            least = found[0][text]
            ratios = " | ".join(f"{medians[text] / least:.1f}" for medians in found)
            print(f"| {kind}, `/ssat {text}`, {in_ms(least)} = | {ratios} |")


async def _measured(databases: Databases, urls: Sequence[str]) -> list[Medians]:
    """Return the median time of each verb over each record.

    All bots run at once and are asked in turn, so that none has a better moment than another.
    """
    async with AsyncExitStack() as stack:
        pairs = []
        for url, size in zip(urls, SIZES, strict=True):
            place = await stack.enter_async_context(fast_town(databases, url))
            await _fill(place, url, size)
            place.gitlab.down()  # the answer is from the record, which the poll must not change
            pairs.append(await stack.enter_async_context(pair(place)))
        taken: list[dict[str, list[float]]] = [{text: [] for text in (*TEXTS, BARE)} for _ in pairs]
        for _ in range(RUNS):
            for text, (number, each) in product((*TEXTS, BARE), enumerate(pairs)):
                taken[number][text].append(await _ask(each, text))
    return [{text: median(seconds) for text, seconds in each.items()} for each in taken]


async def _ask(both: Pair, text: str) -> float:
    if text == BARE:
        both.aim_at_bare()
    else:
        both.aim_at_bot()
    place = both.place
    asked = "" if text == BARE else text
    return await timed(partial(place.slack.command, place.avery, "/ssat", asked, place.channel))


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
            for number in range(UNTRIAGED):
                await save_request(tx, _untriaged(place, number))
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
        "created_at": request.created_at,
        "triage": request.triage,
        "triaged_at": request.triaged_at,
        "waits_until": None,
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


def _untriaged(place: Town, number: int) -> Request:
    created_at = place.clock() - timedelta(days=1)
    return Request(
        key=IssueKey(place.project.id, 900_000 + number),
        url=f"https://gitlab.example.com/-/issues/{900_000 + number}",
        title=f"Positive feedback for ticket {900_000 + number}",
        ticket=900_000 + number,
        author="support-automation",
        created_at=created_at,
        asked_at=created_at,
        due_at=created_at + timedelta(days=2),
        gitlab_updated_at=created_at,
        is_requested=False,
        was_requested=False,
        triage=Triage.AWAITED,
    )
