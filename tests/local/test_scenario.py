"""Scenario files, and moments as people say them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.local.scenario import Scenario, ScenarioError, load
from slackbot.local.times import moment_of

NOW = datetime(2026, 12, 2, 14, 30, tzinfo=UTC)  # a Wednesday
DUE = NOW + timedelta(hours=20)


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


HEAD = 'title = "Mine"\nabout = "What happens."\n'


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    steps = '[[steps]]\nfeedback = { comment = "No." }\n[[steps]]\nwho = "blake"\nclick = "Claim"\n'
    scenario: Scenario = load(written(tmp_path, HEAD + steps))
    assert scenario.name == "mine"
    assert [step.click for step in scenario.steps] == [None, "Claim"]


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ("", "steps: Field required"),
        ("[[steps]]\n", "steps 1: a step does one thing, and this one nothing"),
        ('[[steps]]\nsay = "Hi"\n', "who does this"),
        ('[[steps]]\nwho = "zoe"\nsay = "Hi"\n', "steps 1 who: there is no zoe"),
        ('[[steps]]\ntrouble = "rain"\n', "there is no rain; there are gitlab-down"),
        ('[[steps]]\nwho = "blake"\nclick = "Claim"\ntime = "1 hour"\n', "click, time"),
        ('[[steps]]\nclik = "Claim"\n', "steps 1 clik: Extra inputs are not permitted"),
        ("[[steps]\n", "line 3"),
    ],
)
def test_a_file_that_is_no_scenario_is_explained(
    tmp_path: Path, steps: str, complaint: str
) -> None:
    with pytest.raises(ScenarioError) as refused:
        load(written(tmp_path, HEAD + steps))
    assert complaint in str(refused.value)
    assert "mine.toml" in str(refused.value)


def test_a_scenario_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ScenarioError, match=r"no-such: No such file.*deadline-near, gitlab-down"):
        load("no-such")


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("2 hours", NOW + timedelta(hours=2)),
        ("1 minute", NOW + timedelta(minutes=1)),
        ("3 days", NOW + timedelta(days=3)),
        ("1 hour before the deadline", DUE - timedelta(hours=1)),
        ("2 hours after the deadline", DUE + timedelta(hours=2)),
        ("next morning", datetime(2026, 12, 3, 9, tzinfo=UTC)),
        ("Friday 17:00", datetime(2026, 12, 4, 17, tzinfo=UTC)),
        ("Wednesday 14:31", datetime(2026, 12, 2, 14, 31, tzinfo=UTC)),
        ("Wednesday 14:30", datetime(2026, 12, 9, 14, 30, tzinfo=UTC)),
        ("workday 10:00", datetime(2026, 12, 3, 10, tzinfo=UTC)),
        ("Monday", datetime(2026, 12, 7, 9, tzinfo=UTC)),
    ],
)
def test_a_moment_is_said_as_people_say_it(words: str, moment: datetime) -> None:
    assert moment_of(words, NOW, DUE) == moment


@pytest.mark.parametrize("words", ["soon", "", "2 weeks", "Friday 25:00", "-1 hours", "9:00"])
def test_other_words_are_refused_with_what_is_allowed(words: str) -> None:
    with pytest.raises(ValueError, match=r"Write a time as|hour must be"):
        moment_of(words, NOW, DUE)


def test_a_morning_or_a_workday_may_be_today() -> None:
    night, saturday = NOW.replace(hour=0, minute=30), NOW + timedelta(days=3)
    assert moment_of("next morning", night) == night.replace(hour=9, minute=0)
    assert moment_of("workday 10:00", night) == night.replace(hour=10, minute=0)
    assert moment_of("workday 10:00", saturday) == datetime(2026, 12, 7, 10, tzinfo=UTC)


def test_what_has_passed_and_what_is_not_there_is_said() -> None:
    with pytest.raises(ValueError, match="has passed"):
        moment_of("1 day before the deadline", NOW, DUE)
    with pytest.raises(ValueError, match="no deadline"):
        moment_of("1 day before the deadline", NOW)


@given(
    st.sampled_from(["monday", "Tuesday", "friday", "SUNDAY", "next morning", "workday"]),
    st.integers(0, 23),
    st.integers(0, 59),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_a_day_lies_ahead_and_within_a_week(
    day: str, hour: int, minute: int, now: datetime
) -> None:
    moment = moment_of(f"{day} {hour:02}:{minute:02}", now)
    assert timedelta(0) <= moment - now <= timedelta(days=7)
    assert (moment.hour, moment.minute) == (hour, minute)
