"""A client that oauthlib judges: how it is registered, made, sent through a log-in, and refused."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote_plus

import pytest
from aiohttp import ClientSession
from yarl import URL

from clients.oauth2_accounts import Registered
from clients.oauth2_example import CALLBACK, SITE, declare
from clients.oauth2_judge import Judge
from oauthkit import AsyncOAuth2Client, OAuthError, connect
from oauthkit.testing.servers.loopback import LoopbackServer

BASIC, POST, NONE = METHODS = ("client_secret_basic", "client_secret_post", "none")
CODE, ROBOT, PASSWORD, REFRESH = (
    "authorization_code",
    "client_credentials",
    "password",
    "refresh_token",
)
# What form encoding and the Basic scheme have to bring across unharmed (RFC 6749 §2.3.1).
CLIENT = 'client: é + %41 & ☃ = /?"\\'
SECRET = 'secret: é + %41 & ☃ = /?"\\'
LOGIN: dict[str, Any] = {"username": "Jørgen: + %41 & ☃", "password": "pass word: é + %41 & ="}
USER: str = LOGIN["username"]
SCOPES = ("read", "https://api.example/photos.write+all?a=%41&b")
SCOPE = " ".join(SCOPES)


@contextmanager
def judging(**options: Any) -> Generator[tuple[Judge, LoopbackServer]]:
    """Serve a judge, who knows one user and no client, under the declared host."""
    judge = Judge(user=USER, **options)
    judge.accounts.users[USER] = LOGIN["password"]
    with LoopbackServer(app=judge.app, hosts=["api.example"]) as server:
        yield judge, server


def register(judge: Judge, method: str, *grant_types: str, **changes: Any) -> dict[str, str]:
    """Register a client for *grant_types*, and return its credentials."""
    fields: dict[str, Any] = {
        "client_id": CLIENT,
        "client_secret": None if method == NONE else SECRET,
        "method": method,
        "grant_types": grant_types,
        "scopes": SCOPES,
        "redirect_uris": (CALLBACK,),
    }
    client = Registered(**{**fields, **changes})
    judge.accounts.clients[client.client_id] = client
    found = {"client_id": client.client_id, "client_secret": client.client_secret}
    return {name: value for name, value in found.items() if value is not None}


def make(
    session: ClientSession,
    creds: dict[str, str],
    method: str,
    grant_type: str,
    *,
    scope: str = SCOPE,
    **changes: Any,
) -> AsyncOAuth2Client:
    """Make a client of a declaration; *changes* are fields of that."""
    provider = declare(grant_type, token_endpoint_auth_method=method, **changes)
    client = connect(provider, creds, session=session, scope=scope)
    client.redirect_uri = CALLBACK
    return client


async def browse(session: ClientSession, url: str) -> str:
    """Go where the user is sent, and return where he is sent back to."""
    async with session.get(URL(url, encoded=True), allow_redirects=False) as response:
        assert 302 == response.status, await response.text()
        return response.headers["Location"]


async def log_in(client: AsyncOAuth2Client, session: ClientSession) -> Any:
    """Log in, and return the token."""
    back = await browse(session, client.create_authorization_url().url)
    return await client.fetch_token(authorization_response=back)


async def refused(attempt: Any, error: str, **fields: Any) -> OAuthError:
    """Make *attempt*; return how it was refused (§5.2), which shows nothing that was sent."""
    with pytest.raises(OAuthError) as caught:
        await attempt(**fields)
    assert error == caught.value.error
    assert (401 if error == "invalid_client" else 400) == caught.value.status
    assert str(caught.value.endpoint).startswith(f"{SITE}/")
    shown = f"{caught.value!r} {vars(caught.value)}"
    hidden = [SECRET, LOGIN["password"], *map(str, fields.values())]
    sent = [text for text in hidden if len(text) > len("password")]
    assert not [text for text in (*sent, *map(quote_plus, sent)) if text in shown]
    return caught.value
