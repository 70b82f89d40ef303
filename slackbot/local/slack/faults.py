"""Trouble to order: what Slack or the network does to a call."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ANY_METHOD = "*"


@dataclass(eq=False, kw_only=True)
class Fault:
    """One kind of trouble, for the next `times` calls of a method; None is all of them."""

    method: str
    about: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    error: str | None = None
    times: int | None = 1
    when: Literal["before", "after", "late"] = "before"
    drop: bool = False
    hang: float | None = None
    hits: int = 0

    @property
    def answers(self) -> bool:
        """Whether the fault takes the place of the answer, rather than only delaying it."""
        return self.status != 200 or self.error is not None or self.body is not None


class Faults:
    """The trouble that is still to come, first in first out for each method."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []
        self._released = asyncio.Event()

    def add(
        self,
        method: str = ANY_METHOD,
        *,
        about: str | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        error: str | None = None,
        times: int | None = 1,
        when: Literal["before", "after", "late"] = "before",
        drop: bool = False,
        hang: float | None = None,
    ) -> Fault:
        """Order trouble for the next `times` calls of `method` (`*`: of any); None is for all.

        `about` names the event type in the metadata of the messages that it is for.
        `when` is `before` (nothing happened), `after` (it happened, and the caller never hears) or
        `late` (the caller hears at once that something is wrong, and it happens after `hang`).
        `drop` closes the connection without an answer; `hang` waits so many seconds first, or until
        `release`; a fault with nothing but `hang` then answers as usual. The returned fault counts
        its `hits`.
        """
        fault = Fault(
            method=method,
            about=about,
            status=status,
            headers=headers or {},
            body=body,
            error=error,
            times=times,
            when=when,
            drop=drop,
            hang=hang,
        )
        self.pending.append(fault)
        return fault

    def call_off(self, fault: Fault) -> None:
        """Call off what is left of one kind of trouble."""
        if fault in self.pending:
            self.pending.remove(fault)

    async def wait(self, fault: Fault) -> None:
        """Wait for as long as a fault hangs."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(fault.hang):
                await self._released.wait()

    def release(self) -> None:
        """End every wait that is under way."""
        self._released.set()
        self._released = asyncio.Event()

    def clear(self) -> None:
        """Call off all trouble that has not happened yet."""
        self.pending.clear()

    def take(self, method: str, about: str | None = None) -> Fault | None:
        """Return the trouble that this call meets, if any, and use it up."""
        for fault in self.pending:
            if fault.method in {method, ANY_METHOD} and fault.about in {None, about}:
                fault.hits += 1
                if fault.times is not None and fault.hits >= fault.times:
                    self.pending.remove(fault)
                return fault
        return None
