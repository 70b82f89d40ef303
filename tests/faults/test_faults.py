"""Real processes, faults by a seeded schedule, people who click meanwhile: every promise holds.

``make soak`` goes on for as long as one likes; a violated seed is replayed by
``python -m tests.faults --seed N --database sqlite``.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Postgres
from tests.faults.invariants import violations
from tests.faults.schedule import make_plan
from tests.faults.story import stories
from tests.faults.world import Run, carry_out

SEEDS = (1, 2, 3)
SECONDS = 8
REPLICAS = 3


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A server of its own: it is restarted, and recovers slowly where many databases are."""
    with tempfile.TemporaryDirectory(prefix="ssat-pg-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder) / "data")
        yield server
        server.stop()


@pytest.mark.story
@pytest.mark.parametrize("seed", SEEDS)
async def test_one_process_on_sqlite_keeps_every_promise(seed: int, tmp_path: Path) -> None:
    plan = make_plan(seed, replicas=1, seconds=SECONDS, shares_database=False)
    check(await carry_out(plan, tmp_path, f"sqlite:///{tmp_path / 'ssat-bot.db'}"))


@pytest.mark.story
@pytest.mark.parametrize("seed", SEEDS)
async def test_three_replicas_on_postgresql_keep_every_promise(
    seed: int, tmp_path: Path, own_postgres: Postgres
) -> None:
    plan = make_plan(seed, replicas=REPLICAS, seconds=SECONDS, shares_database=True)
    check(await carry_out(plan, tmp_path, own_postgres.new_database(), own_postgres))


def check(run: Run) -> None:
    found = violations(run.history)
    if found:
        # The seed gives the plan again; what happened is known from here alone.
        told = [*found, *stories(run.history, found), "", str(run.plan)]
        raise AssertionError(os.linesep.join(told))
    # A run in which nothing happened proves nothing.
    assert run.history.decisions
    assert run.struck.total() > 10


@pytest.mark.parametrize("seed", range(20))
def test_a_seed_always_gives_the_same_plan(seed: int) -> None:
    plans = [make_plan(seed, replicas=3, shares_database=True, is_patient=True) for _ in range(2)]
    assert plans[0] == plans[1]
    assert str(plans[0]) == str(plans[1])
    assert plans[0].acts == tuple(sorted(plans[0].acts, key=lambda act: act.at))
