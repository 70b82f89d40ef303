"""What may go wrong on the page of ``ssat-bot local``, as switches; each says what to look at."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from slackbot.local.bot import Bot
from slackbot.local.gitlab.faults import READ_ONLY
from slackbot.local.sample import Sample

RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One switch; ``group`` is what it strikes. One that ``is_once`` strikes the next call only."""

    name: str
    group: str
    title: str
    look_at: str
    is_once: bool = False


TROUBLES = (
    Trouble(
        name="gitlab-down",
        group="GitLab",
        title="GitLab down",
        look_at="Claim a request: the card says that the claim is saved. Then switch this off: "
        "the claim reaches GitLab within a minute.",
    ),
    Trouble(
        name="gitlab-forbidden",
        group="GitLab",
        title="GitLab refuses (403)",
        look_at="Claim a request: the card says that GitLab rejected the claim, and has the "
        "buttons Try again and Dismiss.",
    ),
    Trouble(
        name="gitlab-invalid",
        group="GitLab",
        title="GitLab finds it invalid (422)",
        look_at="Choose a feedback label: the card says that GitLab rejected the label. Choices "
        "made before are not affected.",
    ),
    Trouble(
        name="gitlab-read-only",
        group="GitLab",
        title="GitLab is read-only",
        look_at="Claim a request: the bot keeps the claim, because GitLab is in maintenance. Then "
        "switch this off: the bot sends the claim.",
    ),
    Trouble(
        name="hooks-lost",
        group="GitLab",
        title="Webhooks get lost",
        look_at="Assign an issue in GitLab: the card follows all the same. The bot also asks "
        "GitLab what has changed, here every 10 seconds.",
    ),
    Trouble(
        name="slack-down",
        group="Slack",
        title="Slack down",
        look_at="Add feedback: the bot cannot post. Then switch this off: the card comes, once.",
    ),
    Trouble(
        name="slack-limits",
        group="Slack",
        title="Slack limits calls (429)",
        look_at="Add feedback: the inspector shows that the bot waits as long as Slack asks. Then "
        "switch this off: the card comes.",
    ),
    Trouble(
        name="slack-drops",
        group="Slack",
        title="Lose the answer to the next post",
        look_at="Add feedback: Slack has the card, but its answer never reaches the bot. The bot "
        "looks for the card before it posts again, so there is one card.",
        is_once=True,
    ),
    Trouble(
        name="bot-killed",
        group="Bot",
        title="Bot killed",
        look_at="Press a button: nobody answers. Add feedback, then switch this off: the bot "
        "starts, reads what it has missed, and posts the card.",
    ),
    Trouble(
        name="pagerduty-down",
        group="PagerDuty",
        title="PagerDuty down",
        look_at="Five minutes pass, until the bot asks PagerDuty. Type /ssat duty: the answer "
        "says that PagerDuty does not answer, and who was on duty last.",
    ),
)


@dataclass(frozen=True, kw_only=True)
class _Switch:
    """Asks the stand-in itself whether the trouble is on: others may end it, too."""

    is_on: Callable[[], bool]
    begin: Callable[[], Awaitable[None] | None]
    end: Callable[[], Awaitable[None] | None]


class Troubles:
    """The switches of one world."""

    def __init__(self, sample: Sample, bot: Bot) -> None:
        self._sample = sample
        self._switches = _switches(sample, bot)
        self._changing = asyncio.Lock()

    def is_on(self, name: str) -> bool:
        """Return whether a trouble strikes now; one that strikes once is over when it has."""
        return self._switches[name].is_on()

    async def switch(self, name: str, *, on: bool) -> None:
        """Switch one on or off.

        Raises:
            LookupError: There is no such trouble.
        """
        switch = self._switches.get(name)
        if switch is None:
            raise LookupError(f"There is no trouble {name}.")
        async with self._changing:
            if switch.is_on() != on:
                changing = (switch.begin if on else switch.end)()
                if changing is not None:
                    await changing
        self._sample.slack.changed()

    async def end_all(self) -> None:
        """Let everything be well again."""
        for name in self._switches:
            await self.switch(name, on=False)


def _switches(sample: Sample, bot: Bot) -> dict[str, _Switch]:
    slack, gitlab, pagerduty = sample.slack, sample.gitlab, sample.pagerduty

    def lose_hooks(lost: bool) -> None:
        for hook in gitlab.hooks:
            hook.lose = lost

    def fail_pagerduty(status: int | None) -> None:
        pagerduty.status = status

    return {
        "gitlab-down": _Switch(is_on=lambda: gitlab.faults.down, begin=gitlab.down, end=gitlab.up),
        "gitlab-forbidden": _gitlab_refuses(sample, 403, "403 Forbidden"),
        "gitlab-invalid": _gitlab_refuses(sample, 422, "422 Unprocessable Entity"),
        "gitlab-read-only": _gitlab_refuses(sample, 403, READ_ONLY),
        "hooks-lost": _Switch(
            is_on=lambda: any(hook.lose for hook in gitlab.hooks),
            begin=lambda: lose_hooks(True),
            end=lambda: lose_hooks(False),
        ),
        "slack-down": _Switch(is_on=lambda: slack.is_down, begin=slack.down, end=slack.up),
        "slack-limits": _slack_limits(sample),
        "slack-drops": _ordered(
            slack.faults.pending,
            lambda: [slack.faults.add("chat.postMessage", when="after", drop=True)],
        ),
        "bot-killed": _Switch(is_on=lambda: not bot.is_running, begin=bot.kill, end=bot.start),
        "pagerduty-down": _Switch(
            is_on=lambda: pagerduty.status is not None,
            begin=lambda: fail_pagerduty(503),
            end=lambda: fail_pagerduty(None),
        ),
    }


def _ordered(pending: list[Any], order: Callable[[], Iterable[object]]) -> _Switch:
    """Return a switch for faults that a stand-in keeps until they have struck."""
    ordered: list[object] = []

    def begin() -> None:
        ordered[:] = order()

    def end() -> None:
        pending[:] = [each for each in pending if not any(each is one for one in ordered)]

    def is_on() -> bool:
        return any(each is one for each in pending for one in ordered)

    return _Switch(is_on=is_on, begin=begin, end=end)


def _gitlab_refuses(sample: Sample, status: int, message: str) -> _Switch:
    """Refuse all changes; GitLab can still be read."""
    faults, body = sample.gitlab.faults, json.dumps({"message": message})
    headers = {"Content-Type": "application/json"}
    return _ordered(
        faults.pending,
        lambda: [
            faults.add(
                method=method, path="/issues", status=status, body=body, headers=headers, times=None
            )
            for method in ("PUT", "POST")
        ],
    )


def _slack_limits(sample: Sample) -> _Switch:
    faults, headers = sample.slack.faults, {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return _ordered(
        faults.pending,
        lambda: [
            faults.add(method, status=429, error="ratelimited", headers=headers, times=None)
            for method in ("chat.postMessage", "chat.update")
        ],
    )
