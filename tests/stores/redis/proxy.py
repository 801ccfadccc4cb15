"""What stands between a store and its server: it counts, speaks TLS, and loses answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from ssl import SSLContext

import attrs

__all__ = ["Proxy", "between"]


@attrs.define(eq=False)
class Proxy:
    """
    A proxy on loopback.

    *sent* is what came from clients, as it came. A connection on which one of *lost* is sent breaks
    when the answer to that comes, once for each. While it is *silent*, no answer comes through.
    """

    target: int
    port: int = 0
    sent: list[bytes] = attrs.field(factory=list[bytes])
    lost: list[bytes] = attrs.field(factory=list[bytes])
    silent: bool = False
    _tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = attrs.field(
        factory=dict[asyncio.Task[None], asyncio.StreamWriter], init=False
    )

    @property
    def url(self) -> str:
        """The URL without TLS."""
        return f"redis://127.0.0.1:{self.port}/0"

    def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks[task] = writer
        task.add_done_callback(self._tasks.pop)

    async def end(self) -> None:
        """End all connections."""
        tasks = dict(self._tasks)
        for writer in tasks.values():
            writer.close()
        await asyncio.gather(*tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection("127.0.0.1", self.target)
        losing = asyncio.Event()

        async def up() -> None:
            while data := await reader.read(65536):
                self.sent.append(data)
                command = next((command for command in self.lost if command in data), None)
                if command is not None:
                    self.lost.remove(command)
                    losing.set()
                there.write(data)

        async def down() -> None:
            while (data := await back.read(65536)) and not losing.is_set():
                if not self.silent:
                    writer.write(data)

        pumps = [asyncio.create_task(up()), asyncio.create_task(down())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            writer.close()
            there.close()
            for one in (writer, there):
                with suppress(OSError):
                    await one.wait_closed()


@asynccontextmanager
async def between(target: int, tls: SSLContext | None = None) -> AsyncGenerator[Proxy]:
    """Run a proxy before the server at the port *target*."""
    proxy = Proxy(target)
    listener = await asyncio.start_server(proxy.meet, "127.0.0.1", 0, ssl=tls)
    proxy.port = int(listener.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.end()
        await listener.wait_closed()
