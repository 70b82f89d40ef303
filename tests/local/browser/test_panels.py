"""PagerDuty and the inspector beside Slack, and the rules in the bar."""

import json
import re

from playwright.async_api import Browser, expect

from tests.local.browser.visit import AVERY, BLAKE, CASEY, named_button, visiting
from tests.local.process import Local


async def test_the_one_who_is_put_on_duty_is_named_on_the_cards(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        card = await visit.arrives()
        await visit.looks_at("PagerDuty")
        for person, name in ((CASEY, "Casey Placeholder"), (AVERY, "Avery Example")):
            async with visit.page.expect_response("**/api/duty"):  # once the bot has asked
                await visit.pagerduty.get_by_label("Put on duty").select_option(person)
            await expect(visit.pagerduty.locator(".on-duty")).to_contain_text(name)
            await expect(await visit.asks("/ssat duty")).to_contain_text(f"On duty: @{name}")
            await expect(card).to_contain_text(f"On duty: @{name}")


async def test_a_gap_of_next_week_shows_until_somebody_takes_it(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local, AVERY) as visit:
        await visit.looks_at("PagerDuty")
        gap = visit.pagerduty.get_by_role("switch", name=re.compile("^Nobody"))
        turns = visit.pagerduty.get_by_role("listitem").filter(has_text="Nobody")
        for _ in range(2):
            has_gap = await gap.get_attribute("aria-checked") == "true"
            await expect(turns).to_have_count(int(has_gap))
            async with visit.page.expect_response("**/api/schedule"):
                await gap.click()
            await expect(gap).to_have_attribute("aria-checked", str(not has_gap).lower())


async def test_the_inspector_shows_each_exchange_and_its_json(
    browser: Browser, local: Local
) -> None:
    async with visiting(browser, local, BLAKE) as visit:
        await visit.looks_at("Inspector")
        card = await visit.arrives("Said for the inspector.")
        number = await card.get_attribute("data-issue")
        await named_button(card, "Claim").click()
        await expect(card).to_contain_text("Claimed by Blake Sample")
        rows = visit.inspector.get_by_role("list").get_by_role("listitem")
        await visit.inspector.get_by_label("Contains").fill(f"issues/{number}")
        await visit.inspector.get_by_label("Platform").select_option("GitLab")
        row = rows.filter(has_text="PUT").first
        await expect(row).to_contain_text("bot → GitLab")
        await expect(row).to_contain_text(re.compile(r"\d+ ms"))
        await expect(row).to_contain_text("rule met")
        await row.get_by_role("button").click()
        await expect(row.locator("pre").first).to_contain_text("assignee_ids")
        await expect(row).to_contain_text("Rule met: ")
        await expect(rows.filter(has_text="bot → Slack")).to_have_count(0)


async def test_the_inspector_shows_no_secret(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        answer = await visit.page.request.get(f"{local.url}/api/traffic")
        text = await answer.text()
        assert len((await answer.json())["entries"]) > 100
        for secret in (r"xoxb-[0-9a-f]{8}", r"glpat-\w{8}", r"whsec_\w{8}"):
            assert re.search(secret, text) is None, secret


async def test_a_broken_rule_shows_in_the_bar(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        state = await visit.state() | {"objections": ["Slack: a card had 51 blocks"]}
        news = f"retry: 60000\ndata: {json.dumps(state)}\n\n"
        await visit.page.route(
            "**/api/news?*",
            lambda route: route.fulfill(body=news, content_type="text/event-stream"),
        )
        await visit.page.reload()
        panel = await visit.opens_panel("rules")
        await expect(visit.page.locator("#open-rules")).to_contain_text("1 broken rule")
        await expect(panel.get_by_role("listitem")).to_have_text("Slack: a card had 51 blocks")


async def test_a_broken_rule_shows_in_the_inspector(browser: Browser, restless: Local) -> None:
    async with visiting(browser, restless, breaking=lambda _: True) as visit:
        host = (await visit.state())["gitlab"]["issues"][0]["web_url"].split("/")[2]
        await visit.page.request.get(f"http://{host}/api/v4/user")  # with no token
        await visit.looks_at("Inspector")
        await visit.inspector.get_by_label("Failed or broken only").check()
        row = visit.inspector.get_by_role("listitem").filter(has_text="rule broken").first
        await row.get_by_role("button").click()
        await expect(row).to_contain_text("Rule broken: ")
        await expect(row).to_contain_text("401")


async def test_no_rule_is_broken_by_looking(browser: Browser, local: Local) -> None:
    async with visiting(browser, local) as visit:
        rules = visit.page.get_by_role("banner").get_by_role("button", name="broken rules")
        await expect(rules).to_have_text(re.compile(r"\b0 broken rules$"))
        first, second = await visit.state(), await visit.state()
        # Or each look would be news, and the page be drawn ten times a second.
        assert first | {"traffic": 0} == second | {"traffic": 0}
