"""What an export covers, as plain data: written on the job, read again by the worker, and told in words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.web.words import time_text
from registry.models import RegisteredModel


class What(StrEnum):
    """What can be exported."""

    PACK = "release_pack"
    CHANGE_LOG = "change_log"
    INVENTORY = "inventory"


LABELS = {
    What.PACK: "Release evidence pack",
    What.CHANGE_LOG: "Change log",
    What.INVENTORY: "Model inventory",
}
FORMATS: Mapping[What, tuple[str, ...]] = {
    What.PACK: ("zip",),
    What.CHANGE_LOG: ("zip", "csv", "xlsx", "csv.gz"),
    What.INVENTORY: ("zip", "csv", "xlsx"),
}
CHOICES: Mapping[What, tuple[str, ...]] = {
    What.PACK: ("change_id",),
    What.CHANGE_LOG: ("unit_id", "model_id", "since", "until", "with_content"),
    What.INVENTORY: ("unit_id", "at"),
}
JOB_KINDS = {what: f"audits.{what}" for what in What}
RIGHT = "audits.export"


@dataclass(frozen=True, slots=True)
class Scope:
    """The choices of one export; times are ISO 8601 so that the scope is JSON."""

    what: What
    format: str
    change_id: int | None = None
    unit_id: int | None = None
    model_id: int | None = None
    since: str = ""
    until: str = ""
    at: str = ""
    with_content: bool = False

    def as_params(self) -> dict[str, Any]:
        """Return JSON for the job."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "", False)}

    def surplus(self) -> list[str]:
        """Name the choices that do not belong to what is exported, as the REST API names them."""
        belongs = {"what", "format", *CHOICES[self.what]}
        return [name.removesuffix("_id") for name in self.as_params() if name not in belongs]

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> "Scope":
        """Read it back from a job."""
        return cls(**{**params, "what": What(params["what"])})

    def moment(self, name: str) -> datetime | None:
        """Return one of the times."""
        text = getattr(self, name)
        return datetime.fromisoformat(text) if text else None


def told(scope: Scope) -> str:
    """Name an export: what, of whom, when."""
    parts = [LABELS[scope.what]]
    if scope.change_id:
        parts.append(f"CR-{scope.change_id}")
    if scope.model_id:
        found = RegisteredModel.objects.filter(pk=scope.model_id).values_list("name", flat=True).first()
        parts.append(found or f"model {scope.model_id}")
    if scope.unit_id:
        found = BusinessUnit.objects.filter(pk=scope.unit_id).values_list("name", flat=True).first()
        parts.append(found or f"unit {scope.unit_id}")
    for word, name in (("from", "since"), ("to", "until"), ("as of", "at")):
        if moment := scope.moment(name):
            parts.append(f"{word} {time_text(moment)}")
    return f"{', '.join(parts)} ({scope.format.upper()})"


def about(scope: Scope, user: User, made_at: datetime) -> dict[str, Any]:
    """Say in a manifest what was asked for and by whom; people by their number."""
    asked = {name: value for name, value in scope.as_params().items() if name != "format"}
    return {
        **asked,
        "as_of": made_at.astimezone(UTC).isoformat(),
        "time_zone": "UTC",
        "made_by": str(user.pk),
    }


def file_name(scope: Scope, made_at: datetime) -> str:
    """Name the file by what it holds and the moment in UTC; names of records stay out of it."""
    subject = f"-CR-{scope.change_id}" if scope.change_id else ""
    return f"{scope.what.replace('_', '-')}{subject}-{made_at.astimezone(UTC):%Y-%m-%d-%H%MZ}.{scope.format}"
