"""What `docs/security.md` claims and no other test shows: strangers, thieves, and odd texts."""

import asyncio
import contextlib
import json
import re
import sqlite3
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs
from yarl import URL

from slackbot.blocks.forms.contact import AT, CHANNEL, TEXT
from slackbot.door import BODY_LIMIT
from slackbot.local.slack.transport import encode
from slackbot.rules.offers import Offer
from tests.conftest import MovableClock
from tests.port import FIXTURES, Port, serving
from tests.town import DESCRIPTION, PROJECT, Town, as_seen, text_of
from tests.town import town as build_town

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def town(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    """A town whose bot the test starts itself."""
    async with build_town(clock, tmp_path, sqlite) as built:
        yield built


@pytest.fixture
async def quiet_port(town: Town) -> AsyncIterator[Port]:
    """The port of that bot."""
    async with aiohttp.ClientSession() as session:
        yield Port(town=town, session=session)


@pytest.fixture
async def port(quiet_port: Port) -> AsyncIterator[Port]:
    """The port of a bot that runs."""
    async with quiet_port.town.bot_running():
        await quiet_port.ready(200)
        yield quiet_port


class Elsewhere:
    """A host that is none of the bot's business, and what it was asked for all the same."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path} {dict(request.headers)}")
        return web.json_response([])


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    host = Elsewhere()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", host.answer)
    async with serving(app) as host.url:
        yield host


# --- Sent again --------------------------------------------------------------------------------


async def test_a_signed_delivery_sent_again_has_no_effect_in_time_and_is_refused_later(
    quiet_port: Port,
) -> None:
    town, vector = (
        quiet_port.town,
        json.loads((FIXTURES / "gitlab" / "signature_vector.json").read_text()),
    )
    body = (FIXTURES / "gitlab" / "webhook.issue.open.json").read_bytes()
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    headers = {name: vector[name] for name in names}
    signed_at = datetime.fromtimestamp(int(vector["webhook-timestamp"]), UTC)
    town.clock.forward(seconds=(signed_at - town.clock()).total_seconds())
    settings = {
        "gitlab_project": "hephaestustest/demo-repository",
        "gitlab_webhook_signing_token": vector["signing_token"],
    }
    project = town.gitlab.add_project(settings["gitlab_project"], id=246765)
    town.gitlab.add_member(project, town.bot, 20)
    project.last_iid = 4
    town.gitlab.open_issue(project, author=town.automation, title="A feature")
    async with town.bot_running(**settings):
        await quiet_port.ready(200)

        async def deliver() -> int:
            answer = await quiet_port.call("POST", "/gitlab/webhook", body, headers)
            await town.settled()
            return answer.status

        assert await deliver() == 200
        looked = asked_of_gitlab(town, "/issues/5$")
        assert looked == 1
        town.clock.forward(seconds=290)
        assert await deliver() == 200
        assert asked_of_gitlab(town, "/issues/5$") == looked
        town.clock.forward(seconds=15)
        assert await deliver() == 401
        assert asked_of_gitlab(town, "/issues/5$") == looked


def asked_of_gitlab(town: Town, path: str) -> int:
    """How many requests GitLab has had whose path ends like this."""
    return sum(bool(re.search(path, one.path)) for one in town.gitlab.requests)


async def test_the_very_same_bytes_of_slack_sent_again_have_no_second_effect(port: Port) -> None:
    town = port.town
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    click = await town.slack.click(town.avery, card, "Claim")
    card = await town.claimed(issue, "Avery Example")
    await town.slack.click(town.avery, card, "Release")
    await town.card(issue, "🟠 Unclaimed", delivered=True)

    body, content_type = encode(click.payload)
    signature = town.slack.transport.signature(body)
    for _ in range(2):
        assert (await port.unsigned(body, content_type, **signature)).status == 200

    await town.settled()
    assert town.choices() == ["delivered", "delivered"]
    assert issue.assigned_to == []
    assert town.slack.ephemerals == []


# --- Who it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize("team", ["T-other-side", "T0SSAT"], ids=["said", "denied"])
async def test_the_form_of_another_workspaces_person_is_not_accepted(port: Port, team: str) -> None:
    town = port.town
    town.slack.add_user("W111", "kaz", team_id="T-other-side")
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    name = "bolt_view_submission_slack_connect.json"
    payload = json.loads((FIXTURES / "slack" / name).read_text())
    payload["user"]["team_id"] = payload["team"]["id"] = team
    payload["view"] |= {
        "callback_id": Offer.MARK_CONTACTED,
        "private_metadata": f"{town.project.id}/{issue.iid}",
        "state": {"values": filled_in("call")},
    }

    answer = await port.signed(urlencode({"payload": json.dumps(payload)}), FORM)

    assert answer.status == 200
    [said] = json.loads(answer.body)["errors"].values()
    assert "Only members of this workspace" in said
    await town.settled()
    assert town.choices() == []
    assert town.writes(issue) == []


def filled_in(channel: str) -> dict[str, Any]:
    return {
        CHANNEL: {CHANNEL: {"selected_option": {"value": channel}}},
        TEXT: {TEXT: {"value": None}},
        AT: {AT: {"selected_date_time": None}},
    }


# --- Odd texts ---------------------------------------------------------------------------------

HOSTILE = '\'; DROP TABLE requests;-- ../../../users/1 %2e%2e%2f $(id) {0} %s <!channel> "x" \\'
HOSTILE_LABEL = "feedback::'; DROP TABLE decisions;-- ../../x?y=1&z=%2f#"


async def test_whatever_a_text_says_it_stays_a_text(town: Town) -> None:
    """In titles, descriptions, labels, and in what the people file and GitLab call somebody."""
    town.gitlab.add_label(town.project, HOSTILE_LABEL, HOSTILE)
    town.people_file.write_text(
        "[people]\nU0AVERY = '../../users/1?x=`@all` --> /close'\nU0BLAKE = 'blake.sample'\n"
    )
    issue = town.feedback(f"Negative feedback for ticket 412345 {HOSTILE}", description=HOSTILE)
    other = town.feedback("Negative feedback for ticket 412346", description=HOSTILE + DESCRIPTION)
    async with town.bot_running():
        card = await town.card(issue, "🟠 Unclaimed")
        await town.card(other, "🟠 Unclaimed")
        await town.slack.click(town.avery, card, "Claim")
        card = await town.card(issue, "Claimed by Avery", delivered=True)
        await town.slack.choose(town.avery, card, "Feedback label", HOSTILE_LABEL)
        card = await town.card(issue, "DROP TABLE decisions", delivered=True)
        await town.slack.click(town.blake, card, "Take over")
        card = await town.card(issue, "Claimed by Blake", delivered=True)
        sent = {"What you sent": f"{HOSTILE}\n/close\n<!-- ssat-bot: {{}} -->\n@all"}
        await town.mark_contacted(town.blake, card, **sent)
        await town.card(issue, "Contacted", delivered=True)
        await town.settled()

    assert town.choices() == ["delivered"] * 4
    assert HOSTILE_LABEL in issue.labels
    assert issue.quick_actions_executed == []
    assert town.project.labels_created_silently == []
    assert "🟠 Unclaimed" in text_of(town.card_of(other))
    expected = re.compile(
        r"/api/v4/(user|users(/\d+)?|personal_access_tokens/self|"
        r"projects/[\w%.-]+(/labels|/issues(/\d+(/notes|/resource_label_events)?)?)?)"
    )
    strange = [one.path for one in town.gitlab.requests if not expected.fullmatch(one.path)]
    assert strange == []
    town.check()


# --- Where the bot goes ------------------------------------------------------------------------


async def test_no_address_in_an_issue_is_ever_called(town: Town, elsewhere: Elsewhere) -> None:
    there = elsewhere.url
    town.gitlab.url = there  # and so in every web_url and every webhook
    words = (
        f"Comment: see {there}/comment and [this]({there}/link) ![that]({there}/image.png)\n"
        f"<img src='{there}/img'> <{there}/angle> [ref]: {there}/ref\n"
        f"Ticket: {there}/agent/tickets/412345\nOrganisation: {there}/organisation\n\n"
        "Manager contact requested: Yes"
    )
    async with town.bot_running():
        issue = town.feedback(f"Negative feedback for ticket 412345 {there}", description=words)
        card = await town.card(issue, "🟠 Unclaimed")
        sent = {"What you sent": words}
        await town.mark_contacted(town.avery, card, **sent)
        await town.card(issue, "Contacted", delivered=True)
        await town.settled()
    assert there in issue.comments[-1].body  # it was all there to be followed
    assert elsewhere.asked == []
    shown = [one.args for one in town.slack.requests if one.method == "chat.postMessage"]
    assert shown
    for args in shown:  # nor does Slack follow it on the bot's behalf
        assert args["unfurl_links"] is args["unfurl_media"] is False


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/issues$"), ("GET", r"/issues/\d+$"), ("POST", "/notes$"), ("PUT", r"/issues/\d+$")],
)
@pytest.mark.parametrize("status", [302, 307])
async def test_a_redirect_of_gitlab_leads_nowhere_and_the_token_stays_here(
    town: Town, elsewhere: Elsewhere, method: str, path: str, status: int
) -> None:
    away = {"Location": f"{elsewhere.url}/api/v4/anything"}
    fault = town.gitlab.faults.add(method=method, path=path, status=status, headers=away)
    async with town.bot_running(ssat_poll_seconds=0.2):
        issue = town.feedback()
        await town.slack.click(town.avery, await town.card(issue, "🟠 Unclaimed"), "Claim")
        # Once it has stopped, all goes on as after any outage.
        await town.claimed(issue, "Avery Example")
    assert fault.left == 0
    assert elsewhere.asked == []
    assert len(issue.comments) == 1


async def test_a_redirect_of_gitlab_is_named_for_the_administrator(
    quiet_port: Port, elsewhere: Elsewhere
) -> None:
    away = {"Location": f"{elsewhere.url}/sign_in"}
    quiet_port.town.gitlab.faults.add(path="", status=302, headers=away, times=None)
    async with quiet_port.town.bot_running():
        await quiet_port.ready(200, "is GITLAB_URL right?")
    assert elsewhere.asked == []


@pytest.mark.parametrize("path", ["/api/v4/more", "/more"])
async def test_a_next_page_elsewhere_is_not_read_there(
    town: Town, elsewhere: Elsewhere, path: str
) -> None:
    link = {"Link": f'<{elsewhere.url}{path}>; rel="next"', "Content-Type": "application/json"}
    fault = town.gitlab.faults.add(path="/issues$", status=200, headers=link, body="[]")
    async with town.bot_running(ssat_poll_seconds=0.2):
        await town.in_gitlab(lambda: fault.left == 0)
        await town.card(town.feedback(), "🟠 Unclaimed")
    assert elsewhere.asked == []


@pytest.mark.parametrize("method", ["auth.test", "users.info", "chat.postMessage", "chat.update"])
@pytest.mark.parametrize("status", [302, 307])
async def test_a_redirect_of_slack_leads_nowhere_and_token_and_words_stay_here(
    town: Town, elsewhere: Elsewhere, method: str, status: int
) -> None:
    away = {"Location": f"{elsewhere.url}/api/{method}"}
    fault = town.slack.faults.add(method, status=status, headers=away)
    async with town.bot_running():
        issue, card = await town.request()
        await town.slack.click(town.avery, card, "Claim")
        if method == "users.info":
            await town.told(town.avery, "Slack isn't saying who you are right now")
            await town.slack.click(town.avery, card, "Claim")
        await town.claimed(issue, "Avery Example")
    assert fault.hits == 1
    assert elsewhere.asked == []
    assert len(town.cards) == 1


# --- What is kept ------------------------------------------------------------------------------


async def test_the_record_has_no_secret_and_no_mail_address_and_is_for_one_account_only(
    town: Town,
) -> None:
    async with town.bot_running():
        issue = town.feedback()
        await town.slack.click(town.blake, await town.card(issue, "🟠 Unclaimed"), "Claim")
        await town.card(issue, "Claimed by Blake", delivered=True)  # linked by e-mail
        assert issue.assigned_to == ["blake.sample"]
        for file in town.folder.glob("ssat-bot.db*"):
            if not file.name.endswith(".lock"):  # which is empty
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    stored = town.everything_stored()
    assert "blake@example.com" not in stored
    for secret in (town.token, town.slack.bot_token, town.slack.signing_secret):
        assert secret not in stored


# --- What strangers learn ----------------------------------------------------------------------

TALKATIVE = re.compile(r"Traceback|File \"|python|aiohttp|site-packages|sqlite|\d+\.\d+\.\d+", re.I)


async def test_no_answer_tells_versions_or_the_insides(port: Port) -> None:
    await asyncio.to_thread(refuse_deliveries, port.town.folder / "ssat-bot.db")
    project = {"id": port.town.project.id, "path_with_namespace": PROJECT}
    body = {"object_kind": "issue", "project": project, "object_attributes": {"iid": 1}}
    with capture_logs() as lines:
        answers = [
            await port.hook(json.dumps(body)),
            await port.hook(json.dumps(body), token="wrong"),
            await port.hook("{"),
            await port.hook(b"\x1f\x8b not gzip", **{"Content-Encoding": "gzip"}),
            await port.hook(b"x" * (BODY_LIMIT + 1)),
            await port.unsigned("payload={}", FORM),
            await port.signed("payload={", FORM),
            await port.get("/nowhere"),
            await port.get("/slack/events"),
            await port.get("/gitlab/../../etc/passwd"),
            await port.get("/healthz"),
            await port.get("/readyz"),
        ]
    statuses = [answer.status for answer in answers]
    assert statuses == [500, 401, 400, 415, 413, 401, 400, 404, 405, 404, 200, 200]
    for answer in answers:
        assert TALKATIVE.search(answer.text) is None, answer.text
        assert "Server" not in answer.headers
    assert "python_info" not in (await port.get("/metrics")).text
    assert [line["path"] for line in lines if line["event"] == "request_failed"] == [
        "/gitlab/webhook"
    ]


NO_HTTP = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
    b"GARBAGE\r\n\r\n",
    b"GET /healthz HTTP/9.9\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost bot\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nX-Quotation: \0\r\n\r\n",
    b"GET http://[quotation HTTP/1.1\r\nHost: bot\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nX: %b\r\n\r\n" % (b"quotation" * 5000),
    b"GET /%b HTTP/1.1\r\nHost: bot\r\n\r\n" % (b"quotation" * 5000),
    b"POST /gitlab/webhook HTTP/1.1\r\nHost: bot\r\nContent-Length: quotation\r\n\r\n",
    b"POST /gitlab/webhook HTTP/1.1\r\nHost: bot\r\nContent-Length: -1\r\n\r\n",
    b"POST /slack/events HTTP/1.1\r\nHost: bot\r\nTransfer-Encoding: quotation\r\n\r\n",
    b"POST /slack/events HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
]
"""What strangers send who do not speak HTTP, or speak it badly on purpose."""


@pytest.mark.parametrize("sent", NO_HTTP, ids=lambda sent: repr(sent[:60]))
async def test_broken_http_learns_nothing(port: Port, sent: bytes) -> None:
    with capture_logs() as lines:
        head, body = await spoken(port, sent)
    assert head == [
        b"HTTP/1.1 400 Bad Request",
        b"Connection: close",
        b"Content-Type: text/plain",
        b"Content-Length: 12",
    ]
    assert body == b"Bad Request\n"
    assert [line["event"] for line in lines] == ["request_malformed"]
    assert "quotation" not in str(lines)


async def test_an_expectation_that_cannot_be_met_is_not_quoted(port: Port) -> None:
    head, body = await spoken(
        port, b"GET / HTTP/1.1\r\nHost: bot\r\nConnection: close\r\nExpect: quotation\r\n\r\n"
    )
    assert head[0] == b"HTTP/1.1 417 Expectation Failed"
    assert body == b"Expectation Failed\n"
    assert not any(line.startswith(b"Server:") for line in head)


async def spoken(port: Port, sent: bytes) -> tuple[list[bytes], bytes]:
    """Send bytes; return the lines of the answer's head, and its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(port.town.url).port)
    writer.write(sent)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.splitlines(), body


def refuse_deliveries(file: Path) -> None:
    """Let the database fail where a webhook is noted."""
    with contextlib.closing(sqlite3.connect(file, timeout=10)) as database:
        database.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON deliveries "
            "BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
        database.commit()
