"""Slack's Web API through the real client: at Slack's pace, and with errors by remedy."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from slackbot import workspace as module
from slackbot.local.slack import Channel, serve
from slackbot.local.slack import Workspace as Slack
from slackbot.workspace import (
    REQUIRED_SCOPES,
    Denied,
    Doubtful,
    Pace,
    Refused,
    SlackError,
    Throttled,
    Unsettled,
    Workspace,
)
from tests.conftest import MovableClock

UNPACED: dict[str, tuple[float, int]] = {}
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
def workspace(client: AsyncWebClient) -> Workspace:
    return Workspace(client, UNPACED)


# The pace


async def test_a_burst_goes_at_once_and_what_would_wait_too_long_is_told_how_long() -> None:
    pace = Pace(0.001, burst=3)
    async with asyncio.timeout(1):
        for _ in range(3):
            await pace.wait()
    for _ in range(3):  # being turned away costs nothing
        with pytest.raises(Throttled) as caught:
            await asyncio.wait_for(pace.wait(), 1)
        assert 990 < caught.value.retry_after <= 1000


async def test_calls_have_their_turns_in_order_and_no_faster_than_allowed() -> None:
    pace, order = Pace(500, burst=2), list[int]()

    async def call(number: int) -> None:
        await pace.wait()
        order.append(number)

    begun = time.monotonic()
    await asyncio.gather(*(call(number) for number in range(22)))
    assert order == list(range(22))
    assert time.monotonic() - begun >= 20 / 500 - 0.001


async def test_who_has_waited_as_long_as_is_bearable_is_the_last_to_be_let_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    pace = Pace(100, burst=1)
    turns = [asyncio.create_task(pace.wait()) for _ in range(12)]
    ended = await asyncio.gather(*turns, return_exceptions=True)
    let_in = [outcome is None for outcome in ended]
    assert let_in == sorted(let_in, reverse=True)
    assert 6 <= sum(let_in) < 12
    assert all(isinstance(outcome, Throttled) for outcome in ended if outcome)


async def test_a_held_pace_lets_nothing_through_until_then() -> None:
    pace = Pace(1000, burst=1000)
    pace.hold(3600)
    with pytest.raises(Throttled) as caught:
        await pace.wait()
    assert 3590 < caught.value.retry_after <= 3600


async def test_a_short_hold_does_not_shorten_a_longer_one() -> None:
    pace = Pace(1, burst=1)
    pace.hold(3600)
    pace.hold(1)
    with pytest.raises(Throttled) as caught:
        await pace.wait()
    assert caught.value.retry_after > 3590


async def test_a_hold_ends() -> None:
    pace = Pace(10, burst=1)
    begun = time.monotonic()
    pace.hold(0.02)
    await pace.wait()
    assert time.monotonic() - begun >= 0.019


async def test_each_method_has_a_pace_of_its_own(slack: Slack, client: AsyncWebClient) -> None:
    workspace = Workspace(client, {"chat.postMessage": (0.001, 1)})
    posted = await workspace.call("chat.postMessage", channel="C1", text="one")
    with pytest.raises(Throttled):
        await workspace.call("chat.postMessage", channel="C1", text="two")
    await workspace.call("chat.update", channel="C1", ts=posted["ts"], text="one, changed")
    assert [one.method for one in slack.requests] == ["chat.postMessage", "chat.update"]


async def test_a_throttled_method_is_not_called_again_before_its_time(
    slack: Slack, client: AsyncWebClient
) -> None:
    workspace = Workspace(client, {"chat.postMessage": (1000.0, 1000)})
    slack.faults.add("chat.postMessage", status=429, headers={"Retry-After": "600"})
    for _ in range(3):
        with pytest.raises(Throttled) as caught:
            await workspace.call("chat.postMessage", channel="C1", text="one")
        assert 590 < caught.value.retry_after <= 600
    assert [one.status for one in slack.requests] == [429]
    await workspace.identity()


# Errors by remedy

HTML = "<html><body>502 Bad Gateway</body></html>"
AS_HTML = {"Content-Type": "text/html; charset=utf-8"}
AS_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
AS_JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        # Slack has not acted, and says when to come back,
        ({"status": 429, "headers": {"Retry-After": "7"}, "error": "ratelimited"}, Throttled(7)),
        ({"status": 429, "headers": {"Retry-After": "0"}, "error": "ratelimited"}, Throttled(1)),
        ({"status": 429, "headers": {"Retry-After": "7", **AS_HTML}, "body": HTML}, Throttled(7)),
        ({"status": 429, "headers": {"Retry-After": "7", **AS_TEXT}, "body": "no"}, Throttled(7)),
        ({"status": 429, "headers": {"Retry-After": "7", **AS_JSON}, "body": "{"}, Throttled(7)),
        ({"status": 429}, Throttled(1)),
        # in a form that some proxy may choose,
        ({"status": 429, "headers": {"Retry-After": "Fri, 30 Jan 2026 15:00:00 GMT"}}, Throttled),
        # or without the status;
        ({"error": "ratelimited"}, Throttled(30)),
        # it may have acted,
        ({"status": 500, "body": {"ok": False, "error": "internal_error"}}, Doubtful),
        ({"status": 500}, Doubtful),
        ({"status": 502, "headers": AS_HTML, "body": HTML}, Doubtful),
        ({"status": 503, "headers": AS_TEXT, "body": "upstream"}, Doubtful),
        ({"status": 503, "headers": AS_JSON, "body": "{"}, Doubtful),
        ({"status": 503, "error": "channel_not_found"}, Doubtful),
        ({"headers": AS_HTML, "body": HTML}, Doubtful),
        ({"headers": AS_TEXT, "body": "ok"}, Doubtful),
        ({"headers": AS_JSON, "body": "{"}, Doubtful),
        ({"body": {"ok": False}}, Doubtful),
        ({"error": "fatal_error"}, Doubtful),
        ({"error": "service_unavailable"}, Doubtful),
        ({"error": "request_timeout"}, Doubtful),
        ({"drop": True}, Doubtful),
        # an administrator has to mend something,
        ({"error": "token_revoked"}, Denied),
        ({"error": "invalid_auth"}, Denied),
        ({"error": "account_inactive"}, Denied),
        ({"error": "not_in_channel"}, Denied),
        ({"error": "channel_not_found"}, Denied),
        ({"error": "is_archived"}, Denied),
        # or it will never do, in a word that this bot need not know.
        ({"error": "message_not_found"}, Refused("message_not_found")),
        ({"error": "a_word_of_2031"}, Refused("a_word_of_2031")),
    ],
)
async def test_every_trouble_is_named_by_its_remedy(
    slack: Slack, workspace: Workspace, trouble: dict[str, Any], expected: Any
) -> None:
    kind = expected if isinstance(expected, type) else type(expected)
    slack.faults.add("chat.postMessage", **trouble)
    slack.faults.add("users.info", **trouble)
    with pytest.raises(SlackError) as writing:
        await workspace.call("chat.postMessage", channel="C1", text="x")
    with pytest.raises(SlackError) as reading:
        await workspace.member("U1")
    for error in (writing.value, reading.value):
        assert type(error) is kind
        if isinstance(expected, SlackError):
            assert vars(error) == vars(expected)
    assert len(slack.requests) == 2, "nothing is tried again behind the caller's back"


async def test_a_post_whose_answer_is_lost_is_doubtful_and_not_repeated(
    slack: Slack, workspace: Workspace, channel: Channel
) -> None:
    slack.faults.add("chat.postMessage", drop=True, when="after")
    with pytest.raises(Doubtful):
        await workspace.call("chat.postMessage", channel="C1", text="one card")
    assert [one.text for one in channel.messages] == ["one card"]


async def test_a_missing_scope_is_named(slack: Slack, workspace: Workspace) -> None:
    slack.scopes.remove("chat:write")
    with pytest.raises(Denied) as caught:
        await workspace.call("chat.postMessage", channel="C1", text="x")
    assert caught.value.code == "missing_scope"
    assert "chat:write" in str(caught.value)
    assert "manifest" in caught.value.remedy


async def test_a_call_that_hangs_is_given_up(slack: Slack, workspace: Workspace) -> None:
    workspace.client.session = None  # without a shared session, the client's own timeout holds
    workspace.client.timeout = 0.05  # type: ignore[assignment]
    slack.faults.add(hang=3600, times=2)
    with pytest.raises(Doubtful):
        await asyncio.wait_for(workspace.member("U1"), 5)
    with pytest.raises(Unsettled):
        await asyncio.wait_for(workspace.call("chat.postMessage", channel="C1", text="x"), 5)


async def test_a_slack_that_is_not_there_is_doubtful(session: aiohttp.ClientSession) -> None:
    client = AsyncWebClient(
        token="xoxb", base_url="http://127.0.0.1:1/api/", session=session, retry_handlers=[]
    )
    with pytest.raises(Doubtful):
        await Workspace(client, UNPACED).identity()


# Who and where


async def test_the_bot_knows_itself_and_asks_once(slack: Slack, workspace: Workspace) -> None:
    for _ in range(3):
        identity = await workspace.identity()
    assert (identity.team, identity.user) == (slack.team_id, slack.bot_user_id)
    assert identity.scopes == slack.scopes >= REQUIRED_SCOPES
    assert len(slack.requests) == 1
    slack.revoke_token()
    with pytest.raises(Denied):
        await workspace.check_identity()


async def test_a_person_is_looked_up_with_what_decides_whether_they_may_act(
    slack: Slack, workspace: Workspace
) -> None:
    slack.add_user("U2", "blake", is_ultra_restricted=True)
    slack.add_user("U3", "casey", team_id="T0OTHER", deleted=True)
    avery, blake, casey = [await workspace.member(user) for user in ("U1", "U2", "U3")]
    assert (avery.name, avery.email, avery.team) == (
        "Avery Example",
        "avery@example.com",
        slack.team_id,
    )
    assert (avery.is_guest, avery.is_bot, avery.is_deactivated) == (False, False, False)
    assert (blake.is_guest, blake.email) == (True, None)
    assert (casey.team, casey.is_deactivated) == ("T0OTHER", True)
    assert (await workspace.member(slack.bot_user_id)).is_bot


async def test_the_members_of_a_user_group_are_listed(slack: Slack, workspace: Workspace) -> None:
    slack.add_usergroup("S1", "managers", ["U1"])
    assert await workspace.group_members("S1") == {"U1"}
    assert await workspace.group_members("S2") == frozenset(), "a group that is gone has none"
    slack.faults.add("usergroups.users.list", error="plan_upgrade_required")
    with pytest.raises(Refused, match="plan_upgrade_required"):
        await workspace.group_members("S1")


async def test_a_channel_is_found_on_a_later_page_and_remembered(
    slack: Slack, workspace: Workspace
) -> None:
    for number in range(450):
        slack.add_channel(f"the_last_one_but_{number}")
    slack.add_channel("the_last_one", id="CLAST")
    for _ in range(2):
        assert await workspace.channel_id("#the_last_one") == "CLAST"
    assert [one.method for one in slack.requests].count("users.conversations") == 3


async def test_many_who_ask_at_once_look_a_channel_up_once(
    slack: Slack, workspace: Workspace
) -> None:
    found = await asyncio.gather(*(workspace.channel_id("#support_escalations") for _ in range(5)))
    assert found == ["C1"] * 5
    assert [one.method for one in slack.requests].count("users.conversations") == 1


async def test_a_channels_id_is_taken_as_it_is(slack: Slack, workspace: Workspace) -> None:
    assert await workspace.channel_id("C1") == "C1"
    assert slack.requests == []


async def test_a_channel_that_is_not_there_is_denied_and_found_once_it_is(
    slack: Slack, workspace: Workspace
) -> None:
    with pytest.raises(Denied, match="channel_not_found"):
        await workspace.channel_id("#elsewhere")
    slack.add_channel("elsewhere", id="C2")
    assert await workspace.channel_id("#elsewhere") == "C2"


async def test_private_channels_are_asked_for_only_with_the_scope_for_it(
    slack: Slack, workspace: Workspace
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
    slack: Slack, workspace: Workspace, channel: Channel
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


async def post(workspace: Workspace, key: str, thread: str | None = None) -> str:
    metadata = {"event_type": EVENT, "event_payload": {"key": key}}
    where = {"thread_ts": thread} if thread else {}
    posted = await workspace.call(
        "chat.postMessage", channel="C1", text=key, metadata=metadata, **where
    )
    return str(posted["ts"])


async def test_a_message_of_ours_is_found_by_its_metadata_on_a_later_page(
    slack: Slack, workspace: Workspace, channel: Channel, clock: MovableClock
) -> None:
    since = clock().timestamp()
    ts = await post(workspace, "7/1")
    for number in range(450):
        slack.post(channel, "U1", f"talk {number}")
    assert await workspace.find_message("C1", EVENT, "7/1", since=since - 1) == ts
    methods = [one.method for one in slack.requests]
    assert methods.count("conversations.history") == 3


async def test_a_message_is_only_found_by_event_and_key_from_the_moment_on(
    workspace: Workspace, clock: MovableClock
) -> None:
    since = clock().timestamp() - 1
    ts = await post(workspace, "7/1")
    find = workspace.find_message
    assert await find("C1", EVENT, "7/1", since=since) == ts
    assert await find("C1", EVENT, "7/11", since=since) is None
    assert await find("C1", "ssat_step", "7/1", since=since) is None
    assert await find("C1", EVENT, "7/1", since=since + 3600) is None


async def test_a_reply_is_looked_for_in_its_thread_only(
    workspace: Workspace, clock: MovableClock
) -> None:
    since = clock().timestamp() - 1
    card, other = await post(workspace, "card"), await post(workspace, "other")
    reply = await post(workspace, "step", thread=card)
    find = workspace.find_message
    assert await find("C1", EVENT, "step", since=since, thread=card) == reply
    assert await find("C1", EVENT, "step", since=since, thread=other) is None
    assert await find("C1", EVENT, "step", since=since) is None


async def test_a_history_that_cannot_be_read_is_no_proof_of_absence(
    slack: Slack, workspace: Workspace
) -> None:
    slack.faults.add("conversations.history", status=502, body="")
    with pytest.raises(Doubtful):
        await workspace.find_message("C1", EVENT, "7/1", since=0)
