"""Break one safeguard of the bot at a time, and see a seed or a test go red: ``make safeguards``.

python -m tests.faults.safeguards --seeds 6
python -m tests.faults.safeguards "one card" --database sqlite

What it prints is the table in docs/reliability.md. A safeguard that can be taken out unseen is a
promise that nobody watches.
"""

import argparse
import itertools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.__main__ import DATABASES
from tests.faults.invariants import DOUBLED, LOST, OTHERS

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Safeguard:
    """A piece of the bot that keeps a promise, and the same without it."""

    name: str
    module: str
    code: str
    broken: str
    test: str = ""
    """pytest's arguments for what watches it, where a few seeds are not lucky enough to."""

    def __str__(self) -> str:
        return self.name

    def taken_out(self, source: str) -> str:
        """Return the module's source without it.

        Raises:
            ValueError: It is not in there once: the bot has changed, and this list has to follow.
        """
        if source.count(self.code) != 1:
            raise ValueError(f"{self.module}: {self.name}: found {source.count(self.code)} times")
        return source.replace(self.code, self.broken)


SAFEGUARDS = (
    Safeguard(
        name="what was acked is on record",
        module="handlers/desk.py",
        code="            await decisions.add_decision(tx, decision, interaction.id)\n",
        broken="            if decision.id.int % 8:\n"
        "                await decisions.add_decision(tx, decision, interaction.id)\n",
    ),
    Safeguard(
        name="what was acked survives a power cut",
        module="store/engine/sqlite.py",
        code='level = "FULL" if is_synced else "NORMAL"',
        broken='level = "NORMAL"',
    ),
    Safeguard(
        name="no card, step or reminder twice: one begun is looked for",
        module="platforms/slack/outbox.py",
        code="        if begun and await self._is_found(post, looked_from(min(begun), "
        "self._record.now())):\n"
        "            return False\n",
        broken="",
    ),
    Safeguard(
        name="a post without an answer is doubtful",
        module="platforms/slack/outbox.py",
        code="        except Unreachable:\n"
        "            raise  # it may have been taken: the next try looks for it\n",
        broken="",
    ),
    Safeguard(
        name="no note twice: one begun is looked for by its marker",
        module="sync/issue.py",
        code="        if not any(recorded.begun_at for recorded in pending):\n",
        broken="        if pending is not None:\n",
    ),
    Safeguard(
        name="no kudos twice: a comment in the week's issue is looked for by its marker",
        module="sync/writing/thanking.py",
        code="any(mark.decision == each.decision.id for _, mark in own_marks(notes, own))",
        broken="False",
    ),
    Safeguard(
        name="no follow-up issue twice: it is looked for by its marker",
        module="sync/writing/follow_up.py",
        code="found = await self._find(decision, feedback) or await self._open(decision, feedback)",
        broken="found = await self._open(decision, feedback)",
    ),
    Safeguard(
        name="kudos are kept until they are where they belong",
        module="store/changes.py",
        code="        await add_kudos(tx, decision)\n",
        broken="        if decision.id.int % 4:\n            await add_kudos(tx, decision)\n",
    ),
    Safeguard(
        name="what people type mentions nobody",
        module="sync/writing/notes.py",
        code='            return f"{slashes}\\\\{sign}"\n',
        broken='            return f"{slashes}{sign}"\n',
    ),
    Safeguard(
        name="decisions are delivered in their order",
        module="store/requests.py",
        code=".where(IS_UNDELIVERED).order_by(decisions.c.seq)\n",
        broken=".where(IS_UNDELIVERED).order_by(decisions.c.seq.desc())\n",
    ),
    Safeguard(
        name="a decision is judged again by what GitLab says now",
        module="sync/writing/delivery.py",
        code="        if refusal := await self._judge() or await self._prepare(seen):\n",
        broken="        if refusal := await self._prepare(seen):\n",
    ),
    Safeguard(
        name="a repeated change spares what others did meanwhile",
        module="sync/writing/delivery.py",
        code="            conflicts = await self._conflicts(seen)\n",
        broken="            conflicts = Conflicts()\n",
    ),
    Safeguard(
        name="who is refused is told",
        module="store/changes.py",
        code="    await cards.add_message(tx, decision.key, step)\n"
        "    await announce(tx, decision.key, now, urgent=True)\n"
        '    metrics.DECISIONS.labels("rejected").inc()\n',
        broken='    await decisions.finish_decision(tx, decision, Status.REFUSED, now, "")\n',
        test="tests/stories/test_delivery.py -k what_gitlab_refuses_is_shown",
    ),
    Safeguard(
        name="a review leaves a label that was chosen meanwhile",
        module="sync/writing/delivery.py",
        code="        self._decision = replace(self._decision, action=action)\n",
        broken="",
        test="tests/stories/test_reviewing.py -k chose_meanwhile",
    ),
    Safeguard(
        name="the note of what GitLab refused is taken back",
        module="sync/issue.py",
        code="            await take_back_notes(self._record, self._gitlab, key)\n",
        broken="            pass\n",
    ),
    Safeguard(
        name="nothing follows a change without an answer for a minute",
        module="worker.py",
        code="                rest=after if is_unsettled else None,\n",
        broken="                rest=None,\n",
        test="tests/stories/test_overtaken.py",
    ),
    Safeguard(
        name="a card says what is not in GitLab yet",
        module="blocks/card.py",
        code="    if not view.pending:\n        return []\n",
        broken="    if view is not None:\n        return []\n",
    ),
    Safeguard(
        name="a card is rendered again after each change",
        module="sync/writing/delivery.py",
        code="            await save_changes(tx, before, request, steps, now)\n"
        "            await note_delivered(tx, decision, now)\n"
        "            await announce(tx, decision.key, now, urgent=True)\n",
        broken="            await requests.save_request(tx, request or after)\n"
        "            await note_delivered(tx, decision, now)\n",
    ),
    Safeguard(
        name="what failed is tried again",
        module="worker.py",
        code="            await self._put_off(\n"
        "                job, str(error), after, is_unsettled=is_unsettled, is_outage=is_outage\n"
        "            )\n",
        broken="            await self._finish(job, None)\n",
    ),
    Safeguard(
        name="the poll finds what webhooks did not tell",
        module="sync/reading/project.py",
        code="            if known is not None and not looks_changed(known, issue, rules):\n",
        broken="            if issue.key.iid % 2 or "
        "(known and not looks_changed(known, issue, rules)):\n",
    ),
    Safeguard(
        name="a repeated click has no further effect",
        module="handlers/desk.py",
        code="            if await decisions.load_by_interaction(tx, interaction.id):\n"
        "                return\n"
        "            action = action_on(request)\n",
        broken='            interaction = replace(interaction, id=f"{interaction.id} {uuid4()}")\n'
        "            action = action_on(request)\n",
    ),
    Safeguard(
        name="nothing of Slack's is asked between a click and its record",
        module="app.py",
        code="        client=AsyncWebClient(base_url=slack.client.base_url),\n"
        "        authorize=authorize,\n",
        broken="        client=slack.client,\n",
        test="tests/stories/test_incoming.py -k in_a_fresh_process",
    ),
    Safeguard(
        name="what is on record is not refused when it comes again",
        module="handlers/answers.py",
        code="            if isinstance(error, Refusal) and await self._is_on_record(body):\n",
        broken="            if body is None:\n",
        test="tests/stories/test_incoming.py -k what_is_on_record_already",
    ),
    Safeguard(
        name="a job is one process's at a time",
        module="store/jobs.py",
        code='            ~_KEY.in_(bindparam("but", expanding=True)),\n'
        "            _is_over(errands.c.leased_until, is_sqlite=is_sqlite),\n",
        broken='            ~_KEY.in_(bindparam("but", expanding=True)),\n',
        test="tests/store/test_jobs.py -k what_is_leased_is_nobody_elses",
    ),
    Safeguard(
        name="who has lost a job commits nothing for it",
        module="store/jobs.py",
        code="    if not tx.has_written:\n        return\n",
        broken="    if tx is not None:\n        return\n",
        test="tests/test_replicas.py -k stood_still",
    ),
    Safeguard(
        name="a dead replica's work is taken over",
        module="store/jobs.py",
        code="    return or_(until.is_(None), until <= now, until > farthest)\n",
        broken="    return or_(until.is_(None), until > farthest)\n",
        test="tests/store/test_jobs.py -k what_is_leased_is_nobody_elses",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How a run without a safeguard went red."""

    by: str
    said: str


def main() -> int:
    """Take out each safeguard that is asked for; fail if one of them is not missed."""
    arguments = _parser().parse_args()
    missed = []
    print("| safeguard taken out | seen by | first violation |\n|---|---|---|", flush=True)
    for safeguard in SAFEGUARDS:
        if arguments.name and not any(each in safeguard.name for each in arguments.name):
            continue
        found = _try_without(safeguard, arguments.seeds, arguments.database or DATABASES)
        if found is None:
            missed.append(safeguard)
            print(f"| {safeguard} | nobody | - |", flush=True)
        else:
            print(f"| {safeguard} | {found.by} | {found.said} |", flush=True)
    return len(missed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.safeguards", description=__doc__)
    parser.add_argument("name", nargs="*", help="only those with these words in their names")
    parser.add_argument("--seeds", type=int, default=5, help="how many to try on each database")
    parser.add_argument("--database", action="append", choices=DATABASES, help="default: both")
    return parser


def _try_without(safeguard: Safeguard, seeds: int, databases: Iterable[str]) -> Finding | None:
    with tempfile.TemporaryDirectory(prefix="ssat-safeguard-") as name:
        folder = Path(name)
        _copy_without(safeguard, folder)
        if safeguard.test:
            said = _run(folder, "pytest", "-q", "-x", *shlex.split(safeguard.test))
            return Finding(by="its test", said=said) if said else None
        for seed, database in itertools.product(range(1, seeds + 1), databases):
            if said := _run(folder, "tests.faults", "--seed", f"{seed}", "--database", database):
                return Finding(by=f"seed {seed}, {database}", said=said)
    return None


def _copy_without(safeguard: Safeguard, folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("slackbot", "tests"):
        shutil.copytree(PROJECT / package, folder / package, ignore=ignored)
    for file in ("manifest.yml", "pyproject.toml"):
        shutil.copy(PROJECT / file, folder)
    module = folder / "slackbot" / safeguard.module
    module.write_text(safeguard.taken_out(module.read_text()))


def _run(folder: Path, module: str, *arguments: str) -> str | None:
    """Run a module in a folder's copy; return what was red first, ``None`` if nothing was.

    Raises:
        RuntimeError: The run itself failed, which says nothing about the bot.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    said = f"{done.stdout}\n{done.stderr}"
    red = next(filter(_is_red, said.splitlines()), None)
    if red is None:
        raise RuntimeError(said)
    return red.removeprefix("FAILED ").partition(" - ")[0]


def _is_red(line: str) -> bool:
    """Whether a line names a violation or a test that failed."""
    names = {check.__name__ for check in LOST + DOUBLED + OTHERS}
    return line.startswith("FAILED ") or line.partition(":")[0] in names


if __name__ == "__main__":
    sys.exit(main())
