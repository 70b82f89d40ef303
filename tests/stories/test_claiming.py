"""Who has it: claim, take over, release, and what an assignment in GitLab means."""

import asyncio

import pytest

from slackbot.store.jobs import IssueQueue
from tests.town import Town, as_read, as_seen, buttons, menu_of, text_of


async def test_a_request_becomes_a_card_and_a_claim_ends_in_gitlab(town: Town) -> None:
    issue = town.feedback()
    card = await town.card(issue, "🟠 Unclaimed", "ticket 412345", "Nobody answered for three days")
    assert buttons(card) == ["Claim", "Mark contacted", "Feedback label"]
    assert menu_of(card) == ["Review…", "Draft email…", "Open issue", "Open ticket", "More…"]

    assert (await town.slack.click(town.avery, card, "Claim")).ok

    await town.in_gitlab(lambda: issue.assigned_to == ["avery"])
    note = (await town.in_gitlab(lambda: issue.comments))[0]
    assert note.body.startswith("**Claimed** by Avery Example (`@avery`).")
    card = await town.claimed(issue, "Avery Example")
    assert "Take over" in buttons(card)
    await town.thread(issue, "Avery Example claimed this request")


async def test_two_managers_claim_at_once_and_one_is_told_who_has_it(town: Town) -> None:
    issue, card = await town.request()
    await asyncio.gather(
        town.slack.click(town.avery, card, "Claim"),
        town.slack.click(town.blake, card, "Claim"),
    )
    told = (await town.slack.wait_for(lambda: town.slack.ephemerals))[0]
    winner, loser = ("Avery", town.blake) if told.user == town.blake.id else ("Blake", town.avery)
    assert told.user == loser.id
    assert winner in text_of(told)
    await town.card(issue, f"Claimed by {winner}", delivered=True)
    assert len(issue.comments) == 1


async def test_claiming_what_one_has_already_changes_nothing(town: Town) -> None:
    issue = town.feedback()
    unclaimed = as_seen(await town.card(issue, "🟠 Unclaimed"))
    await town.slack.click(town.avery, unclaimed, "Claim")
    await town.slack.click(town.avery, unclaimed, "Claim")  # a double click is two clicks
    await town.told(town.avery, "You already own this request")
    await town.settled()
    assert len(town.writes(issue)) == 2  # one note, one assignment
    assert town.steps(issue) == ["🔵 Avery Example claimed this request"]


async def test_taking_over_takes_a_colleague_off_who_was_not_known_in_gitlab_at_the_click(
    town: Town,
) -> None:
    issue, card = await town.request()
    town.gitlab.down()
    await town.slack.click(town.blake, card, "Claim")
    card = await town.card(issue, "Claimed by Blake Sample", "⏳ Saved")
    await town.slack.click(town.casey, card, "Take over")
    await town.card(issue, "Claimed by Casey Nolink", "⏳ Saved")
    town.gitlab.up()
    await town.claimed(issue, "Casey Nolink")
    await town.settled()
    assert issue.assigned_to == []


async def test_taking_over_asks_first_and_tells_the_colleague(town: Town) -> None:
    issue = town.feedback()
    await town.slack.click(town.avery, await town.card(issue, "🟠 Unclaimed"), "Claim")
    card = await town.claimed(issue, "Avery Example")
    seen_by_casey = as_seen(card)

    # Whoever asks is warned, and may think better of it.
    assert not (await town.slack.click(town.blake, card, "Take over", confirm=False)).sent
    dialog = next(
        element["confirm"]
        for block in card.blocks
        if block["type"] == "actions"
        for element in block["elements"]
        if "confirm" in element
    )
    assert dialog["text"]["text"] == "Avery Example owns this request and will be told."

    await town.slack.click(town.blake, card, "Take over")

    await town.in_gitlab(lambda: issue.assigned_to == ["blake.sample"])
    assert issue.comments[-1].body.startswith(
        "**Taken over** by Blake Sample (`@blake.sample`) from Avery Example (`@avery`)."
    )
    told = await town.thread(issue, "<@U0AVERY>: Blake Sample took over this request from you")
    assert told.pings == {"<@U0AVERY>"}  # and nobody else, least of all the person who has acted

    # Casey agreed with Avery to take over, but Blake was faster: that is not overridden.
    await town.slack.click(town.casey, seen_by_casey, "Take over")
    await town.told(town.casey, "Blake Sample owns this request")
    await town.settled()
    assert issue.assigned_to == ["blake.sample"]
    assert len(issue.comments) == 2


async def test_only_the_holder_can_release_and_then_anybody_can_claim(town: Town) -> None:
    issue = town.feedback()
    await town.slack.click(town.avery, await town.card(issue, "🟠 Unclaimed"), "Claim")
    card = await town.claimed(issue, "Avery Example")

    await town.slack.click(town.blake, card, "Release")
    await town.told(town.blake, "Avery Example owns this request. Only they can release it")

    held = as_seen(card)
    await town.slack.click(town.avery, card, "Release")
    card = await town.card(issue, "🟠 Unclaimed", delivered=True)
    assert "Claim" in buttons(card)
    assert issue.assigned_to == []
    assert issue.comments[-1].body.startswith("**Released** by Avery Example (`@avery`)")
    await town.thread(issue, "Avery Example released this request")

    await town.slack.click(town.avery, held, "Release")
    await town.told(town.avery, "Nobody owns this request, so there is nothing to release")
    await town.slack.click(town.blake, card, "Claim")
    await town.in_gitlab(lambda: issue.assigned_to == ["blake.sample"])


async def test_a_person_unknown_to_gitlab_can_claim_and_is_told_how_to_be_linked(
    town: Town,
) -> None:
    issue = town.feedback()
    await town.slack.click(town.casey, await town.card(issue, "🟠 Unclaimed"), "Claim")
    card = await town.claimed(issue, "Casey Nolink")
    assert issue.comments[0].body.startswith("**Claimed** by Casey Nolink.\n")
    assert issue.assigned_to == []
    told = await town.thread(
        issue, "Casey Nolink isn't known in GitLab", 'U0CASEY = "gitlab-username"'
    )
    assert "/ssat link" not in told.text  # nobody has set it up

    # An administrator links them: from then on GitLab knows them, without a restart.
    town.gitlab.add_member(town.project, town.gitlab.add_user("casey", "Casey Nolink"))
    town.people_file.write_text('[people]\nU0AVERY = "avery"\nU0CASEY = "casey"\n')
    await town.slack.click(town.casey, card, "Release")
    card = await town.card(issue, "🟠 Unclaimed", delivered=True)
    await town.slack.click(town.casey, card, "Claim")
    await town.in_gitlab(lambda: issue.assigned_to == ["casey"])
    assert issue.comments[-1].body.startswith("**Claimed** by Casey Nolink (`@casey`).")


@pytest.mark.parametrize("assigned", ["at birth", "a moment later"])
async def test_an_automatic_assignment_is_a_suggestion_that_a_claim_replaces(
    town: Town, assigned: str
) -> None:
    at_birth = assigned == "at birth"
    issue = town.feedback(assignees=[town.duty_gitlab] if at_birth else [])
    await town.card(issue, "🟠 Unclaimed")
    if not at_birth:
        town.gitlab.assign(issue, town.duty_gitlab, by=town.automation)
    card = await town.card(issue, "🟠 Unclaimed", "assigned to duty")
    await town.settled()
    assert town.steps(issue) == []

    await town.slack.click(town.avery, card, "Claim")

    await town.claimed(issue, "Avery Example")
    assert issue.assigned_to == ["avery"]
    await town.settled()
    # Dana did nothing, so nobody reads that she has lost anything.
    assert town.steps(issue) == ["🔵 Avery Example claimed this request"]


async def test_who_is_not_known_in_gitlab_keeps_a_request_that_was_born_with_another_assignee(
    town: Town,
) -> None:
    issue = town.feedback(assignees=[town.duty_gitlab])
    await town.slack.click(town.casey, await town.card(issue, "🟠 Unclaimed"), "Claim")
    await town.claimed(issue, "Casey Nolink")
    await town.settled()
    town.gitlab.change_labels(issue, add=["feedback::known-issue"], by=town.blake_gitlab)

    await town.card(issue, "Claimed by Casey Nolink", "known-issue", delivered=True)
    await town.settled()
    assert not [step for step in town.steps(issue) if "Dana Duty" in step]


async def test_who_claims_is_assigned_though_slack_does_not_tell_at_first_who_it_is(
    quiet_town: Town,
) -> None:
    async with quiet_town.bot_running():
        issue, card = await quiet_town.request()
        await quiet_town.settled()
        quiet_town.gitlab.faults.add(method="GET", path=r"/issues/\d+$", hang=60)
        await quiet_town.slack.click(quiet_town.blake, card, "Claim")
        await quiet_town.card(issue, "Claimed by Blake Sample", "Saved, updating GitLab")
    quiet_town.gitlab.faults.clear()
    fault = quiet_town.slack.faults.add("users.info", times=None, status=500)
    async with quiet_town.bot_running():
        await quiet_town.slack.wait_for(lambda: fault.hits >= 3)
        await quiet_town.idle(IssueQueue.CARD)
        await quiet_town.card(issue, "Saved, updating GitLab")  # which is not the one to blame
        quiet_town.slack.faults.clear()
        await quiet_town.claimed(issue, "Blake Sample")
        await quiet_town.settled()
    assert issue.assigned_to == ["blake.sample"]
    assert quiet_town.steps(issue) == ["🔵 Blake Sample claimed this request"]


async def test_who_was_faster_in_gitlab_keeps_the_request(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.down()
    await town.slack.click(town.avery, card, "Claim")
    await town.card(issue, "Claimed by Avery Example", "⏳ Saved")

    town.gitlab.assign(issue, town.blake_gitlab, by=town.blake_gitlab)
    town.gitlab.up()
    town.clock.forward(minutes=1)

    await town.thread(issue, "<@U0AVERY>", "not carried out", "Blake Sample owns this request")
    await town.card(
        issue, "Claimed by Blake Sample", "GitLab rejected this:", "claim by Avery Example"
    )
    await town.settled()
    assert issue.assigned_to == ["blake.sample"]
    assert issue.comments == []


@pytest.mark.parametrize(
    ("real_name", "nickname", "shown"),
    [
        pytest.param("\u3164", "avery", "avery", id="a name that does not show"),
        pytest.param("\u200b\u202e", "\u0301", "U0AVERY", id="none that shows"),
        pytest.param("Avery \ud83d", "avery", "Avery", id="half a character"),
    ],
)
async def test_who_has_claimed_a_request_is_always_named(
    town: Town, real_name: str, nickname: str, shown: str
) -> None:
    town.avery.real_name, town.avery.name = real_name, nickname
    town.avery_gitlab.name = "\u3164"
    issue, card = await town.request()

    await town.slack.click(town.avery, card, "Claim")

    card = await town.card(issue, delivered=True, without="🟠")
    assert f"🔵 Claimed by {shown} · Example Ltd" in text_of(card)
    assert issue.comments[0].body.startswith(f"**Claimed** by {shown} (`@avery`).")
    told = await town.thread(issue, f"{shown} claimed this request")
    assert "Fri 30 Jan, 15:00 UTC" in as_read(told)
