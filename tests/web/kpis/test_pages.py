"""Pages of the numbers: what they show is what the rows say, for those who may see the rows."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from kpis.definitions import every
from kpis.models import KpiTarget
from kpis.reading import zone
from kpis.services.snapshots import snapshot_take
from kpis.windows import local_day
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.web.words import day_text
from tests.kept import kept
from tests.unit.kpis.rows import decided, model_of, place_of, ran, version_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NAMES = [kpi.name for kpi in every()]


@pytest.fixture(scope="module")
def present():
    return timezone.now()


@pytest.fixture
@kept
def busy(retail, plant, ada, present):
    """Two units with a year of work each; Retail Lending had three rollbacks in the last 90 days."""
    begin = present - 420 * DAY
    place = place_of(retail, now=begin)
    models = {}
    for unit, tier in ((retail, 1), (plant, 3)):
        model = models[unit.code] = model_of(unit, f"{unit.code}-model", now=begin, tier=tier)
        for number in range(24):
            day = present - (395 - number * 16) * DAY
            version = version_of(model, started_at=day - (10 + number) * DAY)
            ran(version, place, day, document_score=1.0 - number % 3 / 10, document_threshold=0.9)
            if tier == 1 and number > 20:
                ran(version, place, day + DAY, kind="rollback")
            decided(model, place, ada, submitted_at=day - 3 * DAY, hours=20 + number, version=version)
        waiting = version_of(model, started_at=present - 9 * DAY)
        decided(
            model, place, ada, submitted_at=present - 5 * DAY, hours=None, state="in_review", version=waiting
        )
        version_of(model, started_at=None, now=begin)
    return models


def detail(name, query=""):
    return reverse("kpis:kpi-detail", args=[name]) + query


def test_every_page_renders_for_a_manager(busy, as_person, mona):
    client = as_person(mona)
    urls = [reverse("kpis:dashboard"), reverse("kpis:target-list"), reverse("home"), *map(detail, NAMES)]
    urls += [f"{reverse('kpis:dashboard')}?heat={name}" for name in NAMES]
    urls += [
        reverse("kpis:dashboard") + query for query in ("?period=12m", "?period=mtd", "?period=today&tier=1")
    ]
    for url in urls:
        answer = client.get(url)
        assert answer.status_code == 200, url
        assert "plant-operations-model" not in answer.content.decode(), url


def test_a_quiet_portal_says_that_there_is_nothing(as_person, mona):
    text = as_person(mona).get(reverse("kpis:dashboard")).content.decode()
    assert "nothing to count in this period" in text
    assert "Nothing stands out" in text
    assert "no unit has rows" in text.lower()


def test_the_usual_period_is_three_complete_months_and_the_open_one_is_apart(busy, as_person, cleo, present):
    answer = as_person(cleo).get(reverse("kpis:dashboard"))
    ask = answer.context["ask"]
    assert ask.period == "3m"
    local = [moment.astimezone(ask.window.zone) for moment in (ask.window.start, ask.window.end, present)]
    assert [moment.day for moment in local[:2]] == [1, 1]
    assert (local[1].year, local[1].month) == (local[2].year, local[2].month)
    assert f"against {ask.before_text}" in answer.content.decode()


def test_a_quarter_of_the_calendar_is_a_period_and_is_offered(busy, as_person, cleo, present):
    client, page = as_person(cleo), reverse("kpis:dashboard")
    usual = client.get(page).context["periods"]
    assert ("Today", "today") in [(one.label, one.value) for one in usual]
    (last,) = [one for one in usual if one.label.startswith("Q")]
    answer = client.get(page, {"period": last.value})
    window = answer.context["ask"].window
    begin, end = (moment.astimezone(window.zone) for moment in (window.start, window.end))
    assert (begin.day, end.day, (end.month - begin.month) % 12, begin.month % 3) == (1, 1, 3, 1)
    assert [one.label for one in answer.context["periods"] if one.is_current] == [last.label]
    open_one = f"{present.year}-q{(present.astimezone(window.zone).month + 2) // 3}"
    assert client.get(page, {"period": open_one}).context["ask"].window.is_to_date
    for wrong in ("2026-q5", "2026-Q1", "9999-q1", f"{present.year + 1}-q4"):
        assert client.get(page, {"period": wrong}).status_code == 400, wrong


def test_fewer_than_five_are_grey_and_get_no_band(busy, as_person, mona):
    answer = as_person(mona).get(reverse("kpis:dashboard") + "?period=mtd")
    small = [one for one in answer.context["tiles"] if one.figure.is_small]
    assert small
    assert {one.verdict.tone for one in small} == {"mute"}
    assert answer.content.decode().count('class="value muted"') == len(small)


def test_approval_time_is_split_by_stage(busy, as_person, cleo):
    answer = as_person(cleo).get(detail("approval_cycle_time", "?period=12m"))
    stages = answer.context["stages"]
    assert stages
    assert sum(one["part"].n for one in stages) == answer.context["figure"].n
    assert "By stage" in answer.content.decode()


def test_the_way_to_production_says_what_was_not_recorded(busy, as_person, cleo):
    answer = as_person(cleo).get(detail("lead_time", "?period=12m"))
    way, n = answer.context["way"], answer.context["figure"].n
    assert [(row.label, row.median, row.count) for row in way[:4]] == [
        (label, "not recorded", f"0 of {n}")
        for label in ("Build and train", "Validate", "Approve", "Wait for the deployment")
    ]
    assert (way[4].label, way[4].median, way[4].count) == ("Deploy", "0.2 h", f"{n} of {n}")
    assert way[5].label == "Not told apart, a mark is missing"
    assert "Where the time went" in answer.content.decode()


def test_a_median_is_not_called_a_ratio(busy, as_person, cleo):
    labels = [label for label, _, _ in as_person(cleo).get(detail("lead_time")).context["facts"]]
    assert labels == ["Counted", "Median", "90th percentile", "Mean"]


def test_strangers_see_nothing_and_visitors_sign_in(busy, as_person, make_person, client):
    stranger = make_person("Sten Nobody")
    for url in (reverse("kpis:dashboard"), detail("lead_time"), reverse("kpis:target-list")):
        assert as_person(stranger).get(url).status_code == 403
        assert client.get(url).status_code == 302


def test_each_sees_the_numbers_of_their_units(busy, as_person, mona, dora, cleo):
    sums = {}
    for person in (mona, dora, cleo):
        answer = as_person(person).get(reverse("kpis:dashboard") + "?period=12m")
        sums[person.name] = {tile.kpi.name: tile.figure.n for tile in answer.context["tiles"]}
    for name in NAMES:
        assert sums["Mona Keller"][name] + sums["Dora Lindqvist"][name] == sums["Cleo Marchetti"][name], name
    assert sums["Mona Keller"]["change_failure_rate"] > 0


def test_a_unit_one_cannot_see_cannot_be_asked_for(busy, as_person, mona, plant):
    answer = as_person(mona).get(reverse("kpis:dashboard") + f"?unit={plant.pk}")
    assert answer.status_code == 400
    assert f"There is no unit {plant.pk} that you can see." in answer.content.decode()


def test_typed_days_count_for_more_than_the_period_shown(as_person, mona):
    client, page = as_person(mona), reverse("kpis:dashboard")
    assert 'name="from" value=""' in client.get(page).content.decode()
    days = "from=2026-01-05&to=2026-01-09"
    asked = client.get(f"{page}?period=3m&{days}").context["ask"]
    assert (asked.period, asked.days()) == ("custom", ("2026-01-05", "2026-01-09"))
    assert client.get(f"{page}?period=3m&{days}&period=12m").context["ask"].period == "12m"
    assert client.get(f"{page}?period=custom&{days}&period=custom").context["ask"].days() == asked.days()
    assert client.get(f"{page}?period=12m&from=&to=").context["ask"].period == "12m"
    refused = client.get(f"{page}?period=3m&from=1.10.2026&to=")
    assert refused.status_code == 400
    assert "1.10.2026 is no date. Write it as 2026-11-17." in refused.content.decode()


def test_enter_presses_a_button_that_names_no_period(as_person, mona):
    page = as_person(mona).get(reverse("kpis:dashboard")).content.decode()
    form = page[page.index('aria-label="Filter the KPIs"') :]
    assert form.index("<button hidden></button>") == form.index("<button")


@pytest.mark.parametrize(
    "query",
    ["period=never", "period=custom", "from=2026-13-01", "from=2026-03-01&to=2026-02-01", "to=2026-01-01", "from=2999-01-01",
     "tier=9", "tier=x", "kind=alien", "unit=999999", "heat=weather", "export=pdf", "period=2999-01"],
)  # fmt: skip
def test_a_malformed_question_is_refused_by_name(as_person, mona, query):
    answer = as_person(mona).get(reverse("kpis:dashboard") + f"?{query}")
    assert answer.status_code == 400, answer.status_code


def test_rows_carry_what_they_did_to_the_number(busy, as_person, cleo):
    client = as_person(cleo)
    answer = client.get(detail("change_failure_rate"))
    figure = answer.context["figure"]
    failed = client.get(detail("change_failure_rate", "?show=hit"))
    assert failed.context["rows_page"].rows
    assert len(failed.context["rows_page"].rows) == figure.numerator
    counted = client.get(detail("change_failure_rate", "?show=counted"))
    assert len(counted.context["rows_page"].rows) == figure.denominator
    out = client.get(detail("change_failure_rate", "?show=out"))
    assert {row.kind for row in out.context["rows_page"].rows} == {"rollback"}
    assert client.get(detail("change_failure_rate", "?show=weather")).status_code == 400
    assert client.get(detail("weather")).status_code == 404


def test_what_repaired_a_deployment_is_a_link_and_places_tell_twins_apart(busy, as_person, cleo):
    client = as_person(cleo)
    model = busy["retail-lending"]
    rollback = model.deployments.filter(kind="rollback").order_by("finished_at").last()
    twin = place_of(model.unit, "prod-us", now=rollback.finished_at)
    ran(rollback.version, twin, rollback.finished_at - DAY)
    page = client.get(detail("change_failure_rate", "?period=90d")).content.decode()
    words = f"repaired by the rollback of {day_text(portal_day(rollback.finished_at))}"
    link = f'<a href="/deployments/{rollback.pk}/">{words}</a>'
    assert link in page
    assert "prod-eu" in page
    assert "prod-us" in page
    lines = read_csv(client.get(detail("change_failure_rate", "?period=90d&export=csv")))
    assert {line["Environment"] for line in lines} == {"prod-eu", "prod-us"}
    assert words in {line["In this number"] for line in lines}


def test_open_requests_show_their_age_and_all_of_them_can_be_reached(busy, as_person, cleo, ada, present):
    client, model = as_person(cleo), busy["retail-lending"]
    place = model.deployments.first().environment
    for number in range(6):
        sent = present - (2 + number) * DAY - timedelta(hours=5)
        version = version_of(model, started_at=sent)
        decided(model, place, ada, submitted_at=sent, hours=None, state="in_review", version=version)
    groups = client.get(reverse("kpis:dashboard")).context["waiting"]
    group = next(one for one in groups if one["kpi"].name == "approval_cycle_time")
    assert (group["count"], len(group["rows"])) == (8, 5)
    page = client.get(group["rest"])
    assert page.context["count_text"] == "8 rows"
    said = {row.kpi_reason.words for row in page.context["rows_page"].rows}
    assert "open for 7 d 5 h" in said
    assert all(words.startswith("open for ") for words in said)
    assert "All 8 requests" in client.get(reverse("kpis:dashboard")).content.decode()


def test_all_versions_on_their_way_can_be_reached(busy, as_person, cleo, ada, present):
    client, model = as_person(cleo), busy["retail-lending"]
    place = model.deployments.first().environment
    for number in range(10):
        sent = present - (2 + number) * DAY
        version = version_of(model, started_at=sent - 20 * DAY)
        decided(model, place, ada, submitted_at=sent, hours=None, state="in_review", version=version)
    groups = client.get(reverse("kpis:dashboard")).context["waiting"]
    group = next(one for one in groups if one["kpi"].name == "lead_time")
    page = client.get(group["rest"].partition("#")[0])
    assert len(page.context["waiting"]) == group["count"] == 12


@pytest.mark.parametrize("name", NAMES)
def test_a_file_holds_exactly_the_rows_of_the_page(busy, as_person, cleo, name):
    client = as_person(cleo)
    page = client.get(detail(name, "?period=12m"))
    lines = read_csv(client.get(detail(name, "?period=12m&export=csv")))
    shown = page.context["count_text"].split()[0]
    assert str(len(lines)) == shown
    said = [line["In this number"] for line in lines]
    counted = {"deployment_frequency": "counted", "lead_time": "counted", "approval_cycle_time": "counted"}
    if name in counted:
        wanted = page.context["figure"].judged.n
        assert said.count("counted") == wanted
    assert client.get(detail(name, "?export=xlsx")).status_code == 200
    assert client.get(detail(name, "?export=pdf")).status_code == 400


def read_csv(answer):
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_file_of_the_dashboard_adds_up(busy, as_person, cleo):
    lines = read_csv(as_person(cleo).get(reverse("kpis:dashboard") + "?period=12m&export=csv"))
    rows = [line for line in lines if line["KPI"] == "change_failure_rate"]
    whole = next(line for line in rows if line["Unit"].startswith("all") and line["Tier"] == "all")
    units = [line for line in rows if not line["Unit"].startswith("all") and line["Tier"] == "all"]
    assert sum(float(line["Numerator"]) for line in units) == float(whole["Numerator"])
    assert sum(float(line["Denominator"]) for line in units) == float(whole["Denominator"])


def test_the_file_of_the_dashboard_is_in_words(busy, as_person, cleo):
    lines = read_csv(as_person(cleo).get(reverse("kpis:dashboard") + "?period=12m&export=csv"))
    failures = next(line for line in lines if line["KPI"] == "change_failure_rate")
    assert (failures["KPI in words"], failures["Measured in"]) == ("Change failure rate", "share of 1")
    assert failures["Unit"] == "all units asked for"
    assert {line["Band"] for line in lines if line["KPI"] == "deployment_frequency"} == {"No target"}
    for line in lines:
        assert (line["Band"] == "No target") is (line["Limit"] == "No target: stability is no fault")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line["Computed"])


def test_pages_cost_the_same_for_any_number_of_rows(busy, as_person, cleo, present, assert_flat_queries):
    client = as_person(cleo)
    model = busy["retail-lending"]
    place = model.deployments.first().environment

    def more():
        for number in range(6):
            version = version_of(model, started_at=present - 40 * DAY)
            ran(version, place, present - (2 + number) * DAY)

    for url in (reverse("kpis:dashboard"), *map(detail, NAMES)):
        assert_flat_queries(act=lambda url=url: client.get(url), add_rows=more, budget=45)


def test_kept_numbers_show_on_the_page(busy, as_person, cleo, present):
    client = as_person(cleo)
    live = {tile.kpi.name: tile.value for tile in client.get(reverse("kpis:dashboard")).context["tiles"]}
    snapshot_take(now=present)
    answer = client.get(reverse("kpis:dashboard"))
    kept = {tile.kpi.name: tile.value for tile in answer.context["tiles"]}
    assert kept == live
    assert all(tile.figure.is_stored for tile in answer.context["tiles"])


def test_a_chart_and_its_table_say_the_same_and_the_open_month_is_marked(busy, as_person, cleo, present):
    specs = as_person(cleo).get(reverse("kpis:dashboard")).context["specs"]
    month = f"{local_day(present, zone()):%Y-%m}"
    assert specs["change_failure_rate"].partial in ("", month)
    assert all(month not in one.x for one in specs["lead_time"].series)


def test_a_target_is_proposed_by_one_and_approved_by_another(as_person, mona, make_person, retail, present):
    second = as_person(make_person("Max Weber", "manager", unit=retail))
    first = as_person(mona)
    day = f"{timezone.localdate() + DAY:%Y-%m-%d}"
    data = {
        "kpi": "change_failure_rate", "unit": retail.pk, "tier": "", "value": "5", "green_limit": "8",
        "amber_limit": "12", "valid_from": day, "reason": "Fewer rollbacks.",
    }  # fmt: skip
    wrong = first.post(reverse("kpis:target-propose"), {**data, "value": "9"})
    assert wrong.status_code == 400
    assert "must be on target" in wrong.content.decode()
    made = first.post(reverse("kpis:target-propose"), data)
    target = KpiTarget.objects.get()
    assert (made.status_code, made.url, target.value) == (303, target.get_absolute_url(), 0.05)
    approve = reverse("kpis:target-approve", args=[target.pk])
    own = first.post(approve, {"note": ""})
    assert own.status_code == 409
    assert "does not decide on it" in own.content.decode()
    assert second.post(approve, {"note": "Agreed."}).status_code == 303
    page = first.get(target.get_absolute_url()).content.decode()
    assert "Approved" in page
    assert "Agreed." in page


def test_a_chart_of_nothing_says_so_and_one_day_is_one_day(as_person, cleo):
    answer = as_person(cleo).get(reverse("kpis:dashboard") + "?period=today")
    page = answer.content.decode()
    assert [spec.title for spec in answer.context["specs"].values() if not spec.is_empty] == []
    assert page.count("Nothing was measured in this period.") == len(answer.context["specs"])
    assert " to " not in answer.context["ask"].period_text
    assert "1 days" not in page
