"""The fixtures that pytest takes by import, in a project without a plugin."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from oauthkit.testing.fixtures import Simulate, simulated
from support import run
from testing.simulators.examples import status_of

__all__ = ["simulated"]

PROJECT = """
import asyncio
from oauthkit.testing.fixtures import simulated

RUNNING = []

def test_mine(simulated):
    sim = simulated("twitter", clock=1_700_000_000)
    RUNNING.append(sim)

    async def main():
        async with sim.connect() as x, x.get("/2/users/me") as response:
            assert response.status == 200

    asyncio.run(main())
    assert sim.last.ok
    assert 1_700_000_000 == sim.clock()

def test_it_has_ended():
    (sim,) = RUNNING
    try:
        sim.port
    except RuntimeError:
        return
    raise AssertionError("it still runs")
"""


def test_started_before_a_loop(simulated: Simulate) -> None:
    """Two services run, and any number of loops."""
    x, google = simulated("twitter"), simulated("generic", grant_type="client_credentials")

    async def main() -> None:
        assert 200 == await status_of(x.connect())
        assert 200 == await status_of(google.connect())

    run(main())
    asyncio.run(main())
    assert (2, 4) == (len(x.log), len(google.log))


def test_in_a_project_of_somebodys(tmp_path: Path) -> None:
    """It works where nothing else is set up, with warnings as errors, and ends with the test."""
    (tmp_path / "test_mine.py").write_text(PROJECT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "2 passed" in done.stdout
