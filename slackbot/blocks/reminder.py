"""Reminders and summaries. They never change, so they must stay true for later readers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from slackbot.blocks.answers.queue import request_link
from slackbot.blocks.card import contact_button, owner_buttons, time_left
from slackbot.blocks.elements import (
    Block,
    actions,
    button,
    link,
    message,
    option,
    quoted,
    section,
    select,
)
from slackbot.blocks.menu import IN_ROW, menu, offer_button
from slackbot.blocks.text import capitalized, count, duration, moment
from slackbot.blocks.view import CardView
from slackbot.blocks.words import (
    MISSES,
    OVERDUE_MARK,
    PEOPLE_SHOWN,
    issue_link,
    mention,
    someone,
    subject,
    subject_link,
)
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.decision import Miss
from slackbot.rules.offers import Offer, offers
from slackbot.rules.reading.slack_ids import is_group
from slackbot.rules.request import RESPONSE_DAYS, Person
from slackbot.rules.timing.responses import respond_by

REMINDER_EVENT = "ssat_reminder"
"""Metadata of a reminder: only which one."""
GAP_EVENT = "ssat_gap"
"""Metadata of the line that stands for many late reminders."""
SUMMARY_EVENT = "ssat_summary"
RESPONSE_EVENT = "ssat_response"
"""Metadata of a reminder of an initial response: only which one."""

EXPLAIN_WITH = "explain_with"
"""Action id of the reasons for a missed deadline; ``Miss.OTHER`` asks for words."""

REMINDER_MARK, LEAD_MARK = "⏰", "🚨"


def render_reminder(view: CardView, to: Sequence[Person], *, is_missed: bool) -> SlackMessage:
    """``to`` is empty where nobody is known, or it is only for the channel."""
    mark = OVERDUE_MARK if view.is_overdue else REMINDER_MARK
    said = " ".join([mark, _addressed(_what(view), to), *_why(view, to)])
    said += f" {_links(view)}"
    if is_missed:
        said += " (This reminder is late: ssat-bot was offline.)"
    return SlackMessage(text=said, blocks=(section(said), *_buttons(view)))


def render_lead(view: CardView, lead: str) -> SlackMessage:
    """``lead`` is the id of a Slack user or user group."""
    whom = f"<!subteam^{lead}>" if is_group(lead) else f"<@{lead}>"
    about = subject_link(view.request)
    due = moment(view.request.due_at, view.hours.timezone)
    said = (
        f"{LEAD_MARK} {whom}: the deadline to contact the customer on {about} was {due}, and "
        f"nobody has reacted. {_owner(view)}. {_links(view)}"
    )
    return SlackMessage(text=said, blocks=(section(said), *_buttons(view, may_take_over=True)))


def render_response_reminder(view: CardView) -> SlackMessage:
    """For the direct messages of who is to respond: handbook, "How fast do I need to respond?"."""
    by = moment(respond_by(view.request), view.hours.timezone)
    please = f"Please send an initial response to {request_link(view)}"
    after = f"{RESPONSE_DAYS} days after it was created. Nobody has responded so far."
    said = f"{REMINDER_MARK} {please} by {by}, {after}"
    if view.now >= respond_by(view.request):
        said = f"{OVERDUE_MARK} {please} now. It was due {by}, {after}"
    offered = offers(view.request, view.now)
    buttons = [offer_button(view, each) for each in ANSWERS if each in offered]
    more = menu(view, without=ANSWERS)
    answers = actions([*buttons, *([more] if more else [])])
    return SlackMessage(
        text=said, blocks=(section(said), *quoted(view.request.comment, 2, 240), answers)
    )


ANSWERS = (Offer.REVIEW, Offer.NOTE, Offer.CLOSE)
"""What counts as a response, or makes it needless."""


def render_gap(requests: int) -> SlackMessage:
    """For the channel, which would not see the late reminders."""
    return message(
        f"{REMINDER_MARK} The reminders of {count(requests, 'request')} are late because ssat-bot "
        "was offline. They are in the threads of the cards. `/ssat` shows every customer who is "
        "waiting now."
    )


def _addressed(said: str, to: Sequence[Person]) -> str:
    if not to:
        return capitalized(said)
    more = len(to) - PEOPLE_SHOWN
    named = [mention(each) for each in to[:PEOPLE_SHOWN]]
    return f"{' '.join([*named, f'and {more} more'] if more > 0 else named)}: {said}"


def _what(view: CardView) -> str:
    due = moment(view.request.due_at, view.hours.timezone)
    what = f"please contact the customer on {subject_link(view.request)}"
    if view.is_overdue:
        return f"{what} now. The deadline was {due} ({time_left(view)})."
    return f"{what} by {due} ({time_left(view)})."


def _why(view: CardView, to: Sequence[Person]) -> list[str]:
    """Leave it out for who claimed the request."""
    holder = view.request.holder
    if any(each.is_same(holder) for each in to):
        return []
    return [f"{_owner(view)}, and {_duty(view)}." if to else f"{_owner(view)}."]


def _duty(view: CardView) -> str:
    if view.on_duty and view.on_duty.problem:
        return "you were the last known manager on duty"
    return "you're on duty"


def _owner(view: CardView) -> str:
    holder = view.request.holder
    return f"{someone(holder)} has claimed it" if holder else "Nobody has claimed it"


def _links(view: CardView) -> str:
    """Lead to the card and the issue: the ticket is in the sentence."""
    card = link(view.url, "card") if view.url else None
    return " · ".join(filter(None, [card, issue_link(view.request)]))


def _buttons(view: CardView, *, may_take_over: bool = False) -> list[Block]:
    """Offer what answers the reminder. They stay, so the rules judge them anew."""
    about = subject(view.request)
    claim = owner_buttons(view)[:1] if may_take_over or view.request.holder is None else []
    snooze = button("Snooze", Offer.SNOOZE, str(view.key), label=f"Snooze, {about}")
    # Reminders after the deadline cannot be snoozed.
    found = [*claim, contact_button(view), *([] if view.is_overdue else [snooze])]
    more = menu(view, without={*IN_ROW, Offer.SNOOZE})
    why = [_reasons_to_miss()] if Offer.EXPLAIN in offers(view.request, view.now) else []
    # A select's option has no room for the key: the block names it.
    return [actions([*found, *why, *([more] if more else [])], block_id=str(view.key))]


def _reasons_to_miss() -> Block:
    own_words = {**MISSES, Miss.OTHER: "in your own words…"}
    options = [option(capitalized(text), reason) for reason, text in own_words.items()]
    return select("Why was it late?", options) | {"action_id": EXPLAIN_WITH}


# --- Many requests at once ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Requests found at once, by the time left."""

    away: timedelta | None
    """How long the bot was away; ``None`` at the first start."""
    overdue: int
    near: int
    later: int
    near_hours: int
    """How many business hours are near."""

    @property
    def total(self) -> int:
        return self.overdue + self.near + self.later


def render_summary(summary: Summary) -> SlackMessage:
    return message(" ".join([_opening(summary), *_urgent(summary), *_later(summary)]))


def _opening(summary: Summary) -> str:
    if summary.away is None:
        waiting = count(summary.total, "customer is", "customers are")
        return f"👋 ssat-bot is running. *{waiting} waiting to hear from a manager.*"
    away, customers = duration(summary.away), count(summary.total, "customer")
    return (
        f"👋 ssat-bot is back after {away}. *{customers} asked for a manager's contact in the "
        "meantime.*"
    )


def _urgent(summary: Summary) -> list[str]:
    number = summary.overdue + summary.near
    if not number:
        return []
    near = f"{_are(summary.near)} due within {summary.near_hours} business hours"
    counts = [f"{_are(summary.overdue)} overdue"] if summary.overdue else []
    counts += [near] if summary.near else []
    cards = "The card is coming now." if number == 1 else "The cards come now, most urgent first."
    return [f"{' and '.join(counts)}.", cards]


def _later(summary: Summary) -> list[str]:
    if not summary.later:
        return []
    cards = "Its card comes" if summary.later == 1 else "Their cards come"
    return [f"{_are(summary.later)} due later. {cards} in time; `/ssat` shows all of them now."]


def _are(number: int) -> str:
    return count(number, "is", "are")
