"""What is done by keyboard alone, and where the focus is then."""

from playwright.async_api import Browser, expect

from slackbot.local.cast import NASTY, NEARLY_DUE
from tests.local.browser.visit import BLAKE, visiting
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
