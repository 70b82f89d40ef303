"""Words for who is on duty."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.blocks.answers.duty import (
    ALL_TEAMS,
    NOT_SET_UP,
    DutyView,
    TeamDuty,
    duty_line,
    duty_words,
    render_duties,
    render_duty,
    teams_words,
)
from slackbot.local.slack import pings
from slackbot.local.slack.block_kit import validate_blocks
from slackbot.rules.request import Person
from slackbot.rules.timing.deadline import ALWAYS
from slackbot.rules.timing.shifts import Plan, Schedule, Shift
from tests.blocks.test_card import shown

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


BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U2", gitlab="blake")
MONDAY = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ROTATION = Schedule(name="SSAT Reviewing Manager", url="https://example.pagerduty.com/schedules/P1")
ON_DUTY = replace(KNOWN, until=MONDAY + 2 * DAY)


def shift(person: Person, begins: float, ends: float) -> Shift[Person]:
    """In days since Monday at nine."""
    return Shift(people=(person,), begins=MONDAY + begins * DAY, ends=MONDAY + ends * DAY)


COVERED = Plan(
    read_at=MONDAY,
    shifts=(shift(AVERY, 0, 2), shift(BLAKE, 2, 9)),
    schedules=(ROTATION,),
)


def said_of(plan: Plan | None, view: DutyView | None = ON_DUTY, now: datetime = MONDAY) -> str:
    answer = render_duty(TeamDuty(team="", view=view, plan=plan, hours=ALWAYS), now)
    assert validate_blocks(list(answer.blocks), "message") == []
    return shown(answer)


def test_the_answer_links_the_schedule_and_says_who_is_next_and_from_when() -> None:
    said = said_of(COVERED)
    assert f"Schedule: <{ROTATION.url}|SSAT Reviewing Manager>\n" in said
    assert "*Next:* <@U2>, from <!date^1770195600^" in said
    assert "The coming 7 days are covered." in said
    alone = replace(COVERED, shifts=(shift(AVERY, 0, 28),))
    assert "*Next:* nobody else within 28 days" in said_of(alone)


def test_the_line_for_the_week_in_review_names_who_has_the_rest_of_the_week() -> None:
    rotation = "(rotation: https://example.pagerduty.com/schedules/P1)"
    line = "SSAT Reviewing Manager: Avery Example, from Wednesday 4 Feb Blake Sample"
    assert f"For the Week in Review:\n```{line} {rotation}```" in said_of(COVERED)
    sunday = said_of(COVERED, now=MONDAY + 6 * DAY)
    assert f"```SSAT Reviewing Manager: Blake Sample {rotation}```" in sunday
    turns = replace(COVERED, shifts=(shift(AVERY, 0, 7), shift(BLAKE, 7, 14)))
    assert f"```SSAT Reviewing Manager: Avery Example {rotation}```" in said_of(turns)
    nobody = replace(COVERED, shifts=(shift(AVERY, 8, 9),))
    assert f"```SSAT Reviewing Manager: nobody {rotation}```" in said_of(nobody)


def test_the_line_for_the_week_in_review_links_each_schedule_in_order() -> None:
    unlinked = Schedule(name="Spare", url="")
    second = Schedule(name="Nights", url="https://example.pagerduty.com/schedules/P`2")
    several = replace(COVERED, schedules=(ROTATION, unlinked, second))
    links = f"{ROTATION.url}, https://example.pagerduty.com/schedules/P%602"
    assert f"Blake Sample (rotation: {links})```" in said_of(several)


def test_where_nothing_is_known_ahead_only_the_present_is_said() -> None:
    said = said_of(None)
    assert said.endswith("For the Week in Review:\n```SSAT Reviewing Manager: Avery Example```")
    assert "Next" not in said
    assert "covered" not in said
    assert said_of(None, view=None) == NOT_SET_UP
    assert "Week in Review" not in said_of(None, view=DutyView(problem="no answer"))


def test_what_is_not_covered_is_listed_with_its_reason() -> None:
    gap = replace(COVERED, shifts=(shift(AVERY, 0, 1), shift(BLAKE, 2, 9)), absences={"U2": None})
    said = said_of(gap)
    assert "⚠️ *Not covered in the coming 7 days*\n• <!date^1770109200^" in said
    assert "UTC>: nobody is on duty\n• <!date^1770195600^" in said
    assert "<@U2> on duty, but away by their Slack status, and the status has no end" in said
    known = replace(gap, absences={"U2": MONDAY + 3 * DAY})
    assert said_of(known).partition("For the")[0].endswith("away by their Slack status\n")


def test_of_many_gaps_the_first_are_listed_and_the_others_counted() -> None:
    nights = tuple(shift(AVERY, day, day + 0.5) for day in range(10))
    said = said_of(replace(COVERED, shifts=nights))
    assert said.count("nobody is on duty") == 4
    assert "• and 2 more: see the schedule" in said


def test_without_an_answer_what_was_known_ahead_is_told_with_its_time() -> None:
    lost = replace(ON_DUTY, problem="PagerDuty is failing (503)", problem_since=MONDAY)
    said = said_of(COVERED, view=lost, now=MONDAY + 3 * DAY)
    read = "(last read <!date^1770022800^{date_long}, {time}|Mon 2 Feb, 09:00 UTC>)"
    assert "*Next:* <@U2>, from <!date^1770195600^" in said
    assert f"Wed 4 Feb, 09:00 UTC> {read}" in said
    assert f"*Not covered in the coming 7 days* {read}\n• <!date^1770800400^" in said
    assert "Next" not in said_of(COVERED, view=lost, now=MONDAY + 28 * DAY), "all of it is past"


def test_a_schedule_that_cannot_be_read_is_named() -> None:
    unknown = Schedule(name="P2", problem="PagerDuty has no schedule P2")
    said = said_of(replace(COVERED, schedules=(unknown, ROTATION)))
    assert "Schedule: <https://example.pagerduty.com/schedules/P1|SSAT" in said
    assert "⚠️ The schedule P2 can't be read (PagerDuty has no schedule P2)" in said


@given(st.text(max_size=200), st.text(max_size=400))
def test_what_a_schedule_says_of_the_time_to_come_pings_nobody(who: str, url: str) -> None:
    stranger = Person(name=who)
    plan = replace(
        COVERED,
        shifts=tuple(shift(stranger, day, day + 0.5) for day in range(9)),
        schedules=(Schedule(name=who, url=f"https://{url[:290]}", problem=who),) * 9,
    )
    assert pings(said_of(plan, view=replace(ON_DUTY, people=(stranger,)))) == set()


# --- Several teams -----------------------------------------------------------------------------

EMEA = TeamDuty(team="emea", view=ON_DUTY, plan=COVERED, hours=ALWAYS)
APAC = TeamDuty(team="apac", view=None, hours=ALWAYS)


def all_said(*duties: TeamDuty) -> str:
    answer = render_duties(duties, MONDAY)
    assert validate_blocks(list(answer.blocks), "message") == []
    return shown(answer)


def test_for_all_teams_each_has_who_is_on_duty_who_is_next_and_the_first_gap() -> None:
    nights = tuple(shift(AVERY, day, day + 0.5) for day in range(4))
    gaps = replace(EMEA, team="amer", plan=replace(COVERED, shifts=nights))
    said = all_said(EMEA, gaps, APAC)
    emea, amer, apac = said.split("*emea*\n")[1].replace("*apac*", "*amer*").split("*amer*\n")
    assert emea.startswith("*On duty: <@U1>*\nAccording to PagerDuty, until")
    assert "*Next:* <@U2>, from <!date^1770195600^" in emea
    assert "The coming 7 days are covered." in emea
    assert amer.count("nobody is on duty") == 1
    assert "• and 3 more: see the schedule" in amer
    assert apac.startswith("On duty: unknown, because no schedule is set up\n")
    assert apac.endswith("`/ssat duty` and the name of a team shows more of it.")


def test_for_one_of_several_teams_all_is_said_under_its_name() -> None:
    said = shown(render_duty(EMEA, MONDAY))
    assert said == f"*emea*\n{said_of(COVERED)}\n{ALL_TEAMS}"


def test_a_home_names_who_is_on_duty_in_each_team_in_a_line() -> None:
    away = replace(EMEA, team="amer", view=DutyView(problem="PagerDuty is failing (503)"))
    assert teams_words([EMEA, away, APAC]) == (
        "*emea* On duty: <@U1>\n"
        "*amer* On duty: unknown\n"
        "*apac* On duty: unknown, because no schedule is set up"
    )


@given(number=st.integers(1, 60), length=st.integers(1, 80), many=st.integers(1, 9))
def test_however_many_teams_there_are_the_answer_fits_and_says_how_many_are_left_out(
    number: int, length: int, many: int
) -> None:
    crowd = tuple(Person(name="x" * length) for _ in range(many))
    days = tuple(
        Shift(people=crowd, begins=MONDAY + day * DAY, ends=MONDAY + (day + 0.5) * DAY)
        for day in range(9)
    )
    view = DutyView(people=crowd, source="x" * length, problem="x" * 400)
    plan = replace(COVERED, shifts=days)
    duties = [TeamDuty(team=f"t{n}", view=view, plan=plan, hours=ALWAYS) for n in range(number)]
    said, line = all_said(*duties), teams_words(duties)
    assert len(said) < 10_000
    assert len(line) <= 3_000
    for text in (said, line):
        left = re.search(r"… and (\d+) more team", text)
        assert len(re.findall(r"^\*t\d+\*", text, re.MULTILINE)) == number - int(
            left[1] if left else 0
        )


def test_the_longest_answer_fits_into_a_message() -> None:
    crowd = tuple(Person(name=f"{number} " + "x" * 78) for number in range(9))
    days = tuple(
        Shift(people=crowd, begins=MONDAY + day * DAY, ends=MONDAY + (day + 0.5) * DAY)
        for day in range(20)
    )
    long = Schedule(name="S" * 80, url="https://" + "x" * 290, problem="P" * 900)
    said_of(replace(COVERED, shifts=days, schedules=(long,) * 20))
