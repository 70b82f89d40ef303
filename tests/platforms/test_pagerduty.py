"""Who is on call in PagerDuty: over HTTP against its stand-in, with the official client."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from slackbot.local.pagerduty import PagerDuty as Account
from slackbot.local.pagerduty import Turn, serve, server
from slackbot.platforms import pagerduty as module
from slackbot.platforms.pagerduty import PagerDuty
from slackbot.rules.timing.rota import NoAnswer, OnCall
from slackbot.rules.timing.shifts import Schedule, Shift
from tests.conftest import MovableClock

SCHEDULE, SPARE = "P9UIIDY", "PSPARE"
MONDAY = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
AVERY = OnCall(name="Avery Example", email="avery@example.com", pagerduty="PUSER1")
BLAKE = OnCall(name="Blake Sample", email="blake@example.com", pagerduty="PUSER2")


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
    return PagerDuty(account.token, [SCHEDULE], url)


async def problem_of(schedule: PagerDuty, now: datetime) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        await schedule.read(now)
    return caught.value


async def test_who_is_on_call_is_named_with_their_email_and_the_end_of_the_turn(
    account: Account, schedule: PagerDuty, clock: MovableClock
) -> None:
    avery = account.add_user("Avery Example", "avery@example.com")
    account.add_schedule("POTHER", account.add_user("Blake Sample", "blake@example.com"))
    own = account.add_schedule(SCHEDULE, avery)
    own.until = MONDAY

    rota = await schedule.read(clock())

    assert rota.people == (AVERY,)
    assert rota.until == MONDAY
    url = f"https://example.pagerduty.com/schedules/{SCHEDULE}"
    assert rota.schedules == (Schedule(name="SSAT Reviewing Manager", url=url),)


async def test_the_time_to_come_is_read_with_its_gaps(
    account: Account, schedule: PagerDuty, clock: MovableClock
) -> None:
    avery = account.add_user("Avery Example", "avery@example.com")
    blake = account.add_user("Blake Sample", "blake@example.com")
    own = account.add_schedule(SCHEDULE, avery)
    own.until, now = MONDAY, clock().replace(microsecond=0)
    tuesday, later = MONDAY + timedelta(days=1), MONDAY + timedelta(days=8)
    own.later = [Turn(user=blake, start=tuesday, end=later)]

    assert (await schedule.read(now)).shifts == (
        Shift(people=(AVERY,), begins=now, ends=MONDAY),
        Shift(people=(BLAKE,), begins=tuesday, ends=later),
    )


async def test_of_a_turn_that_goes_on_beyond_what_is_read_the_end_is_unknown(
    account: Account, schedule: PagerDuty, clock: MovableClock
) -> None:
    account.add_schedule(SCHEDULE, account.add_user("Avery Example", "avery@example.com"))
    assert (await schedule.read(clock())).until is None


async def test_who_is_on_call_has_a_name_that_shows_without_halves_of_characters(
    account: Account, schedule: PagerDuty, clock: MovableClock
) -> None:
    nameless = account.add_user("\u3164", "avery@example.com")
    account.add_schedule(SCHEDULE, nameless, account.add_user("Blake\ud83d", "b@example.com"))
    names = [each.name for each in (await schedule.read(clock())).people]
    assert names == [nameless.id, "Blake"]


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
    problem = await problem_of(PagerDuty("y_secret_abcd", [SCHEDULE], url), clock())
    assert "PAGERDUTY_API_TOKEN (401)" in str(problem)
    assert "abcd" not in str(problem)
    assert problem.__context__ is None, "the client's own words have the end of the token"


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
    assert "no answer in time" in str(await problem_of(schedule, before))
    nobody = PagerDuty(account.token, [SCHEDULE], "http://127.0.0.1:1")
    assert "connection refused" in str(await problem_of(nobody, before))
    assert clock() - before < timedelta(seconds=2)


@pytest.fixture
def both(account: Account, url: str) -> PagerDuty:
    """Two schedules: Avery is on the first one until Monday, and Blake is always on the other."""
    avery = account.add_user("Avery Example", "avery@example.com")
    account.add_schedule(SCHEDULE, avery).until = MONDAY
    account.add_schedule(SPARE, account.add_user("Blake Sample", "blake@example.com"), name="Spare")
    return PagerDuty(account.token, [SCHEDULE, SPARE], url)


async def test_of_several_schedules_the_first_one_serves_that_names_somebody(
    account: Account, both: PagerDuty, clock: MovableClock
) -> None:
    rota = await both.read(clock())
    assert (rota.people, rota.until) == ((AVERY,), MONDAY)
    assert [each.people for each in rota.shifts or ()] == [(AVERY,), (BLAKE,)]
    assert [each.name for each in rota.schedules] == ["SSAT Reviewing Manager", "Spare"]
    account.schedules[SCHEDULE].on_call.clear()
    assert (await both.read(clock())).people == (BLAKE,)


async def test_an_unknown_schedule_is_named_and_the_others_serve(
    account: Account, both: PagerDuty, clock: MovableClock
) -> None:
    await both.read(clock())
    del account.schedules[SCHEDULE]  # what it said before counts no more
    rota = await both.read(clock())
    assert rota.people == (BLAKE,)
    unknown, spare = rota.schedules
    assert unknown.name == SCHEDULE
    assert f"no schedule {SCHEDULE}" in str(unknown.problem)
    assert spare.problem is None


async def test_a_schedule_that_fails_for_a_moment_counts_as_it_was_last_read(
    account: Account, both: PagerDuty, clock: MovableClock
) -> None:
    account.schedules[SCHEDULE].status = 500
    assert (await both.read(clock())).people == (BLAKE,)  # nothing is known of it yet
    account.schedules[SCHEDULE].status = None
    assert (await both.read(clock())).people == (AVERY,)
    account.schedules[SCHEDULE].status = 500
    rota = await both.read(clock())
    assert rota.people == (AVERY,)
    assert [each.problem for each in rota.schedules] == ["PagerDuty is failing (500)", None]


async def test_while_no_schedule_can_be_read_all_reasons_are_said(
    account: Account, both: PagerDuty, clock: MovableClock
) -> None:
    del account.schedules[SCHEDULE]
    account.schedules[SPARE].status = 503
    problem = await problem_of(both, clock())
    assert f"no schedule {SCHEDULE}" in str(problem)
    assert "failing (503)" in str(problem)
    assert not problem.needs_administrator


async def test_an_answer_without_the_time_to_come_is_no_gap(
    account: Account, schedule: PagerDuty, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.add_schedule(SCHEDULE)
    monkeypatch.setattr(server, "_schedule", lambda *_: {"id": SCHEDULE, "name": "Bare"})
    assert "cannot be read" in str(await problem_of(schedule, clock()))
