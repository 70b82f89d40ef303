"""Faults on order: errors, dropped connections and silence, before or after the effect."""

import asyncio
import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

BAD_GATEWAY = (
    "<!DOCTYPE html><html><head><title>GitLab is not responding (502)</title></head>"
    "<body><h1>502</h1><p>Whoops, GitLab is taking too much time to respond.</p></body></html>"
)

READ_ONLY = "You cannot perform write operations on a read-only instance"
"""What GitLab says in maintenance mode unless an administrator has set other words."""


@dataclass(eq=False, kw_only=True)
class Fault:
    """One arranged misfortune; `left` counts how often it still strikes, None for always."""

    method: str | None
    path: re.Pattern[str]
    when: Literal["before", "after"]
    left: int | None
    status: int | None
    headers: dict[str, str]
    body: str
    drop: bool
    hang: float | None

    def strikes(self, method: str, path: str, when: str) -> bool:
        """Whether it meets this request at this moment."""
        spent = self.left is not None and self.left <= 0
        if spent or when != self.when:
            return False
        return self.method in (None, method) and bool(self.path.search(path))


@dataclass(eq=False)
class Faults:
    """The faults waiting for their requests, in the order in which they were added."""

    pending: list[Fault] = field(default_factory=list)
    down: bool = False
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def add(
        self,
        *,
        method: str | None = None,
        path: str = "",
        status: int | None = None,
        headers: dict[str, str] | None = None,
        body: str | None = None,
        times: int | None = 1,
        when: Literal["before", "after"] = "before",
        drop: bool = False,
        hang: float | None = None,
    ) -> Fault:
        """Arrange a fault for the next `times` requests that match; None for all of them.

        Args:
            method: the HTTP method, None for any
            path: a regular expression searched in the path (percent-encoded, without query)
            status: answered instead of the right answer; None with `drop` or a mere `hang`
            headers: sent with `status`
            body: sent with `status`; by default GitLab's own words, or a page if it is failing
            times: how many requests are struck
            when: before or after the request has had its effect
            drop: close the connection without an answer
            hang: seconds to wait first; `release` ends the wait early
        """
        if body is None and status is not None and 400 <= status < 500:
            body = json.dumps({"message": f"{status} {HTTPStatus(status).phrase}"})
            headers = {"Content-Type": "application/json"} | (headers or {})
        fault = Fault(
            method=method,
            path=re.compile(path),
            when=when,
            left=times,
            status=status,
            headers=headers or {},
            body=BAD_GATEWAY if body is None else body,
            drop=drop,
            hang=hang,
        )
        self.pending.append(fault)
        return fault

    def take(self, method: str, path: str, when: str) -> Fault | None:
        """Return the fault that strikes this request now; it counts as used."""
        for fault in self.pending:
            if fault.strikes(method, path, when):
                if fault.left is not None:
                    fault.left -= 1
                return fault
        return None

    def clear(self) -> None:
        """Forget all faults and answer what still hangs."""
        self.pending.clear()
        self.down = False
        self.release()

    def release(self) -> None:
        """Let every hanging request go on."""
        self._released.set()
        self._released = asyncio.Event()

    async def hang(self, seconds: float) -> None:
        """Wait for `seconds` or for `release`."""
        try:
            async with asyncio.timeout(seconds):
                await self._released.wait()
        except TimeoutError:
            return
