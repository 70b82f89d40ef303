"""Logs: a line an event, JSON unless on a terminal; never a secret."""

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, TextIO, cast
from urllib.parse import quote

import structlog

HIDDEN = "[hidden]"


def configure_logs(secrets: Iterable[str], *, watched: bool | None = None) -> None:
    """Hide ``secrets`` in all that the process prints; ``watched`` writes for people to read."""
    has_colors = sys.stderr.isatty()
    hide = _hider(secrets)
    # Below all that prints: log, warnings, uncaught exceptions.
    sys.stdout, sys.stderr = _hiding(sys.stdout, hide), _hiding(sys.stderr, hide)
    for_people = has_colors if watched is None else watched
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last = (
        structlog.dev.ConsoleRenderer(colors=has_colors)
        if for_people
        else structlog.processors.JSONRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            last,
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # At lower levels these write whole requests, with people's text.
    web, record = ("aiohttp.access", "httpx2", "urllib3"), ("alembic", "sqlalchemy")
    for library in (*web, *record, "pagerduty", "slack_bolt", "slack_sdk"):
        logging.getLogger(library).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )

    sys.excepthook = _log_crash
    threading.excepthook = _log_crash_of_thread  # asyncio logs its own


def _log_crash(*error: Any) -> None:
    structlog.get_logger(__name__).critical("crashed", exc_info=error)


def _log_crash_of_thread(arguments: threading.ExceptHookArgs) -> None:
    error = (arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
    structlog.get_logger(__name__).error("thread_crashed", exc_info=error)


def _hider(secrets: Iterable[str]) -> Callable[[str], str]:
    plain = [secret for secret in secrets if secret]
    # Longest first: one may be part of another.
    spelled = sorted({way for each in plain for way in _spellings(each)}, key=len, reverse=True)

    def hide(text: str) -> str:
        for secret in spelled:
            text = text.replace(secret, HIDDEN)
        return text

    return hide


def _spellings(secret: str) -> tuple[str, ...]:
    """As Python (without quotes), URLs and JSON write it."""
    written = (
        secret,
        repr(secret)[1:-1],
        ascii(secret)[1:-1],
        repr(secret.encode())[2:-1],
        quote(secret, safe=""),
    )
    return (*written, *(json.dumps(each)[1:-1] for each in written))


class _HidingStream:
    def __init__(self, stream: TextIO, hide: Callable[[str], str]) -> None:
        self._stream, self._hide = stream, hide

    def write(self, text: str) -> int:
        self._stream.write(self._hide(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _hiding(stream: TextIO, hide: Callable[[str], str]) -> TextIO:
    return cast("TextIO", _HidingStream(stream, hide))
