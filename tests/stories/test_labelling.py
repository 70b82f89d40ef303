"""The feedback label: which are offered, and what choosing one does in GitLab."""

import pytest

from slackbot.blocks.text import without_scope
from slackbot.local.slack import Message
from slackbot.rules.handbook import HANDBOOK_LABELS
from tests.town import Town, as_seen, chosen_label, label_select, text_of

SOFT_SKILLS, SFDC = "feedback::soft-skills", "feedback::process-sfdc"
OUTSIDE = "feedback::outside-support"


def offered(card: Message) -> dict[str, str]:
    """Return the labels that a card offers, with their descriptions."""
    return {
        option["value"]: option.get("description", {}).get("text", "")
        for option in label_select(card)["options"]
    }


async def test_the_projects_own_labels_are_offered_with_what_they_mean(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.gitlab.delete_label(town.project, "feedback::known-issue")
    town.gitlab.archive_label(town.project, "feedback::missing-info-by-engineer")
    town.gitlab.add_label(town.project, "feedback::missing docs", "A name with a space")
    town.gitlab.add_label(town.project, "feedback::unexplained")
    # Neither of this scope: GitLab cuts at the last colons.
    town.gitlab.add_label(town.project, "feedback::product::login", "Another scope")
    town.gitlab.add_label(town.project, "feedback", "No scope at all")
    async with town.bot_running():
        issue = town.feedback()
        card = await town.card(issue, "🟠 Unclaimed")
        assert chosen_label(card) is None

        gone = {"feedback::known-issue", "feedback::missing-info-by-engineer"}
        own = set(HANDBOOK_LABELS) - gone
        assert set(offered(card)) == own | {"feedback::missing docs", "feedback::unexplained"}
        assert offered(card)["feedback::missing docs"] == "A name with a space"
        assert offered(card)["feedback::unexplained"] == ""
        # Slack shows 75 characters: a longer text ends after a whole word.
        full = HANDBOOK_LABELS[SFDC]
        short = offered(card)[SFDC]
        assert len(short) <= 75
        assert short == "Problem caused by Zendesk-Salesforce integration (includes delays due to…"
        assert full.startswith(short.removesuffix("…") + " ")

        await town.slack.choose(town.avery, card, "Feedback label", SFDC)

        card = await town.card(issue, without_scope(SFDC), delivered=True)
        assert chosen_label(card) == SFDC
        assert SFDC in issue.labels
        await town.thread(issue, "Avery Example chose the feedback label", SFDC)
        assert issue.comments[0].body.startswith(
            f"**Feedback label** `{SFDC}` chosen by Avery Example (`@avery`)."
        )


async def test_choosing_a_label_tells_first_what_it_will_do(town: Town) -> None:
    issue, card = await town.request()
    asked = label_select(card)["confirm"]
    assert asked["title"]["text"] == "Set this feedback label?"
    assert "GitLab gets the label and a note with your name." in asked["text"]["text"]
    seen = await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS, confirm=False)
    assert not seen.sent
    assert (await town.slack.choose(town.avery, card, "Feedback label", OUTSIDE)).ok
    await town.card(issue, without_scope(OUTSIDE), delivered=True)
    await town.settled()
    assert issue.labels == ["SSAT::Contact", OUTSIDE]
    assert len(issue.comments) == 1


async def test_an_owner_is_told_of_the_label_that_a_colleague_chose(town: Town) -> None:
    issue, card = await town.request()
    await town.slack.click(town.avery, card, "Claim")
    card = await town.claimed(issue, "Avery Example")
    await town.slack.choose(town.blake, card, "Feedback label", OUTSIDE)
    told = await town.thread(issue, f"Blake Sample chose the feedback label *{OUTSIDE}*")
    assert told.pings == {"<@U0AVERY>"}
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    told = await town.thread(issue, f"Avery Example chose the feedback label *{SOFT_SKILLS}*")
    assert told.pings == set()


@pytest.mark.parametrize("tier", ["free", "paid"])
async def test_a_choice_replaces_the_other_label_of_the_scope_at_once(
    town: Town, tier: str
) -> None:
    town.gitlab.premium = tier == "paid"
    issue = town.feedback(labels=["SSAT::Contact", "satisfaction::bad", SOFT_SKILLS])
    card = await town.card(issue, without_scope(SOFT_SKILLS))

    await town.slack.choose(town.blake, card, "Feedback label", OUTSIDE)

    card = await town.card(issue, without_scope(OUTSIDE), delivered=True)
    assert issue.labels == ["SSAT::Contact", OUTSIDE, "satisfaction::bad"]
    assert "(before: `feedback::soft-skills`)" in issue.comments[0].body
    [put] = [write.body for write in town.writes(issue) if write.method == "PUT"]
    assert isinstance(put, dict)
    assert put["add_labels"] == OUTSIDE
    removed = put["remove_labels"].split(",")
    assert SOFT_SKILLS in removed
    assert OUTSIDE not in removed
    assert all(name.startswith("feedback::") for name in removed)

    await town.slack.choose(town.blake, card, "Feedback label", OUTSIDE)
    await town.told(town.blake, "The request already has this feedback label")


async def test_a_label_archived_in_gitlab_is_not_set_and_the_person_is_told(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.archive_label(town.project, SOFT_SKILLS)

    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)

    problem = f"The project has no label {SOFT_SKILLS}, or has archived it"
    await town.thread(issue, "<@U0AVERY>", problem)
    assert chosen_label(await town.card(issue, "GitLab rejected this:")) is None
    await town.settled()
    assert town.writes(issue) == []


async def test_a_label_deleted_in_gitlab_is_never_created_and_the_person_is_told(
    town: Town,
) -> None:
    issue, card = await town.request()
    town.gitlab.delete_label(town.project, SOFT_SKILLS)

    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)

    await town.thread(issue, "<@U0AVERY>", "The project has no label feedback::soft-skills")
    card = await town.card(issue, "GitLab rejected this:", "The project has no label")
    assert chosen_label(card) is None
    await town.settled()
    assert town.project.labels_created_silently == []
    assert town.writes(issue) == []

    # Somebody creates it again: then the choice can be tried again.
    town.gitlab.add_label(town.project, SOFT_SKILLS)
    await town.slack.click(town.avery, card, "Try again")
    await town.card(issue, without_scope(SOFT_SKILLS), delivered=True)
    assert SOFT_SKILLS in issue.labels


async def test_labels_changed_in_gitlab_show_on_the_cards_after_a_poll(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_poll_seconds=0.2):
        issue = town.feedback()
        await town.card(issue, "🟠 Unclaimed")
        town.gitlab.add_label(town.project, "feedback::new-product-issue", "The page is outdated")
        town.gitlab.delete_label(town.project, "feedback::product-new-issue")

        def follows() -> bool:
            card = town.card_of(issue)
            return bool(card) and "feedback::new-product-issue" in offered(card)  # type: ignore[arg-type]

        await town.slack.wait_for(follows)
        card = await town.card(issue, "🟠 Unclaimed")
        assert offered(card)["feedback::new-product-issue"] == "The page is outdated"
        assert "feedback::product-new-issue" not in offered(card)


async def test_the_handbooks_fifteen_are_offered_until_the_project_has_been_asked(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.gitlab.faults.add(method="GET", path="/labels", status=502, times=None)
    async with town.bot_running():
        _, card = await town.request()
        assert len(offered(card)) == 15
        assert set(offered(card)) == set(HANDBOOK_LABELS)


async def test_a_label_that_somebody_set_in_gitlab_meanwhile_is_not_overwritten(
    town: Town,
) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    town.gitlab.down()
    await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
    await town.card(issue, without_scope(SOFT_SKILLS), "⏳ Saved")
    town.gitlab.change_labels(issue, add=[OUTSIDE], by=town.blake_gitlab)
    town.gitlab.up()
    town.clock.forward(minutes=1)

    await town.thread(issue, "<@U0AVERY>", f"was changed to {OUTSIDE}")
    await town.thread(issue, f"Blake Sample chose the feedback label *{OUTSIDE}* in GitLab")
    card = await town.card(issue, f"label {SOFT_SKILLS} by Avery Example")
    assert chosen_label(card) == OUTSIDE
    await town.settled()
    assert town.writes(issue) == []

    # Dismissed, the choice is gone and GitLab's label stays.
    await town.slack.click(town.avery, card, "Dismiss")
    card = await town.card(issue, without_scope(OUTSIDE), delivered=True)
    assert SOFT_SKILLS not in text_of(card)
    await town.settled()
    assert issue.labels == ["SSAT::Contact", OUTSIDE]
