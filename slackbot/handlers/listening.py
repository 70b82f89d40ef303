"""What all listeners share: who clicked on what, the ack, and words for whatever goes wrong."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from slackbot import metrics
from slackbot.blocks.elements import section
from slackbot.blocks.words import failure_words, refusal_words
from slackbot.handlers.desk import Interaction
from slackbot.platforms.errors import Throttled, Unreachable
from slackbot.platforms.slack import Workspace
from slackbot.rules.refusals import FormNotOpened, Refusal, Unknown
from slackbot.rules.request import IssueKey

log = structlog.get_logger()

MODAL_SECONDS = 1.2
"""How long Slack may take to open a modal before the person is told; the ack waits for it."""

AGAIN_AFTER_SECONDS = (1.0, 5.0, 30.0)
"""After which pauses an explanation is sent again; Slack takes five answers to a click."""

Body = dict[str, Any]
Listener = Callable[..., Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Click:
    """A button or a select of a card. Only ``key`` says what it is about; nothing is trusted."""

    key: IssueKey
    interaction: Interaction
    detail: str
    """What stands behind the key in a button's value, or the option chosen in a select."""

    @classmethod
    def of(cls, body: Body) -> "Click":
        """Read an interaction of type ``block_actions``.

        Raises:
            Unknown: It names no issue: it was forged, or made by another release.
        """
        action = body["actions"][0]
        # A select's option has no room for the key; the block it stands in is named by it.
        key_text, _, detail = str(action.get("value") or action.get("block_id")).partition(":")
        option = action.get("selected_option")
        return cls(
            key=issue_of(key_text),
            interaction=interaction_of(body),
            detail=str(option["value"]) if option else detail,
        )

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


def issue_of(text: str) -> IssueKey:
    """Read which issue an interaction is about; what this listener logs from now on names it.

    Raises:
        Unknown: The text names none.
    """
    try:
        key = IssueKey.parse(text)
    except ValueError as error:
        raise Unknown from error
    # Bolt runs every listener in a task of its own, so this reaches no other's lines.
    structlog.contextvars.bind_contextvars(issue=str(key))
    return key


def team_of(body: Body) -> str:
    """Return the workspace that a person belongs to, which for Slack Connect is not ours."""
    user = body.get("user") or {}
    return str(user.get("team_id") or (body.get("team") or {}).get("id") or "")


def interaction_of(body: Body) -> Interaction:
    """Return what an interaction is known by, and who is said to have done it."""
    trigger = str(body["trigger_id"])[:255]
    return Interaction(id=trigger, team=team_of(body), user=str(body["user"]["id"]))


async def answer(
    work: Callable[[], Awaitable[None]],
    tell: Callable[[str], Awaitable[Any]],
    *,
    ack: AsyncAck,
    what: str,
    then: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Do the work of a listener, ack when it is committed, and tell the person what went wrong.

    Args:
        work: Judges and records; raises ``Refusal``.
        tell: Tells the person something that only they see.
        ack: Bolt's.
        what: Names the choice in the log.
        then: What follows a choice that was accepted, after the ack.
    """
    started = time.monotonic()
    words = None
    try:
        await work()
    except Refusal as refusal:
        words = refusal_words(refusal)
        log.info("choice_refused", what=what, refusal=type(refusal).__name__)
    except Exception:
        words = log_failure(what)
    await ack()
    metrics.ACK_SECONDS.observe(time.monotonic() - started)
    if words:
        await tell(words)
    elif then:
        await then()


async def open_modal(workspace: Workspace, body: Body, view: dict[str, Any]) -> None:
    """Open a modal for whoever has clicked.

    All that it shows comes from the record; what is left of the three seconds is Slack's.

    Raises:
        FormNotOpened: Slack does not answer, or not in time.
        PlatformError: It will not open this one.
    """
    try:
        async with asyncio.timeout(MODAL_SECONDS):
            await workspace.call("views.open", trigger_id=body["trigger_id"], view=view)
    except (Unreachable, Throttled, TimeoutError) as error:
        log.warning("form_not_opened", problem=str(error) or "no answer in time")
        raise FormNotOpened from error


def log_failure(what: str) -> str:
    """Log the exception being handled under a reference number; return words with that number."""
    reference = secrets.token_hex(4)
    log.exception("choice_failed", what=what, reference=reference)
    return failure_words(reference)


def privately(respond: AsyncRespond) -> Callable[[str], Awaitable[Any]]:
    """Tell a person something in the channel that only they see."""

    async def tell(words: str) -> None:
        async def send() -> None:
            answer = await respond(
                text=words,
                blocks=[section(words)],
                response_type="ephemeral",
                replace_original=False,
            )
            if answer.status_code != 200:
                raise NotTold(f"Slack answered {answer.status_code}")

        await insist(send)

    return tell


class NotTold(Exception):
    """Slack did not pass an explanation on."""


async def insist(send: Callable[[], Awaitable[Any]]) -> None:
    """Send an explanation, again and again for a while if need be: better twice than not at all."""
    for pause in AGAIN_AFTER_SECONDS:
        try:
            await send()
        except Exception as error:
            log.warning("not_told_yet", problem=str(error) or type(error).__name__)
            await asyncio.sleep(pause)
        else:
            return
    try:
        await send()
    except Exception:
        # The choice is settled either way; a lost explanation must not look like a fault.
        log.exception("explanation_lost")
