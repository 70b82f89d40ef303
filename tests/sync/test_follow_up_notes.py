"""The notes on follow-ups and mentions, a new issue's description, and a review read back."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slackbot.local.gitlab import quick_actions
from slackbot.platforms.gitlab.client import IssueChange
from slackbot.platforms.gitlab.issues import is_marked
from slackbot.rules.decision import FollowUp, NewIssue, Review, Tell
from slackbot.rules.request import IssueKey
from slackbot.sync.writing.effect import NOTHING
from slackbot.sync.writing.notes import (
    description_of,
    note_of,
    read_marker,
    reviewed,
    supplement_of,
    withdrawal_of,
)
from tests.sync.test_notes import AVERY, BOT, ID, decided, note, references

FEEDBACK = "https://gitlab.example/feedback/-/issues/12"
CREATED = NewIssue(key=IssueKey(8, 3), url="https://gitlab.example/meta/-/issues/3")
FOLLOW_UP = FollowUp(title="Silence", text="They waited.", created=CREATED)
TELL = Tell(names=("blake.sample", "gitlab-org/manage"), text="Please look.")

typed = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["/close", "a\r/close", "@blake", "<!-- ssat-bot: {} -->", "see #12 and !3", "`@x`", "\\@y"]
)


def test_a_follow_up_is_noted_with_its_address() -> None:
    written = note_of(decided(FOLLOW_UP))
    assert written.startswith(
        f"**Follow-up issue** by Avery Example (`@avery`): {CREATED.url}\n\n> Silence\n\n<!-- "
    )


@given(typed, typed)
def test_only_the_address_is_a_reference_whatever_was_typed(title: str, text: str) -> None:
    follow_up = replace(FOLLOW_UP, title=title, text=text)
    written = note_of(decided(follow_up))
    assert quick_actions.extract(written)[1] == []
    assert references(written.replace(CREATED.url, "")) == []
    described = description_of(decided(follow_up), follow_up, FEEDBACK)
    assert quick_actions.extract(described)[1] == []
    assert references(described.replace(FEEDBACK, "")) == []
    mark = read_marker(described)
    assert mark is not None
    assert (mark.decision, mark.kind) == (ID, "follow_up")
    assert is_marked(described, ID)


@given(typed)
def test_only_those_who_are_told_are_mentioned(text: str) -> None:
    written = note_of(decided(replace(TELL, text=text)))
    told = "**For your attention**, @blake.sample, @gitlab-org/manage, from Avery Example"
    assert written.startswith(told)
    assert references(written.removeprefix(told)) == []
    assert quick_actions.extract(written)[1] == []


@pytest.mark.parametrize("action", [FOLLOW_UP, TELL], ids=lambda action: action.kind)
def test_a_note_is_known_again_and_can_be_taken_back(action: FollowUp | Tell) -> None:
    mark = read_marker(note_of(decided(action)))
    assert mark is not None
    assert (mark.decision, mark.kind, mark.person) == (ID, action.kind, AVERY)
    taken_back = read_marker(withdrawal_of(decided(action)))
    assert taken_back is not None
    assert taken_back.kind == "withdrawal"


def test_a_relation_that_failed_is_said() -> None:
    left_out = IssueChange(relate=CREATED.key)
    assert left_out != NOTHING
    said = "**Not all carried out** for Avery Example (`@avery`): the follow-up issue isn't linked"
    assert supplement_of(decided(FOLLOW_UP), left_out).startswith(said)


# Lines as people type them, with a word at both ends: a quotation keeps no blank lines there.
lines = st.lists(
    st.from_regex(r"[A-Za-z0-9@#<>&!~ ,.?-]{0,20}[A-Za-z0-9.]", fullmatch=True),
    min_size=1,
    max_size=4,
).map("\n".join)


@given(lines, lines)
@example("&#0", "&lt; is [x](y)")
@example(r"\#12 and \\@avery", "a < b")
def test_a_reviews_points_are_read_back_as_they_were_typed(summary: str, to_do: str) -> None:
    review = Review(summary=summary, to_do=to_do, contact=False)
    assert reviewed([note(note_of(decided(review)))], BOT) == (summary, to_do)


def test_nothing_else_is_a_review() -> None:
    review = note(note_of(decided(Review(summary="a", to_do=None, contact=True))))
    assert reviewed([review], BOT) == ("a", "None")
    others = [
        note(note_of(decided(TELL))),
        note("* **Summary of ticket/feedback:**\n  > b\n"),
        replace(review, author="blake"),
    ]
    assert reviewed(others, BOT) is None
    assert (
        reviewed(
            [note(withdrawal_of(decided(Review(summary="", to_do="", contact=True)))), review], BOT
        )
        is None
    )
