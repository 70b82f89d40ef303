"""The poll of one project: finds what lost webhooks would have said."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TypeVar

import structlog

from slackbot.platforms.errors import Denied, Missing, PlatformError
from slackbot.platforms.gitlab.client import PAGE, GitLabClient, Project, renamed
from slackbot.platforms.gitlab.snapshot import IssueSnapshot
from slackbot.rules.request import IssueKey, Rules, in_scope
from slackbot.rules.routes import Routes
from slackbot.store import facts, jobs, requests
from slackbot.store.changes import (
    FEW,
    announce_all,
    announce_queue,
    begin_catch_up,
    enqueue_summary,
    save_listed,
)
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.facts import Cursor, KnownProject
from slackbot.store.jobs import IssueQueue
from slackbot.store.people import list_on_duty_at
from slackbot.sync.reading.cursor import Reading
from slackbot.sync.reading.observe import listed, looks_changed, may_matter
from slackbot.sync.reading.progress import Progress, watching_terminal
from slackbot.sync.reading.read import route_of

log = structlog.get_logger()

PROJECT_FOR = timedelta(minutes=10)
"""So long what the project is called is believed; ``Watch`` asks, too."""

NOTED_LATELY = timedelta(days=30)

T = TypeVar("T")


class ProjectPoll:
    """Compares one project with the record.

    Args:
        record: Has one cursor for each project.
        gitlab: The project's.
        siblings: All feedback projects, the main one first.
        routes: Who works on what.
        every: How often.
        remark: Hears what an administrator should fix.
    """

    def __init__(
        self,
        record: Record,
        gitlab: GitLabClient,
        siblings: Sequence[GitLabClient],
        routes: Routes,
        *,
        every: timedelta,
        remark: Callable[[str | None], None],
    ) -> None:
        self._record, self._gitlab, self._siblings = record, gitlab, siblings
        self._routes, self._rules = routes, routes.of(gitlab.named, ()).rules
        self._every, self._remark = every, remark
        self.named = gitlab.named
        self._key = key = routes.key_of(gitlab.named)
        self._teams = [route.name for route in routes.in_project(gitlab.named)]
        self._place_fact, self._all_read = facts.PLACE.of(key), facts.ALL_READ.of(key)
        self._project_fact, self._labels_fact = facts.PROJECT.of(key), facts.FEEDBACK_LABELS.of(key)
        self._known_since = facts.KNOWN_SINCE.of(key)
        self._last_in_turn = facts.LAST_IN_TURN.of(key)
        self._last_other_in_turn = facts.LAST_FEEDBACK_IN_TURN.of(key)
        # With another project or label, all open issues are news.
        self._about = f"{gitlab.named} {self._rules.contact_label}"
        self._asked_for_project_at: datetime | None = None

    async def read(self) -> None:
        """Go on where a failed try stopped.

        No customer is hidden by the labels and the project: tell their trouble at the end.

        Raises:
            PlatformError: GitLab is unreachable, throttles, or refuses the token.
        """
        project, no_project = await _tried(self._project())
        if isinstance(no_project, Denied | Missing):
            raise no_project
        if first := self._same_before(project or self._gitlab.known):
            self._remark(_set_twice(first, self.named))
            return
        labels, no_labels = await _tried(self._read_labels())
        if project is not None:
            await self._note_project(project, labels)
        listed = await self._read_issues(project)
        number = project.id if project else await self._number_on_record()
        if number is not None:
            await self._read_in_turn(number, listed)
        if problem := no_labels or no_project:
            raise problem

    async def _note_project(self, project: Project, labels: Collection[str] | None) -> None:
        if labels is not None:
            wrong = (self._missing_labels(labels), self._renamed(project))
            self._remark("; ".join(filter(None, wrong)) or None)
        async with self._record.transaction() as tx:
            known = KnownProject(id=project.id, path=project.path, url=project.url)
            before = await self._project_fact.load(tx)
            await self._project_fact.save(tx, known.renamed_from(before))
            known_ones = [each.known.id for each in self._siblings if each.known]
            if len(known_ones) == len(self._siblings):
                await requests.forget_open_of_other_projects(tx, set(known_ones))

    def _same_before(self, project: Project | None) -> str | None:
        """Return what the project is called earlier: by another path that it had, or its number."""
        if project is None:
            return None
        before = takewhile(lambda each: each is not self._gitlab, self._siblings)
        same = (each.named for each in before if each.known and each.known.id == project.id)
        return next(same, None)

    def _missing_labels(self, labels: Collection[str]) -> str | None:
        which = f" {self._gitlab.named}" if len(self._siblings) > 1 else ""
        return _missing_labels(self._rules, labels, which)

    def _renamed(self, project: Project) -> str | None:
        where = "GITLAB_PROJECT" if len(self._siblings) == 1 else "project in the file of routes"
        return renamed(self._gitlab.named, project, where)

    async def _number_on_record(self) -> int | None:
        """Return ``None`` if another project may be set now."""
        async with self._record.transaction() as tx:
            known = await self._project_fact.load(tx)
        return known.id if known and self._gitlab.is_it(known.id, known.path) else None

    async def _project(self) -> Project:
        """Ask only now and then: it hardly ever changes."""
        now, at = self._record.now(), self._asked_for_project_at
        project = self._gitlab.known
        if project is None or at is None or not at <= now < at + PROJECT_FOR:
            project = await self._gitlab.project()
            self._asked_for_project_at = now
        return project

    async def _read_labels(self) -> Collection[str]:
        known = await self._gitlab.labels()
        scope = self._rules.scope
        labels = {name: text for name, text in sorted(known.items()) if in_scope(name, scope)}
        async with self._record.transaction() as tx:
            if await self._labels_fact.save(tx, labels):
                ranks = {each.key: each.due_at for each in await requests.list_unfinished(tx)}
                await announce_all(tx, ranks, self._record.now())
        return known

    async def _read_issues(self, project: Project | None) -> set[IssueKey]:
        """Read what changed, at first all open issues; return what was listed."""
        async with self._record.transaction() as tx:
            place = await self._place(tx)
            last_end = await facts.load_poll_end(tx, self._about, self._key)
        reading = Reading(self._about, place, last_end, self._record.now(), self._every)
        progress = self._progress(reading, project)
        listed: set[IssueKey] = set()
        async for page in self._gitlab.issue_pages(reading.since, only_open=reading.is_first):
            await self._take_in(page, reading)
            listed.update(issue.key for issue in page)
            if progress:
                progress.page(issues=reading.place.read, found=reading.place.found)
        if progress:
            progress.end()
        await self._end(reading)
        return listed

    async def _place(self, tx: Transaction) -> Cursor | None:
        """Start anew after an older release, which left out issues that ask for no contact."""
        place = await self._place_fact.load(tx)
        if place is None or place.is_first:
            return place
        is_complete = await self._all_read.load(tx) == self._about
        return place if is_complete or place.about != self._about else None

    def _progress(self, reading: Reading, project: Project | None) -> Progress | None:
        if not reading.is_after_gap:
            return None
        total = project.open_issues if project and reading.is_first else None
        return Progress(before=reading.place.read, total=total, terminal=watching_terminal())

    async def _take_in(self, page: Sequence[IssueSnapshot], reading: Reading) -> None:
        async with self._record.transaction() as tx:
            found = await self._ask_about(tx, page)
            place = reading.advance(page, found, self._record.now())
            await self._place_fact.save(tx, place)
            if reading.is_after_gap and place.found > FEW:
                await begin_catch_up(tx, reading.begun_at, reading.last_end, self._teams)

    async def _ask_about(self, tx: Transaction, issues: Iterable[IssueSnapshot]) -> int:
        """Enqueue what differs; return how many contact requests the record does not know."""
        asked = new = 0
        listed_now: list[IssueSnapshot] = []
        for issue in sorted(issues, key=lambda each: each.key):
            known, rules = await requests.load_request(tx, issue.key), await self._rules_of(issue)
            if known is None and not may_matter(issue, rules):
                listed_now.append(issue)
                continue
            if known is not None and not looks_changed(known, issue, rules):
                continue
            now, rank = self._record.now(), issue.created_at
            jobs.enqueue(tx, IssueQueue.SYNC, [issue.key], now, rank=rank)
            asked += 1
            new += known is None
        await self._note_listed(tx, listed_now)
        if asked:
            log.info("poll_found", issues=asked)
        return new

    async def _rules_of(self, issue: IssueSnapshot) -> Rules:
        """Judge it as whoever reads the issue by itself, lest it look changed for ever."""
        return (await route_of(self._siblings[0], self._routes, issue)).rules

    async def _note_listed(self, tx: Transaction, issues: Sequence[IssueSnapshot]) -> None:
        """Record what asks for no contact: reading the issue itself would add little."""
        now = self._record.now()
        found = [
            (each, rules)
            for issue in issues
            if (each := listed(issue, rules := await self._rules_of(issue), now))
        ]
        for each, rules in found:
            responsible = await list_on_duty_at(tx, each)
            await save_listed(tx, replace(each, responsible=responsible), rules, now)
            # A lost record may have known more: what the bot has noted is read, too.
            if each.comments and each.ended_at > now - NOTED_LATELY:
                jobs.enqueue(tx, IssueQueue.SYNC, [each.key], now, rank=now)
        if found:
            announce_queue(tx, now)

    async def _end(self, reading: Reading) -> None:
        place = reading.end()
        async with self._record.transaction() as tx:
            if place is not None:
                await self._place_fact.save(tx, place)
            await facts.save_poll_end(tx, self._about, self._record.now(), self._key)
            # An empty project has no place: each reading of it begins as the first one did.
            is_first = reading.is_first and await self._all_read.load(tx) != self._about
            await self._all_read.save(tx, self._about)
            await self._note_beginning(tx, is_first=is_first)
            await enqueue_summary(tx, self._record.now(), self._teams)

    async def _note_beginning(self, tx: Transaction, *, is_first: bool) -> None:
        """Begin a record of an earlier release with the first end that it has seen."""
        known, now = await self._known_since.load(tx), self._record.now()
        if is_first or known is None or known > now:
            earliest = None if is_first else await requests.load_earliest_end(tx)
            await self._known_since.save(tx, earliest or now)

    async def _read_in_turn(self, project: int, listed: set[IssueKey]) -> None:
        """Read a page of known open issues: one that lost a label may miss from a listing."""
        async with self._record.transaction() as tx:
            asking = await requests.list_open_iids(tx, project, asks=True)
            others = await requests.list_open_iids(tx, project, asks=False)
            last = await self._last_in_turn.load(tx) or 0
            last_other = await self._last_other_in_turn.load(tx) or 0
        seen = {key.iid for key in listed if key.project == project}
        turn = next_in_turn([iid for iid in asking if iid not in seen], last)
        seen.update(asking)
        rest = next_in_turn([iid for iid in others if iid not in seen], last_other)
        rest = rest[: PAGE - len(turn)]
        if not turn + rest:
            return
        issues = await self._gitlab.these_issues(turn + rest)
        lost = {*turn, *rest} - {issue.key.iid for issue in issues}
        async with self._record.transaction() as tx:
            await self._ask_about(tx, issues)
            await self._ask_about_lost(tx, [IssueKey(project, iid) for iid in sorted(lost)])
            if turn:
                await self._last_in_turn.save(tx, turn[-1])
            if rest:
                await self._last_other_in_turn.save(tx, rest[-1])

    async def _ask_about_lost(self, tx: Transaction, keys: Sequence[IssueKey]) -> None:
        """Have them read one by one: a list that lacks them proves nothing yet."""
        for key in sorted(keys):
            known = await requests.load_request(tx, key)
            # Those out of sight keep their turn: they may come back.
            if known is None or not known.is_gone:
                jobs.enqueue(tx, IssueQueue.SYNC, [key], self._record.now())


async def _tried(answer: Awaitable[T]) -> tuple[T | None, PlatformError | None]:
    try:
        return await answer, None
    except PlatformError as error:
        return None, error


def _set_twice(first: str, again: str) -> str:
    return (
        f"{first} and {again} in the file of routes are the same project: write {first} in all "
        f"routes; until then, the routes of {again} get no feedback"
    )


def _missing_labels(rules: Rules, known: Collection[str], which: str) -> str | None:
    """GitLab does not tell of renamed labels."""
    settings = {
        "SSAT_CONTACT_LABEL": rules.contact_label,
        "SSAT_CONTACTED_LABEL": rules.contacted_label,
    }
    missing = [f"{label} ({name})" for name, label in settings.items() if label not in known]
    if not missing:
        return None
    return (
        f"the project{which} has no label {' and no label '.join(missing)}: if it has got another "
        "name, set that; if it is archived, unarchive it; else create it"
    )


def next_in_turn(iids: Sequence[int], last: int) -> list[int]:
    later = [iid for iid in iids if iid > last]
    return [*later, *(iid for iid in iids if iid <= last)][:PAGE]
