"""What the bot costs while nothing happens: its processor, and GitLab's requests a poll."""

import asyncio
from datetime import timedelta

from bench.pair import Databases, at_rest, bot, cpu_seconds, fast_town
from bench.report import Row
from slackbot.settings import Settings
from tests.town import Town

OPEN = 200
APART = timedelta(minutes=14)
"""They came in so evenly that their deadlines fill two days."""
POLLS = 3


async def idle(databases: Databases) -> None:
    """Let some minutes pass in which nobody does anything."""
    seconds = Settings.model_fields["ssat_poll_seconds"].default * POLLS
    async with fast_town(databases, databases.sqlite()) as place:
        _fill(place)
        # As it is by default; a town switches it off.
        async with bot(
            place, ssat_poll_seconds=None, ssat_reminders=None, ssat_digest=None
        ) as process:
            await place.polled()
            await at_rest(place)
            place.gitlab.requests.clear()
            before = cpu_seconds(process.pid)
            await asyncio.sleep(seconds)
            used = cpu_seconds(process.pid) - before
            # As often as there is a poll, the watch asks whether GitLab is there.
            requests = len(place.gitlab.requests) - POLLS
            polls = sum(each.path.endswith("/labels") for each in place.gitlab.requests)
    print(
        Row(
            what=f"idle, {OPEN} requests open: processor / time",
            bot=f"{used:.2f} s",
            beside=f"{seconds} s",
            ratio=used / seconds,
            aim=0.02,
        )
    )
    print(
        Row(
            what=f"nothing new, {OPEN} requests open: requests to GitLab / polls",
            bot=f"{requests}",
            beside=f"{polls}",
            ratio=requests / polls,
            aim=3,
        )
    )


def _fill(place: Town) -> None:
    for number in range(OPEN):
        issue = place.feedback(f"Negative feedback for ticket {number}", description=None)
        issue.created_at -= (number + 1) * APART
        issue.updated_at = issue.created_at
