"""What the settings come to: the way in, the deadline, and the features."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta

from slackbot import tracing
from slackbot.blocks.text import count, plain_moment
from slackbot.check.findings import Finding, Teams, good, of_team, unknown, warning
from slackbot.platforms.slack.client import MESSAGES_SCOPES, UNFURL_SCOPES, Identity
from slackbot.platforms.slack.files import FILE_SCOPES
from slackbot.rules.outreach import Webmail
from slackbot.rules.routes import Route
from slackbot.rules.timing.deadline import (
    MINUTES_IN_DAY,
    BusinessHours,
    DeadlineRule,
    Holidays,
    NeverOpensError,
)
from slackbot.settings import Settings

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_BY_SCOPE = {
    "direct messages": MESSAGES_SCOPES,
    "unfurls": UNFURL_SCOPES,
    "files": FILE_SCOPES,
    "user groups": frozenset({"usergroups:read"}),
}


def examine_transport(settings: Settings) -> Iterator[Finding]:
    """Leave Socket Mode to whoever asks Slack for a websocket."""
    if settings.slack_signing_secret is None or settings.uses_socket_mode:
        return
    where = f"http://{settings.host}:{settings.port}/slack/events"
    yield good(f"HTTP mode: a proxy with TLS passes Slack's requests to {where}", transport="http")


def examine_deadlines(teams: Teams, now: datetime) -> Iterator[Finding]:
    for team in teams:
        for finding in _examine_deadline(team, now):
            yield of_team(team, finding, teams)


def _examine_deadline(team: Route, now: datetime) -> Iterator[Finding]:
    hours, zone = team.rules.hours, team.rules.hours.timezone
    limit = _in_hours(team.rules.deadline)
    days = _days(hours.workdays)
    rule = f"{limit} business hours; {days}; {_window(hours.opens, hours.closes)}; {zone.key}"
    yield good(rule + _holidays(hours), hours=limit, workdays=days, zone=zone.key)
    try:
        due = hours.add(now, team.rules.deadline)
        others = [(each, hours.add(now, each.hours)) for each in team.rules.deadlines]
    except NeverOpensError as error:
        yield warning("deadline", error)
        return
    asks, ends = plain_moment(now, zone), plain_moment(due, zone)
    told = {"asks_at": now.isoformat(), "due_at": due.isoformat()}
    yield good(f"a customer who asks now, {asks}, must be contacted by {ends}", **told)
    for each, by in others:
        said = f"with {_for_what(each)}: {_in_hours(each.hours)} business hours, now"
        told = {"hours": _in_hours(each.hours), "due_at": by.isoformat()}
        yield good(f"{said} by {plain_moment(by, zone)}", **told)
    yield good(_reminders(team))


def _for_what(rule: DeadlineRule) -> str:
    said = [f"label {each}" for each in (rule.label, rule.tier) if each]
    if rule.scores:
        first, last = rule.scores[0], rule.scores[-1]
        said.insert(0, f"score {first}" if first == last else f"score {first}-{last}")
    return " and ".join(said)


def _in_hours(time: timedelta) -> str:
    return _number(time.total_seconds() / 3600)


def _days(workdays: frozenset[int]) -> str:
    first, last = min(workdays), max(workdays)
    if len(workdays) == last - first + 1 > 1:
        return f"{_DAYS[first]}-{_DAYS[last]}"
    return ", ".join(_DAYS[day] for day in sorted(workdays))


def _holidays(hours: BusinessHours) -> str:
    days = hours.holidays
    if not isinstance(days, Holidays):
        return ""
    named = [*("-".join(filter(None, each)) for each in sorted(days.regions))]
    named += [count(len(days.dates), "date")] if days.dates else []
    return f"; holidays of {', '.join(named)}" if named else ""


def _window(opens: int, closes: int) -> str:
    return "all day" if closes - opens == MINUTES_IN_DAY else f"{_clock(opens)}-{_clock(closes)}"


def _reminders(team: Route) -> str:
    before = ", ".join(map(_number, team.reminders.before))
    said = f"reminders {before} business hours before" if before else "reminders off"
    times = ", ".join(map(str, team.digests))
    at = f"digest on workdays at {times}" if times else "digest off"
    return f"{said}; {at}"


def examine_features(
    settings: Settings, teams: Teams, identity: Identity | None
) -> Iterator[Finding]:
    if identity is not None:
        yield _by_scope(identity)
    on, off = _by_setting(settings, teams)
    if on:
        yield good(f"by setting: {', '.join(on)}", on=on)
    if off:
        yield good(f"off: {', '.join(off)}", off=off)
    yield _watching(settings)


def _watching(settings: Settings) -> Finding:
    traces = tracing.is_wanted(os.environ)
    said = f"metrics at http://{settings.host}:{settings.port}/metrics; traces "
    said += f"{'on' if traces else 'off'}; log level {settings.log_level}"
    return good(said, traces=traces, log_level=str(settings.log_level))


def _by_scope(identity: Identity) -> Finding:
    if identity.scopes is None:
        return unknown("by scope", "a proxy hides the app's scopes", on=None, off=None)
    on = [name for name, scopes in _BY_SCOPE.items() if not identity.lacks(scopes)]
    off = [name for name in _BY_SCOPE if name not in on]
    said = f"by scope: {', '.join(on) or 'nothing'}" + (f"; off: {', '.join(off)}" if off else "")
    return good(said, on=on, off=off)


def _by_setting(settings: Settings, teams: Teams) -> tuple[list[str], list[str]]:
    features = {
        "kudos channel": settings.ssat_kudos_channel is not None,
        "review week": settings.review_week is not None,
        "stats channel": settings.ssat_stats_channel is not None,
        "bad channel": any(team.bad_channel for team in teams),
        "templates": settings.ssat_email_templates is not None,
        "webmail": settings.ssat_webmail is not Webmail.OFF,
        "close good": settings.ssat_close_good,
        "assign on duty": any(team.assigns_on_duty for team in teams),
        "CSM": settings.ssat_review_csm,
        "lead": any(team.lead for team in teams),
        "/ssat link": settings.ssat_link_issue is not None,
    }
    on = [name for name, is_on in features.items() if is_on]
    return on, [name for name in features if name not in on]


def _number(number: float) -> str:
    return f"{number:g}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
