"""The declaration of Google service accounts, against the facts that its docstring cites."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

import oauthkit_providers.google_service_account
from oauthkit import (
    AssertionProvider,
    AsyncAssertionClient,
    CredentialsError,
    RequestError,
    connect,
)
from oauthkit.testing.servers import AssertionServer
from oauthkit_providers.google_service_account import provider
from support import run

# The members that the service's console writes, with values of nobody's.
KEY_FILE: dict[str, Any] = {
    "type": "service_account",
    "project_id": "example",
    "private_key_id": "0123abcd",
    "private_key": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
    "client_email": "robot@example.iam.gserviceaccount.com",
    "client_id": "1234567890",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
    "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
    "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/robot",
    "universe_domain": "googleapis.com",
}


@pytest.mark.proves(
    "Providers and credentials",
    "the providers' endpoints, as documented",
    rfc=None,
    judge="none but ours",
)
def test_the_declaration_is_that_of_the_service() -> None:
    """RS256, an hour, the scope as a claim, and an audience that never changes."""
    assert isinstance(provider, AssertionProvider)
    assert "google-service-account" == provider.name
    assert "https://oauth2.googleapis.com/token" == provider.token_endpoint == provider.audience
    assert ("RS256", 3600, True) == (provider.alg, provider.lifetime, provider.scope_in_claims)
    assert "AssertionProvider(name='google-service-account')" == repr(provider)


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("https://storage.googleapis.com/storage/v1/b", True),
        ("https://europe-west1-run.googleapis.com/v1", True),
        ("https://googleapis.com/", False),
        ("https://storage.googleapis.com.evil.example/", False),
        ("https://evilgoogleapis.com/", False),
        ("http://storage.googleapis.com/", False),
        ("https://accounts.google.com/", False),
    ],
)
def test_tokens_go_to_the_apis_only(url: str, *, inside: bool) -> None:
    """Everything below googleapis.com, and nothing else."""
    sent = URL(url)
    found = any(o.matches(sent.scheme, sent.raw_host, sent.port) for o in provider.token_origins)
    assert inside == found


def test_a_key_file_makes_a_client(tmp_path: Path) -> None:
    """As the console writes it, every member known; nothing of it is parsed or sent yet."""
    file = tmp_path / "key.json"
    file.write_text(json.dumps(KEY_FILE))
    client = connect(provider, file, scope=["https://www.googleapis.com/auth/devstorage.read_only"])
    assert isinstance(client, AsyncAssertionClient)
    assert "https://www.googleapis.com/auth/devstorage.read_only" == client.scope
    assert connect(provider, KEY_FILE, subject="alice@example.com").token is None


def test_relative_urls_have_no_base() -> None:
    """Each API has a host of its own."""

    async def main() -> None:
        async with connect(provider, KEY_FILE) as client:
            with pytest.raises(RequestError, match="pass an absolute URL"):
                await client.get("/storage/v1/b")

    run(main())


@pytest.mark.parametrize("other", ["authorized_user", "external_account"])
def test_key_files_of_other_types_are_named(other: str) -> None:
    """What the file is, in one line."""
    with pytest.raises(CredentialsError) as caught:
        connect(provider, {"type": other, "client_id": "i", "refresh_token": "r"})
    assert ("type",) == caught.value.invalid
    assert f'expected "service_account", this is "{other}"' in str(caught.value)


def test_other_universes_are_refused() -> None:
    """They take self-signed tokens only; a token of this one would not be good there."""
    with pytest.raises(CredentialsError, match='this is "example'):
        connect(provider, {**KEY_FILE, "universe_domain": "example.goog"})


def test_a_call_is_made_with_an_exchanged_token() -> None:
    """The unchanged declaration, against its embedded service; the scope is a claim."""
    with AssertionServer.for_provider(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.key_file, session=session, scope="a b")
                url = "https://storage.googleapis.com/2/users/me"
                async with client.get(url) as response:
                    assert 200 == response.status
                assert client.token is not None

        run(main())


@pytest.mark.proves(
    "Where secrets may go",
    "an assertion goes to no address that only a file names",
    rfc=None,
    judge="none but ours",
)
def test_an_assertion_goes_to_no_address_that_only_a_file_names() -> None:
    """A key file from somebody else cannot collect assertions."""
    with pytest.raises(CredentialsError) as caught:
        connect(provider, {**KEY_FILE, "token_uri": "https://collector.example/token"})
    assert ("token_uri",) == caught.value.invalid


def test_it_is_written_with_public_names_only() -> None:
    """A first-party provider takes the road that is open to anybody."""
    tree = ast.parse(inspect.getsource(oauthkit_providers.google_service_account))
    imported = {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    assert {("oauthkit", "AssertionProvider")} == imported
