"""Page tokens: they come back as they were written, and anything else is refused."""

import base64
import json
from datetime import UTC, datetime

import pytest

from integrations.mlflow.errors import ProtocolError
from integrations.mlflow.grammar import VERSIONS, Order
from integrations.mlflow.paging import after, ordering, read_token, write_token

ORDERS = VERSIONS.default_order
PLACE = [datetime(2026, 5, 4, 3, 2, 1, 987_654, tzinfo=UTC), "chürn", 7]
COLUMNS = {"name": "model__name", "version_number": "number", "last_updated_timestamp": "updated_at"}


def test_a_token_keeps_the_place():
    assert read_token(write_token(ORDERS, PLACE), ORDERS) == PLACE


def test_no_token_is_the_first_page():
    assert read_token("", ORDERS) is None
    assert read_token(None, ORDERS) is None


def forged(content) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


SIGNATURE = "last_updated_timestamp-,name+,version_number-"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("evilhax", "Invalid page token, could not base64-decode"),
        ("ä", "Invalid page token, could not base64-decode"),
        ("x" * 5_000, "Invalid page token, it is longer"),
        (base64.b64encode(b"{}").decode(), "Invalid page token, decoded value"),
        (base64.b64encode(b"\xff\xff").decode(), "Invalid page token, decoded value"),
        (forged({"offset": 3}), "Invalid page token, decoded value"),
        (forged(7), "Invalid page token, decoded value"),
        (forged([SIGNATURE, 1, "a"]), "Invalid page token, decoded value"),
        (forged([SIGNATURE, "1", "a", 2]), "Invalid page token, decoded value"),
        (forged([SIGNATURE, 1, 2, 2]), "Invalid page token, decoded value"),
        (forged([SIGNATURE, 1, "a\x00", 2]), "Invalid page token, decoded value"),
        (forged([SIGNATURE, 1, "a", 2**40]), "Invalid page token, decoded value"),
        (forged([SIGNATURE, 10**40, "a", 2]), "Invalid page token, decoded value"),
    ],
)
def test_other_tokens_are_refused(token, message):
    with pytest.raises(ProtocolError) as refusal:
        read_token(token, ORDERS)
    assert refusal.value.code == "INVALID_PARAMETER_VALUE"
    assert message in refusal.value.message


def test_a_token_of_another_ordering_is_refused():
    token = write_token((Order("name"),), ["churn"])
    with pytest.raises(ProtocolError):
        read_token(token, (Order("name", ascending=False),))


def test_the_condition_goes_lexicographically():
    condition = str(
        after((Order("last_updated_timestamp", ascending=False), Order("name")), COLUMNS, [1, "a"])
    )
    assert (
        condition
        == "(AND: (OR: ('updated_at__lt', 1), (AND: ('updated_at', 1), ('model__name__gt', 'a'))), ('updated_at__lte', 1))"
    )


def test_the_ordering_in_the_orms_words():
    assert ordering(ORDERS, COLUMNS) == ["-updated_at", "model__name", "-number"]
