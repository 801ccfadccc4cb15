"""
Play an OAuth 1.0a service on declared hosts: RFC 5849, and answers shaped like a real one's.

The three endpoints of section 2, two account resources, an echo for everything else that is
signed, and hooks by which a test makes the service misbehave. Everything that arrives is logged
with what was recomputed and checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import parse_qs

import attrs
from aiohttp import web
from cryptography.hazmat.primitives import serialization

from oauthkit.testing.servers.accounts import AccessToken, Accounts
from oauthkit.testing.servers.certificates import throwaway_rsa_key
from oauthkit.testing.servers.embedded import EmbeddedServer, hosts_of, path_of
from oauthkit.testing.servers.rfc5849 import RSA_METHODS, SIGNATURE_METHODS
from oauthkit.testing.servers.service import Service
from oauthkit.testing.servers.verification import Verifier

if TYPE_CHECKING:
    from oauthkit import OAuth1Provider

__all__ = ["Declaration", "OAuth1Server"]

AUTHORIZATION_PATHS = ("/oauth/authorize", "/oauth/authenticate")


class Declaration(Protocol):
    """Describe what `OAuth1Server.for_provider` reads off a provider's declaration."""

    @property
    def temporary_credential_endpoint(self) -> str | None:
        """Give the URL of RFC 5849, section 2.1."""
        ...

    @property
    def authorization_endpoint(self) -> str | None:
        """Give the URL of section 2.2."""
        ...

    @property
    def token_endpoint(self) -> str | None:
        """Give the URL of section 2.3."""
        ...

    @property
    def api_base(self) -> str | None:
        """Give the URL that relative ones are joined with."""
        ...

    @property
    def origins(self) -> Iterable[str]:
        """Give the origins that a token may go to."""
        ...

    @property
    def signature_methods(self) -> Iterable[str]:
        """Name the signature methods that the service takes."""
        ...


def _methods(methods: Iterable[str]) -> tuple[str, ...]:
    return tuple(methods)


@attrs.define(eq=False, kw_only=True)
class OAuth1Server(EmbeddedServer):
    """
    Play an OAuth 1.0a service: ``with OAuth1Server(hosts=["api.example"]) as server``.

    *clock* gives seconds since the epoch, and the ``Date`` of every answer; *max_age* is how many
    seconds a timestamp may be off. *callbacks* are the registered callback URLs (None: any).
    *two_legged* lets resources be read without a token. *log* grows by one `Exchange` a request.
    """

    temporary_credential_path: str = "/oauth/request_token"
    authorization_paths: tuple[str, ...] = AUTHORIZATION_PATHS
    token_path: str = "/oauth/access_token"
    signature_methods: tuple[str, ...] = attrs.field(default=SIGNATURE_METHODS, converter=_methods)
    max_age: float = 300.0
    realm: str = "OAuth"
    callbacks: Iterable[str] | None = None
    two_legged: bool = False

    _accounts: Accounts = attrs.field(init=False, repr=False)
    _access: AccessToken = attrs.field(init=False, repr=False)
    _service: Service = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Issue the client's credentials and one access token."""
        super().__attrs_post_init__()
        registered = None if self.callbacks is None else frozenset(self.callbacks)
        self._accounts = Accounts(callbacks=registered)
        self._access = self._accounts.issue("alice")
        self._service = Service(
            accounts=self._accounts,
            verifier=Verifier(
                accounts=self._accounts,
                clock=self.clock,
                max_age=self.max_age,
                signature_methods=self.signature_methods,
                two_legged=self.two_legged,
                public_key=lambda: throwaway_rsa_key().public_key(),
            ),
            clock=self.clock,
            realm=self.realm,
            temporary_credential_path=self.temporary_credential_path,
            authorization_paths=self.authorization_paths,
            token_path=self.token_path,
            log=self.log,
            hooks=self._hooks,
        )

    @classmethod
    def for_provider(cls, provider: Declaration | OAuth1Provider, **options: Any) -> Self:
        """
        Play the service that *provider* declares: its hosts, endpoint paths, signature methods.

        *options* are those of the constructor; they win over the declaration.
        """
        urls = (
            provider.temporary_credential_endpoint,
            provider.authorization_endpoint,
            provider.token_endpoint,
            provider.api_base,
            *provider.origins,
        )
        authorization = path_of(provider.authorization_endpoint, AUTHORIZATION_PATHS[0])
        settings: dict[str, Any] = {
            "hosts": hosts_of(urls),
            "temporary_credential_path": path_of(
                provider.temporary_credential_endpoint, "/oauth/request_token"
            ),
            "authorization_paths": tuple(dict.fromkeys((authorization, *AUTHORIZATION_PATHS))),
            "token_path": path_of(provider.token_endpoint, "/oauth/access_token"),
            "signature_methods": provider.signature_methods,
        }
        return cls(**{**settings, **options})

    @property
    def endpoint_paths(self) -> dict[str, str]:
        """Name the endpoints of RFC 5849, section 2, and give their paths."""
        return {
            "temporary_credentials": self.temporary_credential_path,
            "authorization": self.authorization_paths[0],
            "token": self.token_path,
        }

    @property
    def token_requests(self) -> int:
        """Count the requests to the token endpoint in `log`, refused ones and hooks' among them."""
        return sum(found.path == self.token_path for found in self.log)

    # Credentials

    @property
    def client_id(self) -> str:
        """Give the client's identifier."""
        return self._accounts.client_id

    @property
    def client_secret(self) -> str:
        """Give the client's shared secret."""
        return self._accounts.client_secret

    @property
    def token(self) -> str:
        """Give the access token of the user alice, issued beforehand."""
        return self._access.token

    @property
    def token_secret(self) -> str:
        """Give that token's secret."""
        return self._access.secret

    @property
    def rsa_key(self) -> str:
        """Give the client's private RSA key as PEM; generated when first asked for."""
        return (
            throwaway_rsa_key()
            .private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            .decode()
        )

    @property
    def client_creds(self) -> dict[str, str]:
        """
        Give the client's own credentials, to begin a flow with.

        They hold ``rsa_key`` where RSA is the only signature allowed.
        """
        creds = {"client_id": self.client_id, "client_secret": self.client_secret}
        if all(method in RSA_METHODS for method in self.signature_methods):
            creds["rsa_key"] = self.rsa_key
        return creds

    @property
    def creds(self) -> dict[str, str]:
        """Give the client's credentials with alice's token."""
        return {**self.client_creds, "token": self.token, "token_secret": self.token_secret}

    def issue(self, user: str = "alice") -> dict[str, str]:
        """Issue an access token without a flow, and give what the token endpoint would answer."""
        made = self._accounts.issue(user)
        return {
            "oauth_token": made.token,
            "oauth_token_secret": made.secret,
            "user_id": made.user_id,
            "screen_name": made.user,
        }

    def creds_for(self, user: str) -> dict[str, str]:
        """Issue a new access token for *user* and give the client's credentials with it."""
        made = self._accounts.issue(user)
        return {**self.client_creds, "token": made.token, "token_secret": made.secret}

    def revoke(self, token: str) -> None:
        """Make an access token invalid."""
        self._accounts.revoke(token)

    # The user

    def authorize(
        self, authorization_url: str, *, approve: bool = True, user: str = "alice"
    ) -> str:
        """
        Decide as *user* would at *authorization_url*: give the URL of the redirect back.

        Out of band it is the PIN, or the empty string for a refusal. Raises `ValueError` for a
        URL that is not of this server, and for temporary credentials that are unknown, expired or
        decided.
        """
        query = self._own_query(authorization_url, self.authorization_paths)
        tokens = parse_qs(query).get("oauth_token", [])
        if len(tokens) != 1:
            raise ValueError("the authorization URL holds no oauth_token, or several")
        return self._accounts.decide(tokens[0], self.clock(), approve=approve, user=user)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return await self._service.handle(request)
