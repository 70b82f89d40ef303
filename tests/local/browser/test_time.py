"""The time passes through the hours: what is due comes at its own moment."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, expect

from tests.local.browser.visit import AVERY, BLAKE, PATIENCE, Json, Visit, named_button, visiting
from tests.local.process import Local

LATE = "This reminder is late"


def said_at(message: Json) -> datetime:
    return datetime.fromtimestamp(float(message["ts"])).astimezone()


async def messages(visit: Visit) -> list[Json]:
    """Return all that this person can read, threads included."""
    channels = (await visit.state())["slack"]["channels"]
    roots = [message for channel in channels for message in channel["messages"]]
    return [*roots, *(reply for message in roots for reply in message["thread"])]


AMSTERDAM = ZoneInfo("Europe/Amsterdam")


async def test_each_reminder_carries_its_own_time_and_none_is_late(
    browser: Browser, restless: Local
) -> None:
    async with visiting(browser, restless, AVERY) as visit:
        card = await visit.arrives()
        number = int(await card.get_attribute("data-issue") or "")
        began = datetime.now().astimezone() + timedelta(seconds=(await visit.state())["offset"])
        while await card.get_by_text("Overdue").count() == 0:
            await visit.lets_pass("+1 day")
        slack = (await visit.state())["slack"]
        ts = next(ts for ts, issue in slack["issues"].items() if issue == number)
        thread = next(
            message["thread"] for message in slack["channels"][0]["messages"] if message["ts"] == ts
        )
        reminders = [said_at(each) for each in thread if "please contact" in each["text"].lower()]
        assert len(reminders) >= 3
        # Days have passed within seconds, and each came at its own moment, none by night.
        assert all(earlier < later for earlier, later in pairwise(reminders))
        assert all(8 <= each.astimezone(AMSTERDAM).hour < 20 for each in reminders)
        assert reminders[-1] - began >= timedelta(days=1)
        assert [each["text"] for each in await messages(visit) if LATE in each["text"]] == []
        await visit.opens_thread(card)
        await expect(card).not_to_contain_text(LATE)


async def test_snooze_is_pressed_in_the_thread(browser: Browser, restless: Local) -> None:
    async with visiting(browser, restless, AVERY) as visit:
        card = await visit.arrives()
        while not await card.get_by_role("button", name="replies").count():
            if await card.get_by_role("button", name="1 reply").count():
                break
            await visit.lets_pass("+8 h")
        thread = await visit.opens_thread(card)
        await thread.get_by_role("button", name="Snooze").first.click()
        await expect(visit.modal).to_contain_text("Pause reminders")
        await visit.page.keyboard.press("Escape")
        await expect(visit.modal).to_have_count(0)
        await expect(visit.alert).to_have_text("")


async def test_the_panel_tells_of_quiet_hours(browser: Browser, restless: Local) -> None:
    async with visiting(browser, restless, BLAKE) as visit:
        panel = await visit.opens_panel("time")
        await expect(panel).to_contain_text("20:00")
        await expect(panel).to_contain_text("08:00")
        seen: set[bool] = set()
        while len(seen) < 2:  # within a day, both
            is_quiet = (await visit.state())["clock"]["is_quiet"]
            seen.add(is_quiet)
            words = "reminders to people wait" if is_quiet else "Quiet hours are from"
            await expect(panel).to_contain_text(words)
            opener = visit.page.get_by_role("banner").get_by_role("button", name="Time")
            await expect(opener.get_by_text("Quiet hours")).to_have_count(int(is_quiet))
            await visit.lets_pass("+8 h")


async def test_the_time_shows_that_it_is_on_its_way(browser: Browser, restless: Local) -> None:
    async with visiting(browser, restless, BLAKE) as visit:
        panel = await visit.opens_panel("time")
        await panel.get_by_role("button", name="Next morning").click()
        await expect(visit.page.get_by_text("Time passes…")).to_be_visible()
        await expect(visit.page.get_by_text("Time passes…")).to_have_count(0, timeout=PATIENCE)
        digest = visit.page.get_by_role("article").filter(has_text="Good morning").last
        await expect(digest).to_be_visible()
        clock = (await visit.state())["clock"]
        assert clock["moving_to"] is None
        await expect(named_button(panel, "+1 h")).to_be_enabled()
