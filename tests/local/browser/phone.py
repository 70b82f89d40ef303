"""How much of the channel a phone shows at once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from playwright.async_api import Browser, expect

from tests.local.browser.visit import PHONE, Visit, named_button, number_of, visiting
from tests.local.process import Local

LONG_WORDS = (
    "Our upgrade stood still for a day while I was asked for the same logs three times.\n"
    "The engineers were friendly, but nobody seemed to have read what came before.\n"
    "In the end I found the setting in a forum, and nobody told me why it had changed."
)
FINISHED_LABELS = (
    *("soft-skills", "docs-not-helpful", "known-issue", "docs-new-issue"),
    "process-engineer-not-followed",
)


@asynccontextmanager
async def shown_at_once(
    browser: Browser, local: Local, cards: Sequence[str]
) -> AsyncIterator[Visit]:
    """On a phone, see each of these cards whole, with its author, and with no scrolling."""
    async with visiting(browser, local, size=PHONE) as visit:
        last = visit.card_of(cards[-1])
        await last.evaluate("card => card.scrollIntoView({ block: 'end' })")
        for number in cards:
            card = visit.card_of(number)
            await expect(card).to_contain_text("SSAT bot")
            await expect(card).to_be_in_viewport(ratio=0.99)  # a list scrolls by whole pixels
        yield visit


async def five_finished(visit: Visit) -> list[str]:
    """Contact five customers; return which issues these were."""
    finished = []
    for label in FINISHED_LABELS:
        card = await visit.arrives(LONG_WORDS)
        await visit.contacts(card, label)
        await expect(card).to_contain_text(f"Blake Sample by email · {label}")
        finished.append(await number_of(card))
    return finished


async def two_open(visit: Visit) -> list[str]:
    """Let two customers wait, and own one of them; return which issues these are."""
    claimed, unclaimed = await visit.arrives(LONG_WORDS), await visit.arrives(LONG_WORDS)
    await named_button(claimed, "Claim").click()
    await expect(claimed).to_contain_text("Claimed by Blake Sample · Garden Example Ltd")
    await visit.labels(claimed, FINISHED_LABELS[-1])
    await visit.modal.get_by_role("button", name="Set label").click()
    await expect(claimed).to_contain_text("2 replies")
    await expect(unclaimed).to_contain_text("On duty: @Avery Example · score 2 of 7")
    return [await number_of(claimed), await number_of(unclaimed)]
