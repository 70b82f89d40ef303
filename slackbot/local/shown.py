"""What the page of ``ssat-bot local`` shows: both platforms as one of the people sees them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from slackbot.handlers.showing import SHOW_FEEDBACK
from slackbot.local.cast import CONTACT_LABEL, CONTACTED_LABEL, PEOPLE, Figure
from slackbot.local.gitlab import GitLab, Issue
from slackbot.local.gitlab.entities import Entities
from slackbot.local.json_type import Json
from slackbot.local.markdown import rendered, sources
from slackbot.local.pagerduty.account import EARLIEST, LATEST, Turn
from slackbot.local.sample import Sample
from slackbot.local.slack.chat import permalink
from slackbot.local.troubles import TROUBLES
from slackbot.local.world import World
from slackbot.platforms.gitlab.snapshot import parse_issue, parse_label_event
from slackbot.rules.request import UNFINISHED, Rules
from slackbot.rules.timing.deadline import ALWAYS
from slackbot.sync.reading.observe import Observation, observe

RULES = Rules(
    contact_label=CONTACT_LABEL,
    contacted_label=CONTACTED_LABEL,
    scope="feedback",
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)

SHOWN_SCHEDULE = timedelta(days=14)
SHORTCUTS = (
    {
        "callback_id": SHOW_FEEDBACK,
        "name": "Show feedback",
        "description": "Shows the customer feedback that a message is about",
    },
)
"""The message shortcuts of manifest.yml."""


def shown_to(me: str, world: World) -> Json:
    """Return everything that one person sees."""
    sample = world.sample
    slack, gitlab = sample.slack, sample.gitlab
    shown_slack, shown_gitlab = _slack(me, sample), _gitlab(sample)
    return {
        "ready": world.is_ready,
        "me": me,
        "offset": round(sample.clock.offset.total_seconds()),
        "deadlines": [due.isoformat() for due in deadlines(sample)],
        "people": [_figure(each, sample) for each in PEOPLE],
        "tried": world.tried.look(),
        "troubles": [
            {
                "name": each.name,
                "group": each.group,
                "title": each.title,
                "look_at": each.look_at,
                "is_on": world.troubles.is_on(each.name),
                "is_once": each.is_once,
            }
            for each in TROUBLES
        ],
        "bot": {"is_running": world.bot.is_running},
        "clock": _clock(me, world),
        "traffic": world.traffic.count,
        "objections": [
            *(f"Slack: {each}" for each in slack.refusals),
            *(f"GitLab: {each}" for each in gitlab.violations),
        ],
        "slack": shown_slack,
        "gitlab": shown_gitlab,
        "markdown": {each: rendered(each) for each in _markdown(shown_slack, shown_gitlab)},
        "pagerduty": _pagerduty(sample),
    }


def _clock(me: str, world: World) -> Json:
    """Tell whether the person must not be disturbed now, by the bot's own rules."""
    sample, settings = world.sample, world.bot.settings
    now, quiet = sample.clock(), settings.ssat_quiet_hours
    zone = ZoneInfo(sample.slack.users[me].tz or "UTC")
    ends = quiet.end(now, zone, settings.business_hours)
    return {
        "is_quiet": ends > now,
        "quiet": _quiet_hours(quiet.awake),
        "moving_to": world.moving_to.isoformat() if world.moving_to else None,
    }


def _markdown(slack: Json, gitlab: Json) -> Iterator[str]:
    """Yield the Markdown that is shown: descriptions and notes, and Slack's blocks of it."""
    for issue in gitlab["issues"]:
        yield issue["description"]
        yield from (entry["body"] for entry in issue["activity"])
    top = (message for channel in slack["channels"] for message in channel["messages"])
    messages = (message for one in top for message in (one, *one["thread"]))
    for message in (*messages, *slack["ephemerals"]):
        yield from sources(message.get("blocks", ()))


def deadlines(sample: Sample) -> list[datetime]:
    """Return when the customers who wait are to be contacted, the soonest first."""
    return _deadlines(sample, sample.gitlab.change_count)


@lru_cache(maxsize=1)  # each look asks for it, and only a change in GitLab changes it
def _deadlines(sample: Sample, _: int) -> list[datetime]:
    moments = (due_at(sample, issue) for issue in sample.project.issues.values())
    return sorted(due for due in moments if due)


def due_at(sample: Sample, issue: Issue) -> datetime | None:
    """Return when a customer who waits is to be contacted, by the bot's own rules."""
    entities = Entities(sample.gitlab.url)
    events = [parse_label_event(entities.label_event(issue, e)) for e in issue.label_events]
    seen = Observation(
        issue=parse_issue(entities.issue(issue)),
        label_events=[event for event in events if event],
        at=sample.clock(),
    )
    request, _ = observe(None, seen, RULES)
    return request.due_at if request and request.state in UNFINISHED else None


def _quiet_hours(awake: tuple[tuple[int, int], ...]) -> str:
    """Write what lies between windows of minutes after midnight, as the setting does."""
    (opens, _), (_, closes) = awake[0], awake[-1]
    begin, end = (f"{at // 60 % 24:02}:{at % 60:02}" for at in (closes, opens))
    return f"{begin}-{end}"


def _slack(me: str, sample: Sample) -> Json:
    slack = sample.slack
    shown = slack.snapshot(me)
    del shown["now"], shown["version"]  # they would make every look seem like news
    for channel in shown["channels"]:
        for message in channel["messages"]:
            _complete(message, channel["id"], sample)
            for reply in message["thread"]:
                _complete(reply, channel["id"], sample)
    chosen = slack.selections.items()
    issues = {
        message.ts: issue.iid
        for channel in slack.channels.values()
        for message in channel.messages
        if (issue := sample.issue_of(message))
    }
    return shown | {
        "issues": issues,
        "selections": {ts: values for (user, ts), values in chosen if user == me},
        "usergroups": {each.id: each.handle for each in slack.usergroups.values()},
        "shortcuts": list(SHORTCUTS),
    }


def _complete(shown: Json, channel: str, sample: Sample) -> None:
    """Add what Slack's own client knows of a message."""
    message = sample.slack.channels[channel].find(shown["ts"])
    if message:
        shown["unfurls"] = message.unfurls
        shown["permalink"] = permalink(sample.slack, message)


def _gitlab(sample: Sample) -> Json:
    project = sample.project
    return {
        "project": project.path,
        "projects": [each.path for each in sample.gitlab.projects],
        "labels": [
            {
                "name": each.name,
                "color": each.color,
                "description": each.description,
                "archived": each.archived,
            }
            for each in sorted(project.labels, key=lambda label: label.name)
        ],
        "members": [
            {"username": each.username, "name": each.name}
            for each in project.members
            if not each.bot
        ],
        "issues": [
            _issue(each, sample.gitlab)
            for project in sample.gitlab.projects
            for each in project.issues.values()
        ],
    }


def _pagerduty(sample: Sample) -> Json:
    """Return who is on duty now and in the next days, and when nobody is."""
    now, schedule = sample.clock(), sample.schedule
    people = {account.id: slack for slack, account in sample.on_call.items()}

    def shown(turn: Turn) -> Json:
        return {
            "id": people[turn.user.id],
            "name": turn.user.name,
            "start": turn.start.isoformat(),
            "end": None if turn.end == LATEST else turn.end.isoformat(),
        }

    turns = list(schedule.turns(EARLIEST, LATEST))
    current = next((turn for turn in turns if turn.start <= now < turn.end), None)
    ahead = [turn for turn in turns if now < turn.start < now + SHOWN_SCHEDULE]
    # Nothing here may move with the time: every look would seem like news.
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    begins = (
        current.end if current else max((t.end for t in turns if t.end <= now), default=midnight)
    )
    is_gap = bool(ahead) and begins < ahead[0].start
    return {
        "schedule": schedule.name,
        "current": shown(current) if current else None,
        "next": [shown(turn) for turn in ahead],
        "gap": {"start": begins.isoformat(), "end": ahead[0].start.isoformat()} if is_gap else None,
    }


def _figure(figure: Figure, sample: Sample) -> Json:
    is_on_duty = figure is sample.on_duty()
    role = f"{figure.role}, on duty" if is_on_duty else figure.role
    reminded = " You are on duty: the bot reminds you of what nobody has claimed."
    return {
        "id": figure.slack,
        "name": figure.name,
        "role": role,
        "is_manager": figure.is_manager,
        "rights": figure.rights + reminded if is_on_duty else figure.rights,
        "gitlab": figure.gitlab,
    }


def _issue(issue: Issue, gitlab: GitLab) -> Json:
    return {
        "iid": issue.iid,
        "project": issue.project.path,
        "web_url": _web_url(issue, gitlab),
        "moved_to": _web_url(issue.moved_to, gitlab) if issue.moved_to else None,
        "title": issue.title,
        "description": issue.description or "",
        "state": issue.state,
        "confidential": issue.confidential,
        "labels": issue.labels,
        "assignees": issue.assigned_to,
        "author": issue.author.name,
        "created_at": issue.created_at.isoformat(),
        "activity": sorted(_activity(issue), key=lambda entry: (entry["at"], entry["id"])),
    }


def _web_url(issue: Issue, gitlab: GitLab) -> str:
    return str(Entities(gitlab.url).issue(issue)["web_url"])


def _activity(issue: Issue) -> Iterator[Json]:
    """Yield notes and events together, as GitLab's page tells them."""
    for note in issue.notes:
        kind = "system" if note.system else "internal" if note.internal else "comment"
        yield _entry(note.id, note.author.name, note.created_at, kind, note.body)
    for event in issue.label_events:
        name = event.label.name if event.label else "a deleted label"
        verb = "added" if event.action == "add" else "removed"
        yield _entry(event.id, event.user.name, event.created_at, "system", f"{verb} `{name}`")
    for change in issue.state_events:
        yield _entry(change.id, change.user.name, change.created_at, "system", change.state)


def _entry(number: int, who: str, at: datetime, kind: str, body: str) -> Json:
    return {"id": number, "who": who, "at": at.isoformat(), "kind": kind, "body": body}
