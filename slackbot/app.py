"""The composition root: assembles, runs and stops the bot."""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import SecretStr
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient
from structlog.contextvars import bound_contextvars

from slackbot import tracing
from slackbot.blocks.forms.kudos import Venue
from slackbot.channel.adoption import CardAdoption
from slackbot.channel.backlog import Backlog
from slackbot.channel.cards import CardSync
from slackbot.channel.digest import DailyDigest
from slackbot.channel.handover import Handover
from slackbot.channel.homes import HomeSync
from slackbot.channel.mornings import MorningPosts
from slackbot.channel.planning import ReminderPlanner
from slackbot.channel.reminders import GapNotice, ReminderSync
from slackbot.channel.responses import EVERY as RESPONSES_EVERY
from slackbot.channel.responses import ResponseReminders
from slackbot.channel.trends import Trends, WeeklyStats
from slackbot.channel.views import Viewer
from slackbot.clock import Clock, system_clock
from slackbot.door import serving
from slackbot.handlers.acting import Acting
from slackbot.handlers.afterwards import Afterwards
from slackbot.handlers.answers import Answers
from slackbot.handlers.clicking import Clicking
from slackbot.handlers.desk import Desk
from slackbot.handlers.dialog import Dialog
from slackbot.handlers.drafting import Drafting
from slackbot.handlers.following_up import FollowingUp
from slackbot.handlers.home import Home
from slackbot.handlers.incoming import kind_of, see_to, sent_by
from slackbot.handlers.profile import ProfileForm
from slackbot.handlers.queue import QueueCommand
from slackbot.handlers.showing import Showing
from slackbot.handlers.snoozing import Snoozing
from slackbot.handlers.stats import StatsAnswer
from slackbot.handlers.thanking import Thanking
from slackbot.health import WORKER, Health
from slackbot.people.accounts import AccountSearch
from slackbot.people.addressees import Addressees
from slackbot.people.admission import Admission
from slackbot.people.directory import Directory
from slackbot.people.duty import DutySync, FirstSource, GroupSource, Source, WeeksSource
from slackbot.people.file import people_file_of
from slackbot.people.identities import Identities
from slackbot.people.linking import Linking
from slackbot.people.members import Members
from slackbot.people.profiles import Profiles
from slackbot.platforms.gitlab.api import PACES as GITLAB_PACES
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.gitlab.hooks import HookSecrets
from slackbot.platforms.pace import faster
from slackbot.platforms.slack.api import PACES as SLACK_PACES
from slackbot.platforms.slack.api import slack_client, slack_session
from slackbot.platforms.slack.client import SlackClient
from slackbot.platforms.slack.outbox import Outbox
from slackbot.rules.offers import Offer
from slackbot.rules.routes import Route
from slackbot.settings import Settings
from slackbot.store import facts, jobs
from slackbot.store.engine.database import (
    Database,
    DatabaseError,
    Record,
    RightOfWay,
    Transaction,
    WakeUps,
)
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.sync.idling import IdleClosing
from slackbot.sync.issue import IssueSync
from slackbot.sync.reading.poll import Poll
from slackbot.sync.response import has_response
from slackbot.sync.signing import Signatures
from slackbot.sync.suggestion import Suggestion
from slackbot.sync.writing.hand import Hand
from slackbot.sync.writing.thanking import KudosSync
from slackbot.templates.email import EmailTemplates
from slackbot.watch import ClockWatch, Watch, catch_up
from slackbot.web import (
    HookNotes,
    HookReceiver,
    Readiness,
    SlackReceiver,
    web_application,
)
from slackbot.worker import (
    FIRST_RETRY,
    SHUTDOWN_SECONDS,
    Lookout,
    Work,
    Worker,
    about_issues,
    periodic,
)

if TYPE_CHECKING:
    from slackbot.people.grants.device import DeviceLinking
    from slackbot.people.grants.tokens import Grants
    from slackbot.platforms.slack.socket_mode import SocketHandler

log = structlog.get_logger()

LONGEST_PERIOD = timedelta(minutes=10)
"""For queues that come back every few minutes or more often."""
STATS_MINUTE = 9 * 60
"""Of Monday, where no digest has a time."""


@dataclass(frozen=True, kw_only=True)
class Clients:
    slack: SlackClient
    gitlab: GitLabClient


@contextlib.asynccontextmanager
async def connect(settings: Settings, speed: float = 1) -> AsyncIterator[Clients]:
    """Call nothing yet; ``speed`` multiplies the platforms' call limits."""
    async with slack_session() as session:
        token, routes = settings.slack_bot_token.get_secret_value(), settings.routes
        client = slack_client(settings.slack_api_url, token, session)
        gitlab = GitLabClient(
            settings.gitlab_url,
            settings.gitlab_token.get_secret_value(),
            routes.main,
            faster(GITLAB_PACES, speed),
            others=[each for each in routes.projects if each != routes.main],
            signatures=_signatures(settings),
        )
        try:
            yield Clients(slack=SlackClient(client, faster(SLACK_PACES, speed)), gitlab=gitlab)
        finally:
            await gitlab.close()


class Services:
    def __init__(self, settings: Settings, clients: Clients, record: Record) -> None:
        self.settings, self.record = settings, record
        self.slack, self.gitlab = clients.slack, clients.gitlab
        self.routes = settings.routes
        self.rules = self.routes.shared
        self.health = Health(has_teams=self.routes.are_several)
        self.people_file = people_file_of(settings)
        self.people_file.people()  # a folder takes a moment, for which no click should wait
        self.members = Members(self.slack)
        self.identities = Identities(record, self.people_file)
        self.directory = Directory(self.identities, self.members, self.gitlab.users)
        self.admission = Admission(self.members, self.identities, self.routes)
        self.profiles = Profiles(record, self.people_file)
        self.templates = EmailTemplates(settings.ssat_email_templates)
        self.viewer = Viewer(
            self.routes,
            record.now,
            gitlab=settings.gitlab_url,
            permalink=self.slack.permalink,
        )
        self.outbox = Outbox(record, self.slack, self.health)
        self.adoption = CardAdoption(record, self.slack, self.outbox, self.routes)
        self.accounts = AccountSearch(record, self.identities, self.directory)
        self.trends = Trends(
            record,
            self.routes,
            region_scope=settings.ssat_region_scope,
            retention=settings.ssat_retention_days,
        )
        self.linking = Linking(
            record,
            self.gitlab,
            self.identities,
            self.outbox,
            settings.ssat_link_issue,
            has_oauth=settings.gitlab_oauth_client_id is not None,
        )
        self._signatures = _signatures(settings)
        self.grants: Grants | None = None
        self.devices: DeviceLinking | None = None
        if settings.gitlab_oauth_client_id is not None:
            self.grants, self.devices = _by_oauth(self, settings.gitlab_oauth_client_id)

    def hand(self) -> Hand:
        """Return what writes one decision."""
        grants = self.grants if self.settings.ssat_act_as_yourself else None
        return Hand(self.record, self.gitlab, grants, self._signatures)


def _signatures(settings: Settings) -> Signatures | None:
    return Signatures(settings.encryption_keys) if settings.encryption_keys else None


def _by_oauth(services: Services, client_id: str) -> "tuple[Grants, DeviceLinking]":
    settings, record, gitlab = services.settings, services.record, services.gitlab
    # Others need none of the cryptography.
    from slackbot.people.grants.device import DeviceLinking
    from slackbot.people.grants.tokens import Grants
    from slackbot.people.grants.vault import Vault, key_from
    from slackbot.platforms.gitlab.oauth import GitLabOAuth

    secret, health = settings.gitlab_oauth_client_secret, services.health
    oauth = GitLabOAuth(gitlab, client_id, secret, record.now, health)
    keys = settings.encryption_keys or (key_from(settings.gitlab_token.get_secret_value()),)
    vault = Vault(keys)
    grants = Grants(record, gitlab, oauth, vault)
    devices = DeviceLinking(
        record,
        gitlab,
        oauth,
        vault,
        services.identities,
        services.outbox,
        grants,
        offers_acting=settings.ssat_act_as_yourself,
    )
    return grants, devices


def make_workers(
    services: Services, first_retry: timedelta, shutdown_seconds: float
) -> list[Worker]:
    owner = f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"
    return [
        Worker(
            work,
            record=services.record,
            health=services.health,
            owner=owner,
            first_retry=first_retry,
            shutdown_seconds=shutdown_seconds,
        )
        for work in make_works(services)
    ]


def make_works(services: Services) -> list[Work]:
    settings, record = services.settings, services.record
    slack, gitlab, directory = services.slack, services.gitlab, services.directory
    viewer, outbox, health = services.viewer, services.outbox, services.health
    routes = services.routes
    backlog = Backlog(record, outbox, routes)
    suggestion = Suggestion(record, gitlab, directory)
    sync = IssueSync(record, gitlab, directory, routes, suggestion, services.hand)
    cards = CardSync(record, slack, directory, viewer, outbox, backlog, services.adoption)
    planner = ReminderPlanner(record, directory, services.members, viewer)
    reminding = ReminderSync(record, slack, planner, outbox)
    every, retention = settings.ssat_poll_seconds, settings.ssat_retention_days
    poll = Poll(record, gitlab, routes, health, every=every, retention=retention)
    sources = {route.name: _duty_source(services, route) for route in routes}
    teams = services.people_file.teams
    duty = DutySync(record, directory, services.members, routes, sources, health, teams)
    handover = Handover(record, services.members, viewer, outbox)
    responded = partial(has_response, gitlab)
    responses = ResponseReminders(record, responded, directory, services.members, viewer, outbox)
    homes = HomeSync(record, slack, services.admission, viewer, seek=services.accounts.seek)
    kudos_channel, week = settings.ssat_kudos_channel, settings.review_week
    thanking = KudosSync(record, gitlab, outbox, kudos_channel, week)
    works = [
        about_issues(IssueQueue.SYNC, sync.reconcile, concurrency=4),
        about_issues(IssueQueue.CARD, cards.reconcile, concurrency=4),
        about_issues(IssueQueue.REMINDERS, reminding.reconcile, concurrency=2),
        periodic(PeriodicQueue.POLL, poll.reconcile, longest_wait=max(LONGEST_PERIOD, every)),
        periodic(PeriodicQueue.DUTY, duty.reconcile, longest_wait=LONGEST_PERIOD),
        periodic(PeriodicQueue.LINKS, services.linking.reconcile, longest_wait=LONGEST_PERIOD),
        periodic(PeriodicQueue.SUMMARY, backlog.reconcile),
        periodic(PeriodicQueue.GAP, GapNotice(record, outbox, routes).reconcile),
        periodic(PeriodicQueue.HANDOVER, handover.reconcile),
        periodic(PeriodicQueue.RESPONSES, responses.reconcile, longest_wait=2 * RESPONSES_EVERY),
        periodic(PeriodicQueue.HOMES, homes.reconcile),
        periodic(PeriodicQueue.KUDOS, thanking.reconcile),
    ]
    if (devices := services.devices) is not None:
        works.append(periodic(PeriodicQueue.GRANTS, devices.reconcile, longest_wait=LONGEST_PERIOD))
    if settings.ssat_close_good:
        works.append(periodic(PeriodicQueue.IDLE, IdleClosing(record, gitlab).reconcile))
    digests = [
        DailyDigest(record, responded, viewer, outbox, route, at, lambda: gitlab.token_ends_on)
        for route in routes
        for at in route.digests
    ]
    if digests:
        works.append(periodic(PeriodicQueue.DIGEST, MorningPosts(digests).reconcile))
    if (channel := settings.ssat_stats_channel) is not None:
        times = (each.minute for each in settings.ssat_digest if each.zone is None)
        at = next(times, STATS_MINUTE)
        weekly = WeeklyStats(record, slack, services.trends, outbox, viewer.zone, channel, at)
        works.append(periodic(PeriodicQueue.STATS, weekly.reconcile))
    return works


def _duty_source(services: Services, route: Route) -> Source:
    """Prefer a team's own weeks, and then the source that depends least on others."""
    weeks, zone = services.people_file.weeks, route.rules.hours.timezone
    source = _shared_source(services, route) or WeeksSource(weeks, zone)
    if not route.name:
        return source
    return FirstSource(WeeksSource(partial(weeks, route.name), zone), source)


def _shared_source(services: Services, route: Route) -> Source | None:
    token, url = services.settings.pagerduty_api_token, services.settings.pagerduty_api_url
    if token is not None and route.schedules:
        from slackbot.platforms.pagerduty import PagerDuty  # takes 0.3 s to import

        setting = route.setting("PAGERDUTY_SCHEDULE")
        return PagerDuty(token.get_secret_value(), route.schedules, url, setting)
    if route.duty_group is not None:
        setting = route.setting("SSAT_DUTY_GROUP")
        return GroupSource(services.slack.users, route.duty_group, setting)
    return None


class Bolt(AsyncApp):
    """Lets what Slack waits for go before what the workers do."""

    def __init__(self, right_of_way: RightOfWay, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._right_of_way = right_of_way

    async def async_dispatch(self, req: AsyncBoltRequest) -> BoltResponse:
        named = sent_by(req.body)
        with (
            self._right_of_way.first(),
            bound_contextvars(**named),
            tracing.span(f"slack {kind_of(req.body)}", "SERVER", **named),
        ):
            return await super().async_dispatch(req)


def make_bolt(slack: SlackClient, right_of_way: RightOfWay) -> AsyncApp:
    """Make Bolt's app, without listeners.

    It gets no token: Bolt would call ``auth.test`` between a click and its record.
    """

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        own = slack.known_identity
        # with it, Bolt leaves the bot's own events out
        user = own.user if own else None
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_user_id=user)

    # The receiver verifies requests before Bolt; a websocket is authentic as such.
    bolt = Bolt(
        right_of_way,
        name="ssat-bot",  # else Bolt reads the sources of all callers, for the name of a file
        client=AsyncWebClient(base_url=slack.client.base_url),
        authorize=authorize,
        request_verification_enabled=False,
        raise_error_for_unhandled_request=True,
        process_before_response=True,  # else it looks every 10 ms whether a listener has acked
    )
    see_to(bolt)
    return bolt


def slack_receiver(bolt: AsyncApp, settings: Settings) -> SlackReceiver | None:
    secret = settings.slack_signing_secret
    if settings.uses_socket_mode or secret is None:
        return None
    return SlackReceiver(bolt, secret.get_secret_value())


def hook_receiver(settings: Settings, record: Record, gitlab: GitLabClient) -> HookReceiver | None:
    held = HookSecrets(
        secret=_revealed(settings.gitlab_webhook_secret),
        signing_token=_revealed(settings.gitlab_webhook_signing_token),
    )
    if not held:
        return None
    notes = HookNotes(record, link_issue=settings.ssat_link_issue)
    return HookReceiver(notes, held, gitlab.is_project, clock=record.now)


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def socket_handler(bolt: AsyncApp, settings: Settings) -> "SocketHandler | None":
    if settings.slack_app_token is None:
        return None
    from slackbot.platforms.slack.socket_mode import SocketHandler  # HTTP mode needs none of it

    token = settings.slack_app_token.get_secret_value()
    # With another base URL, the client needs the app token itself.
    return SocketHandler(bolt, slack_client(settings.slack_api_url, token))


async def recall_workspace(slack: SlackClient, tx: Transaction) -> None:
    """Keep a token of another workspace from working on this record."""
    slack.recall(await facts.SLACK_TEAM.load(tx), await facts.SLACK_ADDRESS.load(tx))


@contextlib.asynccontextmanager
async def run_bot(
    settings: Settings,
    clients: Clients,
    *,
    clock: Clock = system_clock,
    wake_ups: WakeUps | None = None,
    first_retry: timedelta = FIRST_RETRY,
    shutdown_seconds: float = SHUTDOWN_SECONDS,
) -> AsyncIterator[str]:
    """Yield the bot's URL; a test that moves ``clock`` wakes the workers itself."""
    database = Database(settings.database_url, wake_ups)
    try:
        await database.open()
        if not database.is_sqlite:  # platforms count all replicas' calls together
            clients.slack.paces.share(database)
            clients.gitlab.paces.share(database)
        async with database.transaction() as tx:
            if problem := await facts.problem_of_backup(tx):
                raise DatabaseError(problem)
            await recall_workspace(clients.slack, tx)
        services = Services(settings, clients, Record(database, clock))
        workers = make_workers(services, first_retry, shutdown_seconds)
        queues = [worker.queue for worker in workers]
        if database.is_sqlite:
            async with database.transaction() as tx:
                await jobs.take_over_all(tx)
        await catch_up(services.record, queues, is_patient=True)
        async with _at_work(services, workers) as url:
            yield url
    finally:
        await database.close()


def _listen(bolt: AsyncApp, services: Services, desk: Desk, answers: Answers) -> None:
    settings, slack, gitlab = services.settings, services.slack, services.gitlab
    project, template = settings.ssat_follow_up_project, settings.ssat_follow_up_template
    profiles, templates = services.profiles, services.templates
    clicking = Clicking(desk, answers)
    drafting = Drafting(desk, answers, profiles, templates, settings.ssat_webmail)
    venue = Venue(channel=settings.ssat_kudos_channel, has_week=settings.review_week is not None)
    thanking = Thanking(desk, answers, services.directory, venue)
    dialogs: dict[Offer, Dialog] = {
        Offer.SNOOZE: Snoozing(desk, answers),
        Offer.DRAFT_EMAIL: drafting,
        Offer.FOLLOW_UP: FollowingUp(desk, answers, gitlab, project, template),
        Offer.KUDOS: thanking,
    }
    addressees = Addressees(gitlab, services.directory)
    profile_form = ProfileForm(answers, profiles, templates)
    stats = StatsAnswer(answers, services.trends, slack)
    for module in (
        clicking,
        thanking,
        drafting,
        Acting(desk, answers, clicking.of_menu, dialogs, addressees),
        QueueCommand(answers, services.accounts, profile_form, stats),
        profile_form,
        Home(answers),
        Showing(answers, slack, services.routes.channels),
    ):
        module.register(bolt)


@contextlib.asynccontextmanager
async def _at_work(services: Services, workers: list[Worker]) -> AsyncIterator[str]:
    settings, record = services.settings, services.record
    bolt = make_bolt(services.slack, record.database.right_of_way)
    viewer, slack = services.viewer, services.slack
    desk = Desk(record, services.admission, services.members, viewer)
    afterwards = Afterwards()
    answers = Answers(
        record,
        services.admission,
        viewer,
        slack,
        services.linking,
        afterwards,
        services.devices,
    )
    _listen(bolt, services, desk, answers)
    for problem in services.templates.problems():
        log.warning("email_template_not_used", problem=problem)
    socket_mode = socket_handler(bolt, settings)
    is_connected = socket_mode.client.is_connected if socket_mode else None
    readiness = Readiness(record, services.health, is_connected)
    application = web_application(
        slack_receiver(bolt, settings),
        hook_receiver(settings, record, services.gitlab),
        readiness,
    )
    queues = [worker.queue for worker in workers]
    watch = Watch(record, slack, services.gitlab, services.health, services.routes, queues)
    clock_watch = ClockWatch(record, queues)
    async with (
        afterwards.awaited(),
        serving(application, settings.host, settings.port) as port,
        _in_background(record.database.hear_others()),
        _working(workers, services.health),
        _in_background(Lookout(workers, record).run()),
        _in_background(services.accounts.run()),
        _in_background(watch.run_every(settings.ssat_poll_seconds)),
        _in_background(clock_watch.run()),
        _connected(socket_mode),
    ):
        yield f"http://{settings.host}:{port}"


@contextlib.asynccontextmanager
async def _working(workers: list[Worker], health: Health) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(worker.work()) for worker in workers]
    health.report(WORKER, None)
    for task in tasks:
        task.add_done_callback(lambda ended: _report_death(ended, health))
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _in_background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _report_death(task: asyncio.Task[None], health: Health) -> None:
    if task.cancelled() or task.exception() is None:
        return
    log.error("worker_died", exc_info=task.exception())
    health.report(WORKER, "a worker died; restart the bot and see the log")


@contextlib.asynccontextmanager
async def _connected(handler: "SocketHandler | None") -> AsyncIterator[None]:
    """In Socket Mode keep a websocket open; it reconnects by itself."""
    if handler is None:
        yield
        return
    try:
        async with _in_background(handler.connect_async()):  # type: ignore[no-untyped-call]
            yield
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
