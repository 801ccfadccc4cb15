"""RFC 5849 §3.6 and §3.4.1.3.1: encoding loses no octet, and decoding reads what was meant."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from oauthkit.protocol.oauth1 import decode_form, encode_form, percent_encode
from oauthkit.protocol.oauth1.encoding import decode_percent
from property import strategies as draw

_ENCODED = re.compile(r"(?:[A-Za-z0-9\-._~]|%(?P<octet>[0-9A-F]{2}))*")


@given(draw.octets)
def test_percent_encoding(value: bytes) -> None:
    """§3.6: unreserved characters stay, all other octets become upper-case escapes; and back."""
    expected = "".join(
        chr(octet) if chr(octet) in draw.UNRESERVED else f"%{octet:02X}" for octet in value
    )
    encoded = percent_encode(value)
    assert expected == encoded
    assert value == decode_percent(encoded)


@given(draw.texts)
def test_text_is_utf8(value: str) -> None:
    """§3.6: text is encoded as UTF-8 first."""
    assert percent_encode(value.encode()) == percent_encode(value)


@given(st.text(draw.UNRESERVED))
def test_unreserved_characters_stay(value: str) -> None:
    """§3.6: letters, digits, hyphen, period, underscore and tilde must not be encoded."""
    assert value == percent_encode(value)


@given(draw.pairs)
def test_forms(pairs: list[draw.Octets]) -> None:
    """§3.4.1.3.1: a form is read back as the very pairs, in order; empty names and values too."""
    encoded = encode_form(pairs)
    assert all(_ENCODED.fullmatch(word) for word in re.split("[&=]", encoded))
    assert pairs == decode_form(encoded)


@given(draw.components(draw.any_words))
def test_wire_forms(component: draw.Component) -> None:
    """§3.4.1.3.1: escapes in either case, raw characters, ``+`` and octets that are no UTF-8."""
    assert list(component.pairs) == decode_form(component.wire)


@given(draw.form_soups)
def test_decoding_again(form: bytes) -> None:
    """§3.4.1.3.1: whatever was sent means the same once it is written in canonical form."""
    pairs = decode_form(form)
    assert pairs == decode_form(encode_form(pairs))
