"""The page of `ssat-bot local --blocks FILE`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.local.browser.axe import no_violations
from tests.local.browser.visit import DESKTOP, PHONE, opened
from tests.local.process import Local, running

GOOD = [
    {"type": "header", "text": {"type": "plain_text", "text": "A card of somebody else's"}},
    {"type": "section", "text": {"type": "mrkdwn", "text": "*Bold* and <https://example.com|far>"}},
]
TOO_MANY = [{"type": "divider"}] * 51
STRANGE = [{"type": "teapot", "size": "large"}]


def write(file: Path, content: object) -> None:
    file.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("preview") / "blocks.json"


@pytest.fixture(scope="module")
def preview(file: Path) -> Iterator[Local]:
    write(file, GOOD)
    with running("--blocks", str(file)) as started:
        yield started


async def test_any_blocks_are_shown_as_slack_would_and_judged(
    browser: Browser, preview: Local, file: Path
) -> None:
    write(file, GOOD)
    async with opened(browser, preview.url) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("blocks.json")
        await expect(page.get_by_text("Slack would accept this.")).to_be_visible()
        for place in ("On a phone, light", "On a desktop, dark"):
            surface = page.get_by_role("region", name=place)
            await expect(surface).to_contain_text("A card of somebody else's")
            await expect(surface.get_by_role("link", name="far")).to_be_visible()
        # The page follows the file.
        write(file, TOO_MANY)
        refused = page.get_by_role("region", name="What Slack would refuse")
        await expect(refused).to_contain_text("50")
        write(file, STRANGE)
        await expect(page.get_by_text("This page cannot show: teapot").first).to_be_visible()
        write(file, "no JSON")
        await expect(refused).to_contain_text("not JSON")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
async def test_nothing_is_wrong_with_the_preview(
    browser: Browser, preview: Local, file: Path, size: tuple[int, int]
) -> None:
    for content in (GOOD, STRANGE):
        write(file, content)
        async with opened(browser, preview.url, size) as page:
            await expect(page.get_by_role("region", name="On a phone, dark")).to_be_visible()
            await no_violations(page)
