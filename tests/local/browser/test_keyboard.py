"""What is done by keyboard alone, and where the focus is then."""

import re

from playwright.async_api import Browser, expect

from slackbot.local.cast import NASTY, NEARLY_DUE
from tests.local.browser.visit import BLAKE, Visit, visiting
from tests.local.process import Local


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
        await button.press("ArrowDown")
        await options.press_sequentially("ticket")
        async with visit.page.context.expect_page() as opened:
            await options.press("Enter")
        ticket = await opened.value
        assert ticket.url == f"{local.url}/tickets/{NASTY.ticket}"
        await ticket.close()
        await expect(options).to_have_count(0)
        # The bot has answered to it.
        await expect(visit.page.get_by_role("alert")).to_have_text("")


async def test_a_modal_is_left_with_escape(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        await visit.button(NASTY, "Mark contacted").click()
        await expect(visit.modal).to_be_visible()
        await visit.page.keyboard.press("Escape")
        await expect(visit.modal).to_have_count(0)


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


async def test_a_request_is_claimed_labeled_and_answered_without_a_mouse(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        card = await visit.arrives("Said for the keyboard.")
        keys, focused = visit.page.keyboard, visit.page.locator(":focus")
        await keys.press("Tab")
        await expect(focused).to_have_text("Skip to the newest card")
        await keys.press("Enter")
        await expect(card).to_be_focused()
        await tabs_to(visit, "Claim")
        await keys.press("Enter")
        await expect(card).to_contain_text("Claimed by Blake Sample")
        await expect(card.locator(":focus").or_(card.and_(focused))).to_have_count(1)

        await tabs_to(visit, "Feedback label")
        await keys.press("ArrowDown")
        options = visit.page.get_by_role("listbox", name="Feedback label")
        await expect(options).to_be_focused()
        await options.press_sequentially("soft")
        await keys.press("Enter")
        await expect(visit.modal).to_be_visible()
        await keys.press("Enter")
        await expect(visit.modal).to_have_count(0)
        await expect(card.get_by_role("button", name="Feedback label: soft-skills")).to_be_visible()
        await expect(card.locator(":focus").or_(card.and_(focused))).to_have_count(1)

        await tabs_to(visit, "Mark contacted", "Shift+Tab")
        await keys.press("Enter")
        await expect(visit.modal).to_be_visible()
        await expect(visit.modal.locator(":focus")).to_have_count(1)
        await tabs_to(visit, "What you sent")
        await keys.type("Dear customer, I am sorry.")
        await tabs_to(visit, "Save contact")
        await keys.press("Enter")
        await expect(visit.modal).to_have_count(0)
        await expect(card).to_contain_text("✅ Contacted on time")
        await expect(card.locator(":focus").or_(card.and_(focused))).to_have_count(1)


async def test_the_focus_is_where_it_was_when_a_modal_was_left(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        card = await visit.arrives()
        for words in ("Mark contacted", "Feedback label"):
            button = card.get_by_role("button", name=re.compile(f"^{words}"))
            await button.focus()
            await button.press("Enter")
            if words == "Feedback label":
                await visit.page.get_by_role("listbox").press("Enter")
            await expect(visit.modal).to_be_visible()
            await visit.page.keyboard.press("Escape")
            await expect(visit.modal).to_have_count(0)
            await expect(button).to_be_focused()


async def test_every_list_is_reached_by_keyboard(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        await visit.looks_at("Inspector")
        await expect(visit.inspector.get_by_role("listitem").first).to_be_visible()
        scrolling = await visit.page.evaluate(UNREACHABLE)
        assert scrolling == []


async def test_what_is_pressed_is_large_enough(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        for pane in ("GitLab", "PagerDuty", "Inspector"):
            await visit.looks_at(pane)
            assert await visit.page.evaluate(SMALL, SMALLEST) == []
        for panel in ("time", "trouble", "rules"):
            await visit.opens_panel(panel)
            assert await visit.page.evaluate(SMALL, SMALLEST) == []


SMALLEST = 24  # CSS pixels, by WCAG 2.2, success criterion 2.5.8
SMALL = """smallest => [...document.querySelectorAll(
    "button, select, summary, input:not([type=checkbox], [type=radio]), textarea, label.choice"
)]
    .filter(each => each.checkVisibility({ visibilityProperty: true }))
    .map(each => [each, each.getBoundingClientRect()])
    .filter(([, { width, height }]) => width && (width < smallest || height < smallest))
    .map(([each, { width, height }]) => `${each.outerHTML.slice(0, 100)}: ${width} x ${height}`)
"""
UNREACHABLE = """() => [...document.querySelectorAll("main *")]
    .filter(each => /auto|scroll/.test(getComputedStyle(each).overflowY))
    .filter(each => each.clientHeight && each.scrollHeight > each.clientHeight + 1)
    .filter(each => each.tabIndex < 0 && !each.querySelector("button, a[href], input, select"))
    .map(each => each.outerHTML.slice(0, 100))
"""


async def tabs_to(visit: Visit, name: str, key: str = "Tab") -> None:
    """Press a key until a button or a field of this name has the focus."""
    for _ in range(MOST_TABS):
        if (await visit.page.evaluate(FOCUSED)).startswith(name):
            return
        await visit.page.keyboard.press(key)
    raise AssertionError(f"{name} is not reached by {MOST_TABS} tabs")


MOST_TABS = 25
FOCUSED = """() => {
    const focused = document.activeElement;
    return focused.ariaLabel ?? focused.labels?.[0]?.textContent ?? focused.textContent;
}"""
