"""Opaque page tokens that carry the last row's place in the ordering (keyset), so that page 1,000 costs what page 1 costs."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q

from integrations.mlflow.errors import invalid
from integrations.mlflow.grammar import Order

TOKEN_MAX = 4_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = ("creation_timestamp", "last_updated_timestamp")
MICROSECOND = timedelta(microseconds=1)


def _signature(orders: Sequence[Order]) -> str:
    return ",".join(f"{order.key}{'+' if order.ascending else '-'}" for order in orders)


def write_token(orders: Sequence[Order], values: Sequence[Any]) -> str:
    """Make the token that continues after the row with these values."""
    place = [(value - EPOCH) // MICROSECOND if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps([_signature(orders), *place]).encode()).decode()


def read_token(token: str | None, orders: Sequence[Order]) -> list[Any] | None:
    """Read a token back into values, or refuse one that was not made for this ordering."""
    if not token:
        return None
    if len(token) > TOKEN_MAX:
        raise invalid(f"Invalid page token, it is longer than {TOKEN_MAX} characters")
    try:
        decoded = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Invalid page token, could not base64-decode") from error
    try:
        signature, *place = json.loads(decoded)
        if signature != _signature(orders) or len(place) != len(orders):
            raise ValueError(signature)
        return [_typed(order, value) for order, value in zip(orders, place, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise invalid(f"Invalid page token, decoded value={decoded[:100]!r}") from error


def _typed(order: Order, value: Any) -> Any:
    if order.key == "name":
        if not isinstance(value, str) or "\x00" in value:
            raise ValueError(value)
        value.encode()  # half of a surrogate pair is no text
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    if order.key in TIMES:
        return EPOCH + value * MICROSECOND
    if abs(value) >= 2**31:
        raise OverflowError(value)
    return value


def after(orders: Sequence[Order], columns: dict[str, str], place: Sequence[Any]) -> Q:
    """Build the condition for rows behind ``place``; ``columns`` maps order keys to fields."""
    behind = Q()
    for order, value in reversed(list(zip(orders, place, strict=True))):
        column = columns[order.key]
        beyond = Q(**{f"{column}__{'gt' if order.ascending else 'lt'}": value})
        behind = beyond | (Q(**{column: value}) & behind) if behind else beyond
    if len(orders) > 1:
        first = orders[0]  # lets an index on the leading column bound the scan
        behind &= Q(**{f"{columns[first.key]}__{'gte' if first.ascending else 'lte'}": place[0]})
    return behind


def ordering(orders: Sequence[Order], columns: dict[str, str]) -> list[str]:
    """Write the ordering in the ORM's words."""
    return [columns[order.key] if order.ascending else f"-{columns[order.key]}" for order in orders]
