"""The one screen: what the settings come to, and how each line is judged."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from slackbot.check.findings import Finding, Section, Verdict
from slackbot.check.screen import as_json, exit_code, lines, summary
from slackbot.local.pagerduty import PagerDuty, serve
from slackbot.rules.timing.shifts import AHEAD
from slackbot.settings import SettingsError, load_partly
from slackbot.store.engine.backup import back_up
from slackbot.store.engine.database import DatabaseError, newest_revision
from tests.check.conftest import examined, turn_to
from tests.conftest import MovableClock, Postgres
from tests.town import Town

MANAGERS: dict[str, Any] = {"ssat_managers": "U0AVERY"}
WELL_SET = {
    "slack_bot_token": "xoxb-1",
    "gitlab_token": "g",
    "port": "3999",
    "ssat_timezone": "Asia/Tokyo",
    "database_url": "sqlite:///other.db",
    "ssat_lead": "U0LEAD1",
}


# --- How it is written -------------------------------------------------------------------------

_FINDINGS = st.builds(
    Finding,
    about=st.text(min_size=1, max_size=20),
    problem=st.none() | st.text(max_size=20),
    verdict=st.sampled_from(Verdict),
    section=st.sampled_from(Section),
    is_unanswered=st.booleans(),
)


@given(st.lists(_FINDINGS))
def test_the_document_has_what_the_screen_has_and_the_exit_code(found: list[Finding]) -> None:
    read = json.loads(as_json(found))
    assert read["exit_code"] == exit_code(found)
    assert read["summary"] == lines(found)[-1]
    told = [each for section in read["sections"] for each in section["findings"]]
    assert len(told) == len(found)
    assert {section["name"] for section in read["sections"]} == {each.section for each in found}
    for section in read["sections"]:
        own = [each for each in found if each.section == section["name"]]
        assert [each["what_to_do"] for each in section["findings"]] == [e.problem for e in own]


@given(st.lists(_FINDINGS))
def test_a_problem_ends_with_2_and_no_answer_with_1(found: list[Finding]) -> None:
    if any(each.verdict is Verdict.PROBLEM for each in found):
        assert exit_code(found) == 2
        assert "the bot does not start" in summary(found)
    else:
        assert exit_code(found) == int(any(each.is_unanswered for each in found))


# --- Slack -------------------------------------------------------------------------------------


async def test_http_mode_names_where_the_proxy_passes_requests_to(town: Town) -> None:
    said = await examined(town, port=3210)
    assert said.about("HTTP mode").about.endswith("http://127.0.0.1:3210/slack/events")
    socket = await examined(town, slack_app_token=town.slack.app_token)
    assert not socket.has("HTTP mode")
    assert socket.has("Socket Mode")


async def test_the_token_of_another_workspace_is_noticed_by_the_record(town: Town) -> None:
    async with town.bot_running(ssat_poll_seconds=1):
        await town.card(town.feedback(), "🟠 Unclaimed")
    assert not (await examined(town)).judged(Verdict.PROBLEM)
    town.slack.team_id = "T0OTHER"
    town.channel.members.discard(town.slack.bot_user_id)
    said = await examined(town)
    found = said.about("SLACK_BOT_TOKEN")
    assert found.verdict is Verdict.PROBLEM
    assert str(found.problem).startswith("the record is of the workspace T0SSAT, where its cards")
    assert "SSAT_CHANNEL #support_escalations" in str(said.judged(Verdict.PROBLEM))
    town.slack.team_id = "E0ORGANIZATION"  # of a token of a whole Enterprise Grid
    assert not (await examined(town)).has("SLACK_BOT_TOKEN")
    town.slack.team_id = "T0SSAT"


async def test_features_are_on_and_off_by_scope_and_by_setting(town: Town) -> None:
    town.slack.scopes -= {"files:write", "im:write"}
    said = await examined(town, ssat_close_good=True, ssat_webmail="gmail")
    assert said.about("by scope").facts == {
        "on": ["unfurls", "user groups"],
        "off": ["direct messages", "files"],
    }
    assert said.about("by setting").about == "by setting: webmail, close good"
    assert "kudos channel" in said.about("off: ").about
    town.slack.behind_proxy = True
    assert (await examined(town)).about("by scope").verdict is Verdict.UNKNOWN


async def test_what_watches_the_bot_is_on_or_off(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (await examined(town, port=3210)).about("metrics at")
    assert found.about == ("metrics at http://127.0.0.1:3210/metrics; traces off; log level info")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://traces.example.com")
    found = (await examined(town, log_level="debug")).about("metrics at")
    assert found.about.endswith("; traces on; log level debug")


# --- GitLab ------------------------------------------------------------------------------------


async def test_the_labels_that_were_found_are_named_and_counted(town: Town) -> None:
    found = (await examined(town)).about("labels: ")
    assert found.about.startswith("labels: SSAT::Contact, ssat-manager-contacted-customer, and ")
    assert found.facts["feedback_labels"] == 15


@pytest.mark.parametrize(
    ("username", "bot", "kind", "verdict"),
    [
        ("ssat-bot", True, "service account", Verdict.OK),
        ("project_7_bot_0a1b", True, "project access token", Verdict.OK),
        ("group_3_bot_0a1b", True, "group access token", Verdict.OK),
        ("avery", False, "person's account", Verdict.WARNING),
    ],
)
async def test_whose_the_token_is_is_said(
    town: Town, username: str, bot: bool, kind: str, verdict: Verdict
) -> None:
    town.bot.username, town.bot.bot = username, bot
    found = (await examined(town)).about("the token's user")
    assert found.about == f"the token's user is {username}, a {kind}, Reporter"
    assert found.verdict is verdict


@pytest.mark.parametrize(("days", "verdict"), [(15, Verdict.OK), (14, Verdict.WARNING)])
async def test_the_end_of_a_token_is_said_two_weeks_before(
    town: Town, days: int, verdict: Verdict
) -> None:
    ends = town.clock().date() + timedelta(days=days)
    token = town.gitlab.add_token(town.bot, expires_at=ends)
    found = (await examined(town, gitlab_token=token)).about("GITLAB_TOKEN")
    assert found.verdict is verdict
    day = f"until {ends:%a} {ends.day} {ends:%b %Y}" if days > 14 else f"on {ends}: rotate it"
    assert day in str(found)
    assert str(found).count(str(ends.year)) == 1
    assert found.facts["ends"] == ends.isoformat()
    if verdict is Verdict.WARNING:
        assert "it ends in 13 days" in str(found.problem)


async def test_an_expired_token_is_a_problem_that_says_so(town: Town) -> None:
    token = town.gitlab.add_token(town.bot, expires_at=town.clock().date())
    found = (await examined(town, gitlab_token=token)).about("GITLAB_TOKEN")
    assert found.verdict is Verdict.PROBLEM
    assert "GITLAB_TOKEN has expired" in str(found.problem)


async def test_what_a_fine_grained_token_may_is_said_where_gitlab_tells(town: Town) -> None:
    token = town.gitlab.add_token(town.bot, scopes=("granular",))
    town.gitlab.tokens[-1].permissions = ("read_work_item", "update_work_item")
    found = (await examined(town, gitlab_token=token)).about("GITLAB_TOKEN")
    assert found.verdict is Verdict.OK
    assert "fine-grained: read_work_item, update_work_item" in found.about
    refusal: dict[str, Any] = {"status": 403, "headers": {"Content-Type": "application/json"}}
    refusal["body"] = '{"error": "insufficient_granular_scope", "error_description": "No."}'
    town.gitlab.faults.add(method="GET", path="/user$", **refusal)
    account = (await examined(town, gitlab_token=token)).about("the token's user, Reporter")
    assert (account.verdict, account.is_unanswered) == (Verdict.UNKNOWN, False)
    town.gitlab.tokens[-1].permissions = ()
    found = (await examined(town, gitlab_token=token)).about("GITLAB_TOKEN")
    assert "fine-grained, with permissions that GitLab does not tell" in found.about


# --- The deadline ------------------------------------------------------------------------------


async def test_the_deadline_has_an_example_for_now(town: Town) -> None:
    turn_to(town, datetime(2026, 11, 27, 15, 0, tzinfo=UTC))  # a Friday
    said = await examined(town)
    assert said.about("48 business hours").about == "48 business hours; Mon-Fri; all day; UTC"
    assert said.about("a customer who asks now").about == (
        "a customer who asks now, Fri 27 Nov, 15:00 UTC, must be contacted by Tue 1 Dec, 15:00 UTC"
    )


async def test_another_rule_is_spelled_out(town: Town) -> None:
    turn_to(town, datetime(2026, 11, 30, 12, 0, tzinfo=UTC))
    said = await examined(
        town,
        ssat_deadline_hours=7.5,
        ssat_timezone="Europe/Berlin",
        ssat_workdays="Mon,Wed",
        ssat_hours="09:00-17:00",
        ssat_holidays="DE-BY,2026-12-02",
        ssat_reminders="4,1.5",
        ssat_digest="08:30",
    )
    rule = "7.5 business hours; Mon, Wed; 09:00-17:00; Europe/Berlin; holidays of DE-BY, 1 date"
    assert said.has(rule)
    assert "by Mon 7 Dec, 12:30 CET" in said.about("a customer who asks now").about
    assert said.has("reminders 4, 1.5 business hours before; digest on workdays at 08:30")


# --- People and duty ---------------------------------------------------------------------------


async def test_who_may_act_is_counted_by_group_and_who_lacks_an_account_is_named(
    town: Town,
) -> None:
    people = [town.avery, town.blake, town.casey]
    town.slack.add_usergroup("S0MANAGERS", "support-managers", people)
    town.slack.add_user("U0DREW", "drew", real_name="Drew Example")
    said = await examined(town, ssat_managers="S0MANAGERS,U0DREW")
    assert said.has("may act: 4 people (@support-managers: 3, by id: 1)")
    found = said.about("GitLab accounts known: 2 (1 by people file, 1 by email)")
    assert found.verdict is Verdict.WARNING
    assert found.facts["without_account"] == ["Casey Nolink", "Drew Example"]
    town.people_file.write_text('[people]\nU0AVERY = "avery"\nU0CASEY = "casey"\n')
    found = (await examined(town, ssat_managers="S0MANAGERS")).about("GitLab accounts known: 3")
    assert found.verdict is Verdict.OK


async def test_nobody_in_the_group_of_managers_is_a_warning(town: Town) -> None:
    town.slack.add_usergroup("S0EMPTY", "empty", [])
    found = (await examined(town, ssat_managers="S0EMPTY")).about("may act: 0 people")
    assert found.verdict is Verdict.WARNING


async def test_a_gitlab_that_hides_its_users_costs_the_count_only(town: Town) -> None:
    json_type = {"Content-Type": "application/json"}
    refusal: dict[str, Any] = {
        "status": 403,
        "headers": json_type,
        "body": '{"message": "403 Forbidden"}',
    }
    for path in ("/users", "/members/all"):
        town.gitlab.faults.add(method="GET", path=path, times=None, **refusal)
    found = (await examined(town, ssat_managers="U0BLAKE")).about("GitLab accounts known: 0")
    assert found.facts["without_account"] == ["Blake Sample"]


async def test_duty_of_a_user_group_names_people(town: Town) -> None:
    town.slack.add_usergroup("S0DUTY", "on-duty", [town.blake])
    said = await examined(town, ssat_duty_group="S0DUTY")
    assert said.has("duty, by a user group: Blake Sample")
    town.slack.usergroups["S0DUTY"].users.clear()
    empty = (await examined(town, ssat_duty_group="S0DUTY")).about("duty, by a user group")
    assert (empty.verdict, empty.problem) == (Verdict.WARNING, "it names nobody now")


async def test_the_weeks_of_the_people_file_have_a_next_gap(town: Town) -> None:
    turn_to(town, datetime(2026, 11, 30, 12, 0, tzinfo=UTC))
    weeks = ['"2026-W49" = "U0AVERY"', '"2026-W51" = "U0BLAKE"', '"2026-W52" = "U0BLAKE"']
    town.people_file.write_text("\n".join(["[duty]", *weeks]))
    said = await examined(town)
    assert said.has("duty, by the people file: Avery Example, until Mon 7 Dec, 00:00 UTC")
    gap = said.about("next gap in duty: Mon 7 Dec, 00:00 UTC")
    assert gap.verdict is Verdict.WARNING
    assert str(gap.problem).startswith("nobody is on duty until Mon 14 Dec, 00:00 UTC")


async def test_a_far_gap_of_pagerduty_is_no_warning_and_none_is_said_so(
    town: Town, clock: MovableClock
) -> None:
    account = PagerDuty(clock=clock)
    avery = account.add_user("Avery Example", "avery@example.com")
    async with serve(account) as url:
        account.add_schedule("P9UIIDY", avery)
        said = await examined(town, pagerduty_api_token=account.token, pagerduty_api_url=url)
    assert said.about(f"duty is covered for the next {AHEAD.days} days").verdict is Verdict.OK
    assert said.about("PAGERDUTY_SCHEDULE").facts["on_duty"] == ["Avery Example"]


async def test_no_source_of_duty_is_said_and_not_complained_of(town: Town) -> None:
    assert (await examined(town)).about("duty: no source").verdict is Verdict.OK


async def test_of_a_folder_of_people_who_is_left_out_is_counted(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    folder.mkdir()
    (folder / "avery.yaml").write_text("slack: {id: U0AVERY}\ngitlab: {username: avery}\n")
    people: dict[str, Any] = {"ssat_people_file": folder}
    found = (await examined(town, **people)).about(f"SSAT_PEOPLE_FILE {folder}: 1 person known")
    assert found.verdict is Verdict.OK
    for number in range(7):
        (folder / f"broken-{number}.yaml").write_text("slack: {id: U0CASEY\n")
    said = await examined(town, **people)
    found = said.about(f"SSAT_PEOPLE_FILE {folder}: 1 person known")
    assert found.problem == (
        "7 files left out (broken-0.yaml, broken-1.yaml, broken-2.yaml, broken-3.yaml, "
        "broken-4.yaml and 2 more): `ssat-bot people check` says why"
    )
    assert len([each for each in said.findings if "broken" in str(each)]) == 1


async def test_what_two_people_share_in_a_folder_is_counted(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    folder.mkdir()
    for name in ("avery", "blake"):
        person = f"slack: {{id: U0{name.upper()}}}\ngitlab: {{username: avery}}\n"
        (folder / f"{name}.yaml").write_text(person)
    found = (await examined(town, ssat_people_file=folder)).about("SSAT_PEOPLE_FILE")
    assert found.verdict is Verdict.WARNING
    assert str(found.problem).startswith("2 share what only one can have: `ssat-bot people check`")


# --- The record --------------------------------------------------------------------------------


async def test_the_schema_is_none_yet_and_then_up_to_date(town: Town) -> None:
    newest = newest_revision()
    url: dict[str, Any] = {"database_url": f"sqlite:///{town.folder / 'new.db'}"}
    assert (await examined(town, **url)).has(f"schema: none yet; the next start makes {newest}")
    assert not (town.folder / "new.db").exists()
    async with town.bot_running(**url):
        assert (await examined(town, **url)).has(f"schema {newest}: up to date")
    files = sorted(town.folder.iterdir())
    assert (await examined(town, **url)).has(f"schema {newest}: up to date")
    assert sorted(town.folder.iterdir()) == files


@pytest.mark.parametrize(
    ("revision", "verdict", "words"),
    [
        ("0001", Verdict.OK, "the next start upgrades it to"),
        ("9999", Verdict.WARNING, "of a newer release"),
    ],
)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_the_schema_of_another_release_is_named(
    town: Town, postgres: Postgres, revision: str, verdict: Verdict, words: str, kind: str
) -> None:
    url = town.settings["database_url"] if kind == "sqlite" else postgres.new_database()
    async with town.bot_running(database_url=url):
        pass
    driver = url if kind == "sqlite" else url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(driver)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
    engine.dispose()
    found = (await examined(town, database_url=url)).about(f"schema {revision}")
    assert found.verdict is verdict
    assert words in str(found)
    if kind == "postgresql":
        postgres.drop(url)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_release_that_is_too_old_is_told_so_as_at_its_start(
    town: Town, postgres: Postgres, kind: str
) -> None:
    url = town.settings["database_url"] if kind == "sqlite" else postgres.new_database()
    async with town.bot_running(database_url=url):
        pass
    driver = url if kind == "sqlite" else url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(driver)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("DELETE FROM facts WHERE name = 'oldest_release'"))
        oldest = "INSERT INTO facts (name, value) VALUES ('oldest_release', '9998 7.0.0')"
        connection.execute(text(oldest))
    engine.dispose()
    found = (await examined(town, database_url=url)).about("schema 9999")
    with pytest.raises(DatabaseError) as refused:
        async with town.bot_running(database_url=url):
            pass
    assert found.verdict is Verdict.PROBLEM
    assert found.problem == str(refused.value)
    assert "this release is too old" in found.problem
    if kind == "postgresql":
        postgres.drop(url)


@pytest.mark.parametrize("revision", ["", "0001"])
async def test_a_backup_is_told_as_the_bot_would_and_what_to_do(town: Town, revision: str) -> None:
    async with town.bot_running():
        pass
    file = town.folder / "backup.db"
    back_up(town.folder / "ssat-bot.db", file, town.clock())
    url: dict[str, Any] = {"database_url": f"sqlite:///{file}"}
    with pytest.raises(DatabaseError) as refused:
        async with town.bot_running(**url):
            pass
    if revision:
        engine = create_engine(url["database_url"])
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
        engine.dispose()
    found = (await examined(town, **url)).about("record")
    assert found.verdict is Verdict.PROBLEM
    assert found.problem == str(refused.value)
    assert "run `ssat-bot rebuild` first" in found.problem


async def test_a_damaged_record_is_a_problem_that_names_the_remedy(town: Town) -> None:
    file = town.folder / "ssat-bot.db"
    with file.open("r+b") as opened:
        opened.seek(100)
        opened.write(b"damage" * 1000)
    found = (await examined(town)).about("record")
    assert found.verdict is Verdict.PROBLEM
    assert "is damaged: run `ssat-bot rebuild`" in str(found.problem)


# --- Half a set-up, and no network -------------------------------------------------------------


@pytest.fixture
def environment(town: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.chdir(town.folder)
    for name, value in town.settings.items():
        monkeypatch.setenv(name.upper(), str(value))
    return town


async def test_half_a_set_up_names_all_and_is_checked_as_far_as_it_goes(
    environment: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITLAB_TOKEN")
    monkeypatch.setenv("SSAT_WORKDAYS", "Someday")
    monkeypatch.setenv("SSAT_BAD_CHANNEL", "no channel")
    settings, wrong = load_partly()
    assert set(wrong) == {"gitlab_token", "ssat_workdays", "ssat_bad_channel"}
    from slackbot.check.screen import examine_all

    found = await examine_all(settings, wrong, environment.clock())
    problems = [each.about for each in found if each.is_fatal]
    assert sorted(problems) == ["GITLAB_TOKEN", "SSAT_BAD_CHANNEL", "SSAT_WORKDAYS"]
    said = [str(each) for each in found]
    assert "ok       SSAT_CHANNEL #support_escalations" in said
    for what, name in (("GitLab", "GITLAB_TOKEN"), ("deadline", "SSAT_WORKDAYS")):
        assert f"unknown  {what}: not checked, because {name} has to be fixed first" in said
    assert not environment.gitlab.requests
    both = {**wrong, "ssat_hours": "no hours"}
    found = await examine_all(settings, both, environment.clock())
    reason = "not checked, because SSAT_WORKDAYS, SSAT_HOURS have to be fixed first"
    assert f"unknown  deadline: {reason}" in map(str, found)
    assert exit_code(found) == 2


@given(
    st.sets(
        st.sampled_from(
            [
                "slack_bot_token",
                "gitlab_token",
                "port",
                "ssat_timezone",
                "database_url",
                "ssat_lead",
            ]
        )
    )
)
def test_whatever_is_wrong_the_rest_is_read(wrong: set[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLACK_SIGNING_SECRET", "s")
        for name, value in WELL_SET.items():
            patch.setenv(name.upper(), "?!" if name in wrong - {"gitlab_token"} else value)
        if "gitlab_token" in wrong:
            patch.delenv("GITLAB_TOKEN")
        settings, found = load_partly()
    assert set(found) == wrong
    assert (settings.port == 3999) == ("port" not in wrong)
    assert (settings.ssat_lead == "U0LEAD1") == ("ssat_lead" not in wrong)


def test_a_file_that_cannot_be_read_at_all_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"SSAT_LEAD=\xff\xfe\x00")
    with pytest.raises(SettingsError):
        load_partly()


async def test_without_network_each_platform_has_one_line(town: Town) -> None:
    away: dict[str, Any] = {
        "slack_api_url": "http://127.0.0.1:1/",
        "gitlab_url": "http://127.0.0.1:1",
    }
    said = await examined(town, **away, **MANAGERS)
    unknown = said.judged(Verdict.UNKNOWN)
    assert [each.split(":")[0] for each in unknown] == ["unknown  Slack", "unknown  GitLab"]
    assert said.judged(Verdict.PROBLEM) == []
    assert exit_code(said.findings) == 1
    assert said.has("48 business hours")


async def test_a_typical_set_up_fits_on_a_screen(town: Town) -> None:
    said = lines((await examined(town, **MANAGERS)).findings)
    assert len(said) <= 40
    assert max(map(len, said)) <= 150


async def test_nothing_that_is_secret_is_in_the_document(town: Town) -> None:
    town.gitlab.add_member(town.project, town.bot, 40)
    town.gitlab.add_hook(town.project, "https://me:pass@bot.example.com/gitlab/webhook?key=hidden")
    written = as_json((await examined(town, **MANAGERS)).findings)
    secrets = (town.token, town.slack.bot_token, "hook-secret", "me:pass", "hidden")
    assert not [each for each in secrets if each in written]
    assert "https://bot.example.com/gitlab/webhook" in written
    assert {each["name"] for each in json.loads(written)["sections"]} >= {"Slack", "Webhook"}
