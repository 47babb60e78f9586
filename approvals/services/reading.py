"""What a person read before they sign: the parts of it, what changed since, and the refusal of other content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals.dossier_format import Dossier as DossierContent
from approvals.dossier_format import read_dossier, told
from approvals.evaluation import Evaluation
from approvals.models import ChangeRequest, Dossier, DossierReading
from approvals.services.submission import parts_changed
from approvals.signed_content import SignedPart, digest_of
from approvals.states import Meaning
from mlops_portal.foundation.errors import Conflict
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import Blocker


class DossierChanged(Conflict):
    """The content is no longer what the person read. Nothing was signed."""

    code, title = "dossier_changed", "Changed while you were reading"


class RecordChanged(Conflict):
    """The records that a signature covers are no longer what the person read. Nothing was signed."""

    code, title = "record_changed", "Changed while you were reading"


@dataclass(frozen=True, slots=True)
class PreviewPart:
    """One part of what is signed, in the signature dialog."""

    name: str
    title: str
    digest: str
    is_changed: bool  # since the signer last read it
    changes: tuple[str, ...]
    lines: tuple[str, ...] = ()  # what it says, where no other page does


@dataclass(frozen=True, slots=True)
class RecordPreview:
    """What a signature over records would say, before it is given."""

    meaning: Meaning
    recorded: tuple[SignedPart, ...]
    blockers: tuple[Blocker, ...]
    is_current: bool = True  # records have no filed revision that they could differ from

    @property
    def digest(self) -> str:
        """What the signer has read when they have read every part."""
        return digest_of(self.recorded)


def listed(parts: Sequence[SignedPart], known: Mapping[str, str]) -> tuple[PreviewPart, ...]:
    """Return parts as the dialog lists them; ``known`` are the digests that the signer read before."""
    return tuple(
        PreviewPart(
            part.name,
            part.title,
            part.digest,
            known.get(part.name, part.digest) != part.digest,
            (),
            part.lines,
        )
        for part in parts
    )


def refuse_other_record(recorded: Sequence[SignedPart], read_digest: str) -> None:
    """Refuse to sign for somebody who read other records than there are now.

    Raises:
        RecordChanged: nothing was signed.
    """
    if digest_of(recorded) != read_digest:
        raise RecordChanged("What you sign is no longer what you read.")


def preview_parts(
    change: ChangeRequest, dossier: DossierContent, by: User
) -> tuple[tuple[PreviewPart, ...], bool]:
    """Return the parts with what changed since ``by`` last read them, and whether they ever did."""
    reading = change.readings.filter(reader=by).first()
    earlier = (
        Dossier.objects.filter(change=change, number=reading.dossier_number).first() if reading else None
    )
    return _compared(dossier, earlier), earlier is not None


def _compared(dossier: DossierContent, earlier: Dossier | None) -> tuple[PreviewPart, ...]:
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
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class FiledDossier:
    """What is filed with one of several requests, beside what the signer last read of it."""

    parts: tuple[PreviewPart, ...]
    read_at: datetime | None

    @property
    def changed(self) -> int:
        """How many parts changed since the signer last read them."""
        return sum(part.is_changed for part in self.parts)


def filed_dossiers(changes: Sequence[ChangeRequest], by: User) -> dict[int, FiledDossier]:
    """Return the filed dossier of each request with what changed since ``by`` last read it, in two statements."""
    readings = {row.change_id: row for row in DossierReading.objects.filter(change__in=changes, reader=by)}
    dossiers = {
        (row.change_id, row.number): row for row in Dossier.objects.filter(change__in=changes).order_by("pk")
    }
    found = {}
    for change in changes:
        filed = dossiers.get((change.pk, change.dossier_number))
        reading = readings.get(change.pk)
        earlier = dossiers.get((change.pk, reading.dossier_number)) if reading else None
        parts = _compared(read_dossier(filed.content), earlier) if filed else ()
        found[change.pk] = FiledDossier(parts, reading.read_at if reading and earlier else None)
    return found


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
