"""GitLab's answer to a change was lost, and by the next try somebody has changed the same thing.

GitLab has no conditional update, so the change is repeated without what would undo theirs.
"""

from typing import Any

import pytest
from sqlalchemy import select

from slackbot.blocks.text import without_scope
from slackbot.local.gitlab import Issue
from slackbot.platforms.errors import PLATFORM_TIMEOUT
from slackbot.platforms.gitlab import api as client
from slackbot.store.schema import errands
from tests.town import CONTACTED, PATIENCE, Town

SOFT_SKILLS, OUTSIDE = "feedback::soft-skills", "feedback::outside-support"
KNOWN_ISSUE = "feedback::known-issue"

LOST = [
    pytest.param({"when": "before", "status": 502}, id="the change was not made"),
    pytest.param({"when": "after", "status": 502}, id="the change was made"),
]


def puts(town: Town, issue: Issue) -> list[Any]:
    return [request.body for request in town.writes(issue) if request.method == "PUT"]


def polls(town: Town) -> int:
    return sum(request.path.endswith("/labels") for request in town.gitlab.requests)


def rests(town: Town) -> bool:
    """Whether the bot waits for what GitLab makes of a change."""
    with town.engine().connect() as connection:
        return bool(
            connection.scalar(select(errands.c.settles_at).where(errands.c.settles_at.is_not(None)))
        )


async def lost(town: Town) -> None:
    """Wait until the answer to a change is lost; the next try needs a reason or a while."""
    await town.in_gitlab(lambda: not [one for one in town.gitlab.faults.pending if one.left])


@pytest.mark.parametrize("fault", LOST)
async def test_who_was_assigned_since_then_keeps_the_request(
    town: Town, fault: dict[str, Any]
) -> None:
    issue, card = await town.request()
    town.gitlab.faults.add(method="PUT", **fault)
    await town.slack.click(town.avery, card, "Claim")
    await lost(town)
    town.gitlab.assign(issue, town.blake_gitlab, by=town.duty_gitlab)

    await town.claimed(issue, "Blake Sample")
    await town.settled()
    assert issue.assigned_to == ["blake.sample"]
    assert len(puts(town, issue)) == 1
    assert town.steps(issue) == [
        "🔵 Avery Example claimed this request",
        "🔵 Dana Duty assigned <@U0BLAKE> in GitLab",
    ]
    assert len(issue.comments) == 1


async def test_who_was_unassigned_since_then_is_not_assigned_again(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.faults.add(method="PUT", when="after", status=502)
    await town.slack.click(town.avery, card, "Claim")
    await lost(town)
    town.gitlab.assign(issue, by=town.duty_gitlab)

    await town.thread(issue, "Dana Duty unassigned <@U0AVERY>")
    await town.card(issue, "🟠 Unclaimed", delivered=True)
    assert issue.assigned_to == []


@pytest.mark.parametrize("fault", LOST)
async def test_a_label_chosen_since_then_stays(town: Town, fault: dict[str, Any]) -> None:
    issue, card = await town.request()
    town.gitlab.faults.add(method="PUT", **fault)
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    await lost(town)
    town.gitlab.change_labels(issue, add=[OUTSIDE], remove=[SOFT_SKILLS], by=town.blake_gitlab)

    await town.card(issue, f"{without_scope(OUTSIDE)}\n", delivered=True)
    await town.settled()
    assert OUTSIDE in issue.labels
    assert SOFT_SKILLS not in issue.labels
    assert town.steps(issue) == [
        f"🏷️ Avery Example chose the feedback label *{SOFT_SKILLS}*",
        f"🏷️ Blake Sample chose the feedback label *{OUTSIDE}* in GitLab",
    ]


async def test_what_somebody_does_while_the_note_is_on_its_way_is_left_alone(town: Town) -> None:
    labelled, claimed = town.feedback(), town.feedback("Negative feedback for ticket 412346")
    first, second = (
        await town.card(labelled, "🟠 Unclaimed"),
        await town.card(claimed, "🟠 Unclaimed"),
    )
    await town.settled()
    town.gitlab.faults.add(method="POST", path="/notes$", hang=60, times=2)
    await town.slack.choose(town.avery, first, "Feedback label", SOFT_SKILLS)
    await town.slack.click(town.avery, second, "Claim")
    await lost(town)
    town.gitlab.change_labels(labelled, add=[OUTSIDE], by=town.blake_gitlab)
    town.gitlab.assign(claimed, town.blake_gitlab, by=town.duty_gitlab)
    town.gitlab.faults.release()

    await town.card(labelled, f"{without_scope(OUTSIDE)}\n", delivered=True)
    await town.claimed(claimed, "Blake Sample")
    await town.settled()
    assert OUTSIDE in labelled.labels
    assert SOFT_SKILLS not in labelled.labels
    assert claimed.assigned_to == ["blake.sample"]
    assert town.steps(claimed) == [
        "🔵 Avery Example claimed this request",
        "🔵 Dana Duty assigned <@U0BLAKE> in GitLab",
    ]


async def test_what_is_relabelled_twice_while_an_issue_is_read_is_left_alone(town: Town) -> None:
    issue, card = await town.request()
    await town.settled()
    town.gitlab.faults.add(method="GET", path="/resource_label_events$", hang=60)
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    await lost(town)
    town.gitlab.change_labels(issue, add=[KNOWN_ISSUE], by=town.duty_gitlab)
    town.gitlab.change_labels(issue, add=[OUTSIDE], by=town.blake_gitlab)  # takes the other off
    town.gitlab.faults.release()

    await town.card(issue, f"{without_scope(OUTSIDE)}\n", delivered=True)
    await town.settled()
    assert OUTSIDE in issue.labels
    assert SOFT_SKILLS not in issue.labels


async def test_who_was_assigned_by_hand_after_a_take_over_keeps_the_request(town: Town) -> None:
    issue, card = await town.request()
    await town.settled()
    town.gitlab.faults.add(method="POST", path="/notes$", hang=60, when="after", status=502)
    await town.slack.click(town.blake, card, "Claim")
    await lost(town)
    card = await town.card(issue, "Claimed by Blake Sample", "⏳ Saved")
    assert (await town.slack.click(town.avery, card, "Take over")).ok
    await town.card(issue, "Claimed by Avery Example", "⏳ Saved")
    town.gitlab.assign(issue, town.blake_gitlab, by=town.duty_gitlab)
    town.gitlab.faults.release()

    await town.thread(issue, "Blake Sample was assigned in GitLab after you took over this request")
    await town.card(issue, "Claimed by Blake Sample", "use Take over again")
    await town.settled()
    assert issue.assigned_to == ["blake.sample"]
    assert len(issue.comments) == 1


@pytest.mark.parametrize("button", ["Take over", "Release"])
async def test_who_is_taken_off_and_put_on_again_by_hand_keeps_the_request(
    town: Town, button: str
) -> None:
    issue, card = await town.request()
    await town.slack.click(town.blake, card, "Claim")
    card = await town.claimed(issue, "Blake Sample")
    await town.settled()
    town.gitlab.down()
    who = town.avery if button == "Take over" else town.blake
    assert (await town.slack.click(who, card, button)).ok
    await town.card(issue, "⏳ Saved")
    town.clock.forward(seconds=1)
    town.gitlab.assign(issue, by=town.duty_gitlab)
    town.gitlab.assign(issue, town.blake_gitlab, by=town.duty_gitlab)
    town.gitlab.up()
    town.clock.forward(minutes=5)

    await town.thread(issue, "assigned in GitLab after you")
    card = await town.card(issue, "Claimed by Blake Sample", "GitLab rejected this:")
    await town.settled()
    assert issue.assigned_to == ["blake.sample"]
    assert len(issue.comments) == 1

    assert (await town.slack.click(who, card, "Try again")).ok  # who sees that, and still wants it
    now = "Claimed by Avery Example" if button == "Take over" else "🟠 Unclaimed"
    await town.card(issue, now, delivered=True)
    await town.settled()
    assert issue.assigned_to == (["avery"] if button == "Take over" else [])


async def test_what_somebody_does_beside_a_refused_choice_is_seen_before_the_next_one(
    town: Town,
) -> None:
    issue, card = await town.request()
    await town.settled()
    town.gitlab.faults.add(method="POST", path="/notes$", hang=60, when="after", status=502)
    town.gitlab.faults.add(method="PUT", status=422)
    await town.slack.click(town.avery, card, "Claim")
    await town.in_gitlab(lambda: town.gitlab.faults.pending[0].left == 0)
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    town.gitlab.change_labels(issue, add=[OUTSIDE], by=town.blake_gitlab)
    town.gitlab.faults.release()

    await town.card(issue, f"The feedback label was changed to {OUTSIDE} in the meantime")
    await town.settled()
    assert OUTSIDE in issue.labels
    assert f"🏷️ Blake Sample chose the feedback label *{OUTSIDE}* in GitLab" in town.steps(issue)


async def test_a_change_that_gitlab_makes_late_undoes_nothing_that_was_chosen_after_it(
    quiet_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 2)
    town = quiet_town
    async with town.bot_running(ssat_poll_seconds=1):
        issue, card = await town.request()
        await town.settled()
        town.gitlab.faults.add(method="PUT", hang=60)
        await town.slack.click(town.avery, card, "Claim")
        await town.slack.wait_for(lambda: rests(town), PATIENCE)
        card = await town.card(issue, "Claimed by Avery Example", "⏳ Saved")
        await town.slack.click(town.avery, card, "Release")
        town.clock.forward(seconds=30)
        town.gitlab.requests.clear()
        await town.in_gitlab(lambda: polls(town) > 2)  # a second or two
        assert puts(town, issue) == []  # nothing is tried while GitLab may be at it
        town.gitlab.faults.release()
        await town.in_gitlab(lambda: issue.assigned_to)
        await town.elapse(PLATFORM_TIMEOUT)
        town.clock.forward(seconds=60)
        await town.card(issue, "🟠 Unclaimed", delivered=True)
        await town.settled()
    assert issue.assigned_to == []
    assert town.steps(issue) == [
        "🔵 Avery Example claimed this request",
        "🟠 Avery Example released this request",
    ]


async def test_what_was_reopened_since_then_is_not_closed_again(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.faults.add(method="PUT", when="after", status=502)
    await town.mark_contacted(town.avery, card, channel="Call")
    await lost(town)
    town.gitlab.reopen(issue, by=town.blake_gitlab)
    town.gitlab.change_labels(issue, remove=[CONTACTED], by=town.blake_gitlab)

    await town.thread(issue, 'Blake Sample removed the "customer contacted" label')
    await town.card(issue, "🟠 Unclaimed", delivered=True)
    await town.settled()
    assert issue.state == "opened"
    assert CONTACTED not in issue.labels


async def test_what_was_made_though_its_answer_was_lost_is_not_asked_for_again(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.faults.add(method="PUT", when="after", status=500)
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)

    await town.card(issue, f"{without_scope(SOFT_SKILLS)}\n", delivered=True)
    await town.settled()
    assert len(puts(town, issue)) == 1
    assert town.steps(issue) == [f"🏷️ Avery Example chose the feedback label *{SOFT_SKILLS}*"]


async def test_what_nobody_else_touched_is_repeated(town: Town) -> None:
    """Somebody relabelled: that is no reason to leave the claim half done."""
    issue, card = await town.request()
    town.gitlab.faults.add(method="PUT", when="before", status=502)
    await town.slack.click(town.avery, card, "Claim")
    await lost(town)
    town.gitlab.change_labels(issue, add=[OUTSIDE], by=town.blake_gitlab)

    await town.card(issue, "Claimed by Avery Example", without_scope(OUTSIDE), delivered=True)
    await town.settled()
    assert issue.assigned_to == ["avery"]


@pytest.mark.parametrize("fault", LOST)
async def test_who_takes_over_from_whom_gitlab_has_assigned_gets_it_at_the_second_try(
    town: Town, fault: dict[str, Any]
) -> None:
    """GitLab's note of the assignment is later than the assignment, and no news all the same."""
    issue, _ = await town.request()
    town.gitlab.assign(issue, town.blake_gitlab, by=town.duty_gitlab)
    card = await town.claimed(issue, "Blake Sample")
    town.gitlab.faults.add(method="PUT", **fault)
    assert (await town.slack.click(town.avery, card, "Take over")).ok
    await lost(town)

    await town.claimed(issue, "Avery Example")
    await town.settled()
    assert issue.assigned_to == ["avery"]


async def test_whom_gitlab_has_assigned_gives_it_back_at_the_second_try(town: Town) -> None:
    issue, _ = await town.request()
    town.gitlab.assign(issue, town.avery_gitlab, by=town.duty_gitlab)
    card = await town.claimed(issue, "Avery Example")
    town.gitlab.faults.add(method="PUT", status=502)
    assert (await town.slack.click(town.avery, card, "Release")).ok

    await town.card(issue, "🟠 Unclaimed", delivered=True)
    await town.settled()
    assert issue.assigned_to == []
