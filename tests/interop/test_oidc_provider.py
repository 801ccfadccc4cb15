"""oidc-provider, which is certified for OpenID Connect, takes what the OAuth 2 client sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from interop.oidc import BASIC, CALLBACK, Server, visit
from oauthkit import (
    AsyncOAuth2Client,
    AuthorizationRequest,
    CallbackError,
    OAuth2Provider,
    OAuthError,
    connect,
)
from support import run

proves_code = pytest.mark.proves(
    "OAuth 2",
    "authorization code with PKCE",
    rfc="RFC 6749 §4.1; RFC 7636 §4",
    judge="oidc-provider",
)
proves_authentication = pytest.mark.proves(
    "OAuth 2",
    "client authentication: basic, post, none",
    rfc="RFC 6749 §2.3, §5.2",
    judge="oidc-provider",
)
proves_callbacks = pytest.mark.proves(
    "OAuth 2",
    "callbacks, state and issuer",
    rfc="RFC 6749 §4.1.2; RFC 9207 §2.4",
    judge="oidc-provider",
)
proves_client_credentials = pytest.mark.proves(
    "OAuth 2", "client credentials", rfc="RFC 6749 §4.4", judge="oidc-provider"
)
proves_introspection = pytest.mark.proves(
    "OAuth 2", "introspection", rfc="RFC 7662 §2", judge="oidc-provider"
)
proves_rotation = pytest.mark.proves(
    "OAuth 2", "rotating refresh tokens", rfc="RFC 6749 §6; RFC 9700 §2.2.2", judge="oidc-provider"
)

METHODS = ("client_secret_basic", "client_secret_post", "none")
SCOPE = "openid offline_access read"


def query_of(url: str) -> dict[str, str]:
    """Return the parameters of *url*, each of which is there once."""
    query = parse_qs(urlsplit(url).query, keep_blank_values=True)
    assert all(1 == len(values) for values in query.values())
    return {name: values[0] for name, values in query.items()}


async def log_in(client: AsyncOAuth2Client, **params: str) -> Mapping[str, Any]:
    """Send a user through the server with *client*, and return the token."""
    request = client.create_authorization_url(prompt="consent", **params)
    callback = await visit(request.url)
    return await client.fetch_token(authorization_response=callback, request=request)


async def ask_who(client: AsyncOAuth2Client) -> tuple[int, dict[str, Any]]:
    """Call the userinfo endpoint, a resource of the server's own."""
    async with client.get("/me") as answer:
        return answer.status, await answer.json()


# -- authorization code with PKCE ------------------------------------------------------------------


@proves_code
@proves_authentication
@pytest.mark.proves(
    "OAuth 2", "bearer token in the header", rfc="RFC 6750 §2.1", judge="oidc-provider"
)
@pytest.mark.parametrize("method", METHODS)
def test_code_with_pkce(server: Server, method: str) -> None:
    """From the first redirect to a call with the token, by each way to authenticate."""

    async def main() -> None:
        async with server.connect(method, scope=SCOPE) as client:
            request = client.create_authorization_url(prompt="consent")
            sent = query_of(request.url)
            assert ("S256", 43) == (sent["code_challenge_method"], len(sent["code_challenge"]))
            callback = await visit(request.url)
            assert server.issuer == query_of(callback)["iss"]
            token = await client.fetch_token(authorization_response=callback, request=request)
            assert "Bearer" == token["token_type"]
            assert {*SCOPE.split()} == {*token["scope"].split()}
            assert {"access_token", "refresh_token", "id_token", "expires_at"} <= {*token}
            assert (200, {"sub": "user"}) == await ask_who(client)

    run(main())


@proves_code
def test_another_process_finishes(server: Server) -> None:
    """The request goes to JSON and back, and a new client fetches the token."""

    async def main() -> None:
        provider, creds = server.declare(), BASIC
        async with connect(provider, creds, scope=SCOPE, redirect_uri=CALLBACK) as client:
            kept = client.create_authorization_url(prompt="consent").to_json()
        request = AuthorizationRequest.from_json(kept)
        callback = await visit(request.url)
        async with connect(provider, creds) as client:
            await client.fetch_token(authorization_response=callback, request=request)
            assert (200, {"sub": "user"}) == await ask_who(client)

    run(main())


@proves_callbacks
def test_iss_is_compared(server: Server) -> None:
    """A callback with the issuer of another server, or without one, is refused (RFC 9207)."""

    async def main(provider: OAuth2Provider, change: tuple[str, str]) -> CallbackError:
        async with connect(provider, BASIC, scope=SCOPE, redirect_uri=CALLBACK) as client:
            request = client.create_authorization_url(prompt="consent")
            callback = (await visit(request.url)).replace(*change)
            with pytest.raises(CallbackError) as caught:
                await client.fetch_token(authorization_response=callback, request=request)
            return caught.value

    other = server.declare(issuer="http://127.0.0.1:9")
    assert "iss" in str(run(main(other, ("", ""))))
    assert "iss" in str(run(main(server.declare(), ("iss=", "was="))))


@proves_callbacks
def test_a_user_who_refuses(server: Server) -> None:
    """The server's error and its description reach the caller (RFC 6749 §4.1.2.1)."""

    async def main() -> None:
        async with server.connect("client_secret_basic", scope=SCOPE) as client:
            with pytest.raises(CallbackError) as caught:
                await log_in(client, login_hint="refuses")
            assert "access_denied" == caught.value.error
            assert "the user refused" == caught.value.error_description

    run(main())


@proves_code
def test_without_pkce(server: Server) -> None:
    """The server insists on it: what the other tests show is not its leniency."""

    async def main() -> None:
        provider = server.declare(code_challenge_method=None)
        async with connect(provider, BASIC, scope=SCOPE, redirect_uri=CALLBACK) as client:
            with pytest.raises(CallbackError) as caught:
                await log_in(client)
            assert "invalid_request" == caught.value.error
            assert "PKCE" in str(caught.value.error_description)

    run(main())


@proves_code
def test_a_wrong_verifier_and_a_code_used_twice(server: Server) -> None:
    """Both are invalid_grant (RFC 7636 §4.6, RFC 6749 §4.1.2)."""

    async def main() -> None:
        async with server.connect("none", scope=SCOPE) as client:
            request = client.create_authorization_url(prompt="consent")
            code = query_of(await visit(request.url))["code"]
            with pytest.raises(OAuthError) as caught:
                await client.fetch_token(code=code, request=request, code_verifier="v" * 43)
            assert ("invalid_grant", 400) == (caught.value.error, caught.value.status)
        async with server.connect("none", scope=SCOPE) as client:
            request = client.create_authorization_url(prompt="consent")
            code = query_of(await visit(request.url))["code"]
            await client.fetch_token(code=code, request=request)
            with pytest.raises(OAuthError) as caught:
                await client.fetch_token(code=code, request=request)
            assert "invalid_grant" == caught.value.error

    run(main())


# -- client credentials ----------------------------------------------------------------------------


@proves_client_credentials
@proves_introspection
@pytest.mark.parametrize("method", METHODS[:2])
def test_client_credentials(server: Server, method: str) -> None:
    """The server says whose token it is, and what for (RFC 6749 §4.4, RFC 7662 §2)."""

    async def main() -> None:
        grant = "client_credentials"
        async with server.connect(method, grant, scope="read write") as client:
            token = await client.fetch_token()
            assert "refresh_token" not in token
            assert "read write" == token["scope"]
            told = await client.introspect_token()
            assert told["active"] is True
            assert server.settings(method, grant)["client_id"] == told["client_id"]
            assert "read write" == told["scope"]

    run(main())


@proves_client_credentials
def test_a_request_fetches_its_token(server: Server) -> None:
    """It comes with the header of RFC 6750 §2.1; the server says why it is not enough."""

    async def main() -> None:
        async with server.connect("client_secret_basic", "client_credentials") as client:
            status, answer = await ask_who(client)
            assert (401, "invalid_token") == (status, answer["error"])  # it is no user's
            assert client.token is not None

    run(main())


@proves_authentication
@pytest.mark.parametrize("method", METHODS[:2])
def test_a_wrong_secret(server: Server, method: str) -> None:
    """invalid_client (RFC 6749 §5.2)."""

    async def main() -> None:
        settings = server.settings(method, "client_credentials")
        async with connect("generic", {**settings, "client_secret": "wrong"}) as client:
            with pytest.raises(OAuthError) as caught:
                await client.fetch_token()
            assert ("invalid_client", 401) == (caught.value.error, caught.value.status)

    run(main())


# -- refresh, revocation, introspection ------------------------------------------------------------


@proves_rotation
@pytest.mark.parametrize("method", METHODS)
def test_rotating_refresh(server: Server, method: str) -> None:
    """Each refresh token is good once; an old one ends the whole grant (RFC 9700 §2.2.2)."""

    async def main() -> None:
        async with server.connect(method, scope=SCOPE) as client:
            first = await log_in(client)
            second = await client.refresh_token()
            third = await client.refresh_token()
            tokens = [first, second, third]
            assert 3 == len({token["refresh_token"] for token in tokens})
            assert 3 == len({token["access_token"] for token in tokens})
            assert (200, {"sub": "user"}) == await ask_who(client)
            with pytest.raises(OAuthError) as caught:
                await client.refresh_token(refresh_token=first["refresh_token"])
            assert ("invalid_grant", 400) == (caught.value.error, caught.value.status)
            with pytest.raises(OAuthError) as caught:
                await client.refresh_token(refresh_token=third["refresh_token"])
            assert "invalid_grant" == caught.value.error

    run(main())


@proves_rotation
def test_a_token_that_expired_is_renewed(server: Server) -> None:
    """By the request that needs it; the update_token hook gets the rotated one."""

    async def main() -> None:
        seen: list[Any] = []

        async def keep(token: Any, *_: Any, **named: Any) -> None:
            seen.append((dict(token), named))

        async with server.connect("client_secret_basic", scope=SCOPE) as client:
            first = await log_in(client)
        members = {"access_token": first["access_token"], "token_type": "Bearer"}
        members |= {"refresh_token": first["refresh_token"], "expires_at": 1}
        settings = {**server.settings("client_secret_basic"), **members}
        async with connect("generic", settings, update_token=keep) as client:
            assert (200, {"sub": "user"}) == await ask_who(client)
            assert client.token is not None
            assert first["refresh_token"] != client.token["refresh_token"]
            assert [client.token["refresh_token"]] == [token["refresh_token"] for token, _ in seen]

    run(main())


@pytest.mark.proves("OAuth 2", "revocation", rfc="RFC 7009 §2", judge="oidc-provider")
@proves_introspection
@pytest.mark.parametrize("method", METHODS)
def test_revocation(server: Server, method: str) -> None:
    """A refresh token that is revoked takes the access token along (RFC 7009 §2.1)."""

    async def main() -> None:
        async with server.connect(method, scope=SCOPE) as client:
            token = await log_in(client)
            told = await client.introspect_token(token=token["access_token"])
            assert (True, "user") == (told["active"], told["sub"])
            await client.revoke_token(token_type_hint="refresh_token")
            for name in ("refresh_token", "access_token"):
                told = await client.introspect_token(token=token[name], token_type_hint=name)
                assert {"active": False} == dict(told)
            with pytest.raises(OAuthError) as caught:
                await client.refresh_token(refresh_token=token["refresh_token"])
            assert "invalid_grant" == caught.value.error
            await client.revoke_token(token="never issued")  # no error (RFC 7009 §2.2)

    run(main())
