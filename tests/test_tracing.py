"""Traces: a receiver of OpenTelemetry's own protocol, and the bot as a process that sends to it."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from slackbot.tracing import is_wanted
from tests.port import serving
from tests.process import MANAGERS, STOP_SECONDS, bot_process, present_town
from tests.town import HOOK_SECRET, Town

WORDS = "Quokka"
DESCRIPTION = f"""\
**Organisation:** {WORDS}-Organisation
**Comment:** {WORDS}-Comment

Manager contact requested: Yes
"""
SOON = {"otel_bsp_schedule_delay": 100}
"""Milliseconds until spans are sent."""


class Span:
    def __init__(self, found: Any) -> None:
        self.name, self.id, self.parent = found.name, found.span_id, found.parent_span_id
        self.fields = {
            each.key: each.value.string_value or each.value.int_value for each in found.attributes
        }
        self.whole = str(found)


class Receiver:
    """Takes ``POST /v1/traces``, as a collector does."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self._answers = asyncio.Event()
        self._answers.set()

    @contextlib.asynccontextmanager
    async def receiving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        async with serving(app) as url:
            yield url
            self._answers.set()

    def fall_silent(self) -> None:
        self._answers.clear()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        await self._answers.wait()
        sent = ExportTraceServiceRequest.FromString(body)
        for resource in sent.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.services.add(named["service.name"])
            self.spans += [Span(each) for scope in resource.scope_spans for each in scope.spans]
        return web.Response(content_type="application/x-protobuf")

    def named(self, name: str, **fields: str) -> list[Span]:
        return [
            each
            for each in self.spans
            if each.name == name and fields.items() <= each.fields.items()
        ]


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with present_town(tmp_path) as built:
        yield built


async def test_a_click_is_followed_to_gitlab_by_its_issue_and_decision_and_nobodys_words_are_sent(
    town: Town,
) -> None:
    receiver = Receiver()
    async with (
        receiver.receiving() as url,
        bot_process(town, otel_exporter_otlp_endpoint=url, **SOON, **MANAGERS),
    ):
        title = f"Negative feedback for ticket 412345 {WORDS}-Title"
        issue = town.feedback(title, description=DESCRIPTION)
        card = await town.card(issue, "🟠 Unclaimed")
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        card = await town.claimed(issue, "Avery Example")
        sent = await town.mark_contacted(town.avery, card, **{"What you sent": f"{WORDS}-Mail"})
        assert sent.ok
        await town.card(issue, "Contacted", delivered=True)
        await town.settled()
        await town.slack.wait_for(lambda: len(receiver.named("deliver")) >= 2)
        await town.slack.wait_for(lambda: receiver.named("slack view_submission"))
    about = {"ssat.issue": f"{town.project.id}/{issue.iid}"}
    [click] = receiver.named("slack block_actions claim", **about)
    assert click.fields["ssat.user"] == town.avery.id
    decision = {"ssat.decision": str(click.fields["ssat.decision"])}
    [deliver] = receiver.named("deliver", **decision)
    [job] = [each for each in receiver.named("job sync", **about) if each.id == deliver.parent]
    assert job.fields["ssat.outcome"] == "done"
    calls = [each for each in receiver.spans if each.parent == deliver.id]
    assert {
        "gitlab POST /projects/:id/issues/:id/notes",
        "gitlab PUT /projects/:id/issues/:id",
    } <= {each.name for each in calls}
    assert {each.fields["ssat.outcome"] for each in receiver.named("gitlab webhook")} == {
        "accepted"
    }
    assert receiver.named("slack chat.postMessage", **{"ssat.outcome": "ok"})
    assert receiver.services == {"ssat-bot"}
    everything = "".join(each.whole for each in receiver.spans)
    slack = town.slack
    secrets = (slack.bot_token, slack.signing_secret, town.token, HOOK_SECRET)
    for hidden in (WORDS, "avery@example.com", *secrets):
        assert hidden not in everything


async def test_what_fails_is_marked_by_the_kind_of_error_without_its_words(town: Town) -> None:
    receiver = Receiver()
    async with (
        receiver.receiving() as url,
        bot_process(town, otel_exporter_otlp_endpoint=url, **SOON, **MANAGERS),
    ):
        town.gitlab.faults.add(method="GET", path="/issues/", status=403, body=WORDS, times=2)
        await town.request()
        await town.slack.wait_for(lambda: receiver.named("job sync", **{"ssat.outcome": "put_off"}))
    [*failed] = receiver.named("job sync", **{"ssat.outcome": "put_off"})
    assert {each.fields["error.type"] for each in failed} == {"Unreachable"}
    assert WORDS not in "".join(each.whole for each in receiver.spans)


async def test_a_receiver_that_refuses_or_falls_silent_keeps_neither_work_nor_the_end_waiting(
    town: Town,
) -> None:
    receiver = Receiver()
    receiver.fall_silent()
    async with (
        receiver.receiving() as silent,
        bot_process(town, otel_exporter_otlp_endpoint=silent, **SOON, **MANAGERS) as process,
    ):
        issue, card = await town.request()
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.claimed(issue, "Avery Example")
        process.signal(signal.SIGTERM)
        assert await process.ended(STOP_SECONDS) == 0
        assert "Traceback" not in process.complained
    refused = "http://127.0.0.1:1"
    async with bot_process(
        town, otel_exporter_otlp_endpoint=refused, otel_exporter_otlp_timeout=1, **SOON, **MANAGERS
    ) as process:
        await town.request()
        await town.slack.wait_for(lambda: process.events("traces_not_sent"))
        process.signal(signal.SIGTERM)
        assert await process.ended(STOP_SECONDS) == 0
        told = [line for line in process.log if "trace" in str(line).lower()]
        assert [line["event"] for line in told] == ["traces_not_sent"]
        assert "Traceback" not in process.complained


@pytest.mark.parametrize(
    ("environment", "is_on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
)
def test_opentelemetrys_own_variables_switch_traces_on_and_off(
    environment: dict[str, str], is_on: bool
) -> None:
    assert is_wanted(environment) is is_on


@pytest.mark.parametrize("variable", ["otel_exporter_otlp_timeout", "otel_bsp_schedule_delay"])
async def test_a_variable_that_cannot_be_read_is_told_and_the_bot_runs_without_traces(
    town: Town, variable: str
) -> None:
    changes = {variable: "soon", "otel_exporter_otlp_endpoint": "http://127.0.0.1:1"}
    async with bot_process(town, **changes, **MANAGERS) as process:
        await town.request()
        assert "Traceback" not in process.complained
