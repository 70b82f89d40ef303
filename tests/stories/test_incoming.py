"""What befalls a click before it is on record: a Slack that answers nothing, a second delivery,
a payload that is not all there. Whoever clicked knows what became of it."""

import copy
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from slackbot.handlers import answers
from slackbot.local.slack import Outcome
from slackbot.store.jobs import PeriodicQueue
from tests.stories.test_reviewing import fill_in, more
from tests.town import PATIENCE, Town, as_seen, buttons, text_of

SOFT_SKILLS = "feedback::soft-skills"

FAILURES: list[Any] = [
    pytest.param({"status": 500, "body": "Internal Server Error"}, id="500"),
    pytest.param(
        {"status": 429, "error": "ratelimited", "headers": {"Retry-After": "1"}}, id="429"
    ),
    pytest.param({"drop": True}, id="dropped"),
    pytest.param({"hang": 3600}, id="hangs"),
]


# Slack answers nothing


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_fresh_process_records_a_click_though_slack_does_not_say_who_the_bot_is(
    quiet_town: Town, failure: dict[str, Any]
) -> None:
    town = quiet_town
    async with town.bot_running():
        issue = town.feedback()
        card = as_seen(await town.card(issue, "🟠 Unclaimed"))
        await town.quiet()
    town.slack.faults.add("auth.test", times=1000, **failure)
    async with town.bot_running():
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        assert town.choices() != []
        await town.in_gitlab(lambda: issue.assigned_to == ["avery"])
    assert town.slack.ephemerals == []


async def test_in_a_fresh_process_that_slack_never_answers_each_click_is_told(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        card = as_seen(await town.card(town.feedback(), "🟠 Unclaimed"))
        await town.quiet()
    town.slack.faults.add(status=500, body="Internal Server Error", times=1000)
    async with town.bot_running():
        for number, button in enumerate(("Claim", "Mark contacted"), 1):
            assert (await town.slack.click(town.avery, card, button)).ok
            await told_so_often(town, number)
            assert "Slack isn't saying who you are right now" in text_of(town.slack.ephemerals[-1])
    assert town.choices() == []


async def told_so_often(town: Town, number: int) -> None:
    await town.slack.wait_for(lambda: len(town.slack.ephemerals) == number)


@pytest.mark.impatient
@pytest.mark.parametrize("failure", FAILURES)
async def test_who_gets_no_form_is_told(town: Town, failure: dict[str, Any]) -> None:
    card = await town.card(town.feedback(), "🟠 Unclaimed")
    town.slack.faults.add("views.open", **failure)
    assert (await town.slack.click(town.avery, card, "Mark contacted")).ok
    await town.told(town.avery, "Slack did not open the form just now")


async def test_a_form_that_may_have_opened_over_the_list_is_told_of_in_a_direct_message(
    town: Town,
) -> None:
    card = await town.card(town.feedback(), "🟠 Unclaimed")
    assert (await town.slack.choose(town.avery, card, "menu", "More…")).ok
    everything = town.slack.open_view(town.avery)
    town.slack.faults.add("views.push", drop=True, when="after")
    assert (await town.slack.click(town.avery, everything, "Add note…")).ok
    [told] = await town.slack.wait_for(lambda: town.slack.direct_messages(town.avery))
    assert "Slack did not open the form just now" in text_of(told)


async def test_what_slack_did_not_pass_on_is_told_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "AGAIN_AFTER_SECONDS", (0.1,) * 1000)
    card = as_seen(await town.card(town.feedback(), "🟠 Unclaimed"))
    await town.polled()
    assert (await town.slack.open_home(town.avery)).ok
    home = await town.slack.wait_for(
        lambda: page if "Claim" in buttons(page := town.slack.homes[town.avery.id]) else None,
        PATIENCE,
    )
    home = copy.deepcopy(home)
    assert (await town.slack.click(town.blake, card, "Claim")).ok
    await town.quiet()

    town.slack.down(503)
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    with capture_logs() as lines:
        assert (await town.slack.click(town.avery, home, "Claim")).ok
        await town.slack.wait_for(lambda: any("notice_not_opened" in str(line) for line in lines))
    town.slack.up()

    await town.told(town.avery, "Blake Sample owns this request")
    await town.slack.wait_for(
        lambda: any(
            "Blake Sample owns this request" in text_of(one)
            for channel in town.slack.channels.values()
            if channel.is_im
            for one in channel.messages
        ),
        PATIENCE,
    )


# Delivered twice


async def chosen(town: Town) -> Outcome:
    return await town.slack.click(town.avery, town.cards[0], "Claim")


async def submitted(town: Town) -> Outcome:
    return await town.mark_contacted(town.avery, town.cards[0], channel="Call")


async def snoozed(town: Town) -> Outcome:
    await town.quiet()
    town.clock.forward(days=3)
    thread = town.cards[0].thread
    reminder = await town.slack.wait_for(
        lambda: next((one for one in thread if "Snooze" in buttons(one)), None), PATIENCE
    )
    assert (await town.slack.click(town.avery, reminder, "Snooze")).ok
    await town.slack.wait_for(lambda: town.slack.views[town.avery.id])
    return await town.slack.submit(town.avery, {"until": "For 1 hour", "reason": "On a plane"})


async def of_a_refused_choice(town: Town, button: str) -> Outcome:
    town.gitlab.faults.add(method="POST", path="/notes", status=403)
    await town.slack.choose(town.avery, town.cards[0], "Feedback label", SOFT_SKILLS)
    card = await town.slack.wait_for(
        lambda: town.cards[0] if "Dismiss" in str(town.cards[0].blocks) else None, PATIENCE
    )
    return await town.slack.click(town.avery, card, button)


async def tried_again(town: Town) -> Outcome:
    return await of_a_refused_choice(town, "Try again")


async def dismissed(town: Town) -> Outcome:
    return await of_a_refused_choice(town, "Dismiss")


async def reviewed(town: Town) -> Outcome:
    """It leads on to the contact."""
    return await fill_in(town, town.cards[0], "Review…", summary="They waited.", contact="Yes")


async def told_to_a_manager(town: Town) -> Outcome:
    return await more(town, town.cards[0], "Tell a manager…", names="blake.sample", text="Look.")


async def followed_up(town: Town) -> Outcome:
    return await more(town, town.cards[0], "Follow-up issue…", title="Three days of silence")


async def thanked(town: Town) -> Outcome:
    good = town.feedback("Positive feedback for ticket 5", labels=["satisfaction::good"])
    await town.settled()
    row = await town.asks(town.avery, "good")
    outcome = await fill_in(town, row, "Kudos…", thanks=[town.blake.id])
    await town.in_gitlab(lambda: good.state == "closed")
    await town.idle(PeriodicQueue.KUDOS)
    return outcome


async def kudos_tried_again(town: Town) -> Outcome:
    [kudos] = [each for each in town.slack.channels.values() if each.name == "kudos"]
    kudos.archived = True
    await thanked(town)
    [missing] = await town.slack.wait_for(lambda: town.slack.direct_messages(town.avery))
    return await town.slack.click(town.avery, missing, "Try again")


async def signed(town: Town) -> Outcome:
    assert (await town.slack.command(town.avery, "/ssat", "profile", town.channel)).ok
    return await town.slack.submit(town.avery, {"role": "Support Manager"})


@pytest.mark.parametrize(
    "act",
    [
        *(chosen, submitted, snoozed, tried_again, dismissed, reviewed),
        *(told_to_a_manager, followed_up, thanked, kudos_tried_again, signed),
    ],
)
async def test_what_is_on_record_already_is_known_to_a_replica_that_cannot_ask_who_it_was(
    quiet_town: Town, act: Callable[[Town], Awaitable[Outcome]]
) -> None:
    town = quiet_town
    town.settings |= {"ssat_reminders": "24,12,4,1", "ssat_quiet_hours": "off"}
    town.settings |= {"ssat_kudos_channel": "#kudos"}
    town.slack.add_channel("kudos", members=[town.avery.id])
    async with town.bot_running():
        await town.card(town.feedback(), "🟠 Unclaimed")
        done = await act(town)
        assert done.ok
        assert done.errors == {}
        await town.quiet()
    before, told = town.choices(), list(town.slack.ephemerals)
    town.slack.faults.add("users.info", times=1000, status=500, body="Internal Server Error")
    async with town.bot_running():  # another, or the same one restarted
        again = await town.slack.replay(done)
        assert again.ok
        assert again.errors == {}
        await town.quiet()
    assert town.choices() == before
    assert town.slack.ephemerals == told


async def test_whom_a_comment_mentions_may_be_gone_when_its_form_comes_again(town: Town) -> None:
    issue, _ = await town.request()
    told = await told_to_a_manager(town)
    await town.in_gitlab(lambda: issue.comments)
    town.blake_gitlab.username = "blake.elsewhere"
    again = await town.slack.replay(told)
    assert again.errors == {}
    await town.quiet()
    assert len(issue.comments) == 1


# Not all there


@pytest.mark.parametrize(
    "event",
    [
        {"type": "app_home_opened", "tab": "home", "channel": "D1"},
        {"type": "app_home_opened", "tab": "home", "user": None},
        {"type": "link_shared", "links": [{"url": "https://gitlab.com/x"}], "message_ts": "1.0"},
        {"type": "app_mention", "user": "U0AVERY", "text": "hello"},
        {"type": "message", "channel": "C1", "text": "hello"},
        {"type": "made_up"},
    ],
    ids=lambda event: "-".join(event),
)
async def test_an_event_without_what_one_expects_or_that_nobody_wants_is_one_line_of_the_log(
    town: Town, event: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    await town.request()  # the bot knows its channel
    await town.quiet()
    with capture_logs() as lines:
        outcome = await town.slack.send_event({"channel": town.channel.id} | event)
        assert outcome.status == 200
        told = await town.slack.wait_for(
            lambda: [line for line in lines if line["event"].startswith("slack_request")]
        )
    assert [line["what"] for line in told] == [event["type"]]
    assert told[0]["log_level"] == "info"
    assert "hello" not in str(lines)
    assert [line for line in caplog.messages if "andl" in line] == []  # advice of Bolt's


async def test_a_form_without_one_of_its_inputs_is_refused_in_words_that_fit(town: Town) -> None:
    card = await town.card(town.feedback(), "🟠 Unclaimed")
    await town.slack.click(town.avery, card, "Mark contacted")
    await town.slack.wait_for(lambda: town.slack.views[town.avery.id])
    outcome = await town.slack.submit(town.avery, {"channel": "Email"})  # which needs a text
    for lost in ("channel", "text", "at"):
        payload = copy.deepcopy(outcome.payload)
        payload["trigger_id"] += lost
        del payload["view"]["state"]["values"][lost]
        again = await town.slack.replay(payload)
        part = "Slack sent only a part of this"
        assert (part if lost == "channel" else "Paste the text") in str(again.errors)
    assert town.choices() == []


async def test_a_click_without_what_one_expects_is_refused_in_words_that_fit(town: Town) -> None:
    card = await town.card(town.feedback(), "🟠 Unclaimed")
    payload = (await town.slack.click(town.casey, card, "Claim")).payload
    await town.settled()
    payload["trigger_id"] += "another"
    for lost in ("trigger_id", "user"):
        await town.slack.replay({name: each for name, each in payload.items() if name != lost})
        await town.slack.wait_for(lambda: town.slack.ephemerals)
        assert "Slack sent only a part of this" in text_of(town.slack.ephemerals.pop())
