"""Values of the KPIs with everything needed to read and doubt them."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from kpis import definitions
from kpis.asking import Ask, ask
from kpis.collectors import NO_INCIDENT_INTAKE
from kpis.definitions import Kpi
from kpis.figures import Figure
from kpis.judging import Targets, judge, targets_in_force
from kpis.reading import closed_day, read
from kpis.scopes import VIEW
from kpis.windows import local_day
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.people.rights import require

QUESTION = [
    OpenApiParameter("unit", int, many=True, description="Units, with everything under them."),
    OpenApiParameter("own", int, enum=[1], description="1: only these units, without those under them."),
    OpenApiParameter("tier", int, many=True, description="Tiers, 1 to 4."),
    OpenApiParameter("kind", str, many=True, description="analytical, generative, agent."),
    OpenApiParameter(
        "period",
        str,
        description="3m (three complete months, default), 90d, 12m, mtd, today, a month such as 2026-10 "
        "or a quarter of the calendar such as 2026-q3.",
    ),
    OpenApiParameter("from", str, description="First day, instead of a period: 2026-08-01."),
    OpenApiParameter("to", str, description="Last day, included; today when left out."),
]


class WindowOut(serializers.Serializer):
    """Whole days of the reporting time zone, both included."""

    first = serializers.DateField()
    last = serializers.DateField()
    time_zone = serializers.CharField()
    is_to_date = serializers.BooleanField()


class PartOut(serializers.Serializer):
    """A companion number."""

    value = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()
    numerator = serializers.FloatField(allow_null=True)
    denominator = serializers.FloatField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)


class PlaceOut(PartOut):
    """The number of one unit, one tier, or both."""

    unit = serializers.CharField(allow_null=True, help_text="The code of the unit; null for all.")
    tier = serializers.IntegerField(allow_null=True)


class TierOut(serializers.Serializer):
    """One tier beside its own limits, where limits differ by tier."""

    tier = serializers.IntegerField()
    value = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()
    on_target = serializers.FloatField(help_text="The last value that is on target.")
    watch = serializers.FloatField(help_text="The last value that is to be watched.")
    is_target = serializers.BooleanField(help_text="Set by two people; else the limits of the house.")
    verdict = serializers.CharField()


class NumberOut(serializers.Serializer):
    """One number. ``value`` is null with a ``reason`` when nothing was counted; zero means something was."""

    name = serializers.CharField()
    label = serializers.CharField()
    measured_in = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    n = serializers.IntegerField()
    numerator = serializers.FloatField(allow_null=True)
    denominator = serializers.FloatField(allow_null=True)
    interval = serializers.ListField(
        child=serializers.FloatField(), allow_null=True, help_text="95 %, Wilson."
    )
    p50 = serializers.FloatField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    band = serializers.CharField(
        allow_blank=True, help_text="Empty without limits, without data, or below n 5."
    )
    verdict = serializers.CharField()
    limits = serializers.CharField()
    why = serializers.CharField(allow_blank=True, help_text="How the value lies to its limits.")
    tiers = TierOut(many=True)
    window = WindowOut()
    version = serializers.CharField(help_text="Of the formula.")
    source_digest = serializers.CharField(help_text="Over the ids of the rows that were counted.")
    computed_at = serializers.DateTimeField()
    open_count = serializers.IntegerField(help_text="Begun and not ended: in no median yet.")
    data_errors = serializers.IntegerField()
    note = serializers.CharField(allow_blank=True)


class NumberDetailOut(NumberOut):
    """One number with its definition and its parts."""

    sentence = serializers.CharField()
    formula = serializers.CharField()
    exclusions = serializers.ListField(child=serializers.CharField())
    parts = serializers.DictField(child=PartOut())
    places = PlaceOut(many=True)


def number_row(kpi: Kpi, figure: Figure, asked: Ask, targets: Targets) -> dict[str, Any]:
    """Return one number as the API answers it."""
    window = figure.window
    verdict = judge(figure, targets, on=closed_day(window), unit=asked.unit, tiers=asked.scope.tiers)
    return {
        "name": kpi.name,
        "label": kpi.label,
        "measured_in": kpi.unit,
        "value": figure.value,
        "reason": figure.reason,
        "n": figure.n,
        "numerator": figure.numerator,
        "denominator": figure.denominator,
        "interval": list(figure.interval) if figure.interval else None,
        "p50": figure.p50,
        "p90": figure.p90,
        "mean": figure.mean,
        "band": verdict.band,
        "verdict": verdict.word,
        "limits": verdict.text,
        "why": verdict.why,
        "tiers": [
            {
                "tier": one.tier,
                "value": one.part.value,
                "n": one.part.n,
                "on_target": one.limits.on_target,
                "watch": one.limits.watch,
                "is_target": one.limits.is_target,
                "verdict": one.verdict.word,
            }
            for one in verdict.tiers
        ],
        "window": {
            "first": local_day(window.start, window.zone),
            "last": closed_day(window),
            "time_zone": window.zone.key,
            "is_to_date": window.is_to_date,
        },
        "version": figure.version,
        "source_digest": figure.source,
        "computed_at": figure.computed_at,
        "open_count": figure.open_count,
        "data_errors": figure.error_count,
        "note": NO_INCIDENT_INTAKE if kpi.name == definitions.CHANGE_FAILURE_RATE.name else "",
    }


class NumberViewSet(ViewSet):
    """The five numbers of what the caller may see."""

    @extend_schema(parameters=QUESTION, responses=NumberOut(many=True))
    def list(self, request: Request) -> Response:
        """Return all numbers of one scope and period."""
        require(request.user, VIEW)
        now = timezone.now()
        asked = ask(request.user, request.query_params, now)
        names = [kpi.name for kpi in definitions.every()]
        numbers = read(asked.scope, [asked.window], now=now, names=names, cells_of=[asked.window])
        targets = targets_in_force(asked.scope.units)
        rows = [
            number_row(definitions.get(name), numbers.of(name, asked.window), asked, targets)
            for name in names
        ]
        return Response(NumberOut(rows, many=True).data)

    @extend_schema(parameters=QUESTION, responses=NumberDetailOut)
    def retrieve(self, request: Request, name: str) -> Response:
        """Return one number with its definition, its parts and its units and tiers."""
        require(request.user, VIEW)
        try:
            kpi = definitions.get(name)
        except KeyError:
            raise NotFound(f"There is no KPI {name[:60]}.") from None
        now = timezone.now()
        asked = ask(request.user, request.query_params, now)
        numbers = read(asked.scope, [asked.window], now=now, names=[name], cells_of=[asked.window])
        figure = numbers.of(name, asked.window)
        row = number_row(kpi, figure, asked, targets_in_force(asked.scope.units))
        row |= {
            "sentence": kpi.sentence,
            "formula": kpi.formula,
            "exclusions": list(kpi.exclusions),
            "parts": {key: _part(part) for key, part in figure.parts.items()},
            "places": [
                _part(cell.part)
                | {
                    "unit": _code(asked, cell.unit_id),
                    "tier": cell.tier,
                }
                for cell in figure.cells
            ],
        }
        return Response(NumberDetailOut(row).data)


def _code(asked: Ask, unit_id: int | None) -> str | None:
    unit = asked.units.get(unit_id or 0)
    return unit.code if unit else None


def _part(part: Any) -> dict[str, Any]:
    return {name: getattr(part, name) for name in ("value", "n", "numerator", "denominator", "p90")}
