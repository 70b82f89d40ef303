"""The app's manifest asks for what the bot uses, and for nothing else."""

from pathlib import Path
from typing import Any

import yaml

from slackbot.handlers.queue import COMMAND
from slackbot.handlers.showing import SHOW_FEEDBACK
from slackbot.local.shown import SHORTCUTS
from slackbot.platforms.slack import MESSAGES_SCOPES, REQUIRED_SCOPES, UNFURL_SCOPES
from slackbot.platforms.slack_files import FILE_SCOPES

ROOT = Path(__file__).parent.parent

ONLY_FOR_SOME = {
    "groups:history",  # the channel may be private
    "groups:read",
    "usergroups:read",  # SSAT_MANAGERS may name groups
    *FILE_SCOPES,  # without them there are no CSV files, and no pictures of charts
    *MESSAGES_SCOPES,  # without them nobody gets a direct message
    *UNFURL_SCOPES,  # without them a pasted link is a link
}

# https://docs.slack.dev/reference/app-manifest
NAME_LIMIT, DESCRIPTION_LIMIT, LONG_DESCRIPTION_LEAST = 35, 140, 174
SHORTCUT_NAME_LIMIT = 24


def manifest() -> Any:
    return yaml.safe_load((ROOT / "manifest.yml").read_text())


def test_the_scopes_are_those_that_the_bot_uses() -> None:
    assert set(manifest()["oauth_config"]["scopes"]["bot"]) == REQUIRED_SCOPES | ONLY_FOR_SOME


def test_the_command_is_declared() -> None:
    commands = [each["command"] for each in manifest()["features"]["slash_commands"]]
    assert commands == [COMMAND]


def test_the_shortcut_is_declared_within_slacks_limits() -> None:
    [shortcut] = manifest()["features"]["shortcuts"]
    assert (shortcut["type"], shortcut["callback_id"]) == ("message", SHOW_FEEDBACK)
    assert len(shortcut["name"]) <= SHORTCUT_NAME_LIMIT


def test_a_home_is_switched_on_and_the_bot_hears_when_it_is_opened() -> None:
    assert manifest()["features"]["app_home"]["home_tab_enabled"]
    events = manifest()["settings"]["event_subscriptions"]["bot_events"]
    assert events == ["app_home_opened", "link_shared"]


def test_links_to_gitlab_are_told_to_the_bot() -> None:
    assert manifest()["features"]["unfurl_domains"] == ["gitlab.com"]


def test_buttons_are_switched_on() -> None:
    assert manifest()["settings"]["interactivity"]["is_enabled"]


def test_the_texts_are_within_slacks_limits() -> None:
    shown = manifest()["display_information"]
    assert len(shown["name"]) <= NAME_LIMIT
    assert len(shown["description"]) <= DESCRIPTION_LIMIT
    assert len(shown["long_description"]) >= LONG_DESCRIPTION_LEAST


def test_the_local_workspace_has_the_same_shortcuts() -> None:
    names = ("callback_id", "name", "description")
    declared = manifest()["features"]["shortcuts"]
    assert [{name: each[name] for name in names} for each in declared] == list(SHORTCUTS)
