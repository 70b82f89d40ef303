"""What Slack sends: how it is read, and what becomes of a request that no listener takes.

A listener reads from what Slack has sent as if all were there. What is missing raises
``Incomplete``, which is a refusal like any other where a person waits, and one line of the log
where none does. So is a request that no listener takes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from slackbot.rules.refusals import Incomplete, Refusal, Unknown
from slackbot.rules.request import IssueKey

log = structlog.get_logger()

Body = dict[str, Any]


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


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """A click on a button or a select, or a submitted form. Nothing in it is trusted or checked."""

    id: str
    """A repetition carries the same."""
    team: str
    user: str
    key: IssueKey
    detail: str = ""
    """What stands behind the key in a button's value, or the option chosen in a select."""

    @classmethod
    def of_click(cls, body: Body) -> "Interaction":
        """Read an interaction of type ``block_actions``.

        Raises:
            Unknown: It names no issue: it was forged, or made by another release.
        """
        action = body["actions"][0]
        # A select's option has no room for the key; the block it stands in is named by it.
        key_text, _, detail = str(action.get("value") or action.get("block_id")).partition(":")
        option = action.get("selected_option")
        return cls._about(key_text, body, str(option["value"]) if option else detail)

    @classmethod
    def of_form(cls, body: Body) -> "Interaction":
        """Read an interaction of type ``view_submission``.

        Raises:
            Unknown: It names no issue.
        """
        return cls._about(body["view"]["private_metadata"], body)

    @classmethod
    def _about(cls, key_text: str, body: Body, detail: str = "") -> "Interaction":
        try:
            key = IssueKey.parse(key_text)
        except ValueError as error:
            raise Unknown from error
        # Bolt runs each listener in a task of its own, so this reaches no other listener's lines.
        structlog.contextvars.bind_contextvars(issue=str(key))
        trigger = str(body["trigger_id"])[:255]
        team, user = sender_of(body)
        return cls(id=trigger, team=team, user=user, key=key, detail=detail)

    @property
    def decision(self) -> UUID:
        """The decision that a button is about.

        Raises:
            Unknown: It names none.
        """
        try:
            return UUID(self.detail)
        except ValueError as error:
            raise Unknown from error


def sender_of(body: Body) -> tuple[str, str]:
    """Return a person's workspace, which for Slack Connect is not ours, and their id."""
    user = body["user"]
    team = user.get("team_id") or (body.get("team") or {}).get("id") or ""
    return str(team), str(user["id"])


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
