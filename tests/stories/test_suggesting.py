"""Who is on duty is assigned in GitLab to what nobody has: once, and as a suggestion only."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from slackbot.app import connect
from slackbot.local.gitlab import Issue
from slackbot.rebuild import rebuild_record
from slackbot.rules.request import IssueKey, Request, State
from slackbot.store.jobs import PeriodicQueue
from tests.town import FAST, Town

SUGGESTING = {"ssat_duty_group": "S0DUTY", "ssat_assign_on_duty": True}


@pytest.fixture
def duty_town(quiet_town: Town) -> Town:
    """A town with Avery on duty; its bot is not running yet."""
    quiet_town.slack.add_usergroup("S0DUTY", "ssat-on-duty", [quiet_town.avery])
    return quiet_town


@pytest.fixture
async def town(duty_town: Town) -> AsyncIterator[Town]:
    async with duty_town.bot_running(**SUGGESTING):
        await duty_town.idle(PeriodicQueue.DUTY)
        yield duty_town


def recorded(town: Town, issue: Issue) -> Request:
    return town.on_record()[IssueKey(town.project.id, issue.iid)]


def assignments(issue: Issue) -> list[str]:
    return [note.body for note in issue.notes if note.system and "assigned" in note.body]


async def suggested(town: Town) -> Issue:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed", "· On duty: <@U0AVERY>", without="assigned to")
    await town.slack.wait_for(lambda: issue.assigned_to == ["avery"])
    await town.settled()
    return issue


async def test_what_nobody_has_is_assigned_and_still_waits(town: Town) -> None:
    issue = await suggested(town)
    assert issue.assigned_to == ["avery"]
    request = recorded(town, issue)
    assert (request.state, request.holder, request.is_suggested) == (State.WAITING, None, True)
    assert town.steps(issue) == [], "nobody has claimed anything"
    assert len(town.writes(issue)) == 1


async def test_what_somebody_was_assigned_to_is_left_to_them(town: Town) -> None:
    issue = town.feedback(assignees=[town.duty_gitlab])
    await town.card(issue, "· assigned to duty")
    await town.settled()
    assert town.writes(issue) == []


async def test_who_takes_it_off_again_has_the_last_word(town: Town) -> None:
    issue = await suggested(town)
    town.gitlab.assign(issue, by=town.blake_gitlab)
    await town.slack.wait_for(lambda: recorded(town, issue).assignees == ())
    town.gitlab.edit(issue, title="Negative feedback for ticket 412399", by=town.blake_gitlab)
    await town.card(issue, "412399")
    await town.settled()
    assert issue.assigned_to == []


async def test_a_suggestion_can_be_claimed_and_released_and_is_not_made_again(town: Town) -> None:
    issue = await suggested(town)
    card = town.card_of(issue)
    assert card
    await town.slack.click(town.avery, card, "Claim")
    card = await town.card(issue, "Claimed by Avery", delivered=True)
    await town.slack.click(town.avery, card, "Release")
    await town.card(issue, "🟠 Unclaimed", delivered=True)
    await town.settled()
    assert issue.assigned_to == []


async def test_what_somebody_claims_is_assigned_to_them(town: Town) -> None:
    issue = await suggested(town)
    card = town.card_of(issue)
    assert card
    await town.slack.click(town.blake, card, "Claim")
    await town.card(issue, "Claimed by Blake", delivered=True)
    assert issue.assigned_to == ["blake.sample"]


LOST: list[Any] = [
    pytest.param({"status": 502, "when": "after"}, id="an error after the effect"),
    pytest.param({"drop": True, "when": "after"}, id="no answer after the effect"),
    pytest.param({"status": 502, "when": "before"}, id="an error before the effect"),
]


@pytest.mark.parametrize("trouble", LOST)
async def test_an_answer_that_is_lost_makes_no_claim_and_no_second_assignment(
    town: Town, trouble: dict[str, Any]
) -> None:
    town.gitlab.faults.add(method="PUT", times=1, **trouble)
    issue = await suggested(town)
    request = recorded(town, issue)
    assert (request.state, request.holder, request.is_suggested) == (State.WAITING, None, True)
    assert len(assignments(issue)) == 1


async def test_who_takes_it_off_while_the_answer_was_lost_has_the_last_word(town: Town) -> None:
    def take_off(issue: Issue) -> None:
        if issue.assigned_to == ["avery"]:
            town.gitlab.watchers.remove(take_off)
            town.gitlab.assign(issue, by=town.blake_gitlab)

    town.gitlab.watchers.append(take_off)
    town.gitlab.faults.add(method="PUT", times=1, when="after", status=502)
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await town.slack.wait_for(lambda: recorded(town, issue).is_suggested)
    await town.settled()
    assert issue.assigned_to == []
    assert len([one for one in town.writes(issue) if one.method == "PUT"]) == 1


async def test_a_bot_killed_before_it_noted_the_answer_makes_no_claim_of_it(
    duty_town: Town,
) -> None:
    town = duty_town
    async with town.bot_running(**SUGGESTING):
        await town.idle(PeriodicQueue.DUTY)
        town.gitlab.faults.add(method="PUT", when="after", hang=60)
        issue = town.feedback()
        await town.in_gitlab(lambda: issue.assigned_to == ["avery"])
    town.gitlab.faults.clear()
    async with town.bot_running(**SUGGESTING):
        await town.slack.wait_for(lambda: recorded(town, issue).is_suggested)
        await town.settled()
        assert recorded(town, issue).holder is None
        assert len(assignments(issue)) == 1


@pytest.mark.parametrize("is_taken_off", [False, True])
async def test_a_lost_record_comes_back_with_the_suggestion(
    duty_town: Town, is_taken_off: bool
) -> None:
    town = duty_town
    async with town.bot_running(**SUGGESTING):
        await town.idle(PeriodicQueue.DUTY)
        issue = await suggested(town)
        if is_taken_off:
            town.gitlab.assign(issue, by=town.blake_gitlab)
            await town.slack.wait_for(lambda: recorded(town, issue).assignees == ())
            await town.settled()
    before = recorded(town, issue)
    town.lose_record()
    async with connect(town.set_up(**SUGGESTING), FAST) as clients:
        await rebuild_record(town.set_up(), clients, lambda *_: None, clock=town.clock)
    # Who was on duty then is known to the record alone.
    assert recorded(town, issue) == replace(before, responsible=())
    assert before.holder is None
    async with town.bot_running(**SUGGESTING):
        await town.settled()
        assert len(assignments(issue)) == (2 if is_taken_off else 1)


async def test_a_released_claim_is_no_suggestion_to_a_rebuilt_record(duty_town: Town) -> None:
    town = duty_town
    async with town.bot_running():
        issue = town.feedback()
        await town.slack.click(town.avery, await town.card(issue, "🟠 Unclaimed"), "Claim")
        card = await town.card(issue, "Claimed by Avery", delivered=True)
        await town.slack.click(town.avery, card, "Release")
        await town.card(issue, "🟠 Unclaimed", delivered=True)
    before = recorded(town, issue)
    town.lose_record()
    async with connect(town.set_up(), FAST) as clients:
        await rebuild_record(town.set_up(), clients, lambda *_: None, clock=town.clock)
    # Who was on duty then is known to the record alone.
    assert recorded(town, issue) == replace(before, responsible=())
    assert not before.is_suggested


async def test_who_comes_on_duty_gets_what_waits_without_anybody(duty_town: Town) -> None:
    town = duty_town
    group = town.slack.usergroups["S0DUTY"]
    group.users.clear()
    async with town.bot_running(**SUGGESTING):
        await town.idle(PeriodicQueue.DUTY)
        issue = town.feedback()
        await town.card(issue, "On duty: unknown")
        await town.settled()
        assert issue.assigned_to == []
        group.users.append(town.blake.id)
        town.clock.forward(minutes=5)
        await town.card(issue, "On duty: <@U0BLAKE>")
        await town.slack.wait_for(lambda: issue.assigned_to == ["blake.sample"])


async def test_who_is_on_duty_without_an_account_is_not_assigned(duty_town: Town) -> None:
    town = duty_town
    town.slack.usergroups["S0DUTY"].users = [town.casey.id]
    async with town.bot_running(**SUGGESTING):
        await town.idle(PeriodicQueue.DUTY)
        issue = town.feedback()
        await town.card(issue, "On duty: <@U0CASEY>")
        await town.settled()
        assert town.writes(issue) == []


async def test_what_gitlab_does_not_let_be_assigned_is_not_tried_for_ever(town: Town) -> None:
    town.gitlab.faults.add(method="PUT", times=1, status=403)
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await town.slack.wait_for(lambda: recorded(town, issue).is_suggested)
    town.gitlab.edit(issue, title="Negative feedback for ticket 412399", by=town.blake_gitlab)
    await town.card(issue, "🟠 Unclaimed", "412399")
    await town.settled()
    assert len(town.writes(issue)) == 1


async def test_without_the_setting_nothing_is_assigned(duty_town: Town) -> None:
    town = duty_town
    async with town.bot_running(ssat_duty_group="S0DUTY"):
        await town.idle(PeriodicQueue.DUTY)
        issue = town.feedback()
        await town.card(issue, "On duty: <@U0AVERY>")
        await town.settled()
        assert town.writes(issue) == []
