"""Credentials of OAuth 2: the ways in, what each grant needs, and no value in an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauthkit.credentials import (
    OAuth1Credentials,
    OAuth2Credentials,
    environment_name,
    load_credentials,
)
from oauthkit.errors import CredentialsError
from oauthkit.provider import OAuth2Provider

PROVIDER = OAuth2Provider(
    name="x-app",
    authorization_endpoint="https://acme.example/authorize",
    token_endpoint="https://acme.example/token",
    api_base="https://api.acme.example",
    grant_types=["authorization_code", "refresh_token", "client_credentials", "password"],
)
CLIENT = {"client_id": "id", "client_secret": "s1"}
FULL: dict[str, Any] = {
    **CLIENT,
    "access_token": "at",
    "refresh_token": "rt",
    "token_type": "Bearer",
    "expires_at": 5.5,
    "expires_in": 60,
    "id_token": "it",
    "scope": "a b",
    "redirect_uri": "https://me.example/cb",
    "username": "alice",
    "password": "hunter two ",
}


def refusal(creds: Any, **options: Any) -> CredentialsError:
    """Return the error that *creds* are refused with; nothing is read from this process."""
    with pytest.raises(CredentialsError) as caught:
        load_credentials(PROVIDER, creds, environ=options.pop("environ", {}), **options)
    return caught.value


def test_all_ways_in_give_the_same(tmp_path: Path) -> None:
    """A mapping, a file, the environment; an object is returned as it is."""
    expected = OAuth2Credentials(**FULL)
    assert expected is load_credentials(PROVIDER, expected)
    assert expected == load_credentials(PROVIDER, MappingProxyType(FULL), environ={})
    file = tmp_path / "creds.json"
    file.write_text(json.dumps({**FULL, "id_token": "it"}))
    assert expected == load_credentials(PROVIDER, file)
    environ = {environment_name("x-app", name): str(value) for name, value in FULL.items()}
    assert expected == load_credentials(PROVIDER, None, environ=environ)
    assert 60.0 == load_credentials(PROVIDER, None, environ=environ).expires_in


def test_null_is_absent() -> None:
    """As in JSON that other programs write."""
    assert OAuth2Credentials(**CLIENT) == load_credentials(
        PROVIDER, {**CLIENT, "access_token": None, "scope": None}
    )


def test_the_token_that_was_kept() -> None:
    """Its members go by their wire names; scope and client are none of them."""
    assert OAuth2Credentials(**CLIENT, scope="a", expires_at=5).members() is None
    assert {
        "access_token": "at",
        "refresh_token": "rt",
        "token_type": "Bearer",
        "expires_at": 5.5,
        "expires_in": 60,
        "id_token": "it",
    } == OAuth2Credentials(**FULL).members()
    assert {"refresh_token": "rt"} == OAuth2Credentials(refresh_token="rt").members()


def test_a_token_answer_may_be_pasted() -> None:
    """What a token endpoint answers (RFC 6749 §5.1), with the client added."""
    answer = {"access_token": "a", "token_type": "Bearer", "expires_in": 3600, "scope": "r w"}
    assert 3600 == load_credentials(PROVIDER, {**answer, "client_id": "i"}).expires_in


NEEDED: list[tuple[dict[str, str], dict[str, str], tuple[str, ...]]] = [
    ({}, {}, ("client_id",)),
    ({}, {"grant_type": "client_credentials"}, ("client_id", "client_secret")),
    ({"client_id": "i"}, {"grant_type": "client_credentials"}, ("client_secret",)),
    ({}, {"grant_type": "password"}, ("client_id", "username", "password")),
    ({"client_id": "i"}, {"grant_type": "refresh_token"}, ("refresh_token",)),
    ({"client_id": "i"}, {"auth_method": "client_secret_post"}, ("client_secret",)),
]


@pytest.mark.parametrize(("creds", "chosen", "missing"), NEEDED)
def test_what_is_needed_follows_the_grant(
    creds: Any, chosen: dict[str, str], missing: tuple[str, ...]
) -> None:
    """The provider's first grant, or the one that was chosen; so does the method."""
    assert missing == refusal(creds, **chosen).missing


@pytest.mark.parametrize("chosen", [{}, {"auth_method": "none"}])
def test_without_a_secret_the_client_is_public(chosen: dict[str, Any]) -> None:
    """RFC 6749 §2.1: it is in the hands of its users, and has PKCE."""
    found = load_credentials(PROVIDER, {"client_id": "i"}, **chosen)
    assert OAuth2Credentials(client_id="i") == found


def test_the_error_is_the_tutorial() -> None:
    """Key, environment name, nearest match."""
    error = refusal({"client_key": "i", "scopes": "a"}, grant_type="client_credentials")
    assert str(error).splitlines() == [
        "x-app",
        '  missing   client_secret     "client_secret", or OAUTHKIT_X_APP__CLIENT_SECRET',
        '  unknown   "client_key"      did you mean "client_id"?',
        '  unknown   "scopes"          did you mean "scope"?',
    ]


MEANT = {
    "token": "access_token",
    "consumer_key": "client_id",
    "app_secret": "client_secret",
    "refresh_tokn": "refresh_token",
    "callback_url": "redirect_uri",
    "user": "username",
    "Client-ID": "client_id",
}


@pytest.mark.parametrize(("key", "field"), MEANT.items())
@pytest.mark.parametrize("others", [{}, FULL])
def test_other_names_of_the_same_thing_are_understood(
    key: str, field: str, others: Mapping[str, Any]
) -> None:
    """Other libraries' names and misspelt ones lead to ours, also where ours is there."""
    given = {name: value for name, value in others.items() if name != field or key != "Client-ID"}
    assert f'did you mean "{field}"?' in str(refusal({**given, key: "v"}))


FLAWS: list[tuple[str, Any, str]] = [
    ("client_id", "", "it is empty"),
    ("client_secret", "s\n", "begins or ends with white space"),
    ("access_token", "a\x00b", "a control or invisible character"),
    ("refresh_token", 3, "expected text, got int"),
    ("scope", ["a", "b"], "the scopes in one text"),
    ("scope", {"a": 1}, "expected text, got dict"),
    ("redirect_uri", "/cb", "an absolute URI without a fragment"),
    ("redirect_uri", "https://me.example/cb#x", "an absolute URI without a fragment"),
    ("redirect_uri", "oob", "an absolute URI without a fragment"),
    ("expires_at", "soon", "a number of seconds since the epoch, got text"),
    ("expires_at", "nan", "one that is not finite"),
    ("expires_in", float("inf"), "a number of seconds from now, got one that is not finite"),
    ("expires_in", True, "got bool"),
    ("expires_in", [], "got list"),
    ("password", "", "it is empty"),
    ("username", "al\tice", "a control or invisible character"),
]


@pytest.mark.parametrize(("field", "value", "said"), FLAWS)
def test_flawed_values_are_invalid(field: str, value: Any, said: str) -> None:
    """As in a mapping, so in an object."""
    for creds in ({**FULL, field: value}, OAuth2Credentials(**{**FULL, field: value})):
        error = refusal(creds)
        assert ((field,), (), ()) == (error.invalid, error.missing, error.unknown)
        assert said in str(error)


@pytest.mark.parametrize("value", [0, -5, "0", "12.5", 10**12])
def test_any_finite_number_of_seconds_is_one(value: Any) -> None:
    """Servers answer with zero and less; what follows of it is the token's business."""
    found = load_credentials(PROVIDER, {**FULL, "expires_in": value})
    assert float(value) == found.expires_in


@pytest.mark.parametrize(
    "value", ["app.example:/cb", "http://127.0.0.1/cb", "urn:ietf:wg:oauth:2.0:oob"]
)
def test_redirect_uris_are_absolute(value: str) -> None:
    """Of a site, an app, a program on this machine (RFC 8252 §7)."""
    assert value == load_credentials(PROVIDER, {**FULL, "redirect_uri": value}).redirect_uri


def test_objects_of_another_kind_are_refused() -> None:
    """A typed object of another protocol is neither mapping nor path."""
    error = refusal(OAuth1Credentials(client_id="i"))
    assert "expected a mapping, OAuth2Credentials, a path or None, got OAuth1Credentials" in str(
        error
    )


def test_the_repr_hides_what_is_secret() -> None:
    """Only names, times and the callback are shown."""
    assert (
        "OAuth2Credentials(client_id='id', token_type='Bearer', expires_at=5.5, expires_in=60, "
        "scope='a b', redirect_uri='https://me.example/cb', username='alice')"
    ) == repr(OAuth2Credentials(**FULL))


secrets = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=8, max_size=30).map(
    "{}☃".format
)


@given(
    st.dictionaries(
        st.sampled_from([*FULL, "token", "oauth_tokn"]),
        st.tuples(secrets, st.sampled_from(["{} ", "\n{}", "{}\x00{}", "{}"])),
    ),
    st.sampled_from(PROVIDER.grant_types),
)
def test_no_error_shows_a_value(planted: dict[str, tuple[str, str]], grant_type: str) -> None:
    """Whatever is wrong with it, a value is neither in the text nor in an attribute."""
    creds = {key: flaw.format(secret, secret) for key, (secret, flaw) in planted.items()}
    environ = {environment_name("x-app", key): value for key, value in creds.items()}
    for given_creds, variables in ((creds, {}), (None, environ)):
        try:
            load_credentials(PROVIDER, given_creds, environ=variables, grant_type=grant_type)
        except CredentialsError as exc:
            shown = f"{exc}{exc!r}{vars(exc)!r}{exc.__cause__!r}{exc.__context__!r}"
            assert not [secret for secret, _ in planted.values() if secret in shown]
