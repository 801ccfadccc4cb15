"""A token that somebody kept: what it needs, what is read into it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from oauthkit.errors import CredentialsError
from oauthkit.protocol.token import Token, oauth2_token, read_seconds

NOW = 1_000_000.0


def read(members: Any) -> Token:
    """Read it, as the client would."""
    return oauth2_token(members, whose="example", now=NOW)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"access_token": "t"}, {"access_token": "t"}),
        ({"refresh_token": "r", "x": None}, {"refresh_token": "r"}),
        (
            {"access_token": "t", "expires_in": "60"},
            {"access_token": "t", "expires_in": 60, "expires_at": NOW + 60},
        ),
        (
            {"access_token": "t", "expires_in": 60, "expires_at": "5.5"},
            {"access_token": "t", "expires_in": 60, "expires_at": 5.5},
        ),
        ({"access_token": "t", "expires_in": 0}, {"access_token": "t"}),
        ({"access_token": "t", "expires_in": -5}, {"access_token": "t"}),
        ({"access_token": "t", "user": {"id": 1}}, {"access_token": "t", "user": {"id": 1}}),
    ],
)
def test_members(members: dict[str, Any], expected: dict[str, Any]) -> None:
    """Relative and absolute expiry, numbers as text, and whatever else there is."""
    assert expected == dict(read(members))


def test_identity() -> None:
    """A token that needs no change is the same object."""
    token = Token({"access_token": "t", "expires_in": 60, "expires_at": 5})
    assert token is read(token)
    assert token is not read(dict(token))
    assert {"access_token": "t"} == read(Token({"access_token": "t", "expires_in": 0}))


@pytest.mark.parametrize(
    ("members", "missing", "invalid"),
    [
        ({}, ("access_token",), ()),
        ({"access_token": None}, ("access_token",), ()),
        (Token({"oauth_token": "t"}), ("access_token",), ()),
        ({"access_token": ""}, (), ("access_token",)),
        ({"access_token": 5}, (), ("access_token",)),
        ({"access_token": "hid\nden"}, (), ("access_token",)),
        ({"access_token": "hiddené"}, (), ("access_token",)),
        (Token({"access_token": 5}), (), ("access_token",)),
        ({"refresh_token": 5, "token_type": ""}, (), ("refresh_token", "token_type")),
        (
            {"access_token": "t", "expires_at": "hidden", "expires_in": float("nan")},
            (),
            ("expires_at", "expires_in"),
        ),
        ({"access_token": "t", "expires_at": True}, (), ("expires_at",)),
        ({"access_token": "t", "expires_at": float("inf")}, (), ("expires_at",)),
        ({"access_token": "t", 5: "hidden"}, (), ("token",)),
        ("hidden", (), ("token",)),
        (None, (), ("token",)),
    ],
)
def test_refused(members: Any, missing: tuple[str, ...], invalid: tuple[str, ...]) -> None:
    """All faults at once, by name and never by value."""
    with pytest.raises(CredentialsError) as caught:
        read(members)
    error = caught.value
    assert ("example", missing, invalid) == (error.provider, error.missing, error.invalid)
    assert "hid" not in str(error)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (5, 5),
        (5.5, 5.5),
        ("5", 5),
        ("5.5", 5.5),
        (-5, -5),
        (True, None),
        (None, None),
        ("", None),
        ("x.y", None),
        ("1.e400", None),
        (10**400, None),
        (float("nan"), None),
        (float("-inf"), None),
        ([5], None),
    ],
)
def test_seconds(value: object, seconds: float | None) -> None:
    """Numbers, and texts that are numbers."""
    assert seconds == read_seconds(value)
