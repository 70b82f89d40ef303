"""The bot's notes on feedback issues, with their hidden marker. Pure."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from slackbot.blocks.words import CHANNELS
from slackbot.platforms.gitlab import IssueChange
from slackbot.platforms.snapshot import Note, parse_moment
from slackbot.rules.characters import is_visible, whole
from slackbot.rules.decision import (
    ChooseLabel,
    Claim,
    Decision,
    MarkContacted,
    Release,
    TakeOver,
)
from slackbot.rules.request import Person

_MARKER = re.compile(r"(?:\A|\n)<!-- ssat-bot: (\{.*\}) -->\Z")
# What GitLab makes a link of, and tells about: to the mentioned, and on the page linked to. It
# heeds a backslash before these signs only, and not in a link's address: so no link stays one.
# https://gitlab.com/gitlab-org/gitlab/-/blob/master/lib/banzai/filter/escaped_char_filter.rb
_SIGN = (
    r"(?<![A-Za-z0-9])@(?=\S)|@(?=[0-9a-f]{7})|[#!$](?=[0-9])|&(?=[#\w])|\^(?=alert)"
    r"|%(?=\S)|~(?=[^\s~])|(?<=\])[(:]|(?<=\[)\["
)
# The others are inert in code. A backslash in them would vanish before GitLab looks.
_KINDS = (
    r"issue|work\\?_item|epic|vulnerability|feature\\?_flag|contact|cadence|wiki\\?_page|iteration"
)
_WORD = rf"[\[*](?:{_KINDS})\\?:[^\s`<]*|GL\\?-[0-9]+"
_PAGES = "-|issues|work_items|epics|merge_requests|snippets|commits?|compare"
_PAGE = rf"(?:https?\\?:|www\\?\.)[^\s`<]*?(?:[%\\]|/(?:{_PAGES})/)[^\s`<]*"
# GitLab links these as they are, to elsewhere.
_ADDRESS = (
    r"(?<![^\s(])(?-i:https?)://[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?"
    r"(?:/[\w./-]*)?(?:\?[\w=.&-]*)?(?:#[\w-]+)?(?![^\s.,)])"
)
_REFERENCE = re.compile(
    rf"(?P<slashes>(?<!\\)\\*+)(?:(?P<code>(?<!`)`*+(?:{_PAGE}|{_WORD})`*)|(?P<address>{_ADDRESS})"
    rf"|(?P<sign>{_SIGN}))",
    re.ASCII | re.IGNORECASE,
)
_TICKS = re.compile("`+")
_MARKDOWN = re.compile(r"([\\`*_{}()#+!|~$@/^%-])")
# Nothing makes these inert in a name, so it goes without.
_NOT_IN_NAMES = re.compile(r"[<&\[\]:]|-(?=[0-9])|(?<=www)\.", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u0085\u2028\u2029]")
_WITHDRAWAL, _SUPPLEMENT = "withdrawal", "supplement"


@dataclass(frozen=True, kw_only=True)
class Marker:
    """An older marker may say less."""

    decision: UUID
    kind: str | None = None
    at: datetime | None = None
    person: Person | None = None
    contacted_at: datetime | None = None
    judged_by: datetime | None = None


def marker(decision: Decision, judged_by: datetime | None = None) -> str:
    """Write all that a lost record needs; ``judged_by`` is by GitLab's clock."""
    person = decision.by
    content: dict[str, str | None] = {
        "decision": str(decision.id),
        "kind": decision.action.kind,
        "at": decision.at.isoformat(),
        "name": person.name,
        "slack_team": person.slack_team,
        "slack_user": person.slack_user,
        "gitlab": person.gitlab,
    }
    match decision.action:
        case MarkContacted(at=contacted_at):
            content["contacted_at"] = contacted_at.isoformat()
        case _:
            pass
    if judged_by is not None:
        content["judged_by"] = judged_by.isoformat()
    return _hidden(content)


def _hidden(content: Mapping[str, str | None]) -> str:
    # No name may end the comment early, or mention anybody.
    written = json.dumps(content)
    for sign in "<>@":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return f"<!-- ssat-bot: {written} -->"


def own_marks(notes: Iterable[Note], own_username: str | None) -> Iterator[tuple[Note, Marker]]:
    """Find the bot's own notes, newest first, that hold; others' markers don't count."""
    withdrawn: set[UUID] = set()
    for note in notes:
        is_own = note.author == own_username and not note.is_system
        mark = read_marker(note.body) if is_own else None
        if mark is not None and mark.kind == _WITHDRAWAL:
            withdrawn.add(mark.decision)
        elif mark is not None and mark.decision not in withdrawn:
            yield note, mark


def decisions_marked(notes: Iterable[Note], own_username: str) -> frozenset[UUID]:
    """Expect notes newest first."""
    return frozenset(mark.decision for _, mark in own_marks(notes, own_username))


def supplemented(notes: Iterable[Note], own_username: str) -> frozenset[UUID]:
    """Return the decisions of which a note says already what GitLab left out."""
    marks = own_marks(notes, own_username)
    return frozenset(mark.decision for _, mark in marks if mark.kind == _SUPPLEMENT)


def read_marker(body: str) -> Marker | None:
    """Only the note's last line counts."""
    match = _MARKER.search(body.rstrip())
    if match is None:
        return None
    try:
        content = whole(json.loads(match.group(1)))
        decision = UUID(content["decision"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Marker(
        decision=decision,
        kind=_text(content, "kind"),
        at=_moment_in(content, "at"),
        person=_person_in(content),
        contacted_at=_moment_in(content, "contacted_at"),
        judged_by=_moment_in(content, "judged_by"),
    )


def _text(content: Mapping[str, Any], name: str) -> str | None:
    value = content.get(name)
    return value if isinstance(value, str) and value else None


def _moment_in(content: Mapping[str, Any], name: str) -> datetime | None:
    try:
        return parse_moment(_text(content, name) or "")
    except ValueError:
        return None


def _person_in(content: Mapping[str, Any]) -> Person | None:
    team, user, gitlab = (_text(content, name) for name in ("slack_team", "slack_user", "gitlab"))
    name = _text(content, "name") or gitlab or user
    if name is None:
        return None
    return Person(name=name, slack_team=team, slack_user=user, gitlab=gitlab)


def note_of(
    decision: Decision, replaced: str | None = None, judged_by: datetime | None = None
) -> str:
    """Name the ``replaced`` label, if any; ``judged_by`` is UTC."""
    who = _who(decision.by)
    match decision.action:
        case Claim():
            said = f"**Claimed** by {who}."
        case TakeOver(holder=holder):
            said = f"**Taken over** by {who} from {_who(holder)}."
        case Release():
            said = f"**Released** by {who}: it is unclaimed now."
        case ChooseLabel(label=label):
            instead = f" (before: {_code(replaced)})" if replaced else ""
            said = f"**Feedback label** {_code(label)} chosen by {who}{instead}."
        case MarkContacted() as contact:
            said = _contact(contact, who)
    return f"{said}\n\n{marker(decision, judged_by)}"


def withdrawal_of(decision: Decision) -> str:
    match decision.action:
        case Claim():
            what = "the claim"
        case TakeOver(holder=holder):
            what = f"the takeover from {_who(holder)}"
        case Release():
            what = "the release"
        case ChooseLabel(label=label):
            what = f"the choice of the feedback label {_code(label)}"
        case MarkContacted():
            what = "the change of labels after the contact"
    said = f"**Not carried out**: {what} by {_who(decision.by)}. GitLab rejected the change."
    return f"{said}\n\n{_hidden({'decision': str(decision.id), 'kind': _WITHDRAWAL})}"


def supplement_of(decision: Decision, undone: IssueChange) -> str:
    left_out = undone_words(undone, label=_code)
    said = f"**Not all carried out** for {_who(decision.by)}: {left_out}. GitLab left this out."
    return f"{said}\n\n{_hidden({'decision': str(decision.id), 'kind': _SUPPLEMENT})}"


def undone_words(undone: IssueChange, *, label: Callable[[str], str] = str) -> str:
    said = [f"the label {label(each)} isn't set" for each in sorted(undone.add_labels)]
    said += [f"the label {label(each)} is still set" for each in sorted(undone.remove_labels)]
    said += ["the assignees aren't as chosen"] if undone.assignee_ids is not None else []
    said += ["the issue is still open"] if undone.close else []
    return ", ".join(said)


def _contact(contact: MarkContacted, who: str) -> str:
    how = CHANNELS[contact.channel].how
    said = f"**Customer contacted** {how} by {who} at {_moment(contact.at)}."
    if not is_visible(contact.text or ""):
        return said
    return f"{said}\n\n{quote(contact.text or '')}"


def quote(text: str) -> str:
    r"""Make people's text inert, which is read as it was typed.

    GitLab runs quick actions in notes posted by API
    (https://docs.gitlab.com/user/project/quick_actions/). ``\r`` goes first: GitLab deletes it
    before it looks for them at line starts. HTML is spelled out, our own marker included.
    """
    text = _CONTROLS.sub("\n", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _without_references(text).replace("<", "&lt;")
    return "\n".join(f"> {line}".rstrip() for line in text.strip("\n").split("\n"))


def _without_references(text: str) -> str:
    # No others pair with so many.
    fence = "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))

    def inert(found: re.Match[str]) -> str:
        if address := found["address"]:
            return f"{found['slashes']}{address}"
        slashes = 2 * found["slashes"]  # else they would undo ours
        if sign := found["sign"]:
            return f"{slashes}\\{sign}"
        pad = " " if "`" in found["code"] else ""
        return f"{slashes}{fence}{pad}{found['code']}{pad}{fence}"

    return _REFERENCE.sub(inert, text)


def _who(person: Person) -> str:
    name = _inline(person.name)
    # In code, so that they get no mail about their own act.
    return f"{name} (`@{person.gitlab}`)" if person.gitlab else name


def _inline(text: str) -> str:
    words = " ".join(_CONTROLS.sub(" ", text).split())[:100]
    return _MARKDOWN.sub(r"\\\1", _NOT_IN_NAMES.sub("", words)) or "somebody"


def _code(label: str | None) -> str:
    return f"`{(label or '').replace('`', '')}`"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
