"""The connection to Slack's Web API."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook import WebhookResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from slackbot.platforms.calls import calling
from slackbot.platforms.errors import (
    Denied,
    Platform,
    PlatformError,
    Rejected,
    Throttled,
    Unreachable,
    Unsettled,
    no_answer,
)
from slackbot.platforms.network import proxy_towards
from slackbot.platforms.pace import (
    PATIENCE_SECONDS,
    Allowance,
    Allowances,
    Paces,
    TooBusy,
    seconds_asked,
)
from slackbot.rules.reading.characters import whole

TIMEOUT_SECONDS = 10
"""To the end of the answer."""
PAGE = 200
DEFAULT_RETRY_AFTER = 1.0

INSTALL_AGAIN = "install the app again with what `ssat-bot manifest` prints"
"""Where it lacks a scope."""

# https://docs.slack.dev/reference/methods/chat.postMessage#errors and its like, by remedy.
_ADMINISTRATOR = {
    "account_inactive": "the app was removed from the workspace: install it again",
    "channel_not_found": "there is no such channel, or the bot is not in it: /invite it there",
    "invalid_auth": "SLACK_BOT_TOKEN is not valid: copy it again from the app's page",
    "is_archived": "the channel is archived: set SSAT_CHANNEL to another",
    "missing_scope": f"the app lacks a scope: {INSTALL_AGAIN}",
    "not_authed": "SLACK_BOT_TOKEN is not valid: copy it again from the app's page",
    "not_in_channel": "the bot is not in the channel: /invite it there",
    "restricted_action": "a workspace setting keeps the bot from posting in the channel",
    "token_expired": "SLACK_BOT_TOKEN has expired: install the app again",
    "token_revoked": "SLACK_BOT_TOKEN was revoked: install the app again",
}
# slack_sdk raises the last for plain text with status 200.
_NO_ANSWER = (aiohttp.ClientError, TimeoutError, SlackClientError, AttributeError)
_DOUBTFUL = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})

_LATER = frozenset({"message_limit_exceeded", "rate_limited", "ratelimited", "team_added_to_org"})
_LATER_SECONDS = 30.0


def _tier(per_minute: int) -> Allowance:
    """Let half go at once, so that no minute has more than Slack allows."""
    half = per_minute // 2
    return Allowance(per_second=half / 60, burst=half)


TIER_2, TIER_3, TIER_4 = _tier(20), _tier(50), _tier(100)
PACES: Allowances = {
    "auth.test": TIER_4,  # of no tier: "hundreds of requests per minute"
    "blocks.validate": TIER_4,  # of no tier: "special rate limits"
    "chat.delete": TIER_3,
    "chat.postMessage": Allowance(per_second=1, burst=1),
    "chat.unfurl": TIER_3,
    "chat.update": Allowance(per_second=50 / 60, burst=10),
    "conversations.history": Allowance(per_second=50 / 60, burst=10),
    "conversations.info": TIER_3,
    "conversations.open": TIER_3,
    "conversations.replies": Allowance(per_second=50 / 60, burst=10),
    "files.completeUploadExternal": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "users.conversations": TIER_3,
    "users.info": TIER_4,
    "users.lookupByEmail": TIER_3,
    "views.open": TIER_4,
    "views.publish": Allowance(per_second=100 / 60, burst=20),
    "views.push": TIER_4,
    "views.update": TIER_4,
}
"""By method; without a pace, a 429 holds nothing. Bulk work goes at the full rate.

https://docs.slack.dev/apis/web-api/rate-limits
"""

_PATIENCE: Mapping[str, float] = {
    "auth.test": 1.0,
    "usergroups.users.list": 1.0,
    "users.info": 1.0,
    "users.lookupByEmail": 3.0,
    "views.open": 0.5,
    "views.push": 0.5,
    "views.update": 0.5,
}
"""Seconds, where time is short; a call turned away takes no turn."""


class SlackApi:
    """Raises only ``PlatformError``s."""

    def __init__(self, client: AsyncWebClient, paces: Allowances = PACES) -> None:
        self.client, self.paces = client, Paces(paces)

    async def call(self, method: str, **arguments: Any) -> Any:
        await self.turn(method)
        return await self.call_now(method, **arguments)

    async def turn(self, method: str) -> None:
        """Wait in order of arrival.

        Raises:
            Throttled: The turn is too far away to wait for.
        """
        try:
            await self.paces.wait(method, _PATIENCE.get(method, PATIENCE_SECONDS))
        except TooBusy as busy:
            raise Throttled(Platform.SLACK, busy.seconds) from busy

    async def call_now(self, method: str, **arguments: Any) -> Any:
        """Call after ``turn``."""
        await self.paces.leave(method)
        return await self._answer(method, json=arguments)

    async def read(self, method: str, **arguments: Any) -> Any:
        """Send a form: methods that read take no JSON."""
        await self.turn(method)
        form = {name: value for name, value in arguments.items() if value != ""}
        try:
            return await self._answer(method, data=form)
        except Unsettled as error:  # Slack may still be at it, but nothing comes of that
            raise Unreachable(Platform.SLACK, str(error)) from error

    async def pages(self, method: str, limit: int = PAGE, **arguments: Any) -> AsyncIterator[Any]:
        cursor = ""
        while True:
            page = await self.read(method, limit=limit, cursor=cursor, **arguments)
            yield page
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    async def _answer(self, method: str, **body: Any) -> Any:
        try:
            with calling(Platform.SLACK, method):
                return await self._ask(method, body)
        except Throttled as problem:
            await self.paces.hold(method, problem.retry_after)
            raise

    async def _ask(self, method: str, body: Mapping[str, Any]) -> Any:
        try:
            answer = await self.client.api_call(method, **body)
            answer.data = whole(answer.data)
            return answer
        except SlackApiError as error:
            problem = _by_remedy(error)
        except TimeoutError:
            problem = Unsettled(Platform.SLACK, "Slack did not answer in time")
        except _NO_ANSWER as error:
            problem = no_answer(Platform.SLACK, self.client.base_url, error)
        raise problem


def slack_client(
    url: str, token: str | None = None, session: aiohttp.ClientSession | None = None
) -> AsyncWebClient:
    client = AsyncWebClient(
        token=token,
        base_url=url,
        session=session,  # its time limit counts, not the client's
        timeout=TIMEOUT_SECONDS,
        retry_handlers=[],  # the default posts twice after a dropped connection
    )
    client.proxy = proxy_towards(url)  # slack_sdk knows no NO_PROXY
    return client


class Respond(AsyncRespond):
    """Answers at a ``response_url``; Bolt's own knows no ``NO_PROXY``."""

    async def __call__(self, *_: Any, **said: Any) -> WebhookResponse:
        if self.response_url is None:
            raise ValueError("there is no response_url to answer at")
        client = AsyncWebhookClient(self.response_url)
        client.proxy = proxy_towards(self.response_url)
        with calling(Platform.SLACK, "response_url"):
            return await client.send(**said)


class Redirected(aiohttp.ClientError):
    """Slack's API does not redirect: another server must not get what the bot sends."""


def slack_session() -> aiohttp.ClientSession:
    """Make the one session for all calls: else each opens a connection."""
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(timeout=time_limit(), trace_configs=[tracing])


def time_limit() -> aiohttp.ClientTimeout:
    """Limit every session for slack_sdk, which ignores its own ``timeout`` then."""
    return aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)


async def _refuse_redirect(
    _session: aiohttp.ClientSession, _context: object, redirect: aiohttp.TraceRequestRedirectParams
) -> None:
    redirect.response.close()
    raise Redirected


def denied(code: str, needed: str | None = None) -> Denied:
    return Denied(Platform.SLACK, code, _ADMINISTRATOR[code] + (f" ({needed})" if needed else ""))


def _by_remedy(error: SlackApiError) -> PlatformError:
    response = error.response
    # For a body that is no JSON, slack_sdk hands over aiohttp's response.
    status = getattr(response, "status_code", None) or getattr(response, "status", None)
    if status == 429:
        told, date = (response.headers.get(name) for name in ("Retry-After", "Date"))
        return Throttled(Platform.SLACK, seconds_asked(told, date, DEFAULT_RETRY_AFTER))
    code = response.get("error") if isinstance(getattr(response, "data", None), dict) else None
    if code is None or code in _DOUBTFUL or (status is not None and status >= 500):
        return Unreachable(Platform.SLACK, f"Slack is failing ({code or status})")
    if code in _LATER:
        return Throttled(Platform.SLACK, _LATER_SECONDS)
    if code in _ADMINISTRATOR:
        return denied(code, response.get("needed"))
    return Rejected(Platform.SLACK, code, _errors_of(response.get("errors")))


def _errors_of(errors: Any) -> str:
    """Read what ``blocks.validate`` has against each place."""
    found = [each for each in errors or () if isinstance(each, dict)]
    return "; ".join(f"{each.get('pointer')}: {each.get('message')}" for each in found[:3])
