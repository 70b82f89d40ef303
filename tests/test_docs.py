"""What the docs say that can be checked: settings with their defaults, links, paths."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from slackbot.settings import Settings

ROOT = Path(__file__).parent.parent
NOTHING = "\u2013"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]

SETTING = re.compile(r"^\| `([A-Z_]+)` \| (?:`(.*?)`|(required|\u2013)) \|", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
TEST = re.compile(r"`(test_\w+)`")
CODE = re.compile(r"`((?:tests|bench|slackbot|[a-z]+)/[a-z_/]+\.py)`")


def spelled(default: object) -> str:
    """Spell a default as it would stand in the environment; a dash where there is none."""
    match default:
        case bool():
            return str(default).lower()
        case None | "" | frozenset():
            return NOTHING
        case _:
            return str(default)


def test_every_setting_is_listed_with_its_default() -> None:
    listed = {
        name: default or special
        for name, default, special in SETTING.findall((ROOT / "docs/settings.md").read_text())
    }
    defaults = {
        name.upper(): "required" if field.is_required() else spelled(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert listed == defaults


def test_the_example_sets_what_exists() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    named = {match[1] for line in lines if (match := re.match(r"#?([A-Z_]+)=", line))}
    assert named <= {name.upper() for name in Settings.model_fields}
    secrets = {
        name.upper()
        for name, field in Settings.model_fields.items()
        if field.is_required() and field.annotation is SecretStr
    }
    assert secrets <= named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, section in LINK.findall(page.read_text()):
        file = page.parent / target if target else page
        assert file.exists(), target
        if section:
            assert section in sections(file), f"{target}#{section}"


def sections(page: Path) -> set[str]:
    """Return a page's sections as GitLab and GitHub name them in addresses."""
    headings = HEADING.findall(page.read_text())
    return {re.sub(r"[^\w -]", "", each.lower()).strip().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_is_named_exists(page: Path) -> None:
    named = set(CODE.findall(page.read_text()))
    rooms = (ROOT, ROOT / "slackbot")
    assert {each for each in named if not any((room / each).exists() for room in rooms)} == set()


def test_every_instruction_of_the_handbook_has_a_place_a_test_and_what_is_left() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs/handbook.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith("| the page |")
    ]
    assert len(rows) >= 50
    for row in rows:
        assert len(row) == 4, row
        assert all(row), row
        assert TEST.search(row[2]), row


def test_every_test_that_is_named_exists() -> None:
    named = {each for page in PAGES for each in TEST.findall(page.read_text())}
    written = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert named - set(re.findall(r"def (test_\w+)", written)) == set()
