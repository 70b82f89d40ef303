"""The answers to ``/ssat``, and previews of links. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from slackbot.blocks.card import (
    MARK_CONTACTED,
    TAKE_OVER,
    CardView,
    headline,
    notification,
    owner_buttons,
    time_left,
)
from slackbot.blocks.elements import Block, actions, button, context, link, section
from slackbot.blocks.text import count, escape, moment, name
from slackbot.blocks.words import (
    COMBINED,
    HELP,
    MENTIONED,
    NOTHING_NAMED,
    OVERDUE_MARK,
    SENTIMENT_WORDS,
    issue_link,
    someone,
    subject_link,
    unknown_in_gitlab,
)
from slackbot.platforms.message import SlackMessage
from slackbot.rules.deadline import BusinessHours
from slackbot.rules.listing import Entry, Page, Part, Row, asks_for_own, page_of, rows_of
from slackbot.rules.query import (
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
from slackbot.rules.untriaged import UntriagedFeedback

PREVIOUS, NEXT = "queue_previous", "queue_next"
AGAIN = "again"
"""Begins a block's id; the issue and the question follow."""
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
    untriaged: tuple[UntriagedFeedback, ...]
    """Oldest first."""
    more_untriaged: int = 0
    """How much was counted behind these, and not loaded."""
    done: tuple[CardView, ...]
    """Ended lately."""
    hours: BusinessHours
    now: datetime

    @cached_property
    def views(self) -> dict[IssueKey, CardView]:
        return {view.key: view for view in (*self.waiting, *self.done)}

    def rows(self, listing: Listing, person: Person) -> list[Row]:
        requests = (view.request for view in self.views.values())
        return rows_of([*requests, *self.untriaged], listing, person, self.now)

    def item(self, entry: Entry) -> CardView | UntriagedFeedback:
        return self.views[entry.key] if isinstance(entry, Request) else entry


# --- Rows --------------------------------------------------------------------------------------


def request_row(view: CardView, asker: Asker, again: str | None = None) -> list[Block]:
    """``again`` is what they asked for, to show it again after a click."""
    blocks = [section(f"{escape(headline(view))}\n{' · '.join(_facts(view))}")]
    elements = _buttons(view, asker) if asker.may_act else []
    if elements:
        block_id = None if again is None else again_id(view.key, again)
        blocks.append(actions(elements, block_id))
    return blocks


def request_line(view: CardView) -> str:
    request = view.request
    owner = someone(request.holder) if request.holder else "unclaimed"
    if request.holder and request.held_since:
        owner += f" since {moment(request.held_since, view.hours.timezone)}"
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
    facts = []
    if request.state in UNFINISHED:
        facts += [time_left(view), f"due {moment(request.due_at, zone)}"]
    elif request.contacted_at is not None and request.state is State.CONTACTED:
        late = OVERDUE_MARK if request.is_late else ""
        facts.append(f"{late} contacted {moment(request.contacted_at, zone)}".strip())
        if request.contacted_by:
            facts.append(f"by {someone(request.contacted_by)}")
    card = _card_link(view)
    facts += [*_links(request), *([card] if card else [])]
    return [*facts, *_trouble(view)]


def _trouble(view: CardView) -> list[str]:
    said = []
    if view.pending and view.request.state is not State.CONTACTED:
        said.append("⏳ saved, not in GitLab yet")
    if view.refused:
        said.append("⚠️ GitLab rejected a choice: see the card")
    return said


def _links(entry: Entry) -> list[str]:
    ticket = subject_link(entry) if entry.ticket else None
    return [each for each in (issue_link(entry), ticket) if each]


def _buttons(view: CardView, asker: Asker) -> list[Block]:
    request = view.request
    if request.state not in UNFINISHED:
        return []
    owning = owner_buttons(view)
    if request.holder is not None:
        # Only the owner releases; only others take over.
        is_own = asker.person.is_same(request.holder)
        owning = [each for each in owning if (each["action_id"] != TAKE_OVER) is is_own]
    # In a list, no button stands out.
    owning = [{part: each[part] for part in each if part != "style"} for each in owning]
    return [*owning, button("Mark contacted", MARK_CONTACTED, str(request.key))]


def again_id(key: IssueKey, again: str) -> str:
    """Both parts are short enough for an id."""
    return f"{AGAIN}:{key}:{again}"


def asked_again(block_id: str) -> str | None:
    """Do not trust the answer."""
    mark, _, rest = block_id.partition(":")
    key, separator, again = rest.partition(":")
    return again if mark == AGAIN and key and separator else None


def untriaged_text(one: UntriagedFeedback, zone: ZoneInfo, now: datetime) -> str:
    title = name(one.title) if one.title.strip() else f"issue #{one.key.iid}"
    about = f"ticket {one.ticket}" if one.ticket else title
    late = f"{OVERDUE_MARK} " if one.awaits_response(now) else ""
    facts = [f"{late}{_since(one, zone)}", *_assigned(one), *_links(one)]
    return f"{SENTIMENT_WORDS[one.sentiment]} · {about}\n{' · '.join(facts)}"


def untriaged_line(one: UntriagedFeedback, zone: ZoneInfo) -> str:
    return f"{feedback_link(one)} · {_since(one, zone)}"


def feedback_link(one: UntriagedFeedback) -> str:
    """Lead to the ticket, and beside it to the issue: such feedback has no card."""
    beside = issue_link(one) if one.ticket else None
    return " · ".join(filter(None, [subject_link(one), beside]))


def _since(one: UntriagedFeedback, zone: ZoneInfo) -> str:
    return f"since {moment(one.created_at, zone)}"


def _assigned(one: UntriagedFeedback) -> list[str]:
    who = ", ".join(name(each, 40) for each in one.assignees[:3])
    return [f"assigned to {who}" if who else "unassigned"]


def draw_item(
    item: CardView | UntriagedFeedback,
    asker: Asker,
    again: str | None,
    *,
    hours: BusinessHours,
    now: datetime,
) -> list[Block]:
    if isinstance(item, CardView):
        return request_row(item, asker, again)
    return [section(untriaged_text(item, hours.timezone, now))]


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
    if is_partial:
        blocks.append(unknown_account(asker))
    page = page_of(rows, turn, more)
    items = [board.item(row.entry) for row in page.rows]
    again = spell_again(listing, turn)
    for item in items:
        blocks += draw_item(item, asker, again, hours=board.hours, now=board.now)
    blocks += _footer(page, listing)
    first = next(iter(items), None)
    text = escape(notification(first)) if isinstance(first, CardView) else said
    return SlackMessage(text=text, blocks=tuple(blocks))


def _summary(rows: Sequence[Row], listing: Listing, more_untriaged: int) -> str:
    if not rows:
        return _nothing(listing)
    counts = {part: sum(row.part is part for row in rows) for part in Part}
    counts[Part.TRIAGE] += more_untriaged
    said = []
    if counts[Part.WAITING] or (listing.shows_waiting and not counts[Part.DONE]):
        said.append(f"*{_waiting(counts[Part.WAITING])}*")
    if counts[Part.TRIAGE]:
        said.append(count(counts[Part.TRIAGE], "untriaged feedback"))
    if counts[Part.DONE]:
        said.append(f"{counts[Part.DONE]} done in the last {count(listing.days, 'day')}")
    narrowing = _narrowing(listing)
    return " · ".join([*said, *([f"filters: {', '.join(narrowing)}"] if narrowing else [])])


def _waiting(number: int) -> str:
    if number == 0:
        return "No customer is waiting to hear from a manager ✅"
    return f"{count(number, 'customer is', 'customers are')} waiting to hear from a manager"


def _narrowing(listing: Listing) -> list[str]:
    widening = (Filter.ALL, Filter.DONE)
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
    items: tuple[CardView | UntriagedFeedback, ...]
    own: tuple[Target, ...]
    """All of this project's."""
    missing: tuple[Target, ...]
    """Not in the record."""
    foreign: tuple[Target, ...]
    """Links to other projects."""
    project: str
    """The path of the tracked one."""
    hours: BusinessHours
    now: datetime


def render_found(found: Found, asker: Asker) -> SlackMessage:
    blocks: list[Block] = []
    again = spell_again(Show(targets=found.own))
    for item in found.items[:MOST_SHOWN]:
        blocks += draw_item(item, asker, again, hours=found.hours, now=found.now)
    said = _unknown(found)
    blocks += map(section, said)
    first = next(iter(found.items), None)
    text = escape(headline(first)) if isinstance(first, CardView) else "".join(said[:1])
    return SlackMessage(text=text or "Feedback", blocks=tuple(blocks))


def _unknown(found: Found) -> list[str]:
    said = []
    if found.missing:
        names = name(", ".join(each.short for each in found.missing), 100)
        said.append(
            f"I don't know {names}. I track contact requests and untriaged feedback. `/ssat "
            "refresh` checks GitLab now."
        )
    for each in found.foreign:
        where = f"{name(each.place or '', 120)} #{each.number}"
        said.append(f"{where} is in another project. I only track {name(found.project, 120)}.")
    return said if said or found.items else [NOTHING_NAMED]


def render_preview(
    item: CardView | UntriagedFeedback, hours: BusinessHours, now: datetime
) -> list[Block]:
    """All can see it, so it has no buttons."""
    if isinstance(item, CardView):
        said = escape(headline(item))
    else:
        said = untriaged_text(item, hours.timezone, now)
    at = moment(now, hours.timezone)
    note = f"Status at {at}. The card stays up to date; this preview doesn't."
    return [section(said), context(note)]


# --- Help --------------------------------------------------------------------------------------


def render_help(
    problem: NotUnderstood | Mentioned | None = None, *, can_link: bool
) -> SlackMessage:
    lines = [
        f"`{escape(f'/ssat {words}'.strip())}`  {about}"
        for words, about in HELP
        if can_link or not words.startswith(Verb.LINK)
    ]
    lines.append(f"Filters can be combined: `/ssat {COMBINED}`.")
    said = _problem(problem, can_link=can_link)
    sections = [*([said] if said else []), "\n".join(lines)]
    return SlackMessage(
        text=said or "What /ssat can do", blocks=tuple(section(each) for each in sections)
    )


def _problem(problem: NotUnderstood | Mentioned | None, *, can_link: bool) -> str | None:
    match problem:
        case None:
            return None
        case Mentioned():
            return MENTIONED
        case NotUnderstood(word=word, nearest=nearest):
            is_useful = nearest is not None and (can_link or nearest != Verb.LINK)
            hint = f" Did you mean `/ssat {nearest}`?" if is_useful else ""
            return f'I don\'t know "{name(word, WORD_LIMIT)}".{hint}'
