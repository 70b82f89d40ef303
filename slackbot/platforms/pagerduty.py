"""PagerDuty, read only; slow to import, so do it only if configured."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NoReturn

import httpx2
from pagerduty import Error, HttpError, RestApiV2Client

from slackbot.platforms.calls import calling
from slackbot.platforms.network import distrust, distrust_words, no_answer_words
from slackbot.platforms.pace import seconds_asked
from slackbot.rules.timing.rota import (
    NoAnswer,
    OnCall,
    Rota,
    read_schedule,
    read_shifts,
    rota_at,
)
from slackbot.rules.timing.shifts import AHEAD, Schedule, Shift, in_order

NAME = "pagerduty"
TIMEOUT_SECONDS = 10
DEFAULT_RETRY_AFTER = 60.0

_Reading = tuple[Schedule, tuple[Shift[OnCall], ...]]


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


def _outcome_of(error: BaseException) -> str:
    match error:
        case NoAnswer():
            return "throttled"
        case HttpError():
            status = getattr(error.response, "status_code", 0)
            return {401: "denied", 403: "denied", 404: "missing"}.get(status, "unreachable")
        case _:
            return "unreachable"


def _raise_when_throttled(response: httpx2.Response) -> None:
    # The client would try again forever, whatever `retry` says.
    if response.status_code != httpx2.codes.TOO_MANY_REQUESTS:
        return
    told = response.headers.get("ratelimit-reset") or response.headers.get("Retry-After")
    seconds = seconds_asked(told, response.headers.get("Date"), DEFAULT_RETRY_AFTER)
    raise NoAnswer("PagerDuty limits requests (429)", seconds)


class PagerDuty:
    """Of several schedules, the first one serves that names somebody.

    ``setting`` is where they are set.
    """

    source = "PagerDuty"

    def __init__(
        self,
        token: str,
        schedules: Sequence[str],
        url: str,
        setting: str = "PAGERDUTY_SCHEDULE",
    ) -> None:
        self._token, self._schedules, self._url = token, schedules, url
        self._setting = setting
        self._asking = threading.Lock()
        self._last: dict[str, _Reading] = {}

    async def read(self, now: datetime) -> Rota:
        """Return who is on call, and who will be; name the schedules that cannot be read.

        Raises:
            NoAnswer: No schedule can be read; the message never has the token.
        """
        return await asyncio.to_thread(self._read, now.replace(microsecond=0))

    def _read(self, now: datetime) -> Rota:
        with self._asking, self._new_client() as client:
            found = [self._read_or_explain(client, each, now) for each in self._schedules]
        problems = [problem for _, problem in found if problem]
        if len(problems) == len(found):
            raise _summary(problems)
        return rota_at(
            in_order([shifts for (_, shifts), _ in found]),
            now,
            known_until=now + AHEAD,
            schedules=tuple(schedule for (schedule, _), _ in found),
        )

    def _read_or_explain(
        self, client: RestApiV2Client, schedule: str, now: datetime
    ) -> tuple[_Reading, NoAnswer | None]:
        """Return what was last read of a schedule that fails for a moment: duty goes on by it."""
        try:
            self._last[schedule] = self._ask(client, schedule, now)
        except NoAnswer as error:
            if error.retry_after is not None:
                raise
            if error.needs_administrator:
                self._last.pop(schedule, None)
            known, shifts = self._last.get(schedule, (Schedule(name=schedule), ()))
            return (replace(known, problem=str(error)), shifts), error
        return self._last[schedule], None

    def _ask(self, client: RestApiV2Client, schedule: str, now: datetime) -> _Reading:
        path = f"/schedules/{schedule}"
        period = {"since": now.isoformat(), "until": (now + AHEAD).isoformat()}
        try:
            with calling(NAME, "schedule", _outcome_of):
                found = client.rget(path, params=period)
            with calling(NAME, "schedule users", _outcome_of):
                users = client.rget(f"{path}/users", params=period)
            return read_schedule(found), read_shifts(found, users)
        except HttpError as error:
            self._explain(getattr(error.response, "status_code", 0), schedule)
        except Error as error:
            if distrusted := distrust(error):
                words = distrust_words("PagerDuty", distrusted)
                raise NoAnswer(words, needs_administrator=True) from error
            raise NoAnswer(no_answer_words("PagerDuty", self._url, error)) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise NoAnswer("PagerDuty gave an answer that cannot be read") from error

    def _explain(self, status: int, schedule: str) -> NoReturn:
        # Not in the client's own words: they contain the end of the token.
        match status:
            case 401 | 403:
                problem = (
                    f"PagerDuty does not accept PAGERDUTY_API_TOKEN ({status}): create a "
                    "read-only REST API key and set it"
                )
            case 404:
                problem = (
                    f"PagerDuty has no schedule {schedule}: set {self._setting} to the "
                    "id in the schedule's address"
                )
            case _:
                raise NoAnswer(f"PagerDuty is failing ({status})") from None
        raise NoAnswer(problem, needs_administrator=True) from None

    def _new_client(self) -> Any:
        hooks = {"response": [_raise_when_throttled]}
        return _Client(self._token, base_url=self._url, event_hooks=hooks)


def _summary(problems: Sequence[NoAnswer]) -> NoAnswer:
    said = "; ".join(dict.fromkeys(map(str, problems)))
    is_for_administrator = all(each.needs_administrator for each in problems)
    return NoAnswer(said, needs_administrator=is_for_administrator)
