"""What we send is read back as what was meant, by decoders that are not ours."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oauthkit.errors import ConfigurationError
from oauthkit.protocol import pkce
from oauthkit.protocol.authorization_request import AuthorizationRequest, build_authorization_url
from oauthkit.protocol.client_auth import client_secret_basic
from oauthkit.protocol.grants import build_form, join_scope, split_scope
from property import oauth2_strategies as oauth2
from property import strategies as draw


@pytest.mark.proves(
    "OAuth 2", "token requests", rfc="RFC 6749 §4, §6; RFC 7523 §2", judge="Python's urllib"
)
@given(st.dictionaries(draw.texts, st.one_of(draw.texts, st.lists(draw.texts, max_size=3))))
def test_forms(form: dict[str, str | list[str]]) -> None:
    """RFC 6749 appendix B: urllib reads the very pairs, a list once for each value."""
    meant = [
        (name, one)
        for name, value in form.items()
        for one in ([value] if isinstance(value, str) else value)
    ]
    encoded = build_form(form)
    assert meant == parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(meant))
    assert encoded.isascii()


@pytest.mark.proves(
    "OAuth 2", "authorization requests", rfc="RFC 6749 §3.1, §4.1.1", judge="Python's urllib"
)
@given(st.lists(st.tuples(draw.texts, draw.texts), max_size=4), draw.components(draw.judged_words))
def test_authorization_urls(params: list[tuple[str, str]], own: draw.Component) -> None:
    """RFC 6749 §3.1: the endpoint's query stays as it is, in front; empty parameters are left out."""
    base = f"https://as.example/a?{own.wire}"
    url = build_authorization_url(base, params)
    assert url.startswith(base)
    added = url[len(base) :].removeprefix("&")
    assert [(n, v) for n, v in params if v] == parse_qsl(added, keep_blank_values=True)
    assert " " not in added
    assert ("https", "as.example", "/a", "") == (
        (parts := urlsplit(url)).scheme,
        parts.netloc,
        parts.path,
        parts.fragment,
    )


def _decode_basic(header: str) -> tuple[str, str]:
    """Read an Authorization header as RFC 7617 §2 and RFC 6749 appendix B say."""
    found = re.fullmatch(r"Basic ([A-Za-z0-9+/]*={0,2})", header)
    assert found is not None
    user, colon, password = base64.b64decode(found[1], validate=True).partition(b":")
    assert b":" == colon
    first, second = (unquote_to_bytes(half.replace(b"+", b" ")) for half in (user, password))
    return first.decode(), second.decode()


@given(draw.texts, draw.texts)
def test_basic_auth(client_id: str, client_secret: str) -> None:
    """RFC 6749 §2.3.1: two texts come out, whatever is in them."""
    auth = client_secret_basic(client_id, client_secret)
    assert (client_id, client_secret) == _decode_basic(auth.headers["Authorization"])


@given(draw.texts, draw.texts)
@example(":", "")
def test_raw_basic_auth(client_id: str, client_secret: str) -> None:
    """RFC 7617 §2: as they are; an identifier with a colon would be cut there."""
    if ":" in client_id:
        with pytest.raises(ConfigurationError):
            client_secret_basic(client_id, client_secret, raw=True)
        return
    auth = client_secret_basic(client_id, client_secret, raw=True)
    joint = base64.b64decode(auth.headers["Authorization"].removeprefix("Basic "))
    assert f"{client_id}:{client_secret}".encode() == joint


@given(st.lists(oauth2.scope_tokens, max_size=5), st.sampled_from([" ", ","]))
def test_scopes(scopes: list[str], separator: str) -> None:
    """RFC 6749 §3.3: what is joined is split again."""
    assert tuple(scopes) == split_scope(join_scope(scopes, separator))
    assert tuple(scopes) == split_scope(scopes)
    joined = join_scope(scopes)
    assert joined == join_scope(joined) == join_scope(split_scope(joined))


@given(draw.json_values)
def test_any_scope(scope: object) -> None:
    """Whatever a server calls a scope gives words."""
    assert all(word and not re.search(r"[\s,]", word) for word in split_scope(scope))


@given(st.binary(min_size=32, max_size=32))
def test_pkce(octets: bytes) -> None:
    """RFC 7636 §4: the verifier is one, and its challenge is what a server computes from it."""
    verifier = pkce.generate_code_verifier(lambda count: octets[:count])
    assert pkce.is_code_verifier(verifier)
    challenge = pkce.code_challenge(verifier)
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    assert digest == base64.urlsafe_b64decode(challenge + "=")
    assert "=" not in verifier + challenge
    assert verifier == pkce.code_challenge(verifier, "plain")


@given(st.text(draw.UNRESERVED, max_size=140), st.sampled_from(["", " ", "é", "\n", "+"]))
def test_verifiers(start: str, end: str) -> None:
    """RFC 7636 §4.1: 43 to 128 unreserved characters, and nothing else."""
    assert (43 <= len(start) <= 128 and not end) == pkce.is_code_verifier(start + end)


_given_texts = st.text(min_size=1, max_size=20)


@given(
    st.builds(
        AuthorizationRequest,
        url=_given_texts,
        state=_given_texts,
        code_verifier=st.one_of(st.none(), _given_texts),
        nonce=st.one_of(st.none(), _given_texts),
        redirect_uri=st.one_of(st.none(), _given_texts),
        issuer=st.one_of(st.none(), _given_texts),
    )
)
def test_requests(request: AuthorizationRequest) -> None:
    """To JSON and back, as text and as octets."""
    text = request.to_json()
    assert request == AuthorizationRequest.from_json(text)
    assert request == AuthorizationRequest.from_json(text.encode())
    assert (request.url, request.state) == tuple(request)
