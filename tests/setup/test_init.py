"""``ssat-bot init``: five questions on a terminal, or flags, and then there is a ``.env``."""

import contextlib
import os
import stat
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_settings import DotEnvSettingsSource

from slackbot.__main__ import _parser
from slackbot.exit_codes import SETUP_IS_WRONG, STOPPED
from slackbot.settings import Settings, load_settings
from slackbot.setup.init import NotAsked, env_text, quoted, run_init, write_new
from slackbot.setup.manifest import App, link
from tests.process import ROOT, bot_process, launched, present_town
from tests.setup.terminal import Terminal

INIT = (sys.executable, "-m", "slackbot", "init")
BOT = "https://bot.example.com"
BOT_TOKEN, APP_TOKEN, GITLAB_TOKEN = "xoxb-hidden-1", "xapp-hidden-2", "glpat-hidden-3"
SIGNING_SECRET = "hidden-4"
SECRETS = (BOT_TOKEN, APP_TOKEN, GITLAB_TOKEN, SIGNING_SECRET)
DEFAULT_PROJECT = "gitlab-com/support/feedback"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without settings, in it and in the environment."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    return home


def kept(home: Path) -> dict[str, str | None]:
    """What a start of the bot reads in the file."""
    return dict(DotEnvSettingsSource(Settings, env_file=home / ".env").env_vars)


@dataclass(frozen=True)
class Ended:
    code: int
    said: str
    complained: str


def by_flags(*flags: str, **secrets: str) -> Ended:
    """Run it where nobody can be asked; each secret is in a file of its own."""
    for name, secret in secrets.items():
        file = Path.cwd().parent / name
        file.write_text(f"{secret}\n")
        flags += (f"--{name.replace('_', '-')}-file", str(file))
    out, err = StringIO(), StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_init(_parser().parse_args(["init", *flags]))
    return Ended(code, out.getvalue(), err.getvalue())


def all_secrets() -> dict[str, str]:
    return {
        "slack_bot_token": BOT_TOKEN,
        "slack_app_token": APP_TOKEN,
        "gitlab_token": GITLAB_TOKEN,
    }


def tell_no_secret(said: str) -> None:
    assert not [secret for secret in SECRETS if secret in said]
    assert "Traceback" not in said


# On a terminal


@pytest.mark.story
def test_five_questions_make_a_file_that_the_bot_starts_with(home: Path) -> None:
    terminal = Terminal(*INIT)
    terminal.answer(f"project in GitLab: its address or path\n[{DEFAULT_PROJECT}] ", "")
    terminal.answer("public address", "")
    terminal.wait_for(link(App()))
    terminal.answer("bot token", BOT_TOKEN)
    terminal.answer("app-level token", APP_TOKEN)
    terminal.answer("GitLab token", GITLAB_TOKEN)
    assert terminal.ended() == 0
    assert f"Wrote {home}/.env, which only you can read." in terminal.shown
    command = f"{sys.executable} -m slackbot"
    assert terminal.shown.endswith(
        f"The bot will read the feedback in {DEFAULT_PROJECT} at https://gitlab.com,\n"
        "and post its cards in #support_escalations (SSAT_CHANNEL in the file sets another "
        "channel).\n\nNext:\n"
        "  1. In Slack, type /invite @ssat-bot in #support_escalations.\n"
        f"  2. {command} check   (says what to fix)\n"
        f"  3. {command} run     (starts the bot)\n"
    )
    assert f"skip the link.\n\n{link(App())}\n\nSlack bot token" in terminal.shown
    assert terminal.shown.count(link(App())) == 1
    assert terminal.shown.count("> ") == 5
    tell_no_secret(terminal.shown)
    assert kept(home) == {
        "gitlab_project": DEFAULT_PROJECT,
        "gitlab_token": GITLAB_TOKEN,
        "slack_app_token": APP_TOKEN,
        "slack_bot_token": BOT_TOKEN,
        "ssat_channel": "#support_escalations",
    }
    assert load_settings().uses_socket_mode
    assert [file.name for file in home.iterdir()] == [".env"]


@pytest.mark.story
def test_http_mode_and_a_gitlab_of_ones_own_follow_from_the_addresses(home: Path) -> None:
    app = App(url=BOT, gitlab_host="gitlab.example.com")
    terminal = Terminal(*INIT)
    terminal.answer("feedback project", "https://gitlab.example.com/team/voices/-/issues")
    terminal.answer("public address", f"{BOT}/")
    terminal.wait_for(link(app))
    terminal.answer("bot token", BOT_TOKEN)
    terminal.answer("signing secret", SIGNING_SECRET)
    terminal.answer("GitLab token", GITLAB_TOKEN)
    assert terminal.ended() == 0
    tell_no_secret(terminal.shown)
    settings = load_settings()
    assert not settings.uses_socket_mode
    assert settings.gitlab_url == "https://gitlab.example.com"
    assert settings.gitlab_project == "team/voices"
    assert f"Slack calls {BOT}" in (home / ".env").read_text()
    fix = f"{sys.executable} -m slackbot check --fix webhook --url {BOT}"
    assert f"  5. {fix}   (while the bot runs)\n" in terminal.shown
    assert f"  2. Let a proxy pass {BOT} to the bot" in terminal.shown


def test_in_http_mode_the_webhooks_secret_is_made_and_not_told(home: Path) -> None:
    secrets = all_secrets() | {"slack_signing_secret": SIGNING_SECRET}
    del secrets["slack_app_token"]
    made = set()
    for _ in range(2):
        ended = by_flags("--url", BOT, "--project", "team/voices", **secrets)
        assert (ended.code, ended.complained) == (0, "")
        secret = load_settings().gitlab_webhook_secret
        assert secret is not None
        assert len(secret.get_secret_value()) >= 32
        assert secret.get_secret_value() not in ended.said
        made.add(secret)
        (home / ".env").unlink()
    assert len(made) == 2
    assert by_flags("--socket", "--project", "team/voices", **all_secrets()).code == 0
    assert load_settings().gitlab_webhook_secret is None


@pytest.mark.story
def test_a_wrong_answer_is_asked_again_with_the_reason(home: Path) -> None:
    terminal = Terminal(*INIT)
    terminal.answer("feedback project", "https://avery:hidden@gitlab.example.com/team/voices")
    terminal.answer("without a name and a password", "https://gitlab.example.com")
    terminal.answer("GITLAB_PROJECT: is not set", "team/voices")
    terminal.answer("public address", "http://bot.example.com")
    terminal.answer("it has to begin with https://", "https://bot.example.com/ssat")
    terminal.answer("the bot adds its own paths", "")
    terminal.answer("bot token", "")
    terminal.answer("SLACK_BOT_TOKEN: is not set", "xoxp-hidden")
    terminal.answer("a bot token starts with xoxb-", f"{BOT_TOKEN} {BOT_TOKEN}")
    terminal.answer("SLACK_BOT_TOKEN: only letters, digits and signs", BOT_TOKEN)
    terminal.answer("app-level token", BOT_TOKEN)
    terminal.answer("an app-level token starts with xapp-", APP_TOKEN)
    terminal.answer("GitLab token", "glpat-")
    terminal.answer("GITLAB_TOKEN: is not set", GITLAB_TOKEN)
    assert terminal.ended() == 0
    tell_no_secret(terminal.shown)
    assert "xoxp-hidden" not in terminal.shown
    # What came with a refused answer is forgotten with it.
    assert load_settings().gitlab_url == "https://gitlab.com"
    assert load_settings().gitlab_project == "team/voices"


@pytest.mark.story
@pytest.mark.parametrize(
    ("key", "after"),
    [("\x03", 0), ("\x04", 1), ("\x04", 2), ("\x03", 4)],
    ids=["Ctrl-C at once", "Ctrl-D", "Ctrl-D for a token", "Ctrl-C in the end"],
)
def test_half_an_answer_writes_nothing(home: Path, key: str, after: int) -> None:
    answers = [
        ("feedback project", DEFAULT_PROJECT),
        ("public address", ""),
        ("bot token", BOT_TOKEN),
        ("app-level token", APP_TOKEN),
        ("GitLab token", GITLAB_TOKEN),
    ]
    terminal = Terminal(*INIT)
    for question, text in answers[:after]:
        terminal.answer(question, text)
    terminal.wait_for(answers[after][0])
    terminal.wait_for("> ")
    assert terminal.stop(key) == STOPPED
    assert terminal.shown.endswith("Stopped. Nothing was written.\n")
    tell_no_secret(terminal.shown)
    assert list(home.iterdir()) == []


@pytest.mark.story
def test_what_a_flag_says_is_not_asked(home: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(GITLAB_TOKEN)
    terminal = Terminal(
        *(
            *INIT,
            "--socket",
            "--project",
            "team/voices",
            "--gitlab-token-file",
            str(tmp_path / "token"),
        )
    )
    terminal.answer("bot token", BOT_TOKEN)
    terminal.answer("app-level token", APP_TOKEN)
    assert terminal.ended() == 0
    assert terminal.shown.count("> ") == 2
    assert load_settings().gitlab_project == "team/voices"


# With flags alone


@pytest.mark.story
async def test_from_nothing_to_a_card_init_asks_for_all_that_is_needed(home: Path) -> None:
    async with present_town(home) as town:
        app_token = town.slack.app_token
        secrets = {"slack_app_token": app_token, "slack_bot_token": town.slack.bot_token}
        ended = by_flags(
            *("--socket", "--gitlab-url", town.gitlab.url, "--project", DEFAULT_PROJECT),
            **secrets,
            gitlab_token=town.token,
        )
        assert ended.code == 0
        # Only where Slack is, and a free port, has to be told of stand-ins.
        stands = {"slack_api_url": town.settings["slack_api_url"], "port": 0}
        bare = dict.fromkeys(town.settings) | stands
        async with launched(town, "check", **bare) as process:
            assert await process.ended() == 0, process.said
            assert "PROBLEM" not in process.said
        async with bot_process(town, **bare):
            await town.card(town.feedback(), "🟠 Unclaimed")


A_PROJECT = ("--project", "team/voices")
NO_APP_TOKEN: dict[str, str | None] = {
    "slack_app_token": None,
    "slack_signing_secret": SIGNING_SECRET,
}


def test_with_all_flags_nothing_is_asked(home: Path) -> None:
    ended = by_flags("--socket", *A_PROJECT, "--channel", "voices", **all_secrets())
    assert (ended.code, ended.complained) == (0, "")
    assert link(App()) in ended.said
    assert "read the feedback in team/voices at https://gitlab.com" in ended.said
    assert "1. In Slack, type /invite @ssat-bot in voices.\n" in ended.said
    tell_no_secret(ended.said)
    settings = load_settings()
    assert settings.ssat_channel == "#voices"
    assert settings.gitlab_project == "team/voices"


@pytest.mark.parametrize(
    ("called", "told"),
    [
        ("ssat-bot", "ssat-bot"),
        ("on the path", "ssat-bot"),
        (".venv/bin/ssat-bot", ".venv/bin/ssat-bot"),
        ("/a folder/ssat-bot", "'/a folder/ssat-bot'"),
        ("/a/slackbot/__main__.py", f"{sys.executable} -m slackbot"),
    ],
)
def test_the_next_step_is_told_as_the_program_was_called(
    home: Path, monkeypatch: pytest.MonkeyPatch, called: str, told: str
) -> None:
    program = home.parent / "bin/ssat-bot"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr(sys, "argv", [str(program) if called == "on the path" else called])
    ended = by_flags("--socket", *A_PROJECT, **all_secrets())
    assert f"  2. {told} check   (says what to fix)\n" in ended.said


def test_a_gitlab_whose_address_has_a_path_is_named_by_a_flag(home: Path) -> None:
    secrets = all_secrets() | {"slack_signing_secret": SIGNING_SECRET}
    del secrets["slack_app_token"]
    ended = by_flags(
        *("--url", BOT, "--gitlab-url", "https://example.com/gitlab"),
        *("--project", "https://example.com/gitlab/team/voices"),
        **secrets,
    )
    assert (ended.code, ended.complained) == (0, "")
    assert link(App(url=BOT, gitlab_host="example.com")) in ended.said
    settings = load_settings()
    assert settings.gitlab_url == "https://example.com/gitlab"
    assert settings.gitlab_project == "team/voices"


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        (
            [],
            "--project, --url or --socket, --slack-bot-token-file, --slack-app-token-file, "
            "--gitlab-token-file",
        ),
        (
            ["--url", BOT],
            "--project, --slack-bot-token-file, --slack-signing-secret-file, --gitlab-token-file",
        ),
        (
            ["--socket", "--project", "team/voices"],
            "--slack-bot-token-file, --slack-app-token-file, --gitlab-token-file",
        ),
    ],
)
def test_where_nobody_can_be_asked_all_missing_flags_are_named(
    home: Path, flags: list[str], missing: str
) -> None:
    ended = by_flags(*flags)
    assert ended.code == SETUP_IS_WRONG
    assert ended.complained == (
        "Nobody can be asked, because standard input is no terminal. "
        f"Give these flags, too: {missing}\n"
    )
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "secrets", "said"),
    [
        (
            ["--url", "http://bot.example.com"],
            NO_APP_TOKEN,
            "--url or --socket: it has to begin with https://",
        ),
        (
            ["--url", "https://a:hidden-5@bot.example.com"],
            NO_APP_TOKEN,
            "without a name and a password",
        ),
        (["--socket", "--project", "https://gitlab.com"], {}, "--project: GITLAB_PROJECT: is not"),
        (["--socket", "--gitlab-url", "gitlab"], {}, "--gitlab-url: GITLAB_URL: give a URL that"),
        (["--socket", "--channel", "#a b"], {}, "--channel: SSAT_CHANNEL: give the channel's"),
        (["--socket"], {"gitlab_token": "two hidden-6"}, "--gitlab-token-file: GITLAB_TOKEN: only"),
        (["--socket"], {"gitlab_token": ""}, "--gitlab-token-file: GITLAB_TOKEN: is not set"),
        (
            ["--url", BOT],
            {"slack_app_token": None, "slack_signing_secret": APP_TOKEN},
            "--slack-signing-secret-file: SLACK_SIGNING_SECRET: that is another token",
        ),
        (["--socket"], {"slack_bot_token": "hidden-7"}, "--slack-bot-token-file: SLACK_BOT_TOKEN:"),
        (
            ["--socket"],
            {"slack_signing_secret": SIGNING_SECRET},
            "--slack-signing-secret-file belongs to --url: leave one of the two out.",
        ),
        (["--url", BOT], {}, "--slack-app-token-file belongs to --socket: leave one"),
        (
            ["--socket", "--gitlab-token-file", "/nowhere"],
            {"gitlab_token": None},
            "--gitlab-token-file: /nowhere cannot be read: No such file",
        ),
    ],
)
def test_what_is_wrong_with_a_flag_is_said_and_nothing_is_written(
    home: Path, flags: list[str], secrets: dict[str, str | None], said: str
) -> None:
    given = all_secrets() | secrets
    project = () if "--project" in flags else A_PROJECT
    files = {name: each for name, each in given.items() if each is not None}
    ended = by_flags(*flags, *project, **files)
    assert ended.code == SETUP_IS_WRONG
    assert said in ended.complained
    assert ended.said == ""
    tell_no_secret(ended.complained)
    assert "hidden" not in ended.complained
    assert list(home.iterdir()) == []


# The file


def test_the_file_is_its_owners_only_whatever_the_umask_says(home: Path) -> None:
    before = os.umask(0)
    try:
        write_new(home / ".env", "A=1\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600


@pytest.mark.story
@pytest.mark.parametrize("kind", ["file", "folder", "link to nowhere"])
def test_it_never_writes_over_what_exists_and_says_so_before_it_asks(home: Path, kind: str) -> None:
    env = home / ".env"
    match kind:
        case "file":
            env.write_text("GITLAB_TOKEN=mine\n")
        case "folder":
            env.mkdir()
        case _:
            env.symlink_to(home / "nowhere")
    terminal = Terminal(*INIT)
    assert terminal.ended() == SETUP_IS_WRONG
    assert terminal.shown == (
        f"{env} exists, and init never writes over it. Run ssat-bot check, which says what to fix "
        "in it, or move it away and run init again.\n"
    )
    if kind == "file":
        assert env.read_text() == "GITLAB_TOKEN=mine\n"
    assert [each.name for each in home.iterdir()] == [".env"]


@pytest.mark.story
def test_a_file_that_comes_meanwhile_is_left_alone(home: Path) -> None:
    terminal = Terminal(*INIT, "--socket", "--project", "team/voices")
    terminal.answer("bot token", BOT_TOKEN)
    terminal.answer("app-level token", APP_TOKEN)
    (home / ".env").write_text("mine\n")
    terminal.answer("GitLab token", GITLAB_TOKEN)
    assert terminal.ended() == SETUP_IS_WRONG
    assert f"{home}/.env was not written: File exists" in terminal.shown
    assert (home / ".env").read_text() == "mine\n"


def test_a_folder_that_cannot_be_written_to_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:  # may write everywhere but there
        home = Path("/proc")
        monkeypatch.chdir(home)
        with pytest.raises(NotAsked, match=r"^/proc/.env was not written: "):
            write_new(home / ".env", "A=1\n")
        return
    home.chmod(0o500)
    ended = by_flags("--socket", *A_PROJECT, **all_secrets())
    assert ended.code == SETUP_IS_WRONG
    assert ended.complained == f"{home} cannot be written to: run init in another folder.\n"


def test_what_cannot_be_written_whole_is_not_left_behind(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(NotAsked, match=r"\.env was not written: No space left on device"):
        write_new(home / ".env", "A=1\n")
    assert list(home.iterdir()) == []


# What is in it


LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1)


@given(LINES)
@example("${HOME}")
@example("a${PATH:-b}c$")
@example("${${a}}")
@example("it's \\' \\\\")
@example("#not a comment")
@example("a #b")
@example('"quoted" `value`')
@example("\\n\\t\\")
def test_what_was_typed_is_read_back_exactly(tmp_path_factory: Any, value: str) -> None:
    file = tmp_path_factory.getbasetemp() / f"env-{os.getpid()}"
    file.write_text(f"BEFORE=1\nGITLAB_PROJECT={quoted(value)}\nAFTER=2\n", encoding="utf-8")
    found = DotEnvSettingsSource(Settings, env_file=file).env_vars
    assert found == {"before": "1", "gitlab_project": value, "after": "2"}


def test_tokens_stand_there_as_any_program_reads_them() -> None:
    given = {"slack_bot_token": "xoxb-1-aB_c", "ssat_channel": "#support_escalations"}
    lines = env_text(given, App()).splitlines()
    assert lines[1:] == ["SLACK_BOT_TOKEN=xoxb-1-aB_c", "SSAT_CHANNEL=#support_escalations"]
