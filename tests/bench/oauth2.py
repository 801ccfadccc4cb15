"""OAuth 2 and service accounts: what bearer tokens, cold callers, assertions and clients cost."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from aiohttp import ClientSession, DummyCookieJar
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from bench.figures import Figure
from bench.timing import Effort, Rounds, block, interleave
from bench.whole import REQUESTS, ROUNDS_FOR_ONE, Connector, make_run
from oauthkit import OAuth2Credentials, OAuth2Provider, connect
from oauthkit.protocol.jose import JwtSigner

__all__ = ["measure"]

SITE = "https://api.example.com"
PROVIDER = OAuth2Provider(
    name="bench",
    token_endpoint=f"{SITE}/token",
    api_base=SITE,
    grant_types=("client_credentials",),
)
CREDS = {"client_id": "bench", "client_secret": "made-up-secret"}
TOKEN = {"access_token": "made-up-token-of-32-characters--", "token_type": "Bearer"}
CALLERS = 1000
# What a token server on another continent takes; the callers' own time counts against it.
TOKEN_TAKES = 0.1
CLIENTS = 100_000


def measure(effort: Effort) -> Iterator[Figure]:
    """Measure all figures of OAuth 2."""
    yield from asyncio.run(_bearer(effort))
    yield asyncio.run(_cold(effort))
    yield from _assertions(effort)
    yield from asyncio.run(_clients(effort))


async def _bearer(effort: Effort) -> list[Figure]:
    """CPU that a warm token adds to a GET."""
    url_of = (SITE + "/1.1/lists.json?count={}&since=a").format
    creds = {**CREDS, **TOKEN, "expires_at": int(time.time()) + 86_400}
    async with ClientSession(connector=Connector(), cookie_jar=DummyCookieJar()) as session:
        client = connect(PROVIDER, creds, session=session)
        own = client.middleware
        verbs: dict[str, Callable[[int], Any]] = {
            "bare": lambda i: session.get(url_of(i)),
            "client.get()": lambda i: client.get(url_of(i)),
            "client.middleware": lambda i: session.get(url_of(i), middlewares=(own,)),
        }
        runs = {kind: make_run(verb) for kind, verb in verbs.items()}
        took: dict[str, list[float]] = {kind: [] for kind in runs}
        order = list(runs)
        shuffle = random.Random(1).shuffle
        for run in runs.values():
            await run()
        gc.collect()
        for _ in range(effort.rounds * ROUNDS_FOR_ONE):
            shuffle(order)
            for kind in order:
                start = time.process_time_ns()
                await runs[kind]()
                took[kind].append((time.process_time_ns() - start) / REQUESTS / 1000)
    bare = Rounds(tuple(took.pop("bare")))
    return [
        Figure(
            f"warm bearer token, {kind} adds",
            median(Rounds(tuple(times)).added_to(bare).took),
            "µs",
            15.0,
            detail=f"to {bare.typical:.0f} µs",
        )
        for kind, times in took.items()
    ]


async def _cold(effort: Effort) -> Figure:
    """How long 1,000 callers wait for their first token, to how long one does."""
    body = json.dumps({**TOKEN, "expires_in": 3600}).encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    answer = f"{head}{len(body)}\r\n\r\n".encode() + body

    async def wait(callers: int) -> float:
        connector = Connector(answer, TOKEN_TAKES)
        async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session:
            source = connect(PROVIDER, CREDS, session=session)._the_source
            start = time.perf_counter()
            tokens = await asyncio.gather(*(source.token() for _ in range(callers)))
            took = time.perf_counter() - start
        if connector.connections != 1 or {token["access_token"] for token in tokens} != {
            TOKEN["access_token"]
        }:
            raise AssertionError(f"{connector.connections} token requests for {callers} callers")
        return took * 1000

    await wait(1)
    pairs = [(await wait(CALLERS), await wait(1)) for _ in range(effort.rounds)]
    many, one = (median(times) for times in zip(*pairs, strict=True))
    return Figure(
        f"{CALLERS:,} cold callers, to one token request",
        median(all_of_them / alone for all_of_them, alone in pairs),
        "x",
        1.2,
        detail=f"{many:.0f} ms and {one:.0f} ms; the server takes {TOKEN_TAKES * 1000:.0f} ms",
    )


def _assertions(effort: Effort) -> Iterator[Figure]:
    """A signed assertion from its claims, to the bare signature."""
    now = int(time.time())
    octets = b"x" * 300
    curve, digest = ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()
    modulus = rsa.generate_private_key(65537, 2048)
    scheme, ecdsa = padding.PKCS1v15(), ec.ECDSA(digest)

    def claims(i: int) -> dict[str, Any]:
        return {
            "iss": "robot@bench.example",
            "scope": f"{SITE}/auth/read",
            "aud": f"{SITE}/token",
            "iat": now + i,
            "exp": now + i + 3600,
        }

    kinds: list[tuple[Any, Any, float, Callable[[bytes], bytes]]] = [
        ("ES256", curve, 1.5, lambda text: curve.sign(text, ecdsa)),
        ("RS256", modulus, 1.15, lambda text: modulus.sign(text, scheme, digest)),
    ]
    for alg, key, limit, bare in kinds:
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        signer = JwtSigner(pem, alg, {"kid": "1"})
        got = interleave(
            {"ours": block(signer.sign, claims), "bare": block(bare, lambda _: octets)}, effort
        )
        yield Figure(
            f"{alg} assertion, to the bare signature",
            got["ours"].over(got["bare"]),
            "x",
            limit,
            detail=f"{got['ours'].typical:.0f} µs, bare {got['bare'].typical:.0f} µs",
        )


async def _clients(effort: Effort) -> list[Figure]:
    """Many clients on one session, each with a token of its own: time and memory of each."""
    settings = {
        **CREDS,
        "grant_type": "client_credentials",
        "token_endpoint": f"{SITE}/token",
        "api_base": SITE,
    }
    count = CLIENTS if effort.rounds > 3 else CLIENTS // 10
    figures: list[Figure] = []
    async with ClientSession(connector=Connector(), cookie_jar=DummyCookieJar()) as session:
        kinds: dict[str, Callable[[int], Any]] = {
            "object, mapping": lambda i: connect(
                PROVIDER, {**CREDS, "access_token": f"token {i}"}, session=session
            ),
            "object, object": lambda i: connect(
                PROVIDER,
                OAuth2Credentials(**CREDS, access_token=f"token {i}"),
                session=session,
            ),
            "name, mapping": lambda i: connect(
                "generic", {**settings, "access_token": f"token {i}"}, session=session
            ),
        }
        for kind, make in kinds.items():
            make(0)
            took = [_time(make, count) for _ in range(3)]
            figures += [
                Figure(
                    f"{count:,} clients ({kind}), each",
                    min(took),
                    "µs",
                    25.0,
                    detail=f"median {median(took):.1f} µs",
                ),
                Figure(f"{count:,} clients ({kind}), each", _weigh(make, count), "KiB", 3.0),
            ]
    return figures


def _time(make: Callable[[int], Any], count: int) -> float:
    """Return the µs of CPU that each takes, all of them being kept."""
    gc.collect()
    start = time.process_time_ns()
    kept = [make(i) for i in range(count)]
    took = time.process_time_ns() - start
    del kept
    return took / count / 1000


def _weigh(make: Callable[[int], Any], count: int) -> float:
    """Return the KiB that each takes, all of them being kept."""
    gc.collect()
    tracemalloc.start()
    try:
        kept = [make(i) for i in range(count)]
        return tracemalloc.get_traced_memory()[0] / len(kept) / 1024
    finally:
        tracemalloc.stop()
