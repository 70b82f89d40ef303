"""A Slack workspace in memory: its state, its people's acts, and how to look at it."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from slackbot.local.json_type import Json
from slackbot.local.slack.interactions import Interactions
from slackbot.local.slack.models import Channel, Ephemeral, Message, User, View
from slackbot.local.slack.shapes import message_json, view_json

T = TypeVar("T")

# What may wait for something outside the workspace is looked at this often (seconds).
_LOOK_AGAIN = 0.05


class Workspace(Interactions):
    """A strict stand-in for Slack; give it to `serve` and point the bot at the address.

    `clock` returns aware datetimes and may jump forward; message ids come from it. Signatures,
    trigger ids, response URLs and rate limits run in real time, as Bolt checks them.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        team_id: str = "T0SSAT",
        signing_secret: str = "local-signing-secret",  # noqa: S107 - a stand-in has no secrets
    ) -> None:
        super().__init__(clock=clock, team_id=team_id, signing_secret=signing_secret)

    async def wait_for(self, predicate: Callable[[], T | None], timeout: float = 60) -> T:  # noqa: ASYNC109
        """Return `predicate()` as soon as it is true; AssertionError after `timeout` seconds.

        A predicate that finds nothing there yet (LookupError) counts as not true.
        """
        until = time.monotonic() + timeout
        while True:
            try:
                if result := predicate():
                    return result
            except LookupError:
                pass
            remaining = until - time.monotonic()
            if remaining <= 0:
                raise AssertionError(f"not within {timeout:g} s; the workspace:\n{self.dump()}")
            await self.next_change(min(remaining, _LOOK_AGAIN))

    def dump(self) -> str:
        """Return a short description of what is there, for the message of a failed test."""
        lines: list[str] = []
        for channel in self.channels.values():
            lines.append(f"#{channel.name} ({channel.id})")
            for message in channel.messages[-10:]:
                lines.append(f"  {message.ts} {message.user}: {message.text[:100]!r}")
                lines += [f"    > {one.user}: {one.text[:100]!r}" for one in message.thread[-5:]]
        lines += [f"only {one.user} sees: {one.text[:100]!r}" for one in self.ephemerals[-5:]]
        for user, stack in self.views.items():
            lines += [f"{user} has open: {view.title!r} {view.errors or ''}" for view in stack]
        lines += [f"refused: {what}" for what in self.refusals[-5:]]
        lines += [f"called {one.method}: {one.error or 'ok'}" for one in self.requests[-10:]]
        return "\n".join(lines)

    def snapshot(self, user_id: str) -> Json:
        """Return, as JSON, what one person sees: for the web page."""
        stack = self.views.get(user_id)
        home = self.homes.get(user_id)
        return {
            "version": self.version,
            "now": self.clock().isoformat(),
            "team": {"id": self.team_id, "domain": self.team_domain},
            "me": user_id,
            "bot": self.bot_user_id,
            "users": {one.id: _user(one) for one in self.users.values()},
            "channels": [
                self._channel(one) for one in self.channels.values() if _sees(one, user_id)
            ],
            "ephemerals": [_ephemeral(one) for one in self.ephemerals if one.user == user_id],
            "view": self._view(stack[-1]) if stack else None,
            "home": self._view(home) if home else None,
            "refusals": list(self.refusals),
        }

    def _channel(self, channel: Channel) -> Json:
        return {
            "id": channel.id,
            "name": channel.name,
            "private": channel.private,
            "is_im": channel.is_im,
            "members": sorted(channel.members),
            "messages": [self._message(one) for one in channel.messages],
        }

    def _message(self, message: Message) -> Json:
        thread = [message_json(self, reply) for reply in message.thread]
        return {**message_json(self, message), "pings": sorted(message.pings), "thread": thread}

    def _view(self, view: View) -> Json:
        return {**view_json(self, view), "errors": dict(view.errors)}


def _user(user: User) -> Json:
    return {"id": user.id, "name": user.name, "real_name": user.real_name, "is_bot": user.is_bot}


def _ephemeral(ephemeral: Ephemeral) -> Json:
    names = ("ts", "channel", "thread_ts", "text", "blocks")
    shape: dict[str, Any] = {name: getattr(ephemeral, name) for name in names}
    return shape


def _sees(channel: Channel, user_id: str) -> bool:
    return user_id in channel.members or not channel.private
