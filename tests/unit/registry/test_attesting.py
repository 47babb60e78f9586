"""An independent validator vouches for evidence; documents reach the version they are for; wanted sections are asked."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from mlops_portal.foundation.rules import RuleViolation
from registry import gates
from registry.gates import sections_wanted_of
from registry.models import Document, MetricValue
from registry.services.attesting import documents_attest, evidence_attest, metrics_attest
from registry.services.evidence import document_save, document_upload
from tests.factories import evidence as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def backed(churn_1, ada, now):
    """The first version of churn with one document of its own, one of the model, and one metric, all declared."""
    make.DocumentFactory(model=churn_1.model, version=churn_1, title="Card", by=ada)
    make.DocumentFactory(model=churn_1.model, title="Policy", kind="other", by=ada)
    make.MetricFactory(version=churn_1, name="auc", by=ada)
    return churn_1


def grades():
    documents = dict(Document.objects.values_list("title", "grade"))
    return documents | dict(MetricValue.objects.values_list("name", "grade"))


def test_a_validator_attests_what_belongs_to_the_version(backed, vera, verbs, now):
    assert evidence_attest(version=backed, by=vera, now=now, note="Checked against the run.") == 2
    assert grades() == {"Card": "attested", "Policy": "declared", "auc": "attested"}
    assert "registry.documents_attested" in verbs()
    assert evidence_attest(version=backed, by=vera, now=now) == 0


def test_who_built_it_or_is_no_validator_attests_nothing(backed, ada, olga, now):
    for person in (ada, olga):
        for attest in (documents_attest, metrics_attest, evidence_attest):
            with pytest.raises(RuleViolation, match="grade"):
                attest(version=backed, by=person, now=now)
    assert set(grades().values()) == {"declared"}


def test_a_new_edition_is_as_weak_as_its_author_again(backed, ada, vera, now):
    evidence_attest(version=backed, by=vera, now=now)
    card = Document.objects.get(title="Card")
    sections = [{"key": "purpose", "title": "Purpose", "text": make.TEXT + " Once more."}]
    document_save(
        model=card.model, document=card, kind=card.kind, title="Card", sections=sections, by=ada, now=now
    )
    assert grades()["Card"] == "declared"


def test_the_page_attests_for_a_validator_and_explains_itself_to_nobody_else(backed, as_person, vera, ada):
    url = reverse("registry:evidence-attest", args=[backed.model_id, backed.number])
    page = as_person(vera).get(url)
    assert page.status_code == 200
    assert "I checked it: attest" in page.content.decode()
    assert as_person(ada).get(url).status_code == 403
    assert as_person(vera).post(url, {"note": "Checked."}).status_code == 303
    assert grades()["auc"] == "attested"


def test_a_validator_who_developed_the_model_reads_why_not(backed, as_person, vera, now):
    from registry.services.models import model_update

    model_update(model=backed.model, developer=vera, by=None, now=now)
    page = (
        as_person(vera)
        .get(reverse("registry:evidence-attest", args=[backed.model_id, backed.number]))
        .content.decode()
    )
    assert 'aria-disabled="true"' in page
    assert "Not possible now" in page


def test_an_upload_belongs_to_the_version_it_names(churn_1, ada, now):
    file = SimpleUploadedFile("card.md", b"# Purpose\nWords.", content_type="text/markdown")
    own = document_upload(
        model=churn_1.model, version=churn_1, kind="model_card", title="Own", upload=file, by=ada, now=now
    )
    every = document_upload(
        model=churn_1.model, kind="other", title="Every", link="https://wiki", by=ada, now=now
    )
    assert (own.version, own.file.name) == (churn_1, "card.md")
    assert (every.version, every.file) == (None, None)


def test_a_version_of_another_model_takes_no_document(churn_1, as_person, ada, retail):
    other = make.VersionFactory(model=make.ModelFactory(unit=retail))
    url = reverse("registry:document-add", args=[churn_1.model_id])
    answer = as_person(ada).post(url, {"kind": "other", "title": "Wrong", "link": "x", "version": other.pk})
    assert answer.status_code == 400
    assert not Document.objects.exists()


def test_sections_come_from_every_app_that_wants_some(churn, now, monkeypatch):
    monkeypatch.setattr(
        gates,
        "wanted_sections",
        [
            lambda model, at: [("a", "First", "model_card")],
            lambda model, at: [(model.name, "Second", "other")],
        ],
    )
    assert sections_wanted_of(churn, now) == [("a", "First", "model_card"), ("churn", "Second", "other")]


def test_the_form_asks_for_the_wanted_sections_of_the_documents_kind_first(
    backed, as_person, ada, monkeypatch
):
    wanted = [("other-part", "Other part", "other"), ("data", "Where data come from", "model_card")]
    monkeypatch.setattr(gates, "wanted_sections", [lambda model, at: wanted])
    card = Document.objects.get(title="Card")
    url = reverse("registry:section-add", args=[card.model_id, card.pk])
    labels = [field.label for field in as_person(ada).get(url).context["form"]]
    assert labels.index("Where data come from") < labels.index("Its title")


def test_every_factory_builds_its_record_through_the_service(ada, vera, ines, plant, retail):
    model = make.ModelFactory(unit=retail)
    built = [
        make.MetricFactory(segment="young"),
        make.DocumentFactory(),
        make.MonitoringPlanFactory(),
        make.ThresholdSetFactory(model=model, by=ada, locked_by=vera),
        make.RatingFactory(model=model, by=vera, decided_by=ines),
        make.UnitUseFactory(model=model, using_unit=plant, by=ada),
        make.DependencyFactory(),
        make.PipelineFactory(),
        make.AliasFactory(),
        make.ModelTagFactory(),
        make.CustomFieldFactory(),
        make.RecordTaskFactory(),
    ]
    for one in built:
        assert one.pk, one
        assert one.history.count() >= 1, one
