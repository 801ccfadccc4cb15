"""The three steps of RFC 5849 §2, and signed calls, against the embedded server."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web

from clients.example import (
    ACCESS_TOKEN,
    AUTHORIZE,
    CALLBACK,
    REQUEST_TOKEN,
    SITE,
    declare,
    make,
    playing,
    take_three_steps,
    whoami,
)
from oauthkit import AsyncOAuth1Client, OAuthError, RequestError
from oauthkit.protocol.oauth1 import SIGNATURE_METHODS
from oauthkit.testing.servers import OAuth1Server
from support import run


@pytest.mark.parametrize(
    ("placement", "token_method"),
    [("header", "POST"), ("header", "GET"), ("body", "POST"), ("query", "POST"), ("query", "GET")],
)
def test_three_steps(placement: str, token_method: str) -> None:
    """§2 and §3.5: each placement, and endpoints that are called with GET."""
    provider = declare(placement=placement, token_method=token_method)
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(provider, server, session)
                token = await take_three_steps(client, server, "bob")
                assert "bob" == token["screen_name"]
                assert token is client.token
                assert "bob" == await whoami(client)

        run(main())
        steps = server.log[:2]
        assert [placement] * 2 == [step.placement for step in steps]
        assert [token_method] * 2 == [step.method for step in steps]
        assert all(exchange.ok for exchange in server.log)
        assert CALLBACK == steps[0].parameter("oauth_callback")
        assert steps[0].parameter("oauth_token") is None
        assert steps[1].parameter("oauth_callback") is None


@pytest.mark.parametrize("signature_type", ["HEADER", "BODY", "QUERY"])
def test_without_a_provider(signature_type: str) -> None:
    """The class alone does all of it; its caller passes the URLs."""
    with OAuth1Server(hosts=["api.example"]) as server:

        async def main() -> None:
            async with server.session() as session:
                client = AsyncOAuth1Client(
                    session,
                    server.client_id,
                    server.client_secret,
                    redirect_uri=CALLBACK,
                    signature_type=signature_type,
                )
                await client.fetch_request_token(SITE + REQUEST_TOKEN)
                back = server.authorize(client.create_authorization_url(SITE + AUTHORIZE))
                client.parse_authorization_response(back)
                await client.fetch_access_token(SITE + ACCESS_TOKEN)
                async with client.post(f"{SITE}/echo", data={"a": "1"}) as response:
                    assert "alice" == (await response.json())["user"]

        run(main())
        assert [signature_type.lower()] * 3 == [exchange.placement for exchange in server.log]


@pytest.mark.parametrize("method", SIGNATURE_METHODS)
@pytest.mark.parametrize("placement", ["header", "body", "query"])
def test_signature_methods(method: str, placement: str) -> None:
    """§3.4: every method goes from the first step to a signed form; PLAINTEXT in no URL."""
    if (method, placement) == ("PLAINTEXT", "query"):
        placement = "header"
    provider = declare(signature_methods=(method,), placement=placement)
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(provider, server, session)
                await take_three_steps(client, server)
                async with client.post("/echo?a=1", data={"b": "2 &"}) as response:
                    echoed = await response.json()
                assert ("alice", [["b", "2 &"]]) == (echoed["user"], echoed["form"])

        run(main())
        assert {method} == {e.parameter("oauth_signature_method") for e in server.log}
        # Beyond the RFC for PLAINTEXT: servers ask for both.
        assert all(e.parameter("oauth_nonce") for e in server.log)
        assert all(e.parameter("oauth_timestamp") for e in server.log)
        assert all(exchange.ok for exchange in server.log)


@pytest.mark.proves("OAuth 1.0a", "callback `oob`", rfc="RFC 5849 §2.1", judge="none but ours")
@pytest.mark.parametrize("redirect_uri", [None, "oob"])
def test_out_of_band(redirect_uri: str | None) -> None:
    """§2.1: without a callback it is oob, and the user carries a PIN."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(
                    provider, server, session, server.client_creds, redirect_uri=redirect_uri
                )
                assert redirect_uri == client.redirect_uri
                await client.fetch_request_token()
                pin = server.authorize(client.create_authorization_url())
                assert pin.isdigit()
                await client.fetch_access_token(verifier=pin)
                assert "alice" == await whoami(client)

        run(main())
        assert "oob" == server.log[0].parameter("oauth_callback")


def test_realm() -> None:
    """§3.5.1: the declaration's realm, the option's instead, the argument's for one request."""
    provider = declare(realm="Declared")
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                await make(provider, server, session).fetch_request_token()
                client = make(provider, server, session, realm='An "option"')
                await client.fetch_request_token()
                await client.fetch_request_token(realm="")
                await client.fetch_request_token(None, "Argument")
                await whoami(client)

        run(main())
        realms = ["Declared", 'An "option"', 'An "option"', "Argument", 'An "option"']
        assert realms == [exchange.realm for exchange in server.log]


@pytest.mark.parametrize("placement", ["header", "body", "query"])
def test_extra_parameters(placement: str) -> None:
    """Params, data and headers go along with both requests, and are signed."""
    provider = declare(placement=placement)
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(provider, server, session)
                extra: dict[str, Any] = {
                    "params": {"x_auth_access_type": "read & write"},
                    "data": iter([("lang", "de"), ("lang", "fr"), ("n", 1)]),
                    "headers": {"X-Trace": "7", "user-agent": "mine/1"},
                }
                await client.fetch_request_token(**extra)
                query: dict[str, Any] = {"lang": "de", "force": 1}
                back = server.authorize(client.create_authorization_url(**query))
                client.parse_authorization_response(back)
                extra["data"] = {"lang": "de"}
                await client.fetch_access_token(SITE + ACCESS_TOKEN + "?a=b", **extra)

        run(main())
        first, second = server.log
        assert first.ok
        assert second.ok
        assert ("x_auth_access_type", "read & write") in parse_qsl(urlsplit(first.url).query)
        assert [("a", "b"), ("x_auth_access_type", "read & write")] == parse_qsl(
            urlsplit(second.url).query
        )[:2]
        assert [("lang", "de"), ("lang", "fr"), ("n", "1")] == parse_qsl(first.body.decode())[:3]
        assert ("7", "mine/1") == (first.header("X-Trace"), first.header("User-Agent"))


def test_protocol_requests_carry_our_headers_only() -> None:
    """No cookie, no default header and no middleware of the caller's session is on them."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session(
                cookies={"session": "other account's"}, headers={"X-Api-Key": "k"}
            ) as session:
                await make(provider, server, session).fetch_request_token()

        run(main())
        names = {name for name, _ in server.log[0].headers}
        assert {
            "Host",
            "Accept",
            "User-Agent",
            "Authorization",
            "Accept-Encoding",
            "Content-Length",
        } == names


def test_authorization_url() -> None:
    """§2.2: the token and what the caller adds are put after the endpoint's own query."""
    provider = declare(authorization_endpoint=f"{SITE}{AUTHORIZE}?app=1")
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(provider, server, session)
                with pytest.raises(RequestError, match="fetch_request_token"):
                    client.create_authorization_url()
                url = client.create_authorization_url(request_token="a b&c", oauth_callback="x:/y")
                assert (
                    f"{SITE}{AUTHORIZE}?app=1&oauth_token=a%20b%26c&oauth_callback=x%3A%2Fy" == url
                )
                assert f"{SITE}/o?oauth_token=t" == client.create_authorization_url(
                    f"{SITE}/o", "t"
                )
                # The authorization server may live anywhere among the endpoints' origins.
                assert f"{SITE}{AUTHORIZE}?oauth_token=t" == client.create_authorization_url(
                    SITE + AUTHORIZE, "t"
                )

        run(main())
        assert [] == server.log


@pytest.mark.parametrize("corrects", [True, False])
def test_clock(corrects: bool) -> None:
    """§3.3: a clock that is off is corrected by the server's Date, where that is declared."""
    provider = declare(clock_from_date=corrects)
    with playing(provider, clock=lambda: 1_500_000_000.0) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(provider, server, session, clock=lambda: 1_400_000_000.0)
                if not corrects:
                    with pytest.raises(OAuthError, match="behind the server's clock"):
                        await client.fetch_request_token()
                    return
                await take_three_steps(client, server)
                assert "alice" == await whoami(client)

        run(main())
        statuses = [401, 200, 200, 200] if corrects else [401]
        assert statuses == [exchange.status for exchange in server.log]


def test_two_clients_on_one_session() -> None:
    """Two accounts whose steps are interleaved end with a token each."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                clients = {user: make(provider, server, session) for user in ("ann", "ben")}
                for client in clients.values():
                    await client.fetch_request_token()
                for user, client in clients.items():
                    back = server.authorize(client.create_authorization_url(), user=user)
                    client.parse_authorization_response(back)
                await asyncio.gather(*(c.fetch_access_token() for c in clients.values()))
                for user, client in clients.items():
                    assert user == await whoami(client)

        run(main())


def test_two_legged() -> None:
    """§3.1: without a token the client's credentials alone sign, and oauth_token is left out."""
    provider = declare()
    with playing(provider, two_legged=True) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(provider, server, session)
                async with client.get("/search?q=a+b") as response:
                    assert 200 == response.status
                assert client.token is None

        run(main())
        (exchange,) = server.log
        assert exchange.ok
        assert exchange.parameter("oauth_token") is None


def test_request_token_does_not_sign_calls() -> None:
    """A kept access token goes on signing while a new one is asked for."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(provider, server, session, {**server.creds, "redirect_uri": CALLBACK})
                kept = client.token
                asked = await client.fetch_request_token()
                assert asked is client.token
                assert "alice" == await whoami(client)
                back = server.authorize(client.create_authorization_url(), user="bob")
                client.parse_authorization_response(back)
                assert "alice" == await whoami(client)
                assert kept != await client.fetch_access_token()
                assert "bob" == await whoami(client)

        run(main())


def test_cancelled_exchange_loses_nothing() -> None:
    """§2.3: a request token is good once; the answer is kept though nobody waits for it."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            loop, arrived, release = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

            async def answer(_: web.Request) -> web.StreamResponse:
                loop.call_soon_threadsafe(arrived.set)
                waiting = asyncio.run_coroutine_threadsafe(release.wait(), loop)
                await asyncio.wrap_future(waiting)
                return web.Response(text="oauth_token=new&oauth_token_secret=kept")

            server.respond(ACCESS_TOKEN, body=answer)
            async with server.session() as session:
                client = make(provider, server, session)
                await client.fetch_request_token()
                task = asyncio.create_task(client.fetch_access_token(verifier="v"))
                await arrived.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                release.set()
                await client.close()
                assert {"oauth_token": "new", "oauth_token_secret": "kept"} == client.token

        run(main())
