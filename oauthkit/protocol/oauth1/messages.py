"""What OAuth 1.0a servers answer: token credentials, callbacks and refusals (RFC 5849 §2)."""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import urlsplit

from oauthkit.errors import CallbackError, OAuthError
from oauthkit.protocol.oauth1.encoding import decode_form
from oauthkit.protocol.shape import describe_shape

__all__ = ["parse_authorization_response", "parse_refusal", "parse_token_response"]


def _pairs(text: str | bytes) -> dict[str, str]:
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in decode_form(text)}


def parse_token_response(body: str | bytes) -> dict[str, str]:
    """
    Read the credentials that a server answered with (RFC 5849 §2.1 and §2.3), by content.

    The form that the RFC asks for, whatever the label says, or a JSON object of the same members
    (some servers send that). Raises OAuthError where it holds no ``oauth_token`` and
    ``oauth_token_secret``; its text gives length and shape, never content.
    """
    values = _json_object(body)
    if values is None:
        values = _pairs(body)
    absent = [name for name in ("oauth_token", "oauth_token_secret") if name not in values]
    if absent or not values["oauth_token"]:
        size = len(body.encode() if isinstance(body, str) else body)
        shape = describe_shape(body)
        raise OAuthError(
            f"the answer holds no {' and no '.join(absent) or 'oauth_token'}: {size} bytes, {shape}",
            error="invalid_response",
            length=size,
            shape=shape,
        )
    return values


def _json_object(body: str | bytes) -> dict[str, str] | None:
    text = body if isinstance(body, str) else body.decode(errors="replace")
    if not text.lstrip().startswith("{"):
        return None
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    # A token that is no string is none; what else is no string stays readable as JSON.
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in found.items()
        if isinstance(value, str) or (value is not None and not name.startswith("oauth_"))
    }


def parse_authorization_response(url: str) -> dict[str, str]:
    """
    Read the redirect back from the authorization endpoint: all members of its query (RFC 5849 §2.2).

    Raises CallbackError with ``error="access_denied"`` where the user refused (``denied``, as some
    servers say it, or ``oauth_problem=permission_denied``), and ``invalid_response`` where there
    is no ``oauth_token``. Whose token it is, and whether a verifier is there, the caller checks.
    """
    values = _pairs(urlsplit(url).query)
    problem = values.get("oauth_problem")
    if "denied" in values or problem in ("permission_denied", "user_refused"):
        raise CallbackError(
            "the user refused: there is no token to fetch. Start again with fetch_request_token() "
            "if he asks for it",
            error="access_denied",
        )
    if problem is not None:
        raise CallbackError(
            f"the authorization endpoint reports a problem: {problem[:200]!r}", error=problem[:200]
        )
    if not values.get("oauth_token"):
        names = ", ".join(sorted(name[:40] for name in values)[:10]) or "nothing"
        raise CallbackError(
            "the callback holds no oauth_token: pass the whole URL that the user came back to. "
            f"Its query holds: {names}",
            error="invalid_response",
        )
    return values


def parse_refusal(body: str | bytes, www_authenticate: str = "") -> tuple[str | None, str | None]:
    """
    Look for a server's own code and text in an answer that is an error.

    RFC 5849 leaves the form open. Understood are ``errors[0].code/message``, ``error`` with
    ``error_description`` or ``message`` in JSON, and ``oauth_problem`` with
    ``oauth_problem_advice`` in a form or in *www_authenticate* (OAuth Problem Reporting). The
    result is (None, None) where there is nothing of that kind.
    """
    text = body if isinstance(body, str) else body.decode(errors="replace")
    if text.lstrip().startswith("{"):
        try:
            found: dict[str, Any] = json.loads(text)
        except (ValueError, RecursionError):
            return None, None
        listed = found.get("errors")
        if isinstance(listed, list) and listed and isinstance(listed[0], dict):
            found = cast("dict[str, Any]", listed[0])
        code = found.get("code", found.get("error"))
        told = found.get("error_description", found.get("message"))
        if isinstance(code, dict):
            code, told = code.get("code", code.get("status")), code.get("message", told)
        if isinstance(code, (str, int)):
            return str(code)[:200], told[:1000] if isinstance(told, str) else None
        return None, None
    for source in (text, www_authenticate.replace('"', "").replace(", ", "&").replace(" ", "&")):
        values = _pairs(source)
        if problem := values.get("oauth_problem"):
            advice = values.get("oauth_problem_advice")
            return problem[:200], advice[:1000] if advice else None
    return None, None
