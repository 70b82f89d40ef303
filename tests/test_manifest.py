"""The app's manifest asks for what the bot uses, and for nothing else."""

from pathlib import Path
from typing import Any

import yaml

from slackbot.handlers.queue import COMMAND
from slackbot.workspace import REQUIRED_SCOPES

ROOT = Path(__file__).parent.parent

ONLY_FOR_SOME = {
    "groups:history",  # the channel may be private
    "groups:read",
    "usergroups:read",  # SSAT_MANAGERS may name groups
}

# https://docs.slack.dev/reference/app-manifest
NAME_LIMIT, DESCRIPTION_LIMIT, LONG_DESCRIPTION_LEAST = 35, 140, 174


def manifest() -> Any:
    return yaml.safe_load((ROOT / "manifest.yml").read_text())


def test_the_scopes_are_those_that_the_bot_uses() -> None:
    assert set(manifest()["oauth_config"]["scopes"]["bot"]) == REQUIRED_SCOPES | ONLY_FOR_SOME


def test_the_command_is_declared() -> None:
    commands = [each["command"] for each in manifest()["features"]["slash_commands"]]
    assert commands == [COMMAND]


def test_buttons_are_switched_on() -> None:
    assert manifest()["settings"]["interactivity"]["is_enabled"]


def test_the_texts_are_within_slacks_limits() -> None:
    shown = manifest()["display_information"]
    assert len(shown["name"]) <= NAME_LIMIT
    assert len(shown["description"]) <= DESCRIPTION_LIMIT
    assert len(shown["long_description"]) >= LONG_DESCRIPTION_LEAST
