"""Who has it: claim, take over, release."""

import asyncio

from tests.town import Town, buttons, text_of


async def test_a_request_becomes_a_card_and_a_claim_ends_in_gitlab(town: Town) -> None:
    issue = town.feedback()
    card = await town.card(issue, "Waiting", "ticket 412345", "Nobody answered for three days")
    assert buttons(card) == ["Claim", "Feedback label", "Mark contacted", "Open issue", "Open ticket"]

    assert (await town.slack.click(town.avery, card, "Claim")).ok

    await town.in_gitlab(lambda: issue.assigned_to == ["avery"])
    note = (await town.in_gitlab(lambda: issue.comments))[0]
    assert note.body.startswith("**Claimed** by Avery Example (`@avery`).")
    card = await town.card(issue, "Claimed by Avery Example", without="not in GitLab")
    assert "Take over" in buttons(card)
    await town.thread(issue, "Avery Example claimed this request")


async def test_two_managers_claim_at_once_and_one_is_told_who_has_it(town: Town) -> None:
    issue = town.feedback()
    card = await town.card(issue, "Waiting")
    await asyncio.gather(
        town.slack.click(town.avery, card, "Claim"),
        town.slack.click(town.blake, card, "Claim"),
    )
    told = (await town.slack.wait_for(lambda: town.slack.ephemerals))[0]
    winner, loser = ("Avery", town.blake) if told.user == town.blake.id else ("Blake", town.avery)
    assert told.user == loser.id
    assert winner in text_of(told)
    await town.card(issue, f"Claimed by {winner}", without="not in GitLab")
    assert len(issue.comments) == 1
