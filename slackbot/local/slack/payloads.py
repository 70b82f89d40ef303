"""The payloads that Slack sends, in the shapes that Bolt's own tests and Slack's docs show."""

import time
from typing import Any

from slackbot.local.json_type import Json
from slackbot.local.slack.inputs import initial_values
from slackbot.local.slack.models import Channel, Ephemeral, Message, User, View
from slackbot.local.slack.shapes import message_json, view_json
from slackbot.local.slack.state import State

VERIFICATION_TOKEN = "verification_token"  # noqa: S105 - deprecated by Slack; the bot checks signatures


def _team(state: State, user: User) -> Json:
    """Return where something was done: of a colleague of the organization, the own workspace."""
    if state.team_id in (user.team_id, *user.teams):
        return {"id": state.team_id, "domain": state.team_domain}
    return {"id": user.team_id, "domain": "other-side"}


def _base(state: State, kind: str, user: User) -> Json:
    who = {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id}
    return {
        "type": kind,
        "user": who,
        "api_app_id": state.app_id,
        "token": VERIFICATION_TOKEN,
        "team": _team(state, user),
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _response_url(state: State, user: User, place: Message | Ephemeral) -> str:
    token = state.leases.issue_response_url(user.id, place.channel, place.ts, place.thread_ts)
    return f"{state.base_url}/response/{token}"


def where(state: State, user: User, place: Message | Ephemeral | View) -> Json:
    """Return the part of a payload that says where something was done."""
    if isinstance(place, View):
        container = {"type": "view", "view_id": place.id}
        return {"container": container, "view": view_json(state, place)}
    container = {"type": "message", "message_ts": place.ts, "channel_id": place.channel}
    ephemeral = isinstance(place, Ephemeral)
    shape: Json = {
        "container": {**container, "is_ephemeral": ephemeral},
        "channel": channel_name(state.channels[place.channel]),
    }
    if place.thread_ts:
        shape["container"]["thread_ts"] = place.thread_ts
    if isinstance(place, Message):  # the message itself does not come along with an ephemeral
        shape["message"] = message_json(state, place)
    shape["state"] = {"values": values_of(state, user, place)}
    return shape


def values_of(state: State, user: User, place: Message | Ephemeral) -> dict[str, Json]:
    """Return what the selects of a message show to a person."""
    values = initial_values(place.blocks)
    chosen = state.selections[user.id, place.ts]
    for block_id, actions in values.items():
        for action_id in actions.keys() & chosen.get(block_id, {}).keys():
            actions[action_id] = chosen[block_id][action_id]
    return values


def channel_name(channel: Channel) -> Json:
    """Return a channel as payloads name it."""
    if channel.is_im:
        return {"id": channel.id, "name": "directmessage"}
    return {"id": channel.id, "name": "privategroup" if channel.private else channel.name}


def block_actions(
    state: State, user: User, place: Message | Ephemeral | View, action: Json
) -> Json:
    """Return the payload of a click or a choice."""
    payload = _base(state, "block_actions", user) | where(state, user, place)
    payload["trigger_id"] = state.leases.issue_trigger(user.id)
    if not isinstance(place, View):
        payload["response_url"] = _response_url(state, user, place)
    payload["actions"] = [{**action, "action_ts": f"{time.time():.6f}"}]
    return payload


def block_suggestion(
    state: State, user: User, place: Message | Ephemeral | View, ids: tuple[str, str], query: str
) -> Json:
    """Return the question for the options of an external select."""
    payload = _base(state, "block_suggestion", user) | where(state, user, place)
    block_id, action_id = ids
    return payload | {"block_id": block_id, "action_id": action_id, "value": query}


def view_submission(state: State, user: User, view: View) -> Json:
    """Return the payload of a modal's submit button."""
    payload = _base(state, "view_submission", user)
    payload["trigger_id"] = state.leases.issue_trigger(user.id)
    return payload | {"view": view_json(state, view), "response_urls": []}


def view_closed(state: State, user: User, view: View, *, cleared: bool) -> Json:
    """Return the payload of a modal that was closed without submitting."""
    payload = _base(state, "view_closed", user)
    return payload | {"view": view_json(state, view), "is_cleared": cleared, "response_urls": []}


def slash_command(state: State, user: User, command: str, text: str, channel: Channel) -> Json:
    """Return the form of a slash command."""
    token = state.leases.issue_response_url(user.id, channel.id)
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": _team(state, user)["id"],
        "team_domain": _team(state, user)["domain"],
        "channel_id": channel.id,
        "channel_name": channel_name(channel)["name"],
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": state.app_id,
        "is_enterprise_install": "false",
        "response_url": f"{state.base_url}/response/{token}",
        "trigger_id": state.leases.issue_trigger(user.id),
    }


def message_action(state: State, user: User, message: Message, callback_id: str) -> Json:
    """Return the payload of a shortcut on a message.

    https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload
    """
    payload = _base(state, "message_action", user)
    payload["trigger_id"] = state.leases.issue_trigger(user.id)
    payload["response_url"] = _response_url(state, user, message)
    return payload | {
        "callback_id": callback_id,
        "channel": channel_name(state.channels[message.channel]),
        "message_ts": message.ts,
        "message": message_json(state, message),
        "action_ts": f"{time.time():.6f}",
    }


def link_shared(state: State, message: Message, urls: list[str]) -> Json:
    """Return the event of a message with links to a domain that the app unfurls.

    https://docs.slack.dev/reference/events/link_shared
    """
    event: Json = {
        "type": "link_shared",
        "channel": message.channel,
        "is_bot_user_member": state.bot_user_id in state.channels[message.channel].members,
        "user": message.user,
        "message_ts": message.ts,
        "unfurl_id": f"{message.channel}.{message.ts}",
        "source": "conversations_history",
        "links": [{"domain": url.split("/")[2], "url": url} for url in urls],
        "event_ts": state.next_ts(),
    }
    return event | ({"thread_ts": message.thread_ts} if message.thread_ts else {})


def event_callback(state: State, event: Json, event_id: str) -> Json:
    """Return the envelope of an event."""
    authorization: Json = {
        "enterprise_id": None,
        "team_id": state.team_id,
        "user_id": state.bot_user_id,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": state.team_id,
        "api_app_id": state.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(state.clock().timestamp()),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
        "event_context": f"local-{event_id}",
    }


def app_home_opened(state: State, user: User) -> Json:
    """Return the event of a person who looks at the bot's home tab."""
    event: dict[str, Any] = {
        "type": "app_home_opened",
        "user": user.id,
        "channel": state.im(user.id).id,
        "tab": "home",
        "event_ts": state.next_ts(),
    }
    home = state.homes.get(user.id)
    return event | ({"view": view_json(state, home)} if home else {})
