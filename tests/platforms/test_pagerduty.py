"""Who is on call in PagerDuty: over HTTP against its stand-in, with the official client."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from slackbot.local.pagerduty import PagerDuty as Account
from slackbot.local.pagerduty import serve
from slackbot.platforms import pagerduty as module
from slackbot.platforms.pagerduty import PagerDuty
from slackbot.rules.rota import NoAnswer, OnCall
from tests.conftest import MovableClock

SCHEDULE = "P9UIIDY"


@pytest.fixture
async def account(clock: MovableClock) -> AsyncIterator[Account]:
    built = Account(clock=clock)
    yield built
    assert built.violations == []


@pytest.fixture
async def url(account: Account) -> AsyncIterator[str]:
    async with serve(account) as served:
        yield served


@pytest.fixture
def schedule(account: Account, url: str) -> PagerDuty:
    return PagerDuty(account.token, SCHEDULE, url)


async def problem_of(schedule: PagerDuty, now: datetime) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        await schedule.read(now)
    return caught.value


async def test_who_is_on_call_is_named_once_with_their_email_and_the_end_of_the_turn(
    account: Account, schedule: PagerDuty, clock: MovableClock
) -> None:
    avery = account.add_user("Avery Example", "avery@example.com")
    account.add_schedule("POTHER", account.add_user("Blake Sample", "blake@example.com"))
    own = account.add_schedule(SCHEDULE, avery, policies=3)
    own.until = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)

    rota = await schedule.read(clock())

    assert rota.people == (OnCall(name="Avery Example", email="avery@example.com"),)
    assert rota.until == own.until


async def test_who_is_on_call_has_a_name_that_shows_without_halves_of_characters(
    account: Account, schedule: PagerDuty, clock: MovableClock
) -> None:
    nameless = account.add_user("\u3164", "avery@example.com")
    account.add_schedule(SCHEDULE, nameless, account.add_user("Blake\ud83d", "b@example.com"))
    names = [each.name for each in (await schedule.read(clock())).people]
    assert names == [nameless.id, "Blake"]


async def test_a_schedule_that_no_policy_uses_is_asked_itself(
    account: Account, schedule: PagerDuty, clock: MovableClock
) -> None:
    account.add_schedule(SCHEDULE, account.add_user("Avery Example", "a@example.com"), policies=0)
    assert [each.email for each in (await schedule.read(clock())).people] == ["a@example.com"]


async def test_a_schedule_may_name_nobody(
    account: Account, schedule: PagerDuty, clock: MovableClock
) -> None:
    account.add_schedule(SCHEDULE)
    assert (await schedule.read(clock())).people == ()


async def test_an_unknown_schedule_is_told_from_an_empty_one(
    schedule: PagerDuty, clock: MovableClock
) -> None:
    assert "no schedule P9UIIDY" in str(await problem_of(schedule, clock()))


async def test_a_wrong_token_is_said_without_a_piece_of_it(
    account: Account, url: str, clock: MovableClock
) -> None:
    problem = await problem_of(PagerDuty("y_secret_abcd", SCHEDULE, url), clock())
    assert "PAGERDUTY_API_TOKEN (401)" in str(problem)
    assert "abcd" not in str(problem)
    assert problem.__suppress_context__


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit-reset": "7"}, 7),  # PagerDuty's own
        ({"Retry-After": "9"}, 9),  # some proxy's
        ({"Retry-After": "nan"}, 60),
        ({"Retry-After": "inf"}, 60),
        ({"Retry-After": "soon"}, 60),
        ({"Retry-After": "-3"}, 1),
        ({"ratelimit-reset": "1795892217"}, 3600),
        ({}, 60),
    ],
)
async def test_one_that_asks_for_patience_is_not_asked_again_at_once(
    account: Account,
    schedule: PagerDuty,
    clock: MovableClock,
    headers: dict[str, str],
    seconds: float,
) -> None:
    account.status, account.headers = 429, headers
    problem = await problem_of(schedule, clock())
    assert problem.retry_after == seconds
    assert len(account.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 402])
async def test_one_that_fails_is_asked_once(
    account: Account, schedule: PagerDuty, clock: MovableClock, status: int
) -> None:
    account.status = status
    assert f"failing ({status})" in str(await problem_of(schedule, clock()))
    assert len(account.requests) == 1


async def test_one_that_redirects_gets_no_further(
    account: Account, schedule: PagerDuty, clock: MovableClock
) -> None:
    account.status, account.headers = 302, {"Location": "https://example.com/"}
    assert "failing (302)" in str(await problem_of(schedule, clock()))


async def test_one_that_is_silent_or_away_does_not_keep_anybody_waiting(
    account: Account, schedule: PagerDuty, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module._Client, "timeout", 0.2)
    account.hang = 2
    before = clock()
    assert "cannot be reached" in str(await problem_of(schedule, before))
    nobody = PagerDuty(account.token, SCHEDULE, "http://127.0.0.1:1")
    assert "cannot be reached" in str(await problem_of(nobody, before))
    assert clock() - before < timedelta(seconds=2)
