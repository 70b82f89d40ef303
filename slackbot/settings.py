"""What the environment may say, checked at start; everything that is wrong is named at once."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from slackbot.platforms.hooks import signing_key
from slackbot.rules.deadline import (
    BusinessHours,
    parse_holidays,
    parse_timezone,
    parse_window,
    parse_workdays,
)
from slackbot.rules.reminders import ReminderRules, parse_digest, parse_quiet_hours, parse_reminders


class SettingsError(Exception):
    """The environment cannot be used; the message lists every setting to mend."""


class Settings(BaseSettings):
    """The bot's settings; each field is the environment variable of the same name in capitals.

    Read from the environment and, where it says nothing, from a file ``.env`` in the working
    directory. An empty value counts as unset.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    slack_bot_token: SecretStr
    slack_signing_secret: SecretStr | None = None
    slack_app_token: SecretStr | None = Field(None, validate_default=True)
    slack_api_url: str = "https://slack.com/api/"
    ssat_channel: str = "#support_escalations"

    gitlab_url: str = "https://gitlab.com"
    gitlab_token: SecretStr
    gitlab_project: str = "gitlab-com/support/feedback"
    gitlab_webhook_secret: SecretStr | None = None
    gitlab_webhook_signing_token: SecretStr | None = None

    database_url: str = "sqlite:///ssat-bot.db"
    host: str = "127.0.0.1"
    port: int = Field(3000, ge=0, le=65535)

    ssat_poll_seconds: float = Field(60, gt=0, le=86400)
    ssat_timezone: str = "UTC"
    ssat_deadline_hours: float = Field(48, gt=0, le=24 * 365)
    ssat_workdays: str = "Mon-Fri"
    ssat_hours: str = "00:00-24:00"
    ssat_holidays: str = ""
    ssat_contact_label: str = Field("SSAT::Contact", min_length=1)
    ssat_contacted_label: str = Field("ssat-manager-contacted-customer", min_length=1)
    ssat_label_scope: str = Field("feedback", min_length=1)
    ssat_people_file: Path | None = None
    ssat_retention_days: int = Field(90, ge=1, le=3650)
    ssat_managers: Annotated[frozenset[str], NoDecode] = frozenset()
    ssat_link_issue: int | None = Field(None, ge=1, lt=2**31)

    pagerduty_api_token: SecretStr | None = None
    pagerduty_schedule: str = Field("P9UIIDY", pattern="^[A-Za-z0-9]+$")
    pagerduty_api_url: str = "https://api.pagerduty.com"
    ssat_duty_group: str | None = None
    ssat_assign_on_duty: bool = False
    ssat_reminders: str = "24,12,4,1"
    ssat_quiet_hours: str = "20:00-08:00"
    ssat_lead: str | None = None
    ssat_digest: str = "09:00"

    @field_validator("slack_bot_token")
    @classmethod
    def _is_bot_token(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith("xoxb-"):
            raise ValueError("a bot token starts with xoxb- (Slack app page, OAuth & Permissions)")
        return value

    @field_validator("slack_app_token")
    @classmethod
    def _is_app_token(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if not value and not info.data.get("slack_signing_secret"):
            raise ValueError("set it (Socket Mode), or set SLACK_SIGNING_SECRET (HTTP mode)")
        if value and not value.get_secret_value().startswith("xapp-"):
            raise ValueError(
                "an app-level token starts with xapp- (Slack app page, Basic Information)"
            )
        return value

    @field_validator("slack_api_url", "gitlab_url", "pagerduty_api_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("give a URL that starts with https://")
        return value

    @field_validator("slack_api_url")
    @classmethod
    def _ends_with_slash(cls, value: str) -> str:
        return value.rstrip("/") + "/"

    @field_validator("gitlab_url", "pagerduty_api_url")
    @classmethod
    def _ends_without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: str) -> str:
        if not _names_database(value):
            raise ValueError("give sqlite:///file.db or postgresql://user:password@host/database")
        return value

    @field_validator("gitlab_webhook_signing_token")
    @classmethod
    def _is_signing_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            signing_key(value.get_secret_value())
        return value

    @field_validator("ssat_timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        parse_timezone(value)
        return value

    @field_validator("ssat_workdays")
    @classmethod
    def _are_workdays(cls, value: str) -> str:
        parse_workdays(value)
        return value

    @field_validator("ssat_hours")
    @classmethod
    def _are_hours(cls, value: str) -> str:
        parse_window(value)
        return value

    @field_validator("ssat_holidays")
    @classmethod
    def _are_holidays(cls, value: str) -> str:
        parse_holidays(value)
        return value

    @field_validator("ssat_people_file")
    @classmethod
    def _is_readable(cls, value: Path | None) -> Path | None:
        if value and not value.is_file():
            raise ValueError("there is no such file")
        return value

    @field_validator("ssat_managers", mode="before")
    @classmethod
    def _are_managers(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        ids = frozenset(part for part in value.replace(",", " ").split())
        strange = sorted(part for part in ids if not part.startswith(("S", "U", "W")))
        if strange:
            raise ValueError(
                "give Slack ids, of user groups (S…) or users (U… or W…), separated by commas"
            )
        return ids

    @field_validator("ssat_duty_group")
    @classmethod
    def _is_group(cls, value: str | None) -> str | None:
        if value and not value.startswith("S"):
            raise ValueError("give the id of a Slack user group (S…)")
        return value

    @field_validator("ssat_reminders")
    @classmethod
    def _are_reminders(cls, value: str) -> str:
        parse_reminders(value)
        return value

    @field_validator("ssat_quiet_hours")
    @classmethod
    def _are_quiet_hours(cls, value: str) -> str:
        parse_quiet_hours(value)
        return value

    @field_validator("ssat_lead")
    @classmethod
    def _is_lead(cls, value: str | None) -> str | None:
        if value and not value.startswith(("S", "U", "W")):
            raise ValueError("give one Slack id, of a user group (S…) or a user (U… or W…)")
        return value

    @field_validator("ssat_digest")
    @classmethod
    def _is_digest(cls, value: str) -> str:
        parse_digest(value)
        return value

    @property
    def uses_socket_mode(self) -> bool:
        """Whether clicks arrive over a websocket instead of ``POST /slack/events``."""
        return self.slack_app_token is not None

    @property
    def business_hours(self) -> BusinessHours:
        """The hours that count towards the deadline."""
        return BusinessHours.from_settings(
            timezone=self.ssat_timezone,
            workdays=self.ssat_workdays,
            hours=self.ssat_hours,
            holidays=self.ssat_holidays,
        )

    @property
    def deadline(self) -> timedelta:
        """The business time within which a customer must be contacted."""
        return timedelta(hours=self.ssat_deadline_hours)

    @property
    def reminder_rules(self) -> ReminderRules:
        """When people are reminded of a request."""
        return ReminderRules(
            before=parse_reminders(self.ssat_reminders),
            hours=self.business_hours,
            quiet=parse_quiet_hours(self.ssat_quiet_hours),
        )

    @property
    def digest_minute(self) -> int | None:
        """When the channel gets its digest, in minutes after midnight; ``None``: never."""
        return parse_digest(self.ssat_digest)

    @property
    def retention(self) -> timedelta:
        """How long the record keeps what has ended."""
        return timedelta(days=self.ssat_retention_days)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value, so that logs can be kept clear of them."""
        held = [value for value in dict(self).values() if isinstance(value, SecretStr)]
        revealed = [value.get_secret_value() for value in held]
        revealed.append(urlsplit(self.database_url).password or "")
        return tuple(secret for secret in revealed if secret)


def _names_database(url: str) -> bool:
    if url.startswith("sqlite:///"):
        # A database in memory would forget with the process what people have chosen.
        return url.removeprefix("sqlite:///") not in ("", ":memory:")
    if not url.startswith(("postgresql://", "postgres://")):
        return False
    try:
        return urlsplit(url).port != 0
    except ValueError:  # a port that is no number, often for a password with a slash in it
        return False


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: One or more settings are missing or malformed; the message names them all,
            without their values.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing":
            message = "is not set"
        lines.append(f"  {name}: {message}" if name else f"  {message}")
    return "These settings need mending:\n" + "\n".join(lines)
