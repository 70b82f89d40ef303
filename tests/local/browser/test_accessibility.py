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
        await no_violations(visit.page, "dialog[open]")
        await leaves(visit)
        for offer in ("Review…", "Draft email…", "More…"):
            await chooses(visit, NEARLY_DUE, offer)
            await no_violations(visit.page, "dialog[open]")
            await leaves(visit)


async def test_nothing_is_wrong_with_home_and_answers(
    browser: Browser, local: Local, scheme: Any, size: Size
) -> None:
    async with visiting(browser, local, size=size, color_scheme=scheme) as visit:
        for command in ("/ssat", "/ssat stats", "/ssat help"):
            await visit.asks(command)
        await no_violations(visit.page)
        await visit.opens("Home")
        await expect(visit.home).to_contain_text("On duty")
        await no_violations(visit.page)


async def test_nothing_is_wrong_with_what_stands_beside_slack(
    browser: Browser, local: Local, scheme: Any, size: Size
) -> None:
    async with visiting(browser, local, size=size, color_scheme=scheme) as visit:
        await visit.looks_at("GitLab")
        await no_violations(visit.page)
        for view in ("Labels", "New issue"):
            await visit.gitlab.get_by_role("button", name=view, exact=True).click()
            await no_violations(visit.page, ".gitlab")
        await visit.looks_at("PagerDuty")
        await no_violations(visit.page, ".pagerduty")
        await visit.looks_at("Inspector")
        await visit.inspector.get_by_label("Contains").fill("chat.postMessage")
        await visit.inspector.get_by_role("listitem").first.get_by_role("button").click()
        await expect(visit.inspector.locator("pre").first).to_be_visible()
        await no_violations(visit.page, ".inspector")


async def test_nothing_is_wrong_with_the_panels(
    browser: Browser, local: Local, scheme: Any, size: Size
) -> None:
    async with visiting(browser, local, size=size, color_scheme=scheme) as visit:
        for panel in ("time", "trouble", "rules"):
            await visit.opens_panel(panel)
            await no_violations(visit.page, "#panel")
        await visit.opens_guide()
        await no_violations(visit.page, "#guide")


async def chooses(visit: Visit, story: Story, offer: str) -> None:
    await visit.menu(story).click()
    await visit.page.get_by_role("menuitem", name=offer).click()
    await expect(visit.modal).to_be_visible()


async def leaves(visit: Visit) -> None:
    await visit.page.keyboard.press("Escape")
    await expect(visit.modal).to_have_count(0)
