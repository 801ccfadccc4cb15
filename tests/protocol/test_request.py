"""Signing whole requests: where the parameters go, and where they cannot (RFC 5849 §3.5)."""

from __future__ import annotations

from typing import cast

import pytest

from oauthkit.errors import ConfigurationError, RequestError
from oauthkit.protocol.oauth1 import (
    Placement,
    SignatureMethod,
    SignedRequest,
    generate_nonce,
    parse_authorization_header,
    sign_request,
)

FORM = "application/x-www-form-urlencoded"


def _sign(
    method: str = "POST",
    url: str = "https://h/p",
    *,
    placement: Placement = "header",
    body: bytes = b"",
    content_type: str | None = None,
    hash_body: bool = False,
) -> SignedRequest:
    return sign_request(
        method,
        url,
        client_id="c",
        placement=placement,
        body=body,
        content_type=content_type,
        hash_body=hash_body,
        timestamp=1,
        nonce="n",
    )


PARAMS = "oauth_consumer_key=c&oauth_signature_method=HMAC-SHA1&oauth_timestamp=1&oauth_nonce=n&oauth_version=1.0&oauth_signature="


@pytest.mark.parametrize("method", ["GET", "head", "OPTIONS", "TRACE"])
def test_no_room_without_a_body(method: str) -> None:
    """RFC 5849 §3.5.2: a request that has no body has no room in it."""
    with pytest.raises(RequestError, match=f"a {method.upper()} request has no body"):
        _sign(method, placement="body")


@pytest.mark.parametrize(
    ("content_type", "shown"), [("application/json", "application/json"), (None, "untyped")]
)
def test_no_room_in_another_body(content_type: str | None, shown: str) -> None:
    """RFC 5849 §3.5.2: a body that is no form has no room either."""
    with pytest.raises(RequestError, match=f"this body is {shown}: send a form"):
        _sign(placement="body", body=b"{}", content_type=content_type)


@pytest.mark.parametrize(
    ("body", "content_type", "sent", "sent_type"),
    [
        (b"", None, b"", FORM),
        (b"", "application/json", b"", FORM),
        (b"a=1", f"{FORM}; charset=utf-8", b"a=1&", f"{FORM}; charset=utf-8"),
    ],
)
def test_body_placement(body: bytes, content_type: str | None, sent: bytes, sent_type: str) -> None:
    """RFC 5849 §3.5.2: after the request's own parameters, which stay as they are."""
    signed = _sign(placement="body", body=body, content_type=content_type)
    assert signed.body.startswith(sent + PARAMS.encode())
    assert {"Content-Type": sent_type} == signed.headers
    assert "https://h/p" == signed.url


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://h", "https://h/?"),
        ("https://h/p?", "https://h/p?"),
        ("https://h/p?a=%zz+b#f", "https://h/p?a=%zz+b&"),
        ("https://u:p@h//p;q?a", "https://u:p@h//p;q?a&"),
    ],
)
def test_query_placement(url: str, sent: str) -> None:
    """RFC 5849 §3.5.3: after the query as it was; a fragment is not sent anyway."""
    signed = _sign("GET", url, placement="query")
    assert signed.url.startswith(sent + PARAMS)
    assert ({}, b"") == (signed.headers, signed.body)


def test_header_placement() -> None:
    """RFC 5849 §3.5.1: URL and body stay as they are."""
    signed = _sign(body=b"a=1", content_type=FORM)
    assert ("https://h/p", b"a=1", ["Authorization"]) == (
        signed.url,
        signed.body,
        list(signed.headers),
    )
    assert (None, list(signed.params.items())) == parse_authorization_header(
        signed.headers["Authorization"]
    )


@pytest.mark.parametrize(
    ("placement", "content_type", "expected"),
    [
        ("header", None, True),
        ("header", "application/json", True),
        ("query", "text/plain", True),
        ("header", FORM, False),
        ("body", None, False),
    ],
)
def test_body_hash(placement: Placement, content_type: str | None, expected: bool) -> None:
    """OAuth Request Body Hash 1.0 §3.1: never with a form, which is signed itself."""
    signed = _sign(placement=placement, content_type=content_type, hash_body=True)
    assert expected == ("oauth_body_hash" in signed.params)


def test_time_and_nonce_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5849 §3.3: seconds since 1970, and a nonce that was never used."""
    monkeypatch.setattr("time.time", lambda: 1234567890.9)
    first, second = (sign_request("GET", "https://h", client_id="c").params for _ in range(2))
    assert ("1234567890", 32) == (first["oauth_timestamp"], len(first["oauth_nonce"]))
    assert first["oauth_nonce"] != second["oauth_nonce"]
    assert generate_nonce().isalnum()


def test_version_may_be_left_out() -> None:
    """RFC 5849 §3.1: ``oauth_version`` is optional."""
    assert (
        "oauth_version" not in sign_request("GET", "https://h", client_id="c", version=None).params
    )


@pytest.mark.parametrize("hash_body", [True, False])
def test_unknown_method(hash_body: bool) -> None:
    """RFC 5849 §3.1: a method that nobody declared is refused, before its hash is looked for."""
    method = cast("SignatureMethod", "HMAC-SHA3")
    with pytest.raises(ConfigurationError, match="unknown signature_method 'HMAC-SHA3': one of"):
        sign_request(
            "GET", "https://h", client_id="c", signature_method=method, hash_body=hash_body
        )
