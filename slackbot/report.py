"""What a rebuild tells an administrator: keys, counts, field names; nobody's text. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from slackbot.channel.adoption import Adoption
from slackbot.rules.request import UNFINISHED, IssueKey, Request
from slackbot.store.decisions import DecisionRecord, Status
from slackbot.store.engine.salvage import Salvage

LISTED = 20
"""Issues on a line, at most."""

_WORDS = {
    "asked_at": "when the customer asked",
    "by_label": "how contact was asked for",
    "claimed_at": "first claim",
    "closed_because": "why it was closed",
    "contacted_at": "contact",
    "contacted_by": "contact",
    "contacted_how": "contact",
    "due_at": "deadline",
    "held_since": "owner since",
    "holder": "owner",
    "is_gone": "whether GitLab has it",
    "is_open": "open or closed",
    "is_requested": "whether contact is asked for",
    "is_suggested": "suggested owner",
    "missed_because": "why the deadline was missed",
    "organization": "customer",
    "responsible": "who was on duty",
    "reviewed_at": "review",
    "reviewed_by": "review",
    "route": "team",
    "says_contact": "whether contact is asked for",
    "suggested_to": "suggested owner",
    "thanked_by": "kudos",
    "triage": "review",
    "triaged_at": "review",
    "waits_on": "what it waits for",
    "was_requested": "whether contact is asked for",
}
"""How people call what the record has, where it is not the field's name."""

_OUR_OWN = ("accounts", "comments", "key", "gitlab_updated_at", "is_provisional")


@dataclass(frozen=True, kw_only=True)
class IssueOutcome:
    key: IssueKey
    request: Request | None = None
    """``None``: no request, or unknown."""
    is_new: bool = False
    was_unreadable: bool = False
    changed: Sequence[str] = ()
    """Fields that differed."""
    is_missing: bool = False
    """GitLab does not show it."""
    lacks_card: bool = False
    lacks_label: bool = False
    """The note tells of a contact, its label is missing."""


@dataclass(frozen=True, kw_only=True)
class Report:
    issues: int
    """Open ones."""
    adoption: Adoption
    outcomes: Sequence[IssueOutcome]
    kept: Sequence[DecisionRecord]
    lost: Sequence[IssueKey]
    """Of unreadable choices."""
    salvage: Salvage | None = None
    replaced: Path | None = None
    """Where the database is kept that a backup has replaced."""
    linked: int = 0
    """By ``/ssat link``."""
    snoozed: int = 0
    was_empty: bool = False
    """Nothing was in it before, and no backup."""

    def lines(self) -> Iterator[str]:
        """Say the most important last: an administrator looks there first."""
        if self.replaced:
            yield (
                f"The database from before is kept as {self.replaced}, with people's words in it: "
                "delete it when all is well."
            )
        if self.salvage:
            yield (
                f"The database was damaged. It is kept as {self.salvage.aside}, with people's "
                "words in it: delete it when all is well."
            )
        yield from self._found()
        yield from self._kept()
        yield from self._changed()
        yield from self._unknown()

    def _found(self) -> Iterator[str]:
        found = [each.request for each in self.outcomes if each.request]
        requests = [request for request in found if request.was_requested]
        unfinished = sum(request.state in UNFINISHED for request in requests)
        yield (
            f"Read {_count(self.issues, 'open issue')} in GitLab: the record has "
            f"{_count(len(requests), 'request')} for contact now, {unfinished} of them unfinished."
        )
        yield f"Found {_count(len(self.adoption.standing), 'card')} in the channel."
        links, snoozes = _count(self.linked, "link"), _count(self.snoozed, "snooze")
        lost = (
            " Others are lost, because nothing else has them: people link themselves again, and "
            "reminders go on."
        )
        yield (
            f"The record has {links} made by /ssat link and {snoozes}."
            + (lost if self.was_empty else "")
        )

    def _kept(self) -> Iterator[str]:
        waiting = [each.decision.key for each in self.kept if each.status is Status.PENDING]
        refused = [each.decision.key for each in self.kept if each.status is Status.REFUSED]
        if waiting:
            yield f"Kept {_count(len(waiting), 'choice')} for GitLab: {_named(waiting)}."
        if refused:
            yield f"Kept {_count(len(refused), 'choice')} that GitLab rejected: {_named(refused)}."

    def _changed(self) -> Iterator[str]:
        new = [each.key for each in self.outcomes if each.is_new]
        replaced = [each.key for each in self.outcomes if each.was_unreadable]
        changed = [each for each in self.outcomes if each.changed]
        if new:
            yield f"New to the record: {_named(new)}."
        if replaced:
            yield f"Could not be read, and replaced: {_named(replaced)}."
        if self.adoption.news:
            yield f"Cards new to the record: {_named(self.adoption.news)}."
        for each in changed:
            names = dict.fromkeys(_WORDS.get(name, name.replace("_", " ")) for name in each.changed)
            yield f"Changed in {each.key}: {', '.join(names)}."
        if not (new or replaced or changed or self.adoption.news or self.salvage or self.lost):
            yield "Nothing had to be changed."

    def _unknown(self) -> Iterator[str]:
        if self.salvage and self.salvage.unreadable:
            yield (
                f"Up to {_count(self.salvage.unreadable, 'choice')} could not be read, of which "
                "GitLab may have had some."
            )
        if self.salvage and self.salvage.is_partial:
            yield (
                "Some links, snoozes, profiles or kudos could not be read; ssat-bot people list "
                "shows who is left."
            )
        told = (
            (self.lost, "A choice could not be read, and has to be made again"),
            (self.adoption.doubled, "More than one card; the newest is kept up"),
            (self._with("lacks_card"), "Open and without a card; `ssat-bot run` posts it"),
            (self._with("lacks_label"), "A note says contacted, but the label is not there"),
            (self._with("is_missing"), "No longer in GitLab"),
        )
        for keys, words in told:
            if keys:
                yield f"{words}: {_named(keys)}."

    def _with(self, mark: str) -> list[IssueKey]:
        return [each.key for each in self.outcomes if getattr(each, mark)]


def differences(before: Request, after: Request) -> tuple[str, ...]:
    names = [field.name for field in fields(Request) if field.name not in _OUR_OWN]
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _named(keys: Iterable[IssueKey]) -> str:
    names = [str(key) for key in sorted(set(keys))]
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
