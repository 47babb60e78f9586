"""Viewsets that begin with what the caller may see and create each thing once per idempotency key."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.models import IdempotencyKey
from mlops_portal.foundation.canonical import sha256
from mlops_portal.foundation.errors import Conflict, invalid
from mlops_portal.foundation.operations import act

KEPT = timedelta(days=1)


class StrictSerializer(serializers.Serializer):
    """Refuses unknown fields instead of dropping them silently."""

    def to_internal_value(self, data: Any) -> Any:
        """Parse, naming every field that does not exist."""
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {name: "This field does not exist." for name in unknown[:20]}
                )
        return super().to_internal_value(data)


class ScopedViewSet(viewsets.GenericViewSet):
    """Rows the caller may see; anything else is 404. Subclasses set `queryset`, `serializer_class`."""

    view_right: str | None = None

    def get_queryset(self) -> Any:
        """Narrow to what is visible."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return self.queryset.all().visible_to(self.request.user, self.view_right)

    def parsed(self, serializer: type[serializers.Serializer]) -> dict[str, Any]:
        """Parse the body or raise with every error."""
        form = serializer(data=self.request.data, context=self.get_serializer_context())
        form.is_valid(raise_exception=True)
        return form.validated_data

    def answer_once(
        self, request: Request, create: Callable[[], Any], render: Callable[[Any], Any]
    ) -> Response:
        """Create and answer 201; the same ``Idempotency-Key`` and body answer the first result again.

        Raises:
            Invalid: the key is too long.
            Conflict: the key was used with another body.
        """
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return Response(render(create()), status=201)
        if len(key) > 200:
            raise invalid("Idempotency-Key", "At most 200 characters.")
        body = sha256(json.dumps(request.data, sort_keys=True, default=str).encode())
        known = self._known(request, key, body)
        if known is not None:
            return known
        try:
            with act():
                answer = render(create())
                IdempotencyKey.objects.create(
                    user=request.user,
                    key=key,
                    path=request.path[:300],
                    body_sha256=body,
                    status=201,
                    answer=json.loads(json.dumps(answer, default=str)),
                    created_at=timezone.now(),
                )
        except IntegrityError:
            known = self._known(request, key, body)
            if known is None:
                raise
            return known
        return Response(answer, status=201)

    def _known(self, request: Request, key: str, body: str) -> Response | None:
        row = IdempotencyKey.objects.filter(
            user=request.user, key=key, created_at__gt=timezone.now() - KEPT
        ).first()
        if row is None:
            return None
        if row.body_sha256 != body or row.path != request.path[:300]:
            raise Conflict("This Idempotency-Key was used with another request. Use a new key.")
        return Response(row.answer, status=row.status, headers={"Idempotent-Replay": "true"})


class ScopedReadViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """List and retrieve what the caller may see."""
