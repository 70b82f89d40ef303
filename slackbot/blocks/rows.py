"""One feedback in a few lines, wherever several are shown: queue, home, small card. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from slackbot.blocks.card import (
    MARK_CONTACTED,
    TAKE_OVER,
    CardView,
    button,
    headline,
    holding_buttons,
    time_left,
)
from slackbot.blocks.text import Block, duration, escape, moment, mrkdwn, name
from slackbot.blocks.words import OVERDUE_MARK, SENTIMENT_WORDS
from slackbot.rules.deadline import BusinessHours
from slackbot.rules.request import UNFINISHED, IssueKey, Person, State
from slackbot.rules.untriaged import PlainFeedback

AGAIN = "again"
"""How the block of a row's buttons begins; behind it stand the issue and what was asked for."""
URL_LIMIT = 300
"""How long a link may be in a row: over all rows it has to fit into a message."""
RESPONSE = timedelta(days=7)
"""Handbook: send an initial response to each issue within 7 days of its creation."""

UNKNOWN_IN_GITLAB = (
    "Your GitLab account is not known (yet), so what GitLab assigned to you is not shown as yours. "
    "If it shows the e-mail that you have in Slack, it is found by itself in a moment; else type "
    "`/ssat link &lt;gitlab username&gt;`."
)


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who looks, and whether buttons are of use to them."""

    person: Person
    may_act: bool

    @property
    def is_unknown_in_gitlab(self) -> bool:
        """Whether it cannot be told what GitLab assigned to somebody who is to see to it."""
        return self.may_act and self.person.gitlab is None


def request_row(view: CardView, asker: Asker, again: str | None = None) -> list[Block]:
    """Draw a request for contact, with the buttons that apply to who looks.

    Args:
        view: The request.
        asker: Who looks.
        again: What they asked for, so that it can be shown again after a click.
    """
    lines = [escape(headline(view).replace("@", "\uff20")), " · ".join(_facts(view))]
    blocks: list[Block] = [{"type": "section", "text": mrkdwn("\n".join(lines))}]
    elements = _buttons(view, asker) if asker.may_act else []
    if elements:
        actions: Block = {"type": "actions", "elements": elements}
        if again is not None:
            actions["block_id"] = again_id(view.request.key, again)
        blocks.append(actions)
    return blocks


def _facts(view: CardView) -> list[str]:
    request, zone = view.request, view.hours.timezone
    facts = []
    if request.state in UNFINISHED:
        facts += [time_left(view), f"due {moment(request.due_at, zone)}"]
    elif request.contacted_at is not None and request.state is State.CONTACTED:
        late = OVERDUE_MARK if request.contacted_at > request.due_at else ""
        facts.append(f"{late} contacted {moment(request.contacted_at, zone)}".strip())
        if request.contacted_by:
            facts.append(f"by {name(request.contacted_by.name)}")
    facts += links(request.url, request.key, request.ticket, request.ticket_url)
    if view.pending and request.state is not State.CONTACTED:
        facts.append("⏳ not in GitLab yet")
    if view.refused:
        facts.append("⚠️ something did not reach GitLab: see the card")
    return facts


def links(url: str, key: IssueKey, ticket: int | None, ticket_url: str | None) -> list[str]:
    """Link issue and ticket, as far as there are such."""
    found = []
    if url.startswith(("https://", "http://")) and len(url) <= URL_LIMIT:
        found.append(f"<{escape(url).replace('|', '%7C')}|#{key.iid}>")
    if ticket_url:
        found.append(f"<{ticket_url}|ticket {ticket}>")
    return found


def _buttons(view: CardView, asker: Asker) -> list[Block]:
    request = view.request
    if request.state not in UNFINISHED:
        return []
    holding = holding_buttons(view)
    if request.holder is not None:
        # Nobody takes over from themselves, and only who has it can release it.
        is_own = asker.person.is_same(request.holder)
        holding = [each for each in holding if (each["action_id"] != TAKE_OVER) is is_own]
    # None of many stands out: what is urgent says so itself.
    holding = [{part: each[part] for part in each if part != "style"} for each in holding]
    return [*holding, button("Mark contacted", MARK_CONTACTED, str(request.key))]


def again_id(key: IssueKey, again: str) -> str:
    """Name a block of buttons by the issue and what was asked for, which both are short."""
    return f"{AGAIN}:{key}:{again}"


def asked_again(block_id: str) -> str | None:
    """Read what was asked for from the name of a block; it is not to be trusted."""
    mark, _, rest = block_id.partition(":")
    key, separator, again = rest.partition(":")
    return again if mark == AGAIN and key and separator else None


def untriaged_row(one: PlainFeedback, hours: BusinessHours, now: datetime) -> Block:
    """Draw a feedback that asks for no contact."""
    return {"type": "section", "text": mrkdwn(untriaged_line(one, hours, now))}


def untriaged_line(one: PlainFeedback, hours: BusinessHours, now: datetime) -> str:
    """Say in one line what awaits triage, since when, and who is to see to it."""
    title = name(one.title) if one.title.strip() else f"issue #{one.key.iid}"
    subject = f"ticket {one.ticket}" if one.ticket else title
    what = f"{SENTIMENT_WORDS[one.sentiment]}: {subject}"
    age = now - one.created_at
    late = f"{OVERDUE_MARK} " if age > RESPONSE and not one.comments else ""
    since = f"{late}for {duration(max(age, timedelta(0)))}"
    who = ", ".join(name(each, 40) for each in one.assignees[:3]) or "nobody"
    facts = [since, f"assigned to {who}", *links(one.url, one.key, one.ticket, one.ticket_url)]
    return f"{what}\n{' · '.join(facts)}"
