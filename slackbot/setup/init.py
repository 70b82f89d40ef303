"""Asks for what the bot needs, and writes ``.env``."""

import os
import re
import shlex
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from getpass import getpass
from pathlib import Path
from secrets import token_urlsafe
from urllib.parse import urlsplit

from slackbot.exit_codes import SETUP_IS_WRONG, STOPPED
from slackbot.settings import ENV_FILE, Settings, problem_of
from slackbot.setup.manifest import App, host_of, link, public_url

OWNER_ONLY = 0o600
SECRET_BYTES = 32
HOW_TO_CREATE = (
    "The long link below creates the Slack app: open it in a browser, create the app, and choose\n"
    "Install to Workspace. If you have an app for the bot already, skip the link."
)
_SIMPLE = re.compile(r"[\w:/.@+=,#~%-]*", re.ASCII)
"""What every reader of such a file takes as it is."""


class NotAsked(Exception):
    """The message says why nothing was written, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """``flag`` answers it on the command line; a secret is in a file that the flag names."""

    setting: str
    flag: str
    text: str
    default: str = ""
    is_secret: bool = False


GITLAB = str(Settings.model_fields["gitlab_url"].default)
DEFAULTS = {"ssat_channel": str(Settings.model_fields["ssat_channel"].default)}
PROJECT = Question(
    setting="gitlab_project",
    flag="--project",
    text="The feedback project in GitLab: its address or path",
    default=str(Settings.model_fields["gitlab_project"].default),
)
TRANSPORT = Question(
    setting="",
    flag="--url or --socket",
    text="The bot's public address, such as https://bot.example.com; empty for Socket Mode, "
    "which needs none",
)
BOT_TOKEN = Question(
    setting="slack_bot_token",
    flag="--slack-bot-token-file",
    text="Slack bot token, xoxb-… (app page, OAuth & Permissions)",
    is_secret=True,
)
APP_TOKEN = Question(
    setting="slack_app_token",
    flag="--slack-app-token-file",
    text="Slack app-level token, xapp-…, with the scope connections:write (app page, "
    "Basic Information)",
    is_secret=True,
)
SIGNING_SECRET = Question(
    setting="slack_signing_secret",
    flag="--slack-signing-secret-file",
    text="Slack signing secret (app page, Basic Information)",
    is_secret=True,
)
GITLAB_TOKEN = Question(
    setting="gitlab_token",
    flag="--gitlab-token-file",
    text="GitLab token of the bot's account (docs/install.md says which)",
    is_secret=True,
)


def run_init(arguments: Namespace) -> int:
    try:
        file = _room()
        answers = Answers(vars(arguments))
        app = answers.ask_for_app()
        answers.ask_for_tokens(app)
        write_new(file, env_text(answers.given, app))
    except (NotAsked, OSError) as problem:
        print(problem, file=sys.stderr)
        return SETUP_IS_WRONG
    except (KeyboardInterrupt, EOFError):
        print("\nStopped. Nothing was written.", file=sys.stderr)
        return STOPPED
    print(f"\nWrote {file}, which only you can read.")
    if not answers.has_shown_link:
        print(f"\n{HOW_TO_CREATE}\n\n{link(app)}")
    print(f"\n{_effect(answers.given)}\n\nNext:")
    steps = next_steps(answers.given["ssat_channel"], app, own_command())
    print(*(f"  {number}. {step}" for number, step in enumerate(steps, 1)), sep="\n")
    return 0


def _effect(given: Mapping[str, str]) -> str:
    gitlab, channel = given.get("gitlab_url", GITLAB), given["ssat_channel"]
    project = given[PROJECT.setting]
    return (
        f"The bot will read the feedback in {project} at {gitlab},\n"
        f"and post its cards in {channel} (SSAT_CHANNEL in the file sets another channel)."
    )


def next_steps(channel: str, app: App, command: str) -> list[str]:
    steps = [f"In Slack, type /invite @ssat-bot in {channel}."]
    if app.url is not None:
        steps.append(f"Let a proxy pass {app.url} to the bot: docs/security.md says which paths.")
    steps += [
        f"{command} check   (says what to fix)",
        f"{command} run     (starts the bot)",
    ]
    if app.url is not None:
        fix = f"{command} check --fix webhook --url {app.url}"
        steps.append(f"{fix}   (while the bot runs)")
    return steps


def own_command() -> str:
    """Return the program as it was called."""
    called = sys.argv[0]
    if Path(called).name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m slackbot"
    name = Path(called).name
    return name if shutil.which(name) == called else shlex.quote(called)


def _room() -> Path:
    """Return the file to write, before anybody types a token in vain."""
    file = Path(ENV_FILE).absolute()
    if os.path.lexists(file):
        raise NotAsked(
            f"{file} exists, and init never writes over it. Run ssat-bot check, which says what to "
            "fix in it, or move it away and run init again."
        )
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise NotAsked(f"{file.parent} cannot be written to: run init in another folder.")
    return file


class Answers:
    """Takes flags first, and asks for the rest on a terminal."""

    def __init__(self, flags: Mapping[str, str | bool | None]) -> None:
        self._flags, self._can_ask = flags, sys.stdin.isatty()
        self.given: dict[str, str] = {}
        """By the settings' names."""
        self.has_shown_link = False
        self._url: str | None = None

    def ask_for_app(self) -> App:
        self._refuse_flags()
        for setting in ("gitlab_url", "ssat_channel"):
            flag = setting.removeprefix("ssat_")
            if text := self._flag(flag) or DEFAULTS.get(setting):
                self._take(text, partial(self._keep_as, setting), f"--{flag.replace('_', '-')}")
        self._answer(PROJECT, self._keep_project)
        self._answer(TRANSPORT, self._keep_url)
        if self._url is not None:
            self._keep({"gitlab_webhook_secret": token_urlsafe(SECRET_BYTES)})
        return App(url=self._url, gitlab_host=host_of(self.given.get("gitlab_url", GITLAB)))

    def ask_for_tokens(self, app: App) -> None:
        second = APP_TOKEN if app.url is None else SIGNING_SECRET
        if None in (self._flag_of(BOT_TOKEN), self._flag_of(second)):
            self.has_shown_link = True
            print(f"\n{HOW_TO_CREATE}\n\n{link(app)}")
        for question in (BOT_TOKEN, second, GITLAB_TOKEN):
            self._answer(question, partial(self._keep_as, question.setting))

    def _refuse_flags(self) -> None:
        """Name what is missing where nobody can be asked, and what belongs to the other mode."""
        is_http, is_socket = self._flag("url") is not None, bool(self._flags.get("socket"))
        for is_wrong, question in ((is_http, APP_TOKEN), (is_socket, SIGNING_SECRET)):
            if is_wrong and self._flag_of(question) is not None:
                other = "--socket" if is_http else "--url"
                raise NotAsked(f"{question.flag} belongs to {other}: leave one of the two out.")
        second = SIGNING_SECRET if is_http else APP_TOKEN
        questions = (PROJECT, TRANSPORT, BOT_TOKEN, second, GITLAB_TOKEN)
        missing = [each.flag for each in questions if self._flag_of(each) is None]
        if missing and not self._can_ask:
            raise NotAsked(
                "Nobody can be asked, because standard input is no terminal. "
                f"Give these flags, too: {', '.join(missing)}"
            )

    def _flag(self, name: str) -> str | None:
        value = self._flags.get(name)
        return value if isinstance(value, str) else None

    def _flag_of(self, question: Question) -> str | None:
        """Return the answer that a flag gives, ``None`` if it has to be asked."""
        if question is TRANSPORT:
            return "" if self._flags.get("socket") else self._flag("url")
        value = self._flag(question.flag.removeprefix("--").replace("-", "_"))
        return _read_secret(value, question.flag) if value and question.is_secret else value

    def _answer(self, question: Question, keep: Callable[[str], object]) -> None:
        """Ask until there is an answer to keep; a flag cannot be asked again."""
        said = self._flag_of(question)
        if said is not None:
            self._take(said, keep, question.flag)
            return
        while True:
            try:
                keep(_asked(question))
            except ValueError as problem:
                print(f"  {problem}")
            else:
                return

    def _take(self, text: str, keep: Callable[[str], object], flag: str) -> None:
        try:
            keep(text)
        except ValueError as problem:
            raise NotAsked(f"{flag}: {problem}") from None

    def _keep_as(self, setting: str, text: str) -> None:
        self._keep({setting: text.strip()})

    def _keep_url(self, text: str) -> None:
        is_socket_mode = not text and self._flag("url") is None
        self._url = None if is_socket_mode else public_url(text)

    def _keep_project(self, text: str) -> None:
        """Take GitLab's address from that of the project."""
        found, parts = {PROJECT.setting: text}, urlsplit(text)
        if parts.scheme and not self._flag("gitlab_url"):
            if "@" in parts.netloc:
                raise ValueError("give the address without a name and a password")
            found = {"gitlab_url": f"{parts.scheme}://{parts.netloc}"}
            found |= {PROJECT.setting: parts.path.partition("/-/")[0].strip("/")}
        self._keep(found)

    def _keep(self, found: dict[str, str]) -> None:
        """Judge it as each start does."""
        for setting in found:
            if problem := problem_of(setting, self.given | found):
                raise ValueError(f"{setting.upper()}: {problem}")
        self.given |= found


def _asked(question: Question) -> str:
    default = f"[{question.default}] " if question.default else ""
    print(f"\n{question.text}")
    said = getpass(f"{default}> ") if question.is_secret else input(f"{default}> ")
    return said.strip() or question.default


def _read_secret(file: str, flag: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise NotAsked(f"{flag}: {file} cannot be read: {why}") from None


def env_text(given: Mapping[str, str], app: App) -> str:
    how = "Socket Mode" if app.url is None else f"Slack calls {app.url}"
    lines = [f"# Written by ssat-bot init: {how}. docs/settings.md lists all settings."]
    lines += [f"{name.upper()}={quoted(value)}" for name, value in sorted(given.items())]
    return "\n".join(lines) + "\n"


def quoted(value: str) -> str:
    """Write a line's value so that python-dotenv reads back just that.

    It looks for ``${`` even between single quotes; the default of a variable without a name is the
    way to have one.
    """
    if _SIMPLE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("${", "${:-$}{")
    return f"'{escaped}'"


def write_new(file: Path, text: str) -> None:
    """Create the file for its owner only, never over another one, and whole or not at all."""
    try:
        opened = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY)
        try:
            with os.fdopen(opened, "w", encoding="utf-8") as writing:
                writing.write(text)
                writing.flush()
                os.fsync(writing.fileno())
        except BaseException:
            file.unlink()
            raise
    except OSError as error:
        raise NotAsked(f"{file} was not written: {error.strerror}") from error
