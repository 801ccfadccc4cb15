"""One call from a provider and credentials to the client that its grant type calls for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from oauthkit import clients
from oauthkit import provider as declarations
from oauthkit.clients import Client
from oauthkit.clients.options import check_origins
from oauthkit.credentials import load_credentials
from oauthkit.errors import ConfigurationError
from oauthkit.provider import Provider
from oauthkit.registry import Registry, default_registry

if TYPE_CHECKING:
    import os

    from aiohttp import ClientSession

    from oauthkit.clients import AsyncAssertionClient, AsyncOAuth1Client, AsyncOAuth2Client
    from oauthkit.credentials import AssertionCredentials, OAuth1Credentials, OAuth2Credentials
    from oauthkit.tokens import TokenStore
    from oauthkit.tokens.keys import Keys
    from oauthkit_providers.names import AssertionName, OAuth1Name, OAuth2Name

    Path = str | os.PathLike[str]
    OAuth1Creds = Mapping[str, str | None] | OAuth1Credentials | Path | None
    AssertionCreds = Mapping[str, object] | AssertionCredentials | Path | None
    Settings = Mapping[str, object] | Path | None
    AnyCreds = (
        Mapping[str, object]
        | AssertionCredentials
        | OAuth1Credentials
        | OAuth2Credentials
        | Path
        | None
    )

__all__ = ["connect"]

C = TypeVar("C", bound=Client)


@overload
def connect(
    provider: OAuth1Name,
    creds: OAuth1Creds = None,
    *,
    session: ClientSession | None = None,
    store: TokenStore | str | None = None,
    encryption_key: Keys | None = None,
    account: str = "",
    origins: Iterable[str] = (),
    registry: Registry | None = None,
    **options: Any,
) -> AsyncOAuth1Client: ...
@overload
def connect(
    provider: OAuth2Name,
    creds: Settings = None,
    *,
    session: ClientSession | None = None,
    scope: str | Iterable[str] | None = None,
    store: TokenStore | str | None = None,
    encryption_key: Keys | None = None,
    account: str = "",
    origins: Iterable[str] = (),
    registry: Registry | None = None,
    **options: Any,
) -> AsyncOAuth2Client: ...
@overload
def connect(
    provider: AssertionName,
    creds: AssertionCreds = None,
    *,
    session: ClientSession | None = None,
    scope: str | Iterable[str] | None = None,
    store: TokenStore | str | None = None,
    encryption_key: Keys | None = None,
    account: str = "",
    origins: Iterable[str] = (),
    registry: Registry | None = None,
    **options: Any,
) -> AsyncAssertionClient: ...
@overload
def connect(
    provider: Provider[C],
    creds: AnyCreds = None,
    *,
    session: ClientSession | None = None,
    scope: str | Iterable[str] | None = None,
    store: TokenStore | str | None = None,
    encryption_key: Keys | None = None,
    account: str = "",
    origins: Iterable[str] = (),
    registry: Registry | None = None,
    **options: Any,
) -> C: ...
@overload
def connect(
    provider: str,
    creds: AnyCreds = None,
    *,
    session: ClientSession | None = None,
    scope: str | Iterable[str] | None = None,
    store: TokenStore | str | None = None,
    encryption_key: Keys | None = None,
    account: str = "",
    origins: Iterable[str] = (),
    registry: Registry | None = None,
    **options: Any,
) -> Client: ...
def connect(
    provider: str | Provider[Any],
    creds: AnyCreds = None,
    *,
    session: ClientSession | None = None,
    scope: str | Iterable[str] | None = None,
    store: TokenStore | str | None = None,
    encryption_key: Keys | None = None,
    account: str = "",
    origins: Iterable[str] = (),
    registry: Registry | None = None,
    **options: Any,
) -> Client:
    """
    Build the client of a provider; nothing is sent, and no event loop is needed.

    *provider* is the name of an installed one, looked up in *registry* (by default the one that
    all share), or a declaration. *creds* are a mapping, a typed object (``OAuth1Credentials``,
    ``OAuth2Credentials``, ``AssertionCredentials``), the path of a JSON file, or None: then they
    come from the environment, ``OAUTHKIT_<PROVIDER>__<FIELD>``.

    *session* is used and never closed; without it the client makes one when it needs it. *scope*
    is what to ask for. *store* is where tokens are kept: a URL such as ``sqlite:///tokens.db``, or
    a TokenStore; without it each client keeps its own in memory, and they are lost at exit.
    *encryption_key* encrypts what the store keeps: one key or several, the newest first, as
    ``open_store()`` takes them. Clients with the same store, keys and *account* share one grant.
    *origins* are origins that the token may go to besides the declared ones.

    *options* are the settings of that kind of client: ``cookies``, ``trust_env``, ``deadline`` and
    ``token_timeout`` (seconds), ``answer_limit`` (bytes) and ``clock`` for all; ``retries`` and
    ``on_token`` for all but OAuth 1.0a; ``redirect_uri``, ``realm``,
    ``signature_method`` and ``nonce`` for OAuth 1.0a; ``redirect_uri``, ``grant_type``,
    ``token_endpoint_auth_method``, ``code_challenge_method``, ``refresh_token_params``, ``leeway``
    and ``update_token`` for OAuth 2; ``subject``, ``claims``, ``alg``, ``expires_in`` and
    ``leeway`` for assertions.

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
    build = _ROADS.get(getattr(chosen, "protocol", ""))
    if build is None:
        raise _no_client_for(chosen)
    if scope is not None:
        options["scope"] = _check_scope(scope)
    if store is not None:
        options["store"] = store
    if encryption_key is not None:
        options["encryption_key"] = encryption_key
    if account != "":
        options["account"] = account
    if origins != ():
        options["origins"] = check_origins(origins)
    if session is not None:
        options["session"] = session
    return build(chosen, creds, options)


# A road for each protocol. Classes are attributes of their rooms here, which load them on first
# use: who speaks OAuth 1.0a does not pay for OAuth 2.


def _connect_oauth1(provider: Provider[Any], creds: AnyCreds, options: dict[str, Any]) -> Client:
    if not isinstance(provider, declarations.OAuth1Provider):
        raise _no_client_for(provider)
    _check_options(clients.AsyncOAuth1Client, options)
    method = options.get("signature_method", provider.signature_methods[0])
    credentials = load_credentials(provider, creds, signature_method=method)
    return clients.AsyncOAuth1Client.from_provider(provider, credentials, **options)


def _connect_oauth2(provider: Provider[Any], creds: AnyCreds, options: dict[str, Any]) -> Client:
    _check_options(clients.AsyncOAuth2Client, options)
    method = options.get("token_endpoint_auth_method")
    grant_type = options.get("grant_type")
    if isinstance(provider, declarations.OAuth2Template):
        from oauthkit.credentials import load_template

        if grant_type is not None:
            raise ConfigurationError(f"grant_type: {_CREDENTIALS}")
        declared, credentials = load_template(provider, cast("Any", creds), auth_method=method)
    elif isinstance(provider, declarations.OAuth2Provider):
        declared = provider
        if grant_type is not None and grant_type not in provider.grant_types:
            offered = ", ".join(map(repr, provider.grant_types))
            raise ConfigurationError(
                f"grant_type: provider {provider.name!r} declares {offered}, and no other"
            )
        credentials = load_credentials(provider, creds, grant_type=grant_type, auth_method=method)
    else:
        raise _no_client_for(provider)
    return clients.AsyncOAuth2Client.from_provider(declared, credentials, **options)


def _connect_assertion(provider: Provider[Any], creds: AnyCreds, options: dict[str, Any]) -> Client:
    if not isinstance(provider, declarations.AssertionProvider):
        raise _no_client_for(provider)
    _check_options(clients.AsyncAssertionClient, options)
    credentials = load_credentials(provider, creds, origins=options.get("origins", ()))
    return clients.AsyncAssertionClient.from_provider(provider, credentials, **options)


_ROADS: dict[str, Callable[..., Client]] = {
    "assertion": _connect_assertion,
    "oauth1": _connect_oauth1,
    "oauth2": _connect_oauth2,
}


def _no_client_for(provider: Provider[Any]) -> ConfigurationError:
    return ConfigurationError(
        f"provider {provider.name!r} is a {type(provider).__name__}: "
        "there is no client for its kind"
    )


def _check_scope(scope: object) -> object:
    if isinstance(scope, str):
        return scope
    if isinstance(scope, (list, tuple, set, frozenset)):
        scopes = tuple(cast("Iterable[object]", scope))
        if all(isinstance(one, str) and one for one in scopes):
            return scopes
    given = type(scope).__name__  # pyright: ignore[reportUnknownArgumentType]
    raise ConfigurationError(f"scope: expected a text, or a list of texts, got {given}")


# Arguments of the clients' classes that come from elsewhere, and from where.
_CREDENTIALS = "it belongs to the credentials, connect(provider, creds)"
_DECLARATION = "the provider's declaration says that: "
_ELSEWHERE = {
    "AsyncOAuth1Client": {
        **dict.fromkeys(
            ("client_id", "client_secret", "rsa_key", "token", "token_secret"), _CREDENTIALS
        ),
        "force_include_body": f"{_DECLARATION}body_hash",
        "scope": "OAuth 1.0a has none: what a token may do is said where the client is registered",
        "signature_type": f"{_DECLARATION}placement",
        "verifier": "pass it to fetch_access_token()",
    },
    "AsyncOAuth2Client": {
        **dict.fromkeys(("client_id", "client_secret", "username", "password"), _CREDENTIALS),
        "token": f"{_CREDENTIALS}: access_token, refresh_token, expires_at",
        "client_auth_method": "did you mean 'token_endpoint_auth_method'?",
        "refresh_token_url": f"{_DECLARATION}token_endpoint",
        "state": "pass it to create_authorization_url()",
        "token_endpoint": f"{_DECLARATION}token_endpoint",
        "token_placement": f"{_DECLARATION}token_placement",
        "token_updater": "did you mean 'update_token'?",
    },
    "AsyncAssertionClient": {
        **dict.fromkeys(("issuer", "key", "token_endpoint", "token_url"), _CREDENTIALS),
        "audience": f"{_DECLARATION}audience",
        "grant_type": "there is one only, RFC 7523's",
        "header": f"{_CREDENTIALS}: key_id, and {_DECLARATION}alg",
        "token": "set client.token",
        "token_placement": f"{_DECLARATION}token_placement",
    },
}
_OURS = frozenset({"_provider"})
# What connect() has names for itself.
_NAMED = frozenset({"account", "encryption_key", "origins", "scope", "session", "store"})


# Made once for each class: a signature takes longer to read than a client to make.
_KNOWN: dict[str, frozenset[str]] = {}


def _check_options(client: type[Client], options: Mapping[str, object]) -> None:
    if not options:
        return
    kind = client.__name__
    known = _KNOWN.get(kind)
    if known is None:
        named = frozenset(inspect.signature(client).parameters)
        known = _KNOWN[kind] = named - _OURS - frozenset(_ELSEWHERE[kind])
    if not known.issuperset(options):
        faults = [f"  {n!r}: {_hint(kind, n, known)}" for n in options if n not in known]
        lines = "\n".join(faults)
        raise ConfigurationError(f"connect() takes no such option:\n{lines}")


def _hint(kind: str, name: str, known: frozenset[str]) -> str:
    """Say what to do in place of passing the option *name*."""
    if (elsewhere := _ELSEWHERE[kind].get(name)) is not None:
        return elsewhere
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"one of {', '.join(sorted(known - _NAMED))}"
