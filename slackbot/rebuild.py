"""Restore the record from GitLab and Slack, whatever it says now."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

import structlog

from slackbot.app import Clients, Services, recall_workspace
from slackbot.clock import Clock, system_clock
from slackbot.platforms.errors import Missing
from slackbot.platforms.gitlab.snapshot import IssueSnapshot, Note
from slackbot.platforms.patience import patiently
from slackbot.report import IssueOutcome, Report, differences
from slackbot.rules.decision import Decision, MarkContacted
from slackbot.rules.request import UNFINISHED, IssueKey, Request
from slackbot.settings import Settings
from slackbot.store import decisions, jobs, requests
from slackbot.store.changes import announce, note_delivered
from slackbot.store.decisions import DecisionRecord, Status
from slackbot.store.engine.backup import put_back
from slackbot.store.engine.database import Record, Transaction, at_hand
from slackbot.store.engine.salvage import Salvage, replace_if_damaged
from slackbot.store.facts import BACKUP_OF
from slackbot.store.jobs import IssueQueue
from slackbot.store.messages import cards
from slackbot.store.people import list_links, list_on_duty_at
from slackbot.store.requests import count_snoozes
from slackbot.store.schema import UnreadableError
from slackbot.sync.reading.observe import (
    Observation,
    first_sight,
    gone,
    is_plain_feedback,
    may_matter,
    observe,
    past_of,
)
from slackbot.sync.reading.read import look, route_of
from slackbot.sync.reading.restore import was_suggested
from slackbot.sync.writing.notes import own_marks, read_marker

log = structlog.get_logger()

READERS = 4
"""Issues read at once."""


async def rebuild_record(
    settings: Settings,
    clients: Clients,
    progress: Callable[[int, int], None],
    *,
    clock: Clock = system_clock,
    backup: Path | None = None,
) -> Report:
    """Restore the record over an empty or damaged database, or over a backup.

    Raises:
        DatabaseError: It is unusable, or another process uses it; or the backup is damaged.
        OSError: The file cannot be replaced.
        PlatformError: The channel or GitLab cannot be read.
    """
    async with at_hand(settings.database_url) as database:
        replaced = put_back(database, backup, clock()) if backup else None
        salvage = await replace_if_damaged(database, clock())
        await database.open()
        async with database.transaction() as tx:
            await recall_workspace(clients.slack, tx)
        services = Services(settings, clients, Record(database, clock))
        report = await Rebuild(services, progress).run(salvage)
        return replace(report, replaced=replaced, was_empty=report.was_empty and backup is None)


class Rebuild:
    """Safe to repeat, and to stop; ``progress`` gets the counts done and of all."""

    def __init__(self, services: Services, progress: Callable[[int, int], None]) -> None:
        self._record, self._adoption = services.record, services.adoption
        self._gitlab, self._routes = services.gitlab, services.routes
        self._progress = progress

    async def run(self, salvage: Salvage | None) -> Report:
        """Post and render nothing: ``ssat-bot run`` does that.

        Raises:
            PlatformError: The channel or GitLab cannot be read.
        """
        adoption = await patiently(self._adoption.adopt)
        issues, keys = await patiently(self._list_open)
        kept, lost = await self._keep_choices()
        waiting: dict[IssueKey, list[DecisionRecord]] = {}
        for each in kept:
            waiting.setdefault(each.decision.key, []).append(each)
        async with self._record.transaction() as tx:
            linked, snoozed = len(await list_links(tx)), await count_snoozes(tx)
            known = await requests.list_keys(tx)
            keys |= {*known, *await cards.list_standing(tx), *waiting}
        outcomes = await self._restore_all(sorted(keys), waiting)
        async with self._record.transaction() as tx:
            kept = await decisions.list_undelivered(tx)  # without those that GitLab has
            await BACKUP_OF.forget(tx)
        return Report(
            issues=issues,
            adoption=adoption,
            outcomes=outcomes,
            kept=kept,
            lost=lost,
            salvage=salvage,
            linked=linked,
            snoozed=snoozed,
            was_empty=not known and salvage is None,
        )

    async def _list_open(self) -> tuple[int, set[IssueKey]]:
        count, keys = 0, set[IssueKey]()
        for project in self._gitlab.projects:
            async for page in project.issue_pages(None, only_open=True):
                count += len(page)
                keys |= {issue.key for issue in page if await self._has_something(issue)}
        return count, keys

    async def _has_something(self, issue: IssueSnapshot) -> bool:
        """Return whether its history may say more than a list does."""
        rules = (await route_of(self._gitlab, self._routes, issue)).rules
        is_noted = issue.comments > 0 and is_plain_feedback(issue, rules)
        return is_noted or may_matter(issue, rules)

    async def _keep_choices(self) -> tuple[list[DecisionRecord], list[IssueKey]]:
        """Drop only what cannot be read."""
        now = self._record.now()
        async with self._record.transaction() as tx:
            lost = await decisions.drop_unreadable(tx, now)
            await cards.drop_unreadable(tx, now)
            for key in lost:
                await cards.make_stale(tx, key)  # it shows what is lost
            jobs.enqueue(tx, IssueQueue.CARD, set(lost), now)
            kept = await decisions.list_undelivered(tx)
            jobs.enqueue(tx, IssueQueue.SYNC, {each.decision.key for each in kept}, now)
            await self._doubt(tx, kept)
        return kept, lost

    async def _doubt(self, tx: Transaction, kept: Iterable[DecisionRecord]) -> None:
        """Have everything looked for first: an older record may think it new."""
        await cards.doubt_unsent(tx)
        for each in kept:
            if each.status is Status.PENDING:
                await decisions.begin_decision(tx, each.decision.id, each.decision.at)
            else:  # a refused one may have been tried again since
                await decisions.note_withdrawn(tx, each.decision.id)

    async def _restore_all(
        self, keys: Sequence[IssueKey], waiting: Mapping[IssueKey, Sequence[DecisionRecord]]
    ) -> list[IssueOutcome]:
        outcomes: list[IssueOutcome] = []
        for start in range(0, len(keys), READERS):
            done = await asyncio.gather(
                *(
                    patiently(partial(self._restore, key, waiting.get(key, ())))
                    for key in keys[start : start + READERS]
                ),
                return_exceptions=True,  # so that none works on when another fails
            )
            for outcome in done:
                if isinstance(outcome, BaseException):
                    raise outcome
                outcomes.append(outcome)
            self._progress(len(outcomes), len(keys))
        return outcomes

    async def _restore(self, key: IssueKey, waiting: Sequence[DecisionRecord]) -> IssueOutcome:
        """Decisions ``waiting`` are delivered later, whatever notes say."""
        try:
            now = self._record.now()
            shared = self._routes.shared
            seen = await look(self._gitlab, shared, key, None, now, reads_all=True)
        except Missing:
            return await self._lose(key)
        if seen.problem is not None:
            raise seen.problem  # half a history restores nothing
        rules = (await route_of(self._gitlab, self._routes, seen.issue)).rules
        done = _delivered(waiting, seen)
        later = {each.decision.id for each in waiting} - {each.id for each in done}
        is_suggested = was_suggested(seen.notes, seen.own_username)
        seen = replace(seen, notes=[note for note in seen.notes if not _is_of(note, later)])
        async with self._record.transaction() as tx:
            for decision in done:
                await note_delivered(tx, decision, self._record.now())
            known, was_unreadable = await _load(tx, key)
            request, _ = observe(None, seen, rules)
            was_request = known or was_unreadable or waiting or await cards.has_card(tx, key)
            if request is None and was_request:
                request = first_sight(seen, rules)
            if request is None or _is_newer(known, request):
                return IssueOutcome(key=key, request=known)
            # The assignee of a choice left out is no suggestion.
            request = replace(request, is_suggested=is_suggested)
            on_duty = known.responsible if known else await list_on_duty_at(tx, request)
            request = replace(request, responsible=on_duty)
            outcome = await self._save(tx, known, request)
        past = past_of(seen, rules)
        has_label = rules.contacted_label in seen.issue.labels
        return replace(
            outcome,
            is_new=known is None and not was_unreadable,
            was_unreadable=was_unreadable,
            lacks_label=past.contacted_at is not None and not has_label,
        )

    async def _save(self, tx: Transaction, known: Request | None, request: Request) -> IssueOutcome:
        key = request.key
        changed = differences(known, request) if known else ()
        has_card = await cards.has_card(tx, key)
        lacks_card = request.state in UNFINISHED and not has_card
        await requests.save_request(tx, request)
        if known is None or changed or lacks_card:
            await announce(tx, key, self._record.now())
        return IssueOutcome(key=key, request=request, changed=changed, lacks_card=lacks_card)

    async def _lose(self, key: IssueKey) -> IssueOutcome:
        async with self._record.transaction() as tx:
            known, was_unreadable = await _load(tx, key)
            if was_unreadable:
                await requests.forget_request(tx, key)
            outcome = IssueOutcome(key=key, was_unreadable=was_unreadable)
            if known is not None:
                request, _ = gone(known, self._record.now())
                outcome = await self._save(tx, known, request)
        return replace(outcome, is_missing=True)


def _delivered(waiting: Iterable[DecisionRecord], seen: Observation) -> list[Decision]:
    """Find what GitLab has although an older record would deliver it.

    Decisions reach GitLab in order. A contact may not; nothing undoes it, so it may be repeated.
    """
    marked = [mark.decision for _, mark in own_marks(seen.notes, seen.own_username)]
    passed = {*marked} - {*marked[:1]}
    return [
        each.decision
        for each in waiting
        if each.status is Status.PENDING
        and each.decision.id in passed
        and not isinstance(each.decision.action, MarkContacted)
    ]


def _is_of(note: Note, decisions: Set[UUID]) -> bool:
    mark = read_marker(note.body)
    return mark is not None and mark.decision in decisions


async def _load(tx: Transaction, key: IssueKey) -> tuple[Request | None, bool]:
    """Return also whether the record is unreadable."""
    try:
        return await requests.load_request(tx, key, lock=True), False
    except UnreadableError:
        return None, True


def _is_newer(known: Request | None, request: Request) -> bool:
    """Return whether a running bot has looked later."""
    if known is None or known.gitlab_updated_at is None or request.gitlab_updated_at is None:
        return False
    return known.gitlab_updated_at > request.gitlab_updated_at
