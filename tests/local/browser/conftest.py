"""One browser for all stories of a worker, and `ssat-bot local` to look at."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.local.browser.visit import BROWSERS, chromium, launched
from tests.local.process import TUESDAY, Local, running
from tests.tools import required

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder, and run it in the event loop that the browser belongs to."""
    for item in items:
        if not item.path.is_relative_to(HERE) or not pytest_asyncio.is_async_test(item):
            continue
        item.add_marker("browser")
        item.add_marker("story")
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Start it once: that takes as long as a story does."""
    async with launched(chromium() or required(BROWSERS[0])) as browser:
        yield browser


@pytest.fixture(scope="session")
def local() -> Iterator[Local]:
    """One for all stories that leave time and platforms alone: each acts on an issue of its own."""
    with running(*TUESDAY) as started:
        yield started


@pytest.fixture(scope="session")
def restless() -> Iterator[Local]:
    """One for all stories that move the time, break something, or fill the channel."""
    with running(*TUESDAY) as started:
        yield started
