"""
Everything that oauthkit raises, and what each error carries as evidence.

::

    OAuthKitError
    ├── ConfigurationError (ValueError)   something given is wrong; nothing was sent
    │   ├── DeclarationError              a provider's declaration: every fault at once
    │   ├── CredentialsError              credentials: all that is missing, unknown or malformed
    │   └── RegistryError (LookupError)   a provider's name: unknown, ambiguous or broken
    ├── RequestError (ValueError)         one request that cannot be sent as it was asked for
    │   └── ForeignOriginError            its origin is none that the token may go to
    ├── OAuthError                        a server said no, or what came back is not an answer
    │   ├── CallbackError                 … in the redirect back from the authorization endpoint
    │   └── ReauthorizationRequired       only the user can help: by logging in again
    ├── UnreachableError                  no answer: connection, TLS or the deadline
    └── LoopError (RuntimeError)          a client that lives on another, still open event loop

No error holds a token, a secret, a code or a verifier: neither in its text nor in an attribute.
What a server sent is described by status, content type, length and shape; its own error code and
description are shown, with every value masked that was sent to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import quote

__all__ = [
    "CallbackError",
    "ConfigurationError",
    "CredentialsError",
    "DeclarationError",
    "ForeignOriginError",
    "LoopError",
    "OAuthError",
    "OAuthKitError",
    "ReauthorizationRequired",
    "RegistryError",
    "RequestError",
    "UnreachableError",
    "mask",
]

_MASK = "***"
# Shorter values are left alone: masking every "a" would make a description unreadable,
# and nobody's secret is that short.
_SHORTEST_MASKED = 4


def mask(text: str, secrets: Iterable[str | None]) -> str:
    """
    Replace every occurrence of one of *secrets* in *text* by ``***``.

    They are found as they are and percent-encoded, once or twice, as a server finds them in a
    request and in its base string. Where occurrences overlap or touch, all of it is replaced, so
    that nothing of any of them is left. Values of fewer than four characters are left alone.
    """
    hidden = bytearray(len(text))
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_MASKED:
            once = quote(secret, safe="", errors="replace")
            for form in {secret, once, quote(once, safe="")}:
                for found in re.finditer(f"(?={re.escape(form)})", text):
                    start = found.start()
                    hidden[start : start + len(form)] = b"\1" * len(form)
    shown: list[str] = []
    for is_hidden, run in groupby(zip(hidden, text, strict=True), key=itemgetter(0)):
        shown.append(_MASK if is_hidden else "".join(character for _, character in run))
    return "".join(shown)


class OAuthKitError(Exception):
    """Base of everything that oauthkit raises on purpose; can be pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Restore text and attributes without calling the constructor."""
        return _restore, (type(self), self.args, self.__dict__)


def _restore(
    cls: type[OAuthKitError], args: tuple[Any, ...], state: dict[str, Any]
) -> OAuthKitError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(OAuthKitError, ValueError):
    """Something that was given is wrong; the text says which and what to do. Nothing was sent."""


class DeclarationError(ConfigurationError):
    """
    A provider's declaration has faults; all of them are listed.

    *provider* is the declared name, *faults* one line each: field, value and what is expected.
    *hints* are pairs, where they are known: a field, and what is expected, without any value.
    """

    def __init__(
        self, provider: str, faults: Sequence[str], hints: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.provider = provider
        self.faults = tuple(faults)
        self.hints = tuple(hints)
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(f"provider {provider!r} is not declared right:\n{lines}")


class CredentialsError(ConfigurationError):
    """
    Credentials lack something, or hold what nobody asked for; all of it is listed.

    *provider* is the provider's name (or the client's class, without one); *missing*, *unknown*
    and *invalid* hold the names of the fields. No value is ever part of it.
    """

    def __init__(
        self,
        provider: str,
        faults: Sequence[tuple[str, str, str]] = (),
        *,
        source: str = "",
    ) -> None:
        self.provider = provider
        self.source = source
        self.missing = tuple(name for kind, name, _ in faults if kind == "missing")
        self.unknown = tuple(name for kind, name, _ in faults if kind == "unknown")
        self.invalid = tuple(name for kind, name, _ in faults if kind == "invalid")
        # As wide as the longest of our own names in quotes, so that most lists line up alike.
        width = max((16, *(len(_shown(kind, name)) for kind, name, _ in faults)))
        lines = [
            f"  {kind:<9} {_shown(kind, name):<{width}}  {hint}" for kind, name, hint in faults
        ]
        title = f"{provider} ({source})" if source else provider
        super().__init__("\n".join([title, *(line.rstrip() for line in lines)]))


def _shown(kind: str, name: str) -> str:
    return f'"{name}"' if kind == "unknown" else name


class RegistryError(ConfigurationError, LookupError):
    """
    No provider can be handed out under a name.

    *name* is what was asked for; *reason* is ``unknown``, ``ambiguous`` or ``broken``;
    *candidates* are the installed names (unknown) or the distributions that claim it (ambiguous,
    broken). A broken plugin's own exception is the ``__cause__``.
    """

    def __init__(
        self, name: str, reason: str, message: str, candidates: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.reason = reason
        self.candidates = tuple(candidates)
        super().__init__(message)


class RequestError(OAuthKitError, ValueError):
    """One request cannot be sent as it was asked for; nothing of it was sent."""


class ForeignOriginError(RequestError):
    """
    The URL's origin is none that the token may go to; nothing was sent.

    *origin* is the URL's, *declared* are those that the token may go to.
    """

    def __init__(self, origin: str, declared: Sequence[str], *, provider: str = "") -> None:
        self.origin = origin
        self.declared = tuple(declared)
        self.provider = provider
        whose = f"of provider {provider!r} " if provider else ""
        allowed = ", ".join(self.declared) or "none"
        secure = origin.replace("http://", "https://", 1)
        hint = f"If it belongs there, pass origins=[{origin!r}] when the client is made."
        if secure != origin and secure in self.declared:
            hint = f"Write {secure}: a token does not travel in the clear."
        super().__init__(
            f"the token {whose}does not go to {origin}; declared are: {allowed}. {hint}"
        )


class OAuthError(OAuthKitError):
    """
    A server refused, or what it sent is not an answer of the protocol.

    *error* is the server's code where it sent one (RFC 6749 §5.2 and §4.1.2.1, a number or
    ``oauth_problem`` of an OAuth 1.0a server), else a word of ours; *error_description* its text,
    with every value masked that was sent to it. *endpoint* is the URL without its query, *status*
    the HTTP status, *content_type*, *length* (bytes) and *shape* describe the body. *retry_after*
    is how long (seconds) the server asks to wait (RFC 9110 §10.2.3).
    """

    def __init__(
        self,
        message: str,
        *,
        error: str,
        error_description: str | None = None,
        error_uri: str | None = None,
        provider: str | None = None,
        endpoint: str | None = None,
        status: int | None = None,
        content_type: str | None = None,
        length: int | None = None,
        shape: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.error = error
        self.error_description = error_description
        self.error_uri = error_uri
        self.provider = provider
        self.endpoint = endpoint
        self.status = status
        self.content_type = content_type
        self.length = length
        self.shape = shape
        self.retry_after = retry_after
        super().__init__(message)


class CallbackError(OAuthError):
    """The redirect back from the authorization endpoint is a refusal, or belongs to another one."""


class ReauthorizationRequired(OAuthError):
    """
    A grant has ended, or there is none: only the user can help, by logging in (again).

    *provider* and *account* say whose it is. *authorization_endpoint* (None: not known), *issuer*
    (or the token endpoint), *client_id* and *scope* are what the login is to be for. *error* is
    ``invalid_grant`` where the server has refused the refresh token, with what else is known of its
    answer, and ``login_required`` where there is nothing that could be sent.
    """

    def __init__(
        self,
        message: str,
        *,
        account: str,
        issuer: str,
        client_id: str,
        scope: str = "",
        authorization_endpoint: str | None = None,
        **answer: Any,
    ) -> None:
        self.account = account
        self.issuer = issuer
        self.client_id = client_id
        self.scope = scope
        self.authorization_endpoint = authorization_endpoint
        super().__init__(message, **answer)


class UnreachableError(OAuthKitError):
    """
    There was no answer of *endpoint*: the connection, TLS, or the *deadline* (seconds) ended it.

    The network's own exception is the ``__cause__``.
    """

    def __init__(self, message: str, *, endpoint: str, deadline: float | None = None) -> None:
        self.endpoint = endpoint
        self.deadline = deadline
        super().__init__(message)


class LoopError(OAuthKitError, RuntimeError):
    """A client is used on one event loop while the loop of its first I/O is still open."""
