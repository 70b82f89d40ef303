"""``ssat-bot check --fix webhook``: says what it will do, asks, and does it."""

import asyncio
import contextlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

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
from slackbot.platforms.gitlab.project_hooks import ENABLED, EVENTS, GitLabHooks, ProjectHook
from slackbot.settings import Settings
from slackbot.setup.manifest import public_url

_ON_THIS_MACHINE = re.compile(r"http://(localhost|127\.0\.0\.1)(:\d+)?")
_NEEDED = ("gitlab_token", "gitlab_url", "gitlab_project", "ssat_routes_file")


class CannotFix(Exception):
    """The message says what to do instead."""


@dataclass(frozen=True, kw_only=True)
class Fix:
    """``steps`` are what it will do, in words; without any, it only tests."""

    hook: ProjectHook | None
    """``None``: it is created."""
    wanted: Mapping[str, Any]
    steps: Sequence[str]


async def fix_webhook(
    settings: Settings,
    wrong: Mapping[str, str],
    url: str | None,
    *,
    is_agreed: bool,
    replaces: bool = False,
) -> int:
    """Change nothing else; without ``is_agreed``, ask on a terminal."""
    missing = [name for name in _NEEDED if name in wrong]
    secrets = [name for name in wrong if name.startswith("gitlab_webhook")]
    if missing or secrets:
        for name in (*missing, *secrets):
            print(f"{name.upper()}: {wrong[name]}", file=sys.stderr)
        return SETUP_IS_WRONG
    return await _fix(settings, url, is_agreed=is_agreed, replaces=replaces)


async def _fix(settings: Settings, url: str | None, *, is_agreed: bool, replaces: bool) -> int:
    """Show what is to do in each project before anything is done; one's trouble is no other's."""
    async with connect(settings) as clients:
        projects = [each.hooks for each in clients.gitlab.projects]
        codes, fixes = [0], dict[GitLabHooks, Fix]()
        for hooks in projects:
            with _told(hooks, codes, are_several=len(projects) > 1):
                fixes[hooks] = fix = await plan_fix(settings, hooks, url, replaces=replaces)
                if fix.steps:
                    print(f"In {hooks.project} this will:")
                    print(*(f"  - {step}" for step in fix.steps), sep="\n")
                else:
                    where = f"In {hooks.project}, the" if len(projects) > 1 else "The"
                    print(f"{where} webhook is set as it should be: GitLab only tests it.")
        changes = [fix for fix in fixes.values() if fix.steps]
        if changes and not is_agreed and not await _agrees(changes):
            codes.append(NOTHING_TO_DO)
            fixes = {hooks: fix for hooks, fix in fixes.items() if not fix.steps}
        for hooks, fix in fixes.items():
            with _told(hooks, codes, are_several=len(projects) > 1):
                found = await carry_out(fix, settings, hooks)
                where = hooks.project if len(projects) > 1 else ""
                print(*(replace(each, where=where) for each in found), sep="\n")
                is_good = all(each.verdict is Verdict.OK for each in found)
                codes.append(0 if is_good else NOT_CHECKED)
    return max(codes)


@contextlib.contextmanager
def _told(hooks: GitLabHooks, codes: list[int], *, are_several: bool) -> Iterator[None]:
    """Say what keeps a project's webhook from being fixed, and note the exit code."""
    where = f"{hooks.project}: " if are_several else ""
    try:
        yield
    except CannotFix as error:
        print(f"{where}{error}", file=sys.stderr)
        codes.append(SETUP_IS_WRONG)
    except PlatformError as error:
        print(f"{where}{error}", file=sys.stderr)
        codes.append(SETUP_IS_WRONG if error.needs_administrator else NOT_CHECKED)


async def _agrees(fixes: Sequence[Fix]) -> bool:
    if not sys.stdin.isatty():
        print("Nothing was changed: add --yes to do this.", file=sys.stderr)
        return False
    verb = "Create" if all(fix.hook is None for fix in fixes) else "Change"
    what = "webhook" if len(fixes) == 1 else f"{len(fixes)} webhooks"
    answer = await asyncio.to_thread(input, f"{verb} the {what}? [y/N] ")
    return answer.strip().casefold() in ("y", "yes")


async def plan_fix(
    settings: Settings, hooks: GitLabHooks, url: str | None, *, replaces: bool = False
) -> Fix:
    """Return one without steps if the webhook is as it should be.

    Args:
        settings: They have the secret.
        hooks: Those of a feedback project.
        url: The bot's address, if the administrator gives one.
        replaces: Take the place of a webhook that works at another address.

    Raises:
        CannotFix: An administrator has to do something else first.
        PlatformError: GitLab does not answer.
    """
    if not takes_webhooks(settings):
        raise CannotFix(
            f"The bot takes no webhook without a secret: {HOW_TO_SET_ONE}. "
            "Then restart the bot and do this again."
        )
    wanted_url = _address(url) if url else None
    try:
        own = list(filter(leads_to_bot, await hooks.list()))
    except Rejected as error:
        raise _needs_maintainer(settings, hooks, wanted_url, error) from error
    hook = _at(own, wanted_url) if wanted_url else next(iter(own), None)
    if hook is None and wanted_url is None:
        raise CannotFix(_no_address(settings))
    if hook is None and own:
        hook = own[0] if replaces else await _out_of_work(hooks, own)
    return await _plan(settings, hooks, hook, wanted_url or (hook.url if hook else ""))


def _at(own: Sequence[ProjectHook], url: str) -> ProjectHook | None:
    """Prefer the very address; another way to write it may be of the same bot, too."""
    exact = next((each for each in own if each.url == url), None)
    host = urlsplit(url).netloc
    near = (each for each in own if urlsplit(shown_url(each.url)).netloc == host)
    return exact or next(near, None)


async def _out_of_work(hooks: GitLabHooks, own: Sequence[ProjectHook]) -> ProjectHook:
    """Leave alone what may be the webhook of another bot at work."""
    for hook in own:
        sent = await last_sent_to(hooks, hook)
        if hook.status != ENABLED or (sent is not None and not sent.is_success):
            return hook
    raise CannotFix(
        f"A webhook leads to {shown_url(own[0].url)}, and works. If the bot has moved from there, "
        "add --replace to change its address. If another bot is there, that one gets nothing any "
        "more then: add a second webhook by hand in the project's Settings, Webhooks, and do this "
        "again."
    )


async def _plan(settings: Settings, hooks: GitLabHooks, hook: ProjectHook | None, url: str) -> Fix:
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
    return Fix(hook=hook, wanted=wanted, steps=steps)


async def carry_out(fix: Fix, settings: Settings, hooks: GitLabHooks) -> list[Finding]:
    """Create or change the webhook, if anything is to be done, and let GitLab test it.

    Raises:
        CannotFix: GitLab refuses it.
        PlatformError: GitLab does not answer.
    """
    if fix.hook is not None and not fix.steps:
        return [await try_hook(hooks, fix.hook)]
    try:
        if fix.hook is None:
            hook = await hooks.create(fix.wanted)
        else:
            hook = await hooks.edit(fix.hook, fix.wanted)
    except Rejected as error:
        if error.code == "403":
            raise _needs_maintainer(settings, hooks, fix.wanted["url"], error) from error
        raise CannotFix(
            f"GitLab refuses the webhook ({error}). It may not allow addresses in its own network: "
            "see Admin, Settings, Network, Outbound requests."
        ) from error
    done = "created" if fix.hook is None else "fixed"
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


def _address(url: str) -> str:
    """Take the webhook's own address, too, and without TLS that of this machine, for a trial."""
    base = url.strip().rstrip("/").removesuffix(PATH)
    if _ON_THIS_MACHINE.fullmatch(base):
        return f"{base}{PATH}"
    try:
        return f"{public_url(base)}{PATH}"
    except ValueError as problem:
        raise CannotFix(f"--url: {problem}") from None


def _no_address(settings: Settings) -> str:
    said = "Say where GitLab reaches the bot: --url https://<your host>."
    if settings.uses_socket_mode:
        seconds = f"{settings.ssat_poll_seconds.total_seconds():g}"
        return (
            f"{said} In Socket Mode the bot needs no public address: without one no webhook can "
            f"reach it, and the poll finds new requests within {seconds} seconds."
        )
    return said


def _needs_maintainer(
    settings: Settings, hooks: GitLabHooks, url: str | None, error: Rejected
) -> CannotFix:
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
        f"  1. In {hooks.project}, open Settings, Webhooks, Add new webhook.\n"
        f"  2. URL: {where}\n"
        f"  3. {kind.capitalize()}: the value of {setting}\n"
        f"  4. Trigger: {', '.join(EVENT_NAMES.values())}; no other\n"
        "  5. Enable SSL verification, add the webhook, and choose Test, Issues events."
    )
