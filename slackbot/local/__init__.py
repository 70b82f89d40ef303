"""A workspace on one's own machine: strict stand-ins for Slack, GitLab and PagerDuty.

What is imported here is for others, too: docs/local.md, "As a tool".
"""

from slackbot.local.clock import LocalClock
from slackbot.local.gitlab import GitLab
from slackbot.local.gitlab import serve as serve_gitlab
from slackbot.local.pagerduty import PagerDuty
from slackbot.local.pagerduty import serve as serve_pagerduty
from slackbot.local.slack import Workspace
from slackbot.local.slack import serve as serve_slack
from slackbot.local.slack.block_kit import validate_blocks, validate_view
from slackbot.local.slack.manifest import validate_manifest
from slackbot.local.traffic import Traffic

__all__ = [
    "GitLab",
    "LocalClock",
    "PagerDuty",
    "Traffic",
    "Workspace",
    "serve_gitlab",
    "serve_pagerduty",
    "serve_slack",
    "validate_blocks",
    "validate_manifest",
    "validate_view",
]
