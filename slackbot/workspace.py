"""The Slack workspace: calls at Slack's pace with errors by remedy, and who is who there."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

TIMEOUT_SECONDS = 10
PATIENCE_SECONDS = 10.0
"""How long a call waits for its turn before it lets other work go first."""
PAGE = 200
SCOPES_HEADER = "x-oauth-scopes"

REQUIRED_SCOPES = frozenset(
    {
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "users:read",
        "users:read.email",
    }
)

# https://docs.slack.dev/reference/methods/chat.postMessage#errors and its like, by remedy.
_ADMINISTRATOR = {
    "account_inactive": "the app was removed from the workspace: install it again",
    "channel_not_found": "there is no such channel, or the bot is not in it: /invite it there",
    "invalid_auth": "SLACK_BOT_TOKEN is not valid: copy it again from the app's page",
    "is_archived": "the channel is archived: set SSAT_CHANNEL to another",
    "missing_scope": "the app lacks a scope: install it again with the manifest",
    "not_authed": "SLACK_BOT_TOKEN is not valid: copy it again from the app's page",
    "not_in_channel": "the bot is not in the channel: /invite it there",
    "restricted_action": "a workspace setting keeps the bot from posting in the channel",
    "token_expired": "SLACK_BOT_TOKEN has expired: install the app again",
    "token_revoked": "SLACK_BOT_TOKEN was revoked: install the app again",
}
# The last one is what slack_sdk makes of a plain text with status 200.
_NO_ANSWER = (aiohttp.ClientError, TimeoutError, SlackClientError, AttributeError)
_DOUBTFUL = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})


_LATER = frozenset({"message_limit_exceeded", "rate_limited", "ratelimited", "team_added_to_org"})
_LATER_SECONDS = 30.0


class SlackError(Exception):
    """Slack did not do what was asked."""


class Doubtful(SlackError):
    """No answer, or one that does not say whether Slack has acted; may work later."""


class Unsettled(Doubtful):
    """Slack has not answered in time, and may still be at it."""


@dataclass(eq=False)
class Throttled(SlackError):
    """Slack asks for patience: HTTP 429 with ``Retry-After``, in seconds. It has not acted."""

    retry_after: float

    def __str__(self) -> str:
        return f"Slack asks to wait {self.retry_after:.0f} s (429)"


@dataclass(eq=False)
class Denied(SlackError):
    """Slack has not acted, and won't until an administrator has mended something."""

    code: str
    remedy: str

    def __str__(self) -> str:
        return f"Slack answered {self.code}: {self.remedy}"


@dataclass(eq=False)
class Refused(SlackError):
    """Slack has not acted and the same call will not mend; ``code`` is Slack's own word."""

    code: str

    def __str__(self) -> str:
        return f"Slack answered {self.code}"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the bot is, by ``auth.test``."""

    team: str
    user: str
    scopes: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Member:
    """A person of the workspace as ``users.info`` tells; ``email`` where the scope allows."""

    team: str
    user: str
    name: str
    email: str | None
    is_guest: bool
    is_bot: bool
    is_deactivated: bool


class Pace:
    """Lets calls of one method through no faster than Slack allows, a short burst excepted.

    https://docs.slack.dev/apis/web-api/rate-limits: a token bucket, in real time.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second, self._burst = per_second, burst
        self._tokens, self._at = float(burst), time.monotonic()

    async def wait(self) -> None:
        """Wait for one's turn, in order of arrival.

        Raises:
            Throttled: The turn is so far away that other work should not wait for it.
        """
        self._refill()
        seconds = max(0.0, (1 - self._tokens) / self._per_second)
        if seconds > PATIENCE_SECONDS:
            raise Throttled(seconds)
        self._tokens -= 1
        await asyncio.sleep(seconds)

    def hold(self, seconds: float) -> None:
        """Let nothing through for some seconds from now."""
        self._refill()
        self._tokens = min(self._tokens, 1 - seconds * self._per_second)

    def _refill(self) -> None:
        now = time.monotonic()
        grown = self._tokens + (now - self._at) * self._per_second
        self._tokens, self._at = min(grown, float(self._burst)), now


PACES: Mapping[str, tuple[float, int]] = {
    "chat.postMessage": (1.0, 1),
    "chat.update": (50 / 60, 10),
}
"""Calls a second and burst by method; methods that follow a click are not held back."""


class Workspace:
    """Slack's Web API as this bot uses it; every method raises ``SlackError``s only."""

    def __init__(
        self, client: AsyncWebClient, paces: Mapping[str, tuple[float, int]] = PACES
    ) -> None:
        self.client = client
        self._paces = {method: Pace(*pace) for method, pace in paces.items()}
        self._identity: Identity | None = None
        self._channels: dict[str, str] = {}
        self._finding = asyncio.Lock()

    async def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the Web API and return its answer."""
        pace = self._paces.get(method)
        if pace:
            await pace.wait()
        try:
            return await self.client.api_call(method, json=arguments)
        except SlackApiError as error:
            problem = _by_remedy(error)
        except TimeoutError:
            problem = Unsettled("Slack did not answer in time")
        except _NO_ANSWER as error:
            problem = Doubtful(f"no answer from Slack ({type(error).__name__})")
        if pace and isinstance(problem, Throttled):
            pace.hold(problem.retry_after)
        raise problem

    async def identity(self) -> Identity:
        """Tell who the bot is; asked once, as it does not change for a token."""
        return self._identity or await self.check_identity()

    async def check_identity(self) -> Identity:
        """Ask Slack who the bot is, which also tells whether the token holds."""
        answer = await self.call("auth.test")
        scopes = answer.headers.get(SCOPES_HEADER) or ""
        self._identity = Identity(
            team=answer["team_id"],
            user=answer["user_id"],
            scopes=frozenset(scope.strip() for scope in scopes.split(",") if scope.strip()),
        )
        return self._identity

    async def channel_id(self, channel: str) -> str:
        """Find a channel by ``#name`` or id, and remember it.

        Raises:
            Denied: There is no such channel, as far as the bot can see.
        """
        async with self._finding:
            if channel not in self._channels:
                self._channels[channel] = await self._find_channel(channel)
            return self._channels[channel]

    async def check_channel(self, channel: str) -> None:
        """Ask Slack whether the bot can post in a channel.

        Raises:
            Denied: There is no such channel, it is archived, or the bot is not in it.
        """
        channel_id = await self.channel_id(channel)
        found = (await self._get("conversations.info", channel=channel_id))["channel"]
        if found.get("is_archived"):
            raise Denied("is_archived", _ADMINISTRATOR["is_archived"])
        if not found.get("is_member"):
            raise Denied("not_in_channel", _ADMINISTRATOR["not_in_channel"])

    async def _find_channel(self, channel: str) -> str:
        if not channel.startswith("#"):
            return channel
        found = await self._channel_named(channel.removeprefix("#"))
        if found is None:
            raise Denied("channel_not_found", _ADMINISTRATOR["channel_not_found"])
        return found

    async def _channel_named(self, name: str) -> str | None:
        # Only the bot's own channels: a large workspace has too many to read them all.
        kinds = "public_channel"
        if "groups:read" in (await self.identity()).scopes:
            kinds += ",private_channel"
        pages = self._pages("users.conversations", types=kinds, exclude_archived="true")
        async for page in pages:
            for channel in page["channels"]:
                if channel.get("name") == name:
                    return str(channel["id"])
        return None

    async def _pages(self, method: str, **arguments: Any) -> AsyncIterator[Any]:
        cursor = ""
        while True:
            page = await self._get(method, limit=PAGE, cursor=cursor, **arguments)
            yield page
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    async def _get(self, method: str, **arguments: Any) -> Any:
        # Methods that read take their arguments as a form, not as JSON.
        form = {name: value for name, value in arguments.items() if value != ""}
        try:
            return await self.client.api_call(method, data=form)
        except SlackApiError as error:
            raise _by_remedy(error) from error
        except _NO_ANSWER as error:
            raise Doubtful(f"no answer from Slack ({type(error).__name__})") from error

    async def member(self, user: str) -> Member:
        """Look a person up."""
        found = (await self._get("users.info", user=user))["user"]
        profile = found.get("profile") or {}
        # The full name, which people know each other by in GitLab, too.
        names = (found.get("real_name"), profile.get("real_name"), profile.get("display_name"))
        name = next(filter(None, (*names, found.get("name"))), user)
        return Member(
            team=found.get("team_id") or "",
            user=found["id"],
            name=name,
            email=profile.get("email"),
            is_guest=bool(found.get("is_restricted") or found.get("is_ultra_restricted")),
            is_bot=bool(found.get("is_bot")),
            is_deactivated=bool(found.get("deleted")),
        )

    async def group_members(self, group: str) -> frozenset[str]:
        """List the user ids of a user group; one that is disabled or gone has none."""
        try:
            answer = await self._get("usergroups.users.list", usergroup=group)
        except Refused as error:
            if error.code != "no_such_subteam":
                raise
            return frozenset()
        return frozenset(answer.get("users") or ())

    async def find_message(
        self, channel: str, event: str, key: str, *, since: float, thread: str | None = None
    ) -> str | None:
        """Look for a message of ours by its metadata; return its ts.

        Args:
            channel: The channel's id.
            event: The metadata's event type.
            key: The metadata's ``key``.
            since: Unix seconds from which to look on.
            thread: The ts of the thread to look in; without it, in the channel.
        """
        method = "conversations.replies" if thread else "conversations.history"
        arguments: dict[str, Any] = {"channel": channel, "oldest": f"{since:.6f}"}
        if thread:
            arguments["ts"] = thread
        async for page in self._pages(method, include_all_metadata="true", **arguments):
            for message in page["messages"]:
                metadata = message.get("metadata") or {}
                payload = metadata.get("event_payload") or {}
                if metadata.get("event_type") == event and payload.get("key") == key:
                    return str(message["ts"])
        return None


def _seconds(retry_after: str | None) -> float:
    try:
        return max(float(retry_after or 1), 1.0)
    except ValueError:
        return 1.0


def _by_remedy(error: SlackApiError) -> SlackError:
    response = error.response
    # Where the body should be JSON and is not, slack_sdk hands over aiohttp's own response.
    status = getattr(response, "status_code", None) or getattr(response, "status", None)
    if status == 429:
        return Throttled(_seconds(response.headers.get("Retry-After")))
    code = response.get("error") if isinstance(getattr(response, "data", None), dict) else None
    if code is None or code in _DOUBTFUL or (status is not None and status >= 500):
        return Doubtful(f"Slack is failing ({code or status})")
    if code in _LATER:
        return Throttled(_LATER_SECONDS)
    if code in _ADMINISTRATOR:
        needed = f" ({response.get('needed')})" if response.get("needed") else ""
        return Denied(code, _ADMINISTRATOR[code] + needed)
    return Refused(code)
