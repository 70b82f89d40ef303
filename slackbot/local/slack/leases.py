"""What the bot may use for a while: trigger ids and response URLs.

Both run in real time, because Slack's do, whatever the workspace's clock says.
"""

import itertools
import secrets
import time
from dataclasses import dataclass, field

from slackbot.local.patience import fair_time
from slackbot.local.slack.models import SlackError

TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60.0
RESPONSE_URL_USES = 5


@dataclass(kw_only=True)
class Trigger:
    """A trigger_id's life: three real seconds, one use."""

    user: str
    issued: float
    used: bool = False


@dataclass(kw_only=True)
class ResponseUrl:
    """What a response_url may still do, and where."""

    user: str
    channel: str
    issued: float
    original: str | None = None  # the ts of the message or ephemeral that was acted upon
    thread_ts: str | None = None
    uses: int = 0
    said: list[str] = field(default_factory=list)


class Leases:
    """All that was handed out, used up or not."""

    def __init__(self) -> None:
        self.trigger_seconds = TRIGGER_SECONDS
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.tickets: set[str] = set()
        self._numbers = itertools.count(1)

    def forget(self) -> None:
        """Let nothing that was handed out be of use any longer."""
        self.triggers.clear()
        self.response_urls.clear()
        self.tickets.clear()

    def issue_trigger(self, user: str) -> str:
        """Return a fresh trigger_id."""
        trigger_id = f"{next(self._numbers)}.{int(time.time())}.{secrets.token_hex(16)}"
        self.triggers[trigger_id] = Trigger(user=user, issued=fair_time())
        return trigger_id

    def use_trigger(self, trigger_id: str) -> Trigger:
        """Take a trigger_id for its one use."""
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id", mistake=True)
        if trigger.used:
            raise SlackError("exchanged_trigger_id", mistake=True)
        if fair_time() - trigger.issued > self.trigger_seconds:
            raise SlackError("expired_trigger_id", mistake=True)
        trigger.used = True
        return trigger

    def issue_response_url(
        self, user: str, channel: str, original: str | None = None, thread_ts: str | None = None
    ) -> str:
        """Return the token at the end of a fresh response_url."""
        token = secrets.token_urlsafe(12)
        self.response_urls[token] = ResponseUrl(
            user=user,
            channel=channel,
            original=original,
            thread_ts=thread_ts,
            issued=fair_time(),
        )
        return token

    def use_response_url(self, token: str) -> ResponseUrl:
        """Take one of the five uses of a response_url."""
        lease = self.response_urls.get(token)
        if lease is None:
            raise SlackError("invalid_url", mistake=True)
        if fair_time() - lease.issued > RESPONSE_URL_SECONDS:
            raise SlackError("expired_url", mistake=True)
        if lease.uses >= RESPONSE_URL_USES:
            raise SlackError("used_url", mistake=True)
        lease.uses += 1
        return lease

    def issue_ticket(self) -> str:
        """Return the right to open one websocket."""
        ticket = secrets.token_urlsafe(12)
        self.tickets.add(ticket)
        return ticket

    def use_ticket(self, ticket: str) -> bool:
        """Take a ticket; False where there is none."""
        known = ticket in self.tickets
        self.tickets.discard(ticket)
        return known
