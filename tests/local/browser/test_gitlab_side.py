"""What people do in GitLab, and how the card follows."""

import re

from playwright.async_api import Browser, expect

from tests.local.browser.visit import BLAKE, named_button, visiting
from tests.local.process import Local


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
