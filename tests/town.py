"""A whole town for stories: a Slack, a GitLab and the bot between them, over real HTTP."""

import asyncio
import contextlib
import copy
import functools
import re
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import yaml
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    MetaData,
    Table,
    Text,
    create_engine,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from slackbot.app import connect, run_bot
from slackbot.blocks.card import CARD_EVENT
from slackbot.blocks.reminder import SUMMARY_EVENT
from slackbot.local.gitlab import GitLab, Issue
from slackbot.local.gitlab import User as GitLabUser
from slackbot.local.gitlab import serve as serve_gitlab
from slackbot.local.gitlab.model import Request
from slackbot.local.slack import Channel, Ephemeral, Message, Outcome, View, Workspace
from slackbot.local.slack import User as SlackUser
from slackbot.local.slack import serve as serve_slack
from slackbot.local.slack.block_kit import elements_of
from slackbot.local.slack.chat import permalink
from slackbot.platforms.slack.api import PACES
from slackbot.rules.handbook import HANDBOOK_LABELS
from slackbot.rules.request import IssueKey
from slackbot.rules.request import Request as RequestOnRecord
from slackbot.settings import Settings
from slackbot.store.engine.database import WakeUps, async_url
from slackbot.store.jobs import IssueQueue, PeriodicQueue, Queue
from slackbot.store.schema import OnDuty, decisions, duty_turns, errands, requests
from tests.conftest import MovableClock
from tests.elapse import age

MANIFEST = Path(__file__).parent.parent / "manifest.yml"

UNDELIVERED = ("⏳", "gitlab rejected")
"""What a card shows of choices that GitLab does not have."""

T = TypeVar("T")

PROJECT = "gitlab-com/support/feedback"
FOLLOW_UPS = "gitlab-com/support/support-team-meta"
HOOK_SECRET = "hook-secret"
FAST = 100
"""How many times as fast as the real platforms the stand-ins of a town may be called."""

UNPACED = {"apps.connections.open"}
"""What has no pace: Socket Mode waits for as long as it is asked to."""

FIRST_RETRY = timedelta(milliseconds=50)
"""How soon the bot of a town tries again what has failed; a second would be waited for."""

SHUTDOWN_SECONDS = 3.0
"""How long its jobs have at its end: less than the bot waits for GitLab's answer."""

PATIENCE = 120.0
"""How many seconds a story waits for what should come at once: a machine may be busy."""

UNTIL_SHOWN = (IssueQueue.SYNC, IssueQueue.CARD, PeriodicQueue.SUMMARY)
"""The queues through which a change in GitLab, or a choice, comes to the channel."""
POSTED_ONCE = (
    PeriodicQueue.GAP,
    PeriodicQueue.DIGEST,
    PeriodicQueue.HANDOVER,
    PeriodicQueue.RESPONSES,
    PeriodicQueue.STATS,
)

CONTACT = "SSAT::Contact"
CONTACTED = "ssat-manager-contacted-customer"
DESCRIPTION = """\
**Organisation:** Example Ltd
**Score:** 2
**Comment:** Nobody answered for three days.

Manager contact requested: Yes
"""


class Town:
    """The two platforms, the people in both, and a bot that can be started and stopped."""

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        self.clock = clock
        self.skew = timedelta(0)
        """How far the clock of the bot's machine is fast; those of the platforms are right."""
        self.slack, self.gitlab = Workspace(clock=clock), GitLab(clock=clock)
        self.slack.rates.scale = 1000
        self.speed: float = FAST
        self.folder = folder
        self._fill_slack()
        self._fill_gitlab()
        self.settings: dict[str, Any] = {}
        self._engines: dict[URL, Engine] = {}
        self.url = ""

    def _fill_slack(self) -> None:
        # What the manifest asks for has to be enough for every story.
        self.slack.scopes = set(_scopes_of_manifest())
        add = self.slack.add_user
        self.avery = add("U0AVERY", "avery", real_name="Avery Example", email="avery@example.com")
        self.blake = add("U0BLAKE", "blake", real_name="Blake Sample", email="blake@example.com")
        self.casey = add("U0CASEY", "casey", real_name="Casey Nolink", email="casey@example.com")
        people = [self.avery.id, self.blake.id, self.casey.id]
        self.channel = self.slack.add_channel("support_escalations", members=people)

    def _fill_gitlab(self) -> None:
        add, gitlab = self.gitlab.add_user, self.gitlab
        self.bot = add("ssat-bot", "ssat-bot", bot=True)
        self.automation = add("support-automation", "Support Automation", bot=True)
        self.avery_gitlab = add("avery", "Avery Example")
        self.blake_gitlab = add("blake.sample", "Blake Sample", public_email="blake@example.com")
        self.duty_gitlab = add("duty", "Dana Duty")
        self.project = gitlab.add_project(PROJECT)
        for user in (self.avery_gitlab, self.blake_gitlab, self.duty_gitlab, self.automation):
            gitlab.add_member(self.project, user, 30)
        gitlab.add_member(self.project, self.bot, 20)
        self.token = gitlab.add_token(self.bot)
        self.follow_ups = gitlab.add_project(FOLLOW_UPS)
        for user in (self.avery_gitlab, self.blake_gitlab, self.bot):
            gitlab.add_member(self.follow_ups, user, 10)
        for name, text in HANDBOOK_LABELS.items():
            gitlab.add_label(self.project, name, text)
        for name in (CONTACT, CONTACTED, "satisfaction::bad", "satisfaction::good"):
            gitlab.add_label(self.project, name)
        self.people_file = self.folder / "people.toml"
        self.people_file.write_text('[people]\nU0AVERY = "avery"\n')

    def configure(self, database_url: str, slack_url: str, gitlab_url: str) -> None:
        """Write down the settings of the bot."""
        self.slack.unfurl_domains = {gitlab_url.split("/")[2]}
        self.settings = {
            "slack_bot_token": self.slack.bot_token,
            "slack_signing_secret": self.slack.signing_secret,
            "slack_api_url": slack_url,
            "gitlab_url": gitlab_url,
            "gitlab_token": self.token,
            "gitlab_webhook_secret": HOOK_SECRET,
            "database_url": database_url,
            "port": 0,
            "ssat_poll_seconds": 3600,
            "ssat_people_file": self.people_file,
            # Stories about time switch these on; in the others they would only be in the way.
            "ssat_reminders": "off",
            "ssat_digest": "off",
        }

    def bot_clock(self) -> datetime:
        """The moment as the bot's machine has it, which may be wrong."""
        return self.clock() + self.skew

    def set_up(self, **changes: Any) -> Settings:
        """The settings of the bot, with some changed."""
        return Settings(_env_file=None, **(self.settings | changes))  # type: ignore[call-arg]

    @contextlib.asynccontextmanager
    async def bot_running(self, **changes: Any) -> AsyncIterator[str]:
        """Run the bot, with some settings changed; hooks and clicks find their way to it."""
        settings = self.set_up(**changes)
        wake_ups = WakeUps()
        async with (
            connect(settings, self.speed) as clients,
            run_bot(
                settings,
                clients,
                clock=self.bot_clock,
                wake_ups=wake_ups,
                first_retry=FIRST_RETRY,
                shutdown_seconds=SHUTDOWN_SECONDS,
            ) as url,
        ):
            self.url = url
            self.slack.request_url = f"{url}/slack/events"
            hook = self.gitlab.add_hook(self.project, f"{url}/gitlab/webhook", token=HOOK_SECRET)
            try:
                with self.clock.waking(wake_ups.look_out):
                    yield url
            finally:
                self.gitlab.hooks.remove(hook)

    def feedback(
        self,
        title: str = "Negative feedback for ticket 412345",
        *,
        description: str | None = DESCRIPTION,
        labels: Iterable[str] = (CONTACT,),
        assignees: Iterable[GitLabUser] = (),
    ) -> Issue:
        """Let the automation open a feedback issue."""
        return self.gitlab.open_issue(
            self.project,
            author=self.automation,
            title=title,
            description=description,
            labels=tuple(labels),
            assignees=tuple(assignees),
        )

    async def request(self) -> tuple[Issue, Message]:
        """Let the automation open a feedback that asks for contact; wait for its card."""
        issue = self.feedback()
        return issue, await self.card(issue, "🟠 Unclaimed")

    async def claimed(self, issue: Issue, name: str) -> Message:
        """Wait until the card says who has claimed the request, in GitLab, too."""
        return await self.card(issue, f"Claimed by {name}", delivered=True)

    @property
    def cards(self) -> list[Message]:
        """The cards in the channel; of those deleted in Slack a gravestone may be left."""
        return cards_in(self.channel)

    @property
    def summaries(self) -> list[Message]:
        """The messages about many requests that were found at once."""
        return [each for each in self.channel.messages if _is_of(each, SUMMARY_EVENT)]

    def card_of(self, issue: Issue, channel: Channel | None = None) -> Message | None:
        """The one card of an issue; more than one fails the test."""
        key = f"{self.project.id}/{issue.iid}"
        found = [
            card
            for card in cards_in(channel or self.channel)
            if card.metadata and card.metadata["event_payload"]["key"] == key
        ]
        assert len(found) <= 1, f"{len(found)} cards for one request"
        return found[0] if found else None

    async def card(
        self,
        issue: Issue,
        *words: str,
        without: str = "\0",
        delivered: bool = False,
        channel: Channel | None = None,
    ) -> Message:
        """Wait until the card of an issue shows some words; ``without`` others, in any case.

        If ``delivered``, it shows nothing that GitLab does not have. It stands in the channel of
        the requests for contact, or in another one.
        """
        unwanted = [without.lower(), *(UNDELIVERED if delivered else ())]

        def shows() -> Message | None:
            card = self.card_of(issue, channel)
            text = as_read(card)
            is_clear = not any(each in text.lower() for each in unwanted)
            return card if is_clear and all(word in text for word in words) else None

        try:
            return await self.slack.wait_for(shows, PATIENCE)
        except AssertionError as error:
            raise AssertionError(
                f"expected {words}, got: {as_read(self.card_of(issue, channel))}"
            ) from error

    def link_to(self, card: Message | None) -> str:
        """What a message shows of a card beside the ticket."""
        assert card is not None
        return f"<{permalink(self.slack, card)}|card>"

    async def thread(self, issue: Issue, *words: str) -> Message:
        """Wait until a message in the thread of an issue's card shows some words."""

        def shows() -> Message | None:
            card = self.card_of(issue)
            told = card.thread if card else []
            return next((one for one in told if all(word in one.text for word in words)), None)

        return await self.slack.wait_for(shows, PATIENCE)

    async def in_gitlab(self, happened: Callable[[], T]) -> T:
        """Wait until something is so in GitLab."""
        await self.gitlab.wait_for(lambda: bool(happened()), PATIENCE)
        return happened()

    async def asks(self, user: SlackUser, text: str = "") -> Ephemeral:
        """Let somebody type ``/ssat``; return the answer, which only they see."""
        posted, told = len(self.channel.messages), len(self.slack.ephemerals)
        outcome = await self.slack.command(user, "/ssat", text, self.channel)
        assert outcome.ok  # within Slack's three seconds
        # It comes with the ack, but on a busy machine after it.
        await self.slack.wait_for(lambda: len(self.slack.ephemerals) > told, PATIENCE)
        [answer] = self.slack.ephemerals[told:]
        assert answer.user == user.id
        assert len(self.channel.messages) == posted
        return answer

    async def told(self, user: SlackUser, *words: str) -> Ephemeral:
        """Wait until a person is shown some words that only they see."""

        def shows() -> Ephemeral | None:
            own = (one for one in self.slack.ephemerals if one.user == user.id)
            return next((one for one in own if all(word in text_of(one) for word in words)), None)

        return await self.slack.wait_for(shows, PATIENCE)

    async def mark_contacted(self, user: SlackUser, card: Message, **inputs: Any) -> Outcome:
        """Open the modal "Mark contacted" from a card, fill some of it in, and send it."""
        assert (await self.slack.click(user, card, "Mark contacted")).ok
        await self.slack.wait_for(lambda: self.slack.views[user.id])
        return await self.slack.submit(user, inputs)

    def steps(self, issue: Issue) -> list[str]:
        """What the thread of an issue's card tells, without the times."""
        card = self.card_of(issue)
        return [message.text.partition(" · ")[0] for message in card.thread] if card else []

    def writes(self, issue: Issue) -> list[Request]:
        """Every request of the bot's that was to change an issue or to comment on it."""
        path = f"/api/v4/projects/{self.project.id}/issues/{issue.iid}"
        return [
            request
            for request in self.gitlab.requests
            if request.method in ("PUT", "POST") and request.path in (path, f"{path}/notes")
        ]

    def choices(self) -> list[str]:
        """How far each choice on record has come, in the order in which they were made."""
        engine = self.engine()
        with engine.connect() as connection:
            return list(connection.scalars(select(decisions.c.status).order_by(decisions.c.seq)))

    async def elapse(self, by: timedelta) -> None:
        """Let leases and rests be older than they are: time passes by the database's clock."""
        await self.change_record(lambda connection: age(connection, by))

    def on_record(self) -> dict[IssueKey, RequestOnRecord]:
        """Every request as the bot's record has it."""
        engine = self.engine()
        with engine.connect() as connection:
            found = list(connection.scalars(select(requests.c.document)))
        return {request.key: replace(request, gitlab_updated_at=None) for request in found}

    async def spoil(self, table: Table, which: ColumnElement[bool]) -> None:
        """Make the documents of some rows unreadable, as another release or a fault may."""
        nonsense = literal('{"at": "some day"}', Text)
        spoiled = update(table).where(which).values(document=nonsense)
        await self.change_record(lambda connection: connection.execute(spoiled))

    async def change_record(self, change: Callable[[Connection], object]) -> None:
        """Write to the bot's database beside it, in one transaction."""

        def commit() -> None:
            with self.engine().begin() as connection:
                change(connection)

        # Not in the loop: the bot may be in a transaction there, and would never get out of it.
        await asyncio.to_thread(commit)

    def lose_record(self) -> None:
        """Delete the bot's database, which must not be running."""
        engine = self.engine()
        if engine.url.database and engine.dialect.name == "sqlite":
            for part in ("", "-wal", "-shm"):
                Path(f"{engine.url.database}{part}").unlink(missing_ok=True)
            return
        found = MetaData()
        found.reflect(engine)
        found.drop_all(engine)

    async def settled(self) -> None:
        """Wait until the bot has nothing left to do, but for what it has put off."""
        while True:
            await self.slack.wait_for(self._is_idle, PATIENCE)
            sent = len(self.gitlab.deliveries)
            await self.gitlab.hooks_settled()
            if len(self.gitlab.deliveries) == sent and self._is_idle():
                return

    def leased_by(self, queue: PeriodicQueue) -> str:
        """Which process is at the job of a periodic queue."""
        with self.engine().connect() as connection:
            found = connection.scalar(select(errands.c.leased_by).where(errands.c.lane == queue))
        return str(found)

    def turns(self) -> list[OnDuty]:
        """Who was on duty, turn by turn, as the record has it."""
        engine = self.engine()
        with engine.connect() as connection:
            return list(
                connection.scalars(select(duty_turns.c.document).order_by(duty_turns.c.seq))
            )

    async def quiet(self) -> None:
        """Wait until the bot has nothing left to do in any queue, but for what it has put off."""
        await self.settled()
        await self.idle(IssueQueue.REMINDERS, *POSTED_ONCE)
        await self.settled()

    async def idle(self, *queues: Queue) -> None:
        """Wait until some queues, or all, have nothing to do but what they have put off."""
        of_all = queues or (*IssueQueue, *PeriodicQueue)
        await self.slack.wait_for(lambda: self._is_idle(*of_all), PATIENCE)

    async def idle_but_for_gitlab(self) -> None:
        """Wait until what is left to do waits for GitLab."""
        await self.idle(IssueQueue.CARD, PeriodicQueue.SUMMARY, *POSTED_ONCE)

    async def polled(self) -> None:
        """Wait until the poll that is due has come to its end."""
        await self.idle(PeriodicQueue.POLL)

    def _is_idle(self, *queues: Queue) -> bool:
        is_due = or_(errands.c.ready_at <= self.bot_clock(), errands.c.leased_by.is_not(None))
        looked_at = errands.c.lane.in_(queues or UNTIL_SHOWN)
        query = select(func.count()).where(looked_at, is_due)
        engine = self.engine()
        with engine.connect() as connection:
            return connection.scalar(query) == 0

    def everything_stored(self) -> str:
        """All that the bot's database holds, as text."""
        found = MetaData()
        engine = self.engine()
        found.reflect(engine)
        with engine.connect() as connection:
            rows = [
                row for table in found.sorted_tables for row in connection.execute(select(table))
            ]
        return "\n".join(str(tuple(row)) for row in rows)

    def engine(self) -> Engine:
        """Connect to the bot's database, past the bot."""
        url = async_url(self.settings["database_url"])
        if url not in self._engines:
            self._engines[url] = _engine(url)
        return self._engines[url]

    def disconnect(self) -> None:
        """Leave no connection to the bot's database."""
        for engine in self._engines.values():
            engine.dispose()

    def check(self) -> None:
        """Fail if either platform had anything to object to, or would not be obeyed."""
        assert self.slack.refusals == []
        called = {request.method for request in self.slack.requests}
        assert called <= PACES.keys() | UNPACED  # of others a 429 would not be obeyed
        assert self.gitlab.violations == []


@functools.cache
def _scopes_of_manifest() -> frozenset[str]:
    manifest = yaml.safe_load(MANIFEST.read_text())
    return frozenset(manifest["oauth_config"]["scopes"]["bot"])


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        # To connect takes PostgreSQL longer than to answer.
        return create_engine(url, pool_size=1, pool_pre_ping=True)
    # The file may be replaced, and the bot may be writing to it.
    return create_engine(
        url.set(drivername="sqlite"), poolclass=NullPool, connect_args={"timeout": PATIENCE}
    )


def cards_in(channel: Channel) -> list[Message]:
    """Return the cards in a channel; of those deleted in Slack a gravestone may be left."""
    return [
        message
        for message in channel.messages
        if _is_of(message, CARD_EVENT) and not message.tombstone
    ]


def _is_of(message: Message, event: str) -> bool:
    return message.metadata is not None and message.metadata["event_type"] == event


def as_seen(card: Message) -> Message:
    """A card as somebody has it before their eyes, whatever becomes of it meanwhile."""
    return copy.deepcopy(card)


def text_of(message: Any) -> str:
    """Return every text in a message's blocks from top to bottom, as Slack got it."""
    return "\n".join(_texts(message.blocks)) if message else ""


_NAMED = re.compile(r"<(?:https?://|!date)[^<>|]*\|([^<>]*)>")


def as_read(message: Any) -> str:
    """Return every text in a message's blocks, with links and times as a person reads them."""
    return _NAMED.sub(r"\1", text_of(message))


def _texts(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for name, value in node.items():
            if name not in ("options", "confirm"):
                yield from _texts(value)
    elif isinstance(node, list | tuple):
        for each in node:
            yield from _texts(each)


def buttons(message: Message | Ephemeral | View) -> list[str]:
    """Return the texts of the buttons and the placeholders of the selects of a message."""
    return [
        (element.get("text") or element.get("placeholder"))["text"]
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
        if element["type"] != "overflow"
    ]


def menu_of(message: Message | Ephemeral | View, within: str = "") -> list[str]:
    """Return what the first menu of a message offers, or of a block that shows some words."""
    menus = (
        element
        for block in message.blocks
        if within in "\n".join(_texts(block))
        for element in elements_of(block)
        if element["type"] == "overflow"
    )
    return [option["text"]["text"] for option in next(menus, {"options": []})["options"]]


def label_select(card: Message) -> dict[str, Any]:
    """Return the select of feedback labels on an open card."""
    return next(
        element
        for block in card.blocks
        for element in elements_of(block)
        if element["type"] == "static_select"
    )


def chosen_label(card: Message) -> str | None:
    """Return the feedback label that an open card shows as chosen."""
    option = label_select(card).get("initial_option")
    return option["value"] if option else None


@contextlib.asynccontextmanager
async def town(clock: MovableClock, folder: Path, database_url: str) -> AsyncIterator[Town]:
    """Build a town; its bot is not running yet."""
    built = Town(clock, folder)
    async with serve_slack(built.slack) as slack_url, serve_gitlab(built.gitlab) as gitlab_url:
        built.configure(database_url, slack_url, gitlab_url)
        try:
            yield built
        finally:
            built.disconnect()
