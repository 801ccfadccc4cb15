"""Which protocol endpoint to call: the declared one, or a URL that is given or passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from yarl import URL

from oauthkit.clients.options import describe_value
from oauthkit.errors import ConfigurationError, ForeignOriginError, RequestError
from oauthkit.protocol.origins import Origin, origin_of, parse_origin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oauthkit.provider import Provider

__all__ = ["check_endpoint", "find_endpoint", "read_url"]


def find_endpoint(
    provider: Provider[Any] | None,
    url: str | URL | None,
    field: str,
    *,
    default: str | None = None,
    origins: Iterable[Origin] = (),
) -> str:
    """
    Return the URL of an endpoint: *url*, else *default*, else what *provider* declares as *field*.

    It is in ASCII, as it goes on the wire (RFC 3987 §3.1, RFC 5891 §4.4).
    A *url* that is passed must be https (or loopback) and, with a provider, lie at the origin of
    one of its endpoints or at one of *origins*. Raises RequestError, of which ForeignOriginError
    is one kind.
    """
    if url is None:
        found: str | None = default or getattr(provider, field, None)
        if found is None:
            raise RequestError(
                f"pass the URL: provider {provider.name!r} declares no {field}"
                if provider is not None
                else f"pass the URL of the {field}: this client was made without a provider"
            )
        # What goes on the wire is ASCII: the host of https://api.bücher.example is xn--….
        return found if found.isascii() else str(URL(found))
    hosts = provider.plain_http_hosts if provider is not None else ()
    target, origin = read_url(url)
    try:
        asked = parse_origin(origin, plain_http_hosts=hosts)
    except ConfigurationError as exc:
        raise RequestError(str(exc)) from None
    if provider is not None:
        known = {origin_of(URL(endpoint)) for endpoint in _endpoints(provider)}
        tokens_go = tuple(origins)
        inside = any(o.matches(asked.scheme, asked.host, asked.port) for o in tokens_go)
        if str(asked) not in known and not inside:
            allowed = dict.fromkeys([*sorted(known), *map(str, tokens_go)])
            raise ForeignOriginError(str(asked), tuple(allowed), provider=provider.name)
    return str(target)


def check_endpoint(
    provider: Provider[Any] | None, name: str, url: str | URL, *, origins: Iterable[Origin] = ()
) -> str:
    """Return the URL that a client is made with as *name*. Raises ConfigurationError."""
    try:
        return find_endpoint(provider, url, name, origins=origins)
    except RequestError as error:
        fault = f"{name}: {error}"
    raise ConfigurationError(fault)


def _endpoints(provider: Provider[Any]) -> list[str]:
    """Return the URLs of all endpoints that a declaration has."""
    names = (f.name for f in attrs.fields(type(provider)) if f.name.endswith("_endpoint"))
    return [url for url in (getattr(provider, name) for name in names) if url is not None]


def read_url(url: object) -> tuple[URL, str]:
    """Return an endpoint's URL and its origin; raises RequestError, which does not quote it."""
    fault = f"expected an absolute URL, got {describe_value(url)}"
    if isinstance(url, (str, URL)):
        try:
            target = URL(url)
            origin = origin_of(target)
        except RequestError:
            pass
        except ValueError:
            fault = "the URL cannot be read: its host or port is malformed"
        else:
            if target.raw_user is not None or target.raw_password is not None:
                fault = "the URL holds a user name or password: leave it out"
            elif target.raw_fragment:
                fault = "the URL has a fragment (#…), which no server sees: leave it out"
            else:
                return target, origin
    raise RequestError(fault)
