"""Where a client's request goes, and what its caller has put on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from yarl import URL

from oauthkit.errors import ConfigurationError, RequestError
from oauthkit.protocol.origins import Origin, origin_of, parse_origin
from oauthkit.transport.signing import KeptCookies

__all__ = ["check_headers", "read_url", "secure_origin"]


def read_url(url: str | URL) -> URL:
    """Return what the caller passed as a URL; RequestError where it cannot be one."""
    fault = (
        "the URL cannot be read: pass text or a yarl.URL, with a host and a port that can be right"
    )
    try:
        target = URL(url)
        if "@" not in target.raw_authority:
            return target
        fault = (
            "the URL holds a user name or password, which aiohttp would write into the "
            "Authorization header: leave it out"
        )
    except (TypeError, ValueError):
        pass
    # Outside of the handler: the parser quotes the authority, which may hold a password.
    raise RequestError(fault)


def secure_origin(url: URL) -> Origin:
    """Return the origin of *url*; RequestError where it is not https."""
    try:
        return parse_origin(origin_of(url))
    except ConfigurationError as exc:
        raise RequestError(str(exc)) from None


def check_headers(kwargs: dict[str, Any], target: URL) -> KeptCookies | None:
    """Refuse a second Authorization, and note the cookies that the caller passed himself."""
    given = _read_pairs(kwargs, "headers")
    names = [str(name).lower() for name, _ in given]
    if kwargs.get("auth") is not None or "authorization" in names:
        raise RequestError(
            "the client writes the Authorization header itself: leave out auth= and the header, or "
            "use a session of your own without the client's middleware"
        )
    cookies = _read_pairs(kwargs, "cookies")
    if not cookies and "cookie" not in names:
        return None
    fields = [str(v) for name, (_, v) in zip(names, given, strict=True) if name == "cookie"]
    return KeptCookies.of(target, fields, cookies)


def _read_pairs(kwargs: dict[str, Any], name: str) -> list[tuple[str, Any]]:
    values = kwargs.get(name)
    if not values:
        return []
    if isinstance(values, Mapping):
        return list(cast("Mapping[str, Any]", values).items())
    pairs: list[tuple[str, Any]] = list(values)
    kwargs[name] = pairs  # an iterator can be read once, and aiohttp reads it too
    return pairs
