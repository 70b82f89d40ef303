"""Until ``ssat-bot run`` is ready, and its memory, beside a bare app that imports what it must."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.pair import RUNS, Databases, answering, fast_town, free_port
from bench.report import Row, median
from tests.process import ROOT, environment
from tests.town import Town

KIBIBYTE = 1024
LIBRARIES = (
    "gitlab",
    "prometheus_client",
    "pydantic_settings",
    "sqlalchemy",
)
"""What the bot can't work without on SQLite, beside Bolt and aiohttp."""
BARE = f"import {', '.join(LIBRARIES)}; import bench.bare; bench.bare.main()"


async def start(databases: Databases) -> None:
    python = _installed(databases.new_folder() / "venv")
    async with fast_town(databases, databases.sqlite()) as place:
        beside, ready = [], []
        for _ in range(RUNS):
            beside.append(await _start(place, "", python, "-c", BARE))
            ready.append(await _start(place, "/readyz", python, "-m", "slackbot", "run"))
    seconds, bare_seconds = (median([taken for taken, _ in each]) for each in (ready, beside))
    memory, bare_memory = (median([used for _, used in each]) for each in (ready, beside))
    print(
        Row(
            what="start until ready / a bare app with the same libraries (or 1.0 s)",
            bot=f"{seconds:.2f} s",
            beside=f"{bare_seconds:.2f} s",
            ratio=seconds / bare_seconds,
            aim=max(1.2, 1.0 / bare_seconds),
        )
    )
    print(
        Row(
            what="resident memory when ready / that of the same bare app",
            bot=f"{memory:.0f} MB",
            beside=f"{bare_memory:.0f} MB",
            ratio=memory / bare_memory,
            aim=1.2,
        )
    )


def _installed(folder: Path) -> str:
    """Install what users do: libraries import tools of development where these are installed."""
    python = str(folder / "bin" / "python")
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    for what in (
        ("--require-hashes", "-r", "requirements.lock"),
        ("--no-deps", "--no-build-isolation", "--editable", "."),
    ):
        subprocess.run([*install, *what], check=True, cwd=ROOT)
    return python


async def _start(place: Town, path: str, *command: str) -> tuple[float, float]:
    """Return the seconds until it answers, and the megabytes it has then."""
    port = free_port()
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment(place, port=port),
        cwd=place.folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await answering(f"http://127.0.0.1:{port}{path}", 200 if path else None)
        return time.perf_counter() - begun, _resident(process.pid)
    finally:
        process.terminate()
        await process.wait()


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / KIBIBYTE**2
