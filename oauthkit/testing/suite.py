"""The conformance suite: a test for each law, made for one declaration; with pytest alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from oauthkit import OAuth2Template, Provider, default_registry
from oauthkit.testing.laws import LAWS, Law, LawBrokenError, Subject, laws_for

__all__ = ["ProviderSuite"]

# What a template is declared with where a suite says nothing else.
_SETTINGS = {
    "grant_type": "authorization_code",
    "authorization_endpoint": "https://login.example.com/authorize",
    "token_endpoint": "https://login.example.com/token",
    "revocation_endpoint": "https://login.example.com/revoke",
    "introspection_endpoint": "https://login.example.com/introspect",
    "api_base": "https://api.example.com/",
}

_MEMBERS = ("provider", "settings", "departures", "examples")


class ProviderSuite:
    """
    The laws that a provider must hold to, as tests: subclass, set *provider*, done.

    .. code-block:: python

        class TestAcme(ProviderSuite):
            provider = acme

    *provider* is a declaration, or the name that ``connect()`` finds it by. A template, which reads
    its endpoints with the credentials, is declared with *settings*. *departures* names laws that
    the service itself breaks, each with the reason and where it is documented: such a law must
    fail, and the departure goes when it holds. *examples* is how many are drawn for each law.
    """

    provider: ClassVar[Provider[Any] | str]
    settings: ClassVar[Mapping[str, Any]] = _SETTINGS
    departures: ClassVar[Mapping[str, str]] = {}
    examples: ClassVar[int] = 50

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make a test of each law that is about the declaration."""
        super().__init_subclass__(**kwargs)
        _require_no_misspelt(vars(cls))
        given = getattr(cls, "provider", None)
        if given is None:
            return
        declared = default_registry().get(given) if isinstance(given, str) else given
        _require_declaration(declared)
        laws = {law.name: (law, declared) for law in laws_for(declared) if law.static}
        if isinstance(declared, OAuth2Template):
            declared = declared.declare(cls.settings)
        laws |= {law.name: (law, declared) for law in laws_for(declared) if not law.static}
        known = {law.name for law in LAWS}
        if strange := sorted(set(cls.departures) - laws.keys()):
            why = "is about no declaration like this" if known.issuperset(strange) else "is no law"
            raise TypeError(f"departures: {', '.join(map(repr, strange))} {why}")
        # What a suite above had of another kind is no law here.
        for name in known - laws.keys():
            if getattr(cls, f"test_{name}", None) is not None:
                setattr(cls, f"test_{name}", None)
        for law, subject in laws.values():
            setattr(cls, f"test_{law.name}", _as_test(law, subject))


def _require_declaration(given: object) -> None:
    if isinstance(given, Provider):
        return
    # There would be no law, no test, and nothing would fail.
    kind = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
    raise TypeError(f"provider is a name or a declaration (OAuth1Provider(…)), not {kind}")


def _require_no_misspelt(members: Iterable[str]) -> None:
    for name in members:
        near = get_close_matches(name, _MEMBERS, 1, 0.8)
        if near and name not in _MEMBERS:
            raise TypeError(f"a suite has no {name!r}: did you mean {near[0]!r}?")


def _as_test(law: Law, provider: Provider[Any]) -> Callable[[ProviderSuite], None]:
    def test(self: ProviderSuite) -> None:
        __tracebackhide__ = True
        reason = self.departures.get(law.name)
        try:
            Subject(law, provider, examples=self.examples).try_law()
        except LawBrokenError:
            if reason is None:
                raise
            return
        if reason is not None:
            raise AssertionError(
                f"{provider.name} holds to {law.name}: take it out of departures ({reason})"
            )

    test.__name__ = f"test_{law.name}"
    test.__qualname__ = f"ProviderSuite.{test.__name__}"
    test.__doc__ = f"{law.section}: {law.statement}"
    return test
