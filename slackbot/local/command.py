"""``ssat-bot local``: the bot with a Slack and a GitLab of its own, and a page to try it on."""

import asyncio
import logging
import os
import signal
import socket
import sys
from datetime import datetime
from pathlib import Path

from slackbot import health
from slackbot.local.page import Page, serve_page, serve_preview
from slackbot.local.preview import Preview
from slackbot.local.scenario import ScenarioError, load
from slackbot.local.stage import Stage
from slackbot.local.world import World
from slackbot.logs import LogLevel, configure_logs

HOST, PORT = "127.0.0.1", 8080
CANNOT_START = 2
PROXIES = ("http_proxy", "https_proxy", "all_proxy")

BANNER = """
  ssat-bot runs here with its own Slack, GitLab and PagerDuty. Nothing leaves this machine.

      Open  {url}

  Ctrl-C stops it, and everything that was done is forgotten. For other programs,
  the stand-ins are served at {stand_ins}.
"""
PREVIEW = """
  {path}: {verdict}

      Open  {url}

  The page shows the file anew when it changes. Ctrl-C stops it.
"""


async def run_local(
    port: int | None, scenario_name: str | None, begins_at: datetime | None = None
) -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code.

    Args:
        port: The page's port on this machine; 0 for any that is free, ``None`` for the usual one
            or, where that is taken, any.
        scenario_name: What is played at once: a name, or the path of a file.
        begins_at: The moment at which people come to the page, aware; by default now.
    """
    stopped = _stop_on_signals()
    try:
        scenario = load(scenario_name) if scenario_name else None
        listener = _listen(port)
    except (ScenarioError, _CannotStart) as problem:
        print(problem, file=sys.stderr)
        return CANNOT_START
    _forget_proxies()
    _log_for_people()
    with_past = scenario is None or scenario.begins == "with the sample"
    world = World(with_past=with_past, begins_at=begins_at)
    stage = Stage(world)
    with listener:
        try:
            await stage.begin()
            async with serve_page(Page(stage), listener) as url:
                stand_ins = ", ".join(map(" ".join, world.addresses.items()))
                print(BANNER.format(url=url, stand_ins=stand_ins), flush=True)
                if scenario:
                    stage.perform(scenario)
                await stopped.wait()
        finally:
            await stage.end()
    return 0


async def run_preview(port: int | None, path: Path) -> int:
    """Show a file with blocks until Ctrl-C or SIGTERM; returns the exit code."""
    stopped = _stop_on_signals()
    try:
        preview = _preview(path)
        listener = _listen(port)
    except _CannotStart as problem:
        print(problem, file=sys.stderr)
        return CANNOT_START
    problems = preview.read()["problems"]
    verdict = "Slack would take it." if not problems else "\n    ".join(["", *problems])
    with listener:
        async with serve_preview(preview, listener) as url:
            print(PREVIEW.format(path=path, verdict=verdict, url=url), flush=True)
            await stopped.wait()
    return 0


class _CannotStart(Exception):
    """The message says what to do."""


def _preview(path: Path) -> Preview:
    if not path.is_file():
        raise _CannotStart(f"There is no file {path}.")
    return Preview(path)


def _listen(port: int | None) -> socket.socket:
    try:
        return socket.create_server((HOST, PORT if port is None else port))
    except (OSError, OverflowError) as error:
        if port is None:
            print(f"  Port {PORT} is taken; the page takes another.", flush=True)
            return socket.create_server((HOST, 0))
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise _CannotStart(f"Port {port}: {reason}. Choose another with --port.") from error


def _log_for_people() -> None:
    """Write errors only, in words: the page tells of what happens, and of trouble switched on."""
    configure_logs((), watched=True, level=LogLevel.ERROR)
    logging.getLogger(health.__name__).setLevel(logging.CRITICAL)


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
