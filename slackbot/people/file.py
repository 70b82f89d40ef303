"""The people file: who is who, how they sign their emails, and who has which week of duty."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from slackbot.rules.people import (
    DEFAULT_KEYS,
    IN_PROFILE,
    Colleague,
    Keys,
    find_doubles,
    read_colleague,
)
from slackbot.rules.profile import Profile
from slackbot.rules.reading.slack_ids import USERS, is_id
from slackbot.rules.timing.rota import Weeks, parse_duty
from slackbot.settings import Settings
from slackbot.written import encoding_of, nearest

if TYPE_CHECKING:
    from slackbot.people.folder import PeopleFolder

log = structlog.get_logger()

TABLES = frozenset({"people", "duty"})
ACCOUNT = "gitlab"
KEYS = (ACCOUNT, *IN_PROFILE, "gitlab_id", "pagerduty", "name", "manager", "hours", "zone")


class PeopleFileError(Exception):
    """The message says what to fix."""


class PeopleFile:
    """Read again each time it changes; while it is broken, the last good version counts."""

    def __init__(self, path: Path | None, keys: Keys = DEFAULT_KEYS) -> None:
        self._path = path
        self._folder = open_folder(path, keys)
        self._read_at_version: int | None = None
        self._people: Mapping[str, Colleague] = {}
        self._weeks: Mapping[str, Weeks] = {}
        self._problem: str | None = None
        self._left_out: list[str] = []

    def people(self) -> Mapping[str, Colleague]:
        """Key by Slack user id."""
        self._read_again()
        return self._people

    def profiles(self) -> dict[str, Profile]:
        """Key by Slack user id."""
        return {user: each.profile for user, each in self.people().items()}

    def weeks(self, team: str = "") -> Weeks:
        """Return those of one team; without a name, those that hold where a team has none.

        A folder has none.
        """
        self._read_again()
        return self._weeks.get(team, {})

    def teams(self) -> frozenset[str]:
        """Name those with weeks of their own."""
        self._read_again()
        return frozenset(self._weeks) - {""}

    def _read_again(self) -> None:
        try:
            if self._folder is not None:
                self._read_folder(self._folder)
            elif self._path is not None:
                self._read_file(self._path)
        except (OSError, PeopleFileError) as error:
            if str(error) != self._problem:
                log.error("people_file_unreadable", problem=str(error))
            self._problem = str(error)
        else:
            self._problem = None

    def _read_folder(self, folder: "PeopleFolder") -> None:
        if not folder.look():
            return
        before, self._left_out = self._left_out, folder.problems
        for problem in self._left_out:
            if problem not in before:
                log.warning("person_left_out", problem=problem)
        self._people = folder.people

    def _read_file(self, path: Path) -> None:
        version = path.stat().st_mtime_ns
        if version != self._read_at_version:
            people, weeks = read_people(path), read_weeks(path)
            self._people, self._weeks = people, weeks
            self._read_at_version = version


def people_file_of(settings: Settings) -> PeopleFile:
    """Open what is set, whose keys go with it."""
    return PeopleFile(settings.ssat_people_file, settings.ssat_people_keys)


def open_folder(path: Path | None, keys: Keys) -> "PeopleFolder | None":
    if path is None or not path.is_dir():
        return None
    from slackbot.people.folder import PeopleFolder  # a file needs no YAML

    return PeopleFolder(path, keys)


def check_people(path: Path) -> None:
    """Look whether the bot can start with it.

    Raises:
        PeopleFileError: The file has a mistake, or the folder cannot be read.
    """
    if path.is_dir():
        from slackbot.people.folder import list_files  # a file needs no YAML

        list_files(path)
    else:
        read_people(path)
        read_weeks(path)


def left_out(path: Path | None, keys: Keys) -> list[str]:
    """Return what in a folder does not count, and why.

    Raises:
        PeopleFileError: It cannot be read.
    """
    folder = open_folder(path, keys)
    if folder is None:
        return []
    folder.look()
    return folder.problems


def read_people(path: Path) -> dict[str, Colleague]:
    """Read TOML: a table ``[people]`` of Slack user id = GitLab username, or a table with more.

    Raises:
        PeopleFileError: It isn't one, or says one thing of two people.
    """
    usernames, people = _usernames(path), {}
    for user, said in _people(path).items():
        place = f"SSAT_PEOPLE_FILE, [people.{user}]"
        for name in said.keys() - set(KEYS):
            near = nearest(name, KEYS)
            remedy = f"is it {near}?" if near else f"there are {', '.join(KEYS)}"
            raise PeopleFileError(f"{place}: there is no key {name}; {remedy}")
        try:
            colleague, wrong = read_colleague({**said, "slack": user, ACCOUNT: ""})
        except ValueError as error:
            raise PeopleFileError(f"{place}: {error}") from error
        if wrong:
            raise PeopleFileError(f"{place}: {wrong[0]}")
        people[user] = replace(colleague, gitlab=usernames.get(user))
    for double in find_doubles(people.values()):
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: {double}")
    return people


def _usernames(path: Path) -> dict[str, str]:
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


def read_weeks(path: Path) -> dict[str, Weeks]:
    """Read the table ``[duty]``, and one ``[duty.<team>]`` for each team, by the team's name.

    Raises:
        PeopleFileError: It isn't a people file, or the table has a mistake.
    """
    try:
        return parse_duty(_table(path, "duty"))
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
