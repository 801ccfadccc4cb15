"""
What the laws draw: values, wire forms of them, URLs, requests, answers and secrets.

Nothing here rejects a draw (no ``filter``, no ``assume``; ``test_no_law_discards_draws`` holds it):
what a law cannot use is not drawn. Wire forms are put together from tokens of which the octets are
known, so that no law needs an encoder of ours to make its inputs.
"""

from __future__ import annotations

import json
from string import ascii_letters, digits
from typing import TypedDict

import attrs
from hypothesis import strategies as st

Octets = tuple[bytes, bytes]
Wire = tuple[bytes, str]

UNRESERVED = f"{ascii_letters}{digits}-._~"
# What makes encoders stumble: reserved characters, other scripts, what looks encoded already.
_CHARACTERS = [
    *"aZ09-._~ !*'()%&=+;/?:@,$[]|\"\\<>^`{}#\n\t\x00",
    "é",
    "☃",
    "😀",
    "%41",
    "%zz",
    "+-",
]

texts = st.one_of(
    st.lists(st.sampled_from(_CHARACTERS), max_size=6).map("".join),
    st.text(st.characters(codec="utf-8"), max_size=8),
)
octets = st.one_of(texts.map(str.encode), st.binary(max_size=8))

# -- parameters and their wire forms ---------------------------------------------------------------

pairs = st.lists(st.tuples(octets, octets), max_size=5)


def _not_special(pair: Octets) -> Octets:
    """Rename what the base string treats specially: the signature and a header's realm."""
    name, value = pair
    return (b"x" + name if name in (b"oauth_signature", b"realm") else name), value


ordinary_pairs = st.lists(st.tuples(octets, octets).map(_not_special), max_size=5)

_PLAIN: list[Wire] = [(c.encode(), c) for c in UNRESERVED]
_RAW: list[Wire] = [(c.encode(), c) for c in "!*'()/?:@,$;~"]
_ESCAPED: list[Wire] = [
    (c.encode(), form)
    for c in "a0~ %&=+/!\n\x00é☃😀"
    for upper in ["".join(f"%{octet:02X}" for octet in c.encode())]
    for form in (upper, upper.lower())
]
_SPACE: list[Wire] = [(b" ", "+"), (b" ", "%20")]
_NO_UTF8: list[Wire] = [
    (b"\xff", "%FF"),
    (b"\xe9", "%e9"),
    (b"\xc3", "%C3"),
    (b"\xed\xa0\x80", "%ED%A0%80"),
]
_NO_ESCAPE: list[Wire] = [(b"%", "%"), (b"%zz", "%zz"), (b"%A", "%%41"), (b"%g4", "%g4")]
_NO_URL: list[Wire] = [(c.encode(), c) for c in '|"[]{}^`\\<>é☃']


def _join(tokens: list[Wire]) -> Wire:
    return b"".join(known for known, _ in tokens), "".join(wire for _, wire in tokens)


def _words(tokens: list[Wire]) -> st.SearchStrategy[Wire]:
    return st.lists(st.sampled_from(tokens), max_size=5).map(_join)


# A query component that oauthlib reads right too: see the table of its flaws.
judged_words = _words(_PLAIN + _RAW + _ESCAPED + _SPACE)
# The last is followed by something that is no hexadecimal digit, or "%" and "1" would be an escape.
any_words = st.tuples(
    _words(_PLAIN + _RAW + _ESCAPED + _SPACE + _NO_UTF8 + _NO_URL),
    st.sampled_from([*_NO_ESCAPE, (b"", "")]),
    st.sampled_from([(b"z", "z"), (b" ", "+"), (b"", "")]),
).map(lambda parts: _join(list(parts)))


@attrs.frozen
class Component:
    """A query component or form body: what goes on the wire, and the pairs that it means."""

    wire: str
    pairs: tuple[Octets, ...]


def _component(segments: list[tuple[str, tuple[Wire, Wire]]]) -> Component:
    wire: list[str] = []
    meant: list[Octets] = []
    for kind, ((name, name_on_wire), (value, value_on_wire)) in segments:
        if kind == "empty":
            wire.append("")
        elif kind == "bare" and name_on_wire:
            wire.append(name_on_wire)
            meant.append((name, b""))
        else:
            wire.append(f"{name_on_wire}={value_on_wire}")
            meant.append((name, value))
    return Component("&".join(wire), tuple(meant))


def components(words: st.SearchStrategy[Wire]) -> st.SearchStrategy[Component]:
    """Draw query components of *words*: repeated names, no ``=``, empty segments."""
    kinds = st.sampled_from(["pair", "pair", "pair", "bare", "empty"])
    return st.lists(st.tuples(kinds, st.tuples(words, words)), max_size=5).map(_component)


# Anything between "?" and "#": nothing is known of it but that it goes on the wire as it is.
_SOUP = [
    *"aZ09~ !*'();/?:@,$|\"[]{}^`\\<>",
    "%",
    "%4",
    "%zz",
    "%41",
    "%2541",
    "%26",
    "%3D",
    "%7E",
    "%7e",
    "%2B",
    "%2b",
    "%20",
    "%FF",
    "%00",
    "+",
    "&",
    "&&",
    "=",
    "==",
    "é",
    "☃",
    "😀",
    "a=1",
    "&b=",
    "&c",
    "oauth_",
    "oauth_nonce=",
    "&oauth_signature=",
    "&oauth_a=1",
    "%6Fauth_token=x",
    "realm=r",
]
soups = st.one_of(
    st.lists(st.sampled_from(_SOUP), max_size=12).map("".join),
    st.text(st.characters(codec="utf-8", exclude_characters="#\t\r\n"), max_size=12),
)
form_soups = st.one_of(
    soups.map(str.encode),
    st.lists(
        st.sampled_from([b"a=1", b"&", b"=", b"\xff", b"%ff", b"+", b"\n", b"#"]), max_size=8
    ).map(b"".join),
    st.binary(max_size=12),
)

# -- URLs ------------------------------------------------------------------------------------------

schemes = st.sampled_from(["http", "https", "HTTP", "Https"])
hosts = st.one_of(
    st.sampled_from(
        ["example.com", "API.Example.COM", "127.0.0.1", "[::1]", "[2001:DB8::2]", "h-1"]
    ),
    st.lists(
        st.text(f"{ascii_letters}{digits}", min_size=1, max_size=8), min_size=1, max_size=3
    ).map(".".join),
)
ports = st.sampled_from(["", ":80", ":443", ":8080", ":65535"])
authorities = st.tuples(hosts, ports).map("".join)
_PATH = [*"aZ09-._~/;:@!$'()*,=&+%|[]", "//", "%2F", "%7e", "%20", "%C3%A9", "é", "..", "%zz", '"']
paths = st.one_of(
    st.just(""),
    st.lists(st.sampled_from(_PATH), max_size=8).map(lambda parts: "/" + "".join(parts)),
)
# oauthlib splits the last segment at ";", and loses one that nothing follows.
judged_paths = st.lists(
    st.sampled_from([*"aZ09-._~/:@!$'()*,=&+", "%2F", "%7e", ";b", ";b=1", "é"]), max_size=6
).map(lambda parts: "/" + "".join(parts))
judged_urls = st.tuples(st.sampled_from(["http", "https", "HTTPS"]), authorities, judged_paths).map(
    lambda parts: f"{parts[0]}://{parts[1]}{parts[2]}"
)
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "get", "Patch", "M-SEARCH", "X!Y*Z"])

# -- credentials -----------------------------------------------------------------------------------


class Credentials(TypedDict):
    """What a request is signed with, under the names of the arguments."""

    client_id: str
    client_secret: str
    token: str | None
    token_secret: str


credentials: st.SearchStrategy[Credentials] = st.builds(
    Credentials,
    client_id=texts,
    client_secret=texts,
    token=st.one_of(st.none(), texts),
    token_secret=texts,
)
nonces = st.one_of(st.text(f"{ascii_letters}{digits}", max_size=32), texts)
timestamps = st.integers(0, 2**40).map(str)
realms = st.one_of(
    st.none(), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
)

# As services make them: eight characters or more, letters and digits. Without a digit a secret is a
# word like any other, which no shape can tell from a name.
secrets = st.tuples(
    st.text(f"{ascii_letters}{digits}", min_size=4, max_size=12),
    st.sampled_from(digits),
    st.text(f"{ascii_letters}{digits}-_.~+/", min_size=2, max_size=20),
    st.sampled_from(ascii_letters),
).map("".join)

# -- answers ---------------------------------------------------------------------------------------

_leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6))
_names = st.one_of(
    st.sampled_from(
        [
            "oauth_token",
            "oauth_token_secret",
            "oauth_callback_confirmed",
            "error",
            "errors",
            "code",
            "message",
            "status",
            "error_description",
            "oauth_problem",
        ]
    ),
    st.text(max_size=6),
)
json_values = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_names, inner, max_size=4)
    ),
    max_leaves=8,
)
json_objects = st.dictionaries(_names, json_values, max_size=6)
_ANSWERS = [
    b"oauth_token=",
    b"oauth_token_secret=",
    b"oauth_problem=",
    b"denied=",
    b"&",
    b"=",
    b"a",
    b"%ff",
    b"\xff",
    b"\xed\xa0\x80",
    b"{",
    b"}",
    b'{"oauth_token":"\\ud800"',
    b"[",
    b"\n",
    b" ",
    b"<html>",
    b"<title",
    b">",
    b"</title>",
    b"\x00",
    b'"',
    b",",
    b"?",
    b"#",
    b"http://[",
    b"1",
]
answers = st.one_of(
    st.binary(max_size=30),
    st.lists(st.sampled_from(_ANSWERS), max_size=10).map(b"".join),
    json_objects.map(lambda value: json.dumps(value).encode()),
)
# What a header field or a URL can be once it was decoded: lone surrogates stand for lost octets.
wild_texts = st.one_of(
    answers.map(lambda octets: octets.decode(errors="surrogateescape")),
    st.text(max_size=30),
)
