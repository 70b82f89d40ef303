"""Deliver one decision to GitLab: judge it again, write its note, then its one PUT."""

from collections.abc import Awaitable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from uuid import UUID

import structlog

from slackbot import metrics
from slackbot.blocks.text import without_markup
from slackbot.blocks.words import problem_words, refusal_words
from slackbot.people.addressees import Addressees
from slackbot.people.directory import Directory
from slackbot.platforms.errors import Missing, Rejected
from slackbot.platforms.gitlab.client import GitLabClient, IssueChange
from slackbot.platforms.gitlab.snapshot import Discussion, GitLabUser, IssueSnapshot, Note
from slackbot.rules.decision import (
    ChooseLabel,
    Claim,
    Close,
    CloseIdle,
    Decision,
    FollowUp,
    Kudos,
    MarkContacted,
    Review,
    Step,
    StepKind,
    TakeOver,
    Tell,
    apply,
    decide,
    has_happened,
    step_of,
)
from slackbot.rules.handbook import is_empty_template
from slackbot.rules.refusals import (
    AlreadyClosed,
    AlreadyYours,
    IssueGone,
    LabelNotSet,
    NoFollowUp,
    Refusal,
    SameLabel,
    UnknownLabel,
)
from slackbot.rules.request import IssueKey, Person, Request, Rules
from slackbot.store import decisions, facts, requests
from slackbot.store.changes import announce, note_delivered, refuse, save_changes
from slackbot.store.decisions import Status
from slackbot.store.engine.database import Record
from slackbot.store.jobs import Postponed
from slackbot.store.messages import cards
from slackbot.sync.reading.observe import Observation, observe
from slackbot.sync.reading.read import check_unchanged
from slackbot.sync.writing.conflicts import Conflicts, conflicts_since
from slackbot.sync.writing.effect import (
    NOTHING,
    assignees_after,
    change_of,
    replaced_label,
    taken_off,
    undone,
    yielding,
)
from slackbot.sync.writing.follow_up import FollowUps
from slackbot.sync.writing.hand import Hand
from slackbot.sync.writing.notes import (
    OwnName,
    decisions_marked,
    note_of,
    own_marks,
    supplement_of,
    supplemented,
    undone_words,
    withdrawal_of,
)

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Traces:
    """What earlier attempts have left in an issue."""

    own: str = ""
    notes: Sequence[Note] = ()
    """Newest first."""

    @cached_property
    def decisions(self) -> frozenset[UUID]:
        """Their notes stand, not withdrawn."""
        return decisions_marked(self.notes, self.own)

    def is_by_bot(self, decision: UUID) -> bool:
        """Return whether its note stands under the bot's own name."""
        marks = own_marks(self.notes, self.own)
        noted = [note.is_signed for note, mark in marks if mark.decision == decision]
        return bool(noted) and not any(noted)

    @cached_property
    def supplemented(self) -> frozenset[UUID]:
        return supplemented(self.notes, self.own)


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
        hand: Hand,
        *,
        project: str = "",
    ) -> None:
        self._record, self._gitlab, self._directory = record, gitlab, directory
        self._rules, self._decision, self._traces = rules, decision, traces
        self._hand = hand
        self._feedback_labels = facts.FEEDBACK_LABELS.of(project)
        self._account: GitLabUser | None = None
        self._is_noted = decision.id in traces.decisions

    async def run(self, seen: Observation) -> tuple[Observation, bool]:
        """Return the last reading, and whether the record has taken it in."""
        await self._identify()
        action = yielding(self._decision.action, seen.issue, self._rules.scope)
        self._decision = replace(self._decision, action=action)
        if refusal := await self._judge() or await self._prepare(seen):
            await self._end_refused(refusal)
            return seen, True
        return await self._write(seen)

    async def _identify(self) -> None:
        """Look again: the account may not have been known at the click."""
        self._account = await self._directory.account(self._decision.by)
        username = self._account.username if self._account else None
        self._decision = replace(self._decision, by=replace(self._decision.by, gitlab=username))
        if isinstance(kudos := self._decision.action, Kudos):
            thanks = [replace(each, gitlab=await self._username(each)) for each in kudos.thanks]
            self._decision = replace(self._decision, action=replace(kudos, thanks=tuple(thanks)))

    async def _judge(self) -> Refusal | None:
        """Judge by what GitLab says now: somebody may have been faster. A note stands."""
        decision = self._decision
        if self._is_noted:
            return None
        labels = await self._labels()
        if isinstance(labels, Refusal):
            return labels
        if has_happened(decision.action):
            return None
        async with self._record.transaction() as tx:
            request = await requests.load_request(tx, decision.key)
        if request is None:
            return None
        # An earlier try has closed it, but for its note.
        is_begun = bool(self._traces.own)
        if isinstance(decision.action, CloseIdle) and is_begun and not request.is_open:
            return None
        refusal = decide(
            request,
            decision.action,
            decision.by,
            decision.at,
            labels=labels,
            scope=self._rules.scope,
        )
        # Who else has closed it doesn't matter: the reason belongs in the issue.
        is_done = isinstance(decision.action, Close) and isinstance(refusal, AlreadyClosed)
        return None if is_done else refusal

    async def _prepare(self, seen: Observation) -> Refusal | None:
        """Find out, or make, what the note names."""
        match self._decision.action:
            case FollowUp(created=None):
                follow_ups = FollowUps(self._record, self._gitlab, self._rules.follow_up_project)
                if self._is_noted:
                    self._decision = await follow_ups.find(self._decision, seen.issue)
                    return None
                await self._begin()
                try:
                    self._decision = await follow_ups.create(self._decision, seen.issue)
                except NoFollowUp as refusal:
                    return refusal
            case Tell() as tell if not self._is_noted:
                try:
                    names = await Addressees(self._gitlab, self._directory).look_up(tell)
                except Refusal as refusal:
                    return refusal
                self._decision = replace(
                    self._decision, action=replace(tell, names=names, people=())
                )
            case _:
                pass
        return None

    async def _labels(self) -> frozenset[str] | Refusal:
        """GitLab would create unknown labels."""
        match self._decision.action:
            case ChooseLabel(label=label) | Review(label=str() as label):
                wanted = {label}
            case MarkContacted(label=label):
                wanted = {self._rules.contacted_label, *([label] if label else [])}
            case _:
                return frozenset()
        # What is archived keeps no contact from the issue: GitLab leaves it out, and that is told.
        is_contact = isinstance(self._decision.action, MarkContacted)
        project = self._decision.key.project
        known = frozenset(await self._gitlab.labels(project, with_archived=is_contact))
        if missing := sorted(wanted - known):
            is_chosen = missing[0] != self._rules.contacted_label
            return UnknownLabel(missing[0], is_chosen=is_chosen)
        return known

    async def _end_refused(self, refusal: Refusal) -> None:
        now = self._record.now()
        async with self._record.transaction() as tx:
            if isinstance(refusal, AlreadyYours | SameLabel) or self._is_own:  # nothing to tell
                await decisions.finish_decision(tx, self._decision, Status.DROPPED, now)
                await announce(tx, self._decision.key, now, urgent=True)
            else:
                await refuse(tx, self._decision, without_markup(refusal_words(refusal)), now)

    async def _end_rejected(self, error: Rejected) -> None:
        log.error("decision_rejected", issue=str(self._decision.key), problem=error.code)
        if self._is_own:
            await self._end_refused(IssueGone())
            return
        is_gone = isinstance(error, Missing)
        problem = refusal_words(IssueGone()) if is_gone else problem_words(error)
        async with self._record.transaction() as tx:
            await refuse(tx, self._decision, problem, self._record.now())

    async def _write(self, seen: Observation) -> tuple[Observation, bool]:
        conflicts = Conflicts()
        if self._is_noted:
            conflicts = await self._conflicts(seen)
        change = await self._change(seen.issue)
        asked = conflicts.without_conflicts(change, self._rules.scope)
        try:
            issue = await self._send(asked, seen)
        except Rejected as error:
            # It won't work later. A reading that is rejected says nothing about the choice.
            await self._end_rejected(error)
            return seen, False
        action, left_out = self._decision.action, undone(asked, issue)
        if _is_no_member(self._decision, asked, issue.usernames):  # has a step of its own
            left_out = replace(left_out, assignee_ids=None)
        if isinstance(action, ChooseLabel) and action.label in left_out.add_labels:
            former = taken_off(action, asked, seen.issue, issue)
            issue = await _put_back(self._gitlab, issue, former)
            lost = sorted(former - issue.labels)
            await self._end_refused(LabelNotSet(action.label, tuple(lost)))
            return replace(seen, issue=issue, at=self._record.now()), False
        if other := change.relate:
            related = self._gitlab.link_issue(self._decision.key, other)
            if not await self._is_accepted(related, "not_related"):
                left_out = replace(left_out, relate=other)
        if left_out != NOTHING:
            await self._supplement(left_out)
        # The assignees by the bot's doing; any others are somebody else's.
        wanted, notes = issue.usernames, list[Note]()
        if conflicts.assignment:
            wanted = assignees_after(change, seen.issue, self._account)
            notes = [conflicts.assignment]
        after = replace(seen, issue=issue, notes=notes, at=self._record.now())
        await self._complete(change, left_out, wanted, after)
        return after, True

    @property
    def _is_own(self) -> bool:
        """Whether nobody waits to hear of it: the bot's own doing."""
        return isinstance(self._decision.action, CloseIdle)

    async def _send(self, asked: IssueChange, seen: Observation) -> IssueSnapshot:
        if self._is_own:
            return await self._close_idle(asked, seen)
        decision, is_bots = self._decision, self._traces.is_by_bot(self._decision.id)
        await self._hand.take_up(decision, self._account, is_bots=is_bots)
        if not self._is_noted:
            await self._note(seen)
        issue = seen.issue
        if undone(asked, issue) != NOTHING:
            await check_unchanged(self._gitlab, issue)
            issue = await self._hand.change(decision, asked)
        return issue

    async def _is_accepted(self, call: Awaitable[object], otherwise: str) -> bool:
        """Return whether GitLab accepts a call without which the choice holds, too."""
        try:
            await call
        except Rejected as error:
            log.warning(otherwise, issue=str(self._decision.key), problem=error.code)
            return False
        return True

    async def _close_idle(self, asked: IssueChange, seen: Observation) -> IssueSnapshot:
        """Write the note last: it would hide whether somebody has acted in the meantime."""
        key, issue = self._decision.key, seen.issue
        if undone(asked, issue) != NOTHING:
            await self._begin()
            if (await self._gitlab.read_issue(key)).updated_at != issue.updated_at:
                raise Postponed("somebody has just acted on the issue in GitLab")
            issue = await self._gitlab.change_issue(key, asked)
        if not self._is_noted:
            await self._note(seen)
        return issue

    async def _supplement(self, left_out: IssueChange) -> None:
        """Say below the note what it promised too much, once; the thread tells it in any case."""
        if self._decision.id not in self._traces.supplemented:
            body = supplement_of(self._decision, left_out)
            note = self._gitlab.add_note(self._decision.key, body)
            await self._is_accepted(note, "not_supplemented")

    async def _begin(self) -> None:
        """From here on, what is written may exist unknown to us."""
        async with self._record.transaction() as tx:
            await decisions.begin_decision(tx, self._decision.id, self._record.now())

    async def _note(self, seen: Observation) -> None:
        thread = await self._thread()
        await self._begin()
        replaced = replaced_label(self._decision.action, seen.issue, self._rules.scope)
        decision = self._decision

        async def post(gitlab: GitLabClient, own_name: OwnName | None) -> None:
            body = note_of(decision, replaced, seen.issue, own_name)
            if thread is None or not await self._is_accepted(
                gitlab.reply(decision.key, thread, body), "not_a_reply"
            ):
                await gitlab.add_note(decision.key, body)

        await self._hand.note(decision, seen.issue.url, post)

    async def _thread(self) -> str | None:
        """Find the empty template of another bot, which a review answers."""
        if not isinstance(self._decision.action, Review):
            return None
        own = await self._gitlab.own_username()
        found = await self._gitlab.discussions(self._decision.key)
        return next((each.id for each in found if _is_unanswered(each, own)), None)

    async def _conflicts(self, seen: Observation) -> Conflicts:
        states = await self._gitlab.state_events(self._decision.key)
        return conflicts_since(
            self._decision.id, self._traces.own, self._traces.notes, seen.label_events, states
        )

    async def _change(self, issue: IssueSnapshot) -> IssueChange:
        action = self._decision.action
        colleague = await self._username(action.holder) if isinstance(action, TakeOver) else None
        known_labels: Iterable[str] = ()
        if isinstance(action, ChooseLabel | MarkContacted | Review):
            async with self._record.transaction() as tx:
                known_labels = await self._feedback_labels.load(tx) or ()
        return change_of(
            action,
            issue,
            self._account,
            colleague=colleague,
            known_labels=known_labels,
            rules=self._rules,
        )

    async def _username(self, person: Person) -> str | None:
        """Look again: the name may have changed since the click."""
        account = await self._directory.account(person)
        return account.username if account else person.gitlab

    async def _complete(
        self,
        change: IssueChange,
        left_out: IssueChange,
        wanted: tuple[str, ...],
        seen: Observation,
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
                labels = (labels - left_out.add_labels) | left_out.remove_labels
                after = replace(after, labels=labels)
            if left_out.close or left_out.reopen:
                after = replace(after, is_open=before.is_open)
            request, steps = observe(after, seen, self._rules)
            # A lost record may have told of it before.
            begun_at = decision.at if self._is_noted else None
            for step in _steps_of(decision, before, change, wanted, left_out):
                await cards.add_message(tx, decision.key, step, of=decision.id, begun_at=begun_at)
            await save_changes(tx, before, request, steps, now)
            await note_delivered(tx, decision, now)
            await announce(tx, decision.key, now, urgent=True)
        metrics.DECISIONS.labels("delivered").inc()
        metrics.CHOICE_TO_GITLAB_SECONDS.observe(max((now - decision.at).total_seconds(), 0))
        log.info("decision_delivered", issue=str(decision.key), kind=decision.action.kind)


def _steps_of(
    decision: Decision,
    before: Request,
    change: IssueChange,
    assignees: tuple[str, ...],
    left_out: IssueChange,
) -> Iterator[Step]:
    """Tell also what GitLab did not do."""
    who, at = decision.by, decision.at
    yield step_of(decision, before)
    if isinstance(decision.action, Claim | TakeOver) and who.gitlab is None:
        yield Step(kind=StepKind.UNLINKED, who=who, at=at)
    if _is_no_member(decision, change, assignees):
        yield Step(kind=StepKind.NOT_A_MEMBER, who=who, at=at)
    if left_out != NOTHING:
        what = undone_words(left_out)
        yield Step(kind=StepKind.REFUSED, who=who, at=at, detail=what, is_partial=True)


def _is_unanswered(discussion: Discussion, own: str) -> bool:
    first = next(iter(discussion.notes), None)
    if first is None or first.is_system or first.author == own:
        return False
    return is_empty_template(first.body)


def _is_no_member(decision: Decision, change: IssueChange, assignees: Sequence[str]) -> bool:
    """Return whether GitLab has left out who claimed: it does so without a word."""
    if not isinstance(decision.action, Claim | TakeOver) or decision.by.gitlab is None:
        return False
    return bool(change.assignee_ids) and decision.by.gitlab not in assignees


async def _put_back(
    gitlab: GitLabClient, issue: IssueSnapshot, labels: frozenset[str]
) -> IssueSnapshot:
    """Put labels on again as far as GitLab does that; return the issue then."""
    # It would create the others.
    if not labels or not (known := labels & set(await gitlab.labels(issue.key.project))):
        return issue
    await check_unchanged(gitlab, issue)
    try:
        return await gitlab.change_issue(issue.key, IssueChange(add_labels=known))
    except Rejected as error:  # the person is told
        log.warning("not_put_back", issue=str(issue.key), problem=error.code)
        return issue


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
