"""Small cards: single feedbacks that somebody asked for, or whose link was pasted. Pure."""

from dataclasses import dataclass
from datetime import datetime

from slackbot.blocks.card import CardView, SlackMessage, headline
from slackbot.blocks.rows import Asker, request_row, untriaged_line, untriaged_row
from slackbot.blocks.text import Block, escape, moment, mrkdwn, name
from slackbot.rules.deadline import BusinessHours
from slackbot.rules.query import Show, Target, spell_again
from slackbot.rules.untriaged import PlainFeedback

MOST = 10
"""How many small cards a message has at the most: a ticket may have several feedbacks."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is on record of the feedbacks that somebody asked for."""

    items: tuple[CardView | PlainFeedback, ...]
    own: tuple[Target, ...]
    """All of this project that was asked for."""
    missing: tuple[Target, ...]
    """Those of which nothing is on record."""
    foreign: tuple[Target, ...]
    """Links to other projects."""
    project: str
    """The path of the one that is on record."""
    hours: BusinessHours
    now: datetime


def render_found(found: Found, asker: Asker) -> SlackMessage:
    """Draw the feedbacks that somebody asked for, and say of which nothing is known."""
    blocks: list[Block] = []
    again = spell_again(Show(targets=found.own))
    for item in found.items[:MOST]:
        blocks += _small_card(item, found, asker, again)
    said = _unknown(found)
    blocks += [{"type": "section", "text": mrkdwn(each)} for each in said]
    first = next(iter(found.items), None)
    text = escape(headline(first)) if isinstance(first, CardView) else "".join(said[:1])
    return SlackMessage(text=text or "Feedback", blocks=tuple(blocks))


def _small_card(
    item: CardView | PlainFeedback, found: Found, asker: Asker, again: str
) -> list[Block]:
    if isinstance(item, CardView):
        return request_row(item, asker, again)
    return [untriaged_row(item, found.hours, found.now)]


def _unknown(found: Found) -> list[str]:
    said = []
    if found.missing:
        names = ", ".join(each.short for each in found.missing)
        said.append(
            f"Nothing is on record about {name(names, 100)}. On record are the requests for "
            "contact and what awaits triage; `/ssat refresh` looks at GitLab now."
        )
    for each in found.foreign:
        said.append(
            f"{name(each.place or '', 120)} #{each.number} is in another project. Only "
            f"{name(found.project, 120)} is on record here."
        )
    if not (said or found.items):
        said.append(NOTHING_NAMED)
    return said


NOTHING_NAMED = "No ticket and no feedback issue is named here."
SAY_WHICH = "Say which: a number or a link, as in `/ssat show 412345`."


def render_unfurl(
    item: CardView | PlainFeedback, hours: BusinessHours, now: datetime
) -> list[Block]:
    """Draw what a pasted link shows: the state as of now, without buttons, for all to see."""
    if isinstance(item, CardView):
        section: Block = {"type": "section", "text": mrkdwn(escape(headline(item)))}
    else:
        section = {"type": "section", "text": mrkdwn(untriaged_line(item, hours, now))}
    as_of = f"As of {moment(now, hours.timezone)}; the card follows, this does not."
    return [section, {"type": "context", "elements": [mrkdwn(as_of)]}]
