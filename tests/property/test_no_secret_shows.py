"""RFC 6749 §10.3, RFC 5849 §4: no secret is in what an error says of an answer."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauthkit.errors import OAuthKitError, mask
from oauthkit.protocol.oauth1 import (
    parse_authorization_response,
    parse_refusal,
    parse_token_response,
    sign_request,
)
from oauthkit.protocol.shape import describe_shape
from property import strategies as draw

pytestmark = pytest.mark.proves(
    "Where secrets may go",
    "OAuth 1.0a: no secret in an error, a repr or a log",
    rfc="RFC 5849 §4",
    judge="none but ours",
)

_PLACES: dict[str, Callable[[str], str]] = {
    "a bare token": str,
    "with padding": lambda secret: f"{secret}==",
    "a form's value": lambda secret: f"oauth_token={quote_plus(secret)}&a=b",
    "a form's name": lambda secret: f"{quote_plus(secret)}=1&a=b",
    "a JSON value": lambda secret: json.dumps({"token": secret, "code": 1}),
    "a JSON name": lambda secret: json.dumps({secret: 1, "error": None}),
    "deep in JSON": lambda secret: json.dumps({"a": [{"b": {secret: secret}}]}),
    "a JSON string": json.dumps,
    "a JSON list": lambda secret: json.dumps([secret, secret]),
    "broken JSON": lambda secret: json.dumps({"token": secret})[:-1],
    "a page's title": lambda secret: f"<html><title>Token {escape(secret)} refused</title>",
    "a long title": lambda secret: f"<html><title>{'no ' * 64}{secret}{secret}</title>",
    "a title's attribute": lambda secret: f"<html><title x='{secret}'>Error</title>",
    "a page": lambda secret: f"<html><title>Error 504</title><body>{secret}</body>",
    "plain text": lambda secret: f"unknown token: {secret}",
    "binary": lambda secret: f"\x00{secret}",
}


@pytest.mark.parametrize("place", _PLACES)
@given(secret=draw.secrets)
def test_shapes(place: str, secret: str) -> None:
    """Shapes are names and types; wherever a secret stands in an answer, it is not shown."""
    body = _PLACES[place](secret)
    shape = describe_shape(body)
    assert secret not in shape
    assert shape == describe_shape(body.encode())
    with pytest.raises(OAuthKitError) as caught:
        parse_token_response(body)
    assert not _is_in(secret, caught.value)


def _is_in(secret: str, error: OAuthKitError) -> bool:
    """Tell whether *secret* shows in the error, its attributes, its traceback or its causes."""
    chain: list[BaseException] = [error]
    while following := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(following)
    shown = "".join(traceback.format_exception(error))
    shown += "".join(f"{link}{link!r}{vars(link)}{link.args}" for link in chain)
    return secret in shown


@given(
    draw.secrets,
    st.sampled_from(
        [
            "oauth_token={0}&oauth_verifier={0}&oauth_problem={0}",
            "oauth_verifier={0}&oauth_problem=rejected:{0}!",
            "oauth_verifier={0}",
            "oauth_token=&oauth_verifier={0}&{0}",
            "{0}=&a=b",
            "denied={0}&oauth_token={0}",
        ]
    ),
)
def test_callbacks(secret: str, query: str) -> None:
    """§2.2: neither token nor verifier is in the error that a callback gives."""
    with pytest.raises(OAuthKitError) as caught:
        parse_authorization_response(f"https://cb/?{query.format(quote(secret, safe=''))}")
    assert not _is_in(secret, caught.value)


# Without "*": what masks cannot be told from a secret made of it.
_masked = st.text("ab0%/+é ", min_size=4, max_size=8)


@given(st.lists(_masked, max_size=4), st.lists(st.text("ab0%/+é ", max_size=6), max_size=4))
def test_masked(secrets: list[str], between: list[str]) -> None:
    """Every occurrence is masked, also those that overlap or lie in one another."""
    text = "".join(between) + "".join(a + b for a in secrets for b in between) + "".join(secrets)
    masked = mask(text, [*secrets, None, ""])
    assert [] == [secret for secret in secrets if secret in masked]


@given(draw.secrets, draw.texts)
def test_masked_as_it_was_sent(secret: str, text: str) -> None:
    """§3.4.1 and §3.5: as servers echo it: as it is, from the header, from the base string."""
    once = quote(secret, safe="")
    echo = f"<{secret}|{once}|{quote(once, safe='')}>"
    assert f"{mask(text, [secret])}<***|***|***>" == mask(text + echo, [secret])


@given(st.text(max_size=20), st.lists(st.text(max_size=3), max_size=3))
def test_short_values_are_left_alone(text: str, short: list[str]) -> None:
    """Nobody's secret has three characters; a description stays readable."""
    assert text == mask(text, short)


@given(draw.secrets, st.integers(150, 1200))
def test_cut_descriptions(secret: str, before: int) -> None:
    """A long text is cut between words, so that masking what is left leaves no half of a secret."""
    told = f"{'no ' * (before // 3)}token {secret}{secret} is {secret} unknown"
    code, description = parse_refusal(json.dumps({"code": told, "message": told}))
    for text in (code, description):
        rest = mask(text or "", [secret])
        assert secret[:4] not in rest.replace("token", "").replace("unknown", "")


@given(draw.secrets)
def test_signed_request(secret: str) -> None:
    """§3.4.4: a signed request shows nothing of itself; PLAINTEXT would show both secrets."""
    signed = sign_request(
        "GET",
        f"https://h/?a={secret}",
        client_id=secret,
        client_secret=secret,
        token=secret,
        signature_method="PLAINTEXT",
    )
    assert secret not in repr(signed)
