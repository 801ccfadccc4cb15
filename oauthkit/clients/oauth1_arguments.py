"""What callers pass to the three steps, checked before anything is sent (RFC 5849 §2 and §3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import attrs

from oauthkit.clients.options import describe_value
from oauthkit.errors import RequestError

__all__ = ["Extra", "Params", "read_pairs"]

Params = Mapping[str, str] | Iterable[tuple[str, str]]

# What the flow sends itself: a second one would make the request invalid (RFC 5849 §3.1).
_OURS = frozenset(
    {
        "oauth_callback",
        "oauth_consumer_key",
        "oauth_nonce",
        "oauth_signature",
        "oauth_signature_method",
        "oauth_timestamp",
        "oauth_token",
        "oauth_verifier",
        "oauth_version",
    }
)
_HEADERS_OF_OURS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
    }
)
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+").fullmatch
_FIELD_VALUE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*").fullmatch


def read_pairs(name: str, values: object) -> list[tuple[str, str]]:
    """Return the pairs of a mapping or an iterable; raises RequestError for anything else."""
    if values is None:
        return []
    items: object = cast("Mapping[str, str]", values).items() if _is_mapping(values) else values
    found: list[tuple[object, object]] | None = None
    if isinstance(items, Iterable) and not isinstance(items, (str, bytes)):
        try:
            found = [(key, value) for key, value in cast("Iterable[tuple[object, object]]", items)]
        except (TypeError, ValueError):
            found = None
    if found is None:
        raise RequestError(f"{name}: expected a mapping or pairs, got {describe_value(values)}")
    pairs: list[tuple[str, str]] = []
    for key, value in found:
        if not isinstance(key, str):
            raise RequestError(f"{name}: expected text as a name, got {type(key).__name__}")
        if key in _OURS and not (name == "query" and key == "oauth_callback"):
            raise RequestError(f"{name}: {key} is sent by the client itself, leave it out")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise RequestError(f"{name}: expected text as each value, got a {type(value).__name__}")
        pairs.append((key, str(value)))
    return pairs


def _is_mapping(values: object) -> bool:
    return isinstance(values, Mapping)


@attrs.frozen(kw_only=True)
class Extra:
    """What a caller adds to a protocol request: query *params*, form *data* and *headers*."""

    params: Sequence[tuple[str, str]] = attrs.field(default=(), repr=False)
    data: Sequence[tuple[str, str]] = attrs.field(default=(), repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)

    @classmethod
    def read(cls, params: object, data: object, headers: object) -> Extra:
        """Check what the caller passed, before anything is sent; raises RequestError."""
        fields = dict(read_pairs("headers", headers))
        for name, value in fields.items():
            if not _FIELD_NAME(name) or not _FIELD_VALUE(value):
                raise RequestError("headers: a name or value that no header field can hold")
            if name.lower() in _HEADERS_OF_OURS:
                raise RequestError(f"headers: the client writes {name} itself, leave it out")
        return cls(
            params=read_pairs("params", params), data=read_pairs("data", data), headers=fields
        )
