"""Whoever has lost the lease of a job ends with the first thing that it may not write any more."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from slackbot.rules.decision import Claim, Decision, Kudos, Step, StepKind
from slackbot.rules.request import IssueKey
from slackbot.store import decisions, jobs
from slackbot.store.changes import FEW, announce
from slackbot.store.engine.database import LeaseLost, Transaction, fenced_by
from slackbot.store.jobs import IssueQueue, PeriodicQueue, Queue
from slackbot.store.messages import cards, homes, kudos, reminders
from tests.place import NO_ISSUE, Place, person


class Lease:
    """A lease that is lost once the job has committed something so many times."""

    def __init__(self, commits: int) -> None:
        self.left, self.refused = commits, 0

    async def confirm(self, tx: Transaction) -> None:
        if not tx.has_written:
            return
        if self.left == 0:
            self.refused += 1
            raise LeaseLost
        self.left -= 1


# --- What each job has to do -------------------------------------------------------------------


async def a_new_issue(place: Place) -> IssueKey:
    return place.key(place.town.feedback())


async def a_decision(place: Place) -> IssueKey:
    key = await place.requested()
    async with place.database.transaction() as tx:
        by, now = person(place.town.avery), place.town.clock()
        decision = Decision(id=uuid4(), key=key, by=by, at=now, action=Claim())
        await decisions.add_decision(tx, decision, "a click")
    return key


async def a_card_to_post(place: Place) -> IssueKey:
    return await place.requested()


async def a_card_to_render_and_a_step_to_tell(place: Place) -> IssueKey:
    key = await place.shown()
    async with place.database.transaction() as tx:
        now = place.town.clock()
        step = Step(kind=StepKind.CLAIMED, at=now, who=person(place.town.avery))
        await cards.add_message(tx, key, step)
        await announce(tx, key, now)
    return key


async def a_card_that_was_deleted(place: Place) -> IssueKey:
    key = await a_card_to_render_and_a_step_to_tell(place)
    place.town.channel.messages.clear()
    return key


async def a_reminder(place: Place) -> IssueKey:
    key = await place.shown()
    await place.on_duty(place.town.avery)
    place.town.clock.forward(hours=84)
    return key


async def a_change_in_gitlab(place: Place) -> IssueKey:
    place.town.feedback()
    return NO_ISSUE


async def many_requests_at_once(place: Place) -> IssueKey:
    issues = [place.town.feedback() for _ in range(FEW + 1)]
    place.town.clock.forward(minutes=10)
    await place.do(PeriodicQueue.POLL)
    for issue in issues:
        await place.do(IssueQueue.SYNC, place.key(issue))
    await place.nothing_left_to_do()
    return NO_ISSUE


async def many_late_reminders(place: Place) -> IssueKey:
    async with place.database.transaction() as tx:
        for iid in range(1, 6):
            key = f"reminder:7/{iid}:deadline"
            await reminders.note_missed(tx, key, IssueKey(7, iid), place.town.clock())
    place.town.clock.forward(minutes=3)
    return NO_ISSUE


async def a_workday_morning(place: Place) -> IssueKey:
    await place.requested()
    place.town.clock.forward(hours=67)  # Monday at ten
    await place.nothing_left_to_do()
    async with place.database.transaction() as tx:
        ahead = place.town.clock() + timedelta(hours=1)
        jobs.enqueue_periodic(tx, PeriodicQueue.POLL, ahead)
    return NO_ISSUE


async def a_change_of_duty(place: Place) -> IssueKey:
    await place.on_duty(place.town.avery)
    place.town.clock.forward(hours=67)
    await place.on_duty(place.town.blake)
    return NO_ISSUE


async def a_feedback_that_nobody_has_answered(place: Place) -> IssueKey:
    await place.on_duty(place.town.avery)
    issue = place.town.feedback(description="Too slow.", labels=["satisfaction::bad"])
    await place.do(IssueQueue.SYNC, place.key(issue))
    place.town.clock.forward(days=5, hours=1)
    return NO_ISSUE


async def kudos_for_the_channel(place: Place) -> IssueKey:
    key = await place.requested()
    async with place.database.transaction() as tx:
        by, now = person(place.town.avery), place.town.clock()
        thanks = Decision(id=uuid4(), key=key, by=by, at=now, action=Kudos())
        await kudos.add_kudos(tx, thanks)
    return NO_ISSUE


async def a_good_review_on_which_nobody_acts(place: Place) -> IssueKey:
    title = "Positive feedback for ticket 412345"
    issue = place.town.feedback(title, description="Great.", labels=["satisfaction::good"])
    await place.do(IssueQueue.SYNC, place.key(issue))
    place.town.clock.forward(days=8)
    return NO_ISSUE


async def an_open_home(place: Place) -> IssueKey:
    await place.requested()
    async with place.database.transaction() as tx:
        user = place.town.avery
        await homes.save_opened(tx, user.id, user.team_id, place.town.clock())
    return NO_ISSUE


async def a_turn_that_begins(place: Place) -> IssueKey:
    await place.requested()
    with place.town.people_file.open("a") as file:
        file.write('\n[duty]\n2026-W05 = "U0AVERY"\n')
    return NO_ISSUE


async def a_schedule_that_is_gone(place: Place) -> IssueKey:
    await place.requested()
    await place.on_duty(place.town.avery)
    return NO_ISSUE


async def a_code_that_nobody_left(place: Place) -> IssueKey:
    return NO_ISSUE


WORK: tuple[tuple[Queue, Callable[[Place], Awaitable[IssueKey]]], ...] = (
    (IssueQueue.SYNC, a_new_issue),
    (IssueQueue.SYNC, a_decision),
    (IssueQueue.CARD, a_card_to_post),
    (IssueQueue.CARD, a_card_to_render_and_a_step_to_tell),
    (IssueQueue.CARD, a_card_that_was_deleted),
    (IssueQueue.REMINDERS, a_reminder),
    (PeriodicQueue.POLL, a_change_in_gitlab),
    (PeriodicQueue.SUMMARY, many_requests_at_once),
    (PeriodicQueue.GAP, many_late_reminders),
    (PeriodicQueue.DIGEST, a_workday_morning),
    (PeriodicQueue.STATS, a_workday_morning),
    (PeriodicQueue.HANDOVER, a_change_of_duty),
    (PeriodicQueue.RESPONSES, a_feedback_that_nobody_has_answered),
    (PeriodicQueue.KUDOS, kudos_for_the_channel),
    (PeriodicQueue.IDLE, a_good_review_on_which_nobody_acts),
    (PeriodicQueue.HOMES, an_open_home),
    (PeriodicQueue.DUTY, a_turn_that_begins),
    (PeriodicQueue.DUTY, a_schedule_that_is_gone),
    (PeriodicQueue.LINKS, a_code_that_nobody_left),
    (PeriodicQueue.GRANTS, a_code_that_nobody_left),
)
ALL = pytest.mark.parametrize(
    ("queue", "arrange"), [pytest.param(*each, id=each[1].__name__) for each in WORK]
)


def test_every_queue_is_looked_at() -> None:
    assert {queue for queue, _ in WORK} == {*IssueQueue, *PeriodicQueue}


@ALL
async def test_without_the_lease_a_job_writes_nothing_anywhere(
    place: Place, queue: Queue, arrange: Callable[[Place], Awaitable[IssueKey]]
) -> None:
    key = await arrange(place)
    before, posted = place.town.everything_stored(), place.posted()
    lease = Lease(commits=0)
    with fenced_by(lease.confirm), pytest.raises(LeaseLost):
        await place.do(queue, key)
    assert lease.refused == 1
    assert place.posted() == posted
    # A card that stands may be rendered, and that is noted: what others render comes after it.
    if arrange is not a_card_to_render_and_a_step_to_tell:
        assert place.town.everything_stored() == before


@ALL
async def test_a_job_that_loses_its_lease_midway_ends_with_the_next_thing_to_write(
    place: Place, queue: Queue, arrange: Callable[[Place], Awaitable[IssueKey]]
) -> None:
    key = await arrange(place)
    for commits in range(1, 20):
        lease = Lease(commits)
        try:
            with fenced_by(lease.confirm):
                await place.do(queue, key)
        except LeaseLost:
            assert lease.refused == 1
        else:
            assert lease.refused == 0
            break
    assert len(place.town.cards) <= 1
    assert len(place.town.summaries) <= 1
