"""What administration offers to the global search: people, for those who give them roles."""

from typing import Any

from django.db.models import Q
from django.urls import reverse

from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.search import Hit, Source, register


def find_people(user: Any, text: str, limit: int) -> list[Hit]:
    """Find people by name or e-mail address."""
    rows = User.objects.filter(kind=User.Kind.PERSON)
    found = rows.filter(Q(name__icontains=text) | Q(email__icontains=text)).order_by("name", "pk")[:limit]
    return [
        Hit(
            person.name,
            reverse("administration:person", args=[person.pk]),
            person.job_title or person.email,
            "user",
        )
        for person in found
    ]


def offer() -> None:
    """Register the kind; called when the app is ready."""
    register(Source("people", "People", find_people, right="people.grant", order=60))
