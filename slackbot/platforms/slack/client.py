"""What this bot asks of Slack."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.platforms.errors import Denied, Rejected, WrongWorkspace
from slackbot.platforms.pace import Allowances
from slackbot.platforms.slack.api import PACES, PAGE, SlackApi, denied
from slackbot.rules.away import Status
from slackbot.rules.reading.characters import first_visible
from slackbot.written import nearest

log = structlog.get_logger()

LARGEST_PAGE = 999
"""Slack's largest page of messages."""
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
"""For direct messages: the bot looks whether it has sent one."""
UNFURL_SCOPES = frozenset({"links:read", "links:write"})

_NO_DIRECT_MESSAGES = frozenset({"missing_scope", "restricted_action"})
"""An administrator may have meant these: other work goes on."""
GRAVESTONE = "tombstone"
"""What Slack leaves of a deleted message with replies."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The bot, by ``auth.test``."""

    team: str
    address: str
    """Of the workspace."""
    user: str
    scopes: frozenset[str] | None
    """``None``: a proxy took the header that tells them."""
    team_name: str = ""
    user_name: str = ""

    def lacks(self, wanted: frozenset[str]) -> frozenset[str]:
        """Return nothing if the scopes are unknown."""
        return frozenset() if self.scopes is None else wanted - self.scopes


@dataclass(frozen=True, kw_only=True)
class OwnMessage:
    """``key`` is from the metadata."""

    key: str
    ts: str


@dataclass(frozen=True, kw_only=True)
class Member:
    """By ``users.info``; ``email`` if the scope allows it."""

    teams: frozenset[str]
    """Their workspaces, several in Enterprise Grid; of a stranger, none."""
    organization: str | None
    """In Enterprise Grid; a click may name it in place of a workspace."""
    user: str
    name: str
    email: str | None
    is_guest: bool
    is_bot: bool
    is_deactivated: bool
    zone: str | None = None
    """IANA name."""
    status: Status = field(default_factory=Status)


@dataclass(frozen=True, kw_only=True)
class UserGroup:
    handle: str
    is_enabled: bool


class SlackUsers:
    """People and user groups; raises only ``PlatformError``s."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def member(self, user: str) -> Member:
        found = (await self._api.read("users.info", user=user))["user"]
        profile = found.get("profile") or {}
        # The full name, as in GitLab.
        names = (found.get("real_name"), profile.get("real_name"), profile.get("display_name"))
        organization = found.get("enterprise_user") or {}
        teams = {found.get("team_id"), *(organization.get("teams") or ())} - {None, ""}
        return Member(
            teams=frozenset() if found.get("is_stranger") else frozenset(map(str, teams)),
            organization=organization.get("enterprise_id"),
            user=found["id"],
            name=first_visible((*names, found.get("name")), user),
            email=profile.get("email"),
            is_guest=bool(found.get("is_restricted") or found.get("is_ultra_restricted")),
            is_bot=bool(found.get("is_bot")),
            is_deactivated=bool(found.get("deleted")),
            zone=found.get("tz"),
            status=_status(profile),
        )

    async def with_email(self, email: str) -> str | None:
        """Find no deactivated account."""
        try:
            answer = await self._api.read("users.lookupByEmail", email=email)
        except Rejected as error:
            if error.code != "users_not_found":
                raise
            return None
        return str(answer["user"]["id"])

    async def in_group(self, group: str) -> frozenset[str] | None:
        """Return user ids, ``None`` if the group is disabled or never existed (``no_group``).

        https://docs.slack.dev/reference/methods/usergroups.users.list
        """
        try:
            answer = await self._api.read("usergroups.users.list", usergroup=group)
        except Rejected as error:
            if error.code != "no_such_subteam":
                raise
            return None
        return frozenset(answer.get("users") or ())

    async def no_group(self, group: str) -> str:
        """Say why ``in_group`` returns nothing: there Slack answers the same to both."""
        if group in await self.groups():
            return f"Slack has disabled the user group {group}: enable it, or name another"
        return f"Slack has no user group {group}: correct the id"

    async def groups(self) -> dict[str, UserGroup]:
        """Key by id."""
        answer = await self._api.read("usergroups.list", include_disabled="true")
        return {
            str(each["id"]): UserGroup(
                handle=str(each.get("handle") or each["id"]), is_enabled=not each.get("date_delete")
            )
            for each in answer["usergroups"]
        }


def other_workspace(recorded: str | None, own: str) -> str | None:
    """Say so if a token's workspace is not the record's.

    In Enterprise Grid a token may name the organization (``E…``): that tells no workspace.
    """
    if recorded is None or recorded == own or recorded[:1] != own[:1]:
        return None
    return (
        f"the record is of the workspace {recorded}, where its cards are, and SLACK_BOT_TOKEN of "
        f"{own}: set the token of that workspace, or another DATABASE_URL"
    )


def _compare(recorded: str | None, own: str) -> None:
    if problem := other_workspace(recorded, own):
        raise WrongWorkspace(problem)


class SlackClient(SlackApi):
    def __init__(self, client: AsyncWebClient, paces: Allowances = PACES) -> None:
        super().__init__(client, paces)
        self.users = SlackUsers(self)
        self.team: str | None = None
        self.address: str | None = None
        self.known_identity: Identity | None = None
        self._channels: dict[str, str] = {}
        self._finding = asyncio.Lock()

    async def identity(self) -> Identity:
        """Ask once: it does not change for a token."""
        return self.known_identity or await self.check_identity()

    def permalink(self, channel: str, ts: str) -> str | None:
        """Spell it as ``chat.getPermalink`` does; ``None`` until the address is known."""
        return f"{self.address}archives/{channel}/p{ts.replace('.', '')}" if self.address else None

    async def own_team(self) -> str:
        """Ask Slack only if neither it nor the record has told."""
        return self.team or (await self.identity()).team

    def recall(self, team: str | None, address: str | None) -> None:
        """Take what the record knows.

        Raises:
            WrongWorkspace: The token is known to be that of another workspace.
        """
        if self.known_identity is not None:
            _compare(team, self.known_identity.team)
        self.team, self.address = team, address

    async def check_identity(self) -> Identity:
        """Check the token, too.

        Raises:
            WrongWorkspace: It is not that of the record's workspace.
        """
        answer = await self.call("auth.test")
        told = answer.headers.get(SCOPES_HEADER)
        _compare(self.team, answer["team_id"])
        self.known_identity = own = Identity(
            team=answer["team_id"],
            address=answer.get("url") or "",
            user=answer["user_id"],
            scopes=None if told is None else _listed(told),
            team_name=str(answer.get("team") or ""),
            user_name=str(answer.get("user") or ""),
        )
        self.team, self.address = own.team, own.address
        return own

    async def channel_id(self, channel: str) -> str:
        """Find by ``#name`` or id, and remember.

        Raises:
            Denied: The bot sees no such channel.
        """
        async with self._finding:
            if channel not in self._channels:
                self._channels[channel] = await self._find_channel(channel)
            return self._channels[channel]

    async def judge(self, kind: str, content: Mapping[str, Any]) -> None:
        """Let Slack judge a ``message`` or a ``view``; nothing is shown.

        https://docs.slack.dev/reference/methods/blocks.validate

        Raises:
            Rejected: It is not valid; the reason names where.
        """
        await self.read("blocks.validate", **{kind: json.dumps(content)})

    def known_channel(self, channel: str) -> str | None:
        """Return its id without asking, if it is known."""
        is_id = not channel.startswith("#")
        return channel if is_id else self._channels.get(channel)

    async def check_channel(self, channel: str) -> None:
        """Check that the bot can post.

        Raises:
            Denied: There is no such channel, it is archived, or the bot is not in it.
        """
        channel_id = await self.channel_id(channel)
        found = (await self.read("conversations.info", channel=channel_id))["channel"]
        if found.get("is_archived"):
            raise denied("is_archived")
        if not found.get("is_member"):
            raise denied("not_in_channel")

    async def _find_channel(self, channel: str) -> str:
        if not channel.startswith("#"):
            return channel
        # Only the bot's own: a large workspace has too many.
        kinds = "public_channel"
        if not (await self.identity()).lacks(frozenset({"groups:read"})):
            kinds += ",private_channel"
        wanted, own = channel.removeprefix("#"), dict[str, str]()
        async for page in self.pages("users.conversations", types=kinds, exclude_archived="true"):
            own |= {str(each.get("name")): str(each["id"]) for each in page["channels"]}
            if wanted in own:
                return own[wanted]
        near = nearest(wanted, own)
        raise denied("channel_not_found", f"it is in #{near}" if near else None)

    async def find_message(
        self, channel: str, event: str, key: str, *, since: float, thread: str | None = None
    ) -> str | None:
        """Find by metadata; return the ts.

        ``thread`` is a ts; else look in the channel, as ``own_messages`` does.
        """
        if thread is None:
            found = self.own_messages(channel, event, since=since, limit=PAGE)
        else:
            found = self._own("conversations.replies", event, PAGE, channel=channel, ts=thread)
        return await anext((message.ts async for message in found if message.key == key), None)

    def own_messages(
        self, channel: str, event: str, *, since: float, limit: int = LARGEST_PAGE
    ) -> AsyncIterator[OwnMessage]:
        """List newest first, outside threads, to the page with ``since``, in Unix seconds.

        A wrong clock may have set that: so Slack is not told, and the newest page is listed anyway.
        """
        return self._own("conversations.history", event, limit, since, channel=channel)

    async def own_replies(self, channel: str, thread: str, event: str) -> list[OwnMessage] | None:
        """Return ``None`` if the message above the thread was deleted."""
        own_user = (await self.identity()).user
        found: list[OwnMessage] = []
        pages = self.pages(
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
        """Return the conversation's id, ``None`` if there can be none: all else goes on."""
        missing = (await self.identity()).lacks(MESSAGES_SCOPES)
        if missing:
            log.warning("no_direct_messages", user=user, problem=f"missing {sorted(missing)}")
            return None
        try:
            answer = await self.call("conversations.open", users=user)
        except (Denied, Rejected) as error:
            if isinstance(error, Denied) and error.code not in _NO_DIRECT_MESSAGES:
                raise
            log.warning("no_direct_messages", user=user, problem=error.code)
            return None
        return str(answer["channel"]["id"])

    async def _own(
        self, method: str, event: str, limit: int, since: float = 0, **where: str
    ) -> AsyncIterator[OwnMessage]:
        # Any app may write the same metadata, but not as the bot's user.
        own_user = (await self.identity()).user
        async for page in self.pages(method, limit, include_all_metadata="true", **where):
            messages = page["messages"]
            for message in _of_event(messages, own_user, event):
                yield message
            if messages and float(messages[-1]["ts"]) < since:
                return


def _listed(scopes: str) -> frozenset[str]:
    return frozenset(scope.strip() for scope in scopes.split(",") if scope.strip())


def _status(profile: Mapping[str, Any]) -> Status:
    """Read what comes without a scope of its own; 0 is no end.

    https://docs.slack.dev/reference/methods/users.profile.set (setting a status)
    """
    seconds = profile.get("status_expiration") or 0
    return Status(
        text=profile.get("status_text") or "",
        emoji=profile.get("status_emoji") or "",
        ends_at=datetime.fromtimestamp(seconds, UTC) if seconds else None,
    )


def _of_event(messages: Iterable[Any], user: str, event: str) -> Iterator[OwnMessage]:
    for message in messages:
        metadata = message.get("metadata") or {}
        if message.get("user") == user and metadata.get("event_type") == event:
            payload = metadata.get("event_payload") or {}
            yield OwnMessage(key=str(payload.get("key")), ts=str(message["ts"]))
