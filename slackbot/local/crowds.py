"""How many calls of one kind are under way together: what only one may do, nobody else does."""

import contextlib
from collections import Counter
from collections.abc import Iterator


class Crowds:
    """Counts the calls under way of each kind; ``most`` is how many there were at once."""

    def __init__(self) -> None:
        self.most = Counter[str]()
        self._now = Counter[str]()

    @contextlib.contextmanager
    def one_more(self, kind: str) -> Iterator[None]:
        """Count a call for as long as it is under way."""
        self._now[kind] += 1
        self.most[kind] = max(self.most[kind], self._now[kind])
        try:
            yield
        finally:
            self._now[kind] -= 1
