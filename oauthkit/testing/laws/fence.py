"""
Where a token may go (RFC 6454 §4, RFC 9700 §4.9.1): to the declared origins, and nowhere else.

What is declared is read a second time here, from the texts of *api_base* and *origins*, with the
standard library; URLs that look like it are made from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import attrs
from aiohttp import ClientSession, web
from hypothesis import strategies as st
from yarl import URL

from oauthkit import (
    AssertionCredentials,
    AssertionProvider,
    ForeignOriginError,
    Provider,
    RequestError,
)
from oauthkit.testing.laws.law import law
from oauthkit.testing.laws.played import Played
from oauthkit.testing.laws.subject import Subject
from oauthkit.testing.servers import LoopbackServer

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_STRANGER = "stranger.example"

# A host that is right, and those that look like it; the first is what a failure shrinks to.
_HOSTS: tuple[Callable[[str], str], ...] = (
    lambda host: host,
    lambda host: f"evil{host}",
    lambda host: f"evil-{host}",
    lambda host: f"evil.{host}",
    lambda host: f"{host}.{_STRANGER}",
    lambda host: f"{host}l",
    lambda host: host.partition(".")[2] or host,
    lambda host: host.replace(".", "-", 1),
    lambda host: host[1:],
    lambda _: _STRANGER,
    lambda host: f"{host}@{_STRANGER}",
)
# As they are written; none of them is for a certificate or a resolver.
_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str.upper,
    lambda host: f"{host}.",
    lambda host: f"{_STRANGER}@{host}",
    lambda host: f"evil.evil.{host}",
)


@attrs.frozen
class _Place:
    """One origin as it was written; *below* is for a host that begins with ``*.``."""

    scheme: str
    host: str
    port: int
    below: bool

    @classmethod
    def of(cls, text: str) -> _Place:
        parts = urlsplit(text)
        host = _ascii(parts.hostname or "")
        below = host.startswith("*.")
        port = parts.port or _PORTS[parts.scheme]
        return cls(parts.scheme, host.removeprefix("*."), port, below)

    @property
    def example(self) -> str:
        """A host that belongs here."""
        return f"api.{self.host}" if self.below else self.host

    def owns(self, url: str) -> bool:
        """Tell whether *url* belongs here, label by label."""
        parts = urlsplit(url)
        secure = parts.scheme in ("https", "wss")
        if secure != (self.scheme == "https") or (
            (parts.port or _PORTS[parts.scheme]) != self.port
        ):
            return False
        labels, own = _ascii(parts.hostname or "").split("."), self.host.split(".")
        if not self.below:
            return labels == own
        return len(labels) > len(own) and labels[-len(own) :] == own and all(labels)


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode()


def _places(provider: Provider[Any]) -> list[_Place]:
    texts = [*filter(None, [provider.api_base]), *provider.origins]
    return list(dict.fromkeys(map(_Place.of, texts)))


def _belongs(provider: Provider[Any], url: str) -> bool:
    return any(place.owns(url) for place in _places(provider))


def _write(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port == _PORTS[scheme] else f"{scheme}://{shown}:{port}"


def _candidates(provider: Provider[Any], *, sent: bool) -> list[str]:
    """Return URLs that differ from an origin in one thing; *sent* are those for the wire."""
    found: list[str] = []
    for place in _places(provider):
        host, port = place.example, place.port
        hosts = _HOSTS if sent else (*_HOSTS, *_SPELLINGS)
        other = "http" if place.scheme == "https" else "https"
        found += [_write(place.scheme, make(host), port) for make in hosts]
        if place.below:
            found.append(_write(place.scheme, place.host, port))
        found += [_write(place.scheme, host, p) for p in (443, 80, 8443)]
        # The same port, where the scheme has another by itself; and the scheme's own.
        found += [f"{other}://{host}", f"{other}://{host}:{port}"]
        if not sent:
            found += [f"{scheme}://{host}:{port}" for scheme in ("wss", "ws")]
    urls = [f"{url}/conformance" for url in dict.fromkeys(found) if _is_url(url)]
    if not sent:
        return urls
    # A service is played one label below a *, no deeper.
    played = {place.example for place in _places(provider)}
    return [u for u in urls if urlsplit(u).hostname in played or not _belongs(provider, u)]


def _is_url(url: str) -> bool:
    try:
        return bool(URL(url).raw_host)
    except ValueError:
        return False


def _has_names(provider: Provider[Any]) -> bool:
    """Tell whether all hosts are names: those are played, addresses are not."""
    hosts = [place.host for place in _places(provider)]
    return all(":" not in host and not host.rpartition(".")[2].isdigit() for host in hosts)


@law("RFC 6454 §5")
def fence_is_what_is_declared(subject: Subject) -> None:
    """A URL is one that tokens go to if its scheme, host and port are declared, and only then."""
    provider = subject.provider
    candidates = _candidates(provider, sent=False)

    def check(url: str) -> None:
        asked = URL(url)
        origins = provider.token_origins
        goes = any(o.matches(asked.scheme, asked.raw_host, asked.port) for o in origins)
        wanted = _belongs(provider, url)
        found = (
            "tokens go to {}, which is not declared" if goes else "no token goes to {}, which is"
        )
        subject.require(goes == wanted, found.format(url))

    subject.for_all(check, url=st.sampled_from(candidates), examples=len(candidates))


@attrs.define(eq=False)
class _Watched:
    """A client, and all that arrives: at the service, and at strangers whose names look like it."""

    subject: Subject
    played: Played
    client: Any
    heard: list[tuple[str, str]]

    def secrets(self) -> list[str]:
        """Return what may arrive at declared origins only."""
        creds = [v for v in dict(self.played.server.creds).values() if isinstance(v, str)]
        token = dict(self.client.token or {})
        values = [v for name in ("access_token", "refresh_token") if (v := token.get(name))]
        return [value for value in (*creds, *values) if len(value) > 6]

    def clear(self) -> None:
        """Forget what arrived."""
        self.heard.clear()
        self.played.server.log.clear()

    def send(self, url: str) -> None:
        """Send a form there, and follow."""

        async def post() -> None:
            async with self.client.post(url, data={"a": "b"}) as answer:
                await answer.read()

        self.played.run(post())

    def everything(self) -> list[tuple[str, str]]:
        """Return the URL and the text of each request that arrived."""
        log = self.played.server.log
        own = [(one.url, _text(one.url, one.headers, one.body)) for one in log]
        return [*own, *self.heard]

    def leaked(self) -> list[str]:
        """Say what of ours arrived outside of the declared origins."""
        needles = [*self.secrets(), "oauth_token", "access_token"]
        return [
            f"{url} received {needle if needle.startswith(('oauth', 'access')) else 'a secret'}"
            for url, text in self.everything()
            if not _belongs(self.subject.provider, url)
            for needle in needles
            if needle in text or quote(needle, safe="") in text
        ]


def _text(url: str, headers: Any, body: bytes) -> str:
    fields = "\n".join(f"{name}: {value}" for name, value in headers)
    return f"{url}\n{fields}\n{body.decode(errors='replace')}"


def _connect(played: Played, session: ClientSession) -> Any:
    """Make a client that has a token already."""
    creds: Any = played.server.creds
    if isinstance(played.provider, AssertionProvider):
        creds = AssertionCredentials(**creds)
    client = played.connect(creds, session=session)
    client.token = played.server.issue()
    return client


@contextmanager
def _watched(subject: Subject, candidates: list[str]) -> Generator[_Watched]:
    heard: list[tuple[str, str]] = []

    async def hear(request: web.Request) -> web.Response:
        url = str(request.url)
        heard.append((url, _text(url, request.headers.items(), await request.read())))
        return web.Response()

    def make() -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", hear)
        return app

    with subject.played() as played:
        own = played.server.hosts
        names = {urlsplit(url).hostname or "" for url in candidates}
        strangers = [n for n in names if n not in own and f"*.{n.partition('.')[2]}" not in own]

        async def connect(stranger: LoopbackServer) -> ClientSession:
            session: ClientSession = played.server.session(stranger)
            return session

        with LoopbackServer(app=make, hosts=sorted(strangers) or [_STRANGER]) as stranger:
            session = played.run(connect(stranger))
            try:
                client = _connect(played, session)
                yield _Watched(subject, played, client, heard)
            finally:
                played.run(session.close())
                played.run(asyncio.sleep(0))


@law("RFC 9700 §4.9.1", when=_has_names)
def token_goes_to_declared_origins_only(subject: Subject) -> None:
    """A token is on a request if its origin is declared; all others are refused unsent."""
    candidates = _candidates(subject.provider, sent=True)
    with _watched(subject, candidates) as watched:

        def check(url: str) -> None:
            watched.clear()
            refused = False
            try:
                watched.send(url)
            except (ForeignOriginError, RequestError):
                refused = True
            arrived = watched.everything()
            if not _belongs(subject.provider, url):
                subject.require(refused and not arrived, f"a request for {url} is sent")
                return
            subject.require(not refused, f"a request for {url} is refused")
            (*_, last) = watched.played.server.log
            subject.require(last.signed and not last.failed, f"no good token arrives at {url}")

        subject.for_all(check, url=st.sampled_from(candidates))


@law("RFC 9700 §4.9.1", when=_has_names)
def token_stays_behind_on_redirects(subject: Subject) -> None:
    """A redirect to another origin is followed, and nothing of ours goes along."""
    provider = subject.provider
    candidates = [url for url in _candidates(provider, sent=True) if not _belongs(provider, url)]
    home = _places(provider)[0]
    start = f"{_write(home.scheme, home.example, home.port)}/leave"
    with _watched(subject, candidates) as watched:
        watched.played.server.respond("/conformance", 200)

        def check(url: str, status: int) -> None:
            watched.clear()
            watched.played.server.redirect("/leave", status, url)
            watched.send(start)
            subject.require(len(watched.everything()) > 1, f"a redirect to {url} is not followed")
            leaked = watched.leaked()
            subject.require(not leaked, "; ".join(leaked))

        subject.for_all(check, url=st.sampled_from(candidates), status=st.sampled_from([307, 302]))
