"""The app's manifest asks for what the bot uses, and for nothing else; Slack takes it as it is."""

import json
import os
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slackbot import __version__
from slackbot.exit_codes import SETUP_IS_WRONG
from slackbot.handlers.queue import COMMAND
from slackbot.handlers.showing import SHOW_FEEDBACK
from slackbot.local import validate_manifest
from slackbot.local.shown import SHORTCUTS
from slackbot.platforms.slack.client import MESSAGES_SCOPES, REQUIRED_SCOPES, UNFURL_SCOPES
from slackbot.platforms.slack.files import FILE_SCOPES
from slackbot.settings import Settings
from slackbot.setup.manifest import (
    App,
    as_json,
    as_yaml,
    host_of,
    link,
    manifest,
    public_url,
    run_manifest,
)
from tests.process import ROOT
from tests.test_docs import PAGES

FOR_GROUPS = {"usergroups:read"}
FOR_A_PRIVATE_CHANNEL = {"groups:history", "groups:read"}
OPTIONAL = FOR_A_PRIVATE_CHANNEL | FILE_SCOPES | MESSAGES_SCOPES | UNFURL_SCOPES
BOT = "https://bot.example.com"
EVENTS = f"{BOT}/slack/events"
TOKENS = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "1",
    "GITLAB_TOKEN": "glpat-1",
}

# https://docs.slack.dev/reference/app-manifest
NAME_LIMIT, DESCRIPTION_LIMIT, LONG_DESCRIPTION_LEAST = 35, 140, 175
SHORTCUT_NAME_LIMIT, COMMAND_LIMIT = 24, 32

hosts = st.from_regex(r"[a-z][a-z0-9]{1,20}(\.[a-z0-9]{1,9}){0,3}", fullmatch=True)
apps = st.builds(
    App,
    url=st.none() | st.builds("https://{}".format, hosts),
    gitlab_host=st.none() | hosts,
    groups=st.sampled_from([True, False, None]),
)


def scopes(app: App) -> tuple[set[str], set[str]]:
    """Return all, and the optional ones among them."""
    asked = manifest(app)["oauth_config"]["scopes"]
    assert set(asked["bot_optional"]) <= set(asked["bot"])
    return set(asked["bot"]), set(asked["bot_optional"])


def required(*others: set[str] | frozenset[str]) -> set[str]:
    return set(REQUIRED_SCOPES).union(*others)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without settings, in it and in the environment."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(**flags: Any) -> int:
    return run_manifest(
        Namespace(**{"url": None, "socket": False, "json": False, "link": False} | flags)
    )


def printed(capsys: pytest.CaptureFixture[str], **flags: Any) -> Any:
    assert run(**flags) == 0
    return yaml.safe_load(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], **flags: Any) -> str:
    assert run(**flags) == SETUP_IS_WRONG
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


# What is in it


def test_the_file_in_the_repository_is_what_the_command_prints(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(socket=True) == 0
    assert capsys.readouterr().out == (ROOT / "manifest.yml").read_text()


@given(apps)
def test_slack_accepts_the_manifest_of_every_set_up(app: App) -> None:
    assert validate_manifest(manifest(app)) == []


@given(apps)
def test_yaml_json_and_link_say_the_same(app: App) -> None:
    said = manifest(app)
    assert yaml.safe_load(as_yaml(app)) == said
    assert json.loads(as_json(app)) == said
    address = urlsplit(link(app))
    assert (address.scheme, address.netloc, address.path) == ("https", "api.slack.com", "/apps")
    query = parse_qs(address.query, strict_parsing=True)
    assert query.pop("new_app") == ["1"]
    assert [json.loads(each) for each in query.pop("manifest_json")] == [said]
    assert query == {}


@given(apps)
def test_the_link_has_nothing_in_it_that_ends_a_link_in_a_terminal(app: App) -> None:
    assert re.fullmatch(r"[\w:/.?=&%~-]+", link(app), re.ASCII)
    assert len(link(app)) < 4_000


def test_every_line_of_the_yaml_is_short_enough_to_read() -> None:
    assert max(map(len, as_yaml(App()).splitlines())) <= 100


def test_the_scopes_are_those_that_the_bot_uses() -> None:
    assert scopes(App()) == (required(OPTIONAL, FOR_GROUPS), OPTIONAL | FOR_GROUPS)


def test_each_scope_is_explained() -> None:
    listed = re.findall(r"^      - (\S+)( # \S.*)?$", as_yaml(App()), re.MULTILINE)
    explained = {name for name, why in listed if why}
    assert scopes(App())[0] - explained == {"chat:write", "commands"}


def test_user_groups_are_asked_for_where_settings_name_some() -> None:
    named, unnamed = scopes(App(groups=True)), scopes(App(groups=False))
    assert named == (required(OPTIONAL, FOR_GROUPS), OPTIONAL)
    assert unnamed == (required(OPTIONAL), OPTIONAL)


def test_without_a_domain_that_slack_takes_nothing_about_links_is_asked_for() -> None:
    said = manifest(App(gitlab_host=None))
    assert not scopes(App(gitlab_host=None))[0] & UNFURL_SCOPES
    assert "unfurl_domains" not in said["features"]
    assert said["settings"]["event_subscriptions"]["bot_events"] == ["app_home_opened"]


def test_socket_mode_needs_no_address_and_http_mode_has_one_everywhere() -> None:
    socket, http = manifest(App()), manifest(App(url=BOT))
    assert socket["settings"]["socket_mode_enabled"]
    assert not {'"url"', '"request_url"'} & set(re.findall(r'"\w+"', json.dumps(socket)))
    assert not http["settings"]["socket_mode_enabled"]
    assert http["settings"]["event_subscriptions"]["request_url"] == EVENTS
    assert http["settings"]["interactivity"] == {"is_enabled": True, "request_url": EVENTS}
    assert [each["url"] for each in http["features"]["slash_commands"]] == [EVENTS]


def test_the_command_and_the_shortcut_are_declared_within_slacks_limits() -> None:
    features = manifest(App())["features"]
    assert [each["command"] for each in features["slash_commands"]] == [COMMAND]
    assert len(COMMAND) <= COMMAND_LIMIT
    [shortcut] = features["shortcuts"]
    assert (shortcut["type"], shortcut["callback_id"]) == ("message", SHOW_FEEDBACK)
    assert len(shortcut["name"]) <= SHORTCUT_NAME_LIMIT


def test_a_home_is_switched_on_and_the_bot_hears_when_it_is_opened() -> None:
    said = manifest(App())
    assert said["features"]["app_home"]["home_tab_enabled"]
    events = said["settings"]["event_subscriptions"]["bot_events"]
    assert events == ["app_home_opened", "link_shared"]


def test_the_texts_are_within_slacks_limits() -> None:
    shown = manifest(App())["display_information"]
    assert len(shown["name"]) <= NAME_LIMIT
    assert len(shown["description"]) <= DESCRIPTION_LIMIT
    assert len(shown["long_description"]) >= LONG_DESCRIPTION_LEAST


def test_the_local_workspace_has_the_same_shortcuts() -> None:
    names = ("callback_id", "name", "description")
    declared = manifest(App())["features"]["shortcuts"]
    assert [{name: each[name] for name in names} for each in declared] == list(SHORTCUTS)


def test_an_installed_wheel_prints_it_too_and_has_the_version_of_the_program(home: Path) -> None:
    """A wheel is a path that Python imports from."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(home)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = home.glob("*.whl")
    assert wheel.name.startswith(f"ssat_bot-{__version__}-")
    ended = subprocess.run(
        [sys.executable, "-m", "slackbot", "manifest", "--socket"],
        env=dict(os.environ, PYTHONPATH=str(wheel)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == (ROOT / "manifest.yml").read_text()


# For which set-up


def test_the_host_of_gitlab_is_taken_from_the_settings_before_there_are_tokens(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".env").write_text(
        "SLACK_BOT_TOKEN=xoxb-\nGITLAB_URL=https://GitLab.example.com:8443\n"
    )
    said = printed(capsys, socket=True)
    assert said["features"]["unfurl_domains"] == ["gitlab.example.com"]
    assert set(said["oauth_config"]["scopes"]["bot_optional"]) >= FOR_GROUPS


@pytest.mark.parametrize(
    ("setting", "is_asked_for"),
    [
        ("", False),
        ("SSAT_MANAGERS=U0AVERY", False),
        ("SSAT_MANAGERS=U0AVERY,S0TEAM", True),
        ("SSAT_DUTY_GROUP=S0DUTY", True),
        ("SSAT_LEAD=S0LEAD", True),
    ],
)
def test_a_complete_set_up_gets_exactly_what_it_uses(
    home: Path, capsys: pytest.CaptureFixture[str], setting: str, is_asked_for: bool
) -> None:
    lines = [*(f"{name}={value}" for name, value in TOKENS.items()), setting]
    (home / ".env").write_text("\n".join(lines))
    asked = printed(capsys, url=BOT)["oauth_config"]["scopes"]
    assert ("usergroups:read" in asked["bot"]) is is_asked_for
    assert "usergroups:read" not in asked["bot_optional"]


def test_user_groups_of_a_team_are_asked_for_too(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "routes.toml").write_text('[[route]]\nname = "emea"\nmanagers = ["S0TEAM"]\n')
    lines = [*(f"{name}={value}" for name, value in TOKENS.items())]
    (home / ".env").write_text("\n".join([*lines, "SSAT_ROUTES_FILE=routes.toml"]))
    asked = printed(capsys, url=BOT)["oauth_config"]["scopes"]
    assert "usergroups:read" in asked["bot"]


@pytest.mark.parametrize("lacks", [None, "GITLAB_TOKEN"])
def test_a_set_up_for_http_mode_needs_the_address(
    home: Path, capsys: pytest.CaptureFixture[str], lacks: str | None
) -> None:
    there = {name: value for name, value in TOKENS.items() if name != lacks}
    (home / ".env").write_text("\n".join(f"{name}={value}" for name, value in there.items()))
    assert refused(capsys) == (
        "The settings are for HTTP mode: give --url with the bot's address, or --socket.\n"
    )
    assert printed(capsys, socket=True)["settings"]["socket_mode_enabled"]


def test_an_address_that_cannot_be_used_is_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(capsys, url="bot.example.com").startswith("--url: it has to begin with https://")


def test_settings_that_cannot_be_used_are_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".env").write_text("GITLAB_URL=gitlab\n")
    said = refused(capsys, socket=True)
    assert said == "Fix these settings:\n  GITLAB_URL: give a URL that starts with https://\n"


def test_what_the_manifest_does_not_need_may_be_wrong(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [*(f"{name}={value}" for name, value in TOKENS.items()), "SSAT_LEAD=S0LEAD"]
    (home / ".env").write_text("\n".join([*lines, "SSAT_TIMEZONE=Atlantis", "PORT=none"]))
    assert "usergroups:read" in printed(capsys, url=BOT)["oauth_config"]["scopes"]["bot"]


def test_json_and_the_link_can_be_asked_for(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(json=True) == 0
    assert json.loads(capsys.readouterr().out) == manifest(App())
    assert run(link=True, url=f"{BOT}/") == 0
    assert capsys.readouterr().out == f"{link(App(url=BOT))}\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_who_is_told_to_install_the_app_again_is_told_the_command_of_either_mode(
    page: Path,
) -> None:
    parts = re.split(r"\n\n|\n(?=\||\d+\. |- )", page.read_text())
    told = [each for each in map(str.lower, parts) if "install the app again" in each]
    for each in told:
        if "ssat-bot manifest" in each:
            assert "`ssat-bot manifest --socket`" in each
            assert "`ssat-bot manifest --url https://" in each


# The addresses


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (BOT, BOT),
        (f"{BOT}/", BOT),
        (f"  {BOT}//\n", BOT),
        ("HTTPS://Bot.Example.COM", BOT),
        (f"{BOT}:8443/", f"{BOT}:8443"),
    ],
)
def test_a_public_address_may_end_in_a_slash(given: str, read: str) -> None:
    assert public_url(given) == read


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "it has to begin with https://, such as"),
        ("bot.example.com", "it has to begin with https://, such as"),
        ("http://bot.example.com", "it has to begin with https://, such as"),
        ("https://", "the bot's public address"),
        ("https://bot example.com", "the bot's public address"),
        ("https://[::1", "the bot's public address"),
        ("https://[::1]", "the bot's public address"),
        (f"{BOT}:port", "the bot's public address"),
        (f"{BOT}:99999", "the bot's public address"),
        ("https://avery:secret@bot.example.com", "without a name and a password"),
        ("https://secret@bot.example.com", "without a name and a password"),
        (EVENTS, "the bot adds its own paths"),
        (f"{BOT}/ssat/", "the bot adds its own paths"),
        (f"{BOT}?secret=1", "the bot adds its own paths"),
        (f"{BOT}#secret", "the bot adds its own paths"),
    ],
)
def test_what_slack_cannot_call_is_refused_without_repeating_it(
    home: Path, capsys: pytest.CaptureFixture[str], given: str, words: str
) -> None:
    said = refused(capsys, url=given)
    assert words in said
    assert "secret" not in said


@given(st.text())
def test_any_text_is_an_address_that_slack_takes_or_refused(text: str) -> None:
    try:
        url = public_url(text)
    except ValueError:
        return
    assert validate_manifest(manifest(App(url=url))) == []


@given(st.text() | st.builds("https://{}".format, st.text()))
def test_any_address_has_a_host_that_slack_takes_or_none(text: str) -> None:
    try:
        host = host_of(text)
    except ValueError:
        return  # no setting has such an address
    assert validate_manifest(manifest(App(gitlab_host=host))) == []
