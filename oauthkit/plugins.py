"""What installed distributions declare in an entry-point group: read, not loaded."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import attrs

if TYPE_CHECKING:

    class _EntryPoint(Protocol):
        @property
        def name(self) -> str: ...
        @property
        def value(self) -> str: ...
        @property
        def group(self) -> str: ...
        def load(self) -> object: ...

    class _Distribution(Protocol):
        @property
        def entry_points(self) -> Iterable[_EntryPoint]: ...
        def read_text(self, filename: str, /) -> str | None: ...

    class _Metadata(Protocol):
        """What we use of ``importlib.metadata`` and of its namesake on the package index."""

        def distributions(self) -> Iterable[_Distribution]: ...
        def distribution(self, name: str, /) -> _Distribution: ...


__all__ = ["Claim", "Scan", "in_one_line", "normal_name", "read_installed"]

_LONGEST_REASON = 300
_NAME = re.compile(r"^Name:[ \t]*(\S+)", re.MULTILINE).search
_VERSION = re.compile(r"^Version:[ \t]*(\S+)", re.MULTILINE).search
_SEPARATORS = re.compile(r"[-_.]+")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Claim:
    """One distribution's entry point for a name, not loaded."""

    distribution: str
    version: str
    value: str
    load: Callable[[], object]

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} ({self.value})"


class Scan(NamedTuple):
    """What is installed: the claims of each name, and how many distributions were unreadable."""

    claims: Mapping[str, tuple[Claim, ...]]
    unreadable: int


def read_installed(group: str) -> Scan:
    """
    Read the claims of all installed distributions in *group*.

    Only text that mentions the group is parsed: that takes a fourth of the time of
    ``entry_points(group=…)``, and a distribution with broken metadata stops nothing.
    """
    metadata = _import_metadata()
    claims: dict[str, list[Claim]] = {}
    unreadable = 0
    for distribution in metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt")
            if text is None or group not in text:
                continue
            name, version = _name_and_version(distribution.read_text)
            # What comes first on sys.path is what gets imported; another copy behind it is nothing.
            if _first_text(metadata.distribution, name, text) != text:
                continue
            points = [point for point in distribution.entry_points if point.group == group]
        except Exception:  # noqa: BLE001 - whatever is wrong with somebody's files
            unreadable += 1
            continue
        for point in points:
            claim = Claim(distribution=name, version=version, value=point.value, load=point.load)
            known = claims.setdefault(point.name, [])
            # The same distribution may be found twice: installed, and as an editable checkout.
            if not any(_is_same(claim, other) for other in known):
                known.append(claim)
    return Scan({name: tuple(found) for name, found in claims.items()}, unreadable)


def normal_name(distribution: str) -> str:
    """Return a distribution's name as names are compared (PEP 503)."""
    return _SEPARATORS.sub("-", distribution).lower()


def in_one_line(reason: str) -> str:
    """Return somebody's text in one line, bounded, and without what a terminal would obey."""
    shown = "".join(c if c.isprintable() else " " for c in reason)
    return " ".join(shown.split())[:_LONGEST_REASON]


def _import_metadata() -> _Metadata:
    # Not at the top: milliseconds, which nobody needs who passes a declaration.
    if sys.version_info >= (3, 12):
        from importlib import metadata
    else:
        import importlib_metadata as metadata
    return cast("_Metadata", metadata)


def _name_and_version(read_text: Callable[[str], str | None]) -> tuple[str, str]:
    text = read_text("METADATA") or read_text("PKG-INFO") or ""
    head = text.partition("\n\n")[0]
    name, version = _NAME(head), _VERSION(head)
    return name[1] if name else "(no name)", version[1] if version else "(no version)"


def _first_text(find: Callable[[str], _Distribution], name: str, default: str) -> str | None:
    """Return the entry points of the first distribution called *name*."""
    try:
        first = find(name)
    except ImportError:
        # Its folder has another name than its metadata.
        return default
    return first.read_text("entry_points.txt")


def _is_same(claim: Claim, other: Claim) -> bool:
    same = normal_name(claim.distribution) == normal_name(other.distribution)
    return same and claim.value == other.value
