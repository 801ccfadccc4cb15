"""One call from a provider and credentials to the client that its grant type calls for."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from oauthkit.clients import AsyncOAuth1Client, Client
from oauthkit.credentials import load_credentials
from oauthkit.errors import ConfigurationError
from oauthkit.provider import OAuth1Provider, Provider
from oauthkit.registry import Registry, default_registry

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from oauthkit.credentials import OAuth1Credentials
    from oauthkit_providers.names import OAuth1Name

    Credentials = Mapping[str, str | None] | OAuth1Credentials | str | os.PathLike[str] | None

__all__ = ["connect"]

C = TypeVar("C", bound=Client)


@overload
def connect(
    provider: OAuth1Name,
    creds: Credentials = None,
    *,
    session: ClientSession | None = None,
    origins: Iterable[str] = (),
    registry: Registry | None = None,
    **options: Any,
) -> AsyncOAuth1Client: ...
@overload
def connect(
    provider: Provider[C],
    creds: Credentials = None,
    *,
    session: ClientSession | None = None,
    origins: Iterable[str] = (),
    registry: Registry | None = None,
    **options: Any,
) -> C: ...
@overload
def connect(
    provider: str,
    creds: Credentials = None,
    *,
    session: ClientSession | None = None,
    origins: Iterable[str] = (),
    registry: Registry | None = None,
    **options: Any,
) -> Client: ...
def connect(
    provider: str | Provider[Any],
    creds: Credentials = None,
    *,
    session: ClientSession | None = None,
    origins: Iterable[str] = (),
    registry: Registry | None = None,
    **options: Any,
) -> Client:
    """
    Build the client of a provider; nothing is sent, and no event loop is needed.

    *provider* is the name of an installed one, looked up in *registry* (by default the one that
    all share), or a declaration. *creds* are a mapping, an ``OAuth1Credentials``, the path of a
    JSON file, or None: then they come from the environment, ``OAUTHKIT_<PROVIDER>__<FIELD>``.
    *session* is used and never closed; without it the client makes one when it needs it. *origins*
    are origins that the token may go to besides the declared ones. *options* are the settings of
    that kind of client: for OAuth 1.0a ``redirect_uri``, ``realm``, ``signature_method``,
    ``cookies``, ``trust_env``, ``deadline`` (seconds), ``answer_limit`` (bytes), ``clock``
    and ``nonce``.

    Raises RegistryError for a name, CredentialsError for credentials, with all that is wrong
    with them, and ConfigurationError for an option.
    """
    if registry is not None and not isinstance(registry, Registry):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(f"registry: expected a Registry, got {type(registry).__name__}")
    if isinstance(provider, str):
        chosen = (default_registry() if registry is None else registry).get(provider)
    elif isinstance(provider, Provider):  # pyright: ignore[reportUnnecessaryIsInstance]
        chosen = provider
    else:
        raise ConfigurationError(
            f"provider is a name or a declaration (OAuth1Provider(…)), "
            f"not {type(provider).__name__}"
        )
    if not isinstance(chosen, OAuth1Provider):
        raise ConfigurationError(
            f"provider {chosen.name!r} is a {type(chosen).__name__}: "
            "there is no client for its kind"
        )
    if options:
        _check_options(AsyncOAuth1Client, options)
    method = options.get("signature_method", chosen.signature_methods[0])
    credentials = load_credentials(chosen, creds, signature_method=method)
    return AsyncOAuth1Client.from_provider(
        chosen, credentials, session=session, origins=origins, **options
    )


# Arguments of a client's class that come from the credentials, the declaration or elsewhere.
_OF_CREDENTIALS = frozenset({"client_id", "client_secret", "rsa_key", "token", "token_secret"})
_OF_DECLARATION = {"force_include_body": "body_hash", "signature_type": "placement"}
_NOT_OPTIONS = frozenset(
    {*_OF_CREDENTIALS, *_OF_DECLARATION, "_provider", "origins", "session", "verifier"}
)


def _check_options(client: type[Client], options: Mapping[str, object]) -> None:
    known = frozenset(inspect.signature(client).parameters) - _NOT_OPTIONS
    faults = [f"  {name!r}: {_hint(name, known)}" for name in options if name not in known]
    if faults:
        lines = "\n".join(faults)
        raise ConfigurationError(f"connect() takes no such option:\n{lines}")


def _hint(name: str, known: frozenset[str]) -> str:
    """Say what to do in place of passing the option *name*."""
    if name in _OF_CREDENTIALS:
        return "it belongs to the credentials, connect(provider, creds)"
    if name in _OF_DECLARATION:
        return f"the provider's declaration says that: {_OF_DECLARATION[name]}"
    if name == "verifier":
        return "pass it to fetch_access_token()"
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"one of {', '.join(sorted(known))}"
