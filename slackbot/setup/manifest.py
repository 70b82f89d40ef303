"""The manifest of the Slack app, for the features that are on.

The fields: https://docs.slack.dev/reference/app-manifest.
"""

import json
import re
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any
from urllib.parse import quote, urlsplit

from slackbot.exit_codes import SETUP_IS_WRONG
from slackbot.handlers.queue import COMMAND
from slackbot.handlers.showing import SHOW_FEEDBACK
from slackbot.rules.reading.slack_ids import is_group
from slackbot.settings import Settings, SettingsError, load_partly, to_be_fixed

EVENTS_PATH = "/slack/events"
DEFAULT_HOST = "gitlab.com"
CREATE_APP = "https://api.slack.com/apps?new_app=1&manifest_json="
"""https://docs.slack.dev/app-manifests/configuring-apps-with-app-manifests"""
_HOST = re.compile(r"(?![.-])[-a-z0-9.]{1,253}[a-z0-9]")
"""What Slack takes in an address, and as a domain."""
_LINE = 100
_PLAIN = re.compile(r"(?!(true|false|null|yes|no|on|off)$)[A-Za-z/][\w .,:/'-]*", re.IGNORECASE)
"""Texts that YAML reads as such without quotes."""

_NEEDED = ("gitlab_url", "ssat_managers", "ssat_duty_group", "ssat_lead", "ssat_routes_file")
_TOKENS = ("slack_bot_token", "slack_app_token", "slack_signing_secret", "gitlab_token")

_SCOPES = (
    ("channels:history", "to find its own messages, after a doubtful post or over an empty record"),
    ("channels:read", "to find the channel by name, and whether the bot is in it"),
    ("chat:write", ""),
    ("commands", ""),
    ("users:read", "names, guests, deactivated accounts"),
    ("users:read.email", "to find a person's GitLab account by email"),
)
_USERGROUPS = "usergroups:read"
_GROUPS = (_USERGROUPS, "user groups in SSAT_MANAGERS, SSAT_DUTY_GROUP and SSAT_LEAD")
_OPTIONAL_SCOPES = (
    ("files:write", "/ssat stats as a CSV file, and as a picture where Slack shows no charts"),
    ("groups:history", "as channels:history, for a private channel"),
    ("groups:read", "as channels:read, for a private channel"),
    ("im:history", "to find a direct message that it has sent, after a doubtful post"),
    ("im:write", "direct messages: the hand-over at the change of duty, and links to GitLab"),
)
_UNFURLS = (
    ("links:read", "to show the state of a feedback issue whose link is pasted into the channel"),
    ("links:write", "the same"),
)


@dataclass(frozen=True, kw_only=True)
class App:
    """``url`` is the bot's public address, and ``None`` for Socket Mode."""

    url: str | None = None
    gitlab_host: str | None = DEFAULT_HOST
    """``None`` if Slack cannot be told of its links."""
    groups: bool | None = None
    """Whether user groups are needed, not needed, or may be needed some day."""


def run_manifest(arguments: Namespace) -> int:
    try:
        settings, is_complete = _settings()
    except SettingsError as problem:
        print(problem, file=sys.stderr)
        return SETUP_IS_WRONG
    try:
        url = public_url(arguments.url) if arguments.url is not None else None
    except ValueError as problem:
        print(f"--url: {problem}", file=sys.stderr)
        return SETUP_IS_WRONG
    has_secret = is_complete or settings.slack_signing_secret is not None
    if has_secret and not (url or arguments.socket or settings.uses_socket_mode):
        print(
            "The settings are for HTTP mode: give --url with the bot's address, or --socket.",
            file=sys.stderr,
        )
        return SETUP_IS_WRONG
    app = app_of(settings, url, is_complete=is_complete)
    print(link(app) if arguments.link else as_json(app) if arguments.json else as_yaml(app))
    return 0


def _settings() -> tuple[Settings, bool]:
    """Return the settings, and whether they are complete: tokens come after the app.

    Raises:
        SettingsError: What the manifest is made from cannot be used.
    """
    settings, problems = load_partly()
    if wrong := {name: said for name, said in problems.items() if name in _NEEDED}:
        raise to_be_fixed(wrong, settings.misnamed)
    return settings, problems.keys().isdisjoint(_TOKENS)


def app_of(settings: Settings, url: str | None, *, is_complete: bool) -> App:
    """Leave open what settings say that are not complete yet."""
    teams = settings.routes
    named = {each for team in teams for each in (*team.managers, team.duty_group, team.lead)}
    has_groups = any(each and is_group(each) for each in named)
    return App(
        url=url,
        gitlab_host=host_of(settings.gitlab_url),
        groups=True if has_groups else False if is_complete else None,
    )


def host_of(address: str) -> str | None:
    """Return a host that Slack takes as a domain."""
    host = urlsplit(address).hostname or ""
    return host if _HOST.fullmatch(host) else None


def public_url(text: str) -> str:
    """Read the address at which Slack and GitLab reach the bot.

    Raises:
        ValueError: Says what is allowed, and never what was given: it may hold a password.
    """
    if not text.strip().lower().startswith("https://"):
        raise ValueError("it has to begin with https://, such as https://bot.example.com")
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not _HOST.fullmatch(host):
        raise ValueError("give the bot's public address, such as https://bot.example.com")
    if "@" in parts.netloc:
        raise ValueError("give it without a name and a password")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("give it without what comes after the host: the bot adds its own paths")
    return f"https://{host}" + (f":{port}" if port else "")


def manifest(app: App) -> dict[str, Any]:
    scopes, optional = _scopes(app)
    address = {} if app.url is None else {"request_url": f"{app.url}{EVENTS_PATH}"}
    unfurls = app.gitlab_host is not None
    return {
        "display_information": {
            "name": "ssat-bot",
            "description": "Shows customers who asked for a manager's contact, with their "
            "deadline.",
            "long_description": "Posts a card in the escalations channel for each customer who "
            "asked for a manager's contact within 48 hours, Monday to Friday. Managers claim the "
            "request, choose a feedback label and mark the customer contacted, with buttons. Each "
            "choice goes to the feedback issue in GitLab.",
            "background_color": "#292961",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "ssat-bot", "always_online": True},
            "slash_commands": [
                {
                    "command": COMMAND,
                    "description": "Shows which customers are waiting for a manager's contact",
                    "usage_hint": "[mine] [unclaimed] [overdue] [done 7d] [show 412345] [stats] "
                    "[help]",
                    "should_escape": True,
                }
                | ({} if app.url is None else {"url": address["request_url"]})
            ],
            "shortcuts": [
                {
                    "name": "Show feedback",
                    "type": "message",
                    "callback_id": SHOW_FEEDBACK,
                    "description": "Shows the customer feedback that a message is about",
                }
            ],
        }
        | ({"unfurl_domains": [app.gitlab_host]} if unfurls else {}),
        "oauth_config": {
            "scopes": {
                "bot": [name for name, _ in scopes],
                "bot_optional": [name for name, _ in optional],
            }
        },
        "settings": {
            "event_subscriptions": address
            | {"bot_events": ["app_home_opened", *(["link_shared"] if unfurls else [])]},
            "interactivity": {"is_enabled": True} | address,
            "org_deploy_enabled": False,
            "socket_mode_enabled": app.url is None,
            "token_rotation_enabled": False,
        },
    }


def _scopes(app: App) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return all, and which of them may be left out at the installation, each with its purpose.

    Slack wants the optional ones in both lists.
    """
    optional = [*_OPTIONAL_SCOPES, *(_UNFURLS if app.gitlab_host else ())]
    optional += [_GROUPS] if app.groups is None else []
    required = [*_SCOPES, *([_GROUPS] if app.groups else [])]
    return sorted(required + optional), sorted(optional)


def link(app: App) -> str:
    """Return the address that opens Slack's form for a new app with the manifest in it."""
    return CREATE_APP + quote(json.dumps(manifest(app), separators=(",", ":")), safe="")


def as_json(app: App) -> str:
    return json.dumps(manifest(app), indent=2)


def as_yaml(app: App) -> str:
    """Write YAML with a comment on each scope."""
    flags = "--socket" if app.url is None else f"--url {app.url}"
    head = [
        f"# What `ssat-bot manifest {flags}` prints: create the Slack app from it at",
        '# https://api.slack.com/apps ("Create New App", "From a manifest").',
        "# Without a scope in bot_optional, only what it is for is missing.",
    ]
    purposes = dict(_scopes(app)[0])
    return "\n".join([*head, *_lines(manifest(app), "", purposes)])


def _lines(value: Any, indent: str, purposes: dict[str, str]) -> Iterator[str]:
    """Write a mapping, or a list; ``purposes`` are comments on what the list ``bot`` has."""
    if isinstance(value, dict):
        for name, each in value.items():
            if isinstance(each, dict | list):
                yield f"{indent}{name}:"
                is_told = isinstance(each, dict) or name == "bot"
                yield from _lines(each, f"{indent}  ", purposes if is_told else {})
            else:
                yield from _field(f"{indent}{name}:", each, f"{indent}  ")
        return
    for each in value:
        if isinstance(each, dict):
            first, *others = _lines(each, f"{indent}  ", {})
            yield f"{indent}- {first.strip()}"
            yield from others
        else:
            purpose = purposes.get(each)
            yield f"{indent}- {_scalar(each)}" + (f" # {purpose}" if purpose else "")


def _field(name: str, value: str | bool, indent: str) -> Iterator[str]:
    written = f"{name} {_scalar(value)}"
    if len(written) <= _LINE:
        yield written
    else:
        yield f"{name} >-"
        yield from (f"{indent}{line}" for line in wrap(str(value), _LINE - len(indent)))


def _scalar(value: str | bool) -> str:
    """JSON is YAML."""
    is_plain = isinstance(value, str) and _PLAIN.fullmatch(value) and ": " not in value
    return str(value) if is_plain else json.dumps(value)
