"""Business hours, as calendar arithmetic on UTC instants. Pure."""

import re
from bisect import bisect_left
from collections.abc import Collection, Container, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MINUTES_IN_DAY = 24 * 60

SEARCH_YEARS = 10

_SEARCH_DAYS = SEARCH_YEARS * 366
_ONE_DAY = timedelta(days=1)
_ONE_SECOND = timedelta(seconds=1)
_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WINDOW = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")
_SCORES = re.compile(r"([1-7])(?:\s*-\s*([1-7]))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_Span = tuple[datetime, datetime]


class NeverOpensError(ValueError):
    """Every working day in reach is a holiday."""

    def __init__(self, since: datetime) -> None:
        super().__init__(
            f"The business hours do not open within {SEARCH_YEARS} years after "
            f"{since.isoformat()}: check the working days, the hours and the holidays."
        )


@dataclass(frozen=True, kw_only=True)
class Holidays:
    """Regions are a country and a subdivision or "", as the `holidays` library spells them."""

    dates: frozenset[date] = frozenset()
    regions: frozenset[tuple[str, str]] = frozenset()

    def __contains__(self, day: object) -> bool:
        return day in self.dates or any(day in _region_calendar(*each) for each in self.regions)


@dataclass(frozen=True, kw_only=True)
class BusinessHours:
    """When time counts, in one time zone; methods raise ValueError for a naive datetime.

    `opens` and `closes` are minutes after midnight. `workdays` has Monday as 0.

    A local time that exists twice means its first instant; one that the clocks skip, the instant of
    the skip. So no time counts twice or gets lost.

    Raises:
        ValueError: No day is a working day, or the window is empty.
    """

    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    workdays: frozenset[int] = frozenset(range(5))
    opens: int = 0
    closes: int = MINUTES_IN_DAY
    holidays: Container[date] = frozenset()

    def __post_init__(self) -> None:
        if not self.workdays or not self.workdays <= frozenset(range(7)):
            raise ValueError("The working days must be at least one of 0 (Monday) to 6 (Sunday).")
        if not 0 <= self.opens < self.closes <= MINUTES_IN_DAY:
            raise ValueError(
                "The hours must open before they close, "
                f"in minutes after midnight from 0 to {MINUTES_IN_DAY}."
            )

    def add(self, start: datetime, amount: timedelta) -> datetime:
        """Return the earliest moment, in UTC, at which `amount` is used up.

        Used up at closing time, it is that closing, not the next opening.

        Raises:
            ValueError: The amount is negative.
            NeverOpensError: Too little time opens.
        """
        moment = _utc(start)
        if amount < timedelta():
            raise ValueError(f"The amount of business time must not be negative: {amount}.")
        if not amount:
            return moment
        remaining = amount
        for opening, closing in self._spans_after(moment):
            begin = max(opening, moment)
            if remaining <= closing - begin:
                return begin + remaining
            remaining -= closing - begin
        raise NeverOpensError(moment)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the business time, negative when `end` is earlier."""
        first, last = _utc(start), _utc(end)
        if last < first:
            return -self.between(last, first)
        elapsed = timedelta()
        for opening, closing in self._spans_after(first):
            if opening >= last:
                break
            elapsed += min(closing, last) - max(opening, first)
        return elapsed

    def is_open(self, moment: datetime) -> bool:
        """Return whether time counts: at the opening, but not at the closing."""
        instant = _utc(moment)
        today = self._local_date(instant)
        # When clocks go back over midnight, an ended day's date shows again.
        nearby = (self._span(today + n * _ONE_DAY) for n in (0, 1))
        return any(span and span[0] <= instant < span[1] for span in nearby)

    def next_opening(self, moment: datetime) -> datetime:
        """Return the next opening, in UTC, or `moment` itself when it is open.

        Raises:
            NeverOpensError: None follows.
        """
        instant = _utc(moment)
        for opening, _closing in self._spans_after(instant):
            return max(opening, instant)
        raise NeverOpensError(instant)

    def later_workdays(self, moment: datetime) -> Iterator[datetime]:
        """Yield, in UTC, the same local time on each later working day.

        Raises:
            NeverOpensError: None follows.
        """
        local = _utc(moment).astimezone(self.timezone)
        minute = local.hour * 60 + local.minute
        day, closed_days = local.date(), 0
        while closed_days <= _SEARCH_DAYS:
            day += _ONE_DAY
            closed_days += 1
            if self.is_workday(day):
                closed_days = 0
                yield _first_instant(day, minute, self.timezone)
        raise NeverOpensError(moment)

    def _spans_after(self, moment: datetime) -> Iterator[_Span]:
        day = self._local_date(moment)
        closed_days = 0
        while closed_days <= _SEARCH_DAYS:
            span = self._span(day)
            closed_days += 1
            if span and moment < span[1]:
                closed_days = 0
                yield span
            day += _ONE_DAY

    def _span(self, day: date) -> _Span | None:
        if not self.is_workday(day):
            return None
        opening = _first_instant(day, self.opens, self.timezone)
        closing = _first_instant(day, self.closes, self.timezone)
        # The clocks may skip the whole window.
        return (opening, closing) if opening < closing else None

    def is_workday(self, day: date) -> bool:
        return day.weekday() in self.workdays and day not in self.holidays

    def workday_before(self, day: date) -> date:
        """Return the last working day before, however long the days off; ten years at most."""
        earliest = day - _SEARCH_DAYS * _ONE_DAY
        earlier = (day - number * _ONE_DAY for number in range(1, _SEARCH_DAYS))
        return next((each for each in earlier if self.is_workday(each)), earliest)

    def _local_date(self, instant: datetime) -> date:
        return instant.astimezone(self.timezone).date()


@dataclass(frozen=True, kw_only=True)
class DeadlineRule:
    """Hours for some feedback; of what it names, all has to fit."""

    hours: timedelta
    """Business time."""
    scores: range | None = None
    label: str | None = None
    """In lower case, as ``tier``."""
    tier: str | None = None
    """As a label, with its scope."""

    def fits(self, score: int | None, labels: Collection[str]) -> bool:
        carried = {each.casefold() for each in labels}
        wanted = {each for each in (self.label, self.tier) if each is not None}
        return wanted <= carried and (self.scores is None or score in self.scores)


def parse_scores(text: str) -> range:
    """Read ``1`` or ``1-2``.

    Raises:
        ValueError: It is no score of 1 to 7, or the range goes down.
    """
    match = _SCORES.fullmatch(text.strip())
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last:
        raise ValueError("This is no score: write one of 1 to 7, or a range such as 1-2.")
    return range(first, last + 1)


def parse_timezone(text: str) -> ZoneInfo:
    """Read an IANA name.

    Raises:
        ValueError: It is unknown.
    """
    try:
        return ZoneInfo(text.strip())
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            "This is not a time zone: use an IANA name, such as UTC or Europe/Amsterdam."
        ) from error


def parse_workdays(text: str) -> frozenset[int]:
    """Read `Mon-Fri` or `Mon,Tue,Thu`; a range may wrap around the week's end.

    Raises:
        ValueError: It is neither.
    """
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin = _weekday(first)
        end = _weekday(last) if dash else begin
        days.update((begin + n) % 7 for n in range((end - begin) % 7 + 1))
    return frozenset(days)


def parse_window(text: str) -> tuple[int, int]:
    """Read `09:00-17:30` as minutes after midnight.

    Raises:
        ValueError: A time does not exist, or the window is empty or crosses midnight.
    """
    match = _WINDOW.fullmatch(text.strip())
    if match is None:
        raise ValueError("These are not hours: write them as 09:00-17:30 or 00:00-24:00.")
    from_hour, from_minute, to_hour, to_minute = map(int, match.groups())
    opens, closes = from_hour * 60 + from_minute, to_hour * 60 + to_minute
    if from_minute > 59 or to_minute > 59 or max(opens, closes) > MINUTES_IN_DAY:
        raise ValueError("There is a time that no clock shows: use 00:00 to 24:00.")
    if opens >= closes:
        raise ValueError(
            "It does not open before it closes: hours must begin and end on the same day, "
            "a window over midnight is not supported."
        )
    return opens, closes


def parse_holidays(text: str) -> Holidays:
    """Read regions and dates by commas: `US,DE-BY,2026-12-25`.

    Raises:
        ValueError: One does not exist.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    dates = {part for part in parts if part[0].isdigit()}
    return Holidays(
        dates=frozenset(_date(part) for part in dates),
        regions=frozenset(_region(part) for part in parts if part not in dates),
    )


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: pass an aware datetime.")
    return moment.astimezone(UTC)


def _first_instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return, in UTC, when the wall clock first shows that time or later."""
    wall = datetime.combine(day, time.min, tzinfo=zone) + timedelta(minutes=minute)
    instant = wall.astimezone(UTC)
    if _on_the_wall(instant, zone) == wall.replace(tzinfo=None):
        return instant
    return _end_of_gap(wall, zone)


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks skip the local time `wall`.

    In a gap fold=1 gives an instant before the change, fold=0 one at or after it (PEP 495).
    """
    before, after = wall.replace(fold=1).astimezone(UTC), wall.replace(fold=0).astimezone(UTC)
    seconds = range((after - before) // _ONE_SECOND)
    skipped = bisect_left(
        seconds,
        wall.replace(tzinfo=None),
        key=lambda second: _on_the_wall(before + second * _ONE_SECOND, zone),
    )
    return before + skipped * _ONE_SECOND


def _on_the_wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _weekday(name: str) -> int:
    wanted = name.strip().lower()
    for number, full_name in enumerate(_DAY_NAMES):
        if wanted in (full_name, full_name[:3]):
            return number
    raise ValueError(
        "These are not working days: write Mon, Tue, Wed, Thu, Fri, Sat or Sun, "
        "as a range (Mon-Fri) or with commas (Mon,Tue,Thu)."
    )


def _date(text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError("There is a date that no calendar shows: write 2026-12-25.")


def _region(text: str) -> tuple[str, str]:
    # The library loads slowly, and most teams name no country.
    from holidays import list_supported_countries

    code, _dash, wanted = text.partition("-")
    country = code.strip().upper()
    supported = list_supported_countries(include_aliases=True)
    if country not in supported:
        raise ValueError(
            "There is a country whose holidays are not known: "
            "use a code of two letters such as DE or US, or dates such as 2026-12-25."
        )
    if not wanted:
        return country, ""
    for subdivision in supported[country]:
        if subdivision.lower() == wanted.strip().lower():
            return country, subdivision
    raise ValueError(
        f"There is a part of {country} whose holidays are not known: "
        f"use one of {', '.join(supported[country]) or 'none'}."
    )


@cache
def _region_calendar(country: str, subdivision: str) -> Container[object]:
    from holidays import country_holidays

    return country_holidays(country, subdiv=subdivision or None)


ALWAYS = BusinessHours()
"""Handbook, "Who is responsible for reviewing Support Satisfaction feedback".

"Within 48hrs Mon-Fri" is elapsed time without closed days.
"""
