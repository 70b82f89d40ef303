"""GITLAB_TOKEN ends some day: who runs the bot hears of it two weeks before."""

from datetime import UTC, date, datetime, time, timedelta

import aiohttp
import pytest

from slackbot import metrics
from slackbot.blocks.digest import DIGEST_EVENT
from tests.stories.test_rhythm import ON, the_digest, until
from tests.test_watch import gauge
from tests.town import PATIENCE, Town

TO_DO = "rotate it in GitLab, and set the new one"

# The town's clock begins on Friday, 30 January 2026, at 15:00 UTC.


def with_token_until(town: Town, day: date | None) -> dict[str, str]:
    return {"gitlab_token": town.gitlab.add_token(town.bot, expires_at=day)}


async def gitlab_in_readyz(town: Town) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{town.url}/readyz") as answer:
        return answer.status, (await answer.json())["gitlab"]


async def readyz(town: Town, said: str, status: int = 200) -> None:
    """Wait until it says this of GitLab."""
    shown = (0, "")
    for _ in range(int(PATIENCE / 0.05)):
        shown = await gitlab_in_readyz(town)
        if shown == (status, said):
            return
        await town.slack.next_change(0.05)
    raise AssertionError(shown)


def asked_for_token(town: Town) -> int:
    return sum(one.path.endswith("/personal_access_tokens/self") for one in town.gitlab.requests)


async def test_readyz_warns_from_two_weeks_before_the_token_ends_and_says_when_it_has(
    quiet_town: Town,
) -> None:
    town = quiet_town
    token = with_token_until(town, date(2026, 2, 20))
    async with town.bot_running(**token, ssat_poll_seconds=0.1):
        await town.slack.wait_for(lambda: asked_for_token(town), PATIENCE)
        await readyz(town, "ok")
        until(town, 6, 1)
        await readyz(town, f"GITLAB_TOKEN ends in 13 days, on 2026-02-20: {TO_DO}")
        until(town, 19, 12)
        await readyz(town, f"GITLAB_TOKEN ends within a day, on 2026-02-20: {TO_DO}")
        until(town, 20, 0)
        ended = "GITLAB_TOKEN has expired: create another for the bot's account, and set it"
        await readyz(town, f"GitLab answered 401: {ended}", status=503)


@pytest.mark.parametrize("day", [date(2026, 2, 20), date(2027, 1, 30), None])
async def test_prometheus_is_told_when_the_token_ends_and_0_if_it_never_does(
    quiet_town: Town, day: date | None
) -> None:
    town = quiet_town
    ends_at = datetime.combine(day, time(), UTC).timestamp() if day else 0
    metrics.TOKEN_ENDS_AT.set(1)
    async with town.bot_running(**with_token_until(town, day), ssat_poll_seconds=0.1):
        await gauge(town, "ssat_gitlab_token_expires_timestamp_seconds", lambda at: at == ends_at)


async def test_a_warning_about_the_token_takes_the_place_of_no_other(quiet_town: Town) -> None:
    town = quiet_town
    town.gitlab.rename_project(town.project, "gitlab-com/support/voices")
    token = with_token_until(town, date(2026, 2, 2))
    number = town.project.id
    async with town.bot_running(**token, ssat_poll_seconds=0.1):
        await readyz(
            town,
            "the project gitlab-com/support/feedback is now gitlab-com/support/voices: set "
            f"GITLAB_PROJECT to that, or to its number {number}, before another project takes the "
            f"old path; GITLAB_TOKEN ends in 2 days, on 2026-02-02: {TO_DO}",
        )


async def test_gitlab_is_asked_once_a_day_when_the_token_ends(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**with_token_until(town, None), ssat_poll_seconds=0.05):
        await town.slack.wait_for(lambda: looks(town) >= 5, PATIENCE)
        assert asked_for_token(town) == 1
        town.clock.forward(days=1)
        await town.slack.wait_for(lambda: asked_for_token(town) == 2, PATIENCE)


def looks(town: Town) -> int:
    return sum(one.method == "auth.test" for one in town.slack.requests)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_of_a_token_that_gitlab_does_not_show_nothing_is_said(
    quiet_town: Town, status: int
) -> None:
    town = quiet_town
    town.gitlab.faults.add(
        method="GET",
        path="/personal_access_tokens/self",
        status=status,
        body=f'{{"message": "{status} of a kind"}}',
        headers={"Content-Type": "application/json"},
    )
    async with town.bot_running(ssat_poll_seconds=0.05):
        await town.slack.wait_for(lambda: looks(town) >= 5, PATIENCE)
        await readyz(town, "ok")
    assert asked_for_token(town) == 1


async def test_a_day_that_gitlab_could_not_tell_is_asked_for_again(quiet_town: Town) -> None:
    town = quiet_town
    town.gitlab.faults.add(path="/personal_access_tokens/self", status=502, times=3)
    token = with_token_until(town, date(2026, 2, 2))
    async with town.bot_running(**token, ssat_poll_seconds=0.05):
        await readyz(town, f"GITLAB_TOKEN ends in 2 days, on 2026-02-02: {TO_DO}")
    assert asked_for_token(town) == 4


async def test_the_digest_tells_the_administrator_even_if_nobody_waits(quiet_town: Town) -> None:
    town = quiet_town
    token = with_token_until(town, date(2026, 2, 10))
    async with town.bot_running(**ON, **token):
        await town.slack.wait_for(lambda: asked_for_token(town), PATIENCE)
        await town.idle()
        until(town, 2, 9)
        said = await the_digest(town)
    assert said == (
        "☀️ *Good morning. Customer feedback: nobody is waiting*\n"
        f"🔑 *For the bot's administrator:* GITLAB_TOKEN ends in 7 days, on 2026-02-10: {TO_DO}."
    )


async def test_a_token_that_lasts_is_no_reason_for_a_digest(quiet_town: Town) -> None:
    town = quiet_town
    token = with_token_until(town, town.clock().date() + timedelta(days=300))
    async with town.bot_running(**ON, **token):
        await town.slack.wait_for(lambda: asked_for_token(town), PATIENCE)
        await town.idle()
        until(town, 2, 9)
        await town.quiet()
    posted = [each for each in town.channel.messages if each.metadata]
    assert all(each.metadata["event_type"] != DIGEST_EVENT for each in posted if each.metadata)
