"""
What a declaration says of itself: laws that draw nothing and send nothing.

They need no Hypothesis: ``oauthkit check`` tries them, too. Each fault says how to mend it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import attrs

from oauthkit import AssertionProvider, OAuth1Provider, OAuth2Provider, Provider
from oauthkit.testing.laws.law import law
from oauthkit.testing.laws.subject import Subject

# What each leniency is where nothing is lenient.
_STRICT: dict[str, object] = {
    "plain_http_hosts": (),
    "allow_unconfirmed_callback": False,
    "allow_missing_verifier": False,
    "clock_from_date": False,
    "code_challenge_method": "S256",
    "scope_separator": " ",
    "token_placement": "header",
    "raw_basic": False,
    "refresh_grace": 0.0,
    "rotates_refresh_tokens": True,
}

# What the client itself writes into an authorization request.
_OF_THE_CLIENT = {
    *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce"),
    *("code_challenge", "code_challenge_method", "client_secret"),
}

# In front of a country's label they are registries, not registered names: co.uk, com.au, or.jp.
_REGISTRIES = {"ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"}

# Where anybody gets a name below it (publicsuffix.org, the private ones).
_FOR_ANYBODY = {
    *("amazonaws.com", "appspot.com", "azurewebsites.net", "cloudfront.net", "cloudfunctions.net"),
    *("deno.dev", "firebaseapp.com", "fly.dev", "herokuapp.com", "netlify.app"),
    *("ngrok-free.app", "ngrok.app", "ngrok.io"),
    *("onrender.com", "pages.dev", "run.app", "vercel.app", "web.app", "windows.net"),
    *("workers.dev",),
}

_PLACEHOLDER = re.compile(r"[{}<>…]|%7B|%3C|\byour[-_]", re.IGNORECASE).search


def _require_none(subject: Subject, faults: Iterable[str]) -> None:
    found = list(faults)
    subject.require(not found, "\n         ".join(found))


def _endpoints(provider: Any) -> list[tuple[str, str]]:
    """Return the endpoints that are declared: field and URL."""
    names = [
        field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(provider)))
    ]
    return [(n, url) for n in names if n.endswith("_endpoint") and (url := getattr(provider, n))]


def _tokens_go_to(provider: Any) -> list[tuple[str, str]]:
    """Return where tokens may go: field and URL or origin, as they were written."""
    base = [("api_base", provider.api_base)] if provider.api_base else []
    return [*base, *(("origins", origin) for origin in provider.origins)]


def _pages(provider: Any) -> list[str]:
    """Return the other URLs that a declaration names the service by."""
    return [url for n in ("documentation", "issuer") if (url := getattr(provider, n, None))]


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("*.")


def _site(url: str) -> str:
    """Return the name that somebody registered: two labels of the host, or three."""
    labels = _host(url).split(".")
    below_registry = len(labels[-1]) == 2 and labels[-2:-1] and labels[-2] in _REGISTRIES
    return ".".join(labels[-3 if below_registry else -2 :])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_full(url: str) -> bool:
    host = _host(url)
    return "." in host and ":" not in host and not host.rpartition(".")[2].isdigit()


def _is_for_anybody(origin: str) -> bool:
    host = _host(origin)
    is_registry = host == _site(origin) and host.partition(".")[0] in _REGISTRIES
    return "//*." in origin and (is_registry or host in _FOR_ANYBODY)


def _is_somebodys(url: str) -> bool:
    return _is_full(url) and not _is_for_anybody(url)


def _stray(field: str, url: str, known: set[str]) -> str:
    """Say that nothing else is on the site of *url*, and which site was probably meant."""
    said = f"{field} = {url!r}: nothing else that is declared is on {_site(url)}"
    meant = get_close_matches(_site(url), known, 1, 0.75)
    if meant:
        return f"{said}; did you mean {meant[0]}?"
    return f"{said}; is it mistyped? The others are on {', '.join(sorted(known))}"


@law("oauthkit", static=True)
def documentation_is_declared(subject: Subject) -> None:
    """A declaration names the page that it was written from, for whoever has to mend it."""
    found = "documentation = None: write the https URL of the service's page on OAuth"
    subject.require(subject.provider.documentation, found)


@law("RFC 6749 §3.2", static=True)
def urls_are_https(subject: Subject) -> None:
    """Every declared URL is https: no secret and no token travels in the clear."""
    provider = subject.provider
    faults = [
        f"{field} = {url!r}: write {url.replace('http', 'https', 1)!r}"
        for field, url in [*_endpoints(provider), *_tokens_go_to(provider)]
        if urlsplit(url).scheme != "https" and not _is_loopback(_host(url))
    ]
    faults += [
        f"plain_http_hosts names {host!r}: take it out; what is sent there can be read on its way"
        for host in provider.plain_http_hosts
        if not _is_loopback(host)
    ]
    _require_none(subject, faults)


@law("oauthkit", static=True)
def hosts_are_full_names(subject: Subject) -> None:
    """Every declared host is a full name: no address, no single word, not this machine."""
    provider = subject.provider
    _require_none(
        subject,
        (
            f"{field} = {url!r}: write the name that the service has everywhere, "
            "such as api.example.com"
            for field, url in [*_endpoints(provider), *_tokens_go_to(provider)]
            if not _is_full(url)
        ),
    )


@law("oauthkit", static=True)
def urls_are_filled_in(subject: Subject) -> None:
    """No declared URL has a placeholder in it, such as {tenant} or YOUR-DOMAIN."""
    provider = subject.provider
    _require_none(
        subject,
        (
            f"{field} = {url!r}: {found[0]!r} looks like a placeholder; "
            "declare the provider in a function that takes its value"
            for field, url in [*_endpoints(provider), *_tokens_go_to(provider)]
            if (found := _PLACEHOLDER(url))
        ),
    )


@law("RFC 6749 §3", static=True)
def endpoints_differ(subject: Subject) -> None:
    """No two endpoints are the same URL."""
    seen: dict[str, str] = {}
    _require_none(
        subject,
        (
            f"{field} is {other}, {url!r}: was it copied, and not changed?"
            for field, url in _endpoints(subject.provider)
            if (other := seen.setdefault(url, field)) != field
        ),
    )


@law("RFC 9700 §4.9.1", static=True)
def endpoints_are_at_home(subject: Subject) -> None:
    """Each endpoint is on a site that tokens may go to, or that documents it: none is mistyped."""
    provider = subject.provider
    homes = [*(url for _, url in _tokens_go_to(provider)), *_pages(provider)]
    known = {_site(url) for url in homes if _is_somebodys(url)}
    _require_none(
        subject,
        (
            _stray(field, url, known)
            for field, url in _endpoints(provider)
            if known and _is_full(url) and _site(url) not in known
        ),
    )


@law("RFC 9700 §4.9.1", static=True)
def origins_are_at_home(subject: Subject) -> None:
    """Tokens go to no site that is named once, and nowhere else: it is probably mistyped."""
    provider = subject.provider
    places = [(field, url) for field, url in _tokens_go_to(provider) if _is_somebodys(url)]
    pages = [*(url for _, url in _endpoints(provider)), *_pages(provider)]
    sites = [_site(url) for _, url in places]
    known = {_site(url) for url in pages} | {site for site in sites if sites.count(site) > 1}
    _require_none(
        subject,
        (_stray(f, url, known) for f, url in places if known and _site(url) not in known),
    )


@law("RFC 9700 §4.9.1", static=True)
def wildcards_are_narrow(subject: Subject) -> None:
    """No origin with a * covers names that anybody can have."""
    _require_none(
        subject,
        (
            f"origins has {origin!r}: anybody can have a name below {_host(origin)}; "
            "name the hosts one by one"
            for origin in subject.provider.origins
            if _is_for_anybody(origin)
        ),
    )


@law("RFC 6749 §3.1", static=True, kind=OAuth2Provider)
def authorization_params_are_extra(subject: Subject) -> None:
    """What is declared for authorization requests is none of what the client writes itself."""
    provider = subject.provider
    query = parse_qsl(urlsplit(provider.authorization_endpoint or "").query, keep_blank_values=True)
    given = {
        "authorization_params": [name for name, _ in provider.authorization_params],
        "authorization_endpoint": [name for name, _ in query],
    }
    _require_none(
        subject,
        (
            f"{field} holds {name!r}: take it out; the client writes it, for each user anew"
            for field, names in given.items()
            for name in names
            if name in _OF_THE_CLIENT
        ),
    )


@law("RFC 6749 §3.3", static=True, when=lambda provider: bool(getattr(provider, "scope", None)))
def scope_uses_its_separator(subject: Subject) -> None:
    """The declared scope is written as it is sent: its parts joined by the declared separator."""
    provider = subject.provider
    separator = getattr(provider, "scope_separator", " ")
    _require_none(
        subject,
        (
            f"scope = {provider.scope!r}: join its parts by {separator!r}, "
            "or declare scope_separator"
            for part in provider.scope.split(separator)
            if not re.fullmatch(r"[!#-+\--\[\]-~]+", part)
        ),
    )


@law("oauthkit", static=True)
def leniencies_show_in_the_repr(subject: Subject) -> None:
    """The repr names the declaration, and every check that it leaves out."""
    provider = subject.provider
    shown = repr(provider)
    faults = [] if provider.name in shown else [f"repr is {shown}: let it name {provider.name!r}"]
    faults += [
        f"repr is {shown}: let it show {field}, which is {value!r}"
        for field, strict in _STRICT.items()
        if (value := getattr(provider, field, strict)) != strict and field not in shown
    ]
    _require_none(subject, faults)


@law("oauthkit", static=True)
def declaration_can_be_hashed(subject: Subject) -> None:
    """A declaration is data: it can be a key, as what it holds can."""
    try:
        hash(subject.provider)
    except TypeError as error:
        subject.require(False, f"{error}: make lists tuples, and mappings tuples of pairs")


def _kind(provider: Provider[Any]) -> type[Any]:
    kinds = (OAuth1Provider, OAuth2Provider, AssertionProvider)
    return next((kind for kind in kinds if isinstance(provider, kind)), type(provider))


def _override_points(kind: type[Any]) -> list[str]:
    """Return the methods that a declaration of that kind may override."""
    own = {name: value for base in kind.__mro__ for name, value in vars(base).items()}
    return [n for n, value in own.items() if inspect.isfunction(value) and n[0] != "_"]


@law("oauthkit", static=True)
def overrides_are_named_right(subject: Subject) -> None:
    """No method of a declaration is nearly called like one that is overridden."""
    kind = _kind(subject.provider)
    points = _override_points(kind)
    added = [
        name
        for base in type(subject.provider).__mro__
        if issubclass(base, kind) and base is not kind
        for name, value in vars(base).items()
        if inspect.isfunction(value) and not hasattr(kind, name)
    ]
    _require_none(
        subject,
        (
            f"nothing calls {name}(): did you mean {meant[0]}()?"
            for name in added
            if (meant := get_close_matches(name, points, 1, 0.8))
        ),
    )


@law("oauthkit", static=True)
def overrides_take_what_they_are_handed(subject: Subject) -> None:
    """An overridden method takes the arguments that its documentation says, and is no coroutine."""
    provider = subject.provider
    kind = _kind(provider)
    faults: list[str] = []
    for name in _override_points(kind):
        documented = inspect.signature(getattr(kind, name))
        _, *parameters = documented.parameters.values()
        by_name = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
        in_order = [p for p in parameters if p.name not in by_name]
        method = getattr(provider, name)
        shown = ", ".join(str(p).partition(":")[0] for p in parameters)
        if inspect.iscoroutinefunction(method):
            faults.append(f"{name}() is a coroutine: write `def`, and do no I/O in it")
        try:
            inspect.signature(method).bind(*in_order, **by_name)
        except TypeError as error:
            faults.append(f"{name}() {error}: it is handed ({shown})")
    _require_none(subject, faults)
