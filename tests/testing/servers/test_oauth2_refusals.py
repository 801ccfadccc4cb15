"""What the embedded OAuth 2 server refuses, each for what it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from oauthkit.testing.servers import OAuth2Server, failures
from testing.servers.peer2 import (
    AUTH,
    CALLBACK,
    CHALLENGE,
    VERIFIER,
    ask,
    asked,
    basic,
    bearer,
    get,
    query_of,
    refused,
)

pytestmark = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "OAuth 2 server: what it refuses",
    rfc="RFC 6749 §5.2",
    judge="none but ours",
)

NOW = 1_700_000_000.0


@pytest.fixture
def server() -> Iterator[OAuth2Server]:
    """Play a service at a fixed time."""
    with OAuth2Server(
        hosts=["auth.example"], redirect_uris=[CALLBACK], clock=lambda: NOW
    ) as playing:
        yield playing


def exchange(server: OAuth2Server, **changes: str | None) -> dict[str, str]:
    """Make the form that exchanges a new code; None leaves a parameter out."""
    given: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": query_of(server.authorize(asked(server)))["code"],
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


# The authorization request


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"client_id": None}, "client"),
        ({"client_id": "nobody"}, "client"),
        ({"redirect_uri": "https://app.example/cb"}, "redirect_uri"),
        ({"redirect_uri": CALLBACK + "&y=2"}, "redirect_uri"),
        ({"state": "\udcff"}, "parameters"),
    ],
)
def test_nobody_is_redirected(
    server: OAuth2Server, changes: dict[str, str | None], check: str
) -> None:
    """A wrong client or redirect URI gets a page, and no redirect (section 4.1.2.1)."""
    pairs = {name: value for name, value in changes.items() if value != "\udcff"}
    url = asked(server, **pairs) + ("&state2=%FF" if "state" in changes else "")
    answer = get(server, url)
    assert 400 == answer.status
    assert "Location" not in answer.headers
    assert (check,) == server.log[-1].failed
    with pytest.raises(ValueError, match=r"client|redirect URI|UTF-8"):
        server.authorize(url)


def test_redirect_uri_twice(server: OAuth2Server) -> None:
    """Which of two redirect URIs is meant, nobody knows."""
    with pytest.raises(ValueError, match="twice"):
        server.authorize(asked(server) + "&redirect_uri=https%3A%2F%2Fevil.example")


@pytest.mark.parametrize("uri", ["/cb", "https://app.example/#x"])
def test_redirect_uri_of_any_kind(uri: str) -> None:
    """Where none is registered, it must be an absolute URI without fragment all the same."""
    with OAuth2Server(hosts=["auth.example"]) as server:
        assert "code" in query_of(server.authorize(asked(server, redirect_uri="app.example:/cb")))
        for wrong in (uri, None):
            with pytest.raises(ValueError, match="redirect URI"):
                server.authorize(asked(server, redirect_uri=wrong))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "S512"}, "invalid_request"),
        ({"scope": "é"}, "invalid_scope"),
    ],
)
def test_the_client_is_told(
    server: OAuth2Server, changes: dict[str, str | None], error: str
) -> None:
    """Any other fault goes back to the client, with its state (section 4.1.2.1)."""
    answer = get(server, asked(server, **changes))
    assert 303 == answer.status
    back = query_of(answer.headers["Location"])
    assert (error, "st") == (back["error"], back["state"])
    assert 1 == len(server.log[-1].failed)
    assert back == query_of(server.authorize(asked(server, **changes)))


def test_state_twice(server: OAuth2Server) -> None:
    """Of two states none is echoed."""
    back = query_of(server.authorize(asked(server) + "&state=other"))
    assert ("invalid_request", None) == (back["error"], back.get("state"))


def test_require_pkce(server: OAuth2Server) -> None:
    """PKCE may be asked of every client."""
    url = asked(server, code_challenge=None, code_challenge_method=None)
    assert "code" in query_of(server.authorize(url))
    server.require_pkce = True
    assert "invalid_request" == query_of(server.authorize(url))["error"]


@pytest.mark.parametrize("url", ["https://other.example/authorize", "https://auth.example/token"])
def test_foreign_authorization_url(server: OAuth2Server, url: str) -> None:
    """A URL of another host or path is a mistake of the test."""
    with pytest.raises(ValueError, match=r"play|none of"):
        server.authorize(url)


# Codes


@pytest.mark.parametrize(
    ("changes", "error", "check"),
    [
        ({"code": None}, "invalid_request", "code"),
        ({"code": "unknown"}, "invalid_grant", "code"),
        ({"redirect_uri": None}, "invalid_grant", "redirect_uri"),
        ({"redirect_uri": "https://app.example/cb"}, "invalid_grant", "redirect_uri"),
        ({"code_verifier": None}, "invalid_grant", "code_verifier"),
        ({"code_verifier": VERIFIER[:-1] + "A"}, "invalid_grant", "code_verifier"),
        ({"code_verifier": VERIFIER[:42]}, "invalid_grant", "code_verifier"),
        ({"code_verifier": "é" * 43}, "invalid_grant", "code_verifier"),
        ({"code_verifier": CHALLENGE}, "invalid_grant", "code_verifier"),
    ],
)
def test_wrong_exchange(
    server: OAuth2Server, changes: dict[str, str | None], error: str, check: str
) -> None:
    """A code is bound to redirect URI and verifier; a failure does not use it up."""
    form = exchange(server, **changes)
    refused(server, ask(server, form), error, check)
    if changes.get("code", "") == "":
        again = {**form, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        assert 200 == ask(server, again).status


def test_code_of_another_client(server: OAuth2Server) -> None:
    """A code is bound to its client."""
    other = server.register_client(redirect_uris=[CALLBACK])
    answer = ask(server, exchange(server), basic(*other.values()))
    refused(server, answer, "invalid_grant", "code")


def test_code_used_twice(server: OAuth2Server) -> None:
    """A code that comes again is refused, and takes its tokens along (section 4.1.2)."""
    form = exchange(server)
    token = ask(server, form).json
    assert 200 == get(server, f"{AUTH}/x", bearer(token["access_token"])).status
    refused(server, ask(server, form), "invalid_grant", "code")
    assert 401 == get(server, f"{AUTH}/x", bearer(token["access_token"])).status
    refresh = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    refused(server, ask(server, refresh), "invalid_grant", "refresh_token")


def test_code_expired() -> None:
    """A code is good for its lifetime."""
    now = [NOW]
    with OAuth2Server(hosts=["auth.example"], clock=lambda: now[0], code_lifetime=5) as server:
        form = exchange(server)
        now[0] += 5
        refused(server, ask(server, form), "invalid_grant", "code")


def test_verifier_without_challenge(server: OAuth2Server) -> None:
    """A verifier whose challenge somebody took out is refused (RFC 9700, 2.1.1)."""
    url = asked(server, code_challenge=None, code_challenge_method=None)
    code = query_of(server.authorize(url))["code"]
    refused(server, ask(server, exchange(server, code=code)), "invalid_grant", "code_verifier")


def test_redirect_uri_may_be_left_out_twice(server: OAuth2Server) -> None:
    """With one registered redirect URI, neither request has to name it (section 3.1.2.3)."""
    code = query_of(server.authorize(asked(server, redirect_uri=None)))["code"]
    assert 200 == ask(server, exchange(server, code=code, redirect_uri=None)).status


# Refresh tokens and passwords


def test_rotated_refresh_token(server: OAuth2Server) -> None:
    """A rotated token that comes again takes its whole family along (RFC 9700, 4.14.2)."""
    first = server.issue()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = ask(server, form).json
    refused(server, ask(server, form), "invalid_grant", "refresh_token")
    newest = {**form, "refresh_token": second["refresh_token"]}
    refused(server, ask(server, newest), "invalid_grant", "refresh_token")
    for token in (first, second):
        assert 401 == get(server, f"{AUTH}/x", bearer(token["access_token"])).status


def test_wrong_refresh_token(server: OAuth2Server) -> None:
    """Unknown, an access token, another client's, expired, or for more scope than it has."""
    issued = server.issue("alice", "read")
    form = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
    for wrong in ("unknown", issued["access_token"]):
        answer = ask(server, {**form, "refresh_token": wrong})
        refused(server, answer, "invalid_grant", "refresh_token")
    other = basic(*server.register_client().values())
    refused(server, ask(server, form, other), "invalid_grant", "refresh_token")
    refused(server, ask(server, {**form, "scope": "read write"}), "invalid_scope", "scope")
    server.expire(issued["refresh_token"])
    refused(server, ask(server, form), "invalid_grant", "refresh_token")
    with pytest.raises(ValueError, match="no such token"):
        server.expire("unknown")
    server.revoke("unknown")


def test_wrong_password(server: OAuth2Server) -> None:
    """Neither user nor password may be wrong (section 4.3)."""
    right = {"grant_type": "password", "username": "alice", "password": server.users["alice"]}
    assert 200 == ask(server, right).status
    for wrong in ({"username": "bob"}, {"password": "x"}):
        refused(server, ask(server, {**right, **wrong}), "invalid_grant", "password")


@pytest.mark.parametrize("path", ["/revoke", "/introspect"])
def test_management_needs_client_and_token(server: OAuth2Server, path: str) -> None:
    """Revocation and introspection ask who wants it, and for which token."""
    refused(server, ask(server, {"token": "x"}, {}, path), "invalid_client", "client", 401)
    refused(server, ask(server, {}, path=path), "invalid_request", "token")


def test_revoking_what_is_not_yours(server: OAuth2Server) -> None:
    """Another client's token stays good (RFC 7009, section 2.1)."""
    token = server.issue()["access_token"]
    other = basic(*server.register_client().values())
    refused(server, ask(server, {"token": token}, other, "/revoke"), "invalid_grant", "token")
    assert 200 == get(server, f"{AUTH}/x", bearer(token)).status


# Misbehaviour on demand


def test_hooks_leave_the_state_alone(server: OAuth2Server) -> None:
    """A hook answers in the endpoint's place: the log judges, and no code is used up."""
    form = exchange(server)
    server.respond("/token", 500, {"Content-Type": "text/html"}, "<title>Down</title>")
    assert (500, "<title>Down</title>") == ((down := ask(server, form)).status, down.text)
    assert 500 == ask(server, form, {}).status
    server.redirect("/token", 307, "https://elsewhere.example/")
    assert 307 == ask(server, form).status
    server.respond("/token", body=failures.huge(1000, prefix=b"{"))
    assert 1000 == len(ask(server, form).text)
    server.restore("/token")
    assert 200 == ask(server, form).status
    assert [True, False, True, True, True] == [exchange.ok for exchange in server.log]
    assert [500, 500, 307, None, 200] == [exchange.status for exchange in server.log]
    assert 5 == server.token_requests
