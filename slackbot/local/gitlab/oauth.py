"""OAuth as GitLab has it: the device grant, tokens that are renewed, and their end.

GitLab builds on two gems, whose rules these are:
https://github.com/doorkeeper-gem/doorkeeper,
https://github.com/exop-group/doorkeeper-device_authorization_grant.
"""

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiohttp import web

from slackbot.local.gitlab.faults import BAD_GATEWAY
from slackbot.local.gitlab.gate import BODY, Gate, Refused
from slackbot.local.gitlab.model import Token, User
from slackbot.local.gitlab.page import device_page, ended_page, html

if TYPE_CHECKING:
    from slackbot.local.gitlab.instance import GitLab

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
INTERVAL, LIFETIME = timedelta(seconds=5), timedelta(seconds=300)
TOKEN_LIFETIME = timedelta(hours=2)
SCOPES = frozenset({"api", "read_api", "read_user"})
_USER_CODE = string.ascii_uppercase + string.digits
_WORDS = {
    "invalid_client": "Client authentication failed due to unknown client, no client "
    "authentication included, or unsupported authentication method.",
    "invalid_scope": "The requested scope is invalid, unknown, or malformed.",
    "invalid_grant": "The provided authorization grant is invalid, expired, revoked, does not "
    "match the redirection URI used in the authorization request, or was issued to another client.",
    "unsupported_grant_type": "The authorization grant type is not supported.",
    "authorization_pending": "The authorization request is still pending.",
    "slow_down": "The client is polling too fast.",
    "access_denied": "The resource owner or authorization server denied the request.",
    "expired_token": "The device code has expired.",
    "unauthorized_client": "You are not authorized to revoke this token",
}


@dataclass(eq=False, kw_only=True)
class Application:
    """What an administrator or a person has registered."""

    client_id: str
    secret: str = field(repr=False)
    confidential: bool
    scopes: tuple[str, ...]
    name: str = "ssat-bot"


@dataclass(eq=False, kw_only=True)
class DeviceGrant:
    """What a person is asked to authorize."""

    application: Application
    device_code: str = field(repr=False)
    user_code: str
    scopes: tuple[str, ...]
    created_at: datetime
    polled_at: datetime | None = None
    user: User | None = None
    denied: bool = False


class OAuth:
    """The OAuth provider of one instance.

    Attributes:
        applications: what is registered
        device_grants: what people are asked to authorize, and have not yet, or not told the bot
    """

    def __init__(self, gitlab: "GitLab") -> None:
        self._gitlab = gitlab
        self.applications: list[Application] = []
        self.device_grants: list[DeviceGrant] = []
        gitlab.on_reset.append(self.device_grants.clear)

    def add_application(
        self, *, confidential: bool = False, scopes: tuple[str, ...] = ("api", "read_user")
    ) -> Application:
        """Register an application."""
        application = Application(
            client_id=secrets.token_hex(32),
            secret=f"gloas-{secrets.token_hex(32)}",
            confidential=confidential,
            scopes=scopes,
        )
        self.applications.append(application)
        return application

    # What people do on GitLab's page

    def authorize(self, user_code: str, user: User) -> None:
        """Press *Confirm*.

        Raises:
            LookupError: no such code, or it has expired.
        """
        self._asked(user_code).user = user
        self._gitlab.note_change()

    def deny(self, user_code: str) -> None:
        """Say no; GitLab's own page has no button for that.

        Raises:
            LookupError: as above.
        """
        self._asked(user_code).denied = True
        self._gitlab.note_change()

    def asked(self, user_code: str) -> DeviceGrant | None:
        """Return what a code stands for, if it can still be authorized."""
        for grant in self.device_grants:
            is_open = grant.user is None and not grant.denied and not self._is_expired(grant)
            if grant.user_code == user_code and is_open:
                return grant
        return None

    def _asked(self, user_code: str) -> DeviceGrant:
        if (grant := self.asked(user_code)) is None:
            raise LookupError("The user code is invalid")
        return grant

    def revoke_all(self, user: User) -> None:
        """Revoke what a person has authorized, on their page *Applications*."""
        for token in self._gitlab.tokens:
            if token.user is user and token.application is not None:
                token.revoked = True
        self._gitlab.note_change()

    def tokens_of(self, user: User) -> list[Token]:
        """Return the tokens by which applications may still act for a user."""
        return [
            token
            for token in self._gitlab.tokens
            if token.user is user and token.application is not None and not token.revoked
        ]

    # The endpoints

    def app(self) -> web.Application:
        """Return an application to mount at `/oauth`."""
        gate = Gate(self._gitlab, is_open=True)

        @web.middleware
        async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
            return await gate(request, handler)

        app = web.Application(middlewares=[guard])
        app.add_routes(
            [
                web.post("/authorize_device", self._authorize_device),
                web.post("/token", self._token),
                web.post("/revoke", self._revoke),
            ]
        )
        return app

    async def _authorize_device(self, request: web.Request) -> web.Response:
        application = self._application(request, needs_secret=False)
        scopes = tuple(str(request[BODY].get("scope") or "").split()) or application.scopes[:1]
        if not set(scopes) <= SCOPES & set(application.scopes):
            raise _refuse("invalid_scope")
        grant = DeviceGrant(
            application=application,
            device_code=secrets.token_urlsafe(32),
            user_code="".join(secrets.choice(_USER_CODE) for _ in range(8)),
            scopes=scopes,
            created_at=self._gitlab.clock(),
        )
        self.device_grants.append(grant)
        page = f"{self._gitlab.url}/oauth/device"
        return web.json_response(
            {
                "device_code": grant.device_code,
                "user_code": grant.user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?user_code={quote(grant.user_code)}",
                "expires_in": int(LIFETIME.total_seconds()),
                "interval": int(INTERVAL.total_seconds()),
            }
        )

    async def _token(self, request: web.Request) -> web.Response:
        application, body = self._application(request), request[BODY]
        match body.get("grant_type"):
            case "refresh_token":
                token = self._refreshed(application, str(body.get("refresh_token")))
            case kind if kind == DEVICE_CODE:
                token = self._redeemed(application, str(body.get("device_code")))
            case _:
                raise _refuse("unsupported_grant_type")
        return web.json_response(
            {
                "access_token": token.secret,
                "token_type": "Bearer",
                "expires_in": int(TOKEN_LIFETIME.total_seconds()),
                "refresh_token": token.refresh,
                "scope": " ".join(token.scopes),
                "created_at": int(token.created_at.timestamp()),
            }
        )

    def _redeemed(self, application: Application, device_code: str) -> Token:
        """Give out the tokens of a device grant, once."""
        grants = (each for each in self.device_grants if each.device_code == device_code)
        grant = next(grants, None)
        if grant is None or grant.application is not application:
            raise _refuse("invalid_grant")
        if self._is_expired(grant):
            self.device_grants.remove(grant)
            raise _refuse("expired_token")
        now = self._gitlab.clock()
        if grant.polled_at is not None and grant.polled_at > now - INTERVAL:
            self._gitlab.violations.append("a device code is asked about before its interval ends")
            raise _refuse("slow_down")
        grant.polled_at = now
        if grant.denied:
            self.device_grants.remove(grant)
            raise _refuse("access_denied")
        if grant.user is None:
            raise _refuse("authorization_pending")
        self.device_grants.remove(grant)
        return self._add_token(application, grant.user, grant.scopes)

    def _refreshed(self, application: Application, refresh: str) -> Token:
        """Give out new tokens; the former ones are void from now on, also the refresh token."""
        former = next((each for each in self._gitlab.tokens if each.refresh == refresh), None)
        if former is None or former.revoked or former.application is not application:
            raise _refuse("invalid_grant")
        former.revoked = True
        return self._add_token(application, former.user, former.scopes)

    def _add_token(self, application: Application, user: User, scopes: tuple[str, ...]) -> Token:
        now = self._gitlab.clock()
        token = Token(
            id=self._gitlab.next_id(),
            secret=secrets.token_hex(32),
            refresh=secrets.token_hex(32),
            user=user,
            scopes=scopes,
            created_at=now,
            ends_at=now + TOKEN_LIFETIME,
            application=application,
        )
        self._gitlab.tokens.append(token)
        return token

    async def _revoke(self, request: web.Request) -> web.Response:
        """Answer 200 also for an unknown token; either of two tokens is good for both."""
        application, secret = self._application(request), str(request[BODY].get("token"))
        for token in self._gitlab.tokens:
            if token.application is not None and secret in (token.secret, token.refresh):
                if token.application is not application:
                    raise _refuse("unauthorized_client", 403)
                token.revoked = True
        return web.json_response({})

    def _application(self, request: web.Request, *, needs_secret: bool = True) -> Application:
        """Return the client; a confidential one has to prove itself."""
        body = request[BODY]
        for each in self.applications:
            if each.client_id == body.get("client_id"):
                is_proven = body.get("client_secret") == each.secret
                if is_proven or not (needs_secret and each.confidential):
                    return each
        raise _refuse("invalid_client", 401)

    def _is_expired(self, grant: DeviceGrant) -> bool:
        return self._gitlab.clock() > grant.created_at + LIFETIME

    # GitLab's page

    async def show(self, request: web.Request) -> web.Response:
        """Show what somebody is asked to authorize."""
        if self._gitlab.faults.down:
            return web.Response(status=502, text=BAD_GATEWAY, content_type="text/html")
        code = request.query.get("user_code", "")
        return html(device_page(code, self.asked(code), self._people()), forms=True)

    async def decide(self, request: web.Request) -> web.Response:
        """Take what somebody decided on the page."""
        form = await request.post()
        code, user = str(form.get("user_code")), str(form.get("user"))
        person = next((each for each in self._people() if each.username == user), None)
        try:
            if form.get("answer") == "deny":
                self.deny(code)
                return html(ended_page("Denied. You can close this page."))
            if person is not None:
                self.authorize(code, person)
                return html(ended_page("Device successfully authorized. You can close this page."))
        except LookupError as error:
            return html(ended_page(str(error)))
        return html(ended_page("Choose who you are."))

    def _people(self) -> list[User]:
        return [user for user in self._gitlab.users if not user.bot and user.username != "ghost"]


def _refuse(code: str, status: int = 400) -> Refused:
    return Refused(status, {"error": code, "error_description": _WORDS[code]})
