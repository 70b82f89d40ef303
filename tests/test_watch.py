"""What the gauges say while a platform is away, which is when an administrator looks at them."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from slackbot import __version__, metrics
from tests.conftest import MovableClock, Postgres
from tests.port import Port
from tests.town import Town
from tests.town import town as build_town


@pytest.fixture
async def town(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    async with build_town(clock, tmp_path, sqlite) as built:
        async with built.bot_running(ssat_poll_seconds=0.1):
            yield built
        built.check()


def value_in(text: str, name: str) -> float:
    """Return a sample's value; 0 before there is one."""
    lines = (line for line in text.splitlines() if line.startswith(f"{name} "))
    return float(next(lines, "0").split()[-1])


async def values(town: Town, *names: str) -> list[float]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{town.url}/metrics") as answer,
    ):
        text = await answer.text()
    return [value_in(text, name) for name in names]


async def gauge(town: Town, name: str, is_right: Callable[[float], bool]) -> None:
    """Wait until a gauge shows what is right."""
    async with aiohttp.ClientSession() as session, session.get(f"{town.url}/healthz"):
        port = Port(town=town, session=session)
        shown = -1.0
        for _ in range(600):
            shown = value_in((await port.get("/metrics")).text, name)
            if is_right(shown):
                return
            await town.slack.next_change(0.05)
        raise AssertionError(f"{name} is {shown}")


async def test_choices_that_wait_for_gitlab_are_counted_with_their_age(town: Town) -> None:
    _, card = await town.request()
    town.gitlab.down()
    await town.slack.click(town.avery, card, "Claim")
    await gauge(town, "ssat_decisions_pending", lambda number: number == 1)
    made_at = town.clock().timestamp()
    town.clock.forward(hours=2)
    since = "ssat_decisions_pending_since_timestamp_seconds"
    await gauge(town, since, lambda at: 0 < at <= made_at)
    town.clock.forward(hours=120)
    await gauge(town, "ssat_contact_requests_overdue", lambda number: number == 1)


async def test_what_gitlab_refused_is_counted_until_somebody_sees_to_it(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.faults.add(method="POST", path="/notes", status=403)
    await town.slack.click(town.avery, card, "Claim")
    card = await town.card(issue, "GitLab rejected this:")
    await gauge(town, "ssat_decisions_rejected", lambda number: number == 1)

    assert (await town.slack.click(town.avery, card, "Try again")).ok
    await town.claimed(issue, "Avery Example")
    await gauge(town, "ssat_decisions_rejected", lambda number: number == 0)


async def test_a_job_that_fails_again_and_again_is_counted(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    town.slack.faults.add("chat.update", error="some_new_error", times=1000)
    town.gitlab.edit(issue, title="Negative feedback for ticket 412399", by=town.blake_gitlab)
    for times in range(1, 9):
        await town.slack.wait_for(partial(has_refused, town, times))
        town.clock.forward(minutes=6)
    await gauge(town, 'ssat_queue_jobs_stuck{queue="card"}', lambda number: number == 1)
    town.slack.faults.clear()


async def test_the_job_of_a_feature_that_was_switched_off_is_missed_by_nobody(
    clock: MovableClock, tmp_path: Path, sqlite: str
) -> None:
    measured_at, queue = "ssat_record_measured_timestamp_seconds", '{queue="idle"}'
    names = (f"ssat_queue_ready_since_timestamp_seconds{queue}", f"ssat_queue_jobs_stuck{queue}")
    async with build_town(clock, tmp_path, sqlite) as town:
        async with town.bot_running(ssat_poll_seconds=0.1, ssat_close_good=True):
            await town.settled()
            await gauge(town, f"ssat_queue_jobs{queue}", lambda number: number == 1)
            await gauge(town, names[0], lambda at: at == 0)
            await town.settled()
        town.clock.forward(hours=48)
        async with town.bot_running(ssat_poll_seconds=0.1):
            now = town.clock().timestamp()
            await gauge(town, measured_at, lambda at: at >= now)
            assert await values(town, *names) == [0, 0]
        town.check()


def has_refused(town: Town, times: int) -> bool:
    calls = [one for one in town.slack.requests if one.method == "chat.update"]
    return sum(not one.ok for one in calls) >= times


# Another workspace


@pytest.mark.parametrize("team", ["T0OTHER", "E0ORGANIZATION"])
async def test_a_token_of_another_workspace_never_takes_the_place_of_the_records(
    town: Town, team: str
) -> None:
    await town.card(town.feedback(), "🟠 Unclaimed")
    await town.settled()
    town.slack.team_id = team
    async with aiohttp.ClientSession() as session, session.get(f"{town.url}/healthz"):
        port = Port(town=town, session=session)
        asked = len(identity_calls(town))
        await town.slack.wait_for(lambda: len(identity_calls(town)) > asked + 2)
        said = (await port.get("/readyz")).text
    is_told = "the record is of the workspace T0SSAT" in said
    assert is_told == (team == "T0OTHER")
    with closing(sqlite3.connect(town.folder / "ssat-bot.db")) as connection:
        query = "SELECT value FROM facts WHERE name = 'slack_team'"
        assert connection.execute(query).fetchone() == ("T0SSAT",)
    town.slack.team_id = "T0SSAT"


def identity_calls(town: Town) -> list[object]:
    return [one for one in town.slack.requests if one.method == "auth.test"]


# The way of a request


@pytest.fixture
async def hooked_town(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    """No poll is faster than a webhook."""
    async with build_town(clock, tmp_path, sqlite) as built:
        async with built.bot_running():
            yield built
        built.check()


async def test_the_ways_from_a_webhook_to_the_card_and_from_a_choice_to_gitlab_are_timed(
    hooked_town: Town,
) -> None:
    town = hooked_town
    put = 'method="PUT /projects/:id/issues/:id"'
    names = (
        "ssat_webhook_to_card_seconds_count",
        "ssat_choice_to_gitlab_seconds_count",
        f'ssat_platform_calls_total{{{put},outcome="ok",platform="gitlab"}}',
        'ssat_platform_call_seconds_count{method="chat.postMessage",platform="slack"}',
        'ssat_deadlines_total{outcome="met"}',
        'ssat_deadlines_total{outcome="missed"}',
    )
    await town.settled()
    before = await values(town, *names)
    issue, card = await town.request()
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    card = await town.claimed(issue, "Avery Example")
    assert (await town.mark_contacted(town.avery, card, **{"What you sent": "Dear Sam"})).ok
    await town.card(issue, "Contacted", delivered=True)
    await town.settled()
    town.gitlab.edit(issue, title="Negative feedback for ticket 412399", by=town.blake_gitlab)
    await town.card(issue, "412399")
    await town.settled()
    after = await values(town, *names)
    way, delivered, changed, posted, met, missed = [
        now - then for now, then in zip(after, before, strict=True)
    ]
    assert way >= 2
    assert (delivered, changed) == (2, 2)
    assert posted >= 3  # the card, and steps in its thread
    assert (met, missed) == (1, 0)


async def test_who_is_contacted_after_the_deadline_counts_as_missed(town: Town) -> None:
    name = 'ssat_deadlines_total{outcome="missed"}'
    [before] = await values(town, name)
    issue, card = await town.request()
    town.clock.forward(hours=200)
    assert (await town.mark_contacted(town.avery, card, **{"What you sent": "Dear Sam"})).ok
    await town.card(issue, "Contacted", delivered=True)
    assert await values(town, name) == [before + 1]


async def test_a_poll_that_fails_leaves_the_time_of_the_last_that_did_not(town: Town) -> None:
    at, failed = "ssat_poll_last_success_timestamp_seconds", 'ssat_polls_total{outcome="failed"}'
    done = 'ssat_polls_total{outcome="done"}'
    [polls] = await values(town, done)
    await gauge(town, done, lambda number: number > polls)
    town.gitlab.down()
    [failures] = await values(town, failed)
    await gauge(town, failed, lambda number: number > failures)
    [last] = await values(town, at)
    town.clock.forward(minutes=30)
    [failures] = await values(town, failed)
    await gauge(town, failed, lambda number: number > failures)
    assert await values(town, at) == [last]
    await gauge(town, 'ssat_part_ready{part="gitlab"}', lambda works: works == 0)
    town.gitlab.up()
    await gauge(town, at, lambda moment: moment > last)
    await gauge(town, 'ssat_part_ready{part="gitlab"}', lambda works: works == 1)


async def test_what_slack_throttles_is_counted_by_method(town: Town) -> None:
    name = 'ssat_platform_calls_total{method="chat.update",outcome="throttled",platform="slack"}'
    [before] = await values(town, name)
    issue, _ = await town.request()
    town.slack.faults.add("chat.update", status=429, headers={"Retry-After": "1"})
    town.gitlab.edit(issue, title="Negative feedback for ticket 412399", by=town.blake_gitlab)
    await town.card(issue, "412399")
    assert await values(town, name) == [before + 1]


async def test_the_release_is_told(town: Town) -> None:
    assert await values(town, f'ssat_build_info{{version="{__version__}"}}') == [1]


def observed() -> tuple[float, float]:
    """Return how many ways were measured, and their seconds together."""
    (metric,) = metrics.WEBHOOK_TO_CARD_SECONDS.collect()
    found = {each.name: each.value for each in metric.samples}
    name = "ssat_webhook_to_card_seconds"
    return found[f"{name}_count"], found[f"{name}_sum"]


def test_what_another_replica_has_shown_makes_no_later_way_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, ways = 1000.0, metrics.WayToCard()
    monkeypatch.setattr("slackbot.metrics.time.monotonic", lambda: now)
    (number, seconds) = observed()
    ways.arrived("A")
    ways.changed("A")  # and another replica renders the card
    now += 1800
    ways.shown("A")  # for another reason
    assert observed() == (number, seconds)

    ways.arrived("A")  # another replica does all
    now += 30
    ways.arrived("A")
    ways.changed("A")
    now += 1
    ways.shown("A")
    assert observed() == pytest.approx((number + 1, seconds + 1))

    ways.arrived("A")
    ways.changed("A")  # which another replica renders
    ways.arrived("A")
    ways.shown("A")  # again for another reason: of this webhook there is no news yet
    assert observed()[0] == number + 1


def test_ways_are_measured_however_many_others_have_no_end_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, ways = 1000.0, metrics.WayToCard()
    monkeypatch.setattr("slackbot.metrics.time.monotonic", lambda: now)
    (number, _) = observed()
    for key in range(20_000):
        ways.arrived(key)
        ways.changed(key)
        now += 0.1
    assert len(ways) <= 601
    ways.arrived("A")
    ways.changed("A")
    ways.shown("A")
    assert observed()[0] == number + 1


# While the record is away


async def test_metrics_answer_during_an_outage_of_the_record_and_say_how_old_they_are(
    clock: MovableClock, tmp_path: Path, postgres: Postgres, postgresql: str
) -> None:
    names = (
        "ssat_record_measured_timestamp_seconds",
        "ssat_contact_requests_open",
        'ssat_part_ready{part="database"}',
    )
    async with build_town(clock, tmp_path, postgresql) as town:
        async with town.bot_running(ssat_poll_seconds=0.1):
            await town.request()
            await gauge(town, names[1], lambda number: number == 1)
            town.clock.stop()
            measured_at = town.clock().timestamp()
            await gauge(town, names[0], lambda at: at == measured_at)
            assert await values(town, *names) == [measured_at, 1, 1]
            await town.quiet()
            town.disconnect()
            away = 'ssat_database_errors_total{kind="away"}'
            [failures] = await values(town, away)
            postgres.halt("immediate")
            try:
                town.clock.forward(hours=2)
                await gauge(town, away, lambda number: number > failures + 3)
                assert await values(town, *names) == [measured_at, 1, 0]
            finally:
                postgres.resume()
            await gauge(town, names[0], lambda at: at > measured_at)
            await gauge(town, names[2], lambda works: works == 1)
        town.check()
