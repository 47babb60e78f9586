"""A target is proposed in the words and units its number is read in, beside what it would change and who approves it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from kpis import policies
from kpis.definitions import get
from kpis.models import KpiTarget
from kpis.reading import three_months, zone
from kpis.windows import local_day
from mlops_portal.foundation.history import save_as
from tests.unit.kpis.rows import model_of, place_of, ran, version_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PROPOSE = reverse("kpis:target-propose")


@pytest.fixture
def today():
    return local_day(timezone.now(), zone())


@pytest.fixture
def slow(retail):
    """Six versions of tier 1 that took forty days each."""
    end = three_months(timezone.now()).end
    place, model = (
        place_of(retail, now=end - 300 * DAY),
        model_of(retail, "credit", now=end - 300 * DAY, tier=1),
    )
    for number in range(6):
        at = end - (30 - number) * DAY
        ran(version_of(model, started_at=at - 40 * DAY), place, at)


def entry(retail, today, **fields):
    return {
        "kpi": "lead_time", "unit": retail.pk, "tier": "1", "value": "20", "green_limit": "25", "amber_limit": "35",
        "valid_from": f"{today + DAY}", "reason": "Quicker.",
    } | fields  # fmt: skip


@pytest.mark.parametrize(
    ("name", "labels", "hints"),
    [
        ("lead_time", ["Target, in days", "On target up to, in days", "Watch up to, in days"],
         ["The highest value that is on target.", "Above it the number is off target."]),
        ("approval_cycle_time", ["Target, in hours", "On target up to, in hours", "Watch up to, in hours"],
         ["The highest value that is on target.", "Above it the number is off target."]),
        ("change_failure_rate", ["Target, in %", "On target up to, in %", "Watch up to, in %"],
         ["The highest value that is on target.", "Above it the number is off target."]),
        ("documentation_completeness", ["Target, in %", "On target from, in %", "Watch from, in %"],
         ["The lowest value that is on target.", "Below it the number is off target."]),
    ],
)  # fmt: skip
def test_the_words_follow_the_direction_of_the_measure(as_person, mona, name, labels, hints):
    form = as_person(mona).get(f"{PROPOSE}?kpi={name}").context["form"]
    limits = [form.fields[field] for field in ("value", "green_limit", "amber_limit")]
    assert [field.label for field in limits] == labels
    assert [field.help_text for field in limits[1:]] == hints


@pytest.mark.parametrize(
    ("name", "limits", "said"),
    [
        ("documentation_completeness", (0.9, 0.9, 0.99), {"amber_limit": "“Watch” lies beyond “on target”: 90 % or less."}),
        ("documentation_completeness", (0.8, 0.9, 0.85), {"value": "The target itself must be on target: 90 % or more."}),
        ("lead_time", (240, 240, 120), {"amber_limit": "“Watch” lies beyond “on target”: 10 days or more."}),
        ("lead_time", (480, 240, 720), {"value": "The target itself must be on target: 10 days or less."}),
        ("lead_time", (240, 240, 720), {}),
    ],
)  # fmt: skip
def test_limits_that_contradict_each_other_are_told_apart_by_direction(name, limits, said):
    value, green, amber = limits
    found = policies.limit_errors(get(name), value=value, green_limit=green, amber_limit=amber)
    assert dict(found) == said


def test_the_example_of_a_day_is_a_day_that_can_be_chosen(as_person, mona, today):
    form = as_person(mona).get(PROPOSE).context["form"]
    assert f"A day such as {today + DAY}" in form.fields["valid_from"].help_text


def test_days_are_typed_and_shown_and_hours_are_kept(as_person, mona, retail, today):
    client = as_person(mona)
    client.post(PROPOSE, entry(retail, today))
    target = KpiTarget.objects.get()
    assert (target.value, target.green_limit, target.amber_limit) == (480, 600, 840)
    page = client.get(target.get_absolute_url())
    assert page.context["limits"][:3] == [
        ("Target", "20 days at most"), ("On target", "25 days at most"), ("Watch", "35 days at most"),
    ]  # fmt: skip


def test_what_holds_and_what_was_measured_stand_beside_the_form(slow, as_person, mona):
    rows = as_person(mona).get(f"{PROPOSE}?kpi=lead_time").context["against"].rows
    assert (rows[0].place, rows[0].value, rows[0].n, rows[0].on_target) == (
        "Tier 1",
        "40 days",
        6,
        "30 days at most",
    )


def test_the_effect_can_be_seen_before_and_after_proposing(slow, as_person, mona, make_person, retail, today):
    make_person("Max Weber", "manager", unit=retail)
    client = as_person(mona)
    look = client.post(PROPOSE, entry(retail, today) | {"show": "1"})
    assert look.status_code == 200
    assert not KpiTarget.objects.exists()
    client.post(PROPOSE, entry(retail, today))
    page = client.get(KpiTarget.objects.get().get_absolute_url())
    for answer in (look, page):
        effect = answer.context["effect"]
        assert (effect.value, effect.n, effect.now.word, effect.then.word) == (
            "40 days",
            6,
            "Watch",
            "Off target",
        )
        assert "Max Weber can approve it." in answer.content.decode()
    wrong = client.post(PROPOSE, entry(retail, today, amber_limit="10") | {"show": "1"})
    assert (wrong.status_code, wrong.context["effect"]) == (400, None)


def test_when_nobody_else_can_approve_the_page_names_who_can_repair_it(
    as_person, mona, make_person, retail, today
):
    make_person("Gwen Grant", "administrator", unit=retail)
    client = as_person(mona)
    said = "Nobody else may approve targets of Retail Lending. Gwen Grant can grant the right to do so."
    answer = client.post(PROPOSE, entry(retail, today), follow=True)
    assert said in answer.content.decode()
    blockers = answer.context["blockers"]
    assert [one.message for one in blockers] == [f"Who proposed a target does not decide on it. {said}"]


def test_a_measure_without_targets_cannot_be_chosen(as_person, mona):
    client = as_person(mona)
    for name in ("deployment_frequency", "weather"):
        assert client.get(f"{PROPOSE}?kpi={name}").status_code == 400
        assert client.post(PROPOSE, {"kpi": name}).status_code == 400


def test_what_comes_too_late_to_be_approved_is_declined_on_its_page(
    as_person, mona, make_person, retail, today
):
    second = make_person("Max Weber", "manager", unit=retail)
    as_person(mona).post(PROPOSE, entry(retail, today))
    target = KpiTarget.objects.get()
    target.valid_from = today - DAY
    save_as(target, by=None, now=timezone.now(), reason="Days went by")
    client = as_person(second)
    home = client.get(reverse("home")).content.decode()
    assert target.get_absolute_url() in home
    assert "Its first day has passed" in home
    assert "20 days at most" in home
    assert target.get_absolute_url() not in as_person(mona).get(reverse("home")).content.decode()
    assert "You can only decline this" in client.get(target.get_absolute_url()).content.decode()
    decline = reverse("kpis:target-decline", args=[target.pk])
    assert client.get(decline).context["blockers"] == []
    assert client.get(reverse("kpis:target-approve", args=[target.pk])).context["blockers"]
    client.post(decline, {"note": "Too late."})
    target.refresh_from_db()
    assert target.state == "declined"
    assert target.get_absolute_url() not in client.get(reverse("home")).content.decode()


def test_the_second_person_is_addressed_and_the_first_one_finds_both_answers_closed(
    as_person, mona, make_person, retail, today
):
    max_ = make_person("Max Weber", "manager", unit=retail)
    as_person(mona).post(PROPOSE, entry(retail, today))
    place = KpiTarget.objects.get().get_absolute_url()
    own, second = (as_person(person).get(place).content.decode() for person in (mona, max_))
    assert "Max Weber can approve it." in own
    assert "You can approve it." in second
    closed = 'aria-disabled="true" aria-describedby="why-not"'
    assert (own.count(closed), second.count(closed)) == (2, 0)
    assert f'href="{place}approve/"' in second
    assert f'href="{place}approve/"' not in own
    assert 'id="why-not"' in own
    decision = as_person(max_).get(f"{place}approve/").content.decode()
    assert "20 days at most" in decision, "what is decided on stands beside the answer"
    home = as_person(max_).get("/").content.decode()
    assert f"<small>{KpiTarget.objects.get().scope_text}. Proposed by Mona Keller" in home
