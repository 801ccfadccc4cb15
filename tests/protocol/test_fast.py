"""The fast path: what the laws in tests/property do not reach (RFC 5849 §3)."""

from __future__ import annotations

import pytest
from yarl import URL

from oauthkit.errors import RequestError
from oauthkit.protocol.oauth1 import HeaderSigner, fast, parse_authorization_header, sign_request


def _read(header: str) -> list[tuple[str, str]]:
    return sorted(parse_authorization_header(header)[1])


def test_host_as_in_the_host_header_field() -> None:
    """RFC 5849 §3.4.1.2: the Host header field has no trailing dot, and no user information."""
    signer = HeaderSigner(client_id="c")
    expected = sign_request("GET", "https://h:8443/", client_id="c", nonce="n", timestamp="1")
    actual = signer.sign_url("GET", URL("https://u:p@h.:8443/"), nonce="n", timestamp="1")
    assert sorted(expected.params.items()) == _read(actual)


def test_relative_url() -> None:
    """RFC 5849 §3.4.1.2: a URL without a host is refused, with PLAINTEXT too."""
    for method in ("HMAC-SHA1", "PLAINTEXT"):
        signer = HeaderSigner(client_id="c", signature_method=method)
        with pytest.raises(RequestError, match="absolute URL"):
            signer.sign_url("GET", URL("/p"), nonce="n", timestamp="1")


def test_what_it_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signer that sees many hosts forgets the older ones, and signs for all of them."""
    monkeypatch.setattr(fast, "_MOST_STARTS", 2)
    signer = HeaderSigner(client_id="c")
    for host in ("a", "b", "c", "a"):
        expected = sign_request("GET", f"https://{host}/", client_id="c", nonce="n", timestamp="1")
        actual = signer.sign("GET", "https", host, "/", "", nonce="n", timestamp="1")
        assert sorted(expected.params.items()) == _read(actual)
    assert 2 == len(signer._starts)


@pytest.mark.parametrize("nonce", ["", 'a", x="b', "a+/=", "é", "a!b", "550e8400-e29b-41d4"])
def test_any_nonce(nonce: str) -> None:
    """RFC 5849 §3.3: a nonce is any string; one with a quote in it adds no parameter."""
    signer = HeaderSigner(client_id="c")
    expected = sign_request("GET", "https://h/", client_id="c", nonce=nonce, timestamp="1")
    actual = signer.sign("GET", "https", "h", "/", "", nonce=nonce, timestamp="1")
    assert sorted(expected.params.items()) == _read(actual)
