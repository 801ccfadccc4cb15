"""The embedded server over real HTTP, spoken to by oauthlib: the flow, and signed calls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

from oauthkit.testing.servers import OAuth1Server
from oauthkit.testing.servers.rfc5849 import SIGNATURE_METHODS
from support import run
from testing.servers.peer import FORM, Answer, send, signed, signer

proves_service = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "OAuth 1.0a service",
    rfc="RFC 5849 §2, §3.2",
    judge="oauthlib",
)

CALLBACK = "https://app.example/cb?x=1"
API = "https://api.example"


@pytest.fixture
def server() -> Iterator[OAuth1Server]:
    """Play a service that takes all signature methods."""
    with OAuth1Server(hosts=["api.example"]) as playing:
        yield playing


async def temporary(server: OAuth1Server, session: Any, callback: str = CALLBACK) -> dict[str, str]:
    """Get temporary credentials."""
    client = signer(
        server, resource_owner_key=None, resource_owner_secret=None, callback_uri=callback
    )
    answer = await signed(session, client, f"{API}/oauth/request_token", "POST")
    assert 200 == answer.status
    assert answer.headers["Content-Type"].startswith("text/html")
    return answer.form


async def exchange(
    server: OAuth1Server, session: Any, asked: dict[str, str], verifier: str | None
) -> Answer:
    """Exchange temporary credentials for a token."""
    client = signer(
        server,
        resource_owner_key=asked["oauth_token"],
        resource_owner_secret=asked["oauth_token_secret"],
        verifier=verifier,
    )
    return await signed(session, client, f"{API}/oauth/access_token", "POST")


@proves_service
def test_flow(server: OAuth1Server) -> None:
    """Temporary credentials, the user's consent, the token, a call with it (section 2)."""

    async def main() -> None:
        async with server.session() as session:
            asked = await temporary(server, session)
            assert "true" == asked["oauth_callback_confirmed"]
            url = f"{API}/oauth/authorize?oauth_token={asked['oauth_token']}"
            back = urlsplit(server.authorize(url, user="bob"))
            assert "app.example" == back.hostname
            query = {name: values[0] for name, values in parse_qs(back.query).items()}
            assert {"x", "oauth_token", "oauth_verifier"} == set(query)
            assert asked["oauth_token"] == query["oauth_token"]
            answer = await exchange(server, session, asked, query["oauth_verifier"])
            assert (200, "bob", "2") == (
                answer.status,
                answer.form["screen_name"],
                answer.form["user_id"],
            )
            client = signer(
                server,
                resource_owner_key=answer.form["oauth_token"],
                resource_owner_secret=answer.form["oauth_token_secret"],
            )
            me = await signed(session, client, f"{API}/2/users/me")
            assert {"data": {"id": "2", "name": "Bob", "username": "bob"}} == me.json
            v1 = await signed(session, client, f"{API}/1.1/account/verify_credentials.json")
            assert (2, "bob") == (v1.json["id"], v1.json["screen_name"])

    run(main())
    assert [200] * 4 == [exchange.status for exchange in server.log]
    assert all(exchange.ok for exchange in server.log)
    assert "callback" == server.log[0].checks[-1].name
    assert "verifier" == server.log[1].checks[-1].name


@proves_service
def test_out_of_band(server: OAuth1Server) -> None:
    """With the callback oob the user carries a PIN of seven digits."""

    async def main() -> None:
        async with server.session() as session:
            asked = await temporary(server, session, "oob")
            url = f"{API}/oauth/authenticate?oauth_token={asked['oauth_token']}"
            pin = server.authorize(url)
            assert pin.isdigit()
            assert 7 == len(pin)
            assert 200 == (await exchange(server, session, asked, pin)).status
            refused = await temporary(server, session, "oob")
            url = f"{API}/oauth/authenticate?oauth_token={refused['oauth_token']}"
            assert "" == server.authorize(url, approve=False)

    run(main())


def test_pages(server: OAuth1Server) -> None:
    """A browser can decide too: page, form, redirect; a refusal says denied; a PIN is shown."""

    async def main() -> None:
        async with server.session() as session:
            url = f"{API}/oauth/authorize"
            fields = {"Content-Type": FORM}
            for decision, name in (("approve", "oauth_verifier"), ("deny", "denied")):
                token = (await temporary(server, session))["oauth_token"]
                page = await send(session, "GET", f"{url}?oauth_token={token}")
                assert 200 == page.status
                assert f'value="{token}"' in page.text
                form = f"oauth_token={token}&user=eve&decision={decision}"
                answer = await send(session, "POST", url, fields, form)
                assert 302 == answer.status
                assert name in parse_qs(urlsplit(answer.headers["Location"]).query)
                again = await send(session, "POST", url, fields, form)
                assert 403 == again.status
                with pytest.raises(ValueError, match="decided"):
                    server.authorize(f"{url}?oauth_token={token}")
            for decision, title in (("approve", "Your PIN"), ("deny", "Access refused")):
                token = (await temporary(server, session, "oob"))["oauth_token"]
                form = f"oauth_token={token}&decision={decision}"
                assert title in (await send(session, "POST", url, fields, form)).text
            assert 403 == (await send(session, "GET", f"{url}?oauth_token=%3Cb%3E")).status

    run(main())


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/oauth/authorize?oauth_token=t",
        "https://api.example/else?oauth_token=t",
        "https://api.example/oauth/authorize",
        "https://api.example/oauth/authorize?oauth_token=t",
    ],
)
def test_authorize_refuses(server: OAuth1Server, url: str) -> None:
    """A URL that is not of this server, or without known credentials, is a ValueError."""
    with pytest.raises(ValueError, match=r"host|none of|oauth_token|unknown"):
        server.authorize(url)


@proves_service
@pytest.mark.parametrize("method", SIGNATURE_METHODS)
@pytest.mark.parametrize("placement", ["AUTH_HEADER", "BODY", "QUERY"])
def test_signed_form(server: OAuth1Server, method: str, placement: str) -> None:
    """What oauthlib signs with any method, in any placement, verifies; the echo shows it."""

    async def main() -> Answer:
        client = signer(server, signature_method=method, signature_type=placement)
        url = f"{API}/echo?q=%20%2B&q=%C3%A9"
        target, fields, body = client.sign(url, "POST", "b=2&a=1+1&b=1", {"Content-Type": FORM})
        # oauthlib recognises the bare type only; the server has to know its parameters.
        fields = {**fields, "Content-Type": f"{FORM}; charset=UTF-8"}
        async with server.session() as session:
            return await send(session, "POST", target, fields, body)

    answer = run(main())
    assert 200 == answer.status, answer.text
    echo = answer.json
    assert [["q", " +"], ["q", "\u00e9"]] == echo["query"]
    assert [["a", "1 1"], ["b", "1"], ["b", "2"]] == sorted(echo["form"])
    assert ("POST", "/echo", "alice") == (echo["method"], echo["path"], echo["user"])
    exchange = server.log[0]
    expected = {"AUTH_HEADER": "header", "BODY": "body", "QUERY": "query"}[placement]
    assert expected == exchange.placement
    assert method == exchange.parameter("oauth_signature_method")
    assert exchange.base_string.startswith("POST&https%3A%2F%2Fapi.example%2Fecho&a%3D1%25201")


def test_json_body_and_hash(server: OAuth1Server) -> None:
    """A body that is no form is not signed; with oauth_body_hash it is vouched for."""
    body = '{"text": "hi"}'

    async def main() -> Answer:
        async with server.session() as session:
            fields = {"Content-Type": "application/json"}
            # oauthlib adds oauth_body_hash of its own accord.
            return await signed(session, signer(server), f"{API}/2/tweets", "POST", body, fields)

    answer = run(main())
    assert 200 == answer.status
    assert hashlib.sha256(body.encode()).hexdigest() == answer.json["body_sha256"]
    assert len(body) == answer.json["body_length"]
    assert "body_hash" in [check.name for check in server.log[0].checks]
    secret = [value for name, value in answer.json["headers"] if name == "Authorization"]
    assert ["***"] == secret


def test_ports_and_plain_http(server: OAuth1Server) -> None:
    """Every port of a played host, over TLS or not, reaches the server, which signs by Host."""
    bases = [
        "https://api.example",
        "https://api.example:8443",
        "http://api.example",
        "http://api.example:8080",
        f"http://127.0.0.1:{server.port}",
        f"https://127.0.0.1:{server.port}",
    ]

    async def main() -> None:
        async with server.session() as session:
            for base in bases:
                assert 200 == (await signed(session, signer(server), f"{base}/x?a=1")).status

    run(main())
    assert [f"{base}/x?a=1" for base in bases] == [exchange.url for exchange in server.log]


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_websocket(server: OAuth1Server, scheme: str) -> None:
    """The handshake of a websocket is signed as http or https, and messages come back."""
    http = scheme.replace("ws", "http")

    async def main() -> None:
        async with server.session() as session:
            _, fields, _ = signer(server).sign(f"{http}://api.example/ws?a=1")
            url = f"{scheme}://api.example/ws?a=1"
            async with session.ws_connect(url, headers=fields) as socket:
                await socket.send_str("hello")
                assert "hello" == await socket.receive_str()
                await socket.send_bytes(b"\x00")
                assert b"\x00" == await socket.receive_bytes()
            assert 401 == (await send(session, "GET", f"{http}://api.example/ws")).status

    run(main())
    assert [101, 401] == [exchange.status for exchange in server.log]


def test_two_legged() -> None:
    """Without a token a request is refused, unless the server was told to take it."""

    async def main(server: OAuth1Server) -> Answer:
        client = signer(server, resource_owner_key=None, resource_owner_secret=None)
        async with server.session() as session:
            return await signed(session, client, f"{API}/x")

    with OAuth1Server(hosts=["api.example"]) as server:
        assert 401 == run(main(server)).status
    with OAuth1Server(hosts=["api.example"], two_legged=True) as server:
        answer = run(main(server))
        assert (200, None) == (answer.status, answer.json["user"])


def test_clock_and_date() -> None:
    """The clock is the caller's, for timestamps and for the Date of every answer."""
    with OAuth1Server(hosts=["api.example"], clock=lambda: 1_318_622_958.0) as server:

        async def main() -> Answer:
            async with server.session() as session:
                client = signer(server, timestamp="1318622958")
                return await signed(session, client, f"{API}/x")

        answer = run(main())
    assert 200 == answer.status
    assert 1_318_622_958 == parsedate_to_datetime(answer.headers["Date"]).timestamp()


def test_credentials() -> None:
    """Each user has tokens of their own; RSA-only services get the key along; repr shows none."""
    with OAuth1Server(hosts=["api.example"]) as server:
        assert {"client_id", "client_secret", "token", "token_secret"} == set(server.creds)
        bob = server.creds_for("bob")
        assert server.client_id == bob["client_id"]
        assert bob["token"] not in (server.token, server.creds_for("bob")["token"])

        async def main() -> Answer:
            async with server.session() as session:
                client = signer(
                    server,
                    resource_owner_key=bob["token"],
                    resource_owner_secret=bob["token_secret"],
                )
                return await signed(session, client, f"{API}/x?secret=1")

        assert "bob" == run(main()).json["user"]
        shown = repr(server) + repr(server.log)
        for secret in (*server.creds.values(), *bob.values(), "secret=1"):
            assert secret not in shown
    rsa = OAuth1Server(hosts=["api.example"], signature_methods=["RSA-SHA1"])
    assert rsa.creds["rsa_key"].startswith("-----BEGIN PRIVATE KEY-----")


@attrs.frozen
class Declared:
    """A declaration as the server reads it."""

    temporary_credential_endpoint: str | None = "https://Auth.example/1/initiate"
    authorization_endpoint: str | None = "https://auth.example/1/consent?lang=en"
    token_endpoint: str | None = "https://auth.example/1/token"
    api_base: str | None = "https://api.example/v1/"
    origins: tuple[str, ...] = ("https://*.files.example",)
    signature_methods: tuple[str, ...] = ("HMAC-SHA256",)


def test_for_provider() -> None:
    """Hosts, paths and methods are read off a declaration; options win."""
    with OAuth1Server.for_provider(Declared(), realm="R") as server:
        assert ("auth.example", "api.example", "*.files.example") == server.hosts
        assert ("HMAC-SHA256",) == server.signature_methods
        assert "R" == server.realm

        async def main() -> tuple[Answer, Answer]:
            async with server.session() as session:
                client = signer(
                    server,
                    signature_method="HMAC-SHA256",
                    resource_owner_key=None,
                    resource_owner_secret=None,
                    callback_uri="oob",
                )
                asked = await signed(session, client, "https://auth.example/1/initiate", "POST")
                token = asked.form["oauth_token"]
                pin = server.authorize(f"https://auth.example/1/consent?oauth_token={token}")
                client = signer(
                    server,
                    signature_method="HMAC-SHA256",
                    resource_owner_key=token,
                    resource_owner_secret=asked.form["oauth_token_secret"],
                    verifier=pin,
                )
                got = await signed(session, client, "https://auth.example/1/token", "POST")
                client = signer(server, signature_method="HMAC-SHA256")
                return got, await signed(session, client, "https://a.files.example/x")

        got, echo = run(main())
    assert (200, 200) == (got.status, echo.status)


def test_for_provider_without_a_flow() -> None:
    """A declaration without endpoints is played with the usual paths."""
    declared = Declared(
        temporary_credential_endpoint=None, authorization_endpoint=None, token_endpoint=None
    )
    server = OAuth1Server.for_provider(declared)
    assert ("api.example", "*.files.example") == server.hosts
    assert "/oauth/access_token" == server.token_path
