"""What an OAuth 2 client is made of: its settings, and its parts wired on first use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from aiohttp import ClientSession

from oauthkit.clients.authorizations import Authorizations
from oauthkit.clients.base import Client
from oauthkit.clients.hooks import UpdateToken, notifier
from oauthkit.clients.oauth2_flow import OAuth2Exchange, OAuth2Flow
from oauthkit.clients.options import (
    check_amount,
    check_choice,
    check_flag,
    check_redirect_uri,
    check_secret_for,
)
from oauthkit.errors import ConfigurationError
from oauthkit.protocol import grants, pkce
from oauthkit.protocol.client_auth import CLIENT_AUTH_METHODS, ClientAuthMethod
from oauthkit.protocol.token import Token, oauth2_token
from oauthkit.tokens.events import OnToken
from oauthkit.tokens.grants import Slot
from oauthkit.tokens.seams import TokenSource
from oauthkit.tokens.sources import StoredSource
from oauthkit.tokens.stores import GrantKey, TokenStore
from oauthkit.transport.bearer import BearerSigner, TokenPlacement
from oauthkit.transport.caller import ServerCaller

if TYPE_CHECKING:
    from oauthkit.credentials import OAuth2Credentials
    from oauthkit.provider import OAuth2Provider
    from oauthkit.tokens.keys import Keys

__all__ = ["OAuth2Wiring"]

_PLACEMENTS = ("header", "body", "query")


class OAuth2Wiring(Client):
    """The settings and parts of ``AsyncOAuth2Client``; see there."""

    __slots__ = (
        "_answer_limit",
        "_auth_method",
        "_authorizations",
        "_client_id",
        "_client_secret",
        "_code_challenge_method",
        "_grant_type",
        "_hooks",
        "_leeway",
        "_password",
        "_redirect_uri",
        "_refresh_endpoint",
        "_refresh_params",
        "_scope",
        "_state",
        "_token_endpoint",
        "_token_placement",
        "_update_token",
        "_updater_style",
        "_username",
    )

    def __init__(
        self,
        session: ClientSession | None,
        client_id: str | None = None,
        client_secret: str | None = None,
        client_auth_method: ClientAuthMethod | None = None,
        refresh_token_url: str | None = None,
        refresh_token_params: Mapping[str, str] | None = None,
        scope: str | Iterable[str] | None = None,
        redirect_uri: str | None = None,
        token: Mapping[str, Any] | None = None,
        token_placement: TokenPlacement = "header",
        state: str | None = None,
        token_updater: UpdateToken | None = None,
        *,
        token_endpoint: str | None = None,
        token_endpoint_auth_method: ClientAuthMethod | None = None,
        update_token: UpdateToken | None = None,
        grant_type: str | None = None,
        username: str | None = None,
        password: str | None = None,
        code_challenge_method: pkce.CodeChallengeMethod | None = "S256",
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
        _provider: OAuth2Provider | None = None,
    ) -> None:
        whose = _provider.name if _provider is not None else type(self).__name__
        method = token_endpoint_auth_method or client_auth_method
        if method is None:
            method = "client_secret_basic" if client_secret else "none"
        check_choice("token_endpoint_auth_method", method, CLIENT_AUTH_METHODS)
        check_choice("token_placement", token_placement, _PLACEMENTS)
        check_choice("code_challenge_method", code_challenge_method, ("S256", "plain", None))
        check_secret_for(whose, method, client_id, client_secret)
        check_redirect_uri(redirect_uri)
        check_amount("deadline", deadline, "seconds")
        check_amount("answer_limit", answer_limit, "bytes")
        check_amount("leeway", leeway, "seconds", zero=True)
        check_flag("cookies", cookies)
        check_flag("trust_env", trust_env)
        separator = _provider.scope_separator if _provider is not None else " "
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
        if store is not None and _provider is None and token_endpoint is None:
            raise ConfigurationError(
                "store= needs token_endpoint=: two servers must not share a record"
            )
        if token_endpoint is not None and _provider is None:
            token_endpoint = self._given_url("token_endpoint", token_endpoint)
        if refresh_token_url is not None:
            refresh_token_url = self._given_url("refresh_token_url", refresh_token_url)
        self._client_id = client_id or ""
        self._client_secret = client_secret or ""
        self._auth_method: ClientAuthMethod = method
        self._token_endpoint = token_endpoint
        self._refresh_endpoint = refresh_token_url
        self._refresh_params = dict(refresh_token_params or {})
        self._scope = grants.join_scope(scope, separator)
        self._redirect_uri = redirect_uri
        self._token_placement: TokenPlacement = token_placement
        self._state = state
        self._update_token = update_token or token_updater
        self._updater_style = update_token is None
        self._grant_type = grant_type
        self._username = username
        self._password = password
        self._code_challenge_method: pkce.CodeChallengeMethod | None = code_challenge_method
        self._leeway = leeway
        self._answer_limit = answer_limit
        self._hooks: dict[str, list[Callable[..., Any]]] = {}
        self._authorizations: Authorizations | None = None

    @classmethod
    def from_provider(
        cls,
        provider: OAuth2Provider,
        credentials: OAuth2Credentials,
        *,
        session: ClientSession | None = None,
        **options: Any,
    ) -> Self:
        """Make the client of a declaration; what ``connect()`` does with checked credentials."""
        settings: dict[str, Any] = {
            "scope": credentials.scope or provider.scope,
            "redirect_uri": credentials.redirect_uri,
            "token_placement": provider.token_placement,
            "token_endpoint_auth_method": provider.token_endpoint_auth_method,
            "code_challenge_method": provider.code_challenge_method,
            "grant_type": provider.grant_types[0],
            **options,
        }
        if not credentials.client_secret:
            settings["token_endpoint_auth_method"] = "none"
        return cls(
            session,
            credentials.client_id,
            credentials.client_secret,
            token=credentials.members(),
            username=credentials.username,
            password=credentials.password,
            token_endpoint=provider.token_endpoint,
            _provider=provider,
            **settings,
        )

    # What the base asks for.

    def _grant_key(self) -> GrantKey:
        provider = self._of_oauth2
        issuer = provider.issuer if provider is not None else None
        return GrantKey(
            issuer=issuer or self._token_endpoint or self._refresh_endpoint or "",
            client_id=self._client_id,
            account=self._account,
        )

    def _slot(self) -> Slot:
        return (" ".join(sorted(grants.split_scope(self._scope))), "")

    def _make_signer(self) -> BearerSigner:
        return BearerSigner(placement=self._token_placement)

    def _make_source(self) -> TokenSource:
        return StoredSource(
            grant=self._the_grant,
            slot=self._slot(),
            exchange=self._exchange(),
            notify=notifier(self._update_token, older=self._updater_style),
            leeway=self._leeway,
            deadline=self._token_timeout,
            retries=self._retries(),
            clock=self._clock,
            sight=self._the_sight,
        )

    def _read_token(self, members: Mapping[str, Any]) -> Token:
        return oauth2_token(members, whose=self._whose, now=self._clock())

    @property
    def _of_oauth2(self) -> OAuth2Provider | None:
        return cast("OAuth2Provider | None", self._provider)

    def _flow(self) -> OAuth2Flow:
        provider = self._of_oauth2
        flow = OAuth2Flow(
            whose=self._whose,
            client_id=self._client_id,
            client_secret=self._client_secret,
            auth_method=self._auth_method,
            caller=ServerCaller(
                sessions=self._sessions, deadline=self._deadline, answer_limit=self._answer_limit
            ),
            clock=self._clock,
            hooks=self._hooks,
        )
        if provider is not None:
            flow.raw_basic = provider.raw_basic
            flow.prepare_token = provider.prepare_token
            flow.parse_token = provider.parse_token
        return flow

    def _adopt(self, endpoint: str) -> None:
        """Take what has answered with a token, and nothing before, for where to renew it."""
        if self._token_endpoint is None:
            self._token_endpoint = endpoint
            self._verbs = self._source = None
            self._signings.clear()

    def _exchange(self) -> OAuth2Exchange:
        provider = self._of_oauth2
        return OAuth2Exchange(
            flow=self._flow(),
            key=self._the_grant.key,
            authorization_endpoint=None if provider is None else provider.authorization_endpoint,
            token_endpoint=self._token_endpoint,
            refresh_endpoint=self._refresh_endpoint,
            refresh_params=self._refresh_params,
            grant_type=self._grant_type or "authorization_code",
            scope=self._scope,
            slot=self._slot(),
            username=self._username,
            password=self._password,
            rotates=True if provider is None else provider.rotates_refresh_tokens,
            grace=0.0 if provider is None else provider.refresh_grace,
        )

    @property
    def _pending(self) -> Authorizations:
        if self._authorizations is None:
            provider = self._of_oauth2
            pending = self._authorizations = Authorizations(
                whose=self._whose, own_state=self._state
            )
            if provider is not None:
                pending.issuer = provider.issuer
                pending.read_callback = provider.read_callback
                pending.iss_required = provider.authorization_response_iss_parameter_supported
        return self._authorizations
