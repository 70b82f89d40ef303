"""The methods conversations.*: channels, who is in them and what was said there."""

from slackbot.local.json_type import Json
from slackbot.local.slack.calls import flag, method, needed, next_cursor, page
from slackbot.local.slack.models import Channel, Message, SlackError
from slackbot.local.slack.shapes import channel_json, message_json
from slackbot.local.slack.state import State


def by_id(state: State, channel_id: str) -> Channel:
    """Return a channel by id; Slack does not know names here, and hides what the bot can't see."""
    channel = state.channels.get(channel_id)
    if channel is None:
        named = any(channel_id.lstrip("#") == one.name for one in state.channels.values())
        what = ["[ERROR] a name where an id is needed [json-pointer:/channel]"] if named else []
        raise SlackError("channel_not_found", *what, mistake=named)
    if channel.private and state.bot_user_id not in channel.members:
        raise SlackError("channel_not_found")
    return channel


def readable(state: State, channel_id: str) -> Channel:
    """Return a channel whose messages the bot may read."""
    channel = by_id(state, channel_id)
    if state.bot_user_id not in channel.members:
        raise SlackError("not_in_channel")
    kind = "im" if channel.is_im else "groups" if channel.private else "channels"
    if f"{kind}:history" not in state.scopes:
        raise missing_scope(state, f"{kind}:history")
    return channel


def missing_scope(state: State, scope: str) -> SlackError:
    """Return the refusal of a method that the app was not given the right for."""
    provided = ",".join(sorted(state.scopes))
    return SlackError("missing_scope", mistake=True, needed=scope, provided=provided)


@method("conversations.list", tier=2)
def list_channels(state: State, args: Json) -> Json:
    """List the channels that the bot can see, by pages."""
    return _listed(state, args, [c for c in state.channels.values() if _visible(state, c)])


@method("users.conversations", tier=3)
def own_channels(state: State, args: Json) -> Json:
    """List the channels that the bot is a member of, by pages."""
    own = [c for c in state.channels.values() if state.bot_user_id in c.members]
    return _listed(state, args, own)


def _listed(state: State, args: Json, channels: list[Channel]) -> Json:
    kinds = str(args.get("types", "public_channel")).replace(" ", "").split(",")
    scopes = {"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read"}
    for kind in kinds:
        if kind not in {*scopes, "mpim"}:
            raise SlackError("invalid_types", mistake=True)
        if kind in scopes and scopes[kind] not in state.scopes:
            raise missing_scope(state, scopes[kind])
    seen = [channel for channel in channels if _kind(channel) in kinds]
    if flag(args, "exclude_archived"):
        seen = [channel for channel in seen if not channel.archived]
    found, cursor = page(seen, args, 100, 999)
    return {"channels": [channel_json(state, one) for one in found], **next_cursor(cursor)}


def _kind(channel: Channel) -> str:
    if channel.is_im:
        return "im"
    return "private_channel" if channel.private else "public_channel"


def _visible(state: State, channel: Channel) -> bool:
    return not channel.private or state.bot_user_id in channel.members


@method("conversations.info", tier=3)
def info(state: State, args: Json) -> Json:
    """Return one channel."""
    channel = by_id(state, needed(args, "channel"))
    kind = "im" if channel.is_im else "groups" if channel.private else "channels"
    if f"{kind}:read" not in state.scopes:
        raise missing_scope(state, f"{kind}:read")
    return {"channel": channel_json(state, channel)}


@method("conversations.history", tier=3)
def history(state: State, args: Json) -> Json:
    """Return top-level messages, newest first."""
    channel = readable(state, needed(args, "channel"))
    messages = [one for one in reversed(channel.messages) if _in_range(one, args)]
    found, cursor = page(messages, args, 100, 999)
    return _messages(state, args, found, cursor)


@method("conversations.replies", tier=3)
def replies(state: State, args: Json) -> Json:
    """Return a thread, its parent first."""
    channel = readable(state, needed(args, "channel"))
    ts = needed(args, "ts")
    for top in channel.messages:
        if top.ts == ts or any(reply.ts == ts for reply in top.thread):
            thread = [one for one in top.thread if _in_range(one, args)]
            found, cursor = page([top, *thread], args, 1000, 1000)
            return _messages(state, args, found, cursor)
    raise SlackError("thread_not_found")


def _in_range(message: Message, args: Json) -> bool:
    """Return whether a message lies between `oldest` and `latest`, exclusive unless `inclusive`."""
    ts = _order(message.ts)
    oldest, latest = _order(args.get("oldest") or "0"), _order(args.get("latest") or "9" * 10)
    if flag(args, "inclusive"):
        return oldest <= ts <= latest
    return oldest < ts < latest


def _order(ts: object) -> tuple[int, int]:
    """Read a ts without the rounding of a float."""
    seconds, _, micro = str(ts).partition(".")
    try:
        return int(seconds), int(f"{micro:0<6}"[:6])
    except ValueError:
        raise SlackError("invalid_ts_oldest", mistake=True) from None


def _messages(state: State, args: Json, found: list[Message], cursor: str) -> Json:
    metadata = flag(args, "include_all_metadata")
    return {
        "messages": [message_json(state, one, metadata=metadata) for one in found],
        "has_more": bool(cursor),
        **(next_cursor(cursor) if cursor else {}),
    }


@method("conversations.members", tier=4)
def members(state: State, args: Json) -> Json:
    """Return the ids of a channel's members."""
    channel = by_id(state, needed(args, "channel"))
    found, cursor = page(sorted(channel.members), args, 100, 999)
    return {"members": found, **next_cursor(cursor)}


@method("conversations.join", scope="channels:join", tier=3)
def join(state: State, args: Json) -> Json:
    """Let the bot join a public channel."""
    channel = by_id(state, needed(args, "channel"))
    if channel.private:
        raise SlackError("method_not_supported_for_channel_type", mistake=True)
    channel.members.add(state.bot_user_id)
    state.changed()
    return {"channel": channel_json(state, channel)}


@method("conversations.open", scope="im:write", tier=3)
def open_conversation(state: State, args: Json) -> Json:
    """Open the direct messages with one person."""
    users = str(args.get("users", "")).split(",")
    if len(users) != 1 or users[0] not in state.users:
        raise SlackError("user_not_found" if len(users) == 1 else "method_not_supported")
    if state.users[users[0]].deleted:
        raise SlackError("user_disabled")
    channel = state.im(users[0])
    full = flag(args, "return_im")
    return {"channel": channel_json(state, channel) if full else {"id": channel.id}}
