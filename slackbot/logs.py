"""Logs for an administrator: a line an event, JSON unless somebody watches; never a secret."""

import json
import logging
import sys
from collections.abc import Iterable
from typing import Any

import structlog

HIDDEN = "[hidden]"


def configure_logs(secrets: Iterable[str], *, watched: bool | None = None) -> None:
    """Set logging up for the whole process.

    Args:
        secrets: Values that never may appear in a line, whatever a library puts into a message.
        watched: Write for a terminal; by default when standard error is one.
    """
    to_terminal = sys.stderr.isatty() if watched is None else watched
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last = (
        structlog.dev.ConsoleRenderer(colors=True)
        if to_terminal
        else structlog.processors.JSONRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            last,
            _hider(secrets),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # These write whole requests, with people's text in them, at lower levels.
    for library in (
        "slack_bolt",
        "slack_sdk",
        "urllib3",
        "aiohttp.access",
        "httpx2",
        "pagerduty",
        "alembic",
        "sqlalchemy",
    ):
        logging.getLogger(library).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _hider(secrets: Iterable[str]) -> Any:
    """Return a processor that works on the finished line, so that no value escapes it."""
    plain = [secret for secret in secrets if secret]
    # A line of JSON spells some characters differently.
    spelled = dict.fromkeys((*plain, *(json.dumps(secret)[1:-1] for secret in plain)))

    def hide(_logger: Any, _method: str, line: str) -> str:
        for secret in spelled:
            line = line.replace(secret, HIDDEN)
        return line

    return hide
