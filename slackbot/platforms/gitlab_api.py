"""GitLab by python-gitlab, which is synchronous, in a pool of threads."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, TypeVar

import gitlab
import requests
from gitlab.exceptions import GitlabAuthenticationError, GitlabError

from slackbot.platforms.errors import (
    Denied,
    Missing,
    Platform,
    PlatformError,
    Rejected,
    Throttled,
    Unreachable,
    Unsettled,
    no_answer,
)
from slackbot.platforms.network import Adapter
from slackbot.platforms.pace import Allowance, Allowances, Paces, TooBusy, seconds_asked
from slackbot.rules.characters import whole

T = TypeVar("T")

TIMEOUT_SECONDS = 10
THREADS = 6
DEFAULT_RETRY_AFTER = 60.0
REASON_LIMIT = 300
PATIENCE_SECONDS = 1.0
"""What needs no turn must not wait behind what does."""
CALLS, NOTES = "gitlab.calls", "gitlab.notes"
PACES: Allowances = {
    CALLS: Allowance(per_second=25, burst=400),
    NOTES: Allowance(per_second=0.8, burst=12),
}
"""gitlab.com allows a user 2,000 requests a minute, 60 of them notes.

https://docs.gitlab.com/security/rate_limits/
"""


class _TimedOut(Unreachable):
    """After a change, GitLab may still be at it."""


class GitLabApi:
    """A client per thread; raises only ``PlatformError``s."""

    def __init__(self, url: str, token: str, paces: Allowances = PACES) -> None:
        self._url, self._token = url, token
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gitlab")
        self._local = threading.local()
        self.paces = Paces(paces)

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def ask(self, use: Callable[[gitlab.Gitlab], T], kind: str = CALLS) -> T:
        """Run ``use`` in a thread, at the pace of ``kind``."""
        try:
            await self.paces.wait(kind, PATIENCE_SECONDS)
        except TooBusy as busy:
            raise Throttled(Platform.GITLAB, busy.seconds) from busy
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._use, use)
        except Throttled as error:
            await self.paces.hold(kind, error.retry_after)
            raise

    async def change(self, use: Callable[[gitlab.Gitlab], T], kind: str = CALLS) -> T:
        """Ask for a change.

        Raises:
            Unsettled: No answer in time: GitLab may still be at it.
        """
        try:
            return await self.ask(use, kind)
        except _TimedOut as error:
            raise Unsettled(Platform.GITLAB, str(error)) from error

    def new_client(self) -> gitlab.Gitlab:
        """Make one for what several threads use in turn."""
        session = requests.Session()
        # The token goes nowhere else, whatever a redirect or a next page says.
        session.adapters.clear()
        session.mount(f"{self._url}/", Adapter())
        session.hooks["response"] += [_raise_when_throttled, _read_whole]
        return gitlab.Gitlab(
            self._url,
            private_token=self._token,
            timeout=TIMEOUT_SECONDS,
            keep_base_url=True,
            retry_transient_errors=False,  # it would post comments twice
            session=session,
        )

    def _use(self, use: Callable[[gitlab.Gitlab], T]) -> T:
        if not hasattr(self._local, "client"):
            self._local.client = self.new_client()
        try:
            return use(self._local.client)
        except (GitlabError, requests.RequestException) as error:
            raise _by_remedy(error) from error


def _raise_when_throttled(response: requests.Response, *_: Any, **__: Any) -> None:
    # python-gitlab would sleep in the thread, and others wait.
    if response.status_code != requests.codes.too_many_requests:
        return
    told, date = (response.headers.get(name) for name in ("Retry-After", "Date"))
    raise Throttled(Platform.GITLAB, seconds_asked(told, date, DEFAULT_RETRY_AFTER))


def _read_whole(response: requests.Response, *_: Any, **__: Any) -> None:
    """Let ``json()`` have nothing that cannot be kept; python-gitlab reads no other way."""
    read = response.json
    setattr(response, "json", lambda **options: whole(read(**options)))  # noqa: B010


def _by_remedy(error: GitlabError | requests.RequestException) -> PlatformError:
    match error:
        case GitlabAuthenticationError():
            reason = "GITLAB_TOKEN is not valid: create a project access token and set it"
            return Denied(Platform.GITLAB, "401", reason)
        case GitlabError():
            return _by_status(error)
        case requests.exceptions.InvalidSchema():
            return Unreachable(Platform.GITLAB, "GitLab redirects elsewhere: is GITLAB_URL right?")
        case requests.Timeout():
            return _TimedOut(Platform.GITLAB, "GitLab did not answer in time")
        case _:
            return no_answer(Platform.GITLAB, error)


def _by_status(error: GitlabError) -> PlatformError:
    status = error.response_code
    if status is None or status >= 500 or status in (408, 409, 423):
        problem = f"GitLab is failing ({status or type(error).__name__})"
        return Unreachable(Platform.GITLAB, problem, status)
    kind = Missing if status == requests.codes.not_found else Rejected
    reason = str(error.error_message)
    if reason.lstrip().startswith("<"):  # a proxy's page
        reason = HTTPStatus(status).phrase
    return kind(Platform.GITLAB, str(status), reason[:REASON_LIMIT])
