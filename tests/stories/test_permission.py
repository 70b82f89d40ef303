"""Who may act, and what a click meets that should not have any effect: words, never silence."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from slackbot.blocks.text import without_scope
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Message, User
from tests.town import PROJECT, Town, as_seen, text_of

SOFT_SKILLS = "feedback::soft-skills"

STRANGERS: list[Any] = [
    pytest.param({"is_restricted": True}, "Guests can't take action", id="a guest"),
    pytest.param(
        {"is_ultra_restricted": True}, "Guests can't take action", id="a guest of one room"
    ),
    pytest.param({"team_id": "T0CUSTOMER"}, "Only members of this workspace", id="Slack Connect"),
    pytest.param(
        {"team_id": "T0HOME", "teams": ["T0HOME"]},
        "Only members of this workspace",
        id="another workspace of the organization",
    ),
    pytest.param({"deleted": True}, "Only people can take action", id="a deactivated account"),
    pytest.param({"is_bot": True}, "Only people can take action", id="a bot"),
]


async def words_for(town: Town, user: User, act: Callable[[], Any]) -> str:
    """Let somebody do something, and return what they alone are told about it."""
    before = len(town.slack.ephemerals)
    assert (await act()).ok
    told = await town.slack.wait_for(lambda: town.slack.ephemerals[before:])
    assert [one.user for one in told] == [user.id]
    return text_of(told[0])


async def tries(town: Town, user: User, card: Message) -> list[str]:
    """Let somebody try every kind of thing on a card; return the words for each."""
    slack = town.slack
    return [
        await words_for(town, user, lambda: slack.click(user, card, "Claim")),
        await words_for(
            town, user, lambda: slack.choose(user, card, "Feedback label", SOFT_SKILLS)
        ),
        await words_for(town, user, lambda: slack.click(user, card, "Mark contacted")),
    ]


async def nothing_happened(town: Town, issue: Issue) -> None:
    await town.settled()
    assert town.choices() == []
    assert town.writes(issue) == []
    assert "🟠 Unclaimed" in text_of(town.card_of(issue))


@pytest.mark.parametrize(("kind", "words"), STRANGERS)
async def test_a_stranger_is_refused_with_words_and_nothing_is_recorded(
    town: Town, kind: dict[str, Any], words: str
) -> None:
    stranger = town.slack.add_user("U0STRANGER", "stranger", **kind)
    town.channel.members.add(stranger.id)
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))

    for said in await tries(town, stranger, card):
        assert words in said

    assert not town.slack.views[stranger.id]
    await nothing_happened(town, issue)


async def test_a_colleague_from_another_workspace_of_the_organization_is_a_member(
    town: Town,
) -> None:
    gray = town.slack.add_user(
        "W0GRAY", "gray", team_id="T0HOME", teams=["T0HOME", town.slack.team_id]
    )
    town.channel.members.add(gray.id)
    issue, card = await town.request()

    click = await town.slack.click(gray, card, "Claim")

    assert click.payload["user"]["team_id"] == "T0HOME"
    card = await town.claimed(issue, "gray")
    assert "Claimed by gray" in text_of(await town.asks(gray, "mine"))
    await town.slack.click(gray, card, "Release")
    await town.card(issue, "🟠 Unclaimed", delivered=True)


async def test_a_stranger_is_known_by_what_slack_says_not_by_what_the_click_claims(
    town: Town,
) -> None:
    stranger = town.slack.add_user("U0STRANGER", "stranger", team_id="T0CUSTOMER")
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    payload = (await town.slack.click(stranger, card, "Claim")).payload
    await town.told(stranger, "Only members of this workspace")
    payload["user"]["team_id"] = payload["team"]["id"] = town.slack.team_id
    payload["trigger_id"] += "0"

    said = await words_for(town, stranger, lambda: town.slack.replay(payload))

    assert "Only members of this workspace" in said
    await nothing_happened(town, issue)


async def test_a_stranger_cannot_release_try_again_or_dismiss_either(town: Town) -> None:
    guest = town.slack.add_user("U0GUEST", "guest", is_restricted=True)
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    town.gitlab.faults.add(method="POST", path="/notes", status=403)
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    await town.card(issue, "GitLab rejected this:")
    await town.slack.click(town.avery, card, "Claim")
    card = as_seen(await town.card(issue, "Claimed by Avery", without="⏳"))
    await town.settled()

    for button in ("Take over", "Release", "Try again", "Dismiss"):
        act = lambda button=button: town.slack.click(guest, card, button)  # noqa: E731
        assert "Guests can't take action" in await words_for(town, guest, act)

    await town.settled()
    assert town.choices() == ["refused", "delivered"]
    assert issue.assigned_to == ["avery"]


async def test_a_modal_opened_in_time_is_refused_once_the_person_may_not_act(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.slack.add_usergroup("S0LEADS", "leads", [town.avery])
    async with town.bot_running():
        card = await town.card(issue := town.feedback(), "🟠 Unclaimed")
        assert (await town.slack.click(town.blake, card, "Mark contacted")).ok
    # The administrator names the managers meanwhile.
    async with town.bot_running(ssat_managers="S0LEADS"):
        outcome = await town.slack.submit(town.blake, {"channel": "Call"})
        assert "View only" in outcome.errors["channel"]
        assert town.slack.open_view(town.blake)  # still open, with what was typed
        await nothing_happened(town, issue)


async def test_with_managers_named_they_may_act_and_others_are_told_whom_to_ask(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.slack.add_usergroup("S0LEADS", "leads", [town.avery])
    async with town.bot_running(ssat_managers=f"S0LEADS, {town.casey.id}"):
        issue, other = town.feedback(), town.feedback("Negative feedback for ticket 412346")
        card = as_seen(await town.card(issue, "🟠 Unclaimed"))
        for said in await tries(town, town.blake, card):
            assert "To take action, ask <!subteam^S0LEADS>, <@U0CASEY>." in said
        await nothing_happened(town, issue)
        # Looking is for everybody.
        assert "2 customers" in text_of(await town.asks(town.blake))

        await town.slack.click(town.avery, card, "Claim")
        await town.claimed(issue, "Avery Example")
        await town.slack.click(town.casey, await town.card(other, "🟠 Unclaimed"), "Claim")
        await town.claimed(other, "Casey Nolink")


@pytest.mark.parametrize("ended", ["disabled", "emptied"])
async def test_a_group_that_is_no_more_keeps_nobody_from_acting_by_another_right(
    quiet_town: Town, ended: str
) -> None:
    town = quiet_town
    former = town.slack.add_usergroup("S0AFORMER", "former", [])
    if ended == "disabled":
        former.users.append(town.blake.id)
        former.date_delete = 1
    town.slack.add_usergroup("S0LEADS", "leads", [town.avery])
    async with town.bot_running(ssat_managers="S0AFORMER,S0LEADS"):
        issue = town.feedback()
        card = as_seen(await town.card(issue, "🟠 Unclaimed"))
        for said in await tries(town, town.blake, card):
            assert "View only. To take action, ask <!subteam^S0" in said
            is_named = "The user group `S0AFORMER` is disabled or deleted in Slack" in said
            assert is_named == (ended == "disabled")
        await nothing_happened(town, issue)
        await town.slack.click(town.avery, card, "Claim")
        await town.claimed(issue, "Avery Example")


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param({"drop": True}, id="dropped"),
        pytest.param({"status": 503}, id="503"),
        pytest.param({"error": "user_not_found"}, id="nobody by that id"),
    ],
)
async def test_while_slack_does_not_say_who_it_is_nothing_is_recorded_and_the_person_told(
    town: Town, trouble: dict[str, Any]
) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    town.slack.faults.add("users.info", times=3, **trouble)

    for said in await tries(town, town.avery, card):
        assert "Slack isn't saying who you are right now. Nothing was changed" in said
    await nothing_happened(town, issue)

    # A failure is not remembered.
    await town.slack.click(town.avery, card, "Claim")
    await town.claimed(issue, "Avery Example")


async def test_while_slack_asks_for_patience_over_who_it_is_people_are_told_and_slack_left_alone(
    town: Town,
) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    town.slack.faults.add("users.info", status=429, headers={"Retry-After": "600"}, times=3)

    for said in await tries(town, town.avery, card):
        assert "Slack isn't saying who you are right now. Nothing was changed" in said
    assert [call.method for call in town.slack.requests].count("users.info") == 1
    await nothing_happened(town, issue)


@pytest.mark.impatient
async def test_slack_taking_its_time_over_who_it_is_costs_nobody_the_answer(town: Town) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    town.slack.faults.add("users.info", hang=3.5)
    # Slack gives the bot three seconds: words come within them, and no choice after them.
    said = await words_for(town, town.avery, lambda: town.slack.click(town.avery, card, "Claim"))
    assert "Slack isn't saying who you are right now" in said
    await nothing_happened(town, issue)


async def test_while_slack_does_not_say_who_is_a_manager_nobody_is_taken_for_one(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.slack.add_usergroup("S0LEADS", "leads", [town.avery])
    async with town.bot_running(ssat_managers="S0LEADS"):
        issue = town.feedback()
        card = as_seen(await town.card(issue, "🟠 Unclaimed"))
        town.slack.faults.add("usergroups.users.list", times=3, drop=True)
        for said in await tries(town, town.avery, card):
            assert "Nothing was changed. Try again" in said
        await nothing_happened(town, issue)


# What nobody's client sends by itself

FORGED = [
    pytest.param("garbage", id="garbage"),
    pytest.param("1", id="half a key"),
    pytest.param("0/0", id="zeros"),
    pytest.param("-1/-1", id="negative"),
    pytest.param("9999999999999999999/1", id="a number that no column holds"),
    pytest.param("1/9999999999", id="an issue number that no column holds"),
    pytest.param("\u0661/\u0661", id="digits of another script"),
    pytest.param("1/1' OR '1'='1", id="SQL"),
    pytest.param("1/1; DROP TABLE requests;--", id="more SQL"),
    pytest.param("1/1\0", id="a NUL"),
    pytest.param("../../../etc/passwd", id="a path"),
    pytest.param("{project}/%2e%2e%2f{iid}", id="an encoded path"),
    pytest.param("9" * 2000, id="huge"),
    pytest.param("x" * 100_000, id="larger than Slack allows"),
    pytest.param("{project}/999", id="an issue that is not there"),
    pytest.param("4242/{iid}", id="another project"),
]


def forged(card: Message, value: str) -> Message:
    """A card whose buttons carry another value and whose block another name."""
    card = as_seen(card)
    for block in card.blocks:
        if block["type"] == "actions":
            block["block_id"] = value
            for element in block["elements"]:
                element["value"] = value
    return card


@pytest.mark.parametrize("value", FORGED)
async def test_a_forged_value_gets_words_and_has_no_effect(town: Town, value: str) -> None:
    issue, card = await town.request()
    value = value.format(project=town.project.id, iid=issue.iid)

    for said in await tries(town, town.avery, forged(card, value)):
        assert "I no longer track this request" in said

    await nothing_happened(town, issue)


@pytest.mark.parametrize("value", FORGED)
async def test_a_forged_modal_gets_words_and_has_no_effect(town: Town, value: str) -> None:
    issue, card = await town.request()
    assert (await town.slack.click(town.avery, card, "Mark contacted")).ok
    view = town.slack.open_view(town.avery)
    view.body["private_metadata"] = value.format(project=town.project.id, iid=issue.iid)

    outcome = await town.slack.submit(town.avery, {"channel": "Call"})

    assert "I no longer track this request" in outcome.errors["channel"]
    await nothing_happened(town, issue)


@pytest.mark.parametrize(
    "detail", ["garbage", "", "00000000-0000-4000-8000-000000000000", "another's"]
)
async def test_a_forged_refusal_is_neither_tried_again_nor_dismissed(
    town: Town, detail: str
) -> None:
    issue, other = town.feedback(), town.feedback("Negative feedback for ticket 412346")
    card = await town.card(issue, "🟠 Unclaimed")
    await town.card(other, "🟠 Unclaimed")
    town.gitlab.faults.add(method="POST", path="/notes", status=403)
    await town.slack.click(town.avery, card, "Claim")
    card = as_seen(await town.card(issue, "GitLab rejected this:"))
    await town.settled()
    buttons = [
        element
        for block in card.blocks
        if block["type"] == "actions"
        for element in block["elements"]
        if element["action_id"] in ("try_again", "dismiss")
    ]
    for button in buttons:
        own = button["value"].partition(":")[2]
        named, told = (other, own) if detail == "another's" else (issue, detail)
        button["value"] = f"{town.project.id}/{named.iid}:{told}"

    for name in ("Try again", "Dismiss"):
        act = lambda name=name: town.slack.click(town.avery, card, name)  # noqa: E731
        assert await words_for(town, town.avery, act)

    await town.settled()
    assert town.choices() == ["refused"]
    assert issue.comments == []


@pytest.mark.parametrize(
    "label", ["SSAT::Contact", "feedback::made-up", "feedback::soft-skills,close", "x" * 5000]
)
async def test_a_forged_label_gets_words_and_is_never_created(town: Town, label: str) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    for block in card.blocks:
        for element in block.get("elements", ()):
            for option in element.get("options", ()):
                option["value"] = label
    said = await words_for(
        town,
        town.avery,
        lambda: town.slack.choose(town.avery, card, "Feedback label", "soft-skills"),
    )
    assert "The project has no label" in said
    await nothing_happened(town, issue)
    assert town.project.labels_created_silently == []


async def test_a_forged_holder_takes_nothing_over(town: Town) -> None:
    issue = town.feedback()
    await town.slack.click(town.avery, await town.card(issue, "🟠 Unclaimed"), "Claim")
    card = as_seen(await town.card(issue, "Claimed by Avery", delivered=True))
    for block in card.blocks:
        for element in block.get("elements", ()):
            if element.get("action_id") == "take_over":
                element["value"] = f"{town.project.id}/{issue.iid}:U0NOBODY"
    said = await words_for(
        town, town.blake, lambda: town.slack.click(town.blake, card, "Take over")
    )
    assert "Avery Example owns this request" in said
    assert issue.assigned_to == ["avery"]


# Twice


async def test_the_same_click_twice_has_one_effect(town: Town) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    click = await town.slack.click(town.avery, card, "Claim")
    chosen = await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    repeated = await asyncio.gather(*(town.slack.replay(each) for each in (click, chosen) * 2))
    assert all(each.ok for each in repeated)

    card = await town.card(issue, "Claimed by Avery", without_scope(SOFT_SKILLS), delivered=True)
    await town.slack.click(town.avery, card, "Release")
    await town.card(issue, "🟠 Unclaimed", delivered=True)
    assert (await town.slack.replay(click)).ok  # it does not claim anew

    await town.settled()
    assert town.choices() == ["delivered"] * 3
    assert issue.assigned_to == []
    assert len(issue.comments) == 3
    assert town.slack.ephemerals == []


async def test_the_same_click_at_the_same_time_has_one_effect(town: Town) -> None:
    issue, card = await town.request()
    # Learn what Slack would send; the guest's click has no effect.
    guest = town.slack.add_user("U0GUEST", "guest", is_restricted=True)
    payload = (await town.slack.click(guest, card, "Claim")).payload
    await town.told(guest, "Guests")
    payload["user"]["id"] = town.avery.id

    outcomes = await asyncio.gather(*(town.slack.replay(payload) for _ in range(4)))

    assert all(each.ok for each in outcomes)
    await town.claimed(issue, "Avery Example")
    await town.settled()
    assert town.choices() == ["delivered"]
    assert len(issue.comments) == 1


async def test_the_same_submission_twice_has_one_effect(town: Town) -> None:
    issue = town.feedback()
    outcome = await town.mark_contacted(
        town.avery, await town.card(issue, "🟠 Unclaimed"), channel="Call"
    )
    again = await town.slack.replay(outcome)
    assert again.ok
    assert again.errors == {}
    await town.card(issue, "Contacted", delivered=True)
    await town.settled()
    assert town.choices() == ["delivered"]
    assert len(issue.comments) == 1


# Too late


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("contacted", "Blake Sample has already contacted this customer"),
        ("closed", "The issue is closed"),
        ("withdrawn", "The contact request was withdrawn in GitLab"),
        ("deleted", "The issue was deleted or moved in GitLab"),
    ],
)
async def test_a_click_on_an_old_card_of_a_request_that_is_done_gets_words(
    town: Town, end: str, words: str
) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    match end:
        case "contacted":
            await town.mark_contacted(town.blake, card, channel="Call")
            await town.card(issue, "Contacted", delivered=True)
        case "closed":
            town.gitlab.close(issue, by=town.blake_gitlab)
            await town.card(issue, "Closed without contact")
        case "withdrawn":
            town.gitlab.change_labels(issue, remove=["SSAT::Contact"], by=town.blake_gitlab)
            town.gitlab.edit(issue, description="Never mind.", by=town.blake_gitlab)
            await town.card(issue, "withdrawn")
        case "deleted":
            town.gitlab.edit(issue, title="About to go", by=town.blake_gitlab)
            town.gitlab.delete_issue(issue)
            await town.card(issue, "No longer in GitLab")
    await town.settled()
    before = (town.choices(), len(issue.comments))

    said = await words_for(town, town.avery, lambda: town.slack.click(town.avery, card, "Claim"))

    assert words in said
    await town.settled()
    assert (town.choices(), len(issue.comments)) == before
    assert PROJECT not in said
