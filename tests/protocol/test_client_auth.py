"""Client authentication: each method, its leniency, and what is refused without being shown."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from oauthkit.errors import ConfigurationError, RequestError
from oauthkit.protocol.client_auth import (
    CLIENT_AUTH_METHODS,
    ClientAuth,
    authenticate,
    client_secret_basic,
)

SECRET = "p+w: %é"


def decoded(auth: ClientAuth) -> bytes:
    """Return what stands behind ``Basic``."""
    return b64decode(auth.headers["Authorization"].removeprefix("Basic "))


def test_methods() -> None:
    """The names are IANA's."""
    assert ("client_secret_basic", "client_secret_post", "none") == CLIENT_AUTH_METHODS


def test_basic() -> None:
    """RFC 6749 §2.3.1: form-encoded first."""
    assert b"a%3Ab:p%2Bw%3A+%25%C3%A9" == decoded(
        authenticate("client_secret_basic", "a:b", SECRET)
    )


def test_raw_basic() -> None:
    """The leniency leaves the encoding out, for this method alone."""
    auth = authenticate("client_secret_basic", "a", SECRET, raw_basic=True)
    assert f"a:{SECRET}".encode() == decoded(auth)
    with pytest.raises(ConfigurationError, match="colon"):
        authenticate("client_secret_basic", "a:b", SECRET, raw_basic=True)
    post = authenticate("client_secret_post", "a:b", SECRET, raw_basic=True)
    assert {"client_id": "a:b", "client_secret": SECRET} == post.form


def test_post_and_none() -> None:
    """RFC 6749 §2.3.1 and §3.2.1: in the form; a public client names itself."""
    post = authenticate("client_secret_post", "a", SECRET)
    assert ({}, {"client_id": "a", "client_secret": SECRET}) == (post.headers, post.form)
    for public in (authenticate("none", "a"), authenticate("none", "a", SECRET)):
        assert ({}, {"client_id": "a"}) == (public.headers, public.form)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_secret_is_missing(method: Any) -> None:
    """No empty secret is sent."""
    with pytest.raises(ConfigurationError, match=f"{method} needs a client_secret"):
        authenticate(method, "a")


def test_unknown_method() -> None:
    """The list is in the answer."""
    method: Any = "private_key_jwt"
    with pytest.raises(ConfigurationError, match="client_secret_post, none"):
        authenticate(method, "a", SECRET)


@pytest.mark.parametrize("raw", [False, True])
def test_lone_surrogates(raw: bool) -> None:
    """Text that UTF-8 cannot hold is refused, and not quoted by the error or its context."""
    with pytest.raises(RequestError, match="surrogate") as caught:
        client_secret_basic("a", "secret\ud800", raw=raw)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_repr() -> None:
    """Nothing of it shows."""
    assert "ClientAuth()" == repr(authenticate("client_secret_post", "a", SECRET))
