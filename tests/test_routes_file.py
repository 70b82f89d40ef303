"""The file of routes: what it may say, and what an administrator reads when it says else."""

import re
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from slackbot import routes_file
from slackbot.rules.timing.deadline import DeadlineRule, parse_scores
from slackbot.rules.timing.reminders import DigestTime
from slackbot.settings import Settings, SettingsError, load_partly, load_settings

NEEDED = {
    "slack_bot_token": "xoxb-needed",
    "slack_app_token": "xapp-needed",
    "gitlab_token": "glpat-needed",
    "gitlab_project": "example/feedback",
    "pagerduty_api_token": "needed",
}
TWO = """
[[route]]
name = "emea"
label = "OrganizationRegion::EMEA"
project = "https://gitlab.com/example/feedback"
channel = "#emea"
bad_channel = "#emea-bad"
timezone = "Europe/Amsterdam"
workdays = ["Mon", "Tue"]
deadline_hours = 40
managers = ["S0123", "U0456"]
lead = "U0LEAD"
assign_on_duty = true
duty_group = "S0DUTY"
reminders = "4, 1"
digest = ["09:00", "15:00 America/New_York"]

[[route.deadline]]
score = "1-2"
hours = 24
[[route.deadline]]
tier = "Ultimate"
label = "Priority::1"
hours = 8

[[route]]
name = "rest"
"""


def read(tmp_path: Path, text: str | bytes, **settings: str) -> Settings:
    file = tmp_path / "routes.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings(_env_file=None, **(NEEDED | settings), ssat_routes_file=str(file))


def problems(tmp_path: Path, text: str | bytes, **settings: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text, **settings)
    title, *lines = str(caught.value).splitlines()
    assert title == "Fix these settings:"
    assert all(line.startswith("  SSAT_ROUTES_FILE: ") for line in lines)
    return [line.removeprefix("  SSAT_ROUTES_FILE: ") for line in lines]


def test_a_route_says_how_its_team_works_and_the_settings_say_the_rest(tmp_path: Path) -> None:
    settings = read(tmp_path, TWO, ssat_lead="U0OTHER", ssat_link_issue="5")
    emea, rest = settings.routes
    assert (emea.name, emea.project, emea.label) == (
        "emea",
        "example/feedback",
        "OrganizationRegion::EMEA",
    )
    assert emea.channels == ("#emea", "#emea-bad")
    assert emea.rules.posts_bad
    assert emea.rules.route == "emea"
    assert emea.rules.link_issue == 5
    assert emea.rules.hours.timezone == ZoneInfo("Europe/Amsterdam")
    assert emea.rules.hours.workdays == {0, 1}
    assert emea.reminders.hours == emea.rules.hours
    assert emea.reminders.before == (4, 1)
    assert emea.rules.deadline == timedelta(hours=40)
    assert emea.rules.deadlines == (
        DeadlineRule(hours=timedelta(hours=24), scores=parse_scores("1-2")),
        DeadlineRule(hours=timedelta(hours=8), tier="tier::ultimate", label="priority::1"),
    )
    assert emea.managers == {"S0123", "U0456"}
    assert emea.may_act == {"S0123", "U0456", "U0LEAD"}
    assert emea.assigns_on_duty
    assert (emea.schedules, emea.duty_group) == ((), "S0DUTY")  # its own source, not the settings'
    nine, three = DigestTime(minute=540), DigestTime(minute=900, zone=ZoneInfo("America/New_York"))
    assert emea.digests == (nine, three)

    assert (rest.name, rest.label, rest.channels) == ("rest", None, ("#support_escalations",))
    assert (rest.lead, rest.schedules) == ("U0OTHER", ("P9UIIDY",))
    assert rest.rules.deadline == timedelta(hours=48)


def test_one_route_without_a_word_is_todays_settings_but_for_its_name(tmp_path: Path) -> None:
    named = read(tmp_path, '[[route]]\nname = "all"\n')
    plain = named.model_copy(update={"ssat_routes_file": None})
    (route,) = named.routes
    assert route == plain.route("all")


def test_a_project_may_be_a_number(tmp_path: Path) -> None:
    text = '[[route]]\nname = "other"\nproject = 1006\nchannel = "#other"\n'
    other, _ = read(tmp_path, f'{text}[[route]]\nname = "all"\n').routes
    assert other.project == "1006"


def test_an_empty_value_is_none_whatever_the_settings_say(tmp_path: Path) -> None:
    text = '[[route]]\nname = "all"\nbad_channel = ""\nlead = ""\npagerduty_schedule = ""\n'
    (route,) = read(tmp_path, text, ssat_bad_channel="#bad", ssat_lead="U0LEAD").routes
    assert (route.bad_channel, route.lead, route.schedules) == (None, None, ())
    assert not route.rules.posts_bad


def test_the_issue_for_codes_is_a_feedback_in_another_project(tmp_path: Path) -> None:
    text = (
        '[[route]]\nname = "other"\nproject = "example/other"\nchannel = "#other"\n'
        '[[route]]\nname = "all"\n'
    )
    settings = read(tmp_path, text, ssat_link_issue="5")
    other, main = settings.routes
    assert (other.rules.link_issue, main.rules.link_issue) == (None, 5)
    assert settings.routes.shared.can_link
    assert settings.routes.main == "example/feedback"


def test_a_project_is_the_same_in_any_spelling(tmp_path: Path) -> None:
    text = (
        '[[route]]\nname = "emea"\nproject = "Example/Feedback"\nlabel = "EMEA"\n'
        'channel = "#emea"\n[[route]]\nname = "all"\n'
    )
    settings = read(tmp_path, text, ssat_link_issue="5")
    assert settings.routes.projects == (settings.routes.main,) == ("example/feedback",)
    assert [each.rules.link_issue for each in settings.routes] == [5, 5]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_of_an_editor_on_windows_is_read(tmp_path: Path, encoding: str) -> None:
    assert len(list(read(tmp_path, TWO.encode(encoding)).routes)) == 2


def route(name: str, *lines: str) -> str:
    return "\n".join(["[[route]]", f'name = "{name}"', *lines, ""])


REST = route("rest")
EMEA = ('label = "EMEA"', 'channel = "#emea"')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[route]\n", ["it is no TOML: ", "line 1"]),
        ("", ["there is no team in it", "[[route]]"]),
        ('[route]\nname = "a"\n', ["in two brackets"]),
        ("route = [1]\n", ["route 1: begin it with [[route]]"]),
        (f"[[routes]]\n{REST}", ["routes: there is no such key; is it route?"]),
        ("[[route]]\n", ["route 1: name is not set"]),
        (route("Emea!"), ["route 1: name: give a short name"]),
        (route("a", 'chanel = "#a"'), ["route a: chanel: there is no such key; is it channel?"]),
        (route("rest", "xyzzy = 1"), ["route rest: xyzzy: there is no such key"]),
        (route("rest", "channel = 5"), ["route rest: channel: "]),
        (route("rest", 'channel = "two words"'), ["route rest: channel: give the channel's name"]),
        (route("rest", 'timezone = "Mars"'), ["route rest: timezone: ", "IANA"]),
        (route("rest", 'managers = ["avery"]'), ["route rest: managers: ", "Slack ids"]),
        (route("rest", 'digest = ["soon"]'), ["route rest: digest: ", "09:00"]),
        (route("rest", 'label = ""'), ["route rest: label: ", "leave the key out"]),
        (route("rest", 'label = "a\\u200bb"'), ["route rest: label: ", "cannot be seen"]),
        (route("rest", 'project = "https://elsewhere.example.com/a"'), ["rest: ", "project"]),
        (route("rest", "[[route.deadline]]", "hours = 4"), ["rest: deadline 1: say for what"]),
        (route("rest", "[[route.deadline]]", "score = 1"), ["rest: deadline 1, hours is not set"]),
        (
            route("rest", "[[route.deadline]]", "score = 8", "hours = 4"),
            ["rest: deadline 1, score: ", "1 to 7"],
        ),
        (
            route("rest", "[[route.deadline]]", "scores = 1", "hours = 4"),
            ["rest: deadline 1, scores: there is no such key; is it score?"],
        ),
        (
            route("rest", "[[route.deadline]]", 'tier = ""', "hours = 4"),
            ["rest: deadline 1, tier: it is empty"],
        ),
        (route("a", *EMEA) + route("a"), ["two routes are named a"]),
        (
            route("a", 'label = "EMEA"') + REST,
            ["routes a and rest both name the channel #support_escalations"],
        ),
        (
            route("a", 'label = "EMEA"', 'channel = "#a"', 'bad_channel = "#support_escalations"')
            + REST,
            ["routes a and rest both name the channel #support_escalations"],
        ),
        (route("a", 'bad_channel = "#support_escalations"'), ["route a names", "twice"]),
        (
            route("a", *EMEA) + route("b", 'label = "EMEA"', 'channel = "#b"') + REST,
            ["routes a and b have the same project and the label EMEA"],
        ),
        (
            REST + route("b", 'channel = "#b"'),
            ["routes rest and b have the same project and no label"],
        ),
        (
            REST + route("b", 'project = "Example/FEEDBACK"', 'channel = "#b"'),
            ["routes rest and b have the same project and no label"],
        ),
        (route("a", *EMEA), ["all routes of the project example/feedback have a label", "nobody"]),
        (
            REST + route("b", 'project = "example/other"', *EMEA),
            ["all routes of the project example/other have a label"],
        ),
        (REST + route("a", *EMEA), ["no feedback would reach route a: route rest before it"]),
    ],
)
def test_a_file_that_would_lose_feedback_or_is_misspelled_is_refused_in_words(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    (said,) = problems(tmp_path, text)
    for each in words:
        assert each in said


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    text = route("a", 'chanel = "#a"', 'timezone = "Mars"') + route("b", "lead = 5")
    said = problems(tmp_path, text)
    assert [each.partition(":")[0] for each in said] == ["route a", "route a", "route b"]


def test_what_is_wrong_with_the_settings_and_with_the_file_is_named_at_once(tmp_path: Path) -> None:
    text = route("a", 'chanel = "#a"', "lead = 5") + REST
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text, port="many", ssat_timezone="Mars")
    assert set(caught.value.problems) == {"port", "ssat_timezone", "ssat_routes_file"}
    of_file = caught.value.problems["ssat_routes_file"].splitlines()
    assert [each.partition(":")[0] for each in of_file] == ["route a", "route a"]
    names = [line.strip().partition(":")[0] for line in str(caught.value).splitlines()[1:]]
    assert names == ["PORT", "SSAT_TIMEZONE", "SSAT_ROUTES_FILE", "SSAT_ROUTES_FILE"]


def test_teams_are_judged_together_once_the_settings_are_right_that_they_share(
    tmp_path: Path,
) -> None:
    text = route("a", 'label = "EMEA"', 'channel = "#support_escalations"') + REST
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text, ssat_channel="two words")
    assert caught.value.problems["ssat_routes_file"] == (
        "not judged, because SSAT_CHANNEL has to be fixed first"
    )
    assert len(list(read(tmp_path, text, ssat_channel="#others").routes)) == 2

    schedule = route("rest", 'pagerduty_schedule = "PABC"')
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, schedule, pagerduty_api_token="no token")
    assert "PAGERDUTY_API_TOKEN has to be fixed" in caught.value.problems["ssat_routes_file"]


def test_the_rest_is_read_as_for_one_team_if_the_file_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "routes.toml"
    file.write_text(route("a", "lead = 5") + route("b", "lead = 5"))
    given = NEEDED | {"ssat_routes_file": str(file), "ssat_lead": "U0LEAD"}
    settings, wrong = load_partly(_env_file=None, **given)
    assert [each.partition(":")[0] for each in wrong["ssat_routes_file"].split("\n")] == [
        "route a",
        "route b",
    ]
    (route_of_all,) = settings.routes
    assert (route_of_all.name, route_of_all.lead) == ("", "U0LEAD")


def test_a_schedule_needs_pagerdutys_token(tmp_path: Path) -> None:
    text = route("rest", 'pagerduty_schedule = "PABC"')
    (said,) = problems(tmp_path, text, pagerduty_api_token="")
    assert "PAGERDUTY_API_TOKEN" in said
    (found,) = read(tmp_path, text).routes
    assert found.schedules == ("PABC",)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, b"\xff\x00\xff") == ["it cannot be read (UnicodeDecodeError)"]


SOURCES = Path(routes_file.__file__).parent
FOR_ALL_TEAMS = {
    "app.py": {"ssat_digest"},  # when the figures of all teams are posted
    "check/gitlab.py": {"gitlab_project"},  # where a project is set
    "check/webhook.py": {"ssat_timezone"},  # the administrator's
}


def test_what_a_team_may_say_for_itself_is_read_of_the_team() -> None:
    fields = routes_file.FIELD_OF.values()
    reading = re.compile(rf"\bsettings\.({'|'.join(fields)})\b")
    found = {
        str(path.relative_to(SOURCES)): set(reading.findall(path.read_text(encoding="utf-8")))
        for path in SOURCES.rglob("*.py")
        if path.relative_to(SOURCES).parts[0] not in {"local", "routes_file.py"}
    }
    assert {path: names for path, names in found.items() if names} == FOR_ALL_TEAMS
