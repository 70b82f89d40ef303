"""The outbox: a message stands in Slack once, whatever becomes of the answer or the process."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import delete

from slackbot.health import Health
from slackbot.local.slack import Channel, serve
from slackbot.local.slack import Workspace as Slack
from slackbot.platforms.errors import Denied, PlatformError, Rejected, Throttled, Unreachable
from slackbot.platforms.slack.client import SlackClient
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import CLOCK_MARGIN, Outbox, Outcome, Place, Post, drawn
from slackbot.rules.request import IssueKey
from slackbot.store import facts
from slackbot.store.engine.database import Database, LeaseLost, Record, Transaction, fenced_by
from slackbot.store.messages import outbox as store
from slackbot.store.messages.outbox import Entry
from slackbot.store.schema import posts
from tests.conftest import MovableClock

KEY, EVENT, ABOUT = "reminder:7/1:deadline", "ssat_reminder", IssueKey(7, 1)
LOOKS = {"conversations.history", "conversations.replies"}


def words(text: str, *blocks: dict[str, Any]) -> SlackMessage:
    return SlackMessage(text=text, blocks=blocks)


HELLO = words("Hello")
TOO_MUCH = words("Too much", {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}})


@dataclass
class Machine:
    """Its clock may be wrong; Slack's is right."""

    clock: MovableClock
    is_ahead_by: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.clock() + self.is_ahead_by


@dataclass
class House:
    """An outbox, and the Slack into which it posts."""

    outbox: Outbox
    slack: Slack
    database: Database
    channel: Channel
    clock: MovableClock
    machine: Machine

    def a_post(self, **changes: Any) -> Post:
        post = Post(
            key=KEY,
            event=EVENT,
            place=Place(channel=self.channel.id),
            draw=drawn(HELLO),
            about=ABOUT,
        )
        return replace(post, **changes)

    async def entry(self) -> Entry | None:
        async with self.database.transaction() as tx:
            return await store.load_entry(tx, KEY)

    @property
    def said(self) -> list[str]:
        return [message.text for message in self.channel.messages]

    @property
    def called(self) -> list[str]:
        return [request.method for request in self.slack.requests]

    @property
    def has_looked(self) -> bool:
        return bool(LOOKS & set(self.called))


@pytest.fixture
async def house(clock: MovableClock, tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    slack = Slack(clock=clock)
    slack.rates.enforce(False)
    channel = slack.add_channel("support_escalations", id="C1")
    database = Database(database_url)
    await database.open()
    async with serve(slack), aiohttp.ClientSession() as session:
        client = AsyncWebClient(
            token=slack.bot_token,
            base_url=f"{slack.base_url}/api/",
            session=session,
            retry_handlers=[],
        )
        machine = Machine(clock)
        record = Record(database, machine.now)
        outbox = Outbox(record, SlackClient(client, {}), Health())
        yield House(outbox, slack, database, channel, clock, machine)
    await database.close()


# --- Once --------------------------------------------------------------------------------------


async def test_a_message_is_posted_once_however_often_it_is_to_be(house: House) -> None:
    assert await house.outbox.post(house.a_post())
    assert not await house.outbox.post(house.a_post())
    [message] = house.channel.messages
    assert message.text == "Hello"
    assert message.metadata == {"event_type": EVENT, "event_payload": {"key": KEY}}
    assert not house.has_looked
    assert await house.outbox.is_posted(KEY)
    entry = await house.entry()
    assert entry is not None
    assert entry.ts == message.ts


async def test_a_message_in_a_thread_is_posted_and_looked_for_there(house: House) -> None:
    assert await house.outbox.post(house.a_post(key="card", event="ssat_card"))
    [card] = house.channel.messages
    reply = house.a_post(place=Place(channel=house.channel.id, thread=card.ts))
    house.slack.faults.add("chat.postMessage", drop=True, when="after")
    with pytest.raises(Unreachable):
        await house.outbox.post(reply)
    assert not await house.outbox.post(reply)
    assert [each.text for each in card.thread] == ["Hello"]
    assert house.called[-1] == "conversations.replies"


# --- After a doubtful outcome ------------------------------------------------------------------


async def test_after_an_answer_that_was_lost_the_message_is_found_and_adopted(
    house: House,
) -> None:
    house.slack.faults.add("chat.postMessage", drop=True, when="after")
    with pytest.raises(Unreachable):
        await house.outbox.post(house.a_post())
    assert not await house.outbox.is_posted(KEY)
    house.clock.forward(hours=30)  # however late it is looked for
    assert not await house.outbox.post(house.a_post())
    assert house.said == ["Hello"]
    entry = await house.entry()
    assert entry is not None
    assert entry.ts == house.channel.messages[0].ts


async def test_after_a_doubtful_outcome_that_came_to_nothing_it_is_posted(house: House) -> None:
    house.slack.faults.add("chat.postMessage", status=503)
    with pytest.raises(Unreachable):
        await house.outbox.post(house.a_post())
    assert await house.outbox.post(house.a_post())
    assert house.said == ["Hello"]
    assert house.has_looked


async def test_another_message_is_not_taken_for_it(house: House) -> None:
    assert await house.outbox.post(house.a_post(key="reminder:7/1:lead"))
    assert await house.outbox.post(house.a_post(event="ssat_card"))
    async with house.database.transaction() as tx:
        await store.leave_out(tx, ["reminder:7/1:other"], ABOUT, house.clock())
    house.slack.faults.add("chat.postMessage", status=503)
    with pytest.raises(Unreachable):
        await house.outbox.post(house.a_post(key="reminder:7/1:new"))
    assert await house.outbox.post(house.a_post(key="reminder:7/1:new"))
    assert len(house.said) == 3


async def test_what_a_lost_record_may_have_posted_is_looked_for_before(house: House) -> None:
    asked_at = house.clock()
    assert await house.outbox.post(house.a_post())
    async with house.database.transaction() as tx:  # it is not known any more
        await tx.execute(delete(posts))
    house.clock.forward(hours=1)
    assert not await house.outbox.post(house.a_post(look_since=asked_at))
    assert house.said == ["Hello"]
    assert await house.outbox.is_posted(KEY)


async def test_it_is_looked_for_a_while_before_because_clocks_differ(house: House) -> None:
    house.slack.faults.add("chat.postMessage", drop=True, when="after")
    with pytest.raises(Unreachable):
        await house.outbox.post(house.a_post())
    [message] = house.channel.messages
    early = float(message.ts) - CLOCK_MARGIN.total_seconds() + 1
    message.ts = f"{early:.6f}"
    assert not await house.outbox.post(house.a_post())
    assert house.said == ["Hello"]


@pytest.mark.parametrize("days", [(1, 1), (1, 0), (0, 1), (-1, -1), (-1, 0), (0, -1), (400, 400)])
@pytest.mark.parametrize("is_reply", [False, True])
async def test_it_is_found_though_the_clock_is_wrong_then_or_now(
    house: House, days: tuple[int, int], is_reply: bool
) -> None:
    assert await house.outbox.post(house.a_post(key="card", event="ssat_card"))
    [card] = house.channel.messages
    thread = card.ts if is_reply else None
    post = house.a_post(place=Place(channel=house.channel.id, thread=thread))
    house.slack.faults.add("chat.postMessage", drop=True, when="after")
    begun, tried_again = days
    house.machine.is_ahead_by = timedelta(days=begun)
    with pytest.raises(Unreachable):
        await house.outbox.post(post)
    house.machine.is_ahead_by = timedelta(days=tried_again)
    assert not await house.outbox.post(post)
    posted = card.thread if is_reply else house.channel.messages[1:]
    assert [each.text for each in posted] == ["Hello"]


async def test_what_was_drawn_to_no_end_is_not_looked_for(house: House) -> None:
    """It is begun with the drawing, in one transaction."""

    async def fail(_tx: Transaction) -> Sequence[SlackMessage]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await house.outbox.post(house.a_post(draw=fail))
    assert await house.entry() is None
    assert await house.outbox.post(house.a_post())
    assert not house.has_looked


# --- Slack did not take it ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        ({"status": 429, "headers": {"Retry-After": "0"}}, Throttled),
        ({"error": "token_revoked"}, Denied),
        ({"error": "is_archived"}, Denied),
    ],
)
async def test_what_slack_has_certainly_not_taken_is_posted_without_a_look(
    house: House, trouble: dict[str, Any], expected: type[PlatformError]
) -> None:
    house.slack.faults.add("chat.postMessage", **trouble)
    with pytest.raises(expected):
        await house.outbox.post(house.a_post())
    assert await house.entry() is None
    assert await house.outbox.post(house.a_post())
    assert house.said == ["Hello"]
    assert not house.has_looked


async def test_what_slack_rejects_is_left_out_for_ever(house: House) -> None:
    house.slack.faults.add("chat.postMessage", error="thread_not_found")
    assert not await house.outbox.post(house.a_post())
    assert not await house.outbox.post(house.a_post())
    assert house.called.count("chat.postMessage") == 1
    entry = await house.entry()
    assert entry is not None
    assert entry.ts is None


async def test_what_must_stand_is_tried_again_though_slack_has_rejected_it(house: House) -> None:
    house.slack.faults.add("chat.postMessage", error="a_word_of_2031")
    with pytest.raises(Rejected):
        await house.outbox.post(house.a_post(must_stand=True))
    assert await house.entry() is None
    assert await house.outbox.post(house.a_post(must_stand=True))
    assert house.said == ["Hello"]
    assert not house.has_looked


def drawing(*messages: SlackMessage) -> Any:
    async def draw(_tx: Transaction) -> Sequence[SlackMessage]:
        return messages

    return draw


async def test_where_slack_takes_a_message_for_too_much_the_next_one_is_posted(
    house: House,
) -> None:
    assert await house.outbox.post(house.a_post(draw=drawing(TOO_MUCH, HELLO)))
    assert house.said == ["Hello"]


async def test_another_reason_does_not_make_the_next_message_come(house: House) -> None:
    house.slack.faults.add("chat.postMessage", error="a_word_of_2031")
    assert not await house.outbox.post(house.a_post(draw=drawing(words("First"), HELLO)))
    assert house.said == []


async def test_where_all_are_too_much_it_is_as_with_any_that_slack_rejects(house: House) -> None:
    draw = drawing(TOO_MUCH, TOO_MUCH)
    with pytest.raises(Rejected):
        await house.outbox.post(house.a_post(draw=draw, must_stand=True))
    assert not await house.outbox.post(house.a_post(draw=draw))
    assert await house.outbox.is_posted(KEY)


async def test_what_is_not_wanted_any_more_once_it_is_its_turn_is_left_out(house: House) -> None:
    outcomes: list[Outcome] = []

    async def note(_tx: Transaction, outcome: Outcome) -> None:
        outcomes.append(outcome)

    assert not await house.outbox.post(house.a_post(draw=drawing(), note=note))
    assert house.said == []
    assert await house.outbox.is_posted(KEY)
    assert outcomes == [Outcome(is_over=True, ts=None)]


# --- Who remembers -----------------------------------------------------------------------------


NOTED = facts.Fact("outcome", str)


async def note_in_facts(tx: Transaction, outcome: Outcome) -> None:
    await NOTED.save(tx, f"{outcome.is_over} {outcome.ts}")


async def test_what_others_remember_is_never_in_the_outbox(house: House) -> None:
    post = house.a_post(is_remembered=False, note=note_in_facts)
    begun_at = house.clock()
    house.slack.faults.add("chat.postMessage", drop=True, when="after")
    with pytest.raises(Unreachable):
        await house.outbox.post(post)
    assert await house.entry() is None
    assert not await house.outbox.post(replace(post, look_since=begun_at))
    assert await house.entry() is None
    async with house.database.transaction() as tx:
        noted = await NOTED.load(tx)
    assert noted == f"True {house.channel.messages[0].ts}"


async def test_an_outcome_that_could_not_be_noted_is_doubtful(house: House) -> None:
    async def fail(_tx: Transaction, _outcome: Outcome) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await house.outbox.post(house.a_post(note=fail))
    assert not await house.outbox.is_posted(KEY)
    assert not await house.outbox.post(house.a_post(note=note_in_facts))
    assert house.said == ["Hello"]
    assert await house.outbox.is_posted(KEY)


# --- Who has the job ---------------------------------------------------------------------------


async def lost(tx: Transaction) -> None:
    if tx.has_written:
        raise LeaseLost


async def test_who_has_lost_the_job_posts_nothing(house: House) -> None:
    with fenced_by(lost), pytest.raises(LeaseLost):
        await house.outbox.post(house.a_post())
    assert "chat.postMessage" not in house.called
    assert await house.entry() is None


async def test_who_loses_the_job_while_slack_takes_the_message_notes_where_it_stands(
    house: House,
) -> None:
    async def lost_since(tx: Transaction) -> None:
        if house.said:
            await lost(tx)

    with fenced_by(lost_since), pytest.raises(LeaseLost):
        await house.outbox.post(house.a_post(note=note_in_facts))
    assert await house.outbox.is_posted(KEY)
    async with house.database.transaction() as tx:
        assert await NOTED.load(tx) == f"True {house.channel.messages[0].ts}"
    assert not await house.outbox.post(house.a_post())
    assert house.said == ["Hello"]
