"""The ledger: entries, proofs and the signed checkpoint."""

import json
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audits.filtersets import LedgerFilters
from audits.models import Checkpoint, LedgerEntry, SigningKey
from audits.queries import numbers_of
from audits.reading.proof import prove
from audits.services.sequencing import verification_key
from mlops_portal.foundation.api.viewsets import ScopedReadViewSet
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.people.rights import require

VIEW = "audits.view_ledger"
WITNESS = "signed by this portal, not witnessed"


class EntryOut(serializers.ModelSerializer):
    """An entry with its number (null while it has none) and its payload (null once lawfully removed)."""

    number = serializers.SerializerMethodField()
    short_id = serializers.CharField(read_only=True)
    payload = serializers.SerializerMethodField()
    leaf = serializers.SerializerMethodField()

    class Meta:
        model = LedgerEntry
        fields = (
            "id", "entry_id", "short_id", "number", "occurred_at", "recorded_at", "is_flagged", "verb",
            "subject_label", "subject_id", "unit_id", "model_id", "actor_id", "act_id", "envelope", "leaf", "payload",
        )  # fmt: skip

    def get_number(self, entry: LedgerEntry) -> int | None:
        """Return the number in the tree."""
        return self.context["numbers"].get(entry.entry_id)

    def get_payload(self, entry: LedgerEntry) -> dict[str, Any] | None:
        """Return what was recorded."""
        payload = getattr(entry, "payload", None)
        return None if payload is None else json.loads(payload.payload)

    def get_leaf(self, entry: LedgerEntry) -> str:
        """Return the leaf hash in hexadecimal."""
        return bytes(entry.leaf).hex()


class CheckpointOut(serializers.Serializer):
    """The signed state of the tree."""

    size = serializers.IntegerField()
    root = serializers.CharField()
    note = serializers.CharField(help_text="C2SP signed note")
    created_at = serializers.DateTimeField()
    key = serializers.CharField(help_text="Fingerprint; compare it with one from another source")
    verifier_key = serializers.CharField(help_text="C2SP verifier key")
    witnessed = serializers.CharField()


class CheckOut(serializers.Serializer):
    """One step of a proof."""

    title = serializers.CharField()
    tone = serializers.ChoiceField(choices=["ok", "fail", "mute"])
    detail = serializers.CharField()


class ProofOut(serializers.Serializer):
    """The proof that an entry is in the signed tree."""

    entry_id = serializers.UUIDField()
    number = serializers.IntegerField(allow_null=True)
    leaf = serializers.CharField()
    path = serializers.ListField(child=serializers.CharField(), help_text="Sibling hashes from leaf to root")
    holds = serializers.BooleanField()
    checks = CheckOut(many=True)
    checkpoint = CheckpointOut(allow_null=True)


def checkpoint_of(row: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint as the API answers it."""
    key: SigningKey = row.key
    return {
        "size": row.size,
        "root": bytes(row.root).hex(),
        "note": row.note,
        "created_at": row.created_at,
        "key": row.key_id,
        "verifier_key": str(verification_key(key)),
        "witnessed": WITNESS,
    }


class LedgerViewSet(ScopedReadViewSet):
    """Entries that the caller may see, newest first."""

    queryset = LedgerEntry.objects.select_related("payload")
    serializer_class = EntryOut
    filterset_class = LedgerFilters

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse callers who may read no ledger at all."""
        super().initial(request, *args, **kwargs)
        require(request.user, VIEW)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List entries."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self._written(rows or []))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one entry."""
        return Response(self._written([self.get_object()])[0])

    def _written(self, rows: Sequence[LedgerEntry]) -> Any:
        return EntryOut(rows, many=True, context={"numbers": numbers_of(rows)}).data

    @extend_schema(responses=ProofOut)
    def proof(self, request: Request, pk: str | None = None) -> Response:
        """Prove one entry: checked now, with what is needed to check it elsewhere."""
        entry = self.get_object()
        found = prove(entry)
        return Response(
            {
                "entry_id": entry.entry_id,
                "number": found.number,
                "leaf": found.leaf,
                "path": found.path,
                "holds": found.tone == "ok",
                "checks": [
                    {"title": one.title, "tone": one.tone, "detail": one.detail} for one in found.checks
                ],
                "checkpoint": checkpoint_of(found.checkpoint) if found.checkpoint else None,
            }
        )


class CheckpointView(APIView):
    """The newest signed checkpoint."""

    @extend_schema(responses=CheckpointOut)
    def get(self, request: Request) -> Response:
        """Return it."""
        require(request.user, VIEW)
        row = Checkpoint.objects.select_related("key").order_by("-size").first()
        if row is None:
            raise NotFound("No entry is signed yet.")
        return Response(checkpoint_of(row))
