"""Declarations of services that take signed assertions (RFC 7523)."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from oauthkit.errors import DeclarationError
from oauthkit.provider import AssertionProvider
from oauthkit.provider.assertion import find_stray

ACME: dict[str, Any] = {
    "name": "acme",
    "token_endpoint": "https://acme.example/token",
    "origins": ["https://*.api.acme.example"],
}


def faults(**fields: Any) -> tuple[str, ...]:
    """Return the faults of acme's declaration with *fields* in it."""
    with pytest.raises(DeclarationError) as caught:
        AssertionProvider(**{**ACME, **fields})
    return caught.value.faults


def test_defaults() -> None:
    """RS256, an hour, the scope in the form; its one grant type is RFC 7523's."""
    provider = AssertionProvider(**ACME)
    assert "assertion" == provider.protocol
    assert ("urn:ietf:params:oauth:grant-type:jwt-bearer",) == provider.grant_types
    assert ("RS256", 3600, False) == (provider.alg, provider.lifetime, provider.scope_in_claims)
    assert "AssertionProvider(name='acme')" == repr(provider)
    lenient = AssertionProvider(**ACME, token_placement="query")
    assert "AssertionProvider(name='acme', token_placement='query')" == repr(lenient)


def test_a_declaration_is_a_value() -> None:
    """Mappings become pairs: it hashes, compares and survives a pickle."""
    provider = AssertionProvider(
        **ACME, credential_names={"issuer": "mail"}, credential_constants={"type": "robot"}
    )
    assert ((("issuer", "mail"),), (("type", "robot"),)) == (
        provider.credential_names,
        provider.credential_constants,
    )
    assert provider == pickle.loads(pickle.dumps(provider))  # noqa: S301 - our own octets
    assert hash(provider) == hash(pickle.loads(pickle.dumps(provider)))  # noqa: S301 - as above


@pytest.mark.proves(
    "Providers and credentials", "declarations: all faults at once", rfc=None, judge="none but ours"
)
def test_all_faults_are_told_at_once() -> None:
    """One error names every field that is wrong, with its value and what is expected."""
    found = faults(
        token_endpoint=None,
        audience="",
        alg="HS256",
        lifetime=0,
        scope=3,
        scope_in_claims="yes",
        token_placement="cookie",
        ignored_credentials="type",
        credential_constants={"type": 1},
        credential_names={"isuer": "client_email"},
    )
    assert [
        "token_endpoint = None: the URL where assertions are exchanged",
        "audience = '': text in one line",
        "alg = 'HS256': one of 'RS256', 'PS256', 'ES256', 'EdDSA'",
        "lifetime = 0: a positive whole number of seconds",
        "scope = 3: text in one line",
        "scope_in_claims = 'yes': True or False",
        "token_placement = 'cookie': one of 'header', 'body', 'query'",
        "ignored_credentials = 'type': a tuple of texts",
        "credential_constants = ('type', 1): a mapping of texts to texts",
        "credential_names = 'isuer': one of issuer, private_key, key_id, subject, scope, token_endpoint",
    ] == list(found)
    assert (
        "credential_names = 'ab': a mapping of texts to texts" == faults(credential_names=["ab"])[0]
    )
    assert "lifetime = True: a positive whole number of seconds" == faults(lifetime=True)[0]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://acme.example/token",
        "https://acme.example/v2/token",
        "https://eu.api.acme.example/token",
        "https://added.example/token",
    ],
)
def test_assertions_go_where_the_provider_says(endpoint: str) -> None:
    """Its endpoint's origin, those of its tokens, and those that the caller adds."""
    assert "" == find_stray(AssertionProvider(**ACME), endpoint, ["https://added.example"])


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("https://acme.example.evil.example/token", "assertions go to https://acme.example, "),
        ("https://acme.example:8443/token", "assertions go to https://acme.example, "),
        ("http://acme.example/token", "expected an absolute https URL"),
        ("/token", "expected an absolute https URL"),
        ("https://[::1/token", "expected an absolute https URL"),
        ("https://me:pw@acme.example/token", "without user information"),
        ("https://acme.example/token#a", "without user information and fragment"),
    ],
)
def test_assertions_go_nowhere_else(endpoint: str, said: str) -> None:
    """A signed assertion is as good as a password to whoever it is sent to."""
    assert said in find_stray(AssertionProvider(**ACME), endpoint)
