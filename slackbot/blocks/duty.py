"""Who is on duty, on cards and homes and for ``/ssat duty``. Pure."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from slackbot.blocks.text import moment, name
from slackbot.blocks.words import PEOPLE_SHOWN, mention
from slackbot.rules.request import Person

PROBLEM_CHARACTERS = 300

NOT_SET_UP = (
    "I don't know who is on duty. The bot's administrator can set up where to look: a schedule in "
    "PagerDuty (PAGERDUTY_API_TOKEN), a user group (SSAT_DUTY_GROUP), or weeks in the people file "
    "(SSAT_PEOPLE_FILE)."
)


@dataclass(frozen=True, kw_only=True)
class DutyView:
    """Who is on duty by the record; moments are UTC.

    With a ``problem``, which says why the schedule is silent, the people are the last known.
    """

    people: tuple[Person, ...] = ()
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    problem: str | None = None
    problem_since: datetime | None = None


def duty_line(view: DutyView) -> str:
    """Ping the people on duty."""
    if not view.people:
        return "On duty: unknown"
    last_known = " (last known, the schedule isn't available)" if view.problem else ""
    return f"On duty: {duty_people(view)}{last_known}"


def duty_people(view: DutyView) -> str:
    """Ping those whom Slack knows, and name the others."""
    named = [_named(person) for person in view.people[:PEOPLE_SHOWN]]
    more = len(view.people) - len(named)
    return ", ".join([*named, f"{more} more"] if more else named)


def _named(person: Person) -> str:
    known = mention(person)
    return known if person.slack_user else f"{known} (not known in Slack)"


def duty_words(view: DutyView | None, zone: ZoneInfo) -> str:
    if view is None:
        return NOT_SET_UP
    said = [f"*{duty_line(view)}*"]
    if view.people and view.source:
        until = f", until {moment(view.until, zone)}" if view.until and not view.problem else ""
        said.append(f"According to {name(view.source)}{until}.")
    if view.problem:
        since = f" since {moment(view.problem_since, zone)}" if view.problem_since else ""
        said.append(f"⚠️ Unknown{since}: {name(view.problem, PROBLEM_CHARACTERS)}")
    if any(person.slack_user is None for person in view.people):
        said.append(
            "A person who isn't known in Slack has another email there than in the schedule, or "
            "isn't a full member of this workspace."
        )
    return "\n".join(said)
