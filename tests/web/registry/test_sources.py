"""Data sets and pipelines: found, listed, and answering which versions use them and what breaks when they change."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse

from mlops_portal.foundation.people.services.grants import role_grant
from registry.models import FeaturePipeline, VersionDataset, VersionPipeline
from registry.services import lineage
from registry.services.metrics import metrics_record
from registry.services.versions import version_delete
from tests.factories.registry import (
    DatasetFactory,
    DeploymentFactory,
    EnvironmentFactory,
    ModelFactory,
    VersionFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_gates")]


@pytest.fixture
def data(retail):
    return DatasetFactory(
        unit=retail, name="credit-training", label="1.3.0", digest="ab" * 32, rows=1200, source="warehouse"
    )


@pytest.fixture
def features(retail, now):
    return lineage.pipeline_register(
        unit=retail, name="lending-features", cadence="every night", by=None, now=now
    )


@pytest.fixture
def use(retail, data, features, now):
    """Return a maker of versions that use both."""

    def make(name, *, unit=retail, role="training", title=""):
        version = VersionFactory(model=ModelFactory(unit=unit, name=name, title=title))
        lineage.dataset_link(version=version, dataset=data, role=role, by=None, now=now)
        lineage.pipeline_link(version=version, pipeline=features, by=None, now=now)
        return version

    return make


@pytest.fixture
def reader(make_person, retail, as_person):
    return as_person(make_person("Uma Reader", "viewer", unit=retail))


def text_of(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def test_a_data_set_says_which_versions_use_it_for_what_and_how_sure_the_evidence_is(
    reader, retail, data, use, now
):
    version = use("pd", title="Retail PD")
    use("calibration", role="test")
    metrics_record(
        version=version, metrics=[{"name": "auc", "value": 0.8, "dataset": data}], by=None, now=now
    )
    DeploymentFactory(
        version=version,
        environment=EnvironmentFactory(unit=retail, name="live-eu", production=True),
        live=True,
        now=now,
    )
    page = text_of(reader, data.get_absolute_url())
    for words in ("credit-training 1.3.0", "Retail PD</a>", "Training", "Test", "1 metric", "live-eu",
                  "1 model<small>serve", "warehouse"):  # fmt: skip
        assert words in page, words


def test_a_pipeline_says_what_it_feeds_and_who_reads_those_models(reader, retail, features, use, now):
    version = use("pd")
    below = ModelFactory(unit=retail, name="limits", title="Limit setting")
    lineage.dependency_add(model=below, upstream=version.model, by=None, now=now)
    page = text_of(reader, features.get_absolute_url())
    for words in ("lending-features", "every night", ">pd</a>", ">Limit setting</a>"):
        assert words in page, words


def test_versions_of_units_that_the_reader_does_not_see_are_counted_and_not_named(
    reader, plant, data, features, use
):
    use("pd")
    use("pumps", unit=plant)
    for source in (data, features):
        page = text_of(reader, source.get_absolute_url())
        assert "and 1 in units you do not see" in page
        assert "pumps" not in page
        assert "pumps" not in text_of(reader, f"{source.get_absolute_url()}versions/")


def test_other_units_find_neither_page_nor_row(make_person, plant, as_person, data, features, use):
    use("pd")
    stranger = as_person(make_person("Stan Ger", "viewer", unit=plant))
    for source in (data, features):
        assert stranger.get(source.get_absolute_url()).status_code == 404
        assert stranger.get(f"{source.get_absolute_url()}versions/").status_code == 404
    assert "credit-training" not in text_of(stranger, "/datasets/")
    assert "lending-features" not in text_of(stranger, "/pipelines/")
    for words in ("credit-training", "lending-features"):
        assert stranger.get(f"/search/?q={words}").context["kinds"] == []


def test_a_right_on_one_model_reaches_the_version_and_leaves_its_data_unlinked(
    make_person, plant, as_person, data, features, use, now
):
    version = use("pd")
    guest = make_person("Gus Guest", "viewer", unit=plant)
    role_grant(user=guest, role="viewer", model_id=version.model_id, by=None, now=now, reason="To look.")
    client = as_person(guest)
    page = text_of(client, version.get_absolute_url())
    for source, listed in ((data, "/datasets/"), (features, "/pipelines/")):
        assert str(source) in page
        assert f'href="{source.get_absolute_url()}"' not in page
        assert str(source) not in text_of(client, listed)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=credit", {"credit-training"}),
        ("q=" + "ab" * 6, {"credit-training"}),
        ("role=training", {"credit-training"}),
        ("role=test", set()),
        ("use=any", {"credit-training"}),
        ("use=none", {"spare"}),
        ("use=production", set()),
        ("sort=-registered", {"credit-training", "spare"}),
    ],
)
def test_the_list_of_data_sets_is_searched_filtered_and_exported(reader, retail, use, query, found):
    DatasetFactory(unit=retail, name="spare")
    use("pd")
    answer = reader.get(f"/datasets/?{query}&export=csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert {row["Data set"] for row in rows} == found
    text_of(reader, f"/datasets/?{query}")


@pytest.mark.parametrize(
    ("query", "found"),
    [("q=lending", {"lending-features"}), ("use=none", {"spare"}), ("use=any", {"lending-features"})],
)
def test_the_list_of_pipelines_is_searched_filtered_and_exported(reader, retail, use, now, query, found):
    lineage.pipeline_register(unit=retail, name="spare", by=None, now=now)
    use("pd")
    answer = reader.get(f"/pipelines/?{query}&export=csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert {row["Pipeline"] for row in rows} == found
    assert {row["Versions"] for row in rows} == {"0" if found == {"spare"} else "1"}
    text_of(reader, f"/pipelines/?{query}")


def test_all_uses_can_be_narrowed_and_taken_away(reader, data, use):
    use("pd", title="Retail PD")
    use("calibration", role="test")
    address = f"{data.get_absolute_url()}versions/"
    page = text_of(reader, f"{address}?q=retail&production=false")
    assert "Retail PD</a>" in page
    assert "calibration" not in page
    answer = reader.get(f"{address}?role=test&export=csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert [(row["Model"], row["Used for"]) for row in rows] == [("calibration", "Test")]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("credit-training", "data"),
        ("credit-training 1.3", "data"),
        ("abababab", "data"),
        ("lending-features", "features"),
    ],
)
def test_the_search_leads_to_them(reader, data, features, words, name):
    source = {"data": data, "features": features}[name]
    assert f'href="{source.get_absolute_url()}"' in text_of(reader, f"/search/?q={words}")


def test_lineage_and_version_lead_to_them(reader, data, features, use):
    version = use("pd")
    for address in (reverse("registry:lineage", args=[version.model_id]), version.get_absolute_url()):
        page = text_of(reader, address)
        for source in (data, features):
            assert f'href="{source.get_absolute_url()}"' in page, address


def test_what_stands_in_a_unit_that_is_not_seen_is_named_without_a_link(reader, plant, use, now):
    version = use("pd")
    far = DatasetFactory(unit=plant, name="far-data")
    lineage.dataset_link(version=version, dataset=far, role="test", by=None, now=now)
    page = text_of(reader, version.get_absolute_url())
    assert "far-data" in page
    assert f'href="{far.get_absolute_url()}"' not in page


def test_a_pipeline_is_added_by_hand(as_person, ada, use, features):
    version = VersionFactory(model=ModelFactory(unit=features.unit, name="fresh"))
    address = reverse("registry:pipeline-link", args=[version.model_id, version.number])
    client = as_person(ada)
    assert f'href="{address}"' in text_of(client, version.get_absolute_url())
    assert f'href="{address}"' in text_of(client, reverse("registry:lineage", args=[version.model_id]))
    assert '<option value="lending-features">' in text_of(client, address)
    for name in ("lending-features", "income-features"):
        assert client.post(address, {"name": name, "cadence": "hourly"}).status_code == 303
    linked = VersionPipeline.objects.filter(version=version).values_list(
        "pipeline__name", "pipeline__cadence"
    )
    assert set(linked) == {("lending-features", "every night"), ("income-features", "hourly")}
    assert FeaturePipeline.objects.count() == 2


def test_history_stands_beside_the_page(reader, data, features, now):
    lineage.dataset_describe(
        dataset=data, purpose="Credit risk", reason="It was missing.", by=None, now=now + timedelta(hours=1)
    )
    page = text_of(reader, data.get_absolute_url())
    history = reverse("audits:dataset-history", args=[data.pk])
    assert f'href="{history}"' in page
    text = text_of(reader, history)
    assert "it was missing." in text
    assert "Credit risk" in text
    assert "pipeline registered" in text_of(reader, reverse("audits:pipeline-history", args=[features.pk]))


def test_the_description_is_changed_where_it_is_read(as_person, ada, data):
    client = as_person(ada)
    address = reverse("registry:dataset-describe", args=[data.pk])
    assert f'href="{address}"' in text_of(client, data.get_absolute_url())
    sent = {"rows": "1300", "source": "warehouse", "reason": "Counted again."}
    assert client.post(address, sent)["Location"] == data.get_absolute_url()
    assert "1\u202f300" in text_of(client, data.get_absolute_url())


def test_deleted_versions_are_no_uses(reader, data, use, now):
    version_delete(version=use("pd"), reason="A mistake.", by=None, now=now)
    assert VersionDataset.objects.exists()
    assert "No version that you see uses it" in text_of(reader, data.get_absolute_url())


def test_pages_read_as_many_statements_for_many_uses(reader, data, features, use, assert_flat_queries):
    use("first")
    addresses = [one.get_absolute_url() for one in (data, features)]
    addresses += [f"{one}versions/" for one in addresses]

    def more():
        for number in range(6):
            use(f"more-{number}", title=f"More {number}")

    assert_flat_queries(
        act=lambda: [text_of(reader, address) for address in addresses], add_rows=more, budget=120
    )
