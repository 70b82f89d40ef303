"""The page as wide as a phone."""

import re

import pytest
from playwright.async_api import Browser, expect

from slackbot.local.cast import FRESH
from tests.local.browser.phone import five_finished, shown_at_once, two_open
from tests.local.browser.visit import BLAKE, PHONE, Visit, height, named_button, visiting
from tests.local.process import Local


async def test_a_phone_shows_one_pane_at_a_time(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, size=PHONE) as visit:
        await expect(visit.gitlab).to_be_hidden()
        await visit.opens_in_gitlab(FRESH)
        await expect(visit.card(FRESH)).to_be_hidden()
        await visit.looks_at("Slack")
        await expect(visit.card(FRESH)).to_be_visible()
        panel = await visit.opens_panel("time")
        await expect(panel.get_by_role("button", name="+8 h")).to_be_visible()


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


async def test_a_phone_never_scrolls_to_the_side(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE, PHONE) as visit:
        for pane in ("Slack", "GitLab", "PagerDuty", "Inspector"):
            await visit.looks_at(pane)
            region = visit.page.get_by_role("region", name=pane, exact=True)
            await expect(region).to_be_visible()
            assert await width_of(visit) == PHONE[0], pane
        await visit.looks_at("Slack")
        for panel in ("time", "trouble", "rules"):
            await visit.opens_panel(panel)
            await expect(visit.page.locator("#panel")).to_be_in_viewport()
            assert await width_of(visit) == PHONE[0], panel
        await visit.page.get_by_role("button", name=re.compile("^Guide")).click()
        assert await width_of(visit) == PHONE[0]
        await visit.opens("Home")
        await expect(visit.home).to_be_visible()
        assert await width_of(visit) == PHONE[0]


async def test_a_modal_fits_on_a_phone(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE, PHONE) as visit:
        card = await visit.arrives()
        await named_button(card, "Mark contacted").click()
        await expect(visit.modal).to_be_visible()
        assert await width_of(visit) == PHONE[0]
        save = visit.modal.get_by_role("button", name="Save contact")
        await expect(save).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", [821, 1001, 1101, 1241, 1400])
async def test_the_bar_has_one_row(browser: Browser, local: Local, width: int) -> None:
    async with visiting(browser, local, size=(width, 800)) as visit:
        bar = visit.page.get_by_role("banner").first
        middles = await bar.evaluate(MIDDLES)
        assert max(middles) - min(middles) < 8, middles
        assert await height(bar) < 64
        await expect(bar.get_by_role("button", name="Newest card")).to_be_in_viewport(ratio=1)
        assert await visit.page.get_by_label("You are").evaluate("one => one.clientWidth") > 80


MIDDLES = """bar => [...bar.querySelectorAll("h1, button, select, .clock")]
    .filter(each => each.checkVisibility())
    .map(each => each.getBoundingClientRect())
    .map(({ top, bottom }) => (top + bottom) / 2)
"""


async def width_of(visit: Visit) -> int:
    return int(await visit.page.evaluate("document.documentElement.scrollWidth"))
