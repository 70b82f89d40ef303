"""A feedback as people see it: as decided, and how much of that has reached GitLab. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from slackbot.blocks.answers.duty import DutyView
from slackbot.rules.decision import Decision, MarkContacted
from slackbot.rules.request import UNFINISHED, IssueKey, Person, Request, Wait
from slackbot.rules.timing import countdown
from slackbot.rules.timing.countdown import Left, Overdue
from slackbot.rules.timing.deadline import BusinessHours


@dataclass(frozen=True, kw_only=True)
class CardView:
    """The request as decided, and how much of that has reached GitLab."""

    request: Request
    team: str = ""
    """Its name where there are several teams."""
    pending: tuple[Decision, ...] = ()
    waits_because: str | None = None
    refused: tuple[tuple[Decision, str], ...] = ()
    labels: Mapping[str, str]
    scope: str
    asks_csm: bool = False
    hours: BusinessHours
    now: datetime
    on_duty: DutyView | None = None
    earlier: tuple[Request, ...] = ()
    """The other feedback on the same ticket that came before it, latest last."""
    url: str | None = None
    """Of the card."""

    @property
    def waits_on(self) -> Wait | None:
        """What it waits on, until that day has passed."""
        waits_on, today = self.request.waits_on, self.now.astimezone(self.hours.timezone).date()
        return waits_on if self.request.is_open and waits_on and waits_on.until >= today else None

    @property
    def people_on_duty(self) -> tuple[Person, ...]:
        return self.on_duty.people if self.on_duty else ()

    @property
    def assignees(self) -> list[Person]:
        """Mostly this is a manager on duty, whose name is known."""
        known = (*self.people_on_duty, *self.request.responsible)
        users = (Person(name=each, gitlab=each) for each in self.request.assignees)
        return [next(filter(user.is_same, known), user) for user in users]

    @property
    def key(self) -> IssueKey:
        return self.request.key

    @cached_property
    def left(self) -> Left | Overdue:
        """The time to the deadline."""
        return countdown.countdown(self.request.due_at, self.now, self.hours)

    @property
    def is_overdue(self) -> bool:
        return self.request.is_overdue(self.now)

    @property
    def changes_at(self) -> datetime | None:
        """When the time left reads differently, ``None`` once none runs."""
        if self.request.state not in UNFINISHED:
            return None
        return countdown.next_change(self.request.due_at, self.now, self.hours)

    @property
    def is_contact_pending(self) -> bool:
        """Whether GitLab does not know of the contact yet."""
        return any(isinstance(decision.action, MarkContacted) for decision in self.pending)

    @property
    def label(self) -> str | None:
        return self.request.label_of(self.scope)
