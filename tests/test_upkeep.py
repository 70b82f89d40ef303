"""What an administrator does with the database: back up, restore, upgrade, roll back."""

import asyncio
import shlex
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from slackbot.commands import ALL, DATABASE, PEOPLE
from slackbot.exit_codes import SETUP_IS_WRONG
from slackbot.local.gitlab import Issue
from slackbot.store.engine.database import Database, newest_revision
from slackbot.store.engine.upgrade import OLDEST, migrations
from tests.conftest import Postgres
from tests.process import bot_process, launched, present_town
from tests.store.leftovers import RELEASES
from tests.town import Town

pytestmark = pytest.mark.story


@pytest.fixture
async def town(tmp_path: Path, new_database_url: str) -> AsyncIterator[Town]:
    """Its database is new, of each kind."""
    async with present_town(tmp_path, new_database_url) as built:
        yield built
        built.check()


@pytest.fixture
async def on_sqlite(tmp_path: Path) -> AsyncIterator[Town]:
    async with present_town(tmp_path) as built:
        yield built
        built.check()


@pytest.fixture
async def on_postgresql(tmp_path: Path, postgresql: str) -> AsyncIterator[Town]:
    async with present_town(tmp_path, postgresql) as built:
        yield built
        built.check()


async def run(town: Town, command: str, **changes: str | None) -> tuple[int, str]:
    """Run a command to its end; return its exit code and all that it said."""
    async with launched(town, command, **changes) as process:
        code = await process.ended()
        assert "Traceback" not in process.complained
        return code, process.said + process.complained


async def claimed(town: Town, ticket: int) -> Issue:
    issue = town.feedback(f"Negative feedback for ticket {ticket}")
    card = await town.card(issue, "🟠 Unclaimed")
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    await town.claimed(issue, "Avery Example")
    await town.settled()
    return issue


async def is_as_if_nothing_had_happened(town: Town, *issues: Issue) -> None:
    """Each was claimed once, shows on one card, and is still told of on it."""
    async with bot_process(town):
        for issue in issues:
            await town.claimed(issue, "Avery Example")
        await town.settled()
    assert len(town.cards) == len(issues)
    for issue in issues:
        assert issue.assigned_to == ["avery"]
        assert len(issue.comments) == 1
        assert town.steps(issue) == ["🔵 Avery Example claimed this request"]


# Backup and restore


async def test_a_backup_is_made_beside_the_bot_and_brings_all_back(on_sqlite: Town) -> None:
    town, file = on_sqlite, on_sqlite.folder / "ssat-bot.db"
    async with bot_process(town) as bot:
        before = await claimed(town, 412345)
        code, said = await run(town, "backup copy.db")
        assert (code, said[:23]) == (0, "The backup is copy.db (")
        after = await claimed(town, 412346)  # of which the backup knows nothing
        await bot.kill()  # its log is left beside the file

    code, said = await run(town, "rebuild --backup copy.db")
    assert code == 0
    assert f"The database from before is kept as {file}.replaced-" in said
    await is_as_if_nothing_had_happened(town, before, after)


async def test_whatever_else_is_wrong_the_database_is_backed_up_and_upgraded(
    on_sqlite: Town,
) -> None:
    town = on_sqlite
    (town.folder / "broken.toml").write_text("[people")
    wrong: dict[str, str | None] = dict.fromkeys(ALL - DATABASE - {"ssat_people_file"}, "?!")
    wrong |= {"ssat_people_file": "broken.toml", "ssat_routes_file": "not-mounted.toml"}
    wrong |= {"slack_bot_token": None, "slack_app_token": None, "gitlab_token": None}
    ready = "The database is ready for this release.\n"
    assert await run(town, "migrate", **wrong) == (0, ready)
    assert (await run(town, "backup copy.db", **wrong))[0] == 0
    assert (town.folder / "copy.db").is_file()

    code, said = await run(town, "migrate", **(wrong | {"database_url": "?!"}))
    assert code == SETUP_IS_WRONG
    assert said.startswith("Fix these settings:\n  DATABASE_URL: give sqlite:///file.db or ")
    assert said.count("\n") == 2, "the other settings are nothing to it"


async def test_links_are_listed_whatever_is_wrong_with_the_platforms(on_sqlite: Town) -> None:
    town = on_sqlite
    (town.folder / "people.toml").write_text('[people]\nU0AVERY = "avery"\n')
    needed = DATABASE | PEOPLE
    wrong = dict.fromkeys(ALL - needed, "?!") | {"ssat_people_file": "people.toml"}
    assert (await run(town, "migrate", **wrong))[0] == 0
    code, said = await run(town, "people list", **wrong)
    assert code == 0
    assert said.startswith("U0AVERY      avery ")
    (town.folder / "people.toml").write_text("[people")
    assert (await run(town, "people list", **wrong))[0] == SETUP_IS_WRONG


async def test_no_bot_starts_on_a_backup_before_it_was_rebuilt(on_sqlite: Town) -> None:
    town = on_sqlite
    async with bot_process(town) as bot:
        issue = await claimed(town, 412345)
        await run(town, "backup copy.db")
        bot.signal(signal.SIGTERM)  # so that no log is left beside the file
        await bot.ended()
    (town.folder / "copy.db").rename(town.folder / "ssat-bot.db")  # restored by hand

    code, said = await run(town, "run")
    assert code == SETUP_IS_WRONG
    assert "the database is a backup of 2" in said
    assert "run `ssat-bot rebuild` first" in said

    town.gitlab.down()
    code, said = await run(town, "rebuild")  # which does not come far
    assert (await run(town, "run"))[0] == SETUP_IS_WRONG
    town.gitlab.up()
    assert (await run(town, "rebuild"))[0] == 0
    await is_as_if_nothing_had_happened(town, issue)


async def test_a_backup_that_cannot_be_made_or_put_back_says_why(on_sqlite: Town) -> None:
    town, file = on_sqlite, on_sqlite.folder / "ssat-bot.db"
    code, said = await run(town, "backup copy.db")
    assert (code, said) == (
        SETUP_IS_WRONG,
        f"there is no file {file} to back up; `ssat-bot run` creates it\n",
    )
    async with bot_process(town):
        code, said = await run(town, f"backup {file} --replace")
        assert (code, said) == (
            SETUP_IS_WRONG,
            f"{file} is the database itself: name another file\n",
        )
        (town.folder / "copy.db").write_text("no backup")
        code, said = await run(town, "rebuild --backup copy.db")
        assert code == SETUP_IS_WRONG
        assert "another ssat-bot works on" in said
    code, said = await run(town, "rebuild --backup copy.db")
    assert code == SETUP_IS_WRONG
    assert "copy.db is damaged" in said
    await is_as_if_nothing_had_happened(town)


async def test_postgresql_is_backed_up_by_the_command_that_the_bot_names(
    on_postgresql: Town, postgres: Postgres
) -> None:
    town = on_postgresql
    async with bot_process(town):
        before = await claimed(town, 412345)
        code, said = await run(town, "backup ssat-bot.dump")
        assert code == SETUP_IS_WRONG
        program, *arguments = shlex.split(said.splitlines()[-1])
        await postgres_program(town, postgres, program, *arguments)
        after = await claimed(town, 412346)

    restored = postgres.new_database()
    town.settings["database_url"] = restored
    await postgres_program(town, postgres, "pg_restore", f"--dbname={restored}", "ssat-bot.dump")
    assert (await run(town, "rebuild"))[0] == 0
    await is_as_if_nothing_had_happened(town, before, after)
    postgres.drop(restored)


async def postgres_program(town: Town, server: Postgres, name: str, *arguments: str) -> None:
    child = await asyncio.create_subprocess_exec(
        server.programs / name, *arguments, cwd=town.folder
    )
    assert await child.wait() == 0


# Upgrade and roll back


def test_the_oldest_release_that_may_run_beside_this_one_is_the_release_before() -> None:
    assert max(RELEASES.glob("*.sql")).stem == OLDEST


async def test_the_schema_can_be_upgraded_before_the_bot_starts(town: Town) -> None:
    await make(town, OLDEST)
    code, said = await run(town, "migrate")
    assert (code, said.splitlines()[-1]) == (0, "The database is ready for this release.")
    assert await revision(town) == newest_revision()
    assert f"{OLDEST} " in await fact(town, "oldest_release")
    async with bot_process(town):
        await claimed(town, 412345)


async def test_a_file_is_not_upgraded_under_a_running_bot(on_sqlite: Town) -> None:
    async with bot_process(on_sqlite):
        code, said = await run(on_sqlite, "migrate")
    assert code == SETUP_IS_WRONG
    assert "another ssat-bot works on" in said


async def test_a_release_starts_again_on_what_the_next_one_has_upgraded(town: Town) -> None:
    await make(town, newest_revision())
    await tell(town, *upgraded_by_a_later_one(oldest=newest_revision()))
    async with bot_process(town) as bot:
        assert bot.events("database_of_a_newer_release")
        await claimed(town, 412345)
    assert await revision(town) == "9999"


async def test_a_release_that_is_too_old_for_the_schema_says_what_to_install(town: Town) -> None:
    await make(town, newest_revision())
    await tell(town, *upgraded_by_a_later_one(oldest="9998"))
    code, said = await run(town, "run")
    assert code == SETUP_IS_WRONG
    assert "ssat-bot 9.9.0 has upgraded the database" in said
    assert "install 9.9.0 or the release before it, or put back the backup" in said
    assert await revision(town) == "9999"


def upgraded_by_a_later_one(oldest: str) -> tuple[str, ...]:
    """What an upgrade by a later release leaves behind."""
    return (
        "UPDATE alembic_version SET version_num = '9999'",
        f"INSERT INTO facts (name, value) VALUES ('oldest_release', '{oldest} 9.9.0')",
    )


async def tell(town: Town, *statements: str) -> None:
    database = Database(town.settings["database_url"])
    async with database.transaction() as tx:
        for statement in statements:
            await tx.execute(text(statement))
    await database.close()


async def revision(town: Town) -> str:
    return await found(town, "SELECT version_num FROM alembic_version")


async def fact(town: Town, name: str) -> str:
    return await found(town, f"SELECT value FROM facts WHERE name = '{name}'")


async def found(town: Town, query: str) -> str:
    database = Database(town.settings["database_url"])
    async with database.transaction() as tx:
        value: str = await tx.scalar(text(query))
    await database.close()
    return value


async def make(town: Town, revision: str) -> None:
    """Make the schema of an earlier release."""
    database = Database(town.settings["database_url"])
    async with database.transaction() as tx:
        await tx.run_sync(lambda connection: command.upgrade(migrations(connection), revision))
    await database.close()
