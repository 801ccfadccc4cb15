"""What cannot be right is refused before anything is sent, named, and never quoted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
from yarl import URL

from clients.example import ACCESS_TOKEN, CALLBACK, REQUEST_TOKEN, SITE, declare, make, playing
from oauthkit import (
    AsyncOAuth1Client,
    ConfigurationError,
    CredentialsError,
    ForeignOriginError,
    OAuth1Provider,
    RequestError,
)
from oauthkit.testing.servers import OAuth1Server
from support import run

PROVIDER = declare()
# Not a word of it may be in an error.
SECRET = "s3cr3t-4711"


@pytest.fixture(scope="module")
def server() -> Iterator[OAuth1Server]:
    """Play the service."""
    with playing(PROVIDER) as running:
        yield running


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "deadline text": ({"deadline": SECRET}, "deadline: expected a positive number of seconds"),
    "deadline zero": ({"deadline": 0}, "deadline: expected a positive number of seconds, got 0"),
    "deadline true": ({"deadline": True}, "got True"),
    "deadline nan": ({"deadline": float("nan")}, "got nan"),
    "deadline for ever": ({"deadline": float("inf")}, "got inf"),
    "deadline none": ({"deadline": None}, "got None"),
    "answer_limit half": ({"answer_limit": 0.5}, "answer_limit: expected a positive whole number"),
    "answer_limit below": ({"answer_limit": -1}, "of bytes, got -1"),
    "answer_limit beyond": ({"answer_limit": 10**5000}, "of bytes, got int"),
    "cookies": ({"cookies": "no"}, "cookies: expected True or False"),
    "trust_env": ({"trust_env": 1}, "trust_env: expected True or False, got 1"),
    "clock": ({"clock": 5}, "clock: expected a function"),
    "nonce": ({"nonce": SECRET}, "nonce: expected a function without arguments"),
    "realm": ({"realm": "a\r\nb"}, "realm: expected printable ASCII"),
    "realm type": ({"realm": 5}, "realm: expected printable ASCII, got 5"),
    "redirect_uri": ({"redirect_uri": SECRET}, "redirect_uri: expected an absolute URI"),
    "redirect_uri path": ({"redirect_uri": "/cb"}, "got text of 3 characters"),
    "redirect_uri fragment": ({"redirect_uri": "https://a/#b"}, "without a fragment"),
    "redirect_uri broken": ({"redirect_uri": "https://[::1"}, "redirect_uri: expected"),
    "redirect_uri line": ({"redirect_uri": "https://a/\n"}, "redirect_uri: expected"),
    "redirect_uri type": ({"redirect_uri": URL(CALLBACK)}, "got URL"),
    "signature_method": ({"signature_method": "hmac-sha1"}, "did you mean 'HMAC-SHA1'?"),
    "signature_method secret": ({"signature_method": SECRET}, "signature_method: expected"),
    "signature_method type": ({"signature_method": []}, "signature_method: expected"),
    "signature_method none": ({"signature_method": None}, "got None"),
    "origins text": ({"origins": "https://a.example"}, "origins: expected a list"),
    "origins number": ({"origins": 5}, "origins: expected a list of origins"),
    "origins inside": ({"origins": [5]}, "an origin is text"),
    "origins http": ({"origins": ["http://a.example"]}, "is not https"),
    "session": ({"session": SECRET}, "session: expected an aiohttp.ClientSession"),
}
OF_THE_CLASS: dict[str, tuple[dict[str, Any], str]] = {
    "signature_type": ({"signature_type": "header"}, "did you mean 'HEADER'?"),
    "signature_type type": ({"signature_type": {}}, "'HEADER', 'BODY' or 'QUERY', got dict"),
    "plaintext in a URL": (
        {"signature_method": "PLAINTEXT", "signature_type": "QUERY"},
        "would put the secrets into every URL",
    ),
    "force_include_body": ({"force_include_body": None}, "force_include_body: expected True or"),
    "verifier": ({"verifier": 1234567}, "verifier: expected text, got 1234567"),
    "verifier blank": ({"verifier": " "}, "verifier: expected text"),
}


@pytest.mark.parametrize("what", [*OPTIONS, *OF_THE_CLASS])
def test_options(what: str) -> None:
    """The class checks its arguments, those that it shares with connect() too."""
    options, said = {**OPTIONS, **OF_THE_CLASS}[what]
    arguments: dict[str, Any] = {"session": None, **options}
    with pytest.raises(ConfigurationError) as caught:
        AsyncOAuth1Client(client_id="id", client_secret=SECRET, **arguments)
    assert said in str(caught.value)
    assert "4711" not in str(caught.value)
    assert caught.value.__context__ is None or "4711" not in repr(caught.value.__context__)


@pytest.mark.parametrize(
    ("arguments", "missing", "invalid"),
    [
        ({}, ("client_id", "client_secret"), ()),
        ({"client_id": "id"}, ("client_secret",), ()),
        ({"client_id": "", "client_secret": ""}, (), ("client_id", "client_secret")),
        ({"client_id": 5, "client_secret": b"x"}, (), ("client_id", "client_secret")),
        ({"client_id": "id", "client_secret": " \t"}, (), ("client_secret",)),
        ({"client_id": "i", "client_secret": "s", "token": "t"}, ("token_secret",), ()),
        ({"client_id": "i", "client_secret": "s", "token_secret": "t"}, ("token",), ()),
        (
            {"client_id": "i", "client_secret": "s", "token": "", "token_secret": 5},
            (),
            ("token", "token_secret"),
        ),
        ({"client_id": "i", "signature_method": "RSA-SHA256"}, ("rsa_key",), ()),
        ({"client_id": "i", "signature_method": "RSA-SHA1", "rsa_key": SECRET}, (), ("rsa_key",)),
    ],
)
def test_credentials(
    arguments: dict[str, Any], missing: tuple[str, ...], invalid: tuple[str, ...]
) -> None:
    """All that is missing or invalid is named at once, as connect() does."""
    given: dict[str, Any] = {"client_id": None, **arguments}
    with pytest.raises(CredentialsError) as caught:
        AsyncOAuth1Client(None, **given)
    error = caught.value
    assert (missing, invalid, "AsyncOAuth1Client") == (error.missing, error.invalid, error.provider)
    assert "4711" not in str(error)


def test_rsa_needs_no_secrets() -> None:
    """§3.4.3: RSA signs with the key alone; neither secret is asked for."""

    async def main(server: OAuth1Server) -> None:
        async with server.session() as session:
            client = AsyncOAuth1Client(
                session,
                server.client_id,
                token=server.token,
                rsa_key=server.rsa_key,
                signature_method="RSA-SHA1",
            )
            async with client.get(f"{SITE}/echo") as response:
                assert 200 == response.status

    with playing(declare(signature_methods=("RSA-SHA1",))) as server:
        run(main(server))


@pytest.mark.parametrize(
    "pem", ["-----BEGIN PRIVATE KEY-----\nno+key+s3cr3t4711\n-----END PRIVATE KEY-----\n", None]
)
def test_a_key_that_is_none(server: OAuth1Server, pem: str | None) -> None:
    """What looks like PEM is parsed when it is first needed; nothing was sent until then."""
    if pem is None:  # the right frame around half a key
        lines = server.rsa_key.splitlines()
        pem = "\n".join([*lines[: len(lines) // 2], lines[-1]])
    before = len(server.log)

    async def main() -> None:
        async with server.session() as session:
            client = AsyncOAuth1Client(
                session, "id", rsa_key=pem, signature_method="RSA-SHA256", redirect_uri=CALLBACK
            )
            calls: list[Callable[[], Any]] = [
                lambda: client.fetch_request_token(SITE + REQUEST_TOKEN),
                lambda: client.get(SITE),
            ]
            for call in calls:
                with pytest.raises(ConfigurationError, match="private key in PEM") as caught:
                    await call()
                assert pem[40:60] not in f"{caught.value!r}{caught.value.__context__!r}"

    run(main())
    assert before == len(server.log)


@pytest.mark.parametrize(
    "options",
    [
        {"clock": lambda: None},
        {"clock": lambda: float("nan")},
        {"clock": lambda: -1},
        {"clock": lambda: SECRET},
        {"nonce": lambda: 5},
        {"nonce": lambda: ""},
        {"nonce": lambda: None},
    ],
)
def test_functions_that_return_something_else(
    server: OAuth1Server, options: dict[str, Any]
) -> None:
    """What a caller's clock and nonce return is checked, too, each time."""
    before = len(server.log)

    async def main() -> None:
        async with server.session() as session:
            client = make(PROVIDER, server, session, **options)
            calls: list[Callable[[], Any]] = [client.fetch_request_token, lambda: client.get("/")]
            for call in calls:
                with pytest.raises(ConfigurationError, match="from the function, got") as caught:
                    await call()
                assert "4711" not in str(caught.value)

    run(main())
    assert before == len(server.log)


EXTRAS: dict[str, tuple[dict[str, Any], str]] = {
    "params text": ({"params": "a=b"}, "params: expected a mapping or pairs, got text of 3"),
    "params number": ({"params": 5}, "params: expected a mapping or pairs, got 5"),
    "params triples": ({"params": [("a", "b", "c")]}, "params: expected a mapping or pairs"),
    "params none": ({"params": {"a": None}}, "params: expected text as each value, got a NoneType"),
    "params name": ({"params": {5: "a"}}, "params: expected text as a name, got int"),
    "data octets": ({"data": b"a=b"}, "data: expected a mapping or pairs, got bytes"),
    "data flag": ({"data": {"a": True}}, "data: expected text as each value, got a bool"),
    "data lone surrogate": ({"data": {"a": "\ud800"}}, "a lone surrogate cannot be signed"),
    "data of ours": ({"data": {"oauth_nonce": "1"}}, "oauth_nonce is sent by the client itself"),
    "params of ours": ({"params": {"oauth_callback": "x:/"}}, "params: oauth_callback is sent"),
    "headers text": ({"headers": "A: b"}, "headers: expected a mapping or pairs"),
    "headers line": ({"headers": {"A": "b\r\nC: d"}}, "that no header field can hold"),
    "headers name": ({"headers": {"A b": "c"}}, "that no header field can hold"),
    "headers empty": ({"headers": {"": "c"}}, "that no header field can hold"),
    "headers of ours": ({"headers": {"AUTHORIZATION": SECRET}}, "the client writes AUTHORIZATION"),
    "headers length": ({"headers": {"content-length": "5"}}, "the client writes content-length"),
    "realm": ({"realm": "\n"}, "realm: expected printable ASCII"),
    "url relative": ({"url": "/oauth/request_token"}, "expected an absolute URL"),
    "url empty": ({"url": ""}, "expected an absolute URL, got text of 0 characters"),
    "url number": ({"url": 5}, "expected an absolute URL, got 5"),
    "url octets": ({"url": SITE.encode()}, "expected an absolute URL, got bytes"),
    "url broken": ({"url": "https://[::1"}, "its host or port is malformed"),
    "url port": ({"url": "https://api.example:99999/"}, "its host or port is malformed"),
    "url user": ({"url": f"https://me:{SECRET}@api.example/"}, "holds a user name or password"),
    "url fragment": ({"url": f"{SITE}/#a"}, "the URL has a fragment"),
    "url http": ({"url": "http://api.example/"}, "is not https, a token would travel in the clear"),
    "url scheme": ({"url": "ftp://api.example/"}, "has the scheme 'ftp'"),
}


@pytest.mark.parametrize("what", EXTRAS)
def test_extras(server: OAuth1Server, what: str) -> None:
    """Both requests refuse what cannot be sent or would not be what it seems, and send nothing."""
    arguments, said = EXTRAS[what]
    before = len(server.log)

    async def main() -> None:
        async with server.session() as session:
            client = make(PROVIDER, server, session)
            with pytest.raises((RequestError, ConfigurationError)) as first:
                await client.fetch_request_token(**arguments)
            assert said in str(first.value)
            assert "4711" not in f"{first.value!r}{first.value.__context__!r}"
            arguments.pop("realm", None)
            if arguments:
                client.token = {"oauth_token": "t", "oauth_token_secret": "s"}
                with pytest.raises(RequestError) as third:
                    await client.fetch_access_token(verifier="v", **arguments)
                assert said in str(third.value)

    run(main())
    assert before == len(server.log)


@pytest.mark.parametrize("verifier", [1234567, b"v", ["v"], 1.5])
def test_verifiers(server: OAuth1Server, verifier: Any) -> None:
    """A PIN is text, wherever it comes from; with leading zeros it is no number."""

    async def main() -> None:
        async with server.session() as session:
            client = make(PROVIDER, server, session)
            client.token = token = {"oauth_token": "t", "oauth_token_secret": "s"}
            with pytest.raises(RequestError, match="verifier: expected text"):
                await client.fetch_access_token(verifier=verifier)
            assert token == client.token
            client.token = {**token, "oauth_verifier": verifier}
            with pytest.raises(RequestError, match="verifier: expected text"):
                await client.fetch_access_token()

    before = len(server.log)
    run(main())
    assert before == len(server.log)


def test_what_is_not_there(server: OAuth1Server) -> None:
    """No request token, no endpoint declared, form data for a service called with GET."""
    before = len(server.log)

    async def main() -> None:
        async with server.session() as session:
            client = make(PROVIDER, server, session)
            with pytest.raises(RequestError, match="there is no request token to exchange"):
                await client.fetch_access_token(verifier="v")
            bare = make(OAuth1Provider(name="bare", api_base=SITE), server, session)
            bare.token = {"oauth_token": "t", "oauth_token_secret": "s"}
            with pytest.raises(RequestError, match="'bare' declares no temporary_credential_e"):
                await bare.fetch_request_token()
            with pytest.raises(RequestError, match="'bare' declares no authorization_endpoint"):
                bare.create_authorization_url()
            with pytest.raises(RequestError, match="'bare' declares no token_endpoint"):
                await bare.fetch_access_token(verifier="v")
            alone = AsyncOAuth1Client(session, "id", "secret")
            with pytest.raises(RequestError, match="was made without a provider"):
                await alone.fetch_request_token()
            for placement in ("body", "query"):
                placed = make(declare(placement=placement), server, session)
                with pytest.raises(RequestError, match="realm is part of the Authorization head"):
                    await placed.fetch_request_token(realm="Photos")
            getting = make(declare(token_method="GET"), server, session)
            with pytest.raises(RequestError, match="called with GET: pass params="):
                await getting.fetch_request_token(data={"a": "b"})

    run(main())
    assert before == len(server.log)


def test_authorization_url_arguments() -> None:
    """What goes to the user's browser is checked, too."""
    client = AsyncOAuth1Client(None, "id", "secret", "t", "s")
    bad: list[tuple[dict[str, Any], str]] = [
        ({"request_token": 5}, "request_token: expected the oauth_token"),
        ({"request_token": {"oauth_token": SECRET}}, "got dict"),
        ({"oauth_token": "x"}, "query: oauth_token is sent by the client itself"),
        ({"lang": None}, "query: expected text as each value"),
        ({"request_token": "\ud800"}, "a lone surrogate"),
        ({"url": "http://api.example/"}, "is not https"),
    ]
    for arguments, said in bad:
        with pytest.raises(RequestError) as caught:
            client.create_authorization_url(**{"url": SITE, **arguments})
        assert said in str(caught.value)
        assert "4711" not in str(caught.value)
    # Loopback needs no TLS: a service under development.
    assert "http://127.0.0.1:8/?oauth_token=t" == client.create_authorization_url(
        "http://127.0.0.1:8/"
    )
    assert f"{SITE}/o?a=b&oauth_token=t" == client.create_authorization_url(URL(f"{SITE}/o?a=b"))


@pytest.mark.parametrize("url", [None, 5, b"https://app.example/", ["x"]])
def test_callback_arguments(url: Any) -> None:
    """A callback is text or a URL of yarl's."""
    client = AsyncOAuth1Client(None, "id", "secret", "t", "s")
    with pytest.raises(RequestError, match="url: expected the URL that the user came back to"):
        client.parse_authorization_response(url)
    back = URL(CALLBACK).update_query(oauth_token="t", oauth_verifier="v +%")
    assert "v +%" == client.parse_authorization_response(back)["oauth_verifier"]


def test_elsewhere(server: OAuth1Server) -> None:
    """An explicit URL lies at the provider's endpoints or origins, or is declared with origins=."""
    before = len(server.log)
    elsewhere = "https://evil.example/oauth/token"

    async def main() -> None:
        async with server.session() as session:
            client = make(PROVIDER, server, session)
            client.token = {"oauth_token": "t", "oauth_token_secret": "s"}
            calls: list[Callable[[], Any]] = [
                lambda: client.fetch_request_token(elsewhere),
                lambda: client.fetch_access_token(elsewhere, "v"),
            ]
            for call in calls:
                with pytest.raises(ForeignOriginError) as caught:
                    await call()
                assert "https://evil.example" == caught.value.origin
                assert (SITE,) == caught.value.declared
                assert "origins=['https://evil.example']" in str(caught.value)
            with pytest.raises(ForeignOriginError):
                client.create_authorization_url(elsewhere)
            declared = make(PROVIDER, server, session, origins=["https://evil.example"])
            assert f"{elsewhere}?oauth_token=t" == declared.create_authorization_url(elsewhere, "t")

    run(main())
    assert before == len(server.log)


def test_endpoints_elsewhere(server: OAuth1Server) -> None:
    """Endpoints may lie where no token goes; explicit URLs there are the provider's own."""
    provider = declare(api_base="https://data.example")

    async def main() -> None:
        async with server.session() as session:
            client = make(provider, server, session)
            await client.fetch_request_token(f"{SITE}{REQUEST_TOKEN}?a=b")
            server.authorize(client.create_authorization_url())
            with pytest.raises(ForeignOriginError):
                await client.get(f"{SITE}{ACCESS_TOKEN}")

    run(main())


def test_a_closed_session(server: OAuth1Server) -> None:
    """Aiohttp's own complaint is left as it is: it says what happened."""

    async def main() -> None:
        session = aiohttp.ClientSession()
        await session.close()
        with pytest.raises(RuntimeError, match="Session is closed"):
            await make(PROVIDER, server, session).fetch_request_token()

    run(main())
