"""The figures of a period, against cases counted by hand, and what holds for any."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.reading.feedback import Sentiment, score_of
from slackbot.rules.request import IssueKey, Person, Request, Rules
from slackbot.rules.stats import (
    MOST_BARS,
    Figures,
    Measure,
    Times,
    is_on_time,
)
from slackbot.rules.timing.deadline import ALWAYS, BusinessHours
from slackbot.rules.timing.period import Grouping, Period

MONDAY = datetime(2026, 2, 2, tzinfo=UTC)
"""A period begins with it, and the clock shows its Sunday."""
NOW = MONDAY + timedelta(days=6)
WEEK = Period(start=MONDAY.date(), end=(MONDAY + timedelta(days=7)).date())
RULES = Rules(
    contact_label="SSAT::Contact",
    contacted_label="ssat-manager-contacted-customer",
    scope="feedback",
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)
MEASURE = Measure(rules=RULES, region_scope="OrganizationRegion", now=NOW)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
AVERY_IN_GITLAB = Person(name="avery", gitlab="Avery")
BLAKE = Person(name="Blake Sample", gitlab="blake.sample")


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def with_hours(opened: BusinessHours) -> Measure:
    return replace(MEASURE, rules=replace(RULES, hours=opened))


def asked(iid: int, at: datetime = MONDAY, **more: Any) -> Request:
    """A contact request, due after 48 business hours."""
    made = Request(
        key=IssueKey(7, iid),
        url=f"https://gitlab.example/-/issues/{iid}",
        title="Negative feedback",
        created_at=at,
        asked_at=at,
        due_at=ALWAYS.add(at, hours(48)),
    )
    return replace(made, **more)


def contacted(iid: int, after: float, by: Person = AVERY, **more: Any) -> Request:
    return asked(iid, contacted_at=MONDAY + hours(after), contacted_by=by, is_open=False, **more)


def praise(iid: int, at: datetime = MONDAY, **more: Any) -> Request:
    told = {"was_requested": False, "is_requested": False, "sentiment": Sentiment.POSITIVE}
    return asked(iid, at, **(told | more))


def labels(*names: str) -> frozenset[str]:
    return frozenset(names)


# --- A week, counted by hand -------------------------------------------------------------------

A_WEEK = [
    contacted(1, 10, claimed_at=MONDAY + hours(1), labels=labels("feedback::soft-skills")),
    contacted(2, 20, claimed_at=MONDAY + hours(3), score="2", sentiment=Sentiment.NEGATIVE),
    contacted(3, 48, labels=labels("feedback::soft-skills", "OrganizationRegion::EMEA")),
    # Late by two hours.
    contacted(4, 50, by=BLAKE, claimed_at=MONDAY + hours(8), missed_because="no_handover"),
    asked(5, is_open=False, closed_by="Dana Duty"),  # closed without a contact
    asked(6),  # overdue since Wednesday
    asked(7, MONDAY + timedelta(days=4, hours=12)),  # Friday at noon: due on Tuesday
    asked(8, is_requested=False),  # withdrawn
    asked(9, is_gone=True),
    praise(10),
    praise(11, sentiment=Sentiment.POSITIVE, score="6 of 7"),
    praise(12, sentiment=Sentiment.NEUTRAL),
    # The week before.
    asked(
        20,
        MONDAY - timedelta(days=7),
        contacted_at=MONDAY - timedelta(days=6),
        is_open=False,
        labels=labels("feedback::known-issue"),
    ),
    # The week after, and the one before the last.
    asked(21, MONDAY + timedelta(days=7)),
    praise(22, MONDAY - timedelta(days=8)),
]


def test_the_figures_of_a_week_are_those_counted_by_hand() -> None:
    stats = MEASURE.stats(A_WEEK, WEEK)
    assert stats.now.figures == Figures(
        requests=9,
        on_time=3,  # 1, 2 and 3
        settled=6,  # and 4, 5 and 6
        open=2,  # 6 and 7
        overdue=1,  # 6
        # After 1, 3 and 8 hours: 0.9 lies 0.8 of the way from 3 to 8.
        to_claim=Times(median=3, high=7),
        # After 10, 20, 48 and 50 hours: half of the way from 20 to 48, and 0.7 from 48 to 50.
        to_contact=Times(median=34, high=49.4),
    )
    assert stats.now.figures.share == 0.5
    assert stats.now.figures.missed == 3
    assert stats.now.feedback == 12
    assert stats.now.sentiments == {
        Sentiment.POSITIVE: 2,
        Sentiment.NEUTRAL: 1,
        Sentiment.NEGATIVE: 1,  # 2, by its score
        None: 8,
    }
    assert stats.now.labels == {"feedback::soft-skills": 2, None: 10}
    assert stats.now.reasons == {"no_handover": 1, None: 2}


def test_the_period_before_is_as_long_and_ends_where_this_one_begins() -> None:
    before = MEASURE.stats(A_WEEK, WEEK).before
    assert before is not None
    assert before.figures == Figures(
        requests=1, on_time=1, settled=1, to_contact=Times(median=24, high=24)
    )
    assert (before.feedback, before.labels) == (1, {"feedback::known-issue": 1})


def test_time_counts_in_the_business_hours_of_the_team() -> None:
    office = BusinessHours(opens=9 * 60, closes=17 * 60)
    measure = with_hours(office)
    # From Monday at midnight to Tuesday at noon: eight hours, and three.
    stats = measure.stats([contacted(1, 36)], WEEK)
    assert stats.now.figures.to_contact == Times(median=11, high=11)


def test_a_request_without_a_noted_claim_counts_since_its_owner_has_it() -> None:
    held = asked(1, holder=AVERY, held_since=MONDAY + hours(5))
    assert MEASURE.stats([held], WEEK).now.figures.to_claim == Times(median=5, high=5)


def test_a_contact_noted_as_before_the_wish_took_no_time() -> None:
    early = asked(1, MONDAY + timedelta(seconds=40), contacted_at=MONDAY, is_open=False)
    assert MEASURE.stats([early], WEEK).now.figures.to_contact == Times(median=0, high=0)


def test_nothing_is_counted_of_an_empty_record() -> None:
    stats = MEASURE.stats([], WEEK, by=Grouping.LABEL)
    assert stats.now.is_empty
    assert stats.now.figures == Figures()
    assert stats.now.figures.share is None
    assert stats.groups == {}


def test_a_row_that_lacks_when_it_was_created_counts_when_contact_was_asked_for() -> None:
    assert MEASURE.stats([asked(1, created_at=None)], WEEK).now.feedback == 1


def test_who_asks_long_after_the_feedback_counts_as_feedback_then_and_as_a_request_now() -> None:
    late = asked(1, created_at=MONDAY - timedelta(days=3))
    stats = MEASURE.stats([late], WEEK)
    assert (stats.now.feedback, stats.now.figures.requests) == (0, 1)
    assert stats.before is not None
    assert (stats.before.feedback, stats.before.figures.requests) == (1, 0)


# --- Groups ------------------------------------------------------------------------------------


def groups(found: list[Request], by: Grouping) -> dict[str | None, int]:
    stats = MEASURE.stats(found, WEEK, by=by)
    assert sum(each.requests for each in stats.groups.values()) == stats.now.figures.requests
    return {name: figures.requests for name, figures in stats.groups.items()}


def test_groups_are_by_label_region_manager_and_score() -> None:
    assert groups(A_WEEK, Grouping.LABEL) == {"feedback::soft-skills": 2, None: 7}
    assert groups(A_WEEK, Grouping.REGION) == {"EMEA": 1, None: 8}
    assert groups(A_WEEK, Grouping.MANAGER) == {"Avery Example": 3, "Blake Sample": 1, None: 5}
    assert groups(A_WEEK, Grouping.SCORE) == {"2": 1, None: 8}


def test_the_largest_group_comes_first_and_what_has_no_name_last() -> None:
    assert list(groups(A_WEEK, Grouping.MANAGER)) == ["Avery Example", "Blake Sample", None]
    scores = [asked(1, score="5"), asked(2, score="1"), asked(3, score="5"), asked(4)]
    assert list(groups(scores, Grouping.SCORE)) == ["1", "5", None]


def test_a_manager_known_in_slack_and_in_gitlab_is_one() -> None:
    found = [contacted(1, 1), contacted(2, 1, by=AVERY_IN_GITLAB), contacted(3, 1, by=BLAKE)]
    assert groups(found, Grouping.MANAGER) == {"Avery Example": 2, "Blake Sample": 1}


# --- How far the record reaches ----------------------------------------------------------------


def test_what_the_record_has_forgotten_is_not_compared() -> None:
    enough = MEASURE.stats(A_WEEK, WEEK, since=NOW - timedelta(days=13))
    assert (enough.before is not None, enough.since) == (True, None)
    short = MEASURE.stats(A_WEEK, WEEK, since=NOW - timedelta(days=12))
    assert (short.before, short.since) == (None, NOW.date() - timedelta(days=12))
    assert short.now == enough.now


def test_a_day_on_which_the_record_began_is_not_compared() -> None:
    begun = MONDAY - timedelta(days=7)
    assert MEASURE.stats(A_WEEK, WEEK, since=begun).before is not None
    short = MEASURE.stats(A_WEEK, WEEK, since=begun + timedelta(minutes=1))
    assert (short.before, short.since) == (None, begun.date())


# --- On time, or not ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "verdict"),
    [
        (contacted(1, 48), True),
        (contacted(1, 48.01), False),
        (asked(1, NOW - hours(1)), None),
        (asked(1, NOW - hours(1), holder=AVERY), None),
        (asked(1), False),
        (asked(1, is_open=False), False),
        (asked(1, is_requested=False), None),
        (asked(1, is_gone=True), None),
        (contacted(1, 60, is_gone=True), False),
    ],
)
def test_whether_a_request_was_on_time(request_: Request, verdict: bool | None) -> None:
    assert is_on_time(request_, NOW) is verdict


@pytest.mark.parametrize(
    ("score", "number"),
    [
        ("2", 2),
        (" 7 ", 7),
        ("6/7", 6),
        ("5 (good)", 5),
        ("0", None),
        ("8", None),
        ("10", None),
        ("4.5", None),
        ("good", None),
        ("", None),
        (None, None),
    ],
)
def test_a_score_is_read_if_it_is_one_to_seven(score: str | None, number: int | None) -> None:
    assert score_of(score) == number


# --- For any -----------------------------------------------------------------------------------

NUMBERS = st.lists(st.floats(min_value=0, max_value=10_000), min_size=1, max_size=40)


def percentile(values: list[float], share: float) -> float:
    """Do what ``docs/stats.md`` says, by hand."""
    ordered, place = sorted(values), (len(values) - 1) * share
    below = ordered[int(place)]
    above = ordered[min(int(place) + 1, len(values) - 1)]
    return below + (above - below) * (place - int(place))


@given(NUMBERS)
def test_times_are_the_percentiles_of_spreadsheets(values: list[float]) -> None:
    times = Times.of(values)
    assert times.median == pytest.approx(percentile(values, 0.5))
    assert times.high == pytest.approx(percentile(values, 0.9))


@given(NUMBERS)
def test_times_lie_between_the_values_and_the_high_one_is_the_higher(values: list[float]) -> None:
    times, tolerance = Times.of(values), 1e-6
    assert times.median is not None
    assert times.high is not None
    assert min(values) - tolerance <= times.median <= times.high + tolerance
    assert times.high <= max(values) + tolerance


def test_there_are_no_times_of_nothing() -> None:
    assert Times.of([]) == Times()


MOMENTS = st.datetimes(
    min_value=(MONDAY - timedelta(days=14)).replace(tzinfo=None),
    max_value=(MONDAY + timedelta(days=30)).replace(tzinfo=None),
    timezones=st.just(UTC),
)
ZONES = st.sampled_from([ZoneInfo("UTC"), ZoneInfo("Europe/Amsterdam"), ZoneInfo("Asia/Tokyo")])


@given(st.lists(MOMENTS, max_size=30), ZONES, st.integers(1, 60))
def test_bars_and_periods_count_each_request_once(
    moments: list[datetime], zone: ZoneInfo, days: int
) -> None:
    found = [asked(number, at) for number, at in enumerate(moments, 1)]
    period = Period(start=MONDAY.date(), end=MONDAY.date() + timedelta(days=days))
    measure = with_hours(BusinessHours(timezone=zone))
    stats = measure.stats(found, period)
    bars = [bar.on_time + bar.missed + bar.pending for bar in stats.bars.values()]
    assert sum(bars) == stats.now.figures.requests == len(measure.asked_in(found, period))
    assert 1 <= len(bars) <= MOST_BARS
    assert not {*measure.asked_in(found, period)} & {*measure.asked_in(found, period.before)}


def test_a_day_begins_at_midnight_in_the_zone_of_the_team() -> None:
    tokyo = with_hours(BusinessHours(timezone=ZoneInfo("Asia/Tokyo")))
    late_sunday = MONDAY - hours(9)  # midnight there
    found = [asked(1, late_sunday), asked(2, late_sunday - timedelta(seconds=1))]
    assert [each.key.iid for each in tokyo.asked_in(found, WEEK)] == [1]
