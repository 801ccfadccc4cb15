"""The OAuth 2 client: authorization code with PKCE, client credentials, password, refresh."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import ClientResponse
from yarl import URL

from oauthkit.clients.hooks import notifier
from oauthkit.clients.oauth2_wiring import OAuth2Wiring
from oauthkit.clients.options import (
    check_choice,
    check_redirect_uri,
)
from oauthkit.clients.overrides import read_texts
from oauthkit.errors import CallbackError, OAuthError, RequestError
from oauthkit.protocol import grants, pkce
from oauthkit.protocol.authorization_request import (
    AuthorizationRequest,
    build_authorization_url,
    generate_state,
)
from oauthkit.protocol.responses import parse_token_members
from oauthkit.protocol.token import Token
from oauthkit.tokens.deadlines import Deadline
from oauthkit.tokens.grants import Landing, Unsaved
from oauthkit.tokens.holding import Holding
from oauthkit.tokens.spending import Spending

__all__ = ["AsyncOAuth2Client"]

_HOOKS = (
    "access_token_response",
    "introspect_token_request",
    "protected_request",
    "refresh_token_request",
    "refresh_token_response",
    "revoke_token_request",
)


class AsyncOAuth2Client(OAuth2Wiring):
    """
    An OAuth 2 client: it fetches, keeps and renews tokens, and sends them where they belong.

    ``connect()`` makes one from a provider. Made directly, it takes the session first; without
    *origins*, the origin of each URL that its caller passes counts as declared for that call.

    *token_endpoint_auth_method* (older: *client_auth_method*) is ``client_secret_basic``,
    ``client_secret_post`` or ``none``; *update_token* (older: *token_updater*) is called after a
    renewed token is kept, one call after the other, in the order in which the tokens were stored,
    and has *token_timeout* seconds; *leeway* (seconds) is how long before its expiry a token is
    renewed, at most a quarter of its lifetime. Clients with the same *store* object and *account*
    share one grant, and one request when it is renewed; *token_timeout* (seconds) is for that: the
    store, its lock, and the request with what is sent again, *retries* times at most, where that is
    safe. *on_token* is awaited with each `TokenEvent`, in order; what it raises is logged.
    *encryption_key*, one or several, encrypts what the store keeps, see ``open_store()``.
    *deadline* (seconds) and *answer_limit* (bytes, after decompression) bound each protocol
    request; *clock* returns seconds since the epoch.

    Raises ConfigurationError where an argument cannot be right, CredentialsError for credentials.
    """

    __slots__ = ()

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
            how: pkce.CodeChallengeMethod = method or "S256"
            query["code_challenge"] = pkce.code_challenge(code_verifier, how)
            query["code_challenge_method"] = how
        if provider is not None:
            query.update(provider.authorization_params)
        query.update(params)
        if provider is not None:
            given = {name: value for name, value in query.items() if value}
            prepared = provider.prepare_authorization(given)
            query = read_texts(provider.name, "prepare_authorization", prepared, given)
        request = AuthorizationRequest(
            url=build_authorization_url(target, query),
            state=state,
            code_verifier=code_verifier,
            redirect_uri=query.get("redirect_uri") or redirect_uri,  # the same as was sent there
            issuer=provider.issuer if provider is not None else None,
        )
        self._pending.remember(request)
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
        something is missing. A caller that is cancelled loses nothing: the token is kept. What the
        store raises comes with a note: the token is stored before another one is asked for.
        """
        target = self._protocol_url(url, "token_endpoint", self._token_endpoint)
        if authorization_response is not None:
            request, code = self._pending.finish(authorization_response, request, state)
        elif code is not None:
            request = self._pending.take(request)
        kind = grant_type or self._infer(code, username)
        if kind == "refresh_token":
            return await self.refresh_token(
                url, form.pop("refresh_token", None), headers=headers, **form
            )
        body = self._build(kind, code, request, code_verifier, (username, password))
        flow, grant, slot = self._flow(), self._the_grant, self._slot()
        since, seconds = grant.start(), self._token_timeout
        notify = notifier(self._update_token, older=self._updater_style)
        sight = self._the_sight
        self._sessions.get()  # raises LoopError here rather than in the flight

        async def fetch() -> Mapping[str, Any]:
            with sight.request():
                return await flow.fetch(target, {**body, **form}, headers=headers)

        async def fly() -> Landing:
            # A code is good once (RFC 6749 §4.1.2), whatever came of the first request.
            once = kind == "authorization_code"
            members = await (fetch() if once else self._retries().run(fetch))
            self._adopt(target)
            tell = partial(sight.tell, "login")
            return await grant.save_login(slot, members, since, seconds, notify, tell)

        return await grant.land(sight.attempt(fly))

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
        # Its rules are those of a query: state, iss, nothing twice, a refusal.
        self._pending.finish(f"https://callback.invalid/?{fragment}&code=none", None, None)
        token = self._read_token(parse_token_members(values, now=self._clock()))
        self._take(token)
        return token

    async def refresh_token(
        self,
        url: str | None = None,
        refresh_token: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **form: str,
    ) -> Token:
        """
        Renew the token now (RFC 6749 §6), keep it, and return it; an old refresh token is kept.

        *refresh_token* defaults to the grant's, as memory or the store has it by then. Raises
        RequestError where there is none, ReauthorizationRequired where the server has refused the
        grant's own, OAuthError where it refuses otherwise, UnreachableError where it does not
        answer.
        """
        endpoint = self._refresh_endpoint or self._token_endpoint
        target = self._protocol_url(url, "token_endpoint", endpoint)
        flow, grant, slot = self._flow(), self._the_grant, self._slot()
        exchange, sight = self._exchange(), self._the_sight
        self._sessions.get()

        async def send(spending: Spending, own: bool) -> Mapping[str, Any]:
            body = {**grants.refresh_token(spending.token), **self._refresh_params, **form}
            try:
                with sight.request():
                    return await flow.fetch(
                        target, body, hook="refresh_token_response", headers=headers
                    )
            except OAuthError as error:
                if not own or error.error != "invalid_grant":
                    raise
                # Final only if nobody has stored another one meanwhile.
                again = await grant.store.load(grant.key)
                if again is not None and again.refresh_token not in (None, spending.token):
                    raise
                refusal = exchange.ask_for_login(error)
            grant.end(spending.token, refusal)
            if grant.is_news():
                sight.tell("reauthorization_required", error=refusal)
            try:
                # Outside of the handler: what was caught holds much.
                raise refusal
            finally:
                del refusal  # it holds this frame

        async def renew(deadline: Deadline, holding: Holding) -> Landing:
            # Under the lock: what was the refresh token before may have been spent meanwhile.
            await grant.save_late(deadline)
            while True:
                stored = await holding.load()
                began = grant.start_from(stored)
                held = grant.tokens.get(slot)
                known = began.record.refresh_token if began.record is not None else None
                spent = refresh_token or known
                if not spent:
                    raise RequestError(
                        "there is no refresh token: pass one, or fetch a token first"
                    )
                spending = Spending(
                    grant=grant,
                    holding=holding,
                    spender=exchange,
                    token=spent,
                    began=began,
                    stored=stored,
                    deadline=deadline,
                    retries=self._retries(),
                    clock=self._clock,
                    by_hand=True,
                )
                own = url is None and spent == known and exchange.needs_user
                if (not own or await spending.check()) and await spending.begin():
                    break
            got = await spending.send(partial(send, spending, own))
            if self._refresh_endpoint is None:
                self._adopt(target)
            news = Unsaved(
                slot=slot,
                members={"refresh_token": spent, **got},
                since=spending.began,
                before=held,
                notify=notifier(self._update_token, older=self._updater_style),
                tell=partial(sight.tell, "refreshed"),
                seconds=self._token_timeout,
            )
            grant.hold(news)
            return await grant.save(news, deadline, holding)

        return await grant.land(sight.attempt(partial(grant.fly, renew, self._token_timeout)))

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
        revoke = partial(self._flow().revoke, target, self._own(token), token_type_hint, form)
        await self._retries().run(revoke)

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
        ask = partial(self._flow().introspect, target, self._own(token), token_type_hint, form)
        return await self._retries().run(ask)

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
            verifier = code_verifier or (request.code_verifier if request else None)
            if verifier is None and self._code_challenge_method is not None:
                raise RequestError(
                    "the code_verifier of this login is missing (RFC 7636 §4.5): pass request=, "
                    "the AuthorizationRequest that was kept when the user was sent away, or "
                    "code_verifier=; for a server without PKCE, code_challenge_method=None"
                )
            return grants.authorization_code(
                code,
                redirect_uri=request.redirect_uri if request else self._redirect_uri,
                code_verifier=verifier,
            )
        if kind == "password":
            username, password = login[0] or self._username, login[1] or self._password
            if not username or password is None:
                raise RequestError("the password grant needs username= and password=")
            return grants.password(username, password, self._scope)
        if kind == "client_credentials":
            return grants.client_credentials(self._scope)
        return {"grant_type": kind, **({"scope": self._scope} if self._scope else {})}
