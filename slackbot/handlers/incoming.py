"""What Slack sends, before and after the listeners: so that none of them has to think of it.

A listener reads from what Slack has sent as if all were there. What is missing raises
``Incomplete``, which is a refusal like any other where a person waits, and one line of the log
where none does. So is whatever no listener takes.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from slackbot.rules.refusals import Incomplete, Refusal

log = structlog.get_logger()


class Payload(dict[str, Any]):
    """What Slack has sent, or a part of it; nothing and ``null`` are the same."""

    def __missing__(self, name: str) -> Any:
        raise Incomplete(name)


def payload_of(sent: Any) -> Any:
    """Return what Slack has sent so that whatever it lacks is ``Incomplete`` to its reader."""
    match sent:
        case dict():
            told = {name: payload_of(each) for name, each in sent.items() if each is not None}
            return Payload(told)
        case list():
            return [payload_of(each) for each in sent]
        case _:
            return sent


def see_to(bolt: AsyncApp) -> None:
    """Have Bolt read what Slack sends in this way, and answer for it where nobody else does."""
    bolt.middleware(_read)
    bolt.error(answer_for)


async def _read(req: AsyncBoltRequest, next: Callable[[], Awaitable[None]]) -> None:  # noqa: A002
    req.body = payload_of(req.body)
    await next()


async def answer_for(
    error: Exception, body: dict[str, Any], response: BoltResponse | None
) -> BoltResponse | None:
    """Answer what no listener has taken, or what one has stumbled over.

    Args:
        error: What went wrong.
        body: What Slack has sent.
        response: What Bolt would answer; ``None`` where it has acked already.
    """
    what = _what(body)
    if isinstance(error, BoltUnhandledRequestError):
        log.info("slack_request_not_for_us", what=what)
        # Slack itself tells a person where 404 is the answer, and would send an event again.
        return BoltResponse(status=200 if _is_event(body) else 404)
    if isinstance(error, Refusal):
        lacks = str(error) if isinstance(error, Incomplete) else None
        log.info("slack_request_refused", what=what, refusal=type(error).__name__, lacks=lacks)
    else:
        log.error("slack_request_not_understood", what=what, exc_info=error)
    if response is None:
        return None
    return BoltResponse(status=400, body="the request could not be read\n")


def _is_event(body: dict[str, Any]) -> bool:
    return body.get("type") == "event_callback"


def _what(body: dict[str, Any]) -> str:
    """Name what Slack has sent, as it does; never with what people have written."""
    about = body.get("event") if _is_event(body) else body
    named = about.get("command") or about.get("type") if isinstance(about, dict) else None
    return str(named)[:80]
