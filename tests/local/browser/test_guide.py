"""The first minute: what this is, what to try, and the scenes."""

import re

from playwright.async_api import Browser, expect

from slackbot.local.cast import FRESH, NASTY, NEARLY_DUE
from tests.local.browser.visit import AVERY, BLAKE, PATIENCE, PHONE, number_of, visiting
from tests.local.process import Local

SCENES = {
    "two-claims": "Two people claim at once",
    "gitlab-down": "GitLab is down",
    "deadline-near": "The deadline comes near",
    "guest-clicks": "A guest clicks",
    "week-end": "The end of the week",
}


async def test_the_guide_says_what_this_is_who_one_is_and_what_to_try(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        guide = await visit.opens_guide()
        await expect(guide).to_contain_text("You are Blake Sample")
        await expect(guide).to_contain_text("asked for a manager's contact")
        tries = guide.get_by_role("list", name="Three things to try").get_by_role("listitem")
        await expect(tries).to_have_count(3)
        for shown, words in zip(await tries.all(), ("Claim", "label", "contacted"), strict=True):
            await expect(shown).to_contain_text(words)
        links = guide.get_by_role("navigation").get_by_role("link")
        assert await links.all_inner_texts() == list(SCENES.values())
        for link, name in zip(await links.all(), SCENES, strict=True):
            await expect(link).to_have_attribute("href", re.compile(f"scene={name}$"))


async def test_what_was_tried_is_ticked_off_and_forgotten_when_one_starts_over(
    browser: Browser, restless: Local
) -> None:
    async with visiting(browser, restless, AVERY) as visit:
        guide = await visit.opens_guide()
        done = guide.get_by_role("img", name="Done")
        tried = visit.page.get_by_role("button", name=re.compile("^Guide"))
        await guide.get_by_role("button", name="Start over").click()
        await visit.modal.get_by_role("button", name="Start over").click()
        playing = visit.page.get_by_text("The past days are being played")
        await expect(playing).to_be_visible()
        await expect(playing).to_have_count(0, timeout=PATIENCE)
        await expect(tried).to_contain_text("0/3")
        card = await visit.arrives()
        # The guide leads to the button.
        await guide.get_by_role("link", name="Claim", exact=True).click()
        claim = card.get_by_role("button", name=re.compile("^Claim"))
        await expect(claim).to_be_focused()
        await visit.page.keyboard.press("Enter")
        await expect(tried).to_contain_text("1/3")
        await expect(done).to_have_count(1)
        await visit.labels(card, "soft-skills")
        await visit.modal.get_by_role("button", name="Set label").click()
        await expect(tried).to_contain_text("2/3")
        await expect(done).to_have_count(2)
        await card.get_by_role("button", name=re.compile("^Mark contacted")).click()
        await visit.modal.get_by_label("What you sent").fill("Dear customer, I am sorry.")
        await visit.modal.get_by_role("button", name="Save contact").click()
        await expect(tried).to_contain_text("3/3")


async def test_other_windows_are_about_the_new_world_when_one_starts_over(
    browser: Browser, restless: Local
) -> None:
    async with visiting(browser, restless, BLAKE) as visit:
        await visit.looks_at("Inspector")
        row = visit.inspector.get_by_role("listitem").first
        await row.get_by_role("button").click()
        await visit.looks_at("GitLab")
        await visit.opens_in_gitlab(NASTY)
        thread = await visit.opens_thread(visit.card(NEARLY_DUE))
        await visit.act("start_over")
        playing = visit.page.get_by_text("The past days are being played")
        await expect(playing).to_be_visible()
        await expect(playing).to_have_count(0, timeout=PATIENCE)
        newest = await number_of(visit.card(FRESH))
        await expect(visit.gitlab.get_by_text(f"#{newest} · opened")).to_be_visible()
        await expect(thread).to_have_count(0)
        await visit.looks_at("Inspector")
        await expect(row.get_by_role("button", expanded=True)).to_have_count(0)
        traffic = (await visit.state())["traffic"]
        await expect(visit.inspector.get_by_role("listitem")).to_have_count(min(traffic, 500))


async def test_the_guide_is_folded_on_a_phone_and_opens(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, BLAKE, PHONE) as visit:
        opener = visit.page.get_by_role("button", name=re.compile("^Guide"))
        tries = visit.page.get_by_role("list", name="Three things to try")
        await expect(tries).to_have_count(0)
        await opener.click()
        await expect(tries).to_be_visible()
        await opener.click()
        await expect(tries).to_have_count(0)


async def test_what_people_may_do_is_said_of_each(browser: Browser, local: Local) -> None:
    async with visiting(browser, local, AVERY) as visit:
        guide = await visit.opens_guide()
        people = (await visit.state())["people"]
        assert len(people) >= 6
        assert len({each["rights"] for each in people}) == len(people)
        for person in people:
            await visit.page.get_by_label("You are").select_option(person["id"])
            await expect(guide).to_contain_text(person["rights"])
