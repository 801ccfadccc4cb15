"""
What laws draw: text, parameters, forms, URLs, requests, answers and secrets, for Hypothesis.

For tests of your own, too: ``@given(strategies.parameters())``. Nothing here discards a draw, and
what is drawn is small: a failure shows the one character that matters.
"""

from __future__ import annotations

import json
from string import ascii_letters, digits
from urllib.parse import quote, quote_plus

import attrs
from hypothesis import strategies as st

__all__ = [
    "Pairs",
    "Request",
    "answers",
    "encode_form",
    "forms",
    "json_values",
    "parameters",
    "requests",
    "scopes",
    "secrets",
    "statuses",
    "token_answers",
    "unicode_text",
    "urls",
]

Pairs = tuple[tuple[str, str], ...]

FORM = "application/x-www-form-urlencoded"
# What makes encoders stumble: reserved characters, other scripts, what looks encoded already.
_TRICKY = [*"aZ09-._~ !*'()%&=+;/?:@,$[]|\"\\<>^`{}#\n\x00", "é", "☃", "😀", "%41", "%zz", "+-"]


def unicode_text(*, min_size: int = 0, max_size: int = 8) -> st.SearchStrategy[str]:
    """Draw text that UTF-8 can hold: reserved characters often, any others sometimes."""
    tricky = st.lists(st.sampled_from(_TRICKY), min_size=min_size, max_size=max(min_size, 6))
    return st.one_of(
        tricky.map("".join),
        st.text(st.characters(codec="utf-8"), min_size=min_size, max_size=max_size),
    )


def parameters(
    *, max_size: int = 5, names: st.SearchStrategy[str] | None = None
) -> st.SearchStrategy[Pairs]:
    """Draw pairs of name and value: repeated names, empty values, any characters."""
    drawn = unicode_text(min_size=1).map(lambda name: f"x{name}" if name == "realm" else name)
    few = st.sampled_from(["a", "a", "b", "a b", "a+b", "é"])
    name = st.one_of(few, drawn) if names is None else names
    return st.lists(st.tuples(name, unicode_text()), max_size=max_size).map(tuple)


def forms(*, max_size: int = 5) -> st.SearchStrategy[tuple[Pairs, bytes]]:
    """Draw the pairs of a form, and the form (``application/x-www-form-urlencoded``)."""
    return parameters(max_size=max_size).map(lambda pairs: (pairs, encode_form(pairs)))


def encode_form(pairs: Pairs) -> bytes:
    """Encode *pairs* as browsers do, a space as ``+``: by the standard library."""
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode()


def urls(*, schemes: tuple[str, ...] = ("https",)) -> st.SearchStrategy[str]:
    """Draw absolute URLs as they go on the wire: ports, mixed case, escapes, no fragment."""
    return st.builds("{}{}{}".format, _bases(schemes), _PATHS, _QUERIES)


_HOSTS = st.one_of(
    st.sampled_from(["api.example.com", "API.Example.COM", "127.0.0.1", "[::1]"]),
    st.text(f"{ascii_letters}{digits}", min_size=1, max_size=8).map(lambda n: f"{n}.example"),
)
_PORTS = st.sampled_from(["", "", ":80", ":443", ":8080", ":65535"])
_SEGMENTS = st.lists(
    st.sampled_from([*"aZ09-._~/;:@!$'()*,=&+", "%2F", "%7e", "%20", "%C3%A9"]), max_size=6
).map("".join)
_PATHS = st.builds("/{}{}".format, _SEGMENTS, st.sampled_from(["", "", "/"]))
PLAIN_PATHS = st.text(f"{ascii_letters}{digits}-._~/", max_size=6).map("/{}".format)
_QUERIES = parameters(max_size=3).map(
    lambda pairs: "?" + "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in pairs)
)


def _bases(schemes: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.builds("{}://{}{}".format, st.sampled_from(schemes), _HOSTS, _PORTS)


@attrs.frozen(kw_only=True)
class Request:
    """
    A request that is to be signed (RFC 5849 §3.4.1).

    *base* is scheme, authority and path of its URL; *query* and *form* are decoded pairs, *form*
    None where *body*, of *content_type*, is no form. *oauth* are the protocol parameters.
    """

    method: str
    base: str
    query: Pairs
    form: Pairs | None
    oauth: Pairs
    body: bytes
    content_type: str | None

    @property
    def url(self) -> str:
        """The URL as it goes on the wire, a space in its query as ``%20``."""
        encoded = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in self.query)
        return f"{self.base}?{encoded}" if encoded else self.base

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """All pairs that are signed (§3.4.1.3.1)."""
        return [*self.query, *self.oauth, *(self.form or ())]


_OAUTH = parameters(max_size=2, names=st.sampled_from(["oauth_callback", "oauth_verifier"]))
# A form is one with parameters, and in capitals, too (RFC 9110 §8.3.1).
_FORMS = st.sampled_from(
    [FORM, FORM, f"{FORM}; charset=UTF-8", "Application/X-WWW-Form-URLEncoded"]
)
_OTHER_BODIES = st.sampled_from(
    [
        (None, b"", None),
        (None, b'{"a":"b"}', "application/json"),
        (None, b"a=b", "text/plain"),
        (None, b"a=b&c=d", "application/octet-stream"),
    ]
)


def _form_bodies() -> st.SearchStrategy[tuple[Pairs, bytes, str]]:
    def join(drawn: tuple[Pairs, bytes], kind: str) -> tuple[Pairs, bytes, str]:
        return (*drawn, kind)

    return st.builds(join, forms(max_size=3), _FORMS)


def requests(*, paths: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Request]:
    """Draw requests that OAuth 1.0a signs: with queries, forms, and bodies that are no form."""

    def make(
        method: str,
        base: str,
        path: str,
        query: Pairs,
        oauth: Pairs,
        body: tuple[Pairs | None, bytes, str | None],
    ) -> Request:
        form, octets, kind = body
        return Request(
            method=method,
            base=base + path,
            query=query,
            form=form,
            oauth=(("oauth_consumer_key", "key"), ("oauth_nonce", "n"), *oauth),
            body=octets,
            content_type=kind,
        )

    return st.builds(
        make,
        st.sampled_from(["GET", "POST", "PUT", "get", "Patch", "DELETE"]),
        _bases(("https", "http", "HTTPS")),
        _PATHS if paths is None else paths,
        parameters(max_size=3),
        _OAUTH,
        st.one_of(_form_bodies(), _OTHER_BODIES),
    )


def scopes(*, separator: str = " ") -> st.SearchStrategy[list[str]]:
    """Draw scope tokens (RFC 6749 §3.3), none with a comma or *separator* in it."""
    characters = st.characters(
        min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=f'"\\,{separator}'
    )
    return st.lists(st.text(characters, min_size=1, max_size=8), min_size=1, max_size=4)


def secrets() -> st.SearchStrategy[str]:
    """Draw secrets as services make them: letters and digits, too long to occur by chance."""
    return st.tuples(
        st.text(f"{ascii_letters}{digits}", min_size=12, max_size=20),
        st.text(f"{ascii_letters}{digits}-_.~+/", min_size=4, max_size=12),
    ).map(lambda parts: f"Zq9{parts[0]}7{parts[1]}x")


def statuses() -> st.SearchStrategy[int]:
    """Draw HTTP status codes, 200 most often."""
    return st.one_of(st.just(200), st.sampled_from([201, 204, 400, 401, 403, 429, 500, 503]))


_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), unicode_text())
_NAMES = st.one_of(
    st.sampled_from(
        [
            *("access_token", "refresh_token", "token_type", "expires_in", "scope", "id_token"),
            *("error", "error_description", "errors", "code", "message", "status"),
            *("oauth_token", "oauth_token_secret", "oauth_problem"),
        ]
    ),
    unicode_text(),
)


def json_values() -> st.SearchStrategy[object]:
    """Draw any JSON value, its members often named as those of answers are."""
    return st.recursive(
        _LEAVES,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=4)
        ),
        max_leaves=6,
    )


_PIECES = [
    *(b"access_token=t", b"oauth_token=t", b"oauth_token_secret=s", b"error=e", b"&", b"="),
    *(b'{"access_token":"t"', b'"scope":["a"]', b'"expires_in":"1"', b"}", b"{", b"[", b"]", b","),
    *(b"<html>", b"<title>", b"\xff", b"%ff", b"\x00", b'"\\ud800"', b"NaN", b"cb(", b");", b" "),
]


def answers() -> st.SearchStrategy[bytes]:
    """Draw any body that an endpoint may answer with: JSON, forms, HTML, nearly those, octets."""
    return st.one_of(
        json_values().map(lambda value: json.dumps(value).encode()),
        st.dictionaries(_NAMES, _LEAVES, max_size=5).map(lambda value: json.dumps(value).encode()),
        st.lists(st.sampled_from(_PIECES), max_size=8).map(b"".join),
        st.binary(max_size=12),
    )


def token_answers() -> st.SearchStrategy[dict[str, object]]:
    """Draw what a token endpoint answers with (RFC 6749 §5.1), deviations of real ones included."""
    token = st.text(f"{ascii_letters}{digits}-._~+/", min_size=1, max_size=12)
    return st.fixed_dictionaries(
        {"access_token": token},
        optional={
            "token_type": st.sampled_from(["Bearer", "bearer", "User Access Token", None]),
            "expires_in": st.one_of(
                st.integers(-1, 10**6), st.integers(0, 10**6).map(str), st.none()
            ),
            "refresh_token": st.one_of(token, st.none(), st.just(""), st.just(False)),
            "scope": st.one_of(scopes(), scopes().map(" ".join), st.none()),
            "id_token": st.just("eyJhbGciOiJub25lIn0.e30."),
            "account": json_values(),
        },
    )
