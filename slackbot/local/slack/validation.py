"""The methods that only judge: blocks.validate and apps.manifest.validate."""

import json
import re
from typing import Any

from slackbot.local.json_type import Json
from slackbot.local.slack.block_kit import (
    MAX_CHARACTERS,
    characters,
    validate_blocks,
    validate_view,
)
from slackbot.local.slack.calls import method, needed
from slackbot.local.slack.manifest import validate_manifest
from slackbot.local.slack.models import SlackError
from slackbot.local.slack.state import State

_PROBLEM = re.compile(r"\[ERROR\] (?P<message>.*) \[json-pointer:(?P<pointer>.*)\]", re.DOTALL)
_KINDS = ("blocks", "message", "view")


@method("blocks.validate", bearer="none", tier=4)
def blocks_validate(state: State, args: Json) -> Json:
    """Judge blocks, a message or a view without showing them.

    https://docs.slack.dev/reference/methods/blocks.validate
    """
    given = [kind for kind in _KINDS if args.get(kind) is not None]
    if len(given) != 1:
        reason = "[ERROR] exactly one of blocks, message and view must be provided"
        raise SlackError("invalid_arguments", reason, mistake=True)
    kind = given[0]
    errors = [
        {**one, "pointer": one["pointer"].removeprefix(f"/{kind}"), "code": "failed_constraint"}
        for one in map(_error, _JUDGES[kind](_decoded(args[kind])))
    ]
    if errors:
        raise SlackError(f"invalid_{kind}", errors=errors)
    return {}


def _blocks(blocks: Any) -> list[str]:
    return validate_blocks(blocks, "message")


def _message(message: Any) -> list[str]:
    if not isinstance(message, dict):
        return ["[ERROR] must provide an object [json-pointer:]"]
    blocks = message.get("blocks") or []
    found = validate_blocks(blocks, "message", "/message/blocks")
    if characters(blocks) > MAX_CHARACTERS:
        found.append("[ERROR] too many characters [json-pointer:/message/blocks]")
    return found


_JUDGES = {"blocks": _blocks, "message": _message, "view": validate_view}


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise SlackError("invalid_arguments", "[ERROR] is not JSON", mistake=True) from None


def _error(problem: str) -> dict[str, str]:
    found = _PROBLEM.fullmatch(problem)
    assert found is not None, problem  # noqa: S101 - each is written by schema.Problems
    return found.groupdict()


@method("apps.manifest.validate", bearer="configuration", tier=3)
def apps_manifest_validate(state: State, args: Json) -> Json:
    """Judge the manifest of an app, with an app configuration token.

    https://docs.slack.dev/reference/methods/apps.manifest.validate
    """
    text = needed(args, "manifest")
    try:
        manifest = json.loads(text)
    except ValueError:
        errors = [{"message": "The manifest is not JSON", "pointer": ""}]
        raise SlackError("invalid_manifest", errors=errors) from None
    if args.get("app_id") not in (None, "", state.app_id):
        raise SlackError("invalid_app_id", mistake=True)
    if found := validate_manifest(manifest):
        raise SlackError("invalid_manifest", errors=[_error(each) for each in found])
    return {"errors": []}
