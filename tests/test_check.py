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
from slackbot.check import examine, examine_database
from slackbot.local.pagerduty import PagerDuty, serve
from tests.conftest import MovableClock, Postgres
from tests.town import Town
from tests.town import town as build_town


@pytest.fixture
async def town(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    async with build_town(clock, tmp_path, sqlite) as built:
        yield built
        built.check()


async def findings(town: Town, **changes: Any) -> list[str]:
    settings = town.set_up(**changes)
    async with connect(settings) as clients:
        return [str(finding) async for finding in examine(settings, clients)]


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
    assert "is no SQLite database" in str(await examine_database(url))
    file.write_bytes(b"")  # as a start leaves it that was killed early
    assert not (await examine_database(url)).is_fatal


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
    assert str(await examine_database(url)) == "ok       database, PostgreSQL"
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
    assert unknown[-1].startswith("warning  PagerDuty: PagerDuty has no schedule P9UIIDY: set")
    assert empty[-1] == "warning  PAGERDUTY_SCHEDULE P9UIIDY: it names nobody now"
    assert good[-1] == "ok       PAGERDUTY_SCHEDULE P9UIIDY, on duty: Avery Example"
    assert "does not accept PAGERDUTY_API_TOKEN (401)" in wrong[-1]
    assert "wrong_token" not in wrong[-1]
    assert away[-1].startswith("unknown  PagerDuty: could not be checked: ")


async def test_a_token_of_which_gitlab_tells_nothing_keeps_no_label_from_being_looked_up(
    town: Town,
) -> None:
    town.gitlab.faults.add(method="GET", path="/personal_access_tokens/self", status=404)
    said = await findings(town, ssat_contact_label="SSAT::contact")
    assert any(line.startswith("warning  GITLAB_TOKEN: ") for line in said)
    assert any(line.startswith("PROBLEM  SSAT_CONTACT_LABEL SSAT::contact: ") for line in said)
