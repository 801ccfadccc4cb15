"""The OAuth 2 client: authorization code with PKCE, client credentials, password, refresh."""

from __future__ import annotations

import inspect
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

from aiohttp import ClientResponse, ClientSession
from yarl import URL

from oauthkit.clients.base import Client
from oauthkit.clients.oauth2_flow import OAuth2Exchange, OAuth2Flow
from oauthkit.clients.options import (
    check_amount,
    check_choice,
    check_flag,
    check_redirect_uri,
    check_secret_for,
)
from oauthkit.errors import CallbackError, RequestError
from oauthkit.protocol import grants, pkce
from oauthkit.protocol.authorization_request import (
    AuthorizationRequest,
    build_authorization_url,
    generate_state,
)
from oauthkit.protocol.client_auth import CLIENT_AUTH_METHODS, ClientAuthMethod
from oauthkit.protocol.responses import parse_authorization_response, parse_token_members
from oauthkit.protocol.token import Token, oauth2_token
from oauthkit.tokens.grants import Deadline, Slot
from oauthkit.tokens.seams import TokenSource
from oauthkit.tokens.sources import StoredSource
from oauthkit.tokens.stores import GrantKey, TokenStore
from oauthkit.transport.bearer import BearerSigner, TokenPlacement
from oauthkit.transport.caller import ServerCaller

if TYPE_CHECKING:
    from oauthkit.credentials import OAuth2Credentials
    from oauthkit.provider import OAuth2Provider

__all__ = ["AsyncOAuth2Client"]

UpdateToken = Callable[..., Any]
_REMEMBERED = 10
_PLACEMENTS = ("header", "body", "query")
_HOOKS = (
    "access_token_response",
    "introspect_token_request",
    "protected_request",
    "refresh_token_request",
    "refresh_token_response",
    "revoke_token_request",
)


class AsyncOAuth2Client(Client):
    """
    An OAuth 2 client: it fetches, keeps and renews tokens, and sends them where they belong.

    ``connect()`` makes one from a provider. Made directly, it takes the session first; without
    *origins*, the origin of each URL that its caller passes counts as declared for that call.

    *token_endpoint_auth_method* (older: *client_auth_method*) is ``client_secret_basic``,
    ``client_secret_post`` or ``none``; *update_token* (older: *token_updater*) is called after a
    renewed token is kept; *leeway* (seconds) is how long before its expiry a token is renewed, at
    most a quarter of its lifetime. Clients with the same *store* object and *account* share one
    grant, and one request when it is renewed. *deadline* (seconds) and *answer_limit* (bytes,
    after decompression) bound each protocol request; *clock* returns seconds since the epoch.

    Raises ConfigurationError where an argument cannot be right, CredentialsError for credentials.
    """

    __slots__ = (
        "_answer_limit",
        "_auth_method",
        "_client_id",
        "_client_secret",
        "_clock",
        "_code_challenge_method",
        "_grant_type",
        "_hooks",
        "_leeway",
        "_password",
        "_redirect_uri",
        "_refresh_endpoint",
        "_refresh_params",
        "_requests",
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
        store: TokenStore | None = None,
        account: str = "",
        origins: Iterable[str] = (),
        cookies: bool = False,
        trust_env: bool = False,
        deadline: float = 30.0,
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
            account=account,
        )
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
        self._code_challenge_method = code_challenge_method
        self._leeway = leeway
        self._answer_limit = answer_limit
        self._clock = clock
        self._hooks: dict[str, list[Callable[..., Any]]] = {}
        self._requests: OrderedDict[str, AuthorizationRequest] | None = None

    @classmethod
    def from_provider(
        cls,
        provider: OAuth2Provider,
        credentials: OAuth2Credentials,
        *,
        session: ClientSession | None = None,
        **options: Any,
    ) -> AsyncOAuth2Client:
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
            notify=_notifier(self._update_token, older=self._updater_style),
            leeway=self._leeway,
            deadline=self._deadline,
            clock=self._clock,
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
            flow.parse_token = provider.parse_token
        return flow

    def _exchange(self) -> OAuth2Exchange:
        return OAuth2Exchange(
            flow=self._flow(),
            token_endpoint=self._token_endpoint,
            refresh_endpoint=self._refresh_endpoint,
            refresh_params=self._refresh_params,
            grant_type=self._grant_type or "authorization_code",
            scope=self._scope,
            username=self._username,
            password=self._password,
        )

    # Public.

    @property
    def redirect_uri(self) -> str | None:
        """Where the user comes back to (RFC 6749 §3.1.2)."""
        return self._redirect_uri

    @redirect_uri.setter
    def redirect_uri(self, value: str | None) -> None:
        check_redirect_uri(value)
        self._redirect_uri = value

    @property
    def scope(self) -> str:
        """The scope that is asked for (RFC 6749 §3.3)."""
        return self._scope

    def create_authorization_url(
        self,
        url: str | None = None,
        state: str | None = None,
        *,
        code_verifier: str | None = None,
        redirect_uri: str | None = None,
        scope: str | Iterable[str] | None = None,
        **params: str,
    ) -> AuthorizationRequest:
        """
        Return where to send the user, and what finishing needs (RFC 6749 §4.1.1, RFC 7636 §4.3).

        It unpacks as ``url, state``. Keep it until the user is back, and pass it to
        ``fetch_token(request=…)``; without that, this client object remembers its last ten. *url*
        defaults to the provider's ``authorization_endpoint``; *params* are added. Raises
        RequestError where there is no endpoint or it is not https.
        """
        provider = self._of_oauth2
        target = self._protocol_url(url, "authorization_endpoint")
        state = state or self._state or generate_state()
        method = self._code_challenge_method
        if method is not None and code_verifier is None:
            code_verifier = pkce.generate_code_verifier()
        redirect_uri = redirect_uri or self._redirect_uri
        separator = provider.scope_separator if provider is not None else " "
        query: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": grants.join_scope(scope, separator) if scope is not None else self._scope,
            "state": state,
        }
        if code_verifier is not None:
            query["code_challenge"] = pkce.code_challenge(code_verifier, method or "S256")
            query["code_challenge_method"] = method or "S256"
        if provider is not None:
            query.update(provider.authorization_params)
        query.update(params)
        request = AuthorizationRequest(
            url=build_authorization_url(target, query),
            state=state,
            code_verifier=code_verifier,
            redirect_uri=redirect_uri,
            issuer=provider.issuer if provider is not None else None,
        )
        self._remember(request)
        return request

    async def fetch_token(
        self,
        url: str | None = None,
        code: str | None = None,
        authorization_response: str | None = None,
        username: str | None = None,
        password: str | None = None,
        grant_type: str | None = None,
        *,
        request: AuthorizationRequest | None = None,
        state: str | None = None,
        code_verifier: str | None = None,
        headers: Mapping[str, str] | None = None,
        **form: str,
    ) -> Token:
        """
        Fetch a token by the grant that the arguments call for, and keep it.

        *authorization_response* is the URL that the user came back to; with *request* it finishes
        an authorization that any process began. *code* alone takes the verifier of *request*, or
        of the authorization request that this client made last. *username* and *password* take
        the password grant; else it is *grant_type*, or the provider's first. *form* is added.

        Raises CallbackError where the user refused or the callback belongs elsewhere, OAuthError
        where the server refuses, UnreachableError where it does not answer, RequestError where
        something is missing. A caller that is cancelled loses nothing: the token is kept.
        """
        target = self._protocol_url(url, "token_endpoint", self._token_endpoint)
        if authorization_response is not None:
            request, code = self._finish(authorization_response, request, state)
        elif code is not None:
            request = self._take(request)
        kind = grant_type or self._infer(code, username)
        body = self._build(kind, code, request, code_verifier, (username, password))
        flow, grant, slot = self._flow(), self._the_grant, self._slot()
        since, deadline = grant.start(), self._deadline
        self._sessions.get()  # raises LoopError here rather than in the flight

        async def fetch_and_keep() -> tuple[Slot, Token]:
            members = await flow.fetch(target, {**body, **form}, headers=headers)
            kept = await grant.keep(slot, members, fresh=True, since=since, deadline=deadline)
            return slot, kept

        if self._token_endpoint is None:
            self._token_endpoint = target
            self._verbs = None
        return await grant.complete(fetch_and_keep)

    def token_from_fragment(self, authorization_response: str) -> Token:
        """
        Take the token out of the fragment of a callback (RFC 6749 §4.2.2), and put it into memory.

        RFC 9700 §2.1.2 says not to use this grant. The state is compared with the one that this
        client was made with, or with those of its last requests. Raises CallbackError.
        """
        fragment = urlsplit(authorization_response).fragment
        values = dict(parse_qsl(fragment, keep_blank_values=True))
        if "error" not in values and "access_token" not in values:
            raise CallbackError(
                "the callback's fragment holds neither access_token nor error",
                error="invalid_response",
            )
        expected = self._expected_state(values.get("state"))
        checked = {**values, "code": "fragment"}
        parse_authorization_response(
            build_authorization_url("https://callback.invalid/", checked), state=expected
        )
        token = self._read_token(parse_token_members(values, now=self._clock()))
        self._the_grant.assign(token, self._slot())
        return token

    async def refresh_token(
        self,
        url: str | None = None,
        refresh_token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **form: str,
    ) -> Token:
        """
        Renew the token now (RFC 6749 §6), keep it, and return it; an old refresh token is kept.

        *refresh_token* defaults to the grant's, as memory or the store has it by then. Raises
        RequestError where there is none, OAuthError where the server refuses, UnreachableError
        where it does not answer.
        """
        endpoint = self._refresh_endpoint or self._token_endpoint
        target = self._protocol_url(url, "token_endpoint", endpoint)
        flow, grant, slot = self._flow(), self._the_grant, self._slot()
        notify = _notifier(self._update_token, older=self._updater_style)
        limit = Deadline(self._deadline, grant.store, "the server, or the token store or its lock,")
        self._sessions.get()

        async def fetch_and_keep() -> tuple[Slot, Token]:
            async with limit, grant.store.lock(grant.key):
                # Under the lock: what was the refresh token before may have been spent meanwhile.
                began = grant.start_from(await grant.store.load(grant.key))
                held = grant.tokens.get(slot)
                known = began.record.refresh_token if began.record is not None else None
                spent = refresh_token or known
                if not spent:
                    raise RequestError(
                        "there is no refresh token: pass one, or fetch a token first"
                    )
                body = {**grants.refresh_token(spent), **self._refresh_params, **form}
                members = await flow.fetch(
                    target, body, hook="refresh_token_response", headers=headers
                )
                limit.renew()
                members = {"refresh_token": spent, **members}
                token = await grant.keep(slot, members, since=began)
            if notify is not None:
                await notify(token, held)
            return slot, token

        return await grant.complete(fetch_and_keep)

    async def revoke_token(
        self,
        url: str | None = None,
        token: str | None = None,
        token_type_hint: str | None = None,
        **form: str,
    ) -> None:
        """
        Revoke a token (RFC 7009 §2.1); returns when the server has accepted.

        *url* defaults to the provider's ``revocation_endpoint``, *token* to the refresh token in
        memory, else the access token. Raises OAuthError where the server refuses.
        """
        target = self._protocol_url(url, "revocation_endpoint")
        await self._flow().revoke(target, self._own(token), token_type_hint, form)

    async def introspect_token(
        self,
        url: str | None = None,
        token: str | None = None,
        token_type_hint: str | None = None,
        **form: str,
    ) -> Mapping[str, Any]:
        """
        Ask the server what a token is (RFC 7662 §2); returns its answer, with ``active``.

        *url* defaults to the provider's ``introspection_endpoint``, *token* as in ``revoke_token``.
        Raises OAuthError where the server refuses, or its answer does not say.
        """
        target = self._protocol_url(url, "introspection_endpoint")
        return await self._flow().introspect(target, self._own(token), token_type_hint, form)

    def register_compliance_hook(self, hook_type: str, hook: Callable[..., Any]) -> None:
        """
        Add a function that mends what one server does differently.

        ``access_token_response`` and ``refresh_token_response`` get and return an answer (its
        ``status``, ``headers`` and ``body``); ``refresh_token_request``, ``revoke_token_request``
        and ``introspect_token_request`` get and return ``(url, headers, body)``,
        ``protected_request`` ``(url, headers, data)``. Raises ConfigurationError for another type.
        """
        check_choice("hook_type", hook_type, _HOOKS)
        self._hooks.setdefault(hook_type, []).append(hook)

    # How they work.

    async def _request(self, method: str, url: str | URL, kwargs: dict[str, Any]) -> ClientResponse:
        for change in self._hooks.get("protected_request", ()):
            url, headers, data = change(url, kwargs.get("headers"), kwargs.get("data"))
            kwargs.update(headers=headers, data=data)
        return await super()._request(method, url, kwargs)

    def _own(self, token: str | None) -> str:
        held = self.token or Token()
        found = token or held.get("refresh_token") or held.get("access_token")
        if not found:
            raise RequestError("there is no token in memory: pass the one that is meant")
        return str(found)

    def _infer(self, code: str | None, username: str | None) -> str:
        if code is not None:
            return "authorization_code"
        if username is not None:
            return "password"
        return self._grant_type or "client_credentials"

    def _build(
        self,
        kind: str,
        code: str | None,
        request: AuthorizationRequest | None,
        code_verifier: str | None,
        login: tuple[str | None, str | None],
    ) -> grants.Form:
        if kind == "authorization_code":
            if code is None:
                raise RequestError(
                    "a code is missing: send the user to create_authorization_url(), and pass the "
                    "URL that he comes back to as authorization_response="
                )
            return grants.authorization_code(
                code,
                redirect_uri=request.redirect_uri if request else self._redirect_uri,
                code_verifier=code_verifier or (request.code_verifier if request else None),
            )
        if kind == "password":
            username, password = login[0] or self._username, login[1] or self._password
            if not username or password is None:
                raise RequestError("the password grant needs username= and password=")
            return grants.password(username, password, self._scope)
        if kind == "client_credentials":
            return grants.client_credentials(self._scope)
        if kind == "refresh_token":
            return grants.refresh_token(self._own(None), self._scope)
        return {"grant_type": kind, **({"scope": self._scope} if self._scope else {})}

    def _remember(self, request: AuthorizationRequest) -> None:
        if self._requests is None:
            self._requests = OrderedDict()
        self._requests[request.state] = request
        while len(self._requests) > _REMEMBERED:
            self._requests.popitem(last=False)

    def _take(self, request: AuthorizationRequest | None) -> AuthorizationRequest | None:
        """Return *request*, or the last one that was made; each is good once."""
        remembered = self._requests or OrderedDict[str, AuthorizationRequest]()
        if request is None:
            return remembered.popitem()[1] if remembered else None
        remembered.pop(request.state, None)
        return request

    def _expected_state(self, returned: str | None) -> str:
        """Return the state that a callback must hold."""
        if returned is not None and returned in (self._requests or {}):
            return returned
        if self._state is not None:
            return self._state
        last = next(reversed(self._requests or {}), None)
        if last is None:
            raise CallbackError(
                "this client made no authorization request that the callback could answer (or it "
                "was answered already: each is good once): pass request=, the AuthorizationRequest "
                "that was kept when the user was sent away",
                error="state_mismatch",
                provider=self._whose,
            )
        return last

    def _finish(
        self, url: str, request: AuthorizationRequest | None, state: str | None
    ) -> tuple[AuthorizationRequest | None, str]:
        """Check the redirect back, and return the request that it answers, with its code."""
        provider = self._of_oauth2
        expected = request.state if request is not None else state
        if expected is None:
            returned = dict(parse_qsl(urlsplit(url).query, errors="replace")).get("state")
            expected = self._expected_state(returned)
        if request is None:
            request = self._requests.get(expected) if self._requests is not None else None
        issuer = request.issuer if request is not None else None
        values = parse_authorization_response(
            url,
            state=expected,
            issuer=issuer or (provider.issuer if provider is not None else None),
            iss_required=provider is not None
            and provider.authorization_response_iss_parameter_supported,
        )
        if self._requests is not None:
            self._requests.pop(expected, None)
        return request, values["code"]


def _notifier(
    hook: UpdateToken | None, *, older: bool
) -> Callable[[Token, Token | None], Awaitable[None]] | None:
    """Return what calls a user's hook, which may be a function or a coroutine function."""
    if hook is None:
        return None

    async def notify(token: Token, before: Token | None) -> None:
        known = before or Token()
        if older:
            result = hook(token)
        else:
            result = hook(
                token,
                refresh_token=known.get("refresh_token"),
                access_token=known.get("access_token"),
            )
        if inspect.isawaitable(result):
            await result

    return notify
