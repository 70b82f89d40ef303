"""A small, strict stand-in for PagerDuty's REST API: schedules and who is on call on them."""

from slackbot.local.pagerduty.account import PagerDuty, Schedule, Turn, User
from slackbot.local.pagerduty.server import serve

__all__ = ["PagerDuty", "Schedule", "Turn", "User", "serve"]
