"""OpenTelemetry, judged by its SDK: what is counted, how long it took, and which spans there are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support import fresh

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "metrics and spans of token requests",
    rfc=None,
    judge="OpenTelemetry SDK",
)

# Providers are a process's: each test has one of its own. %s comes before the client is used.
SCENE = """
import asyncio, json, sys
{before}
from oauthkit import AsyncOAuth2Client, OAuthError
from oauthkit.testing.servers import OAuth2Server

def made(server, session):
    token = {{**server.issue("alice"), "expires_at": 0}}
    return AsyncOAuth2Client(
        session, server.client_id, server.client_secret, token=token, account="al-ice",
        token_endpoint="https://as.example/token", origins=["https://as.example"], scope="a",
    )

async def call(client):
    async with client.get("https://as.example/echo") as answer:
        return answer.status

async def use(server, session):
    client = made(server, session)
    statuses = await asyncio.gather(*[call(client) for _ in range(10)])
    secrets = [client.token["access_token"], client.token["refresh_token"], server.client_secret]
    client.token = {{**server.issue("alice"), "expires_at": 0}}
    await client.close()
    server.respond("/token", 400, body=json.dumps({{"error": "invalid_scope"}}))
    try:
        await call(client)
    except OAuthError as error:
        statuses.append(error.error)
    server.restore("/token")
    client.token = {{"access_token": "t", "refresh_token": "no-such-token", "expires_at": 0}}
    await client.close()
    for _ in range(3):
        try:
            await call(client)
        except OAuthError as error:
            statuses.append(error.error)
    await client.close()
    return statuses, [*secrets, "no-such-token", "al-ice"]

async def main():
    with OAuth2Server(hosts=["as.example"]) as server:
        async with server.session() as session:
            {first}
            return await use(server, session)

statuses, secrets = asyncio.run(main())
assert [200] * 10 + ["invalid_scope"] + ["invalid_grant"] * 3 == statuses, statuses
{after}
"""

SET_UP = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
reader, exporter = InMemoryMetricReader(), InMemorySpanExporter()
"""
SWITCH_ON = """
            metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
            tracers = TracerProvider()
            tracers.add_span_processor(SimpleSpanProcessor(exporter))
            trace.set_tracer_provider(tracers)
"""
SHOW = """
found = {"counts": {}, "durations": [], "spans": [], "units": {}}
for resource in reader.get_metrics_data().resource_metrics:
    for scope in resource.scope_metrics:
        assert "oauthkit" == scope.scope.name
        for metric in scope.metrics:
            found["units"][metric.name] = metric.unit
            for point in metric.data.data_points:
                attributes = dict(point.attributes)
                if hasattr(point, "value"):
                    found["counts"].setdefault(metric.name, []).append([attributes, point.value])
                else:
                    found["durations"].append([attributes, point.count, point.sum > 0])
for span in exporter.get_finished_spans():
    found["spans"].append(
        [span.name, dict(span.attributes), span.status.status_code.name, len(span.events)]
    )
everything = json.dumps(found) + "".join(s.to_json() for s in exporter.get_finished_spans())
everything += reader_text if (reader_text := str(reader.get_metrics_data())) else ""
assert [] == [secret for secret in secrets if secret in everything]
print(json.dumps(found))
"""

OURS = {"oauthkit.provider": "AsyncOAuth2Client"}


@pytest.mark.parametrize("when", ["before", "late"])
def test_metrics_and_spans(when: str) -> None:
    """Counters, a histogram and spans; providers may be set up after a client was made."""
    first = SWITCH_ON if when == "before" else f"made(server, session)._the_sight{SWITCH_ON}"
    found: dict[str, Any] = json.loads(
        fresh(SCENE.format(before=SET_UP, first=first.strip(), after=SHOW))
    )

    def sorted_by_error(points: list[Any]) -> list[Any]:
        return sorted(points, key=lambda point: point[0].get("error.type", ""))

    ended = {**OURS, "error.type": "invalid_grant"}
    refused = {**OURS, "error.type": "invalid_scope"}
    assert {
        "oauthkit.token.requests": [[OURS, 1], [ended, 1], [refused, 1]],
        "oauthkit.token.refreshes": [[OURS, 1]],
        "oauthkit.token.waits": [[OURS, 9]],
        "oauthkit.token.logins": [[OURS, 2]],
        "oauthkit.token.failures": [[refused, 1]],
        "oauthkit.token.reauthorizations": [[ended, 1]],
    } == {name: sorted_by_error(points) for name, points in found["counts"].items()}
    assert [[OURS, 1, True], [ended, 1, True], [refused, 1, True]] == sorted_by_error(
        found["durations"]
    )
    assert "s" == found["units"].pop("oauthkit.token.request.duration")
    assert {"1"} == set(found["units"].values())
    scope = {"oauthkit.scope": "a"}
    assert [
        ["oauthkit.token_request", OURS | scope, "UNSET", 0],
        ["oauthkit.token_request", refused | scope, "ERROR", 0],
        ["oauthkit.token_request", ended | scope, "ERROR", 0],
    ] == found["spans"]


def test_without_providers() -> None:
    """The API alone does nothing, and costs nobody anything."""
    after = "import opentelemetry.metrics\nassert 'opentelemetry.sdk' not in sys.modules"
    fresh(SCENE.format(before="", first="pass", after=after))


def test_without_opentelemetry() -> None:
    """Where it is not installed all works; so it does where a part of it is missing."""
    for missing in ("opentelemetry", "opentelemetry.metrics"):
        before = f"sys.modules[{missing!r}] = None"
        after = (
            "from oauthkit.tokens.telemetry import find_telemetry\n"
            "assert find_telemetry() is None"
        )
        fresh(SCENE.format(before=before, first="pass", after=after))


def test_not_before_it_is_needed() -> None:
    """Neither the import nor `connect()` loads it: the first token that is told of does."""
    fresh(
        "import sys\n"
        "from oauthkit import AsyncOAuth2Client\n"
        "AsyncOAuth2Client(None, 'id', token={'access_token': 't'})\n"
        "assert 'opentelemetry' not in sys.modules"
    )
