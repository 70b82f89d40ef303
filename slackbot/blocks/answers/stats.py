"""The figures of a period: as text, as charts and a table, and in words where there are none. Pure.

Charts and tables: https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block and
https://docs.slack.dev/reference/block-kit/blocks/data-table-block
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from slackbot.blocks.elements import Block, context, section
from slackbot.blocks.text import ELLIPSIS, capitalized, count, name, one_line, shorten
from slackbot.blocks.words import MISSES
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.stats import HIGH, Figures, Stats, Summary, Times
from slackbot.rules.timing.period import Grouping, NotAsked, Period, Question, Trouble

T = TypeVar("T")

STATS_EVENT = "ssat_stats"
"""Metadata of a weekly message: only which Monday."""

ROWS = 15
"""How many rows of a list show; a CSV file has them all."""
LIST_LIMIT = 1_500
"""In characters: three lists and the table must fit into a message's 10,000."""
TABLE_ROWS, TABLE_LIMIT = 100, 3_000
CHART_TITLE, CHART_LABEL, CATEGORIES = 50, 20, 12
ALT_LIMIT = 1_000
NAME_LIMIT, PROBLEM_LIMIT = 60, 120
"""Of names, more than any label of the handbook has."""
NOTHING = "\u2013"
CHART_BLOCK, TABLE_BLOCK = "data_visualization", "data_table"

SENTIMENTS: Mapping[Sentiment | None, str] = {
    Sentiment.POSITIVE: "good",
    Sentiment.NEUTRAL: "neutral",
    Sentiment.NEGATIVE: "bad",
    None: "not stated",
}
_GROUPS = {
    Grouping.LABEL: ("By feedback label", "No label"),
    Grouping.REGION: ("By region", "No region"),
    Grouping.MANAGER: ("By the manager who contacted", "Not contacted"),
    Grouping.SCORE: ("By score", "No score"),
}
"""The title, and how the group without a name is called."""


Cell = str | float | None
Rows = list[tuple[str, str]]
"""What, and what is said of it."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Bars: a value of each series for each category."""

    title: str
    categories: tuple[str, ...]
    series: Mapping[str, tuple[float, ...]]

    @property
    def alt(self) -> str:
        """Say what it shows, for those who don't see it."""
        said = "; ".join(
            f"{category}: "
            + ", ".join(f"{values[at]:g} {one.lower()}" for one, values in self.series.items())
            for at, category in enumerate(self.categories)
        )
        return f"Bar chart, {self.title.lower()}. {said}."


# --- Words -------------------------------------------------------------------------------------


def title_words(period: Period) -> str:
    return f"{period_words(period)} ({count(period.days, 'day')})"


def period_words(period: Period) -> str:
    if period.days == 1:
        return _day(period.start, with_year=True)
    with_year = period.start.year != period.last.year
    return f"{_day(period.start, with_year=with_year)} to {_day(period.last, with_year=True)}"


def _day(day: date, *, with_year: bool) -> str:
    return f"{day.day} {day:%b}" + (f" {day.year}" if with_year else "")


def parts(stats: Stats) -> Iterator[tuple[str, Rows]]:
    """Leave the totals without a title."""
    yield "", list(_totals(stats))
    compared = f", and the change against the {count(stats.period.days, 'day')} before"
    if labels := counted_labels(stats):
        rows = [(label_name(each), f"{now}{_change(now, before)}") for each, now, before in labels]
        yield f"Feedback labels{compared if stats.before else ''}", rows
    if reasons := _most(stats.now.reasons):
        rows = [(reason_words(each), str(number)) for each, number in reasons]
        yield "Why deadlines were missed", rows
    if stats.by and stats.groups:
        title, _ = _GROUPS[stats.by]
        groups = stats.groups.items()
        yield title, [(group_name(each, stats.by), _group_words(found)) for each, found in groups]


def _totals(stats: Stats) -> Iterator[tuple[str, str]]:
    now, before = stats.now.figures, (stats.before or Summary()).figures
    change = _change(now.requests, before.requests if stats.before else None)
    yield "Contact requests", f"{now.requests}{change}"
    earlier = f" (before: {_share(before)})" if before.settled else ""
    yield "Contacted on time", f"{_on_time(now)}{earlier}"
    yield "Business hours until claimed", _times(now.to_claim, before.to_claim)
    yield "Business hours until contacted", _times(now.to_contact, before.to_contact)
    overdue = f", {now.overdue} of them overdue" if now.overdue else ""
    yield "Still open", f"{now.open}{overdue}"
    yield "All feedback", _feedback(stats.now, stats.before)


def _on_time(figures: Figures) -> str:
    if figures.share is None:
        return f"{NOTHING} (none is settled yet)"
    return f"{figures.on_time} of {figures.settled}, {_share(figures)}"


def _share(figures: Figures) -> str:
    return NOTHING if figures.share is None else f"{figures.share:.0%}"


def _times(times: Times, before: Times) -> str:
    if times.median is None or times.high is None:
        return NOTHING
    earlier = ""
    if before.median is not None and before.high is not None:
        earlier = f" (before: {_hours(before.median)} and {_hours(before.high)})"
    said = f"median {_hours(times.median)}, {HIGH:.0%} within {_hours(times.high)}"
    return f"{said}{earlier}"


def _hours(hours: float) -> str:
    return f"{hours:.1f}".removesuffix(".0")


def _feedback(now: Summary, before: Summary | None) -> str:
    change = _change(now.feedback, before.feedback if before else None)
    told = {words: now.sentiments.get(each, 0) for each, words in SENTIMENTS.items()}
    found = [f"{number} {words}" for words, number in told.items() if number]
    return f"{now.feedback}{change}" + (f": {', '.join(found)}" if found else "")


def _change(now: int, before: int | None) -> str:
    if before is None:
        return ""
    return f" ({now - before:+d})" if now != before else " (no change)"


def counted_labels(stats: Stats) -> list[tuple[str | None, int, int | None]]:
    """Count each in the period and, where it is known, before; zero of what was before only."""
    before = stats.before.labels if stats.before else None
    counted = dict.fromkeys(before or (), 0) | dict(stats.now.labels)
    return [
        (label, number, None if before is None else before.get(label, 0))
        for label, number in _most(counted)
    ]


def _most(counted: Mapping[str | None, int]) -> list[tuple[str | None, int]]:
    """Put the most frequent first, and what has no name last."""
    return sorted(counted.items(), key=lambda one: (one[0] is None, -one[1], one[0] or ""))


def label_name(label: str | None) -> str:
    return label.rpartition("::")[2] if label else group_name(None, Grouping.LABEL)


def reason_words(reason: str | None) -> str:
    if reason is None:
        return "Not explained"
    words = MISSES.get(reason, reason)
    return capitalized(words)


def group_name(group: str | None, by: Grouping) -> str:
    if group is None:
        _, no_name = _GROUPS[by]
        return no_name
    return label_name(group) if by is Grouping.LABEL else group


def _group_words(figures: Figures) -> str:
    said = [count(figures.requests, "request")]
    if figures.settled:
        said.append(f"{_on_time(figures)} on time")
    if figures.to_contact.median is not None:
        said.append(f"contacted after {_hours(figures.to_contact.median)} business hours (median)")
    if figures.overdue:
        said.append(f"{figures.overdue} overdue")
    return "; ".join(said)


def notes(stats: Stats) -> Iterator[str]:
    if stats.since is not None:
        lack = "may be incomplete and are" if stats.period.start <= stats.since else "are"
        yield (
            f"The record is complete only since {_day(stats.since, with_year=True)}, so these "
            f"figures {lack} not compared with the period before. `ssat-bot stats --from-gitlab` "
            "on the command line reads the project's whole past."
        )


def no_data_words(stats: Stats) -> str:
    return f"There is no feedback from {period_words(stats.period)} on record."


def summary_words(stats: Stats) -> str:
    """For a notification."""
    figures = stats.now.figures
    requests = count(figures.requests, "contact request")
    share = "" if figures.share is None else f", {_share(figures)} contacted on time"
    return f"Trends from {period_words(stats.period)}: {requests}{share}"


def lines(stats: Stats) -> Iterator[str]:
    """Say it without Slack."""
    yield title_words(stats.period)
    if stats.now.is_empty:
        yield no_data_words(stats)
    else:
        for title, rows in parts(stats):
            yield from ("", title) if title else ()
            indent = "  " if title else ""
            yield from (f"{indent}{one_line(what)}: {one_line(said)}" for what, said in rows)
    for note in notes(stats):
        yield ""
        yield note.replace("`", "")


# --- Messages ----------------------------------------------------------------------------------


def render_stats(stats: Stats) -> tuple[SlackMessage, ...]:
    """Return the message with charts, and one that each workspace takes."""
    said = summary_words(stats)
    title = section(f"📊 *Trends: {title_words(stats.period)}*")
    ending = [context(note) for note in notes(stats)]
    if stats.now.is_empty:
        blocks = (title, section(no_data_words(stats)), *ending)
        return (SlackMessage(text=said, blocks=blocks),)
    totals, *rest = (_part_section(*part, stats) for part in parts(stats))
    plain = (title, totals, *rest, *ending)
    drawn, table = [data_visualization(each) for each in charts(stats)], data_table(stats)
    if table and len(table[0]["rows"]) > len(stats.groups if stats.by else counted_labels(stats)):
        del rest[-1 if stats.by else 0]  # the table has the whole list
    full = (title, totals, *drawn, *rest, *table, *ending)
    return SlackMessage(text=said, blocks=full), SlackMessage(text=said, blocks=plain)


def _part_section(title: str, rows: Rows, stats: Stats) -> Block:
    if not title:
        return section("\n".join(f"*{what}:* {said}" for what, said in rows))
    listed = [f"• {name(what, NAME_LIMIT)}: {said}" for what, said in rows]
    shown = _fitting(listed[:ROWS], LIST_LIMIT, len)
    if len(rows) > len(shown):
        asked = spell(Question(period=stats.period, by=stats.by, as_csv=True))
        shown.append(f"… and {len(rows) - len(shown)} more: `/ssat stats {asked}` has them all")
    return section("\n".join([f"*{title}*", *shown]))


def _fitting(rows: Sequence[T], limit: int, size: Callable[[T], int]) -> list[T]:
    sizes = itertools.accumulate(map(size, rows))
    return [row for row, total in zip(rows, sizes, strict=True) if total <= limit]


# --- Charts and tables -------------------------------------------------------------------------


def charts(stats: Stats) -> list[Chart]:
    """Make two at most: a message takes no more."""
    found = []
    if stats.now.figures.requests:
        with_year, bars = stats.period.days > 366, stats.bars.values()
        found.append(
            Chart(
                title="Contact requests, by when they were asked for",
                categories=tuple(_day(each.start, with_year=with_year) for each in stats.bars),
                series={
                    "On time": tuple(each.on_time for each in bars),
                    "Not on time": tuple(each.missed for each in bars),
                    "Not settled": tuple(each.pending for each in bars),
                },
            )
        )
    if labels := [each for each in counted_labels(stats) if each[0] is not None][:CATEGORIES]:
        names, now, before = zip(*labels, strict=True)
        series = {"This period": now} | ({"Before": before} if stats.before else {})
        categories = tuple(_shown(label_name(each)) for each in names)
        found.append(Chart(title="Feedback labels", categories=categories, series=series))
    return found


def alt_of(drawn: Iterable[Chart]) -> str:
    return shorten(" ".join(each.alt for each in drawn), ALT_LIMIT)


def _shown(text: str) -> str:
    return shorten(one_line(text) or NOTHING, NAME_LIMIT)


def _told_apart(labels: Iterable[str]) -> list[str]:
    """Cut each to what Slack's charts take; the lists below have them whole, in this order."""
    found: list[str] = []
    for label in labels:
        numbered = (f"{_ends(label, CHART_LABEL - 3)} {number}" for number in itertools.count(2))
        spellings = itertools.chain([_ends(label, CHART_LABEL)], numbered)
        found.append(next(each for each in spellings if each not in found))
    return found


def _ends(label: str, limit: int) -> str:
    """Cut the middle out: most labels differ at one of their ends."""
    half = (limit - len(ELLIPSIS)) // 2
    return label if len(label) <= limit else f"{label[:half]}{ELLIPSIS}{label[-half:]}"


def data_visualization(chart: Chart) -> Block:
    labels, series = _told_apart(chart.categories), list[Block]()
    for one, values in chart.series.items():
        points = zip(labels, values, strict=True)
        data = [{"label": label, "value": value} for label, value in points]
        series.append({"name": one, "data": data})
    bars = {"type": "bar", "series": series, "axis_config": {"categories": labels}}
    return {"type": CHART_BLOCK, "title": shorten(chart.title, CHART_TITLE), "chart": bars}


def data_table(stats: Stats) -> list[Block]:
    """List groups where they are asked for, else labels."""
    header, *rows = _group_rows(stats, stats.by) if stats.by else _label_rows(stats)
    cells = [[_cell(each) for each in row] for row in rows[:TABLE_ROWS]]
    kept = _fitting(cells, TABLE_LIMIT, lambda row: sum(len(each["text"]) for each in row))
    if not kept:
        return []
    caption = _GROUPS[stats.by][0] if stats.by else "Feedback labels"
    lines = [[_cell(each) for each in header], *kept]
    return [{"type": TABLE_BLOCK, "caption": caption, "page_size": ROWS, "rows": lines}]


def _group_rows(stats: Stats, by: Grouping) -> Iterator[Sequence[Cell]]:
    yield "Group", "Requests", "On time", "On time, %", "Hours to contact", "Overdue"
    for group, figures in stats.groups.items():
        share = None if figures.share is None else round(figures.share * 100)
        median = figures.to_contact.median
        hours = None if median is None else round(median, 1)
        counted = figures.requests, figures.on_time, share, hours, figures.overdue
        yield group_name(group, by), *counted


def _label_rows(stats: Stats) -> Iterator[Sequence[Cell]]:
    yield "Label", "Feedback", *(("Before", "Change") if stats.before else ())
    for label, now, before in counted_labels(stats):
        yield label_name(label), now, *(() if before is None else (before, now - before))


def _cell(said: Cell) -> Block:
    if isinstance(said, float | int):
        return {"type": "raw_number", "value": said, "text": _hours(said)}
    return {"type": "raw_text", "text": _shown(said or "")}


# --- Where there are none ----------------------------------------------------------------------

_PERIODS = "`7d`, `30d`, `last week`, `quarter`, `last quarter` or `2026-10-01..2026-11-01`"
_GROUPINGS = ", ".join(f"`by {each}`" for each in Grouping)


def not_asked_words(asked: NotAsked) -> str:
    word = f"`{name(asked.word, NAME_LIMIT)}`"
    hint = f" Did you mean `{asked.nearest}`?" if asked.nearest else ""
    match asked.trouble:
        case Trouble.UNKNOWN_WORD:
            return (
                f"I don't know {word} here.{hint} Name a period ({_PERIODS}), how to group "
                f"({_GROUPINGS}), or `csv` for a file."
            )
        case Trouble.UNKNOWN_GROUPING:
            tried = f"I can't group by {word}.{hint}" if asked.word else "By what?"
            return f"{tried} I know {_GROUPINGS}."
        case Trouble.ONE_TOO_MANY:
            return f"{word} is one too many. Name one period and one grouping at most."
        case Trouble.NO_SUCH_DATE:
            tried = f"There is no date {word}." if asked.word else "A date is missing."
            return f"{tried} Write a period as `2026-10-01..2026-11-01`."
        case Trouble.ENDS_BEFORE_START:
            return (
                f"The period {word} has no day. The second date must be later, and isn't included: "
                "October is `2026-10-01..2026-11-01`."
            )
        case Trouble.IN_THE_FUTURE:
            return f"The period {word} is in the future. Choose one that has begun."


def spell(question: Question) -> str:
    period = question.period
    words = [f"{period.start}..{period.end}", f"by {question.by}" if question.by else ""]
    return " ".join(filter(None, [*words, "csv" if question.as_csv else ""]))


def command_line(question: Question) -> str:
    """Say how to get the same as a CSV file without Slack."""
    by = f" --by {question.by}" if question.by else ""
    return f"`ssat-bot stats{by} --csv {question.period.start}..{question.period.end}`"


# --- Files -------------------------------------------------------------------------------------

CHARTS_SENT = (
    "This workspace shows no charts in messages. "
    "I sent them to you as a picture, in a direct message."
)
CSV_SENT = "I sent you the CSV file in a direct message."
NO_DIRECT_MESSAGES = "I can't send you direct messages"
NOT_DRAWN = "the picture could not be drawn"


def no_picture_words(problem: str) -> str:
    return (
        "This workspace shows no charts in messages, and I couldn't send them as a picture "
        f"({name(problem, PROBLEM_LIMIT)}). The figures above are complete."
    )


def not_sent_words(question: Question, problem: str) -> str:
    return (
        f"I couldn't send the CSV file ({name(problem, PROBLEM_LIMIT)}). Try again in a moment. "
        f"Otherwise, {command_line(question)} on the command line prints the same."
    )
