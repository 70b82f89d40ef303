"""The people file: who is who, how they sign their emails, and who has which week of duty."""

import tomllib
from pathlib import Path
from typing import Any

import structlog

from slackbot.rules.profile import LIMITS, Profile, is_language, judge_profile
from slackbot.rules.rota import Weeks, parse_weeks
from slackbot.rules.slack_ids import USERS, is_id
from slackbot.written import encoding_of, nearest

log = structlog.get_logger()

TABLES = frozenset({"people", "duty"})
ACCOUNT = "gitlab"
IN_PROFILE = ("role", "booking_link", "signature", "language")
"""A name is known from Slack."""


class PeopleFileError(Exception):
    """The message says what to fix."""


class PeopleFile:
    """Reads the file again each time it changes; while it is broken, the last good one counts."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read_at_version: int | None = None
        self._usernames: dict[str, str] = {}
        self._profiles: dict[str, Profile] = {}
        self._weeks: Weeks = {}

    def usernames(self) -> dict[str, str]:
        """Key by Slack user id."""
        self._read_again()
        return self._usernames

    def profiles(self) -> dict[str, Profile]:
        """Key by Slack user id."""
        self._read_again()
        return self._profiles

    def weeks(self) -> Weeks:
        self._read_again()
        return self._weeks

    def _read_again(self) -> None:
        if self._path is None:
            return
        try:
            version = self._path.stat().st_mtime_ns
            if version != self._read_at_version:
                usernames, profiles = read_people(self._path), read_profiles(self._path)
                self._weeks = read_weeks(self._path)
                self._usernames, self._profiles = usernames, profiles
                self._read_at_version = version
        except (OSError, PeopleFileError) as error:
            log.error("people_file_unreadable", problem=str(error))


def read_people(path: Path) -> dict[str, str]:
    """Read TOML: a table ``[people]`` of Slack user id = GitLab username, or a table with both.

    Raises:
        PeopleFileError: It isn't one, or it links two people to one account.
    """
    people = {user: said[ACCOUNT] for user, said in _people(path).items() if ACCOUNT in said}
    strange = [
        user
        for user, name in people.items()
        if not (isinstance(name, str) and name.removeprefix("@"))
    ]
    if strange:
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: no GitLab username for {', '.join(strange)}")
    linked = {user: name.removeprefix("@") for user, name in people.items()}
    names = [name.casefold() for name in linked.values()]  # GitLab does not mind the case
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: linked to two people: {', '.join(sorted(twice))}")
    return linked


def read_profiles(path: Path) -> dict[str, Profile]:
    """Read how people sign their emails, by Slack user id.

    Raises:
        PeopleFileError: It isn't a people file, or a profile has a mistake.
    """
    return {user: _profile(user, said) for user, said in _people(path).items()}


def _profile(user: str, said: dict[str, Any]) -> Profile:
    place = f"SSAT_PEOPLE_FILE, [people.{user}]"
    for name in said.keys() - {ACCOUNT, *IN_PROFILE}:
        near = nearest(name, (ACCOUNT, *IN_PROFILE))
        remedy = f"is it {near}?" if near else f"there are {', '.join((ACCOUNT, *IN_PROFILE))}"
        raise PeopleFileError(f"{place}: there is no key {name}; {remedy}")
    written = {name: said.get(name, "") for name in IN_PROFILE}
    for name, value in written.items():
        if not isinstance(value, str) or len(value) > LIMITS[name]:
            raise PeopleFileError(
                f"{place}: {name} must be a text of at most {LIMITS[name]} characters"
            )
    profile = Profile(**{name: value.strip() for name, value in written.items()})
    if judge_profile(profile):
        raise PeopleFileError(f"{place}: booking_link must start with https://")
    if profile.language and not is_language(profile.language):
        raise PeopleFileError(f"{place}: language must be a code such as en")
    return profile


def _people(path: Path) -> dict[str, dict[str, Any]]:
    people = _table(path, "people")
    nobody = [user for user in people if not is_id(user, USERS)]
    if nobody:
        raise PeopleFileError(
            f"SSAT_PEOPLE_FILE, [people]: no Slack user id (U…): {', '.join(nobody)}"
        )
    return {
        user: said if isinstance(said, dict) else {ACCOUNT: said} for user, said in people.items()
    }


def read_weeks(path: Path) -> Weeks:
    """Read the table ``[duty]``.

    Raises:
        PeopleFileError: It isn't a people file, or the table has a mistake.
    """
    try:
        return parse_weeks(_table(path, "duty"))
    except ValueError as error:
        raise PeopleFileError(f"SSAT_PEOPLE_FILE, [duty]: {error}") from error


def _table(path: Path, name: str) -> dict[str, Any]:
    tables = _tables(path)
    for unknown in tables.keys() - TABLES:
        near = nearest(unknown, TABLES)
        remedy = f"is it [{near}]?" if near else "there are [people] and [duty]"
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: there is no table [{unknown}]; {remedy}")
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: [{name}] must be a table")
    return table


def _tables(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding=encoding_of(path))
        if "\0" in text:
            raise UnicodeError("UTF-16 without its mark")
        return tomllib.loads(text)
    except UnicodeError as error:
        raise PeopleFileError("SSAT_PEOPLE_FILE: it is no text in UTF-8; save it anew") from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: {error}") from error
