"""What people do on the page of ``ssat-bot local``, carried out by the stand-ins.

So a click on the page becomes the same signed HTTP that Slack or GitLab would send to the bot.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar

from slackbot.local.cast import PEOPLE, Figure
from slackbot.local.gitlab import Issue, Project
from slackbot.local.gitlab.model import Change, Label
from slackbot.local.json_type import Json
from slackbot.local.shown import deadlines
from slackbot.local.slack import Ephemeral, Message, Outcome, View
from slackbot.local.slack.interactions import Incomplete
from slackbot.local.times import moment_of
from slackbot.local.world import TimePasses, World
from slackbot.people.duty import EVERY as DUTY_IS_ASKED_EVERY
from slackbot.rules.reading.feedback import Sentiment

BEFORE_DEADLINE = timedelta(hours=1)
LONGEST_MOVE_HOURS = 24 * 14
COMMAND = "/ssat"

T = TypeVar("T")


class Problem(Exception):
    """An act that could not be done; the message is for the person who tried."""


class Acts:
    """The acts by name; each takes what the page sends with it."""

    def __init__(self, world: World) -> None:
        self._world, self._sample = world, world.sample
        self._slack, self._gitlab = self._sample.slack, self._sample.gitlab
        self._acts: dict[str, Callable[[Json], Awaitable[None]]] = {
            "click": self._click,
            "choose": self._choose,
            "submit": self._submit,
            "close_view": self._close_view,
            "say": self._say,
            "shortcut": self._shortcut,
            "home": self._open_home,
            "hide": self._hide,
            "feedback": self._new_feedback,
            "issue": self._change_issue,
            "open_issue": self._open_issue,
            "move": self._move_issue,
            "comment": self._comment,
            "label": self._change_label,
            "time": self._pass_time,
            "trouble": self._trouble,
            "duty": self._change_duty,
            "schedule": self._change_schedule,
        }

    async def do(self, name: str, body: Json) -> None:
        """Do what a person asks for.

        Raises:
            LookupError: There is no such act.
            Problem: It could not be done.
        """
        act = self._acts[name]
        try:
            await act(body)
        except (AssertionError, LookupError, TimePasses, TypeError, ValueError) as error:
            # The stand-ins say in words what a person's own client would not have let them do.
            raise Problem(str(error)) from error

    def _me(self, body: Json) -> Figure:
        me = _text(body, "me")
        return _found(
            (each for each in PEOPLE if each.slack == me), f"There is nobody called {me}."
        )

    def _check(self, outcome: Outcome) -> None:
        if outcome.error and not self._world.bot.is_running:
            raise Problem("Nobody answers: the bot does not run. Start it under Trouble.")
        if outcome.error:
            raise Problem(f"The bot did not answer as it should: {outcome.error}.")

    def _in_slack(self, body: Json) -> str:
        if self._slack.is_down:
            raise Problem("Slack is down: nobody can do anything there.")
        return self._me(body).slack

    async def _place(self, body: Json) -> Message | Ephemeral | View:
        """In a modal, fill in what was typed on the page so far."""
        if body.get("home") is True:
            return self._slack.homes[_text(body, "me")]
        if "ts" not in body:
            return await self._slack.enter(_text(body, "me"), dict(body.get("values") or {}))
        return self._slack.message(_text(body, "channel"), _text(body, "ts"))

    async def _click(self, body: Json) -> None:
        me = self._in_slack(body)
        place = await self._place(body)
        block = _block_now(place, _text(body, "block"))
        self._check(await self._slack.click(me, place, _text(body, "element"), within=block))

    async def _choose(self, body: Json) -> None:
        me = self._in_slack(body)
        place = await self._place(body)
        block = _block_now(place, _text(body, "block"))
        element, option = _text(body, "element"), body.get("option")
        self._check(await self._slack.choose(me, place, element, option, within=block))

    async def _submit(self, body: Json) -> None:
        me = self._in_slack(body)
        with contextlib.suppress(Incomplete):  # the modal says at which input
            self._check(await self._slack.submit(me, dict(body.get("values") or {})))

    async def _close_view(self, body: Json) -> None:
        if outcome := await self._slack.close_view(self._me(body).slack):
            self._check(outcome)

    async def _say(self, body: Json) -> None:
        me, channel, text = self._in_slack(body), _text(body, "channel"), _text(body, "text")
        if not text.startswith("/"):
            await self._slack.share_link(me, channel, text, thread_ts=body.get("thread_ts"))
            return
        command, _, rest = text.partition(" ")
        if command != COMMAND:
            raise Problem(f"{command} is not a command here; {COMMAND} is.")
        self._check(await self._slack.command(me, command, rest.strip(), channel))

    async def _shortcut(self, body: Json) -> None:
        me = self._in_slack(body)
        message = self._slack.message(_text(body, "channel"), _text(body, "ts"))
        if not isinstance(message, Message):
            raise Problem("Slack has no shortcuts for a message that only you see.")
        self._check(await self._slack.shortcut(me, message, _text(body, "shortcut")))

    async def _open_home(self, body: Json) -> None:
        self._check(await self._slack.open_home(self._in_slack(body)))

    async def _hide(self, body: Json) -> None:
        self._slack.dismiss(self._me(body).slack, _text(body, "ts"))

    async def _new_feedback(self, body: Json) -> None:
        self._refuse_if_gitlab_is_down()
        sentiment = Sentiment(_text(body, "sentiment"))
        self._sample.new_feedback(
            comment=_text(body, "comment"),
            sentiment=sentiment,
            wants_contact=sentiment is Sentiment.NEGATIVE and body.get("contact") is True,
            organization="Garden Example Ltd",
            score=_SCORES[sentiment],
        )

    def _refuse_if_gitlab_is_down(self) -> None:
        if self._gitlab.faults.down:
            raise Problem("GitLab is down: it answers 502.")

    def _project(self, body: Json) -> Project:
        self._refuse_if_gitlab_is_down()
        wanted = body.get("project", self._sample.project.path)
        projects = (each for each in self._gitlab.projects if each.path == wanted)
        return _found(projects, f"There is no project {wanted}.")

    def _issue(self, body: Json) -> Issue:
        issues = self._project(body).issues.values()
        wanted = body.get("iid")
        return _found((one for one in issues if one.iid == wanted), f"There is no issue #{wanted}.")

    async def _change_issue(self, body: Json) -> None:
        issue, by = self._issue(body), self._sample.account(self._me(body))
        assignees = body.get("assignees")
        change = Change(
            title=body.get("title"),
            description=body.get("description"),
            state_event=body.get("state_event"),
            add_labels=self._labels(issue.project, body.get("add", ())),
            remove_labels=self._labels(issue.project, body.get("remove", ())),
            assignees=None if assignees is None else tuple(map(self._gitlab.user, assignees)),
        )
        self._gitlab.update(issue, by, change)

    def _labels(self, project: Project, names: Iterable[str]) -> tuple[Label, ...]:
        labels = (project.label(name) for name in names)
        return tuple(label for label in labels if label)

    async def _open_issue(self, body: Json) -> None:
        self._gitlab.open_issue(
            self._project(body),
            author=self._sample.account(self._me(body)),
            title=_text(body, "title"),
            description=body.get("description") or None,
            labels=body.get("labels", ()),
            assignees=body.get("assignees", ()),
        )

    async def _move_issue(self, body: Json) -> None:
        issue = self._issue({"iid": body.get("iid")})
        self._gitlab.move_issue(issue, self._project(body), self._sample.account(self._me(body)))

    async def _comment(self, body: Json) -> None:
        issue, by = self._issue(body), self._sample.account(self._me(body))
        self._gitlab.comment(issue, _text(body, "text"), by, internal=body.get("internal") is True)

    async def _change_label(self, body: Json) -> None:
        self._sample.account(self._me(body))  # nobody else can do anything in GitLab
        project, name = self._project(body), _text(body, "name")
        self._gitlab.archive_label(project, name, archived=body.get("archived") is True)

    # The time, trouble and PagerDuty

    async def _pass_time(self, body: Json) -> None:
        await self._world.pass_until(self._moment(body))

    def _moment(self, body: Json) -> datetime:
        now = self._sample.clock()
        match body:
            case {"to": "deadline"}:
                return self._hour_before_deadline()
            case {"to": "morning"}:
                return moment_of("next morning 09:05", now)
            case {"to": "week-end"}:
                return moment_of("Friday 17:00", now)
            case {"hours": int() | float() as hours} if 0 < hours <= LONGEST_MOVE_HOURS:
                return now + timedelta(hours=hours)
        raise Problem("The time goes forward only, by two weeks at the most.")

    def _hour_before_deadline(self) -> datetime:
        moments = (due - BEFORE_DEADLINE for due in deadlines(self._sample))
        ahead = [moment for moment in moments if moment > self._sample.clock()]
        if not ahead:
            raise Problem("No deadline is more than an hour away.")
        return min(ahead)

    async def _trouble(self, body: Json) -> None:
        name = _text(body, "name")
        await self._world.troubles.switch(name, on=body.get("on") is True)
        if name.startswith("pagerduty"):
            await self._until_the_bot_asks()

    async def _change_duty(self, body: Json) -> None:
        who = _text(body, "who")
        if who not in self._sample.on_call:
            raise Problem("Only managers have a turn on the schedule.")
        schedule = self._sample.schedule
        schedule.forget_past(self._sample.clock())
        schedule.on_call = [self._sample.on_call[who]]
        await self._until_the_bot_asks()

    async def _change_schedule(self, body: Json) -> None:
        """Let the next turn begin when this one ends, or leave the day between them to nobody."""
        schedule = self._sample.schedule
        schedule.forget_past(self._sample.clock())
        if not schedule.later:
            raise Problem("The schedule ends here.")
        following = schedule.later[0]
        ends = schedule.until = schedule.until or following.start
        following.start = ends + timedelta(days=1) if body.get("gap") is True else ends
        await self._until_the_bot_asks()

    async def _until_the_bot_asks(self) -> None:
        """Let the few minutes pass after which the bot looks at the schedule again."""
        await self._world.pass_until(self._sample.clock() + DUTY_IS_ASKED_EVERY)


_SCORES = {Sentiment.NEGATIVE: "2 of 7", Sentiment.NEUTRAL: "4 of 7", Sentiment.POSITIVE: "7 of 7"}


def _block_now(place: Message | Ephemeral | View, block: str) -> str:
    """Return the id that a block has by now: a card that is rendered anew gets another version.

    A person may press a button in the very moment in which that happens; Slack takes it.
    """
    subject, _, _ = block.partition(":")
    ids = [str(each["block_id"]) for each in place.blocks]
    same = (each for each in ids if each.partition(":")[0] == subject)
    return block if block in ids else next(same, block)


def _found(candidates: Iterator[T], otherwise: str) -> T:
    found = next(candidates, None)
    if found is None:
        raise Problem(otherwise)
    return found


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Problem(f"Nothing was given for {name}.")
    return value
