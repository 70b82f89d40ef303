"""What a release leaves behind when it is killed with its hands full, as plain INSERTs.

``python -m tests.store.leftovers`` writes them to ``releases/<revision>.sql``. Every release with
new migrations leaves such a file, made by its own code, for the releases after it to start over.
"""

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Text, select, text, type_coerce

from slackbot.local.gitlab import Issue
from slackbot.rules.request import IssueKey
from slackbot.rules.timing.reminders import round_key
from slackbot.store import facts, jobs, requests
from slackbot.store.engine.database import Database, Transaction
from slackbot.store.facts import CatchUp
from slackbot.store.jobs import PeriodicQueue
from slackbot.store.messages import reminders
from slackbot.store.schema import Document, metadata
from tests.conftest import MovableClock
from tests.town import Town, as_seen
from tests.town import town as build_town

RELEASES = Path(__file__).parent / "releases"

CLAIMED, CONTACTED, REFUSED, ASSIGNED, UNPOSTED = range(1, 6)
"""The issues' numbers, by what was going on with them."""

SOFT_SKILLS = "feedback::soft-skills"
TEXT = "Dear customer, we're sorry: nobody should wait for three days."
LONG = 60
"""Seconds for which the stand-ins keep silent: longer than this takes."""


def feedback(town: Town, iid: int) -> Issue:
    """Open the issue of this number; they come one after the other."""
    issue = town.feedback(f"Negative feedback for ticket {412340 + iid}")
    assert issue.iid == iid
    return issue


def assign(town: Town) -> None:
    """Let Blake take one in GitLab's own pages."""
    issue = town.project.issues[ASSIGNED]
    town.gitlab.assign(issue, town.blake_gitlab, by=town.blake_gitlab)


async def fill_hands(town: Town) -> None:
    """Let people do something about every issue while neither platform lets the bot finish."""
    issues = {iid: feedback(town, iid) for iid in (CLAIMED, CONTACTED, REFUSED, ASSIGNED)}
    cards = {iid: as_seen(await town.card(issue, "🟠 Unclaimed")) for iid, issue in issues.items()}
    refusal = '{"message": {"note": ["is not allowed"]}}'
    town.gitlab.faults.add(
        method="POST",
        path="/notes$",
        status=422,
        headers={"Content-Type": "application/json"},
        body=refusal,
    )
    await town.slack.choose(town.avery, cards[REFUSED], "Feedback label", SOFT_SKILLS)
    await town.card(issues[REFUSED], "GitLab rejected this:")
    await town.settled()

    town.slack.faults.add("chat.postMessage", status=503, times=1000)
    assign(town)
    await town.card(issues[ASSIGNED], "Claimed by Blake Sample")
    feedback(town, UNPOSTED)
    await town.slack.wait_for(lambda: refused_posts(town) == {"a card", "a step"}, LONG)

    silence = town.gitlab.faults.add(method="POST", path="/notes$", hang=LONG, times=2)
    await town.slack.click(town.avery, cards[CLAIMED], "Claim")
    await town.slack.choose(town.avery, cards[CLAIMED], "Feedback label", SOFT_SKILLS)
    sent = {"What you sent": TEXT}
    await town.mark_contacted(town.blake, cards[CONTACTED], **sent)
    await town.gitlab.wait_for(lambda: silence.left == 0, LONG)


def refused_posts(town: Town) -> set[str]:
    """What Slack would not take."""
    refused = (one for one in town.slack.requests if one.status == 503)
    return {"a step" if one.args.get("thread_ts") else "a card" for one in refused}


async def begin_to_tell(town: Town, tx: Transaction) -> None:
    """Note late reminders and a summary, as the bot does before it tells the channel of them."""
    now = town.clock()
    for iid in (CLAIMED, CONTACTED, REFUSED, ASSIGNED):
        request = await requests.load_request(tx, IssueKey(town.project.id, iid))
        assert request is not None
        key = f"{round_key(request)}deadline"
        await reminders.note_missed(tx, key, request.key, now)
    jobs.enqueue_periodic(tx, PeriodicQueue.GAP, now)
    begun, later = now - timedelta(minutes=1), now + timedelta(minutes=10)
    since = begun - timedelta(hours=3)
    catch_up = CatchUp(key=begun.isoformat(), at=later, since=since, posting_since=now)
    await facts.CATCH_UP.save(tx, catch_up)
    jobs.enqueue_periodic(tx, PeriodicQueue.SUMMARY, now)


def inserts(connection: Connection) -> str:
    """Write every row as an INSERT that both databases understand.

    Numbers that the database gives by itself are left out: the order of the rows gives them again.
    """
    lines = []
    for table in metadata.sorted_tables:
        columns = [column.name for column in table.columns if column.name != "seq"]
        for row in connection.execute(
            select(*map(as_kept, table.columns)).order_by(*table.primary_key)
        ):
            values = ", ".join(literal(row._mapping[name]) for name in columns)
            lines.append(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({values});")
    return "\n".join(lines) + "\n"


def as_kept(column: Column[Any]) -> ColumnElement[Any]:
    """Select a document as the text that the database has."""
    if isinstance(column.type, Document):
        return type_coerce(column, Text).label(column.name)
    return column


def literal(value: object) -> str:
    """Spell a value; moments are UTC, in SQLite's own spelling."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case int():
            return str(value)
        case datetime():
            return f"'{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


async def dump() -> None:
    """Play the story, and write down the record as it is in the midst of it."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/ssat-bot.db"
        async with (
            build_town(MovableClock(), Path(folder), url) as town,
            town.bot_running(ssat_reminders="24,12,4,1"),
        ):
            await fill_hands(town)
            beside = Database(url)
            async with beside.transaction() as tx:
                await begin_to_tell(town, tx)
                revision = await tx.scalar(text("SELECT version_num FROM alembic_version"))
                (RELEASES / f"{revision}.sql").write_text(await tx.run_sync(inserts))
            await beside.close()
            town.gitlab.faults.clear()


if __name__ == "__main__":
    asyncio.run(dump())
