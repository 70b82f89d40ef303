"""Whatever people do in Slack and GitLab, in whatever order: the record says what a model says.

The rules and the record are the real ones, on a real SQLite file; the model beside them is as
simple as can be. Decisions go to GitLab one by one, as `delivery/sync.py` delivers them.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid5

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Row, Text, select, type_coerce

from slackbot.rules.decision import (
    Action,
    Channel,
    ChooseLabel,
    Claim,
    ClearLabel,
    Close,
    Closing,
    Decision,
    MarkContacted,
    Release,
    Reopen,
    Review,
    TakeOver,
    UndoContacted,
    apply,
    decide,
    has_happened,
)
from slackbot.rules.refusals import AlreadyYours, Refusal, SameLabel
from slackbot.rules.request import UNFINISHED, Request, Rules, State
from slackbot.rules.timing.deadline import ALWAYS
from slackbot.store import decisions, requests
from slackbot.store.decisions import FORGOTTEN_TEXT, Status
from slackbot.store.engine.database import Database, Transaction
from slackbot.store.requests import RequestRecord
from slackbot.store.schema import decisions as table
from slackbot.sync.reading.observe import observe
from tests.conftest import migrated_sqlite
from tests.model import (
    BORN,
    CONTACT,
    CONTACTED,
    IN_GITLAB,
    IN_SLACK,
    KEY,
    LABELS,
    PEOPLE,
    SCOPE,
    Belief,
    Page,
    may,
    name_of,
    then,
)

T = TypeVar("T")
Rows = Sequence[Row[Any]]

RULES = Rules(
    contact_label=CONTACT,
    contacted_label=CONTACTED,
    scope=SCOPE,
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)
TEXT = "Dear customer"

who = st.sampled_from(IN_SLACK)
anybody = st.sampled_from(tuple(PEOPLE))
label = st.sampled_from(LABELS)
label_or_none = st.none() | label
hook = st.booleans()


def verdict(request: Request, decision: Decision) -> Refusal | None:
    """What the rules say."""
    return decide(request, decision.action, decision.by, decision.at, labels=LABELS, scope=SCOPE)


class Triage(RuleBasedStateMachine):
    """People, GitLab and a bot that is restarted, one step a minute."""

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        (Path(self.folder.name) / "ssat-bot.db").write_bytes(migrated_sqlite())
        self.database = self.connect()
        self.now, self.page = BORN, Page()
        self.confirmed, self.pending = Belief(), list[Decision]()
        self.interactions: list[tuple[str, Decision]] = []
        self.numbers = itertools.count()
        self.look()

    def connect(self) -> Database:
        return Database(f"sqlite:///{self.folder.name}/ssat-bot.db")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.database.close())
        self.runner.close()
        self.folder.cleanup()

    @property
    def believed(self) -> Belief:
        """What the model says with everything that is decided."""
        believed = self.confirmed
        for decision in self.pending:
            believed = then(believed, decision)
        return believed

    def tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def new_id(self) -> UUID:
        return uuid5(UUID(int=0), str(next(self.numbers)))  # in no order, and the same every time

    # What people do in Slack

    def choose(self, by: str, action: Action) -> bool:
        """Let somebody decide, and tell whether it holds."""
        at, number = self.tick(), self.new_id()
        decision = Decision(id=number, key=KEY, by=PEOPLE[by], at=at, action=action)
        interaction = str(decision.id)
        agreed = may(self.believed, decision)
        assert self.run(self.click(decision, interaction)) is agreed
        if agreed:
            self.pending.append(decision)
            self.interactions.append((interaction, decision))
        return agreed

    async def click(self, decision: Decision, interaction: str) -> bool:
        """Judge and record, as the listeners do; tell whether it holds."""
        async with self.database.transaction() as tx:
            found = await self.found(tx)
            if await decisions.load_by_interaction(tx, interaction):
                return True
            if verdict(found.decided(RULES), decision) is not None:
                return False
            await decisions.add_decision(tx, decision, interaction)
            return True

    async def found(self, tx: Transaction) -> RequestRecord:
        found = await requests.load_request_record(tx, KEY, lock=True)
        assert found is not None
        return found

    @rule(by=who)
    def claim(self, by: str) -> None:
        self.choose(by, Claim())

    @precondition(lambda self: self.believed.holder)
    @rule(by=who)
    def take_over(self, by: str) -> None:
        self.take_over_from(by, self.believed.holder or "")

    @rule(by=who, seen=anybody)
    def take_over_from_whom_an_old_card_shows(self, by: str, seen: str) -> None:
        self.take_over_from(by, seen)

    def take_over_from(self, by: str, seen: str) -> None:
        self.choose(by, TakeOver(holder=PEOPLE[seen]))

    @rule(by=who)
    def release(self, by: str) -> None:
        if self.choose(by, Release()):
            found, _ = self.run(self.read())
            assert found.decided(RULES).holder is None

    @rule(by=who, chosen=label)
    def choose_label(self, by: str, chosen: str) -> None:
        self.choose(by, ChooseLabel(label=chosen, replaces=self.believed.label))

    @rule(by=who, chosen=label, seen=label_or_none)
    def choose_label_by_an_old_card(self, by: str, chosen: str, seen: str | None) -> None:
        self.choose(by, ChooseLabel(label=chosen, replaces=seen))

    @rule(by=who, chosen=label_or_none, close=st.booleans())
    def mark_contacted(self, by: str, chosen: str | None, close: bool) -> None:
        at = self.now + timedelta(minutes=1)
        contact = MarkContacted(channel=Channel.EMAIL, text=TEXT, at=at, label=chosen, close=close)
        self.choose(by, contact)

    @rule(by=who, seen=label)
    def clear_label(self, by: str, seen: str) -> None:
        self.choose(by, ClearLabel(label=seen))

    @rule(by=who, reopen=st.booleans())
    def undo_contacted(self, by: str, reopen: bool) -> None:
        self.choose(by, UndoContacted(text=TEXT, reopen=reopen))

    @rule(by=who, chosen=label_or_none, contact=st.booleans())
    def review(self, by: str, chosen: str | None, contact: bool) -> None:
        self.choose(by, Review(summary=TEXT, to_do=TEXT, contact=contact, label=chosen))

    @rule(by=who, knows=st.booleans())
    def close(self, by: str, knows: bool) -> None:
        self.choose(by, Close(reason=Closing.OTHER, text=TEXT, leaves_waiting=knows))

    @rule(by=who)
    def reopen(self, by: str) -> None:
        self.choose(by, Reopen(text=TEXT))

    @precondition(lambda self: self.interactions)
    @rule(data=st.data())
    def repeat_an_interaction(self, data: st.DataObject) -> None:
        interaction, decision = data.draw(st.sampled_from(self.interactions))
        assert self.run(self.click(replace(decision, id=self.new_id()), interaction))

    # What is done in GitLab; its webhook may be lost

    def in_gitlab(self, change: Callable[[], None], *, hook: bool) -> None:
        self.page.updated = self.tick()
        change()
        if hook:
            self.look()

    @rule(user=st.none() | st.sampled_from(IN_GITLAB), hook=hook)
    def assign_in_gitlab(self, user: str | None, hook: bool) -> None:
        self.in_gitlab(lambda: self.page.assign(user, self.now), hook=hook)

    @rule(chosen=label_or_none, hook=hook)
    def relabel_in_gitlab(self, chosen: str | None, hook: bool) -> None:
        self.in_gitlab(lambda: self.page.relabel(chosen, self.now), hook=hook)

    @precondition(lambda self: self.page.is_open)
    @rule(hook=hook)
    def close_in_gitlab(self, hook: bool) -> None:
        self.in_gitlab(lambda: setattr(self.page, "is_open", False), hook=hook)

    @precondition(lambda self: not self.page.is_open)
    @rule(hook=hook)
    def reopen_in_gitlab(self, hook: bool) -> None:
        self.in_gitlab(lambda: setattr(self.page, "is_open", True), hook=hook)

    @rule(is_on=st.booleans(), hook=hook)
    def mark_or_unmark_in_gitlab(self, is_on: bool, hook: bool) -> None:
        change = self.page.put if is_on else self.page.take
        self.in_gitlab(lambda: change(CONTACTED, self.now), hook=hook)

    @rule(hook=hook)
    def withdraw_in_gitlab(self, hook: bool) -> None:
        self.in_gitlab(lambda: self.page.take(CONTACT, self.now), hook=hook)

    @rule(hook=hook)
    def ask_again_in_gitlab(self, hook: bool) -> None:
        self.withdraw_in_gitlab(hook)
        self.in_gitlab(lambda: self.page.put(CONTACT, self.now), hook=hook)

    # What the bot does

    @rule()
    def look(self) -> None:
        """Read the issue, because of a webhook or a poll."""
        self.confirmed = self.page.believed(self.confirmed)
        self.run(self.converge())

    async def converge(self) -> None:
        async with self.database.transaction() as tx:
            known = await requests.load_request(tx, KEY, lock=True)
            request, _ = observe(known, self.page.seen(self.now), RULES)
            assert request is not None
            await requests.save_request(tx, request)

    @precondition(lambda self: self.pending)
    @rule()
    def deliver_the_oldest(self) -> None:
        self.look()
        decision = self.pending.pop(0)
        holds = has_happened(decision.action) or may(self.confirmed, decision)
        assert self.run(self.deliver(decision.id)) is holds
        if holds:
            self.confirmed = then(self.confirmed, decision)
            self.confirmed = replace(self.confirmed, assignee=self.page.assignee)

    async def deliver(self, expected: UUID) -> bool:
        """Judge the oldest decision again by what GitLab says; write it, if it still holds."""
        async with self.database.transaction() as tx:
            found = await self.found(tx)
            decision = found.pending[0].decision
            assert decision.id == expected
            is_done = has_happened(decision.action)
            refusal = None if is_done else verdict(found.confirmed, decision)
            if refusal is not None:
                has_it = isinstance(refusal, AlreadyYours | SameLabel)
                status = Status.DROPPED if has_it else Status.REFUSED
                await decisions.finish_decision(tx, decision, status, self.now)
                return False
            await decisions.begin_decision(tx, decision.id, self.now)
            self.page.write(decision, self.tick())
            await requests.save_request(tx, self.written(found.confirmed, decision))
            await decisions.finish_decision(tx, decision, Status.DELIVERED, self.now)
            return True

    def written(self, before: Request, decision: Decision) -> Request:
        """The request once GitLab has a decision; what the bot has done is nobody else's doing."""
        after = replace(
            apply(before, decision, RULES),
            assignees=(self.page.assignee,) if self.page.assignee else (),
            labels=frozenset(self.page.labels),
        )
        request, steps = observe(after, self.page.seen(self.now), RULES)
        assert request is not None
        assert steps == ()
        return request

    @rule()
    def restart(self) -> None:
        self.run(self.database.close())
        self.database = self.connect()
        self.run(self.database.open())

    # What always holds

    @invariant()
    def the_record_is_what_the_model_says(self) -> None:
        found, rows = self.run(self.read())
        believed, request = self.believed, found.decided(RULES)
        assert [each.decision for each in found.pending] == self.pending
        assert name_of(request.holder) == believed.holder
        assert request.label_of(SCOPE) == believed.label
        assert request.is_open == believed.is_open
        assert request.is_requested == believed.is_requested
        assert (request.state is State.CONTACTED) == believed.is_contacted
        assert (request.state not in UNFINISHED) == believed.is_over
        check_the_order(rows)
        check_what_has_happened(rows)
        check_the_texts(rows)

    async def read(self) -> tuple[RequestRecord, Rows]:
        async with self.database.transaction() as tx:
            as_text = type_coerce(table.c.document, Text).label("text")
            rows = await tx.execute(select(table, as_text).order_by(table.c.seq))
            return await self.found(tx), rows.all()


def check_the_order(rows: Rows) -> None:
    """Decisions end in the order in which they were made."""
    has_ended = [row.status != Status.PENDING for row in rows]
    assert has_ended == sorted(has_ended, reverse=True)
    ends = [row.finished_at for row in rows if row.finished_at]
    assert ends == sorted(ends)


def check_what_has_happened(rows: Rows) -> None:
    """No contact is ever refused."""
    for row in rows:
        if '"mark_contacted"' in row.text:
            assert row.status in (Status.PENDING, Status.DELIVERED)


def check_the_texts(rows: Rows) -> None:
    """What people typed is kept until GitLab has it, and no longer."""
    for row in rows:
        if TEXT in row.text or FORGOTTEN_TEXT in row.text:
            is_over = row.status in (Status.DELIVERED, Status.DROPPED)
            assert (TEXT in row.text) is (not is_over)
            assert (FORGOTTEN_TEXT in row.text) is is_over


TestTriage = Triage.TestCase
TestTriage.settings = settings(
    max_examples=settings().max_examples,
    stateful_step_count=25,
)
