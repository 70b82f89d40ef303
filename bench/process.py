"""Start-up time and memory of ``ssat-bot run``, beside the bare imports of Bolt."""

import asyncio
import os
import sys
import time
from pathlib import Path

import aiohttp

from tests.conftest import MovableClock
from tests.town import HOOK_SECRET, Town, town

PORT = 38123
RUNS = 5
KIBIBYTE = 1024


async def start_up(folder: Path) -> None:
    """Start the real process a few times against the stand-ins."""
    async with town(MovableClock(), folder, f"sqlite:///{folder / 'process.db'}") as place:
        started = [await _start(place) for _ in range(RUNS)]
    bare = [await _import_bolt() for _ in range(RUNS)]
    seconds = sorted(taken for taken, _ in started)[RUNS // 2]
    bare_seconds = sorted(bare)[RUNS // 2]
    megabytes = max(memory for _, memory in started)
    print(
        f"{'start of ssat-bot run until /healthz':<42} median {seconds:6.2f} s    "
        f"{seconds / bare_seconds:.1f} x python importing slack_bolt ({bare_seconds:.2f} s)"
    )
    print(f"{'resident memory of ssat-bot run':<42} {megabytes:6.0f} MB")


async def _start(place: Town) -> tuple[float, float]:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "slackbot",
        "run",
        env=environment(place, PORT),
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _answering(f"http://127.0.0.1:{PORT}/healthz")
        taken = time.perf_counter() - begun
        return taken, _resident(process.pid)
    finally:
        process.terminate()
        await process.wait()


def environment(place: Town, port: int) -> dict[str, str]:
    """Return the environment of a bot in a town."""
    return os.environ | {
        "SLACK_BOT_TOKEN": place.slack.bot_token,
        "SLACK_SIGNING_SECRET": place.slack.signing_secret,
        "SLACK_API_URL": place.settings["slack_api_url"],
        "GITLAB_URL": place.settings["gitlab_url"],
        "GITLAB_TOKEN": place.token,
        "GITLAB_WEBHOOK_SECRET": HOOK_SECRET,
        "DATABASE_URL": place.settings["database_url"],
        "PORT": str(port),
    }


async def _answering(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.01)


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / KIBIBYTE
    return 0.0


async def _import_bolt() -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import slack_bolt.async_app"
    )
    await process.wait()
    return time.perf_counter() - begun
