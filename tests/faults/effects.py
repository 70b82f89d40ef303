"""Whether what people decided came about in the issues themselves, and stayed. Pure.

A decision's note is no proof of it: the PUT beside it may be lost, or land when its time is over.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from tests.faults.history import Decided, History, Standing, time_of

Aspect = Callable[[Standing], frozenset[str]]
"""A part of an issue that is changed by itself, and left alone where somebody else changed it."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a decision wants of one aspect of its issue, from its note on."""

    decision: Decided
    noted_at: datetime
    name: str
    aspect: Aspect
    is_so: Callable[[Standing], bool]


def assignees(standing: Standing) -> frozenset[str]:
    """Say who is assigned."""
    return standing.assignees


def label_of(history: History) -> Aspect:
    """Look at the labels of the scope."""
    return lambda each: frozenset(name for name in each.labels if name.startswith(history.scope))


def what_is_delivered_is_done(history: History) -> Iterator[str]:
    """What a delivered decision wants of the issue was so before the next decision was noted.

    Unless a person changed just that after the bot had last read the issue: theirs is left alone.
    """
    for effect in _effects(history):
        decision = effect.decision
        if decision.status != "delivered":
            continue
        until = _next_noted(history, effect)
        if not _was_so(history, effect, until) and not _is_spared(history, effect, until):
            yield f"{decision} is delivered and its {effect.name} never was in GitLab"


def effects_are_in_order(history: History) -> Iterator[str]:
    """No change of the bot's takes back what the latest decision about it wants.

    By then the changes of all earlier decisions have to be over, those without an answer, too.
    """
    by_key: dict[str, list[Effect]] = {}
    for effect in _effects(history):
        by_key.setdefault(effect.decision.key, []).append(effect)
    for key, effects in by_key.items():
        for before, after in pairwise(history.standings_of(key)):
            if after.by == history.bot:
                yield from _taken_back(effects, before, after)


def _taken_back(effects: list[Effect], before: Standing, after: Standing) -> Iterator[str]:
    noted = [
        each
        for each in effects
        if each.noted_at <= after.at and each.aspect(before) != each.aspect(after)
    ]
    # What was tried again may undo what was decided between: its person has seen that by then.
    retried = {each.name for each in noted if each.decision.was_retried and each.is_so(after)}
    in_order = [each for each in noted if not each.decision.was_retried]
    latest = {each.name: each for each in sorted(in_order, key=lambda each: each.decision.seq)}
    for name, effect in latest.items():
        if name not in retried and not effect.is_so(after):
            yield f"{effect.decision}: its {name} was taken back by the bot at {time_of(after.at)}"


def _effects(history: History) -> Iterator[Effect]:
    for decision in history.decisions:
        noted_at = _noted_at(history, decision)
        if noted_at is None:
            continue  # judged elsewhere
        for name, aspect, is_so in _wanted(history, decision, noted_at):
            yield Effect(
                decision=decision, noted_at=noted_at, name=name, aspect=aspect, is_so=is_so
            )


def _noted_at(history: History, decision: Decided) -> datetime | None:
    return next((each.at for each in history.marks if each.decision == decision.id), None)


Wanted = tuple[str, Aspect, Callable[[Standing], bool]]


def _wanted(history: History, decision: Decided, noted_at: datetime) -> Iterator[Wanted]:
    wish, labels = decision.wish, label_of(history)
    holder = history.accounts.get(wish.holder or "")
    leaver = history.accounts.get(wish.leaver or "", wish.leaver)
    if holder:
        yield "assignment", assignees, lambda each: each.assignees == {holder}
    elif leaver in history.accounts.values():  # who is not known there was never assigned
        yield "assignment", assignees, lambda each: leaver not in each.assignees
    is_bare = not labels(history.standing_at(decision.key, noted_at))
    if wish.label and (is_bare or not wish.yields):
        yield "label", labels, lambda each: labels(each) == {wish.label}
    if wish.cleared:
        yield "label", labels, lambda each: wish.cleared not in each.labels
    contacted = frozenset({history.contacted_label})
    if wish.is_contacted or wish.is_uncontacted:
        yield (
            "contact",
            lambda each: each.labels & contacted,
            lambda each: (each.labels >= contacted) is wish.is_contacted,
        )
    if wish.is_closed or wish.is_reopened:
        yield "state", _state, lambda each: each.is_open is wish.is_reopened


def _state(standing: Standing) -> frozenset[str]:
    return frozenset({"open"} if standing.is_open else ())


def _next_noted(history: History, effect: Effect) -> datetime | None:
    """Return when the next decision in order was begun: those before it were done by then."""
    if effect.decision.was_retried:
        return None
    later = (
        _noted_at(history, each)
        for each in history.decisions
        if each.key == effect.decision.key
        and each.seq > effect.decision.seq
        and not each.was_retried
    )
    return min((at for at in later if at), default=None)


def _was_so(history: History, effect: Effect, until: datetime | None) -> bool:
    """Tell whether it was so when it was noted, or at any moment from then on."""
    standings = history.standings_of(effect.decision.key)
    return any(
        effect.is_so(each)
        for each, following in zip(standings, [*standings[1:], None], strict=True)
        if (following is None or following.at > effect.noted_at)
        and (until is None or each.at < until)
    )


def _is_spared(history: History, effect: Effect, until: datetime | None) -> bool:
    """Tell whether a person changed just that between the bot's reading and its writing."""
    since, written_at = _last_read(history, effect), _first_written(history, effect)
    ends = [at for at in (until, written_at) if at]
    return any(
        after.by != history.bot
        and effect.aspect(before) != effect.aspect(after)
        and (since is None or since <= after.at)
        and all(after.at < end for end in ends)
        for before, after in pairwise(history.standings_of(effect.decision.key))
    )


def _last_read(history: History, effect: Effect) -> datetime | None:
    """Return when the bot read how the issue stood by which it judged the decision."""
    reads = (
        each.at
        for each in history.calls
        if each.key == effect.decision.key
        and each.is_read
        and each.status == 200
        and each.at <= effect.noted_at
    )
    return max(reads, default=None)


def _first_written(history: History, effect: Effect) -> datetime | None:
    """Return when a change left that was done for certain; it spares what was changed before it."""
    writes = (
        each.at
        for each in history.calls
        if each.key == effect.decision.key
        and each.is_change
        and each.status == 200
        and each.at >= effect.noted_at
    )
    return min(writes, default=None)
