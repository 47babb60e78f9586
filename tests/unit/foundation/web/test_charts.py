"""A chart and its table come from one object and agree value by value."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.template import engines

from mlops_portal.foundation.web import kit
from mlops_portal.foundation.web.charts import Axis, Series, Spec, Unknown, table_of


@pytest.mark.parametrize("name", ["performance", "delivery"])
def test_the_table_holds_every_drawn_value_in_series_order(name):
    spec = kit.charts()[name]
    table = table_of(spec)
    drawn = [one for one in spec.as_json()["data"] if not one.get("role")]
    assert table.head[1 : 1 + len(drawn)] == [one["name"] for one in drawn]
    for column, one in enumerate(drawn, start=1):
        cells = [row[column] for row in table.rows if row[column] != "not known"]
        assert [float(cell) for cell in cells] == one["y"]


def test_the_page_writes_both_from_the_same_object():
    spec = kit.charts()["performance"]
    html = engines["django"].from_string('{% figure spec "one" %}').render({"spec": spec})
    block = re.search(r'<script data-chart="one" type="application/json">(.*?)</script>', html).group(1)
    assert json.loads(block) == spec.as_json()
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', html)
    assert [[name, *re.findall(r'<td class="n">(.*?)</td>', cells)] for name, cells in rows] == table_of(
        spec
    ).rows


def test_a_script_in_a_name_cannot_end_the_block():
    spec = Spec(title="t", caption="c", finding="f", first="x", series=[Series("</script><b>", ["a"], [1])])
    html = engines["django"].from_string('{% figure spec "one" %}').render({"spec": spec})
    assert "</script><b>" not in html


def test_unknown_months_are_a_row_and_the_open_month_is_named():
    assert table_of(kit.charts()["performance"]).rows[-1] == ["Jan to May 2026", *["not known"] * 3]
    assert table_of(kit.charts()["delivery"]).rows[-1][0] == "Dec 2025 (month to date)"


def test_series_of_different_length_meet_on_their_places():
    spec = Spec(
        title="t",
        caption="c",
        finding="f",
        first="Month",
        dates="month",
        series=[Series("a", ["2026-01", "2026-02"], [1, 2]), Series("b", ["2026-02"], [None], dash="dot")],
    )
    assert table_of(spec).rows == [["Jan 2026", "1", "not known"], ["Feb 2026", "2", "not known"]]


def test_flipped_charts_read_their_values_from_x():
    points = Series(
        "4.3.0", [0.77, 0.98], ["Age 18 to 25", "Age 26 to 40"], kind="points", error=[0.01, 0.02]
    )
    spec = Spec(
        title="t",
        caption="c",
        finding="f",
        first="Group",
        series=[points],
        x=Axis(places=2),
        y=Axis(reverse=True),
    )
    assert table_of(spec).rows == [["Age 18 to 25", "0.77"], ["Age 26 to 40", "0.98"]]


@pytest.mark.parametrize(
    ("counts", "stack", "step"),
    [
        pytest.param(([1, 2], [1, 1]), True, 1, id="few"),
        pytest.param(([4, 2], [3, 1]), True, None, id="stacked they reach further"),
        pytest.param(([4, 2], [3, 1]), False, 1, id="beside each other they do not"),
        pytest.param(([40, 2],), False, None, id="many: the ticks are whole anyway"),
    ],
)
def test_few_counts_have_a_tick_at_each_whole_number(counts, stack, step):
    series = [Series(str(at), ["a", "b"], values, kind="bar") for at, values in enumerate(counts)]
    drawn = Spec(title="t", caption="c", finding="f", first="x", series=series, y=Axis(places=0), stack=stack)
    assert drawn.as_json()["y"].get("step") == step


def test_more_than_four_series_are_refused():
    with pytest.raises(ImproperlyConfigured, match="small multiples"):
        Spec(
            title="t", caption="c", finding="f", first="x", series=[Series(str(n), [], []) for n in range(5)]
        )


def test_nothing_measured_is_said_in_words():
    spec = Spec(
        title="t",
        caption="c",
        finding="f",
        first="x",
        series=[Series("a", [], [])],
        unknown=[Unknown("1", "2", "s")],
    )
    html = engines["django"].from_string('{% figure spec "one" %}').render({"spec": spec})
    assert "Nothing was measured" in html
    assert "<script" not in html


def test_charts_never_offer_to_send_data_to_a_vendor():
    source = (Path(settings.BASE_DIR) / "static" / "js" / "charts.js").read_text()
    assert "showSendToCloud: false" in source
    assert "plotlyServerURL: ''" in source
    assert "displaylogo: false" in source
