"""The world of `ssat-bot local`: its time, its troubles, its scenes, without the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from slackbot.local.acts import Acts, Problem
from slackbot.local.cast import (
    AVERY,
    BLAKE,
    CASEY,
    CLAIMED,
    CONTACTED,
    DANA,
    FRESH,
    HARPER,
    NASTY,
    NEARLY_DUE,
    OVERDUE,
)
from slackbot.local.gitlab import Issue
from slackbot.local.scenario import SCENES, Play, load
from slackbot.local.shown import due_at, shown_to
from slackbot.local.slack import Message
from slackbot.local.troubles import TROUBLES
from slackbot.local.world import TimePasses, World
from slackbot.rules.feedback import Sentiment

pytestmark = pytest.mark.story
TUESDAY = datetime(2026, 12, 1, 10, tzinfo=UTC)
LATE = "This reminder is late"
PATIENCE = 60.0


@asynccontextmanager
async def begun(*, with_past: bool, at: datetime = TUESDAY) -> AsyncIterator[World]:
    world = World(with_past=with_past, begins_at=at)
    await world.begin()
    try:
        await world.ready()
        yield world
        assert world.sample.gitlab.violations == []
        assert world.sample.slack.refusals == []
    finally:
        await world.end()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A world without a past."""
    async with begun(with_past=False) as world:
        yield world


async def request(world: World) -> Issue:
    """Let a customer ask for contact; wait for the card."""
    body = {"me": AVERY.slack, "sentiment": Sentiment.NEGATIVE, "comment": "No.", "contact": True}
    await Acts(world).do("feedback", body)
    issue = list(world.sample.project.issues.values())[-1]
    await world.sample.slack.wait_for(lambda: world.sample.card_of(issue), PATIENCE)
    return issue


def card(world: World, issue: Issue) -> Message:
    return world.sample.card_of(issue)


def words(*messages: Message) -> str:
    return "\n".join(f"{one.text} {one.blocks}" for one in messages)


def when(message: Message) -> datetime:
    return datetime.fromtimestamp(float(message.ts), UTC)


async def play(world: World, name: str) -> Play:
    play = Play(load(name), world, Acts(world))
    await play.run()
    assert play.problem is None
    return play


async def test_each_reminder_comes_at_its_own_moment(world: World) -> None:
    issue = await request(world)
    due = due_at(world.sample, issue)
    assert due is not None
    await world.pass_until(due - timedelta(minutes=30))
    reminders = [one for one in card(world, issue).thread if "⏰" in one.text]
    assert LATE not in words(*reminders)
    # By the settings 24, 12, 4 and 1 hours before; by night in the morning.
    assert [when(one).strftime("%a %H:%M") for one in reminders] == [
        "Wed 10:00",
        "Thu 07:00",
        "Thu 09:00",
    ]


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 12, 5, 12, tzinfo=UTC),  # a Saturday
        datetime(2026, 11, 30, 8, 59, tzinfo=UTC),  # before Monday's digest
        datetime(2026, 12, 4, 22, 50, tzinfo=UTC),  # a Friday night
        datetime(2027, 1, 1, 0, 0, tzinfo=UTC),
    ],
    ids=["Saturday", "Monday morning", "Friday night", "New Year"],
)
async def test_the_sample_is_complete_whenever_one_comes(at: datetime) -> None:
    async with begun(with_past=True, at=at) as world:
        said = world.sample.channel.messages
        for story in (OVERDUE, CONTACTED, NEARLY_DUE, CLAIMED, NASTY, FRESH):
            world.sample.card_of(world.sample.issue_about(str(story.ticket)))
        assert LATE not in words(*said)
        assert "Overdue" in words(card(world, world.sample.issue_about(str(OVERDUE.ticket))))
        assert timedelta(0) <= world.sample.clock() - at < timedelta(minutes=5)


async def test_the_time_goes_one_way_and_one_at_a_time(world: World) -> None:
    now = world.sample.clock()
    await world.pass_until(now - timedelta(hours=1))
    assert world.sample.clock() >= now
    world.moving_to = now
    with pytest.raises(TimePasses, match="on its way"):
        await world.pass_until(now + timedelta(hours=1))


async def test_the_bot_is_killed_and_reads_what_it_has_missed(world: World) -> None:
    await world.troubles.switch("bot-killed", on=True)
    assert not world.bot.is_running
    issue = world.sample.gitlab.open_issue(
        world.sample.project,
        author=world.sample.automation,
        title="Negative feedback for ticket 499001",
        labels=["SSAT::Contact", "satisfaction::bad"],
    )
    await world.settled()
    with pytest.raises(LookupError):
        card(world, issue)
    await world.troubles.switch("bot-killed", on=False)
    await world.sample.slack.wait_for(lambda: card(world, issue), PATIENCE)


async def test_an_answer_that_is_lost_makes_no_second_card(world: World) -> None:
    await world.troubles.switch("slack-drops", on=True)
    trouble = next(each for each in TROUBLES if each.name == "slack-drops")
    assert world.troubles.is_on(trouble)
    issue = await request(world)
    await world.pass_until(world.sample.clock() + timedelta(minutes=10))
    cards = [one for one in world.sample.channel.messages if world.sample.issue_of(one) is issue]
    assert len(cards) == 1
    assert not world.troubles.is_on(trouble)


@pytest.mark.parametrize("name", ["gitlab-forbidden", "gitlab-invalid"])
async def test_what_gitlab_refuses_is_on_the_card(world: World, name: str) -> None:
    issue = await request(world)
    await world.troubles.switch(name, on=True)
    await world.sample.slack.click(BLAKE.slack, card(world, issue), "Claim")
    await world.sample.slack.wait_for(
        lambda: "GitLab rejected this" in words(card(world, issue)), PATIENCE
    )
    await world.troubles.switch(name, on=False)
    await world.sample.slack.click(BLAKE.slack, card(world, issue), "Try again")
    await world.sample.slack.wait_for(lambda: issue.assigned_to == ["blake.sample"], PATIENCE)


@pytest.mark.parametrize("name", ["gitlab-down", "gitlab-read-only", "slack-down", "slack-limits"])
async def test_after_a_trouble_nothing_is_missing(world: World, name: str) -> None:
    issue = await request(world)
    await world.sample.slack.click(BLAKE.slack, card(world, issue), "Claim")
    await world.settled()
    await world.troubles.switch(name, on=True)
    world.sample.gitlab.assign(issue, "casey", by=world.sample.account(CASEY))
    await world.troubles.end_all()
    await world.pass_until(world.sample.clock() + timedelta(minutes=5))
    await world.sample.slack.wait_for(
        lambda: "Claimed by Casey" in words(card(world, issue)), PATIENCE
    )


async def test_lost_hooks_are_made_up_for_by_the_poll(world: World) -> None:
    issue = await request(world)
    await world.troubles.switch("hooks-lost", on=True)
    world.sample.gitlab.assign(issue, "casey", by=world.sample.account(CASEY))
    await world.pass_until(world.sample.clock() + timedelta(minutes=1))
    await world.sample.slack.wait_for(
        lambda: "Claimed by Casey" in words(card(world, issue)), PATIENCE
    )


async def test_an_unknown_trouble_is_named(world: World) -> None:
    with pytest.raises(Problem, match="no trouble rain"):
        await Acts(world).do("trouble", {"me": AVERY.slack, "name": "rain", "on": True})


async def test_the_rotation_changes_and_the_next_card_names_the_new_manager(world: World) -> None:
    await Acts(world).do("duty", {"me": AVERY.slack, "who": BLAKE.slack})
    issue = await request(world)
    await world.sample.slack.wait_for(lambda: BLAKE.slack in words(card(world, issue)), PATIENCE)
    assert shown_to(AVERY.slack, world)["pagerduty"]["turns"][0]["id"] == BLAKE.slack
    with pytest.raises(Problem, match="Only managers"):
        await Acts(world).do("duty", {"me": AVERY.slack, "who": DANA.slack})


async def test_the_schedule_has_a_gap_or_none(world: World) -> None:
    assert shown_to(AVERY.slack, world)["pagerduty"]["gap"] is not None
    for gap in (False, True):
        await Acts(world).do("schedule", {"me": AVERY.slack, "gap": gap})
        assert bool(shown_to(AVERY.slack, world)["pagerduty"]["gap"]) is gap


async def test_what_is_tried_is_ticked_once_gitlab_has_it(world: World) -> None:
    issue = await request(world)
    assert world.tried.look() == {"claim": False, "label": False, "contacted": False}
    await world.troubles.switch("gitlab-down", on=True)
    await world.sample.slack.click(BLAKE.slack, card(world, issue), "Claim")
    await world.settled()
    assert not world.tried.look()["claim"]
    await world.troubles.switch("gitlab-down", on=False)
    await world.pass_until(world.sample.clock() + timedelta(minutes=5))
    assert world.tried.look() == {"claim": True, "label": False, "contacted": False}


async def test_what_a_scene_does_ticks_nothing(world: World) -> None:
    await play(world, "two-claims")
    assert not any(world.tried.look().values())
    await request(world)
    assert not any(world.tried.look().values())


async def test_all_is_forgotten_when_somebody_starts_over(world: World) -> None:
    issue, addresses = await request(world), dict(world.addresses)
    await world.begin_anew()
    await world.ready()
    assert issue.title not in [one.title for one in world.sample.project.issues.values()]
    assert world.addresses == addresses
    await request(world)


# The scenes: each shows what it promises


async def test_of_two_who_claim_at_once_one_owns_the_request(world: World) -> None:
    await play(world, "two-claims")
    issue = list(world.sample.project.issues.values())[-1]
    assert len(issue.assigned_to) == 1
    claims = [one for one in card(world, issue).thread if "claimed this request" in one.text]
    assert len(claims) == 1
    await world.sample.slack.wait_for(lambda: world.sample.slack.ephemerals, PATIENCE)
    [told] = world.sample.slack.ephemerals
    assert "owns this request" in told.text
    assert told.user in {AVERY.slack, BLAKE.slack}


async def test_while_gitlab_is_down_the_card_says_what_is_saved(world: World) -> None:
    await play(world, "gitlab-down")
    issue = list(world.sample.project.issues.values())[-1]
    assert world.sample.gitlab.faults.down
    await world.sample.slack.wait_for(
        lambda: "label feedback::docs-not-helpful" in words(card(world, issue)), PATIENCE
    )
    assert "Saved; will be sent when GitLab is back" in words(card(world, issue))
    await world.troubles.switch("gitlab-down", on=False)
    await world.pass_until(world.sample.clock() + timedelta(minutes=1))
    assert issue.assigned_to == ["blake.sample"]
    assert "feedback::docs-not-helpful" in issue.labels


async def test_near_the_deadline_reminders_come_and_then_the_lead_is_told(world: World) -> None:
    await play(world, "deadline-near")
    issue = list(world.sample.project.issues.values())[-1]
    thread = card(world, issue).thread
    assert LATE not in words(*thread)
    assert any("🚨" in one.text and CASEY.slack in one.text for one in thread)
    assert any("Why was it late?" in words(one) for one in thread)
    shown = [one for one in world.sample.channel.messages if one.broadcast]
    assert len(shown) >= 2


async def test_a_guest_and_an_engineer_are_told_why_nothing_happened(world: World) -> None:
    await play(world, "guest-clicks")
    issue = list(world.sample.project.issues.values())[-1]
    told = world.sample.slack.ephemerals
    await world.sample.slack.wait_for(lambda: len(told) == 2, PATIENCE)
    said = {one.user: one.text for one in told}
    assert "Guests can't take action" in said[DANA.slack]
    assert "View only" in said[HARPER.slack]
    assert "Unclaimed" in words(card(world, issue))
    assert [note for note in issue.notes if not note.system] == []


async def test_at_the_weeks_end_come_digest_figures_and_hand_over() -> None:
    async with begun(with_past=True) as world:
        await play(world, "week-end")
        said = world.sample.channel.messages
        assert LATE not in words(*said)
        assert any("Trends from" in one.text for one in said)
        mornings = [when(one) for one in said if "Good morning" in one.text]
        assert len(mornings) >= 4
        assert {(moment.hour, moment.minute) for moment in mornings} == {(9, 0)}
        told = world.sample.slack.direct_messages
        assert any(
            "Your turn as manager on duty has ended" in one.text for one in told(AVERY.slack)
        )
        assert any("You're the manager on duty now" in one.text for one in told(BLAKE.slack))


def test_the_page_offers_five_scenes() -> None:
    assert [load(name).name for name in SCENES] == list(SCENES)
    assert len(SCENES) == 5
