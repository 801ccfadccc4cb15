"""The embedded assertion server over real HTTP: PyJWT and google-auth sign, plain aiohttp sends."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from google.oauth2 import service_account

from oauthkit import AssertionProvider
from oauthkit.testing.servers import AssertionServer
from oauthkit.testing.servers.assertion import JWT_BEARER
from oauthkit.testing.servers.rfc7515 import ALGORITHMS
from testing.servers.peer import Answer
from testing.servers.peer2 import AUTH, bearer, get, post, refused, talk

proves_server = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "assertion server",
    rfc="RFC 7523 §2.1, §3",
    judge="PyJWT",
)
proves_refusals = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "assertion server: what it refuses",
    rfc="RFC 7523 §3",
    judge="none but ours",
)

NOW = 1_700_000_000
ALICE = "alice@acme.example"


@pytest.fixture
def server() -> Iterator[AssertionServer]:
    """Play a service at a fixed time."""
    with AssertionServer(hosts=["auth.example"], clock=lambda: NOW, subjects=[ALICE]) as playing:
        yield playing


def assertion(
    server: AssertionServer,
    changes: Mapping[str, Any] | None = None,
    *,
    key: Any = None,
    alg: str | None = None,
    kid: str | None = "",
) -> str:
    """Let PyJWT sign an assertion; a claim of None is left out."""
    claims = {
        "iss": server.client_email,
        "aud": f"{AUTH}/token",
        "iat": NOW,
        "exp": NOW + 3600,
        "scope": "a b",
        **(changes or {}),
    }
    given = {name: value for name, value in claims.items() if value is not None}
    headers = None if kid is None else {"kid": kid or server.key_id}
    return jwt.encode(given, key or server.private_key, alg or server.alg, headers=headers)


def ask(server: AssertionServer, token: str, **more: str) -> Answer:
    """Exchange an assertion."""
    form = {"grant_type": JWT_BEARER, "assertion": token, **more}
    url = f"https://{server.hosts[0]}{server.token_path}"
    (answer,) = talk(server, lambda session: post(session, url, form))
    assert isinstance(answer, Answer)
    return answer


@proves_server
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_exchange(alg: str) -> None:
    """Each algorithm: an assertion, a token, a call (RFC 7523, section 2.1)."""
    with AssertionServer(hosts=["auth.example"], clock=lambda: NOW, alg=alg) as server:
        answer = ask(server, assertion(server))
        assert 200 == answer.status, answer.text
        members = {"token_type": "Bearer", "expires_in": 3599, "scope": "a b"}
        assert {**members, "access_token": answer.json["access_token"]} == answer.json
        assert "no-store" == answer.headers["Cache-Control"]
        echo = get(server, f"{AUTH}/x", bearer(answer.json["access_token"])).json
        assert (server.client_email, "a b") == (echo["user"], echo["scope"])
        assert 1 == server.token_requests
        assert [
            "method", "content_type", "parameters", "grant_type", "assertion", "kid", "alg",
            "signature", "iss", "aud", "exp", "sub", "scope",
        ] == [check.name for check in server.exchanges("/token")[0].checks]  # fmt: skip


@pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "assertion server",
    rfc="RFC 7523 §2.1, §3",
    judge="google-auth",
)
def test_key_file_of_google_auth() -> None:
    """google-auth reads the key file, signs, and its assertion is good: with a subject too."""
    with AssertionServer(
        hosts=["oauth2.googleapis.com"],
        audience="https://oauth2.googleapis.com/token",
        subjects=[ALICE],
        scopes=["https://www.googleapis.com/auth/cloud-platform"],
    ) as server:
        assert server.key_file == json.loads(json.dumps(server.key_file))
        kind: Any = service_account.Credentials
        made = kind.from_service_account_info(
            server.key_file, scopes=["https://www.googleapis.com/auth/cloud-platform"]
        )
        for credentials, user in (
            (made, server.client_email),
            (made.with_subject(ALICE), ALICE),
        ):
            token = credentials._make_authorization_grant_assertion()
            answer = ask(server, token.decode())
            assert 200 == answer.status, answer.text
            url = "https://oauth2.googleapis.com/userinfo"
            me = get(server, url, bearer(answer.json["access_token"])).json
            assert user == me["preferred_username"]


@proves_server
def test_delegation(server: AssertionServer) -> None:
    """The account acts for those it may act for, and for itself by name."""
    for subject in (ALICE, server.client_email):
        answer = ask(server, assertion(server, {"sub": subject}))
        me = get(server, f"{AUTH}/userinfo", bearer(answer.json["access_token"])).json
        assert subject == me["preferred_username"]
    mallory = assertion(server, {"sub": "mallory@acme.example"})
    refused(server, ask(server, mallory), "unauthorized_client", "sub")
    server.subjects = None
    assert 200 == ask(server, mallory).status
    refused(server, ask(server, assertion(server, {"sub": 1})), "invalid_grant", "sub")


def test_scope(server: AssertionServer) -> None:
    """The scope is a claim or a member of the form, not both, and none is none."""
    in_form = ask(server, assertion(server, {"scope": None}), scope="c")
    assert "c" == in_form.json["scope"]
    refused(server, ask(server, assertion(server), scope="c"), "invalid_request", "scope")
    for empty in (None, ""):
        assert "scope" not in ask(server, assertion(server, {"scope": empty})).json
    for wrong in (["a"], 7, "a  b"):
        answer = ask(server, assertion(server, {"scope": wrong}))
        refused(server, answer, "invalid_scope", "scope")
    server.scopes = ("a",)
    refused(server, ask(server, assertion(server)), "invalid_scope", "scope")


@proves_refusals
@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"iss": "mallory@acme.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": f"{AUTH}/token/"}, "aud"),
        ({"aud": AUTH}, "aud"),
        ({"aud": [f"{AUTH}/token"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"iat": NOW + 1, "exp": NOW + 10}, "iat"),
        ({"nbf": NOW + 1}, "nbf"),
        ({"nbf": True}, "nbf"),
        ({"exp": NOW + 3601}, "exp"),
        ({"exp": NOW}, "exp"),
        ({"iat": NOW - 3000, "exp": NOW + 601}, "exp"),
        ({"iat": NOW - 10, "exp": NOW - 5}, "exp"),
        ({"exp": None}, "exp"),
        ({"iat": None}, "exp"),
        ({"exp": float("nan")}, "exp"),
        ({"exp": float("inf")}, "exp"),
        ({"exp": 10**400}, "exp"),
    ],
)
def test_wrong_claims(server: AssertionServer, changes: dict[str, Any], check: str) -> None:
    """One wrong claim, signed all the same, is refused for what it is (section 3)."""
    refused(server, ask(server, assertion(server, changes)), "invalid_grant", check)


def test_bounds(server: AssertionServer) -> None:
    """An hour is allowed, and a leeway where one is set."""
    assert 200 == ask(server, assertion(server, {"iat": NOW - 3599, "exp": NOW + 1})).status
    server.leeway = 5
    early = assertion(server, {"iat": NOW + 5, "nbf": NOW + 5, "exp": NOW + 100})
    assert 200 == ask(server, early).status


@proves_refusals
def test_wrong_signature(server: AssertionServer) -> None:
    """Another key, another algorithm, no algorithm, no kid or a wrong one."""
    key = ec.generate_private_key(ec.SECP256R1())
    with AssertionServer(hosts=["auth.example"], clock=lambda: NOW, alg="ES256") as other:
        refused(other, ask(other, assertion(other, key=key)), "invalid_grant", "signature")
    secret = "x" * 32
    for token, check in (
        (assertion(server, key=key, alg="ES256"), "alg"),
        (assertion(server, alg="PS256"), "alg"),
        (assertion(server, key=secret, alg="HS256"), "alg"),
        (jwt.encode({}, "", "none", headers={"kid": server.key_id}), "alg"),
        (assertion(server, kid="other"), "kid"),
        (assertion(server, kid=None), "kid"),
        ("a.b.c", "assertion"),
    ):
        refused(server, ask(server, token), "invalid_grant", check)


def test_wrong_requests(server: AssertionServer) -> None:
    """Another grant type, no assertion, or one in the URL."""
    url = f"{AUTH}/token"
    form = {"grant_type": JWT_BEARER, "assertion": assertion(server)}
    other, missing, exposed = talk(
        server,
        lambda session: post(session, url, {**form, "grant_type": "password"}),
        lambda session: post(session, url, {"grant_type": JWT_BEARER}),
        lambda session: post(session, f"{url}?assertion=x", form),
    )
    assert ["unsupported_grant_type", "invalid_request", "invalid_request"] == [
        answer.json["error"] for answer in (other, missing, exposed)
    ]
    assert [("grant_type",), ("assertion",), ("parameters",)] == [
        exchange.failed for exchange in server.log
    ]


def test_for_provider() -> None:
    """A declaration is played unchanged, and the key file fits what it declares."""
    provider = AssertionProvider(
        name="acme",
        token_endpoint="https://auth.acme.example/o/token",
        audience="https://acme.example/aud",
        alg="ES256",
        origins=("https://*.acme.example",),
    )
    with AssertionServer.for_provider(provider, clock=lambda: NOW) as server:
        assert ("auth.acme.example", "*.acme.example") == server.hosts
        file = server.key_file
        assert (provider.token_endpoint, "acme.example") == (
            file["token_uri"],
            file["universe_domain"],
        )
        assert file["private_key"] == server.creds["private_key"]
        claims = {"aud": provider.audience}
        assert 200 == ask(server, assertion(server, claims)).status
        token = server.issue(ALICE, "a")
        assert (3599, "a") == (token["expires_in"], token["scope"])
        me = get(server, "https://api.acme.example/userinfo", bearer(token["access_token"])).json
        assert ALICE == me["preferred_username"]


def test_no_secret_shows(server: AssertionServer) -> None:
    """Neither the server's repr nor its log's shows a key, an assertion or a token."""
    token = assertion(server)
    made = ask(server, token).json["access_token"]
    shown = repr(server) + repr(server.log)
    for secret in (token, made, server.private_key, "PRIVATE KEY"):
        assert secret not in shown
