"""`oauthkit check`: what can be seen to be wrong with a declaration, and how to mend it."""

from __future__ import annotations

import json
import runpy
import sys
import traceback
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TypeGuard

import attrs

from oauthkit import DeclarationError, Provider, RegistryError, default_registry
from oauthkit.cli.terminal import Terminal, fill, printable
from oauthkit.testing.laws import STATIC_LAWS, LawBrokenError, Subject

__all__ = ["run"]

_REST = "The other laws are tests: subclass oauthkit.testing.ProviderSuite (six lines)."


@attrs.frozen(kw_only=True)
class Checked:
    """One declaration, or a file that holds none: its laws, and what is wrong with it."""

    name: str
    laws: int = 0
    faults: tuple[Fault, ...] = ()


@attrs.frozen(kw_only=True)
class Fault:
    """What is wrong: by which law, where that is written, and line by line how to mend it."""

    law: str
    section: str = ""
    statement: str = ""
    found: tuple[str, ...] = ()


def run(target: str, *, as_document: bool) -> int:
    """
    Check the provider of that name, or the declarations of a Python file.

    The exit status is 1 where something is wrong. Raises RegistryError for an unknown name.
    """
    is_file = _is_path(target) or Path(target).is_file()
    if is_file and not Path(target).is_file():
        is_folder = Path(target).is_dir()
        said = (
            f"{target!r} is a folder: name a file in it"
            if is_folder
            else f"there is no file {target!r}"
        )
        print(f"oauthkit: {said}", file=sys.stderr)
        return 2
    try:
        checked = _check_file(Path(target)) if is_file else [_check(default_registry().get(target))]
    except RegistryError as error:
        # A plugin that is installed, and whose declaration is wrong, is what one asks about.
        if not isinstance(error.__cause__, DeclarationError):
            raise
        checked = [_undeclared(error.__cause__)]
    if not checked:
        print(f"oauthkit: {target} holds no declaration at its top level", file=sys.stderr)
        return 2
    if as_document:
        print(json.dumps([attrs.asdict(one) for one in checked], indent=2))
    else:
        terminal = Terminal.on(sys.stdout)
        for one in checked:
            terminal.write(*_page(terminal, one))
        terminal.write("", *fill(_REST.split(), terminal.width, between=" "))
    return 1 if any(one.faults for one in checked) else 0


def _is_path(target: str) -> bool:
    """Tell a path from a provider's name, which is of letters, digits and hyphens."""
    return target.endswith((".py", ".")) or bool({"/", "\\"} & {*target})


def _check_file(path: Path) -> list[Checked]:
    """Run the file as a script would be, and check each declaration that it then holds."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        # The folder of a script is on its path; it is not asked to be the main module.
        with redirect_stdout(sys.stderr):
            held = runpy.run_path(str(path), run_name=path.stem)
    except DeclarationError as error:
        return [_undeclared(error)]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's file may raise anything
        return [Checked(name=str(path), faults=(_raised(error, path),))]
    finally:
        sys.path.remove(folder)
    # Each once, whatever names it has.
    providers = {id(value): value for value in held.values() if _is_declaration(value)}
    return [_check(provider) for provider in providers.values()]


def _is_declaration(value: object) -> TypeGuard[Provider[Any]]:
    return isinstance(value, Provider)


def _check(provider: Provider[Any]) -> Checked:
    laws = [law for law in STATIC_LAWS if law.applies(provider)]
    faults: list[Fault] = []
    for law in laws:
        try:
            Subject(law, provider).try_law()
        except LawBrokenError as error:
            found = tuple(line.strip() for line in error.found.splitlines())
            faults.append(
                Fault(law=law.name, section=law.section, statement=law.statement, found=found)
            )
    return Checked(name=provider.name, laws=len(laws), faults=tuple(faults))


def _undeclared(error: DeclarationError) -> Checked:
    said = "A declaration is checked when it is made."
    fault = Fault(law="DeclarationError", statement=said, found=error.faults)
    return Checked(name=error.provider, faults=(fault,))


def _raised(error: BaseException, path: Path) -> Fault:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    where = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    place = f"{path}, line {where}" if where else str(path)
    said = f"{place}: {error.msg if isinstance(error, SyntaxError) else error}"
    return Fault(law=type(error).__name__, statement="The file cannot be run.", found=(said,))


def _page(terminal: Terminal, one: Checked) -> Iterable[str]:
    yield terminal.style(printable(one.name), "bold")
    for fault in one.faults:
        section = f" · {fault.section}" if fault.section else ""
        yield f"  {terminal.style('✗', 'red')} {fault.law}{section}"
        for line in fill(fault.statement.split(), terminal.width - 4, between=" "):
            yield f"    {terminal.style(line, 'dim')}"
        for found in fault.found:
            for number, line in enumerate(
                fill(printable(found).split(), terminal.width - 6, between=" ")
            ):
                yield f"    {'  ' if number else '- '}{line}"
    if one.laws and one.faults:
        yield f"  {one.laws - len(one.faults)} of {one.laws} laws hold"
    elif one.laws:
        yield f"  {terminal.style('✓', 'green')} all {one.laws} laws that need no request hold"
