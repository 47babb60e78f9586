"""Tables of the administration pages that are made from the shipped roles."""

from typing import Any

from django.utils.html import format_html

from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.web import marks
from mlops_portal.foundation.web.tables import Column, Table


def _right(value: Any, row: Any) -> Any:
    return format_html('{}<small class="mono">{}</small>', row.label, row.name)


def _held(value: Any, row: Any) -> Any:
    if not value:
        return format_html('<span class="muted">{}</span>', "no")
    tick = marks.icon("check", "sm")
    return format_html('<span class="tone is-ok">{}<span class="sr">{}</span></span>', tick, "yes")


class RightTable(Table):
    """Rights; the name that tokens and the API use has a column of its own in files."""

    right = Column("Right", header=True, accessor="label", cell=_right)
    name = Column("Name", shown=False)


# Roles × rights: a column for each role there is.
MatrixTable: type[Table] = type(
    "MatrixTable",
    (RightTable,),
    {role.name: Column(role.label, accessor=f"held.{role.name}", cell=_held) for role in ROLES.values()},
)
