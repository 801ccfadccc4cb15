"""Providers by name: entry points of installed distributions, loaded on first use."""

from __future__ import annotations

import importlib
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast

import attrs

from oauthkit.errors import ConfigurationError, RegistryError
from oauthkit.provider import Provider

if TYPE_CHECKING:
    from oauthkit.provider import AnyProvider

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


__all__ = ["GROUP", "ProviderEntry", "Registry", "default_registry"]

GROUP = "oauthkit.providers"
"""The entry-point group that a distribution declares its providers in."""

_MOST_LISTED = 20
_LONGEST_NAME = 80
_LONGEST_REASON = 300
_NAME = re.compile(r"^Name:[ \t]*(\S+)", re.MULTILINE).search
_VERSION = re.compile(r"^Version:[ \t]*(\S+)", re.MULTILINE).search
_SEPARATORS = re.compile(r"[-_.]+")


@attrs.frozen(kw_only=True)
class ProviderEntry:
    """
    One provider that a registry knows, and who ships it.

    *distribution* and *version* are None for one that was registered by hand. *status* is ``ok``,
    ``broken`` or ``ambiguous``; then *reason* says why, and *title*, *protocol* and *grant_types*
    are empty.
    """

    name: str
    title: str = ""
    protocol: str = ""
    grant_types: tuple[str, ...] = ()
    distribution: str | None = None
    version: str | None = None
    status: Literal["ok", "broken", "ambiguous"] = "ok"
    reason: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _Claim:
    """One distribution's entry point for a name, not loaded."""

    distribution: str
    version: str
    value: str
    load: Callable[[], object]

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} ({self.value})"


class _Scan(NamedTuple):
    """What is installed: the claims of each name, and how many distributions were unreadable."""

    claims: Mapping[str, tuple[_Claim, ...]]
    unreadable: int


class Registry:
    """
    Find providers by name.

    Installed distributions are looked at once, on the first look-up; ``refresh()`` looks again. An
    entry point is loaded when its name is first asked for, and a broken one concerns no other. A
    name that two distributions claim is refused until ``prefer()`` chooses. A provider registered
    by hand comes before any installed one of its name. Threads may share a registry.
    """

    __slots__ = ("_lock", "_preferred", "_ready", "_registered", "_scanned")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._preferred: dict[str, str] = {}
        self._ready: dict[str, AnyProvider] = {}
        self._registered: dict[str, AnyProvider] = {}
        self._scanned: _Scan | None = None

    def get(self, name: str) -> AnyProvider:
        """
        Return the provider of *name*.

        Raises RegistryError where there is none, where two distributions claim it, and where its
        plugin is broken, whose own exception is then the ``__cause__``.
        """
        try:
            provider = self._ready.get(name)
        except TypeError:
            provider = None  # a name that cannot even be hashed
        return self._find(name) if provider is None else provider

    def register(self, provider: AnyProvider, *, replace: bool = False) -> None:
        """
        Add a provider by hand; it comes before an installed one of the same name.

        Raises RegistryError where another was registered under its name, unless *replace* is true.
        """
        _require_provider(provider)
        name = provider.name
        with self._lock:
            present = self._registered.get(name)
            if present is not None and present != provider and not replace:
                raise RegistryError(
                    name,
                    "ambiguous",
                    f"another provider is registered as {name!r}; to put this one in its place, "
                    "pass replace=True",
                )
            self._registered[name] = self._ready[name] = provider

    def prefer(self, name: str, distribution: str) -> None:
        """
        Take *name* from *distribution* and from no other, whoever else claims it.

        Checked when the name is looked up, so that it may be said before anything is read.
        """
        with self._lock:
            self._preferred[name] = distribution
            if name not in self._registered:
                self._ready.pop(name, None)

    def refresh(self) -> None:
        """Forget what is installed, to look again; what was registered and preferred stays."""
        importlib.invalidate_caches()
        with self._lock:
            self._scanned = None
            self._ready = dict(self._registered)

    def names(self) -> tuple[str, ...]:
        """Return all names, installed and registered, sorted; loads nothing."""
        return tuple(sorted({*self._scan().claims, *self._registered}))

    def entries(self) -> tuple[ProviderEntry, ...]:
        """Describe every provider, sorted by name; loads them all, and raises for none."""
        return tuple(entry for name in self.names() for entry in self._describe(name))

    def _describe(self, name: str) -> Iterable[ProviderEntry]:
        if (provider := self._registered.get(name)) is not None:
            return [_entry_of(provider)]
        try:
            claim = self._choose(name)
        except RegistryError as exc:
            reason = str(exc)
            return [
                ProviderEntry(
                    name=name,
                    distribution=claim.distribution,
                    version=claim.version,
                    status="ambiguous",
                    reason=reason,
                )
                for claim in self._scan().claims.get(name, ())
            ]
        try:
            return [_entry_of(self.get(name), claim)]
        except RegistryError as exc:
            return [
                ProviderEntry(
                    name=name,
                    distribution=claim.distribution,
                    version=claim.version,
                    status="broken",
                    reason=str(exc),
                )
            ]

    def _find(self, name: str) -> AnyProvider:
        _require_name(name)
        scan = self._scan()
        claim = self._choose(name)
        # Not under the lock: a plugin may import whatever it likes, and ask this registry.
        provider = _load(name, claim)
        with self._lock:
            if (registered := self._registered.get(name)) is not None:
                return registered
            if scan is self._scanned:
                self._ready[name] = provider
        return provider

    def _choose(self, name: str) -> _Claim:
        scan = self._scan()
        claims = scan.claims.get(name, ())
        preferred = self._preferred.get(name)
        chosen = claims
        if preferred is not None:
            chosen = tuple(c for c in claims if _normal(c.distribution) == _normal(preferred))
        if len(chosen) == 1:
            return chosen[0]
        if not claims:
            raise _unknown(name, self.names(), scan.unreadable)
        listed = " and ".join(map(str, claims))
        candidates = [claim.distribution for claim in claims]
        if not chosen:
            message = (
                f"provider {name!r} is preferred from {preferred!r}, which does not declare it; "
                f"it is declared by {listed}"
            )
        elif len(set(map(_normal, candidates))) == 1:
            message = f"provider {name!r} is declared more than once by its distribution: {listed}"
        else:
            message = (
                f"provider {name!r} is declared by {listed}: choose one with "
                f"Registry.prefer({name!r}, {candidates[0]!r}), or uninstall the other"
            )
        raise RegistryError(name, "ambiguous", message, candidates)

    def _scan(self) -> _Scan:
        scanned = self._scanned
        if scanned is None:
            with self._lock:
                scanned = self._scanned
                if scanned is None:
                    scanned = self._scanned = _read_installed()
        return scanned


_DEFAULT = Registry()


def default_registry() -> Registry:
    """Return the registry that ``connect()`` uses where it is given none; all share it."""
    return _DEFAULT


def _read_installed() -> _Scan:
    """
    Read the claims of all installed distributions.

    Only text that mentions the group is parsed: that takes a fourth of the time of
    ``entry_points(group=…)``, and a distribution with broken metadata stops nothing.
    """
    metadata = _import_metadata()
    claims: dict[str, list[_Claim]] = {}
    unreadable = 0
    for distribution in metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt")
            if text is None or GROUP not in text:
                continue
            name, version = _name_and_version(distribution.read_text)
            # What comes first on sys.path is what gets imported; another copy behind it is nothing.
            if _first_text(metadata.distribution, name, text) != text:
                continue
            points = [point for point in distribution.entry_points if point.group == GROUP]
        except Exception:  # noqa: BLE001 - whatever is wrong with somebody's files
            unreadable += 1
            continue
        for point in points:
            claim = _Claim(distribution=name, version=version, value=point.value, load=point.load)
            known = claims.setdefault(point.name, [])
            # The same distribution may be found twice: installed, and as an editable checkout.
            if not any(_is_same(claim, other) for other in known):
                known.append(claim)
    return _Scan({name: tuple(found) for name, found in claims.items()}, unreadable)


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


def _is_same(claim: _Claim, other: _Claim) -> bool:
    return claim.value == other.value and _normal(claim.distribution) == _normal(other.distribution)


def _normal(distribution: str) -> str:
    """Return a distribution's name as names are compared (PEP 503)."""
    return _SEPARATORS.sub("-", distribution).lower()


def _load(name: str, claim: _Claim) -> AnyProvider:
    try:
        loaded = claim.load()
    except (Exception, SystemExit) as exc:
        raise _broken(name, claim, f"{type(exc).__name__}: {exc}") from exc
    if not isinstance(loaded, Provider):
        raise _broken(name, claim, f"it is a {type(loaded).__name__}, not a Provider")
    if loaded.name != name:
        raise _broken(name, claim, f"it calls itself {loaded.name!r}")
    return cast("AnyProvider", loaded)


def _broken(name: str, claim: _Claim, reason: str) -> RegistryError:
    # In one line, and without what a terminal would obey.
    shown = "".join(c if c.isprintable() else " " for c in reason)
    shown = " ".join(shown.split())[:_LONGEST_REASON]
    return RegistryError(
        name,
        "broken",
        f"provider {name!r} of {claim} cannot be loaded: {shown}",
        [claim.distribution],
    )


def _unknown(name: str, names: Sequence[str], unreadable: int) -> RegistryError:
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), names, n=1)
    listed = ", ".join(names[:_MOST_LISTED]) or "none"
    if len(names) > _MOST_LISTED:
        listed += f" and {len(names) - _MOST_LISTED} more"
    lines = [
        f"there is no provider {_show(name)}" + (f"; did you mean {near[0]!r}?" if near else ""),
        f"  installed: {listed}",
        f"  a provider gets installed with a package that declares it in the group {GROUP!r};",
        "  without one, pass a declaration in place of the name: OAuth1Provider(…)",
    ]
    if unreadable:
        lines.append(f"  {unreadable} installed distributions have metadata that cannot be read")
    return RegistryError(name, "unknown", "\n".join(lines), names)


def _show(name: str) -> str:
    return repr(name) if len(name) <= _LONGEST_NAME else f"of a name of {len(name)} characters"


def _entry_of(provider: AnyProvider, claim: _Claim | None = None) -> ProviderEntry:
    return ProviderEntry(
        name=provider.name,
        title=provider.title,
        protocol=provider.protocol,
        grant_types=provider.grant_types,
        distribution=claim.distribution if claim else None,
        version=claim.version if claim else None,
    )


def _require_name(name: object) -> None:
    if not isinstance(name, str):
        raise ConfigurationError(f"a provider's name is text, not {type(name).__name__}")


def _require_provider(provider: object) -> None:
    if not isinstance(provider, Provider):
        raise ConfigurationError(
            f"expected a declaration such as OAuth1Provider(…), got {type(provider).__name__}"
        )
