"""The figures as a CSV file, one figure a line, for spreadsheets. Pure."""

import csv
import io
from collections.abc import Iterator

from slackbot.blocks.stats import SENTIMENTS, counted_labels, group_name, reason_words
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
    for group, figure, value, before in _lines(stats):
        days = stats.period.start.isoformat(), stats.period.last.isoformat()
        writer.writerow([*days, _inert(group), figure, _number(value), _number(before)])
    return written.getvalue()


def file_name(stats: Stats) -> str:
    by = f"-by-{stats.by}" if stats.by else ""
    return f"ssat-{stats.period.start}-to-{stats.period.last}{by}.csv"


def _lines(stats: Stats) -> Iterator[Line]:
    now, before = stats.now, stats.before or Summary()
    is_compared = stats.before is not None
    earlier = dict(_figures(before.figures)) if is_compared else {}
    for figure, value in _figures(now.figures):
        yield TOTAL, figure, value, earlier.get(figure)
    yield TOTAL, "all feedback", now.feedback, before.feedback if is_compared else None
    for sentiment, words in SENTIMENTS.items():
        old = before.sentiments.get(sentiment, 0) if is_compared else None
        yield TOTAL, f"feedback, {words}", now.sentiments.get(sentiment, 0), old
    for label, number, old in counted_labels(stats):
        yield label or "no label", "feedback with this label", number, old
    for reason, number in now.reasons.items():
        yield reason_words(reason), "missed for this reason", number, None
    if stats.by:
        for group, figures in stats.groups.items():
            for figure, value in _figures(figures):
                yield f"{stats.by}: {group_name(group, stats.by)}", figure, value, None


def _figures(figures: Figures) -> Iterator[tuple[str, float | None]]:
    yield "contact requests", figures.requests
    yield "settled", figures.settled
    yield "contacted on time", figures.on_time
    yield "contacted on time, %", None if figures.share is None else figures.share * 100
    yield "business hours until claimed, median", figures.to_claim.median
    yield "business hours until claimed, 90th percentile", figures.to_claim.high
    yield "business hours until contacted, median", figures.to_contact.median
    yield "business hours until contacted, 90th percentile", figures.to_contact.high
    yield "open", figures.open
    yield "overdue", figures.overdue


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
