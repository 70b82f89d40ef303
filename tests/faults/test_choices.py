"""How the checker judges what was sent again and again: told, excused by a death, or lost."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slackbot.local.slack import Outcome, Workspace
from tests.faults.choices import DENIED, choices
from tests.faults.history import Choice
from tests.faults.people import Sent
from tests.process import BotProcess

NOW = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
KEY = "17/4"
REFUSAL = f"Slack isn't saying who you are right now. {DENIED}. Try again."


class Case:
    """One interaction of Avery's, sent to one process after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.slack = Workspace(clock=lambda: NOW)
        token = self.slack.leases.issue_response_url("U0AVERY", "C0000000001")
        self._told = self.slack.leases.response_urls[token].said
        self._payload = {
            "trigger_id": "1.2.3",
            "response_url": f"http://slack.test/{token}",
            "actions": [{"action_id": "take_over"}],
        }
        self._sent: list[Sent] = []

    def process(self, name: str, *, refusals: int, kind: str = "CannotTell") -> BotProcess:
        """Return one that has logged so many refusals, after all that is sent."""
        line = {
            "event": "choice_refused",
            "issue": KEY,
            "what": "take_over",
            "refusal": kind,
            "timestamp": (NOW + timedelta(hours=1)).isoformat(),
        }
        output = self._folder / name
        output.with_suffix(".err").write_text(f"{json.dumps(line)}\n" * refusals)
        child = cast("Any", SimpleNamespace(pid=len(name)))
        return BotProcess(cast("Any", None), child, output)

    def send(self, process: BotProcess, *, told: bool) -> None:
        """Send it, and have it acked; ``told`` why it is refused, if the process lives so long."""
        before = len(self._told)
        if told:
            self._told.append(REFUSAL)
        outcome = Outcome(kind="block_actions", payload=self._payload, status=200)
        at = NOW + timedelta(seconds=len(self._sent))
        self._sent.append(
            Sent(
                at=at,
                key=KEY,
                who="avery",
                what="Take over",
                outcome=outcome,
                process=process,
                told_before=before,
            )
        )

    def judged(self, *, is_recorded: bool = False) -> Choice:
        recorded = [each.interaction for each in self._sent] if is_recorded else ()
        (choice,) = choices(self._sent, self.slack, recorded)
        return choice


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_who_is_told_why_is_refused(case: Case) -> None:
    case.send(case.process("one", refusals=1), told=True)
    assert case.judged().is_refused


def test_an_ack_without_a_word_is_no_refusal(case: Case) -> None:
    case.send(case.process("one", refusals=0), told=False)
    assert not case.judged().is_refused


def test_a_refusal_that_a_process_died_explaining_is_one(case: Case) -> None:
    case.send(case.process("one", refusals=1), told=False)
    assert case.judged().is_refused


def test_a_refusal_that_came_again_to_the_next_process_and_was_told_there_is_one(
    case: Case,
) -> None:
    case.send(case.process("one", refusals=1), told=False)
    next_one = case.process("next one", refusals=2)
    case.send(next_one, told=True)
    case.send(next_one, told=True)
    assert case.judged().is_refused


def test_a_form_that_is_sent_again_is_the_same_choice_and_says_what_was_typed() -> None:
    def sent(trigger: str, text: str) -> Sent:
        values = {"text": {"text": {"type": "plain_text_input", "value": text}}}
        view = {
            "id": "V1",
            "callback_id": "add_note",
            "private_metadata": KEY,
            "state": {"values": values},
        }
        payload = {
            "type": "view_submission",
            "trigger_id": trigger,
            "user": {"id": "U0AVERY", "team_id": "T1"},
            "view": view,
        }
        return Sent(
            at=NOW,
            key=KEY,
            who="avery",
            what="Add a note",
            outcome=Outcome(kind="view_submission", payload=payload),
            process=None,
            told_before=0,
        )

    first, again = sent("1.2.3", "It was typed5x0."), sent("4.5.6", "It was typed5x0.")
    assert first.interaction == again.interaction != sent("1.2.3", "Another text").interaction
    assert first.typed == {"typed5x0"}


def test_what_the_next_process_refused_excuses_no_ack_of_the_one_before(case: Case) -> None:
    case.send(case.process("one", refusals=0), told=False)
    case.send(case.process("next one", refusals=1), told=True)
    assert not case.judged().is_refused


@pytest.mark.parametrize(("kind", "is_denied"), [("CannotTell", True), ("AlreadyYours", False)])
def test_what_was_accepted_is_denied_only_by_words_that_deny_it(
    case: Case, kind: str, is_denied: bool
) -> None:
    process = case.process("one", refusals=1, kind=kind)
    case.send(process, told=False)
    case.send(process, told=True)  # else these words are about the first, and late
    assert case.judged(is_recorded=True).is_denied is is_denied
