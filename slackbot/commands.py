"""What the commands do, and with which exit code they end."""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from slackbot import __version__, tracing
from slackbot.app import Clients, connect, run_bot
from slackbot.blocks.answers.csv_file import csv_of
from slackbot.blocks.answers.stats import lines, not_asked_words
from slackbot.blocks.text import without_markup
from slackbot.check.findings import Verdict, fatal
from slackbot.check.start import examine
from slackbot.clock import system_clock
from slackbot.exit_codes import NOT_CHECKED, NOTHING_TO_DO, SETUP_IS_WRONG, STOPPED
from slackbot.logs import configure_logs
from slackbot.people import file as people_file
from slackbot.people.file import PeopleFileError, check_people
from slackbot.people.roster import list_people, unlink
from slackbot.platforms.errors import PlatformError
from slackbot.rules.timing.period import NotAsked
from slackbot.settings import Settings, SettingsError, load_partly, load_settings
from slackbot.store.engine.database import Database, DatabaseError, at_hand

log = structlog.get_logger()


Command = Callable[[Settings, argparse.Namespace], Coroutine[None, None, int]]

# What a command needs: other settings may be wrong, and other files missing.
ALL = frozenset(Settings.model_fields)
DATABASE = frozenset({"database_url"})
PEOPLE = frozenset({"ssat_people_file", "ssat_people_keys"})


def perform(arguments: argparse.Namespace) -> int:
    return COMMANDS[arguments.command](arguments)


def _with_settings(
    command: Command,
    needs: frozenset[str],
    arguments: argparse.Namespace,
    when_stopped: int = STOPPED,
) -> int:
    try:
        settings = load_settings(needs)
        _configure_logs(settings)
        if "ssat_people_file" in needs:
            _read_people(settings)
        return asyncio.run(_until_stopped(command(settings, arguments), when_stopped))
    except BrokenPipeError:
        raise  # nobody reads the output any more: that is not about the set-up
    except (SettingsError, PeopleFileError, DatabaseError, PlatformError, OSError) as error:
        print(error, file=sys.stderr)
        return SETUP_IS_WRONG


def _configure_logs(settings: Settings) -> None:
    configure_logs(settings.secrets, watched=settings.log_format.watched, level=settings.log_level)


def _say_on_the_screen_only() -> None:
    """Leave what is wrong with people out of the log: such a command prints it."""
    logging.getLogger(people_file.__name__).setLevel(logging.CRITICAL)


def _read_people(settings: Settings) -> None:
    if settings.ssat_people_file:
        check_people(settings.ssat_people_file)


def _init(arguments: argparse.Namespace) -> int:
    from slackbot.setup.init import run_init  # a start of the bot needs none of it

    return run_init(arguments)


def _manifest(arguments: argparse.Namespace) -> int:
    from slackbot.setup.manifest import run_manifest  # a start of the bot needs none of it

    return run_manifest(arguments)


def _local(arguments: argparse.Namespace) -> int:
    from slackbot.local.command import run_local, run_preview  # for trying only

    if arguments.blocks:
        return asyncio.run(run_preview(arguments.port, arguments.blocks))
    return asyncio.run(run_local(arguments.port, arguments.scenario, arguments.at))


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


def _check(arguments: argparse.Namespace) -> int:
    """Check what can be checked, whatever is wrong with the rest."""
    if not arguments.fix and (arguments.url or arguments.replace or arguments.yes):
        print("--url, --replace and --yes go with --fix webhook", file=sys.stderr)
        return SETUP_IS_WRONG
    if arguments.fix and (arguments.json or arguments.live):
        print("--json and --live do not go with --fix", file=sys.stderr)
        return SETUP_IS_WRONG
    try:
        settings, problems = load_partly()
    except SettingsError as error:
        if arguments.json:
            from slackbot.check.screen import as_json

            print(as_json([fatal("settings", error)]))
        else:
            print(error, file=sys.stderr)
        return SETUP_IS_WRONG
    _configure_logs(settings)
    _say_on_the_screen_only()
    wrong = dict(problems)
    try:
        _read_people(settings)
    except PeopleFileError as error:
        wrong["ssat_people_file"] = str(error).removeprefix("SSAT_PEOPLE_FILE: ")
        settings = settings.model_copy(update={"ssat_people_file": None})
    return asyncio.run(_until_stopped(_examine(settings, wrong, arguments), STOPPED))


async def _examine(
    settings: Settings, wrong: Mapping[str, str], arguments: argparse.Namespace
) -> int:
    if arguments.fix:
        from slackbot.setup.webhook import fix_webhook

        return await fix_webhook(
            settings,
            wrong,
            arguments.url,
            is_agreed=arguments.yes,
            replaces=arguments.replace,
        )
    from slackbot.check.screen import as_json, examine_all, exit_code, lines

    found = await examine_all(settings, wrong, datetime.now(UTC), is_live=arguments.live)
    if arguments.json:
        print(as_json(found))
    else:
        print(*lines(found), sep="\n")
    return exit_code(found)


async def _may_start(settings: Settings, clients: Clients, *, by_the_bot: bool) -> bool:
    findings = await examine(settings, clients)
    for finding in findings:
        if finding.verdict is not Verdict.OK:
            print(finding.said(by_the_bot=by_the_bot), file=sys.stderr)
    return not any(finding.is_fatal for finding in findings)


async def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    async with connect(settings) as clients:
        if not await _may_start(settings, clients, by_the_bot=True):
            return SETUP_IS_WRONG
        with tracing.tracing(__version__):
            await _work(settings, clients)
    return 0


async def _work(settings: Settings, clients: Clients) -> None:
    async with run_bot(settings, clients) as url:
        log.info("running", version=__version__, url=url, socket_mode=settings.uses_socket_mode)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()  # for ever
        log.info("stopping")


async def _migrate(settings: Settings, arguments: argparse.Namespace) -> int:
    async with at_hand(settings.database_url) as database:
        await database.open()
    print("The database is ready for this release.")
    return 0


async def _back_up(settings: Settings, arguments: argparse.Namespace) -> int:
    from slackbot.store.engine import backup  # a start of the bot needs none of it

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
        if not await _may_start(settings, clients, by_the_bot=False):
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


async def _list_people(settings: Settings, arguments: argparse.Namespace) -> int:
    print(*await list_people(settings), sep="\n")
    return 0


async def _check_people(settings: Settings, arguments: argparse.Namespace) -> int:
    from slackbot.people.checkup import examine_people  # a start of the bot needs none of it

    _say_on_the_screen_only()
    async with connect(settings) as clients:
        report = await examine_people(settings, clients.slack, clients.gitlab, system_clock())
    if arguments.json:
        print(json.dumps(report.data(), ensure_ascii=False, indent=2))
    else:
        print(*report.lines(), sep="\n")
    if report.gaps:
        return SETUP_IS_WRONG
    return NOT_CHECKED if report.unchecked else 0


async def _unlink(settings: Settings, arguments: argparse.Namespace) -> int:
    has_removed, lines = await unlink(settings, arguments.who)
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


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "init": _init,
    "manifest": _manifest,
    "check": _check,
    "run": partial(_with_settings, _run, ALL, when_stopped=0),
    "migrate": partial(_with_settings, _migrate, DATABASE),
    "backup": partial(_with_settings, _back_up, DATABASE),
    "rebuild": partial(_with_settings, _rebuild, ALL),
    "stats": partial(_with_settings, _stats, ALL - PEOPLE),
    "people list": partial(_with_settings, _list_people, DATABASE | PEOPLE),
    "people check": partial(_with_settings, _check_people, ALL),
    "people unlink": partial(_with_settings, _unlink, DATABASE | PEOPLE),
    "local": _local,
}


def stop_on_signals() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped
