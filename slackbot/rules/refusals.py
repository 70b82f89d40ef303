"""Choices that the rules do not accept; ``blocks.words`` has the words."""

from dataclasses import dataclass
from enum import StrEnum
from typing import dataclass_transform

from slackbot.rules.request import Person


@dataclass_transform(eq_default=False)
class Refusal(Exception):
    """Each subclass is named for the remedy; its fields are what the words need."""

    def __init_subclass__(cls) -> None:
        """Make each a dataclass."""
        dataclass(eq=False)(cls)


class Unknown(Refusal):
    """The record has no such request."""


class Incomplete(Refusal):
    """What Slack sent lacks something."""

    part: str | None = None


class FormNotOpened(Refusal):
    """Slack does not open the form."""


class AlreadySettled(Refusal):
    """Somebody has retried or dismissed GitLab's refusal."""


class AlreadyYours(Refusal):
    """The person holds it."""


class AlreadyClaimed(Refusal):
    holder: Person


class NotYours(Refusal):
    """Only the holder can release a request."""

    holder: Person | None


class HeldAgain(Refusal):
    """GitLab assigned the person again after their release."""


class AssignedAgain(Refusal):
    """GitLab assigned the colleague again after the take-over."""

    holder: Person


class AlreadyContacted(Refusal):
    by: Person | None


class AlreadyClosed(Refusal):
    """The issue is closed in GitLab."""


class AlreadyOpen(Refusal):
    """The issue is open in GitLab."""


class AskedForContact(Refusal):
    """The customer waits, which the person may not have seen."""


class NotContacted(Refusal):
    """No contact is on record."""


class NotIdle(Refusal):
    """Somebody has acted on it."""


class AlreadyThanked(Refusal):
    """One review gets kudos once."""

    by: Person


class NotMissed(Refusal):
    """The deadline was kept, or is to come."""


class NoLongerRequested(Refusal):
    """The contact label is gone in GitLab."""


class IssueGone(Refusal):
    """GitLab has no such issue, or hides it."""


class SameLabel(Refusal):
    """The request has it."""


class UnknownLabel(Refusal):
    """Slack never creates labels."""

    label: str
    is_chosen: bool = True
    """By the person, who may choose another one."""


class LabelNotSet(Refusal):
    """GitLab accepted the change without it."""

    label: str
    lost: tuple[str, ...] = ()
    """The labels that it was to replace, which cannot be put back."""


class LabelChanged(Refusal):
    """GitLab got another label after the click."""

    label: str | None


class InvalidField(Refusal):
    """``field`` names the field of the form."""

    field: str


class TextRequired(InvalidField):
    """What was done, or why, belongs in the issue. ``kind`` is the action's."""

    kind: str = "mark_contacted"


class TextTooLong(InvalidField):
    """Slack takes no longer one."""


class NobodyNamed(InvalidField):
    """A comment that mentions somebody needs a name."""

    is_group: bool = False


class TooManyNamed(InvalidField):
    most: int = 0


class NotInGitLab(InvalidField):
    """GitLab has no such user or group, or hides it from the bot."""

    name: str = ""
    is_group: bool = False


class NoKnownAccount(InvalidField):
    """Nothing says who somebody in Slack is in GitLab."""

    name: str = ""


class TheBotItself(InvalidField):
    """It reads nothing."""


class NobodyThere(InvalidField):
    """Who is to be thanked has left Slack, or is a bot."""


class InTheFuture(InvalidField):
    """A contact cannot lie ahead."""


class InThePast(InvalidField):
    """Nobody waits for a day that has passed."""


class BeforeTheRequest(InvalidField):
    """A contact follows the request."""


class Obstacle(StrEnum):
    """Why no issue can be created in a project."""

    MISSING = "missing"
    MOVED = "moved"
    ARCHIVED = "archived"
    NO_ISSUES = "no_issues"
    NO_MEMBER = "no_member"


class NoFollowUp(Refusal):
    """GitLab creates no follow-up issue in this project."""

    project: str
    obstacle: Obstacle | None
    """``None``: it is about this very issue."""
    reason: str = ""


class NotLinkable(Refusal):
    """Each subclass says why."""


class NameYourAccount(NotLinkable):
    """The username is missing or unreadable."""


class LinksNotSetUp(NotLinkable):
    """No issue is set for codes."""

    person: Person


class NoIssueForCodes(NotLinkable):
    """The issue that is set for codes is gone."""

    person: Person


class NoSuchAccount(NotLinkable):
    """Nobody has this username, or it is the bot's own."""

    username: str


class LinkedByFile(NotLinkable):
    """Only an administrator changes the people file."""

    username: str


class LinkedAlready(NotLinkable):
    username: str


class ActsAlready(NotLinkable):
    """The bot writes under their name already."""

    username: str


class NotAuthorizable(NotLinkable):
    """GitLab does not accept the application that people are to authorize."""


class AccountTaken(NotLinkable):
    """Somebody else is linked to it."""

    username: str


class GitLabSilent(NotLinkable):
    """GitLab does not answer."""


class TakesLonger(Refusal):
    """Nobody waits that long."""


class DeadlinePassed(Refusal):
    """Later reminders cannot be snoozed."""


class ReasonRequired(Refusal):
    """A snooze needs one."""


class NotABookingLink(InvalidField):
    """It is no web address."""


class NotAllowed(Refusal):
    """Each subclass says why."""


class OtherWorkspace(NotAllowed):
    """A Slack Connect user."""


class Guest(NotAllowed):
    """A guest of the workspace."""


class NotAHuman(NotAllowed):
    """A bot or deactivated account."""


class NotAManager(NotAllowed):
    """``whom_to_ask`` lists the groups and people in ``SSAT_MANAGERS``.

    ``disabled`` are the groups that Slack has disabled or does not know.
    """

    whom_to_ask: frozenset[str]
    disabled: frozenset[str] = frozenset()


class CannotTell(NotAllowed):
    """Slack does not say who it is."""
