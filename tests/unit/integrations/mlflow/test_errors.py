"""Refusals of the services in the protocol's words."""

import json

import pytest

from integrations.mlflow import errors
from mlops_portal.foundation.errors import Conflict, NotAllowed, NotFound, Unavailable, invalid
from mlops_portal.foundation.rules import Blocker, RuleViolation


@pytest.mark.parametrize(
    ("refusal", "code", "status"),
    [
        (invalid("Name", "is taken"), "INVALID_PARAMETER_VALUE", 400),
        (NotAllowed("You may not."), "PERMISSION_DENIED", 403),
        (NotFound("No such model."), "RESOURCE_DOES_NOT_EXIST", 404),
        (Conflict(), "RESOURCE_CONFLICT", 409),
        (Unavailable(), "TEMPORARILY_UNAVAILABLE", 503),
        (RuleViolation([Blocker("protected", "File a change request.")]), "PERMISSION_DENIED", 403),
    ],
)
def test_domain_errors(refusal, code, status):
    error = errors.from_domain(refusal)
    assert (error.code, error.status, error.message) == (code, status, refusal.message)


def test_the_body():
    answer = errors.model_not_found("churn").response()
    assert answer.status_code == 404
    assert json.loads(answer.content) == {
        "error_code": "RESOURCE_DOES_NOT_EXIST",
        "message": "Registered Model with name=churn not found",
    }


def test_a_missing_token_says_which_scheme_is_wanted():
    answer = errors.ProtocolError("UNAUTHENTICATED", "A token is needed.").response()
    assert (answer.status_code, answer["WWW-Authenticate"].split()[0]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("by_prompt", "for_prompt", "message"),
    [
        (False, False, "Registered Model (name=n) already exists."),
        (True, True, "Prompt (name=n) already exists."),
        (
            False,
            True,
            "Tried to create a prompt with name 'n', but the name is already taken by a registered model.",
        ),
        (
            True,
            False,
            "Tried to create a registered model with name 'n', but the name is already taken by a prompt.",
        ),
    ],
)
def test_a_taken_name_says_by_what(by_prompt, for_prompt, message):
    error = errors.name_taken("n", by_prompt=by_prompt, for_prompt=for_prompt)
    assert error.status == 400
    assert message in error.message
