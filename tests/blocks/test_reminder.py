"""Reminders, the word to the lead, the modal that snoozes, and the lines about many at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from slackbot.blocks.answers.duty import DutyView
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.snooze import OPTIONS, read_snooze, snooze_modal
from slackbot.blocks.reminder import (
    SUMMARY_EVENT,
    Summary,
    render_gap,
    render_lead,
    render_reminder,
    render_summary,
)
from slackbot.blocks.view import CardView
from slackbot.local.slack import links, pings
from slackbot.local.slack.block_kit import validate_blocks, validate_view
from slackbot.local.slack.inputs import initial_values
from slackbot.platforms.slack.outbox import metadata
from slackbot.rules.refusals import Incomplete
from slackbot.rules.request import Person
from slackbot.rules.timing.reminders import SnoozeFor
from tests.blocks.test_card import (
    AVERY,
    CLAIMED,
    DUE,
    MONDAY,
    WAITING,
    a_view,
    elements,
    hostile_views,
    labels_of_elements,
    labels_of_menu,
)

BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U0BLAKE")
AT = "<!date^1770130800^{date_long}, {time}|Tue 3 Feb, 15:00 UTC>"
ISSUE = "<https://gitlab.example/-/issues/12|#12>"
TICKET = "<https://support.gitlab.com/hc/requests/412345|ticket 412345>"
PLEASE = f"please contact the customer on {TICKET}"


@pytest.mark.parametrize(
    ("view", "to", "said"),
    [
        (
            a_view(CLAIMED),
            [AVERY],
            f"⏰ <@{AVERY.slack_user}>: {PLEASE} by {AT} (30 business hours left).",
        ),
        # Somebody on duty, in the place of a holder whom Slack does not know.
        (
            a_view(CLAIMED),
            [BLAKE],
            f"⏰ <@U0BLAKE>: {PLEASE} by {AT} (30 business hours left). Avery Example has claimed "
            "it, and you're on duty.",
        ),
        (
            a_view(WAITING, now=DUE),
            [BLAKE],
            f"🔴 <@U0BLAKE>: {PLEASE} now. The deadline was {AT} (less than 1 hour overdue). "
            "Nobody has claimed it, and you're on duty.",
        ),
        # The schedule does not say who it is now.
        (
            a_view(WAITING, on_duty=DutyView(people=(BLAKE,), problem="PagerDuty is failing")),
            [BLAKE],
            f"⏰ <@U0BLAKE>: {PLEASE} by {AT} (30 business hours left). Nobody has claimed it, and "
            "you were the last known manager on duty.",
        ),
        # Who has it has just acted, and so the channel alone is told.
        (
            a_view(CLAIMED, now=DUE),
            [],
            f"🔴 P{PLEASE[1:]} now. The deadline was {AT} (less than 1 hour overdue). Avery "
            "Example has claimed it.",
        ),
        (
            a_view(WAITING, now=DUE - timedelta(minutes=30)),
            [],
            f"⏰ P{PLEASE[1:]} by {AT} (less than 1 business hour left). Nobody has claimed it.",
        ),
        # Nobody is known to be on duty.
        (
            a_view(WAITING),
            [],
            f"⏰ P{PLEASE[1:]} by {AT} (30 business hours left). Nobody has claimed it.",
        ),
    ],
)
def test_a_reminder_says_what_is_to_be_done_by_whom(
    view: CardView, to: list[Person], said: str
) -> None:
    reminder = render_reminder(view, to, is_missed=False)
    assert reminder.text == f"{said} {ISSUE}"
    assert reminder.blocks[0]["text"]["text"] == reminder.text
    late = render_reminder(view, to, is_missed=True)
    assert late.text == f"{said} {ISSUE} (This reminder is late: ssat-bot was offline.)"


@pytest.mark.parametrize(
    ("view", "buttons"),
    [
        (a_view(WAITING), ["Claim", "Mark contacted", "Snooze"]),
        (a_view(CLAIMED), ["Mark contacted", "Snooze"]),
        (a_view(WAITING, now=DUE), ["Claim", "Mark contacted"]),
        (a_view(CLAIMED, now=DUE), ["Mark contacted"]),
    ],
)
def test_a_reminder_has_what_answers_it_and_only_what_comes_before_the_deadline_can_be_snoozed(
    view: CardView, buttons: list[str]
) -> None:
    for message in (render_reminder(view, [], is_missed=False), render_lead(view, "U0LEAD")):
        found = [one for one in elements(message) if one["type"] == "button"]
        found = [one for one in found if one["text"]["text"] != "Take over"]  # the lead's alone
        assert [one["text"]["text"] for one in found] == buttons
        assert [one["value"] for one in found] == ["7/12"] * len(buttons)
        assert {one["accessibility_label"].partition(", ")[2] for one in found} == {"ticket 412345"}
        assert {"Open issue", "Open ticket"} <= set(labels_of_menu(message))
        assert not {"Claim", "Mark contacted", "Snooze…"} & set(labels_of_menu(message))


def test_only_after_the_deadline_a_reminder_asks_why_it_was_missed() -> None:
    for now, asks in ((DUE - timedelta(minutes=1), False), (DUE + timedelta(minutes=1), True)):
        view = a_view(CLAIMED, now=now)
        for message in (render_reminder(view, [], is_missed=False), render_lead(view, "U0LEAD")):
            assert ("Why was it late?" in labels_of_elements(message)) is asks


def test_a_reminder_leads_to_card_issue_and_ticket() -> None:
    url = "https://example.slack.com/x"
    view = a_view(CLAIMED, url=url)
    for message in (render_reminder(view, [], is_missed=False), render_lead(view, "U0LEAD")):
        assert message.text.endswith(f" <{url}|card> · {ISSUE}")
        assert TICKET in message.text


def test_the_lead_is_a_group_or_a_person() -> None:
    view = a_view(CLAIMED, now=DUE + timedelta(hours=1))
    assert render_lead(view, "S0LEADS").text == (
        f"🚨 <!subteam^S0LEADS>: the deadline to contact the customer on {TICKET} was {AT}, "
        f"and nobody has reacted. Avery Example has claimed it. {ISSUE}"
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
        request = view.request
        assert links(blocks) <= {request.ticket_url, request.url, view.url}


# --- The modal ---------------------------------------------------------------------------------


def test_the_modal_offers_what_ends_before_the_deadline() -> None:
    def offered(left: timedelta) -> list[str]:
        view = snooze_modal(WAITING, AVERY, zone=ZoneInfo("UTC"), now=DUE - left)
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


def test_the_modal_says_whose_request_it_is_if_it_is_a_colleagues() -> None:
    def heading(holder: Person) -> str:
        request = replace(WAITING, holder=holder)
        view = snooze_modal(request, AVERY, zone=ZoneInfo("UTC"), now=MONDAY)
        return str(view["blocks"][0]["text"]["text"])

    due = f"*Ticket 412345* is due {AT}."
    assert heading(AVERY) == f"{due} You'll be reminded then."
    assert heading(BLAKE) == (
        f"{due} Blake Sample will be reminded then."
        "\n⚠️ Blake Sample owns this request and will be told."
    )


def test_a_submission_is_read_or_refused() -> None:
    values = initial_values(
        snooze_modal(WAITING, AVERY, zone=ZoneInfo("UTC"), now=MONDAY)["blocks"]
    )
    assert read_snooze(Entered(values)) == (SnoozeFor.HOUR, "")
    others: list[dict[str, Any]] = [{}, {"until": {}}, {"until": {"until": {}}}]
    for broken in (values | other if other else {} for other in others):
        with pytest.raises(Incomplete):
            read_snooze(Entered(broken))


def test_an_unclaimed_feedback_without_a_ticket_has_a_number() -> None:
    bare = replace(WAITING, ticket=None)
    assert "feedback #12" in render_reminder(a_view(bare), [], is_missed=False).text


def test_a_whole_user_group_on_duty_is_not_named_one_by_one() -> None:
    group = [replace(BLAKE, slack_user=f"U0{number}") for number in range(1, 8)]
    said = render_reminder(a_view(WAITING), group, is_missed=False).text
    assert pings(said) == {f"<@U0{number}>" for number in range(1, 6)}
    assert "<@U05> and 2 more: please contact" in said
    assert "more" not in render_reminder(a_view(WAITING), group[:5], is_missed=False).text


def test_the_line_for_a_gap_says_how_many_and_tells_nobody_by_name() -> None:
    line = render_gap(4)
    validate_blocks(list(line.blocks), "message")
    assert "The reminders of 4 requests are late because ssat-bot was offline." in line.text
    assert pings(line.text) == set()


# --- Many requests at once ---------------------------------------------------------------------

AWAY = timedelta(days=3, hours=2, minutes=40)


@pytest.mark.parametrize(
    ("away", "overdue", "near", "later", "said"),
    [
        (
            AWAY,
            12,
            20,
            25,
            "👋 ssat-bot is back after 3 days and 2 hours. *57 customers asked for a manager's "
            "contact in the meantime.* 12 are overdue and 20 are due within 24 business hours. "
            "The cards come now, most urgent first. 25 are due later. Their cards come in time; "
            "`/ssat` shows all of them now.",
        ),
        # At the first start.
        (
            None,
            2,
            1,
            0,
            "👋 ssat-bot is running. *3 customers are waiting to hear from a manager.* 2 are "
            "overdue and 1 is due within 24 business hours. The cards come now, most urgent first.",
        ),
        # One of each.
        (
            None,
            1,
            0,
            0,
            "👋 ssat-bot is running. *1 customer is waiting to hear from a manager.* 1 is overdue. "
            "The card is coming now.",
        ),
        (
            timedelta(minutes=20),
            0,
            1,
            0,
            "👋 ssat-bot is back after 20 minutes. *1 customer asked for a manager's contact in "
            "the meantime.* 1 is due within 24 business hours. The card is coming now.",
        ),
        (
            timedelta(hours=30),
            0,
            0,
            1,
            "👋 ssat-bot is back after 30 hours. *1 customer asked for a manager's contact in the "
            "meantime.* 1 is due later. Its card comes in time; `/ssat` shows all of them now.",
        ),
        (
            timedelta(hours=30),
            0,
            0,
            40,
            "👋 ssat-bot is back after 30 hours. *40 customers asked for a manager's contact in "
            "the meantime.* 40 are due later. Their cards come in time; `/ssat` shows all of them "
            "now.",
        ),
    ],
)
def test_the_summary_says_how_many_wait_and_for_how_long(
    away: timedelta | None, overdue: int, near: int, later: int, said: str
) -> None:
    summary = Summary(away=away, overdue=overdue, near=near, later=later, near_hours=24)
    assert summary.total == overdue + near + later
    shown = render_summary(summary)
    assert shown.text == said
    [block] = shown.blocks
    assert block["text"] == {"type": "mrkdwn", "text": said, "verbatim": True}


def test_the_summary_is_known_by_a_key_and_says_nothing_of_anybody() -> None:
    assert metadata(SUMMARY_EVENT, "2026-02-02T09:30:00+00:00")["metadata"] == {
        "event_type": "ssat_summary",
        "event_payload": {"key": "2026-02-02T09:30:00+00:00"},
    }
