"""The Slack workspace: calls at Slack's pace with errors by remedy, and who is who there."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.platforms.errors import (
    Denied,
    Platform,
    PlatformError,
    Rejected,
    Throttled,
    Unreachable,
    Unsettled,
)
from slackbot.platforms.pace import PATIENCE_SECONDS, Allowance, Allowances, Paces, TooBusy

log = structlog.get_logger()

TIMEOUT_SECONDS = 10
"""How long a call may take, from its beginning to the end of its answer."""
PAGE = 200
LARGEST_PAGE = 999
"""How many messages Slack hands out at once; for reading far back."""
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

MESSAGES_SCOPES = frozenset({"im:history", "im:write"})
"""What direct messages need: who writes one has to be able to look whether it has been sent."""
UNFURL_SCOPES = frozenset({"links:read", "links:write"})
"""What it needs to be told of pasted links, and to show what they lead to."""

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
_NO_DIRECT_MESSAGES = frozenset({"missing_scope", "restricted_action"})
"""What an administrator may have meant: the bot's other work does not depend on it."""
# The last one is what slack_sdk makes of a plain text with status 200.
_NO_ANSWER = (aiohttp.ClientError, TimeoutError, SlackClientError, AttributeError)
_DOUBTFUL = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})


_LATER = frozenset({"message_limit_exceeded", "rate_limited", "ratelimited", "team_added_to_org"})
_LATER_SECONDS = 30.0

GRAVESTONE = "tombstone"
"""The subtype of what Slack leaves where a message with replies was deleted."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the bot is, by ``auth.test``."""

    team: str
    user: str
    scopes: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class OwnMessage:
    """A message of ours in a channel or thread, and the ``key`` in its metadata."""

    key: str
    ts: str


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
    zone: str | None = None
    """The IANA name of their time zone, where Slack tells it."""


def _tier(per_minute: int) -> Allowance:
    """Let half of a minute's calls go at once, so that no minute has more than Slack allows."""
    half = per_minute // 2
    return Allowance(per_second=half / 60, burst=half)


TIER_2, TIER_3, TIER_4 = _tier(20), _tier(50), _tier(100)
PACES: Allowances = {
    "auth.test": TIER_4,  # of no tier: "hundreds of requests per minute"
    "chat.postMessage": Allowance(per_second=1, burst=1),
    "chat.unfurl": TIER_3,
    "chat.update": Allowance(per_second=50 / 60, burst=10),
    "conversations.history": Allowance(per_second=50 / 60, burst=10),
    "conversations.info": TIER_3,
    "conversations.open": TIER_3,
    "conversations.replies": Allowance(per_second=50 / 60, burst=10),
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "users.conversations": TIER_3,
    "users.info": TIER_4,
    "users.lookupByEmail": TIER_3,
    "views.open": TIER_4,
    "views.publish": Allowance(per_second=100 / 60, burst=20),
}
"""What Slack allows by method, every one that is called: of one without, a 429 is not obeyed.

https://docs.slack.dev/apis/web-api/rate-limits; what is done in bulk goes at the full rate.
"""

_PATIENCE: Mapping[str, float] = {
    "auth.test": 1.0,
    "usergroups.users.list": 1.0,
    "users.info": 1.0,
    "users.lookupByEmail": 3.0,
    "views.open": 0.5,
}
"""How many seconds away a turn may be where whoever asks has little time: a click, or an errand
that only wants to know in passing. Turned away, they take no turn that others could use."""


class Workspace:
    """Slack's Web API as this bot uses it; every method raises ``PlatformError``s only."""

    def __init__(self, client: AsyncWebClient, paces: Allowances = PACES) -> None:
        self.client, self.paces = client, Paces(paces)
        self.team: str | None = None
        """Which workspace is ours, once Slack or the record has told."""
        self._identity: Identity | None = None
        self._channels: dict[str, str] = {}
        self._finding = asyncio.Lock()

    async def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the Web API at Slack's pace, and return its answer."""
        await self.turn(method)
        return await self.call_now(method, **arguments)

    async def turn(self, method: str) -> None:
        """Wait for one's turn, in order of arrival.

        Raises:
            Throttled: The turn is so far away that other work should not wait for it.
        """
        try:
            await self.paces.wait(method, _PATIENCE.get(method, PATIENCE_SECONDS))
        except TooBusy as busy:
            raise Throttled(Platform.SLACK, busy.seconds) from busy

    async def call_now(self, method: str, **arguments: Any) -> Any:
        """Call a method whose turn it is, and return its answer."""
        return await self._answer(method, json=arguments)

    async def _answer(self, method: str, **body: Any) -> Any:
        try:
            return await self.client.api_call(method, **body)
        except SlackApiError as error:
            problem = _by_remedy(error)
        except TimeoutError:
            problem = Unsettled(Platform.SLACK, "Slack did not answer in time")
        except _NO_ANSWER as error:
            problem = Unreachable(Platform.SLACK, f"no answer from Slack ({type(error).__name__})")
        if isinstance(problem, Throttled):
            await self.paces.hold(method, problem.retry_after)
        raise problem

    async def identity(self) -> Identity:
        """Tell who the bot is; asked once, as it does not change for a token."""
        return self._identity or await self.check_identity()

    @property
    def known_identity(self) -> Identity | None:
        """Who the bot is, if Slack has told already."""
        return self._identity

    async def own_team(self) -> str:
        """Tell which workspace is ours; Slack is asked only where it has never told before."""
        return self.team or (await self.identity()).team

    async def check_identity(self) -> Identity:
        """Ask Slack who the bot is, which also tells whether the token holds."""
        answer = await self.call("auth.test")
        scopes = answer.headers.get(SCOPES_HEADER) or ""
        self._identity = Identity(
            team=answer["team_id"],
            user=answer["user_id"],
            scopes=frozenset(scope.strip() for scope in scopes.split(",") if scope.strip()),
        )
        self.team = self._identity.team
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
            raise Denied(Platform.SLACK, "is_archived", _ADMINISTRATOR["is_archived"])
        if not found.get("is_member"):
            raise Denied(Platform.SLACK, "not_in_channel", _ADMINISTRATOR["not_in_channel"])

    async def _find_channel(self, channel: str) -> str:
        if not channel.startswith("#"):
            return channel
        found = await self._channel_named(channel.removeprefix("#"))
        if found is None:
            raise Denied(Platform.SLACK, "channel_not_found", _ADMINISTRATOR["channel_not_found"])
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

    async def _pages(self, method: str, limit: int = PAGE, **arguments: Any) -> AsyncIterator[Any]:
        cursor = ""
        while True:
            page = await self._get(method, limit=limit, cursor=cursor, **arguments)
            yield page
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    async def _get(self, method: str, **arguments: Any) -> Any:
        await self.turn(method)
        # Methods that read take their arguments as a form, not as JSON.
        form = {name: value for name, value in arguments.items() if value != ""}
        try:
            return await self._answer(method, data=form)
        except Unsettled as error:  # it may still be at it, but nothing comes of that
            raise Unreachable(Platform.SLACK, str(error)) from error

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
            zone=found.get("tz"),
        )

    async def user_with_email(self, email: str) -> str | None:
        """Find a person's id by their e-mail address; deactivated accounts are not found."""
        try:
            answer = await self._get("users.lookupByEmail", email=email)
        except Rejected as error:
            if error.code != "users_not_found":
                raise
            return None
        return str(answer["user"]["id"])

    async def group_members(self, group: str) -> frozenset[str] | None:
        """List the user ids of a user group; ``None`` for one that is disabled, or that never was.

        https://docs.slack.dev/reference/methods/usergroups.users.list
        """
        try:
            answer = await self._get("usergroups.users.list", usergroup=group)
        except Rejected as error:
            if error.code != "no_such_subteam":
                raise
            return None
        return frozenset(answer.get("users") or ())

    async def groups(self) -> dict[str, bool]:
        """Tell of every user group, by its id, whether it is in use or disabled."""
        answer = await self._get("usergroups.list", include_disabled="true")
        return {str(each["id"]): not each.get("date_delete") for each in answer["usergroups"]}

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
        oldest = f"{since:.6f}"
        found = self._own(method, event, channel=channel, oldest=oldest, ts=thread or "")
        return await anext((message.ts async for message in found if message.key == key), None)

    def own_messages(self, channel: str, event: str, *, since: float) -> AsyncIterator[OwnMessage]:
        """List our messages at the top of a channel that carry metadata, newest first.

        Args:
            channel: The channel's id.
            event: The metadata's event type.
            since: Unix seconds from which to look on.
        """
        oldest = f"{since:.6f}"
        method = "conversations.history"
        return self._own(method, event, limit=LARGEST_PAGE, channel=channel, oldest=oldest)

    async def own_replies(self, channel: str, thread: str, event: str) -> list[OwnMessage] | None:
        """List our messages in a thread that carry metadata.

        Returns:
            ``None`` if the message above the thread was deleted.
        """
        own_user = (await self.identity()).user
        found: list[OwnMessage] = []
        pages = self._pages(
            "conversations.replies", channel=channel, ts=thread, include_all_metadata="true"
        )
        try:
            async for page in pages:
                if page["messages"] and page["messages"][0].get("subtype") == GRAVESTONE:
                    return None
                found += _of_event(page["messages"], own_user, event)
        except Rejected as error:
            if error.code != "thread_not_found":
                raise
            return None
        return found

    async def direct_messages(self, user: str) -> str | None:
        """Return the id of the direct messages with a person; ``None`` if they can get none.

        Where the app was installed without the scopes nobody can, and all else goes on.
        """
        missing = MESSAGES_SCOPES - (await self.identity()).scopes
        if missing:
            log.warning("no_direct_messages", user=user, problem=f"missing {sorted(missing)}")
            return None
        try:
            answer = await self.call("conversations.open", users=user)
        except Rejected as error:
            log.warning("no_direct_messages", user=user, problem=error.code)
            return None
        except Denied as error:
            if error.code not in _NO_DIRECT_MESSAGES:
                raise
            log.warning("no_direct_messages", user=user, problem=error.code)
            return None
        return str(answer["channel"]["id"])

    async def _own(
        self, method: str, event: str, *, limit: int = PAGE, **where: str
    ) -> AsyncIterator[OwnMessage]:
        # Any app may write the same metadata; only what the bot's own user has posted is ours.
        own_user = (await self.identity()).user
        async for page in self._pages(method, limit, include_all_metadata="true", **where):
            for message in _of_event(page["messages"], own_user, event):
                yield message


def _of_event(messages: Iterable[Any], user: str, event: str) -> Iterator[OwnMessage]:
    for message in messages:
        metadata = message.get("metadata") or {}
        if message.get("user") == user and metadata.get("event_type") == event:
            payload = metadata.get("event_payload") or {}
            yield OwnMessage(key=str(payload.get("key")), ts=str(message["ts"]))


class Redirected(aiohttp.ClientError):
    """Slack's API does not redirect; who does is not Slack, and must not get what we send."""


def slack_session() -> aiohttp.ClientSession:
    """Make the one session for all calls; without it, every call would open a connection.

    It follows no redirect, and gives a call up that takes too long.
    """
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(timeout=time_limit(), trace_configs=[tracing])


def time_limit() -> aiohttp.ClientTimeout:
    """Return the limit for a session's calls; aiohttp's own is five minutes.

    To be given to every session that is handed to slack_sdk, which then leaves out its ``timeout``.
    """
    return aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)


async def _refuse_redirect(
    _session: aiohttp.ClientSession, _context: object, redirect: aiohttp.TraceRequestRedirectParams
) -> None:
    redirect.response.close()
    raise Redirected


def _seconds(retry_after: str | None) -> float:
    try:
        return max(float(retry_after or 1), 1.0)
    except ValueError:
        return 1.0


def _by_remedy(error: SlackApiError) -> PlatformError:
    response = error.response
    # Where the body should be JSON and is not, slack_sdk hands over aiohttp's own response.
    status = getattr(response, "status_code", None) or getattr(response, "status", None)
    if status == 429:
        return Throttled(Platform.SLACK, _seconds(response.headers.get("Retry-After")))
    code = response.get("error") if isinstance(getattr(response, "data", None), dict) else None
    if code is None or code in _DOUBTFUL or (status is not None and status >= 500):
        return Unreachable(Platform.SLACK, f"Slack is failing ({code or status})")
    if code in _LATER:
        return Throttled(Platform.SLACK, _LATER_SECONDS)
    if code in _ADMINISTRATOR:
        needed = f" ({response.get('needed')})" if response.get("needed") else ""
        return Denied(Platform.SLACK, code, _ADMINISTRATOR[code] + needed)
    return Rejected(Platform.SLACK, code)
