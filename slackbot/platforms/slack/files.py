"""Files for Slack, in three steps: https://docs.slack.dev/messaging/working-with-files/#upload."""

from dataclasses import dataclass

import aiohttp

from slackbot.platforms.calls import calling
from slackbot.platforms.errors import Platform, PlatformError, Rejected, Unreachable, no_answer
from slackbot.platforms.slack.api import INSTALL_AGAIN
from slackbot.platforms.slack.client import SlackClient

FILE_SCOPES = frozenset({"files:write"})
"""Optional: for pictures and CSV files."""
NO_FILES = f"the app lacks the scope files:write: ask the bot's administrator to {INSTALL_AGAIN}"
UPLOAD_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class File:
    name: str
    title: str
    content: bytes
    alt: str = ""
    """What a picture shows, in 1,000 characters."""


async def upload(slack: SlackClient, file: File, channel: str, thread: str | None = None) -> None:
    """Share it in a channel, once: there is no way to find out whether a lost answer was a yes.

    Raises:
        PlatformError: Slack did not take it, or the app may send no files.
    """
    if (await slack.identity()).lacks(FILE_SCOPES):
        raise PlatformError(Platform.SLACK, NO_FILES)
    place = await slack.read(
        "files.getUploadURLExternal",
        filename=file.name,
        length=str(len(file.content)),
        alt_txt=file.alt,
    )
    with calling(Platform.SLACK, "upload"):
        await _send(slack, str(place["upload_url"]), file.content)
    where = {"channel_id": channel} | ({"thread_ts": thread} if thread else {})
    files = [{"id": place["file_id"], "title": file.title}]
    await slack.call("files.completeUploadExternal", files=files, **where)


async def _send(slack: SlackClient, url: str, content: bytes) -> None:
    session = slack.client.session
    if session is None:
        raise RuntimeError("files are sent in the session of the client")
    limit = aiohttp.ClientTimeout(total=UPLOAD_SECONDS)
    try:
        async with session.post(
            url, data=content, proxy=slack.client.proxy, timeout=limit
        ) as answer:
            status = answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise no_answer(Platform.SLACK, url, error) from error
    if status >= 500:
        raise Unreachable(Platform.SLACK, f"Slack is failing ({status})", status)
    if status != 200:
        raise Rejected(Platform.SLACK, str(status), "the upload was not accepted")
