"""The methods chat.*: posting, changing and deleting messages."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from slackbot.local.json_type import Json
from slackbot.local.slack.block_kit import MAX_CHARACTERS, characters, validate_blocks
from slackbot.local.slack.calls import flag, method, needed
from slackbot.local.slack.conversations import by_id, readable
from slackbot.local.slack.data_blocks import DATA_BLOCKS
from slackbot.local.slack.models import Channel, Message, SlackError
from slackbot.local.slack.shapes import message_json
from slackbot.local.slack.state import State

# https://docs.slack.dev/changelog/2018-04-truncating-really-long-messages
MAX_POSTED_TEXT = 40_000
# https://docs.slack.dev/reference/methods/chat.update
MAX_UPDATED_TEXT = 4_000
MAX_METADATA_BYTES = 16_000


def check_content(
    state: State, args: Json, *, max_text: int = MAX_POSTED_TEXT
) -> tuple[str, list[Json]]:
    """Return the text and blocks of a message, or refuse them as Slack does."""
    text, blocks = args.get("text") or "", args.get("blocks") or []
    if not isinstance(text, str):
        problem = "[ERROR] must be a string [json-pointer:/text]"
        raise SlackError("invalid_arguments", problem, mistake=True)
    if problems := validate_blocks(blocks, "message"):
        raise SlackError("invalid_blocks", *problems, mistake=True)
    new = DATA_BLOCKS.intersection(one["type"] for one in blocks)
    if new and not state.takes_data_blocks:
        raise SlackError("invalid_blocks", f"[ERROR] unsupported type of block: {min(new)}")
    if len(text) > max_text:
        raise SlackError("msg_too_long", mistake=True)
    if characters(blocks) > MAX_CHARACTERS:
        raise SlackError("msg_blocks_too_long", f"{characters(blocks)} characters", mistake=True)
    if not text and not blocks and not args.get("attachments"):
        raise SlackError("no_text", mistake=True)
    return text, blocks


def _check_metadata(args: Json) -> Json | None:
    metadata = args.get("metadata")
    if not metadata:
        return None
    match metadata:
        case {"event_type": str(), "event_payload": dict()} if set(metadata) <= {
            "event_type",
            "event_payload",
            "entities",
        }:
            pass
        case _:
            raise SlackError("invalid_metadata_format", mistake=True)
    if len(json.dumps(metadata).encode()) > MAX_METADATA_BYTES:
        raise SlackError("metadata_too_large", mistake=True)
    found: Json = metadata
    return found


def _want_fallback(state: State, name: str, text: str, blocks: list[Json]) -> None:
    """Note blocks without text: a notification and a screen reader then have nothing to say."""
    if blocks and not text:
        state.refuse(f"{name}: blocks without a text for notifications")


def _writable(state: State, name_or_id: str) -> Channel:
    """Return the channel to post to: an id, a name, or a person's id for a direct message."""
    if name_or_id in state.users and name_or_id != state.bot_user_id:
        return state.im(name_or_id)
    name = name_or_id.lstrip("#")
    named = [c for c in state.channels.values() if name in (c.id, c.name)]
    channel = named[0] if named else None
    joined = channel is not None and state.bot_user_id in channel.members
    if channel is None or (channel.private and not joined):
        raise SlackError("channel_not_found")
    if channel.archived:
        raise SlackError("is_archived")
    if not joined and "chat:write.public" not in state.scopes:
        raise SlackError("not_in_channel")
    return channel


def _message(channel: Channel, ts: str) -> Message:
    message = channel.find(ts)
    if message is None:
        raise SlackError("message_not_found")
    return message


@method("chat.postMessage", scope="chat:write", tier=4)
def post_message(state: State, args: Json) -> Json:
    """Post to a channel, a thread or a person."""
    channel = _writable(state, needed(args, "channel"))
    text, blocks = check_content(state, args)
    metadata = _check_metadata(args)
    _want_fallback(state, "chat.postMessage", text, blocks)
    message = state.post(
        channel,
        state.bot_user_id,
        text,
        blocks=blocks,
        metadata=metadata,
        thread_ts=args.get("thread_ts"),
        broadcast=flag(args, "reply_broadcast"),
        literal_pings=args.get("parse") != "none" or flag(args, "link_names"),
    )
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": message_json(state, message, metadata=True),
    }


@method("chat.update", scope="chat:write", tier=3)
def update(state: State, args: Json) -> Json:
    """Change a message of the bot's own; `text` without `blocks` deletes the blocks."""
    channel = by_id(state, needed(args, "channel"))
    if channel.archived:
        raise SlackError("is_inactive")
    message = _message(channel, needed(args, "ts"))
    _may_change(state, message, "cant_update_message")
    if "text" not in args and "blocks" not in args:
        raise SlackError("no_text", mistake=True)
    text, blocks = check_content(state, args, max_text=MAX_UPDATED_TEXT)
    metadata = _check_metadata(args)
    _want_fallback(state, "chat.update", text, blocks)
    if "metadata" in args:
        message.metadata = copy.deepcopy(metadata)
    state.edit(message, text, blocks)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": message_json(state, message, metadata=True),
    }


def _may_change(state: State, message: Message, refusal: str) -> None:
    if message.user != state.bot_user_id:
        raise SlackError(refusal)
    posted = datetime.fromtimestamp(float(message.ts), UTC)
    window: timedelta | None = state.edit_window
    if window is not None and state.clock() - posted > window:
        raise SlackError("edit_window_closed")


@method("chat.delete", scope="chat:write", tier=3)
def delete(state: State, args: Json) -> Json:
    """Delete a message of the bot's own."""
    channel = by_id(state, needed(args, "channel"))
    message = _message(channel, needed(args, "ts"))
    if message.user != state.bot_user_id:
        raise SlackError("cant_delete_message")
    state.delete(channel, message.ts)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.postEphemeral", scope="chat:write", tier=4)
def post_ephemeral(state: State, args: Json) -> Json:
    """Show a message to one member of a channel."""
    channel = _writable(state, needed(args, "channel"))
    user = needed(args, "user")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    text, blocks = check_content(state, args)
    _want_fallback(state, "chat.postEphemeral", text, blocks)
    thread_ts: Any = args.get("thread_ts")
    return {"message_ts": state.whisper(channel, user, text, blocks, thread_ts).ts}


@method("chat.unfurl", scope="links:write", tier=3)
def unfurl(state: State, args: Json) -> Json:
    """Attach blocks to the links in a person's message.

    https://docs.slack.dev/reference/methods/chat.unfurl
    """
    if not args.get("channel") or not args.get("ts"):
        raise SlackError("missing_channel" if args.get("ts") else "missing_ts", mistake=True)
    unfurls = args.get("unfurls")
    if not isinstance(unfurls, dict) or not unfurls:
        raise SlackError("missing_unfurls", mistake=True)
    channel = state.channels.get(str(args["channel"]))
    if channel is None:
        raise SlackError("cannot_find_channel", mistake=True)
    message = channel.find(str(args["ts"]))
    if message is None or message.user == state.bot_user_id:
        raise SlackError("cannot_unfurl_message")
    for url, what in unfurls.items():
        if url not in message.text:
            raise SlackError("cannot_unfurl_url", url, mistake=True)
        if problems := validate_blocks(what.get("blocks") or [], "message"):
            raise SlackError("invalid_blocks", *problems, mistake=True)
    message.unfurls |= {url: state.with_ids(what["blocks"]) for url, what in unfurls.items()}
    state.changed()
    return {}


@method("chat.getPermalink", tier=4)
def get_permalink(state: State, args: Json) -> Json:
    """Return the address of a message."""
    channel = readable(state, needed(args, "channel"))
    message = _message(channel, needed(args, "message_ts"))
    return {"channel": channel.id, "permalink": permalink(state, message)}


def permalink(state: State, message: Message) -> str:
    """Return the address of a message."""
    path = f"archives/{message.channel}/p{message.ts.replace('.', '')}"
    return f"https://{state.team_domain}.slack.com/{path}"
