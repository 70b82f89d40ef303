"""``ssat-bot check --fix webhook``: says what it will do, asks, and does it."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from slackbot.app import connect
from slackbot.check.findings import Finding, Verdict, good, warning
from slackbot.check.webhook import (
    EVENT_NAMES,
    HOW_TO_SET_ONE,
    PATH,
    lacks_secret,
    last_sent_to,
    leads_to_bot,
    shown_url,
    takes_webhooks,
    try_hook,
)
from slackbot.exit_codes import NOT_CHECKED, NOTHING_TO_DO, SETUP_IS_WRONG
from slackbot.platforms.errors import PlatformError, Rejected
from slackbot.platforms.gitlab_hooks import ENABLED, EVENTS, GitLabHooks, ProjectHook
from slackbot.settings import Settings

_NEEDED = ("gitlab_token", "gitlab_url", "gitlab_project")


class CannotFix(Exception):
    """The message says what to do instead."""


@dataclass(frozen=True, kw_only=True)
class Fix:
    """``steps`` are what it will do, in words."""

    hook: ProjectHook | None
    """``None``: it is created."""
    wanted: Mapping[str, Any]
    steps: Sequence[str]


async def fix_webhook(
    settings: Settings, wrong: Mapping[str, str], url: str | None, *, is_agreed: bool
) -> int:
    """Change nothing else; without ``is_agreed``, ask on a terminal."""
    missing = [name for name in _NEEDED if name in wrong]
    secrets = [name for name in wrong if name.startswith("gitlab_webhook")]
    if missing or secrets:
        for name in (*missing, *secrets):
            print(f"{name.upper()}: {wrong[name]}", file=sys.stderr)
        return SETUP_IS_WRONG
    try:
        return await _fix(settings, url, is_agreed=is_agreed)
    except CannotFix as error:
        print(error, file=sys.stderr)
        return SETUP_IS_WRONG
    except PlatformError as error:
        print(error, file=sys.stderr)
        return SETUP_IS_WRONG if error.needs_administrator else NOT_CHECKED


async def _fix(settings: Settings, url: str | None, *, is_agreed: bool) -> int:
    async with connect(settings) as clients:
        hooks = clients.gitlab.hooks
        fix = await plan_fix(settings, hooks, url)
        if fix is None:
            print("The webhook is as it should be: nothing to do.")
            return 0
        print(f"In {settings.gitlab_project} this will:")
        print(*(f"  - {step}" for step in fix.steps), sep="\n")
        if not is_agreed and not await _agrees(fix):
            return NOTHING_TO_DO
        found = await carry_out(fix, settings, hooks)
    print(*found, sep="\n")
    return 0 if all(each.verdict is Verdict.OK for each in found) else NOT_CHECKED


async def _agrees(fix: Fix) -> bool:
    if not sys.stdin.isatty():
        print("Nothing was changed: add --yes to do this.", file=sys.stderr)
        return False
    verb = "Create" if fix.hook is None else "Change"
    answer = await asyncio.to_thread(input, f"{verb} the webhook? [y/N] ")
    return answer.strip().casefold() in ("y", "yes")


async def plan_fix(settings: Settings, hooks: GitLabHooks, url: str | None) -> Fix | None:
    """Return ``None`` if the webhook is as it should be.

    Args:
        settings: They have the secret.
        hooks: Those of the feedback project.
        url: The bot's address, if the administrator gives one.

    Raises:
        CannotFix: An administrator has to do something else first.
        PlatformError: GitLab does not answer.
    """
    if not takes_webhooks(settings):
        raise CannotFix(
            f"The bot takes no webhook without a secret: {HOW_TO_SET_ONE}. "
            "Then restart the bot and do this again."
        )
    wanted_url = _address(settings, url) if url else None
    try:
        own = list(filter(leads_to_bot, await hooks.list()))
    except Rejected as error:
        raise _needs_maintainer(settings, wanted_url, error) from error
    hook = next((each for each in own if each.url == wanted_url), None)
    hook = hook or next(iter(own), None)
    if hook is None and wanted_url is None:
        raise CannotFix(_no_address(settings))
    return await _plan(settings, hooks, hook, wanted_url or (hook.url if hook else ""))


async def _plan(
    settings: Settings, hooks: GitLabHooks, hook: ProjectHook | None, url: str
) -> Fix | None:
    wanted = {"url": url, "enable_ssl_verification": True, **dict.fromkeys(EVENTS, True)}
    wanted |= _secrets(settings)
    if hook is None:
        names = ", ".join(EVENT_NAMES.values())
        steps = [
            f"create a webhook to {shown_url(url)}",
            f"with the events {names}, and no others",
            "with SSL verification, and the secret of the settings",
        ]
        return Fix(hook=None, wanted=wanted | {"push_events": False}, steps=steps)
    sent, steps = await last_sent_to(hooks, hook), []
    if url != hook.url:
        steps.append(f"change the address from {shown_url(hook.url)} to {shown_url(url)}")
    if missing := [EVENT_NAMES[each] for each in EVENTS if each not in hook.events]:
        steps.append(f"add the events {', '.join(missing)}")
    if not hook.verifies_ssl:
        steps.append("turn SSL verification on")
    is_refused = sent is not None and sent.status == "401"
    if steps or is_refused or lacks_secret(settings, hook):
        steps.append("set the secret of the settings")
    if hook.status != ENABLED:
        steps.append("send a test, which enables it again")
    if not steps:
        return None
    return Fix(hook=hook, wanted=wanted, steps=steps)


async def carry_out(fix: Fix, settings: Settings, hooks: GitLabHooks) -> list[Finding]:
    """Create or change the webhook, and let GitLab test it.

    Raises:
        CannotFix: GitLab refuses it.
        PlatformError: GitLab does not answer.
    """
    try:
        if fix.hook is None:
            hook = await hooks.create(fix.wanted)
        else:
            hook = await hooks.edit(fix.hook, fix.wanted)
    except Rejected as error:
        if error.code == "403":
            raise _needs_maintainer(settings, fix.wanted["url"], error) from error
        raise CannotFix(
            f"GitLab refuses the webhook ({error}). It may not allow addresses in its own network: "
            "see Admin, Settings, Network, Outbound requests."
        ) from error
    done = "created" if fix.hook is None else "mended"
    found = [good(f"webhook {shown_url(hook.url)}: {done}", id=hook.id)]
    if settings.gitlab_webhook_secret is None and not hook.has_signing_token:
        problem = "this GitLab knows no signing token (19.1 and newer): set GITLAB_WEBHOOK_SECRET"
        return [*found, warning("webhook", problem)]
    return [*found, await try_hook(hooks, hook)]


def _secrets(settings: Settings) -> dict[str, str]:
    held: dict[str, SecretStr | None] = {
        "token": settings.gitlab_webhook_secret,
        "signing_token": settings.gitlab_webhook_signing_token,
    }
    return {name: each.get_secret_value() for name, each in held.items() if each is not None}


def _address(settings: Settings, url: str) -> str:
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        is_address = parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address or parts.query or parts.fragment or "@" in parts.netloc:
        raise CannotFix("--url: give the bot's address, such as https://bot.example.com")
    if parts.scheme == "http" and settings.gitlab_url.startswith("https:"):
        raise CannotFix("--url: use https://, or everyone on the way can read the secret")
    path = parts.path.rstrip("/")
    path = path if path.endswith(PATH) else f"{path}{PATH}"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _no_address(settings: Settings) -> str:
    said = "Say where GitLab reaches the bot: --url https://<your host>."
    if settings.uses_socket_mode:
        seconds = f"{settings.ssat_poll_seconds.total_seconds():g}"
        return (
            f"{said} In Socket Mode the bot needs no public address: without one no webhook can "
            f"reach it, and the poll finds new requests within {seconds} seconds."
        )
    return said


def _needs_maintainer(settings: Settings, url: str | None, error: Rejected) -> CannotFix:
    if error.code != "403":
        return CannotFix(f"GitLab does not show the project's webhooks: {error}")
    where = shown_url(url) if url else f"https://<your host>{PATH}"
    kind = "secret token" if settings.gitlab_webhook_secret else "signing token"
    setting = (
        "GITLAB_WEBHOOK_SECRET"
        if settings.gitlab_webhook_secret
        else "GITLAB_WEBHOOK_SIGNING_TOKEN"
    )
    return CannotFix(
        "GitLab refuses (403): a webhook needs the role Maintainer, which this token does not "
        "have. The bot itself needs no more than Reporter, so let a Maintainer do it by hand:\n"
        f"  1. In {settings.gitlab_project}, open Settings, Webhooks, Add new webhook.\n"
        f"  2. URL: {where}\n"
        f"  3. {kind.capitalize()}: the value of {setting}\n"
        f"  4. Trigger: {', '.join(EVENT_NAMES.values())}; no other\n"
        "  5. Enable SSL verification, add the webhook, and choose Test, Issues events."
    )
