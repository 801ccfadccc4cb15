"""Services of OAuth 1.0a whose declarations sign something else, one mistake each (RFC 5849 §3.4.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

import attrs

from conformance.saboteurs import Saboteur
from oauthkit import OAuth1Provider
from oauthkit.protocol.oauth1 import base_string_uri, normalize_parameters

Pairs = Iterable[tuple[Any, Any]]


def declare(kind: type[OAuth1Provider]) -> OAuth1Provider:
    """Declare a service of *kind*: nothing but the overridden method is wrong."""
    return kind(
        name="sabotaged",
        documentation="https://developer.sabotaged.example/oauth",
        temporary_credential_endpoint="https://api.sabotaged.example/request_token",
        authorization_endpoint="https://sabotaged.example/authorize",
        token_endpoint="https://api.sabotaged.example/access_token",
        api_base="https://api.sabotaged.example/v1/",
    )


def _join(*parts: str) -> str:
    return "&".join(quote(part, safe="~") for part in parts)


def _pairs(url: str, oauth: Pairs, body: bytes, kind: str | None) -> list[tuple[str, str]]:
    pairs = [*oauth, *parse_qsl(urlsplit(url).query, keep_blank_values=True)]
    if kind == "application/x-www-form-urlencoded":
        pairs += parse_qsl(body.decode(), keep_blank_values=True)
    return pairs


@attrs.frozen(kw_only=True, repr=False)
class MethodAsGiven(OAuth1Provider):
    """Signs the method as the caller wrote it."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Put the method in front as it is."""
        rest = super().signature_base_string(method, url, oauth, body, kind)
        return f"{method}&{rest.partition('&')[2]}"


@attrs.frozen(kw_only=True, repr=False)
class DoubleEncoding(OAuth1Provider):
    """Hands encoded parameters to what encodes them."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Encode the values of the header once too often."""
        encoded = [(name, quote(value, safe="~")) for name, value in oauth]
        return super().signature_base_string(method, url, encoded, body, kind)


@attrs.frozen(kw_only=True, repr=False)
class SortedTooEarly(OAuth1Provider):
    """Sorts parameters before they are encoded: "~" comes after letters, "%7B" before."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Sort, then encode."""
        pairs = sorted(_pairs(url, oauth, body, kind))
        encoded = "&".join(f"{quote(n, safe='~')}={quote(v, safe='~')}" for n, v in pairs)
        return _join(method.upper(), base_string_uri(url), encoded)


@attrs.frozen(kw_only=True, repr=False)
class RepeatedKeyLost(OAuth1Provider):
    """Collects parameters in a dict."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Keep the last of each name."""
        pairs = dict(_pairs(url, oauth, body, kind)).items()
        return _join(method.upper(), base_string_uri(url), normalize_parameters(pairs))


@attrs.frozen(kw_only=True, repr=False)
class DefaultPortKept(OAuth1Provider):
    """Takes the authority as it stands in the URL."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Leave ":443" where it is."""
        parts = urlsplit(url)
        uri = f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}"
        pairs = _pairs(url, oauth, body, kind)
        return _join(method.upper(), uri, normalize_parameters(pairs))


@attrs.frozen(kw_only=True, repr=False)
class PlusForSpace(OAuth1Provider):
    """Encodes as forms are encoded."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Write a space as "+"."""
        pairs = sorted((quote_plus(n), quote_plus(v)) for n, v in _pairs(url, oauth, body, kind))
        normalized = "&".join(f"{name}={value}" for name, value in pairs)
        return _join(method.upper(), base_string_uri(url), normalized)


@attrs.frozen(kw_only=True, repr=False)
class JsonSignedAsForm(OAuth1Provider):
    """Does not look at the content type."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Read every body as a form."""
        pairs = [*oauth, *parse_qsl(body.decode(), keep_blank_values=True)] if body else oauth
        if kind == "application/x-www-form-urlencoded":
            return super().signature_base_string(method, url, oauth, body, kind)
        return super().signature_base_string(method, url, pairs, b"", kind)


@attrs.frozen(kw_only=True, repr=False)
class PathDecoded(OAuth1Provider):
    """Signs a URL that it has decoded first, as frameworks show it."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Decode the path."""
        parts = urlsplit(url)
        decoded = parts._replace(path=unquote(parts.path)).geturl()
        return super().signature_base_string(method, decoded, oauth, body, kind)


@attrs.frozen(kw_only=True, repr=False)
class CharsetForgotten(OAuth1Provider):
    """Compares content types as texts: a form that names its charset is none to it."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Leave such a form out."""
        is_form = kind == "application/x-www-form-urlencoded"
        return super().signature_base_string(method, url, oauth, body if is_form else b"", kind)


@attrs.frozen(kw_only=True, repr=False)
class SlashCut(OAuth1Provider):
    """Takes paths with a slash at their end, and without, for the same."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Cut the slash off."""
        base, mark, query = url.partition("?")
        return super().signature_base_string(
            method, f"{base.rstrip('/')}{mark}{query}", oauth, body, kind
        )


SABOTEURS = [
    Saboteur("base_string_begins_with_the_method", declare(MethodAsGiven)),
    Saboteur("base_string_uri_is_normal", declare(DefaultPortKept)),
    Saboteur("base_string_uri_is_normal", declare(PathDecoded)),
    Saboteur("base_string_uri_is_normal", declare(SlashCut)),
    Saboteur("base_string_keeps_every_parameter", declare(RepeatedKeyLost)),
    Saboteur("base_string_keeps_every_parameter", declare(CharsetForgotten)),
    Saboteur("base_string_signs_forms_only", declare(JsonSignedAsForm)),
    Saboteur("base_string_encodes_once", declare(DoubleEncoding)),
    Saboteur("base_string_writes_a_space_as_20", declare(PlusForSpace)),
    Saboteur("base_string_sorts_what_is_encoded", declare(SortedTooEarly)),
    Saboteur("base_string_agrees_with_oauthlib", declare(SortedTooEarly)),
]
