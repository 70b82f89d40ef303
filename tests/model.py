"""A model of one request for contact: what people agree on, and its issue in GitLab."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from slackbot.platforms.gitlab.snapshot import GitLabUser, IssueSnapshot, LabelEvent, Note
from slackbot.rules.decision import (
    ChooseLabel,
    Claim,
    ClearLabel,
    Close,
    Decision,
    MarkContacted,
    Release,
    Reopen,
    Review,
    TakeOver,
    UndoContacted,
)
from slackbot.rules.request import IssueKey, Person
from slackbot.sync.reading.observe import Observation

KEY = IssueKey(7, 12)
BORN = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
CONTACT, CONTACTED, SCOPE = "SSAT::Contact", "contacted", "feedback"
LABELS = ("feedback::a", "feedback::b")

PEOPLE = {
    "avery": Person(name="Avery", slack_team="T1", slack_user="U1", gitlab="avery"),
    "blake": Person(name="Blake", slack_team="T1", slack_user="U2", gitlab="blake"),
    "casey": Person(name="Casey", slack_team="T1", slack_user="U3"),  # has no GitLab account
    "dana": Person(name="Dana", gitlab="dana"),  # works in GitLab only
}
IN_SLACK, IN_GITLAB = ("avery", "blake", "casey"), ("avery", "blake", "dana")
BOT = "ssat-bot"
ACCOUNTS = {name: GitLabUser(id=n, username=name, name=name) for n, name in enumerate(IN_GITLAB)}


def name_of(person: Person | None) -> str | None:
    """A person's name in the model."""
    return person.name.lower() if person else None


@dataclass(frozen=True, kw_only=True)
class Belief:
    """What somebody who has followed everything would say of the request."""

    holder: str | None = None
    label: str | None = None
    is_open: bool = True
    is_requested: bool = True
    asked: datetime = BORN
    contacted: datetime | None = None
    assignee: str | None = None

    @property
    def is_contacted(self) -> bool:
        return self.contacted is not None and self.contacted >= self.asked

    @property
    def is_over(self) -> bool:
        return self.is_contacted or not self.is_open or not self.is_requested


def may(now: Belief, decision: Decision) -> bool:
    """Whether people would agree to it."""
    by = name_of(decision.by)
    match decision.action:
        case Claim():
            return not now.is_over and now.holder is None
        case TakeOver(holder=seen):
            is_as_seen = by != now.holder and now.holder == name_of(seen)
            return not now.is_over and (now.holder is None or is_as_seen)
        case Release():
            return by == now.holder
        case ChooseLabel(label=chosen, replaces=seen):
            return now.label != chosen and now.label == seen
        case MarkContacted():
            return not now.is_contacted
        case _:
            return _may_continue(now, decision)


def _may_continue(now: Belief, decision: Decision) -> bool:
    match decision.action:
        case ClearLabel(label=seen):
            return now.label == seen
        case UndoContacted():
            return now.contacted is not None
        case Close(leaves_waiting=knows):
            return now.is_open and (knows or now.is_over)
        case Reopen():
            return not now.is_open
        case _:
            return True


def then(now: Belief, decision: Decision) -> Belief:
    """What it makes of the request."""
    match decision.action:
        case Claim() | TakeOver():
            return replace(now, holder=name_of(decision.by))
        case Release():
            return replace(now, holder=None)
        case ChooseLabel(label=chosen):
            return replace(now, label=chosen)
        case MarkContacted() as contact:
            return replace(
                now,
                contacted=contact.at,
                label=now.label or contact.label,
                is_open=now.is_open and not contact.close,
            )
        case _:
            return _then_it_continues(now, decision)


def _then_it_continues(now: Belief, decision: Decision) -> Belief:
    match decision.action:
        case ClearLabel(label=seen):
            # A pending one may be about a label that GitLab has replaced since.
            return replace(now, label=None if now.label == seen else now.label)
        case Review(label=str() as chosen):
            return replace(now, label=chosen)
        case UndoContacted(reopen=reopen):
            return replace(now, contacted=None, is_open=now.is_open or reopen)
        case Close():
            return replace(now, is_open=False)
        case Reopen():
            return replace(now, is_open=True)
        case _:
            return now


# --- GitLab ------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Page:
    """The issue in GitLab, with as much of its history as the bot reads."""

    labels: dict[str, datetime] = field(default_factory=lambda: {CONTACT: BORN})
    """Each with the moment at which it was put on."""
    assignee: str | None = None
    is_open: bool = True
    events: list[LabelEvent] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    updated: datetime = BORN

    @property
    def label(self) -> str | None:
        return next((name for name in self.labels if name in LABELS), None)

    def put(self, name: str, at: datetime) -> None:
        """Put a label on; one of the scope takes the place of the other."""
        if name in LABELS and self.label:
            self.take(self.label, at)
        if name not in self.labels:
            self.labels[name] = at
            self.events.append(LabelEvent(label=name, is_added=True, at=at, by=None))

    def take(self, name: str, at: datetime) -> None:
        if self.labels.pop(name, None):
            self.events.append(LabelEvent(label=name, is_added=False, at=at, by=None))

    def relabel(self, name: str | None, at: datetime) -> None:
        """Choose a label of the scope, or none."""
        if name:
            self.put(name, at)
        elif self.label:
            self.take(self.label, at)

    def assign(self, name: str | None, at: datetime, by: str = "dana") -> None:
        """Put somebody in the place of whoever is assigned; GitLab leaves a note."""
        if name == self.assignee:
            return
        said = [f"assigned to @{name}"] if name else []
        said += [f"unassigned @{self.assignee}"] if self.assignee else []
        person = PEOPLE.get(by)
        self.notes.insert(
            0, Note(body=" and ".join(said), author=by, by=person, is_system=True, at=at)
        )
        self.assignee = name

    def write(self, decision: Decision, at: datetime) -> None:
        """Change what the bot's one PUT changes."""
        by = decision.by.gitlab
        match decision.action:
            case Claim():
                self.assign(by or self.assignee, at, BOT)
            case TakeOver(holder=seen):
                left = None if self.assignee == seen.gitlab else self.assignee
                self.assign(by or left, at, BOT)
            case Release():
                self.assign(None if self.assignee == by else self.assignee, at, BOT)
            case ChooseLabel(label=chosen) | Review(label=str() as chosen):
                self.put(chosen, at)
            case ClearLabel(label=seen_label):
                self.take(seen_label, at)
            case UndoContacted(reopen=reopen):
                self.take(CONTACTED, at)
                self.is_open = self.is_open or reopen
            case Close() | Reopen():
                self.is_open = isinstance(decision.action, Reopen)
            case MarkContacted() as contact:
                self.put(CONTACTED, at)
                if contact.label and not self.label:
                    self.put(contact.label, at)
                self.is_open = self.is_open and not contact.close

    def seen(self, at: datetime) -> Observation:
        """What the bot reads."""
        issue = IssueSnapshot(
            key=KEY,
            url="https://gitlab.example/-/issues/12",
            title="Negative feedback for ticket 412345",
            description=None,
            is_open=self.is_open,
            labels=frozenset(self.labels),
            assignees=(ACCOUNTS[self.assignee],) if self.assignee else (),
            author="support-automation",
            created_at=BORN,
            updated_at=self.updated,
            closed_by=None,
        )
        return Observation(
            issue=issue,
            label_events=tuple(self.events),
            notes=tuple(self.notes),
            own_username=BOT,
            at=at,
        )

    def believed(self, before: Belief) -> Belief:
        """What somebody makes of it who has believed something else before."""
        holder = before.holder
        if self.assignee != before.assignee:
            holder = self.assignee or (None if holder == before.assignee else holder)
        has_label = CONTACTED in self.labels
        return Belief(
            holder=holder,
            label=self.label,
            is_open=self.is_open,
            is_requested=CONTACT in self.labels,
            asked=self.labels.get(CONTACT, before.asked),
            contacted=(before.contacted or self.labels[CONTACTED]) if has_label else None,
            assignee=self.assignee,
        )
