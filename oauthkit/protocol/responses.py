"""What authorization servers answer, read by content (RFC 6749 §4.1.2 and §5, RFC 9207)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from hmac import compare_digest
from typing import Any, cast

from oauthkit.errors import CallbackError, OAuthError, mask
from oauthkit.protocol.grants import split_scope
from oauthkit.protocol.oauth1.encoding import decode_form
from oauthkit.protocol.shape import describe_shape, list_names, show_text
from oauthkit.protocol.token import is_credential, read_seconds

__all__ = [
    "check_authorization_response",
    "parse_authorization_response",
    "parse_error",
    "parse_token_members",
    "parse_token_response",
    "read_authorization_response",
    "read_object",
]

_IS_FUNCTION = re.compile(r"[A-Za-z_$][\w$.]*+").fullmatch
_MOST_CODE, _MOST_TEXT = 200, 1000
# What a callback may hold that is nobody else's business.
_SECRETS = ("access_token", "code", "id_token", "refresh_token", "state")


def read_object(body: bytes | str) -> dict[str, Any]:
    """
    Read an answer as an object, by content: JSON, else a form, else JSONP; {} for anything else.

    Labels are not believed: services answer JSON as text and forms as HTML. All texts can be
    written as UTF-8; numbers that JSON has no name for (NaN) are null.
    """
    text = _octets(body).decode("utf-8-sig", "replace").strip()
    for candidate in (text, _unwrap(text)):
        try:
            found = json.loads(candidate, parse_constant=lambda _: None)
            if "\\u" in candidate:  # an escape may be half of a pair
                found = _mend(found)
        except (RecursionError, ValueError):
            continue
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    return _pairs(text) if "=" in text and "<" not in text else {}


def _octets(text: bytes | str) -> bytes:
    return text.encode(errors="surrogatepass") if isinstance(text, str) else text


def _unwrap(text: str) -> str:
    """Return what a JSONP call is made with; "" where there is none."""
    name, parenthesis, argument = text.removesuffix(";").rstrip().partition("(")
    is_call = argument.endswith(")") and _IS_FUNCTION(name.rstrip())
    return argument[:-1] if parenthesis and is_call else ""


def _mend(value: Any) -> Any:
    """Replace lone surrogates, which no encoding for the wire or for a store holds."""
    if isinstance(value, str):
        return _octets(value).decode(errors="replace")
    if isinstance(value, list):
        return [_mend(one) for one in cast("Iterable[Any]", value)]
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {_mend(name): _mend(member) for name, member in members.items()}
    return value


def _pairs(text: str) -> dict[str, str]:
    return dict(_list_pairs(text))


def _list_pairs(text: str) -> list[tuple[str, str]]:
    return [
        (name.decode(errors="replace"), value.decode(errors="replace"))
        for name, value in decode_form(_octets(text))
    ]


def parse_error(found: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """
    Look for a refusal: ``error``, ``error_description`` and ``error_uri`` (RFC 6749 §5.2).

    An ``error`` that is an object is understood where it holds ``code``, ``type`` or ``status``
    and ``message``; so is a list ``errors`` of such. (None, None, None) where there is none. Texts
    are printable and bounded, and end between words: the caller masks what was sent.
    """
    error: Any = found.get("error")
    told: Any = found.get("error_description")
    listed: Any = found.get("errors")
    if error in (None, False, "") and isinstance(listed, list):
        error = next(iter(cast("Iterable[Any]", listed)), None)
    if isinstance(error, dict):
        inner = cast("dict[str, Any]", error)
        told = inner.get("message", told)
        error = next((inner[n] for n in ("code", "status", "type", "errorType") if n in inner), "")
    if not isinstance(error, (str, int)) or error in (0, ""):
        return None, None, None
    uri: Any = found.get("error_uri")
    return (
        show_text(str(error), _MOST_CODE) or "unknown",
        (show_text(told, _MOST_TEXT) or None) if isinstance(told, str) else None,
        (show_text(uri, _MOST_TEXT) or None) if isinstance(uri, str) else None,
    )


def parse_token_response(status: int, body: bytes | str, *, now: float) -> dict[str, Any]:
    """
    Read the answer of a token endpoint (RFC 6749 §5): the token's members, unknown ones included.

    ``token_type`` is Bearer where there is none; ``expires_in`` is a number of seconds, or left
    out where the server gave none, null, zero or less (some mean "never"), or no number;
    ``expires_at`` (seconds since the epoch) is then *now* plus that. null and false count as absent
    for ``refresh_token``, ``scope`` and ``id_token``; a list of scopes is joined.

    Raises OAuthError: with the server's own ``error`` where there is one, whatever the status, and
    with ``invalid_response`` where there is no token, by status, length and shape alone.
    """
    found = read_object(body)
    error, told, uri = parse_error(found)
    if error is not None:
        raise OAuthError(
            f"{error}: {told}" if told else error,
            error=error,
            error_description=told,
            error_uri=uri,
            status=status,
        )
    if not 200 <= status < 300 or not is_credential(found.get("access_token")):
        size, shape = len(_octets(body)), describe_shape(body)
        raise OAuthError(
            f"status {status}, {size} bytes, {shape}: there is no access_token",
            error="invalid_response",
            status=status,
            length=size,
            shape=shape,
        )
    return parse_token_members(found, now=now)


def parse_token_members(found: Mapping[str, Any], *, now: float) -> dict[str, Any]:
    """Read the members of a token, of an answer or a fragment, as ``parse_token_response`` says."""
    token = {name: value for name, value in found.items() if value is not None}
    for name in ("refresh_token", "id_token"):
        if not isinstance(token.get(name), str) or not token[name]:
            token.pop(name, None)
    scope = token.pop("scope", None)
    if isinstance(scope, list):
        scope = " ".join(split_scope(found["scope"]))
    if isinstance(scope, str) and scope:
        token["scope"] = scope
    kind = token.get("token_type")
    token["token_type"] = kind if isinstance(kind, str) and kind else "Bearer"
    lifetime = read_seconds(token.pop("expires_in", None))
    absolute = read_seconds(token.pop("expires_at", None))
    if (lifetime is None or lifetime <= 0) and absolute is not None:
        lifetime = absolute - now
    if lifetime is not None and lifetime > 0:
        token["expires_in"] = lifetime
        token["expires_at"] = now + lifetime
    return token


def parse_authorization_response(
    url: str, *, state: str | None, issuer: str | None = None, iss_required: bool = False
) -> dict[str, str]:
    """
    Read the redirect back (RFC 6749 §4.1.2): the members of its query, ``code`` among them.

    *state* is what was sent, compared in constant time. Where *issuer* is known, an ``iss`` must
    equal it, and with *iss_required* must be there (RFC 9207 §2.4). Raises CallbackError:
    ``state_mismatch``, ``iss_mismatch``, the server's own ``error``, or ``invalid_response``.
    """
    values = read_authorization_response(url)
    check_authorization_response(values, state=state, issuer=issuer, iss_required=iss_required)
    return values


def read_authorization_response(url: str) -> dict[str, str]:
    """
    Read the redirect back (RFC 6749 §4.1.2): the members of its query, and no check of them.

    Raises CallbackError where ``code``, ``error``, ``iss`` or ``state`` stands there twice (§3.1).
    """
    pairs = _list_pairs(url.partition("#")[0].partition("?")[2])
    names = Counter(name for name, _ in pairs)
    if twice := [name for name in ("code", "error", "iss", "state") if names[name] > 1]:
        raise CallbackError(
            f"the callback holds {', '.join(twice)} more than once (RFC 6749 §3.1)",
            error="invalid_response",
        )
    return dict(pairs)


def check_authorization_response(
    values: Mapping[str, str], *, state: str | None, issuer: str | None, iss_required: bool
) -> None:
    """Check the members of a redirect back; see ``parse_authorization_response``."""
    if state is not None and not (
        "state" in values
        and compare_digest(values["state"].encode(), state.encode(errors="replace"))
    ):
        what = "another state than was sent" if "state" in values else "no state"
        raise CallbackError(
            f"the callback holds {what}: it belongs to another login, or somebody forged it. "
            "Start a new one",
            error="state_mismatch",
        )
    if issuer is not None and (values["iss"] != issuer if "iss" in values else iss_required):
        raise CallbackError(
            "the callback names another issuer than the one that the user was sent to (RFC 9207)"
            if "iss" in values
            else "the callback names no issuer, and this server always does (RFC 9207 §2.4)",
            error="iss_mismatch",
        )
    error, told, uri = parse_error(values)
    if error is not None:
        secrets = [values.get(name) for name in _SECRETS]
        error, told, uri = (mask(text, secrets) if text else None for text in (error, told, uri))
        raise CallbackError(
            f"the authorization endpoint refused: {error}{f': {told}' if told else ''}",
            error=error or "unknown",
            error_description=told,
            error_uri=uri,
        )
    if not values.get("code"):
        raise CallbackError(
            "the callback holds neither code nor error: pass the whole URL that the user came "
            f"back to. Its query holds: {list_names(sorted(values)) or 'nothing'}",
            error="invalid_response",
        )
