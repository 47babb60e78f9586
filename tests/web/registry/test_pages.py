"""Pages of the registry: each renders for those who may see it and is not there for those who may not."""

from datetime import timedelta

import pytest
from django.urls import reverse

from mlops_portal.foundation.history import save_as
from registry.models import (
    Document,
    MetricValue,
    RegisteredModel,
    RiskAssessment,
    ThresholdSet,
    UnitUse,
)
from registry.services.evidence import document_save, monitoring_plan_save
from registry.services.limits import threshold_set_decline, threshold_set_propose
from registry.services.lineage import dataset_use
from registry.services.metrics import metrics_record
from registry.services.models import model_register
from registry.services.operations import (
    deployment_fail,
    deployment_finish,
    deployment_start,
    environment_create,
)
from registry.services.surroundings import consumer_add, use_request
from registry.services.versions import version_register
from tests.contracts.filling import filled
from tests.factories.registry import DeploymentFactory, EnvironmentFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def credit(retail, olga, ada, now):
    return model_register(
        name="retail-credit-pd",
        title="Retail Credit PD",
        unit=retail,
        owner=olga,
        developer=ada,
        primary_metric="auc",
        custom={"Bureau": "<b>one</b>"},
        by=None,
        now=now,
    )


@pytest.fixture
def full(credit, retail, plant, olga, ada, now):
    """A model with two versions and something in every corner."""
    for label, auc in (("4.2.1", 0.793), ("4.3.0", 0.815)):
        version = version_register(
            model=credit,
            label=label,
            source="s3://models/pd",
            parameters={"cutoff": label},
            prompts=[{"name": "letter", "text": f"State the reason.\n{label}"}],
            artifact_sha256="a" * 64,
            by=ada,
            now=now,
        )
        metrics_record(version=version, metrics=[{"name": "auc", "value": auc}], by=ada, now=now)
        metrics_record(
            version=version, metrics=[{"name": "air", "segment": "18-25", "value": 0.8}], by=ada, now=now
        )
        dataset_use(version=version, role="training", name=f"loans {label}", by=ada, now=now)
    place = environment_create(unit=retail, name="staging-eu-1", provider="aws", by=None, now=now)
    started = deployment_start(version=version, environment=place, by=None, now=now)
    deployment_finish(deployment=started, by=None, now=now + timedelta(minutes=5))
    consumer_add(model=credit, name="Loan origination", by=olga, now=now)
    use_request(model=credit, using_unit=plant, purpose="Rating", by=olga, now=now)
    text = "Twelve months of default for consumer loans, in words that are long enough."
    sections = [{"key": "purpose", "title": "Purpose", "text": text}]
    document_save(model=credit, kind="model_card", title="Model card", sections=sections, by=olga, now=now)
    measure = {
        "measure": "psi",
        "dimension": "drift",
        "cadence_hours": 24,
        "watch": 0.1,
        "act": 0.2,
        "route": "owner",
    }
    monitoring_plan_save(model=credit, measures=[measure], by=olga, now=now)
    return credit


def pages_of(model):
    document = Document.objects.get(model=model)
    deployment = model.deployments.get()
    yield reverse("registry:model-list")
    yield reverse("registry:model-detail", args=[model.pk])
    yield reverse("registry:model-detail", args=[model.pk]) + "?as_of=2026-11-17"
    for name in ("version-list", "compare", "document-list", "evidence", "lineage"):
        yield reverse(f"registry:{name}", args=[model.pk])
    yield reverse("registry:compare", args=[model.pk]) + "?v=1&v=2"
    yield reverse("registry:version-detail", args=[model.pk, 2])
    yield reverse("registry:document-detail", args=[model.pk, document.pk])
    yield reverse("registry:deployment-list")
    yield reverse("registry:deployment-detail", args=[deployment.pk])
    yield reverse("registry:environment-list")
    yield reverse("registry:environment-detail", args=[deployment.environment_id])
    yield reverse("home")


def test_every_page_renders_for_a_reader(full, as_person, mona):
    client = as_person(mona)
    for url in pages_of(full):
        answer = client.get(url)
        assert answer.status_code == 200, url
        assert "<b>one</b>" not in answer.content.decode(), url


def test_before_it_was_registered_there_is_no_page(full, as_person, mona):
    answer = as_person(mona).get(full.get_absolute_url() + "?as_of=2026-11-16")
    assert answer.status_code == 404
    assert "did not exist on 16 Nov 2026" in answer.content.decode()


def test_a_stranger_finds_nothing(full, as_person, dora):
    client = as_person(dora)
    for url in pages_of(full):
        answer = client.get(url)
        if f"/models/{full.pk}/" in url or answer.status_code == 404:
            assert answer.status_code == 404, url
        else:
            assert "retail-credit-pd" not in answer.content.decode(), url


def test_an_anonymous_visitor_is_sent_to_sign_in(full, client):
    for url in pages_of(full):
        assert client.get(url).status_code == 302, url


FORMS = ("model-edit", "version-register", "document-add", "consumer-add", "use-request", "dependency-add",
         "plan-edit", "rating-propose", "limits-propose")  # fmt: skip


def test_every_form_opens_for_the_owner_and_for_no_reader(full, as_person, olga, mona):
    owner, reader = as_person(olga), as_person(mona)
    for name in FORMS:
        url = reverse(f"registry:{name}", args=[full.pk])
        assert owner.get(url).status_code == 200, name
        assert reader.get(url).status_code == 403, name


def test_an_owner_registers_and_edits_a_model_in_the_browser(as_person, olga, retail):
    client = as_person(olga)
    data = {
        "name": "churn",
        "unit": retail.pk,
        "kind": "analytical",
        "origin": "in_house",
        "regimes": "SR 26-2\n",
    }
    made = client.post(reverse("registry:model-register"), data)
    model = RegisteredModel.objects.get(name="churn")
    assert (made.status_code, made.url) == (303, model.get_absolute_url())
    edit = reverse("registry:model-edit", args=[model.pk])
    data = {"kind": "analytical", "origin": "in_house", "title": "Churn", "revision": 1, "reason": "a title"}
    assert client.post(edit, data).status_code == 303
    stale = client.post(edit, {**data, "title": "Other"})
    assert stale.status_code == 409
    assert "Other" in stale.content.decode()
    assert RegisteredModel.objects.get(pk=model.pk).title == "Churn"


def test_a_rating_goes_from_proposal_to_decision(full, as_person, olga, ines):
    from registry.questionnaire import load_questionnaire

    answers = {f"answer-{one.id}": one.choices[-1].value for one in load_questionnaire().questions}
    owner = as_person(olga)
    url = reverse("registry:rating-propose", args=[full.pk])
    given = {"rationale": "As every year.", "eu_ai_class": "high_risk", "eu_ai_class_rationale": "Annex III."}
    assert owner.post(url, {**answers, **given}).status_code == 303
    rating = RiskAssessment.objects.get(model=full)
    home = as_person(ines).get("/").content.decode()
    assert f"Risk rating of {full.title}: proposed tier {rating.tier}</a>" in home
    decide = reverse("registry:rating-decide", args=[full.pk, rating.pk])
    assert owner.get(decide).status_code == 403
    officer = as_person(ines)
    page = officer.get(decide).content.decode()
    assert "Class under the EU AI Act: high risk." in page
    assert "<small>Impact on people</small>" in page
    assert "high_risk" not in page
    assert "customer_impact" not in page
    assert officer.post(decide, {"approve": "true", "note": "Agreed."}).status_code == 303
    assert RegisteredModel.objects.get(pk=full.pk).tier == rating.tier
    again = officer.post(decide, {"approve": "false", "note": "On second thoughts."})
    assert again.status_code == 409
    for page in (officer.get(decide).content.decode(), again.content.decode()):
        assert f"Approved by {ines.name}" in page
        assert "<p>Agreed.</p>" in page
        assert 'id="action-form"' not in page


def test_limits_are_proposed_by_one_and_locked_by_another(full, as_person, olga, vera):
    url = reverse("registry:limits-propose", args=[full.pk])
    row = {"code": "PERF-01", "title": "AUC", "metric": "auc", "direction": "min", "release": "0.78"}
    typed = {"limits-count": 3, **{f"limits-1-{name}": value for name, value in row.items()}}
    assert as_person(olga).post(url, {**typed, "rationale": "Floor of the tier."}).status_code == 303
    limits = ThresholdSet.objects.get(model=full)
    lock = reverse("registry:limits-lock", args=[full.pk, limits.pk])
    assert as_person(olga).post(lock).status_code == 403
    assert as_person(vera).post(lock).status_code == 303
    assert ThresholdSet.objects.get(pk=limits.pk).locked_by == vera
    page = as_person(vera).get(lock).content.decode()
    assert f"Locked by {vera.name}" in page
    assert 'id="action-form"' not in page
    threshold_set_propose(model=full, limits=limits.limits, by=olga, now=limits.proposed_at)
    newer = ThresholdSet.objects.get(model=full, number=2)
    threshold_set_decline(limits=newer, reason="Too low.", by=vera, now=limits.proposed_at)
    page = as_person(vera).get(reverse("registry:limits-lock", args=[full.pk, newer.pk])).content.decode()
    assert f"Declined by {vera.name}" in page
    assert "<p>Too low.</p>" in page


def test_one_version_is_compared_with_what_serves_else_with_the_one_before(
    full, retail, as_person, mona, ada, now, no_gates
):
    client, url = as_person(mona), reverse("registry:compare", args=[full.pk])

    def compared(number):
        page = client.get(f"{url}?v={number}")
        return [one.number for one in page.context["chosen"]], page.content.decode()

    version_register(model=full, label="4.4.0", source="s3://models/pd", by=ada, now=now)
    numbers, page = compared(3)
    assert (numbers, "compared with the version before it" in page) == ([2, 3], True)
    assert compared(1)[0] == [1, 2]
    place = EnvironmentFactory(unit=retail, production=True)
    DeploymentFactory(version=full.versions.get(number=1), environment=place, live=True)
    numbers, page = compared(3)
    assert (numbers, "compared with the version in production" in page) == ([1, 3], True)
    assert compared(99)[0] == []


def test_a_model_with_one_version_offers_no_comparison(retail, as_person, mona, ada, now):
    model = model_register(name="alone", unit=retail, by=None, now=now)
    version_register(model=model, label="1.0", source="s3://x", by=ada, now=now)
    page = as_person(mona).get(reverse("registry:compare", args=[model.pk]) + "?v=1").content.decode()
    assert "Nothing to compare yet" in page
    assert "1.0 is the only version of this model" in page
    assert "Choose two versions" not in page
    assert "Compare two versions" not in as_person(mona).get(model.get_absolute_url()).content.decode()


def test_the_next_limits_start_from_all_of_the_last_ones_unrounded(full, as_person, olga, now):
    rows = [
        {"code": f"PERF-{place:02}", "metric": "auc", "direction": "min", "release": 0.7812345 + place}
        for place in range(9)
    ]
    last = threshold_set_propose(model=full, limits=rows, by=olga, now=now)
    last.state = "declined"
    save_as(last, by=olga, now=now, reason="Once more", fields=["state"])
    client, url = as_person(olga), reverse("registry:limits-propose", args=[full.pk])
    typed = filled(client.get(url).context["form"])
    assert client.post(url, {**typed, "rationale": "As before."}).status_code == 303
    again = ThresholdSet.objects.exclude(pk=last.pk).get(model=full)
    assert [row["release"] for row in again.limits] == [row["release"] for row in rows]


def test_the_next_limits_keep_suite_and_effect_unless_somebody_changes_them(full, as_person, olga, vera, now):
    row = {"code": "P1", "metric": "auc", "direction": "min", "release": 0.7}
    rows = [row | {"suite": "out of time", "blocking": False}, row | {"code": "P2"}]
    first = threshold_set_propose(model=full, limits=rows, by=olga, now=now)
    threshold_set_decline(limits=first, reason="Once more.", by=vera, now=now)
    client, url = as_person(olga), reverse("registry:limits-propose", args=[full.pk])
    typed = filled(client.get(url).context["form"]) | {"rationale": "As before."}

    def proposed(**changes):
        assert client.post(url, typed | changes).status_code == 303
        made = ThresholdSet.objects.filter(model=full).latest("number")
        page = as_person(vera).get(reverse("registry:limits-lock", args=[full.pk, made.pk])).content.decode()
        threshold_set_decline(limits=made, reason="Once more.", by=vera, now=now)
        return [(one["suite"], one["blocking"]) for one in made.limits], page

    kept, page = proposed()
    assert kept == [("out of time", False), ("", True)]
    assert ("suite out of time" in page, page.count("advisory")) == (True, 1)
    changes = {"limits-0-suite": "", "limits-0-blocking": "blocks", "limits-1-blocking": "advisory"}
    assert proposed(**changes)[0] == [("", True), ("", False)]


def test_a_page_for_limits_shows_few_rows_and_adds_more(full, as_person, olga):
    client, url = as_person(olga), reverse("registry:limits-propose", args=[full.pk])
    assert 'name="limits-count" value="2"' in client.get(url).content.decode()
    page = client.post(url, {"limits-count": 2, "limits-0-code": "PERF-01", "limits-more": "1"})
    assert 'name="limits-count" value="4"' in page.content.decode()
    assert not ThresholdSet.objects.filter(model=full).exists()


def test_a_unit_accepts_its_own_use(full, as_person, make_person, plant):
    head = make_person("Petra Adair", "model_owner", unit=plant)
    use = UnitUse.objects.get(model=full)
    client, decide = as_person(head), reverse("registry:use-decide", args=[use.pk])
    assert decide in client.get(reverse("home")).content.decode(), (
        "the page of the model is not theirs to see"
    )
    page = client.get(decide).content.decode()
    for told in (full.title or full.name, full.unit.name, full.owner.name, use.requested_by.name):
        assert told in page
    answer = client.post(decide, {"accept": "true"})
    assert answer.status_code == 303
    assert UnitUse.objects.get(pk=use.pk).state == "accepted"


def test_a_value_typed_by_a_person_is_declared(full, as_person, ada):
    url = reverse("registry:metric-add", args=[full.pk, 2])
    assert as_person(ada).post(url, {"name": "ece", "value": "0.013"}).status_code == 303
    assert MetricValue.objects.get(name="ece").grade == "declared"


def test_a_deployment_says_why_it_failed_and_what_followed(full, as_person, mona, omar, now):
    live = full.deployments.get()
    place = live.environment
    failed = deployment_start(
        version=full.versions.order_by("-number").first(), environment=place, by=None, now=now
    )
    deployment_fail(deployment=failed, reason="The image could not be pulled", by=None, now=now)
    failed.refresh_from_db()
    failed.note = "Night window"
    save_as(failed, by=None, now=now, reason="A note")
    client = as_person(mona)
    page = client.get(failed.get_absolute_url()).content.decode()
    assert "<dt>Why it ended</dt><dd>The image could not be pulled</dd>" in page
    live.replaces, live.kind, live.caused_by_incident = failed, "rollback", "INC-470"
    save_as(live, by=None, now=now, reason="Rolled back")
    page = client.get(failed.get_absolute_url()).content.decode()
    assert f'<a href="{live.get_absolute_url()}">{live.version.name}, rollback</a> over INC-470' in page
    listed = client.get(reverse("registry:deployment-list")).content.decode()
    assert "Rollback<small>INC-470</small>" in listed
    assert "<small>Night window</small>" in listed


def test_the_list_exports_what_it_shows(full, as_person, mona):
    client = as_person(mona)
    answer = client.get(reverse("registry:model-list") + "?export=csv")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0].startswith("Model,Title,Tier,Kind")
    assert len(lines) == 2


def test_lists_cost_the_same_with_more_rows(full, retail, as_person, mona, now, assert_flat_queries):
    client = as_person(mona)

    def add():
        for number in range(12):
            model = model_register(name=f"extra-{number}", unit=retail, by=None, now=now)
            version_register(model=model, source="s3://x", by=None, now=now)
            version_register(model=full, source="s3://x", by=None, now=now)

    urls = [
        reverse("registry:model-list"),
        full.get_absolute_url(),
        reverse("registry:version-list", args=[full.pk]),
    ]
    assert_flat_queries(act=lambda: [client.get(url) for url in urls], add_rows=add, budget=120)
