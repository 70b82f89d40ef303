"""Whom the weeks of the people file name, and what PagerDuty's entries say."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.timing.rota import (
    OnCall,
    Rota,
    Weeks,
    parse_duty,
    parse_weeks,
    read_shifts,
    rota_at,
    week_shifts,
)

BERLIN = ZoneInfo("Europe/Berlin")
AVERY, BLAKE = "U0AVERY", "U0BLAKE"


def in_weeks(weeks: Weeks, now: datetime) -> Rota:
    return rota_at(week_shifts(weeks, BERLIN), now)


def users(rota: Rota) -> list[str | None]:
    return [each.slack_user for each in rota.people]


def test_a_week_has_one_person_or_several() -> None:
    weeks = parse_weeks({"2026-W05": AVERY, "2026-W06": [BLAKE, AVERY, BLAKE]})
    assert weeks == {date(2026, 1, 26): (AVERY,), date(2026, 2, 2): (BLAKE, AVERY)}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"2026-W54": AVERY}, "no week"),
        ({"2026-W00": AVERY}, "no week"),
        ({"2026-5": AVERY}, "no week"),
        ({"2026-W5": AVERY}, "no week"),
        ({"2026-W05": ""}, "2026-W05: give a Slack user id"),
        ({"2026-W05": []}, "2026-W05: give a Slack user id"),
        ({"2026-W05": "avery"}, "2026-W05: give a Slack user id"),  # a GitLab username
        ({"2026-W05": 5}, "2026-W05: give a Slack user id"),
        ({"2026-W05": {"U1": "x"}}, "2026-W05: give a Slack user id"),
    ],
)
def test_a_table_with_a_mistake_is_refused(table: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_weeks(table)


def test_a_team_may_have_weeks_of_its_own_beside_those_of_all() -> None:
    weeks = parse_duty({"2026-W05": AVERY, "emea": {"2026-W05": BLAKE}, "apac": {}})
    monday = date(2026, 1, 26)
    assert weeks == {"": {monday: (AVERY,)}, "emea": {monday: (BLAKE,)}, "apac": {}}


def test_a_mistake_in_the_weeks_of_a_team_is_named_with_the_team() -> None:
    with pytest.raises(ValueError, match="emea: '2026-W60' is no week"):
        parse_duty({"emea": {"2026-W60": AVERY}})
    with pytest.raises(ValueError, match="emea: 2026-W05: give a Slack user id"):
        parse_duty({"emea": {"2026-W05": "avery"}})


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 1, 25, 22, 59, tzinfo=UTC), []),  # Sunday in Berlin still
        (datetime(2026, 1, 25, 23, 0, tzinfo=UTC), [AVERY]),  # Monday there
        (datetime(2026, 2, 1, 22, 59, tzinfo=UTC), [AVERY]),
        (datetime(2026, 2, 1, 23, 0, tzinfo=UTC), [BLAKE]),
        (datetime(2026, 2, 9, 0, 0, tzinfo=UTC), []),  # nobody wrote that week down
    ],
)
def test_a_week_begins_on_monday_in_the_teams_zone(now: datetime, expected: list[str]) -> None:
    weeks = parse_weeks({"2026-W05": AVERY, "2026-W06": BLAKE})
    assert users(in_weeks(weeks, now)) == expected


def test_the_last_week_of_a_long_year_is_its_53rd() -> None:
    weeks = parse_weeks({"2026-W53": AVERY})
    assert users(in_weeks(weeks, datetime(2027, 1, 3, tzinfo=UTC))) == [AVERY]


def test_weeks_in_a_row_are_one_turn_also_over_a_change_of_clocks() -> None:
    weeks = parse_weeks({"2026-W13": AVERY, "2026-W14": AVERY, "2026-W15": BLAKE})
    rota = in_weeks(weeks, datetime(2026, 3, 25, tzinfo=UTC))
    assert rota.until == datetime(2026, 4, 5, 22, 0, tzinfo=UTC)


@given(
    st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sets(st.integers(-3, 3)),
)
def test_a_turn_ends_after_now_and_the_moment_of_its_end_belongs_to_the_next(
    now: datetime, around: set[int]
) -> None:
    today = now.astimezone(BERLIN).date()
    monday = today - timedelta(days=today.weekday())
    weeks = {monday + timedelta(days=7 * each): (AVERY,) for each in around}
    rota = in_weeks(weeks, now)
    assert bool(rota.people) == (0 in around)
    if rota.until is not None:
        assert rota.until > now
        assert in_weeks(weeks, rota.until).people == ()
        assert in_weeks(weeks, rota.until - timedelta(seconds=1)).people == rota.people


def test_a_gap_in_the_weeks_is_no_shift() -> None:
    weeks = parse_weeks({"2026-W05": AVERY, "2026-W07": AVERY, "2026-W08": BLAKE})
    shifts = week_shifts(weeks, BERLIN)
    assert [f"{each.begins:%m-%d %H} {each.ends:%m-%d %H}" for each in shifts] == [
        "01-25 23 02-01 23",
        "02-08 23 02-15 23",
        "02-15 23 02-22 23",
    ]


def schedule(*entries: Mapping[str, object]) -> dict[str, object]:
    return {"final_schedule": {"rendered_schedule_entries": entries}}


def test_an_entry_of_a_user_whom_pagerduty_does_not_list_has_no_email() -> None:
    entry = {
        "start": "2026-02-02T10:00:00+01:00",
        "end": "2026-02-09T09:00:00Z",
        "user": {"id": "P1", "summary": "Avery Example"},
    }
    [shift] = read_shifts(schedule(entry), [])
    assert shift.people == (OnCall(name="Avery Example", pagerduty="P1"),)
    assert shift.begins == datetime(2026, 2, 2, 9, tzinfo=UTC)
    listed = {"id": "P1", "name": "Avery Example", "email": "avery@example.com"}
    [shift] = read_shifts(schedule(entry), [listed])
    avery = OnCall(name="Avery Example", email="avery@example.com", pagerduty="P1")
    assert shift.people == (avery,)


@pytest.mark.parametrize("strange", [{}, {"final_schedule": {}}, schedule({"user": {"id": "P1"}})])
def test_what_lacks_the_time_to_come_is_no_schedule(strange: dict[str, object]) -> None:
    with pytest.raises(KeyError):
        read_shifts(strange, [])
