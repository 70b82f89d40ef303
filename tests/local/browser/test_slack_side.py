"""What else of Slack the bot uses: the command, the Home, files."""

import re

from playwright.async_api import Browser, expect

from slackbot.local.cast import FRESH
from tests.local.browser.visit import BLAKE, CASEY, named_button, visiting
from tests.local.process import Local


async def test_the_command_is_typed_into_the_message_box(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        box = visit.page.get_by_label("Message #support_escalations")
        await box.fill("/ssat")
        await box.press("Enter")
        told = visit.page.get_by_role("article").filter(has_text="Only visible to you")
        await expect(told).to_contain_text("waiting to hear from a manager")
        await expect(box).to_have_value("")
        await box.fill("/unknown")
        await box.press("Enter")
        await expect(visit.page.get_by_role("alert")).to_contain_text("/unknown is not a command")
        # What was refused can be corrected.
        await expect(box).to_have_value("/unknown")


async def test_a_claim_is_made_in_the_answer_to_the_command(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        told = await visit.asks("/ssat unclaimed")
        await named_button(told, "Claim").first.click()
        await visit.asks("/ssat mine")
        mine = visit.page.get_by_role("article").filter(has_text="filters: mine")
        await expect(mine).to_contain_text("Claimed by Blake Sample")
        await expect(named_button(mine, "Release").first).to_be_visible()


async def test_a_claim_is_made_in_the_home(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, CASEY) as visit:
        await visit.page.get_by_role("button", name="Home", exact=True).click()
        home = visit.page.get_by_role("region", name="Home")
        await expect(home).to_contain_text("aiting to hear from a manager")
        await expect(visit.card(FRESH)).to_have_count(0)
        claims = named_button(home, "Claim")
        before = await claims.count()
        await claims.last.click()
        await expect(claims).to_have_count(before - 1)
        await expect(home).to_be_focused()
        await expect(home.get_by_text("Claimed by Casey Placeholder").first).to_be_visible()
        await named_button(home, "Mark contacted").first.click()
        await expect(visit.modal).to_contain_text("What you sent")
        await visit.page.keyboard.press("Escape")
        await expect(visit.modal).to_have_count(0)
        await visit.page.get_by_role("button", name="# support_escalations").click()
        await expect(visit.card(FRESH)).to_be_visible()


async def test_figures_are_drawn_and_their_file_can_be_had(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        answer = await visit.asks("/ssat stats 7d")
        await expect(answer).to_contain_text("Contact requests")
        requests = answer.get_by_role("table", name="Contact requests, by when they were asked for")
        await expect(
            requests.get_by_role("columnheader", name="On time", exact=True)
        ).to_be_visible()
        await expect(requests.locator("tbody tr")).to_have_count(7)
        await visit.asks("/ssat stats 7d csv")
        await visit.page.get_by_role("button", name="SSAT bot").click()
        link = visit.page.get_by_role("link", name=re.compile(r"^ssat-.*\.csv$"))
        await expect(link).to_be_visible()
        async with visit.page.expect_download() as started:
            await link.click()
        path = await (await started.value).path()
        assert "contact requests" in path.read_text(encoding="utf-8-sig")
