"""README.md's "Install it", word for word: from a clone to a card in the channel."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from slackbot.settings import NOT_SET
from tests.process import PATIENCE_SECONDS, ROOT, STOP_SECONDS, environment, present_town
from tests.setup.terminal import Terminal
from tests.town import Town

pytestmark = pytest.mark.story

STEPS = (ROOT / "README.md").read_text().partition("## Install it\n")[2].partition("\n## ")[0]
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"^ *```sh\n(.*?)^ *```$", STEPS, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
GET_IT = ["git clone <this repository> ssat-bot && cd ssat-bot", "make .venv/installed"]
"""They need a network: what they leave behind is made here."""
PROGRAM = f"""\
#!{sys.executable}
import sys
from slackbot.__main__ import main
sys.exit(main())
"""


def said(pattern: str) -> str:
    """Return what the steps say in the place of a group, over the ends of lines."""
    found = re.search(pattern, " ".join(STEPS.split()))
    assert found, pattern
    return found[1]


def clone(folder: Path) -> Path:
    """Make what the commands in ``GET_IT`` make: the files, the program, and no settings."""
    clone = folder / "ssat-bot"
    (clone / ".venv/bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, clone)
    program = clone / ".venv/bin/ssat-bot"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    for made in ("python", "installed"):
        (clone / ".venv" / made).touch()
    return clone


@pytest.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    async with present_town(tmp_path) as town:
        monkeypatch.chdir(clone(tmp_path))
        # Only what differs from the real platforms; a minute of the poll is a second here.
        own = {"slack_api_url": town.settings["slack_api_url"], "port": 0, "ssat_poll_seconds": 1}
        wanted = environment(town, **(dict.fromkeys(town.settings) | own))
        for name in os.environ.keys() - wanted.keys():
            monkeypatch.delenv(name)
        for name, value in wanted.items():
            monkeypatch.setenv(name, value)
        yield town


async def ended(command: str) -> tuple[int | None, str]:
    """Run a command of the README; return its exit code and all that it says."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    return process.returncode, out.decode()


@contextlib.asynccontextmanager
async def running(command: str) -> AsyncIterator[Path]:
    """Run it until the end of the block, with all that it starts; return where its words go."""
    log = Path.cwd().with_name("run.log")
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", command), stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield log
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await asyncio.wait_for(process.wait(), STOP_SECONDS * 2)


def answer_five_questions(command: str, town: Town) -> str:
    terminal = Terminal("bash", "-c", command)
    terminal.answer("feedback project", f"{town.gitlab.url}/{town.project.path}")
    terminal.answer("public address", "")
    terminal.answer("bot token", town.slack.bot_token)
    terminal.answer("app-level token", town.slack.app_token)
    terminal.answer("GitLab token", town.token)
    assert terminal.ended() == 0
    assert terminal.shown.count("> ") == 5
    return terminal.shown


async def test_the_readmes_steps_lead_from_a_clone_to_a_card(town: Town) -> None:
    town.channel.members.discard(town.slack.bot_user_id)
    *get_it, init, check, run = COMMANDS
    assert get_it == GET_IT

    code, complaint = await ended(check)
    assert code == 2
    assert f"PROBLEM  GITLAB_TOKEN: {NOT_SET}" in complaint
    assert "`ssat-bot init` asks for all of it" in complaint

    shown = answer_five_questions(init, town)
    assert said(r"Type `(/invite @\S+)` in") in shown
    assert said(r"Type `/invite @\S+` in `(#\w+)`") == f"#{town.channel.name}"
    assert f"2. {check} " in shown

    code, complaint = await ended(check)
    assert code == 2
    assert "/invite it there" in complaint
    town.channel.members.add(town.slack.bot_user_id)
    code, judged = await ended(check)
    assert code == 0, judged
    labels = said(r"needs the labels (`\S+` and `\S+`)\.").replace("`", "").split(" and ")
    assert f"ok       labels: {', '.join(labels)}" in judged

    async with running(run) as log:
        label = said(r"open an issue with the label `(\S+)`")
        issue = town.gitlab.open_issue(
            town.project, author=town.avery_gitlab, title="A try", description="", labels=(label,)
        )
        await town.card(issue, "🟠 Unclaimed")
    spoken = shown + judged + log.read_text()
    for secret in (town.slack.bot_token, town.slack.app_token, town.token):
        assert secret not in spoken
