"""Blocks, views and manifests are judged as Slack judges them, without showing anything."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.local.slack import Workspace
from slackbot.local.slack.manifest import validate_manifest
from tests.local.slack.builders import actions, button, modal, section

ROOT = Path(__file__).parent.parent.parent.parent


def refusal(error: SlackApiError) -> tuple[str, list[dict[str, Any]]]:
    return error.response["error"], error.response.get("errors", [])


# --- Blocks ------------------------------------------------------------------------------------


async def test_what_is_valid_is_valid(client: AsyncWebClient, workspace: Workspace) -> None:
    assert (await client.blocks_validate(blocks=[section("Hello")]))["ok"]
    assert (await client.blocks_validate(message={"text": "x", "blocks": [section("Hi")]}))["ok"]
    assert (await client.blocks_validate(view=modal(section("Hello"))))["ok"]
    assert (await client.blocks_validate(view={"type": "home", "blocks": []}))["ok"]
    assert workspace.refusals == []
    assert [one.messages for one in workspace.channels.values()] == [[]]


@pytest.mark.parametrize(
    ("given", "code", "pointer"),
    [
        ({"blocks": [{"type": "no such"}]}, "invalid_blocks", "/0/type"),
        ({"message": {"blocks": [{"type": "no such"}]}}, "invalid_message", "/blocks/0/type"),
        ({"view": {"type": "home", "blocks": [{"type": "x"}]}}, "invalid_view", "/blocks/0/type"),
        ({"view": modal(section("x"), title="x" * 25)}, "invalid_view", "/title/text"),
        ({"blocks": [{**section("x"), "[a] b": 1}]}, "invalid_blocks", "/0/[a] b"),
    ],
)
async def test_an_error_has_the_pointer_of_the_culprit(
    client: AsyncWebClient, given: Any, code: str, pointer: str
) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client.blocks_validate(**given)
    name, errors = refusal(caught.value)
    assert name == code
    assert [error["pointer"] for error in errors] == [pointer]
    assert errors[0]["code"] == "failed_constraint"
    assert errors[0]["message"]


async def test_all_that_is_wrong_is_told_at_once(client: AsyncWebClient) -> None:
    wrong = button("Claim", "claim", color="red")
    del wrong["text"]
    with pytest.raises(SlackApiError) as caught:
        await client.blocks_validate(blocks=[actions(wrong)])
    _, errors = refusal(caught.value)
    assert {error["pointer"] for error in errors} == {"/0/elements/0", "/0/elements/0/color"}


@pytest.mark.parametrize("given", [{}, {"blocks": [], "view": {}}, {"blocks": "["}])
async def test_exactly_one_thing_is_judged(client: AsyncWebClient, given: Any) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client.blocks_validate(**given)
    assert refusal(caught.value)[0] in {"invalid_arguments", "invalid_blocks_format"}


# --- Manifests ---------------------------------------------------------------------------------


@pytest.fixture
def manifest() -> Any:
    return yaml.safe_load((ROOT / "manifest.yml").read_text())


async def test_a_manifest_needs_a_configuration_token(
    client: AsyncWebClient, workspace: Workspace, manifest: Any
) -> None:
    token = workspace.configuration_token
    assert (await client.apps_manifest_validate(manifest=manifest, token=token))["ok"]
    with pytest.raises(SlackApiError) as caught:
        await client.apps_manifest_validate(manifest=manifest)
    assert refusal(caught.value)[0] == "not_allowed_token_type"


async def test_a_wrong_manifest_is_refused_with_pointers(
    client: AsyncWebClient, workspace: Workspace, manifest: Any
) -> None:
    manifest["display_information"]["name"] = "x" * 36
    token = workspace.configuration_token
    with pytest.raises(SlackApiError) as caught:
        await client.apps_manifest_validate(manifest=manifest, token=token)
    name, [error] = refusal(caught.value)
    assert (name, error["pointer"]) == ("invalid_manifest", "/display_information/name")
    with pytest.raises(SlackApiError) as caught:
        await client.apps_manifest_validate(manifest="{", token=token)
    assert refusal(caught.value)[0] == "invalid_manifest"


def changed(manifest: Any, path: str, value: Any) -> Any:
    """Return a manifest with something set, or with None removed, at a path."""
    found = copy.deepcopy(manifest)
    *parents, last = [int(one) if one.isdigit() else one for one in path.split("/")]
    place = found
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("display_information", None),
        ("display_information/name", None),
        ("display_information/name", ""),
        ("display_information/name", "x" * 36),
        ("display_information/description", "x" * 141),
        ("display_information/long_description", "x" * 173),
        ("display_information/long_description", "x" * 4001),
        ("display_information/background_color", "blue"),
        ("display_information/icon", "x.png"),
        ("features/bot_user/display_name", "SSAT bot!"),
        ("features/slash_commands", []),
        ("features/slash_commands/0/command", "ssat"),
        ("features/slash_commands/0/command", "/" + "x" * 32),
        ("features/slash_commands/0/description", "x" * 2001),
        ("features/slash_commands/0/description", None),
        ("features/slash_commands/0/usage_hint", "x" * 1001),
        ("features/shortcuts/0/name", "x" * 25),
        ("features/shortcuts/0/type", "channel"),
        ("features/shortcuts/0/callback_id", "x" * 256),
        ("features/shortcuts/0/description", "x" * 151),
        ("features/shortcuts", []),
        ("features/unfurl_domains", ["https://gitlab.com"]),
        ("features/unfurl_domains", ["a.example", "a.example"]),
        ("features/unfurl_domains", [f"{one}.example" for one in "abcdef"]),
        ("features/app_home/home_tab_enabled", "yes"),
        ("oauth_config/scopes/bot/0", "channels:everything"),
        ("oauth_config/scopes/bot_optional/0", "channels:everything"),
        ("settings/event_subscriptions/bot_events", ["app_home_opened"] * 2),
        ("settings/event_subscriptions/bot_events", ["no_such_event"]),
        ("settings/event_subscriptions/bot_events", ["reaction_added"]),
        ("settings/event_subscriptions/request_url", "ssat.example.com"),
        ("settings/interactivity/is_enabled", None),
        ("settings/socket_mode_enabled", False),
        ("settings/something", True),
        ("something", {}),
    ],
)
def test_a_manifest_is_judged_as_strictly_as_it_is_documented(
    manifest: Any, path: str, value: Any
) -> None:
    assert validate_manifest(manifest) == []
    assert validate_manifest(changed(manifest, path, value)) != []


@pytest.mark.parametrize(
    ("scope", "pointers"),
    [
        ("commands", {"/features/slash_commands", "/features/shortcuts"}),
        (
            "links:read",
            {"/features/unfurl_domains", "/settings/event_subscriptions/bot_events/1"},
        ),
    ],
)
def test_what_an_app_offers_needs_scopes(manifest: Any, scope: str, pointers: set[str]) -> None:
    for scopes in manifest["oauth_config"]["scopes"].values():
        scopes[:] = [each for each in scopes if each != scope]
    found = validate_manifest(manifest)
    assert {each.partition("[json-pointer:")[2].rstrip("]") for each in found} == pointers


def test_without_socket_mode_each_feature_needs_an_address(manifest: Any) -> None:
    manifest["settings"]["socket_mode_enabled"] = False
    assert len(validate_manifest(manifest)) == 4
    address = "https://ssat-bot.example.com/slack/events"
    manifest["settings"]["event_subscriptions"]["request_url"] = address
    manifest["settings"]["interactivity"]["request_url"] = address
    manifest["features"]["slash_commands"][0]["url"] = address
    assert validate_manifest(manifest) == []


@pytest.mark.parametrize("manifest", [None, [], "x", {"display_information": []}])
def test_a_manifest_is_an_object(manifest: Any) -> None:
    assert validate_manifest(manifest) != []
