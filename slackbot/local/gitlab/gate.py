"""What every request to the API passes: the record, faults, authentication and rate limits."""

import json
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

from aiohttp import web

from slackbot.local.gitlab.faults import BAD_GATEWAY, Fault
from slackbot.local.gitlab.model import Request, Token, User
from slackbot.local.traffic import Begun

if TYPE_CHECKING:
    from slackbot.local.gitlab.instance import GitLab

TOKEN = web.RequestKey("token", Token)
BODY = web.RequestKey("body", dict[str, Any])
PROBLEM = web.RequestKey("problem", str)
"""What the bot did wrong, in words."""
IS_ORDERED = web.RequestKey("is_ordered", bool)
"""Whether a fault answered in the place of GitLab."""

WINDOW_SECONDS = 60.0
_MISTAKES = frozenset({400, 401, 403, 405, 422, 429})
"""What GitLab answers where the bot has no right to ask, or asks in the wrong way."""

_REVOKED = "Token was revoked. You have to re-authorize from the user."
_EXPIRED = "Token is expired. You can either do re-authorization or token refresh."
"""GitLab's lib/api/api_guard.rb."""
_ANSWERS = frozenset({"authorization_pending", "access_denied", "expired_token", "invalid_grant"})
"""OAuth's words for what people have done, or not yet."""
_SECRETS = frozenset({"access_token", "client_secret", "device_code", "refresh_token", "token"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(Exception):
    """A request is answered with an error."""

    def __init__(
        self,
        status: int,
        payload: dict[str, Any] | str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, payload)
        self.status = status
        self.payload = payload
        self.headers = headers

    def answer(self) -> web.Response:
        """Return the response that says so: JSON, or a plain text."""
        if isinstance(self.payload, str):
            return web.Response(status=self.status, text=self.payload, headers=self.headers)
        return web.json_response(self.payload, status=self.status, headers=self.headers)


class RateLimit:
    """Counts one kind of request per user in a sliding minute."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: dict[User, deque[float]] = {}

    def forget(self) -> None:
        """Forget what was counted."""
        self._seen.clear()

    def count(self, user: User, limit: int) -> None:
        """Count one request.

        Raises:
            Refused: with 429, a plain text and the seconds to wait, when it is one too many.
        """
        now = self._monotonic()
        seen = self._seen.setdefault(user, deque())
        while seen and seen[0] <= now - WINDOW_SECONDS:
            seen.popleft()
        if len(seen) >= limit:
            oldest = seen[0] if seen else now
            wait = max(1, math.ceil(oldest + WINDOW_SECONDS - now))
            raise Refused(429, "Retry later\n", {"Retry-After": str(wait)})
        seen.append(now)


class Gate:
    """The aiohttp middleware in front of the API, or, if `is_open`, of what needs no token."""

    def __init__(self, gitlab: "GitLab", *, is_open: bool = False) -> None:
        self._gitlab = gitlab
        self._is_open = is_open
        # A test may exchange the instance's clock after the gate was built.
        self._requests = RateLimit(lambda: gitlab.monotonic())
        gitlab.on_reset.append(self._requests.forget)

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through to its handler, and write down what became of it."""
        begun = self._gitlab.traffic.begin() if self._gitlab.traffic else None
        body = await _body(request)
        request[BODY] = body if isinstance(body, dict) else {}
        record = Request(
            at=self._gitlab.clock(),
            method=request.method,
            path=request.rel_url.raw_path,
            query={name: request.query.getall(name) for name in request.query},
            body=_without_secrets(body),
        )
        self._gitlab.requests.append(record)
        self._gitlab.note_change()
        try:
            with self._gitlab.crowds.one_more(f"{record.method} {record.path}"):
                response = await self._answer(request, handler, record)
            if begun is not None:
                self._show(begun, request, record, response)
            return response
        finally:
            self._gitlab.note_change()

    def _show(
        self, begun: Begun, request: web.Request, record: Request, response: web.StreamResponse
    ) -> None:
        if self._gitlab.traffic is None:
            return
        query = {name: each[0] if len(each) == 1 else each for name, each in record.query.items()}
        self._gitlab.traffic.add(
            begun,
            sender="bot",
            receiver="GitLab",
            title=f"{record.method} {record.path.removeprefix('/api/v4')}",
            status=record.status,
            ok=record.status is not None and record.status < 400,
            request=query if record.body is None else record.body,
            response=_without_secrets(_written(response))
            if record.status is not None
            else "The connection was lost without an answer.",
            problem=request.get(PROBLEM),
            is_ordered=request.get(IS_ORDERED, False),
        )

    async def _answer(
        self, request: web.Request, handler: Handler, record: Request
    ) -> web.StreamResponse:
        faults = self._gitlab.faults
        if faults.down:
            record.status, request[IS_ORDERED] = 502, True
            return web.Response(status=502, text=BAD_GATEWAY, content_type="text/html")
        fault = faults.take(request.method, record.path, "before")
        answer = await self._strike(fault, request, record) if fault else None
        if answer is not None:
            return answer
        response = await self._handle(request, handler, record)
        record.done_at = self._gitlab.clock()
        fault = faults.take(request.method, record.path, "after")
        struck = await self._strike(fault, request, record) if fault else None
        if struck is not None:
            return struck
        record.status = response.status
        return response

    async def _strike(
        self, fault: Fault, request: web.Request, record: Request
    ) -> web.StreamResponse | None:
        """Return the fault's answer; None when it only made the request wait."""
        if fault.hang is not None:
            await self._gitlab.faults.hang(fault.hang)
        if fault.drop or fault.status is not None:
            request[IS_ORDERED] = True
        if fault.drop:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()  # goes nowhere
        if fault.status is None:
            return None
        record.status = fault.status
        headers = {"Content-Type": "text/html"} | fault.headers
        return web.Response(status=fault.status, body=fault.body.encode(), headers=headers)

    async def _handle(
        self, request: web.Request, handler: Handler, record: Request
    ) -> web.StreamResponse:
        so_far = len(self._gitlab.violations)
        response = await self._handled(request, handler, record)
        if problems := self._gitlab.violations[so_far:]:
            request[PROBLEM] = " · ".join(problems)
        elif response.status in _MISTAKES and (words := _words(_written(response))) not in _ANSWERS:
            request[PROBLEM] = f"{response.status}: {words}"
        return response

    async def _handled(
        self, request: web.Request, handler: Handler, record: Request
    ) -> web.StreamResponse:
        try:
            if self._is_open:
                return await handler(request)
            token = self._authenticate(request)
            record.username = token.user.username
            self._requests.count(token.user, self._gitlab.requests_per_minute)
            _check_scope(request, token)
            request[TOKEN] = token
            return await handler(request)
        except Refused as refused:
            return refused.answer()
        except web.HTTPNotFound:
            return web.json_response({"error": "404 Not Found"}, status=404)
        except web.HTTPMethodNotAllowed:
            return web.json_response({"error": "405 Not Allowed"}, status=405)

    def _authenticate(self, request: web.Request) -> Token:
        secret = request.headers.get("PRIVATE-TOKEN")
        if secret is None:
            scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
            secret = credentials if scheme.lower() == "bearer" else None
        token = next((t for t in self._gitlab.tokens if t.secret == secret), None)
        if token is None:
            raise Refused(401, {"message": "401 Unauthorized"})
        if not self.is_active(token):
            state = _REVOKED if token.revoked else _EXPIRED
            raise Refused(401, {"error": "invalid_token", "error_description": state})
        return token

    def is_active(self, token: Token) -> bool:
        """Whether a token still works; it expires when its day begins in UTC."""
        now = self._gitlab.clock().astimezone(UTC)
        is_late = token.expires_at is not None and now.date() >= token.expires_at
        return not (
            token.revoked or is_late or (token.ends_at is not None and now >= token.ends_at)
        )


def _written(response: web.StreamResponse) -> Any:
    """Return the body of an answer: JSON, or text."""
    text = response.text if isinstance(response, web.Response) else None
    if response.content_type == "application/json" and text:
        return json.loads(text)
    return text or ""


def _without_secrets(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    return {name: "[hidden]" if name in _SECRETS else each for name, each in body.items()}


def _words(body: Any) -> str:
    if isinstance(body, dict):
        return str(body.get("message") or body.get("error") or body)
    return str(body).strip()


def _check_scope(request: web.Request, token: Token) -> None:
    enough = {"api", "granular"}  # what its permissions leave out is not looked at
    if request.method in ("GET", "HEAD"):
        enough |= {"read_api"}
    if request.path.startswith(("/api/v4/user", "/api/v4/version")):
        enough |= {"read_user"}
    if request.path.endswith("/personal_access_tokens/self") or enough & set(token.scopes):
        return
    reason = "The request requires higher privileges than provided by the access token."
    payload = {"error": "insufficient_scope", "error_description": reason, "scope": "api"}
    raise Refused(403, payload)


async def _body(request: web.Request) -> object:
    """Return the body as JSON or as a form, whose names in `[]` are lists."""
    if not request.can_read_body:
        return None
    if request.content_type == "application/json":
        text = await request.text()
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    form = await request.post()
    return {
        name.removesuffix("[]"): [str(value) for value in form.getall(name)]
        if name.endswith("[]")
        else str(form[name])
        for name in form
    }
