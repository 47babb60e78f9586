"""The published inventories, whole: no row and no cell may be lost on the way to a plan."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from registry.imports import mapping
from registry.imports.plan import plan_table
from registry.imports.reading import open_table
from registry.imports.suggesting import guess, suggest

DATA = Path(__file__).parents[5] / "shared" / "data"
US = DATA / "inventory-us-federal"
NL = DATA / "inventory-nl-algorithm-register"
pytestmark = pytest.mark.skipif(not US.exists(), reason="shared/data/inventory-* is not beside the checkout")


def opened(path, **options):
    return open_table(path.read_bytes(), path.name, **options)


def planned(path, name):
    built = mapping.load(name)
    started = time.perf_counter()
    table = opened(path, **built.file)
    rows = list(plan_table(table, built))
    print(f"{path.name}: {len(rows)} rows read and planned in {time.perf_counter() - started:.2f} s")  # noqa: T201
    return built, table, rows


def lost_cells(built, table, rows):
    """Return the cells that say something and stand nowhere in the plan."""
    lost = []
    for source, row in zip(table.rows(), rows, strict=True):
        kept = {*row.custom.values(), *row.names, *(v for v in row.values.values() if isinstance(v, str))}
        lost += [
            (row.number, column)
            for column, text in source.cells.items()
            if text.strip() and text not in kept and text.strip() not in kept
        ]
    return lost


@pytest.mark.parametrize(
    ("path", "name", "count"),
    [
        pytest.param(US / "2024_consolidated_ai_inventory_raw_v2.csv", "us-federal-2024", 2133, id="us-2024"),
        pytest.param(NL / "algoritmes.json", "nl-algorithm-register", 875, id="nl"),
    ],
)
def test_every_row_and_every_cell_arrives(path, name, count):
    built, table, rows = planned(path, name)
    assert len(rows) == count
    assert [str(problem) for row in rows for problem in row.problems] == []
    assert len({row.external_id for row in rows}) == count
    assert lost_cells(built, table, rows) == []
    assert [row.digest for row in plan_table(table, built)] == [row.digest for row in rows]


def test_us_counts_agree_with_the_published_ones():
    _, table, rows = planned(US / "2024_consolidated_ai_inventory_raw_v2.csv", "us-federal-2024")
    expected = Counter()
    for agency, count in json.loads((US / "counts.json").read_text())["2024_by_first_agency_column"][
        "counts"
    ].items():
        expected[agency.strip()] += count
    assert Counter(row.unit for row in rows) == expected
    assert len(table.headers) == 62
    states = Counter(row.values.get("lifecycle_state", "not stated") for row in rows)
    assert states == {
        "in_production": 892,
        "registered": 404,
        "not stated": 4,
        "draft": 399,
        "in_validation": 287,
        "retired": 147,
    }
    unstated = Counter(name for row in rows for name in row.unstated)
    assert unstated == {"kind": 2133, "origin": 934 + 31 + 15 + 6, "lifecycle_state": 4}
    impacting = [row for row in rows if row.values.get("regimes")]
    assert len(impacting) == 195 + 131 + 20 + 5


def test_nl_counts_agree_with_the_published_ones():
    _, _, rows = planned(NL / "algoritmes.json", "nl-algorithm-register")
    counts = json.loads((NL / "counts.json").read_text())
    states = Counter(row.values["lifecycle_state"] for row in rows)
    assert states["in_production"] == counts["status"]["in_gebruik"]
    assert states["retired"] == counts["status"]["buiten_gebruik"]
    assert Counter(name for row in rows for name in row.unstated) == {"kind": 875, "origin": 875}
    units = Counter(row.unit for row in rows)
    assert {unit: units[unit] for unit in counts["organisatie"]} == counts["organisatie"]


def test_the_values_of_a_choice_are_guessed_where_they_are_plain_and_left_open_where_not():
    table = opened(US / "2025_part_agencies.csv")
    rows = list(plan_table(table, mapping.build(guess(table, name="guessed"))))
    kinds = Counter(row.values.get("kind", f"open: {row.unstated.get('kind')}") for row in rows)
    assert kinds == {
        "generative": 31, "analytical": 30, "open: ": 34, "open: NLP": 16, "open: Computer Vision": 4, "open: Other": 2,
    }  # fmt: skip
    origins = Counter(row.values.get("origin", "open") for row in rows)
    assert origins == {"open": 50, "in_house": 33, "third_party": 27 + 7}
    states = Counter(row.values.get("lifecycle_state", "open") for row in rows)
    assert states == {"in_production": 45, "registered": 37, "retired": 19, "open": 16}


@pytest.mark.parametrize(
    ("path", "count"),
    [
        (US / "2023_consolidated_ai_inventory_raw.csv", 710),
        (US / "2025_part_agencies.csv", 117),
        (US / "agency-originals-2025" / "department-of-labor.csv", 28),
        (US / "agency-originals-2025" / "federal-trade-commission.csv", 16),
        (US / "agency-originals-2025" / "environmental-protection-agency.xlsx", 26),
        (US / "agency-originals-2025" / "national-science-foundation.xlsx", 17),
        (US / "agency-originals-2025" / "national-archives-and-records-administration.xlsx", 14),
        (DATA / "inventory-uk-atrs" / "atrs_records.json", 64),
    ],
    ids=lambda value: getattr(value, "stem", value),
)
def test_other_inventories_can_be_planned_with_a_suggested_mapping(path, count):
    table = opened(path)
    built = mapping.build(suggest(table.headers, name="suggested"))
    rows = list(plan_table(table, built))
    assert len(rows) == count
    assert lost_cells(built, table, rows) == []
    assert sum(row.is_fit for row in rows) >= count * 0.95
