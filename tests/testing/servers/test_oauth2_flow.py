"""The embedded OAuth 2 server over real HTTP, spoken to by oauthlib: every grant, and its calls."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import oauthlib.oauth2
import pytest

from oauthkit import OAuth2Provider
from oauthkit.testing.servers import ABSENT, OAuth1Server, OAuth2Server
from support import run
from testing.servers.peer import FORM, send
from testing.servers.peer2 import (
    AUTH,
    CALLBACK,
    ask,
    bearer,
    get,
    own,
    post,
    query_of,
    talk,
)

proves_server = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "OAuth 2 server",
    rfc="RFC 6749 §4, §6",
    judge="oauthlib",
)

VERIFIER = secrets.token_urlsafe(40)


@pytest.fixture
def server() -> Iterator[OAuth2Server]:
    """Play a service."""
    with OAuth2Server(hosts=["auth.example"], redirect_uris=[CALLBACK]) as playing:
        yield playing


def oauthlib_client(kind: str, server: OAuth2Server) -> Any:
    """Make one of oauthlib's clients."""
    return getattr(oauthlib.oauth2, f"{kind}ApplicationClient")(server.client_id)


def authorization_url(server: OAuth2Server, client: Any, method: str | None, **more: str) -> str:
    """Let oauthlib make the URL that the user is sent to."""
    if method is not None:
        # oauthlib makes a plain challenge where no method is named, and None where "plain" is.
        asked = None if method == "plain" else method
        challenge = client.create_code_challenge(VERIFIER, asked)
        more.update(code_challenge=challenge, code_challenge_method=method)
    url = client.prepare_request_uri(
        AUTH + server.authorization_path, redirect_uri=CALLBACK, state="s/&1", **more
    )
    assert isinstance(url, str)
    return url


@proves_server
@pytest.mark.parametrize("method", ["S256", "plain", None])
def test_code(server: OAuth2Server, method: str | None) -> None:
    """A code, with PKCE or without, exchanged for a token that is good (RFC 6749, 4.1)."""
    client = oauthlib_client("Web", server)
    url = authorization_url(server, client, method, scope="read write")
    back = server.authorize(url, user="bob")
    assert back.startswith(CALLBACK + "&")
    assert "s/&1" == query_of(back)["state"]
    code = client.parse_request_uri_response(back, state="s/&1")["code"]
    verifier = {} if method is None else {"code_verifier": VERIFIER}
    body = client.prepare_request_body(code=code, redirect_uri=CALLBACK, **verifier)
    answer = ask(server, body)
    assert 200 == answer.status, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert ("no-store", "no-cache") == (answer.headers["Cache-Control"], answer.headers["Pragma"])
    token = client.parse_request_body_response(answer.text)
    assert ("Bearer", 3600, "read write") == (
        token["token_type"],
        token["expires_in"],
        answer.json["scope"],
    )
    uri, headers, _ = client.add_token(f"{AUTH}/userinfo")
    me = get(server, uri, headers)
    assert {"sub": "1", "name": "Bob", "preferred_username": "bob"} == me.json
    assert 1 == server.token_requests
    exchange = server.exchanges("/token")[0]
    assert (True, "header", code) == (exchange.ok, exchange.placement, exchange.parameter("code"))
    assert [
        "method", "content_type", "parameters", "client", "grant_type", "code", "redirect_uri",
        "code_verifier",
    ] == [check.name for check in exchange.checks]  # fmt: skip


def test_consent_page(server: OAuth2Server) -> None:
    """A browser sees a form, posts it where it was, and is sent back; a refusal comes back too."""
    url = authorization_url(server, oauthlib_client("Web", server), "S256")
    form = {"Content-Type": FORM}
    page, approved, denied = talk(
        server,
        lambda session: send(session, "GET", url),
        lambda session: send(session, "POST", url, form, "user=carol&decision=approve"),
        lambda session: send(session, "POST", url, form, "user=carol&decision=deny"),
    )
    assert 200 == page.status
    assert 'value="approve"' in page.text
    assert 303 == approved.status == denied.status
    assert {"x", "code", "state"} == set(query_of(approved.headers["Location"]))
    assert "access_denied" == query_of(denied.headers["Location"])["error"]
    assert all(exchange.ok for exchange in server.log)


@proves_server
def test_denied(server: OAuth2Server) -> None:
    """The user's refusal reaches the client, and oauthlib reads it (section 4.1.2.1)."""
    client = oauthlib_client("Web", server)
    back = server.authorize(authorization_url(server, client, "S256"), approve=False)
    with pytest.raises(oauthlib.oauth2.AccessDeniedError):
        client.parse_request_uri_response(back, state="s/&1")


def test_issuer() -> None:
    """With an issuer, code and error say who answers (RFC 9207)."""
    with OAuth2Server(hosts=["auth.example"], issuer=AUTH) as server:
        url = authorization_url(server, oauthlib_client("Web", server), "S256")
        for approve in (True, False):
            assert AUTH == query_of(server.authorize(url, approve=approve))["iss"]


@proves_server
def test_client_credentials(server: OAuth2Server) -> None:
    """A token for the client itself: no user, nothing to refresh (section 4.4)."""
    client = oauthlib_client("Backend", server)
    token = client.parse_request_body_response(ask(server, client.prepare_request_body()).text)
    assert {"access_token", "token_type", "expires_in"} <= set(token)
    assert "refresh_token" not in token
    uri, headers, _ = client.add_token(f"{AUTH}/a%20b?q=%C3%A9&access=1")
    echo = get(server, uri, headers).json
    assert (None, server.client_id, "") == (echo["user"], echo["client_id"], echo["scope"])
    assert ("/a%20b", [["q", "é"], ["access", "1"]]) == (echo["path"], echo["query"])
    assert ["Authorization", "***"] in echo["headers"]


@proves_server
def test_password(server: OAuth2Server) -> None:
    """A token for the user's password, kept at the server (section 4.3)."""
    client = oauthlib_client("Legacy", server)
    body = client.prepare_request_body("alice", server.users["alice"], scope="read")
    token = client.parse_request_body_response(ask(server, body).text, scope=["read"])
    assert {"access_token", "refresh_token"} <= set(token)
    data = get(server, f"{AUTH}/2/users/me", bearer(token["access_token"])).json["data"]
    assert {"id": "1", "name": "Alice", "username": "alice"} == data


@proves_server
@pytest.mark.parametrize("rotates", [True, False])
def test_refresh(server: OAuth2Server, rotates: bool) -> None:
    """A refresh token gives a new access token, and itself a new one where they rotate (6)."""
    server.rotate_refresh_tokens = rotates
    first = server.issue("alice", "read write")
    client = oauthlib_client("Web", server)
    body = client.prepare_refresh_body(refresh_token=first["refresh_token"], scope="read")
    second = ask(server, body).json
    assert rotates is ("refresh_token" in second)
    assert "read" == second["scope"]
    newest = second.get("refresh_token", first["refresh_token"])
    third = ask(server, {"grant_type": "refresh_token", "refresh_token": newest}).json
    assert "read write" == third["scope"], "narrowing is for one access token (section 6)"
    for token in (first, second, third):
        assert 200 == get(server, f"{AUTH}/x", bearer(token["access_token"])).status


@proves_server
def test_client_secret_post() -> None:
    """The secret in the form; any octets of a secret arrive (section 2.3.1)."""
    with OAuth2Server(hosts=["auth.example"], client_id="a:b é", client_secret="%+&= :ü") as server:
        client = oauthlib_client("Backend", server)
        body = client.prepare_request_body(
            include_client_id=True, client_secret=server.client_secret
        )
        assert 200 == ask(server, body, {}).status
        assert "body" == server.log[-1].placement
        assert 200 == ask(server, "grant_type=client_credentials").status
        assert "client_secret_basic" == next(
            check.detail for check in server.log[-1].checks if check.name == "client"
        )


def test_raw_basic() -> None:
    """With the leniency, Basic credentials are taken as they are, and only so."""
    form = {"grant_type": "client_credentials"}
    with OAuth2Server(hosts=["auth.example"], client_secret="%41+", raw_basic=True) as server:
        raw = {"Authorization": "Basic " + b64encode(f"{server.client_id}:%41+".encode()).decode()}
        assert 200 == ask(server, form, raw).status
        assert 401 == ask(server, form).status


@proves_server
def test_public_client() -> None:
    """A public client has no secret, names itself, and needs PKCE."""
    with OAuth2Server(hosts=["auth.example"], auth_methods=["none"]) as server:
        assert {"client_id": server.client_id} == server.creds
        client = oauthlib_client("Web", server)
        back = server.authorize(authorization_url(server, client, "S256"))
        code = query_of(back)["code"]
        body = client.prepare_request_body(code=code, redirect_uri=CALLBACK, code_verifier=VERIFIER)
        token = ask(server, body, {}).json
        refresh = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
        assert 200 == ask(server, {**refresh, "client_id": server.client_id}, {}).status
        plain = server.authorize(authorization_url(server, client, None))
        assert "invalid_request" == query_of(plain)["error"]


@pytest.mark.parametrize("expires_in", [1, 0, -5, None, "3600", 0.5, "soon", ABSENT])
def test_expires_in(server: OAuth2Server, expires_in: object) -> None:
    """The answer says whatever it is told to, and the token is good for a sensible time."""
    server.expires_in = expires_in
    answer = ask(server, "grant_type=client_credentials").json
    assert (expires_in is ABSENT) is ("expires_in" not in answer)
    if expires_in is not ABSENT:
        assert expires_in == answer["expires_in"]
    if expires_in not in {1, 0.5}:
        assert 200 == get(server, f"{AUTH}/x", bearer(answer["access_token"])).status


def test_lifetimes_are_by_the_clock() -> None:
    """A token is over at its time; a lifetime of its own wins over what is said."""
    now = [1_000_000.0]
    with OAuth2Server(hosts=["auth.example"], clock=lambda: now[0], expires_in=10) as server:
        token = server.issue()["access_token"]
        server.lifetime = 20
        longer = server.issue()["access_token"]
        now[0] += 10
        assert 401 == get(server, f"{AUTH}/x", bearer(token)).status
        answer = get(server, f"{AUTH}/x", bearer(longer))
        assert (200, "Mon, 12 Jan 1970 13:46:50 GMT") == (answer.status, answer.headers["Date"])


@proves_server
def test_revocation(server: OAuth2Server) -> None:
    """An access token is revoked alone, a refresh token with its kin (RFC 7009)."""
    client = oauthlib_client("Web", server)
    one, two = server.issue(), server.issue()
    for token in (one["access_token"], two["refresh_token"], "unknown"):
        _, headers, body = client.prepare_token_revocation_request(f"{AUTH}/revoke", token)
        answer = ask(server, body, {**headers, **own(server)}, "/revoke")
        assert (200, "") == (answer.status, answer.text)
    for token in (one, two):
        assert 401 == get(server, f"{AUTH}/x", bearer(token["access_token"])).status
    refresh = {"grant_type": "refresh_token", "refresh_token": one["refresh_token"]}
    assert 200 == ask(server, refresh).status
    assert 400 == ask(server, {**refresh, "refresh_token": two["refresh_token"]}).status


def test_introspection() -> None:
    """A token explained: whose, for what, until when; of a dead one nothing (RFC 7662)."""
    with OAuth2Server(hosts=["auth.example"], clock=lambda: 1000.5, issuer=AUTH) as server:
        token = server.issue("alice", "read")

        def explained(name: str) -> Any:
            return ask(server, {"token": name, "token_type_hint": "x"}, path="/introspect").json

        members = {
            "active": True, "client_id": server.client_id, "scope": "read", "username": "alice",
            "sub": "1", "iat": 1000, "iss": AUTH,
        }  # fmt: skip
        assert {**members, "exp": 4600, "token_type": "Bearer"} == explained(token["access_token"])
        assert members == explained(token["refresh_token"])
        of_client = explained(server.issue(None)["access_token"])
        assert server.client_id == of_client["sub"]
        assert "username" not in of_client
        refresh = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
        assert 200 == ask(server, refresh).status
        server.expire(token["access_token"])
        for dead in (token["access_token"], token["refresh_token"], "unknown"):
            assert {"active": False} == explained(dead)


def test_scopes() -> None:
    """What is not to be had is refused, what is not asked for is the default; others may join."""
    with OAuth2Server(
        hosts=["auth.example"], scopes=["a", "b"], default_scope="a", scope_separator=","
    ) as server:
        form = {"grant_type": "client_credentials"}
        assert "a" == ask(server, form).json["scope"]
        assert "a,b" == ask(server, {**form, "scope": "a,b,a"}).json["scope"]
        for scope in ("a b", "c", ",a", "a,c"):
            assert "invalid_scope" == ask(server, {**form, "scope": scope}).json["error"]


def test_for_provider() -> None:
    """A declaration is played unchanged: its hosts, its paths, its ways."""
    provider = OAuth2Provider(
        name="acme",
        authorization_endpoint="https://login.acme.example/o/authorize",
        token_endpoint="https://login.acme.example/o/token?tenant=1",
        revocation_endpoint="https://login.acme.example/o/gone",
        issuer="https://login.acme.example",
        api_base="https://api.acme.example/v1/",
        origins=("https://*.files.acme.example",),
        token_endpoint_auth_method="client_secret_post",
        token_placement="query",
    )
    with OAuth2Server.for_provider(provider, default_scope="all") as server:
        assert ("login.acme.example", "api.acme.example", "*.files.acme.example") == server.hosts
        assert ("/o/authorize", "/o/token", "/o/gone", "/introspect") == (
            server.authorization_path,
            server.token_path,
            server.revocation_path,
            server.introspection_path,
        )
        assert (("authorization_code", "refresh_token"), ("S256",), True) == (
            server.grant_types,
            server.code_challenge_methods,
            server.require_pkce,
        )
        creds = server.creds_for("dave")
        form = {"grant_type": "refresh_token", "refresh_token": creds["refresh_token"]}
        url = str(provider.token_endpoint)
        refreshed, me = talk(
            server,
            lambda session: post(session, url, {**form, **server.creds}),
            lambda session: send(
                session,
                "GET",
                f"https://x.files.acme.example/userinfo?access_token={creds['access_token']}",
            ),
        )
        assert (200, "all") == (refreshed.status, refreshed.json["scope"])
        assert "dave" == me.json["preferred_username"]
        assert "/userinfo" == server.log[-1].path


def test_endpoints(server: OAuth2Server) -> None:
    """The endpoints under their registered names, for a declaration or a mapping."""
    endpoints: dict[str, Any] = {**server.endpoints}
    provider = OAuth2Provider(name="acme", api_base=AUTH, **endpoints)
    with OAuth2Server.for_provider(provider) as other:
        assert server.endpoints == other.endpoints
        assert server.hosts == other.hosts


def test_provider_without_pkce() -> None:
    """A declaration that sends no challenge is not asked for one."""
    provider = OAuth2Provider(
        name="acme",
        authorization_endpoint=f"{AUTH}/a",
        token_endpoint=f"{AUTH}/t",
        api_base=AUTH,
        code_challenge_method=None,
    )
    with OAuth2Server.for_provider(provider) as server:
        url = f"{AUTH}/a?response_type=code&client_id={server.client_id}"
        assert "code" in query_of(server.authorize(f"{url}&redirect_uri={quote(CALLBACK)}"))


def test_one_session_for_two_servers(server: OAuth2Server) -> None:
    """Servers of different kinds run side by side."""
    with OAuth1Server(hosts=["one.example"]) as other:

        async def both() -> list[int]:
            async with server.session(other) as session:
                return [
                    (await send(session, "GET", f"{AUTH}/x")).status,
                    (await send(session, "GET", "https://one.example/x")).status,
                ]

        assert [401, 401] == run(both())


def test_restart(server: OAuth2Server) -> None:
    """What was issued outlives a restart: a token is no connection."""
    token = server.issue()["access_token"]
    server.close()
    server.start()
    assert 200 == get(server, f"{AUTH}/x", bearer(token)).status


def test_no_secret_shows(server: OAuth2Server) -> None:
    """Neither the server's repr nor its log's shows a secret."""
    token = server.issue()
    body = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    made = ask(server, body).json
    get(server, f"{AUTH}/x?access_token={made['access_token']}")
    back = server.authorize(authorization_url(server, oauthlib_client("Web", server), "S256"))
    shown = repr(server) + repr(server.log)
    for secret in (
        server.client_secret, server.users["alice"], token["refresh_token"], made["access_token"],
        made["refresh_token"], query_of(back)["code"], urlsplit(back).query,
    ):  # fmt: skip
        assert secret not in shown
