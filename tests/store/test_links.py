"""Links that people made, and the codes by which they make them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from slackbot.store.database import Database
from slackbot.store.links import (
    Code,
    Link,
    Outcome,
    all_links,
    codes_since,
    digest_of,
    drop_code,
    redeem,
    remove_link,
    save_code,
)

NOW = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
CASEY = Code(
    slack_user="U0CASEY",
    name="Casey Nolink",
    gitlab="Casey.N",
    digest=digest_of("one"),
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=15),
)
BLAKE = replace(CASEY, slack_user="U0BLAKE", name="Blake Sample", digest=digest_of("two"))
LINK = Link(slack_user="U0CASEY", name="Casey Nolink", gitlab="Casey.N", at=NOW)


async def test_a_code_that_arrives_makes_a_link_and_is_spent(database: Database) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        assert await redeem(tx, CASEY, NOW) is Outcome.LINKED
        assert await all_links(tx) == [LINK]
        assert await codes_since(tx, NOW) == [replace(CASEY, is_spent=True)]
        assert await redeem(tx, CASEY, NOW) is Outcome.REPLACED, "it counts once"
        await drop_code(tx, CASEY)
        assert await codes_since(tx, NOW) == []


async def test_one_account_is_never_two_peoples(database: Database) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        await save_code(tx, replace(BLAKE, gitlab="CASEY.n"))
        await redeem(tx, CASEY, NOW)
        assert await redeem(tx, replace(BLAKE, gitlab="CASEY.n"), NOW) is Outcome.TAKEN
        assert await all_links(tx) == [LINK]


async def test_an_account_that_is_taken_for_another_reason_is_not_linked(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        assert await redeem(tx, CASEY, NOW, {"casey.n"}) is Outcome.TAKEN
        assert await all_links(tx) == []


async def test_a_person_has_one_code_and_one_link(database: Database) -> None:
    other = replace(CASEY, gitlab="casey2", digest=digest_of("three"))
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        await redeem(tx, CASEY, NOW)
        await save_code(tx, other)
        await drop_code(tx, CASEY)
        assert await codes_since(tx, NOW) == [other], "the newer one stays"
        assert await redeem(tx, other, NOW) is Outcome.LINKED
        assert [link.gitlab for link in await all_links(tx)] == ["casey2"]


async def test_a_code_that_was_replaced_makes_no_link(database: Database) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        await save_code(tx, replace(CASEY, digest=digest_of("newer")))
        assert await redeem(tx, CASEY, NOW) is Outcome.REPLACED
        assert await all_links(tx) == []


async def test_codes_are_forgotten_in_time(database: Database) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        assert await codes_since(tx, NOW + timedelta(minutes=14)) == [CASEY]
        assert await codes_since(tx, NOW + timedelta(minutes=15)) == []
        assert await codes_since(tx, NOW) == []


@pytest.mark.parametrize("who", ["U0CASEY", "casey.n", "CASEY.N"])
async def test_a_link_is_removed_by_either_name_with_the_open_code(
    database: Database, who: str
) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        await save_code(tx, replace(BLAKE, gitlab="blake"))
        await redeem(tx, CASEY, NOW)
        assert await remove_link(tx, who) == [LINK]
        assert await remove_link(tx, who) == []
        assert await all_links(tx) == []
        assert [code.slack_user for code in await codes_since(tx, NOW)] == ["U0BLAKE"]
