"""``ssat-bot people check``: who is missing what."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slackbot.app import connect
from slackbot.local.pagerduty import PagerDuty, serve
from slackbot.people.checkup import HEADINGS, Report, Todo, examine_people
from slackbot.rules.people import DEFAULT_KEYS
from tests.process import ROOT, launched, present_town
from tests.stories.test_on_duty import SCHEDULE
from tests.town import Town

NOT_CHECKED, TO_FIX = 1, 2


class Team:
    """A town and a folder in which nothing is missing for Avery and Blake."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.folder: Path = town.folder / "people"
        self.folder.mkdir()
        self.settings: dict[str, Any] = {
            "ssat_people_file": self.folder,
            "ssat_managers": "U0AVERY,U0BLAKE",
        }
        avery, blake = town.avery_gitlab, town.blake_gitlab
        self.write("avery", "U0AVERY", name="Avery Example", gitlab=_account(avery))
        self.write("blake", "U0BLAKE", gitlab=_account(blake), reports_to="avery example")

    def write(self, file: str, slack: str, **more: Any) -> None:
        self.text(file, yaml.safe_dump({"slack": {"id": slack}, **more}))

    def text(self, file: str, text: str) -> None:
        (self.folder / f"{file}.yaml").write_text(text, encoding="utf-8")

    async def report(self, **changes: Any) -> Report:
        settings = self.town.set_up(**self.settings | changes)
        async with connect(settings, self.town.speed) as clients:
            return await examine_people(settings, clients.slack, clients.gitlab, self.town.clock())


def _account(user: Any) -> dict[str, Any]:
    return {"id": user.id, "username": user.username}


def said(report: Report) -> list[tuple[Todo, str, str]]:
    return [(gap.todo, str(gap.person), gap.problem) for gap in report.gaps]


@pytest.fixture
async def team(tmp_path: Path) -> AsyncIterator[Team]:
    async with present_town(tmp_path) as town:
        built = Team(town)
        yield built
        assert town.slack.refusals == []
        assert town.gitlab.violations == []


@pytest.fixture
async def pagerduty(team: Team) -> AsyncIterator[PagerDuty]:
    account = PagerDuty(clock=team.town.clock)
    async with serve(account) as url:
        team.settings |= {"pagerduty_api_token": account.token, "pagerduty_api_url": url}
        yield account
    assert account.violations == []


async def test_where_nothing_is_missing_only_the_total_is_said(team: Team) -> None:
    report = await team.report()
    assert report.lines() == ["2 people: 2 complete"]
    assert not (team.town.folder / "ssat-bot.db").exists()


async def test_what_is_missing_is_a_line_a_person_grouped_by_what_to_do(team: Team) -> None:
    team.text("broken", "slack:\n\tid: U0CASEY\n")
    team.text("dana", "name: Dana Duty\n")
    team.write("casey", "U0CASEY", calendly="calendar.example.com", reports_to="Robin")
    team.settings["ssat_managers"] = "U0AVERY,U0CASEY"
    assert (await team.report()).lines() == [
        "Fix these files; they don't count:",
        "  broken.yaml: line 2: there is a tab: indent with spaces",
        "",
        "Correct these values; only they don't count:",
        "  casey.yaml, U0CASEY: calendly must start with https://",
        "",
        "Add slack.id, so that the bot knows them:",
        "  dana.yaml, Dana Duty: no Slack id",
        "",
        "Add gitlab.username, so that a claim can be assigned to them:",
        "  casey.yaml, U0CASEY: no GitLab account is known",
        "",
        "For your information:",
        "  casey.yaml, U0CASEY: reports to Robin, who is not in the people file",
        "",
        "5 people: 2 complete",
    ]


async def test_the_keys_are_named_as_the_setting_has_them(team: Team) -> None:
    team.text("avery", "chat: U0AVERY\n")
    team.text("blake", "name: Blake\n")
    report = await team.report(ssat_people_keys="slack=chat, gitlab=forge")
    assert "Add chat, so that the bot knows them:" in report.lines()
    assert "Add forge, so that a claim can be assigned to them:" in report.lines()


async def test_two_files_of_one_person_are_both_named(team: Team) -> None:
    team.write("again", "U0AVERY")
    report = await team.report(ssat_managers="U0BLAKE")
    words = "again.yaml and avery.yaml have the same Slack id, U0AVERY"
    assert said(report) == [
        (Todo.DOUBLED, "again.yaml, U0AVERY", words),
        (Todo.DOUBLED, "avery.yaml, Avery Example, U0AVERY", words),
    ]
    assert [line for line in report.lines() if words in line] == [f"  {words}"], "once for both"
    assert report.lines()[-1] == "3 people: 1 complete"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, "Slack has no user with this id"),
        ({"deleted": True}, "the account is deactivated"),
        ({"is_bot": True}, "the account is a bot's"),
        ({"is_restricted": True}, "a guest may not take action"),
        ({"team_id": "T0OTHER"}, "the account is of another workspace"),
    ],
)
async def test_who_is_not_a_member_in_slack_is_named(
    team: Team, change: dict[str, Any], problem: str
) -> None:
    if change:
        team.town.slack.add_user("U0DANA", "dana", **change)
    team.write("dana", "U0DANA")
    assert said(await team.report()) == [(Todo.NOT_IN_SLACK, "dana.yaml, U0DANA", problem)]


async def test_a_manager_of_a_group_needs_an_account_by_any_source(team: Team) -> None:
    town = team.town
    town.slack.add_usergroup("S0MANAGERS", "managers", users=["U0BLAKE", "U0CASEY"])
    (team.folder / "blake.yaml").unlink()  # GitLab shows his email
    report = await team.report(ssat_managers="S0MANAGERS")
    assert said(report) == [
        (Todo.NO_ACCOUNT, "Casey Nolink, U0CASEY", "no GitLab account is known")
    ]
    assert report.lines()[-1] == "3 people: 2 complete"
    town.gitlab.add_user("casey.n", "Casey Nolink", public_email="casey@example.com")
    assert said(await team.report(ssat_managers="S0MANAGERS")) == []


async def test_without_managers_everyone_in_the_folder_is_one(team: Team) -> None:
    team.write("casey", "U0CASEY")
    report = await team.report(ssat_managers="")
    assert said(report) == [(Todo.NO_ACCOUNT, "casey.yaml, U0CASEY", "no GitLab account is known")]


async def test_a_disabled_group_could_not_be_checked(team: Team) -> None:
    team.town.slack.add_usergroup("S0MANAGERS", "managers", []).date_delete = 1
    report = await team.report(ssat_managers="S0MANAGERS")
    assert [(each.what, each.problem) for each in report.unchecked] == [
        (
            "SSAT_MANAGERS S0MANAGERS",
            "Slack has disabled the user group S0MANAGERS: enable it, or name another",
        )
    ]


async def test_a_group_that_slack_does_not_know_could_not_be_checked(team: Team) -> None:
    report = await team.report(ssat_managers="S0NOPE")
    assert [each.problem for each in report.unchecked] == [
        "Slack has no user group S0NOPE: correct the id"
    ]


async def test_an_account_that_gitlab_does_not_know_or_calls_otherwise_is_named(
    team: Team,
) -> None:
    number = team.town.avery_gitlab.id
    team.town.gitlab.rename_user(team.town.avery_gitlab, "avery.new")
    team.write("blake", "U0BLAKE", gitlab={"username": "blake"})
    team.write("casey", "U0CASEY", gitlab={"id": 999_999})
    assert said(await team.report()) == [
        (
            Todo.WRONG_ACCOUNT,
            "avery.yaml, Avery Example, U0AVERY",
            f"the account with the number {number} is called avery.new, not avery",
        ),
        (Todo.WRONG_ACCOUNT, "blake.yaml, U0BLAKE", "GitLab has no user blake"),
        (
            Todo.WRONG_ACCOUNT,
            "casey.yaml, U0CASEY",
            "GitLab has no account with the number 999999",
        ),
    ]


async def test_what_the_bot_has_learned_of_a_name_is_told(team: Team) -> None:
    town = team.town
    team.write("avery", "U0AVERY", gitlab={"username": "avery"})
    async with town.bot_running(**team.settings):
        issue, card = await town.request()
        await town.slack.click(town.avery, card, "Claim")
        await town.claimed(issue, "Avery Example")
        town.gitlab.rename_user(town.avery_gitlab, "avery.new")
        other = town.feedback("For ticket 7", assignees=[town.avery_gitlab])
        await town.card(other, "assigned to")
        # Next to the bot it only reads.
        [(todo, _, problem)] = said(await team.report())
    assert todo is Todo.WRONG_ACCOUNT
    assert problem == "GitLab has no user avery: the account is called avery.new now"
    town.gitlab.add_user("avery", "Another Avery")
    [(_, _, problem)] = said(await team.report())
    assert problem.startswith("avery is the name of another account now (")


async def test_who_is_on_duty_without_slack_is_named(team: Team, pagerduty: PagerDuty) -> None:
    by_id = pagerduty.add_user("A. Example", "a@elsewhere.example.com")
    by_email = pagerduty.add_user("B. Sample", "blake@example.com")
    nobody = pagerduty.add_user("Dana Duty", "dana@example.com")
    account = _account(team.town.avery_gitlab)
    team.write("avery", "U0AVERY", gitlab=account, pagerduty={"id": by_id.id})
    pagerduty.add_schedule(SCHEDULE, by_id, by_email, nobody)
    assert said(await team.report()) == [
        (
            Todo.ON_DUTY,
            "Dana Duty",
            f"PagerDuty {nobody.id}: Slack has no member with the email there",
        )
    ]


async def test_what_does_not_answer_is_named_and_the_rest_is_checked(
    team: Team, pagerduty: PagerDuty
) -> None:
    pagerduty.status = 500
    team.town.slack.down()
    team.town.gitlab.down()
    team.text("broken", "[")
    report = await team.report(database_url=f"sqlite:///{team.town.folder}/no-folder/x.db")
    assert [todo for todo, _, _ in said(report)] == [Todo.BROKEN]
    assert [each.what for each in report.unchecked] == ["Slack", "GitLab", "PagerDuty"]
    assert report.lines()[-1] == "3 people: 2 complete, as far as could be checked"


async def test_a_people_file_in_toml_is_checked_likewise(team: Team) -> None:
    team.town.people_file.write_text(
        '[people]\nU0AVERY = "nobody"\n[people.U0CASEY]\nrole = "Lead"\n'
    )
    report = await team.report(
        ssat_people_file=team.town.people_file, ssat_managers="U0AVERY,U0CASEY"
    )
    assert report.lines() == [
        "Add gitlab, so that a claim can be assigned to them:",
        "  U0CASEY: no GitLab account is known",
        "",
        "Correct gitlab or gitlab_id:",
        "  U0AVERY: GitLab has no user nobody",
        "",
        "2 people: 0 complete",
    ]


async def test_without_a_people_file_the_managers_are_checked(team: Team) -> None:
    report = await team.report(ssat_people_file=None)
    assert said(report) == [
        (Todo.NO_ACCOUNT, "Avery Example, U0AVERY", "no GitLab account is known")
    ]
    report = await team.report(ssat_people_file=None, ssat_managers="", ssat_people_keys="name=")
    assert report.lines() == [
        "For your information:",
        "  SSAT_PEOPLE_KEYS has no effect: SSAT_PEOPLE_FILE is no folder",
        "",
        "SSAT_PEOPLE_FILE isn't set: 0 linked by /ssat link, 0 found by email",
    ]


async def test_of_several_teams_each_ones_managers_and_schedules_are_checked(
    team: Team, pagerduty: PagerDuty
) -> None:
    routes = team.town.folder / "routes.toml"
    routes.write_text(
        """
[[route]]
name = "emea"
label = "EMEA"
channel = "#emea"
managers = ["S0NOPE", "U0CASEY"]
pagerduty_schedule = "PGONE"
[[route]]
name = "rest"
managers = ["U0AVERY"]
pagerduty_schedule = "PREST"
"""
    )
    pagerduty.add_schedule("PREST", pagerduty.add_user("Dana Duty", "dana@example.com"))
    report = await team.report(ssat_managers="", ssat_routes_file=routes)
    assert [(gap.todo, gap.person.name) for gap in report.gaps] == [
        (Todo.NO_ACCOUNT, "Casey Nolink"),
        (Todo.ON_DUTY, "Dana Duty"),
    ]
    assert [(each.what, each.problem) for each in report.unchecked] == [
        ("managers of emea S0NOPE", "Slack has no user group S0NOPE: correct the id"),
        (
            "PagerDuty",
            "PagerDuty has no schedule PGONE: set pagerduty_schedule to the id in the schedule's "
            "address",
        ),
    ]


def test_the_docs_show_what_is_said() -> None:
    text = (ROOT / "docs" / "people.md").read_text(encoding="utf-8")
    sample = text.partition("```text\n")[2].partition("```")[0]
    shown = {line.rstrip(":") for line in sample.splitlines() if line and line[0] != " "}
    said = {heading.format(**DEFAULT_KEYS) for heading in HEADINGS.values()}
    assert len(shown & said) == len(shown) - 1, "all but the total"


@pytest.mark.story
async def test_the_exit_code_says_whether_something_is_to_fix_or_could_not_be_checked(
    team: Team,
) -> None:
    town = team.town
    async with launched(town, "people check", **team.settings) as process:
        assert await process.ended() == 0
        assert process.said == "2 people: 2 complete\n"
        assert process.complained == ""
    town.gitlab.down()
    async with launched(town, "people check", **team.settings) as process:
        assert await process.ended() == NOT_CHECKED
        assert "Could not be checked:\n  GitLab: " in process.said
    town.gitlab.up()
    team.text("broken", "slack: {id: U0CASEY\n")
    async with launched(town, "people check --json", **team.settings) as process:
        assert await process.ended() == TO_FIX
        assert process.complained == ""
        told = json.loads(process.said)
    assert (told["people"], told["complete"], told["not_checked"]) == (3, 2, [])
    [problem] = told["problems"]
    assert problem["todo"] == "broken_file"
    assert problem["person"] == {"file": "broken.yaml", "name": "", "slack": ""}


@pytest.mark.story
async def test_the_check_names_what_is_left_out_of_the_folder_and_the_bot_starts(
    team: Team,
) -> None:
    team.text("broken", "slack: {id: U0CASEY\n")
    async with launched(team.town, "check", **team.settings) as process:
        assert await process.ended() == 0
        assert "1 file left out (broken.yaml): `ssat-bot people check` says why" in process.said


@pytest.mark.story
async def test_a_folder_without_people_is_refused_at_start(team: Team) -> None:
    for file in team.folder.iterdir():
        file.unlink()
    async with launched(team.town, "run", **team.settings) as process:
        assert await process.ended() == TO_FIX
        assert "SSAT_PEOPLE_FILE: " in process.complained
        assert "no file that ends in .yaml" in process.complained
