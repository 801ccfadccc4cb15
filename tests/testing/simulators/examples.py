"""What the tests of simulators simulate, and what they do there."""

from __future__ import annotations

import runpy
from typing import Any, Final

from oauthkit import AsyncAssertionClient, AsyncOAuth1Client, AsyncOAuth2Client, OAuth1Provider
from oauthkit.testing import Simulation
from support import ROOT

CALLBACK = "https://app.example/callback"
BUCKET: Final = "https://storage.googleapis.com/storage/v1/b"
KEYFILE: Final = "google-service-account"

_found = runpy.run_path(str(ROOT / "docs/examples/oauthkit-acme/oauthkit_acme/__init__.py"))
acme: OAuth1Provider = _found["provider"]


async def status_of(client: Any, url: str = "/2/users/me") -> int:
    """Make a call, and return its status."""
    async with client.get(url) as response:
        await response.read()
        status: int = response.status
        return status


async def log_in_oauth1(
    sim: Simulation[AsyncOAuth1Client, Any], user: str = "bob"
) -> AsyncOAuth1Client:
    """Take the three steps of OAuth 1.0a."""
    client = sim.connect(sim.client_creds, redirect_uri=CALLBACK)
    await client.fetch_request_token()
    client.parse_authorization_response(sim.authorize(client.create_authorization_url(), user=user))
    await client.fetch_access_token()
    return client


async def log_in_oauth2(
    sim: Simulation[AsyncOAuth2Client, Any], user: str = "bob"
) -> AsyncOAuth2Client:
    """Go to the authorization endpoint and come back with a code."""
    client = sim.connect(sim.client_creds, redirect_uri=CALLBACK)
    url, _ = client.create_authorization_url()
    await client.fetch_token(authorization_response=sim.authorize(url, user=user))
    return client


async def bucket(client: AsyncAssertionClient) -> int:
    """Call an API with a service account's token."""
    return await status_of(client, BUCKET)
