"""The shape of an answer that is not one: names and types, never content."""

from __future__ import annotations

import json

import pytest

from oauthkit.protocol.shape import describe_shape, list_names

SHAPES: dict[str | bytes, str] = {
    "": "empty",
    b" \r\n": "empty",
    "hello": "text",
    "1 < 2 = true": "text",
    b"\xff\xfe": "binary",
    "a\x00b": "binary",
    "null": "JSON null",
    "true": "JSON boolean",
    "-1.5e3": "JSON number",
    '"secret"': "JSON string",
    '["secret", 1]': "JSON array of 2",
    "{}": "JSON object {}",
    '{"a": "s", "b": 1, "c": 1.5, "d": true, "e": null, "f": {}, "g": []}': (
        "JSON object {a: string, b: number, c: number, d: boolean, e: null, f: object, g: array}"
    ),
    '{"error.code": 1, "kd94hf93": 1, "": 1, "é": 1}': "JSON object {error.code: number, 3 more}",
    json.dumps({chr(97 + n) * 3: n for n in range(20)}): "JSON object {"
    + ", ".join(f"{chr(97 + n) * 3}: number" for n in range(12))
    + ", 8 more}",
    "[" * 100_000: "text",
    "oauth_token=a&oauth_token_secret=b": "form {oauth_token, oauth_token_secret}",
    "kd94hf93k423kf44=": "text",
    "a=b&kd94hf93": "text",
    "<html><body>secret</body></html>": "HTML page",
    " <!DOCTYPE HTML><title> Not\n found </title>": "HTML page 'Not found'",
    '<html lang="en"><TITLE class="x">504 Gateway Time-out</TITLE>': (
        "HTML page '504 Gateway Time-out'"
    ),
    "<head><title>Error: token kd94hf93k423kf44 (1/abc) unknown!</title>": (
        "HTML page 'Error: token *** *** unknown!'"
    ),
    f"<html><title>{'no ' * 66}secret</title>": f"HTML page {('no ' * 66).strip()!r}",
    "<html><title></title>": "HTML page ''",
    f"<html>{'<title' * 200_000}": "HTML page",
}


@pytest.mark.parametrize(
    ("body", "expected"), SHAPES.items(), ids=[f"{n}" for n in range(len(SHAPES))]
)
def test_shapes(body: str | bytes, expected: str) -> None:
    """Bytes and text of one answer have one shape, told in linear time."""
    assert expected == describe_shape(body)
    assert expected == describe_shape(body.encode() if isinstance(body, str) else body)


def test_names() -> None:
    """Twelve names that are words; the others are a count."""
    assert "" == list_names([])
    assert "a, b_c, 2 more" == list_names(["a", "b_c", "D", "e5"])
    assert f"{', '.join('abcdefghijkl')}, 1 more" == list_names("abcdefghijklm")
