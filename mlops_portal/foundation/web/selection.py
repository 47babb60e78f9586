"""Rows of a list that a person selected: what can be done with all of them, and where the selection goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.web import navigation

AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class BulkAct:
    """A button of the selection bar. It opens a page with `?pk=…` for each row, which says what is not allowed and why."""

    label: str
    url_name: str
    right: str | None = None
    icon: str = ""

    @property
    def url(self) -> str:
        """Where it leads."""
        return reverse(self.url_name)


def acts_for(user: Any, acts: Sequence[BulkAct]) -> list[BulkAct]:
    """Return what this person can do somewhere."""
    return [act for act in acts if navigation.may(user, act.right)]


def selected(request: HttpRequest, name: str = "pk", *, most: int = AT_ONCE) -> list[int]:
    """Read which rows were selected, in the order of the page; ``name`` is that of their fields.

    Raises:
        Invalid: it is no key, or there are too many.
    """
    given = (request.POST if request.method == "POST" else request.GET).getlist(name)
    if any(not one.isdecimal() or len(one) > 18 for one in given):
        raise invalid(name, "Rows are named by their number.")
    if len(given) > most:
        raise invalid(name, f"At most {most} rows are taken at once; {len(given)} were selected.")
    return list(dict.fromkeys(int(one) for one in given))


def as_fields(query: QueryDict) -> list[tuple[str, str]]:
    """Return an address as the hidden fields of a form."""
    return [(name, value) for name, values in query.lists() for value in values]
