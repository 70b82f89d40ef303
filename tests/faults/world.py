"""One run: a town, the replicas, and a plan carried out; then rest, and what happened."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError

from tests.conftest import Postgres
from tests.faults import acts
from tests.faults.choices import choices
from tests.faults.history import KUDOS_CHANNEL, WEEK, History, Interruption, Recorder
from tests.faults.people import ASKING, People
from tests.faults.pulse import feel
from tests.faults.record import Record
from tests.faults.replica import KEPT_WAITING
from tests.faults.replicas import Replicas, replicas
from tests.faults.schedule import GROUP, Plan
from tests.faults.trouble import Trouble
from tests.process import present_town
from tests.town import CONTACT, CONTACTED, Town

SPEED = 60
"""How many times faster than the real ones Slack and GitLab are: an hour's load in a minute."""

REST_SECONDS = 120.0
"""How long the bot may take to come to rest: a lease, a minute for what got no answer in time."""
POLLS = 2
"""After so many readings of GitLab's list, one of them has begun and ended in peace."""

REMINDING = {
    # Six seconds after the request, so that deadlines are missed and explained; reminders come
    # two, four and five seconds after it.
    "ssat_deadline_hours": "0.00166667",
    "ssat_reminders": "0.00111,0.00056,0.00028",
    "ssat_quiet_hours": "off",
    "ssat_workdays": "Mon-Sun",
}

WEEK_LABEL = "week-in-review"

MISSING_CARDS, LONGEST_BEHIND = 6, 5.0
"""So many cards may be missing before nothing new happens, for so many seconds at most."""
GRACE = timedelta(seconds=5)
"""How long a picture may be on its way to Slack once it has been taken."""

_DATABASE_RETURNS = timedelta(seconds=3)
"""How long connections of before a restart may still be found broken."""
_OURS = (
    *("job_failed", "worker_died", "watch_failed"),
    *("slack_request_not_understood", "slack_event_failed"),
)
"""Lines of the log that tell of a fault of the bot's own, unless its database is away."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What became of a plan."""

    plan: Plan
    history: History
    struck: Counter[str]
    feedbacks: int
    clicks: int
    taken_over: list[float] = field(default_factory=list)
    """Seconds from the death of a replica until another has written the note it was about to."""
    seconds: float


async def carry_out(
    plan: Plan, folder: Path, database_url: str, postgres: Postgres | None = None
) -> Run:
    """Carry a plan out and wait until the bot has come to rest.

    Args:
        plan: What happens.
        folder: For the logs of the processes, and whatever else they write.
        database_url: An empty database, which all replicas share.
        postgres: The server, where the plan restarts it.
    """
    begun = time.monotonic()
    async with present_town(folder, database_url) as town:
        _make_fast(town)
        town.settings |= REMINDING | _open_places(town)
        recorder = Recorder(town, _accounts(town))
        async with replicas(town, plan.skews, SPEED) as running:
            world = World(plan, town, recorder, running, Record(database_url), postgres)
            async with world.watched():
                await world.live()
                await world.rest()
            await asyncio.gather(*(each.end() for each in running.all))
            return world.tell(time.monotonic() - begun)


def _make_fast(town: Town) -> None:
    town.slack.rates.scale = SPEED
    town.gitlab.notes_per_minute *= SPEED
    town.gitlab.requests_per_minute *= SPEED


def _open_places(town: Town) -> dict[str, Any]:
    """Open where kudos go, and what comments mention; return the settings of it."""
    town.slack.add_channel(KUDOS_CHANNEL, members=[town.avery, town.blake, town.casey])
    week = town.gitlab.add_project(WEEK)
    town.gitlab.add_label(week, WEEK_LABEL)
    town.gitlab.add_member(week, town.bot, 10)
    title = "Week in review"
    town.gitlab.open_issue(week, author=town.avery_gitlab, title=title, labels=[WEEK_LABEL])
    town.gitlab.add_group(GROUP, public=True)
    return {
        "ssat_kudos_channel": f"#{KUDOS_CHANNEL}",
        "ssat_week_project": WEEK,
        "ssat_week_label": WEEK_LABEL,
        # On whatever day of the week a run is, and be its clocks a day wrong.
        "ssat_week_cutoff": f"{town.clock() + timedelta(days=3):%a}",
    }


def _accounts(town: Town) -> dict[str, str]:
    people = (town.avery_gitlab, town.blake_gitlab, town.duty_gitlab)
    in_slack = {town.avery.id: town.avery_gitlab, town.blake.id: town.blake_gitlab}
    by_name = {person.name: person.username for person in people}
    return by_name | {user: person.username for user, person in in_slack.items()}


def _grace(plan: Plan) -> timedelta:
    """Return how long a picture may be on its way to Slack: a call may hang for so long."""
    hung = (act.seconds for act in plan.acts if isinstance(act, acts.SlackFault) and act.seconds)
    return GRACE + timedelta(seconds=max(hung, default=0))


class World:
    """The town with all that happens in it."""

    def __init__(
        self,
        plan: Plan,
        town: Town,
        recorder: Recorder,
        running: Replicas,
        record: Record,
        postgres: Postgres | None,
    ) -> None:
        self._plan, self._town, self._recorder = plan, town, recorder
        self._running, self._record = running, record
        self._people = People(town, recorder, running)
        self._trouble = Trouble(town, running, record, postgres)
        self._restless: list[str] = []
        self._kept_waiting: list[Interruption] = []

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Notice when the machine has no processor for Slack and GitLab."""
        pulse = asyncio.create_task(feel(self._kept_waiting.append))
        yield
        pulse.cancel()

    async def live(self) -> None:
        """Let everything happen at its moment.

        Time stands still while no replica runs, or the bot is far behind: so a slow machine has
        the same adventures as a fast one.
        """
        begun = time.monotonic()
        async with asyncio.TaskGroup() as happening:
            for act in self._plan.acts:
                await asyncio.sleep(max(0.0, begun + act.at - time.monotonic()))
                begun += await self._running.back() + await self._caught_up()
                happening.create_task(self._happen(act))

    async def _caught_up(self) -> float:
        """Wait for cards, if many are missing, for some seconds at most; return the seconds."""
        begun = time.monotonic()
        with contextlib.suppress(AssertionError):
            await self._town.slack.wait_for(
                lambda: self._people.expecting <= MISSING_CARDS, LONGEST_BEHIND
            )
        return time.monotonic() - begun

    async def _happen(self, act: acts.Act) -> None:
        if isinstance(act, acts.Fault):
            await self._trouble.strike(act)
        else:
            await self._people.act(act)

    async def rest(self) -> None:
        """Let nothing go wrong any more, and wait until the bot has nothing left to do."""
        self._trouble.end()
        self._running.aim()
        self._people.bring_back_deleted_cards()
        quiet_since = len(self._town.gitlab.requests)
        try:
            async with asyncio.timeout(REST_SECONDS):
                while self._left() or self._polls(quiet_since) < POLLS:
                    await self._town.slack.next_change(0.1)
                    await self._town.gitlab.hooks_settled()
        except TimeoutError:
            self._restless = [f"not at rest: {what}" for what in self._left()]

    def _left(self) -> list[str]:
        fastest = timedelta(seconds=max(self._plan.skews))
        try:
            return self._record.left_to_do(self._town.clock() + fastest)
        except OperationalError as error:
            return [str(error)]

    def _polls(self, since: int) -> int:
        requests = self._town.gitlab.requests[since:]
        return sum("updated_after" in request.query for request in requests)

    def tell(self, seconds: float) -> Run:
        """Tell what happened."""
        history = self._history()
        written = {mark.decision: mark.at for mark in history.marks}
        return Run(
            plan=self._plan,
            history=history,
            struck=self._trouble.struck + self._other_faults(history),
            feedbacks=len(self._people.issues),
            clicks=len(self._people.sent),
            taken_over=[
                (written[each.decision] - each.killed_at).total_seconds()
                for each in self._trouble.taken_over
                if each.killed_at <= written.get(each.decision, datetime.min.replace(tzinfo=UTC))
            ],
            seconds=seconds,
        )

    def _other_faults(self, history: History) -> Counter[str]:
        wrong = sum(skew != 0 for skew in self._plan.skews)
        others = {"cards deleted": len(history.deletions), "clocks up to 30 s wrong": wrong}
        return +Counter(others)

    def _history(self) -> History:
        recorder, people, town = self._recorder, self._people, self._town
        decided = self._record.decisions(self._retried())
        recorded = self._record.noted() | {each.interaction for each in decided}
        return History(
            bot=town.bot.username,
            contact_label=CONTACT,
            contacted_label=CONTACTED,
            accounts=_accounts(town),
            grace=_grace(self._plan),
            paintings=tuple(recorder.paintings),
            deletions=tuple(people.deletions),
            tellings=tuple(recorder.tellings),
            reminders=tuple(recorder.reminders),
            standings=tuple(recorder.standings),
            marks=tuple(recorder.marks()),
            withdrawn=tuple(recorder.withdrawn()),
            arrivals=tuple(recorder.arrivals()),
            calls=tuple(recorder.calls()),
            choices=tuple(choices(people.sent, town.slack, recorded)),
            decisions=tuple(decided),
            remembered=tuple(self._record.remembered()),
            interruptions=self._interruptions(),
            kept_waiting=self._waits(),
            complaints=tuple(self._complaints()),
        )

    def _retried(self) -> frozenset[str]:
        """Return the decisions that people have put on their way again."""
        tried = (sent.decision for sent in self._people.sent if sent.what == "Try again")
        return frozenset(filter(None, tried))

    def _interruptions(self) -> tuple[Interruption, ...]:
        of_processes = (each for one in self._running.all for each in one.interruptions)
        both = [*of_processes, *self._trouble.database_away]
        return tuple(sorted(both, key=lambda each: each.at))

    def _waits(self) -> tuple[Interruption, ...]:
        """When this process, for Slack and GitLab, or a replica had to wait for a processor."""
        return (*self._kept_waiting, *self._waits_of_replicas())

    def _waits_of_replicas(self) -> Iterator[Interruption]:
        for replica in self._running.all:
            for process in replica.processes:
                for line in process.events(KEPT_WAITING):
                    at, until = map(datetime.fromisoformat, (line["at"], line["until"]))
                    yield Interruption(at=at, until=until, process=process.pid)

    def _complaints(self) -> Iterator[str]:
        yield from self._restless
        yield from self._town.gitlab.violations
        # That a click got no answer in time is judged click by click.
        yield from (each for each in self._town.slack.refusals if not self._is_excused(each))
        for replica in self._running.all:
            yield from replica.complaints
            yield from replica.unexpected_ends()
            for process in replica.processes:
                yield from self._faults_logged(process.log)

    def _is_excused(self, refusal: str) -> bool:
        return _is_about_a_click(refusal) or (
            "expired_trigger_id" in refusal and bool(self._waits())
        )

    def _faults_logged(self, log: list[dict[str, Any]]) -> Iterator[str]:
        """Find the lines that tell of faults of the bot's own."""
        for line in log:
            if line["event"] in _OURS and not self._was_database_away(line["timestamp"]):
                yield f"{line['event']} {line.get('issue', '')}: {line.get('exception')}"

    def _was_database_away(self, timestamp: str) -> bool:
        at = datetime.fromisoformat(timestamp)
        return any(
            each.at <= at <= each.until + _DATABASE_RETURNS for each in self._trouble.database_away
        )


def _is_about_a_click(refusal: str) -> bool:
    return refusal.startswith(("block_actions", "view_submission", ASKING)) and (
        ": no ack within" in refusal or ": answered " in refusal
    )
