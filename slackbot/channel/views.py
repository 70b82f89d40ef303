"""The one place that makes views from the record."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from slackbot.blocks.duty import DutyView
from slackbot.blocks.queue import Board, Found
from slackbot.blocks.view import CardView
from slackbot.clock import Clock
from slackbot.rules.handbook import HANDBOOK_LABELS
from slackbot.rules.query import Kind, Target, place_of
from slackbot.rules.request import UNFINISHED, IssueKey, Request, Rules
from slackbot.rules.responses import FIRST_REMINDER, TOO_LATE
from slackbot.store import facts, requests
from slackbot.store.database import Transaction
from slackbot.store.facts import KnownProject
from slackbot.store.people import TROUBLE, load_current_turn
from slackbot.store.requests import RequestRecord


def _born(request: Request) -> tuple[datetime, IssueKey]:
    return request.created_at or request.asked_at, request.key


LARGEST_IID = 2**31


class Viewer:
    """Makes views as requests stand now.

    Args:
        gitlab: The address by which links are known.
        project: As configured, until the poll knows its path.
        permalink: Gives the address of a message, by channel and ts, where it is known.
    """

    def __init__(
        self,
        rules: Rules,
        clock: Clock,
        *,
        gitlab: str,
        project: str,
        permalink: Callable[[str, str], str | None],
    ) -> None:
        self.rules, self._clock = rules, clock
        self._gitlab, self._project = gitlab, project
        self._permalink = permalink

    @property
    def zone(self) -> ZoneInfo:
        """The team's."""
        return self.rules.hours.timezone

    async def request(
        self, tx: Transaction, key: IssueKey, *, lock: bool = False
    ) -> Request | None:
        """Include pending decisions; ``lock`` makes others wait until the commit."""
        found = await requests.load_request_record(tx, key, lock=lock)
        return found.decided(self.rules) if found else None

    async def labels(self, tx: Transaction) -> dict[str, str]:
        """Return the handbook's until the project's have been read."""
        known = await facts.FEEDBACK_LABELS.load(tx)
        return dict(HANDBOOK_LABELS) if known is None else known

    async def duty(self, tx: Transaction) -> DutyView | None:
        """Return ``None`` where nothing says who is on duty."""
        turn, trouble = await load_current_turn(tx), await TROUBLE.load(tx)
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
            labels=await self.labels(tx),
            on_duty=await self.duty(tx),
            earlier=await self._earlier(tx, view.request),
        )

    async def _earlier(self, tx: Transaction, request: Request) -> tuple[Request, ...]:
        if request.ticket is None:
            return ()
        found = [
            each.decided(self.rules)
            for each in await requests.list_records_about(tx, request.ticket)
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
        return CardView(
            request=found.decided(self.rules),
            pending=tuple(each.decision for each in found.pending),
            waits_because=problems[0] if problems else None,
            refused=tuple((each.decision, each.problem or "") for each in found.refused),
            labels={},
            scope=self.rules.scope,
            asks_csm=self.rules.asks_csm,
            hours=self.rules.hours,
            now=self._clock(),
            on_duty=on_duty,
            url=self._permalink(*found.card) if found.card else None,
        )

    async def board(
        self, tx: Transaction, *, days: int | None = None, most_untriaged: int | None = None
    ) -> Board:
        """Return what the queue shows.

        Args:
            tx: Reads all at one moment.
            days: How far back what was done counts; ``None``: not at all.
            most_untriaged: How much untriaged feedback is loaded; what is left is counted.
                ``None``: all is loaded.
        """
        on_duty = await self.duty(tx)
        views = self._views(await requests.list_unfinished_records(tx), on_duty)
        # What GitLab lacks yet has ended for people.
        done = [view for view in views if view.request.state not in UNFINISHED]
        if days is not None:
            since = self._clock() - timedelta(days=days)
            done += self._views(await requests.list_ended_records(tx, since), on_duty)
        untriaged, more = await self._untriaged(tx, most_untriaged)
        return Board(
            waiting=tuple(view for view in views if view.request.state in UNFINISHED),
            triage=tuple(self._views(untriaged, on_duty)),
            more_untriaged=more,
            done=tuple(view for view in done if view.request.was_handled),
            hours=self.rules.hours,
            now=self._clock(),
        )

    async def to_close(self, tx: Transaction) -> list[CardView]:
        """Return open issues in which nobody waits, neither for contact nor on others."""
        found = self._views(await requests.list_answered(tx))
        return [view for view in found if view.request.is_open and view.waits_on is None]

    async def awaiting_response(self, tx: Transaction) -> list[CardView]:
        """Return what is so old that somebody is reminded of the initial response."""
        now = self._clock()
        found = await requests.list_untriaged_between(tx, now - TOO_LATE, now - FIRST_REMINDER)
        return self._views(found)

    async def dependent(self, tx: Transaction) -> list[CardView]:
        """Return what waits on others, the earliest day first."""
        return self._views(await requests.list_dependent_records(tx))

    async def _untriaged(
        self, tx: Transaction, most: int | None
    ) -> tuple[list[RequestRecord], int]:
        """Return what is loaded, and how much more there is behind it."""
        if most == 0:
            return [], 0
        found = await requests.list_untriaged_records(tx, most)
        if most is not None:
            return found, max(await requests.count_untriaged(tx) - most, 0)
        return [*found, *await requests.list_labeled_records(tx)], 0

    def _views(
        self, found: Sequence[RequestRecord], on_duty: DutyView | None = None
    ) -> list[CardView]:
        """For rows; who is on duty has a name where they are assigned."""
        return [self._view(each, on_duty) for each in found]

    async def find(self, tx: Transaction, targets: Sequence[Target]) -> Found:
        project = await facts.PROJECT.load(tx)
        places = self._places(project)
        own = [target for target in targets if target.place is None or target.place in places]
        items: dict[IssueKey, CardView] = {}
        missing: list[Target] = []
        for target in own:
            found = await self._about(tx, target, project)
            items |= {each.key: each for each in found}
            missing += [] if found else [target]
        return Found(
            items=tuple(items.values()),
            own=tuple(replace(target, place=None) for target in own),
            missing=tuple(missing),
            foreign=tuple(target for target in targets if target not in own),
            project=project.path if project else self._project,
            hours=self.rules.hours,
            now=self._clock(),
        )

    def _places(self, project: KnownProject | None) -> set[str]:
        """Return all that links to the project may call it."""
        sites, paths = {self._gitlab}, {self._project.strip("/")}
        if project is not None:
            paths |= {project.path, *project.earlier}
            sites.add(project.url.removesuffix(f"/{project.path}"))
        return {place_of(f"{site}/{path}") for site in sites for path in paths}

    async def _about(
        self, tx: Transaction, target: Target, project: KnownProject | None
    ) -> list[CardView]:
        found: list[RequestRecord] = []
        if target.kind is not Kind.TICKET and project and target.number < LARGEST_IID:
            request = await requests.load_request_record(tx, IssueKey(project.id, target.number))
            found += [request] if request else []
        if target.kind is not Kind.ISSUE:
            found += await requests.list_records_about(tx, target.number)
        return self._views(found, await self.duty(tx))
