from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from slackbot.rules.timing.deadline import (
    ALWAYS,
    MINUTES_IN_DAY,
    BusinessHours,
    Holidays,
    NeverOpensError,
    parse_holidays,
    parse_timezone,
    parse_window,
    parse_workdays,
)

TWO_DAYS = timedelta(hours=48)
MINUTE = timedelta(minutes=1)


def at(text: str, zone: str = "UTC", *, fold: int = 0) -> datetime:
    """Read a local time such as `2026-03-06 15:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def hours(
    zone: str = "UTC", days: str = "Mon-Fri", window: str = "00:00-24:00", off: str = ""
) -> BusinessHours:
    opens, closes = parse_window(window)
    return BusinessHours(
        timezone=parse_timezone(zone),
        workdays=parse_workdays(days),
        opens=opens,
        closes=closes,
        holidays=parse_holidays(off),
    )


class TestFortyEightHours:
    """The design's reading of "within 48hrs Mon-Fri". 2 March 2026 is a Monday."""

    @pytest.mark.parametrize(
        ("asked", "due"),
        [
            # Monday to Wednesday: no weekend in between
            ("2026-03-02 10:00", "2026-03-04 10:00"),
            # Wednesday afternoon: due on Friday
            ("2026-03-04 15:00", "2026-03-06 15:00"),
            # the first moment of Thursday: due at the end of Friday, not on Monday
            ("2026-03-05 00:00", "2026-03-07 00:00"),
            # a moment later: the rest falls on Monday
            ("2026-03-05 00:00:01", "2026-03-09 00:00:01"),
            # a microsecond counts as well
            ("2026-03-05 00:00:00.000001", "2026-03-09 00:00:00.000001"),
            # Friday 15:00: due on Tuesday 15:00
            ("2026-03-06 15:00", "2026-03-10 15:00"),
            # the first moment of Friday: due at the end of Monday
            ("2026-03-06 00:00", "2026-03-10 00:00"),
            # the last second of Friday still counts
            ("2026-03-06 23:59:59", "2026-03-10 23:59:59"),
            # the first moment of Saturday: due when Tuesday ends
            ("2026-03-07 00:00", "2026-03-11 00:00"),
            # any time on Saturday
            ("2026-03-07 13:37", "2026-03-11 00:00"),
            # any time on Sunday
            ("2026-03-08 23:59:59", "2026-03-11 00:00"),
            # the first moment of Monday is no different from the weekend before it
            ("2026-03-09 00:00", "2026-03-11 00:00"),
            # over the end of a year; 1 January is an ordinary Friday without holidays
            ("2026-12-31 12:00", "2027-01-04 12:00"),
            # over a leap day, Thursday 29 February 2024
            ("2024-02-28 12:00", "2024-03-01 12:00"),
        ],
    )
    # West, east, and a zone of three quarters of an hour; none changes its clocks in these weeks.
    @pytest.mark.parametrize(
        "zone", ["UTC", "Asia/Tokyo", "America/Lima", "Asia/Kathmandu", "Pacific/Kiritimati"]
    )
    def test_closed_days_do_not_count_in_the_teams_zone(
        self, zone: str, asked: str, due: str
    ) -> None:
        assert hours(zone).add(at(asked, zone), TWO_DAYS) == at(due, zone)

    def test_the_handbooks_hours_are_the_default(self) -> None:
        assert hours() == replace(ALWAYS, holidays=Holidays())
        assert ALWAYS.add(at("2026-03-06 15:00"), TWO_DAYS) == at("2026-03-10 15:00")

    @pytest.mark.parametrize(
        ("asked_in_utc", "zone", "due_in_utc"),
        [
            # Friday 15:00 in UTC is already Saturday in Kiritimati (+14): Wednesday 00:00 there
            ("2026-03-06 15:00", "Pacific/Kiritimati", "2026-03-10 10:00"),
            # Sunday 23:00 in UTC is Monday 08:00 in Tokyo (+9)
            ("2026-03-08 23:00", "Asia/Tokyo", "2026-03-10 23:00"),
            # Saturday 03:00 in UTC is still Friday 22:00 in Lima (-5): two hours, then Monday
            ("2026-03-07 03:00", "America/Lima", "2026-03-11 03:00"),
            # Monday 02:00 in UTC is still Sunday in Lima
            ("2026-03-09 02:00", "America/Lima", "2026-03-11 05:00"),
        ],
    )
    def test_saturday_starts_where_the_team_is(
        self, asked_in_utc: str, zone: str, due_in_utc: str
    ) -> None:
        due = hours(zone).add(at(asked_in_utc), TWO_DAYS)
        assert due == at(due_in_utc)
        assert due.tzinfo is UTC

    def test_the_start_may_be_told_in_any_zone(self) -> None:
        in_utc, in_tokyo = at("2026-03-06 15:00"), at("2026-03-07 00:00", "Asia/Tokyo")
        assert ALWAYS.add(in_tokyo, TWO_DAYS) == ALWAYS.add(in_utc, TWO_DAYS)

    def test_nothing_to_wait_for_is_due_at_once_even_when_closed(self) -> None:
        assert ALWAYS.add(at("2026-03-07 12:00"), timedelta()) == at("2026-03-07 12:00")


class TestHolidays:
    @pytest.mark.parametrize(
        ("asked", "due"),
        [
            # Christmas Day 2026 is a Friday: Thursday's half, then Monday and half of Tuesday
            ("2026-12-24 12:00", "2026-12-29 12:00"),
            # asked on the holiday itself: Monday and Tuesday
            ("2026-12-25 09:00", "2026-12-30 00:00"),
            # a holiday on a Saturday takes nothing away
            ("2026-12-23 00:00", "2026-12-25 00:00"),
            # due at the end of the day before the holiday, not after it
            ("2026-12-22 00:00", "2026-12-24 00:00"),
        ],
    )
    def test_a_holiday_is_like_a_sunday(self, asked: str, due: str) -> None:
        assert hours(off="2026-12-25,2026-12-26").add(at(asked), TWO_DAYS) == at(due)

    def test_a_plain_set_of_dates_will_do(self) -> None:
        calendar = BusinessHours(holidays=frozenset({date(2026, 12, 25)}))
        assert calendar.add(at("2026-12-24 12:00"), TWO_DAYS) == at("2026-12-29 12:00")

    def test_the_holiday_is_a_day_in_the_teams_zone(self) -> None:
        calendar = hours("Asia/Tokyo", off="2026-12-24")
        assert not calendar.is_open(at("2026-12-23 15:00"))
        assert calendar.is_open(at("2026-12-24 15:00"))

    def test_a_calendar_of_holidays_only_is_an_error_and_not_a_loop(self) -> None:
        class EveryDay:
            def __contains__(self, day: object) -> bool:
                return True

        calendar = BusinessHours(holidays=EveryDay())
        with pytest.raises(NeverOpensError, match="within 10 years after 2026-03-02"):
            calendar.add(at("2026-03-02 10:00"), TWO_DAYS)
        with pytest.raises(NeverOpensError, match="check the working days"):
            calendar.next_opening(at("2026-03-02 10:00"))
        assert calendar.between(at("2026-03-02 10:00"), at("2026-03-09 10:00")) == timedelta()

    def test_a_calendar_that_opens_after_years_is_found(self) -> None:
        class UntilTwentyThirtyFive:
            def __contains__(self, day: object) -> bool:
                return isinstance(day, date) and day.year < 2035

        calendar = BusinessHours(holidays=UntilTwentyThirtyFive())
        assert calendar.next_opening(at("2026-03-02 10:00")) == at("2035-01-01 00:00")


class TestWindow:
    """Office hours, 09:00-17:00: 48 hours are six days of eight."""

    @pytest.mark.parametrize(
        ("asked", "amount", "due"),
        [
            # within the window and within the day
            ("2026-03-02 10:00", 3, "2026-03-02 13:00"),
            # before the window: counts from the opening
            ("2026-03-02 06:00", 3, "2026-03-02 12:00"),
            # after the window: counts from the next morning
            ("2026-03-02 18:00", 3, "2026-03-03 12:00"),
            # exactly at the opening
            ("2026-03-02 09:00", 3, "2026-03-02 12:00"),
            # exactly at closing: nothing left today
            ("2026-03-02 17:00", 3, "2026-03-03 12:00"),
            # used up exactly at closing: due then, not the next morning
            ("2026-03-02 14:00", 3, "2026-03-02 17:00"),
            # an hour over: the rest is the next morning
            ("2026-03-02 15:00", 3, "2026-03-03 10:00"),
            # over the weekend
            ("2026-03-06 15:00", 3, "2026-03-09 10:00"),
            # a whole day
            ("2026-03-02 09:00", 8, "2026-03-02 17:00"),
            # six working days
            ("2026-03-02 10:00", 48, "2026-03-10 10:00"),
        ],
    )
    def test_only_time_within_the_window_counts(self, asked: str, amount: int, due: str) -> None:
        calendar = hours("Europe/Amsterdam", window="09:00-17:00")
        zone = "Europe/Amsterdam"
        assert calendar.add(at(asked, zone), timedelta(hours=amount)) == at(due, zone)

    def test_half_hours_are_kept(self) -> None:
        calendar = hours(window="08:15-17:30")
        assert calendar.add(at("2026-03-02 17:00"), timedelta(hours=1)) == at("2026-03-03 08:45")

    @pytest.mark.parametrize(
        ("moment", "is_open", "next_opening"),
        [
            # a minute before the opening
            ("2026-03-02 08:59", False, "2026-03-02 09:00"),
            # the opening belongs to the window
            ("2026-03-02 09:00", True, "2026-03-02 09:00"),
            # open: the moment itself
            ("2026-03-02 12:34:56", True, "2026-03-02 12:34:56"),
            # closing does not
            ("2026-03-02 17:00", False, "2026-03-03 09:00"),
            # the last microsecond
            ("2026-03-02 16:59:59.999999", True, "2026-03-02 16:59:59.999999"),
            # Friday evening: Monday morning
            ("2026-03-06 17:00", False, "2026-03-09 09:00"),
            # Sunday at noon
            ("2026-03-08 12:00", False, "2026-03-09 09:00"),
        ],
    )
    def test_when_it_is_open(self, moment: str, is_open: bool, next_opening: str) -> None:
        zone = "America/New_York"
        calendar = hours(zone, window="09:00-17:00")
        assert calendar.is_open(at(moment, zone)) is is_open
        assert calendar.next_opening(at(moment, zone)) == at(next_opening, zone)

    @pytest.mark.parametrize(
        ("start", "end", "elapsed"),
        [
            # Friday 16:00 to Monday 10:00: an hour on either side
            ("2026-03-06 16:00", "2026-03-09 10:00", 2),
            # within one day
            ("2026-03-02 10:00", "2026-03-02 12:00", 2),
            # over night
            ("2026-03-02 16:00", "2026-03-03 11:00", 3),
            # closed all the time
            ("2026-03-07 10:00", "2026-03-08 22:00", 0),
            # no time at all
            ("2026-03-02 10:00", "2026-03-02 10:00", 0),
            # a week
            ("2026-03-02 00:00", "2026-03-09 00:00", 40),
        ],
    )
    def test_time_between_has_a_sign(self, start: str, end: str, elapsed: int) -> None:
        calendar = hours(window="09:00-17:00")
        assert calendar.between(at(start), at(end)) == timedelta(hours=elapsed)
        assert calendar.between(at(end), at(start)) == -timedelta(hours=elapsed)


EVERY_DAY = "Mon-Sun"


class TestChangeOfClocks:
    """Real elapsed time counts."""

    @pytest.mark.parametrize(
        ("zone", "days", "asked", "due"),
        [
            # Amsterdam, Sunday 29 March 2026, 02:00 -> 03:00: 47 hours on the wall are missing one
            ("Europe/Amsterdam", EVERY_DAY, "2026-03-28 15:00", "2026-03-30 16:00"),
            # the same weekend without weekends: the change happens while nothing counts
            ("Europe/Amsterdam", "Mon-Fri", "2026-03-27 15:00", "2026-03-31 15:00"),
            # Sunday is a working day of 23 hours in that week
            ("Europe/Amsterdam", "Sun-Thu", "2026-03-29 00:00", "2026-03-31 01:00"),
            # Amsterdam, Sunday 25 October 2026, 03:00 -> 02:00: an hour earlier on the wall
            ("Europe/Amsterdam", EVERY_DAY, "2026-10-24 15:00", "2026-10-26 14:00"),
            # Sunday has 25 hours, so Monday is due an hour before it ends
            ("Europe/Amsterdam", "Sun-Thu", "2026-10-25 00:00", "2026-10-26 23:00"),
            # New York, Sunday 8 March 2026
            ("America/New_York", EVERY_DAY, "2026-03-07 12:00", "2026-03-09 13:00"),
            # New York, Sunday 1 November 2026
            ("America/New_York", EVERY_DAY, "2026-10-31 12:00", "2026-11-02 11:00"),
            # Sydney, where April is autumn: Sunday 5 April 2026, 03:00 -> 02:00
            ("Australia/Sydney", EVERY_DAY, "2026-04-04 12:00", "2026-04-06 11:00"),
            # Sydney, Sunday 4 October 2026, 02:00 -> 03:00
            ("Australia/Sydney", EVERY_DAY, "2026-10-03 12:00", "2026-10-05 13:00"),
            # Lord Howe moves by half an hour
            ("Australia/Lord_Howe", EVERY_DAY, "2026-10-03 12:00", "2026-10-05 12:30"),
            # Santiago skips the midnight of Sunday 6 September 2026: its day begins at 01:00
            ("America/Santiago", "Sun-Thu", "2026-09-05 12:00", "2026-09-08 01:00"),
            # Havana, Sunday 8 March 2026, 00:00 -> 01:00
            ("America/Havana", "Sun-Thu", "2026-03-07 12:00", "2026-03-10 01:00"),
            # Havana, Sunday 1 November 2026, 01:00 -> 00:00: the day begins at the first midnight
            ("America/Havana", "Sun-Thu", "2026-10-31 12:00", "2026-11-02 23:00"),
            # Cairo, Friday 24 April 2026, 00:00 -> 01:00: a working Friday of 23 hours
            ("Africa/Cairo", "Mon-Fri", "2026-04-23 12:00", "2026-04-27 13:00"),
            # Cairo, Thursday 29 October 2026, 24:00 -> 23:00: Thursday has 25 hours
            ("Africa/Cairo", "Mon-Fri", "2026-10-28 12:00", "2026-10-30 11:00"),
            # Beirut, Sunday 29 March 2026, 00:00 -> 01:00
            ("Asia/Beirut", "Sun-Thu", "2026-03-28 12:00", "2026-03-31 01:00"),
            # Apia had no 30 December 2011, a Friday: Thursday is followed by Saturday
            ("Pacific/Apia", "Mon-Fri", "2011-12-28 12:00", "2012-01-02 12:00"),
        ],
    )
    def test_forty_eight_real_hours(self, zone: str, days: str, asked: str, due: str) -> None:
        assert hours(zone, days).add(at(asked, zone), TWO_DAYS) == at(due, zone)

    @pytest.mark.parametrize(
        ("zone", "window", "day", "length"),
        [
            # an ordinary Sunday night
            ("Europe/Amsterdam", "01:00-04:00", "2026-03-22", 180),
            # an hour is missing in spring
            ("Europe/Amsterdam", "01:00-04:00", "2026-03-29", 120),
            # and comes twice in autumn
            ("Europe/Amsterdam", "01:00-04:00", "2026-10-25", 240),
            # opening in the gap: from the change on
            ("Europe/Amsterdam", "02:30-04:00", "2026-03-29", 60),
            # closing in the gap: until the change
            ("Europe/Amsterdam", "01:00-02:30", "2026-03-29", 60),
            # all of it in the gap: nothing
            ("Europe/Amsterdam", "02:15-02:45", "2026-03-29", 0),
            # opening at the first 02:30 of two
            ("Europe/Amsterdam", "02:30-04:00", "2026-10-25", 150),
            # closing at the first 02:30 of two
            ("Europe/Amsterdam", "01:00-02:30", "2026-10-25", 90),
            # a day that does not exist has no hours
            ("Pacific/Apia", "09:00-17:00", "2011-12-30", 0),
            # and takes none from the day after it
            ("Pacific/Apia", "09:00-17:00", "2011-12-31", 480),
            # midnight is in the middle of the gap 23:30 -> 00:30 of Toronto in 1919
            ("America/Toronto", "00:00-01:00", "1919-03-31", 30),
        ],
    )
    def test_a_window_around_the_change(
        self, zone: str, window: str, day: str, length: int
    ) -> None:
        only_that_day = _Only(date.fromisoformat(day))
        calendar = replace(hours(zone, EVERY_DAY, window), holidays=only_that_day)
        noon = at(f"{day} 12:00")
        elapsed = calendar.between(noon - TWO_DAYS, noon + TWO_DAYS)
        assert elapsed == timedelta(minutes=length)

    def test_a_window_that_the_clocks_skip_does_not_open(self) -> None:
        zone = "Europe/Amsterdam"
        calendar = hours(zone, EVERY_DAY, "02:15-02:45")
        opening = calendar.next_opening(at("2026-03-28 12:00", zone))
        assert opening == at("2026-03-30 02:15", zone)

    def test_both_halves_of_a_doubled_hour_are_open(self) -> None:
        calendar = hours("Europe/Amsterdam", EVERY_DAY, "02:30-05:00")
        first, second = (at("2026-10-25 02:15", "Europe/Amsterdam", fold=n) for n in (0, 1))
        assert not calendar.is_open(first)
        # Once open, it stays open: the second 02:15 comes after the first 02:30.
        assert calendar.is_open(second)

    def test_a_day_that_shows_again_after_midnight_has_ended(self) -> None:
        # St. John's went from Sunday 00:01 back to Saturday 23:01 in 2010.
        zone = "America/St_Johns"
        calendar = hours(zone, "Sun-Thu")
        again = at("2010-11-06 23:30", zone, fold=1)
        assert calendar.is_open(again)
        assert calendar.next_opening(again) == again.astimezone(UTC)
        assert not calendar.is_open(at("2010-11-06 23:30", zone, fold=0))


class _Only:
    """All days but one are holidays."""

    def __init__(self, day: date) -> None:
        self._day = day

    def __contains__(self, day: object) -> bool:
        return day != self._day


class TestRefusals:
    def test_a_naive_datetime_is_refused(self) -> None:
        naive, aware = datetime(2026, 3, 2, 10), at("2026-03-02 10:00")  # noqa: DTZ001
        for call in (
            lambda: ALWAYS.add(naive, TWO_DAYS),
            lambda: ALWAYS.between(naive, aware),
            lambda: ALWAYS.between(aware, naive),
            lambda: ALWAYS.is_open(naive),
            lambda: ALWAYS.next_opening(naive),
        ):
            with pytest.raises(ValueError, match="has no time zone"):
                call()

    def test_business_time_is_not_taken_back(self) -> None:
        with pytest.raises(ValueError, match="must not be negative"):
            ALWAYS.add(at("2026-03-02 10:00"), -MINUTE)

    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            # no day at all
            ({"workdays": frozenset()}, "at least one"),
            # no such day
            ({"workdays": frozenset({7})}, r"0 \(Monday\) to 6 \(Sunday\)"),
            # no time at all
            ({"opens": 540, "closes": 540}, "open before they close"),
            # before midnight
            ({"opens": -1}, "from 0 to 1440"),
            # after the end of the day
            ({"closes": 1441}, "from 0 to 1440"),
        ],
    )
    def test_impossible_hours(self, wrong: dict[str, Any], says: str) -> None:
        with pytest.raises(ValueError, match=says):
            BusinessHours(**wrong)


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "days"),
        [
            # the default
            ("Mon-Fri", {0, 1, 2, 3, 4}),
            # single days
            ("Mon,Tue,Thu", {0, 1, 3}),
            # wraps around the end of the week
            ("Sun-Thu", {6, 0, 1, 2, 3}),
            # wraps all the way round
            ("Wed-Tue", {0, 1, 2, 3, 4, 5, 6}),
            # one day
            ("sat", {5}),
            # a range of one
            ("Mon-Mon", {0}),
            # mixed, spaced and in full
            (" monday - Wed , FRIDAY ", {0, 1, 2, 4}),
        ],
    )
    def test_workdays(self, text: str, days: set[int]) -> None:
        assert parse_workdays(text) == days

    @pytest.mark.parametrize("text", ["", "Mon-", "Mo-Fr", "1-5", "Mon-Wed-Fri", "Mon,,Tue"])
    def test_workdays_that_are_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"write Mon, Tue.*as a range \(Mon-Fri\)"):
            parse_workdays(text)

    @pytest.mark.parametrize(
        ("text", "window"),
        [
            # the whole day
            ("00:00-24:00", (0, MINUTES_IN_DAY)),
            # office hours
            ("09:00-17:30", (540, 1050)),
            # without the zero, with spaces
            (" 9:00 - 17:05 ", (540, 1025)),
        ],
    )
    def test_window(self, text: str, window: tuple[int, int]) -> None:
        assert parse_window(text) == window

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            # not hours at all
            ("", "write them as 09:00-17:30"),
            # without minutes
            ("9-17", "write them as 09:00-17:30"),
            # over midnight
            ("22:00-06:00", "a window over midnight is not supported"),
            # empty
            ("09:00-09:00", "does not open before it closes"),
            # after the end of the day
            ("09:00-24:01", "no clock shows"),
            # sixty minutes
            ("09:60-17:00", "no clock shows"),
            ("09:00-17:60", "no clock shows"),
        ],
    )
    def test_windows_that_are_none(self, text: str, says: str) -> None:
        with pytest.raises(ValueError, match=says):
            parse_window(text)

    @pytest.mark.parametrize(
        ("text", "off", "on"),
        [
            # Christmas Day and Boxing Day in Germany
            ("DE", ["2026-12-25", "2026-12-26"], ["2026-12-24", "2026-01-06"]),
            # Epiphany is a holiday in Bavaria
            ("DE-BY", ["2026-01-06", "2026-12-25"], ["2026-01-07"]),
            # any case
            ("de-by", ["2026-01-06"], ["2026-01-07"]),
            # Thanksgiving moves
            ("US", ["2026-11-26", "2027-11-25"], ["2026-11-25"]),
            # dates
            ("2026-12-25,2026-12-28", ["2026-12-25", "2026-12-28"], ["2026-12-26"]),
            # a mix
            ("US, NL, 2026-08-14", ["2026-07-04", "2026-04-27", "2026-08-14"], ["2026-08-13"]),
            # a trailing comma
            ("2026-08-14,", ["2026-08-14"], ["2026-08-13"]),
        ],
    )
    def test_holidays(self, text: str, off: list[str], on: list[str]) -> None:
        holidays = parse_holidays(text)
        assert all(date.fromisoformat(day) in holidays for day in off)
        assert not any(date.fromisoformat(day) in holidays for day in on)

    def test_no_holidays(self) -> None:
        assert parse_holidays(" ") == Holidays()

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            # no such country
            ("XX", "a country whose holidays are not known"),
            # a name is not a code
            ("Germany", "a country whose holidays are not known"),
            # no such part of it
            ("DE-XX", "a part of DE .* BB, BE"),
            # not a day
            ("2026-02-30", "a date that no calendar shows"),
            # not in ISO's long form
            ("20260230", "write 2026-12-25"),
            # a week
            ("2026-W01-1", "write 2026-12-25"),
        ],
    )
    def test_holidays_that_are_none(self, text: str, says: str) -> None:
        with pytest.raises(ValueError, match=says):
            parse_holidays(text)

    def test_time_zone(self) -> None:
        assert parse_timezone("Europe/Amsterdam") == ZoneInfo("Europe/Amsterdam")

    @pytest.mark.parametrize("text", ["", "Mars/Olympus", "../etc/passwd", "Europe", "UTC+1", "\0"])
    def test_time_zones_that_are_none(self, text: str) -> None:
        with pytest.raises(ValueError, match="use an IANA name"):
            parse_timezone(text)

    def test_hours_are_values(self) -> None:
        one, other = (hours("Asia/Tokyo", off="DE-BY,2026-12-28") for _ in range(2))
        assert one == other
        assert hash(one) == hash(other)


# Zones whose clocks change at or around midnight, by other than an hour, or by a whole day.
AWKWARD_ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "America/Nuuk",
    "America/Santiago",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
]
zones = st.one_of(
    st.sampled_from(AWKWARD_ZONES), st.sampled_from(sorted(available_timezones()))
).map(ZoneInfo)
moments = st.datetimes(
    datetime(2005, 1, 1),  # noqa: DTZ001
    datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
amounts = st.timedeltas(timedelta(0), timedelta(hours=72))


@st.composite
def changes(draw: st.DrawFn, zone: ZoneInfo) -> datetime | None:
    """Draw an instant at which the zone's clocks change, if they do in the year after a start."""
    start = draw(moments).replace(minute=0, second=0, microsecond=0)
    offset = start.astimezone(zone).utcoffset()
    for hour in range(0, 366 * 24, 6):
        moment = start + timedelta(hours=hour)
        if moment.astimezone(zone).utcoffset() != offset:
            return moment
    return None


# In minutes: a shorter one, once a week, takes a lifetime for 48 hours.
SHORTEST_WINDOW = 20


@st.composite
def calendars(draw: st.DrawFn) -> BusinessHours:
    opens = draw(st.just(0) | st.integers(0, MINUTES_IN_DAY - SHORTEST_WINDOW))
    return BusinessHours(
        timezone=draw(zones),
        workdays=frozenset(draw(st.sets(st.integers(0, 6), min_size=1))),
        opens=opens,
        closes=draw(st.just(MINUTES_IN_DAY) | st.integers(opens + SHORTEST_WINDOW, MINUTES_IN_DAY)),
        holidays=frozenset(
            draw(st.sets(st.dates(date(2005, 1, 1), date(2030, 1, 1)), max_size=20))
        ),
    )


# Looking at a day a week for years takes its time on a busy machine.
unhurried = settings(deadline=None)


class TestProperties:
    @unhurried
    @given(calendars(), st.dates(date(2005, 1, 1), date(2030, 1, 1)))
    def test_between_a_day_and_the_workday_before_are_only_days_off(
        self, calendar: BusinessHours, day: date
    ) -> None:
        before = calendar.workday_before(day)
        assert calendar.is_workday(before)
        days_off = [before + timedelta(days=n) for n in range(1, (day - before).days)]
        assert not any(map(calendar.is_workday, days_off))

    @unhurried
    @given(calendars(), moments, moments)
    def test_who_asks_later_is_not_due_earlier(
        self, calendar: BusinessHours, one: datetime, other: datetime
    ) -> None:
        first, second = sorted((one, other))
        assert calendar.add(first, TWO_DAYS) <= calendar.add(second, TWO_DAYS)

    @unhurried
    @given(calendars(), moments)
    def test_exactly_that_much_time_passes(self, calendar: BusinessHours, start: datetime) -> None:
        due = calendar.add(start, TWO_DAYS)
        assert calendar.between(start, due) == TWO_DAYS
        assert calendar.between(due, start) == -TWO_DAYS

    @unhurried
    @given(calendars(), moments, amounts)
    def test_it_is_due_while_open_and_no_earlier_moment_will_do(
        self, calendar: BusinessHours, start: datetime, amount: timedelta
    ) -> None:
        assume(amount)
        due = calendar.add(start, amount)
        just_before = due - timedelta.resolution
        # Open just before: so due lies after an opening and not after the closing.
        assert calendar.is_open(just_before)
        assert calendar.between(start, just_before) == amount - timedelta.resolution

    @unhurried
    @given(calendars(), moments, amounts, amounts)
    def test_two_waits_are_one_long_wait(
        self, calendar: BusinessHours, start: datetime, one: timedelta, other: timedelta
    ) -> None:
        assert calendar.add(start, one + other) == calendar.add(calendar.add(start, one), other)

    @unhurried
    @given(calendars(), moments, moments, moments)
    def test_time_adds_up(
        self, calendar: BusinessHours, one: datetime, two: datetime, three: datetime
    ) -> None:
        parts = calendar.between(one, two) + calendar.between(two, three)
        assert parts == calendar.between(one, three)

    @unhurried
    @given(calendars(), moments)
    def test_nothing_counts_until_the_next_opening(
        self, calendar: BusinessHours, moment: datetime
    ) -> None:
        opening = calendar.next_opening(moment)
        assert calendar.is_open(opening)
        assert (opening == moment) is calendar.is_open(moment)
        assert calendar.between(moment, opening) == timedelta()

    @given(st.data(), calendars())
    @settings(deadline=None)
    @example(data=None, calendar=hours("America/Havana", "Sun-Thu"))
    @example(data=None, calendar=hours("America/St_Johns", "Sun", "00:00-00:01"))
    def test_the_slow_way_agrees(self, data: st.DataObject | None, calendar: BusinessHours) -> None:
        change = data.draw(changes(calendar.timezone)) if data else at("2010-11-07 04:00")
        near = change or at("2015-06-01 12:00")
        back = data.draw(st.integers(0, 3000)) if data else 2000
        amount = data.draw(st.integers(1, 1500)) if data else 1500
        start = near - back * MINUTE
        slow = SlowHours(calendar, start - timedelta(days=3))
        due = slow.add(start, amount)
        assert calendar.is_open(start) is slow.is_open(start)
        if due is not None:
            assert calendar.add(start, amount * MINUTE) == due


class SlowHours:
    """Business hours by looking at the clock on the wall once a minute, for 12 days.

    The clock is one that never goes back: while it is set back it stands at the latest time that
    it has shown. The `began` must be days before the first question, so that it knows that time.
    """

    def __init__(self, calendar: BusinessHours, began: datetime) -> None:
        self._calendar = calendar
        self._open: dict[datetime, bool] = {}
        latest = datetime(1, 1, 1)  # noqa: DTZ001
        for minute in range(12 * MINUTES_IN_DAY):
            moment = began + minute * MINUTE
            shown = moment.astimezone(calendar.timezone).replace(tzinfo=None)
            latest = max(latest, shown)
            self._open[moment] = self._counts(latest)

    def _counts(self, wall: datetime) -> bool:
        since_midnight = wall - datetime.combine(wall.date(), time.min)
        return (
            wall.weekday() in self._calendar.workdays
            and wall.date() not in self._calendar.holidays
            and self._calendar.opens * MINUTE <= since_midnight < self._calendar.closes * MINUTE
        )

    def is_open(self, moment: datetime) -> bool:
        return self._open[moment]

    def add(self, start: datetime, minutes: int) -> datetime | None:
        moment = start
        while minutes and moment in self._open:
            minutes -= self._open[moment]
            moment += MINUTE
        return None if minutes else moment
