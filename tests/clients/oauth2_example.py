"""A declared service for the tests of the OAuth 2 client, and what they do with it."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientSession

from oauthkit import (
    AsyncOAuth2Client,
    OAuth2Provider,
    connect,
)
from oauthkit.testing.servers import OAuth2Server

SITE = "https://api.example"
TOKEN = f"{SITE}/token"
CALLBACK = "https://app.example/cb?next=%2Fhome"


def declare(*grant_types: str, **changes: Any) -> OAuth2Provider:
    """Declare the service; *changes* are fields of the declaration."""
    fields: dict[str, Any] = {
        "name": "example",
        "authorization_endpoint": f"{SITE}/authorize",
        "token_endpoint": TOKEN,
        "revocation_endpoint": f"{SITE}/revoke",
        "introspection_endpoint": f"{SITE}/introspect",
        "api_base": SITE,
        "grant_types": (*grant_types, "refresh_token"),
    }
    return OAuth2Provider(**{**fields, **changes})


ROBOT = declare("client_credentials")
LOGIN = declare("authorization_code")


def log_in(server: OAuth2Server, session: ClientSession, **options: Any) -> AsyncOAuth2Client:
    """Make the client of a log-in, which has no token."""
    options.setdefault("redirect_uri", CALLBACK)
    return connect(LOGIN, server.creds, session=session, **options)


def make(server: OAuth2Server, session: ClientSession, **options: Any) -> AsyncOAuth2Client:
    """Make the client without a provider."""
    return AsyncOAuth2Client(session, server.client_id, server.client_secret, **options)


async def call(client: AsyncOAuth2Client, path: str = "/echo") -> int:
    """Make a call; return its status."""
    async with client.get(path) as response:
        await response.read()
        return response.status


def spent(server: OAuth2Server) -> list[str | None]:
    """Return the refresh tokens that were sent to the token endpoint."""
    asked = server.exchanges("/token")
    return [one.parameter("refresh_token") for one in asked]
