"""What others did since the bot read an issue, and what is left of its own change then."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slackbot.platforms.gitlab.client import IssueChange
from slackbot.platforms.gitlab.snapshot import LabelEvent, Note, StateEvent
from slackbot.rules.decision import Claim, Decision
from slackbot.rules.request import IssueKey, Person
from slackbot.sync.writing.assignment import read_assignment
from slackbot.sync.writing.conflicts import Conflicts, conflicts_since
from slackbot.sync.writing.notes import note_of, withdrawal_of
from tests.sync.history import BOT, CONTACT, WHAT_HAPPENS, History

NOTED = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
BEFORE, AFTER = NOTED - timedelta(seconds=1), NOTED + timedelta(seconds=1)
AVERY, BLAKE = (Person(name=name, gitlab=name) for name in ("avery", "blake"))
OURS = Person(name="ssat-bot", gitlab=BOT)
DECISION = Decision(id=UUID(int=1), key=IssueKey(7, 12), by=AVERY, at=NOTED, action=Claim())
SCOPE = "feedback"
SOFT, DOCS = "feedback::soft-skills", "feedback::docs-not-helpful"


def note(body: str, at: datetime, author: str = "blake", *, is_system: bool = True) -> Note:
    return Note(body=body, author=author, by=BLAKE, is_system=is_system, at=at)


def ours(body: str) -> Note:
    return note(body, NOTED, BOT, is_system=False)


NOTE = ours(note_of(DECISION))


def seen(
    *notes: Note,
    noted: Note = NOTE,
    labels: tuple[LabelEvent, ...] = (),
    states: tuple[StateEvent, ...] = (),
) -> Conflicts:
    return conflicts_since(DECISION.id, BOT, (noted, *notes), labels, states)


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


def test_an_older_marker_tells_only_when_its_decision_was_judged() -> None:
    earlier = BEFORE - timedelta(minutes=1)
    said = f'"judged_by": "{earlier.isoformat()}", "decision"'
    noted = ours(note_of(DECISION).replace('"decision"', said))
    later = LabelEvent(label=DOCS, is_added=True, at=BEFORE, by=BLAKE)
    known = LabelEvent(label=SOFT, is_added=True, at=earlier, by=BLAKE)
    assert seen(noted=noted, labels=(later, known)).labels == {DOCS}


ISSUE = replace(History().seen().issue, updated_at=BEFORE)
JUST_AFTER = BEFORE + timedelta(milliseconds=7)


def broken(written: str) -> str:
    return written.replace('"labels": [', '"labels": 5, "others": [')


@pytest.mark.parametrize(("written", "theirs"), [(str, set()), (broken, {CONTACT})])
def test_a_marker_that_somebody_has_broken_counts_as_an_older_one(
    written: Callable[[str], str], theirs: set[str]
) -> None:
    label = LabelEvent(label=CONTACT, is_added=True, at=JUST_AFTER, by=BLAKE)
    noted = ours(written(note_of(DECISION, None, ISSUE)))
    assert seen(noted=noted, labels=(label,)).labels == theirs


@pytest.mark.parametrize("since", [BEFORE, NOTED + timedelta(hours=1)])
def test_what_was_done_after_the_note_is_theirs_whatever_the_issue_showed(since: datetime) -> None:
    """An account or a label may have another name by now, or a clock may be wrong."""
    issue = replace(ISSUE, updated_at=since)
    at = NOTED + timedelta(minutes=10)
    theirs = note("unassigned @renamed", at)
    label = LabelEvent(label="renamed", is_added=False, at=at, by=BLAKE)
    state = StateEvent(is_closed=False, at=at, by=BLAKE)
    noted = ours(note_of(DECISION, None, issue))
    found = seen(theirs, noted=noted, labels=(label,), states=(state,))
    assert found == Conflicts(assignment=theirs, labels=frozenset({"renamed"}), state=True)


class Happening(NamedTuple):
    what: str
    who: int


def judged(
    seen: list[Happening], missed: list[Happening], after: timedelta
) -> tuple[Conflicts, Conflicts]:
    """Return what counts as done since the bot read an issue, and what was."""
    history = History()

    def happen(happened: list[Happening]) -> None:
        for what, who in happened:
            history.clock.now += after
            history.happen(what, who, 0)

    happen(seen)
    before, states_before = history.seen(), history.state_events()
    happen(missed)
    history.clock.now += after
    history.gitlab.comment(history.issue, note_of(DECISION, None, before.issue), history.bot)
    now, states = history.seen(), history.state_events()

    def is_theirs(event: LabelEvent | StateEvent) -> bool:
        return event.by is not None and event.by.gitlab != BOT

    notes = now.notes[: len(now.notes) - len(before.notes)]
    assigned = [each for each in notes if read_assignment(each) and each.author != BOT]
    labelled = filter(is_theirs, now.label_events[len(before.label_events) :])
    done = Conflicts(
        assignment=assigned[0] if assigned else None,
        labels=frozenset(event.label for event in labelled),
        state=any(map(is_theirs, states[len(states_before) :])),
    )
    return conflicts_since(DECISION.id, BOT, now.notes, now.label_events, states), done


acts = st.lists(
    st.builds(Happening, st.sampled_from(WHAT_HAPPENS), st.integers(0, len(History().users))),
    max_size=8,
)


@given(acts, acts)
@example([Happening("assign avery", 1), Happening("assign blake", 3)], [])
@settings(deadline=None)
def test_what_others_did_since_the_issue_was_read_is_theirs_and_nothing_else(
    seen: list[Happening], missed: list[Happening]
) -> None:
    found, done = judged(seen, missed, timedelta(milliseconds=20))
    assert found == done


@given(acts, acts)
@settings(deadline=None)
def test_what_others_did_since_the_issue_was_read_is_theirs_however_fast_they_were(
    seen: list[Happening], missed: list[Happening]
) -> None:
    """Several changes within the moment after which GitLab notes the first."""
    found, done = judged(seen, missed, timedelta(milliseconds=1))
    assert found.labels >= done.labels
    assert found.state >= done.state
    if done.assignment:
        assert found.assignment == done.assignment


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
