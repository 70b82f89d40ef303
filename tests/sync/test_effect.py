"""What a decision changes in its issue."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from slackbot.platforms.gitlab.client import IssueChange
from slackbot.platforms.gitlab.snapshot import GitLabUser, IssueSnapshot
from slackbot.rules.decision import (
    Action,
    AddNote,
    Channel,
    ChooseLabel,
    Claim,
    ClearLabel,
    Close,
    Closing,
    Explain,
    MarkContacted,
    Miss,
    Release,
    Reopen,
    Review,
    TakeOver,
    UndoContacted,
    WaitFor,
)
from slackbot.rules.request import IssueKey, Person, Rules
from slackbot.rules.timing.deadline import ALWAYS
from slackbot.sync.writing.effect import NOTHING, assignees_after, change_of, replaced_label, undone

MONDAY = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
SOFT, DOCS, NEW = "feedback::soft-skills", "feedback::docs-not-helpful", "feedback::new"
CONTACT, CONTACTED = "SSAT::Contact", "SSAT::Contacted"
AVERY = GitLabUser(id=1, username="avery", name="Avery Example")
BLAKE = GitLabUser(id=2, username="blake", name="Blake Sample")
DANA = GitLabUser(id=3, username="dana", name="Dana Duty")
RULES = Rules(
    contact_label=CONTACT,
    contacted_label=CONTACTED,
    scope="feedback",
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)


def issue(*assignees: GitLabUser, label: str | None = None) -> IssueSnapshot:
    return IssueSnapshot(
        key=IssueKey(7, 12),
        url="https://gitlab.example/-/issues/12",
        title="Negative feedback for ticket 412345",
        description=None,
        is_open=True,
        labels=frozenset({CONTACT, *([label] if label else [])}),
        assignees=assignees,
        author="support-automation",
        created_at=MONDAY,
        updated_at=MONDAY,
        closed_by=None,
    )


def change(action: Action, seen: IssueSnapshot, account: GitLabUser | None = AVERY) -> IssueChange:
    return change_of(
        action, seen, account, colleague="blake", known_labels=(SOFT, DOCS), rules=RULES
    )


TAKE_OVER = TakeOver(holder=Person(name="Blake Sample", gitlab="blake"))


@pytest.mark.parametrize(
    ("action", "assigned", "account", "becomes"),
    [
        (Claim(), [], AVERY, (1,)),
        (Claim(), [DANA], AVERY, (1,)),  # who was only suggested
        (Claim(), [DANA], None, None),  # whom GitLab does not know cannot be assigned
        (TAKE_OVER, [BLAKE], AVERY, (1,)),
        (TAKE_OVER, [BLAKE, DANA], None, (3,)),  # the colleague is taken off all the same
        (Release(), [AVERY, DANA], AVERY, (3,)),
        (Release(), [AVERY], AVERY, ()),
        (Release(), [DANA], AVERY, None),  # was never assigned there
    ],
)
def test_who_is_assigned(
    action: Action,
    assigned: list[GitLabUser],
    account: GitLabUser | None,
    becomes: tuple[int, ...] | None,
) -> None:
    assert change(action, issue(*assigned), account) == IssueChange(assignee_ids=becomes)


def test_a_label_takes_the_place_of_all_others_of_its_scope() -> None:
    chosen = change(ChooseLabel(label=SOFT), issue(label=NEW))
    assert chosen.add_labels == {SOFT}
    assert chosen.remove_labels == {DOCS, NEW}  # one that came this second, too


@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize(
    ("label", "before", "added", "removed"),
    [
        (None, None, {CONTACTED}, set()),
        (SOFT, None, {CONTACTED, SOFT}, {DOCS}),
        (SOFT, DOCS, {CONTACTED}, set()),  # what somebody chose meanwhile stays
    ],
)
def test_a_contact_is_labeled_and_closes_the_issue_if_wanted(
    label: str | None, before: str | None, added: set[str], removed: set[str], close: bool
) -> None:
    contact = MarkContacted(channel=Channel.CALL, text=None, at=MONDAY, label=label, close=close)
    assert change(contact, issue(label=before)) == IssueChange(
        add_labels=frozenset(added), remove_labels=frozenset(removed), close=close
    )


REVIEW = Review(summary="Slow.", to_do=None, contact=False)


@pytest.mark.parametrize(
    ("action", "is_open", "becomes"),
    [
        (ClearLabel(label=SOFT), True, IssueChange(remove_labels=frozenset({SOFT}))),
        (
            UndoContacted(text="Wrong ticket."),
            False,
            IssueChange(remove_labels=frozenset({CONTACTED}), reopen=True),
        ),
        (UndoContacted(text="x"), True, IssueChange(remove_labels=frozenset({CONTACTED}))),
        (
            UndoContacted(text="x", reopen=False),
            False,
            IssueChange(remove_labels=frozenset({CONTACTED})),
        ),
        (Close(reason=Closing.READ), True, IssueChange(close=True)),
        (Reopen(), False, IssueChange(reopen=True)),
        # A note is all there is to these.
        (REVIEW, True, NOTHING),
        (AddNote(text="They replied."), True, NOTHING),
        (WaitFor(text="The fix", until=date(2026, 2, 9)), True, NOTHING),
        (Explain(reason=Miss.NOT_SEEN), True, NOTHING),
    ],
)
def test_what_follows_a_review_changes_no_more_than_it_says(
    action: Action, is_open: bool, becomes: IssueChange
) -> None:
    assert change(action, replace(issue(label=SOFT), is_open=is_open)) == becomes


def test_the_label_of_a_review_takes_the_place_of_all_others_of_its_scope() -> None:
    chosen = change(replace(REVIEW, label=SOFT), issue(label=NEW))
    assert chosen == change(ChooseLabel(label=SOFT), issue(label=NEW))
    assert chosen.remove_labels == {DOCS, NEW}


@pytest.mark.parametrize(
    ("wanted", "made"),
    [
        (IssueChange(), True),
        (IssueChange(add_labels=frozenset({SOFT}), remove_labels=frozenset({DOCS})), True),
        (IssueChange(add_labels=frozenset({SOFT, CONTACTED})), False),
        (IssueChange(remove_labels=frozenset({SOFT})), False),
        (IssueChange(assignee_ids=(3, 1)), True),
        (IssueChange(assignee_ids=(1,)), False),
        (IssueChange(assignee_ids=()), False),
        (IssueChange(close=True), False),
        (IssueChange(reopen=True), True),
    ],
)
def test_what_an_issue_shows_already_is_made(wanted: IssueChange, made: bool) -> None:
    assert (undone(wanted, issue(AVERY, DANA, label=SOFT)) == NOTHING) is made


def test_a_closed_issue_needs_no_closing() -> None:
    closed = replace(issue(), is_open=False)
    assert undone(IssueChange(close=True), closed) == NOTHING
    assert undone(IssueChange(reopen=True), closed) == IssueChange(reopen=True)


def test_the_label_is_named_that_another_replaces() -> None:
    assert replaced_label(ChooseLabel(label=SOFT), issue(label=DOCS), "feedback") == DOCS
    assert replaced_label(ChooseLabel(label=SOFT), issue(label=SOFT), "feedback") is None
    assert replaced_label(replace(REVIEW, label=SOFT), issue(label=DOCS), "feedback") == DOCS
    for action in (Claim(), REVIEW, ClearLabel(label=DOCS)):
        assert replaced_label(action, issue(label=DOCS), "feedback") is None


def test_whom_a_change_assigns_is_named() -> None:
    assert assignees_after(IssueChange(assignee_ids=(1, 3)), issue(DANA), AVERY) == (
        "avery",
        "dana",
    )
    assert assignees_after(IssueChange(assignee_ids=()), issue(DANA), None) == ()
