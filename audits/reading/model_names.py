"""Finding a model by what people call it, among those they may export: by name or title, in any case."""

from collections import Counter
from collections.abc import Sequence

from django.db.models import Q, QuerySet

from audits.exports.scopes import RIGHT
from mlops_portal.foundation.people.models import User
from registry.models import RegisteredModel

OFFERED = 20
WORDS = 8
LONGEST = 256  # what is typed is not judged yet
LOOKED_AT = 100  # rows with this very name or title: of a name that was used again, the newest counts


def named(text: str, *, user: User) -> list[RegisteredModel]:
    """Return the models that are called so; a name in its very spelling is of one model only."""
    visible = RegisteredModel.objects.visible_to(user, RIGHT)
    rows = visible.filter(Q(name__iexact=text) | Q(title__iexact=text)).order_by("-pk")[:LOOKED_AT]
    found = {row.name: row for row in reversed(rows)}
    return [found[text]] if text in found else sorted(found.values(), key=lambda row: row.name)


def offered(text: str, *, user: User) -> list[tuple[str, str]]:
    """Return what to offer for the words typed so far: what goes into the field, and what stands beside it."""
    rows: QuerySet = RegisteredModel.objects.visible_to(user, RIGHT).filter(deleted_at__isnull=True)
    for word in text[:LONGEST].replace("\x00", "").split()[:WORDS]:
        rows = rows.filter(Q(name__icontains=word) | Q(title__icontains=word))
    return _told(list(rows.order_by("title", "name")[:OFFERED]))


def _told(rows: Sequence[RegisteredModel]) -> list[tuple[str, str]]:
    """Offer the title, and the name where the title says too little: another of the offered is called so, too."""
    called = Counter(text for row in rows for text in {row.name.casefold(), row.title.casefold()})
    return [
        (row.title, row.name) if row.title and called[row.title.casefold()] == 1 else (row.name, row.title)
        for row in rows
    ]
