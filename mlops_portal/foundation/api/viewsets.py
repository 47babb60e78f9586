"""Viewsets that begin with what the caller may see and create each thing once per idempotency key."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError
from django.db.models import Model, QuerySet
from django.utils import timezone
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.models import IdempotencyKey
from mlops_portal.foundation.canonical import sha256
from mlops_portal.foundation.errors import Conflict, DomainError, NotFound, invalid
from mlops_portal.foundation.operations import act
from mlops_portal.foundation.people.principals import Principal
from mlops_portal.foundation.people.rights import require, rights_of

KEPT = timedelta(days=1)
SAFE = ("GET", "HEAD", "OPTIONS")


class StrictSerializer(serializers.Serializer):
    """Refuses unknown fields instead of dropping them silently."""

    def to_internal_value(self, data: Any) -> Any:
        """Parse, naming every field that does not exist."""
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {str(name)[:80]: "This field does not exist." for name in unknown[:20]}
                )
        return super().to_internal_value(data)


def find(rows: QuerySet, **where: Any) -> Any:
    """Return the one row that the address or the body names.

    Raises:
        NotFound: there is none among ``rows``.
    """
    # No column holds a NUL, and PostgreSQL refuses to compare with it.
    possible = not any("\x00" in value for value in where.values() if isinstance(value, str))
    found = rows.filter(**where).first() if possible else None
    if found is None:
        named = ", ".join(str(value)[:80] for value in where.values())
        raise NotFound(f"There is no {rows.model._meta.verbose_name} {named} that you can see.")
    return found


def visible(rows: QuerySet, caller: Any, field: str, **where: Any) -> Any:
    """Return the one row that a field of the body names, among those the caller may see.

    Raises:
        Invalid: naming the field.
    """
    found = rows.visible_to(caller).filter(**where).first()
    if found is None:
        named = ", ".join(str(value)[:80] for value in where.values())
        raise invalid(field, f"There is no {rows.model._meta.verbose_name} {named} that you can see.")
    return found


def key_scope(request: Request, key: str) -> str:
    """Return what an idempotency key is kept under: the same word of another token, or of a session, is another key.

    A token of narrower scope would otherwise be told what a wider one of its account created.
    """
    credential = f"token {request.auth.token.pk}" if isinstance(request.auth, Principal) else "session"
    return sha256(f"{credential}\n{request.method}\n{request.path}\n{key}".encode())


def body_digest(request: Request) -> str:
    """Digest what was sent, the content of files included."""
    sent = dict(request.data) if isinstance(request.data, dict) else {"body": request.data}
    for name, upload in request.FILES.items():
        sent[name] = _file_digest(upload)
    return sha256(json.dumps(sent, sort_keys=True, default=str).encode())


def _file_digest(upload: UploadedFile) -> str:
    content = sha256(upload.read())
    upload.seek(0)
    return content


class ScopedViewSet(viewsets.GenericViewSet):
    """Rows the caller may see; anything else is 404. Subclasses set `queryset`, `serializer_class`."""

    view_right: str | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse to read for callers who hold the right nowhere, naming it."""
        super().initial(request, *args, **kwargs)
        right = self.right_to_read()
        if right and request.method in SAFE and not rights_of(request.user).has(right):
            require(request.user, right)

    def right_to_read(self) -> str | None:
        """Name the right that reading these rows needs."""
        return self.view_right or getattr(self.queryset, "view_right", None)

    def get_queryset(self) -> Any:
        """Narrow to what is visible."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return self.queryset.all().visible_to(self.request.user, self.view_right)

    def get_object(self) -> Any:
        """Return the row of the address among those that are visible."""
        name = self.lookup_url_kwarg or self.lookup_field
        return find(self.get_queryset(), **{self.lookup_field: self.kwargs[name]})

    def acting(self) -> dict[str, Any]:
        """Who acts, and when: what every service is told."""
        return {"by": self.request.user, "now": timezone.now()}

    def parsed(self, serializer: type[serializers.Serializer]) -> dict[str, Any]:
        """Parse the body or raise with every error."""
        form = serializer(data=self.request.data, context=self.get_serializer_context())
        form.is_valid(raise_exception=True)
        return form.validated_data

    def render_one(self, row: Model) -> Any:
        """Return a row as it is now; whoever just wrote it is told what became of it."""
        fresh = self.queryset.all().get(pk=row.pk)
        return self.get_serializer_class()(fresh, context=self.get_serializer_context()).data

    def told(self, row: Model) -> Response:
        """Answer with a row as it is now."""
        return Response(self.render_one(row))

    def made(self, create: Callable[[], Any]) -> Response:
        """Create a row of this viewset once and answer it."""
        return self.answer_once(self.request, create, self.render_one)

    def answer_once(
        self, request: Request, create: Callable[[], Any], render: Callable[[Any], Any]
    ) -> Response:
        """Create and answer 201; the same ``Idempotency-Key`` and body answer the first result again.

        Raises:
            Invalid: the key is too long or holds what no key holds.
            Conflict: the key was used with another body.
        """
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return Response(render(create()), status=201)
        if len(key) > 200 or not key.isprintable():
            raise invalid("Idempotency-Key", "At most 200 printable characters.")
        key, body = key_scope(request, key), body_digest(request)
        known = self._known(request, key, body)
        if known is not None:
            return known
        try:
            with act():
                answer = render(create())
                IdempotencyKey.objects.filter(
                    user=request.user, key=key, created_at__lte=timezone.now() - KEPT
                ).delete()
                IdempotencyKey.objects.create(
                    user=request.user,
                    key=key,
                    path=request.path[:300],
                    body_sha256=body,
                    status=201,
                    answer=json.loads(json.dumps(answer, default=str)),
                    created_at=timezone.now(),
                )
        except (IntegrityError, DomainError):  # refused perhaps because the same request was just carried out
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
        if row.body_sha256 != body:
            raise Conflict("This Idempotency-Key was used with another body. Use a new key.")
        return Response(row.answer, status=row.status, headers={"Idempotent-Replay": "true"})


class ScopedReadViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """List and retrieve what the caller may see."""
