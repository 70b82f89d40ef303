"""The App Home: the queue as a page of one's own. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slackbot.blocks.card import CardView, button
from slackbot.blocks.duty import DutyView, duty_words
from slackbot.blocks.queue import (
    Board,
    Row,
    asks_what_is_ones_own,
    draw_row,
    is_mine,
    rows_of,
)
from slackbot.blocks.rows import UNKNOWN_IN_GITLAB, Asker, request_row
from slackbot.blocks.text import Block, mrkdwn, plain
from slackbot.rules.query import DAYS, Filter, Listing

FILTER, REFRESH = "home_filter", "home_refresh"
"""The action ids of the page's own buttons; behind the first stands the filter."""

MINE_ROWS, TEAM_ROWS, TRIAGE_ROWS, DONE_ROWS = 10, 20, 10, 10
"""How many feedbacks each part shows: a home has room for 100 blocks."""

FILTERS = {
    "Everything": Listing(),
    "Mine": Listing(filters=frozenset({Filter.MINE})),
    "Unclaimed": Listing(filters=frozenset({Filter.UNCLAIMED})),
    "Overdue": Listing(filters=frozenset({Filter.OVERDUE})),
}


@dataclass(frozen=True, kw_only=True)
class HomeView:
    """What a home shows."""

    board: Board
    listing: Listing
    asker: Asker
    duty: DutyView | None


def render_home(view: HomeView) -> Block:
    """Draw a home."""
    rows = rows_of(view.board, view.listing, view.asker.person)
    mine = [row for row in rows if _is_mine(row, view)]
    team = [row for row in rows if isinstance(row.item, CardView) and row not in mine]
    triage = [row for row in rows if row not in mine and row not in team]
    blocks: list[Block] = [
        {"type": "section", "text": mrkdwn(duty_words(view.duty, view.board.hours.timezone))},
        {"type": "actions", "elements": _page_buttons(view.listing)},
    ]
    if not rows:
        blocks.append(_section(_empty(view)))
    if _is_partial(view) or (rows and view.asker.is_unknown_in_gitlab):
        blocks.append(_context(UNKNOWN_IN_GITLAB))
    blocks += _part("Yours", mine, MINE_ROWS, view)
    blocks += _part("Waiting for a manager's contact", team, TEAM_ROWS, view)
    blocks += _part("What else awaits triage", triage, TRIAGE_ROWS, view)
    blocks += _done(view)
    return _home(blocks)


def render_closed_home(words: str) -> Block:
    """Draw the home of somebody who may not look."""
    return _home([_section(words)])


def _home(blocks: Sequence[Block]) -> Block:
    return {"type": "home", "blocks": list(blocks)}


def _page_buttons(listing: Listing) -> list[Block]:
    made = [
        button(
            words,
            f"{FILTER}_{words.lower()}",
            str(each),
            style="primary" if each.filters == listing.filters else None,
        )
        for words, each in FILTERS.items()
    ]
    return [*made, button("Refresh", REFRESH, str(listing))]


def _is_mine(row: Row, view: HomeView) -> bool:
    if isinstance(row.item, CardView):
        return is_mine(row.item.request, view.asker.person)
    return row.item.is_of(view.asker.person)


def _is_partial(view: HomeView) -> bool:
    return view.asker.is_unknown_in_gitlab and asks_what_is_ones_own(view.listing)


def _empty(view: HomeView) -> str:
    if _is_partial(view):
        return "You hold nothing. *Everything* shows what waits for the team."
    if view.listing.filters:
        return "Nothing here. ✅ *Everything* shows what waits for the team."
    return "No customer is waiting for a manager's contact, and nothing awaits triage. ✅"


def _part(title: str, rows: Sequence[Row], most: int, view: HomeView) -> list[Block]:
    if not rows:
        return []
    blocks = [_header(f"{title} ({len(rows)})")]
    for row in rows[:most]:
        blocks += draw_row(row.item, view.board, view.asker, None)
    if len(rows) > most:
        command = f"/ssat {view.listing}".strip()
        blocks.append(_context(f"… and {len(rows) - most} more: `{command}` shows all"))
    return blocks


def _done(view: HomeView) -> list[Block]:
    looker = Asker(person=view.asker.person, may_act=False)
    done = Listing(filters=view.listing.filters & {Filter.MINE} | {Filter.DONE})
    rows = [row.item for row in rows_of(view.board, done, looker.person)]
    views = [item for item in rows if isinstance(item, CardView)]
    if not views:
        return []
    blocks = [_header(f"Done in the last {DAYS} days ({len(views)})")]
    for each in views[:DONE_ROWS]:
        blocks += request_row(each, looker)
    if len(views) > DONE_ROWS:
        blocks.append(_context(f"… and {len(views) - DONE_ROWS} more: `/ssat {done}` shows all"))
    return blocks


def _header(words: str) -> Block:
    return {"type": "header", "text": plain(words, 150)}


def _section(words: str) -> Block:
    return {"type": "section", "text": mrkdwn(words)}


def _context(words: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(words)]}


def notice_modal(words: str) -> dict[str, Any]:
    """Draw the words for a person who has clicked where no message can answer."""
    return {
        "type": "modal",
        "title": plain("Not done", 24),
        "close": plain("OK", 24),
        "blocks": [_section(words)],
    }
