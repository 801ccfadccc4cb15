"""What the client really sends over HTTP, verified by oauthlib's server half (RFC 5849 §3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from yarl import URL

from clients.example import ACCESS_TOKEN, REQUEST_TOKEN, SITE, declare
from clients.judge import CALLBACK, CLIENTS, VERIFIER, Judge, make_validator
from oauthkit import AsyncOAuth1Client, OAuth1Credentials, OAuthError, connect
from oauthkit.protocol.oauth1 import SIGNATURE_METHODS
from oauthkit.testing.servers.loopback import LoopbackServer
from support import run

proves_three_steps = pytest.mark.proves(
    "OAuth 1.0a", "three steps and signed calls over HTTP", rfc="RFC 5849 §2, §3", judge="oauthlib"
)

PLACED = [
    (method, placement)
    for method in SIGNATURE_METHODS
    for placement in ("header", "body", "query")
    if (method, placement) != ("PLAINTEXT", "query")
]


@cache
def keys() -> tuple[str, str]:
    """Make one RSA key for all tests: private and public, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


@pytest.fixture(scope="module")
def judge() -> Judge:
    """Make the judge."""
    return Judge(make_validator(keys()[1]))


@pytest.fixture(scope="module")
def server(judge: Judge) -> Iterator[LoopbackServer]:
    """Serve the judge under the declared host."""
    with LoopbackServer(app=judge.app(), hosts=["api.example"]) as running:
        yield running


def make(
    session: aiohttp.ClientSession, method: str, placement: str, **changes: Any
) -> AsyncOAuth1Client:
    """Make a client of a declaration that signs so."""
    provider = declare(signature_methods=(method,), placement=placement, **changes)
    client_id, client_secret = list(CLIENTS.items())[method == "PLAINTEXT"]
    creds = OAuth1Credentials(
        client_id=client_id,
        client_secret=client_secret,
        rsa_key=keys()[0] if method.startswith("RSA") else None,
        redirect_uri=CALLBACK,
    )
    return connect(provider, creds, session=session)


@proves_three_steps
@pytest.mark.parametrize(("method", "placement"), PLACED)
def test_flow_and_calls(server: LoopbackServer, judge: Judge, method: str, placement: str) -> None:
    """Both token endpoints, and resources with queries and forms, in every way to sign."""
    judge.verdicts.clear()

    async def main() -> None:
        async with server.session() as session:
            client = make(session, method, placement, realm="Photos")
            asked = await client.fetch_request_token(params={"lang": "de & fr"})
            client.parse_authorization_response(
                str(
                    URL(CALLBACK).update_query(
                        oauth_token=asked["oauth_token"], oauth_verifier=VERIFIER
                    )
                )
            )
            token = await client.fetch_access_token(data={"lang": "é+ ~"})
            assert token is client.token
            assert CALLBACK == judge.validator.callbacks[-1]
            for verb in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"):
                async with client.request(verb, "/photos/1?size=original&a=b%20c&a=") as response:
                    assert 200 == response.status
                async with client.request(
                    verb, "/photos", params={"q": "é ☃ & = + ~ %41"}
                ) as response:
                    assert 200 == response.status
            for verb in ("POST", "PUT", "PATCH"):
                form = [("status", "Hello Ladies + Gentlemen, a signed request!"), ("a", "1")]
                form += [("a", ""), ("é", "☃ %2B")]
                async with client.request(verb, "/form?x=y", data=form) as response:
                    assert 200 == response.status
                    # Back from the server: what the caller meant is in what was sent.
                    assert b"Gentlemen" in await response.read()
                async with client.request(
                    verb,
                    "/form",
                    data="a=1+2&b=c%20d&a=3",
                    headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
                ) as response:
                    assert 200 == response.status
            # In the query only: a body that is no form leaves no room for the parameters in it.
            async with client.post("/json", json={"a": "é"}) as response:
                assert (200, b'{"a":"\\u00e9"}') == (
                    response.status,
                    (await response.read()).replace(b" ", b""),
                )
            async with client.put("/octets", data=b"\x01\x02") as response:
                assert (200, b"\x01\x02") == (response.status, await response.read())

    run(main())
    assert 2 + 2 * 7 + 2 * 3 + 2 == len(judge.verdicts)
    assert all(judge.verdicts)


@proves_three_steps
@pytest.mark.parametrize(("method", "placement"), PLACED)
def test_the_judge_says_no(
    server: LoopbackServer, judge: Judge, method: str, placement: str
) -> None:
    """The same with one thing wrong is refused, so that "yes" means something."""
    judge.verdicts.clear()

    async def main() -> None:
        async with server.session() as session:
            client = make(session, method, placement)
            client.redirect_uri = "https://elsewhere.example/"
            with pytest.raises(OAuthError) as caught:
                await client.fetch_request_token()
            assert 401 == caught.value.status
            client.redirect_uri = CALLBACK
            asked = await client.fetch_request_token()
            client.token = {**asked, "oauth_token_secret": "wrong"}
            if not method.startswith("RSA"):
                with pytest.raises(OAuthError) as caught:
                    await client.fetch_access_token(verifier=VERIFIER)
                assert 401 == caught.value.status
            client.token = asked
            with pytest.raises(OAuthError) as caught:
                await client.fetch_access_token(verifier="wrong-one")
            assert 401 == caught.value.status
            await client.fetch_access_token(verifier=VERIFIER)
            client.token = {"oauth_token": "unknown-token", "oauth_token_secret": "s"}
            async with client.get("/photos") as response:
                assert 401 == response.status

    run(main())
    wrong: list[bool] = (
        [True, False, True, False]
        if method.startswith("RSA")
        else [True, False, False, True, False]
    )
    assert [False, *wrong] == judge.verdicts


@proves_three_steps
@pytest.mark.parametrize("placement", ["header", "query"])
@pytest.mark.parametrize("method", ["HMAC-SHA1", "RSA-SHA256"])
def test_endpoints_called_with_get(
    server: LoopbackServer, judge: Judge, method: str, placement: str
) -> None:
    """§2.1: a service may want GET at its token endpoints."""
    judge.verdicts.clear()

    async def main() -> None:
        async with server.session() as session:
            client = make(session, method, placement, token_method="GET")
            await client.fetch_request_token(f"{SITE}{REQUEST_TOKEN}?a=b")
            await client.fetch_access_token(SITE + ACCESS_TOKEN, VERIFIER, params={"c": "d"})

    run(main())
    # oauthlib's endpoints take what is signed right, whatever the method.
    assert [True, True] == judge.verdicts


@pytest.mark.proves(
    "OAuth 1.0a", "each hop of a redirect is signed anew", rfc="RFC 5849 §3.2", judge="oauthlib"
)
@pytest.mark.parametrize("redirects", [307, 308, 302])
def test_each_hop_is_signed_anew(redirects: int) -> None:
    """A redirect inside the origin carries a signature of its own, for its own URL."""
    judge = Judge(make_validator(keys()[1]))
    app = web.Application()

    async def away(request: web.Request) -> web.Response:
        valid = (await judge.resource(request)).status == 200
        location = f"/landed?was={valid}"
        return web.Response(status=redirects, headers={"Location": location})

    app.router.add_route("*", "/away", away)
    app.router.add_route("*", "/{path:.*}", judge.resource)
    judge.validator.access_tokens["access-token"] = "access secret"

    async def main() -> None:
        with LoopbackServer(app=app, hosts=["api.example"]) as server:
            async with server.session() as session:
                for placement in ("header", "body", "query"):
                    client = make(session, "HMAC-SHA1", placement)
                    client.token = {
                        "oauth_token": "access-token",
                        "oauth_token_secret": "access secret",
                    }
                    async with client.post("/away?x=1", data={"a": "b"}) as response:
                        assert (200, "was=True") == (response.status, response.url.query_string[:8])

    run(main())
    assert [True] * 6 == judge.verdicts


@pytest.mark.proves(
    "OAuth 1.0a", "a server's refusals are understood", rfc="RFC 5849 §3.2", judge="oauthlib"
)
def test_refusals_of_oauthlib_are_understood(server: LoopbackServer) -> None:
    """What servers built on it say, a form with error and error_description, is shown."""

    async def main() -> None:
        async with server.session() as session:
            client = make(session, "HMAC-SHA1", "header")
            with pytest.raises(OAuthError, match="Invalid realm") as caught:
                await client.fetch_request_token(realm="Elsewhere")
            assert "invalid_request" == caught.value.error

    run(main())
