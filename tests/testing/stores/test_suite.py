"""Each test of the suite fails for a store that is broken in the way that it is about."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from oauthkit.testing import StoreSuite
from testing.stores import broken

pytestmark = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "broken stores are caught",
    rfc=None,
    judge="none but ours",
)

TESTS = sorted(name for name in vars(StoreSuite) if name.startswith("test_"))
BROKEN = {
    name.removesuffix("Suite").lower(): kind
    for name, kind in vars(broken).items()
    if isinstance(kind, type)
    and issubclass(kind, StoreSuite)
    and name.endswith("Suite")
    and kind not in {StoreSuite, broken.WholeSuite}
}
CASES = [
    (name, test)
    for name, kind in BROKEN.items()
    for test in str(kind.__doc__).rstrip(".").split(", ")
]


@pytest.mark.parametrize(("name", "test"), CASES)
def test_broken_stores_fail(name: str, test: str, tmp_path: Path) -> None:
    """With an AssertionError that says what is wrong, never with a test that hangs."""
    suite = BROKEN[name]()
    with pytest.raises(AssertionError, match=r"\w+ \w+"):
        getattr(suite, test)(tmp_path)


def test_each_test_can_fail() -> None:
    """There is a broken store for each."""
    assert set(TESTS) == {test for _, test in CASES}


def test_what_does_not_concern_a_store_is_left_out() -> None:
    """Tests with processes for a store of one; death where the lock proves none."""
    there = {name for name in TESTS if getattr(broken.WholeSuite, name) is not None}
    assert there == {name for name in TESTS if not name.startswith("test_processes_")}

    class Leased(StoreSuite):
        """Shared, with a lease for a lock."""

    missing = {name for name in TESTS if getattr(Leased, name) is None}
    assert {"test_processes_that_are_killed_hold_no_lock"} == missing


def test_a_suite_says_how_a_store_is_opened(tmp_path: Path) -> None:
    """One that does not is told so; and other processes can load no class of a function."""

    class Silent(StoreSuite):
        """Says nothing."""

    with pytest.raises(NotImplementedError, match="Silent must say how"):
        Silent().test_delete(tmp_path)
    with pytest.raises(TypeError, match="a class of a module only"):
        Silent().test_processes_that_lock_are_alone(tmp_path)


def test_a_process_that_fails_is_shown(tmp_path: Path) -> None:
    """What it wrote to its standard error is the AssertionError's text."""
    (tmp_path / "store").write_text("no folder")
    with pytest.raises(AssertionError, match=r"(?s)a process that uses .*NotADirectoryError"):
        broken.LocklessSuite().test_processes_that_lock_are_alone(tmp_path / "store")


def test_stores_are_closed(tmp_path: Path) -> None:
    """Also where a test fails."""
    closed: list[object] = []

    class Closing(broken.HoarderSuite):
        """Notes what is closed."""

        async def close_store(self, store: object) -> None:
            """Note it."""
            await asyncio.sleep(0)
            closed.append(store)

    with pytest.raises(AssertionError):
        Closing().test_delete(tmp_path)
    assert 1 == len(closed)
