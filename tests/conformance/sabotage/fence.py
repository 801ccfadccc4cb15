"""Declarations whose fence has a hole, one mistake each (RFC 6454 §5, RFC 9700 §4.9.1)."""

from __future__ import annotations

from typing import Any

import attrs

from conformance.saboteurs import Saboteur
from oauthkit import AssertionProvider, OAuth1Provider, OAuth2Provider, Provider
from oauthkit.protocol.origins import Origin, parse_origin


@attrs.frozen
class EndsWith(Origin):
    """Compares the ends of hosts: ``evilsabotaged.example`` ends in ``sabotaged.example``."""

    def matches(self, scheme: str, host: str | None, port: int | None) -> bool:
        """Look at the end alone."""
        return scheme == self.scheme and (host or "").endswith(self.host) and port == self.port


@attrs.frozen
class BeginsWith(Origin):
    """Compares the beginnings of URLs: ``api.sabotaged.example.evil.example`` begins right."""

    def matches(self, scheme: str, host: str | None, port: int | None) -> bool:
        """Look at the beginning alone."""
        return f"{scheme}://{host}".startswith(f"{self.scheme}://{self.host}") and port == self.port


@attrs.frozen
class AnyPort(Origin):
    """Compares scheme and host: whoever has another port of it gets tokens, too."""

    def matches(self, scheme: str, host: str | None, port: int | None) -> bool:
        """Do not look at the port."""
        return super().matches(scheme, host, self.port)


@attrs.frozen
class AnyScheme(Origin):
    """Compares hosts: tokens travel in the clear."""

    def matches(self, scheme: str, host: str | None, port: int | None) -> bool:
        """Look at the host alone."""
        return host == self.host


@attrs.frozen
class NoCase(Origin):
    """Compares letter by letter: ``API.sabotaged.example`` is refused."""

    def matches(self, scheme: str, host: str | None, port: int | None) -> bool:
        """Compare as it was written."""
        return (scheme, host, port) == (self.scheme, self.host.upper(), self.port)


def _holed(provider: Provider[Any], kind: type[Origin]) -> tuple[Origin, ...]:
    parsed = parse_origin("https://api.sabotaged.example")
    assert provider.api_base == f"{parsed}/v1/"
    return (kind(parsed.scheme, parsed.host, parsed.port),)


@attrs.frozen(kw_only=True, repr=False)
class SuffixMatch(OAuth1Provider):
    """Takes hosts that end like a declared one."""

    @property
    def token_origins(self) -> tuple[Origin, ...]:
        """Give origins with a hole."""
        return _holed(self, EndsWith)


@attrs.frozen(kw_only=True, repr=False)
class PrefixMatch(AssertionProvider):
    """Takes URLs that begin like a declared one."""

    @property
    def token_origins(self) -> tuple[Origin, ...]:
        """Give origins with a hole."""
        return _holed(self, BeginsWith)


@attrs.frozen(kw_only=True, repr=False)
class PortForgotten(OAuth2Provider):
    """Takes every port of a declared host."""

    @property
    def token_origins(self) -> tuple[Origin, ...]:
        """Give origins with a hole."""
        return _holed(self, AnyPort)


@attrs.frozen(kw_only=True, repr=False)
class SchemeForgotten(OAuth2Provider):
    """Takes http and https alike."""

    @property
    def token_origins(self) -> tuple[Origin, ...]:
        """Give origins with a hole."""
        return _holed(self, AnyScheme)


@attrs.frozen(kw_only=True, repr=False)
class CaseMatters(OAuth2Provider):
    """Refuses its own API: a fence that is too narrow is no fence either."""

    @property
    def token_origins(self) -> tuple[Origin, ...]:
        """Give origins that nothing matches."""
        return _holed(self, NoCase)


_HOSTS: dict[str, Any] = {
    "name": "sabotaged",
    "documentation": "https://developer.sabotaged.example/oauth",
    "token_endpoint": "https://login.sabotaged.example/token",
    "api_base": "https://api.sabotaged.example/v1/",
}
_USERS: dict[str, Any] = {
    **_HOSTS,
    "authorization_endpoint": "https://login.sabotaged.example/authorize",
}
PORT = PortForgotten(**_USERS)
SCHEME = SchemeForgotten(**_USERS)
SUFFIX = SuffixMatch(**_USERS)
PREFIX = PrefixMatch(**_HOSTS)

_LAWS = (
    "fence_is_what_is_declared",
    "token_goes_to_declared_origins_only",
    "token_stays_behind_on_redirects",
)
SABOTEURS = [
    *(Saboteur(law, provider) for provider in (SUFFIX, PREFIX, PORT, SCHEME) for law in _LAWS),
    Saboteur("fence_is_what_is_declared", CaseMatters(**_USERS)),
    Saboteur("token_goes_to_declared_origins_only", CaseMatters(**_USERS)),
]
