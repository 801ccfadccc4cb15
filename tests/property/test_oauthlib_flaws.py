"""Each flaw of oauthlib that the strategies avoid is still there, and our value is the right one."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from oauthkit.protocol.oauth1 import (
    Placement,
    SignedRequest,
    build_authorization_header,
    parse_authorization_header,
    sign_request,
    signature_base_string,
)
from property import judge
from property.oauthlib_flaws import FLAWS, FORM, Flaw, Refused


def _theirs(flaw: Flaw) -> str | Refused:
    try:
        # The public entry judges body and type; what it signs is not to be had from it.
        judge.sign("POST", flaw.url, flaw.body, flaw.content_type)
        return judge.base_string("", flaw.url, flaw.body or "")
    except ValueError:
        return Refused()


@pytest.mark.parametrize("flaw", FLAWS.values(), ids=FLAWS)
def test_flaw(flaw: Flaw) -> None:
    """The section that the row names: oauthlib's value is the row's, and so is ours."""
    ours = signature_base_string("", flaw.url, [], flaw.body or "", flaw.content_type)
    assert flaw.expected == ours
    assert flaw.theirs == _theirs(flaw)
    assert flaw.theirs != flaw.expected


@pytest.mark.parametrize("place", ["query", "body"])
def test_token_decoded_twice(place: Placement) -> None:
    """§3.4.1.3.1: outside of a header, oauthlib signs a token ``%41`` as if it were ``A``."""

    def sign_ours(token: str) -> SignedRequest:
        return sign_request(
            "POST",
            "https://h/",
            client_id="c",
            token=token,
            placement=place,
            nonce="n",
            timestamp="1",
        )

    url, _, body = judge.sign(
        "POST", "https://h/", "", FORM, resource_owner_key="%41", signature_type=place.upper()
    )
    theirs = dict(parse_qsl(url.partition("?")[2] or body))
    assert "oauth_token%3D%252541" in sign_ours("%41").base_string
    assert theirs["oauth_token"] == "%41"
    assert theirs["oauth_signature"] == sign_ours("A").params["oauth_signature"]
    assert theirs["oauth_signature"] != sign_ours("%41").params["oauth_signature"]


def test_realm_is_not_quoted() -> None:
    """§3.5.1 with RFC 9110 §5.6.4: oauthlib lets a quote in the realm end the quoted string."""
    assert 'OAuth realm="x"y", oauth_a="1"' == judge.build_header([("oauth_a", "1")], 'x"y')
    ours = build_authorization_header([("oauth_a", "1")], 'x"y')
    assert 'OAuth realm="x\\"y", oauth_a="1"' == ours
    assert ('x"y', [("oauth_a", "1")]) == parse_authorization_header(ours)


def test_empty_realm_is_dropped() -> None:
    """§3.5.1: a realm may be empty; oauthlib leaves it out."""
    assert 'OAuth oauth_a="1"' == judge.build_header([("oauth_a", "1")], "")
    assert 'OAuth realm="", oauth_a="1"' == build_authorization_header([("oauth_a", "1")], "")


def test_empty_token_is_dropped() -> None:
    """§3.1: a token that is empty is a token; oauthlib leaves it out, as if there were none."""
    _, header, _ = judge.sign("GET", "https://h/", resource_owner_key="")
    assert "oauth_token" not in header
    signed = sign_request("GET", "https://h/", client_id="c", token="")
    assert not signed.params["oauth_token"]


def test_repeated_parameters_are_dropped() -> None:
    """§3.1: none may occur twice; oauthlib's reader keeps the last, ours shows both."""
    header = 'OAuth oauth_a="1", oauth_a="2"'
    assert [("oauth_a", "2")] == judge.read_header(header)
    assert (None, [("oauth_a", "1"), ("oauth_a", "2")]) == parse_authorization_header(header)
