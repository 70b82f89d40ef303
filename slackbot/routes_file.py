"""The file of routes: several teams in one instance."""

import re
import tomllib
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    field_validator,
    model_validator,
)

from slackbot.rules.routes import Route, Routes
from slackbot.rules.timing.deadline import DeadlineRule, parse_scores
from slackbot.settings import (
    BusinessTime,
    Channel,
    DaysOff,
    DigestTimes,
    QuietTimes,
    ReminderMarks,
    ScheduleIds,
    Settings,
    SettingsError,
    SlackGroup,
    SlackId,
    SlackIds,
    Window,
    Workdays,
    Zone,
    fix_first,
    has_unseen,
    project_path,
    read,
    to_be_fixed,
)
from slackbot.written import encoding_of, nearest

NAME = re.compile("[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
JUDGED_WITH = (
    "gitlab_url",
    "gitlab_project",
    "pagerduty_api_token",
    "ssat_channel",
    "ssat_bad_channel",
)
"""Whether teams get along depends on these settings."""
MAY_BE_NONE = frozenset({"bad_channel", "lead", "duty_group", "pagerduty_schedule"})
"""An empty value means none, whatever the settings say."""

Name = Annotated[str, read(lambda text: _name(text))]
Scores = Annotated[range, read(parse_scores)]


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("give a short name of small letters, digits and hyphens, such as emea")
    return text


_NUMBER_TOO = BeforeValidator(lambda value: str(value) if type(value) is int else value)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """Take a list where a setting has commas."""
        if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            value = ", ".join(value)
        if isinstance(value, str):
            value = value.strip()
            if has_unseen(" ".join(value.split())):
                raise ValueError("there is a character in it that cannot be seen: type it anew")
        return value


class _Deadline(_Table):
    hours: BusinessTime
    score: Annotated[Scores | None, _NUMBER_TOO] = None
    label: str | None = None
    tier: str | None = None

    @field_validator("label", "tier")
    @classmethod
    def _is_not_empty(cls, value: str | None) -> str | None:
        if value == "":
            raise ValueError("it is empty")
        return value

    @model_validator(mode="after")
    def _says_for_what(self) -> "_Deadline":
        if self.score is None and self.label is None and self.tier is None:
            raise ValueError("say for what: add a score, a label or a tier")
        return self

    def rule(self, scope: str) -> DeadlineRule:
        return DeadlineRule(
            hours=self.hours,
            scores=self.score,
            label=self.label.casefold() if self.label else None,
            tier=f"{scope}::{self.tier}".casefold() if self.tier else None,
        )


class _RouteTable(_Table):
    name: Name
    label: str | None = None
    project: Annotated[str | None, _NUMBER_TOO] = None
    channel: Channel | None = None
    bad_channel: Channel | None = None
    timezone: Zone | None = None
    deadline_hours: BusinessTime | None = None
    workdays: Workdays | None = None
    hours: Window | None = None
    holidays: DaysOff | None = None
    managers: SlackIds | None = None
    lead: SlackId | None = None
    pagerduty_schedule: ScheduleIds | None = None
    duty_group: SlackGroup | None = None
    assign_on_duty: bool | None = None
    reminders: ReminderMarks | None = None
    quiet_hours: QuietTimes | None = None
    digest: DigestTimes | None = None
    deadline: tuple[_Deadline, ...] = ()

    @field_validator(*sorted(MAY_BE_NONE), mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("label")
    @classmethod
    def _is_a_label(cls, value: str | None) -> str | None:
        if value == "":
            raise ValueError("give the label's name, or leave the key out for all other issues")
        return value


FIELD_OF = {
    key: {"project": "gitlab_project", "pagerduty_schedule": key}.get(key, f"ssat_{key}")
    for key in _RouteTable.model_fields
    if key not in {"name", "label", "deadline"}
}
"""Which setting a key takes the place of."""


def read_routes(file: Path, settings: Settings, wrong: Container[str] = ()) -> Routes:
    """Read the teams; what they don't say is as in the settings.

    Args:
        file: TOML.
        settings: What is wrong with them counts as unset.
        wrong: The fields of what is.

    Raises:
        SettingsError: Names all that needs fixing.
    """
    tables = _tables(file)
    problems: list[str] = []
    with_settings: list[str] = []
    routes = [
        _route(table, number, settings, problems, with_settings)
        for number, table in enumerate(tables, 1)
    ]
    found = _spelled_alike([each for each in routes if each is not None], settings.gitlab_project)
    with_settings += _conflicts(found)
    if len(found) == len(routes):  # one that is not understood might be the missing one
        with_settings += _unreachable(found)
    if with_settings and (first := [each.upper() for each in JUDGED_WITH if each in wrong]):
        with_settings = [f"not judged, because {fix_first(first)}"]
    if problems or with_settings:
        raise _error([*problems, *with_settings])
    result = Routes(found, settings.gitlab_project)
    return Routes([_with_link_issue(each, result.main) for each in found], result.main)


def _error(problems: Sequence[str]) -> SettingsError:
    return to_be_fixed({"ssat_routes_file": "\n".join(problems)})


def _tables(file: Path) -> list[Any]:
    try:
        document = tomllib.loads(file.read_text(encoding=encoding_of(file)))
    except tomllib.TOMLDecodeError as error:
        raise _error([f"it is no TOML: {error}"]) from None
    except (OSError, UnicodeError) as error:
        raise _error([f"it cannot be read ({type(error).__name__})"]) from None
    problems = [_unknown(key, ["route"]) for key in document if key != "route"]
    tables = document.get("route")
    if not isinstance(tables, list) or not tables:
        problems.append("there is no team in it: begin each one with [[route]], in two brackets")
    if problems:
        raise _error(problems)
    return list(tables or ())


def _unknown(key: str, known: Sequence[str]) -> str:
    near = nearest(key, known)
    return f"{key}: there is no such key" + (f"; is it {near}?" if near else "")


def _route(
    table: Any, number: int, settings: Settings, problems: list[str], with_settings: list[str]
) -> Route | None:
    where = f"route {number}"
    if not isinstance(table, dict):
        problems.append(f"{where}: begin it with [[route]], in two brackets")
        return None
    if isinstance(table.get("name"), str) and NAME.fullmatch(table["name"]):
        where = f"route {table['name']}"
    try:
        read = _RouteTable.model_validate(table)
        return _made(read, settings)
    except ValidationError as error:
        problems += [f"{where}: {problem}" for problem in _explained(error)]
    except ValueError as error:
        with_settings.append(f"{where}: {error}")
    return None


def _explained(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_input=False, include_url=False):
        *place, key = problem["loc"] or ("",)
        is_deadline = "deadline" in place
        number = next((each + 1 for each in place if isinstance(each, int)), "")
        prefix = f"deadline {number}, " if is_deadline else ""
        known = _Deadline.model_fields if is_deadline else _RouteTable.model_fields
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            yield prefix + _unknown(str(key), [*known])
        elif problem["type"] == "missing":
            yield f"{prefix}{key} is not set"
        elif isinstance(key, int):  # what all of a deadline's keys say together
            yield f"deadline {key + 1}: {message}"
        else:
            yield f"{prefix}{key}: {message}"


def _made(table: _RouteTable, settings: Settings) -> Route:
    said: dict[str, Any] = {
        field: getattr(table, key)
        for key, field in FIELD_OF.items()
        if key in table.model_fields_set
    }
    if table.project is not None:
        said["gitlab_project"] = project_path(table.project, settings.gitlab_url)
    schedules = said.get("pagerduty_schedule", () if table.duty_group else None)
    if schedules and settings.pagerduty_api_token is None:
        raise ValueError("pagerduty_schedule: set PAGERDUTY_API_TOKEN, too")
    if schedules is not None or "pagerduty_schedule" in said:
        said["pagerduty_schedule"] = schedules or ()
    deadlines = tuple(each.rule(settings.ssat_tier_scope) for each in table.deadline)
    own = settings.model_copy(update=said)
    return own.route(name=table.name, label=table.label, deadlines=deadlines)


def _spelled_alike(routes: Sequence[Route], main: str) -> list[Route]:
    """Call a project as where it is written first: GitLab knows no difference of case."""
    spelling = {main.casefold(): main}
    return [
        replace(each, project=spelling.setdefault(each.project.casefold(), each.project))
        for each in routes
    ]


def _with_link_issue(route: Route, main: str) -> Route:
    """In another project, the issue of that number is a feedback as any other."""
    if route.project == main:
        return route
    return replace(route, rules=replace(route.rules, link_issue=None))


def _conflicts(routes: Sequence[Route]) -> Iterator[str]:
    for one, other in combinations(routes, 2):
        both = f"routes {one.name} and {other.name}"
        if one.name == other.name:
            yield f"two routes are named {one.name}: give one of them another name"
        if (one.project, one.label) == (other.project, other.label):
            which = f"the label {one.label}" if one.label else "no label"
            yield f"{both} have the same project and {which}: no feedback would reach {other.name}"
        for channel in sorted({*one.channels} & {*other.channels}):
            yield (
                f"{both} both name the channel {channel}: give each its own, as channel and "
                'bad_channel (bad_channel = "" is none)'
            )
    for route in routes:
        if route.bad_channel == route.channel:
            yield f"route {route.name} names the channel {route.channel} twice"


def _unreachable(routes: Sequence[Route]) -> Iterator[str]:
    for project in dict.fromkeys(route.project for route in routes):
        own = [route for route in routes if route.project == project]
        catch_all = next((route for route in own if route.label is None), None)
        if catch_all is None:
            yield (
                f"all routes of the project {project} have a label, so an issue without these "
                "labels would belong to nobody: add a last route without a label"
            )
            continue
        for route in own[own.index(catch_all) + 1 :]:
            if route.label is not None:
                yield (
                    f"no feedback would reach route {route.name}: route {catch_all.name} before "
                    "it takes all of the project; put it last"
                )
