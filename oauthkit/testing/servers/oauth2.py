"""
Play an OAuth 2 authorization server and its API on declared hosts: RFC 6749 and its companions.

Codes with PKCE (RFC 7636), client credentials, passwords, rotating refresh tokens (RFC 9700),
revocation (RFC 7009), introspection (RFC 7662), and resources for bearer tokens (RFC 6750).
Everything that arrives is logged with what was checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import attrs

from oauthkit.testing.servers.bearer import BearerServer, Endpoint, as_tuple
from oauthkit.testing.servers.embedded import hosts_of, path_of
from oauthkit.testing.servers.ledger import Grant, random_text
from oauthkit.testing.servers.oauth2_authorization import Authorization, AuthorizationFault
from oauthkit.testing.servers.oauth2_clients import AUTH_METHODS, Client, ScopeRules
from oauthkit.testing.servers.oauth2_tokens import GRANT_TYPES, Tokens
from oauthkit.testing.servers.resources import text
from oauthkit.testing.servers.rfc5849 import form_pairs

if TYPE_CHECKING:
    from oauthkit import OAuth2Provider

__all__ = ["OAuth2Server"]


def _known(known: Iterable[str], field: str, values: Iterable[str]) -> None:
    wrong = sorted(set(values).difference(known))
    if wrong:
        raise ValueError(f"{field}: {', '.join(wrong)}: this server knows {', '.join(known)}")


def _a_secret(server: OAuth2Server) -> str:
    return "" if server.auth_methods == ("none",) else random_text()


@attrs.define(eq=False, kw_only=True)
class OAuth2Server(BearerServer):
    """
    Play an OAuth 2 service: ``with OAuth2Server(hosts=["auth.example"]) as server``.

    One client is registered, *client_id* with *client_secret* ("" where the only one of
    *auth_methods* is ``none``: a public client) and *redirect_uris* (None: any). *raw_basic* takes
    ``client_secret_basic`` without form encoding. *require_pkce* is for every client; a public one
    needs PKCE anyhow. *issuer* is sent back as ``iss``. *scopes* are those to be had (None: any),
    *default_scope* is granted where none is asked for. *users* maps names to passwords.
    *code_lifetime* is in seconds.

    A code and a rotated refresh token are good once: using them again revokes every token that
    came of them. *clock* gives seconds since the epoch. *log* grows by one `Exchange` a request;
    for the other options see `BearerServer`. What is no identity may be set while the server runs:
    ``server.expires_in = 0``.
    """

    authorization_path: str = "/authorize"
    revocation_path: str = "/revoke"
    introspection_path: str = "/introspect"
    issuer: str | None = None
    grant_types: tuple[str, ...] = attrs.field(default=GRANT_TYPES, converter=as_tuple)
    auth_methods: tuple[str, ...] = attrs.field(default=AUTH_METHODS[:2], converter=as_tuple)
    raw_basic: bool = False
    code_challenge_methods: tuple[str, ...] = attrs.field(
        default=("S256", "plain"), converter=as_tuple
    )
    require_pkce: bool = False
    rotate_refresh_tokens: bool = True
    scopes: tuple[str, ...] | None = attrs.field(
        default=None, converter=attrs.converters.optional(as_tuple)
    )
    default_scope: str = ""
    code_lifetime: float = 600.0
    users: Mapping[str, str] = attrs.field(factory=lambda: {"alice": random_text()}, repr=False)
    client_id: str = attrs.field(factory=random_text, on_setattr=attrs.setters.frozen)
    client_secret: str = attrs.field(
        default=attrs.Factory(_a_secret, takes_self=True),
        repr=False,
        on_setattr=attrs.setters.frozen,
    )
    redirect_uris: Iterable[str] | None = attrs.field(default=None, on_setattr=attrs.setters.frozen)

    _clients: dict[str, Client] = attrs.field(factory=dict[str, Client], init=False, repr=False)
    _authorization: Authorization = attrs.field(init=False, repr=False)
    _tokens: Tokens = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Register the client."""
        super().__attrs_post_init__()
        _known(GRANT_TYPES, "grant_types", self.grant_types)
        _known(AUTH_METHODS, "auth_methods", self.auth_methods)
        _known(("S256", "plain"), "code_challenge_methods", self.code_challenge_methods)
        self._register(self.client_id, self.client_secret, self.redirect_uris)
        self._authorization = Authorization(server=self, ledger=self._ledger, clients=self._clients)
        self._tokens = Tokens(
            server=self, ledger=self._ledger, clients=self._clients, answer=self._answer
        )

    @classmethod
    def for_provider(cls, provider: OAuth2Provider, **options: Any) -> Self:
        """
        Play the service that *provider* declares, with what it declares and nothing more.

        Taken over are hosts and paths, grant types, client authentication, PKCE, issuer, scope
        separator and token placement. *options* are those of the constructor; they win over the
        declaration.
        """
        urls = (
            provider.authorization_endpoint,
            provider.token_endpoint,
            provider.revocation_endpoint,
            provider.introspection_endpoint,
            provider.api_base,
            *provider.origins,
        )
        method = provider.code_challenge_method
        settings: dict[str, Any] = {
            "hosts": hosts_of(urls),
            "authorization_path": path_of(provider.authorization_endpoint, "/authorize"),
            "token_path": path_of(provider.token_endpoint, "/token"),
            "revocation_path": path_of(provider.revocation_endpoint, "/revoke"),
            "introspection_path": path_of(provider.introspection_endpoint, "/introspect"),
            "grant_types": provider.grant_types,
            "auth_methods": (provider.token_endpoint_auth_method,),
            "raw_basic": provider.raw_basic,
            "require_pkce": method is not None,
            "issuer": provider.issuer,
            "scope_separator": provider.scope_separator,
            "placements": (provider.token_placement,),
        }
        if method is not None:
            settings["code_challenge_methods"] = (method,)
        return cls(**{**settings, **options})

    @property
    def endpoint_paths(self) -> dict[str, str]:
        """Name the endpoints, and give their paths."""
        return {
            "authorization": self.authorization_path,
            "token": self.token_path,
            "revocation": self.revocation_path,
            "introspection": self.introspection_path,
        }

    # Credentials

    @property
    def endpoints(self) -> dict[str, str]:
        """Give the endpoints on the first of the hosts, under the names of RFC 8414, section 2."""
        origin = f"https://{self.hosts[0]}"
        return {
            "authorization_endpoint": origin + self.authorization_path,
            "token_endpoint": origin + self.token_path,
            "revocation_endpoint": origin + self.revocation_path,
            "introspection_endpoint": origin + self.introspection_path,
        }

    @property
    def creds(self) -> dict[str, str]:
        """Give the client's credentials; a public client has no ``client_secret``."""
        creds = {"client_id": self.client_id, "client_secret": self.client_secret}
        return {name: value for name, value in creds.items() if value}

    def creds_for(self, user: str = "alice", scope: str | None = None) -> dict[str, Any]:
        """Issue tokens for *user* and give the client's credentials with them."""
        return {**self.creds, **self.issue(user, scope)}

    def issue(self, user: str | None = "alice", scope: str | None = None) -> dict[str, Any]:
        """
        Issue tokens without a flow, and give the answer that the token endpoint would have given.

        *user* is None for the client itself; *scope* is joined by spaces.
        """
        granted = self.default_scope if scope is None else scope
        grant = Grant(client_id=self.client_id, user=user, scope=granted)
        refreshable = user is not None and "refresh_token" in self.grant_types
        return self._answer(grant, granted, refreshable=refreshable)

    def register_client(
        self, *, public: bool = False, redirect_uris: Iterable[str] | None = None
    ) -> dict[str, str]:
        """Register another client and give its credentials."""
        client_id, secret = random_text(), "" if public else random_text()
        self._register(client_id, secret, redirect_uris)
        return {"client_id": client_id, **({"client_secret": secret} if secret else {})}

    # The user

    def authorize(
        self, authorization_url: str, *, approve: bool = True, user: str = "alice"
    ) -> str:
        """
        Decide as *user* would at *authorization_url*: give the URL of the redirect back.

        A request with a fault that the client is told of gives the URL that tells it. Raises
        `ValueError` for a URL that is not of this server, and for a request whose client or
        redirect URI is wrong: nobody is redirected then.
        """
        query = self._own_query(authorization_url, (self.authorization_path,))
        pairs = [(text(name), text(value)) for name, value in form_pairs(query.encode())]
        try:
            asked = self._authorization.asked(pairs)
        except AuthorizationFault as fault:
            if fault.location is None:
                raise ValueError(fault.description) from None
            return fault.location
        return self._authorization.decide(asked, approve=approve, user=user)

    # How a request is answered

    @property
    def scope_rules(self) -> ScopeRules:
        """Give the rules by which a requested scope is judged."""
        return ScopeRules(
            supported=self.scopes, default=self.default_scope, separator=self.scope_separator
        )

    def _register(self, client_id: str, secret: str, redirect_uris: Iterable[str] | None) -> None:
        uris = None if redirect_uris is None else frozenset(redirect_uris)
        self._clients[client_id] = Client(client_id=client_id, secret=secret, redirect_uris=uris)

    def _endpoints(self) -> dict[str, Endpoint]:
        return {
            self.authorization_path: self._authorization.examine,
            self.token_path: self._tokens.examine,
            self.revocation_path: self._tokens.examine_revocation,
            self.introspection_path: self._tokens.examine_introspection,
        }
