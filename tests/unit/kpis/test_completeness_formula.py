import pytest

from kpis import definitions
from kpis.formulas import (
    DocumentedDeployment,
    DocumentedVersion,
    Section,
    completeness_score,
    documentation_gate,
    documentation_stock,
    section_quality,
)
from tests.unit.kpis.builders import QUARTER, at

TEXT = "Predicts which customers leave within ninety days of their last contract."
TEMPLATE = "Describe here what the model is for, who uses it, and what it must not be used for."


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        pytest.param("", {}, 0, id="absent"),
        pytest.param("To be written." + " " * 60, {}, 0, id="a short placeholder padded with blanks"),
        pytest.param("  " + TEMPLATE.replace(" ", "\n"), {}, 0, id="the template's own words"),
        pytest.param(TEXT, {"state": "draft"}, 0.5, id="a draft"),
        pytest.param(TEXT, {"updated_at": at("2026-01-01")}, 0.5, id="older than the version"),
        pytest.param(TEXT, {"updated_at": None}, 0.5, id="of unknown age"),
        pytest.param(
            TEXT, {"updated_at": at("2026-01-01"), "confirmed_for_version": True}, 1, id="confirmed unchanged"
        ),
        pytest.param(TEXT, {}, 1, id="approved and current"),
    ],
)
def test_quality_of_a_section(text, options, expected):
    given = {
        "state": "approved",
        "updated_at": at("2026-02-02"),
        "version_created_at": at("2026-02-01"),
        "template": TEMPLATE,
    }
    assert section_quality(text, **given | options) == expected


def test_the_score_weighs_what_the_law_asks_three_times():
    sections = [
        Section(name="intended purpose", weight=3, quality=1),
        Section(name="monitoring plan", weight=2, quality=0.5),
        Section(name="trade-offs", weight=1, quality=0),
    ]
    assert completeness_score(sections) == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("reason", "approver", "expected"),
    [("no personal data", "ada", 1.0), ("no personal data", "", 0.25), ("  ", "ada", 0.25)],
)
def test_a_section_leaves_the_score_only_with_reason_and_approver(reason, approver, expected):
    sections = [
        Section(name="a", weight=1, quality=1),
        Section(name="b", weight=3, quality=0, is_applicable=False, reason=reason, approver=approver),
    ]
    assert completeness_score(sections) == expected


def test_no_applicable_section_gives_no_score():
    assert completeness_score([]) is None


def row(name, tier, score, day="2026-02-02", **fields):
    return DocumentedDeployment(id=name, finished_at=at(day), tier=tier, score=score, **fields)


def test_the_gate_view_uses_the_tiers_threshold_and_the_frozen_score():
    rows = [
        row("full", 1, 1.0),
        row("nearly", 1, 0.99),
        row("tier 3", 3, 0.9),
        row("tier 4", 4, 0.75),
        row("unknown", 4, None),
        row("later", 1, 1.0, "2026-05-01"),
        row("test", 1, 1.0, is_test=True),
    ]
    result = documentation_gate(rows, QUARTER, scale=definitions.DOCUMENTATION_COMPLETENESS.scale(None))
    assert result.hits == ("full", "tier 3", "tier 4")
    assert (result.value, result.n) == (0.6, 5)
    assert result.band == "red"
    assert [note.row for note in result.data_errors] == ["unknown"]
    assert [note.row for note in result.excluded] == ["test"]


def test_the_stock_view_is_the_mean_of_known_scores():
    rows = [DocumentedVersion(id=str(n), score=score) for n, score in enumerate([1.0, 0.9, None])]
    result = documentation_stock(rows, QUARTER)
    assert (result.value, result.n) == (0.95, 2)
    assert [note.row for note in result.excluded] == ["2"]


def test_nothing_deployed_and_nothing_running_is_no_data():
    assert documentation_gate([], QUARTER).reason == "no_data"
    assert documentation_stock([], QUARTER).reason == "no_data"
    assert documentation_stock([], QUARTER).value is None
