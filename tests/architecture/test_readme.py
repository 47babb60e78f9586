"""What the README and the documents point at exists, and no picture lies around unused."""

import re
from pathlib import Path

import pytest

from mlops_portal.foundation.web import navigation

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def links(page: Path) -> list[str]:
    """Return the files that a page points at."""
    return [
        one for one in LINK.findall(page.read_text()) if "://" not in one and not one.startswith("mailto:")
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_at_exists(page):
    assert [one for one in links(page) if not (page.parent / one).exists()] == []


def test_every_picture_is_used_and_small():
    used = {(ROOT / one).resolve() for one in links(ROOT / "README.md") if one.endswith(".png")}
    kept = {one.resolve() for one in (ROOT / "docs" / "images").glob("*.png")}
    assert kept == used
    assert [one.name for one in kept if one.stat().st_size > 250_000] == []


def test_people_start_where_the_navigation_leads():
    """The words of the README's column “Start at” are those of the navigation."""
    table = (ROOT / "README.md").read_text().split("| You are |")[1].split("\n\n")[0]
    starts = {word.strip() for row in table.splitlines()[2:] for word in row.split("|")[3].split(",")}
    labels = {item.label for item in navigation._items.values()}
    elsewhere = {
        "A version's page",
        "a version's page",
        "Exports",
        "[docs/reference](docs/reference/README.md)",
    }
    assert starts - elsewhere - labels == set()
