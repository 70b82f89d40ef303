"""How a long reading goes: a bar in a terminal, else lines in the log."""

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

import structlog

log = structlog.get_logger()

BAR = 20
"""Characters."""
LOG_SECONDS, LOG_PAGES = 10.0, 50
"""Whichever comes first."""

_ERASE_LINE = "\x1b[K"


@dataclass(frozen=True, kw_only=True)
class Tally:
    pages: int = 0
    issues: int = 0
    """Includes those of an earlier attempt."""
    found: int = 0
    """New requests for contact."""
    per_second: float = 0.0
    """Issues, in this attempt."""


class Progress:
    """Tells how far a reading has come.

    Args:
        before: Issues that an earlier attempt has read.
        terminal: Where to draw a bar; ``None``: the log.
    """

    def __init__(
        self,
        *,
        before: int = 0,
        total: int | None = None,
        terminal: TextIO | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._before, self._total = before, total
        self._terminal, self._monotonic = terminal, monotonic
        self._begun = monotonic()
        self._tally = Tally()
        self._said_at, self._said_pages = self._begun, 0

    def page(self, *, issues: int, found: int) -> None:
        """Both numbers count from the beginning."""
        seconds = max(self._monotonic() - self._begun, 0.001)
        self._tally = Tally(
            pages=self._tally.pages + 1,
            issues=issues,
            found=found,
            per_second=(issues - self._before) / seconds,
        )
        if self._terminal is not None:
            # So that the log, which comes here too, writes over it.
            print(_ERASE_LINE + bar(self._tally, self._total), end="\r", file=self._terminal)
            self._terminal.flush()
        elif self._is_time():
            self._say("reading")

    def end(self) -> None:
        if self._tally.pages == 0:
            return
        if self._terminal is not None:
            print(_ERASE_LINE + bar(self._tally, self._total), file=self._terminal)
        else:
            self._say("read")

    def _is_time(self) -> bool:
        pages = self._tally.pages
        is_long_ago = self._monotonic() - self._said_at >= LOG_SECONDS
        return pages == 1 or pages - self._said_pages >= LOG_PAGES or is_long_ago

    def _say(self, event: str) -> None:
        self._said_at, self._said_pages = self._monotonic(), self._tally.pages
        log.info(
            event,
            pages=self._tally.pages,
            issues=self._tally.issues,
            of=self._total,
            requests=self._tally.found,
            per_second=round(self._tally.per_second),
        )


def watching_terminal() -> TextIO | None:
    """Return standard error if somebody watches it at level INFO."""
    is_wanted = logging.getLogger().isEnabledFor(logging.INFO)
    return sys.stderr if is_wanted and sys.stderr.isatty() else None


def bar(tally: Tally, total: int | None) -> str:
    said = (
        f"issues {tally.issues:,} · pages {tally.pages:,} · requests found {tally.found:,} · "
        f"{tally.per_second:,.0f} issues/s"
    )
    if not total:
        return f"Reading GitLab  {said}"
    # Issues opened meanwhile exceed the total.
    part = min(tally.issues / total, 1.0)
    return f"Reading GitLab  {'█' * round(part * BAR):░<{BAR}} {part:4.0%}  {said}"
