"""One issue in a real-enough GitLab, to which things happen: by people there, and by the bot."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from slackbot.local.gitlab import GitLab, Issue, User
from slackbot.local.gitlab.entities import Entities
from slackbot.platforms.gitlab.snapshot import (
    StateEvent,
    parse_issue,
    parse_label_event,
    parse_note,
    parse_state_event,
)
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
from slackbot.sync.reading.observe import Observation
from slackbot.sync.writing.notes import note_of

CONTACT, CONTACTED = "SSAT::Contact", "ssat-manager-contacted-customer"
SOFT_SKILLS, KNOWN_ISSUE = "feedback::soft-skills", "feedback::known-issue"
FRIDAY = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
BOT = "ssat-bot"


class Clock:
    """Stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = FRIDAY

    def __call__(self) -> datetime:
        return self.now


class History:
    """The issue, and what happens to it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.gitlab = GitLab(clock=self.clock)
        self.project = self.gitlab.add_project("example/feedback")
        self.bot = self._member(BOT)
        self.users = [self._member(name) for name in ("support-automation", "avery", "blake")]
        for label in (CONTACT, CONTACTED, SOFT_SKILLS, KNOWN_ISSUE):
            self.gitlab.add_label(self.project, label)
        self.issue = self._opened()

    def _member(self, name: str) -> User:
        user = self.gitlab.add_user(name, name.title())
        self.gitlab.add_member(self.project, user, 30)
        return user

    def _opened(self) -> Issue:
        return self.gitlab.open_issue(
            self.project,
            author=self.users[0],
            title="Negative feedback for ticket 412345",
            labels=[CONTACT],
        )

    def happen(self, what: str, who: int, hours: int) -> None:
        self.clock.now += timedelta(hours=hours)
        by, issue, gitlab = [*self.users, self.bot][who], self.issue, self.gitlab
        match what.split():
            case ["close"]:
                gitlab.close(issue, by)
            case ["reopen"]:
                gitlab.reopen(issue, by)
            case ["assign", name]:
                gitlab.assign(issue, name, by=by)
            case ["unassign"]:
                gitlab.assign(issue, by=by)
            case ["add", label]:
                gitlab.change_labels(issue, add=[label], by=by)
            case ["remove", label]:
                gitlab.change_labels(issue, remove=[label], by=by)
            case ["retitle", sentiment]:
                gitlab.edit(issue, title=f"{sentiment} feedback for ticket 412345", by=by)

    def delivered(self, decision: Decision) -> None:
        """What the bot writes of a decision: the note, then the change."""
        issue, gitlab, bot = self.issue, self.gitlab, self.bot
        gitlab.comment(issue, note_of(decision), bot)
        account = decision.by.gitlab
        match decision.action:
            case Claim() if account:
                gitlab.assign(issue, account, by=bot)
            case TakeOver(holder=holder):
                left = [name for name in issue.assigned_to if name != holder.gitlab]
                gitlab.assign(issue, *([account] if account else left), by=bot)
            case Release():
                left = [name for name in issue.assigned_to if name != account]
                gitlab.assign(issue, *left, by=bot)
            case MarkContacted(close=close):
                gitlab.change_labels(issue, add=[CONTACTED], by=bot)
                if close:
                    gitlab.close(issue, bot)
            case _:
                self._continued(decision)

    def _continued(self, decision: Decision) -> None:
        issue, gitlab, bot = self.issue, self.gitlab, self.bot
        match decision.action:
            case ChooseLabel(label=label) | Review(label=str() as label):
                others = {SOFT_SKILLS, KNOWN_ISSUE} - {label}
                gitlab.change_labels(issue, add=[label], remove=sorted(others), by=bot)
            case ClearLabel(label=label):
                gitlab.change_labels(issue, remove=[label], by=bot)
            case UndoContacted():
                gitlab.change_labels(issue, remove=[CONTACTED], by=bot)
                gitlab.reopen(issue, bot)
            case Close():
                gitlab.close(issue, bot)
            case Reopen():
                gitlab.reopen(issue, bot)
            case _:
                pass

    def seen(self) -> Observation:
        entities = Entities(self.gitlab.url)
        events = [
            parse_label_event(entities.label_event(self.issue, event))
            for event in self.issue.label_events
        ]
        notes = [parse_note(entities.note(self.issue, note)) for note in self.issue.notes]
        return Observation(
            issue=parse_issue(entities.issue(self.issue)),
            label_events=[event for event in events if event],
            notes=notes[::-1],
            own_username=BOT,
            at=self.clock.now,
        )

    def state_events(self) -> list[StateEvent]:
        entities = Entities(self.gitlab.url)
        events = self.issue.state_events
        return [parse_state_event(entities.state_event(self.issue, event)) for event in events]


WHAT_HAPPENS = [
    "close",
    "reopen",
    "assign avery",
    "assign blake",
    "unassign",
    f"add {CONTACT}",
    f"remove {CONTACT}",
    f"add {CONTACTED}",
    f"remove {CONTACTED}",
    f"add {SOFT_SKILLS}",
    f"add {KNOWN_ISSUE}",
    f"remove {KNOWN_ISSUE}",
    "retitle Positive",
    "retitle Negative",
]

happenings = st.lists(
    st.tuples(
        st.sampled_from(WHAT_HAPPENS),
        st.integers(0, 2),  # who does it
        st.integers(0, 40),  # hours later
        st.integers(0, 2),  # how often the bot looks then
    ),
    max_size=12,
)
"""Things that happen one after the other."""
