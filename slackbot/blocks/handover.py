"""The hand-over at the change of duty, sent to both managers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from slackbot.blocks.answers.queue import request_line, request_link, untriaged_line, wait_line
from slackbot.blocks.digest import Contacts, contacts_words, list_section, triaged_words
from slackbot.blocks.elements import section
from slackbot.blocks.text import count, moment, name
from slackbot.blocks.view import CardView
from slackbot.blocks.words import someone
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.request import Person, State

HANDOVER_EVENT = "ssat_handover"
"""Metadata of a hand-over: which turn, and to whom."""


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """A turn that has ended.

    Handbook, "What does success look like?": by then the triage is done, contact is initiated, and
    what has no outstanding dependency is closed.
    """

    before: tuple[Person, ...]
    after: tuple[Person, ...]
    began_at: datetime
    ended_at: datetime
    contacted: Contacts
    labeled: int
    """Requests with a new feedback label, from Slack or GitLab."""
    triaged: int
    """Feedbacks without a contact request, now labeled or closed."""
    left_open: tuple[CardView, ...]
    """A customer still waits."""
    untriaged: tuple[CardView, ...]
    dependent: tuple[CardView, ...]
    """Open, and waiting on others."""
    to_close: tuple[CardView, ...]
    """Open issues with nothing outstanding, as far as the bot sees."""
    zone: ZoneInfo
    team: str = ""
    """Its name where there are several."""


def render_handover(hand_over: HandOver, *, is_outgoing: bool) -> SlackMessage:
    said = _opening(hand_over, is_outgoing=is_outgoing)
    blocks = [section(f"🤝 *{said}*"), section(_done(hand_over))]
    to_close = [_close_row(each) for each in hand_over.to_close]
    if hand_over.left_open:
        rows = [request_line(each) for each in hand_over.left_open]
        blocks.append(list_section("*Open: the customer has not been contacted*", rows))
    if hand_over.untriaged:
        rows = [untriaged_line(each) for each in hand_over.untriaged]
        blocks.append(list_section("*Open: untriaged feedback*", rows))
    if hand_over.dependent:
        rows = [wait_line(each) for each in hand_over.dependent]
        blocks.append(list_section("*Open: waiting on others*", rows, all_in="`/ssat all`"))
    if to_close:
        blocks.append(list_section("*Ready to close*", to_close, all_in="GitLab"))
    if not (hand_over.left_open or hand_over.untriaged or hand_over.dependent or to_close):
        blocks.append(section("Nothing is left open. ✅"))
    return SlackMessage(text=said, blocks=tuple(blocks))


def _opening(hand_over: HandOver, *, is_outgoing: bool) -> str:
    of_team = f" of the team {name(hand_over.team)}" if hand_over.team else ""
    if not is_outgoing:
        return f"You're the manager on duty{of_team} now, after {_names(hand_over.before)}."
    after = _names(hand_over.after)
    follows = f"{after} is on duty now" if after else "The schedule names nobody after you"
    return f"Your turn as manager on duty{of_team} has ended. {follows}."


def _names(people: Sequence[Person]) -> str:
    return " and ".join(someone(each) for each in people)


def _done(hand_over: HandOver) -> str:
    began, ended = (moment(at, hand_over.zone) for at in (hand_over.began_at, hand_over.ended_at))
    labels = f"feedback label chosen for {count(hand_over.labeled, 'request')}"
    done = [contacts_words(hand_over.contacted), labels, triaged_words(hand_over.triaged)]
    return f"From {began} to {ended}: {'; '.join(done)}."


def _close_row(view: CardView) -> str:
    request = view.request
    why = "contact no longer requested" if request.was_requested else "no contact requested"
    why = "contacted" if request.state is State.CONTACTED else why
    done = "labeled" if view.label else "without a feedback label"
    return f"{request_link(view)} · {why}, {done}"
