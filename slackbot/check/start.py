"""What may keep the bot from starting; changes nothing."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

from slackbot.app import Clients
from slackbot.check.duty import examine_pagerduty
from slackbot.check.findings import Finding, warning
from slackbot.check.gitlab import examine_gitlab
from slackbot.check.slack import MANAGERS, examine_slack
from slackbot.people.file import left_out
from slackbot.settings import Settings
from slackbot.templates.email import EmailTemplates


async def examine(settings: Settings, clients: Clients) -> AsyncIterator[Finding]:
    for finding in examine_settings(settings):
        yield finding
    async for finding in examine_slack(settings, clients.slack):
        yield finding
    async for finding in examine_gitlab(settings, clients, datetime.now(UTC)):
        yield finding
    if settings.pagerduty_api_token is not None:
        token = settings.pagerduty_api_token.get_secret_value()
        async for finding in examine_pagerduty(settings, token):
            yield finding


def examine_settings(settings: Settings) -> Iterator[Finding]:
    for misnamed in settings.misnamed:
        yield warning("settings", misnamed)
    for problem in left_out(settings.ssat_people_file, settings.ssat_people_keys):
        yield warning("SSAT_PEOPLE_FILE", problem)
    for problem in EmailTemplates(settings.ssat_email_templates).problems():
        yield warning("SSAT_EMAIL_TEMPLATES", f"{problem}; the bot's own text is used instead")
    if bool(settings.ssat_week_project) != bool(settings.ssat_week_label):
        yield warning(
            "SSAT_WEEK_PROJECT, SSAT_WEEK_LABEL",
            "only one of them is set, so kudos do not go to the week's review issue: set both",
        )
    if not settings.ssat_managers:
        yield warning(MANAGERS, "not set, so every full member of the workspace may take action")
