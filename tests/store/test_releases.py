"""A new release starts over what an older one has left behind, and beside it while it still runs.

So migrations only expand the schema: whatever an older release reads and writes goes on working.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, event, text
from structlog.testing import capture_logs

from slackbot.blocks.card import CARD_EVENT, STEP_EVENT
from slackbot.blocks.reminder import GAP_EVENT, SUMMARY_EVENT
from slackbot.local.slack import Message
from slackbot.platforms.slack.outbox import metadata
from slackbot.rules.decision import StepKind
from slackbot.rules.request import IssueKey
from slackbot.rules.timing.reminders import round_key
from slackbot.store import facts, requests
from slackbot.store.decisions import DecisionRecord
from slackbot.store.engine.database import Database, Transaction
from slackbot.store.engine.upgrade import migrations
from slackbot.store.messages import cards, reminders
from slackbot.store.schema import UnreadableError
from tests.conftest import MovableClock
from tests.store.leftovers import (
    ASSIGNED,
    CLAIMED,
    CONTACTED,
    REFUSED,
    RELEASES,
    SOFT_SKILLS,
    TEXT,
    UNPOSTED,
    assign,
    feedback,
)
from tests.town import Town, text_of
from tests.town import town as build_town

PAINTED_BEFORE = "As the release before has painted it"
REJECTED = (
    "GitLab answered 422: Note is not allowed",
    "Error 422: {'note': ['is not allowed']}",  # since 0004
)

EVERY_RELEASE = pytest.mark.parametrize(
    "release", sorted(RELEASES.glob("*.sql")), ids=lambda path: path.stem
)


@pytest.fixture
async def quiet_town(
    clock: MovableClock, tmp_path: Path, new_database_url: str
) -> AsyncIterator[Town]:
    """A town whose bot has not been started; the test does that."""
    async with build_town(clock, tmp_path, new_database_url) as built:
        yield built
        built.check()


@pytest.fixture
async def empty(new_database_url: str) -> AsyncIterator[Database]:
    """A database without any schema; the town's bot works on the same one."""
    opened = Database(new_database_url)
    yield opened
    await opened.close()


def inserts_of(release: Path) -> list[str]:
    return release.read_text().splitlines()


async def insert(tx: Transaction, release: Path) -> None:
    """Add the rows that a release has left behind."""
    if tx.dialect.name == "postgresql":  # which would take the moments for its own zone's
        await tx.execute(text("SET LOCAL TIME ZONE 'UTC'"))

    def insert_all(connection: Connection) -> None:
        for line in inserts_of(release):
            connection.exec_driver_sql(line)

    await tx.run_sync(insert_all)


async def upgrade(tx: Transaction, revision: str) -> None:
    await tx.run_sync(lambda connection: command.upgrade(migrations(connection), revision))


# --- A new release over an old one's work ------------------------------------------------------


@EVERY_RELEASE
async def test_this_release_finishes_once_what_an_older_one_had_in_its_hands(
    quiet_town: Town, empty: Database, release: Path
) -> None:
    town = quiet_town
    async with empty.transaction() as tx:
        await upgrade(tx, release.stem)
        await insert(tx, release)
        await recreate(town, tx)
    town.clock.forward(hours=1)  # what the dead process had leased is free

    async with town.bot_running():
        issues = town.project.issues
        await town.claimed(issues[CLAIMED], "Avery Example")
        await town.card(issues[CONTACTED], "Contacted", delivered=True)
        await town.card(issues[ASSIGNED], "Claimed by Blake Sample")
        await town.card(issues[UNPOSTED], "🟠 Unclaimed")
        card = await town.card(issues[REFUSED], "GitLab rejected this:", "Try again")
        assert (await town.slack.click(town.avery, card, "Try again")).ok
        await town.card(issues[REFUSED], "soft-skills", delivered=True)
        await town.settled()

    assert town.choices() == ["delivered"] * 4
    assert issues[CLAIMED].assigned_to == ["avery"]
    assert SOFT_SKILLS in issues[CLAIMED].labels
    assert said_in(town, CLAIMED) == ["Claimed", "Feedback label"]
    assert issues[CONTACTED].state == "closed"
    assert said_in(town, CONTACTED) == ["Customer contacted"]
    assert TEXT in issues[CONTACTED].comments[0].body
    assert said_in(town, REFUSED) == ["Feedback label"]
    assert town.steps(issues[ASSIGNED]) == ["🔵 Blake Sample assigned themselves in GitLab"]
    assert len(town.steps(issues[CLAIMED])) == 2
    assert len(town.steps(issues[CONTACTED])) == 1
    assert len(town.cards) == 5
    assert PAINTED_BEFORE not in "".join(map(text_of, town.cards))
    assert TEXT not in town.everything_stored()


async def recreate(town: Town, tx: Transaction) -> None:
    """Make both platforms what they were when the older release was killed."""
    kept = (await tx.execute(text("SELECT project, iid, document FROM requests"))).all()
    town.project.id = kept[0].project
    for row in sorted(kept, key=lambda each: each.iid):
        issue = feedback(town, row.iid)
        issue.created_at = datetime.fromisoformat(json.loads(row.document)["asked_at"])
    assign(town)
    rows = await tx.execute(text("SELECT iid, channel, ts FROM cards WHERE ts IS NOT NULL"))
    for row in rows:
        rename_channel(town, row.channel)
        request = await requests.load_request(tx, IssueKey(town.project.id, row.iid))
        assert request is not None
        card = Message(
            ts=row.ts,
            channel=row.channel,
            user=town.slack.bot_user_id,
            bot_id=town.slack.bot_id,
            text=PAINTED_BEFORE,
            metadata=metadata(CARD_EVENT, str(request.key))["metadata"],
        )
        town.channel.messages.append(card)


PREVIOUS = RELEASES / "0004.sql"
"""The release before."""
WITHOUT_PLANS = RELEASES / "0003.sql"
"""It kept plans and late reminders among its posts."""


async def test_what_an_older_release_planned_and_missed_gets_a_place_of_its_own(
    empty: Database,
) -> None:
    async with empty.transaction() as tx:
        await upgrade(tx, WITHOUT_PLANS.stem)
        await insert(tx, WITHOUT_PLANS)
    await empty.migrate()
    async with empty.transaction() as tx:
        project = await tx.scalar(text("SELECT max(project) FROM requests"))
        with_cards = [IssueKey(project, iid) for iid in (CLAIMED, CONTACTED, REFUSED, ASSIGNED)]
        for key in with_cards:
            request = await requests.load_request(tx, key)
            assert request is not None
            planned_at = await reminders.load_plan(tx, round_key(request))
            assert planned_at == request.due_at - timedelta(hours=24)
        missed = await reminders.missed(tx)
        assert sorted(each.about for each in missed) == with_cards
        assert all(each.key.startswith("remind:") for each in missed)
        # Nor are they gone for a replica of that release, which may run beside this one.
        kept = text("SELECT count(*) FROM posts WHERE key LIKE 'planned:%' OR key LIKE 'missed:%'")
        assert await tx.scalar(kept) == 9


async def test_what_the_release_before_may_have_posted_is_found_and_what_it_had_to_tell_is_told(
    quiet_town: Town, empty: Database
) -> None:
    """It was killed after Slack had taken a card, a step and a summary, and before it knew."""
    town = quiet_town
    async with empty.transaction() as tx:
        await upgrade(tx, PREVIOUS.stem)
        await insert(tx, PREVIOUS)
        await recreate(town, tx)
    await empty.migrate()
    async with empty.transaction() as tx:
        await stand(town, tx)
    town.clock.forward(hours=1)  # what the dead process had leased is free

    issues = town.project.issues
    for _ in range(2):
        async with town.bot_running(ssat_reminders="24,12,4,1"):
            await town.card(issues[UNPOSTED], "🟠 Unclaimed")
            await town.card(issues[ASSIGNED], "Claimed by Blake Sample")
            await town.slack.wait_for(lambda: of_event(town, GAP_EVENT))
            await town.quiet()

    assert len(town.cards) == 5
    assert PAINTED_BEFORE not in "".join(map(text_of, town.cards))
    card = town.card_of(issues[ASSIGNED])
    assert card is not None
    assert [each.text for each in card.thread] == [PAINTED_BEFORE], "the step was told twice"
    assert [each.text for each in town.summaries] == [PAINTED_BEFORE]
    [gap] = of_event(town, GAP_EVENT)
    assert "4" in text_of(gap)
    async with empty.transaction() as tx:
        catch_up = await facts.CATCH_UP.load(tx)
        assert catch_up is not None
        assert (catch_up.is_told, catch_up.posting_since) == (True, None)
        assert await reminders.missed(tx) == []


async def stand(town: Town, tx: Transaction) -> None:
    """Let what the record has begun to post stand in the channel."""
    project = town.project.id
    card = await cards.load_card(tx, IssueKey(project, UNPOSTED))
    [step] = await cards.list_queued_steps(tx, IssueKey(project, ASSIGNED))
    catch_up = await facts.CATCH_UP.load(tx)
    assert card is not None
    assert card.posting_since is not None
    assert step.begun_at is not None
    assert catch_up is not None
    assert catch_up.posting_since is not None

    def message(event: str, key: str, at: datetime) -> Message:
        return Message(
            ts=f"{at.timestamp():.6f}",
            channel=town.channel.id,
            user=town.slack.bot_user_id,
            bot_id=town.slack.bot_id,
            text=PAINTED_BEFORE,
            metadata={"event_type": event, "event_payload": {"key": key}},
        )

    above = town.card_of(town.project.issues[ASSIGNED])
    assert above is not None
    above.thread.append(
        replace(message(STEP_EVENT, str(step.id), step.begun_at), thread_ts=above.ts)
    )
    town.channel.messages += [
        message(SUMMARY_EVENT, catch_up.key, catch_up.posting_since),
        message(CARD_EVENT, str(card.key), card.posting_since),
    ]


def of_event(town: Town, event: str) -> list[Message]:
    """The messages in the channel of an event type."""
    found = [each for each in town.channel.messages if each.metadata]
    return [each for each in found if each.metadata and each.metadata["event_type"] == event]


def rename_channel(town: Town, number: str) -> None:
    """Give the channel the id that it had then."""
    del town.slack.channels[town.channel.id]
    town.channel.id = number
    town.slack.channels[number] = town.channel


def said_in(town: Town, iid: int) -> list[str]:
    """What each comment on an issue says in bold."""
    return [note.body.split("**")[1] for note in town.project.issues[iid].comments]


# --- An old release beside a new one -----------------------------------------------------------


@EVERY_RELEASE
async def test_what_an_older_release_writes_fits_the_newest_schema_and_can_be_read(
    database: Database, release: Path
) -> None:
    async with database.transaction() as tx:
        await insert(tx, release)
        project = await tx.scalar(text("SELECT max(project) FROM requests"))
        for iid in (CLAIMED, CONTACTED, REFUSED, ASSIGNED, UNPOSTED):
            request = await requests.load_request(tx, IssueKey(project, iid))
            assert request is not None
            assert request.organization == "Example Ltd"
        pending, begun = await on_the_way(tx, IssueKey(project, CLAIMED))
        assert [each.decision.action.kind for each in pending] == ["claim", "choose_label"]
        assert begun == [True, False]
        (contact,), begun = await on_the_way(tx, IssueKey(project, CONTACTED))
        assert getattr(contact.decision.action, "text", "") == TEXT
        assert begun == [True]
        known = await requests.load_request_record(tx, IssueKey(project, REFUSED))
        assert known is not None
        [refused] = known.refused
        assert refused.problem in REJECTED
        (message,) = await cards.list_queued_steps(tx, IssueKey(project, ASSIGNED))
        assert (message.step.kind, message.begun_at is None) == (StepKind.ASSIGNED, False)
        card = await cards.load_card(tx, IssueKey(project, UNPOSTED))
        assert card is not None
        assert (card.ts, card.posting_since is None) == (None, False)
        assert SOFT_SKILLS in (await facts.FEEDBACK_LABELS.load(tx) or ())
        assert await facts.PLACE.load(tx) is not None
        leased = text("SELECT iid FROM errands WHERE lane = 'sync' AND leased_by IS NOT NULL")
        assert sorted(await tx.scalars(leased)) == [CLAIMED, CONTACTED]


@EVERY_RELEASE
async def test_an_older_release_finds_in_a_request_what_it_has_written_there_itself(
    database: Database, release: Path
) -> None:
    async with database.transaction() as tx:
        await insert(tx, release)
        query = text(f"SELECT document FROM requests WHERE iid = {CLAIMED}")
        before = json.loads(await tx.scalar(query) or "")
        project = await tx.scalar(text("SELECT max(project) FROM requests"))
        request = await requests.load_request(tx, IssueKey(project, CLAIMED))
        assert request is not None
        await requests.save_request(tx, request)
        after = json.loads(await tx.scalar(query) or "")
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    ("table", "iid", "read"),
    [
        ("decisions", CLAIMED, requests.load_request_record),
        ("messages", ASSIGNED, cards.list_queued_steps),
    ],
)
async def test_a_kind_that_an_older_release_cannot_read_is_left_to_a_newer_one(
    database: Database,
    table: str,
    iid: int,
    read: Callable[[Transaction, IssueKey], Awaitable[object]],
) -> None:
    """The job fails and is put off; nothing is dropped, and no other issue is concerned."""
    kept = text(f"SELECT document FROM {table} WHERE iid = {iid}")
    async with database.transaction() as tx:
        await insert(tx, PREVIOUS)
        known = list(await tx.scalars(kept))
        of_next_year = [re.sub(r'"kind":"\w+"', '"kind":"of_next_year"', each) for each in known]
        assert of_next_year != known
        for old, new in zip(known, of_next_year, strict=True):
            change = text(f"UPDATE {table} SET document = :new WHERE document = :old")
            await tx.execute(change, new=new, old=old)
    async with database.transaction() as tx:
        project = await tx.scalar(text("SELECT max(project) FROM requests"))
        with pytest.raises(UnreadableError):
            await read(tx, IssueKey(project, iid))
        assert sorted(await tx.scalars(kept)) == sorted(of_next_year)
        await read(tx, IssueKey(project, CONTACTED))


async def on_the_way(
    tx: Transaction, key: IssueKey
) -> tuple[tuple[DecisionRecord, ...], list[bool]]:
    known = await requests.load_request_record(tx, key)
    assert known is not None
    return known.pending, [each.begun_at is not None for each in known.pending]


async def test_an_older_replica_goes_on_working_over_what_a_newer_one_has_migrated(
    quiet_town: Town, empty: Database
) -> None:
    town = quiet_town
    await empty.migrate()
    async with empty.transaction() as tx:  # as a release of next year might
        await tx.execute(text("ALTER TABLE requests ADD COLUMN mood TEXT"))
        await tx.execute(text("CREATE TABLE moods (name TEXT PRIMARY KEY)"))
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with capture_logs() as lines:
        async with town.bot_running():
            issue = town.feedback()
            await town.slack.click(town.avery, await town.card(issue, "🟠 Unclaimed"), "Claim")
            await town.claimed(issue, "Avery Example")

    assert issue.assigned_to == ["avery"]
    told = [line for line in lines if line["event"] == "database_of_a_newer_release"]
    assert [(line["log_level"], line["revisions"]) for line in told] == [("warning", ["9999"])]
    async with empty.transaction() as tx:
        assert await tx.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


# --- Migrations only expand --------------------------------------------------------------------

_ADDS_COLUMN = re.compile(r"ALTER TABLE \w+ ADD COLUMN \w+ [^,;]+", re.IGNORECASE)
_ADDS_ROOM = re.compile(r"CREATE (TABLE|INDEX) [^;]+", re.IGNORECASE)
_DATA_ONLY = re.compile(r"(SELECT|PRAGMA|INSERT INTO|UPDATE) [^;]+", re.IGNORECASE)
_RULE_FOR_WRITERS = re.compile(r"\b(UNIQUE|CHECK|REFERENCES|PRIMARY KEY)\b", re.IGNORECASE)


def expands(statement: str) -> bool:
    """Whether a release that knows nothing of this statement goes on reading and writing."""
    if _ADDS_ROOM.fullmatch(statement) or _DATA_ONLY.fullmatch(statement):
        return True
    if not _ADDS_COLUMN.fullmatch(statement) or _RULE_FOR_WRITERS.search(statement):
        return False
    return "NOT NULL" not in statement or " DEFAULT " in statement


def statements_of(connection: Connection, run: Callable[[], object]) -> list[str]:
    """Everything that the database is told meanwhile."""
    told: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        told.append(" ".join(statement.split()))

    event.listen(connection, "before_cursor_execute", note)
    try:
        run()
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return told


async def test_every_migration_since_the_first_release_only_expands(empty: Database) -> None:
    def migrate(connection: Connection) -> list[str]:
        config = migrations(connection)
        command.upgrade(config, "0001")
        return statements_of(connection, lambda: command.upgrade(config, "head"))

    async with empty.transaction() as tx:
        told = await tx.run_sync(migrate)
    assert any("ALTER TABLE" in statement for statement in told)
    assert [statement for statement in told if not expands(statement)] == []


def _altered(**change: Any) -> Callable[[Operations], None]:
    def operate(op: Operations) -> None:
        with op.batch_alter_table("errands") as table:
            table.alter_column("problem", existing_type=sa.Text, **change)

    return operate


def _unique_constraint(op: Operations) -> None:
    with op.batch_alter_table("facts") as table:
        table.create_unique_constraint("uq_facts_value", ["value"])


CONTRACTIONS: dict[str, Callable[[Operations], Any]] = {
    "a column dropped": lambda op: op.drop_column("errands", "problem"),
    "a table dropped": lambda op: op.drop_table("facts"),
    "a table renamed": lambda op: op.rename_table("facts", "things"),
    "a column renamed": _altered(new_column_name="trouble"),
    "a type changed": _altered(type_=sa.String(10)),
    "a column made mandatory": _altered(nullable=False),
    "a mandatory column": lambda op: op.add_column(
        "facts", sa.Column("mood", sa.Text, nullable=False)
    ),
    "values made unique": _unique_constraint,
    "values made unique by an index": lambda op: op.create_index(
        "ix", "facts", ["value"], unique=True
    ),
    "rows deleted": lambda op: op.execute("DELETE FROM facts"),
}
EXPANSIONS: dict[str, Callable[[Operations], Any]] = {
    "a table": lambda op: op.create_table("new", sa.Column("id", sa.Integer, primary_key=True)),
    "an index": lambda op: op.create_index("ix_facts_value", "facts", ["value"]),
    "a column": lambda op: op.add_column("facts", sa.Column("mood", sa.String(16))),
    "a column with a default": lambda op: op.add_column(
        "facts", sa.Column("mood", sa.Integer, nullable=False, server_default="0")
    ),
    "a fill": lambda op: op.execute("UPDATE facts SET value = '' WHERE value IS NULL"),
}


@pytest.mark.parametrize(
    ("operate", "is_fine"),
    [
        *(pytest.param(each, False, id=name) for name, each in CONTRACTIONS.items()),
        *(pytest.param(each, True, id=name) for name, each in EXPANSIONS.items()),
    ],
)
async def test_the_guard_sees_what_an_older_release_could_not_live_with(
    database: Database, operate: Callable[[Operations], Any], is_fine: bool
) -> None:
    def judge(connection: Connection) -> bool:
        op = Operations(MigrationContext.configure(connection))
        return all(map(expands, statements_of(connection, lambda: operate(op))))

    async with database.transaction() as tx:
        assert await tx.run_sync(judge) is is_fine
        await tx.run_sync(lambda connection: connection.rollback())


def test_the_guard_sees_the_second_of_two_statements() -> None:
    assert not expands("CREATE INDEX ix ON facts (value); DROP TABLE cards")
