"""The dossier: what its digests cover, and what a comparison says."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from approvals.dossier_format import (
    PARTS,
    Difference,
    build_dossier,
    compare,
    decision_digest,
    gate_content,
    read_dossier,
)

PLAIN = {
    **{name: {} for name in PARTS},
    "request": {"purpose": "Release 4.3.0", "kind": "deploy"},
    "artifact": {"sha256": "ab" * 32},
    "metrics": [{"id": "auc", "value": Decimal("0.815")}, {"id": "ks", "value": 0.41}],
    "documents": [{"id": "card", "digest": "01"}, {"id": "sheet", "digest": "02"}],
    "plan": {"steps": [5, 25, 100], "filed_at": datetime(2026, 11, 1, 8, tzinfo=UTC), "automatic": True},
}


def changed(**parts):
    return build_dossier({**PLAIN, **parts})


def test_equal_content_has_equal_digests_whatever_its_order():
    reordered = dict(reversed(PLAIN.items()))
    reordered["request"] = dict(reversed(PLAIN["request"].items()))
    assert build_dossier(reordered) == build_dossier(PLAIN)


@pytest.mark.parametrize("name", list(PARTS))
def test_a_change_of_any_part_changes_its_digest_and_the_whole_and_no_other(name):
    before, after = build_dossier(PLAIN), changed(**{name: {"changed": True}})
    assert before.digest != after.digest
    differing = [part.name for part in after.parts if part.digest != before.part(part.name).digest]
    assert differing == [name]


def test_the_same_content_in_two_parts_has_two_digests():
    dossier = build_dossier(PLAIN)
    assert dossier.part("risk").content == dossier.part("waivers").content
    assert dossier.part("risk").digest != dossier.part("waivers").digest


def test_a_dossier_survives_its_text():
    dossier = build_dossier(PLAIN)
    assert read_dossier(dossier.text()) == dossier


def test_a_text_edited_afterwards_has_another_digest():
    dossier = build_dossier(PLAIN)
    assert read_dossier(dossier.text().replace("Release 4.3.0", "Release 4.4.0")).digest != dossier.digest


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        pytest.param({**PLAIN, "extra": {}}, "no part called extra", id="an unknown part"),
        pytest.param(
            {k: v for k, v in PLAIN.items() if k != "gates"}, "lacks the part gates", id="a missing part"
        ),
    ],
)
def test_a_dossier_has_exactly_its_parts(parts, words):
    with pytest.raises(ValueError, match=words):
        build_dossier(parts)


def test_a_text_of_another_format_is_refused():
    with pytest.raises(ValueError, match="not a dossier"):
        read_dossier('{"format": "something/2", "parts": []}')


@pytest.mark.parametrize(
    ("parts", "name", "expected"),
    [
        pytest.param(
            {"request": {"purpose": "Release 4.3.1", "kind": "deploy"}},
            "request",
            [("purpose", Difference.CHANGED, "Release 4.3.0", "Release 4.3.1")],
            id="a field changed",
        ),
        pytest.param(
            {"artifact": {"sha256": "ab" * 32, "signature": "x"}},
            "artifact",
            [("signature", Difference.ADDED, None, "x")],
            id="a field added",
        ),
        pytest.param(
            {"artifact": {}}, "artifact", [("sha256", Difference.REMOVED, "ab" * 32, None)], id="removed"
        ),
        pytest.param(
            {"metrics": [{"id": "ks", "value": 0.41}, {"id": "auc", "value": Decimal("0.809")}]},
            "metrics",
            [("auc.value", Difference.CHANGED, "0.815", "0.809")],
            id="rows are compared by their id, not by their place",
        ),
        pytest.param(
            {"documents": [{"id": "card", "digest": "01"}]},
            "documents",
            [("sheet", Difference.REMOVED, {"id": "sheet", "digest": "02"}, None)],
            id="a row removed",
        ),
        pytest.param(
            {"plan": {**PLAIN["plan"], "steps": [10, 100]}},
            "plan",
            [("steps", Difference.CHANGED, [5, 25, 100], [10, 100])],
            id="a list without names is one value",
        ),
        pytest.param(
            {"plan": {**PLAIN["plan"], "automatic": 1}},
            "plan",
            [("automatic", Difference.CHANGED, True, 1)],
            id="true is not one",
        ),
    ],
)
def test_what_changed_field_by_field(parts, name, expected):
    compared = compare(build_dossier(PLAIN), changed(**parts))
    assert [part.name for part in compared] == list(PARTS)
    assert [part.name for part in compared if part.is_changed] == [name]
    (part,) = (part for part in compared if part.is_changed)
    assert [(c.path, c.difference, c.before, c.after) for c in part.changes] == expected


def test_another_order_alone_is_shown_as_such():
    (part,) = (
        p for p in compare(build_dossier(PLAIN), changed(metrics=PLAIN["metrics"][::-1])) if p.is_changed
    )
    assert [change.path for change in part.changes] == ["order of entries"]


def test_nothing_changed_between_equal_dossiers():
    assert not any(part.is_changed for part in compare(build_dossier(PLAIN), build_dossier(PLAIN)))


def test_live_facts_stay_out_of_a_gate_and_order_does_not_matter():
    def content(facts):
        return gate_content(
            gate_id="VAL-01",
            rule="r",
            applies_when="true",
            severity="block",
            facts=facts,
            live={"age_days"},
            digests={"b": "2", "a": "1"},
        )

    today = content({"age_days": 12, "components": ("b", "a"), "outcome": "approved"})
    assert today == content({"age_days": 13, "components": ["a", "b"], "outcome": "approved"})
    assert today["facts"] == {"components": ["a", "b"], "outcome": "approved"}


DECISION = {
    "dossier_digest": "aa" * 32,
    "stage": "risk",
    "verdict": "approve",
    "meaning": "approve",
    "conditions": [{"text": "Refit", "due_on": "2027-01-31"}],
    "waivers": ["7", "3"],
    "rationale": "Metrics hold.",
    "signer": "12",
    "on_behalf_of": "",
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dossier_digest", "bb" * 32),
        ("stage", "change"),
        ("verdict", "reject"),
        ("meaning", "accept_risk"),
        ("conditions", []),
        ("waivers", ["7"]),
        ("rationale", "Metrics hold"),
        ("signer", "13"),
        ("on_behalf_of", "12"),
    ],
)
def test_a_signature_covers_everything_that_a_decision_says(field, value):
    assert decision_digest(**DECISION) != decision_digest(**{**DECISION, field: value})


def test_the_order_of_waivers_says_nothing():
    assert decision_digest(**DECISION) == decision_digest(**{**DECISION, "waivers": ["3", "7"]})
