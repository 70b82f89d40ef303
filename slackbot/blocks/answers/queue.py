"""The answers to ``/ssat``, and previews of links. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from slackbot.blocks.card import (
    contact_button,
    headline,
    notification,
    owner_buttons,
    time_left,
)
from slackbot.blocks.elements import Block, actions, button, context, link, section, with_side
from slackbot.blocks.menu import IN_ROW, menu
from slackbot.blocks.text import count, escape, first_lines, moment, name, short_moment
from slackbot.blocks.view import CardView
from slackbot.blocks.words import (
    COMBINED,
    HELP,
    INDIRECT,
    MENTIONED,
    NOTHING_NAMED,
    OVERDUE_MARK,
    TO_BE_CONTACTED,
    closed_words,
    exempt_words,
    issue_link,
    not_used,
    only_team,
    someone,
    subject_link,
    unknown_in_gitlab,
    wait_words,
)
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.listing import (
    Page,
    Part,
    Row,
    asks_for_own,
    is_in_triage,
    page_of,
    rows_of,
)
from slackbot.rules.offers import offers
from slackbot.rules.reading.query import (
    Filter,
    Listing,
    Mentioned,
    NotUnderstood,
    PageTurn,
    Show,
    Target,
    Verb,
    spell_again,
)
from slackbot.rules.request import UNFINISHED, IssueKey, Person, Request, State
from slackbot.rules.timing.deadline import BusinessHours

PREVIOUS, NEXT = "queue_previous", "queue_next"
AGAIN, ROW = "again", "row"
"""One of them begins a block's id; the issue and the question follow."""
MOST_SHOWN = 10
"""Feedbacks in one message: a ticket may have several."""
WORD_LIMIT = 40


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who looks, and whether buttons and ``/ssat link`` help them."""

    person: Person
    may_act: bool
    can_link: bool

    @property
    def is_unknown_in_gitlab(self) -> bool:
        """A manager of whom the bot cannot say what GitLab assigned to them."""
        return self.may_act and self.person.gitlab is None


@dataclass(frozen=True, kw_only=True)
class Board:
    """All that the queue may show now."""

    waiting: tuple[CardView, ...]
    """Unfinished as decided so far, oldest deadline first."""
    triage: tuple[CardView, ...]
    """Open feedback without a customer who waits, oldest first."""
    more_untriaged: int = 0
    """How much was counted behind these, and not loaded."""
    done: tuple[CardView, ...]
    """Ended lately."""
    hours: BusinessHours
    now: datetime
    team: str = ""
    """The only one that it is of, where there are several."""

    @cached_property
    def views(self) -> dict[IssueKey, CardView]:
        return {view.key: view for view in (*self.waiting, *self.triage, *self.done)}

    def rows(self, listing: Listing, person: Person) -> list[Row]:
        requests = (view.request for view in self.views.values())
        return rows_of(requests, listing, person, self.now)

    def view(self, row: Row) -> CardView:
        return self.views[row.entry.key]


# --- Rows --------------------------------------------------------------------------------------


def request_row(
    view: CardView, asker: Asker, again: str | None = None, *, reads_words: bool = False
) -> list[Block]:
    """``again`` is what they asked for, to show it again after a click.

    ``reads_words``: they want to read what customers wrote.
    """
    row = _said(view, *((READ_LINES, READ_SHOWN) if reads_words else (1, WORDS_SHOWN)))
    if not asker.may_act:
        return [row]
    blocks = [_with_menu(view, row)]
    if again is not None:
        blocks = [blocks[0] | {"block_id": again_id(view.key, again, mark=ROW)}]
    if elements := _buttons(view, asker):
        block_id = None if again is None else again_id(view.key, again)
        blocks.append(actions(elements, block_id))
    return blocks


def feedback_row(view: CardView) -> Block:
    """For everybody: the rules judge who may use the menu."""
    return _with_menu(view, _said(view, 1, WORDS_SHOWN))


def _said(view: CardView, lines: int, shown: int) -> Block:
    words = _words(view.request, lines, shown)
    return section("\n".join([escape(headline(view)), *words, " · ".join(_facts(view))]))


def _with_menu(view: CardView, row: Block) -> Block:
    has_buttons = view.request.state in UNFINISHED
    return with_side(row, menu(view, without=IN_ROW if has_buttons else ()))


WORDS_SHOWN = 120
"""Characters of what a customer wrote: a row is no card."""
READ_LINES, READ_SHOWN = 8, 400
"""Where the words are what people come for."""
ESCAPES = 100
"""Room for what Slack wants escaped: ten rows must fit into a message."""


def _words(request: Request, lines: int, shown: int) -> list[str]:
    words = first_lines(request.comment or "", lines, shown)
    return [f"\u201c{name(words, shown + ESCAPES)}\u201d"] if words else []


def reads_words(listing: Listing) -> bool:
    """Return whether good reviews are asked for, which are there to be read."""
    return Filter.GOOD in listing.filters


def request_line(view: CardView) -> str:
    request = view.request
    owner = someone(request.holder) if request.holder else "unclaimed"
    if request.holder and request.held_since:
        owner += f" since {short_moment(request.held_since, view.hours.timezone)}"
    return " · ".join([request_link(view), time_left(view), owner, *_trouble(view)])


def request_link(view: CardView) -> str:
    """Lead to the ticket, and beside it to the card."""
    request = view.request
    beside = _card_link(view) or (issue_link(request) if request.ticket else None)
    return " · ".join(filter(None, [subject_link(request), beside]))


def _card_link(view: CardView) -> str | None:
    return link(view.url, "card") if view.url else None


def _facts(view: CardView) -> list[str]:
    request, zone = view.request, view.hours.timezone
    facts = [f"*{view.team}*"] if view.team else []
    if request.state in UNFINISHED:
        facts += [time_left(view), f"due {short_moment(request.due_at, zone)}"]
    elif request.contacted_at is not None and request.state is State.CONTACTED:
        late = OVERDUE_MARK if request.is_late else ""
        facts.append(f"{late} contacted {short_moment(request.contacted_at, zone)}".strip())
        if request.contacted_by:
            facts.append(f"by {someone(request.contacted_by)}")
    elif is_in_triage(request):
        facts += [_since(view), *_assigned(view), *_closes_by_itself(view)]
    elif request.closed_by is not None:
        facts.append(closed_words(request))
    facts += [f"kudos by {someone(request.thanked_by)}"] if request.thanked_by else []
    facts += [f"score {name(request.score, 20)}"] if request.score else []
    facts += [wait_words(view.waits_on)] if view.waits_on else []
    facts += [exempt_words(request)] if request.exempt else []
    facts += [INDIRECT] if request.is_indirect else []
    card = _card_link(view)
    facts += [*_links(request), *([card] if card else [])]
    return [*facts, *_trouble(view)]


def _trouble(view: CardView) -> list[str]:
    said = []
    if view.pending and view.request.state is not State.CONTACTED:
        said.append("⏳ saved, not in GitLab yet")
    if view.refused:
        where = "see the card" if view.url else "see your direct messages"
        said.append(f"⚠️ GitLab rejected a choice: {where}")
    return said


def _links(entry: Request) -> list[str]:
    ticket = subject_link(entry) if entry.ticket else None
    return [each for each in (issue_link(entry), ticket) if each]


def _buttons(view: CardView, asker: Asker) -> list[Block]:
    request = view.request
    if request.state not in UNFINISHED:
        return []
    offered = offers(request, view.now, asker.person)
    owning = [each for each in owner_buttons(view) if each["action_id"] in offered]
    # In a list, no button stands out.
    found = [*owning, contact_button(view)]
    return [{part: each[part] for part in each if part != "style"} for each in found]


def again_id(key: IssueKey, again: str, *, mark: str = AGAIN) -> str:
    """Both parts are short enough for an id."""
    return f"{mark}:{key}:{again}"


def asked_again(block_id: str) -> str | None:
    """Do not trust the answer."""
    mark, _, rest = block_id.partition(":")
    key, separator, again = rest.partition(":")
    return again if mark in (AGAIN, ROW) and key and separator else None


def untriaged_line(view: CardView) -> str:
    planned = [f"*{TO_BE_CONTACTED}*"] if view.request.is_to_be_contacted else []
    return " · ".join([request_link(view), *planned, _since(view)])


def wait_line(view: CardView) -> str:
    waits_on = view.request.waits_on
    return " · ".join([request_link(view), *([wait_words(waits_on)] if waits_on else [])])


def _since(view: CardView) -> str:
    request = view.request
    late = f"{OVERDUE_MARK} " if request.awaits_response(view.now) else ""
    since = short_moment(request.created_at or request.asked_at, view.hours.timezone)
    return f"{late}since {since}"


def _closes_by_itself(view: CardView) -> list[str]:
    closes_at = view.request.closes_at
    if closes_at is None or view.pending:
        return []
    if closes_at <= view.now:
        return ["closes by itself soon unless someone acts"]
    day = closes_at.astimezone(view.hours.timezone)
    return [f"closes by itself on {day:%a} {day.day} {day:%b} unless someone acts"]


def _assigned(view: CardView) -> list[str]:
    if view.request.holder is not None:
        return [f"claimed by {someone(view.request.holder)}"]
    who = ", ".join(name(each.name, 40) for each in view.assignees[:3])
    return [f"assigned to {who}" if who else "unassigned"]


def unknown_account(asker: Asker) -> Block:
    return context(unknown_in_gitlab(asker.person, can_link=asker.can_link))


# --- The queue ---------------------------------------------------------------------------------


def render_queue(
    board: Board, listing: Listing, asker: Asker, turn: PageTurn | None = None
) -> SlackMessage:
    rows = board.rows(listing, asker.person)
    is_partial = asker.is_unknown_in_gitlab and asks_for_own(listing)
    more = board.more_untriaged
    said = NOTHING_OF_YOURS if is_partial and not rows else _summary(rows, listing, more)
    blocks = [section(said)]
    if board.team:
        blocks.append(context(only_team(board.team)))
    if is_partial:
        blocks.append(unknown_account(asker))
    page = page_of(rows, turn, more)
    views = [board.view(row) for row in page.rows]
    again = spell_again(listing, turn)
    for view in views:
        blocks += request_row(view, asker, again, reads_words=reads_words(listing))
    blocks += _footer(page, listing)
    is_urgent = bool(views) and views[0].request.state in UNFINISHED
    text = escape(notification(views[0])) if is_urgent else said
    return SlackMessage(text=text, blocks=tuple(blocks))


def _summary(rows: Sequence[Row], listing: Listing, more_untriaged: int) -> str:
    if not rows:
        return _nothing(listing)
    counts = {part: sum(row.part is part for row in rows) for part in Part}
    counts[Part.TRIAGE] += more_untriaged
    narrowing = _narrowing(listing)
    says_nobody = listing.shows_waiting and not counts[Part.DONE] and not narrowing
    said = []
    if counts[Part.WAITING] or says_nobody:
        said.append(f"*{_waiting(counts[Part.WAITING])}*")
    if counts[Part.TRIAGE]:
        what = "open feedback" if listing.shows_labeled else "untriaged feedback"
        said.append(count(counts[Part.TRIAGE], what))
    if counts[Part.DONE]:
        said.append(f"{counts[Part.DONE]} done in the last {count(listing.days, 'day')}")
    return " · ".join([*said, *([f"filters: {', '.join(narrowing)}"] if narrowing else [])])


def _waiting(number: int) -> str:
    if number == 0:
        return "No customer is waiting to hear from a manager ✅"
    return f"{count(number, 'customer is', 'customers are')} waiting to hear from a manager"


def _narrowing(listing: Listing) -> list[str]:
    widening = (Filter.ALL, Filter.DONE, Filter.TEAMS)
    return [str(each) for each in Filter if each in listing.filters and each not in widening]


_NOTHING = {
    (): "No customer is waiting to hear from a manager. ✅",
    ("mine",): "Nothing is waiting for you. ✅ `/ssat` shows the queue of the team.",
    ("unclaimed",): "Nothing is unclaimed. ✅ `/ssat` shows the whole queue.",
    ("overdue",): "Nothing is overdue. ✅ `/ssat` shows the whole queue.",
}
NOTHING_OF_YOURS = "Nothing of yours matches. `/ssat` shows the queue of the team."
"""For people whose GitLab assignments are unknown."""


def _nothing(listing: Listing) -> str:
    narrowing = tuple(_narrowing(listing))
    if listing.shows_waiting and narrowing in _NOTHING:
        return _NOTHING[narrowing]
    if not narrowing:
        return f"No contact request has ended in the last {count(listing.days, 'day')}."
    return f"Nothing matches `{listing}`. `/ssat` shows the whole queue."


def _footer(page: Page, listing: Listing) -> list[Block]:
    elements = []
    if page.previous:
        elements.append(button("Previous", PREVIOUS, spell_again(listing, page.previous)))
    if page.next:
        elements.append(button("Next", NEXT, spell_again(listing, page.next)))
    if not elements:
        return []
    place = f"{page.start + 1}–{page.end} of {page.total}"  # noqa: RUF001 - a range
    return [context(place), actions(elements)]


# --- Single feedbacks --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Found:
    items: tuple[CardView, ...]
    own: tuple[Target, ...]
    """All of this project's."""
    missing: tuple[Target, ...]
    """Not in the record."""
    foreign: tuple[Target, ...]
    """Links to other projects."""
    project: str
    """The path of the tracked one."""
    gitlab: str
    """Where that is: a host, and a path if it has one."""
    hours: BusinessHours
    now: datetime


def render_found(found: Found, asker: Asker, left_out: Sequence[str] = ()) -> SlackMessage:
    blocks: list[Block] = []
    again = spell_again(Show(targets=found.own))
    for view in found.items[:MOST_SHOWN]:
        blocks += request_row(view, asker, again)
    said = _unknown(found)
    blocks += map(section, said)
    if left_out:
        blocks.append(context(not_used(", ".join(left_out))))
    first = next(iter(found.items), None)
    text = escape(headline(first)) if first else "".join(said[:1])
    return SlackMessage(text=text or "Feedback", blocks=tuple(blocks))


def _unknown(found: Found) -> list[str]:
    said = []
    if found.missing:
        names = name(", ".join(each.short for each in found.missing), 100)
        said.append(
            f"I don't know {names}. I track open feedback, and for a while what was done. "
            "`/ssat refresh` checks GitLab now."
        )
    for each in found.foreign:
        where = f"{name(each.place or '', 120)} #{each.number}"
        said.append(
            f"{where} is in another project. I only track {name(found.project, 120)} at "
            f"{name(found.gitlab)}."
        )
    return said if said or found.items else [NOTHING_NAMED]


def render_preview(view: CardView) -> list[Block]:
    """All can see it, so it has no buttons."""
    at = moment(view.now, view.hours.timezone)
    note = f"Status at {at}. The card stays up to date; this preview doesn't."
    return [section(escape(headline(view))), context(note)]


# --- Help --------------------------------------------------------------------------------------


def render_help(
    problem: NotUnderstood | Mentioned | None = None, *, can_link: bool, has_teams: bool = False
) -> SlackMessage:
    hidden: dict[str, bool] = dict.fromkeys(_OF_LINKS, not can_link)
    hidden[Filter.TEAMS] = not has_teams
    lines = [
        f"`{escape(f'/ssat {words}'.strip())}`  {about}"
        for words, about in HELP
        if not hidden.get(words.partition(" ")[0])
    ]
    lines.append(f"Filters can be combined: `/ssat {COMBINED}`.")
    said = _problem(problem, can_link=can_link)
    sections = [*([said] if said else []), "\n".join(lines)]
    return SlackMessage(
        text=said or "What /ssat can do", blocks=tuple(section(each) for each in sections)
    )


_OF_LINKS = (Verb.LINK, Verb.UNLINK)


def _problem(problem: NotUnderstood | Mentioned | None, *, can_link: bool) -> str | None:
    match problem:
        case None:
            return None
        case Mentioned():
            return MENTIONED
        case NotUnderstood(word=word, nearest=nearest):
            is_useful = nearest is not None and (can_link or nearest not in _OF_LINKS)
            hint = f" Did you mean `/ssat {nearest}`?" if is_useful else ""
            return f'I don\'t know "{name(word, WORD_LIMIT)}".{hint}'
