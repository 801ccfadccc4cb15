"""
What others take for the same: gcloud-aio-auth, google-auth, and authlib (whose client is httpx2's).

Each is used as its documentation says, and asks nobody: what a token server would answer comes from
where the sockets would be. Left out is what has no fair counterpart: google-auth blocks the loop
while it asks for a token, so that a thousand callers in one loop are not a thousand at once; and
gcloud-aio-auth signs with RS256 only.
"""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from aiohttp import ClientSession, DummyCookieJar

from bench.whole import REQUESTS, Connector

__all__ = ["assertions", "authlib_waits", "gcloud_waits", "warm"]

Run = Callable[[], Awaitable[None]]
Gather = Callable[[int], Awaitable[float]]


def _gcloud(token_endpoint: str, session: ClientSession) -> Any:
    """Return a token source of gcloud-aio-auth; a user's grant, which needs no signature."""
    service = {
        "type": "authorized_user",
        "client_id": "bench",
        "client_secret": "made-up-secret",
        "refresh_token": "made-up-refresh-token",
        "token_uri": token_endpoint,
    }
    # Imported by name, here and below: type checkers run where the rivals are not.
    module = import_module("gcloud.aio.auth")
    return module.Token(service_file=io.StringIO(json.dumps(service)), session=session)


async def warm(
    session: ClientSession, url_of: Callable[[int], str], answer: bytes
) -> dict[str, Run]:
    """
    Return what makes REQUESTS requests with a warm token, by who makes them; and httpx2's own.

    *answer* is what a token server says.
    """
    async with ClientSession(connector=Connector(answer), cookie_jar=DummyCookieJar()) as asking:
        source = _gcloud("https://api.example.com/token", asking)
        held = await source.get()
    # Those of a service account look up a region besides, in a thread.
    google = import_module("google.oauth2.credentials").Credentials(
        held, expiry=datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    )

    async def with_gcloud() -> None:
        for i in range(REQUESTS):
            headers = {"Authorization": f"Bearer {await source.get()}"}
            async with session.get(url_of(i), headers=headers) as response:
                await response.read()

    async def with_google() -> None:
        for i in range(REQUESTS):
            url, headers = url_of(i), dict[str, str]()
            google.before_request(_refuse, "GET", url, headers)
            async with session.get(url, headers=headers) as response:
                await response.read()

    httpx = import_module("httpx2")
    token = {"access_token": held, "token_type": "Bearer", "expires_at": time.time() + 86_400}

    def serve(_request: Any) -> Any:
        return httpx.Response(200, json={})

    transport = httpx.MockTransport(serve)
    bare = httpx.AsyncClient(transport=transport)
    client = _authlib(token=token, transport=transport)

    async def with_httpx() -> None:
        for i in range(REQUESTS):
            await bare.get(url_of(i))

    async def with_authlib() -> None:
        for i in range(REQUESTS):
            await client.get(url_of(i))

    return {
        "gcloud-aio-auth": with_gcloud,
        "google-auth": with_google,
        "httpx2": with_httpx,
        "authlib": with_authlib,
    }


def _refuse(*_arguments: Any, **_more: Any) -> Any:
    raise AssertionError("a token that is warm is not renewed")


def _authlib(**settings: Any) -> Any:
    module = import_module("authlib.integrations.httpx_client")
    return module.AsyncOAuth2Client("bench", "made-up-secret", **settings)


async def gcloud_waits(callers: int, answer: bytes, delay: float) -> float:
    """Return the seconds until all *callers* of one gcloud-aio-auth token have it."""
    connector = Connector(answer, delay)
    async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session:
        source = _gcloud("https://api.example.com/token", session)
        start = time.perf_counter()
        await asyncio.gather(*(source.get() for _ in range(callers)))
        took = time.perf_counter() - start
    _expect_one(connector.connections, callers)
    return took


async def authlib_waits(callers: int, answer: bytes, delay: float) -> float:
    """Return the seconds until all *callers* of one authlib client find its token renewed."""
    httpx = import_module("httpx2")
    asked: list[Any] = []

    async def serve(request: Any) -> Any:
        asked.append(request)
        await asyncio.sleep(delay)
        return httpx.Response(200, json=json.loads(answer.partition(b"\r\n\r\n")[2]))

    # It renews a token that has expired; the first one has to be asked for by hand.
    client = _authlib(
        token={"access_token": "old", "token_type": "Bearer", "expires_at": 1},
        token_endpoint="https://api.example.com/token",
        grant_type="client_credentials",
        transport=httpx.MockTransport(serve),
    )
    start = time.perf_counter()
    await asyncio.gather(*(client.ensure_active_token(client.token) for _ in range(callers)))
    took = time.perf_counter() - start
    _expect_one(len(asked), callers)
    return took


def _expect_one(requests: int, callers: int) -> None:
    if requests != 1:
        raise AssertionError(f"{requests} token requests for {callers} callers")


def assertions(alg: str, pem: str) -> Iterator[tuple[str, Callable[[dict[str, Any]], str | bytes]]]:
    """Yield who signs an assertion, and how: from the claims, with the key "1"."""
    crypt = import_module("google.auth.crypt")
    kind = crypt.RSASigner if alg == "RS256" else crypt.EsSigner
    signer, encode = kind.from_string(pem, "1"), import_module("google.auth.jwt").encode
    yield "google-auth", lambda claims: encode(signer, claims)

    key = import_module("joserfc.jwk").import_key(pem, "RSA" if alg == "RS256" else "EC")
    grant = import_module("authlib.oauth2.rfc7523").JWTBearerGrant

    def sign(claims: dict[str, Any]) -> str:
        others = {"scope": claims["scope"], "jti": claims["jti"]}
        text: str = grant.sign(
            key,
            claims["iss"],
            claims["aud"],
            None,
            claims["iat"],
            claims["exp"],
            others,
            header={"alg": alg, "kid": "1"},
        )
        return text

    yield "authlib", sign
    if alg == "RS256":
        # As its Token does: PyJWT, and the key from its text each time.
        jwt = import_module("jwt")
        yield "gcloud-aio-auth", lambda claims: jwt.encode(claims, pem, algorithm=alg)
