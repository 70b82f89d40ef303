"""What the page of ``ssat-bot local`` shows: both platforms as one of the people sees them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from slackbot.local.cast import CONTACT_LABEL, CONTACTED_LABEL, PEOPLE, Figure
from slackbot.local.gitlab import Issue
from slackbot.local.gitlab.entities import Entities
from slackbot.local.sample import Sample
from slackbot.platforms.snapshot import parse_issue, parse_label_event
from slackbot.rules.deadline import ALWAYS
from slackbot.rules.request import UNFINISHED, Rules
from slackbot.sync.observe import Observation, observe

RULES = Rules(
    contact_label=CONTACT_LABEL,
    contacted_label=CONTACTED_LABEL,
    scope="feedback",
    hours=ALWAYS,
    deadline=timedelta(hours=48),
)

Json = dict[str, Any]


def shown_to(me: str, sample: Sample) -> Json:
    """Return everything that one person sees."""
    slack, gitlab = sample.slack, sample.gitlab
    return {
        "me": me,
        "offset": round(sample.clock.offset.total_seconds()),
        "deadlines": sorted(due.isoformat() for due in deadlines(sample)),
        "people": [_figure(each) for each in PEOPLE],
        "down": {"slack": slack.is_down, "gitlab": gitlab.faults.down},
        "objections": [
            *(f"Slack: {each}" for each in slack.refusals),
            *(f"GitLab: {each}" for each in gitlab.violations),
        ],
        "slack": _slack(me, sample),
        "gitlab": _gitlab(sample),
    }


def deadlines(sample: Sample) -> Iterator[datetime]:
    """Yield when the customers who wait are to be contacted, by the bot's own rules."""
    entities = Entities(sample.gitlab.url)
    for issue in sample.project.issues.values():
        events = [parse_label_event(entities.label_event(issue, e)) for e in issue.label_events]
        seen = Observation(
            issue=parse_issue(entities.issue(issue)),
            label_events=[event for event in events if event],
            at=sample.clock(),
        )
        request, _ = observe(None, seen, RULES)
        if request and request.state in UNFINISHED:
            yield request.due_at


def _slack(me: str, sample: Sample) -> Json:
    slack = sample.slack
    shown = slack.snapshot(me)
    del shown["now"], shown["version"]  # they would make every look seem like news
    chosen = slack.selections.items()
    issues = {
        message.ts: issue.iid
        for message in sample.channel.messages
        if (issue := sample.issue_of(message))
    }
    return shown | {
        "issues": issues,
        "selections": {ts: values for (user, ts), values in chosen if user == me},
        "usergroups": {each.id: each.handle for each in slack.usergroups.values()},
    }


def _gitlab(sample: Sample) -> Json:
    project = sample.project
    return {
        "project": project.path,
        "labels": [
            {"name": each.name, "colour": each.color, "description": each.description}
            for each in sorted(project.labels, key=lambda label: label.name)
        ],
        "members": [
            {"username": each.username, "name": each.name}
            for each in project.members
            if not each.bot
        ],
        "issues": [_issue(each) for each in project.issues.values()],
    }


def _figure(figure: Figure) -> Json:
    return {
        "id": figure.slack,
        "name": figure.name,
        "role": figure.role,
        "gitlab": figure.gitlab,
    }


def _issue(issue: Issue) -> Json:
    return {
        "iid": issue.iid,
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
