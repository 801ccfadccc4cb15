"""RFC 5849 §3.4.1.2: what of a URL is not signed, or signed in one form only."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oauthkit.protocol.oauth1 import base_string_uri, signature_base_string
from oauthkit.protocol.oauth1.base_string import Pair
from property import strategies as draw

_swapped = st.sampled_from([str, str.lower, str.upper, str.swapcase, str.title])


@given(st.sampled_from([("http", ":80"), ("https", ":443")]), draw.hosts, draw.paths)
def test_default_port(scheme: tuple[str, str], host: str, path: str) -> None:
    """§3.4.1.2: port 80 of http and 443 of https are left out, and so is an empty one."""
    name, port = scheme
    expected = base_string_uri(f"{name}://{host}{path}")
    assert expected == base_string_uri(f"{name}://{host}{port}{path}")
    assert expected == base_string_uri(f"{name}://{host}:{path}")


@given(st.sampled_from([("http", ":443"), ("https", ":80"), ("http", ":8080")]), draw.hosts)
def test_other_ports(scheme: tuple[str, str], host: str) -> None:
    """§3.4.1.2: every other port is part of it, the other scheme's default too."""
    name, port = scheme
    assert f"{name}://{host.lower()}{port}/" == base_string_uri(f"{name}://{host}{port}")


@given(draw.schemes, draw.authorities, draw.paths, _swapped)
def test_case(scheme: str, authority: str, path: str, swap: type[str]) -> None:
    """§3.4.1.2: scheme and host are in lower case; the path stays as it is."""
    uri = base_string_uri(f"{scheme}://{authority}{path}")
    assert uri == base_string_uri(f"{swap(scheme)}://{swap(authority)}{path}")
    assert uri.endswith(path or "/")


@given(draw.methods, _swapped)
def test_case_of_the_method(method: str, swap: type[str]) -> None:
    """§3.4.1.1: the method is in upper case."""
    assert signature_base_string(method, "https://h", []) == signature_base_string(
        swap(method), "https://h", []
    )


@given(draw.authorities, draw.paths, draw.soups, st.sampled_from(["u@", "u:p@", "@"]))
def test_parts_that_are_not_signed(authority: str, path: str, soup: str, user: str) -> None:
    """§3.4.1.2: user information, query and fragment are no part of the base string URI."""
    uri = base_string_uri(f"https://{authority}{path}")
    assert uri == base_string_uri(f"https://{user}{authority}{path}?{soup}#{soup}")


@given(draw.authorities, draw.paths)
def test_websockets(authority: str, path: str) -> None:
    """§3.4.1.2 with RFC 6455 §4.1: a WebSocket handshake is an HTTP request, and signed as one."""
    assert base_string_uri(f"http://{authority}{path}") == base_string_uri(
        f"ws://{authority}{path}"
    )
    assert base_string_uri(f"https://{authority}{path}") == base_string_uri(
        f"wss://{authority}{path}"
    )


@given(draw.ordinary_pairs, draw.texts, draw.texts)
def test_parameters_that_are_not_signed(
    pairs: list[draw.Octets], signature: str, realm: str
) -> None:
    """§3.4.1.3.1: the signature itself, wherever it stands, and the header's realm are left out."""
    header: list[Pair] = [*pairs, ("oauth_signature", signature), ("realm", realm)]
    assert signature_base_string("GET", "https://h/", pairs) == signature_base_string(
        "GET", "https://h/?oauth_signature=x&%6fauth_signature", header
    )
