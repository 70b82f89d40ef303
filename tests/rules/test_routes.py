"""Which team a feedback belongs to, and until when its customer is to be contacted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.request import IssueKey, Request, State
from slackbot.rules.routes import Route, Routes
from slackbot.rules.timing.deadline import ALWAYS, DeadlineRule, parse_scores
from tests.teams import PROJECT, RULES, team, teams

MONDAY = datetime(2026, 2, 2, 9, tzinfo=UTC)
LABELS = ("Region::EMEA", "Region::APAC", "Priority::1")
OTHER = "example/other"

EMEA = team("emea", label="Region::EMEA", channel="#emea", bad_channel="#emea-bad")
REST = team("rest", label=None, channel="#rest")
ELSEWHERE = team("elsewhere", project=OTHER, label=None, channel="#elsewhere")


@st.composite
def sound_routes(draw: st.DrawFn) -> Routes:
    """Routes as the file of routes may have them."""
    found: list[Route] = []
    for project in draw(st.sampled_from([(PROJECT,), (PROJECT, OTHER)])):
        labels = draw(st.lists(st.sampled_from(LABELS), unique=True))
        for label in (*labels, None):
            name = f"team-{len(found)}"
            found.append(team(name, project=project, label=label, channel=f"#{name}"))
    # The routes of a project keep their order, whatever is between them.
    turns = draw(st.permutations([route.project for route in found]))
    queues = {project: [r for r in found if r.project == project] for project in turns}
    return teams(*(queues[project].pop(0) for project in turns))


@given(sound_routes(), st.sampled_from([PROJECT, OTHER]), st.sets(st.sampled_from(LABELS)))
def test_every_issue_of_a_project_has_exactly_one_route_the_first_that_fits(
    routes: Routes, project: str, labels: set[str]
) -> None:
    if project not in routes.projects:
        return
    found = routes.of(project, labels)
    own = [route for route in routes if route.project == project]
    assert found in own
    assert found.label is None or found.label in labels
    before = own[: own.index(found)]
    assert not any(route.label is None or route.label in labels for route in before)
    assert routes.named(found.name) is found


@given(sound_routes(), st.text(max_size=3))
def test_a_name_that_nobody_has_is_that_of_a_team_for_all_the_rest(
    routes: Routes, name: str
) -> None:
    found = routes.named(name)
    assert found.label is None
    assert found.project == routes.main


@given(sound_routes(), st.sets(st.sampled_from(LABELS)), st.sampled_from(["", "rest", "old"]))
def test_a_request_is_of_the_team_that_its_labels_say_whatever_the_team_was_called(
    routes: Routes, labels: set[str], name: str
) -> None:
    for project in routes.projects:
        url = f"https://gitlab.example.com/{project.title()}/-/issues/12"
        found = routes.of_request(request(url=url, labels=frozenset(labels), route=name))
        assert found is routes.of(project, labels)


def test_a_request_of_a_project_set_by_number_is_of_a_team_of_that() -> None:
    by_number = team("seven", project="7", label=None, channel="#seven")
    routes = teams(REST, by_number)
    assert routes.of_request(request(url="https://gitlab.example.com/a/b/-/issues/12")) is by_number


def test_a_request_of_a_project_that_was_renamed_since_stays_with_its_team() -> None:
    routes = teams(REST, ELSEWHERE)
    renamed = request(url="https://gitlab.example.com/new/name/-/issues/12", route="elsewhere")
    assert routes.of_request(renamed) is ELSEWHERE
    assert routes.of_request(replace(renamed, route="gone")) is REST


def test_without_a_file_all_issues_of_whatever_project_have_the_one_route() -> None:
    only = team("", label=None)
    routes = teams(only)
    assert routes.of("renamed/since", {"Region::EMEA"}) is only
    assert routes.named("") is routes.named("gone") is routes.first is only
    assert not routes.are_several


def test_the_main_project_is_the_set_one_or_that_of_the_first_route() -> None:
    assert teams(ELSEWHERE, REST).main == PROJECT
    assert teams(ELSEWHERE).main == OTHER
    assert teams(ELSEWHERE, REST).projects == (OTHER, PROJECT)
    assert teams(ELSEWHERE, REST).key_of(PROJECT) == ""
    assert teams(ELSEWHERE, REST).key_of(OTHER) == OTHER


def request(**changes: object) -> Request:
    waiting = Request(
        key=IssueKey(7, 12), url="https://gitlab.example.com", title="", asked_at=MONDAY,
        due_at=MONDAY,
    )  # fmt: skip
    return replace(waiting, **changes)  # type: ignore[arg-type]


def test_a_card_belongs_into_the_main_channel_unless_nobody_asked_for_contact() -> None:
    bad = request(is_requested=False, was_requested=False)
    assert bad.state is State.OPEN
    assert EMEA.channel_of(request()) == "#emea"
    assert EMEA.channel_of(bad) == "#emea-bad"
    assert REST.channel_of(bad) == "#rest"


def test_who_hears_of_what_is_late_may_act_where_only_some_may() -> None:
    assert team(lead="U0LEAD").may_act == frozenset()
    assert team(lead="U0LEAD", managers=frozenset({"S0M"})).may_act == {"S0M", "U0LEAD"}


# Deadlines

LOW = DeadlineRule(hours=timedelta(hours=24), scores=parse_scores("1-2"))
TOP = DeadlineRule(hours=timedelta(hours=8), tier="tier::ultimate")
URGENT_TOP = DeadlineRule(hours=timedelta(hours=4), tier="tier::ultimate", label="priority::1")
BY_RULE = replace(RULES, deadlines=(URGENT_TOP, LOW, TOP))


@pytest.mark.parametrize(
    ("score", "labels", "hours"),
    [
        (None, (), 48),
        ("3", (), 48),
        ("2/7", (), 24),
        ("1", ("Tier::Ultimate",), 24),
        ("4", ("Tier::Ultimate",), 8),
        ("4", ("tier::ultimate",), 8),
        ("1", ("Tier::Ultimate", "Priority::1"), 4),
        ("4", ("Priority::1",), 48),
        ("no score", (), 48),
    ],
    ids=str,
)
def test_the_first_rule_that_fits_says_how_long_a_customer_may_wait(
    score: str | None, labels: tuple[str, ...], hours: int
) -> None:
    assert BY_RULE.due_at(MONDAY, score, set(labels)) == MONDAY + timedelta(hours=hours)


@given(st.integers(1, 7), st.integers(1, 7))
def test_a_range_of_scores_has_both_its_ends(first: int, last: int) -> None:
    written = f"{first}-{last}"
    if first > last:
        with pytest.raises(ValueError, match="1 to 7"):
            parse_scores(written)
        return
    found = parse_scores(f" {written} ")
    assert [each for each in range(10) if each in found] == list(range(first, last + 1))
    assert list(parse_scores(str(first))) == [first]


@given(st.text(max_size=5))
def test_what_is_no_score_is_refused_in_words(text: str) -> None:
    try:
        found = parse_scores(text)
    except ValueError as error:
        assert "1 to 7" in str(error)  # noqa: PT017
    else:
        assert {*found} <= {*range(1, 8)}
        assert found


def test_business_time_counts_in_each_rule() -> None:
    friday = datetime(2026, 2, 6, 15, tzinfo=UTC)
    assert BY_RULE.due_at(friday, "1", ()) == ALWAYS.add(friday, timedelta(hours=24))
    assert BY_RULE.due_at(friday, "1", ()).isoweekday() == 1
