"""Providers by name: entry points of installed distributions, loaded on first use."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, cast

import attrs

from oauthkit.errors import ConfigurationError, RegistryError
from oauthkit.plugins import Claim, Scan, in_one_line, normal_name, read_installed
from oauthkit.provider import Provider

if TYPE_CHECKING:
    from oauthkit.provider import AnyProvider

__all__ = ["GROUP", "ProviderEntry", "Registry", "default_registry"]

GROUP = "oauthkit.providers"
"""The entry-point group that a distribution declares its providers in."""

_MOST_LISTED = 20
_LONGEST_NAME = 80


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
        self._scanned: Scan | None = None

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

    def _choose(self, name: str) -> Claim:
        scan = self._scan()
        claims = scan.claims.get(name, ())
        preferred = self._preferred.get(name)
        chosen = claims
        if preferred is not None:
            chosen = tuple(
                c for c in claims if normal_name(c.distribution) == normal_name(preferred)
            )
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
        elif len(set(map(normal_name, candidates))) == 1:
            message = f"provider {name!r} is declared more than once by its distribution: {listed}"
        else:
            message = (
                f"provider {name!r} is declared by {listed}: choose one with "
                f"Registry.prefer({name!r}, {candidates[0]!r}), or uninstall the other"
            )
        raise RegistryError(name, "ambiguous", message, candidates)

    def _scan(self) -> Scan:
        scanned = self._scanned
        if scanned is None:
            with self._lock:
                scanned = self._scanned
                if scanned is None:
                    scanned = self._scanned = read_installed(GROUP)
        return scanned


_DEFAULT = Registry()


def default_registry() -> Registry:
    """Return the registry that ``connect()`` uses where it is given none; all share it."""
    return _DEFAULT


def _load(name: str, claim: Claim) -> AnyProvider:
    try:
        loaded = claim.load()
    except (Exception, SystemExit) as exc:
        raise _broken(name, claim, f"{type(exc).__name__}: {exc}") from exc
    if not isinstance(loaded, Provider):
        raise _broken(name, claim, f"it is a {type(loaded).__name__}, not a Provider")
    if loaded.name != name:
        raise _broken(name, claim, f"it calls itself {loaded.name!r}")
    return cast("AnyProvider", loaded)


def _broken(name: str, claim: Claim, reason: str) -> RegistryError:
    return RegistryError(
        name,
        "broken",
        f"provider {name!r} of {claim} cannot be loaded: {in_one_line(reason)}",
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


def _entry_of(provider: AnyProvider, claim: Claim | None = None) -> ProviderEntry:
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
