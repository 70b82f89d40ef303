"""What follows from an issue as GitLab has it: the request, and the steps that were made there."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from slackbot.platforms.errors import Platform, Unreachable
from slackbot.platforms.gitlab.snapshot import (
    GitLabUser,
    IssueSnapshot,
    LabelEvent,
    Note,
)
from slackbot.rules.decision import Closing, StepKind
from slackbot.rules.reading.exempt import EXEMPT
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.request import IssueKey, Person, Request, Rules, State, Triage
from slackbot.rules.timing.deadline import ALWAYS
from slackbot.sync.reading.observe import (
    COMMENT_LIMIT,
    Observation,
    asked_at,
    gone,
    is_plain_feedback,
    listed,
    looks_changed,
    may_matter,
    observe,
)
from tests.sync.history import (
    CONTACT,
    CONTACTED,
    FRIDAY,
    KNOWN_ISSUE,
    SOFT_SKILLS,
    History,
    happenings,
)

RULES = Rules(
    contact_label=CONTACT,
    contacted_label=CONTACTED,
    scope="feedback",
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)

SATURDAY = datetime(2026, 1, 31, 11, 0, tzinfo=UTC)
SUNDAY = datetime(2026, 2, 1, 9, 0, tzinfo=UTC)
MONDAY = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
TUESDAY_15 = datetime(2026, 2, 3, 15, 0, tzinfo=UTC)
WEDNESDAY_0 = datetime(2026, 2, 4, 0, 0, tzinfo=UTC)

MOMENT = timedelta(milliseconds=20)

AVERY = GitLabUser(id=11, username="avery", name="Avery Example")
BLAKE = GitLabUser(id=12, username="blake", name="Blake Sample")
DANA = GitLabUser(id=13, username="dana", name="Dana Duty")
AUTOMATION = Person(name="Support Automation", gitlab="support-automation")
ASKS = "Manager contact requested: Yes"

ISSUE = IssueSnapshot(
    key=IssueKey(7, 12),
    url="https://gitlab.example/-/issues/12",
    title="Negative feedback for ticket 412345",
    description=None,
    is_open=True,
    labels=frozenset({CONTACT}),
    assignees=(),
    author="support-automation",
    created_at=FRIDAY,
    updated_at=FRIDAY,
    closed_by=None,
)


def added(label: str, at: datetime, by: Person | None = None) -> LabelEvent:
    return LabelEvent(label=label, is_added=True, at=at, by=by)


def removed(label: str, at: datetime, by: Person | None = None) -> LabelEvent:
    return LabelEvent(label=label, is_added=False, at=at, by=by)


BORN = (added(CONTACT, FRIDAY, AUTOMATION),)


def look(
    events: Sequence[LabelEvent] = BORN, assigned: Note | None = None, **changes: Any
) -> Observation:
    """The issue with some changes, made on Monday where the look does not say otherwise."""
    if changes:
        changes.setdefault("updated_at", MONDAY)
    notes = (assigned,) if assigned else ()
    return Observation(issue=replace(ISSUE, **changes), label_events=events, notes=notes, at=MONDAY)


def by(who: Person | None, at: datetime = MONDAY) -> Note:
    """GitLab's own note of an assignment."""
    author = who.gitlab if who and who.gitlab else "ghost"
    return Note(body="assigned to @avery", author=author, by=who, is_system=True, at=at)


def first(seen: Observation) -> Request:
    request, steps = observe(None, seen, RULES)
    assert request is not None
    assert steps == ()  # nothing to tell of what was so before anybody looked
    return request


WAITING = first(look())
CLAIMED = replace(
    WAITING,
    holder=Person(name="Avery", slack_team="T1", slack_user="U1", gitlab="avery"),
    held_since=FRIDAY,
    assignees=("avery",),
)
ASSIGNED_TO_AVERY: dict[str, Any] = {"assignees": (AVERY,)}


# --- Who is who, whatever they are called ------------------------------------------------------


def test_an_account_that_changes_its_name_is_still_the_same() -> None:
    assigned = first(look(**ASSIGNED_TO_AVERY))
    assigned = replace(assigned, holder=AVERY.person, held_since=FRIDAY)
    renamed = replace(AVERY, username="avery.renamed")
    now, steps = observe(assigned, look(assignees=(renamed,)), RULES)
    assert steps == ()
    assert now
    assert now.assignees == ("avery.renamed",)
    assert now.holder
    assert now.holder.gitlab == "avery.renamed"
    assert now.held_since == FRIDAY


def test_another_account_that_has_taken_the_name_is_somebody_else() -> None:
    assigned = first(look(**ASSIGNED_TO_AVERY))
    assigned = replace(assigned, holder=AVERY.person, held_since=FRIDAY)
    another = replace(AVERY, id=AVERY.id + 900, name="Another Avery")
    now, steps = observe(assigned, look(assignees=(another,)), RULES)
    assert [(step.kind, step.other) for step in steps] == [(StepKind.ASSIGNED, another.person)]
    assert now
    assert now.holder == another.person


# --- Feedback that asks for no contact ---------------------------------------------------------


def plain(**changes: Any) -> Observation:
    """The issue without the contact label."""
    return look([], **({"labels": frozenset()} | changes))


@pytest.mark.parametrize(
    ("title", "labels", "is_one"),
    [
        ("Positive feedback for ticket 412345", [], True),  # as in the handbook
        ("Negative feedback for ticket 412345", [], True),
        ("Feedback for ticket 412345", [], True),
        ("Ticket 412345", ["satisfaction::good"], True),  # by the label
        ("What a customer said", ["satisfaction::bad"], True),
        ("Positive feedback for ticket 412345", [SOFT_SKILLS], True),
        # Issues of the team's own.
        ("Who is who: leave your code here", [], False),
        ("Layoffs in the third quarter", ["confidential"], False),
        ("The form for ticket 412345 is broken", [], False),
        ("Collect positive feedback for the yearly review", [], False),
    ],
)
def test_of_the_projects_issues_only_feedback_is_kept(
    title: str, labels: list[str], is_one: bool
) -> None:
    seen = plain(title=title, labels=frozenset(labels))
    request, steps = observe(None, seen, RULES)
    assert (request is not None, steps) == (is_one, ())
    assert is_plain_feedback(seen.issue, RULES) is is_one
    assert (listed(seen.issue, RULES, MONDAY) is not None) is is_one
    assert request is None or request.state is State.OPEN


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({}, replace(RULES, link_issue=ISSUE.key.iid)),  # where people leave their codes
        ({"type": "incident"}, RULES),
        ({"is_open": False}, RULES),  # nothing is left to do
    ],
)
def test_what_is_no_feedback_or_over_is_not_kept_whatever_its_title(
    changes: dict[str, Any], rules: Rules
) -> None:
    seen = plain(**changes)
    assert observe(None, seen, rules) == (None, ())
    assert listed(seen.issue, rules, MONDAY) is None


@pytest.mark.parametrize(
    ("labels", "triage"), [([], Triage.AWAITED), ([SOFT_SKILLS], Triage.LABELED), ([CONTACT], None)]
)
def test_how_far_triage_has_come_is_seen_with_the_issue(
    labels: list[str], triage: Triage | None
) -> None:
    request = first(look([], labels=frozenset(labels)))
    assert (request.triage, request.triaged_at) == (triage, None)


def test_feedback_is_triaged_when_gitlab_says_so() -> None:
    known = first(plain())
    request, _ = observe(known, plain(labels=frozenset({SOFT_SKILLS}), updated_at=SUNDAY), RULES)
    assert request is not None
    assert (request.triage, request.triaged_at) == (Triage.LABELED, SUNDAY)
    closed, _ = observe(request, plain(is_open=False, updated_at=MONDAY), RULES)
    assert closed is not None
    assert (closed.triage, closed.triaged_at) == (Triage.CLOSED, SUNDAY)


def test_feedback_says_what_the_issue_says() -> None:
    description = "Organization: Example Ltd\nScore: 6\nComment: Quick and kind."
    title = "Indirect feedback for ticket 412345"
    request = first(plain(title=title, description=description, comments=2))
    assert (request.organization, request.score, request.comment) == (
        "Example Ltd",
        "6",
        "Quick and kind.",
    )
    assert (request.sentiment, request.is_indirect) == (Sentiment.POSITIVE, True)
    assert (request.author, request.comments) == ("support-automation", 2)
    assert (request.created_at, request.asked_at) == (FRIDAY, FRIDAY)
    assert not request.was_requested


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        ("Tags: free_customer", "free_customer"),
        ("Tags: spam", "spam"),
        ("**Tags:** spam, enterprise", "spam"),
        ("**Tags:** `enterprise`, `Spam`", "spam"),
        ("Zendesk tags: spam", "spam"),
        ("Zendesk tags: enterprise spam", "spam"),  # as Zendesk writes them
        ("**Ticket tags:** free-trial", "free-trial"),
        ("| Ticket tags | emea, free-trial |", "free-trial"),
        ("### Tags\n\n- emea\n- spam\n", "spam"),
        ("**Comment:** So slow.\n**Tags:** spam", "spam"),
        # Only a part of a tag, or of a list.
        ("**Tags:** not spam, enterprise", None),
        ("**Tags:** spam_filter, free-trial-2", None),
        ("**Tags:** none", None),
        # What a customer complains about is no tag.
        ("Comment: I get spam from GitLab, and my tags: spam", None),
        ("**Comment:** I set\ntags: spam\nand nothing worked.", None),
        ("My free-trial has ended.", None),
    ],
)
def test_the_tags_of_a_ticket_are_compared_with_the_kinds_that_receive_no_survey(
    description: str, kind: str | None
) -> None:
    rules = replace(RULES, exempt=(*EXEMPT, "free-trial"))
    request, _ = observe(None, plain(description=description), rules)
    assert request is not None
    assert request.exempt == kind


def test_indirect_feedback_says_which_action_was_chosen() -> None:
    description = "**Next action:** File a docs issue.\n**Comment:** They dread us."
    request = first(plain(title="Indirect feedback from Acme", description=description))
    assert (request.next_action, request.comment) == ("File a docs issue.", "They dread us.")
    assert first(plain(description=description)).next_action is None


@pytest.mark.parametrize(
    ("changes", "is_provisional"),
    [
        ({"updated_at": FRIDAY}, False),  # as it was created
        ({"updated_at": SATURDAY}, True),
        ({"updated_at": FRIDAY, "comments": 1}, True),
    ],
)
def test_what_a_list_shows_has_its_history_read_where_it_may_have_one(
    changes: dict[str, Any], is_provisional: bool
) -> None:
    seen = plain(**changes)
    request = listed(seen.issue, RULES, MONDAY)
    assert request is not None
    assert request.is_provisional is is_provisional
    assert replace(request, is_provisional=False) == first(seen)


def test_a_comment_makes_feedback_worth_a_look_and_a_request_not() -> None:
    commented = replace(plain(updated_at=FRIDAY).issue, comments=1)
    assert looks_changed(first(plain(updated_at=FRIDAY)), commented, RULES)
    assert not looks_changed(WAITING, replace(ISSUE, comments=1), RULES)


def test_feedback_whose_customer_asks_for_contact_later_becomes_a_request() -> None:
    known = first(plain())
    request, [step] = observe(known, look([added(CONTACT, SUNDAY)]), RULES)
    assert request is not None
    assert (request.state, request.asked_at, request.triage) == (State.WAITING, SUNDAY, None)
    assert request.due_at == WEDNESDAY_0
    assert request.was_requested
    assert step.kind is StepKind.ASKED_AGAIN


def test_what_turns_out_to_be_no_feedback_is_forgotten_unless_a_customer_asked() -> None:
    other = plain(title="Layoffs in the third quarter")
    assert observe(first(plain()), other, RULES) == (None, ())
    asked, _ = observe(WAITING, other, RULES)
    assert asked is not None
    assert asked.was_requested


def test_when_an_issue_was_closed_is_known_whatever_is_said_of_it_later() -> None:
    closed = plain(is_open=False, closed_by=BLAKE.person, closed_at=SUNDAY, updated_at=MONDAY)
    request, _ = observe(first(plain()), closed, RULES)
    assert request is not None
    assert request.closed_at == SUNDAY
    reopened, _ = observe(request, plain(closed_at=SUNDAY), RULES)
    assert reopened is not None
    assert reopened.closed_at is None


def test_a_closed_feedback_goes_on_being_known() -> None:
    request, [step] = observe(first(plain()), plain(is_open=False, closed_by=BLAKE.person), RULES)
    assert request is not None
    assert (request.state, request.closed_by) == (State.CLOSED, "Blake Sample")
    assert step.kind is StepKind.CLOSED


# --- What was decided, and is said by GitLab again ----------------------------------------------

CLOSED_HERE = replace(
    WAITING, is_open=False, closed_by="Avery Example", closed_because=Closing.UNREACHABLE
)


def test_the_person_for_whom_the_bot_closed_an_issue_is_named_and_not_the_bot() -> None:
    bot = Person(name="ssat-bot", gitlab="ssat-bot")
    request, steps = observe(CLOSED_HERE, look(is_open=False, closed_by=bot), RULES)
    assert request is not None
    assert (request.closed_by, request.closed_because) == ("Avery Example", Closing.UNREACHABLE)
    assert steps == ()


def test_reopened_in_gitlab_it_has_no_reason_for_the_close_any_more() -> None:
    request, _ = observe(CLOSED_HERE, look(), RULES)
    assert request is not None
    assert (request.state, request.closed_by, request.closed_because) == (State.WAITING, None, None)


def test_a_customer_who_asks_again_begins_anew_also_for_the_trends() -> None:
    known = replace(CLAIMED, claimed_at=FRIDAY, missed_because="not_seen")
    events = [*BORN, removed(CONTACT, SATURDAY), added(CONTACT, SUNDAY)]
    unowned = replace(known, holder=None, held_since=None, assignees=())
    for before, claimed_at in ((unowned, None), (known, CLAIMED.held_since)):
        issue: dict[str, Any] = ASSIGNED_TO_AVERY if before.holder else {"title": "Once more"}
        request, _ = observe(before, look(events, **issue), RULES)
        assert request is not None
        assert (request.asked_at, request.claimed_at) == (SUNDAY, claimed_at)
        assert request.missed_because is None
        assert observe(request, look(events, **issue), RULES) == (request, ())


def test_who_is_assigned_in_gitlab_has_claimed_it_then() -> None:
    seen = look(assigned=by(BLAKE.person), **ASSIGNED_TO_AVERY)
    request, _ = observe(WAITING, seen, RULES)
    assert request is not None
    assert request.claimed_at == MONDAY


# --- When was contact asked for? ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("description", "events", "asked"),
    [
        # Born with the label.
        (None, BORN, FRIDAY),
        # As far as GitLab says: events may be missing for a label that was recreated.
        (None, [], FRIDAY),
        # The integration labels a moment after it has created.
        (None, [added(CONTACT, FRIDAY + timedelta(seconds=60))], FRIDAY),
        (None, [added(CONTACT, FRIDAY + timedelta(seconds=61))], FRIDAY + timedelta(seconds=61)),
        # A person labels it a day later.
        (None, [added(CONTACT, SATURDAY)], SATURDAY),
        # The description has said so from the beginning, with or without the label.
        (ASKS, [], FRIDAY),
        (ASKS, [added(CONTACT, SATURDAY)], FRIDAY),
        # Taken off and put back: contact is asked for anew.
        (None, [*BORN, removed(CONTACT, SATURDAY), added(CONTACT, SUNDAY)], SUNDAY),
        (ASKS, [*BORN, removed(CONTACT, SATURDAY), added(CONTACT, SUNDAY)], SUNDAY),
        # Twice: the last time counts. The order in which GitLab tells does not matter.
        (
            None,
            [
                added(CONTACT, MONDAY),
                removed(CONTACT, SATURDAY),
                *BORN,
                removed(CONTACT, SUNDAY),
                added(CONTACT, SATURDAY + timedelta(hours=1)),
            ],
            MONDAY,
        ),
        # Taken off again only after the issue was read.
        (
            None,
            [
                *BORN,
                removed(CONTACT, SATURDAY),
                added(CONTACT, SUNDAY),
                removed(CONTACT, MONDAY + MOMENT),
            ],
            SUNDAY,
        ),
        # Put back within a minute of its birth is still put back.
        (
            None,
            [
                *BORN,
                removed(CONTACT, FRIDAY + timedelta(seconds=10)),
                added(CONTACT, FRIDAY + timedelta(seconds=20)),
            ],
            FRIDAY + timedelta(seconds=20),
        ),
        # Other labels say nothing about it.
        (
            None,
            [added(SOFT_SKILLS, FRIDAY), added(CONTACT, SATURDAY), removed(SOFT_SKILLS, SUNDAY)],
            SATURDAY,
        ),
    ],
)
def test_the_clock_starts_when_contact_was_asked_for(
    description: str | None, events: Sequence[LabelEvent], asked: datetime
) -> None:
    seen = look(events, description=description)
    assert asked_at(seen, CONTACT) == asked
    assert first(seen).asked_at == asked


def test_the_deadline_is_48_hours_of_monday_to_friday_later() -> None:
    assert first(look()).due_at == TUESDAY_15
    assert first(look([added(CONTACT, SATURDAY)])).due_at == WEDNESDAY_0


# --- What is a request for contact? ------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "asks"),
    [
        ({}, True),
        ({"labels": frozenset(), "description": ASKS}, True),
        ({"labels": frozenset(), "description": None}, False),
        ({"labels": frozenset(), "description": "All bad."}, False),
        # Labelled by hand, on any issue.
        ({"title": "Angry customer on the phone"}, True),
        ({"title": ""}, True),
        # Only negative feedback offers contact, whatever else the issue says.
        ({"title": "Positive feedback for ticket 412345"}, False),
        ({"title": "Neutral feedback for ticket 412345", "description": ASKS}, False),
        ({"labels": frozenset({CONTACT, "satisfaction::good"})}, False),
        ({"labels": frozenset({CONTACT, "satisfaction::bad"})}, True),
        # Labels are case-sensitive.
        ({"labels": frozenset({CONTACT.lower()})}, False),
        # Incidents and tasks are listed among the issues, too.
        ({"type": "incident"}, False),
        # What is closed already is nobody's to contact.
        ({"is_open": False}, False),
    ],
)
def test_an_open_issue_that_asks_for_contact_becomes_a_request(
    changes: dict[str, Any], asks: bool
) -> None:
    seen = look([], **changes)
    assert may_matter(seen.issue, RULES) is asks
    request, steps = observe(None, seen, RULES)
    assert (request is not None and request.state is State.WAITING) is asks
    assert steps == ()


def test_a_request_withdrawn_before_anybody_saw_it_is_triaged_like_other_feedback() -> None:
    events = [*BORN, removed(CONTACT, SATURDAY)]
    request = first(look(events, labels=frozenset(), description=ASKS))
    assert (request.state, request.triage) == (State.WITHDRAWN, Triage.AWAITED)
    other = look(events, labels=frozenset(), title="Angry customer on the phone")
    assert observe(None, other, RULES) == (None, ())


def test_a_request_says_what_the_issue_says() -> None:
    description = f"Organization: Example Ltd\nScore: 2\n{ASKS}\nComment: Nobody answered."
    request = first(look(description=description, assignees=(DANA, AVERY)))
    assert (request.ticket, request.organization, request.score) == (412345, "Example Ltd", "2")
    assert request.comment == "Nobody answered."
    assert request.labels == ISSUE.labels
    assert request.assignees == ("avery", "dana")
    assert (request.url, request.title) == (ISSUE.url, ISSUE.title)
    assert request.gitlab_updated_at == MONDAY
    assert request.state is State.WAITING


def test_only_as_much_of_the_customers_words_is_kept_as_a_card_may_show() -> None:
    request = first(look(description=f"{ASKS}\nComment: {'long ' * 2000}"))
    assert request.comment is not None
    assert len(request.comment) <= COMMENT_LIMIT


@pytest.mark.parametrize(
    ("assignment", "holder"),
    [
        # Born with it, with or without a note of GitLab's about that.
        (None, None),
        (by(AUTOMATION, FRIDAY), None),
        # The automation assigns a moment after it has opened the issue.
        (by(AUTOMATION, FRIDAY + timedelta(seconds=60)), None),
        # Somebody took it, or was given it, before anybody looked.
        (by(AUTOMATION, FRIDAY + timedelta(seconds=61)), "avery"),
        (by(AVERY.person, FRIDAY + timedelta(seconds=5)), "avery"),
        (by(BLAKE.person, SATURDAY), "avery"),
    ],
)
def test_whom_an_issue_is_born_with_is_a_suggestion(
    assignment: Note | None, holder: str | None
) -> None:
    request = first(look(assigned=assignment, **ASSIGNED_TO_AVERY))
    assert (request.holder.gitlab if request.holder else None) == holder
    assert request.assignees == ("avery",)


def test_whom_an_issue_was_born_with_does_not_get_what_somebody_else_has_claimed() -> None:
    """GitLab's note of it is later than the issue."""
    born = by(AUTOMATION, FRIDAY + MOMENT)
    claimed = replace(
        first(look(assigned=born, updated_at=FRIDAY, **ASSIGNED_TO_AVERY)),
        holder=Person(name="Casey Nolink", slack_team="T1", slack_user="U3"),
        held_since=SATURDAY,
    )
    labels = ISSUE.labels | {SOFT_SKILLS}
    now, steps = observe(claimed, look(assigned=born, labels=labels, **ASSIGNED_TO_AVERY), RULES)
    assert now is not None
    assert now.holder == claimed.holder
    assert steps == ()


def test_of_several_who_were_assigned_before_anybody_looked_the_latest_has_it() -> None:
    seen = look(assigned=by(BLAKE.person), assignees=(DANA, AVERY))
    assert first(seen).holder == AVERY.person


def test_an_issue_first_seen_after_the_contact_counts_as_contacted() -> None:
    events = [*BORN, added(CONTACTED, SATURDAY, AVERY.person)]
    request = first(look(events, labels=frozenset({CONTACT, CONTACTED})))
    assert request.state is State.CONTACTED
    assert (request.contacted_at, request.contacted_by) == (SATURDAY, AVERY.person)


# --- Is it worth a closer look? ----------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"is_open": False},
        {"labels": frozenset()},
        {"labels": frozenset({CONTACT, SOFT_SKILLS})},
        {"assignees": (AVERY,)},
        {"title": "Negative feedback for ticket 99"},
        {"updated_at": FRIDAY + timedelta(milliseconds=1)},
    ],
)
def test_a_listed_issue_that_differs_is_looked_at(change: dict[str, Any]) -> None:
    assert not looks_changed(WAITING, ISSUE, RULES)
    assert looks_changed(WAITING, replace(ISSUE, **change), RULES)


def test_an_issue_that_is_listed_again_after_it_was_gone_is_looked_at() -> None:
    assert looks_changed(replace(WAITING, is_gone=True), ISSUE, RULES)


def test_a_listed_issue_of_another_team_than_on_record_is_looked_at() -> None:
    emea = replace(RULES, route="emea")
    assert looks_changed(WAITING, ISSUE, emea)
    now, steps = observe(WAITING, look(), emea)
    assert now is not None
    assert now.route == "emea"
    assert not looks_changed(now, ISSUE, emea)
    assert steps == ()  # there was one team before


def test_another_team_is_told_and_has_its_own_deadline_and_the_owner_stays() -> None:
    hours = timedelta(hours=4)
    emea, rest = replace(RULES, route="emea"), replace(RULES, route="rest", deadline=hours)
    known = replace(WAITING, route="emea", holder=AVERY.person, claimed_at=FRIDAY)
    assert observe(known, look(), emea) == (known, ())
    now, steps = observe(known, look(labels=frozenset({CONTACT, "Region::APAC"})), rest)
    assert now is not None
    assert (now.route, now.holder) == ("rest", AVERY.person)
    assert now.due_at == rest.hours.add(known.asked_at, hours)
    assert [(step.kind, step.detail) for step in steps] == [(StepKind.REROUTED, "rest")]


def test_a_team_that_is_only_renamed_is_not_told() -> None:
    known = replace(WAITING, route="emea")
    now, steps = observe(known, look(), replace(RULES, route="europe"))
    assert now is not None
    assert now.route == "europe"
    assert steps == ()


def test_the_order_of_assignees_is_no_difference() -> None:
    both = replace(WAITING, assignees=("avery", "blake"))
    assert not looks_changed(both, replace(ISSUE, assignees=(BLAKE, AVERY)), RULES)


# --- Withdrawn, asked again --------------------------------------------------------------------


@pytest.mark.parametrize("description", [None, ASKS])
def test_a_request_whose_label_is_taken_off_is_withdrawn(description: str | None) -> None:
    known = first(look([added(CONTACT, SATURDAY)]))
    events = [added(CONTACT, SATURDAY), removed(CONTACT, MONDAY, AVERY.person)]
    seen = look(events, labels=frozenset(), description=description)
    request, [step] = observe(known, seen, RULES)
    assert request is not None
    assert request.state is State.WITHDRAWN
    assert request.due_at == WEDNESDAY_0  # what was promised can still be read
    assert (step.kind, step.who, step.in_gitlab) == (StepKind.WITHDRAWN, AVERY.person, True)


def test_nobody_is_blamed_for_a_withdrawal_that_no_event_shows() -> None:
    request, [step] = observe(WAITING, look(title="Positive feedback for ticket 412345"), RULES)
    assert request is not None
    assert request.state is State.WITHDRAWN
    assert (step.kind, step.who) == (StepKind.WITHDRAWN, None)


def test_a_request_by_description_alone_is_withdrawn_with_it() -> None:
    known = first(look([], labels=frozenset(), description=ASKS))
    request, steps = observe(known, look([], labels=frozenset(), description="No."), RULES)
    assert request is not None
    assert request.state is State.WITHDRAWN
    assert [step.kind for step in steps] == [StepKind.WITHDRAWN]


def test_asked_for_again_the_clock_starts_again() -> None:
    withdrawn = replace(WAITING, labels=frozenset(), is_requested=False)
    events = [*BORN, removed(CONTACT, FRIDAY + timedelta(hours=1)), added(CONTACT, SATURDAY)]
    request, steps = observe(withdrawn, look(events), RULES)
    assert request is not None
    assert (request.state, request.asked_at) == (State.WAITING, SATURDAY)
    assert request.due_at == WEDNESDAY_0
    [step] = steps
    assert (step.kind, step.at) == (StepKind.ASKED_AGAIN, SATURDAY)


# --- Assigned in GitLab ------------------------------------------------------------------------


SOON = FRIDAY + timedelta(seconds=20)


@pytest.mark.parametrize(
    ("known", "assignees", "note", "holder", "step"),
    [
        # A colleague assigns somebody, or themselves: who is assigned has it.
        (WAITING, [AVERY], by(BLAKE.person), "avery", StepKind.ASSIGNED),
        (WAITING, [AVERY], by(AVERY.person), "avery", StepKind.ASSIGNED),
        (WAITING, [AVERY], by(AVERY.person, SOON), "avery", StepKind.ASSIGNED),
        # GitLab does not say who.
        (WAITING, [AVERY], None, "avery", StepKind.ASSIGNED),
        (WAITING, [AVERY], by(None), "avery", StepKind.ASSIGNED),
        # The automation assigns the manager on duty a moment after it has opened the issue.
        (WAITING, [DANA], by(AUTOMATION, SOON), None, None),
        # Later on, or from somebody who has claimed it, it is meant.
        (WAITING, [DANA], by(AUTOMATION), "dana", StepKind.ASSIGNED),
        (CLAIMED, [DANA], by(AUTOMATION, SOON), "dana", StepKind.ASSIGNED),
        # Another than the holder, instead or in addition.
        (CLAIMED, [BLAKE], by(AVERY.person), "blake", StepKind.ASSIGNED),
        (CLAIMED, [AVERY, BLAKE], by(DANA.person), "blake", StepKind.ASSIGNED),
        # The suggestion is replaced.
        (
            replace(WAITING, assignees=("dana",)),
            [BLAKE],
            by(DANA.person),
            "blake",
            StepKind.ASSIGNED,
        ),
        # What was so already, or makes no difference.
        (CLAIMED, [AVERY], by(BLAKE.person), "avery", None),
        (replace(CLAIMED, assignees=()), [AVERY], by(BLAKE.person), "avery", None),
        (
            replace(CLAIMED, assignees=("avery", "dana")),
            [AVERY],
            by(BLAKE.person),
            "avery",
            None,
        ),
        # The holder is taken off.
        (CLAIMED, [], by(BLAKE.person), None, StepKind.UNASSIGNED),
        (CLAIMED, [], None, None, StepKind.UNASSIGNED),
        # Somebody else is taken off: the holder stays.
        (replace(CLAIMED, assignees=("dana",)), [], by(BLAKE.person), "avery", None),
        # A mere suggestion is taken off.
        (replace(WAITING, assignees=("dana",)), [], by(DANA.person), None, None),
    ],
)
def test_who_is_assigned_in_gitlab_has_the_request(
    known: Request,
    assignees: list[GitLabUser],
    note: Note | None,
    holder: str | None,
    step: StepKind | None,
) -> None:
    request, steps = observe(known, look(assigned=note, assignees=tuple(assignees)), RULES)
    assert request is not None
    assert (request.holder.gitlab if request.holder else None) == holder
    assert [each.kind for each in steps] == ([step] if step else [])
    assert request.assignees == tuple(sorted(user.username for user in assignees))


@pytest.mark.parametrize(
    ("after_the_last_look", "author", "holder"),
    [
        # Taken off and put on again: that is meant, though the assignees are as they were.
        (timedelta(milliseconds=1), "avery", "dana"),
        # What was there to be seen is no news.
        (timedelta(0), "avery", None),
        # The bot's own assignments follow its decisions.
        (timedelta(milliseconds=1), "ssat-bot", None),
    ],
)
def test_a_suggestion_that_is_made_again_later_is_meant(
    after_the_last_look: timedelta, author: str, holder: str | None
) -> None:
    known = replace(WAITING, assignees=("dana",), gitlab_updated_at=FRIDAY + timedelta(hours=1))
    assert known.gitlab_updated_at
    note = replace(by(None, known.gitlab_updated_at + after_the_last_look), author=author)
    note = replace(note, body="assigned to @dana")
    seen = replace(look(assigned=note, assignees=(DANA,)), own_username="ssat-bot")
    request, _ = observe(known, seen, RULES)
    assert request is not None
    assert (request.holder.gitlab if request.holder else None) == holder


def test_an_assignment_is_told_with_who_did_it_to_whom_and_when() -> None:
    seen = look(assigned=by(BLAKE.person), **ASSIGNED_TO_AVERY)
    request, [step] = observe(WAITING, seen, RULES)
    assert request is not None
    assert (request.holder, request.held_since) == (AVERY.person, MONDAY)
    assert (step.who, step.other, step.at) == (BLAKE.person, AVERY.person, MONDAY)
    assert step.in_gitlab


def test_a_person_who_opened_the_issue_and_takes_it_means_it() -> None:
    note = by(AVERY.person, SOON)
    seen = look(assigned=note, author="avery", **ASSIGNED_TO_AVERY)
    request, _ = observe(WAITING, seen, RULES)
    assert request is not None
    assert request.state is State.CLAIMED


def test_a_holder_whom_gitlab_does_not_know_is_not_lost_there() -> None:
    casey = Person(name="Casey", slack_team="T1", slack_user="U3")
    known = replace(WAITING, holder=casey, held_since=FRIDAY, assignees=("dana",))
    request, steps = observe(known, look(assigned=by(DANA.person), assignees=()), RULES)
    assert request is not None
    assert request.holder == casey
    assert steps == ()


# --- Contacted, closed, reopened ---------------------------------------------------------------


def test_the_label_put_on_in_gitlab_says_that_the_customer_was_contacted() -> None:
    events = [*BORN, added(CONTACTED, SUNDAY, BLAKE.person)]
    seen = look(
        events, labels=frozenset({CONTACT, CONTACTED}), is_open=False, closed_by=BLAKE.person
    )
    request, steps = observe(CLAIMED, seen, RULES)
    assert request is not None
    assert request.state is State.CONTACTED
    assert (request.contacted_at, request.contacted_by) == (SUNDAY, BLAKE.person)
    contacted = steps[0]
    assert (contacted.kind, contacted.who, contacted.at) == (
        StepKind.CONTACTED,
        BLAKE.person,
        SUNDAY,
    )
    assert StepKind.CLOSED not in [step.kind for step in steps]  # that goes without saying


def test_who_takes_a_label_off_after_the_issue_was_read_has_not_put_it_on() -> None:
    labels = [CONTACTED, SOFT_SKILLS]
    events = [
        *BORN,
        *(added(label, SUNDAY, BLAKE.person) for label in labels),
        *(removed(label, MONDAY + MOMENT, AVERY.person) for label in labels),
    ]
    request, steps = observe(WAITING, look(events, labels=ISSUE.labels | set(labels)), RULES)
    assert request is not None
    assert (request.contacted_at, request.contacted_by) == (SUNDAY, BLAKE.person)
    assert [(step.kind, step.who) for step in steps] == [
        (StepKind.CONTACTED, BLAKE.person),
        (StepKind.LABELED, BLAKE.person),
    ]


def test_without_an_event_the_contact_is_dated_by_the_issue() -> None:
    request, [step] = observe(WAITING, look(labels=frozenset({CONTACT, CONTACTED})), RULES)
    assert request is not None
    assert (request.contacted_at, request.contacted_by) == (MONDAY, None)
    assert (step.at, step.who) == (MONDAY, None)


def test_the_contact_that_a_person_marked_in_slack_keeps_its_own_time() -> None:
    marked = replace(
        CLAIMED, contacted_at=SATURDAY, contacted_by=CLAIMED.holder, labels=frozenset({CONTACT})
    )
    events = [*BORN, added(CONTACTED, MONDAY, Person(name="bot", gitlab="ssat-bot"))]
    seen = look(events, labels=frozenset({CONTACT, CONTACTED}), **ASSIGNED_TO_AVERY)
    request, steps = observe(marked, seen, RULES)
    assert request is not None
    assert (request.contacted_at, request.contacted_by) == (SATURDAY, CLAIMED.holder)
    assert steps == ()


def test_a_customer_who_asks_again_after_the_contact_waits_again() -> None:
    contacted = replace(
        CLAIMED,
        contacted_at=SATURDAY,
        contacted_by=CLAIMED.holder,
        labels=frozenset({CONTACT, CONTACTED}),
    )
    events = [*BORN, added(CONTACTED, SATURDAY), removed(CONTACT, SUNDAY), added(CONTACT, MONDAY)]
    labels = frozenset({CONTACT, CONTACTED})
    request, steps = observe(contacted, look(events, labels=labels, **ASSIGNED_TO_AVERY), RULES)
    assert request is not None
    assert (request.state, request.asked_at) == (State.CLAIMED, MONDAY)
    assert [step.kind for step in steps] == [StepKind.ASKED_AGAIN]


@pytest.mark.parametrize("put_on_at", [SATURDAY, MONDAY])  # or in the same millisecond
def test_the_label_taken_back_the_customer_waits_again(put_on_at: datetime) -> None:
    contacted = replace(
        CLAIMED,
        contacted_at=SATURDAY,
        contacted_by=CLAIMED.holder,
        labels=frozenset({CONTACT, CONTACTED}),
    )
    events = [*BORN, added(CONTACTED, put_on_at), removed(CONTACTED, MONDAY, BLAKE.person)]
    request, [step] = observe(contacted, look(events, **ASSIGNED_TO_AVERY), RULES)
    assert request is not None
    assert (request.state, request.contacted_by) == (State.CLAIMED, None)
    assert (step.kind, step.who) == (StepKind.UNCONTACTED, BLAKE.person)


@pytest.mark.parametrize(("who", "closed_by"), [(BLAKE.person, "Blake Sample"), (None, None)])
def test_closed_without_contact_is_told_with_who_did_it(
    who: Person | None, closed_by: str | None
) -> None:
    request, [step] = observe(WAITING, look(is_open=False, closed_by=who), RULES)
    assert request is not None
    assert (request.state, request.closed_by) == (State.CLOSED, closed_by)
    assert (step.kind, step.who, step.at) == (StepKind.CLOSED, who, MONDAY)


def test_reopened_it_stands_where_it_stood() -> None:
    closed, _ = observe(CLAIMED, look(is_open=False, **ASSIGNED_TO_AVERY), RULES)
    request, [step] = observe(closed, look(**ASSIGNED_TO_AVERY), RULES)
    assert request is not None
    assert (request.state, request.holder) == (State.CLAIMED, CLAIMED.holder)
    assert request.closed_by is None
    assert step.kind is StepKind.REOPENED


def test_the_name_of_who_closed_it_is_forgotten_when_it_is_open() -> None:
    # GitLab goes on telling who closed an issue that has been reopened.
    assert first(look(closed_by=BLAKE.person)).closed_by is None


# --- Feedback labels ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], [SOFT_SKILLS], SOFT_SKILLS),
        ([KNOWN_ISSUE], [SOFT_SKILLS], SOFT_SKILLS),
        ([SOFT_SKILLS], [SOFT_SKILLS], None),
        ([SOFT_SKILLS], [], None),  # taken off: the card says so, the thread need not
        ([], ["feedback::a::deeper"], None),  # of another scope
        ([], ["bug"], None),
    ],
)
def test_a_feedback_label_chosen_in_gitlab_is_told(
    before: list[str], after: list[str], told: str | None
) -> None:
    known = replace(WAITING, labels=WAITING.labels | set(before))
    events = [*BORN, added(SOFT_SKILLS, SUNDAY, BLAKE.person)]
    request, steps = observe(known, look(events, labels=ISSUE.labels | set(after)), RULES)
    assert request is not None
    assert request.labels == ISSUE.labels | set(after)
    assert [(step.kind, step.detail, step.who) for step in steps] == (
        [(StepKind.LABELED, told, BLAKE.person)] if told else []
    )


# --- Labels that get another name in the project ------------------------------------------------

RENAMED = "SSAT::Call me"


@pytest.mark.parametrize(
    ("events", "asked"),
    [
        # Renamed: GitLab tells the whole history by the new name.
        ([added(RENAMED, FRIDAY)], FRIDAY),
        ([added(RENAMED, SATURDAY)], SATURDAY),
        ([added(RENAMED, FRIDAY), removed(RENAMED, SATURDAY), added(RENAMED, SUNDAY)], SUNDAY),
        # Deleted: the history is gone with it.
        ([], SATURDAY),
    ],
)
@pytest.mark.parametrize("updated_at", [FRIDAY, MONDAY])  # untouched, or changed in the meantime
def test_who_asked_by_a_label_that_is_renamed_or_deleted_is_not_forgotten(
    events: Sequence[LabelEvent], asked: datetime, updated_at: datetime
) -> None:
    known = replace(WAITING, asked_at=asked, due_at=RULES.hours.add(asked, RULES.deadline))
    labels = frozenset({RENAMED} if events else ())
    seen = look(events, labels=labels, updated_at=updated_at)
    request, steps = observe(known, seen, RULES)
    assert request is not None
    assert (request.state, request.labels, steps) == (State.WAITING, labels, ())
    assert (request.asked_at, request.due_at) == (known.asked_at, known.due_at)
    assert observe(request, seen, RULES) == (request, ())


def test_a_renamed_label_counts_again_once_the_setting_follows() -> None:
    renamed, _ = observe(
        WAITING, look([added(RENAMED, FRIDAY)], labels=frozenset({RENAMED})), RULES
    )
    rules = replace(RULES, contact_label=RENAMED)
    events = [added(RENAMED, FRIDAY), removed(RENAMED, MONDAY, AVERY.person)]
    request, [step] = observe(renamed, look(events, labels=frozenset()), rules)
    assert request is not None
    assert (request.state, step.kind) == (State.WITHDRAWN, StepKind.WITHDRAWN)
    assert step.who == AVERY.person


def test_a_label_that_was_taken_off_before_it_was_renamed_does_not_ask_any_more() -> None:
    gone_events = [*BORN, removed(CONTACT, SATURDAY)]
    withdrawn, _ = observe(WAITING, look(gone_events, labels=frozenset()), RULES)
    request, steps = observe(withdrawn, look([], labels=frozenset()), RULES)
    assert request is not None
    assert (request.state, steps) == (State.WITHDRAWN, ())


def test_a_request_by_description_alone_needs_no_label_of_any_name() -> None:
    known = first(look([], labels=frozenset(), description=ASKS))
    request, steps = observe(known, look([], labels=frozenset(), description=ASKS), RULES)
    assert request is not None
    assert (request.state, steps) == (State.WAITING, ())


def test_a_contact_stands_though_its_label_gets_another_name() -> None:
    both = frozenset({CONTACT, CONTACTED})
    contacted = first(look([*BORN, added(CONTACTED, SATURDAY, AVERY.person)], labels=both))
    events = [*BORN, added("contacted", SATURDAY, AVERY.person)]
    seen = look(events, labels=frozenset({CONTACT, "contacted"}))
    request, steps = observe(contacted, seen, RULES)
    assert request is not None
    assert (request.state, request.contacted_by) == (State.CONTACTED, AVERY.person)
    assert steps == ()
    assert observe(request, seen, RULES) == (request, ())


def test_a_feedback_label_that_gets_another_name_was_chosen_by_nobody() -> None:
    known = first(look([*BORN, added(KNOWN_ISSUE, SATURDAY)], labels={CONTACT, KNOWN_ISSUE}))
    # The event may be dated a moment after the change of the issue that it tells of.
    moment_later = MONDAY + timedelta(milliseconds=20)
    for at in (SATURDAY, moment_later):
        events = [*BORN, added("feedback::bug", at, BLAKE.person)]
        seen = look(events, labels=frozenset({CONTACT, "feedback::bug"}), updated_at=MONDAY)
        request, steps = observe(known, seen, RULES)
        assert request is not None
        assert request.label_of("feedback") == "feedback::bug"
        assert steps == ()
    # Nor was it when something else has happened to the issue meanwhile.
    seen = look([*BORN, added("feedback::bug", SATURDAY)], labels=seen.issue.labels)
    later = replace(seen, issue=replace(seen.issue, updated_at=moment_later))
    assert observe(known, later, RULES)[1] == ()


# --- Gone --------------------------------------------------------------------------------------


def test_an_issue_that_is_gone_is_told_once() -> None:
    lost, steps = gone(CLAIMED, MONDAY)
    assert (lost.state, lost.holder) == (State.GONE, CLAIMED.holder)
    assert [(step.kind, step.at) for step in steps] == [(StepKind.GONE, MONDAY)]
    assert gone(lost, MONDAY) == (lost, ())


def test_an_issue_that_comes_back_stands_where_it_stood() -> None:
    lost, _ = gone(CLAIMED, SATURDAY)
    request, _ = observe(lost, look(**ASSIGNED_TO_AVERY), RULES)
    assert request is not None
    assert request.state is State.CLAIMED


# --- Whatever happens, and whenever it is looked at --------------------------------------------


# --- GitLab does not tell the history ----------------------------------------------------------


def untold(seen: Observation) -> Observation:
    """The same look, while GitLab shows the issue and nothing else."""
    problem = Unreachable(Platform.GITLAB, "GitLab is failing (500)", 500)
    return replace(seen, label_events=(), notes=(), own_username=None, problem=problem)


def test_without_its_history_a_request_counts_from_birth_until_gitlab_tells_more() -> None:
    later = look([added(CONTACT, SATURDAY)], description=None)
    request, steps = observe(None, untold(later), RULES)
    assert request is not None
    assert (request.state, request.asked_at, steps) == (State.WAITING, FRIDAY, ())
    assert observe(request, untold(later), RULES) == (request, ())
    assert observe(request, later, RULES) == (first(later), ())  # nobody has asked again


def test_what_happened_before_gitlab_told_the_history_is_told_then() -> None:
    request, _ = observe(None, untold(look()), RULES)
    closed, steps = observe(request, look(is_open=False, closed_by=AVERY.person), RULES)
    assert closed is not None
    assert closed.state is State.CLOSED
    assert [step.kind for step in steps] == [StepKind.CLOSED]


@pytest.mark.parametrize(
    "changes",
    [
        {"is_open": False},
        {"labels": frozenset()},
        {"labels": frozenset({CONTACT, CONTACTED})},
        {"assignees": (BLAKE,)},
        {"title": "Looked at"},
    ],
)
def test_what_is_new_of_a_known_request_waits_for_the_history(changes: dict[str, Any]) -> None:
    for known in (WAITING, CLAIMED):
        assert observe(known, untold(look(**changes)), RULES) == (known, ())


WITHDRAWN = replace(WAITING, is_requested=False, labels=frozenset(), by_label=False)


@pytest.mark.parametrize(
    ("known", "kind"),
    [
        (replace(WAITING, is_open=False), StepKind.REOPENED),
        (WITHDRAWN, StepKind.ASKED_AGAIN),
        (replace(WITHDRAWN, contacted_at=SATURDAY), StepKind.ASKED_AGAIN),
        (replace(WAITING, is_gone=True), None),
    ],
)
def test_a_customer_who_comes_back_waits_for_no_history(
    known: Request, kind: StepKind | None
) -> None:
    seen = look([*BORN, removed(CONTACT, SATURDAY), added(CONTACT, MONDAY + MOMENT)], title="Now")
    back, steps = observe(known, untold(seen), RULES)
    assert back is not None
    assert back.state is State.WAITING
    assert [step.kind for step in steps] == ([kind] if kind else [])
    now, steps = observe(back, seen, RULES)
    assert now is not None
    assert (now.state, now.asked_at, steps) == (State.WAITING, MONDAY + MOMENT, ())


def test_a_withdrawn_request_stays_withdrawn_without_its_history() -> None:
    says_it = look(description=ASKS, labels=frozenset(), title="Looked at")
    assert observe(WITHDRAWN, untold(says_it), RULES) == (WITHDRAWN, ())


@given(happenings)
@settings(deadline=None)
def test_whatever_gitlab_did_not_tell_in_between_the_last_look_says_how_it_stands(
    happened: list[tuple[str, int, int, int]],
) -> None:
    history = History()
    born = first(history.seen())
    known, _ = observe(None, untold(history.seen()), RULES)
    for what, who, hours, looks in happened:
        history.happen(what, who, hours)
        for number in range(looks):
            seen = history.seen()
            known, _ = observe(known, seen if number else untold(seen), RULES)
    often, _ = observe(known, history.seen(), RULES)
    once, _ = observe(born, history.seen(), RULES)
    assert often is not None
    assert once is not None
    assert _without_history(often) == _without_history(once)


@given(happenings)
@settings(deadline=None)
def test_a_second_look_at_the_same_issue_changes_and_tells_nothing(
    happened: list[tuple[str, int, int, int]],
) -> None:
    history = History()
    known = first(history.seen())
    for what, who, hours, _ in happened:
        history.happen(what, who, hours)
        seen = history.seen()
        once, _ = observe(known, seen, RULES)
        assert once is not None
        assert observe(once, seen, RULES) == (once, ())
        known = once


@given(happenings)
@settings(deadline=None)
def test_however_often_it_was_looked_at_the_last_look_says_how_it_stands(
    happened: list[tuple[str, int, int, int]],
) -> None:
    history = History()
    born = first(history.seen())
    known: Request | None = born
    for what, who, hours, looks in happened:
        history.happen(what, who, hours)
        for _ in range(looks):
            known, _ = observe(known, history.seen(), RULES)
    often, _ = observe(known, history.seen(), RULES)
    once, _ = observe(born, history.seen(), RULES)
    assert often is not None
    assert once is not None
    assert _without_history(often) == _without_history(once)


def _without_history(request: Request) -> Request:
    """Leave out what depends on having looked in between: who held it and when, the promise."""
    request = replace(
        request,
        holder=None,
        held_since=None,
        contacted_at=MONDAY if request.contacted_at else None,
        contacted_by=None,
        claimed_at=None,
        triaged_at=None,
    )
    if request.is_requested:
        return request
    return replace(request, asked_at=MONDAY, due_at=MONDAY)


@given(happenings)
@settings(deadline=None)
def test_no_state_changes_without_a_word(happened: list[tuple[str, int, int, int]]) -> None:
    history = History()
    known = first(history.seen())
    for what, who, hours, looks in happened:
        history.happen(what, who, hours)
        if not looks:
            continue
        now, steps = observe(known, history.seen(), RULES)
        assert now is not None
        if now.state is not known.state:
            assert steps, f"{known.state} became {now.state} in silence"
        assert all(step.in_gitlab and step.at.tzinfo for step in steps)
        known = now


@given(happenings)
@settings(deadline=None)
def test_an_old_look_that_comes_late_is_put_right_by_the_next(
    happened: list[tuple[str, int, int, int]],
) -> None:
    history = History()
    old = history.seen()
    known = first(old)
    for what, who, hours, _ in happened:
        history.happen(what, who, hours)
    latest = history.seen()
    straight, _ = observe(known, latest, RULES)
    astray, _ = observe(straight, old, RULES)
    back, _ = observe(astray, latest, RULES)
    assert straight is not None
    assert back is not None
    assert _without_history(back) == _without_history(straight)
