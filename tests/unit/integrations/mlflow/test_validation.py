"""Names, aliases, tags, versions, stages as tables."""

import pytest

from integrations.mlflow import validation
from integrations.mlflow.errors import ProtocolError


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (validation.model_name, "Churn model (2)", "Churn model (2)"),
        (validation.version_number, "12", 12),
        (validation.version_number, "99999999999999", validation.VERSION_MAX),
        (validation.version_number, "-4", -1),
        (validation.alias_name, "latest", "latest"),
        (validation.new_alias_name, "champion-1", "champion-1"),
        (validation.tag_key, "a/b c:d.e-f_g", "a/b c:d.e-f_g"),
        (validation.tag_value, "", ""),
        (validation.tag_value, "x" * 100_000, "x" * 100_000),
        (validation.stage, "pRoDuCtIoN", "Production"),
        (validation.stage, "none", "None"),
    ],
)
def test_accepted(check, value, expected):
    assert check(value) == expected


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (validation.model_name, " ", "Missing value for required parameter 'name'."),
        (validation.model_name, "a/b", "Invalid model name 'a/b'. Names cannot contain '/' or ':'."),
        (
            validation.model_name,
            "..",
            "Invalid value \"..\" for parameter 'name' supplied: Names may be treated as files",
        ),
        (validation.model_name, "x" * 257, "'name' exceeds the maximum length of 256 characters"),
        (validation.model_name, "a\x00b", "It contains a character that is not text."),
        (validation.model_name, "a\ud800b", "It contains a character that is not text."),
        (validation.version_number, "x", "Parameter 'version' must be an integer, got 'x'."),
        (validation.version_number, "1.0", "Parameter 'version' must be an integer, got '1.0'."),
        (validation.version_number, "²", "Parameter 'version' must be an integer, got '²'."),
        (validation.alias_name, "", "Registered model alias name cannot be empty."),
        (validation.alias_name, "a b", "Invalid alias name: 'a b'."),
        (validation.alias_name, "a\n", "Invalid alias name: 'a\n'."),
        (validation.alias_name, "x" * 256, "exceeds the maximum length of 255 characters"),
        (validation.new_alias_name, "LaTest", "'latest' alias name (case insensitive) is reserved."),
        (validation.new_alias_name, "v12", "Version alias name 'v12' is reserved."),
        (validation.tag_key, "", "Invalid value \"\" for parameter 'key' supplied"),
        (
            validation.tag_key,
            "a?b",
            "Invalid value \"a?b\" for parameter 'key' supplied: Names may only contain",
        ),
        (validation.tag_key, "../x", "This name would resolve to '../x'"),
        (validation.tag_key, "x" * 251, "'key' exceeds the maximum length of 250 characters"),
        (validation.tag_value, "x" * 100_001, "'value' exceeds the maximum length of 100000 characters"),
        (
            validation.stage,
            "Live",
            "Invalid Model Version stage: Live. Value must be one of None, Staging, Production, Archived.",
        ),
    ],
)
def test_refused_with_the_sentence(check, value, message):
    with pytest.raises(ProtocolError) as refusal:
        check(value)
    assert refusal.value.code == "INVALID_PARAMETER_VALUE"
    assert message in refusal.value.message


def test_a_later_tag_of_one_key_wins():
    assert validation.tags([{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]) == {"a": "2"}
