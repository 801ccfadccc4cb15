"""
The signature base string of OAuth 1.0a (RFC 5849 §3.4.1).

It is read back with the standard library: what a declaration's method made is taken apart again,
and compared with what was drawn.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from oauthkit import OAuth1Provider
from oauthkit.testing import strategies
from oauthkit.testing.laws.law import law
from oauthkit.testing.laws.subject import Subject
from oauthkit.testing.strategies import Request

_DEFAULT_PORTS = {"http": 80, "https": 443}


def _make(subject: Subject, request: Request) -> str:
    made: str = subject.provider.signature_base_string(
        request.method, request.url, request.oauth, request.body, request.content_type
    )
    return made


def _parts(subject: Subject, request: Request) -> tuple[str, str, str]:
    """Return the three parts, each decoded once."""
    parts = _make(subject, request).split("&")
    subject.require(len(parts) == 3, f"{len(parts)} parts between ampersands")
    method, uri, normalized = map(unquote, parts)
    return method, uri, normalized


def _encoded_pairs(subject: Subject, request: Request) -> list[tuple[str, str]]:
    """Return the normalized parameters, still encoded."""
    _, _, normalized = _parts(subject, request)
    pieces = [piece.partition("=") for piece in normalized.split("&") if piece]
    return [(name, value) for name, _, value in pieces]


def _encode_once(text: str) -> str:
    """Encode by the letter of §3.6, octet by octet."""
    kept = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    return "".join(chr(octet) if octet in kept else f"%{octet:02X}" for octet in text.encode())


@law("RFC 5849 §3.4.1.1", kind=OAuth1Provider)
def base_string_begins_with_the_method(subject: Subject) -> None:
    """It has three parts, joined by "&", and the first is the method in upper case."""

    def check(request: Request) -> None:
        method, _, _ = _parts(subject, request)
        wanted = request.method.upper()
        subject.require(method == wanted, f"the first part is {method!r}, expected {wanted!r}")

    subject.for_all(check, request=strategies.requests())


@law("RFC 5849 §3.4.1.2", kind=OAuth1Provider)
def base_string_uri_is_normal(subject: Subject) -> None:
    """Its second part is the URL in lower-case scheme and host, without default port and query."""

    def check(request: Request) -> None:
        _, uri, _ = _parts(subject, request)
        seen = urlsplit(request.base)
        scheme, host = seen.scheme.lower(), seen.netloc.lower()
        if seen.port == _DEFAULT_PORTS[scheme]:
            host = host.rpartition(":")[0]
        wanted = f"{scheme}://{host}{seen.path}"
        subject.require(uri == wanted, f"the URI is {uri!r}, expected {wanted!r}")

    subject.for_all(check, request=strategies.requests())


@law("RFC 5849 §3.4.1.3.1", kind=OAuth1Provider)
def base_string_keeps_every_parameter(subject: Subject) -> None:
    """All parameters are signed: of the query, the form and the header, repeated ones too."""

    def check(request: Request) -> None:
        count = len(_encoded_pairs(subject, request))
        wanted = len(request.pairs)
        subject.require(count == wanted, f"{count} parameters are signed, {wanted} were sent")

    subject.for_all(check, request=strategies.requests())


@law("RFC 5849 §3.4.1.3.1", kind=OAuth1Provider)
def base_string_signs_forms_only(subject: Subject) -> None:
    """A body that is not application/x-www-form-urlencoded adds nothing."""

    def check(request: Request) -> None:
        if request.form is not None:
            return
        alone = _make(subject, request)
        without = subject.provider.signature_base_string(
            request.method, request.url, request.oauth, b"", request.content_type
        )
        subject.require(alone == without, f"a body of {request.content_type} is signed")

    subject.for_all(check, request=strategies.requests())


@law("RFC 5849 §3.4.1.3.2", kind=OAuth1Provider)
def base_string_encodes_once(subject: Subject) -> None:
    """Each name and value is percent-encoded once, octet by octet, in upper-case digits (§3.6)."""

    def check(request: Request) -> None:
        found = sorted(_encoded_pairs(subject, request))
        wanted = sorted((_encode_once(n), _encode_once(v)) for n, v in request.pairs)
        wrong = [pair for pair in found if pair not in wanted]
        subject.require(not wrong, f"signed is {wrong}, expected were {wanted}")

    subject.for_all(check, request=strategies.requests())


@law("RFC 5849 §3.6", kind=OAuth1Provider)
def base_string_writes_a_space_as_20(subject: Subject) -> None:
    """A space is %20, wherever it came from; "+" stands for nothing and never occurs."""

    def check(request: Request) -> None:
        _, _, normalized = _parts(subject, request)
        subject.require("+" not in normalized, f"there is a plus sign in {normalized!r}")

    subject.for_all(check, request=strategies.requests())


@law("RFC 5849 §3.4.1.3.2", kind=OAuth1Provider)
def base_string_sorts_what_is_encoded(subject: Subject) -> None:
    """Parameters are sorted by name, then value, after they are encoded."""

    def check(request: Request) -> None:
        found = _encoded_pairs(subject, request)
        subject.require(found == sorted(found), f"not in their order: {found}")

    subject.for_all(check, request=strategies.requests())


@law("RFC 5849 §3.4.1", kind=OAuth1Provider)
def base_string_agrees_with_oauthlib(subject: Subject) -> None:
    """Where oauthlib is installed, it makes the same base string of the same request."""
    try:
        from oauthlib.oauth1.rfc5849 import signature
    except ImportError:
        return
    judge: Any = signature

    def check(request: Request) -> None:
        uri = judge.base_string_uri(request.url)
        normalized = judge.normalize_parameters(request.pairs)
        wanted = judge.signature_base_string(request.method, uri, normalized)
        made = _make(subject, request)
        subject.require(made == wanted, f"oauthlib makes\n{wanted}\nand the declaration\n{made}")

    # oauthlib cuts path parameters off the last segment, and decodes escapes in a path.
    subject.for_all(check, request=strategies.requests(paths=strategies.PLAIN_PATHS))
