"""What the commands do, and with which exit code they end."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path

import structlog

from slackbot import __version__
from slackbot.app import Clients, connect, run_bot
from slackbot.blocks.csv_file import csv_of
from slackbot.blocks.stats import lines, not_asked_words
from slackbot.blocks.text import without_markup
from slackbot.check import Finding, Verdict, examine, examine_database
from slackbot.clock import system_clock
from slackbot.exit_codes import NOT_CHECKED, NOTHING_TO_DO, SETUP_IS_WRONG, STOPPED
from slackbot.logs import configure_logs
from slackbot.people.file import PeopleFileError, check_people
from slackbot.people.roster import list_people, unlink
from slackbot.platforms.errors import PlatformError
from slackbot.rules.period import NotAsked
from slackbot.settings import Settings, SettingsError, load_settings
from slackbot.store.database import Database, DatabaseError, at_hand

log = structlog.get_logger()


def perform(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "run":
            return _with_settings(_run, when_stopped=0)
        case "check":
            return _with_settings(_check)
        case "migrate" | "backup" | "rebuild":
            upkeep = {"migrate": _migrate, "backup": _back_up, "rebuild": _rebuild}
            return _with_settings(partial(upkeep[arguments.command], arguments=arguments))
        case "init" | "manifest":
            return _set_up(arguments)
        case "stats":
            return _with_settings(partial(_stats, arguments=arguments))
        case "people list":
            return _with_settings(_list_people)
        case "people check":
            return _with_settings(partial(_check_people, as_json=arguments.json))
        case "people unlink":
            return _with_settings(partial(_unlink, who=arguments.who))
        case "local":
            # The stand-ins are for trying only.
            from slackbot.local.command import run_local, run_preview

            if arguments.blocks:
                return asyncio.run(run_preview(arguments.port, arguments.blocks))
            return asyncio.run(run_local(arguments.port, arguments.scenario, arguments.at))
        case unknown:
            raise ValueError(unknown)


def _set_up(arguments: argparse.Namespace) -> int:
    """Import only what a start of the bot needs nothing of."""
    if arguments.command == "init":
        from slackbot.setup.init import run_init

        return run_init(arguments)
    from slackbot.setup.manifest import run_manifest

    return run_manifest(arguments)


def _with_settings(
    command: Callable[[Settings], Coroutine[None, None, int]], when_stopped: int = STOPPED
) -> int:
    try:
        settings = load_settings()
        configure_logs(settings.secrets)
        if settings.ssat_people_file:
            check_people(settings.ssat_people_file)
        return asyncio.run(_until_stopped(command(settings), when_stopped))
    except (SettingsError, PeopleFileError, DatabaseError, PlatformError, OSError) as error:
        print(error, file=sys.stderr)
        return SETUP_IS_WRONG


async def _until_stopped(work: Coroutine[None, None, int], when_stopped: int) -> int:
    """Cancel the work at the first signal; it ends in order, however many follow."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop_on_signals().wait())
    stopping.add_done_callback(lambda _: working.cancel())
    try:
        return await working
    except asyncio.CancelledError:
        return when_stopped
    finally:
        stopping.cancel()


async def _check(settings: Settings) -> int:
    verdicts = set()
    async for finding in _findings(settings):
        print(finding)
        verdicts.add(finding.verdict)
    if Verdict.PROBLEM in verdicts:
        return SETUP_IS_WRONG
    return NOT_CHECKED if Verdict.UNKNOWN in verdicts else 0


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    async with connect(settings) as clients:
        async for finding in examine(settings, clients):
            yield finding
    yield await examine_database(settings.database_url)


async def _may_start(settings: Settings, clients: Clients) -> bool:
    findings = [finding async for finding in examine(settings, clients)]
    for finding in findings:
        if finding.verdict is not Verdict.OK:
            print(finding, file=sys.stderr)
    return not any(finding.is_fatal for finding in findings)


async def _run(settings: Settings) -> int:
    async with connect(settings) as clients:
        if not await _may_start(settings, clients):
            return SETUP_IS_WRONG
        async with run_bot(settings, clients) as url:
            log.info("running", version=__version__, url=url, socket_mode=settings.uses_socket_mode)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()  # for ever
            log.info("stopping")
    return 0


async def _migrate(settings: Settings, arguments: argparse.Namespace) -> int:
    async with at_hand(settings.database_url) as database:
        await database.open()
    print("The database is ready for this release.")
    return 0


async def _back_up(settings: Settings, arguments: argparse.Namespace) -> int:
    from slackbot.store import backup  # a start of the bot needs none of it

    place: Path = arguments.place
    source = Database(settings.database_url).file
    if source is None:
        print(backup.dump_advice(settings.database_url, place), file=sys.stderr)
        return SETUP_IS_WRONG
    copy = partial(backup.back_up, source, place, system_clock())
    print(await asyncio.to_thread(copy, replaces=arguments.replace, keep=arguments.keep))
    return 0


async def _rebuild(settings: Settings, arguments: argparse.Namespace) -> int:
    from slackbot.rebuild import rebuild_record  # a start of the bot needs none of it

    async with connect(settings) as clients:
        if not await _may_start(settings, clients):
            return SETUP_IS_WRONG
        try:
            report = await rebuild_record(
                settings, clients, _show_progress, backup=arguments.backup
            )
        except PlatformError as error:
            print(f"{error}\nThe rebuild has stopped; it can be run again.", file=sys.stderr)
            return SETUP_IS_WRONG
    for line in report.lines():
        print(line)
    return 0


async def _stats(settings: Settings, arguments: argparse.Namespace) -> int:
    from slackbot.past import stats_for  # a start of the bot needs none of it

    text = " ".join([*arguments.period, *(["by", arguments.by] if arguments.by else [])])
    try:
        stats = await stats_for(settings, text, _show_reading, from_gitlab=arguments.from_gitlab)
    except NotAsked as asked:
        print(without_markup(not_asked_words(asked)), file=sys.stderr)
        return SETUP_IS_WRONG
    if arguments.csv or "csv" in text.casefold().split():
        print(csv_of(stats), end="")
    else:
        print(*lines(stats), sep="\n")
    return NOTHING_TO_DO if stats.now.is_empty else 0


async def _list_people(settings: Settings) -> int:
    print(*await list_people(settings), sep="\n")
    return 0


async def _check_people(settings: Settings, *, as_json: bool) -> int:
    from slackbot.people.checkup import examine_people  # a start of the bot needs none of it

    async with connect(settings) as clients:
        report = await examine_people(settings, clients.slack, clients.gitlab, system_clock())
    if as_json:
        print(json.dumps(report.data(), ensure_ascii=False, indent=2))
    else:
        print(*report.lines(), sep="\n")
    if report.gaps:
        return SETUP_IS_WRONG
    return NOT_CHECKED if report.unchecked else 0


async def _unlink(settings: Settings, who: str) -> int:
    has_removed, lines = await unlink(settings, who)
    print(*lines, sep="\n", file=sys.stdout if has_removed else sys.stderr)
    return 0 if has_removed else NOTHING_TO_DO


def _show_reading(feedbacks: int, requests: int) -> None:
    if sys.stderr.isatty():
        said = f"\r{feedbacks:,} feedbacks read, {requests:,} of them contact requests"
        print(said, end="", file=sys.stderr, flush=True)
    else:
        log.info("read", feedbacks=feedbacks, contact_requests=requests)


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done:,} of {total:,} issues restored", end=end, file=sys.stderr, flush=True)
    elif done % 100 == 0 or done == total:
        log.info("restored", issues=done, of=total)


def stop_on_signals() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped
