"""What a soak prints at its end can be put into the documentation as it is."""

from collections import Counter

from tests.faults.history import History
from tests.faults.report import Outcome, report
from tests.faults.schedule import Plan
from tests.faults.world import Run


def outcome(
    database: str, replicas: int, violations: tuple[str, ...] = (), **struck: int
) -> Outcome:
    run = Run(
        plan=Plan(seed=7, skews=(0.0,) * replicas, acts=()),
        history=History(),
        struck=Counter(struck),
        feedbacks=40,
        clicks=1_000,
        seconds=30,
    )
    return Outcome(database=database, run=run, violations=list(violations))


def rows(said: str) -> list[list[str]]:
    lines = (line for line in said.splitlines() if line.startswith("| "))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_faults_are_counted_by_kind_for_each_database() -> None:
    outcomes = [
        outcome("sqlite", 1, SIGKILL=2, hang=1),
        outcome("sqlite", 1, SIGKILL=1_000),
        outcome("postgresql", 3, SIGKILL=3, SIGTERM=4),
    ]
    table = rows(report(outcomes))
    assert ["Faults injected", "1,003", "7"] in table
    assert table[table.index(["fault", "SQLite, one process", "PostgreSQL, three replicas"]) :] == [
        ["fault", "SQLite, one process", "PostgreSQL, three replicas"],
        ["SIGKILL", "1,002", "3"],
        ["SIGTERM", "-", "4"],
        ["hang", "1", "-"],
    ]


def test_a_violated_seed_is_named_with_how_it_is_replayed() -> None:
    said = report([outcome("sqlite", 1, ("no_note_twice: 7/1",), hang=1)])
    assert "- `python -m tests.faults --seed 7 --database sqlite`: no_note_twice: 7/1" in said
