"""What people do on the page of ``ssat-bot local``, carried out by the stand-ins.

So a click on the page becomes the same signed HTTP that Slack or GitLab would send to the bot.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from slackbot.local.cast import PEOPLE, Figure, Story
from slackbot.local.gitlab import Issue
from slackbot.local.gitlab.model import Change, Label
from slackbot.local.sample import Sample
from slackbot.local.shown import deadlines
from slackbot.local.slack import Ephemeral, Message, Outcome, View
from slackbot.rules.feedback import Sentiment

BEFORE_DEADLINE = timedelta(hours=1)
LONGEST_MOVE_HOURS = 24 * 14
COMMAND = "/ssat"

Json = dict[str, Any]


class Problem(Exception):
    """An act that could not be done; the message is for the person who tried."""


class Acts:
    """The acts by name; each takes what the page sends with it."""

    def __init__(self, sample: Sample) -> None:
        self._sample, self._clock = sample, sample.clock
        self._slack, self._gitlab = sample.slack, sample.gitlab
        self._acts: dict[str, Callable[[Json], Awaitable[None]]] = {
            "click": self._click,
            "choose": self._choose,
            "submit": self._submit,
            "close_view": self._close_view,
            "say": self._say,
            "home": self._open_home,
            "hide": self._hide,
            "feedback": self._new_feedback,
            "issue": self._change_issue,
            "comment": self._comment,
            "time": self._move_time,
            "switch": self._switch,
        }

    def __contains__(self, name: str) -> bool:
        return name in self._acts

    async def do(self, name: str, body: Json) -> None:
        """Do what somebody asks for.

        Raises:
            Problem: It could not be done.
        """
        try:
            await self._acts[name](body)
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            # The stand-ins say in words what a person's own client would not have let them do.
            raise Problem(str(error)) from error

    def _me(self, body: Json) -> Figure:
        return next(each for each in PEOPLE if each.slack == _text(body, "me"))

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
        place, block = await self._place(body), _text(body, "block")
        _check(await self._slack.click(me, place, _text(body, "element"), within=block))

    async def _choose(self, body: Json) -> None:
        me = self._in_slack(body)
        place, block = await self._place(body), _text(body, "block")
        element, option = _text(body, "element"), body.get("option")
        _check(await self._slack.choose(me, place, element, option, within=block))

    async def _submit(self, body: Json) -> None:
        me = self._in_slack(body)
        _check(await self._slack.submit(me, dict(body.get("values") or {})))

    async def _close_view(self, body: Json) -> None:
        if outcome := await self._slack.close_view(self._me(body).slack):
            _check(outcome)

    async def _say(self, body: Json) -> None:
        me, channel, text = self._in_slack(body), _text(body, "channel"), _text(body, "text")
        if not text.startswith("/"):
            self._slack.person_posts(me, channel, text)
            return
        command, _, rest = text.partition(" ")
        if command != COMMAND:
            raise Problem(f"{command} is not a command here; {COMMAND} is.")
        _check(await self._slack.command(me, command, rest.strip(), channel))

    async def _open_home(self, body: Json) -> None:
        _check(await self._slack.open_home(self._in_slack(body)))

    async def _hide(self, body: Json) -> None:
        me, ts = self._me(body).slack, _text(body, "ts")
        kept = [one for one in self._slack.ephemerals if (one.user, one.ts) != (me, ts)]
        self._slack.ephemerals[:] = kept
        self._slack.changed()

    async def _new_feedback(self, body: Json) -> None:
        self._refuse_if_gitlab_is_down()
        sentiment = Sentiment(_text(body, "sentiment"))
        story = Story(
            ticket=self._sample.new_ticket(),
            sentiment=sentiment,
            organization="Garden Example Ltd",
            score=_SCORES[sentiment],
            comment=_text(body, "comment"),
            wants_contact=sentiment is Sentiment.NEGATIVE and body.get("contact") is True,
        )
        self._sample.open_feedback(story)

    def _refuse_if_gitlab_is_down(self) -> None:
        if self._gitlab.faults.down:
            raise Problem("GitLab is down: it answers 502.")

    def _issue(self, body: Json) -> Issue:
        self._refuse_if_gitlab_is_down()
        return self._sample.project.issues[int(body["iid"])]

    async def _change_issue(self, body: Json) -> None:
        issue, by = self._issue(body), self._sample.account(self._me(body))
        assignees = body.get("assignees")
        change = Change(
            title=body.get("title"),
            description=body.get("description"),
            state_event=body.get("state_event"),
            add_labels=self._labels(body.get("add", ())),
            remove_labels=self._labels(body.get("remove", ())),
            assignees=None if assignees is None else tuple(map(self._gitlab.user, assignees)),
        )
        self._gitlab.update(issue, by, change)

    def _labels(self, names: Iterable[str]) -> tuple[Label, ...]:
        labels = (self._sample.project.label(name) for name in names)
        return tuple(label for label in labels if label)

    async def _comment(self, body: Json) -> None:
        issue, by = self._issue(body), self._sample.account(self._me(body))
        self._gitlab.comment(issue, _text(body, "text"), by, internal=body.get("internal") is True)

    async def _move_time(self, body: Json) -> None:
        await self._gitlab.hooks_settled()  # one under way would be refused as stale
        if body.get("to") == "deadline":
            self._clock.move_to(self._hour_before_deadline())
            return
        hours = float(body["hours"])
        if not 0 < hours <= LONGEST_MOVE_HOURS:
            raise Problem("The time goes forward only, by two weeks at the most.")
        self._clock.move(timedelta(hours=hours))

    def _hour_before_deadline(self) -> datetime:
        moments = (due - BEFORE_DEADLINE for due in deadlines(self._sample))
        ahead = [moment for moment in moments if moment > self._clock()]
        if not ahead:
            raise Problem("No deadline is more than an hour away.")
        return min(ahead)

    async def _switch(self, body: Json) -> None:
        platform = self._slack if body["platform"] == "slack" else self._gitlab
        if body["down"]:
            platform.down()
        else:
            platform.up()


_SCORES = {Sentiment.NEGATIVE: "2 of 7", Sentiment.NEUTRAL: "4 of 7", Sentiment.POSITIVE: "7 of 7"}


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Problem(f"Nothing was given for {name}.")
    return value


def _check(outcome: Outcome) -> None:
    if outcome.error:
        raise Problem(f"The bot did not answer as it should: {outcome.error}.")
