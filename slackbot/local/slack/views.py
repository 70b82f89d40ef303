"""The methods views.*, and what an answered submission does to the views."""

import json
from typing import Any

from slackbot.local.json_type import Json
from slackbot.local.slack.block_kit import validate_view
from slackbot.local.slack.calls import method, needed
from slackbot.local.slack.models import SlackError, View
from slackbot.local.slack.shapes import view_json
from slackbot.local.slack.state import State

MAX_STACK = 3
# https://docs.slack.dev/reference/methods/views.publish
MAX_BYTES = 250_000


def checked(state: State, body: Any, kind: str) -> Json:
    """Return a view's body, or refuse it as Slack does."""
    if not isinstance(body, dict) or body.get("type") != kind:
        problem = f'[ERROR] must be "{kind}" [json-pointer:/view/type]'
        raise SlackError("invalid_arguments", problem, mistake=True)
    if problems := validate_view(body):
        raise SlackError("invalid_arguments", *problems, mistake=True)
    if len(json.dumps(body)) > MAX_BYTES:
        raise SlackError("view_too_large", mistake=True)
    found: Json = body
    return found


@method("views.open", tier=4)
def open_view(state: State, args: Json) -> Json:
    """Open a modal for the person who set the trigger off."""
    body = checked(state, args.get("view"), "modal")
    trigger = state.leases.use_trigger(needed(args, "trigger_id"))
    view = state.make_view(trigger.user, body)
    state.views[trigger.user] = [view]
    state.changed()
    return {"view": view_json(state, view)}


@method("views.push", tier=4)
def push_view(state: State, args: Json) -> Json:
    """Lay a modal over the one that is open."""
    body = checked(state, args.get("view"), "modal")
    trigger = state.leases.use_trigger(needed(args, "trigger_id"))
    return {"view": view_json(state, push(state, trigger.user, body))}


def push(state: State, user: str, body: Json) -> View:
    """Lay a modal over the one that a person has open."""
    stack = state.views[user]
    if not stack:
        raise SlackError("not_found")
    if len(stack) >= MAX_STACK:
        raise SlackError("push_limit_reached", mistake=True)
    view = state.make_view(user, body, under=stack[-1])
    stack.append(view)
    state.changed()
    return view


@method("views.update", tier=4)
def update_view(state: State, args: Json) -> Json:
    """Change a modal that is open somewhere."""
    body = checked(state, args.get("view"), "modal")
    view = _wanted(state, args)
    if args.get("hash") not in (None, view.hash):
        raise SlackError("hash_conflict")
    state.change_view(view, body)
    return {"view": view_json(state, view)}


def _wanted(state: State, args: Json) -> View:
    if not args.get("view_id") and not args.get("external_id"):
        raise SlackError("invalid_arguments", "[ERROR] view_id or external_id", mistake=True)
    for view in (one for stack in state.views.values() for one in stack):
        if view.id == args.get("view_id"):
            return view
        if args.get("external_id") and view.body.get("external_id") == args["external_id"]:
            return view
    raise SlackError("not_found")


@method("views.publish", tier=4)
def publish_view(state: State, args: Json) -> Json:
    """Set a person's home tab."""
    body = checked(state, args.get("view"), "home")
    if not state.has_home:
        raise SlackError("not_enabled", mistake=True)
    user = needed(args, "user_id")
    if user not in state.users:
        raise SlackError("user_not_found")
    home = state.homes.get(user)
    if args.get("hash") and home is not None and home.hash != args["hash"]:
        raise SlackError("hash_conflict")
    if home is None:
        home = state.homes[user] = state.make_view(user, body)
        state.changed()
    else:
        state.change_view(home, body)
    return {"view": view_json(state, home)}


def answer_submission(state: State, view: View, answer: Any) -> None:
    """Do with the views what the bot's answer to a submission asks for.

    https://docs.slack.dev/surfaces/modals#handle_submissions
    """
    stack = state.views[view.user]
    match answer if isinstance(answer, dict) else {}:
        case {"response_action": "errors", "errors": dict(errors)}:
            _show_errors(state, view, errors)
        case {"response_action": "update", "view": body}:
            state.change_view(view, checked(state, body, "modal"))
        case {"response_action": "push", "view": body}:
            push(state, view.user, checked(state, body, "modal"))
        case {"response_action": "clear"}:
            stack.clear()
        case {"response_action": _}:
            state.refuse(f"view_submission: unknown answer {answer}")
        case _:
            stack[:] = [one for one in stack if one is not view]
    state.changed()


def _show_errors(state: State, view: View, errors: Json) -> None:
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    unknown = errors.keys() - inputs
    if unknown or not errors:
        state.refuse(f"view_submission: errors for blocks that are no inputs: {sorted(unknown)}")
    view.errors = {block_id: str(what) for block_id, what in errors.items()}
