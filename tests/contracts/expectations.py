"""Who may open what: every named address with the right it asks for and the record it is about.

`Needs(right, subject)`: a caller without the right anywhere gets 403, one who cannot see the record 404. `right=None`
means everybody who is signed in. A new address must be added here, or the contract fails.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Needs:
    """What an address asks for. Several rights: any of them."""

    right: str | tuple[str, ...] | None = None
    subject: str = ""
    view: str = "registry.view"


@dataclass(frozen=True, slots=True)
class Write:
    """One method of an API address with a body that is valid."""

    method: str
    right: str | tuple[str, ...]
    body: dict[str, Any] = field(default_factory=dict)


V, E, A = "registry.view", "registry.edit", "approvals.view"
OPERATE = ("approvals.execute", "approvals.rollback")
DECIDE = (
    "approvals.accept", "approvals.validate", "approvals.approve_risk", "approvals.approve_change",
    "approvals.approve_light", *OPERATE,
)  # fmt: skip
ACCOUNTS = ("people.grant", "people.manage_accounts")


def change(right: Any) -> Needs:
    """An address about a change request."""
    return Needs(right, "change", A)


def validation(right: Any, subject: str = "validation") -> Needs:
    """An address about a validation."""
    return Needs(right, subject, A)


PAGES: dict[str, Needs] = {
    "home": Needs(),
    "web:notifications": Needs(),
    "web:search": Needs(),
    "web:palette": Needs(),
    "web:profile": Needs(),
    "web:kit": Needs(),
    "registry:model-list": Needs(V),
    "registry:model-register": Needs("registry.register"),
    "registry:models-assign-owner": Needs(E),
    "registry:model-detail": Needs(V, "model"),
    "registry:model-edit": Needs(E, "model"),
    "registry:model-attest": Needs(E, "model"),
    "registry:model-delete": Needs("registry.delete", "model"),
    "registry:version-list": Needs(V, "model"),
    "registry:version-register": Needs("registry.register", "model"),
    "registry:version-detail": Needs(V, "version"),
    "registry:version-artifact": Needs(E, "version"),
    "registry:version-delete": Needs("registry.delete", "version"),
    "registry:compare": Needs(V, "model"),
    "registry:document-list": Needs(V, "model"),
    "registry:document-detail": Needs(V, "document"),
    "registry:evidence": Needs(V, "model"),
    "registry:lineage": Needs(V, "model"),
    "registry:metric-add": Needs(E, "version"),
    "registry:dataset-link": Needs(E, "version"),
    "registry:dataset-edit": Needs(E, "dataset-link"),
    "registry:pipeline-link": Needs(E, "version"),
    "registry:dataset-list": Needs(V),
    "registry:dataset-detail": Needs(V, "dataset"),
    "registry:dataset-describe": Needs(E, "dataset"),
    "registry:dataset-uses": Needs(V, "dataset"),
    "registry:pipeline-list": Needs(V),
    "registry:pipeline-detail": Needs(V, "pipeline"),
    "registry:pipeline-uses": Needs(V, "pipeline"),
    "registry:evidence-attest": Needs("approvals.validate", "version"),
    "registry:document-add": Needs(E, "model"),
    "registry:document-approve": Needs(E, "document"),
    "registry:section-add": Needs(E, "document"),
    "registry:document-file": Needs(V, "document"),
    "registry:consumer-add": Needs(E, "model"),
    "registry:dependency-add": Needs(E, "model"),
    "registry:use-request": Needs(E, "model"),
    "registry:use-decide": Needs("registry.accept_use", "use", "registry.accept_use"),
    "registry:plan-edit": Needs(E, "model"),
    "registry:rating-propose": Needs("registry.rate", "model"),
    "registry:rating-decide": Needs("registry.approve_rating", "rating"),
    "registry:override-end": Needs("registry.approve_rating", "override-of"),
    "registry:limits-propose": Needs(E, "model"),
    "registry:limits-lock": Needs("registry.lock_thresholds", "limits"),
    "registry:import-list": Needs("registry.import"),
    "registry:import-start": Needs("registry.import"),
    "registry:import-run": Needs("registry.import", "import", "registry.import"),
    "registry:import-resume": Needs("registry.import", "import", "registry.import"),
    "registry:import-created": Needs("registry.import", "import", "registry.import"),
    "registry:import-undo": Needs("registry.import", "import", "registry.import"),
    "registry:import-give-up": Needs("registry.import", "import", "registry.import"),
    "registry:deployment-list": Needs(V),
    "registry:deployment-board": Needs(V),
    "registry:deployment-detail": Needs(V, "deployment"),
    "registry:environment-list": Needs(V),
    "registry:environment-create": Needs("registry.manage_environments"),
    "registry:environment-detail": Needs(V, "environment"),
    "registry:environment-close": Needs("registry.manage_environments", "environment"),
    "registry:field-list": Needs("registry.manage_fields"),
    "registry:field-create": Needs("registry.manage_fields"),
    "registry:field-edit": Needs("registry.manage_fields", "custom-field"),
    "registry:field-remove": Needs("registry.manage_fields", "custom-field"),
    "approvals:inbox": Needs(),
    "approvals:away": Needs(),
    "approvals:mine": Needs("approvals.request"),
    "approvals:together": Needs(DECIDE),
    "approvals:assign": Needs(DECIDE),
    "approvals:ask": Needs(DECIDE),
    "approvals:change-list": Needs(A),
    "approvals:new": Needs(("approvals.request", "approvals.rollback")),
    "approvals:change-detail": change(A),
    "approvals:preview": change(A),
    "approvals:edit": change("approvals.request"),
    "approvals:file": change("approvals.request"),
    "approvals:withdraw": change("approvals.request"),
    "approvals:comment": change("approvals.comment"),
    "approvals:mark-read": change(A),
    "approvals:materiality": change(("approvals.validate", "approvals.approve_risk")),
    "approvals:waiver-ask": change("approvals.request"),
    "approvals:execution": change(A),
    "approvals:schedule": change(OPERATE),
    "approvals:start": change(OPERATE),
    "approvals:sign": change(A),
    "approvals:receipt": Needs(A, "decision", A),
    "approvals:revoke": Needs(A, "decision", A),
    "approvals:waiver": Needs(A, "waiver", A),
    "approvals:waiver-sign": Needs(A, "waiver", A),
    "approvals:waiver-receipt": Needs(A, "waiver-signed", A),
    "approvals:condition": Needs(A, "condition", A),
    "approvals:condition-declare": Needs(A, "condition", A),
    "approvals:lapse": Needs(A, "lapse", A),
    "approvals:execution-confirm": Needs(OPERATE, "execution", A),
    "approvals:execution-abort": Needs(OPERATE, "execution", A),
    "approvals:roll-back": Needs("approvals.rollback", "deployment"),
    "approvals:suspend": Needs("approvals.rollback", "deployment"),
    "approvals:resume": Needs("approvals.request", "deployment"),
    "approvals:retire": Needs("approvals.request", "model", ""),  # leads to a form that asks
    "approvals:model-changes": Needs(A, "model"),
    "approvals:model-panel": Needs(A, "model"),
    "approvals:model-request": Needs("approvals.request", "model", ""),  # leads to a form that asks
    "approvals:model-validations": Needs(A, "model"),
    "approvals:governance-override": Needs("registry.approve_rating", "model"),
    "approvals:override-receipt": Needs(V, "override"),
    "approvals:version-panel": Needs(A, "version-by-id"),
    "approvals:version-documents": Needs(A, "version-by-id"),
    "approvals:version-validations": Needs(A, "version-by-id"),
    "approvals:version-request": Needs("approvals.request", "version-by-id"),
    "approvals:validation-open": Needs("approvals.validate", "version-by-id"),
    "approvals:validation-list": Needs(A),
    "approvals:validation": validation(A),
    "approvals:finding-raise": validation("approvals.validate"),
    "approvals:validation-report": validation(A, "validation-reported"),
    "approvals:validation-report-attach": validation("approvals.validate"),
    "approvals:challenge-ask": validation("approvals.validate"),
    "approvals:validation-conclude": validation("approvals.validate"),
    "approvals:validation-receipt": validation(A, "validation-signed"),
    "approvals:challenge-answer": validation("approvals.comment", "challenge"),
    "approvals:challenge-accept": validation("approvals.validate", "challenge"),
    "approvals:finding-close": validation("approvals.validate", "finding"),
    "approvals:policies": Needs(A),
    "approvals:policy-draft": Needs("approvals.publish_policy"),
    "approvals:policy": Needs(A, "policy", ""),
    "approvals:policy-publish": Needs("approvals.publish_policy", "policy", ""),
    "audits:workspace": Needs("audits.view_ledger"),
    "audits:verify": Needs("audits.verify"),
    "audits:past-inventory": Needs("audits.view_ledger"),
    "audits:ledger": Needs("audits.view_ledger"),
    "audits:verifier": Needs(("audits.view_ledger", "audits.export")),
    "audits:exports": Needs("audits.export"),
    "audits:export-models": Needs("audits.export"),
    "audits:model-history": Needs(V, "model"),
    "audits:version-history": Needs(V, "version-by-id"),
    "audits:dataset-history": Needs(V, "dataset"),
    "audits:pipeline-history": Needs(V, "pipeline"),
    "audits:change-history": change(A),
    "audits:change-pack": change("audits.export"),
    "kpis:dashboard": Needs("kpis.view"),
    "kpis:target-list": Needs("kpis.view"),
    "kpis:target-propose": Needs("kpis.set_target"),
    "kpis:kpi-detail": Needs("kpis.view", "kpi", ""),
    "administration:people": Needs(ACCOUNTS),
    "administration:person-create": Needs("people.manage_accounts"),
    "administration:roles": Needs("people.view"),
    "administration:units": Needs("people.view"),
    "administration:unit-create": Needs("people.manage_units"),
    "administration:accounts": Needs("people.manage_accounts"),
    "administration:account-create": Needs("people.manage_accounts"),
}

L, EXPORT = "audits.view_ledger", "audits.export"
GRANT, MANAGE = "people.grant", "people.manage_accounts"
PERSON = ""  # people belong to no unit: whoever may do this anywhere sees them; acts ask on the units of their roles

# Addresses about records that `tests/contracts/surroundings.py` adds to the world.
SURROUNDINGS: dict[str, Needs] = {
    "audits:deployment-pack": Needs(EXPORT, "deployment-of-change"),
    "audits:public-key": Needs(L),
    "audits:entry": Needs(L, "entry", L),
    "audits-api:checkpoint": Needs(L),
    "audits-api:entry": Needs(L, "entry", L),
    "audits-api:proof": Needs(L, "entry", L),
    "kpis:target-detail": Needs("kpis.view", "target", "kpis.view"),
    "kpis:target-approve": Needs("kpis.set_target", "target", "kpis.view"),
    "kpis:target-decline": Needs("kpis.set_target", "target", "kpis.view"),
    "administration:person": Needs(ACCOUNTS, "person", PERSON),
    "administration:person-grant": Needs(GRANT, "person", PERSON),
    "administration:person-invite": Needs(MANAGE, "person", PERSON),
    "administration:person-deactivate": Needs(MANAGE, "person", PERSON),
    "administration:grant-confirm": Needs(GRANT, "grant", GRANT),
    "administration:grant-revoke": Needs(GRANT, "grant", GRANT),
    "administration:unit-edit": Needs("people.manage_units", "unit-by-id", "people.manage_units"),
    "administration:account-grant": Needs(MANAGE, "account", MANAGE),
    "administration:account-hand-over": Needs(MANAGE, "account", MANAGE),
    "administration:token-create": Needs(MANAGE, "account", MANAGE),
    "administration:token-revoke": Needs(MANAGE, "token", MANAGE),
    "administration:access-decide": Needs(GRANT, "access-request", GRANT),
}
# One person's own: nobody else opens it, whatever their role in the unit. With the method its owner uses.
PERSONAL: dict[str, tuple[str, str]] = {
    "web:job": ("job", "GET"),
    "web:notice": ("notice", "GET"),
    "web:job-stop": ("job", "POST"),
    "web:view-delete": ("view", "POST"),
    "registry:import-preview": ("upload", "GET"),
    "audits:export-download": ("export", "GET"),
    "audits:export-again": ("export", "POST"),
    "audits-api:export": ("export", "GET"),
    "audits-api:download": ("export", "GET"),
}
# Addresses that no record and no role stands behind: the file that asks them, and what in it does.
ELSEWHERE: dict[str, tuple[str, str]] = {
    "healthz": ("tests/unit/foundation/test_health.py", "/healthz"),
    "readyz": ("tests/unit/foundation/test_health.py", "/readyz"),
    "metrics": ("tests/unit/foundation/test_health.py", "/metrics"),
    "web:access-ask": ("tests/web/foundation/test_access_requests.py", "/access/ask/"),
    "web:view-save": ("tests/security/test_hostile_addresses.py", "/views/save/"),
    "demonstration:become": ("tests/unit/demonstration/test_production.py", "demonstration:become"),
    "demonstration:code": ("tests/unit/demonstration/test_portfolio.py", "demonstration:code"),
    "approvals-api:gate": ("tests/api/approvals/test_gate.py", "/gate/"),
}
PREFIXES: dict[str, str] = {
    "account_": "tests/security/test_account_pages.py",
    "mfa_": "tests/security/test_account_pages.py",
    "mlflow:": "tests/contracts/test_every_method.py",
}

READS: dict[str, Needs] = {
    "api-schema": Needs(),
    "api-docs": Needs(),
    "foundation-api:me": Needs(),
    "foundation-api:units": Needs(V),
    "foundation-api:unit": Needs(V, "unit"),
    "foundation-api:people": Needs("people.view"),
    "registry-api:models": Needs(V),
    "registry-api:model": Needs(V, "model"),
    "registry-api:model-applicability": Needs(V, "model"),
    "registry-api:model-last-good": Needs(V, "model-at-environment"),
    "registry-api:model-compare": Needs(V, "model-with-versions"),
    "registry-api:components": Needs(V, "of-model"),
    "registry-api:component": Needs(V, "component"),
    "registry-api:consumers": Needs(V, "of-model"),
    "registry-api:consumer": Needs(V, "consumer"),
    "registry-api:dependencies": Needs(V, "of-model"),
    "registry-api:dependency": Needs(V, "dependency"),
    "registry-api:model-tags": Needs(V, "of-model"),
    "registry-api:model-tag": Needs(V, "model-tag"),
    "registry-api:aliases": Needs(V, "of-model"),
    "registry-api:alias": Needs(V, "alias"),
    "registry-api:documents": Needs(V, "of-model"),
    "registry-api:document": Needs(V, "document"),
    "registry-api:document-file": Needs(V, "document"),
    "registry-api:plans": Needs(V, "of-model"),
    "registry-api:plan": Needs(V, "plan"),
    "registry-api:limits": Needs(V, "of-model"),
    "registry-api:limit": Needs(V, "limit"),
    "registry-api:ratings": Needs(V, "of-model"),
    "registry-api:rating": Needs(V, "api-rating"),
    "registry-api:overrides": Needs(V, "of-model"),
    "registry-api:override": Needs(V, "api-override"),
    "registry-api:versions": Needs(V, "of-model"),
    "registry-api:version": Needs(V, "api-version"),
    "registry-api:version-tags": Needs(V, "api-version"),
    "registry-api:version-tag": Needs(V, "version-tag"),
    "registry-api:metrics": Needs(V, "api-version"),
    "registry-api:version-datasets": Needs(V, "api-version"),
    "registry-api:version-pipelines": Needs(V, "api-version"),
    "registry-api:datasets": Needs(V),
    "registry-api:dataset": Needs(V, "dataset"),
    "registry-api:pipelines": Needs(V),
    "registry-api:pipeline": Needs(V, "pipeline"),
    "registry-api:uses": Needs(V),
    "registry-api:use": Needs(V, "use"),
    "registry-api:tasks": Needs(V),
    "registry-api:task": Needs(V, "task"),
    "registry-api:custom-fields": Needs(V),
    "registry-api:custom-field": Needs(V, "custom-field"),
    "registry-api:environments": Needs(V),
    "registry-api:environment": Needs(V, "environment"),
    "registry-api:deployments": Needs(V),
    "registry-api:deployment": Needs(V, "deployment"),
    "registry-api:imports": Needs("registry.import"),
    "registry-api:import": Needs("registry.import", "import", "registry.import"),
    "registry-api:import-errors": Needs("registry.import", "import-errors", "registry.import"),
    "approvals-api:changes": Needs(A),
    "approvals-api:change": change(A),
    "approvals-api:change-status": change(A),
    "approvals-api:change-dossier": change(A),
    "approvals-api:comments": Needs(A, "of-change", A),
    "approvals-api:decisions": Needs(A),
    "approvals-api:decision": Needs(A, "decision", A),
    "approvals-api:validations": Needs(A),
    "approvals-api:validation": validation(A),
    "approvals-api:validation-report": validation(A, "validation-reported"),
    "approvals-api:executions": Needs(A),
    "approvals-api:execution": Needs(A, "execution", A),
    "approvals-api:policies": Needs(A),
    "approvals-api:policy": Needs(A, "policy", ""),
    "approvals-api:policy-in-force": Needs(A, "policy-key", ""),
    "audits-api:entries": Needs("audits.view_ledger"),
    "audits-api:exports": Needs("audits.export"),
    "kpis-api:numbers": Needs("kpis.view"),
    "kpis-api:number": Needs("kpis.view", "kpi", ""),
}

SECOND = ("registry.edit", "registry.rate", "registry.lock_thresholds")
WRITES: dict[str, tuple[str, list[Write]]] = {
    "registry-api:model": (
        "model",
        [Write("PATCH", E, {"title": "Another title"}), Write("DELETE", "registry.delete")],
    ),
    "registry-api:model-rename": ("model", [Write("POST", E, {"name": "another-name"})]),
    "registry-api:model-attest": ("model", [Write("POST", E, {})]),
    "registry-api:components": ("of-model", [Write("POST", E, {"name": "Scorer", "kind": "analytical"})]),
    "registry-api:component": ("component", [Write("PATCH", E, {"name": "Other"}), Write("DELETE", E)]),
    "registry-api:consumers": ("of-model", [Write("POST", E, {"name": "Collections"})]),
    "registry-api:consumer": ("consumer", [Write("PATCH", E, {"contact": "desk 4"})]),
    "registry-api:consumer-notify": ("consumer", [Write("POST", E, {})]),
    "registry-api:consumer-release": ("consumer", [Write("POST", E, {})]),
    "registry-api:dependency": ("dependency", [Write("DELETE", E)]),
    "registry-api:model-tag": ("model-tag", [Write("PUT", E, {"value": "x"}), Write("DELETE", E)]),
    "registry-api:alias": (
        "alias",
        [Write("PUT", "registry.set_alias", {"version": 1}), Write("DELETE", "registry.set_alias")],
    ),
    "registry-api:documents": (
        "of-model",
        [Write("POST", E, {"kind": "other", "title": "Note", "link": "https://x.example"})],
    ),
    "registry-api:document": ("document", [Write("PATCH", E, {"link": "https://y.example"})]),
    "registry-api:document-approve": ("document", [Write("POST", SECOND, {})]),
    "registry-api:section": ("section", [Write("PUT", E, {"text": "Another text of this section."})]),
    "registry-api:section-approve": ("section", [Write("POST", SECOND, {})]),
    "registry-api:section-not-applicable": ("section", [Write("POST", SECOND, {"reason": "Not used here."})]),
    "registry-api:plans": (
        "of-model",
        [Write("POST", E, {"measures": [{"measure": "auc", "cadence_hours": 24}]})],
    ),
    "registry-api:limits": (
        "of-model",
        [Write("POST", E, {"limits": [{"code": "A", "metric": "auc", "direction": "min", "release": 0.7}]})],
    ),
    "registry-api:limits-lock": ("limit", [Write("POST", "registry.lock_thresholds", {})]),
    "registry-api:limits-decline": (
        "limit",
        [Write("POST", "registry.lock_thresholds", {"reason": "Too lax."})],
    ),
    "registry-api:rating-decide": (
        "api-rating",
        [Write("POST", "registry.approve_rating", {"approve": True})],
    ),
    "registry-api:override-end": (
        "api-override",
        [Write("POST", "registry.approve_rating", {"reason": "The sandbox is closed."})],
    ),
    "registry-api:versions": ("of-model", [Write("POST", "registry.register", {"source": "s3://a/b"})]),
    "registry-api:version": (
        "api-version",
        [Write("PATCH", E, {"label": "1.0"}), Write("DELETE", "registry.delete")],
    ),
    "registry-api:version-artifact": ("api-version", [Write("PUT", E, {"sha256": "b" * 64})]),
    "registry-api:version-stage": (
        "api-version",
        [Write("POST", "registry.set_alias", {"stage": "Staging"})],
    ),
    "registry-api:version-tag": ("version-tag", [Write("PUT", E, {"value": "x"}), Write("DELETE", E)]),
    "registry-api:metrics": ("api-version", [Write("POST", E, {"metrics": [{"name": "ks", "value": 0.4}]})]),
    "registry-api:use-decide": ("use", [Write("POST", "registry.accept_use", {"accept": True})]),
    "registry-api:use-end": ("use", [Write("POST", E, {})]),
    "registry-api:task-close": ("task", [Write("POST", E, {})]),
    "registry-api:custom-field": ("custom-field", [Write("DELETE", "registry.manage_fields")]),
    "registry-api:environment": (
        "environment",
        [Write("PATCH", "registry.manage_environments", {"region": "x"})],
    ),
    "registry-api:environment-close": ("environment", [Write("POST", "registry.manage_environments", {})]),
    "registry-api:import-resume": ("import", [Write("POST", "registry.import", {})]),
    "approvals-api:change": ("change", [Write("PATCH", "approvals.request", {"row_revision": 1})]),
    "approvals-api:change-file": ("change", [Write("POST", "approvals.request", {})]),
    "approvals-api:change-resubmit": ("change", [Write("POST", "approvals.request", {})]),
    "approvals-api:change-withdraw": ("change", [Write("POST", "approvals.request", {"reason": "Not now."})]),
    "approvals-api:validation-report": ("validation", [Write("PUT", "approvals.validate", {})]),
    "approvals-api:comments": ("of-change", [Write("POST", "approvals.comment", {"text": "A remark."})]),
}
WRITES_AT_THE_UNIT: dict[str, tuple[str, dict[str, Any]]] = {
    "registry-api:models": ("registry.register", {"name": "fresh-model", "unit": "retail-lending"}),
    "registry-api:datasets": (E, {"name": "applications", "unit": "retail-lending"}),
    "registry-api:pipelines": (E, {"name": "income-features", "unit": "retail-lending"}),
    "registry-api:custom-fields": (
        "registry.manage_fields",
        {"label": "Cost centre", "unit": "retail-lending"},
    ),
    "registry-api:environments": (
        "registry.manage_environments",
        {"name": "lab", "provider": "aws", "unit": "retail-lending"},
    ),
}
