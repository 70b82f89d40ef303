"""Bring one issue and its record together."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from structlog.contextvars import bound_contextvars

from slackbot import metrics, tracing
from slackbot.blocks.words import FAULT, problem_words, refusal_words
from slackbot.people.directory import Directory
from slackbot.platforms.errors import Missing, Platform, PlatformError
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.rules.decision import Release, TakeOver
from slackbot.rules.refusals import IssueGone
from slackbot.rules.request import IssueKey
from slackbot.rules.routes import Route, Routes
from slackbot.store import decisions, requests
from slackbot.store.changes import announce, announce_queue, refuse, save_changes
from slackbot.store.decisions import DecisionRecord
from slackbot.store.engine.database import LeaseLost, Record
from slackbot.store.jobs import Postponed
from slackbot.store.messages import cards
from slackbot.store.people import list_on_duty_at
from slackbot.sync.reading.observe import (
    Observation,
    first_sight,
    gone,
    may_matter,
    observe,
)
from slackbot.sync.reading.read import look, route_of
from slackbot.sync.suggestion import Suggestion
from slackbot.sync.writing.delivery import Delivery, Traces, take_back_notes
from slackbot.sync.writing.hand import Hand


class IssueSync:
    """Reconciles the queue ``SYNC``: reads an issue, converges, delivers, suggests."""

    def __init__(
        self,
        record: Record,
        gitlab: GitLabClient,
        directory: Directory,
        routes: Routes,
        suggestion: Suggestion,
        hand: Callable[[], Hand],
    ) -> None:
        self._record, self._gitlab, self._directory = record, gitlab, directory
        self._routes, self._suggestion, self._hand = routes, suggestion, hand

    async def reconcile(self, key: IssueKey) -> None:
        try:
            await self._reconcile(key)
            metrics.way_to_card.looked(key)
        except PlatformError as error:
            if error.platform is Platform.GITLAB:  # else a card would blame it
                await self._note_problem(key, problem_words(error))
            raise
        except (LeaseLost, Postponed):
            raise
        except Exception:
            await self._note_problem(key, FAULT)
            raise

    async def _note_problem(self, key: IssueKey, problem: str) -> None:
        async with self._record.transaction() as tx:
            if await decisions.note_problem(tx, key, problem):
                await announce(tx, key, self._record.now())

    async def _reconcile(self, key: IssueKey) -> None:
        async with self._record.transaction() as tx:
            found = await requests.load_request_record(tx, key)
            is_to_withdraw = bool(await decisions.list_to_withdraw(tx, key))
        known, pending = (found.confirmed, found.pending) if found else (None, ())
        try:
            seen = await look(
                self._gitlab,
                self._routes.shared,
                key,
                known,
                self._record.now(),
                is_contested=_is_contested(pending),
            )
        except Missing:
            await self._lose(key)
            return
        if seen.issue.assignees and (known or may_matter(seen.issue, self._routes.shared)):
            await self._directory.meet(seen.issue.assignees)
            for assignee in seen.issue.assignees:  # before they are told or shown
                await self._directory.look_up(assignee.person)
        if seen.problem is not None:
            await self._converge(seen)
            raise seen.problem  # so that it is read again, until GitLab tells all
        traces = await self._traces(key, pending)
        # What a note says already must not pass for somebody else's.
        if not (pending and pending[0].decision.id in traces.decisions):
            await self._converge(seen)
        for recorded in pending:
            seen = await self._deliver(recorded, seen, traces)
        if pending or is_to_withdraw:
            await take_back_notes(self._record, self._gitlab, key)
        route = await self._route_of(seen)
        if route.assigns_on_duty and not pending:  # else it is stale, and somebody is at it
            await self._suggestion.make(seen, route.rules)

    async def _route_of(self, seen: Observation) -> Route:
        """Look anew each time: a label may have gone to or come from another team."""
        return await route_of(self._gitlab, self._routes, seen.issue)

    async def _traces(self, key: IssueKey, pending: Iterable[DecisionRecord]) -> Traces:
        """Look for what tries with a doubtful outcome left in GitLab."""
        if not any(recorded.begun_at for recorded in pending):
            return Traces()
        own, notes = await self._gitlab.own_username(), await self._gitlab.notes(key)
        return Traces(own=own, notes=notes)

    async def _deliver(
        self, recorded: DecisionRecord, seen: Observation, traces: Traces
    ) -> Observation:
        route = await self._route_of(seen)
        delivery = Delivery(
            self._record,
            self._gitlab,
            self._directory,
            route.rules,
            recorded.decision,
            traces,
            self._hand(),
            project=self._routes.key_of(route.project),
        )
        named = {"decision": str(recorded.decision.id)}
        with tracing.inner_span("deliver", **named), bound_contextvars(**named):
            after, is_taken_in = await delivery.run(seen)
        if not is_taken_in:
            # Only its note is ours; other news is told before the next decision.
            await self._converge(after)
        return after

    async def _lose(self, key: IssueKey) -> None:
        now = self._record.now()
        async with self._record.transaction() as tx:
            known = await requests.load_request_record(tx, key, lock=True)
            if known is not None:
                request, steps = gone(known.confirmed, now)
                await save_changes(tx, known.confirmed, request, steps, now)
                for recorded in known.pending:
                    await refuse(tx, recorded.decision, refusal_words(IssueGone()), now)

    async def _converge(self, seen: Observation) -> None:
        now, rules = self._record.now(), (await self._route_of(seen)).rules
        async with self._record.transaction() as tx:
            known = await requests.load_request(tx, seen.issue.key, lock=True)
            request, steps = observe(known, seen, rules)
            if request is None and await cards.has_card(tx, seen.issue.key):
                request = first_sight(seen, rules)  # it was one: the record was lost
            if request is None and known is not None:
                await requests.forget_request(tx, seen.issue.key)  # it is no feedback any longer
                announce_queue(tx, now)
            if request is not None and known is None:
                request = replace(request, responsible=await list_on_duty_at(tx, request))
            await save_changes(tx, known, request, steps, now)


def _is_contested(pending: Iterable[DecisionRecord]) -> bool:
    return any(isinstance(each.decision.action, TakeOver | Release) for each in pending)
