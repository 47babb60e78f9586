"""What a signature would say, word for word, before it is given: the record sentence and the decision digest."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from approvals.dossier_format import decision_digest, read_dossier
from approvals.models import ChangeRequest, Decision, Delegation, Dossier, Signature, Stage
from approvals.states import POSITIVE_VERDICTS, Meaning, Verdict
from mlops_portal.foundation.people.models import User

_POSITIVE = {
    Meaning.ATTEST: "accept, as its owner,",
    Meaning.VALIDATE: "confirm the independent validation of",
    Meaning.REVIEW: "confirm the review of",
    Meaning.RELEASE: "release",
    Meaning.ACCEPT_RISK: "approve, accepting the risk of the waivers named below,",
}
_OTHER = {
    Verdict.REQUEST_CHANGES: "ask for the changes listed below before anybody decides on",
    Verdict.REJECT: "reject",
    Verdict.RECUSE: "step aside from deciding on",
}


def record_verb(meaning: Meaning, verdict: Verdict) -> str:
    """Return the words that stand between the person and the title."""
    if verdict in POSITIVE_VERDICTS:
        return _POSITIVE.get(meaning, "approve")
    return _OTHER[verdict]


def revocation_of(decision: Decision) -> Signature | None:
    """Return the signature that took an approval back: the one that stands under the decision itself."""
    under = Signature.objects.filter(subject_label=decision._meta.label, subject_id=str(decision.pk))
    return under.filter(meaning=Meaning.CLOSE).order_by("-signed_at", "-pk").first()


def filed_dossier(change: ChangeRequest) -> Dossier | None:
    """Return the present revision of what was filed."""
    return Dossier.objects.filter(change=change, number=change.dossier_number).first()


def waivers_in(dossier: Dossier | None) -> list[Mapping[str, Any]]:
    """Return the waivers that the filed dossier relies on."""
    return read_dossier(dossier.content).part("waivers").content["waivers"] if dossier else []


def digest_of(
    change: ChangeRequest,
    stage: Stage,
    *,
    verdict: Verdict,
    meaning: Meaning,
    waivers: Sequence[Mapping[str, Any]],
    rationale: str,
    conditions: Sequence[Mapping[str, Any]],
    signer: User,
    on_behalf_of: User | None,
) -> str:
    """Return the digest that signing this very content will give: the same statement, built by the same function."""
    return decision_digest(
        dossier_digest=change.dossier_digest,
        stage=stage.key,
        verdict=verdict,
        meaning=meaning,
        conditions=[{**row, "due_on": row["due_on"].isoformat()} for row in conditions],
        waivers=[str(row["id"]) for row in waivers] if verdict in POSITIVE_VERDICTS else [],
        rationale=rationale.strip(),
        signer=str(signer.pk),
        on_behalf_of=str(on_behalf_of.pk) if on_behalf_of else "",
    )


def absentees_of(person: User, now: datetime) -> list[User]:
    """Return the people whom this person stands in for now."""
    rows = Delegation.objects.filter(
        stand_in=person, starts_at__lte=now, ends_at__gt=now, ended_at__isnull=True
    ).select_related("absentee")
    return [row.absentee for row in rows.order_by("pk")]
