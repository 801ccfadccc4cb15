"""The template for any OAuth 2 server, as `connect()` uses it."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest

import oauthkit_providers.generic
from oauthkit import AsyncOAuth2Client, CredentialsError, OAuth2Template, connect
from oauthkit.testing.servers import OAuth2Server
from oauthkit_providers.generic import provider
from support import run

SETTINGS: dict[str, Any] = {
    "grant_type": "authorization_code",
    "authorization_endpoint": "https://login.example/authorize",
    "token_endpoint": "https://login.example/token",
    "revocation_endpoint": "https://login.example/revoke",
    "issuer": "https://login.example",
    "api_base": "https://api.example/v1",
    "client_id": "i",
    "redirect_uri": "https://me.example/cb",
    "scope": "a b",
}


def test_it_is_a_template() -> None:
    """It declares no service, only what can be said of one."""
    assert isinstance(provider, OAuth2Template)
    assert ("generic", "oauth2") == (provider.name, provider.protocol)
    assert ("authorization_code", "client_credentials", "password", "refresh_token") == (
        provider.grant_types
    )


def test_settings_make_a_client() -> None:
    """Where the user is sent holds what the settings say, with PKCE."""
    client = connect(provider, SETTINGS)
    assert isinstance(client, AsyncOAuth2Client)
    request = client.create_authorization_url()
    assert request.url.startswith(
        "https://login.example/authorize?response_type=code&client_id=i"
        "&redirect_uri=https%3A%2F%2Fme.example%2Fcb&scope=a%20b&state="
    )
    assert "&code_challenge_method=S256" in request.url
    assert ("https://login.example", "https://me.example/cb") == (
        request.issuer,
        request.redirect_uri,
    )
    run(client.close())


def test_options_go_before_settings() -> None:
    """What is passed by name counts for more."""
    client = connect(provider, SETTINGS, scope=["c"], redirect_uri="https://me.example/other")
    assert ("c", "https://me.example/other") == (client.scope, client.redirect_uri)


def test_a_wrong_grant_type_is_answered_with_the_list() -> None:
    """Also one that is real, and of another kind of client."""
    for grant_type in ("client-credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer", None):
        with pytest.raises(CredentialsError) as caught:
            connect(provider, {**SETTINGS, "grant_type": grant_type})
        listed = "one of 'authorization_code', 'client_credentials', 'password', 'refresh_token'"
        assert listed in str(caught.value)


@pytest.mark.parametrize("grant_type", ["client_credentials", "password", "refresh_token"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_call_is_made_by_each_grant_that_needs_nobody(grant_type: str, method: str) -> None:
    """From settings alone; a refresh token without an access token is spent first."""
    settings = {
        "grant_type": grant_type,
        "token_endpoint": "https://login.example/token",
        "token_endpoint_auth_method": method,
        "api_base": "https://api.example",
    }
    declared = provider.declare(settings)
    offered = {*declared.grant_types, "password", "refresh_token"}
    with OAuth2Server.for_provider(declared, grant_types=tuple(sorted(offered))) as server:
        creds = {**settings, **server.creds}
        if grant_type == "password":
            creds |= {"username": "alice", "password": server.users["alice"]}
        if grant_type == "refresh_token":
            creds["refresh_token"] = server.issue()["refresh_token"]

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, creds, session=session)
                async with client.get("/2/users/me") as response:
                    assert 200 == response.status
                assert client.token is not None
                assert "access_token" in client.token

        run(main())


def test_it_is_written_with_public_names_only() -> None:
    """A first-party provider takes the road that is open to anybody."""
    tree = ast.parse(inspect.getsource(oauthkit_providers.generic))
    imported = {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    assert {("oauthkit", "OAuth2Template")} == imported
