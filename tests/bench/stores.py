"""Stores: what a refresh takes beyond the token request, a warm token, and the loop's longest gap."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import attrs

from bench.figures import Figure
from bench.timing import Effort
from oauthkit import GrantKey, MemoryStore, ReauthorizationRequired, Record, SQLiteStore, Token
from oauthkit.errors import OAuthError
from oauthkit.tokens.grants import grant_of
from oauthkit.tokens.sources import StoredSource

__all__ = ["measure"]

KEY = GrantKey(issuer="https://as.example", client_id="id")
_BEAT = 0.001


@attrs.define(eq=False)
class Instant:
    """A server that answers at once, and rotates; *lifetime* 0 has each call refresh."""

    lifetime: float = 0.0
    count: int = 0
    needs_user: bool = True
    rotates: bool = True
    grace: float = 0.0

    @property
    def spender(self) -> Instant:
        """Say oneself what is to be known of the refresh tokens."""
        return self

    def spends(self, record: Record) -> str | None:
        """Return the refresh token of a record."""
        return record.refresh_token

    def ask_for_login(
        self, refusal: OAuthError | None = None, why: str = ""
    ) -> ReauthorizationRequired:
        """Never needed: it refuses nothing."""
        raise AssertionError(refusal, why)

    async def __call__(self, record: Record | None) -> Mapping[str, Any]:
        """Issue the next token."""
        self.count += 1
        return {
            "access_token": f"t{self.count}",
            "refresh_token": f"r{self.count}",
            "expires_in": 3600,
            "expires_at": time.time() + self.lifetime,
        }


def measure(effort: Effort) -> Iterator[Figure]:
    """Measure in a folder of its own, on the disk that temporary files are on."""
    with tempfile.TemporaryDirectory() as name:
        yield from asyncio.run(_measure(effort, Path(name)))


async def _measure(effort: Effort, folder: Path) -> list[Figure]:
    rounds = effort.rounds * 8
    memory, file = MemoryStore(), SQLiteStore(folder / "refresh.db")
    sources = {"memory": await _source(memory), "SQLite": await _source(file)}
    took: dict[str, list[float]] = {name: [] for name in sources}
    gaps: list[float] = []
    beat = asyncio.create_task(_beat(gaps))
    for _ in range(rounds):
        for name, source in sources.items():
            start = time.perf_counter()
            await source.token()
            took[name].append((time.perf_counter() - start) * 1000)
    beat.cancel()
    beyond = median(b - a for a, b in zip(took["memory"], took["SQLite"], strict=True))
    detail = f"SQLite {median(took['SQLite']):.2f} ms, memory {median(took['memory']):.2f} ms"
    figures = [
        Figure("a refresh through SQLite, beyond the request", beyond, "ms", 2.0, detail=detail),
        Figure(
            "the loop's longest gap meanwhile, beyond the beat",
            max(gaps) * 1000,
            "ms",
            None,
            detail=f"{rounds} refreshes, {len(gaps)} beats of {_BEAT * 1000:g} ms",
        ),
    ]
    warm = {
        "memory": await _source(MemoryStore(), lifetime=3600.0),
        "SQLite": await _source(SQLiteStore(folder / "warm.db"), lifetime=3600.0),
    }
    ratio = median([await _warm(warm["SQLite"]) / await _warm(warm["memory"]) for _ in range(25)])
    figures.append(Figure("a warm token, SQLite to memory", ratio, "x", 1.1))
    await file.close()
    return figures


async def _source(store: MemoryStore | SQLiteStore, lifetime: float = 0.0) -> StoredSource:
    first = Record(access_tokens={("", ""): Token({"access_token": "t0"})}, refresh_token="r0")
    assert await store.compare_and_swap(KEY, None, attrs.evolve(first, access_tokens={}))
    made = StoredSource(grant=grant_of(store, KEY), exchange=Instant(lifetime))
    await made.token()
    return made


async def _warm(source: StoredSource) -> float:
    start = time.process_time_ns()
    for _ in range(2000):
        await source.token()
    return time.process_time_ns() - start


async def _beat(gaps: list[float]) -> None:
    last = time.perf_counter()
    while True:
        await asyncio.sleep(_BEAT)
        now = time.perf_counter()
        gaps.append(now - last - _BEAT)
        last = now
