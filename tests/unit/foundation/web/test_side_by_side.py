"""Two figures and their difference: what is written subtracts, and a difference is never written as nothing."""

from decimal import Decimal

import pytest

from mlops_portal.foundation.web.words import MINUS, THIN, figure, share_figure, side_by_side


@pytest.mark.parametrize(
    ("was", "now", "written"),
    [
        pytest.param(0.9386, 0.9404, ("0.9386", "0.9404", "+0.0018"), id="digits as the difference needs"),
        pytest.param(0.0168, 0.0164, ("0.0168", "0.0164", "−0.0004"), id="a small fall is not nothing"),
        pytest.param(0.82, 0.84, ("0.82", "0.84", "+0.02"), id="no digit is added"),
        pytest.param(12.622, 12.983, ("12.622", "12.983", "+0.361"), id="larger figures"),
        pytest.param(12000.0, 12983.0, ("12\u202f000", "12\u202f983", "+983"), id="counts have no digits"),
        pytest.param(0.8, 0.8, ("0.8", "0.8", "0"), id="no difference has no sign"),
        pytest.param(0.8, 0.8 - 1e-17, ("0.8", "0.8", "0"), id="no negative zero"),
        pytest.param(None, 0.82, ("none", "0.82", ""), id="nothing to compare with"),
        pytest.param(0.5, 0.123456789012, ("0.5", "0.123457", "−0.376543"), id="of a computation six digits"),
        pytest.param(
            0.123456789012,
            0.123456789512,
            ("0.123456789012", "0.123456789512", "+0.0000000005"),
            id="all digits where six would hide the difference",
        ),
        pytest.param(0.00042, None, ("0.00042", "none", ""), id="one small figure alone"),
    ],
)
def test_figures_are_written_side_by_side(was, now, written):
    found = side_by_side(was, now)
    assert (found.was, found.now, found.difference) == written


@pytest.mark.parametrize(
    ("was", "now"), [(0.91234, 0.9131), (0.0169999, 0.0170001), (3.0, 2.99951), (-0.5, 0.25)]
)
def test_the_subtraction_holds_on_the_page(was, now):
    found = side_by_side(was, now)
    before, after, difference = (
        Decimal(text.replace(THIN, "").replace(MINUS, "-"))
        for text in (found.was, found.now, found.difference)
    )
    assert after - before == difference != 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(0.9386, "0.9386", id="as it was written"),
        pytest.param(0.79996, "0.79996", id="never rounded onto its limit of 0.8"),
        pytest.param(0.1 + 0.2, "0.3", id="a computation's last digits say nothing"),
        pytest.param(3.0, "3", id="a whole number has no point"),
        pytest.param(-0.25, "−0.25", id="a minus sign, not a hyphen"),
        pytest.param(1234567.25, "1\u202f234\u202f567.25", id="an amount is never rounded"),
        pytest.param(1e-7, "0.0000001", id="no powers of ten"),
        pytest.param(1e22, "10" + "\u202f000" * 7, id="no powers of ten in large ones"),
        pytest.param(None, "none", id="nothing is said"),
        pytest.param(float("nan"), "nan", id="no number is no figure"),
        pytest.param(1e23, THIN.join(["100", *["000"] * 7]), id="the largest amount that is written out"),
        pytest.param(-1e300, "\u22121e+300", id="a larger one by its power of ten"),
        pytest.param(1.23456789e-300, "1.23457e\u2212300", id="and so what is next to nothing"),
    ],
)
def test_a_figure_is_written_one_way(value, text):
    assert figure(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.85, "85"),
        (0.975, "97.5"),
        (0.29, "29"),
        (2 / 3, "66.67"),
        (0.99999, "99.99"),
        (1.0, "100"),
        (0.07, "7"),
        pytest.param(1e300, "1e+302", id="no number is too large to be a share"),
    ],
)
def test_a_share_is_whole_only_where_it_is(value, text):
    assert share_figure(value) == f"{text}{THIN}%"
