"""Stores by URL: entry points of installed distributions, one store object for each URL."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeGuard, cast
from urllib.parse import unquote, unquote_plus
from weakref import WeakKeyDictionary, WeakValueDictionary, ref

import attrs

from oauthkit.errors import ConfigurationError, mask
from oauthkit.plugins import Claim, Scan, in_one_line, read_installed
from oauthkit.tokens.stores import TokenStore, no_identity

if TYPE_CHECKING:
    from oauthkit.tokens.encryption import EncryptedStore
    from oauthkit.tokens.keys import Keys

__all__ = ["GROUP", "Stores", "encrypt_store", "is_store", "open_store"]

GROUP = "oauthkit.stores"
"""The entry-point group that a distribution declares its stores in: scheme → factory."""

_METHODS = ("load", "compare_and_swap", "lock", "delete", "iterate")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://").match


class _Opened(threading.local):
    """The stores that a thread has opened, by URL, for as long as somebody holds them."""

    def __init__(self) -> None:
        self.by_url: WeakValueDictionary[str, TokenStore] = WeakValueDictionary()


@attrs.define(eq=False)
class Stores:
    """
    Open stores by URL.

    Installed distributions are looked at once, and again when a scheme is unknown. An entry point
    is loaded when its scheme is first asked for.
    """

    _scanned: Scan | None = attrs.field(default=None, init=False, repr=False)
    _factories: dict[str, Callable[[str], object]] = attrs.field(
        factory=dict[str, Callable[[str], object]], init=False, repr=False
    )
    _opened: _Opened = attrs.field(factory=_Opened, init=False, repr=False)

    def open(self, url: str) -> TokenStore:
        """Return the store of *url*: see `open_store`."""
        found = _SCHEME(url)
        if found is None:
            raise ConfigurationError(
                "store: expected a TokenStore, or a URL such as 'sqlite:///tokens.db', "
                f"got text of {len(url)} characters"
            )
        opened = self._opened.by_url
        store = opened.get(url)
        if store is None:
            store = opened[url] = self._make(found[1].lower(), url)
        return store

    def _make(self, scheme: str, url: str) -> TokenStore:
        factory = self._factories.get(scheme)
        if factory is None:
            factory = self._factories[scheme] = _load(scheme, self._choose(scheme))
        reason = None
        try:
            store = factory(url)
        except Exception as error:  # noqa: BLE001 - a plugin's own
            reason = str(error) if isinstance(error, ConfigurationError) else _describe(error)
        else:
            if is_store(store):
                return _weakly_referable(scheme, store)
            reason = f"what opens it returned a {type(store).__name__}, which is no TokenStore"
        # Outside of the handler, and without a cause: its text and its frames may hold a password.
        raise ConfigurationError(f"store {scheme}://…: {mask(reason, _secrets_in(url))}")

    def _choose(self, scheme: str) -> Claim:
        claims = self._claims(scheme)
        if not claims:
            self._scanned = None  # it may have been installed since
            claims = self._claims(scheme)
        if len(claims) == 1:
            return claims[0]
        if claims:
            raise ConfigurationError(
                f"store {scheme}://…: declared by {' and '.join(map(str, claims))}: uninstall one, "
                "or make the store yourself and pass the object"
            )
        raise _unknown(scheme, self._scan())

    def _claims(self, scheme: str) -> Sequence[Claim]:
        return self._scan().claims.get(scheme, ())

    def _scan(self) -> Scan:
        if self._scanned is None:
            self._scanned = read_installed(GROUP)
        return self._scanned


_DEFAULT = Stores()


# What is around a store, by what was made of the keys: they themselves are not kept here.
_ENCRYPTED: WeakKeyDictionary[TokenStore, WeakValueDictionary[bytes, EncryptedStore]] = (
    WeakKeyDictionary()
)
_GUARD = threading.Lock()


def open_store(url: str, *, encryption_key: Keys | None = None) -> TokenStore:
    """
    Open the store of *url*: ``memory://`` or ``sqlite:///tokens.db``, or what a package adds.

    Nothing is read or written yet, and no event loop is needed. A URL that the same thread has
    opened already gives the same object for as long as somebody holds it. Other schemes come with
    packages that declare them in the entry-point group ``oauthkit.stores``.

    *encryption_key* is one key of Fernet's, or ``keyring:service/username`` for one in the system's
    keyring, or a list of them, the newest first: then it is an `EncryptedStore`.

    Raises ConfigurationError; it shows neither a password nor a query of the URL.
    """
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(f"store: expected a URL, got {type(url).__name__}")
    store = _DEFAULT.open(url)
    return store if encryption_key is None else encrypt_store(store, encryption_key)


def encrypt_store(store: TokenStore, keys: Keys) -> EncryptedStore:
    """
    Return *store* with encryption around it: one object for the same store and *keys*.

    So those who share the store share its flights. Raises ConfigurationError for what is no key,
    and for a store that cannot be told apart by identity.
    """
    # Not at the top: cryptography takes its time, and most stores need none.
    from oauthkit.tokens.encryption import EncryptedStore
    from oauthkit.tokens.keys import make_key_source

    if isinstance(store, EncryptedStore):
        raise ConfigurationError(
            "encryption_key: the store is encrypted already; pass it without another key"
        )
    source = make_key_source(keys)
    with _GUARD:
        try:
            around = _ENCRYPTED.setdefault(store, WeakValueDictionary())
        except TypeError:
            raise no_identity(store) from None
        made = around.get(source.digest)
        if made is None:
            made = around[source.digest] = EncryptedStore(store, source)
        return made


def is_store(value: object) -> TypeGuard[TokenStore]:
    """Tell whether *value* has what a TokenStore has."""
    return all(callable(getattr(value, name, None)) for name in _METHODS)


def _weakly_referable(scheme: str, store: TokenStore) -> TokenStore:
    try:
        ref(store)
    except TypeError:
        raise ConfigurationError(
            f"store {scheme}://…: a token store must be weakly referable; {type(store).__name__} "
            "is not (with attrs: @attrs.define(eq=False))"
        ) from None
    return store


def _load(scheme: str, claim: Claim) -> Callable[[str], object]:
    try:
        loaded = claim.load()
    except (Exception, SystemExit) as error:
        raise _broken(scheme, claim, _describe(error)) from error
    if not callable(loaded):
        raise _broken(scheme, claim, f"it is a {type(loaded).__name__}, not a function of the URL")
    return cast("Callable[[str], object]", loaded)


def _broken(scheme: str, claim: Claim, reason: str) -> ConfigurationError:
    shown = in_one_line(reason)
    return ConfigurationError(f"store {scheme}://…: {claim} cannot be loaded: {shown}")


def _describe(error: BaseException) -> str:
    return in_one_line(f"{type(error).__name__}: {error}")


def _unknown(scheme: str, scan: Scan) -> ConfigurationError:
    from difflib import get_close_matches

    near = get_close_matches(scheme, scan.claims, n=1)
    lines = [
        f"store: nothing opens {scheme[:40]}://"
        + (f"; did you mean {near[0]}://?" if near else ""),
        f"  installed: {', '.join(f'{name}://' for name in sorted(scan.claims)) or 'none'}",
        f"  a scheme comes with a package that declares it in the group {GROUP!r};",
        "  without one, pass a TokenStore of your own in place of the URL",
    ]
    if scan.unreadable:
        lines.append(
            f"  {scan.unreadable} installed distributions have metadata that cannot be read"
        )
    return ConfigurationError("\n".join(lines))


def _secrets_in(url: str) -> list[str | None]:
    """Return what must not be shown of *url*: who logs in, and the values of its query."""
    # Not by urlsplit(): a password with a slash or a hash in it ends up in another part.
    user = url.partition("://")[2].rpartition("@")[0]
    query = url.partition("?")[2]
    values = [pair.partition("=")[2] for pair in re.split("[&;#]", query)]
    secrets = [user, user.partition(":")[2], query, *values]
    return [*secrets, *map(unquote, secrets), *map(unquote_plus, secrets)]
