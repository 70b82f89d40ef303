"""Each call to a platform: counted, timed, traced."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator

import structlog

from slackbot import metrics, tracing
from slackbot.platforms.errors import PlatformError

log = structlog.get_logger()

ANSWERED = "ok"
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_PLACE = {
    "all", "discussions", "events", "groups", "hooks", "issues", "issues_events", "labels", "links",
    "members", "notes", "personal_access_tokens", "projects", "resource_label_events",
    "resource_state_events", "self", "templates", "test", "user", "users",
}  # fmt: skip
"""What a kind of request is called by; all else in a path is an id, or a name."""
_OAUTH = re.compile(r"/oauth/(authorize_device|token|revoke)$")
"""These stand beside the API, and have no ids."""


def outcome_of(error: BaseException) -> str:
    """Return the word for a class of errors, such as ``throttled``."""
    if isinstance(error, PlatformError):
        return _WORD.sub("_", type(error).__name__.lstrip("_")).lower()
    return "no_answer"


@contextlib.contextmanager
def calling(
    platform: str, method: str, outcome: Callable[[BaseException], str] = outcome_of
) -> Iterator[None]:
    """Watch a call; ``method`` is one of few, and has no id."""
    started, came = time.monotonic(), ANSWERED
    with tracing.span(f"{platform} {method}", "CLIENT", platform=platform, method=method) as span:
        try:
            yield
        except BaseException as error:
            came = outcome(error)
            raise
        finally:
            seconds = time.monotonic() - started
            metrics.CALLS.labels(platform, method, came).inc()
            metrics.CALL_SECONDS.labels(platform, method).observe(seconds)
            span.note(outcome=came)
            log.debug(
                "called",
                platform=platform,
                method=method,
                outcome=came,
                milliseconds=round(seconds * 1000, 1),
            )


def kind_of_request(method: str | None, path: str) -> str:
    """Name a request to GitLab's API without its ids: ``GET /projects/:id/issues``."""
    before, _, place = path.partition("?")[0].rpartition("/api/v4/")
    if not before and (found := _OAUTH.search(place)):
        return f"{method} {found[0]}"
    named = (each if each in _PLACE else ":id" for each in place.strip("/").split("/"))
    return f"{method} /{'/'.join(named)}"
