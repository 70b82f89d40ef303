"""The hand-over at the change of duty, as both managers get it by direct message. Pure.

Handbook, "What does success look like?": at the end of a rotation the triage is done, contact is
initiated, and what has no outstanding dependency is closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from slackbot.blocks.card import CardView, SlackMessage
from slackbot.blocks.digest import (
    Kept,
    feedback_link,
    kept_words,
    list_section,
    request_row,
    section,
    triaged_words,
    untriaged_line,
)
from slackbot.blocks.text import moment
from slackbot.blocks.words import someone
from slackbot.rules.request import Person, State
from slackbot.rules.untriaged import PlainFeedback

HANDOVER_EVENT = "ssat_handover"
"""The event type in the metadata of a hand-over; its payload says which turn, and to whom."""


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """A turn that has ended: what was done in it, and what is left to whoever follows."""

    before: tuple[Person, ...]
    after: tuple[Person, ...]
    began_at: datetime
    ended_at: datetime
    contacted: Kept
    labelled: int
    """How many requests got a feedback label, in Slack or in GitLab."""
    triaged: int
    """How many feedbacks that ask for no contact got one, or were closed."""
    left_open: tuple[CardView, ...]
    """In which a customer still waits."""
    untriaged: tuple[PlainFeedback, ...]
    to_close: tuple[CardView, ...]
    """Whose issue is open though nothing is outstanding, as far as the bot can see."""
    others_to_close: tuple[PlainFeedback, ...]
    """Feedbacks that ask for no contact, have a feedback label and are open."""
    zone: ZoneInfo


def render_handover(hand_over: HandOver, *, is_outgoing: bool) -> SlackMessage:
    """Draw a hand-over, for whom it ends or for whom it begins."""
    said = _opening(hand_over, is_outgoing=is_outgoing)
    blocks = [section(f"🤝 *{said}*"), section(_done(hand_over))]
    if hand_over.left_open:
        rows = [_open_row(each) for each in hand_over.left_open]
        blocks.append(list_section("*Open: the customer has not been contacted*", rows))
    if hand_over.untriaged:
        rows = [untriaged_line(each, hand_over.zone) for each in hand_over.untriaged]
        blocks.append(list_section("*Open: awaits triage*", rows))
    to_close = [_close_row(each) for each in hand_over.to_close]
    to_close += [_other_row(each) for each in hand_over.others_to_close]
    if to_close:
        title = "*No outstanding dependency that the bot knows of: could be closed*"
        blocks.append(list_section(title, to_close, all_in="GitLab"))
    if not (hand_over.left_open or hand_over.untriaged or to_close):
        blocks.append(section("Nothing is left open. ✅"))
    return SlackMessage(text=said, blocks=tuple(blocks))


def _opening(hand_over: HandOver, *, is_outgoing: bool) -> str:
    if is_outgoing:
        after = _names(hand_over.after)
        follows = f"{after} is on duty now" if after else "nobody is known to follow"
        return f"Your turn as reviewing manager has ended, {follows}"
    return f"You are the reviewing manager on duty now, after {_names(hand_over.before)}"


def _names(people: Sequence[Person]) -> str:
    return " and ".join(someone(each) for each in people)


def _done(hand_over: HandOver) -> str:
    began, ended = (moment(at, hand_over.zone) for at in (hand_over.began_at, hand_over.ended_at))
    labelled = hand_over.labelled
    labels = f"a feedback label chosen for {labelled} request{'' if labelled == 1 else 's'}"
    done = "; ".join((kept_words(hand_over.contacted), labels, triaged_words(hand_over.triaged)))
    return f"From {began} to {ended}: {done}."


def _open_row(view: CardView) -> str:
    """Draw a request with why it is still open, as far as the record knows."""
    row, request = request_row(view), view.request
    if request.holder and request.held_since:
        row += f" since {moment(request.held_since, view.hours.timezone)}"
    if view.refused:
        return f"{row} · GitLab refused a choice: the card says why"
    return f"{row} · a choice waits for GitLab" if view.pending else row


def _close_row(view: CardView) -> str:
    why = "contacted" if view.request.state is State.CONTACTED else "no longer requested"
    label = "labelled" if view.label else "without a feedback label"
    return f"{request_row(view).partition(' · ')[0]} · {why}, {label}"


def _other_row(one: PlainFeedback) -> str:
    return f"{feedback_link(one)} · no contact requested, labelled"
