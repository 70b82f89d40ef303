"""What follows an ack: it is told of when it fails, and is over when the bot is."""

import asyncio

import pytest
from structlog.testing import capture_logs

from slackbot.handlers import afterwards
from slackbot.handlers.afterwards import Afterwards


async def test_what_follows_an_ack_is_done_before_the_bot_ends() -> None:
    follow_ups, done = Afterwards(), []

    async def tell() -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        done.append("told")

    async with follow_ups.awaited():
        follow_ups.start(tell())
    assert done == ["told"]


async def test_what_follows_an_ack_without_end_is_cut_off_when_the_bot_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(afterwards, "LAST_SECONDS", 0.01)
    follow_ups = Afterwards()
    async with follow_ups.awaited():
        waiting = follow_ups.start(asyncio.Event().wait())
    assert waiting.cancelled()


async def test_what_follows_an_ack_and_fails_is_logged() -> None:
    async def fail() -> None:
        raise RuntimeError("a fault of ours")

    with capture_logs() as told:
        async with (follow_ups := Afterwards()).awaited():
            follow_ups.start(fail())
    assert [each["event"] for each in told] == ["follow_up_failed"]
