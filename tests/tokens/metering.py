"""What OpenTelemetry's SDK has seen of this process, as plain data; it can be set up once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

# What a program that imports this has to have on its path.
FOLDER = Path(__file__).resolve().parents[1]


@attrs.define(eq=False)
class Meters:
    """The process's providers of metrics and spans, in memory."""

    _reader: InMemoryMetricReader = attrs.field(factory=InMemoryMetricReader)
    _exporter: InMemorySpanExporter = attrs.field(factory=InMemorySpanExporter)

    def switch_on(self) -> None:
        """Set the providers up."""
        metrics.set_meter_provider(MeterProvider(metric_readers=[self._reader]))
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        trace.set_tracer_provider(tracers)

    def found(self, secrets: Iterable[str]) -> dict[str, Any]:
        """Return what there is; AssertionError where it holds one of *secrets*."""
        counts: dict[str, list[Any]] = {}
        durations: list[Any] = []
        units: dict[str, str] = {}
        data = self._reader.get_metrics_data()
        assert data is not None
        for scope in (
            scope for resource in data.resource_metrics for scope in resource.scope_metrics
        ):
            assert "oauthkit" == scope.scope.name
            for metric in scope.metrics:
                units[metric.name] = str(metric.unit)
                for point in metric.data.data_points:
                    attributes = dict(point.attributes or {})
                    if isinstance(point, NumberDataPoint):
                        counts.setdefault(metric.name, []).append([attributes, point.value])
                    else:
                        durations.append([attributes, point.count, point.sum > 0])
        finished = self._exporter.get_finished_spans()
        everything = str(data) + "".join(span.to_json() for span in finished)
        assert [] == [secret for secret in secrets if secret in everything]
        spans = [
            [span.name, dict(span.attributes or {}), span.status.status_code.name, len(span.events)]
            for span in finished
        ]
        return {"counts": counts, "durations": durations, "units": units, "spans": spans}
