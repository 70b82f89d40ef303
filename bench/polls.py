"""What the poll costs GitLab: the first reading and a poll with nothing new, by size."""

from dataclasses import dataclass
from datetime import timedelta

from bench.pair import Databases
from slackbot.local.gitlab.model import Request
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from tests.conftest import MovableClock
from tests.town import CONTACT, Town, town

ASKING = 50
"""How many of the open issues ask for contact."""
PATIENCE = 300.0
"""Seconds for one reading: the longest has a hundred pages, from a stand-in in this process."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many issues a project has, and how many of them are open."""

    issues: int
    open: int


SIZES = (
    Size(issues=1_000, open=300),
    Size(issues=10_000, open=300),
    Size(issues=100_000, open=300),
    # With as many open ones as the last, the stand-in would need some ten minutes for their pages.
    Size(issues=10_000, open=10_000),
)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Requests to GitLab."""

    first_lists: int
    first_requests: int
    """All, until every issue that was found has been looked at."""
    later_requests: int


async def polls(databases: Databases) -> None:
    """Print a row of Markdown for each size, in the form of ``docs/performance.md``."""
    print(f"\nThe poll; {ASKING} issues ask for contact\n")
    print(
        "| issues in the project | open | requests of the first reading | of them for its lists "
        "| requests of a later poll with nothing new |\n|---|---:|---:|---:|---:|"
    )
    for size in SIZES:
        async with town(MovableClock(), databases.new_folder(), databases.sqlite()) as place:
            place.slack.rates.enforce(on=False)
            place.gitlab.requests_per_minute = 100_000
            _fill(place, size)
            cost = await _measure(place)
        print(
            f"| {size.issues:,} | {size.open:,} | {cost.first_requests:,} | {cost.first_lists:,} "
            f"| {cost.later_requests} |"
        )


def _fill(place: Town, size: Size) -> None:
    """Open issues an hour apart, and close most of them; who asks is somewhere in the rest."""
    first_open = size.issues - size.open
    for number in range(size.issues):
        asks = number >= first_open and (number - first_open) % (size.open // ASKING) == 0
        issue = place.feedback(
            f"Feedback for ticket {number}", description=None, labels=[CONTACT] if asks else []
        )
        age = timedelta(hours=size.issues - number)
        issue.created_at -= age
        issue.updated_at -= age
        if number < first_open:
            issue.state = "closed"


async def _measure(place: Town) -> Cost:
    async with place.bot_running(ssat_poll_seconds=60):
        await _read(place)
        first = list(place.gitlab.requests)
        place.gitlab.requests.clear()
        place.clock.forward(minutes=2)
        await _read(place)
        later = len(place.gitlab.requests)
    return Cost(
        first_lists=sum(_is_list(each) for each in first),
        first_requests=len(first),
        later_requests=later,
    )


async def _read(place: Town) -> None:
    """Wait until a reading is over, and all that it has found has been looked at."""
    await place.idle(PeriodicQueue.POLL, IssueQueue.SYNC)


def _is_list(request: Request) -> bool:
    return request.path.endswith("/issues")
