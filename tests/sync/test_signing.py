"""Which notes count that stand under people's names: only what the bot wrote there itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.platforms.gitlab.snapshot import Note
from slackbot.rules.decision import Action, AddNote, Claim, Decision, Release, TakeOver
from slackbot.rules.request import IssueKey, Person
from slackbot.sync.signing import Signatures
from slackbot.sync.writing.assignment import latest_assignment
from slackbot.sync.writing.notes import OwnName, decisions_marked, note_of, own_marks, read_marker

KEY, OTHER = IssueKey(7, 1), IssueKey(7, 2)
AVERY, BLAKE, BOT = 11, 12, "ssat-bot"
FRIDAY = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
NEW, OLD, FOREIGN = "n" * 43 + "=", "o" * 43 + "=", "f" * 43 + "="
SIGNATURES = Signatures([NEW, OLD])
CLAIM = Claim()
PERSON = Person(name="Avery Example", slack_team="T1", slack_user="U0AVERY", gitlab="avery")


def body(action: Action = CLAIM, key: IssueKey = KEY, account: int = AVERY, **more: Person) -> str:
    decision = Decision(
        id=UUID(int=1), key=key, by=more.get("by", PERSON), at=FRIDAY, action=action
    )
    own_name = OwnName(sign=SIGNATURES.signer(key, account), at=FRIDAY)
    return note_of(decision, own_name=own_name)


def note(text: str, account: int = AVERY, *, at: int = 0, is_system: bool = False) -> Note:
    name = {AVERY: "avery", BLAKE: "blake"}.get(account, BOT)
    person = Person(name=name, gitlab=name)
    moment = FRIDAY + timedelta(minutes=at)
    return Note(
        body=text, author=name, by=person, is_system=is_system, at=moment, id=at, author_id=account
    )


def recognized(*oldest_first: Note, key: IssueKey = KEY, by: Signatures = SIGNATURES) -> list[Note]:
    return by.recognize(key, [*reversed(oldest_first)], BOT)


def marked(*oldest_first: Note, key: IssueKey = KEY, by: Signatures = SIGNATURES) -> set[UUID]:
    return {*decisions_marked(recognized(*oldest_first, key=key, by=by), BOT)}


def test_what_the_bot_wrote_under_a_name_counts_as_its_own() -> None:
    assert marked(note(body())) == {UUID(int=1)}
    assert decisions_marked([note(body())], BOT) == frozenset(), "unless nobody has looked"


def test_a_former_key_still_recognizes_its_notes_and_a_foreign_one_none() -> None:
    written = note(body())
    assert marked(written, by=Signatures([FOREIGN, NEW])) == {UUID(int=1)}
    assert marked(written, by=Signatures([FOREIGN, OLD])) == set()


@pytest.mark.parametrize(
    "step", [([OLD], [OLD, NEW]), ([OLD, NEW], [NEW, OLD]), ([NEW, OLD], [NEW])]
)
def test_in_each_step_of_a_rotation_replicas_recognize_each_others_notes(
    step: tuple[list[str], list[str]],
) -> None:
    """The last one comes once no open issue has a note by the old key."""
    decision = Decision(id=UUID(int=1), key=KEY, by=PERSON, at=FRIDAY, action=CLAIM)
    for writer, reader in (step, step[::-1]):
        sign = Signatures(writer).signer(KEY, AVERY)
        written = note(note_of(decision, own_name=OwnName(sign=sign, at=FRIDAY)))
        assert marked(written, by=Signatures(reader)) == {UUID(int=1)}


def test_a_marker_without_a_signature_counts_for_nobody_but_the_bot() -> None:
    plain = note_of(Decision(id=UUID(int=1), key=KEY, by=PERSON, at=FRIDAY, action=Claim()))
    assert marked(note(plain)) == set()
    assert marked(note(plain, account=1)) == {UUID(int=1)}


def test_a_marker_counts_only_on_its_issue_and_from_its_author() -> None:
    assert marked(note(body()), key=OTHER) == set()
    assert marked(note(body(), account=BLAKE)) == set()


def test_of_copies_the_first_one_counts() -> None:
    first, copy = note(body(), at=1), note(body(), at=2)
    known = recognized(first, copy)
    assert [each.is_signed for each in known] == [False, True], "newest first"


def test_what_gitlab_itself_says_is_never_signed() -> None:
    assert marked(note(body(), is_system=True)) == set()


PEOPLE = st.builds(
    Person,
    name=st.text(min_size=1).filter(str.isprintable),
    slack_team=st.just("T1"),
    slack_user=st.just("U0AVERY"),
    gitlab=st.one_of(st.none(), st.text(st.characters(codec="ascii"), min_size=1)),
)


@given(who=PEOPLE, account=st.integers(1, 2**40), text=st.text())
def test_whoever_it_is_their_note_is_recognized_and_nobody_elses(
    who: Person, account: int, text: str
) -> None:
    written = replace(note(body(AddNote(text=text), account=account, by=who)), author_id=account)
    assert marked(written) == {UUID(int=1)}
    assert marked(replace(written, author_id=account + 1)) == set()


@given(st.data())
def test_whatever_is_changed_in_a_marker_it_counts_no_longer_or_says_the_same(
    data: st.DataObject,
) -> None:
    whole = body()
    start = whole.index("<!-- ssat-bot:")
    place = data.draw(st.integers(start, len(whole) - 1))
    character = data.draw(st.characters(codec="ascii"))
    forged = note(whole[:place] + character + whole[place + 1 :])
    marks = [mark for _, mark in own_marks(recognized(forged), BOT)]
    assert marks in ([], [read_marker(whole)])


ASSIGNED = note("assigned to @avery", at=2, is_system=True)


@pytest.mark.parametrize("action", [Claim(), TakeOver(holder=Person(name="Blake"))])
def test_the_assignment_that_follows_a_claim_is_the_bots_own(action: Action) -> None:
    claimed = note(body(action), at=1)
    found = latest_assignment(recognized(claimed, ASSIGNED))
    assert found
    assert found.author == BOT


def test_the_assignment_that_follows_a_release_is_the_bots_own() -> None:
    taken_off = note("unassigned @avery", at=2, is_system=True)
    found = latest_assignment(recognized(note(body(Release()), at=1), taken_off))
    assert found
    assert found.author == BOT


BY_HAND = [
    pytest.param([ASSIGNED], id="nothing was claimed"),
    pytest.param([note(body(Release()), at=1), ASSIGNED], id="it was released"),
    pytest.param([note(body(AddNote(text="x")), at=1), ASSIGNED], id="it was something else"),
    pytest.param([note(body(account=BLAKE), BLAKE, at=1), ASSIGNED], id="another has claimed"),
    pytest.param([note(body(), at=3), ASSIGNED], id="it was before the claim"),
    pytest.param(
        [note(body(), at=1), note("assigned to @avery", 1, at=2, is_system=True), ASSIGNED],
        id="the bot has carried it out",
    ),
    pytest.param(
        [
            note(body(), at=1),
            ASSIGNED,
            note("assigned to @blake and unassigned @avery", BLAKE, at=3, is_system=True),
            replace(ASSIGNED, at=FRIDAY + timedelta(hours=1)),
        ],
        id="it was taken over meanwhile",
    ),
    pytest.param(
        [note(body(), at=1), note("unassigned @avery", at=2, is_system=True)], id="the contrary"
    ),
]


@pytest.mark.parametrize("notes", BY_HAND)
def test_an_assignment_by_hand_stays_the_persons(notes: list[Note]) -> None:
    found = latest_assignment(recognized(*sorted(notes, key=lambda each: each.at)))
    assert found
    assert found.author == "avery"
