"""The bot's ways to the platforms: through proxies, past them, and to certificates of one's own."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from yarl import URL

from slackbot.local.pagerduty import PagerDuty as Account
from slackbot.local.pagerduty import serve as serve_pagerduty
from slackbot.platforms.errors import Unreachable
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.network import proxy_towards
from slackbot.platforms.pagerduty import PagerDuty
from slackbot.platforms.slack.api import slack_client, slack_session
from slackbot.platforms.slack.client import SlackClient
from slackbot.rules.timing.rota import NoAnswer
from tests.conftest import MovableClock
from tests.port import FIXTURES
from tests.process import MANAGERS, BotProcess, bot_process, launched, present_town
from tests.town import Town, as_seen
from tests.town import town as build_town

SETUP_IS_WRONG = 2
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer), contextlib.suppress(ConnectionError, ssl.SSLError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()


# Proxies


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://slack.com/api/", {}, None),
        ("https://slack.com/api/", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://slack.com/api/", {"https_proxy": "p:3128"}, "http://p:3128"),
        ("https://slack.com/api/", {"HTTP_PROXY": "http://p:3128"}, None),
        ("https://slack.com/api/", {"ALL_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://slack.com/", {"HTTPS_PROXY": "http://p", "NO_PROXY": "slack.com"}, None),
        ("https://slack.com/", {"HTTPS_PROXY": "http://p", "no_proxy": "a.b, .slack.com"}, None),
        ("https://slack.com/", {"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, None),
        ("https://slack.com/", {"HTTPS_PROXY": "http://p", "NO_PROXY": "k.com"}, "http://p"),
        ("http://10.1.2.3:81/", {"HTTP_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8"}, None),
        ("http://10.1.2.3:81/", {"HTTP_PROXY": "http://p", "NO_PROXY": "10.1.2.3"}, None),
        ("wss://wss-primary.slack.com/?t", {"HTTPS_PROXY": "http://p"}, "http://p"),
        ("wss://wss.slack.com/?t", {"HTTPS_PROXY": "http://p", "NO_PROXY": "slack.com"}, None),
        ("ws://127.0.0.1:1/?t", {"HTTP_PROXY": "http://p"}, "http://p"),
    ],
)
def test_the_environment_says_which_proxy_leads_to_an_address(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_towards(url) == proxy


class Proxy:
    """Passes requests on, and keeps who was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1")
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, EOFError):
            line = await reader.readuntil(b"\r\n")
            url = URL(line.split()[1].decode())
            self.asked.add(url.authority)
            there = await asyncio.open_connection(url.host, url.port)
            there[1].write(line)
            await asyncio.gather(_pass_on(reader, there[1]), _pass_on(there[0], writer))


@pytest.fixture
async def town(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    async with build_town(clock, tmp_path, sqlite) as built:
        yield built
        built.check()


@pytest.mark.parametrize("mode", ["HTTP", "Socket Mode"])
@pytest.mark.parametrize("exempt", ["", "127.0.0.0/8", "127.0.0.1"])
async def test_every_client_goes_through_the_proxy_unless_no_proxy_exempts_the_platform(
    town: Town, monkeypatch: pytest.MonkeyPatch, mode: str, exempt: str
) -> None:
    proxy, account = Proxy(), Account(clock=town.clock)
    account.add_schedule("P9UIIDY", account.add_user("Blake Sample", "blake@example.com"))
    token = town.slack.app_token if mode == "Socket Mode" else None
    async with proxy.serving() as url, serve_pagerduty(account) as pagerduty:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, url)
        monkeypatch.setenv("NO_PROXY", exempt)
        settings = {
            "slack_app_token": token,
            "pagerduty_api_token": account.token,
            "pagerduty_api_url": pagerduty,
        }
        async with town.bot_running(**settings):
            if token:
                town.slack.request_url = None
                await town.slack.wait_for(lambda: town.slack.sockets.connections)
            issue, card = await town.request()
            unclaimed = as_seen(card)
            assert (await town.slack.click(town.avery, unclaimed, "Claim")).ok
            await town.claimed(issue, "Avery Example")
            # What only they see comes by a URL of the click.
            assert (await town.slack.click(town.blake, unclaimed, "Claim")).ok
            await town.told(town.blake, "Avery Example owns this request")
            await town.slack.wait_for(lambda: account.requests)
            await town.settled()
    platforms = (town.slack.base_url, town.gitlab.url, pagerduty)
    expected = {URL(each).authority for each in platforms}
    assert proxy.asked == (set() if exempt else expected)


# No way


async def _from_slack(url: str) -> str:
    async with slack_session() as session:
        slack = SlackClient(slack_client(f"{url}/api/", "xoxb-1", session))
        with pytest.raises(Unreachable) as problem:
            await slack.own_team()
    return str(problem.value)


async def _from_gitlab(url: str) -> str:
    gitlab = GitLabClient(url, "glpat-1", "group/project")
    with pytest.raises(Unreachable) as problem:
        await gitlab.project()
    await gitlab.close()
    return str(problem.value)


async def _from_pagerduty(url: str) -> str:
    with pytest.raises(NoAnswer) as problem:
        await PagerDuty("token", ["P1"], url).read(datetime.now(UTC))
    return str(problem.value)


PLATFORMS = {"Slack": _from_slack, "GitLab": _from_gitlab, "PagerDuty": _from_pagerduty}
UNKNOWN_NAME = "the name nowhere.invalid is not known here (DNS); behind a proxy set HTTPS_PROXY"


@pytest.mark.parametrize("name", PLATFORMS)
async def test_no_way_to_a_platform_is_told_with_the_host_and_what_helps(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    said = f"no answer from {name}: "
    ask = PLATFORMS[name]
    assert await ask("https://nowhere.invalid") == said + UNKNOWN_NAME
    assert await ask("http://127.0.0.1:1") == f"{said}connection refused at 127.0.0.1:1"
    monkeypatch.setenv("HTTPS_PROXY", "http://avery:secret-word@127.0.0.1:1")
    assert await ask("https://nowhere.invalid") == (
        f"{said}the proxy 127.0.0.1:1 does not answer (connection refused): is HTTPS_PROXY right, "
        "or does NO_PROXY lack a host?"
    )


@pytest.mark.parametrize("name", PLATFORMS)
async def test_a_proxy_that_lets_nothing_through_is_named_with_its_answer(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    server = await asyncio.start_server(refuse, "127.0.0.1")
    async with server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        said = await PLATFORMS[name]("https://nowhere.invalid")
    assert f"the proxy 127.0.0.1:{port} answers 407" in said


# Certificates


@contextlib.asynccontextmanager
async def encrypted(url: str, certificate: str) -> AsyncIterator[str]:
    """Serve what is at a URL under a certificate that only its own file vouches for."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(FIXTURES / "tls" / f"{certificate}.pem")
    behind = URL(url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(behind.host, behind.port)
        await asyncio.gather(_pass_on(reader, there[1]), _pass_on(there[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", ssl=context)
    host, port = server.sockets[0].getsockname()
    yield f"https://{host}:{port}"
    server.close()


@pytest.fixture
async def present(tmp_path: Path) -> AsyncIterator[Town]:
    async with present_town(tmp_path) as built:
        yield built


OWN = {"ssl_cert_file": FIXTURES / "tls" / "own.pem"}
NONE = {"ssl_cert_file": None}
REMEDY = "set SSL_CERT_FILE to a file with the CA certificates to trust"


@contextlib.asynccontextmanager
async def checking_behind_own_ca(
    present: Town, account: Account, trusted: Mapping[str, Path | None]
) -> AsyncIterator[BotProcess]:
    """Run the check where every platform has a certificate of one's own CA."""
    async with (
        encrypted(present.gitlab.url, "own") as gitlab,
        encrypted(present.slack.base_url, "own") as slack,
        serve_pagerduty(account) as plain,
        encrypted(plain, "own") as pagerduty,
        launched(
            present,
            "check",
            gitlab_url=gitlab,
            slack_api_url=f"{slack}/api/",
            pagerduty_api_url=pagerduty,
            pagerduty_api_token=account.token,
            **MANAGERS,
            **trusted,
        ) as process,
    ):
        yield process


async def test_a_certificate_that_nobody_vouches_for_is_named_with_the_variable_that_helps(
    present: Town,
) -> None:
    account = Account(clock=present.clock)
    async with checking_behind_own_ca(present, account, NONE) as process:
        assert await process.ended() == SETUP_IS_WRONG, process.complained
    judged = ("PROBLEM", "warning", "unknown")
    said = [line for line in process.said.splitlines() if line.startswith(judged)]
    for line, start in zip(
        said,
        (
            "PROBLEM  SLACK_API_URL: Slack's certificate is not trusted (",
            "PROBLEM  GITLAB_URL: GitLab's certificate is not trusted (",
            "warning  PAGERDUTY_SCHEDULE P9UIIDY: PagerDuty's certificate is not trusted (",
        ),
        strict=True,
    ):
        assert line.startswith(start)
        assert REMEDY in line


async def test_one_variable_makes_every_client_trust_a_ca_of_ones_own(present: Town) -> None:
    account = Account(clock=present.clock)
    account.add_schedule("P9UIIDY", account.add_user("Blake Sample", "blake@example.com"))
    async with checking_behind_own_ca(present, account, OWN) as process:
        assert await process.ended() == 0
        assert "Blake Sample" in process.said
        assert not re.search(r"(?m)^(PROBLEM|warning) ", process.said), process.said


async def test_the_variable_that_only_gitlabs_client_knows_still_counts(present: Town) -> None:
    async with (
        encrypted(present.gitlab.url, "own") as gitlab,
        launched(
            present,
            "check",
            gitlab_url=gitlab,
            requests_ca_bundle=FIXTURES / "tls" / "own.pem",
            **NONE,
        ) as process,
    ):
        assert await process.ended() == 0
        assert "GitLab project" in process.said


async def test_the_bot_starts_beside_a_gitlab_whose_certificate_has_expired(
    present: Town,
) -> None:
    expired = {"ssl_cert_file": FIXTURES / "tls" / "expired.pem"}
    async with (
        encrypted(present.gitlab.url, "expired") as gitlab,
        bot_process(present, gitlab_url=gitlab, **expired) as process,
    ):
        assert (
            "GitLab: could not be checked: GitLab's certificate is not trusted ("
            in process.complained
        )
        assert "expired" in process.complained
        assert "the bot starts and keeps trying" in process.complained
