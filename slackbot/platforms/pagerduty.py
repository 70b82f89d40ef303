"""PagerDuty, read only; slow to import, so do it only if configured."""

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar

import httpx2
from pagerduty import Error, HttpError, RestApiV2Client

from slackbot.platforms.network import distrust, distrust_words
from slackbot.platforms.pace import seconds_asked
from slackbot.rules.rota import NoAnswer, Rota, read_entries, read_user

T = TypeVar("T")

TIMEOUT_SECONDS = 10
DEFAULT_RETRY_AFTER = 60.0
GLANCE = timedelta(minutes=1)
"""The period to ask about for who is on duty now."""


class _Client(RestApiV2Client):
    """Never waits by itself: that would hold its thread."""

    timeout = TIMEOUT_SECONDS  # type: ignore[assignment]  # as the official one has it
    max_network_attempts = 0

    @property
    def url(self) -> str:
        """The official setter takes no plain HTTP, which the stand-in speaks."""
        return self._base

    @url.setter
    def url(self, base: str) -> None:
        self._base = base


def _raise_when_throttled(response: httpx2.Response) -> None:
    # The client would try again forever, whatever `retry` says.
    if response.status_code != httpx2.codes.TOO_MANY_REQUESTS:
        return
    told = response.headers.get("ratelimit-reset") or response.headers.get("Retry-After")
    seconds = seconds_asked(told, response.headers.get("Date"), DEFAULT_RETRY_AFTER)
    raise NoAnswer("PagerDuty limits requests (429)", seconds)


class PagerDuty:
    source = "PagerDuty"

    def __init__(self, token: str, schedule: str, url: str) -> None:
        self._token, self._schedule, self._url = token, schedule, url
        self._asking = threading.Lock()

    async def read(self, now: datetime) -> Rota:
        """Return who is on call.

        Raises:
            NoAnswer: PagerDuty does not say; the message never has the token.
        """
        return await asyncio.to_thread(self._ask, lambda client: self._read(client, now))

    def _read(self, client: RestApiV2Client, now: datetime) -> Rota:
        found = client.list_all(
            "/oncalls",
            params={
                "schedule_ids[]": [self._schedule],
                "include[]": ["users"],
                "earliest": "true",
            },
        )
        return read_entries(found) if found else self._without_policy(client, now)

    def _without_policy(self, client: RestApiV2Client, now: datetime) -> Rota:
        """Ask the schedule: on-calls are listed only if a policy uses it."""
        users = client.rget(
            f"/schedules/{self._schedule}/users",
            params={"since": now.isoformat(), "until": (now + GLANCE).isoformat()},
        )
        return Rota(people=tuple(read_user(user) for user in users))

    def _ask(self, use: Callable[[RestApiV2Client], T]) -> T:
        with self._asking, self._new_client() as client:
            try:
                return use(client)
            except HttpError as error:
                self._explain(getattr(error.response, "status_code", 0))
            except Error as error:
                distrusted = distrust(error)
                words = distrust_words("PagerDuty", distrusted) if distrusted else None
                problem = words or "PagerDuty cannot be reached"
                raise NoAnswer(problem, needs_administrator=words is not None) from error
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise NoAnswer("PagerDuty gave an answer that cannot be read") from error

    def _explain(self, status: int) -> NoReturn:
        # Not in the client's own words: they contain the end of the token.
        match status:
            case 401 | 403:
                problem = (
                    f"PagerDuty does not accept PAGERDUTY_API_TOKEN ({status}): create a "
                    "read-only REST API key and set it"
                )
            case 404:
                problem = (
                    f"PagerDuty has no schedule {self._schedule}: set PAGERDUTY_SCHEDULE to the "
                    "id in the schedule's address"
                )
            case _:
                raise NoAnswer(f"PagerDuty is failing ({status})") from None
        raise NoAnswer(problem, needs_administrator=True) from None

    def _new_client(self) -> Any:
        hooks = {"response": [_raise_when_throttled]}
        return _Client(self._token, base_url=self._url, event_hooks=hooks)
