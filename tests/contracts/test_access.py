"""The access matrix: every named address against anonymous, a stranger of another unit, nobody's role, and each role."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.db.models import Max
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from approvals.models import (
    Challenge,
    ChangeRequest,
    Condition,
    Decision,
    Execution,
    Lapse,
    Signature,
    Stage,
    Validation,
    ValidationFinding,
    Waiver,
)
from audits.models import LedgerEntry
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.web import navigation
from registry.models import (
    Alias,
    Consumer,
    CustomField,
    Dataset,
    Deployment,
    Document,
    Environment,
    FeaturePipeline,
    GovernanceOverride,
    ImportRun,
    ModelDependency,
    ModelTag,
    ModelVersion,
    MonitoringPlan,
    RegisteredModel,
    RiskAssessment,
    ThresholdSet,
    UnitUse,
    VersionDataset,
    VersionTag,
)
from registry.services import dependency_add, document_save
from registry.services.record_tasks import task_open
from tests.contracts.building import Builder
from tests.contracts.expectations import (
    ELSEWHERE,
    PAGES,
    PERSONAL,
    PREFIXES,
    READS,
    SURROUNDINGS,
    WRITES,
    WRITES_AT_THE_UNIT,
    Needs,
)
from tests.factories import approvals as make
from tests.factories.registry import ModelFactory
from tests.kept import kept

# A rule may stand against whoever holds the right, and may be told to whoever may see the record.
MAY, MAY_NOT = ("open", "refused"), ("forbidden", "hidden", "refused")
CALLERS = ("nobody", "stranger", *ROLES)


def named(resolver: Any = None, space: str = "") -> Iterator[str]:
    """Every name in the resolver."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from named(entry, f"{space}{entry.namespace}:" if entry.namespace else space)
        elif isinstance(entry, URLPattern) and entry.name:
            yield f"{space}{entry.name}"


LISTED = {*PAGES, *READS, *WRITES, *WRITES_AT_THE_UNIT, *SURROUNDINGS, *PERSONAL, *ELSEWHERE}


def test_every_named_address_is_listed():
    missing = {name for name in named() if name not in LISTED and not name.startswith(tuple(PREFIXES))}
    assert missing == set(), "add each to tests/contracts/expectations.py with the right it needs"


def test_nothing_is_listed_that_does_not_exist():
    assert set(named()) >= LISTED


def test_what_is_asked_elsewhere_is_asked_there():
    places = {*ELSEWHERE.values(), *((path, "") for path in PREFIXES.values())}
    assert [
        f"{path}: {words}" for path, words in places if words not in Path(settings.BASE_DIR, path).read_text()
    ] == []


@pytest.fixture
@kept
def cast(ada, olga, vera, ines, rolf, carl, omar):
    return make.Cast(ada, olga, vera, ines, rolf, carl, omar)


@pytest.fixture
@kept
def world(cast, retail, plant, group, make_person, now) -> dict[str, dict[str, Any]]:
    """Records of Retail Lending, each as the arguments of an address."""
    from approvals import services

    paula = make_person("Paula Publisher", "policy_publisher", unit=group)
    before = now - timedelta(days=365)
    policy = services.install_default_policy(by=None, second=paula, now=before)
    model = make.complete_model(unit=retail, cast=cast, tier=4, now=now)
    version = make.complete_version(model, cast=cast, now=now)
    environment = make.production(retail, now=now)
    filed = make.submitted(version, environment, by=cast.developer, now=now)
    builder = Builder(now)
    presets = (retail, model, version, environment, filed, filed.stages.order_by("position").first())
    builder.made = {type(row): row for row in presets}
    builder.made[Dataset] = Dataset.objects.first()
    document = document_save(
        model=model,
        kind="runbook",
        title="Runbook",
        file=_stored(now),
        sections=[
            {"key": "runbook_and_rollback", "title": "Runbook", "text": "Call the desk, then go back."}
        ],
        by=cast.developer,
        now=now,
    )
    builder.made[Document] = document
    other = ModelFactory(unit=retail)
    made = {kind: builder.of(kind) for kind in SUBJECTS}
    made[ModelDependency] = dependency_add(model=model, upstream=other, by=None, now=now)
    use = made[UnitUse]
    task = task_open(model=model, kind="complete_record", text="Missing.", now=now)
    run = builder.of(ImportRun)
    limits = ThresholdSet.objects.filter(model=model).first()
    rating = RiskAssessment.objects.filter(model=model).first()
    plan = MonitoringPlan.objects.filter(model=model).first()
    override = _signed_override(builder)
    one, at = {"model": model.pk}, {"model": model.pk, "number": version.number}
    return {
        "unit": {"code": retail.code},
        "model": {"pk": model.pk},
        "of-model": one,
        "model-at-environment": {**one, "?": "environment=prod-eu"},
        "model-with-versions": {**one, "?": "was=1&now=1"},
        "version": {"pk": model.pk, "number": version.number},
        "version-by-id": {"pk": version.pk},
        "api-version": at,
        "version-tag": {**at, "key": made[VersionTag].key},
        "model-tag": {**one, "key": made[ModelTag].key},
        "alias": {**one, "name": made[Alias].name},
        "component": {**one, "pk": model.components.first().pk},
        "consumer": {**one, "pk": made[Consumer].pk},
        "dependency": {**one, "pk": made[ModelDependency].pk},
        "document": {**one, "pk": document.pk},
        "section": {**one, "pk": document.pk, "key": "runbook_and_rollback"},
        "plan": {**one, "number": plan.number},
        "limit": {**one, "number": limits.number},
        "limits": {"pk": model.pk, "limits": limits.pk},
        "rating": {"pk": model.pk, "rating": rating.pk},
        "api-rating": {**one, "pk": rating.pk},
        "dataset-link": {**at, "pk": VersionDataset.objects.filter(version=version).first().pk},
        "dataset": {"pk": builder.made[Dataset].pk},
        "pipeline": {"pk": made[FeaturePipeline].pk},
        "use": {"pk": use.pk},
        "task": {"pk": task.pk},
        "custom-field": {"pk": made[CustomField].pk},
        "environment": {"pk": environment.pk},
        "deployment": {"pk": made[Deployment].pk},
        "import": {"pk": run.pk},
        "import-errors": {"run": run.pk},
        "change": {"pk": filed.pk},
        "of-change": {"change": filed.pk},
        "decision": {"pk": made[Decision].pk},
        "waiver": {"pk": made[Waiver].pk},
        "waiver-signed": {"pk": _signed_waiver(builder).pk},
        "condition": {"pk": made[Condition].pk},
        "lapse": {"pk": made[Lapse].pk},
        "execution": {"pk": made[Execution].pk},
        "validation": {"pk": Validation.objects.first().pk},
        "validation-reported": {"pk": _reported(now).pk},
        "validation-signed": {"pk": Validation.objects.filter(signature__isnull=False).first().pk},
        "override": {"pk": override.pk},
        "override-of": {"pk": override.model_id, "override": override.pk},
        "api-override": {"model": override.model_id, "pk": override.pk},
        "challenge": {"pk": made[Challenge].pk},
        "finding": {"pk": made[ValidationFinding].pk},
        "policy": {"pk": policy.pk},
        "policy-key": {"key": policy.policy.key},
        "kpi": {"name": "deployment_frequency"},
    }


SUBJECTS = (
    Consumer, ModelTag, VersionTag, Alias, UnitUse, FeaturePipeline, CustomField, Deployment,
    Decision, Waiver, Condition, Lapse, Execution, Challenge, ValidationFinding,
)  # fmt: skip


def _signed_waiver(builder: Builder) -> Waiver:
    waiver = builder.build(Waiver)
    waiver.state, waiver.signature = Waiver.State.DECLINED, builder.of(Signature)
    return builder.keep(waiver)


def _signed_override(builder: Builder) -> GovernanceOverride:
    override = builder.build(GovernanceOverride)
    signature = builder.build(Signature)
    override.signature_digest = signature.digest
    builder.keep(override)
    signature.subject_label, signature.subject_id = GovernanceOverride._meta.label, str(override.pk)
    builder.keep(signature)
    return override


def _reported(now: Any) -> Validation:
    validation = Validation.objects.order_by("pk").last()
    validation.report = _stored(now)
    save_as(validation, by=None, now=now, reason="test", fields=["report"])
    return validation


def _stored(now: Any) -> Any:
    from mlops_portal.foundation.files import services as files

    upload = SimpleUploadedFile("runbook.txt", b"Call the desk.")
    return files.store(upload.chunks(), name="runbook.txt", by=None, now=now)


@pytest.fixture
def without_frame(monkeypatch):
    """Draw pages without the navigation around them: the same on each, and a fifth of the time of walking them all."""
    monkeypatch.setattr(navigation, "groups_for", lambda request: [])
    monkeypatch.setattr(navigation, "ledger_box", lambda request: None)


@pytest.fixture
def caller(make_person, retail, plant, as_person):
    """Return a factory of a signed-in client and its person."""

    def sign_in(kind: str) -> tuple[Any, Any]:
        if kind == "nobody":
            person = make_person("Nora Nobody")
        elif kind == "stranger":
            person = make_person("Stan Stranger", "developer", "viewer", unit=plant)
        else:
            person = make_person(f"Tess{kind} Tester", kind, unit=retail)
        return as_person(person), person

    return sign_in


def address(name: str, given: dict[str, Any]) -> str:
    """Return the address of a name for a record."""
    kwargs = {key: value for key, value in given.items() if key != "?"}
    if name == "approvals:sign":
        kwargs["verdict"] = "approve"
    if name == "approvals:waiver-sign":
        kwargs["answer"] = "grant"
    return reverse(name, kwargs=kwargs) + (f"?{given['?']}" if "?" in given else "")


def holds(person: Any, right: str | tuple[str, ...] | None, **scope: int) -> bool:
    """Tell whether a person holds one of the rights."""
    names = (right,) if isinstance(right, str) else right or ()
    return right is None or any(rights_of(person).has(name, **scope) for name in names)


def expected(person: Any, needs: Needs, unit: BusinessUnit) -> str:
    """Say in a word what this person is answered."""
    if not holds(person, needs.right):
        return "forbidden"
    if not needs.subject or not needs.view:
        return "open"
    if not holds(person, needs.view, unit_id=unit.pk):
        return "hidden"
    return "open" if holds(person, needs.right, unit_id=unit.pk) else "forbidden"


# Asks for a part of a page: a refusal is the same, without drawing the whole frame around it a thousand times.
PART = {"HX-Request": "true"}


def answered(response: Any) -> str:
    """Say in a word what a response means."""
    if response.status_code == 302 and "/accounts/login" in response["Location"]:
        return "sign in"
    return {
        200: "open",
        201: "open",
        204: "open",
        302: "open",
        303: "open",
        409: "refused",
        403: "forbidden",
    }.get(
        response.status_code,
        {401: "sign in", 404: "hidden"}.get(response.status_code, str(response.status_code)),
    )


def test_hidden_rows_exist(world):
    """What the others are not shown is really there."""
    assert RegisteredModel.objects.count() >= 1
    assert ModelVersion.objects.count() >= 1
    assert ChangeRequest.objects.count() >= 1
    assert Deployment.objects.count() >= 1
    assert Environment.objects.count() >= 1
    assert Stage.objects.count() >= 1


def test_who_is_not_signed_in_is_sent_to_sign_in(world, client):
    wrong = []
    for name, needs in {**PAGES, **READS}.items():
        got = answered(client.get(address(name, world.get(needs.subject, {}))))
        if got != "sign in":
            wrong.append(f"{name}: {got}")
    for name, (subject, writes) in WRITES.items():
        for write in writes:
            got = answered(
                client.generic(write.method, address(name, world[subject]), "{}", "application/json")
            )
            if got != "sign in":
                wrong.append(f"{write.method} {name}: {got}")
    machine = [name for name in named() if name.startswith("mlflow:") and name != "mlflow:unknown"]
    wrong += [name for name in machine if client.get(reverse(name)).status_code != 401]
    assert wrong == []


def test_each_caller_is_led_to_pages_that_open(world, caller):
    """The frame that the walk through all pages leaves out."""
    for kind in CALLERS:
        client, _ = caller(kind)
        page = client.get(reverse("home"))
        links = [link.url for _, group in page.context["navigation"] for link in group]
        assert links or kind == "nobody", kind
        assert {link: client.get(link, headers=PART).status_code for link in links} == dict.fromkeys(
            links, 200
        )


@pytest.mark.slow
@pytest.mark.usefixtures("without_frame")
def test_each_caller_reads_what_the_role_allows(world, caller, retail):
    wrong = []
    for kind in CALLERS:
        client, person = caller(kind)
        for name, needs in {**PAGES, **READS}.items():
            want = expected(person, needs, retail)
            sent = {} if want == "open" else PART
            answer = client.get(address(name, world.get(needs.subject, {})), headers=sent)
            got = answered(answer).replace("refused", "open")
            # Whoever cannot see a record may as well be told that they lack the right.
            if got != want and not (want == "hidden" and got == "forbidden"):
                wrong.append(f"{kind}, {name}: {got} instead of {want}")
    assert wrong == []


@pytest.mark.slow
def test_each_caller_writes_what_the_role_allows(world, caller, retail):
    wrong = []
    for kind in CALLERS:
        client, person = caller(kind)
        for method, place, right, view, body in writes(world):
            seen = not view or holds(person, view, unit_id=retail.pk)
            allowed = seen and holds(person, right, unit_id=retail.pk)
            got, written = attempt(client, method, place, body)
            if got not in (MAY if allowed else MAY_NOT) or (written and not allowed):
                wrong.append(f"{kind}, {method} {place}: {got}, {'holds' if allowed else 'lacks'} {right}")
    assert wrong == []


def writes(world: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, Any, str, dict[str, Any]]]:
    """Every write with the right it needs, the right to see its record, and a valid body."""
    for name, (subject, several) in WRITES.items():
        view = "approvals.view" if name.startswith("approvals") else "registry.view"
        for write in several:
            yield write.method, address(name, world[subject]), write.right, view, write.body
    for name, (right, body) in WRITES_AT_THE_UNIT.items():
        yield "POST", reverse(name), right, "", body


# The session, what was read, and a refusal that leaves evidence are no change of anything.
UNGOVERNED = {
    "django_session",
    "audits_accesslog",
    "audits_ledgerentry",
    "audits_ledgerpayload",
    "foundation_tokenuse",
}
STATEMENT = re.compile(r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)
EVIDENCE = (
    "audits.accesses_recorded",
    "approvals.decision_refused",
    "approvals.signing_failed",
)


class Writes:
    """Collects the tables that statements change, whichever app they belong to, and the entries that are made."""

    def __init__(self) -> None:
        self.tables: set[str] = set()

    def __enter__(self) -> "Writes":
        self.newest = LedgerEntry.objects.aggregate(newest=Max("id"))["newest"] or 0
        self.watch = connection.execute_wrapper(self.note)
        self.watch.__enter__()
        return self

    def note(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Remember what a statement changes."""
        if (found := STATEMENT.match(sql)) and found[1] not in UNGOVERNED:
            self.tables.add(found[1])
        return execute(sql, params, many, context)

    def __exit__(self, *error: Any) -> None:
        self.watch.__exit__(None, None, None)
        entries = LedgerEntry.objects.filter(id__gt=self.newest).exclude(verb__in=EVIDENCE)
        self.tables |= set(entries.values_list("verb", flat=True))


def attempt(client: Any, method: str, place: str, body: dict[str, Any]) -> tuple[str, bool]:
    """Try a write and take it back; return what was answered and whether anything changed, in any app."""
    with transaction.atomic():
        with Writes() as writes:
            response = client.generic(method, place, json.dumps(body), "application/json")
        transaction.set_rollback(True)
    return answered(response), bool(writes.tables)
