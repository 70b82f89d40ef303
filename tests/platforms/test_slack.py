"""Slack's Web API through the real client: at Slack's pace, and with errors by remedy."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.app import connect
from slackbot.local.slack import Channel, serve
from slackbot.local.slack import Workspace as Slack
from slackbot.local.slack.calls import METHODS
from slackbot.local.slack.rates import TIERS
from slackbot.platforms.errors import (
    Denied,
    Platform,
    PlatformError,
    Rejected,
    Throttled,
    Unreachable,
    Unsettled,
)
from slackbot.platforms.pace import Allowance
from slackbot.platforms.slack import api as module
from slackbot.platforms.slack.api import PACES
from slackbot.platforms.slack.client import REQUIRED_SCOPES, SlackClient, UserGroup
from slackbot.rules.away import Status
from slackbot.settings import Settings
from tests.conftest import MovableClock

UNPACED: dict[str, Allowance] = {}
LOOKUP_SECONDS = 6
"""More than a look-up may wait for its turn, with some room for a busy machine."""
EVENT = "ssat_card"


@pytest.fixture
async def slack(clock: MovableClock) -> AsyncIterator[Slack]:
    slack = Slack(clock=clock)
    slack.rates.enforce(False)
    slack.add_user("U1", "avery", real_name="Avery Example", email="avery@example.com")
    slack.add_channel("support_escalations", id="C1", members=["U1"])
    async with serve(slack):
        yield slack


@pytest.fixture
def channel(slack: Slack) -> Channel:
    return slack.channel("#support_escalations")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as shared:
        yield shared


@pytest.fixture
def client(slack: Slack, session: aiohttp.ClientSession) -> AsyncWebClient:
    return AsyncWebClient(
        token=slack.bot_token,
        base_url=f"{slack.base_url}/api/",
        session=session,
        retry_handlers=[],
    )


@pytest.fixture
def workspace(client: AsyncWebClient) -> SlackClient:
    return SlackClient(client, UNPACED)


# The pace


async def test_each_method_has_a_pace_of_its_own(slack: Slack, client: AsyncWebClient) -> None:
    workspace = SlackClient(client, {"chat.postMessage": Allowance(per_second=0.001, burst=1)})
    posted = await workspace.call("chat.postMessage", channel="C1", text="one")
    with pytest.raises(Throttled):
        await workspace.call("chat.postMessage", channel="C1", text="two")
    await workspace.call("chat.update", channel="C1", ts=posted["ts"], text="one, changed")
    assert [one.method for one in slack.requests] == ["chat.postMessage", "chat.update"]


async def test_two_calls_whose_turns_are_long_past_do_not_leave_together(
    slack: Slack, client: AsyncWebClient
) -> None:
    allowance = Allowance(per_second=10, burst=1)
    workspace = SlackClient(client, {"chat.postMessage": allowance})
    for _ in range(2):
        await workspace.turn("chat.postMessage")
    begun = time.monotonic()
    for text in ("one", "two"):
        await workspace.call_now("chat.postMessage", channel="C1", text=text)
    assert time.monotonic() - begun >= allowance.interval


async def test_a_throttled_method_is_not_called_again_before_its_time(
    slack: Slack, client: AsyncWebClient
) -> None:
    workspace = SlackClient(client, {"chat.postMessage": Allowance(per_second=1000, burst=1000)})
    slack.faults.add("chat.postMessage", status=429, headers={"Retry-After": "600"})
    for _ in range(3):
        with pytest.raises(Throttled) as caught:
            await workspace.call("chat.postMessage", channel="C1", text="one")
        assert 590 < caught.value.retry_after <= 600
    assert [one.status for one in slack.requests] == [429]
    await workspace.identity()


@pytest.mark.parametrize("method", sorted(PACES))
async def test_no_method_that_the_bot_calls_is_called_again_while_slack_asks_for_patience(
    slack: Slack, client: AsyncWebClient, method: str
) -> None:
    workspace = SlackClient(client)
    slack.faults.add(method, status=429, headers={"Retry-After": "600"}, times=3)
    for _ in range(3):
        with pytest.raises(Throttled) as caught:
            await workspace.call(method)
        assert 590 < caught.value.retry_after <= 600
    assert [one.method for one in slack.requests] == [method]


BULK = {"chat.postMessage", "chat.update", "conversations.history", "conversations.replies"}
BULK |= {"views.publish"}  # these have as much as Slack allows, and a burst besides


@pytest.mark.parametrize("method", sorted(PACES.keys() - BULK))
def test_a_minute_of_slack_has_room_for_a_minute_of_ours(method: str) -> None:
    allowance = PACES[method]
    assert allowance.burst + 60 * allowance.per_second <= TIERS[METHODS[method].tier]


async def test_many_lookups_at_once_meet_no_429_and_those_without_a_turn_learn_it_at_once(
    slack: Slack, client: AsyncWebClient
) -> None:
    slack.rates.enforce(True)
    workspace = SlackClient(client)
    begun = time.monotonic()
    found = await asyncio.gather(
        *(workspace.users.with_email("avery@example.com") for _ in range(60)),
        return_exceptions=True,
    )
    assert time.monotonic() - begun < LOOKUP_SECONDS
    turned_away = [each for each in found if isinstance(each, Throttled)]
    assert 20 <= found.count("U1") == 60 - len(turned_away) <= 50
    assert {one.status for one in slack.requests} == {200}
    # They have taken nobody's turn: it comes when it would have come without them.
    assert max(each.retry_after for each in turned_away) < LOOKUP_SECONDS


# Errors by remedy

HTML = "<html><body>502 Bad Gateway</body></html>"
AS_HTML = {"Content-Type": "text/html; charset=utf-8"}
AS_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
AS_JSON = {"Content-Type": "application/json"}


def asked_to_wait(seconds: float) -> Throttled:
    return Throttled(Platform.SLACK, seconds)


def rejected(code: str) -> Rejected:
    return Rejected(Platform.SLACK, code)


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        # Slack has not acted, and says when to come back,
        (
            {"status": 429, "headers": {"Retry-After": "7"}, "error": "ratelimited"},
            asked_to_wait(7),
        ),
        (
            {"status": 429, "headers": {"Retry-After": "0"}, "error": "ratelimited"},
            asked_to_wait(1),
        ),
        (
            {"status": 429, "headers": {"Retry-After": "7", **AS_HTML}, "body": HTML},
            asked_to_wait(7),
        ),
        (
            {"status": 429, "headers": {"Retry-After": "7", **AS_TEXT}, "body": "no"},
            asked_to_wait(7),
        ),
        (
            {"status": 429, "headers": {"Retry-After": "7", **AS_JSON}, "body": "{"},
            asked_to_wait(7),
        ),
        ({"status": 429}, asked_to_wait(1)),
        # in a form that some proxy may choose,
        (
            {
                "status": 429,
                "headers": {
                    "Retry-After": "Fri, 30 Jan 2026 15:00:07 GMT",
                    "Date": "Fri, 30 Jan 2026 15:00:00 GMT",
                },
            },
            asked_to_wait(7),
        ),
        ({"status": 429, "headers": {"Retry-After": "soon"}}, asked_to_wait(1)),
        ({"status": 429, "headers": {"Retry-After": "1795892217"}}, asked_to_wait(3600)),
        # or without the status;
        ({"error": "ratelimited"}, asked_to_wait(30)),
        # it may have acted,
        ({"status": 500, "body": {"ok": False, "error": "internal_error"}}, Unreachable),
        ({"status": 500}, Unreachable),
        ({"status": 502, "headers": AS_HTML, "body": HTML}, Unreachable),
        ({"status": 503, "headers": AS_TEXT, "body": "upstream"}, Unreachable),
        ({"status": 503, "headers": AS_JSON, "body": "{"}, Unreachable),
        ({"status": 503, "error": "channel_not_found"}, Unreachable),
        ({"headers": AS_HTML, "body": HTML}, Unreachable),
        ({"headers": AS_TEXT, "body": "ok"}, Unreachable),
        ({"headers": AS_JSON, "body": "{"}, Unreachable),
        ({"body": {"ok": False}}, Unreachable),
        ({"error": "fatal_error"}, Unreachable),
        ({"error": "service_unavailable"}, Unreachable),
        ({"error": "request_timeout"}, Unreachable),
        ({"drop": True}, Unreachable),
        # an administrator has to mend something,
        ({"error": "token_revoked"}, Denied),
        ({"error": "invalid_auth"}, Denied),
        ({"error": "account_inactive"}, Denied),
        ({"error": "not_in_channel"}, Denied),
        ({"error": "channel_not_found"}, Denied),
        ({"error": "is_archived"}, Denied),
        # or it will never do, in a word that this bot need not know.
        ({"error": "message_not_found"}, rejected("message_not_found")),
        ({"error": "a_word_of_2031"}, rejected("a_word_of_2031")),
    ],
)
async def test_every_trouble_is_named_by_its_remedy(
    slack: Slack, workspace: SlackClient, trouble: dict[str, Any], expected: Any
) -> None:
    kind = expected if isinstance(expected, type) else type(expected)
    slack.faults.add("chat.postMessage", **trouble)
    slack.faults.add("users.info", **trouble)
    with pytest.raises(PlatformError) as writing:
        await workspace.call("chat.postMessage", channel="C1", text="x")
    with pytest.raises(PlatformError) as reading:
        await workspace.users.member("U1")
    for error in (writing.value, reading.value):
        assert type(error) is kind
        if isinstance(expected, PlatformError):
            assert vars(error) == vars(expected)
    assert len(slack.requests) == 2, "nothing is tried again behind the caller's back"


async def test_a_post_whose_answer_is_lost_is_doubtful_and_not_repeated(
    slack: Slack, workspace: SlackClient, channel: Channel
) -> None:
    slack.faults.add("chat.postMessage", drop=True, when="after")
    with pytest.raises(Unreachable):
        await workspace.call("chat.postMessage", channel="C1", text="one card")
    assert [one.text for one in channel.messages] == ["one card"]


async def test_a_missing_scope_is_named(slack: Slack, workspace: SlackClient) -> None:
    slack.scopes.remove("chat:write")
    with pytest.raises(Denied) as caught:
        await workspace.call("chat.postMessage", channel="C1", text="x")
    assert caught.value.code == "missing_scope"
    assert "chat:write" in str(caught.value)
    assert "manifest" in caught.value.remedy


async def test_a_call_that_hangs_is_given_up_by_the_clients_that_the_bot_has(
    slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.2)
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        slack_bot_token=SecretStr(slack.bot_token),
        slack_signing_secret=SecretStr(slack.signing_secret),
        slack_api_url=f"{slack.base_url}/api/",
        gitlab_token=SecretStr("glpat-unused"),
    )
    async with connect(settings) as clients:
        workspace = clients.slack
        slack.faults.add(hang=3600, times=3)
        with pytest.raises(Unreachable) as reading:
            await asyncio.wait_for(workspace.users.member("U1"), 5)
        with pytest.raises(Unsettled):
            await asyncio.wait_for(workspace.call("chat.postMessage", channel="C1", text="x"), 5)
        # Only what must not be done twice has to wait until Slack is surely through with it.
        assert type(reading.value) is Unreachable
        # Nor does one that looks the channel up keep the others from it.
        with pytest.raises(Unreachable):
            await asyncio.wait_for(workspace.channel_id("#support_escalations"), 5)
        assert await workspace.channel_id("#support_escalations") == "C1"


async def test_a_slack_that_is_not_there_is_doubtful(session: aiohttp.ClientSession) -> None:
    client = AsyncWebClient(
        token="xoxb", base_url="http://127.0.0.1:1/api/", session=session, retry_handlers=[]
    )
    with pytest.raises(Unreachable):
        await SlackClient(client, UNPACED).identity()


# Who and where


async def test_the_bot_knows_itself_and_asks_once(slack: Slack, workspace: SlackClient) -> None:
    for _ in range(3):
        identity = await workspace.identity()
    assert (identity.team, identity.user) == (slack.team_id, slack.bot_user_id)
    assert identity.scopes is not None
    assert set(identity.scopes) == slack.scopes >= REQUIRED_SCOPES
    assert len(slack.requests) == 1
    slack.revoke_token()
    with pytest.raises(Denied):
        await workspace.check_identity()


async def test_a_person_is_looked_up_with_what_decides_whether_they_may_act(
    slack: Slack, workspace: SlackClient
) -> None:
    slack.add_user("U2", "blake", is_ultra_restricted=True)
    slack.add_user("U3", "casey", team_id="T0OTHER", deleted=True)
    avery, blake, casey = [await workspace.users.member(user) for user in ("U1", "U2", "U3")]
    assert (avery.name, avery.email, avery.teams) == (
        "Avery Example",
        "avery@example.com",
        frozenset({slack.team_id}),
    )
    assert (avery.is_guest, avery.is_bot, avery.is_deactivated) == (False, False, False)
    assert (blake.is_guest, blake.email) == (True, None)
    assert (casey.teams, casey.is_deactivated) == (frozenset({"T0OTHER"}), True)
    assert (await workspace.users.member(slack.bot_user_id)).is_bot


async def test_a_person_has_the_status_that_they_set_with_its_end(
    slack: Slack, workspace: SlackClient, clock: MovableClock
) -> None:
    avery = slack.users["U1"]
    assert (await workspace.users.member("U1")).status == Status()
    avery.status_text, avery.status_emoji = "On vacation", ":palm_tree:"
    assert (await workspace.users.member("U1")).status.ends_at is None
    ends = clock().replace(microsecond=0) + timedelta(days=1)
    avery.status_expiration = int(ends.timestamp())
    status = Status(text="On vacation", emoji=":palm_tree:", ends_at=ends)
    assert (await workspace.users.member("U1")).status == status
    clock.forward(days=1)
    assert (await workspace.users.member("U1")).status == Status()


@pytest.mark.parametrize(
    ("real_name", "nickname", "shown"),
    [
        ("Avery Example", "avery", "Avery Example"),
        ("\u3164", "avery", "avery"),
        ("\u200b", "\u2066\u0301", "U1"),
        ("\ud83d", "avery\ud83d", "avery"),
    ],
)
async def test_a_person_has_the_first_of_their_names_that_shows(
    slack: Slack, workspace: SlackClient, real_name: str, nickname: str, shown: str
) -> None:
    slack.users["U1"].real_name, slack.users["U1"].name = real_name, nickname
    assert (await workspace.users.member("U1")).name == shown


async def test_the_members_of_a_user_group_are_listed(slack: Slack, workspace: SlackClient) -> None:
    slack.add_usergroup("S1", "managers", ["U1"])
    assert await workspace.users.in_group("S1") == frozenset({"U1"})
    assert await workspace.users.in_group("S2") is None, "there is no such group"
    slack.usergroups["S1"].date_delete = 1
    assert await workspace.users.in_group("S1") is None, "it is disabled"
    assert await workspace.users.groups() == {"S1": UserGroup(handle="managers", is_enabled=False)}
    slack.faults.add("usergroups.users.list", error="plan_upgrade_required")
    with pytest.raises(Rejected, match="plan_upgrade_required"):
        await workspace.users.in_group("S1")


async def test_a_channel_is_found_on_a_later_page_and_remembered(
    slack: Slack, workspace: SlackClient
) -> None:
    for number in range(450):
        slack.add_channel(f"the_last_one_but_{number}")
    slack.add_channel("the_last_one", id="CLAST")
    for _ in range(2):
        assert await workspace.channel_id("#the_last_one") == "CLAST"
    assert [one.method for one in slack.requests].count("users.conversations") == 3


async def test_many_who_ask_at_once_look_a_channel_up_once(
    slack: Slack, workspace: SlackClient
) -> None:
    found = await asyncio.gather(*(workspace.channel_id("#support_escalations") for _ in range(5)))
    assert found == ["C1"] * 5
    assert [one.method for one in slack.requests].count("users.conversations") == 1


async def test_a_channels_id_is_taken_as_it_is(slack: Slack, workspace: SlackClient) -> None:
    assert await workspace.channel_id("C1") == "C1"
    assert slack.requests == []


async def test_a_channel_that_is_not_there_is_denied_and_found_once_it_is(
    slack: Slack, workspace: SlackClient
) -> None:
    with pytest.raises(Denied, match="channel_not_found"):
        await workspace.channel_id("#elsewhere")
    slack.add_channel("elsewhere", id="C2")
    assert await workspace.channel_id("#elsewhere") == "C2"


async def test_a_channel_that_the_bot_is_not_in_is_denied_with_the_one_most_like_it(
    workspace: SlackClient,
) -> None:
    with pytest.raises(Denied, match=r"/invite it there \(it is in #support_escalations\)"):
        await workspace.channel_id("#support-escalation")


async def test_scopes_that_nobody_tells_are_not_missing(
    slack: Slack, workspace: SlackClient, channel: Channel
) -> None:
    slack.add_channel("secret", id="G1", private=True)
    slack.behind_proxy = True
    identity = await workspace.identity()
    assert identity.scopes is None
    assert not identity.lacks(REQUIRED_SCOPES)
    assert await workspace.channel_id("#secret") == "G1"
    assert await workspace.direct_messages("U1")


async def test_private_channels_are_asked_for_only_with_the_scope_for_it(
    slack: Slack, workspace: SlackClient
) -> None:
    slack.add_channel("secret", id="G1", private=True)
    slack.scopes.remove("groups:read")
    with pytest.raises(Denied, match="channel_not_found"):
        await workspace.channel_id("#secret")
    slack.scopes.add("groups:read")
    await workspace.check_identity()
    assert await workspace.channel_id("#secret") == "G1"
    assert slack.refusals == []


async def test_the_channel_is_checked_before_anything_is_posted_there(
    slack: Slack, workspace: SlackClient, channel: Channel
) -> None:
    await workspace.check_channel("#support_escalations")
    channel.members.remove(slack.bot_user_id)
    with pytest.raises(Denied, match="not_in_channel"):
        await workspace.check_channel("C1")
    channel.archived = True
    with pytest.raises(Denied, match="is_archived"):
        await workspace.check_channel("C1")
    with pytest.raises(Denied, match="channel_not_found"):
        await workspace.check_channel("C404")


# Messages of ours


async def post(workspace: SlackClient, key: str, thread: str | None = None) -> str:
    metadata = {"event_type": EVENT, "event_payload": {"key": key}}
    where = {"thread_ts": thread} if thread else {}
    posted = await workspace.call(
        "chat.postMessage", channel="C1", text=key, metadata=metadata, **where
    )
    return str(posted["ts"])


async def test_a_message_of_ours_is_found_by_its_metadata_on_a_later_page(
    slack: Slack, workspace: SlackClient, channel: Channel, clock: MovableClock
) -> None:
    since = clock().timestamp()
    ts = await post(workspace, "7/1")
    for number in range(450):
        slack.post(channel, "U1", f"talk {number}")
    assert await workspace.find_message("C1", EVENT, "7/1", since=since - 1) == ts
    methods = [one.method for one in slack.requests]
    assert methods.count("conversations.history") == 3


async def test_a_message_is_only_found_by_event_and_key(
    workspace: SlackClient, clock: MovableClock
) -> None:
    since = clock().timestamp() - 1
    ts = await post(workspace, "7/1")
    find = workspace.find_message
    assert await find("C1", EVENT, "7/1", since=since) == ts
    assert await find("C1", EVENT, "7/11", since=since) is None
    assert await find("C1", "ssat_step", "7/1", since=since) is None


async def test_the_newest_page_is_looked_at_whatever_the_clock_says_and_older_ones_by_the_moment(
    slack: Slack, workspace: SlackClient, channel: Channel, clock: MovableClock
) -> None:
    ts = await post(workspace, "7/1")
    tomorrow = clock().timestamp() + 86_400
    assert await workspace.find_message("C1", EVENT, "7/1", since=tomorrow) == ts
    for number in range(450):
        slack.post(channel, "U1", f"talk {number}")
    assert await workspace.find_message("C1", EVENT, "7/1", since=tomorrow) is None
    assert [one.method for one in slack.requests].count("conversations.history") == 2


async def test_a_reply_is_looked_for_in_its_thread_only(
    workspace: SlackClient, clock: MovableClock
) -> None:
    since = clock().timestamp() - 1
    card, other = await post(workspace, "card"), await post(workspace, "other")
    reply = await post(workspace, "step", thread=card)
    find = workspace.find_message
    assert await find("C1", EVENT, "step", since=since, thread=card) == reply
    assert await find("C1", EVENT, "step", since=since, thread=other) is None
    assert await find("C1", EVENT, "step", since=since) is None


async def test_a_history_that_cannot_be_read_is_no_proof_of_absence(
    slack: Slack, workspace: SlackClient
) -> None:
    slack.faults.add("conversations.history", status=502, body="")
    with pytest.raises(Unreachable):
        await workspace.find_message("C1", EVENT, "7/1", since=0)
