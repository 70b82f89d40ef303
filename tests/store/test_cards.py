"""What stands in Slack, as far as is known."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import Text, literal, update

from slackbot.rules.decision import Step, StepKind
from slackbot.rules.request import IssueKey, Person
from slackbot.store.engine.database import Database, Transaction
from slackbot.store.messages import cards
from slackbot.store.messages.cards import Card
from slackbot.store.schema import messages

KEY, OTHER = IssueKey(7, 12), IssueKey(7, 13)
NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")


def a_step(kind: StepKind = StepKind.CLAIMED) -> Step:
    return Step(kind=kind, at=NOW, who=AVERY)


async def the_card(tx: Transaction, key: IssueKey = KEY) -> Card:
    card = await cards.load_card(tx, key)
    assert card is not None
    return card


# --- Cards -------------------------------------------------------------------------------------


async def test_what_was_never_to_have_a_card_has_none(database: Database) -> None:
    async with database.transaction() as tx:
        assert await cards.load_card(tx, KEY) is None


async def test_a_card_is_stale_until_it_is_posted(database: Database) -> None:
    async with database.transaction() as tx:
        await cards.make_stale(tx, KEY)
        card = await the_card(tx)
        assert card.is_stale(NOW)
        assert (card.channel, card.ts, card.posting_since) == (None, None, None)
        await cards.adopt(tx, KEY, "C1", "1.000001", card.version)
        card = await the_card(tx)
        assert not card.is_stale(NOW)
        assert (card.channel, card.ts) == ("C1", "1.000001")


async def test_a_card_is_stale_again_when_the_record_has_changed(database: Database) -> None:
    async with database.transaction() as tx:
        await cards.make_stale(tx, KEY)
        await cards.adopt(tx, KEY, "C1", "1.000001", 1)
        await cards.make_stale(tx, KEY)
        assert (await the_card(tx)).is_stale(NOW)


async def test_a_change_during_the_painting_is_not_lost(database: Database) -> None:
    async with database.transaction() as tx:
        await cards.make_stale(tx, KEY)
        seen = await the_card(tx)
        await cards.make_stale(tx, KEY)  # while the card of `seen` is on its way to Slack
        await cards.adopt(tx, KEY, "C1", "1.000001", seen.version)
        assert (await the_card(tx)).is_stale(NOW)


async def test_a_card_is_stale_when_the_time_left_on_it_reads_differently(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await cards.make_stale(tx, KEY)
        await cards.adopt(tx, KEY, "C1", "1.000001", 1, repaint_at=LATER)
        card = await the_card(tx)
        assert card.repaint_at == LATER
        assert not card.is_stale(LATER - timedelta(microseconds=1))
        assert card.is_stale(LATER)
        await cards.adopt(tx, KEY, "C1", "1.000001", 1)  # nobody waits any more
        assert not (await the_card(tx)).is_stale(LATER)


async def test_cards_of_other_requests_are_left_alone(database: Database) -> None:
    async with database.transaction() as tx:
        await cards.make_stale(tx, KEY)
        await cards.make_stale(tx, OTHER)
        before = await the_card(tx, OTHER)
        await cards.make_stale(tx, KEY)
        await cards.begin_posting(tx, KEY, "C1", NOW)
        await cards.adopt(tx, KEY, "C1", "1.000001", 2)
        await cards.forget_post(tx, KEY)
        assert await the_card(tx, OTHER) == before


async def test_the_first_moment_at_which_a_post_may_have_left_is_kept(database: Database) -> None:
    async with database.transaction() as tx:
        await cards.make_stale(tx, KEY)
        await cards.begin_posting(tx, KEY, "C1", NOW)
        await cards.begin_posting(tx, KEY, "C1", LATER)
        assert (await the_card(tx)).posting_since == NOW


async def test_a_card_that_was_found_is_no_longer_in_doubt(database: Database) -> None:
    async with database.transaction() as tx:
        await cards.make_stale(tx, KEY)
        await cards.begin_posting(tx, KEY, "C1", NOW)
        await cards.adopt(tx, KEY, "C1", "1.000001", 0)
        card = await the_card(tx)
        assert card.posting_since is None
        assert card.is_stale(NOW)  # it shows nobody knows what


async def test_a_card_that_is_gone_from_slack_is_to_be_posted_anew(database: Database) -> None:
    async with database.transaction() as tx:
        await cards.make_stale(tx, KEY)
        await cards.begin_posting(tx, KEY, "C1", NOW)
        await cards.adopt(tx, KEY, "C1", "1.000001", 1)
        await cards.begin_posting(tx, KEY, "C1", NOW)
        await cards.forget_post(tx, KEY)
        card = await the_card(tx)
        assert (card.channel, card.ts, card.posting_since) == (None, None, None)
        assert card.is_stale(NOW)


async def test_a_card_found_in_slack_is_news_once_and_shows_nobody_knows_what(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        assert await cards.save_found(tx, KEY, "C1", "1.000001")
        assert await cards.has_card(tx, KEY)
        assert await cards.list_standing(tx) == [KEY]
        assert (await the_card(tx)).is_stale(NOW)
        await cards.adopt(tx, KEY, "C1", "1.000001", 1)
        assert not await cards.save_found(tx, KEY, "C1", "1.000001")
        assert not (await the_card(tx)).is_stale(NOW)


async def test_a_card_found_elsewhere_is_the_one_from_now_on(database: Database) -> None:
    async with database.transaction() as tx:
        await cards.make_stale(tx, KEY)
        await cards.begin_posting(tx, KEY, "C1", NOW)
        assert not await cards.has_card(tx, KEY)
        assert await cards.save_found(tx, KEY, "C1", "1.000001")
        assert (await the_card(tx)).posting_since is None
        await cards.adopt(tx, KEY, "C1", "1.000001", 1)
        assert await cards.save_found(tx, KEY, "C2", "1.000001")
        assert await cards.save_found(tx, KEY, "C2", "2.000001")
        card = await the_card(tx)
        assert (card.channel, card.ts, card.is_stale(NOW)) == ("C2", "2.000001", True)


# --- Messages in the thread --------------------------------------------------------------------


async def test_steps_are_told_in_their_order_and_each_request_its_own(database: Database) -> None:
    kinds = [StepKind.CLAIMED, StepKind.RELEASED, StepKind.CLAIMED, StepKind.CONTACTED]
    async with database.transaction() as tx:
        for kind in kinds:
            await cards.add_message(tx, KEY, a_step(kind))
        await cards.add_message(tx, OTHER, a_step(StepKind.GONE))
        told = await cards.list_queued_steps(tx, KEY)
        assert [message.step.kind for message in told] == kinds
        assert len({message.id for message in told}) == len(kinds)


async def test_a_step_is_told_once(database: Database) -> None:
    async with database.transaction() as tx:
        await cards.add_message(tx, KEY, a_step())
        await cards.add_message(tx, KEY, a_step(StepKind.RELEASED))
        first, second = await cards.list_queued_steps(tx, KEY)
        await cards.end_message(tx, first.id, NOW)
        assert await cards.list_queued_steps(tx, KEY) == [second]


async def test_the_first_moment_at_which_a_message_may_have_left_is_kept(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await cards.add_message(tx, KEY, a_step())
        [message] = await cards.list_queued_steps(tx, KEY)
        assert message.begun_at is None
        await cards.begin_message(tx, message.id, NOW)
        await cards.begin_message(tx, message.id, LATER)
        assert [each.begun_at for each in await cards.list_queued_steps(tx, KEY)] == [NOW]


async def test_a_message_that_certainly_did_not_leave_is_not_looked_for(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await cards.add_message(tx, KEY, a_step())
        [message] = await cards.list_queued_steps(tx, KEY)
        await cards.begin_message(tx, message.id, NOW)
        await cards.abandon_message(tx, message.id, NOW)
        assert await cards.list_queued_steps(tx, KEY) == [message]


async def test_a_step_of_a_decision_is_the_same_whenever_it_is_queued(database: Database) -> None:
    decision = uuid4()
    async with database.transaction() as tx:
        for begun_at in (None, NOW):
            await cards.add_message(tx, KEY, a_step(), of=decision, begun_at=begun_at)
        await cards.add_message(tx, KEY, a_step(StepKind.UNLINKED), of=decision, begun_at=NOW)
        told = await cards.list_queued_steps(tx, KEY)
    assert [message.step.kind for message in told] == [StepKind.CLAIMED, StepKind.UNLINKED]
    assert [message.begun_at for message in told] == [None, NOW]


async def test_steps_not_told_are_looked_for_since_they_happened_when_the_record_is_in_doubt(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await cards.add_message(tx, KEY, a_step())
        await cards.add_message(tx, KEY, a_step(StepKind.RELEASED))
        await cards.add_message(tx, KEY, a_step(StepKind.CONTACTED))
        first, _, third = await cards.list_queued_steps(tx, KEY)
        await cards.begin_message(tx, first.id, LATER)
        await cards.end_message(tx, third.id, NOW)
        await cards.doubt_unsent(tx)
        assert [each.begun_at for each in await cards.list_queued_steps(tx, KEY)] == [LATER, NOW]


async def test_a_step_that_cannot_be_read_is_given_up_alone(database: Database) -> None:
    async with database.transaction() as tx:
        await cards.add_message(tx, KEY, a_step())
        await cards.add_message(tx, KEY, a_step(StepKind.RELEASED))
        first, second = await cards.list_queued_steps(tx, KEY)
        spoiled = (
            update(messages)
            .where(messages.c.id == str(first.id))
            .values(document=literal("{}", Text))
        )
        await tx.execute(spoiled)
        await cards.drop_unreadable(tx, NOW)
        assert await cards.list_queued_steps(tx, KEY) == [second]
