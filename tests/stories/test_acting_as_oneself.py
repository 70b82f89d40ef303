"""A person lets the bot write under their name: GitLab then shows what they chose as theirs.

Where the grant has ended, or GitLab does not let them, the bot writes for them and says so.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from slackbot.app import connect
from slackbot.blocks.answers.linking import LINK_EVENT
from slackbot.local.gitlab import Issue
from slackbot.people.roster import list_people, unlink
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.schema import device_codes, errands
from slackbot.sync.response import has_response
from tests.conftest import MovableClock
from tests.grants import KEY, OTHER_KEY, Grantors, note_by
from tests.stories.test_rebuild import rebuilt
from tests.town import CONTACTED, FAST, PATIENCE, Town, as_seen, text_of
from tests.town import town as build_town

SOFT_SKILLS = "feedback::soft-skills"
OUTSIDE = "feedback::outside-support"
A_LONG_TIME = timedelta(minutes=2)
ENDED, NOT_ALLOWED = (
    "Your permission in GitLab has ended",
    "GitLab doesn't let you do this yourself",
)


@pytest.fixture
def people_before(quiet_town: Town) -> Grantors:
    return Grantors(quiet_town)


@pytest.fixture
async def people(people_before: Grantors) -> AsyncIterator[Grantors]:
    """Avery acts as herself; of the others nobody does."""
    async with people_before.town.bot_running(**people_before.acts):
        await people_before.acts_as(people_before.town.avery, people_before.town.avery_gitlab)
        yield people_before


def did(issue: Issue, name: str) -> list[str]:
    """What GitLab says that somebody did to an issue."""
    notes = [each.body.partition("\n")[0] for each in issue.notes if each.author.username == name]
    labels = [each for each in issue.label_events if each.user.username == name]
    states = [each.state for each in issue.state_events if each.user.username == name]
    return [*notes, *(f"{e.action} {e.label.name if e.label else ''}" for e in labels), *states]


async def all_is_done(town: Town, issue: Issue) -> None:
    """Let Avery claim, label and mark contacted what waits."""
    card = await town.card(issue, "🟠 Unclaimed")
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    card = await town.claimed(issue, "Avery Example")
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    card = await town.card(issue, "soft-skills", delivered=True)
    assert (await town.mark_contacted(town.avery, card, channel="Call")).ok
    await town.card(issue, "Contacted", delivered=True)
    await town.settled()


async def test_what_a_person_chooses_is_theirs_in_gitlab(people: Grantors) -> None:
    town = people.town
    issue = town.feedback()
    await all_is_done(town, issue)
    assert did(issue, "ssat-bot") == []
    done = did(issue, "avery")
    assert done[0] == "**Claimed** via ssat-bot."
    assert "assigned to @avery" in done
    assert f"**Feedback label** `{SOFT_SKILLS}` chosen via ssat-bot." in done
    assert {f"add {SOFT_SKILLS}", f"add {CONTACTED}", "closed"} <= {*done}
    assert issue.assigned_to == ["avery"]


async def test_the_channel_tells_the_same_whoever_writes_it(people_before: Grantors) -> None:
    people, town = people_before, people_before.town
    async with town.bot_running():
        by_bot = town.feedback()
        await all_is_done(town, by_bot)
    async with town.bot_running(**people.acts):
        await people.acts_as(town.avery, town.avery_gitlab)
        by_avery = town.feedback()
        await all_is_done(town, by_avery)
        # Each look finds nothing new: what Avery's account did is what she chose.
        await town.asks(town.avery, "refresh")
        await town.settled()
    assert did(by_avery, "ssat-bot") == []
    assert did(by_bot, "avery") == []
    assert town.steps(by_avery) == town.steps(by_bot)
    assert text_of(town.card_of(by_avery)) == text_of(town.card_of(by_bot))


async def test_the_offer_says_what_it_means_and_asks_for_what_it_needs(people: Grantors) -> None:
    town = people.town
    said = text_of(await town.asks(town.casey, "link"))
    assert "under your own name in GitLab" in said
    assert "until you type `/ssat unlink`" in said
    asked = people.oauth.asked(await people.code(town.casey, "Act as yourself"))
    assert asked
    assert asked.scopes == ("api",)
    assert "ssat-bot writes your choices under that name" in await people.asks(town.avery)


async def test_acting_as_oneself_links_as_well(people: Grantors) -> None:
    town = people.town
    await people.acts_as(town.casey, people.casey_gitlab)
    issue = town.feedback("Negative feedback for ticket 412399")
    card = await town.card(issue, "🟠 Unclaimed")
    await town.slack.click(town.casey, card, "Claim")
    await town.claimed(issue, "Casey Nolink")
    assert issue.assigned_to == ["casey.n"]
    assert did(issue, "casey.n")[0] == "**Claimed** via ssat-bot."


async def test_who_confirms_as_somebody_else_than_the_people_file_says_grants_nothing(
    people_before: Grantors,
) -> None:
    people, town = people_before, people_before.town
    async with town.bot_running(**people.acts):
        code = await people.code(town.avery, "Act as yourself")
        await people.confirmed(code, town.blake_gitlab)
        await people.told(town.avery, "You confirmed as blake.sample, but you are linked to avery")
    assert people.granted == 0
    assert people.oauth.tokens_of(town.blake_gitlab) == []


async def test_no_token_is_in_the_database_or_the_log(
    people: Grantors, capfd: pytest.CaptureFixture[str]
) -> None:
    town = people.town
    issue = town.feedback()
    await all_is_done(town, issue)
    people.expire()
    await claims(town, town.feedback("Negative feedback for ticket 412398"))
    stored, said = town.everything_stored(), "".join(capfd.readouterr())
    tokens = [each for each in town.gitlab.tokens if each.application is not None]
    assert len(tokens) == 2
    for token in tokens:
        for secret in (token.secret, token.refresh or ""):
            assert secret not in stored
            assert secret not in said


async def claims(town: Town, issue: Issue) -> None:
    card = await town.card(issue, "🟠 Unclaimed")
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    await town.claimed(issue, "Avery Example")


# A grant ends


async def test_a_grant_revoked_between_click_and_delivery_is_delivered_by_the_bot_and_told(
    people: Grantors,
) -> None:
    town = people.town
    issue, card = await town.request()
    town.gitlab.down()
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    await town.card(issue, "⏳ Saved")
    people.oauth.revoke_all(town.avery_gitlab)
    town.gitlab.up()
    town.clock.forward(minutes=6)
    await town.claimed(issue, "Avery Example")
    await people.told(town.avery, ENDED, "Nothing is lost", "`/ssat link`")
    assert did(issue, "avery") == []
    assert note_by(issue, town.bot, "**Claimed** by Avery Example")
    assert issue.assigned_to == ["avery"]

    # It is said once, and can be granted again.
    await claims(town, town.feedback("Negative feedback for ticket 412398"))
    await town.idle(PeriodicQueue.GRANTS)
    assert people.messages(town.avery, ENDED) == 1
    await people.acts_as(town.avery, town.avery_gitlab)
    again = town.feedback("Negative feedback for ticket 412399")
    await claims(town, again)
    assert note_by(again, town.avery_gitlab, "**Claimed** via ssat-bot")


async def test_an_outage_is_no_reason_to_change_hands(people: Grantors) -> None:
    town = people.town
    issue, card = await town.request()
    people.expire()
    town.gitlab.down()
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    await town.card(issue, "⏳ Saved")
    town.gitlab.up()
    town.clock.forward(minutes=6)
    await town.claimed(issue, "Avery Example")
    assert note_by(issue, town.avery_gitlab, "**Claimed** via ssat-bot")
    assert did(issue, "ssat-bot") == []


async def test_who_may_not_see_the_project_has_the_bot_write_and_is_told_once(
    people: Grantors,
) -> None:
    town = people.town
    town.gitlab.add_member(town.project, town.avery_gitlab, 0)
    for number in (1, 2):
        issue = town.feedback(f"Negative feedback for ticket 41239{number}")
        await claims(town, issue)
        assert note_by(issue, town.bot, "**Claimed** by Avery Example")
    await people.told(town.avery, NOT_ALLOWED, "error 404")
    assert people.messages(town.avery, NOT_ALLOWED) == 1
    assert people.granted == 1, "the grant is still good"


async def test_what_a_guest_may_not_do_the_bot_does(people: Grantors) -> None:
    town = people.town
    town.gitlab.add_member(town.project, town.avery_gitlab, 10)
    issue = town.feedback()
    await claims(town, issue)
    assert did(issue, "avery") == ["**Claimed** via ssat-bot."]
    assert did(issue, "ssat-bot") == ["assigned to @avery"]
    await people.told(town.avery, NOT_ALLOWED, "error 403")


async def test_unlink_revokes_what_was_granted(people: Grantors) -> None:
    town = people.town
    assert len(people.oauth.tokens_of(town.avery_gitlab)) == 1
    said = await people.asks(town.avery, "unlink")
    assert "no longer writes under your name" in said
    assert "The people file says that you are avery" in said
    await town.in_gitlab(lambda: people.oauth.tokens_of(town.avery_gitlab) == [])
    await town.idle(PeriodicQueue.GRANTS)
    assert people.granted == 0
    issue = town.feedback()
    await claims(town, issue)
    assert note_by(issue, town.bot, "**Claimed** by Avery Example")
    assert people.messages(town.avery, ENDED) == 0, "she knows"


async def test_unlink_during_an_outage_ends_at_once_and_revokes_later(people: Grantors) -> None:
    town = people.town
    issue, card = await town.request()
    town.gitlab.down()
    assert "no longer writes under your name" in await people.asks(town.avery, "unlink")
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    town.gitlab.up()
    town.clock.forward(minutes=6)
    await town.claimed(issue, "Avery Example")
    assert note_by(issue, town.bot, "**Claimed** by Avery Example")
    await town.in_gitlab(lambda: people.oauth.tokens_of(town.avery_gitlab) == [])


async def test_an_administrator_ends_a_grant(people_before: Grantors) -> None:
    people, town = people_before, people_before.town
    async with town.bot_running(**people.acts):
        await people.acts_as(town.casey, people.casey_gitlab)
    settings = town.set_up(**people.acts)
    [link, grant] = [each for each in await list_people(settings) if town.casey.id in each]
    assert "/ssat link of" in link
    assert "acts as themselves, granted" in grant
    has_removed, lines = await unlink(settings, "@Casey.N")
    assert has_removed
    assert any("no longer writes as casey.n" in line for line in lines)
    assert "about to be revoked" in "".join(await list_people(settings))
    async with town.bot_running(**people.acts):
        await town.in_gitlab(lambda: people.oauth.tokens_of(people.casey_gitlab) == [])
        await town.idle(PeriodicQueue.GRANTS)
    assert people.granted == people.linked == 0


async def test_where_acting_is_switched_off_again_the_bot_writes(people_before: Grantors) -> None:
    people, town = people_before, people_before.town
    async with town.bot_running(**people.acts):
        await people.acts_as(town.avery, town.avery_gitlab)
    off = people.acts | {"ssat_act_as_yourself": False}
    async with town.bot_running(**off):
        issue = town.feedback()
        await claims(town, issue)
        assert note_by(issue, town.bot, "**Claimed** by Avery Example")
        await people.asks(town.avery, "unlink")
        await town.in_gitlab(lambda: people.oauth.tokens_of(town.avery_gitlab) == [])


async def test_unlink_counts_also_while_the_person_is_told_of_a_refusal(people: Grantors) -> None:
    town = people.town
    town.gitlab.add_member(town.project, town.avery_gitlab, 0)
    slow = town.slack.faults.add("chat.postMessage", about=LINK_EVENT, hang=PATIENCE)
    await claims(town, town.feedback())
    await town.slack.wait_for(lambda: slow.hits, PATIENCE)
    await people.asks(town.avery, "unlink")
    town.slack.faults.release()
    await town.in_gitlab(lambda: people.oauth.tokens_of(town.avery_gitlab) == [])
    await town.idle(PeriodicQueue.GRANTS)
    assert people.granted == 0


async def test_who_unlinks_while_the_bot_learns_who_has_granted_it_grants_nothing(
    people: Grantors,
) -> None:
    town = people.town
    code = await people.code(town.casey, "Act as yourself")
    slow = town.gitlab.faults.add(path="/user$", hang=PATIENCE)
    people.oauth.authorize(code, people.casey_gitlab)
    town.clock.forward(seconds=6)
    await town.in_gitlab(lambda: slow.left == 0)
    await people.asks(town.casey, "unlink")
    town.gitlab.faults.release()
    await town.idle(PeriodicQueue.GRANTS)
    assert people.oauth.tokens_of(people.casey_gitlab) == []
    assert people.linked == 0
    assert people.granted == 1, "Avery's"


async def test_who_has_granted_it_is_told_also_if_slack_fails_at_first(people: Grantors) -> None:
    town = people.town
    failing = town.slack.faults.add("chat.postMessage", about=LINK_EVENT, status=503)
    await people.acts_as(town.casey, people.casey_gitlab)
    assert failing.hits
    assert people.count(device_codes) == 0
    assert len(people.oauth.tokens_of(people.casey_gitlab)) == 1


async def test_former_tokens_are_revoked_also_if_gitlab_fails_at_first(people: Grantors) -> None:
    town = people.town
    # The administrator says that Avery is another account.
    number = people.casey_gitlab.id
    town.people_file.write_text(f'[people.U0AVERY]\ngitlab = "casey.n"\ngitlab_id = {number}\n')
    failing = town.gitlab.faults.add(path="/oauth/revoke", status=502)
    await people.acts_as(town.avery, people.casey_gitlab)
    await town.in_gitlab(lambda: people.oauth.tokens_of(town.avery_gitlab) == [])
    await town.idle(PeriodicQueue.GRANTS)
    assert failing.left == 0
    assert people.granted == len(people.oauth.tokens_of(people.casey_gitlab)) == 1


# Tokens are renewed


def renewals(town: Town) -> int:
    asked = [each for each in town.gitlab.requests if each.path == "/oauth/token"]
    bodies = [each.body for each in asked if isinstance(each.body, dict)]
    return sum(body.get("grant_type") == "refresh_token" for body in bodies)


async def test_a_token_that_has_expired_is_renewed_once(people: Grantors) -> None:
    town = people.town
    issues = [town.feedback(f"Negative feedback for ticket 41239{each}") for each in range(4)]
    cards = [await town.card(issue, "🟠 Unclaimed") for issue in issues]
    people.expire()
    clicks = (town.slack.click(town.avery, card, "Claim") for card in cards)
    assert all(outcome.ok for outcome in await asyncio.gather(*clicks))
    for issue in issues:
        await _until_claimed(town, issue)
        assert note_by(issue, town.avery_gitlab, "**Claimed** via ssat-bot")
    assert renewals(town) == 1


async def _until_claimed(town: Town, issue: Issue) -> None:
    """Wait through the pauses in which another job renews the tokens."""

    def is_shown() -> bool:
        town.clock.forward(seconds=0.2)
        return "Claimed by Avery Example" in text_of(town.card_of(issue))

    await town.slack.wait_for(is_shown, PATIENCE)
    await town.claimed(issue, "Avery Example")


async def test_two_replicas_renew_a_token_once(
    clock: MovableClock, tmp_path: Path, postgresql: str
) -> None:
    async with build_town(clock, tmp_path, postgresql) as town:
        people = Grantors(town)
        async with town.bot_running(**people.acts), town.bot_running(**people.acts):
            await people.acts_as(town.avery, town.avery_gitlab)
            issues = [town.feedback(f"Negative feedback for ticket 41239{n}") for n in range(6)]
            cards = [await town.card(issue, "🟠 Unclaimed") for issue in issues]
            people.expire()
            slow = town.gitlab.faults.add(method="POST", path="/oauth/token", hang=PATIENCE)
            for card in cards:
                assert (await town.slack.click(town.avery, card, "Claim")).ok
            async with asyncio.timeout(PATIENCE):
                while slow.left or not postponed(town):
                    await town.slack.next_change(0.05)
            town.gitlab.faults.release()
            for issue in issues:
                await _until_claimed(town, issue)
                assert note_by(issue, town.avery_gitlab, "**Claimed** via ssat-bot")
        assert slow.left == 0
        assert renewals(town) == 1
        town.check()


def postponed(town: Town) -> int:
    """How many jobs about issues were tried, and wait."""
    is_waiting = (errands.c.attempts > 0, errands.c.leased_by.is_(None))
    query = select(func.count()).where(errands.c.lane == IssueQueue.SYNC, *is_waiting)
    with town.engine().connect() as connection:
        return connection.scalar(query) or 0


async def test_a_token_that_gitlab_calls_expired_before_our_clock_does_is_renewed(
    people: Grantors,
) -> None:
    town = people.town
    for token in people.oauth.tokens_of(town.avery_gitlab):
        token.ends_at = town.clock()
    issue = town.feedback()
    await claims(town, issue)
    assert note_by(issue, town.avery_gitlab, "**Claimed** via ssat-bot")
    assert renewals(town) == 1
    assert people.messages(town.avery, ENDED) == 0


async def test_a_renewal_whose_answer_is_lost_ends_the_grant_and_loses_no_choice(
    people: Grantors,
) -> None:
    town = people.town
    issue, card = await town.request()
    people.expire()
    town.gitlab.faults.add(method="POST", path="/oauth/token", when="after", drop=True)
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    await town.in_gitlab(lambda: renewals(town) == 2)
    await town.claimed(issue, "Avery Example")
    assert note_by(issue, town.bot, "**Claimed** by Avery Example")
    await people.told(town.avery, ENDED)


async def test_a_renewal_that_gitlab_did_not_see_is_repeated(people: Grantors) -> None:
    town = people.town
    issue, card = await town.request()
    people.expire()
    town.gitlab.faults.add(method="POST", path="/oauth/token", status=502)
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    await town.claimed(issue, "Avery Example")
    assert note_by(issue, town.avery_gitlab, "**Claimed** via ssat-bot")


async def test_what_is_renewed_while_its_person_unlinks_is_revoked_as_well(
    people: Grantors,
) -> None:
    town = people.town
    issue, card = await town.request()
    people.expire()
    slow = town.gitlab.faults.add(method="POST", path="/oauth/token", when="after", hang=PATIENCE)
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    await town.in_gitlab(lambda: slow.left == 0)
    await people.asks(town.avery, "unlink")
    await town.slack.wait_for(lambda: people.granted == 0, PATIENCE)
    town.gitlab.faults.release()
    await town.claimed(issue, "Avery Example")
    assert note_by(issue, town.bot, "**Claimed** by Avery Example")
    await town.in_gitlab(lambda: people.oauth.tokens_of(town.avery_gitlab) == [])


async def test_keys_are_rotated_and_without_its_key_the_bot_writes_and_no_grant_ends(
    people_before: Grantors,
) -> None:
    people, town = people_before, people_before.town
    async with town.bot_running(**people.acts):
        await people.acts_as(town.avery, town.avery_gitlab)
    rotated = people.acts | {"ssat_encryption_key": f"{OTHER_KEY},{KEY}"}
    async with town.bot_running(**rotated):
        issue = town.feedback()
        await claims(town, issue)
        assert note_by(issue, town.avery_gitlab, "**Claimed** via ssat-bot")
        people.expire()  # the new tokens are sealed with the new key
        await claims(town, town.feedback("Negative feedback for ticket 412397"))
    async with town.bot_running(**people.acts | {"ssat_encryption_key": OTHER_KEY}):
        issue = town.feedback("Negative feedback for ticket 412398")
        await claims(town, issue)
        assert note_by(issue, town.avery_gitlab, "**Claimed** via ssat-bot")
    async with town.bot_running(**people.acts):
        issue = town.feedback("Negative feedback for ticket 412399")
        await claims(town, issue)
        assert note_by(issue, town.bot, "**Claimed** by Avery Example")
    async with town.bot_running(**rotated):
        issue = town.feedback("Negative feedback for ticket 412400")
        await claims(town, issue)
        assert note_by(issue, town.avery_gitlab, "**Claimed** via ssat-bot")
    assert people.messages(town.avery, ENDED) == 0


async def test_whose_key_is_gone_grants_it_again_and_the_former_is_revoked_once_it_is_back(
    people_before: Grantors,
) -> None:
    people, town = people_before, people_before.town
    async with town.bot_running(**people.acts):
        await people.acts_as(town.avery, town.avery_gitlab)
    async with town.bot_running(**people.acts | {"ssat_encryption_key": OTHER_KEY}):
        await people.confirmed(await people.code(town.avery, "Act as yourself"), town.avery_gitlab)
        await town.slack.wait_for(lambda: people.messages(town.avery, "From now on") == 2, PATIENCE)
        issue = town.feedback()
        await claims(town, issue)
        assert note_by(issue, town.avery_gitlab, "**Claimed** via ssat-bot")
        assert len(people.oauth.tokens_of(town.avery_gitlab)) == 2
    both = people.acts | {"ssat_encryption_key": f"{OTHER_KEY},{KEY}"}
    async with town.bot_running(**both):
        await town.in_gitlab(lambda: len(people.oauth.tokens_of(town.avery_gitlab)) == 1)
        await town.idle(PeriodicQueue.GRANTS)
    assert people.granted == 1


# Each choice comes once


LOST = [
    pytest.param({"when": "after", "drop": True}, id="dropped after the effect"),
    pytest.param({"when": "before", "drop": True}, id="dropped before the effect"),
    pytest.param({"when": "after", "status": 502}, id="failed after the effect"),
]


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("is_revoked", [False, True], ids=["still granted", "revoked meanwhile"])
async def test_what_may_have_been_written_is_looked_for_under_either_name(
    people: Grantors, method: str, fault: dict[str, Any], is_revoked: bool
) -> None:
    town = people.town
    issue, card = await town.request()
    lost = town.gitlab.faults.add(method=method, path=f"/issues/{issue.iid}", **fault)
    town.clock.stop()
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    await town.in_gitlab(lambda: lost.left == 0)
    if is_revoked:
        people.oauth.revoke_all(town.avery_gitlab)
    for _ in range(3):
        await town.elapse(A_LONG_TIME)
        town.clock.forward(minutes=2)
        await town.settled()
    await town.claimed(issue, "Avery Example")
    said = [each.body for each in issue.comments]
    assert len(said) == 1
    assert issue.assigned_to == ["avery"]
    assert len(town.steps(issue)) == 1


async def test_a_label_whose_answer_was_lost_is_told_once_and_overwrites_nobody(
    people: Grantors,
) -> None:
    town = people.town
    issue = town.feedback()
    await claims(town, issue)
    card = await town.card(issue, "Claimed")
    lost = town.gitlab.faults.add(method="PUT", when="after", status=502)
    town.clock.stop()
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    await town.in_gitlab(lambda: lost.left == 0)
    town.gitlab.change_labels(issue, add=[OUTSIDE], remove=[SOFT_SKILLS], by=town.avery_gitlab)
    for _ in range(3):
        town.clock.forward(minutes=2)
        await town.settled()
    await town.card(issue, "outside-support", delivered=True)
    assert OUTSIDE in issue.labels
    assert SOFT_SKILLS not in issue.labels
    assert len(issue.comments) == 2


async def test_a_take_over_that_comes_while_a_claim_is_delivered_meets_no_conflict(
    people: Grantors,
) -> None:
    town = people.town
    issue, card = await town.request()
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    seen_by_blake = as_seen(await town.claimed(issue, "Avery Example"))
    await town.settled()
    # Avery's own account was assigned by Avery's account: that is the claim, and no second one.
    town.clock.forward(minutes=2)
    assert (await town.slack.click(town.blake, seen_by_blake, "Take over")).ok
    await town.claimed(issue, "Blake Sample")
    assert issue.assigned_to == ["blake.sample"]


async def test_what_a_person_does_by_hand_afterwards_is_told_as_ever(people: Grantors) -> None:
    town = people.town
    issue = town.feedback()
    await claims(town, issue)
    town.clock.forward(minutes=2)
    town.gitlab.assign(issue, by=town.avery_gitlab)
    await town.card(issue, "🟠 Unclaimed")
    town.gitlab.assign(issue, town.avery_gitlab, by=town.avery_gitlab)
    await town.claimed(issue, "Avery Example")
    await town.settled()
    assert len(town.steps(issue)) == 3


async def test_what_a_person_undoes_by_hand_before_the_next_try_stays_undone(
    people: Grantors,
) -> None:
    town = people.town
    issue, card = await town.request()
    lost = town.gitlab.faults.add(method="PUT", when="after", status=502)
    town.clock.stop()
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    await town.in_gitlab(lambda: lost.left == 0)
    town.gitlab.assign(issue, by=town.avery_gitlab)
    town.clock.forward(minutes=2)
    await town.settled()
    await town.card(issue, "🟠 Unclaimed", delivered=True)
    assert issue.assigned_to == []


async def test_a_claim_under_ones_own_name_is_no_response_to_a_feedback(people: Grantors) -> None:
    town = people.town
    issue = town.feedback()
    await claims(town, issue)
    async with connect(town.set_up(**people.acts), FAST) as clients:
        [request] = town.on_record().values()
        assert not await has_response(clients.gitlab, request)
        town.gitlab.comment(issue, "I have called them.", by=town.avery_gitlab)
        assert await has_response(clients.gitlab, request)


# The record is lost


async def test_a_rebuild_knows_what_was_written_under_peoples_names(
    people_before: Grantors,
) -> None:
    people, town = people_before, people_before.town
    async with town.bot_running(**people.acts):
        await people.acts_as(town.avery, town.avery_gitlab)
        held, done = town.feedback(), town.feedback("Negative feedback for ticket 412399")
        await claims(town, held)
        await all_is_done(town, done)
    before = town.on_record()
    town.lose_record()
    town.settings |= people.acts
    await rebuilt(town)
    assert town.on_record() == before


async def test_without_the_key_a_rebuild_knows_only_what_gitlab_shows(
    people_before: Grantors,
) -> None:
    people, town = people_before, people_before.town
    async with town.bot_running(**people.acts):
        await people.acts_as(town.casey, people.casey_gitlab)
        issue = town.feedback()
        card = await town.card(issue, "🟠 Unclaimed")
        await town.slack.click(town.casey, card, "Claim")
        await town.claimed(issue, "Casey Nolink")
    town.lose_record()
    await rebuilt(town)
    [request] = town.on_record().values()
    assert request.holder
    assert request.holder.gitlab == "casey.n", "GitLab shows the assignment"
    assert request.holder.slack_user is None, "and not who it is in Slack"


async def test_a_marker_is_good_for_its_note_its_issue_and_its_author(
    people_before: Grantors,
) -> None:
    people, town = people_before, people_before.town
    async with town.bot_running(**people.acts):
        await people.acts_as(town.avery, town.avery_gitlab)
        issue, other = town.feedback(), town.feedback("Negative feedback for ticket 412399")
        await town.card(other, "🟠 Unclaimed")
        await claims(town, issue)
        card = town.card_of(issue)
        assert card
        assert (await town.slack.click(town.avery, card, "Release")).ok
        await town.card(issue, "🟠 Unclaimed", delivered=True)
        claimed = note_by(issue, town.avery_gitlab, "**Claimed**").body
        town.gitlab.comment(issue, claimed, by=town.avery_gitlab)  # the same once more
        town.gitlab.comment(issue, claimed, by=town.blake_gitlab)  # by somebody else
        town.gitlab.comment(other, claimed, by=town.avery_gitlab)  # elsewhere
        changed = claimed.replace("Avery Example", "Blake Sample")
        town.gitlab.comment(other, changed, by=town.avery_gitlab)  # with other words
        await town.settled()
    town.lose_record()
    town.settings |= people.acts
    await rebuilt(town)
    assert [request.holder for request in town.on_record().values()] == [None, None]
