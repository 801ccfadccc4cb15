"""Percent-encoding and forms: the cases that the vectors do not have (RFC 5849 §3.6, §3.4.1.3.1)."""

from __future__ import annotations

import pytest

from oauthkit.errors import RequestError
from oauthkit.protocol.oauth1 import decode_form, encode_form, is_form, percent_encode
from oauthkit.protocol.oauth1.encoding import decode_percent, to_octets

FORMS = {
    "": [],
    "&&": [],
    "a": [(b"a", b"")],
    "a=": [(b"a", b"")],
    "=a": [(b"", b"a")],
    "=": [(b"", b"")],
    "a=b=c": [(b"a", b"b=c")],
    "a+b=c+d": [(b"a b", b"c d")],
    "a%2Bb=%26&&a=": [(b"a+b", b"&"), (b"a", b"")],
    "a=%zz%4": [(b"a", b"%zz%4")],
    "a=%FF": [(b"a", b"\xff")],
}


@pytest.mark.parametrize(("form", "expected"), FORMS.items())
def test_decode_form(form: str, expected: list[tuple[bytes, bytes]]) -> None:
    """RFC 5849 §3.4.1.3.1: octets, ``+`` as a space, empty segments left out."""
    assert expected == decode_form(form)
    assert expected == decode_form(form.encode())


def test_encode_form() -> None:
    """A space is ``%20``, never ``+``: a base string and a query hold the same text."""
    assert "a%20b=c%2Bd&%FF=" == encode_form([("a b", "c+d"), (b"\xff", "")])


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/x-www-form-urlencoded", True),
        ("application/x-www-form-urlencoded;charset=UTF-8", True),
        (" Application/X-WWW-Form-URLencoded ; charset=utf-8", True),
        ("application/x-www-form-urlencoded-v2", False),
        ("multipart/form-data; boundary=application/x-www-form-urlencoded", False),
        ("application/json", False),
        ("", False),
        (None, False),
    ],
)
def test_is_form(content_type: str | None, expected: bool) -> None:
    """RFC 9110 §8.3.1: type and subtype in any case, parameters do not matter."""
    assert expected == is_form(content_type)


def test_decode_percent_leaves_a_plus() -> None:
    """RFC 5849 §3.6: in a header ``+`` is a plus sign."""
    assert b"a+b c" == decode_percent("a+b%20c")


def test_lone_surrogates_are_refused() -> None:
    """RFC 5849 §3.6: no octets stand for them; the error keeps nothing of the text."""
    for call in (to_octets, percent_encode, decode_percent, decode_form):
        with pytest.raises(RequestError, match="lone surrogate") as caught:
            call("secret\ud800")
        assert caught.value.__context__ is None
        assert "secret" not in repr(caught.value)
