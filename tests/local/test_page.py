"""The page of `ssat-bot local` in a real browser: stories of what people do there."""

import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from slackbot.local.cast import CLAIMED, FRESH, NASTY, NEARLY_DUE, OVERDUE, Story
from tests.local.process import Local, running

pytestmark = pytest.mark.browser

REQUIRED = "SSAT_REQUIRE_BROWSER"
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
AVERY, BLAKE, CASEY, DANA = "U0AVERY", "U0BLAKE", "U0CASEY", "U0DANA"


@pytest.fixture(scope="module")
def local() -> Iterator[Local]:
    """One for all stories: each acts on an issue of its own."""
    with running() as started:
        yield started


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing = "no Chromium on this machine (Debian: apt-get install chromium)"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    expect.set_options(timeout=SECONDS * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        await browser.close()


class Visit:
    """Somebody who looks at the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.gitlab = page.get_by_role("region", name="GitLab")
        self.modal = page.get_by_role("dialog")

    def card(self, story: Story) -> Locator:
        return self.page.get_by_role("article").filter(has_text=f"ticket {story.ticket}").first

    def button(self, story: Story, name: str) -> Locator:
        return named_button(self.card(story), name)

    def menu(self, story: Story) -> Locator:
        return self.button(story, "More actions")

    async def asks(self, command: str) -> Locator:
        """Type a command; return the answer that only this person sees."""
        told = self.page.get_by_role("article").filter(has_text="Only visible to you")
        before = await told.count()
        box = self.page.get_by_label("Message #support_escalations")
        await box.fill(command)
        await box.press("Enter")
        await expect(told).to_have_count(before + 1)
        return told.last

    async def opens_in_gitlab(self, story: Story) -> None:
        await self.card(story).get_by_role("button", name=re.compile(r"^GitLab #")).click()
        await expect(self.gitlab.get_by_role("heading", level=2)).to_have_text(story.title)


def named_button(place: Locator, name: str) -> Locator:
    """Find a button by what it shows; a screen reader may hear of its ticket, too."""
    return place.get_by_role("button", name=re.compile(f"^{re.escape(name)}(, |$)"))


@asynccontextmanager
async def visiting(
    browser: Browser, local: Local, me: str = AVERY, size: tuple[int, int] = DESKTOP
) -> AsyncIterator[Visit]:
    """Open the page; what the browser complains of fails the test."""
    width, height = size
    context = await browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(SECONDS * 1000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{local.url}/?me={me}")
    visit = Visit(page)
    # The card of the last scene before now: the sample is complete then.
    await expect(visit.card(FRESH)).to_be_visible()
    await expect(page.get_by_text("The past days are being played")).to_have_count(0)
    yield visit
    assert complaints == []
    assert await page.get_by_text("0 broken rules").count() == 1
    await context.close()


async def test_cards_stand_in_the_channel_next_to_the_issue(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        await expect(visit.page.get_by_role("article").first).to_contain_text("Overdue")
        await expect(visit.card(CLAIMED)).to_contain_text("Casey Placeholder")
        await expect(visit.gitlab.get_by_role("heading", level=2)).to_have_text(FRESH.title)
        await visit.card(CLAIMED).get_by_role("button", name=re.compile("replies")).click()
        await expect(visit.card(CLAIMED)).to_contain_text("claimed this request")


async def test_a_claim_shows_on_the_card_and_in_gitlab(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        await visit.button(FRESH, "Claim").click()
        await expect(visit.card(FRESH)).to_contain_text("Claimed by Blake Sample")
        await expect(visit.button(FRESH, "Claim")).to_have_count(0)
        await expect(visit.gitlab.get_by_label("Assignee")).to_have_value("blake.sample")
        await expect(visit.gitlab).to_contain_text("Claimed by Blake Sample")
        # The note's hidden marker is as hidden as on GitLab's own page.
        await expect(visit.gitlab).not_to_contain_text("ssat-bot:")


async def test_a_label_is_chosen_by_keyboard(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        await visit.opens_in_gitlab(NEARLY_DUE)
        select = visit.button(NEARLY_DUE, "Feedback label")
        await select.press("Enter")
        options = visit.page.get_by_role("listbox", name="Feedback label")
        await expect(options).to_be_focused()
        await expect(options).to_contain_text("Documentation unhelpful to customer")
        await options.press("Escape")
        await expect(select).to_be_focused()
        await select.press("ArrowDown")
        await options.press_sequentially("soft")
        await options.press("Enter")
        await expect(visit.modal).to_contain_text("GitLab gets the label and a note")
        await visit.modal.get_by_role("button", name="Cancel").click()
        await expect(select).to_be_visible()
        await select.press("ArrowDown")
        await options.press_sequentially("soft")
        await options.press("Enter")
        await visit.modal.get_by_role("button", name="Set label").click()
        label = visit.gitlab.get_by_role("button", name="Remove feedback::soft-skills")
        await expect(label).to_be_visible()
        await expect(visit.button(NEARLY_DUE, "Feedback label: soft-skills")).to_be_visible()


async def test_a_menu_is_used_by_keyboard_and_leads_to_the_ticket(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local) as visit:
        button, options = visit.menu(NASTY), visit.page.get_by_role("menu", name="More actions")
        await button.press("Enter")
        await expect(options).to_be_focused()
        await expect(options.get_by_role("menuitem").first).to_have_text("Review…")
        await options.press("Escape")
        await expect(button).to_be_focused()
        await visit.page.context.route("**/hc/requests/*", lambda route: route.fulfill(body="ok"))
        await button.press("ArrowDown")
        await options.press_sequentially("ticket")
        async with visit.page.context.expect_page() as opened:
            await options.press("Enter")
        ticket = await opened.value
        assert ticket.url == f"https://support.gitlab.com/hc/requests/{NASTY.ticket}"
        await ticket.close()
        await expect(options).to_have_count(0)
        # The bot has answered to it.
        await expect(visit.page.get_by_role("alert")).to_have_text("")


async def test_a_customer_is_marked_as_contacted_by_the_modal(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local) as visit:
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


async def test_a_modal_is_left_with_escape(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        await visit.button(NASTY, "Mark contacted").click()
        await expect(visit.modal).to_be_visible()
        await visit.page.keyboard.press("Escape")
        await expect(visit.modal).to_have_count(0)


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


async def test_nothing_is_lost_that_somebody_types_while_the_page_changes(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local) as visit, visiting(browser, local, BLAKE) as other:
        box = visit.gitlab.get_by_label("Comment as @avery")
        await box.fill("I have begun to wri")
        await other.page.get_by_label("Message #support_escalations").fill("Hello from Blake")
        await other.page.keyboard.press("Enter")
        await expect(visit.page.get_by_text("Hello from Blake")).to_be_visible()
        await expect(box).to_be_focused()
        await visit.page.keyboard.type("te this.")
        await expect(box).to_have_value("I have begun to write this.")


async def test_what_is_done_in_gitlab_shows_on_the_card(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        await visit.page.get_by_role("button", name="New feedback").click()
        await visit.modal.get_by_label("Comment").fill("Nobody <b>answered</b>.\n/close")
        await visit.modal.get_by_role("button", name="Send feedback").click()
        # GitLab shows it in bold.
        new = visit.page.get_by_role("article").filter(has_text="Nobody **answered**.")
        # A finished card shows no words of the customer any more.
        number = await new.get_attribute("data-issue")
        card = visit.page.locator(f"article[data-issue='{number}']")
        await card.get_by_role("button", name=re.compile(r"^GitLab #")).click()
        await visit.gitlab.get_by_label("Assignee").select_option("casey")
        await expect(card).to_contain_text("Claimed by Casey Placeholder")
        await visit.gitlab.get_by_label("Comment as").fill("/unassign\n/close")
        await visit.gitlab.get_by_role("button", name="Comment", exact=True).click()
        await expect(card).to_contain_text("Closed without contact")
        await visit.gitlab.get_by_role("button", name="Reopen issue").click()
        await expect(named_button(card, "Claim")).to_be_visible()


async def test_a_choice_waits_while_gitlab_is_down(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        switch = visit.page.get_by_role("switch", name="GitLab down")
        await switch.click()
        await expect(visit.gitlab).to_contain_text("502")
        await visit.button(NASTY, "Claim").click()
        await expect(visit.card(NASTY)).to_contain_text("⏳ Saved")
        await switch.click()
        await visit.page.get_by_role("button", name="+1 h", exact=True).click()
        await expect(visit.card(NASTY)).not_to_contain_text("⏳ Saved")
        await visit.opens_in_gitlab(NASTY)
        await expect(visit.gitlab.get_by_label("Assignee")).to_have_value("avery")


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


@pytest.fixture
def own_local() -> Iterator[Local]:
    """For a story that fills the channel."""
    with running() as started:
        yield started


LONG_WORDS = (
    "Our upgrade stood still for a day while I was asked for the same logs three times.\n"
    "The engineers were friendly, but nobody seemed to have read what came before.\n"
    "In the end I found the setting in a forum, and nobody told me why it had changed."
)
FINISHED_LABELS = (
    *("soft-skills", "docs-not-helpful", "known-issue", "docs-new-issue"),
    "process-engineer-not-followed",
)


async def arrives(visit: Visit, comment: str) -> Locator:
    """Let a customer ask for contact; return the card, which is the last message."""
    cards = visit.page.locator("article[data-issue]")
    before = await cards.count()
    await visit.page.get_by_role("button", name="New feedback").click()
    await visit.modal.get_by_label("Comment").fill(comment)
    await visit.modal.get_by_role("button", name="Send feedback").click()
    await expect(cards).to_have_count(before + 1)
    number = await cards.last.get_attribute("data-issue")
    return visit.page.locator(f"article[data-issue='{number}']")


async def labels(visit: Visit, place: Locator, label: str) -> None:
    await place.get_by_role("button", name="Feedback label").click()
    await place.get_by_role("option", name=label).click()


async def contacts(visit: Visit, card: Locator, label: str) -> None:
    await named_button(card, "Mark contacted").click()
    await visit.modal.get_by_label("What you sent").fill("Dear customer, I am sorry.")
    await labels(visit, visit.modal, label)
    await visit.modal.get_by_role("button", name="Save contact").click()
    await expect(card).to_contain_text("✅ Contacted on time")


@asynccontextmanager
async def shown_at_once(
    browser: Browser, local: Local, cards: Sequence[str]
) -> AsyncIterator[Visit]:
    """On a phone, see each of these cards whole, with its author, and with no scrolling."""
    async with visiting(browser, local, size=PHONE) as visit:
        last = visit.page.locator(f"article[data-issue='{cards[-1]}']")
        await last.evaluate("card => card.scrollIntoView({ block: 'end' })")
        for number in cards:
            card = visit.page.locator(f"article[data-issue='{number}']")
            await expect(card).to_contain_text("SSAT bot")
            await expect(card).to_be_in_viewport(ratio=0.99)  # a list scrolls by whole pixels
        yield visit


OPEN_CARDS = "article[data-issue]:has(.actions)"


async def height(shown: Locator) -> float:
    return float(await shown.evaluate("shown => shown.getBoundingClientRect().height"))


async def number_of(card: Locator) -> str:
    return await card.get_attribute("data-issue") or ""


async def five_finished(visit: Visit) -> list[str]:
    """Contact five customers; return which issues these were."""
    finished = []
    for label in FINISHED_LABELS:
        card = await arrives(visit, LONG_WORDS)
        await contacts(visit, card, label)
        await expect(card).to_contain_text(f"Blake Sample by email · {label}")
        finished.append(await number_of(card))
    return finished


async def two_open(visit: Visit) -> list[str]:
    """Let two customers wait, and own one of them; return which issues these are."""
    claimed, unclaimed = await arrives(visit, LONG_WORDS), await arrives(visit, LONG_WORDS)
    await named_button(claimed, "Claim").click()
    await expect(claimed).to_contain_text("Claimed by Blake Sample · Garden Example Ltd")
    await labels(visit, claimed, FINISHED_LABELS[-1])
    await visit.modal.get_by_role("button", name="Set label").click()
    await expect(claimed).to_contain_text("2 replies")
    await expect(unclaimed).to_contain_text("On duty: @Avery Example · score 2 of 7")
    return [await number_of(claimed), await number_of(unclaimed)]


async def test_a_phone_shows_two_open_cards_or_five_finished_ones(
    browser: Browser, own_local: Local
) -> None:
    async with visiting(browser, own_local, BLAKE) as visit:
        finished, opened = await five_finished(visit), await two_open(visit)
    async with shown_at_once(browser, own_local, finished):
        pass
    async with shown_at_once(browser, own_local, opened) as visit:
        heights = [await height(card) for card in await visit.page.locator(OPEN_CARDS).all()]
        assert len(heights) >= 8
        assert sum(sorted(heights)[-2:]) <= await height(visit.page.get_by_role("log"))


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
