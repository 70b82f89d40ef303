"""The bot's notes on feedback issues, with their hidden marker. Pure."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from textwrap import indent
from typing import Any, TypeVar
from uuid import UUID

from slackbot.blocks.words import CHANNELS, CLOSINGS, MISSES
from slackbot.platforms.gitlab.client import IssueChange
from slackbot.platforms.gitlab.snapshot import IssueSnapshot, Note, parse_moment
from slackbot.rules import handbook
from slackbot.rules.decision import (
    AddNote,
    ChooseLabel,
    Claim,
    ClearLabel,
    Close,
    CloseIdle,
    Decision,
    Explain,
    FollowUp,
    Kudos,
    MarkContacted,
    Release,
    Reopen,
    Review,
    TakeOver,
    Tell,
    UndoContacted,
    WaitFor,
)
from slackbot.rules.reading.characters import is_visible, whole
from slackbot.rules.request import IDLE, IDLE_DAYS, THANKED, Person, Request

T = TypeVar("T")

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
    rf"(?P<slashes>(?<!\\)\\*+)(?:(?P<code>(?<!`)`*+(?:(?:{_PAGE}|{_WORD})`*)++)|(?P<address>{_ADDRESS})"
    rf"|(?P<sign>{_SIGN}))",
    re.ASCII | re.IGNORECASE,
)
_TICKS = re.compile("`+")
_MARKDOWN = re.compile(r"([\\`*_{}()#+!|~$@/^%-])")
# Nothing makes these inert in a name, so it goes without.
_NOT_IN_NAMES = re.compile(r"[<&\[\]:]|-(?=[0-9])|(?<=www)\.", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u0085\u2028\u2029]")
PLANS_CONTACT = "contact"
"""Of a review: the customer is to be contacted."""
_WITHDRAWAL, _SUPPLEMENT = "withdrawal", "supplement"


@dataclass(frozen=True, kw_only=True)
class Marker:
    """An older marker may say less."""

    decision: UUID
    kind: str | None = None
    at: datetime | None = None
    person: Person | None = None
    contacted_at: datetime | None = None
    how: str | None = None
    judged_by: datetime | None = None
    """Until then all that GitLab had done was seen, by its clock."""
    assignees: frozenset[str] | None = None
    """What the issue was like then, as are the next two."""
    labels: frozenset[str] | None = None
    state: str | None = None
    """``opened`` or ``closed``, as GitLab calls it."""
    reason: str | None = None
    what: str | None = None
    until: date | None = None


@dataclass(frozen=True, kw_only=True)
class OwnName:
    """A note is written under its person's own name, and signed."""

    sign: Callable[[str], str]
    """What a marker says, to the same with a signature."""
    at: datetime
    """So that no two markers are alike: one is good for one note."""


def marker(
    decision: Decision, seen: IssueSnapshot | None = None, own_name: OwnName | None = None
) -> str:
    """Write all that a lost record needs, and what was ``seen`` when the decision was judged."""
    content: dict[str, Any] = {
        "decision": str(decision.id),
        "kind": decision.action.kind,
        "at": decision.at.isoformat(),
        **vars(decision.by),
    }
    match decision.action:
        case MarkContacted(at=contacted_at, channel=channel):
            content |= {"contacted_at": contacted_at.isoformat(), "how": channel}
        case Close(reason=reason) | Explain(reason=reason):
            content["reason"] = reason
        case Review(contact=True):
            content["reason"] = PLANS_CONTACT
        case CloseIdle():
            content["reason"] = IDLE
        case Kudos(close=True):
            content["reason"] = THANKED
        case WaitFor(what=what, until=until):
            content |= {"what": what, "until": until.isoformat()}
        case _:
            pass
    if seen is not None:
        content |= {
            "judged_by": seen.updated_at.isoformat(),
            "assignees": seen.usernames,
            "labels": sorted(seen.labels),
            "state": "opened" if seen.is_open else "closed",
        }
    if own_name is None:
        return _hidden(content)
    return _hidden(content | {"written": own_name.at.isoformat()}, own_name.sign)


def _hidden(content: Mapping[str, Any], sign: Callable[[str], str] = str) -> str:
    # No name may end the comment early, or mention anybody.
    written = json.dumps(content)
    for character in "<>@":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return f"<!-- ssat-bot: {sign(written)} -->"


def hidden_in(body: str) -> str | None:
    """Return what the marker of a note says, as it is written there."""
    found = _MARKER.search(body.rstrip())
    return found[1] if found else None


def own_marks(notes: Iterable[Note], own_username: str | None) -> Iterator[tuple[Note, Marker]]:
    """Find what the bot has written that holds, newest first; others' markers don't count."""
    withdrawn: set[UUID] = set()
    for note in notes:
        is_own = (note.author == own_username or note.is_signed) and not note.is_system
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
    written = hidden_in(body)
    if written is None:
        return None
    try:
        content = whole(json.loads(written))
        decision = UUID(content["decision"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Marker(
        decision=decision,
        kind=_text(content, "kind"),
        at=_read(content, "at", parse_moment),
        person=_person_in(content),
        contacted_at=_read(content, "contacted_at", parse_moment),
        how=_text(content, "how"),
        judged_by=_read(content, "judged_by", parse_moment),
        assignees=_texts(content, "assignees"),
        labels=_texts(content, "labels"),
        state=_text(content, "state"),
        reason=_text(content, "reason"),
        what=_text(content, "what"),
        until=_read(content, "until", date.fromisoformat),
    )


def _text(content: Mapping[str, Any], name: str) -> str | None:
    value = content.get(name)
    return value if isinstance(value, str) and value else None


def _texts(content: Mapping[str, Any], name: str) -> frozenset[str] | None:
    value = content.get(name)
    return frozenset(map(str, value)) if isinstance(value, list) else None


def _read(content: Mapping[str, Any], name: str, read: Callable[[str], T]) -> T | None:
    try:
        return read(_text(content, name) or "")
    except ValueError:
        return None


def _person_in(content: Mapping[str, Any]) -> Person | None:
    team, user, gitlab = (_text(content, name) for name in ("slack_team", "slack_user", "gitlab"))
    name = _text(content, "name") or gitlab or user
    if name is None:
        return None
    return Person(name=name, slack_team=team, slack_user=user, gitlab=gitlab)


def note_of(
    decision: Decision,
    replaced: str | None = None,
    seen: IssueSnapshot | None = None,
    own_name: OwnName | None = None,
) -> str:
    """Name the ``replaced`` label, if any."""
    who = _OWN_NAME if own_name else _By.person(decision.by)
    return f"{_said(decision, replaced, who)}\n\n{marker(decision, seen, own_name)}"


@dataclass(frozen=True)
class _By:
    """How a note names its person; a note under their own name has no need to."""

    by: str
    says: str
    origin: str

    @classmethod
    def person(cls, person: Person) -> "_By":
        who = _who(person)
        return cls(f"by {who}", f", says {who}", f"from {who}")


_OWN_NAME = _By("via ssat-bot", " (via ssat-bot)", "via ssat-bot")


def _with(said: str, text: str | None) -> str:
    """Quote below it what a person typed, if anything."""
    return f"{said}\n\n{quote(text)}" if is_visible(text or "") else said


def _said(decision: Decision, replaced: str | None, who: _By) -> str:
    match decision.action:
        case Claim():
            return f"**Claimed** {who.by}."
        case TakeOver(holder=holder):
            return f"**Taken over** {who.by} from {_who(holder)}."
        case Release():
            return f"**Released** {who.by}: it is unclaimed now."
        case ChooseLabel(label=label):
            return f"**Feedback label** {_code(label)} chosen {who.by}{_instead(replaced)}."
        case ClearLabel(label=label):
            return f"**Feedback label** {_code(label)} removed {who.by}."
        case MarkContacted() as contact:
            return _contact(contact, who)
        case Review() as review:
            return _review(review, who, replaced)
        case FollowUp() as follow_up:
            return _follow_up(follow_up, who)
        case Tell() as tell:
            return _tell(tell, who)
        case _:
            return _course(decision.action, who)


def _course(
    action: UndoContacted | Close | CloseIdle | Kudos | Reopen | AddNote | WaitFor | Explain,
    who: _By,
) -> str:
    match action:
        case UndoContacted():
            said = f"**The customer was not contacted** after all{who.says}."
        case Close(reason=reason):
            how = " without contact" if action.leaves_waiting else ""
            said = f"**Closed{how}** {who.by}: {CLOSINGS[reason]}."
        case CloseIdle():
            return f"**Closed**: nobody has acted on this good review for {IDLE_DAYS} days."
        case Kudos(thanks=thanks):
            said = f"**Kudos** to {_whom(thanks)}, {who.origin}."
        case Reopen():
            said = f"**Reopened** {who.by}."
        case AddNote():
            said = f"**Note** {who.by}:"
        case WaitFor(until=until):
            said = f"**Waiting** until {until.isoformat()}{who.says}, on:"
        case Explain(reason=reason):
            said = f"**Why the deadline was missed**, {who.by}: {MISSES[reason]}."
    return _with(said, action.text)


def _follow_up(follow_up: FollowUp, who: _By) -> str:
    """Name the address, which GitLab makes a link of."""
    url = follow_up.created.url if follow_up.created else ""
    return f"**Follow-up issue** {who.by}: {url}\n\n{quote(follow_up.title)}"


def _tell(tell: Tell, who: _By) -> str:
    """Mention these and nobody else: GitLab has such users or groups, as has been checked."""
    told = ", ".join(f"@{name}" for name in tell.names)
    return f"**For your attention**, {told}, {who.origin}:\n\n{quote(tell.text)}"


def description_of(decision: Decision, follow_up: FollowUp, feedback: str) -> str:
    """Describe a new issue; the marker tells the bot that it exists. ``feedback`` is an address."""
    said = _with(f"**Follow-up** to {feedback} by {_who(decision.by)}.", follow_up.text)
    return f"{said}\n\n{_hidden({'decision': str(decision.id), 'kind': follow_up.kind})}"


def _instead(replaced: str | None) -> str:
    return f" (before: {_code(replaced)})" if replaced else ""


def _review(review: Review, who: _By, replaced: str | None) -> str:
    """Fill in the handbook's template."""
    said = [f"**Reviewed** {who.by}.", ""]
    for line, answer in zip(handbook.TEMPLATE, _answers(review), strict=False):
        said.append(f"* **{line}**{answer}")
    if review.label:
        said += ["", f"**Feedback label** {_code(review.label)}{_instead(replaced)}."]
    return "\n".join(said)


def _answers(review: Review) -> list[str]:
    told = [] if review.tell_csm is None else [_yes(review.tell_csm)]
    texts = [quote(review.summary), quote(review.to_do or "None")]
    return [*("\n" + indent(each, "  ") for each in texts), _yes(review.contact), *told]


def _yes(answer: bool) -> str:
    return " Y" if answer else " N"


_POINTS = re.compile(
    "".join(rf"\* \*\*{re.escape(line)}\*\*\n((?:  >.*\n)+)" for line in handbook.TEMPLATE[:2])
)
_INERT_SIGN = re.compile(_SIGN, re.ASCII | re.IGNORECASE)
_ODD_SLASHES = re.compile(r"(?<!\\)\\(?:\\\\)*+(?!\\)")


def reviewed(notes: Iterable[Note], own_username: str) -> tuple[str, str] | None:
    """Return summary and action of the latest review, as they were typed; ``None`` if unknown."""
    for note, mark in own_marks(notes, own_username):
        if mark.kind == "review" and (found := _POINTS.search(note.body)):
            return _unquoted(found[1]), _unquoted(found[2])
    return None


def _unquoted(text: str) -> str:
    lines = (line.removeprefix("  >").removeprefix(" ") for line in text.splitlines())
    text = re.sub(r"(?<!\\)&lt;", "<", "\n".join(lines))
    # From the end: what a sign is depends on what follows, as it was typed.
    for slashes in reversed([*_ODD_SLASHES.finditer(text)]):
        begun = text[: slashes.start()] + slashes[0][: len(slashes[0]) // 2]
        if _INERT_SIGN.match(typed := begun + text[slashes.end() :], len(begun)):
            text = typed
    return text


def _whom(thanks: Iterable[Person]) -> str:
    return ", ".join(map(_who, thanks)) or "the whole team"


def comment_of_kudos(decision: Decision, kudos: Kudos, request: Request) -> str:
    """For the week's review issue: the customer's words, and whom they thank."""
    about = f"[feedback #{request.key.iid}]({request.url})"
    if request.ticket_url:
        about = f"[ticket {request.ticket}]({request.ticket_url}), {about}"
    said = [f"**Kudos** to {_whom(kudos.thanks)}, from {_who(decision.by)}: {about}"]
    if is_visible(request.comment or ""):
        said.append(quote(request.comment))
    if is_visible(kudos.text or ""):
        said += [f"{_inline(decision.by.name)}:", quote(kudos.text)]
    return "\n\n".join([*said, marker(decision)])


def withdrawal_of(decision: Decision) -> str:
    match decision.action:
        case TakeOver(holder=holder):
            what = f"the takeover from {_who(holder)}"
        case ChooseLabel(label=label):
            what = f"the choice of the feedback label {_code(label)}"
        case ClearLabel(label=label):
            what = f"the removal of the feedback label {_code(label)}"
        case action:
            what = _WITHDRAWN[action.kind]
    said = f"**Not carried out**: {what} by {_who(decision.by)}. GitLab rejected the change."
    return f"{said}\n\n{_hidden({'decision': str(decision.id), 'kind': _WITHDRAWAL})}"


_WITHDRAWN = {
    "claim": "the claim",
    "release": "the release",
    "mark_contacted": "the change of labels after the contact",
    "undo_contacted": "the change of labels",
    "review": "the change of labels after the review",
    "close": "the closing",
    "close_idle": "the closing",
    "kudos": "the kudos",
    "reopen": "the reopening",
    "note": "the note",
    "wait": "the wait",
    "explain": "the explanation",
    "follow_up": "the link to a follow-up issue",
    "tell": "the mention",
}


def supplement_of(decision: Decision, undone: IssueChange) -> str:
    left_out = undone_words(undone, label=_code)
    said = f"**Not all carried out** for {_who(decision.by)}: {left_out}. GitLab left this out."
    return f"{said}\n\n{_hidden({'decision': str(decision.id), 'kind': _SUPPLEMENT})}"


def undone_words(undone: IssueChange, *, label: Callable[[str], str] = str) -> str:
    said = [f"the label {label(each)} isn't set" for each in sorted(undone.add_labels)]
    said += [f"the label {label(each)} is still set" for each in sorted(undone.remove_labels)]
    said += ["the assignees aren't as chosen"] if undone.assignee_ids is not None else []
    said += ["the issue is still open"] if undone.close else []
    said += ["the issue is still closed"] if undone.reopen else []
    said += ["the follow-up issue isn't linked as related"] if undone.relate else []
    return ", ".join(said)


def _contact(contact: MarkContacted, who: _By) -> str:
    how = CHANNELS[contact.channel].how
    return _with(f"**Customer contacted** {how} {who.by} at {_moment(contact.at)}.", contact.text)


def quote(text: str | None) -> str:
    r"""Make people's text inert, which is read as it was typed.

    GitLab runs quick actions in notes posted by API
    (https://docs.gitlab.com/user/project/quick_actions/). ``\r`` goes first: GitLab deletes it
    before it looks for them at line starts. HTML is spelled out, our own marker included.
    """
    text = _CONTROLS.sub("\n", (text or "").replace("\r\n", "\n").replace("\r", "\n"))
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
