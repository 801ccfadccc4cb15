"""The OAuth 1.0a client: three-step authorization, and signed requests (RFC 5849)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from aiohttp import ClientSession
from yarl import URL

from oauthkit.clients.base import Client
from oauthkit.clients.oauth1_arguments import Extra, Params, read_pairs
from oauthkit.clients.options import (
    check_amount,
    check_callable,
    check_flag,
    check_method,
    check_realm,
    check_redirect_uri,
    check_signature_type,
    check_text,
    describe_value,
    guard_clock,
    guard_nonce,
)
from oauthkit.credentials import OAuth1Credentials, check_credentials
from oauthkit.errors import ConfigurationError, RequestError
from oauthkit.protocol.oauth1 import Placement, SignatureMethod, encode_form, generate_nonce
from oauthkit.protocol.token import Token, oauth1_token
from oauthkit.tokens.grants import PLAIN, Landing
from oauthkit.tokens.seams import TokenSource
from oauthkit.tokens.sources import StoredSource
from oauthkit.tokens.stores import GrantKey, TokenStore

if TYPE_CHECKING:
    from oauthkit.clients.oauth1_flow import OAuth1Flow
    from oauthkit.provider import OAuth1Provider
    from oauthkit.tokens.keys import Keys
    from oauthkit.transport.oauth1_signer import OAuth1Signer

__all__ = ["AsyncOAuth1Client"]


class AsyncOAuth1Client(Client):
    """
    An OAuth 1.0a client: it fetches tokens in three steps, and signs requests with them.

    ``connect()`` makes one from a provider. Made directly, it takes the session first; without
    *origins*, the origin of each URL that its caller passes counts as declared for that call.

    *token* and *token_secret* are an access token that was kept; *rsa_key* is a private key in PEM,
    for the RSA methods; *signature_type* says where the parameters go (``HEADER``, ``BODY``,
    ``QUERY``; RFC 5849 §3.5); *force_include_body* signs the hash of bodies that are no form
    (``oauth_body_hash``). *deadline* (seconds) and *answer_limit* (bytes, after decompression)
    bound each protocol request. *clock* returns seconds since the epoch, *nonce* a fresh
    unreserved text. Clients with the same *store* object and *account* share one token;
    *encryption_key*, one or several, encrypts what the store keeps, see ``open_store()``.

    Raises ConfigurationError where an argument cannot be right, CredentialsError for credentials.
    """

    __slots__ = (
        "_answer_limit",
        "_client_id",
        "_client_secret",
        "_hash_body",
        "_nonce",
        "_placement",
        "_realm",
        "_redirect_uri",
        "_rsa_key",
        "_signature_method",
        "_temporary",
        "_verifier",
    )

    def __init__(
        self,
        session: ClientSession | None,
        client_id: str,
        client_secret: str | None = None,
        token: str | None = None,
        token_secret: str | None = None,
        redirect_uri: str | None = None,
        rsa_key: str | None = None,
        verifier: str | None = None,
        signature_method: SignatureMethod = "HMAC-SHA1",
        signature_type: str = "HEADER",
        force_include_body: bool = False,
        realm: str | None = None,
        *,
        origins: Iterable[str] = (),
        cookies: bool = False,
        trust_env: bool = False,
        deadline: float = 30.0,
        token_timeout: float = 30.0,
        answer_limit: int = 1024 * 1024,
        clock: Callable[[], float] = time.time,
        nonce: Callable[[], str] = generate_nonce,
        store: TokenStore | str | None = None,
        encryption_key: Keys | None = None,
        account: str = "",
        _provider: OAuth1Provider | None = None,
    ) -> None:
        placement = check_signature_type(signature_type)
        if _provider is not None:
            placement = _provider.placement
        check_method(_provider, signature_method, placement)
        whose = _provider.name if _provider is not None else type(self).__name__
        if _provider is None:  # else connect() has checked them
            credentials = OAuth1Credentials(
                client_id=client_id,
                client_secret=client_secret,
                token=token,
                token_secret=token_secret,
                rsa_key=rsa_key,
            )
            check_credentials(whose, credentials, signature_method=signature_method)
        given = None
        if token is not None:  # a secret may be missing where RSA signs: it signs without one
            given = {"oauth_token": token, "oauth_token_secret": token_secret or ""}
        check_redirect_uri(redirect_uri)
        check_text("verifier", verifier)
        check_realm(realm)
        check_flag("force_include_body", force_include_body)
        check_amount("deadline", deadline, "seconds")
        check_amount("answer_limit", answer_limit, "bytes", whole=True)
        check_flag("cookies", cookies)
        check_flag("trust_env", trust_env)
        check_callable("clock", clock, "seconds since the epoch")
        check_callable("nonce", nonce, "a fresh text")
        if store is not None and _provider is None:
            raise ConfigurationError(
                "store: a token is kept under its provider's endpoint; make the client with "
                "connect(OAuth1Provider(…), …, store=…)"
            )
        super().__init__(
            _provider,
            session,
            token=oauth1_token(given, whose=whose) if given else None,
            origins=origins,
            cookies=cookies,
            trust_env=trust_env,
            deadline=deadline,
            store=store,
            encryption_key=encryption_key,
            account=account,
            token_timeout=token_timeout,
        )
        self._client_id = client_id
        self._client_secret = client_secret or ""
        self._rsa_key = rsa_key
        self._redirect_uri = redirect_uri
        self._verifier = verifier
        self._signature_method: SignatureMethod = signature_method
        self._placement: Placement = placement
        self._hash_body = force_include_body or (_provider is not None and _provider.body_hash)
        self._realm = realm
        self._answer_limit = answer_limit
        self._clock = clock if clock is time.time else guard_clock(clock)
        self._nonce = nonce if nonce is generate_nonce else guard_nonce(nonce)
        self._temporary: Token | None = None

    @classmethod
    def from_provider(
        cls,
        provider: OAuth1Provider,
        credentials: OAuth1Credentials,
        *,
        session: ClientSession | None = None,
        **options: Any,
    ) -> AsyncOAuth1Client:
        """Make the client of a declaration; what ``connect()`` does with checked credentials."""
        settings: dict[str, Any] = {
            "realm": provider.realm,
            "signature_method": provider.signature_methods[0],
            "redirect_uri": credentials.redirect_uri,
            **options,
        }
        return cls(
            session,
            credentials.client_id,
            credentials.client_secret,
            token=credentials.token,
            token_secret=credentials.token_secret,
            rsa_key=credentials.rsa_key,
            _provider=provider,
            **settings,
        )

    # What the base asks for.

    def _grant_key(self) -> GrantKey:
        provider = self._of_oauth1
        issuer = ""
        if provider is not None:  # two servers never share a record, also where both lack endpoints
            issuer = provider.token_endpoint or str(provider.token_origins[0])
        return GrantKey(issuer=issuer, client_id=self._client_id, account=self._account)

    def _make_signer(self) -> OAuth1Signer:
        # Here, not above, as in _flow(): connect() is to be quick, and needs neither.
        from oauthkit.provider import OAuth1Provider
        from oauthkit.transport.oauth1_signer import Clock, OAuth1Signer

        provider = self._of_oauth1
        base_string = None
        if provider is not None:
            usual = OAuth1Provider.signature_base_string
            if type(provider).signature_base_string is not usual:
                base_string = provider.signature_base_string
        return OAuth1Signer(
            client_id=self._client_id,
            client_secret=self._client_secret,
            rsa_key=self._rsa_key,
            signature_method=self._signature_method,
            placement=self._placement,
            realm=self._realm,
            hash_body=self._hash_body,
            correct_clock=provider is not None and provider.clock_from_date,
            clock=Clock(self._clock),
            nonce=self._nonce,
            base_string=base_string,
        )

    def _read_token(self, members: Mapping[str, Any]) -> Token:
        return oauth1_token(members, whose=self._whose)

    @property
    def _of_oauth1(self) -> OAuth1Provider | None:
        return cast("OAuth1Provider | None", self._provider)

    def _make_source(self) -> TokenSource:
        return StoredSource(grant=self._the_grant, deadline=self._token_timeout)

    # Public.

    @property
    def token(self) -> Token | None:
        """
        The token in memory: a request token after the first step, the access token after the third.

        Reading never asks a store. Setting takes a mapping under the wire names (``oauth_token``,
        ``oauth_token_secret`` or ``oauth_secret``, ``oauth_verifier``), and raises CredentialsError
        for one that is no token. An access token is stored, at once where the event loop runs, else
        before the next request; a request token (with ``oauth_callback_confirmed`` or
        ``oauth_verifier``) is not. None clears the memory alone.
        """
        return self._temporary or super().token

    @token.setter
    def token(self, members: Mapping[str, Any] | None) -> None:
        token = None if members is None else self._read_token(members)
        self._temporary = None
        if token is not None and ("oauth_callback_confirmed" in token or "oauth_verifier" in token):
            self._temporary = token
        else:
            self._the_grant.assign(token, seconds=self._token_timeout)

    @property
    def redirect_uri(self) -> str | None:
        """Where the user comes back to: ``oauth_callback`` (RFC 5849 §2.1); None sends ``oob``."""
        return self._redirect_uri

    @redirect_uri.setter
    def redirect_uri(self, value: str | None) -> None:
        check_redirect_uri(value)
        self._redirect_uri = value

    async def fetch_request_token(
        self,
        url: str | URL | None = None,
        realm: str | None = None,
        *,
        params: Params | None = None,
        data: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Token:
        """
        Fetch temporary credentials, the first step (RFC 5849 §2.1), and keep them as ``token``.

        *url* defaults to the provider's ``temporary_credential_endpoint``. *params* (query), *data*
        (form) and *headers* go along. Raises OAuthError where the server refuses, does not confirm
        the callback, or answers with no token; UnreachableError where it does not answer.
        """
        target = self._protocol_url(url, "temporary_credential_endpoint")
        check_realm(realm)
        extra = Extra.read(params, data, headers)
        self._temporary = await self._flow().fetch_request_token(
            target, callback=self._redirect_uri or "oob", realm=realm, extra=extra
        )
        return self._temporary

    def create_authorization_url(
        self,
        url: str | URL | None = None,
        request_token: str | None = None,
        **query: str,
    ) -> str:
        """
        Return where to send the user, the second step (RFC 5849 §2.2).

        *url* defaults to the provider's ``authorization_endpoint``, *request_token* to the token
        that ``fetch_request_token()`` returned; *query* is added. Raises RequestError where
        there is no request token yet.
        """
        target = self._protocol_url(url, "authorization_endpoint")
        if request_token is None:
            token = self.token
            if token is None:
                raise RequestError(
                    "there is no request token yet: call fetch_request_token() first"
                )
            request_token = cast("str", token["oauth_token"])
        if not isinstance(request_token, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise RequestError(
                "request_token: expected the oauth_token of a request token, "
                f"got {describe_value(request_token)}"
            )
        added = encode_form([("oauth_token", request_token), *read_pairs("query", query)])
        return f"{target}{'&' if URL(target).raw_query_string else '?'}{added}"

    def parse_authorization_response(self, url: str | URL) -> Token:
        """
        Read the URL that the user came back to; return the request token with its verifier.

        It is kept as ``token`` for ``fetch_access_token()``. Raises CallbackError where the user
        refused (``error="access_denied"``), where it is for another request token
        (``token_mismatch``), or holds no verifier (``missing_verifier``). RFC 5849 §2.2.
        """
        if not isinstance(url, (str, URL)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise RequestError(
                f"url: expected the URL that the user came back to, got {describe_value(url)}"
            )
        self._temporary = self._flow().read_callback(str(url), self.token)
        return self._temporary

    async def fetch_access_token(
        self,
        url: str | URL | None = None,
        verifier: str | None = None,
        *,
        params: Params | None = None,
        data: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Token:
        """
        Exchange the request token for an access token, the third step (RFC 5849 §2.3), and keep it.

        *url* defaults to the provider's ``token_endpoint``, *verifier* to the one of the callback.
        A caller that is cancelled meanwhile loses nothing: the token is kept. Raises RequestError
        where request token or verifier are missing, OAuthError where the server refuses or answers
        with no token, UnreachableError where it does not answer; the request token stays. What the
        store raises comes with a note: the token is stored before the next request is signed.
        """
        target = self._protocol_url(url, "token_endpoint")
        temporary = self.token
        if temporary is None:
            raise RequestError(
                "there is no request token to exchange: call fetch_request_token() first, or set "
                "client.token to the one that you kept"
            )
        known: object = verifier or temporary.get("oauth_verifier") or self._verifier
        if known is not None and not isinstance(known, str):
            raise RequestError(f"verifier: expected text, got {describe_value(known)}")
        extra = Extra.read(params, data, headers)
        flow = self._flow()
        self._sessions.get()  # raises LoopError here rather than in the flight

        grant = self._the_grant
        since = grant.start()

        async def fly() -> Landing:
            token = await flow.fetch_access_token(target, temporary, verifier=known, extra=extra)
            # In the flight: a caller that has gone away meanwhile finds the new token here, too.
            if self._temporary is temporary:
                self._temporary = None
            return await grant.save_login(PLAIN, token, since, self._token_timeout)

        return await grant.land(fly())

    def _flow(self) -> OAuth1Flow:
        from oauthkit.clients.oauth1_flow import OAuth1Flow, OAuth1Rules
        from oauthkit.transport.caller import ServerCaller

        signer = (self._verbs or self._wire()).signer
        provider = self._of_oauth1
        rules = OAuth1Rules(whose=self._whose)
        if provider is not None:
            rules = OAuth1Rules(
                whose=provider.name,
                token_method=provider.token_method,
                allow_unconfirmed_callback=provider.allow_unconfirmed_callback,
                allow_missing_verifier=provider.allow_missing_verifier,
                parse_token=provider.parse_token,
            )
        caller = ServerCaller(
            sessions=self._sessions, deadline=self._deadline, answer_limit=self._answer_limit
        )
        return OAuth1Flow(rules=rules, signer=cast("OAuth1Signer", signer), caller=caller)
