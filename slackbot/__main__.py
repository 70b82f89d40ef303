"""The command line: ``ssat-bot run``, ``check`` and ``local``."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine

import structlog

from slackbot.app import Outside, connect, run_bot
from slackbot.logs import configure_logs
from slackbot.people import PeopleFileError, read_people
from slackbot.preflight import examine
from slackbot.settings import Settings, SettingsError, load_settings
from slackbot.store.database import DatabaseError

log = structlog.get_logger()

SETUP_IS_WRONG = 2
"""The exit code for what an administrator has to mend before another start."""


def main() -> None:
    """Run the command that the arguments name."""
    arguments = _parser().parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(arguments.command(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ssat-bot",
        description="Shows requests for a manager's contact in Slack and keeps GitLab in step.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the bot, with the settings of the environment")
    run.set_defaults(command=lambda _: _with_settings(_run))
    check = commands.add_parser("check", help="tell whether the set-up is right; changes nothing")
    check.set_defaults(command=lambda _: _with_settings(_check))
    local = commands.add_parser("local", help="try the bot with a Slack and a GitLab of its own")
    local.add_argument("--port", type=int, default=8080, help="the page's port (default: 8080)")
    local.set_defaults(command=lambda arguments: _local(arguments.port))
    return parser


def _with_settings(command: Callable[[Settings], Coroutine[None, None, int]]) -> int:
    try:
        settings = load_settings()
        if settings.ssat_people_file:
            read_people(settings.ssat_people_file)
    except (SettingsError, PeopleFileError) as error:
        print(error, file=sys.stderr)
        return SETUP_IS_WRONG
    configure_logs(settings.secrets)
    return asyncio.run(command(settings))


async def _check(settings: Settings) -> int:
    is_fatal = False
    async with connect(settings) as outside:
        async for finding in examine(settings, outside):
            print(finding)
            is_fatal = is_fatal or finding.is_fatal
    return SETUP_IS_WRONG if is_fatal else 0


async def _run(settings: Settings) -> int:
    async with connect(settings) as outside:
        problems = [finding async for finding in examine(settings, outside) if finding.problem]
        for problem in problems:
            print(problem, file=sys.stderr)
        if any(problem.is_fatal for problem in problems):
            return SETUP_IS_WRONG
        try:
            await _run_until_stopped(settings, outside)
        except (DatabaseError, OSError) as error:
            print(error, file=sys.stderr)
            return SETUP_IS_WRONG
    return 0


async def _run_until_stopped(settings: Settings, outside: Outside) -> None:
    stopped = stop_on_signals()
    async with run_bot(settings, outside) as url:
        log.info("running", url=url, socket_mode=settings.uses_socket_mode)
        await stopped.wait()
        log.info("stopping")


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _local(port: int) -> int:
    from slackbot.local.command import run_local

    return asyncio.run(run_local(port))


if __name__ == "__main__":
    main()
