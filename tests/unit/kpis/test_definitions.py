import pytest

from kpis import definitions
from kpis.results import Scale, green_amber


def test_frequency_stands_without_target_or_band_and_beside_the_failure_rate():
    frequency = definitions.get("deployment_frequency")
    assert not frequency.has_target
    assert frequency.scales == {}
    assert frequency.beside == ("change_failure_rate",)


def test_every_kpi_says_what_it_is_and_what_it_leaves_out():
    assert [kpi.name for kpi in definitions.every()] == [
        "deployment_frequency",
        "lead_time",
        "change_failure_rate",
        "approval_cycle_time",
        "documentation_completeness",
    ]
    for kpi in definitions.every():
        assert kpi.sentence.endswith(".")
        assert kpi.formula
        assert kpi.exclusions
        assert kpi.version.startswith(f"{kpi.name}/")
        assert all(definitions.get(other) for other in kpi.beside)


def fields(**changes):
    kpi = definitions.CHANGE_FAILURE_RATE
    return {name: getattr(kpi, name) for name in type(kpi).__slots__} | changes


def test_a_kpi_is_registered_once():
    with pytest.raises(ValueError, match="twice"):
        definitions.register(definitions.CHANGE_FAILURE_RATE)


def test_a_kpi_without_target_cannot_carry_limits():
    with pytest.raises(ValueError, match="no band"):
        definitions.Kpi(**fields(has_target=False))


@pytest.mark.parametrize(
    ("scale", "value", "band"),
    [
        (green_amber(7, 21), 7, "green"),
        (green_amber(7, 21), 21.5, "red"),
        (green_amber(0.95, 0.85, lower_is_better=False), 0.95, "green"),
        (green_amber(0.95, 0.85, lower_is_better=False), 0.84, "red"),
        (Scale((("elite", 1),), "high", inclusive=False), 1, "high"),
        (green_amber(7, 21), None, None),
    ],
)
def test_limits(scale, value, band):
    assert scale.band(value, 5) == band
    assert scale.band(value, 4) is None
