"""From a name or a declaration, and credentials of every kind, to a client; nothing is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import attrs
import pytest

from clients.example import CALLBACK, SITE, declare, playing, whoami
from clients.test_oauth1_arguments import OPTIONS
from oauthkit import (
    AsyncOAuth1Client,
    Client,
    ConfigurationError,
    CredentialsError,
    ForeignOriginError,
    OAuth1Credentials,
    Provider,
    Registry,
    RegistryError,
    connect,
)
from oauthkit.testing.servers import OAuth1Server
from oauthkit_providers.twitter import provider as twitter
from support import run

PROVIDER = declare()
CREDS = {"client_id": "id", "client_secret": "s3cr3t-4711"}
FIELDS = ("client_id", "client_secret", "token", "token_secret")


@pytest.fixture(scope="module")
def server() -> Iterator[OAuth1Server]:
    """Play the service."""
    with playing(PROVIDER) as running:
        yield running


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no variable of whoever runs the tests matter."""
    for name in [name for name in os.environ if name.startswith("OAUTHKIT_")]:
        if "__" in name:
            monkeypatch.delenv(name)


@pytest.mark.parametrize("kind", ["mapping", "object", "path", "text", "environment", "nulls"])
def test_credentials(
    server: OAuth1Server, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of credentials leads to a client that the server takes for alice."""
    mapping = server.creds
    file = tmp_path / "creds.json"
    file.write_text(json.dumps(mapping), encoding="utf-8")
    if kind == "environment":
        for field in FIELDS:
            monkeypatch.setenv(f"OAUTHKIT_EXAMPLE__{field.upper()}", mapping[field])
    creds: dict[str, Any] = {
        "mapping": mapping,
        "object": OAuth1Credentials(**mapping),
        "path": file,
        "text": str(file),
        "environment": None,
        "nulls": {**mapping, "rsa_key": None, "redirect_uri": None},
    }

    async def main() -> None:
        async with (
            server.session() as session,
            connect(PROVIDER, creds[kind], session=session) as client,
        ):
            assert "alice" == await whoami(client)
        assert session.closed

    run(main())


def test_by_name(server: OAuth1Server) -> None:
    """A name is looked up in the registry that is passed; its settings reach the client."""
    registry = Registry()
    registry.register(PROVIDER)
    client = connect("example", {**CREDS, "redirect_uri": CALLBACK}, registry=registry)
    assert isinstance(client, AsyncOAuth1Client)
    assert (PROVIDER, CALLBACK, None) == (client.provider, client.redirect_uri, client.token)
    oob = connect(PROVIDER, {**CREDS, "redirect_uri": CALLBACK}, redirect_uri="oob")
    assert "oob" == oob.redirect_uri


def test_the_first_provider() -> None:
    """The unchanged declaration works against its embedded service."""
    with OAuth1Server.for_provider(_any(twitter)) as service:

        async def main() -> None:
            async with service.session() as session:
                client = connect(twitter, service.creds, session=session)
                assert "alice" == await whoami(client)
                for origin in ("https://api.x.com", "https://api.twitter.com"):
                    url = f"{origin}/1.1/account/verify_credentials.json"
                    async with client.get(url) as response:
                        assert "alice" == (await response.json())["screen_name"]

        run(main())


def _any(value: Any) -> Any:
    return value


def test_needs_no_loop() -> None:
    """Making a client opens nothing; it may be closed without having been used."""
    client = connect(PROVIDER, CREDS)

    async def main() -> None:
        await client.close()
        async with client:
            pass

    run(main())
    with pytest.raises(RuntimeError, match="no running event loop"):
        _ = client.session


def test_session_of_its_own() -> None:
    """Without session= one is made on first use, without a cookie jar, and closed at the end."""

    async def main() -> None:
        async with connect(PROVIDER, CREDS, trust_env=True, cookies=True) as client:
            own = client.session
            assert own is client.session
            assert own.trust_env
            assert isinstance(own.cookie_jar, aiohttp.CookieJar)
        assert own.closed
        async with connect(PROVIDER, CREDS) as client:
            assert not client.session.trust_env
            assert isinstance(client.session.cookie_jar, aiohttp.DummyCookieJar)

    run(main())


@pytest.mark.parametrize("what", OPTIONS)
def test_wrong_options(what: str) -> None:
    """An option of a wrong type or value is named; the error quotes no text."""
    options, said = OPTIONS[what]
    with pytest.raises(ConfigurationError) as caught:
        connect(PROVIDER, CREDS, **options)
    assert said in str(caught.value) or "signature_method: expected HMAC-SHA1" in str(caught.value)
    assert "4711" not in str(caught.value)


UNKNOWN: dict[str, str] = {
    "redirect_url": "did you mean 'redirect_uri'?",
    "timeout": "did you mean 'token_timeout'?",
    "deadlines": "did you mean 'deadline'?",
    "token": "it belongs to the credentials",
    "rsa_key": "it belongs to the credentials",
    "signature_type": "the provider's declaration says that: placement",
    "force_include_body": "the provider's declaration says that: body_hash",
    "verifier": "pass it to fetch_access_token()",
    "scope": "OAuth 1.0a has none",
    "_provider": "",
    "self": "",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_options(name: str) -> None:
    """An unknown option is refused with the nearest match, or with where it belongs."""
    options: dict[str, Any] = {name: "s3cr3t-4711"}
    with pytest.raises(ConfigurationError) as caught:
        connect(PROVIDER, CREDS, **options)
    assert f"connect() takes no such option:\n  {name!r}: {UNKNOWN[name]}" in str(caught.value)
    assert "4711" not in str(caught.value)


def test_all_unknown_options_at_once() -> None:
    """Each gets its line."""
    options: dict[str, Any] = {"realms": "x", "cookie": True}
    with pytest.raises(ConfigurationError) as caught:
        connect(PROVIDER, CREDS, **options)
    assert "  'realms': did you mean 'realm'?\n  'cookie': did you mean 'cookies'?" in str(
        caught.value
    )


def test_faults_of_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is missing or misspelt is named at once, with key and environment name."""
    misspelt = {"client_idd": "x", "token": "t-4711", "nothing_like_it": "1"}
    with pytest.raises(CredentialsError) as caught:
        connect(PROVIDER, misspelt)
    text = str(caught.value)
    assert '"client_secret", or OAUTHKIT_EXAMPLE__CLIENT_SECRET' in text
    assert 'did you mean "client_id"?' in text
    assert {"client_secret", "token_secret"} == set(caught.value.missing)
    assert {"client_idd", "nothing_like_it"} == set(caught.value.unknown)
    assert "4711" not in text
    monkeypatch.setenv("OAUTHKIT_EXAMPLE__CLIENT_IDD", "x-4711")
    with pytest.raises(CredentialsError, match="OAUTHKIT_EXAMPLE__CLIENT_ID") as caught:
        connect(PROVIDER)
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"client_id": "4711",', "it is not JSON: line 1"),
        ('["4711"]', "it is JSON, but no object"),
        ("", "it is not JSON"),
        ("null", "it is JSON, but no object"),
        ('{"client_id": "4711", "client_id": "4711"}', "it says client_id twice"),
    ],
)
def test_broken_files(tmp_path: Path, content: str, said: str) -> None:
    """A file that is no JSON object is named, and never quoted."""
    file = tmp_path / "creds.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CredentialsError) as caught:
        connect(PROVIDER, file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)
    assert "4711" not in f"{caught.value}{caught.value.__context__!r}".replace(str(file), "")


@pytest.mark.parametrize("creds", [5, b"x", [("client_id", "x")], object()])
def test_no_credentials(creds: Any) -> None:
    """What is no kind of credentials is refused by its type."""
    with pytest.raises(CredentialsError, match="expected a mapping, OAuth1Credentials, a path or"):
        connect(PROVIDER, creds)


@attrs.frozen(kw_only=True)
class _OtherKind(Provider[Client]):
    """A declaration of a protocol that has no client here."""

    protocol: ClassVar[str] = "carrier-pigeon"


def test_other_kinds_of_providers() -> None:
    """A kind that nobody knows, what is no provider, a name that nobody installed."""
    pigeon: Any = _OtherKind(name="pigeon", api_base=SITE)
    with pytest.raises(ConfigurationError, match="'pigeon' is a _OtherKind: there is no client"):
        connect(pigeon, CREDS)
    for provider in (5, None, dict(CREDS), type(PROVIDER)):
        with pytest.raises(ConfigurationError, match="provider is a name or a declaration"):
            connect(_any(provider), CREDS)
    with pytest.raises(RegistryError) as caught:
        connect("exampel", CREDS, registry=Registry())
    assert "unknown" == caught.value.reason
    with pytest.raises(ConfigurationError, match="registry: expected a Registry, got dict"):
        connect("example", CREDS, registry=_any({}))


def test_origins_are_added() -> None:
    """origins= adds to the declared ones, under the declaration's rules."""

    async def main() -> None:
        async with connect(PROVIDER, CREDS, origins=("https://*.files.example",)) as client:
            with pytest.raises(ForeignOriginError, match=r"declared are: .*\*\.files\.example"):
                await client.get("https://files.example/")

    run(main())
