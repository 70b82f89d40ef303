"""What people authorize in GitLab: codes on their way, and grants whose tokens change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Text, func, literal, select, update

from slackbot.store.database import Database
from slackbot.store.grants import (
    RENEWAL,
    SealedCode,
    SealedGrant,
    begin_renewal,
    change_grant,
    end_grants,
    forget_device_code,
    forget_grant,
    forget_unreadable_codes,
    give_up_renewal,
    is_current,
    list_device_codes,
    list_grants,
    load_grant,
    save_device_code,
    save_grant,
)
from slackbot.store.schema import DeviceCode, Grant, GrantScope, GrantState, device_codes
from tests.elapse import age

NOW = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
CODE = DeviceCode(
    slack_user="U0CASEY",
    name="Casey Nolink",
    scope=GrantScope.LINK,
    digest="of the first",
    interval=5,
    ask_at=NOW,
    expires_at=NOW + timedelta(minutes=5),
)
GRANT = Grant(
    id=UUID(int=1),
    slack_user="U0AVERY",
    name="Avery Example",
    gitlab="avery",
    account=7,
    at=NOW,
    expires_at=NOW + timedelta(hours=2),
)
HELD = SealedGrant(grant=GRANT, sealed="the first tokens")


async def test_a_person_has_one_code_of_a_kind(database: Database) -> None:
    later = replace(CODE, digest="of the second")
    acting = replace(CODE, scope=GrantScope.ACT)
    async with database.transaction() as tx:
        await save_device_code(tx, CODE, "one")
        await save_device_code(tx, acting, "two")
        await save_device_code(tx, later, "three")
        found = await list_device_codes(tx)
        assert sorted(each.sealed for each in found) == ["three", "two"]
        assert not await is_current(tx, CODE)
        await forget_device_code(tx, CODE)
        assert await is_current(tx, later), "a later one stays"
        await forget_device_code(tx, later)
        assert await list_device_codes(tx) == [SealedCode(code=acting, sealed="two")]


async def test_a_code_that_cannot_be_read_is_forgotten_once_it_is_void(database: Database) -> None:
    other = replace(CODE, slack_user="U0BLAKE")
    of_a_later_release = literal('{"scope": "another"}', Text)
    async with database.transaction() as tx:
        for each in (CODE, other):
            await save_device_code(tx, each, "one")
        is_it = device_codes.c.slack_user == other.slack_user
        await tx.execute(update(device_codes).where(is_it).values(document=of_a_later_release))
        await forget_unreadable_codes(tx, NOW)
        assert await tx.scalar(select(func.count()).select_from(device_codes)) == 2
        await forget_unreadable_codes(tx, CODE.expires_at)
        assert await tx.scalar(select(func.count()).select_from(device_codes)) == 1
        assert [each.code for each in await list_device_codes(tx)] == [CODE]


async def test_tokens_are_renewed_by_one_at_a_time(database: Database) -> None:
    async with database.transaction() as tx:
        await save_grant(tx, GRANT, HELD.sealed)
        assert await begin_renewal(tx, HELD)
        assert not await begin_renewal(tx, HELD)
        await give_up_renewal(tx, HELD)
        assert await begin_renewal(tx, HELD), "GitLab has not acted, so the next may try"


async def test_who_dies_while_renewing_is_not_waited_for_for_ever(database: Database) -> None:
    async with database.transaction() as tx:
        await save_grant(tx, GRANT, HELD.sealed)
        assert await begin_renewal(tx, HELD)
    async with database.transaction() as tx:
        await tx.run_sync(lambda connection: age(connection, RENEWAL + timedelta(seconds=1)))
        assert await begin_renewal(tx, HELD)


async def test_who_has_former_tokens_renews_and_changes_nothing(database: Database) -> None:
    renewed = replace(GRANT, expires_at=NOW + timedelta(hours=4))
    async with database.transaction() as tx:
        await save_grant(tx, GRANT, HELD.sealed)
        assert await begin_renewal(tx, HELD)
        assert await change_grant(tx, HELD, renewed, "the second tokens")
        assert not await begin_renewal(tx, HELD)
        assert not await change_grant(tx, HELD, replace(GRANT, state=GrantState.ENDED))
        await forget_grant(tx, HELD)
        current = SealedGrant(grant=renewed, sealed="the second tokens")
        assert await load_grant(tx, "U0AVERY") == current
        assert await begin_renewal(tx, current), "what was renewed is free again"


async def test_a_grant_is_ended_by_its_person_or_by_a_username(database: Database) -> None:
    blakes = replace(GRANT, id=UUID(int=2), slack_user="U0BLAKE", gitlab="Blake.Sample", account=8)
    async with database.transaction() as tx:
        await save_grant(tx, GRANT, "one")
        await save_grant(tx, blakes, "two")
        await save_device_code(tx, replace(CODE, slack_user="U0AVERY"), "three")
        assert await end_grants(tx, "blake.sample", ()) == [blakes]
        assert len(await list_device_codes(tx)) == 1
        assert await end_grants(tx, "U0AVERY", ()) == [GRANT]
        assert await list_device_codes(tx) == []
        assert await end_grants(tx, "nobody", ()) == []
        states = [each.grant.state for each in await list_grants(tx)]
    assert states == [GrantState.LEAVING, GrantState.LEAVING], "GitLab does not know yet"
