"""Look into a built wheel and the sdist beside it: run by `nox -s wheel`, not collected by pytest."""

from __future__ import annotations

import configparser
import email
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = {
    "oauthkit": ROOT / "oauthkit",
    "oauthkit_providers": ROOT / "providers/oauthkit_providers",
}


def check(wheel: Path) -> list[str]:
    """Return what is wrong with *wheel* and its sdist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stem = f"{project['name']}-{project['version']}"
    info = f"{stem}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        entries = configparser.ConfigParser()
        entries.optionxform = str  # type: ignore[assignment, method-assign]
        entries.read_string(archive.read(f"{info}/entry_points.txt").decode())

    wrong: list[str] = []
    sources = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    shipped = {name for name in names if not name.startswith(f"{info}/")}
    wrong += [f"not in the wheel: {name}" for name in sorted(sources - shipped)]
    wrong += [f"in the wheel, but not in the source: {name}" for name in sorted(shipped - sources)]
    wrong += [
        f"not in the wheel: {name}"
        for name in (
            "oauthkit/py.typed",
            "oauthkit_providers/py.typed",
            f"{info}/licenses/LICENSE",
        )
        if name not in names
    ]

    declared = {"console_scripts": project["scripts"], **project["entry-points"]}
    found = {section: dict(entries[section]) for section in entries.sections()}
    if declared != found:
        wrong.append(f"entry points: {found} in place of {declared}")
    if metadata["License-Expression"] != "MIT":
        wrong.append(f"licence: {metadata['License-Expression']}")
    if metadata["Requires-Python"] != project["requires-python"]:
        wrong.append(f"Requires-Python: {metadata['Requires-Python']}")

    with tarfile.open(wheel.parent / f"{stem}.tar.gz") as archive:
        top = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    wrong += [
        f"not in the sdist: {name}"
        for name in (
            "oauthkit",
            "providers",
            "tests",
            "docs",
            "noxfile.py",
            "constraints.txt",
            "LICENSE",
        )
        if name not in top
    ]
    wrong += [
        f"in the sdist: {name}"
        for name in sorted(top & {"dist", "build", ".venv", ".nox", "uv.lock"})
    ]
    return wrong


if __name__ == "__main__":
    faults = check(Path(sys.argv[1]))
    print(
        "\n".join(faults)
        or f"{sys.argv[1]}: both packages, typed; entry points, licence; nothing else"
    )
    sys.exit(bool(faults))
