"""Metrics, documents, data sets: grades, digests, completeness, overlap."""

from datetime import date, timedelta

import pytest

from mlops_portal.foundation.errors import Invalid, NotAllowed
from mlops_portal.foundation.files.services import store
from mlops_portal.foundation.history import history_model, save_as
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import account_create
from mlops_portal.foundation.rules import RuleViolation
from registry import services
from registry.models import Dataset, MetricValue, MonitoringPlan
from registry.queries.evidence import (
    BY_LAW,
    RECOMMENDED,
    RequiredPart,
    datasets_overlap,
    document_completeness,
)

TEXT = "The model scores customers who may leave, once a night, for the retention team."


@pytest.fixture
def pipeline(retail, olga, now):
    """Return a pipeline of the repository git/churn that Olga owns."""
    account = account_create(name="ci", unit=retail, owner=olga, repository="git/churn", by=None, now=now)
    role_grant(user=account.user, role="developer", unit=retail, reason="ci", by=None, now=now)
    return account.user


@pytest.fixture
def release_manager(make_person, retail):
    """Return Rita, who validates and may edit."""
    return make_person("Rita Vogel", "validator", "developer", unit=retail)


@pytest.mark.parametrize(
    ("who", "asked", "given"),
    [
        pytest.param("ada", None, "declared", id="a person declares"),
        pytest.param("ada", "pipeline", None, id="a person is no pipeline"),
        pytest.param("ada", "reproduced", None, id="a developer reproduces nothing"),
        pytest.param("pipeline", "attested", None, id="a pipeline attests nothing"),
        pytest.param("release_manager", "reproduced", "reproduced", id="an independent validator reproduces"),
    ],
)
def test_who_may_claim_which_grade(who, asked, given, churn_1, now, request):
    by = request.getfixturevalue(who)
    act = {
        "version": churn_1,
        "metrics": [{"name": "auc", "value": 0.9}],
        "grade": asked,
        "by": by,
        "now": now,
    }
    if given is None:
        with pytest.raises(RuleViolation) as refusal:
            services.metrics_record(**act)
        assert [blocker.code for blocker in refusal.value.blockers] == ["grade"]
    else:
        assert services.metrics_record(**act)[0].grade == given


@pytest.mark.parametrize(
    ("repository", "grade"),
    [
        pytest.param("git/churn", "pipeline", id="its own"),
        pytest.param("git/other", "declared", id="another one"),
        pytest.param("", "declared", id="none, which binds the version to nothing"),
    ],
)
def test_a_pipeline_gives_its_grade_to_versions_of_its_repository(repository, grade, churn, pipeline, now):
    version = services.version_register(model=churn, by=pipeline, now=now, repository=repository)
    act = {"version": version, "metrics": [{"name": "auc", "value": 1}], "by": pipeline, "now": now}
    assert services.metrics_record(**act)[0].grade == grade
    if grade == "declared":
        with pytest.raises(RuleViolation, match="bound to the version's repository"):
            services.metrics_record(**act, grade="pipeline")


def test_metrics_are_kept_overall_and_by_segment_and_replaced_with_history(churn_1, ada, now, events):
    rows = [{"name": "auc", "value": 0.9, "n": 100}, {"name": "auc", "segment": "age > 60", "value": 0.8}]
    services.metrics_record(version=churn_1, metrics=rows, by=ada, now=now)
    services.metrics_record(version=churn_1, metrics=[{"name": "auc", "value": 0.91}], by=ada, now=now)
    values = MetricValue.objects.order_by("segment").values_list("segment", "value")
    assert list(values) == [("", 0.91), ("age > 60", 0.8)]
    assert history_model(MetricValue).objects.filter(segment="").count() == 2
    assert [event.data["count"] for event in events if event.verb == "registry.metrics_recorded"] == [2, 1]


def test_weaker_evidence_does_not_replace_stronger(churn, pipeline, ada, now):
    version = services.version_register(model=churn, by=ada, now=now, repository="git/churn")
    services.metrics_record(version=version, metrics=[{"name": "auc", "value": 0.9}], by=pipeline, now=now)
    with pytest.raises(RuleViolation, match="weaker evidence"):
        services.metrics_record(version=version, metrics=[{"name": "auc", "value": 0.99}], by=ada, now=now)
    assert MetricValue.objects.get().value == 0.9


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        pytest.param([{"name": "auc"}], "row 1, value", id="no value"),
        pytest.param([{"value": 1}], "row 1, name", id="no name"),
        pytest.param([{"name": "auc", "value": float("inf")}], "row 1, value", id="no finite number"),
        pytest.param([{"name": "a", "value": 1}] * 2, "row 2", id="one value twice"),
        pytest.param(
            [{"name": "a", "value": 1, "grade": "attested"}], "row 1, grade", id="a grade by the row"
        ),
    ],
)
def test_impossible_metrics_are_named_and_none_is_kept(rows, where, churn_1, ada, now):
    with pytest.raises(Invalid) as refusal:
        services.metrics_record(version=churn_1, metrics=rows, by=ada, now=now)
    assert refusal.value.errors[0].where == where
    assert not MetricValue.objects.exists()


def test_a_document_gets_editions_and_its_digest_follows_its_content(churn, churn_1, ada, olga, now, verbs):
    file = store(b"%PDF-1.7 card", name="card.pdf", by=ada, now=now)
    card = services.document_save(
        model=churn, version=churn_1, kind="model_card", title="Model card", file=file, by=ada, now=now,
        sections=[{"key": "purpose", "title": "Purpose", "text": TEXT}],
    )  # fmt: skip
    first = card.digest
    with pytest.raises(RuleViolation, match="other than its author"):
        services.document_approve(document=card, by=ada, now=now)
    approved = services.document_approve(document=card, by=olga, now=now)
    assert (approved.status, approved.digest, card.sections.get().status) == ("approved", first, "approved")
    services.section_save(section=card.sections.get(), text=TEXT + " Daily.", by=ada, now=now)
    card.refresh_from_db()
    assert (card.edition, card.status, card.approved_by) == (2, "draft", None)
    assert card.digest != first
    assert {"registry.document_saved", "registry.document_approved", "registry.section_saved"} <= set(verbs())


def test_a_stranger_neither_writes_nor_approves_documents(churn, ada, dora, now):
    card = services.document_save(
        model=churn, kind="model_card", title="Card", link="https://wiki.example/card", by=ada, now=now
    )
    with pytest.raises(NotAllowed):
        services.document_approve(document=card, by=dora, now=now)
    with pytest.raises(NotAllowed):
        services.document_save(model=churn, kind="runbook", title="R", link="x", by=dora, now=now)


@pytest.mark.parametrize(
    ("text", "approve", "age", "quality"),
    [
        pytest.param("Too short.", True, 0, 0.0, id="a placeholder counts nothing"),
        pytest.param(TEXT, False, 0, 0.5, id="a draft counts half"),
        pytest.param(TEXT, True, 0, 1.0, id="approved and current counts whole"),
        pytest.param(TEXT, True, 5, 0.5, id="older than the version counts half"),
    ],
)
def test_completeness_of_a_section(text, approve, age, quality, churn, ada, olga, now):
    card = services.document_save(
        model=churn, kind="model_card", title="Card", by=ada, now=now - timedelta(days=age),
        sections=[{"key": "purpose", "title": "Purpose", "text": text}],
    )  # fmt: skip
    if approve:
        services.document_approve(document=card, by=olga, now=now)
    version = services.version_register(model=churn, by=ada, now=now)
    asked = [RequiredPart(kind="model_card", section="purpose", weight=BY_LAW)]
    assert document_completeness(version, asked).score == quality


def test_weights_count_and_what_does_not_apply_leaves(churn, churn_1, ada, olga, now):
    card = services.document_save(
        model=churn, version=churn_1, kind="model_card", title="Card", by=ada, now=now,
        sections=[
            {"key": "purpose", "title": "Purpose", "text": TEXT},
            {"key": "people", "title": "People", "text": "n/a"},
        ],
    )  # fmt: skip
    services.section_not_applicable(
        section=card.sections.get(key="people"), reason="No person is affected", by=olga, now=now
    )
    services.section_approve(section=card.sections.get(key="purpose"), by=olga, now=now)
    asked = [
        RequiredPart(kind="model_card", section="purpose", weight=BY_LAW),
        RequiredPart(kind="model_card", section="people", weight=BY_LAW),
        RequiredPart(kind="runbook", weight=RECOMMENDED),
    ]
    result = document_completeness(churn_1, asked)
    assert result.score == 0.75
    assert [part.part.kind for part in result.missing] == ["runbook"]
    assert document_completeness(churn_1, []).score is None


@pytest.mark.parametrize(
    ("training", "test", "overlaps"),
    [
        pytest.param({"digest": "a" * 64}, {"digest": "b" * 64}, False, id="other content is disjoint"),
        pytest.param({"digest": "a" * 64}, {"digest": "a" * 64, "name": "copy"}, True, id="a copy overlaps"),
        pytest.param(
            {"from_on": date(2026, 1, 1), "to_on": date(2026, 3, 31)},
            {"from_on": date(2026, 3, 31), "to_on": date(2026, 4, 30)},
            True,
            id="one shared day overlaps",
        ),
        pytest.param(
            {"from_on": date(2026, 1, 1), "to_on": date(2026, 3, 31)},
            {"from_on": date(2026, 4, 1), "to_on": date(2026, 4, 30)},
            False,
            id="the next day is disjoint",
        ),
    ],
)
def test_test_data_must_not_overlap_training_data(training, test, overlaps, churn_1, retail, ada, now):
    sets = {"training": {"label": "1", **training}, "test": {"label": "2", **test}}
    for role, fields in sets.items():
        dataset = services.dataset_register(unit=retail, by=ada, now=now, **({"name": "crm"} | fields))
        services.dataset_link(version=churn_1, dataset=dataset, role=role, by=ada, now=now)
    assert bool(datasets_overlap(churn_1)) is overlaps


def test_a_label_stands_for_one_content(retail, ada, now):
    first = services.dataset_register(unit=retail, name="crm", label="1", digest="a" * 64, by=ada, now=now)
    again = services.dataset_register(unit=retail, name="crm", label="1", digest="a" * 64, by=ada, now=now)
    assert again == first
    with pytest.raises(RuleViolation, match="another label"):
        services.dataset_register(unit=retail, name="crm", label="1", digest="b" * 64, by=ada, now=now)


def test_a_data_set_named_again_takes_over_what_it_lacked(retail, ada, now):
    crm = {"unit": retail, "name": "crm", "digest": "a" * 64, "by": ada, "now": now}
    first = services.dataset_register(**crm, rows=10)
    again = services.dataset_register(**crm, source="Branch system", rows=10)
    assert again == first
    first.refresh_from_db()
    assert (first.source, first.rows) == ("Branch system", 10)
    assert history_model(Dataset).objects.count() == 2
    services.dataset_register(**crm)
    assert history_model(Dataset).objects.count() == 2
    with pytest.raises(Invalid) as refused:
        services.dataset_register(**crm, source="Another system")
    assert [(error.where, "Branch system" in error.message) for error in refused.value.errors] == [
        ("source", True)
    ]


def test_the_description_of_a_data_set_is_changed_with_a_reason(retail, ada, now, verbs):
    crm = services.dataset_register(unit=retail, name="crm", digest="a" * 64, by=ada, now=now)
    services.dataset_describe(dataset=crm, source="Branch system", reason="It was left out", by=ada, now=now)
    crm.refresh_from_db()
    assert (crm.source, crm.digest) == ("Branch system", "a" * 64)
    assert history_model(Dataset).objects.latest("history_id").history_change_reason == "It was left out"
    assert verbs()[-1] == "registry.dataset_described"
    for refused in ({"reason": " "}, {"reason": "Why", "digest": "b" * 64}):
        with pytest.raises(Invalid):
            services.dataset_describe(dataset=crm, by=ada, now=now, **refused)


def test_what_gates_judge_of_a_data_set_is_not_changed_afterwards(churn_1, retail, ada, vera, now):
    crm = services.dataset_register(
        unit=retail, name="crm", digest="a" * 64, source="Branches", from_on=date(2025, 1, 1), by=ada, now=now
    )
    services.dataset_link(version=churn_1, dataset=crm, role="test", by=ada, now=now)
    services.metrics_record(version=churn_1, metrics=[{"name": "auc", "value": 0.8}], by=ada, now=now)
    services.dataset_describe(dataset=crm, to_on=date(2025, 6, 30), reason="Left out", by=ada, now=now)
    for change in ({"from_on": date(2024, 1, 1)}, {"to_on": None}, {"source": ""}):
        with pytest.raises(Invalid) as refused:
            services.dataset_describe(dataset=crm, reason="Why", by=ada, now=now, **change)
        assert [error.where for error in refused.value.errors] == list(change)
    other = services.dataset_register(unit=retail, name="other", digest="c" * 64, by=ada, now=now)
    services.dataset_link(version=churn_1, dataset=other, role="training", by=ada, now=now)
    metric = MetricValue.objects.get(version=churn_1)
    metric.grade = "attested"
    save_as(metric, by=None, now=now)
    with pytest.raises(Invalid, match="vouched"):
        services.dataset_describe(dataset=other, from_on=date(2025, 1, 1), reason="Why", by=ada, now=now)
    services.dataset_describe(dataset=other, source="Branches", reason="Left out", by=ada, now=now)


def test_models_do_not_read_each_other_in_a_circle(churn, retail, olga, now):
    price = services.model_register(name="price", unit=retail, by=olga, now=now)
    services.dependency_add(model=price, upstream=churn, by=olga, now=now)
    with pytest.raises(RuleViolation, match="already"):
        services.dependency_add(model=churn, upstream=price, by=olga, now=now)


def test_the_newest_monitoring_plan_is_current(churn, ada, olga, now):
    measures = [{"measure": "auc", "cadence_hours": 24, "watch": 0.8, "act": 0.7}]
    services.monitoring_plan_save(model=churn, measures=measures, by=ada, now=now)
    second = services.monitoring_plan_save(model=churn, measures=measures, by=ada, now=now)
    assert list(MonitoringPlan.objects.filter(is_current=True)) == [second]
    assert second.owner == olga
    with pytest.raises(Invalid):
        services.monitoring_plan_save(model=churn, measures=[{"measure": "auc"}], by=ada, now=now)
