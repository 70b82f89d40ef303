import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.local.slack import Channel, Workspace
from tests.local.slack.builders import (
    actions,
    button,
    modal,
    option,
    over_http,
    plain,
    section,
    text_input,
)


@pytest.fixture
async def bot(app: AsyncApp, workspace: Workspace) -> AsyncIterator[list[Any]]:
    """A small bot that writes down what it hears."""
    heard: list[Any] = []
    _listen_to_messages(app, heard)
    _listen_to_views(app, heard)
    async with over_http(app, workspace):
        yield heard


def _listen_to_messages(app: AsyncApp, heard: list[Any]) -> None:
    @app.action("claim")
    async def claim(ack: Any, body: Any, client: AsyncWebClient) -> None:
        await ack()
        heard.append(body)
        place = body["container"]
        await client.chat_update(
            channel=place["channel_id"], ts=place["message_ts"], text="claimed"
        )

    @app.action("whisper")
    async def whisper(ack: Any, respond: Any) -> None:
        await ack()
        await respond(text="only for you", blocks=[actions(button("Dismiss", "dismiss"))])

    @app.action("dismiss")
    async def dismiss(ack: Any, respond: Any) -> None:
        await ack()
        await respond(delete_original=True)

    @app.action("label")
    async def label(ack: Any, body: Any) -> None:
        await ack()
        heard.append(body)

    @app.options("people")
    async def people(ack: Any, payload: Any) -> None:
        await ack(options=[option(f"Person {payload['value']}", payload["value"])])

    @app.action("people")
    async def chosen(ack: Any, body: Any) -> None:
        await ack()
        heard.append(body)

    @app.command("/ssat")
    async def ssat(ack: Any, body: Any) -> None:
        heard.append(body)
        await ack(f"you said {body['text']}")


def _listen_to_views(app: AsyncApp, heard: list[Any]) -> None:
    @app.action("note")
    async def note(ack: Any, body: Any, client: AsyncWebClient) -> None:
        await ack()
        view = modal(
            text_input("Note", "note", multiline=True, max_length=200),
            section("mood", block_id="mood"),
            notify_on_close=True,
        )
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @app.view("contact")
    async def submitted(ack: Any, view: Any, body: Any) -> None:
        heard.append(body)
        value = view["state"]["values"]["note"]["text"]["value"]
        if value == "bad":
            await ack(response_action="errors", errors={"note": "Say more."})
        elif value == "next":
            await ack(response_action="push", view=modal(text_input("More", "more"), title="More"))
        elif value == "again":
            await ack(response_action="update", view=modal(text_input("Note", "note"), title="2"))
        elif value == "all":
            await ack(response_action="clear")
        else:
            await ack()

    @app.view_closed("contact")
    async def closed(ack: Any, body: Any) -> None:
        await ack()
        heard.append(body)

    @app.event("app_home_opened")
    async def home(event: Any, client: AsyncWebClient, body: Any) -> None:
        heard.append(body)
        view = {"type": "home", "blocks": [actions(button("Claim", "label"))]}
        await client.views_publish(user_id=event["user"], view=view)


async def card(client: AsyncWebClient, *elements: dict[str, Any]) -> None:
    await client.chat_postMessage(channel="C1", text="a card", blocks=[actions(*elements)])


async def test_a_click_reaches_the_bot_and_its_update_shows(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    await card(client, button("Claim", "claim", value="7"))
    outcome = await workspace.click("U1", channel.messages[0], "Claim")
    assert outcome.ok
    await workspace.wait_for(lambda: channel.messages[0].text == "claimed")
    assert channel.messages[0].blocks == []  # text without blocks deletes them
    body = bot[0]
    assert body["user"] == {
        "id": "U1",
        "username": "avery",
        "name": "avery",
        "team_id": workspace.team_id,
    }
    assert body["actions"][0]["value"] == "7"
    assert body["channel"] == {"id": "C1", "name": "support_escalations"}
    assert body["message"]["ts"] == channel.messages[0].ts
    assert workspace.refusals == []


async def test_a_button_that_is_not_there_fails_with_those_that_are(
    workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    await card(client, button("Claim", "claim"), button("Release", "release"))
    with pytest.raises(AssertionError, match=r"no button 'Take over'.*'Claim', 'Release'"):
        await workspace.click("U1", channel.messages[0], "Take over")


async def test_what_is_no_button_is_clicked_in_a_menu(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    await card(client, MENU, button("Open ticket", "claim"))
    await workspace.click("U1", channel.messages[0], "Withdraw")
    await workspace.click("U1", channel.messages[0], "Open ticket")
    assert bot[0]["actions"][0]["selected_option"]["value"] == "w"
    assert bot[1]["actions"][0]["action_id"] == "claim"  # a button goes first


async def test_one_of_several_buttons_is_picked_by_what_its_block_says(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    rows = [section(f"issue {n}", accessory=button("Claim", "label", value=f"{n}")) for n in (1, 2)]
    await client.chat_postMessage(channel="C1", text="a queue", blocks=rows)
    message = workspace.message(channel, channel.messages[0].ts)
    await workspace.click("U1", message, "Claim", within="issue 2")
    assert bot[0]["actions"][0]["value"] == "2"


async def test_a_cancelled_dialog_sends_nothing(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    confirm = {"title": plain("Sure?"), "text": plain("It closes the issue.")}
    await card(client, button("Claim", "claim", confirm=confirm))
    outcome = await workspace.click("U1", channel.messages[0], "Claim", confirm=False)
    assert not outcome.sent
    assert bot == []


async def test_an_ephemeral_is_seen_by_one_person_and_can_be_dismissed(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    await card(client, button("Why?", "whisper"))
    await workspace.click("U1", channel.messages[0], "Why?")
    seen = await workspace.wait_for(lambda: workspace.ephemerals[0])
    assert (seen.user, seen.text, len(channel.messages)) == ("U1", "only for you", 1)
    with pytest.raises(AssertionError, match="only U1 sees"):
        await workspace.click("U2", seen, "Dismiss")
    await workspace.click("U1", seen, "Dismiss")
    await workspace.wait_for(lambda: workspace.ephemerals == [])
    assert workspace.refusals == []


async def test_a_choice_carries_the_option_and_the_state(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    select = {
        "type": "static_select",
        "action_id": "label",
        "placeholder": plain("Feedback label"),
        "options": [option("Slow", "slow"), option("Wrong", "wrong")],
    }
    await card(client, select)
    await workspace.choose("U1", channel.messages[0], "Feedback label", "Wrong")
    (body,) = bot
    assert body["actions"][0]["selected_option"]["value"] == "wrong"
    chosen = body["state"]["values"]["actions"]["label"]
    assert chosen == {"type": "static_select", "selected_option": option("Wrong", "wrong")}
    with pytest.raises(AssertionError, match="there are \\['Slow', 'Wrong'\\]"):
        await workspace.choose("U1", channel.messages[0], "Feedback label", "Right")


async def test_an_external_select_asks_the_bot_for_its_options(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    select = {"type": "external_select", "action_id": "people", "placeholder": plain("Who?")}
    await card(client, select)
    offered = await workspace.suggestions("U1", channel.messages[0], "Who?", "bl")
    assert [one["value"] for one in offered] == ["bl"]
    await workspace.choose("U1", channel.messages[0], "Who?", "Person blake")
    assert bot[0]["actions"][0]["selected_option"]["text"]["text"] == "Person Person blake"


LEAVE = option("Open ticket", "t") | {"url": "https://example.com/tickets/1"}
MENU = {"type": "overflow", "action_id": "label", "options": [option("Withdraw", "w"), LEAVE]}
CONFIRM = {
    "title": plain("Sure?"),
    "text": plain("It is written down."),
    "confirm": plain("Yes"),
    "deny": plain("No"),
}


async def test_an_overflow_is_chosen_from(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    await card(client, MENU)
    await workspace.choose("U1", channel.messages[0], "label", "Withdraw")
    # A person who follows a link of a menu tells the bot, too.
    await workspace.choose("U1", channel.messages[0], "label", "Open ticket")
    chosen = [body["actions"][0] for body in bot]
    assert [each["selected_option"]["value"] for each in chosen] == ["w", "t"]
    assert all(each.keys().isdisjoint({"value", "options", "confirm"}) for each in chosen)
    assert bot[-1]["state"]["values"] == {}  # a menu keeps nothing
    with pytest.raises(AssertionError, match="there are \\['Withdraw', 'Open ticket'\\]"):
        await workspace.choose("U1", channel.messages[0], "label", "Delete")


async def test_nobody_chooses_from_what_only_another_person_sees(
    bot: list[Any], workspace: Workspace, channel: Channel
) -> None:
    seen = workspace.whisper(channel, "U1", "only for you", [actions(MENU)])
    with pytest.raises(AssertionError, match="only U1 sees"):
        await workspace.choose("U2", seen, "label", "Withdraw")
    assert (await workspace.choose("U1", seen, "label", "Withdraw")).ok
    assert len(bot) == 1


async def test_what_is_canceled_in_a_dialog_is_neither_sent_nor_chosen(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    select = {
        "type": "static_select",
        "action_id": "people",
        "placeholder": plain("Feedback label"),
        "options": [option("Slow", "slow")],
        "confirm": CONFIRM,
    }
    await card(client, select, MENU | {"confirm": CONFIRM})
    for element, choice in (("Feedback label", "Slow"), ("label", "Withdraw")):
        message = channel.messages[0]
        outcome = await workspace.choose("U1", message, element, choice, confirm=False)
        assert (outcome.sent, outcome.error) == (False, "cancelled")
    assert bot == []
    await workspace.choose("U1", channel.messages[0], "label", "Withdraw")
    assert bot[0]["state"]["values"]["actions"]["people"]["selected_option"] is None
    assert (await workspace.choose("U1", channel.messages[0], "Feedback label", "Slow")).ok
    assert bot[1]["actions"][0]["selected_option"]["value"] == "slow"


@pytest.fixture
async def opened(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> list[Any]:
    """A modal that the first manager has open."""
    await card(client, button("Note", "note"))
    await workspace.click("U1", channel.messages[0], "Note")
    await workspace.wait_for(lambda: workspace.views["U1"])
    return bot


async def test_a_submission_carries_what_was_entered_and_closes_the_modal(
    opened: list[Any], workspace: Workspace
) -> None:
    outcome = await workspace.submit("U1", {"Note": "called them"})
    assert outcome.ok
    assert workspace.views["U1"] == []
    values = opened[0]["view"]["state"]["values"]
    assert values == {"note": {"text": {"type": "plain_text_input", "value": "called them"}}}
    assert opened[0]["response_urls"] == []
    assert workspace.refusals == []


async def test_an_empty_required_input_is_not_sent(opened: list[Any], workspace: Workspace) -> None:
    with pytest.raises(AssertionError, match="required field"):
        await workspace.submit("U1", {})
    with pytest.raises(AssertionError, match="at most 200"):
        await workspace.submit("U1", {"note": "x" * 201})
    assert opened == []


async def test_errors_stay_on_the_modal_until_it_is_right(
    opened: list[Any], workspace: Workspace
) -> None:
    outcome = await workspace.submit("U1", {"Note": "bad"})
    assert outcome.errors == {"note": "Say more."}
    assert workspace.open_view("U1").errors == {"note": "Say more."}
    assert (await workspace.submit("U1", {"Note": "good"})).ok
    assert workspace.views["U1"] == []


async def test_a_submission_can_push_update_and_clear(
    opened: list[Any], workspace: Workspace
) -> None:
    await workspace.submit("U1", {"Note": "again"})
    assert workspace.open_view("U1").title == "2"
    await workspace.submit("U1", {"Note": "next"})
    assert [view.title for view in workspace.views["U1"]] == ["2", "More"]
    assert workspace.open_view("U1").previous_view_id == workspace.views["U1"][0].id
    await workspace.close_view("U1")
    await workspace.submit("U1", {"Note": "all"})
    assert workspace.views["U1"] == []
    assert workspace.refusals == []


async def test_the_bot_hears_of_a_closed_modal_where_it_asked_to(
    opened: list[Any], workspace: Workspace
) -> None:
    outcome = await workspace.close_view("U1")
    assert outcome is not None
    assert outcome.ok
    assert opened[0]["type"] == "view_closed"


async def test_a_command_is_answered_to_its_sender_alone(
    bot: list[Any], workspace: Workspace, channel: Channel
) -> None:
    outcome = await workspace.command("U1", "/ssat", "mine", channel)
    assert outcome.ok
    assert [(one.user, one.text) for one in workspace.ephemerals] == [("U1", "you said mine")]
    assert bot[0]["channel_name"] == "support_escalations"


async def test_the_home_tab_is_published_when_opened(bot: list[Any], workspace: Workspace) -> None:
    await workspace.open_home("U1")
    await workspace.wait_for(lambda: workspace.homes.get("U1"))
    await workspace.click_in_home("U1", "Claim")
    await workspace.wait_for(lambda: len(bot) == 2)
    assert bot[1]["view"]["type"] == "home"
    assert "channel" not in bot[1]
    await workspace.open_home("U1")
    await workspace.wait_for(lambda: len(bot) == 3)
    assert bot[2]["event"]["view"]["id"] == workspace.homes["U1"].id


async def test_a_replay_is_the_very_same_payload(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    outcome = await workspace.send_event({"type": "app_home_opened", "user": "U1", "tab": "home"})
    again = await workspace.replay(outcome, retry_num=1)
    await workspace.wait_for(lambda: len(bot) == 2)
    assert again.ok
    assert bot[0]["event_id"] == bot[1]["event_id"]


async def test_a_person_of_another_workspace_carries_their_team(
    bot: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    workspace.add_user("U9", "devon", team_id="T0OTHER")
    await card(client, button("Claim", "claim"))
    await workspace.click("U9", channel.messages[0], "Claim")
    assert bot[0]["team"] == {"id": "T0OTHER", "domain": "other-side"}
    assert bot[0]["user"]["team_id"] == "T0OTHER"


async def test_a_listener_that_does_not_ack_is_recorded(
    app: AsyncApp, workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    released = asyncio.Event()

    @app.action("stuck")
    async def stuck(ack: Any) -> None:
        await released.wait()

    async with over_http(app, workspace):
        workspace.transport.ack_seconds = 0.1
        await card(client, button("Stuck", "stuck"))
        outcome = await workspace.click("U1", channel.messages[0], "Stuck")
        released.set()
    assert outcome.status is None
    assert workspace.refusals == ["block_actions stuck: no ack within 0.1 s"]


async def test_a_bot_that_is_not_there_hears_nothing(
    workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    workspace.request_url = "http://127.0.0.1:1/slack/events"
    await card(client, button("Claim", "claim"))
    outcome = await workspace.click("U1", channel.messages[0], "Claim")
    assert not outcome.ok
    assert "not delivered" in str(outcome.error)
    assert workspace.refusals == []


async def test_a_trigger_works_once(
    opened: list[Any], workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    used = next(iter(workspace.leases.triggers))
    with pytest.raises(Exception, match="exchanged_trigger_id"):
        await client.views_open(trigger_id=used, view=modal(text_input("A", "a")))
    workspace.leases.trigger_seconds = -1
    late = workspace.leases.issue_trigger("U1")
    with pytest.raises(Exception, match="expired_trigger_id"):
        await client.views_open(trigger_id=late, view=modal(text_input("A", "a")))
    assert len(workspace.refusals) == 2


async def test_a_response_url_works_five_times(
    app: AsyncApp, workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    @app.action("many")
    async def many(ack: Any, respond: Any) -> None:
        await ack()
        for number in range(6):
            await respond(text=f"answer {number}", response_type="in_channel")

    async with over_http(app, workspace):
        await card(client, button("Many", "many"))
        await workspace.click("U1", channel.messages[0], "Many")
        await workspace.wait_for(lambda: workspace.refusals)
    assert [one.text for one in channel.messages[1:]] == [f"answer {n}" for n in range(5)]
    assert workspace.refusals == ["response_url: used_url"]


async def test_a_person_dismisses_what_only_they_see(
    workspace: Workspace, channel: Channel
) -> None:
    mine, other = (workspace.whisper(channel, "U1", text) for text in ("mine", "other"))
    theirs = workspace.whisper(channel, "U2", "theirs")
    before = workspace.version
    workspace.dismiss("U1", mine.ts)
    assert workspace.ephemerals == [other, theirs]
    assert workspace.version > before
    workspace.dismiss("U1", mine.ts)  # which is gone
    workspace.dismiss("U1", theirs.ts)  # which they don't see
    assert workspace.ephemerals == [other, theirs]
