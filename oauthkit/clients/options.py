"""Checks of the options that a client is made with; each names the option and what it expects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from aiohttp import ClientSession

from oauthkit.errors import ConfigurationError, CredentialsError
from oauthkit.protocol.oauth1 import SIGNATURE_METHODS, Placement
from oauthkit.tokens.opening import encrypt_store, is_store, open_store

if TYPE_CHECKING:
    from oauthkit.provider import OAuth1Provider
    from oauthkit.tokens.keys import Keys
    from oauthkit.tokens.stores import TokenStore

__all__ = [
    "check_amount",
    "check_assertion",
    "check_callable",
    "check_choice",
    "check_flag",
    "check_method",
    "check_origins",
    "check_patience",
    "check_realm",
    "check_redirect_uri",
    "check_secret_for",
    "check_session",
    "check_signature_type",
    "check_store",
    "check_text",
    "describe_value",
    "guard_clock",
    "guard_nonce",
]

_SIGNATURE_TYPES: dict[str, Placement] = {"HEADER": "header", "BODY": "body", "QUERY": "query"}
_LARGEST_AMOUNT = 1e12
# A lease must outlast this many token requests.
_LEASES = 3


def describe_value(value: object) -> str:
    """Say what *value* is, without its text: it may be a secret in the wrong place."""
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if value is None or isinstance(value, (bool, float)):
        return repr(value)
    if isinstance(value, int) and abs(value) < _LARGEST_AMOUNT:
        return repr(value)
    return type(value).__name__


def _refuse(name: str, value: object, expected: str) -> ConfigurationError:
    return ConfigurationError(f"{name}: expected {expected}, got {describe_value(value)}")


def check_amount(
    name: str, value: object, unit: str, *, whole: bool = False, zero: bool = False
) -> None:
    """Refuse what is no positive number; a *whole* one is an int, *zero* is allowed if said so."""
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value < _LARGEST_AMOUNT:
        raise _refuse(name, value, f"a positive {'whole ' if whole else ''}number of {unit}")
    if value == 0 and not zero:
        raise _refuse(name, value, f"a positive {'whole ' if whole else ''}number of {unit}")


def check_choice(name: str, value: object, known: Iterable[str | None]) -> None:
    """Refuse what is none of the values that are known."""
    choices = tuple(known)
    if value not in choices:
        shown = f"{value!r:.60}" if isinstance(value, str) else describe_value(value)
        raise ConfigurationError(f"{name} = {shown}: expected one of {_any_of(map(repr, choices))}")


def check_secret_for(whose: str, method: str, client_id: object, client_secret: object) -> None:
    """Refuse client credentials that are no text, or cannot authenticate by *method*."""
    faults: list[tuple[str, str, str]] = []
    for name, value in (("client_id", client_id), ("client_secret", client_secret)):
        if value is not None and (not isinstance(value, str) or not value):
            faults.append(("invalid", name, f"expected text, got {describe_value(value)}"))
    if client_id is None and client_secret is not None:
        faults.append(("missing", "client_id", "whose secret is it?"))
    if client_secret is None and method != "none":
        faults.append(("missing", "client_secret", f"{method} needs it; a public client: 'none'"))
    if faults:
        raise CredentialsError(whose, faults)


def check_assertion(whose: str, **fields: object) -> None:
    """Refuse what an assertion cannot be made of: each field must be text."""
    faults: list[tuple[str, str, str]] = []
    for name, value in fields.items():
        if value is None:
            faults.append(("missing", name, f"pass {name}=…"))
        elif not isinstance(value, str) or not value:
            faults.append(("invalid", name, f"expected text, got {describe_value(value)}"))
    if faults:
        raise CredentialsError(whose, faults)


def check_flag(name: str, value: object) -> None:
    """Refuse what is no boolean."""
    if not isinstance(value, bool):
        raise _refuse(name, value, "True or False")


def check_callable(name: str, value: object, returns: str) -> None:
    """Refuse what cannot be called."""
    if not callable(value):
        raise _refuse(name, value, f"a function without arguments that returns {returns}")


def guard_clock(clock: Callable[[], float]) -> Callable[[], float]:
    """Return a clock that raises ConfigurationError for what is no time; others are its own."""

    def checked() -> float:
        now = cast("object", clock())
        # Up to the year 9999; NaN is in no range.
        if isinstance(now, bool) or not isinstance(now, (int, float)) or not 0 <= now < 2.6e11:
            raise _refuse("clock", now, "seconds since the epoch from the function")
        return now

    return checked


def guard_nonce(nonce: Callable[[], str]) -> Callable[[], str]:
    """Return a source of nonces that raises ConfigurationError for what is none."""

    def checked() -> str:
        value = cast("object", nonce())
        if not isinstance(value, str) or not value:
            raise _refuse("nonce", value, "text from the function")
        return value

    return checked


def check_text(name: str, value: object) -> None:
    """Refuse what is neither None nor text with something in it."""
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise _refuse(name, value, "text")


def check_realm(value: object) -> None:
    """Refuse what no header field can hold as a realm (RFC 5849 §3.5.1)."""
    if value is not None and not (
        isinstance(value, str) and value.isascii() and value.isprintable()
    ):
        raise _refuse("realm", value, "printable ASCII")


def check_redirect_uri(value: object) -> None:
    """Refuse what is neither None, ``oob`` nor an absolute URI (RFC 5849 §2.1)."""
    if value is None or value == "oob":
        return
    try:
        parts = urlsplit(value) if isinstance(value, str) and value.isprintable() else None
    except ValueError:
        parts = None
    if parts is None or not parts.scheme or not (parts.netloc or parts.path) or parts.fragment:
        raise _refuse("redirect_uri", value, "an absolute URI without a fragment, or 'oob'")


def check_session(value: object) -> None:
    """Refuse what is neither None nor a session of aiohttp's."""
    if value is not None and not isinstance(value, ClientSession):
        raise _refuse("session", value, "an aiohttp.ClientSession, or None for one of our own")


def check_store(store: object, account: object, encryption_key: object) -> TokenStore | None:
    """Return the store, opened where it is a URL, encrypted where there is a key; or refuse it."""
    if not isinstance(account, str):
        raise _refuse("account", account, "text")
    opened = open_store(store) if isinstance(store, str) else store
    if opened is not None and not is_store(opened):
        raise _refuse("store", store, "a TokenStore such as MemoryStore(), or a URL")
    if encryption_key is None:
        return opened
    if opened is None:
        raise ConfigurationError(
            "encryption_key: there is nothing to encrypt without store=…, such as "
            "'sqlite:///tokens.db': tokens are in memory then, and nowhere else"
        )
    return encrypt_store(opened, cast("Keys", encryption_key))


def check_patience(store: TokenStore | None, token_timeout: float, retries: int) -> None:
    """Refuse what is no time or number; and a lease that three token requests may outlast."""
    check_amount("token_timeout", token_timeout, "seconds")
    check_amount("retries", retries, "attempts", whole=True, zero=True)
    lease = cast("float | None", getattr(store, "lease", None))
    if lease is not None and lease < _LEASES * token_timeout:
        raise ConfigurationError(
            f"the store's lease is {lease:g} s, and token_timeout {token_timeout:g} s: a lease "
            f"lasts {_LEASES} times as long at least, or a lock runs out while its holder waits"
        )


def check_origins(value: object) -> tuple[str, ...]:
    """Return the origins as a tuple; a single text is refused, since it iterates as letters."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise _refuse("origins", value, "a list of origins, such as ['https://api.example.com']")
    return tuple(cast("Iterable[str]", value))


def check_signature_type(value: object) -> Placement:
    """Return where the parameters go, or refuse what says nothing of it (RFC 5849 §3.5)."""
    placement = _SIGNATURE_TYPES.get(value) if isinstance(value, str) else None
    if placement is None:
        raise _refuse("signature_type", value, "'HEADER', 'BODY' or 'QUERY'" + _near(value))
    return placement


def check_method(provider: OAuth1Provider | None, method: object, placement: str) -> None:
    """Refuse a signature method that is unknown, not declared, or unsafe where it is placed."""
    allowed = SIGNATURE_METHODS if provider is None else provider.signature_methods
    if method not in allowed:
        whose = "" if provider is None else f" ({provider.name} declares no other)"
        raise _refuse("signature_method", method, f"{_any_of(allowed)}{whose}{_near(method)}")
    if method == "PLAINTEXT" and placement == "query":
        raise ConfigurationError(
            "signature_type = 'QUERY' with PLAINTEXT would put the secrets into every URL: "
            "use 'HEADER'"
        )


def _any_of(names: Iterable[str]) -> str:
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"one of {', '.join(listed)}"


def _near(value: object) -> str:
    """Say what was probably meant."""
    if not isinstance(value, str):
        return ""
    from difflib import get_close_matches

    near = get_close_matches(value.upper(), (*SIGNATURE_METHODS, *_SIGNATURE_TYPES), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
