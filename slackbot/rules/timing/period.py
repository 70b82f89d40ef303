"""Which days a person asks figures of, and how they are to be grouped. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum, auto
from zoneinfo import ZoneInfo

from slackbot.written import nearest

EARLIEST = date(2000, 1, 1)
DAYS = 30
"""Of which figures are made by default."""
MOST_DAYS = 3660
LIKENESS = 0.6
"""Of a word to the known one that is offered instead."""
_DAY = timedelta(days=1)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins, in UTC."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


class Grouping(StrEnum):
    LABEL = "label"
    REGION = "region"
    MANAGER = "manager"
    """Who contacted the customer."""
    SCORE = "score"


@dataclass(frozen=True, kw_only=True)
class Period:
    """Whole days of the team's; ``end`` is not one of them."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a period must have a day: {self.start}..{self.end}")

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def last(self) -> date:
        return self.end - _DAY

    @property
    def before(self) -> "Period":
        """Return as many days, right before."""
        return Period(start=self.start - self.days * _DAY, end=self.start)

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return the moments, UTC, between which it lies; the second is excluded."""
        return midnight(self.start, zone), midnight(self.end, zone)

    def stretches(self, most: int) -> Iterator["Period"]:
        """Cut it into so many stretches at most, of the same length but for the last."""
        length = -(-self.days // most) * _DAY
        start = self.start
        while start < self.end:
            yield Period(start=start, end=min(start + length, self.end))
            start += length


class Trouble(StrEnum):
    """What a question for figures may lack."""

    UNKNOWN_WORD = auto()
    UNKNOWN_GROUPING = auto()
    ONE_TOO_MANY = auto()
    NO_SUCH_DATE = auto()
    ENDS_BEFORE_START = auto()
    IN_THE_FUTURE = auto()


@dataclass(eq=False)
class NotAsked(Exception):
    """``word`` is what was not understood, ``nearest`` a similar known one."""

    trouble: Trouble
    word: str = ""
    nearest: str | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    period: Period
    is_default: bool = False
    """The person named no period."""
    by: Grouping | None = None
    as_csv: bool = False


_SPAN = re.compile(r"([1-9][0-9]{0,3})([dw])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_QUARTER, _LAST_QUARTER, _LAST_WEEK = "quarter", "last quarter", "last week"
_WORDS = (_QUARTER, _LAST_QUARTER, _LAST_WEEK, "csv", *(f"by {each}" for each in Grouping))
_WORD = re.compile(r"last (?:quarter|week)\b|by \S+|\S+")
_SPELLED = re.compile(r"\b([0-9]+) ?(?:(d)(?:ays?)?|(w)(?:eeks?)?)\b")
_DOTS = re.compile(r" ?(?:\.{2,}|\u2026) ?")


def read_question(text: str, today: date) -> Question:
    """Read ``30d by label csv``, in any order.

    Raises:
        NotAsked: It is not understood.
    """
    said = _DOTS.sub("..", _SPELLED.sub(r"\1\2\3", " ".join(text.casefold().split())))
    words = _WORD.findall(said)
    period, by, is_second = None, None, False
    for word in words:
        first, _, grouping = word.partition(" ")
        if first == "by":
            is_second, by = by is not None, _grouping(grouping)
        elif word != "csv":
            is_second, period = period is not None, _period(word, today)
        if is_second:
            raise NotAsked(Trouble.ONE_TOO_MANY, word)
    default = days_until(today, DAYS)
    return Question(
        period=period or default, is_default=period is None, by=by, as_csv="csv" in words
    )


def _grouping(word: str) -> Grouping:
    if word not in set(Grouping):
        raise NotAsked(Trouble.UNKNOWN_GROUPING, word, nearest(word[:40], Grouping, LIKENESS))
    return Grouping(word)


def _period(word: str, today: date) -> Period:
    if span := _SPAN.fullmatch(word):
        days = int(span[1]) * (7 if span[2] == "w" else 1)
        return days_until(today, min(days, MOST_DAYS))
    quarter = _quarter_of(today)
    if word == _QUARTER:
        return Period(start=quarter, end=today + _DAY)
    if word == _LAST_QUARTER:
        return Period(start=_quarter_of(quarter - _DAY), end=quarter)
    if word == _LAST_WEEK:
        return days_until(today - (today.weekday() + 1) * _DAY, 7)
    first, dots, last = word.partition("..")
    if not dots:
        known = (f"{word}d",) if _SPAN.fullmatch(f"{word}d") else _WORDS
        raise NotAsked(Trouble.UNKNOWN_WORD, word, nearest(word[:40], known, LIKENESS))
    start, end = max(_date(first), EARLIEST), _date(last)
    if end <= start:
        raise NotAsked(Trouble.ENDS_BEFORE_START, word)
    if start > today:
        raise NotAsked(Trouble.IN_THE_FUTURE, word)
    return Period(start=start, end=min(end, today + _DAY))


def days_until(today: date, days: int) -> Period:
    """Count today, as far as it has come."""
    return Period(start=today - (days - 1) * _DAY, end=today + _DAY)


def _quarter_of(day: date) -> date:
    """Return the first day of the calendar quarter."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def _date(word: str) -> date:
    try:
        return date.fromisoformat(word if _DATE.fullmatch(word) else "")
    except ValueError:
        raise NotAsked(Trouble.NO_SUCH_DATE, word) from None
