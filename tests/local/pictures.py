"""Takes the pictures in docs/ of the page of `ssat-bot local`: `make pictures`."""

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from slackbot.local.cast import FRESH, NEARLY_DUE, Story
from tests.local.process import Local, running
from tests.local.test_page import ARGUMENTS, BLAKE, SECONDS, Visit, visiting

DOCS = Path(__file__).parent.parent.parent / "docs"
WIDE, TALL = (1400, 730), (1400, 1300)
LETTER = (
    "Hello,\n\n"
    "my name is Avery Example, I am a manager in the support team. I am sorry that we asked you "
    "for the same logs three times.\n\n"
    "Would you have time for a call this week?"
)
MISSING = (
    "The pictures need Chromium and a font with emoji "
    "(Debian: apt-get install chromium fonts-noto-color-emoji)."
)


async def picture_the_queue(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE, TALL) as visit:
        answer = await visit.asks("/ssat")
        await _take(answer, "queue")


async def picture_cards(browser: Browser, local: Local) -> None:
    """Take one after the other on one page: each leaves behind what the next one shows."""
    async with visiting(browser, local, size=TALL) as visit:
        await _take(visit.card(FRESH), "card")
        await _picture_the_form(visit, NEARLY_DUE)
        await _picture_a_choice_that_waits(visit, NEARLY_DUE)
    async with visiting(browser, local, size=WIDE) as visit:
        await _picture_the_page(visit, FRESH)
    async with visiting(browser, local, size=TALL) as visit:
        await visit.page.get_by_role("button", name="1 h to deadline").click()
        reminders = visit.page.get_by_role("article").filter(has_text="⏰")
        reminder = reminders.filter(has_text=f"ticket {NEARLY_DUE.ticket}").last
        await expect(reminder.get_by_role("button", name="Snooze")).to_be_visible()
        await _take(reminder, "reminder")


async def _picture_the_form(visit: Visit, story: Story) -> None:
    await visit.button(story, "Mark contacted").click()
    text = visit.modal.get_by_role("textbox").first
    await text.fill(LETTER)
    await text.press("Control+Home")
    await _take(visit.modal, "contact")
    await visit.page.keyboard.press("Escape")


async def _picture_a_choice_that_waits(visit: Visit, story: Story) -> None:
    switch = visit.page.get_by_role("switch", name="GitLab down")
    await switch.click()
    await visit.button(story, "Claim").click()
    await expect(visit.card(story)).to_contain_text("502")
    await _take(visit.card(story), "waiting")
    await switch.click()


async def _picture_the_page(visit: Visit, story: Story) -> None:
    await visit.opens_in_gitlab(story)
    await visit.button(story, "Claim").click()
    await visit.card(story).get_by_role("button", name=re.compile("repl(y|ies)")).click()
    await expect(visit.card(story)).to_contain_text("claimed this request")
    await visit.card(story).evaluate("card => card.scrollIntoView({ block: 'start' })")
    await _take(visit.page, "local")


async def _take(shown: Locator | Page, name: str) -> None:
    await shown.screenshot(path=DOCS / f"{name}.png")
    print(f"docs/{name}.png")


def _has_emoji() -> bool:
    found = subprocess.run(["fc-list", ":lang=und-zsye"], capture_output=True, check=False)
    return bool(found.stdout.strip())


async def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None or not _has_emoji():
        print(MISSING)
        return 1
    expect.set_options(timeout=SECONDS * 1000)
    with running() as local:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            await picture_the_queue(browser, local)
            await picture_cards(browser, local)
            await browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
