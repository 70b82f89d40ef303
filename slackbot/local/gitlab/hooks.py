"""Project webhooks: signed, sent once over real HTTP, and disabled when they keep failing."""

import asyncio
import base64
import hashlib
import hmac
import json
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import aiohttp

from slackbot.local.gitlab.model import Project
from slackbot.local.traffic import Begun, Traffic

TIMEOUT_SECONDS = 10.0
FAILURES_TO_PAUSE = 4
FAILURES_TO_DISABLE = 40
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=24)
USER_AGENT = "GitLab/19.4.1-ee"

Outcome = Literal["pending", "delivered", "failed", "lost", "disabled"]
TRIGGERS = {
    "Push Hook": "push_events",
    "Issue Hook": "issues_events",
    "Confidential Issue Hook": "confidential_issues_events",
    "Note Hook": "note_events",
    "Confidential Note Hook": "confidential_note_events",
}
"""What a hook must be set to for an event, by the event's name."""
USUAL_TRIGGERS = frozenset(TRIGGERS.values()) - {"push_events"}
_NOT_SENT: dict[Outcome, str] = {
    "lost": "Not sent: this hook was lost.",
    "disabled": "Not sent: the webhook is paused after failures in a row.",
}


@dataclass(eq=False, kw_only=True)
class Hook:
    """A webhook of a project.

    `lose`, `double` and `reorder` make it misbehave with the events that happen while they are
    set: nothing is sent, everything is sent twice under the same id, or each event is held back
    until the next has been sent.
    """

    id: int
    project: Project
    url: str
    token: str | None = None
    signing_token: str | None = None
    name: str = ""
    triggers: frozenset[str] = USUAL_TRIGGERS
    verifies_ssl: bool = True
    created_at: datetime | None = None
    lose: bool = False
    double: bool = False
    reorder: bool = False
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    failures_in_row: int = 0
    paused_until: datetime | None = None
    disabled: bool = False

    def wants(self, event: str) -> bool:
        """Whether it is set to hear of an event; odd ones it always hears."""
        return event not in TRIGGERS or TRIGGERS[event] in self.triggers

    def is_paused(self, now: datetime) -> bool:
        """Whether GitLab sends nothing to it at the moment."""
        return self.disabled or (self.paused_until is not None and now < self.paused_until)

    def succeeded(self) -> None:
        """Forget the failures: a test that succeeds enables a hook again, too."""
        self.failures_in_row = 0
        self.paused_until = None
        self.disabled = False

    def failed(self, now: datetime) -> None:
        """Count a failure, and pause or disable the hook when there are too many in a row."""
        self.failures_in_row += 1
        if self.failures_in_row >= FAILURES_TO_DISABLE:
            self.disabled = True
        elif self.failures_in_row >= FAILURES_TO_PAUSE:
            doublings = self.failures_in_row - FAILURES_TO_PAUSE
            self.paused_until = now + min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE)


@dataclass(eq=False, kw_only=True)
class Delivery:
    """One attempt to tell a hook of an event; `status` is None when no answer came."""

    hook: Hook
    event: str
    headers: dict[str, str]
    body: bytes
    at: datetime | None = None
    status: int | None = None
    answer: str = ""
    """The words of the answer, or why there is none."""
    outcome: Outcome = "pending"

    @property
    def url(self) -> str:
        """Where it goes."""
        return self.hook.url

    @property
    def payload(self) -> dict[str, Any]:
        """The body as JSON."""
        payload: dict[str, Any] = json.loads(self.body)
        return payload


def signature(signing_token: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the header `webhook-signature` for a body, by a signing token (GitLab 19.1)."""
    key = base64.b64decode(signing_token.removeprefix("whsec_"))
    message = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, message, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


class Dispatcher:
    """Sends events to hooks in background tasks: one task per hook, in order, each event once."""

    def __init__(self, clock: Callable[[], datetime], on_change: Callable[[], None]) -> None:
        self.traffic: Traffic | None = None
        self.deliveries: list[Delivery] = []
        self.instance_url = ""
        self._clock = clock
        self._on_change = on_change
        self._queues: dict[Hook, deque[Delivery]] = {}
        self._held: dict[Hook, Delivery] = {}
        self._tasks: dict[Hook, asyncio.Task[None]] = {}

    def fire(self, hook: Hook, event: str, payload: dict[str, Any]) -> None:
        """Queue an event for a hook; it is on its way when the caller next awaits."""
        delivery = self._prepare(hook, event, payload)
        if hook.lose:
            self._record(delivery, "lost")
            return
        if hook.reorder and hook not in self._held:
            self._held[hook] = delivery
            return
        self._enqueue(delivery)
        if held := self._held.pop(hook, None):
            self._enqueue(held)

    async def test(self, hook: Hook, event: str, payload: dict[str, Any]) -> Delivery:
        """Send an event at once, also to a hook that is paused or disabled."""
        delivery = self._prepare(hook, event, payload)
        await self._attempt(delivery)
        return delivery

    async def settled(self) -> None:
        """Wait until everything that was fired has been sent, held events included."""
        for delivery in self._held.values():
            self._enqueue(delivery)
        self._held.clear()
        for hook in list(self._queues):
            self._start(hook)
        while running := [task for task in self._tasks.values() if not task.done()]:
            await asyncio.gather(*running)

    def forget(self) -> None:
        """Forget what was sent, and drop what is still to be."""
        self.deliveries.clear()
        self._queues.clear()
        self._held.clear()
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def stop(self) -> None:
        """Drop what is still to be sent."""
        self._queues.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _prepare(self, hook: Hook, event: str, payload: dict[str, Any]) -> Delivery:
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        message_id = str(uuid.uuid4())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "Idempotency-Key": message_id,
            "X-Gitlab-Event": event,
            "X-Gitlab-Webhook-UUID": hook.uuid,
            "X-Gitlab-Instance": self.instance_url,
            "X-Gitlab-Event-UUID": str(uuid.uuid4()),
        }
        if hook.token is not None:
            headers["X-Gitlab-Token"] = hook.token
        if hook.signing_token is not None:
            timestamp = str(int(self._clock().timestamp()))
            headers["webhook-id"] = message_id
            headers["webhook-timestamp"] = timestamp
            headers["webhook-signature"] = signature(
                hook.signing_token, message_id, timestamp, body
            )
        return Delivery(hook=hook, event=event, headers=headers, body=body)

    def _enqueue(self, delivery: Delivery) -> None:
        hook = delivery.hook
        queue = self._queues.setdefault(hook, deque())
        queue.append(delivery)
        if hook.double:
            queue.append(
                Delivery(
                    hook=hook, event=delivery.event, headers=delivery.headers, body=delivery.body
                )
            )
        self._start(hook)

    def _start(self, hook: Hook) -> None:
        task = self._tasks.get(hook)
        if task is not None and not task.done():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a scene set before the loop runs: `settled` starts it later
            return
        self._tasks[hook] = loop.create_task(self._drain(hook))

    async def _drain(self, hook: Hook) -> None:
        queue = self._queues[hook]
        while queue:
            await self._send(queue.popleft())

    async def _send(self, delivery: Delivery) -> None:
        hook = delivery.hook
        if hook.is_paused(self._clock()):
            self._record(delivery, "disabled")
            return
        await self._attempt(delivery)

    async def _attempt(self, delivery: Delivery) -> None:
        hook, delivery.at = delivery.hook, self._clock()
        self.deliveries.append(delivery)
        begun = self.traffic.begin() if self.traffic else None
        delivery.status, delivery.answer = await _post(delivery)
        if delivery.status is not None and delivery.status < 300:
            delivery.outcome = "delivered"
            hook.succeeded()
        else:
            delivery.outcome = "failed"
            hook.failed(self._clock())
        self._show(begun, delivery, delivery.answer)
        self._on_change()

    def _record(self, delivery: Delivery, outcome: Outcome) -> None:
        delivery.outcome = outcome
        self.deliveries.append(delivery)
        if self.traffic is not None:
            self._show(self.traffic.begin(), delivery, _NOT_SENT[outcome])
        self._on_change()

    def _show(self, begun: Begun | None, delivery: Delivery, words: str) -> None:
        if self.traffic is None or begun is None:
            return
        status, hook = delivery.status, delivery.hook
        problem = None
        if status is not None and status >= 300:
            problem = (
                f"{delivery.event}: answered {status}, {hook.failures_in_row} failures in a row"
            )
        self.traffic.add(
            begun,
            sender="GitLab",
            receiver="bot",
            title=delivery.event,
            status=status,
            ok=delivery.outcome == "delivered",
            request=delivery.payload,
            response=words,
            problem=problem,
            is_ordered=status is None and delivery.outcome != "disabled",
        )


async def _post(delivery: Delivery) -> tuple[int | None, str]:
    """Send it once; return the status and the words of the answer, or why there is none."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(
                delivery.url, data=delivery.body, headers=delivery.headers, allow_redirects=False
            ) as answer,
        ):
            return answer.status, await _text(answer)
    except TimeoutError:
        return None, f"No answer within {TIMEOUT_SECONDS:g} seconds."
    except aiohttp.ClientError as error:
        return None, f"Not delivered: {error}."


async def _text(answer: aiohttp.ClientResponse) -> str:
    """Read an answer that counts already, whatever becomes of its body."""
    try:
        return await answer.text(errors="replace")
    except (aiohttp.ClientError, TimeoutError):
        return ""
