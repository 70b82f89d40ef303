"""How a long reading is told: to a terminal by a bar, to a log by a line at times."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from slackbot.sync.reading.progress import Progress, Tally, bar


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def test_a_log_hears_of_the_first_page_then_now_and_then_and_of_the_end(
    watch: Stopwatch, logged: list[Any]
) -> None:
    progress = Progress(total=30_000, monotonic=watch)
    for page in range(1, 121):
        watch.seconds += 0.05
        progress.page(issues=page * 100, found=page // 10)
    assert [line["pages"] for line in logged] == [1, 51, 101]
    watch.seconds += 10  # GitLab has become slow
    progress.page(issues=12_100, found=12)
    watch.seconds += 9
    progress.page(issues=12_200, found=12)
    progress.end()
    assert [line["pages"] for line in logged] == [1, 51, 101, 121, 122]
    assert [line["event"] for line in logged] == ["reading"] * 4 + ["read"]
    assert logged[-1] == {
        "event": "read",
        "log_level": "info",
        "pages": 122,
        "issues": 12_200,
        "of": 30_000,
        "requests": 12,
        "per_second": 488,
    }


def test_what_an_earlier_attempt_has_read_was_not_read_this_fast(
    watch: Stopwatch, logged: list[Any]
) -> None:
    progress = Progress(before=5_000, total=None, monotonic=watch)
    watch.seconds += 2
    progress.page(issues=5_100, found=3)
    assert (logged[0]["issues"], logged[0]["per_second"]) == (5_100, 50)


def test_on_a_terminal_one_line_is_written_over_and_over(
    watch: Stopwatch, logged: list[Any]
) -> None:
    out = io.StringIO()
    progress = Progress(total=200, terminal=out, monotonic=watch)
    for page in (1, 2):
        watch.seconds += 1
        progress.page(issues=page * 100, found=page)
    progress.end()
    first, second, last, end = out.getvalue().replace("\n", "\r").split("\r")
    assert first == "\x1b[K" + bar(Tally(pages=1, issues=100, found=1, per_second=100), 200)
    assert (
        second == last == "\x1b[K" + bar(Tally(pages=2, issues=200, found=2, per_second=100), 200)
    )
    assert end == ""
    assert out.getvalue().endswith("\n")
    assert logged == []


def test_where_nothing_was_there_to_be_read_nothing_is_told(
    watch: Stopwatch, logged: list[Any]
) -> None:
    out = io.StringIO()
    Progress(total=0, terminal=out, monotonic=watch).end()
    Progress(total=0, monotonic=watch).end()
    assert (out.getvalue(), logged) == ("", [])


@pytest.mark.parametrize(
    ("issues", "total", "shown"),
    [
        (0, 10_000, "Reading GitLab  ░░░░░░░░░░░░░░░░░░░░   0%  issues 0"),
        (4_200, 10_000, "Reading GitLab  ████████░░░░░░░░░░░░  42%  issues 4,200"),
        (10_000, 10_000, "Reading GitLab  ████████████████████ 100%  issues 10,000"),
        # More have come meanwhile.
        (10_300, 10_000, "Reading GitLab  ████████████████████ 100%  issues 10,300"),
        # GitLab does not say how many there are.
        (4_200, None, "Reading GitLab  issues 4,200"),
        (4_200, 0, "Reading GitLab  issues 4,200"),
    ],
)
def test_the_bar_shows_how_much_is_done(issues: int, total: int | None, shown: str) -> None:
    tally = Tally(pages=42, issues=issues, found=17, per_second=350.4)
    assert bar(tally, total) == f"{shown} · pages 42 · requests found 17 · 350 issues/s"
