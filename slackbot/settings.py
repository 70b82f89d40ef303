"""The environment's settings; all problems are named at once."""

import base64
import os
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from unicodedata import category as _category
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    Field,
    GetPydanticSchema,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core.core_schema import no_info_after_validator_function
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    SettingsConfigDict,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from slackbot.logs import LogFormat, LogLevel
from slackbot.platforms.gitlab.hooks import signing_key
from slackbot.rules.outreach import Webmail
from slackbot.rules.people import parse_keys
from slackbot.rules.reading.characters import BLANK, JOINERS
from slackbot.rules.reading.exempt import parse_exempt
from slackbot.rules.reading.slack_ids import CHANNELS, GROUPS, USERS, read_id
from slackbot.rules.request import Rules
from slackbot.rules.routes import Route, Routes
from slackbot.rules.timing.deadline import (
    BusinessHours,
    DeadlineRule,
    Holidays,
    parse_holidays,
    parse_timezone,
    parse_window,
    parse_workdays,
)
from slackbot.rules.timing.reminders import (
    DigestTime,
    QuietHours,
    ReminderRules,
    parse_digest,
    parse_quiet_hours,
    parse_reminders,
)
from slackbot.rules.timing.week import ReviewWeek, parse_weekday
from slackbot.written import encoding_of, nearest

ENV_FILE = ".env"
HOW_TO_BEGIN = "`ssat-bot init` asks for all of it"
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
"""Control, format, halves, unassigned, line ends."""
LISTS = frozenset({"ssat_managers", "ssat_holidays", "ssat_people_keys"})
"""They may span lines."""
LABELS = frozenset(
    {
        "ssat_contact_label",
        "ssat_contacted_label",
        "ssat_label_scope",
        "ssat_region_scope",
        "ssat_tier_scope",
        "ssat_week_label",
    }
)
"""Their words may need joiners."""
HEADER = re.compile("[!-~]+")
"""A token goes into an HTTP header."""
HEADER_OF_WORDS = re.compile("[ -~]+")
"""GitLab sends this secret in one; people choose it, so it may have several words."""
SLACK_TOKEN = re.compile(r"(xox[a-z]|xapp)[-_.]")
OTHER_TOKEN = re.compile(rf"{SLACK_TOKEN.pattern}|(glpat|whsec)[-_.]")
"""How tokens of Slack and GitLab begin; a signing secret has hexadecimal digits only."""
CHANNEL_NAME = re.compile(r"[^\s#@<>/:,]+")
KEY_BYTES = 32
SCHEDULE_ID = re.compile("[A-Za-z0-9]+")
PREFIX = "SSAT_"
"""Of settings; other variables may be another program's."""
_OF_A_SERVICE = re.compile(r".+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)")
"""Kubernetes sets these for a service that is named like the bot."""
_OF_OTHERS = frozenset({"GITLAB_PROJECT_ID", "GITLAB_URI", "SLACK_API_TOKEN"})
"""Nearly settings, but well known as other programs' variables."""
_LIKE_A_SETTING = 0.9
"""How like one a variable is that may be another program's: one letter is wrong."""
NOT_SET = "is not set"
RELATIVE = "a path without / in front begins where the bot is started"
PLACEHOLDERS = frozenset({"", "xoxb-", "xapp-", "glpat-"})
"""What ``.env.example`` has where a token belongs."""


class SettingsError(Exception):
    """The message lists every setting to fix.

    ``problems`` has them by field, one a line, and is empty if nothing can be read.
    """

    def __init__(self, message: str, problems: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.problems = problems or {}


def read(made: Callable[[Any], Any], written: Any = str) -> GetPydanticSchema:
    """Read within pydantic's limits; ``made`` raises ValueError with what is allowed."""
    return GetPydanticSchema(
        lambda _, handler: no_info_after_validator_function(made, handler(written))
    )


def _must(be: Callable[[Any], object], otherwise: str) -> AfterValidator:
    """Refuse other values; of a secret, look at what it hides."""

    def check(value: Any) -> Any:
        if not be(value.get_secret_value() if isinstance(value, SecretStr) else value):
            raise ValueError(otherwise)
        return value

    return AfterValidator(check)


def _signing_token(value: SecretStr) -> SecretStr:
    signing_key(value.get_secret_value())
    return value


def _keys_in(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _are_keys(text: str) -> bool:
    """As Fernet has them: 32 bytes in base64 for URLs."""
    keys = _keys_in(text)
    try:
        return bool(keys) and all(
            len(base64.b64decode(key, b"-_", validate=True)) == KEY_BYTES for key in keys
        )
    except ValueError:
        return False


def _address(text: str) -> str:
    try:
        is_address = urlsplit(text).scheme in ("https", "http") and urlsplit(text).hostname
    except ValueError:  # its text would quote the value
        is_address = False
    if not is_address:
        raise ValueError("give a URL that starts with https://")
    return text.rstrip("/")


def _database(url: str) -> str:
    if not _names_database(url):
        raise ValueError(
            "give sqlite:///file.db or postgresql://user:password@host/database, "
            "with @ and / in the password as %40 and %2F, and ? and % in a path as %3F and %25"
        )
    return url


def _names_database(url: str) -> bool:
    if url.startswith("sqlite:///"):
        path, _, options = url.removeprefix("sqlite:///").partition("?")
        # In memory, people's choices would go with the process. A ? would end the path.
        return path not in ("", ":memory:") and (not options or "=" in options)
    if not url.startswith(("postgresql://", "postgres://")):
        return False
    try:
        read = make_url(url)  # as the database does: another reading would end the password sooner
    except (ValueError, ArgumentError):  # the port is no number
        return False
    # What comes after an @ or & in a password would be a host or a parameter, and be named.
    is_in_parameter = re.match(r"[^/]*//[^@/]*/[^@?]*\?.*@", url)
    has_one_host = url.count("@") <= 1 and not is_in_parameter
    return has_one_host and read.port != 0 and read.query.keys() <= _parameters()


def _parameters() -> set[str]:
    """Return what PostgreSQL's own library takes."""
    from psycopg.pq import Conninfo  # SQLite does without this driver

    return {each.keyword.decode() for each in Conninfo.get_defaults()}


def _slack_ids(text: str) -> frozenset[str]:
    written = text.replace(",", " ").split()
    ids = [found for each in written if (found := read_id(each, GROUPS + USERS))]
    if len(ids) < len(written) or (text and not ids):
        raise ValueError(
            "give Slack ids, of user groups (S…) or users (U… or W…), separated by commas"
        )
    return frozenset(ids)


def _id_of(letters: str, otherwise: str) -> GetPydanticSchema:
    def known(text: str) -> str:
        if (found := read_id(text, letters)) is None:
            raise ValueError(otherwise)
        return found

    return read(known)


def _schedules(text: str) -> tuple[str, ...]:
    """Keep the order."""
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if not ids or not all(SCHEDULE_ID.fullmatch(each) for each in ids):
        raise ValueError(
            "give the id of a schedule, from its address in PagerDuty, or several with commas, "
            "the one that goes first in front"
        )
    if len(set(ids)) < len(ids):
        raise ValueError("a schedule is in it twice: leave one out, or give the other's id")
    return tuple(ids)


def _channel(text: str) -> str:
    """Return ``#name`` or an id."""
    if found := read_id(text, CHANNELS):
        return found
    name = text.removeprefix("#").lower()  # as Slack has it
    if not CHANNEL_NAME.fullmatch(name):
        raise ValueError("give the channel's name (#support_escalations), its id (C…) or its link")
    return f"#{name}"


def project_path(value: str, gitlab_url: str) -> str:
    """Take its address, too.

    Raises:
        ValueError: It is none of the project's names.
    """
    path = value.removeprefix(gitlab_url).partition("/-/")[0].strip("/")
    if not path or "://" in path or re.search(r"\s", path):
        raise ValueError("give the project's path or number, or its address at GITLAB_URL")
    return path


def _scope(text: str) -> str:
    scope = text.removesuffix("::")
    if not scope:
        raise ValueError("give what is before the last :: of the labels, such as feedback")
    return scope


def _is_there(path: Path) -> bool:
    return path.is_file() or path.is_dir()


def _one_of(words: type[StrEnum]) -> GetPydanticSchema:
    def chosen(text: str) -> StrEnum:
        try:
            return words(text.lower())
        except ValueError:
            raise ValueError(f"give one of {', '.join(words)}") from None

    return read(chosen)


def _times(unit: timedelta) -> Callable[[float], timedelta]:
    return lambda number: number * unit


Token = Annotated[
    SecretStr,
    _must(HEADER.fullmatch, "only letters, digits and signs may be in it, no space: copy it again"),
]
BotToken = Annotated[
    Token,
    _must(
        re.compile("xoxb-").match,
        "a bot token starts with xoxb- (Slack app page, OAuth & Permissions)",
    ),
]
AppToken = Annotated[
    Token,
    _must(
        re.compile("xapp-").match,
        "an app-level token starts with xapp- (Slack app page, Basic Information)",
    ),
]
SigningSecret = Annotated[
    Token,
    _must(
        lambda text: not OTHER_TOKEN.match(text),
        "that is another token: copy the Signing Secret (Slack app page, Basic Information)",
    ),
]
GitLabToken = Annotated[
    Token,
    _must(
        lambda text: not SLACK_TOKEN.match(text),
        "that is a token of Slack: give the one that was created in GitLab",
    ),
]
HookSecret = Annotated[
    SecretStr,
    _must(
        HEADER_OF_WORDS.fullmatch,
        "only English letters, digits, signs and spaces may be in it: copy it again, "
        "or set another one here and in GitLab",
    ),
]
EncryptionKeys = Annotated[
    SecretStr,
    _must(
        _are_keys,
        "give a key of 32 bytes in base64, or several with commas, the newest in front; "
        "`openssl rand -base64 32 | tr +/ -_` makes one",
    ),
]
ClientId = Annotated[
    str, _must(HEADER.fullmatch, "copy the application id from GitLab: letters and digits")
]
SigningToken = Annotated[SecretStr, AfterValidator(_signing_token)]
SiteUrl = Annotated[str, read(_address)]
ApiUrl = Annotated[str, read(lambda text: f"{_address(text)}/")]
DatabaseUrl = Annotated[str, read(_database)]
Zone = Annotated[ZoneInfo, read(parse_timezone)]
Workdays = Annotated[frozenset[int], NoDecode, read(parse_workdays)]
Weekday = Annotated[int, NoDecode, read(parse_weekday)]
Window = Annotated[tuple[int, int], NoDecode, read(parse_window)]
DaysOff = Annotated[Holidays, NoDecode, read(parse_holidays)]
ReminderMarks = Annotated[tuple[float, ...], NoDecode, read(parse_reminders)]
QuietTimes = Annotated[QuietHours, NoDecode, read(parse_quiet_hours)]
Exempt = Annotated[tuple[str, ...], NoDecode, read(parse_exempt)]
DigestTimes = Annotated[tuple[DigestTime, ...], NoDecode, read(parse_digest)]
ExistingFile = Annotated[
    Path,
    _must(lambda path: not path.is_dir(), "that is a folder: name the file in it"),
    _must(Path.is_file, f"there is no such file: {RELATIVE}"),
]
PeopleFile = Annotated[Path, _must(_is_there, f"there is no such file or folder: {RELATIVE}")]
PeopleKeys = Annotated[Mapping[str, str], NoDecode, read(parse_keys)]
Folder = Annotated[Path, _must(Path.is_dir, "there is no such folder")]
SlackIds = Annotated[frozenset[str], NoDecode, read(_slack_ids)]
SlackId = Annotated[
    str,
    _id_of(GROUPS + USERS, "give one Slack id, of a user group (S…) or a user (U… or W…)"),
]
SlackGroup = Annotated[str, _id_of(GROUPS, "give the id of a Slack user group (S…)")]
ScheduleIds = Annotated[tuple[str, ...], NoDecode, read(_schedules)]
Channel = Annotated[str, read(_channel)]
Level = Annotated[LogLevel, _one_of(LogLevel)]
Format = Annotated[LogFormat, _one_of(LogFormat)]
LabelScope = Annotated[str, read(_scope)]
PollTime = Annotated[
    timedelta, read(_times(timedelta(seconds=1)), Annotated[float, Field(gt=0, le=86400)])
]
BusinessTime = Annotated[
    timedelta, read(_times(timedelta(hours=1)), Annotated[float, Field(gt=0, le=24 * 365)])
]
Retention = Annotated[
    timedelta, read(_times(timedelta(days=1)), Annotated[int, Field(ge=1, le=3650)])
]


def _written(default: str | float) -> Any:
    """As written in the environment."""
    return Field(default)


class Settings(BaseSettings):
    """Fields are environment variables in capitals, or in ``.env``; empty counts as unset."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        validate_default=True,
    )

    slack_bot_token: BotToken
    slack_signing_secret: SigningSecret | None = None
    slack_app_token: AppToken | None = None
    slack_api_url: ApiUrl = "https://slack.com/api/"
    ssat_channel: Channel = "#support_escalations"
    ssat_bad_channel: Channel | None = None

    gitlab_url: SiteUrl = "https://gitlab.com"
    gitlab_token: GitLabToken
    gitlab_project: str = "gitlab-com/support/feedback"
    gitlab_webhook_secret: HookSecret | None = None
    gitlab_webhook_signing_token: SigningToken | None = None

    gitlab_oauth_client_id: ClientId | None = None
    gitlab_oauth_client_secret: Token | None = None

    database_url: DatabaseUrl = "sqlite:///ssat-bot.db"
    host: str = "127.0.0.1"
    port: int = Field(3000, ge=0, le=65535)
    log_level: Level = _written("info")
    log_format: Format = _written("auto")

    ssat_poll_seconds: PollTime = _written(60)
    ssat_timezone: Zone = _written("UTC")
    ssat_deadline_hours: BusinessTime = _written(48)
    ssat_workdays: Workdays = _written("Mon-Fri")
    ssat_hours: Window = _written("00:00-24:00")
    ssat_holidays: DaysOff = _written("")
    ssat_contact_label: str = "SSAT::Contact"
    ssat_contacted_label: str = "ssat-manager-contacted-customer"
    ssat_label_scope: LabelScope = "feedback"
    ssat_people_file: PeopleFile | None = None
    ssat_people_keys: PeopleKeys = _written("")
    ssat_retention_days: Retention = _written(200)
    ssat_managers: SlackIds = _written("")
    ssat_link_issue: int | None = Field(None, ge=1, lt=2**31)
    ssat_encryption_key: EncryptionKeys | None = None
    ssat_act_as_yourself: bool = False
    ssat_review_csm: bool = False
    ssat_exempt: Exempt = _written("")
    ssat_follow_up_project: str = "gitlab-com/support/support-team-meta"
    ssat_follow_up_template: str | None = None
    ssat_kudos_channel: Channel | None = None
    ssat_week_project: str | None = None
    ssat_week_label: str | None = None
    ssat_week_cutoff: Weekday = _written("Thu")
    ssat_close_good: bool = False

    pagerduty_api_token: Token | None = None
    pagerduty_schedule: ScheduleIds = _written("P9UIIDY")
    pagerduty_api_url: SiteUrl = "https://api.pagerduty.com"
    ssat_duty_group: SlackGroup | None = None
    ssat_assign_on_duty: bool = False
    ssat_reminders: ReminderMarks = _written("24,12,4,1")
    ssat_quiet_hours: QuietTimes = _written("20:00-08:00")
    ssat_lead: SlackId | None = None
    ssat_digest: DigestTimes = _written("09:00")

    ssat_email_templates: Folder | None = None
    ssat_webmail: Webmail = Webmail.OFF
    ssat_stats_channel: Channel | None = None
    ssat_region_scope: LabelScope = "OrganizationRegion"
    ssat_routes_file: ExistingFile | None = None
    ssat_tier_scope: LabelScope = "Tier"

    _misnamed: tuple[str, ...] = PrivateAttr(())
    _routes: Routes | None = PrivateAttr(None)

    @property
    def misnamed(self) -> tuple[str, ...]:
        """Warnings, each of one name that is no setting but seems meant as one."""
        return self._misnamed

    @model_validator(mode="before")
    @classmethod
    def _trim(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Count empty values and placeholders as unset."""
        trimmed = {name: _trimmed(value) for name, value in values.items()}
        return {
            name: value
            for name, value in trimmed.items()
            if not (isinstance(value, str) and value in PLACEHOLDERS)
        }

    @field_validator("*", mode="before")
    @classmethod
    def _can_be_seen(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        shown = " ".join(value.split()) if info.field_name in LISTS else value
        joiners = JOINERS if info.field_name in LABELS else ""
        if has_unseen(shown, joiners):
            raise ValueError("there is a character in it that cannot be seen: type it anew")
        return value

    @field_validator("gitlab_project", "ssat_follow_up_project", "ssat_week_project")
    @classmethod
    def _is_at_gitlab(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Take its address, too."""
        return None if value is None else project_path(value, info.data.get("gitlab_url", ""))

    @field_validator("slack_app_token")
    @classmethod
    def _has_a_mode(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if not value and not info.data.get("slack_signing_secret", "malformed"):
            raise ValueError("set it (Socket Mode), or set SLACK_SIGNING_SECRET (HTTP mode)")
        return value

    @field_validator("ssat_act_as_yourself")
    @classmethod
    def _can_act(cls, value: bool, info: ValidationInfo) -> bool:
        needed = ("gitlab_oauth_client_id", "ssat_encryption_key")
        lacks = [name.upper() for name in needed if not info.data.get(name, "malformed")]
        if value and lacks:
            raise ValueError(f"it needs {' and '.join(lacks)}, too")
        return value

    @property
    def encryption_keys(self) -> tuple[str, ...]:
        """The newest is in front."""
        keys = self.ssat_encryption_key
        return _keys_in(keys.get_secret_value()) if keys else ()

    @property
    def uses_socket_mode(self) -> bool:
        """Else clicks arrive at ``POST /slack/events``."""
        return self.slack_app_token is not None

    @property
    def business_hours(self) -> BusinessHours:
        """They count towards the deadline."""
        opens, closes = self.ssat_hours
        return BusinessHours(
            timezone=self.ssat_timezone,
            workdays=self.ssat_workdays,
            opens=opens,
            closes=closes,
            holidays=self.ssat_holidays,
        )

    @property
    def review_week(self) -> ReviewWeek | None:
        if self.ssat_week_project is None or self.ssat_week_label is None:
            return None
        return ReviewWeek(
            project=self.ssat_week_project,
            label=self.ssat_week_label,
            cutoff=self.ssat_week_cutoff,
            zone=self.ssat_timezone,
        )

    @property
    def routes(self) -> Routes:
        """Return who works on which feedback.

        Raises:
            SettingsError: The file of routes needs fixing.
        """
        if self._routes is None and self.ssat_routes_file is not None:
            from slackbot.routes_file import read_routes  # one team does without it

            self._routes = read_routes(self.ssat_routes_file, self)
        return self._routes or Routes([self.route()], self.gitlab_project)

    def route(
        self,
        name: str = "",
        label: str | None = None,
        deadlines: tuple[DeadlineRule, ...] = (),
    ) -> Route:
        """Return a team that works as these settings say."""
        return Route(
            name=name,
            project=self.gitlab_project,
            label=label,
            channel=self.ssat_channel,
            bad_channel=self.ssat_bad_channel,
            rules=Rules(
                contact_label=self.ssat_contact_label,
                contacted_label=self.ssat_contacted_label,
                scope=self.ssat_label_scope,
                hours=self.business_hours,
                deadline=self.ssat_deadline_hours,
                deadlines=deadlines,
                route=name,
                link_issue=self.ssat_link_issue,
                links_in_gitlab=self.gitlab_oauth_client_id is not None,
                posts_bad=self.ssat_bad_channel is not None,
                exempt=self.ssat_exempt,
                asks_csm=self.ssat_review_csm,
                follow_up_project=self.ssat_follow_up_project,
            ),
            reminders=ReminderRules(
                before=self.ssat_reminders, hours=self.business_hours, quiet=self.ssat_quiet_hours
            ),
            managers=self.ssat_managers,
            lead=self.ssat_lead,
            schedules=self.pagerduty_schedule if self.pagerduty_api_token else (),
            duty_group=self.ssat_duty_group,
            assigns_on_duty=self.ssat_assign_on_duty,
            digests=self.ssat_digest,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """To be hidden in all output."""
        values = dict(self).values()
        held = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        for value in values:
            if isinstance(value, str) and "://" in value:
                held += _passwords(value)
        held += self.encryption_keys  # each for itself, too
        return tuple(secret for secret in held if secret)


def _trimmed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    first = next((at for at, each in enumerate(value) if not _is_invisible(each)), len(value))
    last = next((at for at, each in enumerate(reversed(value)) if not _is_invisible(each)), 0)
    return value[first : len(value) - last]


def _is_invisible(character: str) -> bool:
    # Windows files begin with a mark, copied text often ends with one.
    return character.isspace() or _category(character) == "Cf"


def has_unseen(text: str, joiners: Container[str] = "") -> bool:
    return any(_is_unseen(each) and each not in joiners for each in text)


def _is_unseen(character: str) -> bool:
    return character in BLANK or _category(character) in UNSEEN


def _passwords(url: str) -> list[str]:
    """As written, and unquoted; in front of the host, from the first colon to the last @."""
    written = [url.partition("://")[2].rpartition("@")[0].partition(":")[2]]
    query = parse_qs(url.partition("?")[2])
    for name in ("password", "sslpassword"):
        written += query.get(name, [])
    return [*written, *(unquote(each) for each in written)]


def load_settings(needs: Container[str] | None = None, /, **overrides: Any) -> Settings:
    """Read the environment; what is not among the fields in ``needs`` may be wrong.

    Raises:
        SettingsError: Names all that needs fixing, without values.
    """
    settings, problems = load_partly(needs, **overrides)
    if problems:
        raise to_be_fixed(problems, settings.misnamed)
    return settings


_INSTEAD = {
    "slack_bot_token": "xoxb-not-set",
    "slack_app_token": "xapp-not-set",
    "gitlab_token": "not-set",
}
"""Of what has no default."""


def load_partly(
    needs: Container[str] | None = None, /, **overrides: Any
) -> tuple[Settings, Mapping[str, str]]:
    """Read what can be read, and return also what is wrong, by field; that counts as unset.

    Of other fields than ``needs`` no problem is named, and no file is read.

    Raises:
        SettingsError: Nothing can be read.
    """
    try:
        encoding = _encoding()
        misnamed = tuple(_misnamed_in(encoding))
        settings, problems = _read_partly({"_env_file_encoding": encoding} | overrides)
    except Exception as error:
        # Its text may be what was read.
        problem = type(error).__name__
        raise SettingsError(
            f"The settings cannot be read ({problem}): is the file {ENV_FILE} a text in UTF-8?"
        ) from None
    settings._misnamed = misnamed
    file = settings.ssat_routes_file
    if file is not None and (needs is None or "ssat_routes_file" in needs):
        from slackbot.routes_file import read_routes  # one team does without it

        try:
            settings._routes = read_routes(file, settings, problems)
        except SettingsError as error:
            problems |= error.problems
            settings.ssat_routes_file = None
    return settings, {name: said for name, said in problems.items() if not needs or name in needs}


def _read_partly(given: Mapping[str, Any]) -> tuple[Settings, dict[str, str]]:
    instead: dict[str, Any] = {}
    problems: dict[str, str] = {}
    while True:
        try:
            settings = Settings(**{**given, **instead})
        except ValidationError as error:
            found = _problems_in(error)
            # Later ones come of what was put in the place of the first.
            problems = problems or found
            fields = Settings.model_fields
            if not found.keys() - instead.keys():
                raise
            instead |= {name: _INSTEAD.get(name, fields[name].default) for name in found}
        else:
            if "slack_app_token" in instead:
                settings.slack_app_token = None  # only to be read it had to be there
            return settings, problems


def _encoding() -> str:
    file = Path(ENV_FILE)
    return encoding_of(file) if file.is_file() else "utf-8-sig"  # what a pipe has is read once


def _misnamed_in(encoding: str) -> Iterator[str]:
    """Say which names are no setting, though they have the prefix, or are like one."""
    # Without a value it is of no effect.
    in_environment = {name.upper() for name, value in os.environ.items() if value.strip()}
    in_file: set[str] = set()
    if Path(ENV_FILE).is_file():
        read = DotEnvSettingsSource(Settings, env_file_encoding=encoding).env_vars
        if any("\0" in name for name in read):
            raise UnicodeError("UTF-16 without its mark")
        # Without a value it may be a secret whose = is missing.
        in_file = {name.upper() for name, value in read.items() if (value or "").strip("=")}
    known = {name.upper() for name in Settings.model_fields}
    for name in sorted((in_file | in_environment) - known):
        has_prefix = name.startswith(PREFIX) and not _OF_A_SERVICE.fullmatch(name)
        is_ours = has_prefix or name in in_file - in_environment
        near = nearest(name, known) if is_ours else _meant_by(name, known)
        # What is like none may be a secret without its name.
        if near or has_prefix:
            yield f"{name}: there is no such setting" + (f"; is it {near}?" if near else "")


def _meant_by(name: str, known: Iterable[str]) -> str | None:
    """Return the setting that a variable of the environment was meant for."""
    is_of_others = name in _OF_OTHERS or _OF_A_SERVICE.fullmatch(name)
    return None if is_of_others else nearest(name, known, _LIKE_A_SETTING)


def to_be_fixed(problems: Mapping[str, str], misnamed: Iterable[str] = ()) -> SettingsError:
    """Name problems by field; a field may have several, one a line."""
    lines = [
        f"  {name.upper()}: {line}" for name, said in problems.items() for line in said.split("\n")
    ]
    lines += [f"  {each}" for each in misnamed]
    if lacks_file(problems):
        lines.append(f"There is no {ENV_FILE} in this folder: {HOW_TO_BEGIN}.")
    return SettingsError("Fix these settings:\n" + "\n".join(lines), problems)


def fix_first(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} to be fixed first"


def lacks_file(problems: Mapping[str, str]) -> bool:
    """Return whether settings are missing because nothing is set up yet."""
    return NOT_SET in problems.values() and not Path(ENV_FILE).exists()


def problem_of(name: str, given: dict[str, str]) -> str | None:
    """Say what is wrong with a value before it is set; the others in ``given`` belong to it."""
    if _trimmed(given[name]) in PLACEHOLDERS:
        return NOT_SET
    try:
        Settings(_env_file=None, **given)  # type: ignore[call-arg, arg-type]
    except ValidationError as error:
        return _problems_in(error).get(name)
    return None


def _problems_in(error: ValidationError) -> dict[str, str]:
    """Key by field."""
    problems: dict[str, str] = {}
    for problem in error.errors(include_input=False, include_url=False):
        said = problem["msg"].removeprefix("Value error, ")
        name = str(problem["loc"][0]).lower() if problem["loc"] else ""
        for words, ours in _IN_OUR_WORDS.items():
            said = said.replace(words, ours)
        problems.setdefault(name, NOT_SET if problem["type"] == "missing" else said)
    return problems


_IN_OUR_WORDS = {
    "Input should be ": "set it to ",
    "less than or equal to ": "at most ",
    "greater than or equal to ": "at least ",
    "greater than ": "more than ",
    "a valid integer, unable to parse string as an integer": "a whole number",
    "a valid number, unable to parse string as a number": "a number",
    "a valid boolean, unable to interpret input": "true or false",
}
"""Of pydantic."""
