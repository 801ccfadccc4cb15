"""Errors: what they say and carry, that they can be pickled, and what they mask."""

from __future__ import annotations

import copy
import pickle

import pytest

from oauthkit import errors
from oauthkit.errors import (
    CallbackError,
    ConfigurationError,
    CredentialsError,
    DeclarationError,
    ForeignOriginError,
    LoopError,
    OAuthError,
    OAuthKitError,
    ReauthorizationRequired,
    RegistryError,
    RequestError,
    UnreachableError,
    mask,
)

FAULTS = [
    ("missing", "client_id", "OAUTHKIT_X__CLIENT_ID"),
    ("unknown", "clientsecret", "did you mean client_secret?"),
    ("invalid", "token", "empty"),
]
RAISED: list[OAuthKitError] = [
    OAuthKitError("text"),
    ConfigurationError("text"),
    DeclarationError("x", ["name: 1 is no text", "origins: empty"]),
    CredentialsError("x", FAULTS, source="creds.json"),
    RegistryError("x", "ambiguous", "two claim it", ["a", "b"]),
    RequestError("text"),
    ForeignOriginError("https://evil", ["https://h"], provider="x"),
    OAuthError("text", error="invalid_response", status=500, length=3, shape="text"),
    CallbackError("text", error="access_denied", error_description="no", provider="x"),
    ReauthorizationRequired(
        "text", account="a", issuer="https://h", client_id="c", error="invalid_grant", status=400
    ),
    UnreachableError("text", endpoint="https://h/token", deadline=30.0),
    LoopError("text"),
]


def test_every_class_is_tested() -> None:
    """A class that is added to the tree is added here."""
    classes = [getattr(errors, name) for name in errors.__all__ if name != "mask"]
    assert set(classes) == {type(error) for error in RAISED}


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_pickled(error: OAuthKitError) -> None:
    """An error comes out of another process, or a copy, with text, attributes and notes."""
    error.add_note("a note")
    pickled = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own octets
    for restored in (pickled, copy.copy(error), copy.deepcopy(error)):
        assert type(error) is type(restored)
        assert (str(error), repr(error), error.args) == (
            str(restored),
            repr(restored),
            restored.args,
        )
        assert vars(error) == vars(restored)
        assert ["a note"] == restored.__notes__


@pytest.mark.parametrize(
    ("cls", "bases"),
    [
        (ConfigurationError, (ValueError,)),
        (DeclarationError, (ConfigurationError,)),
        (CredentialsError, (ConfigurationError,)),
        (RegistryError, (ConfigurationError, LookupError)),
        (RequestError, (ValueError,)),
        (ForeignOriginError, (RequestError,)),
        (CallbackError, (OAuthError,)),
        (ReauthorizationRequired, (OAuthError,)),
        (LoopError, (RuntimeError,)),
    ],
)
def test_tree(cls: type[Exception], bases: tuple[type[Exception], ...]) -> None:
    """The tree is the one that the module draws, with the built-in classes beside it."""
    assert issubclass(cls, (OAuthKitError, *bases))
    assert all(issubclass(cls, base) for base in bases)


def test_declaration_error() -> None:
    """All faults at once, one on a line."""
    error = DeclarationError("x", ["name: 1", "origins: empty"])
    assert "provider 'x' is not declared right:\n  name: 1\n  origins: empty" == str(error)
    assert ("name: 1", "origins: empty") == error.faults


def test_credentials_error() -> None:
    """All faults at once, by kind; fields that nobody knows stand in quotes."""
    error = CredentialsError("x", FAULTS, source="creds.json")
    assert [
        "x (creds.json)",
        "missing client_id OAUTHKIT_X__CLIENT_ID",
        'unknown "clientsecret" did you mean client_secret?',
        "invalid token empty",
    ] == [" ".join(line.split()) for line in str(error).splitlines()]
    columns = {
        line.index(hint)
        for line, (_, _, hint) in zip(str(error).splitlines()[1:], FAULTS, strict=True)
    }
    assert 1 == len(columns)
    assert (("client_id",), ("clientsecret",), ("token",)) == (
        error.missing,
        error.unknown,
        error.invalid,
    )


def test_credentials_error_without_faults() -> None:
    """The title alone, where there is nothing to list."""
    assert "x" == str(CredentialsError("x"))


@pytest.mark.parametrize(
    ("declared", "provider", "start"),
    [
        ([], "", "the token does not go to https://e; declared are: none. "),
        (
            ["https://a", "https://b"],
            "x",
            "the token of provider 'x' does not go to https://e; declared are: https://a, https://b. ",
        ),
    ],
)
def test_foreign_origin_error(declared: list[str], provider: str, start: str) -> None:
    """Where the token does not go, where it goes, and what to do if it should."""
    error = ForeignOriginError("https://e", declared, provider=provider)
    hint = "If it belongs there, pass origins=['https://e'] when the client is made."
    assert start + hint == str(error)


def test_http_where_https_is_declared() -> None:
    """The hint is the URL that works: an origin over http would be refused."""
    error = ForeignOriginError("http://api.example", ["https://api.example"])
    assert str(error).endswith("Write https://api.example: a token does not travel in the clear.")


MASKED = [
    ("nothing to mask", ["secret"], "nothing to mask"),
    ("", ["secret"], ""),
    ("a secret here", ["secret"], "a *** here"),
    ("secretsecret", ["secret"], "***"),
    ("secret", [None, "", "secret"], "***"),
    ("abc", ["abc"], "abc"),
    ("abcdef abc", ["abcd", "abcdef"], "*** abc"),
    ("abcdefgh", ["abcde", "defgh"], "***"),
    ("aaaaaa", ["aaaa"], "***"),
    ("x=a%2Fb%2Bc&y", ["a/b+c"], "x=***&y"),
    ("GET&&x%3Da%252Fb%252Bc", ["a/b+c"], "GET&&x%3D***"),
    ("a.*b", ["a.*b", ".*.*"], "***"),
    ("lone \ud800abc", ["\ud800abc"], "lone ***"),
]


@pytest.mark.parametrize(("text", "secrets", "expected"), MASKED)
def test_mask(text: str, secrets: list[str | None], expected: str) -> None:
    """Each occurrence, in each form in which it was sent; short values are left alone."""
    assert expected == mask(text, secrets)
    assert expected == mask(text, reversed(secrets))
