"""Scenarios: files that say, step by step, what people and platforms do.

A step is one thing that happens; docs/local.md describes each.
"""

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from slackbot.local.acts import Acts, Problem
from slackbot.local.cast import PEOPLE, Figure
from slackbot.local.gitlab import Issue
from slackbot.local.json_type import Json
from slackbot.local.shown import due_at
from slackbot.local.slack import Message, View
from slackbot.local.times import moment_of
from slackbot.local.troubles import TROUBLES
from slackbot.local.world import TimePasses, World
from slackbot.rules.reading.feedback import Sentiment

FOLDER = Path(__file__).parent / "scenarios"
SCENES = ("two-claims", "gitlab-down", "deadline-near", "guest-clicks", "week-end")
"""The scenarios that the page offers, in this order."""
SEEN_SECONDS = 30.0
"""How long a step waits for what is to be seen."""


class ScenarioError(Exception):
    """A file is no scenario; the message says where and why."""


def _known(name: str, all_known: list[str]) -> str:
    if name not in all_known:
        raise ValueError(f"there is no {name}; there are {', '.join(all_known)}")
    return name


Who = Annotated[str, AfterValidator(lambda name: _known(name, [one.handle for one in PEOPLE]))]
"""A person's first name, in small letters."""
TroubleName = Annotated[
    str, AfterValidator(lambda name: _known(name, [one.name for one in TROUBLES]))
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Feedback(_Part):
    """What a customer answers to the survey."""

    comment: str
    sentiment: Sentiment = Sentiment.NEGATIVE
    contact: bool = True
    organization: str | None = None
    score: str | None = None


class InGitLab(_Part):
    """What somebody does with the issue on GitLab's own page."""

    add: list[str] = []
    remove: list[str] = []
    assign: list[Who] | None = None
    comment: str | None = None
    close: bool = False
    reopen: bool = False


class Choice(_Part):
    """An option of a select, a menu, or a date."""

    label: str
    option: str


class Step(_Part):
    """One thing that happens; ``says`` tells people who look at the page."""

    says: str | None = None
    who: Who | None = None
    feedback: Feedback | None = None
    click: str | None = None
    choose: Choice | None = None
    submit: dict[str, Any] | None = None
    say: str | None = None
    gitlab: InGitLab | None = None
    time: str | None = None
    duty: Who | None = None
    trouble: TroubleName | None = None
    over: TroubleName | None = None
    sees: str | None = None
    """Words that the card or its thread shows, then or soon."""
    together: list["Step"] | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Step":
        verbs = Step.model_fields.keys() - {"says", "who"}
        named = sorted(verb for verb in verbs if getattr(self, verb) is not None)
        if len(named) != 1:
            raise ValueError(f"a step does one thing, and this one {', '.join(named) or 'nothing'}")
        if named[0] in {"click", "choose", "submit", "say", "gitlab"} and self.who is None:
            raise ValueError(f"who does this? Add who to the step with {named[0]}")
        return self


class Scenario(_Part):
    """What happens, and what to look at then."""

    name: str
    title: str
    about: str
    look_at: list[str] = []
    look_as: Who | None = None
    """Whose eyes see it best."""
    begins: Literal["with the sample", "empty"] = "with the sample"
    steps: list[Step] = Field(min_length=1)


def load(name_or_path: str) -> Scenario:
    """Return a scenario of this package by its name, or the one in a file.

    Raises:
        ScenarioError: There is none, or the file is none.
    """
    own = FOLDER / f"{name_or_path}.toml"
    path = own if own.parent == FOLDER and own.is_file() else Path(name_or_path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return Scenario.model_validate({"name": path.stem, **content})
    except OSError as error:
        known = ", ".join(sorted(each.stem for each in FOLDER.glob("*.toml")))
        reason = f"{name_or_path}: {error.strerror}. There are {known}; or name a file."
        raise ScenarioError(reason) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    except ValidationError as error:
        places = [
            f"{_place(each['loc'])}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors()
        ]
        raise ScenarioError("\n".join(f"{path}: {each}" for each in places)) from error


def _place(parts: tuple[int | str, ...]) -> str:
    """Count steps as people do."""
    return " ".join(str(part + 1) if isinstance(part, int) else part for part in parts) or "file"


class Play:
    """One scenario as it is played; ``doing`` says what happens now."""

    def __init__(self, scenario: Scenario, world: World, acts: Acts) -> None:
        self.scenario = scenario
        self.is_playing = False
        self.doing = ""
        self.problem: str | None = None
        self._world, self._acts = world, acts
        self._latest: Issue | None = None
        self._verbs: dict[str, Callable[[Figure, Any], Awaitable[None]]] = {
            "feedback": self._feedback,
            "click": self._click,
            "choose": self._choose,
            "submit": self._submit,
            "say": self._say,
            "gitlab": self._in_gitlab,
            "time": self._time,
            "duty": self._duty,
            "trouble": self._trouble,
            "over": self._over,
            "sees": self._sees,
            "together": self._together,
        }

    def shown(self) -> Json:
        """Return what the page tells of it."""
        scenario = self.scenario
        return {
            "name": scenario.name,
            "title": scenario.title,
            "about": scenario.about,
            "look_at": scenario.look_at,
            "me": _person(scenario.look_as).slack if scenario.look_as else None,
            "issue": self._latest.iid if self._latest else None,
            "is_playing": self.is_playing,
            "doing": self.doing,
            "problem": self.problem,
        }

    async def run(self) -> None:
        """Play it from the first step to the last; a problem ends it, and is told."""
        self.is_playing = True
        await self._world.ready()
        with self._world.tried.paused():
            try:
                await self._world.troubles.end_all()
                for step in self.scenario.steps:
                    await self._take(step)
                await self._world.settled()
            except (Problem, TimePasses, AssertionError, LookupError, ValueError) as problem:
                self.problem = str(problem)
            finally:
                self.is_playing, self.doing = False, ""
        self._world.show()

    async def _take(self, step: Step) -> None:
        if step.says:
            self.doing = step.says
            self._world.show()
        for verb, take in self._verbs.items():
            if (what := getattr(step, verb)) is not None:
                await take(_person(step.who), what)

    async def _together(self, _: Figure, steps: list[Step]) -> None:
        await asyncio.gather(*map(self._take, steps))

    async def _feedback(self, _: Figure, said: Feedback) -> None:
        sample = self._world.sample
        if sample.gitlab.faults.down:
            raise Problem("Nobody can open an issue: GitLab is down.")
        issue = self._latest = sample.new_feedback(
            comment=said.comment,
            sentiment=said.sentiment,
            wants_contact=said.contact,
            organization=said.organization,
            score=said.score,
        )
        if said.contact and self._world.bot.is_running and not sample.slack.is_down:
            await sample.slack.wait_for(lambda: sample.card_of(issue), SEEN_SECONDS)

    @property
    def _issue(self) -> Issue:
        if self._latest is None:
            raise Problem("No feedback came before this step.")
        return self._latest

    def _place(self, who: Figure) -> Message | View:
        """Return the modal that somebody has open, or else the card."""
        opened = self._world.sample.slack.views.get(who.slack)
        return opened[-1] if opened else self._world.sample.card_of(self._issue)

    async def _click(self, who: Figure, words: str) -> None:
        outcome = await self._world.sample.slack.click(who.slack, self._place(who), words)
        _want(outcome.ok, f"{who.name} clicked {words}: {outcome.error}")

    async def _choose(self, who: Figure, choice: Choice) -> None:
        slack, place = self._world.sample.slack, self._place(who)
        outcome = await slack.choose(who.slack, place, choice.label, choice.option)
        _want(outcome.ok or not outcome.sent, f"{who.name} chose {choice.option}: {outcome.error}")

    async def _submit(self, who: Figure, values: dict[str, Any]) -> None:
        slack = self._world.sample.slack
        await slack.wait_for(lambda: slack.views[who.slack], SEEN_SECONDS)
        outcome = await slack.submit(who.slack, values)
        _want(outcome.ok and not outcome.errors, f"{who.name}: {outcome.error or outcome.errors}")

    async def _say(self, who: Figure, text: str) -> None:
        await self._do("say", who, channel=self._world.sample.channel.id, text=text)

    async def _in_gitlab(self, who: Figure, does: InGitLab) -> None:
        on = {"iid": self._issue.iid}
        if does.comment:
            await self._do("comment", who, **on, text=does.comment)
        change: Json = {"add": does.add, "remove": does.remove}
        if does.assign is not None:
            change["assignees"] = [_person(each).gitlab for each in does.assign]
        if does.close or does.reopen:
            change["state_event"] = "close" if does.close else "reopen"
        await self._do("issue", who, **on, **change)

    async def _time(self, _: Figure, words: str) -> None:
        sample = self._world.sample
        due = due_at(sample, self._latest) if self._latest else None
        await self._world.pass_until(moment_of(words, sample.clock(), due))

    async def _duty(self, by: Figure, name: str) -> None:
        await self._do("duty", by, who=_person(name).slack)

    async def _trouble(self, _: Figure, name: str) -> None:
        await self._world.troubles.switch(name, on=True)

    async def _over(self, _: Figure, name: str) -> None:
        await self._world.troubles.switch(name, on=False)

    async def _sees(self, _: Figure, words: str) -> None:
        sample = self._world.sample

        def is_shown() -> bool:
            card = sample.card_of(self._issue)
            return any(words in f"{one.text} {one.blocks}" for one in (card, *card.thread))

        await sample.slack.wait_for(is_shown, SEEN_SECONDS)

    async def _do(self, act: str, by: Figure, /, **body: Any) -> None:
        await self._acts.do(act, {"me": by.slack, **body})


def _want(holds: object, otherwise: str) -> None:
    if not holds:
        raise Problem(otherwise)


def _person(name: str | None) -> Figure:
    """Return who is meant; what nobody in particular does, the first of all does."""
    return next((each for each in PEOPLE if each.handle == name), PEOPLE[0])
