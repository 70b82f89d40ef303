"""A new administrator with the check alone: from half a set-up to a hook that arrives."""

import asyncio
import json
import os
import pty
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.process import MANAGERS, bot_process, environment, launched, present_town
from tests.town import HOOK_SECRET, Town

pytestmark = pytest.mark.story


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with present_town(tmp_path) as built:
        yield built


async def test_a_new_administrator_gets_from_half_a_set_up_to_a_hook_that_arrives(
    town: Town,
) -> None:
    secretless = MANAGERS | {"gitlab_webhook_secret": None}
    half = secretless | {"gitlab_token": None, "ssat_channel": "#nowhere"}
    async with launched(town, "check", **half) as process:
        assert await process.ended() == 2
        problems = [line for line in process.said.splitlines() if line.startswith("PROBLEM")]
        assert problems[0] == "PROBLEM  GITLAB_TOKEN: is not set"
        assert "there is no such channel, or the bot is not in it: /invite it there" in problems[1]
        assert "ok       Slack workspace" in process.said
    async with launched(town, "check", **secretless) as process:
        assert await process.ended() == 0
        assert process.said.endswith("All is well.\n")
        assert "no webhook is taken without a secret: the poll finds requests" in process.said
    async with launched(town, "check --fix webhook", **secretless) as process:
        assert await process.ended() == 2
        assert "set GITLAB_WEBHOOK_SECRET, for example to what" in process.complained
    async with bot_process(town, **MANAGERS) as bot:
        by_hand = town.gitlab.hooks.pop()
        fix = f"check --fix webhook --url {bot.url}"
        async with launched(town, fix, **MANAGERS) as process:
            assert await process.ended() == 2
            assert "a webhook needs the role Maintainer" in process.complained
        town.gitlab.add_member(town.project, town.bot, 40)
        first = town.feedback()
        async with launched(town, fix, **MANAGERS) as process:
            assert await process.ended() == 1
            assert "Nothing was changed: add --yes" in process.complained
            assert town.gitlab.hooks == []
        async with launched(town, f"{fix} --yes", **MANAGERS) as process:
            assert await process.ended() == 0
            assert "answered 200" in process.said
            assert HOOK_SECRET not in process.said + process.complained
        await town.card(first, "🟠 Unclaimed")  # by the test
        await town.card(town.feedback(), "🟠 Unclaimed")  # and not by the poll, an hour later
        async with launched(town, "check --live --json", **MANAGERS) as process:
            assert await process.ended() == 0
            document = json.loads(process.said)
            assert document["summary"] == "All is well."
        town.gitlab.hooks[:] = [by_hand]


@pytest.mark.parametrize(("answer", "hooks"), [("y", 1), ("n", 0), ("", 0)])
async def test_on_a_terminal_it_asks_first(town: Town, answer: str, hooks: int) -> None:
    town.gitlab.add_member(town.project, town.bot, 40)
    town.feedback()
    command = "check --fix webhook --url http://127.0.0.1:1"
    code, shown = await on_a_terminal(town, command, answer)
    assert "Create the webhook? [y/N]" in shown
    assert len(town.gitlab.hooks) == hooks
    assert code == 1  # declined, or nobody answers there


async def on_a_terminal(town: Town, command: str, answer: str) -> tuple[int, str]:
    """Run a command with a terminal, type an answer; return its exit code and what it showed."""
    ours, theirs = pty.openpty()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "slackbot", *command.split()),
        env=environment(town, **MANAGERS),
        cwd=town.folder,
        stdin=theirs,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    shown, _ = await child.communicate()
    os.close(ours)
    return child.returncode or 0, shown.decode()


@pytest.mark.parametrize(
    "command",
    ["check --yes", "check --replace", "check --url https://x", "check --fix webhook --json"],
)
async def test_options_that_do_not_fit_together_are_refused(town: Town, command: str) -> None:
    async with launched(town, command) as process:
        assert await process.ended() == 2
        assert "go with --fix" in process.complained


async def test_a_broken_people_file_is_one_problem_among_others(town: Town) -> None:
    town.people_file.write_text("[people\n")
    async with launched(town, "check", **MANAGERS) as process:
        assert await process.ended() == 2
        problems = [line for line in process.said.splitlines() if line.startswith("PROBLEM")]
        assert len(problems) == 1
        assert problems[0].startswith("PROBLEM  SSAT_PEOPLE_FILE: ")
        assert "ok       GitLab project" in process.said


async def test_a_document_is_all_that_is_on_standard_output(town: Town) -> None:
    (town.folder / ".env").write_bytes(b"SSAT_LEAD=\xff\xfe\x00")
    async with launched(town, "check --json") as process:
        assert await process.ended() == 2
        [section] = json.loads(process.said)["sections"]
        assert section["findings"][0]["verdict"] == "problem"
