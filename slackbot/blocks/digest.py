"""The morning's digest of the channel, and the lists that it shares with the hand-over. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from zoneinfo import ZoneInfo

from slackbot.blocks.card import CardView, SlackMessage, subject, time_left
from slackbot.blocks.text import Block, escape, moment, mrkdwn
from slackbot.blocks.words import OVERDUE_MARK, someone
from slackbot.rules.untriaged import PlainFeedback

DIGEST_EVENT = "ssat_digest"
"""The event type in the metadata of a digest; its payload says of which day."""

ROWS = 10
"""So many rows of a list are shown; the rest is a number."""
LIST_LIMIT = 2300
"""So many characters a list may take: four of them have to fit into a message's 10,000."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """How many customers were contacted in a time: before the deadline, and after it."""

    in_time: int = 0
    late: int = 0

    @property
    def total(self) -> int:
        """How many customers were contacted."""
        return self.in_time + self.late


@dataclass(frozen=True, kw_only=True)
class Digest:
    """What a team has to know in the morning; each request is in one list only."""

    overdue: tuple[CardView, ...] = ()
    due_today: tuple[CardView, ...] = ()
    unclaimed: tuple[CardView, ...] = ()
    """The others that nobody holds."""
    unanswered: tuple[PlainFeedback, ...] = ()
    """Feedbacks whose initial response is overdue."""
    response_days: int
    since: datetime
    """When the last working day began."""
    claimed_later: int
    """How many customers wait besides those: somebody has them, and time is left."""
    unread: int
    """Of how many older feedbacks the comments could not be read: was one a response?"""
    contacted: Kept
    """Whom the team has contacted since."""
    triaged: int
    """How many of the feedbacks that ask for no contact the team has triaged since."""
    zone: ZoneInfo

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        lists = (self.overdue, self.due_today, self.unclaimed, self.unanswered)
        return not any(lists) and not self.contacted.total and not self.triaged


def render_digest(digest: Digest) -> SlackMessage:
    """Draw the digest."""
    days = digest.response_days
    lists = [
        (f"{OVERDUE_MARK} *Overdue*", [request_row(each) for each in digest.overdue]),
        ("⏰ *Due today*", [request_row(each) for each in digest.due_today]),
        ("🟠 *Unclaimed*, due later", [request_row(each) for each in digest.unclaimed]),
        (
            f"💬 *No initial response within {days} days*",
            [untriaged_line(each, digest.zone) for each in digest.unanswered],
        ),
    ]
    said = _summary(digest)
    blocks = [section(f"☀️ *{said}*")]
    blocks += [list_section(title, rows) for title, rows in lists if rows]
    if digest.unread:
        about = "1 older feedback" if digest.unread == 1 else f"{digest.unread} older feedbacks"
        blocks.append(section(f"Whether {about} had a response could not be read."))
    done = [kept_words(digest.contacted)] if digest.contacted.total else []
    done += [triaged_words(digest.triaged)] if digest.triaged else []
    if done:
        since = digest.since.astimezone(digest.zone)
        when = f"{since:%A} {since.day} {since:%b}"
        blocks.append(section(f"✅ Since {when}: {'; '.join(done)}."))
    return SlackMessage(text=said, blocks=tuple(blocks))


def _summary(digest: Digest) -> str:
    counts = {
        "overdue": len(digest.overdue),
        "due today": len(digest.due_today),
        "unclaimed": len(digest.unclaimed),
        "claimed and due later": digest.claimed_later,
        "without an initial response": len(digest.unanswered),
    }
    said = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    return f"Good morning. Customer feedback: {said or 'nobody is waiting'}"


def kept_words(contacted: Kept) -> str:
    """Say how many customers were contacted, and whether that was in time."""
    customers = "1 customer" if contacted.total == 1 else f"{contacted.total} customers"
    return f"{customers} contacted, {contacted.in_time} in time and {contacted.late} late"


def triaged_words(number: int) -> str:
    """Say how many of the feedbacks that ask for no contact were triaged."""
    return f"{number} other feedback{'' if number == 1 else 's'} triaged"


def request_row(view: CardView) -> str:
    """Draw a request as a row of a list: what, how long, and who has it."""
    request = view.request
    holder = someone(request.holder) if request.holder else "unclaimed"
    return f"{_linked(subject(request), request.url)} · {time_left(view)} · {holder}"


def untriaged_line(one: PlainFeedback, zone: ZoneInfo) -> str:
    """Draw a feedback that awaits triage as a row of a list."""
    return f"{feedback_link(one)} · since {moment(one.created_at, zone)}"


def feedback_link(one: PlainFeedback) -> str:
    """Name a feedback that asks for no contact, with a link to its issue."""
    return _linked(f"ticket {one.ticket}" if one.ticket else f"feedback #{one.key.iid}", one.url)


def _linked(text: str, url: str) -> str:
    if not url.startswith(("https://", "http://")):
        return text
    return f"<{escape(url).replace('|', '%7C')}|{text}>"


def list_section(title: str, rows: Sequence[str], *, all_in: str = "`/ssat`") -> Block:
    """Draw a list with its title, the first rows of it and how many more there are, and where."""
    lengths = accumulate(len(row) + len("• \n") for row in rows[:ROWS])
    fitting = sum(length <= LIST_LIMIT for length in lengths)
    lines = [f"{title} ({len(rows)})", *(f"• {row}" for row in rows[:fitting])]
    if len(rows) > fitting:
        lines.append(f"… and {len(rows) - fitting} more: {all_in} shows all")
    return section("\n".join(lines))


def section(said: str) -> Block:
    """Draw some words as a block of their own."""
    return {"type": "section", "text": mrkdwn(said)}
