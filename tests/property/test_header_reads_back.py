"""RFC 5849 §3.5.1: the header field read back gives what was signed."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauthkit.errors import RequestError
from oauthkit.protocol.oauth1 import (
    build_authorization_header,
    encode_form,
    parse_authorization_header,
    sign_request,
    signature_base_string,
)
from property import strategies as draw

# "realm" is no parameter: parsers tell it from the others by its name (§3.5.1).
_params = st.lists(
    st.tuples(draw.texts.map(lambda name: f"x{name}"), draw.texts), min_size=1, max_size=5
)


@given(_params, draw.realms)
def test_written_and_read(params: list[tuple[str, str]], realm: str | None) -> None:
    """§3.5.1: names, values and their order; the realm with quotes and backslashes in it."""
    header = build_authorization_header(params, realm)
    assert header.isascii()
    assert header.isprintable()
    assert (realm, params) == parse_authorization_header(header)


@given(
    _params, st.text(" \t", max_size=2), st.booleans(), st.sampled_from(["OAuth", "oauth", "OAUTH"])
)
def test_free_white_space(
    params: list[tuple[str, str]], space: str, quoted: bool, scheme: str
) -> None:
    """§3.5.1: the scheme's case, white space, empty elements and missing quotes do not matter."""
    quote = '"' if quoted else ""
    written = [
        f"{space}{encode_form([(name, '')])[:-1]}{space}={space}{quote}"
        f"{encode_form([('', value)])[1:]}{quote}{space}"
        for name, value in params
    ]
    header = f"{scheme} {space},{',,'.join(written)},{space}"
    assert (None, params) == parse_authorization_header(header)


@given(draw.credentials, draw.realms, draw.components(draw.any_words), draw.nonces)
def test_signed_and_verified(
    credentials: draw.Credentials, realm: str | None, query: draw.Component, nonce: str
) -> None:
    """§3.2: from the request and its header alone, a server rebuilds the base string."""
    url = f"https://example.com/p?{query.wire}"
    signed = sign_request("GET", url, **credentials, realm=realm, nonce=nonce)
    read, params = parse_authorization_header(signed.headers["Authorization"])
    assert (realm, signed.params) == (read, dict(params))
    assert signed.base_string == signature_base_string("GET", url, params)


@given(st.text(string.printable, max_size=30))
def test_any_realm_is_safe(realm: str) -> None:
    """RFC 9110 §5.6.4: a realm either is refused or stays inside of its quotes."""
    params = [("oauth_token", "t")]
    if realm.isprintable():
        header = build_authorization_header(params, realm)
        assert (realm, params) == parse_authorization_header(header)
    else:
        with pytest.raises(RequestError, match="realm"):
            build_authorization_header(params, realm)
