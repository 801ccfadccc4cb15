"""One value for every kind of token, under its wire names (RFC 5849 §2.3, RFC 6749 §5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeGuard, cast

import attrs

from oauthkit.errors import CredentialsError

__all__ = ["Token", "is_credential", "oauth1_token", "oauth2_token", "read_seconds"]

# What a repr may show. Everything else is masked: an unknown member may be somebody's secret.
_SHOWN = frozenset(
    {
        "expires_at",
        "expires_in",
        "oauth_callback_confirmed",
        "scope",
        "screen_name",
        "token_type",
        "user_id",
    }
)
# A name that is anything else may be a secret that a server sent in the wrong place.
_NAME = re.compile(r"[A-Za-z][A-Za-z_.-]{0,39}").fullmatch
# Thirty thousand years: whatever is more was counted in another unit.
_MOST_SECONDS = 1e12


def _read_only(members: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(members))


@attrs.frozen(repr=False, eq=False, slots=True)
class Token(Mapping[str, Any]):
    """
    A token as a read-only mapping under the wire names; equal to a mapping of the same members.

    ``token["oauth_token"]``, ``token["oauth_token_secret"]`` and whatever else the server sent
    (RFC 5849 §2.3). The repr shows the names and hides every value that could be secret. JSON takes
    ``dict(token)``.
    """

    _members: Mapping[str, Any] = attrs.field(factory=dict[str, Any], converter=_read_only)

    def __getitem__(self, name: str) -> Any:
        """Return a member under its wire name; raises KeyError where there is none."""
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the wire names, in the order in which they came."""
        return iter(self._members)

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self._members)

    def __eq__(self, other: object) -> bool:
        """Compare by members."""
        if isinstance(other, Token):
            return dict(self._members) == dict(other._members)
        if isinstance(other, Mapping):
            return dict(self._members) == dict(cast("Mapping[str, Any]", other))
        return NotImplemented

    def __hash__(self) -> int:
        """Hash by the names and the values that are text."""
        return hash(frozenset((k, v) for k, v in self._members.items() if isinstance(v, str)))

    def __repr__(self) -> str:
        """Show the names, and the values of those that are no secret."""
        shown = ", ".join(
            f"{name}={value!r}" if name in _SHOWN else f"{name if _NAME(name) else '***'}=***"
            for name, value in self._members.items()
        )
        return f"Token({shown})"

    def __reduce__(self) -> tuple[type[Token], tuple[dict[str, Any]]]:
        """Pickle and copy by members."""
        return Token, (dict(self._members),)


def oauth1_token(members: Mapping[str, Any], *, whose: str) -> Token:
    """
    Check the members of an OAuth 1.0a token and return it.

    ``oauth_secret`` is read as ``oauth_token_secret``: both spellings are in circulation. Raises
    CredentialsError, naming *whose* token it is, where one of the two is missing or is no text.
    """
    given = cast("object", members)
    if not isinstance(given, Mapping):
        hint = "expected a mapping with oauth_token and oauth_token_secret, "
        raise CredentialsError(whose, [("invalid", "token", f"{hint}got {type(given).__name__}")])
    items = cast("Mapping[object, Any]", given).items()
    known = {name: value for name, value in items if isinstance(name, str)}
    if len(known) < len(members):
        raise CredentialsError(whose, [("invalid", "token", "a name in it is no text")])
    if "oauth_secret" in known:
        known.setdefault("oauth_token_secret", known.pop("oauth_secret"))
    faults: list[tuple[str, str, str]] = []
    for name in ("oauth_token", "oauth_token_secret"):
        value = known.get(name)
        if value is None:
            faults.append(("missing", name, "both members come with every answer; keep them"))
        elif not isinstance(value, str):
            faults.append(("invalid", name, f"expected text, got {type(value).__name__}"))
        elif name == "oauth_token" and not value:
            faults.append(("invalid", name, "it is empty"))
    if faults:
        raise CredentialsError(whose, faults, source="token")
    return Token(known)


def oauth2_token(members: Mapping[str, Any], *, whose: str, now: float) -> Token:
    """
    Check the members of an OAuth 2 token that somebody kept, and return it.

    It needs an ``access_token`` or a ``refresh_token``; ``expires_at`` (seconds since the epoch) is
    made of ``expires_in`` where it is missing, and an ``expires_in`` of zero or less is left out.
    Raises CredentialsError, naming *whose* it is.
    """
    given = cast("object", members)
    if not isinstance(given, Mapping):
        hint = f"expected a mapping with access_token, got {type(given).__name__}"
        raise CredentialsError(whose, [("invalid", "token", hint)])
    items = cast("Mapping[object, Any]", given).items()
    known = {name: value for name, value in items if isinstance(name, str) and value is not None}
    faults: list[tuple[str, str, str]] = []
    if any(not isinstance(name, str) for name, _ in items):
        faults.append(("invalid", "token", "a name in it is no text"))
    if "access_token" not in known and "refresh_token" not in known:
        faults.append(("missing", "access_token", "or a refresh_token, to get one with"))
    if not is_credential(known.get("access_token", "x")):
        faults.append(("invalid", "access_token", "expected printable ASCII that is not empty"))
    for name in ("refresh_token", "token_type"):
        value = known.get(name, "x")
        if not isinstance(value, str) or not value:
            faults.append(("invalid", name, "expected text that is not empty"))
    for name in ("expires_at", "expires_in"):
        if name in known:
            seconds = read_seconds(known[name])
            if seconds is None:
                faults.append(("invalid", name, "expected a number of seconds"))
            known[name] = seconds
    if faults:
        raise CredentialsError(whose, faults, source="token")
    if known.get("expires_in", 1) <= 0:
        del known["expires_in"]
    if "expires_in" in known:
        known.setdefault("expires_at", now + known["expires_in"])
    # The same object where nothing was changed: a caller may compare by identity.
    return given if isinstance(given, Token) and given == known else Token(known)


def is_credential(value: object) -> TypeGuard[str]:
    """Say whether *value* can be an access token: printable ASCII (RFC 6749 appendix A.12)."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def read_seconds(value: object) -> float | int | None:
    """Read a number of seconds, or a text that is one; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # Written so that it is false for NaN too.
    return value if -_MOST_SECONDS < value < _MOST_SECONDS else None
