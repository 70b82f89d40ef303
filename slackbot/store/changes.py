"""What a change of the record sets going: every place where people see it follows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

import structlog

from slackbot import metrics
from slackbot.rules.decision import (
    REASSIGNS,
    Decision,
    Kudos,
    MarkContacted,
    Step,
    StepKind,
    ends_unheard,
    holder_after,
)
from slackbot.rules.request import (
    UNFINISHED,
    IssueKey,
    Person,
    Request,
    Rules,
    State,
    deserves_card,
)
from slackbot.store import decisions, facts, jobs, requests
from slackbot.store.decisions import Status
from slackbot.store.engine.database import Transaction
from slackbot.store.facts import CatchUp
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.messages import cards
from slackbot.store.messages.kudos import add_kudos
from slackbot.store.people import load_current_turn

log = structlog.get_logger()

HOME_PATIENCE = timedelta(seconds=3)
"""How long changes are gathered before App Homes are published again."""


async def save_changes(
    tx: Transaction,
    before: Request | None,
    after: Request | None,
    steps: Sequence[Step],
    now: datetime,
) -> None:
    if after is None:
        return
    if before is not None and after == before and after.accounts == before.accounts and not steps:
        return
    await requests.save_request(tx, after)
    for step in await _addressed(tx, steps, before or after, after):
        # An issue is moved once, but a replica of an older release may forget it.
        is_move = step.moved_to is not None and before is not None and before.moved_to is None
        of = uuid5(NAMESPACE_OID, f"moved {after.key}") if is_move else None
        await cards.add_message(tx, after.key, step, of=of)
    if before is None or _differs(before, after):
        await announce(tx, after.key, now, rank=after.due_at)
    if before is not None and before.state is not after.state and after.ticket is not None:
        # Their cards tell how it has ended.
        about = await requests.list_keys_about(tx, after.ticket)
        await announce_all(tx, {key: None for key in about if key != after.key}, now)
    if before is not None and before.state in UNFINISHED and after.state is State.CONTACTED:
        metrics.DEADLINES.labels("missed" if after.is_late else "met").inc()
    if before is None:
        log.info("request_found", issue=str(after.key), due_at=after.due_at.isoformat())


def _differs(before: Request, after: Request) -> bool:
    """Return whether people see that it has changed."""
    unseen = replace(before, gitlab_updated_at=after.gitlab_updated_at)
    if after.triage is None:  # else a comment is the response that is waited for
        unseen = replace(unseen, comments=after.comments)
    return unseen != after


async def save_listed(tx: Transaction, request: Request, rules: Rules, now: datetime) -> None:
    """Save what asks for no contact, as first seen. It has a card only where all bad ones do."""
    await requests.save_request(tx, request)
    if deserves_card(request, rules, now):
        await announce(tx, request.key, now)


async def _addressed(
    tx: Transaction, steps: Sequence[Step], before: Request, after: Request
) -> list[Step]:
    """Name who is told of what was done in GitLab."""
    addressed, owner = [], before.holder
    for step in steps:
        if ends_unheard(step, before, after):
            addressed.append(await _of_end(tx, step, after, owner))
        else:
            addressed.append(replace(step, owner=owner))
        if step.kind in REASSIGNS:
            owner = after.holder
    return addressed


async def _of_end(tx: Transaction, step: Step, request: Request, owner: Person | None) -> Step:
    found = await requests.load_request_record(tx, request.key)
    pending = [each.decision for each in found.pending] if found else []
    step = replace(step, owner=holder_after(owner, pending))
    if any(isinstance(each.action, MarkContacted) for each in pending):
        return step  # the contact is on its way to GitLab
    turn = await load_current_turn(tx, request.route)
    return replace(step, on_duty=turn.on_duty.people if turn else ())


async def note_delivered(tx: Transaction, decision: Decision, now: datetime) -> None:
    """Note that GitLab has it. Kudos go on from there."""
    if isinstance(decision.action, Kudos):
        await add_kudos(tx, decision)
        jobs.enqueue_periodic(tx, PeriodicQueue.KUDOS, now, urgent=True)
    await decisions.finish_decision(tx, decision, Status.DELIVERED, now)


async def refuse(tx: Transaction, decision: Decision, problem: str, now: datetime) -> None:
    """Tell the person why a decision does not reach GitLab."""
    await decisions.finish_decision(tx, decision, Status.REFUSED, now, problem)
    step = Step(
        kind=StepKind.REFUSED, who=decision.by, at=now, detail=problem, decision=decision.id
    )
    await cards.add_message(tx, decision.key, step)
    await announce(tx, decision.key, now, urgent=True)
    metrics.DECISIONS.labels("rejected").inc()


async def announce(
    tx: Transaction,
    key: IssueKey,
    now: datetime,
    *,
    urgent: bool = False,
    rank: datetime | None = None,
) -> None:
    """Bring everything that shows a request up to date, in the transaction of its change.

    ``urgent``: a person waits. The earlier ``rank`` goes first.
    """
    await announce_all(tx, {key: rank}, now, urgent=urgent)


async def announce_all(
    tx: Transaction,
    ranks: Mapping[IssueKey, datetime | None],
    now: datetime,
    *,
    urgent: bool = False,
) -> None:
    """Write cards in one order everywhere, so that no two transactions wait for each other.

    A click must not fail for what is done beside it.
    """
    for key in sorted(ranks):
        metrics.way_to_card.changed(key)
        stands = await cards.make_stale(tx, key)
        jobs.enqueue(tx, IssueQueue.CARD, [key], now, urgent=urgent, rank=ranks[key])
        if stands:  # else the one who posts it enqueues the reminders
            jobs.enqueue(tx, IssueQueue.REMINDERS, [key], now)
    announce_queue(tx, now)


def announce_queue(tx: Transaction, now: datetime) -> None:
    jobs.enqueue_periodic(tx, PeriodicQueue.HOMES, now, after=HOME_PATIENCE)


FEW = 10
"""Up to this many requests found at once are posted one by one."""


async def begin_catch_up(
    tx: Transaction, at: datetime, since: datetime | None, teams: Iterable[str] = ("",)
) -> None:
    """Note that a poll has found many requests; again, it changes nothing.

    Use the transaction that enqueues them, so that no card comes before. The poll began ``at``; the
    one before ended at ``since``, ``None`` at the first start.
    """
    for team in teams:
        fact = facts.CATCH_UP.of(team)
        last = await fact.load(tx)
        if last is None or last.is_told:
            log.info("catching_up", since=since.isoformat() if since else None)
            last = CatchUp(key=at.isoformat(), at=at, since=since)
        await fact.save(tx, replace(last, at=at))


async def enqueue_summary(tx: Transaction, now: datetime, teams: Iterable[str] = ("",)) -> None:
    for team in teams:
        catch_up = await facts.CATCH_UP.of(team).load(tx)
        if catch_up is not None and not catch_up.is_told:
            jobs.enqueue_periodic(tx, PeriodicQueue.SUMMARY, now, urgent=True)
