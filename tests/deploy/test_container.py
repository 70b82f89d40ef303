"""The Containerfile: what a linter and the bot itself can say of it without building the image."""

import asyncio
import json
import re
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.deploy.places import BIN, DEPLOY, ROOT, complaints
from tests.process import bot_process, present_town
from tests.town import Town

CONTAINERFILE = DEPLOY / "container/Containerfile"
TEXT = CONTAINERFILE.read_text().replace("\\\n", " ")


@pytest.fixture
async def town(tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    async with present_town(tmp_path, sqlite) as built:
        yield built
        built.check()


def lines_of(instruction: str, text: str = TEXT) -> list[str]:
    return re.findall(rf"^ *{instruction} +(.*)$", text, re.MULTILINE)


def last_stage() -> str:
    return TEXT.rpartition("\nFROM ")[2]


def copied() -> set[str]:
    """What is copied from the project."""
    sources = [line.split()[:-1] for line in lines_of("COPY") if "--from" not in line]
    return {source for each in sources for source in each}


def test_the_linter_has_nothing_to_say() -> None:
    said = complaints(BIN / "hadolint", "--failure-threshold", "style", CONTAINERFILE)
    assert said == ""


def test_the_linter_would_say_so(tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text("FROM python\nRUN cd /tmp\n")
    said = complaints(BIN / "hadolint", tmp_path / "Containerfile")
    assert "DL3006" in said
    assert "DL3003" in said


def test_what_is_installed_has_the_hashes_of_the_lock() -> None:
    installs = [line for line in lines_of("RUN") if " install " in line and "pip" in line]
    assert len(installs) == 2
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert "--no-deps --no-build-isolation" in installs[1]


def test_the_context_has_what_is_copied_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert let_through == copied()
    for name in copied():
        assert (ROOT / name).exists()


def test_what_the_package_is_made_of_is_copied() -> None:
    made = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = made["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel.get("force-include", {}), made["project"]["readme"]}
    assert needed | {*made["project"]["license-files"]} <= copied()


def test_it_runs_as_a_number_that_is_not_root() -> None:
    (user,) = lines_of("USER", last_stage())
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    owner, _, group = user.partition(":")
    assert f"--owner={owner} --group={group}" in last_stage()


def test_a_signal_reaches_the_bot_and_not_a_shell() -> None:
    assert [json.loads(line) for line in lines_of("ENTRYPOINT")] == [["ssat-bot"]]
    assert [json.loads(line) for line in lines_of("CMD")] == [["run"]]
    assert lines_of("STOPSIGNAL") == ["SIGTERM"]


async def test_the_health_check_says_whether_the_bot_lives(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", town.gitlab.url)  # the check asks the bot itself
    (health_check,) = lines_of("HEALTHCHECK")
    command = json.loads(health_check.partition(" CMD ")[2])
    assert command[0] == "python"
    async with bot_process(town, http_proxy=None) as bot:
        monkeypatch.setenv("PORT", bot.url.rpartition(":")[2])
        assert await exit_code(sys.executable, *command[1:]) == 0
    assert await exit_code(sys.executable, *command[1:]) == 1


async def exit_code(*command: str) -> int:
    child = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    return await child.wait()
