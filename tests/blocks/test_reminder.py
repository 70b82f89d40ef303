"""Reminders, the word to the lead, and the modal that snoozes them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from slackbot.blocks.card import CardView
from slackbot.blocks.duty import DutyView
from slackbot.blocks.reminder import render_gap, render_lead, render_reminder
from slackbot.blocks.snooze import OPTIONS, read_snooze, snooze_modal
from slackbot.local.slack import links, pings
from slackbot.local.slack.block_kit import validate_blocks, validate_view
from slackbot.local.slack.inputs import initial_values
from slackbot.rules.refusals import Incomplete
from slackbot.rules.reminders import SnoozeFor
from slackbot.rules.request import Person
from tests.blocks.test_card import (
    AVERY,
    CLAIMED,
    DUE,
    MONDAY,
    WAITING,
    a_view,
    hostile_views,
    labels_of_elements,
)

BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U0BLAKE")
UNTIL = "until <!date^1770130800^{date_short_pretty}, {time}|Tue 3 Feb, 15:00 UTC>."


@pytest.mark.parametrize(
    ("view", "to", "said"),
    [
        (
            a_view(CLAIMED),
            [AVERY],
            f"⏰ <@{AVERY.slack_user}>: 30 business h left to contact the customer of ticket "
            f"412345, {UNTIL}",
        ),
        # Somebody on duty, in the place of a holder whom Slack does not know.
        (
            a_view(CLAIMED),
            [BLAKE],
            "⏰ <@U0BLAKE>: 30 business h left to contact the customer of ticket 412345, "
            f"{UNTIL} Avery Example has claimed it. You are on duty.",
        ),
        (
            a_view(WAITING, now=DUE),
            [BLAKE],
            "🔴 <@U0BLAKE>: the customer of ticket 412345 has not been contacted by the deadline: "
            "overdue by less than 1 h. Nobody has claimed it. You are on duty.",
        ),
        # The schedule does not say who it is now.
        (
            a_view(WAITING, on_duty=DutyView(people=(BLAKE,), problem="PagerDuty is failing")),
            [BLAKE],
            "⏰ <@U0BLAKE>: 30 business h left to contact the customer of ticket 412345, "
            f"{UNTIL} Nobody has claimed it. You were on duty last, as far as is known.",
        ),
        # Who has it has just acted, and so the channel alone is told.
        (
            a_view(CLAIMED, now=DUE),
            [],
            "🔴 The customer of ticket 412345 has not been contacted by the deadline: "
            "overdue by less than 1 h. Avery Example has claimed it.",
        ),
        (
            a_view(WAITING, now=DUE - timedelta(minutes=30)),
            [],
            f"⏰ Less than 1 h left to contact the customer of ticket 412345, {UNTIL} "
            "Nobody has claimed it.",
        ),
        # Nobody is known to be on duty.
        (
            a_view(WAITING),
            [],
            f"⏰ 30 business h left to contact the customer of ticket 412345, {UNTIL} "
            "Nobody has claimed it.",
        ),
    ],
)
def test_a_reminder_says_what_is_to_be_done_by_whom(
    view: CardView, to: list[Person], said: str
) -> None:
    reminder = render_reminder(view, to, is_missed=False)
    assert reminder.text == said
    assert reminder.blocks[0]["text"]["text"] == said
    late = render_reminder(view, to, is_missed=True)
    assert late.text == f"{said} (Late: the bot could not remind of it in time.)"


def test_only_what_comes_before_the_deadline_can_be_snoozed() -> None:
    before = render_reminder(a_view(WAITING), [], is_missed=False)
    assert labels_of_elements(before) == ["Snooze"]
    at_deadline = render_reminder(a_view(WAITING, now=DUE), [], is_missed=False)
    assert labels_of_elements(at_deadline) == []


def test_the_lead_is_a_group_or_a_person() -> None:
    view = a_view(CLAIMED, now=DUE + timedelta(hours=1))
    assert render_lead(view, "S0LEADS").text == (
        "🚨 <!subteam^S0LEADS>: the customer of ticket 412345 should have been contacted by "
        "<!date^1770130800^{date_short_pretty}, {time}|Tue 3 Feb, 15:00 UTC>, and nobody has "
        "reacted. Avery Example has claimed it."
    )
    assert pings(render_lead(view, "U0LEAD").text) == {"<@U0LEAD>"}


@given(hostile_views)
@settings(deadline=None)
def test_no_text_of_anybody_spoils_a_reminder_or_wakes_another(view: CardView) -> None:
    for message, allowed in (
        (render_reminder(view, [BLAKE], is_missed=True), {"<@U0BLAKE>"}),
        (render_lead(view, "S0LEADS"), {"<!subteam^S0LEADS>"}),
    ):
        blocks = list(message.blocks)
        assert validate_blocks(blocks, "message") == []
        assert pings(blocks) | pings(message.text) == allowed
        assert links(blocks) == set()


# The modal


def test_the_modal_offers_what_ends_before_the_deadline() -> None:
    def offered(left: timedelta) -> list[str]:
        view = snooze_modal(WAITING, zone=ZoneInfo("UTC"), now=DUE - left)
        assert validate_view(view) == []
        [options] = [
            block["element"]["options"]
            for block in view["blocks"]
            if block.get("block_id") == "until"
        ]
        return [option["text"]["text"] for option in options]

    assert offered(timedelta(hours=20)) == list(OPTIONS.values())
    assert offered(timedelta(hours=4)) == ["For 1 hour", "Until the deadline"]
    assert offered(timedelta(minutes=30)) == ["Until the deadline"]


def test_a_submission_is_read_or_refused() -> None:
    values = initial_values(snooze_modal(WAITING, zone=ZoneInfo("UTC"), now=MONDAY)["blocks"])
    assert read_snooze(values) == (SnoozeFor.HOUR, "")
    others: list[dict[str, Any]] = [{}, {"until": {}}, {"reason": None}, {"until": {"until": {}}}]
    for broken in (values | other if other else {} for other in others):
        with pytest.raises(Incomplete):
            read_snooze(broken)


def test_an_unclaimed_feedback_without_a_ticket_has_a_number() -> None:
    bare = replace(WAITING, ticket=None)
    assert "feedback #12" in render_reminder(a_view(bare), [], is_missed=False).text


def test_a_whole_user_group_on_duty_is_not_named_one_by_one() -> None:
    group = [replace(BLAKE, slack_user=f"U0{number}") for number in range(1, 8)]
    said = render_reminder(a_view(WAITING), group, is_missed=False).text
    assert pings(said) == {f"<@U0{number}>" for number in range(1, 6)}
    assert "<@U05> and 2 more: 30 business h left" in said
    assert "more" not in render_reminder(a_view(WAITING), group[:5], is_missed=False).text


def test_the_line_for_a_gap_says_how_many_and_tells_nobody_by_name() -> None:
    line = render_gap(4)
    validate_blocks(list(line.blocks), "message")
    assert "the reminders of 4 requests came late" in line.text
    assert pings(line.text) == set()
