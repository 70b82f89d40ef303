"""What bot and platforms say to each other is recorded: in order, whole, and without a secret."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.local.gitlab import GitLab
from slackbot.local.gitlab import serve as serve_gitlab
from slackbot.local.pagerduty import PagerDuty
from slackbot.local.pagerduty import serve as serve_pagerduty
from slackbot.local.slack import Workspace
from slackbot.local.slack import serve as serve_slack
from slackbot.local.traffic import HIDDEN, KEPT, Exchange, Traffic, clean
from tests.local.slack.builders import actions, button, client_of, modal, over_http, section

NOW = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.fixture
def traffic() -> Traffic:
    return Traffic(clock)


@pytest.fixture
async def slack(traffic: Traffic) -> AsyncIterator[Workspace]:
    workspace = Workspace(clock=clock)
    workspace.traffic = traffic
    workspace.add_user("U1", "avery")
    workspace.add_channel("escalations", id="C1", members=["U1"])
    workspace.unfurl_domains = {"gitlab.example"}
    async with serve_slack(workspace):
        yield workspace


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as shared:
        yield shared


@pytest.fixture
def client(slack: Workspace, session: aiohttp.ClientSession) -> AsyncWebClient:
    return client_of(slack, session)


def last(traffic: Traffic) -> Exchange:
    return traffic.after(0)[-1]


def titles(traffic: Traffic) -> list[str]:
    return [each.title for each in traffic.after(0)]


async def test_a_call_is_recorded_with_its_answer_and_the_rule_it_kept(
    slack: Workspace, client: AsyncWebClient, traffic: Traffic
) -> None:
    posted = await client.chat_postMessage(
        channel="C1", text="Hello", metadata={"event_type": "card", "event_payload": {"n": 1}}
    )
    found = last(traffic)
    assert (found.id, found.sender, found.receiver) == (1, "bot", "Slack")
    assert (found.title, found.status, found.ok, found.at) == ("chat.postMessage", 200, True, NOW)
    assert found.request["metadata"]["event_payload"] == {"n": 1}
    assert found.response["ts"] == posted["ts"]
    assert found.rule is not None
    assert found.rule.kept
    assert found.rule.source.startswith("https://docs.slack.dev/")


async def test_a_refusal_names_the_rule_that_was_broken(
    slack: Workspace, client: AsyncWebClient, traffic: Traffic
) -> None:
    await client.api_call(
        "chat.postMessage", json={"channel": "C1", "blocks": [{"type": "divider"}]}
    )
    rule = last(traffic).rule
    assert rule is not None
    assert not rule.kept
    assert "without a text" in rule.words
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel="C1", text="x", blocks=[{"type": "no such"}])
    found = last(traffic)
    assert found.rule is not None
    assert (found.ok, found.rule.kept) == (False, False)
    assert "invalid_blocks" in found.rule.words


async def test_what_the_world_is_like_breaks_no_rule(
    slack: Workspace, client: AsyncWebClient, traffic: Traffic
) -> None:
    with pytest.raises(SlackApiError):
        await client.chat_update(channel="C1", ts="1.000001", text="x")
    found = last(traffic)
    assert (found.ok, found.response["error"]) == (False, "message_not_found")
    assert found.rule is None or found.rule.kept


async def test_lost_calls_are_recorded_as_lost(
    slack: Workspace, client: AsyncWebClient, traffic: Traffic
) -> None:
    slack.faults.add("chat.postMessage", when="after", drop=True)
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="C1", text="Hello")
    found = last(traffic)
    assert (found.status, found.ok, found.rule) == (None, False, None)
    assert found.response == "The connection was lost without an answer."
    slack.down(503)
    with pytest.raises(SlackApiError):
        await client.auth_test()
    assert (last(traffic).status, last(traffic).ok, last(traffic).rule) == (503, False, None)


async def test_what_is_sent_to_the_bot_is_recorded_by_its_name(
    slack: Workspace, app: AsyncApp, traffic: Traffic
) -> None:
    answered = {"trigger": ""}

    @app.action("claim")
    async def claim(ack, body, client, respond) -> None:  # type: ignore[no-untyped-def]
        answered["trigger"] = body["trigger_id"]
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal(section("Hi")))
        await respond(text="Done")

    @app.view("contact")
    async def submitted(ack) -> None:  # type: ignore[no-untyped-def]
        await ack({"response_action": "clear"})

    @app.command("/ssat")
    async def command(ack) -> None:  # type: ignore[no-untyped-def]
        await ack("Here")

    @app.event("link_shared")
    async def shared() -> None:
        pass

    message = slack.post(
        slack.channel("C1"), slack.bot_user_id, "x", blocks=[actions(button("Claim", "claim"))]
    )
    async with over_http(app, slack):
        assert (await slack.click("U1", message, "Claim")).ok
        await slack.wait_for(lambda: "response_url" in titles(traffic))
        assert (await slack.submit("U1")).ok
        assert (await slack.command("U1", "/ssat", "mine", "C1")).ok
        await slack.share_link("U1", "C1", "see https://gitlab.example/g/p/-/issues/7")
    named = [each for each in traffic.after(0) if each.sender == "Slack"]
    assert [each.title for each in named] == [
        "block_actions claim",
        "view_submission contact",
        "/ssat mine",
        "event link_shared",
    ]
    assert {"views.open", "response_url"} <= set(titles(traffic))
    assert all(each.ok and each.receiver == "bot" for each in named)
    assert named[1].response == {"response_action": "clear"}
    record = json.dumps([each.to_json() for each in traffic.after(0)])
    tokens = [*slack.leases.response_urls, answered["trigger"], "verification_token"]
    secrets = [slack.bot_token, slack.app_token, slack.signing_secret, *tokens]
    assert [each for each in secrets if each in record] == []


@pytest.fixture
def app(slack: Workspace, client: AsyncWebClient) -> AsyncApp:
    return AsyncApp(client=client, signing_secret=slack.signing_secret)


async def test_the_right_to_open_a_websocket_is_not_recorded(
    slack: Workspace, client: AsyncWebClient, traffic: Traffic
) -> None:
    opened = await client.apps_connections_open(app_token=slack.app_token)
    ticket = opened["url"].partition("ticket=")[2].partition("&")[0]
    [found] = traffic.after(0)
    assert ticket in slack.leases.tickets
    assert f"ticket={HIDDEN}&" in found.response["url"]
    assert ticket not in str(found)


async def test_what_does_not_reach_the_bot_is_recorded(slack: Workspace, traffic: Traffic) -> None:
    await slack.open_home("U1")
    found = last(traffic)
    assert (found.title, found.status, found.ok) == ("event app_home_opened", None, False)
    assert found.response.startswith("Not delivered: ")


async def test_an_answer_other_than_200_breaks_a_rule(slack: Workspace, traffic: Traffic) -> None:
    async def failing(_: web.Request) -> web.Response:
        return web.Response(status=500, text="oops")

    application = web.Application()
    application.router.add_post("/", failing)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await slack.open_home("U1")
    await runner.cleanup()
    found = last(traffic)
    assert (found.status, found.response) == (500, "oops")
    assert found.rule is not None
    assert not found.rule.kept


async def test_an_upload_is_recorded_without_its_bytes_and_its_address(
    slack: Workspace, client: AsyncWebClient, traffic: Traffic
) -> None:
    await client.files_upload_v2(channel="C1", filename="a.csv", content="a,b")
    assert titles(traffic) == [
        "files.getUploadURLExternal",
        "upload",
        "files.completeUploadExternal",
    ]
    asked, sent, _ = traffic.after(0)
    assert asked.response["upload_url"] == HIDDEN
    assert (sent.request, sent.status, sent.ok) == ("3 bytes", 200, True)


async def test_requests_to_gitlab_and_its_hooks_are_recorded(
    traffic: Traffic, session: aiohttp.ClientSession
) -> None:
    gitlab = GitLab(clock=clock)
    gitlab.traffic = traffic
    project = gitlab.add_project("g/p", id=7)
    bot = gitlab.add_user("bot", "Bot", bot=True)
    gitlab.add_member(project, bot, 20)
    gitlab.add_label(project, "known")
    issue = gitlab.open_issue(project, author=bot, title="A")
    async with serve_gitlab(gitlab) as url:
        token = gitlab.add_token(bot)
        headers = {"PRIVATE-TOKEN": token}
        path = f"{url}/api/v4/projects/7/issues/{issue.iid}"
        await session.put(path, headers=headers, json={"add_labels": "known"})
        found = last(traffic)
        assert (found.title, found.status, found.ok) == ("PUT /projects/7/issues/1", 200, True)
        assert found.request == {"add_labels": "known"}
        assert found.response["labels"] == ["known"]
        await session.put(path, headers=headers, json={"labels": "known"})
        assert last(traffic).rule is not None
        assert not last(traffic).rule.kept  # type: ignore[union-attr]
        await session.get(path)
        found = last(traffic)
        assert (found.status, found.ok) == (401, False)
        assert not found.rule.kept  # type: ignore[union-attr]
        gitlab.down()
        await session.get(path, headers=headers)
        assert (last(traffic).status, last(traffic).rule) == (502, None)
        gitlab.up()
        gitlab.faults.add(drop=True, times=2)  # the client tries a PUT twice
        with pytest.raises(aiohttp.ClientError):
            await session.put(path, headers=headers, json={"title": "B"})
        found = last(traffic)
        assert (found.status, found.ok, found.request) == (None, False, {"title": "B"})
        await session.get(f"{url}/api/v4/projects/7", headers=headers, params={"license": "true"})
        assert last(traffic).request == {"license": "true"}

        hook = gitlab.add_hook(project, "http://127.0.0.1:9/", token="hook-secret")  # nobody there
        gitlab.close(issue, by=bot)
        await gitlab.hooks_settled()
        found = last(traffic)
        assert (found.sender, found.title, found.status) == ("GitLab", "Issue Hook", None)
        assert found.response.startswith("Not delivered: ")
        hook.lose = True
        gitlab.reopen(issue, by=bot)
        await gitlab.hooks_settled()
        assert last(traffic).response == "Not sent: this hook was lost."
    record = json.dumps([each.to_json() for each in traffic.after(0)])
    assert token not in record
    assert "hook-secret" not in record


async def test_requests_to_pagerduty_are_recorded(
    traffic: Traffic, session: aiohttp.ClientSession
) -> None:
    account = PagerDuty(clock=clock)
    account.traffic = traffic
    account.add_schedule("PSCHED", account.add_user("Avery", "avery@example.com"))
    headers = {
        "Authorization": f"Token token={account.token}",
        "Accept": "application/vnd.pagerduty+json;version=2",
    }
    async with serve_pagerduty(account) as url:
        await session.get(f"{url}/schedules/PSCHED", headers=headers)
        found = last(traffic)
        assert (found.receiver, found.title) == ("PagerDuty", "GET /schedules/PSCHED")
        assert found.response["schedule"]["id"] == "PSCHED"
        await session.get(f"{url}/schedules/PSCHED")
        assert last(traffic).status == 401
        assert not last(traffic).rule.kept  # type: ignore[union-attr]
        account.status = 503
        await session.get(f"{url}/schedules/PSCHED", headers=headers)
        assert (last(traffic).status, last(traffic).rule) == (503, None)
    assert account.token not in json.dumps([each.to_json() for each in traffic.after(0)])


SECRETS = (
    r"xox[a-z]-[\w-]{4}|xapp-[\w-]{4}|glpat-[\w-]{4}|whsec_\w{4}",
    r"\b\d+\.\d+\.[0-9a-f]{32}\b",  # a trigger_id
    r"/response/\w",
    r"/upload/v1/\w",
    r"[?&]ticket=\w",
    r'"(?:trigger_id|response_url|upload_url)": (?!"\[hidden\]")',
)


async def test_the_record_holds_no_secret_wherever_one_stands(
    slack: Workspace, client: AsyncWebClient, app: AsyncApp, traffic: Traffic
) -> None:
    @app.command("/ssat")
    async def command(ack, body, respond) -> None:  # type: ignore[no-untyped-def]
        await ack(f"{body['trigger_id']} {body['response_url']}")
        await client.views_open(trigger_id=body["trigger_id"], view=modal(section("Hi")))
        with pytest.raises(SlackApiError):
            await client.views_push(trigger_id=body["trigger_id"], view=modal(section("Hi")))
        await respond(text=f"{body['trigger_id']} {body['response_url']} {slack.bot_token}")

    async with over_http(app, slack):
        assert (await slack.command("U1", "/ssat", "", "C1")).ok
        await slack.wait_for(lambda: "response_url" in titles(traffic))
    await client.files_upload_v2(channel="C1", filename="a.csv", content="a,b")
    opened = await client.apps_connections_open(app_token=slack.app_token)
    await client.chat_postMessage(channel="C1", text=f"see {opened['url']}, {slack.app_token}")
    record = json.dumps([each.to_json() for each in traffic.after(0)])
    assert {each: re.findall(each, record) for each in SECRETS} == {each: [] for each in SECRETS}
    assert record.count(HIDDEN) > 8


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"trigger_id": "12.34.ab"}, {"trigger_id": HIDDEN}),
        ({"view": [{"response_url": "http://a/b"}]}, {"view": [{"response_url": HIDDEN}]}),
        ({"upload_url": "http://a/b"}, {"upload_url": HIDDEN}),
        ({"trigger_id": ""}, {"trigger_id": ""}),
        ({"token": "x", "a": 1}, {"a": 1}),
        (f"by 1.23.{'0a' * 16}.", f"by {HIDDEN}."),
        ("at 1769785200.000100 and 1.2.3", "at 1769785200.000100 and 1.2.3"),
        ("http://a/response/a-_b?c", f"http://a/response/{HIDDEN}?c"),
        ("http://a/upload/v1/a-_b", f"http://a/upload/v1/{HIDDEN}"),
        ("ws://a/socket?ticket=a-_b&c=d", f"ws://a/socket?ticket={HIDDEN}&c=d"),
        ("ws://a/socket?c=d&ticket=ab", f"ws://a/socket?c=d&ticket={HIDDEN}"),
        ("https://a.example/tickets/7?ticket_form=8", "https://a.example/tickets/7?ticket_form=8"),
        ("xoxe.xoxp-1-ab xapp-1 glpat-a_b whsec_a+/=", f"xoxe.{' '.join([HIDDEN] * 4)}"),
    ],
)
def test_a_secret_is_hidden_by_its_name_or_its_looks(said: object, shown: object) -> None:
    assert clean(said) == shown


def add(traffic: Traffic) -> Exchange:
    return traffic.add(
        traffic.begin(),
        sender="bot",
        receiver="Slack",
        title="auth.test",
        status=200,
        ok=True,
        request={},
        response={},
    )


def test_only_the_latest_are_remembered_and_their_ids_go_on(traffic: Traffic) -> None:
    for _ in range(KEPT + 3):
        add(traffic)
    assert traffic.count == KEPT + 3
    assert next(each.id for each in traffic.after(0)) == 4
    assert [each.id for each in traffic.after(KEPT + 1)] == [KEPT + 2, KEPT + 3]
    traffic.forget("GitLab")
    assert traffic.after(0)
    traffic.forget("Slack")
    assert (traffic.after(0), add(traffic).id) == ([], KEPT + 4)


def test_what_was_recorded_stays_as_it_was() -> None:
    blocks = [{"type": "divider"}]
    shown = clean({"blocks": blocks})
    blocks.append({"type": "header"})
    assert shown == {"blocks": [{"type": "divider"}]}


def test_what_is_very_long_is_shown_in_part() -> None:
    shown = clean({"text": "x" * 20_000, "list": list(range(150))})
    assert shown["text"].endswith("… (20000 characters)")
    assert shown["list"][-1] == "… and 50 more"
