"""What a query matches, in which order and on which page. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.reading.query import Filter, Listing, PageTurn, Position
from slackbot.rules.request import UNFINISHED, Person, Request, Triage

PAGE = 10
"""Rows; each takes up to two of a message's 50 blocks."""


SENTIMENTS = {
    Filter.GOOD: Sentiment.POSITIVE,
    Filter.NEUTRAL: Sentiment.NEUTRAL,
    Filter.BAD: Sentiment.NEGATIVE,
}


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
    entry: Request

    @property
    def part(self) -> Part:
        return Part(self.position[0])


def rows_of(
    entries: Iterable[Request], listing: Listing, person: Person, now: datetime
) -> list[Row]:
    """``person`` is who asks."""
    rows = [
        Row(position=_position(entry), entry=entry)
        for entry in entries
        if _is_shown(entry, listing, now) and _fits(entry, listing.filters, person, now)
    ]
    return sorted(rows, key=lambda row: row.position)


def _position(entry: Request) -> Position:
    if entry.state in UNFINISHED:
        return Part.WAITING, int(entry.due_at.timestamp()), entry.key.iid
    if is_in_triage(entry):
        created_at = entry.created_at or entry.asked_at
        return Part.TRIAGE, int(created_at.timestamp()), entry.key.iid
    return Part.DONE, -int(entry.ended_at.timestamp()), entry.key.iid


def is_in_triage(request: Request) -> bool:
    """Return whether it is open without a customer who waits: to be triaged, or to be closed."""
    return request.triage in (Triage.AWAITED, Triage.LABELED)


def _is_shown(entry: Request, listing: Listing, now: datetime) -> bool:
    if entry.state in UNFINISHED:
        return listing.shows_waiting
    if is_in_triage(entry):
        return listing.shows_waiting and (entry.awaits_triage or listing.shows_labeled)
    return listing.shows_done and entry.ended_at >= now - timedelta(days=listing.days)


def _fits(entry: Request, wanted: frozenset[Filter], person: Person, now: datetime) -> bool:
    if is_in_triage(entry):
        is_unclaimed = entry.holder is None and not entry.assignees
        is_own, is_overdue = entry.is_of(person), False
    elif entry.state in UNFINISHED:
        is_own, is_unclaimed = entry.is_of(person), entry.holder is None
        is_overdue = entry.is_overdue(now)
    else:
        who = entry.contacted_by or entry.holder
        is_own, is_unclaimed = person.is_same(who), who is None
        is_overdue = entry.was_requested and entry.ended_at > entry.due_at
    sentiment = {SENTIMENTS[each] for each in wanted if each in SENTIMENTS}
    return (
        (not sentiment or entry.sentiment in sentiment)
        and (is_own or Filter.MINE not in wanted)
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
    is_narrowed = {Filter.MINE, Filter.UNCLAIMED, *SENTIMENTS} & listing.filters
    return None if is_narrowed or turn is not None else PAGE


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
