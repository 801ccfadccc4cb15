"""Laws that hold are not said to be broken: unusual declarations that are right, of every kind."""

from __future__ import annotations

from typing import Any

import pytest

from oauthkit import AssertionProvider, OAuth1Provider, OAuth2Provider, Provider
from oauthkit.testing import ProviderSuite
from oauthkit.testing.laws import STATIC_LAWS, Subject, fence, secrets
from oauthkit.testing.laws.law import Law, laws_in

HOSTS: dict[str, Any] = {
    "documentation": "https://developer.orchard.example/oauth",
    "token_endpoint": "https://login.orchard.example/token",
    "api_base": "https://api.orchard.example/v1/",
}
USERS: dict[str, Any] = {
    **HOSTS,
    "authorization_endpoint": "https://login.orchard.example/authorize",
}
STEPS: dict[str, Any] = {
    **USERS,
    "temporary_credential_endpoint": "https://login.orchard.example/request",
}
ALL_GRANTS = ("authorization_code", "refresh_token", "password", "client_credentials")
ENDS = {
    "revocation_endpoint": "https://login.orchard.example/revoke",
    "introspection_endpoint": "https://login.orchard.example/introspect",
}
PLACES: dict[str, dict[str, Any]] = {
    "a port": {"api_base": "https://api.orchard.example:8443/"},
    "no base but subdomains": {"api_base": None, "origins": ("https://*.orchard.example",)},
    "a base and subdomains": {"origins": ["https://*.cdn.orchard.example"]},
    "a name with an umlaut": {"api_base": "https://bücher.orchard.example/"},
    "upper case": {"api_base": "HTTPS://API.Orchard.Example/V1"},
}

# What services are like: hosts of several names, registries of a country, lists of scopes.
SERVICES: dict[str, dict[str, Any]] = {
    "the log-in on a name of its own": {
        "documentation": "https://learn.orchard.example/identity",
        "issuer": "https://login.orchardonline.example",
        "authorization_endpoint": "https://login.orchardonline.example/authorize",
        "token_endpoint": "https://login.orchardonline.example/token",
    },
    "two names for files": {
        "origins": ("https://api.orchardfiles.example", "https://content.orchardfiles.example"),
    },
    "below a registry": {
        "documentation": "https://developer.orchard.co.uk",
        "authorization_endpoint": "https://orchard.co.uk/login",
        "token_endpoint": "https://orchard.co.uk/token",
        "api_base": "https://api.orchard.co.uk",
        "origins": ("https://*.orchard.co.uk",),
    },
    "a short name": {
        "documentation": "https://docs.t.example",
        "authorization_endpoint": "https://t.example/a",
        "token_endpoint": "https://api.t.example/t",
        "api_base": "https://api.t.example",
    },
    "documented by others": {"documentation": "https://code.example.net/orchard/wiki"},
    "scopes with commas": {"scope": "read,write", "scope_separator": ","},
    "scopes that are URLs": {"scope": "openid https://api.orchard.example/auth/read.all"},
    "more to say": {"authorization_params": {"access_type": "offline", "prompt": "consent"}},
    "a tenant in the query": {
        "authorization_endpoint": "https://login.orchard.example/authorize?tenant=a%2Fb"
    },
    "loopback may be http": {"plain_http_hosts": ("localhost", "127.0.0.1")},
    "its leniencies are in the repr": {
        "code_challenge_method": None,
        "raw_basic": True,
        "token_placement": "query",
    },
}


def declare(kind: Any, name: str, given: dict[str, Any], **changes: Any) -> Any:
    """Declare what is *given*, with *changes*."""
    return kind(name=name, **{**given, **changes})


@pytest.mark.parametrize("name", SERVICES)
def test_what_services_are_like(name: str) -> None:
    """No static law has anything against it."""
    provider = declare(OAuth2Provider, "orchard", USERS, **SERVICES[name])
    for law in STATIC_LAWS:
        if law.applies(provider):
            Subject(law, provider).try_law()


def _everywhere() -> list[Law]:
    return [law for module in (fence, secrets) for law in laws_in(module.__name__)]


def _declarations() -> list[Provider[Any]]:
    placements = ("header", "body", "query")
    return [
        *(declare(OAuth1Provider, f"oauth1-{p}", STEPS, placement=p) for p in placements),
        *(declare(OAuth2Provider, f"oauth2-{p}", USERS, token_placement=p) for p in placements),
        *(declare(AssertionProvider, f"keys-{p}", HOSTS, token_placement=p) for p in placements),
        *(
            declare(OAuth2Provider, name.replace(" ", "-"), USERS, **place)
            for name, place in PLACES.items()
        ),
        declare(OAuth1Provider, "handed-out", HOSTS, token_endpoint=None),
        declare(OAuth1Provider, "rsa", STEPS, signature_methods=("RSA-SHA256",)),
        declare(OAuth2Provider, "all-grants", USERS, **ENDS, grant_types=ALL_GRANTS),
        declare(OAuth2Provider, "robots", HOSTS, grant_types=("client_credentials",)),
        declare(OAuth2Provider, "public", USERS, token_endpoint_auth_method="none"),
        declare(AssertionProvider, "elliptic", HOSTS, alg="ES256"),
    ]


@pytest.mark.parametrize("provider", _declarations(), ids=lambda provider: provider.name)
def test_everywhere(provider: Provider[Any]) -> None:
    """The fence and the secrets of each kind, in each placement, at each kind of place."""
    for law in _everywhere():
        if law.applies(provider):
            Subject(law, provider, examples=12).try_law()


class TestPlainText(ProviderSuite):
    """A service that takes PLAINTEXT keeps all laws: its secret is sent, and not shown."""

    provider = declare(OAuth1Provider, "plaintext", STEPS, signature_methods=("PLAINTEXT",))
    examples = 12
