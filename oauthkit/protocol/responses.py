"""What authorization servers answer, read by content (RFC 6749 §4.1.2 and §5, RFC 9207)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from oauthkit.errors import CallbackError, OAuthError
from oauthkit.protocol.oauth1.encoding import decode_form
from oauthkit.protocol.shape import describe_shape

__all__ = [
    "parse_authorization_response",
    "parse_error",
    "parse_token_members",
    "parse_token_response",
    "read_object",
]

_JSONP = re.compile(r"\s*[A-Za-z_$][\w$.]*\s*\((.*)\)\s*;?\s*", re.DOTALL).fullmatch
# RFC 6749 §5.2 and §4.1.2.1 allow these characters in codes and descriptions.
_MOST_CODE, _MOST_TEXT = 200, 1000


def read_object(body: bytes | str) -> dict[str, Any]:
    """
    Read an answer as an object, by content: JSON, else a form, else JSONP; {} for anything else.

    Labels are not believed: services answer JSON as text and forms as HTML.
    """
    text = body if isinstance(body, str) else body.decode("utf-8-sig", "replace")
    for candidate in (text, *(m.groups() if (m := _JSONP(text)) else ())):
        try:
            found = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else {}
    if "=" in text and "<" not in text:
        return {
            name.decode(errors="replace"): value.decode(errors="replace")
            for name, value in decode_form(text.encode(errors="replace").strip())
        }
    return {}


def parse_error(found: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """
    Look for a refusal: ``error``, ``error_description`` and ``error_uri`` (RFC 6749 §5.2).

    An ``error`` that is an object is understood where it holds ``code``, ``type`` or ``status``
    and ``message``; so is a list ``errors`` of such. (None, None, None) where there is none.
    """
    error: Any = found.get("error")
    told: Any = found.get("error_description")
    listed: Any = found.get("errors")
    if error in (None, False, "") and isinstance(listed, list) and listed:
        error = listed[0]
    if isinstance(error, dict):
        told = error.get("message", told)
        error = next((error[n] for n in ("code", "status", "type", "errorType") if n in error), "")
    if error in (None, False, "") or not isinstance(error, (str, int)):
        return None, None, None
    uri = found.get("error_uri")
    return (
        _printable(str(error))[:_MOST_CODE],
        _printable(told)[:_MOST_TEXT] if isinstance(told, str) else None,
        _printable(uri)[:_MOST_TEXT] if isinstance(uri, str) else None,
    )


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


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
    access = found.get("access_token")
    if not 200 <= status < 300 or not isinstance(access, str) or not access:
        octets = body.encode() if isinstance(body, str) else body
        shape = describe_shape(octets)
        raise OAuthError(
            f"status {status}, {len(octets)} bytes, {shape}: there is no access_token",
            error="invalid_response",
            status=status,
            length=len(octets),
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
        token["scope"] = " ".join(str(one) for one in scope)
    elif isinstance(scope, str) and scope:
        token["scope"] = scope
    kind = token.get("token_type")
    token["token_type"] = kind if isinstance(kind, str) and kind else "Bearer"
    lifetime = read_seconds(token.pop("expires_in", None))
    absolute = read_seconds(token.pop("expires_at", None))
    if lifetime is not None and lifetime > 0:
        token["expires_in"] = lifetime
        token["expires_at"] = now + lifetime
    elif absolute is not None:
        token["expires_at"] = absolute
    return token


def read_seconds(value: object) -> float | int | None:
    """Read a number of seconds, or a text that is one; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if math.isfinite(value) and abs(value) < 1e12 else None


def parse_authorization_response(
    url: str, *, state: str | None, issuer: str | None = None, iss_required: bool = False
) -> dict[str, str]:
    """
    Read the redirect back (RFC 6749 §4.1.2): the members of its query, ``code`` among them.

    *state* is what was sent, compared in constant time. Where *issuer* is known, an ``iss`` must
    equal it, and with *iss_required* must be there (RFC 9207 §2.4). Raises CallbackError:
    ``state_mismatch``, ``iss_mismatch``, the server's own ``error``, or ``invalid_response``.
    """
    pairs = [
        (name.decode(errors="replace"), value.decode(errors="replace"))
        for name, value in decode_form(urlsplit(url).query.encode(errors="replace"))
    ]
    values = dict(pairs)
    twice = {n for n in ("code", "state", "iss", "error") if [p[0] for p in pairs].count(n) > 1}
    if twice:
        raise CallbackError(
            f"the callback holds {', '.join(sorted(twice))} more than once (RFC 6749 §3.1)",
            error="invalid_response",
        )
    if state is not None and not compare_digest(
        values.get("state", "").encode(), state.encode(errors="replace")
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
        raise CallbackError(
            f"the authorization endpoint refused: {error}{f': {told}' if told else ''}",
            error=error,
            error_description=told,
            error_uri=uri,
        )
    if not values.get("code"):
        raise CallbackError(
            "the callback holds neither code nor error: pass the whole URL that the user came "
            "back to",
            error="invalid_response",
        )
    return values
