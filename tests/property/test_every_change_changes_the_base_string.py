"""RFC 5849 §3.4.1: the base string stands for one request; whatever is changed, it changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oauthkit.protocol.oauth1 import encode_form, sign, signature_base_string
from property import strategies as draw


def _base(pairs: list[draw.Octets]) -> str:
    return signature_base_string("GET", f"https://h/?{encode_form(pairs)}", [])


@given(draw.ordinary_pairs, draw.ordinary_pairs)
def test_parameters_decide(one: list[draw.Octets], other: list[draw.Octets]) -> None:
    """§3.4.1.3.2: two requests have one base string exactly if they have the same parameters."""
    assert (sorted(one) == sorted(other)) == (_base(one) == _base(other))


@given(draw.ordinary_pairs, draw.octets, draw.octets)
def test_added_and_removed(pairs: list[draw.Octets], name: bytes, value: bytes) -> None:
    """§3.4.1.3: a parameter more or less changes it, an empty one or a repeated one too."""
    for extra in [(b"x" + name, value), (b"", b""), *pairs]:
        assert _base(pairs) != _base([*pairs, extra])


@given(draw.ordinary_pairs, draw.octets, draw.octets, st.binary(min_size=1, max_size=3))
def test_changed(pairs: list[draw.Octets], name: bytes, value: bytes, more: bytes) -> None:
    """§3.4.1.3: so does an octet more in a name or a value, and one that moves between them."""
    name = b"x" + name
    original = _base([*pairs, (name, value)])
    for changed in [(name + more, value), (name, value + more), (name, more + value)]:
        assert original != _base([*pairs, changed])
    assert _base([*pairs, (name + more, value)]) != _base([*pairs, (name, more + value)])


@given(draw.ordinary_pairs, draw.octets, draw.octets)
def test_one_is_not_two(pairs: list[draw.Octets], name: bytes, value: bytes) -> None:
    """§3.4.1.3.2: separators in a value are no separators."""
    together = (b"x" + name, value + b"&y=" + value)
    apart = [(b"x" + name, value), (b"y", value)]
    assert _base([*pairs, together]) != _base([*pairs, *apart])


_CHANGES = [
    ("POST", "https://h/p"),
    ("GET", "http://h/p"),
    ("GET", "https://h.example/p"),
    ("GET", "https://h:8443/p"),
    ("GET", "https://h/P"),
    ("GET", "https://h/p/"),
    ("GET", "https://h/%70"),
    ("GET", "https://h//p"),
    ("GET", "https://h/p;"),
]


@given(st.sampled_from(_CHANGES), draw.ordinary_pairs)
def test_method_and_url(change: tuple[str, str], pairs: list[draw.Octets]) -> None:
    """§3.4.1.1 and §3.4.1.2: method, scheme, host, port, and the path octet by octet."""
    method, url = change
    assert signature_base_string("GET", "https://h/p", pairs) != signature_base_string(
        method, url, pairs
    )


@given(draw.paths, draw.paths)
def test_paths_decide(one: str, other: str) -> None:
    """§3.4.1.2: two paths have one base string only if they are the same; an empty one is ``/``."""
    bases = [signature_base_string("GET", f"https://h{path}", []) for path in (one, other)]
    assert ((one or "/") == (other or "/")) == (bases[0] == bases[1])


@given(draw.texts, draw.texts, st.sampled_from(["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"]))
def test_secrets(secret: str, token_secret: str, method: str) -> None:
    """§3.4.2 and §3.4.4: either secret changes the signature, and they are not interchangeable."""

    def signature(client_secret: str, token_secret: str) -> str:
        return sign(
            "GET&&",
            signature_method=method,
            client_secret=client_secret,
            token_secret=token_secret,
        )

    original = signature(secret, token_secret)
    assert original != signature(secret + "x", token_secret)
    assert original != signature(secret, token_secret + "x")
    assert signature(secret + "x", token_secret) != signature(secret, "x" + token_secret)
