"""A small language for saying what a JSON object must look like, and the path of what does not."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from slackbot.local.json_type import Json


@dataclass
class Problems:
    """What is wrong, in the words and with the paths that Slack answers."""

    found: list[str] = field(default_factory=list)

    def add(self, path: str, what: str) -> None:
        """Note one problem at a JSON pointer."""
        self.found.append(f"[ERROR] {what} [json-pointer:{path}]")


Check = Callable[[Problems, str, Any], None]
CrossCheck = Callable[[Problems, str, Json], None]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The fields of one kind of object; a field that is not named here is refused, as by Slack."""

    required: Mapping[str, Check] = field(default_factory=dict)
    optional: Mapping[str, Check] = field(default_factory=dict)
    also: CrossCheck | None = None

    def __call__(self, problems: Problems, path: str, value: Any) -> None:
        """Note what in `value` is not as it should be."""
        if not isinstance(value, dict):
            problems.add(path, "must provide an object")
            return
        fields = {**self.required, **self.optional}
        for name in self.required:
            if name not in value:
                problems.add(path, f"missing required field: {name}")
        for name, content in value.items():
            if name == "type":
                continue
            if name not in fields:
                problems.add(f"{path}/{name}", f"invalid additional property: {name}")
            else:
                fields[name](problems, f"{path}/{name}", content)
        if self.also is not None:
            self.also(problems, path, value)


def by_type(specs: Mapping[str, Check], what: str) -> Check:
    """Check an object by its `type`; one that is not listed is refused."""

    def check(problems: Problems, path: str, value: Any) -> None:
        if not isinstance(value, dict):
            problems.add(path, "must provide an object")
            return
        kind = value.get("type")
        if not isinstance(kind, str) or kind not in specs:
            problems.add(f"{path}/type", f"unsupported type of {what}: {kind}")
            return
        specs[kind](problems, path, value)

    return check


def string(max_length: int | None = None, min_length: int = 0, pattern: str | None = None) -> Check:
    """Check a string's length, in characters, and its form."""

    def check(problems: Problems, path: str, value: Any) -> None:
        if not isinstance(value, str):
            problems.add(path, "must be a string")
        elif max_length is not None and len(value) > max_length:
            problems.add(path, f"must be less than {max_length + 1} characters")
        elif len(value) < min_length:
            problems.add(path, f"must be more than {min_length - 1} characters")
        elif pattern is not None and not re.fullmatch(pattern, value):
            problems.add(path, f"does not match the pattern {pattern}")

    return check


def integer(minimum: int | None = None, maximum: int | None = None) -> Check:
    """Check a whole number and its range."""

    def check(problems: Problems, path: str, value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            problems.add(path, "must be an integer")
        elif minimum is not None and value < minimum:
            problems.add(path, f"must be at least {minimum}")
        elif maximum is not None and value > maximum:
            problems.add(path, f"must be at most {maximum}")

    return check


def number(above: float | None = None) -> Check:
    """Check a number, whole or not."""

    def check(problems: Problems, path: str, value: Any) -> None:
        if not _is_number(value):
            problems.add(path, "must be a number")
        elif above is not None and value <= above:
            problems.add(path, f"must be greater than {above}")

    return check


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def boolean(problems: Problems, path: str, value: Any) -> None:
    """Check for true or false."""
    if not isinstance(value, bool):
        problems.add(path, "must be a boolean")


def anything(problems: Problems, path: str, value: Any) -> None:
    """Let everything pass: for what this stand-in does not look into."""


def one_of(*allowed: str) -> Check:
    """Check for one of a few words."""

    def check(problems: Problems, path: str, value: Any) -> None:
        if value not in allowed:
            problems.add(path, f"must be one of {', '.join(allowed)}")

    return check


def listing(item: Check, max_items: int | None = None, min_items: int = 0) -> Check:
    """Check a list's length and everything in it."""

    def check(problems: Problems, path: str, value: Any) -> None:
        if not isinstance(value, list):
            problems.add(path, "must be an array")
            return
        if max_items is not None and len(value) > max_items:
            problems.add(path, f"no more than {max_items} items allowed")
        if len(value) < min_items:
            problems.add(path, f"no fewer than {min_items} items allowed")
        for position, content in enumerate(value):
            item(problems, f"{path}/{position}", content)

    return check


def list_of(value: Any) -> list[Any]:
    """Return a list where there is one, for a check beyond single fields."""
    return value if isinstance(value, list) else []


def dict_of(value: Any) -> Json:
    """Return an object where there is one."""
    return value if isinstance(value, dict) else {}
