"""Answers that are believed for a while, and what becomes of those that were to be forgotten."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from slackbot.people.cache import Cache

MINUTE = 60.0


class Fault(Exception):
    """No answer."""


async def test_an_answer_is_believed_for_a_while() -> None:
    cache, asked = Cache(MINUTE), iter(("first", "second"))
    assert await cache.get("who", answering(lambda: next(asked))) == "first"
    assert await cache.get("who", answering(lambda: next(asked))) == "first"
    cache.forget("who")
    assert await cache.get("who", answering(lambda: next(asked))) == "second"


async def test_a_failure_is_not_kept() -> None:
    cache = Cache(MINUTE)

    async def fail() -> str:
        raise Fault

    with pytest.raises(Fault):
        await cache.get("who", fail)
    assert await cache.get("who", answering(lambda: "somebody")) == "somebody"


async def test_who_asks_while_the_answer_changes_gets_and_keeps_no_old_one() -> None:
    cache, record, has_read = Cache(MINUTE), ["old"], asyncio.Event()

    async def read() -> str:
        """The answer comes later than it is read."""
        answer = record[0]
        if answer == "old":
            await has_read.wait()
        return answer

    slow = asyncio.create_task(cache.get("who", read))
    await asyncio.sleep(0)
    record[0] = "new"
    cache.forget("who")
    assert await cache.get("who", read) == "new"
    has_read.set()
    assert await slow == "new"
    assert await cache.get("who", answering(lambda: "never asked")) == "new"


def answering(tell: Callable[[], str]) -> Callable[[], Awaitable[str]]:
    async def answer() -> str:
        return tell()

    return answer
