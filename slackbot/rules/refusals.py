"""Choices that are not accepted, each named for the remedy; ``blocks.words`` has the words."""

from dataclasses import dataclass
from typing import Literal

from slackbot.rules.request import Person


class Refusal(Exception):
    """A choice that the rules do not allow; each subclass is named for the remedy."""


class Unknown(Refusal):
    """The record has no such request for contact."""


class Incomplete(Refusal):
    """What Slack sent lacks something that it should have."""


class FormNotOpened(Refusal):
    """Slack does not open the form just now."""


class AlreadySettled(Refusal):
    """What GitLab refused has been tried again or dismissed already."""


class AlreadyYours(Refusal):
    """The person holds the request already."""


@dataclass(eq=False)
class AlreadyClaimed(Refusal):
    """A colleague holds the request."""

    holder: Person


@dataclass(eq=False)
class NotYours(Refusal):
    """Only the holder can release a request."""

    holder: Person | None


class HeldAgain(Refusal):
    """The person was assigned again in GitLab after they released the request."""


@dataclass(eq=False)
class AssignedAgain(Refusal):
    """The colleague was assigned again in GitLab after the person took the request over."""

    holder: Person


@dataclass(eq=False)
class AlreadyContacted(Refusal):
    """The customer has been contacted."""

    by: Person | None


class AlreadyClosed(Refusal):
    """The issue is closed in GitLab."""


class NoLongerRequested(Refusal):
    """The contact label was taken off in GitLab."""


class IssueGone(Refusal):
    """The issue no longer exists in GitLab, or the bot may not see it."""


class SameLabel(Refusal):
    """The request has this feedback label already."""


@dataclass(eq=False)
class UnknownLabel(Refusal):
    """The project has no such feedback label; labels are never created from Slack."""

    label: str


@dataclass(eq=False)
class LabelChanged(Refusal):
    """Somebody chose another feedback label in GitLab after the click."""

    label: str | None


@dataclass(eq=False)
class InvalidField(Refusal):
    """A field of the form cannot be accepted; ``field`` names it, the class says what to do."""

    field: Literal["text", "at"]


class TextRequired(InvalidField):
    """An email's text belongs in the feedback issue."""


class InTheFuture(InvalidField):
    """A contact cannot lie ahead."""


class BeforeTheRequest(InvalidField):
    """A contact that keeps the promise comes after the request."""


class NotLinkable(Refusal):
    """A person cannot be linked to a GitLab account; each subclass says why."""


class NameYourAccount(NotLinkable):
    """The person did not say which GitLab account is theirs, or not so that it can be read."""


class LinksNotSetUp(NotLinkable):
    """An administrator has to say on which issue people leave their codes."""


@dataclass(eq=False)
class NoSuchAccount(NotLinkable):
    """GitLab knows nobody by this username, or it is the bot's own."""

    username: str


@dataclass(eq=False)
class LinkedByFile(NotLinkable):
    """The people file says who the person is, and only an administrator changes that."""

    username: str


@dataclass(eq=False)
class LinkedAlready(NotLinkable):
    """The link that is asked for holds already."""

    username: str


@dataclass(eq=False)
class AccountTaken(NotLinkable):
    """Somebody else is linked to this GitLab account."""

    username: str


class GitLabSilent(NotLinkable):
    """GitLab does not answer just now."""


class TakesLonger(Refusal):
    """The answer takes longer than anybody waits for it."""


class DeadlinePassed(Refusal):
    """What comes after the deadline cannot be snoozed."""


class ReasonRequired(Refusal):
    """Who snoozes the reminders says why."""


class NotAllowed(Refusal):
    """The person may not act on requests for contact; each subclass says why."""


class OtherWorkspace(NotAllowed):
    """A person of another workspace, by Slack Connect."""


class Guest(NotAllowed):
    """A guest of the workspace."""


class NotAHuman(NotAllowed):
    """A bot or a deactivated account."""


@dataclass(eq=False)
class NotAManager(NotAllowed):
    """A member who is not in ``SSAT_MANAGERS``; ``whom_to_ask`` lists the groups and people.

    ``disabled`` are the groups among them that Slack does not know, or has disabled.
    """

    whom_to_ask: frozenset[str]
    disabled: frozenset[str] = frozenset()


class CannotTell(NotAllowed):
    """Slack does not say who the person is just now."""
