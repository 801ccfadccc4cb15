"""The grants that the OAuth 2 client really sends over HTTP, judged by oauthlib's server half."""

from __future__ import annotations

import pytest

from clients.oauth2_accounts import make_accounts
from clients.oauth2_example import CALLBACK, call, declare
from clients.oauth2_judge import Verdict
from clients.oauth2_judging import (
    BASIC,
    CLIENT,
    CODE,
    LOGIN,
    METHODS,
    NONE,
    PASSWORD,
    POST,
    REFRESH,
    ROBOT,
    SCOPE,
    SCOPES,
    USER,
    browse,
    judging,
    log_in,
    make,
    refused,
    register,
)
from oauthkit import connect
from support import run

proves_rotation = pytest.mark.proves(
    "OAuth 2", "rotating refresh tokens", rfc="RFC 6749 §6; RFC 9700 §2.2.2", judge="oauthlib"
)


@pytest.mark.proves(
    "OAuth 2", "authorization code with PKCE", rfc="RFC 6749 §4.1; RFC 7636 §4", judge="oauthlib"
)
@pytest.mark.proves(
    "OAuth 2",
    "client authentication: basic, post, none",
    rfc="RFC 6749 §2.3, §5.2",
    judge="oauthlib",
)
@pytest.mark.proves("OAuth 2", "revocation", rfc="RFC 7009 §2", judge="oauthlib")
@pytest.mark.proves("OAuth 2", "introspection", rfc="RFC 7662 §2", judge="oauthlib")
@pytest.mark.parametrize("challenge", ["S256", "plain", None])
@pytest.mark.parametrize("method", METHODS)
def test_authorization_code(method: str, challenge: str | None) -> None:
    """§4.1 and RFC 7636: log in, call, renew, explain and revoke, in each way to authenticate."""
    with judging() as (judge, server):
        creds = register(judge, method, CODE, REFRESH, pkce_required=challenge is not None)

        async def main() -> None:
            async with server.session() as session:
                client = make(session, creds, method, CODE, code_challenge_method=challenge)
                request = client.create_authorization_url()
                back = await browse(session, request.url)
                (code,) = judge.accounts.codes.values()
                assert (CLIENT, SCOPES, challenge) == (code.client_id, code.scopes, code.method)
                token = await client.fetch_token(authorization_response=back, request=request)
                assert SCOPE == token["scope"]
                async with client.get("/me") as response:
                    assert {"user": USER} == await response.json()
                newer = await client.refresh_token()
                assert token["access_token"] != newer["access_token"]
                assert token["refresh_token"] != newer["refresh_token"]
                assert 200 == await call(client)
                for kind in ("access_token", "refresh_token"):
                    said = await client.introspect_token(token=newer[kind], token_type_hint=kind)
                    assert (True, CLIENT, USER, SCOPE) == (
                        said["active"],
                        said["client_id"],
                        said["username"],
                        said["scope"],
                    )
                await client.revoke_token()
                for kind in ("access_token", "refresh_token"):
                    assert {"active": False} == await client.introspect_token(token=newer[kind])

        run(main())
        assert [None] * 10 == [verdict.error for verdict in judge.verdicts]
        assert {} == judge.accounts.codes


@pytest.mark.proves("OAuth 2", "client credentials", rfc="RFC 6749 §4.4", judge="oauthlib")
@pytest.mark.parametrize("method", [BASIC, POST])
def test_client_credentials(method: str) -> None:
    """§4.4: a client on its own behalf, for what it is registered for."""
    with judging() as (judge, server):
        creds = register(judge, method, ROBOT)

        async def main() -> None:
            async with server.session() as session:
                client = make(session, creds, method, ROBOT)
                async with client.get("/me") as response:
                    assert {"user": None} == await response.json()
                token = await client.fetch_token()
                assert SCOPE == token["scope"]
                assert "refresh_token" not in token

        run(main())
        assert [200] * 3 == [verdict.status for verdict in judge.verdicts]
        assert {CLIENT} == {issued.client_id for issued in judge.accounts.access.values()}


@pytest.mark.proves("OAuth 2", "password grant", rfc="RFC 6749 §4.3", judge="oauthlib")
@pytest.mark.parametrize("method", METHODS)
def test_password(method: str) -> None:
    """§4.3: a user's name and password, in any script."""
    with judging() as (judge, server):
        creds = {**register(judge, method, PASSWORD, REFRESH), **LOGIN}

        async def main() -> None:
            async with server.session() as session:
                client = make(session, creds, method, PASSWORD)
                async with client.get("/me") as response:
                    assert {"user": USER} == await response.json()
                token = await client.fetch_token(**LOGIN)
                assert SCOPE == token["scope"]

        run(main())
        assert [200] * 3 == [verdict.status for verdict in judge.verdicts]


@proves_rotation
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("rotates", "repeats"), [(True, True), (False, True), (False, False)])
def test_renewal_after_expiry(method: str, *, rotates: bool, repeats: bool) -> None:
    """§6: a new refresh token replaces the old one; where the same one or none comes, it is kept."""
    now = 1_700_000_000.0
    accounts = make_accounts(clock=lambda: now)
    with judging(accounts=accounts, repeats=repeats) as (judge, server):
        creds = register(judge, method, CODE, REFRESH, rotates=rotates)

        async def main() -> None:
            nonlocal now
            async with server.session() as session:
                provider = declare(CODE, token_endpoint_auth_method=method)
                client = connect(provider, creds, session=session, clock=lambda: now)
                client.redirect_uri = CALLBACK
                first = await log_in(client, session)
                held = [first["refresh_token"]]
                for _ in range(3):
                    now += 3600
                    assert 200 == await call(client)
                    assert client.token is not None
                    held.append(client.token["refresh_token"])
                assert (4 if rotates else 1) == len(set(held))
                if rotates:
                    await refused(client.refresh_token, "invalid_grant", refresh_token=held[0])
                # It is oauthlib that finds the first access token stale, not the client.
                client.token = {**first, "expires_at": now + 3600, "refresh_token": held[-1]}
                assert 200 == await call(client)

        run(main())
        renewal = [Verdict("/token", 200), Verdict("/echo", 200)]
        assert renewal * 3 == judge.verdicts[2:8]
        assert [Verdict("/echo", 401, "invalid_token"), *renewal] == judge.verdicts[-3:]


def test_narrower_scope() -> None:
    """§6: a renewed token may be asked for less, and not for more than was granted."""
    with judging() as (judge, server):
        creds = {**register(judge, POST, PASSWORD, REFRESH), **LOGIN}

        async def main() -> None:
            async with server.session() as session:
                client = make(session, creds, POST, PASSWORD)
                await client.fetch_token()
                assert SCOPES[1] == (await client.refresh_token(scope=SCOPES[1]))["scope"]
                await refused(client.refresh_token, "invalid_scope", scope="read admin")

        run(main())
        assert [None, None, "invalid_scope"] == [verdict.error for verdict in judge.verdicts]


@pytest.mark.proves("OAuth 2", "bearer token in the header", rfc="RFC 6750 §2.1", judge="oauthlib")
@pytest.mark.proves(
    "OAuth 2", "bearer token in the form or the query", rfc="RFC 6750 §2.2, §2.3", judge="oauthlib"
)
@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("placement", ["header", "body", "query"])
def test_placements(placement: str, verb: str) -> None:
    """RFC 6750 §2: oauthlib finds the token where it was put, once, beside what was sent."""
    form = [("a", "1 + 2"), ("é", "☃ %41")] if verb in ("POST", "PUT", "PATCH") else []
    with judging() as (judge, server):
        creds = register(judge, BASIC, ROBOT)

        async def main() -> None:
            async with server.session() as session:
                client = make(session, creds, BASIC, ROBOT, token_placement=placement)
                token = await client.fetch_token()
                async with client.request(verb, "/photos?b=%20%2B", data=form or None) as response:
                    assert 200 == response.status
                access = [("access_token", token["access_token"])]
                in_body = access if placement == "body" and form else []
                in_query = access if placement == "query" else []
                assert [*form, *in_body, ("b", " +"), *in_query] == judge.forms[-1]

        run(main())
        assert [200] * 2 == [verdict.status for verdict in judge.verdicts]


@proves_rotation
def test_a_revoked_token() -> None:
    """A 401 asks for another token; where the refresh token is gone, too, it ends in a refusal."""
    with judging() as (judge, server):
        creds = register(judge, NONE, CODE, REFRESH)

        async def main() -> None:
            async with server.session() as session:
                client = make(session, creds, NONE, CODE)
                access = (await log_in(client, session))["access_token"]
                await client.revoke_token(token=access, token_type_hint="access_token")
                assert 200 == await call(client)
                assert ["invalid_token", None, None] == [one.error for one in judge.verdicts[3:]]
                await log_in(client, session)
                await client.revoke_token()
                await refused(lambda: call(client), "invalid_grant")

        run(main())
        assert ["invalid_token", "invalid_grant"] == [one.error for one in judge.verdicts[-2:]]
