"""Each scene has an address, plays by itself, and shows what it tells people to look at."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Locator, Route, expect

from tests.local.browser.axe import no_violations
from tests.local.browser.visit import DANA, HARPER, PATIENCE, Visit, opened
from tests.local.process import Local

IS_OVER = """async before => {
    const { scene } = await (await fetch("/api/state")).json();
    return scene.number > before && !scene.is_playing;
}"""
"""A scene may be too short for the page to show that it plays."""


@asynccontextmanager
async def scene(
    browser: Browser, restless: Local, name: str
) -> AsyncIterator[tuple[Visit, Locator]]:
    """Open a scene by its address, and let it play; yields the newest card, too."""
    async with opened(browser, "about:blank") as page:
        stage = page.locator(".stage")
        again = stage.get_by_role("button", name="Play again")
        visit = Visit(page, "U0AVERY", restless.url)
        before = await visit.state()
        known, last = before["objections"], before["scene"]
        await page.goto(f"{restless.url}/?scene={name}")
        await expect(stage).to_contain_text("Look at")
        if last and last["name"] == name:
            await again.click()  # what was played last is not played again by its address alone
            await page.wait_for_function(IS_OVER, arg=last["number"], timeout=PATIENCE)
        await expect(again).to_be_enabled(timeout=PATIENCE)
        state = await visit.state()
        assert state["scene"]["name"] == name
        assert state["scene"]["problem"] is None, state["scene"]["problem"]
        visit.me = state["scene"]["me"] or visit.me
        for words in state["scene"]["look_at"]:
            await expect(stage).to_contain_text(words)
        numbers = await page.locator("article[data-issue]").evaluate_all(
            "cards => cards.map(card => Number(card.dataset.issue))"
        )
        try:
            yield visit, visit.card_of(str(max(numbers)))
            await no_violations(page)
            assert (await visit.state())["objections"] == known
        finally:
            for each in (await visit.state())["troubles"]:
                if each["is_on"]:
                    await visit.act("trouble", name=each["name"], on=False)


async def looks_as(visit: Visit, person: str) -> None:
    await visit.page.get_by_label("You are").select_option(person)
    visit.me = person


async def test_two_people_claim_at_once(browser: Browser, restless: Local) -> None:
    async with scene(browser, restless, "two-claims") as (visit, card):
        await expect(card).to_contain_text(re.compile("Claimed by (Avery Example|Blake Sample)"))
        assert len((await visit.issue(card))["assignees"]) == 1
        thread = await visit.opens_thread(card)
        await expect(thread.get_by_text("claimed this request")).to_have_count(1)
        whispers = {}
        for person in ("U0AVERY", "U0BLAKE"):
            visit.me = person
            whispers[person] = len((await visit.state())["slack"]["ephemerals"])
        assert sum(whispers.values()) >= 1


async def test_gitlab_is_down(browser: Browser, restless: Local) -> None:
    async with scene(browser, restless, "gitlab-down") as (visit, card):
        await expect(visit.page.get_by_label("You are")).to_have_value("U0BLAKE")
        await expect(visit.gitlab).to_contain_text("502")
        await expect(card).to_contain_text("⏳ Saved")
        await visit.switches("GitLab down")
        await visit.lets_pass("+1 h")
        await expect(card).not_to_contain_text("⏳ Saved")
        issue = await visit.issue(card)
        assert issue["assignees"] == ["blake.sample"]
        assert "feedback::docs-not-helpful" in issue["labels"]


async def test_the_deadline_comes_near(browser: Browser, restless: Local) -> None:
    async with scene(browser, restless, "deadline-near") as (visit, card):
        await expect(card).to_contain_text("Overdue")
        thread = await visit.opens_thread(card)
        await expect(thread).not_to_contain_text("This reminder is late")
        await expect(
            thread.get_by_role("combobox", name="Why was it late?")
            .or_(thread.get_by_role("button", name="Why was it late?"))
            .first
        ).to_be_visible()
        ticket = re.search(r"ticket \d+", await card.inner_text())
        assert ticket
        articles = visit.slack.get_by_role("article").filter(has_not_text="Good morning")
        for mark, who in (("⏰", "Avery|Blake"), ("🔴", "Avery|Blake"), ("🚨", "Casey")):
            told = articles.filter(has_text=mark).filter(has_text=ticket[0]).last
            await expect(told).to_contain_text(re.compile(f"@({who})"))


async def test_a_guest_clicks(browser: Browser, restless: Local) -> None:
    async with scene(browser, restless, "guest-clicks") as (visit, card):
        await expect(visit.page.get_by_label("You are")).to_have_value("U0DANA")
        await expect(visit.told.last).to_contain_text("Guests can't take action")
        await expect(card).to_contain_text("Unclaimed")
        assert (await visit.issue(card))["assignees"] != ["harper"]
        await looks_as(visit, HARPER)
        await expect(visit.told.last).to_contain_text("View only")


async def test_a_scene_is_played_again_as_its_person_in_one_window(
    browser: Browser, restless: Local
) -> None:
    async with (
        scene(browser, restless, "guest-clicks") as (visit, _),
        opened(browser, f"{restless.url}/?me={HARPER}") as other,
    ):
        await looks_as(visit, HARPER)
        again = visit.page.get_by_role("button", name="Play again")
        await again.click()
        await expect(visit.page.get_by_label("You are")).to_have_value(DANA)
        await expect(again).to_be_enabled(timeout=PATIENCE)
        await looks_as(visit, HARPER)
        number = (await visit.state())["scene"]["issue"]
        await expect(other.locator(f"article[data-issue='{number}']")).to_be_visible()
        for page in (visit.page, other):
            await expect(page.get_by_label("You are")).to_have_value(HARPER)


async def test_a_scene_that_has_not_begun_is_not_taken_for_the_one_before(
    browser: Browser, restless: Local
) -> None:
    async with scene(browser, restless, "two-claims"):
        pass
    may_begin = asyncio.Event()

    async def begin_late(route: Route) -> None:
        await may_begin.wait()
        await route.continue_()

    async with opened(browser, restless.url) as page:
        await page.route("**/api/scene", begin_late)
        stage = page.locator(".stage")
        async with page.expect_request("**/api/scene"):
            await page.goto(f"{restless.url}/?scene=guest-clicks")
        await expect(stage).to_have_count(0)
        may_begin.set()
        await expect(stage.get_by_role("heading", name="A guest clicks")).to_be_visible()
        await expect(stage.get_by_role("button", name="Play again")).to_be_enabled(timeout=PATIENCE)


async def test_the_end_of_the_week(browser: Browser, restless: Local) -> None:
    async with scene(browser, restless, "week-end") as (visit, _):
        articles = visit.slack.get_by_role("article", name=re.compile("^Message: (Good|Trends)"))
        await expect(articles.filter(has_text="Good morning").last).to_be_visible()
        await expect(articles.filter(has_text="contact requests").last).to_be_visible()
        for person in ("U0AVERY", "U0BLAKE"):
            await looks_as(visit, person)
            await visit.opens("SSAT bot")
            log = visit.slack.get_by_role("log", name="SSAT bot")
            await expect(log).to_contain_text("on duty")


async def test_a_scene_is_left_and_its_address_is_gone(browser: Browser, restless: Local) -> None:
    async with scene(browser, restless, "two-claims") as (visit, _):
        await visit.page.locator(".stage").get_by_role("button", name="Close").click()
        await expect(visit.page.locator(".stage")).to_have_count(0)
        assert "scene=" not in visit.page.url
