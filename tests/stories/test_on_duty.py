"""Who is on duty: from PagerDuty, a user group or the people file; on the card, and in GitLab."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from slackbot.local.pagerduty import PagerDuty, Schedule, Turn, serve
from slackbot.local.slack import Message
from slackbot.store.jobs import PeriodicQueue
from tests.town import PATIENCE, Town, text_of

SCHEDULE, SPARE = "P9UIIDY", "PSPARE"
MONDAY = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
"""The stories begin on the Friday before."""
DAY = timedelta(days=1)


class Rotation:
    """A town with a schedule in PagerDuty, on which Avery is on call."""

    def __init__(self, town: Town, account: PagerDuty, url: str) -> None:
        self.town, self.account = town, account
        self.avery = account.add_user("Avery Example", "avery@example.com")
        self.blake = account.add_user("Blake Sample", "Blake@Example.com")
        self.dana = account.add_user("Dana <!channel> Duty", "dana@example.com")
        self.schedule: Schedule = account.add_schedule(SCHEDULE, self.avery)
        self.settings: dict[str, Any] = {
            "pagerduty_api_token": account.token,
            "pagerduty_api_url": url,
        }

    def plan(self, *turns: tuple[int, int]) -> None:
        """Let Avery's turn end on Monday, and Blake have others, in days after it."""
        self.schedule.until = MONDAY
        self.schedule.later = [
            Turn(user=self.blake, start=MONDAY + begins * DAY, end=MONDAY + ends * DAY)
            for begins, ends in turns
        ]

    async def looked(self) -> None:
        """Let the time pass after which the bot asks again, and wait until it has."""
        before = len(self.account.requests)
        self.town.clock.forward(minutes=5)
        await self.town.slack.wait_for(lambda: len(self.account.requests) > before)
        await self.town.idle(PeriodicQueue.DUTY)


@pytest.fixture
async def rotation(quiet_town: Town) -> AsyncIterator[Rotation]:
    account = PagerDuty(clock=quiet_town.clock)
    async with serve(account) as url:
        yield Rotation(quiet_town, account, url)
    assert account.violations == []


async def readiness(town: Town) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{town.url}/readyz") as answer:
        return answer.status, (await answer.json())["duty"]


async def test_a_new_card_pings_who_is_on_duty_and_a_repainted_one_nobody(
    rotation: Rotation,
) -> None:
    town = rotation.town
    async with town.bot_running(**rotation.settings):
        await town.idle(PeriodicQueue.DUTY)
        issue = town.feedback()
        card = await town.card(issue, "On duty: <@U0AVERY>")
        assert card.pings == {"<@U0AVERY>"}
        posts = [one for one in town.slack.requests if one.method == "chat.postMessage"]
        await town.slack.click(town.blake, card, "Claim")
        await town.card(issue, "Claimed by Blake", without="On duty")
        await town.settled()
        later = [one for one in town.slack.requests if one.method == "chat.postMessage"]
        assert len(posts) == 1
        assert all(one.args.get("thread_ts") for one in later[1:])


async def test_a_change_of_duty_shows_on_what_waits(rotation: Rotation) -> None:
    town = rotation.town
    async with town.bot_running(**rotation.settings):
        waiting = town.feedback()
        await town.card(waiting, "On duty: <@U0AVERY>")
        rotation.schedule.on_call = [rotation.blake]
        await rotation.looked()
        await town.card(waiting, "On duty: <@U0BLAKE>")


async def test_a_card_names_who_was_on_duty_when_it_was_created_beside_who_is_now(
    rotation: Rotation,
) -> None:
    town = rotation.town
    async with town.bot_running(**rotation.settings):
        await town.idle(PeriodicQueue.DUTY)
        issue = town.feedback()
        await town.card(issue, "On duty: <@U0AVERY>", without="when it was created")
        rotation.schedule.on_call = [rotation.blake]
        await rotation.looked()
        both = "On duty: <@U0BLAKE> · on duty when it was created: Avery Example"
        card = await town.card(issue, both)
        # Claimed, it is the owner's; who was responsible at first stays to be seen.
        await town.slack.click(town.blake, card, "Claim")
        await town.card(
            issue,
            "Claimed by Blake Sample",
            "on duty when it was created: Avery Example",
            without="on duty: <@",
        )
        later = town.feedback("Negative feedback for ticket 412346")
        await town.card(later, "On duty: <@U0BLAKE>", without="when it was created")


async def test_a_turn_that_ends_is_asked_about_at_its_end(rotation: Rotation) -> None:
    town = rotation.town
    rotation.schedule.until = datetime(2026, 1, 30, 15, 2, tzinfo=UTC)
    async with town.bot_running(**rotation.settings):
        issue = town.feedback()
        await town.card(issue, "On duty: <@U0AVERY>")
        rotation.schedule.on_call, rotation.schedule.until = [rotation.blake], None
        town.clock.forward(minutes=2)
        await town.card(issue, "On duty: <@U0BLAKE>")


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        (401, "does not accept PAGERDUTY_API_TOKEN (401)"),
        (429, "limits requests (429)"),
        (503, "is failing (503)"),
    ],
)
async def test_without_pagerduty_the_last_known_goes_on_and_it_is_said(
    rotation: Rotation, trouble: int, problem: str
) -> None:
    town = rotation.town
    async with town.bot_running(**rotation.settings):
        await town.card(town.feedback(), "On duty: <@U0AVERY>")
        rotation.account.status = trouble
        await rotation.looked()
        other = town.feedback("Negative feedback for ticket 412346")
        card = await town.card(other, "On duty: <@U0AVERY> (last known")
        assert card.pings == {"<@U0AVERY>"}
        status, said = await readiness(town)
        assert status == 200
        assert problem in said
        rotation.account.status = None
        await rotation.looked()
        assert await readiness(town) == (200, "ok")
        third = town.feedback("Negative feedback for ticket 412347")
        await town.card(third, "On duty: <@U0AVERY>", without="last known")


async def test_cards_that_stand_follow_the_beginning_and_the_end_of_such_trouble(
    rotation: Rotation,
) -> None:
    town = rotation.town

    def repaints() -> int:
        return [each.method for each in town.slack.requests].count("chat.update")

    async with town.bot_running(**rotation.settings):
        issue = town.feedback()
        await town.card(issue, "On duty: <@U0AVERY>", without="last known")
        rotation.account.status = 503
        await rotation.looked()
        card = await town.card(issue, "On duty: <@U0AVERY> (last known")
        await town.settled()
        before = repaints()
        for status in (503, 429):  # it goes on, and is said already
            rotation.account.status = status
            await rotation.looked()
            await town.settled()
        assert repaints() == before
        rotation.account.status = None
        await rotation.looked()
        assert await town.card(issue, "On duty: <@U0AVERY>", without="last known") == card


async def test_an_empty_schedule_is_said_and_the_last_known_goes_on(rotation: Rotation) -> None:
    town = rotation.town
    async with town.bot_running(**rotation.settings):
        await town.card(town.feedback(), "On duty: <@U0AVERY>")
        rotation.schedule.on_call = []
        await rotation.looked()
        await town.card(
            town.feedback("Negative feedback for ticket 412346"),
            "On duty: <@U0AVERY> (last known",
        )
        assert "names nobody now" in (await readiness(town))[1]


async def test_while_nobody_was_ever_known_the_card_says_so(rotation: Rotation) -> None:
    town = rotation.town
    rotation.account.status = 503
    async with town.bot_running(**rotation.settings):
        await town.idle(PeriodicQueue.DUTY)
        card = await town.card(town.feedback(), "On duty: unknown")
        assert card.pings == set()


async def test_who_is_unknown_to_slack_is_named_and_pings_nobody(rotation: Rotation) -> None:
    town = rotation.town
    rotation.schedule.on_call = [rotation.dana]
    async with town.bot_running(**rotation.settings):
        await town.idle(PeriodicQueue.DUTY)
        card = await town.card(town.feedback(), "On duty: Dana", "(not known in Slack)")
        assert card.pings == set()
        assert "isn't known in Slack" in (await readiness(town))[1]
        await rotation.looked()
        assert len(town.turns()) == 1, "the same stranger has the same turn"


@pytest.mark.parametrize(
    "kind", [{"is_restricted": True}, {"deleted": True}, {"is_bot": True}, {"team_id": "T0OTHER"}]
)
async def test_a_guest_on_call_is_a_stranger_too(rotation: Rotation, kind: dict[str, Any]) -> None:
    town = rotation.town
    town.slack.add_user("U0DANA", "dana", email="dana@example.com", **kind)
    rotation.schedule.on_call = [rotation.dana]
    async with town.bot_running(**rotation.settings):
        await town.idle(PeriodicQueue.DUTY)
        card = await town.card(town.feedback(), "On duty: Dana", "(not known in Slack)")
        assert card.pings == set()


async def test_who_is_on_duty_survives_a_restart_without_pagerduty(rotation: Rotation) -> None:
    town = rotation.town
    async with town.bot_running(**rotation.settings):
        await town.card(town.feedback(), "On duty: <@U0AVERY>")
    rotation.account.status = 503
    async with town.bot_running(**rotation.settings):
        await town.idle(PeriodicQueue.DUTY)
        other = town.feedback("Negative feedback for ticket 412346")
        await town.card(other, "On duty: <@U0AVERY> (last known")


async def test_a_user_group_says_who_is_on_duty_until_it_is_disabled(quiet_town: Town) -> None:
    town = quiet_town
    group = town.slack.add_usergroup("S0DUTY", "ssat-on-duty", [town.blake])
    async with town.bot_running(ssat_duty_group="S0DUTY"):
        issue = town.feedback()
        await town.card(issue, "On duty: <@U0BLAKE>")
        group.users.insert(0, town.avery.id)
        town.clock.forward(minutes=5)
        await town.card(issue, "On duty: <@U0AVERY>, <@U0BLAKE>")
        group.date_delete = 1
        town.clock.forward(minutes=5)
        await town.idle(PeriodicQueue.DUTY)
        assert "disabled the user group S0DUTY" in (await readiness(town))[1]
        other = town.feedback("Negative feedback for ticket 412346")
        await town.card(other, "On duty: <@U0AVERY>, <@U0BLAKE> (last known")


async def test_a_user_group_that_slack_does_not_know_is_not_called_disabled(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(ssat_duty_group="S0NOPE"):
        await town.idle(PeriodicQueue.DUTY)
        said = (await readiness(town))[1]
    assert "SSAT_DUTY_GROUP: Slack has no user group S0NOPE: correct the id" in said


async def test_the_people_file_says_who_has_which_week(quiet_town: Town) -> None:
    town = quiet_town
    weeks = '\n[duty]\n2026-W05 = "U0AVERY"\n2026-W06 = "U0BLAKE"\n'
    town.people_file.write_text(town.people_file.read_text() + weeks)
    async with town.bot_running(ssat_timezone="Europe/Berlin"):
        issue = town.feedback()
        await town.card(issue, "On duty: <@U0AVERY>")
        town.clock.forward(days=2, hours=7, minutes=59)  # Sunday 23:59 in Berlin
        await town.card(issue, "On duty: <@U0AVERY>")
        town.clock.forward(minutes=2)
        await town.card(issue, "On duty: <@U0BLAKE>")


async def test_where_nothing_says_who_is_on_duty_the_card_says_nothing_of_it(town: Town) -> None:
    await town.idle(PeriodicQueue.DUTY)
    await town.card(town.feedback(), "🟠 Unclaimed", without="On duty")
    assert await readiness(town) == (200, "ok")


async def answer(town: Town) -> str:
    await town.idle(PeriodicQueue.DUTY)
    return text_of(await town.asks(town.casey, "duty"))


async def test_the_answer_links_the_schedule_and_says_who_is_next_and_what_is_not_covered(
    rotation: Rotation,
) -> None:
    town = rotation.town
    rotation.plan((1, 8))
    async with town.bot_running(**rotation.settings):
        said = await answer(town)
    url = f"https://example.pagerduty.com/schedules/{SCHEDULE}"
    assert "*On duty: <@U0AVERY>*" in said
    assert f"Schedule: <{url}|SSAT Reviewing Manager>" in said
    tuesday = f"<!date^{int((MONDAY + DAY).timestamp())}^"
    assert f"*Next:* <@U0BLAKE>, from {tuesday}" in said
    assert f"coming 7 days*\n• <!date^{int(MONDAY.timestamp())}^" in said
    assert "UTC>: nobody is on duty" in said
    assert f"```SSAT Reviewing Manager: Avery Example (rotation: {url})```" in said


async def test_who_is_on_duty_soon_and_away_by_their_slack_status_is_named(
    rotation: Rotation,
) -> None:
    town = rotation.town
    rotation.plan((0, 7))
    town.avery.status_text, town.avery.status_emoji = "In a meeting", ":spiral_calendar_pad:"
    town.blake.status_text, town.blake.status_emoji = "Vacationing", ":palm_tree:"
    town.blake.status_expiration = int((MONDAY + 2 * DAY).timestamp())
    async with town.bot_running(**rotation.settings):
        said = await answer(town)
        back = f"to <!date^{town.blake.status_expiration}^"
        assert f"• <!date^{int(MONDAY.timestamp())}^" in said
        assert back in said
        assert "<@U0BLAKE> on duty, but away by their Slack status" in said
        assert "palm_tree" not in town.everything_stored(), "why they are away is kept nowhere"
        assert "Vacationing" not in town.everything_stored()
    town.blake.status_text = town.blake.status_emoji = ""
    async with town.bot_running(**rotation.settings):
        assert "The coming 7 days are covered." in await answer(town)


async def test_the_second_schedule_serves_where_the_first_one_names_nobody(
    rotation: Rotation,
) -> None:
    town = rotation.town
    rotation.plan()
    rotation.account.add_schedule(SPARE, rotation.blake, name="Spare")
    both = rotation.settings | {"pagerduty_schedule": f"{SCHEDULE},{SPARE}"}
    async with town.bot_running(**both):
        said = await answer(town)
        assert "*On duty: <@U0AVERY>*" in said
        assert "|SSAT Reviewing Manager>, then <https://" in said
        urls = [f"https://example.pagerduty.com/schedules/{each}" for each in (SCHEDULE, SPARE)]
        assert f"(rotation: {', '.join(urls)})```" in said
        assert f"*Next:* <@U0BLAKE>, from <!date^{int(MONDAY.timestamp())}^" in said
        assert "The coming 7 days are covered." in said
        town.clock.forward(days=3)
        await town.idle(PeriodicQueue.DUTY)
        await town.card(town.feedback(), "On duty: <@U0BLAKE>")


async def test_an_unknown_schedule_is_named_and_does_not_stop_the_others(
    rotation: Rotation,
) -> None:
    town = rotation.town
    both = rotation.settings | {"pagerduty_schedule": f"{SPARE},{SCHEDULE}"}
    async with town.bot_running(**both):
        said = await answer(town)
        assert "*On duty: <@U0AVERY>*" in said
        assert f"⚠️ The schedule {SPARE} can't be read (PagerDuty has no schedule" in said
        status, remark = await readiness(town)
    assert status == 200
    assert f"The schedule {SPARE} can't be read" in remark


async def test_without_pagerduty_what_was_known_ahead_is_told_with_its_time(
    rotation: Rotation,
) -> None:
    town = rotation.town
    rotation.plan((1, 9))
    async with town.bot_running(**rotation.settings):
        await town.idle(PeriodicQueue.DUTY)
    rotation.account.status = 503
    town.clock.forward(days=4)
    async with town.bot_running(**rotation.settings):
        said = await answer(town)
    assert "*On duty: <@U0AVERY> (last known" in said
    assert f"*Next:* <@U0BLAKE>, from <!date^{int((MONDAY + DAY).timestamp())}^" in said
    assert "The coming 7 days are covered (last read <!date^" in said, "the gap has passed"
    assert "Fri 30 Jan, 15:00 UTC>)" in said


async def test_a_user_group_says_nothing_of_the_time_to_come(quiet_town: Town) -> None:
    town = quiet_town
    weeks = '\n[duty]\n2026-W05 = "U0AVERY"\n'
    people = town.people_file.read_text()
    town.people_file.write_text(people + weeks)
    async with town.bot_running():
        said = await answer(town)
        assert "*Next:* nobody else within 28 days" in said
        assert "UTC>: nobody is on duty" in said, "nobody wrote next week down"
    town.slack.add_usergroup("S0DUTY", "ssat-on-duty", [town.blake])
    async with town.bot_running(ssat_duty_group="S0DUTY"):
        said = await answer(town)
    assert "*On duty: <@U0BLAKE>*" in said
    assert "Next" not in said
    assert "nobody is on duty" not in said
    assert "```SSAT Reviewing Manager: Blake Sample```" in said


@pytest.mark.parametrize(("gap", "is_said"), [((1, 2), True), ((2, 3), False)])
async def test_the_digest_says_on_the_workday_before_what_is_not_covered(
    rotation: Rotation, gap: tuple[int, int], is_said: bool
) -> None:
    town, (begins, ends) = rotation.town, gap
    rotation.plan((ends, ends + 7))
    rotation.schedule.until = MONDAY + begins * DAY
    town.feedback()
    town.clock.forward(days=2, hours=17)
    async with town.bot_running(**rotation.settings):
        await town.settled()
        await town.idle(PeriodicQueue.DUTY)
    town.clock.forward(hours=1, minutes=1)  # Monday at nine
    async with town.bot_running(**rotation.settings, ssat_digest="09:00"):

        def posted() -> Message | None:
            found = (each for each in town.channel.messages if "Good morning" in each.text)
            return next(found, None)

        digest = await town.slack.wait_for(posted, PATIENCE)
    said = text_of(digest)
    assert ("*Not covered:* <!date^" in said) is is_said
    assert ("UTC>: nobody is on duty." in said) is is_said
    assert digest.pings == set()
