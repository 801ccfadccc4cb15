"""What the three clients share: the verbs, the middleware, the token, opening and closing."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from aiohttp import (
    ClientMiddlewareType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientWebSocketResponse,
    DummyCookieJar,
)
from yarl import URL

from oauthkit.clients.endpoints import check_endpoint, find_endpoint
from oauthkit.clients.options import check_origins, check_patience, check_session, check_store
from oauthkit.clients.requests import PendingRequest
from oauthkit.clients.targets import check_headers, read_url, secure_origin
from oauthkit.errors import ConfigurationError, ForeignOriginError, RequestError
from oauthkit.protocol.origins import Origin, origin_of, parse_origin
from oauthkit.protocol.statuses import RETRY_STATUSES, UNSPENT_STATUSES
from oauthkit.tokens.events import OnToken, Sight
from oauthkit.tokens.grants import PLAIN, Grant, Slot, grant_of
from oauthkit.tokens.retries import Retries, sleep_of
from oauthkit.tokens.stores import GrantKey, MemoryStore, TokenStore
from oauthkit.transport.fence import Fence
from oauthkit.transport.sessions import SessionHolder
from oauthkit.transport.signing import Signing

if TYPE_CHECKING:
    from typing import Self

    from oauthkit.protocol.token import Token
    from oauthkit.provider import Provider
    from oauthkit.tokens.keys import Keys
    from oauthkit.tokens.seams import TokenSource
    from oauthkit.transport.seams import Signer

__all__ = ["Client", "OAuthRequest"]

_MOST_REMEMBERED = 256


class OAuthRequest(ClientRequest):
    """A request class for ``ClientSession(request_class=OAuthRequest)``: accepted, not needed."""


class Client:
    """
    An HTTP client whose requests carry a token; the base of the clients that ``connect()`` builds.

    It may be made outside an event loop, does nothing until it is used, and lives on the loop of
    its first I/O. Used on another one while the first is open, it raises LoopError.

    The verbs take aiohttp's keywords. A path is relative to the provider's ``api_base``; an
    absolute URL must lie inside the declared origins, or ForeignOriginError is raised before
    anything is sent. A request that cannot be signed raises RequestError. ``cookies=`` and a Cookie
    header are sent as they are passed; cookies of a jar are sent only by a client that was made
    with ``cookies=True``.
    """

    __slots__ = (
        "__weakref__",
        "_account",
        "_clock",
        "_cookies",
        "_deadline",
        "_extra_origins",
        "_grant",
        "_initial_token",
        "_on_token",
        "_provider",
        "_retry_count",
        "_sessions",
        "_sight",
        "_signings",
        "_source",
        "_store",
        "_token_timeout",
        "_verbs",
    )

    def __init__(
        self,
        provider: Provider[Any] | None,
        session: ClientSession | None,
        *,
        token: Token | None,
        origins: Iterable[str],
        cookies: bool,
        trust_env: bool,
        deadline: float,
        store: TokenStore | str | None = None,
        encryption_key: Keys | None = None,
        account: str = "",
        token_timeout: float = 30.0,
        retries: int = 2,
        clock: Callable[[], float] = time.time,
        on_token: OnToken | None = None,
    ) -> None:
        check_session(session)
        self._provider = provider
        self._sessions = SessionHolder(session, cookies, trust_env)
        self._initial_token = token
        plain = provider.plain_http_hosts if provider is not None else ()
        given = check_origins(origins)
        self._extra_origins = tuple(parse_origin(o, plain_http_hosts=plain) for o in given)
        self._cookies = cookies
        self._deadline = deadline
        self._token_timeout = token_timeout
        self._retry_count = retries
        self._clock = clock
        self._store = check_store(store, account, encryption_key)
        check_patience(self._store, token_timeout, retries)
        self._account = account
        # Made on first use: a service makes clients by the thousand, and most do one thing.
        self._grant: Grant | None = None
        self._sight: Sight | None = None
        self._on_token = on_token
        self._source: TokenSource | None = None
        self._verbs: Signing | None = None
        self._signings: dict[tuple[str, str], Signing] = {}

    # What the kinds of clients say of themselves.

    if TYPE_CHECKING:

        def _grant_key(self) -> GrantKey: ...
        def _make_signer(self) -> Signer: ...
        def _make_source(self) -> TokenSource: ...
        def _read_token(self, members: Mapping[str, Any]) -> Token: ...

    def _slot(self) -> Slot:
        return PLAIN

    @property
    def _whose(self) -> str:
        return self._provider.name if self._provider is not None else type(self).__name__

    # The parts, wired on first use.

    @property
    def _the_grant(self) -> Grant:
        grant = self._grant
        if grant is None:
            store = MemoryStore() if self._store is None else self._store
            grant = self._grant = grant_of(store, self._grant_key())
            if self._initial_token is not None:
                grant.offer(self._initial_token, self._slot())
        return grant

    def _protocol_url(self, url: str | URL | None, field: str, default: str | None = None) -> str:
        return find_endpoint(self._provider, url, field, default=default, origins=self._all_origins)

    def _given_url(self, name: str, url: str | URL) -> str:
        return check_endpoint(self._provider, name, url, origins=self._all_origins)

    @property
    def _the_sight(self) -> Sight:
        if self._sight is None:
            key, scope = self._the_grant.key, self._slot()[0]
            self._sight = Sight(self._whose, key, scope, self._on_token)
        return self._sight

    def _retries(self) -> Retries:
        provider = self._provider
        return Retries(
            count=self._retry_count,
            statuses=getattr(provider, "retry_statuses", RETRY_STATUSES),
            unspent=getattr(provider, "unspent_statuses", UNSPENT_STATUSES),
            sleep=sleep_of(self._clock),
        )

    @property
    def _the_source(self) -> TokenSource:
        if self._source is None:
            self._wire()
        return cast("TokenSource", self._source)

    @property
    def _all_origins(self) -> tuple[Origin, ...]:
        declared = self._provider.token_origins if self._provider is not None else ()
        return (*declared, *self._extra_origins)

    def _wire(self) -> Signing:
        self._source = source = self._make_source()
        self._verbs = Signing(
            fence=Fence.around(self._all_origins, source),
            signer=self._make_signer(),
            cookies=self._cookies,
        )
        return self._verbs

    # Public: what a client is.

    def __repr__(self) -> str:
        """Name the provider; a client's repr shows nothing that it was given."""
        whose = f" of {self._provider.name}" if self._provider is not None else ""
        return f"<{type(self).__name__}{whose}>"

    @property
    def provider(self) -> Provider[Any] | None:
        """The declaration that the client was made from; None for a class used without one."""
        return self._provider

    @property
    def token(self) -> Token | None:
        """
        The token in memory; reading never asks a store.

        Setting takes a mapping under the wire names, and raises CredentialsError for one that is
        no token. It is a login: it is stored, at once where the event loop runs, else before the
        next request. None clears the memory alone.
        """
        if self._grant is None and self._store is None:
            return self._initial_token
        return self._the_grant.tokens.get(self._slot())

    @token.setter
    def token(self, members: Mapping[str, Any] | None) -> None:
        self._take(None if members is None else self._read_token(members))

    def _take(self, token: Token | None) -> None:
        """Take what is put into memory by hand: a login."""
        tell = partial(self._the_sight.tell, "login")
        self._the_grant.assign(token, self._slot(), self._token_timeout, tell)

    @property
    def middleware(self) -> ClientMiddlewareType:
        """
        The same signing for a session of your own: ``ClientSession(middlewares=[…])``.

        Requests to the declared origins are signed, and carry no cookies unless the client was made
        with ``cookies=True``; requests elsewhere pass untouched. Raises ConfigurationError for a
        client without declared origins.
        """
        verbs = self._verbs or self._wire()
        if not verbs.fence.origins:
            raise ConfigurationError(
                "which origins may the token go to? Pass origins=['https://…'] when the client is "
                "made: its middleware sees every request of the session"
            )
        return verbs

    @property
    def session(self) -> ClientSession:
        """The session in use: the one that was passed, or the client's own (needs a loop)."""
        return self._sessions.get()

    async def __aenter__(self) -> Self:
        """Return the client; nothing is opened before it is needed."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        await self.close()

    async def close(self) -> None:
        """
        Wait for flights in progress, then close the session that the client made, if it made one.

        A token that is on its way is kept, not thrown away; one that could not be stored is tried
        once more. A session that was passed stays open.
        """
        if self._grant is not None:
            await self._grant.settle()
        if self._sight is not None:
            await self._sight.settle()
        await self._sessions.close()

    # Public: the verbs.

    def request(self, method: str, url: str | URL, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Send a signed request; *kwargs* are those of ``aiohttp.ClientSession.request``."""
        return PendingRequest(self._request(method, url, kwargs))

    def get(self, url: str | URL, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Send a signed GET request."""
        return PendingRequest(self._request("GET", url, kwargs))

    def options(self, url: str | URL, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Send a signed OPTIONS request."""
        return PendingRequest(self._request("OPTIONS", url, kwargs))

    def head(self, url: str | URL, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Send a signed HEAD request; it follows no redirects unless asked to, as in aiohttp."""
        kwargs.setdefault("allow_redirects", False)
        return PendingRequest(self._request("HEAD", url, kwargs))

    def post(self, url: str | URL, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Send a signed POST request."""
        return PendingRequest(self._request("POST", url, kwargs))

    def put(self, url: str | URL, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Send a signed PUT request."""
        return PendingRequest(self._request("PUT", url, kwargs))

    def patch(self, url: str | URL, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Send a signed PATCH request."""
        return PendingRequest(self._request("PATCH", url, kwargs))

    def delete(self, url: str | URL, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Send a signed DELETE request."""
        return PendingRequest(self._request("DELETE", url, kwargs))

    def ws_connect(
        self, url: str | URL, **kwargs: Any
    ) -> PendingRequest[ClientWebSocketResponse[bool]]:
        """
        Open a WebSocket with a signed handshake (RFC 6455 §4.1); ``wss`` counts as ``https``.

        *kwargs* are those of ``aiohttp.ClientSession.ws_connect``.
        """
        return PendingRequest(self._ws_connect(url, kwargs))

    async def _request(self, method: str, url: str | URL, kwargs: dict[str, Any]) -> ClientResponse:
        signing, target = self._prepare(url, kwargs)
        outer = kwargs.get("middlewares")
        kwargs["middlewares"] = (*outer, signing) if outer else (signing,)
        return await self._sessions.get().request(method, target, **kwargs)

    async def _ws_connect(
        self, url: str | URL, kwargs: dict[str, Any]
    ) -> ClientWebSocketResponse[bool]:
        signing, target = self._prepare(url, kwargs)
        outer = kwargs.pop("middlewares", None) or ()
        session = self._sessions.get()
        if session.closed:  # a session without a connector would make one of its own
            raise RuntimeError("Session is closed")
        # aiohttp has no public way to read a session's proxy, and going round it would be worse.
        for name in ("proxy", "proxy_auth"):
            if kwargs.get(name) is None and (given := getattr(session, f"_default_{name}", None)):
                kwargs[name] = given
        # aiohttp's ws_connect() takes no middlewares; a session does.
        once = ClientSession(
            connector=session.connector,
            connector_owner=False,
            cookie_jar=session.cookie_jar if self._cookies else DummyCookieJar(),
            headers=session.headers,
            skip_auto_headers=session.skip_auto_headers,
            trace_configs=session.trace_configs,
            trust_env=session.trust_env,
            timeout=session.timeout,
            middlewares=(*outer, signing),
        )
        try:
            return await cast(
                "Awaitable[ClientWebSocketResponse[bool]]", once.ws_connect(target, **kwargs)
            )
        finally:
            once.detach()

    def _prepare(self, url: str | URL, kwargs: dict[str, Any]) -> tuple[ClientMiddlewareType, URL]:
        """Find the URL, check it against the fence, and choose what signs the request."""
        if isinstance(url, str) and url.startswith("/"):
            url = self._put_after_base(url)
        target = read_url(url)
        signing = self._signings.get((target.scheme, target.raw_authority))
        if signing is None:
            target = self._resolve(url, target)
            signing = self._choose(target)
        kept = None
        if kwargs and ("headers" in kwargs or "cookies" in kwargs or "auth" in kwargs):
            kept = check_headers(kwargs, target)
        return signing.for_call(kept), target

    def _choose(self, target: URL) -> Signing:
        """Return what signs requests to the origin of *target*, and remember it."""
        signing = self._verbs or self._wire()
        if signing.fence.find(target) is None:
            if self._provider is not None or self._extra_origins:
                whose = self._provider.name if self._provider is not None else ""
                raise ForeignOriginError(origin_of(target), signing.fence.origins, provider=whose)
            # A class used without provider and origins: where its caller sends a request is
            # declared for that request, and not for where it is redirected to.
            fence = Fence.around((secure_origin(target),), self._the_source)
            signing = Signing(fence=fence, signer=signing.signer, cookies=self._cookies)
        if len(self._signings) >= _MOST_REMEMBERED:
            self._signings.clear()
        self._signings[target.scheme, target.raw_authority] = signing
        return signing

    def _put_after_base(self, path: str) -> str:
        if path.startswith("//"):
            raise RequestError(
                "a URL that begins with // names a host and no scheme: write https://… in full"
            )
        base = self._provider.api_base if self._provider is not None else None
        return path if base is None else base.rstrip("/") + path

    def _resolve(self, url: str | URL, target: URL) -> URL:
        """Return the absolute URL of *target*, as *url* was read; see the class for a path."""
        if target.absolute and target.raw_host:
            return target
        base = self._provider.api_base if self._provider is not None else None
        if base is None or target.scheme or target.raw_host:
            raise RequestError(
                "pass an absolute URL (https://…): there is no api_base to put this one after"
                if base is None
                else "pass an absolute URL (https://host/…) or a path (/…)"
            )
        path = str(target)
        joint = "" if path.startswith(("?", "#")) else "/"
        return URL(base.rstrip("/") + joint + path.lstrip("/"), encoded=not isinstance(url, str))
