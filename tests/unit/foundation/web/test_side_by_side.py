"""Two figures and their difference: what is written subtracts, and a difference is never written as nothing."""

from decimal import Decimal

import pytest

from mlops_portal.foundation.web.words import MINUS, THIN, side_by_side


@pytest.mark.parametrize(
    ("was", "now", "written"),
    [
        pytest.param(0.9386, 0.9404, ("0.9386", "0.9404", "+0.0018"), id="digits as the difference needs"),
        pytest.param(0.0168, 0.0164, ("0.0168", "0.0164", "−0.0004"), id="a small fall is not nothing"),
        pytest.param(0.82, 0.84, ("0.820", "0.840", "+0.020"), id="three digits are enough"),
        pytest.param(12.622, 12.983, ("12.622", "12.983", "+0.361"), id="larger figures"),
        pytest.param(12000.0, 12983.0, ("12\u202f000", "12\u202f983", "+983"), id="counts have no digits"),
        pytest.param(0.8, 0.8, ("0.800", "0.800", "0.000"), id="no difference has no sign"),
        pytest.param(0.8, 0.8 - 1e-17, ("0.800", "0.800", "0.000"), id="no negative zero"),
        pytest.param(None, 0.82, ("none", "0.820", ""), id="nothing to compare with"),
        pytest.param(0.00042, None, ("0.0004", "none", ""), id="one small figure alone"),
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
