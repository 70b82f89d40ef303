"""``ssat-bot run`` and ``check`` as an administrator meets them: real processes."""

import asyncio
import itertools
import os
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from slackbot import __version__
from slackbot.__main__ import main
from slackbot.check.findings import Section
from tests.process import (
    MANAGERS,
    PATIENCE_SECONDS,
    ROOT,
    STOP_SECONDS,
    bot_process,
    environment,
    launched,
    present_town,
)
from tests.town import HOOK_SECRET, Town

NOT_CHECKED = 1
SETUP_IS_WRONG = 2
STOPPED = 143
NOBODY_READS = 141


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with present_town(tmp_path) as built:
        yield built


# What becomes of the output


@pytest.mark.parametrize(
    "command", ["manifest --json --socket", "check", "check --json", "migrate"]
)
async def test_a_command_ends_quietly_when_nobody_reads_on(town: Town, command: str) -> None:
    reader, output = os.pipe()
    os.close(reader)
    with os.fdopen(output, "wb") as out:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "slackbot",
            *command.split(),
            stdout=out,
            stderr=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=environment(town),
        )
    _, complained = await asyncio.wait_for(child.communicate(), PATIENCE_SECONDS)
    assert complained.decode() == ""
    assert child.returncode == NOBODY_READS


# What is wrong with the arguments


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("backup . --keep 0", "--keep: give a whole number of at least 1"),
        ("backup . --keep many", "--keep: give a whole number of at least 1"),
        ("local --at foo", "--at: write a moment as 2026-12-01T10:00Z"),
    ],
)
def test_an_argument_that_is_wrong_is_answered_with_how_to_write_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, words: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["ssat-bot", *command.split()])
    with pytest.raises(SystemExit):
        main()
    assert words in capsys.readouterr().err


async def test_a_port_that_is_taken_is_named_as_the_setting(town: Town) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with launched(town, "run", port=port, **MANAGERS) as process:
            assert await process.ended() == SETUP_IS_WRONG
            last = process.complained.splitlines()[-1]
    assert last == f"PORT {port} is taken by another program: end that, or set PORT to another"


@pytest.mark.parametrize("command", ["check", "people check"])
async def test_who_does_not_count_is_said_on_the_screen_and_not_in_the_log_as_well(
    town: Town, command: str
) -> None:
    people = town.folder / "people"
    people.mkdir()
    (people / "avery.yaml").write_text("slack: {id: U0AVERY}\ngitlab: {username: avery}\n")
    (people / "broken.yaml").write_text("[")
    async with launched(town, command, ssat_people_file=people, **MANAGERS) as process:
        await process.ended()
        assert process.said.count("broken.yaml") == 1, process.said
        assert process.complained == ""


async def test_a_rebuild_that_cannot_reach_gitlab_does_not_say_that_it_goes_on(
    town: Town,
) -> None:
    async with launched(town, "rebuild", gitlab_url="http://127.0.0.1:1", **MANAGERS) as process:
        assert await process.ended() == SETUP_IS_WRONG
        assert "connection refused at 127.0.0.1:1" in process.complained
        assert "the rebuild has stopped" in process.complained.lower()
        assert "keeps trying" not in process.complained


# What is wrong with the settings


async def test_everything_that_is_not_set_is_named_at_once(town: Town) -> None:
    async with launched(town, "run", **dict.fromkeys(town.settings)) as process:
        assert await process.ended() == SETUP_IS_WRONG
        assert process.complained.splitlines() == [
            "Fix these settings:",
            "  SLACK_BOT_TOKEN: is not set",
            "  SLACK_APP_TOKEN: set it (Socket Mode), or set SLACK_SIGNING_SECRET (HTTP mode)",
            "  GITLAB_TOKEN: is not set",
            "There is no .env in this folder: `ssat-bot init` asks for all of it.",
        ]
        assert process.said == ""


async def test_a_check_of_nothing_says_how_to_begin(town: Town) -> None:
    hint = "warning  .env: there is none in this folder: `ssat-bot init` asks for all of it"
    nothing = dict.fromkeys(town.settings)
    async with launched(town, "check", **nothing) as process:
        assert await process.ended() == SETUP_IS_WRONG
        assert hint in process.said.splitlines()
    (town.folder / ".env").touch()
    async with launched(town, "check", **nothing) as process:
        assert await process.ended() == SETUP_IS_WRONG
        assert "init" not in process.said


async def test_everything_that_is_malformed_is_named_without_its_value(town: Town) -> None:
    wrong = {
        "slack_bot_token": "xoxp-secret-of-a-person",
        "port": "no-number",
        "database_url": "mysql://root:secret-password@localhost/bot",
        "ssat_workdays": "Someday",
        "ssat_timezone": "Mars/Olympus",
    }
    async with launched(town, "run", **wrong) as process:
        assert await process.ended() == SETUP_IS_WRONG
        for name, value in wrong.items():
            assert f"  {name.upper()}: " in process.complained
            assert value not in process.complained
        assert "secret" not in process.complained


async def test_a_people_file_that_cannot_be_read_is_named(town: Town) -> None:
    town.people_file.write_text("[people\n")
    async with launched(town, "run") as process:
        assert await process.ended() == SETUP_IS_WRONG
        assert process.complained.startswith("SSAT_PEOPLE_FILE: ")


async def test_a_secret_made_from_a_file_may_end_its_line(town: Town) -> None:
    async with launched(town, "check", gitlab_token=f"{town.token}\n") as process:
        assert await process.ended() == 0
        assert "GitLab project" in process.said
        assert town.token not in process.said + process.complained


async def test_a_secret_of_two_lines_is_named_without_its_value(town: Town) -> None:
    for command in ("check", "run"):
        async with launched(town, command, gitlab_token=f"{town.token}\nmore") as process:
            assert await process.ended() == SETUP_IS_WRONG
            assert "  GITLAB_TOKEN: " in process.said + process.complained
            assert "Traceback" not in process.complained
            assert town.token not in process.said + process.complained


# What is wrong outside


def without_bot_in_channel(town: Town) -> dict[str, Any]:
    town.channel.members.discard(town.slack.bot_user_id)
    return {}


def without_scope(*scopes: str) -> Callable[[Town], dict[str, Any]]:
    def take_away(town: Town) -> dict[str, Any]:
        town.slack.scopes -= set(scopes)
        return {}

    return take_away


def archived(town: Town) -> dict[str, Any]:
    town.channel.archived = True
    return {}


def revoked(town: Town) -> dict[str, Any]:
    town.slack.revoke_token()
    return {}


def guest(town: Town) -> dict[str, Any]:
    town.gitlab.add_member(town.project, town.bot, 10)
    return {}


def stranger(town: Town) -> dict[str, Any]:
    town.gitlab.add_member(town.project, town.bot, 0)
    return {}


def reading_token(town: Town) -> dict[str, Any]:
    return {"gitlab_token": town.gitlab.add_token(town.bot, scopes=("read_api",))}


def setting(**changes: Any) -> Callable[[Town], dict[str, Any]]:
    return lambda _: changes


Trouble = tuple[Callable[[Town], dict[str, Any]], str]

IN_SLACK: dict[str, Trouble] = {
    "the bot is not in the channel": (
        without_bot_in_channel,
        "SSAT_CHANNEL #support_escalations: .*the bot is not in (it|the channel): /invite it there",
    ),
    "there is no such channel": (
        setting(ssat_channel="#nowhere"),
        "SSAT_CHANNEL #nowhere: .*there is no such channel, or the bot is not in it: /invite",
    ),
    "there is no channel of that id": (
        setting(ssat_channel="C0NOWHERE"),
        "SSAT_CHANNEL C0NOWHERE: .*there is no such channel",
    ),
    "the channel is archived": (
        archived,
        "SSAT_CHANNEL #support_escalations: .*(archived|no such channel)",
    ),
    "scopes are missing": (
        without_scope("chat:write", "users:read.email"),
        "Slack scopes: missing chat:write, users:read.email: install the app again with what",
    ),
    "the scope to see channels is missing": (
        without_scope("channels:read"),
        "Slack scopes: missing channels:read: install the app again",
    ),
    "the Slack token is revoked": (
        revoked,
        "SLACK_BOT_TOKEN: .*SLACK_BOT_TOKEN was revoked: install the app again",
    ),
    "the Slack token is wrong": (
        setting(slack_bot_token="xoxb-mistyped"),
        "SLACK_BOT_TOKEN: .*SLACK_BOT_TOKEN is not valid: copy it again",
    ),
    "the app token is wrong": (
        setting(slack_app_token="xapp-mistyped"),
        "SLACK_APP_TOKEN: not valid: create one with the scope connections:write",
    ),
}
IN_GITLAB: dict[str, Trouble] = {
    "the GitLab token is wrong": (
        setting(gitlab_token="glpat-mistyped"),
        "GITLAB_TOKEN: GitLab answered 401: GITLAB_TOKEN is not valid: create another",
    ),
    "the GitLab token may only read": (
        reading_token,
        "GITLAB_TOKEN: it lacks the scope api, so nothing could be written",
    ),
    "there is no such project": (
        setting(gitlab_project="gitlab-com/nowhere"),
        "GITLAB_PROJECT gitlab-com/nowhere: not found: is the path right, and is .* a member",
    ),
    "the bot is no member of the project": (
        stranger,
        "GITLAB_PROJECT gitlab-com/support/feedback: not found: .* is the token's user a member",
    ),
    "the bot is a guest of the project": (
        guest,
        "GITLAB_TOKEN: the role is too low to change issues: Reporter is the least",
    ),
    "the contact label is misspelled": (
        setting(ssat_contact_label="SSAT::contact"),
        "SSAT_CONTACT_LABEL SSAT::contact: the project has no such label.*; is it SSAT::Contact[?]",
    ),
    "there is no such contact label": (
        setting(ssat_contact_label="urgent"),
        "SSAT_CONTACT_LABEL urgent: .* or has archived it; set another, or create it",
    ),
    "the contacted label is misspelled": (
        setting(ssat_contacted_label="ssat-manager-contacted"),
        "SSAT_CONTACTED_LABEL ssat-manager-contacted: .*; is it ssat-manager-contacted-customer[?]",
    ),
}
TROUBLE = IN_SLACK | IN_GITLAB
# A start takes a second: each has two kinds of trouble, for all that is wrong is named at once.
TOGETHER = list(zip(IN_SLACK, itertools.cycle(IN_GITLAB)))


@pytest.mark.parametrize("whats", TOGETHER, ids=" and ".join)
async def test_the_bot_does_not_start_and_says_which_and_what_to_do_when(
    town: Town, whats: tuple[str, str]
) -> None:
    changes: dict[str, Any] = {}
    for what in whats:
        arrange, _ = TROUBLE[what]
        changes |= arrange(town)
    async with launched(town, "run", **changes) as process:
        assert await process.ended() == SETUP_IS_WRONG
        for what in whats:
            _, words = TROUBLE[what]
            assert re.search(f"PROBLEM  {words}", process.complained), process.complained
        assert "Traceback" not in process.complained
        for secret in (town.slack.bot_token, town.token, "mistyped", HOOK_SECRET):
            assert secret not in process.complained
    assert town.channel.messages == []


async def test_a_database_that_cannot_be_opened_is_named(town: Town) -> None:
    url = "sqlite:////nowhere/at/all/ssat-bot.db"
    async with launched(town, "run", database_url=url) as process:
        assert await process.ended() == SETUP_IS_WRONG
        assert "DATABASE_URL cannot be used: " in process.complained
        assert "Traceback" not in process.complained


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "postgresql://bot:database-password@127.0.0.1:1/ssat",
            "connection refused at 127.0.0.1:1: ",
        ),
        ("sqlite:////nowhere/at/all/ssat-bot.db", "there is no folder /nowhere/at/all"),
        ("sqlite:////dev", "/dev is no file"),
    ],
    ids=["nobody answers", "there is no folder", "it is a folder"],
)
async def test_the_check_tries_the_database(town: Town, url: str, words: str) -> None:
    async with launched(town, "check", database_url=url) as process:
        assert await process.ended() == SETUP_IS_WRONG
        problems = [line for line in process.said.splitlines() if line.startswith("PROBLEM")]
        assert len(problems) == 1
        assert re.match(f"PROBLEM  database: DATABASE_URL cannot be used: {words}", problems[0])
        assert "database-password" not in process.said + process.complained
        assert "Traceback" not in process.complained


async def test_the_check_may_be_run_next_to_the_bot(town: Town) -> None:
    async with bot_process(town) as bot:
        card = await town.card(town.feedback(), "🟠 Unclaimed")
        files = sorted(town.folder.glob("ssat-bot.db*"))
        async with launched(town, "check", **MANAGERS) as process:
            assert await process.ended() == 0
            assert "ok       database, SQLite: " in process.said
        assert sorted(town.folder.glob("ssat-bot.db*")) == files
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        assert not bot.events("record_away")
        assert bot.events("running")[0]["version"] == __version__


async def test_the_check_names_every_problem_at_once(town: Town) -> None:
    town.channel.members.discard(town.slack.bot_user_id)
    town.slack.scopes.discard("chat:write")
    town.gitlab.add_member(town.project, town.bot, 10)
    async with launched(town, "check") as process:
        assert await process.ended() == SETUP_IS_WRONG
        problems = [line for line in process.said.splitlines() if line.startswith("PROBLEM")]
        assert len(problems) == 3
        assert "Slack scopes: missing chat:write" in problems[0]
        assert "SSAT_CHANNEL" in problems[1]
        assert "role is too low" in problems[2]


async def test_a_second_channel_that_is_not_there_keeps_nobody_from_starting(town: Town) -> None:
    async with launched(town, "check", ssat_bad_channel="#nowhere") as process:
        assert await process.ended() == 0
        [line] = [each for each in process.said.splitlines() if "SSAT_BAD_CHANNEL" in each]
        assert line.startswith("warning")
        assert "#nowhere: Slack answered channel_not_found" in line
        assert "/invite it there" in line
    town.slack.add_channel("bad_reviews")
    async with launched(town, "check", ssat_bad_channel="#bad_reviews") as process:
        assert await process.ended() == 0
        [line] = [each for each in process.said.splitlines() if "SSAT_BAD_CHANNEL" in each]
        assert line.startswith("ok")


async def test_scopes_of_a_later_release_are_named_with_what_they_are_for_and_not_required(
    town: Town,
) -> None:
    town.slack.scopes -= {"im:write", "links:read", "links:write"}
    async with launched(town, "check", **MANAGERS) as process:
        assert await process.ended() == 0
        warned = [line for line in process.said.splitlines() if line.startswith("warning")]
        assert len(warned) == 2
        assert "Slack scopes: without im:write nobody gets a direct message" in warned[0]
        assert "without links:read, links:write a pasted link" in warned[1]
        assert all(
            "install the app again with what `ssat-bot manifest` prints" in line for line in warned
        )
    async with bot_process(town):
        await town.card(town.feedback(), "🟠 Unclaimed")


async def test_the_check_of_a_good_set_up_says_so_and_changes_nothing(town: Town) -> None:
    socket_mode = {"slack_app_token": town.slack.app_token, "slack_signing_secret": None}
    async with launched(town, "check", **socket_mode, **MANAGERS) as process:
        assert await process.ended() == 0
        said = process.said.splitlines()
        lines = [line for line in said if line not in {*Section, "1 unknown."}]
        judged = [line for line in lines if not line.startswith("ok ")]
        # A Reporter does not see webhooks.
        assert [line.partition(";")[0] for line in judged] == ["unknown  webhook"]
        of_slack = ("Slack workspace", "Socket Mode", "#support_escalations")
        for word in (*of_slack, "gitlab-com/", "database, SQLite"):
            assert any(word in line for line in lines), word
        assert process.complained == ""
    assert {request.method for request in town.gitlab.requests} == {"GET"}
    reading = {"auth.test", "apps.connections.open", "users.conversations", "conversations.info"}
    reading |= {"users.info"}
    assert {request.method for request in town.slack.requests} <= reading
    assert not (town.folder / "ssat-bot.db").exists()
    town.check()


async def test_people_are_listed_beside_a_bot_and_links_removed_while_it_is_stopped(
    town: Town,
) -> None:
    async with bot_process(town):
        async with launched(town, "people list") as process:
            assert await process.ended() == 0, process.complained
            assert process.said.split() == ["U0AVERY", "avery", "people", "file"]
        async with launched(town, "people unlink casey.n") as process:
            assert await process.ended() == SETUP_IS_WRONG
            assert "stop it, run this again, and start it" in process.complained
            assert "/ssat unlink" in process.complained
    async with launched(town, "people unlink casey.n") as process:
        assert await process.ended() == 1
        assert "nobody is linked by casey.n" in process.complained


@pytest.mark.parametrize("command", ["people list", "people unlink casey.n"])
async def test_who_is_linked_is_not_asked_of_a_database_that_is_not_there(
    town: Town, command: str
) -> None:
    async with launched(town, command) as process:
        assert await process.ended() == SETUP_IS_WRONG
        assert "there is no file" in process.complained
        assert "`ssat-bot run` creates it" in process.complained
    assert list(town.folder.glob("ssat-bot.db*")) == []


async def test_the_check_warns_of_a_scope_without_labels(town: Town) -> None:
    async with launched(town, "check", ssat_label_scope="feedbck") as process:
        assert await process.ended() == 0
        said = "warning  SSAT_LABEL_SCOPE feedbck: the project has no label of this scope"
        assert said in process.said


async def test_two_processes_do_not_work_on_one_file(town: Town) -> None:
    async with bot_process(town), launched(town, "run") as second:
        assert await second.ended() == SETUP_IS_WRONG
        assert "another ssat-bot works on" in second.complained


@pytest.mark.parametrize("command", ["run", "rebuild"])
async def test_nothing_is_done_with_the_token_of_another_workspace(
    town: Town, command: str
) -> None:
    async with bot_process(town):
        await town.card(town.feedback(), "🟠 Unclaimed")
        await town.slack.wait_for(lambda: recorded_team(town) == "T0SSAT")
    town.slack.team_id = "T0OTHER"
    town.feedback()
    for _ in range(2):  # nor does the first time take the evidence away
        async with launched(town, command, **MANAGERS) as process:
            assert await process.ended() == SETUP_IS_WRONG
            assert process.complained.startswith(
                "the record is of the workspace T0SSAT, where its cards are, and SLACK_BOT_TOKEN "
                "of T0OTHER: set the token of that workspace, or another DATABASE_URL\n"
            )
    assert len(town.channel.messages) == 1
    town.slack.team_id = "T0SSAT"


def recorded_team(town: Town) -> str | None:
    query = "SELECT value FROM facts WHERE name = 'slack_team'"
    with closing(sqlite3.connect(town.folder / "ssat-bot.db")) as connection:
        found = connection.execute(query).fetchone()
    return found[0] if found else None


async def test_a_port_that_is_taken_is_named(town: Town) -> None:
    port = town.gitlab.url.rpartition(":")[2]
    async with launched(town, "run", port=port) as process:
        assert await process.ended() == SETUP_IS_WRONG
        assert port in process.complained
        assert "Traceback" not in process.complained


# What may pass


async def test_that_everybody_may_act_is_said_in_a_line_by_the_check_and_the_start(
    town: Town,
) -> None:
    line = (
        "warning  SSAT_MANAGERS: not set, so every full member of the workspace may take action\n"
    )
    async with launched(town, "check") as process:
        assert await process.ended() == 0
        assert line in process.said
    async with bot_process(town) as process:
        assert line in process.complained


async def test_a_misspelled_setting_is_named_by_the_check_and_the_start(town: Town) -> None:
    misspelled = {"ssat_reminder": "off"}
    line = "warning  settings: SSAT_REMINDER: there is no such setting; is it SSAT_REMINDERS?\n"
    async with launched(town, "check", **misspelled) as process:
        assert await process.ended() == 0
        assert line in process.said
    async with bot_process(town, **misspelled) as process:
        assert line in process.complained


async def test_a_check_that_gets_no_answer_says_so_and_does_not_pass(town: Town) -> None:
    town.gitlab.down()
    town.slack.down(503)
    async with launched(town, "check") as process:
        assert await process.ended() == NOT_CHECKED
        for platform in ("Slack", "GitLab"):
            assert f"unknown  {platform}: could not be checked: " in process.said
    town.slack.up()
    town.slack.faults.add("users.conversations", status=503)
    async with launched(town, "check", gitlab_token="glpat-mistyped") as process:
        assert await process.ended() == NOT_CHECKED
        assert "unknown  SSAT_CHANNEL #support_escalations: could not be checked: " in process.said
        town.gitlab.up()
    async with launched(town, "check", gitlab_token="glpat-mistyped") as process:
        assert await process.ended() == SETUP_IS_WRONG


async def test_scopes_that_a_proxy_hides_are_unknown_and_the_bot_starts(town: Town) -> None:
    town.slack.behind_proxy = True
    async with launched(town, "check", **MANAGERS) as process:
        assert await process.ended() == 0
        warned = [line for line in process.said.splitlines() if line.startswith("warning")]
        assert len(warned) == 1
        assert "Slack scopes: unknown, because the header x-oauth-scopes is missing" in warned[0]
        assert "ok       SSAT_MANAGERS: looked up in Slack" in process.said
    async with bot_process(town):
        await town.card(town.feedback(), "🟠 Unclaimed")


@pytest.mark.parametrize(
    ("command", "words"),
    [("check", r"SSAT_LABEL_SCOPE r\xfcckmeldung: the"), ("people list", r"zo\xeb ")],
)
async def test_a_console_that_lacks_a_letter_shows_all_the_same_what_is_said(
    town: Town, command: str, words: str
) -> None:
    town.people_file.write_text('[people]\nU0AVERY = "zoë"\n', encoding="utf-8")
    console = {"pythonioencoding": "ascii", "ssat_label_scope": "rückmeldung"}
    async with launched(town, "migrate") as process:
        assert await process.ended() == 0
    async with launched(town, command, **console) as process:
        assert await process.ended() == 0
        assert words in process.said
        assert process.complained == ""


async def test_the_bot_may_be_installed_and_run_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "100%s a%20b #1 ?x=ü&"
    folder.mkdir()
    (folder / "slackbot").symlink_to(ROOT / "slackbot")
    async with present_town(folder, "sqlite:///ssat-bot.db") as town:
        issue = town.feedback()
        for _ in range(2):
            async with bot_process(town, pythonpath=folder):
                await town.card(issue, "🟠 Unclaimed")
        async with launched(town, "people list", pythonpath=folder) as process:
            assert await process.ended() == 0
    assert (folder / "ssat-bot.db").stat().st_size


async def test_the_bot_starts_while_the_platforms_are_away_and_finds_its_work_later(
    town: Town,
) -> None:
    town.gitlab.down()
    town.slack.down(503)
    issue = town.feedback()
    async with bot_process(town, ssat_poll_seconds=0.2) as process:
        unknown = [line for line in process.complained.splitlines() if line[:7] == "unknown"]
        assert len(unknown) == 2
        assert re.search("Slack: could not be checked: .*; the bot starts and keeps", unknown[0])
        assert re.search("GitLab: could not be checked: .*; the bot starts and keeps", unknown[1])
        town.gitlab.up()
        town.slack.up()
        await town.slack.wait_for(lambda: town.card_of(issue))


# Its end


@pytest.mark.parametrize("mode", ["HTTP", "Socket Mode"])
async def test_the_bot_ends_cleanly_when_somebody_interrupts_it(town: Town, mode: str) -> None:
    token = town.slack.app_token if mode == "Socket Mode" else None
    async with bot_process(town, slack_app_token=token) as process:
        if token:
            await town.slack.wait_for(lambda: town.slack.sockets.connections)
        process.signal(signal.SIGINT)
        assert await process.ended(STOP_SECONDS) == 0
        assert process.events("stopping")
        assert "Traceback" not in process.complained


@pytest.mark.parametrize(
    ("command", "exit_code"), [("run", 0), ("check", STOPPED), ("rebuild", STOPPED)]
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_command_that_waits_for_a_slow_slack_ends_when_it_is_told_to(
    town: Town, command: str, exit_code: int, number: signal.Signals
) -> None:
    slow = town.slack.faults.add("auth.test", hang=3600)
    async with launched(town, command) as process:
        await town.slack.wait_for(lambda: slow.hits, timeout=PATIENCE_SECONDS)
        for _ in range(3):  # who is impatient does no harm
            process.signal(number)
        assert await process.ended(STOP_SECONDS) == exit_code
        assert "Traceback" not in process.complained
    town.slack.faults.release()


async def test_what_is_under_way_is_finished_before_the_end(town: Town) -> None:
    issue = town.feedback()
    async with bot_process(town) as process:
        card = await town.card(issue, "🟠 Unclaimed")
        town.gitlab.faults.add(method="POST", path="/notes$", hang=60)
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.in_gitlab(lambda: town.writes(issue))
        process.signal(signal.SIGTERM)
        await town.slack.wait_for(lambda: process.events("stopping"))
        town.gitlab.faults.release()
        assert await process.ended(STOP_SECONDS) == 0
        assert "Traceback" not in process.complained
    assert issue.assigned_to == ["avery"]
    assert len(issue.comments) == 1
    await started_again(town, issue)


async def test_what_waits_for_gitlab_is_there_after_the_next_start(town: Town) -> None:
    issue = town.feedback()
    async with bot_process(town) as process:
        card = await town.card(issue, "🟠 Unclaimed")
        town.gitlab.down()
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.card(issue, "⏳ Saved")
        process.signal(signal.SIGTERM)
        assert await process.ended(STOP_SECONDS) == 0
    town.gitlab.up()
    assert issue.comments == []
    await started_again(town, issue)


async def started_again(town: Town, issue: Any) -> None:
    """Start the bot once more: the claim is in GitLab then, once."""
    async with bot_process(town):
        await town.claimed(issue, "Avery Example")
        await town.settled()
    assert issue.assigned_to == ["avery"]
    assert len(issue.comments) == 1
    town.check()
