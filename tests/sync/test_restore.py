"""Who has a request and who contacted the customer, from nothing but what stands in GitLab."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slackbot.platforms.gitlab.snapshot import GitLabUser, IssueSnapshot, LabelEvent, Note
from slackbot.rules.decision import (
    Action,
    AddNote,
    Channel,
    ChooseLabel,
    Claim,
    ClearLabel,
    Close,
    Closing,
    Decision,
    Explain,
    MarkContacted,
    Miss,
    Release,
    Reopen,
    Review,
    TakeOver,
    UndoContacted,
    WaitFor,
    apply,
    decide,
)
from slackbot.rules.request import IssueKey, Person, Request, Rules, State
from slackbot.rules.timing.deadline import ALWAYS
from slackbot.sync.reading.observe import Observation, first_sight, observe, past_of
from slackbot.sync.reading.restore import Past, recall, was_suggested
from slackbot.sync.writing.notes import note_of, withdrawal_of
from tests.sync.history import (
    BOT,
    CONTACT,
    CONTACTED,
    FRIDAY,
    SOFT_SKILLS,
    WHAT_HAPPENS,
    History,
)

RULES = Rules(
    contact_label=CONTACT,
    contacted_label=CONTACTED,
    scope="feedback",
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)
KEY = IssueKey(7, 12)

AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U2", gitlab="blake")
CASEY = Person(name="Casey Nolink", slack_team="T1", slack_user="U3")
IN_GITLAB = {
    name: GitLabUser(id=number, username=name, name=name.title())
    for number, name in enumerate(["avery", "blake", "dana", "support-automation"], 11)
}
BLAKE_IN_GITLAB = IN_GITLAB["blake"].person
DANA = IN_GITLAB["dana"].person


def at(minutes: float) -> datetime:
    return FRIDAY + timedelta(minutes=minutes)


def ours(minutes: float, action: Action, who: Person, *, author: str = BOT) -> Note:
    """The bot's note of a decision, which was made a minute before."""
    decision = Decision(id=uuid4(), key=KEY, by=who, at=at(minutes - 1), action=action)
    return Note(body=note_of(decision), author=author, by=None, is_system=False, at=at(minutes))


def system(minutes: float, body: str, author: str) -> Note:
    """GitLab's own note of what somebody did."""
    by = IN_GITLAB[author].person if author in IN_GITLAB else None
    return Note(body=body, author=author, by=by, is_system=True, at=at(minutes))


def said(minutes: float, body: str, author: str) -> Note:
    return replace(system(minutes, body, author), is_system=False)


def label(minutes: float, by: str | None, *, on: bool = True, name: str = CONTACTED) -> LabelEvent:
    who = IN_GITLAB[by].person if by in IN_GITLAB else Person(name=BOT, gitlab=BOT)
    return LabelEvent(label=name, is_added=on, at=at(minutes), by=who if by else None)


def contact(minutes: float) -> MarkContacted:
    return MarkContacted(channel=Channel.CALL, text=None, at=at(minutes))


def issue(assignees: Iterable[str] = (), **changes: Any) -> IssueSnapshot:
    born = IssueSnapshot(
        key=KEY,
        url="https://gitlab.example/-/issues/12",
        title="Negative feedback for ticket 412345",
        description=None,
        is_open=True,
        labels=frozenset({CONTACT}),
        assignees=tuple(IN_GITLAB[name] for name in assignees),
        author="support-automation",
        created_at=FRIDAY,
        updated_at=at(600),
        closed_by=None,
    )
    return replace(born, **changes)


def past(
    notes: Sequence[Note], events: Sequence[LabelEvent] = (), assignees: Iterable[str] = ()
) -> Past:
    """What the history says; the notes come newest first, as GitLab is asked for them."""
    return recall(
        issue(assignees),
        list(reversed(notes)),
        events,
        own_username=BOT,
        contacted_label=CONTACTED,
    )


# --- Who has it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notes", "assignees", "holder", "since"),
    [
        # Nothing has happened, or nothing that says who has it.
        ([], [], None, None),
        ([said(5, "assigned to @avery", "dana")], [], None, None),
        ([ours(5, ChooseLabel(label=SOFT_SKILLS), AVERY)], [], None, None),
        # A claim counts from the click, whenever it reached GitLab.
        ([ours(5, Claim(), AVERY)], ["avery"], AVERY, at(4)),
        # Also of somebody without an account in GitLab.
        ([ours(5, Claim(), CASEY)], [], CASEY, at(4)),
        # The bot's own assignment says nothing new.
        (
            [ours(5, Claim(), AVERY), system(5, "assigned to @avery", BOT)],
            ["avery"],
            AVERY,
            at(4),
        ),
        # Nor does it without the note, which is left out while the choice is still on its way.
        ([system(5, "assigned to @avery", BOT)], ["avery"], None, None),
        # Released, and claimed again.
        ([ours(5, Claim(), AVERY), ours(9, Release(), AVERY)], [], None, None),
        (
            [ours(5, Claim(), AVERY), ours(9, Release(), AVERY), ours(12, Claim(), CASEY)],
            [],
            CASEY,
            at(11),
        ),
        # Taken over, with nobody to be put in the colleague's place.
        (
            [
                ours(5, Claim(), AVERY),
                ours(9, TakeOver(holder=AVERY), CASEY),
                system(9, "unassigned @avery", BOT),
            ],
            [],
            CASEY,
            at(8),
        ),
        # Given to somebody in GitLab, before or after a claim.
        ([system(5, "assigned to @blake", "dana")], ["blake"], BLAKE_IN_GITLAB, at(5)),
        (
            [
                ours(5, Claim(), AVERY),
                system(9, "assigned to @blake and unassigned @avery", "dana"),
            ],
            ["blake"],
            BLAKE_IN_GITLAB,
            at(9),
        ),
        (
            [system(5, "assigned to @blake", "dana"), ours(9, TakeOver(holder=BLAKE), AVERY)],
            ["avery"],
            AVERY,
            at(8),
        ),
        # Who has it already keeps it, with what is known of them; it counts from then on.
        (
            [ours(5, Claim(), AVERY), system(9, "assigned to @avery, @dana", "dana")],
            ["avery", "dana"],
            AVERY,
            at(9),
        ),
        # Taken off in GitLab: the holder, or somebody else.
        ([ours(5, Claim(), AVERY), system(9, "unassigned @avery", "dana")], [], None, None),
        (
            [ours(5, Claim(), AVERY), system(9, "unassigned @blake", "dana")],
            ["avery"],
            AVERY,
            at(4),
        ),
        # An account that was deleted while it had the issue left no note of that.
        ([system(5, "assigned to @blake", "dana")], [], None, None),
        # What the issue was born with, or was given a moment later, is a suggestion …
        ([], ["dana"], None, None),
        ([system(0.5, "assigned to @dana", "support-automation")], ["dana"], None, None),
        # … but not what somebody else did then, or the same later on.
        ([system(0.5, "assigned to @dana", "blake")], ["dana"], DANA, at(0.5)),
        ([system(5, "assigned to @dana", "support-automation")], ["dana"], DANA, at(5)),
        # Whoever writes a marker, it counts from the bot only.
        ([ours(5, Claim(), AVERY, author="dana")], [], None, None),
        ([replace(ours(5, Claim(), AVERY), is_system=True)], [], None, None),
    ],
)
def test_who_has_it(
    notes: Sequence[Note],
    assignees: Sequence[str],
    holder: Person | None,
    since: datetime | None,
) -> None:
    found = past(notes, assignees=assignees)
    assert replace(found, claimed_at=None) == Past(holder=holder, held_since=since)


def test_a_username_that_reads_like_gitlabs_own_words_is_a_username() -> None:
    user = GitLabUser(id=99, username="unassigned", name="Ursula N.")
    given = system(5, "assigned to @unassigned and unassigned @dana", "dana")
    there = replace(issue(), assignees=(user,))
    found = recall(there, [given], [], own_username=BOT, contacted_label=CONTACTED)
    assert found.holder == user.person


def test_who_the_bot_is_matters_where_it_has_no_name() -> None:
    notes = [ours(5, Claim(), AVERY, author="")]
    found = recall(issue(), notes, [], own_username=None, contacted_label=CONTACTED)
    assert found == Past()


def refused(minutes: float, action: Action, who: Person) -> list[Note]:
    """The bot's note of a decision that GitLab refused then, and how it was withdrawn."""
    decision = Decision(id=uuid4(), key=KEY, by=who, at=at(minutes), action=action)
    made = Note(body=note_of(decision), author=BOT, by=None, is_system=False, at=at(minutes))
    return [made, replace(made, body=withdrawal_of(decision), at=at(minutes + 1))]


def test_what_gitlab_refused_after_the_note_has_not_happened() -> None:
    assert past(refused(5, Claim(), AVERY)) == Past()
    held = [ours(5, Claim(), AVERY)]
    for action in (Release(), TakeOver(holder=AVERY)):
        assert past([*held, *refused(9, action, CASEY)]) == past(held)
    first, withdrawal = refused(5, Claim(), AVERY)
    anew = replace(first, at=at(20))
    assert past([first, withdrawal, anew]) == Past(holder=AVERY, held_since=at(5), claimed_at=at(5))


def test_who_is_assigned_after_a_refused_claim_is_suggested() -> None:
    assigned = system(9, "assigned to @dana", BOT)
    assert was_suggested([assigned, *reversed(refused(5, Claim(), AVERY))], BOT)
    assert not was_suggested([assigned, ours(5, Claim(), AVERY)], BOT)


# --- Who contacted the customer ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("notes", "events", "by", "when"),
    [
        # Marked in Slack: it counts from when it happened, which the person has said.
        ([ours(60, contact(30), AVERY)], [label(60, BOT)], AVERY, at(30)),
        # The label put on in GitLab.
        ([], [label(60, "blake")], BLAKE_IN_GITLAB, at(60)),
        ([], [label(60, None)], None, at(60)),
        # Other labels say nothing.
        ([], [label(60, "blake", name=SOFT_SKILLS)], None, None),
        # Taken back, and contacted again by somebody else.
        (
            [ours(60, contact(30), AVERY)],
            [label(60, BOT), label(70, "dana", on=False)],
            None,
            None,
        ),
        (
            [ours(60, contact(30), AVERY)],
            [label(60, BOT), label(70, "dana", on=False), label(80, "blake")],
            BLAKE_IN_GITLAB,
            at(80),
        ),
        # Marked in Slack although somebody had put the label on: the later word counts.
        ([ours(60, contact(30), AVERY)], [label(50, "blake")], AVERY, at(30)),
        # Somebody puts the label on between the bot's note and its change: both know of one.
        ([ours(60, contact(30), AVERY)], [label(60.5, "blake")], AVERY, at(30)),
        # The customer asked again, and was contacted again.
        (
            [ours(60, contact(30), AVERY), ours(300, contact(299), CASEY)],
            [label(60, BOT)],
            CASEY,
            at(299),
        ),
        # The note was deleted in GitLab: the label is there, and the bot put it on.
        ([], [label(60, BOT)], Person(name=BOT, gitlab=BOT), at(60)),
        # Somebody else's note with the bot's marker.
        (
            [ours(60, contact(30), AVERY, author="dana")],
            [label(60, "dana")],
            DANA,
            at(60),
        ),
    ],
)
def test_who_contacted_the_customer(
    notes: Sequence[Note],
    events: Sequence[LabelEvent],
    by: Person | None,
    when: datetime | None,
) -> None:
    how = Channel.CALL if by in (AVERY, CASEY) else None  # known of the bot's own notes only
    assert past(notes, events) == Past(contacted_at=when, contacted_by=by, contacted_how=how)


def test_a_contact_whose_label_is_not_there_is_no_contact() -> None:
    seen = Observation(
        issue=issue(), notes=[ours(60, contact(30), AVERY)], own_username=BOT, at=at(600)
    )
    assert first_sight(seen, RULES).state is State.WAITING
    assert past_of(seen, RULES).contacted_by == AVERY  # whoever restores is told of it


# --- What is over, or withdrawn ----------------------------------------------------------------


def test_a_closed_issue_that_was_a_request_can_be_restored() -> None:
    seen = Observation(issue=issue(is_open=False, closed_by=BLAKE_IN_GITLAB), at=at(600))
    assert observe(None, seen, RULES) == (None, ())
    request = first_sight(seen, RULES)
    assert (request.state, request.closed_by) == (State.CLOSED, "Blake")


@pytest.mark.parametrize(
    ("events", "asked"),
    [
        # Born with the label, or given it later.
        ([label(0, "dana", name=CONTACT)], at(0)),
        ([label(90, "dana", name=CONTACT)], at(90)),
        # Asked for twice: what was promised last.
        (
            [
                label(0, "dana", name=CONTACT),
                label(30, "dana", on=False, name=CONTACT),
                label(90, "dana", name=CONTACT),
            ],
            at(90),
        ),
    ],
)
def test_a_withdrawn_request_keeps_the_deadline_that_it_had(
    events: list[LabelEvent], asked: datetime
) -> None:
    events = [*events, label(200, "dana", on=False, name=CONTACT)]
    seen = Observation(issue=issue(labels=frozenset()), label_events=events, at=at(600))
    request = first_sight(seen, RULES)
    assert (request.state, request.asked_at) == (State.WITHDRAWN, asked)


# --- Whatever people decide --------------------------------------------------------------------

_actions = st.sampled_from(
    [
        *("claim", "take over", "release", "contact", "label", "clear", "undo"),
        *("review", "close", "reopen", "note", "wait", "explain"),
    ]
)
_people = st.sampled_from([AVERY, BLAKE, CASEY])


def _action(what: str, request: Request, now: datetime) -> Action | None:
    match what:
        case "claim":
            return Claim()
        case "take over" if request.holder:
            return TakeOver(holder=request.holder)
        case "release":
            return Release()
        case "contact":
            return MarkContacted(channel=Channel.CALL, text=None, at=now, close=False)
        case "label":
            return ChooseLabel(label=SOFT_SKILLS, replaces=request.label_of("feedback"))
        case "clear":
            return ClearLabel(label=request.label_of("feedback") or SOFT_SKILLS)
        case "undo":
            return UndoContacted(text="Wrong ticket.")
        case _:
            return _course(what, request, now)


def _course(what: str, request: Request, now: datetime) -> Action | None:
    match what:
        case "review":
            # In turn: a later review replaces an earlier one.
            contact = not request.plans_contact
            return Review(summary="Slow.", to_do=None, contact=contact, label=SOFT_SKILLS)
        case "close":
            return Close(reason=Closing.UNREACHABLE, leaves_waiting=True)
        case "reopen":
            return Reopen()
        case "note":
            return AddNote(text="They replied.")
        case "wait":
            return WaitFor(text="<!-- the fix --> @avery", until=now.date())
        case "explain":
            return Explain(reason=Miss.NO_HANDOVER)
    return None


def _decision(what: str, who: Person, request: Request, now: datetime) -> Decision | None:
    """What the rules allow of what a person wants."""
    action = _action(what, request, now)
    labels = [SOFT_SKILLS]
    if action is None or decide(request, action, who, now, labels=labels, scope="feedback"):
        return None
    return Decision(id=uuid4(), key=request.key, by=who, at=now, action=action)


@given(st.lists(st.tuples(_actions, _people), max_size=12))
@example([("wait", AVERY), ("close", AVERY), ("reopen", AVERY)])
def test_the_bots_notes_alone_say_where_its_decisions_led(
    wanted: list[tuple[str, Person]],
) -> None:
    record = first_sight(Observation(issue=issue(), at=FRIDAY), RULES)
    notes: list[Note] = []
    for minutes, (what, who) in enumerate(wanted, 1):
        decision = _decision(what, who, record, at(minutes))
        if decision is None:
            continue
        record = apply(record, decision, RULES)
        notes.append(ours(minutes + 1, decision.action, who))
    seen = Observation(
        issue=issue(labels=record.labels, is_open=record.is_open),
        notes=notes[::-1],
        own_username=BOT,
        at=at(600),
    )
    restored = first_sight(seen, RULES)
    assert restored.state is record.state
    assert (restored.holder, restored.held_since) == (record.holder, record.held_since)
    assert (restored.reviewed_at, restored.reviewed_by) == (record.reviewed_at, record.reviewed_by)
    assert (restored.waits_on, restored.plans_contact) == (record.waits_on, record.plans_contact)
    assert restored.missed_because == record.missed_because
    assert restored.claimed_at == record.claimed_at
    assert restored.closed_because == record.closed_because
    assert (restored.contacted_at, restored.contacted_by) == (
        record.contacted_at,
        record.contacted_by,
    )
    assert restored.contacted_how == record.contacted_how


_in_slack = st.tuples(_actions, _people)
# Not the titles: what was promised when one was changed, only the record could have known.
_in_gitlab = st.tuples(
    st.sampled_from([each for each in WHAT_HAPPENS if not each.startswith("retitle")]),
    st.integers(0, 2),
)


@given(st.lists(st.tuples(_in_slack | _in_gitlab, st.integers(1, 40)), max_size=15))
@example([(("close", AVERY), 1), (("reopen", 0), 1), (("close", 0), 1)])
def test_a_lost_record_is_restored_as_it_was(
    happened: list[tuple[tuple[str, Any], int]],
) -> None:
    history = History()
    record = _looked_at(None, history)
    for (what, who), hours in happened:
        if isinstance(who, int):
            history.happen(what, who, hours)
        else:
            history.clock.now += timedelta(hours=hours)
            record = _decided(what, who, record, history)
        record = _looked_at(record, history)
    # When it was triaged, only who watched it can say.
    assert first_sight(history.seen(), RULES) == replace(record, triaged_at=None)


def _looked_at(known: Request | None, history: History) -> Request:
    request, _ = observe(known, history.seen(), RULES)
    assert request is not None
    return request


def _decided(what: str, who: Person, record: Request, history: History) -> Request:
    """Deliver what a person wants, if the rules allow it, and note that GitLab has it."""
    decision = _decision(what, who, record, history.clock.now)
    if decision is None:
        return record
    history.delivered(decision)
    after = apply(record, decision, RULES)
    return replace(after, assignees=history.seen().issue.usernames)
