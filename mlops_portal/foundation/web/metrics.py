"""Figures for Prometheus: requests by view and status, the queue, and whatever the apps add."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from mlops_portal.foundation.work import queue

Reading = Callable[[datetime], float | Mapping[str, float]]
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_own = CollectorRegistry()
requests_total = Counter(
    "portal_http_requests_total", "Requests answered", ["view", "method", "status"], registry=_own
)
request_seconds = Histogram(
    "portal_http_request_seconds", "Time until the answer was ready", ["view"], buckets=BUCKETS, registry=_own
)


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure that is read when somebody asks; with ``label``, one figure for each value of that label."""

    name: str
    description: str
    read: Reading
    label: str


_gauges: dict[str, Gauge] = {}


def register_gauge(name: str, description: str, read: Reading, *, label: str = "") -> None:
    """Add a figure to /metrics. ``read(now)`` must cost next to nothing.

    Raises:
        ValueError: the name is taken.
    """
    if name in _gauges and _gauges[name].read is not read:
        raise ValueError(f"The figure {name} is registered twice")
    _gauges[name] = Gauge(name, description, read, label)


class _Gauges(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = timezone.now()
        figures = queue.figures(now)
        yield GaugeMetricFamily("portal_queue_ready", "Tasks that wait for a worker", figures.ready)
        yield GaugeMetricFamily("portal_queue_running", "Tasks under way", figures.running)
        yield GaugeMetricFamily(
            "portal_queue_oldest_seconds", "Age of the oldest waiting task", figures.oldest_seconds
        )
        yield GaugeMetricFamily(
            "portal_outbox_waiting", "Messages that are due and not delivered", figures.outbox
        )
        for gauge in _gauges.values():
            yield _family(gauge, gauge.read(now))


def _family(gauge: Gauge, value: float | Mapping[str, float]) -> GaugeMetricFamily:
    if not isinstance(value, Mapping):
        return GaugeMetricFamily(gauge.name, gauge.description, value)
    family = GaugeMetricFamily(gauge.name, gauge.description, labels=[gauge.label])
    for label_value, number in value.items():
        family.add_metric([label_value], number)
    return family


def exposition() -> bytes:
    """All figures in the text format; with several web processes, theirs together."""
    requests = _own
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        requests = CollectorRegistry()
        MultiProcessCollector(requests)
    gauges = CollectorRegistry()
    gauges.register(_Gauges())
    return generate_latest(requests) + generate_latest(gauges)


class MetricsMiddleware:
    """Counts every request by the name of its view, never by its path: paths are endless."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        view = (request.resolver_match.view_name if request.resolver_match else "") or "unknown"
        requests_total.labels(view, request.method or "", str(response.status_code)).inc()
        request_seconds.labels(view).observe(time.perf_counter() - started)
        return response
