"""Logs: a line an event, JSON unless on a terminal; never a secret."""

import contextvars
import json
import logging
import math
import socket
import ssl
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, TypeVar, cast
from urllib.parse import quote

import structlog

log = structlog.get_logger()

T = TypeVar("T")

HIDDEN = "[hidden]"
SHORTEST_HIDDEN = 6
"""A shorter secret is part of words: it is hidden in addresses only, the one place that has it."""
TOLD_EVERY_SECONDS = 60.0
OWN = "slackbot"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    AUTO = "auto"
    JSON = "json"
    TEXT = "text"

    @property
    def watched(self) -> bool | None:
        return None if self is LogFormat.AUTO else self is LogFormat.TEXT


def configure_logs(
    secrets: Iterable[str],
    *,
    watched: bool | None = None,
    level: LogLevel = LogLevel.INFO,
) -> None:
    """Hide ``secrets`` in all that the process prints.

    ``watched`` writes for people to read; ``None``: if they watch a terminal.
    """
    has_colors = sys.stderr.isatty()
    hide = _hider(secrets)
    # Below all that prints: log, warnings, uncaught exceptions.
    sys.stdout, sys.stderr = _hiding(sys.stdout, hide), _hiding(sys.stderr, hide)
    for_people = has_colors if watched is None else watched
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _spare_traceback,
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
    number = logging.getLevelNamesMapping()[level.name]
    # At lower levels libraries write whole requests, with people's text.
    logging.basicConfig(handlers=[handler], level=max(number, logging.INFO), force=True)
    logging.getLogger(OWN).setLevel(number)
    web, record = ("aiohttp.access", "httpx2", "urllib3"), ("alembic", "sqlalchemy")
    for library in (*web, *record, "pagerduty", "slack_bolt", "slack_sdk"):
        logging.getLogger(library).setLevel(max(number, logging.WARNING))
    logging.getLogger("slack_bolt.AsyncApp").addFilter(_is_for_us)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(number),
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )

    sys.excepthook = _log_crash
    threading.excepthook = _log_crash_of_thread  # asyncio logs its own


def _is_for_us(record: logging.LogRecord) -> bool:
    """Leave out what Bolt finds at each start: it gets no token on purpose."""
    return "`token` will be unused" not in record.getMessage()


def is_of_network(error: BaseException | None) -> bool:
    """Return whether a platform or the record did not answer: no fault of the bot's own."""
    if isinstance(error, ConnectionError | TimeoutError | socket.gaierror | ssl.SSLError):
        return True
    # By name: not every process imports all of these libraries.
    names = ((each.__module__.partition(".")[0], each.__name__) for each in type(error).__mro__)
    return any(".".join(each) in _OF_NETWORK for each in names)


_OF_NETWORK = {
    "aiohttp.ClientError",
    "httpx2.TransportError",
    "psycopg.OperationalError",
    "requests.ConnectionError",
    "requests.Timeout",
    "slackbot.PlatformError",
    "slackbot.RecordAway",
}


def words_of(error: BaseException) -> str:
    """Return what may be logged: a library's words may quote an address with a token."""
    is_ours = type(error).__module__.startswith(OWN)
    return (is_ours and str(error)) or type(error).__name__


def _spare_traceback(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Say in a few words that the network is gone, and where that was noticed."""
    found = line.get("exc_info")
    if found is True:
        found = sys.exc_info()
    error = found if isinstance(found, BaseException) else found[1] if found else None
    if error is not None and is_of_network(error):
        del line["exc_info"]
        line["problem"] = words_of(error)
        line["where"] = _last_place(error.__traceback__)
    return line


def _last_place(traceback: TracebackType | None) -> str | None:
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return None
    return f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"


async def about_issue(key: object, work: Awaitable[T]) -> T:
    """Have each line of ``work`` name the issue, where no job does."""
    with structlog.contextvars.bound_contextvars(issue=str(key)):
        return await work


class OutageLog:
    """What fails again and again: a line at once, then one a minute with the count, one at the end.

    What comes and goes within a minute is not told each time.
    """

    def __init__(self, event: str, end: str, *, level: str = "error", **about: object) -> None:
        self._event, self._end = event, end
        self._level, self._about = level, about
        self._told_at, self._untold = -math.inf, 0
        self._since: float | None = None
        self._times, self._is_told = 0, False

    @property
    def is_on(self) -> bool:
        return self._since is not None

    def meet(self, problem: str, **details: object) -> bool:
        """Return whether it was logged; ``details`` are those of this time."""
        now = time.monotonic()
        if self._since is None:
            self._since, self._times = now, 0
        self._times += 1
        self._untold += 1
        if now - self._told_at < TOLD_EVERY_SECONDS:
            return False
        fields = self._about | details | {"problem": problem, "times": self._untold}
        _apart(getattr(log, self._level), self._event, **fields)
        self._told_at, self._untold, self._is_told = now, 0, True
        return True

    def end(self) -> None:
        since, self._since = self._since, None
        if since is not None and self._is_told:
            seconds = round(time.monotonic() - since, 1)
            _apart(log.info, self._end, **self._about, seconds=seconds, times=self._times)
        self._is_told = False


def _apart(say: Callable[..., object], event: str, **fields: object) -> None:
    """Say it without the issue at which it was met."""
    contextvars.Context().run(say, event, **fields)


def _log_crash(*error: Any) -> None:
    structlog.get_logger(__name__).critical("crashed", exc_info=error)


def _log_crash_of_thread(arguments: threading.ExceptHookArgs) -> None:
    error = (arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
    structlog.get_logger(__name__).error("thread_crashed", exc_info=error)


def _hider(secrets: Iterable[str]) -> Callable[[str], str]:
    found = {
        place.format(way): place.format(HIDDEN)
        for secret in secrets
        for place in (("{}",) if len(secret) >= SHORTEST_HIDDEN else _IN_ADDRESSES)
        for way in _spellings(secret)
        if secret
    }
    # Longest first: one may be part of another.
    hidden = sorted(found.items(), key=lambda each: len(each[0]), reverse=True)

    def hide(text: str) -> str:
        for way, instead in hidden:
            text = text.replace(way, instead)
        return text

    return hide


_IN_ADDRESSES = (":{}@", "password={}")


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
