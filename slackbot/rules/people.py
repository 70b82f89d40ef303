"""What a people file says of a person, and where in a YAML file each of it is. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from slackbot.rules.profile import LIMITS, Profile, is_language, judge_profile
from slackbot.rules.reading.slack_ids import USERS, is_id
from slackbot.rules.timing.deadline import parse_timezone
from slackbot.rules.timing.reminders import QuietHours, parse_quiet_hours
from slackbot.written import nearest

IN_PROFILE = ("role", "booking_link", "signature", "language")
"""A profile's name is known from Slack."""
DEFAULT_KEYS: Mapping[str, str] = {
    "slack": "slack.id",
    "gitlab": "gitlab.username",
    "gitlab_id": "gitlab.id",
    "pagerduty": "pagerduty.id",
    "name": "name",
    "manager": "reports_to",
    "hours": "working_hours",
    "zone": "tzdata_timezone",
    "role": "title",
    "booking_link": "calendly",
    "language": "language",
    "signature": "signature",
}
"""The layout of GitLab Support.

https://handbook.gitlab.com/handbook/security/customer-support-operations/gitlab/support-team-yaml-files/
"""

Keys = Mapping[str, str]
"""For each thing that is known of a person, its key in a YAML file; dots lead into tables."""

_NOTHING = (None, "", "~", "null", "Null", "NULL")
_SHOWN = 60
_TEXT = "must be a text"
_HOURS = re.compile(r"([0-9]{1,2}):?([0-9]{2})\s*(?:-|–|to)\s*([0-9]{1,2}):?([0-9]{2})\s*(.*)")  # noqa: RUF001
_NO_USERNAME = re.compile(r"[\s/@]")
_PAGERDUTY_ID = re.compile("[A-Z0-9]+")
_ZONES = {
    "utc": "UTC",
    "gmt": "UTC",
    "pacific": "America/Los_Angeles",
    "mountain": "America/Denver",
    "central": "America/Chicago",
    "eastern": "America/New_York",
}
"""What the handbook's example calls a zone: "0800-1600 Central time"."""


def parse_keys(text: str) -> Keys:
    """Read ``slack=slack_id, hours=``; what is not named keeps its default, what is empty goes.

    Raises:
        ValueError: The message names each mistake.
    """
    given: dict[str, str] = {}
    mistakes = []
    for part in (each.strip() for each in text.replace("\n", ",").split(",")):
        name, equals, key = (each.strip() for each in part.partition("="))
        if not part:
            continue
        if not equals:
            mistakes.append(f"{part!r} has no =")
        elif name not in DEFAULT_KEYS:
            near = nearest(name, DEFAULT_KEYS)
            remedy = f"is it {near}?" if near else f"there are {', '.join(DEFAULT_KEYS)}"
            mistakes.append(f"there is no {name!r}; {remedy}")
        elif name in given:
            mistakes.append(f"{name} is in it twice")
        elif key and not all(key.split(".")):
            mistakes.append(f"{name}: {key!r} has a dot too many")
        else:
            given[name] = key
    keys = {name: key for name, key in (dict(DEFAULT_KEYS) | given).items() if key}
    mistakes += _shared(keys)
    if "slack" not in keys:
        mistakes.append("slack needs a key: without Slack ids nobody is known")
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return keys


def _shared(keys: Keys) -> list[str]:
    by_key: dict[str, list[str]] = {}
    for name, key in keys.items():
        by_key.setdefault(key, []).append(name)
    return [
        f"{' and '.join(names)} have the same key, {key}"
        for key, names in by_key.items()
        if len(names) > 1
    ]


def look_up(data: Any, keys: Keys) -> dict[str, Any]:
    """Return what a YAML file says, by our names; leave out what is not there or empty."""
    found = {name: _at(data, key) for name, key in keys.items()}
    return {name: value for name, value in found.items() if value not in _NOTHING}


def _at(data: Any, key: str) -> Any:
    for part in key.split("."):
        data = data.get(part) if isinstance(data, Mapping) else None
    return data.strip() if isinstance(data, str) else data


@dataclass(frozen=True, kw_only=True)
class WorkingHours:
    """A person's own, each workday of the team."""

    awake: QuietHours
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Colleague:
    """What is empty or ``None`` is not said."""

    slack_user: str
    file: str = ""
    """Its name in a folder."""
    name: str = ""
    gitlab: str | None = None
    gitlab_id: int | None = None
    """GitLab's number, which stays when the username changes."""
    pagerduty: str | None = None
    manager: str = ""
    """Whom they report to, by whatever name."""
    hours: WorkingHours | None = None
    profile: Profile = field(default_factory=Profile)

    @property
    def has_account(self) -> bool:
        return self.gitlab is not None or self.gitlab_id is not None


def read_colleague(
    said: Mapping[str, Any], keys: Keys | None = None, file: str = ""
) -> tuple[Colleague, tuple[str, ...]]:
    """Read a person with a Slack id. Return also what does not count, and why.

    ``keys`` are named in messages.

    Raises:
        ValueError: It does not say who they are.
    """
    keys = keys or {}
    profile, wrong = read_profile(said)
    texts = {"name": said.get("name", ""), "manager": said.get("manager", "")}
    wrong |= {name: _TEXT for name, value in texts.items() if not isinstance(value, str)}
    said = {name: value for name, value in said.items() if name not in wrong}
    hours = None
    try:
        hours = _hours(said)
    except ValueError as error:
        wrong["hours"] = str(error)
    try:
        colleague = Colleague(
            slack_user=_slack_user(said),
            file=file,
            name=_text(said, "name")[: LIMITS["name"]],
            gitlab=_gitlab(said),
            gitlab_id=_gitlab_id(said),
            pagerduty=_pagerduty(said),
            manager=_text(said, "manager")[: LIMITS["name"]],
            hours=hours,
            profile=profile,
        )
    except _Mistake as mistake:
        raise ValueError(f"{keys.get(mistake.name, mistake.name)}: {mistake}") from None
    return colleague, tuple(f"{keys.get(name, name)} {why}" for name, why in wrong.items())


_UNIQUE = {
    "slack_user": "Slack id",
    "gitlab": "GitLab username",
    "gitlab_id": "GitLab id",
    "pagerduty": "PagerDuty id",
}


@dataclass(frozen=True, kw_only=True)
class Double:
    """What several people have that only one can have."""

    field: str
    value: str
    people: tuple[Colleague, ...]

    def __str__(self) -> str:
        whose = " and ".join(sorted(each.file or each.slack_user for each in self.people))
        return f"{whose} have the same {_UNIQUE[self.field]}, {self.value}"


def find_doubles(people: Iterable[Colleague]) -> list[Double]:
    people, doubles = list(people), []
    for name in _UNIQUE:
        having: dict[str, list[Colleague]] = {}
        for each in people:
            if (value := getattr(each, name)) is not None:
                having.setdefault(str(value).casefold(), []).append(each)  # as GitLab does
        doubles += [
            Double(field=name, value=str(getattr(each[0], name)), people=tuple(each))
            for each in having.values()
            if len(each) > 1
        ]
    return doubles


def without_doubles(people: Iterable[Colleague], doubles: Iterable[Double]) -> dict[str, Colleague]:
    """Deny by default: what several people have counts for none of them."""
    lost: dict[Colleague, set[str]] = {}
    for double in doubles:
        for each in double.people:
            lost.setdefault(each, set()).add(double.field)
    left = {}
    for each in people:
        without = lost.get(each, set())
        kept = each
        if without & {"gitlab", "gitlab_id"}:
            kept = replace(kept, gitlab=None, gitlab_id=None)
        if "pagerduty" in without:
            kept = replace(kept, pagerduty=None)
        if "slack_user" not in without:
            left[kept.slack_user] = kept
    return left


def read_profile(said: Mapping[str, Any]) -> tuple[Profile, dict[str, str]]:
    """Return how a person signs, and what does not count, by its name."""
    good: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name in IN_PROFILE:
        value = said.get(name, "")
        if not isinstance(value, str) or len(value) > LIMITS[name]:
            wrong[name] = f"must be a text of at most {LIMITS[name]} characters"
        elif name == "booking_link" and judge_profile(Profile(booking_link=value.strip())):
            wrong[name] = "must start with https://"
        elif name == "language" and value.strip() and not is_language(value.strip()):
            wrong[name] = "must be a code such as en"
        else:
            good[name] = value.strip()
    return Profile(**good), wrong


class _Mistake(Exception):
    def __init__(self, name: str, problem: str) -> None:
        super().__init__(problem)
        self.name = name


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name, "")
    if not isinstance(value, str):
        raise _Mistake(name, _TEXT)
    return value.strip()


def _slack_user(said: Mapping[str, Any]) -> str:
    user = _text(said, "slack")
    if not is_id(user, USERS):
        raise _Mistake("slack", f"{_shown(user)} is no Slack user id (U…)")
    return user


def _gitlab(said: Mapping[str, Any]) -> str | None:
    username = _text(said, "gitlab").removeprefix("@")
    if _NO_USERNAME.search(username):
        raise _Mistake("gitlab", f"{_shown(username)} is no GitLab username")
    return username or None


def _gitlab_id(said: Mapping[str, Any]) -> int | None:
    value = said.get("gitlab_id")
    written = str(value) if isinstance(value, str | int) else ""
    if value is not None and not (re.fullmatch("[0-9]{1,18}", written) and int(written)):
        raise _Mistake("gitlab_id", "must be the number of a GitLab account")
    return int(written) if written else None


def _pagerduty(said: Mapping[str, Any]) -> str | None:
    user = _text(said, "pagerduty")
    if user and not _PAGERDUTY_ID.fullmatch(user):
        raise _Mistake("pagerduty", f"{_shown(user)} is no id of a PagerDuty user (P…)")
    return user or None


def _hours(said: Mapping[str, Any]) -> WorkingHours | None:
    written = said.get("hours", "")
    if written == "":
        return None
    match = _HOURS.fullmatch(written.strip()) if isinstance(written, str) else None
    try:
        # The other hours are the quiet ones.
        awake = parse_quiet_hours(f"{match[3]}:{match[4]}-{match[1]}:{match[2]}" if match else "")
    except ValueError:
        raise ValueError("must be hours such as 09:00-17:00 Europe/Amsterdam") from None
    zone = said.get("zone", "")
    beside = match[5].strip(" ,()") if match else ""
    return WorkingHours(awake=awake, zone=_zone(beside, zone if isinstance(zone, str) else ""))


def _zone(beside: str, own: str) -> ZoneInfo:
    """Read the zone beside the hours, else the person's own."""
    named = re.fullmatch(r"(\w+)( standard| daylight)?( time)?", beside.casefold())
    known = _ZONES.get(named[1]) if named else None
    written = known or beside or own
    if not written:
        raise ValueError("needs a time zone, such as Europe/Amsterdam")
    try:
        return parse_timezone(written)
    except ValueError:
        problem = f"names no time zone with {_shown(written)}: write one such as Europe/Amsterdam"
        raise ValueError(problem) from None


def _shown(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")
