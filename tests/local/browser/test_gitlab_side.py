"""What people do in GitLab, and how the card follows."""

import re

from playwright.async_api import Browser, expect

from tests.local.browser.visit import BLAKE, DANA, named_button, visiting
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


async def test_a_new_issue_is_opened_and_gets_a_card(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        await visit.gitlab.get_by_role("button", name="New issue").click()
        await visit.gitlab.get_by_label("Title").fill("Indirect feedback, ticket 412990")
        await visit.gitlab.get_by_label("Description").fill("They would be glad of a call.")
        await visit.gitlab.get_by_label("Assigned to").select_option("casey")
        await visit.gitlab.get_by_label("SSAT::Contact").check()
        await visit.gitlab.get_by_role("button", name="Create issue").click()
        await expect(visit.gitlab.get_by_role("heading", level=2).last).to_contain_text("412990")
        card = visit.page.locator("article[data-issue]").filter(has_text="412990")
        await expect(card).to_contain_text("Unclaimed")
        await expect(visit.gitlab.get_by_label("Assignee")).to_have_value("casey")
        await visit.gitlab.get_by_role("button", name="Remove SSAT::Contact").click()
        await expect(named_button(card, "Mark contacted")).to_have_count(0)


async def test_an_issue_is_moved_and_its_card_says_so(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        card = await visit.arrives()
        await visit.opens_in_gitlab(card)
        await visit.gitlab.get_by_role("button", name="Move issue").click()
        await expect(visit.gitlab).to_contain_text("This issue was moved to")
        await expect(card).to_contain_text("Moved without contact")
        await expect(named_button(card, "Claim")).to_have_count(0)
        await visit.gitlab.get_by_role("button", name=re.compile("support-team-meta#")).click()
        await expect(visit.gitlab.get_by_text("Open", exact=True)).to_be_visible()


async def test_an_archived_label_can_not_be_chosen_until_it_is_restored(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        card = await visit.arrives()
        await visit.opens_in_gitlab(card)
        labels = visit.gitlab.get_by_role("button", name="Labels", exact=True)
        archived = (
            visit.gitlab.get_by_label("Add a label")
            .locator("option")
            .filter(has_text="feedback::process-sfdc")
        )
        await expect(archived).to_have_count(1)
        await labels.click()
        await visit.gitlab.get_by_role("button", name="Archive feedback::process-sfdc").click()
        restore = visit.gitlab.get_by_role("button", name="Restore feedback::process-sfdc")
        await expect(restore).to_be_visible()
        await expect(visit.gitlab.get_by_text("Archived", exact=True)).to_be_visible()
        await labels.click()
        await expect(archived).to_have_count(0)
        await labels.click()
        await restore.click()
        await expect(restore).to_have_count(0)
        await labels.click()
        await expect(archived).to_have_count(1)


async def test_who_has_no_account_can_only_read(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, DANA) as visit:
        await expect(visit.gitlab).to_contain_text("has no account in this GitLab")
        await expect(visit.gitlab.get_by_label("Assignee")).to_be_disabled()
        for words in ("Comment", "Close issue", "Move issue"):
            await expect(visit.gitlab.get_by_role("button", name=words)).to_have_count(0)
        await visit.gitlab.get_by_role("button", name="Labels", exact=True).click()
        await expect(visit.gitlab.get_by_role("button", name="Archive")).to_have_count(0)
