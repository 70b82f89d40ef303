"""The parts of the program, each put together from what it needs; nothing runs yet."""

import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.blocks.text import without_markup
from slackbot.blocks.words import refusal_words
from slackbot.channel.adoption import Founding
from slackbot.channel.backlog import CatchingUp
from slackbot.channel.cards import Exhibitor
from slackbot.channel.digest import DailyDigest
from slackbot.channel.handover import HandingOver
from slackbot.channel.homes import Publisher
from slackbot.channel.missed import MissedReminders
from slackbot.channel.reminders import Reminders
from slackbot.channel.rhythm import Rhythm
from slackbot.channel.views import Viewer
from slackbot.clock import Clock
from slackbot.health import Health
from slackbot.people.accounts import AccountSearch
from slackbot.people.directory import People, PeopleFile
from slackbot.people.duty import DutyWatch, GroupSource, Source, WeeksSource
from slackbot.people.linking import Linking
from slackbot.platforms.clients import Outside
from slackbot.platforms.gitlab import Tracker
from slackbot.platforms.hooks import HookSecrets
from slackbot.platforms.slack import TIMEOUT_SECONDS, Workspace, time_limit
from slackbot.rules.request import IssueKey
from slackbot.settings import Settings
from slackbot.store import links
from slackbot.store.database import Database
from slackbot.store.finds import Finds
from slackbot.store.jobs import Lane
from slackbot.store.picture import Vocabulary
from slackbot.sync.issue import Synchroniser
from slackbot.sync.observe import Rules
from slackbot.sync.poll import Reconciler
from slackbot.watch import Watch
from slackbot.web import (
    HookReceiver,
    SlackReceiver,
)
from slackbot.worker import Bells, Worker

SYNC_CONCURRENCY = 4
SHOW_CONCURRENCY = 4
REMIND_CONCURRENCY = 2


def rules_of(settings: Settings) -> Rules:
    """Return the settings that decide what a request for contact is."""
    return Rules(
        contact_label=settings.ssat_contact_label,
        contacted_label=settings.ssat_contacted_label,
        scope=settings.ssat_label_scope,
        hours=settings.business_hours,
        deadline=settings.deadline,
        link_issue=settings.ssat_link_issue,
    )


@dataclass(frozen=True, kw_only=True)
class Kit:
    """What most parts need."""

    settings: Settings
    workspace: Workspace
    tracker: Tracker
    database: Database
    people: People
    file: PeopleFile
    viewer: Viewer
    rules: Rules
    bells: Bells
    health: Health
    clock: Clock


Run = Callable[[IssueKey], Awaitable[datetime | None]]


def make_kit(settings: Settings, outside: Outside, database: Database, clock: Clock) -> Kit:
    """Make what most parts need."""
    rules = rules_of(settings)
    words = Vocabulary(scope=rules.scope, contacted_label=rules.contacted_label)
    file = PeopleFile(settings.ssat_people_file)
    return Kit(
        settings=settings,
        workspace=outside.workspace,
        tracker=outside.tracker,
        database=database,
        people=People(
            outside.workspace,
            outside.tracker,
            file,
            settings.ssat_managers,
            Finds(database, clock),
            partial(_links, database),
        ),
        file=file,
        viewer=Viewer(
            words,
            rules.hours,
            clock,
            gitlab=settings.gitlab_url,
            project=settings.gitlab_project,
        ),
        rules=rules,
        bells=Bells(),
        health=Health(),
        clock=clock,
    )


async def _links(database: Database) -> dict[str, str]:
    """Read who has proved to be whom: GitLab usernames by Slack user id."""
    async with database.transaction() as tx:
        return {link.slack_user: link.gitlab for link in await links.all_links(tx)}


def make_workers(kit: Kit, linking: Linking, accounts: AccountSearch) -> list[Worker]:
    """Make a worker for each lane of errands."""
    catching_up = CatchingUp(
        kit.database,
        kit.workspace,
        kit.rules.hours,
        channel=kit.settings.ssat_channel,
        clock=kit.clock,
    )
    lanes: dict[Lane, tuple[Run, int]] = {
        Lane.SYNC: (_synchroniser(kit).run, SYNC_CONCURRENCY),
        Lane.SHOW: (_exhibitor(kit, catching_up).run, SHOW_CONCURRENCY),
        Lane.POLL: (_reconciler(kit, catching_up).run, 1),
        Lane.HOME: (_publisher(kit, accounts).run, 1),
        Lane.DUTY: (_duty_watch(kit).run, 1),
        Lane.LINK: (linking.run, 1),
        Lane.REMIND: (_reminders(kit).run, REMIND_CONCURRENCY),
        Lane.RHYTHM: (_rhythm(kit).run, 1),
    }
    owner = f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"
    return [
        Worker(
            lane,
            run,
            database=kit.database,
            bells=kit.bells,
            clock=kit.clock,
            owner=owner,
            concurrency=concurrency,
        )
        for lane, (run, concurrency) in lanes.items()
    ]


def _synchroniser(kit: Kit) -> Synchroniser:
    return Synchroniser(
        kit.database,
        kit.tracker,
        kit.rules,
        account=kit.people.account,
        seek=kit.people.seek,
        explain=lambda refusal: without_markup(refusal_words(refusal)),
        assigns=kit.settings.ssat_assign_on_duty,
        bells=kit.bells,
        health=kit.health,
        clock=kit.clock,
    )


def _exhibitor(kit: Kit, catching_up: CatchingUp) -> Exhibitor:
    channel = kit.settings.ssat_channel
    founding = Founding(
        kit.database, kit.workspace, channel=channel, bells=kit.bells, clock=kit.clock
    )
    return Exhibitor(
        kit.database,
        kit.workspace,
        kit.people,
        kit.viewer,
        catching_up,
        founding,
        channel=channel,
        health=kit.health,
        clock=kit.clock,
    )


def _reconciler(kit: Kit, catching_up: CatchingUp) -> Reconciler:
    return Reconciler(
        kit.database,
        kit.tracker,
        kit.rules,
        catching_up,
        project=kit.settings.gitlab_project,
        every=timedelta(seconds=kit.settings.ssat_poll_seconds),
        retention=kit.settings.retention,
        bells=kit.bells,
        health=kit.health,
        clock=kit.clock,
    )


def _publisher(kit: Kit, accounts: AccountSearch) -> Publisher:
    return Publisher(
        kit.database,
        kit.workspace,
        kit.people,
        kit.viewer,
        seek=accounts.seek,
        clock=kit.clock,
    )


def make_account_search(kit: Kit) -> AccountSearch:
    """Make what looks for the GitLab accounts of those who ask what is theirs."""
    return AccountSearch(kit.database, kit.people, bells=kit.bells, clock=kit.clock)


def make_linking(kit: Kit) -> Linking:
    """Make what proves who is who; a verb of ``/ssat`` begins it, and a lane goes on with it."""
    return Linking(
        kit.database,
        kit.workspace,
        kit.tracker,
        kit.people,
        issue=kit.settings.ssat_link_issue,
        bells=kit.bells,
        clock=kit.clock,
    )


def _duty_watch(kit: Kit) -> DutyWatch:
    return DutyWatch(
        kit.database,
        kit.people,
        _duty_source(kit),
        assigns=kit.settings.ssat_assign_on_duty,
        bells=kit.bells,
        health=kit.health,
        clock=kit.clock,
    )


def _reminders(kit: Kit) -> Reminders:
    return Reminders(
        kit.database,
        kit.workspace,
        kit.people,
        kit.viewer,
        kit.settings.reminder_rules,
        MissedReminders(
            kit.database, kit.workspace, channel=kit.settings.ssat_channel, clock=kit.clock
        ),
        lead=kit.settings.ssat_lead,
        health=kit.health,
        clock=kit.clock,
    )


def _duty_source(kit: Kit) -> Source:
    """Choose where it is known from who is on duty: what is most on its own goes first."""
    settings = kit.settings
    if settings.pagerduty_api_token is not None:
        from slackbot.platforms.pagerduty import PagerDuty  # its client takes 0.3 s to import

        token = settings.pagerduty_api_token.get_secret_value()
        return PagerDuty(token, settings.pagerduty_schedule, settings.pagerduty_api_url)
    if settings.ssat_duty_group is not None:
        return GroupSource(kit.workspace, settings.ssat_duty_group)
    return WeeksSource(kit.file.weeks, kit.viewer.zone)


def _rhythm(kit: Kit) -> Rhythm:
    minute = kit.settings.digest_minute
    digest = None
    if minute is not None:
        digest = DailyDigest(
            kit.database,
            kit.workspace,
            kit.tracker,
            kit.viewer,
            kit.rules.hours,
            channel=kit.settings.ssat_channel,
            minute=minute,
            clock=kit.clock,
        )
    handing_over = HandingOver(
        kit.database,
        kit.workspace,
        kit.people,
        kit.viewer,
        kit.settings.reminder_rules,
        kit.clock,
    )
    return Rhythm(digest, handing_over, health=kit.health)


def make_watch(kit: Kit) -> Watch:
    """Make what looks after the platforms."""
    return Watch(
        kit.database,
        kit.workspace,
        kit.tracker,
        channel=kit.settings.ssat_channel,
        bells=kit.bells,
        health=kit.health,
        clock=kit.clock,
    )


def make_bolt(workspace: Workspace) -> AsyncApp:
    """Make Bolt's app, without listeners."""
    # The receiver verifies requests before Bolt reads them; a websocket is authentic as such.
    return AsyncApp(client=workspace.client, request_verification_enabled=False)


def slack_receiver(bolt: AsyncApp, settings: Settings) -> SlackReceiver | None:
    """Make what takes Slack's requests; in Socket Mode there are none."""
    secret = settings.slack_signing_secret
    if settings.uses_socket_mode or secret is None:
        return None
    return SlackReceiver(bolt, secret.get_secret_value())


def hook_receiver(kit: Kit) -> HookReceiver | None:
    """Make what takes GitLab's webhooks; without a secret none is taken."""

    def reveal(name: str) -> str | None:
        secret = getattr(kit.settings, name)
        return secret.get_secret_value() if secret else None

    held = HookSecrets(
        secret=reveal("gitlab_webhook_secret"),
        signing_token=reveal("gitlab_webhook_signing_token"),
    )
    if not held:
        return None
    project = kit.settings.gitlab_project
    return HookReceiver(
        kit.database,
        held,
        project,
        link_issue=kit.settings.ssat_link_issue,
        bells=kit.bells,
        clock=kit.clock,
    )


def socket_handler(bolt: AsyncApp, settings: Settings) -> AsyncSocketModeHandler | None:
    """Make what listens to Slack in Socket Mode."""
    if settings.slack_app_token is None:
        return None
    token = settings.slack_app_token.get_secret_value()
    # With another base URL, the handler's own client needs the app token itself.
    client = AsyncWebClient(token=token, base_url=settings.slack_api_url, timeout=TIMEOUT_SECONDS)
    handler = AsyncSocketModeHandler(bolt, token, web_client=client)
    # Its own session would wait five minutes for a websocket that is not opened to it.
    handler.client.aiohttp_client_session.detach()
    handler.client.aiohttp_client_session = aiohttp.ClientSession(timeout=time_limit())
    return handler
