"""Reminders: who is reminded when, in their own day, and never twice."""

from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import delete

from slackbot.blocks.reminder import GAP_EVENT, REMINDER_EVENT
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Message, User, View
from slackbot.store.jobs import IssueQueue
from slackbot.store.schema import errands
from tests.conftest import MovableClock
from tests.town import PATIENCE, Town, buttons, text_of
from tests.town import town as build_town
from tests.turns import take_duty

ON = {"ssat_reminders": "24,12,4,1"}
AROUND_THE_CLOCK = ON | {"ssat_quiet_hours": "off"}

# The town's clock begins on Friday at 15:00 UTC, so what is asked for then is due on Tuesday 15:00.
DEADLINE = "deadline-2026-02-03T1500"


def reminders(town: Town) -> list[Message]:
    """Every reminder in the threads of the channel, oldest first."""
    found = {
        message.ts: message
        for top in town.channel.messages
        for message in (top, *top.thread)
        if message.metadata and message.metadata["event_type"] == REMINDER_EVENT
    }
    return [found[ts] for ts in sorted(found)]


def marks(town: Town) -> list[str]:
    """Which marks of their requests have been reminded of, in order."""
    return [
        each.metadata["event_payload"]["key"].rpartition(":")[2]
        for each in reminders(town)
        if each.metadata
    ]


def gap_lines(town: Town) -> list[str]:
    """The lines in the channel that stand for late reminders."""
    return [
        text_of(message)
        for message in town.channel.messages
        if message.metadata and message.metadata["event_type"] == GAP_EVENT
    ]


async def reminded(town: Town, mark: str, *words: str) -> Message:
    """Wait for the reminder of a mark; it is the last one, and says some words."""
    await town.slack.wait_for(lambda: mark in marks(town), PATIENCE)
    await town.quiet()
    assert marks(town)[-1] == mark
    assert len(set(marks(town))) == len(marks(town)), marks(town)
    last = reminders(town)[-1]
    assert all(word in text_of(last) for word in words), text_of(last)
    return last


async def claimed(town: Town, issue: Issue) -> None:
    """Let Avery claim a request, and a quarter of an hour pass."""
    card = await town.card(issue, "🟠 Unclaimed")
    await town.slack.click(town.avery, card, "Claim")
    await town.claimed(issue, "Avery Example")
    town.clock.forward(minutes=16)


async def test_a_request_that_nobody_sees_to_is_remembered_until_somebody_does(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        issue = town.feedback()
        await town.card(issue, "🟠 Unclaimed")
        await town.quiet()
        assert reminders(town) == []

        town.clock.forward(hours=72)  # Monday 15:00, after a weekend that does not count
        first = await reminded(
            town, "24h", "23 business hours left", "ticket 412345", "Nobody has claimed it."
        )
        assert not first.broadcast
        assert buttons(first) == ["Claim", "Mark contacted", "Snooze"]
        town.clock.forward(hours=20)
        assert not (await reminded(town, "4h", "3 business hours left")).broadcast
        town.clock.forward(hours=3)
        assert (await reminded(town, "1h", "less than 1 business hour left")).broadcast
        town.clock.forward(hours=1)
        overdue = await reminded(town, DEADLINE, "now. The deadline was")
        assert overdue.broadcast
        assert buttons(overdue) == ["Claim", "Mark contacted", "Why was it late?"]
        town.clock.forward(hours=24)
        assert (await reminded(town, "late-2026-02-04", "24 hours overdue")).broadcast

        card = await town.card(issue, "Overdue")
        assert card.thread == reminders(town)
        await town.mark_contacted(town.avery, card, text="Sorry.")
        await town.card(issue, "Contacted")
        town.clock.forward(hours=24)
        await town.quiet()
    assert marks(town) == ["24h", "4h", "1h", DEADLINE, "late-2026-02-04"]


async def test_the_holder_is_reminded_in_their_own_day(quiet_town: Town) -> None:
    town = quiet_town
    town.avery.tz = "Asia/Kolkata"  # half past eight in the evening, when it is 15:00 UTC
    async with town.bot_running(**ON):
        await claimed(town, town.feedback())
        town.clock.forward(hours=72)
        await town.quiet()
        assert reminders(town) == []
        town.clock.forward(hours=11, minutes=20)  # Tuesday 8:06 in Kolkata
        first = await reminded(
            town, "24h", "<@U0AVERY>: please contact", "(12 business hours left)"
        )
        assert first.pings == {"<@U0AVERY>"}
        assert "on duty" not in text_of(first)
        town.clock.forward(hours=11, minutes=25)
        await reminded(
            town, "1h", "<@U0AVERY>: please", "(less than 1 business hour left)"
        )  # the last comes at any hour
        town.clock.forward(hours=1)
        await town.quiet()
        assert marks(town) == ["24h", "1h"]
        town.clock.forward(hours=11, minutes=31)
        late = await reminded(town, DEADLINE, "11 hours overdue")
        assert "is late" not in text_of(late)


async def test_a_holder_whom_gitlab_named_and_an_email_tells_is_reminded(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        issue = town.feedback()
        await town.card(issue, "🟠 Unclaimed")
        town.gitlab.assign(issue, town.blake_gitlab, by=town.duty_gitlab)
        await town.card(issue, "Claimed by Blake Sample")
    async with town.bot_running(**AROUND_THE_CLOCK):
        town.clock.forward(hours=72)
        assert (await reminded(town, "24h", "<@U0BLAKE>")).pings == {"<@U0BLAKE>"}


async def test_a_zone_that_slack_does_not_give_is_the_teams(quiet_town: Town) -> None:
    town = quiet_town
    town.avery.tz = None
    async with town.bot_running(**ON, ssat_timezone="Asia/Kolkata"):
        await claimed(town, town.feedback())
        town.clock.forward(hours=84)  # Tuesday 8:46 in Kolkata
        await reminded(town, "12h", "<@U0AVERY>")


async def test_who_is_on_duty_is_reminded_of_what_nobody_holds_or_can_be_told(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        unclaimed, elsewhere = town.feedback(), town.feedback("Negative feedback for ticket 2")
        await town.card(unclaimed, "🟠 Unclaimed")
        await town.card(elsewhere, "🟠 Unclaimed")
        # Somebody without a Slack account, as far as is known.
        town.gitlab.assign(elsewhere, town.duty_gitlab, by=town.duty_gitlab)
        await town.card(elsewhere, "Claimed by Dana Duty")
    await take_duty(town, town.blake)
    async with town.bot_running(**AROUND_THE_CLOCK):
        town.clock.forward(hours=72)
        await town.thread(
            unclaimed,
            "<@U0BLAKE>: please",
            "23 business hours left). Nobody has claimed it, and you",
        )
        await town.thread(
            elsewhere,
            "<@U0BLAKE>: please",
            "23 business hours left). Dana Duty has claimed it, and you",
        )


async def test_a_holder_who_has_left_is_not_reminded(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        await claimed(town, town.feedback())
    town.avery.deleted = True
    await take_duty(town, town.blake)
    async with town.bot_running(**AROUND_THE_CLOCK):
        town.clock.forward(hours=72)
        await reminded(
            town, "24h", "<@U0BLAKE>", "Avery Example has claimed it, and you're on duty."
        )
    # Nor is anybody, where nobody is left.
    town.blake.deleted = True
    async with town.bot_running(**AROUND_THE_CLOCK):
        town.clock.forward(hours=12)
        assert (await reminded(town, "12h", "Avery Example has claimed it.")).pings == set()


async def test_who_has_just_acted_is_not_reminded_of_it(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        issue = town.feedback()
        await town.card(issue, "🟠 Unclaimed")
        town.clock.forward(hours=84)
        await reminded(town, "12h")
        town.clock.forward(hours=7, minutes=50)  # ten minutes before four hours are left
        card = await town.card(issue, "🟠 Unclaimed", "4 business hours left")
        await town.slack.click(town.avery, card, "Claim")
        await town.claimed(issue, "Avery Example")
        town.clock.forward(minutes=12)
        await town.card(issue, "3 business hours left")
        await town.quiet()
        assert marks(town) == ["12h"]
        town.clock.forward(hours=3)
        await reminded(town, "1h", "<@U0AVERY>")


async def test_a_deadline_shows_in_the_channel_though_who_is_on_duty_has_just_acted(
    quiet_town: Town,
) -> None:
    town = quiet_town
    issue = town.feedback()
    async with town.bot_running(**AROUND_THE_CLOCK):
        await town.card(issue, "🟠 Unclaimed")
    await take_duty(town, town.blake)
    async with town.bot_running(**AROUND_THE_CLOCK):
        town.clock.forward(hours=95, minutes=15)
        assert (await reminded(town, "1h")).pings == {"<@U0BLAKE>"}
        town.clock.forward(minutes=38)
        await town.slack.click(town.blake, await town.card(issue, "🟠 Unclaimed"), "Claim")
        card = await town.card(issue, "Claimed by Blake", delivered=True)
        await town.slack.click(town.blake, card, "Release")
        await town.card(issue, "🟠 Unclaimed", delivered=True)
        town.clock.forward(minutes=8)
        overdue = await reminded(
            town, DEADLINE, "requests/412345|ticket 412345> now", "Nobody has claimed it."
        )
    assert overdue.broadcast
    assert overdue.pings == set()


async def test_what_was_put_off_for_a_sleeper_is_not_late_for_who_has_it_then(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.blake.tz = "America/Los_Angeles"  # seven in the morning, when it is 15:00 UTC
    async with town.bot_running(**ON):
        await town.card(town.feedback(), "🟠 Unclaimed")
    await take_duty(town, town.blake)
    async with town.bot_running(**ON):
        town.clock.forward(hours=95, minutes=15)
        await reminded(town, "1h", "<@U0BLAKE>")
        town.clock.forward(minutes=50)
        await town.quiet()
        assert marks(town) == ["1h"]
    await take_duty(town, town.avery)
    town.clock.forward(minutes=40)
    async with town.bot_running(**ON):
        overdue = await reminded(town, DEADLINE, "<@U0AVERY>", "and you're on duty.")
        assert "is late" not in text_of(overdue)
        assert overdue.broadcast
        town.clock.forward(minutes=5)
        await town.quiet()
    assert gap_lines(town) == []


async def test_who_was_on_duty_last_is_told_so_where_the_schedule_does_not_say(
    quiet_town: Town,
) -> None:
    town = quiet_town
    issue = town.feedback()
    async with town.bot_running(**AROUND_THE_CLOCK):
        await town.card(issue, "🟠 Unclaimed")
    await take_duty(town, town.blake)
    weeks = town.people_file.read_text()
    town.people_file.write_text(weeks.replace('"2026-', '"2025-'))
    async with town.bot_running(**AROUND_THE_CLOCK):
        await town.card(issue, "On duty: <@U0BLAKE> (last known")
        town.clock.forward(hours=72)
        await reminded(town, "24h", "<@U0BLAKE>", "and you were the last known manager on duty.")


async def test_nobody_is_reminded_twice_whatever_becomes_of_the_bot(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        await town.card(town.feedback(), "🟠 Unclaimed")
        town.clock.forward(hours=72)
        await reminded(town, "24h")
    async with town.bot_running(**AROUND_THE_CLOCK):  # a restart
        await town.quiet()
    town.lose_record()
    async with town.bot_running(**AROUND_THE_CLOCK):  # over an empty record
        await town.polled()
        await town.quiet()
    # A deadline that moves, and an hour that is told anew, repeat nothing.
    async with town.bot_running(**AROUND_THE_CLOCK, ssat_deadline_hours=50):
        town.clock.forward(hours=2)
        await town.quiet()
        town.clock.forward(hours=-1)
        await town.quiet()
    assert marks(town) == ["24h"]
    async with town.bot_running(**AROUND_THE_CLOCK, ssat_deadline_hours=50):
        town.clock.forward(hours=13)
        await reminded(town, "12h", "business hours left")


async def test_two_replicas_remind_once(
    clock: MovableClock, tmp_path: Path, postgresql: str
) -> None:
    async with build_town(clock, tmp_path, postgresql) as town:
        async with town.bot_running(**AROUND_THE_CLOCK), town.bot_running(**AROUND_THE_CLOCK):
            issues = [town.feedback(f"Negative feedback for ticket {n}") for n in range(1, 6)]
            for issue in issues:
                await town.card(issue, "🟠 Unclaimed")
            town.clock.forward(hours=72)
            await town.slack.wait_for(lambda: len(marks(town)) >= len(issues), PATIENCE)
            await town.quiet()
            assert marks(town) == ["24h"] * len(issues)
        town.check()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_reminder_without_an_answer_is_looked_for(
    quiet_town: Town, when: Literal["before", "after"]
) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        await town.card(town.feedback(), "🟠 Unclaimed")
        town.clock.forward(hours=72)
        town.slack.faults.add("chat.postMessage", drop=True, when=when)
        await reminded(town, "24h")
        town.clock.forward(minutes=5)
        await town.quiet()
    assert marks(town) == ["24h"]


async def test_after_a_gap_one_line_stands_for_what_was_missed(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        await claimed(town, town.feedback())
    town.clock.forward(hours=94)
    async with town.bot_running(**AROUND_THE_CLOCK):
        missed = await reminded(
            town, "4h", "<@U0AVERY>: please", "(1 business hour left)", "is late"
        )
        assert not missed.broadcast
        town.clock.forward(hours=1)
        assert "is late" not in text_of(await reminded(town, "1h"))
    assert marks(town) == ["4h", "1h"]


async def test_what_was_missed_is_late_in_the_morning_after_the_bot_is_back(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(**ON):
        await town.card(town.feedback(), "🟠 Unclaimed")
        town.clock.forward(hours=95, minutes=15)
        await reminded(town, "1h")
    town.clock.forward(hours=7)  # Tuesday 21:15
    async with town.bot_running(**ON):
        await town.quiet()
        assert marks(town) == ["1h"]
        town.clock.forward(hours=10, minutes=50)
        missed = await reminded(
            town, DEADLINE, "17 hours overdue", "This reminder is late: ssat-bot was offline."
        )
    assert not missed.broadcast


@pytest.mark.parametrize("number", [3, 4])
async def test_a_gap_that_many_reminders_fell_into_is_one_line_in_the_channel(
    quiet_town: Town, number: int
) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        for each in range(number):
            await town.card(town.feedback(f"Negative feedback for ticket {each}"), "🟠 Unclaimed")
        await town.settled()
    town.clock.forward(hours=97)
    async with town.bot_running(**AROUND_THE_CLOCK):
        await town.slack.wait_for(lambda: marks(town).count(DEADLINE) == number, PATIENCE)
        await town.quiet()
        assert not any(each.broadcast for each in reminders(town))
        assert gap_lines(town) == []  # more may come
        town.clock.forward(minutes=2)
        if number > 3:
            await town.slack.wait_for(lambda: gap_lines(town), PATIENCE)
        await town.quiet()
    async with town.bot_running(**AROUND_THE_CLOCK):
        town.clock.forward(minutes=10)
        await town.quiet()
    said = [f"The reminders of {number} requests are late" in one for one in gap_lines(town)]
    assert said == ([True] if number > 3 else [])


async def test_a_card_of_an_older_release_has_reminders_once_it_is_painted_again(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        await town.card(town.feedback(), "🟠 Unclaimed")
        await town.quiet()
        never_asked_for = delete(errands).where(errands.c.lane == IssueQueue.REMINDERS)
        await town.change_record(lambda connection: connection.execute(never_asked_for))
        town.clock.forward(hours=72)
        await reminded(town, "24h")


async def test_a_card_that_another_bot_user_has_posted_has_reminders_in_its_thread(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        issue = town.feedback()
        (await town.card(issue, "🟠 Unclaimed")).user = "U0FORMER"  # the app was created anew
        town.clock.forward(hours=72)
        await town.thread(issue, "23 business hours left")
        town.clock.forward(minutes=5)
        await town.quiet()
    assert marks(town) == ["24h"]
    assert len(town.cards) == 1


async def test_old_requests_of_a_first_start_get_their_cards_and_no_reminders(
    quiet_town: Town,
) -> None:
    town = quiet_town
    issue = town.feedback()
    town.clock.forward(days=14, hours=2)
    async with town.bot_running(**AROUND_THE_CLOCK, ssat_lead="S0LEADS"):
        await town.card(issue, "Overdue")
        await town.quiet()
        assert reminders(town) == []
        town.clock.forward(hours=70)
        await reminded(town, "late-2026-02-16", "13 days overdue")
    assert marks(town) == ["late-2026-02-16"]


async def test_a_card_that_was_deleted_comes_back_and_has_the_reminder(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        issue, card = await town.request()
        await town.quiet()
        town.slack.delete(town.channel, card.ts)
        town.clock.forward(hours=72)
        await town.thread(issue, "23 business hours left")
        await town.quiet()
        assert marks(town) == ["24h"]
        # One with a thread leaves a gravestone, which is no place for a reminder either.
        town.slack.delete(town.channel, (await town.card(issue, "🟠 Unclaimed")).ts)
        town.slack.faults.add("chat.update", status=503)  # so the reminder finds it first
        town.clock.forward(hours=12)
        await town.card(issue, "11 business hours left")
        town.clock.forward(minutes=1)
        await town.thread(issue, "11 business hours left")
        assert len(town.cards) == 1


async def test_a_request_whose_card_waits_is_remembered_after_its_card(quiet_town: Town) -> None:
    town = quiet_town
    polling = AROUND_THE_CLOCK | {"ssat_poll_seconds": 60}
    async with town.bot_running(**polling):
        await town.polled()
    many = [town.feedback(f"Negative feedback for ticket {n}") for n in range(1, 13)]
    town.clock.forward(hours=1)
    async with town.bot_running(**polling):
        await town.slack.wait_for(lambda: town.summaries, PATIENCE)
        await town.quiet()
        assert town.cards == []
        town.clock.forward(hours=71, minutes=5)
        for issue in many:
            await town.thread(issue, "23 business hours left")
        await town.quiet()
    assert marks(town) == ["24h"] * len(many)


# Snoozing


async def snoozes(
    town: Town, reminder: Message, until: str, reason: str, by: User | None = None
) -> View:
    """Let Avery, or somebody else, snooze; return the form that they had before them."""
    user = by or town.avery
    assert (await town.slack.click(user, reminder, "Snooze")).ok
    await town.slack.wait_for(lambda: town.slack.views[user.id])
    form = town.slack.open_view(user)
    assert (await town.slack.submit(user, {"Pause reminders": until, "Why?": reason})).ok
    return form


async def test_an_owner_is_told_that_a_colleague_has_snoozed_the_reminders(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        issue = town.feedback()
        await claimed(town, issue)
        town.clock.forward(hours=83, minutes=45)
        reminder = await reminded(town, "12h")
        form = await snoozes(town, reminder, "For 1 hour", "they are out", by=town.blake)
        assert "Avery Example owns this request and will be told." in text_of(form)
        told = await town.thread(issue, "Blake Sample snoozed the reminders", "(they are out)")
        assert told.pings == {"<@U0AVERY>"}


async def test_a_snooze_is_told_with_its_reason_and_ends_with_a_reminder(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        issue = town.feedback()
        await claimed(town, issue)
        town.clock.forward(hours=83, minutes=45)
        reminder = await reminded(town, "12h")
        await snoozes(town, reminder, "For 4 hours", "waits for *engineering* <!here>")
        told = await town.thread(issue, "Avery Example snoozed the reminders", "(waits for ")
        assert told.pings == set()
        town.clock.forward(hours=3, minutes=50)
        await town.quiet()
        assert marks(town) == ["12h"]
        town.clock.forward(minutes=11)
        await town.slack.wait_for(lambda: len(marks(town)) == 2, PATIENCE)
        again = reminders(town)[-1]
        assert "7 business hours left" in text_of(again)

        await snoozes(town, again, "Until the deadline", "agreed with the customer")
        town.clock.forward(hours=7)
        await town.quiet()
        assert len(marks(town)) == 2
        town.clock.forward(hours=1)
        await reminded(town, DEADLINE)

        # Beyond the deadline nothing is snoozed, however old the reminder that is looked at.
        assert (await town.slack.click(town.avery, reminder, "Snooze")).ok
        await town.told(town.avery, "The deadline has passed")


async def test_a_snooze_over_the_last_reminder_ends_with_one_at_any_hour(quiet_town: Town) -> None:
    town = quiet_town
    town.avery.tz = "Asia/Kolkata"
    async with town.bot_running(**ON):
        await claimed(town, town.feedback())
        town.clock.forward(hours=84)  # Tuesday 8:46 in Kolkata
        reminder = await reminded(town, "12h")
        town.clock.forward(hours=7, minutes=25)
        await snoozes(town, reminder, "For 4 hours", "the customer wrote that they are out")
        town.clock.forward(hours=4, minutes=1)  # 20:12, and 18 minutes are left
        await town.slack.wait_for(lambda: len(marks(town)) == 2, PATIENCE)
        last = reminders(town)[-1]
        assert "<@U0AVERY>: please" in text_of(last)
        assert "(less than 1 business hour left)" in text_of(last)
        assert last.broadcast
        await town.quiet()
    assert len(marks(town)) == 2


async def test_a_snooze_needs_a_reason_and_somebody_who_may_act(quiet_town: Town) -> None:
    town = quiet_town
    guest = town.slack.add_user("U0GUEST", "guest", is_restricted=True)
    town.channel.members.add(guest.id)
    async with town.bot_running(**AROUND_THE_CLOCK):
        issue = town.feedback()
        await claimed(town, issue)
        town.clock.forward(hours=94)
        reminder = await reminded(town, "4h")

        await town.slack.click(guest, reminder, "Snooze")
        await town.told(guest, "Guests can't take action")

        await town.slack.click(town.avery, reminder, "Snooze")
        modal = await town.slack.wait_for(lambda: town.slack.views[town.avery.id])
        assert "For 4 hours" not in str(modal[-1].body)  # that would be past the deadline
        outcome = await town.slack.submit(town.avery, {"Why?": "   "})
        assert outcome.errors == {"reason": "Give a reason, so that colleagues know."}
        await town.slack.submit(town.avery, {"Why?": "asked the customer for a time"})
        await town.thread(issue, "snoozed the reminders", "(asked the customer for a time)")

        await town.mark_contacted(town.avery, await town.card(issue, "Claimed"), text="Sorry.")
        await town.card(issue, "Contacted", delivered=True)
        await town.slack.click(town.avery, reminder, "Snooze")
        await town.told(town.avery, "Avery Example has already contacted this customer")


# A missed deadline


async def test_a_reminder_explains_a_missed_deadline_with_one_click(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        issue = await overdue(town)
        reminder = await reminded(town, DEADLINE)
        reason = "The answer depended on another team"
        assert (await town.slack.choose(town.avery, reminder, "Why was it late?", reason)).ok
        told = await town.thread(issue, "Avery Example explained the missed deadline")
        assert told.pings == set()
        await town.in_gitlab(lambda: explained(issue, "the answer depended on another team"))


async def test_a_reminder_takes_own_words_for_a_missed_deadline(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        issue = await overdue(town)
        reminder = await reminded(town, DEADLINE)
        own_words = "In your own words…"
        assert (await town.slack.choose(town.avery, reminder, "Why was it late?", own_words)).ok
        inputs = {"Why?": "For another reason", "In your own words": "A holiday of ours."}
        assert (await town.slack.submit(town.avery, inputs)).ok
        await town.in_gitlab(lambda: explained(issue, "A holiday of ours."))


async def overdue(town: Town) -> Issue:
    issue = town.feedback()
    await town.card(issue)
    town.clock.forward(hours=96)
    return issue


def explained(issue: Issue, words: str) -> bool:
    notes = [each.body for each in issue.comments]
    return any("**Why the deadline was missed**" in each and words in each for each in notes)


# The lead


async def test_the_lead_is_told_once_if_nobody_reacts(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK, ssat_lead="S0LEADS"):
        left_alone, seen_to = town.feedback(), town.feedback("Negative feedback for ticket 2")
        await claimed(town, left_alone)
        town.clock.forward(hours=95, minutes=45)
        await town.thread(left_alone, "<@U0AVERY>", "now. The deadline was")
        await town.thread(seen_to, "now. The deadline was")
        await town.quiet()
        card = await town.card(seen_to, "Overdue")
        await town.slack.click(town.blake, card, "Claim")
        await town.card(seen_to, "Overdue, claimed by Blake", delivered=True)
        town.clock.forward(minutes=31)
        told = await town.thread(left_alone, "<!subteam^S0LEADS>", "nobody has reacted")
        assert told.broadcast
        assert "Avery Example has claimed it." in text_of(told)
        await town.quiet()
    town.lose_record()
    async with town.bot_running(**AROUND_THE_CLOCK, ssat_lead="S0LEADS"):
        await town.polled()
        await town.quiet()
        town.clock.forward(minutes=31)
        await town.quiet()
    assert marks(town).count("lead") == 1


async def test_the_lead_is_told_of_what_was_released_after_the_deadline(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK, ssat_lead="S0LEADS"):
        issue = town.feedback()
        await claimed(town, issue)
        town.clock.forward(hours=95, minutes=45)
        await reminded(town, DEADLINE)
        town.clock.forward(minutes=10)
        card = await town.card(issue, "Overdue, claimed by Avery")
        await town.slack.click(town.avery, card, "Release")
        await town.card(issue, "Overdue, unclaimed", delivered=True)
        town.clock.forward(minutes=21)
        await reminded(town, "lead", "<!subteam^S0LEADS>", "Nobody has claimed it.")


async def test_the_lead_may_take_over_what_nobody_sees_to(quiet_town: Town) -> None:
    town = quiet_town
    lead = {"ssat_lead": town.casey.id, "ssat_managers": f"{town.avery.id},{town.blake.id}"}
    async with town.bot_running(**AROUND_THE_CLOCK, **lead):
        issue = town.feedback()
        await claimed(town, issue)
        town.clock.forward(hours=96)
        await reminded(town, DEADLINE)
        town.clock.forward(minutes=31)
        told = await reminded(town, "lead", f"<@{town.casey.id}>")
        assert buttons(told) == ["Take over", "Mark contacted", "Why was it late?"]
        assert (await town.slack.click(town.casey, told, "Take over")).ok
        await town.card(issue, "claimed by Casey", delivered=True)
