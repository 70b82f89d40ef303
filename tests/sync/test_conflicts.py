"""What others did after the bot's note, and what is left of the bot's own change then."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from slackbot.platforms.gitlab.client import IssueChange
from slackbot.platforms.gitlab.snapshot import LabelEvent, Note, StateEvent
from slackbot.rules.decision import Claim, Decision
from slackbot.rules.request import IssueKey, Person
from slackbot.sync.writing.conflicts import Conflicts, conflicts_since
from slackbot.sync.writing.notes import note_of, withdrawal_of

NOTED = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
BEFORE, AFTER = NOTED - timedelta(seconds=1), NOTED + timedelta(seconds=1)
BOT = "ssat-bot"
AVERY, BLAKE = (Person(name=name, gitlab=name) for name in ("avery", "blake"))
OURS = Person(name="ssat-bot", gitlab=BOT)
DECISION = Decision(id=UUID(int=1), key=IssueKey(7, 12), by=AVERY, at=NOTED, action=Claim())
SCOPE = "feedback"
SOFT, DOCS = "feedback::soft-skills", "feedback::docs-not-helpful"


def note(body: str, at: datetime, author: str = "blake", *, is_system: bool = True) -> Note:
    return Note(body=body, author=author, by=BLAKE, is_system=is_system, at=at)


NOTE = note(note_of(DECISION), NOTED, BOT, is_system=False)


def seen(
    *notes: Note, labels: tuple[LabelEvent, ...] = (), states: tuple[StateEvent, ...] = ()
) -> Conflicts:
    return conflicts_since(DECISION.id, BOT, (NOTE, *notes), labels, states)


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        (note("assigned to @blake", AFTER), True),
        (note("unassigned @avery", AFTER), True),
        (note("assigned to @blake", BEFORE), False),  # known when the bot decided
        (note("assigned to @avery", AFTER, BOT), False),  # its own doing
        (note("assigned to @blake, please", AFTER, is_system=False), False),  # a person's words
        (note("changed the description", AFTER), False),
    ],
)
def test_an_assignment_counts_that_somebody_else_made_since(one: Note, counts: bool) -> None:
    assert seen(one).assignment == (one if counts else None)


def test_of_several_assignments_the_latest_counts() -> None:
    latest = note("assigned to @avery", AFTER + timedelta(minutes=1))
    assert seen(latest, note("assigned to @blake", AFTER)).assignment == latest


@pytest.mark.parametrize(
    ("by", "at", "counts"),
    [
        (BLAKE, AFTER, True),
        (None, AFTER, True),  # somebody who has left GitLab since
        (BLAKE, BEFORE, False),
        (OURS, AFTER, False),
    ],
)
def test_labels_and_states_count_that_somebody_else_changed_since(
    by: Person | None, at: datetime, counts: bool
) -> None:
    label = LabelEvent(label=DOCS, is_added=True, at=at, by=by)
    state = StateEvent(is_closed=False, at=at, by=by)
    found = seen(labels=(label,), states=(state,))
    assert found.labels == (frozenset({DOCS}) if counts else frozenset())
    assert found.state is counts


def test_what_was_done_between_the_reading_and_the_note_is_theirs_too() -> None:
    judged_by = BEFORE - timedelta(minutes=1)
    label = LabelEvent(label=DOCS, is_added=True, at=BEFORE, by=BLAKE)
    ours = note(note_of(DECISION, None, judged_by), NOTED, BOT, is_system=False)
    assert conflicts_since(DECISION.id, BOT, (ours,), (label,), ()).labels == {DOCS}
    ours = note(note_of(DECISION, None, BEFORE), NOTED, BOT, is_system=False)
    assert conflicts_since(DECISION.id, BOT, (ours,), (label,), ()) == Conflicts()


def test_what_was_done_after_the_note_is_theirs_by_whichever_clock_the_reading_was_dated() -> None:
    ours = note(note_of(DECISION, None, NOTED + timedelta(hours=1)), NOTED, BOT, is_system=False)
    theirs = note("assigned to @blake", AFTER)
    assert conflicts_since(DECISION.id, BOT, (theirs, ours), (), ()).assignment == theirs


def test_what_was_done_before_a_withdrawn_note_was_written_anew_was_judged() -> None:
    withdrawal = note(withdrawal_of(DECISION), AFTER, BOT, is_system=False)
    anew = note(note_of(DECISION), AFTER + timedelta(minutes=1), BOT, is_system=False)
    theirs = note("assigned to @blake", AFTER)
    found = conflicts_since(DECISION.id, BOT, (anew, theirs, withdrawal, NOTE), (), ())
    assert found == Conflicts()


def test_without_a_note_of_the_decision_nothing_was_overtaken() -> None:
    unsaid = conflicts_since(UUID(int=2), BOT, (NOTE, note("assigned to @blake", AFTER)), (), ())
    assert unsaid == Conflicts()


CHANGE = IssueChange(
    add_labels=frozenset({SOFT, "contacted"}),
    remove_labels=frozenset({DOCS}),
    assignee_ids=(1,),
    close=True,
)


@pytest.mark.parametrize(
    ("theirs", "left"),
    [
        (Conflicts(), CHANGE),
        (
            Conflicts(assignment=NOTE),
            IssueChange(
                add_labels=CHANGE.add_labels, remove_labels=CHANGE.remove_labels, close=True
            ),
        ),
        # another label of the scope: the cause is theirs to name
        (
            Conflicts(labels=frozenset({DOCS})),
            IssueChange(add_labels=frozenset({"contacted"}), assignee_ids=(1,), close=True),
        ),
        (
            Conflicts(labels=frozenset({"contacted"})),
            IssueChange(
                add_labels=frozenset({SOFT}),
                remove_labels=frozenset({DOCS}),
                assignee_ids=(1,),
                close=True,
            ),
        ),
        (
            Conflicts(labels=frozenset({"unrelated"}), state=True),
            IssueChange(
                add_labels=CHANGE.add_labels, remove_labels=CHANGE.remove_labels, assignee_ids=(1,)
            ),
        ),
    ],
)
def test_a_change_is_repeated_without_what_is_theirs(theirs: Conflicts, left: IssueChange) -> None:
    assert theirs.without_conflicts(CHANGE, SCOPE) == left
