"""The page of one version: metrics overall and by segment, documents against the tier, validations."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from approvals import services
from mlops_portal.foundation.history import save_as
from registry.models import Dataset, DocumentSection, VersionDataset
from registry.services.metrics import metrics_record
from registry.services.versions import version_register
from tests.factories import approvals as make
from tests.kept import kept

pytestmark = pytest.mark.django_db


@pytest.fixture
@kept
def released(make_person, group, retail, ada, olga, vera, ines, rolf, carl, omar):
    """A version with everything that tier 1 asks for, validated by Vera."""
    now = timezone.now() - timedelta(days=3)
    paula = make_person("Paula Publisher", "policy_publisher", unit=group, signs=True)
    services.install_default_policy(by=None, second=paula, now=now - timedelta(days=365))
    cast = make.Cast(ada, olga, vera, ines, rolf, carl, omar)
    model = make.complete_model(unit=retail, cast=cast, tier=1, now=now)
    version = make.complete_version(model, cast=cast, now=now)
    make.validate(version, cast=cast, now=now)
    return version


def panel(client, name, version):
    answer = client.get(reverse(f"approvals:{name}", args=[version.pk]), headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()


def test_documents_are_measured_against_the_tier(released, as_person, mona):
    client = as_person(mona)
    full = panel(client, "version-documents", released)
    assert "100\u202f%" in full
    assert "Tier 1 asks for" in full
    assert "Every section that counts" in full
    section = DocumentSection.objects.filter(document__version=released).order_by("pk").first()
    section.status = "draft"
    save_as(section, by=None, now=timezone.now(), reason="Under revision")
    part = panel(client, "version-documents", released)
    assert "100\u202f%" not in part.split("</div>")[0]
    assert "Sections without an approved, current document:" in part


def test_validations_are_named_with_what_is_open(released, as_person, mona):
    text = panel(as_person(mona), "version-validations", released)
    assert "Vera Osei" in text
    assert "No open finding" in text


def test_both_panels_stand_on_the_page(released, as_person, mona):
    text = as_person(mona).get(released.get_absolute_url()).content.decode()
    for name in ("version-documents", "version-validations"):
        assert reverse(f"approvals:{name}", args=[released.pk]) in text


def test_metrics_stand_overall_and_by_segment_with_grade_and_verdict(released, as_person, ada, mona):
    metrics_record(
        version=released,
        metrics=[{"name": "extra", "value": 0.5}, {"name": "extra", "segment": "young", "value": 0.4}],
        by=ada,
        now=timezone.now(),
    )
    text = as_person(mona).get(released.get_absolute_url()).content.decode()
    overall, segments = text.split("By segment</th>")
    assert "Overall</th>" in overall
    assert "young" in segments
    assert "young" not in overall
    assert "Declared" in text
    assert "not judged" in text
    assert "Met" in text


def test_a_document_is_added_for_the_version_of_the_page(released, as_person, ada, mona):
    page = as_person(ada).get(released.get_absolute_url()).content.decode()
    url = f"{reverse('registry:document-add', args=[released.model_id])}?version={released.number}"
    assert url in page
    assert as_person(ada).get(url).context["form"].initial["version"] == released
    assert url not in as_person(mona).get(released.get_absolute_url()).content.decode()


def test_a_comparison_writes_dates_and_numbers_as_every_page_does(released, as_person, mona, ada):
    late = datetime(2026, 2, 16, 0, 38, tzinfo=UTC)
    other = version_register(
        model=released.model,
        label="2.0.0",
        parameters={"algorithm": "gbm", "depth": 4, "rows": 48213, "rate": 0.8123456789012345},
        training_started_at=late,
        by=ada,
        now=timezone.now(),
    )
    url = reverse("registry:compare", args=[released.model_id])
    text = as_person(mona).get(f"{url}?v={released.number}&v={other.number}").content.decode()
    assert "48\u202f213" in text
    assert "0.812346" in text
    assert "<b>16 Feb 2026 01:38</b>" in text
    assert "a.m." not in text


def test_a_data_set_without_source_is_given_one_on_the_page_of_its_version(released, as_person, ada):
    client = as_person(ada)
    where = [released.model_id, released.number]
    add = reverse("registry:dataset-link", args=where)
    entry = {"name": "crm", "label": "May", "role": "test", "digest": "c" * 64}
    assert client.post(add, entry).status_code == 303
    link = VersionDataset.objects.get(dataset__name="crm")
    edit = reverse("registry:dataset-edit", args=[*where, link.pk])
    assert edit in client.get(released.get_absolute_url()).content.decode()
    assert client.post(edit, {"source": "Branch system", "reason": "Left out"}).status_code == 303
    assert Dataset.objects.get(name="crm").source == "Branch system"
    refused = client.post(add, {**entry, "source": "Another system"})
    assert refused.status_code == 400
    assert "Branch system" in refused.context["form"].errors["source"][0]


def test_the_form_of_a_metric_offers_the_names_in_use_and_merges_nothing(released, as_person, ada):
    metrics_record(
        version=released,
        metrics=[{"name": "auc_young", "suite": "fairness", "segment": "young", "value": 0.8}],
        by=ada,
        now=timezone.now(),
    )
    client, url = as_person(ada), reverse("registry:metric-add", args=[released.model_id, released.number])
    page = client.get(url).content.decode()
    limits = {row["metric"] for row in released.model.threshold_sets.order_by("-number").first().limits}
    for name in (*limits, "auc_young", "fairness", "young"):
        assert f'<option value="{name}">' in page
    assert f"Limits are set for {', '.join(sorted(limits))}." in page
    assert "compared by name, segment and suite together" in page
    assert client.post(url, {"name": "AUC_young", "value": "0.7", "suite": "fairness"}).status_code == 303
    assert {"auc_young", "AUC_young"} <= set(released.metrics.values_list("name", flat=True))


def test_a_figure_has_the_same_digits_on_every_page_and_all_of_them_in_files(released, as_person, ada):
    client, model = as_person(ada), released.model
    other = version_register(model=model, label="2.0.0", by=ada, now=timezone.now())
    metric = {"name": model.primary_metric, "value": 0.938612345678, "lower": 0.9312345678, "upper": 0.9401}
    metrics_record(version=other, metrics=[metric], by=ada, now=timezone.now())
    pages = (
        other.get_absolute_url(),
        model.get_absolute_url(),
        reverse("registry:version-list", args=[model.pk]),
        f"{reverse('registry:compare', args=[model.pk])}?v={released.number}&v={other.number}",
    )
    for page in pages:
        text = client.get(page).content.decode()
        assert set(re.findall(r"0\.93(?!12)\d+", text)) == {"0.938612"}, page
    listed = reverse("registry:version-list", args=[model.pk])
    assert "no figure rounded</small>" in client.get(listed).content.decode()
    file = b"".join(client.get(f"{listed}?export=csv").streaming_content).decode()
    assert "0.938612345678" in file
