"""The poll: what it asks GitLab, from where on, and what it makes of the answers."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import delete
from structlog.testing import capture_logs

from slackbot.app import Clients, connect
from slackbot.health import GITLAB, Health
from slackbot.local.gitlab import Issue
from slackbot.local.gitlab import Request as ApiRequest
from slackbot.local.gitlab.entities import Entities
from slackbot.platforms.gitlab.snapshot import IssueSnapshot, parse_issue
from slackbot.rules.request import IssueKey
from slackbot.settings import Settings
from slackbot.store import facts, jobs, requests
from slackbot.store.changes import FEW
from slackbot.store.engine.database import Database, Record, Transaction
from slackbot.store.facts import Cursor
from slackbot.store.jobs import IssueQueue, PeriodicQueue, Postponed, Queue
from slackbot.store.schema import errands
from slackbot.sync.reading.cursor import OVERLAP, Reading
from slackbot.sync.reading.observe import Observation, observe
from slackbot.sync.reading.poll import Poll
from slackbot.sync.reading.project import PROJECT_FOR, next_in_turn
from tests.conftest import MovableClock
from tests.town import CONTACT, CONTACTED, DESCRIPTION, PROJECT, Town
from tests.town import town as build_town

EVERY = timedelta(minutes=1)
NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)


class Lone:
    """The poll of a town's bot, of which nothing else is running."""

    def __init__(
        self, town: Town, database: Database, settings: Settings, clients: Clients
    ) -> None:
        self.town, self.database = town, database
        self.routes = settings.routes
        self.health = Health()
        self.poll = Poll(
            Record(database, town.clock),
            clients.gitlab,
            self.routes,
            self.health,
            every=EVERY,
            retention=settings.ssat_retention_days,
        )

    async def run(self) -> list[ApiRequest]:
        """Poll once; return what GitLab was asked."""
        before = len(self.town.gitlab.requests)
        with contextlib.suppress(Postponed):  # as after any failure, it goes on next time
            await self.poll.reconcile()
        return self.town.gitlab.requests[before:]

    async def listings(self) -> list[dict[str, list[str]]]:
        """Poll once; return the queries of the pages of the list of issues."""
        asked = await self.run()
        return [one.query for one in asked if one.path.endswith("/issues") and not in_turn(one)]

    async def enqueued(self, queue: Queue = IssueQueue.SYNC) -> list[int]:
        """Take the jobs of a queue, in the order in which they would be done."""
        found = []
        async with self.database.transaction() as tx:
            far = self.town.clock() + timedelta(days=99)
            while leased := await jobs.lease(tx, queue, "test", far, timedelta(days=999)):
                found += [job.key.iid for job in leased]
            await tx.execute(delete(errands).where(errands.c.lane == queue))
        return found

    async def note(self, issues: Sequence[Issue]) -> None:
        """Put issues on record as they are now."""
        entities = Entities(self.town.gitlab.url)
        async with self.database.transaction() as tx:
            for issue in issues:
                snapshot = parse_issue(entities.issue(issue))
                seen = Observation(issue=snapshot, at=self.town.clock())
                request, _ = observe(None, seen, self.routes.shared)
                assert request is not None
                await requests.save_request(tx, request)

    async def note_place(self, until: datetime, about: str = f"{PROJECT} {CONTACT}") -> None:
        """Note that everything up to a moment has been read."""
        async with self.database.transaction() as tx:
            await facts.PLACE.save(tx, Cursor(until=until, about=about, reached_at=until))
            await facts.save_poll_end(tx, about, until)
            await facts.ALL_READ.save(tx, about)

    async def catch_up(self) -> facts.CatchUp | None:
        async with self.database.transaction() as tx:
            return await facts.CATCH_UP.load(tx)


def in_turn(request: ApiRequest) -> bool:
    return "iids[]" in request.query


@pytest.fixture
async def poll(clock: MovableClock, tmp_path: Path, database_url: str) -> AsyncIterator[Lone]:
    database = Database(database_url)
    await database.open()
    async with build_town(clock, tmp_path, database_url) as town:
        town.gitlab.requests_per_minute = 100_000
        settings = Settings(_env_file=None, **town.settings)  # type: ignore[call-arg]
        async with connect(settings) as clients:
            yield Lone(town, database, settings, clients)
        town.check()
    await database.close()


def opened(poll: Lone, number: int, labels: Sequence[str] = (CONTACT,)) -> list[Issue]:
    """Open feedback issues, a minute apart."""
    found = []
    for count in range(number):
        poll.town.clock.forward(minutes=1)
        title = f"Negative feedback for ticket {count + 1}"
        found.append(poll.town.feedback(title, description=None, labels=labels))
    return found


def numbers(issues: Sequence[Issue]) -> list[int]:
    return [issue.iid for issue in issues]


def break_off_after(poll: Lone, pages: int) -> None:
    """Let GitLab fail once it has shown so many pages of its list of issues."""
    poll.town.gitlab.faults.add(path="/issues$", times=pages, hang=0)
    poll.town.gitlab.faults.add(path="/issues$", times=None, status=502)


@contextlib.asynccontextmanager
async def with_routes(poll: Lone, *routes: str) -> AsyncIterator[Lone]:
    """Poll the same town with several teams, each with a channel of its own."""
    file = poll.town.folder / "routes.toml"
    file.write_text(
        "".join(
            f'[[route]]\nname = "team{number}"\nchannel = "#team{number}"\n{lines}\n'
            for number, lines in enumerate(routes)
        )
    )
    settings = Settings(_env_file=None, **poll.town.settings, ssat_routes_file=file)  # type: ignore[call-arg]
    async with connect(settings) as clients:
        yield Lone(poll.town, poll.database, settings, clients)


# --- The first reading -------------------------------------------------------------------------


async def test_at_the_first_start_only_open_issues_are_read(poll: Lone) -> None:
    town = poll.town
    wanted, others = opened(poll, 3), opened(poll, 120, labels=())
    for issue in (wanted[0], *others[:40]):
        town.gitlab.close(issue, by=town.duty_gitlab)
    [query] = await poll.listings()
    assert query["state"] == ["opened"]
    assert "updated_after" not in query
    assert await poll.enqueued() == numbers(wanted[1:])


async def test_a_first_reading_that_is_broken_off_goes_on_as_one(poll: Lone) -> None:
    town = poll.town
    opened(poll, 40, labels=())
    first, *_ = opened(poll, 210)
    town.clock.forward(hours=1)
    break_off_after(poll, pages=2)
    assert [query["state"] for query in await poll.listings()] == [["opened"]] * 3
    assert len(await poll.enqueued()) == 160
    town.gitlab.faults.clear()
    town.gitlab.close(first, by=town.duty_gitlab)

    again = await poll.listings()
    assert [query["state"] for query in again] == [["opened"]]
    [since] = again[0]["updated_after"]
    assert datetime.fromisoformat(since) >= first.created_at + timedelta(minutes=150)
    assert len(await poll.enqueued()) < 60
    # Once it has come to its end, closed issues matter, too.
    town.gitlab.close(town.project.issues[100], by=town.duty_gitlab)
    [query] = await poll.listings()
    assert query["state"] == ["all"]


async def known_since(poll: Lone) -> datetime | None:
    async with poll.database.transaction() as tx:
        return await facts.KNOWN_SINCE.load(tx)


async def test_a_record_knows_all_since_the_end_of_its_first_reading(poll: Lone) -> None:
    opened(poll, 101)
    break_off_after(poll, 1)
    await poll.run()
    assert await known_since(poll) is None
    poll.town.gitlab.faults.clear()
    poll.town.clock.forward(hours=1)
    begun = poll.town.clock()
    await poll.run()
    known = await known_since(poll)
    assert known is not None
    assert begun < known <= poll.town.clock()
    poll.town.clock.forward(days=1)
    await poll.run()
    assert await known_since(poll) == known


async def test_an_empty_project_is_known_since_its_first_reading(poll: Lone) -> None:
    await poll.run()
    known = await known_since(poll)
    assert known is not None
    poll.town.clock.forward(days=1)
    await poll.run()
    assert await known_since(poll) == known


async def test_a_record_of_an_earlier_release_knows_all_since_the_first_end_that_it_saw(
    poll: Lone,
) -> None:
    waiting, *ended = opened(poll, 3)
    await poll.note([waiting, *ended])
    await poll.note_place(poll.town.clock())
    async with poll.database.transaction() as tx:
        for issue in ended:
            poll.town.clock.forward(days=1)
            poll.town.gitlab.close(issue, by=poll.town.duty_gitlab)
            known = await requests.load_request(tx, IssueKey(poll.town.project.id, issue.iid))
            assert known is not None
            closed = replace(known, is_open=False, gitlab_updated_at=issue.updated_at)
            await requests.save_request(tx, closed)
    await poll.run()
    assert await known_since(poll) == ended[0].updated_at


async def test_a_beginning_that_lies_ahead_is_of_a_wrong_clock(poll: Lone) -> None:
    opened(poll, 1)
    await poll.run()
    async with poll.database.transaction() as tx:
        await facts.KNOWN_SINCE.save(tx, poll.town.clock() + timedelta(days=365))
    await poll.run()
    known = await known_since(poll)
    assert known is not None
    assert known <= poll.town.clock()


async def test_with_another_contact_label_all_open_issues_are_news_again(poll: Lone) -> None:
    issues = opened(poll, 3)
    await poll.note_place(poll.town.clock(), about=f"another/project {CONTACT}")
    [query] = await poll.listings()
    assert (query["state"], "updated_after" in query) == (["opened"], False)
    assert await poll.enqueued() == numbers(issues)


async def test_the_older_a_request_the_sooner_it_is_looked_at(poll: Lone) -> None:
    issues = opened(poll, 5)
    # The order of the list is that of the latest changes.
    for issue in (issues[3], issues[0]):
        poll.town.gitlab.comment(issue, "Any news?", by=poll.town.duty_gitlab)
    await poll.run()
    assert await poll.enqueued() == numbers(issues)


# --- An ordinary poll --------------------------------------------------------------------------


async def test_a_poll_with_nothing_new_costs_three_requests(poll: Lone) -> None:
    issues = opened(poll, 500)
    await poll.note(issues)
    await poll.note_place(issues[-1].updated_at)
    poll.town.clock.forward(minutes=10)
    await poll.run()
    for _ in range(3):
        assert len(await poll.run()) == 3
        assert await poll.enqueued() == []


async def test_that_the_project_was_renamed_is_seen_after_minutes(poll: Lone) -> None:
    await poll.run()
    poll.town.gitlab.rename_project(poll.town.project, "gitlab-com/support/voices")
    poll.town.clock.forward(seconds=PROJECT_FOR.total_seconds())
    await poll.run()
    assert "is now gitlab-com/support/voices" in str(poll.health.words)
    async with poll.database.transaction() as tx:
        project = await facts.PROJECT.load(tx)
    assert project is not None
    assert project.path == "gitlab-com/support/voices"


async def test_what_is_known_is_looked_at_in_turn_a_page_at_a_time(poll: Lone) -> None:
    town = poll.town
    issues = opened(poll, 250)
    await poll.note(issues)
    await poll.note_place(issues[-1].updated_at)
    town.clock.forward(minutes=10)
    town.gitlab.rename_label(town.project, CONTACT, "SSAT::Call")  # touches none of them

    turns = []
    for _ in range(3):
        [listing, turn] = [one for one in await poll.run() if one.path.endswith("/issues")]
        assert not in_turn(listing)
        turns.append([int(iid) for iid in turn.query["iids[]"]])
    # The last of them was in the listing, as what the place was reached by.
    assert turns == [
        list(range(1, 101)),
        list(range(101, 201)),
        [*range(201, 250), *range(1, 52)],
    ]
    assert await poll.enqueued() == list(range(1, 251))  # every one has a label of another name


@pytest.mark.parametrize(
    ("iids", "last", "turn"),
    [
        ([], 7, []),
        ([1, 2, 3], 0, [1, 2, 3]),
        ([1, 2, 3], 2, [3, 1, 2]),
        # The last one is known no more.
        ([1, 5, 9], 7, [9, 1, 5]),
        (list(range(300)), 150, list(range(151, 251))),
        (list(range(300)), 250, [*range(251, 300), *range(51)]),
    ],
)
def test_whose_turn_it_is(iids: list[int], last: int, turn: list[int]) -> None:
    assert next_in_turn(iids, last) == turn


async def test_an_issue_that_is_gone_is_looked_at_once(poll: Lone) -> None:
    gone, stays = opened(poll, 2)
    await poll.note([gone, stays])
    await poll.run()
    poll.town.gitlab.delete_issue(gone)
    await poll.run()
    assert await poll.enqueued() == [gone.iid]
    async with poll.database.transaction() as tx:
        key = IssueKey(poll.town.project.id, gone.iid)
        known = await requests.load_request(tx, key)
        assert known is not None
        await requests.save_request(tx, replace(known, is_gone=True))
    await poll.run()
    assert await poll.enqueued() == []


async def test_an_empty_project_is_read_until_there_is_something(poll: Lone) -> None:
    for _ in range(2):
        assert await poll.listings() == [_first_query()]
    # However many come then, they are what happened since the last poll.
    issues = [poll.town.feedback() for _ in range(FEW + 1)]
    await poll.run()
    assert await poll.enqueued() == numbers(issues)
    assert await poll.catch_up() is None


def _first_query() -> dict[str, list[str]]:
    order = {"pagination": ["keyset"], "order_by": ["updated_at"], "sort": ["asc"]}
    return order | {"state": ["opened"], "scope": ["all"], "per_page": ["100"]}


# --- Where a reading begins --------------------------------------------------------------------


PLACE = Cursor(until=NOW - timedelta(hours=3), about="this", reached_at=NOW)


@pytest.mark.parametrize(
    ("since_then", "again"),
    [
        (timedelta(0), OVERLAP),
        (timedelta(minutes=2), timedelta(minutes=3)),
        # What GitLab commits late is there by now.
        (timedelta(minutes=5), timedelta(0)),
        (timedelta(days=3), timedelta(0)),
        # The clock was put back.
        (timedelta(minutes=-7), OVERLAP),
    ],
)
def test_the_longer_nothing_comes_the_less_is_read_again(
    since_then: timedelta, again: timedelta
) -> None:
    reading = Reading("this", PLACE, NOW, NOW + since_then, EVERY)
    assert reading.since == PLACE.until - again
    reading = Reading("this", replace(PLACE, reached_at=None), NOW, NOW + since_then, EVERY)
    assert reading.since == PLACE.until - OVERLAP  # noted by an older release


def test_a_place_is_reached_once() -> None:
    reading = Reading("this", PLACE, NOW, NOW, EVERY)
    later = NOW + timedelta(minutes=1)
    same = reading.advance([_issue(PLACE.until - timedelta(1)), _issue(PLACE.until)], 0, later)
    assert (same.until, same.reached_at) == (PLACE.until, NOW)
    further = reading.advance([_issue(PLACE.until + timedelta(seconds=1))], 3, later)
    assert (further.until, further.reached_at) == (PLACE.until + timedelta(seconds=1), later)
    assert (further.read, further.found) == (3, 3)
    assert reading.end() == replace(further, read=0, found=0)


def _issue(updated_at: datetime) -> IssueSnapshot:
    return IssueSnapshot(
        key=IssueKey(7, 1),
        url="",
        title="",
        description=None,
        is_open=True,
        labels=frozenset(),
        assignees=(),
        author="avery",
        created_at=updated_at,
        updated_at=updated_at,
        closed_by=None,
    )


@pytest.mark.parametrize(
    ("last_end", "every", "is_gap"),
    [
        (NOW - timedelta(minutes=15), EVERY, False),
        (NOW - timedelta(minutes=16), EVERY, True),
        # Who polls once an hour has no gap within an hour.
        (NOW - timedelta(hours=1, minutes=5), timedelta(hours=1), False),
        (NOW - timedelta(hours=3), timedelta(hours=1), True),
        # An older release did not note it: the latest change that it has seen will do.
        (None, EVERY, True),
        (None, timedelta(days=1), False),
        # So it does where a clock has told a moment that is still to come.
        (NOW + timedelta(days=1), EVERY, True),
    ],
)
def test_what_is_a_gap(last_end: datetime | None, every: timedelta, is_gap: bool) -> None:
    reading = Reading("this", PLACE, last_end, NOW, every)
    assert reading.is_after_gap is is_gap
    assert not reading.is_first
    first = Reading("that", PLACE, None, NOW, every)
    assert (first.is_after_gap, first.is_first, first.last_end) == (True, True, None)


# --- When a catch-up begins --------------------------------------------------------------------


async def test_many_requests_at_the_first_start_are_a_catch_up(poll: Lone) -> None:
    opened(poll, FEW + 1)
    await poll.run()
    catch_up = await poll.catch_up()
    assert catch_up is not None
    assert catch_up.since is None
    assert catch_up.at > poll.town.project.issues[FEW + 1].created_at
    assert await poll.enqueued(PeriodicQueue.SUMMARY) == [0]


async def test_many_requests_after_a_gap_are_a_catch_up_though_it_is_broken_off(
    poll: Lone,
) -> None:
    opened(poll, 1)
    await poll.run()
    ended = poll.town.clock()
    opened(poll, 5)
    opened(poll, 95, labels=())
    opened(poll, 6)
    break_off_after(poll, pages=1)
    await poll.run()
    assert await poll.catch_up() is None
    poll.town.gitlab.faults.clear()

    # By now only the rest is left to be read, and that alone would be a few.
    poll.town.clock.forward(minutes=10)
    await poll.run()
    catch_up = await poll.catch_up()
    assert catch_up is not None
    assert catch_up.since is not None
    assert abs(catch_up.since - ended) < timedelta(seconds=5)
    # Another gap before the channel was told makes it one long catch-up.
    await poll.note(list(poll.town.project.issues.values())[:1])
    poll.town.clock.forward(hours=1)
    opened(poll, FEW + 1)
    await poll.run()
    longer = await poll.catch_up()
    assert longer is not None
    assert (longer.key, longer.since) == (catch_up.key, catch_up.since)
    assert longer.at > catch_up.at


@pytest.mark.parametrize("why", ["a few", "no gap", "known"])
async def test_other_findings_are_no_catch_up(poll: Lone, why: str) -> None:
    opened(poll, 1)
    await poll.run()
    if why == "no gap":
        for _ in range(FEW + 1):
            poll.town.feedback(description=DESCRIPTION)
    else:
        issues = opened(poll, FEW if why == "a few" else 2 * FEW)
        await poll.note(issues if why == "known" else [])
    await poll.run()
    assert await poll.catch_up() is None
    assert await poll.enqueued(PeriodicQueue.SUMMARY) == []


# --- What else awaits triage -------------------------------------------------------------------


async def test_what_was_triaged_while_nobody_looked_is_read_and_nothing_else(poll: Lone) -> None:
    town = poll.town
    labelled, closed, deleted = (
        town.feedback(f"Feedback for ticket {ticket}", description=None, labels=[])
        for ticket in (201, 202, 203)
    )
    triaged_before = town.feedback(
        "Feedback for ticket 204", description=None, labels=["feedback::soft-skills"]
    )
    await poll.run()
    assert await poll.enqueued() == []  # the list has said it all
    async with poll.database.transaction() as tx:
        assert await untriaged(tx) == [labelled.iid, closed.iid, deleted.iid]
        [known] = await requests.list_labeled_records(tx)
        assert known.confirmed.key.iid == triaged_before.iid
    town.clock.forward(hours=1)
    town.gitlab.change_labels(labelled, add=["feedback::soft-skills"], by=town.avery_gitlab)
    town.gitlab.close(closed, by=town.avery_gitlab)
    town.gitlab.delete_issue(deleted)
    town.clock.forward(hours=1)
    await poll.run()
    # The deleted one, to look whether it is gone.
    assert await poll.enqueued() == [labelled.iid, closed.iid, deleted.iid]


@pytest.mark.parametrize("labels", [[], [CONTACT]], ids=["untriaged", "asking for contact"])
async def test_what_a_list_lacks_is_read_by_itself_before_it_counts_as_gone(
    poll: Lone, labels: list[str]
) -> None:
    issue = poll.town.feedback(description=None, labels=labels)
    if labels:
        await poll.note([issue])
    await poll.run()
    await poll.enqueued()
    nothing: dict[str, Any] = {"body": "[]", "headers": {"Content-Type": "application/json"}}
    poll.town.gitlab.faults.add(path="/issues$", status=200, times=2, **nothing)
    await poll.run()
    assert await poll.enqueued() == [issue.iid]
    async with poll.database.transaction() as tx:
        assert await untriaged(tx) == ([] if labels else [issue.iid])


async def untriaged(tx: Transaction) -> list[int]:
    return [each.confirmed.key.iid for each in await requests.list_untriaged_records(tx)]


# --- The project's labels ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "setting"), [(CONTACT, "SSAT_CONTACT_LABEL"), (CONTACTED, "SSAT_CONTACTED_LABEL")]
)
async def test_a_label_that_is_missing_is_named_and_the_bot_stays_ready(
    poll: Lone, label: str, setting: str
) -> None:
    town = poll.town
    town.gitlab.rename_label(town.project, label, "another name")
    with capture_logs() as logged:
        for _ in range(2):
            await poll.run()
    said = poll.health.words[GITLAB]
    assert f"{label} ({setting})" in said
    assert poll.health.problems[GITLAB] is None
    assert [line["problem"] for line in logged if line["log_level"] == "error"] == [said]
    town.gitlab.rename_label(town.project, "another name", label)
    await poll.run()
    assert poll.health.words[GITLAB] == "ok"


async def test_labels_that_cannot_be_read_hide_no_customer(poll: Lone) -> None:
    town = poll.town
    fault = town.gitlab.faults.add(path="/labels$", status=500, times=None)
    issue = town.feedback()
    await poll.run()
    assert await poll.enqueued() == [issue.iid]
    assert "500" in poll.health.words[GITLAB]
    town.gitlab.faults.pending.remove(fault)
    await poll.run()
    assert poll.health.words[GITLAB] == "ok"


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_project_that_cannot_be_read_hides_no_customer(poll: Lone, is_known: bool) -> None:
    town = poll.town
    [old] = opened(poll, 1)
    if is_known:
        await poll.run()
        await poll.note([old])
        await poll.enqueued()
        town.clock.forward(minutes=10)
        town.gitlab.rename_label(town.project, CONTACT, "SSAT::Call")  # touches no issue
    path = f"/projects/{town.project.path.replace('/', '%2F')}$"
    fault = town.gitlab.faults.add(path=path, status=500, times=None)
    issue = town.feedback(labels=["SSAT::Call" if is_known else CONTACT])
    await poll.run()
    assert await poll.enqueued() == [old.iid, issue.iid]
    assert "500" in poll.health.words[GITLAB]
    town.gitlab.faults.pending.remove(fault)
    await poll.run()
    assert poll.health.problems[GITLAB] is None


@pytest.mark.parametrize("status", [401, 404])
async def test_a_project_that_is_not_there_is_not_read_any_further(poll: Lone, status: int) -> None:
    path = f"/projects/{poll.town.project.path.replace('/', '%2F')}$"
    poll.town.gitlab.faults.add(path=path, status=status)
    assert await poll.listings() == []


async def test_labels_are_read_without_a_search_and_only_those_of_the_scope_are_kept(
    poll: Lone,
) -> None:
    poll.town.gitlab.add_label(poll.town.project, "feedback::deeper::down")
    asked = await poll.run()
    [labels] = [one for one in asked if one.path.endswith("/labels")]
    assert "search" not in labels.query
    async with poll.database.transaction() as tx:
        kept = await facts.FEEDBACK_LABELS.load(tx)
    assert kept
    assert all(name.startswith("feedback::") for name in kept)
    assert list(kept) == sorted(kept)
    assert "feedback::deeper::down" not in kept


# --- Several projects --------------------------------------------------------------------------


async def test_a_project_that_is_set_by_path_and_by_number_is_read_once_and_remarked(
    poll: Lone,
) -> None:
    number = poll.town.project.id
    opened(poll, 1, labels=())
    async with with_routes(poll, f'project = "{number}"', f'project = "{PROJECT}"') as twice:
        listings = [one for one in await twice.run() if one.path.endswith("/issues")]
        assert len(listings) == 1
        async with twice.database.transaction() as tx:
            [plain] = await requests.list_untriaged_records(tx)
        assert plain.confirmed.route == "team1", "GITLAB_PROJECT goes first"
        said = twice.health.words[GITLAB]
        assert f"{PROJECT} and {number} in the file of routes are the same project" in said
        poll.town.clock.forward(minutes=1)
        await twice.run()
        assert await twice.enqueued() == []


async def test_a_project_that_cannot_be_read_does_not_make_gitlab_look_unread(poll: Lone) -> None:
    async with with_routes(poll, "", 'project = "example/hidden"') as both:
        before = counted("partial"), counted("failed")
        await both.run()
        last = polled_at()
        assert last >= poll.town.clock().timestamp() - 60
        assert (counted("partial"), counted("failed")) == (before[0] + 1, before[1])
        assert "example/hidden: " in both.health.words[GITLAB]
        poll.town.clock.forward(minutes=5)
        poll.town.gitlab.faults.add(path="", times=None, status=502)
        await both.run()
        assert polled_at() == last
        assert counted("failed") == before[1] + 1


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("ssat_polls_total", {"outcome": outcome}) or 0


def polled_at() -> float:
    return REGISTRY.get_sample_value("ssat_poll_last_success_timestamp_seconds") or 0


async def test_the_record_of_each_project_has_a_beginning_of_its_own(poll: Lone) -> None:
    town = poll.town
    other = town.gitlab.add_project("example/other")
    town.gitlab.add_member(other, town.bot, 20)
    opened(poll, 1)
    begun = []
    for routes in (("",), ("", 'project = "example/other"'), ("",)):
        async with with_routes(poll, *routes) as some:
            await some.run()
            projects = map(some.routes.key_of, some.routes.projects)
            async with poll.database.transaction() as tx:
                begun.append(await facts.load_known_since(tx, projects))
        town.clock.forward(days=7)
    main, both, again = begun
    assert main is not None
    assert both is not None
    assert main + timedelta(days=7) <= both < main + timedelta(days=8)
    assert again == main


async def test_before_it_is_known_to_be_the_same_project_no_issue_looks_changed_for_ever(
    poll: Lone,
) -> None:
    number = poll.town.project.id
    opened(poll, 3, labels=())
    async with with_routes(poll, f'project = "{number}"', f'project = "{PROJECT}"') as twice:
        # What the first is called cannot be read, but its issues can.
        poll.town.gitlab.faults.add(path=f"/projects/{PROJECT.replace('/', '%2F')}$", status=502)
        for _ in range(3):
            await twice.run()
            assert await twice.enqueued() == []
            poll.town.clock.forward(minutes=1)
