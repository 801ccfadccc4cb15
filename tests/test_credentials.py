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


# -- files -----------------------------------------------------------------------------------------

FILES: dict[str, tuple[bytes, str]] = {
    "syntax": (b'{\n "client_id": s3cr3t}', "it is not JSON: line 2, column 15"),
    "empty": (b"", "it is not JSON: line 1, column 1"),
    "list": (b'["s3cr3t"]', "it is JSON, but no object"),
    "text": (b'"s3cr3t"', "it is JSON, but no object"),
    "latin": (b'{"client_id": "s3cr3t\xe9"}', "it is not UTF-8: byte 22"),
    "deep": (b"[" * 100_000, "nested too deep"),
    "digits": (b'{"client_id": ' + b"1" * 5000 + b"}", "a number that is too long"),
    "twice": (b'{"token": "s3cr3t", "token": "b"}', "it says token twice"),
    "large": (b" " * (1024 * 1024) + b"{}", "it is larger than 1048576 bytes"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_are_no_credentials_are_refused(tmp_path: Path, case: str) -> None:
    """Where it went wrong is said; what stands there is not, and the parser's error is let go."""
    octets, said = FILES[case]
    file = tmp_path / "creds.json"
    file.write_bytes(octets)
    error = refusal(file)
    assert f"twitter ({file})" == str(error).splitlines()[0]
    assert said in str(error)
    assert (None, None) == (error.__cause__, error.__context__)
    assert "s3cr3t" not in repr(vars(error))


def test_a_file_may_be_as_large_as_the_bound(tmp_path: Path) -> None:
    """One mebibyte, and no more than that is read."""
    text = json.dumps(FULL)
    file = tmp_path / "creds.json"
    file.write_text(text + " " * (1024 * 1024 - len(text)))
    assert "id" == load_credentials(PROVIDER, file).client_id


def test_the_faults_of_a_file_name_it(tmp_path: Path) -> None:
    """The same list as for a mapping, with the path in its first line."""
    file = tmp_path / "creds.json"
    file.write_text('{"client_id": 3, "client_secret": "s"}')
    assert str(refusal(str(file))).splitlines() == [
        f"twitter ({file})",
        "  invalid   client_id         expected text, got int",
    ]


def test_files_that_cannot_be_opened_are_refused(tmp_path: Path) -> None:
    """A missing file, a directory, a name that no system takes."""
    assert "there is no such file" in str(refusal(tmp_path / "none"))
    assert "it is a directory" in str(refusal(tmp_path))
    assert "it cannot be read" in str(refusal(tmp_path / ("a" * 5000)))
    assert "it cannot be read" in str(refusal(tmp_path / "none" / ".." / ("a" * 5000)))
    assert "no path looks like this" in str(refusal("a\x00b"))


def test_text_that_is_json_is_told_so() -> None:
    """Text is always a path; what was meant is named, and nothing of it shown."""
    error = refusal(' {"client_secret": "s3cr3t"}')
    assert "this looks like JSON: pass json.loads(…)" in str(error)
    assert "s3cr3t" not in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "s3cr3t",
        "/s3cr3t",
        "s3/cr3t",
        "s3cr3t.pem",
        "s3cr3t\n",
        "s3cr3t" * 1000,
        "a/" * 3000 + "s3cr3t",
    ],
)
def test_text_that_may_be_a_secret_is_not_shown(text: str) -> None:
    """Somebody may pass a secret where a path belongs; only what looks like a path is repeated."""
    error = refusal(text)
    assert f"twitter (a path of {len(text)} characters, not shown)" == str(error).splitlines()[0]
    assert (None, None) == (error.__cause__, error.__context__)


def test_text_that_looks_like_a_path_is_shown(tmp_path: Path) -> None:
    """A name that ends in .json, or a folder that exists."""
    for text in ("nowhere.json", str(tmp_path / "creds")):
        assert text == refusal(text).source


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
