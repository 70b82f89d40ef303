"""axe-core finds nothing to object to, in light and dark, at a desk and on a phone."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from slackbot.local.cast import CLAIMED, NEARLY_DUE, Story
from tests.local.browser.axe import no_violations
from tests.local.browser.visit import DESKTOP, PHONE, Visit, visiting
from tests.local.process import Local

pytestmark = [
    pytest.mark.parametrize("scheme", ["light", "dark"]),
    pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"]),
]

Size = tuple[int, int]


async def test_nothing_is_wrong_with_the_page_at_rest(
    browser: Browser, local: Local, scheme: Any, size: Size
) -> None:
    async with visiting(browser, local, size=size, color_scheme=scheme) as visit:
        await no_violations(visit.page)
        await visit.card(CLAIMED).get_by_role("button", name=re.compile("repl(y|ies)")).click()
        await visit.menu(CLAIMED).first.click()
        await expect(visit.page.get_by_role("menu")).to_be_visible()
        await no_violations(visit.page)
        await visit.page.keyboard.press("Escape")


async def test_nothing_is_wrong_with_the_modals(
    browser: Browser, local: Local, scheme: Any, size: Size
) -> None:
    async with visiting(browser, local, size=size, color_scheme=scheme) as visit:
        await visit.button(NEARLY_DUE, "Mark contacted").click()
        await visit.modal.get_by_role("button", name="Save contact").click()
        await expect(visit.modal).to_contain_text("Paste the text of the email")
        await no_violations(visit.page)
        await leaves(visit)
        for offer in ("Review…", "Draft email…", "More…"):
            await chooses(visit, NEARLY_DUE, offer)
            await no_violations(visit.page)
            await leaves(visit)


async def test_nothing_is_wrong_with_home_and_answers(
    browser: Browser, local: Local, scheme: Any, size: Size
) -> None:
    async with visiting(browser, local, size=size, color_scheme=scheme) as visit:
        for command in ("/ssat", "/ssat stats", "/ssat help"):
            await visit.asks(command)
        await no_violations(visit.page)
        await visit.page.get_by_role("button", name="Home", exact=True).click()
        await expect(visit.page.get_by_role("region", name="Home")).to_contain_text("On duty")
        await no_violations(visit.page)


async def test_nothing_is_wrong_with_gitlab(
    browser: Browser, local: Local, scheme: Any, size: Size
) -> None:
    async with visiting(browser, local, size=size, color_scheme=scheme) as visit:
        await visit.opens_in_gitlab(CLAIMED)
        await no_violations(visit.page)


async def chooses(visit: Visit, story: Story, offer: str) -> None:
    await visit.menu(story).click()
    await visit.page.get_by_role("menuitem", name=offer).click()
    await expect(visit.modal).to_be_visible()


async def leaves(visit: Visit) -> None:
    await visit.page.keyboard.press("Escape")
    await expect(visit.modal).to_have_count(0)
