"""Other processes for the store suite: each opens the store as the suite says, and uses it."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs

from oauthkit import GrantKey, Record, Token, TokenStore

if TYPE_CHECKING:
    from oauthkit.testing.store_suite import StoreSuite

__all__ = ["ALIKE", "KEY", "Child", "add_one", "children", "main", "number_in", "record_of"]

KEY = GrantKey(issuer="https://as.example", client_id="id", account="shared")
# Keys that a careless store mixes up: parts that run into each other, case, forms of one letter,
# what separates names and quotes text elsewhere.
ALIKE = [
    *[("a", "b", "c"), ("a", "bc", ""), ("ab", "", "c"), ("abc", "", ""), ("", "", "")],
    *[("a:b", "c", ""), ("a", "b:c", ""), ("a", "b", ":c"), ("a/b", "c", ""), ("a", "b/c", "")],
    *[("i", "c", "x"), ("i", "c", "X"), ("i", "c", "x "), ("i", "c", " x"), ("I", "c", "x")],
    *[("i", "c", "\u00e9"), ("i", "c", "e\u0301"), ("i", "c", "%C3%A9"), ("i", "c", "\x00")],
    *[("i", "c", "'"), ("i", "c", "''"), ("i", "c", '"'), ("i", "c", "\\"), ("i", "c", "%")],
    *[("i", "c", "*"), ("i", "c", "?"), ("i", "c", "_"), ("i", "c", "../x"), ("i", "c", "\n")],
    *[("i", "c", "y" * 1000), ("i", "c", "y" * 1001), ("i", "c", "\U0001f600")],
]
# Seconds that a child may take, whatever it does.
_LIMIT = 60.0
_START = "from oauthkit.testing.store_processes import main; main()"


@attrs.define(eq=False)
class Child:
    """A process that was started for one task, and waits to be told to begin."""

    _process: subprocess.Popen[str]

    def begin(self) -> None:
        """Let it go on; it was ready."""
        self._write("go")

    def read(self) -> str:
        """Return the next line that it says; an AssertionError where it has ended without one."""
        pipe = self._process.stdout
        line = pipe.readline() if pipe is not None else ""
        if not line:
            _, text = self._process.communicate(timeout=_LIMIT)
            raise AssertionError(f"a process that uses the store failed:\n{text}")
        return line.rstrip("\n")

    def kill(self) -> None:
        """Kill it as nothing can be killed more (SIGKILL), and wait until it is dead."""
        self._process.kill()
        self._process.wait(_LIMIT)

    def end(self) -> None:
        """Kill it, if it still runs, and close its pipes."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _write(self, line: str) -> None:
        pipe = self._process.stdin
        if pipe is not None:
            pipe.write(f"{line}\n")
            pipe.flush()


@contextmanager
def children(
    suite: StoreSuite, place: Path, task: str, count: int, times: int
) -> Generator[Sequence[Child]]:
    """Start *count* processes that are ready to do *task* so many *times* with the store."""
    kind = type(suite)
    module = sys.modules[kind.__module__]
    if module.__file__ is None or "<" in kind.__qualname__:
        raise TypeError(f"{kind.__qualname__}: other processes find a class of a module only")
    command = [sys.executable, "-P", "-c", _START, module.__file__, kind.__qualname__]
    command += [str(place), task, str(times)]
    # Without what measures coverage: it would write into the folder of the parent's.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    pipe = subprocess.PIPE
    started: list[Child] = []
    try:
        for _ in range(count):
            process = subprocess.Popen(  # noqa: S603 - this interpreter
                command, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True
            )
            started.append(Child(process))
        for child in started:
            if child.read() != "ready":
                raise AssertionError("a process said something else than that it was ready")
        yield tuple(started)
    finally:
        for child in started:
            child.end()


# What children do.


def main() -> None:
    """Do what the command line says."""
    file, name, place, task, times = sys.argv[1:]
    suite = _load(file, name)()
    print("ready", flush=True)  # noqa: T201 - to the parent
    sys.stdin.readline()
    asyncio.run(_do(suite, Path(place), _TASKS[task], int(times)))


def _load(file: str, name: str) -> type[StoreSuite]:
    """Import the suite from its file: no test file needs to be found by its name."""
    spec = importlib.util.spec_from_file_location("the_store_suite", file)
    if spec is None or spec.loader is None:
        raise TypeError(f"{file} is no module")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part)
    return cast("type[StoreSuite]", found)


_Task = Callable[[TokenStore, Path, int], Awaitable[None]]


async def _do(suite: StoreSuite, place: Path, task: _Task, times: int) -> None:
    store = suite.open_store(place)
    try:
        await task(store, place, times)
    finally:
        await suite.close_store(store)


async def _count(store: TokenStore, _place: Path, times: int) -> None:
    """Add to the record's number without a lock, so often; say how often that was lost."""
    lost = 0
    for _ in range(times):
        while not await add_one(store):
            lost += 1
    print(f"done {lost}", flush=True)  # noqa: T201 - to the parent


async def _enter(store: TokenStore, place: Path, times: int) -> None:
    """Enter and leave the lock; say how often somebody else was inside."""
    met = 0
    inside = place.parent / f"{place.name}-inside"
    for _ in range(times):
        async with store.lock(KEY):
            try:
                inside.mkdir()
            except FileExistsError:
                met += 1
                continue
            met += not await add_one(store)
            inside.rmdir()
    print(f"done {met}", flush=True)  # noqa: T201 - to the parent


async def _hold(store: TokenStore, _place: Path, _times: int) -> None:
    """Hold the lock for ever."""
    async with store.lock(KEY):
        print("held", flush=True)  # noqa: T201 - to the parent
        await asyncio.Event().wait()


_TASKS: dict[str, _Task] = {"count": _count, "enter": _enter, "hold": _hold}


async def add_one(store: TokenStore) -> bool:
    """Add one to the number in the record of `KEY`, unless somebody else was faster."""
    found = await store.load(KEY)
    if found is None:
        return await store.compare_and_swap(KEY, None, record_of(1, 1))
    following = record_of(number_in(found) + 1, found.version + 1)
    return await store.compare_and_swap(KEY, found.version, following)


def record_of(number: int, version: int) -> Record:
    """Make a record that holds a number."""
    token = Token({"access_token": f"token {number}", "number": number})
    return Record(access_tokens={("", ""): token}, refresh_token=f"r{number}", version=version)


def number_in(record: Record | None) -> int:
    """Return the number that a record holds; 0 for none."""
    return 0 if record is None else int(record.access_tokens["", ""]["number"])
