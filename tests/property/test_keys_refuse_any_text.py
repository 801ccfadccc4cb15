"""RFC 7468: a text that is no private key gives ConfigurationError, and nothing of it is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.keys import is_parsed, load_private_key
from property import strategies as draw
from property.rsa_key import RSA_KEY

_LINES = RSA_KEY.strip().splitlines()

_labels = st.sampled_from(
    ["PRIVATE KEY", "RSA PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE", "ENCRYPTED PRIVATE KEY", "X"]
)
_base64 = st.text("ABCDwxyz0189+/=", min_size=8, max_size=64)


def _refused(pem: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load_private_key(pem)
    error = caught.value
    assert (error.__cause__, error.__context__) == (None, None)
    assert not is_parsed(pem)
    return error


@given(st.one_of(st.text(), draw.wild_texts))
def test_any_text(text: str) -> None:
    """§2: whatever is given instead of a PEM block."""
    error = _refused(text)
    assert not text.strip() or len(text) < 4 or text not in f"{error!r}"


@given(_labels, _base64, draw.secrets, st.sampled_from(["\n", "\r\n", "\\n", " "]))
def test_any_block(label: str, base64: str, secret: str, line_end: str) -> None:
    """§2: blocks of any label around octets that are no key."""
    lines = [f"-----BEGIN {label}-----", base64, secret, f"-----END {label}-----"]
    error = _refused(line_end.join(lines))
    assert base64 not in repr(error)
    assert secret not in repr(error)


@given(st.integers(1, len(_LINES) - 2), st.integers(1, 60))
def test_altered(line: int, column: int) -> None:
    """§3: a key cut short, or with a line lost, is no key; no line of it is in the error."""
    cut = "\n".join([*_LINES[:line], _LINES[line][:column]])
    lost = "\n".join(_LINES[:line] + _LINES[line + 1 :])
    for altered in (cut, lost):
        error = _refused(altered)
        assert [] == [part for part in _LINES[1:-1] if part[:16] in repr(error)]


@given(st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n", "  \n", "# mine\n"]))
def test_harmless_changes(line_end: str, around: str) -> None:
    """§2: line ends do not matter, nor does what stands around the block."""
    pem = around + line_end.join(_LINES) + line_end + around
    keys = [load_private_key(text) for text in (RSA_KEY, pem)]
    assert keys[0].private_numbers() == keys[1].private_numbers()  # type: ignore[union-attr]
    assert is_parsed(pem)
