"""What the check says of several teams, and what keeps the bot of all of them from starting."""

from datetime import UTC, datetime
from typing import Any

import pytest

from slackbot.app import connect
from slackbot.check.findings import Verdict
from slackbot.check.screen import examine_all, exit_code
from slackbot.check.start import examine
from slackbot.local.gitlab import Hook
from slackbot.settings import load_partly
from slackbot.setup.webhook import fix_webhook
from tests.check.conftest import Examination, examined, turn_to
from tests.town import CONTACT, CONTACTED, HOOK_SECRET, Town

EMEA, OTHER = "Region::EMEA", "example/partners"
URL = "https://bot.example.com/gitlab/webhook"
FILE = f"""
[[route]]
name = "emea"
label = "{EMEA}"
channel = "#emea"
bad_channel = "#emea_bad"
timezone = "Europe/Berlin"
deadline_hours = 24
managers = ["U0AVERY", "U0CASEY"]
lead = "U0BLAKE"
digest = ["08:30"]
reminders = "4"

[[route.deadline]]
score = "1-2"
tier = "Gold"
hours = 4

[[route]]
name = "partners"
project = "{OTHER}"
channel = "#partners"
managers = "U0BLAKE"
duty_group = "S0DUTY"

[[route]]
name = "rest"
"""


class Teams:
    """A town with three teams in two projects; nothing is wrong."""

    def __init__(self, town: Town) -> None:
        self.town, self.file = town, town.folder / "routes.toml"
        everybody = [town.avery, town.blake, town.casey]
        self.emea, self.emea_bad, self.partners = (
            town.slack.add_channel(name, members=everybody)
            for name in ("emea", "emea_bad", "partners")
        )
        town.slack.add_usergroup("S0DUTY", "on-duty", [town.blake])
        for label in (EMEA, "Tier::Gold"):
            town.gitlab.add_label(town.project, label)
        self.other = town.gitlab.add_project(OTHER)
        town.gitlab.add_member(self.other, town.bot, 20)
        for label in (CONTACT, CONTACTED, "feedback::soft-skills"):
            town.gitlab.add_label(self.other, label)
        self.write(FILE)

    def write(self, text: str) -> None:
        self.file.write_text(text)

    async def examined(self, **changes: Any) -> Examination:
        return await examined(self.town, ssat_routes_file=self.file, **changes)

    async def at_start(self, **changes: Any) -> list[str]:
        """Return what `ssat-bot run` prints and would end for."""
        settings = self.town.set_up(ssat_routes_file=self.file, **changes)
        async with connect(settings, self.town.speed) as clients:
            return [str(each) for each in await examine(settings, clients)]

    def add_hook(self, url: str = URL, *, project: Any = None, **changes: Any) -> Hook:
        return self.town.gitlab.add_hook(
            project or self.town.project, url, **{"token": HOOK_SECRET} | changes
        )


@pytest.fixture
def teams(town: Town) -> Teams:
    return Teams(town)


@pytest.fixture
def maintained(teams: Teams) -> Teams:
    for project in (teams.town.project, teams.other):
        teams.town.gitlab.add_member(project, teams.town.bot, 40)
    return teams


def said(found: Examination) -> list[str]:
    return [str(each) for each in found.findings]


# --- Each team ---------------------------------------------------------------------------------


async def test_each_teams_channels_and_projects_are_named(teams: Teams) -> None:
    found = await teams.examined()
    lines = said(found)
    assert found.judged(Verdict.PROBLEM) == []
    for line in (
        "emea: channel #emea",
        "emea: bad_channel #emea_bad",
        "partners: channel #partners",
        "rest: channel #support_escalations",
        "GitLab project gitlab-com/support/feedback (1)",
        f"GitLab project {OTHER} ({teams.other.id})",
        f"{OTHER}: labels: {CONTACT}, {CONTACTED}, and 1 of feedback::",
        f"emea: label {EMEA}",
        "the token's user is ssat-bot, a service account, Reporter",
    ):
        assert f"ok       {line}".replace("(1)", f"({teams.town.project.id})") in lines
    channel = next(each for each in found.findings if each.about == "channel #emea")
    assert channel.facts["team"] == "emea"


async def test_one_team_of_a_file_is_not_named_in_each_line(teams: Teams) -> None:
    teams.write('[[route]]\nname = "only"\nchannel = "#emea"\n')
    lines = said(await teams.examined())
    assert "ok       channel #emea" in lines
    assert not [each for each in lines if "only:" in each]


async def test_each_teams_deadline_has_an_example_also_by_rule(teams: Teams) -> None:
    turn_to(teams.town, datetime(2026, 11, 30, 12, 0, tzinfo=UTC))
    lines = said(await teams.examined())
    own = [each.removeprefix("ok       emea: ") for each in lines if " emea: " in each]
    assert "24 business hours; Mon-Fri; all day; Europe/Berlin" in own
    assert (
        "a customer who asks now, Mon 30 Nov, 13:00 CET, must be contacted by Tue 1 Dec, 13:00 CET"
    ) in own
    assert (
        "with score 1-2 and label tier::gold: 4 business hours, now by Mon 30 Nov, 17:00 CET"
    ) in own
    assert "reminders 4 business hours before; digest on workdays at 08:30" in own
    assert "ok       rest: 48 business hours; Mon-Fri; all day; UTC" in lines


async def test_who_may_act_is_told_by_team_and_accounts_of_all_of_them(teams: Teams) -> None:
    found = await teams.examined()
    lines = said(found)
    assert "ok       emea: may act: 2 people (by id: 2)" in lines
    assert "ok       partners: may act: 1 person (by id: 1)" in lines
    assert "ok       rest: may act: every full member of the workspace" in lines
    accounts = found.about("GitLab accounts known: 2")
    assert accounts.facts["without_account"] == ["Casey Nolink"]
    assert any(each.startswith("warning  rest: managers: not set, so every") for each in lines)
    assert not any("emea: managers: not set" in each for each in lines)


async def test_whom_slack_does_not_know_is_named_with_the_teams(teams: Teams) -> None:
    teams.write(FILE.replace("U0BLAKE", "U0NOBODY"))
    lines = said(await teams.examined())
    assert (
        "warning  lead of emea, managers of partners U0NOBODY: "
        "Slack has no user with this id (user_not_found)"
    ) in lines


async def test_each_teams_duty_comes_from_its_own_source(teams: Teams) -> None:
    turn_to(teams.town, datetime(2026, 11, 30, 12, 0, tzinfo=UTC))
    weeks = '[duty]\n"2026-W49" = "U0AVERY"\n[duty.emea]\n"2026-W49" = "U0CASEY"\n'
    teams.town.people_file.write_text(f'{weeks}[duty.apac]\n"2026-W49" = "U0CASEY"\n')
    lines = said(await teams.examined())
    for line in (
        "emea: duty, by the people file: Casey Nolink, until Mon 7 Dec, 00:00 CET",
        "partners: duty, by a user group: Blake Sample",
        "rest: duty, by the people file: Avery Example, until Mon 7 Dec, 00:00 UTC",
    ):
        assert f"ok       {line}" in lines
    assert any(each.startswith("warning  emea: next gap in duty: Mon 7 Dec") for each in lines)
    assert (
        "warning  SSAT_PEOPLE_FILE, [duty]: no team of SSAT_ROUTES_FILE has such a name: "
        "[duty.apac]"
    ) in lines


async def test_a_label_that_the_project_does_not_have_is_named_with_the_nearest(
    teams: Teams,
) -> None:
    teams.write(FILE.replace(EMEA, "Region::EMAE").replace('"Gold"', '"Gould"'))
    lines = said(await teams.examined())
    assert (
        "warning  emea: label Region::EMAE: the project has no such label, so no feedback comes "
        f"to this team; is it {EMEA}?"
    ) in lines
    assert (
        "warning  emea: deadline for label tier::gould: the project has no such label, so no "
        "feedback has this deadline; is it tier::gold?"
    ) in lines


async def test_a_channel_that_two_teams_name_in_two_ways_is_noticed(teams: Teams) -> None:
    teams.write(FILE.replace("#partners", teams.emea.id))
    same = f"warning  #emea, {teams.emea.id}: they are the same channel: give each team its own"
    assert same in said(await teams.examined())


async def test_different_roles_are_told_by_project(teams: Teams) -> None:
    teams.town.gitlab.add_member(teams.town.project, teams.town.bot, 40)
    account = (await teams.examined()).about("the token's user is ssat-bot")
    assert account.about.endswith(f"Maintainer in gitlab-com/support/feedback, Reporter in {OTHER}")


# --- What keeps the bot from starting ----------------------------------------------------------


async def test_one_teams_trouble_keeps_no_other_team_from_starting(teams: Teams) -> None:
    teams.emea.members.discard(teams.town.slack.bot_user_id)
    teams.town.gitlab.add_member(teams.other, teams.town.bot, 10)
    for lines in (await teams.at_start(), said(await teams.examined())):
        assert not [each for each in lines if each.startswith("PROBLEM")]
        [channel] = [each for each in lines if each.startswith("warning  emea: channel #emea:")]
        assert "/invite it there" in channel
        assert channel.endswith("; until then only the other teams work, not emea")
        [role] = [each for each in lines if "the role in example/partners is too low" in each]
        assert role.startswith("warning  GITLAB_TOKEN: ")


async def test_a_project_that_gitlab_does_not_show_is_a_problem_of_its_team_alone(
    teams: Teams,
) -> None:
    teams.write(FILE.replace(OTHER, "example/none"))
    lines = await teams.at_start()
    [line] = [each for each in lines if "project example/none" in each]
    assert line.startswith("warning  project example/none: not found: ")
    assert line.endswith("; until then only the other teams work, not partners")
    assert not [each for each in lines if each.startswith("PROBLEM")]


async def test_a_label_that_a_project_lacks_is_a_problem_of_its_team_alone(teams: Teams) -> None:
    teams.other.labels.clear()
    lines = await teams.at_start()
    [line] = [each for each in lines if f"SSAT_CONTACT_LABEL {CONTACT}" in each]
    assert line.startswith(f"warning  {OTHER}: SSAT_CONTACT_LABEL {CONTACT}: the project has no")
    assert line.endswith("not partners")
    assert not [each for each in lines if each.startswith("PROBLEM")]


async def test_the_bot_does_not_start_if_no_team_can_work(teams: Teams) -> None:
    town = teams.town
    for channel in (teams.emea, town.channel):
        channel.members.discard(town.slack.bot_user_id)
    town.gitlab.add_member(teams.other, town.bot, 10)
    problems = [each for each in await teams.at_start() if each.startswith("PROBLEM")]
    assert [each.partition(":")[0] for each in problems] == [
        "PROBLEM  emea",
        "PROBLEM  rest",
        "PROBLEM  GITLAB_TOKEN",
    ]
    assert exit_code((await teams.examined()).findings) == 2


async def test_a_wrong_token_is_one_problem_of_all(teams: Teams) -> None:
    found = await teams.examined(gitlab_token="wrong")
    assert len(found.judged(Verdict.PROBLEM)) == 1


async def test_without_network_gitlab_has_one_line_for_all_projects(teams: Teams) -> None:
    found = await teams.examined(gitlab_url="http://127.0.0.1:1")
    assert len([each for each in found.judged(Verdict.UNKNOWN) if "GitLab" in each]) == 1


async def test_a_file_with_a_mistake_is_a_problem_and_the_rest_is_checked(
    teams: Teams, monkeypatch: pytest.MonkeyPatch
) -> None:
    teams.write(FILE.replace("#emea", "#partners", 1))
    monkeypatch.chdir(teams.town.folder)
    for name, value in {**teams.town.settings, "ssat_routes_file": teams.file}.items():
        monkeypatch.setenv(name.upper(), str(value))
    settings, wrong = load_partly()
    assert list(wrong) == ["ssat_routes_file"]
    found = Examination(await examine_all(settings, wrong, teams.town.clock()))
    [problem] = found.judged(Verdict.PROBLEM)
    assert problem.startswith("PROBLEM  SSAT_ROUTES_FILE: routes emea and partners both name")
    lines = said(found)
    for what in ("GitLab", "deadline"):
        reason = "not checked, because SSAT_ROUTES_FILE has to be fixed first"
        assert f"unknown  {what}: {reason}" in lines
    assert not [each for each in lines if "SSAT_CHANNEL" in each or "SSAT_MANAGERS" in each]
    assert found.has("Slack workspace ssat")


# --- Webhooks ----------------------------------------------------------------------------------


async def test_each_projects_webhook_is_judged(maintained: Teams) -> None:
    maintained.add_hook()
    lines = said(await maintained.examined())
    assert (
        f"ok       gitlab-com/support/feedback: webhook {URL}; nothing was sent in the last days"
    ) in lines
    assert any(
        each.startswith(f"warning  {OTHER}: webhook: the project has none") for each in lines
    )


async def test_what_has_arrived_may_be_another_projects(maintained: Teams) -> None:
    town = maintained.town
    async with town.bot_running(ssat_routes_file=maintained.file):
        town.feedback()
        await town.gitlab.hooks_settled()
        lines = said(await maintained.examined())
    [other] = [each for each in lines if f"{OTHER}: webhook" in each]
    assert other.startswith(f"unknown  {OTHER}: webhook: none in the project; the bot got one ")
    assert "another project's or a group's" in other


async def test_each_projects_webhook_is_tested(maintained: Teams) -> None:
    for project in (maintained.town.project, maintained.other):
        maintained.add_hook("http://127.0.0.1:1/gitlab/webhook", project=project)
        maintained.town.gitlab.open_issue(
            project, author=maintained.town.automation, title="Test", description=""
        )
    lines = said(await examined(maintained.town, ssat_routes_file=maintained.file, is_live=True))
    tested = [each.partition(":")[0] for each in lines if ": test of the webhook " in each]
    assert tested == ["warning  gitlab-com/support/feedback", f"warning  {OTHER}"]


async def fixed(teams: Teams, *, is_agreed: bool = True, url: str | None = URL) -> int:
    settings = teams.town.set_up(ssat_routes_file=teams.file)
    return await fix_webhook(settings, {}, url, is_agreed=is_agreed)


async def test_all_webhooks_are_fixed_after_each_was_shown(
    maintained: Teams, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = maintained.add_hook(token=None)
    assert await fixed(maintained) == 1  # nothing answers at the address
    shown = capsys.readouterr().out
    steps = shown.index("In gitlab-com/support/feedback this will:"), shown.index(f"In {OTHER}")
    done = (
        shown.index(f"gitlab-com/support/feedback: webhook {URL}: fixed"),
        shown.index(f"{OTHER}: webhook {URL}: created"),
    )
    assert sorted([*steps, *done]) == [*steps, *done]
    assert hook.token == HOOK_SECRET
    hooks = maintained.town.gitlab.hooks
    assert sorted(each.project.path for each in hooks) == [
        OTHER,
        "gitlab-com/support/feedback",
    ]


async def test_nothing_is_mended_before_it_is_agreed_to(maintained: Teams) -> None:
    hook = maintained.add_hook(token=None)
    assert await fixed(maintained, is_agreed=False) != 0
    assert hook.token is None
    assert maintained.town.gitlab.hooks == [hook]


async def test_a_project_where_the_token_may_not_keeps_no_other_from_being_mended(
    maintained: Teams, capsys: pytest.CaptureFixture[str]
) -> None:
    maintained.town.gitlab.add_member(maintained.town.project, maintained.town.bot, 20)
    assert await fixed(maintained) == 2
    told = capsys.readouterr()
    assert told.err.startswith("gitlab-com/support/feedback: GitLab refuses (403): a webhook")
    assert "1. In gitlab-com/support/feedback, open" in told.err
    assert [each.project for each in maintained.town.gitlab.hooks] == [maintained.other]


async def test_a_webhook_that_is_good_is_left_alone(
    maintained: Teams, capsys: pytest.CaptureFixture[str]
) -> None:
    maintained.add_hook()
    maintained.add_hook(project=maintained.other)
    assert await fixed(maintained, url=None) == 1  # nothing answers at the address
    shown = capsys.readouterr().out
    assert f"In {OTHER}, the webhook is set as it should be: GitLab only tests it." in shown
    methods = {request.method for request in maintained.town.gitlab.requests}
    assert "PUT" not in methods
