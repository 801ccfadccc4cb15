"""A declared service for the tests of the OAuth 1.0a client, and the server that plays it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import aiohttp

from oauthkit import AsyncOAuth1Client, OAuth1Provider, Token, connect
from oauthkit.testing.servers import OAuth1Server

T = TypeVar("T")

SITE = "https://api.example"
CALLBACK = "https://app.example/cb?next=%2Fhome"
REQUEST_TOKEN, AUTHORIZE, ACCESS_TOKEN = (
    "/oauth/request_token",
    "/oauth/authorize",
    "/oauth/access_token",
)


def declare(**changes: Any) -> OAuth1Provider:
    """Declare the service; *changes* are fields of the declaration."""
    fields: dict[str, Any] = {
        "name": "example",
        "temporary_credential_endpoint": f"{SITE}{REQUEST_TOKEN}",
        "authorization_endpoint": f"{SITE}{AUTHORIZE}",
        "token_endpoint": f"{SITE}{ACCESS_TOKEN}",
        "api_base": SITE,
    }
    return OAuth1Provider(**{**fields, **changes})


@contextmanager
def playing(provider: OAuth1Provider, **options: Any) -> Generator[OAuth1Server]:
    """Play the service for as long as the context lasts."""
    declaration: Any = provider
    with OAuth1Server.for_provider(declaration, **options) as server:
        yield server


def make(
    provider: OAuth1Provider,
    server: OAuth1Server,
    session: aiohttp.ClientSession,
    creds: Mapping[str, str] | None = None,
    **options: Any,
) -> AsyncOAuth1Client:
    """Make the client, by default with the server's client credentials and a callback."""
    given = {"redirect_uri": CALLBACK, **server.client_creds} if creds is None else creds
    return connect(provider, given, session=session, **options)


async def take_three_steps(
    client: AsyncOAuth1Client, server: OAuth1Server, user: str = "alice"
) -> Token:
    """Fetch a request token, approve it as *user*, and exchange it."""
    await client.fetch_request_token()
    back = server.authorize(client.create_authorization_url(), user=user)
    client.parse_authorization_response(back)
    return await client.fetch_access_token()


async def whoami(client: AsyncOAuth1Client) -> str | None:
    """Return the user that the server takes the client for; None where it refuses."""
    async with client.get("/2/users/me") as response:
        if response.status != 200:
            return None
        answer: dict[str, dict[str, str]] = await response.json()
        return answer["data"]["username"]


async def settled(awaitable: Awaitable[T]) -> T:
    """
    Await *awaitable*, then the last octets of the connections that it dropped.

    aiohttp does not wait for the TLS goodbye of a connection that was given up: asyncio would warn
    of the transport when the loop is gone before the peer has answered.
    """
    result = await awaitable
    transports: Any = getattr(asyncio.get_running_loop(), "_transports", {})
    while any(one._sock is not None for one in transports.values()):  # noqa: ASYNC110 - no event
        await asyncio.sleep(0)
    return result
