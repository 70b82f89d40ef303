"""Requests and decisions in the database."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Text, literal, select, text, type_coerce
from sqlalchemy.exc import IntegrityError, StatementError

from slackbot.rules.decision import (
    Action,
    Channel,
    ChooseLabel,
    Claim,
    Decision,
    MarkContacted,
    Release,
    Step,
    StepKind,
    TakeOver,
)
from slackbot.rules.request import IssueKey, Person, Request, Rules, State
from slackbot.rules.timing.deadline import ALWAYS
from slackbot.store import decisions, facts, jobs, requests, schema
from slackbot.store.decisions import FORGOTTEN_TEXT, Status
from slackbot.store.engine.database import Database, Transaction
from slackbot.store.jobs import IssueQueue
from slackbot.store.messages import cards
from slackbot.store.schema import UnreadableError

KEY, OTHER = IssueKey(7, 12), IssueKey(7, 13)
NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
DANA = Person(name="Dana Duty", gitlab="dana")

WAITING = Request(
    key=KEY,
    url="https://gitlab.example/-/issues/12",
    title="Negative feedback for ticket 412345",
    asked_at=NOW - timedelta(days=3),
    due_at=NOW + timedelta(days=1),
)
FULL = replace(
    WAITING,
    ticket=412345,
    comment="Nobody answered.\n<!channel> 😀",
    organization="Example & Sons",
    score="2",
    labels=frozenset({"SSAT::Contact", "feedback::soft-skills"}),
    assignees=("avery", "dana"),
    is_open=False,
    is_requested=False,
    is_gone=True,
    holder=AVERY,
    held_since=NOW - timedelta(hours=1),
    contacted_at=NOW - timedelta(microseconds=1),
    contacted_by=DANA,
    closed_by="dana",
    gitlab_updated_at=NOW,
)
RULES = Rules(
    contact_label="contact",
    contacted_label="contacted",
    scope="feedback",
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)
TEXT = "Dear customer, we are sorry."
CONTACT = MarkContacted(
    channel=Channel.EMAIL, text=TEXT, at=NOW - timedelta(hours=2), label="feedback::x", close=False
)
ACTIONS: list[Action] = [
    Claim(),
    TakeOver(holder=DANA),
    Release(),
    ChooseLabel(label="feedback::a", replaces="feedback::b"),
    CONTACT,
]


def decided(action: Action, number: int = 1, key: IssueKey = KEY) -> Decision:
    return Decision(id=uuid5(UUID(int=0), str(number)), key=key, by=AVERY, at=NOW, action=action)


async def add(tx: Transaction, *made: Decision) -> None:
    for decision in made:
        await decisions.add_decision(tx, decision, f"interaction of {decision.id}")


# --- Requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [WAITING, FULL], ids=["waiting", "full"])
async def test_a_request_is_read_back_as_it_was_written(
    database: Database, request_: Request
) -> None:
    async with database.transaction() as tx:
        await requests.save_request(tx, request_)
    async with database.transaction() as tx:
        assert await requests.load_request(tx, KEY) == request_
        assert await requests.load_request(tx, OTHER) is None
        assert await requests.load_request_record(tx, OTHER) is None


async def test_the_last_writing_counts(database: Database) -> None:
    async with database.transaction() as tx:
        await requests.save_request(tx, FULL)
        await requests.save_request(tx, WAITING)
        assert await requests.load_request(tx, KEY) == WAITING
        assert await requests.list_unfinished_keys(tx) == [KEY]


_text = st.text(st.characters(codec="utf-8"), max_size=20)
_moments = st.builds(
    lambda ahead, zone: (NOW + ahead).astimezone(zone),
    st.timedeltas(timedelta(days=-9999), timedelta(days=9999)),
    st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
_people = st.builds(
    Person,
    name=_text,
    slack_team=st.none() | _text,
    slack_user=st.none() | _text,
    gitlab=st.none() | _text,
)


@given(
    request_=st.builds(
        replace,
        st.just(FULL),
        title=_text,
        comment=st.none() | _text,
        labels=st.frozensets(_text, max_size=4),
        assignees=st.lists(_text, max_size=3).map(tuple),
        holder=st.none() | _people,
        due_at=_moments,
        contacted_at=st.none() | _moments,
    ),
    action=st.one_of(
        st.builds(TakeOver, holder=_people),
        st.builds(ChooseLabel, label=_text, replaces=st.none() | _text),
        st.builds(
            MarkContacted,
            channel=st.sampled_from(Channel),
            text=st.none() | _text,
            at=_moments,
            label=st.none() | _text,
            close=st.booleans(),
        ),
    ),
    number=st.uuids(),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_whatever_people_write_is_read_back(
    database: Database, request_: Request, action: Action, number: UUID
) -> None:
    decision = replace(decided(action), id=number)
    async with database.transaction() as tx:
        await requests.save_request(tx, request_)
        await tx.execute(schema.decisions.delete())
        await add(tx, decision)
    async with database.transaction() as tx:
        known = await requests.load_request_record(tx, KEY)
    assert known is not None
    assert known.confirmed == request_
    assert [each.decision for each in known.pending] == [decision]


async def _insert(tx: Transaction, document: dict[str, Any]) -> None:
    await tx.execute(
        schema.requests.insert().values(
            project=KEY.project,
            iid=KEY.iid,
            state=State.WAITING,
            due_at=NOW,
            is_open=True,
            document=literal(json.dumps(document), Text),
        )
    )


_OLDEST: dict[str, Any] = {
    "key": {"project": 7, "iid": 12},
    "url": "https://gitlab.example/-/issues/12",
    "title": "Negative feedback for ticket 412345",
    "asked_at": "2026-01-30T09:30:00Z",
    "due_at": "2026-02-03T09:30:00Z",
}


async def test_what_an_older_release_wrote_can_be_read(database: Database) -> None:
    async with database.transaction() as tx:
        await _insert(tx, _OLDEST)
        assert await requests.load_request(tx, KEY) == WAITING


async def test_what_a_newer_release_wrote_can_be_read_but_for_what_is_new(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await _insert(tx, _OLDEST | {"mood": "angry", "holder": {"name": "Dana", "shift": 2}})
        request = await requests.load_request(tx, KEY)
    assert request == replace(WAITING, holder=Person(name="Dana"))


async def test_a_damaged_row_is_named_without_what_the_customer_wrote(database: Database) -> None:
    async with database.transaction() as tx:
        await _insert(tx, _OLDEST | {"comment": "Nobody answered.", "due_at": "soon"})
        with pytest.raises(UnreadableError, match="due_at") as caught:
            await requests.load_request(tx, KEY)
    assert "Nobody answered" not in str(caught.value)
    assert "run `ssat-bot rebuild`" in str(caught.value)
    assert caught.value.__cause__ is None


# --- Lists -------------------------------------------------------------------------------------


async def test_the_lists_are_ordered_by_deadline_and_hold_what_they_say(
    database: Database,
) -> None:
    def request(iid: int, days: int, **changes: Any) -> Request:
        due = NOW + timedelta(days=days)
        return replace(WAITING, key=IssueKey(7, iid), due_at=due, **changes)

    kept = [
        request(1, 5),
        request(2, 2, holder=AVERY),
        request(3, 4, contacted_at=NOW),  # contacted, and the issue left open
        request(4, 3, is_requested=False),
        request(5, 1, is_open=False),
        request(6, 1, is_gone=True),
        request(7, 2),
    ]
    async with database.transaction() as tx:
        for each in kept:
            await requests.save_request(tx, each)
        unfinished = [key.iid for key in await requests.list_unfinished_keys(tx)]
        waiting = [each.key.iid for each in await requests.list_unfinished(tx)]
        deadlines = await requests.list_open_deadlines(tx)
        iids = await requests.list_open_iids(tx, 7, asks=True)
        elsewhere = await requests.list_open_iids(tx, 8, asks=True)
        due = await requests.list_due_moments(tx)
    assert unfinished == waiting == [2, 7, 1]
    assert (iids, elsewhere) == ([1, 2, 3, 4, 6, 7], [])
    known = [key.iid for key, _ in deadlines]
    assert sorted(known) == [1, 2, 3, 4, 6, 7]  # what is out of sight may come back
    assert [(key.iid, due_at) for key, due_at in deadlines][-1] == (1, NOW + timedelta(days=5))
    assert due == [NOW + timedelta(days=days) for days in (2, 2, 5)]


# --- Decisions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.kind)
async def test_a_decision_is_read_back_as_it_was_written(
    database: Database, action: Action
) -> None:
    decision = decided(action)
    async with database.transaction() as tx:
        await requests.save_request(tx, WAITING)
        await decisions.add_decision(tx, decision, "interaction")
    async with database.transaction() as tx:
        found = await decisions.load_by_interaction(tx, "interaction")
        known = await requests.load_request_record(tx, KEY)
    assert found is not None
    assert found.decision == decision
    assert (found.status, found.begun_at, found.problem) == (Status.PENDING, None, None)
    assert known is not None
    assert known.pending == (found,)


async def test_decisions_stand_in_the_order_in_which_they_were_made(database: Database) -> None:
    made = [decided(Claim(), number) for number in range(9)]
    async with database.transaction() as tx:
        await requests.save_request(tx, WAITING)
        await add(tx, *made, decided(Release(), 99, OTHER))
        known = await requests.load_request_record(tx, KEY)
    assert known is not None
    assert [each.decision for each in known.pending] == made


async def test_one_interaction_makes_one_decision(database: Database) -> None:
    async with database.transaction() as tx:
        await decisions.add_decision(tx, decided(Claim(), 1), "the same")
    with pytest.raises(IntegrityError):
        async with database.transaction() as tx:
            await decisions.add_decision(tx, decided(Release(), 2, OTHER), "the same")
    async with database.transaction() as tx:
        assert len(await decisions.list_pending_moments(tx)) == 1
        assert await decisions.load_by_interaction(tx, "another") is None


async def test_a_decision_that_is_not_committed_was_never_made(database: Database) -> None:
    async def killed() -> None:
        async with database.transaction() as tx:
            await decisions.add_decision(tx, decided(Claim()), "interaction")
            raise RuntimeError("the process is killed here")

    with pytest.raises(RuntimeError):
        await killed()
    async with database.transaction() as tx:
        assert await decisions.load_by_interaction(tx, "interaction") is None


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.DROPPED])
async def test_the_text_is_forgotten_when_it_is_no_longer_needed(
    database: Database, status: Status
) -> None:
    decision = decided(CONTACT)
    async with database.transaction() as tx:
        await add(tx, decision)
        await decisions.finish_decision(tx, decision, status, NOW)
        found = await decisions.load_decision(tx, KEY, decision.id)
        document = await tx.scalar(select(type_coerce(schema.decisions.c.document, Text)))
    assert TEXT not in str(document)
    assert found is not None
    assert found.status is status
    assert found.decision.action == replace(CONTACT, text=FORGOTTEN_TEXT)  # and nothing else


async def test_the_text_is_kept_as_long_as_it_may_still_be_delivered(database: Database) -> None:
    decision = decided(CONTACT)
    async with database.transaction() as tx:
        await add(tx, decision)
        await decisions.finish_decision(tx, decision, Status.REFUSED, NOW, "GitLab answered 403")
        assert await decisions.revive_decision(tx, decision)
        found = await decisions.load_decision(tx, KEY, decision.id)
    assert found is not None
    assert (found.decision, found.status, found.problem) == (decision, Status.PENDING, None)


async def test_a_contact_without_text_has_none_to_forget(database: Database) -> None:
    decision = decided(replace(CONTACT, channel=Channel.CALL, text=None))
    async with database.transaction() as tx:
        await add(tx, decision)
        await decisions.finish_decision(tx, decision, Status.DELIVERED, NOW)
        found = await decisions.load_decision(tx, KEY, decision.id)
    assert found is not None
    assert found.decision == decision


async def test_what_has_ended_stands_no_longer_and_what_failed_stands_apart(
    database: Database,
) -> None:
    delivered, refused, dropped, pending = (decided(Claim(), number) for number in range(4))
    async with database.transaction() as tx:
        await requests.save_request(tx, WAITING)
        await add(tx, delivered, refused, dropped, pending)
        await decisions.finish_decision(tx, delivered, Status.DELIVERED, NOW)
        await decisions.finish_decision(tx, refused, Status.REFUSED, NOW, "GitLab answered 403")
        await decisions.finish_decision(tx, dropped, Status.DROPPED, NOW)
        known = await requests.load_request_record(tx, KEY)
        assert len(await decisions.list_pending_moments(tx)) == 1
    assert known is not None
    assert [each.decision for each in known.pending] == [pending]
    assert [(each.decision, each.problem) for each in known.refused] == [
        (refused, "GitLab answered 403")
    ]


async def test_only_a_refused_decision_about_this_issue_can_be_revived(
    database: Database,
) -> None:
    pending, refused = decided(Claim(), 1), decided(Claim(), 2)
    async with database.transaction() as tx:
        await add(tx, pending, refused)
        await decisions.finish_decision(tx, refused, Status.REFUSED, NOW, "GitLab answered 403")
        assert not await decisions.revive_decision(tx, pending)
        assert not await decisions.revive_decision(tx, replace(refused, key=OTHER))
        assert not await decisions.revive_decision(tx, replace(refused, id=UUID(int=9)))
        assert await decisions.load_decision(tx, OTHER, refused.id) is None
        assert await decisions.revive_decision(tx, refused)
        assert not await decisions.revive_decision(tx, refused)


async def test_what_came_to_nothing_is_to_be_withdrawn_if_a_note_of_it_may_stand(
    database: Database,
) -> None:
    refused, dropped, unbegun, pending, delivered, contact, bad = each = [
        decided(CONTACT if number == 5 else Claim(), number) for number in range(7)
    ]
    other = decided(Claim(), 7, OTHER)
    ends = {refused: Status.REFUSED, dropped: Status.DROPPED, unbegun: Status.REFUSED}
    ends |= {delivered: Status.DELIVERED, contact: Status.REFUSED, bad: Status.REFUSED}
    async with database.transaction() as tx:
        await add(tx, *each, other)
        for decision in {*each, other} - {unbegun}:
            await decisions.begin_decision(tx, decision.id, NOW)
        for decision, status in (ends | {other: Status.REFUSED}).items():
            await decisions.finish_decision(tx, decision, status, NOW)
        spoiled = schema.decisions.update().where(schema.decisions.c.id == str(bad.id))
        await tx.execute(spoiled.values(document=literal("{}", Text)))
        assert await decisions.list_to_withdraw(tx, KEY) == [refused, dropped]

        for decision in (refused, pending):
            await decisions.note_withdrawn(tx, decision.id)
        assert await decisions.list_to_withdraw(tx, KEY) == [dropped]
        on_its_way = await decisions.load_decision(tx, KEY, pending.id)
    assert on_its_way is not None
    assert on_its_way.begun_at == NOW


async def test_what_is_tried_again_is_looked_for_whatever_the_record_says(
    database: Database,
) -> None:
    decision = decided(Claim())
    async with database.transaction() as tx:
        await add(tx, decision)
        await decisions.finish_decision(tx, decision, Status.REFUSED, NOW, "GitLab answered 403")
        await decisions.revive_decision(tx, decision)
        found = await decisions.load_decision(tx, KEY, decision.id)
    assert found is not None
    assert found.begun_at == decision.at


async def test_what_is_tried_again_is_kept_as_it_is_wanted_then(database: Database) -> None:
    decision = decided(Release())
    async with database.transaction() as tx:
        await add(tx, decision)
        await decisions.finish_decision(tx, decision, Status.REFUSED, NOW, "assigned again")
        confirmed = replace(decision, action=Release(since=NOW))
        await decisions.revive_decision(tx, confirmed)
        found = await decisions.load_decision(tx, KEY, decision.id)
    assert found is not None
    assert found.decision == confirmed


async def test_the_first_moment_at_which_a_write_may_have_left_is_kept(
    database: Database,
) -> None:
    decision = decided(Claim())
    async with database.transaction() as tx:
        await add(tx, decision)
        await decisions.begin_decision(tx, decision.id, NOW)
        await decisions.begin_decision(tx, decision.id, NOW + timedelta(hours=1))
        found = await decisions.load_decision(tx, KEY, decision.id)
    assert found is not None
    assert found.begun_at == NOW


async def test_a_problem_is_news_once_and_concerns_what_is_on_its_way(database: Database) -> None:
    pending, ended, elsewhere = decided(Claim(), 1), decided(Claim(), 2), decided(Claim(), 3, OTHER)
    async with database.transaction() as tx:
        await add(tx, pending, ended, elsewhere)
        await decisions.finish_decision(tx, ended, Status.DELIVERED, NOW)
        assert await decisions.note_problem(tx, KEY, "GitLab is failing (502)")
        assert not await decisions.note_problem(tx, KEY, "GitLab is failing (502)")
        assert await decisions.note_problem(tx, KEY, "no answer from GitLab")
        assert not await decisions.note_problem(tx, IssueKey(7, 99), "no answer from GitLab")
        problems = [
            getattr(await decisions.load_decision(tx, each.key, each.id), "problem", "missing")
            for each in (pending, ended, elsewhere)
        ]
    assert problems == ["no answer from GitLab", None, None]


# --- At once -----------------------------------------------------------------------------------


async def test_of_many_who_change_a_request_at_once_none_is_overwritten(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await requests.save_request(tx, replace(WAITING, score="0"))

    async def count_up() -> None:
        async with database.transaction() as tx:
            request = await requests.load_request(tx, KEY, lock=True)
            assert request is not None
            await requests.save_request(
                tx, replace(request, score=str(int(request.score or 0) + 1))
            )

    await asyncio.gather(*(count_up() for _ in range(8)))
    async with database.transaction() as tx:
        request = await requests.load_request(tx, KEY)
    assert request is not None
    assert request.score == "8"


# --- Moments -----------------------------------------------------------------------------------

NAIVE = NOW.replace(tzinfo=None)


async def enqueue_naively(tx: Transaction) -> None:
    jobs.enqueue(tx, IssueQueue.SYNC, [KEY], NAIVE)
    await tx.end()


@pytest.mark.parametrize(
    "write",
    [
        lambda tx: requests.save_request(tx, replace(WAITING, due_at=NAIVE)),
        lambda tx: decisions.add_decision(tx, replace(decided(Claim()), at=NAIVE), "interaction"),
        lambda tx: decisions.begin_decision(tx, UUID(int=1), NAIVE),
        lambda tx: decisions.finish_decision(tx, decided(Claim()), Status.DELIVERED, NAIVE),
        enqueue_naively,
        lambda tx: cards.begin_posting(tx, KEY, "C1", NAIVE),
        lambda tx: facts.remember_deliveries(tx, ["delivery"], NAIVE),
    ],
)
async def test_a_moment_without_a_zone_is_refused(
    database: Database, write: Callable[[Transaction], Awaitable[object]]
) -> None:
    with pytest.raises(StatementError, match="without a time zone"):
        async with database.transaction() as tx:
            await write(tx)


async def test_a_moment_is_read_back_in_utc_whatever_zone_it_was_written_in(
    database: Database,
) -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    async with database.transaction() as tx:
        await requests.save_request(tx, replace(WAITING, due_at=tokyo))
        [due] = await requests.list_due_moments(tx)
        zone = await tx.scalar(text("SELECT due_at FROM requests"))
    assert due == NOW
    assert due.tzinfo is UTC
    assert zone is not None


# --- The request as decided --------------------------------------------------------------------


async def test_a_request_as_decided_has_what_is_pending_and_nothing_that_was_refused(
    database: Database,
) -> None:
    claim, label = decided(Claim(), 1), decided(ChooseLabel(label="feedback::a"), 2)
    refused = decided(Release(), 3)
    async with database.transaction() as tx:
        assert await requests.load_request_record(tx, KEY) is None
        await requests.save_request(tx, WAITING)
        await add(tx, claim, label, refused)
        await decisions.finish_decision(tx, refused, Status.REFUSED, NOW, "GitLab answered 403")
        found = await requests.load_request_record(tx, KEY)
    assert found is not None
    assert found.confirmed == WAITING
    # The refused release is not believed: Avery still has it.
    request = found.decided(RULES)
    assert (request.state, request.holder) == (State.CLAIMED, AVERY)
    assert request.label_of("feedback") == "feedback::a"
    assert [each.decision for each in found.pending] == [claim, label]
    assert [each.decision for each in found.refused] == [refused]


# --- Steps -------------------------------------------------------------------------------------


async def test_a_step_is_read_back_as_it_was_written(database: Database) -> None:
    step = Step(kind=StepKind.TAKEN_OVER, at=NOW, who=AVERY, other=DANA, detail="x", in_gitlab=True)
    async with database.transaction() as tx:
        await cards.add_message(tx, KEY, step)
        [message] = await cards.list_queued_steps(tx, KEY)
    assert message.step == step
