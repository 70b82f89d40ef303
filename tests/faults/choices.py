"""What became of people's clicks, as they themselves saw it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from slackbot.local.slack import Workspace
from tests.faults.history import Choice
from tests.faults.people import Sent, words_told
from tests.process import BotProcess

DENIED = "Nothing was changed"
_DENYING = ("CannotTell", "FormNotOpened", "GitLabSilent")
"""The refusals that say so."""

_LOGGED = ("choice_refused", "choice_failed")


def choices(sent: Iterable[Sent], slack: Workspace, recorded: Collection[str]) -> Iterator[Choice]:
    """Bring the sendings of each interaction together.

    Args:
        sent: Everything that people sent, and Slack repeated.
        slack: Knows what people were told.
        recorded: The interactions that are on record.
    """
    attempts: defaultdict[str, list[Sent]] = defaultdict(list)
    for each in sent:
        attempts[each.interaction].append(each)
    unexplained = _refusals_logged(attempts, slack)
    refused = _refusals(attempts)
    for interaction, group in attempts.items():
        words = _words(group, slack)
        has_effect = interaction in recorded or any(each.has_opened for each in group)
        died_explaining = 0 if has_effect else _excused(group, words, unexplained)
        choice = _choice(group, words, has_effect=has_effect, died_explaining=died_explaining)
        logged = refused[group[0].key, group[0].action]
        is_denied = interaction in recorded and _is_denied(group, words, logged)
        yield replace(choice, is_denied=is_denied)


def _excused(
    group: list[Sent], words: list[list[str]], unexplained: Counter[tuple[BotProcess | None, str]]
) -> int:
    """Count the sendings whose process died before it told why it refused them."""
    count = 0
    for each, said in zip(group, words, strict=True):
        place = (each.process, each.key)
        if each.outcome.ok and not said and unexplained[place]:
            unexplained[place] -= 1
            count += 1
    return count


def _choice(
    group: list[Sent], words: list[list[str]], *, has_effect: bool, died_explaining: int
) -> Choice:
    first = group[0]
    acked = sum(each.outcome.ok for each in group)
    told = sum(len(said) for said in words)
    return Choice(
        at=first.at,
        key=first.key,
        who=first.who,
        what=first.what,
        interaction=first.interaction,
        has_effect=has_effect,
        is_acked=acked > 0,
        is_refused=told + died_explaining >= max(acked, 1),
        problem=None if acked else group[-1].outcome.error,
        process=first.process.pid if first.process else None,
        typed=first.typed,
        about=first.decision,
        answered_at=max((each.answered_at for each in group if each.answered_at), default=None),
    )


def _is_denied(group: list[Sent], words: list[list[str]], refused: list[datetime]) -> bool:
    """Tell whether something was accepted without a word, and denied when it came again.

    Words may be late, and about what was sent before: so a refusal has to be logged after that.
    """
    accepted = False
    for sent, said in zip(group, words, strict=True):
        is_refused = any(at >= sent.at for at in refused)
        if accepted and is_refused and any(DENIED in each for each in said):
            return True
        accepted = accepted or (sent.outcome.ok and not said)
    return False


def _words(group: list[Sent], slack: Workspace) -> list[list[str]]:
    """Return what a person was told after each sending: at the inputs, or in the channel."""
    told = words_told(group[0].outcome, slack)
    ends = [*(each.told_before for each in group[1:]), len(told)]
    return [
        [*each.outcome.errors.values(), *told[each.told_before : end]]
        for each, end in zip(group, ends, strict=True)
    ]


def _lines(attempts: dict[str, list[Sent]]) -> Iterator[tuple[BotProcess, dict[str, Any]]]:
    """Return what the processes have logged of refusals and faults."""
    processes = {each.process for group in attempts.values() for each in group if each.process}
    for process in processes:
        yield from ((process, line) for line in process.log if line["event"] in _LOGGED)


def _refusals(attempts: dict[str, list[Sent]]) -> defaultdict[tuple[str, str], list[datetime]]:
    """Return when what was asked of each issue was denied, by the logs."""
    refused: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for _, line in _lines(attempts):
        if line.get("refusal") in _DENYING:
            place = line.get("issue", ""), line.get("what", "")
            refused[place].append(datetime.fromisoformat(line["timestamp"]))
    return refused


def _refusals_logged(
    attempts: dict[str, list[Sent]], slack: Workspace
) -> Counter[tuple[BotProcess | None, str]]:
    """Count the refusals that a process has logged, and died before anybody was told."""
    logged = Counter[tuple[BotProcess | None, str]](
        (process, line.get("issue", "")) for process, line in _lines(attempts)
    )
    for group in attempts.values():
        for each, said in zip(group, _words(group, slack), strict=True):
            # Once logged, told again until it gets through.
            logged[each.process, each.key] -= bool(said)
    return Counter({place: count for place, count in logged.items() if count > 0})
