"""The morning's digest, and the hand-over: lists that fit, and that wake nobody."""

import re
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackbot.blocks.digest import ROWS, Contacts, Digest, contacts_words, render_digest
from slackbot.blocks.handover import HandOver, render_handover
from slackbot.blocks.view import CardView
from slackbot.local.slack import pings
from slackbot.local.slack.block_kit import characters, validate_blocks
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.request import IssueKey, Person, Request, State
from slackbot.rules.timing.shifts import Uncovered
from tests.blocks.test_card import (
    AVERY,
    CALLED,
    CLAIMED,
    MONDAY,
    STATES,
    WAITING,
    a_view,
    hostile_views,
    labels_of_menu,
    shown,
)

ZONE = ZoneInfo("UTC")
CARD = "https://example.slack.com/archives/C1/p1769785200000100"
BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U0BLAKE")
PLAIN = Request(
    key=IssueKey(7, 20),
    url="https://gitlab.example/-/issues/20",
    title="Feedback",
    author="support-automation",
    created_at=MONDAY - timedelta(days=8),
    asked_at=MONDAY - timedelta(days=8),
    due_at=MONDAY - timedelta(days=6),
    is_requested=False,
    was_requested=False,
)
ITEM = a_view(PLAIN)
LABELED = a_view(replace(PLAIN, ticket=412399, labels=frozenset({"feedback::soft-skills"})))
EMPTY = Digest(
    claimed_later=0,
    unread=0,
    since=MONDAY - timedelta(days=3, hours=9),
    contacted=Contacts(),
    triaged=0,
    zone=ZONE,
)
GAP = Uncovered(begins=MONDAY, ends=MONDAY + timedelta(days=1))
HAND_OVER = HandOver(
    before=(AVERY,),
    after=(BLAKE,),
    began_at=MONDAY - timedelta(days=7),
    ended_at=MONDAY,
    contacted=Contacts(),
    labeled=0,
    triaged=0,
    left_open=(),
    untriaged=(),
    dependent=(),
    to_close=(),
    zone=ZONE,
)


def test_a_digest_with_nothing_in_it_is_none() -> None:
    assert EMPTY.is_empty
    assert not replace(EMPTY, contacted=Contacts(late=1)).is_empty
    assert not replace(EMPTY, unanswered=(ITEM,)).is_empty
    assert not replace(EMPTY, triaged=1).is_empty
    assert not replace(EMPTY, ended=(a_view(),)).is_empty
    assert not replace(EMPTY, uncovered=(GAP,)).is_empty
    assert not replace(EMPTY, token_problem="ends soon").is_empty


def test_a_list_shows_its_first_rows_and_counts_the_rest() -> None:
    digest = replace(EMPTY, unclaimed=(a_view(),) * (ROWS + 3))
    said = shown(render_digest(digest))
    assert "*Unclaimed*, due later (13)" in said
    assert said.count("• ") == ROWS
    assert "… and 3 more: `/ssat` shows all" in said


def test_one_of_several_digests_a_day_says_the_time_since_when() -> None:
    digest = replace(EMPTY, since=MONDAY - timedelta(hours=18), triaged=1)
    assert "✅ Since Sunday 1 Feb, 15:00: 1 " in shown(render_digest(digest))


def test_what_was_done_is_said_even_if_nobody_waits() -> None:
    digest = replace(EMPTY, contacted=Contacts(on_time=2, late=1))
    assert shown(render_digest(digest)) == (
        "☀️ *Good morning. Customer feedback: nobody is waiting*\n"
        "✅ Since Friday 30 Jan: 3 customers contacted, 2 on time and 1 late."
    )
    said = shown(render_digest(replace(digest, triaged=2)))
    assert said.endswith("3 customers contacted, 2 on time and 1 late; 2 other feedbacks triaged.")
    said = shown(render_digest(replace(EMPTY, triaged=1)))
    assert said.endswith("✅ Since Friday 30 Jan: 1 other feedback triaged.")


@pytest.mark.parametrize(
    ("hour", "part"), [(0, "morning"), (11, "morning"), (12, "afternoon"), (18, "evening")]
)
def test_a_digest_greets_by_the_time_at_which_it_comes(hour: int, part: str) -> None:
    assert render_digest(replace(EMPTY, hour=hour)).text.startswith(f"Good {part}. Customer")


@pytest.mark.parametrize(
    ("contacted", "said"),
    [
        (Contacts(), "no customer contacted"),
        (Contacts(on_time=1), "1 customer contacted, on time"),
        (Contacts(on_time=2), "2 customers contacted, both on time"),
        (Contacts(on_time=3), "3 customers contacted, all on time"),
        (Contacts(late=1), "1 customer contacted, late"),
        (Contacts(late=2), "2 customers contacted, both late"),
        (Contacts(on_time=1, late=1), "2 customers contacted, 1 on time and 1 late"),
    ],
)
def test_customers_contacted_are_counted_by_the_deadline(contacted: Contacts, said: str) -> None:
    assert contacts_words(contacted) == said


@pytest.mark.parametrize(
    ("after", "is_outgoing", "said"),
    [
        ((BLAKE,), True, "Your turn as manager on duty has ended. Blake Sample is on duty now."),
        ((), True, "Your turn as manager on duty has ended. The schedule names nobody after you."),
        ((BLAKE,), False, "You're the manager on duty now, after Avery Example."),
    ],
)
def test_a_hand_over_opens_with_what_it_means_for_its_reader(
    after: tuple[Person, ...], is_outgoing: bool, said: str
) -> None:
    message = render_handover(replace(HAND_OVER, after=after), is_outgoing=is_outgoing)
    assert message.text == said
    assert "Nothing is left open. ✅" in shown(message)


def test_a_hand_over_names_the_team_where_there_are_several() -> None:
    of_emea = replace(HAND_OVER, team="emea")
    incoming, outgoing = (render_handover(of_emea, is_outgoing=each) for each in (False, True))
    said = "You're the manager on duty of the team emea now, after Avery Example."
    assert incoming.text == said
    assert outgoing.text.startswith("Your turn as manager on duty of the team emea has ended. ")


def test_a_hand_over_says_what_is_open_and_what_could_be_closed() -> None:
    said = shown(
        render_handover(
            replace(
                HAND_OVER,
                left_open=(a_view(CLAIMED, url=CARD),),
                untriaged=(ITEM,),
                to_close=(a_view(replace(WAITING, is_requested=False)), LABELED),
            ),
            is_outgoing=False,
        )
    )
    ticket = "<https://support.gitlab.com/hc/requests/412345|ticket 412345>"
    assert f"• {ticket} · <{CARD}|card> · 30 business hours left · Avery Example" in said
    assert "• <https://gitlab.example/-/issues/20|feedback #20> · 🔴 since <!date^" in said
    issue = "<https://gitlab.example/-/issues/12|#12>"  # Slack has no card of it
    assert f"• {ticket} · {issue} · contact no longer requested, without a feedback label" in said
    assert "*Ready to close* (2)" in said
    issue = "<https://gitlab.example/-/issues/20|#20>"
    assert f"requests/412399|ticket 412399> · {issue} · no contact requested, labeled" in said
    assert "Nothing is left open" not in said


def test_a_hand_over_of_labelled_feedback_that_nobody_closed_leaves_that_open() -> None:
    hand_over = replace(HAND_OVER, to_close=(LABELED,) * 13)
    said = shown(render_handover(hand_over, is_outgoing=True))
    assert "Nothing is left open" not in said
    assert "… and 3 more: GitLab shows all" in said


LATE, LATE_CLAIMED = a_view(), a_view(CLAIMED)


@pytest.mark.parametrize(
    ("overdue", "due_today", "unclaimed", "claimed_later", "said"),
    [
        ([LATE], [], 2, 0, "3 unclaimed, 1 of them overdue"),
        ([LATE], [LATE], 1, 2, "3 unclaimed, 1 of them overdue and 1 due today; 2 claimed"),
        ([LATE], [LATE], 0, 0, "2 unclaimed, 1 overdue and 1 due today"),
        ([], [LATE, LATE_CLAIMED], 0, 1, "1 unclaimed, due today; 2 claimed, 1 of them due today"),
        ([LATE, LATE], [], 0, 0, "2 unclaimed, both overdue"),
        ([LATE_CLAIMED] * 3, [], 0, 0, "3 claimed, all overdue"),
        ([], [], 1, 0, "1 unclaimed"),
    ],
)
def test_a_digest_counts_as_people_do(
    overdue: list[CardView],
    due_today: list[CardView],
    unclaimed: int,
    claimed_later: int,
    said: str,
) -> None:
    digest = replace(
        EMPTY,
        overdue=tuple(overdue),
        due_today=tuple(due_today),
        unclaimed=(a_view(),) * unclaimed,
        claimed_later=claimed_later,
    )
    assert render_digest(digest).text == f"Good morning. Customer feedback: {said}"


@given(*[st.integers(0, 3)] * 6)
def test_the_numbers_of_a_digest_add_up(
    late: int, late_claimed: int, today: int, today_claimed: int, unclaimed: int, claimed: int
) -> None:
    digest = replace(
        EMPTY,
        overdue=(LATE,) * late + (LATE_CLAIMED,) * late_claimed,
        due_today=(LATE,) * today + (LATE_CLAIMED,) * today_claimed,
        unclaimed=(LATE,) * unclaimed,
        claimed_later=claimed,
    )
    said = render_digest(digest).text
    counted = {what: int(n) for n, what in re.findall(r"(\d+) (unclaimed|claimed)\b", said)}
    assert counted.get("unclaimed", 0) == late + today + unclaimed
    assert counted.get("claimed", 0) == late_claimed + today_claimed + claimed


def test_a_digest_does_not_say_that_nobody_waits_while_somebody_does() -> None:
    claimed = replace(EMPTY, contacted=Contacts(on_time=1), claimed_later=3)
    said = render_digest(claimed).text
    assert said == "Good morning. Customer feedback: 3 claimed"


def test_a_digest_names_what_ended_without_a_contact() -> None:
    by_hand = replace(CLAIMED, is_open=False, closed_by="Dana Duty")
    gone = replace(WAITING, is_gone=True)
    moved = replace(by_hand, holder=None, moved_to="https://gitlab.example/a/b/-/issues/3")
    unseen = replace(moved, moved_to="", closed_by=None)
    ended = tuple(a_view(each) for each in (by_hand, gone, moved, unseen))
    said = shown(render_digest(replace(EMPTY, ended=ended)))
    assert "Customer feedback: 4 ended without contact" in said
    assert "⚫ *Ended without contact* (4)" in said
    assert "|#12> · closed in GitLab by Dana Duty · owner: Avery Example" in said
    assert "|#12> · deleted or moved in GitLab · no owner" in said
    there = "<https://gitlab.example/a/b/-/issues/3|another project>"
    assert f"|#12> · moved to {there} by Dana Duty · no owner" in said
    assert "|#12> · moved to another project · no owner" in said


def test_a_digest_says_in_one_line_what_is_not_covered() -> None:
    said = shown(render_digest(replace(EMPTY, uncovered=(GAP,))))
    assert "🗓️ *Not covered:* <!date^" in said
    assert said.endswith("UTC>: nobody is on duty.")
    away = replace(GAP, away=(BLAKE,))
    message = render_digest(replace(EMPTY, uncovered=(away, GAP, GAP)))
    assert ": Blake Sample on duty, but away by their Slack status. 2 more" in shown(message)
    assert shown(message).endswith("2 more gaps: type `/ssat duty`.")
    assert pings(list(message.blocks)) == set()


def test_a_digest_ends_with_what_is_the_administrators_concern() -> None:
    contacted = Contacts(on_time=1)
    said = shown(render_digest(replace(EMPTY, contacted=contacted, token_problem="ends soon")))
    assert said.endswith("\n🔑 *For the bot's administrator:* GITLAB_TOKEN ends soon.")


def test_a_digest_says_what_it_could_not_read() -> None:
    said = shown(render_digest(replace(EMPTY, unanswered=(ITEM,), unread=2)))
    assert "I couldn't check whether 2 older feedbacks had a response." in said


def test_feedback_shows_with_its_words_and_menu_and_the_rest_is_counted() -> None:
    told = replace(STATES[State.OPEN], comment="Too slow.", score="2", organization="Example Ltd")
    message = render_digest(replace(EMPTY, untriaged=(a_view(told),) * 5))
    _check(message)
    rows = [block for block in message.blocks if "accessory" in block]
    assert len(rows) == 3
    for part in ("Example Ltd", "Too slow.", "score 2"):
        assert part in rows[0]["text"]["text"]
    assert {"Review…", "Open ticket", "More…"} <= set(labels_of_menu(message))
    assert "*Untriaged feedback* (5)" in shown(message)
    assert shown(message).endswith("… and 2 more: `/ssat` shows all")


def test_lists_with_long_addresses_fit_into_a_message() -> None:
    long = a_view(replace(WAITING, url="https://gitlab.example/" + "x" * 270), url=CARD * 5)
    many = (long,) * 50
    message = render_digest(
        replace(EMPTY, overdue=many, due_today=many, unclaimed=many, ended=many)
    )
    assert "… and 46 more" in shown(message)
    _check(message)


@given(st.lists(hostile_views, max_size=3))
@settings(deadline=None)
def test_no_text_of_anybody_spoils_a_list_or_wakes_anybody(views: list[CardView]) -> None:
    many = tuple(views * ROWS)
    digest = replace(EMPTY, overdue=many, due_today=many, unclaimed=many, ended=many)
    digest = replace(digest, unanswered=many, waited=many, untriaged=many)
    hand_over = replace(HAND_OVER, left_open=many, to_close=many)
    for message in (render_digest(digest), render_handover(hand_over, is_outgoing=True)):
        _check(message)


def _check(message: SlackMessage) -> None:
    blocks = list(message.blocks)
    assert validate_blocks(blocks, "message") == []
    assert characters(blocks) <= 10_000
    assert pings(blocks) | pings(message.text) == set()


@pytest.mark.parametrize(
    ("view", "why"),
    [
        (a_view(WAITING), "30 business hours left · unclaimed"),
        (a_view(CLAIMED), "30 business hours left · Avery Example since <!date^1769785500^"),
        (
            a_view(WAITING, refused=((CALLED, "no"),)),
            "unclaimed · ⚠️ GitLab rejected a choice",
        ),
        (a_view(WAITING, pending=(CALLED,)), "unclaimed · ⏳ saved, not in GitLab yet"),
    ],
)
def test_a_hand_over_says_why_a_request_is_open(view: CardView, why: str) -> None:
    message = render_handover(replace(HAND_OVER, left_open=(view,)), is_outgoing=True)
    validate_blocks(list(message.blocks), "message")
    assert why in str(message.blocks)
