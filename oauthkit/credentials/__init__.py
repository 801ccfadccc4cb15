"""What ``connect()`` takes as credentials, for each kind of provider; loaded on first use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from oauthkit.credentials.loading import environment_name

if TYPE_CHECKING:
    from oauthkit.credentials.assertion import AssertionCredentials
    from oauthkit.credentials.oauth1 import OAuth1Credentials, check_credentials
    from oauthkit.credentials.oauth2 import OAuth2Credentials
    from oauthkit.credentials.template import load_template
    from oauthkit.provider import AssertionProvider, OAuth1Provider, OAuth2Provider

    Credentials: TypeAlias = (
        AssertionCredentials
        | OAuth1Credentials
        | OAuth2Credentials
        | Mapping[str, object]
        | str
        | os.PathLike[str]
        | None
    )

__all__ = [
    "AssertionCredentials",
    "OAuth1Credentials",
    "OAuth2Credentials",
    "check_credentials",
    "environment_name",
    "load_credentials",
    "load_template",
]

_HOMES = {
    "AssertionCredentials": "assertion",
    "OAuth1Credentials": "oauth1",
    "OAuth2Credentials": "oauth2",
    "check_credentials": "oauth1",
    "load_template": "template",
}
_LOADERS: dict[str, Callable[..., Any]] = {}


@overload
def load_credentials(
    provider: OAuth1Provider,
    creds: Credentials,
    *,
    environ: Mapping[str, str] = ...,
    signature_method: str | None = None,
) -> OAuth1Credentials: ...
@overload
def load_credentials(
    provider: OAuth2Provider,
    creds: Credentials,
    *,
    environ: Mapping[str, str] = ...,
    grant_type: str | None = None,
    auth_method: str | None = None,
) -> OAuth2Credentials: ...
@overload
def load_credentials(
    provider: AssertionProvider,
    creds: Credentials,
    *,
    environ: Mapping[str, str] = ...,
    origins: tuple[str, ...] = (),
) -> AssertionCredentials: ...
def load_credentials(
    provider: OAuth1Provider | OAuth2Provider | AssertionProvider,
    creds: Credentials,
    *,
    environ: Mapping[str, str] = os.environ,
    **wanted: Any,
) -> OAuth1Credentials | OAuth2Credentials | AssertionCredentials:
    """
    Read *creds* for *provider* and check them.

    They are an object of the provider's kind, a mapping, the path of a JSON file (text is always a
    path), or None: the environment, ``OAUTHKIT_<PROVIDER>__<FIELD>``; nothing else reads it. What
    is needed depends on the kind, and on *wanted*.

    Raises CredentialsError, which lists all that is missing, unknown or invalid, and no value.
    """
    protocol = provider.protocol
    read = _LOADERS.get(protocol)
    if read is None:  # each protocol's module is named after it
        module = import_module(f"{__name__}.{protocol}")
        read = _LOADERS[protocol] = getattr(module, f"load_{protocol}")
    found: OAuth1Credentials | OAuth2Credentials | AssertionCredentials
    found = read(provider, creds, environ=environ, **wanted)
    return found


def __getattr__(name: str) -> Any:
    """Load a kind of credentials on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
