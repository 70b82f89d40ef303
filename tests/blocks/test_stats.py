"""Figures as people read them, in Slack with charts and without, and in files."""

import csv
import io
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackbot.blocks.answers.csv_file import COLUMNS, csv_of, file_name
from slackbot.blocks.answers.stats import (
    ALT_LIMIT,
    CHART_BLOCK,
    CHART_LABEL,
    TABLE_BLOCK,
    alt_of,
    charts,
    command_line,
    lines,
    not_asked_words,
    not_sent_words,
    period_words,
    render_stats,
    spell,
)
from slackbot.blocks.elements import message
from slackbot.local.slack import pings
from slackbot.local.slack.block_kit import characters, validate_blocks
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.request import Person, Request
from slackbot.rules.stats import Stats
from slackbot.rules.timing.period import (
    Grouping,
    NotAsked,
    Period,
    Question,
    Trouble,
    read_question,
)
from tests.blocks.test_card import shown
from tests.rules.test_stats import (
    A_WEEK,
    MEASURE,
    MONDAY,
    NOW,
    RULES,
    WEEK,
    asked,
    contacted,
    labels,
)

CHARACTERS = 10_000
"""Slack takes a few more."""


def of_week(by: Grouping | None = None, **more: Any) -> Stats:
    return MEASURE.stats(A_WEEK, WEEK, by=by, **more)


def said(message: SlackMessage) -> str:
    return shown(message)


def texts(message: SlackMessage) -> list[str]:
    return [block["text"]["text"] for block in message.blocks if block["type"] == "section"]


def test_the_figures_are_said_in_words() -> None:
    [*_, plain] = render_stats(of_week())
    assert (
        plain.text == "Trends from 2 Feb to 8 Feb 2026: 9 contact requests, 50% contacted on time"
    )
    for line in (
        "📊 *Trends: 2 Feb to 8 Feb 2026 (7 days)*",
        "*Contact requests:* 9 (+8)",
        "*Contacted on time:* 3 of 6, 50% (before: 100%)",
        "*Business hours until claimed:* median 3, 90% within 7\n",
        "*Business hours until contacted:* median 34, 90% within 49.4 (before: 24 and 24)",
        "*Still open:* 2, 1 of them overdue",
        "*All feedback:* 12 (+11): 2 good, 1 neutral, 1 bad, 8 not stated",
        "*Feedback labels, and the change against the 7 days before*",
        "• soft-skills: 2 (+2)",
        "• known-issue: 0 (-1)",
        "• No label: 10 (+10)",
        "*Why deadlines were missed*",
        "• It was lost between two managers on duty: 1",
        "• Not explained: 2",
    ):
        assert line in f"{said(plain)}\n", said(plain)


def test_groups_are_listed_by_what_was_asked_for() -> None:
    [*_, plain] = render_stats(of_week(Grouping.MANAGER))
    assert (
        "*By the manager who contacted*\n"
        "• Avery Example: 3 requests; 3 of 3, 100% on time; contacted after 20 business hours "
        "(median)\n"
        "• Blake Sample: 1 request; 0 of 1, 0% on time; contacted after 50 business hours "
        "(median)\n"
        "• Not contacted: 5 requests; 0 of 2, 0% on time; 1 overdue"
    ) in said(plain)


def test_a_workspace_that_takes_charts_gets_two_and_a_table() -> None:
    full, plain = render_stats(of_week())
    assert validate_blocks(list(full.blocks), "message") == []
    kinds = [block["type"] for block in full.blocks]
    assert (kinds.count(CHART_BLOCK), kinds.count(TABLE_BLOCK)) == (2, 1)
    words = [block for block in full.blocks if block["type"] not in (CHART_BLOCK, TABLE_BLOCK)]
    [listed] = [block for block in plain.blocks if block not in words]
    assert [block for block in plain.blocks if block != listed] == words
    # Nobody depends on a picture: the table says what the list says elsewhere.
    title, *rows = listed["text"]["text"].splitlines()
    assert title.startswith("*Feedback labels, and the change")
    [table] = [block for block in full.blocks if block["type"] == TABLE_BLOCK]
    cells = [[cell["text"] for cell in row] for row in table["rows"]]
    assert cells[1] == ["soft-skills", "2", "0", "2"]
    assert [row.removeprefix("• ").partition(":")[0] for row in rows] == [
        label for label, *_ in cells[1:]
    ]


@pytest.mark.parametrize("by", [None, Grouping.LABEL])
def test_a_list_stays_where_the_table_has_not_all_of_it(by: Grouping | None) -> None:
    found = [asked(each, labels=labels(f"feedback::{each:060}")) for each in range(1, 61)]
    full, plain = render_stats(MEASURE.stats(found, WEEK, by=by))
    assert [each for each in texts(full) if "more: `/ssat stats" in each] == [
        each for each in texts(plain) if "more: `/ssat stats" in each
    ]
    [table] = [block for block in full.blocks if block["type"] == TABLE_BLOCK]
    assert len(table["rows"]) < 61


def test_groups_are_in_the_table_and_labels_in_the_list() -> None:
    full, plain = render_stats(of_week(Grouping.MANAGER))
    assert any(each.startswith("*Feedback labels") for each in texts(full))
    assert not any(each.startswith("*By the manager") for each in texts(full))
    assert any(each.startswith("*By the manager") for each in texts(plain))


def test_the_first_chart_shows_requests_day_by_day() -> None:
    requests, feedback_labels = charts(of_week())
    days = [f"{day} Feb" for day in range(2, 9)]
    assert list(requests.categories) == days
    assert requests.series == {
        "On time": (3, 0, 0, 0, 0, 0, 0),
        "Not on time": (3, 0, 0, 0, 0, 0, 0),
        "Not settled": (2, 0, 0, 0, 1, 0, 0),
    }
    assert feedback_labels.categories == ("soft-skills", "known-issue")
    assert feedback_labels.series == {"This period": (2, 0), "Before": (0, 1)}
    assert requests.alt.startswith(
        "Bar chart, contact requests, by when they were asked for. "
        "2 Feb: 3 on time, 3 not on time, 2 not settled; 3 Feb: 0 on time"
    )


ALIKE = [f"technical-skills-support-{who}" for who in ("engineer", "manager", "specialist")]
AT_BOTH_ENDS = [f"product-{number}-feature-request-missing" for number in ("a-first", "a-second")]


@pytest.mark.parametrize("by", [None, Grouping.REGION])
@pytest.mark.parametrize("names", [ALIKE, AT_BOTH_ENDS, [*ALIKE, *AT_BOTH_ENDS]])
def test_labels_too_long_for_a_chart_are_told_apart_and_stand_whole_below(
    names: list[str], by: Grouping | None
) -> None:
    found = [asked(at, labels=labels(f"feedback::{each}")) for at, each in enumerate(names, 1)]
    stats = MEASURE.stats(found, WEEK, by=by)
    full, _ = render_stats(stats)
    [_, chart] = [block["chart"] for block in full.blocks if block["type"] == CHART_BLOCK]
    categories = chart["axis_config"]["categories"]
    assert len(set(categories)) == len(names)
    assert all(len(each) <= CHART_LABEL for each in categories)
    assert [[point["label"] for point in each["data"]] for each in chart["series"]] == [
        categories for _ in chart["series"]
    ]
    # The table, or else the list, has them in the order of the chart.
    listed = [each for each in texts(full) if each.startswith("*Feedback labels")]
    [table] = [block for block in full.blocks if block["type"] == TABLE_BLOCK]
    if by is None:
        assert listed == []
        assert [row[0]["text"] for row in table["rows"]] == ["Label", *sorted(names)]
    else:
        [text] = listed
        rows = [line.removeprefix("• ").partition(":")[0] for line in text.splitlines()[1:]]
        assert rows == sorted(names)
    # Where Slack sets no limit, they are whole in the chart, too.
    [_, drawn] = charts(stats)
    assert drawn.categories == tuple(sorted(names))
    assert all(f"{each}: 1 this period" in drawn.alt for each in names)


def test_a_cut_label_shows_both_of_its_ends() -> None:
    found = [asked(1, labels=labels("feedback::technical-skills-engineer"))]
    full, _ = render_stats(MEASURE.stats(found, WEEK))
    [_, chart] = [block["chart"] for block in full.blocks if block["type"] == CHART_BLOCK]
    assert chart["axis_config"]["categories"] == ["technical…-engineer"]


def test_a_table_has_a_row_for_each_group() -> None:
    full, _ = render_stats(of_week(Grouping.REGION))
    [table] = [block for block in full.blocks if block["type"] == TABLE_BLOCK]
    cells = [[cell["text"] for cell in row] for row in table["rows"]]
    assert cells == [
        ["Group", "Requests", "On time", "On time, %", "Hours to contact", "Overdue"],
        ["EMEA", "1", "1", "100", "48", "0"],
        ["No region", "8", "2", "40", "20", "1"],
    ]


def test_where_the_record_does_not_reach_back_it_says_so_and_what_does() -> None:
    [*_, plain] = render_stats(of_week(since=NOW - timedelta(days=5)))
    assert "The record is complete only since 3 Feb 2026" in said(plain)
    assert "`ssat-bot stats --from-gitlab`" in said(plain)
    assert "before" not in said(plain).replace("compared with the period before", "")


@pytest.mark.parametrize(
    ("begun", "words"),
    [
        (MONDAY, "2 Feb 2026, so these figures may be incomplete and are not compared"),
        (MONDAY - timedelta(days=3), "30 Jan 2026, so these figures are not compared"),
    ],
)
def test_a_record_that_is_too_young_to_compare_says_when_it_began(
    begun: datetime, words: str
) -> None:
    full, plain = render_stats(of_week(since=begun))
    for each in (full, plain):
        assert f"The record is complete only since {words} with the period before" in said(each)
        assert "(+" not in said(each)
        assert "change" not in said(each).casefold()
    assert {before for _, before in rows_of(csv_of(of_week(since=begun))).values()} == {""}


def test_without_data_there_are_words_and_no_charts() -> None:
    [only] = render_stats(MEASURE.stats([], WEEK))
    assert "There is no feedback from 2 Feb to 8 Feb 2026 on record." in said(only)
    assert {block["type"] for block in only.blocks} == {"section"}


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (date(2026, 2, 2), date(2026, 2, 3), "2 Feb 2026"),
        (date(2026, 2, 2), date(2026, 2, 4), "2 Feb to 3 Feb 2026"),
        (date(2025, 12, 1), date(2026, 2, 1), "1 Dec 2025 to 31 Jan 2026"),
    ],
)
def test_a_period_is_named_with_its_last_day(start: date, end: date, words: str) -> None:
    assert period_words(Period(start=start, end=end)) == words


def test_the_command_line_says_the_same_without_marks() -> None:
    told = list(lines(of_week(Grouping.MANAGER, since=NOW - timedelta(days=5))))
    assert told[:2] == ["2 Feb to 8 Feb 2026 (7 days)", "Contact requests: 9"]
    assert "  It was lost between two managers on duty: 1" in told
    assert any(line.startswith("  Avery Example: 3 requests; 3 of 3") for line in told)
    assert "ssat-bot stats --from-gitlab" in told[-1]
    assert not any("*" in line or "`" in line for line in told)
    empty = list(lines(MEASURE.stats([], WEEK)))
    assert empty[-1] == "There is no feedback from 2 Feb to 8 Feb 2026 on record."


# --- Questions that have no answer -------------------------------------------------------------

TROUBLE = {
    NotAsked(Trouble.UNKNOWN_WORD, "quater", "quarter"): (
        "I don't know `quater` here. Did you mean `quarter`? Name a period (`7d`, `30d`, "
        "`last week`, `quarter`, `last quarter` or `2026-10-01..2026-11-01`), how to group "
        "(`by label`, `by region`, `by manager`, `by score`), or `csv` for a file."
    ),
    NotAsked(Trouble.UNKNOWN_GROUPING, "regoin", "region"): (
        "I can't group by `regoin`. Did you mean `region`? I know `by label`, `by region`, "
        "`by manager`, `by score`."
    ),
    NotAsked(Trouble.ONE_TOO_MANY, "by region"): (
        "`by region` is one too many. Name one period and one grouping at most."
    ),
    NotAsked(Trouble.UNKNOWN_GROUPING): (
        "By what? I know `by label`, `by region`, `by manager`, `by score`."
    ),
    NotAsked(Trouble.NO_SUCH_DATE, "2026-02-30"): (
        "There is no date `2026-02-30`. Write a period as `2026-10-01..2026-11-01`."
    ),
    NotAsked(Trouble.NO_SUCH_DATE): (
        "A date is missing. Write a period as `2026-10-01..2026-11-01`."
    ),
    NotAsked(Trouble.ENDS_BEFORE_START, "2026-02-02..2026-02-01"): (
        "The period `2026-02-02..2026-02-01` has no day. The second date must be later, and isn't "
        "included: October is `2026-10-01..2026-11-01`."
    ),
    NotAsked(Trouble.IN_THE_FUTURE, "2030-01-01..2030-02-01"): (
        "The period `2030-01-01..2030-02-01` is in the future. Choose one that has begun."
    ),
}


@pytest.mark.parametrize(("problem", "words"), TROUBLE.items(), ids=str)
def test_a_question_without_an_answer_is_met_with_what_to_write(
    problem: NotAsked, words: str
) -> None:
    assert not_asked_words(problem) == words


def test_every_trouble_has_words() -> None:
    assert {each.trouble for each in TROUBLE} == set(Trouble)


# --- Files -------------------------------------------------------------------------------------


def rows_of(text: str) -> dict[tuple[str, str], tuple[str, str]]:
    header, *rows = csv.reader(io.StringIO(text))
    assert tuple(header) == COLUMNS
    assert {(first, last) for first, last, *_ in rows} == {("2026-02-02", "2026-02-08")}
    return {(group, figure): (value, before) for _, _, group, figure, value, before in rows}


def test_a_file_has_each_figure_in_a_line() -> None:
    rows = rows_of(csv_of(of_week(Grouping.REGION)))
    assert rows["all", "contact requests"] == ("9", "1")
    assert rows["all", "contacted on time, %"] == ("50", "100")
    assert rows["all", "business hours until contacted, 90th percentile"] == ("49.4", "24")
    assert rows["all", "business hours until claimed, median"] == ("3", "")
    assert rows["all", "feedback, good"] == ("2", "0")
    assert rows["feedback::soft-skills", "feedback with this label"] == ("2", "0")
    assert rows["feedback::known-issue", "feedback with this label"] == ("0", "1")
    assert rows["It was lost between two managers on duty", "missed for this reason"] == ("1", "")
    assert rows["region: EMEA", "contact requests"] == ("1", "")
    assert file_name(of_week(Grouping.REGION)) == "ssat-2026-02-02-to-2026-02-08-by-region.csv"


@pytest.mark.parametrize("label", ["=cmd()", "+1", "-1", "@x"])
def test_no_label_is_calculated_by_a_spreadsheet(label: str) -> None:
    measure = replace(MEASURE, rules=replace(RULES, scope=label))
    name = f"{label}::x"
    stats = measure.stats([asked(1, labels=labels(name))], WEEK)
    assert (f"'{name}", "feedback with this label") in rows_of(csv_of(stats))


def test_a_file_that_is_not_sent_can_be_had_on_the_command_line() -> None:
    question = Question(period=WEEK, by=Grouping.LABEL, as_csv=True)
    command = "`ssat-bot stats --by label --csv 2026-02-02..2026-02-09`"
    assert command_line(question) == command
    assert command in not_sent_words(question, "Slack is failing (500)")
    assert read_question(spell(question), WEEK.end) == question


# --- Whatever people call things ---------------------------------------------------------------

hostile = st.text(max_size=80) | st.sampled_from(
    ["<!channel>", "<@U0AVERY>", "@here", "*_`~", "https://evil.example", "x" * 400, "\u202e"]
)


def hostile_request(number: int, name: str, reason: str) -> Request:
    return contacted(
        number,
        60,
        by=Person(name=name, gitlab=name),
        labels=labels(f"feedback::{name}", f"OrganizationRegion::{name}"),
        missed_because=reason,
    )


@settings(max_examples=40)
@given(
    st.lists(st.tuples(hostile, hostile), max_size=120),
    st.sampled_from([None, *Grouping]),
    st.integers(1, 2000),
)
def test_messages_fit_and_wake_nobody_whatever_labels_and_people_are_called(
    names: list[tuple[str, str]], by: Grouping | None, days: int
) -> None:
    found = [hostile_request(number, *each) for number, each in enumerate(names, 1)]
    end = (MONDAY + timedelta(days=1)).date()
    period = Period(start=end - timedelta(days=days), end=end)
    stats = MEASURE.stats(found, period, by=by, since=NOW)
    for each in render_stats(stats):
        assert validate_blocks(list(each.blocks), "message") == []
        assert characters(list(each.blocks)) < CHARACTERS
        assert pings(list(each.blocks)) == pings(each.text) == set()
    assert all(len(alt_of([chart])) <= ALT_LIMIT for chart in charts(stats))
    assert all("\n" not in line for line in lines(stats))
    csv_of(stats)


@given(hostile)
def test_no_word_in_a_question_wakes_anybody(word: str) -> None:
    answer = message(not_asked_words(NotAsked(Trouble.UNKNOWN_WORD, word)))
    assert validate_blocks(list(answer.blocks), "message") == []
    assert pings(list(answer.blocks)) == pings(answer.text) == set()
