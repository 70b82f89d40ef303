"""Takes every picture of the README and of docs/ from `ssat-bot local`: `make screenshots`."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Browser, Locator, Page, expect

from slackbot.local.cast import CONTACTED, FRESH, NEARLY_DUE, OVERDUE, Story
from tests.local.browser.phone import five_finished, shown_at_once, two_open
from tests.local.browser.visit import BLAKE, PHONE, Visit, chromium, launched, visiting
from tests.local.process import TUESDAY, Local, running

DOCS = Path(__file__).parent.parent.parent / "docs"
WIDE = (1400, 730)
TALL, TALLEST = (1587, 1390), (1587, 2200)  # panes of whole pixels: no edge of a neighbor shows
LETTER = (
    "Hello,\n\n"
    "my name is Avery Example, I am a manager in the support team. I am sorry that we asked you "
    "for the same logs three times.\n\n"
    "Would you have time for a call this week?"
)
SUMMARY = (
    "An upgrade stood still for a day. Three engineers asked for the same logs, and none had read "
    "what the customer had sent before."
)
TO_DO = "Discuss in the team's retrospective how a ticket is handed over."
LABEL = "process-engineer-not-followed"
MISSING = (
    "The pictures need Chromium and a font with emoji "
    "(Debian: apt-get install chromium-headless-shell fonts-noto-color-emoji)."
)


async def picture_answers(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE, TALLEST) as visit:
        await _take(await visit.asks("/ssat"), "queue")
        await _take(await visit.asks("/ssat stats"), "stats")


async def picture_the_home(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE, TALL) as visit:
        await visit.page.get_by_role("button", name="Home", exact=True).click()
        await expect(visit.page.get_by_role("region", name="Home")).to_contain_text("On duty")
        await _take(visit.page.get_by_role("region", name="Slack"), "home")


async def picture_the_page_in_the_dark(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE, WIDE, color_scheme="dark") as visit:
        await visit.looks_at("Inspector")
        row = visit.inspector.get_by_role("listitem").first
        await row.get_by_role("button").click()
        await expect(row.locator("pre").first).to_be_visible()
        await _take(visit.page, "inspector-dark")


async def picture_trouble_on_a_phone(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE, PHONE) as visit:
        await visit.opens_panel("trouble")
        await _take(visit.page, "trouble-phone")


async def picture_a_phone(browser: Browser, local: Local) -> None:
    """Last: the channel is full then."""
    async with visiting(browser, local, BLAKE) as visit:
        finished, opened = await five_finished(visit), await two_open(visit)
    for cards, name in ((opened, "phone"), (finished, "phone-finished")):
        async with shown_at_once(browser, local, cards) as visit:
            await _take(visit.page, name)


async def picture_cards(browser: Browser, local: Local) -> None:
    """Take one after the other on one page: each leaves behind what the next one shows."""
    async with visiting(browser, local, size=TALL) as visit:
        await visit.opens_in_gitlab(OVERDUE)  # so that no card in the pictures is marked
        await _take(visit.card(FRESH), "card")
        await _take(visit.card(CONTACTED), "finished")
        await _picture_contact(visit, NEARLY_DUE)
        await _picture_review(visit, NEARLY_DUE)
        for offer, name in (("Draft email…", "draft"), ("More…", "more")):
            await _choose(visit, NEARLY_DUE, offer)
            await _take_modal(visit, name)
        await _picture_a_choice_that_waits(visit, NEARLY_DUE)
    async with visiting(browser, local, size=WIDE) as visit:
        await _picture_the_page(visit, FRESH)
    async with visiting(browser, local, size=TALL) as visit:
        await visit.lets_pass("1 h to deadline")
        reminders = visit.page.get_by_role("article").filter(has_text="⏰")
        reminder = reminders.filter(has_text=f"ticket {NEARLY_DUE.ticket}").last
        await expect(reminder.get_by_role("button", name="Snooze")).to_be_visible()
        await _take(reminder, "reminder")


async def _picture_contact(visit: Visit, story: Story) -> None:
    await visit.button(story, "Mark contacted").click()
    text = visit.modal.get_by_role("textbox").first
    await text.fill(LETTER)
    await _take_modal(visit, "contact")


async def _picture_review(visit: Visit, story: Story) -> None:
    await _choose(visit, story, "Review…")
    await visit.modal.get_by_label("Summary of ticket/feedback").fill(SUMMARY)
    await visit.modal.get_by_label("Action to be taken").fill(TO_DO)
    await visit.modal.get_by_role("button", name="Feedback label").click()
    await visit.modal.get_by_role("option", name=LABEL).click()
    await _take_modal(visit, "review")


async def _choose(visit: Visit, story: Story, offer: str) -> None:
    await visit.menu(story).click()
    await visit.page.get_by_role("menuitem", name=offer).click()
    await expect(visit.modal).to_be_visible()


async def _take_modal(visit: Visit, name: str) -> None:
    text = visit.modal.get_by_role("textbox").first
    if await text.count():
        await text.press("Control+Home")
    await _take(visit.modal, name)
    await visit.page.keyboard.press("Escape")
    await expect(visit.modal).to_have_count(0)


async def _picture_a_choice_that_waits(visit: Visit, story: Story) -> None:
    await visit.switches("GitLab down")
    await visit.button(story, "Claim").click()
    await expect(visit.card(story)).to_contain_text("502")
    await _take(visit.card(story), "waiting")
    await visit.switches("GitLab down")


async def _picture_the_page(visit: Visit, story: Story) -> None:
    await visit.opens_in_gitlab(story)
    await visit.button(story, "Claim").click()
    await visit.card(story).get_by_role("button", name=re.compile("repl(y|ies)")).click()
    await expect(visit.card(story)).to_contain_text("claimed this request")
    await visit.card(story).evaluate("card => card.scrollIntoView({ block: 'start' })")
    await _take(visit.page, "local")


taken: set[str] = set()


async def _take(shown: Locator | Page, name: str) -> None:
    await shown.screenshot(path=DOCS / f"{name}.png")
    taken.add(name)
    print(f"docs/{name}.png")


def _has_emoji() -> bool:
    found = subprocess.run(["fc-list", ":lang=und-zsye"], capture_output=True, check=False)
    return bool(found.stdout.strip())


PICTURES: dict[Callable[[Browser, Local], Awaitable[None]], tuple[str, ...]] = {
    picture_answers: ("queue", "stats"),
    picture_the_home: ("home",),
    picture_cards: (
        *("card", "finished", "contact", "review", "draft", "more", "waiting", "local"),
        "reminder",
    ),
    picture_the_page_in_the_dark: ("inspector-dark",),
    picture_trouble_on_a_phone: ("trouble-phone",),
    picture_a_phone: ("phone", "phone-finished"),
}
"""Who takes which, one after the other on one `ssat-bot local`."""


async def main() -> int:
    executable = chromium()
    if executable is None or not _has_emoji():
        print(MISSING)
        return 1
    with running(*TUESDAY) as local:
        async with launched(executable) as browser:
            for take, names in PICTURES.items():
                await take(browser, local)
                assert set(names) <= taken, f"{take.__name__} does not take all that it should"
    assert taken == {name for names in PICTURES.values() for name in names}
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
