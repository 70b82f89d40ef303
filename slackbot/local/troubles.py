"""What may go wrong on the page of ``ssat-bot local``, as switches; each says what to look at."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from slackbot.local.bot import Bot
from slackbot.local.gitlab.faults import READ_ONLY
from slackbot.local.sample import Sample
from slackbot.local.slack.faults import Fault

RETRY_AFTER_SECONDS = 5
MANY = 1_000_000
"""More calls than are made here."""

Strikes = Callable[[Sample, Bot], AbstractAsyncContextManager[Fault | None]]


@asynccontextmanager
async def _gitlab_down(sample: Sample, _: Bot) -> AsyncIterator[None]:
    sample.gitlab.down()
    yield
    sample.gitlab.up()


def _gitlab_refuses(status: int, message: str) -> Strikes:
    """Refuse all changes; GitLab can still be read."""

    @asynccontextmanager
    async def refuses(sample: Sample, _: Bot) -> AsyncIterator[None]:
        faults, body = sample.gitlab.faults, json.dumps({"message": message})
        headers = {"Content-Type": "application/json"}
        added = [
            faults.add(
                method=method, path="/issues", status=status, body=body, headers=headers, times=None
            )
            for method in ("PUT", "POST")
        ]
        yield
        faults.pending[:] = [each for each in faults.pending if each not in added]

    return refuses


@asynccontextmanager
async def _hooks_lost(sample: Sample, _: Bot) -> AsyncIterator[None]:
    for hook in sample.gitlab.hooks:
        hook.lose = True
    yield
    for hook in sample.gitlab.hooks:
        hook.lose = False


@asynccontextmanager
async def _slack_down(sample: Sample, _: Bot) -> AsyncIterator[None]:
    sample.slack.down()
    yield
    sample.slack.up()


@asynccontextmanager
async def _slack_limits(sample: Sample, _: Bot) -> AsyncIterator[None]:
    faults, headers = sample.slack.faults, {"Retry-After": str(RETRY_AFTER_SECONDS)}
    added = [
        faults.add(method, status=429, error="ratelimited", headers=headers, times=MANY)
        for method in ("chat.postMessage", "chat.update")
    ]
    yield
    for each in added:
        faults.call_off(each)


@asynccontextmanager
async def _slack_drops(sample: Sample, _: Bot) -> AsyncIterator[Fault]:
    fault = sample.slack.faults.add("chat.postMessage", when="after", drop=True)
    yield fault
    sample.slack.faults.call_off(fault)


@asynccontextmanager
async def _bot_killed(_: Sample, bot: Bot) -> AsyncIterator[None]:
    await bot.kill()
    yield
    await bot.start()


@asynccontextmanager
async def _pagerduty_down(sample: Sample, _: Bot) -> AsyncIterator[None]:
    sample.pagerduty.status = 503
    yield
    sample.pagerduty.status = None


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One switch; ``group`` is what it strikes. One that ``is_once`` strikes the next call only."""

    name: str
    group: str
    title: str
    look_at: str
    strikes: Strikes
    is_once: bool = False


TROUBLES = (
    Trouble(
        name="gitlab-down",
        strikes=_gitlab_down,
        group="GitLab",
        title="GitLab down",
        look_at="Claim a request: its card says that the claim is saved. Switch GitLab on again: "
        "the claim reaches GitLab within a minute.",
    ),
    Trouble(
        name="gitlab-forbidden",
        strikes=_gitlab_refuses(403, "403 Forbidden"),
        group="GitLab",
        title="GitLab refuses (403)",
        look_at="Claim a request: its card says that GitLab rejected it, and offers Try again "
        "and Dismiss.",
    ),
    Trouble(
        name="gitlab-invalid",
        strikes=_gitlab_refuses(422, "422 Unprocessable Entity"),
        group="GitLab",
        title="GitLab finds it invalid (422)",
        look_at="Choose a feedback label: its card says that GitLab rejected it. "
        "What others chose goes on.",
    ),
    Trouble(
        name="gitlab-read-only",
        strikes=_gitlab_refuses(403, READ_ONLY),
        group="GitLab",
        title="GitLab is read-only",
        look_at="Claim a request: the bot sees that GitLab is in maintenance, keeps the claim, "
        "and sends it when GitLab takes changes again.",
    ),
    Trouble(
        name="hooks-lost",
        strikes=_hooks_lost,
        group="GitLab",
        title="Webhooks get lost",
        look_at="Assign an issue in GitLab: the card follows all the same, because the bot also "
        "asks GitLab what has changed, here every 10 seconds.",
    ),
    Trouble(
        name="slack-down",
        strikes=_slack_down,
        group="Slack",
        title="Slack down",
        look_at="Add feedback: nothing can be posted. Switch Slack on again: the card comes, once.",
    ),
    Trouble(
        name="slack-limits",
        strikes=_slack_limits,
        group="Slack",
        title="Slack limits calls (429)",
        look_at="Add feedback: the inspector shows that the bot waits for as long as Slack asks. "
        "The card comes once Slack takes calls again.",
    ),
    Trouble(
        name="slack-drops",
        strikes=_slack_drops,
        group="Slack",
        title="Lose the answer to the next post",
        look_at="Add feedback: Slack has the card, but the bot never hears so. It looks for the "
        "card before it posts again, so there is one card.",
        is_once=True,
    ),
    Trouble(
        name="bot-killed",
        strikes=_bot_killed,
        group="Bot",
        title="Bot killed",
        look_at="Nobody answers a click, as Slack says. Add feedback, then switch the bot on "
        "again: it reads what it has missed, and posts the card.",
    ),
    Trouble(
        name="pagerduty-down",
        strikes=_pagerduty_down,
        group="PagerDuty",
        title="PagerDuty down",
        look_at="Cards go on naming the manager on duty that PagerDuty named last. `/ssat duty` "
        "says that PagerDuty does not answer.",
    ),
)


class Troubles:
    """The switches, as they stand."""

    def __init__(self, sample: Sample, bot: Bot) -> None:
        self._sample, self._bot = sample, bot
        self._on: dict[str, tuple[AsyncExitStack, Fault | None]] = {}

    def is_on(self, trouble: Trouble) -> bool:
        """Whether it strikes now; one that strikes once is over when it has."""
        if trouble.name not in self._on:
            return False
        _, fault = self._on[trouble.name]
        return fault is None or not fault.hits

    async def switch(self, name: str, *, on: bool) -> None:
        """Switch one on or off.

        Raises:
            LookupError: There is no such trouble.
        """
        trouble = next((each for each in TROUBLES if each.name == name), None)
        if trouble is None:
            raise LookupError(f"There is no trouble {name}.")
        if self.is_on(trouble) == on:
            return
        if name in self._on:
            striking, _ = self._on.pop(name)
            await striking.aclose()
        if on:
            striking = AsyncExitStack()
            fault = await striking.enter_async_context(trouble.strikes(self._sample, self._bot))
            self._on[name] = striking, fault
        self._sample.slack.changed()

    async def end_all(self) -> None:
        """Let everything be well again."""
        for name in list(self._on):
            await self.switch(name, on=False)
