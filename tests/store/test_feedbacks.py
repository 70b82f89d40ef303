"""What awaits triage: kept while it does, and asked for without reading what is closed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Text, select, type_coerce

from slackbot.rules.feedback import Sentiment
from slackbot.rules.request import IssueKey
from slackbot.rules.untriaged import Triage, UntriagedFeedback
from slackbot.store import feedbacks, retention, schema
from slackbot.store.database import Database, Transaction
from slackbot.store.feedbacks import Sighting
from tests.blocks.test_card import FRIDAY

ONE = UntriagedFeedback(
    key=IssueKey(7, 1),
    url="https://gitlab.example/-/issues/1",
    title="Positive feedback for ticket 412345",
    ticket=412345,
    sentiment=Sentiment.POSITIVE,
    author="support-automation",
    assignees=("avery",),
    comments=2,
    created_at=FRIDAY,
    updated_at=FRIDAY,
)
HOUR = timedelta(hours=1)
OLDER = replace(ONE, key=IssueKey(7, 2), ticket=None, created_at=FRIDAY - timedelta(days=8))


AWAITED, LABELED, CLOSED = Triage.AWAITED, Triage.LABELED, Triage.CLOSED


async def note(tx: Transaction, *seen: tuple[UntriagedFeedback, Triage]) -> bool:
    return await feedbacks.save_sightings(tx, [Sighting(*each) for each in seen])


async def triaged(tx: Transaction) -> set[IssueKey]:
    return await feedbacks.list_triaged_between(tx, FRIDAY - timedelta(days=9), FRIDAY + 9 * HOUR)


async def test_what_is_noted_comes_back_whole_and_the_oldest_first(database: Database) -> None:
    async with database.transaction() as tx:
        assert await note(tx, (ONE, AWAITED), (OLDER, AWAITED))
        assert await feedbacks.list_untriaged(tx) == [OLDER, ONE]
        assert await feedbacks.list_untriaged(tx, most=1) == [OLDER]
        assert await feedbacks.count_untriaged(tx) == 2
        assert await feedbacks.load_untriaged(tx, ONE.key) == ONE
        assert await feedbacks.list_untriaged_about(tx, 412345) == [ONE]
        assert await feedbacks.list_untriaged_before(tx, FRIDAY) == [OLDER]
        assert await feedbacks.list_open_iids(tx, 7) == [1, 2]


async def test_only_news_is_news(database: Database) -> None:
    async with database.transaction() as tx:
        assert not await feedbacks.save_sightings(tx, [], [ONE.key])
        assert not await note(tx, (ONE, CLOSED))
        assert await note(tx, (ONE, AWAITED))
        assert not await feedbacks.save_sightings(tx, [Sighting(ONE, AWAITED)], [OLDER.key])
        assert await note(tx, (replace(ONE, comments=3), AWAITED))
        assert await note(tx, (ONE, LABELED))
        assert not await note(tx, (ONE, LABELED))
        assert await note(tx, (ONE, CLOSED))
        assert not await note(tx, (ONE, CLOSED))
        assert await feedbacks.save_sightings(tx, [], [ONE.key])


async def test_what_is_labeled_is_listed_apart_until_it_is_closed(database: Database) -> None:
    async with database.transaction() as tx:
        await note(tx, (ONE, LABELED), (OLDER, AWAITED))
        assert await feedbacks.list_untriaged(tx) == [OLDER]
        assert await feedbacks.list_labeled(tx) == [ONE]
        await note(tx, (ONE, CLOSED))
        assert await feedbacks.list_labeled(tx) == []
        assert await feedbacks.list_open_iids(tx, 7) == [2]


async def test_of_what_is_closed_no_name_and_no_word_is_kept(database: Database) -> None:
    async with database.transaction() as tx:
        await note(tx, (ONE, AWAITED))
        await note(tx, (ONE, CLOSED))
        assert list(await tx.scalars(select(type_coerce(schema.feedbacks.c.document, Text)))) == [
            ""
        ]


async def test_of_another_project_nothing_is_kept(database: Database) -> None:
    elsewhere = replace(ONE, key=IssueKey(8, 1))
    async with database.transaction() as tx:
        await note(tx, (ONE, AWAITED), (OLDER, AWAITED), (elsewhere, AWAITED))
        await note(tx, (OLDER, LABELED))
        await feedbacks.forget_other_projects(tx, 8)
        assert await feedbacks.list_untriaged(tx) == [elsewhere]
        assert await triaged(tx) == set()


@pytest.mark.parametrize(
    ("seen", "at"),
    [
        pytest.param([(0, AWAITED), (1, LABELED)], 1, id="labelled"),
        pytest.param([(0, AWAITED), (1, CLOSED)], 1, id="closed"),
        pytest.param([(0, AWAITED), (1, LABELED), (2, LABELED)], 1, id="commented on after"),
        pytest.param([(0, AWAITED), (1, LABELED), (2, CLOSED)], 1, id="closed after"),
        pytest.param([(0, AWAITED), (1, CLOSED), (2, LABELED)], 1, id="reopened, with a label"),
        pytest.param([(0, AWAITED), (1, LABELED), (2, AWAITED)], None, id="label taken off"),
        pytest.param([(0, AWAITED), (1, CLOSED), (2, AWAITED), (3, CLOSED)], 3, id="once more"),
        pytest.param([(0, LABELED), (1, LABELED)], None, id="nobody knows when"),
        pytest.param([(0, LABELED), (1, CLOSED)], 1, id="nobody knows when, closed then"),
        pytest.param([(0, CLOSED), (1, CLOSED)], None, id="never known"),
    ],
)
async def test_by_when_a_feedback_was_triaged(
    database: Database, seen: list[tuple[int, Triage]], at: int | None
) -> None:
    async with database.transaction() as tx:
        for hours, triage in seen:
            await note(tx, (replace(ONE, updated_at=FRIDAY + hours * HOUR), triage))
        assert await triaged(tx) == (set() if at is None else {ONE.key})
        if at is not None:
            then = FRIDAY + at * HOUR
            assert await feedbacks.list_triaged_between(tx, then, then + HOUR) == {ONE.key}
            assert await feedbacks.list_triaged_between(tx, then - HOUR, then) == set()


async def test_what_was_closed_is_forgotten_after_the_retention(database: Database) -> None:
    early = replace(OLDER, updated_at=FRIDAY - HOUR)
    labelled = replace(early, key=IssueKey(7, 3))
    async with database.transaction() as tx:
        await note(tx, (ONE, AWAITED), (early, AWAITED), (labelled, AWAITED))
        await note(tx, (ONE, CLOSED), (early, CLOSED), (labelled, LABELED))
        await retention.forget_closed_feedbacks(tx, FRIDAY)
        assert await triaged(tx) == {ONE.key, labelled.key}
