"""What many runs have shown, as tables in Markdown."""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.faults.invariants import DOUBLED, LOST, violations
from tests.faults.world import Run

LABEL_WIDTH = 44
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
COUNTS = {1: "one process", 3: "three replicas"}

Columns = dict[str, dict[str, str]]
"""Figures by their names, by the headings above them."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A run on a kind of database, and which promises it broke."""

    database: str
    run: Run
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        run, verdict = self.run, f"{len(self.violations)} VIOLATIONS" if self.violations else "ok"
        return (
            f"seed {run.plan.seed:<5} {self.database:<10} {run.seconds:6.1f} s  "
            f"{run.struck.total():4} faults  {run.feedbacks:3} feedbacks  {run.clicks:4} clicks  "
            f"{len(run.history.decisions):4} decisions  {verdict}"
        )

    @property
    def command(self) -> str:
        """How this run is done again."""
        return f"python -m tests.faults --seed {self.run.plan.seed} --database {self.database}"


def report(outcomes: Sequence[Outcome]) -> str:
    """Write the figures, the faults by kind, and how every violated seed is replayed."""
    groups = {_heading(chosen): chosen for chosen in _by_database(outcomes)}
    figures = {heading: _figures(chosen) for heading, chosen in groups.items()}
    faults = {heading: _faults(chosen) for heading, chosen in groups.items()}
    by_kind = dict.fromkeys(sorted({name for column in faults.values() for name in column}))
    broken = [outcome for outcome in outcomes if outcome.violations]
    replays = [f"- `{each.command}`: {each.violations[0].splitlines()[0]}" for each in broken]
    return "\n".join(
        [
            "",
            *_table("", figures),
            "",
            *_table("fault", faults, by_kind),
            *(["", "Violated:", *replays] if replays else []),
        ]
    )


def _table(title: str, columns: Columns, names: Iterable[str] = ()) -> Iterator[str]:
    rows = names or dict.fromkeys(name for column in columns.values() for name in column)
    yield f"| {title:<{LABEL_WIDTH}} | {' | '.join(columns)} |"
    yield f"|---|{'---:|' * len(columns)}"
    for name in rows:
        cells = (column.get(name, "-") for column in columns.values())
        yield f"| {name:<{LABEL_WIDTH}} | {' | '.join(cells)} |"


def _heading(outcomes: Sequence[Outcome]) -> str:
    database, processes = outcomes[0].database, len(outcomes[0].run.plan.skews)
    return f"{TITLES.get(database, database)}, {COUNTS.get(processes, f'{processes} processes')}"


def _by_database(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    kinds = dict.fromkeys(outcome.database for outcome in outcomes)
    return [[each for each in outcomes if each.database == kind] for kind in kinds]


def _struck(outcomes: Iterable[Outcome]) -> Counter[str]:
    return sum((outcome.run.struck for outcome in outcomes), Counter())


def _faults(outcomes: Iterable[Outcome]) -> dict[str, str]:
    return {name: f"{count:,}" for name, count in _struck(outcomes).items()}


def _figures(outcomes: Sequence[Outcome]) -> dict[str, str]:
    runs = [outcome.run for outcome in outcomes]
    status = Counter(each.status for run in runs for each in run.history.decisions)
    cards = {(number, each.ts) for number, run in enumerate(runs) for each in run.history.paintings}
    figures = {
        "Runs": f"{len(runs)}",
        "Feedbacks": f"{sum(run.feedbacks for run in runs):,}",
        "Clicks": f"{sum(run.clicks for run in runs):,}",
        "Cards posted": f"{len(cards):,}",
        "Versions of cards shown": f"{sum(len(run.history.paintings) for run in runs):,}",
        "Reminders sent": f"{sum(len(run.history.reminders) for run in runs):,}",
        "Decisions delivered": f"{status['delivered']:,}",
        "Kudos, follow-up issues and links brought": (
            f"{sum(len(run.history.arrivals) for run in runs):,}"
        ),
        "Decisions refused and told": f"{status['refused']:,}",
        "Decisions dropped (done already, dismissed)": f"{status['dropped']:,}",
        "Faults injected": f"{_struck(outcomes).total():,}",
        "Effects lost": f"{sum(len(violations(run.history, LOST)) for run in runs)}",
        "Effects doubled": f"{sum(len(violations(run.history, DOUBLED)) for run in runs)}",
        "Violations of any kind": f"{sum(len(each.violations) for each in outcomes)}",
    }
    taken_over = [seconds for run in runs for seconds in run.taken_over]
    if taken_over:
        median, worst = statistics.median(taken_over), max(taken_over)
        figures["A dead replica's note written, median, worst"] = f"{median:.1f} s, {worst:.1f} s"
    return figures
