"""The command line.

``ssat-bot init``, ``manifest``, ``check``, ``run``, ``migrate``, ``backup``, ``rebuild``,
``stats``, ``people``, ``local``.
"""

import argparse
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path

from slackbot import __version__
from slackbot.exit_codes import NOBODY_READS, STOPPED


def main() -> None:
    _print_anywhere()
    with _quiet_without_a_reader(), contextlib.suppress(KeyboardInterrupt):
        arguments = _parser().parse_args()
        # As process 1, as in a container, it has no default: what comes too early would be lost.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))
        sys.exit(_perform(arguments))


@contextlib.contextmanager
def _quiet_without_a_reader() -> Iterator[None]:
    """End as others do when whoever reads the output has gone, such as ``head``."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Else Python says at its end that it could not empty its buffer.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        sys.exit(NOBODY_READS)


def _perform(arguments: argparse.Namespace) -> int:
    """Import the bot only now, a second's work, and for good.

    Little of that is garbage: to look through it again and again takes a fifth of the start, and
    later holds up whoever waits by 80 ms each time.
    """
    gc.disable()
    from slackbot.commands import perform

    gc.collect()
    gc.freeze()
    gc.enable()
    return perform(arguments)


def _print_anywhere() -> None:
    """Spell out what a console cannot show."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ssat-bot",
        description="Shows requests for a manager's contact in Slack and keeps GitLab in step.",
    )
    parser.add_argument("--version", action="version", version=f"ssat-bot {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the bot, with the settings of the environment")
    run.set_defaults(command="run")
    _add_check(commands.add_parser("check", help="show the effective set-up, and what to fix"))
    migrate = commands.add_parser(
        "migrate", help="upgrade the database's schema, and end; run does it by itself"
    )
    migrate.set_defaults(command="migrate")
    _add_backup(
        commands.add_parser("backup", help="copy the SQLite database next to the running bot")
    )
    _add_init(commands.add_parser("init", help="ask five questions, and write the file .env"))
    _add_manifest(commands.add_parser("manifest", help="print the manifest of the Slack app"))
    rebuild = commands.add_parser(
        "rebuild", help="restore the record from GitLab and Slack; stop the bot first"
    )
    rebuild.add_argument(
        "--backup", type=Path, metavar="FILE", help="put this backup in the database's place before"
    )
    rebuild.set_defaults(command="rebuild")
    _add_stats(commands.add_parser("stats", help="show trends: figures of a period"))
    _add_people(
        commands.add_parser(
            "people", help="check, list or remove links from Slack to GitLab; list profiles"
        )
    )
    _add_local(
        commands.add_parser("local", help="try the bot with a Slack and a GitLab of its own")
    )
    return parser


def _add_backup(backup: argparse.ArgumentParser) -> None:
    backup.add_argument(
        "place", type=Path, metavar="PLACE", help="a file, or a folder for one named for its time"
    )
    backup.add_argument("--replace", action="store_true", help="replace a file that exists")
    backup.add_argument(
        "--keep", type=_count, metavar="N", help="in a folder, delete all but the newest N"
    )
    backup.set_defaults(command="backup")


def _add_transport(command: argparse.ArgumentParser) -> None:
    either = command.add_mutually_exclusive_group()
    either.add_argument("--url", help="the bot's public address: Slack calls it (HTTP mode)")
    either.add_argument(
        "--socket", action="store_true", help="Socket Mode, which needs no public address"
    )


def _add_init(init: argparse.ArgumentParser) -> None:
    """Secrets are in files: others see the command line."""
    _add_transport(init)
    init.add_argument("--project", help="the feedback project in GitLab: its address or path")
    init.add_argument(
        "--gitlab-url", metavar="URL", help="GitLab's address, if it has a path of its own"
    )
    init.add_argument("--channel", help="the channel for the cards (default: #support_escalations)")
    for secret in ("slack-bot-token", "slack-app-token", "slack-signing-secret", "gitlab-token"):
        init.add_argument(f"--{secret}-file", metavar="FILE", help="a file that holds only this")
    init.set_defaults(command="init")


def _add_manifest(manifest: argparse.ArgumentParser) -> None:
    _add_transport(manifest)
    form = manifest.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON instead of YAML")
    form.add_argument(
        "--link", action="store_true", help="print the link that creates the app from it"
    )
    manifest.set_defaults(command="manifest")


def _add_check(check: argparse.ArgumentParser) -> None:
    check.add_argument("--json", action="store_true", help="print one JSON document")
    check.add_argument(
        "--live",
        action="store_true",
        help="also let Slack judge every message, and GitLab test the webhook; posts nothing",
    )
    check.add_argument(
        "--fix", choices=["webhook"], help="only create or fix the project's webhook"
    )
    check.add_argument("--url", metavar="ADDRESS", help="with --fix: where GitLab reaches the bot")
    check.add_argument(
        "--replace",
        action="store_true",
        help="with --fix: change the address of a webhook that works at another one",
    )
    check.add_argument("--yes", action="store_true", help="with --fix: do it without a question")
    check.set_defaults(command="check")


def _add_local(local: argparse.ArgumentParser) -> None:
    local.add_argument(
        "--port", type=int, help="the page's port (default: 8080, or another if that is taken)"
    )
    local.add_argument(
        "--at", type=_moment, metavar="MOMENT", help="begin at 2026-12-01T10:00Z instead of now"
    )
    either = local.add_mutually_exclusive_group()
    either.add_argument(
        "--scenario", metavar="NAME", help="play a scene, or a file: see docs/local.md"
    )
    either.add_argument(
        "--blocks", type=Path, metavar="FILE", help="only show this Block Kit JSON, and check it"
    )
    local.set_defaults(command="local")


def _add_stats(stats: argparse.ArgumentParser) -> None:
    stats.add_argument(
        "period",
        nargs="*",
        help="7d, 30d, last week, quarter, last quarter, or 2026-10-01..2026-11-01 (default: 30d)",
    )
    stats.add_argument("--by", metavar="GROUP", help="label, region, manager or score")
    stats.add_argument("--csv", action="store_true", help="print a CSV file")
    stats.add_argument(
        "--from-gitlab",
        action="store_true",
        help="read GitLab instead of the record: by default the project's whole past",
    )
    stats.set_defaults(command="stats")


def _add_people(people: argparse.ArgumentParser) -> None:
    commands = people.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="list the links and the profiles")
    listing.set_defaults(command="people list")
    checking = commands.add_parser("check", help="say who is missing what; change nothing")
    checking.add_argument("--json", action="store_true", help="print it for programs")
    checking.set_defaults(command="people check")
    unlinking = commands.add_parser("unlink", help="remove a link made with /ssat link")
    unlinking.add_argument("who", help="a Slack user id or a GitLab username")
    unlinking.set_defaults(command="people unlink")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("give a whole number of at least 1")
    return int(text)


def _moment(text: str) -> datetime:
    """Read it with its zone, or in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write a moment as 2026-12-01T10:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
