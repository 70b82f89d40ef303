"""What asking for real tells: Slack judges every kind of message, GitLab tests the webhook."""

import asyncio
from collections.abc import AsyncIterator

from slackbot.app import Clients
from slackbot.blocks.text import count, shorten
from slackbot.check.findings import Finding, fatal, good, not_answered, unknown
from slackbot.check.samples import Sample, samples
from slackbot.check.webhook import try_all_hooks
from slackbot.platforms.errors import PlatformError, Rejected, Throttled
from slackbot.platforms.slack.client import SlackClient
from slackbot.settings import Settings

TRIES = 4
LONGEST_WAIT_SECONDS = 30.0
SHOWN = 200
_INVALID = frozenset({"invalid_blocks", "invalid_message", "invalid_view"})


async def examine_live(settings: Settings, clients: Clients) -> AsyncIterator[Finding]:
    async for finding in examine_rendering(settings, clients.slack):
        yield finding
    async for finding in try_all_hooks(settings, clients.gitlab):
        yield finding


async def examine_rendering(settings: Settings, slack: SlackClient) -> AsyncIterator[Finding]:
    """Nothing is posted."""
    about, valid, has_charts = "blocks.validate", 0, True
    for sample in samples(settings):
        try:
            await _judge(slack, sample)
            valid += 1
        except Rejected as error:
            if error.code not in _INVALID:
                yield unknown(about, f"this Slack does not judge messages ({error.code})")
                return
            if sample.is_dispensable:
                has_charts = False
            else:
                yield fatal(f"{about}: {sample.name}", shorten(str(error), SHOWN))
        except PlatformError as error:
            yield not_answered(about, error)
            return
    charts = "" if has_charts else "; no charts here, so the bot sends words and a picture"
    said = f"{about}: Slack takes {count(valid, 'kind')} of messages and views{charts}"
    yield good(said, valid=valid, charts=has_charts)


async def _judge(slack: SlackClient, sample: Sample) -> None:
    """Be patient: Slack names no rate of this method."""
    for _ in range(TRIES):
        try:
            await slack.judge(sample.kind, sample.content)
            return
        except Throttled as error:
            await asyncio.sleep(min(error.retry_after, LONGEST_WAIT_SECONDS))
    await slack.judge(sample.kind, sample.content)
