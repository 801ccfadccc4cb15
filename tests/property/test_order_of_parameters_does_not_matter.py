"""RFC 5849 §3.4.1.3: parameters are a multiset; neither their order nor their source is signed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oauthkit.protocol.oauth1 import (
    encode_form,
    is_form,
    normalize_parameters,
    signature_base_string,
)
from property import strategies as draw

FORM = "application/x-www-form-urlencoded"


@given(draw.pairs, st.data())
def test_normalized_parameters(pairs: list[draw.Octets], data: st.DataObject) -> None:
    """§3.4.1.3.2: any permutation gives the same normalized parameters."""
    shuffled = data.draw(st.permutations(pairs))
    assert normalize_parameters(pairs) == normalize_parameters(shuffled)


@given(draw.pairs)
def test_sorted_by_encoded_octets(pairs: list[draw.Octets]) -> None:
    """§3.4.1.3.2: names, then values, ascend in the byte order of their encoded forms."""
    normalized = normalize_parameters(pairs)
    segments = [tuple(s.encode().split(b"=")) for s in normalized.split("&")] if pairs else []
    assert (len(pairs), sorted(segments)) == (len(segments), segments)


@given(draw.ordinary_pairs, st.data())
def test_source(pairs: list[draw.Octets], data: st.DataObject) -> None:
    """§3.4.1.3.1: header, query and body are one list; where a parameter stands is not signed."""
    sources: tuple[list[draw.Octets], ...] = ([], [], [])
    for pair in pairs:
        sources[data.draw(st.integers(0, 2))].append(pair)
    header, query, body = sources
    apart = signature_base_string(
        "POST", f"https://h/p?{encode_form(query)}", header, encode_form(body), FORM
    )
    assert signature_base_string("POST", "https://h/p", pairs) == apart


@given(draw.form_soups, st.sampled_from([None, "", "application/json", "multipart/form-data; x=1"]))
def test_other_bodies(body: bytes, content_type: str | None) -> None:
    """§3.4.1.3.1: a body that is no form is no source of parameters."""
    assert not is_form(content_type)
    assert signature_base_string("POST", "https://h/p", []) == signature_base_string(
        "POST", "https://h/p", [], body, content_type
    )
