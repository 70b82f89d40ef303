"""Words for who is on duty."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.blocks.duty import NOT_SET_UP, DutyView, duty_line, duty_words
from slackbot.local.slack import pings
from slackbot.rules.request import Person

UTC_ZONE = ZoneInfo("UTC")
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
DANA = Person(name="Dana Duty", gitlab="duty")
AT_NOON = datetime(2026, 2, 2, 12, 0, tzinfo=UTC)
KNOWN = DutyView(people=(AVERY,), source="PagerDuty", until=AT_NOON)


@pytest.mark.parametrize(
    ("view", "line"),
    [
        (KNOWN, "On duty: <@U1>"),
        (replace(KNOWN, people=(AVERY, DANA)), "On duty: <@U1>, Dana Duty (not known in Slack)"),
        (replace(KNOWN, people=(AVERY,) * 7), "On duty: " + "<@U1>, " * 5 + "2 more"),
        (
            replace(KNOWN, problem="PagerDuty cannot be reached"),
            "On duty: <@U1> (last known, the schedule isn't available)",
        ),
        (DutyView(problem="PagerDuty cannot be reached"), "On duty: unknown"),
    ],
)
def test_a_line_names_who_is_on_duty(view: DutyView, line: str) -> None:
    assert duty_line(view) == line


def test_the_answer_says_where_it_is_from_and_until_when() -> None:
    said = duty_words(KNOWN, UTC_ZONE)
    assert said.startswith("*On duty: <@U1>*\nAccording to PagerDuty, until <!date^1770033600^")


def test_without_an_answer_of_the_schedule_the_last_known_is_told_with_the_reason() -> None:
    view = replace(KNOWN, problem="PagerDuty is failing (503)", problem_since=AT_NOON)
    said = duty_words(view, UTC_ZONE)
    assert "last known" in said
    assert "until" not in said, "when a turn ends is no longer known"
    assert "⚠️ Unknown since <!date^1770033600^" in said
    assert "PagerDuty is failing (503)" in said


def test_who_is_not_known_in_slack_is_explained() -> None:
    said = duty_words(replace(KNOWN, people=(DANA,)), UTC_ZONE)
    assert "A person who isn't known in Slack has another email there" in said


def test_nobody_is_told_how_to_set_it_up() -> None:
    assert duty_words(None, UTC_ZONE) == NOT_SET_UP


@given(st.text(max_size=200), st.text(max_size=400))
def test_what_a_schedule_calls_people_or_its_problems_pings_nobody(who: str, why: str) -> None:
    view = DutyView(people=(Person(name=who),), source=who, problem=why)
    assert pings(duty_words(view, UTC_ZONE)) == set()
    assert len(duty_words(view, UTC_ZONE)) < 3000
