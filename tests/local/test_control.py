"""A stand-in can be looked at, reset and troubled over HTTP, by this machine alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import aiohttp
import pytest

from slackbot.local.gitlab import GitLab
from slackbot.local.gitlab import serve as serve_gitlab
from slackbot.local.pagerduty import PagerDuty
from slackbot.local.pagerduty import serve as serve_pagerduty
from slackbot.local.slack import Workspace
from slackbot.local.slack import serve as serve_slack
from slackbot.local.traffic import Traffic

Kind = Literal["slack", "gitlab", "pagerduty"]
FRIDAY = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)


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


@pytest.mark.parametrize("at", ["tomorrow", "2026-01-30T15:00", 7, None])
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
    assert (await any_standin.ask("GET", "clock", headers={"Host": "localhost:8080"}))[0] == 200


async def test_a_body_must_be_an_object(slack: Standin) -> None:
    headers = {"Content-Type": "application/json"}
    for body in ("[]", "{"):
        assert (await slack.ask("POST", "faults", data=body, headers=headers))[0] == 400


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


@pytest.mark.parametrize(
    "fault", [{"wrong": 1}, {"status": "bad"}, {"hang": "long"}, {"headers": 7}]
)
async def test_what_is_no_fault_is_refused_in_words(any_standin: Standin, fault: Any) -> None:
    status, answer = await any_standin.ask("POST", "faults", fault)
    assert status == 400
    assert next(iter(fault)) in answer["problem"]
    assert await any_standin.ask("GET", "faults") == (200, {"faults": []})


async def test_a_fault_of_an_unknown_method_is_refused(slack: Standin) -> None:
    status, answer = await slack.ask("POST", "faults", {"method": "chat.postMesage"})
    assert (status, "chat.postMesage" in answer["problem"]) == (400, True)
    assert (await slack.ask("POST", "faults", {"method": "chat.postMessage"}))[0] == 201


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


async def test_pagerduty_forgets_what_has_happened(pagerduty: Standin) -> None:
    inside: PagerDuty = pagerduty.inside
    inside.faults.add(status=500)
    await pagerduty.session.get(f"{pagerduty.url}/schedules/P1")
    assert await pagerduty.ask("POST", "reset") == (200, {})
    assert (inside.requests, inside.status, inside.faults.pending) == ([], None, [])
    assert list(inside.schedules) == ["P1"]


async def test_a_shared_record_of_the_traffic_keeps_what_the_others_said(slack: Standin) -> None:
    traffic = slack.inside.traffic = Traffic(slack.inside.clock)
    async with standin("gitlab", slack.inside.clock) as gitlab:
        gitlab.inside.traffic = traffic
        await gitlab.session.get(f"{gitlab.url}/api/v4/version")
        await slack.session.get(f"{slack.url}/api/auth.test")
        await slack.ask("POST", "reset")
        assert [each.title for each in traffic.after(0)] == ["GET /version"]
