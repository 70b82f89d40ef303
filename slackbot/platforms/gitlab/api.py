"""GitLab by python-gitlab, which is synchronous, in a pool of threads."""

import asyncio
import contextvars
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, TypeVar

import gitlab
import requests
from gitlab.exceptions import GitlabError

from slackbot import __version__
from slackbot.platforms.calls import calling, kind_of_request
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
from slackbot.platforms.network import Adapter, read_environment
from slackbot.platforms.pace import Allowance, Allowances, Paces, TooBusy, seconds_asked
from slackbot.rules.reading.characters import whole

T = TypeVar("T")

TIMEOUT_SECONDS = 10
THREADS = 8
"""As many as four issues need whose history is read at the same time."""
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
_ABOUT_THE_CHANGE = frozenset({400, 422})
_REFUSALS = _ABOUT_THE_CHANGE | {401, 403, 404, 405, 412}
"""All other errors pass: locks, timeouts, what a proxy or a firewall says of itself."""
_ENDED = {"expired": "has expired", "revoked": "was revoked"}
"""By a word of what GitLab says of a token.

https://gitlab.com/gitlab-org/gitlab/-/blob/master/lib/api/api_guard.rb
"""
_IN_WORDS = re.compile(
    r"Couldn't link \w|No matching [\w ]+ found\b|\S+ cannot be added: "
    r"|Non GET methods are not allowed for moved projects|Invalid url given"
)
"""What GitLab refuses without a number.

https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/services/issuable_links/create_service.rb
https://gitlab.com/gitlab-org/gitlab/-/blob/master/lib/api/helpers.rb
"""
_HOOK_TEST = re.compile(r"/hooks/\d+/test/")
"""It refuses in the words of whoever was to get the test."""
_OAUTH = re.compile(r"/oauth/\w+$")
_ABOUT_A_PARAMETER = re.compile(
    r"[a-z_]+(\[\w*\])*(, [a-z_]+(\[\w*\])*)* "
    r"((is|are) (missing|invalid|empty)|does not have a valid value)\b"
)


class _TimedOut(Unreachable):
    """After a change, GitLab may still be at it."""


class GitLabApi:
    """A client per thread; raises only ``PlatformError``s."""

    def __init__(self, url: str, token: str, paces: Allowances = PACES) -> None:
        self._url = url
        self._credentials: dict[str, Any] = {"private_token": token}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gitlab")
        self._local, self._adapter = threading.local(), Adapter(pool_maxsize=THREADS)
        self.paces = Paces(paces)

    def _share(self, other: "GitLabApi", credentials: dict[str, Any]) -> None:
        """Ask with other credentials over the threads and connections of another one."""
        self._url, self._credentials = other._url, credentials
        self._threads, self._adapter = other._threads, other._adapter
        self._local, self.paces = threading.local(), other.paces

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
            # With the context: lines and spans of a thread are about the same issue.
            run = contextvars.copy_context().run
            return await loop.run_in_executor(self._threads, run, self._use, use)
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
        session = _Session()
        # The token goes nowhere else, whatever a redirect or a next page says.
        session.adapters.clear()
        session.mount(f"{self._url}/", self._adapter)
        trusted = read_environment(session, self._url)
        session.hooks["response"] += [_read_whole, _judge]
        return gitlab.Gitlab(
            self._url,
            **self._credentials,
            ssl_verify=trusted,
            timeout=TIMEOUT_SECONDS,
            keep_base_url=True,
            user_agent=f"ssat-bot/{__version__}",
            retry_transient_errors=False,  # it would post comments twice
            session=session,
        )

    def _use(self, use: Callable[[gitlab.Gitlab], T]) -> T:
        if not hasattr(self._local, "client"):
            self._local.client = self.new_client()
        try:
            return use(self._local.client)
        except (GitlabError, requests.RequestException) as error:
            raise _by_remedy(self._url, error) from error


class _Session(requests.Session):
    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        with calling(Platform.GITLAB, kind_of_request(request.method, request.path_url)):
            try:
                return super().send(request, **options)
            except requests.RequestException as error:
                raise _by_remedy(request.url or "", error) from error


def _read_whole(response: requests.Response, *_: Any, **__: Any) -> None:
    """Let ``json()`` have nothing that cannot be kept; python-gitlab reads no other way."""
    read = response.json
    setattr(response, "json", lambda **options: whole(read(**options)))  # noqa: B010


def _judge(response: requests.Response, *_: Any, **__: Any) -> None:
    """Raise for every answer but the wanted one, here where its headers and body are at hand."""
    status = response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        # python-gitlab would sleep in the thread, and others wait.
        told, date = (response.headers.get(name) for name in ("Retry-After", "Date"))
        raise Throttled(Platform.GITLAB, seconds_asked(told, date, DEFAULT_RETRY_AFTER))
    if response.ok and (status >= 300 or _is_json(response)):
        return  # what it redirects to is judged next
    reason = None if response.ok else _refusal(response)
    if reason is None:
        raise Unreachable(Platform.GITLAB, f"GitLab is failing ({status})", status)
    raise _refused(status, reason)


def _refusal(response: requests.Response) -> str | None:
    """Return why GitLab's API refuses this very request; ``None`` if the answer does not say that.

    In maintenance mode GitLab answers 403 with JSON in the words of an administrator, and proxies
    and firewalls answer with pages or JSON of their own. But what the API itself refuses to anybody
    begins with its status, is OAuth's form, has words of its own, or names what it has against the
    change (GitLab's ``lib/api/helpers.rb``).
    """
    status = response.status_code
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:  # whoever says so: it gets no smaller
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE.phrase
    if status not in _REFUSALS or not _is_json(response):
        return None
    try:
        body = response.json()
    except requests.JSONDecodeError:
        return None
    if not isinstance(body, dict) or not (said := body.get("message") or body.get("error")):
        return None
    is_of_oauth = bool(_OAUTH.search(response.url))  # programs go by its word
    if status == HTTPStatus.UNAUTHORIZED and not is_of_oauth:
        said = body.get("error_description") or said
    is_own = str(said).startswith(f"{status} ") or "error_description" in body
    is_own = is_own or bool(_IN_WORDS.match(str(said)))
    is_own = is_own or (status in _ABOUT_THE_CHANGE and bool(_HOOK_TEST.search(response.url)))
    if not is_own and not (status in _ABOUT_THE_CHANGE and _names_it(body)):
        return None
    return str(said if is_of_oauth else body.get("error_description") or said)


def _names_it(body: dict[str, Any]) -> bool:
    """Return whether GitLab names fields of a record, or parameters of the request."""
    if isinstance(body.get("message"), dict | list):
        return True
    return bool(_ABOUT_A_PARAMETER.match(str(body.get("error"))))


def _is_json(response: requests.Response) -> bool:
    return "json" in response.headers.get("Content-Type", "")


def _refused(status: int, reason: str) -> PlatformError:
    if status == HTTPStatus.UNAUTHORIZED:
        why = next((words for word, words in _ENDED.items() if word in reason), "is not valid")
        remedy = f"GITLAB_TOKEN {why}: create another for the bot's account, and set it"
        return Denied(Platform.GITLAB, str(status), remedy)
    kind = Missing if status == HTTPStatus.NOT_FOUND else Rejected
    return kind(Platform.GITLAB, str(status), reason[:REASON_LIMIT])


def _by_remedy(url: str, error: GitlabError | requests.RequestException) -> PlatformError:
    match error:
        case requests.exceptions.InvalidSchema():
            return Unreachable(Platform.GITLAB, "GitLab redirects elsewhere: is GITLAB_URL right?")
        case requests.Timeout():
            return _TimedOut(Platform.GITLAB, "GitLab did not answer in time")
        case GitlabError():  # a redirect of a change, or no JSON after all
            return Unreachable(Platform.GITLAB, f"GitLab is failing ({type(error).__name__})")
        case _:
            return no_answer(Platform.GITLAB, url, error)
