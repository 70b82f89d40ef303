"""A clock that somebody sets is found out by one that nobody can set."""

from datetime import timedelta

import pytest

from slackbot.clock import Jumps
from tests.conftest import FRIDAY_AFTERNOON


class Clocks:
    """A clock to be set, and seconds that only pass."""

    def __init__(self) -> None:
        self.now, self.seconds = FRIDAY_AFTERNOON, 100.0
        self.jumps = Jumps(lambda: self.now, lambda: self.seconds)

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


@pytest.mark.parametrize("by", [timedelta(days=1), timedelta(days=-1), timedelta(seconds=-30)])
def test_a_jump_is_told_once(by: timedelta) -> None:
    clocks = Clocks()
    clocks.pass_by(3600)
    clocks.now += by
    clocks.pass_by(1)
    assert clocks.jumps.look() == by
    clocks.pass_by(1)
    assert clocks.jumps.look() == timedelta(0)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 86400.0])
def test_time_that_passes_is_no_jump(seconds: float) -> None:
    clocks = Clocks()
    clocks.pass_by(seconds)
    assert clocks.jumps.look() == timedelta(0)


def test_a_clock_that_is_kept_in_step_does_not_jump() -> None:
    clocks = Clocks()
    for _ in range(100):
        clocks.pass_by(1)
        clocks.now += timedelta(milliseconds=200)
        assert clocks.jumps.look() == timedelta(0)
