"""The grounds on which workers share accounts, and the table of what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from crash.backings import BACKINGS
from crash.fleet import fleet
from crash.grounds import Ground
from crash.services import SERVICES
from crash.table import Row, write
from support import ROOT

_LONG = 10
_ROWS = pytest.StashKey[list[Row]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let it run longer."""
    parser.addoption("--long", action="store_true", help="play each scenario ten times")


def pytest_configure(config: pytest.Config) -> None:
    """Begin with an empty table."""
    config.stash[_ROWS] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat what is repeated."""
    if "turn" in metafunc.fixturenames:
        turns = _LONG if metafunc.config.getoption("--long") else 1
        metafunc.parametrize("turn", range(turns))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table."""
    rows = config.stash[_ROWS]
    if rows:
        terminalreporter.section("what a crash costs")
        terminalreporter.write_line(write(rows, ROOT / "build" / "crash"))


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> list[Row]:
    """Give the table's rows."""
    return pytestconfig.stash[_ROWS]


@pytest.fixture(
    scope="session",
    params=[(store, service) for store in BACKINGS for service in SERVICES],
    ids=" ".join,
)
def ground(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """Give a server, a store, and eight processes."""
    store, service = request.param
    folder: Path = tmp_path_factory.mktemp("crash")
    with ExitStack() as stack:
        server = stack.enter_context(SERVICES[service]())
        backing = stack.enter_context(BACKINGS[store](folder))
        settings = {
            "store": backing.url,
            "site": server.gate.site,
            "client_id": server.client_id,
            "token_path": server.gate.token_path,
            "resource": server.resource,
        }
        yield Ground(server, backing, stack.enter_context(fleet(folder, settings)))
