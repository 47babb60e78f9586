"""The inventory as it was at a moment: history rows in force then, today's grants on the unit the model had then."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from audits.exports.scopes import RIGHT, What
from audits.exports.text_files import csv_bytes
from audits.packs import Enter, build_pack
from mlops_portal.foundation.history import rows_as_of
from mlops_portal.foundation.people.models import BusinessUnit, UnitClosure, User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.tables import file_value
from registry.models import RegisteredModel
from registry.states import INVENTORY_KINDS

CHUNK = 2000
NAME = "inventory.csv"
README = """{title}

inventory.csv    one line per model, as the portal showed it
entries.jsonl    the entry in which the portal recorded the digests of the files, with its proof
checkpoint.txt   the signed state of the ledger
public_key.pem   the key it was signed with: compare it with one from another source
manifest.json    the digest of every file
verify.py        checks all of this without the portal: python3 verify.py PACK.zip --key FINGERPRINT

What is proved: this file is the one that the portal recorded as exported, at that place of the ledger. That each value
was right is not proved by this pack; the change log, exported the same way, holds the entries behind it.

All times are UTC. Signed by this portal, not witnessed.
"""


def models_as_of(at: datetime, user: User, *, right: str = RIGHT, unit_id: int | None = None) -> QuerySet:
    """Return one history row per model that existed and was visible to ``user`` by today's grants."""
    found = rows_as_of(RegisteredModel, at, kind__in=INVENTORY_KINDS, deleted_at__isnull=True)
    rights = rights_of(user)
    if not rights.everywhere(right):
        found = found.filter(Q(unit_id__in=rights.units(right)) | Q(id__in=rights.models(right)))
    if unit_id:
        below = UnitClosure.objects.filter(ancestor_id=unit_id).values("descendant_id")
        found = found.filter(unit_id__in=below)
    return found


HEAD = (
    "Name", "Title", "Unit then", "Kind", "Tier", "State", "Governance", "Adoption", "EU AI Act", "Owner", "Developer",
    "Validator", "Accountable executive", "Next review", "Record as of", "Last change at", "Model id",
)  # fmt: skip
PEOPLE = ("owner_id", "developer_id", "validator_id", "accountable_executive_id")


def rows(
    found: QuerySet, at: datetime, *, progress: Callable[[int, int, str], None], typed: bool = False
) -> Iterator[list[Any]]:
    """Yield head and rows; units and people by their present names. Typed, times stay times, for a workbook."""
    yield list(HEAD)
    units = dict(BusinessUnit.objects.values_list("pk", "name"))
    people = dict(User.objects.values_list("pk", "name"))
    total = found.order_by().count()
    for done, row in enumerate(found.order_by("name", "history_id").iterator(chunk_size=CHUNK), 1):
        if done % CHUNK == 0:
            progress(done, total, "Models")
        yield [
            row.name,
            row.title,
            units.get(row.unit_id, ""),
            row.get_kind_display(),
            row.tier,
            row.get_lifecycle_state_display(),
            row.get_governance_display(),
            row.get_adoption_stage_display(),
            row.get_eu_ai_class_display(),
            *(people.get(getattr(row, name), "") for name in PEOPLE),
            file_value(row.next_review_on, typed=typed),
            file_value(at, typed=typed),
            file_value(row.history_date, typed=typed),
            row.id,
        ]


def pack(
    lines: Iterable[list[Any]],
    *,
    title: str,
    about: Mapping[str, Any],
    now: datetime,
    enter: Enter,
) -> bytes:
    """Return the ZIP of the inventory; the ledger holds the digest of its CSV, and the ZIP proves that.

    Raises:
        NotNumbered: that entry has no number yet.
    """
    files = {NAME: csv_bytes(lines), "README.txt": README.format(title=title).encode()}
    return build_pack(files, kind=What.INVENTORY, now=now, about=about, enter=enter)
