"""What every declaration has, and how it is checked when it is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar, cast

import attrs
from yarl import URL

from oauthkit.errors import ConfigurationError, DeclarationError
from oauthkit.protocol.origins import Origin, canonical_host, is_secure, parse_origin

if TYPE_CHECKING:
    from oauthkit.clients import Client

__all__ = ["Check", "Provider", "as_pairs", "as_texts"]

C_co = TypeVar("C_co", covariant=True)

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*").fullmatch
_LONGEST_SHOWN = 120
_HOST = "a URL whose host is a name or an address"
_ORIGIN = "origins such as 'https://api.example.com' or 'https://*.example.com'"


def as_texts(values: Iterable[str]) -> tuple[str, ...]:
    """Make a list a tuple; what is no list of texts stays, so that the check can name it."""
    return (
        tuple(values)
        if isinstance(values, (list, set, frozenset))
        else cast("tuple[str, ...]", values)
    )


def as_pairs(values: Any) -> Any:
    """Make a mapping pairs, so that the declaration stays hashable; anything else as a list."""
    if isinstance(values, Mapping):
        return tuple(cast("Mapping[object, object]", values).items())
    return as_texts(values)


# Only its kinds are made and compared: half of what attrs would build here is never called.
@attrs.frozen(kw_only=True, repr=False, eq=False, init=False)
class Provider(Generic[C_co]):
    """
    What every declaration has, whatever its protocol; generic over the client that it is made for.

    Declare one of its kinds, such as ``OAuth1Provider``: this class itself makes nothing.
    """

    protocol: ClassVar[str]
    """The protocol's short name."""

    name: str
    """What ``connect()`` is called with: words of a-z and 0-9, joined by ``-``."""

    title: str = attrs.field(default=attrs.Factory(lambda self: self.name, takes_self=True))
    """The service's name for people; *name* where none is given."""

    documentation: str | None = None
    """An https URL: the page that this declaration was written from."""

    api_base: str | None = None
    """The URL that a client's relative URLs are put after; tokens may go to its origin."""

    origins: tuple[str, ...] = attrs.field(default=(), converter=as_texts)
    """Other origins that tokens may go to: ``https://api.example.com``, ``https://*.example.com``."""

    plain_http_hosts: tuple[str, ...] = attrs.field(default=(), converter=as_texts)
    """Hosts that may be reached by http. A leniency: what is sent there can be read on its way."""

    grant_types: tuple[str, ...] = attrs.field(default=(), init=False)
    """The grant types that it offers; the first is what ``connect()`` uses."""

    _token_origins: tuple[Origin, ...] = attrs.field(default=(), init=False, eq=False)

    @property
    def token_origins(self) -> tuple[Origin, ...]:
        """Give every origin that a token may go to: that of *api_base*, then *origins*."""
        return self._token_origins

    def __attrs_post_init__(self) -> None:
        """Check the declaration, all of it."""
        check = Check(self)
        self._validate(check)
        if check.faults:
            raise DeclarationError(str(self.name), check.faults, check.hints)
        object.__setattr__(self, "plain_http_hosts", tuple(check.plain_http_hosts))
        object.__setattr__(self, "_token_origins", tuple(dict.fromkeys(check.token_origins)))

    def _validate(self, check: Check) -> None:
        check.name(self.name)
        if self.title is not self.name:
            check.text("title", self.title, optional=False)
        check.url("documentation", self.documentation, https_only=True)
        check.where_tokens_go()

    def __repr__(self) -> str:
        shown = [f"name={self.name!r}"]
        shown += [f"{field}={value!r}" for field, value in self._leniencies() if value]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _leniencies(self) -> list[tuple[str, object]]:
        return [("plain_http_hosts", self.plain_http_hosts)]


if TYPE_CHECKING:
    # What connect() takes where nothing more is known: a declaration of some client's.
    AnyProvider: TypeAlias = Provider[Client]


class Check:
    """The faults of one declaration; each line names the field, its value and what is expected."""

    def __init__(self, provider: Provider[object]) -> None:
        self.provider = provider
        self.faults: list[str] = []
        self.hints: list[tuple[str, str]] = []
        self.plain_http_hosts: list[str] = []
        self.token_origins: list[Origin] = []

    def fault(self, field: str, value: object, expected: str, hint: str = "") -> None:
        """Note a fault: field, value and what is expected; *hint* is that without a value."""
        self.faults.append(f"{field} = {_show(value)}: {expected}")
        self.hints.append((field, hint or expected))

    def name(self, value: object) -> None:
        """Check a name."""
        if not isinstance(value, str) or not _NAME(value):
            self.fault("name", value, "lower-case letters and digits, in words joined by '-'")

    def where_tokens_go(self) -> None:
        """Check *plain_http_hosts*, *api_base* and *origins*, and collect what they say."""
        for host in self.texts("plain_http_hosts", self.provider.plain_http_hosts):
            try:
                self.plain_http_hosts.append(canonical_host(host))
            except ConfigurationError as exc:
                alone = "host names alone, no scheme and no port"
                self.fault("plain_http_hosts", host, f"{alone}; {exc}", alone)
        base = self.url("api_base", self.provider.api_base)
        if base is not None:
            if base.raw_query_string:
                self.fault(
                    "api_base", self.provider.api_base, "no query: relative URLs are put after it"
                )
            try:
                origin = parse_origin(str(base.origin()), plain_http_hosts=self.plain_http_hosts)
                self.token_origins.append(origin)
            except ConfigurationError as exc:
                self.fault("api_base", self.provider.api_base, str(exc), _HOST)
        for text in self.texts("origins", self.provider.origins):
            try:
                self.token_origins.append(
                    parse_origin(text, plain_http_hosts=self.plain_http_hosts)
                )
            except ConfigurationError as exc:
                self.faults.append(f"origins: {exc}")
                self.hints.append(("origins", _ORIGIN))
        if self.provider.api_base is None and not self.provider.origins:
            self.fault("api_base", None, "api_base or origins must say where tokens may go")

    def url(self, field: str, value: object, *, https_only: bool = False) -> URL | None:
        """Return the URL where it can be asked for its origin, else None."""
        if value is None:
            return None
        if not isinstance(value, str):
            self.fault(field, value, "a URL as text")
            return None
        wanted = "an absolute URL such as 'https://api.example.com/…'"
        try:
            url = URL(value) if value.isprintable() and " " not in value else URL()
        except ValueError:
            url = URL()
        # Not shown: what stands before an @ is a user name, and comes with a password.
        shown = f"***@{value.rpartition('@')[2]}" if "@" in value else value
        if not url.raw_host:
            self.fault(field, shown, wanted)
            return None
        if url.raw_user is not None or url.raw_password is not None:
            self.fault(field, shown, "no user information in a URL")
            return None
        if "#" in value:
            self.fault(field, value, "no fragment")
        if url.scheme not in ("http", "https"):
            self.fault(field, value, wanted)
            return None
        if not is_secure(url, self.plain_http_hosts) or (https_only and url.scheme == "http"):
            port = None if url.port == 80 else url.explicit_port
            secure = url.with_scheme("https").with_port(port)
            self.fault(field, value, f"https only: {str(secure)!r}", "https only")
            return None
        try:
            canonical_host(url.raw_host)
        except ConfigurationError as exc:
            self.fault(field, value, str(exc), _HOST)
            return None
        return url

    def texts(self, field: str, values: object, *, silent: bool = False) -> tuple[str, ...]:
        """Return the texts of a tuple; report, unless *silent*, what is not a text, or no tuple."""
        found: list[str] = []
        if not isinstance(values, tuple):
            if not silent:
                self.fault(field, values, "a tuple of texts")
            return ()
        for value in cast("tuple[object, ...]", values):
            if isinstance(value, str):
                found.append(value)
            elif not silent:
                self.fault(field, value, "a tuple of texts")
        return tuple(found)

    def one_of(self, field: str, value: object, known: tuple[str | None, ...]) -> None:
        """Check that a value is one of those that are known."""
        if value not in known:
            self.fault(field, value, f"one of {', '.join(map(repr, known))}")

    def text(self, field: str, value: object, *, optional: bool = True) -> None:
        """Check that a value is text in one line."""
        if optional and value is None:
            return
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.fault(field, value, "text in one line")

    def pairs(self, field: str, values: object) -> tuple[str, ...]:
        """Return the names of pairs of texts; report what is none."""
        names: list[str] = []
        found = cast("tuple[object, ...]", values) if isinstance(values, tuple) else (values,)
        for pair in found:
            shown: object = pair
            texts = list(cast("tuple[object, ...]", pair)) if isinstance(pair, tuple) else []
            if list(map(type, texts)) == [str, str]:
                names.append(str(texts[0]))
            else:
                self.fault(field, shown, "a mapping of texts to texts")
        return tuple(names)

    def statuses(self, field: str, values: tuple[object, ...]) -> None:
        """Note a fault unless they are statuses of answers that are no success."""
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int) or not 400 <= value < 600:
                self.fault(field, value, "HTTP statuses from 400 to 599")

    def boolean(self, field: str, value: object) -> None:
        """Check that a value is a boolean."""
        if not isinstance(value, bool):
            self.fault(field, value, "True or False")


def _show(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
