"""What axe-core objects to on a page: https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md."""

from importlib.resources import files
from typing import Any

from playwright.async_api import Page

SCRIPT = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},  # off by default: 24 px, or as far apart
    "resultTypes": ["violations"],
}
RUN = "([within, options]) => axe.run(within, options)"


async def no_violations(page: Page, within: str = "html") -> None:
    """Fail with rule, help and selectors where there are any; a part is looked at sooner."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(SCRIPT)
    found = await page.evaluate(RUN, [within, OPTIONS])
    told = "\n".join(map(_told, found["violations"]))
    assert not told, told


def _told(violation: dict[str, Any]) -> str:
    places = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
    why = violation["nodes"][0]["failureSummary"]
    return f"{violation['id']} ({violation['help']}): {', '.join(places)}. {why}"
