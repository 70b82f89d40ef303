"""The record of what bot, Slack, GitLab and PagerDuty say to each other, for people to look at.

A stand-in without one (`traffic = None`) records nothing, so tests and benchmarks pay nothing.
"""

import itertools
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from slackbot.local.fidelity import Met, Platform, rule_of

Party = Literal["Slack", "GitLab", "PagerDuty", "bot"]

KEPT = 1000
"""How many exchanges are remembered."""
HIDDEN = "[hidden]"
LONGEST_TEXT = 12_000
LONGEST_LIST = 100
"""What is longer is shown in part: a list of issues may be megabytes."""

_NEVER = frozenset({"token", "client_secret", "signing_secret", "verification_token"})
_HIDDEN = frozenset({"trigger_id", "response_url", "upload_url"})
_SECRETS = re.compile(
    r"\b(?:xox[a-z]-|xapp-|glpat-|whsec_)[\w+/=.-]+"
    r"|\b\d+\.\d+\.[0-9a-f]{32}\b"  # a trigger_id
    r"|(?<=/response/)[\w-]+|(?<=/upload/v1/)[\w-]+|(?<=[?&]ticket=)[\w-]+"
)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and its answer; `status` is None where the answer was lost or never came."""

    id: int
    at: datetime
    ms: int
    sender: Party
    receiver: Party
    title: str
    status: int | None
    ok: bool
    request: Any
    response: Any
    rule: Met | None

    def to_json(self) -> dict[str, Any]:
        """Return the exchange as JSON."""
        return {**vars(self), "at": self.at.isoformat(), "rule": self.rule and vars(self.rule)}


@dataclass(frozen=True)
class Begun:
    """When a request came: by the clock of the stand-in, and in real time."""

    at: datetime
    monotonic: float


class Traffic:
    """The latest exchanges, in the order in which they were answered."""

    def __init__(self, clock: Callable[[], datetime], *, keep: int = KEPT) -> None:
        self.count = 0
        """How many exchanges there have been so far, the forgotten ones included."""
        self._clock = clock
        self._entries: deque[Exchange] = deque(maxlen=keep)
        self._numbers = itertools.count(1)

    def begin(self) -> Begun:
        """Note that a request has come; its answer is added later."""
        return Begun(self._clock(), time.monotonic())

    def add(
        self,
        begun: Begun,
        *,
        sender: Party,
        receiver: Party,
        title: str,
        status: int | None,
        ok: bool,
        request: Any,
        response: Any,
        problem: str | None = None,
        is_ordered: bool = False,
    ) -> Exchange:
        """Add an exchange that has just ended.

        `problem` says what the bot did wrong. An answer that was ordered (a fault) follows no
        rule of the platform.
        """
        rule = None
        if not is_ordered or problem is not None:
            rule = rule_of(_platform(sender, receiver), title, problem)
        exchange = Exchange(
            id=next(self._numbers),
            at=begun.at,
            ms=round((time.monotonic() - begun.monotonic) * 1000),
            sender=sender,
            receiver=receiver,
            title=clean(title),
            status=status,
            ok=ok,
            request=clean(request),
            response=clean(response),
            rule=rule,
        )
        self._entries.append(exchange)
        self.count = exchange.id
        return exchange

    def after(self, number: int) -> list[Exchange]:
        """Return the exchanges that are remembered and came after the one with this id."""
        return [each for each in self._entries if each.id > number]

    def forget(self, platform: Platform) -> None:
        """Forget the exchanges with one platform; the ids go on."""
        kept = [each for each in self._entries if platform not in (each.sender, each.receiver)]
        self._entries.clear()
        self._entries.extend(kept)


def _platform(sender: Party, receiver: Party) -> Platform:
    either = receiver if sender == "bot" else sender
    if either == "bot":
        raise ValueError("One of the two is a platform.")
    return either


def clean(value: Any) -> Any:
    """Return a copy without secrets, and without the rest of what is very long."""
    if isinstance(value, dict):
        return {
            str(name): HIDDEN if name in _HIDDEN and each else clean(each)
            for name, each in value.items()
            if name not in _NEVER
        }
    if isinstance(value, list | tuple):
        shown = [clean(each) for each in value[:LONGEST_LIST]]
        more = len(value) - LONGEST_LIST
        return [*shown, f"… and {more} more"] if more > 0 else shown
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        shown_text = _SECRETS.sub(HIDDEN, value[:LONGEST_TEXT])
        return shown_text + (f"… ({len(value)} characters)" if len(value) > LONGEST_TEXT else "")
    return value if isinstance(value, bool | int | float | None) else str(value)
