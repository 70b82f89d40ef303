"""GitLab's webhooks, pure: https://docs.gitlab.com/user/project/integrations/webhooks/."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from slackbot.platforms.gitlab.snapshot import WORK_ITEM_TYPE
from slackbot.rules.request import IssueKey

SIGNING_PREFIX = "whsec_"
SIGNATURE_VERSION = "v1,"
TOLERANCE = timedelta(seconds=300)


class NotAuthentic(Exception):
    """The message, for the log, says why."""


class Malformed(Exception):
    """The body is not a webhook's."""


@dataclass(frozen=True, kw_only=True)
class HookSecrets:
    """To take webhooks, the bot needs at least one."""

    secret: str | None = None
    signing_token: str | None = None

    def __bool__(self) -> bool:
        return bool(self.secret or self.signing_token)


def signing_key(token: str) -> bytes:
    """Decode ``whsec_`` and base64.

    Raises:
        ValueError: The token has another form.
    """
    try:
        key = base64.b64decode(token.removeprefix(SIGNING_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError(f"a signing token is {SIGNING_PREFIX} and base64")
    return key


def is_proven(headers: Mapping[str, str], secrets: HookSecrets, now: datetime) -> bool:
    """Return whether the headers suffice; a signature needs the body, too.

    Raises:
        NotAuthentic: No body makes it authentic.
    """
    # Never pass over a signature for the weaker token: a thief would downgrade.
    if "webhook-signature" in headers:
        _refuse_unsigned(headers, secrets, now)
        return False
    if secrets.secret is None:
        raise NotAuthentic("the delivery is not signed")
    token = headers.get("X-Gitlab-Token")
    if token is None:
        raise NotAuthentic("the delivery has no token")
    if not hmac.compare_digest(_raw(token), secrets.secret.encode()):
        raise NotAuthentic("the token is wrong")
    return True


def verify(headers: Mapping[str, str], body: bytes, secrets: HookSecrets, now: datetime) -> None:
    """Check the signature or, if there is none, the secret token.

    Raises:
        NotAuthentic: It is not from our GitLab, or too old.
    """
    if is_proven(headers, secrets, now):
        return
    signed = (_raw(headers["webhook-id"]), _raw(headers["webhook-timestamp"]), body)
    key = signing_key(secrets.signing_token or "")
    digest = hmac.new(key, b".".join(signed), hashlib.sha256).digest()
    expected = SIGNATURE_VERSION + base64.b64encode(digest).decode()
    # While a token is replaced, GitLab sends a signature for each.
    given = headers["webhook-signature"].split()
    if not any(hmac.compare_digest(_raw(one), expected.encode()) for one in given):
        raise NotAuthentic("the signature is wrong")


def _refuse_unsigned(headers: Mapping[str, str], secrets: HookSecrets, now: datetime) -> None:
    if secrets.signing_token is None:
        raise NotAuthentic("the delivery is signed, but GITLAB_WEBHOOK_SIGNING_TOKEN is not set")
    timestamp = headers.get("webhook-timestamp")
    if not headers.get("webhook-id") or not timestamp:
        raise NotAuthentic("the signature has no id or no timestamp")
    _refuse_stale(timestamp, now)


def _raw(header: str) -> bytes:
    """Restore the bytes: Python reads those that are not UTF-8 as lone surrogates."""
    return header.encode(errors="surrogateescape")


def _refuse_stale(timestamp: str, now: datetime) -> None:
    try:
        sent = datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise NotAuthentic("the timestamp is not a number of seconds") from error
    if abs(now - sent) > TOLERANCE:
        raise NotAuthentic("the timestamp is stale; is this machine's clock right?")


def delivery_id(headers: Mapping[str, str]) -> str | None:
    """Identify repeated deliveries."""
    name = headers.get("webhook-id") or headers.get("Idempotency-Key")
    return _raw(name).decode(errors="replace")[:255] if name else None


IsOurs = Callable[[int, str | None], bool]
"""By the number and path of a project."""


def issue_to_look_at(body: bytes, is_ours: IsOurs) -> IssueKey | None:
    """Return ``None`` if it is about no issue of the feedback project.

    Raises:
        Malformed: The body has another shape.
    """
    payload = _load(body)
    attributes = payload.get("object_attributes")
    match payload.get("object_kind"):
        case "issue":
            issue = attributes
        case "note" if isinstance(attributes, dict) and attributes.get("noteable_type") == "Issue":
            issue = payload.get("issue")
        case _:
            return None
    return _key(payload.get("project"), issue, is_ours)


def _load(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is no JSON") from error
    if not isinstance(payload, dict):
        raise Malformed("the body is no JSON object")
    return payload


def _key(project: Any, issue: Any, is_ours: IsOurs) -> IssueKey | None:
    if not isinstance(project, dict) or not isinstance(issue, dict):
        raise Malformed("the body names no project or no issue")
    path, number, iid = project.get("path_with_namespace"), project.get("id"), issue.get("iid")
    if type(number) is not int or type(iid) is not int:
        raise Malformed("the body names no project or no issue")
    if path is not None and not isinstance(path, str):
        raise Malformed("the project has no path")
    if not is_ours(number, path):
        return None
    if str(issue.get("type") or WORK_ITEM_TYPE).lower() != WORK_ITEM_TYPE:
        return None
    try:
        return IssueKey.parse(f"{number}/{iid}")
    except ValueError as error:
        raise Malformed("the project or the issue has an impossible number") from error
