"""A stand-in can be looked at, reset and troubled over HTTP, by this machine alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import aiohttp
import pytest
from aiohttp import web

from slackbot.local.control import Control, control_routes
from slackbot.local.gitlab import GitLab
from slackbot.local.gitlab import serve as serve_gitlab
from slackbot.local.pagerduty import PagerDuty
from slackbot.local.pagerduty import serve as serve_pagerduty
from slackbot.local.slack import Workspace
from slackbot.local.slack import serve as serve_slack
from slackbot.local.slack.models import SlackError
from slackbot.local.traffic import Traffic

Kind = Literal["slack", "gitlab", "pagerduty"]
FRIDAY = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
PATIENCE = 30.0


class Clock:
    """Stands still, and can be moved forward."""

    def __init__(self) -> None:
        self.now = FRIDAY

    def __call__(self) -> datetime:
        return self.now

    def move_to(self, moment: datetime) -> None:
        self.now = moment


@dataclass
class Standin:
    """A stand-in that is being served, and how to control it."""

    inside: Any
    url: str
    session: aiohttp.ClientSession

    async def ask(
        self, method: str, what: str, body: object = None, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        if method != "GET" and "data" not in more:
            more["json"] = {} if body is None else body
        async with self.session.request(method, f"{self.url}/_local/{what}", **more) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def standin(kind: Kind, clock: Any) -> AsyncIterator[Standin]:
    inside: Any
    async with aiohttp.ClientSession() as session:
        if kind == "slack":
            inside = Workspace(clock=clock)
            inside.add_user("U1", "avery")
            inside.add_channel("escalations", id="C1", members=["U1"])
            async with serve_slack(inside) as url:
                yield Standin(inside, url.removesuffix("/api/"), session)
        elif kind == "gitlab":
            inside = GitLab(clock=clock)
            project = inside.add_project("g/p", id=7)
            inside.add_member(project, inside.add_user("avery", "Avery Example"), 30)
            inside.add_label(project, "known")
            async with serve_gitlab(inside) as url:
                yield Standin(inside, url, session)
        else:
            inside = PagerDuty(clock=clock)
            inside.add_schedule("P1", inside.add_user("Avery Example", "avery@example.com"))
            async with serve_pagerduty(inside) as url:
                yield Standin(inside, url, session)


@pytest.fixture(params=["slack", "gitlab", "pagerduty"])
async def any_standin(request: pytest.FixtureRequest) -> AsyncIterator[Standin]:
    async with standin(request.param, Clock()) as served:
        yield served


@pytest.fixture
async def slack() -> AsyncIterator[Standin]:
    async with standin("slack", Clock()) as served:
        yield served


@pytest.fixture
async def gitlab() -> AsyncIterator[Standin]:
    async with standin("gitlab", Clock()) as served:
        yield served


@pytest.fixture
async def pagerduty() -> AsyncIterator[Standin]:
    async with standin("pagerduty", Clock()) as served:
        yield served


async def test_the_clock_is_told_and_goes_forward_only(any_standin: Standin) -> None:
    assert await any_standin.ask("GET", "clock") == (200, {"at": FRIDAY.isoformat()})
    later = FRIDAY + timedelta(hours=2)
    moved = await any_standin.ask("PUT", "clock", {"at": later.isoformat()})
    assert moved == (200, {"at": later.isoformat()})
    status, answer = await any_standin.ask("PUT", "clock", {"at": FRIDAY.isoformat()})
    assert (status, answer) == (409, {"problem": "The time goes forward only."})
    assert any_standin.inside.clock() == later


async def test_the_clock_goes_forward_by_a_year_at_most(any_standin: Standin) -> None:
    for at in ("9999-12-31T23:59:59Z", (FRIDAY + timedelta(days=367)).isoformat()):
        status, answer = await any_standin.ask("PUT", "clock", {"at": at})
        assert (status, "by a year at most" in answer["problem"]) == (400, True)
    assert any_standin.inside.clock() == FRIDAY
    a_year = (FRIDAY + timedelta(days=365)).isoformat()
    assert await any_standin.ask("PUT", "clock", {"at": a_year}) == (200, {"at": a_year})


@pytest.mark.parametrize("at", ["tomorrow", "2026-01-30T15:00", "", 7, None, [], {}])
async def test_a_time_must_be_one(slack: Standin, at: object) -> None:
    status, answer = await slack.ask("PUT", "clock", {"at": at})
    assert status == 400
    assert answer["problem"].startswith("at: ")


async def test_a_clock_that_cannot_be_moved_says_so() -> None:
    async with standin("gitlab", lambda: FRIDAY) as served:
        status, answer = await served.ask("PUT", "clock", {"at": "2026-02-01T00:00Z"})
    assert status == 409
    assert "can't be moved" in answer["problem"]


async def test_a_change_needs_the_content_type_of_json(any_standin: Standin) -> None:
    for method, what in (("POST", "reset"), ("PUT", "clock"), ("POST", "faults")):
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            headers = {"Content-Type": kind}
            status, answer = await any_standin.ask(method, what, data="{}", headers=headers)
            assert (status, "application/json" in answer["problem"]) == (415, True)


async def test_only_the_machines_own_name_is_answered(any_standin: Standin) -> None:
    headers = {"Host": "evil.example"}
    assert (await any_standin.ask("GET", "requests", headers=headers))[0] == 421
    assert (await any_standin.ask("POST", "reset", headers=headers))[0] == 421
    for name in ("127.0.0.1", "localhost", "localhost:8080", "[::1]", "[::1]:8080"):
        assert (await any_standin.ask("GET", "clock", headers={"Host": name}))[0] == 200


async def test_a_body_must_be_an_object(slack: Standin) -> None:
    headers = {"Content-Type": "application/json"}
    for body in ("[]", "{", "null", '{"hang": NaN}', '{"body": ' + "[" * 100_000, b"\xff"):
        status, answer = await slack.ask("POST", "faults", data=body, headers=headers)
        assert (status, answer["problem"][:9]) == (400, "The body ")
    strange = {"Content-Type": "application/json; charset=no-such"}
    assert (await slack.ask("POST", "faults", data="{}", headers=strange))[0] == 400


async def test_each_change_is_noted_at_once() -> None:
    happened: list[str] = []
    application = web.Application()
    application.add_routes(
        control_routes(
            Control(
                clock=Clock(),
                reset=lambda: happened.append("reset"),
                requests=list,
                refusals=list,
                add_fault=lambda: happened.append("ordered"),
                faults=list,
                clear_faults=lambda: happened.append("called off"),
                changed=lambda: happened.append("changed"),
            )
        )
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        served = Standin(None, f"http://127.0.0.1:{runner.addresses[0][1]}", session)
        assert (await served.ask("POST", "reset"))[0] == 200
        assert (await served.ask("POST", "faults"))[0] == 201
        assert (await served.ask("POST", "faults", {"wrong": 1}))[0] == 400
        assert (await served.ask("DELETE", "faults"))[0] == 200
        later = (FRIDAY + timedelta(hours=1)).isoformat()
        assert (await served.ask("PUT", "clock", {"at": later}))[0] == 200
        for what in ("requests", "clock", "faults"):
            assert (await served.ask("GET", what))[0] == 200
    await runner.cleanup()
    expected = ["reset", "changed", "ordered", "changed", "called off", "changed", "changed"]
    assert happened == expected


async def test_slack_and_gitlab_note_what_the_control_changes(
    slack: Standin, gitlab: Standin
) -> None:
    for served in (slack, gitlab):
        for method, what in (("POST", "faults"), ("DELETE", "faults"), ("POST", "reset")):
            before = _changes(served.inside)
            await served.ask(method, what)
            assert _changes(served.inside) > before


def _changes(inside: Workspace | GitLab) -> int:
    return inside.version if isinstance(inside, Workspace) else inside.change_count


async def test_a_fault_strikes_until_it_is_called_off(any_standin: Standin) -> None:
    fault = {"status": 503, "headers": {"Retry-After": "1"}}
    status, made = await any_standin.ask("POST", "faults", fault)
    assert (status, made["status"]) == (201, 503)
    _, listed = await any_standin.ask("GET", "faults")
    assert listed == {"faults": [made]}
    paths = {Workspace: "/api/auth.test", GitLab: "/api/v4/version", PagerDuty: "/schedules/P1"}
    url = any_standin.url + paths[type(any_standin.inside)]
    async with any_standin.session.get(url) as struck:
        assert (struck.status, struck.headers["Retry-After"]) == (503, "1")
    assert await any_standin.ask("DELETE", "faults") == (200, {})
    assert await any_standin.ask("GET", "faults") == (200, {"faults": []})
    async with any_standin.session.get(url) as spared:
        assert spared.status != 503


NO_FAULTS: dict[str, list[object]] = {
    "wrong": [1],
    "method": [[], {}, 7],
    "status": ["bad", 99999, 100, 0, -1, []],
    "hang": ["long", -1, -0.001, {}],
    "headers": [7, [], {"A": 1}, {"A": "b\r\nC: d"}, {"A b": "c"}],
    "times": [0, -1, 1.5, "often", []],
}


@pytest.mark.parametrize(
    "fault", [{name: value} for name, values in NO_FAULTS.items() for value in values], ids=str
)
async def test_what_is_no_fault_is_refused_in_words(any_standin: Standin, fault: Any) -> None:
    status, answer = await any_standin.ask("POST", "faults", fault)
    assert status == 400
    assert next(iter(fault)) in answer["problem"]
    assert await any_standin.ask("GET", "faults") == (200, {"faults": []})


async def test_no_fault_hangs_without_end(any_standin: Standin) -> None:
    headers = {"Content-Type": "application/json"}
    body = '{"hang": 1e400}'  # which Python reads as infinite
    status, answer = await any_standin.ask("POST", "faults", data=body, headers=headers)
    assert (status, answer["problem"].startswith("hang: ")) == (400, True)


async def test_a_fault_of_an_unknown_method_is_refused(slack: Standin) -> None:
    status, answer = await slack.ask("POST", "faults", {"method": "chat.postMesage"})
    assert (status, "chat.postMesage" in answer["problem"]) == (400, True)
    assert (await slack.ask("POST", "faults", {"method": "chat.postMessage"}))[0] == 201


@pytest.mark.parametrize("method", ["put", "FETCH", "chat.postMessage"])
async def test_a_fault_of_what_is_no_method_of_http_is_refused(
    gitlab: Standin, method: str
) -> None:
    status, answer = await gitlab.ask("POST", "faults", {"method": method})
    assert (status, method in answer["problem"]) == (400, True)
    assert (await gitlab.ask("POST", "faults", {"method": None}))[0] == 201


@pytest.mark.parametrize("body", ["oops", "", None, 7, [1], {"ok": False}])
async def test_slack_answers_with_the_body_of_a_fault(slack: Standin, body: object) -> None:
    assert (await slack.ask("POST", "faults", {"status": 500, "body": body}))[0] == 201
    async with slack.session.get(f"{slack.url}/api/auth.test") as struck:
        assert struck.status == 500
        is_text = body is None or isinstance(body, str)
        assert (await struck.text() if is_text else await struck.json()) == (body or "")


async def test_a_fault_can_strike_always(slack: Standin, gitlab: Standin) -> None:
    for served, path in ((slack, "/api/auth.test"), (gitlab, "/api/v4/version")):
        await served.ask("POST", "faults", {"status": 503, "times": None})
        for _ in range(3):
            async with served.session.get(served.url + path) as struck:
                assert struck.status == 503
        await served.ask("DELETE", "faults")
        async with served.session.get(served.url + path) as spared:
            assert spared.status != 503


async def test_a_fault_whose_path_is_no_expression_is_refused(gitlab: Standin) -> None:
    status, answer = await gitlab.ask("POST", "faults", {"path": "("})
    assert (status, answer["problem"].startswith("path: ")) == (400, True)
    status, made = await gitlab.ask("POST", "faults", {"path": "/notes$", "status": 422})
    assert (status, made["path"], made["left"]) == (201, "/notes$", 1)


async def test_what_was_asked_is_listed_without_tokens(slack: Standin) -> None:
    token = slack.inside.bot_token
    url = f"{slack.url}/api/chat.postMessage"
    await slack.session.post(url, data={"token": token, "channel": "C1", "blocks": "[{}]"})
    _, record = await slack.ask("GET", "requests")
    [called] = record["requests"]
    assert (called["method"], called["error"]) == ("chat.postMessage", "invalid_blocks")
    assert called["args"]["channel"] == "C1"
    assert "invalid_blocks" in record["refusals"][0]
    assert token not in str(record)


async def test_what_gitlab_was_asked_is_listed(gitlab: Standin) -> None:
    token = gitlab.inside.add_token(gitlab.inside.user("avery"))
    headers = {"PRIVATE-TOKEN": token}
    url = f"{gitlab.url}/api/v4/projects/7/issues"
    await gitlab.session.post(url, headers=headers, json={"title": "A", "color": "red"})
    _, record = await gitlab.ask("GET", "requests")
    [asked] = record["requests"]
    assert (asked["method"], asked["status"], asked["body"]["title"]) == ("POST", 201, "A")
    assert record["refusals"] == ["POST of an issue ignores color silently"]
    assert token not in str(record)


async def test_slack_forgets_what_has_happened(slack: Standin) -> None:
    inside: Workspace = slack.inside
    inside.traffic = Traffic(inside.clock)
    channel = inside.channel("escalations")
    first = inside.post(channel, "U1", "Hello")
    inside.whisper(channel, "U1", "Psst")
    inside.im("U1").messages.append(first)
    inside.homes["U1"] = inside.make_view("U1", {"type": "home", "blocks": []})
    inside.views["U1"] = [inside.make_view("U1", {"type": "modal", "blocks": []})]
    inside.down(503)
    await slack.session.get(f"{slack.url}/api/auth.test")
    trigger = inside.leases.issue_trigger("U1")
    assert await slack.ask("POST", "reset") == (200, {})
    assert [one.messages for one in inside.channels.values()] == [[], []]
    assert not any([inside.ephemerals, inside.homes, *inside.views.values()])
    assert not any([inside.requests, inside.refusals, inside.traffic.after(0), inside.is_down])
    assert (set(inside.users), channel.members) == ({"U1", "U0SSATBOT"}, {"U1", "U0SSATBOT"})
    assert inside.post(channel, "U1", "Again").ts > first.ts
    assert inside.leases.issue_trigger("U1") != trigger


async def test_slack_lets_nothing_that_was_handed_out_be_of_use(slack: Standin) -> None:
    leases = slack.inside.leases
    trigger, ticket = leases.issue_trigger("U1"), leases.issue_ticket()
    response_url = leases.issue_response_url("U1", "C1")
    upload = {"filename": "a.csv", "length": "3"}
    await call(slack, "files.getUploadURLExternal", **upload)
    slack.inside.selections["U1", "1.0"]["b"] = {}
    assert slack.inside.uploads
    await slack.ask("POST", "reset")
    with pytest.raises(SlackError, match="invalid_trigger_id"):
        leases.use_trigger(trigger)
    with pytest.raises(SlackError, match="invalid_url"):
        leases.use_response_url(response_url)
    assert not leases.use_ticket(ticket)
    assert not any([slack.inside.uploads, slack.inside.selections])


async def test_slack_counts_calls_anew(slack: Standin) -> None:
    slack.inside.rates.now = lambda: 0.0
    for _ in range(5):
        assert await call(slack, "chat.postMessage", channel="C1", text="x") == 200
    assert await call(slack, "chat.postMessage", channel="C1", text="x") == 429
    await slack.ask("POST", "reset")
    assert await call(slack, "chat.postMessage", channel="C1", text="x") == 200


async def test_slack_calls_off_its_trouble(slack: Standin) -> None:
    inside: Workspace = slack.inside
    hanging = inside.faults.add("auth.test", hang=600)
    inside.faults.add("chat.update", times=None, status=503)
    asked = asyncio.create_task(call(slack, "auth.test"))
    await inside.wait_for(lambda: hanging.hits)
    await slack.ask("POST", "reset")
    assert await asyncio.wait_for(asked, PATIENCE) == 200
    assert inside.faults.pending == []


async def call(slack: Standin, method: str, **args: str) -> int:
    token = {"token": slack.inside.bot_token}
    async with slack.session.post(f"{slack.url}/api/{method}", data=args | token) as answer:
        return answer.status


async def test_gitlab_forgets_what_has_happened(gitlab: Standin) -> None:
    inside: GitLab = gitlab.inside
    project, avery = inside.project("g/p"), inside.user("avery")
    hook = inside.add_hook(project, "http://127.0.0.1:9/")
    first = inside.open_issue(project, author=avery, title="A", labels=["known"])
    await inside.hooks_settled()
    assert (hook.failures_in_row, len(inside.deliveries)) == (1, 1)
    inside.down()
    await gitlab.session.get(f"{gitlab.url}/api/v4/version")
    assert await gitlab.ask("POST", "reset") == (200, {})
    assert not any([project.issues, inside.deliveries, inside.requests, inside.faults.down])
    assert (hook.failures_in_row, inside.hooks) == (0, [hook])
    assert ([each.name for each in project.labels], project.members) == (["known"], {avery: 30})
    assert inside.open_issue(project, author=avery, title="B").iid > first.iid
    await inside.hooks_settled()
    assert len(inside.deliveries) == 1


async def test_gitlab_counts_requests_and_notes_anew(gitlab: Standin) -> None:
    inside: GitLab = gitlab.inside
    project, avery = inside.project("g/p"), inside.user("avery")
    inside.monotonic = lambda: 0.0
    headers = {"PRIVATE-TOKEN": inside.add_token(avery)}

    async def comments() -> int:
        iid = inside.open_issue(project, author=avery, title="A").iid
        url = f"{gitlab.url}/api/v4/projects/7/issues/{iid}/notes"
        async with gitlab.session.post(url, headers=headers, json={"body": "Hi"}) as answer:
            return answer.status

    inside.notes_per_minute = 1
    assert [await comments(), await comments()] == [201, 429]
    await gitlab.ask("POST", "reset")
    assert await comments() == 201
    inside.notes_per_minute, inside.requests_per_minute = 60, 2
    assert [await comments(), await comments()] == [201, 429]
    await gitlab.ask("POST", "reset")
    assert await comments() == 201


async def test_gitlabs_hooks_behave_again(gitlab: Standin) -> None:
    inside: GitLab = gitlab.inside
    hook = inside.add_hook(inside.project("g/p"), "http://127.0.0.1:9/")
    hook.lose = hook.double = hook.reorder = hook.disabled = True
    hook.paused_until, hook.failures_in_row = FRIDAY + timedelta(days=1), 40
    await gitlab.ask("POST", "reset")
    assert not any([hook.lose, hook.double, hook.reorder, hook.disabled])
    assert not hook.is_paused(FRIDAY)
    assert hook.failures_in_row == 0


@pytest.mark.parametrize("is_held", [False, True])
async def test_gitlab_sends_nothing_of_before_a_reset(gitlab: Standin, is_held: bool) -> None:
    inside: GitLab = gitlab.inside
    project, avery = inside.project("g/p"), inside.user("avery")
    hook = inside.add_hook(project, "http://127.0.0.1:9/")
    hook.reorder = is_held
    inside.open_issue(project, author=avery, title="Before")
    inside.reset()  # at once, as nothing has been sent yet
    await inside.hooks_settled()
    assert inside.deliveries == []
    inside.open_issue(project, author=avery, title="After")
    await inside.wait_for(lambda: len(inside.deliveries) == 1)
    assert inside.deliveries[0].payload["object_attributes"]["title"] == "After"


async def test_an_event_right_after_a_reset_is_sent(gitlab: Standin) -> None:
    inside: GitLab = gitlab.inside
    project, avery = inside.project("g/p"), inside.user("avery")
    inside.add_hook(project, "http://127.0.0.1:9/")
    inside.open_issue(project, author=avery, title="Before")
    inside.reset()
    inside.open_issue(project, author=avery, title="After")
    await inside.hooks_settled()
    titles = [one.payload["object_attributes"]["title"] for one in inside.deliveries]
    assert titles == ["After"]


async def test_gitlab_forgets_what_was_wrong(gitlab: Standin) -> None:
    inside: GitLab = gitlab.inside
    headers = {"PRIVATE-TOKEN": inside.add_token(inside.user("avery"))}
    url, body = f"{gitlab.url}/api/v4/projects/7/issues", {"title": "A", "labels": "new one"}
    await gitlab.session.post(url, headers=headers, json=body | {"color": "red"})
    inside.faults.add(status=503, times=None)
    project = inside.project("g/p")
    assert all([inside.violations, project.labels_created_silently])
    await gitlab.ask("POST", "reset")
    assert not any([inside.violations, project.labels_created_silently, inside.faults.pending])


async def test_pagerduty_forgets_what_has_happened(pagerduty: Standin) -> None:
    inside: PagerDuty = pagerduty.inside
    inside.faults.add(status=500)
    blake = inside.add_user("Blake Example", "blake@example.com")
    inside.schedules["P1"].on_call = [blake]
    await pagerduty.session.get(f"{pagerduty.url}/schedules/P1")
    assert await pagerduty.ask("POST", "reset") == (200, {})
    assert (inside.requests, inside.status, inside.faults.pending) == ([], None, [])
    assert inside.schedules["P1"].on_call == [blake]


async def test_a_shared_record_of_the_traffic_keeps_what_the_others_said(slack: Standin) -> None:
    traffic = slack.inside.traffic = Traffic(slack.inside.clock)
    async with standin("gitlab", slack.inside.clock) as gitlab:
        gitlab.inside.traffic = traffic
        await gitlab.session.get(f"{gitlab.url}/api/v4/version")
        await slack.session.get(f"{slack.url}/api/auth.test")
        await slack.ask("POST", "reset")
        assert [each.title for each in traffic.after(0)] == ["GET /version"]
