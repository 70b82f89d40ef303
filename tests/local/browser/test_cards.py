"""The cards in the channel: what people do with them, and what shows then."""

import re

from playwright.async_api import Browser, expect

from slackbot.local.cast import CLAIMED, FRESH, NASTY, OVERDUE
from tests.local.browser.visit import BLAKE, DANA, visiting
from tests.local.process import Local


async def test_cards_stand_in_the_channel_next_to_the_issue(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        cards = visit.page.locator("article[data-issue]")
        await expect(cards.first).to_contain_text(f"ticket {OVERDUE.ticket}")
        number = await cards.last.get_attribute("data-issue")
        await expect(visit.gitlab).to_contain_text(f"#{number} · ")
        await visit.card(CLAIMED).get_by_role("button", name=re.compile("replies")).click()
        await expect(visit.card(CLAIMED)).to_contain_text("Casey Placeholder claimed this request")


async def test_a_claim_shows_on_the_card_and_in_gitlab(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        await visit.button(FRESH, "Claim").click()
        await expect(visit.card(FRESH)).to_contain_text("Claimed by Blake Sample")
        await expect(visit.button(FRESH, "Claim")).to_have_count(0)
        await expect(visit.gitlab.get_by_label("Assignee")).to_have_value("blake.sample")
        await expect(visit.gitlab).to_contain_text("Claimed by Blake Sample")
        # The note's hidden marker is as hidden as on GitLab's own page.
        await expect(visit.gitlab).not_to_contain_text("ssat-bot:")


async def test_a_customer_is_marked_as_contacted_by_the_modal(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local) as visit:
        await expect(visit.card(OVERDUE)).to_contain_text("Overdue")
        await visit.opens_in_gitlab(OVERDUE)
        await visit.button(OVERDUE, "Mark contacted").click()
        send = visit.modal.get_by_role("button", name="Save contact")
        text = visit.modal.get_by_label("What you sent")
        await expect(visit.modal).to_contain_text("Required for an email; optional for")
        await send.click()
        await expect(visit.modal).to_contain_text("Paste the text of the email")
        await expect(text).to_be_focused()
        await text.fill("Dear customer,\nI am sorry.\n/reopen")
        await expect(visit.modal).to_contain_text("34 of 3000 characters")
        await send.click()
        await expect(visit.modal).to_have_count(0)
        await expect(visit.card(OVERDUE)).to_contain_text("Contacted")
        await expect(visit.gitlab.get_by_text("Closed", exact=True)).to_be_visible()
        await expect(visit.gitlab.get_by_role("blockquote").last).to_contain_text("/reopen")


async def test_taking_over_is_confirmed_first(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        await visit.button(CLAIMED, "Take over").click()
        await expect(visit.modal).to_contain_text("Casey Placeholder owns this request")
        await visit.modal.get_by_role("button", name="Cancel").click()
        await expect(visit.card(CLAIMED)).to_contain_text("Claimed by Casey Placeholder")
        await visit.button(CLAIMED, "Take over").click()
        await visit.modal.get_by_role("button", name="Take over").click()
        await expect(visit.card(CLAIMED)).to_contain_text("Claimed by Avery Example")


async def test_what_customers_write_does_nothing(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        await visit.opens_in_gitlab(NASTY)
        # Nobody is mentioned but by the bot: whoever is on duty.
        await expect(visit.gitlab).to_contain_text("<script>alert('boo')</script>")
        for shown, mentioned in ((visit.card(NASTY), ["@Avery Example"]), (visit.gitlab, [])):
            await expect(shown).to_contain_text("alert('boo')")
            await expect(shown).to_contain_text("<https://example.com|click me>")
            await expect(shown.locator("script, a[href*='example.com']")).to_have_count(0)
            await expect(shown.locator(".mention")).to_have_text(mentioned)


async def test_a_guest_is_told_why_nothing_happened(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, DANA) as visit:
        await visit.button(NASTY, "Claim").click()
        told = visit.page.get_by_role("article").filter(has_text="Only visible to you")
        await expect(told).to_contain_text("Guests can't take action")
        await expect(visit.gitlab).to_contain_text("Dana Guest has no account in this GitLab")
        await told.get_by_role("button", name="Dismiss message").click()
        await expect(told).to_have_count(0)
