"""Reviewing a feedback: the handbook's comment, closing, notes, and what can be taken back."""

from typing import Any

import pytest

from slackbot.blocks.text import without_scope
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Ephemeral, Message, Outcome
from slackbot.rules.handbook import HANDBOOK_LABELS, PAGE
from tests.stories.test_contacting import EMAIL
from tests.town import CONTACT, CONTACTED, Town, buttons, menu_of, text_of

BAD = "satisfaction::bad"
SOFT_SKILLS, OUTSIDE = "feedback::soft-skills", "feedback::outside-support"
SUMMARY = "Summary of ticket/feedback"
WORDS = "### Comment\n\nThree days of silence.\n"


async def bad_feedback(town: Town, **options: Any) -> tuple[Issue, Ephemeral]:
    """Let one come that asks for no contact; return its row in the answer to ``/ssat bad``."""
    issue = town.feedback(description=WORDS, labels=[BAD], **options)
    await town.settled()
    return issue, await town.asks(town.avery, "bad")


async def fill_in(town: Town, place: Message | Ephemeral, offer: str, **inputs: Any) -> Outcome:
    """Open a form from the menu, and send it."""
    assert (await town.slack.choose(town.avery, place, "menu", offer)).ok
    return await town.slack.submit(town.avery, inputs)


async def more(town: Town, place: Message | Ephemeral, offer: str, **inputs: Any) -> Outcome:
    """Open a form from the list of all that can be done, and send it."""
    assert (await town.slack.choose(town.avery, place, "menu", "More…")).ok
    everything = town.slack.open_view(town.avery)
    assert (await town.slack.click(town.avery, everything, offer)).ok
    return await town.slack.submit(town.avery, inputs)


async def comment(town: Town, issue: Issue, words: str) -> str:
    def said() -> list[str]:
        return [each.body for each in issue.comments if words in each.body]

    [body] = await town.in_gitlab(said)
    return body


# --- What is offered ----------------------------------------------------------------------------


async def test_everything_that_the_two_sections_name_is_offered_on_a_card(town: Town) -> None:
    """Of the handbook: "If there is action to be taken", "If the customer should be contacted"."""
    _, card = await town.request()
    assert {"Claim", "Mark contacted"} <= set(buttons(card))
    assert {"Open issue", "Open ticket"} <= set(menu_of(card))
    assert (await town.slack.choose(town.avery, card, "menu", "More…")).ok
    offered = {
        block["accessory"]["text"]["text"]
        for block in town.slack.open_view(town.avery).blocks
        if "accessory" in block
    }
    assert offered >= {
        "Follow-up issue…",
        "Tell a manager…",
        "Tell a product group…",
        "Waiting on…",
        "Close without contact…",
        "Draft email…",
        "Mark contacted",
        "Add note…",
    }


# --- Review ------------------------------------------------------------------------------------


async def test_a_review_becomes_the_handbooks_comment(town: Town) -> None:
    issue, row = await bad_feedback(town)

    assert (await town.slack.choose(town.avery, row, "menu", "Review…")).ok
    view = town.slack.open_view(town.avery)
    assert view.title == "Review feedback"
    assert "Three days of silence." in text_of(view)
    answers = {
        SUMMARY: "They waited.\n/close\n@blake said so.",
        "Action to be taken": "Talk to the team.",
        "Feedback label": SOFT_SKILLS,
    }
    assert (await town.slack.submit(town.avery, answers)).ok
    # No card would show it.
    view = town.slack.open_view(town.avery)
    assert view.title == "Saved"
    assert "ticket 412345" in text_of(view)

    body = await comment(town, issue, "**Reviewed** by Avery Example (`@avery`).")
    assert (
        "* **Summary of ticket/feedback:**\n  > They waited.\n  > /close\n  > \\@blake said so.\n"
        "* **Action to be taken:**\n  > Talk to the team.\n"
        "* **Contact customer to discuss feedback? (Y/N)** N\n"
    ) in body
    await town.settled()
    assert set(issue.labels) == {BAD, SOFT_SKILLS}
    assert issue.state == "opened"
    # Reviewed and labeled, it awaits no triage.
    assert "412345" not in text_of(await town.asks(town.avery))
    assert "reviewed by Avery Example" in text_of(await town.asks(town.avery, "bad"))


async def test_the_next_action_of_indirect_feedback_is_in_the_review(town: Town) -> None:
    description = f"**Next action:** File a docs issue for `runner`.\n\n{WORDS}"
    issue = town.feedback("Indirect feedback from Acme", description=description, labels=[])
    await town.gitlab.hooks_settled()
    await town.settled()
    row = await town.asks(town.avery)
    assert (await town.slack.choose(town.avery, row, "menu", "Review…")).ok
    view = town.slack.open_view(town.avery)
    assert "Three days of silence." in text_of(view)
    assert "Chosen by the account team." in str(view.blocks)
    assert (await town.slack.submit(town.avery, {SUMMARY: "They waited."})).ok
    body = await comment(town, issue, "**Reviewed** by Avery Example (`@avery`).")
    assert "* **Action to be taken:**\n  > File a docs issue for `runner`.\n" in body


async def test_a_review_that_wants_a_contact_leads_to_it(town: Town) -> None:
    issue, row = await bad_feedback(town)

    await fill_in(town, row, "Review…", **{SUMMARY: "They waited.", "contact": "Yes"})
    following = town.slack.open_view(town.avery)
    assert following.title == "Draft email"
    assert "The review is saved." in text_of(following)
    assert (await town.slack.submit(town.avery, {})).ok
    assert town.slack.open_view(town.avery).title == "Mark contacted"
    assert (await town.slack.submit(town.avery, {})).ok

    await comment(town, issue, "(Y/N)** Y")
    await comment(town, issue, "**Customer contacted** by email by Avery Example")
    await town.settled()
    assert issue.state == "closed"
    assert CONTACTED in issue.labels


async def test_a_contact_that_a_review_promises_is_watched_until_it_happened(town: Town) -> None:
    issue, row = await bad_feedback(town)
    answers = {SUMMARY: "They waited.", "Action to be taken": "Call them.", "contact": "Yes"}
    assert (await fill_in(town, row, "Review…", **answers)).ok
    await town.slack.close_view(town.avery)
    await comment(town, issue, "(Y/N)** Y")
    await town.settled()
    rows = await town.asks(town.avery)
    assert "to be contacted, by its review" in text_of(rows)

    by_call = {"How did you contact the customer?": "Call"}
    assert (await more(town, rows, "Mark contacted", **by_call)).ok
    await town.settled()
    assert "412345" not in text_of(await town.asks(town.avery))


async def test_a_review_without_an_action_offers_to_close(town: Town) -> None:
    issue, row = await bad_feedback(town)

    await fill_in(town, row, "Review…", **{SUMMARY: "A wrong click."})
    assert town.slack.open_view(town.avery).title == "Close feedback"
    assert (await town.slack.submit(town.avery, {"Why?": "No action is needed"})).ok

    await comment(town, issue, "**Closed** by Avery Example (`@avery`): no action")
    await town.settled()
    assert issue.state == "closed"
    assert "closed by Avery Example" not in text_of(await town.asks(town.avery, "bad"))


@pytest.mark.parametrize("offer", ["Review…", "Change label…"])
async def test_a_form_with_the_label_links_all_descriptions_and_says_the_long_ones(
    town: Town, offer: str
) -> None:
    _, card = await town.request()
    assert (await town.slack.choose(town.avery, card, "menu", "More…")).ok
    everything = town.slack.open_view(town.avery)
    assert (await town.slack.click(town.avery, everything, offer)).ok
    shown = text_of(town.slack.open_view(town.avery))
    labels = f"{town.gitlab.url}/{town.project.path}/-/labels?search=feedback%3A%3A"
    assert f"<{labels}|All labels with their descriptions>" in shown
    assert f"<{PAGE}|the handbook>" in shown
    # Slack's options have room for 75 characters.
    assert f"*feedback::process-sfdc*: {HANDBOOK_LABELS['feedback::process-sfdc']}" in shown


async def test_a_review_without_a_summary_is_refused_at_its_field(town: Town) -> None:
    _, row = await bad_feedback(town)
    outcome = await fill_in(town, row, "Review…", **{SUMMARY: " \u3164 "})
    assert outcome.errors == {
        "summary": "Say in a sentence what the ticket and the feedback are about."
    }
    assert town.slack.open_view(town.avery).title == "Review feedback"


async def test_the_csm_is_asked_for_only_where_the_team_does(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_review_csm="true"):
        issue, row = await bad_feedback(town)
        answers = {SUMMARY: "They waited.", "Action to be taken": "Call them.", "csm": "Yes"}
        assert (await fill_in(town, row, "Review…", **answers)).ok
        await comment(town, issue, "* **Make the CSM aware? (Y/N)** Y")


async def test_a_label_that_was_renamed_while_the_form_was_open_is_said_at_its_field(
    town: Town,
) -> None:
    _, row = await bad_feedback(town)
    assert (await town.slack.choose(town.avery, row, "menu", "Review…")).ok
    town.gitlab.rename_label(town.project, SOFT_SKILLS, "feedback::people-skills")
    await town.asks(town.avery, "refresh")
    await town.polled()

    answers = {SUMMARY: "They waited.", "Feedback label": SOFT_SKILLS}
    outcome = await town.slack.submit(town.avery, answers)
    assert "The project has no label feedback::soft-skills" in outcome.errors["label"]
    # What was typed is still there.
    view = town.slack.open_view(town.avery)
    assert view.values["summary"]["summary"]["value"] == "They waited."


async def test_a_review_leaves_a_label_that_somebody_chose_meanwhile(town: Town) -> None:
    issue, row = await bad_feedback(town)
    town.gitlab.down()
    await fill_in(town, row, "Review…", **{SUMMARY: "They waited.", "Feedback label": SOFT_SKILLS})
    town.gitlab.change_labels(issue, add=[OUTSIDE], by=town.blake_gitlab)
    town.gitlab.up()

    body = await comment(town, issue, "**Reviewed** by Avery Example")
    await town.settled()
    assert set(issue.labels) == {BAD, OUTSIDE}
    assert SOFT_SKILLS not in body


async def test_a_form_that_is_sent_twice_counts_once(town: Town) -> None:
    issue, row = await bad_feedback(town)
    assert (await town.slack.choose(town.avery, row, "menu", "More…")).ok
    everything = town.slack.open_view(town.avery)
    assert (await town.slack.click(town.avery, everything, "Add note…")).ok
    outcome = await town.slack.submit(town.avery, {"Note": "Asked the team."})
    assert (await town.slack.transport.send(outcome.payload)).ok

    await comment(town, issue, "Asked the team.")
    await town.settled()
    assert len(issue.comments) == 1


# --- Closing and reopening ---------------------------------------------------------------------


async def test_a_request_is_closed_without_contact_for_a_reason(town: Town) -> None:
    issue, card = await town.request()

    assert (await town.slack.choose(town.avery, card, "menu", "More…")).ok
    everything = town.slack.open_view(town.avery)
    assert (await town.slack.click(town.avery, everything, "Close without contact…")).ok
    assert "The customer asked for contact" in text_of(town.slack.open_view(town.avery))
    reason = {"Why?": "The customer can't be reached", "In your own words": "Their mail bounces."}
    assert (await town.slack.submit(town.avery, reason)).ok
    assert not town.slack.views[town.avery.id]

    card = await town.card(issue, "Closed without contact", "by Avery Example", delivered=True)
    await comment(town, issue, "the customer can't be reached.\n\n> Their mail bounces.")
    assert issue.state == "closed"
    assert len(card.blocks) == 1


async def test_a_closed_request_is_reopened_and_waits_again(town: Town) -> None:
    issue, card = await town.request()
    await more(town, card, "Close without contact…", **{"Why?": "Another feedback says the same"})
    card = await town.card(issue, "Closed without contact", delivered=True)

    assert (await more(town, card, "Reopen…", **{"In your own words": "It was another one."})).ok
    await town.card(issue, "🟠 Unclaimed", delivered=True)
    assert issue.state == "opened"
    await town.settled()
    assert town.steps(issue)[-1] == "Avery Example reopened this"


async def test_what_was_closed_in_gitlab_is_reopened_at_the_second_try(town: Town) -> None:
    issue, _ = await town.request()
    town.gitlab.close(issue, by=town.blake_gitlab)
    card = await town.card(issue, "Closed")
    town.gitlab.faults.add(method="PUT", status=502)
    words = {"In your own words": "Nobody has called them."}
    assert (await more(town, card, "Reopen…", **words)).ok

    await town.card(issue, "🟠 Unclaimed", delivered=True)
    await town.settled()
    assert issue.state == "opened"


async def test_closing_what_somebody_else_has_closed_keeps_the_reason(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.down()
    await more(town, card, "Close without contact…", **{"Why?": "Another feedback says the same"})
    town.gitlab.close(issue, by=town.blake_gitlab)
    town.gitlab.up()

    await comment(town, issue, "another feedback says the same")
    await town.settled()
    assert issue.state == "closed"


# --- Notes, labels, contacts -------------------------------------------------------------------


async def test_a_note_is_added_before_and_after_the_close(town: Town) -> None:
    issue, card = await town.request()
    assert (await more(town, card, "Add note…", Note="Called them, no answer.")).ok
    await comment(town, issue, "**Note** by Avery Example (`@avery`):\n\n> Called them, no answer.")
    town.gitlab.close(issue, by=town.blake_gitlab)
    card = await town.card(issue, "Closed without contact", delivered=True)
    assert (await fill_in(town, card, "Add note…", Note="They wrote again.")).ok
    await comment(town, issue, "They wrote again.")
    assert (await town.thread(issue, "added a note")).pings == set()


async def test_a_label_is_changed_and_cleared_after_the_close(town: Town) -> None:
    issue, card = await town.request()
    await town.mark_contacted(
        town.avery, card, **{"What you sent": EMAIL, "Feedback label": OUTSIDE}
    )
    card = await town.card(issue, "Contacted", without_scope(OUTSIDE), delivered=True)

    assert (await fill_in(town, card, "Change label…", **{"Feedback label": SOFT_SKILLS})).ok
    card = await town.card(issue, without_scope(SOFT_SKILLS), delivered=True)
    assert (
        await fill_in(town, card, "Change label…", **{"Feedback label": "No feedback label"})
    ).ok
    await town.card(issue, "no feedback label", delivered=True)
    assert issue.labels == [CONTACT, CONTACTED]
    await comment(town, issue, f"**Feedback label** `{SOFT_SKILLS}` removed by Avery Example")


async def test_a_contact_that_did_not_happen_is_undone(town: Town) -> None:
    issue, card = await town.request()
    await town.mark_contacted(town.avery, card, **{"What you sent": EMAIL})
    card = await town.card(issue, "Contacted", delivered=True)

    assert (await more(town, card, "Undo contacted…", **{"Why?": "The mail bounced."})).ok
    await town.card(issue, "🟠 Unclaimed", delivered=True)
    assert issue.labels == [CONTACT]
    assert issue.state == "opened"
    await comment(town, issue, "**The customer was not contacted** after all")
    await town.settled()
    assert town.steps(issue)[-1].startswith("🟠 Avery Example removed the")


# --- Waiting, and missed deadlines -------------------------------------------------------------


async def test_what_a_feedback_waits_on_is_on_its_card(town: Town) -> None:
    issue, card = await town.request()
    assert (
        await more(
            town, card, "Waiting on…", **{"What does this feedback depend on?": "The docs team"}
        )
    ).ok
    card = await town.card(issue, "⏸️ waiting until", "The docs team", delivered=True)
    await comment(town, issue, "**Waiting** until 2026-01-31, says Avery Example (`@avery`), on:")


async def test_what_waited_comes_back_in_the_digest(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_digest="09:00"):
        issue, card = await town.request()
        waits = {"What does this feedback depend on?": "The docs team", "Until when?": "2026-02-03"}
        assert (await more(town, card, "Waiting on…", **waits)).ok
        await town.card(issue, "The docs team", delivered=True)

        def digests() -> list[str]:
            return [text_of(each) for each in town.channel.messages if "Good morning" in each.text]

        town.clock.forward(days=2, hours=18)  # Monday at nine
        [monday] = await town.slack.wait_for(digests)
        assert "The docs team" not in monday
        town.clock.forward(days=1)
        await town.slack.wait_for(lambda: len(digests()) == 2)
        assert "⏸️ *Waited until today* (1)" in digests()[1]
        assert "The docs team" in digests()[1]


async def test_nobody_waits_for_a_day_that_has_passed(town: Town) -> None:
    _, card = await town.request()
    outcome = await more(
        town,
        card,
        "Waiting on…",
        **{"What does this feedback depend on?": "The docs team", "Until when?": "2026-01-20"},
    )
    assert outcome.errors == {"until": "That day has passed. Choose today or a later day."}


async def test_a_missed_deadline_is_explained(town: Town) -> None:
    issue, card = await town.request()
    town.clock.forward(days=7)
    card = await town.card(issue, "🔴 Overdue")
    assert (
        await more(town, card, "Explain missed deadline…", **{"Why?": "Nobody saw the request"})
    ).ok
    await comment(
        town, issue, "**Why the deadline was missed**, by Avery Example (`@avery`): nobody"
    )
    assert (await town.thread(issue, "explained the missed deadline")).pings == set()


async def test_a_deadline_that_was_kept_needs_no_explanation(town: Town) -> None:
    _, card = await town.request()
    assert (await town.slack.choose(town.avery, card, "menu", "More…")).ok
    assert "Explain missed deadline" not in text_of(town.slack.open_view(town.avery))


# --- A lost record -----------------------------------------------------------------------------


async def test_a_lost_record_knows_again_what_was_said(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, card = await town.request()
        town.clock.forward(days=7)
        card = await town.card(issue, "🔴 Overdue")
        missed = {"Why?": "Nobody saw the request"}
        assert (await more(town, card, "Explain missed deadline…", **missed)).ok
        waits = {"What does this feedback depend on?": "The docs team"}
        assert (await more(town, card, "Waiting on…", **waits)).ok
        answers = {SUMMARY: "They waited.", "Action to be taken": "Call them."}
        assert (await fill_in(town, card, "Review…", **answers)).ok
        await town.card(issue, "The docs team", delivered=True)
        await town.settled()
        before = town.on_record()

    town.lose_record()
    async with town.bot_running():
        await town.polled()
        await town.settled()
        after = town.on_record()
    [known], [again] = before.values(), after.values()
    assert (again.missed_because, again.reviewed_by) == ("not_seen", known.reviewed_by)
    assert again.waits_on == known.waits_on
    assert again.reviewed_at == known.reviewed_at
