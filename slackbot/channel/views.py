"""The one place that makes views from the record."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from slackbot.blocks.answers.duty import DutyView, TeamDuty
from slackbot.blocks.answers.queue import Board, Found
from slackbot.blocks.view import CardView
from slackbot.clock import Clock
from slackbot.rules.handbook import HANDBOOK_LABELS
from slackbot.rules.reading.query import Kind, Target, place_of
from slackbot.rules.request import UNFINISHED, IssueKey, Request, Rules
from slackbot.rules.routes import Routes, Share
from slackbot.rules.timing.responses import FIRST_REMINDER, TOO_LATE
from slackbot.store import facts, requests
from slackbot.store.engine.database import Transaction
from slackbot.store.facts import KnownProject
from slackbot.store.people import PLAN, TROUBLE, load_current_turn
from slackbot.store.requests import RequestRecord


def _born(request: Request) -> tuple[datetime, IssueKey]:
    return request.created_at or request.asked_at, request.key


LARGEST_IID = 2**31


@dataclass(frozen=True, kw_only=True)
class _Project:
    """A feedback project, as it is set at ``site`` and as the poll knows it."""

    site: str
    named: str
    known: KnownProject | None

    @property
    def path(self) -> str:
        return self.known.path if self.known else self.named

    @property
    def places(self) -> set[str]:
        """Return all that links to the project may call it."""
        sites, paths = {self.site}, {self.named.strip("/")}
        if self.known is not None:
            paths |= {self.known.path, *self.known.earlier}
            sites.add(self.known.url.removesuffix(f"/{self.known.path}"))
        return {place_of(f"{site}/{path}") for site in sites for path in paths}


async def _untriaged(
    tx: Transaction, most: int | None, share: Share | None
) -> tuple[list[RequestRecord], int]:
    """Return what is loaded, and how much more there is behind it."""
    if most == 0:
        return [], 0
    found = await requests.list_untriaged_records(tx, most, share)
    if most is not None:
        return found, max(await requests.count_untriaged(tx, share) - most, 0)
    return [*found, *await requests.list_labeled_records(tx, share)], 0


class Viewer:
    """Makes views as requests stand now.

    Args:
        gitlab: The address by which links are known.
        permalink: Gives the address of a message, by channel and ts, where it is known.
    """

    def __init__(
        self,
        routes: Routes,
        clock: Clock,
        *,
        gitlab: str,
        permalink: Callable[[str, str], str | None],
    ) -> None:
        self.routes, self._clock = routes, clock
        self._gitlab = gitlab
        self._permalink = permalink

    @property
    def rules(self) -> Rules:
        """What all teams have in common."""
        return self.routes.shared

    def rules_of(self, request: Request) -> Rules:
        """Return those of its team."""
        return self.routes.of_request(request).rules

    @property
    def zone(self) -> ZoneInfo:
        """The team's."""
        return self.rules.hours.timezone

    async def request(
        self, tx: Transaction, key: IssueKey, *, lock: bool = False
    ) -> Request | None:
        """Include pending decisions; ``lock`` makes others wait until the commit."""
        found = await requests.load_request_record(tx, key, lock=lock)
        return self._decided(found) if found else None

    async def labels(self, tx: Transaction, request: Request) -> dict[str, str]:
        """Return the handbook's until the project's have been read."""
        project = self.routes.key_of(self.routes.of_request(request).project)
        known = await facts.FEEDBACK_LABELS.of(project).load(tx)
        return dict(HANDBOOK_LABELS) if known is None else known

    async def duties(self, tx: Transaction) -> dict[str, DutyView | None]:
        """Return who is on duty in each team, by its name."""
        return {route.name: await self.duty(tx, route.name) for route in self.routes}

    async def team_duties(self, tx: Transaction) -> list[TeamDuty]:
        """Return the same with what is to come."""
        return [
            TeamDuty(
                team=route.name if self.routes.are_several else "",
                view=await self.duty(tx, route.name),
                plan=await PLAN.of(route.name).load(tx),
                hours=route.rules.hours,
            )
            for route in self.routes
        ]

    async def duty(self, tx: Transaction, route: str) -> DutyView | None:
        """Return ``None`` where nothing says who is on duty."""
        turn, trouble = await load_current_turn(tx, route), await TROUBLE.of(route).load(tx)
        if turn is None and trouble is None:
            return None
        return DutyView(
            people=turn.on_duty.people if turn else (),
            source=turn.on_duty.source if turn else None,
            since=turn.began_at if turn else None,
            until=turn.on_duty.until if turn else None,
            problem=trouble.problem if trouble else None,
            problem_since=trouble.since if trouble else None,
        )

    async def view(self, tx: Transaction, key: IssueKey) -> CardView | None:
        found = await requests.load_request_record(tx, key)
        if found is None:
            return None
        view = self._view(found)
        return replace(
            view,
            labels=await self.labels(tx, view.request),
            on_duty=await self.duty(tx, self.routes.of_request(view.request).name),
            earlier=await self._earlier(tx, view.request),
        )

    def _decided(self, found: RequestRecord) -> Request:
        return found.decided(self.rules_of(found.confirmed))

    async def _earlier(self, tx: Transaction, request: Request) -> tuple[Request, ...]:
        if request.ticket is None:
            return ()
        found = [
            self._decided(each) for each in await requests.list_records_about(tx, request.ticket)
        ]
        before = [each for each in found if _born(each) < _born(request)]
        return tuple(sorted(before, key=_born))

    async def outline(self, tx: Transaction, key: IssueKey) -> CardView | None:
        """Return what a row shows: neither who is on duty nor a label's description."""
        found = await requests.load_request_record(tx, key)
        return self._view(found) if found else None

    def _view(self, found: RequestRecord, on_duty: DutyView | None = None) -> CardView:
        """Leave out what no row shows."""
        problems = [each.problem for each in found.pending if each.problem]
        rules = self.rules_of(found.confirmed)
        return CardView(
            request=found.decided(rules),
            team=self.routes.of_request(found.confirmed).name if self.routes.are_several else "",
            pending=tuple(each.decision for each in found.pending),
            waits_because=problems[0] if problems else None,
            refused=tuple((each.decision, each.problem or "") for each in found.refused),
            labels={},
            scope=rules.scope,
            asks_csm=rules.asks_csm,
            hours=rules.hours,
            now=self._clock(),
            on_duty=on_duty,
            url=self._permalink(*found.card) if found.card else None,
        )

    async def board(
        self,
        tx: Transaction,
        *,
        days: int | None = None,
        most_untriaged: int | None = None,
        route: str | None = None,
    ) -> Board:
        """Return what the queue shows.

        Args:
            tx: Reads all at one moment.
            days: How far back what was done counts; ``None``: not at all.
            most_untriaged: How much untriaged feedback is loaded; what is left is counted.
                ``None``: all is loaded.
            route: Only the team of this name; ``None``: all teams.
        """
        duties, share = await self.duties(tx), self.share_of(route)
        views = self._of_team(route, await requests.list_unfinished_records(tx, share), duties)
        # What GitLab lacks yet has ended for people.
        done = [view for view in views if view.request.state not in UNFINISHED]
        if days is not None:
            since = self._clock() - timedelta(days=days)
            ended = await requests.list_ended_records(tx, since, share)
            done += self._of_team(route, ended, duties)
        untriaged, more = await _untriaged(tx, most_untriaged, share)
        return Board(
            waiting=tuple(view for view in views if view.request.state in UNFINISHED),
            triage=tuple(self._of_team(route, untriaged, duties)),
            more_untriaged=more,
            done=tuple(view for view in done if view.request.was_handled),
            hours=self.rules.hours if route is None else self.routes.named(route).rules.hours,
            now=self._clock(),
            team=route if route and self.routes.are_several else "",
        )

    async def to_close(self, tx: Transaction, *, route: str) -> list[CardView]:
        """Return a team's open issues in which nobody waits, neither for contact nor on others."""
        found = self._of_team(route, await requests.list_answered(tx, self.share_of(route)))
        return [view for view in found if view.request.is_open and view.waits_on is None]

    async def awaiting_response(self, tx: Transaction) -> list[CardView]:
        """Return what is so old that somebody is reminded of the initial response."""
        now = self._clock()
        found = await requests.list_untriaged_between(tx, now - TOO_LATE, now - FIRST_REMINDER)
        return self._views(found)

    async def dependent(self, tx: Transaction, *, route: str) -> list[CardView]:
        """Return what waits on others in a team, the earliest day first."""
        found = await requests.list_dependent_records(tx, self.share_of(route))
        return self._of_team(route, found)

    async def of_team(self, tx: Transaction, keys: Iterable[IssueKey], route: str) -> set[IssueKey]:
        """Leave out what is not of the team of this name."""
        share, which = self.share_of(route), set(keys)
        if share is None or not which:
            return which
        return set(await requests.list_own_keys(tx, which, share))

    def share_of(self, route: str | None) -> Share | None:
        """Return what is recorded for the team of this name; ``None``: all is."""
        return self.routes.share_of(route)

    def _of_team(
        self,
        route: str | None,
        found: Sequence[RequestRecord],
        duties: Mapping[str, DutyView | None] = MappingProxyType({}),
    ) -> list[CardView]:
        """Name the team only where all show."""
        views = self._views(found, duties)
        return views if route is None else [replace(view, team="") for view in views]

    def _views(
        self,
        found: Sequence[RequestRecord],
        duties: Mapping[str, DutyView | None] = MappingProxyType({}),
    ) -> list[CardView]:
        """For rows; who is on duty has a name where they are assigned."""
        of = self.routes.of_request
        return [self._view(each, duties.get(of(each.confirmed).name)) for each in found]

    async def find(self, tx: Transaction, targets: Sequence[Target]) -> Found:
        projects = await self._projects(tx)
        items: dict[IssueKey, CardView] = {}
        own: list[Target] = []
        missing: list[Target] = []
        for target in targets:
            places = [each for each in projects if target.place in (None, *each.places)]
            if not places:
                continue
            own.append(target)
            found = await self._about(tx, target, places)
            items |= {each.key: each for each in found}
            missing += [] if found else [target]
        return Found(
            items=tuple(items.values()),
            own=tuple(replace(target, place=None) for target in own),
            missing=tuple(missing),
            foreign=tuple(target for target in targets if target not in own),
            project=", ".join(each.path for each in projects),
            gitlab=place_of(self._gitlab),
            hours=self.rules.hours,
            now=self._clock(),
        )

    async def _projects(self, tx: Transaction) -> list[_Project]:
        found = []
        for named in self.routes.projects:
            known = await facts.PROJECT.of(self.routes.key_of(named)).load(tx)
            found.append(_Project(site=self._gitlab, named=named, known=known))
        return found

    async def _about(
        self, tx: Transaction, target: Target, projects: Sequence[_Project]
    ) -> list[CardView]:
        found: list[RequestRecord] = []
        if target.kind is not Kind.TICKET and target.number < LARGEST_IID:
            for known in (each.known for each in projects if each.known):
                request = await requests.load_request_record(tx, IssueKey(known.id, target.number))
                found += [request] if request else []
        if target.kind is not Kind.ISSUE:
            found += await requests.list_records_about(tx, target.number)
        return self._views(found, await self.duties(tx))
