"""Checks the set-up; changes nothing."""

from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from slackbot.app import Clients
from slackbot.blocks.follow_up import TEMPLATE_LIMIT
from slackbot.blocks.words import OBSTACLES
from slackbot.people.file import left_out
from slackbot.platforms.errors import Denied, Missing, PlatformError, Rejected, Untrusted
from slackbot.platforms.gitlab import Project, obstacle_in, renamed
from slackbot.platforms.slack import (
    MESSAGES_SCOPES,
    REQUIRED_SCOPES,
    SCOPES_HEADER,
    UNFURL_SCOPES,
    Identity,
    SlackClient,
)
from slackbot.platforms.slack_api import slack_client
from slackbot.platforms.slack_files import FILE_SCOPES
from slackbot.rules.refusals import Obstacle
from slackbot.rules.request import IssueKey, in_scope, scope_of
from slackbot.rules.rota import NoAnswer, Rota
from slackbot.rules.week import ReviewWeek
from slackbot.settings import Settings
from slackbot.store.database import Database, DatabaseError
from slackbot.templates.email import EmailTemplates
from slackbot.written import nearest

MANAGERS, MAIN_CHANNEL = "SSAT_MANAGERS", "SSAT_CHANNEL"
REPORTER = 20
"""May change labels, assignees and state."""


_OPTIONAL_SCOPES = {
    MESSAGES_SCOPES: "nobody gets a direct message: no hand-over, no word of a link to GitLab",
    UNFURL_SCOPES: "a pasted link to a feedback does not show its state",
    FILE_SCOPES: "`/ssat stats` sends no CSV files, and no picture where Slack shows no charts",
}
"""Asked for by a later release; apps of earlier ones work without."""


class Verdict(StrEnum):
    """The values are what a line begins with."""

    OK = "ok"
    WARNING = "warning"
    UNKNOWN = "unknown"
    PROBLEM = "PROBLEM"
    """The bot does not start."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    about: str
    problem: str | None = None
    verdict: Verdict = Verdict.OK

    @property
    def is_fatal(self) -> bool:
        return self.verdict is Verdict.PROBLEM

    def __str__(self) -> str:
        said = f": {self.problem}" if self.problem else ""
        return f"{self.verdict:<9}{self.about}{said}"


def _fatal(about: str, problem: object) -> Finding:
    return Finding(about=about, problem=str(problem), verdict=Verdict.PROBLEM)


def _denied(error: Denied | Rejected, token: str, address: str) -> Finding:
    return _fatal(address if isinstance(error, Untrusted) else token, error)


def _warning(about: str, problem: object) -> Finding:
    return Finding(about=about, problem=str(problem), verdict=Verdict.WARNING)


def _not_answered(about: str, error: PlatformError | NoAnswer) -> Finding:
    """Say what is wrong, or that nobody knows."""
    if isinstance(error, Rejected) or error.needs_administrator:
        return _warning(about, error)
    problem = f"could not be checked: {error}; the bot starts and keeps trying"
    return Finding(about=about, problem=problem, verdict=Verdict.UNKNOWN)


async def examine(settings: Settings, clients: Clients) -> AsyncIterator[Finding]:
    for finding in _examine_settings(settings):
        yield finding
    async for finding in _examine_slack(settings, clients.slack):
        yield finding
    async for finding in _examine_gitlab(settings, clients):
        yield finding
    if settings.pagerduty_api_token is not None:
        token = settings.pagerduty_api_token.get_secret_value()
        async for finding in _examine_pagerduty(settings, token):
            yield finding


async def examine_database(database_url: str) -> Finding:
    """Try the database as it is; each start opens it anyway."""
    database = Database(database_url)
    about = f"database, SQLite: {database.file}" if database.file else "database, PostgreSQL"
    try:
        await database.try_out()
    except DatabaseError as error:
        # A driver's words have several lines.
        return _fatal("database", " ".join(str(error).split()))
    finally:
        await database.close()
    return Finding(about=about)


def _examine_settings(settings: Settings) -> Iterator[Finding]:
    for misnamed in settings.misnamed:
        yield _warning("settings", misnamed)
    for problem in left_out(settings.ssat_people_file, settings.ssat_people_keys):
        yield _warning("SSAT_PEOPLE_FILE", problem)
    for problem in EmailTemplates(settings.ssat_email_templates).problems():
        yield _warning("SSAT_EMAIL_TEMPLATES", f"{problem}; the bot's own text is used instead")
    if bool(settings.ssat_week_project) != bool(settings.ssat_week_label):
        yield _warning(
            "SSAT_WEEK_PROJECT, SSAT_WEEK_LABEL",
            "only one of them is set, so kudos do not go to the week's review issue: set both",
        )
    if not settings.ssat_managers:
        yield _warning(MANAGERS, "not set, so every full member of the workspace may take action")


async def _examine_pagerduty(settings: Settings, token: str) -> AsyncIterator[Finding]:
    from slackbot.platforms.pagerduty import PagerDuty  # takes 0.3 s to import

    now, rotas = datetime.now(UTC), dict[str, Rota | NoAnswer]()
    for each in settings.pagerduty_schedule:
        try:
            rotas[each] = await PagerDuty(token, [each], settings.pagerduty_api_url).read(now)
        except NoAnswer as error:
            rotas[each] = error
    is_covered = any(isinstance(rota, Rota) and rota.people for rota in rotas.values())
    for schedule, rota in rotas.items():
        yield _of_schedule(f"PAGERDUTY_SCHEDULE {schedule}", rota, is_covered=is_covered)


def _of_schedule(about: str, rota: Rota | NoAnswer, *, is_covered: bool) -> Finding:
    """``is_covered``: some schedule names somebody now."""
    if isinstance(rota, NoAnswer):
        return _not_answered(about, rota)
    if not is_covered:
        return _warning(about, "it names nobody now")
    people = ", ".join(each.name for each in rota.people) or "nobody"
    return Finding(about=f"{about}, on duty: {people}")


async def _examine_slack(settings: Settings, workspace: SlackClient) -> AsyncIterator[Finding]:
    try:
        identity = await workspace.check_identity()
    except (Denied, Rejected) as error:
        yield _denied(error, "SLACK_BOT_TOKEN", "SLACK_API_URL")
        return
    except PlatformError as error:
        yield _not_answered("Slack", error)
        return
    yield Finding(about=f"Slack workspace {identity.team}, as {identity.user}")
    if settings.slack_app_token is not None:
        yield await _examine_app_token(settings, settings.slack_app_token.get_secret_value())
    needed = REQUIRED_SCOPES
    if any(each.startswith("S") for each in _named(settings)):
        needed |= {"usergroups:read"}  # else nobody is known as a manager
    for finding in _examine_scopes(identity, needed):
        yield finding
    for setting, channel in (
        (MAIN_CHANNEL, settings.ssat_channel),
        ("SSAT_BAD_CHANNEL", settings.ssat_bad_channel),
        ("SSAT_STATS_CHANNEL", settings.ssat_stats_channel),
        ("SSAT_KUDOS_CHANNEL", settings.ssat_kudos_channel),
    ):
        if channel is not None:
            yield await _examine_channel(setting, channel, workspace)
    if not identity.lacks(needed):
        async for finding in _examine_people(settings, workspace):
            yield finding


def _examine_scopes(identity: Identity, needed: frozenset[str]) -> Iterator[Finding]:
    about, remedy = "Slack scopes", "install the app again with manifest.yml"
    if identity.scopes is None:
        yield _warning(
            about,
            f"unknown, because the header {SCOPES_HEADER} is missing: does a proxy remove it? "
            "Compare the app's scopes with manifest.yml",
        )
    if missing := sorted(identity.lacks(needed)):
        yield _fatal(about, f"missing {', '.join(missing)}: {remedy}")
    for wanted, purpose in _OPTIONAL_SCOPES.items():
        if lacking := sorted(identity.lacks(wanted)):
            yield _warning(about, f"without {', '.join(lacking)} {purpose}: {remedy}")


async def _examine_channel(setting: str, channel: str, workspace: SlackClient) -> Finding:
    """Only warn of the others: no customer waits there."""
    about = f"{setting} {channel}"
    try:
        await workspace.check_channel(channel)
    except (Denied, Rejected) as error:
        if setting == MAIN_CHANNEL:
            return _fatal(about, error)
        is_archived = error.code == "is_archived"
        return _warning(about, "the channel is archived: set another" if is_archived else error)
    except PlatformError as error:
        return _not_answered(about, error)
    return Finding(about=about)


async def _examine_people(settings: Settings, workspace: SlackClient) -> AsyncIterator[Finding]:
    named = _named(settings)
    looked_up = ", ".join(sorted({setting for uses in named.values() for setting in uses}))
    try:
        has_groups = any(each.startswith("S") for each in named)
        groups = await workspace.users.groups() if has_groups else {}
        for each, uses in sorted(named.items()):
            if each.startswith("S"):
                problem = _problem_of_group(groups.get(each))
            else:
                problem = await _problem_of_user(workspace, each, uses)
            if problem:
                yield _warning(f"{', '.join(uses)} {each}", problem)
    except PlatformError as error:
        yield _not_answered(looked_up, error)
    else:
        if named:
            yield Finding(about=f"{looked_up}: looked up in Slack")


def _named(settings: Settings) -> dict[str, list[str]]:
    """Map Slack ids to the settings that name them."""
    named: dict[str, list[str]] = {each: [MANAGERS] for each in settings.ssat_managers}
    if settings.ssat_duty_group:
        named.setdefault(settings.ssat_duty_group, []).append("SSAT_DUTY_GROUP")
    if settings.ssat_lead:
        named.setdefault(settings.ssat_lead, []).append("SSAT_LEAD")
    return named


def _problem_of_group(is_in_use: bool | None) -> str | None:
    if is_in_use is None:
        return "Slack has no such user group"
    return None if is_in_use else "the user group is disabled: enable it, or name another"


async def _problem_of_user(workspace: SlackClient, user: str, uses: list[str]) -> str | None:
    try:
        member = await workspace.users.member(user)
    except Rejected as error:
        return f"Slack has no user with this id ({error.code})"
    if member.is_deactivated or member.is_bot:
        return "a deactivated account, or a bot, may not act and is told nothing"
    return "a guest never may act" if member.is_guest and MANAGERS in uses else None


async def _examine_app_token(settings: Settings, token: str) -> Finding:
    # Has no effect: the websocket is never opened.
    try:
        await SlackClient(slack_client(settings.slack_api_url, token)).call("apps.connections.open")
    except (Denied, Rejected):
        return _fatal("SLACK_APP_TOKEN", "not valid: create one with the scope connections:write")
    except PlatformError as error:
        return _not_answered("Socket Mode", error)
    return Finding(about="Socket Mode")


async def _examine_gitlab(settings: Settings, clients: Clients) -> AsyncIterator[Finding]:
    about = f"GITLAB_PROJECT {settings.gitlab_project}"
    try:
        project = await clients.gitlab.project()
    except Denied as error:
        yield _denied(error, "GITLAB_TOKEN", "GITLAB_URL")
    except Missing:
        yield _fatal(about, "not found: is the path right, and is the token's user a member?")
    except Rejected as error:
        yield _fatal(about, f"{error}: the token needs the scope api")
    except PlatformError as error:
        yield _not_answered("GitLab", error)
    else:
        async for finding in _examine_project(settings, clients, project):
            yield finding


async def _examine_project(
    settings: Settings, clients: Clients, project: Project
) -> AsyncIterator[Finding]:
    yield Finding(about=f"GitLab project {project.path} ({project.id})")
    if problem := renamed(settings.gitlab_project, project):
        yield _warning("GITLAB_PROJECT", problem)
    if 0 < project.access_level < REPORTER:
        yield _fatal("GITLAB_TOKEN", "the role is too low to change issues: Reporter is the least")
    async for finding in _examine_token(clients):
        yield finding
    yield await _examine_follow_ups(settings, clients)
    if settings.ssat_link_issue is not None:
        yield await _examine_link_issue(clients, project, settings.ssat_link_issue)
    if settings.review_week is not None:
        yield await _examine_week(clients, settings.review_week)
    async for finding in _examine_labels(settings, clients):
        yield finding


async def _examine_token(clients: Clients) -> AsyncIterator[Finding]:
    try:
        token = await clients.gitlab.token()
    except PlatformError as error:
        yield _not_answered("GITLAB_TOKEN", error)
        return
    if token.scopes and "api" not in token.scopes:
        yield _fatal("GITLAB_TOKEN", "it lacks the scope api, so nothing could be written")
    if token.expires_on:
        yield Finding(about=f"GITLAB_TOKEN, until {token.expires_on}: note the day to replace it")


async def _examine_labels(settings: Settings, clients: Clients) -> AsyncIterator[Finding]:
    """Without its labels the bot sees no request, or no contact."""
    try:
        labels = await clients.gitlab.labels()
    except PlatformError as error:
        yield _not_answered("labels of the project", error)
        return
    needed = {
        "SSAT_CONTACT_LABEL": settings.ssat_contact_label,
        "SSAT_CONTACTED_LABEL": settings.ssat_contacted_label,
    }
    for name, label in needed.items():
        if label not in labels:
            near = nearest(label, labels)
            remedy = f"is it {near}?" if near else "set another, or create it in this spelling"
            problem = f"the project has no such label, or has archived it; {remedy}"
            yield _fatal(f"{name} {label}", problem)
    scope = settings.ssat_label_scope
    if not any(in_scope(label, scope) for label in labels):
        near = _nearest_scope(scope, labels)
        problem = "the project has no label of this scope, so nobody can choose one"
        yield _warning(
            f"SSAT_LABEL_SCOPE {scope}", f"{problem}; is it {near}?" if near else problem
        )


async def _examine_week(clients: Clients, week: ReviewWeek) -> Finding:
    about = f"SSAT_WEEK_PROJECT {week.project}"
    try:
        issue = await clients.gitlab.find_open_issue(week.project, week.label)
    except Missing:
        return _warning(about, "not found: is the path right, and may the token's user see it?")
    except PlatformError as error:
        return _not_answered(about, error)
    if issue is None:
        problem = f"it has no open issue with the label {week.label}: kudos wait for one"
        return _warning(about, problem)
    return Finding(about=f"{about}, where the week's review issue is #{issue.key.iid}")


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
        return _not_answered(about, error)
    if obstacle is not None:
        return _warning(about, f"no follow-up issue can be created: {OBSTACLES[obstacle]}")
    if (name := settings.ssat_follow_up_template) is not None:
        return await _examine_template(clients, project, name)
    return Finding(about=f"{about}, for follow-up issues")


async def _examine_template(clients: Clients, project: Project, name: str) -> Finding:
    about = f"SSAT_FOLLOW_UP_TEMPLATE {name}"
    try:
        template = await clients.gitlab.issue_template(project.id, name)
    except PlatformError as error:
        return _not_answered(about, error)
    if template is None:
        return _warning(about, f"{project.path} has no such issue template: the bot's own serves")
    if len(template) > TEMPLATE_LIMIT:
        return _warning(about, "it is too long for a form in Slack: the bot's own may serve")
    return Finding(about=f"{about} in {project.path}, for follow-up issues")


async def _examine_link_issue(clients: Clients, project: Project, iid: int) -> Finding:
    about = f"SSAT_LINK_ISSUE {iid}"
    try:
        issue = await clients.gitlab.read_issue(IssueKey(project.id, iid))
    except Missing:
        return _warning(about, "the project has no such issue: people cannot link themselves")
    except PlatformError as error:
        return _not_answered(about, error)
    if not issue.is_open:
        return _warning(about, "the issue is closed: people may not find it, or not comment on it")
    return Finding(about=f"{about}, where people post their codes")
