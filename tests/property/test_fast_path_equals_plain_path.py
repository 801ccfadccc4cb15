"""RFC 5849 §3: the fast path says what the plain one says, whatever octets a request is made of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from oauthkit.protocol.oauth1 import (
    SIGNATURE_METHODS,
    HeaderSigner,
    SignatureMethod,
    parse_authorization_header,
    sign_request,
)
from property import strategies as draw
from property.rsa_key import RSA_KEY

FORM = "application/x-www-form-urlencoded"


def _read(header: str) -> tuple[str | None, list[tuple[str, str]]]:
    realm, params = parse_authorization_header(header)
    return realm, sorted(params)


def _plain(method: str, url: str, form: bytes = b"", **options: Any) -> Any:
    signed = sign_request(method, url, body=form, content_type=FORM, **options)
    return _read(signed.headers["Authorization"])


@given(draw.methods, draw.schemes, draw.authorities, draw.paths, draw.soups, draw.form_soups)
@example("GET", "https", "h", "/", "a&b=1", b"")
@example("GET", "https", "h", "/", "!=!&a!=1&a=!", b"!")
@example("GET", "https", "h", "/", "&&", b"&")
@example("GET", "https", "h", "/", "oauth_consumer_key=a&oauth_signature=b", b"oauth_version=1.0")
@example("GET", "https", "h", "/", "%6Fauth_nonce=x&a=%7e+%zz", b"\xff=%FF")
def test_octets(
    method: str, scheme: str, authority: str, path: str, query: str, form: bytes
) -> None:
    """§3.4.1: every path, query and form, canonical or not, with names like the protocol's own."""
    signer = HeaderSigner(client_id="c!d", client_secret="s", token="t&", token_secret="u")
    fast = signer.sign(method, scheme, authority, path, query, form, nonce="n", timestamp="1")
    expected = _plain(
        method,
        f"{scheme}://{authority}{path}?{query}",
        form,
        client_id="c!d",
        client_secret="s",
        token="t&",
        token_secret="u",
        nonce="n",
        timestamp="1",
    )
    assert expected == _read(fast)


@given(draw.components(draw.any_words), draw.components(draw.any_words), draw.authorities)
def test_well_formed(query: draw.Component, form: draw.Component, authority: str) -> None:
    """§3.4.1.3: queries and forms as browsers, libraries and people write them."""
    signer = HeaderSigner(client_id="c")
    fast = signer.sign(
        "POST", "https", authority, "/p", query.wire, form.wire.encode(), nonce="n", timestamp="1"
    )
    url = f"https://{authority}/p?{query.wire}"
    expected = _plain("POST", url, form.wire.encode(), client_id="c", nonce="n", timestamp="1")
    assert expected == _read(fast)


@given(
    draw.credentials,
    draw.realms,
    draw.nonces,
    draw.timestamps,
    st.sampled_from(SIGNATURE_METHODS),
    draw.soups,
)
def test_credentials(
    credentials: draw.Credentials,
    realm: str | None,
    nonce: str,
    timestamp: str,
    signature_method: SignatureMethod,
    query: str,
) -> None:
    """§3.1: any identifiers, secrets, realm and nonce, by every signature method."""
    signer = HeaderSigner(
        **credentials, realm=realm, signature_method=signature_method, rsa_key=RSA_KEY
    )
    fast = signer.sign("GET", "https", "h", "/", query, nonce=nonce, timestamp=timestamp)
    expected = _plain(
        "GET",
        f"https://h/?{query}",
        **credentials,
        realm=realm,
        signature_method=signature_method,
        rsa_key=RSA_KEY,
        nonce=nonce,
        timestamp=timestamp,
    )
    assert expected == _read(fast)


@given(draw.methods, draw.schemes, draw.authorities, draw.paths, draw.soups, st.booleans())
def test_yarl(
    method: str, scheme: str, authority: str, path: str, query: str, encoded: bool
) -> None:
    """§3.4.1.2: signing a ``yarl.URL`` signs its text, requoted or taken as it was given."""
    url = URL(f"{scheme}://{authority}{path}?{query}", encoded=encoded)
    fast = HeaderSigner(client_id="c").sign_url(method, url, nonce="n", timestamp="1")
    assert _plain(method, str(url), client_id="c", nonce="n", timestamp="1") == _read(fast)


@given(st.lists(st.tuples(draw.methods, draw.schemes, draw.authorities), min_size=2, max_size=4))
def test_one_signer_for_many_hosts(requests: list[tuple[str, str, str]]) -> None:
    """§3.4.1.2: what a signer remembers of one request is not taken for another."""
    signer = HeaderSigner(client_id="c")
    for method, scheme, authority in requests * 2:
        fast = signer.sign(method, scheme, authority, "/", "", nonce="n", timestamp="1")
        url = f"{scheme}://{authority}/"
        assert _plain(method, url, client_id="c", nonce="n", timestamp="1") == _read(fast)


@given(st.one_of(draw.schemes, st.sampled_from(["", "ftp", "mailto"])), st.sampled_from(["", "h"]))
def test_refusals(scheme: str, authority: str) -> None:
    """§3.4.1.2: what one path refuses the other refuses too, in the same words."""
    outcomes: list[str] = []
    signer = HeaderSigner(client_id="c")
    for sign in (
        lambda: _plain("GET", f"{scheme}://{authority}/", client_id="c", nonce="n", timestamp="1"),
        lambda: _read(signer.sign("GET", scheme, authority, "/", "", nonce="n", timestamp="1")),
    ):
        try:
            outcomes.append(str(sign()))
        except ValueError as error:
            outcomes.append(repr(error))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("first", "0123456789ABCDEFabcdef")
def test_every_escape(first: str) -> None:
    """§3.6: of all 256 octets, each escape is canonical or not; here each is taken once for sure."""
    signer = HeaderSigner(client_id="c")
    for second in "0123456789ABCDEFabcdef":
        escape = f"%{first}{second}"
        for query in (f"a={escape}", f"{escape}=", f"x%20{escape}~=1"):
            fast = signer.sign("GET", "https", "h", f"/{escape}", query, nonce="n", timestamp="1")
            expected = _plain(
                "GET", f"https://h/{escape}?{query}", client_id="c", nonce="n", timestamp="1"
            )
            assert expected == _read(fast)


@pytest.mark.parametrize("signature_method", SIGNATURE_METHODS)
def test_every_method_is_covered(signature_method: SignatureMethod) -> None:
    """§3.4: the law about credentials draws among all methods; here each is taken once for sure."""
    signer = HeaderSigner(client_id="c", signature_method=signature_method, rsa_key=RSA_KEY)
    fast = signer.sign("GET", "https", "h", "/", "a=1", nonce="n", timestamp="1")
    expected = _plain(
        "GET",
        "https://h/?a=1",
        client_id="c",
        signature_method=signature_method,
        rsa_key=RSA_KEY,
        nonce="n",
        timestamp="1",
    )
    assert expected == _read(fast)
