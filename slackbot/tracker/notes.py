"""The bot's notes on feedback issues: on whose behalf, what, and the hidden marker. Pure.

People's text is made inert, because GitLab executes quick actions in notes posted by API:
https://docs.gitlab.com/user/project/quick_actions/.
"""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from slackbot.request import Person
from slackbot.tracker.snapshot import Note
from slackbot.triage import (
    Channel,
    ChooseLabel,
    Claim,
    Decision,
    MarkContacted,
    Release,
    TakeOver,
)

_MARKER = re.compile(r"(?:\A|\n)<!-- ssat-bot: (\{.*\}) -->\Z")
# GitLab finds one wherever no ASCII word ends: ".@avery", too. Backslashes before would undo ours.
_MENTION = re.compile(r"(\\+)@|(?<!\w)@", re.ASCII)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~$&@:/-])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u0085\u2028\u2029]")

CHANNELS = {
    Channel.EMAIL: "by e-mail",
    Channel.TICKET: "on the Zendesk ticket",
    Channel.CALL: "by call",
}


def marker(decision: Decision) -> str:
    """Return the hidden line by which the bot knows its own note of a decision again."""
    content: dict[str, str | None] = {
        "decision": str(decision.id),
        "kind": decision.action.kind,
        "at": decision.at.isoformat(),
        "slack_team": decision.by.slack_team,
        "slack_user": decision.by.slack_user,
        "gitlab": decision.by.gitlab,
    }
    match decision.action:
        case MarkContacted(at=contacted_at):
            content["contacted_at"] = contacted_at.isoformat()
        case _:
            pass
    # Whatever a username in the people file looks like, nothing may end the comment early.
    written = json.dumps(content).replace("<", r"\u003c").replace(">", r"\u003e")
    return f"<!-- ssat-bot: {written} -->"


def decisions_marked(notes: Iterable[Note], own_username: str) -> frozenset[UUID]:
    """Return the decisions whose notes stand in GitLab; others' notes with markers don't count."""
    found = (
        read_marker(note.body)
        for note in notes
        if note.author == own_username and not note.is_system
    )
    return frozenset(decision for decision in found if decision)


def read_marker(body: str) -> UUID | None:
    """Return the decision that a note is marked with; only the note's last line counts."""
    match = _MARKER.search(body.rstrip())
    if match is None:
        return None
    try:
        return UUID(json.loads(match.group(1))["decision"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def note_of(decision: Decision, person: Person, replaced: str | None = None) -> str:
    """Write the note of a decision.

    Args:
        decision: What was decided.
        person: Who decided, with the GitLab username where it is known.
        replaced: The feedback label that a chosen one takes the place of.
    """
    who = _who(person)
    match decision.action:
        case Claim():
            said = f"**Claimed** by {who}."
        case TakeOver(holder=holder):
            said = f"**Taken over** by {who} from {_who(holder)}."
        case Release():
            said = f"**Released** by {who}: nobody has this request now."
        case ChooseLabel(label=label):
            instead = f" (before: {_code(replaced)})" if replaced else ""
            said = f"**Feedback label** {_code(label)} chosen by {who}{instead}."
        case MarkContacted() as contact:
            said = _contact(contact, who)
    return f"{said}\n\n{marker(decision)}"


def _contact(contact: MarkContacted, who: str) -> str:
    said = f"**Customer contacted** {CHANNELS[contact.channel]} by {who} at {_moment(contact.at)}."
    if not (contact.text or "").strip():
        return said
    return f"{said}\n\n{quote(contact.text or '')}"


def quote(text: str) -> str:
    r"""Quote people's text so that no line of it acts in GitLab.

    ``\r`` goes first, for GitLab deletes it before it looks for quick actions at line starts;
    other line breaks become ``\n``; every line is quoted; HTML (with our own marker) is spelled
    out and nobody is mentioned.
    """
    text = _CONTROLS.sub("\n", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = text.replace("<", "&lt;")
    text = _MENTION.sub(r"\1\1\\@", text)
    return "\n".join(f"> {line}".rstrip() for line in text.strip("\n").split("\n"))


def _who(person: Person) -> str:
    name = _inline(person.name)
    # In code, so that the person who has just acted gets no mail about it.
    return f"{name} (`@{person.gitlab}`)" if person.gitlab else name


def _inline(text: str) -> str:
    words = " ".join(_CONTROLS.sub(" ", text).split())[:100]
    return _MARKDOWN.sub(r"\\\1", words.replace("&", "").replace("<", "")) or "somebody"


def _code(label: str | None) -> str:
    return f"`{(label or '').replace('`', '')}`"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
