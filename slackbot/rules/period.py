"""Which days a person asks figures of, and how they are to be grouped. Pure."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum, auto
from zoneinfo import ZoneInfo

EARLIEST = date(2000, 1, 1)
DAYS = 30
"""Of which figures are made by default."""
MOST_DAYS = 3660
_DAY = timedelta(days=1)


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
        start, end = (
            datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
            for day in (self.start, self.end)
        )
        return start, end

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
    NO_SUCH_DATE = auto()
    ENDS_BEFORE_START = auto()
    IN_THE_FUTURE = auto()


@dataclass(frozen=True, kw_only=True)
class NotAsked:
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
_LAST_QUARTER = "last-quarter"
_WORDS = ("quarter", "by", "csv")


def read_question(text: str, today: date) -> Question | NotAsked:
    """Read ``30d by label csv``, in any order; never fails."""
    question = Question(period=days_until(today, DAYS), is_default=True)
    words = iter(" ".join(text.casefold().split()).replace("last quarter", _LAST_QUARTER).split())
    for word in words:
        if word == "csv":
            question = replace(question, as_csv=True)
        elif word == "by":
            named = next(words, "")
            if named not in set(Grouping):
                return _unknown(Trouble.UNKNOWN_GROUPING, named, tuple(Grouping))
            question = replace(question, by=Grouping(named))
        else:
            period = _period(word, today)
            if isinstance(period, NotAsked):
                return period
            question = replace(question, period=period, is_default=False)
    return question


def _unknown(trouble: Trouble, word: str, known: Sequence[str]) -> NotAsked:
    near = difflib.get_close_matches(word[:40], known, n=1)
    return NotAsked(trouble=trouble, word=word, nearest=str(near[0]) if near else None)


def _period(word: str, today: date) -> Period | NotAsked:
    if span := _SPAN.fullmatch(word):
        days = int(span[1]) * (7 if span[2] == "w" else 1)
        return days_until(today, min(days, MOST_DAYS))
    if word in ("quarter", _LAST_QUARTER):
        return _quarter(today, is_last=word == _LAST_QUARTER)
    first, dots, last = word.partition("..")
    return _between(first, last, today) if dots else _unknown(Trouble.UNKNOWN_WORD, word, _WORDS)


def days_until(today: date, days: int) -> Period:
    """Count today, as far as it has come."""
    return Period(start=today - (days - 1) * _DAY, end=today + _DAY)


def _quarter(today: date, *, is_last: bool) -> Period:
    """Return the calendar quarter so far, or the whole one before."""
    start = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
    if not is_last:
        return Period(start=start, end=today + _DAY)
    before = start - _DAY
    return Period(start=date(before.year, before.month - 2, 1), end=start)


def _between(first: str, last: str, today: date) -> Period | NotAsked:
    """Without the second date; what lies in the future is left out."""
    days: list[date] = []
    for word in (first, last):
        try:
            days.append(date.fromisoformat(word if _DATE.fullmatch(word) else ""))
        except ValueError:
            return NotAsked(trouble=Trouble.NO_SUCH_DATE, word=word)
    start, end = max(days[0], EARLIEST), days[1]
    if end <= start:
        return NotAsked(trouble=Trouble.ENDS_BEFORE_START, word=f"{first}..{last}")
    if start > today:
        return NotAsked(trouble=Trouble.IN_THE_FUTURE, word=f"{first}..{last}")
    return Period(start=start, end=min(end, today + _DAY))
