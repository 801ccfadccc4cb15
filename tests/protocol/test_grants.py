"""The forms of token requests, and scopes."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from oauthkit.errors import ConfigurationError
from oauthkit.protocol import grants


def test_authorization_code() -> None:
    """RFC 6749 §4.1.3, RFC 7636 §4.5; what is not used is not sent."""
    assert {"grant_type": "authorization_code", "code": "c"} == grants.authorization_code("c")
    assert {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": "https://app.example/cb",
        "code_verifier": "v",
    } == grants.authorization_code("c", redirect_uri="https://app.example/cb", code_verifier="v")


@pytest.mark.parametrize("scope", [None, "", "a b"])
def test_scope(scope: str | None) -> None:
    """RFC 6749 §3.3: an empty scope is none."""
    asked = {"scope": scope} if scope else {}
    assert {"grant_type": "client_credentials", **asked} == grants.client_credentials(scope)
    assert {
        "grant_type": "refresh_token",
        "refresh_token": "r",
        **asked,
    } == grants.refresh_token("r", scope)
    assert {"grant_type": grants.JWT_BEARER, "assertion": "j", **asked} == grants.jwt_bearer(
        "j", scope
    )


def test_password() -> None:
    """RFC 6749 §4.3.2: both are REQUIRED, so that an empty password is sent."""
    assert {
        "grant_type": "password",
        "username": "u",
        "password": "",
        "scope": "s",
    } == grants.password("u", "", "s")


def test_form() -> None:
    """A list stands there once for each value, and an empty one not at all."""
    form = grants.build_form({"a": "1 2", "b": ["x", "y&"], "c": iter(["z"]), "d": []})
    assert "a=1%202&b=x&b=y%26&c=z" == form
    assert [("a", "1 2"), ("b", "x"), ("b", "y&"), ("c", "z")] == parse_qsl(form)


@pytest.mark.parametrize(
    ("scope", "separator", "joined"),
    [
        (None, " ", ""),
        ("", " ", ""),
        ("a b", ",", "a b"),
        (["a", "b"], " ", "a b"),
        (("a", "", "b"), ",", "a,b"),
        (iter(["a"]), " ", "a"),
        ([], " ", ""),
    ],
)
def test_join_scope(scope: Any, separator: str, joined: str) -> None:
    """Text as it is; lists by the separator, without empty ones."""
    assert joined == grants.join_scope(scope, separator)


@pytest.mark.parametrize("scope", [["a", None], [b"a"], 1, True])
def test_join_no_scope(scope: Any) -> None:
    """What is no list of texts is refused."""
    with pytest.raises(ConfigurationError, match="a list of texts"):
        grants.join_scope(scope)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("a b", ("a", "b")),
        (" a,b , c ", ("a", "b", "c")),
        (["a", "b c", None, ["d"], 1], ("a", "b", "c")),
        (("a",), ("a",)),
        (None, ()),
        (False, ()),
        ({"a": 1}, ()),
    ],
)
def test_split_scope(scope: object, words: tuple[str, ...]) -> None:
    """Whatever a server says about scopes gives texts."""
    assert words == grants.split_scope(scope)
