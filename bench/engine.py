"""From the transaction that enqueues a job to its start, with nothing else to do."""

import asyncio
import time

from bench.pair import RUNS, Databases
from bench.report import Row, in_ms, median
from slackbot.clock import system_clock
from slackbot.health import Health
from slackbot.rules.request import IssueKey
from slackbot.store import jobs
from slackbot.store.engine.database import Database, Record
from slackbot.store.jobs import IssueQueue, Job, PeriodicQueue
from slackbot.worker import Lookout, Work, Worker

REST_SECONDS = 0.1


async def engine(databases: Databases) -> None:
    for kind, url in databases.each().items():
        commits, starts = zip(*await _taken(url), strict=True)
        print(
            Row(
                what=f"enqueue until the job's start, idle, {kind} / the commit that enqueues",
                bot=in_ms(median(starts)),
                beside=in_ms(median(commits)),
                ratio=median(starts) / median(commits),
                aim=5,
            )
        )


async def _taken(url: str) -> list[tuple[float, float]]:
    """Return the seconds of each commit, and until its job starts.

    All queues have their worker, as in the bot; the jobs have nothing to do.
    """
    started: asyncio.Queue[float] = asyncio.Queue()

    async def start(_: Job) -> None:
        started.put_nowait(time.perf_counter())

    database = Database(url)
    await database.open()
    record = Record(database, system_clock)
    workers = [
        Worker(Work(queue=queue, reconcile=start), record=record, health=Health(), owner="bench")
        for queue in (*IssueQueue, *PeriodicQueue)
    ]
    working = [asyncio.create_task(worker.work()) for worker in workers]
    looking = asyncio.create_task(Lookout(workers, record).run())
    try:
        return [await _one(record, number, started) for number in range(RUNS)]
    finally:
        for worker in workers:
            worker.stop()
        looking.cancel()
        await asyncio.gather(*working, looking, return_exceptions=True)
        await database.close()


async def _one(record: Record, number: int, started: asyncio.Queue[float]) -> tuple[float, float]:
    await asyncio.sleep(REST_SECONDS)
    begun = time.perf_counter()
    async with record.transaction() as tx:
        jobs.enqueue(tx, IssueQueue.CARD, [IssueKey(1, number)], record.now())
    committed = time.perf_counter()
    return committed - begun, await started.get() - begun
