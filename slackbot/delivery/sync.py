"""Bring one issue and its record together: note what GitLab says, deliver what people decided."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog

from slackbot import metrics
from slackbot.clock import Clock
from slackbot.delivery.worker import PLATFORM_TIMEOUT, Bells, Postponed
from slackbot.health import GITLAB, Health
from slackbot.refusals import AlreadyYours, Refusal, SameLabel, UnknownLabel
from slackbot.request import IssueKey, Person, Request, in_scope
from slackbot.store import cards, errands, facts, record
from slackbot.store.database import Database, Transaction
from slackbot.store.errands import Lane
from slackbot.store.record import Recorded, Status
from slackbot.tracker.client import IssueChange, Tracker
from slackbot.tracker.errors import (
    Missing,
    Rejected,
    Throttled,
    TrackerError,
    Unauthorized,
    Unsettled,
)
from slackbot.tracker.notes import decisions_marked, note_of
from slackbot.tracker.observe import Observation, Rules, gone, observe
from slackbot.tracker.snapshot import GitLabUser, IssueSnapshot, LabelEvent, Note
from slackbot.triage import (
    ChooseLabel,
    Claim,
    Decision,
    MarkContacted,
    Release,
    Step,
    StepKind,
    TakeOver,
    apply,
    decide,
    step_of,
)

log = structlog.get_logger()

ASSIGNMENT_NOTES = ("assigned to", "unassigned")
"""How GitLab's system notes about assignments begin."""


def _postponed(error: TrackerError) -> Postponed:
    match error:
        case Throttled(retry_after=seconds):
            return Postponed(str(error), timedelta(seconds=seconds))
        case Unsettled():
            return Postponed(str(error), PLATFORM_TIMEOUT, is_unsettled=True)
        case _:
            return Postponed(str(error))


class Synchroniser:
    """Runs the errands of the lane ``sync``."""

    def __init__(
        self,
        database: Database,
        tracker: Tracker,
        rules: Rules,
        *,
        account: Callable[[Person], Awaitable[GitLabUser | None]],
        explain: Callable[[Refusal], str],
        bells: Bells,
        health: Health,
        clock: Clock,
    ) -> None:
        self._database, self._tracker, self._rules = database, tracker, rules
        self._account, self._explain = account, explain
        self._bells, self._health, self._clock = bells, health, clock
        self._own_username: str | None = None

    async def run(self, key: IssueKey) -> None:
        """Read an issue, note what changed in it, deliver the decisions about it in their order.

        Raises:
            Postponed: GitLab cannot be reached, throttles, or does not take the token.
        """
        try:
            await self._run(key)
        except TrackerError as error:
            if isinstance(error, Unauthorized):
                self._health.report(GITLAB, str(error))
            await self._note_problem(key, str(error))
            raise _postponed(error) from error

    async def _note_problem(self, key: IssueKey, problem: str) -> None:
        async with self._database.transaction() as tx:
            if await record.note_problem(tx, key, problem):
                await self._show(tx, key)
        self._bells.ring(Lane.SHOW)

    async def _run(self, key: IssueKey) -> None:
        async with self._database.transaction() as tx:
            standing = await record.load_standing(tx, key)
        try:
            seen = await self._read(key, standing.confirmed if standing else None)
        except Missing:
            await self._lose(key)
            return
        pending = standing.pending if standing else ()
        noted = await self._noted_before(key, pending)
        # What a note says already is ours: seen in GitLab, it must not pass for somebody else's.
        if not (pending and pending[0].decision.id in noted):
            await self._converge(seen)
        for recorded in pending:
            seen = await self._deliver(recorded, seen, is_noted=recorded.decision.id in noted)

    async def _read(self, key: IssueKey, known: Request | None) -> Observation:
        issue = await self._tracker.read_issue(key)
        events: Sequence[LabelEvent] = await self._tracker.label_events(key)
        assignment = None
        if issue.usernames != (known.assignees if known else ()):
            assignment = await self._latest_assignment(key)
        return Observation(
            issue=issue, label_events=events, assignment=assignment, at=self._clock()
        )

    async def _latest_assignment(self, key: IssueKey) -> Note | None:
        for note in await self._tracker.notes(key):
            if note.is_system and note.body.startswith(ASSIGNMENT_NOTES):
                return note
        return None

    async def _noted_before(self, key: IssueKey, pending: Iterable[Recorded]) -> frozenset[UUID]:
        """Find out which decisions begun earlier, with a doubtful outcome, have their note."""
        if not any(recorded.begun_at for recorded in pending):
            return frozenset()
        if self._own_username is None:
            self._own_username = await self._tracker.own_username()
        return decisions_marked(await self._tracker.notes(key), self._own_username)

    async def _lose(self, key: IssueKey) -> None:
        await self._tracker.project()  # if the project is out of sight, too, this is an outage
        async with self._database.transaction() as tx:
            standing = await record.load_standing(tx, key, lock=True)
            if standing is None:
                return
            request, steps = gone(standing.confirmed, self._clock())
            await self._save(tx, standing.confirmed, request, steps)
            for recorded in standing.pending:
                await self._refuse(tx, recorded.decision, "The issue is gone from GitLab.")
        self._bells.ring(Lane.SHOW)

    async def _converge(self, seen: Observation) -> None:
        async with self._database.transaction() as tx:
            known = await record.load_request(tx, seen.issue.key, lock=True)
            request, steps = observe(known, seen, self._rules)
            await self._save(tx, known, request, steps)
        self._bells.ring(Lane.SHOW)

    async def _save(
        self, tx: Transaction, before: Request | None, after: Request | None, steps: Sequence[Step]
    ) -> None:
        if after is None or (after == before and not steps):
            return
        await record.save_request(tx, after)
        for step in steps:
            await cards.add_message(tx, after.key, step)
        if before is None or replace(before, gitlab_updated_at=after.gitlab_updated_at) != after:
            await self._show(tx, after.key)
        if before is None:
            log.info("request_found", issue=str(after.key), due_at=after.due_at.isoformat())

    async def _show(self, tx: Transaction, key: IssueKey, *, urgent: bool = False) -> None:
        await cards.make_stale(tx, key)
        await errands.ask(tx, Lane.SHOW, [key], self._clock(), urgent=urgent)

    async def _deliver(
        self, recorded: Recorded, seen: Observation, *, is_noted: bool
    ) -> Observation:
        decision = recorded.decision
        try:
            if not is_noted:
                refusal = await self._judge(decision)
                if refusal is not None:
                    await self._end_refused(decision, refusal)
                    return seen
            return await self._write(decision, seen, is_noted=is_noted)
        except Rejected as error:
            # This will not mend by itself; the card shows it, with a button to try again.
            log.error("decision_rejected", issue=str(decision.key), problem=f"{error.status}")
            async with self._database.transaction() as tx:
                await self._refuse(tx, decision, str(error))
            self._bells.ring(Lane.SHOW)
            return seen

    async def _judge(self, decision: Decision) -> Refusal | None:
        """Judge a decision again, by what GitLab says now: somebody may have been faster there."""
        labels = await self._labels_for(decision)
        if isinstance(labels, Refusal):
            return labels
        # A contact happened, whatever was done in GitLab meanwhile: its text belongs in the issue.
        if isinstance(decision.action, MarkContacted):
            return None
        async with self._database.transaction() as tx:
            request = await record.load_request(tx, decision.key)
        if request is None:
            return None
        return decide(
            request,
            decision.action,
            decision.by,
            decision.at,
            labels=labels,
            scope=self._rules.scope,
        )

    async def _labels_for(self, decision: Decision) -> frozenset[str] | Refusal:
        """Read the project's labels if the decision names one: GitLab would create unknown ones."""
        match decision.action:
            case ChooseLabel(label=label):
                wanted = {label}
            case MarkContacted(label=label):
                wanted = {self._rules.contacted_label, *([label] if label else [])}
            case _:
                return frozenset()
        known = await self._tracker.label_names()
        missing = sorted(wanted - known)
        return UnknownLabel(missing[0]) if missing else known

    async def _end_refused(self, decision: Decision, refusal: Refusal) -> None:
        async with self._database.transaction() as tx:
            if isinstance(refusal, AlreadyYours | SameLabel):  # GitLab has it: nothing to tell
                await record.finish_decision(tx, decision, Status.DROPPED, self._clock())
            else:
                await self._refuse(tx, decision, self._explain(refusal))
            await self._show(tx, decision.key, urgent=True)
        self._bells.ring(Lane.SHOW)

    async def _refuse(self, tx: Transaction, decision: Decision, problem: str) -> None:
        now = self._clock()
        await record.finish_decision(tx, decision, Status.REFUSED, now, problem)
        step = Step(kind=StepKind.REFUSED, who=decision.by, at=now, detail=problem)
        await cards.add_message(tx, decision.key, step)
        await self._show(tx, decision.key, urgent=True)
        metrics.DECISIONS.labels("refused").inc()

    async def _write(self, decision: Decision, seen: Observation, *, is_noted: bool) -> Observation:
        account = await self._account(decision.by)
        person = replace(decision.by, gitlab=account.username if account else None)
        if not is_noted:
            # From here on the note may be there although we do not get to know.
            async with self._database.transaction() as tx:
                await record.begin_decision(tx, decision.id, self._clock())
            await self._tracker.add_note(
                decision.key, note_of(decision, person, self._replaced(decision, seen.issue))
            )
        change = await self._change(decision, seen.issue, account)
        issue = seen.issue
        if change.body():
            issue = await self._tracker.change_issue(decision.key, change)
        after = replace(seen, issue=issue, assignment=None, at=self._clock())
        await self._complete(replace(decision, by=person), change, after)
        return after

    def _replaced(self, decision: Decision, issue: IssueSnapshot) -> str | None:
        if not isinstance(decision.action, ChooseLabel):
            return None
        others = sorted(name for name in issue.labels if in_scope(name, self._rules.scope))
        return next((name for name in others if name != decision.action.label), None)

    async def _change(
        self, decision: Decision, issue: IssueSnapshot, account: GitLabUser | None
    ) -> IssueChange:
        match decision.action:
            case Claim():
                return IssueChange(assignee_ids=(account.id,) if account else None)
            case TakeOver(holder=holder):
                # The colleague is taken off even where nobody can be put in their place.
                left = tuple(user.id for user in issue.assignees if user.username != holder.gitlab)
                return IssueChange(assignee_ids=(account.id,) if account else left)
            case Release():
                others = tuple(user.id for user in issue.assignees if user != account)
                is_assigned = len(others) < len(issue.assignees)
                return IssueChange(assignee_ids=others if is_assigned else None)
            case ChooseLabel(label=label):
                return await self._relabelling(label, issue, frozenset())
            case MarkContacted() as contact:
                added = frozenset({self._rules.contacted_label})
                # A label that somebody chose in the meantime stays.
                chosen = None if self._label_of(issue) else contact.label
                change = await self._relabelling(chosen, issue, added)
                return replace(change, close=contact.close)

    def _label_of(self, issue: IssueSnapshot) -> str | None:
        return next((name for name in issue.labels if in_scope(name, self._rules.scope)), None)

    async def _relabelling(
        self, chosen: str | None, issue: IssueSnapshot, added: frozenset[str]
    ) -> IssueChange:
        if chosen is None:
            return IssueChange(add_labels=added)
        # Scoped labels exclude each other on paid tiers only, and one may have come this second.
        async with self._database.transaction() as tx:
            of_scope = set(await facts.load_labels(tx) or ()) | issue.labels
        others = {name for name in of_scope if in_scope(name, self._rules.scope)} - {chosen}
        return IssueChange(add_labels=added | {chosen}, remove_labels=frozenset(others))

    async def _complete(self, decision: Decision, change: IssueChange, seen: Observation) -> None:
        """Note that GitLab has a decision; what else its answer shows is somebody else's."""
        async with self._database.transaction() as tx:
            before = await record.load_request(tx, decision.key, lock=True)
            if before is None:
                return
            after = apply(
                before,
                decision,
                scope=self._rules.scope,
                contacted_label=self._rules.contacted_label,
            )
            if change.assignee_ids is not None:
                after = replace(after, assignees=seen.issue.usernames)
            if change.add_labels or change.remove_labels:
                labels = (after.labels | change.add_labels) - change.remove_labels
                after = replace(after, labels=labels)
            request, steps = observe(after, seen, self._rules)
            unassigned = self._not_assigned(decision, change, seen.issue)
            told = (step_of(decision, before), *unassigned, *steps)
            await self._save(tx, before, request, told)
            await record.finish_decision(tx, decision, Status.DELIVERED, self._clock())
            await self._show(tx, decision.key, urgent=True)
        metrics.DECISIONS.labels("delivered").inc()
        log.info("decision_delivered", issue=str(decision.key), kind=decision.action.kind)
        self._bells.ring(Lane.SHOW)

    def _not_assigned(
        self, decision: Decision, change: IssueChange, issue: IssueSnapshot
    ) -> tuple[Step, ...]:
        """Tell when GitLab has not assigned who has claimed: it has no such account or member."""
        if not isinstance(decision.action, Claim | TakeOver):
            return ()
        if decision.by.gitlab is None:
            return (Step(kind=StepKind.UNLINKED, who=decision.by, at=decision.at),)
        if change.assignee_ids and decision.by.gitlab not in issue.usernames:
            return (Step(kind=StepKind.NOT_A_MEMBER, who=decision.by, at=decision.at),)
        return ()
