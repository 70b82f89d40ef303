"""What Slack sends, read as if all were there: what lacks raises ``Incomplete``."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from slackbot import tracing
from slackbot.platforms.slack.api import Respond
from slackbot.rules.reading.characters import whole_text
from slackbot.rules.refusals import Incomplete, Refusal, Unknown
from slackbot.rules.request import IssueKey
from slackbot.store.engine.away import RecordAway

log = structlog.get_logger()

Body = dict[str, Any]


class Payload(dict[str, Any]):
    """Nothing and ``null`` are the same."""

    def __missing__(self, name: str) -> Any:
        raise Incomplete(name)


def payload_of(sent: Any) -> Any:
    """Raise ``Incomplete`` to readers of what it lacks."""
    match sent:
        case str():
            return whole_text(sent)
        case dict():
            told = {name: payload_of(each) for name, each in sent.items() if each is not None}
            return Payload(told)
        case list():
            return [payload_of(each) for each in sent]
        case _:
            return sent


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """A click or a submitted form; nothing in it is checked."""

    id: str
    """See ``id_of``."""
    team: str
    user: str
    key: IssueKey
    detail: str = ""
    """After the key in a button's value or in a form, or a select's option."""

    @classmethod
    def of_click(cls, body: Body) -> "Interaction":
        """Read ``block_actions``.

        Raises:
            Unknown: It names no issue: forged, or of another release.
        """
        action = body["actions"][0]
        if action.get("type") == "overflow":  # its options have room for the key
            key_text, _, detail = str(action["selected_option"]["value"]).partition(":")
            return cls._about(key_text, body, detail)
        # A select's option has no room for the key: its block names it.
        key_text, _, detail = str(action.get("value") or action.get("block_id")).partition(":")
        option = action.get("selected_option")
        return cls._about(key_text, body, str(option["value"]) if option else detail)

    @classmethod
    def of_form(cls, body: Body) -> "Interaction":
        """Read ``view_submission``, or a click in the form.

        Raises:
            Unknown: It names no issue.
        """
        key_text, _, detail = str(body["view"]["private_metadata"]).partition(":")
        return cls._about(key_text, body, detail)

    @classmethod
    def _about(cls, key_text: str, body: Body, detail: str = "") -> "Interaction":
        try:
            key = IssueKey.parse(key_text)
        except ValueError as error:
            raise Unknown from error
        # Bolt runs each listener in its own task: no other's lines get it.
        structlog.contextvars.bind_contextvars(issue=str(key))
        tracing.note(issue=str(key))
        team, user = sender_of(body)
        return cls(id=id_of(body), team=team, user=user, key=key, detail=detail)

    @property
    def decision(self) -> UUID:
        """A button's decision.

        Raises:
            Unknown: It names none.
        """
        try:
            return UUID(self.detail)
        except ValueError as error:
            raise Unknown from error


def id_of(body: Body) -> str:
    """Name what was sent. A repetition has the same name: a form, if its content is the same."""
    view = body.get("view") or {}
    if body["type"] != "view_submission" or not view.get("id"):
        return str(body["trigger_id"])[:255]
    content = json.dumps((view.get("state") or {}).get("values"), sort_keys=True)
    return f"{view['id']}:{view.get('callback_id')}:{sha256(content.encode()).hexdigest()[:32]}"


def sender_of(body: Body) -> tuple[str, str]:
    """Return workspace (for Slack Connect not ours) and id."""
    user = body["user"]
    team = user.get("team_id") or (body.get("team") or {}).get("id") or ""
    return str(team), str(user["id"])


def see_to(bolt: AsyncApp) -> None:
    bolt.middleware(_read)
    bolt.error(answer_for)


async def _read(req: AsyncBoltRequest, next: Callable[[], Awaitable[None]]) -> None:  # noqa: A002
    req.body = payload_of(req.body)
    req.context["respond"] = Respond(response_url=req.context.response_url)
    await next()


async def answer_for(
    error: Exception, body: dict[str, Any], response: BoltResponse
) -> BoltResponse:
    """Say what became of what was not acked."""
    if isinstance(error, BoltUnhandledRequestError):
        log.info("slack_request_not_for_us", what=_what(body))
        # Slack tells people of a 404, but would send an event again.
        return BoltResponse(status=200 if _is_event(body) else 404)
    _tell(error, body, fault="slack_request_not_understood")
    if isinstance(error, RecordAway):
        return BoltResponse(status=503, body="the record is away\n")
    return BoltResponse(status=400, body="the request could not be read\n")


def tell_of_event(error: Exception, body: Body) -> None:
    """Log what nobody hears of: the event is acked."""
    _tell(error, body, fault="slack_event_failed")


def _tell(error: Exception, body: dict[str, Any], *, fault: str) -> None:
    what = _what(body)
    if isinstance(error, Refusal):
        lacks = error.part if isinstance(error, Incomplete) else None
        log.info("slack_request_refused", what=what, refusal=type(error).__name__, lacks=lacks)
    elif isinstance(error, RecordAway):
        log.warning("slack_request_not_recorded", what=what, problem=str(error))
    else:
        log.error(fault, what=what, exc_info=error)


def kind_of(body: dict[str, Any]) -> str:
    """Name it with the button: how many of those there are is known, even of forged ones."""
    actions = body.get("actions")
    first = actions[0] if isinstance(actions, list) and actions else None
    button = first.get("action_id") if isinstance(first, dict) else None
    return f"{_what(body)} {str(button)[:40]}" if button else _what(body)


def sent_by(body: dict[str, Any]) -> dict[str, str]:
    """Return the fields of lines about it, as far as they can be read."""
    user = body.get("user") or body.get("user_id")
    if isinstance(user, dict):
        user = user.get("id")
    sent = body.get("trigger_id") or body.get("event_id")
    found = {"user": user, "interaction": sent}
    return {name: told[:80] for name, told in found.items() if isinstance(told, str)}


def _is_event(body: dict[str, Any]) -> bool:
    return body.get("type") == "event_callback"


def _what(body: dict[str, Any]) -> str:
    """Never with what people have written."""
    about = body.get("event") if _is_event(body) else body
    named = about.get("command") or about.get("type") if isinstance(about, dict) else None
    return str(named)[:80]
