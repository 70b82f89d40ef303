"""Each trouble that can be switched on shows what its switch says that it shows."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Locator, expect

from tests.local.browser.visit import BLAKE, Visit, named_button, visiting
from tests.local.process import Local

CLAIMED = "Claimed by Blake Sample"


@asynccontextmanager
async def trouble(
    browser: Browser, restless: Local, title: str
) -> AsyncIterator[tuple[Visit, Locator]]:
    """Let Blake look at a new card while something is broken; it is well again afterwards."""
    async with visiting(browser, restless, BLAKE) as visit:
        card = await visit.arrives()
        await visit.switches(title)
        try:
            yield visit, card
        finally:
            for each in (await visit.state())["troubles"]:
                if each["is_on"]:
                    await visit.act("trouble", name=each["name"], on=False)


async def is_well_again(visit: Visit, title: str) -> None:
    await visit.switches(title)
    await visit.lets_pass("+1 h")


async def claims_and_waits(visit: Visit, card: Locator, title: str) -> None:
    """Claim while GitLab cannot take it: it does so when the trouble is over."""
    await named_button(card, "Claim").click()
    await expect(card).to_contain_text("⏳ Saved")
    await is_well_again(visit, title)
    await expect(card).not_to_contain_text("⏳ Saved")
    await visit.opens_in_gitlab(card)
    await expect(visit.gitlab.get_by_label("Assignee")).to_have_value("blake.sample")


async def test_a_choice_waits_while_gitlab_is_down(browser: Browser, restless: Local) -> None:
    async with trouble(browser, restless, "GitLab down") as (visit, card):
        await expect(visit.gitlab).to_contain_text("502")
        await claims_and_waits(visit, card, "GitLab down")


async def test_a_choice_that_gitlab_refuses_can_be_tried_again(
    browser: Browser, restless: Local
) -> None:
    async with trouble(browser, restless, "GitLab refuses (403)") as (visit, card):
        await named_button(card, "Claim").click()
        await expect(card).to_contain_text("GitLab rejected this")
        await expect(named_button(card, "Dismiss")).to_be_visible()
        await visit.switches("GitLab refuses (403)")
        await named_button(card, "Try again").click()
        await expect(card).to_contain_text(CLAIMED)
        await expect(card).not_to_contain_text("GitLab rejected this")


async def test_what_gitlab_finds_invalid_does_not_hold_up_what_others_chose(
    browser: Browser, restless: Local
) -> None:
    title = "GitLab finds it invalid (422)"
    async with trouble(browser, restless, title) as (visit, card):
        await visit.labels(card, "soft-skills")
        await visit.modal.get_by_role("button", name="Set label").click()
        await expect(card).to_contain_text("GitLab rejected this")
        await visit.switches(title)
        await named_button(card, "Dismiss").click()
        await visit.modal.locator("footer").get_by_role("button").last.click()
        await expect(card).not_to_contain_text("GitLab rejected this")
        other = await visit.arrives()
        await named_button(other, "Claim").click()
        await expect(other).to_contain_text(CLAIMED)


async def test_a_choice_waits_while_gitlab_is_read_only(browser: Browser, restless: Local) -> None:
    async with trouble(browser, restless, "GitLab is read-only") as (visit, card):
        await claims_and_waits(visit, card, "GitLab is read-only")


async def test_a_card_follows_gitlab_though_webhooks_get_lost(
    browser: Browser, restless: Local
) -> None:
    async with trouble(browser, restless, "Webhooks get lost") as (visit, card):
        await visit.opens_in_gitlab(card)
        await visit.gitlab.get_by_label("Assignee").select_option("casey")
        await visit.lets_pass("+1 h")
        await expect(card).to_contain_text("Claimed by Casey Placeholder")


async def test_a_card_comes_once_when_slack_is_back(browser: Browser, restless: Local) -> None:
    async with trouble(browser, restless, "Slack down") as (visit, card):
        await expect(visit.slack).to_contain_text("Slack is down")
        await named_button(card, "Claim").click()
        await expect(visit.alert).to_contain_text("Slack is down")
        number = await feedback_while_unseen(visit, "Said while Slack was down.")
        await is_well_again(visit, "Slack down")
        await expect(visit.card_of(number)).to_have_count(1)


async def test_a_card_comes_when_slack_takes_calls_again(browser: Browser, restless: Local) -> None:
    title = "Slack limits calls (429)"
    async with trouble(browser, restless, title) as (visit, _):
        number = await feedback_while_unseen(visit, "Said while Slack took no calls.")
        await visit.looks_at("Inspector")
        await visit.inspector.get_by_label("Failed or broken only").check()
        refused = visit.inspector.get_by_role("listitem").filter(has_text="429")
        await expect(refused.filter(has_text="chat.postMessage").first).to_be_visible()
        await is_well_again(visit, title)
        await expect(visit.card_of(number)).to_have_count(1)


async def test_there_is_one_card_though_slacks_answer_was_lost(
    browser: Browser, restless: Local
) -> None:
    async with visiting(browser, restless, BLAKE) as visit:
        panel = await visit.opens_panel("trouble")
        lose = panel.get_by_role("button", name=re.compile("^Lose the answer"))
        await lose.click()
        await expect(lose).to_be_disabled()
        card = await visit.arrives("Said while an answer was lost.")
        await expect(lose).to_be_enabled()  # it has struck
        await visit.lets_pass("+1 h")
        await expect(card).to_have_count(1)
        await named_button(card, "Claim").click()
        await expect(card).to_contain_text(CLAIMED)


async def test_a_bot_that_was_killed_posts_what_it_has_missed(
    browser: Browser, restless: Local
) -> None:
    async with trouble(browser, restless, "Bot killed") as (visit, card):
        await expect(visit.page.get_by_text("The bot does not run")).to_be_visible()
        await named_button(card, "Claim").click()
        await expect(visit.alert).to_contain_text("the bot does not run")
        number = await feedback_while_unseen(visit, "Said while the bot was dead.")
        await visit.switches("Bot killed")
        await expect(visit.card_of(number)).to_have_count(1)
        await expect(visit.page.get_by_text("The bot does not run")).to_have_count(0)
        await named_button(card, "Claim").click()
        await expect(card).to_contain_text(CLAIMED)


async def test_the_bot_says_that_pagerduty_does_not_answer(
    browser: Browser, restless: Local
) -> None:
    async with trouble(browser, restless, "PagerDuty down") as (visit, _):
        await visit.looks_at("PagerDuty")
        await expect(visit.pagerduty).to_contain_text("PagerDuty is down")
        await visit.lets_pass("+1 h")
        await expect(await visit.asks("/ssat duty")).to_contain_text("PagerDuty is failing")


async def feedback_while_unseen(visit: Visit, comment: str) -> str:
    """Let a customer ask for contact; no card can come yet. Return the issue's number."""
    await visit.act("feedback", sentiment="negative", comment=comment, contact=True)
    project = (await visit.state())["gitlab"]
    ours = [each for each in project["issues"] if each["project"] == project["project"]]
    number = str(max(each["iid"] for each in ours))
    await expect(visit.card_of(number)).to_have_count(0)
    return number
