"""What may keep the bot from starting; changes nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime

from slackbot.app import Clients
from slackbot.check.duty import examine_pagerduty
from slackbot.check.findings import Finding, Teams, of_team, spare_others, warning
from slackbot.check.gitlab import examine_gitlab
from slackbot.check.slack import MANAGERS, examine_slack
from slackbot.people.file import left_out
from slackbot.settings import Settings
from slackbot.templates.email import EmailTemplates


async def examine(settings: Settings, clients: Clients) -> list[Finding]:
    teams, now = tuple(settings.routes), datetime.now(UTC)
    found = [*examine_settings(settings, teams), *examine_people_file(settings)]
    found += [each async for each in examine_slack(settings, teams, clients.slack)]
    found += [each async for each in examine_gitlab(settings, clients, now)]
    found += await examine_pagerduty(settings, teams, now)
    return spare_others(found, teams)


def examine_people_file(settings: Settings) -> Iterator[Finding]:
    for problem in left_out(settings.ssat_people_file, settings.ssat_people_keys):
        yield warning("SSAT_PEOPLE_FILE", problem)


def examine_settings(settings: Settings, teams: Teams) -> Iterator[Finding]:
    for misnamed in settings.misnamed:
        yield warning("settings", misnamed)
    if settings.slack_app_token and settings.slack_signing_secret:
        yield warning(
            "SLACK_APP_TOKEN, SLACK_SIGNING_SECRET",
            "both are set, so the bot uses Socket Mode: remove the one that you do not need",
        )
    for problem in EmailTemplates(settings.ssat_email_templates).problems():
        yield warning("SSAT_EMAIL_TEMPLATES", f"{problem}; the bot's own text is used instead")
    if bool(settings.ssat_week_project) != bool(settings.ssat_week_label):
        yield warning(
            "SSAT_WEEK_PROJECT, SSAT_WEEK_LABEL",
            "only one of them is set, so kudos do not go to the week's review issue: set both",
        )
    for team in teams:
        if not team.managers:
            problem = "not set, so every full member of the workspace may take action"
            yield of_team(team, warning(team.setting(MANAGERS), problem), teams)
