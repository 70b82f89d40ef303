"""People: links and the codes that make them, email matches, and who was on duty."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from slackbot.rules.request import IssueKey, Person, Request
from slackbot.store.engine.database import Database
from slackbot.store.people import (
    TROUBLE,
    Account,
    Redeemed,
    Trouble,
    digest_of,
    end_turns_of_others,
    forget_code,
    forget_links,
    list_accounts,
    list_codes,
    list_file_lines,
    list_latest_turns,
    list_links,
    list_on_duty_at,
    list_turns_since,
    load_current_turn,
    redeem_code,
    save_account,
    save_code,
    save_trouble,
    save_turn,
)
from slackbot.store.schema import Code, Link, OnDuty, duty_turns

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
LATER = NOW + timedelta(hours=1)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
STRANGER = Person(name="Dana Duty")
TURN = OnDuty(people=(AVERY,), source="PagerDuty", until=LATER)
REQUEST = Request(
    key=IssueKey(7, 12),
    url="https://gitlab.example/-/issues/12",
    title="Negative feedback for ticket 412345",
    asked_at=NOW,
    due_at=LATER,
)
LINK = Link(slack_user="U0CASEY", name="Casey Nolink", gitlab="Casey.N", at=NOW)


# --- Links -------------------------------------------------------------------------------------


async def test_a_code_that_arrives_makes_a_link_and_is_spent(database: Database) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        assert await redeem_code(tx, CASEY, NOW) is Redeemed.LINKED
        assert await list_links(tx) == [LINK]
        assert await list_codes(tx, NOW) == [replace(CASEY, is_spent=True)]
        assert await redeem_code(tx, CASEY, NOW) is Redeemed.REPLACED, "it counts once"
        await forget_code(tx, CASEY)
        assert await list_codes(tx, NOW) == []


async def test_one_account_is_never_two_peoples(database: Database) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        await save_code(tx, replace(BLAKE, gitlab="CASEY.n"))
        await redeem_code(tx, CASEY, NOW)
        assert await redeem_code(tx, replace(BLAKE, gitlab="CASEY.n"), NOW) is Redeemed.TAKEN
        assert await list_links(tx) == [LINK]


# --- Accounts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [5, None], ids=["known by number", "of an earlier release"])
async def test_a_link_follows_the_account_when_it_changes_its_name(
    database: Database, account: int | None
) -> None:
    async with database.transaction() as tx:
        await save_code(tx, replace(CASEY, account=account))
        await redeem_code(tx, replace(CASEY, account=account), NOW)
        assert not await save_account(tx, 5, "casey.n")
        assert await save_account(tx, 5, "Casey.Renamed")
        assert not await save_account(tx, 5, "Casey.Renamed")  # no news
        assert await list_links(tx) == [replace(LINK, gitlab="Casey.Renamed", account=5)]
        [known] = await list_accounts(tx)
        assert known == Account(id=5, username="Casey.Renamed", earlier=frozenset({"casey.n"}))


async def test_who_takes_a_name_that_is_free_again_takes_no_link_with_it(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await save_account(tx, 5, "casey.n")
        await save_code(tx, replace(CASEY, account=5))
        await redeem_code(tx, replace(CASEY, account=5), NOW)
        await save_account(tx, 9, "CASEY.n")  # the first must have another name by now
        assert [each.username for each in await list_accounts(tx)] == [None, "CASEY.n"]
        assert [link.account for link in await list_links(tx)] == [5]
        assert await save_account(tx, 5, "casey.renamed")
        assert [link.gitlab for link in await list_links(tx)] == ["casey.renamed"]


async def test_a_link_of_an_earlier_release_stays_with_the_account_that_had_its_name(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        await redeem_code(tx, CASEY, NOW)
        for number, name in ((5, "casey.n"), (9, "CASEY.n"), (9, "casey.another")):
            await save_account(tx, number, name)
            assert await list_links(tx) == [replace(LINK, account=5)]
        await save_account(tx, 11, "casey.n")
        assert await list_links(tx) == [replace(LINK, account=5)]
        assert await save_account(tx, 5, "casey.renamed")
        assert await list_links(tx) == [replace(LINK, gitlab="casey.renamed", account=5)]


async def test_a_line_of_the_people_file_means_once_and_for_all_who_had_the_name_first(
    database: Database,
) -> None:
    lines = {"U0CASEY": "Casey.N"}
    async with database.transaction() as tx:
        await save_account(tx, 5, "casey.n", lines)
        await save_account(tx, 9, "CASEY.n", lines)
        await save_account(tx, 5, "casey.renamed", lines)
        lines = {"U0CASEY": "casey.renamed", "U0NEW": "casey.n"}
        await save_account(tx, 10, "casey.renamed", lines)
        await save_account(tx, 11, "casey.n", lines)
        casey, new = await list_file_lines(tx)
        assert casey.accounts == {"casey.n": 5, "casey.renamed": 5}
        assert new.accounts == {"casey.n": 9}, "who writes the name now means who has it now"


async def test_an_account_that_is_taken_for_another_reason_is_not_linked(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        assert await redeem_code(tx, CASEY, NOW, {"casey.n"}) is Redeemed.TAKEN
        assert await list_links(tx) == []


async def test_a_person_has_one_code_and_one_link(database: Database) -> None:
    other = replace(CASEY, gitlab="casey2", digest=digest_of("three"))
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        await redeem_code(tx, CASEY, NOW)
        await save_code(tx, other)
        await forget_code(tx, CASEY)
        assert await list_codes(tx, NOW) == [other], "the newer one stays"
        assert await redeem_code(tx, other, NOW) is Redeemed.LINKED
        assert [link.gitlab for link in await list_links(tx)] == ["casey2"]


async def test_a_code_that_was_replaced_makes_no_link(database: Database) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        await save_code(tx, replace(CASEY, digest=digest_of("newer")))
        assert await redeem_code(tx, CASEY, NOW) is Redeemed.REPLACED
        assert await list_links(tx) == []


async def test_codes_are_forgotten_in_time(database: Database) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        assert await list_codes(tx, NOW + timedelta(minutes=14)) == [CASEY]
        assert await list_codes(tx, NOW + timedelta(minutes=15)) == []
        assert await list_codes(tx, NOW) == []


@pytest.mark.parametrize("who", ["U0CASEY", "casey.n", "CASEY.N"])
async def test_a_link_is_removed_by_either_name_with_the_open_code(
    database: Database, who: str
) -> None:
    async with database.transaction() as tx:
        await save_code(tx, CASEY)
        await save_code(tx, replace(BLAKE, gitlab="blake"))
        await redeem_code(tx, CASEY, NOW)
        assert await forget_links(tx, who) == [LINK]
        assert await forget_links(tx, who) == []
        assert await list_links(tx) == []
        assert [code.slack_user for code in await list_codes(tx, NOW)] == ["U0BLAKE"]


# --- Turns on duty -----------------------------------------------------------------------------


async def test_the_same_people_have_the_same_turn_with_what_is_newly_known(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        assert await save_turn(tx, "", TURN, NOW)
        known_less = replace(TURN, people=(replace(AVERY, gitlab=None),), until=None)
        assert not await save_turn(tx, "", known_less, LATER)
        turn = await load_current_turn(tx, "")
        assert turn is not None
        assert (turn.began_at, turn.on_duty) == (NOW, known_less)


async def test_who_has_no_account_anywhere_keeps_their_turn_by_name(database: Database) -> None:
    async with database.transaction() as tx:
        turn = replace(TURN, people=(STRANGER,))
        assert await save_turn(tx, "", turn, NOW)
        assert not await save_turn(tx, "", turn, LATER)
        assert await save_turn(tx, "", replace(TURN, people=(Person(name="Drew"),)), LATER)
        assert len(await list_latest_turns(tx, "", 5)) == 2


async def test_each_team_has_turns_of_its_own(database: Database) -> None:
    async with database.transaction() as tx:
        await save_turn(tx, "", TURN, NOW)
        await save_turn(tx, "emea", replace(TURN, people=(STRANGER,)), NOW)
        assert await save_turn(tx, "emea", replace(TURN, people=(AVERY,)), LATER)
        assert not await save_turn(tx, "apac", None, LATER)
        [turn] = await list_latest_turns(tx, "", 5)
        assert (turn.on_duty.people, turn.ended_at) == ((AVERY,), None)
        now, before = await list_turns_since(tx, "emea", NOW)
        assert (now.on_duty.people, before.on_duty.people) == ((AVERY,), (STRANGER,))
        assert (now.began_at, before.ended_at) == (LATER, LATER)
        assert await load_current_turn(tx, "apac") is None


async def test_who_was_on_duty_when_a_feedback_was_created_is_asked_of_its_team(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await save_turn(tx, "emea", TURN, NOW)
        await save_turn(tx, "apac", replace(TURN, people=(STRANGER,)), NOW)
        for route, people in (("emea", (AVERY,)), ("apac", (STRANGER,)), ("", ())):
            request = replace(REQUEST, route=route, created_at=LATER)
            assert await list_on_duty_at(tx, request) == people


async def test_a_team_that_is_gone_has_nobody_on_duty(database: Database) -> None:
    async with database.transaction() as tx:
        await save_turn(tx, "", TURN, NOW)
        await save_turn(tx, "emea", TURN, NOW)
        await end_turns_of_others(tx, ["emea"], LATER)
        assert await load_current_turn(tx, "") is None
        assert await load_current_turn(tx, "emea") is not None
        [ended] = await list_latest_turns(tx, "")
        assert ended.ended_at == LATER


async def test_a_turn_that_the_release_before_writes_is_of_the_team_without_a_name(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        columns = {"began_at": NOW, "document": TURN}
        await tx.execute(duty_turns.insert().values(columns))
        turn = await load_current_turn(tx, "")
        assert turn is not None
        assert turn.on_duty == TURN


async def test_each_team_has_trouble_of_its_own(database: Database) -> None:
    async with database.transaction() as tx:
        await save_trouble(tx, "emea", "PagerDuty is failing (503)", NOW)
        assert await TROUBLE.load(tx) is None
        assert not await save_trouble(tx, "apac", None, LATER)
        assert await save_trouble(tx, "emea", None, LATER)


async def test_trouble_is_kept_since_it_began_until_it_is_over(database: Database) -> None:
    async with database.transaction() as tx:
        assert await TROUBLE.load(tx) is None
        await save_trouble(tx, "", "PagerDuty cannot be reached", NOW)
        await save_trouble(tx, "", "PagerDuty is failing (503)", LATER)
        trouble = await TROUBLE.load(tx)
        assert trouble == Trouble(problem="PagerDuty is failing (503)", since=NOW)
        await save_trouble(tx, "", None, LATER)
        assert await TROUBLE.load(tx) is None
