"""What a person read before they sign: the parts of the dossier, what changed since, and the refusal of other content."""

from dataclasses import dataclass
from datetime import datetime

from approvals.dossier_format import Dossier as DossierContent
from approvals.dossier_format import read_dossier, told
from approvals.evaluation import Evaluation
from approvals.models import ChangeRequest, Dossier, DossierReading
from approvals.services.submission import parts_changed
from mlops_portal.foundation.errors import Conflict
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User


class DossierChanged(Conflict):
    """The content is no longer what the person read. Nothing was signed."""

    code, title = "dossier_changed", "Changed while you were reading"


@dataclass(frozen=True, slots=True)
class PreviewPart:
    """One part of the dossier in the signature dialog."""

    name: str
    title: str
    digest: str
    is_changed: bool  # since the signer last read it
    changes: tuple[str, ...]


def preview_parts(
    change: ChangeRequest, dossier: DossierContent, by: User
) -> tuple[tuple[PreviewPart, ...], bool]:
    """Return the parts with what changed since ``by`` last read them, and whether they ever did."""
    reading = change.readings.filter(reader=by).first()
    earlier = (
        Dossier.objects.filter(change=change, number=reading.dossier_number).first() if reading else None
    )
    before = {part.name: part for part in read_dossier(earlier.content).parts} if earlier else {}
    parts = []
    for part in dossier.parts:
        known = before.get(part.name)
        changed = known is not None and known.digest != part.digest
        parts.append(
            PreviewPart(
                part.name, part.title, part.digest, changed, told(known, part) if known and changed else ()
            )
        )
    return tuple(parts), earlier is not None


def refuse_other_content(change: ChangeRequest, evaluation: Evaluation) -> None:
    """Refuse to sign while the records differ from what was filed.

    Raises:
        DossierChanged: it names the parts.
    """
    if evaluation.dossier.digest != change.dossier_digest:
        parts = ", ".join(parts_changed(change, evaluation))
        raise DossierChanged(f"Changed since filing: {parts}. Nothing was signed; read the new revision.")


def refuse_other_revision(change: ChangeRequest, read_digest: str) -> None:
    """Refuse to sign for somebody who read another revision.

    Raises:
        DossierChanged: it names the present one.
    """
    if read_digest != change.dossier_digest:
        raise DossierChanged(
            f"You read another revision than the present one, number {change.dossier_number}. Nothing was signed."
        )


@operation
def dossier_read(*, change: ChangeRequest, by: User, now: datetime) -> DossierReading | None:
    """Note which parts of the dossier a person has before them; the signature dialog shows what changed since.

    A signature notes it in its own transaction: who signed acknowledged the parts. A recusal does not.
    """
    dossier = Dossier.objects.filter(change=change, number=change.dossier_number).first()
    if dossier is None:
        return None
    reading, _ = DossierReading.objects.update_or_create(
        change=change,
        reader=by,
        defaults={
            "unit_id": change.unit_id,
            "dossier_number": dossier.number,
            "parts": dossier.parts,
            "read_at": now,
        },
    )
    return reading
