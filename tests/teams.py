"""Teams of an instance, as a test needs them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from slackbot.rules.request import Rules
from slackbot.rules.routes import Route, Routes
from slackbot.rules.timing.deadline import ALWAYS
from slackbot.rules.timing.reminders import ReminderRules

PROJECT = "example/feedback"
RULES = Rules(
    contact_label="SSAT::Contact",
    contacted_label="ssat-manager-contacted-customer",
    scope="feedback",
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)


def team(name: str = "", **changes: Any) -> Route:
    """Return a team that works at all hours."""
    route = Route(
        name=name,
        project=PROJECT,
        label=name or None,
        channel=f"#{name or 'all'}",
        rules=replace(RULES, route=name),
        reminders=ReminderRules(before=(), hours=ALWAYS),
    )
    return replace(route, **changes)


def teams(*routes: Route) -> Routes:
    return Routes(routes, PROJECT)
