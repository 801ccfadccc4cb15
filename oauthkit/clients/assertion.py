"""The assertion client: service accounts and other keys that speak for themselves (RFC 7523)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from aiohttp import ClientSession

from oauthkit.clients.assertion_flow import AssertionExchange
from oauthkit.clients.base import Client
from oauthkit.clients.oauth2_flow import OAuth2Flow
from oauthkit.clients.options import check_amount, check_assertion, check_choice, check_flag
from oauthkit.errors import ConfigurationError
from oauthkit.protocol import grants
from oauthkit.protocol.jose import ALGORITHMS, Algorithm
from oauthkit.protocol.token import Token, oauth2_token
from oauthkit.tokens.events import OnToken
from oauthkit.tokens.grants import Landing, Slot
from oauthkit.tokens.seams import TokenSource
from oauthkit.tokens.sources import StoredSource
from oauthkit.tokens.stores import GrantKey, TokenStore
from oauthkit.transport.bearer import BearerSigner, TokenPlacement
from oauthkit.transport.caller import ServerCaller

if TYPE_CHECKING:
    from oauthkit.credentials import AssertionCredentials
    from oauthkit.provider import AssertionProvider
    from oauthkit.tokens.keys import Keys

__all__ = ["AsyncAssertionClient"]

_PLACEMENTS = ("header", "body", "query")
_RESERVED = frozenset({"aud", "exp", "iat", "iss", "sub"})


class AsyncAssertionClient(Client):
    """
    A client of a service account: it signs assertions, exchanges them, and sends what it got.

    ``connect()`` makes one from a provider. Made directly, it takes the session first; without
    *origins*, the origin of each URL that its caller passes counts as declared for that call.

    *token_url* (or *token_endpoint*), *issuer* and *key* are required. *issuer*, *subject* and
    *audience* are the ``iss``, ``sub`` and ``aud`` of the assertion (RFC 7523 §3): without
    *subject* there is no ``sub``, and ``aud`` is the token endpoint unless said otherwise. *claims*
    is what else it holds, *header* its JOSE header (``alg``, ``kid``), *key* the
    private key in PEM; *alg* is RS256, PS256, ES256 or EdDSA. *expires_in* (seconds) is the
    assertion's lifetime. *scope* goes along in the form (RFC 7521 §4.1). The other options are
    those of ``AsyncOAuth2Client``.

    Raises ConfigurationError where an argument cannot be right, CredentialsError for credentials.
    """

    __slots__ = (
        "_alg",
        "_answer_limit",
        "_audience",
        "_claims",
        "_grant_type",
        "_header",
        "_issuer",
        "_key",
        "_leeway",
        "_lifetime",
        "_scope",
        "_subject",
        "_token_endpoint",
        "_token_placement",
    )

    def __init__(
        self,
        session: ClientSession | None,
        token_url: str | None = None,
        issuer: str | None = None,
        subject: str | None = None,
        audience: str | None = None,
        grant_type: str | None = None,
        claims: Mapping[str, Any] | None = None,
        token_placement: TokenPlacement = "header",
        scope: str | Iterable[str] | None = None,
        key: str | None = None,
        header: Mapping[str, Any] | None = None,
        alg: Algorithm | None = None,
        expires_in: int = 3600,
        *,
        token_endpoint: str | None = None,
        token: Mapping[str, Any] | None = None,
        leeway: float = 60.0,
        store: TokenStore | str | None = None,
        encryption_key: Keys | None = None,
        account: str = "",
        origins: Iterable[str] = (),
        cookies: bool = False,
        trust_env: bool = False,
        deadline: float = 30.0,
        token_timeout: float = 30.0,
        retries: int = 2,
        on_token: OnToken | None = None,
        answer_limit: int = 1024 * 1024,
        clock: Callable[[], float] = time.time,
        _provider: AssertionProvider | None = None,
    ) -> None:
        whose = _provider.name if _provider is not None else type(self).__name__
        endpoint = token_endpoint or token_url
        named = (header or {}).get("alg")
        if alg is not None and named is not None and alg != named:
            raise ConfigurationError(f"alg = {alg!r}, and header names {named!r}: leave one out")
        alg = alg or cast("Algorithm | None", named) or "RS256"
        check_choice("alg", alg, ALGORITHMS)
        if reserved := sorted(_RESERVED.intersection(claims or ())):
            raise ConfigurationError(
                f"claims holds {', '.join(reserved)}, which the client sets itself: pass issuer=, "
                "subject=, audience= and expires_in="
            )
        check_choice("token_placement", token_placement, _PLACEMENTS)
        check_assertion(whose, token_endpoint=endpoint, issuer=issuer, key=key)
        check_amount("expires_in", expires_in, "seconds")
        check_amount("deadline", deadline, "seconds")
        check_amount("answer_limit", answer_limit, "bytes")
        check_amount("leeway", leeway, "seconds", zero=True)
        check_flag("cookies", cookies)
        check_flag("trust_env", trust_env)
        super().__init__(
            _provider,
            session,
            token=None if token is None else oauth2_token(token, whose=whose, now=clock()),
            origins=origins,
            cookies=cookies,
            trust_env=trust_env,
            deadline=deadline,
            store=store,
            encryption_key=encryption_key,
            account=account,
            token_timeout=token_timeout,
            retries=retries,
            clock=clock,
            on_token=on_token,
        )
        self._token_endpoint = self._given_url("token_endpoint", cast("str", endpoint))
        self._issuer = cast("str", issuer)
        self._subject = subject
        self._audience = audience or self._token_endpoint
        self._grant_type = grant_type or grants.JWT_BEARER
        self._claims = dict(claims or {})
        self._token_placement: TokenPlacement = token_placement
        self._scope = grants.join_scope(scope)
        self._key = cast("str", key)
        self._header = {name: value for name, value in (header or {}).items() if name != "alg"}
        self._alg: Algorithm = alg
        self._lifetime = int(expires_in)
        self._leeway = leeway
        self._answer_limit = answer_limit

    @classmethod
    def from_provider(
        cls,
        provider: AssertionProvider,
        credentials: AssertionCredentials,
        *,
        session: ClientSession | None = None,
        **options: Any,
    ) -> AsyncAssertionClient:
        """Make the client of a declaration; what ``connect()`` does with checked credentials."""
        scope = options.pop("scope", None) or credentials.scope or provider.scope
        claims = dict(options.pop("claims", None) or {})
        settings: dict[str, Any] = {
            "subject": credentials.subject,
            "token_placement": provider.token_placement,
            "alg": provider.alg,
            "expires_in": provider.lifetime,
            **options,
        }
        joined = grants.join_scope(scope)
        if provider.scope_in_claims:
            # The scope is part of what the key speaks for; the grant's slot still is the scope's.
            claims.setdefault("scope", joined)
        else:
            settings["scope"] = joined
        return cls(
            session,
            provider.token_endpoint,
            credentials.issuer,
            # To the letter: a server may compare texts (RFC 7523 §3, point 3; RFC 3986 §6.2.1).
            audience=provider.audience or credentials.token_endpoint or provider.token_endpoint,
            claims=claims,
            key=credentials.private_key,
            header={"kid": credentials.key_id} if credentials.key_id else None,
            token_endpoint=credentials.token_endpoint,
            _provider=provider,
            **settings,
        )

    # What the base asks for.

    def _grant_key(self) -> GrantKey:
        # All that the token depends on, but its scope: one user's must not be taken for another's.
        claims = {name: value for name, value in self._claims.items() if name != "scope"}
        who = json.dumps([self._issuer, self._subject, self._audience, claims], sort_keys=True)
        return GrantKey(issuer=self._token_endpoint, client_id=who, account=self._account)

    def _slot(self) -> Slot:
        asked = self._scope or str(self._claims.get("scope", ""))
        return (" ".join(sorted(grants.split_scope(asked))), "")

    def _make_signer(self) -> BearerSigner:
        return BearerSigner(placement=self._token_placement)

    def _make_source(self) -> TokenSource:
        return StoredSource(
            grant=self._the_grant,
            slot=self._slot(),
            exchange=self._exchange(),
            leeway=self._leeway,
            deadline=self._token_timeout,
            retries=self._retries(),
            clock=self._clock,
            sight=self._the_sight,
        )

    def _read_token(self, members: Mapping[str, Any]) -> Token:
        return oauth2_token(members, whose=self._whose, now=self._clock())

    def _exchange(self) -> AssertionExchange:
        provider = cast("AssertionProvider | None", self._provider)
        flow = OAuth2Flow(
            whose=self._whose,
            client_id="",
            auth_method=None,
            caller=ServerCaller(
                sessions=self._sessions, deadline=self._deadline, answer_limit=self._answer_limit
            ),
            clock=self._clock,
        )
        if provider is not None:
            flow.prepare_token, flow.parse_token = provider.prepare_token, provider.parse_token
        return AssertionExchange(
            flow=flow,
            token_endpoint=self._token_endpoint,
            issuer=self._issuer,
            subject=self._subject,
            audience=self._audience,
            claims=self._claims,
            key=self._key,
            alg=self._alg,
            header=self._header,
            lifetime=self._lifetime,
            grant_type=self._grant_type,
            form={"scope": self._scope} if self._scope else {},
            prepare_claims=None if provider is None else provider.prepare_claims,
        )

    # Public.

    @property
    def scope(self) -> str:
        """The scope that is asked for."""
        return self._scope or str(self._claims.get("scope", ""))

    async def refresh_token(self) -> Token:
        """
        Exchange a new assertion for a token now (RFC 7523 §2.1), keep it, and return it.

        The requests of a client do this by themselves, when there is no token or it has expired.
        Raises OAuthError where the server refuses, UnreachableError where it does not answer,
        ConfigurationError for a key that does not fit.
        """
        exchange, grant, slot = self._exchange(), self._the_grant, self._slot()
        since, deadline, retries = grant.start(), self._token_timeout, self._retries()
        sight = self._the_sight
        self._sessions.get()

        async def fetch() -> Mapping[str, Any]:
            with sight.request():
                return await exchange(None)

        async def fetch_and_keep() -> Landing:
            members = await retries.run(fetch)
            token = await grant.keep(slot, members, since=since, deadline=deadline)
            sight.tell("refreshed")
            return Landing(grant.generation, slot, token)

        return await grant.land(sight.attempt(fetch_and_keep))

    async def fetch_token(self) -> Token:
        """Return the token in memory or in the store, or fetch one; as the requests do."""
        self._sessions.get()
        return await self._the_source.token()
