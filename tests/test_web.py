"""The bot's one port as its callers meet it: GitLab, Slack, an administrator, and strangers."""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from yarl import URL

from slackbot.blocks.card import CLAIM
from slackbot.handlers.queue import COMMAND
from slackbot.local.gitlab import Issue
from slackbot.rules.offers import Offer
from tests.conftest import MovableClock
from tests.port import FIXTURES, Answer, Port
from tests.town import CONTACT, HOOK_SECRET, PROJECT, Town
from tests.town import town as build_town

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

VECTOR = json.loads((FIXTURES / "gitlab" / "signature_vector.json").read_text())
SIGNED_AT = datetime.fromtimestamp(int(VECTOR["webhook-timestamp"]), UTC)
SIGNED = {name: VECTOR[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}

OPENED = (FIXTURES / "gitlab" / "webhook.issue.open.json").read_bytes()
DEMO = "hephaestustest/demo-repository"


@pytest.fixture
async def quiet_town(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    async with build_town(clock, tmp_path, sqlite) as built:
        yield built


@pytest.fixture
async def quiet_port(quiet_town: Town) -> AsyncIterator[Port]:
    """The port of a bot that the test starts itself."""
    async with aiohttp.ClientSession() as session:
        yield Port(town=quiet_town, session=session)


@pytest.fixture
async def port(quiet_port: Port) -> AsyncIterator[Port]:
    """The port of a bot that runs."""
    async with quiet_port.town.bot_running():
        await quiet_port.ready(200)
        yield quiet_port


def known_issue(town: Town, path: str, number: int, iid: int, **more: Any) -> Issue:
    """Put an issue where a captured delivery says it is; the poll has no interest in it."""
    project = town.gitlab.add_project(path, id=number)
    town.gitlab.add_member(project, town.bot, 20)
    town.gitlab.add_label(project, CONTACT)
    project.last_iid = iid - 1
    return town.gitlab.open_issue(project, author=town.automation, title="A feature", **more)


def looks(town: Town, issue: Issue) -> int:
    """How often the bot has read an issue by its number."""
    path = f"/api/v4/projects/{issue.project.id}/issues/{issue.iid}"
    return sum(one.method == "GET" and one.path == path for one in town.gitlab.requests)


def looked_at(town: Town) -> list[str]:
    """Which issues the bot has read by their numbers, in whatever project."""
    paths = [one.path for one in town.gitlab.requests if one.method == "GET"]
    return [path for path in paths if re.fullmatch(r".*/issues/\d+", path)]


def demo(**changes: Any) -> bytes:
    """The captured delivery, with some of its attributes changed."""
    payload = json.loads(OPENED)
    payload["object_attributes"] |= changes
    return json.dumps(payload).encode()


# GitLab's deliveries


@pytest.mark.parametrize(
    ("name", "event", "path", "number", "iid"),
    [
        ("webhook.issue.open.json", "Issue Hook", DEMO, 246765, 5),
        ("webhook.issue.open.json", "Confidential Issue Hook", DEMO, 246765, 5),
        ("webhook.issue.update.json", "Issue Hook", DEMO, 246765, 5),
        ("webhook.note.issue.create.json", "Note Hook", DEMO, 246765, 5),
        ("webhook.note.issue.create.json", "Confidential Note Hook", DEMO, 246765, 5),
        ("webhook.gogitlab.issue.json", "Issue Hook", "gitlabhq/gitlab-test", 1, 23),
        (
            "webhook.zulip.issue_opened_null_description.json",
            "Issue Hook",
            "eeshangarg/my-awesome-project",
            3319043,
            7,
        ),
    ],
)
@pytest.mark.parametrize("setting", ["by path", "by number"])
async def test_a_captured_delivery_is_answered_at_once_and_the_issue_looked_at(
    quiet_port: Port, name: str, event: str, path: str, number: int, iid: int, setting: str
) -> None:
    town = quiet_port.town
    issue = known_issue(town, path, number, iid)
    project = path if setting == "by path" else str(number)
    async with town.bot_running(gitlab_project=project):
        await quiet_port.ready(200)
        assert looks(town, issue) == 0
        body = (FIXTURES / "gitlab" / name).read_bytes()
        answer = await quiet_port.hook(body, **{"X-Gitlab-Event": event})
        assert answer == Answer(status=200, body=b"")
        await town.in_gitlab(lambda: looks(town, issue) == 1)


async def test_a_captured_delivery_brings_up_the_card_of_its_issue(quiet_port: Port) -> None:
    town = quiet_port.town
    async with town.bot_running(gitlab_project="246765"):
        issue = known_issue(town, DEMO, 246765, 5)
        town.gitlab.change_labels(issue, add=[CONTACT], by=town.automation)
        assert town.cards == []
        assert (await quiet_port.hook(OPENED)).status == 200
        await town.slack.wait_for(lambda: town.cards)
        card = town.cards[0]
        assert card.metadata
        assert card.metadata["event_payload"]["key"] == "246765/5"


async def test_what_a_delivery_asked_for_outlives_the_bot(quiet_port: Port) -> None:
    town = quiet_port.town
    issue = known_issue(town, DEMO, 246765, 5)
    town.gitlab.down()
    async with town.bot_running(gitlab_project=DEMO):
        assert (await quiet_port.hook(OPENED)).status == 200
    town.gitlab.up()
    assert [one for one in town.gitlab.requests if one.status == 200] == []
    town.clock.forward(minutes=1)
    async with town.bot_running(gitlab_project=DEMO):
        await town.in_gitlab(lambda: any(one.status == 200 for one in town.gitlab.requests))
        await town.settled()
    assert any(
        one.status == 200 and one.path.endswith(f"/{issue.iid}") for one in town.gitlab.requests
    )


async def test_the_same_delivery_twice_is_one_look(quiet_port: Port) -> None:
    town = quiet_port.town
    issue = known_issue(town, DEMO, 246765, 5)
    async with town.bot_running(gitlab_project=DEMO):
        await quiet_port.ready(200)
        for name in ("Idempotency-Key", "webhook-id"):
            before = looks(town, issue)
            for _ in range(2):
                answer = await quiet_port.hook(OPENED, **{name: f"the same {name}"})
                assert answer == Answer(status=200, body=b"")
                await town.settled()
            assert looks(town, issue) == before + 1
        # Another delivery of the same words is another look.
        await quiet_port.hook(OPENED)
        await town.settled()
        assert looks(town, issue) == 3


@pytest.mark.parametrize(
    "body",
    [
        b'{"object_kind": "push", "project": {"id": 246765}, "project_id": 246765}',
        b'{"object_kind": "pipeline", "object_attributes": {"id": 31, "iid": 5}}',
        (FIXTURES / "gitlab" / "webhook.note.issue.create.json")
        .read_bytes()
        .replace(b'"noteable_type": "Issue"', b'"noteable_type": "MergeRequest"'),
        (FIXTURES / "gitlab" / "webhook.gogitlab.issue.json").read_bytes(),
        demo(type="Incident"),
        demo(type="Task"),
        b"{}",
    ],
    ids=["push", "pipeline", "merge request note", "other project", "incident", "task", "nothing"],
)
async def test_other_deliveries_are_answered_politely_and_nothing_is_asked(
    quiet_port: Port, body: bytes
) -> None:
    town = quiet_port.town
    known_issue(town, DEMO, 246765, 5)
    async with town.bot_running(gitlab_project=DEMO):
        await quiet_port.ready(200)
        assert await quiet_port.hook(body) == Answer(status=200, body=b"")
        await town.settled()
        assert looked_at(town) == []


async def test_without_any_secret_there_is_no_such_route(quiet_port: Port) -> None:
    async with quiet_port.town.bot_running(gitlab_webhook_secret=None):
        assert (await quiet_port.hook(OPENED)).status == 404
        assert (await quiet_port.hook(OPENED, token=None)).status == 404
        assert (await quiet_port.get("/healthz")).status == 200


@pytest.mark.parametrize("token", [None, "", "wrong-secret", HOOK_SECRET + "x", HOOK_SECRET[:-1]])
async def test_a_wrong_token_is_refused_and_logged_without_a_secret(
    port: Port, token: str | None
) -> None:
    with capture_logs() as lines:
        answer = await port.hook(OPENED, token=token)
    assert answer.status == 401
    assert [line["event"] for line in lines] == ["hook_not_authentic"]
    for secret in filter(None, (token, HOOK_SECRET)):
        assert secret not in str(lines)
        assert secret not in answer.text


async def test_a_token_in_bytes_that_are_no_text_is_wrong(port: Port) -> None:
    body = b"{}"
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(port.town.url).port)
    writer.write(
        b"POST /gitlab/webhook HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n"
        b"X-Gitlab-Token: \xe9\xff\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    status, _, _ = (await reader.read()).partition(b"\r\n")
    writer.close()
    assert status == b"HTTP/1.1 401 Unauthorized"


# GitLab's signature


async def test_the_signature_vector_is_accepted(quiet_port: Port) -> None:
    answer, count = await deliver_signed(quiet_port, SIGNED_AT, OPENED, SIGNED)
    assert (answer, count) == (Answer(status=200, body=b""), 1)


async def test_one_right_signature_among_several_is_enough(quiet_port: Port) -> None:
    several = f"v1,{'A' * 43}= {SIGNED['webhook-signature']}"
    headers = SIGNED | {"webhook-signature": several}
    answer, count = await deliver_signed(quiet_port, SIGNED_AT, OPENED, headers)
    assert (answer.status, count) == (200, 1)


@pytest.mark.parametrize(
    ("late", "body", "changes"),
    [
        (305, OPENED, {}),
        (-305, OPENED, {}),
        (0, OPENED + b" ", {}),
        (0, OPENED, {"webhook-signature": f"v1,{'A' * 43}="}),
        (0, OPENED, {"webhook-signature": ""}),
        (0, OPENED, {"webhook-id": ""}),
        (0, OPENED, {"webhook-id": "another"}),
        (0, OPENED, {"webhook-timestamp": "now"}),
    ],
    ids=["stale", "ahead", "changed body", "wrong", "empty", "no id", "other id", "no timestamp"],
)
async def test_a_bad_signature_is_refused_even_with_the_right_token(
    quiet_port: Port, late: float, body: bytes, changes: dict[str, str]
) -> None:
    headers = SIGNED | {"X-Gitlab-Token": HOOK_SECRET} | changes
    at = SIGNED_AT + timedelta(seconds=late)
    with capture_logs() as lines:
        answer, count = await deliver_signed(quiet_port, at, body, headers)
    assert (answer.status, count) == (401, 0)
    for secret in (HOOK_SECRET, VECTOR["signing_token"], VECTOR["webhook-signature"]):
        assert secret not in str(lines)


async def test_a_signed_delivery_is_not_taken_for_its_token_where_no_signing_token_is_set(
    quiet_port: Port,
) -> None:
    headers = SIGNED | {"X-Gitlab-Token": HOOK_SECRET}
    answer, count = await deliver_signed(
        quiet_port, SIGNED_AT, OPENED, headers, gitlab_webhook_signing_token=None
    )
    assert (answer.status, count) == (401, 0)


async def deliver_signed(
    port: Port, at: datetime, body: bytes, headers: dict[str, str], **changes: Any
) -> tuple[Answer, int]:
    """Deliver to a bot with both secrets at a moment; tell the answer and how often it looked."""
    town = port.town
    issue = known_issue(town, DEMO, 246765, 5)
    town.clock.forward(seconds=(at - town.clock()).total_seconds())
    wanted = {
        "gitlab_project": DEMO,
        "gitlab_webhook_signing_token": VECTOR["signing_token"],
    }
    async with town.bot_running(**(wanted | changes)):
        await port.ready(200)
        answer = await port.call("POST", "/gitlab/webhook", body, headers)
        await town.settled()
        return answer, looks(town, issue)


# Bodies that are none

BAD_BODIES = [
    b"",
    b"no JSON",
    b"\xff\xfe\xfd",
    b"[]",
    b"null",
    b"5",
    b'"issue"',
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b'{"object_kind": "issue"}',
    b'{"object_kind": "issue", "object_attributes": []}',
    b'{"object_kind": "note", "object_attributes": {"noteable_type": "Issue"}}',
    *(
        OPENED.replace(b'"iid": 5,', b'"iid": %b,' % iid)
        for iid in (b'"5"', b"-5", b"0", b"true", b"null", b"5.5", b"1e999", b"9" * 40, b"9" * 5000)
    ),
]


async def test_a_body_that_is_no_delivery_is_a_bad_request(quiet_port: Port) -> None:
    town = quiet_port.town
    known_issue(town, DEMO, 246765, 5)
    async with town.bot_running(gitlab_project=DEMO):
        await quiet_port.ready(200)
        for body in BAD_BODIES:
            answer = await quiet_port.hook(body)
            assert answer.status == 400, body[:80]
        await town.settled()
        assert looked_at(town) == []


async def test_a_body_of_25_megabytes_is_too_large(port: Port) -> None:
    body = b'{"object_kind": "issue", "padding": "' + b"x" * 25 * 2**20 + b'"}'
    assert (await port.hook(body)).status == 413
    assert (await port.hook(in_chunks(body))).status == 413
    assert (await port.signed("x" * 25 * 2**20, FORM)).status == 413
    assert (await port.get("/healthz")).status == 200


async def test_a_body_in_chunks_is_read_like_any_other(quiet_port: Port) -> None:
    town = quiet_port.town
    issue = known_issue(town, DEMO, 246765, 5)
    async with town.bot_running(gitlab_project=DEMO):
        await quiet_port.ready(200)
        assert (await quiet_port.hook(in_chunks(OPENED))).status == 200
        await town.in_gitlab(lambda: looks(town, issue) == 1)


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NEARLY_A_DELIVERY = st.fixed_dictionaries(
    {},
    optional={
        "object_kind": st.sampled_from(["issue", "note", "push"]) | ANY_JSON,
        "project": st.fixed_dictionaries(
            {}, optional={"id": st.integers() | ANY_JSON, "path_with_namespace": ANY_JSON}
        )
        | ANY_JSON,
        "issue": st.fixed_dictionaries({}, optional={"iid": ANY_JSON, "type": ANY_JSON}) | ANY_JSON,
        "object_attributes": st.fixed_dictionaries(
            {},
            optional={
                "iid": st.integers() | ANY_JSON,
                "type": ANY_JSON,
                "noteable_type": st.just("Issue") | ANY_JSON,
            },
        )
        | ANY_JSON,
    },
)
QUICKLY = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@QUICKLY
@given(payload=ANY_JSON | NEARLY_A_DELIVERY)
async def test_no_json_whatsoever_is_a_server_error_to_gitlab(port: Port, payload: object) -> None:
    answer = await port.hook(json.dumps(payload).encode())
    assert answer.status in (200, 400)


# Slack's requests


def slack_body(name: str, **changes: Any) -> tuple[str, str]:
    """A captured request as Slack posts it, with its content type."""
    text = (FIXTURES / "slack" / name).read_text()
    if name.endswith(".txt"):
        return urlencode(dict(parse_qsl(text)) | changes), FORM
    payload = json.loads(text) | changes
    if "event" in payload:
        return json.dumps(payload), JSON
    return urlencode({"payload": json.dumps(payload)}), FORM


SLACK_FIXTURES = sorted(path.name for path in (FIXTURES / "slack").iterdir())


@pytest.mark.parametrize("name", SLACK_FIXTURES)
async def test_a_captured_request_that_is_not_for_us_is_not_found(port: Port, name: str) -> None:
    body, content_type = slack_body(name)
    # Slack would send an event again, and again, until it is taken.
    expected = 200 if '"event_callback"' in body else 404
    assert (await port.signed(body, content_type)).status == expected
    for headers in (
        {},
        {"X-Slack-Signature": "v0=" + "0" * 64},
        {"X-Slack-Signature": "v0=é"},
        {"X-Slack-Signature": ""},
        {"X-Slack-Request-Timestamp": str(int(datetime.now(UTC).timestamp()) - 301)},
        {"X-Slack-Request-Timestamp": "yesterday"},
        {"X-Slack-Request-Timestamp": ""},
    ):
        if headers:
            answer = await port.signed(body, content_type, **headers)
        else:
            answer = await port.unsigned(body, content_type)
        assert answer.status == 401, headers
    assert port.town.gitlab.violations == []


async def test_an_old_request_of_slack_is_not_taken_again(port: Port) -> None:
    """A signature that was right once, replayed: the stale timestamp belongs to it."""
    body, content_type = slack_body("bolt_slash_command.form.txt", command=COMMAND)
    old = signature_of(port.town, body, at=datetime.now(UTC) - timedelta(seconds=305))
    assert (await port.unsigned(body, content_type, **old)).status == 401
    fresh = signature_of(port.town, body, at=datetime.now(UTC) - timedelta(seconds=200))
    assert (await port.unsigned(body, content_type, **fresh)).status == 200


def signature_of(town: Town, body: str, *, at: datetime) -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    key = town.slack.signing_secret.encode()
    digest = hmac.new(key, f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}


async def test_captured_requests_dressed_as_ours_are_answered_and_do_nothing(port: Port) -> None:
    town = port.town
    back = f"{town.slack.base_url}/response/none"
    button = {"action_id": CLAIM, "block_id": "b", "type": "button"}
    submitted = json.loads((FIXTURES / "slack" / "bolt_view_submission.json").read_text())["view"]
    requests = [
        *(
            slack_body(
                "bolt_block_actions_button.json",
                actions=[button | {"value": value}],
                response_url=back,
            )
            for value in ("click_me_123", "", "1/1", "-1/0", "9" * 5000, "1/1:U0AVERY", "\0/\0")
        ),
        slack_body("bolt_slash_command.form.txt", command=COMMAND, response_url=back),
        *(
            slack_body(
                name,
                view=submitted | {"callback_id": Offer.MARK_CONTACTED, "private_metadata": key},
            )
            for name in ("bolt_view_submission.json", "bolt_view_submission_slack_connect.json")
            for key in ("This is for you!", "1/1", "")
        ),
    ]
    with capture_logs() as lines:
        for body, content_type in requests:
            assert (await port.signed(body, content_type)).status == 200
    assert [line for line in lines if line["log_level"] == "error"] == []
    await town.settled()
    assert [one for one in town.gitlab.requests if one.method != "GET"] == []
    assert town.channel.messages == []


NO_REQUESTS = [
    "",
    "no form",
    "{",
    "[]",
    "null",
    "17",
    '"text"',
    "payload=",
    "payload={",
    "payload=[]",
    "payload=null",
    "payload=17",
    "payload={}",
    "payload=" + "[" * 100_000,
    '{"a":' * 100_000,
    '{"type": "event_callback", "event": 17}',
    '{"type": "event_callback", "authorizations": 17}',
    'payload={"type": "block_actions", "actions": []}',
    'payload={"type": "block_actions", "actions": [17]}',
    'payload={"type": "block_actions", "actions": {"action_id": "claim"}}',
    'payload={"type": "view_submission", "view": 17}',
    'payload={"type": "view_submission", "user": 17}',
    f'payload={{"type": "view_submission", "view": {{"callback_id": "{Offer.MARK_CONTACTED}"}}}}',
    f'payload={{"type": "block_actions", "actions": [{{"action_id": "{CLAIM}"}}]}}',
    "\0",
]


@pytest.mark.parametrize("content_type", [FORM, JSON, "text/plain; charset=nonsense"])
async def test_garbage_is_never_a_server_error(port: Port, content_type: str) -> None:
    for body in NO_REQUESTS:
        with capture_logs():
            unsigned = await port.unsigned(body, content_type)
            signed = await port.signed(body, content_type)
        # Strangers learn nothing but that they are strangers, however they fill their requests.
        assert unsigned.status == 401, body[:60]
        assert signed.status in (200, 400, 404), body[:60]
    no_text = await port.call("POST", "/slack/events", b"\xff\xfe\xfd", {"Content-Type": FORM})
    assert no_text.status == 401


@QUICKLY
@given(payload=ANY_JSON, kind=st.sampled_from([FORM, JSON]))
async def test_no_json_whatsoever_is_a_server_error_to_slack(
    port: Port, payload: object, kind: str
) -> None:
    text = json.dumps(payload)
    with capture_logs():
        answer = await port.signed(urlencode({"payload": text}) if kind == FORM else text, kind)
    assert answer.status in (200, 400, 404)


# An administrator's questions


async def test_the_process_says_that_it_lives(port: Port) -> None:
    assert await port.get("/healthz") == Answer(status=200, body=b"ok\n")


async def test_only_the_right_method_finds_a_route(port: Port) -> None:
    assert (await port.get("/gitlab/webhook")).status == 405
    assert (await port.get("/slack/events")).status == 405
    assert (await port.call("POST", "/metrics")).status == 405
    assert (await port.get("/")).status == 404


async def test_readiness_names_what_is_wrong_and_recovers_by_itself(quiet_port: Port) -> None:
    town = quiet_port.town
    async with town.bot_running(ssat_poll_seconds=0.1):
        said = await quiet_port.ready(200)
        assert set(said.values()) == {"ok"}

        # Without GitLab choices are recorded all the same, so it must not keep clicks away.
        town.gitlab.down()
        said = await quiet_port.ready(200, "GitLab is failing (502)")
        assert {part for part, state in said.items() if state != "ok"} == {"gitlab"}
        town.gitlab.up()
        await quiet_port.ready(200, '"gitlab": "ok"')

        # Nor must a label that has got another name, however often GitLab answers well.
        town.gitlab.rename_label(town.project, CONTACT, "SSAT::Call me")
        for _ in range(3):
            await quiet_port.ready(200, f"no label {CONTACT} (SSAT_CONTACT_LABEL)")
        town.gitlab.rename_label(town.project, "SSAT::Call me", CONTACT)
        await quiet_port.ready(200, '"gitlab": "ok"')

        # Nor a project with another path, which GitLab forwards.
        town.gitlab.rename_project(town.project, "gitlab-com/support/voices")
        await quiet_port.ready(200, "is now gitlab-com/support/voices: set GITLAB_PROJECT")
        town.gitlab.rename_project(town.project, PROJECT)
        await quiet_port.ready(200, '"gitlab": "ok"')

        town.gitlab.revoke_token(town.token)
        said = await quiet_port.ready(503, "GITLAB_TOKEN")
        assert {part for part, state in said.items() if state != "ok"} == {"gitlab"}
        town.gitlab.tokens[0].revoked = False
        await quiet_port.ready(200)

        town.slack.revoke_token()
        said = await quiet_port.ready(503, "SLACK_BOT_TOKEN was revoked")
        assert {part for part, state in said.items() if state != "ok"} == {"slack"}
        town.slack.revoked.clear()
        await quiet_port.ready(200)

        town.channel.members.discard(town.slack.bot_user_id)
        said = await quiet_port.ready(503, "not in the channel: /invite it")
        assert {part for part, state in said.items() if state != "ok"} == {"slack"}
        town.channel.members.add(town.slack.bot_user_id)
        await quiet_port.ready(200)

        town.slack.down()
        await quiet_port.ready(503, "no answer from Slack")
        town.slack.up()
        await quiet_port.ready(200)
        assert (await quiet_port.get("/healthz")).status == 200


async def test_metrics_count_what_happens_and_tell_no_secret(port: Port) -> None:
    town = port.town
    before = await samples(port)
    issue = town.feedback(description="Comment: their-own-words")
    card = await town.card(issue, "🟠 Unclaimed")
    await town.slack.click(town.avery, card, "Claim")
    await town.card(issue, "Claimed by Avery", delivered=True)
    await town.settled()
    await port.hook(b"{}", token="wrong-secret")
    await port.hook(b"[]")
    after = await samples(port)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert grown('ssat_webhooks_total{outcome="accepted"}') >= 1
    assert grown('ssat_webhooks_total{outcome="not_authentic"}') == 1
    assert grown('ssat_webhooks_total{outcome="malformed"}') == 1
    assert grown('ssat_choices_total{kind="claim",outcome="recorded"}') == 1
    assert grown('ssat_decisions_total{outcome="delivered"}') == 1
    assert grown('ssat_slack_messages_total{kind="card"}') == 1
    assert grown("ssat_ack_seconds_count") == 1
    assert grown('ssat_jobs_total{outcome="done",queue="sync"}') >= 1
    gauges = {"ssat_decisions_pending", "ssat_contact_requests_open"}
    assert gauges | {"ssat_contact_requests_overdue"} <= set(after)

    text = (await port.get("/metrics")).text
    for secret in (town.token, town.slack.bot_token, town.slack.signing_secret, HOOK_SECRET):
        assert secret not in text
    assert "wrong-secret" not in text
    assert "their-own-words" not in text
    assert "Avery" not in text


async def samples(port: Port) -> dict[str, float]:
    lines = (await port.get("/metrics")).text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}
