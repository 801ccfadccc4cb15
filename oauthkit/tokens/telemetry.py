"""OpenTelemetry, where it is installed: counters, durations and spans of token requests."""

from __future__ import annotations

from functools import cache
from typing import Any

import attrs

__all__ = ["Telemetry", "find_telemetry"]

_NAMES = {
    "requested": "oauthkit.token.requests",
    "refreshed": "oauthkit.token.refreshes",
    "adopted": "oauthkit.token.adoptions",
    "waited": "oauthkit.token.waits",
    "failed": "oauthkit.token.failures",
    "login": "oauthkit.token.logins",
    "reauthorization_required": "oauthkit.token.reauthorizations",
}


@attrs.define(eq=False)
class Telemetry:
    """The instruments; attributes are the provider's name and an error's code, never an account."""

    _tracer: Any
    _status: Any
    _counters: dict[str, Any]
    _duration: Any

    def count(self, kind: str, provider: str, error: str | None, seconds: float | None) -> None:
        """Count one event."""
        attributes = {"oauthkit.provider": provider}
        if error is not None:
            attributes["error.type"] = error
        self._counters[kind].add(1, attributes)
        if kind == "requested" and seconds is not None:
            self._duration.record(seconds, attributes)

    def begin(self, provider: str, scope: str) -> Any:
        """Begin the span of a token request."""
        attributes = {"oauthkit.provider": provider, "oauthkit.scope": scope}
        return self._tracer.start_span("oauthkit.token_request", attributes=attributes)

    def end(self, span: Any, error: str | None) -> None:
        """End a span."""
        if error is not None:
            span.set_attribute("error.type", error)
            span.set_status(self._status.ERROR)
        span.end()


@cache
def find_telemetry() -> Telemetry | None:
    """Return the instruments of the program's providers; None where there is no OpenTelemetry."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        from opentelemetry import metrics, trace
    except ImportError:
        return None
    try:
        release = version("oauthkit")
    except PackageNotFoundError:
        release = ""
    meter = metrics.get_meter("oauthkit", release)
    return Telemetry(
        trace.get_tracer("oauthkit", release),
        trace.StatusCode,
        {kind: meter.create_counter(name, unit="1") for kind, name in _NAMES.items()},
        meter.create_histogram("oauthkit.token.request.duration", unit="s"),
    )
