"""The history of one issue as a person reads it, line by line: for whoever has a violated seed."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from tests.faults.history import History

Line = tuple[datetime, str]

_KEY = re.compile(r"\b\d+/\d+\b")


def stories(history: History, violations: Iterable[str]) -> Iterator[str]:
    """Tell of every issue that a violation names."""
    keys = (key for violation in violations for key in _KEY.findall(violation))
    for key in dict.fromkeys(keys):
        if key in history.keys():  # noqa: SIM118 - it is no mapping
            yield f"\n{key}\n{story(history, key)}"


def story(history: History, key: str) -> str:
    """Tell everything that happened to an issue, and what was interrupted meanwhile."""
    lines = sorted(_lines(history, key))
    return "\n".join(f"{at:%H:%M:%S.%f}  {said}" for at, said in lines)


def _lines(history: History, key: str) -> Iterator[Line]:
    for each in history.interruptions:
        what = f"process {each.process}" if each.process else "the database"
        yield each.at, f"away: {what}, until {each.until:%H:%M:%S.%f}"
    yield from _in_gitlab(history, key)
    yield from _in_slack(history, key)


def _in_gitlab(history: History, key: str) -> Iterator[Line]:
    for standing in history.standings:
        if standing.key == key:
            state = "open" if standing.is_open else "closed"
            labels, assignees = sorted(standing.labels), sorted(standing.assignees)
            said = f"{state}, {labels}, {assignees}, held by {standing.holder}"
            yield standing.at, f"GitLab, by {standing.by}: {said}"
    for mark in history.marks:
        if mark.key == key:
            yield mark.at, f"note of decision {mark.decision[:8]}"
    own = {each.id for each in history.decisions if each.key == key}
    for arrival in history.arrivals:
        if arrival.decision in own:
            yield arrival.at, f"decision {arrival.decision[:8]} in {arrival.place}"
    for call in history.calls:
        if call.key == key:
            done = f", done {call.done_at:%H:%M:%S.%f}" if call.done_at else ""
            what = f"{call.method} {call.about or 'issue'} {call.asked}".strip()
            yield call.at, f"bot: {what} -> {call.status}{done}"


def _glance(card: str) -> str:
    """Keep of a card what tells where it stands."""
    headline, *rest = card.splitlines()
    marks = ("⏳", "⚠️", "feedback::", "(assigned")
    told = [line for line in rest if line.startswith(marks)]
    return " | ".join([headline, *dict.fromkeys(told)])


def _in_slack(history: History, key: str) -> Iterator[Line]:
    for painting in history.paintings:
        if painting.key == key:
            yield painting.at, f"card {painting.ts}: {_glance(painting.text)}"
    for deletion in history.deletions:
        if deletion.key == key:
            yield deletion.at, f"card {deletion.ts} deleted"
    for telling in history.tellings:
        if telling.key == key:
            yield telling.at, f"told ({telling.id[:8]}): {telling.text}"
    decided = {each.interaction: each for each in history.decisions}
    for choice in history.choices:
        if choice.key == key:
            answer = "refused" if choice.is_refused else choice.problem or "acked"
            decision = decided.get(choice.interaction)
            became = f", decision {decision.id[:8]} {decision.status}" if decision else ""
            at = f" {choice.answered_at:%H:%M:%S.%f}" if choice.answered_at else ""
            yield choice.at, f"{choice.who}: {choice.what}: {answer}{at}{became}"
