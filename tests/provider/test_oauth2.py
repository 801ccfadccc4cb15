"""Declarations of OAuth 2 services, and the template that makes them of settings."""

from __future__ import annotations

import pickle
from typing import Any

import attrs
import pytest

from oauthkit.errors import DeclarationError, OAuthError
from oauthkit.provider import OAuth2Provider, OAuth2Template

ACME: dict[str, Any] = {
    "name": "acme",
    "authorization_endpoint": "https://acme.example/authorize",
    "token_endpoint": "https://acme.example/token",
    "api_base": "https://api.acme.example/v1/",
}
TEMPLATE = OAuth2Template(name="any")
SETTINGS: dict[str, Any] = {
    "grant_type": "client_credentials",
    "token_endpoint": "https://acme.example/token",
    "api_base": "https://api.acme.example",
}


def faults(**fields: Any) -> tuple[str, ...]:
    """Return the faults of acme's declaration with *fields* in it."""
    with pytest.raises(DeclarationError) as caught:
        OAuth2Provider(**{**ACME, **fields})
    assert len(caught.value.faults) == len(caught.value.hints)
    return caught.value.faults


def refusal(**settings: Any) -> DeclarationError:
    """Return the error that the template's settings with *settings* in them are refused with."""
    with pytest.raises(DeclarationError) as caught:
        TEMPLATE.declare({**SETTINGS, **settings})
    return caught.value


def test_defaults_are_the_strict_ones() -> None:
    """Code and PKCE S256, Basic, a bearer in the header: no leniency is on."""
    provider = OAuth2Provider(**ACME)
    assert "oauth2" == provider.protocol
    assert ("authorization_code", "refresh_token") == provider.grant_types
    assert "client_secret_basic" == provider.token_endpoint_auth_method
    assert ("S256", "header", " ") == (
        provider.code_challenge_method,
        provider.token_placement,
        provider.scope_separator,
    )
    assert "OAuth2Provider(name='acme')" == repr(provider)


def test_each_leniency_shows_in_the_repr() -> None:
    """Who reads a log sees what was loosened."""
    lenient = OAuth2Provider(
        **ACME,
        raw_basic=True,
        code_challenge_method=None,
        scope_separator=",",
        token_placement="query",
        refresh_grace=30,
        rotates_refresh_tokens=False,
        plain_http_hosts=["lan.example"],
    )
    assert (
        "OAuth2Provider(name='acme', plain_http_hosts=('lan.example',), raw_basic=True, "
        "refresh_grace=30, rotates_refresh_tokens='False', "
        "code_challenge_method='None', scope_separator=',', token_placement='query')"
    ) == repr(lenient)


def test_a_declaration_is_a_value() -> None:
    """Mappings and lists become tuples: it hashes, compares and survives a pickle."""
    provider = OAuth2Provider(**ACME, authorization_params={"prompt": "consent"})
    same = OAuth2Provider(**ACME, authorization_params=(("prompt", "consent"),))
    assert provider == same
    assert hash(provider) == hash(same)
    assert provider == pickle.loads(pickle.dumps(provider))  # noqa: S301 - our own octets
    assert "b" == attrs.evolve(provider, name="b").name


@pytest.mark.proves(
    "Providers and credentials", "declarations: all faults at once", rfc=None, judge="none but ours"
)
def test_all_faults_are_told_at_once() -> None:
    """One error names every field that is wrong, with its value and what is expected."""
    found = faults(
        token_endpoint=None,
        revocation_endpoint="/revoke",
        issuer="http://acme.example",
        grant_types=["authorization_code", "implicit"],
        token_endpoint_auth_method="tls_client_auth",
        code_challenge_method="s256",
        token_placement="cookie",
        scope="",
        scope_separator="",
        authorization_params=["prompt"],
        raw_basic=1,
        rotates_refresh_tokens="no",
        refresh_grace=-1,
    )
    kinds = "'authorization_code', 'client_credentials', 'password', 'refresh_token'"
    assert [
        "revocation_endpoint = '/revoke': an absolute URL such as 'https://api.example.com/…'",
        "issuer = 'http://acme.example': https only: 'https://acme.example'",
        f"grant_types = 'implicit': one of {kinds}",
        "token_endpoint = None: the URL where tokens come from",
        "token_endpoint_auth_method = 'tls_client_auth': one of 'client_secret_basic', 'client_secret_post', 'none'",
        "code_challenge_method = 's256': one of 'S256', 'plain', None",
        "token_placement = 'cookie': one of 'header', 'body', 'query'",
        "scope = '': text in one line",
        "scope_separator = '': text in one line",
        "authorization_params = 'prompt': a mapping of texts to texts",
        "raw_basic = 1: True or False",
        "rotates_refresh_tokens = 'no': True or False",
        "refresh_grace = -1: seconds, 0 or more",
    ] == list(found)


def test_grants_need_what_they_use() -> None:
    """A code comes from an endpoint, a callback's issuer has a name, and no grant is no client."""
    (fault,) = faults(authorization_endpoint=None)
    assert "authorization_endpoint = None: grant type authorization_code needs it" == fault
    (fault,) = faults(authorization_response_iss_parameter_supported=True)
    assert fault.startswith("issuer = None: ")
    (fault,) = faults(grant_types=())
    assert fault.startswith("grant_types = (): at least one of ")


def test_client_credentials_are_for_clients_that_authenticate() -> None:
    """RFC 6749 §4.4: the grant is for confidential clients only."""
    (fault,) = faults(grant_types=["client_credentials"], token_endpoint_auth_method="none")
    assert fault.startswith("token_endpoint_auth_method = 'none': ")
    assert (
        "none"
        == OAuth2Provider(**ACME, token_endpoint_auth_method="none").token_endpoint_auth_method
    )


def test_a_token_answer_is_read_as_the_rfc_has_it() -> None:
    """The default hook reads JSON, counts the expiry from now, and raises for what is no answer."""
    provider = OAuth2Provider(**ACME)
    found = provider.parse_token(200, b'{"access_token":"a","expires_in":60}', now=1000.0)
    assert ("a", 1060.0) == (found["access_token"], found["expires_at"])
    with pytest.raises(OAuthError):
        provider.parse_token(200, b"<html>", now=0.0)


# -- the template ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grant_type", "offered"),
    [
        ("authorization_code", ("authorization_code", "refresh_token")),
        ("client_credentials", ("client_credentials",)),
        ("password", ("password", "refresh_token")),
        ("refresh_token", ("refresh_token",)),
    ],
)
def test_settings_declare_a_provider(grant_type: str, offered: tuple[str, ...]) -> None:
    """The grant type comes first; with a user in it, its tokens may be refreshed."""
    settings = {**SETTINGS, "authorization_endpoint": "https://acme.example/a"}
    provider = TEMPLATE.declare({**settings, "grant_type": grant_type})
    assert offered == provider.grant_types
    assert ("any", "https://acme.example/token") == (provider.name, provider.token_endpoint)


def test_the_same_settings_give_the_same_provider() -> None:
    """Clients by the thousand share one declaration."""
    assert TEMPLATE.declare(SETTINGS) is TEMPLATE.declare(dict(SETTINGS))
    assert TEMPLATE.declare(SETTINGS) is not OAuth2Template(name="other").declare(SETTINGS)


@pytest.mark.parametrize(
    "origins",
    [
        "https://a.example https://*.b.example",
        "https://a.example,https://*.b.example",
        ["https://a.example", "https://*.b.example"],
        ("https://a.example", "https://*.b.example"),
    ],
)
def test_origins_are_a_list_or_one_text(origins: object) -> None:
    """The environment has only texts."""
    provider = TEMPLATE.declare({**SETTINGS, "api_base": None, "origins": origins})
    assert ("https://a.example", "https://*.b.example") == provider.origins


def test_faults_of_settings_are_told_at_once_and_without_values() -> None:
    """The grant type's too; the hints repeat nothing that was given."""
    error = refusal(
        grant_type="client_credential",
        token_endpoint="http://s3cr3t.example/",
        issuer="https://s3cr3t.example./",
        origins=["s3cr3t"],
        code_challenge_method=["s3cr3t"],
        api_base="https://me:s3cr3t@x.example/",
    )
    told = [field for field, _ in error.hints]
    assert ["grant_type", "api_base", "origins", "token_endpoint", "issuer"] == told[:-1]
    assert "code_challenge_method" == told[-1]
    assert "s3cr3t" not in repr(error.hints)
    assert error.hints[0][1].startswith("one of 'authorization_code', ")
    assert ("grant_type",) == tuple(field for field, _ in refusal(grant_type=None).hints)


def test_plain_http_is_for_loopback() -> None:
    """A template has no leniencies."""
    local = {**SETTINGS, "token_endpoint": "http://127.0.0.1:1/t", "api_base": "http://localhost"}
    assert "http://127.0.0.1:1/t" == TEMPLATE.declare(local).token_endpoint
    assert "https only" in str(refusal(token_endpoint="http://lan.example/t"))
    with pytest.raises(DeclarationError, match="comes with the settings"):
        OAuth2Template(name="any", plain_http_hosts=["lan.example"])


def test_a_template_is_checked_itself() -> None:
    """Its own fields are those of any provider."""
    with pytest.raises(DeclarationError) as caught:
        OAuth2Template(name="Any", title="", documentation="http://x.example")
    assert ["name", "title", "documentation"] == [f.split(" ")[0] for f in caught.value.faults]
    assert ("oauth2", "any") == (TEMPLATE.protocol, TEMPLATE.title)


@pytest.mark.parametrize("grace", [True, "1", None, -0.5, float("inf"), float("nan")])
def test_a_grace_is_a_number_of_seconds(grace: object) -> None:
    """Anything else is a fault."""
    (fault,) = faults(refresh_grace=grace)
    assert f"refresh_grace = {grace!r}: seconds, 0 or more" == fault
