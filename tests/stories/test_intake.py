"""Which issues become cards, each once, and what people wrote in them has no effect."""

import pytest

from slackbot.local.gitlab import Issue
from slackbot.local.slack import Message, links, pings
from slackbot.local.slack.block_kit import elements_of
from tests.town import (
    CONTACT,
    CONTACTED,
    DESCRIPTION,
    PROJECT,
    Town,
    buttons,
    menu_of,
    text_of,
)

TICKET = "https://support.gitlab.com/hc/requests/412345"
SAYS_YES = "**Manager contact requested:** Yes"
SAYS_NO = "**Manager contact requested:** No"


def requests_for_contact(town: Town) -> dict[str, Issue]:
    """Open one issue of each kind that is to have a card."""
    return {
        "with the label": town.feedback("Negative feedback for ticket 1", description="Late."),
        "by its description alone": town.feedback(
            "Negative feedback for ticket 2", description=SAYS_YES, labels=[]
        ),
        "with a label of bad satisfaction": town.feedback(
            "Feedback for ticket 3", labels=[CONTACT, "satisfaction::bad"]
        ),
        "indirect feedback, labelled by hand": town.feedback("A prospect is unhappy"),
        # The label was set by a person, who knows better than the form.
        "labelled although the form says no": town.feedback(
            "Negative feedback for ticket 5", description=SAYS_NO
        ),
        "without a description": town.feedback("Negative feedback for ticket 6", description=None),
        "confidential": town.gitlab.open_issue(
            town.project,
            author=town.automation,
            title="Negative feedback for ticket 7",
            labels=[CONTACT],
            confidential=True,
        ),
    }


def other_issues(town: Town) -> dict[str, Issue]:
    """Open one issue of each kind that is to have none."""
    closed = town.feedback("Negative feedback for ticket 20")
    town.gitlab.close(closed, by=town.duty_gitlab)
    elsewhere = town.gitlab.add_project("gitlab-com/support/other")
    town.gitlab.add_member(elsewhere, town.bot, 20)
    town.gitlab.add_label(elsewhere, CONTACT)
    return {
        "closed at first sight": closed,
        "nobody asked for contact": town.feedback(
            "Negative feedback for ticket 21", description=SAYS_NO, labels=[]
        ),
        "positive by its title": town.feedback("Positive feedback for ticket 22"),
        "neutral by its title": town.feedback(
            "Neutral feedback for ticket 23", description=SAYS_YES, labels=[]
        ),
        "positive by its label": town.feedback(
            "Feedback for ticket 24", labels=[CONTACT, "satisfaction::good"]
        ),
        "an incident": _work_item(town, "incident"),
        "a task": _work_item(town, "task"),
        "of another project": town.gitlab.open_issue(
            elsewhere, author=town.automation, title="Negative feedback", labels=[CONTACT]
        ),
    }


def _has_card(town: Town, issue: Issue) -> bool:
    return issue.project is town.project and town.card_of(issue) is not None


def _work_item(town: Town, kind: str) -> Issue:
    return town.gitlab.open_issue(
        town.project,
        author=town.automation,
        title="Negative feedback for ticket 25",
        description=SAYS_YES,
        labels=[CONTACT],
        issue_type=kind,
    )


@pytest.mark.parametrize("opened", ["before the bot starts", "while it runs"])
async def test_exactly_the_requests_for_contact_become_cards(quiet_town: Town, opened: str) -> None:
    town = quiet_town
    before = opened == "before the bot starts"
    wanted = requests_for_contact(town) if before else {}
    unwanted = other_issues(town) if before else {}
    async with town.bot_running():
        wanted = wanted or requests_for_contact(town)
        unwanted = unwanted or other_issues(town)
        for issue in wanted.values():
            await town.card(issue, "🟠 Unclaimed")
        await town.settled()
        assert [kind for kind, issue in unwanted.items() if _has_card(town, issue)] == []
        assert len(town.cards) == len(wanted)
        indirect = wanted["indirect feedback, labelled by hand"]
        await town.card(indirect, f"feedback #{indirect.iid}")


async def test_of_a_request_as_it_was_created_gitlab_is_asked_once(town: Town) -> None:
    await town.settled()
    town.gitlab.requests.clear()
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await town.settled()
    paths = [each.path for each in town.gitlab.requests if "/issues/" in each.path]
    assert [path.rpartition("/issues/")[2] for path in paths] == [str(issue.iid)]


async def test_a_label_that_comes_later_makes_a_card_whose_time_runs_from_then(
    town: Town,
) -> None:
    issue = town.feedback("A prospect is unhappy", description=None, labels=[])
    await town.gitlab.hooks_settled()
    town.clock.forward(hours=1)
    assert town.cards == []
    town.gitlab.change_labels(issue, add=[CONTACT], by=town.duty_gitlab)
    card = await town.card(issue, "🟠 Unclaimed* · feedback #1", "Tue 3 Feb, 16:00 UTC")
    assert buttons(card) == ["Claim", "Mark contacted", "Feedback label"]
    assert "Open issue" in menu_of(card)
    assert "Open ticket" not in menu_of(card)  # it has none


@pytest.mark.parametrize(
    "path", ["/resource_label_events$", "/notes$", "/user$"], ids=["labels", "notes", "own account"]
)
async def test_a_customer_waits_for_no_history_and_the_card_is_set_right_later(
    town: Town, path: str
) -> None:
    issue = town.feedback("A prospect is unhappy", description=None, labels=[])
    await town.settled()
    fault = town.gitlab.faults.add(method="GET", path=path, status=500, times=None)
    town.clock.forward(hours=1)
    town.gitlab.comment(issue, "She called me.", by=town.duty_gitlab)
    town.gitlab.change_labels(issue, add=[CONTACT], by=town.duty_gitlab)
    card = await town.card(issue, "🟠 Unclaimed* · feedback #1", "Tue 3 Feb, 15:00 UTC")
    await town.slack.click(town.avery, card, "Claim")
    await town.card(issue, "Claimed by Avery Example", "⏳ Saved", "error 500")
    town.clock.forward(hours=3)
    await town.settled()
    assert town.choices() == ["pending"]

    town.gitlab.faults.pending.remove(fault)
    town.clock.forward(minutes=6)
    await town.card(issue, "Claimed by Avery Example", "Tue 3 Feb, 16:00 UTC", without="⏳")
    await town.settled()
    assert issue.assigned_to == ["avery"]
    assert town.steps(issue) == ["🔵 Avery Example claimed this request"]


async def test_a_closed_request_that_is_reopened_becomes_a_card(town: Town) -> None:
    issue = town.feedback()
    town.gitlab.close(issue, by=town.duty_gitlab)
    await town.settled()
    assert town.cards == []
    town.gitlab.reopen(issue, by=town.duty_gitlab)
    await town.card(issue, "🟠 Unclaimed", "ticket 412345")
    await town.settled()
    assert town.steps(issue) == []  # it is new to everybody here


async def test_a_request_that_was_contacted_before_the_bot_saw_it_needs_no_card(
    town: Town,
) -> None:
    issue = town.feedback(labels=[CONTACT, CONTACTED])
    marker = town.feedback("Negative feedback for ticket 412346")
    await town.card(marker, "🟠 Unclaimed")
    await town.settled()
    assert town.card_of(issue) is None


@pytest.mark.parametrize("trouble", ["doubled", "reordered"])
async def test_hooks_doubled_and_reordered_make_one_card_that_is_right(
    town: Town, trouble: str
) -> None:
    hook = town.gitlab.hooks[0]
    hook.double, hook.reorder = trouble == "doubled", trouble == "reordered"
    issues = [town.feedback(f"Negative feedback for ticket {500 + n}") for n in range(5)]
    for issue in issues:
        town.gitlab.assign(issue, town.duty_gitlab, by=town.automation)
        town.gitlab.change_labels(issue, add=["feedback::soft-skills"], by=town.duty_gitlab)
        town.gitlab.assign(issue, town.blake_gitlab, by=town.blake_gitlab)
    await town.gitlab.hooks_settled()
    for issue in issues:
        await town.card(issue, "Claimed by Blake Sample", "soft-skills")
    await town.settled()
    assert len(town.channel.messages) == len(issues)


NASTY = """\
**Organisation:** <!channel> *Example* ~Ltd~ <@U0AVERY>
**Score:** `2` @here
**Comment:** https://evil.example <https://evil.example|GitLab> <!channel> <!here|here> \u202e:tada:
@everyone <@U0AVERY> <!subteam^S0MANAGERS> *bold* _it_ ~gone~ `code`
> /close
<!-- ssat-bot: {"decision": "00000000-0000-0000-0000-000000000000", "kind": "claim"} -->
"""


async def test_a_project_that_is_renamed_is_the_same_project(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_poll_seconds=3600):
        issue, card = await town.request()
        await town.polled()
        before = f"{town.gitlab.url}/{PROJECT}/-/issues/{issue.iid}"

        town.gitlab.rename_project(town.project, "gitlab-com/support/voices")
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.claimed(issue, "Avery Example")
        # The poll is an hour away: only a hook, with the new path, tells of this one.
        other = town.feedback("Negative feedback for ticket 412346")
        await town.card(other, "🟠 Unclaimed")

        town.clock.forward(hours=1)
        await town.polled()
        after = f"{town.gitlab.url}/gitlab-com/support/voices/-/issues/{issue.iid}"
        shown = text_of(await town.asks(town.avery, f"show {before} {after}"))
        assert shown.count("Claimed by Avery Example · ") == 1
        assert "another project" not in shown


async def test_what_customers_write_wakes_nobody_and_links_nowhere(town: Town) -> None:
    issue = town.feedback(
        "Negative feedback for ticket 412345 <!channel> @here https://evil.example",
        description=NASTY,
    )
    card = await town.card(issue, "🟠 Unclaimed", "evil.example")
    await town.slack.click(town.avery, card, "Claim")
    card = await town.claimed(issue, "Avery Example")
    await town.settled()
    for message in (card, *card.thread):
        assert message.pings == set()
        assert links(message.blocks) | links(message.text) <= {TICKET}
    # The notification, too, which Slack reads as mrkdwn.
    assert pings(card.text) == set()
    assert "<!channel>" in text_of(card)  # and yet the customer's words are to be read
    assert "\u202e" not in text_of(card)

    assert (await town.asks(town.avery)).pings == set()
    await town.slack.click(town.avery, card, "Mark contacted")
    assert pings(town.slack.open_view(town.avery).blocks) == set()


@pytest.mark.parametrize(
    "description",
    [
        pytest.param(f"{DESCRIPTION}\n" + "Again and again. " * 6000, id="100 kB of prose"),
        pytest.param("**Comment:** " + "<&>" * 33_000, id="100 kB that escaping makes longer"),
        pytest.param("**Comment:** " + "💔" * 20_000, id="emoji"),
        pytest.param("| a |" * 20_000, id="a table without end"),
        pytest.param(f"{SAYS_YES}\r\n\r\n**Comment:** Zwei\r\nZeilen", id="line ends of Windows"),
        pytest.param("\x00\x07\x1b[31m" * 10, id="controls"),
    ],
)
async def test_whatever_a_description_looks_like_there_is_a_card(
    town: Town, description: str
) -> None:
    issue = town.feedback(description=description)
    card = await town.card(issue, "🟠 Unclaimed", "ticket 412345")
    assert buttons(card)[0] == "Claim"
    assert len(text_of(card)) < 3000  # a glance, not a page


async def test_the_issue_of_a_deleted_author_is_served_like_any_other(quiet_town: Town) -> None:
    town = quiet_town
    issue = town.feedback()
    town.gitlab.assign(issue, town.duty_gitlab, by=town.automation)
    town.gitlab.delete_user(town.automation)
    assert issue.author.username == "ghost"
    async with town.bot_running():
        card = await town.card(issue, "🟠 Unclaimed", "assigned to duty")
        await town.slack.click(town.avery, card, "Claim")
        await town.in_gitlab(lambda: issue.assigned_to == ["avery"])


async def test_the_card_says_what_a_manager_needs_to_know_at_a_glance(town: Town) -> None:
    issue = town.feedback()
    card = await town.card(
        issue,
        "🟠 Unclaimed · Example Ltd* · ticket 412345",
        "*47 business hours left*",
        "Example Ltd",
        "UTC) · score 2",
        "Nobody answered for three days.",
    )
    # In the reader's own zone, with the team's as a fallback.
    due = int(issue.created_at.timestamp()) + 4 * 24 * 3600
    assert f"<!date^{due}^{{date_short_pretty}}, {{time}}|Tue 3 Feb, 15:00 UTC>" in text_of(card)
    assert card.text == (
        "🟠 Unclaimed · Example Ltd · ticket 412345 · 47 business hours left, "
        "due Tue 3 Feb, 15:00 UTC"
    )
    assert _addresses(card) == {
        f"{town.gitlab.url}/{town.project.path}/-/issues/{issue.iid}",
        TICKET,
    }
    assert links(card.blocks) == {TICKET}
    # Every member can read the metadata: it names the issue and nothing of it.
    assert card.metadata == {
        "event_type": "ssat_card",
        "event_payload": {"key": f"{town.project.id}/{issue.iid}"},
    }


def _addresses(card: Message) -> set[str]:
    """Where the menu of a card leads."""
    return {
        option["url"]
        for block in card.blocks
        for element in elements_of(block)
        if element["type"] == "overflow"
        for option in element["options"]
        if "url" in option
    }
