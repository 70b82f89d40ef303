"""Bring one issue and its record together: note what GitLab says, deliver what people decided."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from slackbot import metrics
from slackbot.blocks.text import without_markup
from slackbot.blocks.words import refusal_words
from slackbot.people.directory import People
from slackbot.platforms.errors import Missing, PlatformError, Rejected
from slackbot.platforms.gitlab import IssueChange, Tracker
from slackbot.platforms.snapshot import GitLabUser, IssueSnapshot, Note
from slackbot.rules.decision import (
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
from slackbot.rules.refusals import AlreadyYours, Refusal, SameLabel, UnknownLabel
from slackbot.rules.request import IssueKey, Person, Request, State
from slackbot.store import cards, duty, facts, feedbacks, record
from slackbot.store.changes import announce, announce_queue
from slackbot.store.database import LeaseLost, Record, Transaction
from slackbot.store.feedbacks import Sighting
from slackbot.store.jobs import Postponed
from slackbot.store.record import Recorded, Status
from slackbot.sync.conflicts import Overtaken, overtaken
from slackbot.sync.effect import assignees_after, change_of, is_made, replaced_label
from slackbot.sync.notes import decisions_marked, note_of, withdrawal_of
from slackbot.sync.observe import (
    Observation,
    Rules,
    feedback_of,
    first_sight,
    gone,
    may_matter,
    observe,
    triage_of,
)
from slackbot.sync.read import look
from slackbot.sync.restore import was_suggested

log = structlog.get_logger()

FAULT = "the bot has a fault, which its administrator finds in the log"


@dataclass(frozen=True, kw_only=True)
class Traces:
    """What earlier attempts to deliver have left in an issue: the bot's notes and their markers."""

    own: str = ""
    """The bot's username in GitLab."""
    notes: Sequence[Note] = ()
    decisions: frozenset[UUID] = frozenset()
    """Those whose note stands, and was not withdrawn."""


class IssueSync:
    """Reconciles the queue ``SYNC``.

    Args:
        assigns: Whether a request that nobody has is to be assigned to who is on duty.
    """

    def __init__(
        self,
        record: Record,
        tracker: Tracker,
        people: People,
        rules: Rules,
        assigns: bool,
    ) -> None:
        self._record, self._tracker, self._people = record, tracker, people
        self._rules, self._assigns = rules, assigns

    async def reconcile(self, key: IssueKey) -> None:
        """Read an issue, note what changed in it, deliver the decisions about it in their order."""
        try:
            await self._run(key)
        except PlatformError as error:
            await self._note_problem(key, str(error))
            raise
        except (LeaseLost, Postponed):
            raise
        except Exception:
            await self._note_problem(key, FAULT)
            raise

    async def _note_problem(self, key: IssueKey, problem: str) -> None:
        async with self._record.transaction() as tx:
            if await record.note_problem(tx, key, problem):
                await self._show(tx, key)

    async def _run(self, key: IssueKey) -> None:
        async with self._record.transaction() as tx:
            standing = await record.load_standing(tx, key)
        known, pending = (standing.confirmed, standing.pending) if standing else (None, ())
        try:
            seen = await look(
                self._tracker, key, known, self._record.now(), is_contested=_is_contested(pending)
            )
        except Missing:
            await self._lose(key)
            return
        if known or may_matter(seen.issue, self._rules):
            for assignee in seen.issue.assignees:  # before they are told or shown anything
                await self._people.seek(assignee.person)
        traces = await self._traces(key, pending)
        # What a note says already is ours: seen in GitLab, it must not pass for somebody else's.
        if not (pending and pending[0].decision.id in traces.decisions):
            await self._converge(seen)
        for recorded in pending:
            seen = await self._deliver(recorded.decision, seen, traces)
        await self._withdraw(key)
        if self._assigns and not pending:  # else it is not fresh enough, and somebody is at it
            await self._suggest(seen)

    async def _suggest(self, seen: Observation) -> None:
        """Assign a request that nobody has to who is on duty, once: a suggestion, and no claim."""
        key = seen.issue.key
        async with self._record.transaction() as tx:
            request, turn = await record.load_request(tx, key), await duty.current_turn(tx)
        if turn is None or request is None or not _may_be_suggested(request):
            return
        account = await self._first_account(turn.on_duty.people)
        if account is None or await self._was_suggested(request):
            return
        await self._check_unchanged(seen.issue)
        async with self._record.transaction() as tx:
            await self._note_suggestion(tx, key, account.username)
        issue = seen.issue
        try:
            change = IssueChange(assignee_ids=(account.id,))
            issue = await self._tracker.change_issue(key, change)
        except Rejected as error:
            log.warning("not_assigned", issue=str(key), problem=error.code)
        await self._end_suggestion(replace(seen, issue=issue, notes=(), at=self._record.now()))

    async def _first_account(self, people: Iterable[Person]) -> GitLabUser | None:
        for person in people:
            if account := await self._people.account(person):
                return account
        return None

    async def _was_suggested(self, request: Request) -> bool:
        """Tell whether an earlier try has come through after all, and perhaps was undone since."""
        if request.suggested_to is None:
            return False
        notes, own = await self._tracker.notes(request.key), await self._tracker.own_username()
        if not was_suggested(notes, own):
            return False
        async with self._record.transaction() as tx:
            known = await record.load_request(tx, request.key, lock=True)
            if known is not None:
                await record.save_request(tx, _suggested(known))
        return True

    async def _note_suggestion(self, tx: Transaction, key: IssueKey, username: str) -> None:
        known = await record.load_request(tx, key, lock=True)
        if known is not None:
            await record.save_request(tx, replace(known, suggested_to=username))

    async def _end_suggestion(self, seen: Observation) -> None:
        async with self._record.transaction() as tx:
            before = await record.load_request(tx, seen.issue.key, lock=True)
            if before is None:
                return
            suggested = replace(_suggested(before), assignees=seen.issue.usernames)
            after, steps = observe(suggested, seen, self._rules)
            await self._save(tx, before, after, steps)

    async def _traces(self, key: IssueKey, pending: Iterable[Recorded]) -> Traces:
        """Look for what decisions begun earlier, with a doubtful outcome, have left in GitLab."""
        if not any(recorded.begun_at for recorded in pending):
            return Traces()
        own, notes = await self._tracker.own_username(), await self._tracker.notes(key)
        return Traces(own=own, notes=notes, decisions=decisions_marked(notes, own))

    async def _lose(self, key: IssueKey) -> None:
        await self._tracker.project()  # if the project is out of sight, too, this is an outage
        async with self._record.transaction() as tx:
            standing = await record.load_standing(tx, key, lock=True)
            has_news = await feedbacks.note(tx, (), [key])
            if standing is not None:
                request, steps = gone(standing.confirmed, self._record.now())
                await self._save(tx, standing.confirmed, request, steps)
                for recorded in standing.pending:
                    await self._refuse(tx, recorded.decision, "The issue is gone from GitLab.")
            if has_news:
                await announce_queue(tx, self._record.now())

    async def _converge(self, seen: Observation) -> None:
        async with self._record.transaction() as tx:
            known = await record.load_request(tx, seen.issue.key, lock=True)
            request, steps = observe(known, seen, self._rules)
            if request is None and await cards.stands(tx, seen.issue.key):
                request = first_sight(seen, self._rules)  # it was one: the record has been lost
            has_news = await self._note_feedback(tx, seen.issue, request)
            await self._save(tx, known, request, steps)
            if has_news:
                await announce_queue(tx, self._record.now())

    async def _note_feedback(
        self, tx: Transaction, issue: IssueSnapshot, request: Request | None
    ) -> bool:
        """Note how far the triage of an issue is that asks for no contact, or does so no more.

        Returns:
            Whether that is news for the queue.
        """
        asks = request is not None and request.state is not State.WITHDRAWN
        triage = triage_of(issue, self._rules, asks=asks)
        seen = [] if triage is None else [Sighting(feedback_of(issue), triage)]
        return await feedbacks.note(tx, seen, [] if seen else [issue.key])

    async def _save(
        self, tx: Transaction, before: Request | None, after: Request | None, steps: Sequence[Step]
    ) -> None:
        if after is None or (after == before and not steps):
            return
        await record.save_request(tx, after)
        for step in steps:
            await cards.add_message(tx, after.key, step)
        if before is None or replace(before, gitlab_updated_at=after.gitlab_updated_at) != after:
            await self._show(tx, after.key, rank=after.due_at)
        if before is None:
            log.info("request_found", issue=str(after.key), due_at=after.due_at.isoformat())

    async def _show(
        self,
        tx: Transaction,
        key: IssueKey,
        *,
        urgent: bool = False,
        rank: datetime | None = None,
    ) -> None:
        await announce(tx, key, self._record.now(), urgent=urgent, rank=rank)

    async def _deliver(self, decision: Decision, seen: Observation, traces: Traces) -> Observation:
        try:
            # By their account, too, which may not have been known at the click: who is assigned in
            # GitLab is to be recognised as the same human.
            account = await self._people.account(decision.by)
            decision = replace(
                decision, by=replace(decision.by, gitlab=account.username if account else None)
            )
            if decision.id not in traces.decisions:
                refusal = await self._judge(decision)
                if refusal is not None:
                    await self._end_refused(decision, refusal)
                    return seen
            return await self._write(decision, account, seen, traces)
        except Rejected as error:
            # This will not mend by itself; the card shows it, with a button to try again.
            log.error("decision_rejected", issue=str(decision.key), problem=error.code)
            async with self._record.transaction() as tx:
                await self._refuse(tx, decision, str(error))
            # Its note alone is ours; whatever else is new there is told before the next decision.
            await self._converge(seen)
            return seen

    async def _judge(self, decision: Decision) -> Refusal | None:
        """Judge a decision again, by what GitLab says now: somebody may have been faster there."""
        labels = await self._labels_for(decision)
        if isinstance(labels, Refusal):
            return labels
        # A contact happened, whatever was done in GitLab meanwhile: its text belongs in the issue.
        if isinstance(decision.action, MarkContacted):
            return None
        async with self._record.transaction() as tx:
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
        async with self._record.transaction() as tx:
            if isinstance(refusal, AlreadyYours | SameLabel):  # GitLab has it: nothing to tell
                await record.finish_decision(tx, decision, Status.DROPPED, self._record.now())
            else:
                await self._refuse(tx, decision, without_markup(refusal_words(refusal)))
            await self._show(tx, decision.key, urgent=True)

    async def _refuse(self, tx: Transaction, decision: Decision, problem: str) -> None:
        now = self._record.now()
        await record.finish_decision(tx, decision, Status.REFUSED, now, problem)
        step = Step(kind=StepKind.REFUSED, who=decision.by, at=now, detail=problem)
        await cards.add_message(tx, decision.key, step)
        await self._show(tx, decision.key, urgent=True)
        metrics.DECISIONS.labels("refused").inc()

    async def _withdraw(self, key: IssueKey) -> None:
        """Take the notes back of what GitLab refused after them: they tell what is not so.

        The record has the refusal by now, so a ``Try again`` that comes first is not mistaken: it
        goes on from the note, or writes it anew where that was withdrawn.
        """
        async with self._record.transaction() as tx:
            refused = await record.to_withdraw(tx, key)
        if not refused:
            return
        own, notes = await self._tracker.own_username(), await self._tracker.notes(key)
        standing = decisions_marked(notes, own)
        for decision in refused:
            if decision.id in standing:
                async with self._record.transaction() as tx:
                    await record.begin_decision(tx, decision.id, self._record.now())
                try:
                    await self._tracker.add_note(key, withdrawal_of(decision))
                except Rejected as error:  # so it stays to be done when the issue is seen to next
                    log.warning("not_withdrawn", issue=str(key), problem=error.code)
                    return
            async with self._record.transaction() as tx:
                await record.note_withdrawn(tx, decision.id)

    async def _write(
        self, decision: Decision, account: GitLabUser | None, seen: Observation, traces: Traces
    ) -> Observation:
        theirs = Overtaken()
        if decision.id in traces.decisions:
            theirs = await self._overtaken(decision, seen, traces)
        else:
            await self._note(decision, seen)
        change = await self._change(decision, seen.issue, account)
        asked = theirs.spared(change, self._rules.scope)
        issue = seen.issue
        if not is_made(asked, issue):
            await self._check_unchanged(seen.issue)
            issue = await self._tracker.change_issue(decision.key, asked)
        notes = (theirs.assignment,) if theirs.assignment else ()
        after = replace(seen, issue=issue, notes=notes, at=self._record.now())
        ours = (
            assignees_after(change, seen.issue, account) if theirs.assignment else issue.usernames
        )
        is_repeated = decision.id in traces.decisions
        await self._complete(decision, change, ours, after, is_repeated=is_repeated)
        return after

    async def _note(self, decision: Decision, seen: Observation) -> None:
        # From here on the note may be there although we do not get to know.
        async with self._record.transaction() as tx:
            await record.begin_decision(tx, decision.id, self._record.now())
        replaced = replaced_label(decision.action, seen.issue, self._rules.scope)
        await self._tracker.add_note(decision.key, note_of(decision, replaced, seen.changed_at))

    async def _check_unchanged(self, seen: IssueSnapshot) -> None:
        """Make sure that nobody has changed an issue since it was read: notes may take a while.

        GitLab has no conditional update, so what is left is the moment between this and the change.

        Raises:
            Postponed: Somebody has; the next try finds out what, and leaves it alone.
        """
        now = await self._tracker.read_issue(seen.key)
        if (now.usernames, now.labels, now.is_open) != (seen.usernames, seen.labels, seen.is_open):
            raise Postponed("somebody has just changed the issue in GitLab")

    async def _overtaken(self, decision: Decision, seen: Observation, traces: Traces) -> Overtaken:
        """Find out what others changed meanwhile: our PUT is repeated without it."""
        states = await self._tracker.state_events(decision.key)
        return overtaken(decision.id, traces.own, traces.notes, seen.label_events, states)

    async def _change(
        self, decision: Decision, issue: IssueSnapshot, account: GitLabUser | None
    ) -> IssueChange:
        action = decision.action
        colleague = await self._username(action.holder) if isinstance(action, TakeOver) else None
        known_labels: Iterable[str] = ()
        if isinstance(action, ChooseLabel | MarkContacted):
            async with self._record.transaction() as tx:
                known_labels = await facts.load_labels(tx) or ()
        return change_of(
            action,
            issue,
            account,
            colleague=colleague,
            known_labels=known_labels,
            rules=self._rules,
        )

    async def _username(self, person: Person) -> str | None:
        """Return a person's GitLab username, which may not have been known at a click."""
        if person.gitlab:
            return person.gitlab
        account = await self._people.account(person)
        return account.username if account else None

    async def _complete(
        self,
        decision: Decision,
        change: IssueChange,
        ours: tuple[str, ...],
        seen: Observation,
        *,
        is_repeated: bool,
    ) -> None:
        """Note that GitLab has a decision; what else its answer shows is somebody else's.

        Args:
            decision: The decision, by the person with their GitLab account.
            change: What it was to change.
            ours: The assignees as they are by our doing.
            seen: The issue as it is now.
            is_repeated: Whether its note stood already: a record that was lost since may have known
                that it was delivered, and told so.
        """
        async with self._record.transaction() as tx:
            before = await record.load_request(tx, decision.key, lock=True)
            if before is None or not await record.is_pending(tx, decision.id):
                return
            after = apply(
                before,
                decision,
                scope=self._rules.scope,
                contacted_label=self._rules.contacted_label,
            )
            if change.assignee_ids is not None:
                after = replace(after, assignees=ours)
            if change.add_labels or change.remove_labels:
                labels = (after.labels | change.add_labels) - change.remove_labels
                after = replace(after, labels=labels)
            request, steps = observe(after, seen, self._rules)
            begun_at = decision.at if is_repeated else None
            for step in (step_of(decision, before), *self._not_assigned(decision, change, ours)):
                await cards.add_message(tx, decision.key, step, of=decision.id, begun_at=begun_at)
            await self._save(tx, before, request, steps)
            await record.finish_decision(tx, decision, Status.DELIVERED, self._record.now())
            await self._show(tx, decision.key, urgent=True)
        metrics.DECISIONS.labels("delivered").inc()
        log.info("decision_delivered", issue=str(decision.key), kind=decision.action.kind)

    def _not_assigned(
        self, decision: Decision, change: IssueChange, assignees: tuple[str, ...]
    ) -> tuple[Step, ...]:
        """Tell when GitLab has not assigned who has claimed: it has no such account or member."""
        if not isinstance(decision.action, Claim | TakeOver):
            return ()
        if decision.by.gitlab is None:
            return (Step(kind=StepKind.UNLINKED, who=decision.by, at=decision.at),)
        if change.assignee_ids and decision.by.gitlab not in assignees:
            return (Step(kind=StepKind.NOT_A_MEMBER, who=decision.by, at=decision.at),)
        return ()


def _is_contested(pending: Iterable[Recorded]) -> bool:
    return any(isinstance(each.decision.action, TakeOver | Release) for each in pending)


def _suggested(request: Request) -> Request:
    return replace(request, is_suggested=True, suggested_to=None)


def _may_be_suggested(request: Request) -> bool:
    return request.state is State.WAITING and not request.assignees and not request.is_suggested
