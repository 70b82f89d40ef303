"""Choices that are not accepted, each named for the remedy; ``blocks.words`` has the words."""

from dataclasses import dataclass
from typing import Literal

from slackbot.request import Person


class Refusal(Exception):
    """A choice that the rules do not allow; each subclass is named for the remedy."""


class Unknown(Refusal):
    """The record has no such request for contact."""


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
    """An e-mail's text belongs in the feedback issue."""


class InTheFuture(InvalidField):
    """A contact cannot lie ahead."""


class BeforeTheRequest(InvalidField):
    """A contact that keeps the promise comes after the request."""


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
    """A member who is not in ``SSAT_MANAGERS``; ``whom_to_ask`` lists the groups and people."""

    whom_to_ask: frozenset[str]


class CannotTell(NotAllowed):
    """Slack does not say who the person is just now."""
