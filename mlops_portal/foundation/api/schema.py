"""How authentication, people, units and problems appear in the OpenAPI document."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension

PROBLEM = {
    "type": "object",
    "description": "What went wrong and where (RFC 9457).",
    "required": ["type", "status", "code", "title"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Each wrong field or place of the input.",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "blockers": {
            "type": "array",
            "description": "Each rule that stands against the act, and who can do something about it.",
            "items": {
                "type": "object",
                "properties": {
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "owner": {"type": "string"},
                },
            },
        },
    },
}
REPEATS = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "maxLength": 200},
    "description": "The same key with the same body answers the first result again for a day.",
}


class TokenScheme(OpenApiAuthenticationExtension):
    """Describes `TokenAuthentication`."""

    target_class = "mlops_portal.foundation.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "A token of a service account."}


class SessionScheme(OpenApiAuthenticationExtension):
    """Describes `PageSession`."""

    target_class = "mlops_portal.foundation.api.authentication.PageSession"
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the security scheme."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "A signed-in person. Writes also send the CSRF token in X-CSRFToken.",
        }


class PersonType(OpenApiSerializerFieldExtension):
    """People are e-mail addresses."""

    target_class = "mlops_portal.foundation.api.fields.PersonField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Return the type."""
        return {"type": "string", "format": "email", "description": "E-mail address of a person."}


class UnitType(OpenApiSerializerFieldExtension):
    """Units are codes."""

    target_class = "mlops_portal.foundation.api.fields.UnitField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Return the type."""
        return {"type": "string", "description": "Code of a business unit."}


def tell_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the problem to every operation, and the idempotency key to those that create."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = {"description": "A problem", "content": content}
            if "201" in operation["responses"]:
                operation["parameters"] = [*operation.get("parameters", []), REPEATS]
    return result
