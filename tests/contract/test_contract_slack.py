"""What the bot relies on in Slack's answers; against the stand-in, and against a real Slack."""

import json
import secrets
from typing import Any

import pytest
import yaml
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.platforms.slack.client import REQUIRED_SCOPES
from tests.contract.conftest import SlackSide
from tests.contract.produced import Produced
from tests.local.slack.builders import actions, button, modal, section
from tests.process import ROOT

NEVER = "1000000000.000001"
"""The ts of a message that was never posted."""


async def error_of(call: Any) -> tuple[str, list[str]]:
    """Return the code and the messages with which Slack refuses a call."""
    with pytest.raises(SlackApiError) as caught:
        await call
    response = caught.value.response
    return response["error"], response.get("response_metadata", {}).get("messages", [])


# --- Messages ----------------------------------------------------------------------------------


async def test_a_message_is_found_again_by_its_metadata(slack: SlackSide) -> None:
    key = secrets.token_hex(8)
    metadata = {"event_type": "contract_card", "event_payload": {"key": key, "version": 3}}
    ts = await slack.post(text="Contract", blocks=[section("Contract")], metadata=metadata)
    found = await slack.message(ts)
    assert found is not None
    assert found["metadata"] == metadata
    assert found["text"] == "Contract"


async def test_metadata_comes_only_when_it_is_asked_for(slack: SlackSide) -> None:
    metadata = {"event_type": "contract_card", "event_payload": {"key": "x"}}
    ts = await slack.post(text="Contract", metadata=metadata)
    plain = await slack.client.conversations_history(
        channel=slack.channel, oldest=ts, latest=ts, inclusive=True
    )
    assert "event_payload" not in plain["messages"][0].get("metadata", {})


async def test_an_update_keeps_metadata_unless_it_brings_other(slack: SlackSide) -> None:
    metadata = {"event_type": "contract_card", "event_payload": {"key": "x"}}
    ts = await slack.post(text="Before", metadata=metadata)
    await slack.client.chat_update(channel=slack.channel, ts=ts, text="After")
    found = await slack.message(ts)
    assert found is not None
    assert (found["text"], found["metadata"]) == ("After", metadata)


async def test_text_without_blocks_deletes_the_blocks(slack: SlackSide) -> None:
    ts = await slack.post(text="x", blocks=[section("Contract", block_id="mine")])
    before = await slack.message(ts)
    assert before is not None
    assert [block["block_id"] for block in before["blocks"]] == ["mine"]
    await slack.client.chat_update(channel=slack.channel, ts=ts, text="Only words")
    after = await slack.message(ts)
    assert after is not None
    # Slack may show the words as a block of its own.
    assert "mine" not in [block["block_id"] for block in after.get("blocks", [])]


async def test_what_is_not_there_is_not_found(slack: SlackSide) -> None:
    update = slack.client.chat_update(channel=slack.channel, ts=NEVER, text="x")
    assert (await error_of(update))[0] == "message_not_found"
    delete = slack.client.chat_delete(channel=slack.channel, ts=NEVER)
    assert (await error_of(delete))[0] == "message_not_found"
    ts = await slack.post(text="Contract")
    await slack.client.chat_delete(channel=slack.channel, ts=ts)
    update = slack.client.chat_update(channel=slack.channel, ts=ts, text="x")
    assert (await error_of(update))[0] == "message_not_found"
    assert await slack.message(ts) is None


async def test_a_reply_is_in_its_thread_and_not_in_the_channel(slack: SlackSide) -> None:
    ts = await slack.post(text="Contract")
    reply = await slack.post(text="A reply", thread_ts=ts)
    thread = await slack.client.conversations_replies(channel=slack.channel, ts=ts)
    assert [each["ts"] for each in thread["messages"]] == [ts, reply]
    assert await slack.message(reply) is None


async def test_a_message_has_an_address(slack: SlackSide) -> None:
    ts = await slack.post(text="Contract")
    found = await slack.client.chat_getPermalink(channel=slack.channel, message_ts=ts)
    assert found["permalink"].endswith(f"/archives/{slack.channel}/p{ts.replace('.', '')}")


@pytest.mark.parametrize(
    ("blocks", "pointer"),
    [
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "/blocks/0"),
        ([section("x"), {"type": "no such"}], "/blocks/1"),
        ([section("x", color="red")], "/blocks/0"),
        ([actions(button("x" * 76, "claim"))], "/blocks/0"),
    ],
)
async def test_wrong_blocks_are_refused_with_the_path_of_the_culprit(
    slack: SlackSide, blocks: list[dict[str, Any]], pointer: str
) -> None:
    call = slack.client.chat_postMessage(channel=slack.channel, text="x", blocks=blocks)
    code, messages = await error_of(call)
    assert code == "invalid_blocks"
    assert any(f"[json-pointer:{pointer}" in message for message in messages)


async def test_a_message_says_something(slack: SlackSide) -> None:
    call = slack.client.api_call("chat.postMessage", json={"channel": slack.channel})
    assert (await error_of(call))[0] == "no_text"


# --- Views, people, rights ---------------------------------------------------------------------


async def test_a_trigger_that_is_of_no_use_has_a_code_of_its_own(slack: SlackSide) -> None:
    trigger = f"1234567890.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
    call = slack.client.views_open(trigger_id=trigger, view=modal(section("Contract")))
    codes = {"invalid_trigger_id", "expired_trigger_id", "exchanged_trigger_id"}
    assert (await error_of(call))[0] in codes


async def test_people_and_channels_that_are_not_there(slack: SlackSide) -> None:
    assert (await error_of(slack.client.users_info(user="U0000000000")))[0] == "user_not_found"
    call = slack.client.conversations_info(channel="C0000000000")
    assert (await error_of(call))[0] == "channel_not_found"
    call = slack.client.users_lookupByEmail(email="nobody@contract.invalid")
    assert (await error_of(call))[0] == "users_not_found"


async def test_the_scopes_of_the_token_are_told(slack: SlackSide) -> None:
    answer = await slack.client.auth_test()
    scopes = {name.lower(): value for name, value in answer.headers.items()}["x-oauth-scopes"]
    assert set(scopes.replace(" ", "").split(",")) >= REQUIRED_SCOPES


async def test_a_wrong_token_is_refused(slack: SlackSide) -> None:
    call = slack.client.auth_test(token="xoxb-contract-wrong")
    assert (await error_of(call))[0] == "invalid_auth"


async def test_the_bot_is_in_the_channel(slack: SlackSide) -> None:
    found = await slack.client.conversations_info(channel=slack.channel)
    assert found["channel"]["is_member"]
    assert not found["channel"]["is_archived"]


# --- Whatever the bot shows --------------------------------------------------------------------

VIEWS = {
    *("add_note", "change_label", "close_feedback", "draft_email", "explain_miss", "kudos"),
    *("follow_up", "mark_contacted", "profile", "review", "snooze", "tell_group", "tell_manager"),
    *("undo_contacted", "wait_for"),
}


@pytest.mark.story
async def test_every_message_and_view_of_the_bot_is_valid(
    slack: SlackSide, shown: Produced
) -> None:
    refused: dict[str, Any] = {}
    for name, message in shown.messages.items():
        refused |= await judged(name, validate(slack, message=message))
    for name, view in shown.views.items():
        refused |= await judged(name, validate(slack, view=view))
    assert refused == {}
    assert len(shown.messages) >= 30
    named = {str(view.get("callback_id")) for view in shown.views.values()}
    assert named >= VIEWS
    assert "home" in {view["type"] for view in shown.views.values()}


async def validate(slack: SlackSide, **what: Any) -> None:
    """Have something judged; slack_sdk would put it into the address, which has an end."""
    sent = {name: json.dumps(each) for name, each in what.items()}
    await slack.client.api_call("blocks.validate", data=sent)


async def judged(name: str, call: Any) -> dict[str, Any]:
    try:
        await call
    except SlackApiError as error:
        return {name: error.response.data}
    return {}


async def test_what_is_invalid_is_refused_with_a_pointer(slack: SlackSide) -> None:
    with pytest.raises(SlackApiError) as caught:
        await validate(slack, view=modal(section("x"), title="x" * 25))
    assert caught.value.response["error"] == "invalid_view"
    assert any("/title" in error["pointer"] for error in caught.value.response["errors"])


# --- The manifest ------------------------------------------------------------------------------


async def test_the_manifest_is_valid(configuration: AsyncWebClient) -> None:
    manifest = yaml.safe_load((ROOT / "manifest.yml").read_text())
    assert (await configuration.apps_manifest_validate(manifest=manifest))["ok"]


async def test_a_wrong_manifest_is_refused_with_pointers(configuration: AsyncWebClient) -> None:
    manifest = yaml.safe_load((ROOT / "manifest.yml").read_text())
    manifest["display_information"]["name"] = "x" * 36
    with pytest.raises(SlackApiError) as caught:
        await configuration.apps_manifest_validate(manifest=manifest)
    assert caught.value.response["error"] == "invalid_manifest"
    pointers = [error["pointer"] for error in caught.value.response["errors"]]
    assert "/display_information/name" in pointers


async def test_without_an_address_or_socket_mode_nothing_can_be_sent(
    configuration: AsyncWebClient,
) -> None:
    manifest = yaml.safe_load((ROOT / "manifest.yml").read_text())
    manifest["settings"]["socket_mode_enabled"] = False
    with pytest.raises(SlackApiError) as caught:
        await configuration.apps_manifest_validate(manifest=manifest)
    pointers = {error["pointer"] for error in caught.value.response["errors"]}
    assert pointers >= {"/settings/event_subscriptions", "/settings/interactivity"}
