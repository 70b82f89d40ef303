"""The answer to ``/ssat``: what is to be done, most urgent first, by pages. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from slackbot.blocks.card import CardView, SlackMessage, button, notification
from slackbot.blocks.rows import UNKNOWN_IN_GITLAB, Asker, request_row, untriaged_row
from slackbot.blocks.text import Block, escape, mrkdwn
from slackbot.rules.deadline import BusinessHours
from slackbot.rules.query import Filter, Listing, Position, Turn, spell_again
from slackbot.rules.request import Person, Request
from slackbot.rules.untriaged import PlainFeedback

ROWS = 10
"""How many feedbacks a page has: each takes up to two of a message's 50 blocks."""
PREVIOUS, NEXT = "queue_previous", "queue_next"

WAITING_PART, TRIAGE_PART, DONE_PART = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Board:
    """All that the queue may show, as it stands now."""

    waiting: tuple[CardView, ...]
    """Requests for contact that are unfinished as decided so far, oldest deadline first."""
    untriaged: tuple[PlainFeedback, ...]
    """What asks for no contact and awaits triage, oldest first."""
    done: tuple[CardView, ...]
    """Requests that have ended lately."""
    hours: BusinessHours
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Row:
    """One feedback in the queue, and where it stands there."""

    position: Position
    item: CardView | PlainFeedback


def rows_of(board: Board, listing: Listing, person: Person) -> list[Row]:
    """Pick what was asked for, in its order."""
    return sorted(_rows(board, listing, person), key=lambda row: row.position)


def _rows(board: Board, listing: Listing, person: Person) -> Iterator[Row]:
    if listing.shows_waiting:
        for view in board.waiting:
            if _fits(view, listing, person):
                yield Row(position=_position(WAITING_PART, view, view.request.due_at), item=view)
        for one in board.untriaged:
            if _triage_fits(one, listing, person):
                order = int(one.created_at.timestamp())
                yield Row(position=(TRIAGE_PART, order, one.key.iid), item=one)
    if listing.shows_done:
        since = board.now - timedelta(days=listing.days)
        for view in board.done:
            ended = ended_at(view.request)
            if ended >= since and _done_fits(view, listing, person):
                part, order, iid = _position(DONE_PART, view, ended)
                yield Row(position=(part, -order, iid), item=view)  # newest first


def _position(part: int, view: CardView, moment: datetime) -> Position:
    return (part, int(moment.timestamp()), view.request.key.iid)


def ended_at(request: Request) -> datetime:
    """Return when a request ended, as well as is known."""
    return request.contacted_at or request.gitlab_updated_at or request.due_at


def _fits(view: CardView, listing: Listing, person: Person) -> bool:
    wanted = listing.filters
    if Filter.MINE in wanted and not is_mine(view.request, person):
        return False
    if Filter.UNCLAIMED in wanted and view.request.holder is not None:
        return False
    return Filter.OVERDUE not in wanted or view.is_overdue


def is_mine(request: Request, person: Person) -> bool:
    """Tell whether a person has a request, or GitLab gave it to them and nobody has it."""
    if request.holder is not None:
        return person.is_same(request.holder)
    own = (person.gitlab or "").casefold()
    return any(each.casefold() == own for each in request.assignees)


def _triage_fits(one: PlainFeedback, listing: Listing, person: Person) -> bool:
    wanted = listing.filters
    if Filter.OVERDUE in wanted:  # there is no deadline
        return False
    if Filter.MINE in wanted and not one.is_of(person):
        return False
    return Filter.UNCLAIMED not in wanted or not one.assignees


def _done_fits(view: CardView, listing: Listing, person: Person) -> bool:
    request, wanted = view.request, listing.filters
    if Filter.MINE in wanted and not person.is_same(request.contacted_by or request.holder):
        return False
    if Filter.UNCLAIMED in wanted and (request.holder or request.contacted_by):
        return False
    return Filter.OVERDUE not in wanted or ended_at(request) > request.due_at


def render_queue(
    board: Board, listing: Listing, asker: Asker, turn: Turn | None = None
) -> SlackMessage:
    """Draw a page of the queue.

    Args:
        board: What there is.
        listing: What was asked for.
        asker: Who asked.
        turn: Which page; without it the first.
    """
    rows = rows_of(board, listing, asker.person)
    is_partial = asker.is_unknown_in_gitlab and asks_what_is_ones_own(listing)
    said = HOLDS_NOTHING if is_partial and not rows else summary_words(rows, listing)
    blocks: list[Block] = [{"type": "section", "text": mrkdwn(said)}]
    if is_partial:
        blocks.append({"type": "context", "elements": [mrkdwn(UNKNOWN_IN_GITLAB)]})
    start = _start(rows, turn)
    page = rows[start : start + ROWS]
    again = spell_again(listing, turn)
    for row in page:
        blocks += draw_row(row.item, board, asker, again)
    blocks += _footer(rows, start, listing)
    text = notification(page[0].item) if page and isinstance(page[0].item, CardView) else said
    return SlackMessage(text=escape(text) if page else said, blocks=tuple(blocks))


def asks_what_is_ones_own(listing: Listing) -> bool:
    """Tell whether somebody asks for what waits for them, whom GitLab may have assigned to it."""
    return Filter.MINE in listing.filters and listing.shows_waiting


def draw_row(
    item: CardView | PlainFeedback, board: Board, asker: Asker, again: str | None
) -> list[Block]:
    """Draw one feedback of the queue."""
    if isinstance(item, CardView):
        return request_row(item, asker, again)
    return [untriaged_row(item, board.hours, board.now)]


def summary_words(rows: Sequence[Row], listing: Listing) -> str:
    """Say how many there are of what was asked for."""
    if not rows:
        return _nothing(listing)
    counts = [_count(rows, part) for part in (WAITING_PART, TRIAGE_PART, DONE_PART)]
    said = []
    if counts[WAITING_PART] or (listing.shows_waiting and not counts[DONE_PART]):
        said.append(f"*{_waiting(counts[WAITING_PART])}*")
    if counts[TRIAGE_PART]:
        said.append(_triage(counts[TRIAGE_PART]))
    if counts[DONE_PART]:
        said.append(f"{counts[DONE_PART]} done in the last {listing.days} days")
    return " · ".join(said) + _only(listing)


def _count(rows: Sequence[Row], part: int) -> int:
    return sum(row.position[0] == part for row in rows)


def _waiting(count: int) -> str:
    if count == 0:
        return "No customer is waiting for a manager's contact ✅"
    who = f"{count} customers are" if count > 1 else "1 customer is"
    return f"{who} waiting for a manager's contact"


def _triage(count: int) -> str:
    return f"{count} more feedbacks await triage" if count > 1 else "1 more feedback awaits triage"


def _narrowing(listing: Listing) -> list[str]:
    widening = (Filter.ALL, Filter.DONE)
    return [str(each) for each in Filter if each in listing.filters and each not in widening]


def _only(listing: Listing) -> str:
    narrowing = _narrowing(listing)
    return f" · only: {', '.join(narrowing)}" if narrowing else ""


_NOTHING = {
    (): "No customer is waiting for a manager's contact. ✅",
    ("mine",): "Nothing is waiting for you. ✅ `/ssat` shows what waits for the team.",
    ("unclaimed",): "Nothing is unclaimed. ✅ `/ssat` shows what is under way.",
    ("overdue",): "Nobody is overdue. ✅ `/ssat` shows who is waiting.",
}
HOLDS_NOTHING = "You hold nothing of what you ask for. `/ssat` shows what waits for the team."
"""What is said where nobody knows what GitLab assigned to who asks."""


def _nothing(listing: Listing) -> str:
    narrowing = tuple(_narrowing(listing))
    if listing.shows_waiting and narrowing in _NOTHING:
        return _NOTHING[narrowing]
    if not narrowing:
        return f"No request for contact has ended in the last {listing.days} days."
    words = [*narrowing, *(["done"] if not listing.shows_waiting else [])]
    return f"Nothing is {' and '.join(words)} at once. `/ssat` shows all that is to be done."


def _start(rows: Sequence[Row], turn: Turn | None) -> int:
    """Return which row a page begins with; past the end it is the last page."""
    if turn is None:
        return 0
    if not turn.is_forward:
        return max(sum(row.position < turn.position for row in rows) - ROWS, 0)
    start = sum(row.position <= turn.position for row in rows)
    return start if start < len(rows) else max(len(rows) - ROWS, 0)


def _footer(rows: Sequence[Row], start: int, listing: Listing) -> list[Block]:
    end = min(start + ROWS, len(rows))
    if start == 0 and end == len(rows):
        return []
    elements: list[Block] = []
    if start > 0:
        back = Turn(position=rows[start].position, is_forward=False)
        elements.append(button("Previous", PREVIOUS, spell_again(listing, back)))
    if end < len(rows):
        on = Turn(position=rows[end - 1].position, is_forward=True)
        elements.append(button("Next", NEXT, spell_again(listing, on)))
    place = f"{start + 1}–{end} of {len(rows)}"  # noqa: RUF001 - a range
    return [
        {"type": "context", "elements": [mrkdwn(place)]},
        {"type": "actions", "elements": elements},
    ]
