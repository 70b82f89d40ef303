"""A person at a terminal."""

import os
import select
import signal
import subprocess

from tests.process import PATIENCE_SECONDS


class Terminal:
    """A person at a terminal; what is hidden is typed, but not shown."""

    def __init__(self, *command: str) -> None:
        self._master, slave = os.openpty()
        self._child = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            preexec_fn=lambda: _sit_down(os.dup(slave)),
        )
        os.close(slave)
        self.shown, self._seen = "", 0

    def wait_for(self, words: str) -> None:
        """Read until the program says these words, after those of the last time."""
        while (at := self.shown.find(words, self._seen)) < 0:
            self.shown += self._read()
        self._seen = at + len(words)

    def answer(self, question: str, text: str) -> None:
        """Wait for a question, and its prompt; type the answer."""
        self.wait_for(question)
        self.wait_for("> ")
        self.press(f"{text}\n")

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def stop(self, key: str) -> int:
        """Press it again while nothing happens; return the exit code.

        A Ctrl-C between prompt and reading is seen by Python with the next one.
        """
        self.press(key)
        while self._child.poll() is None:
            if self._says_something(within=1):
                self.shown += self._read(may_end=True)
            else:
                self.press(key)
        return self.ended()

    def ended(self) -> int:
        """Return its exit code."""
        while self._child.poll() is None:
            self.shown += self._read(may_end=True)
        self.shown += self._read(may_end=True)
        os.close(self._master)
        return self._child.wait(PATIENCE_SECONDS)

    def _says_something(self, within: float) -> bool:
        return bool(select.select([self._master], [], [], within)[0])

    def _read(self, *, may_end: bool = False) -> str:
        if not self._says_something(PATIENCE_SECONDS):
            raise AssertionError(f"it says nothing more:\n{self.shown}")
        try:
            read = os.read(self._master, 65536).decode()
        except OSError:  # nobody has the other end any more
            read = ""
        if not read and not may_end:
            raise AssertionError(self.shown)
        return read.replace("\r\n", "\n")


def _sit_down(terminal: int) -> None:
    """Let Ctrl-C interrupt, also where the tests run in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.login_tty(terminal)
