"""The world of `ssat-bot local`: its time, its troubles, its scenes, without the page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from slackbot.local.acts import Acts, Problem
from slackbot.local.cast import (
    AVERY,
    BLAKE,
    CASEY,
    CLAIMED,
    CONTACTED,
    DANA,
    FINLEY,
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
from slackbot.local.stage import Stage
from slackbot.local.world import TimePasses, World
from slackbot.rules.reading.feedback import Sentiment

pytestmark = pytest.mark.story
TUESDAY = datetime(2026, 12, 1, 10, tzinfo=UTC)
ODD_MOMENTS = [
    pytest.param(datetime(2026, 12, 5, 12, tzinfo=UTC), id="Saturday"),
    pytest.param(datetime(2026, 11, 30, 8, 59, tzinfo=UTC), id="Monday before the digest"),
    pytest.param(datetime(2026, 12, 4, 22, 50, tzinfo=UTC), id="Friday night"),
    pytest.param(datetime(2027, 1, 1, 0, 0, tzinfo=UTC), id="New Year"),
]
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


@pytest.mark.parametrize("at", ODD_MOMENTS)
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
    assert world.troubles.is_on("slack-drops")
    issue = await request(world)
    await world.pass_until(world.sample.clock() + timedelta(minutes=10))
    cards = [one for one in world.sample.channel.messages if world.sample.issue_of(one) is issue]
    assert len(cards) == 1
    assert not world.troubles.is_on("slack-drops")


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
    assert shown_to(AVERY.slack, world)["pagerduty"]["current"]["id"] == BLAKE.slack
    with pytest.raises(Problem, match="Only managers"):
        await Acts(world).do("duty", {"me": AVERY.slack, "who": DANA.slack})


async def test_the_rotation_goes_on_week_after_week(world: World) -> None:
    await world.pass_until(world.sample.clock() + timedelta(days=8))
    assert shown_to(AVERY.slack, world)["pagerduty"]["current"]["id"] == BLAKE.slack
    await Acts(world).do("duty", {"me": AVERY.slack, "who": CASEY.slack})
    shown = shown_to(AVERY.slack, world)
    assert shown["pagerduty"]["current"]["id"] == CASEY.slack
    assert shown["pagerduty"]["gap"] is not None
    roles = {each["id"]: each["role"] for each in shown["people"]}
    assert roles[CASEY.slack] == "support lead, on duty"
    assert roles[AVERY.slack] == "manager"


async def test_on_a_monday_that_nobody_takes_nobody_is_on_duty(world: World) -> None:
    await world.pass_until(datetime(2026, 12, 7, 10, tzinfo=UTC))
    shown = shown_to(AVERY.slack, world)["pagerduty"]
    assert shown["current"] is None
    assert shown["gap"]["start"].startswith("2026-12-07T09:00")
    assert shown["next"][0]["id"] == BLAKE.slack
    issue = await request(world)
    assert issue.assigned_to == []


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
    played = asyncio.create_task(play(world, "two-claims"))
    while not played.done():
        assert not any(world.tried.look().values())
        await world.sample.slack.next_change(0.05)
    await played
    assert not any(world.tried.look().values())
    await request(world)
    assert not any(world.tried.look().values())


async def test_all_is_forgotten_when_people_start_over() -> None:
    stage = Stage(World(with_past=False, begins_at=TUESDAY))
    await stage.begin()
    try:
        await stage.world.ready()
        issue, addresses = await request(stage.world), dict(stage.world.addresses)
        await stage.do("scene", {"name": "deadline-near"})
        await asyncio.gather(stage.start_over(), stage.start_over())
        assert stage.number == 3
        await stage.world.ready()
        assert stage.shown()["scene"] is None
        titles = [one.title for one in stage.world.sample.project.issues.values()]
        assert issue.title not in titles
        assert stage.world.addresses == addresses
        await request(stage.world)
    finally:
        await stage.end()


async def test_a_scenario_waits_for_the_past_and_can_be_broken_off() -> None:
    stage = Stage(World(begins_at=TUESDAY))
    await stage.begin()
    stage.perform(load("two-claims"))
    assert not stage.world.is_ready
    await stage.end()  # at once, and without a trace


async def test_one_scene_is_played_at_a_time_and_can_be_stopped(world: World) -> None:
    stage = Stage(world)
    with pytest.raises(Problem, match="no scene nonsense"):
        await stage.do("scene", {"name": "nonsense"})
    with pytest.raises(LookupError):
        await stage.do("nonsense", {"me": AVERY.slack})
    await stage.do("scene", {"name": "week-end"})
    with pytest.raises(Problem, match="being played"):
        await stage.do("scene", {"name": "two-claims"})
    await stage.do("stop_scene", {})
    assert stage.shown()["scene"]["is_playing"] is False
    assert world.moving_to is None


async def test_a_button_that_was_just_rendered_anew_can_be_pressed(world: World) -> None:
    issue = await request(world)
    shown = card(world, issue)
    [block] = [each for each in shown.blocks if each["type"] == "actions"]
    before, place = block["block_id"], {"channel": shown.channel, "ts": shown.ts}
    await world.sample.slack.choose(
        BLAKE.slack, shown, "Feedback label", "feedback::soft-skills", within=before
    )
    await world.sample.slack.wait_for(lambda: before not in words(card(world, issue)), PATIENCE)
    body = {"me": BLAKE.slack, "block": before, "element": "mark_contacted", **place}
    await Acts(world).do("click", body)
    await world.sample.slack.wait_for(lambda: world.sample.slack.views[BLAKE.slack], PATIENCE)


@pytest.mark.parametrize(
    ("act", "body", "words"),
    [
        ("say", {"me": "U0NOBODY", "channel": "x", "text": "Hi"}, "nobody called U0NOBODY"),
        ("comment", {"me": "U0AVERY", "iid": 999, "text": "Hi"}, "no issue #999"),
        ("comment", {"me": "U0AVERY", "iid": 1, "project": "a/b", "text": "Hi"}, "no project a/b"),
        ("comment", {"me": "U0DANA", "iid": 1, "text": "Hi"}, "Dana Guest has no account"),
        ("time", {"me": "U0AVERY", "hours": -1}, "goes forward only"),
        (
            "say",
            {"me": "U0AVERY", "channel": "support_escalations", "text": "/joke"},
            "/joke is not",
        ),
        ("comment", {"iid": 1, "text": "Hi"}, "Nothing was given for me"),
    ],
)
async def test_what_cannot_be_done_is_said(
    world: World, act: str, body: dict[str, object], words: str
) -> None:
    with pytest.raises(Problem, match=words):
        await Acts(world).do(act, body)


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


@pytest.mark.parametrize("at", ODD_MOMENTS)
async def test_near_the_deadline_reminders_come_and_then_the_lead_is_told(at: datetime) -> None:
    async with begun(with_past=False, at=at) as world:
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


async def test_a_person_links_themselves_and_acts_as_themselves_by_the_page_of_gitlab(
    world: World,
) -> None:
    sample, slack = world.sample, world.sample.slack
    assert (await slack.command(FINLEY.slack, "/ssat", "link", sample.channel)).ok
    await slack.wait_for(lambda: slack.ephemerals, PATIENCE)
    [told] = slack.ephemerals
    links = [
        element["url"]
        for block in told.blocks
        for element in block.get("elements", ())
        if "url" in element
    ]
    _, acting = links
    code = acting.rpartition("=")[2]
    async with aiohttp.ClientSession() as session:
        form = {"user_code": code, "user": "finley", "answer": "confirm"}
        async with session.post(acting.partition("?")[0], data=form) as answer:
            assert "successfully authorized" in await answer.text()
    await world.pass_until(sample.clock() + timedelta(seconds=20))
    await slack.wait_for(lambda: slack.direct_messages(FINLEY.slack), PATIENCE)
    issue = sample.open_feedback(FRESH)
    await world.settled()
    assert (await slack.click(FINLEY.slack, sample.card_of(issue), "Claim")).ok
    await sample.gitlab.wait_for(lambda: issue.assigned_to == ["finley"], PATIENCE)
    [note] = issue.comments
    assert note.author.username == "finley"
