"""What Slack accepts as the manifest of an app.

https://docs.slack.dev/reference/app-manifest, and where that says less
https://github.com/slackapi/manifest-schema. Functions, workflows, datastores and other parts of
apps that Slack hosts are not looked into.
"""

from typing import Any

from slackbot.local.json_type import Json
from slackbot.local.slack.schema import (
    Check,
    Problems,
    Spec,
    anything,
    boolean,
    integer,
    listing,
    one_of,
    string,
)

SHORTEST_LONG_DESCRIPTION = 175

_URL = r"https?://\S+"
_COLOR = r"#[0-9a-fA-F]{3}(?:[0-9a-fA-F]{3})?"
_DOMAIN = r"(?![.-])[-a-z0-9.]+[a-z0-9]"
_ADDRESSES = r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?"
_BOT_NAME = r"[a-z0-9._-]+"

_BOT_SCOPES = frozenset(
    """
    app_mentions:read assistant:write bookmarks:read bookmarks:write calls:read calls:write
    canvases:read canvases:write channels:history channels:join channels:manage channels:read
    channels:write.invites channels:write.topic chat:write chat:write.customize chat:write.public
    commands conversations.connect:manage conversations.connect:read conversations.connect:write
    datastore:read datastore:write dnd:read emoji:read files:read files:write groups:history
    groups:read groups:write groups:write.invites groups:write.topic im:history im:read im:write
    im:write.topic incoming-webhook links.embed:write links:read links:write lists:read lists:write
    metadata.message:read mpim:history mpim:read mpim:write mpim:write.invites mpim:write.topic
    pins:read pins:write reactions:read reactions:write reminders:read reminders:write
    remote_files:read remote_files:share remote_files:write team.billing:read
    team.preferences:read team:read tokens.basic triggers:read triggers:write usergroups:read
    usergroups:write users.profile:read users:read users:read.email users:write
    workflow.steps:execute
    """.split()  # noqa: SIM905 - a list of words is read as words
)
_NEEDED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("app_home_opened", "app_uninstalled", "tokens_revoked"), ()),
    **dict.fromkeys(("function_executed",), ()),
    "app_mention": ("app_mentions:read",),
    **dict.fromkeys(
        ("assistant_thread_started", "assistant_thread_context_changed"), ("assistant:write",)
    ),
    **dict.fromkeys(
        (
            *("channel_archive", "channel_created", "channel_deleted", "channel_id_changed"),
            *("channel_left", "channel_rename", "channel_unarchive", "channel_shared"),
            "channel_unshared",
        ),
        ("channels:read",),
    ),
    "channel_history_changed": ("channels:history",),
    "dnd_updated_user": ("dnd:read",),
    "emoji_changed": ("emoji:read",),
    **dict.fromkeys(
        (
            *("file_change", "file_created", "file_deleted", "file_public", "file_shared"),
            "file_unshared",
        ),
        ("files:read",),
    ),
    **dict.fromkeys(
        (
            *("group_archive", "group_close", "group_deleted", "group_left", "group_open"),
            *("group_rename", "group_unarchive"),
        ),
        ("groups:read",),
    ),
    "group_history_changed": ("groups:history",),
    **dict.fromkeys(("im_close", "im_created", "im_open"), ("im:read",)),
    "im_history_changed": ("im:history",),
    "link_shared": ("links:read",),
    **dict.fromkeys(
        ("member_joined_channel", "member_left_channel"), ("channels:read", "groups:read")
    ),
    "message.channels": ("channels:history",),
    "message.groups": ("groups:history",),
    "message.im": ("im:history",),
    "message.mpim": ("mpim:history",),
    **dict.fromkeys(
        ("message_metadata_posted", "message_metadata_updated", "message_metadata_deleted"),
        ("metadata.message:read",),
    ),
    **dict.fromkeys(("pin_added", "pin_removed"), ("pins:read",)),
    **dict.fromkeys(("reaction_added", "reaction_removed"), ("reactions:read",)),
    **dict.fromkeys(
        ("subteam_created", "subteam_members_changed", "subteam_updated"), ("usergroups:read",)
    ),
    **dict.fromkeys(("team_domain_change", "team_rename"), ("team:read",)),
    **dict.fromkeys(("team_join", "user_change", "user_huddle_changed"), ("users:read",)),
    "user_profile_changed": ("users.profile:read",),
}
"""The events that a bot may hear of, and the scopes one of which each needs."""


def _unique(item: Check, max_items: int, min_items: int = 0) -> Check:
    check_list = listing(item, max_items, min_items)

    def check(problems: Problems, path: str, value: Any) -> None:
        check_list(problems, path, value)
        if isinstance(value, list) and len({str(one) for one in value}) != len(value):
            problems.add(path, "must not have duplicates")

    return check


_url = string(3500, pattern=_URL)
_word = string(50, 1)
_DISPLAY = Spec(
    required={"name": string(35, 1)},
    optional={
        "description": string(140, 1),
        "long_description": string(4000, SHORTEST_LONG_DESCRIPTION),
        "background_color": string(7, pattern=_COLOR),
    },
)
_APP_HOME = Spec(
    optional={
        "home_tab_enabled": boolean,
        "messages_tab_enabled": boolean,
        "messages_tab_read_only_enabled": boolean,
    }
)
_BOT_USER = Spec(
    required={"display_name": string(80, 1, _BOT_NAME)}, optional={"always_online": boolean}
)


def _typed(problems: Problems, path: str, value: Any) -> None:
    """Check a shortcut: its `type` is a field as others are."""
    if isinstance(value, dict):
        one_of("message", "global")(problems, f"{path}/type", value.get("type"))
    _SHORTCUT(problems, path, value)


_SHORTCUT = Spec(
    required={
        "name": string(24, 1),
        "callback_id": string(255, 1),
        "description": string(150, 1),
    }
)
_COMMAND = Spec(
    required={"command": string(32, 2, r"/\S+"), "description": string(2000, 1)},
    optional={
        "url": string(3000, pattern=_URL),
        "usage_hint": string(1000, 1),
        "should_escape": boolean,
    },
)
_FEATURES = Spec(
    optional={
        "app_home": _APP_HOME,
        "bot_user": _BOT_USER,
        "shortcuts": listing(_typed, 10, 1),
        "slash_commands": listing(_COMMAND, 50, 1),
        "unfurl_domains": _unique(string(255, pattern=_DOMAIN), 5, 1),
        **dict.fromkeys(("assistant_view", "functions", "workflow_steps"), anything),
        **dict.fromkeys(("agent_view", "search", "rich_previews"), anything),
    }
)
_scopes = listing(string(50, 1), 255)
_OAUTH = Spec(
    optional={
        "redirect_urls": _unique(string(2500), 1000),
        "scopes": Spec(
            optional=dict.fromkeys(("bot", "user", "bot_optional", "user_optional"), _scopes)
        ),
        "token_management_enabled": boolean,
        "pkce_enabled": boolean,
    }
)
_METADATA_SUBSCRIPTION = Spec(required={"app_id": string(), "event_type": _word})
_EVENTS = Spec(
    optional={
        "request_url": _url,
        "bot_events": _unique(_word, 100),
        "user_events": _unique(_word, 100),
        "metadata_subscriptions": _unique(_METADATA_SUBSCRIPTION, 20, 1),
    }
)
_SETTINGS = Spec(
    optional={
        "allowed_ip_address_ranges": _unique(string(pattern=_ADDRESSES), 50, 1),
        "event_subscriptions": _EVENTS,
        "incoming_webhooks": Spec(optional={"incoming_webhooks_enabled": boolean}),
        "interactivity": Spec(
            required={"is_enabled": boolean},
            optional={"request_url": _url, "message_menu_options_url": _url},
        ),
        **dict.fromkeys(("org_deploy_enabled", "socket_mode_enabled"), boolean),
        **dict.fromkeys(("token_rotation_enabled", "is_hosted", "is_mcp_enabled"), boolean),
        **dict.fromkeys(("siws_links", "hermes_app_type", "function_runtime"), anything),
    }
)
_MANIFEST = Spec(
    required={"display_information": _DISPLAY},
    optional={
        "_metadata": Spec(
            optional={
                "major_version": integer(1, 2),
                "minor_version": integer(0),
                "schema_version": integer(),
                "min_version": integer(),
            }
        ),
        "features": _FEATURES,
        "oauth_config": _OAUTH,
        "settings": _SETTINGS,
        **dict.fromkeys(("functions", "workflows", "datastores", "types"), anything),
        **dict.fromkeys(("outgoing_domains", "external_auth_providers"), anything),
        **dict.fromkeys(("$schema", "app_directory"), anything),
    },
)


def validate_manifest(manifest: Any) -> list[str]:
    """Return what Slack would refuse in a manifest, each with the path of the culprit."""
    problems = Problems()
    _MANIFEST(problems, "", manifest)
    if not problems.found:
        _check_addresses(problems, manifest)
        _check_scopes(problems, manifest)
    return problems.found


def _part(manifest: Json, *names: str) -> Any:
    for name in names:
        manifest = manifest.get(name) or {}
    return manifest


def _check_addresses(problems: Problems, manifest: Json) -> None:
    """Ask for an address for whatever Slack sends, unless Socket Mode is on."""
    settings = _part(manifest, "settings")
    if settings.get("socket_mode_enabled"):
        return
    events = _part(settings, "event_subscriptions")
    if (events.get("bot_events") or events.get("user_events")) and "request_url" not in events:
        problems.add(
            "/settings/event_subscriptions",
            "Event Subscription requires either Request URL or Socket Mode Enabled",
        )
    interactivity = _part(settings, "interactivity")
    if interactivity.get("is_enabled") and "request_url" not in interactivity:
        problems.add("/settings/interactivity", "Interactivity requires a Request URL")
        problems.add("/settings/interactivity", "Interactivity requires Socket Mode enabled")
    for position, command in enumerate(_part(manifest, "features").get("slash_commands", [])):
        if "url" not in command:
            path = f"/features/slash_commands/{position}"
            problems.add(path, "Slash command requires a URL or Socket Mode enabled")


def _check_scopes(problems: Problems, manifest: Json) -> None:
    """Ask for the scopes that events and features need."""
    asked = _part(manifest, "oauth_config", "scopes")
    scopes = [*asked.get("bot", []), *asked.get("bot_optional", [])]
    for name in ("bot", "bot_optional"):
        for position, scope in enumerate(asked.get(name, [])):
            if scope not in _BOT_SCOPES:
                problems.add(f"/oauth_config/scopes/{name}/{position}", f"unknown scope: {scope}")
    events = _part(manifest, "settings", "event_subscriptions").get("bot_events", [])
    for position, event in enumerate(events):
        path = f"/settings/event_subscriptions/bot_events/{position}"
        needed = _NEEDED.get(event)
        if needed is None:
            problems.add(path, f"unknown event: {event}")
        elif needed and not set(needed) & set(scopes):
            problems.add(path, f"{event} requires the scope {' or '.join(needed)}")
    features = _part(manifest, "features")
    webhooks = _part(manifest, "settings", "incoming_webhooks")
    for path, is_used, scope in (
        ("/features/slash_commands", features.get("slash_commands"), "commands"),
        ("/features/shortcuts", features.get("shortcuts"), "commands"),
        ("/features/unfurl_domains", features.get("unfurl_domains"), "links:read"),
        (
            "/settings/incoming_webhooks",
            webhooks.get("incoming_webhooks_enabled"),
            "incoming-webhook",
        ),
    ):
        if is_used and scope not in scopes:
            problems.add(path, f"requires the scope {scope}")
