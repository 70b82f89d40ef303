"""The rhythm of a team: the digest of the morning, the hand-over at the change of duty."""

from collections.abc import MutableMapping
from datetime import datetime, timedelta
from typing import Any, Literal

import aiohttp
import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from slackbot import watch
from slackbot.blocks.digest import DIGEST_EVENT
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Message, User
from slackbot.rules.request import Triage
from slackbot.store.jobs import PeriodicQueue
from slackbot.store.schema import requests
from tests.stories.test_reviewing import more
from tests.town import CONTACT, CONTACTED, PATIENCE, Town, text_of
from tests.turns import take_duty

ON = {"ssat_digest": "09:00"}

# The town's clock begins on Friday, 30 January 2026, at 15:00 UTC.


def until(town: Town, day: int, hour: int, minute: int = 0) -> None:
    """Let time pass until a moment of February."""
    then = datetime(2026, 2, day, hour, minute, tzinfo=town.clock().tzinfo)
    town.clock.forward(seconds=(then - town.clock()).total_seconds())


def digests(town: Town) -> list[Message]:
    return [
        message
        for message in town.channel.messages
        if message.metadata and message.metadata["event_type"] == DIGEST_EVENT
    ]


async def the_digest(town: Town) -> str:
    """Wait for the only digest; return its words."""
    await town.slack.wait_for(lambda: digests(town), PATIENCE)
    await town.quiet()
    [digest] = digests(town)
    assert digest.pings == set()
    return text_of(digest)


def of_last_week(town: Town, *issues: Issue) -> None:
    """Let feedbacks have been written eight days ago."""
    for issue in issues:
        issue.created_at = town.clock() - timedelta(days=8)


async def test_a_digest_says_in_the_morning_what_is_to_be_done(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        overdue, answered = town.feedback("For ticket 101"), town.feedback("For ticket 102")
        await town.card(overdue, "🟠 Unclaimed")
        await town.mark_contacted(
            town.avery, await town.card(answered, "🟠 Unclaimed"), text="Sorry."
        )
        await town.card(answered, "Contacted", delivered=True)
        until(town, 2, 12)
        today = town.feedback("For ticket 103")
        await town.slack.click(town.blake, await town.card(today, "🟠 Unclaimed"), "Claim")
        await town.card(today, "Claimed by Blake", delivered=True)
        until(town, 3, 12)
        later, late = town.feedback("For ticket 104"), town.feedback("For ticket 105")
        await town.card(later, "🟠 Unclaimed")
        await town.mark_contacted(town.avery, await town.card(late, "🟠 Unclaimed"), text="Sorry.")
        await town.card(late, "Contacted", delivered=True)
    silent, commented, responded = (
        town.feedback(f"Feedback for ticket {number}", description=None, labels=[])
        for number in (201, 202, 203)
    )
    praise = [
        town.feedback("Positive feedback for ticket 204", description=None, labels=[]),
        town.feedback("Feedback for ticket 205", description=None, labels=["satisfaction::good"]),
    ]
    town.gitlab.comment(praise[0], "Sent by the survey.", by=town.automation)
    town.gitlab.comment(commented, "Sent by the survey.", by=town.automation)
    town.gitlab.comment(responded, "I look into it.", by=town.avery_gitlab)
    until(town, 4, 9, 1)
    of_last_week(town, silent, commented, responded, *praise)
    async with town.bot_running():
        await town.polled()
        await town.settled()
    async with town.bot_running(**ON):
        said = await the_digest(town)
    assert (
        "2 unclaimed, 1 of them overdue; 1 claimed, due today; 2 without an initial response; "
        "3 untriaged" in said
    )
    lines = said.splitlines()
    link = {
        number: f"requests/{number}|ticket {number}> · {town.link_to(town.card_of(issue))}"
        for number, issue in ((101, overdue), (103, today), (104, later))
    }
    for title, *rows in (
        ["*Overdue* (1)", f"{link[101]} · 18 hours overdue · unclaimed"],
        ["*Due today* (1)", f"{link[103]} · 2 business hours left · Blake Sample"],
        ["*Unclaimed*, due later (1)", f"{link[104]} · 26 business hours left · unclaimed"],
        [
            "*No initial response within 7 days* (2)",
            "ticket 201",
            "requests/201|ticket 201>",
            "ticket 202",
            "requests/202|ticket 202>",
        ],
        ["*Untriaged feedback* (3)", "ticket 203"],
        ["Since Tuesday 3 Feb: 1 customer contacted, on time."],
    ):
        place = next(number for number, line in enumerate(lines) if title in line)
        for number, row in enumerate(rows, place + 1):
            assert row in lines[number]


async def test_a_digest_names_once_the_customers_whose_issues_were_closed_without_a_contact(
    quiet_town: Town,
) -> None:
    town = quiet_town
    elsewhere = town.gitlab.add_project("gitlab-com/support/elsewhere")
    async with town.bot_running():
        closed, deleted, reopened, contacted, withdrawn, withdrawn_later, moved, closed_later = (
            town.feedback(f"For ticket {number}") for number in range(101, 109)
        )
        card = await town.card(closed, "🟠 Unclaimed")
        await town.slack.click(town.avery, card, "Claim")
        await town.claimed(closed, "Avery Example")
        await town.settled()
        town.gitlab.change_labels(withdrawn, remove=[CONTACT], by=town.duty_gitlab)
        await town.thread(withdrawn, "Dana Duty withdrew the contact request")
        for issue in (closed, reopened, contacted, withdrawn, withdrawn_later):
            town.gitlab.close(issue, by=town.blake_gitlab)
            await town.thread(issue, "closed the issue in GitLab")
        copy = town.gitlab.move_issue(moved, elsewhere, by=town.duty_gitlab)
        town.gitlab.comment(moved, "It belongs there.", by=town.duty_gitlab)
        await town.thread(moved, "moved the issue")
        town.gitlab.delete_issue(deleted)
        await town.asks(town.avery, "refresh")
        await town.thread(deleted, "deleted or moved in GitLab")
        town.gitlab.reopen(reopened, by=town.avery_gitlab)
        await town.card(reopened, "🟠 Unclaimed")
        town.gitlab.change_labels(contacted, add=[CONTACTED], by=town.avery_gitlab)
        await town.card(contacted, "Contacted")
        town.gitlab.change_labels(withdrawn_later, remove=[CONTACT], by=town.duty_gitlab)
        await town.thread(withdrawn_later, "Dana Duty withdrew the contact request")
        await town.settled()
        until(town, 2, 8)
        town.gitlab.close(closed_later, by=town.blake_gitlab)
        await town.thread(closed_later, "closed the issue in GitLab")
        await town.settled()
    until(town, 2, 9, 1)
    place = f"<{town.gitlab.url}/gitlab-com/support/elsewhere/-/issues/{copy.iid}|another project>"
    async with town.bot_running(**ON):
        said = await the_digest(town)
        assert "3 ended without contact" in said
        assert "*Ended without contact* (3)" in said
        for issue, row in (
            (closed, "closed in GitLab by Blake Sample · owner: Avery Example"),
            (deleted, "deleted or moved in GitLab · no owner"),
            (moved, f"moved to {place} by Dana Duty · no owner"),
        ):
            assert f"{town.link_to(town.card_of(issue))} · {row}" in said
        town.clock.forward(hours=24)
        await town.slack.wait_for(lambda: len(digests(town)) == 2, PATIENCE)
        said = text_of(digests(town)[-1])
        assert "*Ended without contact* (1)" in said
        assert "|ticket 108> · " in said
        town.clock.forward(hours=24)
        await town.slack.wait_for(lambda: len(digests(town)) == 3, PATIENCE)
    assert "ended without contact" not in text_of(digests(town)[-1])


SHUTDOWN = ",".join(f"2026-02-{day:02}" for day in range(3, 25))
"""Longer than two weeks: the next workday after Monday, the 2nd, is Wednesday, the 25th."""


@pytest.mark.parametrize("before", ["a digest", "no digest"])
async def test_a_digest_after_long_days_off_counts_since_the_workday_before(
    quiet_town: Town, before: str
) -> None:
    town = quiet_town
    off = {"ssat_holidays": SHUTDOWN}
    until(town, 2, 9, 1)
    issue = town.feedback()
    async with town.bot_running(**off, **(ON if before == "a digest" else {})):
        card = await town.card(issue, "🟠 Unclaimed")
        if before == "a digest":
            await the_digest(town)
        await town.mark_contacted(town.avery, card, text="Sorry.")
        await town.card(issue, "Contacted", delivered=True)
        await town.settled()
    known = len(digests(town))
    until(town, 25, 9, 1)
    async with town.bot_running(**off, **ON):
        await town.slack.wait_for(lambda: len(digests(town)) > known, PATIENCE)
    assert "Since Monday 2 Feb: 1 customer contacted, on time." in text_of(digests(town)[-1])


async def test_a_digest_counts_since_the_last_one_however_long_the_bot_was_away(
    quiet_town: Town,
) -> None:
    town = quiet_town
    until(town, 2, 9, 1)
    issue = town.feedback()
    async with town.bot_running(**ON):
        card = await town.card(issue, "🟠 Unclaimed")
        await the_digest(town)
        await town.mark_contacted(town.avery, card, text="Sorry.")
        await town.card(issue, "Contacted", delivered=True)
        await town.settled()
    until(town, 5, 9, 1)
    async with town.bot_running(**ON):
        await town.slack.wait_for(lambda: len(digests(town)) == 2, PATIENCE)
    assert "Since Monday 2 Feb: 1 customer contacted, on time." in text_of(digests(town)[-1])


async def test_there_is_one_digest_a_day_whatever_becomes_of_the_bot(quiet_town: Town) -> None:
    town = quiet_town
    town.feedback()
    until(town, 2, 8, 30)
    async with town.bot_running(**ON):
        await town.quiet()
        assert digests(town) == []
        town.clock.forward(minutes=31)
        await the_digest(town)
    async with town.bot_running(**ON):
        await town.quiet()
    town.lose_record()
    async with town.bot_running(**ON):
        await town.polled()
        await town.settled()
        town.clock.forward(minutes=1)  # the digest has waited for the record
        await town.quiet()
        assert len(digests(town)) == 1
        town.clock.forward(hours=24)
        await town.slack.wait_for(lambda: len(digests(town)) == 2, PATIENCE)


async def test_a_digest_may_come_several_times_a_day_also_in_another_zone(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.feedback()
    times = {"ssat_digest": "09:00, 09:00 America/New_York"}
    async with town.bot_running(**times):
        until(town, 2, 9, 1)
        assert "Good morning." in await the_digest(town)
        until(town, 2, 14, 1)
        await town.slack.wait_for(lambda: len(digests(town)) == 2, PATIENCE)
    town.lose_record()
    async with town.bot_running(**times):
        await town.polled()
        await town.settled()
        town.clock.forward(minutes=1)  # the digest has waited for the record
        await town.quiet()
    assert len(digests(town)) == 2


async def test_after_a_down_time_only_the_latest_of_the_mornings_digests_comes(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.feedback()
    until(town, 2, 10, 1)
    async with town.bot_running(ssat_digest="09:00, 10:00"):
        await the_digest(town)
        town.clock.forward(hours=3)
        await town.quiet()
    assert len(digests(town)) == 1


@pytest.mark.parametrize(
    ("day", "hour", "asks"),
    [
        pytest.param(2, 10, False, id="nothing to say"),
        pytest.param(2, 13, True, id="hours late, after a down-time"),
        pytest.param(1, 10, True, id="a Sunday"),
    ],
)
async def test_there_is_no_digest(quiet_town: Town, day: int, hour: int, asks: bool) -> None:
    town = quiet_town
    if asks:
        town.feedback()
    until(town, day, hour)
    async with town.bot_running(**ON):
        await town.polled()
        await town.settled()
        town.clock.forward(minutes=1)  # it waits for the record
        await town.quiet()
        if not asks:  # and what comes later in the morning is no digest's matter any more
            await town.card(town.feedback(), "🟠 Unclaimed")
        town.clock.forward(minutes=30)
        await town.quiet()
    assert digests(town) == []


async def test_a_digest_comes_though_gitlab_is_down(quiet_town: Town) -> None:
    town = quiet_town
    issue = town.feedback()
    async with town.bot_running():
        await town.card(issue, "🟠 Unclaimed")
        await town.settled()
    commented = town.feedback(description=None, labels=[])
    town.gitlab.comment(commented, "Who knows?", by=town.automation)
    of_last_week(town, commented)
    async with town.bot_running():
        await town.polled()
    until(town, 2, 9, 1)
    town.gitlab.down()
    async with town.bot_running(**ON):
        await town.idle_but_for_gitlab()
        assert digests(town) == []  # the record may be behind
        town.clock.forward(minutes=6)
        await town.slack.wait_for(lambda: digests(town), PATIENCE)
    [digest] = digests(town)
    assert "1 unclaimed" in digest.text
    assert "initial response" not in digest.text


async def test_a_digest_that_waits_by_a_fast_clock_comes_this_morning(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        await town.card(town.feedback(), "🟠 Unclaimed")
        await town.settled()
    until(town, 2, 9, 1)
    town.gitlab.down()
    town.skew = timedelta(days=1)
    async with town.bot_running(**ON):
        await town.idle_but_for_gitlab()
        town.skew = timedelta(0)
        with capture_logs() as logs:
            await town.slack.wait_for(lambda: any(waits(line) for line in logs), PATIENCE)
        town.clock.forward(minutes=6)
        await town.slack.wait_for(lambda: digests(town), PATIENCE)


def waits(line: MutableMapping[str, Any]) -> bool:
    return bool(line["event"] == "job_put_off" and line["queue"] == PeriodicQueue.DIGEST)


# The hand-over


def handed_over(town: Town, user: User) -> list[str]:
    return [text_of(message) for message in town.slack.direct_messages(user)]


async def turn_of_avery(town: Town) -> tuple[Issue, Issue]:
    """Let Avery be on duty from Friday to Monday noon; return what is open, and what is closable.

    Blake follows.
    """
    async with town.bot_running():
        waiting, closable = town.feedback("For ticket 101"), town.feedback("For ticket 102")
        await town.settled()
    await take_duty(town, town.avery)
    async with town.bot_running():
        assert town.slack.direct_messages(town.avery) == []
        card = await town.card(closable, "🟠 Unclaimed")
        await town.slack.choose(town.avery, card, "Feedback label", "feedback::soft-skills")
        card = await town.card(closable, "soft-skills", delivered=True)
        await town.mark_contacted(town.avery, card, text="Sorry.", **{"Close the issue": []})
        await town.card(closable, "Contacted", delivered=True)
        await town.settled()
    until(town, 2, 12, 30)
    await take_duty(town, town.blake)
    return waiting, closable


async def test_both_managers_are_told_what_was_done_and_what_is_left(quiet_town: Town) -> None:
    town = quiet_town
    waiting, closable = await turn_of_avery(town)
    async with town.bot_running():
        await town.slack.wait_for(lambda: handed_over(town, town.blake), PATIENCE)
        await town.quiet()
    async with town.bot_running():
        await town.quiet()
    [to_avery], [to_blake] = handed_over(town, town.avery), handed_over(town, town.blake)
    assert "Your turn as manager on duty has ended. Blake Sample is on duty now." in to_avery
    assert "You're the manager on duty now, after Avery Example." in to_blake
    for said in (to_avery, to_blake):
        assert "1 customer contacted, on time; feedback label chosen for 1" in said
        assert "*Open: the customer has not been contacted* (1)\n• <" in said
        card = town.link_to(town.card_of(waiting))
        assert f"requests/101|ticket 101> · {card} · 26 business hours left · unclaimed" in said
        assert "*Ready to close* (1)\n• <" in said
        card = town.link_to(town.card_of(closable))
        assert f"requests/102|ticket 102> · {card} · contacted, labeled" in said


async def test_a_hand_over_names_what_waits_on_whom_and_until_when(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        issue = town.feedback("For ticket 101")
        await town.card(issue, "🟠 Unclaimed")
        await town.settled()
    await take_duty(town, town.avery)
    async with town.bot_running():
        await town.mark_contacted(
            town.avery, await town.card(issue), text="Sorry.", **{"Close the issue": []}
        )
        card = await town.card(issue, "Contacted on time", delivered=True)
        waits = {"What does this feedback depend on?": "The *docs* team", "until": "2026-02-04"}
        assert (await more(town, card, "Waiting on…", **waits)).ok
        await town.settled()
    until(town, 2, 12, 30)
    await take_duty(town, town.blake)
    async with town.bot_running():
        await town.slack.wait_for(lambda: handed_over(town, town.blake), PATIENCE)
        await town.quiet()
    for said in (*handed_over(town, town.avery), *handed_over(town, town.blake)):
        assert "*Open: waiting on others* (1)\n• <" in said
        card_link = town.link_to(town.card_of(issue))
        waits_on = f"{card_link} · ⏸️ waiting until Wed 4 Feb on: The "
        assert f"requests/101|ticket 101> · {waits_on}" in said
        assert "docs" in said
        assert "Ready to close" not in said


async def test_a_hand_over_counts_labels_of_the_contact_form_and_of_gitlab(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        by_form, in_gitlab, left = (town.feedback(f"For ticket {n}") for n in (101, 102, 103))
        await town.card(left, "🟠 Unclaimed")
        await town.settled()
    await take_duty(town, town.avery)
    async with town.bot_running():
        label = {"Feedback label": "feedback::soft-skills"}
        card = await town.card(by_form, "🟠 Unclaimed")
        await town.mark_contacted(town.avery, card, text="Sorry.", **label)
        await town.card(by_form, "Contacted", delivered=True)
        town.gitlab.change_labels(in_gitlab, by=town.avery_gitlab, add=["feedback::soft-skills"])
        await town.card(in_gitlab, "soft-skills")
        await town.settled()
    until(town, 2, 12, 30)
    await take_duty(town, town.blake)
    async with town.bot_running():
        await town.slack.wait_for(lambda: handed_over(town, town.blake), PATIENCE)
    [said] = handed_over(town, town.blake)
    assert "feedback label chosen for 2 requests; 0 other feedbacks triaged." in said


async def test_a_hand_over_and_a_digest_count_what_else_was_triaged(quiet_town: Town) -> None:
    town = quiet_town
    before, labelled, closed, asking, left = (
        town.feedback(f"Feedback for ticket {number}", description=None, labels=[])
        for number in (201, 202, 203, 204, 205)
    )
    async with town.bot_running():
        await town.polled()
        town.gitlab.change_labels(before, by=town.blake_gitlab, add=["feedback::soft-skills"])
        await shows_untriaged(town, 4)
    await take_duty(town, town.avery)
    async with town.bot_running():
        town.gitlab.change_labels(labelled, by=town.avery_gitlab, add=["feedback::soft-skills"])
        town.gitlab.close(closed, by=town.avery_gitlab)
        town.gitlab.change_labels(asking, by=town.avery_gitlab, add=[CONTACT])
        await town.card(asking, "🟠 Unclaimed")
        await shows_untriaged(town, 1)
    until(town, 2, 9, 1)
    async with town.bot_running(**ON):
        assert "Since Friday 30 Jan: 3 other feedbacks triaged." in await the_digest(town)
    until(town, 2, 12, 30)
    await take_duty(town, town.blake)
    async with town.bot_running():
        await town.slack.wait_for(lambda: handed_over(town, town.blake), PATIENCE)
    [said] = handed_over(town, town.blake)
    assert "feedback label chosen for 0 requests; 2 other feedbacks triaged." in said
    assert "*Open: untriaged feedback* (1)" in said
    assert f"/{left.iid}|#{left.iid}> · since" in said
    assert "*Ready to close* (2)" in said
    for issue in (before, labelled):
        ticket = f"requests/{200 + issue.iid}|ticket {200 + issue.iid}> · <{town.gitlab.url}"
        assert ticket in said
        assert f"/{issue.iid}|#{issue.iid}> · no contact requested, labeled" in said


async def shows_untriaged(town: Town, number: int) -> None:
    """Wait until so many feedbacks await triage."""

    def is_so() -> bool:
        with town.engine().connect() as connection:
            awaited = requests.c.triage == Triage.AWAITED
            return connection.scalar(select(func.count()).where(awaited)) == number

    await town.slack.wait_for(is_so, PATIENCE)


async def test_a_hand_over_waits_for_the_morning_and_leaves_out_who_has_left(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.blake.tz = "America/Los_Angeles"  # 4 in the morning at noon UTC
    await turn_of_avery(town)
    town.avery.deleted = True
    async with town.bot_running():
        await town.quiet()
        assert handed_over(town, town.blake) == []
        town.clock.forward(hours=4, minutes=1)
        await town.slack.wait_for(lambda: handed_over(town, town.blake), PATIENCE)
    assert handed_over(town, town.avery) == []


async def test_a_change_of_duty_that_a_fast_clock_has_dated_is_handed_over_this_morning(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.blake.tz = "America/Los_Angeles"
    town.skew = timedelta(days=1)
    await turn_of_avery(town)
    async with town.bot_running():
        await town.quiet()
        assert handed_over(town, town.blake) == []
    town.skew = timedelta(0)
    async with town.bot_running():
        await town.quiet()
        town.clock.forward(hours=4, minutes=1)
        await town.slack.wait_for(lambda: handed_over(town, town.blake), PATIENCE)


async def test_a_change_of_duty_at_the_start_of_long_days_off_is_handed_over_after_them(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        await town.polled()
    await take_duty(town, town.avery)
    until(town, 3, 12)
    await take_duty(town, town.blake)
    until(town, 24, 12)
    async with town.bot_running(ssat_holidays=SHUTDOWN):
        await town.quiet()
        assert handed_over(town, town.blake) == []
        until(town, 25, 8, 1)
        await town.slack.wait_for(lambda: handed_over(town, town.blake), PATIENCE)
        await town.quiet()
    assert len(handed_over(town, town.avery)) == len(handed_over(town, town.blake)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_hand_over_without_an_answer_is_looked_for(
    quiet_town: Town, when: Literal["before", "after"]
) -> None:
    town = quiet_town
    await turn_of_avery(town)
    fault = town.slack.faults.add("chat.postMessage", drop=True, when=when)
    async with town.bot_running():
        await town.slack.wait_for(lambda: fault.hits, PATIENCE)
        await town.quiet()
        town.clock.forward(seconds=5)
        await town.slack.wait_for(lambda: handed_over(town, town.avery), PATIENCE)
        await town.quiet()
    assert len(handed_over(town, town.avery)) == len(handed_over(town, town.blake)) == 1


@pytest.mark.parametrize("scope", ["im:write", "im:history"])
async def test_an_app_that_was_not_installed_again_writes_no_direct_messages_and_all_else_goes_on(
    quiet_town: Town, scope: str
) -> None:
    town = quiet_town
    await turn_of_avery(town)
    until(town, 2, 13)
    town.slack.scopes.discard(scope)
    async with town.bot_running(ssat_digest="13:00") as url:
        await the_digest(town)
        await town.quiet()
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
            assert answer.status == 200
            told = (await answer.json())["slack"]
    assert f"no direct messages without {scope}: install the app again" in told
    assert handed_over(town, town.blake) == []


async def test_a_change_of_duty_long_ago_is_no_news(quiet_town: Town) -> None:
    town = quiet_town
    await turn_of_avery(town)
    town.clock.forward(hours=30)
    async with town.bot_running():
        await town.quiet()
    assert handed_over(town, town.blake) == []


async def test_duty_that_changes_twice_in_a_night_is_handed_over_to_each(quiet_town: Town) -> None:
    town = quiet_town
    third = town.slack.add_user("U0CAREY", "carey", real_name="Carey Third")
    town.channel.members.add(third.id)
    await turn_of_avery(town)
    town.clock.stop()  # duty changes on the second
    until(town, 2, 22)
    await take_duty(town, town.avery)
    until(town, 2, 23)
    await take_duty(town, town.blake)
    until(town, 3, 2)
    await take_duty(town, third)
    async with town.bot_running():
        await town.quiet()
        assert handed_over(town, town.blake) == []
        town.clock.forward(hours=6, minutes=1)
        await town.slack.wait_for(lambda: handed_over(town, third), PATIENCE)
        await town.quiet()
        [to_avery], [to_third] = handed_over(town, town.avery), handed_over(town, third)
        assert "ended. Carey Third is on duty now" in to_avery
        assert "From <!date^1770069600^" in to_avery  # at 22:00
        assert "after Blake Sample" in to_third
        # Twice on duty, and never told in the morning that they are.
        assert ["Your turn" in said for said in handed_over(town, town.blake)] == [True, True]
        before = [len(handed_over(town, each)) for each in (town.avery, town.blake, third)]
        town.clock.forward(hours=1)
        await town.quiet()
    async with town.bot_running():
        await town.quiet()
    told = [len(handed_over(town, each)) for each in (town.avery, town.blake, third)]
    assert told == before


async def test_who_cannot_be_told_does_not_keep_it_from_others(
    quiet_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = quiet_town
    monkeypatch.setattr(watch, "POSTING", ())  # what waits is hurried at each start
    await turn_of_avery(town)
    fault = town.slack.faults.add("conversations.open", status=503)
    town.clock.stop()  # it is not tried again by itself
    async with town.bot_running():
        await town.slack.wait_for(lambda: handed_over(town, town.blake), PATIENCE)
        await town.quiet()
        assert fault.hits == 1
        assert handed_over(town, town.avery) == []
        town.clock.forward(minutes=5)
        await town.slack.wait_for(lambda: handed_over(town, town.avery), PATIENCE)
        await town.quiet()
    assert len(handed_over(town, town.blake)) == 1


async def test_a_hand_over_that_fails_does_not_keep_the_digest_from_the_channel(
    quiet_town: Town,
) -> None:
    town = quiet_town
    await turn_of_avery(town)
    until(town, 3, 9, 1)
    await take_duty(town, town.avery)
    town.slack.faults.add("conversations.open", status=503, times=1000)
    async with town.bot_running(**ON):
        await town.polled()
        await town.settled()
        await town.quiet()
        town.clock.forward(minutes=6)
        await town.slack.wait_for(lambda: digests(town), PATIENCE)
    assert handed_over(town, town.avery) == []
