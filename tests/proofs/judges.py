"""Who may be named as the judge of a test, how its version is found, and that the test asks it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import attrs

from gates.sources import imports, parse
from support import ROOT

__all__ = ["AREAS", "JUDGES", "OURS", "VECTORS", "Judge", "is_published", "pins"]

TESTS = ROOT / "tests"
OURS = "none but ours"
VECTORS = "published vectors"

# What the page is divided into, in this order.
AREAS = (
    "OAuth 1.0a",
    "OAuth 2",
    "Assertions",
    "Where secrets may go",
    "Transport",
    "Tokens and stores",
    "Providers and credentials",
    "Servers, simulators and laws for tests",
)


@attrs.frozen(kw_only=True)
class Judge:
    """Software of somebody else, a published example, or nobody."""

    name: str
    # The version that is pinned, and the one that is installed; None where there are none.
    pinned: Callable[[], str | None] = lambda: None
    installed: Callable[[], str | None] = lambda: None
    # What a test that asks it imports, itself or by way of a helper; or the folder it lies in.
    module: str | None = None
    folder: Path | None = None

    def is_asked(self, test: Path) -> bool:
        """Tell whether the test file can have asked this judge at all."""
        if self.folder is not None and not test.is_relative_to(self.folder):
            return False
        return self.module is None or any(
            f"{name}.".startswith(f"{self.module}.") for name in _imported(test)
        )


@cache
def pins() -> dict[str, str]:
    """Return the versions of constraints.txt by name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return dict(pair for pair in pairs if len(pair) == 2)


def is_published(vector: dict[str, Any]) -> bool:
    """Tell whether a vector's values stand somewhere, or follow from a rule that does."""
    source: str = vector["source"]
    return not re.match(r"own input|RFC [\d. ]+: ", source)


@cache
def _imported(test: Path) -> frozenset[str]:
    """Return what a test file imports, and what the helpers below tests/ that it imports do."""
    found: set[str] = set()
    left = [test]
    while left:
        for name in {one.target for one in imports(parse(left.pop()))} - found:
            found.add(name)
            left.extend(_helpers(name))
    return frozenset(found)


def _helpers(name: str) -> Iterator[Path]:
    """Yield the file below tests/ that a dotted name is, or is a name in."""
    parts = name.split(".")
    for end in (len(parts), len(parts) - 1):
        path = TESTS.joinpath(*parts[:end]).with_suffix(".py")
        if end and path.is_file():
            yield path
            return


def _distribution(name: str, module: str) -> Judge:
    return Judge(
        name=name,
        module=module,
        pinned=lambda: pins()[name.lower()],
        installed=lambda: metadata.version(name),
    )


def _npm(name: str) -> Judge:
    package = f"node_modules/{name}"

    def pinned() -> str:
        lock = json.loads((TESTS / "interop/package-lock.json").read_text(encoding="utf-8"))
        return str(lock["packages"][package]["version"])

    def installed() -> str:
        path = Path(os.environ["OAUTHKIT_INTEROP"]) / package / "package.json"
        return str(json.loads(path.read_text(encoding="utf-8"))["version"])

    return Judge(name=name, folder=TESTS / "interop", pinned=pinned, installed=installed)


# The closed list. Whoever adds a judge says here how to find its version.
JUDGES = {
    judge.name: judge
    for judge in (
        Judge(name=VECTORS),
        Judge(name="the RFC's example"),
        _distribution("oauthlib", "oauthlib"),
        _npm("oidc-provider"),
        _distribution("PyJWT", "jwt"),
        _distribution("google-auth", "google"),
        _distribution("cryptography", "cryptography"),
        # What a request looks like that we have no part in.
        _distribution("aiohttp", "aiohttp"),
        _distribution("yarl", "yarl"),
        Judge(name="Python's urllib", module="urllib"),
        # What an application sees of our metrics and spans.
        _distribution("opentelemetry-sdk", "opentelemetry.sdk"),
        Judge(name=OURS),
    )
}
