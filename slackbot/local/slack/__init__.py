"""A stateful, strict stand-in for Slack over HTTP."""

from slackbot.local.slack.models import (
    ApiRequest,
    Channel,
    Ephemeral,
    Message,
    Outcome,
    User,
    Usergroup,
    View,
)
from slackbot.local.slack.mrkdwn import links, pings
from slackbot.local.slack.server import routes, serve
from slackbot.local.slack.workspace import Workspace

__all__ = [
    "ApiRequest",
    "Channel",
    "Ephemeral",
    "Message",
    "Outcome",
    "User",
    "Usergroup",
    "View",
    "Workspace",
    "links",
    "pings",
    "routes",
    "serve",
]
