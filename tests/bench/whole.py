"""
The CPU time that signing adds to a whole aiohttp request.

Everything of aiohttp runs, from the verb to the parsed answer, but for the socket: a transport that
answers at once takes its place, so that no other process and no kernel is measured. What a bare
request takes is subtracted, round by round, from one with the package's client and from one with a
middleware of three lines around the floor.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from statistics import median
from typing import Any

from aiohttp import (
    BaseConnector,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
)
from aiohttp.client_proto import ResponseHandler

from bench.figures import Figure
from bench.floor import CREDENTIALS, Floor
from bench.timing import Effort, Rounds
from oauthkit import OAuth1Provider, connect

__all__ = ["Connector", "make_run", "measure"]

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
LIMIT = 1.3
REQUESTS = 200
ROUNDS_FOR_ONE = 8
URL_OF = "https://api.example.com/1.1/lists.json?count={}&since=a".format
FORM = {f"name{i}": f"value {i}" for i in range(20)}
FORM_URL = "https://api.example.com/1.1/update.json"


class _Transport(asyncio.Transport):
    """Answers each request at the loop's next turn, or after a delay."""

    def __init__(
        self,
        protocol: ResponseHandler,
        loop: asyncio.AbstractEventLoop,
        answer: bytes,
        delay: float,
    ) -> None:
        super().__init__()
        self._protocol, self._loop, self._closing = protocol, loop, False
        self._answer, self._delay = answer, delay

    def write(self, data: object) -> None:
        if self._delay:
            self._loop.call_later(self._delay, self._protocol.data_received, self._answer)
        else:
            self._loop.call_soon(self._protocol.data_received, self._answer)

    def writelines(self, list_of_data: Iterable[object]) -> None:
        self.write(list_of_data)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Connector(BaseConnector):
    """Connects to nobody; every request gets *answer*, after *delay* seconds."""

    def __init__(self, answer: bytes = ANSWER, delay: float = 0.0) -> None:
        super().__init__()
        self._answer, self._delay = answer, delay
        self.connections = 0

    async def _create_connection(
        self, req: ClientRequest, traces: list[Any], timeout: ClientTimeout
    ) -> ResponseHandler:
        loop = asyncio.get_running_loop()
        protocol = ResponseHandler(loop)
        protocol.connection_made(_Transport(protocol, loop, self._answer, self._delay))
        self.connections += 1
        return protocol


Verb = Callable[[int], Any]


def measure(effort: Effort) -> Iterator[Figure]:
    """Measure what signing adds to a GET and to a POST of a form."""
    yield from asyncio.run(_measure(effort))


async def _measure(effort: Effort) -> list[Figure]:
    floor = Floor(CREDENTIALS)

    async def sign_get(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        request.headers["Authorization"] = floor.sign(request.method, str(request.url))
        return await handler(request)

    async def sign_post(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        body: Any = request.body
        octets: bytes = await body.as_bytes()
        header = floor.sign(request.method, str(request.url), octets.decode())
        request.headers["Authorization"] = header
        return await handler(request)

    provider = OAuth1Provider(name="bench", api_base="https://api.example.com")
    creds = {
        "client_id": CREDENTIALS.client_id,
        "client_secret": CREDENTIALS.client_secret,
        "token": CREDENTIALS.token,
        "token_secret": CREDENTIALS.token_secret,
    }
    async with ClientSession(connector=Connector(), cookie_jar=DummyCookieJar()) as session:
        client = connect(provider, creds, session=session)
        own = client.middleware
        gets: dict[str, Verb] = {
            "bare": lambda i: session.get(URL_OF(i)),
            "floor": lambda i: session.get(URL_OF(i), middlewares=(sign_get,)),
            "client": lambda i: client.get(URL_OF(i)),
            "middleware": lambda i: session.get(URL_OF(i), middlewares=(own,)),
        }
        posts: dict[str, Verb] = {
            "bare": lambda _: session.post(FORM_URL, data=FORM),
            "floor": lambda _: session.post(FORM_URL, data=FORM, middlewares=(sign_post,)),
            "client": lambda _: client.post(FORM_URL, data=FORM),
            "middleware": lambda _: session.post(FORM_URL, data=FORM, middlewares=(own,)),
        }
        return [
            *await _compare("GET, 2 parameters", gets, effort),
            *await _compare("POST, form of 20", posts, effort),
        ]


async def _compare(name: str, verbs: dict[str, Verb], effort: Effort) -> list[Figure]:
    runs = {kind: make_run(verb) for kind, verb in verbs.items()}
    took: dict[str, list[float]] = {kind: [] for kind in verbs}
    order = list(verbs)
    shuffle = random.Random(1).shuffle
    for run in runs.values():
        await run()
    gc.collect()
    # Many short rounds: the difference of two large figures needs them.
    for _ in range(effort.rounds * ROUNDS_FOR_ONE):
        shuffle(order)
        for kind in order:
            start = time.process_time_ns()
            await runs[kind]()
            took[kind].append((time.process_time_ns() - start) / REQUESTS / 1000)
    bare = Rounds(tuple(took["bare"]))
    added = {
        kind: median(Rounds(tuple(took[kind])).added_to(bare).took)
        for kind in ("floor", "client", "middleware")
    }
    detail = f"the floor adds {added['floor']:.1f} µs to {bare.typical:.0f} µs"
    return [
        Figure(
            f"{name}, client.{'get' if name[0] == 'G' else 'post'}()",
            added["client"] / added["floor"],
            "x",
            LIMIT,
            detail=f"{added['client']:.1f} µs; {detail}",
        ),
        Figure(
            f"{name}, client.middleware",
            added["middleware"] / added["floor"],
            "x",
            LIMIT,
            detail=f"{added['middleware']:.1f} µs",
        ),
    ]


def make_run(verb: Verb) -> Callable[[], Awaitable[None]]:
    """Return what makes REQUESTS requests with *verb*, one after the other."""

    async def run() -> None:
        for i in range(REQUESTS):
            async with verb(i) as response:
                await response.read()

    return run
