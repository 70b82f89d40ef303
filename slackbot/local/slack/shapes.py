"""How Slack writes people, channels, messages and views as JSON."""

from typing import Any
from zoneinfo import ZoneInfo

from slackbot.local.json_type import Json
from slackbot.local.slack.models import Channel, Message, Upload, User, View
from slackbot.local.slack.state import State

ORGANIZATION = "E0EXAMPLE"


def user_json(state: State, user: User) -> Json:
    """Return a person; the e-mail only where the app has the scope for it."""
    profile: Json = {
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.name,
        "display_name_normalized": user.name,
        "team": user.team_id,
        **_status(state, user),
    }
    if user.email and "users:read.email" in state.scopes:
        profile["email"] = user.email
    shape: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "deleted": user.deleted,
        "real_name": user.real_name,
        "profile": profile,
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": user.is_ultra_restricted,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": int(state.clock().timestamp()),
    }
    if user.tz and not user.deleted:  # Slack gives no zone of bots and deactivated people
        offset = state.clock().astimezone(ZoneInfo(user.tz)).utcoffset()
        seconds = int(offset.total_seconds()) if offset else 0
        shape |= {"tz": user.tz, "tz_label": user.tz, "tz_offset": seconds}
    if user.team_id != state.team_id:
        shape["is_stranger"] = user.is_stranger
    if user.teams:
        shape["enterprise_user"] = {
            "id": user.id,
            "enterprise_id": ORGANIZATION,
            "enterprise_name": "Example Organization",
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "teams": list(user.teams),
        }
    return shape


def _status(state: State, user: User) -> Json:
    """Return the status as people see it: Slack clears one that has ended."""
    has_ended = 0 < user.status_expiration <= state.clock().timestamp()
    if has_ended or not (user.status_text or user.status_emoji):
        return {"status_text": "", "status_emoji": "", "status_expiration": 0}
    return {
        "status_text": user.status_text,
        "status_emoji": user.status_emoji or ":speech_balloon:",
        "status_expiration": user.status_expiration,
    }


def channel_json(state: State, channel: Channel) -> Json:
    """Return a channel or a direct message."""
    if channel.is_im:
        other = next((m for m in channel.members if m != state.bot_user_id), state.bot_user_id)
        return {"id": channel.id, "is_im": True, "user": other, "is_archived": False}
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.private,
        "is_group": channel.private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.private,
        "is_archived": channel.archived,
        "is_member": state.bot_user_id in channel.members,
        "num_members": len(channel.members),
        "context_team_id": state.team_id,
    }


def message_json(state: State, message: Message, *, metadata: bool = False) -> Json:
    """Return a message; metadata only where the reader asked for it."""
    shape: Json = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": state.team_id,
    }
    if message.tombstone:
        shape |= {"subtype": "tombstone", "user": "USLACKBOT"}
    if message.bot_id:
        shape |= {"bot_id": message.bot_id, "app_id": state.app_id}
    if message.blocks:
        shape["blocks"] = message.blocks
    if message.files:
        shape["files"] = [file_json(state, one) for one in message.files]
    if message.broadcast:
        shape["subtype"] = "thread_broadcast"
    if message.edited:
        shape["edited"] = {"user": message.user, "ts": message.edited}
    if metadata and message.metadata:
        shape["metadata"] = message.metadata
    if message.reactions:
        shape["reactions"] = [
            {"name": name, "users": sorted(users), "count": len(users)}
            for name, users in message.reactions.items()
        ]
    return shape | _thread_json(message)


def file_json(state: State, upload: Upload) -> Json:
    """Return a file; its address needs the token."""
    return {
        "id": upload.id,
        "name": upload.name,
        "title": upload.title,
        "mimetype": upload.mimetype,
        "size": upload.length,
        "alt_txt": upload.alt,
        "url_private": f"{state.base_url}/files-pri/{upload.id}/{upload.name}",
    }


def _thread_json(message: Message) -> Json:
    if message.thread_ts:
        return {"thread_ts": message.thread_ts}
    if not message.thread:
        return {}
    writers = list(dict.fromkeys(reply.user for reply in message.thread))
    return {
        "thread_ts": message.ts,
        "reply_count": len(message.thread),
        "reply_users": writers,
        "reply_users_count": len(writers),
        "latest_reply": message.thread[-1].ts,
    }


def view_json(state: State, view: View) -> Json:
    """Return a view with what was entered so far."""
    body = view.body
    shape: Json = {
        "id": view.id,
        "team_id": view.team_id,
        "type": body["type"],
        "blocks": view.blocks,
        "private_metadata": body.get("private_metadata", ""),
        "callback_id": body.get("callback_id", ""),
        "external_id": body.get("external_id", ""),
        "state": {"values": view.values},
        "hash": view.hash,
        "clear_on_close": bool(body.get("clear_on_close")),
        "notify_on_close": bool(body.get("notify_on_close")),
        "root_view_id": view.root_view_id,
        "previous_view_id": view.previous_view_id,
        "app_id": state.app_id,
        "app_installed_team_id": state.team_id,
        "bot_id": state.bot_id,
    }
    named: dict[str, Any] = {name: body.get(name) for name in ("title", "submit", "close")}
    return shape | named
