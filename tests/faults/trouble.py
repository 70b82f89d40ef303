"""The faults of a run: what befalls the platforms, the hooks, the processes and the database."""

import asyncio
import contextlib
import json
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.conftest import Postgres
from tests.faults import acts
from tests.faults.history import MARKER, Interruption
from tests.faults.record import Record
from tests.faults.replicas import Replica, Replicas
from tests.town import Town

LONG = 60
"""Seconds: longer than what hangs so is left to."""
EVERY = 1_000_000
"""More calls than are made."""
POSTED_SECONDS = 3.0
"""How long to wait for something to happen in Slack, in order to cut the power."""

HTML = "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
_TEXT = {"Content-Type": "text/plain", "Retry-After": "1"}
_JSON = {"Content-Type": "application/json"}
_ON_BOTH: dict[acts.Kind, dict[str, Any]] = {
    "500": {"status": 500, "body": "Internal Server Error"},
    "502 HTML": {"status": 502, "body": HTML, "headers": {"Content-Type": "text/html"}},
    "500 after the effect": {"status": 500, "body": "Internal Server Error", "when": "after"},
    "drop before the effect": {"drop": True},
    "drop after the effect": {"drop": True, "when": "after"},
}
_SLACK: dict[acts.Kind, dict[str, Any]] = _ON_BOTH | {
    "429": {"status": 429, "error": "ratelimited", "headers": {"Retry-After": "1"}}
}
_SLACK_AWAY: dict[acts.Kind, dict[str, Any]] = _SLACK | {
    # For longer than a click waits, and without an effect that comes late.
    "hang": {"hang": 2.5, "drop": True}
}
_GITLAB: dict[acts.Kind, dict[str, Any]] = _ON_BOTH | {
    "429": {"status": 429, "body": "Retry later\n", "headers": _TEXT},
    "422": {"status": 422, "body": '{"message": "422 Not today"}', "headers": _JSON},
}


@dataclass(frozen=True, kw_only=True)
class TakenOver:
    """A decision whose replica was killed while it was about to write its note."""

    decision: str
    killed_at: datetime


class Trouble:
    """Carries out the faults, and counts those that have struck."""

    def __init__(
        self, town: Town, replicas: Replicas, record: Record, postgres: Postgres | None
    ) -> None:
        self._town, self._replicas = town, replicas
        self._record, self._postgres = record, postgres
        self._ordered: list[tuple[str, Callable[[], int]]] = []
        self._done: Counter[str] = Counter()
        self._restarting = asyncio.Lock()
        self.database_away: list[Interruption] = []
        self.taken_over: list[TakenOver] = []

    @property
    def struck(self) -> Counter[str]:
        """How many faults of each kind have struck."""
        met = Counter(self._done)
        for name, hits in self._ordered:
            met[name] += hits()
        return +met

    async def strike(self, act: acts.Fault) -> None:
        """Let happen what the schedule says."""
        match act:
            case acts.SlackFault():
                self._order_for_slack(act)
            case acts.SlackAway():
                await self._take_slack_away(act)
            case acts.GitLabFault():
                self._order_for_gitlab(act)
            case acts.GitLabDown(seconds=seconds):
                await self._take_gitlab_down(seconds)
            case acts.Hooks():
                await self._spoil_hooks(act)
            case acts.RestartDatabase():
                await self._restart_database(act)
            case _:
                await self._strike_replica(act)
        self._replicas.forgive()

    async def _strike_replica(self, act: acts.Fault) -> None:
        match act:
            case acts.Kill(replica=number, pause=pause):
                await self._kill(self._replicas.all[number], pause)
            case acts.KillAtWork():
                await self._kill_at_work(act)
            case acts.CutPower(pause=pause):
                await self._cut_power(pause)
            case acts.Stop(replica=number):
                self._done["SIGTERM"] += 1
                await self._replicas.all[number].restart()
            case acts.SetClock():
                await self._set_clock(act)

    def _order_for_slack(self, act: acts.SlackFault) -> None:
        fault = self._town.slack.faults.add(act.method, about=act.about, **_arguments(act, _SLACK))
        self._ordered.append((f"Slack: {act.kind}", lambda: fault.hits))

    def _order_for_gitlab(self, act: acts.GitLabFault) -> None:
        arguments = _arguments(act, _GITLAB)
        fault = self._town.gitlab.faults.add(method=act.method, path=act.path, **arguments)
        self._ordered.append((f"GitLab: {act.kind}", lambda: int(fault.left == 0)))

    async def _take_slack_away(self, act: acts.SlackAway) -> None:
        faults = self._town.slack.faults
        fault = faults.add(times=EVERY, **_SLACK_AWAY[act.kind])
        self._ordered.append((f"Slack away: {act.kind}", lambda: fault.hits))
        await asyncio.sleep(act.seconds)
        faults.call_off(fault)

    async def _take_gitlab_down(self, seconds: float) -> None:
        self._done["GitLab: down"] += 1
        self._town.gitlab.down()
        await asyncio.sleep(seconds)
        self._town.gitlab.up()

    async def _spoil_hooks(self, act: acts.Hooks) -> None:
        switch = {"lost": "lose", "doubled": "double", "reordered": "reorder"}[act.how]
        before = len(self._town.gitlab.deliveries)
        setattr(self._replicas.hook, switch, True)
        await asyncio.sleep(act.seconds)
        setattr(self._replicas.hook, switch, False)
        met = len(self._town.gitlab.deliveries) - before
        self._done[f"hooks {act.how}"] += met // 2 if act.how == "doubled" else met

    async def _set_clock(self, act: acts.SetClock) -> None:
        process = self._replicas.all[act.replica].process
        if process is None:
            return
        ahead, back = signal.SIGUSR1, signal.SIGUSR2
        away, home = (ahead, back) if act.days > 0 else (back, ahead)
        self._done["clocks a day wrong"] += 1
        process.signal(away)
        await asyncio.sleep(act.seconds)
        if not process.has_ended:  # another one begins with a clock that is right
            process.signal(home)

    async def _kill(self, replica: Replica, pause: float) -> None:
        self._done["SIGKILL"] += 1
        await replica.kill(pause)

    async def _cut_power(self, pause: float) -> None:
        """Cut it right after something has happened in Slack: somebody has their ack, perhaps."""
        self._done["power cut"] += 1
        await self._town.slack.next_change(POSTED_SECONDS)
        await self._replicas.all[0].kill(pause, with_power_cut=True)

    async def _kill_at_work(self, act: acts.KillAtWork) -> None:
        """Kill whoever writes the next note, when GitLab has the request, or has carried it out."""
        gitlab = self._town.gitlab
        fault = gitlab.faults.add(method="POST", path=act.path, when=act.when, hang=LONG, drop=True)
        gitlab.faults.pending.insert(0, gitlab.faults.pending.pop())  # before all others
        before = len(gitlab.requests)
        with contextlib.suppress(TimeoutError):
            await gitlab.wait_for(lambda: fault.left == 0, act.within)
        struck = self._struck_since(before) if fault.left == 0 else None
        fault.left = 0
        replica = self._writer_of(struck) if struck else None
        if struck is None or replica is None:
            gitlab.faults.release()  # nobody is killed, so nobody is to be left without an answer
            return
        killed_at = self._town.clock()
        self.taken_over.append(TakenOver(decision=struck, killed_at=killed_at))
        await self._kill(replica, act.pause)

    def _struck_since(self, before: int) -> str | None:
        """Return the decision of the first note, or issue, that was on its way since then."""
        for request in self._town.gitlab.requests[before:]:
            body = request.body if isinstance(request.body, dict) else {}
            marker = MARKER.search(f"{body.get('body')}\n{body.get('description')}")
            if request.method == "POST" and marker and request.status is None:
                return str(json.loads(marker[1])["decision"])
        return None

    def _writer_of(self, decision: str) -> Replica | None:
        pid = self._record.at_work_on(decision)
        return self._replicas.with_pid(pid) if pid else None

    async def _restart_database(self, act: acts.RestartDatabase) -> None:
        if self._postgres is None:
            return
        async with self._restarting:
            at = self._town.clock()
            await asyncio.to_thread(self._postgres.halt, act.mode)
            await asyncio.sleep(act.pause)
            await asyncio.to_thread(self._postgres.resume)
            until = self._town.clock()
        self.database_away.append(Interruption(at=at, until=until))
        self._done[f"PostgreSQL: stop -m {act.mode}"] += 1

    def end(self) -> None:
        """Call off what has not struck yet, and answer what still hangs."""
        self._done = self.struck
        self._ordered.clear()
        self._town.slack.faults.clear()
        self._town.gitlab.faults.clear()
        self._replicas.forgive()


def _arguments(
    act: acts.SlackFault | acts.GitLabFault, kinds: dict[acts.Kind, dict[str, Any]]
) -> dict[str, Any]:
    return kinds.get(act.kind) or {"hang": act.seconds}
