"""The units: what systemd says of them."""

import re
import shlex
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from slackbot.__main__ import _parser
from slackbot.worker import SHUTDOWN_SECONDS
from tests.deploy.places import BIN, DEPLOY, ROOT, complaints
from tests.tools import required

FOLDER = DEPLOY / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
UNITS = sorted([*SERVICES, *FOLDER.glob("*.timer")])
EXPOSURE = {"ssat-bot.service": 1.3, "ssat-bot-backup.service": 0.7}
"""The most that `systemd-analyze security` may say, of ten."""
WRAPPER = FOLDER / "ssat-bot-run"
PROGRAM = "/opt/ssat-bot/.venv/bin/ssat-bot"


def unit(path: Path) -> RawConfigParser:
    read = RawConfigParser(strict=False, delimiters=("=",))
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read(path)
    return read


def installed(folder: Path, *, change: tuple[str, str] = ("", "")) -> list[Path]:
    """Copy the units with the program where it is on this machine."""
    copies = []
    for path in UNITS:
        copies.append(folder / path.name)
        text = path.read_text().replace(PROGRAM, str(BIN / "ssat-bot"))
        copies[-1].write_text(text.replace(*change) if change[0] else text)
    return copies


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    analyze = required("systemd-analyze")
    assert complaints(analyze, "verify", "--man=no", *installed(tmp_path)) == ""


def test_a_line_that_it_does_not_understand_would_be_named(tmp_path: Path) -> None:
    analyze = required("systemd-analyze")
    wrong = installed(tmp_path, change=("Type=exec", "Type=execute"))
    assert "execute" in complaints(analyze, "verify", "--man=no", *wrong)


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_a_service_may_do_little(path: Path) -> None:
    analyze = required("systemd-analyze")
    most = round(EXPOSURE[path.name] * 10)
    arguments = ("security", "--offline=true", f"--threshold={most}")
    assert complaints(analyze, *arguments, path) == ""
    assert "Overall exposure" in complaints(analyze, *arguments[:-1], "--threshold=1", path)


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_what_is_started_is_a_command_of_the_bot(path: Path) -> None:
    program, *arguments = shlex.split(unit(path)["Service"]["ExecStart"])
    assert program == PROGRAM
    _parser().parse_args(arguments)


def test_scripts_are_free_of_complaints() -> None:
    shellcheck = required("shellcheck")
    assert complaints(shellcheck, WRAPPER, ROOT / ".ci/run") == ""


def test_a_single_command_runs_as_the_service_does_with_its_arguments(tmp_path: Path) -> None:
    spy = tmp_path / "systemd-run"
    spy.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
    spy.chmod(0o755)
    command = [str(WRAPPER), "backup", "a file.db"]
    said = subprocess.check_output(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, text=True)
    arguments = said.rstrip("\0").split("\0")
    assert arguments[-3:] == [PROGRAM, "backup", "a file.db"]
    own = [each.removeprefix("--property=") for each in arguments if each.startswith("--property=")]
    lines = (FOLDER / "ssat-bot.service").read_text().splitlines()
    assert set(own) <= set(lines)
    assert {each.partition("=")[0] for each in own} == {
        *("User", "EnvironmentFile", "WorkingDirectory", "Environment", "UMask")
    }


def test_the_bot_may_finish_what_it_does() -> None:
    given = re.fullmatch(r"(\d+)s", unit(FOLDER / "ssat-bot.service")["Service"]["TimeoutStopSec"])
    assert given
    assert int(given[1]) >= 2 * SHUTDOWN_SECONDS


def test_a_backup_is_of_the_database_that_the_bot_has() -> None:
    bot, backup = (unit(path)["Service"] for path in reversed(SERVICES))
    for line in ("User", "EnvironmentFile", "WorkingDirectory"):
        assert bot[line] == backup[line]
    databases = [
        re.findall(r"^Environment=(DATABASE_URL=.*)$", path.read_text(), re.MULTILINE)
        for path in SERVICES
    ]
    assert databases[0] == databases[1]
