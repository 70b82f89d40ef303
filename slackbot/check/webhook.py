"""The project's webhook: its state, and what a test of it tells."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

from slackbot.blocks.text import one_line, plain_moment, shorten
from slackbot.check.findings import Finding, good, not_answered, unknown, warning
from slackbot.platforms.errors import Missing, PlatformError, Rejected, Throttled
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.gitlab.project_hooks import (
    ENABLED,
    EVENTS,
    FOR_GOOD,
    GitLabHooks,
    ProjectHook,
    Sent,
)
from slackbot.settings import Settings

PATH = "/gitlab/webhook"
FIX = "`ssat-bot check --fix webhook`"
CREATE = "`ssat-bot check --fix webhook --url https://<your host>`"
SHOWN = 120
EVENT_NAMES = {
    "issues_events": "Issues",
    "confidential_issues_events": "Confidential issues",
    "note_events": "Comments",
    "confidential_note_events": "Confidential comments",
}
HOW_TO_SET_ONE = (
    "set GITLAB_WEBHOOK_SECRET, for example to what "
    '`python3 -c "import secrets; print(secrets.token_urlsafe(32))"` prints'
)


def shown_url(url: str) -> str:
    """Leave out what may be a secret."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def leads_to_bot(hook: ProjectHook) -> bool:
    return urlsplit(hook.url).path.rstrip("/").endswith(PATH)


def takes_webhooks(settings: Settings) -> bool:
    return bool(settings.gitlab_webhook_secret or settings.gitlab_webhook_signing_token)


# --- Its state ---------------------------------------------------------------------------------


async def examine_webhooks(
    settings: Settings, gitlab: GitLabClient, last_hook: datetime | None
) -> AsyncIterator[Finding]:
    """``last_hook``: when the record's latest delivery came, of whatever project."""
    are_several = len(gitlab.projects) > 1
    for project in gitlab.projects:
        if project.known is None:
            continue
        findings = _examine(settings, project.hooks, last_hook, are_several=are_several)
        async for finding in findings:
            yield replace(finding, where=project.named if are_several else "")


async def _examine(
    settings: Settings, hooks: GitLabHooks, last_hook: datetime | None, *, are_several: bool
) -> AsyncIterator[Finding]:
    poll = f"the poll finds requests within {settings.ssat_poll_seconds.total_seconds():g} seconds"
    told = {"last_received": last_hook.isoformat() if last_hook else None}
    try:
        own = list(filter(leads_to_bot, await hooks.list()))
    except Rejected as error:
        yield _hidden(settings, error, last_hook, poll)
        return
    except PlatformError as error:
        yield not_answered("webhook", error)
        return
    if not own and not takes_webhooks(settings):
        yield good(f"no webhook: {poll}", **told)
        return
    if not own and last_hook is not None and are_several:
        got = f"the bot got one {_when(last_hook, settings)}, another project's or a group's"
        problem = f"none in the project; {got}: {CREATE} creates one"
        yield unknown("webhook", problem, **told)
        return
    if not own and last_hook is not None:
        when = _when(last_hook, settings)
        yield good(f"webhook: none in the project, but the bot got one {when}: a group's?", **told)
        return
    if not own:
        problem = f"the project has none that leads to {PATH}, so {poll}"
        yield warning("webhook", f"{problem}: {CREATE}", **told)
        return
    if len(own) > 1:
        urls = ", ".join(shown_url(each.url) for each in own)
        yield warning("webhook", f"the project has {len(own)}: remove all but one of {urls}")
    for hook in own:
        received = None if are_several else last_hook
        yield _judge(settings, hook, await last_sent_to(hooks, hook), received)


def _hidden(settings: Settings, error: Rejected, last_hook: datetime | None, poll: str) -> Finding:
    received = f"the bot got its last one {_when(last_hook, settings)}"
    told = {"last_received": last_hook.isoformat() if last_hook else None}
    if not takes_webhooks(settings):
        return good(f"no webhook is taken without a secret: {poll}", **told)
    about = f"webhook; {received if last_hook else 'none has arrived in two days'}"
    reason = "GitLab shows it to Maintainers only" if error.code == "403" else str(error)
    return unknown(about, reason, **told)


def _judge(
    settings: Settings, hook: ProjectHook, sent: Sent | None, last_hook: datetime | None
) -> Finding:
    last = f"GitLab sent its last one {_sent_words(sent, settings)}" if sent else None
    if last is None and last_hook is not None:
        last = f"the bot got its last one {_when(last_hook, settings)}"
    about = f"webhook {shown_url(hook.url)}; {last or 'nothing was sent in the last days'}"
    told = {
        "url": shown_url(hook.url),
        "status": hook.status,
        "events": sorted(hook.events),
        "verifies_ssl": hook.verifies_ssl,
        "last_sent": sent.at.isoformat() if sent and sent.at else None,
        "last_status": sent.status if sent else None,
        "last_received": last_hook.isoformat() if last_hook else None,
    }
    if problems := [*_faults(settings, hook, sent)]:
        return warning(about, "; ".join(problems), **told)
    return good(about, **told)


def _faults(settings: Settings, hook: ProjectHook, sent: Sent | None) -> list[str]:
    found = []
    if not takes_webhooks(settings):
        found.append(f"the bot takes none without a secret: {HOW_TO_SET_ONE}")
    if hook.status != ENABLED:
        until = hook.disabled_until
        end = f" until {plain_moment(until, settings.ssat_timezone)}" if until else ""
        is_for_good = hook.status == FOR_GOOD
        found.append(
            "GitLab has disabled it after failures"
            + (", for good" if is_for_good else end)
            + f": {FIX} sends a test, which enables it again"
        )
    if missing := [each for each in EVENTS if each not in hook.events]:
        names = ", ".join(EVENT_NAMES[each] for each in missing)
        found.append(f"it lacks the events {names}: {FIX} adds them")
    if not hook.verifies_ssl and hook.url.startswith("https:"):
        found.append(f"it does not verify the certificate: {FIX} turns that on")
    if hook.url.startswith("http:") and settings.gitlab_url.startswith("https:"):
        found.append("its address is without TLS, so the secret can be read: use https://")
    if lacks_secret(settings, hook):
        found.append(f"it has no secret: {FIX} sets that of the settings")
    if sent is not None and not sent.is_success:
        found.append(_advice(sent.status))
    return found


def lacks_secret(settings: Settings, hook: ProjectHook) -> bool:
    """Return whether GitLab says so; before 19.1 it tells nothing."""
    if not takes_webhooks(settings) or hook.has_secret is None:
        return False
    has_one = settings.gitlab_webhook_secret is not None and hook.has_secret
    return not has_one and not (settings.gitlab_webhook_signing_token and hook.has_signing_token)


def _advice(status: str) -> str:
    match status:
        case "401":
            return f"its secret is not that of the settings: {FIX} sets it"
        case "404":
            return "the address leads elsewhere: does the proxy pass it to the bot?"
        case _ if status.isdecimal():
            return "is that the bot, or a proxy? See the bot's log"
        case _:
            return "GitLab gets no answer there: is the bot running, and can GitLab reach it?"


def _sent_words(sent: Sent, settings: Settings) -> str:
    answered = f"answered {sent.status}" if sent.status.isdecimal() else "no answer"
    return f"{_when(sent.at, settings)} ({answered})"


def _when(moment: datetime | None, settings: Settings) -> str:
    return plain_moment(moment, settings.ssat_timezone) if moment else "at an unknown time"


async def last_sent_to(hooks: GitLabHooks, hook: ProjectHook) -> Sent | None:
    """Leave it unknown where GitLab is too old for that, or does not answer."""
    try:
        return await hooks.last_sent(hook)
    except PlatformError:
        return None


# --- A test ------------------------------------------------------------------------------------


async def try_all_hooks(settings: Settings, gitlab: GitLabClient) -> AsyncIterator[Finding]:
    """Let GitLab send an event to each webhook of the bot."""
    if not takes_webhooks(settings):
        yield good("not tested: no webhook is taken")
        return
    for project in gitlab.projects:
        if project.known is not None:
            async for finding in _try_hooks(project.hooks):
                yield replace(finding, where=project.named if len(gitlab.projects) > 1 else "")


async def _try_hooks(hooks: GitLabHooks) -> AsyncIterator[Finding]:
    try:
        own = list(filter(leads_to_bot, await hooks.list()))
    except Rejected as error:
        if error.code == "403":
            yield unknown("test of the webhook", "GitLab lets Maintainers only")
        else:
            yield not_answered("test of the webhook", error)
        return
    except PlatformError as error:
        yield not_answered("test of the webhook", error)
        return
    if not own:
        yield good("no webhook to test")
    for hook in own:
        yield await try_hook(hooks, hook)


async def try_hook(hooks: GitLabHooks, hook: ProjectHook) -> Finding:
    about = f"test of the webhook {shown_url(hook.url)}"
    try:
        await hooks.test(hook)
    except Missing:
        return unknown(about, "this GitLab has no tests by API (16.11 and newer): use its page")
    except Throttled:
        return unknown(about, "GitLab allows five tests a minute: try again in a minute")
    except Rejected as error:
        return await _failed(hooks, hook, about, error)
    except PlatformError as error:
        return not_answered(about, error)
    sent = await last_sent_to(hooks, hook)
    status = sent.status if sent else "2xx"
    return good(f"{about}: answered {status}", status=status)


async def _failed(hooks: GitLabHooks, hook: ProjectHook, about: str, error: Rejected) -> Finding:
    if error.reason.startswith("Ensure the project has"):
        return unknown(about, "GitLab tests with an issue, and the project has none yet")
    sent = await last_sent_to(hooks, hook)
    status = sent.status if sent and not sent.is_success else error.code
    if status.isdecimal() and sent is not None:
        return warning(about, f"answered {status}: {_advice(status)}", status=status)
    reason = shorten(one_line(error.reason), SHOWN)
    return warning(about, f"{reason or 'no answer'}; {_advice('')}", status=status)
