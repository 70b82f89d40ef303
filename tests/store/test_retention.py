"""What the record forgets once it has ended long ago, and what it never forgets."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest
from sqlalchemy import func, select

from slackbot.rules.decision import Channel, Decision, MarkContacted, Step, StepKind
from slackbot.rules.request import IssueKey, Person, Request
from slackbot.store import decisions, requests, retention, schema
from slackbot.store.decisions import FORGOTTEN_TEXT, Status
from slackbot.store.engine.database import Database, Transaction
from slackbot.store.messages import cards

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
OLD, BEFORE = NOW - timedelta(days=91), NOW - timedelta(days=90)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
TEXT = "Dear customer, we are sorry."
CONTACT = MarkContacted(channel=Channel.EMAIL, text=TEXT, at=OLD)

WAITING = Request(
    key=IssueKey(7, 1),
    url="https://gitlab.example/-/issues/1",
    title="Negative feedback for ticket 412345",
    asked_at=OLD,
    due_at=OLD + timedelta(days=2),
    gitlab_updated_at=OLD,
)
CONTACTED = replace(WAITING, contacted_at=OLD)
CLOSED = replace(WAITING, is_open=False)


def decided(key: IssueKey, number: int = 0) -> Decision:
    ident = uuid5(UUID(int=0), f"{key} {number}")
    return Decision(id=ident, key=key, by=AVERY, at=OLD, action=CONTACT)


async def add(
    tx: Transaction, request: Request, status: Status | None = None, ended: datetime = OLD
) -> None:
    """Put a request on record, with a card, a step told and, if need be, a decision."""
    await requests.save_request(tx, request)
    await cards.make_stale(tx, request.key)
    await cards.add_message(tx, request.key, Step(kind=StepKind.CLOSED, at=OLD))
    for message in await cards.list_queued_steps(tx, request.key):
        await cards.end_message(tx, message.id, ended)
    if status:
        await decide(tx, request.key, status, ended)


async def decide(
    tx: Transaction, key: IssueKey, status: Status, ended: datetime, number: int = 0
) -> None:
    decision = decided(key, number)
    await decisions.add_decision(tx, decision, f"interaction {decision.id}")
    if status is not Status.PENDING:
        await decisions.finish_decision(tx, decision, status, ended, "No.")


async def rows(tx: Transaction) -> dict[str, int]:
    """Count the rows of the tables that grow with every request."""
    tables = (schema.requests, schema.cards, schema.messages, schema.decisions)
    counts = {each.name: await tx.scalar(select(func.count()).select_from(each)) for each in tables}
    return {name: count or 0 for name, count in counts.items()}


async def statuses(tx: Transaction) -> Sequence[str]:
    rows = await tx.scalars(select(schema.decisions.c.status).order_by(schema.decisions.c.seq))
    return rows.all()


# --- Requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "decision", "is_forgotten"),
    [
        (CONTACTED, Status.DELIVERED, True),
        (CLOSED, None, True),
        (replace(WAITING, is_requested=False), None, True),
        (replace(WAITING, is_gone=True), None, True),
        # Nobody has tried it again in all the time.
        (CONTACTED, Status.REFUSED, True),
        # A customer waits, for however long.
        (WAITING, None, False),
        (replace(WAITING, holder=AVERY, held_since=OLD), None, False),
        # GitLab does not have it yet.
        (CONTACTED, Status.PENDING, False),
        # The issue has changed meanwhile, or nobody knows.
        (replace(CLOSED, gitlab_updated_at=BEFORE), None, False),
        (replace(CLOSED, gitlab_updated_at=None), None, False),
    ],
)
async def test_a_request_that_has_ended_long_ago_is_forgotten_with_all_about_it(
    database: Database, request_: Request, decision: Status | None, is_forgotten: bool
) -> None:
    other = replace(WAITING, key=IssueKey(7, 2))
    async with database.transaction() as tx:
        await add(tx, request_, decision)
        await add(tx, other, Status.DELIVERED)
        before = await rows(tx)
        assert await retention.forget_requests(tx, BEFORE) == is_forgotten
        after = await rows(tx)
    kept = dict.fromkeys(before, 1)  # what is about the other
    assert after == (kept if is_forgotten else before)


async def test_so_much_is_forgotten_at_once_and_the_rest_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 40)
    async with database.transaction() as tx:
        for iid in range(1, 101):
            # The older an issue, the sooner it goes.
            aged = replace(CLOSED, key=IssueKey(7, iid), gitlab_updated_at=OLD - iid * timedelta(1))
            await add(tx, aged, Status.DELIVERED)
        assert await retention.forget_requests(tx, BEFORE) == 40
        assert set((await rows(tx)).values()) == {60}
        assert await requests.load_request(tx, IssueKey(7, 60)) is not None
        assert await requests.load_request(tx, IssueKey(7, 61)) is None
        assert [await retention.forget_requests(tx, BEFORE) for _ in range(3)] == [40, 20, 0]
        assert set((await rows(tx)).values()) == {0}


async def test_a_request_on_which_somebody_is_deciding_is_not_forgotten(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await add(tx, CONTACTED)
    is_locked, may_end = asyncio.Event(), asyncio.Event()

    async def click() -> None:
        async with database.transaction() as tx:
            await requests.load_request_record(tx, CONTACTED.key, lock=True)
            is_locked.set()
            await may_end.wait()
            await decide(tx, CONTACTED.key, Status.PENDING, NOW)

    async def purge() -> int:
        async with database.transaction() as tx:
            return await retention.forget_requests(tx, BEFORE)

    clicking = asyncio.create_task(click())
    await is_locked.wait()
    purging = asyncio.create_task(purge())
    if not database.is_sqlite:  # there one waits for the other
        assert await purging == 0
    may_end.set()
    await clicking
    assert await purging == 0
    async with database.transaction() as tx:
        known = await requests.load_request_record(tx, CONTACTED.key)
    assert known is not None
    assert len(known.pending) == 1


# --- Decisions and messages --------------------------------------------------------------------


async def test_decisions_that_ended_long_ago_are_forgotten(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    kept = [Status.PENDING, Status.REFUSED]
    async with database.transaction() as tx:
        await add(tx, WAITING)
        for number, status in enumerate([*Status, *Status, *Status]):
            await decide(tx, WAITING.key, status, OLD, number)
        await decide(tx, WAITING.key, Status.DELIVERED, BEFORE, 99)
        assert [await retention.forget_decisions(tx, BEFORE) for _ in range(4)] == [2, 2, 2, 0]
        assert list(await statuses(tx)) == [*kept * 3, Status.DELIVERED]


async def test_messages_that_were_sent_long_ago_are_forgotten(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    async with database.transaction() as tx:
        for _ in range(3):
            await add(tx, WAITING, ended=OLD)
        await add(tx, WAITING, ended=BEFORE)
        await cards.add_message(tx, WAITING.key, Step(kind=StepKind.REOPENED, at=OLD))
        assert [await retention.forget_messages(tx, BEFORE) for _ in range(3)] == [2, 1, 0]
        assert (await rows(tx))["messages"] == 2
        assert len(await cards.list_queued_steps(tx, WAITING.key)) == 1


async def test_a_choice_that_was_refused_long_ago_ends_without_its_text(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    others = [IssueKey(7, iid) for iid in (2, 3)]
    async with database.transaction() as tx:
        for key in (WAITING.key, *others):
            await add(tx, replace(WAITING, key=key), Status.REFUSED)
        await decide(tx, WAITING.key, Status.REFUSED, BEFORE, 1)
        assert await retention.drop_refused(tx, BEFORE, NOW) == [WAITING.key, others[0]]
        assert await retention.drop_refused(tx, BEFORE, NOW) == [others[1]]
        assert await retention.drop_refused(tx, BEFORE, NOW) == []
        assert list(await statuses(tx)) == [*["dropped"] * 3, "refused"]
        dropped = await decisions.load_decision(tx, WAITING.key, decided(WAITING.key).id)
    assert dropped is not None
    assert isinstance(dropped.decision.action, MarkContacted)
    assert dropped.decision.action.text == FORGOTTEN_TEXT
    assert dropped.problem is None
