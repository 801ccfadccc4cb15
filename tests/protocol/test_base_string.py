"""The plain base string: the cases that the vectors do not have (RFC 5849 §3.4.1)."""

from __future__ import annotations

import pytest

from oauthkit.errors import RequestError
from oauthkit.protocol.oauth1 import base_string_uri, sign_request, signature_base_string

UNSIGNABLE = {
    "": "absolute URL",
    "/path": "absolute URL",
    "//h/path": "absolute URL",
    "https:///path": "absolute URL",
    "https://user@/path": "absolute URL",
    "mailto:a@b": "absolute URL",
    "ftp://h/": "'ftp' cannot be signed",
    "https://[::1/": "host is malformed",
    "https://a:hunter2@℀.example/": "host is malformed",
}


@pytest.mark.parametrize(("url", "reason"), UNSIGNABLE.items())
def test_urls_that_cannot_be_signed(url: str, reason: str) -> None:
    """RFC 5849 §3.4.1.2: the URL is absolute and HTTP's; the error shows no password in it."""
    for call in (
        lambda: base_string_uri(url),
        lambda: signature_base_string("GET", url, []),
        lambda: sign_request("GET", url, client_id="c"),
        lambda: sign_request("GET", url, client_id="c", placement="query"),
    ):
        with pytest.raises(RequestError, match=reason) as caught:
            call()
        assert "hunter2" not in f"{caught.value!r}{caught.value.__context__}"


def test_realm_is_signed_from_the_query_alone() -> None:
    """RFC 5849 §3.4.1.3.1: only the header's realm is left out."""
    actual = signature_base_string("GET", "https://h/?realm=q", [("realm", "h"), (b"realm", b"h")])
    assert "GET&https%3A%2F%2Fh%2F&realm%3Dq" == actual
