"""What ``ssat-bot check`` says of the people, the labels, the issue for codes and the database."""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from slackbot.app import connect
from slackbot.check.record import examine_database
from slackbot.check.start import examine
from slackbot.local.pagerduty import PagerDuty, serve
from tests.conftest import MovableClock, Postgres
from tests.town import FOLLOW_UPS, Town
from tests.town import town as build_town


@pytest.fixture
async def town(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    async with build_town(clock, tmp_path, sqlite) as built:
        yield built
        built.check()


async def findings(town: Town, **changes: Any) -> list[str]:
    settings = town.set_up(**changes)
    async with connect(settings) as clients:
        return [str(finding) for finding in await examine(settings, clients)]


async def test_managers_whom_slack_does_not_know_or_who_never_may_act_are_named(
    town: Town,
) -> None:
    town.slack.add_usergroup("S0GOOD", "good", [town.avery])
    town.slack.add_usergroup("S0OLD", "old", [town.avery]).date_delete = 1
    town.slack.add_user("U0GUEST", "guest", is_restricted=True)
    town.slack.add_user("U0LEFT", "left", deleted=True)
    managers = "S0GOOD,S0OLD,S0NEVER,U0AVERY,U0GUEST,U0LEFT,U0NOBODY"

    said = await findings(
        town, ssat_managers=managers, ssat_duty_group="S0OLD", ssat_lead="S0LEADS"
    )

    warnings = [line.removeprefix("warning  ") for line in said if line.startswith("warning")]
    assert warnings == [
        "SSAT_LEAD S0LEADS: Slack has no such user group",
        "SSAT_MANAGERS S0NEVER: Slack has no such user group",
        "SSAT_MANAGERS, SSAT_DUTY_GROUP S0OLD: "
        "the user group is disabled: enable it, or name another",
        "SSAT_MANAGERS U0GUEST: a guest never may act",
        "SSAT_MANAGERS U0LEFT: a deactivated account, or a bot, may not act and is told nothing",
        "SSAT_MANAGERS U0NOBODY: Slack has no user with this id (user_not_found)",
    ]
    assert "ok       SSAT_DUTY_GROUP, SSAT_LEAD, SSAT_MANAGERS: looked up in Slack" in said


@pytest.mark.parametrize(
    ("lead", "problem"),
    [
        ("U0AVERY", None),
        ("U0GUEST", None),  # nobody has to act to be told
        ("U0LEFT", "a deactivated account, or a bot, may not act and is told nothing"),
        ("U0NOBODY", "Slack has no user with this id (user_not_found)"),
    ],
)
async def test_who_is_told_as_the_lead_is_looked_up(
    town: Town, lead: str, problem: str | None
) -> None:
    town.slack.add_user("U0GUEST", "guest", is_restricted=True)
    town.slack.add_user("U0LEFT", "left", deleted=True)
    said = await findings(town, ssat_lead=lead)
    warnings = [line for line in said if line.startswith("warning  SSAT_LEAD")]
    assert warnings == ([f"warning  SSAT_LEAD {lead}: {problem}"] if problem else [])
    assert "ok       SSAT_LEAD: looked up in Slack" in said


async def test_the_secrets_of_both_modes_are_a_warning(town: Town) -> None:
    both = "warning  SLACK_APP_TOKEN, SLACK_SIGNING_SECRET: both are set, so the bot uses Socket"
    said = await findings(town, slack_app_token=town.slack.app_token)
    assert any(line.startswith(both) for line in said)
    one = {"slack_app_token": town.slack.app_token, "slack_signing_secret": None}
    for changes in ({}, one):
        assert not any(line.startswith(both) for line in await findings(town, **changes))


async def week_of(town: Town, *labels: str) -> None:
    project = town.gitlab.add_project("support/week")
    town.gitlab.add_member(project, town.bot, 10)
    town.gitlab.add_label(project, "week-in-review")
    town.gitlab.open_issue(project, author=town.avery_gitlab, title="This week", labels=labels)


async def test_where_kudos_go_is_looked_at(town: Town) -> None:
    channel = town.slack.add_channel("kudos", members=[town.avery])
    await week_of(town, "week-in-review")
    goes = {
        "ssat_kudos_channel": "#kudos",
        "ssat_week_project": "support/week",
        "ssat_week_label": "week-in-review",
    }
    said = await findings(town, **goes)
    assert "ok       SSAT_KUDOS_CHANNEL #kudos" in said
    assert "ok       SSAT_WEEK_PROJECT support/week, where the week's review issue is #1" in said

    channel.archived = True
    said = await findings(town, **goes | {"ssat_kudos_channel": channel.id})
    assert (
        f"warning  SSAT_KUDOS_CHANNEL {channel.id}: the channel is archived: set another"
    ) in said


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        (
            {"ssat_kudos_channel": "#thanks"},
            "SSAT_KUDOS_CHANNEL #thanks: Slack answered channel_not_found: there is no such "
            "channel, or the bot is not in it: /invite it there",
        ),
        (
            {"ssat_week_project": "support/nowhere", "ssat_week_label": "week-in-review"},
            "SSAT_WEEK_PROJECT support/nowhere: not found: is the path right, and may the token's "
            "user see it?",
        ),
        (
            {"ssat_week_project": "support/week", "ssat_week_label": "week-in-review"},
            "SSAT_WEEK_PROJECT support/week: it has no open issue with the label week-in-review: "
            "kudos wait for one",
        ),
        (
            {"ssat_week_project": "support/week"},
            "SSAT_WEEK_PROJECT, SSAT_WEEK_LABEL: only one of them is set, so kudos do not go to "
            "the week's review issue: set both",
        ),
    ],
)
async def test_where_kudos_cannot_go_is_a_warning(
    town: Town, changes: dict[str, str], warning: str
) -> None:
    await week_of(town)
    assert f"warning  {warning}" in await findings(town, **changes)


def record(folder: Path) -> Path:
    file = folder / "ssat-bot.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE cards (id)")
    return file


async def test_a_sqlite_file_is_looked_at_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    def left() -> list[Path]:
        return list(tmp_path.iterdir())

    file = tmp_path / "ssat-bot.db"
    url = f"sqlite:///{file}"
    assert str(await examine_database(url)) == f"ok       database, SQLite: {file}"
    assert left() == []
    record(tmp_path)
    with closing(sqlite3.connect(file, isolation_level=None)) as busy:
        busy.execute("BEGIN IMMEDIATE")
        assert not (await examine_database(url)).is_fatal
    assert not (await examine_database(url)).is_fatal
    assert left() == [file]
    file.write_text("no database, but a text")
    said = str(await examine_database(url))
    assert "is no SQLite database: name another file, or run `ssat-bot rebuild`" in said
    file.write_bytes(b"")  # as a start leaves it that was killed early
    assert not (await examine_database(url)).is_fatal


async def test_a_sqlite_file_is_named_with_the_folder_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = await examine_database("sqlite:///ssat-bot.db")
    assert str(found) == f"ok       database, SQLite: {tmp_path}/ssat-bot.db"


async def test_a_schema_of_its_own_in_postgresql_is_named(postgres: Postgres) -> None:
    url = make_url(postgres.new_database())
    with psycopg.connect(url.render_as_string(False), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA staging")
    own = url.update_query_dict({"options": "-csearch_path=staging"})
    assert str(await examine_database(own.render_as_string(False))).endswith(", schema staging")
    none = url.update_query_dict({"options": "-csearch_path=nowhere"})
    found = await examine_database(none.render_as_string(False))
    assert found.is_fatal
    assert "no schema of its search_path exists" in str(found)
    postgres.drop(url.render_as_string(False))


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_a_sqlite_file_or_folder_that_may_not_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    file = record(tmp_path)
    protected = file if what == "file" else tmp_path
    is_allowed = os.access
    # Its mode would not do: root, as whom tests may run, may write everywhere.
    monkeypatch.setattr(os, "access", lambda at, mode: at != protected and is_allowed(at, mode))
    finding = await examine_database(f"sqlite:///{file}")
    assert f"{protected} may not be written to" in str(finding)
    assert finding.is_fatal


async def test_postgresql_is_asked_and_gets_no_table(postgres: Postgres) -> None:
    url = postgres.new_database()
    said = make_url(url)
    which = f"PostgreSQL, database {said.database} at {said.query['host']}, schema public"
    assert str(await examine_database(url)) == f"ok       database, {which}"
    with psycopg.connect(url, autocommit=True) as connection:
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(query).fetchone() == (0,)
    postgres.make_read_only(url)
    finding = await examine_database(url)
    assert finding.is_fatal
    assert "it is read-only" in str(finding)
    postgres.drop(url)


async def test_a_wrong_password_is_named_in_one_line_without_it(postgres: Postgres) -> None:
    url = postgres.new_database()
    wrong = make_url(url).set(username="nobody", password="s3cret")
    finding = await examine_database(wrong.render_as_string(hide_password=False))
    assert finding.is_fatal
    assert '"nobody"' in str(finding)
    assert "s3cret" not in str(finding)
    assert "\n" not in str(finding)
    postgres.drop(url)


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("feedbck", "feedback"),
        ("Feedback", "feedback"),
        ("feedback::soft-skills", "feedback"),
        ("ssat", "SSAT"),
        ("cause", None),
    ],
)
async def test_a_scope_that_no_label_has_is_named_with_the_nearest_one(
    town: Town, written: str, nearest: str | None
) -> None:
    said = await findings(town, ssat_label_scope=written)
    about = f"warning  SSAT_LABEL_SCOPE {written}: the project has no label of this scope, so "
    (warning,) = [line for line in said if line.startswith(about)]
    assert warning.removeprefix(about) == "nobody can choose one" + (
        f"; is it {nearest}?" if nearest else ""
    )


async def test_the_project_of_follow_up_issues_is_looked_at(town: Town) -> None:
    about = f"SSAT_FOLLOW_UP_PROJECT {FOLLOW_UPS}"

    async def said(**changes: Any) -> str:
        settings = {"ssat_follow_up_project": FOLLOW_UPS} | changes
        [line] = [each for each in await findings(town, **settings) if "SSAT_FOLLOW_UP" in each]
        return line

    assert await said() == f"ok       {about}, for follow-up issues"
    number = str(town.follow_ups.id)
    good = f"ok       SSAT_FOLLOW_UP_PROJECT {number}, for follow-up issues"
    assert await said(ssat_follow_up_project=number) == good

    template = "SSAT_FOLLOW_UP_TEMPLATE Feedback"
    missing = await said(ssat_follow_up_template="Feedback")
    assert missing.startswith(f"warning  {template}: {FOLLOW_UPS} has no such issue template")
    town.follow_ups.issue_templates["Feedback"] = "What we learn"
    good = f"ok       {template} in {FOLLOW_UPS}, for follow-up issues"
    assert await said(ssat_follow_up_template="Feedback") == good
    town.follow_ups.issue_templates["Feedback"] = "x" * 1_001
    assert "too long for a form" in await said(ssat_follow_up_template="Feedback")

    town.follow_ups.issues_enabled = False
    problem = "issues are disabled in the project. Enable them, or set another project"
    assert await said() == f"warning  {about}: no follow-up issue can be created: {problem}"
    town.follow_ups.archived = True
    assert "the project is archived" in await said()
    town.gitlab.add_member(town.follow_ups, town.bot, 0)
    assert "GitLab has no such project, or hides it from the bot" in await said()
    town.gitlab.faults.add(path="team-meta$", status=502, times=None)
    assert (await said()).startswith(f"unknown  {about}: could not be checked")


async def test_the_issue_for_codes_is_looked_at(town: Town) -> None:
    issue = town.gitlab.open_issue(town.project, author=town.duty_gitlab, title="Who is who")
    good = f"ok       SSAT_LINK_ISSUE {issue.iid}, where people post their codes"
    assert good in await findings(town, ssat_link_issue=issue.iid)
    town.gitlab.close(issue, by=town.duty_gitlab)
    assert any("the issue is closed" in one for one in await findings(town, ssat_link_issue=1))
    missing = "warning  SSAT_LINK_ISSUE 99: the project has no such issue: people cannot link"
    assert any(one.startswith(missing) for one in await findings(town, ssat_link_issue=99))


async def test_a_renamed_project_is_named(town: Town) -> None:
    renamed = "warning  GITLAB_PROJECT: the project gitlab-com/support/feedback is now"
    assert not any(one.startswith(renamed) for one in await findings(town))
    town.gitlab.rename_project(town.project, "gitlab-com/support/voices")
    said = await findings(town)
    assert f"ok       GitLab project gitlab-com/support/voices ({town.project.id})" in said
    assert any(one.startswith(f"{renamed} gitlab-com/support/voices: set") for one in said)
    by_number = await findings(town, gitlab_project=str(town.project.id))
    assert not any("is now" in one for one in by_number)


async def test_the_schedule_is_asked_who_is_on_duty(town: Town) -> None:
    account = PagerDuty(clock=town.clock)
    async with serve(account) as url:
        settings = {"pagerduty_api_token": account.token, "pagerduty_api_url": url}
        unknown = await findings(town, **settings)
        schedule = account.add_schedule("P9UIIDY")
        empty = await findings(town, **settings)
        schedule.on_call.append(account.add_user("Avery Example", "avery@example.com"))
        good = await findings(town, **settings)
        wrong = await findings(town, **settings | {"pagerduty_api_token": "y_wrong_token"})
        away = await findings(town, **settings | {"pagerduty_api_url": "http://127.0.0.1:1"})
    about = "PAGERDUTY_SCHEDULE P9UIIDY: "
    assert unknown[-1].startswith(f"warning  {about}PagerDuty has no schedule P9UIIDY: set")
    assert empty[-1] == "warning  PAGERDUTY_SCHEDULE P9UIIDY: it names nobody now"
    assert good[-1] == "ok       PAGERDUTY_SCHEDULE P9UIIDY, on duty: Avery Example"
    assert "does not accept PAGERDUTY_API_TOKEN (401)" in wrong[-1]
    assert "wrong_token" not in wrong[-1]
    assert away[-1].startswith(f"unknown  {about}could not be checked: ")


async def test_of_several_schedules_each_is_judged(town: Town) -> None:
    account = PagerDuty(clock=town.clock)
    avery = account.add_user("Avery Example", "avery@example.com")
    async with serve(account) as url:
        settings = {
            "pagerduty_api_token": account.token,
            "pagerduty_api_url": url,
            "pagerduty_schedule": "PFIRST,PGONE,PSPARE",
        }
        account.add_schedule("PFIRST")
        spare = account.add_schedule("PSPARE", avery)
        covered = await findings(town, **settings)
        spare.on_call.clear()
        empty = await findings(town, **settings)
    assert covered[-3] == "ok       PAGERDUTY_SCHEDULE PFIRST, on duty: nobody"
    assert covered[-2].startswith("warning  PAGERDUTY_SCHEDULE PGONE: PagerDuty has no schedule")
    assert covered[-1] == "ok       PAGERDUTY_SCHEDULE PSPARE, on duty: Avery Example"
    nobody = "it names nobody now"
    assert empty[-3] == f"warning  PAGERDUTY_SCHEDULE PFIRST: {nobody}"
    assert empty[-1] == f"warning  PAGERDUTY_SCHEDULE PSPARE: {nobody}"


async def test_a_token_of_which_gitlab_tells_nothing_keeps_no_label_from_being_looked_up(
    town: Town,
) -> None:
    town.gitlab.faults.add(method="GET", path="/personal_access_tokens/self", status=404)
    said = await findings(town, ssat_contact_label="SSAT::contact")
    assert any(line.startswith("warning  GITLAB_TOKEN: ") for line in said)
    assert any(line.startswith("PROBLEM  SSAT_CONTACT_LABEL SSAT::contact: ") for line in said)


async def test_a_template_that_cannot_be_used_is_named(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "de.j2").write_text("{% for each in range(10 ** 9) %}{% endfor %}")
    (folder / "en.j2").write_text("Hello {{ name }}")
    said = await findings(town, ssat_email_templates=folder)
    [named] = [line for line in said if "SSAT_EMAIL_TEMPLATES" in line]
    assert named.startswith("warning  SSAT_EMAIL_TEMPLATES: de.j2: line 1: for can't be used")
    assert named.endswith("the bot's own text is used instead")


async def test_a_template_that_is_not_used_is_named(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "fr.html").write_text("Bonjour {{ name }}")
    assert (
        "warning  SSAT_EMAIL_TEMPLATES: fr.html: it is not used; name it fr.j2; "
        "the bot's own text is used instead"
    ) in await findings(town, ssat_email_templates=folder)


async def test_a_channel_for_figures_that_the_bot_is_not_in_is_a_warning(town: Town) -> None:
    town.slack.add_channel("support_trends", bot_is_member=False)
    said = await findings(town, ssat_stats_channel="#support_trends")
    [line] = [each for each in said if "SSAT_STATS_CHANNEL" in each]
    assert line.startswith("warning  SSAT_STATS_CHANNEL #support_trends: ")
    assert "/invite it there" in line


async def test_a_channel_for_figures_is_checked(town: Town) -> None:
    town.slack.add_channel("support_trends")
    assert "ok       SSAT_STATS_CHANNEL #support_trends" in await findings(
        town, ssat_stats_channel="#support_trends"
    )


async def test_without_the_scope_for_files_the_check_says_what_does_not_work(town: Town) -> None:
    town.slack.scopes.discard("files:write")
    [line] = [each for each in await findings(town) if "files:write" in each]
    assert "no CSV files, and no picture" in line
