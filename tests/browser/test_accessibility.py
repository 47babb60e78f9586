"""Every page of the navigation and of the main records, for every persona and look: nothing for axe to find.

The rules are those of WCAG 2.2 AA and best practice; at 390 px nothing is wider than the window. A page is loaded once
and judged in every look, as a person does who turns the phone or switches to the dark theme. The theme changes
colours and nothing else, so each width is judged by every rule in one theme and by those of colours in the other.
What two people see alike is judged once, and of a long list the first rows stand for all.
"""

import hashlib
import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
WIDE, NARROW = 1440, 390
LOOKS = [("light", WIDE, RULES), ("dark", WIDE, COLOURS), ("dark", NARROW, RULES), ("light", NARROW, COLOURS)]
CONTENT = """() => {
  const main = document.querySelector('#main').cloneNode(true);
  for (const own of main.querySelectorAll('.print-only, [name="csrfmiddlewaretoken"]')) own.remove();
  return main.innerHTML;
}"""
SETTLED = """async () => {
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
  const timed = document.getAnimations().filter(one => one.timeline === document.timeline);  // those of scrolling never end
  await Promise.all(timed.map(one => one.finished.catch(() => null)));
}"""
SHORTEN = "() => document.querySelectorAll('tbody tr:nth-child(n+9), .queue > li:nth-child(n+9), .lane li:nth-child(n+9)').forEach(one => one.remove())"
PERSONAS = ("ines", "tomas", "hanne", "samuel", "mirela", "dana", "omar", "karin", "ruth", "admin")
MORE = {
    "ines": ("/notifications/", "/notifications/?show=asking", "/profile/"),
    "tomas": ("/models/register/", "/changes/new/", "/approvals/mine/"),
    "karin": ("/kpis/lead_time/", "/kpis/targets/propose/"),
    "ruth": ("/audit/as-of/", "/exports/?what=inventory"),
    "omar": ("/deployments/board/",),
    "admin": ("/admin/people/add/", "/environments/add/"),
}
PARTS_OF_A_MODEL = (
    "", "versions/", "documents/", "risk/", "lineage/", "changes/", "validations/", "history/", "versions/1/",
    "compare/?v=1&v=2",
)  # fmt: skip


def violations(page, rules=RULES):
    """Run axe; return rule and markup of what it found."""
    asked = {"runOnly": rules, "resultTypes": ["violations"]}
    page.evaluate(SETTLED)
    found = page.evaluate("asked => axe.run(asked).then(found => found.violations)", asked)
    return [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found]


def look_at(visitor):
    """Judge what is open in each look; return what is wrong by look."""
    wrong = {}
    visitor.page.evaluate(SHORTEN)
    visitor.page.evaluate(AXE_SCRIPT)
    for theme, width, rules in LOOKS:
        visitor.look(theme, width)
        found = violations(visitor.page, rules)
        if visitor.width > width:
            found.append(("sideways", [f"{visitor.width} px"]))
        if found:
            wrong[f"{theme} {width}"] = found
    return wrong


def look_through(visitor, addresses, seen=None):
    """Open each page and judge it, unless somebody saw the same; return what is wrong by address."""
    wrong = {}
    for address in dict.fromkeys(addresses):
        content = hashlib.sha256(visitor.open(address).page.evaluate(CONTENT).encode()).digest()
        if seen is not None and content in seen:
            continue
        if found := look_at(visitor):
            wrong[address] = found
        elif seen is not None:
            seen.add(content)
    return wrong


def navigation_of(visitor):
    """Return the addresses that the navigation offers this person."""
    links = visitor.open("/").page.get_by_role("navigation", name="Main").locator("a.nav-link")
    return links.evaluate_all("all => all.map(one => one.getAttribute('href'))")


def first_record(visitor, place, words=""):
    """Return the address of the first record that a place links to."""
    links = (
        visitor.open(place + words)
        .page.locator("#main a")
        .evaluate_all("all => all.map(one => one.getAttribute('href'))")
    )
    return next(link for link in links if re.fullmatch(rf"{place}\d+/", link or ""))


@pytest.fixture
def reader(visit):
    """Return a factory of visitors whose pages do not move while they are judged."""
    return lambda key="": visit(key, reduced_motion="reduce", traced=False)


@pytest.fixture(scope="module")
def seen():
    """Return the digests of what was judged and found right."""
    return set()


@pytest.mark.parametrize("persona", PERSONAS)
def test_what_the_navigation_offers_is_accessible(reader, seen, persona):
    visitor = reader(persona)
    assert look_through(visitor, ["/", *navigation_of(visitor), *MORE.get(persona, ())], seen) == {}


def test_a_model_is_accessible(reader):
    visitor = reader("ines")
    model = first_record(visitor, "/models/", "?q=card+fraud")
    assert look_through(visitor, [model + part for part in PARTS_OF_A_MODEL]) == {}


def test_other_records_are_accessible(reader, scenes):
    visitor = reader("ines")
    places = ("/deployments/", "/environments/", "/policies/", "/ledger/")
    executed = scenes["running"]["change"]
    records = [scenes["to_read"]["change"], executed, f"{executed}execution/"]
    records += [first_record(visitor, place) for place in places]
    sources = [first_record(visitor, place) for place in ("/datasets/", "/pipelines/")]
    records += [f"{one}{part}" for one in sources for part in ("", "versions/", "history/")]
    assert look_through(visitor, [*records, "/search/?q=credit", "/changes/?state=rejected"]) == {}


def test_forms_are_accessible(reader, scenes):
    address = scenes["to_read"]["change"]
    officer, requester = reader("ines"), reader("tomas")
    assert look_through(officer, [f"{address}sign/approve_with_conditions/", f"{address}waiver/"]) == {}
    model = scenes["to_read"]["model"]
    forms = [
        f"{model}versions/register/",
        f"{model}versions/1/pipeline/",
        f"{model}rate/",
        f"{model}limits/propose/",
        f"{model}documents/add/",
    ]
    assert look_through(requester, [*forms, f"/changes/new/?model={model.split('/')[2]}"]) == {}


def test_the_palette_is_accessible(reader):
    visitor = reader("ines").open("/models/")
    visitor.page.keyboard.press("Control+k")
    visitor.page.get_by_role("combobox").fill("retail")
    visitor.page.locator("#palette").get_by_role("option").first.wait_for()
    assert look_at(visitor) == {}


def test_the_signature_is_accessible(reader, scenes):
    visitor = reader("ines").open(scenes["to_read"]["change"])
    visitor.page.locator("section.decide").get_by_role("link", name=re.compile("Approve")).first.click()
    visitor.page.locator("#sign-form").wait_for()
    assert look_at(visitor) == {}


def test_the_way_in_and_errors_are_accessible(reader):
    assert look_through(reader(), ["/accounts/login/", "/nowhere/"]) == {}
