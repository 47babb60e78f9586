"""Marks, words and drawings: the markup of the design's mock pages, with escaped content."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.template import engines
from django.utils import timezone

from mlops_portal.foundation.web import marks, svg, words
from mlops_portal.foundation.web.workbooks import safe_cell

MOCKS = Path(__file__).parents[5] / "shared" / "design"
needs_mocks = pytest.mark.skipif(not MOCKS.is_dir(), reason="the design mocks are not beside this checkout")


def comparable(html: str) -> str:
    """Level what may differ: the sprite's address and how many digits a number has."""
    html = re.sub(r'href="[^"#]*#i-', 'href="#i-', html)
    return re.sub(r"\d*\.\d+", lambda found: f"{round(float(found[0]), 2):g}", html)


@needs_mocks
@pytest.mark.parametrize(
    ("mock", "made"),
    [
        ("kit.html", lambda: marks.pill("waived", "Waived")),
        ("kit.html", lambda: marks.pill("info", "Running", "now")),
        ("kit.html", lambda: marks.tier(3)),
        ("kit.html", lambda: marks.person("Ines Halvorsen", "risk officer", "you")),
        ("kit.html", lambda: marks.sla("warn", 80, "2 h left")),
        ("kpis.html", lambda: svg.sparkline([22, 19, 24, 26, 25, 29, 31, 30, 28, 31, 34, 36])),
        ("inbox.html", lambda: svg.segments(13, 1, 0, 1)),
        ("review.html", lambda: svg.bullet("fail", 0.77, 0.80, 0.6, 1.0)),
    ],
)
def test_markup_is_that_of_the_mocks(mock, made):
    assert comparable(made()) in comparable((MOCKS / mock).read_text())


def test_content_is_escaped():
    assert "<script" not in marks.pill("ok", "<script>")
    assert "<script" not in marks.person("<script>alert(1)</script>")
    assert '"onload' not in marks.hash_chip('abc" onload="x')


def test_no_mark_carries_a_style():
    drawn = [
        svg.sparkline([1, 2, 3], "ok", 2, 1, 3),
        svg.segments(3, 1, 1, 1, 1),
        svg.bullet("ok", 3, 2),
        svg.stacked(1, 2),
    ]
    assert not any("style=" in one for one in drawn)


def test_an_unknown_value_breaks_the_line():
    assert svg.sparkline([1, 2, None, 3, 4]).count("M") == 2


def test_a_digest_is_short_on_pages_and_copied_whole():
    html = marks.hash_chip("sha256 " + "ab" * 32, "artifact digest")
    assert "sha256:abab…abab" in html
    assert f'data-copy="sha256 {"ab" * 32}"' in html


@pytest.mark.parametrize(
    ("value", "text"),
    [(48213, "48\u202f213"), (-1200.5, "\u22121\u202f200.5"), (7, "7"), (None, "none"), (0, "0")],
)
def test_numbers_have_thin_groups(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("part", "places", "text"),
    [(0.25, 0, "25\u202f%"), (0.055, 1, "5.5\u202f%"), (12.0, 0, "1\u202f200\u202f%"), (None, 0, "none")],
)
def test_percent_has_a_thin_space_before_its_sign(part, places, text):
    assert words.share(part, places) == text
    assert words.percent(None if part is None else 100 * part, places) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (41, "41 s"), (7800, "2 h 10 min"), (259_200, "3 d"), (3605, "1 h")]
)
def test_durations_name_their_two_largest_units(seconds, text):
    assert words.duration(timedelta(seconds=seconds)) == text


def test_times_are_written_in_the_zone_of_the_reader():
    moment = datetime(2026, 11, 17, 9, 40, tzinfo=UTC)
    with timezone.override("Asia/Tokyo"):
        assert "17 Nov 2026 18:40" in words.when(moment)


def test_plurals_and_sizes():
    assert words.plural(1, "entry,entries") == "1 entry"
    assert words.plural(2, "entry,entries") == "2 entries"
    assert words.plural(0, "model") == "0 models"
    assert [words.size(n) for n in (0, 999, 2_100_000, None)] == ["0 B", "999 B", "2.1 MB", "none"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_cells_that_spreadsheets_would_run_are_neutralised(start):
    assert safe_cell(f"{start}cmd") == f"'{start}cmd"


def test_numbers_in_files_stay_numbers():
    assert safe_cell(-3) == -3
    assert safe_cell("a=1") == "a=1"


def test_blocks_escape_their_arguments_and_keep_their_content():
    template = engines["django"].from_string(
        '{% callout "warn" title href="/x/" action="Go" %}<b>{{ text }}</b>{% endcallout %}'
    )
    html = template.render({"title": "<i>", "text": "<u>"})
    assert "<b>&lt;i&gt;</b><span><b>&lt;u&gt;</b></span>" in html
    assert '<a class="btn" href="/x/">Go</a>' in html


def test_the_portal_itself_is_drawn_as_a_machine():
    assert 'class="avatar machine"' in marks.person(None)
    assert 'class="avatar machine"' in marks.person(SimpleNamespace(name="ci", kind="service"))
