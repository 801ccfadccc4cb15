"""Declarations: what they hold, and how everything that is wrong with one is told at once."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from oauthkit.errors import DeclarationError, OAuthError
from oauthkit.protocol.oauth1 import SIGNATURE_METHODS, SignatureMethod
from oauthkit.provider import OAuth1Provider, Provider

ACME: dict[str, Any] = {
    "name": "acme",
    "temporary_credential_endpoint": "https://acme.example/oauth/request",
    "authorization_endpoint": "https://acme.example/oauth/authorize",
    "token_endpoint": "https://acme.example/oauth/token",
    "api_base": "https://api.acme.example/v1/",
}


def faults(**fields: Any) -> tuple[str, ...]:
    """Return the faults of acme's declaration with *fields* in it."""
    with pytest.raises(DeclarationError) as caught:
        OAuth1Provider(**{**ACME, **fields})
    assert all(fault in str(caught.value) for fault in caught.value.faults)
    return caught.value.faults


def test_defaults_are_the_strict_ones() -> None:
    """What a declaration does not say is as the RFC has it, and no leniency is on."""
    provider = OAuth1Provider(**ACME)
    assert "oauth1" == provider.protocol
    assert ("oauth1",) == provider.grant_types
    assert "acme" == provider.title
    assert ("HMAC-SHA1",) == provider.signature_methods
    assert "header" == provider.placement
    assert "POST" == provider.token_method
    assert (None, None) == (provider.realm, provider.documentation)
    assert not provider.body_hash
    assert not provider.allow_unconfirmed_callback
    assert not provider.allow_missing_verifier
    assert not provider.clock_from_date
    assert () == provider.plain_http_hosts


def test_only_a_name_and_somewhere_to_go_are_needed() -> None:
    """A service whose site hands out tokens has no endpoints; origins do in place of a base."""
    assert "a" == OAuth1Provider(name="a", api_base="https://a.example").name
    alone = OAuth1Provider(name="a", origins=["https://*.a.example"])
    assert ("https://*.a.example",) == tuple(map(str, alone.token_origins))


def test_tokens_go_to_the_origin_of_the_base_and_to_the_declared_ones() -> None:
    """The origin of api_base is always among them, first and once."""
    provider = OAuth1Provider(
        **ACME, origins=["https://up.acme.example", "https://API.acme.example:443"]
    )
    expected = ("https://api.acme.example", "https://up.acme.example")
    assert expected == tuple(map(str, provider.token_origins))


def test_a_declaration_is_a_value() -> None:
    """It is frozen, compares and hashes by what it says, and survives copy and pickle."""
    provider = OAuth1Provider(**ACME, origins=["https://up.acme.example"])
    same = OAuth1Provider(**ACME, origins=("https://up.acme.example",))
    assert provider == same
    assert hash(provider) == hash(same)
    assert provider != OAuth1Provider(**ACME)
    assert provider.token_origins == copy.deepcopy(provider).token_origins
    assert provider == pickle.loads(pickle.dumps(provider))  # noqa: S301 - our own octets
    assert "b" == attrs.evolve(provider, name="b").name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        provider.name = "other"  # type: ignore[misc]


def test_the_base_class_declares_nothing() -> None:
    """A provider is of a kind."""
    with pytest.raises(TypeError):
        Provider(name="acme")  # type: ignore[call-arg]


def test_repr_is_short_and_shows_each_leniency_that_is_on() -> None:
    """Who reads a log sees what was loosened."""
    assert "OAuth1Provider(name='acme')" == repr(OAuth1Provider(**ACME))
    lenient = OAuth1Provider(
        **ACME,
        plain_http_hosts=["LAN.example"],
        allow_unconfirmed_callback=True,
        allow_missing_verifier=True,
        clock_from_date=True,
    )
    assert (
        "OAuth1Provider(name='acme', plain_http_hosts=('lan.example',), "
        "allow_unconfirmed_callback=True, allow_missing_verifier=True, clock_from_date=True)"
    ) == repr(lenient)


@pytest.mark.parametrize("method", SIGNATURE_METHODS)
def test_every_signature_method_can_be_declared(method: Any) -> None:
    """The seven methods, in any order; the first is the default."""
    provider = OAuth1Provider(**ACME, signature_methods=[method, *SIGNATURE_METHODS])
    assert method == provider.signature_methods[0]


@pytest.mark.proves(
    "Providers and credentials", "declarations: all faults at once", rfc=None, judge="none but ours"
)
def test_all_faults_are_told_at_once() -> None:
    """One error names every field that is wrong, with its value and what is expected."""
    found = faults(
        name="Acme Inc",
        title="",
        documentation="http://localhost/",
        token_endpoint="http://acme.example/token",
        api_base=4,
        origins=["https://*.com", 5],
        plain_http_hosts=["http://lan"],
        signature_methods=["HMAC-MD5"],
        placement="cookie",
        token_method="PUT",
        realm="a\nb",
        body_hash=1,
        clock_from_date="yes",
    )
    assert [
        "name = 'Acme Inc': lower-case letters and digits, in words joined by '-'",
        "title = '': text in one line",
        "documentation = 'http://localhost/': https only: 'https://localhost/'",
        "plain_http_hosts = 'http://lan': host names alone, no scheme and no port; 'http://lan' is no host name and no IPv6 address",
        "api_base = 4: a URL as text",
        "origins = 5: a tuple of texts",
        "origins: origin 'https://*.com' needs at least two labels of a name after the *; write 'https://*.example.com'",
        "token_endpoint = 'http://acme.example/token': https only: 'https://acme.example/token'",
        f"signature_methods = 'HMAC-MD5': one of {', '.join(SIGNATURE_METHODS)}",
        "placement = 'cookie': one of 'header', 'body', 'query'",
        "token_method = 'PUT': one of 'POST', 'GET'",
        "realm = 'a\\nb': text in one line",
        "body_hash = 1: True or False",
        "clock_from_date = 'yes': True or False",
    ] == list(found)


@pytest.mark.parametrize(
    "name", ["", "Acme", "acme_inc", "-acme", "acme-", "a--b", "a b", "ä", 3, None]
)
def test_names_are_words_joined_by_hyphens(name: Any) -> None:
    """Names become environment variables and entry points: one spelling each."""
    assert ["name"] == [fault.partition(" ")[0] for fault in faults(name=name)]


@pytest.mark.parametrize("name", ["a", "x-app", "9", "a-1-b"])
def test_plain_names_are_taken(name: str) -> None:
    """Letters, digits, and hyphens between words."""
    assert name == OAuth1Provider(name=name, api_base="https://a.example").name


URLS = {
    "/oauth/token": "an absolute URL",
    "acme.example/token": "an absolute URL",
    "": "an absolute URL",
    "https://": "an absolute URL",
    "https://acme .example/": "an absolute URL",
    "https://acme.example/\n": "an absolute URL",
    "https://[::1": "an absolute URL",
    "ftp://acme.example/": "an absolute URL",
    "wss://acme.example/": "an absolute URL",
    "https://acme.example%2e/": "is no host name",
    "https://acme.example./": "ends in a dot",
    "https://acme.example/#": "no fragment",
    "https://acme.example/#top": "no fragment",
    "https://me@acme.example/": "no user information",
    "http://acme.example/": "https only: 'https://acme.example/'",
    "http://acme.example:80/a": "https only: 'https://acme.example/a'",
    "http://acme.example:8080/": "https only: 'https://acme.example:8080/'",
    "http://127.0.0.1.evil.example/": "https only",
}


@pytest.mark.parametrize("field", ["token_endpoint", "authorization_endpoint", "api_base"])
@pytest.mark.parametrize(("url", "said"), URLS.items())
def test_urls_are_absolute_https_and_bare(field: str, url: str, said: str) -> None:
    """Each fault has its own words, for endpoints and for the base."""
    (fault,) = faults(**{field: url})
    assert fault.startswith(f"{field} = ")
    assert said in fault


def test_no_password_of_a_url_is_repeated() -> None:
    """User information is refused unseen, also where the URL cannot be read at all."""
    for url in ("https://me:hunter2@acme.example/", "https://me:hunter2@acme .example/"):
        assert "hunter2" not in "".join(faults(token_endpoint=url, api_base=url, origins=[url]))


def test_long_values_are_cut() -> None:
    """An error stays readable."""
    (fault,) = faults(placement="x" * 10_000)
    assert len(fault) < 200


def test_loopback_and_named_hosts_may_be_plain_http() -> None:
    """Servers of tests and of a closed network need no certificate, where the declaration says so."""
    provider = OAuth1Provider(
        name="lan",
        token_endpoint="http://127.0.0.1:8080/token",
        api_base="http://Lan.example:8080/",
        origins=["http://localhost", "http://lan.example"],
        plain_http_hosts=["LAN.example"],
    )
    expected = ("http://lan.example:8080", "http://localhost", "http://lan.example")
    assert expected == tuple(map(str, provider.token_origins))


def test_a_base_has_no_query_and_a_real_port() -> None:
    """Relative URLs are put after it, and its origin must be one."""
    assert "no query" in faults(api_base="https://acme.example/?v=1")[0]
    assert "no port" in faults(api_base="https://acme.example:0/")[0]


def test_somewhere_to_go_is_needed() -> None:
    """Without base and origins no request could ever be signed."""
    (fault,) = faults(api_base=None)
    assert "api_base = None: api_base or origins must say where tokens may go" == fault


def test_temporary_credentials_need_a_token_endpoint() -> None:
    """A request token that nothing takes is of no use."""
    (fault,) = faults(token_endpoint=None)
    assert fault.startswith("token_endpoint = None: ")


def test_lists_are_lists_of_texts() -> None:
    """One text is no list: its letters are not what was meant."""
    for field in ("origins", "plain_http_hosts", "signature_methods"):
        (fault,) = faults(**{field: "https://acme.example"})
        assert f"{field} = 'https://acme.example': a tuple of texts" == fault
    assert "at least one of" in faults(signature_methods=())[0]
    assert "signature_methods = 3: a tuple of texts" == faults(signature_methods=[3])[0]


def test_plaintext_secrets_stay_out_of_urls_and_off_plain_http() -> None:
    """PLAINTEXT's signature is the secrets themselves (RFC 5849 §3.4.4)."""
    methods: tuple[SignatureMethod, ...] = ("HMAC-SHA1", "PLAINTEXT")
    (fault,) = faults(signature_methods=methods, placement="query")
    assert fault.startswith("placement = 'query': ")
    (fault,) = faults(signature_methods=methods, plain_http_hosts=("lan.example",))
    assert fault.startswith("plain_http_hosts = ('lan.example',): ")
    assert "body" == OAuth1Provider(**ACME, signature_methods=methods, placement="body").placement


def test_parameters_in_the_body_need_a_body() -> None:
    """A GET has none."""
    (fault,) = faults(placement="body", token_method="GET")
    assert fault.startswith("token_method = 'GET': ")


def test_a_token_answer_is_read_as_the_rfc_has_it() -> None:
    """The default hook reads a form, and raises for what is no answer."""
    provider = OAuth1Provider(**ACME)
    expected = {"oauth_token": "a", "oauth_token_secret": "b", "user_id": "1"}
    assert expected == provider.parse_token(b"oauth_token=a&oauth_token_secret=b&user_id=1")
    with pytest.raises(OAuthError):
        provider.parse_token(b"<html>")


class Quirky(OAuth1Provider):
    """A service that answers in a form of its own: one method, no decorator."""

    def parse_token(self, body: bytes) -> Mapping[str, str]:
        """Read ``token:secret``."""
        token, _, secret = body.decode().partition(":")
        return {"oauth_token": token, "oauth_token_secret": secret}


def test_a_quirk_is_an_overridden_method() -> None:
    """A subclass is checked, shown and compared like its base."""
    provider = Quirky(**ACME, clock_from_date=True)
    assert {"oauth_token": "a", "oauth_token_secret": "b"} == provider.parse_token(b"a:b")
    assert "Quirky(name='acme', clock_from_date=True)" == repr(provider)
    with pytest.raises(DeclarationError):
        Quirky(name="Acme")
