"""A folder of people, one YAML file each; import it only where there is one."""

import codecs
import os
import stat
import time
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import yaml

from slackbot.people.file import PeopleFileError
from slackbot.rules.people import (
    Colleague,
    Double,
    Keys,
    find_doubles,
    look_up,
    read_colleague,
    without_doubles,
)

LOOK_SECONDS = 1.0
"""A look at 500 files that have not changed takes two milliseconds, links or not."""
MOST_FILES = 2000
MOST_BYTES = 64 * 1024
DEEPEST = 50
ENDINGS = (".yaml", ".yml")
_Version = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class PersonFile:
    """While it is broken, the last good version counts."""

    name: str
    version: _Version | None
    """``None`` if it is not read at all."""
    person: str = ""
    """By the file, if it has no Slack id."""
    colleague: Colleague | None = None
    remarks: tuple[str, ...] = ()
    """What in it does not count."""
    problem: str | None = None


class PeopleFolder:
    def __init__(self, path: Path, keys: Keys) -> None:
        self._path, self._keys = path, keys
        self._looked_at: float | None = None
        self._files: dict[str, PersonFile] = {}
        self.people: Mapping[str, Colleague] = {}
        """By Slack user id."""
        self.doubles: list[Double] = []

    @property
    def files(self) -> list[PersonFile]:
        return sorted(self._files.values(), key=lambda each: each.name)

    @property
    def problems(self) -> list[str]:
        """Name whom the bot does not know for a mistake, or not by all that is said."""
        broken = [f"{each.name}: {each.problem}" for each in self.files if each.problem]
        return [*broken, *(f"{each}: it counts for none of them" for each in self.doubles)]

    def look(self) -> bool:
        """Read what has changed since the last look, once a second; return whether anything has.

        Raises:
            PeopleFileError: The folder is not there, has no such file, or too many.
        """
        now = time.monotonic()
        if self._looked_at is not None and now - self._looked_at < LOOK_SECONDS:
            return False
        found = list_files(self._path, {each.version for each in self._files.values()})
        self._looked_at = now
        files = {name: self._current(name, each) for name, each in found.items()}
        if files == self._files:
            return False
        self._files = files
        people = [each.colleague for each in self.files if each.colleague]
        self.doubles = find_doubles(people)
        self.people = without_doubles(people, self.doubles)
        return True

    def _current(self, name: str, found: "_Version | str") -> PersonFile:
        """``found`` is a problem, if the file cannot be read."""
        last = self._files.get(name) or PersonFile(name=name, version=None)
        if isinstance(found, str):
            return replace(last, version=None, problem=found)
        if last.version == found:
            return last
        try:
            return replace(_read_file(self._path / name, self._keys), version=found)
        except (OSError, ValueError) as error:
            return replace(last, version=found, problem=str(error))


def list_files(folder: Path, known: Container[_Version | None] = ()) -> dict[str, _Version | str]:
    """Return the version of each file, or why it is not read.

    Where the links to versions that are ``known`` lead has been looked at before.

    Raises:
        PeopleFileError: The folder is not there, has no such file, or too many.
    """
    try:
        whole = folder.resolve()
        with os.scandir(folder) as entries:
            named = [each for each in entries if _is_named(each.name)]
        found = {each.name: _version(each, whole, known) for each in named}
    except OSError as error:
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: {error}") from error
    files = {name: version for name, version in found.items() if version is not None}
    if not files:
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: {folder} has no file that ends in .yaml")
    if len(files) > MOST_FILES:
        problem = f"{folder} has more than {MOST_FILES:,} files: is it the right folder?"
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: {problem}")
    return files


def _is_named(name: str) -> bool:
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


def _version(
    entry: "os.DirEntry[str]", folder: Path, known: Container[_Version | None]
) -> _Version | str | None:
    """Follow links within the folder, as Kubernetes mounts files; ``None``: it is a folder."""
    try:
        found = entry.stat()
        # To find out where a link leads takes longer than all the rest.
        version = found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
        is_new_link = entry.is_symlink() and version not in known
        if is_new_link and not Path(entry).resolve().is_relative_to(folder):
            return "is a link to a file outside of the folder"
    except (OSError, RuntimeError):  # a link to itself
        return "is a link to no file"
    if stat.S_ISDIR(found.st_mode):
        return None
    if not stat.S_ISREG(found.st_mode):
        return "is no file"
    return version


def _read_file(path: Path, keys: Keys) -> PersonFile:
    """Read a person.

    Raises:
        ValueError: The message says what to fix, and where.
        OSError: It cannot be read.
    """
    data = _parse(_read_text(path))
    if not isinstance(data, dict):
        raise ValueError("is empty" if data in ("", None) else "must have one person, as keys")
    said = look_up(data, keys)
    if "slack" not in said:
        person = said.get("name", "")
        return PersonFile(
            name=path.name, version=None, person=person if isinstance(person, str) else ""
        )
    colleague, remarks = read_colleague(said, keys, path.name)
    return PersonFile(name=path.name, version=None, colleague=colleague, remarks=remarks)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise ValueError(f"has more than {MOST_BYTES // 1024} kB, too much for one person")
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeError as error:
        raise ValueError("is no text in UTF-8: save it anew") from error


def _parse(text: str) -> Any:
    try:
        _check_depth(text)
        # A safe loader that makes nothing but texts, lists and tables.
        return yaml.load(text, _Loader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        raise ValueError(_explain(error, text)) from error
    except yaml.YAMLError as error:
        raise ValueError("has a character that YAML does not allow") from error


def _check_depth(text: str) -> None:
    """Refuse what would make libyaml's loader overflow the stack, which ends the process."""
    depth = 0
    for event in yaml.parse(text, _Safe):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError("is nested too deeply")


def _explain(error: yaml.MarkedYAMLError, text: str) -> str:
    """Name the line, and quote nothing."""
    mark = error.problem_mark or error.context_mark
    number = mark.line + 1 if mark else 1
    lines = text.splitlines()
    line = lines[number - 1] if number <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return f"line {number}: there is a tab: indent with spaces"
    said = ", ".join(filter(None, (error.context, error.problem)))
    return f"line {number}: {said}"


_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_MERGE = "tag:yaml.org,2002:merge"


class _Loader(_Safe):  # type: ignore[misc]  # libyaml's, where there is one
    """Leaves ``no``, ``0123`` and dates as they are written, because usernames may look so."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (each for each, _ in node.value if isinstance(each, yaml.ScalarNode)):
            if key.value == "<<" or key.tag == _MERGE:
                # A few lines of these make millions of keys.
                raise _wrong(key, "<< is not read: write the keys themselves")
            if key.value in seen:
                raise _wrong(key, f"the key {key.value[:40]} is there twice")
            seen.add(key.value)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


def _wrong(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
