"""Deliver one decision to GitLab: judge it again, write its note, then its one PUT."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from slackbot import metrics
from slackbot.blocks.text import without_markup
from slackbot.blocks.words import problem_words, refusal_words
from slackbot.people.directory import Directory
from slackbot.platforms.errors import Rejected
from slackbot.platforms.gitlab import GitLabClient, IssueChange
from slackbot.platforms.snapshot import GitLabUser, IssueSnapshot, Note
from slackbot.rules.decision import (
    ChooseLabel,
    Claim,
    Decision,
    MarkContacted,
    Step,
    StepKind,
    TakeOver,
    apply,
    decide,
    step_of,
)
from slackbot.rules.refusals import AlreadyYours, Refusal, SameLabel, UnknownLabel
from slackbot.rules.request import IssueKey, Person, Rules
from slackbot.store import cards, decisions, facts, requests
from slackbot.store.changes import announce, refuse, save_changes
from slackbot.store.database import Record
from slackbot.store.decisions import Status
from slackbot.sync.conflicts import Conflicts, conflicts_since
from slackbot.sync.effect import assignees_after, change_of, is_applied, replaced_label
from slackbot.sync.notes import decisions_marked, note_of, withdrawal_of
from slackbot.sync.observe import Observation, observe
from slackbot.sync.read import check_unchanged

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Traces:
    """What earlier attempts have left in an issue."""

    own: str = ""
    notes: Sequence[Note] = ()
    decisions: frozenset[UUID] = frozenset()
    """Their notes stand, not withdrawn."""


class Delivery:
    """Writes the note before the change: once it stands, the decision holds."""

    def __init__(
        self,
        record: Record,
        gitlab: GitLabClient,
        directory: Directory,
        rules: Rules,
        decision: Decision,
        traces: Traces,
    ) -> None:
        self._record, self._gitlab, self._directory = record, gitlab, directory
        self._rules, self._decision, self._traces = rules, decision, traces
        self._account: GitLabUser | None = None
        self._is_noted = decision.id in traces.decisions

    async def run(self, seen: Observation) -> Observation | None:
        """Return ``None`` where GitLab rejected a part of it."""
        try:
            await self._identify()
            if not self._is_noted and (refusal := await self._judge()):
                await self._end_refused(refusal)
                return seen
            return await self._write(seen)
        except Rejected as error:
            # It won't work later.
            log.error("decision_rejected", issue=str(self._decision.key), problem=error.code)
            async with self._record.transaction() as tx:
                await refuse(tx, self._decision, problem_words(error), self._record.now())
            return None

    async def _identify(self) -> None:
        """Look again: the account may not have been known at the click."""
        self._account = await self._directory.account(self._decision.by)
        username = self._account.username if self._account else None
        self._decision = replace(self._decision, by=replace(self._decision.by, gitlab=username))

    async def _judge(self) -> Refusal | None:
        """Judge by what GitLab says now: somebody may have been faster."""
        decision = self._decision
        labels = await self._labels()
        if isinstance(labels, Refusal):
            return labels
        # A contact happened in any case: its text belongs in the issue.
        if isinstance(decision.action, MarkContacted):
            return None
        async with self._record.transaction() as tx:
            request = await requests.load_request(tx, decision.key)
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

    async def _labels(self) -> frozenset[str] | Refusal:
        """GitLab would create unknown labels."""
        match self._decision.action:
            case ChooseLabel(label=label):
                wanted = {label}
            case MarkContacted(label=label):
                wanted = {self._rules.contacted_label, *([label] if label else [])}
            case _:
                return frozenset()
        known = frozenset(await self._gitlab.labels())
        missing = sorted(wanted - known)
        return UnknownLabel(missing[0]) if missing else known

    async def _end_refused(self, refusal: Refusal) -> None:
        now = self._record.now()
        async with self._record.transaction() as tx:
            if isinstance(refusal, AlreadyYours | SameLabel):  # nothing to tell
                await decisions.finish_decision(tx, self._decision, Status.DROPPED, now)
                await announce(tx, self._decision.key, now, urgent=True)
            else:
                await refuse(tx, self._decision, without_markup(refusal_words(refusal)), now)

    async def _write(self, seen: Observation) -> Observation:
        conflicts = Conflicts()
        if self._is_noted:
            conflicts = await self._conflicts(seen)
        else:
            await self._note(seen)
        change = await self._change(seen.issue)
        asked = conflicts.without_conflicts(change, self._rules.scope)
        issue = seen.issue
        if not is_applied(asked, issue):
            await check_unchanged(self._gitlab, issue)
            issue = await self._gitlab.change_issue(self._decision.key, asked)
        # The assignees by the bot's doing; any others are somebody else's.
        wanted, notes = issue.usernames, list[Note]()
        if conflicts.assignment:
            wanted = assignees_after(change, seen.issue, self._account)
            notes = [conflicts.assignment]
        after = replace(seen, issue=issue, notes=notes, at=self._record.now())
        await self._complete(change, wanted, after)
        return after

    async def _note(self, seen: Observation) -> None:
        # From here on the note may exist unknown to us.
        async with self._record.transaction() as tx:
            await decisions.begin_decision(tx, self._decision.id, self._record.now())
        replaced = replaced_label(self._decision.action, seen.issue, self._rules.scope)
        body = note_of(self._decision, replaced, seen.changed_at)
        await self._gitlab.add_note(self._decision.key, body)

    async def _conflicts(self, seen: Observation) -> Conflicts:
        states = await self._gitlab.state_events(self._decision.key)
        return conflicts_since(
            self._decision.id, self._traces.own, self._traces.notes, seen.label_events, states
        )

    async def _change(self, issue: IssueSnapshot) -> IssueChange:
        action = self._decision.action
        colleague = await self._username(action.holder) if isinstance(action, TakeOver) else None
        known_labels: Iterable[str] = ()
        if isinstance(action, ChooseLabel | MarkContacted):
            async with self._record.transaction() as tx:
                known_labels = await facts.FEEDBACK_LABELS.load(tx) or ()
        return change_of(
            action,
            issue,
            self._account,
            colleague=colleague,
            known_labels=known_labels,
            rules=self._rules,
        )

    async def _username(self, person: Person) -> str | None:
        if person.gitlab:
            return person.gitlab
        account = await self._directory.account(person)
        return account.username if account else None

    async def _complete(
        self, change: IssueChange, wanted: tuple[str, ...], seen: Observation
    ) -> None:
        decision, now = self._decision, self._record.now()
        async with self._record.transaction() as tx:
            before = await requests.load_request(tx, decision.key, lock=True)
            if before is None or not await decisions.is_pending(tx, decision.id):
                return
            after = apply(before, decision, self._rules)
            if change.assignee_ids is not None:
                after = replace(after, assignees=wanted)
            if change.add_labels or change.remove_labels:
                labels = (after.labels | change.add_labels) - change.remove_labels
                after = replace(after, labels=labels)
            request, steps = observe(after, seen, self._rules)
            # A lost record may have told of it before.
            begun_at = decision.at if self._is_noted else None
            for step in (step_of(decision, before), *self._not_assigned(change, wanted)):
                await cards.add_message(tx, decision.key, step, of=decision.id, begun_at=begun_at)
            await save_changes(tx, before, request, steps, now)
            await decisions.finish_decision(tx, decision, Status.DELIVERED, now)
            await announce(tx, decision.key, now, urgent=True)
        metrics.DECISIONS.labels("delivered").inc()
        log.info("decision_delivered", issue=str(decision.key), kind=decision.action.kind)

    def _not_assigned(self, change: IssueChange, assignees: tuple[str, ...]) -> tuple[Step, ...]:
        """Tell when GitLab has no such account or member."""
        decision = self._decision
        if not isinstance(decision.action, Claim | TakeOver):
            return ()
        if decision.by.gitlab is None:
            return (Step(kind=StepKind.UNLINKED, who=decision.by, at=decision.at),)
        if change.assignee_ids and decision.by.gitlab not in assignees:
            return (Step(kind=StepKind.NOT_A_MEMBER, who=decision.by, at=decision.at),)
        return ()


async def take_back_notes(kept: Record, gitlab: GitLabClient, key: IssueKey) -> None:
    """Withdraw the notes of what GitLab rejected, once the record has the refusal."""
    async with kept.transaction() as tx:
        refused = await decisions.list_to_withdraw(tx, key)
    if not refused:
        return
    own, notes = await gitlab.own_username(), await gitlab.notes(key)
    standing = decisions_marked(notes, own)
    for decision in refused:
        if decision.id in standing:
            async with kept.transaction() as tx:
                await decisions.begin_decision(tx, decision.id, kept.now())
            try:
                await gitlab.add_note(key, withdrawal_of(decision))
            except Rejected as error:  # tried again at the next sync
                log.warning("not_withdrawn", issue=str(key), problem=error.code)
                return
        async with kept.transaction() as tx:
            await decisions.note_withdrawn(tx, decision.id)
