"""What type checkers know of `connect()`: read by mypy and pyright, not run."""

from __future__ import annotations

from typing import assert_type

from oauthkit import (
    AssertionCredentials,
    AssertionProvider,
    AsyncAssertionClient,
    AsyncOAuth1Client,
    AsyncOAuth2Client,
    Client,
    MemoryStore,
    OAuth1Credentials,
    OAuth1Provider,
    OAuth2Credentials,
    OAuth2Provider,
    OAuth2Template,
    Provider,
    Registry,
    connect,
)


def first_party_name() -> None:
    """A first-party name, with each kind of credentials, gives the client of its kind."""
    assert_type(connect("twitter"), AsyncOAuth1Client)
    assert_type(connect("twitter", {"client_id": "i", "client_secret": "s"}), AsyncOAuth1Client)
    assert_type(connect("twitter", "creds.json"), AsyncOAuth1Client)
    typed = OAuth1Credentials(client_id="i", client_secret="s")
    assert_type(connect("twitter", typed, origins=("https://api.example",)), AsyncOAuth1Client)
    assert_type(connect("twitter", typed, registry=Registry()), AsyncOAuth1Client)


def first_party_names_of_oauth2() -> None:
    """The template and the service account are known by their names, too."""
    settings: dict[str, object] = {"grant_type": "client_credentials", "origins": ["https://x"]}
    assert_type(connect("generic"), AsyncOAuth2Client)
    assert_type(connect("generic", settings, scope=["a"], store=MemoryStore()), AsyncOAuth2Client)
    assert_type(connect("generic", "settings.json", account="alice"), AsyncOAuth2Client)
    assert_type(connect("google-service-account", "key.json"), AsyncAssertionClient)
    typed = AssertionCredentials(issuer="i", private_key="k")
    assert_type(connect("google-service-account", typed, scope="a"), AsyncAssertionClient)


def declarations_of_oauth2(
    two: OAuth2Provider, template: OAuth2Template, robot: AssertionProvider
) -> None:
    """Each kind gives its client, with its typed credentials."""
    assert_type(connect(two, OAuth2Credentials(client_id="i")), AsyncOAuth2Client)
    assert_type(connect(template, {"client_id": "i"}), AsyncOAuth2Client)
    typed = AssertionCredentials(issuer="i", private_key="k")
    assert_type(connect(robot, typed), AsyncAssertionClient)


def declaration(provider: OAuth1Provider) -> None:
    """A declaration gives its own client."""
    assert_type(connect(provider), AsyncOAuth1Client)
    assert_type(connect(provider, {"client_id": "i"}), AsyncOAuth1Client)


def any_declaration(provider: Provider[Client], special: Provider[AsyncOAuth1Client]) -> None:
    """`Provider` is generic over its client, and covariant."""
    assert_type(connect(provider), Client)
    assert_type(connect(special), AsyncOAuth1Client)
    any_declaration(special, special)


def any_name(name: str) -> None:
    """Any other name gives the base of all clients, never `Any`."""
    assert_type(connect(name), Client)
    assert_type(connect("acme", {"client_id": "i"}), Client)


def found(registry: Registry, name: str) -> None:
    """What a registry finds can be connected to."""
    assert_type(connect(registry.get(name)), Client)


async def entered() -> None:
    """`async with` gives the same client, not its base."""
    async with connect("twitter") as client:
        assert_type(client, AsyncOAuth1Client)


def refused(provider: Provider[Client]) -> None:
    """What is wrong is seen; each exemption below is itself an error where it is not needed."""
    connect(1)  # type: ignore[call-overload]
    connect()  # type: ignore[call-overload]
    connect("twitter", 1)  # type: ignore[call-overload]
    connect("twitter", origins=1)  # type: ignore[call-overload]
    connect("generic", store=1)  # type: ignore[call-overload]
    connect("google-service-account", scope=1)  # type: ignore[call-overload]
    narrower: Provider[AsyncOAuth1Client] = provider  # type: ignore[assignment]
    connect(narrower)
    print(connect("acme").fetch_request_token)  # type: ignore[attr-defined]
