"""A feedback as the record knows it: mostly a contact request."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from slackbot.rules.reading.characters import first_visible
from slackbot.rules.reading.exempt import EXEMPT
from slackbot.rules.reading.feedback import Sentiment, score_of, ticket_url
from slackbot.rules.timing.deadline import BusinessHours, DeadlineRule

_KEY = re.compile("([1-9][0-9]{0,18})/([1-9][0-9]{0,9})")


RESPONSE_DAYS = 7
"""Handbook, "How fast do I need to respond?": an initial response within 7 days of creation."""


IDLE_DAYS = 7
"""Handbook, "Handling 'Good' Reviews": after 7 days of inactivity they are closed."""
IDLE, THANKED = "idle", "thanked"
"""Why the bot has closed a good review."""


class State(StrEnum):
    OPEN = "open"
    """Nobody has asked for contact."""
    WAITING = "waiting"
    CLAIMED = "claimed"
    CONTACTED = "contacted"
    CLOSED = "closed"
    """Without a contact on record."""
    WITHDRAWN = "withdrawn"
    """Without its contact label."""
    GONE = "gone"
    """Deleted, moved or hidden in GitLab."""


UNFINISHED = (State.WAITING, State.CLAIMED)
"""A customer still waits to hear from a manager."""


class Triage(StrEnum):
    """How far a feedback is that asks for no contact."""

    AWAITED = "awaited"
    """Open, and nobody has labeled, reviewed or answered it; or a contact is still to come."""
    LABELED = "labelled"
    """Open, and labeled, reviewed or answered."""
    CLOSED = "closed"


@dataclass(frozen=True, order=True)
class IssueKey:
    """GitLab's numeric project id, and the issue's number within it."""

    project: int
    iid: int

    def __str__(self) -> str:
        return f"{self.project}/{self.iid}"

    @classmethod
    def parse(cls, text: str) -> "IssueKey":
        """Read ``project/iid``, as button values carry it.

        Raises:
            ValueError: It has another form.
        """
        match = _KEY.fullmatch(text)
        key = cls(int(match[1]), int(match[2])) if match else None
        if key is None or key.project >= 2**63 or key.iid >= 2**31:
            raise ValueError(f"not an issue's key: {text[:40]!r}")
        return key


@dataclass(frozen=True, kw_only=True)
class Person:
    """Known in Slack, in GitLab, or in both.

    ``slack_user`` needs ``slack_team``; ``gitlab`` is a username. A name that nobody sees gives way
    to one of these.
    """

    name: str
    slack_team: str | None = None
    slack_user: str | None = None
    gitlab: str | None = None

    def __post_init__(self) -> None:
        shown = first_visible((self.name, self.gitlab, self.slack_user), self.name)
        object.__setattr__(self, "name", shown)

    @property
    def handle(self) -> str:
        """Names the person in a button's value."""
        return self.slack_user or f"@{self.gitlab}"

    def is_same(self, other: "Person | None") -> bool:
        """Compare by Slack account, else by GitLab account."""
        if other is None:
            return False
        if self.slack_user and other.slack_user:
            return (self.slack_team, self.slack_user) == (other.slack_team, other.slack_user)
        if self.gitlab is None or other.gitlab is None:
            return False
        return self.gitlab.casefold() == other.gitlab.casefold()


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What a feedback still depends on, and when the team looks at it again."""

    what: str
    until: date
    """A day of the team's."""
    by: Person
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Request:
    """A feedback, mostly a customer's wish for a manager's contact; all moments are UTC.

    ``labels`` and ``assignees`` mirror GitLab as last read, or as decided. ``holder`` is who said
    "I am on it".
    """

    key: IssueKey
    url: str
    title: str
    route: str = ""
    """The name of the team that it belongs to, empty where there is one team without a name."""
    ticket: int | None = None
    comment: str | None = None
    organization: str | None = field(default=None, metadata={"alias": "organisation"})
    """The record keeps the spelling of its first release."""
    score: str | None = None
    sentiment: Sentiment | None = None
    exempt: str | None = None
    """The kind of tickets without a survey that it is of."""
    is_indirect: bool = False
    """Told by an account team."""
    next_action: str | None = None
    """What the account team wants done."""
    author: str = ""
    """A GitLab username."""
    comments: int = 0
    """By people and bots."""
    created_at: datetime | None = None
    """``None`` in rows of earlier releases."""
    responsible: tuple[Person, ...] = ()
    """Who was on duty when it was created: handbook, "Who is responsible"."""
    labels: frozenset[str] = frozenset()
    assignees: tuple[str, ...] = ()
    """GitLab usernames."""
    accounts: dict[str, int] = field(default_factory=dict, compare=False)
    """The numbers of those usernames, which GitLab's people may change."""
    is_open: bool = True
    is_requested: bool = True
    was_requested: bool = True
    """Contact was asked for at some time."""
    by_label: bool = False
    """By the contact label, though perhaps renamed since."""
    says_contact: bool = False
    """A good review cannot ask for contact, but its form or labels may say so."""
    is_gone: bool = False
    asked_at: datetime
    due_at: datetime
    holder: Person | None = None
    held_since: datetime | None = None
    claimed_at: datetime | None = None
    """By the first who claimed it since the customer asked."""
    reviewed_at: datetime | None = None
    reviewed_by: Person | None = None
    plans_contact: bool = False
    """Its review says so, also where the customer did not ask."""
    waits_on: Wait | None = None
    """Counts while the issue is open, and again if it is reopened."""
    missed_because: str | None = None
    """Why the deadline was missed: a value of ``Miss``."""
    closed_because: str | None = None
    """Why it was closed without contact: a value of ``Closing``, or one of those above."""
    thanked_by: Person | None = None
    """Who gave kudos for it."""
    contacted_at: datetime | None = None
    contacted_by: Person | None = None
    contacted_how: str | None = None
    """A value of ``Channel``, if the bot noted the contact."""
    closed_by: str | None = None
    """A name, while the issue is closed."""
    closed_at: datetime | None = None
    moved_to: str | None = None
    """Its address in another project, empty if GitLab doesn't tell."""
    suggested_to: str | None = None
    """Noted before the bot assigns them."""
    is_suggested: bool = False
    """The bot assigns who is on duty once."""
    gitlab_updated_at: datetime | None = None
    """At the last read."""
    is_provisional: bool = False
    """GitLab did not tell the history: it is seen anew as soon as GitLab does."""
    triage: Triage | None = None
    """``None`` while contact is asked for."""
    triaged_at: datetime | None = None
    """Only if it was seen to await triage."""

    @property
    def state(self) -> State:
        if self.is_answered:
            return State.CONTACTED
        if self.is_gone:
            return State.GONE
        if not self.is_open:
            return State.CLOSED
        if not self.is_requested:
            return State.WITHDRAWN if self.was_requested else State.OPEN
        return State.CLAIMED if self.holder else State.WAITING

    @property
    def is_answered(self) -> bool:
        """A customer who asks again waits again."""
        if self.contacted_at is None:
            return False
        return self.contacted_at >= self.asked_at.replace(second=0, microsecond=0)

    @property
    def ticket_url(self) -> str | None:
        return ticket_url(self.ticket) if self.ticket else None

    @property
    def ended_at(self) -> datetime:
        """As well as is known."""
        return self.contacted_at or self.gitlab_updated_at or self.due_at

    @property
    def is_late(self) -> bool:
        """A deadline is for those who asked for contact."""
        is_contacted_late = self.contacted_at is not None and self.contacted_at > self.due_at
        return self.was_requested and is_contacted_late

    def is_missed(self, now: datetime) -> bool:
        """Return whether the customer was not contacted by the deadline."""
        has_ended = self.was_requested and self.state in (State.CLOSED, State.GONE)
        return self.is_late or self.is_overdue(now) or (has_ended and now >= self.due_at)

    def is_overdue(self, now: datetime) -> bool:
        return self.state in UNFINISHED and now >= self.due_at

    @property
    def was_handled(self) -> bool:
        """Return whether managers had to do with it, or a customer asked them to."""
        said = (self.contacted_at, self.reviewed_at, self.closed_because, self.thanked_by)
        return self.was_requested or (any(said) and self.closed_because != IDLE)

    @property
    def is_to_be_contacted(self) -> bool:
        """Return whether a review promises a contact for which nobody has asked."""
        return self.plans_contact and self.contacted_at is None and self.state is State.OPEN

    @property
    def awaits_triage(self) -> bool:
        return self.triage is Triage.AWAITED

    def awaits_response(self, now: datetime) -> bool:
        return not self.comments and self.is_response_due(now)

    def is_response_due(self, now: datetime) -> bool:
        """Return whether there should have been one by now.

        Handbook, "Handling 'Good' Reviews": such a feedback is read and closed.
        """
        if self.created_at is None or self.sentiment is Sentiment.POSITIVE:
            return False
        return now - self.created_at > timedelta(days=RESPONSE_DAYS)

    @property
    def closes_at(self) -> datetime | None:
        """Say when a good review closes by itself, unless somebody acts.

        Handbook, "Handling 'Good' Reviews".
        """
        is_good = self.sentiment is Sentiment.POSITIVE and self.state is State.OPEN
        is_wanted = self.says_contact or self.plans_contact or self.waits_on is not None
        if not is_good or is_wanted or self.gitlab_updated_at is None:
            return None
        return self.gitlab_updated_at + timedelta(days=IDLE_DAYS)

    def is_idle(self, now: datetime) -> bool:
        return self.closes_at is not None and self.closes_at <= now

    def is_of(self, person: Person) -> bool:
        """Return whether they own it, or are assigned while nobody owns it."""
        if self.holder is not None:
            return person.is_same(self.holder)
        own = (person.gitlab or "").casefold()
        return any(each.casefold() == own for each in self.assignees)

    def label_of(self, scope: str) -> str | None:
        return next((name for name in sorted(self.labels) if in_scope(name, scope)), None)


@dataclass(frozen=True, kw_only=True)
class Rules:
    contact_label: str
    contacted_label: str
    scope: str
    """Of the feedback labels: ``feedback`` in ``feedback::soft-skills``."""
    hours: BusinessHours
    deadline: timedelta
    deadlines: tuple[DeadlineRule, ...] = ()
    """The first that fits goes before ``deadline``."""
    route: str = ""
    """The name of the team with these rules."""
    posts_bad: bool = False
    """All bad feedback has a card, in a channel of its own."""
    exempt: tuple[str, ...] = EXEMPT
    """Tags and organizations of tickets that receive no survey."""
    asks_csm: bool = False
    """A review says if the CSM is to be made aware."""
    link_issue: int | None = None
    """The issue where people post their codes: never a feedback."""
    links_in_gitlab: bool = False
    """People link themselves by authorizing the bot in GitLab, and need no code."""
    follow_up_project: str = ""
    """Where follow-up issues are created: a path or a number."""

    def due_at(self, asked_at: datetime, score: str | None, labels: Collection[str]) -> datetime:
        """Return until when a customer is to be contacted who asked then."""
        number = score_of(score)
        fitting = (each.hours for each in self.deadlines if each.fits(number, labels))
        return self.hours.add(asked_at, next(fitting, self.deadline))

    @property
    def can_link(self) -> bool:
        """Whether ``/ssat link`` works here."""
        return self.links_in_gitlab or self.link_issue is not None


def scope_of(label: str) -> str:
    """GitLab cuts the scope at the last ``::``."""
    return label.rpartition("::")[0]


def in_scope(label: str, scope: str) -> bool:
    prefix, separator, _ = label.rpartition("::")
    return bool(separator) and prefix == scope


def triaged(known: Request | None, now: Request, scope: str, at: datetime | None = None) -> Request:
    """Say how far the triage of a feedback is, after what was ``known`` of it.

    ``at`` is when it has come so far, if not when GitLab's issue was last changed.
    """
    triage = _triage_of(now, scope)
    # What closes by itself is nobody's triage.
    if triage in (None, Triage.AWAITED) or known is None or now.closed_because == IDLE:
        return replace(now, triage=triage, triaged_at=None)
    # Nobody knows when the label came of what was labeled at first sight.
    is_ended = known.triage is Triage.LABELED and triage is Triage.CLOSED
    is_news = known.triage is Triage.AWAITED or (is_ended and known.triaged_at is None)
    return replace(
        now,
        triage=triage,
        triaged_at=(at or now.gitlab_updated_at) if is_news else known.triaged_at,
    )


def _triage_of(request: Request, scope: str) -> Triage | None:
    if request.is_requested or request.is_gone:
        return None
    if not request.is_open:
        return Triage.CLOSED
    if request.is_to_be_contacted:
        return Triage.AWAITED
    said = (request.reviewed_at, request.contacted_at, request.thanked_by, request.waits_on)
    is_done = any(said) or request.label_of(scope) is not None
    return Triage.LABELED if is_done else Triage.AWAITED


CARD_WORTH = timedelta(days=7)
"""Older bad feedback has no card when it is first seen: it is in the queue."""


def deserves_card(request: Request, rules: Rules, now: datetime) -> bool:
    """Return whether a feedback that has no card is to have one."""
    if request.state in UNFINISHED:
        return True
    is_bad = request.state is State.OPEN and request.sentiment is Sentiment.NEGATIVE
    is_new = request.created_at is not None and now - request.created_at < CARD_WORTH
    return rules.posts_bad and is_bad and is_new
