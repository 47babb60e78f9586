"""How acts, fields and values of records are told: in the words of the record, never in those of the code."""

from collections import Counter
from datetime import timedelta

import pytest

from audits.models import LedgerEntry
from audits.reading.entries import subject_of, told_verb
from audits.reading.records import steps_of
from mlops_portal.foundation.events import verb_label, verbs
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.web.words import content
from registry.services.models import model_register
from registry.services.versions import version_register


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        pytest.param(
            "registry.riskassessment_created", "risk assessment created", id="the record's own words"
        ),
        pytest.param("approvals.changerequest_changed", "change request changed", id="as its pages name it"),
        pytest.param("registry.rating_approved", "approved a risk rating", id="an act has its sentence"),
        pytest.param("elsewhere.thing_created", "thing created", id="a kind that is gone keeps its name"),
    ],
)
def test_verbs_in_words(verb, told):
    assert verb_label(verb) == told


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param({"verdict": "approve", "meaning": "validate"}, "validate", id="an approval in the word of its stage"),
        pytest.param({"verdict": "approve", "meaning": "attest"}, "accept", id="as its owner does"),
        pytest.param({"verdict": "approve", "meaning": "accept_risk"}, "approve", id="whatever else it says"),
        pytest.param({"verdict": "reject", "meaning": "review"}, "reject", id="a refusal is called what it is"),
        pytest.param({"verdict": "approve"}, "approve", id="without a meaning as it was recorded"),
    ],
)  # fmt: skip
def test_a_decision_is_called_as_on_its_receipt(data, told):
    signed = LedgerEntry(verb="approvals.decision_signed", subject_label="approvals.ChangeRequest")
    assert told_verb(signed, {"data": {"stage": "validation", **data}}) == f"signed a decision ({told})"
    written = LedgerEntry(
        verb="approvals.decision_created", subject_label="approvals.Decision", subject_id="1"
    )
    assert subject_of(written, {"row": data}) == told


def test_no_two_verbs_read_the_same():
    assert [label for label, count in Counter(verb.label for verb in verbs()).items() if count > 1] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(["It runs in production.", "It is regulated."], "It runs in production. It is regulated.", id="a list of sentences"),
        pytest.param(["income", "age"], "income; age", id="a list of words"),
        pytest.param({"learning_rate": 0.05, "is_open": True}, "learning rate 0.05, is open yes", id="named values"),
        pytest.param([{"percent": 5}, {"percent": 100}], "percent 5; percent 100", id="a list of named values"),
        pytest.param(0.8123456789012345, "0.812346", id="six digits of what was measured"),
        pytest.param(50.0, "50", id="a whole number has no point"),
        pytest.param(12345678.5, "12\u202f345\u202f678.5", id="large amounts stay exact"),
        pytest.param([], "none", id="nothing is said in words"),
    ],
)  # fmt: skip
def test_values_carry_no_marks_of_json(value, text):
    assert content(value) == text


@pytest.mark.django_db
class TestSteps:
    """What a history shows of each step."""

    @pytest.fixture
    def model(self, retail, olga, ada, now):
        found = model_register(name="pd", title="PD", unit=retail, owner=olga, by=ada, now=now)
        found.last_attested_at, found.next_review_on = now, now.date()
        found.updated_at = now + timedelta(days=1)
        return save_as(found, by=olga, now=now + timedelta(days=1), reason="Attested")

    def test_only_the_first_step_is_a_beginning(self, model, olga):
        steps, _ = steps_of(model, user=olga)
        assert [(one.word, one.is_beginning) for one in steps] == [("changed", False), ("created", True)]
        assert all(one.is_first for one in steps[0].changes if one.name != "updated_at")

    def test_marks_of_writing_are_not_shown(self, model, olga):
        steps, _ = steps_of(model, user=olga)
        assert {one.name for one in steps[0].shown} == {"last_attested_at", "next_review_on"}
        assert not {one.name for one in steps[1].shown} & {"id", "updated_at", "row_revision"}
        assert "updated_at" in {one.name for one in steps[0].changes}

    def test_developers_of_a_version_are_named(self, model, ada, now):
        version = version_register(model=model, developer_ids=[ada.pk], by=ada, now=now + timedelta(days=2))
        told = {one.name: one.after for one in steps_of(version, user=ada)[0][0].changes}
        assert told["developer_ids"] == "Ada Brandt"
