"""Distributions that tests write into a folder on sys.path, and look-ups among them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from oauthkit.errors import RegistryError
from oauthkit.provider import OAuth1Provider
from oauthkit.registry import ProviderEntry, Registry

METADATA = "importlib.metadata" if sys.version_info >= (3, 12) else "importlib_metadata"


def declaration(name: str, title: str = "") -> str:
    """Return the source of a module that declares *name*."""
    return (
        "from oauthkit.provider import OAuth1Provider\n"
        f"provider = OAuth1Provider(name={name!r}, title={title or name!r},"
        " api_base='https://api.acme.example')\n"
    )


class Site:
    """A folder on sys.path with distributions in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        distribution: str,
        version: str,
        points: Mapping[str, str],
        modules: Mapping[str, str] | None = None,
        group: str = "oauthkit.providers",
    ) -> Path:
        """Write a distribution that declares *points*, and *modules*; return its metadata's folder."""
        for module, source in (modules or {}).items():
            (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n\nName: not this\n"
        )
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[console_scripts]\nx = y:z\n\n[{group}]\n{lines}")
        importlib.invalidate_caches()
        return info


def prepend(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder that comes first on sys.path."""
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


class Scans:
    """A finder that finds nothing, and counts how often distributions are looked for."""

    def __init__(self) -> None:
        self.count = 0

    def find_spec(self, *_: object) -> None:
        """Find no module."""

    def find_distributions(self, context: object = None) -> list[object]:
        """Find no distribution; a search for one name is not a scan."""
        self.count += getattr(context, "name", None) is None
        return []


def refusal(look_up: Callable[[], object]) -> RegistryError:
    """Return the error that *look_up* raises."""
    with pytest.raises(RegistryError) as caught:
        look_up()
    return caught.value


def entry(registry: Registry, name: str) -> ProviderEntry:
    """Return the only entry of *name*."""
    (found,) = [entry for entry in registry.entries() if entry.name == name]
    return found


def made(name: str, title: str = "") -> OAuth1Provider:
    """Declare a provider by hand."""
    return OAuth1Provider(name=name, title=title or name, api_base="https://api.acme.example")
