"""The compose files by the schema of their specification; the proxy by running it."""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from yarl import URL

from slackbot.__main__ import _parser
from slackbot.door import BODY_LIMIT
from slackbot.settings import Settings
from slackbot.worker import SHUTDOWN_SECONDS
from tests.deploy.places import BIN, DEPLOY, ROOT, complaints
from tests.process import PATIENCE_SECONDS, bot_process, present_town
from tests.tools import required
from tests.town import HOOK_SECRET, Town

FOLDER = DEPLOY / "compose"
FILES = sorted(FOLDER.glob("compose*.yaml"))
LARGE, SMALL = (
    yaml.safe_load((FOLDER / name).read_text()) for name in ("compose.yaml", "compose.small.yaml")
)
OWN_VARIABLES = {"BOT_IMAGE", "POSTGRES_PASSWORD", "PUBLIC_ADDRESS"}
"""What the compose files need, and the bot doesn't know."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_specification_has_every_field(path: Path) -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    assert complaints(BIN / "check-jsonschema", *schema, path) == ""


def test_a_field_that_it_does_not_have_would_be_named(tmp_path: Path) -> None:
    changed = tmp_path / "compose.yaml"
    changed.write_text(FILES[-1].read_text().replace("cap_drop", "drop_caps"))
    schema = ("--builtin-schema", "vendor.compose-spec")
    assert "drop_caps" in complaints(BIN / "check-jsonschema", *schema, changed)


SERVICES = {
    f"{name} of {each['name']}": service
    for each in (LARGE, SMALL)
    for name, service in each["services"].items()
}


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_a_service_may_do_little(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_the_proxy_is_open_to_the_world() -> None:
    assert {name for name, each in LARGE["services"].items() if "ports" in each} == {"proxy"}
    assert LARGE["services"]["database"]["networks"] == ["inside"]
    assert LARGE["networks"]["inside"] == {"internal": True}
    assert not any("ports" in each for each in SMALL["services"].values())


def test_the_replicas_wait_for_the_migration_and_it_for_the_database() -> None:
    services = LARGE["services"]
    assert services["bot"]["deploy"]["replicas"] == 2
    assert services["bot"]["depends_on"] == {
        "migration": {"condition": "service_completed_successfully"}
    }
    assert services["migration"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    _parser().parse_args(services["migration"]["command"])


def test_a_replica_may_finish_what_it_does() -> None:
    for each in (LARGE, SMALL):
        given = re.fullmatch(r"(\d+)s", each["services"]["bot"]["stop_grace_period"])
        assert given
        assert int(given[1]) >= 2 * SHUTDOWN_SECONDS


def test_what_is_to_be_set_is_a_setting_or_of_the_compose_files() -> None:
    example = (FOLDER / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    used = set(re.findall(r"\$\{([A-Z_]+)", "".join(path.read_text() for path in FILES)))
    assert used == OWN_VARIABLES
    assert named - used <= {name.upper() for name in Settings.model_fields}
    assert used <= named


# The proxy


@pytest.fixture
async def town(tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    async with present_town(tmp_path, sqlite) as built:
        yield built
        built.check()


@asynccontextmanager
async def proxied(town: Town, bot: str) -> AsyncIterator[str]:
    """Run the proxy before a bot; Slack and GitLab know its address only."""
    caddy = required("caddy")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    environment = os.environ | {
        "PUBLIC_ADDRESS": url,
        "BOT_HOST": "localhost",
        "BOT_PORT": bot.rpartition(":")[2],
        "XDG_DATA_HOME": str(town.folder),
        "XDG_CONFIG_HOME": str(town.folder),
    }
    child = await asyncio.create_subprocess_exec(
        *(caddy, "run", "--adapter", "caddyfile", "--config", FOLDER / "Caddyfile"),
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert child.stderr is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while line := await child.stderr.readline():
                if json.loads(line)["msg"] == "serving initial configuration":
                    break
        draining = asyncio.create_task(child.stderr.read())
        town.slack.request_url = f"{url}/slack/events"
        (hook,) = town.gitlab.hooks
        hook.url = f"{url}/gitlab/webhook"
        yield url
    finally:
        child.terminate()
        await child.wait()
        await draining


async def test_clicks_and_webhooks_go_through_the_proxy(town: Town) -> None:
    async with bot_process(town, ssat_poll_seconds=3600) as bot, proxied(town, bot.url):
        await town.settled()
        issue, card = await town.request()
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.claimed(issue, "Avery Example")
        await town.settled()


async def test_a_stranger_finds_nothing_behind_the_proxy(town: Town) -> None:
    asked = [
        ("GET", "/"),
        ("GET", "/metrics"),
        ("POST", "/metrics"),
        ("GET", "/readyz"),
        ("GET", "/healthz"),
        ("GET", "/slack/events"),
        ("GET", "/gitlab/webhook"),
        ("POST", "/slack/events/"),
        ("POST", "/gitlab/webhook/../../metrics"),
        ("POST", "/gitlab/webhook%2F..%2F..%2Fmetrics"),
    ]
    async with bot_process(town) as bot, proxied(town, bot.url) as url:
        for method, path in asked:
            status, headers, text = await ask(method, url + path)
            assert (method, path, status, text) == (method, path, 404, "")  # the bot's has words
            assert "Server" not in headers


async def test_the_command_of_the_docs_shows_the_metrics_within_a_container(town: Town) -> None:
    page = (ROOT / "docs/deploy.md").read_text()
    (program,) = re.findall(r'exec --index 1 bot python -c \\\n +"(.*)"\n', page)
    async with bot_process(town, http_proxy=None) as bot:
        program = program.replace("127.0.0.1:3000", bot.url.removeprefix("http://"))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await child.communicate()
    assert child.returncode == 0
    assert b"\nssat_build_info{" in said


async def test_what_proves_nothing_and_what_is_too_large_is_refused(town: Town) -> None:
    async with bot_process(town) as bot, proxied(town, bot.url) as url:
        hook = f"{url}/gitlab/webhook"
        status, _, _ = await ask("POST", hook, b"{}")
        assert status == 401
        status, _, _ = await ask("POST", hook, b" " * (BODY_LIMIT + 1), HOOK_SECRET)
        assert status == 413


async def ask(
    method: str, url: str, body: bytes = b"", token: str = ""
) -> tuple[int, Mapping[str, str], str]:
    headers = {"X-Gitlab-Token": token}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, URL(url, encoded=True), data=body) as answer,
    ):
        return answer.status, answer.headers, await answer.text()
