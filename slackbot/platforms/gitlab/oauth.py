"""GitLab's OAuth: people authorize the bot by a code (device grant), and tokens are renewed.

https://docs.gitlab.com/api/oauth2/#device-authorization-grant
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import gitlab
from pydantic import SecretStr

from slackbot.health import GITLAB, Health
from slackbot.platforms.errors import Denied, Platform, Rejected, Unreachable
from slackbot.platforms.gitlab.api import GitLabApi
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.gitlab.issues import as_dict

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
PENDING, SLOW_DOWN = "authorization_pending", "slow_down"
DENIED, EXPIRED, INVALID = "access_denied", "expired_token", "invalid_grant"
"""``Rejected.reason``: OAuth's words (RFC 8628, RFC 6749)."""
INTERVAL, LIFETIME = 5.0, 300.0
"""Seconds, where GitLab does not say."""
TOKEN_LIFETIME = 7200.0
REMEDY = (
    "GITLAB_OAUTH_CLIENT_ID or GITLAB_OAUTH_CLIENT_SECRET is not valid: copy the application's id "
    "from GitLab, and its secret only if the application is confidential"
)


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """What a person is asked to authorize."""

    device_code: SecretStr
    user_code: str
    url: str
    interval: float
    """Seconds between two questions."""
    lifetime: timedelta


@dataclass(frozen=True, kw_only=True)
class Tokens:
    access: SecretStr
    refresh: SecretStr
    expires_at: datetime
    """By the bot's clock."""


class GitLabOAuth(GitLabApi):
    """Asks without the bot's token; raises only ``PlatformError``s."""

    def __init__(
        self,
        bot: GitLabClient,
        client_id: str,
        client_secret: SecretStr | None,
        now: Callable[[], datetime],
        health: Health,
    ) -> None:
        self._share(bot, {})
        self._bot, self._now, self._health = bot, now, health
        self._client_id, self._client_secret = client_id, client_secret

    async def authorize(self, scope: str) -> Authorization:
        answer = await self._post("authorize_device", scope=scope)
        try:
            url = answer.get("verification_uri_complete") or answer["verification_uri"]
            return Authorization(
                device_code=SecretStr(answer["device_code"]),
                user_code=str(answer["user_code"]),
                url=await self._as_people_see_it(str(url)),
                interval=float(answer.get("interval") or INTERVAL),
                lifetime=timedelta(seconds=float(answer.get("expires_in") or LIFETIME)),
            )
        except KeyError as error:
            raise _incomplete(error) from None

    async def _as_people_see_it(self, url: str) -> str:
        """GitLab names the address that it was asked at, which may be an inner one.

        https://gitlab.com/gitlab-org/gitlab/-/merge_requests/248460
        """
        project = self._bot.known or await self._bot.project()
        base = project.url.removesuffix(f"/{project.path}")
        _, found, page = url.partition("/oauth/")
        return f"{base}{found}{page}" if found and base != project.url else url

    async def redeem(self, device_code: SecretStr) -> Tokens:
        """Return the tokens, once.

        Raises:
            Rejected: Its reason says whether to ask again (``PENDING``, ``SLOW_DOWN``).
        """
        return await self._tokens(
            grant_type=DEVICE_CODE, device_code=device_code.get_secret_value()
        )

    async def renew(self, refresh: SecretStr) -> Tokens:
        """Return new tokens: the former ones are void.

        Raises:
            Rejected: The person has revoked it, or it was used before (``INVALID``).
        """
        return await self._tokens(
            grant_type="refresh_token", refresh_token=refresh.get_secret_value()
        )

    async def revoke(self, tokens: Tokens) -> None:
        """Make both tokens void; safe to repeat."""
        await self._post("revoke", token=tokens.refresh.get_secret_value())
        await self._post("revoke", token=tokens.access.get_secret_value())

    async def _tokens(self, **asked: str) -> Tokens:
        begun_at = self._now()
        answer = await self._post("token", **asked)
        seconds = float(answer.get("expires_in") or TOKEN_LIFETIME)
        try:
            return Tokens(
                access=SecretStr(answer["access_token"]),
                refresh=SecretStr(answer["refresh_token"]),
                expires_at=begun_at + timedelta(seconds=seconds),
            )
        except KeyError as error:
            raise _incomplete(error) from None

    async def _post(self, name: str, **asked: str) -> dict[str, Any]:
        form = {"client_id": self._client_id, **asked}
        if self._client_secret is not None:
            form["client_secret"] = self._client_secret.get_secret_value()

        def send(client: gitlab.Gitlab) -> dict[str, Any]:
            return as_dict(client.http_post(f"{self._url}/oauth/{name}", post_data=form))

        try:
            answer = await self.change(send)
        except Denied as error:
            if not error.is_unauthorized:
                raise
            self._remark(REMEDY)
            raise Denied(Platform.GITLAB, error.code, REMEDY) from None
        except Rejected:
            self._note_accepted(name)
            raise
        self._note_accepted(name)
        return answer

    def _note_accepted(self, name: str) -> None:
        if name != "authorize_device":  # GitLab asks for no secret there
            self._remark(None)

    def _remark(self, remark: str | None) -> None:
        """Nobody needs it for clicks: the bot's own token is another matter."""
        self._health.remark(GITLAB, remark, "oauth")


def _incomplete(error: KeyError) -> Unreachable:
    """Name what lacks, and show nothing of the answer."""
    return Unreachable(Platform.GITLAB, f"GitLab's answer lacks {error}")
