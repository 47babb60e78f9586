"""Filters of lists. A filter that does not exist is refused: a misspelt one would answer every row."""

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

PAGING = frozenset({"page_size", "page_token"})


class StrictFilterBackend(DjangoFilterBackend):
    """Filters lists, and lists only."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: APIView) -> QuerySet:
        """Narrow by the parameters of the address.

        Raises:
            ValidationError: naming each parameter that does not exist or does not fit.
        """
        if getattr(view, "action", "list") != "list":
            return queryset
        filterset = self.get_filterset_class(view, queryset)
        known = PAGING | set(filterset.base_filters if filterset else ())
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            raise ValidationError(dict.fromkeys(unknown[:20], "There is no such filter."))
        filtered: Any = super().filter_queryset(request, queryset, view)
        return filtered
