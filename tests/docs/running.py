"""Runs the Python blocks of a page, in order, in one namespace, as a reader pastes them."""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import io
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import FunctionType
from typing import Any

import attrs

from docs.pages import Block, blocks
from docs.world import World
from oauthkit import OAuthKitError
from oauthkit.testing import LawBrokenError, ProviderSuite, StoreSuite

_TURNS = 20
_EXAMPLES = 3


class _Heard(io.StringIO):
    """Standard output of a block; what is printed is heard by the user, too."""

    def __init__(self, listener: list[str]) -> None:
        super().__init__()
        self.listener = listener

    def write(self, text: str) -> int:
        self.listener.append(text)
        return super().write(text)


def is_export(block: Block) -> bool:
    """Say whether a block holds nothing but ``export`` lines of a shell."""
    return all(line.startswith("export ") for line in block.text.splitlines())


@attrs.define(eq=False)
class Page:
    """
    One page being run.

    A block that awaits outside of a function runs as in ``python -m asyncio``, all of a page in one
    loop. A block that defines ``main()`` and does not run it, tests or suites, is run as its reader
    would run it, by pytest where a test asks for a fixture; one that defines an ``app`` is served,
    and somebody logs in. A block of text right after one of Python is what that prints, or the
    error that it ends with. ``export`` lines are obeyed.
    """

    name: str
    world: World
    namespace: dict[str, Any] = attrs.field(factory=dict[str, Any])

    def run(self) -> None:
        """Run the page; AssertionError where an output is not the page's."""
        self.namespace |= {
            "__name__": "__main__",
            "__builtins__": builtins,
            "input": self.world.answer,
        }
        listed = blocks(self.name)
        with asyncio.Runner() as runner:
            for block, after in zip(listed, [*listed[1:], None], strict=True):
                if is_export(block):
                    self.world.export(block)
                elif block.language == "python":
                    shown = after if after is not None and after.language == "text" else None
                    self._run(block, shown, runner)
            if left := runner.run(_left()):
                raise AssertionError(f"{self.name} leaves tasks behind: {left}")

    def _run(self, block: Block, shown: Block | None, runner: asyncio.Runner) -> None:
        heard = _Heard(self.world.printed)
        with redirect_stdout(heard):
            try:
                self._execute(block, runner)
            except (OAuthKitError, LawBrokenError) as error:
                if shown is None:
                    raise
                print(f"{type(error).__name__}: {error}")
        if shown is not None and shown.text != (printed := heard.getvalue().rstrip("\n")):
            raise AssertionError(f"{shown}: the page says\n{shown.text}\nbut it is\n{printed}")

    def _execute(self, block: Block, runner: asyncio.Runner) -> None:
        # Blank lines before it: a traceback then names the page's own line.
        text = "\n" * (block.line - 1) + self.world.fill_in(block)
        if _asks_for_fixtures(text):
            _run_pytest(text)
            return
        code = compile(text, block.page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        self._await(FunctionType(code, self.namespace)(), runner)
        for name in _bound(text):
            if name.startswith("test_"):
                self.namespace[name]()
            elif name.startswith("Test"):
                _run_suite(self.namespace[name])
            elif name == "main" and "asyncio.run(" not in text:
                self._await(self.namespace[name](), runner)
            elif name == "app":
                self._await(self.world.log_in(self.namespace[name]), runner)

    def _await(self, result: object, runner: asyncio.Runner) -> None:
        if inspect.iscoroutine(result):
            runner.run(result)


def _asks_for_fixtures(text: str) -> bool:
    """Say whether a test of a block has arguments."""
    return any(
        isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and node.args.args
        for node in ast.parse(text).body
    )


def _run_pytest(text: str) -> None:
    """Run a block as a file of somebody's, in a folder with no settings, by pytest alone."""
    path = Path("test_block.py")
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", path],
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def _run_suite(suite: type[ProviderSuite | StoreSuite]) -> None:
    """Run the tests of a suite, with few examples: the kit's own tests draw more."""
    suite.examples = _EXAMPLES
    for name in dir(suite):
        test = getattr(suite(), name)
        if name.startswith("test_") and test is not None:
            folder = Path(f"{suite.__name__}-{name}")
            if issubclass(suite, StoreSuite):
                folder.mkdir()
                test(folder)
            else:
                test()


def _bound(text: str) -> list[str]:
    """Return the names that functions and assignments of a block bind, in order."""
    names: list[str] = []
    for node in ast.parse(text).body:
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                names.append(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names.append(name)
            case _:
                pass
    return names


async def _left() -> set[asyncio.Task[Any]]:
    """Return the tasks that were left behind, but those that end by themselves."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    return asyncio.all_tasks() - {asyncio.current_task()}
