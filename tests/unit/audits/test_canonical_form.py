"""The fast way of writing canonical JSON gives the bytes of the reference."""

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mlops_portal.foundation.canonical import canonical_bytes, plain

TEXT = st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_every_value_has_the_form_of_rfc_8785(value):
    assert canonical_bytes(value) == rfc8785.dumps(plain(value))
