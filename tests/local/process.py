"""`ssat-bot local` as a process of its own, as people start it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

SECONDS = 60

TUESDAY = ("--at", "2026-12-01T10:00Z")
"""When people come to the page: the day and the hour of the test must not matter."""

# What a machine may have set for other things must not matter here.
STRAY = {
    "SLACK_APP_TOKEN": "xapp-of-something-else",
    "SSAT_DEADLINE_HOURS": "1",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
}


@dataclass(frozen=True)
class Local:
    """A running `ssat-bot local` and the address of its page."""

    process: subprocess.Popen[str]
    url: str

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def start(port: int | None, *arguments: str) -> subprocess.Popen[str]:
    wanted = () if port is None else ("--port", str(port))
    return subprocess.Popen(
        [sys.executable, "-m", "slackbot", "local", *wanted, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | STRAY,
    )


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[Local]:
    """Start it on any free port; it is gone afterwards."""
    process = start(0, *arguments)
    # Without this, a process that never says its address would be waited for until the end of days.
    watchdog = threading.Timer(SECONDS, process.kill)
    watchdog.start()
    try:
        assert process.stdout
        said = iter(process.stdout.readline, "")
        url = next((match[0] for line in said if (match := re.search(r"http://\S+", line))), None)
        watchdog.cancel()
        assert url, f"it did not start: {process.stderr.read() if process.stderr else ''}"
        yield Local(process, url)
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
        process.communicate()
