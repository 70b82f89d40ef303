"""The figures as a CSV file, one figure a line, for spreadsheets. Pure."""

import csv
import io
from collections.abc import Iterator

from slackbot.blocks.answers.stats import SENTIMENTS, counted_labels, group_name, reason_words
from slackbot.rules.stats import Figures, Stats, Summary

COLUMNS = ("from", "to", "group", "figure", "value", "before")
"""``to`` is the last day."""
TOTAL = "all"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would calculate what begins so."""

Line = tuple[str, str, float | None, float | None]
"""Group, figure, value, and the value of the period before."""


def csv_of(stats: Stats) -> str:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    days = stats.period.start.isoformat(), stats.period.last.isoformat()
    for group, figure, value, before in _lines(stats):
        writer.writerow([*days, _inert(group), figure, _number(value), _number(before)])
    return written.getvalue()


def file_name(stats: Stats) -> str:
    by = f"-by-{stats.by}" if stats.by else ""
    return f"ssat-{stats.period.start}-to-{stats.period.last}{by}.csv"


def _lines(stats: Stats) -> Iterator[Line]:
    before = _totals(stats.before) if stats.before else {}
    for figure, value in _totals(stats.now).items():
        yield TOTAL, figure, value, before.get(figure)
    for label, number, old in counted_labels(stats):
        yield label or "no label", "feedback with this label", number, old
    for reason, number in stats.now.reasons.items():
        yield reason_words(reason), "missed for this reason", number, None
    if stats.by:
        for group, figures in stats.groups.items():
            for figure, value in _figures(figures).items():
                yield f"{stats.by}: {group_name(group, stats.by)}", figure, value, None


def _totals(summary: Summary) -> dict[str, float | None]:
    given = {
        f"feedback, {said}": summary.sentiments.get(each, 0) for each, said in SENTIMENTS.items()
    }
    return {**_figures(summary.figures), "all feedback": summary.feedback, **given}


def _figures(figures: Figures) -> dict[str, float | None]:
    return {
        "contact requests": figures.requests,
        "settled": figures.settled,
        "contacted on time": figures.on_time,
        "contacted on time, %": None if figures.share is None else figures.share * 100,
        "business hours until claimed, median": figures.to_claim.median,
        "business hours until claimed, 90th percentile": figures.to_claim.high,
        "business hours until contacted, median": figures.to_contact.median,
        "business hours until contacted, 90th percentile": figures.to_contact.high,
        "open": figures.open,
        "overdue": figures.overdue,
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
