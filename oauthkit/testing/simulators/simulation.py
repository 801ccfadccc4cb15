"""A service of a provider's, simulated: what a test asks of it, and what it makes it do."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import aiohttp

from oauthkit import AuthorizationRequest, Client, Provider, connect
from oauthkit.testing.servers import CertificateAuthority, Exchange, Hook
from oauthkit.testing.servers.failures import Handler
from oauthkit.testing.simulators.clock import Clock, ServiceClock
from oauthkit.testing.simulators.failures import check_failure, is_refresh
from oauthkit.testing.simulators.roles import Role
from oauthkit.testing.simulators.sessions import Sessions

__all__ = ["Simulation"]

C_co = TypeVar("C_co", bound=Client, covariant=True)
S_co = TypeVar("S_co", covariant=True)

_API = "api"


class Simulation(Generic[C_co, S_co]):
    """
    The service of a provider, played on 127.0.0.1 over TLS: ``async with simulate(…) as sim``.

    ``connect("twitter", sim.creds, session=sim.session)`` makes the client of the unchanged
    declaration, and `session` reaches the declared hosts and nothing else. ``with`` starts the
    service where no event loop runs yet. It may be entered again, also while it is entered: it runs
    until it was left as often, and keeps what it has issued, and its log.
    """

    def __init__(
        self, provider: Provider[C_co], role: Role, *, clock: Clock, service_clock: ServiceClock
    ) -> None:
        self._provider = provider
        self._role = role
        self._clock = clock
        self._service_clock = service_clock
        self._creds: dict[str, Any] | None = None
        self._entered = 0
        self._sessions = Sessions(
            make=lambda: aiohttp.ClientSession(connector=self.connector()),
            generation=lambda: self.port,
        )

    def __repr__(self) -> str:
        return f"<Simulation of {self._provider.name}>"

    # What a client is made of

    @property
    def provider(self) -> Provider[C_co]:
        """Give the declaration that is simulated."""
        return self._provider

    @property
    def creds(self) -> dict[str, Any]:
        """
        Give what ``connect()`` takes; the same each time.

        It holds a token of the user alice where a client of this kind keeps one: for OAuth 1.0a
        and the grant types ``authorization_code`` and ``refresh_token``.
        """
        if self._creds is None:
            self._creds = self._role.creds()
        return dict(self._creds)

    @property
    def client_creds(self) -> dict[str, Any]:
        """Give what ``connect()`` takes to begin a log-in: `creds` without a token."""
        return self._role.client_creds

    @property
    def session(self) -> aiohttp.ClientSession:
        """
        Give the running loop's session, which reaches the simulated hosts and refuses all others.

        It is closed at the end of ``async with``, or else when the loop ends.
        """
        self._require_running()
        return self._sessions.current()

    @property
    def clock(self) -> Clock:
        """Give the clock, for ``connect(…, clock=sim.clock)`` and ``sim.clock.advance(3600)``."""
        return self._clock

    def connect(self, creds: Mapping[str, Any] | None = None, **options: Any) -> C_co:
        """Connect with `creds` (or *creds*), on `session` and by `clock`; *options* as they are."""
        given: dict[str, Any] = {
            "session": self.session,
            "clock": self.clock,
            **self._role.options,
            **options,
        }
        return connect(self._provider, self.creds if creds is None else creds, **given)

    # What has happened

    @property
    def log(self) -> list[Exchange]:
        """Give what was received, one `Exchange` a request, with each check that was made."""
        log: list[Exchange] = self._role.server.log
        return log

    @property
    def last(self) -> Exchange:
        """Give the last request; raises `LookupError` where none has come."""
        if not self.log:
            raise LookupError(f"{self!r} has received no request")
        return self.log[-1]

    def requests(self, where: str) -> list[Exchange]:
        """Give the requests for *where*: a path, "api", or an endpoint by name (see `fail`)."""
        path = self._path(where)
        if path is None:
            endpoints = set(self._role.server.endpoint_paths.values())
            return [found for found in self.log if found.path not in endpoints]
        return [found for found in self.log if found.path == path]

    @property
    def token_requests(self) -> int:
        """Count the requests to the token endpoint, refused ones and failures among them."""
        return len(self.requests("token"))

    # What the user and the service do

    def authorize(self, url: object, *, approve: bool = True, user: str = "alice") -> str:
        """
        Decide as *user* would at the authorization URL: give the URL that the browser is sent to.

        *url* is what ``create_authorization_url()`` gave. Out of band (RFC 5849, section 2.1) what
        comes back is the PIN. Raises `ValueError` for a URL that is not
        of this service, or that it does not redirect from.
        """
        decide = getattr(self._role.server, "authorize", None)
        if decide is None:
            raise ValueError(f"{self!r} asks no user: it has no authorization endpoint")
        target = url.url if isinstance(url, AuthorizationRequest) else url
        came_back: str = decide(str(target), approve=approve, user=user)
        return came_back

    def issue(self, user: str | None = "alice", scope: str | None = None) -> dict[str, Any]:
        """
        Issue a token without a flow, and give what the token endpoint would answer.

        *user* None is the client itself; *scope* is joined by spaces.
        """
        return self._role.issue(user, scope)

    def revoke(self, token: str) -> None:
        """Make a token invalid, a refresh token with all that came of it."""
        self._role.server.revoke(token)

    def expire(self, token: str) -> None:
        """Let a token be over as of now; `ValueError` where it was not issued, or cannot expire."""
        expire = getattr(self._role.server, "expire", None)
        if expire is None:
            raise ValueError("an OAuth 1.0a token does not expire: use revoke()")
        expire(token)

    # What goes wrong

    def fail(self, where: str, failure: Hook | Handler, *, times: int | None = 1) -> None:
        """
        Let the next *times* requests for *where* meet *failure*; None is all that come.

        *where* is "api" (every path that is no endpoint), "token", or another endpoint by name:
        "authorization", "temporary_credentials" (OAuth 1.0a), "revocation" and "introspection"
        (OAuth 2); or a path on any of the hosts, as ``/2/users/me``. Failures of one path wait for
        each other. `oauthkit.testing.simulators.failures` has some.
        """
        check_failure(failure)
        refreshing = isinstance(failure, Hook) and failure.when is is_refresh
        if refreshing and "refresh_token" not in getattr(self._role.server, "grant_types", ()):
            raise ValueError(f"{self!r} has no refresh tokens to lose")
        self._role.server.fail(self._path(where), failure, times)

    def restore(self, where: str) -> None:
        """Undo `fail` for *where*."""
        self._role.server.restore(self._path(where))

    @property
    def skew(self) -> float:
        """
        Give, or set, how many seconds the service's clock is ahead of `clock`.

        It dates each answer, and judges timestamps, lifetimes and assertions by its own clock.
        """
        return self._service_clock.ahead

    @skew.setter
    def skew(self, seconds: float) -> None:
        self._service_clock.ahead = seconds

    # Running

    @property
    def server(self) -> S_co:
        """Give the server that plays the service, with all that it can be told to do."""
        server: S_co = self._role.server
        return server

    @property
    def hosts(self) -> tuple[str, ...]:
        """Name the hosts that are played."""
        hosts: tuple[str, ...] = self._role.server.hosts
        return hosts

    @property
    def port(self) -> int:
        """Give the port on 127.0.0.1; raises `RuntimeError` while the service does not run."""
        port: int = self._role.server.port
        return port

    @property
    def authority(self) -> CertificateAuthority:
        """Give the authority that issued the service's certificate."""
        authority: CertificateAuthority = self._role.server.authority
        return authority

    def connector(self, **options: Any) -> aiohttp.TCPConnector:
        """Make a connector for a session of one's own, inside the running loop."""
        self._require_running()
        made: aiohttp.TCPConnector = self._role.server.connector(**options)
        return made

    def __enter__(self) -> Self:
        """Start the service, if it does not run."""
        if not self._entered:
            self._role.server.start()
        self._entered += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it, if nobody else has entered it."""
        self._entered -= 1
        if not self._entered:
            self._role.server.close()

    async def __aenter__(self) -> Self:
        """Start the service, if it does not run."""
        self.__enter__()
        self._sessions.enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the session, and end the service if nobody else has entered it."""
        try:
            await self._sessions.leave()
        finally:
            self.__exit__(kind, error, traceback)

    def _require_running(self) -> None:
        if not self._entered:
            raise RuntimeError(f"{self!r} does not run: use `async with simulate(…) as sim:`")

    def _path(self, where: str) -> str | None:
        """Give the path that *where* names; None is every path that is no endpoint."""
        endpoints: dict[str, str] = self._role.server.endpoint_paths
        if where == _API:
            return None
        if where.startswith("/"):
            return where
        if where in endpoints:
            return endpoints[where]
        known = ", ".join(map(repr, (_API, *endpoints)))
        raise ValueError(f"{where!r}: expected a path (/…), or one of {known}")
