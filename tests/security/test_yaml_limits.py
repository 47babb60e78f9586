"""A short text in YAML takes no long time: it is bounded before anything is built from it."""

import time

import pytest

from mlops_portal.foundation.errors import Invalid
from mlops_portal.foundation.yaml_documents import read_yaml
from registry.imports.mapping import parse

MOST = 256 * 1024 - 10
SECONDS = 1.0  # of this process; the same texts took two to five before they were bounded
TEXTS = [
    pytest.param("a: " + "[" * MOST, "deeper than 16", id="deep lists"),
    pytest.param("a: " + "{a: " * (MOST // 4 - 1), "deeper than 16", id="deep mappings"),
    pytest.param("- " * (MOST // 2), "deeper than 16", id="deep dashes"),
    pytest.param("? " * (MOST // 2), "deeper than 16", id="deep keys"),
    pytest.param("a: [" + "1," * (MOST // 2 - 4) + "]", "more than 20000", id="many values"),
    pytest.param("".join(f"k{n}: 1\n" for n in range(MOST // 10)), "more than 20000", id="many names"),
    pytest.param("a: 1\n" * (MOST // 5), "more than 20000", id="one name again and again"),
    pytest.param("a: " + ":".join(["1"] * (MOST // 2 - 4)), "a number has at most", id="a number in base 60"),
    pytest.param("a: " + "9" * 5_000, "a number has at most", id="a number of 5,000 digits"),
    pytest.param("a: &x [1]\nb: [*x, *x]", "aliases", id="an alias"),
]


@pytest.mark.parametrize("read", [read_yaml, parse], ids=["a policy", "a mapping"])
@pytest.mark.parametrize(("text", "words"), TEXTS)
def test_it_is_refused_with_its_place_before_it_costs_time(text, words, read):
    began = time.process_time()
    with pytest.raises(Invalid) as refusal:
        read(text)
    assert time.process_time() - began < SECONDS
    said = " ".join(f"{error.where} {error.message}" for error in refusal.value.errors)
    assert words in said
    assert "line " in said
