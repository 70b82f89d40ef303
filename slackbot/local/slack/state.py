"""The state of a workspace and how it changes: people, messages, views."""

import asyncio
import copy
import itertools
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from slackbot.local.crowds import Crowds
from slackbot.local.json_type import Json
from slackbot.local.slack.block_kit import elements_of
from slackbot.local.slack.faults import Faults
from slackbot.local.slack.inputs import initial_values
from slackbot.local.slack.leases import Leases
from slackbot.local.slack.models import (
    ApiRequest,
    Channel,
    Ephemeral,
    Message,
    SlackError,
    Upload,
    User,
    Usergroup,
    View,
)
from slackbot.local.slack.mrkdwn import pings
from slackbot.local.slack.rates import Rates
from slackbot.local.traffic import Traffic

ALL_SCOPES = frozenset(
    {
        "channels:history",
        "channels:join",
        "channels:read",
        "chat:write",
        "commands",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "links:read",
        "links:write",
        "team:read",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)


class State:
    """A workspace without the people's acts; `Workspace` adds those."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        team_id: str = "T0SSAT",
        signing_secret: str = "local-signing-secret",  # noqa: S107 - a stand-in has no secrets
    ) -> None:
        self.clock = clock
        self.team_id = team_id
        self.team_domain = "ssat"
        self.signing_secret = signing_secret
        self.bot_token = "xoxb-local-bot-token"  # noqa: S105
        self.app_token = "xapp-local-app-token"  # noqa: S105
        self.configuration_token = "xoxe.xoxp-local-configuration-token"  # noqa: S105
        self.app_id = "A0SSAT"
        self.bot_id = "B0SSATBOT"
        self.bot_user_id = "U0SSATBOT"
        self.scopes: set[str] = set(ALL_SCOPES)
        self.behind_proxy = False
        """A proxy takes the headers that Slack alone sends."""
        self.has_home = True
        self.takes_data_blocks = True
        """Whether messages may have charts and tables of data; not each workspace has them yet."""
        self.uploads: dict[str, Upload] = {}
        """By the end of their URL."""
        self.unfurl_domains: set[str] = set()
        self.revoked: set[str] = set()
        self.edit_window: timedelta | None = None
        self.base_url = ""
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.usergroups: dict[str, Usergroup] = {}
        self.ephemerals: list[Ephemeral] = []
        self.views: dict[str, list[View]] = defaultdict(list)
        self.homes: dict[str, View] = {}
        self.requests: list[ApiRequest] = []
        self.traffic: Traffic | None = None
        self.crowds = Crowds()
        self.refusals: list[str] = []
        self.rates = Rates()
        self.faults = Faults()
        self.watchers: list[Callable[[Message], None]] = []
        self.version = 0
        self.is_down = False
        self.down_status: int | None = None
        self.leases = Leases()
        self.selections: dict[tuple[str, str], dict[str, Json]] = defaultdict(dict)
        self._last_ts = 0
        self._numbers = itertools.count(1)
        self._changed = asyncio.Event()
        self.add_user(self.bot_user_id, "ssat-bot", real_name="SSAT bot", is_bot=True)

    # Who and what is there

    def add_user(
        self,
        id: str,  # noqa: A002 - Slack's own word
        name: str,
        *,
        real_name: str | None = None,
        email: str | None = None,
        tz: str | None = "Europe/Amsterdam",
        is_restricted: bool = False,
        is_ultra_restricted: bool = False,
        is_bot: bool = False,
        deleted: bool = False,
        team_id: str | None = None,
        teams: Iterable[str] = (),
    ) -> User:
        """Add a person; a `team_id` other than the workspace's makes a Slack Connect person.

        With `teams`, it is a person of an organization with several workspaces.
        """
        user = User(
            id=id,
            name=name,
            real_name=real_name or name,
            email=email,
            tz=tz,
            team_id=team_id or self.team_id,
            is_restricted=is_restricted,
            is_ultra_restricted=is_ultra_restricted,
            is_bot=is_bot,
            deleted=deleted,
            teams=tuple(teams),
        )
        self.users[id] = user
        self.changed()
        return user

    def add_channel(
        self,
        name: str,
        *,
        id: str | None = None,  # noqa: A002 - Slack's own word
        members: Iterable[str | User] = (),
        bot_is_member: bool = True,
        private: bool = False,
    ) -> Channel:
        """Add a channel with these members (users or their ids)."""
        joined = {one.id if isinstance(one, User) else one for one in members}
        if bot_is_member:
            joined.add(self.bot_user_id)
        channel = Channel(
            id=id or self.new_id("C"), name=name.lstrip("#"), private=private, members=joined
        )
        self.channels[channel.id] = channel
        self.changed()
        return channel

    def add_usergroup(
        self,
        id: str,  # noqa: A002 - Slack's own word
        handle: str,
        users: Iterable[str | User],
    ) -> Usergroup:
        """Add a user group, such as the managers who may act."""
        ids = [one.id if isinstance(one, User) else one for one in users]
        group = Usergroup(id=id, handle=handle.lstrip("@"), users=ids)
        self.usergroups[id] = group
        self.changed()
        return group

    def revoke_token(self) -> None:
        """Make every further call with the present bot token fail with `token_revoked`."""
        self.revoked.add(self.bot_token)
        self.changed()

    def down(self, status: int | None = None) -> None:
        """Let Slack be unreachable: every call answers `status`, or loses its connection."""
        self.is_down = True
        self.down_status = status
        self.changed()

    def up(self) -> None:
        """Let Slack be reachable again."""
        self.is_down = False
        self.changed()

    def channel(self, name_or_id: str) -> Channel:
        """Return the channel of this id or name."""
        name = name_or_id.lstrip("#")
        found = self.channels.get(name) or next(
            (c for c in self.channels.values() if c.name == name and not c.is_im), None
        )
        if found is None:
            raise AssertionError(f"no channel {name_or_id}; there are {list(self.channels)}")
        return found

    def im(self, user_id: str) -> Channel:
        """Return the direct messages between the bot and a person, opened on first use."""
        for channel in self.channels.values():
            if channel.is_im and user_id in channel.members:
                return channel
        both = {user_id, self.bot_user_id}
        channel = Channel(id=self.new_id("D"), name=user_id, private=True, is_im=True, members=both)
        self.channels[channel.id] = channel
        return channel

    def direct_messages(self, user: str | User) -> list[Message]:
        """Return the direct messages between the bot and a person, oldest first."""
        return self.im(user.id if isinstance(user, User) else user).messages

    # What is said

    def next_ts(self) -> str:
        """Return a message id: the workspace's time, unique and increasing."""
        now = int(self.clock().timestamp() * 1_000_000)
        self._last_ts = max(now, self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def new_id(self, prefix: str) -> str:
        """Return a fresh id that looks like one of Slack's."""
        return f"{prefix}{next(self._numbers):010d}"

    def post(
        self,
        channel: Channel,
        user: str,
        text: str,
        *,
        blocks: list[Json] | None = None,
        metadata: Json | None = None,
        thread_ts: str | None = None,
        broadcast: bool = False,
        literal_pings: bool = True,
    ) -> Message:
        """Put a message into a channel or a thread."""
        filled = self.with_ids(blocks or [])
        parent = self._thread_parent(channel, thread_ts)
        message = Message(
            ts=self.next_ts(),
            channel=channel.id,
            user=user,
            text=text,
            blocks=filled,
            metadata=copy.deepcopy(metadata),
            bot_id=self.bot_id if user == self.bot_user_id else None,
            thread_ts=parent.ts if parent else None,
            broadcast=broadcast and parent is not None,
            pings=pings(text, literal=literal_pings) | pings(filled),
        )
        if parent is not None:
            parent.thread.append(message)
        if parent is None or broadcast:
            channel.messages.append(message)
        self._shown(message)
        return message

    def _thread_parent(self, channel: Channel, thread_ts: str | None) -> Message | None:
        """Return the message that a reply hangs on; a reply's ts stands for its thread.

        Where the parent was deleted and had no replies, Slack silently posts to the channel:
        https://github.com/slack-go/slack/issues/1571
        """
        if thread_ts is None:
            return None
        for top in channel.messages:
            if top.ts == thread_ts or any(reply.ts == thread_ts for reply in top.thread):
                return top
        return None

    def edit(self, message: Message, text: str, blocks: list[Json] | None) -> None:
        """Change a message's words; without `blocks` the blocks go, as Slack has it."""
        message.text = text
        message.blocks = self.with_ids(blocks or [])
        message.edited = self.next_ts()
        message.pings = pings(text) | pings(message.blocks)
        self._shown(message)

    def _shown(self, message: Message) -> None:
        """Call the watchers with a new version of a message."""
        for watch in self.watchers:
            watch(message)
        self.changed()

    def delete(self, channel: Channel, ts: str) -> Message:
        """Delete a message; one with replies leaves a tombstone, so that its thread stays."""
        message = channel.find(ts)
        if message is None:
            raise SlackError("message_not_found")
        if message.thread:
            message.tombstone = True
            message.text, message.blocks = "This message was deleted.", []
        else:
            for messages in (channel.messages, *(top.thread for top in channel.messages)):
                messages[:] = [one for one in messages if one is not message]
        self.changed()
        return message

    def whisper(
        self,
        channel: Channel,
        user: str,
        text: str,
        blocks: list[Json] | None = None,
        thread_ts: str | None = None,
    ) -> Ephemeral:
        """Show a message to one person only."""
        filled = self.with_ids(blocks or [])
        ephemeral = Ephemeral(
            ts=self.next_ts(),
            channel=channel.id,
            user=user,
            text=text,
            blocks=filled,
            thread_ts=thread_ts,
            pings=pings(text) | pings(filled),
        )
        self.ephemerals.append(ephemeral)
        self.changed()
        return ephemeral

    def dismiss(self, user: str, ts: str) -> None:
        """Take a message that one person sees off their screen, as they do in their client."""
        self.ephemerals[:] = [one for one in self.ephemerals if (one.user, one.ts) != (user, ts)]
        self.changed()

    def with_ids(self, blocks: list[Json]) -> list[Json]:
        """Return a copy of the blocks with the ids that Slack fills in where the bot gave none."""
        filled = copy.deepcopy(blocks)
        for block in filled:
            block.setdefault("block_id", secrets.token_urlsafe(4))
            for element in elements_of(block):
                element.setdefault("action_id", secrets.token_urlsafe(4))
        return filled

    def reset(self) -> None:
        """Forget what has happened; people, channels, groups, scopes and tokens stay.

        New messages and views get other ids than those that are forgotten.
        """
        for channel in self.channels.values():
            channel.messages.clear()
        for happened in (self.ephemerals, self.requests, self.refusals):
            happened.clear()
        for by_id in (self.uploads, self.views, self.homes, self.selections):
            by_id.clear()
        self.leases.forget()
        self.rates.forget()
        self.faults.clear()
        self.faults.release()
        self.is_down, self.down_status = False, None
        if self.traffic is not None:
            self.traffic.forget("Slack")
        self.changed()

    # Views

    def make_view(self, user: str, body: Json, under: View | None = None) -> View:
        """Return a new view of this body, above another one or as the first."""
        view_id = self.new_id("V")
        filled = {**copy.deepcopy(body), "blocks": self.with_ids(body["blocks"])}
        return View(
            id=view_id,
            user=user,
            team_id=self.users[user].team_id,
            body=filled,
            hash=self._new_hash(),
            root_view_id=under.root_view_id if under else view_id,
            previous_view_id=under.id if under else None,
            values=initial_values(filled["blocks"]),
        )

    def change_view(self, view: View, body: Json) -> None:
        """Give a view a new body; what was typed into inputs that stay is kept."""
        view.body = {**copy.deepcopy(body), "blocks": self.with_ids(body["blocks"])}
        view.hash = self._new_hash()
        view.errors = {}
        values = initial_values(view.blocks)
        for block_id, actions in values.items():
            for action_id in actions.keys() & view.values.get(block_id, {}).keys():
                actions[action_id] = view.values[block_id][action_id]
        view.values = values
        self.changed()

    def _new_hash(self) -> str:
        return f"{int(time.time())}.{secrets.token_urlsafe(6)}"

    # What happened

    def refuse(self, what: str) -> None:
        """Record something that the bot did wrong."""
        self.refusals.append(what)
        self.changed()

    def refused_since(self, so_far: int) -> str | None:
        """Return what the bot did wrong after so many refusals, in words."""
        return " · ".join(self.refusals[so_far:]) or None

    def changed(self) -> None:
        """Note a change of state, and wake the tasks that wait for one."""
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def next_change(self, timeout: float) -> None:  # noqa: ASYNC109
        """Return after the next change of state, or after `timeout` seconds."""
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except TimeoutError:
            return
