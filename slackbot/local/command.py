"""``ssat-bot local``: the bot with a Slack and a GitLab of its own, and a page to try it on."""

import asyncio
import base64
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from sqlalchemy.engine import URL

from slackbot import watch
from slackbot.app import connect, run_bot
from slackbot.local.cast import PEOPLE
from slackbot.local.clock import LocalClock
from slackbot.local.gitlab import serve as serve_gitlab
from slackbot.local.page import Page, serve_page
from slackbot.local.pagerduty import serve as serve_pagerduty
from slackbot.local.sample import (
    CHANNEL,
    KUDOS_CHANNEL,
    MANAGERS,
    PROJECT,
    SCHEDULE,
    SPEED,
    Sample,
)
from slackbot.local.slack import serve as serve_slack
from slackbot.logs import configure_logs
from slackbot.settings import Settings

log = structlog.get_logger()

HOST = "127.0.0.1"
CANNOT_START = 2
PROXIES = ("http_proxy", "https_proxy", "all_proxy")

BANNER = """
  ssat-bot runs here with a Slack and a GitLab of its own; nothing leaves this machine.

      Open  {url}

  Ctrl-C stops it, and everything that was done is forgotten.
"""


class LocalSettings(Settings):
    """The settings of the bot here: only what the code says, whatever the environment holds."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the code alone."""
        return (init_settings,)


async def run_local(port: int) -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code.

    Args:
        port: The page's port on this machine; 0 for any that is free.
    """
    stopped = _stop_on_signals()
    try:
        listener = socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        print(f"Port {port}: {reason}. Choose another with --port.", file=sys.stderr)
        return CANNOT_START
    _forget_proxies()
    with listener, tempfile.TemporaryDirectory(prefix="ssat-local-") as folder:
        sample = Sample(LocalClock())
        page = Page(sample)
        async with _bot_between(sample, Path(folder)), serve_page(page, listener) as url:
            print(BANNER.format(url=url), flush=True)
            async with _playing(sample, page):
                await stopped.wait()
    return 0


def _stop_on_signals() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _forget_proxies() -> None:
    """Talk to the stand-ins directly, and not through a proxy."""
    for name in PROXIES:
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)


@contextlib.asynccontextmanager
async def _bot_between(sample: Sample, folder: Path) -> AsyncIterator[None]:
    """Serve the platforms and run the bot between them."""
    async with (
        serve_slack(sample.slack),
        serve_gitlab(sample.gitlab),
        serve_pagerduty(sample.pagerduty) as pagerduty,
    ):
        settings = LocalSettings(**_settings(sample, folder, pagerduty))
        configure_logs(settings.secrets)
        logging.getLogger().setLevel(logging.WARNING)  # the page shows what happens
        logging.getLogger(watch.__name__).setLevel(logging.ERROR)  # here people set the clock
        async with (
            connect(settings, SPEED / 2) as clients,
            run_bot(settings, clients, clock=sample.clock) as url,
        ):
            _point_to(url, sample, settings)
            yield


def _settings(sample: Sample, folder: Path, pagerduty: str) -> dict[str, Any]:
    return {
        "slack_bot_token": sample.slack.bot_token,
        "slack_signing_secret": sample.slack.signing_secret,
        "slack_api_url": f"{sample.slack.base_url}/api/",
        "ssat_channel": f"#{CHANNEL}",
        "ssat_kudos_channel": f"#{KUDOS_CHANNEL}",
        "gitlab_url": sample.gitlab.url,
        "gitlab_token": sample.token,
        "gitlab_project": PROJECT,
        "gitlab_webhook_secret": secrets.token_hex(16),
        "gitlab_webhook_signing_token": f"whsec_{_random_base64()}",
        "database_url": _database_url(folder),
        "port": 0,
        "ssat_poll_seconds": 10,
        "ssat_people_file": _people_file(folder),
        "ssat_managers": MANAGERS,
        "pagerduty_api_token": sample.pagerduty.token,
        "pagerduty_schedule": SCHEDULE,
        "pagerduty_api_url": pagerduty,
    }


def _database_url(folder: Path) -> str:
    # The folder's name may have what means something in a URL.
    return URL.create("sqlite", database=str(folder / "ssat-bot.db")).render_as_string()


def _random_base64() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _people_file(folder: Path) -> Path:
    path = folder / "people.toml"
    people = [each for each in PEOPLE if each.gitlab and each.is_linked]
    linked = [f'{each.slack} = "{each.gitlab}"' for each in people]
    path.write_text("\n".join(["[people]", *linked, ""]), encoding="utf-8")
    return path


def _point_to(bot_url: str, sample: Sample, settings: Settings) -> None:
    """Let clicks in Slack and hooks of GitLab find the bot."""
    token, signing = settings.gitlab_webhook_secret, settings.gitlab_webhook_signing_token
    sample.slack.request_url = f"{bot_url}/slack/events"
    sample.gitlab.add_hook(
        sample.project,
        f"{bot_url}/gitlab/webhook",
        token=token.get_secret_value() if token else None,
        signing_token=signing.get_secret_value() if signing else None,
    )


@contextlib.asynccontextmanager
async def _playing(sample: Sample, page: Page) -> AsyncIterator[None]:
    """Let the past days happen while the page is being opened."""

    async def play() -> None:
        try:
            await sample.play()
        except (AssertionError, LookupError) as error:
            # Something is there to see all the same.
            log.error("sample_incomplete", problem=str(error))
        page.begin()

    task = asyncio.create_task(play())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
