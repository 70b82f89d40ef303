"""Which schedule serves, who is next, and what nobody covers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.request import Person
from slackbot.rules.timing.deadline import ALWAYS, BusinessHours
from slackbot.rules.timing.shifts import AHEAD, Plan, Shift, Uncovered, in_order, shift_at

MONDAY = datetime(2026, 2, 2, tzinfo=UTC)
DAY = timedelta(days=1)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U0AVERY")
BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U0BLAKE")
DANA = Person(name="Dana Duty")
"""Unknown in Slack."""
ANY_TIME = BusinessHours(workdays=frozenset(range(7)))


def shift(begins: float, ends: float, *people: Person) -> Shift[Person]:
    """In days since Monday."""
    return Shift(people=people, begins=MONDAY + begins * DAY, ends=MONDAY + ends * DAY)


def plan(*shifts: Shift[Person], **absences: float | None) -> Plan:
    """``absences`` end so many days after Monday."""
    return Plan(
        read_at=MONDAY,
        shifts=shifts,
        absences={
            user: None if days is None else MONDAY + days * DAY for user, days in absences.items()
        },
    )


def uncovered(of: Plan, since: float = 0, until: float = 7) -> list[tuple[float, float, str]]:
    found = of.uncovered(MONDAY + since * DAY, MONDAY + until * DAY, ANY_TIME)
    return [
        (
            (each.begins - MONDAY) / DAY,
            (each.ends - MONDAY) / DAY,
            ", ".join(who.name for who in each.away) + (" …" if each.is_open_ended else ""),
        )
        for each in found
    ]


def test_the_first_schedule_serves_that_names_somebody_and_gaps_are_what_none_covers() -> None:
    first = [shift(0, 1, AVERY), shift(2, 4, AVERY)]
    second = [shift(0.5, 3, BLAKE), shift(5, 6, BLAKE)]
    served = in_order([first, second])
    assert served == (
        shift(0, 1, AVERY),
        shift(1, 2, BLAKE),
        shift(2, 4, AVERY),
        shift(5, 6, BLAKE),
    )
    assert uncovered(plan(*served)) == [(4, 5, ""), (6, 7, "")]


def test_a_gap_ends_where_the_look_ahead_does() -> None:
    assert uncovered(plan(shift(0, 5, AVERY), shift(9, 12, BLAKE))) == [(5, 7, "")]
    assert uncovered(plan(shift(9, 12, BLAKE))) == [(0, 7, "")]


def test_turns_in_a_row_of_the_same_person_are_one_also_over_two_schedules() -> None:
    assert in_order([[shift(0, 1, AVERY), shift(1, 2, AVERY)], [shift(2, 3, AVERY)]]) == (
        shift(0, 3, AVERY),
    )


def test_who_is_on_two_layers_at_a_time_is_named_once() -> None:
    assert in_order([[shift(0, 2, AVERY), shift(0, 1, AVERY), shift(1, 2, BLAKE)]]) == (
        shift(0, 1, AVERY),
        shift(1, 2, AVERY, BLAKE),
    )


spans = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.sampled_from([AVERY, BLAKE, DANA])),
    max_size=6,
).map(lambda found: [shift(begins, ends, who) for begins, ends, who in found])


@given(st.lists(spans, max_size=3), st.integers(0, 20))
def test_at_each_moment_somebody_serves_or_it_is_a_gap(
    schedules: list[list[Shift[Person]]], day: int
) -> None:
    served, moment = in_order(schedules), MONDAY + day * DAY
    current = shift_at(served, moment)
    named = [
        {who for each in one if each.includes(moment) for who in each.people} for one in schedules
    ]
    first = next((people for people in named if people), set())
    assert set(current.people if current else ()) == first
    gaps = plan(*served).uncovered(MONDAY, MONDAY + 21 * DAY, ANY_TIME)
    assert any(each.begins <= moment < each.ends for each in gaps) is (current is None)
    assert all(one.ends <= other.begins for one, other in pairwise(served))


@pytest.mark.parametrize(
    ("shifts", "day", "following"),
    [
        ([shift(0, 2, AVERY), shift(2, 4, BLAKE)], 0, shift(2, 4, BLAKE)),
        ([shift(0, 2, AVERY), shift(3, 4, AVERY), shift(5, 6, BLAKE)], 1, shift(5, 6, BLAKE)),
        ([shift(0, 2, AVERY), shift(3, 4, AVERY)], 1, None),
        ([shift(0, 2, AVERY), shift(3, 4, AVERY)], 2.5, shift(3, 4, AVERY)),  # nobody is on duty
        ([], 0, None),
    ],
)
def test_who_is_next_is_the_first_who_is_not_on_duty_now(
    shifts: list[Shift[Person]], day: float, following: Shift[Person] | None
) -> None:
    assert plan(*shifts).next_shift(MONDAY + day * DAY) == following


@pytest.mark.parametrize(
    ("absences", "expected"),
    [
        ({}, []),
        ({"U0AVERY": 1}, [(0, 1, "Avery Example")]),
        ({"U0AVERY": 9}, [(0, 4, "Avery Example")]),
        ({"U0BLAKE": 3}, []),  # back before the turn begins
        ({"U0BLAKE": 5}, [(4, 5, "Blake Sample")]),
        ({"U0BLAKE": None}, [(4, 7, "Blake Sample …")]),
    ],
)
def test_who_is_on_duty_and_away_covers_nothing_until_they_are_back(
    absences: Mapping[str, float | None], expected: list[tuple[float, float, str]]
) -> None:
    assert uncovered(plan(shift(0, 4, AVERY), shift(4, 9, BLAKE), **absences)) == expected


def test_one_of_two_who_is_there_covers_for_the_other() -> None:
    both = plan(shift(0, 7, AVERY, BLAKE), U0AVERY=3)
    assert uncovered(both) == []
    away = plan(shift(0, 7, AVERY, BLAKE), U0AVERY=3, U0BLAKE=2)
    assert uncovered(away) == [(0, 2, "Avery Example, Blake Sample")]
    assert uncovered(plan(shift(0, 7, AVERY, DANA), U0AVERY=3)) == []


def test_nothing_is_said_of_a_time_that_nobody_has_read() -> None:
    end = AHEAD / DAY
    assert uncovered(plan(), since=end - 1, until=end + 6) == [(end - 1, end, "")]
    assert uncovered(plan(), since=end + 1, until=end + 8) == []


def test_a_gap_outside_the_business_hours_is_none() -> None:
    weekdays = plan(shift(0, 5, AVERY), shift(7, 12, BLAKE))
    assert weekdays.uncovered(MONDAY, MONDAY + 10 * DAY, ALWAYS) == ()
    late = plan(shift(0, 5, AVERY), shift(7.5, 12, BLAKE))
    gap = Uncovered(begins=MONDAY + 5 * DAY, ends=MONDAY + 7.5 * DAY)
    assert late.uncovered(MONDAY, MONDAY + 10 * DAY, ALWAYS) == (gap,)
