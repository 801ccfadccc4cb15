"""Origins: where a token may go (RFC 6454 §4), exactly or by a suffix of whole labels."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NoReturn

import attrs
from yarl import URL

from oauthkit.errors import ConfigurationError, RequestError

__all__ = ["Origin", "canonical_host", "is_loopback", "is_secure", "origin_of", "parse_origin"]

# A WebSocket handshake is an HTTP request, to the same origin.
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_DEFAULT_PORTS = {"http": 80, "https": 443}

_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)").fullmatch
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(.*))?").fullmatch
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_LABELS = re.compile(rf"{_LABEL}(?:\.{_LABEL})*").fullmatch
_LONGEST_NAME = 253


@attrs.frozen
class Origin:
    """
    Where a token may go: one scheme, host and port, or all subdomains of a host.

    *scheme* is ``http`` or ``https``; *host* is in lower case, in its ASCII form, an IPv6 address
    without brackets; with *subdomains* the origin is every name below *host*, and not *host*.
    """

    scheme: str
    host: str
    port: int
    subdomains: bool = False

    def __str__(self) -> str:
        return _canonical(
            self.scheme, f"*.{self.host}" if self.subdomains else self.host, self.port
        )

    def matches(self, scheme: str, host: str | None, port: int | None) -> bool:
        """
        Say whether a URL of *scheme*, *host* and *port* belongs here.

        *host* is what goes on the wire (``yarl.URL.raw_host``), *port* None the scheme's own.
        """
        if _SCHEMES.get(scheme) != self.scheme or not host:
            return False
        if (_DEFAULT_PORTS[self.scheme] if port is None else port) != self.port:
            return False
        if host == self.host:
            return not self.subdomains
        return self._matches_spelling(host)

    def _matches_spelling(self, host: str) -> bool:
        try:
            name = host.lower() if host.isascii() else canonical_host(host)
        except ConfigurationError:
            return False
        if not self.subdomains:
            return name == self.host
        # An IPv6 zone may end in anything: [fe80::1%25a.example.com] is not below example.com.
        return name.endswith(f".{self.host}") and _LABELS(name) is not None


def parse_origin(text: str, *, plain_http_hosts: Collection[str] = ()) -> Origin:
    """
    Read an origin: ``https://api.example.com`` or ``https://*.example.com``.

    ``http`` is for loopback and *plain_http_hosts* only; ``ws`` and ``wss`` are read as ``http``
    and ``https``. Raises ConfigurationError, which says what is wrong and what to write.
    """
    _require_text(text)
    parts = None if " " in text or "\\" in text or not text.isprintable() else _PARTS(text)
    if parts is None:
        _refuse(text, "is not a scheme, :// and a host", _guess(text))
    scheme, authority, rest = parts[1].lower(), parts[2], parts[3]
    if scheme not in _SCHEMES:
        _refuse(text, f"has the scheme {scheme!r}", f"https://{authority}")
    if "@" in authority:
        # Not shown: what stands before the @ may be a password.
        host = authority.rpartition("@")[2]
        raise ConfigurationError(
            "an origin has no user information: what stands before the @ is a user name, "
            f"and the host is {host!r}"
        )
    if rest:
        what = {"/": "a path", "?": "a query", "#": "a fragment"}[rest[0]]
        _refuse(text, f"has {what}, an origin has none", f"{scheme}://{authority}")
    return _parse_authority(text, _SCHEMES[scheme], authority, plain_http_hosts)


def _parse_authority(
    text: str, scheme: str, authority: str, plain_http_hosts: Collection[str]
) -> Origin:
    found = _AUTHORITY(authority)
    if found is None or ":" in (found[2] or ""):
        _refuse(text, "has colons outside of an address in brackets", "https://[2001:db8::1]:8443")
    written, digits = found[1], found[2]
    port = _DEFAULT_PORTS[scheme]
    if digits is not None:
        if not re.fullmatch("[0-9]{1,5}", digits) or not 0 < int(digits) < 65536:
            _refuse(text, "has no port from 1 to 65535 after its colon", f"{scheme}://{written}")
        port = int(digits)
    subdomains = written.startswith("*.")
    try:
        host = canonical_host(written[2:] if subdomains else written)
    except ConfigurationError as exc:
        raise ConfigurationError(f"origin {text!r}: {exc}") from None
    if subdomains and ("." not in host or host[-1].isdigit() or ":" in host):
        _refuse(text, "needs at least two labels of a name after the *", "https://*.example.com")
    origin = Origin(scheme, host, port, subdomains)
    if not is_secure(origin, plain_http_hosts):
        secure = str(attrs.evolve(origin, scheme="https", port=443 if port == 80 else port))
        hint = (
            "name each host in plain_http_hosts and in an origin of its own"
            if subdomains
            else f"or name {host!r} in plain_http_hosts"
        )
        raise ConfigurationError(
            f"origin {text!r} is not https, a token would travel in the clear; "
            f"write {secure!r}, {hint}"
        )
    return origin


def canonical_host(text: str) -> str:
    """
    Return a host as it goes on the wire: in lower case, in its ASCII form, IPv6 without brackets.

    Raises ConfigurationError for what is no host name and no IP address (RFC 3986 §3.2.2); a name
    that ends in a dot is another host to a server, and refused.
    """
    if ":" in text:
        try:
            address = IPv6Address(text[1:-1] if text[:1] + text[-1:] == "[]" else text)
        except AddressValueError:
            raise ConfigurationError(f"{text!r} is no host name and no IPv6 address") from None
        if address.scope_id:
            raise ConfigurationError(
                f"{text!r} has a zone, which means something on one machine only"
            )
        return address.compressed
    if text.endswith("."):
        raise ConfigurationError(f"the host {text!r} ends in a dot: write {text.rstrip('.')!r}")
    if "*" in text:
        raise ConfigurationError(
            f"the host {text!r} has a * that is not its whole first label: write '*.example.com'"
        )
    try:
        # In lower case here: yarl did not do it before 1.18.
        host = (
            URL.build(scheme="https", host=text.lower() if text.isascii() else text).raw_host or ""
        )
    except (ValueError, TypeError):
        host = ""
    if not _LABELS(host) or len(host) > _LONGEST_NAME:
        raise ConfigurationError(f"{text!r} is no host name")
    # 0x7f.1 and 2130706433 are addresses to a resolver, and names to a comparison.
    if re.match("[0-9]+$|0x[0-9a-f]*$", host.rpartition(".")[2]):
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            raise ConfigurationError(f"{text!r} is no IPv4 address of four numbers") from None
    return host


def is_loopback(host: str) -> bool:
    """Say whether *host* is this machine: ``localhost``, 127.0.0.0/8 or ``::1`` (RFC 8252 §8.3)."""
    if host in ("localhost", "::1"):
        return True
    if not host.startswith("127."):
        return False
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def is_secure(where: URL | Origin, plain_http_hosts: Collection[str] = ()) -> bool:
    """
    Say whether a secret may travel to *where*: https, loopback, or a host of *plain_http_hosts*.

    *plain_http_hosts* are canonical, as ``canonical_host`` returns them.
    """
    scheme = _SCHEMES.get(where.scheme)
    if scheme != "http":
        return scheme == "https"
    if isinstance(where, URL):
        host = (where.raw_host or "").lower()
    elif where.subdomains:
        return False
    else:
        host = where.host
    return is_loopback(host) or host in plain_http_hosts


def origin_of(url: URL) -> str:
    """
    Return the origin of *url* as text, ``https://api.example.com``, a default port left out.

    Raises RequestError for a URL without a host.
    """
    if not url.raw_host:
        raise RequestError("only an absolute URL has an origin: it needs a scheme and a host")
    scheme = _SCHEMES.get(url.scheme, url.scheme)
    return _canonical(scheme, url.raw_host.lower(), url.port)


def _canonical(scheme: str, host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    default = port is None or port == _DEFAULT_PORTS.get(scheme)
    return f"{scheme}://{shown}" if default else f"{scheme}://{shown}:{port}"


def _require_text(value: object) -> None:
    if not isinstance(value, str):
        raise ConfigurationError(
            f"an origin is text such as 'https://api.example.com', not {type(value).__name__}"
        )


def _guess(text: str) -> str:
    """Return what was probably meant: a host alone, or nothing that we could repeat."""
    return f"https://{text}" if _LABELS(text.lower()) else "https://api.example.com"


def _refuse(text: str, what: str, example: str) -> NoReturn:
    # What stands before an @ may be a password, wherever the text goes wrong.
    _, at, rest = text.rpartition("@")
    shown = f"***@{rest}" if at else text
    raise ConfigurationError(f"origin {shown!r} {what}; write {example!r}")
