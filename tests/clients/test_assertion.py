"""Signed assertions for tokens (RFC 7523), and calls with them, against the embedded server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from oauthkit import (
    AssertionProvider,
    AsyncAssertionClient,
    ConfigurationError,
    MemoryStore,
    OAuthError,
    connect,
)
from oauthkit.testing.servers import AssertionServer
from support import run

proves_assertions = pytest.mark.proves(
    "Assertions", "assertions on the wire: signature and audience", rfc="RFC 7523 §3", judge="PyJWT"
)
proves_exchange = pytest.mark.proves(
    "Assertions", "an assertion becomes a token", rfc="RFC 7523 §2.1", judge="none but ours"
)

NOW = 1_700_000_000.0
ENDPOINT = "https://auth.acme.example/token"
AUDIENCE = "https://acme.example/aud"
ANN, BOB = "ann@acme.example", "bob@acme.example"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return the seconds since the epoch."""
        return self.now


def declare(**fields: Any) -> AssertionProvider:
    """Return the declaration of a service whose key files are the embedded server's."""
    settings: dict[str, Any] = {
        "name": "acme",
        "token_endpoint": ENDPOINT,
        "audience": AUDIENCE,
        "api_base": "https://api.acme.example/v1/",
        "scope_in_claims": True,
        "credential_names": {
            "issuer": "client_email",
            "key_id": "private_key_id",
            "token_endpoint": "token_uri",
        },
        "credential_constants": {"type": "service_account"},
        "ignored_credentials": (
            "auth_provider_x509_cert_url",
            "auth_uri",
            "client_id",
            "client_x509_cert_url",
            "project_id",
        ),
    }
    return AssertionProvider(**{**settings, **fields})


@contextmanager
def playing(provider: AssertionProvider, **options: Any) -> Generator[AssertionServer]:
    """Play *provider*, on a clock that stands still unless another is given."""
    settings: dict[str, Any] = {"clock": Clock(), "subjects": [ANN, BOB], **options}
    with AssertionServer.for_provider(provider, **settings) as server:
        yield server


def sent(server: AssertionServer, number: int = -1) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let PyJWT verify an assertion that arrived; return its header and its claims."""
    exchange = server.exchanges(server.token_path)[number]
    assertion = dict(exchange.parameters)["assertion"]
    public: Any = load_pem_private_key(server.private_key.encode(), None).public_key()
    audience = server.audience or server.token_endpoint
    options: Any = {"verify_exp": False, "verify_iat": False}
    read = jwt.decode(assertion, public, [server.alg], audience=audience, options=options)
    return jwt.get_unverified_header(assertion), read


async def whoami(client: AsyncAssertionClient) -> str:
    """Ask the API for whom the client acts."""
    async with client.get("https://api.acme.example/userinfo") as response:
        assert 200 == response.status
        answer = await response.json()
    return str(answer["preferred_username"])


@proves_assertions
@proves_exchange
def test_fifty_callers_sign_once() -> None:
    """Of many cold callers one asks; the assertion holds the scope and names key and audience."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(
                    provider, server.key_file, session=session, scope="b a", clock=server.clock
                )
                assert isinstance(client, AsyncAssertionClient)
                assert "b a" == client.scope
                users = await asyncio.gather(*[whoami(client) for _ in range(50)])
                assert [server.client_email] * 50 == users
                async with client.get("things") as response:
                    assert "b a" == (await response.json())["scope"]

        run(main())
        assert 1 == server.token_requests
        assert all(exchange.ok for exchange in server.log)
        asked = server.exchanges("/token")[0]
        assert {"grant_type", "assertion"} == set(dict(asked.parameters))
        header, claims = sent(server)
        assert {"typ": "JWT", "alg": "RS256", "kid": server.key_id} == header
        assert {
            "iss": server.client_email,
            "aud": AUDIENCE,
            "iat": int(NOW),
            "exp": int(NOW) + 3600,
            "scope": "b a",
        } == claims


@proves_exchange
def test_scope_in_the_form() -> None:
    """Where the declaration does not say otherwise the scope is a parameter (RFC 7521 §4.1)."""
    provider = declare(scope_in_claims=False, scope="a")
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.key_file, session=session, clock=server.clock)
                assert server.client_email == await whoami(client)

        run(main())
        assert "a" == dict(server.exchanges("/token")[0].parameters)["scope"]
        assert "scope" not in sent(server)[1]


def test_the_audience_is_constant() -> None:
    """A key file with another token endpoint changes where assertions go, not whom they are for."""
    provider = declare()
    with playing(provider, token_path="/v2/token") as server:
        assert "https://auth.acme.example/v2/token" == server.key_file["token_uri"]

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.key_file, session=session, clock=server.clock)
                assert server.client_email == await whoami(client)

        run(main())
        assert AUDIENCE == sent(server)[1]["aud"]


@proves_assertions
@proves_exchange
def test_delegation() -> None:
    """The subject is whom the account acts for; one it may not act for is refused as such."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:

                def make(subject: str) -> AsyncAssertionClient:
                    return connect(
                        provider,
                        server.key_file,
                        session=session,
                        subject=subject,
                        clock=server.clock,
                    )

                assert await whoami(make(ANN)) == ANN
                assert sent(server)[1]["sub"] == ANN
                with pytest.raises(OAuthError) as caught:
                    await whoami(make("mallory@acme.example"))
                assert "unauthorized_client" == caught.value.error

        run(main())


def test_two_subjects_share_no_token() -> None:
    """One store keeps the tokens of two users apart, and one user's for the next client."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            store = MemoryStore()
            async with server.session() as session:

                def make(subject: str | None) -> AsyncAssertionClient:
                    return connect(
                        provider,
                        server.key_file,
                        session=session,
                        store=store,
                        subject=subject,
                        clock=server.clock,
                    )

                assert await whoami(make(ANN)) == ANN
                assert await whoami(make(BOB)) == BOB
                assert server.client_email == await whoami(make(None))
                assert 3 == server.token_requests
                assert await whoami(make(ANN)) == ANN
                assert await whoami(make(BOB)) == BOB
                assert 3 == server.token_requests

        run(main())


def test_renewal_after_expiry() -> None:
    """A token that has expired is replaced before the call, by a new assertion."""
    provider, clock = declare(), Clock()
    with playing(provider, clock=clock) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.key_file, session=session, clock=clock)
                await whoami(client)
                first = client.token
                clock.now += 3000
                await whoami(client)
                assert first is client.token
                clock.now += 600
                await asyncio.gather(*[whoami(client) for _ in range(10)])
                assert first is not client.token

        run(main())
        assert 2 == server.token_requests
        assert all(exchange.ok for exchange in server.log)
        assert [NOW, NOW + 3600] == [sent(server, number)[1]["iat"] for number in (0, 1)]


def test_renewal_after_a_401() -> None:
    """A token that the API refuses is replaced, and the call made again."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.key_file, session=session, clock=server.clock)
                token = await client.fetch_token()
                server.revoke(token["access_token"])
                assert server.client_email == await whoami(client)

        run(main())
        assert 2 == server.token_requests
        assert [401, 200] == [exchange.status for exchange in server.exchanges("/userinfo")]


@proves_assertions
@proves_exchange
@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
def test_algorithms(alg: str) -> None:
    """Each way to sign is verified by the server, and by PyJWT."""
    provider = declare(alg=alg, lifetime=300)
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.key_file, session=session, clock=server.clock)
                assert server.client_email == await whoami(client)

        run(main())
        header, claims = sent(server)
        assert (alg, 300) == (header["alg"], claims["exp"] - claims["iat"])
        assert all(exchange.ok for exchange in server.log)


def test_fetch_and_refresh() -> None:
    """fetch_token() takes what is there, refresh_token() what is new."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.key_file, session=session, clock=server.clock)
                assert client.token is None
                token = await client.fetch_token()
                assert token == await client.fetch_token()
                assert 1 == server.token_requests
                newer = await client.refresh_token()
                assert 2 == server.token_requests
                assert newer["access_token"] != token["access_token"]
                assert newer == client.token == await client.fetch_token()
                await whoami(client)
                assert 2 == server.token_requests

        run(main())


def _encrypted(server: AssertionServer) -> str:
    key = load_pem_private_key(server.private_key.encode(), None)
    kind = BestAvailableEncryption(b"password")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kind).decode()


def _of_another_kind(_: AssertionServer) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("make_key", "said"),
    [(_of_another_kind, "RS256 needs an RSA key"), (_encrypted, "is encrypted")],
)
def test_wrong_keys(make_key: Callable[[AssertionServer], str], said: str) -> None:
    """A key of another kind, and an encrypted one: told what is wrong, and nothing is sent."""
    provider = declare()
    with playing(provider) as server:
        pem = make_key(server)

        async def main() -> None:
            async with server.session() as session:
                file = {**server.key_file, "private_key": pem}
                client = connect(provider, file, session=session, clock=server.clock)
                with pytest.raises(ConfigurationError, match=said) as caught:
                    await whoami(client)
                assert pem.splitlines()[1] not in str(caught.value)

        run(main())
        assert 0 == len(server.log)


@pytest.mark.parametrize("name", ["aud", "exp", "iat", "iss", "sub"])
def test_reserved_claims(name: str) -> None:
    """What the client sets itself cannot be passed among the claims."""
    provider = declare()
    with playing(provider) as server, pytest.raises(ConfigurationError, match=f"holds {name},"):
        connect(provider, server.key_file, claims={name: "x"})


@proves_assertions
def test_other_claims() -> None:
    """Further claims are signed with the rest."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(
                    provider,
                    server.key_file,
                    session=session,
                    claims={"tenant": "t1"},
                    clock=server.clock,
                )
                await whoami(client)

        run(main())
        assert "t1" == sent(server)[1]["tenant"]


@pytest.mark.parametrize("url", ["http://auth.acme.example/token", "/token", f"{ENDPOINT}#f"])
def test_an_endpoint_that_is_none(url: str) -> None:
    """What no assertion could go to is told when the client is made."""
    for name in ("token_url", "token_endpoint"):
        fields: Any = {name: url}
        with pytest.raises(ConfigurationError, match=r"^token_endpoint: "):
            AsyncAssertionClient(None, issuer="me", key="no key is read yet", **fields)


def test_repr() -> None:
    """It names the class and the provider, and nothing that was given."""
    provider = declare()
    with playing(provider) as server:
        client = connect(provider, server.key_file, subject=ANN)
        assert "<AsyncAssertionClient of acme>" == repr(client)
        bare = AsyncAssertionClient(None, ENDPOINT, "me", key=server.private_key)
        assert "<AsyncAssertionClient>" == repr(bare)
