"""What people ask of ``/ssat``: read leniently, and spelled again. Pure."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from slackbot.rules.reading.feedback import ticket_of_link

LOOKED_AT = 300
"""In characters."""
TARGETS = 5
DAYS, MOST_DAYS = 7, 90
"""For ``done``, by default and at most."""


class Filter(StrEnum):
    """Filters combine."""

    MINE = "mine"
    UNCLAIMED = "unclaimed"
    OVERDUE = "overdue"
    GOOD = "good"
    NEUTRAL = "neutral"
    BAD = "bad"
    ALL = "all"
    """With what was done lately."""
    DONE = "done"
    """Only what was done lately."""
    TEAMS = "teams"
    """Of all teams, also in the channel of one."""


class Verb(StrEnum):
    SHOW = "show"
    DUTY = "duty"
    STATS = "stats"
    LINK = "link"
    UNLINK = "unlink"
    PROFILE = "profile"
    REFRESH = "refresh"
    HELP = "help"


@dataclass(frozen=True, kw_only=True)
class Listing:
    filters: frozenset[Filter] = frozenset()
    days: int = DAYS

    def __str__(self) -> str:
        words = [str(each) for each in Filter if each in self.filters]
        return " ".join([*words, f"{self.days}d"] if self.shows_done else words)

    @property
    def shows_done(self) -> bool:
        return bool({Filter.ALL, Filter.DONE} & self.filters)

    @property
    def shows_labeled(self) -> bool:
        """Whether what is labeled, but still open, shows, too."""
        return bool({Filter.ALL, Filter.GOOD, Filter.NEUTRAL, Filter.BAD} & self.filters)

    @property
    def shows_waiting(self) -> bool:
        return Filter.DONE not in self.filters or Filter.ALL in self.filters


class Kind(StrEnum):
    """What a number stands for."""

    ANY = ""
    ISSUE = "#"
    TICKET = "ticket "


@dataclass(frozen=True, kw_only=True)
class Target:
    number: int
    kind: Kind = Kind.ANY
    place: str | None = None
    """Host and project of a linked issue, in lower case."""

    def __str__(self) -> str:
        return f"https://{self.place}/-/issues/{self.number}" if self.place else self.short

    @property
    def short(self) -> str:
        return f"{self.kind}{self.number}"


@dataclass(frozen=True, kw_only=True)
class Show:
    """Without targets the person did not say which."""

    targets: tuple[Target, ...] = ()
    left_out: tuple[str, ...] = ()
    """What else was typed: a filter, an action, one target too many."""

    def __str__(self) -> str:
        return " ".join([Verb.SHOW, *map(str, self.targets)])


@dataclass(frozen=True, kw_only=True)
class Order:
    verb: Verb
    rest: str = ""


@dataclass(frozen=True, kw_only=True)
class Mentioned:
    """A person or group: the queue is not kept by person."""


@dataclass(frozen=True, kw_only=True)
class NotUnderstood:
    """``nearest`` is a similar known word."""

    word: str
    nearest: str | None = None


Query = Listing | Show | Order | Mentioned | NotUnderstood

_WORD = re.compile(r"<[^<>\s]*>|[^\s<>]+")
# Phone keyboards add some.
_QUOTES = str.maketrans(
    "", "", "\"'`*,;\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a"
)
_NUMBER = re.compile(r"(#?)([1-9][0-9]{0,11})")
_SPAN = re.compile(r"([1-9][0-9]{0,3})(d|days?|w|weeks?)?")
_ISSUE_LINK = re.compile(
    r"https?://(?P<place>[^\s<>|?#]{1,200}?)(?:/-)?/(?:issues|work_items)/(?P<iid>[1-9][0-9]{0,9})"
    r"(?=[/?#|>)\].,;:!\s]|$)",
    re.IGNORECASE,
)
_MENTION = re.compile(r"<[@!#]")
_ESCAPED = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}


def read_query(text: str) -> Query:
    """Read what Slack hands over after ``/ssat``; never fails."""
    words = _words(text)
    if not words:
        return Listing()
    first = words[0].casefold()
    if first in set(Verb) - {Verb.SHOW}:
        return Order(verb=Verb(first), rest=" ".join(words[1:]))
    if any(_MENTION.match(word) for word in words):
        return Mentioned()
    if first == Verb.SHOW:
        return _show(words[1:])
    return _listing(words) or _show(words)


def _words(text: str) -> list[str]:
    found = _WORD.findall(text[:LOOKED_AT])
    words = [word if word.startswith("<") else _typed(word) for word in found]
    return [word for word in words if word]


def _typed(word: str) -> str:
    for escaped, character in _ESCAPED.items():
        word = word.replace(escaped, character)
    return word.translate(_QUOTES)


def _listing(words: Sequence[str]) -> Listing | None:
    """Return None if there is more than filters and a period."""
    folded = [word.casefold() for word in words]
    asked = Listing(filters=frozenset(Filter(word) for word in folded if word in set(Filter)))
    for word in folded:
        span = _SPAN.fullmatch(word)
        if span and asked.shows_done:
            weeks = (span[2] or "").startswith("w")
            asked = replace(asked, days=min(int(span[1]) * (7 if weeks else 1), MOST_DAYS))
        elif word not in set(Filter):
            return None
    return asked


def _not_understood(words: Sequence[str]) -> Query:
    """Explain the first word that is no filter, if there is one."""
    word = next((each for each in words if each.casefold() not in set(Filter)), words[0])
    known = [*Filter, *Verb]
    near = difflib.get_close_matches(word.casefold()[:40], known, n=1)
    return NotUnderstood(word=word, nearest=str(near[0]) if near else None)


_KINDS = {
    "issue": Kind.ISSUE,
    "feedback": Kind.ISSUE,
    "ticket": Kind.TICKET,
    "issues": Kind.ISSUE,
    "tickets": Kind.TICKET,
}


def _show(words: Sequence[str]) -> Query:
    kind = Kind.ANY
    targets: list[Target] = []
    left_out: list[str] = []
    for word in words:
        if word.casefold() in _KINDS:
            kind = _KINDS[word.casefold()]
            continue
        target = _target(word, kind)
        if target is None:
            left_out.append(word)
            continue
        targets += [] if target in targets else [target]
        kind = Kind.ANY
    if left_out and not targets:
        return _not_understood(left_out)
    left_out += [str(each) for each in targets[TARGETS:]]
    return Show(targets=tuple(targets[:TARGETS]), left_out=tuple(left_out))


def _target(word: str, kind: Kind) -> Target | None:
    number = _NUMBER.fullmatch(word)
    if number:
        return Target(number=int(number[2]), kind=Kind.ISSUE if number[1] else kind)
    return next(iter(_linked(word)), None)


def _linked(text: str) -> list[Target]:
    found = [
        Target(number=int(link["iid"]), kind=Kind.ISSUE, place=link["place"].casefold())
        for link in _ISSUE_LINK.finditer(text)
    ]
    ticket = ticket_of_link(text)
    return [*found, *([Target(number=ticket, kind=Kind.TICKET)] if ticket else [])]


def issue_of_link(url: str) -> Target | None:
    link = _ISSUE_LINK.match(url)
    if link is None:
        return None
    return Target(number=int(link["iid"]), kind=Kind.ISSUE, place=link["place"].casefold())


def place_of(url: str) -> str:
    """Name a project as ``Target.place`` does."""
    return url.partition("://")[2].rstrip("/").casefold()


_NAMED = re.compile(
    r"\btickets?(?:\s(?:id|no|number))?[\s:#.*_]{0,4}([1-9][0-9]{2,11})(?![0-9])", re.IGNORECASE
)
_LONE = re.compile(r"(?<![\w./#&=?-])([1-9][0-9]{4,11})(?![\w-])")


def mentioned_feedback(text: str) -> Show:
    """Prefer links and ticket numbers to lone long numbers."""
    text = text[:10_000]
    found = _linked(text)
    found += [Target(number=int(n), kind=Kind.TICKET) for n in _NAMED.findall(text)]
    if not found:
        found = [Target(number=int(n)) for n in _LONE.findall(text)]
    return Show(targets=tuple(dict.fromkeys(found))[:TARGETS])


Position = tuple[int, int, int]
"""Part of the queue, order there, issue number."""


@dataclass(frozen=True, kw_only=True)
class PageTurn:
    """What stands after or before a position.

    Not a count, so that a changed queue skips nothing.
    """

    position: Position
    is_forward: bool

    def __str__(self) -> str:
        return (">" if self.is_forward else "<") + ".".join(map(str, self.position))


_TURN = re.compile(r"([<>])([0-9])\.(-?[0-9]{1,12})\.([0-9]{1,12})")


def spell_again(query: Listing | Show, turn: PageTurn | None = None) -> str:
    """Spell what a button carries."""
    return f"{query}|{turn}" if turn else f"{query}"


def read_again(text: str) -> tuple[Query, PageTurn | None]:
    """Trust a button as little as typed text."""
    asked, _, page = text.partition("|")
    found = _TURN.fullmatch(page)
    if found is None:
        return read_query(asked), None
    position = (int(found[2]), int(found[3]), int(found[4]))
    return read_query(asked), PageTurn(position=position, is_forward=found[1] == ">")
