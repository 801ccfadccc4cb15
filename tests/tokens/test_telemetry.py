"""OpenTelemetry, judged by its SDK: what is counted, how long it took, and which spans there are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support import fresh
from tokens.metering import FOLDER

judged = pytest.mark.proves(
    "Tokens and stores", "metrics and spans of token requests", rfc=None, judge="opentelemetry-sdk"
)
ours = pytest.mark.proves(
    "Tokens and stores", "OpenTelemetry is not needed", rfc=None, judge="none but ours"
)

# Providers are a process's: each test has one of its own.
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
sys.path.append({folder!r})
from tokens.metering import Meters
meters = Meters()
"""
SHOW = "print(json.dumps(meters.found(secrets)))"

OURS = {"oauthkit.provider": "AsyncOAuth2Client"}


@judged
@pytest.mark.parametrize("when", ["before", "late"])
def test_metrics_and_spans(when: str) -> None:
    """Counters, a histogram and spans; providers may be set up after a client was made."""
    made = "" if when == "before" else "made(server, session)._the_sight; "
    scene = SCENE.format(
        before=SET_UP.format(folder=str(FOLDER)), first=f"{made}meters.switch_on()", after=SHOW
    )
    found: dict[str, Any] = json.loads(fresh(scene))

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


@ours
def test_without_providers() -> None:
    """The API alone does nothing, and costs nobody anything."""
    after = "import opentelemetry.metrics\nassert 'opentelemetry.sdk' not in sys.modules"
    fresh(SCENE.format(before="", first="pass", after=after))


@ours
def test_without_opentelemetry() -> None:
    """Where it is not installed all works; so it does where a part of it is missing."""
    for missing in ("opentelemetry", "opentelemetry.metrics"):
        before = f"sys.modules[{missing!r}] = None"
        after = (
            "from oauthkit.tokens.telemetry import find_telemetry\nassert find_telemetry() is None"
        )
        fresh(SCENE.format(before=before, first="pass", after=after))


@ours
def test_not_before_it_is_needed() -> None:
    """Neither the import nor `connect()` loads it: the first token that is told of does."""
    fresh(
        "import sys\n"
        "from oauthkit import AsyncOAuth2Client\n"
        "AsyncOAuth2Client(None, 'id', token={'access_token': 't'})\n"
        "assert 'opentelemetry' not in sys.modules"
    )
