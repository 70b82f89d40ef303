"""A town without a bot, and the check of its set-up."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from slackbot.check.findings import Finding, Verdict
from slackbot.check.screen import examine_all
from tests.conftest import MovableClock
from tests.town import Town
from tests.town import town as build_town


@pytest.fixture
async def town(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    async with build_town(clock, tmp_path, sqlite) as built:
        yield built
        built.check()


class Examination:
    """What the check of a town says, by what a finding is about."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    def about(self, words: str) -> Finding:
        """Return the one whose words begin like this."""
        fitting = [each for each in self.findings if each.about.startswith(words)]
        assert len(fitting) == 1, list(map(str, self.findings))
        [found] = fitting
        return found

    def has(self, words: str) -> bool:
        return any(each.about.startswith(words) for each in self.findings)

    def judged(self, verdict: Verdict) -> list[str]:
        return [str(each) for each in self.findings if each.verdict is verdict]


async def examined(
    town: Town, wrong: Mapping[str, str] | None = None, *, is_live: bool = False, **changes: Any
) -> Examination:
    settings = town.set_up(**changes)
    return Examination(await examine_all(settings, wrong or {}, town.clock(), is_live=is_live))


def turn_to(town: Town, moment: datetime) -> None:
    """Let it be this moment, and stay so."""
    town.clock.forward(seconds=(moment - town.clock()).total_seconds())
    town.clock.stop()
    town.clock.forward(seconds=(moment - town.clock()).total_seconds())
