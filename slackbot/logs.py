"""Logs for an administrator: a line an event, JSON unless somebody watches; never a secret."""

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
    hide = _hider(tuple(secret for secret in secrets if secret))
    to_terminal = sys.stderr.isatty() if watched is None else watched
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide,
    ]
    last = (
        structlog.dev.ConsoleRenderer(colors=True)
        if to_terminal
        else structlog.processors.JSONRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
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
        "alembic",
        "sqlalchemy",
    ):
        logging.getLogger(library).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _hider(secrets: tuple[str, ...]) -> Any:
    def hide(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        return {name: _clean(value, secrets) for name, value in event.items()}

    return hide


def _clean(value: Any, secrets: tuple[str, ...]) -> Any:
    if not isinstance(value, str):
        return value
    for secret in secrets:
        value = value.replace(secret, HIDDEN)
    return value
