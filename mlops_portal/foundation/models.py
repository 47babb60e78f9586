"""All records of the foundation, gathered for Django. Each package defines its own."""

from importlib import import_module

from mlops_portal.foundation.people.models import (
    AccessRequest,
    ApiToken,
    BusinessUnit,
    RightsRevision,
    RoleGrant,
    ServiceAccount,
    UnitClosure,
    UnitGroupRight,
    UnitUserRight,
    User,
)

__all__ = [
    "AccessRequest",
    "ApiToken",
    "BusinessUnit",
    "RightsRevision",
    "RoleGrant",
    "ServiceAccount",
    "UnitClosure",
    "UnitGroupRight",
    "UnitUserRight",
    "User",
]

for _package in ("work", "files", "web", "api"):
    try:
        import_module(f"mlops_portal.foundation.{_package}.models")
    except ModuleNotFoundError as missing:
        if missing.name != f"mlops_portal.foundation.{_package}.models":
            raise
