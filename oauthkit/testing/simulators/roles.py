"""
Which server plays which kind of declaration, and what a client is made of then.

The one place where kinds are told apart: a new one gets a role here, and is simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any, Protocol

import attrs

from oauthkit import (
    AssertionProvider,
    ConfigurationError,
    OAuth1Provider,
    OAuth2Provider,
    OAuth2Template,
    Provider,
)
from oauthkit.testing.servers import AssertionServer, OAuth1Server, OAuth2Server
from oauthkit.testing.servers.embedded import EmbeddedServer

__all__ = ["ROLES", "Role", "cast_role"]

_TOKENS_HELD = frozenset({"authorization_code", "refresh_token"})
_CLIENT = ("client_id", "client_secret")


class Role(Protocol):
    """Describe what a simulation needs to know of a kind of service."""

    @property
    def server(self) -> Any:
        """Give the server that plays it: an `EmbeddedServer`."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """Give the options that ``connect()`` needs besides credentials."""
        ...

    @property
    def client_creds(self) -> dict[str, Any]:
        """Give what ``connect()`` takes to begin a log-in."""
        ...

    def creds(self) -> dict[str, Any]:
        """Give what ``connect()`` takes, with a new token where a client of this kind keeps one."""
        ...

    def issue(self, user: str | None, scope: str | None) -> dict[str, Any]:
        """Issue a token, and give what the token endpoint would answer."""
        ...


@attrs.define(eq=False, kw_only=True)
class OAuth1Role:
    """Play an OAuth 1.0a service (RFC 5849)."""

    server: OAuth1Server
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any], init=False)

    @property
    def client_creds(self) -> dict[str, Any]:
        """Give the client's credentials."""
        return dict(self.server.client_creds)

    def creds(self) -> dict[str, Any]:
        """Give the client's credentials with alice's token."""
        return dict(self.server.creds)

    def issue(self, user: str | None, scope: str | None) -> dict[str, Any]:
        """Issue a token; OAuth 1.0a knows neither a client's own nor scopes."""
        if user is None or scope is not None:
            raise ValueError("an OAuth 1.0a token is a user's, and has no scope")
        return dict(self.server.issue(user))


@attrs.define(eq=False, kw_only=True)
class OAuth2Role:
    """
    Play an OAuth 2 service (RFC 6749) for clients that use *grant_type*.

    *settings* are what the credentials hold besides: a template's.
    """

    server: OAuth2Server
    grant_type: str
    scope: str | None = None
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    settings: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)

    @property
    def client_creds(self) -> dict[str, Any]:
        """Give the client's credentials, and the user's password where it is the grant (4.3)."""
        creds: dict[str, Any] = {**self.settings, **self.server.creds}
        if self.grant_type == "password":
            username, password = next(iter(self.server.users.items()))
            creds |= {"username": username, "password": password}
        return creds

    def creds(self) -> dict[str, Any]:
        """Give the credentials, with a token of alice's where the grant needs her to log in."""
        creds = self.client_creds
        if self.grant_type in _TOKENS_HELD:
            token = self.issue("alice", self.scope)
            lifetime = token.get("expires_in")
            if isinstance(lifetime, (int, float)):
                token["expires_at"] = self.server.clock() + lifetime
            token.pop("scope", None)
            creds |= token
        return creds

    def issue(self, user: str | None, scope: str | None) -> dict[str, Any]:
        """Issue tokens (section 5.1)."""
        return self.server.issue(user, scope)


@attrs.define(eq=False, kw_only=True)
class AssertionRole:
    """Play a service that takes signed assertions (RFC 7523) of one service account."""

    provider: AssertionProvider
    server: AssertionServer
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any], init=False)

    @property
    def client_creds(self) -> dict[str, Any]:
        """Give the key file, in the shape that the declaration says the service's have."""
        constants = dict(self.provider.credential_constants)
        names = dict(self.provider.credential_names)
        known = {*names.values(), *constants, *self.provider.ignored_credentials, "private_key"}
        file = {**self.server.key_file, **constants}
        if known.issuperset(file):
            return dict(file)
        own = {names.get(name, name): value for name, value in self.server.creds.items()}
        return {**own, **constants}

    def creds(self) -> dict[str, Any]:
        """Give the key file: a token is got with it."""
        return self.client_creds

    def issue(self, user: str | None, scope: str | None) -> dict[str, Any]:
        """Issue a token without an assertion."""
        return self.server.issue(user, scope or "")


def _oauth1(provider: OAuth1Provider, options: dict[str, Any]) -> Role:
    return OAuth1Role(server=_start(OAuth1Server, provider, options))


def _oauth2(provider: OAuth2Provider, options: dict[str, Any]) -> Role:
    grant_type = options.pop("grant_type", None)
    if grant_type is not None and grant_type not in provider.grant_types:
        offered = ", ".join(map(repr, provider.grant_types))
        raise ConfigurationError(f"grant_type: provider {provider.name!r} declares {offered}")
    return OAuth2Role(
        server=_start(OAuth2Server, provider, options),
        grant_type=grant_type or provider.grant_types[0],
        scope=provider.scope,
        options={} if grant_type is None else {"grant_type": grant_type},
    )


def _template(template: OAuth2Template, options: dict[str, Any]) -> Role:
    grant_type = options.pop("grant_type", None)
    given = options.pop("settings", None)
    settings = dict(given) if given is not None else _made_up(template.name)
    if grant_type is not None:
        settings["grant_type"] = grant_type
    settings.setdefault("grant_type", template.grant_types[0])
    provider = template.declare({n: v for n, v in settings.items() if n in template.settings})
    # The client and the user of settings that hold credentials are those that the service knows.
    for name in _CLIENT:
        if settings.get(name) is not None:
            options.setdefault(name, settings[name])
    username, password = settings.get("username"), settings.get("password")
    if username is not None and password is not None:
        options.setdefault("users", {username: password})
    return OAuth2Role(
        server=_start(OAuth2Server, provider, options),
        grant_type=provider.grant_types[0],
        scope=settings.get("scope"),
        settings=settings,
    )


def _assertion(provider: AssertionProvider, options: dict[str, Any]) -> Role:
    return AssertionRole(provider=provider, server=_start(AssertionServer, provider, options))


ROLES: dict[type[Provider[Any]], Callable[[Any, dict[str, Any]], Role]] = {
    AssertionProvider: _assertion,
    OAuth1Provider: _oauth1,
    OAuth2Provider: _oauth2,
    OAuth2Template: _template,
}
"""What plays each kind of declaration; a subclass is played as the nearest that is here."""


def cast_role(provider: Provider[Any], options: Mapping[str, Any]) -> Role:
    """Give the role for *provider*; raises ConfigurationError for a kind that has none."""
    for kind in type(provider).__mro__:
        if kind in ROLES:
            return ROLES[kind](provider, dict(options))
    known = ", ".join(sorted(kind.__name__ for kind in ROLES))
    raise ConfigurationError(
        f"provider {provider.name!r} is a {type(provider).__name__}: "
        f"there is no simulator of its kind, but of {known}"
    )


def _made_up(name: str) -> dict[str, Any]:
    """Give the settings of a service that is nowhere (RFC 2606, section 2; RFC 8414, section 2)."""
    login = f"https://login.{name}.example"
    return {
        "authorization_endpoint": f"{login}/authorize",
        "token_endpoint": f"{login}/token",
        "revocation_endpoint": f"{login}/revoke",
        "introspection_endpoint": f"{login}/introspect",
        "api_base": f"https://api.{name}.example/",
    }


def _start(kind: Any, provider: Provider[Any], options: Mapping[str, Any]) -> Any:
    """Make the server of a kind; raises ConfigurationError for what it cannot play."""
    known = {(field.alias or field.name).lstrip("_") for field in attrs.fields(kind) if field.init}
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(sorted(known))}"
            raise ConfigurationError(f"simulate() takes no option {name!r} here: {hint}")
    server: EmbeddedServer = kind.for_provider(provider, **options)
    for host in server.hosts:
        if _is_address(host):
            raise ConfigurationError(
                f"provider {provider.name!r} names the address {host}: only names can be played"
            )
    return server


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
