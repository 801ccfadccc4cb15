"""A folder for distributions, and a counter of scans."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.distributions import Scans, Site, prepend


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Give a folder on sys.path; what is imported from it is forgotten afterwards."""
    before = set(sys.modules)
    yield Site(prepend(tmp_path / "site", monkeypatch))
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> Scans:
    """Count the scans of a test."""
    scans = Scans()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, scans])
    return scans
