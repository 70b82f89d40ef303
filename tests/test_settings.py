"""What the environment may say, and what an administrator reads when it says something else."""

import asyncio
import base64
import itertools
import os
import re
import traceback
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from slackbot.check.record import examine_database
from slackbot.people.file import PeopleFileError, read_people
from slackbot.rules.people import DEFAULT_KEYS
from slackbot.rules.profile import Profile
from slackbot.rules.reading.exempt import EXEMPT
from slackbot.rules.timing.deadline import BusinessHours, Holidays
from slackbot.rules.timing.reminders import DigestTime, QuietHours
from slackbot.settings import Settings, SettingsError, load_partly, load_settings
from slackbot.settings import problem_of as problem_with
from slackbot.store.engine.database import Database, DatabaseError

NEEDED = {
    "SLACK_BOT_TOKEN": "xoxb-needed",
    "SLACK_SIGNING_SECRET": "signing-secret",
    "GITLAB_TOKEN": "glpat-needed",
}
EXAMPLE = Path(__file__).parent.parent / ".env.example"
SIGNING_TOKEN = "whsec_" + base64.b64encode(bytes(32)).decode()

# The table of the README.
DEFAULTS: dict[str, Any] = {
    "slack_signing_secret": None,
    "slack_app_token": None,
    "slack_api_url": "https://slack.com/api/",
    "ssat_channel": "#support_escalations",
    "ssat_bad_channel": None,
    "gitlab_url": "https://gitlab.com",
    "gitlab_project": "gitlab-com/support/feedback",
    "gitlab_webhook_secret": None,
    "gitlab_webhook_signing_token": None,
    "gitlab_oauth_client_id": None,
    "gitlab_oauth_client_secret": None,
    "database_url": "sqlite:///ssat-bot.db",
    "host": "127.0.0.1",
    "port": 3000,
    "log_level": "info",
    "log_format": "auto",
    "ssat_poll_seconds": timedelta(seconds=60),
    "ssat_timezone": ZoneInfo("UTC"),
    "ssat_deadline_hours": timedelta(hours=48),
    "ssat_workdays": {0, 1, 2, 3, 4},
    "ssat_hours": (0, 24 * 60),
    "ssat_holidays": Holidays(),
    "ssat_contact_label": "SSAT::Contact",
    "ssat_contacted_label": "ssat-manager-contacted-customer",
    "ssat_label_scope": "feedback",
    "ssat_people_file": None,
    "ssat_people_keys": DEFAULT_KEYS,
    "ssat_retention_days": timedelta(days=200),
    "ssat_managers": frozenset(),
    "ssat_link_issue": None,
    "ssat_encryption_key": None,
    "ssat_act_as_yourself": False,
    "ssat_review_csm": False,
    "ssat_exempt": EXEMPT,
    "ssat_follow_up_project": "gitlab-com/support/support-team-meta",
    "ssat_follow_up_template": None,
    "ssat_kudos_channel": None,
    "ssat_week_project": None,
    "ssat_week_label": None,
    "ssat_week_cutoff": 3,
    "ssat_close_good": False,
    "pagerduty_api_token": None,
    "pagerduty_schedule": ("P9UIIDY",),
    "pagerduty_api_url": "https://api.pagerduty.com",
    "ssat_duty_group": None,
    "ssat_assign_on_duty": False,
    "ssat_reminders": (24, 12, 4, 1),
    "ssat_quiet_hours": QuietHours(awake=((8 * 60, 20 * 60),)),
    "ssat_lead": None,
    "ssat_digest": (DigestTime(minute=9 * 60),),
    "ssat_email_templates": None,
    "ssat_webmail": "off",
    "ssat_stats_channel": None,
    "ssat_region_scope": "OrganizationRegion",
    "ssat_routes_file": None,
    "ssat_tier_scope": "Tier",
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting is inherited, and no file ``.env`` is in the working directory."""
    for name in os.environ:
        if name.startswith("SSAT_") or name.lower() in Settings.model_fields:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> "Environment":
    return Environment(monkeypatch)


class Environment:
    """The environment of a bot: the needed settings, and what a test adds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def read(self, changes: Mapping[str, str] | None = None) -> Settings:
        self.set(NEEDED | dict(changes or {}))
        return load_settings()

    def unset(self, name: str) -> None:
        self._monkeypatch.delenv(name)
        self.set(NEEDED)

    def set(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self._monkeypatch.setenv(name, value)


def problems(error: SettingsError) -> dict[str, str]:
    """The settings that an error names, with what it says of each."""
    title, *lines = str(error).splitlines()
    assert title == "Fix these settings:"
    pairs = (line.strip().partition(": ") for line in lines if line.startswith("  "))
    return {name: words for name, _, words in pairs}


# Defaults


def test_the_defaults_are_those_of_the_readme(environment: Environment) -> None:
    needed = {"slack_bot_token", "gitlab_token"}
    assert {*DEFAULTS, *needed} == set(Settings.model_fields)
    settings = environment.read({"SLACK_SIGNING_SECRET": "", "SLACK_APP_TOKEN": "xapp-needed"})
    told = {name: value for name, value in settings if name in DEFAULTS}
    assert told == DEFAULTS | {"slack_app_token": settings.slack_app_token}


def test_by_default_48_hours_count_from_monday_to_friday(environment: Environment) -> None:
    assert environment.read().business_hours == BusinessHours(holidays=Holidays())


def test_empty_values_count_as_unset(environment: Environment) -> None:
    empty = {name.upper(): "" for name in DEFAULTS if name.upper() not in NEEDED}
    assert environment.read(empty) == environment.read({})
    environment.set(dict.fromkeys(NEEDED, ""))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert set(problems(caught.value)) == {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "GITLAB_TOKEN"}


ENCRYPTION_KEY = base64.urlsafe_b64encode(b"\xff" * 32).decode()
FORMER_KEY = base64.urlsafe_b64encode(b"k" * 32).decode()

GIVEN = {
    "SLACK_BOT_TOKEN": "xoxb-given",
    "SLACK_SIGNING_SECRET": "signing-given",
    "SLACK_APP_TOKEN": "xapp-given",
    "SLACK_API_URL": "http://127.0.0.1:9/api",
    "SSAT_CHANNEL": "C0123456789",
    "SSAT_BAD_CHANNEL": "#support_feedback",
    "GITLAB_URL": "https://gitlab.example.com/",
    "GITLAB_TOKEN": "glpat-given",
    "GITLAB_PROJECT": "4711",
    "GITLAB_WEBHOOK_SECRET": "hook-secret",
    "GITLAB_WEBHOOK_SIGNING_TOKEN": SIGNING_TOKEN,
    "GITLAB_OAUTH_CLIENT_ID": "0a1b2c",
    "GITLAB_OAUTH_CLIENT_SECRET": "gloas-given",
    "DATABASE_URL": "postgresql://bot:database%40password@db/ssat",
    "HOST": "0.0.0.0",
    "PORT": "8080",
    "LOG_LEVEL": "WARNING",
    "LOG_FORMAT": "text",
    "SSAT_POLL_SECONDS": "30",
    "SSAT_TIMEZONE": "Europe/Amsterdam",
    "SSAT_DEADLINE_HOURS": "24",
    "SSAT_WORKDAYS": "Sun-Thu",
    "SSAT_HOURS": "09:00-17:00",
    "SSAT_HOLIDAYS": "NL",
    "SSAT_CONTACT_LABEL": "contact",
    "SSAT_CONTACTED_LABEL": "contacted",
    "SSAT_LABEL_SCOPE": "cause",
    "SSAT_PEOPLE_FILE": "people.toml",
    "SSAT_PEOPLE_KEYS": "gitlab = handle, signature =",
    "SSAT_RETENTION_DAYS": "30",
    "SSAT_MANAGERS": "S0MANAGERS, U0AVERY W0BLAKE",
    "SSAT_LINK_ISSUE": "12",
    "SSAT_ENCRYPTION_KEY": f"{ENCRYPTION_KEY}, {FORMER_KEY}",
    "SSAT_ACT_AS_YOURSELF": "true",
    "SSAT_REVIEW_CSM": "true",
    "SSAT_EXEMPT": "Example Partner",
    "SSAT_FOLLOW_UP_PROJECT": "team/meta",
    "SSAT_FOLLOW_UP_TEMPLATE": "Feedback",
    "SSAT_KUDOS_CHANNEL": "#kudos",
    "SSAT_WEEK_PROJECT": "support/week",
    "SSAT_WEEK_LABEL": "week-in-review",
    "SSAT_WEEK_CUTOFF": "Friday",
    "SSAT_CLOSE_GOOD": "true",
    "PAGERDUTY_API_TOKEN": "y_duty",
    "PAGERDUTY_SCHEDULE": "PTEAM, PSPARE,",
    "PAGERDUTY_API_URL": "https://user:proxy-password@api.eu.pagerduty.com/",
    "SSAT_DUTY_GROUP": "S0DUTY",
    "SSAT_ASSIGN_ON_DUTY": "true",
    "SSAT_REMINDERS": "8,2",
    "SSAT_QUIET_HOURS": "22:00-06:00",
    "SSAT_LEAD": "U0LEAD",
    "SSAT_DIGEST": "10:30",
    "SSAT_EMAIL_TEMPLATES": "templates",
    "SSAT_WEBMAIL": "gmail",
    "SSAT_STATS_CHANNEL": "#support_trends",
    "SSAT_REGION_SCOPE": "Region",
    "SSAT_ROUTES_FILE": "routes.toml",
    "SSAT_TIER_SCOPE": "Plan",
}
"""For every setting a value that is not its default."""

NEEDED_WITH = {"SSAT_ACT_AS_YOURSELF": ("GITLAB_OAUTH_CLIENT_ID", "SSAT_ENCRYPTION_KEY")}
"""What a setting does not go without."""

EVERY_SETTING = [name.upper() for name in Settings.model_fields]


@pytest.fixture
def people_file(tmp_path: Path) -> None:
    (tmp_path / "people.toml").touch()
    (tmp_path / "templates").mkdir()
    (tmp_path / "routes.toml").write_text('[[route]]\nname = "rest"\n')


@pytest.mark.usefixtures("people_file")
def test_every_setting_can_be_given_and_differs_from_its_default(environment: Environment) -> None:
    assert list(GIVEN) == EVERY_SETTING
    default, given = environment.read({}), environment.read(GIVEN)
    same = [name for name, value in given if value == getattr(default, name)]
    assert same == []
    read = {name: value for name, value in given if not isinstance(value, SecretStr)}
    assert read == {
        "slack_api_url": "http://127.0.0.1:9/api/",
        "ssat_channel": "C0123456789",
        "ssat_bad_channel": "#support_feedback",
        "gitlab_url": "https://gitlab.example.com",
        "gitlab_project": "4711",
        "gitlab_oauth_client_id": "0a1b2c",
        "database_url": "postgresql://bot:database%40password@db/ssat",
        "host": "0.0.0.0",
        "port": 8080,
        "log_level": "warning",
        "log_format": "text",
        "ssat_poll_seconds": timedelta(seconds=30),
        "ssat_timezone": ZoneInfo("Europe/Amsterdam"),
        "ssat_deadline_hours": timedelta(days=1),
        "ssat_workdays": {6, 0, 1, 2, 3},
        "ssat_hours": (9 * 60, 17 * 60),
        "ssat_holidays": Holidays(regions=frozenset({("NL", "")})),
        "ssat_contact_label": "contact",
        "ssat_contacted_label": "contacted",
        "ssat_label_scope": "cause",
        "ssat_people_file": Path("people.toml"),
        "ssat_people_keys": {name: key for name, key in DEFAULT_KEYS.items() if name != "signature"}
        | {"gitlab": "handle"},
        "ssat_retention_days": timedelta(days=30),
        "ssat_managers": {"S0MANAGERS", "U0AVERY", "W0BLAKE"},
        "ssat_link_issue": 12,
        "ssat_act_as_yourself": True,
        "ssat_review_csm": True,
        "ssat_exempt": (*EXEMPT, "Example Partner"),
        "ssat_follow_up_project": "team/meta",
        "ssat_follow_up_template": "Feedback",
        "ssat_kudos_channel": "#kudos",
        "ssat_week_project": "support/week",
        "ssat_week_label": "week-in-review",
        "ssat_week_cutoff": 4,
        "ssat_close_good": True,
        "pagerduty_schedule": ("PTEAM", "PSPARE"),
        "pagerduty_api_url": "https://user:proxy-password@api.eu.pagerduty.com",
        "ssat_duty_group": "S0DUTY",
        "ssat_assign_on_duty": True,
        "ssat_reminders": (8, 2),
        "ssat_quiet_hours": QuietHours(awake=((6 * 60, 22 * 60),)),
        "ssat_lead": "U0LEAD",
        "ssat_digest": (DigestTime(minute=10 * 60 + 30),),
        "ssat_email_templates": Path("templates"),
        "ssat_webmail": "gmail",
        "ssat_stats_channel": "#support_trends",
        "ssat_region_scope": "Region",
        "ssat_routes_file": Path("routes.toml"),
        "ssat_tier_scope": "Plan",
    }
    assert given.uses_socket_mode


@pytest.mark.usefixtures("people_file")
def test_every_secret_is_known_and_no_setting_tells_its_own(environment: Environment) -> None:
    given = environment.read(GIVEN)
    assert set(given.secrets) == {
        "xoxb-given",
        "xapp-given",
        "signing-given",
        "glpat-given",
        "hook-secret",
        SIGNING_TOKEN,
        "gloas-given",
        f"{ENCRYPTION_KEY}, {FORMER_KEY}",
        ENCRYPTION_KEY,
        FORMER_KEY,
        "database%40password",
        "database@password",
        "proxy-password",
        "y_duty",
    }
    for name, field in Settings.model_fields.items():
        if "SecretStr" in str(field.annotation):
            assert GIVEN[name.upper()] not in repr(given)


@pytest.mark.usefixtures("people_file")
@pytest.mark.parametrize("name", EVERY_SETTING)
@pytest.mark.parametrize(
    ("before", "after"),
    [("", "\n"), ("", "\r\n"), (" \t", " "), ("\ufeff", ""), ("\u200b", "\u2060\xa0\u2028")],
    ids=["a secret made from a file", "on Windows", "spaces", "a byte order mark", "pasted"],
)
def test_what_cannot_be_seen_at_the_ends_of_a_setting_is_none_of_it(
    environment: Environment, name: str, before: str, after: str
) -> None:
    others = {each: GIVEN[each] for each in NEEDED_WITH.get(name, ())}
    plain = environment.read(others | {name: GIVEN[name]})
    assert environment.read(others | {name: f"{before}{GIVEN[name]}{after}"}) == plain


@pytest.mark.parametrize("name", sorted(set(EVERY_SETTING) - set(NEEDED)))
def test_a_setting_of_nothing_that_can_be_seen_is_unset(
    environment: Environment, name: str
) -> None:
    plain = environment.read({})
    assert environment.read({name: " \n\ufeff"}) == plain


CONTROL = ["\x01", "\x1b", "\x7f", "\udcff"]
FORMAT = ["\u200b", "\u202e", "\u2068", "\xad", "\u3164"]
LINE_ENDS = ["\n", "\r", "\x85", "\u2028"]
ON_SEVERAL_LINES = {
    "SSAT_MANAGERS": "S0MANAGERS\n\tU0AVERY\r\n",
    "SSAT_HOLIDAYS": "NL,\n US",
    "SSAT_PEOPLE_KEYS": "slack=id,\r\n gitlab=handle",
}
UNSEEN = [
    (name, character)
    for name in EVERY_SETTING
    for character in CONTROL + FORMAT + ([] if name in ON_SEVERAL_LINES else LINE_ENDS)
]


@pytest.mark.parametrize(("name", "value"), ON_SEVERAL_LINES.items())
def test_a_list_may_be_on_several_lines(environment: Environment, name: str, value: str) -> None:
    on_one = environment.read({name: " ".join(value.split())})
    assert environment.read({name: value}) == on_one


@pytest.mark.parametrize(("name", "character"), UNSEEN)
def test_a_character_that_cannot_be_seen_is_named_without_the_value(
    environment: Environment, name: str, character: str
) -> None:
    value = f"{GIVEN[name]}{character}more"
    with pytest.raises(SettingsError) as caught:
        environment.read({name: value})
    said = problems(caught.value)
    assert set(said) == {name}
    assert "cannot be seen" in said[name]
    assert GIVEN[name] not in said[name]
    assert "more" not in said[name]


LABELS = [
    "SSAT_CONTACT_LABEL",
    "SSAT_CONTACTED_LABEL",
    "SSAT_WEEK_LABEL",
    "SSAT_LABEL_SCOPE",
    "SSAT_REGION_SCOPE",
    "SSAT_TIER_SCOPE",
]


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
def test_a_joiner_may_stand_in_a_word_of_a_label_and_nowhere_else(
    environment: Environment, joiner: str
) -> None:
    joined = dict.fromkeys(LABELS, f"\u0645\u06cc{joiner}\u062e")
    settings = environment.read(joined)
    assert {name: getattr(settings, name.lower()) for name in LABELS} == joined
    for name in set(EVERY_SETTING) - set(LABELS):
        with pytest.raises(SettingsError) as caught:
            environment.read({name: f"{GIVEN[name]}{joiner}more"})
        assert "cannot be seen" in problems(caught.value)[name]
        environment.unset(name)


TOKENS = ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "GITLAB_TOKEN", "PAGERDUTY_API_TOKEN"]
SECRETS = ["SLACK_SIGNING_SECRET", "GITLAB_WEBHOOK_SECRET"]


NOT_IN_A_HEADER = [
    *itertools.product(TOKENS + SECRETS, ["é", "\u2013", "\xa0", "😀"]),
    *((name, " ") for name in [*TOKENS, "SLACK_SIGNING_SECRET"]),
]


@pytest.mark.parametrize(("name", "character"), NOT_IN_A_HEADER)
def test_a_token_that_no_header_can_have_is_named_without_its_value(
    environment: Environment, name: str, character: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        environment.read({name: f"{GIVEN[name]}{character}more"})
    said = problems(caught.value)
    assert set(said) == {name}
    assert "copy it again" in said[name]
    assert "more" not in str(caught.value)


def test_a_webhooks_secret_may_have_spaces_between_its_words(environment: Environment) -> None:
    secret = environment.read({"GITLAB_WEBHOOK_SECRET": "one two "}).gitlab_webhook_secret
    assert secret is not None
    assert secret.get_secret_value() == "one two"


def test_what_cannot_be_read_at_all_is_refused_without_its_text(
    environment: Environment, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes(b"GITLAB_TOKEN=glpat-s3cret\xff")
    with pytest.raises(SettingsError, match="text in UTF-8") as caught:
        environment.read({})
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


def write_env(folder: Path, text: str, encoding: str = "utf-8") -> None:
    (folder / ".env").write_bytes(text.encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_env_of_an_editor_on_windows_is_read(
    environment: Environment, tmp_path: Path, encoding: str
) -> None:
    write_env(tmp_path, "PORT=4000\r\nSSAT_CONTACT_LABEL=Rückruf\r\n", encoding)
    settings = environment.read()
    assert (settings.port, settings.ssat_contact_label) == (4000, "Rückruf")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_file_env_whose_encoding_nobody_can_tell_is_refused_in_words(
    environment: Environment, tmp_path: Path, encoding: str
) -> None:
    write_env(tmp_path, "PORT=4000\nGITLAB_TOKEN=glpat-s3cret\n", encoding)
    with pytest.raises(SettingsError, match="text in UTF-8") as caught:
        environment.read()
    assert "s3cret" not in str(caught.value)


def test_the_example_as_it_is_counts_as_unset(environment: Environment, tmp_path: Path) -> None:
    example = EXAMPLE.read_text(encoding="utf-8")
    for text in (example, re.sub("(?m)^#(?=[A-Z_]+=)", "", example)):
        write_env(tmp_path, re.sub(r"\w+\.toml", "", text))
        with pytest.raises(SettingsError) as caught:
            load_settings()
        assert set(problems(caught.value)) == {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "GITLAB_TOKEN"}
        assert problems(caught.value)["GITLAB_TOKEN"] == "is not set"
    settings = environment.read()
    assert not settings.uses_socket_mode
    assert settings.misnamed == ()


# Names


def test_a_misspelled_name_is_named_with_the_setting_most_like_it(
    environment: Environment, tmp_path: Path
) -> None:
    write_env(tmp_path, "SSAT_CHANEL=#elsewhere\nGITLAB_WEBHOOK_SECERT=hook-s3cret\nUNKNOWN=1\n")
    environment.set({"SSAT_TIMEZONES": "UTC", "SSAT_QQ": "1", "ssat_lead": "U0LEAD"})
    settings = environment.read()
    assert settings.misnamed == (
        "GITLAB_WEBHOOK_SECERT: there is no such setting; is it GITLAB_WEBHOOK_SECRET?",
        "SSAT_CHANEL: there is no such setting; is it SSAT_CHANNEL?",
        "SSAT_QQ: there is no such setting",
        "SSAT_TIMEZONES: there is no such setting; is it SSAT_TIMEZONE?",
    )
    assert settings.ssat_lead == "U0LEAD"


@pytest.mark.parametrize(
    ("misspelled", "name"),
    [
        ("DATABSE_URL", "DATABASE_URL"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("GITLAB_PROJEKT", "GITLAB_PROJECT"),
        ("SLACK_APP_TOKN", "SLACK_APP_TOKEN"),
        ("PAGERDUTY_SHEDULE", "PAGERDUTY_SCHEDULE"),
    ],
)
def test_a_name_in_the_environment_that_is_nearly_a_setting_is_named(
    environment: Environment, misspelled: str, name: str
) -> None:
    settings = environment.read({misspelled: "given"})
    assert settings.misnamed == (f"{misspelled}: there is no such setting; is it {name}?",)


OF_GITLAB_CI = "GITLAB_CI GITLAB_FEATURES GITLAB_USER_EMAIL GITLAB_USER_ID GITLAB_USER_LOGIN"
OF_OTHERS = (
    "GITLAB_API_TOKEN GITLAB_PROJECT_ID GITLAB_PROJECT_URL GITLAB_HOST GITLAB_API_URL GITLAB_URI "
    "SLACK_API_TOKEN SLACK_TOKEN SLACK_WEBHOOK_URL SLACK_USER_TOKEN PAGERDUTY_TOKEN "
    "PAGERDUTY_API_KEY HOSTNAME HOSTTYPE PGPORT PGHOST GITLAB_PORT GITLAB_PORT_80_TCP "
    "DATABASE_HOST DATABASE_NAME DATABASE_PORT DATABASE_PASSWORD GITLAB_SERVICE_HOST"
)


def test_what_other_programs_read_is_not_named(environment: Environment) -> None:
    names = f"{OF_GITLAB_CI} {OF_OTHERS}".split()
    assert environment.read(dict.fromkeys(names, "given")).misnamed == ()


def test_a_misspelled_name_is_named_with_what_is_not_set(
    environment: Environment, tmp_path: Path
) -> None:
    write_env(tmp_path, "GITLAB_TOKN=glpat-s3cret\n")
    environment.set(NEEDED | {"GITLAB_TOKEN": ""})
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert problems(caught.value) == {
        "GITLAB_TOKEN": "is not set",
        "GITLAB_TOKN": "there is no such setting; is it GITLAB_TOKEN?",
    }
    assert "s3cret" not in str(caught.value)


def test_what_is_for_others_or_a_secret_without_its_name_is_not_named(
    environment: Environment, tmp_path: Path
) -> None:
    without_name = "8f742231b10e8888abcd99\nglpat-s3cret\nwhsec_c2VjcmV0=\n"
    without_sign = "GITLAB_TOKENglpat-s3\nSLACK_SIGNING_SECRET8f74\nSSAT_LEADwhsec_c2VjcmV0==\n"
    others = "HTTPS_PROXY=http://proxy\nGITLAB_HOST=gitlab.example.com\nSSAT_CHANEL=\n"
    write_env(tmp_path, without_name + without_sign + others)
    of_others = {"GITLAB_HOST": "gitlab.example.com", "SLACK_BOT_TOKENS": "", "GITLAB_URLS": ""}
    of_kubernetes = {
        "SSAT_BOT_SERVICE_HOST": "10.0.0.1",
        "SSAT_BOT_SERVICE_PORT_HTTP": "3000",
        "SSAT_BOT_PORT": "tcp://10.0.0.1:3000",
        "SSAT_BOT_PORT_3000_TCP_ADDR": "10.0.0.1",
    }
    environment.set(of_others | of_kubernetes)
    assert environment.read().misnamed == ()


# As people write them


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("support_escalations", "#support_escalations"),
        ("#Support_Escalations", "#support_escalations"),
        ("#обратная-связь", "#обратная-связь"),
        ("C0123ABCD", "C0123ABCD"),
        ("#C0123ABCD", "C0123ABCD"),
        ("<#C0123ABCD|support_escalations>", "C0123ABCD"),
        ("<#G0123ABCD>", "G0123ABCD"),
        ("https://example.slack.com/archives/C0123ABCD", "C0123ABCD"),
        ("https://example.slack.com/archives/C0123ABCD/p1700000000000100?cid=C0", "C0123ABCD"),
        ("https://app.slack.com/client/T0123ABCD/C0123ABCD/", "C0123ABCD"),
    ],
)
def test_a_channel_is_understood_as_people_write_it(
    environment: Environment, written: str, read: str
) -> None:
    assert environment.read({"SSAT_CHANNEL": written}).ssat_channel == read


def test_people_and_groups_are_understood_as_they_are_pasted(environment: Environment) -> None:
    pasted = {
        "SSAT_MANAGERS": "<!subteam^S0MANAGERS|@managers>, <@U0AVERY>",
        "SSAT_DUTY_GROUP": "<!subteam^S0DUTY>",
        "SSAT_LEAD": "https://example.slack.com/team/U0LEAD",
    }
    settings = environment.read(pasted)
    assert settings.ssat_managers == {"S0MANAGERS", "U0AVERY"}
    assert (settings.ssat_duty_group, settings.ssat_lead) == ("S0DUTY", "U0LEAD")


def test_a_scope_may_be_given_as_gitlab_writes_it_before_a_label(environment: Environment) -> None:
    assert environment.read({"SSAT_LABEL_SCOPE": "feedback::"}).ssat_label_scope == "feedback"
    assert environment.read({"SSAT_LABEL_SCOPE": "a::b::"}).ssat_label_scope == "a::b"


@pytest.mark.parametrize(
    "written",
    [
        "support/feedback",
        "/support/feedback/",
        "https://gitlab.example.com/support/feedback",
        "https://gitlab.example.com/support/feedback/-/issues?state=opened",
    ],
)
def test_a_project_is_understood_as_people_write_it(environment: Environment, written: str) -> None:
    given = dict.fromkeys(["GITLAB_PROJECT", "SSAT_FOLLOW_UP_PROJECT"], written)
    settings = environment.read({"GITLAB_URL": "https://gitlab.example.com/"} | given)
    assert settings.gitlab_project == settings.ssat_follow_up_project == "support/feedback"


def test_a_file_env_is_read_where_the_environment_says_nothing(
    environment: Environment, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PORT=4000\nSSAT_CHANNEL=#from-file\nUNKNOWN=ignored\n")
    settings = environment.read({"PORT": "5000"})
    assert (settings.port, settings.ssat_channel) == (5000, "#from-file")


# What is wrong


def test_whatever_is_not_set_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert problems(caught.value) == {
        "SLACK_BOT_TOKEN": "is not set",
        "SLACK_APP_TOKEN": "set it (Socket Mode), or set SLACK_SIGNING_SECRET (HTTP mode)",
        "GITLAB_TOKEN": "is not set",
    }


def test_what_only_follows_from_another_mistake_is_not_named(environment: Environment) -> None:
    environment.set(NEEDED | {"SLACK_SIGNING_SECRET": "two words", "SSAT_ENCRYPTION_KEY": "short"})
    environment.set({"GITLAB_OAUTH_CLIENT_ID": "id", "SSAT_ACT_AS_YOURSELF": "true"})
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert set(problems(caught.value)) == {"SLACK_SIGNING_SECRET", "SSAT_ENCRYPTION_KEY"}
    settings, wrong = load_partly()
    assert set(wrong) == {"slack_signing_secret", "ssat_encryption_key"}
    assert not settings.uses_socket_mode


def test_what_asks_for_settings_is_named_only_where_nothing_is_set_up(
    environment: Environment, tmp_path: Path
) -> None:
    hint = "\nThere is no .env in this folder: `ssat-bot init` asks for all of it."
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).endswith(hint)
    environment.set(NEEDED | {"SLACK_BOT_TOKEN": "malformed"})
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert hint not in str(caught.value)
    environment.set({"SLACK_BOT_TOKEN": ""})
    (tmp_path / ".env").touch()
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert hint not in str(caught.value)


def test_either_mode_of_slack_is_enough(environment: Environment) -> None:
    environment.set(NEEDED | {"SLACK_SIGNING_SECRET": "", "SLACK_APP_TOKEN": "xapp-given"})
    assert load_settings().uses_socket_mode
    environment.set(NEEDED | {"SLACK_APP_TOKEN": ""})
    assert not load_settings().uses_socket_mode


ANY_TEXT = {
    "HOST",
    "SSAT_CONTACT_LABEL",
    "SSAT_CONTACTED_LABEL",
    "SSAT_EXEMPT",
    "SSAT_FOLLOW_UP_TEMPLATE",
    "SSAT_WEEK_LABEL",
}
"""The settings of which only the platforms, or the machine, know whether they are right."""

WRONG = [
    ("GITLAB_TOKEN", "glpat-with a space", "copy it again"),
    ("GITLAB_TOKEN", "xoxb-hidden", "that is a token of Slack"),
    ("GITLAB_PROJECT", "a b", "give the project's path or number"),
    ("PAGERDUTY_API_TOKEN", "y_with a space", "copy it again"),
    ("SLACK_SIGNING_SECRET", "signed with a space", "copy it again"),
    ("SLACK_SIGNING_SECRET", "xapp-1-A0-2-hidden", "copy the Signing Secret"),
    ("SLACK_SIGNING_SECRET", "xoxb-1-hidden", "copy the Signing Secret"),
    ("SLACK_SIGNING_SECRET", "xoxe.xoxp-1-hidden", "copy the Signing Secret"),
    ("SLACK_SIGNING_SECRET", "glpat-hidden", "copy the Signing Secret"),
    ("GITLAB_WEBHOOK_SECRET", "hook-sécret", "copy it again"),
    ("SSAT_LABEL_SCOPE", "::", "feedback"),
    ("SSAT_REGION_SCOPE", "::", "feedback"),
    ("SSAT_TIER_SCOPE", "::", "feedback"),
    ("SSAT_ROUTES_FILE", "/nowhere/routes.toml", "no such file: a path without / in front"),
    ("SSAT_ROUTES_FILE", "/dev", "that is a folder: name the file in it"),
    ("SLACK_BOT_TOKEN", "xoxp-of-a-person", "starts with xoxb-"),
    ("SLACK_APP_TOKEN", "xoxb-not-an-app's", "starts with xapp-"),
    ("SLACK_API_URL", "slack.com/api", "starts with https://"),
    ("GITLAB_URL", "gitlab.example.com", "starts with https://"),
    ("GITLAB_URL", "https://", "starts with https://"),
    ("GITLAB_URL", "https://user:pass\u2100word@gitlab.example.com", "starts with https://"),
    ("PAGERDUTY_API_URL", "api.pagerduty.com", "starts with https://"),
    ("PAGERDUTY_SCHEDULE", "schedules#P9UIIDY", "the id of a schedule"),
    ("PAGERDUTY_SCHEDULE", "P9UIIDY;PSPARE", "or several with commas"),
    ("PAGERDUTY_SCHEDULE", " , ,", "the id of a schedule"),
    ("PAGERDUTY_SCHEDULE", "P9UIIDY,PSPARE,P9UIIDY", "a schedule is in it twice"),
    ("SSAT_CHANNEL", "support escalations", "name (#support_escalations), its id (C…) or its link"),
    ("SSAT_CHANNEL", "#", "name (#support_escalations)"),
    ("SSAT_BAD_CHANNEL", "#", "name (#support_escalations)"),
    ("SSAT_REVIEW_CSM", "perhaps", "true or false"),
    ("SSAT_STATS_CHANNEL", "#", "name (#support_escalations)"),
    ("SSAT_CHANNEL", "https://example.slack.com/archives/", "its link"),
    ("GITLAB_PROJECT", "https://elsewhere.example.com/support/feedback", "address at GITLAB_URL"),
    ("GITLAB_PROJECT", "/", "path or number"),
    ("SSAT_FOLLOW_UP_PROJECT", "https://elsewhere.example.com/team/meta", "address at GITLAB_URL"),
    ("SSAT_FOLLOW_UP_PROJECT", "/", "path or number"),
    ("SSAT_DUTY_GROUP", "@ssat-on-duty", "user group (S…)"),
    ("SSAT_DUTY_GROUP", "Support", "user group (S…)"),
    ("SSAT_LINK_ISSUE", "#12", "whole number"),
    ("SSAT_LINK_ISSUE", "0", "at least 1"),
    ("SSAT_ASSIGN_ON_DUTY", "perhaps", "true or false"),
    ("GITLAB_OAUTH_CLIENT_ID", "two words", "copy the application id"),
    ("GITLAB_OAUTH_CLIENT_SECRET", "two words", "copy it again"),
    ("SSAT_ENCRYPTION_KEY", "a-secret-of-my-own", "openssl rand -base64 32"),
    ("SSAT_ENCRYPTION_KEY", ",", "a key of 32 bytes in base64"),
    ("SSAT_ENCRYPTION_KEY", f"{ENCRYPTION_KEY},{ENCRYPTION_KEY[:-8]}", "32 bytes"),
    ("SSAT_ENCRYPTION_KEY", "\u00e9" * 44, "32 bytes"),
    (
        "SSAT_ACT_AS_YOURSELF",
        "true",
        "it needs GITLAB_OAUTH_CLIENT_ID and SSAT_ENCRYPTION_KEY, too",
    ),
    ("SSAT_ACT_AS_YOURSELF", "perhaps", "true or false"),
    ("SSAT_KUDOS_CHANNEL", "thank you", "give the channel's name"),
    ("SSAT_WEEK_PROJECT", "https://elsewhere.example.com/support/week", "address at GITLAB_URL"),
    ("SSAT_WEEK_CUTOFF", "Mon-Fri", "one day of the week, such as Thu"),
    ("SSAT_CLOSE_GOOD", "perhaps", "true or false"),
    ("GITLAB_WEBHOOK_SIGNING_TOKEN", "whsec_", "whsec_ and base64"),
    ("GITLAB_WEBHOOK_SIGNING_TOKEN", "whsec_no-base64-at-all!", "whsec_ and base64"),
    ("DATABASE_URL", "ssat-bot.db", "sqlite:///"),
    # What a process keeps in memory is lost with it.
    ("DATABASE_URL", "sqlite:///", "sqlite:///file.db"),
    ("DATABASE_URL", "sqlite:///:memory:", "sqlite:///file.db"),
    # It would name the file /srv/what
    ("DATABASE_URL", "sqlite:////srv/what?/ssat-bot.db", "%3F"),
    ("DATABASE_URL", "postgresql://bot:password@db:port/ssat", "postgresql://"),
    ("DATABASE_URL", "mysql://bot:database-password@db/ssat", "postgresql://"),
    ("DATABASE_URL", "postgresql://bot:d4tabase@db/database-password@db/ssat", "%40"),
    ("DATABASE_URL", "postgresql://db/ssat?password=a&database-password=b", "%40"),
    # One with an @, of which the database would take the rest for a host, and name it
    ("DATABASE_URL", "postgresql://bot:d4tabase@database-password@db/ssat", "%40"),
    ("PORT", "http", "whole number"),
    ("PORT", "70000", "65535"),
    ("PORT", "-1", "at least 0"),
    ("LOG_LEVEL", "chatty", "give one of debug, info, warning, error"),
    ("LOG_FORMAT", "xml", "give one of auto, json, text"),
    ("SSAT_POLL_SECONDS", "0", "more than 0"),
    ("SSAT_POLL_SECONDS", "often", "number"),
    ("SSAT_POLL_SECONDS", "nan", ""),
    ("SSAT_DEADLINE_HOURS", "-48", "more than 0"),
    ("SSAT_DEADLINE_HOURS", "inf", "8760"),
    ("SSAT_DEADLINE_HOURS", "nan", ""),
    ("SSAT_TIMEZONE", "Mars/Olympus", ""),
    ("SSAT_TIMEZONE", "../../etc/passwd", ""),
    ("SSAT_WORKDAYS", "Someday", ""),
    ("SSAT_HOURS", "17:00-09:00", ""),
    ("SSAT_HOURS", "office", ""),
    ("SSAT_HOLIDAYS", "Atlantis", ""),
    (
        "SSAT_PEOPLE_FILE",
        "/nowhere/people.toml",
        "no such file or folder: a path without / in front",
    ),
    ("SSAT_PEOPLE_FILE", "/dev/null", "no such file or folder"),
    ("SSAT_PEOPLE_KEYS", "slak=id", "is it slack?"),
    ("SSAT_PEOPLE_KEYS", "slack", "has no ="),
    ("SSAT_PEOPLE_KEYS", "slack=", "without Slack ids nobody is known"),
    ("SSAT_EMAIL_TEMPLATES", "/nowhere", "no such folder"),
    ("SSAT_WEBMAIL", "pigeon", "'off', 'gmail' or 'outlook'"),
    ("SSAT_RETENTION_DAYS", "0", "at least 1"),
    ("SSAT_RETENTION_DAYS", "3651", "3650"),
    ("SSAT_RETENTION_DAYS", "1.5", "whole number"),
    ("SSAT_MANAGERS", "avery,S0MANAGERS", "Slack ids"),
    ("SSAT_MANAGERS", "Support", "Slack ids"),
    ("SSAT_MANAGERS", "u0avery", "Slack ids"),
    # An empty list would let everybody act, as if none were set.
    ("SSAT_MANAGERS", " , ", "Slack ids"),
    ("SSAT_REMINDERS", "often", "24,12,4,1, or off"),
    ("SSAT_REMINDERS", "24,-1", "24,12,4,1, or off"),
    ("SSAT_REMINDERS", "nan", "24,12,4,1, or off"),
    ("SSAT_REMINDERS", ",", "24,12,4,1, or off"),
    ("SSAT_QUIET_HOURS", "at night", "20:00-08:00, or off"),
    ("SSAT_QUIET_HOURS", "20:00", "20:00-08:00, or off"),
    ("SSAT_QUIET_HOURS", "25:00-08:00", "20:00-08:00, or off"),
    ("SSAT_QUIET_HOURS", "08:00-08:00", "20:00-08:00, or off"),
    ("SSAT_QUIET_HOURS", "00:00-24:00", "SSAT_REMINDERS=off"),
    ("SSAT_LEAD", "avery", "one Slack id"),
    ("SSAT_LEAD", "Ursula", "one Slack id"),
    ("SSAT_DIGEST", "9 o'clock", "09:00, or off"),
    ("SSAT_DIGEST", "24:00", "09:00, or off"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG, ids=str)
def test_a_malformed_setting_is_named_with_what_to_do(
    environment: Environment, name: str, value: str, words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        environment.read({name: value})
    said = problems(caught.value)
    assert set(said) == {name}
    assert words in said[name]
    if len(value) > len("sqlite:///"):  # the remedy may have as much of it
        assert value not in said[name]


PASSWORDS = st.text(st.sampled_from("QXZ12@:/?#[]%&=+ \\'\"~"), min_size=6, max_size=16)
"""Of the capitals among these no message of the bot or the database is made."""
PLACES = (
    "postgresql://bot:{}@127.0.0.1:1/ssat",
    "postgres://:{}@127.0.0.1:1/ssat",
    "postgresql://bot:{}@[::1]:1/ssat",
    "postgresql://bot@127.0.0.1:1/ssat?password={}",
    "postgresql://127.0.0.1:1/ssat?sslpassword={}",
)


@given(password=PASSWORDS, place=st.sampled_from(PLACES))
@example("s3cr@tQXZ", PLACES[0])
@example("12#QXZ", PLACES[0])
@example("12/QXZ", PLACES[0])
@example("12?QXZ=1", PLACES[0])
@example("12:QXZ", PLACES[0])
@example("QXZ&ZZ=1", PLACES[3])
@example("111@QQ", PLACES[4])
def test_no_part_of_the_databases_password_is_told_whatever_is_in_it(
    password: str, place: str
) -> None:
    url = place.format(password)
    try:
        read = load_settings(
            _env_file=None,
            slack_bot_token="xoxb-1",
            slack_app_token="xapp-1",
            gitlab_token="glpat-1",
            database_url=url,
        )
    except SettingsError as error:
        told = str(error)
    else:
        told = asyncio.run(problem_of(read.database_url))
        told += str(asyncio.run(examine_database(read.database_url)))
        for each in read.secrets:
            told = told.replace(each, "")
        # It is understood as it was meant.
        if "password=" not in place:
            assert make_url(read.database_url).password == unquote(password)
            assert {password, unquote(password)} <= set(read.secrets)
    for part in re.findall("[QXZ]{2,}", password):
        assert part not in told


async def problem_of(database_url: str) -> str:
    """What the bot says of a database that is not there."""
    database = Database(database_url)
    try:
        with pytest.raises(DatabaseError) as caught:
            await database.open()
    finally:
        await database.close()
    return "".join(traceback.format_exception(caught.value))


def test_no_setting_that_can_be_malformed_is_missing_above() -> None:
    assert {name for name, *_ in WRONG} == set(EVERY_SETTING) - ANY_TEXT


def test_whatever_is_malformed_is_named_at_once_and_no_secret_is_told(
    environment: Environment,
) -> None:
    wrong = {name: value for name, value, _ in WRONG}
    with pytest.raises(SettingsError) as caught:
        environment.read(wrong | {"GITLAB_TOKEN": ""})
    assert set(problems(caught.value)) == {*wrong, "GITLAB_TOKEN"}
    told = str(caught.value)
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "GITLAB_WEBHOOK_SIGNING_TOKEN"):
        assert wrong[name] not in told
    assert "database-password" not in told
    assert "signing-secret" not in told
    # The error that says the values is none of it, so that there is nothing to print.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


# The people file


def people(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "people.toml"
    path.write_text(text)
    return path


def usernames(path: Path) -> dict[str, str]:
    return {user: each.gitlab for user, each in read_people(path).items() if each.gitlab}


def test_the_people_file_links_slack_users_to_gitlab(tmp_path: Path) -> None:
    path = people(tmp_path, '[people]\nU0AVERY = "avery"\nU0BLAKE = "@blake.sample"\n')
    assert usernames(path) == {"U0AVERY": "avery", "U0BLAKE": "blake.sample"}


@pytest.mark.parametrize("text", ["", "[people]\n", '[duty]\n2026-W05 = "U0AVERY"\n'])
def test_it_may_link_nobody(tmp_path: Path, text: str) -> None:
    assert read_people(people(tmp_path, text)) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[people\n", "line 1"),
        ("people = 5\n", "must be a table"),
        ('people = ["avery"]\n', "must be a table"),
        ("[people]\nU0AVERY = 5\n", "no GitLab username for U0AVERY"),
        ('[people]\nU0AVERY = ""\n', "no GitLab username for U0AVERY"),
        ('[people]\nU0AVERY = "@"\n', "no GitLab username for U0AVERY"),
        ('[people]\nU0AVERY = ["avery"]\nU0BLAKE = true\n', "U0AVERY, U0BLAKE"),
        ('[people]\nU0AVERY = "one"\nU0BLAKE = "@one"\n', "linked to two people: one"),
        ('[people]\nU0AVERY = "one"\nU0AVERY = "two"\n', "line 3"),
        ('[peple]\nU0AVERY = "avery"\n', "no table [peple]; is it [people]?"),
        ('[Duty]\n2026-W05 = "U0AVERY"\n', "no table [Duty]; is it [duty]?"),
        ('[others]\nU0AVERY = "avery"\n', "no table [others]; there are [people] and [duty]"),
        ('U0AVERY = "avery"\n[duty]\n', "no table [U0AVERY]; there are [people] and [duty]"),
        ('[people]\navery = "U0AVERY"\n', "[people]: no Slack user id (U…): avery"),
        ('[people]\nu0avery = "avery"\nS0GROUP = "blake"', "user id (U…): u0avery, S0GROUP"),
    ],
)
def test_a_people_file_of_another_form_is_refused_with_the_reason(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(PeopleFileError, match="SSAT_PEOPLE_FILE") as caught:
        read_people(people(tmp_path, text))
    assert words in str(caught.value)


def test_the_people_file_says_how_people_sign_their_emails(tmp_path: Path) -> None:
    path = people(
        tmp_path,
        """
        [people]
        U0AVERY = "avery"
        U0BLAKE = { gitlab = "@blake.sample", role = " Director ", language = "pt-BR" }

        [people.U0CASEY]
        booking_link = "https://calendar.example.com/casey"
        signature = "Kind regards\\nCasey"
        """,
    )
    assert usernames(path) == {"U0AVERY": "avery", "U0BLAKE": "blake.sample"}
    assert {user: each.profile for user, each in read_people(path).items()} == {
        "U0AVERY": Profile(),
        "U0BLAKE": Profile(role="Director", language="pt-BR"),
        "U0CASEY": Profile(
            booking_link="https://calendar.example.com/casey", signature="Kind regards\nCasey"
        ),
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('rol = "Lead"', "there is no key rol; is it role?"),
        ('telephone = "1"', "there is no key telephone; there are gitlab, role, booking_link"),
        ("role = 5", "role must be a text of at most 80 characters"),
        (f'role = "{"x" * 81}"', "role must be a text of at most 80 characters"),
        ('booking_link = "calendar.example.com"', "booking_link must start with https://"),
        ('language = "Deutsch"', "language must be a code such as en"),
    ],
)
def test_a_mistake_in_a_profile_is_named(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(PeopleFileError, match=r"SSAT_PEOPLE_FILE, \[people\.U0AVERY\]: ") as caught:
        read_people(people(tmp_path, f"[people.U0AVERY]\n{line}\n"))
    assert words in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_people_file_of_an_editor_on_windows_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "people.toml"
    path.write_bytes('[people]\r\nU0AVERY = "avery"  # Zoë\r\n'.encode(encoding))
    assert usernames(path) == {"U0AVERY": "avery"}


def test_a_people_file_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.toml"
    for content in (b"\xff\xfe\xfd", "[people]\n".encode("utf-16-le"), b"# caf\xe9"):
        path.write_bytes(content)
        with pytest.raises(PeopleFileError, match="SSAT_PEOPLE_FILE: it is no text in UTF-8"):
            read_people(path)
    for broken in (tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(PeopleFileError, match="SSAT_PEOPLE_FILE"):
            read_people(broken)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("port", "65536", "set it to at most 65535"),
        ("port", "-1", "set it to at least 0"),
        ("port", "http", "set it to a whole number"),
        ("ssat_poll_seconds", "often", "set it to a number"),
        ("ssat_close_good", "maybe", "set it to true or false"),
    ],
)
def test_what_a_number_may_be_is_said_in_words(name: str, value: str, words: str) -> None:
    assert problem_with(name, {name: value}) == words
