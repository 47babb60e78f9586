"""Paging by key: a page is "what follows this row", so it stays right while rows come and go.

Order is `(sort key, pk)`; rows without a sort key come last in both directions. Tokens are signed: a changed or
foreign one is refused by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import FieldDoesNotExist
from django.core.signing import BadSignature, Signer
from django.db.models import F, Q, QuerySet

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.web.words import number

COUNT_LIMIT = 10_000
KEY = "sort_key"
_signer = Signer(salt="mlops_portal.keyset")
_writers = (
    (datetime, "t", datetime.isoformat),
    (date, "d", date.isoformat),
    (Decimal, "n", str),
    (UUID, "u", str),
)
_readers: dict[str, Callable[[str], Any]] = {
    "t": datetime.fromisoformat,
    "d": date.fromisoformat,
    "n": Decimal,
    "u": UUID,
}


@dataclass(frozen=True, slots=True)
class Order:
    """A sort key (a field path or an annotation), its direction, and the name it has on the page."""

    name: str
    field: str
    is_descending: bool = False

    @property
    def value(self) -> str:
        """What stands in the address."""
        return f"-{self.name}" if self.is_descending else self.name


@dataclass(frozen=True, slots=True)
class KeysetPage:
    """One page of rows, with tokens for its neighbours; an empty token means there is none."""

    rows: Sequence[Any]
    before: str
    after: str


def _pack(value: Any) -> Any:
    for kind, letter, write in _writers:
        if isinstance(value, kind):
            return {letter: write(value)}
    return value


def _unpack(value: Any) -> Any:
    if isinstance(value, dict):
        ((letter, text),) = value.items()
        return _readers[letter](text)
    return value


def token_for(row: Any, order: Order) -> str:
    """Write the place of a row."""
    return _signer.sign_object([order.value, _pack(getattr(row, KEY)), _pack(row.pk)]).replace(":", ".")


def place_of(token: str, order: Order) -> tuple[Any, Any]:
    """Read the place of a row.

    Raises:
        Invalid: the token was not made here, or for another order.
    """
    try:
        value, key, pk = _signer.unsign_object(token.replace(".", ":"))
        if value != order.value:
            raise ValueError("made for another order")
        return _unpack(key), _unpack(pk)
    except (BadSignature, ValueError, TypeError, KeyError, AttributeError, UnicodeDecodeError) as error:
        raise invalid(
            "page", "This place in the list is not known. Start again from the first page."
        ) from error


def is_nullable(queryset: QuerySet, path: str) -> bool:
    """Tell whether a sort key can be missing; annotations are taken to be."""
    model = queryset.model
    if path in queryset.query.annotations:
        return True
    for part in path.split("__"):
        try:
            found = model._meta.pk if part == "pk" else model._meta.get_field(part)
        except FieldDoesNotExist:
            return True
        if getattr(found, "null", True):
            return True
        model = getattr(found, "related_model", None) or model
    return False


def _beyond(key: Any, pk: Any, *, up: bool, nulls_ahead: bool, nullable: bool) -> Q:
    """Rows that follow (key, pk) when walking up or down; `nulls_ahead` when rows without key come later."""
    side = "gt" if up else "lt"
    if key is None:
        tail = Q(**{f"{KEY}__isnull": True, f"pk__{side}": pk})
        return tail if nulls_ahead else tail | Q(**{f"{KEY}__isnull": False})
    where = Q(**{f"{KEY}__{side}e": key}) & (Q(**{f"{KEY}__{side}": key}) | Q(**{f"pk__{side}": pk}))
    return where | Q(**{f"{KEY}__isnull": True}) if nullable and nulls_ahead else where


def ordered(queryset: QuerySet, order: Order, *, backwards: bool = False) -> QuerySet:
    """Sort by key and pk, rows without a key last; `backwards` walks the same order from its end."""
    queryset = queryset.annotate(**{KEY: F(order.field)})
    down = order.is_descending != backwards
    nulls: dict[str, bool] = {}
    if is_nullable(queryset, order.field):
        nulls = {"nulls_first": True} if backwards else {"nulls_last": True}
    key = F(KEY).desc(**nulls) if down else F(KEY).asc(**nulls)
    return queryset.order_by(key, "-pk" if down else "pk")


def following(
    queryset: QuerySet, order: Order, *, after: str = "", before: str = ""
) -> tuple[QuerySet, bool]:
    """Return the rows that follow or precede a place, and whether they are walked backwards.

    Raises:
        Invalid: a token is malformed.
    """
    token = after or before
    backwards = bool(before) and not after
    rows_in_order = ordered(queryset, order, backwards=backwards)
    if token:
        key, pk = place_of(token, order)
        up = order.is_descending == backwards
        nullable = is_nullable(rows_in_order, order.field)
        rows_in_order = rows_in_order.filter(
            _beyond(key, pk, up=up, nulls_ahead=not backwards, nullable=nullable)
        )
    return rows_in_order, backwards


def page_of(queryset: QuerySet, order: Order, *, size: int, after: str = "", before: str = "") -> KeysetPage:
    """Return the page that follows or precedes a place; the first page without a place.

    The keys of the page are found first and its rows read after: however the rows are sorted and filtered, joins and
    wide columns are touched for one page only.

    Raises:
        Invalid: a token is malformed.
    """
    rows_in_order, backwards = following(queryset, order, after=after, before=before)
    keys = list(rows_in_order.prefetch_related(None).values_list("pk", flat=True)[: size + 1])
    has_more = len(keys) > size
    rows = list(ordered(queryset, order, backwards=backwards).filter(pk__in=keys[:size])) if keys else []
    if backwards:
        rows.reverse()
    if not rows:
        return KeysetPage([], before="", after="")
    earlier = has_more if backwards else bool(after or before)
    later = has_more if not backwards else True
    return KeysetPage(
        rows,
        before=token_for(rows[0], order) if earlier else "",
        after=token_for(rows[-1], order) if later else "",
    )


def bounded_count(queryset: QuerySet) -> int:
    """Count rows, but never more than one beyond the limit."""
    return queryset.order_by().values("pk")[: COUNT_LIMIT + 1].count()


def count_text(count: int, one: str, many: str) -> str:
    """Say how many: "7 models", "more than 10 000 models"."""
    if count > COUNT_LIMIT:
        return f"more than {number(COUNT_LIMIT)} {many}"
    return f"{number(count)} {one if count == 1 else many}"
