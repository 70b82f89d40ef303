"""Somebody who looks at the page of `ssat-bot local` in a browser, and what they do there."""

import re
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import (
    APIResponse,
    Browser,
    BrowserContext,
    Locator,
    Page,
    async_playwright,
    expect,
)

from slackbot.local.cast import FRESH, Story
from tests.local.process import Local

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP, PHONE = (1400, 900), (390, 844)
SECONDS = 40
PATIENCE = 180_000
"""Milliseconds in which days may pass on a busy machine."""
AVERY, BLAKE, CASEY = "U0AVERY", "U0BLAKE", "U0CASEY"
FINLEY, HARPER, DANA, ELLIS = "U0FINLEY", "U0HARPER", "U0DANA", "U0ELLIS"

Json = dict[str, Any]


class Visit:
    """Somebody who looks at the page."""

    def __init__(self, page: Page, me: str, url: str) -> None:
        self.page, self.me, self.url = page, me, url
        self.slack = page.get_by_role("region", name="Slack")
        self.gitlab = page.get_by_role("region", name="GitLab")
        self.modal = page.get_by_role("dialog")
        self.box = page.get_by_label("Message #support_escalations")
        self.alert = page.get_by_role("alert")
        self.pagerduty = page.get_by_role("region", name="PagerDuty")
        self.inspector = page.get_by_role("region", name="Inspector")
        self.home = page.get_by_role("region", name="Home")
        self.told = page.get_by_role("article").filter(has_text="Only visible to you")

    def card(self, story: Story) -> Locator:
        return self.page.get_by_role("article").filter(has_text=f"ticket {story.ticket}").first

    def card_of(self, issue: str) -> Locator:
        return self.page.locator(f"article[data-issue='{issue}']")

    def button(self, story: Story, name: str) -> Locator:
        return named_button(self.card(story), name)

    def menu(self, story: Story) -> Locator:
        return self.button(story, "More actions")

    async def says(self, text: str) -> None:
        await self.box.fill(text)
        await self.box.press("Enter")

    async def asks(self, command: str) -> Locator:
        """Type a command; return the answer that only this person sees."""
        before = await self.told.count()
        await self.says(command)
        await expect(self.told).to_have_count(before + 1)
        return self.told.last

    async def opens_in_gitlab(self, card: Story | Locator) -> None:
        place = self.card(card) if isinstance(card, Story) else card
        chip = place.get_by_role("button", name=re.compile(r"^GitLab #"))
        number = (await chip.inner_text()).removeprefix("GitLab ")
        await chip.click()
        await expect(self.gitlab.get_by_text(f"{number} · opened")).to_be_visible()

    async def arrives(self, comment: str = "Nobody called me back.") -> Locator:
        """Let a customer ask for contact; return the new card."""
        known = await self.page.locator("article[data-issue]").evaluate_all(NUMBERS)
        await self.act("feedback", sentiment="negative", comment=comment, contact=True)
        await self.page.wait_for_function(f"known => ({NEW_CARD})(known) !== undefined", arg=known)
        return self.card_of(await self.page.evaluate(NEW_CARD, known))

    async def looks_at(self, pane: str) -> None:
        """Open a pane beside Slack, or in its place on a phone."""
        panes = self.page.get_by_role("navigation", name="Panes")
        await panes.get_by_role("button", name=pane, exact=True).click()

    async def opens(self, channel: str) -> None:
        """Open a channel, the direct messages, or the Home."""
        await self.slack.get_by_role("button", name=channel, exact=True).click()

    async def opens_panel(self, name: str) -> Locator:
        """Open a panel under the bar: time, trouble or rules."""
        opener = self.page.locator(f"#open-{name}")
        if await opener.get_attribute("aria-expanded") == "false":
            await opener.click()
        return self.page.locator("#panel")

    async def opens_guide(self) -> Locator:
        opener = self.page.get_by_role("button", name=re.compile("^Guide"))
        if await opener.get_attribute("aria-expanded") == "false":
            await opener.click()
        return self.page.get_by_role("region", name="Guide", exact=True)

    async def switches(self, title: str) -> None:
        """Switch a trouble on, or off again."""
        panel = await self.opens_panel("trouble")
        switch = panel.get_by_role("switch", name=title, exact=True)
        was = await switch.get_attribute("aria-checked")
        await switch.click()
        await expect(switch).to_have_attribute("aria-checked", str(was == "false").lower())

    async def lets_pass(self, move: str) -> None:
        """Let the time pass, and wait until it has arrived."""
        panel = await self.opens_panel("time")
        button = panel.get_by_role("button", name=move, exact=True)
        before = (await self.state())["offset"]
        await button.click()
        await expect(button).to_be_enabled(timeout=PATIENCE)
        assert (await self.state())["offset"] > before, f"the time stands still after {move}"

    async def opens_thread(self, card: Locator) -> Locator:
        toggle = card.get_by_role("button", name=re.compile("repl(y|ies)"))
        if await toggle.get_attribute("aria-expanded") == "false":
            await toggle.click()
        return card.locator(".thread")

    async def chooses(self, card: Locator, action: str) -> None:
        """Choose from the menu of a card."""
        await card.get_by_role("button", name="More actions").first.click()
        await self.page.get_by_role("menuitem", name=action).click()

    async def acts_on_message(self, message: Locator, action: str) -> None:
        """Choose from Slack's own menu of a message."""
        await message.get_by_role("button", name="Message actions").first.click()
        await self.page.get_by_role("menuitem", name=action).click()

    async def labels(self, place: Locator, label: str) -> None:
        await place.get_by_role("button", name="Feedback label").click()
        await place.get_by_role("option", name=label).click()

    async def contacts(self, card: Locator, label: str) -> None:
        await named_button(card, "Mark contacted").click()
        await self.modal.get_by_label("What you sent").fill("Dear customer, I am sorry.")
        await self.labels(self.modal, label)
        await self.modal.get_by_role("button", name="Save contact").click()
        await expect(card).to_contain_text("✅ Contacted on time")

    # Beside the page, as its own scripts ask

    async def act(self, act: str, /, **body: object) -> None:
        """Do by the endpoint what is not what a story is about."""
        answer = await self.post(act, **body)
        assert answer.ok, f"{act}: {answer.status}"
        assert await answer.json() == {}, f"{act}: {await answer.text()}"

    async def post(self, act: str, /, **body: object) -> APIResponse:
        return await self.page.request.post(
            f"{self.url}/api/{act}", headers={"Origin": self.url}, data={"me": self.me, **body}
        )

    async def state(self) -> Json:
        answer = await self.page.request.get(f"{self.url}/api/state", params={"me": self.me})
        state: Json = await answer.json()
        return state

    async def issue(self, card: Locator) -> Json:
        """Return the issue of a card, as it stands in GitLab now."""
        number = int(await number_of(card))
        issues = (await self.state())["gitlab"]["issues"]
        return next(each for each in issues if each["iid"] == number)


NUMBERS = "cards => cards.map(card => card.dataset.issue)"
NEW_CARD = (
    "known => [...document.querySelectorAll('article[data-issue]')]"
    ".map(card => card.dataset.issue).find(issue => !known.includes(issue))"
)


def named_button(place: Locator, name: str) -> Locator:
    """Find a button by what it shows; a screen reader may hear of its ticket, too."""
    return place.get_by_role("button", name=re.compile(f"^{re.escape(name)}(, |$)"))


async def number_of(card: Locator) -> str:
    return await card.get_attribute("data-issue") or ""


async def height(shown: Locator) -> float:
    return float(await shown.evaluate("shown => shown.getBoundingClientRect().height"))


BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""Chromium without a window comes first: a whole one opens all that belongs to a window, too."""


def chromium() -> str | None:
    """Return where the browser is, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@asynccontextmanager
async def launched(executable: str) -> AsyncIterator[Browser]:
    """Start the browser; each visit gets a profile of its own in it."""
    expect.set_options(timeout=SECONDS * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser,
    address: str,
    size: tuple[int, int] = DESKTOP,
    expected: Sequence[str] = (),
    **options: Any,
) -> AsyncIterator[Page]:
    """Open an address; what the browser complains of fails the test.

    Args:
        browser: The browser, with a profile of its own for this page.
        address: Where to.
        size: Width and height of what is seen.
        expected: Beginnings of complaints that belong to the scene.
        options: Others of a browser context, such as ``color_scheme``.
    """
    width, height = size
    context: BrowserContext = await browser.new_context(
        viewport={"width": width, "height": height}, **options
    )
    context.set_default_timeout(SECONDS * 1000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        await page.goto(address)
        yield page
        told = [each for each in complaints if not each.startswith(tuple(expected))]
        assert not told, f"the browser complains: {told}"
    finally:
        await context.close()


@asynccontextmanager
async def visiting(
    browser: Browser,
    local: Local,
    me: str = AVERY,
    size: tuple[int, int] = DESKTOP,
    *,
    breaking: Callable[[str], bool] | None = None,
    **options: Any,
) -> AsyncIterator[Visit]:
    """Open the page as one of the people; no rule of Slack's or GitLab's may be broken meanwhile.

    Args:
        browser: The browser.
        local: What serves the page.
        me: The id in Slack of who looks.
        size: Width and height of what is seen.
        breaking: Which broken rules belong to the scene, by what the page says of them.
        options: Others of a browser context.
    """
    async with opened(browser, f"{local.url}/?me={me}", size, **options) as page:
        visit = Visit(page, me, local.url)
        # The card of the last scene before now: the sample is complete then.
        await expect(visit.card(FRESH)).to_be_visible(timeout=PATIENCE)
        await expect(page.get_by_text("The past days are being played")).to_have_count(0)
        known = (await visit.state())["objections"]
        try:
            yield visit
        finally:
            # A modal would lie over the page of the next visit, too.
            while (await visit.state())["slack"]["view"]:
                await visit.act("close_view")
        broken = (await visit.state())["objections"][len(known) :]
        told = [each for each in broken if not (breaking and breaking(each))]
        assert not told, f"rules are broken: {told}"
