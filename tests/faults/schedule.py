"""What happens in a run and when: acts of people and faults, drawn from a seed. Pure."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from slackbot.blocks.labels import NO_LABEL
from slackbot.blocks.words import CHANNELS
from slackbot.rules.decision import Channel, Closing, Miss
from tests.faults.acts import (
    NOBODY,
    Across,
    Act,
    Ask,
    Assign,
    AtOnce,
    ChooseLabel,
    Click,
    Close,
    CutPower,
    DeleteCard,
    Feedback,
    FillIn,
    GitLabDown,
    GitLabFault,
    Hooks,
    Kill,
    KillAtWork,
    Kind,
    MarkContacted,
    Relabel,
    Replay,
    RestartDatabase,
    SetClock,
    Settle,
    SlackAway,
    SlackFault,
    Stop,
    Way,
)
from tests.faults.history import KUDOS, REMINDER
from tests.town import CONTACT, CONTACTED

PEOPLE = ("avery", "blake", "casey")
"""Who acts in Slack; Casey is not known in GitLab."""
ACCOUNTS = ("avery", "blake.sample", "duty")
"""Who acts in GitLab's own pages."""
LABELS = (
    "feedback::soft-skills",
    "feedback::known-issue",
    "feedback::outside-support",
    "feedback::process-sfdc",
)

GROUP = "gitlab-org/manage"
"""A product group that comments mention."""
GOOD_FROM = 500
"""The number of the first good review."""

LONGEST_HANG = 0.6
"""Seconds for which a platform may sit on a call and then carry it out all the same.

A caller that is killed meanwhile must not be back before: then nothing could tell it of the effect
that is still to come, and it would have it a second time (docs/reliability.md, "Duplicates and
gaps").
"""
SHORTEST_PAUSE = 1.0
"""Seconds for which what was killed stays away, at least."""
RARELY = 30.0
"""Seconds within which kudos or a follow-up issue leave, more likely than not."""
NOTICED = 0.4
"""Seconds after a death when time stands still until there is a process again."""
BEYOND_TIMEOUT = 11.0
"""Seconds: longer than the bot waits for an answer."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that decides a run, but for the machine's own timing."""

    seed: int
    skews: tuple[float, ...]
    """By how many seconds the clock of each replica is fast."""
    acts: tuple[Act, ...]

    def __str__(self) -> str:
        clocks = ", ".join(f"{skew:+.0f} s" for skew in self.skews)
        lines = [f"seed {self.seed}, {len(self.skews)} replica(s), clocks {clocks}"]
        return "\n".join([*lines, *(f"{act.at:7.3f}  {act}" for act in self.acts)])


SLACK_METHODS = (
    "chat.postMessage",
    "chat.postMessage",
    "chat.update",
    "chat.update",
    "views.open",
    "users.info",
    "conversations.history",
    "conversations.replies",
)
GITLAB_REQUESTS = (
    ("POST", "/notes$"),
    ("POST", "/notes$"),
    ("PUT", ""),
    ("PUT", ""),
    ("GET", "/notes$"),
    ("GET", r"/issues/\d+$"),
    ("GET", "/resource_label_events$"),
    ("GET", "/issues$"),
    (None, ""),
)
WEEK_NOTES = "/issues/1/notes$"
"""Of the week's issue, and of the first feedback."""
REQUESTS_ELSEWHERE = (
    ("POST", "/issues$"),
    ("POST", WEEK_NOTES),
    ("POST", "/links$"),
    ("GET", WEEK_NOTES),
    ("GET", "/issues$"),
    ("GET", "/groups/"),
    ("GET", "/users$"),
)
KINDS: tuple[Kind, ...] = (
    "429",
    "500",
    "502 HTML",
    "500 after the effect",
    "drop before the effect",
    "drop after the effect",
    "hang",
)
KINDS_AWAY: tuple[Kind, ...] = ("429", "500", "502 HTML", "drop before the effect", "hang")
KINDS_AFTER: tuple[Kind, ...] = ("500 after the effect", "drop after the effect")


class _Draw:
    """Draws acts from one source of chance; the moments come from the caller."""

    def __init__(self, chance: random.Random, replicas: int) -> None:
        self.chance, self._replicas = chance, replicas

    def _before(self) -> int:
        """Look at one of the latest, more often than not."""
        return self.chance.randrange(6 if self.chance.random() < 0.7 else 40)

    def on_card(self, at: float) -> Act:
        who, before = self.chance.choice(PEOPLE), self._before()
        match self.chance.choices(range(8), (30, 10, 12, 18, 14, 8, 6, 10))[0]:
            case 0:
                return self._click(at, before, who, "Claim", "Take over")
            case 1:
                return self._click(at, before, who, "Take over", "Claim")
            case 2:
                return self._click(at, before, who, "Release", "Try again", "Dismiss", "Claim")
            case 3:
                label = self.chance.choice(LABELS)
                return ChooseLabel(at=at, before=before, who=who, label=label)
            case 4:
                return self._contact(at, before, who)
            case 5:
                other = self.chance.choice([each for each in PEOPLE if each != who])
                return AtOnce(at=at, before=before, who=who, other=other)
            case 6:
                return Replay(at=at, who=who)
            case _:
                account, wanted = self.chance.choice(ACCOUNTS), self.chance.choice((None, *LABELS))
                return Across(at=at, before=before, who=who, account=account, label=wanted)

    def _click(self, at: float, before: int, who: str, *buttons: str) -> Act:
        times = 2 if self.chance.random() < 0.1 else 1
        is_late = self.chance.random() < 0.15
        return Click(at=at, before=before, who=who, buttons=buttons, times=times, is_late=is_late)

    def by_form(self, at: float) -> Act:
        """Draw what is done by a form, and what else they would do where it is not offered."""
        who, before = self.chance.choice(PEOPLE), self._before()
        return FillIn(
            at=at,
            before=before,
            who=who,
            ways=self._ways(at),
            in_row=self.chance.random() < 0.5,
            goes_on=self.chance.random() < 0.5,
        )

    def _ways(self, at: float) -> tuple[Way, ...]:
        def way(offer: str, **inputs: str) -> Way:
            return Way(offer=offer, inputs=tuple(inputs.items()))

        text = {"text": typed(at)}
        note = way("Add note…", **text)
        close = way("Close without contact…", reason=self.chance.choice(list(Closing)), **text)
        reopen = way("Reopen…", **text)
        match self.chance.choices(range(8), (25, 12, 8, 12, 16, 8, 10, 9))[0]:
            case 0:
                return (way("Review…", **self._review(at)),)
            case 1:
                return close, reopen
            case 2:
                return reopen, note
            case 3:
                return (note,)
            case 4:
                change = way("Change label…", label=self.chance.choice(LABELS))
                clear = way("Change label…", label=NO_LABEL)
                return (change,) if self.chance.random() < 0.5 else (clear, change)
            case 5:
                return way("Undo contacted…", **text), note
            case 6:
                return way("Waiting on…", text=text["text"].replace("\n", " ")), note
            case _:
                reason = self.chance.choice(list(Miss))
                return way("Explain missed deadline…", reason=reason, **text), note

    def _review(self, at: float) -> dict[str, str]:
        inputs = {"summary": typed(at), "contact": self.chance.choice(("yes", "no"))}
        if self.chance.random() < 0.5:
            inputs["to_do"] = typed(at, number=1)
        if self.chance.random() < 0.5:
            inputs["label"] = self.chance.choice(LABELS)
        return inputs

    def elsewhere(self, at: float) -> Act:
        """Draw what ends in another place than the feedback issue alone, or tells somebody."""
        who, before = self.chance.choice(PEOPLE), self._before()
        ways = self._ways_elsewhere(at)
        in_row = ways[0].offer == "Kudos…" or self.chance.random() < 0.5
        return FillIn(at=at, before=before, who=who, ways=ways, in_row=in_row, goes_on=False)

    def _ways_elsewhere(self, at: float) -> tuple[Way, ...]:
        text = ("text", typed(at))
        match self.chance.choices(range(4), (45, 30, 15, 10))[0]:
            case 0:
                thanks = text, ("thanks", self.chance.choice(("", "blake", "avery,casey")))
                close = "close", self.chance.choice(("", "close"))
                # What is closed already has no such tick.
                ticked, without = (*thanks, close), thanks
                return tuple(Way(offer="Kudos…", inputs=each) for each in (ticked, without))
            case 1:
                title = "title", typed(at, number=1).replace("\n", " ")
                return (Way(offer="Follow-up issue…", inputs=(title, text)),)
            case 2:
                whom = self.chance.choice((("names", "duty, blake.sample"), ("people", "blake")))
                return (Way(offer="Tell a manager…", inputs=(whom, text)),)
            case _:
                return (Way(offer="Tell a product group…", inputs=(("names", GROUP), text)),)

    def fault_elsewhere(self, at: float) -> Act:
        method, path = self.chance.choice(REQUESTS_ELSEWHERE)
        kind = self.chance.choice(KINDS)
        return GitLabFault(at=at, method=method, path=path, kind=kind, seconds=self._hang())

    def doubtful_kudos(self, at: float) -> Act:
        kind = self.chance.choice(KINDS_AFTER)
        return SlackFault(at=at, method="chat.postMessage", kind=kind, about=KUDOS)

    def death_elsewhere(self, at: float) -> Act:
        when: Literal["before", "after"] = self.chance.choice(("before", "after"))
        path, pause = self.chance.choice(("/issues$", WEEK_NOTES)), self._between(SHORTEST_PAUSE, 2)
        return KillAtWork(at=at, pause=pause, path=path, when=when, within=RARELY)

    def patience_elsewhere(self, at: float) -> Act:
        method, path = self.chance.choice(REQUESTS_ELSEWHERE[:3])
        return GitLabFault(
            at=at, method=method, path=path, kind="no answer in time", seconds=BEYOND_TIMEOUT
        )

    def settling(self, at: float) -> Act:
        button = self.chance.choice(("Try again", "Try again", "Dismiss"))
        return Settle(at=at, who=self.chance.choice(PEOPLE), button=button)

    def _contact(self, at: float, before: int, who: str) -> Act:
        channel = self.chance.choice(list(CHANNELS))
        text = typed(at) if channel is Channel.EMAIL else None
        return MarkContacted(
            at=at, before=before, who=who, channel=CHANNELS[channel].title, text=text
        )

    def in_gitlab(self, at: float) -> Act:
        who, before = self.chance.choice(ACCOUNTS), self._before()

        def relabel(label: str, *, is_put_on: bool) -> Act:
            return Relabel(at=at, before=before, who=who, label=label, is_put_on=is_put_on)

        match self.chance.choices(range(6), (30, 25, 15, 8, 8, 8))[0]:
            case 0:
                to = self.chance.choice((*ACCOUNTS, NOBODY))
                return Assign(at=at, before=before, who=who, to=to)
            case 1:
                return relabel(self.chance.choice(LABELS), is_put_on=True)
            case 2:
                is_reopened = self.chance.random() < 0.6
                return Close(at=at, before=before, who=who, is_reopened=is_reopened)
            case 3:
                return relabel(CONTACT, is_put_on=False)
            case 4:
                return relabel(CONTACTED, is_put_on=True)
            case _:
                return relabel(CONTACTED, is_put_on=False)

    def slack_fault(self, at: float) -> Act:
        method = self.chance.choice(SLACK_METHODS)
        kind = self.chance.choice(KINDS)
        return SlackFault(at=at, method=method, kind=kind, seconds=self._hang())

    def gitlab_fault(self, at: float) -> Act:
        method, path = self.chance.choice(GITLAB_REQUESTS)
        kind = self.chance.choice(KINDS)
        return GitLabFault(at=at, method=method, path=path, kind=kind, seconds=self._hang())

    def rejection(self, at: float) -> Act:
        """Draw a change that GitLab will not make, so that its person is told."""
        return GitLabFault(at=at, method="PUT", path=r"/issues/\d+$", kind="422")

    def _hang(self) -> float:
        return round(self.chance.uniform(0.1, LONGEST_HANG), 2)

    def down(self, at: float) -> Act:
        return GitLabDown(at=at, seconds=self._between(0.5, 2))

    def hooks(self, at: float) -> Act:
        how: Literal["lost", "doubled", "reordered"] = self.chance.choice(
            ("lost", "doubled", "reordered")
        )
        return Hooks(at=at, how=how, seconds=self._between(0.3, 1.5))

    def deletion(self, at: float) -> Act:
        return DeleteCard(at=at, before=self._before(), who=self.chance.choice(PEOPLE))

    def death(self, at: float) -> Act:
        pause, replica = self._between(SHORTEST_PAUSE, 2), self.chance.randrange(self._replicas)
        match self.chance.randrange(3):
            case 0:
                return Kill(at=at, replica=replica, pause=pause)
            case 1:
                return KillAtWork(at=at, pause=pause)
            case _:
                return Stop(at=at, replica=replica)

    def restart(self, at: float) -> Act:
        mode: Literal["fast", "immediate"] = self.chance.choice(("fast", "immediate"))
        return RestartDatabase(at=at, mode=mode, pause=self._between(0, 1))

    def patience(self, at: float) -> Act:
        """Draw a call that is not answered in time, and has its effect when nobody waits for it."""
        if self.chance.random() < 0.5:
            method = self.chance.choice(SLACK_METHODS[:4])
            return SlackFault(
                at=at, method=method, kind="no answer in time", seconds=BEYOND_TIMEOUT
            )
        method, path = self.chance.choice(GITLAB_REQUESTS[:4])
        return GitLabFault(
            at=at, method=method, path=path, kind="no answer in time", seconds=BEYOND_TIMEOUT
        )

    def _between(self, least: float, most: float) -> float:
        return round(self.chance.uniform(least, most), 2)


def typed(at: float, number: int = 0) -> str:
    """Return a text with a word of its own, and with a line that GitLab would run if it could."""
    return f"Dear customer,\n/close\n@duty is sorry: typed{round(at * 1000)}x{number}."


def make_plan(
    seed: int, *, replicas: int, seconds: float = 8, shares_database: bool, is_patient: bool = False
) -> Plan:
    """Draw a plan.

    Args:
        seed: Decides everything.
        replicas: How many processes share the work.
        seconds: For how long things happen.
        shares_database: Whether there is a PostgreSQL, to be restarted, too.
        is_patient: Whether calls may go unanswered for longer than the bot waits, after which it
            waits for a minute more.
    """
    draw = _Draw(random.Random(f"{seed} of {replicas}"), replicas)
    feedbacks = _feedbacks(draw.chance, seconds)
    acts: list[Act] = [*feedbacks, *_late_asks(feedbacks, draw.chance)]
    for how_many, drawn, first, last in _kinds(draw, seconds, shares_database, is_patient):
        # One in each stretch of the time: two deaths at once tell no more than one.
        stretch = (last - first) / max(how_many, 1)
        moments = (first + stretch * (each + draw.chance.random()) for each in range(how_many))
        acts += [drawn(round(moment, 3)) for moment in moments]
    acts += _forms(_Draw(random.Random(f"{seed} of {replicas}: forms"), replicas), seconds)
    chance = random.Random(f"{seed} of {replicas}: elsewhere")
    acts += _elsewhere(_Draw(chance, replicas), seconds, is_patient=is_patient)
    acts += _doubtful_reminders(random.Random(f"{seed} of {replicas}: reminders"), seconds)
    acts += _slack_away(acts, random.Random(f"{seed} of {replicas}: Slack away"), seconds)
    acts += _wrong_clocks(random.Random(f"{seed} of {replicas}: clocks"), seconds, replicas)
    if not shares_database and not is_patient:
        acts += _power_cuts(random.Random(f"{seed} of {replicas}: power"), seconds)
    skews = tuple(float(draw.chance.randint(-30, 30)) for _ in range(replicas))
    return Plan(seed=seed, skews=skews, acts=tuple(sorted(acts, key=lambda act: act.at)))


def _feedbacks(chance: random.Random, seconds: float) -> list[Feedback]:
    moments = sorted(chance.uniform(0, seconds * 0.8) for _ in range(round(seconds * 5)))
    return [
        Feedback(
            at=round(at, 3),
            number=number,
            asks=chance.random() < 0.8,
            duty=chance.random() < 0.3,
        )
        for number, at in enumerate(moments)
    ]


def _forms(draw: _Draw, seconds: float) -> Iterator[Act]:
    """Let people do what is done by forms, and GitLab reject some of it.

    From a chance of their own, so that a seed goes on meaning what else it has meant.
    """
    for drawn, how_many in ((draw.by_form, 6), (draw.settling, 1), (draw.rejection, 0.5)):
        for _ in range(round(seconds * how_many)):
            yield drawn(round(draw.chance.uniform(0.5, seconds), 3))


def _elsewhere(draw: _Draw, seconds: float, *, is_patient: bool) -> Iterator[Act]:
    """Let good reviews come; let people thank, follow up and tell others, and that go wrong.

    From a chance of their own, too.
    """
    for number in range(round(seconds)):
        at = round(draw.chance.uniform(0, seconds * 0.8), 3)
        yield Feedback(at=at, number=GOOD_FROM + number, asks=False, duty=False, is_good=True)
    rare = draw.patience_elsewhere if is_patient else draw.death_elsewhere
    kinds = (
        (draw.elsewhere, 4, seconds),
        (draw.fault_elsewhere, 2, seconds),
        (draw.doubtful_kudos, 0.25, seconds),
    )
    for drawn, how_many, last in (*kinds, (rare, 0.25, seconds / 2)):
        for _ in range(round(seconds * how_many)):
            yield drawn(round(draw.chance.uniform(0.5, last), 3))


def _doubtful_reminders(chance: random.Random, seconds: float) -> Iterator[Act]:
    """Let reminders come through without an answer: too few posts are one to leave that to chance.

    From a chance of their own, so that a seed goes on meaning what else it has meant.
    """
    for number in range(round(seconds / 4)):
        at = round(1 + (number + chance.random()) * 4, 3)
        kind = chance.choice(KINDS_AFTER)
        yield SlackFault(at=at, method="chat.postMessage", kind=kind, about=REMINDER)


def _slack_away(acts: list[Act], chance: random.Random, seconds: float) -> Iterator[Act]:
    """Let Slack fail in everything for a while, and right when a new process gets its first clicks.

    From a chance of their own, too.
    """
    moments = [1 + (number + chance.random()) * 4 for number in range(round(seconds / 4))]
    ends = (act.at for act in acts if isinstance(act, Kill | KillAtWork | Stop))
    starts = [at + NOTICED for at in ends]
    for at in (*moments, *starts):
        lasting = round(chance.uniform(0.5, 1.5), 2)
        yield SlackAway(at=round(at, 3), kind=chance.choice(KINDS_AWAY), seconds=lasting)
    for at in starts:  # what the process of before has recorded comes once more
        yield from (Replay(at=round(at + 0.1, 3), who=who, was_accepted=True) for who in PEOPLE)


def _late_asks(feedbacks: list[Feedback], chance: random.Random) -> Iterator[Act]:
    for each in feedbacks:
        if not each.asks and chance.random() < 0.7:
            yield Ask(at=round(each.at + chance.uniform(0.2, 2), 3), number=each.number)


Kinds = list[tuple[int, Callable[[float], Act], float, float]]


def _kinds(draw: _Draw, seconds: float, shares_database: bool, is_patient: bool) -> Kinds:
    """Say how many acts of each kind there are, and between which moments."""
    kinds: Kinds = [
        (round(seconds * 25), draw.on_card, 0.5, seconds),
        (round(seconds * 4), draw.in_gitlab, 0.5, seconds),
        (round(seconds * 4), draw.slack_fault, 0, seconds),
        (round(seconds * 4), draw.gitlab_fault, 0, seconds),
        (round(seconds / 2), draw.hooks, 0, seconds),
        (round(seconds / 3), draw.deletion, 1, seconds),
        (round(seconds / 6), draw.down, 1, seconds),
    ]
    rejections = (round(seconds / 4), draw.rejection, 0.5, seconds)
    if is_patient:
        # Nobody dies then: what hangs for so long has its effect after whoever comes next has
        # looked for it (docs/reliability.md, "Duplicates and gaps").
        return [*kinds, (round(seconds / 8), draw.patience, 0.5, seconds), rejections]
    # Early: what a dead one had leased is free only after a while.
    kinds.append((round(seconds / 4), draw.death, 1, seconds * 0.75))
    if shares_database:
        kinds.append((round(seconds / 6), draw.restart, 1, seconds))
    return [*kinds, rejections]


def _power_cuts(chance: random.Random, seconds: float) -> Iterator[Act]:
    """Cut the power twice, not long before the end: the later, the more is to be lost."""
    for number in range(2):
        at = round(seconds * (0.4 + (number + chance.random()) * 0.25), 3)
        yield CutPower(at=at, pause=round(chance.uniform(SHORTEST_PAUSE, 2), 2))


def _wrong_clocks(chance: random.Random, seconds: float, replicas: int) -> Iterator[Act]:
    """Set a clock a day wrong for a moment, once on each side."""
    wrong: list[Literal[-1, 1]] = [-1, 1]
    chance.shuffle(wrong)
    for number, days in enumerate(wrong):
        at = round(seconds * (number + chance.random()) / 2, 3)
        yield SetClock(
            at=at,
            replica=chance.randrange(replicas),
            days=days,
            seconds=round(chance.uniform(0.3, 1.5), 2),
        )
