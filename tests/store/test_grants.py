"""What people authorize in GitLab: codes on their way, and grants whose tokens change."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Text, func, literal, select, update

from slackbot.store.engine.database import Database
from slackbot.store.grants import (
    RENEWAL,
    SealedCode,
    SealedGrant,
    begin_renewal,
    change_grant,
    end_renewal,
    forget_device_code,
    forget_device_codes,
    forget_grant,
    forget_unreadable_codes,
    give_up_renewal,
    is_current,
    list_device_codes,
    list_grants,
    load_grant,
    save_device_code,
    save_grant,
    set_aside,
    take_back,
)
from slackbot.store.people import Redeemed, make_link, redeem_code, save_code
from slackbot.store.schema import (
    Code,
    DeviceCode,
    Grant,
    GrantScope,
    GrantState,
    Link,
    device_codes,
)
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


def ended(grant: Grant) -> Grant:
    return replace(grant, state=GrantState.ENDED)


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
        current = SealedGrant(grant=renewed, sealed="the second tokens")
        assert await end_renewal(tx, HELD, current.sealed, renewed.expires_at) == current
        assert not await begin_renewal(tx, HELD)
        assert not await change_grant(tx, HELD, ended)
        await forget_grant(tx, HELD)
        assert await load_grant(tx, "U0AVERY") == current
        assert await begin_renewal(tx, current), "what was renewed is free again"


async def test_a_grant_is_ended_by_its_person_or_by_a_username(database: Database) -> None:
    blakes = replace(GRANT, id=UUID(int=2), slack_user="U0BLAKE", gitlab="Blake.Sample", account=8)
    async with database.transaction() as tx:
        await save_grant(tx, GRANT, "one")
        await save_grant(tx, blakes, "two")
        await save_device_code(tx, replace(CODE, slack_user="U0AVERY"), "three")
        assert await take_back(tx, "blake.sample", NOW) == ([], [blakes])
        assert len(await list_device_codes(tx)) == 1
        assert await take_back(tx, "U0AVERY", NOW) == ([], [GRANT])
        assert await list_device_codes(tx) == []
        assert await take_back(tx, "nobody", NOW) == ([], [])
        states = [each.grant.state for each in await list_grants(tx)]
    assert states == [GrantState.LEAVING, GrantState.LEAVING], "GitLab does not know yet"


async def test_what_its_person_has_taken_back_stays_taken_back(database: Database) -> None:
    async with database.transaction() as tx:
        await save_grant(tx, GRANT, HELD.sealed)
        await take_back(tx, "U0AVERY", NOW)
        left = replace(GRANT, state=GrantState.LEAVING, left_at=NOW)
        # By whoever has read it before.
        assert not await change_grant(tx, HELD, ended)
        assert not await begin_renewal(tx, HELD)
        await forget_grant(tx, HELD)
        assert await load_grant(tx, "U0AVERY") == SealedGrant(grant=left, sealed=HELD.sealed)
        renewed = await end_renewal(tx, HELD, "the second tokens", GRANT.expires_at)
        assert renewed == SealedGrant(grant=left, sealed="the second tokens"), "revoked as well"


async def test_a_change_leaves_all_else_as_it_is_by_now(database: Database) -> None:
    async with database.transaction() as tx:
        await save_grant(tx, GRANT, HELD.sealed)
        assert await begin_renewal(tx, HELD)
        assert await change_grant(tx, HELD, lambda grant: replace(grant, trouble="404"))
        assert await change_grant(tx, HELD, lambda grant: replace(grant, is_told=True))
        found = await load_grant(tx, "U0AVERY")
        assert found
        assert (found.grant.trouble, found.grant.is_told) == ("404", True)
        assert not await begin_renewal(tx, HELD), "it is still under way"


async def test_tokens_that_nobody_uses_stay_until_they_are_revoked(database: Database) -> None:
    spent = replace(CODE, is_spent=True, digest="ab" * 32)
    granted = replace(spent, slack_user="U0BLAKE", scope=GrantScope.ACT, gitlab="blake.sample")
    async with database.transaction() as tx:
        await save_grant(tx, GRANT, HELD.sealed)
        await set_aside(tx, HELD, NOW)
        await save_grant(tx, replace(GRANT, id=UUID(int=2)), "the second tokens")
        for code in (spent, replace(CODE, slack_user="U0DANA"), granted):
            await save_device_code(tx, code, f"of {code.slack_user}")
        await forget_device_codes(tx, ["U0CASEY", "U0DANA", "U0BLAKE"], NOW)
        grants = await list_grants(tx)
        aside = {each.sealed for each in grants if each.is_aside}
        assert aside == {HELD.sealed, "of U0CASEY"}
        assert all(each.grant.state is GrantState.LEAVING for each in grants if each.is_aside)
        found = await load_grant(tx, "U0AVERY")
        assert found
        assert found.grant.state is GrantState.VALID
        assert await take_back(tx, "casey.n", NOW) == ([], []), "it is nobody's"


async def test_what_is_being_made_of_a_code_is_ended_by_who_unlinks_meanwhile(
    database: Database,
) -> None:
    code = replace(CODE, slack_user="U0AVERY", scope=GrantScope.ACT, is_spent=True)
    link = Link(slack_user="U0AVERY", name="Avery Example", gitlab="avery", at=NOW)
    async with database.transaction() as tx:
        await save_device_code(tx, code, HELD.sealed)

    async def unlink() -> tuple[list[Link], list[Grant]]:
        async with database.transaction() as tx:
            return await take_back(tx, "U0AVERY", NOW)

    async with database.transaction() as tx:
        assert await is_current(tx, code)
        unlinking = asyncio.create_task(unlink())
        await asyncio.wait([unlinking], timeout=0.2)
        assert not unlinking.done(), "it waits"
        await make_link(tx, link)
        await save_grant(tx, GRANT, HELD.sealed)
        await save_device_code(tx, replace(code, gitlab="avery"), HELD.sealed)
    assert await unlinking == ([link], [GRANT])


async def test_a_link_that_a_comment_is_making_is_ended_by_who_unlinks_meanwhile(
    database: Database,
) -> None:
    code = Code(
        slack_user="U0AVERY",
        name="Avery Example",
        gitlab="avery",
        digest="of a comment",
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
    )
    async with database.transaction() as tx:
        await save_code(tx, code)

    async def unlink() -> list[Link]:
        async with database.transaction() as tx:
            links, _ = await take_back(tx, "U0AVERY", NOW)
            return links

    async with database.transaction() as tx:
        assert await redeem_code(tx, code, NOW) is Redeemed.LINKED
        unlinking = asyncio.create_task(unlink())
        await asyncio.wait([unlinking], timeout=0.2)
        assert not unlinking.done(), "it waits"
    assert [link.gitlab for link in await unlinking] == ["avery"]
