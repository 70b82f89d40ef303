"""The page as wide as a phone."""

from playwright.async_api import Browser, expect

from slackbot.local.cast import FRESH
from tests.local.browser.phone import five_finished, shown_at_once, two_open
from tests.local.browser.visit import BLAKE, PHONE, height, visiting
from tests.local.process import Local


async def test_a_phone_shows_one_pane_at_a_time(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, size=PHONE) as visit:
        await expect(visit.gitlab).to_be_hidden()
        await visit.opens_in_gitlab(FRESH)
        await expect(visit.card(FRESH)).to_be_hidden()
        await visit.page.get_by_role("button", name="Slack", exact=True).click()
        await visit.page.get_by_role("button", name="Controls").click()
        await expect(visit.page.get_by_role("button", name="+8 h")).to_be_visible()
        width = await visit.page.evaluate("document.documentElement.scrollWidth")
        assert width == PHONE[0]


OPEN_CARDS = "article[data-issue]:has(.actions)"


async def test_a_phone_shows_two_open_cards_or_five_finished_ones(
    browser: Browser, restless: Local
) -> None:
    async with visiting(browser, restless, BLAKE) as visit:
        finished, opened = await five_finished(visit), await two_open(visit)
    async with shown_at_once(browser, restless, finished):
        pass
    async with shown_at_once(browser, restless, opened) as visit:
        heights = [await height(card) for card in await visit.page.locator(OPEN_CARDS).all()]
        assert len(heights) >= 8
        assert sum(sorted(heights)[-2:]) <= await height(visit.page.get_by_role("log"))
