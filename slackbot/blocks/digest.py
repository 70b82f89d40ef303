"""The channel's morning digest, and lists shared with the hand-over. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from itertools import accumulate
from zoneinfo import ZoneInfo

from slackbot.blocks.answers.duty import uncovered_line
from slackbot.blocks.answers.queue import feedback_row, request_line, request_link
from slackbot.blocks.elements import Block, context, section
from slackbot.blocks.text import count, name
from slackbot.blocks.view import CardView
from slackbot.blocks.words import OVERDUE_MARK, project_link, someone
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.request import IDLE_DAYS, RESPONSE_DAYS, Request, State
from slackbot.rules.timing.shifts import Uncovered

DIGEST_EVENT = "ssat_digest"
"""Metadata of a digest: only which day."""

NOON, EVENING = 12, 18
"""Hours at which it greets differently."""
ROWS = 10
"""How many rows of a list show; the rest is a number."""
PROBLEMS = 3
LIST_LIMIT = 1_600
"""In characters: six lists must fit into a message."""
FEEDBACK_ROWS = 3
"""How many of a list show with their menu."""
MENU_LENGTH = 150
"""In characters, about."""
MESSAGE_LIMIT = 9_500
"""In characters, for what each list shows: a message has about 10,000."""


@dataclass(frozen=True, kw_only=True)
class Contacts:
    on_time: int = 0
    late: int = 0

    @property
    def total(self) -> int:
        return self.on_time + self.late


@dataclass(frozen=True, kw_only=True)
class Digest:
    """What a team must know in the morning; each request is in one list only."""

    overdue: tuple[CardView, ...] = ()
    due_today: tuple[CardView, ...] = ()
    unclaimed: tuple[CardView, ...] = ()
    """The other unclaimed ones."""
    ended: tuple[CardView, ...] = ()
    """Ended in GitLab without a contact."""
    unanswered: tuple[CardView, ...] = ()
    """Feedback whose initial response is overdue."""
    waited: tuple[CardView, ...] = ()
    """What waited on others until today, or longer."""
    untriaged: tuple[CardView, ...] = ()
    """The other open feedback without a contact request."""
    since: datetime
    """The start of the last working day; of several digests a day, the time of the last one."""
    claimed_later: int
    """The other customers who wait: claimed, with time left."""
    unread: int
    """Older feedbacks whose comments are unreadable: was one a response?"""
    contacted: Contacts
    """By the team, since then."""
    triaged: int
    """Feedbacks without a contact request that the team has triaged since."""
    closed_idle: int = 0
    """Good reviews that the bot has closed since."""
    kudos: int = 0
    """Which wait for the week's issue."""
    stuck_kudos: tuple[str, ...] = ()
    """What keeps others from their places."""
    zone: ZoneInfo
    uncovered: tuple[Uncovered, ...] = ()
    """Until the end of the next working day."""
    token_problem: str | None = None
    """What the bot's administrator has to do about GitLab's token, after its name."""
    hour: int = 9
    """At which it comes."""

    @property
    def is_empty(self) -> bool:
        lists = (
            self.overdue,
            self.due_today,
            self.unclaimed,
            self.ended,
            self.unanswered,
            self.waited,
            self.untriaged,
        )
        told = (self.uncovered, self.triaged, self.closed_idle, self.kudos, self.stuck_kudos)
        concerns = (self.contacted.total, self.token_problem)
        return not any(lists) and not any(told) and not any(concerns)


def render_digest(digest: Digest) -> SlackMessage:
    lists = [
        (f"{OVERDUE_MARK} *Overdue*", [request_line(each) for each in digest.overdue]),
        ("⏰ *Due today*", [request_line(each) for each in digest.due_today]),
        ("🟠 *Unclaimed*, due later", [request_line(each) for each in digest.unclaimed]),
        ("⚫ *Ended without contact*", [_ended_line(each) for each in digest.ended]),
    ]
    said = _summary(digest)
    blocks = [section(f"☀️ *{said}*")]
    blocks += [list_section(title, rows) for title, rows in lists if rows]
    tail = [*_tail(digest)]
    room = MESSAGE_LIMIT - sum(len(block["text"]["text"]) for block in (*blocks, *tail))
    return SlackMessage(text=said, blocks=(*blocks, *_feedback(digest, room), *tail))


def _feedback(digest: Digest, room: int) -> Iterator[Block]:
    """Show what has no card, or is to be seen again, with its menu, as far as there is room."""
    for title, all_in, views in (
        (f"💬 *No initial response within {RESPONSE_DAYS} days*", "`/ssat`", digest.unanswered),
        ("⏸️ *Waited until today*", "`/ssat all`", digest.waited),
        ("🗂️ *Untriaged feedback*", "`/ssat`", digest.untriaged),
    ):
        rows = [feedback_row(view) for view in views[:FEEDBACK_ROWS]]
        lengths = [*accumulate(len(row["text"]["text"]) + MENU_LENGTH for row in rows)]
        fitting = sum(length <= room for length in lengths)
        left = len(views) - fitting
        if views:
            yield section(f"{title} ({len(views)})")
        yield from rows[:fitting]
        if left:
            yield context(f"… and {left} more: {all_in} shows all")
        room -= lengths[fitting - 1] if fitting else 0


def _tail(digest: Digest) -> Iterator[Block]:
    if digest.uncovered:
        yield section(_uncovered(digest))
    if digest.unread:
        about = count(digest.unread, "older feedback")
        yield section(f"I couldn't check whether {about} had a response.")
    yield from map(section, _kudos_lines(digest))
    done = [contacts_words(digest.contacted)] if digest.contacted.total else []
    done += [triaged_words(digest.triaged)] if digest.triaged else []
    done += [idle_words(digest.closed_idle)] if digest.closed_idle else []
    if done:
        since = digest.since.astimezone(digest.zone)
        when = f"{since:%A} {since.day} {since:%b}"
        if since.time() != time():  # several digests a day
            when += f", {since:%H:%M}"
        yield section(f"✅ Since {when}: {'; '.join(done)}.")
    if digest.token_problem:
        yield section(f"🔑 *For the bot's administrator:* GITLAB_TOKEN {digest.token_problem}.")


def _summary(digest: Digest) -> str:
    groups = [
        _waiting(digest, "unclaimed", len(digest.unclaimed), is_claimed=False),
        _waiting(digest, "claimed", digest.claimed_later, is_claimed=True),
    ]
    if digest.ended:
        groups.append(f"{len(digest.ended)} ended without contact")
    if digest.waited:
        groups.append(f"{len(digest.waited)} waited until today")
    if digest.unanswered:
        groups.append(f"{len(digest.unanswered)} without an initial response")
    if digest.untriaged:
        groups.append(f"{len(digest.untriaged)} untriaged")
    said = "; ".join(filter(None, groups))
    part = "morning" if digest.hour < NOON else "afternoon" if digest.hour < EVENING else "evening"
    return f"Good {part}. Customer feedback: {said or 'nobody is waiting'}"


def _uncovered(digest: Digest) -> str:
    first, *others = digest.uncovered
    more = f" {count(len(others), 'more gap')}: type `/ssat duty`." if others else ""
    return f"🗓️ *Not covered:* {uncovered_line(first, digest.zone)}.{more}"


def _waiting(digest: Digest, what: str, later: int, *, is_claimed: bool) -> str:
    """Count each customer once, and then say how many of them are urgent."""
    overdue, today = (
        sum((view.request.holder is not None) is is_claimed for view in views)
        for views in (digest.overdue, digest.due_today)
    )
    total = overdue + today + later
    urgent = _shares(total, {"overdue": overdue, "due today": today})
    return ", ".join(filter(None, [f"{total} {what}", urgent])) if total else ""


def _ended_line(view: CardView) -> str:
    request = view.request
    owner = f"owner: {someone(request.holder)}" if request.holder else "no owner"
    return " · ".join([request_link(view), _how_it_ended(request), owner])


def _how_it_ended(request: Request) -> str:
    if request.state is State.GONE:
        return "deleted or moved in GitLab"
    how = "closed in GitLab"
    if request.moved_to is not None:
        how = f"moved to {project_link(request.moved_to)}"
    return f"{how} by {name(request.closed_by)}" if request.closed_by else how


def contacts_words(contacts: Contacts) -> str:
    if not contacts.total:
        return "no customer contacted"
    shares = _shares(contacts.total, {"on time": contacts.on_time, "late": contacts.late})
    return f"{count(contacts.total, 'customer')} contacted, {shares}"


def _shares(total: int, parts: Mapping[str, int]) -> str:
    """Say "both late", "1 on time and 1 late", or "1 of them late"."""
    found = {what: number for what, number in parts.items() if number}
    if list(found.values()) == [total]:
        return {1: "", 2: "both "}.get(total, "all ") + "".join(found)
    said = " and ".join(f"{number} {what}" for what, number in found.items())
    return said if sum(found.values()) == total else said.replace(" ", " of them ", 1)


def triaged_words(number: int) -> str:
    return f"{count(number, 'other feedback')} triaged"


def idle_words(number: int) -> str:
    return f"{count(number, 'good review')} closed after {IDLE_DAYS} idle days"


def _kudos_lines(digest: Digest) -> Iterator[str]:
    if digest.kudos:
        yield f"🎉 {digest.kudos} kudos waiting for the week's review issue."
    for problem in digest.stuck_kudos[:PROBLEMS]:
        yield f"🎉 Kudos not posted yet. {problem}"


def list_section(title: str, rows: Sequence[str], *, all_in: str = "`/ssat`") -> Block:
    """``all_in`` is where the rest is."""
    lengths = accumulate(len(row) + len("• \n") for row in rows[:ROWS])
    fitting = sum(length <= LIST_LIMIT for length in lengths)
    lines = [f"{title} ({len(rows)})", *(f"• {row}" for row in rows[:fitting])]
    if len(rows) > fitting:
        lines.append(f"… and {len(rows) - fitting} more: {all_in} shows all")
    return section("\n".join(lines))
