"""Feedback that asks for no contact: listed apart, counted, and forgotten in its time."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.request import IssueKey, Request, State, Triage, Wait
from slackbot.store import requests, retention
from slackbot.store.engine.database import Database, Transaction
from slackbot.store.requests import RequestRecord
from tests.blocks.test_card import AVERY, DUE, FRIDAY

HOUR = timedelta(hours=1)
ONE = Request(
    key=IssueKey(7, 1),
    url="https://gitlab.example/-/issues/1",
    title="Positive feedback for ticket 412345",
    ticket=412345,
    sentiment=Sentiment.POSITIVE,
    author="support-automation",
    assignees=("avery",),
    comments=2,
    created_at=FRIDAY,
    asked_at=FRIDAY,
    due_at=DUE,
    is_requested=False,
    was_requested=False,
    gitlab_updated_at=FRIDAY,
    triage=Triage.AWAITED,
)
OLDER = replace(ONE, key=IssueKey(7, 2), ticket=None, created_at=FRIDAY - timedelta(days=8))
LABELED = replace(ONE, key=IssueKey(7, 3), triage=Triage.LABELED, triaged_at=FRIDAY)
CLOSED = replace(ONE, key=IssueKey(7, 4), is_open=False, triage=Triage.CLOSED, triaged_at=FRIDAY)
ASKS = replace(ONE, key=IssueKey(7, 5), is_requested=True, was_requested=True, triage=None)
WITHDRAWN = replace(ASKS, key=IssueKey(7, 6), is_requested=False, triage=Triage.AWAITED)
ALL = (ONE, OLDER, LABELED, CLOSED, ASKS)


async def save(tx: Transaction, *found: Request) -> None:
    for each in found:
        await requests.save_request(tx, each)


def iids(found: list[RequestRecord]) -> list[int]:
    return [each.confirmed.key.iid for each in found]


async def test_what_awaits_triage_is_listed_whole_and_the_oldest_first(database: Database) -> None:
    async with database.transaction() as tx:
        await save(tx, *ALL)
        found = await requests.list_untriaged_records(tx)
        assert [each.confirmed for each in found] == [OLDER, ONE]
        assert iids(await requests.list_untriaged_records(tx, most=1)) == [2]
        assert await requests.count_untriaged(tx) == 2


async def test_what_is_labeled_is_listed_apart_until_it_is_closed(database: Database) -> None:
    async with database.transaction() as tx:
        await save(tx, *ALL)
        assert iids(await requests.list_labeled_records(tx)) == [3]
        await save(tx, replace(LABELED, is_open=False, triage=Triage.CLOSED))
        assert await requests.list_labeled_records(tx) == []


async def test_a_ticket_has_all_that_was_said_about_it(database: Database) -> None:
    async with database.transaction() as tx:
        await save(tx, *ALL)
        assert sorted(iids(await requests.list_records_about(tx, 412345))) == [1, 3, 4, 5]


async def test_only_where_contact_is_asked_for_a_customer_waits(database: Database) -> None:
    async with database.transaction() as tx:
        await save(tx, *ALL)
        assert await requests.list_unfinished_keys(tx) == [ASKS.key]
        assert iids(await requests.list_unfinished_records(tx)) == [5]
        assert await requests.list_due_moments(tx) == [DUE]
        assert [key for key, _ in await requests.list_open_deadlines(tx)] == [ASKS.key]


async def test_the_poll_takes_turns_among_those_who_ask_and_among_the_others(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await save(tx, *ALL, WITHDRAWN, replace(ONE, key=IssueKey(8, 1)))
        assert await requests.list_open_iids(tx, 7, asks=True) == [5, 6]
        assert await requests.list_open_iids(tx, 7, asks=False) == [1, 2, 3]


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [(0, 1, {3, 4}), (-1, 0, set()), (1, 2, set()), (-1, 1, {3, 4})],
)
async def test_what_was_triaged_between_two_moments_is_known(
    database: Database, since: int, until: int, found: set[int]
) -> None:
    async with database.transaction() as tx:
        await save(tx, *ALL)
        start, end = FRIDAY + since * HOUR, FRIDAY + until * HOUR
        keys = await requests.list_triaged_between(tx, start, end)
        assert {key.iid for key in keys} == found


async def test_what_waits_on_others_is_listed_by_its_day_until_it_is_closed(
    database: Database,
) -> None:
    wait = Wait(what="The fix", until=date(2026, 2, 9), by=AVERY, at=FRIDAY)
    later = replace(ONE, waits_on=replace(wait, until=date(2026, 3, 1)))
    soon = replace(ASKS, waits_on=wait)
    async with database.transaction() as tx:
        await save(tx, *ALL, later, soon, replace(CLOSED, waits_on=wait))
        assert iids(await requests.list_dependent_records(tx)) == [5, 1]


async def test_of_another_project_no_plain_feedback_is_kept_but_what_was_asked_for_is(
    database: Database,
) -> None:
    elsewhere = replace(ONE, key=IssueKey(8, 1))
    async with database.transaction() as tx:
        await save(tx, *ALL, elsewhere)
        await requests.forget_open_of_other_projects(tx, {8})
        assert iids(await requests.list_untriaged_records(tx)) == [1]
        assert await requests.load_request(tx, elsewhere.key) == elsewhere
        assert await requests.load_request(tx, ONE.key) is None
        assert await requests.load_request(tx, ASKS.key) == ASKS


@pytest.mark.parametrize(
    ("request_", "is_forgotten"),
    [
        (ONE, False),  # open, for however long
        (LABELED, False),
        (CLOSED, True),
        (replace(CLOSED, gitlab_updated_at=FRIDAY + HOUR), False),
        (replace(ONE, is_gone=True, triage=None), True),
    ],
)
async def test_what_was_closed_is_forgotten_after_the_retention(
    database: Database, request_: Request, is_forgotten: bool
) -> None:
    async with database.transaction() as tx:
        await save(tx, request_)
        assert await retention.forget_requests(tx, FRIDAY + HOUR / 2) == is_forgotten
        assert (await requests.load_request(tx, request_.key) is None) is is_forgotten


async def test_what_turned_out_to_be_no_feedback_leaves_nothing_behind(database: Database) -> None:
    async with database.transaction() as tx:
        await save(tx, *ALL)
        await requests.forget_request(tx, ONE.key)
        assert await requests.load_request(tx, ONE.key) is None
        assert iids(await requests.list_untriaged_records(tx)) == [2]


def test_the_feedback_here_is_in_the_states_that_it_stands_for() -> None:
    states = [State.OPEN, State.OPEN, State.OPEN, State.CLOSED, State.WAITING]
    assert [each.state for each in ALL] == states
