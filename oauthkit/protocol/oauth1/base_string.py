"""The signature base string, plainly (RFC 5849 §3.4.1); ``fast`` does the same in less time."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from oauthkit.errors import RequestError
from oauthkit.protocol.oauth1.encoding import decode_form, is_form, percent_encode

__all__ = [
    "Pair",
    "base_string_uri",
    "build_base_string",
    "normalize_parameters",
    "signature_base_string",
    "split_url",
]

Pair = tuple[str | bytes, str | bytes]

# A WebSocket handshake is an HTTP request: the server sees http or https.
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def split_url(url: str) -> SplitResult:
    """Split *url* (RFC 3986 §3); raises RequestError where that is not possible."""
    try:
        return urlsplit(url)
    except ValueError:
        pass
    # Outside of the handler: the parser quotes the authority, which may hold a password.
    raise RequestError("the URL cannot be read: its host is malformed")


def build_base_uri(scheme: str, authority: str, path: str) -> str:
    """
    Put the base string URI together from what goes on the wire (RFC 5849 §3.4.1.2).

    *authority* is the content of the Host header field, *path* the path as it is sent: it is not
    encoded anew. Raises RequestError for a scheme that is not HTTP's, or without a host.
    """
    if not (scheme and authority):
        raise RequestError("only an absolute URL can be signed: it needs a scheme and a host")
    try:
        scheme = _SCHEMES[scheme.lower()]
    except KeyError:
        raise RequestError(
            f"a request over {scheme!r} cannot be signed: use http or https"
        ) from None
    host = authority.lower().removesuffix(_DEFAULT_PORTS[scheme]).removesuffix(":")
    return f"{scheme}://{host}{path or '/'}"


def base_string_uri(url: str) -> str:
    """
    Return the base string URI of *url*: scheme, host, port and path (RFC 5849 §3.4.1.2).

    Scheme and host are in lower case, the default port, query, fragment and user information are
    left out. Raises RequestError for a URL that is not absolute.
    """
    parts = split_url(url)
    return build_base_uri(parts.scheme, parts.netloc.rpartition("@")[2], parts.path)


def normalize_parameters(pairs: Iterable[Pair]) -> str:
    """Encode, sort by name and value, and join *pairs* (RFC 5849 §3.4.1.3.2)."""
    encoded = sorted((percent_encode(name), percent_encode(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def build_base_string(method: str, base_uri: str, pairs: Iterable[Pair]) -> str:
    """
    Join method, base string URI and all parameters of a request (RFC 5849 §3.4.1.1).

    ``oauth_signature`` is left out of *pairs*, wherever it came from (§3.4.1.3.1).
    """
    signed = (pair for pair in pairs if pair[0] not in ("oauth_signature", b"oauth_signature"))
    parts = (method.upper(), base_uri, normalize_parameters(signed))
    return "&".join(map(percent_encode, parts))


def signature_base_string(
    method: str,
    url: str,
    oauth_params: Iterable[Pair],
    body: str | bytes = b"",
    content_type: str | None = None,
) -> str:
    """
    Return the signature base string of a request (RFC 5849 §3.4.1).

    *url* is the URL as it goes on the wire, *oauth_params* the decoded pairs of the Authorization
    header; ``realm`` among them is left out. *body* counts only where *content_type* is
    ``application/x-www-form-urlencoded``. Raises RequestError for a URL that is not absolute HTTP.
    """
    pairs: list[Pair] = [pair for pair in oauth_params if pair[0] not in ("realm", b"realm")]
    pairs += decode_form(split_url(url).query)
    if is_form(content_type):
        pairs += decode_form(body)
    return build_base_string(method, base_string_uri(url), pairs)
