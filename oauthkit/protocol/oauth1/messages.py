"""What OAuth 1.0a servers answer: token credentials, callbacks and refusals (RFC 5849 §2)."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from oauthkit.errors import CallbackError, OAuthError, mask
from oauthkit.protocol.oauth1.encoding import decode_form
from oauthkit.protocol.shape import describe_shape, list_names

__all__ = ["parse_authorization_response", "parse_refusal", "parse_token_response"]

_CREDENTIALS = ("oauth_token", "oauth_token_secret")
# In a challenge: name="value" or name=value, whatever stands around them.
_PROBLEM = re.compile(r'\b(oauth_problem(?:_advice)?)\s*+=\s*+(?:"([^"]*+)"|([^\s",&]*+))')
_LONGEST_CODE = 200
_LONGEST_DESCRIPTION = 1000
# What stands in decoded text for octets that are no text.
_NO_TEXT = "\ufffd"


def _octets(text: str | bytes) -> bytes:
    """Return octets of whatever came over the network, lone surrogates included."""
    return text.encode(errors="surrogatepass") if isinstance(text, str) else text


def _text(octets: str | bytes) -> str:
    """Return text that can be printed and stored, lone surrogates replaced."""
    return _octets(octets).decode(errors="replace")


def _pairs(text: str | bytes) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in decode_form(_octets(text).strip())}


def _json_object(body: str | bytes) -> dict[str, Any] | None:
    text = _text(body)
    if not text.lstrip().startswith("{"):
        return None
    try:
        return cast("dict[str, Any]", json.loads(text))
    except (ValueError, RecursionError):
        return None


def parse_token_response(body: str | bytes) -> dict[str, str]:
    """
    Read the credentials that a server answered with (RFC 5849 §2.1 and §2.3), by content.

    The form that the RFC asks for, whatever the label says, or a JSON object of the same members
    (some servers send that). White space around the form does not matter. Raises OAuthError where
    it holds no ``oauth_token`` and ``oauth_token_secret`` that are text; the error gives length and
    shape, never content.
    """
    values = _members(body)
    absent = [name for name in _CREDENTIALS if _NO_TEXT in values.get(name, _NO_TEXT)]
    if absent or not values["oauth_token"]:
        size = len(_octets(body))
        shape = describe_shape(body)
        raise OAuthError(
            f"the answer holds no {' and no '.join(absent) or 'oauth_token'}: "
            f"{size} bytes, {shape}",
            error="invalid_response",
            length=size,
            shape=shape,
        )
    return values


def _members(body: str | bytes) -> dict[str, str]:
    found = _json_object(body)
    if found is None:
        return _pairs(body)
    values: dict[str, str] = {}
    for name, value in found.items():
        if isinstance(value, str):
            values[_text(name)] = _text(value)
        elif value is not None and name not in _CREDENTIALS:
            # A token that is no string is none; what else is no string stays readable as JSON.
            values[_text(name)] = _dump(value)
    return values


def _dump(value: Any) -> str:
    try:
        return json.dumps(value)
    except RecursionError:  # writing takes more of the stack than reading did
        return _NO_TEXT


def parse_authorization_response(url: str) -> dict[str, str]:
    """
    Read the redirect back from the authorization endpoint: its query's members (RFC 5849 §2.2).

    Raises CallbackError with ``error="access_denied"`` where the user refused (``denied``, as some
    servers say it, or ``oauth_problem=permission_denied``), with the server's own code for any
    other ``oauth_problem``, and with ``invalid_response`` where there is no ``oauth_token``. Whose
    token it is, and whether a verifier is there, the caller checks.
    """
    values = _pairs(url.partition("#")[0].partition("?")[2])
    problem = values.get("oauth_problem")
    if "denied" in values or problem in ("permission_denied", "user_refused"):
        raise CallbackError(
            "the user refused: there is no token to fetch. Start again with fetch_request_token() "
            "if they ask for it",
            error="access_denied",
        )
    if problem is not None:
        secrets = [values.get("oauth_token"), values.get("oauth_verifier")]
        code = mask(_told(problem, _LONGEST_CODE), secrets) or "unknown"
        raise CallbackError(f"the authorization endpoint reports a problem: {code!r}", error=code)
    if _NO_TEXT in (values.get("oauth_token") or _NO_TEXT):
        raise CallbackError(
            "the callback holds no oauth_token: pass the whole URL that the user came back to. "
            f"Its query holds: {list_names(sorted(values)) or 'nothing'}",
            error="invalid_response",
        )
    return values


def parse_refusal(body: str | bytes, www_authenticate: str = "") -> tuple[str | None, str | None]:
    """
    Look for a server's own code and text in an answer that is an error.

    RFC 5849 leaves the form open. Understood are ``errors[0].code/message``, ``error`` with
    ``error_description`` or ``message`` in JSON, ``oauth_problem`` with ``oauth_problem_advice``
    in a form or in *www_authenticate* (OAuth Problem Reporting), and ``error`` with
    ``error_description`` in a form. The result is (None, None) where there is nothing of that kind.

    Characters that cannot be printed are replaced. Long texts end at a space, so that no secret is
    cut in two: the caller masks those that were sent.
    """
    found = _json_object(body)
    code, description = (None, None) if found is None else _refusal_in_json(found)
    if not code:
        values = _pairs(body) if found is None else {}
        for name, quoted, bare in _PROBLEM.findall(_text(www_authenticate)):
            values.setdefault(name, _pairs(f"{name}={quoted or bare}").get(name, ""))
        code, description = values.get("oauth_problem"), values.get("oauth_problem_advice")
        if not code:
            code, description = values.get("error"), values.get("error_description")
    if not code:
        return None, None
    return _told(code, _LONGEST_CODE), _told(description or "", _LONGEST_DESCRIPTION) or None


def _refusal_in_json(found: dict[str, Any]) -> tuple[str | None, str | None]:
    listed: Any = found.get("errors")
    if isinstance(listed, list) and listed and isinstance(listed[0], dict):
        found = cast("dict[str, Any]", listed[0])
    code: Any = found.get("code", found.get("error"))
    told: Any = found.get("error_description", found.get("message"))
    if isinstance(code, dict):
        inner = cast("dict[str, Any]", code)
        code, told = inner.get("code", inner.get("status")), inner.get("message", told)
    if isinstance(code, bool) or not isinstance(code, (str, int)):
        return None, None
    return str(code), told if isinstance(told, str) else None


def _told(text: str, limit: int) -> str:
    """Return *text* as it may be shown: printable, at most *limit* characters, in whole words."""
    text = "".join(c if c.isprintable() else _NO_TEXT for c in _text(text))
    if len(text) <= limit:
        return text
    return f"{text[:limit].rpartition(' ')[0]} …".lstrip()
