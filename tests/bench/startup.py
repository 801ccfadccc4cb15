"""What it takes to start: imports, the first ``connect()``, the next ones, and look-ups."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from bench.figures import Figure
from bench.floor import CREDENTIALS
from bench.timing import Effort, block, interleave
from oauthkit import Registry, connect

__all__ = ["measure"]

# Run in a fresh interpreter that has aiohttp; prints milliseconds.
TIMED = """
import time
import aiohttp
start = time.perf_counter()
{}
print((time.perf_counter() - start) * 1000)
"""

FIRST_CONNECT = """
from oauthkit import connect
connect("twitter", {"client_id": "i", "client_secret": "s", "token": "t", "token_secret": "u"})
"""

INSTALLED = 1000


def measure(effort: Effort) -> Iterator[Figure]:
    """Measure all figures of starting."""
    with tempfile.TemporaryDirectory() as name:
        # Compiled here, whatever the environment says about writing byte code.
        dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
        environment = {k: v for k, v in os.environ.items() if k not in dropped}
        environment["PYTHONPYCACHEPREFIX"] = name
        for what, code, limit in (
            ("import oauthkit, after aiohttp", "import oauthkit", 3.0),
            ("… and connect, and the first connect()", FIRST_CONNECT, 30.0),
        ):
            _run(code, environment)
            took = [_run(code, environment) for _ in range(effort.interpreters)]
            middle = sorted(took)[len(took) // 2]
            yield Figure(what, min(took), "ms", limit, detail=f"median {middle:.2f} ms")
    yield _connect(effort)
    with tempfile.TemporaryDirectory() as name:
        yield _look_up(Path(name), effort)


def _run(code: str, environment: dict[str, str]) -> float:
    command = [sys.executable, "-P", "-c", TIMED.format(code)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _connect(effort: Effort) -> Figure:
    creds = {
        "client_id": CREDENTIALS.client_id,
        "client_secret": CREDENTIALS.client_secret,
        "token": CREDENTIALS.token,
        "token_secret": CREDENTIALS.token_secret,
    }
    got = interleave(
        {"ours": block(lambda name: connect(name, creds), lambda _: "twitter")}, effort
    )
    return got["ours"].figure("connect() with a name used before", 30.0)


def _look_up(folder: Path, effort: Effort) -> Figure:
    for i in range(INSTALLED):
        metadata = folder / f"bench_{i}-1.0.dist-info"
        metadata.mkdir()
        text = f"Metadata-Version: 2.1\nName: bench-{i}\nVersion: 1.0\n"
        (metadata / "METADATA").write_text(text, encoding="utf-8")
        points = f"[oauthkit.providers]\nbench-{i} = bench_{i}:provider\n"
        (metadata / "entry_points.txt").write_text(points, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        registry = Registry()
        start = time.perf_counter()
        registry.get("twitter")
        first = (time.perf_counter() - start) * 1000
        known = len(registry.names())
    finally:
        sys.path.remove(str(folder))
    if known <= INSTALLED:
        raise AssertionError(f"{known} providers found, expected more than {INSTALLED}")
    got = interleave({"ours": block(registry.get, lambda _: "twitter")}, effort)
    detail = f"the first, which reads them all, takes {first:.0f} ms"
    return attrs.evolve(
        got["ours"].figure(f"look-up among {known:,} entry points", 2.0), detail=detail
    )
