"""Several bots on one PostgreSQL: they share the work, and none does what another has done."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from slackbot.store.jobs import PeriodicQueue
from slackbot.worker import LEASE
from tests.process import bot_process, present_town
from tests.town import Town

LABELS = "/labels$"
"""What every poll reads first, and nothing else does."""
SILENCE = 60
"""Seconds for which a stand-in keeps silent: longer than any test takes."""


@pytest.fixture
async def town(tmp_path: Path, postgresql: str) -> AsyncIterator[Town]:
    async with present_town(tmp_path, postgresql) as built:
        yield built
        built.check()


async def test_a_replica_that_stood_still_for_longer_than_its_lease_writes_nothing(
    town: Town,
) -> None:
    """Its job was taken over meanwhile; when it wakes up it believes that it still has it."""
    async with bot_process(town) as frozen:
        issue, card = await town.request()
        await town.settled()
        silence = town.gitlab.faults.add(
            method="GET", path="/resource_label_events", when="before", hang=SILENCE
        )
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.in_gitlab(lambda: silence.left == 0)
        frozen.signal(signal.SIGSTOP)
        await town.elapse(LEASE)
        async with town.bot_running():
            await town.claimed(issue, "Avery Example")
            town.gitlab.faults.release()
            frozen.signal(signal.SIGCONT)
            # It reads on, or finds that GitLab took too long: nothing comes of either.
            await town.slack.wait_for(
                lambda: frozen.events("lease_lost") or frozen.events("job_put_off")
            )
            await town.settled()
    assert len(issue.comments) == 1
    assert issue.assigned_to == ["avery"]
    assert town.steps(issue) == ["🔵 Avery Example claimed this request"]


async def test_a_click_that_reaches_one_replica_counts_for_all(town: Town) -> None:
    async with bot_process(town), bot_process(town):
        issue, card = await town.request()
        addresses = [hook.url.replace("/gitlab/webhook", "") for hook in town.gitlab.hooks]
        for person, address in zip((town.avery, town.blake), addresses, strict=True):
            town.slack.request_url = f"{address}/slack/events"
            assert (await town.slack.click(person, card, "Claim")).ok
        await town.told(town.blake, "Avery Example", "owns this request")
        await town.claimed(issue, "Avery Example")
        await town.settled()
    assert issue.assigned_to == ["avery"]
    assert len(issue.comments) == 1
    assert len(town.cards) == 1


async def test_many_requests_become_one_card_each_whoever_posts_them(town: Town) -> None:
    async with bot_process(town), bot_process(town), bot_process(town):
        issues = [town.feedback(f"Negative feedback for ticket {412000 + n}") for n in range(6)]
        await asyncio.gather(*(town.card(issue, "🟠 Unclaimed") for issue in issues))
        await town.settled()
    assert len(town.cards) == len(issues)


async def test_the_poll_is_one_replicas_at_a_time_and_goes_on_without_it(town: Town) -> None:
    often = {"ssat_poll_seconds": 0.1}
    async with bot_process(town, **often) as first, bot_process(town, **often) as second:
        for hook in town.gitlab.hooks:
            hook.lose = True
        # Each takes longer than it is to the next, so that two who polled would meet.
        slow = town.gitlab.faults.add(method="GET", path=LABELS, hang=0.3, times=5)
        await town.card(town.feedback(), "🟠 Unclaimed")
        await town.in_gitlab(lambda: slow.left == 0)
        silence = town.gitlab.faults.add(method="GET", path=LABELS, hang=SILENCE)
        await town.in_gitlab(lambda: silence.left == 0)
        most = town.gitlab.crowds.most
        assert [most[kind] for kind in most if kind.endswith("/labels")] == [1]

        polling = town.leased_by(PeriodicQueue.POLL)
        await next(each for each in (first, second) if f"-{each.pid}-" in polling).kill()
        await town.elapse(LEASE)
        await town.card(town.feedback("Negative feedback for ticket 412346"), "🟠 Unclaimed")
