"""Keyset paging of the REST API: the next page starts after the last row, whatever was added meanwhile."""

import base64
import binascii
import json
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

MAX_PAGE = 1000


class KeysetPagination(BasePagination):
    """Pages by descending primary key: ``?page_size=…&page_token=…``; answers ``results`` and ``next_page_token``."""

    page_size = 50

    def paginate_queryset(
        self, queryset: QuerySet, request: Request, view: APIView | None = None
    ) -> list[Any]:
        """Return one page; one row more is read to know whether another follows."""
        size = self._size(request)
        token = request.query_params.get("page_token")
        rows = queryset.order_by("-pk")
        if token:
            rows = rows.filter(pk__lt=self._after(token))
        page = list(rows[: size + 1])
        self.next_token = self._token(page[size - 1].pk) if len(page) > size else None
        return page[:size]

    def get_paginated_response(self, data: Any) -> Response:
        """Return the rows and how to go on."""
        return Response({"results": data, "next_page_token": self.next_token})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the answer."""
        return {
            "type": "object",
            "required": ["results", "next_page_token"],
            "properties": {
                "results": schema,
                "next_page_token": {
                    "type": ["string", "null"],
                    "description": "Send as page_token to go on.",
                },
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Describe the parameters."""
        return [
            {
                "name": "page_size",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
            },
            {"name": "page_token", "in": "query", "schema": {"type": "string"}},
        ]

    def _size(self, request: Request) -> int:
        raw = request.query_params.get("page_size", str(self.page_size))
        if not raw.isascii() or not raw.isdigit() or not 1 <= int(raw[:9]) <= MAX_PAGE:
            raise ValidationError({"page_size": f"A whole number from 1 to {MAX_PAGE}."})
        return int(raw)

    @staticmethod
    def _token(pk: int) -> str:
        return base64.urlsafe_b64encode(json.dumps({"after": pk}).encode()).decode()

    @staticmethod
    def _after(token: str) -> int:
        try:
            after = json.loads(base64.urlsafe_b64decode(token.encode()))["after"]
            if type(after) is not int or not 0 <= after < 2**63:
                raise ValueError(token)
        except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
            raise ValidationError(
                {"page_token": "Not a token of this list. Start again without it."}
            ) from error
        return after
