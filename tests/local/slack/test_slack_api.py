import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.local.slack import Channel, Workspace
from tests.local.slack.builders import actions, button, client_of, modal, section, text_input
from tests.local.slack.conftest import Clock


async def test_a_post_shows_with_thread_metadata_and_pings(
    workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    metadata = {"event_type": "card", "event_payload": {"issue": 7}}
    top = await client.chat_postMessage(
        channel="#support_escalations",
        text="a card",
        blocks=[section("<!channel>")],
        metadata=metadata,
        unfurl_links=False,
    )
    reply = await client.chat_postMessage(channel="C1", text="late", thread_ts=top["ts"])
    await client.chat_postMessage(
        channel="C1", text="broadcast", thread_ts=reply["ts"], reply_broadcast=True
    )
    card, broadcast = channel.messages
    assert (card.text, card.metadata, card.pings) == ("a card", metadata, {"<!channel>"})
    assert [one.text for one in card.thread] == ["late", "broadcast"]
    assert broadcast is card.thread[1]
    assert card.blocks[0]["block_id"]
    assert workspace.refusals == []
    thread = await client.conversations_replies(channel="C1", ts=top["ts"])
    assert [one["text"] for one in thread["messages"]] == ["a card", "late", "broadcast"]


async def test_history_is_paged_newest_first_and_hides_metadata_unless_asked(
    workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    for number in range(3):
        metadata = {"event_type": "card", "event_payload": {"n": number}}
        await client.chat_postMessage(channel="C1", text=str(number), metadata=metadata)
    first = await client.conversations_history(channel="C1", limit=2)
    assert [one["text"] for one in first["messages"]] == ["2", "1"]
    assert "metadata" not in first["messages"][0]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(
        channel="C1", limit=2, cursor=cursor, include_all_metadata=True
    )
    (last,) = rest["messages"]
    assert last["metadata"]["event_payload"] == {"n": 0}
    assert rest["has_more"] is False
    newer = await client.conversations_history(channel="C1", oldest=last["ts"])
    assert len(newer["messages"]) == 2
    same = await client.conversations_history(channel="C1", oldest=last["ts"], inclusive=True)
    assert len(same["messages"]) == 3


async def test_an_update_replaces_and_a_deleted_message_is_not_found(
    workspace: Workspace, client: AsyncWebClient, channel: Channel, clock: Clock
) -> None:
    ts = (await client.chat_postMessage(channel="C1", text="a", blocks=[section("a")]))["ts"]
    clock.forward(hours=1)
    await client.chat_update(channel="C1", ts=ts, text="b", blocks=[section("b")])
    assert channel.messages[0].edited is not None
    assert float(channel.messages[0].edited) > float(ts) + 3599
    await client.chat_update(channel="C1", ts=ts, text="c")
    assert channel.messages[0].blocks == []
    workspace.delete_message("C1", ts)
    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel="C1", ts=ts, text="d")
    assert workspace.refusals == []


async def test_a_reply_to_a_deleted_message_lands_in_the_channel(
    workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    ts = (await client.chat_postMessage(channel="C1", text="a"))["ts"]
    workspace.delete_message("C1", ts)
    answer = await client.chat_postMessage(channel="C1", text="late", thread_ts=ts)
    assert "thread_ts" not in answer["message"]
    assert [one.text for one in channel.messages] == ["late"]


async def test_a_deleted_message_with_replies_leaves_its_thread(
    workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    ts = (await client.chat_postMessage(channel="C1", text="a"))["ts"]
    await client.chat_postMessage(channel="C1", text="reply", thread_ts=ts)
    workspace.delete_message("C1", ts)
    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel="C1", ts=ts, text="b")
    thread = await client.conversations_replies(channel="C1", ts=ts)
    assert [one.get("subtype") for one in thread["messages"]] == ["tombstone", None]


async def test_a_persons_message_and_an_old_one_cannot_be_changed(
    workspace: Workspace, client: AsyncWebClient, channel: Channel, clock: Clock
) -> None:
    theirs = workspace.person_posts("U1", channel, "mine")
    with pytest.raises(SlackApiError, match="cant_update_message"):
        await client.chat_update(channel="C1", ts=theirs.ts, text="b")
    ours = (await client.chat_postMessage(channel="C1", text="a"))["ts"]
    workspace.edit_window = clock() - clock()
    clock.forward(seconds=1)
    with pytest.raises(SlackApiError, match="edit_window_closed"):
        await client.chat_update(channel="C1", ts=ours, text="b")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"text": "x", "blocks": [section("x" * 3001)]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("x" * 3000)] * 4}, "msg_blocks_too_long"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": ""}, "no_text"),
        ({"text": "x", "metadata": {"event_type": "card"}}, "invalid_metadata_format"),
    ],
)
async def test_what_slack_would_refuse_is_refused_and_recorded(
    workspace: Workspace, client: AsyncWebClient, message: dict[str, object], error: str
) -> None:
    with pytest.raises(SlackApiError, match=error):
        await client.api_call("chat.postMessage", json={"channel": "C1", **message})
    assert [one.split()[1] for one in workspace.refusals] == [error]
    assert workspace.requests[-1].error == error


async def test_invalid_blocks_come_with_the_path_of_the_culprit(client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(
            channel="C1", text="x", blocks=[actions(button("x" * 76, "a"))]
        )
    (message,) = caught.value.response["response_metadata"]["messages"]
    assert message == (
        "[ERROR] must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"
    )


async def test_blocks_without_a_text_are_noted(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    await client.api_call("chat.postMessage", json={"channel": "C1", "blocks": [section("x")]})
    assert workspace.refusals == ["chat.postMessage: blocks without a text for notifications"]


async def test_a_channel_is_hidden_or_closed_to_a_bot_that_is_not_in_it(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.add_channel("open", id="C2", bot_is_member=False)
    workspace.add_channel("secret", id="C3", bot_is_member=False, private=True)
    for channel, error in {
        "C2": "not_in_channel",
        "C3": "channel_not_found",
        "#secret": "channel_not_found",
        "C99": "channel_not_found",
    }.items():
        with pytest.raises(SlackApiError, match=error):
            await client.chat_postMessage(channel=channel, text="x")
    await client.conversations_join(channel="C2")
    await client.chat_postMessage(channel="C2", text="x")
    listed = await client.conversations_list(types="public_channel,private_channel", limit=1)
    assert [one["name"] for one in listed["channels"]] == ["support_escalations"]
    assert listed["response_metadata"]["next_cursor"]
    assert workspace.refusals == []


async def test_a_name_where_an_id_is_needed_is_recorded(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    with pytest.raises(SlackApiError, match="channel_not_found"):
        await client.conversations_history(channel="#support_escalations")
    assert "a name where an id is needed" in workspace.refusals[0]


async def test_an_ephemeral_needs_a_member(workspace: Workspace, client: AsyncWebClient) -> None:
    await client.chat_postEphemeral(channel="C1", user="U1", text="psst")
    with pytest.raises(SlackApiError, match="user_not_in_channel"):
        await client.chat_postEphemeral(channel="C1", user="U3", text="psst")
    assert [(one.user, one.text) for one in workspace.ephemerals] == [("U1", "psst")]


async def test_a_direct_message_goes_by_the_persons_id(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    opened = await client.conversations_open(users="U1")
    await client.chat_postMessage(channel=opened["channel"]["id"], text="one")
    await client.chat_postMessage(channel="U1", text="two")
    assert [one.text for one in workspace.direct_messages("U1")] == ["one", "two"]


async def test_people_and_groups_are_found(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.add_usergroup("S1", "managers", ["U1", "U2"])
    assert (await client.users_info(user="U3"))["user"]["is_restricted"] is True
    found = await client.users_lookupByEmail(email="Avery@example.com")
    assert (found["user"]["id"], found["user"]["tz"]) == ("U1", "Europe/Amsterdam")
    with pytest.raises(SlackApiError, match="users_not_found"):
        await client.users_lookupByEmail(email="nobody@example.com")
    with pytest.raises(SlackApiError, match="user_not_found"):
        await client.users_info(user="U99")
    assert (await client.usergroups_users_list(usergroup="S1"))["users"] == ["U1", "U2"]
    assert (await client.usergroups_list())["usergroups"][0]["handle"] == "managers"
    assert len((await client.users_list())["members"]) == 4
    assert "U1" in (await client.conversations_members(channel="C1"))["members"]
    assert (await client.conversations_info(channel="C1"))["channel"]["is_member"] is True
    assert (await client.team_info())["team"]["id"] == workspace.team_id
    assert (await client.bots_info(bot=workspace.bot_id))["bot"]["user_id"]
    assert workspace.refusals == []


async def test_a_permalink_names_channel_and_message(
    client: AsyncWebClient, channel: Channel
) -> None:
    ts = (await client.chat_postMessage(channel="C1", text="x"))["ts"]
    link = (await client.chat_getPermalink(channel="C1", message_ts=ts))["permalink"]
    assert link == f"https://ssat.slack.com/archives/C1/p{ts.replace('.', '')}"


async def test_a_token_must_be_right_and_not_revoked(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    auth = await client.auth_test()
    assert auth["user_id"] == workspace.bot_user_id
    assert "chat:write" in auth.headers["x-oauth-scopes"]
    with pytest.raises(SlackApiError, match="invalid_auth"):
        await client_of(workspace, session, "xoxb-wrong").auth_test()
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        await client_of(workspace, session, workspace.app_token).auth_test()
    with pytest.raises(SlackApiError, match="unknown_method"):
        await client.api_call("chat.postTelegram")
    async with session.post(f"{workspace.base_url}/api/auth.test") as answer:
        assert (await answer.json())["error"] == "not_authed"
    workspace.revoke_token()
    with pytest.raises(SlackApiError, match="token_revoked"):
        await client.auth_test()


async def test_a_missing_scope_is_named(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.scopes -= {"users:read.email", "channels:history"}
    with pytest.raises(SlackApiError) as caught:
        await client.conversations_history(channel="C1")
    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "channels:history"
    assert "chat:write" in caught.value.response["provided"]
    assert "email" not in (await client.users_info(user="U1"))["user"]["profile"]


async def test_a_home_tab_and_a_view_are_changed_only_from_what_was_seen(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    home = {"type": "home", "blocks": [section("one")]}
    first = await client.views_publish(user_id="U1", view=home)
    await client.views_publish(user_id="U1", view=home, hash=first["view"]["hash"])
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_publish(user_id="U1", view=home, hash=first["view"]["hash"])
    trigger = workspace.leases.issue_trigger("U1")
    opened = await client.views_open(trigger_id=trigger, view=modal(text_input("A", "a")))
    view_id, seen = opened["view"]["id"], opened["view"]["hash"]
    workspace.open_view("U1").values["a"]["text"]["value"] = "typed"
    changed = modal(section("new"), text_input("A", "a"))
    await client.views_update(view_id=view_id, hash=seen, view=changed)
    assert workspace.open_view("U1").values["a"]["text"]["value"] == "typed"
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(view_id=view_id, hash=seen, view=changed)
    await workspace.close_view("U1")
    with pytest.raises(SlackApiError, match="not_found"):
        await client.views_update(view_id=view_id, view=changed)
    assert workspace.refusals == []


async def test_three_views_are_a_stack_and_a_fourth_is_refused(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    view = modal(section("x"))
    await client.views_open(trigger_id=workspace.leases.issue_trigger("U1"), view=view)
    for _ in range(2):
        await client.views_push(trigger_id=workspace.leases.issue_trigger("U1"), view=view)
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await client.views_push(trigger_id=workspace.leases.issue_trigger("U1"), view=view)
    bad = modal(section("x"), title="x" * 25)
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await client.views_open(trigger_id=workspace.leases.issue_trigger("U1"), view=bad)


async def test_a_snapshot_shows_what_one_person_sees(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    before = workspace.version
    await client.chat_postEphemeral(channel="C1", user="U1", text="psst")
    await client.chat_postMessage(channel="U2", text="for the other")
    await client.chat_postMessage(channel="C1", text="for all")
    mine = workspace.snapshot("U1")
    assert mine["version"] > before
    assert [one["text"] for one in mine["ephemerals"]] == ["psst"]
    assert [one["name"] for one in mine["channels"]] == ["support_escalations"]
    assert mine["channels"][0]["messages"][0]["text"] == "for all"
    assert workspace.snapshot("U2")["ephemerals"] == []


async def test_waiting_in_vain_tells_what_is_there(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    await client.chat_postMessage(channel="C1", text="all there is")
    with pytest.raises(AssertionError, match="all there is"):
        await workspace.wait_for(lambda: workspace.ephemerals[0], timeout=0.01)
