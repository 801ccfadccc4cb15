"""What the gates read: the source files of both packages, their modules, and what they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs

from support import ROOT

PACKAGES = {
    "oauthkit": ROOT / "oauthkit",
    "oauthkit_providers": ROOT / "providers/oauthkit_providers",
}


@attrs.frozen
class Import:
    """One imported module, or name of a module, and where."""

    target: str
    line: int
    # Under `if TYPE_CHECKING:`: it does not happen when the program runs.
    type_only: bool


def modules() -> dict[str, Path]:
    """Return the files of both packages by their module names."""
    found: dict[str, Path] = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join((package, *(part for part in parts if part != "__init__")))] = path
    return found


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of *path*."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(tree: ast.AST, *, type_only: bool = False) -> Iterator[Import]:
    """
    Yield what *tree* imports, inside of functions too.

    `from a.b import c` is yielded as `a.b.c`: what `c` is, module or name, only the reader knows.
    """
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(alias.name, node.lineno, type_only)
            case ast.ImportFrom(module=module, names=names, level=0):
                for alias in names:
                    yield Import(f"{module}.{alias.name}", node.lineno, type_only)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                for child in node.body:
                    yield from imports(ast.Module([child], []), type_only=True)
                for child in node.orelse:
                    yield from imports(ast.Module([child], []), type_only=type_only)
            case _:
                yield from imports(node, type_only=type_only)


def module_of(target: str, known: dict[str, Path]) -> str:
    """Return the longest module in *known* that *target* names, or *target*'s first part."""
    parts = target.split(".")
    for end in range(len(parts), 0, -1):
        if (name := ".".join(parts[:end])) in known:
            return name
    return parts[0]
