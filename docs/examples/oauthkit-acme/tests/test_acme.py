"""Acme's declaration, unchanged, against an embedded server that plays its hosts on 127.0.0.1."""

from __future__ import annotations

import asyncio

from oauthkit import connect
from oauthkit.testing.servers import OAuth1Server
from oauthkit_acme import provider


async def call() -> int:
    """Make one signed call, and return the status."""
    with OAuth1Server.for_provider(provider) as server:
        async with server.session() as session:
            acme = connect("acme", server.creds, session=session)
            async with acme.get("me") as resp:
                return resp.status


def test_signed_call() -> None:
    """Ordinary discovery finds the provider, and the server accepts what its client signs."""
    assert 200 == asyncio.run(call())


def test_log_in() -> None:
    """The three steps end with a token of the user who approved."""

    async def log_in() -> None:
        with OAuth1Server.for_provider(provider) as server:
            async with server.session() as session:
                acme = connect(provider, server.client_creds, session=session)
                acme.redirect_uri = "https://example.com/callback"
                await acme.fetch_request_token()
                came_back = server.authorize(acme.create_authorization_url(), user="bob")
                acme.parse_authorization_response(came_back)
                token = await acme.fetch_access_token()
                assert "bob" == token["screen_name"]
                async with acme.get("me") as resp:
                    assert "bob" == (await resp.json())["user"]
            assert "https://api.acme.example/v1/me" == server.log[-1].url
            assert [] == [exchange.failed for exchange in server.log if not exchange.ok]

    asyncio.run(log_in())
