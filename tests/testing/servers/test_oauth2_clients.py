"""What the embedded OAuth 2 server refuses of a client and its form: RFC 6749, 2.3, 3.2 and 5.2."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from oauthkit.testing.servers import OAuth2Server
from testing.servers.peer import send
from testing.servers.peer2 import (
    AUTH,
    CLIENT,
    ask,
    asked,
    basic,
    own,
    post,
    query_of,
    refused,
    talk,
)

pytestmark = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "OAuth 2 server: what it refuses",
    rfc="RFC 6749 §5.2",
    judge="none but ours",
)


@pytest.fixture
def server() -> Iterator[OAuth2Server]:
    """Play a service."""
    with OAuth2Server(hosts=["auth.example"]) as playing:
        yield playing


# The client


@pytest.mark.parametrize(
    "field",
    [
        "Bearer abc",
        "Basic",
        "Basic !!!",
        "Basic YQ",
        "Basic " + base64.b64encode(b"no-colon").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + base64.b64encode(b"nobody:x").decode(),
        "Basic " + base64.b64encode(b":").decode(),
    ],
)
def test_wrong_authorization(server: OAuth2Server, field: str) -> None:
    """Whatever is no valid Basic field is 401, with a challenge (section 5.2)."""
    answer = ask(server, CLIENT, {"Authorization": field})
    refused(server, answer, "invalid_client", "client", 401)
    assert 'Basic realm="OAuth", charset="UTF-8"' == answer.headers["WWW-Authenticate"]


def test_wrong_secret(server: OAuth2Server) -> None:
    """A wrong secret is refused wherever it comes, and none at all too."""
    wrong = {**CLIENT, "client_id": server.client_id, "client_secret": "wrong"}
    nothing = {**CLIENT, "client_id": server.client_id}
    for answer in (
        ask(server, CLIENT, basic(server.client_id, "wrong")),
        ask(server, CLIENT, basic(server.client_id, "")),
        ask(server, wrong, {}),
        ask(server, nothing, {}),
        ask(server, CLIENT, {}),
    ):
        refused(server, answer, "invalid_client", "client", 401)


def test_two_methods(server: OAuth2Server) -> None:
    """A client authenticates in one way (section 2.3), and is one client."""
    both = ask(server, {**CLIENT, **server.creds})
    refused(server, both, "invalid_request", "client")
    assert "header+body" == server.log[-1].placement
    refused(server, ask(server, {**CLIENT, "client_id": "x"}), "invalid_request", "client")
    assert 200 == ask(server, {**CLIENT, "client_id": server.client_id}).status


def test_method_that_is_not_accepted() -> None:
    """Only the methods that were declared are taken."""
    for method, good in (("client_secret_basic", "header"), ("client_secret_post", "body")):
        with OAuth2Server(hosts=["auth.example"], auth_methods=[method]) as server:
            basic_answer = ask(server, CLIENT)
            post_answer = ask(server, {**CLIENT, **server.creds}, {})
            ways = {"header": basic_answer, "body": post_answer}
            assert 200 == ways.pop(good).status
            (other,) = ways.values()
            assert (401, "invalid_client") == (other.status, other.json["error"])


def test_public_client_has_no_credentials() -> None:
    """A client without a secret can neither authenticate nor use its own credentials."""
    with OAuth2Server(
        hosts=["auth.example"], auth_methods=["none", "client_secret_basic"]
    ) as server:
        public = server.register_client(public=True)
        form = {**CLIENT, **public}
        refused(server, ask(server, form, {}), "unauthorized_client", "client")
        answer = ask(server, CLIENT, basic(public["client_id"], ""))
        refused(server, answer, "invalid_client", "client", 401)
        assert 200 == ask(server, CLIENT, basic(*server.register_client().values())).status


# The form


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("grant_type=client_credentials&grant_type=client_credentials", "parameters"),
        ("grant_type=client_credentials&scope=%FF", "parameters"),
        ("scope=a", "grant_type"),
        ("grant_type=", "grant_type"),
        ("", "grant_type"),
    ],
)
def test_malformed_form(server: OAuth2Server, body: str, check: str) -> None:
    """A parameter twice, not in UTF-8, or missing (section 3.2)."""
    refused(server, ask(server, body), "invalid_request", check)


def test_not_a_post_or_not_a_form(server: OAuth2Server) -> None:
    """The token endpoint takes a POSTed form, and no secret in its URL (section 2.3.1)."""
    as_json = {"Content-Type": "application/json", **own(server)}
    got, json, exposed, odd = talk(
        server,
        lambda session: send(session, "GET", f"{AUTH}/token", own(server)),
        lambda session: send(session, "POST", f"{AUTH}/token", as_json, "{}"),
        lambda session: post(session, f"{AUTH}/token?client_secret=x", CLIENT, own(server)),
        lambda session: post(session, f"{AUTH}/token?tenant=1", CLIENT, own(server)),
    )
    assert (405, "POST") == (got.status, got.headers["Allow"])
    assert (400, 400, 200) == (json.status, exposed.status, odd.status)
    assert [("method",), ("content_type",), ("parameters",), ()] == [
        exchange.failed for exchange in server.log
    ]


def test_grant_types() -> None:
    """A grant type that is not offered, or not known at all (section 5.2)."""
    with OAuth2Server(hosts=["auth.example"], grant_types=["client_credentials"]) as server:
        for name in ("password", "urn:x"):
            answer = ask(server, {"grant_type": name})
            refused(server, answer, "unsupported_grant_type", "grant_type")
        assert "unauthorized_client" == query_of(server.authorize(asked(server)))["error"]
        assert "refresh_token" not in server.issue()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"grant_types": ["implicit"]}, "implicit"),
        ({"auth_methods": ["private_key_jwt"]}, "private_key_jwt"),
        ({"code_challenge_methods": ["S512"]}, "S512"),
    ],
)
def test_unknown_options(options: dict[str, Any], named: str) -> None:
    """A server that cannot do what it is asked for does not start out."""
    with pytest.raises(ValueError, match=named):
        OAuth2Server(hosts=["auth.example"], **options)
