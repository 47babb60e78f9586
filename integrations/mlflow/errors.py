"""The protocol's errors: an error code, a message a person will read in a traceback, and an HTTP status."""

from django.http import JsonResponse

from mlops_portal.foundation.errors import DomainError

STATUS = {
    "BAD_REQUEST": 400,
    "INVALID_PARAMETER_VALUE": 400,
    "RESOURCE_ALREADY_EXISTS": 400,  # the protocol answers 400 here, not 409
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "RESOURCE_CONFLICT": 409,
    "INTERNAL_ERROR": 500,
    "TEMPORARILY_UNAVAILABLE": 503,
}

# Clients retry 408, 429 and every 5xx for minutes. A refusal by a rule is therefore a 403 that says what to do.
CODE_OF_STATUS = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT",
    413: "INVALID_PARAMETER_VALUE",
    503: "TEMPORARILY_UNAVAILABLE",
}
CODE_OF_REFUSAL = {"rule_violation": "PERMISSION_DENIED", "model_exists": "RESOURCE_ALREADY_EXISTS"}


class ProtocolError(Exception):
    """An answer other than success."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(f"{code}: {message}")

    @property
    def status(self) -> int:
        """The HTTP status of the code."""
        return STATUS[self.code]

    def response(self) -> JsonResponse:
        """Build the JSON answer."""
        answer = JsonResponse({"error_code": self.code, "message": self.message}, status=self.status)
        if self.status == 401:
            answer["WWW-Authenticate"] = 'Bearer realm="mlops-portal"'
        return answer


def invalid(message: str) -> ProtocolError:
    """The input is wrong."""
    return ProtocolError("INVALID_PARAMETER_VALUE", message)


def missing(parameter: str) -> ProtocolError:
    """A required parameter is absent or empty."""
    return invalid(f"Missing value for required parameter '{parameter}'.")


def model_not_found(name: str) -> ProtocolError:
    """No such model, or not for this token's owner: both answer alike."""
    return ProtocolError("RESOURCE_DOES_NOT_EXIST", f"Registered Model with name={name} not found")


def version_not_found(name: str, version: object) -> ProtocolError:
    """No such version, or not for this token's owner."""
    return ProtocolError(
        "RESOURCE_DOES_NOT_EXIST", f"Model Version (name={name}, version={version}) not found"
    )


def name_taken(name: str, *, by_prompt: bool, for_prompt: bool) -> ProtocolError:
    """The name belongs to another model or prompt; which of the two decides the sentence."""
    old = "Prompt" if by_prompt else "Registered Model"
    new = "Prompt" if for_prompt else "Registered Model"
    if old == new:
        return ProtocolError("RESOURCE_ALREADY_EXISTS", f"{new} (name={name}) already exists.")
    return ProtocolError(
        "RESOURCE_ALREADY_EXISTS",
        f"Tried to create a {new.lower()} with name {name!r}, but the name is already taken by a {old.lower()}. "
        "A model and a prompt cannot have the same name.",
    )


def from_domain(error: DomainError) -> ProtocolError:
    """Translate a refusal of the services. A broken rule is a 403: any 409 would read as "try again"."""
    code = CODE_OF_REFUSAL.get(error.code) or CODE_OF_STATUS.get(error.status, "BAD_REQUEST")
    return ProtocolError(code, error.message)
