"""The house is in order: no empty rooms, no overlong files, nothing that belongs elsewhere."""

from __future__ import annotations

import ast
import os
import subprocess
import sysconfig
from pathlib import Path

import oauthkit
from gates.sources import PACKAGES, modules, parse
from support import ROOT

LONGEST = 450

# A file may be longer for a reason that stands here.
LONG_FOR_A_REASON: dict[str, str] = {}

# Put together here, or this file would be the first find.
_NEEDLES = [
    # Paths of somebody's machine.
    "/" + "work/", "/" + "root/", "/" + "home/", "/" + "Users/", "/" + "tmp/dev", "/" + "tmp/plan",
    # Hosts of package registries: where packages come from is the installer's setting.
    "pypi" + ".org", "python" + "hosted", "registry." + "npmjs", "registry." + "yarnpkg",
    # Who or what helped to write it.
    "anth" + "ropic", "cla" + "ude", "chat" + "gpt", "co" + "pilot", "sub" + "agent",
]  # fmt: skip


def project_files() -> list[Path]:
    """Return the files that git knows or would take: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_empty_modules() -> None:
    """Every module holds something; a package's `__init__` may be the sentence that says what for."""
    empty: list[str] = []
    for path in modules().values():
        body = [
            node
            for node in parse(path).body
            if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        ]
        docstring = bool(body) and isinstance(body[0], ast.Expr)
        rest = body[docstring:]
        room = path.name == "__init__.py" and any(
            other.name != "__init__.py" for other in path.parent.rglob("*.py")
        )
        if not docstring or not (rest or room):
            empty.append(str(path))
    assert [] == empty


def test_no_overlong_files() -> None:
    """A file of more than 450 lines is usually two."""
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in project_files()
        if path.suffix == ".py"
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert {} == {name: lines for name, lines in long.items() if name not in LONG_FOR_A_REASON}
    assert set() == set(LONG_FOR_A_REASON) - set(long), "a reason for a file that is short"


def test_packages_are_typed() -> None:
    """Both packages carry the marker that makes type checkers read them."""
    for folder in PACKAGES.values():
        assert (folder / "py.typed").is_file()


def test_nothing_that_belongs_elsewhere() -> None:
    """No file names a machine's path, a package registry's host, or how it came to be written."""
    wrong: list[str] = []
    for path in project_files():
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            wrong += [
                f"{path.relative_to(ROOT)}:{number}: {needle}"
                for needle in _NEEDLES
                if needle in (line if needle.startswith("/") else line.lower())
            ]
    assert [] == wrong


def test_no_lock_of_one_tool() -> None:
    """Versions are pinned in constraints.txt alone, without index or hash."""
    assert not any(
        path.name in {"uv.lock", "poetry.lock", "Pipfile.lock"} for path in project_files()
    )
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [pin for pin in pins if pin and not pin.startswith("#") and pin.count("==") != 1]
    assert [] == wrong + [
        pin for pin in pins if pin.startswith("-") or "--hash" in pin or "://" in pin
    ]


def test_the_installed_package_is_what_is_tested() -> None:
    """Where nox says so, the tests see the package that was installed, not the checkout."""
    if os.environ.get("OAUTHKIT_TESTS_INSTALLED"):
        where = Path(str(oauthkit.__file__)).resolve()
        assert where.is_relative_to(Path(sysconfig.get_path("purelib")).resolve())
