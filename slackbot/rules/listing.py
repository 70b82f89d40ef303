"""What a query matches, in which order and on which page. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from slackbot.rules.query import Filter, Listing, PageTurn, Position
from slackbot.rules.request import UNFINISHED, Person, Request
from slackbot.rules.untriaged import UntriagedFeedback

PAGE = 10
"""Rows; each takes up to two of a message's 50 blocks."""

Entry = Request | UntriagedFeedback


class Part(IntEnum):
    """The queue's parts, in order."""

    WAITING = 0
    """Oldest deadline first."""
    TRIAGE = 1
    """Oldest first."""
    DONE = 2
    """Newest first."""


@dataclass(frozen=True, kw_only=True)
class Row:
    position: Position
    entry: Entry

    @property
    def part(self) -> Part:
        return Part(self.position[0])


def rows_of(entries: Iterable[Entry], listing: Listing, person: Person, now: datetime) -> list[Row]:
    """``person`` is who asks."""
    return sorted(_rows(entries, listing, person, now), key=lambda row: row.position)


def _rows(
    entries: Iterable[Entry], listing: Listing, person: Person, now: datetime
) -> Iterator[Row]:
    for entry in entries:
        position = _position(entry)
        if _is_shown(entry, listing, now) and _fits(entry, listing.filters, person, now):
            yield Row(position=position, entry=entry)


def _position(entry: Entry) -> Position:
    if isinstance(entry, UntriagedFeedback):
        return Part.TRIAGE, int(entry.created_at.timestamp()), entry.key.iid
    if entry.state in UNFINISHED:
        return Part.WAITING, int(entry.due_at.timestamp()), entry.key.iid
    return Part.DONE, -int(entry.ended_at.timestamp()), entry.key.iid


def _is_shown(entry: Entry, listing: Listing, now: datetime) -> bool:
    if isinstance(entry, UntriagedFeedback) or entry.state in UNFINISHED:
        return listing.shows_waiting
    return listing.shows_done and entry.ended_at >= now - timedelta(days=listing.days)


def _fits(entry: Entry, wanted: frozenset[Filter], person: Person, now: datetime) -> bool:
    if isinstance(entry, UntriagedFeedback):
        is_own, is_unclaimed, is_overdue = entry.is_of(person), not entry.assignees, False
    elif entry.state in UNFINISHED:
        is_own, is_unclaimed = entry.is_of(person), entry.holder is None
        is_overdue = entry.is_overdue(now)
    else:
        who = entry.contacted_by or entry.holder
        is_own, is_unclaimed = person.is_same(who), who is None
        is_overdue = entry.ended_at > entry.due_at
    return (
        (is_own or Filter.MINE not in wanted)
        and (is_unclaimed or Filter.UNCLAIMED not in wanted)
        and (is_overdue or Filter.OVERDUE not in wanted)
    )


def asks_for_own(listing: Listing) -> bool:
    """GitLab may have assigned such work."""
    return Filter.MINE in listing.filters and listing.shows_waiting


def untriaged_needed(listing: Listing, turn: PageTurn | None) -> int | None:
    """Return how much of the untriaged feedback a page needs, oldest first; ``None``: all.

    The first page has no more than a page of it, and who it is assigned to is asked by few.
    """
    if not listing.shows_waiting or Filter.OVERDUE in listing.filters:
        return 0
    asks_who = {Filter.MINE, Filter.UNCLAIMED} & listing.filters
    return None if asks_who or turn is not None else PAGE


@dataclass(frozen=True, kw_only=True)
class Page:
    """``start`` counts the rows before it."""

    rows: tuple[Row, ...]
    start: int
    total: int

    @property
    def end(self) -> int:
        return self.start + len(self.rows)

    @property
    def previous(self) -> PageTurn | None:
        if self.start == 0:
            return None
        return PageTurn(position=self.rows[0].position, is_forward=False)

    @property
    def next(self) -> PageTurn | None:
        if self.end == self.total:
            return None
        return PageTurn(position=self.rows[-1].position, is_forward=True)


def page_of(rows: Sequence[Row], turn: PageTurn | None = None, more: int = 0) -> Page:
    """Return the first page, or the one after or before a position; past the end, the last.

    A page starts from its neighbor, not a number, so that a changed queue skips nothing. ``more``
    counts rows that were not loaded, behind the first page.
    """
    start = _start(rows, turn)
    return Page(rows=tuple(rows[start : start + PAGE]), start=start, total=len(rows) + more)


def _start(rows: Sequence[Row], turn: PageTurn | None) -> int:
    if turn is None:
        return 0
    if not turn.is_forward:
        return max(sum(row.position < turn.position for row in rows) - PAGE, 0)
    start = sum(row.position <= turn.position for row in rows)
    return start if start < len(rows) else max(len(rows) - PAGE, 0)
