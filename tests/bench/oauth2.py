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

import jwt
from aiohttp import ClientSession, DummyCookieJar
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from bench import rivals
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
    yield from asyncio.run(_cold(effort))
    yield from _assertions(effort)
    yield from asyncio.run(_clients(effort))


async def _bearer(effort: Effort) -> list[Figure]:
    """CPU that a warm token adds to a GET, to the bare one of the same HTTP client."""
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
        runs |= await rivals.warm(session, url_of, _answer())
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
    rounds = {kind: Rounds(tuple(times)) for kind, times in took.items()}
    bare, httpx = rounds.pop("bare"), rounds.pop("httpx2")
    figures: list[Figure] = []
    for kind, all_of_them in rounds.items():
        base, whose = (httpx, "httpx2's ") if kind == "authlib" else (bare, "")
        figures.append(
            Figure(
                f"warm bearer token, {kind} adds",
                median(all_of_them.added_to(base).took),
                "µs",
                15.0 if kind in verbs else None,
                detail=f"to {whose}{base.typical:.0f} µs",
            )
        )
    return figures


def _answer() -> bytes:
    """Return what a token server sends."""
    body = json.dumps({**TOKEN, "expires_in": 3600}).encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    return f"{head}{len(body)}\r\n\r\n".encode() + body


async def _cold(effort: Effort) -> list[Figure]:
    """How long 1,000 callers wait for their first token, to how long one does."""
    kinds = {
        "": _wait,
        ", gcloud-aio-auth": rivals.gcloud_waits,
        ", authlib": rivals.authlib_waits,
    }
    pairs: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    order = list(kinds)
    shuffle = random.Random(1).shuffle
    for wait in kinds.values():
        await wait(1, _answer(), TOKEN_TAKES)
    for _ in range(effort.rounds):
        shuffle(order)
        for kind in order:
            gc.collect()  # what others left is not theirs
            many = await kinds[kind](CALLERS, _answer(), TOKEN_TAKES)
            pairs[kind].append((many, await kinds[kind](1, _answer(), TOKEN_TAKES)))
    figures: list[Figure] = []
    for kind, measured in pairs.items():
        many, one = (median(times) * 1000 for times in zip(*measured, strict=True))
        figures.append(
            Figure(
                f"{CALLERS:,} cold callers to one request{kind}",
                median(all_of_them / alone for all_of_them, alone in measured),
                "x",
                None if kind else 1.2,
                detail=f"{many:.0f} ms and {one:.0f} ms; the server takes "
                f"{TOKEN_TAKES * 1000:.0f} ms",
            )
        )
    return figures


async def _wait(callers: int, answer: bytes, delay: float) -> float:
    """Return the seconds until all *callers* of one client have its first token."""
    connector = Connector(answer, delay)
    async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session:
        source = connect(PROVIDER, CREDS, session=session)._the_source
        start = time.perf_counter()
        tokens = await asyncio.gather(*(source.token() for _ in range(callers)))
        took = time.perf_counter() - start
    if connector.connections != 1 or {token["access_token"] for token in tokens} != {
        TOKEN["access_token"]
    }:
        raise AssertionError(f"{connector.connections} token requests for {callers} callers")
    return took


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
            "jti": "1",
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
        others = dict(rivals.assertions(alg, pem))
        for sign in others.values():
            _verify(sign(claims(0)), key.public_key(), alg, claims(0))
        _verify(signer.sign(claims(0)), key.public_key(), alg, claims(0))
        blocks = {kind: block(sign, claims) for kind, sign in others.items()}
        blocks |= {"": block(signer.sign, claims), "bare": block(bare, lambda _: octets)}
        got = interleave(blocks, effort)
        for kind in ("", *others):
            yield Figure(
                f"{alg} assertion, to the bare signature{kind and ', '}{kind}",
                got[kind].over(got["bare"]),
                "x",
                None if kind else limit,
                detail=f"{got[kind].typical:.0f} µs, bare {got['bare'].typical:.0f} µs",
            )


def _verify(text: str | bytes, key: Any, alg: str, claims: dict[str, Any]) -> None:
    """Have PyJWT check an assertion: what is compared must sign the same."""
    if jwt.decode(text, key, [alg], audience=claims["aud"]) != claims:
        raise AssertionError(f"other claims than those that were given: {text!r}")


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
