"""Credentials: the four ways in, and everything that is wrong with them named at once, unseen."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauthkit.credentials import (
    OAuth1Credentials,
    check_credentials,
    environment_name,
    load_credentials,
)
from oauthkit.errors import CredentialsError
from oauthkit.provider import OAuth1Provider

proves_faults = pytest.mark.proves(
    "Providers and credentials",
    "credentials: all faults at once, by name",
    rfc=None,
    judge="none but ours",
)

PROVIDER = OAuth1Provider(name="twitter", api_base="https://api.x.com")
RSA = OAuth1Provider(
    name="x-app", api_base="https://api.x.com", signature_methods=["RSA-SHA1", "PLAINTEXT"]
)
PEM = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
FULL = {"client_id": "id", "client_secret": "s1", "token": "t", "token_secret": "s2"}


def refusal(creds: Any, provider: OAuth1Provider = PROVIDER, **options: Any) -> CredentialsError:
    """Return the error that *creds* are refused with; nothing is read from this process."""
    with pytest.raises(CredentialsError) as caught:
        load_credentials(provider, creds, environ=options.pop("environ", {}), **options)
    return caught.value


# -- the ways in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [dict, MappingProxyType])
def test_a_mapping_is_read(kind: Any) -> None:
    """Any mapping with the documented keys does."""
    assert OAuth1Credentials(**FULL) == load_credentials(PROVIDER, kind(FULL), environ={})


def test_a_typed_object_is_returned_as_it_is() -> None:
    """It is checked, and no copy is made."""
    creds = OAuth1Credentials(**FULL, redirect_uri="https://me.example/cb")
    assert creds is load_credentials(PROVIDER, creds)


@pytest.mark.parametrize("as_path", [str, Path])
def test_a_json_file_is_read(tmp_path: Path, as_path: Any) -> None:
    """Text is always a path; a byte order mark is tolerated, null is absent."""
    file = tmp_path / "creds"
    file.write_text(json.dumps({**FULL, "rsa_key": None}), encoding="utf-8-sig")
    assert OAuth1Credentials(**FULL) == load_credentials(PROVIDER, as_path(file))


def test_a_path_may_be_in_octets(tmp_path: Path) -> None:
    """A path-like object that answers with bytes is one, too."""

    class Octets:
        def __fspath__(self) -> Any:
            return os.fsencode(tmp_path / "none")

    assert str(tmp_path / "none") == refusal(Octets()).source


def test_nothing_reads_the_environment() -> None:
    """Other variables, and those of providers with a similar name, are left alone."""
    environ = {environment_name("twitter", field): value for field, value in FULL.items()}
    environ |= {"PATH": "/bin", "OAUTHKIT_TWITTER_APP__CLIENT_KEY": "x", "OAUTHKIT_TWITTER": "x"}
    assert OAuth1Credentials(**FULL) == load_credentials(PROVIDER, None, environ=environ)


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that are set after the import count."""
    monkeypatch.setenv("OAUTHKIT_TWITTER__CLIENT_ID", "id")
    monkeypatch.setenv("OAUTHKIT_TWITTER__CLIENT_SECRET", "s1")
    assert OAuth1Credentials(client_id="id", client_secret="s1") == load_credentials(PROVIDER, None)


def test_creds_that_are_passed_are_not_mixed_with_the_environment() -> None:
    """A token of the environment never joins somebody else's mapping; the error says it is there."""
    environ = {environment_name("twitter", field): value for field, value in FULL.items()}
    creds = {"client_id": "a", "client_secret": "b"}
    assert OAuth1Credentials(**creds) == load_credentials(PROVIDER, creds, environ=environ)
    error = refusal({"client_id": "a"}, environ=environ)
    assert "OAUTHKIT_TWITTER__CLIENT_SECRET is set, but read only where no creds are" in str(error)


def test_variables_end_the_name_with_two_underscores() -> None:
    """The providers x and x-app cannot be confused."""
    assert "OAUTHKIT_X__APP_TOKEN" == environment_name("x", "app_token")
    assert "OAUTHKIT_X_APP__TOKEN" == environment_name("x-app", "token")


# -- what is needed --------------------------------------------------------------------------------


@proves_faults
def test_the_error_is_the_tutorial() -> None:
    """It is as the README shows it: key, environment name, nearest match."""
    error = refusal({"client_key": "xvz1evFS4wEEPTGEFPHBog"})
    assert str(error).splitlines() == [
        "twitter",
        '  missing   client_secret     "client_secret", or OAUTHKIT_TWITTER__CLIENT_SECRET',
        '  unknown   "client_key"      did you mean "client_id"?',
    ]
    assert (("client_secret",), ("client_key",), ()) == (
        error.missing,
        error.unknown,
        error.invalid,
    )


def test_an_empty_environment_says_what_to_set() -> None:
    """Key and variable of each field that is needed."""
    error = refusal(None)
    assert str(error).splitlines() == [
        "twitter (the environment)",
        '  missing   client_id         "client_id", or OAUTHKIT_TWITTER__CLIENT_ID',
        '  missing   client_secret     "client_secret", or OAUTHKIT_TWITTER__CLIENT_SECRET',
    ]


@proves_faults
def test_missing_unknown_and_invalid_are_told_together() -> None:
    """Nobody corrects one fault to meet the next."""
    error = refusal({"client_id": "", "token": "t ", "client_secrt": "x", "scope": "a"})
    assert ("token_secret",) == error.missing
    assert ("client_id", "token") == error.invalid
    assert ("client_secrt", "scope") == error.unknown


def test_a_token_comes_with_its_secret() -> None:
    """One without the other signs nothing; none of the two is what the three steps begin with."""
    pair = {"client_id": "a", "client_secret": "b"}
    assert ("token_secret",) == refusal({**pair, "token": "t"}).missing
    assert ("token",) == refusal({**pair, "token_secret": "t"}).missing
    assert load_credentials(PROVIDER, pair).token is None


def test_rsa_needs_a_key_and_no_secrets() -> None:
    """What is needed follows the method: the provider's first, or the one that was chosen."""
    assert ("client_id", "rsa_key") == refusal({}, RSA).missing
    creds = {"client_id": "a", "rsa_key": PEM, "token": "t"}
    assert PEM == load_credentials(RSA, creds).rsa_key
    assert ("client_secret",) == refusal(
        {"client_id": "a", "rsa_key": PEM}, RSA, signature_method="PLAINTEXT"
    ).missing
    assert ("token",) == refusal({**creds, "token": None, "token_secret": "s"}, RSA).missing


def test_a_method_of_another_type_is_somebody_elses_fault() -> None:
    """The option is checked where it is read; here it only must not break."""
    method: Any = 3
    assert "id" == load_credentials(PROVIDER, FULL, signature_method=method).client_id


# -- what is unknown -------------------------------------------------------------------------------

MEANT = {
    "consumer_key": "client_id",
    "consumer_secret": "client_secret",
    "api_key": "client_id",
    "api_secret": "client_secret",
    "oauth_token": "token",
    "oauth_token_secret": "token_secret",
    "access_token": "token",
    "resource_owner_key": "token",
    "callback_uri": "redirect_uri",
    "private_key": "rsa_key",
    "Client-ID": "client_id",
    "CLIENT_SECRET": "client_secret",
    "client_idd": "client_id",
    "tokn": "token",
}


@pytest.mark.parametrize(("key", "field"), MEANT.items())
def test_other_names_of_the_same_thing_are_understood(key: str, field: str) -> None:
    """Other libraries' names and misspelt ones lead to ours, and ours is not missing as well."""
    error = refusal({key: "value"})
    assert f'did you mean "{field}"?' in str(error)
    assert (key,) == error.unknown
    assert field not in error.missing


def test_what_is_given_already_was_not_meant() -> None:
    """The nearest match is one that is absent, if there is one."""
    error = refusal({"client_id": "a", "client_key": "b"})
    assert 'did you mean "client_secret"?' in str(error)
    assert 'did you mean "client_id"?' in str(refusal({**FULL, "client_key": "b"}))


def test_a_key_that_resembles_nothing_gets_the_list() -> None:
    """All keys are named."""
    error = refusal({**FULL, "scope": "read"})
    keys = "client_id, client_secret, token, token_secret, rsa_key, redirect_uri"
    assert f'  unknown   "scope"           the keys are {keys}' in str(error)


def test_unknown_variables_are_found() -> None:
    """Only the exact name in upper case is a field's."""
    environ = {environment_name("twitter", field): value for field, value in FULL.items()}
    environ |= {"OAUTHKIT_TWITTER__CLIENT_KEY": "a", "OAUTHKIT_TWITTER__token": "b"}
    error = refusal(None, environ=environ)
    assert ("OAUTHKIT_TWITTER__CLIENT_KEY", "OAUTHKIT_TWITTER__token") == error.unknown
    assert "did you mean OAUTHKIT_TWITTER__TOKEN?" in str(error)


def test_keys_that_may_be_secrets_are_not_shown() -> None:
    """Somebody may have swapped key and value."""
    error = refusal({"xvz1evFS4wEEPTGEFPHBog": "client_id", 3: "x", "client_id\n": "x"})
    assert (
        "a key of 22 characters",
        "a key of type int",
        "a key of 10 characters",
    ) == error.unknown


# -- what is invalid -------------------------------------------------------------------------------

FLAWS = {
    "": "it is empty",
    " \t": "it is white space",
    "abcd\n": "begins or ends with white space",
    "\u00a0abcd": "begins or ends with white space",
    "ab\ncd": "a control or invisible character",
    "ab\u200bcd": "a control or invisible character",
    "ab\x00cd": "a control or invisible character",
    "ab\ud800cd": "a lone surrogate",
    3: "expected text, got int",
    True: "expected text, got bool",
    b"abcd": "expected text, got bytes",
    ("abcd",): "expected text, got tuple",
}


@pytest.mark.parametrize("field", [*FULL, "redirect_uri", "rsa_key"])
@pytest.mark.parametrize(("value", "said"), FLAWS.items())
def test_flawed_values_are_invalid(field: str, value: Any, said: str) -> None:
    """Empty, blank, pasted with a line end, invisible, undecodable or no text at all."""
    error = refusal({**FULL, field: value})
    assert (field,) == error.invalid
    assert said in str(error) or field == "rsa_key"
    assert ((), ()) == (error.missing, error.unknown)


@pytest.mark.parametrize("value", ["a", "ä☃", "with space", "%&=+~", "!" * 5000])
def test_any_visible_text_is_a_secret(value: str) -> None:
    """RFC 5849 §3.6 encodes whatever it is."""
    assert value == load_credentials(PROVIDER, {**FULL, "token_secret": value}).token_secret


@pytest.mark.parametrize(
    "value", ["oob", "https://me.example/cb?a=b", "app.example:/cb", "http://[::1]:80/"]
)
def test_redirect_uris_are_absolute(value: str) -> None:
    """The callback of a site, of an app, or none at all."""
    assert value == load_credentials(PROVIDER, {**FULL, "redirect_uri": value}).redirect_uri


@pytest.mark.parametrize("value", ["/cb", "me.example/cb", "https://me.example/a b", "OOB"])
def test_relative_redirect_uris_are_invalid(value: str) -> None:
    """The server could not find its way back."""
    error = refusal({**FULL, "redirect_uri": value})
    assert "expected an absolute URI, or oob" in str(error)


KEYS = {
    "/etc/key.pem": "the text of a private key in PEM",
    "MIIE": "the text of a private key in PEM",
    PEM.replace("PRIVATE", "PUBLIC"): "the text of a private key in PEM",
    PEM.replace("PRIVATE KEY", "CERTIFICATE"): "the text of a private key in PEM",
    PEM.replace("\n", "\\n"): "with its line ends and not the characters \\n",
}


@pytest.mark.parametrize(("value", "said"), KEYS.items())
def test_a_key_is_the_text_of_a_private_key(value: str, said: str) -> None:
    """A path, another kind of PEM, and one whose line ends were lost are told apart from a key."""
    error = refusal({"client_id": "a", "rsa_key": value}, RSA)
    assert ("rsa_key",) == error.invalid
    assert said in str(error)


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "ENCRYPTED "])
def test_every_private_key_passes_until_it_is_parsed(kind: str) -> None:
    """Parsing takes milliseconds, and is done by who signs."""
    pem = PEM.replace("PRIVATE", f"{kind}PRIVATE").replace("\n", "\r\n")
    assert pem == load_credentials(RSA, {"client_id": "a", "rsa_key": pem}).rsa_key


@pytest.mark.parametrize("creds", [3, b"{}", [("client_id", "a")], object()])
def test_other_types_are_refused(creds: object) -> None:
    """Neither a list of pairs nor octets are guessed at."""
    error = refusal(creds)
    assert ("creds",) == error.invalid
    assert f"got {type(creds).__name__}" in str(error)


def test_a_typed_object_is_checked_like_a_mapping() -> None:
    """Type checkers do not see an empty text, or a caller without them."""
    error = refusal(OAuth1Credentials(client_id="", token="t", client_secret=3))  # type: ignore[arg-type]
    assert (("token_secret",), ("client_id", "client_secret")) == (error.missing, error.invalid)
    assert '"token_secret", or OAUTHKIT_TWITTER__TOKEN_SECRET' in str(error)


def test_credentials_without_a_provider_name_their_class() -> None:
    """A client that is used without a provider has arguments, and no environment."""
    creds = OAuth1Credentials(client_id="a", client_secret="b")
    assert creds is check_credentials("Client", creds, signature_method="HMAC-SHA1")
    with pytest.raises(CredentialsError) as caught:
        check_credentials("Client", creds, signature_method="RSA-SHA1")
    assert str(caught.value).splitlines() == [
        "Client",
        "  missing   rsa_key           pass rsa_key=… to sign with RSA-SHA1",
    ]


# -- secrets ---------------------------------------------------------------------------------------


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Walk through *error* and all that it was raised from or during."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


# Hypothesis draws words of our own source, too; no message of ours holds a letter before a snowman.
secrets = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=8, max_size=30).map(
    "{}☃".format
)
flaws = st.sampled_from(["{} ", "\n{}", "{}\x00{}", "{}", "\ufeff{}"])


@proves_faults
@given(
    st.dictionaries(
        st.sampled_from([*FULL, "rsa_key", "redirect_uri", "scope", "oauth_tokn"]),
        st.tuples(secrets, flaws),
    )
)
def test_no_error_shows_a_value(planted: Mapping[str, tuple[str, str]]) -> None:
    """Whatever is wrong with it, a value is neither in the text nor in an attribute."""
    creds = {key: flaw.format(secret, secret) for key, (secret, flaw) in planted.items()}
    environ = {environment_name("twitter", key): value for key, value in creds.items()}
    for given_creds, variables in ((creds, {}), (None, environ)):
        try:
            found = load_credentials(PROVIDER, given_creds, environ=variables)
        except CredentialsError as exc:
            shown = "".join(f"{error}{error!r}{vars(error)!r}" for error in causes(exc))
            assert not [secret for secret, _ in planted.values() if secret in shown]
        else:
            for field in ("client_secret", "token", "token_secret", "rsa_key"):
                assert field not in repr(found)


@given(st.tuples(secrets, st.sampled_from("0123456789ABCDEF")).map("".join))
def test_no_error_shows_a_secret_passed_as_creds(secret: str) -> None:
    """As a path, as a key, as JSON."""
    for creds in (secret, {secret: "client_id"}, f'{{"client_secret": "{secret}"}}', [secret]):
        shown = "".join(f"{e}{e!r}{vars(e)!r}" for e in causes(refusal(creds)))
        assert secret not in shown


def test_the_repr_of_credentials_hides_what_is_secret() -> None:
    """Only the identifier and the callback are shown."""
    creds = OAuth1Credentials(**FULL, rsa_key=PEM, redirect_uri="oob")
    assert "OAuth1Credentials(client_id='id', redirect_uri='oob')" == repr(creds)
