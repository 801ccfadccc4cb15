"""The loopback server: names, ports, TLS, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
import ssl
import threading

import aiohttp
import pytest
from aiohttp import web

from oauthkit.testing.servers import (
    CertificateAuthority,
    LoopbackServer,
    OAuth1Server,
    connector,
    session,
)
from oauthkit.testing.servers.loopback import LoopbackResolver
from support import run

proves_loopback = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "nothing leaves the machine",
    rfc=None,
    judge="none but ours",
)


def application() -> web.Application:
    """Answer with scheme and host."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.scheme} {request.host}")

    app = web.Application()
    app.router.add_get("/", answer)
    return app


def server(*hosts: str, **options: object) -> LoopbackServer:
    """Make a server that plays *hosts*."""
    return LoopbackServer(app=application, hosts=hosts, **options)  # type: ignore[arg-type]


async def read(opened: aiohttp.ClientSession, url: str) -> str:
    """Read a page."""
    async with opened.get(url) as response:
        return await response.text()


def test_names_ports_and_schemes() -> None:
    """Any port of a played host is reached, over TLS and without; a wildcard is one label."""

    async def main(playing: LoopbackServer) -> None:
        async with playing.session() as opened:
            for url, expected in (
                ("https://a.example", "https a.example"),
                ("https://A.example", "https a.example"),
                ("https://a.example:8443", "https a.example:8443"),
                ("http://a.example", "http a.example"),
                ("http://a.example:8080", "http a.example:8080"),
                ("https://x.files.example", "https x.files.example"),
            ):
                assert expected == await read(opened, url)

    with server("A.example", "a.example", "*.files.example") as playing:
        assert ("a.example", "*.files.example") == playing.hosts
        run(main(playing))


@proves_loopback
def test_nothing_leaves_the_machine() -> None:
    """Names that nobody plays and addresses elsewhere are refused, and the error says which."""

    async def main(playing: LoopbackServer) -> None:
        async with playing.session() as opened:
            for url in ("https://b.example", "http://localhost", "https://y.x.files.example"):
                with pytest.raises(aiohttp.ClientConnectorError, match="no embedded server") as hit:
                    await read(opened, url)
                assert url.partition("//")[2] in str(hit.value)
                assert errno.EHOSTUNREACH == hit.value.os_error.errno
            for url in ("https://192.0.2.1", "http://[2001:db8::1]:80"):
                with pytest.raises(aiohttp.ClientConnectorError, match="not a loopback address"):
                    await read(opened, url)
        async with playing.session(trust_env=False, proxy="http://proxy.example:3128") as opened:
            with pytest.raises(aiohttp.ClientConnectorError, match=r"proxy\.example"):
                await read(opened, "https://a.example")

    with server("a.example", "*.files.example") as playing:
        run(main(playing))


def test_several_servers() -> None:
    """One session reaches several servers, each by its own names; a name has one server."""

    async def main(one: LoopbackServer, two: LoopbackServer) -> None:
        async with one.session(two) as opened:
            assert "https a.example" == await read(opened, "https://a.example")
            assert "https b.example" == await read(opened, "https://b.example")
        async with session(one, two, connector_owner=True) as opened:
            assert "http b.example" == await read(opened, "http://b.example")
        with pytest.raises(ValueError, match=r"a\.example"):
            connector(one, server_like(two, ("a.example",)))

    own = CertificateAuthority()
    with server("a.example") as one, server("b.example", authority=own) as two:
        assert one.port != two.port
        run(main(one, two))


class server_like:  # noqa: N801 (a value, made by a call)
    """Play other hosts on a running server."""

    def __init__(self, real: LoopbackServer, hosts: tuple[str, ...]) -> None:
        """Take over all but the hosts."""
        self.hosts, self.port, self.authority = hosts, real.port, real.authority


@proves_loopback
def test_only_its_own_authority_is_trusted() -> None:
    """The server's certificate is no good to other clients, nor for other names."""

    async def main(playing: LoopbackServer) -> None:
        async with (
            aiohttp.ClientSession(connector=playing.connector(ssl=True)) as opened,
        ):
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await read(opened, "https://a.example")
        resolver = LoopbackResolver({"b.example": playing.port})
        async with aiohttp.ClientSession(connector=playing.connector(resolver=resolver)) as opened:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await read(opened, "https://b.example")
            assert "http b.example" == await read(opened, "http://b.example")
        await resolver.close()

    with server("a.example") as playing:
        run(main(playing))


def test_without_plain_http() -> None:
    """A server without plain HTTP drops what is not TLS."""

    async def main(playing: LoopbackServer) -> None:
        async with playing.session() as opened:
            assert "https a.example" == await read(opened, "https://a.example")

    with server("a.example", plain_http=False) as playing:
        run(main(playing))
        with socket.create_connection(("127.0.0.1", playing.port)) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            # Closing with something unread resets the connection, sooner or later.
            with contextlib.suppress(ConnectionResetError):
                assert b"" == plain.recv(1)


def test_closing() -> None:
    """After close the thread has ended, the port is free, sockets are closed; twice is fine."""
    before = set(threading.enumerate())
    playing = server("a.example")
    playing.start()
    with pytest.raises(RuntimeError, match="already"):
        playing.start()
    port = playing.port
    assert 1 == len(set(threading.enumerate()) - before)

    async def main() -> None:
        async with playing.session() as opened:
            # One connection kept alive over TLS, one without, one that never says a word, and one
            # that begins a handshake and stops.
            await read(opened, "https://a.example")
            await read(opened, "http://a.example")
            with (
                socket.create_connection(("127.0.0.1", port)) as silent,
                socket.create_connection(("127.0.0.1", port)) as half,
            ):
                half.sendall(b"\x16\x03\x01")
                # A request on a later connection: the two before it have been accepted.
                await read(opened, "https://a.example:1")
                await asyncio.to_thread(playing.close)
                assert b"" == silent.recv(1)

    run(main())
    playing.close()
    assert before == set(threading.enumerate())
    with pytest.raises(RuntimeError, match="not running"):
        _ = playing.port
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass
    # Whatever was forgotten shows as a ResourceWarning here, and warnings are errors.
    gc.collect()


def test_running_again() -> None:
    """A server that was closed can be started again, with its state."""
    playing = OAuth1Server(hosts=["a.example"])
    for _ in range(2):
        with playing:

            async def main() -> int:
                async with playing.session() as opened, opened.get("https://a.example/x") as answer:
                    return answer.status

            assert 401 == run(main())
    assert 2 == len(playing.log)


def test_a_client_that_leaves_during_the_handshake() -> None:
    """A peer that goes away before or in its handshake disturbs nobody."""
    with server("a.example") as playing:
        for sent in (b"", b"\x16\x03\x01\x00"):
            with socket.create_connection(("127.0.0.1", playing.port)) as leaving:
                leaving.sendall(sent)

        async def main() -> str:
            async with playing.session() as opened:
                return await read(opened, "https://a.example")

        assert "https a.example" == run(main())


def test_startup_faults_reach_the_caller() -> None:
    """A fault in the thread is raised by start."""

    def broken() -> web.Application:
        raise ValueError("no application today")

    with pytest.raises(ValueError, match="today"), LoopbackServer(app=broken, hosts=["a.example"]):
        pass


def test_a_name_that_is_not_ascii() -> None:
    """It is played under the name that goes on the wire (RFC 5891 §4.4)."""
    with server("B\u00dccher.example", "*.b\u00fccher.example") as playing:
        assert ("xn--bcher-kva.example", "*.xn--bcher-kva.example") == playing.hosts

        async def main() -> str:
            async with playing.session() as opened:
                return await read(opened, "https://b\u00fccher.example")

        assert "https xn--bcher-kva.example" == run(main())


def test_certificates() -> None:
    """An authority's certificate is verified by a context that trusts it alone."""
    authority = CertificateAuthority()
    context = authority.client_context()
    assert ssl.CERT_REQUIRED == context.verify_mode
    assert 1 == len(context.get_ca_certs())
    assert authority.pem != CertificateAuthority().pem
