"""What else of Slack the bot uses: the command, the Home, files."""

import re

from playwright.async_api import Browser, expect

from slackbot.local.cast import FRESH, NASTY
from tests.local.browser.axe import no_violations
from tests.local.browser.visit import (
    BLAKE,
    CASEY,
    ELLIS,
    FINLEY,
    HARPER,
    named_button,
    visiting,
)
from tests.local.process import Local


async def test_the_command_is_typed_into_the_message_box(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        box = visit.page.get_by_label("Message #support_escalations")
        await box.fill("/ssat")
        await box.press("Enter")
        await expect(visit.told.last).to_contain_text("waiting to hear from a manager")
        await expect(box).to_have_value("")
        await box.fill("/unknown")
        await box.press("Enter")
        await expect(visit.page.get_by_role("alert")).to_contain_text("/unknown is not a command")
        # What was refused can be corrected.
        await expect(box).to_have_value("/unknown")


async def test_a_claim_is_made_in_the_answer_to_the_command(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        await visit.arrives()
        told = await visit.asks("/ssat unclaimed")
        await named_button(told, "Claim").last.click()
        await visit.asks("/ssat mine")
        mine = visit.page.get_by_role("article").filter(has_text="filters: mine")
        await expect(mine).to_contain_text("laimed by Blake Sample")
        await expect(named_button(mine, "Release").first).to_be_visible()


async def test_a_claim_is_made_in_the_home(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, CASEY) as visit:
        await visit.arrives()
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


async def test_a_message_shortcut_shows_what_a_message_is_about(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        await visit.says(f"Does anybody know ticket {NASTY.ticket}?")
        message = visit.page.get_by_role("article").filter(has_text="Does anybody know").last
        before = await visit.told.count()
        await visit.acts_on_message(message, "Show feedback")
        await expect(visit.told).to_have_count(before + 1)
        await expect(visit.told.last).to_contain_text(f"ticket {NASTY.ticket}")
        await expect(visit.told.last.get_by_role("link", name="card")).to_be_visible()


async def test_a_pasted_link_to_an_issue_is_unfurled(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        address = (await visit.issue(visit.card(NASTY)))["web_url"]
        await visit.says(f"Look at {address}")
        preview = visit.slack.get_by_role("group", name=f"Preview of {address}").last
        await expect(preview).to_contain_text(f"ticket {NASTY.ticket}")


async def test_people_answer_in_a_thread(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        card = await visit.arrives()
        await visit.acts_on_message(card, "Reply in thread")
        box = card.get_by_label("Reply…")
        await expect(box).to_be_focused()
        await box.fill("I know this customer.")
        await box.press("Enter")
        await expect(card.locator(".thread")).to_contain_text("I know this customer.")


async def test_direct_messages_are_seen_by_one_person(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, CASEY) as visit:
        await visit.asks("/ssat stats 7d csv")
        await visit.opens("SSAT bot")
        await expect(visit.slack.get_by_role("log", name="SSAT bot")).to_contain_text(".csv")
        await expect(visit.page.get_by_label("Message SSAT bot")).to_be_visible()
    async with visiting(browser, local, HARPER) as visit:
        await expect(visit.slack.get_by_role("button", name="SSAT bot")).to_have_count(0)


async def test_feedback_without_a_wish_is_in_a_channel_of_its_own(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        await visit.opens("# support_feedback")
        log = visit.slack.get_by_role("log", name="support_feedback")
        await expect(log).to_contain_text("each asked me to start over")


async def test_kudos_are_given_in_their_channel(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        answer = await visit.asks("/ssat good")
        await visit.chooses(answer, "Kudos…")
        await visit.modal.get_by_role("button", name="Whom does the customer thank?").click()
        await visit.modal.get_by_role("option", name="Harper Helper").click()
        await visit.modal.get_by_label("In your own words").fill("Well done.")
        await visit.modal.get_by_role("button", name="Give kudos").click()
        await expect(visit.modal).to_contain_text("Saved for ticket")
        await visit.modal.get_by_role("button", name="OK").click()
        await expect(visit.modal).to_have_count(0)
        await visit.opens("# kudos")
        log = visit.slack.get_by_role("log", name="kudos")
        await expect(log).to_contain_text("Well done.")


async def test_the_lead_is_told_of_a_missed_deadline(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, CASEY) as visit:
        told = visit.page.get_by_role("article").filter(has_text="🚨").first
        await expect(told).to_contain_text("the deadline to contact the customer")
        await expect(told.locator(".mention")).to_contain_text(["@Casey Placeholder"])


async def test_an_account_is_linked_by_a_code_left_in_gitlab(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local, FINLEY) as visit:
        answer = await visit.asks("/ssat link finley")
        code = await answer.locator("code").filter(has_text="ssat-").first.inner_text()
        picker = visit.gitlab.get_by_label("Issue")
        link_issue = picker.locator("option").filter(has_text="Links between Slack and GitLab")
        await picker.select_option(await link_issue.get_attribute("value"))
        await visit.gitlab.get_by_label("Comment as @finley").fill(code)
        await visit.gitlab.get_by_role("button", name="Comment", exact=True).click()
        await visit.opens("SSAT bot")
        log = visit.slack.get_by_role("log", name="SSAT bot")
        await expect(log).to_contain_text("You are now linked to finley")
        await visit.opens("# support_escalations")
        card = await visit.arrives()
        await named_button(card, "Claim").click()
        await expect(card).to_contain_text("Claimed by Finley Unlinked")
        await visit.opens_in_gitlab(card)
        await expect(visit.gitlab.get_by_label("Assignee")).to_have_value("finley")


async def test_who_may_not_act_is_told_so(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        number = await (await visit.arrives()).get_attribute("data-issue")
    for person, words in ((HARPER, "View only"), (ELLIS, "")):
        async with visiting(browser, local, person) as visit:
            card = visit.page.locator(f"article[data-issue='{number}']")
            before = await visit.told.count()
            await named_button(card, "Claim").click()
            await expect(visit.told).to_have_count(before + 1)
            await expect(visit.told.last).to_contain_text(words)
            await expect(card).to_contain_text("Unclaimed")


async def test_a_required_field_left_empty_is_named_as_slack_does(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        card = await visit.arrives()
        await visit.chooses(card, "More…")
        await visit.modal.get_by_role("button", name="Close without contact").click()
        await expect(visit.modal).to_contain_text("Why?")
        await visit.modal.locator("footer").get_by_role("button").last.click()
        await expect(visit.modal).to_contain_text("Please complete this required field.")
        await expect(visit.modal).not_to_contain_text("{'")
        await expect(visit.alert).to_have_text("")
        await expect(visit.modal.locator(".has-error :focus")).to_have_count(1)


async def test_a_ticket_is_a_page_of_this_machine(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        async with visit.page.context.expect_page() as opening:
            await visit.card(NASTY).get_by_role("link", name=f"ticket {NASTY.ticket}").click()
        ticket = await opening.value
        assert ticket.url == f"{local.url}/tickets/{NASTY.ticket}"
        await expect(ticket.get_by_role("heading", level=1)).to_have_text(f"Ticket {NASTY.ticket}")
        await expect(ticket.get_by_role("main")).to_contain_text("<script>alert('boo')</script>")
        await no_violations(ticket)
        await ticket.close()


async def test_moments_are_told_in_the_readers_own_zone(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        number = await (await visit.arrives()).get_attribute("data-issue")
    shown = set()
    for zone in ("America/Los_Angeles", "Asia/Tokyo"):
        async with visiting(browser, local, BLAKE, timezone_id=zone) as visit:
            card = visit.page.locator(f"article[data-issue='{number}']")
            shown.add(await card.locator(".section time").first.inner_text())
    assert len(shown) == 2
