"""Whether an act on the registry is allowed *now*, with every reason. Who may do it at all is `foundation.people.rights`."""

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.people.behind import Behind, behind, people_behind
from mlops_portal.foundation.people.gates import Granting
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.words import day_text
from registry.gates import Deletion, Retirement, blockers_of, deletion_gates, retirement_gates
from registry.models import (
    Consumer,
    Deployment,
    Document,
    DocumentSection,
    Environment,
    GovernanceOverride,
    MetricValue,
    ModelDependency,
    ModelVersion,
    RegisteredModel,
    RiskAssessment,
    ThresholdSet,
    UnitUse,
)
from registry.queries.deciders import DECIDING_ROLES, OFFICES, Deciders, answered_for
from registry.queries.lineage import around
from registry.queries.offices import offices_of
from registry.states import (
    DEPLOYMENT_TRANSITIONS,
    INVENTORY_KINDS,
    LIFECYCLE_TRANSITIONS,
    DeploymentState,
    Governance,
    Grade,
    LifecycleState,
    ModelKind,
    RegistryStage,
    ReviewState,
    SectionStatus,
    UseState,
)

NAME_MAX = 256
ALIAS_MAX = 255
TAG_KEY_MAX = 250
FIELD_KEY_MAX = 80
VALIDATE = "approvals.validate"

_ALIAS = re.compile(r"[\w\-]+", re.ASCII)  # a letter of another alphabet may look like one of ours
_VERSION_ALIAS = re.compile(r"[vV]\d+")
_TAG_KEY = re.compile(r"[/\w.\- :]+")
_FIELD_KEY = re.compile(rf"[-a-zA-Z0-9_]{{1,{FIELD_KEY_MAX}}}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


# People


def person_behind(user: User) -> int:
    """Return the person who answers for what ``user`` does: the owner of a service account."""
    return user.pk if user.is_person else user.service_account.owner_id


def same_person_blockers(
    *,
    first: User | None,
    second: User | None,
    since: datetime,
    message: str,
    owner: str,
    known: Behind | None = None,
) -> list[Blocker]:
    """Why the second of two people may not act: they are the first, or stand behind its account. ``owner`` may.

    ``since`` is when the first acted; ``known`` who stands behind accounts, if the caller read it for many.
    """
    if second is None:
        return [Blocker("no_person", "A person decides this, never the portal.")]
    if not second.is_person:
        return [Blocker("not_a_person", "A person decides this, never a service account.")]
    if first is None or first.is_person:
        return [Blocker("same_person", message, owner)] if first == second else []
    known = known or behind([first.pk])
    if second.pk in known.owners([first.pk], since=since):
        return [Blocker("same_person", message, owner)]
    if second.pk in known.makers([first.pk], since=since):
        return [Blocker("same_person", f"{message} You made a token of {first}, which acted here.", owner)]
    return []


def _held_office(user: User, model: RegisteredModel, *, since: datetime) -> bool:
    """Tell whether ``user`` owns or develops the model, or did at a moment or later."""
    if user.pk in (model.owner_id, model.developer_id):
        return True
    offices = offices_of(model, since=since)
    return user.pk in offices.owners | offices.developers


def holds(user: User, right: str, unit_id: int) -> bool:
    """Tell whether ``user`` holds a right on a unit."""
    return rights_of(user).has(right, unit_id=unit_id)


# Names


def _path_trick(text: str) -> bool:
    normal = posixpath.normpath(text)
    return normal != text or normal in (".", "..") or normal.startswith(("../", "/"))


def name_problem(name: str) -> str:
    """Say why a model cannot have this name; empty when it can."""
    if not name.strip():
        return "A name is required."
    if len(name) > NAME_MAX:
        return f"The name has {len(name)} characters; at most {NAME_MAX} are possible."
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "The name contains a control character."
    if "/" in name or ":" in name:
        return "A name cannot contain “/” or “:”."
    if _path_trick(name):
        return "A name that reads as a path is not possible."
    return ""


def alias_problem(name: str) -> str:
    """Say why an alias cannot have this name; empty when it can."""
    if not name or len(name) > ALIAS_MAX:
        return f"An alias has 1 to {ALIAS_MAX} characters."
    if not _ALIAS.fullmatch(name):
        return "An alias has letters, digits, underscores and dashes only."
    if name.lower() == "latest" or _VERSION_ALIAS.fullmatch(name):
        return f"“{name}” is reserved."
    return ""


def tag_key_problem(key: str) -> str:
    """Say why a tag cannot have this key; empty when it can."""
    if not key or len(key) > TAG_KEY_MAX:
        return f"A tag's key has 1 to {TAG_KEY_MAX} characters."
    if not _TAG_KEY.fullmatch(key) or _path_trick(key):
        return "A tag's key has letters, digits, spaces and _ - . : / only, and does not read as a path."
    return ""


def field_key_problem(key: str) -> str:
    """Say why a custom field cannot have this key; empty when it can."""
    if _FIELD_KEY.fullmatch(key):
        return ""
    return f"A key has 1 to {FIELD_KEY_MAX} letters, digits, dashes and underscores, e.g. cost-centre."


def digest_problem(digest: str) -> str:
    """Say why this is no SHA-256; empty when it is one."""
    return "" if _SHA256.fullmatch(digest) else "A SHA-256 has 64 hexadecimal digits."


# Models


def alive_blockers(model: RegisteredModel) -> list[Blocker]:
    """Why nothing can be changed on this model: it was deleted."""
    if model.deleted_at is None:
        return []
    return [Blocker("deleted", f"{model} was deleted.", "")]


def version_registration_blockers(model: RegisteredModel) -> list[Blocker]:
    """Why no version can be added."""
    blockers = alive_blockers(model)
    if model.lifecycle_state == LifecycleState.RETIRED:
        blockers.append(Blocker("retired", f"{model} is retired; it takes no new versions.", "the owner"))
    return blockers


def office_problem(model: RegisteredModel, office: str, deciders: Deciders) -> str:
    """Say why whom the record names cannot answer for the model: they decide on its risk (RULES 1.3)."""
    person: User | None = getattr(model, office)
    # Whoever decides on a unit decides on those that an import is about to add below it.
    unit_id = model.unit_id or model.unit.parent_id
    if person is None or not deciders.decides(person.pk, unit_id=unit_id, model_id=model.pk):
        return ""
    return f"{person} decides there as risk officer; nobody owns what they decide on."


def office_blockers(model: RegisteredModel, deciders: Deciders) -> list[Blocker]:
    """Why those who answer for the model cannot go on to where it moves."""
    problems = (office_problem(model, office, deciders) for office in OFFICES)
    return [Blocker("decides_there", problem, "whoever keeps the record") for problem in problems if problem]


def grant_objections(question: Granting) -> list[Blocker]:
    """Why somebody may not be given a role that decides on risk: they answer for models there (RULES 1.3)."""
    if question.role not in DECIDING_ROLES or not (names := answered_for(question)):
        return []
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    label = ROLES[question.role].label.lower()
    message = f"{question.person} answers for {listed}; nobody decides as {label} on what they own. Name another owner first."
    return [Blocker("owns_there", message, "whoever keeps the record")]


def grant_place_objections(question: Granting) -> list[Blocker]:
    """Why nobody may be given a role on this model: there is none, or it was deleted."""
    if question.model_id is None:
        return []
    model = RegisteredModel.objects.filter(pk=question.model_id).first()
    if model is None:
        return [Blocker("no_model", f"There is no model {question.model_id}.")]
    return alive_blockers(model)


def lifecycle_blockers(model: RegisteredModel, *, to: str) -> list[Blocker]:
    """Why the model cannot move to this state of its life."""
    blockers = alive_blockers(model)
    if to not in LIFECYCLE_TRANSITIONS[LifecycleState(model.lifecycle_state)]:
        label = LifecycleState(to).label.lower()
        blockers.append(
            Blocker(
                "transition",
                f"A model that is {model.get_lifecycle_state_display().lower()} does not become {label}.",
            )
        )
    return blockers


def model_rename_blockers(model: RegisteredModel) -> list[Blocker]:
    """Why the model keeps its name: consumers load it by name, and another model could take a name that is free."""
    if not Deployment.objects.filter(model=model, environment__is_production=True).exists():
        return []
    message = (
        f"It ran in production as {model.name}, and consumers know it by that name. Change its title instead."
    )
    return [Blocker("was_in_production", message)]


def model_deletion_blockers(model: RegisteredModel, *, by: User | None, now: datetime) -> list[Blocker]:
    """Why the model cannot become a tombstone."""
    blockers = alive_blockers(model)
    deployments = Deployment.objects.filter(model=model)
    if deployments.filter(state__in=SERVING).exists():
        blockers.append(Blocker("deployed", "A version of it is deployed.", "the operator"))
    elif deployments.filter(environment__is_production=True).exists():
        blockers.append(
            Blocker("was_in_production", "It ran in production: retire it, its record is kept.", "the owner")
        )
    blockers.extend(_use_blockers(model))
    links = ModelDependency.objects.filter(upstream=model, model__deleted_at__isnull=True)
    readers = around(by, (link.model for link in links.select_related("model").order_by("pk")))
    if readers:
        names = [str(reader) for reader in readers.seen[:3]]
        if len(readers.seen) > len(names):
            names.append(f"{len(readers.seen) - len(names)} more")
        if readers.unseen:
            names.append(f"{readers.unseen_words} in units you do not see")
        message = f"Other models read its output: {', '.join(names)}."
        blockers.append(Blocker("read_by_models", message, "their owners"))
    question = Deletion(model=model, version=None, by=by, now=now)
    return blockers + blockers_of(deletion_gates, question)


SERVING = (DeploymentState.IN_PROGRESS, DeploymentState.LIVE, DeploymentState.SUSPENDED)


def _use_blockers(model: RegisteredModel) -> list[Blocker]:
    uses = UnitUse.objects.filter(model=model, state=UseState.ACCEPTED).select_related("using_unit")
    names = ", ".join(str(use.using_unit) for use in uses.order_by("using_unit__name"))
    return [Blocker("used", f"It is used by {names}.", "the using units")] if names else []


def retirement_blockers(model: RegisteredModel, *, by: User | None, now: datetime) -> list[Blocker]:
    """Why the model cannot be retired: consumers not notified or released, uses, traffic, documents (RULES 5.6)."""
    blockers = lifecycle_blockers(model, to=LifecycleState.RETIRED)
    for consumer in Consumer.objects.filter(model=model, released_at__isnull=True).order_by("name"):
        step = "has not confirmed" if consumer.notified_at else "was not notified"
        blockers.append(
            Blocker("consumer", f"{consumer} {step} that it no longer needs the model.", consumer.contact)
        )
    blockers.extend(_use_blockers(model))
    live = Deployment.objects.filter(model=model, state__in=SERVING).select_related("environment")
    for deployment in live.order_by("pk"):
        blockers.append(Blocker("serving", f"It still serves in {deployment.environment}.", "the operator"))
    open_documents = Document.objects.filter(model=model).exclude(status=SectionStatus.APPROVED).count()
    if open_documents:
        blockers.append(
            Blocker(
                "documents", f"{open_documents} of its documents are not approved and archived.", "the owner"
            )
        )
    return blockers + blockers_of(retirement_gates, Retirement(model=model, by=by, now=now))


# Ratings and limits


def rating_proposal_blockers(model: RegisteredModel) -> list[Blocker]:
    """Why no rating can be proposed now."""
    blockers = alive_blockers(model)
    if RiskAssessment.objects.filter(model=model, state=ReviewState.PROPOSED).exists():
        blockers.append(Blocker("open_rating", "A rating of this model awaits approval.", "a risk officer"))
    return blockers


def rating_decision_blockers(rating: RiskAssessment, *, by: User | None) -> list[Blocker]:
    """Why ``by`` may not decide this rating (RULES 1.6)."""
    blockers = []
    if rating.state != ReviewState.PROPOSED:
        blockers.append(Blocker("decided", "This rating was decided already."))
    blockers.extend(
        same_person_blockers(
            first=rating.proposed_by,
            second=by,
            since=rating.proposed_at,
            message="Somebody other than the proposer approves a rating.",
            owner="another risk officer",
        )
    )
    if by is not None and _held_office(by, rating.model, since=rating.proposed_at):
        blockers.append(
            Blocker(
                "own_model",
                "Owner and developer do not approve the rating of their model.",
                "another risk officer",
            )
        )
    return blockers


def limits_decision_blockers(limits: ThresholdSet, *, by: User | None) -> list[Blocker]:
    """Why ``by`` may not lock these limits (RULES 3.2)."""
    blockers = []
    if limits.state != ReviewState.PROPOSED:
        blockers.append(Blocker("decided", "These limits were decided already."))
    blockers.extend(
        same_person_blockers(
            first=limits.proposed_by,
            second=by,
            since=limits.proposed_at,
            message="Somebody other than the proposer locks limits.",
            owner="another validator or risk officer",
        )
    )
    if by is not None and _held_office(by, limits.model, since=limits.proposed_at):
        blockers.append(
            Blocker(
                "own_model",
                "Owner and developer do not lock the limits of their model.",
                "another validator or risk officer",
            )
        )
    return blockers


def override_blockers(
    model: RegisteredModel, *, by: User, governance: str, live: GovernanceOverride | None
) -> list[Blocker]:
    """Why governance cannot be overridden by this person now. ``governance`` is what the facts alone say."""
    blockers = []
    if live is not None:
        until = day_text(portal_day(live.valid_until))
        blockers.append(Blocker("overridden", f"Governance is overridden already, until {until}."))
    elif model.kind not in INVENTORY_KINDS or governance != Governance.MANDATORY:
        blockers.append(Blocker("not_mandatory", "Governance is not mandatory, so nothing is overridden."))
    return blockers + _outside_blockers(model, "override governance", by=by)


def override_end_blockers(override: GovernanceOverride, *, by: User, now: datetime) -> list[Blocker]:
    """Why this person cannot end an override now: it is over, or they could not sign one either."""
    blockers = []
    if not override.is_live(now):
        over = day_text(portal_day(override.ended_at or override.valid_until))
        blockers.append(Blocker("ended", f"The override ended on {over}."))
    return blockers + _outside_blockers(override.model, "end an override", by=by)


def _outside_blockers(model: RegisteredModel, act: str, *, by: User) -> list[Blocker]:
    """Keep overrides, and their ends, with those outside the owner's line."""
    blockers = []
    if by.pk in (model.owner_id, model.developer_id):
        blockers.append(Blocker("own_model", f"Owner and developer do not {act}.", "a risk officer"))
    owner = model.owner
    if owner is not None and (owner.line_manager_id == by.pk or by.line_manager_id == owner.pk):
        blockers.append(Blocker("own_line", f"The owner's line does not {act}.", "a risk officer"))
    return blockers


# Versions


def version_change_blockers(version: ModelVersion, names: Iterable[str]) -> list[Blocker]:
    """Why these fields cannot change: what was registered is immutable."""
    blockers = []
    if version.deleted_at is not None:
        blockers.append(Blocker("deleted", f"{version} was deleted."))
    for name in names:
        if name in ModelVersion.REGISTERED_FIELDS:
            label = name.replace("_", " ").capitalize()
            blockers.append(Blocker("registered_field", f"{label} was registered and cannot be changed."))
    return blockers


def version_deletion_blockers(version: ModelVersion, *, by: User | None, now: datetime) -> list[Blocker]:
    """Why the version cannot become a tombstone."""
    blockers = []
    if version.deleted_at is not None:
        blockers.append(Blocker("deleted", f"{version} was deleted already."))
    deployments = Deployment.objects.filter(version=version)
    if deployments.filter(state__in=SERVING).exists():
        blockers.append(Blocker("deployed", f"{version} is deployed.", "the operator"))
    elif deployments.filter(environment__is_production=True).exists():
        blockers.append(Blocker("was_in_production", f"{version} ran in production; its record is kept.", ""))
    question = Deletion(model=version.model, version=version, by=by, now=now)
    return blockers + blockers_of(deletion_gates, question)


def artifact_blockers(version: ModelVersion, digest: str) -> list[Blocker]:
    """Why the artifact digest cannot be set: it is set once."""
    blockers = version_change_blockers(version, ())
    if version.artifact_sha256 and version.artifact_sha256 != digest:
        blockers.append(
            Blocker(
                "digest_set", "The artifact digest was recorded and never changes; register a new version."
            )
        )
    return blockers


def stage_blockers(version: ModelVersion, *, to: str, archive_existing: bool) -> list[Blocker]:
    """Why the version cannot move to this stage."""
    blockers = version_change_blockers(version, ())
    if archive_existing and to not in (RegistryStage.STAGING, RegistryStage.PRODUCTION):
        blockers.append(
            Blocker(
                "archive_existing", "Others are archived only when a version moves to Staging or Production."
            )
        )
    return blockers


# Evidence


def claimable_grades(by: User | None, *, version: ModelVersion) -> frozenset[str]:
    """Return the grades of evidence ``by`` may claim for this version (RULES 3.1).

    The portal itself (None) claims none above *declared*: what it recomputed is graded by the service that did.
    """
    grades = {str(Grade.DECLARED)}
    if by is None:
        return frozenset(grades)
    if not by.is_person:
        repository = by.service_account.repository
        if repository and version.repository == repository:
            grades.add(str(Grade.PIPELINE))
        return frozenset(grades)
    if not rights_of(by).has(VALIDATE, unit_id=version.unit_id, model_id=version.model_id):
        return frozenset(grades)
    since = version.registered_at
    built_it = by.pk in (version.registered_by_id, *version.developer_ids)
    if not (
        built_it
        or _held_office(by, version.model, since=since)
        or by.pk in people_behind(version.registered_by, since=since)
    ):
        grades |= {str(Grade.ATTESTED), str(Grade.REPRODUCED)}
    return frozenset(grades)


def grade_blockers(grade: str, *, by: User | None, version: ModelVersion) -> list[Blocker]:
    """Why ``by`` may not claim this grade."""
    if grade in claimable_grades(by, version=version):
        return []
    label = Grade(grade).label.lower()
    return [
        Blocker(
            "grade",
            f"Evidence of grade “{label}” comes from "
            + (
                "a service account bound to the version's repository."
                if grade == Grade.PIPELINE
                else "an independent validator."
            ),
            "a validator" if grade != Grade.PIPELINE else "the owner of the pipeline",
        )
    ]


def usual_grade(by: User | None, *, version: ModelVersion) -> str:
    """Return the grade that evidence has when nobody claims one: *pipeline* from a bound pipeline, else *declared*."""
    is_pipeline = by is not None and not by.is_person
    if is_pipeline and Grade.PIPELINE in claimable_grades(by, version=version):
        return Grade.PIPELINE
    return Grade.DECLARED


def weaker_evidence_blockers(metrics: Sequence[MetricValue]) -> list[Blocker]:
    """Why these metrics are not replaced: stronger evidence stands."""
    return [
        Blocker(
            "stronger_evidence",
            f"{metric} is {metric.get_grade_display().lower()}; weaker evidence does not replace it.",
        )
        for metric in metrics
    ]


def document_approval_blockers(
    document: Document, *, by: User | None, known: Behind | None = None
) -> list[Blocker]:
    """Why ``by`` may not approve this document."""
    blockers = []
    if document.status == SectionStatus.APPROVED:
        blockers.append(Blocker("approved", "This edition is approved already."))
    if not document.says_something:
        blockers.append(Blocker("empty", "It has no file, no link and no section with a text yet."))
    blockers.extend(
        same_person_blockers(
            first=document.uploaded_by,
            second=by,
            since=document.updated_at,
            message="Somebody other than its author approves a document.",
            owner="another model owner or developer",
            known=known,
        )
    )
    return blockers


def section_approval_blockers(section: DocumentSection, *, by: User | None) -> list[Blocker]:
    """Why ``by`` may not approve this section, or take it out as not applicable."""
    return same_person_blockers(
        first=section.document.uploaded_by,
        second=by,
        since=section.document.updated_at,
        message="Somebody other than its author approves a section.",
        owner="another model owner or developer",
    )


# Uses and operations


def use_decision_blockers(use: UnitUse, *, by: User | None, now: datetime) -> list[Blocker]:
    """Why ``by`` may not decide this use."""
    blockers = []
    if use.state != UseState.REQUESTED:
        blockers.append(Blocker("decided", "This use was decided already."))
    asked = people_behind(use.requested_by, since=use.requested_at)
    if asked & people_behind(by, since=now):
        blockers.append(
            Blocker("own_request", "Somebody other than the requester accepts a use.", "the using unit")
        )
    return blockers


def deployment_blockers(version: ModelVersion, environment: Environment) -> list[Blocker]:
    """Why this version cannot be put into this environment, as far as the registry knows."""
    blockers = alive_blockers(version.model)
    if version.deleted_at is not None:
        blockers.append(Blocker("deleted", f"{version} was deleted."))
    if environment.closed_at is not None:
        blockers.append(Blocker("environment_closed", f"{environment} is closed.", "the operator"))
    if version.model.lifecycle_state in (
        LifecycleState.DRAFT,
        LifecycleState.RETIRED,
        LifecycleState.REJECTED,
    ):
        state = version.model.get_lifecycle_state_display().lower()
        blockers.append(Blocker("lifecycle", f"{version.model} is {state}.", "the owner"))
    if version.model.kind == ModelKind.PROMPT and environment.is_production:
        blockers.append(Blocker("prompt", "A prompt is released with the model that uses it."))
    return blockers


def deployment_state_blockers(deployment: Deployment, *, to: str) -> list[Blocker]:
    """Why the deployment cannot move to this state."""
    if to in DEPLOYMENT_TRANSITIONS[DeploymentState(deployment.state)]:
        return []
    label = DeploymentState(to).label.lower()
    return [
        Blocker(
            "transition",
            f"A deployment that is {deployment.get_state_display().lower()} does not become {label}.",
        )
    ]


def environment_closing_blockers(environment: Environment) -> list[Blocker]:
    """Why the environment cannot be closed."""
    live = Deployment.objects.filter(environment=environment, state__in=SERVING)
    names = ", ".join(str(row.version) for row in live.select_related("version__model").order_by("pk")[:3])
    return [Blocker("serving", f"It still serves {names}.", "the operator")] if names else []
