"""The App Home: the queue as one's own page. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from slackbot.blocks.answers.duty import TeamDuty, duty_words, teams_words
from slackbot.blocks.answers.queue import Asker, Board, reads_words, request_row, unknown_account
from slackbot.blocks.elements import Block, actions, button, context, header, modal, section
from slackbot.blocks.text import count
from slackbot.rules.listing import Part, Row, asks_for_own
from slackbot.rules.reading.query import DAYS, Filter, Listing

FILTER, REFRESH = "home_filter", "home_refresh"
"""Action ids; the filter follows the first."""

MINE_ROWS, TEAM_ROWS, TRIAGE_ROWS, DONE_ROWS = 10, 20, 10, 10
"""Rows of each part: a home has room for 100 blocks."""

FILTERS = {
    "Everything": Listing(),
    "Mine": Listing(filters=frozenset({Filter.MINE})),
    "Unclaimed": Listing(filters=frozenset({Filter.UNCLAIMED})),
    "Overdue": Listing(filters=frozenset({Filter.OVERDUE})),
    "Bad": Listing(filters=frozenset({Filter.BAD})),
    "Neutral": Listing(filters=frozenset({Filter.NEUTRAL})),
    "Good": Listing(filters=frozenset({Filter.GOOD})),
}


@dataclass(frozen=True, kw_only=True)
class HomeView:
    board: Board
    listing: Listing
    asker: Asker
    duties: Sequence[TeamDuty]
    """Of each team."""

    @property
    def is_partial(self) -> bool:
        """Whether they ask for what GitLab assigned to them, which is unknown."""
        return self.asker.is_unknown_in_gitlab and asks_for_own(self.listing)


def render_home(view: HomeView) -> Block:
    board, person = view.board, view.asker.person
    rows = board.rows(view.listing, person)
    mine = [row for row in rows if row.entry.is_of(person)]
    others = [row for row in rows if row not in mine]
    blocks = [
        section(_duty(view)),
        actions(_page_buttons(view.listing)),
    ]
    if not rows:
        blocks.append(section(_empty(view)))
    if view.is_partial or (rows and view.asker.is_unknown_in_gitlab):
        blocks.append(unknown_account(view.asker))
    team = [row for row in others if row.part is Part.WAITING]
    triage = [row for row in others if row.part is Part.TRIAGE]
    blocks += _part("Yours", mine, MINE_ROWS, view)
    own = {row.part for row in mine}  # which the other parts do not count again
    waiting = "Others waiting" if Part.WAITING in own else "Waiting"
    untriaged = "Other untriaged" if Part.TRIAGE in own else "Untriaged"
    blocks += _part(f"{waiting} to hear from a manager", team, TEAM_ROWS, view)
    blocks += _part(f"{untriaged} feedback", triage, TRIAGE_ROWS, view)
    blocks += _done(view)
    return _home(blocks)


def _duty(view: HomeView) -> str:
    if len(view.duties) > 1:
        return teams_words(view.duties)
    [duty] = view.duties
    return duty_words(duty.view, duty.hours.timezone)


def render_closed_home(words: str) -> Block:
    """For a person who may not look."""
    return _home([section(words)])


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


def _empty(view: HomeView) -> str:
    if view.is_partial:
        return "You own no request. *Everything* shows the queue of the team."
    if view.listing.filters:
        return "Nothing here. ✅ *Everything* shows the queue of the team."
    return "No customer is waiting to hear from a manager, and no feedback is untriaged. ✅"


def _part(title: str, rows: Sequence[Row], most: int, view: HomeView) -> list[Block]:
    if not rows:
        return []
    board = view.board
    blocks = [header(f"{title} ({len(rows)})")]
    for row in rows[:most]:
        reads = reads_words(view.listing)
        blocks += request_row(board.view(row), view.asker, reads_words=reads)
    return [*blocks, *_more(len(rows) - most, view.listing)]


def _more(number: int, listing: Listing) -> list[Block]:
    if number <= 0:
        return []
    return [context(f"… and {number} more: `{f'/ssat {listing}'.strip()}` shows all")]


def _done(view: HomeView) -> list[Block]:
    done = Listing(filters=view.listing.filters & {Filter.MINE} | {Filter.DONE})
    rows = view.board.rows(done, view.asker.person)
    if not rows:
        return []
    blocks = [header(f"Done in the last {count(DAYS, 'day')} ({len(rows)})")]
    for row in rows[:DONE_ROWS]:
        blocks += request_row(view.board.view(row), view.asker)
    return [*blocks, *_more(len(rows) - DONE_ROWS, done)]


def notice_modal(words: str) -> Block:
    """For a click where no message can answer."""
    return modal("Not done", [section(words)], close="OK")
