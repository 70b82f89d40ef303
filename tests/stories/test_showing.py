"""Feedback that a message is about: the shortcut "Show feedback", and pasted links."""

from typing import Any

import pytest

from slackbot.handlers.showing import SHOW_FEEDBACK
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Ephemeral, Message, User
from tests.town import PROJECT, Town, buttons, text_of


async def shows(town: Town, user: User, message: Message) -> Ephemeral:
    """Let somebody choose the shortcut on a message; return what only they are shown."""
    before = len(town.slack.ephemerals)
    assert (await town.slack.shortcut(user, message, SHOW_FEEDBACK)).ok
    told = await town.slack.wait_for(lambda: town.slack.ephemerals[before:])
    assert [one.user for one in told] == [user.id]
    return told[0]


def link_to(town: Town, issue: Issue) -> str:
    return f"{town.gitlab.url}/{PROJECT}/-/issues/{issue.iid}"


async def test_the_feedback_that_a_message_names_is_shown_with_its_buttons(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    message = town.slack.person_posts(town.blake, town.channel, "Who has ticket 412345?")
    shown = await shows(town, town.avery, message)
    assert "🟠 Unclaimed · Example Ltd · ticket 412345" in text_of(shown)
    assert buttons(shown) == ["Claim", "Mark contacted"]

    assert (await town.slack.click(town.avery, shown, "Claim")).ok
    await town.claimed(issue, "Avery Example")
    await town.slack.wait_for(lambda: "Claimed" in text_of(town.slack.ephemerals[-1]))
    assert shown not in town.slack.ephemerals


async def test_the_feedback_of_a_link_and_of_a_card_is_shown(town: Town) -> None:
    issue, other = town.feedback(), town.feedback("Negative feedback for ticket 412346")
    card = await town.card(issue, "🟠 Unclaimed")
    await town.card(other, "🟠 Unclaimed")
    await town.polled()
    pasted = town.slack.person_posts(town.blake, town.channel, f"See <{link_to(town, other)}>")
    assert "ticket 412346" in text_of(await shows(town, town.avery, pasted))
    shown = text_of(await shows(town, town.avery, card))
    assert shown.count("🟠 Unclaimed · Example Ltd · ticket 412345") == 1
    assert "412346" not in shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Good morning!", "This message names no ticket and no feedback issue."),
        ("ticket 999999 is odd", "I don't know ticket 999999."),
        ("https://gitlab.com/other/one/-/issues/7", "is in another project"),
    ],
)
async def test_a_message_without_feedback_gets_a_sentence(
    town: Town, text: str, words: str
) -> None:
    message = town.slack.person_posts(town.blake, town.channel, text)
    assert words in text_of(await shows(town, town.avery, message))


async def test_a_stranger_is_shown_nothing_by_the_shortcut(town: Town) -> None:
    await town.card(town.feedback(), "🟠 Unclaimed")
    stranger = town.slack.add_user("U0STRANGER", "stranger", is_restricted=True)
    message = town.slack.person_posts(stranger, town.channel, "ticket 412345")
    shown = text_of(await shows(town, stranger, message))
    assert "Guests can't take action" in shown
    assert "412345" not in shown


# --- Pasted links ------------------------------------------------------------------------------


async def settled_without_unfurl(town: Town, message: Message) -> None:
    await town.settled()
    assert message.unfurls == {}
    assert not [one for one in town.slack.requests if one.method == "chat.unfurl"]


async def test_a_pasted_link_shows_the_state_in_the_channel_of_the_cards(town: Town) -> None:
    issue = town.feedback()
    plain = town.feedback("Positive feedback for ticket 412399", description=None, labels=[])
    await town.card(issue, "🟠 Unclaimed")
    await town.polled()
    await town.settled()
    first, second = link_to(town, issue), link_to(town, plain)
    message, heard = await town.slack.share_link(
        town.blake, town.channel, f"Look: {first} and {second} and {town.gitlab.url}/other"
    )
    assert heard is not None
    assert heard.ok
    await town.slack.wait_for(lambda: len(message.unfurls) == 2)
    shown = str(message.unfurls[first])
    assert "🟠 Unclaimed · Example Ltd · ticket 412345" in shown
    assert "Positive feedback · ticket 412399" in str(message.unfurls[second])
    assert "Nobody answered" not in shown  # none of the customer's words
    assert "button" not in shown


async def test_a_link_is_a_link_where_not_everybody_may_look(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await town.polled()
    elsewhere = town.slack.add_channel("elsewhere", members=[town.avery])
    message, _ = await town.slack.share_link(town.avery, elsewhere, link_to(town, issue))
    await shared_after(town, issue)
    assert message.unfurls == {}


@pytest.mark.parametrize(
    "kind", [{"is_restricted": True}, {"team_id": "T0CUSTOMER"}, {"is_bot": True}]
)
async def test_a_link_of_a_stranger_is_a_link(town: Town, kind: dict[str, Any]) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await town.polled()
    stranger = town.slack.add_user("U0STRANGER", "stranger", **kind)
    message, _ = await town.slack.share_link(stranger, town.channel, link_to(town, issue))
    await shared_after(town, issue)
    assert message.unfurls == {}


async def test_a_link_to_another_project_is_a_link(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await town.polled()
    foreign = f"{town.gitlab.url}/other/project/-/issues/{issue.iid}"
    message, _ = await town.slack.share_link(town.avery, town.channel, foreign)
    await shared_after(town, issue)
    assert message.unfurls == {}


async def test_links_say_the_address_that_people_use_not_that_of_the_api(quiet_town: Town) -> None:
    town = quiet_town
    town.gitlab.external_url = "https://gitlab.example.com"
    town.slack.unfurl_domains.add("gitlab.example.com")
    async with town.bot_running():
        issue, card = await town.request()
        await town.polled()
        link = f"https://gitlab.example.com/{PROJECT}/-/issues/{issue.iid}"
        assert link in str(card.blocks)
        assert "ticket 412345" in text_of(await town.asks(town.avery, f"show {link}"))
        assert "ticket 412345" in text_of(await shows(town, town.avery, card))
        message, _ = await town.slack.share_link(town.blake, town.channel, link)
        await town.slack.wait_for(lambda: message.unfurls)
        # What people pasted before GitLab got that address still works.
        inner = await town.asks(town.avery, f"show {link_to(town, issue)}")
        assert "ticket 412345" in text_of(inner)


async def shared_after(town: Town, issue: Issue) -> None:
    """Let a link be shown that may be, so that an earlier one has had its time."""
    message, _ = await town.slack.share_link(town.avery, town.channel, link_to(town, issue))
    await town.slack.wait_for(lambda: message.unfurls)


async def test_without_the_scope_a_link_is_a_link(quiet_town: Town) -> None:
    town = quiet_town
    town.slack.scopes.remove("links:write")
    async with town.bot_running():
        issue = town.feedback()
        await town.card(issue, "🟠 Unclaimed")
        await town.polled()
        message, heard = await town.slack.share_link(town.avery, town.channel, link_to(town, issue))
        assert heard is not None
        assert heard.ok
        await settled_without_unfurl(town, message)


async def test_a_link_that_is_only_typed_so_far_is_left_alone(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await town.polled()
    url = link_to(town, issue)
    event = {
        "type": "link_shared",
        "channel": "COMPOSER",
        "user": town.avery.id,
        "message_ts": "u-1",
        "unfurl_id": "u-1",
        "source": "composer",
        "links": [{"domain": url.split("/")[2], "url": url}],
    }
    await town.slack.send_event(event)
    await shared_after(town, issue)
    assert [one.ok for one in town.slack.requests if one.method == "chat.unfurl"] == [True]


async def test_a_link_in_a_message_that_is_gone_again_troubles_nobody(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await town.polled()
    town.slack.faults.add("chat.unfurl", error="cannot_unfurl_message")
    message, heard = await town.slack.share_link(town.avery, town.channel, link_to(town, issue))
    assert heard is not None
    assert heard.ok
    await town.slack.wait_for(
        lambda: [one for one in town.slack.requests if one.method == "chat.unfurl"]
    )
    assert message.unfurls == {}
