"""When somebody is reminded: marks, quiet hours, snoozes and gaps, as arithmetic."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.rules.decision import Action, ChooseLabel, Claim, Decision, Release
from slackbot.rules.refusals import AlreadyContacted, DeadlinePassed, IssueGone
from slackbot.rules.request import IssueKey, Person, Request
from slackbot.rules.timing.deadline import ALWAYS, BusinessHours
from slackbot.rules.timing.reminders import (
    HOUR,
    DigestTime,
    Kind,
    Plan,
    QuietHours,
    Recipient,
    ReminderRules,
    Snooze,
    SnoozeFor,
    has_reaction,
    judge_snooze,
    lead_at,
    parse_digest,
    parse_quiet_hours,
    parse_reminders,
    plan_reminders,
    round_key,
    snoozed_until,
)

AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1")
ASKED = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)  # a Friday
DUE = datetime(2026, 2, 3, 15, 0, tzinfo=UTC)
REQUEST = Request(
    key=IssueKey(7, 12),
    url="https://gitlab.example/-/issues/12",
    title="Negative feedback for ticket 412345",
    asked_at=ASKED,
    due_at=DUE,
)
UTC_ZONE, KOLKATA = ZoneInfo("UTC"), ZoneInfo("Asia/Kolkata")
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
NIGHTS = parse_quiet_hours("20:00-08:00")
RULES = ReminderRules(before=(24, 12, 4, 1), hours=ALWAYS)


def recipient(zone: ZoneInfo = UTC_ZONE, acted_at: datetime | None = None) -> Recipient:
    return Recipient(person=AVERY, zone=zone, acted_at=acted_at)


def plan(
    now: datetime,
    *,
    rules: ReminderRules = RULES,
    recipients: Iterable[Recipient] = (),
    done: Iterable[str] = (),
    snooze: Snooze | None = None,
    shown_at: datetime = ASKED,
    planned_at: datetime | None = None,
    request: Request = REQUEST,
) -> Plan:
    return plan_reminders(
        request,
        rules,
        tuple(recipients),
        done=set(done),
        snooze=snooze,
        shown_at=shown_at,
        planned_at=planned_at,
        now=now,
    )


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of February 2026, whose second day is a Monday."""
    return datetime(2026, 2, day, hour, minute, tzinfo=UTC)


def course(
    request: Request = REQUEST,
    *,
    rules: ReminderRules = RULES,
    recipients: Iterable[Recipient] = (),
    until: datetime = datetime(2026, 2, 10, tzinfo=UTC),
    step: timedelta = timedelta(minutes=10),
) -> list[tuple[str, datetime]]:
    """Every reminder of a request that nobody sees to, by a bot that looks often."""
    done: set[str] = set()
    sent = []
    now = request.asked_at
    while now < until:
        found = plan(now, request=request, rules=rules, recipients=recipients, done=done)
        done |= {mark.name for mark in found.left_out}
        if found.send:
            assert not found.is_missed
            done.add(found.send.name)
            sent.append((found.send.name, now))
        now += step
    return sent


def test_around_the_clock_every_mark_has_its_moment() -> None:
    assert course() == [
        ("24h", at(2, 15)),
        ("12h", at(3, 3)),
        ("4h", at(3, 11)),
        ("1h", at(3, 14)),
        ("deadline-2026-02-03T1500", at(3, 15)),
        ("late-2026-02-04", at(4, 15)),
        ("late-2026-02-05", at(5, 15)),
        ("late-2026-02-06", at(6, 15)),
        ("late-2026-02-09", at(9, 15)),  # not on Saturday, nor on Sunday
    ]


def test_what_falls_into_the_night_comes_in_the_morning_as_one() -> None:
    rules = replace(RULES, quiet=NIGHTS)
    asked = replace(REQUEST, asked_at=at(2, 8), due_at=at(4, 8))
    # 20:00 and 04:00 are one in the morning; the last, at 07:00, goes out anyway, and then the
    # others have nothing to add.
    assert course(asked, rules=rules, recipients=[recipient()], until=at(5, 12)) == [
        ("24h", at(3, 8)),
        ("1h", at(4, 7)),
        ("deadline-2026-02-04T0800", at(4, 8)),
        ("late-2026-02-05", at(5, 8)),
    ]


def test_the_night_is_the_recipients() -> None:
    rules = replace(RULES, quiet=NIGHTS)
    # Monday 15:00 UTC is 20:30 in Kolkata, and so is the deadline.
    assert course(rules=rules, recipients=[recipient(KOLKATA)], until=at(4, 0)) == [
        ("24h", at(3, 2, 30)),
        ("12h", at(3, 3)),
        ("4h", at(3, 11)),
        ("1h", at(3, 14)),
    ]
    assert plan(at(4, 2, 30), rules=rules, recipients=[recipient(KOLKATA)], done={"1h"}).send


def test_of_several_on_duty_one_who_is_awake_is_enough() -> None:
    rules = replace(RULES, quiet=NIGHTS)
    awake, asleep = recipient(KOLKATA), recipient(LOS_ANGELES)
    found = plan(at(3, 4), rules=rules, recipients=[asleep, awake])
    assert found.send
    assert found.to == (awake,)
    # Nor is the other one woken where who is awake has just acted.
    just = replace(awake, acted_at=at(3, 4))
    left = plan(at(3, 4), rules=rules, recipients=[asleep, just])
    assert left.send is None
    assert "12h" in [mark.name for mark in left.left_out]
    # The last one before the deadline is for all.
    assert plan(at(3, 14), rules=rules, recipients=[asleep, awake]).to == (asleep, awake)


def test_a_deadline_at_the_end_of_friday_is_not_remembered_at_the_weekend() -> None:
    rules = replace(RULES, quiet=NIGHTS)
    friday = replace(REQUEST, asked_at=at(5, 0), due_at=at(7, 0))
    late = [name for name, _ in course(friday, rules=rules, until=at(11, 0)) if name[0] in "dl"]
    assert late == ["late-2026-02-09", "late-2026-02-10"]
    assert plan(at(8, 12), request=friday, rules=rules, done={"1h"}).next_at == at(9, 8)


def test_with_office_hours_marks_count_office_hours() -> None:
    office = BusinessHours(opens=9 * 60, closes=17 * 60)
    rules = replace(RULES, before=(12, 4, 1), hours=office)
    asked = replace(REQUEST, asked_at=at(2, 9), due_at=at(3, 17))
    assert course(asked, rules=rules, until=at(5, 0)) == [
        ("12h", at(2, 13)),
        ("4h", at(3, 13)),
        ("1h", at(3, 16)),
        ("deadline-2026-02-03T1700", at(3, 17)),
        ("late-2026-02-04", at(4, 17)),
    ]


def test_more_hours_than_the_deadline_has_are_no_mark() -> None:
    rules = replace(RULES, before=(100, 48, 1))
    assert plan(ASKED, rules=rules).next_at == at(3, 14)


def test_who_has_just_acted_is_left_alone() -> None:
    now = at(3, 11, 1)
    just = recipient(acted_at=now - timedelta(minutes=14))
    left = plan(now, recipients=[just])
    assert left.send is None
    assert "4h" in [mark.name for mark in left.left_out]
    before = recipient(acted_at=now - timedelta(minutes=16))
    assert plan(now, recipients=[before]).send
    by_a_fast_clock = recipient(acted_at=now + timedelta(days=1))
    assert plan(now, recipients=[by_a_fast_clock]).send
    assert plan(now, recipients=[just, before]).to == (before,)


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        (at(3, 14, 1), Kind.LAST),
        (at(3, 15, 1), Kind.DEADLINE),
        (at(4, 15, 1), Kind.AFTER),
    ],
)
def test_what_the_channel_sees_comes_without_those_who_have_just_acted(
    now: datetime, kind: Kind
) -> None:
    just = recipient(acted_at=now - timedelta(minutes=5))
    before = recipient(acted_at=now - timedelta(minutes=16))
    for recipients, to in (([just], ()), ([just, before], (before,))):
        found = plan(now, recipients=recipients)
        assert found.send
        assert found.send.kind is kind
        assert found.to == to
    # Nor does it wait for a colleague who sleeps.
    rules = replace(RULES, quiet=NIGHTS)
    asleep = recipient(ZoneInfo("Australia/Sydney"))
    found = plan(now, rules=rules, recipients=[just, asleep])
    assert found.send
    assert found.to == ((asleep,) if kind is Kind.LAST else ())


def test_after_a_gap_one_message_stands_for_all_that_was_missed() -> None:
    found = plan(at(3, 13))
    assert found.send
    assert (found.send.name, found.is_missed) == ("4h", True)
    assert [mark.name for mark in found.left_out] == ["24h", "12h"]
    assert found.next_at == at(3, 14)
    assert not plan(at(3, 11, 29)).is_missed


@pytest.mark.parametrize(
    ("back_at", "done", "morning", "mark"),
    [
        pytest.param(at(3, 2), set(), at(3, 7), "12h", id="at three in the morning"),
        pytest.param(
            at(7, 2), {"late-2026-02-05"}, at(9, 7), "late-2026-02-06", id="early on a Saturday"
        ),
        pytest.param(at(7, 12), {"1h"}, at(9, 7), "late-2026-02-06", id="on a Saturday noon"),
    ],
)
def test_what_was_missed_waits_for_the_morning_after_the_gap(
    back_at: datetime, done: set[str], morning: datetime, mark: str
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    rules = replace(RULES, quiet=NIGHTS, hours=replace(ALWAYS, timezone=berlin))
    for recipients in ([recipient(berlin)], []):
        found = plan(back_at, rules=rules, recipients=recipients, done=done)
        assert found == Plan(next_at=morning, is_missed=True)
        later = plan(morning, rules=rules, recipients=recipients, done=done)
        assert later.send
        assert later.send.name == mark
        assert later.is_missed is (later.send.at < back_at)


def test_the_last_one_that_was_missed_comes_at_night_while_there_is_time() -> None:
    rules = replace(RULES, quiet=NIGHTS)
    night = replace(REQUEST, due_at=at(4, 4))
    found = plan(at(4, 3, 45), request=night, rules=rules, recipients=[recipient()])
    assert found.send
    assert found.send.kind is Kind.LAST
    assert found.to == (recipient(),)
    passed = plan(at(4, 4, 15), request=night, rules=rules, recipients=[recipient()])
    assert passed == Plan(next_at=at(4, 8), is_missed=True)


def test_what_was_merely_put_off_was_not_missed() -> None:
    rules = replace(RULES, quiet=NIGHTS)
    assert not plan(at(3, 8, 20), rules=rules, recipients=[recipient()]).is_missed
    assert plan(at(3, 8, 40), rules=rules, recipients=[recipient()]).is_missed


def test_nothing_is_late_because_others_were_to_be_told_who_slept() -> None:
    rules, done = replace(RULES, quiet=NIGHTS), {"1h"}
    planned = plan(at(3, 15, 10), rules=rules, recipients=[recipient(LOS_ANGELES)], done=done)
    assert planned == Plan(next_at=at(3, 16))
    # Then somebody else has it, who would have been told at 15:00.
    for now, is_missed in ((at(3, 15, 45), False), (at(3, 16, 31), True)):
        found = plan(
            now, rules=rules, recipients=[recipient()], done=done, planned_at=planned.next_at
        )
        assert found.send
        assert found.is_missed is is_missed


def test_nor_because_it_is_evening_for_who_has_it_then() -> None:
    rules, done = replace(RULES, quiet=NIGHTS), {"1h"}
    kabul = recipient(ZoneInfo("Asia/Kabul"))  # 19:30 at the deadline
    evening = plan(at(3, 15, 45), rules=rules, recipients=[kabul], done=done, planned_at=at(3, 16))
    assert evening == Plan(next_at=at(4, 3, 30))
    morning = evening.next_at
    assert morning
    found = plan(morning, rules=rules, recipients=[kabul], done=done, planned_at=morning)
    assert found.send
    assert not found.is_missed


def test_what_was_missed_before_the_card_stood_the_card_says_itself() -> None:
    found = plan(at(3, 13), shown_at=at(3, 12, 50))
    assert found.send is None
    assert len(found.left_out) == 3
    # but not what is due just now
    assert plan(at(3, 14, 5), shown_at=at(3, 14, 2)).send


def test_a_deadline_that_moves_repeats_no_mark() -> None:
    done = {"24h", "12h", "4h"}
    later = replace(REQUEST, due_at=at(5, 15))
    assert [name for name, _ in course(later, until=at(6, 0))][:3] == ["24h", "12h", "4h"]
    assert plan(at(3, 15), request=later, done=done).next_at == at(5, 14)
    # What was only left out by a later mark stays so, too.
    assert plan(at(3, 15), request=later, done={"4h"}).next_at == at(5, 14)


def test_a_deadline_that_moves_later_is_told_when_it_passes_and_not_again() -> None:
    done = {"1h", "deadline-2026-02-03T1500"}
    for due_at in (at(3, 17), at(5, 15)):  # later on the same day, or days later
        later = replace(REQUEST, due_at=due_at)
        assert plan(due_at - HOUR, request=later, done=done) == Plan(next_at=due_at)
        found = plan(due_at, request=later, done=done).send
        assert found
        assert found.kind is Kind.DEADLINE
        # though it was overdue by the earlier deadline on the morning of the same day
        assert plan(due_at, request=later, done=done | {f"late-{due_at.date()}"}).send == found
        # Back to where it was, it has been told already.
        moved_back = plan(due_at, done=done | {found.name})
        assert moved_back.send is None
    for due_at in (at(3, 13), at(2, 15)):
        earlier = replace(REQUEST, due_at=due_at)
        assert plan(at(3, 15, 1), request=earlier, done=done).send is None


def test_who_asks_again_is_remembered_anew() -> None:
    again = replace(REQUEST, asked_at=at(4, 9))
    assert round_key(again) != round_key(REQUEST)
    assert round_key(REQUEST) == f"remind:7/12:{int(ASKED.timestamp())}:"


def a_snooze(until: datetime, of: Request = REQUEST) -> Snooze:
    return Snooze(
        by=AVERY,
        at=at(3, 10),
        until=until,
        reason="waits for engineering",
        asked_at=of.asked_at,
        interaction="1",
    )


def test_a_snooze_ends_with_one_reminder() -> None:
    snooze = a_snooze(at(3, 13))
    assert plan(at(3, 12), snooze=snooze).send is None
    found = plan(at(3, 13), snooze=snooze)
    assert found.send
    assert found.send.kind is Kind.AGAIN
    assert found.next_at == at(3, 14)
    assert plan(at(3, 14), snooze=snooze, done={found.send.name}).send


def test_a_snooze_that_was_counted_by_a_fast_clock_keeps_nobody_silent() -> None:
    day = timedelta(days=1)
    snooze = replace(a_snooze(at(3, 13) + day), at=at(3, 12) + day)
    assert plan(at(3, 13), snooze=snooze).send == plan(at(3, 13)).send
    assert plan(at(3, 13)).send


def test_a_snooze_over_the_last_reminder_ends_with_the_last_one_be_it_at_night() -> None:
    rules = replace(RULES, quiet=NIGHTS)
    midnight = replace(REQUEST, due_at=at(4, 0))
    snooze = a_snooze(at(3, 23, 30))
    for now, is_sent in ((at(3, 19, 30), False), (at(3, 23, 30), True)):
        found = plan(now, request=midnight, rules=rules, recipients=[recipient()], snooze=snooze)
        assert (found.send is not None) is is_sent
        assert is_sent or found.next_at == at(3, 23, 30)
    assert found.send
    assert found.send.kind is Kind.LAST
    assert found.to == (recipient(),)


@given(st.integers(1, 48 * 60 - 1).map(lambda minutes: DUE - timedelta(minutes=minutes)))
def test_whenever_a_snooze_ends_before_the_deadline_one_last_reminder_follows(
    until: datetime,
) -> None:
    rules = replace(RULES, quiet=NIGHTS)
    now: datetime | None = until
    sent: dict[str, Kind] = {}
    while now and now < DUE:
        found = plan(
            now, rules=rules, recipients=[recipient(KOLKATA)], done=sent, snooze=a_snooze(until)
        )
        sent |= {mark.name: mark.kind for mark in found.left_out}
        if found.send:
            sent[found.send.name] = found.send.kind
            assert (found.send.kind is Kind.LAST) == (now >= DUE - HOUR)
        now = found.next_at
    assert list(sent.values()).count(Kind.LAST) == 1


def test_a_snooze_until_the_deadline_leaves_the_deadlines_own() -> None:
    for until in (DUE, DUE + timedelta(days=3)):  # the deadline may have moved since
        snooze = a_snooze(until)
        assert plan(at(3, 14, 59), snooze=snooze).send is None
        found = plan(DUE, snooze=snooze).send
        assert found
        assert found.kind is Kind.DEADLINE


def test_a_snooze_ends_with_its_round() -> None:
    again = replace(REQUEST, asked_at=ASKED + timedelta(minutes=1))
    assert plan(at(3, 12), request=again, snooze=a_snooze(DUE)).send


@pytest.mark.parametrize(
    ("choice", "until"),
    [
        (SnoozeFor.HOUR, at(2, 16)),
        (SnoozeFor.FOUR_HOURS, at(2, 19)),
        (SnoozeFor.TOMORROW, at(3, 3, 30)),  # 9:00 in Kolkata, where it is Monday evening
        (SnoozeFor.DEADLINE, DUE),
    ],
)
def test_how_long_a_snooze_lasts(choice: SnoozeFor, until: datetime) -> None:
    assert snoozed_until(choice, at(2, 15), KOLKATA, DUE) == until
    assert snoozed_until(choice, DUE - timedelta(minutes=5), KOLKATA, DUE) == DUE


def test_only_an_open_request_with_time_left_can_be_snoozed() -> None:
    assert judge_snooze(REQUEST, at(3, 14)) is None
    assert isinstance(judge_snooze(REQUEST, DUE), DeadlinePassed)
    contacted = replace(REQUEST, contacted_at=at(3, 10))
    assert isinstance(judge_snooze(contacted, at(3, 14)), AlreadyContacted)
    assert isinstance(judge_snooze(replace(REQUEST, is_gone=True), at(3, 14)), IssueGone)


def test_the_lead_is_told_half_an_hour_after_the_deadlines_reminder() -> None:
    assert lead_at(DUE, DUE, RULES, UTC_ZONE, DUE) == at(3, 15, 30)
    nights = replace(RULES, quiet=NIGHTS)
    assert lead_at(DUE, at(3, 19, 45), nights, UTC_ZONE, DUE) == at(4, 8)
    # A bot that is started over old requests does not tell the lead of each.
    assert lead_at(DUE, at(5, 9), RULES, UTC_ZONE, at(5, 9)) is None


def test_a_bot_that_comes_back_in_the_night_lets_the_lead_sleep() -> None:
    nights = replace(RULES, quiet=NIGHTS)
    assert lead_at(DUE, DUE, nights, UTC_ZONE, at(4, 3)) == at(4, 8)
    assert lead_at(DUE, DUE, nights, UTC_ZONE, at(4, 9)) == at(4, 9)


def test_the_lead_is_not_told_of_a_deadline_that_has_moved_and_is_still_ahead() -> None:
    assert lead_at(at(4, 15), DUE, RULES, UTC_ZONE, DUE) is None


def decided(action: Action, moment: datetime) -> Decision:
    return Decision(id=UUID(int=0), key=REQUEST.key, by=AVERY, at=moment, action=action)


EARLIER, SOON, LATER = at(3, 14), at(3, 15, 5), at(3, 15, 10)
CLAIM, RELEASE, LABEL = Claim(), Release(), ChooseLabel(label="feedback::other")


@pytest.mark.parametrize(
    ("held_since", "decisions", "is_one"),
    [
        pytest.param(None, [], False, id="nothing"),
        pytest.param(EARLIER, [(CLAIM, EARLIER)], False, id="claimed before the deadline"),
        pytest.param(SOON, [(CLAIM, SOON)], True, id="claimed after it"),
        pytest.param(SOON, [], True, id="assigned in GitLab"),
        pytest.param(None, [(RELEASE, SOON)], False, id="released"),
        pytest.param(None, [(CLAIM, SOON), (RELEASE, LATER)], False, id="claimed and released"),
        pytest.param(None, [(CLAIM, SOON)], False, id="claimed, then taken off in GitLab"),
        pytest.param(LATER, [(RELEASE, SOON), (CLAIM, LATER)], True, id="released and claimed"),
        pytest.param(None, [(LABEL, EARLIER)], False, id="labelled before the deadline"),
        pytest.param(None, [(LABEL, SOON)], True, id="labelled after it"),
        pytest.param(None, [(LABEL, SOON), (RELEASE, LATER)], False, id="labelled and released"),
        pytest.param(None, [(RELEASE, SOON), (LABEL, LATER)], True, id="released and labelled"),
    ],
)
def test_who_lets_go_of_a_request_has_not_reacted(
    held_since: datetime | None, decisions: list[tuple[Action, datetime]], is_one: bool
) -> None:
    request = replace(REQUEST, holder=AVERY if held_since else None, held_since=held_since)
    found = [decided(action, moment) for action, moment in decisions]
    assert has_reaction(request, found) is is_one


# Quiet hours


@pytest.mark.parametrize(
    ("text", "awake"),
    [
        ("20:00-08:00", ((480, 1200),)),  # over midnight
        ("00:00-08:00", ((480, 1440),)),
        ("20:00-24:00", ((0, 1200),)),
        ("12:00-13:30", ((0, 720), (810, 1440))),  # within a day
        (" 22:30 - 6:15 ", ((375, 1350),)),
        ("off", ((0, 1440),)),
        ("OFF", ((0, 1440),)),
    ],
)
def test_quiet_hours_are_read(text: str, awake: tuple[tuple[int, int], ...]) -> None:
    assert parse_quiet_hours(text) == QuietHours(awake=awake)


def test_hours_before_the_deadline_are_read_in_any_order() -> None:
    assert parse_reminders("1, 24,12,,4,4") == (24, 12, 4, 1)
    assert parse_reminders("0.5") == (0.5,)
    assert parse_reminders("off") == ()


@given(
    st.integers(0, 2 * 366 * 24 * 60).map(lambda minutes: ASKED + timedelta(minutes=minutes)),
    st.sampled_from(["UTC", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe"]),
    st.times(),
    st.times(),
)
def test_nobody_is_spoken_to_in_their_quiet_hours_and_nobody_later_than_needed(
    moment: datetime, zone_name: str, begin: time, end: time
) -> None:
    begin, end = begin.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    if begin == end:
        return
    zone = ZoneInfo(zone_name)
    quiet = parse_quiet_hours(f"{begin:%H:%M}-{end:%H:%M}")
    found = quiet.end(moment, zone, ALWAYS)
    assert moment <= found <= moment + timedelta(days=4)
    local = found.astimezone(zone)
    assert local.weekday() < 5
    wall = local.time().replace(tzinfo=None)
    is_quiet = begin <= wall < end if begin < end else wall >= begin or wall < end
    assert not is_quiet
    assert quiet.end(found, zone, ALWAYS) == found


def test_a_digest_has_one_time_or_several_each_with_a_zone_or_without() -> None:
    morning, afternoon = DigestTime(minute=9 * 60), DigestTime(minute=15 * 60, zone=LOS_ANGELES)
    assert parse_digest("9:00") == (morning,)
    assert parse_digest(" 09:00,15:00  America/Los_Angeles, ") == (morning, afternoon)
    assert parse_digest("OFF") == ()


@given(
    times=st.lists(
        st.builds(
            DigestTime,
            minute=st.integers(0, 24 * 60 - 1),
            zone=st.none() | st.sampled_from([UTC_ZONE, KOLKATA, LOS_ANGELES]),
        ),
        min_size=1,
        unique=True,
    )
)
def test_the_times_of_a_digest_are_read_as_they_are_written(times: list[DigestTime]) -> None:
    assert parse_digest(", ".join(map(str, times))) == tuple(times)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("09:00, 9:00", "There is a time twice"),
        ("09:00, off", "This is not a time of the day: write it as 09:00, or off"),
        ("09:00; 15:00", "This is not a time"),
        (",", "This is not a time of the day"),
        ("09:00 15:00", "This is not a time zone"),
        ("09:00 Mars/Olympus", "This is not a time zone: use an IANA name"),
        ("24:00", "This is not a time of the day"),
    ],
)
def test_times_of_a_digest_with_a_mistake_are_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_digest(text)


@pytest.mark.parametrize("parse", [parse_quiet_hours, parse_reminders, parse_digest])
@given(text=st.text(alphabet="0123456789:-., ofFéUTC", max_size=12))
def test_any_text_is_read_or_refused_in_words(parse: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(ValueError):
        parse(text)
