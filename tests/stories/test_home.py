"""The App Home: the queue as a page of one's own, which follows while it is open."""

from datetime import timedelta
from typing import Any

import pytest

from slackbot.blocks.card import CLAIM
from slackbot.local.slack import User, View
from slackbot.people import directory as people
from slackbot.store import changes
from slackbot.store.jobs import PeriodicQueue
from tests.town import Town, buttons, text_of


async def home_of(town: Town, user: User, *words: str, without: str = "\0") -> View:
    """Wait until somebody's home shows some words."""

    def shows() -> View | None:
        home = town.slack.homes.get(user.id)
        text = text_of(home)
        return home if without not in text and all(word in text for word in words) else None

    return await town.slack.wait_for(shows)


async def opens(town: Town, user: User, *words: str) -> View:
    assert (await town.slack.open_home(user)).ok
    return await home_of(town, user, *words)


def published(town: Town) -> list[str]:
    """Whose home was published, in order."""
    return [
        str(one.args["user_id"]) for one in town.slack.requests if one.method == "views.publish"
    ]


async def test_an_empty_home_says_so_kindly(town: Town) -> None:
    await opens(town, town.avery, "No customer is waiting", "I don't know who is on duty")


async def test_a_home_shows_what_is_mine_the_teams_and_what_else_awaits_triage(
    town: Town,
) -> None:
    held = town.feedback("Negative feedback for ticket 412341")
    await town.card(town.feedback("Negative feedback for ticket 412342"), "🟠 Unclaimed")
    town.feedback("Positive feedback for ticket 412343", description=None, labels=[])
    await town.slack.click(town.avery, await town.card(held, "🟠 Unclaimed"), "Claim")
    await town.card(held, "Claimed", delivered=True)
    await town.settled()

    text = text_of(await opens(town, town.avery, "412343"))
    parts = [
        "Yours (1)",
        "412341",
        "Others waiting to hear from a manager (1)",
        "412342",
        "Untriaged feedback (1)",
    ]
    assert [text.find(part) for part in parts] == sorted(text.find(part) for part in parts)
    text = text_of(await opens(town, town.blake, "412343"))
    assert "Yours" not in text
    assert "Waiting to hear from a manager (2)" in text
    assert "Untriaged feedback (1)" in text


async def test_a_claim_on_the_home_shows_there_at_once_and_on_the_card(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "HOME_PATIENCE", timedelta(hours=1))  # for those of others
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await opens(town, town.avery, "412345")
    await town.idle(PeriodicQueue.HOMES)
    assert (await town.slack.click_in_home(town.avery, "Claim")).ok
    home = await home_of(town, town.avery, "Claimed by Avery Example", "Yours (1)")
    assert {"Release", "Mark contacted"} <= set(buttons(home))
    await town.claimed(issue, "Avery Example")


async def test_a_customer_is_marked_contacted_on_the_home(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await opens(town, town.avery, "412345")
    assert (await town.slack.click_in_home(town.avery, "Mark contacted")).ok
    await town.slack.wait_for(lambda: town.slack.views[town.avery.id])
    await town.slack.submit(town.avery, {"channel": "Call"})
    await town.card(issue, "Contacted")
    town.clock.forward(seconds=5)
    await home_of(town, town.avery, "Done in the last 7 days (1)", "by Avery Example")


async def test_a_refusal_on_the_home_opens_a_note(town: Town) -> None:
    _, card = await town.request()
    await opens(town, town.blake, "412345")
    await town.slack.click(town.avery, card, "Claim")
    # Faster than the home is published again.
    assert (await town.slack.click_in_home(town.blake, "Claim")).ok
    modal = await town.slack.wait_for(lambda: town.slack.views[town.blake.id][-1])
    assert modal.title == "Not done"
    assert "Avery Example owns this request" in text_of(modal)


async def test_a_refusal_on_the_home_comes_as_a_direct_message_if_no_note_can_be_opened(
    town: Town,
) -> None:
    _, card = await town.request()
    await opens(town, town.blake, "412345")
    await town.slack.click(town.avery, card, "Claim")
    town.slack.faults.add("views.open", error="fatal_error")
    assert (await town.slack.click_in_home(town.blake, "Claim")).ok
    [message] = await town.slack.wait_for(lambda: town.slack.direct_messages(town.blake))
    assert "Avery Example owns this request" in message.text


# --- Following ---------------------------------------------------------------------------------


async def test_a_home_follows_what_changes_and_a_burst_is_published_once(town: Town) -> None:
    await town.idle()  # the start may have something to say on a home, too
    town.clock.stop()
    await opens(town, town.avery, "No customer is waiting")
    await town.idle(PeriodicQueue.HOMES)  # what changes while a home is published shows at once
    before = len(published(town))
    for number in range(5):
        await town.card(
            town.feedback(f"Negative feedback for ticket 41234{number}"), "🟠 Unclaimed"
        )
    await town.settled()
    assert len(published(town)) == before  # changes are gathered for a while
    town.clock.forward(seconds=5)
    await home_of(town, town.avery, "412340", "412344")
    assert published(town)[before:] == [town.avery.id]


async def test_nobodys_home_is_published_who_has_not_opened_it_lately(town: Town) -> None:
    await opens(town, town.avery, "No customer is waiting")
    town.clock.forward(hours=7)
    await opens(town, town.blake, "No customer is waiting")
    before = len(published(town))
    town.clock.forward(hours=2)
    await town.card(town.feedback(), "🟠 Unclaimed")
    town.clock.forward(seconds=5)
    await home_of(town, town.blake, "412345")
    await town.idle(PeriodicQueue.HOMES)
    assert set(published(town)[before:]) == {town.blake.id}
    assert "412345" not in text_of(town.slack.homes[town.avery.id])


async def test_the_time_left_is_told_anew_and_nothing_is_published_that_is_the_same(
    town: Town,
) -> None:
    await opens(town, town.avery, "No customer is waiting")
    await town.idle(PeriodicQueue.HOMES)
    before = len(published(town))
    town.clock.forward(hours=1, minutes=1)
    await town.idle(PeriodicQueue.HOMES)
    assert len(published(town)) == before
    await town.card(town.feedback(), "🟠 Unclaimed")
    town.clock.forward(seconds=5)
    await home_of(town, town.avery, "47 business hours left")
    await town.idle(PeriodicQueue.HOMES)
    town.clock.forward(hours=1, minutes=1)
    await home_of(town, town.avery, "46 business hours left")


async def test_a_home_says_that_a_request_is_overdue_as_soon_as_it_is(town: Town) -> None:
    await town.card(town.feedback(), "🟠 Unclaimed")
    town.clock.forward(days=3, hours=23, minutes=45)
    await opens(town, town.avery, "🟠 Unclaimed", "less than 1 business hour left")
    await town.idle(PeriodicQueue.HOMES)
    town.clock.forward(minutes=16)
    await home_of(town, town.avery, "🔴 Overdue, unclaimed")


async def test_a_home_says_whom_gitlab_does_not_know_and_follows_when_they_are_found(
    town: Town,
) -> None:
    await town.request()
    await opens(town, town.casey, "412345", "I don't know your GitLab account yet")
    await town.idle(PeriodicQueue.HOMES)
    assert (await town.slack.click_in_home(town.casey, "Mine")).ok
    await home_of(
        town,
        town.casey,
        "You own no request.",
        "I don't know your GitLab account yet",
        without="✅",
    )
    good = "Positive feedback for ticket 412344"
    town.feedback(good, description=None, labels=[], assignees=[town.blake_gitlab])
    await town.settled()
    await opens(town, town.blake, "412345", "412344")
    town.clock.forward(seconds=5)
    await home_of(town, town.blake, "Yours (1)", "412344", without="don't know your GitLab")


async def test_who_was_looked_for_by_a_fast_clock_is_looked_for_again(
    quiet_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = quiet_town
    monkeypatch.setattr(people, "CACHE_SECONDS", 0)
    async with town.bot_running():
        town.skew = timedelta(days=1)
        await opens(town, town.casey, "No customer is waiting")
        await town.idle(PeriodicQueue.HOMES)
        await town.gitlab.wait_for(lambda: searched(town) > 0)
        town.skew = timedelta(0)
        await opens(town, town.casey)
        await town.gitlab.wait_for(lambda: searched(town) > 1)


def searched(town: Town) -> int:
    """How often GitLab was asked for Casey's account."""
    return sum("casey@example.com" in str(each.query) for each in town.gitlab.requests)


# --- The page's own buttons --------------------------------------------------------------------


async def test_a_home_is_narrowed_down_and_stays_so(town: Town) -> None:
    held = town.feedback("Negative feedback for ticket 412341")
    await town.card(town.feedback("Negative feedback for ticket 412342"), "🟠 Unclaimed")
    await town.slack.click(town.blake, await town.card(held, "🟠 Unclaimed"), "Claim")
    await town.card(held, "Claimed", delivered=True)
    await opens(town, town.avery, "412341", "412342")
    assert (await town.slack.click_in_home(town.avery, "Unclaimed")).ok
    await home_of(town, town.avery, "412342", without="412341")
    await opens(town, town.avery, "412342")
    assert "412341" not in text_of(town.slack.homes[town.avery.id])
    await town.slack.click_in_home(town.avery, "Everything")
    await home_of(town, town.avery, "412341", "412342")
    await town.slack.click_in_home(town.avery, "Mine")
    await home_of(town, town.avery, "Nothing here.")


async def test_a_refresh_on_the_home_looks_at_gitlab(town: Town) -> None:
    await town.polled()
    for hook in town.gitlab.hooks:
        hook.url = f"{town.url}/nowhere"  # no webhook arrives
    await opens(town, town.avery, "No customer is waiting")
    issue = town.feedback()
    assert (await town.slack.click_in_home(town.avery, "Refresh")).ok
    await town.card(issue, "🟠 Unclaimed")
    town.clock.forward(seconds=5)
    await home_of(town, town.avery, "412345")


# --- Who may look, and what Slack refuses --------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({"is_restricted": True}, "Guests can't take action"),
        ({"team_id": "T0CUSTOMER"}, "Only members of this workspace"),
    ],
)
async def test_the_home_of_a_stranger_says_so_and_shows_nothing(
    town: Town, kind: dict[str, Any], words: str
) -> None:
    await town.card(town.feedback(), "🟠 Unclaimed")
    stranger = town.slack.add_user("U0STRANGER", "stranger", **kind)
    home = await opens(town, stranger, words)
    assert "412345" not in str(home.blocks)
    # Nor does a click that the page does not offer.
    forged = {"type": "button", "action_id": CLAIM, "value": f"{town.project.id}/1"}
    home.blocks.append({"type": "actions", "block_id": "x", "elements": [forged]})
    forged["text"] = {"type": "plain_text", "text": "Claim"}  # type: ignore[assignment]
    assert (await town.slack.click_in_home(stranger, "Claim")).ok
    modal = await town.slack.wait_for(lambda: town.slack.views[stranger.id][-1])
    assert words in text_of(modal)
    assert town.choices() == []


async def test_who_may_only_look_has_no_buttons_at_the_requests(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_managers="U0BLAKE"):
        await town.card(town.feedback(), "🟠 Unclaimed")
        home = await opens(town, town.avery, "412345")
        assert "Claim" not in buttons(home)
        assert "Claim" in buttons(await opens(town, town.blake, "412345"))


async def test_a_home_is_published_when_slack_has_asked_for_patience(town: Town) -> None:
    town.slack.faults.add("views.publish", status=429, headers={"Retry-After": "1"})
    await opens_later(town, town.avery)


async def test_a_home_is_published_when_slack_did_not_answer(town: Town) -> None:
    town.slack.faults.add("views.publish", drop=True)
    await opens_later(town, town.avery)


async def test_a_home_that_lands_over_a_later_one_is_published_again(town: Town) -> None:
    late = town.slack.faults.add("views.publish", drop=True, when="late", hang=60)
    await opens_later(town, town.avery)
    assert late.hits == 1
    await town.card(town.feedback(), "🟠 Unclaimed")
    town.clock.forward(seconds=5)
    await home_of(town, town.avery, "412345")
    await town.idle(PeriodicQueue.HOMES)
    town.slack.faults.release()  # Slack comes to it after all
    await home_of(town, town.avery, without="412345")

    town.clock.forward(minutes=1)
    await home_of(town, town.avery, "412345")
    await town.idle(PeriodicQueue.HOMES)
    times = len(published(town))
    town.clock.forward(minutes=2)
    await town.idle(PeriodicQueue.HOMES)
    assert len(published(town)) == times  # once is enough


async def test_a_home_that_somebody_else_has_published_meanwhile_is_tried_again(
    town: Town,
) -> None:
    town.slack.faults.add("views.publish", error="hash_conflict")
    await opens_later(town, town.avery)


async def test_a_home_waits_until_slack_says_who_it_is(town: Town) -> None:
    town.slack.faults.add("users.info", drop=True)
    await opens_later(town, town.avery)


async def opens_later(town: Town, user: User) -> None:
    """Let somebody open their home; what went wrong is tried again."""
    assert (await town.slack.open_home(user)).ok
    await town.slack.wait_for(lambda: any(each.error for each in town.slack.requests))
    town.clock.forward(seconds=3)
    await home_of(town, user, "No customer is waiting")


async def test_the_home_of_somebody_who_has_left_is_forgotten_and_keeps_nobody_waiting(
    town: Town,
) -> None:
    await opens(town, town.avery, "No customer")
    await opens(town, town.blake, "No customer")
    town.slack.faults.add("views.publish", error="user_not_found")
    await town.card(town.feedback(), "🟠 Unclaimed")
    town.clock.forward(seconds=5)
    await town.slack.wait_for(
        lambda: ["412345" in text_of(home) for home in town.slack.homes.values()].count(True) == 1
    )
    await town.idle(PeriodicQueue.HOMES)
    tried = len(published(town))
    town.clock.forward(hours=2)
    await town.slack.wait_for(lambda: len(published(town)) > tried)
    assert len(set(published(town)[tried:])) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_two_replicas_never_publish_one_home_together(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(), town.bot_running():
        await town.idle()
        await opens(town, town.avery, "No customer is waiting")
        town.slack.faults.add("views.publish", hang=0.5, times=3)  # so that two would meet
        before = len(published(town))
        for number in range(3):
            issue = town.feedback(f"Negative feedback for ticket 41234{number}")
            await town.card(issue, "🟠 Unclaimed")
            town.clock.forward(seconds=5)
        await home_of(town, town.avery, "412340", "412341", "412342")
        await town.idle(PeriodicQueue.HOMES)
        assert town.slack.crowds.most["views.publish"] == 1
        times = len(published(town)) - before
        town.clock.forward(minutes=10)
        await town.idle(PeriodicQueue.HOMES)
        assert len(published(town)) == before + times  # nor one after the other


async def test_a_home_outlives_a_restart(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        await opens(town, town.avery, "No customer is waiting")
    async with town.bot_running():
        await town.card(town.feedback(), "🟠 Unclaimed")
        town.clock.forward(seconds=5)
        await home_of(town, town.avery, "412345")


async def test_the_messages_tab_is_no_home(town: Town) -> None:
    event = {"type": "app_home_opened", "user": town.avery.id, "tab": "messages"}
    await town.slack.send_event(event)
    await opens(town, town.blake, "No customer is waiting")
    await town.idle(PeriodicQueue.HOMES)
    assert published(town) == [town.blake.id]
