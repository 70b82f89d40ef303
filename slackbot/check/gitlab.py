"""What the check asks of GitLab: the token, the project, its labels, and other projects."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from slackbot.app import Clients
from slackbot.blocks.forms.follow_up import TEMPLATE_LIMIT
from slackbot.blocks.words import OBSTACLES
from slackbot.check.findings import (
    Finding,
    denied,
    fatal,
    good,
    not_answered,
    of_team,
    unknown,
    warning,
)
from slackbot.platforms.errors import Denied, Missing, PlatformError, Rejected
from slackbot.platforms.gitlab.client import (
    FINE_GRAINED,
    AccountKind,
    GitLabClient,
    Project,
    Token,
    obstacle_in,
    renamed,
)
from slackbot.rules.refusals import Obstacle
from slackbot.rules.request import IssueKey, in_scope, scope_of
from slackbot.rules.routes import Route
from slackbot.rules.timing.expiry import expiry_problem
from slackbot.rules.timing.week import ReviewWeek
from slackbot.settings import Settings
from slackbot.written import nearest

REPORTER = 20
"""May change labels, assignees and state."""
ROLES = {
    0: "no member",
    5: "Minimal Access",
    10: "Guest",
    15: "Planner",
    20: "Reporter",
    25: "Security Manager",
    30: "Developer",
    40: "Maintainer",
    50: "Owner",
}
MOST_PERMISSIONS = 6


async def examine_gitlab(
    settings: Settings, clients: Clients, now: datetime
) -> AsyncIterator[Finding]:
    for gitlab in clients.gitlab.projects:
        try:
            found = [*_judge_project(settings, gitlab.named, await gitlab.project())]
        except Denied as error:
            yield denied(error, "GITLAB_TOKEN", "GITLAB_URL")
            return
        except Rejected as error:
            found = [_not_shown(settings, gitlab.named, error)]
        except PlatformError as error:
            yield not_answered("GitLab", error)
            break
        for finding in found:
            yield _of_project(settings, gitlab.named, finding)
    if known := [each for each in clients.gitlab.projects if each.known]:
        async for finding in _examine_known(settings, clients, known, now):
            yield finding


def _of_project(settings: Settings, named: str, finding: Finding, where: str = "") -> Finding:
    teams = frozenset(each.name for each in settings.routes if each.project == named)
    return replace(finding, teams=teams, where=where)


def _setting(settings: Settings, named: str) -> str:
    """Return what names the project."""
    return "GITLAB_PROJECT" if named == settings.gitlab_project else "project"


def _not_shown(settings: Settings, named: str, error: Rejected) -> Finding:
    about = f"{_setting(settings, named)} {named}"
    if isinstance(error, Missing):
        return fatal(about, "not found: is the path right, and is the token's user a member?")
    return fatal(about, f"{error}: the token needs the scope api")


def _judge_project(settings: Settings, named: str, project: Project) -> Iterator[Finding]:
    yield good(f"GitLab project {project.path} ({project.id})", id=project.id, path=project.path)
    setting = _setting(settings, named)
    if problem := renamed(named, project, setting):
        yield warning(setting, problem)
    if 0 < project.access_level < REPORTER:
        where = f" in {project.path}" if len(settings.routes.projects) > 1 else ""
        problem = f"the role{where} is too low to change issues: Reporter is the least"
        yield fatal("GITLAB_TOKEN", problem)


async def _examine_known(
    settings: Settings, clients: Clients, known: Sequence[GitLabClient], now: datetime
) -> AsyncIterator[Finding]:
    async for finding in _examine_token(clients, now):
        yield finding
    yield await _examine_follow_ups(settings, clients)
    if settings.ssat_link_issue is not None and (project := clients.gitlab.known):
        yield await _examine_link_issue(clients, project, settings.ssat_link_issue)
    if settings.review_week is not None:
        yield await _examine_week(clients, settings.review_week)
    are_several = len(clients.gitlab.projects) > 1
    for gitlab in known:
        async for finding in _examine_labels(settings, gitlab):
            where = gitlab.named if are_several else ""
            yield finding if finding.teams else _of_project(settings, gitlab.named, finding, where)


async def _examine_token(clients: Clients, now: datetime) -> AsyncIterator[Finding]:
    try:
        token = await clients.gitlab.token()
    except PlatformError as error:
        yield not_answered("GITLAB_TOKEN", error)
        return
    if token.scopes and not token.scopes & {"api", FINE_GRAINED}:
        yield fatal("GITLAB_TOKEN", "it lacks the scope api, so nothing could be written")
    yield _of_token(token, now)


def _of_token(token: Token, now: datetime) -> Finding:
    about = f"GITLAB_TOKEN, {_rights(token)}"
    ends = token.expires_on
    told: dict[str, object] = {
        "scopes": sorted(token.scopes),
        "permissions": list(token.permissions),
        "ends": ends.isoformat() if ends else None,
    }
    if ends is None:
        return good(f"{about}, never expires", **told)
    if problem := expiry_problem(ends, now):
        return warning(about, f"it {problem}", **told)
    return good(f"{about}, until {ends:%a} {ends.day} {ends:%b %Y}", **told)


def _rights(token: Token) -> str:
    if not token.is_fine_grained:
        return f"scope {', '.join(sorted(token.scopes)) or 'unknown'}"
    if not token.permissions:
        return "fine-grained, with permissions that GitLab does not tell"
    shown = ", ".join(token.permissions[:MOST_PERMISSIONS])
    more = len(token.permissions) - MOST_PERMISSIONS
    return f"fine-grained: {shown}" + (f" and {more} more" if more > 0 else "")


async def examine_account(clients: Clients) -> Finding:
    """Say whose the token is; a person's leaves with them, and writes in their name."""
    role = _role([each.known for each in clients.gitlab.projects if each.known])
    try:
        own = await clients.gitlab.own_account()
    except Rejected as error:  # a fine-grained token may lack the permission
        return unknown(f"the token's user, {role}", f"GitLab does not tell ({error.code})")
    except PlatformError as error:
        return not_answered(f"the token's user, {role}", error)
    about = f"the token's user is {own.username}, a {own.kind}, {role}"
    told = {"user": own.username, "kind": own.kind.name.lower(), "role": role}
    if own.kind is AccountKind.PERSON:
        problem = "what the bot writes is in that name: use a service account or a project token"
        return warning(about, problem, **told)
    return good(about, **told)


def _role(known: Sequence[Project]) -> str:
    roles = {each.path: ROLES.get(each.access_level, str(each.access_level)) for each in known}
    if len(set(roles.values())) == 1:
        return next(iter(roles.values()))
    return ", ".join(f"{role} in {path}" for path, role in roles.items())


async def _examine_labels(settings: Settings, gitlab: GitLabClient) -> AsyncIterator[Finding]:
    """Without its labels the bot sees no request, or no contact."""
    try:
        labels = await gitlab.labels()
    except PlatformError as error:
        yield not_answered("labels of the project", error)
        return
    needed = {
        "SSAT_CONTACT_LABEL": settings.ssat_contact_label,
        "SSAT_CONTACTED_LABEL": settings.ssat_contacted_label,
    }
    missing = {name: label for name, label in needed.items() if label not in labels}
    for name, label in missing.items():
        near = nearest(label, labels)
        remedy = f"is it {near}?" if near else "set another, or create it in this spelling"
        problem = f"the project has no such label, or has archived it; {remedy}"
        yield fatal(f"{name} {label}", problem)
    scope = settings.ssat_label_scope
    of_scope = sum(in_scope(label, scope) for label in labels)
    found = [label for label in needed.values() if label in labels]
    if found and of_scope:
        said = f"labels: {', '.join(found)}, and {of_scope} of {scope}::"
        yield good(said, found=found, feedback_labels=of_scope)
    if not of_scope:
        near = _nearest_scope(scope, labels)
        problem = "the project has no label of this scope, so nobody can choose one"
        yield warning(f"SSAT_LABEL_SCOPE {scope}", f"{problem}; is it {near}?" if near else problem)
    teams = tuple(settings.routes)
    for team in teams:
        if team.project == gitlab.named:
            for finding in _labels_of(team, labels):
                yield of_team(team, finding, teams)


def _labels_of(team: Route, labels: Collection[str]) -> Iterator[Finding]:
    """Look whether any feedback can have what the file of routes names."""
    if team.label is not None and team.label in labels:
        yield good(f"label {team.label}")
    elif team.label is not None:
        yield warning(f"label {team.label}", _no_label(team.label, labels, "comes to this team"))
    folded = {each.casefold(): each for each in labels}
    for rule in team.rules.deadlines:
        for label in (rule.label, rule.tier):
            if label is not None and label not in folded:
                problem = _no_label(label, folded, "has this deadline")
                yield warning(f"deadline for label {label}", problem)


def _no_label(label: str, labels: Collection[str], what: str) -> str:
    near = nearest(label, labels)
    said = f"the project has no such label, so no feedback {what}"
    return f"{said}; is it {near}?" if near else said


async def _examine_week(clients: Clients, week: ReviewWeek) -> Finding:
    about = f"SSAT_WEEK_PROJECT {week.project}"
    try:
        issue = await clients.gitlab.find_open_issue(week.project, week.label)
    except Missing:
        return warning(about, "not found: is the path right, and may the token's user see it?")
    except PlatformError as error:
        return not_answered(about, error)
    if issue is None:
        problem = f"it has no open issue with the label {week.label}: kudos wait for one"
        return warning(about, problem)
    return good(f"{about}, where the week's review issue is #{issue.key.iid}")


def _nearest_scope(scope: str, labels: Collection[str]) -> str | None:
    scopes = {scope_of(label) for label in labels} - {""}
    # A whole label was written, perhaps.
    return nearest(scope, scopes) or nearest(scope_of(scope), scopes)


async def _examine_follow_ups(settings: Settings, clients: Clients) -> Finding:
    """Nothing else depends on it."""
    about = f"SSAT_FOLLOW_UP_PROJECT {settings.ssat_follow_up_project}"
    try:
        project = await clients.gitlab.project_at(settings.ssat_follow_up_project)
        obstacle = obstacle_in(project)
    except Missing:
        obstacle = Obstacle.MISSING
    except PlatformError as error:
        return not_answered(about, error)
    if obstacle is not None:
        return warning(about, f"no follow-up issue can be created: {OBSTACLES[obstacle]}")
    if (name := settings.ssat_follow_up_template) is not None:
        return await _examine_template(clients, project, name)
    return good(f"{about}, for follow-up issues")


async def _examine_template(clients: Clients, project: Project, name: str) -> Finding:
    about = f"SSAT_FOLLOW_UP_TEMPLATE {name}"
    try:
        template = await clients.gitlab.issue_template(project.id, name)
    except PlatformError as error:
        return not_answered(about, error)
    if template is None:
        return warning(about, f"{project.path} has no such issue template: the bot's own serves")
    if len(template) > TEMPLATE_LIMIT:
        return warning(about, "it is too long for a form in Slack: the bot's own may serve")
    return good(f"{about} in {project.path}, for follow-up issues")


async def _examine_link_issue(clients: Clients, project: Project, iid: int) -> Finding:
    about = f"SSAT_LINK_ISSUE {iid}"
    try:
        issue = await clients.gitlab.read_issue(IssueKey(project.id, iid))
    except Missing:
        return warning(about, "the project has no such issue: people cannot link themselves")
    except PlatformError as error:
        return not_answered(about, error)
    if not issue.is_open:
        return warning(about, "the issue is closed: people may not find it, or not comment on it")
    return good(f"{about}, where people post their codes")
