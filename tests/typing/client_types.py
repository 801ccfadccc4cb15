"""What type checkers know of the client's verbs, in both call styles: read by mypy and pyright, not run."""

from __future__ import annotations

from typing import assert_type

from aiohttp import ClientResponse, ClientSession

from oauthkit import AsyncOAuth1Client, Client, OAuthRequest, Token


async def both_styles(client: AsyncOAuth1Client) -> None:
    """A verb is awaited, or entered; both give aiohttp's response."""
    assert_type(await client.get("/me"), ClientResponse)
    async with client.post("/me", json={}) as response:
        assert_type(response, ClientResponse)


async def the_base_does_all_verbs(client: Client) -> None:
    """Whoever does not know the kind of client has all that the kinds share."""
    assert_type(await client.request("GET", "/me"), ClientResponse)
    async with client.delete("/me") as response:
        assert_type(response, ClientResponse)
    async with client:
        pass
    await client.close()


async def three_steps(client: AsyncOAuth1Client) -> None:
    """The steps of OAuth 1.0a give tokens and a URL."""
    assert_type(await client.fetch_request_token(), Token)
    assert_type(client.create_authorization_url(), str)
    assert_type(client.parse_authorization_response("https://example.com/?oauth_token=t"), Token)
    assert_type(await client.fetch_access_token(), Token)
    client.token = {"oauth_token": "t", "oauth_token_secret": "s"}
    client.token = None


async def documented() -> None:
    """The class can be made without a provider, session first."""
    async with ClientSession(request_class=OAuthRequest) as session:
        client = AsyncOAuth1Client(session, "i", "s", token="t", token_secret="u")
        async with ClientSession(middlewares=[client.middleware]) as own:
            assert_type(own, ClientSession)
