"""A whole town for stories: a Slack, a GitLab and the bot between them, over real HTTP."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from slackbot.app import connect, run_bot
from slackbot.feedback import HANDBOOK_LABELS
from slackbot.local.gitlab import GitLab, Issue
from slackbot.local.gitlab import User as GitLabUser
from slackbot.local.gitlab import serve as serve_gitlab
from slackbot.local.slack import Message, Workspace
from slackbot.local.slack import serve as serve_slack
from slackbot.settings import Settings
from tests.conftest import MovableClock

T = TypeVar("T")

PROJECT = "gitlab-com/support/feedback"
HOOK_SECRET = "hook-secret"
FAST = {"chat.postMessage": (100.0, 100), "chat.update": (100.0, 100)}

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
        self.slack, self.gitlab = Workspace(clock=clock), GitLab(clock=clock)
        self.slack.rates.scale = 1000
        self.folder = folder
        self._fill_slack()
        self._fill_gitlab()
        self.settings: dict[str, Any] = {}
        self.url = ""

    def _fill_slack(self) -> None:
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
        for name, text in HANDBOOK_LABELS.items():
            gitlab.add_label(self.project, name, text)
        for name in (CONTACT, CONTACTED, "satisfaction::bad", "satisfaction::good"):
            gitlab.add_label(self.project, name)
        self.people_file = self.folder / "people.toml"
        self.people_file.write_text('[people]\nU0AVERY = "avery"\n')

    def configure(self, database_url: str, slack_url: str, gitlab_url: str) -> None:
        """Write down the settings of the bot."""
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
        }

    @contextlib.asynccontextmanager
    async def bot_running(self, **changes: Any) -> AsyncIterator[str]:
        """Run the bot, with some settings changed; hooks and clicks find their way to it."""
        settings = Settings(_env_file=None, **(self.settings | changes))  # type: ignore[call-arg]
        async with (
            connect(settings, FAST) as outside,
            run_bot(settings, outside, clock=self.clock) as url,
        ):
            self.url = url
            self.slack.request_url = f"{url}/slack/events"
            hook = self.gitlab.add_hook(
                self.project, f"{url}/gitlab/webhook", token=HOOK_SECRET
            )
            try:
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

    @property
    def cards(self) -> list[Message]:
        """The cards in the channel."""
        return [message for message in self.channel.messages if message.metadata]

    def card_of(self, issue: Issue) -> Message | None:
        """The one card of an issue; more than one fails the test."""
        key = f"{self.project.id}/{issue.iid}"
        found = [
            card for card in self.cards
            if card.metadata and card.metadata["event_payload"]["key"] == key
        ]
        assert len(found) <= 1, f"{len(found)} cards for one request"
        return found[0] if found else None

    async def card(self, issue: Issue, *words: str, without: str = "\0") -> Message:
        """Wait until the card of an issue shows some words."""

        def shows() -> Message | None:
            card = self.card_of(issue)
            text = text_of(card)
            return card if all(word in text for word in words) and without not in text else None

        try:
            return await self.slack.wait_for(shows)
        except AssertionError as error:
            raise AssertionError(f"expected {words}, got: {text_of(self.card_of(issue))}") from error

    async def thread(self, issue: Issue, *words: str) -> Message:
        """Wait until a message in the thread of an issue's card shows some words."""

        def shows() -> Message | None:
            card = self.card_of(issue)
            told = card.thread if card else []
            return next((one for one in told if all(word in one.text for word in words)), None)

        return await self.slack.wait_for(shows)

    async def in_gitlab(self, happened: Callable[[], T]) -> T:
        """Wait until something is so in GitLab."""
        await self.gitlab.wait_for(lambda: bool(happened()))
        return happened()

    def check(self) -> None:
        """Fail if either platform had anything to object to."""
        assert self.slack.refusals == []
        assert self.gitlab.violations == []


def text_of(message: Any) -> str:
    """Return every text in a message's blocks, as a person would read it from top to bottom."""
    return "\n".join(_texts(message.blocks)) if message else ""


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


def buttons(message: Message) -> list[str]:
    """Return the texts of the buttons and the placeholders of the selects of a message."""
    return [
        (element.get("text") or element.get("placeholder"))["text"]
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]


@contextlib.asynccontextmanager
async def town(
    clock: MovableClock, folder: Path, database_url: str
) -> AsyncIterator[Town]:
    """Build a town; its bot is not running yet."""
    built = Town(clock, folder)
    async with serve_slack(built.slack) as slack_url, serve_gitlab(built.gitlab) as gitlab_url:
        built.configure(database_url, slack_url, gitlab_url)
        yield built
