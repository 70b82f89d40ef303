"""The API of a project's webhooks: https://docs.gitlab.com/api/project_webhooks/."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web

from slackbot.local.gitlab import listing
from slackbot.local.gitlab.entities import timestamp
from slackbot.local.gitlab.gate import BODY, TOKEN, RateLimit, Refused
from slackbot.local.gitlab.hooks import TRIGGERS, Delivery, Hook
from slackbot.local.gitlab.model import MAINTAINER, Project, User
from slackbot.local.gitlab.payloads import Payloads
from slackbot.local.json_type import Json
from slackbot.platforms.gitlab.hooks import signing_key

if TYPE_CHECKING:
    from slackbot.local.gitlab.instance import GitLab

KEY_BYTES = 32
LARGEST_LOG_PAGE = 20
_OTHER_TRIGGERS = (
    "tag_push_events",
    "merge_requests_events",
    "job_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "releases_events",
    "milestone_events",
    "feature_flag_events",
    "emoji_events",
    "resource_access_token_events",
)
_ALL_TRIGGERS = (*TRIGGERS.values(), *_OTHER_TRIGGERS)
_EVENTS = {trigger: event for event, trigger in TRIGGERS.items()}
_WRITABLE = {"url", "name", "description", "token", "signing_token", "enable_ssl_verification"}


class ProjectHooks:
    """Its routes; they are for Maintainers only, and never tell a token."""

    def __init__(self, gitlab: "GitLab", visible: Callable[[web.Request], Project]) -> None:
        self._gitlab, self._visible = gitlab, visible
        self._tests = RateLimit(lambda: gitlab.monotonic())
        gitlab.on_reset.append(self._tests.forget)

    def routes(self, project: str) -> list[web.RouteDef]:
        """Return what to add to the API, below the path of a project."""
        hooks, hook = f"{project}/hooks", project + r"/hooks/{hook:\d+}"
        return [
            web.get(hooks, self._list),
            web.post(hooks, self._create),
            web.get(hook, self._show),
            web.put(hook, self._edit),
            web.delete(hook, self._delete),
            web.post(hook + "/test/{trigger}", self._test),
            web.get(f"{hook}/events", self._events),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        project = self._administered(request)
        found = [hook for hook in self._gitlab.hooks if hook.project is project]
        return listing.page_of(request, found, self._entity)

    async def _show(self, request: web.Request) -> web.Response:
        return web.json_response(self._entity(self._hook(request)))

    async def _create(self, request: web.Request) -> web.Response:
        project, body = self._administered(request), request[BODY]
        _judge(body)
        hook = self._gitlab.add_hook(project, str(body["url"]))
        hook.triggers = frozenset({"push_events"})  # as a new one has it
        self._apply(hook, body)
        return web.json_response(self._entity(hook), status=201)

    async def _edit(self, request: web.Request) -> web.Response:
        hook, body = self._hook(request), request[BODY]
        _judge(body)
        if body["url"] != hook.url:
            hook.token = hook.signing_token = None  # a new receiver does not get the old secret
        self._apply(hook, body)
        return web.json_response(self._entity(hook))

    async def _delete(self, request: web.Request) -> web.Response:
        self._gitlab.hooks.remove(self._hook(request))
        return web.Response(status=204)

    def _apply(self, hook: Hook, body: dict[str, Any]) -> None:
        for name in body.keys() - _WRITABLE - set(_ALL_TRIGGERS):
            self._gitlab.violations.append(f"the webhook API ignores {name} silently")
        hook.url = str(body["url"])
        hook.name = str(body.get("name", hook.name))
        hook.token = body.get("token", hook.token) or None
        hook.signing_token = body.get("signing_token", hook.signing_token) or None
        hook.verifies_ssl = _yes(body, "enable_ssl_verification", otherwise=hook.verifies_ssl)
        hook.triggers = frozenset(
            each for each in _ALL_TRIGGERS if _yes(body, each, otherwise=each in hook.triggers)
        )
        self._gitlab.note_change()

    async def _test(self, request: web.Request) -> web.Response:
        """Send what the trigger would, of the newest issue; only an answer of 2xx is a success."""
        hook, user = self._hook(request), request[TOKEN].user
        trigger = request.match_info["trigger"]
        if trigger not in _ALL_TRIGGERS:
            raise Refused(400, {"error": "trigger does not have a valid value"})
        self._count_test(user)
        payload = self._payload(hook.project, user, trigger)
        delivery = await self._gitlab.test_hook(hook, _EVENTS[trigger], payload)
        if delivery.outcome != "delivered":
            raise Refused(422, {"message": delivery.answer})
        return web.json_response({"message": "201 Created"}, status=201)

    def _count_test(self, user: User) -> None:
        try:
            self._tests.count(user, self._gitlab.hook_tests_per_minute)
        except Refused:
            words = "This endpoint has been requested too many times. Try again later."
            raise Refused(429, {"message": {"error": words}}) from None

    def _payload(self, project: Project, user: User, trigger: str) -> Json:
        seen = [each for each in project.issues.values() if project.may_read(user, each)]
        payloads = Payloads(self._gitlab.web_url, self._gitlab.hook_times)
        if trigger in ("issues_events", "confidential_issues_events"):
            if not seen:
                raise Refused(422, {"message": "Ensure the project has issues."})
            newest = max(seen, key=lambda issue: issue.created_at)
            return payloads.issue_event(newest, user, "open", {})
        if trigger == "note_events":
            notes = [(note.created_at, issue, note) for issue in seen for note in issue.notes]
            if not notes:
                raise Refused(422, {"message": "Ensure the project has notes."})
            _, issue, note = max(notes, key=lambda each: each[0])
            return payloads.note_event(issue, note)
        raise Refused(422, {"message": "Testing not available for this hook"})

    async def _events(self, request: web.Request) -> web.Response:
        """List what was sent in the last days, newest first, at most 20 on a page."""
        hook = self._hook(request)
        asked = request.query.get("per_page", str(LARGEST_LOG_PAGE))
        if not (asked.isdecimal() and 1 <= int(asked) <= LARGEST_LOG_PAGE):
            raise Refused(400, {"error": "per_page does not have a valid value"})
        sent = [each for each in self._gitlab.deliveries if each.hook is hook and each.at]
        numbered = list(enumerate(sent, start=1))
        return listing.page_of(request, numbered[::-1], lambda pair: _log(*pair))

    def _administered(self, request: web.Request) -> Project:
        project = self._visible(request)
        if project.role(request[TOKEN].user) < MAINTAINER:
            raise Refused(403, {"message": "403 Forbidden"})
        return project

    def _hook(self, request: web.Request) -> Hook:
        project, number = self._administered(request), int(request.match_info["hook"])
        for hook in self._gitlab.hooks:
            if hook.project is project and hook.id == number:
                return hook
        raise Refused(404, {"message": "404 Not found"})

    def _entity(self, hook: Hook) -> Json:
        return {
            "id": hook.id,
            "url": hook.url,
            "name": hook.name or None,
            "description": None,
            "created_at": timestamp(hook.created_at),
            "project_id": hook.project.id,
            "enable_ssl_verification": hook.verifies_ssl,
            "alert_status": _alert_status(hook, self._gitlab.clock()),
            "disabled_until": timestamp(hook.paused_until),
            "url_variables": [],
            "custom_headers": [],
            "push_events_branch_filter": None,
            "branch_filter_strategy": "wildcard",
            "custom_webhook_template": None,
            "token_present": hook.token is not None,
            "signing_token_present": hook.signing_token is not None,
            **{trigger: trigger in hook.triggers for trigger in _ALL_TRIGGERS},
        }


def _alert_status(hook: Hook, now: datetime) -> str:
    if hook.disabled:
        return "disabled"
    return "temporarily_disabled" if hook.is_paused(now) else "executable"


def _log(number: int, delivery: Delivery) -> Json:
    hidden = {"X-Gitlab-Token": "[REDACTED]"} if "X-Gitlab-Token" in delivery.headers else {}
    is_answered = delivery.status is not None
    return {
        "id": number,
        "url": delivery.url,
        "trigger": TRIGGERS.get(delivery.event, "push_events").replace("_events", "_hooks"),
        "request_headers": delivery.headers | hidden,
        "request_data": delivery.payload,
        "response_headers": {},
        "response_body": delivery.answer if is_answered else "",
        "execution_duration": 0.1,
        "response_status": str(delivery.status) if is_answered else "internal error",
        "created_at": timestamp((delivery.at or datetime.now(UTC)).astimezone(UTC)),
    }


def _judge(body: dict[str, Any]) -> None:
    if not body.get("url"):
        raise Refused(400, {"error": "url is missing"})
    if urlsplit(str(body["url"])).scheme not in ("http", "https"):
        raise Refused(422, {"error": "Invalid url given"})
    if token := body.get("signing_token"):
        try:
            fits = len(signing_key(str(token))) == KEY_BYTES
        except ValueError:
            fits = False
        if not fits:
            reason = "must be in whsec_<base64> format encoding a 32-byte key"
            raise Refused(422, {"message": {"signing_token": [reason]}})


def _yes(body: dict[str, Any], name: str, *, otherwise: bool) -> bool:
    value = body.get(name)
    return otherwise if value is None else str(value).lower() in ("true", "1")
