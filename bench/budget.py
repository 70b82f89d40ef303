"""What Slack is asked in an hour while 200 requests are open: the calls by method."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from bench.pair import Databases, at_rest
from tests.conftest import MovableClock
from tests.town import Town, town

OPEN = 200
APART = timedelta(minutes=14)
"""They came in so evenly that their deadlines fill two days."""
MONDAY = datetime(2026, 2, 2, tzinfo=UTC)
HOURS, STEPS = 6, 4
"""Hours of the day, when nobody is spared; and how often in each the clock is moved."""
CLAIMED = 2
"""Every so many is claimed."""


async def budget(databases: Databases) -> None:
    """Print a row for each method: how often it was called in an hour."""
    async with town(MovableClock(MONDAY), databases.new_folder(), databases.sqlite()) as place:
        place.slack.rates.enforce(on=False)
        place.gitlab.requests_per_minute = 100_000
        _fill(place)
        async with place.bot_running(ssat_reminders="24,12,4,1", ssat_digest="09:00"):
            await place.polled()
            await at_rest(place)
            hours = await _live(place)
    print(f"\n{f'calls to Slack an hour, {OPEN} requests open':<42} median   most")
    for method in sorted({name for hour in hours for name in hour}):
        counts = sorted(hour[method] for hour in hours)
        print(f"  {method:<40} {counts[len(counts) // 2]:>6} {counts[-1]:>6}")


def _fill(place: Town) -> None:
    for number in range(OPEN):
        issue = place.feedback(f"Negative feedback for ticket {number + 1}", description=None)
        if number % CLAIMED == 0:
            place.gitlab.assign(issue, place.avery_gitlab, by=place.avery_gitlab)
        place.clock.forward(seconds=APART.total_seconds())
    # Until Wednesday morning, when the first are overdue, and the last get their cards one by one.
    morning = MONDAY + timedelta(days=2, hours=8)
    place.clock.forward(seconds=(morning - place.clock()).total_seconds())


async def _live(place: Town) -> list[Counter[str]]:
    hours = []
    for _ in range(HOURS):
        place.slack.requests.clear()
        for _ in range(STEPS):
            place.clock.forward(minutes=60 / STEPS)
            await at_rest(place)
        hours.append(Counter(each.method for each in place.slack.requests))
    return hours
